// Byte arrays that may be handed to C, and text to and from them.
//
// Bun moves a small typed array when its `.buffer` is first touched, and C then writes to where it was. An array made on
// an ArrayBuffer of its own never moves; it still has to be held in a variable or field for as long as C may see it.

import { assert } from "./assert.ts";

/** Bytes on an ArrayBuffer of their own: the only kind whose address may be given to C. */
export type OwnedBytes = Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function ownedBytes(length: number): OwnedBytes {
  return new Uint8Array(new ArrayBuffer(length));
}

/** A copy that C may see. */
export function ownedCopy(bytes: Uint8Array): OwnedBytes {
  const copy = ownedBytes(bytes.length);
  copy.set(bytes);
  return copy;
}

/**
 * The same memory as C may see it: the array is on a buffer once that has been asked for. Of what is large, because a copy of
 * a megabyte brings the garbage collector into a start.
 */
export function ownedView(bytes: Uint8Array): OwnedBytes {
  return new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length);
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** `text` as UTF-8 with its closing NUL. A NUL inside would silently cut the string in C, so it is refused. */
export function cString(text: string): OwnedBytes {
  assert(!text.includes("\0"), "a string for C holds no NUL");
  const encoded = encoder.encode(text);
  const bytes = ownedBytes(encoded.length + 1);
  bytes.set(encoded);
  return bytes;
}

/** Texts for C, each ended by a NUL, with an empty one at the end. */
export function cStrings(texts: readonly string[]): OwnedBytes {
  const each = [...texts, ""].map(cString);
  const bytes = ownedBytes(each.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const text of each) {
    bytes.set(text, at);
    at += text.length;
  }
  return bytes;
}

/** The text of `bytes` up to its first NUL, or all of it. */
export function textUntilNul(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end));
}
