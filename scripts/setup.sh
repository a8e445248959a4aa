#!/usr/bin/env bash
# Installs what building and testing need on Debian 12+ or Ubuntu 24.04+: packages, then node_modules.
# A second run finds nothing missing and returns in well under a second.
# Packages that only the VM tests need are installed by scripts/vm-*.sh.
source "$(dirname "$0")/env.sh"

# Names of the packages that are absent, one per line.
missing_packages() {
  local package
  for package in "$@"; do
    [[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" == installed ]] || echo "$package"
  done
}

# The clang to install, as a version number: the first offered, in the order of scripts/env.sh.
clang_version_offered() {
  local version
  for version in 19 20 21 22 18 17 16; do
    if apt-cache show "clang-$version" >/dev/null 2>&1; then
      echo "$version"
      return
    fi
  done
}

build_packages=(
  libbpf-dev libelf-dev zlib1g-dev # linked into one shared object
  libzstd-dev                      # newer libelf.a needs it
  gcc libc6-dev binutils make      # links that object, builds the probes of the tests
)
test_packages=(
  git python3 curl procps ca-certificates xz-utils
  btrfs-progs xfsprogs # file systems that share blocks between files
)
if [[ "$(. /etc/os-release && echo "$ID")" == ubuntu ]]; then
  build_packages+=(linux-tools-common) # where Ubuntu keeps bpftool
else
  build_packages+=(bpftool)
fi

install_packages() {
  command -v apt-get >/dev/null || die "only Debian and Ubuntu are supported by this script; install by hand: clang >= 16, llvm-strip, ${build_packages[*]} ${test_packages[*]}"
  local missing clang clang_version
  clang="$(clang_of_machine)"
  mapfile -t missing < <(missing_packages "${build_packages[@]}" "${test_packages[@]}" ${clang:+"$clang" "${clang/clang/llvm}"})
  if [[ -n "$clang" && ${#missing[@]} -eq 0 ]]; then return; fi
  as_root apt-get update -qq >&2
  if [[ -z "$clang" ]]; then
    clang_version="$(clang_version_offered)"
    [[ -n "$clang_version" ]] || die "this distribution offers no clang >= 16"
    missing+=("clang-$clang_version" "llvm-$clang_version")
  fi
  say "setup: installing packages: ${missing[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

# `npm install` keeps to the lock file; `npm ci` would refuse one that lacks the optional packages of other platforms,
# which npm leaves out of it where a registry does not offer them. It runs only when the lock file differs from the one
# last installed.
install_node_modules() {
  local stamp=node_modules/.installed-lock.json
  if [[ -x "$bun" ]] && cmp -s package-lock.json "$stamp"; then return; fi
  say "setup: installing node_modules from package-lock.json (npm install --ignore-scripts)"
  npm install --ignore-scripts --no-save --no-audit --no-fund >&2
  cp package-lock.json "$stamp"
}

install_packages
install_node_modules
[[ -x "$bun" ]] || die "$bun is missing after npm install"
