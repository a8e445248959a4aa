// `actplane fmt`: prints, compares or writes the canonical layout.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, lstatSync, readdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
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

test("a document with line ends of Windows keeps them", async () => {
  place.write("actplane.yaml", "version: 1\r\npolicy: |\r\n  rule   r:\r\n   notify exec any\r\n");
  const { out } = await place.run(["fmt"]);
  expect(out).toBe("version: 1\r\npolicy: |\r\n  rule r:\r\n    notify exec any\r\n");
});

test("--write through a link changes the file and keeps the link, the mode and nothing else", async () => {
  place.write("a.policy", before);
  chmodSync(join(place.folder, "a.policy"), 0o640);
  symlinkSync("a.policy", join(place.folder, "link.policy"));
  expect((await place.run(["fmt", "link.policy", "--write"])).code).toBe(0);
  expect(read("a.policy")).toBe(after);
  expect(lstatSync(join(place.folder, "link.policy")).isSymbolicLink()).toBe(true);
  expect(statSync(join(place.folder, "a.policy")).mode & 0o777).toBe(0o640);
  expect(readdirSync(place.folder).sort()).toEqual(["a.policy", "link.policy"]);
});

test("a file that cannot be written is told and stays", async () => {
  // So deep that no name fits beside it, which keeps root from writing as well.
  let name = "";
  while (place.folder.length + name.length < 4_070) name += "d".repeat(19).concat("/");
  name += "a";
  place.write(name, before);
  const { code, err } = await place.run(["fmt", name, "--write"]);
  expect(code).toBe(1);
  expect(err).toStartWith("actplane fmt: cannot write ");
  expect(err).toEndWith(": the name is too long\n");
  expect(read(name)).toBe(before);
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
