#!/usr/bin/env bash
# What a machine can say about the sources without running them: format, lint, types, and the rules of test/tidy.test.ts.
# Leaves its counts in the file named by ACTPLANE_COUNTS, for scripts/test.sh.
source "$(dirname "$0")/env.sh"
source scripts/steps.sh

step "format" node_modules/.bin/biome format
step "lint" node_modules/.bin/biome lint --error-on-warnings
step "types" node_modules/.bin/tsc -p .
step "tidy" "$bun" test test/tidy.test.ts

if [[ -n "${ACTPLANE_COUNTS:-}" ]]; then echo "$passed $failed $skipped" >"$ACTPLANE_COUNTS"; fi
finish
