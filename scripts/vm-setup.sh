#!/bin/bash
# Fetches what test/vm/boot.sh needs: QEMU 10, virtiofsd, busybox, kmod and Debian's kernels.
#
#   scripts/vm-setup.sh            # every kernel of the matrix
#   scripts/vm-setup.sh 6.12       # only this one; any version prefix its suites offer, e.g. 7.2
#
# All of it is unpacked below one cache directory (ACTPLANE_VM_CACHE) and run from there: the
# host's packages and its apt sources stay as they are. What is cached is not fetched again; to
# move to a newer kernel, delete its folder in the cache and run this again.
set -euo pipefail
# Else a failing step inside $(...) would be passed over.
shopt -s inherit_errexit

readonly CACHE=${ACTPLANE_VM_CACHE:-/var/cache/actplane-vm}
readonly MIRROR=${ACTPLANE_VM_MIRROR:-http://deb.debian.org}
readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
readonly MATRIX=(5.10 6.1 6.12 7)

# What the initramfs loads before the root file system is there. Kernels differ in what they
# have built in; modprobe leaves those out.
readonly BOOT_MODULES=(virtio_pci virtiofs virtio_blk virtio_console ext4 loop)

say() { printf 'vm-setup: %s\n' "$*" >&2; }

# --- A private apt -------------------------------------------------------------------------

# The suites that carry a kernel of this version, as `archive suite` lines.
kernel_suites() {
  case $1 in
    5.10*) printf '%s\n' 'debian bullseye' 'debian-security bullseye-security' ;;
    6.1 | 6.1.*) printf '%s\n' 'debian bookworm' 'debian-security bookworm-security' ;;
    6.12*) printf '%s\n' 'debian trixie' 'debian-security trixie-security' ;;
    *) printf '%s\n' 'debian trixie-backports' 'debian sid' 'debian experimental' ;;
  esac
}

# make_apt DIR: an apt that sees the suites on stdin and believes nothing is installed.
#
# An empty package database makes it fetch a program with all its libraries down to libc, so the
# result does not depend on what the host has. The host's proxy settings stay in effect; its
# hooks are cleared, they would act on the host.
make_apt() {
  local dir=$1 archive suite
  mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
  : >"$dir/status"
  while read -r archive suite; do
    echo "deb [arch=amd64 signed-by=$KEYRING] $MIRROR/$archive $suite main"
  done >"$dir/sources.list"
  cat >"$dir/apt.conf" <<CONF
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
Dir::Etc::SourceList "$dir/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State::Lists "$dir/lists";
Dir::State::status "$dir/status";
Dir::Cache "$dir/cache";
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
APT::Sandbox::User "root";
APT::Install-Recommends "false";
Acquire::Languages "none";
Acquire::Retries "3";
// Old suites are no longer signed anew; the signature itself is still checked.
Acquire::Check-Valid-Until "false";
CONF
  apt-get -c "$dir/apt.conf" -qq update
}

