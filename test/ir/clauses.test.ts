// What clauses, sources and gates become: entries by word, exceptions, notes and what is not carried out.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { parseGlob } from "../../src/dsl/glob.ts";
import { entry as entryAt, gateRecord, header, operationBits } from "../../src/ir/abi.ts";
import { anchorPath } from "../../src/ir/anchor.ts";
import type { Compiled } from "../../src/ir/ir.ts";
import { entryOffset, listAt, walk } from "../../src/ir/run.ts";
import { clausesOf, compilerCodes, compileText, encode, globMatches, places } from "./support.ts";

// Machines are shared: a busy one is no failure.
setDefaultTimeout(120_000);

interface EntryView {
  readonly kind: number;
  readonly ops: number;
  readonly effect: number;
  readonly id: number;
  readonly gates: number;
  readonly all: number;
  readonly none: number;
  readonly needs: number;
}

function entriesOf(compiled: Compiled): EntryView[] {
  const { image } = compiled;
  return Array.from({ length: image[header.entries] as number }, (_, number) => {
    const at = entryOffset(image, number);
    const word = (offset: number): number => image[at + offset] as number;
    return {
      kind: word(entryAt.kind),
      ops: word(entryAt.ops),
      effect: word(entryAt.effect),
      id: word(entryAt.id),
      gates: word(entryAt.gates),
      all: word(entryAt.all),
      none: word(entryAt.none),
      needs: word(entryAt.needs),
    };
  });
}

const none = { effect: 0, id: 0, gates: 0, all: 0, none: 0, needs: 0 };
const bits = operationBits;
const writes = bits.write | bits.create | bits.unlink | bits.rename | bits.link | bits.truncate;

describe("entries", () => {
  test("a source of each origin is an entry that gives its label", () => {
    const compiled = compileText(`
      source A = exec "claude"
      source B = file "**/.env"
      source C = endpoint "10.0.0.0/8"
      rule r: block write any if A and B and not C because "x"`);
    expect(compiled.labels.map(({ name, bit, hidden }) => [name, bit, hidden])).toEqual([
      ["A", 0, false],
      ["B", 1, false],
      ["C", 2, false],
    ]);
    expect(entriesOf(compiled)).toEqual([
      { ...none, kind: 2, ops: bits.exec, all: 1 },
      { ...none, kind: 2, ops: bits.read, all: 2 },
      { ...none, kind: 2, ops: bits.connect | bits.recv, all: 4 },
      { ...none, kind: 1, ops: writes, effect: 2, all: 3, none: 4 },
    ]);
    // Whatever the session numbers later flows as well.
    expect(compiled.image[header.flowing]).toBe(0xffffffff);
    expect(compiled.image[header.pathOps]).toBe(bits.read | writes);
    expect(compiled.image[header.execOps]).toBe(bits.exec);
    expect(compiled.image[header.endpointOps]).toBe(bits.connect | bits.recv);
  });

  test("`or` makes an entry each, next to each other and with the same clause", () => {
    const compiled = compileText(`
      source A = exec "a"
      source B = exec "b"
      rule r: kill exec "x" if A or B because "x"
              notify exec "x"`);
    const clauses = entriesOf(compiled).filter(({ kind }) => kind === 1);
    expect(clauses.map(({ id, all, effect }) => [id, all, effect])).toEqual([
      [0, 1, 3],
      [0, 2, 3],
      [1, 0, 1],
    ]);
    expect(compiled.clauses.map(({ entries }) => entries)).toEqual([2, 1]);
  });

  test("a transform is an entry of its own kind, and its label flows", () => {
    const compiled = compileText(`
      source S = file "**/.env"
      declassify S by exec "redact"
      endorse K by exec "review"
      rule r: block connect any if S and not K because "y"`);
    expect(entriesOf(compiled).slice(1, 3)).toEqual([
      { ...none, kind: 7, ops: bits.exec, all: 1 },
      { ...none, kind: 6, ops: bits.exec, all: 2 },
    ]);
    expect((compiled.image[header.flowing] as number) & 3).toBe(3);
    expect(compiled.image[compiled.image[header.earnedAt] as number]).toBe(2);
  });

  test("everything that changes state comes before every clause in a list", () => {
    const compiled = compileText(`
      rule r: block exec "x" unless after exec "x" exits 0 or lineage-includes exec "x" because "y"
      rule s: notify exec "x"`);
    const [walked] = walk(compiled.image, "exec", encode("/bin/x"));
    const kinds = walked?.accepts.map((number) => entriesOf(compiled)[number]?.kind);
    expect(kinds).toEqual([5, 3, 1, 1]);
  });

  test("a lineage has one hidden label, however often it is asked for, and it does not flow", () => {
    const compiled = compileText(`
      source A = exec "a"
      rule r: block exec "x" if A unless lineage-includes exec "ci" because "y"
      rule s: block exec "y" unless lineage-includes exec "**/ci" because "y"`);
    expect(compiled.labels.map(({ name, hidden }) => [name, hidden])).toEqual([
      ["A", false],
      ['lineage:"ci"', true],
    ]);
    expect(
      entriesOf(compiled)
        .filter(({ kind }) => kind === 1)
        .map((one) => one.none),
    ).toEqual([2, 2]);
    expect(compiled.image[header.flowing]).toBe(0xfffffffd);
  });

  test("a signal is matched on the program it is sent to", () => {
    const compiled = compileText('rule r: block signal exec "sshd" because "y"');
    expect(clausesOf(compiled, "exec", "/usr/sbin/sshd")).toEqual([0]);
    expect(entriesOf(compiled)[0]?.ops).toBe(bits.signal);
  });
});

