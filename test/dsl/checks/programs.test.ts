// Programs with a space in their name.

import { test } from "bun:test";
import { findings } from "../support.ts";

test("a command line in one string", () =>
  findings(
    `rule r: notify exec "git push"`,
    ["C050"],
    ["1:21 C050 no argument is part of a program's name: this matches a file called `git push`"],
  ));

test("in a source too", () =>
  findings(
    `source A = exec "node server.js"
rule r: notify exec any if A`,
    ["C050"],
    [
      "1:17 C050 no argument is part of a program's name: this matches a file called `node server.js`",
    ],
  ));

test("an argument may hold spaces", () =>
  findings(`rule r: notify exec "git" "commit message"`, ["C050"], []));