# unpack_debs FROM TO: unpacks every package in one folder into another, then drops the packages.
unpack_debs() {
  local deb
  for deb in "$1"/*.deb; do
    dpkg-deb --extract "$deb" "$2"
    rm "$deb"
  done
}

# --- Tools ---------------------------------------------------------------------------------

# QEMU 10 and not Debian 12's own 7.2: the TCG of 7.2 corrupts flags and panics guests under load.
# virtiofsd in turn left QEMU with 8.0, so it is taken from the 7.2 package.
setup_tools() {
  local apt=$CACHE/apt/tools new virtiofsd_version
  [[ -e $CACHE/tools/ready ]] && return
  say 'fetching QEMU 10, virtiofsd, busybox and kmod'
  printf '%s\n' 'debian bookworm' 'debian bookworm-backports' | make_apt "$apt"
  new=$(mktemp -d "$CACHE/new.XXXXXX")
  chmod 755 "$new"
  apt-get -c "$apt/apt.conf" -qq -y --download-only -t bookworm-backports install \
    qemu-system-x86 busybox-static kmod >/dev/null
  unpack_debs "$apt/cache/archives" "$new"

  virtiofsd_version=$(apt-cache -c "$apt/apt.conf" madison qemu-system-common |
    awk '{print $3}' | grep '^1:7\.2' | head -n 1)
  (cd "$apt/cache" && apt-get -c "$apt/apt.conf" -qq download "qemu-system-common=$virtiofsd_version")
  mkdir "$new/qemu-7.2"
  unpack_debs "$apt/cache" "$new/qemu-7.2"
  cp "$new/qemu-7.2/usr/lib/qemu/virtiofsd" "$new/usr/lib/qemu/virtiofsd"
  rm -r "$new/qemu-7.2"

  # Fails here, with the loader's message, when a library is missing.
  "$new/lib64/ld-linux-x86-64.so.2" --library-path "$(library_path "$new")" \
    "$new/usr/bin/qemu-system-x86_64" --version >&2
  "$new/lib64/ld-linux-x86-64.so.2" --library-path "$(library_path "$new")" \
    "$new/usr/lib/qemu/virtiofsd" --version >&2
  touch "$new/ready"
  rm -rf "$CACHE/tools"
  mv "$new" "$CACHE/tools"
}

library_path() { echo "$1/lib/x86_64-linux-gnu:$1/usr/lib/x86_64-linux-gnu"; }

# kmod NAME ARGS: depmod, modprobe and so on are one program that goes by the name it is called.
kmod() {
  "$CACHE/tools/lib64/ld-linux-x86-64.so.2" --argv0 "$1" \
    --library-path "$(library_path "$CACHE/tools")" "$CACHE/tools/bin/kmod" "${@:2}"
}

# --- Kernels -------------------------------------------------------------------------------

# newest_version APT PREFIX: the newest kernel release that starts with the prefix.
# Debian's meta-package linux-image-cloud-amd64 has one version per suite.
newest_version() {
  local version best=
  while read -r version; do
    [[ $version == "$2".* || $version == "$2"[~-]* ]] || continue
    if [[ -z $best ]] || dpkg --compare-versions "$version" gt "$best"; then best=$version; fi
  done < <(apt-cache -c "$1/apt.conf" madison linux-image-cloud-amd64 | awk '{print $3}')
  [[ -n $best ]] && echo "$best"
}

# kernel_packages APT PACKAGE VERSION: the packages with the files, found along the dependencies.
# Up to 6.x the image package has them all; from 7.x it is empty and names linux-binary-* and
# linux-modules-*, and linux-base-* with the list of what is built in.
kernel_packages() {
  local package
  while read -r package; do
    echo "$package=$3"
    [[ $package == linux-image-* ]] && kernel_packages "$1" "$package" "$3"
  done < <(apt-cache -c "$1/apt.conf" show "$2=$3" | sed -n 's/^Depends: //p' | tr ',' '\n' |
    awk '{print $1}' | grep -E '^linux-(image|binary|modules|base)-[0-9]')
  return 0
}

setup_kernel() {
  local name=$1 apt=$CACHE/apt/kernel-$1 new version packages release
  [[ -e $CACHE/kernels/$name/release ]] && return
  say "fetching kernel $name"
  kernel_suites "$name" | make_apt "$apt"
  version=$(newest_version "$apt" "$name") || {
    say "no kernel $name in: $(kernel_suites "$name" | tr '\n' ',')"
    return 1
  }
  packages=$(kernel_packages "$apt" linux-image-cloud-amd64 "$version")
  # shellcheck disable=SC2086 # a list of package=version words
  (cd "$apt/cache" && apt-get -c "$apt/apt.conf" -qq download $packages)
  new=$(mktemp -d "$CACHE/new.XXXXXX")
  chmod 755 "$new"
  unpack_debs "$apt/cache" "$new/debs"

  # The image is in /boot, or beside the modules from 7.x on; the modules moved below /usr.
  cp "$(find "$new/debs" -name 'vmlinuz*' -type f | head -n 1)" "$new/vmlinuz"
  mkdir -p "$new/lib"
  mv "$(find "$new/debs" -path '*lib/modules' -type d | head -n 1)" "$new/lib/modules"
  release=$(ls "$new/lib/modules")
  kmod depmod -b "$new" "$release"
  pack_boot_modules "$new" "$release"
  rm -r "$new/debs"
  # INVARIANT: the release file is written last, so a folder with one is complete.
  echo "$release" >"$new/release"
  mkdir -p "$CACHE/kernels"
  rm -rf "$CACHE/kernels/$name"
  mv "$new" "$CACHE/kernels/$name"
}

# pack_boot_modules KERNEL RELEASE: writes initramfs.gz with busybox and the modules, numbered in
# the order in which they load. The init script is added at boot, so that it can be edited.
pack_boot_modules() {
  local kernel=$1 root=$1/initramfs paths word path number=100
  mkdir -p "$root/bin" "$root/modules" "$root/proc" "$root/dev" "$root/host"
  cp "$CACHE/tools/bin/busybox" "$root/bin/busybox"
  paths=$(boot_module_paths "$kernel" "$2")
  while read -r word path; do
    [[ $word == insmod ]] || continue
    number=$((number + 1))
    # Decompressed here, since busybox's insmod cannot and 5.10's kernel cannot either.
    case $path in
      *.xz) "$root/bin/busybox" xzcat "$path" ;;
      *.gz) "$root/bin/busybox" zcat "$path" ;;
      *.zst) zstdcat "$path" ;;
      *) cat "$path" ;;
    esac >"$root/modules/$number-$(basename "${path%%.ko*}").ko"
  done <<<"$paths"
  (cd "$root" && find . | bin/busybox cpio -o -H newc 2>/dev/null | gzip -1) >"$kernel/initramfs.gz"
  rm -r "$root"
}

# boot_module_paths KERNEL RELEASE: `insmod PATH` or `builtin NAME` lines, dependencies first.
boot_module_paths() {
  local module
  for module in "${BOOT_MODULES[@]}"; do
    kmod modprobe -d "$1" -S "$2" -C /dev/null --show-depends "$module"
  done | awk '!seen[$0]++'
}

# --- Main ----------------------------------------------------------------------------------

setup_ext4_image() {
  local bytes=$((2 << 30))
  [[ -e $CACHE/ext4.img && $(stat -c %s "$CACHE/ext4.img") == "$bytes" ]] && return
  say 'making the ext4 image'
  rm -f "$CACHE/ext4.img.new"
  truncate -s "$bytes" "$CACHE/ext4.img.new"
  mkfs.ext4 -q -F -L actplane-vm "$CACHE/ext4.img.new"
  mv "$CACHE/ext4.img.new" "$CACHE/ext4.img"
}

main() {
  local kernels=("$@") kernel failed=()
  [[ $# -gt 0 ]] || kernels=("${MATRIX[@]}")
  mkdir -p "$CACHE"
  # Two runs at a time would unpack over each other.
  exec 9>"$CACHE/lock"
  flock 9
  rm -rf "$CACHE"/new.*
  setup_tools
  setup_ext4_image
  for kernel in "${kernels[@]}"; do
    # In the background, because bash ignores `set -e` in a function that `if` calls.
    setup_kernel "$kernel" &
    if wait $!; then
      say "kernel $kernel is $(cat "$CACHE/kernels/$kernel/release")"
    else
      say "kernel $kernel could not be set up"
      failed+=("$kernel")
    fi
  done
  # 5.10 is best effort: its suite leaves the mirrors one day, which must not fail the rest.
  [[ $# -eq 0 && ${failed[*]} == 5.10 ]] && return 0
  [[ ${#failed[@]} -eq 0 ]]
}

main "$@"