describe("gates", () => {
  const text = `
    rule r:
      block exec "git" "push" unless after exec "make" "test" exits 0 since write "src/**" or unlink "x" within 30m
      block exec "git" "tag" unless after exec "**/make" "test" exits 0 since unlink "./x" or write "src/**" within 30m
      block exec "git" "am" unless after exec "make" "test" exits 1
      because "y"`;

  test("equal meanings are one gate", () => {
    const compiled = compileText(text);
    expect(
      compiled.gates.map(({ id, exits, withinMs, since }) => [id, exits, withinMs, since.length]),
    ).toEqual([
      [0, 0, 1_800_000, 2],
      [1, 1, null, 0],
    ]);
    expect(
      entriesOf(compiled)
        .filter(({ kind }) => kind === 1)
        .map(({ gates }) => gates),
    ).toEqual([1, 1, 2]);
  });

  test("its record holds status and time, its entries what opens it and what makes it stale", () => {
    const compiled = compileText(text);
    const at = compiled.image[header.gatesAt] as number;
    const ns = 1_800_000_000_000n;
    expect([...compiled.image.subarray(at, at + 2 * gateRecord.size)]).toEqual([
      ...[1, 0, Number(ns & 0xffffffffn), Number(ns >> 32n)],
      ...[1, 1, 0, 0],
    ]);
    const changes = entriesOf(compiled).filter(({ kind }) => kind !== 1);
    expect(changes.map(({ kind, id, ops }) => [kind, id, ops])).toEqual([
      [3, 0, bits.exec],
      [4, 0, writes],
      [4, 0, bits.unlink],
      [3, 1, bits.exec],
    ]);
  });
});

