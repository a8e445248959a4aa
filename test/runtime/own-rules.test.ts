// What the daemon keeps is kept from every domain, whatever its policy and however it is tightened.

import { expect, test } from "bun:test";
import { hasErrors } from "../../src/base/diagnostic.ts";
import { noNumbers } from "../../src/ir/numbering.ts";
import { tiers } from "../../src/kernel/kernel.ts";
import { composePolicy } from "../../src/runtime/compose.ts";
import { isOwnRule, ownRules } from "../../src/runtime/own-rules.ts";
import { whyOf } from "../../src/runtime/why.ts";

const files = { state: "/var/lib/[odd]*", socket: "/run/x.sock" };

function judged(op: "open" | "write" | "unlink" | "rename", path: string): string {
  const { value: compiled, diagnostics } = composePolicy(
    ownRules(files, "lsm"),
    { workspace: "/", home: "/root" },
    new Map(),
    noNumbers,
    { name: "none", text: "" },
  );
  expect(hasErrors(diagnostics)).toBe(false);
  const asked = op === "rename" ? { op, path, to: "/tmp/elsewhere" } : { op, path };
  return whyOf({ compiled, source: { name: "none", text: "" }, tier: "lsm" }, asked).effect;
}

test("its state is neither opened, changed nor moved away, whatever its folder is called", () => {
  expect(judged("open", "/var/lib/[odd]*/state.sqlite")).toBe("block");
  expect(judged("unlink", "/var/lib/[odd]*/state.sqlite-wal")).toBe("block");
  expect(judged("rename", "/var/lib/[odd]*")).toBe("block");
  expect(judged("open", "/var/lib/o/state.sqlite")).toBe("none");
});

test("its socket is not removed", () => {
  expect(judged("unlink", "/run/x.sock")).toBe("block");
  expect(judged("unlink", "/run/y.sock")).toBe("none");
});

test("without hooks it kills, because nothing else comes in time", () => {
  for (const tier of tiers) {
    const [rule] = ownRules(files, tier).flatMap(({ policy }) => policy.rules);
    expect(rule && isOwnRule(rule)).toBe(true);
    const effects = new Set(rule?.clauses.map(({ effect }) => effect));
    expect([...effects]).toEqual([tier === "tracepoint" ? "kill" : "block"]);
  }
});
