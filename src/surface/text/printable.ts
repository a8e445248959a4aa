// Text that strangers chose, made safe for a terminal: what could move the cursor, change colours or
// reorder what is read is shown as an escape.

/** Controls, line and paragraph separators, bidirectional and other invisible marks. */
const unsafe = /[\p{Cc}\p{Zl}\p{Zp}\p{Cf}\p{Cs}\p{Co}]/gu;

/** `text` on one line, with nothing invisible in it. */
export function printable(text: string): string {
  return text.replace(unsafe, escaped);
}

function escaped(character: string): string {
  if (character === "\n") return "\\n";
  if (character === "\t") return "\\t";
  if (character === "\r") return "\\r";
  const code = character.codePointAt(0) as number;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
  return `\\u{${code.toString(16)}}`;
}
