// Texts made to hurt: each ends in a diagnostic and in bounded time. The times are wide, for busy
// machines; what they rule out is a cost that grows with the square of the text.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { decodeSource, sourceBytesMax } from "../../src/dsl/decode.ts";
import { isDocument, textDocument } from "../../src/dsl/document.ts";
import { checkDocument } from "../../src/dsl/domains.ts";
import { loadPolicy } from "../../src/dsl/load.ts";
import { readDocument } from "../../src/dsl/yaml-document.ts";
import { renderDiagnostics } from "../../src/surface/text/diagnostic.ts";
import { source } from "./support.ts";

setDefaultTimeout(60_000);

const million = 1_000_000;
const timeMsMax = 8_000;

/** The whole of what `check` does, rendering included; yields the codes. */
function codes(text: string, name = "test.policy"): string[] {
  const started = performance.now();
  const given = source(text, name);
  const read = isDocument(given) ? readDocument(given) : textDocument(given);
  const all = [...read.diagnostics, ...checkDocument(read.value)];
  renderDiagnostics(all);
  expect(performance.now() - started).toBeLessThan(timeMsMax);
  return [...new Set(all.map(({ code }) => code))];
}

describe("policy text", () => {
  const condition = (text: string) => `rule r: notify exec any if ${text}`;
  test("ten megabytes of parentheses", () =>
    expect(codes(condition("(".repeat(10 * million)))).toEqual(["P021"]));
  test("ten megabytes of parentheses and nothing else", () =>
    expect(codes("(".repeat(10 * million))).toEqual(["P001"]));
  test("parentheses that close", () =>
    expect(codes(condition(`${"(".repeat(100_000)}A${")".repeat(100_000)}`))).toEqual(["P021"]));
  test("parentheses within the limit", () =>
    expect(codes(condition(`${"(".repeat(63)}A${")".repeat(63)}`))).toEqual(["C010"]));
  test("a million times `not`", () =>
    expect(codes(condition("not ".repeat(million)))).toEqual(["P021"]));
  test("a million times `and`", () =>
    expect(codes(condition(`A${" and A".repeat(million)}`))).toEqual(["P022"]));
  test("a condition within the limit", () =>
    expect(codes(condition(`A${" or A".repeat(255)}`))).toEqual(["C010"]));
  test("ten megabytes of quotes", () =>
    expect(codes('"'.repeat(10 * million + 1))).toEqual(["P001", "L003"]));
  test("millions of quotes on lines of their own", () =>
    expect(codes('\n"'.repeat(3 * million))).toContain("P001"));
  test("millions of typographic quotes", () =>
    expect(codes("\u201c".repeat(3 * million))).toEqual(["L004", "P001"]));
  test("a line of quotes of the other kind", () =>
    expect(codes("'a".repeat(2 * million))).toContain("P060"));
  test("control characters", () => expect(codes("\x01".repeat(10 * million))).toEqual(["L005"]));
  test("control characters apart", () =>
    expect(codes("\x01 ".repeat(million))).toEqual(["L005", "P060"]));
  test("a pattern of ten megabytes", () =>
    expect(codes(`rule r: notify open "${"{".repeat(10 * million)}"`)).toEqual(["P045"]));
  test("a name of ten megabytes", () =>
    expect(codes(`rule ${"a".repeat(10 * million)}: notify exec any`)).toEqual(["P009"]));
  test("thousands of faults are told up to a limit", () => {
    const { diagnostics } = loadPolicy(source("rule r:\n blok exec any\n".repeat(5000)));
    expect(diagnostics.filter(({ code }) => code === "P060").length).toBe(1);
    expect(diagnostics.filter(({ code }) => code.startsWith("P")).length).toBeLessThan(300);
  });
  test("sixty thousand rules", () => {
    const rules = Array.from(
      { length: 60_000 },
      (_, i) => `rule r${i}:\n notify exec "a${i}" if A and not B\n`,
    );
    expect(codes(rules.join(""))).toEqual([]);
  });
  test("comments without end", () => expect(codes("#\n".repeat(3 * million))).toEqual([]));
});

