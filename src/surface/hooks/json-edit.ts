// Adding one member to a JSON text and taking one away, with every other byte where it was. What was
// added and is taken away again leaves the text as it had been.

import { createScanner, type Node, parseTree } from "jsonc-parser";

/** Keys of objects and indices of lists. INVARIANT: the text is valid, which the caller has seen. */
export type Path = readonly (string | number)[];

/** `value` as the last member of the object (then under `key`) or list at `path`. */
export function append(text: string, path: Path, key: string | null, value: unknown): string {
  const holder = nodeAt(text, path);
  const members = holder.children ?? [];
  const last = members.at(-1);
  const close = holder.offset + holder.length - 1;
  const outer = indentAt(text, holder.offset);
  const unit = unitOf(text);
  const isInline = last !== undefined && !text.slice(holder.offset, close).includes("\n");
  const name = key === null ? "" : `${JSON.stringify(key)}: `;
  if (isInline) {
    const member = `${name}${JSON.stringify(value)}`;
    return splice(text, endOf(last), endOf(last), `, ${member}`);
  }
  const eol = text.includes("\r\n") ? "\r\n" : "\n";
  const indent = last === undefined ? outer + unit : indentAt(text, last.offset);
  const lines = JSON.stringify(value, null, unit).split("\n");
  const member = `${eol}${indent}${name}${lines.join(`${eol}${indent}`)}`;
  if (last === undefined) return splice(text, holder.offset + 1, close, `${member}${eol}${outer}`);
  // A comment behind the last member stays behind it.
  const end = text.slice(0, close).trimEnd().length;
  return splice(splice(text, end, end, member), endOf(last), endOf(last), ",");
}

/** Without the member at `path`. */
export function removeMember(text: string, path: Path): string {
  const holder = nodeAt(text, path.slice(0, -1));
  const members = holder.children ?? [];
  const key = path.at(-1);
  const index =
    typeof key === "number"
      ? key
      : members.findIndex((member) => member.children?.[0]?.value === key);
  const member = members[index];
  if (member === undefined) return text;
  const [before, after] = [members[index - 1], members[index + 1]];
  if (before === undefined && after === undefined)
    return splice(text, holder.offset + 1, holder.offset + holder.length - 1, "");
  if (before === undefined) return splice(text, member.offset, after?.offset ?? 0, "");
  const comma = commaFrom(text, endOf(before));
  const start = Math.max(text.slice(0, member.offset).trimEnd().length, comma + 1);
  if (after !== undefined) return splice(text, start, commaFrom(text, endOf(member)) + 1, "");
  return splice(splice(text, start, endOf(member), ""), comma, comma + 1, "");
}

function nodeAt(text: string, path: Path): Node {
  let at = parseTree(text);
  for (const key of path) {
    at =
      typeof key === "number"
        ? at?.children?.[key]
        : at?.children?.find((member) => member.children?.[0]?.value === key)?.children?.[1];
  }
  if (at === undefined) throw new RangeError(`nothing is at ${path.join(".")}`);
  return at;
}

function endOf({ offset, length }: Node): number {
  return offset + length;
}

/** The comma that follows a member; comments may stand between. */
function commaFrom(text: string, offset: number): number {
  const scanner = createScanner(text);
  scanner.setPosition(offset);
  do scanner.scan();
  while (scanner.getTokenLength() > 0 && text[scanner.getTokenOffset()] !== ",");
  if (scanner.getTokenLength() > 0) return scanner.getTokenOffset();
  throw new RangeError("no comma follows");
}

/** White space in front of the first character of the line. */
function indentAt(text: string, offset: number): string {
  const line = text.slice(text.lastIndexOf("\n", offset - 1) + 1);
  return /^[ \t]*/.exec(line)?.[0] ?? "";
}

/** How much deeper a level is; two spaces where that does not show. */
function unitOf(text: string): string {
  return /^([ \t]+)\S/m.exec(text)?.[1] ?? "  ";
}

function splice(text: string, from: number, to: number, by: string): string {
  return text.slice(0, from) + by + text.slice(to);
}
