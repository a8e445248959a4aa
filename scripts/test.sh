#!/usr/bin/env bash
# `npm test`: sets the machine up, builds, checks, and runs every test there is. Needs no terminal and no input.
# The last line reads "N passed, N failed, N skipped"; the exit status is non-zero when anything failed.
source "$(dirname "$0")/env.sh"
source scripts/steps.sh
exec </dev/null

counts="$(mktemp)"
report=build/test/junit.xml
trap 'rm -f "$counts"' EXIT

# The counts of scripts/check.sh, whose every check is a test.
run_check() {
  rm -f "$counts"
  ACTPLANE_COUNTS="$counts" bash scripts/check.sh || true
  if [[ -s "$counts" ]]; then
    local numbers
    read -r -a numbers <"$counts"
    add "${numbers[@]}" "check"
  else
    add 0 1 0 "check ended early"
  fi
}

# tidy.test.ts is among the checks already. Without a report Bun itself has crashed, which is a failure as well.
run_bun_tests() {
  local files
  mkdir -p "$(dirname "$report")"
  rm -f "$report"
  mapfile -t files < <(find test -name '*.test.ts' ! -name tidy.test.ts | sort)
  if [[ ${#files[@]} -eq 0 ]]; then return; fi
  say ""
  say "== bun test"
  # A test that says nothing of time has a minute: what is slow on a busy machine is not wrong.
  "$bun" test --timeout 60000 --reporter=junit --reporter-outfile="$report" "${files[@]}" >&2 || true
  if [[ ! -s "$report" ]]; then
    add 0 1 0 "bun test crashed"
    return
  fi
  local head tests failures skips
  head="$(grep -m1 '<testsuites ' "$report")"
  tests="$(attribute tests "$head")"
  failures="$(attribute failures "$head")"
  skips="$(attribute skipped "$head")"
  add $((tests - failures - skips)) "$failures" "$skips" "bun test"
}

# attribute NAME XML
attribute() {
  sed -E "s/.* $1=\"([0-9]+)\".*/\1/" <<<"$2"
}

# scripts/test-vm.sh ends with a line of the same form as this script.
run_vm_matrix() {
  if [[ ! -e scripts/test-vm.sh ]]; then
    skip "VM matrix" "scripts/test-vm.sh is not there"
    return
  fi
  say ""
  say "== VM matrix"
  local status=0 line
  bash scripts/test-vm.sh | tee "$counts" >&2 || status=$?
  line="$(tail -1 "$counts")"
  if [[ "$line" =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
    add "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" "${BASH_REMATCH[3]}" "VM matrix"
    if [[ $status -ne 0 && ${BASH_REMATCH[2]} -eq 0 ]]; then add 0 1 0 "VM matrix (status $status)"; fi
  else
    add 0 1 0 "VM matrix (no counts, status $status)"
  fi
}

step "setup" bash scripts/setup.sh
step "build" bash scripts/build.sh
run_check
run_bun_tests
run_vm_matrix
finish
