// Globs through every stage, from notation to image words, against backtracking.

import { expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { parseGlob } from "../../src/dsl/glob.ts";
import { anchorPath } from "../../src/ir/anchor.ts";
import { buildArguments } from "../../src/ir/args.ts";
import { buildGroups } from "../../src/ir/groups.ts";
import { Languages } from "../../src/ir/languages.ts";
import type { Flavor } from "../../src/ir/nfa.ts";
import { pathFlavor } from "../../src/ir/nfa.ts";
import { acceptedBy, nextState } from "./dfa.ts";
import { encode, globMatches, places, randomGlobText, randomName } from "./support.ts";

// Machines are shared: a busy one is no failure.
setDefaultTimeout(120_000);

/** Each of `texts` a language of its own; the languages that match each name. */
function check(texts: readonly string[], names: readonly string[], flavor: Flavor): void {
  const globs = texts.map((text) => parseGlob(text).glob);
  const languages = new Languages();
  const units = globs.map((glob, payload) => ({
    target: languages.intern([glob]),
    except: null,
    exceptNot: [],
    payload,
  }));
  const groups = buildGroups(units, languages, flavor);
  if (!Array.isArray(groups)) throw new Error("these few patterns are too large");
  for (const name of names) {
    const accepted = groups.flatMap((group) => acceptedBy(group, encode(name)));
    const expected = globs.flatMap((glob, i) => (globMatches(glob, encode(name)) ? [i] : []));
    expect([name, ...accepted.sort((a, b) => a - b)]).toEqual([name, ...expected]);
  }
}

test("any set of patterns matches what each of them matches alone", () => {
  fc.assert(
    fc.property(
      fc.array(randomGlobText, { minLength: 1, maxLength: 6 }),
      fc.array(randomName, { minLength: 1, maxLength: 20 }),
      (texts, names) => check(texts, names, pathFlavor),
    ),
    { numRuns: 1500 },
  );
});

test("a pattern in arguments runs over slashes and ends where the argument ends", () => {
  fc.assert(
    fc.property(
      fc.array(randomGlobText, { minLength: 1, maxLength: 5 }),
      fc.array(fc.array(randomName, { maxLength: 4 }), { minLength: 1, maxLength: 8 }),
      (texts, lists) => {
        const globs = texts.map((text) => parseGlob(text).glob);
        const automaton = buildArguments(
          globs.map((glob, atom) => ({ atom, glob, command: null })),
        );
        if (automaton === null) throw new Error("these few patterns are too large");
        for (const list of lists) {
          const { dfa } = automaton;
          const found = new Set<number>();
          let state = dfa.starts[0] as number;
          for (const byte of encode(["x", ...list].map((argument) => `${argument}\0`).join(""))) {
            state = nextState(dfa, state, byte);
            for (const atom of dfa.outcomes[dfa.outcome[state] as number] ?? []) found.add(atom);
          }
          const expected = globs.flatMap((glob, atom) =>
            list.some((argument) => globMatches(glob, encode(argument), "ordinary")) ? [atom] : [],
          );
          expect([...found].sort((a, b) => a - b)).toEqual(expected);
        }
      },
    ),
    { numRuns: 800 },
  );
});

test("`dir/**` is what is below the folder and not the folder", () =>
  check(
    ["/d/**", "/d/**/x", "/d*/**", "**"],
    ["/d", "/d/", "/d/x", "/d/a/x", "/dd/x", "/"],
    pathFlavor,
  ));

test("a leading `**/` also stands for no folder at all", () =>
  check(
    ["**/git", "**/.*/**"],
    ["git", "./git", "a/git", "/a/git", "agit", ".a/b", "/x/.a/b"],
    pathFlavor,
  ));

test("classes and bytes outside of ASCII", () =>
  check(["/[!a]", "/é*", "/[éa]"], ["/é", "/a", "/b", "/éa", "//"], pathFlavor));

function anchored(text: string): string[] {
  return anchorPath(parseGlob(text).glob, places).map((glob) =>
    glob
      .map((part) => (part.kind === "byte" ? String.fromCharCode(part.byte) : `<${part.kind}>`))
      .join(""),
  );
}

test("a relative pattern is below the workspace, `~` is the home folder, `**` floats", () => {
  expect(anchored("src/a")).toEqual(["/w/src/a"]);
  expect(anchored(".env")).toEqual(["/w/.env"]);
  expect(anchored("./.env")).toEqual(["/w/.env"]);
  expect(anchored("././.env")).toEqual(["/w/.env"]);
  expect(anchored(".")).toEqual(["/w"]);
  expect(anchored("*.pem")).toEqual(["/w/<star>.pem"]);
  expect(anchored("~/.ssh/**")).toEqual(["/h/.ssh/<globstar>"]);
  expect(anchored("~")).toEqual(["/h"]);
  expect(anchored("~x")).toEqual(["/w/~x"]);
  expect(anchored("**/x")).toEqual(["<globstar>x"]);
  expect(anchored("**.pem")).toEqual(["<globstar>.pem"]);
  expect(anchored("/etc")).toEqual(["/etc"]);
  expect(anchored("{/etc,src,**}/x")).toEqual(["/etc/x", "/w/src/x", "<globstar>/x"]);
});

test("the workspace may be the root", () => {
  const glob = parseGlob("a").glob;
  const [anchoredGlob] = anchorPath(glob, { workspace: "/", home: "/" });
  expect(globMatches(anchoredGlob ?? [], encode("/a"))).toBe(true);
});
