// Model against compiled tables: random policies, random traces, one answer.
// ACTPLANE_MODEL_RUNS asks for more runs, ACTPLANE_MODEL_SEED repeats one.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { disagreement, play, prepare } from "./agreement.ts";
import { places, policyText, trace } from "./generate.ts";
import { type Command, printCommand } from "./script.ts";

const numRuns = Number(process.env.ACTPLANE_MODEL_RUNS ?? 300);
const seed = Number(process.env.ACTPLANE_MODEL_SEED ?? Date.now() % 0x7fffffff);
const minutesMs = 60_000;

test(
  "the model and the compiled tables agree on every event of random traces",
  () => {
    const property = fc.property(
      policyText,
      fc.array(trace, { minLength: 1, maxLength: 3 }),
      (text, traces) => {
        for (const commands of traces) {
          const found = disagreement(text, places, commands);
          if (found !== null) throw new Error(found);
        }
      },
    );
    const details = fc.check(property, { seed, numRuns });
    if (!details.failed) return;
    const example = details.counterexample;
    const readable = example === null ? [] : [example[0], ...example[1].map(printTrace)];
    throw new Error(
      [`seed ${seed}, run ${details.numRuns}`, String(details.errorInstance), "", ...readable].join(
        "\n",
      ),
    );
  },
  60 * minutesMs,
);

test(
  "random traces reach every verdict, labels and open gates",
  () => {
    const reached = new Set<string>();
    const samples = fc.sample(fc.tuple(policyText, trace), { seed: 1, numRuns: 800 });
    for (const [text, commands] of samples) {
      for (const { event, model } of play(prepare(text, places), places, commands)) {
        reached.add(`${event.type} ${model.verdict}`);
        if (model.labels.length > 1) reached.add("labels");
        for (const gate of model.gates)
          reached.add(gate.includes("exits") ? "a gate by exit" : "a gate");
      }
    }
    const verdicts = ["allow", "notify", "block", "kill"];
    const decided = ["exec", "open", "connect", "rename"].flatMap((type) =>
      verdicts.map((verdict) => `${type} ${verdict}`),
    );
    expect(
      [...decided, "labels", "a gate by exit", "a gate"].filter((wanted) => !reached.has(wanted)),
    ).toEqual([]);
  },
  minutesMs,
);

function printTrace(commands: readonly Command[]): string {
  return commands.map(printCommand).join("\n");
}
