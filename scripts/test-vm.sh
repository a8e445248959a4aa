#!/usr/bin/env bash
# The end-to-end tests in real kernels: each is booted twice, with and without the BPF LSM, and runs test/e2e with the built executable.
#
#     scripts/test-vm.sh [--quick | --counts] [KERNEL...]     default: 6.1 6.12 7, and what loads on 5.10
#
# --quick asks one case of each kind of rule; --counts that all programs load, and what each costs the verifier. Otherwise a kernel
# that is named is asked everything; without a name, for want of time, everything is asked once in each tier (lsm on 6.1,
# modify-return on 6.12), and of the rest what --quick and --counts ask.
# ACTPLANE_VM_BOOTS says how many machines may run at once (2), ACTPLANE_VM_SMP how many processors each has (1: two of them are
# emulated at half the speed of one). ACTPLANE_UPDATE_VERIFIED=yes records the verifier's counts in test/vm/verified.json; with
# --counts and no name those of the machine's own kernel too. The last line reads "N passed, N failed, N skipped".
source "$(dirname "$0")/env.sh"
source scripts/steps.sh
exec </dev/null

form=everything
case ${1:-} in
  --quick | --counts)
    form="${1#--}"
    shift
    ;;
esac
kernels=("$@")
named="$*"
if [[ ${#kernels[@]} -eq 0 ]]; then
  kernels=(6.1 6.12 7)
  # It takes no program, so there is nothing to count.
  if [[ $form != counts ]]; then kernels+=(5.10); fi
fi
boots="${ACTPLANE_VM_BOOTS:-2}"
# Seconds without a word of a guest: all cases of enforcement.test.ts are asked before the first of them is told, in some minutes.
silence_max=720
# A folder of this run's own: another run may be under way.
mkdir -p build/test
results="$(mktemp -d "$root/build/test/vm.XXXXXX")"
frozen="$results/frozen"

# guest_tests KERNEL LSM: runs in the background; leaves its output, its report and its time in files.
guest_tests() {
  local kernel="$1" lsm="$2" name="$1-$2" options=() tier=lsm started=$SECONDS status=0 asked="$form" few=()
  if [[ $lsm == without ]]; then options=(--no-bpf-lsm) tier=modify-return; fi
  # Debian's 6.1 and 6.12 do not preempt unless they are told to; 7.x does.
  if [[ $name == 6.1-without ]]; then options+=(--append preempt=full); fi
  mkdir -p "$results/$name"
  if [[ $form == everything && -z $named && $name != 6.1-with && $name != 6.12-without ]]; then asked=quick; fi
  if [[ $kernel == 5.10 ]]; then asked=counts; fi
  # command.test.ts is about the tool and not about the kernel, and runs natively.
  local tests=(test/e2e/{kernel,enforcement,sizes,lifetime,engine,model,preempted,provenance,serve,serve-second-names,agents}.test.ts)
  if [[ $asked == quick ]]; then few=(ACTPLANE_E2E_QUICK=yes) tests=(test/e2e/{kernel,enforcement,preempted}.test.ts); fi
  # Half of them with more labels than a word has, and a table of several chunks.
  if [[ $lsm == without ]]; then few+=(ACTPLANE_E2E_SIZE=large); fi
  if [[ $form == quick ]]; then tests=(test/e2e/enforcement.test.ts); fi
  if [[ $asked == counts ]]; then tests=(test/e2e/kernel.test.ts); fi
  # With one emulated processor 7.x stopped in about one boot of four, blocked and without a word; with two it has not.
  local smp="${ACTPLANE_VM_SMP:-1}"
  if [[ $kernel == 7* && -z ${ACTPLANE_VM_SMP:-} ]]; then smp=2; fi
  local attempt
  for attempt in 1 2; do
    status=0
    : >"$results/$name/output"
    test/vm/boot.sh --kernel "$kernel" "${options[@]}" --share "$results/$name" --cwd "$frozen" --smp "$smp" --timeout 1200 -- \
      env "${few[@]}" ACTPLANE_E2E_SLOW=1 ACTPLANE_E2E_TIER="$tier" ACTPLANE_E2E_WORK="${ACTPLANE_VM_WORK:-/mnt/ext4}" \
      ACTPLANE_E2E_KERNEL="$kernel" ACTPLANE_UPDATE_VERIFIED=/mnt/share/verified.json \
      ACTPLANE_E2E_RECORD=/mnt/share/record.json ACTPLANE_E2E_CASES="${ACTPLANE_E2E_CASES:-}" \
      "$bun" test --reporter=junit --reporter-outfile=/mnt/share/junit.xml "${tests[@]}" \
      >"$results/$name/output" 2>&1 &
    # Without a trap the machine would outlive this shell.
    boot=$!
    trap 'kill "$boot"; exit 143' TERM
    # Nothing takes so long: the guest says nothing more, and would be waited for until its time is over.
    while kill -0 "$boot" 2>/dev/null; do
      if (($(date +%s) - $(stat -c %Y "$results/$name/output") > silence_max)); then kill "$boot" 2>/dev/null || true; fi
      sleep 2
    done
    wait "$boot" || status=$?
    # The harness's own codes: the guest died, hung or never began. A busy host makes emulated machines do that now and
    # then; a fault of ours does it again.
    if ((attempt == 2 || status < 120 || (status > 122 && status != 143))); then break; fi
    say "vm: kernel $kernel, $lsm bpf: no result from the guest (status $status), booting it once more"
    mv "$results/$name/output" "$results/$name/output-1"
    rm -f "$results/$name"/*.json "$results/$name/junit.xml"
  done
  # What the machines took of the processors says more than the time where others are at work.
  times >"$results/$name/times"
  echo "$status $((SECONDS - started)) $(tail -1 "$results/$name/times")" >"$results/$name/status"
}

# The guests read these files for minutes, and a file that changes under a guest that has it cached is garbage: they get a copy.
freeze() {
  mkdir -p "$frozen/build/test" "$frozen/build/bpf" "$frozen/test"
  cp -r dist src package.json tsconfig.json bunfig.toml "$frozen/"
  cp -r test/e2e test/model test/probes test/vm "$frozen/test/"
  mkdir -p "$frozen/docs"
  cp -r docs/clients "$frozen/docs/"
  cp -rp build/test/probes "$frozen/build/test/"
  cp build/bpf/*.o "$frozen/build/bpf/"
  cp build/libbpf-actplane.so build/attendants "$frozen/build/"
  ln -s "$root/node_modules" "$frozen/node_modules"
}

# The records of the guests, held against the models here, where that takes no time.
compare_records() {
  local records=()
  mapfile -t records < <(find "${names[@]/#/$results/}" -name record.json | sort)
  if [[ ${#records[@]} -eq 0 ]]; then return; fi
  ACTPLANE_E2E_RECORDED="${records[*]}" "$bun" test --reporter=junit --reporter-outfile="$results/models.xml" \
    test/e2e/model.test.ts >"$results/models" 2>&1 || true
  grep -E '^e2e:' "$results/models" >&2 || true
  add_report "$results/models.xml" "$results/models" "models"
}

update_verified() {
  # shellcheck disable=SC2016 # the program is JavaScript
  "$bun" -e '
    const path = "test/vm/verified.json";
    const known = await Bun.file(path).json();
    for (const found of process.argv.slice(1)) Object.assign(known, await Bun.file(found).json());
    const sorted = Object.fromEntries(Object.entries(known).sort(([a], [b]) => (a < b ? -1 : 1)));
    await Bun.write(path, `${JSON.stringify(sorted, null, 2)}\n`);
  ' $(find "$results" -mindepth 2 -maxdepth 2 -name verified.json | sort)
}

# attribute NAME XML
attribute() {
  sed -E "s/.* $1=\"([0-9]+)\".*/\1/" <<<"$2"
}

# report KERNEL LSM
report() {
  local name="$1-$2" status seconds user system
  read -r status seconds user system <"$results/$name/status"
  say ""
  say "== kernel $1 $2 bpf in lsm= ($seconds s; of the processors $user and $system)"
  grep -E '^(e2e:|known fault:|verified:)' "$results/$name/output" >&2 || true
  add_report "$results/$name/junit.xml" "$results/$name/output" "kernel $1 $2 bpf"
  if ((status > 1)); then add 0 1 0 "kernel $1 $2 bpf (status $status)"; fi
}

# add_report XML OUTPUT NAME
add_report() {
  local head tests failures skips
  if [[ ! -s "$1" ]]; then
    tail -40 "$2" >&2
    add 0 1 0 "$3 (no report)"
    return
  fi
  head="$(grep -m1 '<testsuites ' "$1")"
  tests="$(attribute tests "$head")"
  failures="$(attribute failures "$head")"
  skips="$(attribute skipped "$head")"
  if ((failures > 0)); then grep -vE '^\((pass|skip)\)' "$2" | head -300 >&2; fi
  say "$((tests - failures - skips)) passed, $failures failed, $skips skipped"
  add $((tests - failures - skips)) "$failures" "$skips" "$3"
}

bash scripts/build.sh
bash test/probes/build.sh
freeze
for kernel in "${kernels[@]}"; do
  bash scripts/vm-setup.sh "$kernel"
done

# bash runs the EXIT trap after these; a bare signal would skip it.
trap 'exit 130' INT
trap 'exit 143' TERM HUP
# Machines go down with this script; what they said stays only where something failed.
trap 'running=$(jobs -pr); [[ -z $running ]] || kill $running 2>/dev/null || true
  rm -rf "$frozen"
  if ((failed == 0)); then rm -rf "$results"; else say "see $results"; fi' EXIT
for kernel in "${kernels[@]}"; do
  for lsm in with without; do
    while (($(jobs -pr | wc -l) >= boots)); do wait -n || true; done
    guest_tests "$kernel" "$lsm" &
  done
done
wait
names=()
for kernel in "${kernels[@]}"; do
  for lsm in with without; do names+=("$kernel-$lsm"); done
done
for kernel in "${kernels[@]}"; do
  for lsm in with without; do report "$kernel" "$lsm"; done
done
if [[ $form == counts && -z $named ]]; then
  say ""
  say "== this machine"
  mkdir "$results/host"
  ACTPLANE_UPDATE_VERIFIED="$results/host/verified.json" "$bun" test --reporter=junit \
    --reporter-outfile="$results/host/junit.xml" test/e2e/kernel.test.ts >"$results/host/output" 2>&1 || true
  grep -E '^verified:' "$results/host/output" >&2 || true
  add_report "$results/host/junit.xml" "$results/host/output" "this machine"
fi
say ""
say "== models"
compare_records
if [[ -n "${ACTPLANE_UPDATE_VERIFIED:-}" ]]; then update_verified; fi
finish
