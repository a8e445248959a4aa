// How compile time and table size grow with a policy, as ratios against a tenth of the policy: near 10
// is linear. `bun bench/compile.bench.ts [RULES]`; the default is small enough for every test run.

import { loadPolicy } from "../src/dsl/load.ts";
import { compile } from "../src/ir/compile.ts";
import { endpointRules, execRules, type PathShape, pathRules } from "./policies.ts";

const places = { workspace: "/home/user/project", home: "/home/user" };
const rulesCount = Number(process.argv[2] ?? 1000);
const repeats = 3;

interface Measured {
  readonly loadMs: number;
  readonly compileMs: number;
  readonly bytes: number;
  readonly automata: number;
  readonly states: number;
}

function measure(text: string): Measured {
  const runs = Array.from({ length: repeats }, () => {
    const start = performance.now();
    const policy = loadPolicy({ name: "bench", text }).value;
    const loaded = performance.now();
    const { value } = compile(policy, places);
    const end = performance.now();
    return { loadMs: loaded - start, compileMs: end - loaded, value };
  });
  const best = runs.reduce((a, b) => (b.compileMs < a.compileMs ? b : a));
  return {
    loadMs: best.loadMs,
    compileMs: best.compileMs,
    bytes: best.value.image.length * 4,
    automata: best.value.automata.length,
    states: best.value.automata.reduce((sum, { states }) => sum + states, 0),
  };
}

const shapes: PathShape[] = ["folders", "files", "floating", "stars", "mixed"];
const policies: [string, (count: number) => string][] = [
  ...shapes.map((shape): [string, (count: number) => string] => [
    shape,
    (count) => pathRules(shape, count).text,
  ]),
  ["exec", execRules],
  ["endpoint", endpointRules],
];

const columns = [
  "policy",
  "rules",
  "load ms",
  "compile ms",
  "x tenth",
  "KiB",
  "x tenth",
  "states",
  "automata",
];
console.log(columns.map((text) => text.padStart(11)).join(""));
for (const [name, make] of policies) {
  const tenth = measure(make(Math.max(1, rulesCount / 10)));
  const whole = measure(make(rulesCount));
  const cells = [
    name,
    rulesCount,
    whole.loadMs.toFixed(1),
    whole.compileMs.toFixed(1),
    (whole.compileMs / tenth.compileMs).toFixed(1),
    Math.round(whole.bytes / 1024),
    (whole.bytes / tenth.bytes).toFixed(1),
    whole.states,
    whole.automata,
  ];
  console.log(cells.map((cell) => String(cell).padStart(11)).join(""));
}
