// Bytes of a file to text. What is not text is said here, once, so that no later stage meets it.

import type { Diagnostic, Outcome } from "../base/diagnostic.ts";
import type { Source } from "../base/source.ts";

/** Far above any policy people write; a bound for what strangers send. */
export const sourceBytesMax = 32 * 1024 * 1024;

/** `bytes` as a source called `name`. Where they are no text the source is empty and says why. */
export function decodeSource(name: string, bytes: Uint8Array): Outcome<Source> {
  if (bytes.length > sourceBytesMax) {
    return refuse(name, "L006", "the text is longer than 32 MiB", "is it the file that was meant?");
  }
  if (startsWith(bytes, [0xff, 0xfe]) || startsWith(bytes, [0xfe, 0xff])) {
    return refuse(name, "L001", "the text is UTF-16", "save the file as UTF-8");
  }
  if (bytes.includes(0)) {
    return refuse(
      name,
      "L002",
      "this is a binary file, not a policy",
      "give the policy's text file",
    );
  }
  const start = startsWith(bytes, [0xef, 0xbb, 0xbf]) ? 3 : 0;
  const body = bytes.subarray(start);
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
    return { value: { name, text }, diagnostics: [] };
  } catch {
    return badUtf8(name, body);
  }
}

/** The text with `U+FFFD` in the wrong places, and a diagnostic at the first of them. */
function badUtf8(name: string, bytes: Uint8Array): Outcome<Source> {
  const source: Source = {
    name,
    text: new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes),
  };
  const goodBytes = validPrefixLength(bytes);
  const start = new TextDecoder("utf-8", { ignoreBOM: true }).decode(
    bytes.subarray(0, goodBytes),
  ).length;
  const byte = (bytes[goodBytes] ?? 0).toString(16).padStart(2, "0");
  const diagnostic: Diagnostic = {
    severity: "error",
    code: "L001",
    message: `byte 0x${byte} at offset ${goodBytes} is not UTF-8`,
    source,
    span: { start, end: start + 1 },
    help: "save the file as UTF-8",
  };
  return { value: source, diagnostics: [diagnostic] };
}

/** How many leading bytes are UTF-8. */
function validPrefixLength(bytes: Uint8Array): number {
  let low = 0;
  let high = bytes.length;
  // INVARIANT: the first `low` bytes decode (`stream` forgives a character that is cut at the end), the first `high` do not.
  while (low + 1 < high) {
    const middle = (low + high) >> 1;
    if (decodes(bytes.subarray(0, middle))) low = middle;
    else high = middle;
  }
  // The character that is wrong may have begun up to three bytes before the byte that gave it away.
  for (let start = low; start >= low - 3 && start >= 0; start--) {
    if (decodesWhole(bytes.subarray(0, start))) return start;
  }
  return low;
}

function decodes(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

function decodesWhole(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function startsWith(bytes: Uint8Array, prefix: readonly number[]): boolean {
  return prefix.every((byte, index) => bytes[index] === byte);
}

function refuse(name: string, code: string, message: string, help: string): Outcome<Source> {
  const source: Source = { name, text: "" };
  return {
    value: source,
    diagnostics: [{ severity: "error", code, message, source, span: { start: 0, end: 0 }, help }],
  };
}
