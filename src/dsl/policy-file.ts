// A file that holds a policy: a document or policy text.

import type { Outcome } from "../base/diagnostic.ts";
import type { Source } from "../base/source.ts";
import { isDocument, type PolicyDocument, textDocument } from "./document.ts";

/** By the file's name and, where the name does not tell, by its look. To import what reads YAML takes 2 ms of a start. */
export async function readPolicyFile(source: Source): Promise<Outcome<PolicyDocument>> {
  if (!isDocument(source)) return textDocument(source);
  const { readDocument } = await import("./yaml-document.ts");
  return readDocument(source);
}