describe("exceptions", () => {
  const path = fc.constantFrom("a/**", "a/b", "**/b", "**/b/**", "*", "**", "/w/a/**", "any");
  const target = path.map((text) => (text === "any" ? "any" : `"${text}"`));
  const exceptions = fc.array(fc.tuple(fc.boolean(), target), { maxLength: 3 });
  const name = fc
    .array(fc.constantFrom("a", "b", "w"), { minLength: 1, maxLength: 5 })
    .map((parts) => `/${parts.join("/")}`);

  const matches = (text: string, file: string): boolean =>
    text === "any" ||
    anchorPath(parseGlob(text.slice(1, -1)).glob, places).some((glob) =>
      globMatches(glob, encode(file)),
    );

  test("a file clause holds where its target does and no exception", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(target, exceptions), { minLength: 1, maxLength: 4 }),
        fc.array(name, { minLength: 1, maxLength: 15 }),
        (clauses, files) => {
          const unless = (list: readonly (readonly [boolean, string])[]) =>
            list.length === 0
              ? ""
              : `unless ${list.map(([not, text]) => `target ${not ? "not " : ""}${text}`).join(" or ")}`;
          const text = clauses
            .map(([own, list], i) => `rule r${i}: notify write ${own} ${unless(list)}`)
            .join("\n");
          const compiled = compileText(text);
          for (const file of files) {
            const expected = clauses.flatMap(([own, list], i) => {
              const isExcepted = list.some(([not, one]) => matches(one, file) !== not);
              return matches(own, file) && !isExcepted ? [i] : [];
            });
            expect([file, ...clausesOf(compiled, "path", file)]).toEqual([file, ...expected]);
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  test("a set is any of its patterns, also as an exception", () => {
    const compiled = compileText(`
      define OUT = "dist/**", "build/**"
      rule r: block write "**" unless target @OUT because "y"`);
    expect(clausesOf(compiled, "path", "/w/dist/x")).toEqual([]);
    expect(clausesOf(compiled, "path", "/w/build/x")).toEqual([]);
    expect(clausesOf(compiled, "path", "/w/src/x")).toEqual([0]);
  });

  test("an exception of an exec clause is an atom of the program", () => {
    const compiled = compileText(`
      rule r: block exec any unless target "/usr/**" or target not "**/b" because "y"
      rule s: block exec "x" "-f" because "y"`);
    expect(compiled.atoms).toEqual(['target "/usr/**"', 'target "**/b"', '"-f"']);
    const atoms = (program: string) =>
      walk(compiled.image, "exec", encode(program)).flatMap((one) => one.atoms);
    expect(atoms("/usr/bin/b")).toEqual([0, 1]);
    expect(atoms("/bin/b")).toEqual([1]);
    expect(atoms("/bin/c")).toEqual([]);
    const at = entryOffset(compiled.image, 0);
    expect(listAt(compiled.image, compiled.image[at + entryAt.exceptAt] as number)).toEqual([0]);
    expect(listAt(compiled.image, compiled.image[at + entryAt.exceptNotAt] as number)).toEqual([1]);
    expect(compiled.image[header.atomWords]).toBe(1);
  });
});

describe("what is not carried out", () => {
  const unsupported = (text: string): (string | null)[] =>
    compileText(text).clauses.map((clause) => clause.unsupported);
  const notes = (text: string): readonly string[] => compileText(text).notes;

  test("a host name as target", () =>
    expect(unsupported('rule r: block connect "*.github.com:443" because "y"')).toEqual([
      "host names are not resolved yet",
    ]));

  test("a unix socket as target", () =>
    expect(unsupported('rule r: block connect "unix:/run/docker.sock" because "y"')).toEqual([
      "unix sockets are not matched yet",
    ]));

  test("a host name as exception: more is refused", () => {
    const text = 'rule r: block connect any unless target "api.example.com" because "y"';
    expect(unsupported(text)).toEqual([null]);
    expect(notes(text)).toEqual([
      'The exception for "api.example.com" of rule `r` never holds: host names are not resolved yet.',
    ]);
  });

  test("a host name after `target not`: the exception would always hold", () =>
    expect(
      unsupported('rule r: block connect any unless target not "api.example.com" because "y"'),
    ).toEqual(["host names are not resolved yet"]));

  test("the arguments of a program that already runs", () =>
    expect(unsupported('rule r: block signal exec "node" "server.js" because "y"')).toEqual([
      "the arguments of a running program are not matched",
    ]));
});

describe("approvals", () => {
  test("as exception it is a gate that an operator opens", () => {
    const text = 'rule r: block exec "x" unless approved "deploy" because "y"';
    const { clauses, notes, approvals, gates, image } = compileText(text);
    expect([clauses[0]?.unsupported, notes]).toEqual([null, []]);
    expect(approvals).toEqual([{ gate: 0, name: "deploy", withinMs: null }]);
    expect([gates, image[header.gates]]).toEqual([[], 1]);
  });

  test("as label it is a gate that the clause waits for, or that excepts from it", () => {
    const compiled = compileText(`
      source OK = approval "deploy"
      rule r: block exec "x" if OK because "y"
              block exec "x" if not OK`);
    expect(compiled.clauses.map((clause) => clause.unsupported)).toEqual([null, null]);
    expect(compiled.approvals.map(({ gate, name }) => [gate, name])).toEqual([[0, "deploy"]]);
    expect(entriesOf(compiled)).toEqual([
      { ...none, kind: 1, ops: bits.exec, effect: 2, needs: 1 },
      { ...none, kind: 1, ops: bits.exec, effect: 2, id: 1, gates: 1, none: 1 },
    ]);
  });

  test("a label that also comes from elsewhere is either", () => {
    const compiled = compileText(`
      source OK = approval "deploy"
      source OK = exec "claude"
      rule r: block exec "x" if OK because "y"`);
    const clauses = entriesOf(compiled).filter(({ kind }) => kind === 1);
    expect(clauses.map(({ all, needs }) => [all, needs])).toEqual([
      [1, 0],
      [0, 1],
    ]);
  });
});

describe("limits", () => {
  const many = (count: number, line: (i: number) => string): string =>
    Array.from({ length: count }, (_, i) => line(i)).join("\n");

  test("257 labels", () => {
    const sources = (count: number) =>
      `${many(count, (i) => `source L${i} = exec "p${i}"`)}\nrule r: notify exec "x" if L0`;
    expect(compilerCodes(sources(256))).toEqual([]);
    expect(compilerCodes(sources(257))).toEqual(["X001"]);
  });

  test("65 gates", () => {
    const rules = (count: number) =>
      many(count, (i) => `rule r${i}: notify exec "x" unless after exec "p${i}"`);
    expect(compilerCodes(rules(64))).toEqual([]);
    expect(compilerCodes(rules(65))).toEqual(["X002"]);
  });

  test("a condition with more than 64 alternatives", () => {
    const sources = many(14, (i) => `source L${i} = exec "p${i}"`);
    const condition = Array.from({ length: 7 }, (_, i) => `(L${2 * i} or L${2 * i + 1})`).join(
      " and ",
    );
    expect(compilerCodes(`${sources}\nrule r: notify exec "x" if ${condition}`)).toEqual(["X003"]);
  });

  test("16,385 atoms", () => {
    const rules = (count: number) => many(count, (i) => `rule r${i}: notify exec "x" "-a${i}"`);
    expect(compilerCodes(rules(16_385))).toEqual(["X006"]);
  });

  test("a condition that never holds is a warning and no entry", () => {
    const text = 'source A = exec "a"\nrule r: notify exec "x" if A and not A';
    expect(compilerCodes(text)).toEqual(["X010"]);
    expect(compileText(text).clauses.map(({ entries }) => entries)).toEqual([0]);
  });

  test("after an error there is no image", () => {
    const text = `${many(257, (i) => `source L${i} = exec "p${i}"`)}`;
    expect(compilerCodes(text)).toEqual(["X001"]);
  });
});