describe("documents", () => {
  test("flow collections in each other", () =>
    expect(codes("[".repeat(3 * million), "x.yaml")).toEqual(["D022"]));
  test("mappings in each other", () =>
    expect(codes("{a: ".repeat(million), "x.yaml")).toEqual(["D022"]));
  test("lists in each other", () => expect(codes("- ".repeat(40_000), "x.yaml").length).toBe(1));
  test("block mappings in each other", () => {
    const text = Array.from({ length: 1500 }, (_, i) => `${" ".repeat(i)}a:`).join("\n");
    expect(codes(text, "x.yaml")).toContain("D005");
  });
  test("a million keys", () => expect(codes("a: 1\n".repeat(million), "x.yaml")).toEqual(["D022"]));
  test("a million lines that are no YAML", () =>
    expect(codes(`policy: a\n${"b\n".repeat(million)}`, "x.yaml").length).toBe(1));
  test("ten megabytes of parentheses in a block", () =>
    expect(
      codes(`policy: |\n  rule r: notify exec any if ${"(".repeat(10 * million)}\n`, "x.yaml"),
    ).toEqual(["P021"]));
  test("more domains than anybody has", () => {
    const domains = Array.from({ length: 300 }, (_, i) => `  d${i}: {bind: [a]}\n`).join("");
    expect(
      codes(`rules: {a: "rule a: notify exec any"}\ndomains:\n${domains}`, "x.yaml"),
    ).toContain("D022");
  });
  test("aliases that multiply stay what they are", () => {
    const levels = Array.from({ length: 20 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`);
    expect(codes(["a0: &a0 [x]", ...levels].join("\n"), "x.yaml")).toContain("D005");
  });
});

describe("bytes", () => {
  test("more than a policy ever has", () => {
    const { diagnostics } = decodeSource("x", new Uint8Array(sourceBytesMax + 1));
    expect(diagnostics.map(({ code }) => code)).toEqual(["L006"]);
  });
  test("a wrong byte in the midst of much text is found", () => {
    const bytes = new Uint8Array(4 * million).fill(0x61);
    bytes[3 * million] = 0xff;
    const { diagnostics } = decodeSource("x", bytes);
    expect(diagnostics[0]?.message).toBe(`byte 0xff at offset ${3 * million} is not UTF-8`);
    expect(diagnostics[0]?.span.start).toBe(3 * million);
  });
  test("a character that is cut at the end is wrong", () =>
    expect(decodeSource("x", new Uint8Array([0x61, 0xe2, 0x82])).diagnostics[0]?.message).toContain(
      "offset 1",
    ));
});

describe("speed", () => {
  const rules = Array.from(
    { length: 100 },
    (_, i) => `rule r${i}:
  block exec "git" "push${i}" if AGENT unless after exec "**/pytest" exits 0 since write "src${i}/**" or write "tests/**"
  kill write file "/etc/x${i}/**" if AGENT and SECRET
  because "x"
`,
  );
  const text = `source AGENT = exec "claude"\nsource SECRET = file "**/.env"\n${rules.join("")}`;

  test("a hundred rules are read and checked in some milliseconds", () => {
    loadPolicy(source(text));
    const runs = Array.from({ length: 5 }, () => {
      const started = performance.now();
      expect(loadPolicy(source(text)).diagnostics).toEqual([]);
      return performance.now() - started;
    });
    expect(Math.min(...runs)).toBeLessThan(50);
  });

  test("ten times the text takes about ten times as long", () => {
    const time = (many: string) => {
      const runs = Array.from({ length: 5 }, () => {
        const started = performance.now();
        readDocument(source(`policy: |\n${many.replaceAll(/^/gm, "  ")}`, "x.yaml"));
        return performance.now() - started;
      });
      return Math.min(...runs);
    };
    time(text);
    const head = text.split("rule r0:")[0];
    const body = text.slice(head?.length);
    const ten = `${head}${Array.from({ length: 10 }, (_, i) => body.replaceAll(/rule r/g, `rule r${i}x`)).join("")}`;
    expect(time(ten) / time(text)).toBeLessThan(60);
  });
});
