// A scenario: a policy, and a trace whose lines say what is expected of them after `=>`.
// A line without `=>` is allowed. Model and compiled tables must both say so.
//
//     2 exec /usr/bin/git push   => block no-push
//     2 open r /w/.env           => allow {SECRET}

import { expect } from "bun:test";
import { type Answer, play, prepare, printAnswer } from "./agreement.ts";
import { parseCommand } from "./script.ts";

const places = { workspace: "/w", home: "/h" };

export function check(policy: string, trace: string): void {
  const lines = trace
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const commands = lines.map((line) => parseCommand(line.split("=>")[0] ?? ""));
  const pairs = [...play(prepare(policy, places), places, commands)];
  expect(pairs.length).toBe(lines.length);
  pairs.forEach(({ model, simulation }, i) => {
    const [command = "", expected = "allow"] = (lines[i] ?? "")
      .split("=>")
      .map((part) => part.trim());
    expect(`${command} => ${said(model, expected)}`).toBe(`${command} => ${expected}`);
    expect(`${command} => ${printAnswer(simulation)}`).toBe(`${command} => ${printAnswer(model)}`);
  });
}

/** The answer in as many words as the expectation has. */
function said(answer: Answer, expected: string): string {
  const rules = [...new Set(answer.clauses.map((clause) => clause.split(":")[0]))];
  const words = [answer.verdict, ...rules];
  if (expected.includes("{")) words.push(`{${answer.labels.join(" ")}}`);
  return words.join(" ");
}
