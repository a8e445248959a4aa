// Refusals that do not say why.

import { test } from "bun:test";
import { findings } from "../support.ts";

test("a refusal without a reason is hinted at", () =>
  findings(
    `rule r: block exec "git"`,
    ["C060"],
    ["1:6 C060 the rule `r` does not say why it refuses"],
  ));

test("a notification needs none", () => findings(`rule r: notify exec "git"`, ["C060"], []));

test("a reason is enough", () => findings(`rule r: block exec "git" because "x"`, ["C060"], []));
