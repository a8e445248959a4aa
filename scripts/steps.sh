# Sourced: runs named steps, goes on after a failure, and counts. Every step is one test in the sum of scripts/test.sh.

passed=0
failed=0
skipped=0
failed_names=()

# step NAME COMMAND...: one test, passed when the command succeeds.
step() {
  local name="$1" started=$SECONDS
  shift
  say ""
  say "== $name"
  if "$@"; then
    passed=$((passed + 1))
    say "== $name: passed ($((SECONDS - started)) s)"
  else
    failed=$((failed + 1))
    failed_names+=("$name")
    say "== $name: FAILED ($((SECONDS - started)) s)"
  fi
}

# skip NAME REASON
skip() {
  skipped=$((skipped + 1))
  say ""
  say "== $1: skipped: $2"
}

# add PASSED FAILED SKIPPED NAME: the counts of a step that runs tests of its own.
add() {
  passed=$((passed + $1))
  failed=$((failed + $2))
  skipped=$((skipped + $3))
  if (($2 > 0)); then failed_names+=("$4"); fi
}

# The last line is for machines as well as people; the exit status says whether anything failed.
finish() {
  say ""
  if ((failed > 0)); then
    printf 'failed: %s\n' "${failed_names[@]}"
  fi
  echo "$passed passed, $failed failed, $skipped skipped"
  exit $((failed > 0))
}
