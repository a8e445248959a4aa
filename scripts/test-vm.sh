#!/usr/bin/env bash
# The end-to-end tests in real kernels: each is booted twice, with and without the BPF LSM, and runs test/e2e with the built executable.
#
#     scripts/test-vm.sh [KERNEL...]     default: 6.1 6.12 7, and what loads on 5.10
#
# ACTPLANE_VM_BOOTS says how many machines may run at once. The last line reads "N passed, N failed, N skipped".
source "$(dirname "$0")/env.sh"
source scripts/steps.sh
exec </dev/null

kernels=("$@")
if [[ ${#kernels[@]} -eq 0 ]]; then kernels=(6.1 6.12 7 5.10); fi
results="$root/build/test/vm"
boots="${ACTPLANE_VM_BOOTS:-2}"
mkdir -p "$results"

# guest_tests KERNEL LSM: runs in the background; leaves its output, its report and its time in files.
guest_tests() {
  local kernel="$1" lsm="$2" name="$1-$2" options=() tier=lsm started=$SECONDS status=0
  if [[ $lsm == without ]]; then options=(--no-bpf-lsm) tier=modify-return; fi
  rm -rf "${results:?}/$name"
  mkdir -p "$results/$name"
  local tests=(test/e2e)
  if [[ $kernel == 5.10 ]]; then tests=(test/e2e/kernel.test.ts); fi
  test/vm/boot.sh --kernel "$kernel" "${options[@]}" --share "$results/$name" --timeout 300 -- \
    env ACTPLANE_E2E_SLOW=1 ACTPLANE_E2E_TIER="$tier" ACTPLANE_E2E_WORK="${ACTPLANE_VM_WORK:-/mnt/ext4}" \
    ACTPLANE_E2E_KERNEL="$kernel" ACTPLANE_E2E_CASES="${ACTPLANE_E2E_CASES:-}" \
    "$bun" test --reporter=junit --reporter-outfile=/mnt/share/junit.xml "${tests[@]}" \
    >"$results/$name/output" 2>&1 || status=$?
  echo "$status $((SECONDS - started))" >"$results/$name/status"
}

# attribute NAME XML
attribute() {
  sed -E "s/.* $1=\"([0-9]+)\".*/\1/" <<<"$2"
}

# report KERNEL LSM
report() {
  local name="$1-$2" status seconds head tests failures skips
  read -r status seconds <"$results/$name/status"
  say ""
  say "== kernel $1 $2 bpf in lsm= ($seconds s)"
  grep -E '^(e2e:|known fault:|verified:)' "$results/$name/output" >&2 || true
  if [[ ! -s "$results/$name/junit.xml" ]]; then
    tail -40 "$results/$name/output" >&2
    add 0 1 0 "kernel $1 $2 bpf (status $status)"
    return
  fi
  head="$(grep -m1 '<testsuites ' "$results/$name/junit.xml")"
  tests="$(attribute tests "$head")"
  failures="$(attribute failures "$head")"
  skips="$(attribute skipped "$head")"
  if ((failures > 0)); then grep -vE '^\((pass|skip)\)' "$results/$name/output" | head -300 >&2; fi
  say "$((tests - failures - skips)) passed, $failures failed, $skips skipped"
  add $((tests - failures - skips)) "$failures" "$skips" "kernel $1 $2 bpf"
  if ((status != 0 && failures == 0)); then add 0 1 0 "kernel $1 $2 bpf (status $status)"; fi
}

bash scripts/build.sh
bash test/probes/build.sh
for kernel in "${kernels[@]}"; do
  [[ -e "${ACTPLANE_VM_CACHE:-/var/cache/actplane-vm}/kernels/$kernel/release" ]] || bash scripts/vm-setup.sh "$kernel"
done

# Machines go down with this script.
trap 'running=$(jobs -pr); [[ -z $running ]] || kill $running 2>/dev/null || true' EXIT
for kernel in "${kernels[@]}"; do
  for lsm in with without; do
    while (($(jobs -pr | wc -l) >= boots)); do wait -n || true; done
    guest_tests "$kernel" "$lsm" &
  done
done
wait
for kernel in "${kernels[@]}"; do
  for lsm in with without; do report "$kernel" "$lsm"; done
done
finish
