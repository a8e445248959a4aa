// `actplane fmt`: prints, compares or writes the canonical layout.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { makePlace, type Place } from "./support.ts";

let place: Place;
beforeEach(() => {
  place = makePlace();
});
afterEach(() => place.remove());

const before = "rule   r:\n notify exec any # all\n";
const after = "rule r:\n  notify exec any  # all\n";
const read = (name: string) => readFileSync(join(place.folder, name), "utf8");

test("the result is printed and the file left alone", async () => {
  place.write("a.policy", before);
  expect(await place.run(["fmt", "a.policy"])).toEqual({ code: 0, out: after, err: "" });
  expect(read("a.policy")).toBe(before);
});

test("--write writes it", async () => {
  place.write("a.policy", before);
  expect(await place.run(["fmt", "a.policy", "--write"])).toEqual({ code: 0, out: "", err: "" });
  expect(read("a.policy")).toBe(after);
});

test("--check fails where the layout differs", async () => {
  place.write("a.policy", before);
  place.write("b.policy", after);
  const { code, out, err } = await place.run(["fmt", "a.policy", "--check"]);
  expect({ code, out }).toEqual({ code: 2, out: "" });
  expect(err).toContain("a.policy is not in the canonical form");
  expect((await place.run(["fmt", "b.policy", "--check"])).code).toBe(0);
});

test("a document keeps all but its policy", async () => {
  place.write(
    "actplane.yaml",
    "version:  1 # one\npolicy: |\n    rule   r:\n     notify exec any\n",
  );
  const { out } = await place.run(["fmt"]);
  expect(out).toBe("version:  1 # one\npolicy: |\n    rule r:\n      notify exec any\n");
});

test("standard input is printed, and cannot be written", async () => {
  expect((await place.run(["fmt", "-"], { stdin: before })).out).toBe(after);
  expect((await place.run(["fmt", "-", "--write"], { stdin: before })).code).toBe(1);
});

test("a policy with errors is left alone and its errors are told", async () => {
  place.write("a.policy", "rule  r:\n  notify conect any\n");
  const { code, out, err } = await place.run(["fmt", "a.policy", "--write"]);
  expect({ code, out }).toEqual({ code: 3, out: "" });
  expect(err).toContain("error[P014]");
  expect(read("a.policy")).toBe("rule  r:\n  notify conect any\n");
});
