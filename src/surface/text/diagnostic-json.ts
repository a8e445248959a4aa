// A diagnostic that came over the wire, as lines: the text it is about is not at hand, only its places.

import type { DiagnosticJson, RelatedJson } from "./diagnostic.ts";
import { printable } from "./printable.ts";

export function renderDiagnosticJson(diagnostic: DiagnosticJson): string {
  const { severity, code, message, help, related } = diagnostic;
  const lines = [
    `${severity}[${code}]: ${printable(message)}`,
    `  ${placeText(diagnostic)}`,
    ...(help === null ? [] : [`  help: ${printable(help)}`]),
    ...related.map((each) => `  ${printable(each.message)}: ${placeText(each)}`),
  ];
  return `${lines.join("\n")}\n`;
}

function placeText({ file, start }: RelatedJson): string {
  return `${printable(file)}:${start.line}:${start.column}`;
}
