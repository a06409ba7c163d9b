#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The one door to building, testing, measuring and showing sysmaster. "./build.sh help" lists what it can do.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$top"
jobs=$(nproc)
base_version=0.1.0

# verb | arguments | what it does
verbs=(
  "deps||install every package that building and testing needs (Debian 12, root)"
  "build|[PRESET]|configure and build: release (default), debug, asan, fuzz, coverage, analyze"
  "test|[LABEL]|build and run all tests but the nightly ones, or those of one label: style unit oracle fuzz integration chaos vm conformance nightly"
  "check||formatting, spelling, shell scripts, static analysis"
  "package|[VERSION]|the .deb packages, into build/package/"
  "image||the Debian VM image with our package, into build/images/"
  "run|[--keep]|the whole story: two VMs under our init, a controller, healing, hot upgrade, roll-back"
  "bench|[NAME]|measure side by side: boot, spawn, scale; natively: scale-native, restart, idle, takeover, upgrade"
  "conformance|[SUITE]|Debian's test data and packages under our core: test-execute, packages, show"
  "chaos|[SECONDS]|faults of every kind against init and core, checked after each; --faults N, --walk K, --many N, --only KIND, --update-docs; --vm [SECONDS | --lies]: of a whole machine"
  "fuzz|[SECONDS]|every fuzz target for that long (default 10 each)"
  "clean||remove build/ but the cache of downloaded images"
)

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

help() {
  echo "usage: ./build.sh VERB [ARGUMENT]"
  echo
  local row verb arguments text
  for row in "${verbs[@]}"; do
    IFS='|' read -r verb arguments text <<<"$row"
    printf '  %-12s %-10s %s\n' "$verb" "$arguments" "$text"
  done
}

# Shows one verb's line and leaves, for "./build.sh VERB --help".
help_verb() {
  local row
  for row in "${verbs[@]}"; do
    [[ $row == "$1|"* ]] && { IFS='|' read -r verb arguments text <<<"$row"; echo "usage: ./build.sh $verb $arguments"; echo "  $text"; return; }
  done
  die "no such verb: $1 (try ./build.sh help)"
}

packages=(
  build-essential cmake ninja-build pkg-config git ca-certificates
  clang clang-format clang-tidy libclang-rt-14-dev valgrind codespell shellcheck
  libcjson-dev libcunit1-dev liblmdb-dev libseccomp-dev libcap-dev libmount-dev libblkid-dev libkmod-dev
  libsystemd-dev dbus libglib2.0-bin libcurl4-openssl-dev libssl-dev libhttp-parser-dev libsqlite3-dev libarchive-dev libyaml-dev libexpat1-dev zlib1g-dev nettle-dev libgmp-dev libnl-3-dev libvirt-dev
  qemu-system-x86 qemu-utils mmdebstrap fdisk e2fsprogs genisoimage mtools dosfstools cpio zstd xz-utils
  curl jq socat minisign kmod dpkg-dev file procps iproute2 dnsmasq-base systemd openssh-client libvirt-daemon-system
)

verb_deps() {
  local missing=() p
  for p in "${packages[@]}"; do
    dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null | grep -q '^installed$' || missing+=("$p")
  done
  ((${#missing[@]})) || return 0
  ((EUID == 0)) || die "missing packages, and only root can install them: ${missing[*]}"
  say "Installing ${#missing[@]} packages"
  apt-get update -q >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
}

configure() { # PRESET DIRECTORY [ARGUMENT...]
  local preset=$1 directory=$2
  shift 2
  cmake --preset "$preset" -B "$directory" "$@" >"$directory.log" 2>&1 || { tail -n 30 "$directory.log"; die "configuring $preset failed"; }
}

verb_build() {
  local preset=${1:-release}
  verb_deps
  mkdir -p build
  say "Building $preset"
  configure "$preset" "build/$preset"
  cmake --build "build/$preset" -j "$jobs"
}

# What the tests run on: release flags, but without the slow links of LTO.
build_for_tests() {
  verb_deps
  mkdir -p build
  say "Building"
  configure release build/test -DLTO=OFF -DSYSMASTER_VERSION="$base_version"
  cmake --build build/test -j "$jobs" --target all tests
}

verb_package() {
  local version=${1:-$base_version}
  verb_deps
  mkdir -p build
  say "Packaging $version"
  configure release build/package-build -DLTO=ON -DSYSMASTER_VERSION="$version"
  cmake --build build/package-build -j "$jobs"
  (cd build/package-build && cpack -G DEB -B "$top/build/package" >/dev/null)
  ls build/package/*"$version"*.deb
}

verb_image() {
  build_for_tests
  (cd build/test && rm -rf package && cpack -G DEB -B package >/dev/null)
  test/vm/image.sh --programs build/test/test/vm --deb build/test/package/sysmaster_"$base_version"_*.deb sysmaster
}

verb_test() {
  local label=${1:-}
  build_for_tests
  [[ -n $label && $label != style ]] || verb_check
  [[ $label != style ]] || return 0
  if [[ -z $label || $label == unit || $label == fuzz ]]; then
    # The unit tests and the fuzz corpora run a second time, with the address and undefined-behaviour sanitizers.
    say "Building with sanitizers"
    configure asan build/asan
    cmake --build build/asan -j "$jobs" --target tests
    say "Tests under sanitizers"
    ctest --test-dir build/asan -L '^(unit|fuzz)$' -j "$jobs" --output-on-failure --no-tests=error
  fi
  if [[ -z $label || $label == chaos ]]; then
    say "Faults"
    build_chaos
    ctest --test-dir build/chaos -L '^chaos$' --output-on-failure --no-tests=error
    [[ -z $label ]] || return 0
  fi
  say "Tests"
  # Those of the label nightly take minutes each, and are run when they are asked for.
  local selection=(-LE '^nightly$')
  [[ -z $label ]] || selection=(-L "^$label\$")
  ctest --test-dir build/test "${selection[@]}" -j "$jobs" --output-on-failure --no-tests=error
}

verb_check() {
  verb_deps
  test/style.sh
}

verb_run() { verb_deps; exec test/demo/run.sh "$@"; }

verb_bench() {
  local name=${1:-}
  [[ -n $name ]] || { echo "benchmarks: $(grep -lE '^(bench_init [a-z]|measure )' test/bench/*.sh | xargs -n 1 basename -s .sh | tr '\n' ' ')"; return 0; }
  [[ -x test/bench/$name.sh ]] || die "no such benchmark: $name"
  build_for_tests
  shift
  VM_BIN=$top/build/test/test/vm VM_BUILD=$top/build/test test/bench/"$name".sh "$@"
}

# A core with crash points; nothing of this build is ever installed.
build_chaos() {
  mkdir -p build
  configure chaos build/chaos -DSYSMASTER_VERSION="$base_version"
  cmake --build build/chaos -j "$jobs" --target core init core-exec chaos chaos-service
}

verb_chaos() {
  verb_deps
  if [[ ${1:-} == --vm ]]; then
    shift
    build_for_tests
    build_chaos
    VM_BIN=$top/build/test/test/vm VM_BUILD=$top/build/test CHAOS_BUILD=$top/build/chaos test/chaos/machine.sh "$@"
    return
  fi
  say "Building with crash points"
  build_chaos
  test/chaos/chaos.sh build/chaos/test/chaos/chaos "$@"
}

# A suite is test/conformance/SUITE.sh; "test-execute" is the name that the data's own package gives to "execute".
verb_conformance() {
  local suite=${1:-}
  [[ -n $suite ]] || { echo "suites: $(find test/conformance -maxdepth 1 -name '*.sh' ! -name lib.sh -printf '%f\n' | sed 's/\.sh$//' | sort | tr '\n' ' ')"; return 0; }
  suite=${suite#test-}
  [[ -x test/conformance/$suite.sh ]] || die "no such suite: $suite"
  build_for_tests
  shift
  VM_BIN=$top/build/test/test/vm VM_BUILD=$top/build/test test/conformance/"$suite".sh "$@"
}

verb_fuzz() {
  local seconds=${1:-10} target name
  verb_deps
  mkdir -p build
  say "Building with libFuzzer"
  configure fuzz build/fuzz
  cmake --build build/fuzz -j "$jobs" --target fuzzers
  for target in $(find build/fuzz -type f -name 'fuzz-*' -executable | sort); do
    name=${target##*/fuzz-}
    say "fuzz $name for $seconds s"
    mkdir -p "build/fuzz-corpus/$name"
    "$target" -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=10 -print_final_stats=0 \
      "build/fuzz-corpus/$name" "test/fuzz/corpus/$name" >"build/fuzz-corpus/$name.log" 2>&1 \
      || { tail -40 "build/fuzz-corpus/$name.log"; die "fuzz $name found something"; }
  done
}

verb_clean() { find build -mindepth 1 -maxdepth 1 ! -name cache -exec rm -rf {} +; }

verb=${1:-help}
shift || true
case $verb in
help | -h | --help) help; exit 0 ;;
esac
declare -F "verb_$verb" >/dev/null || die "no such verb: $verb (try ./build.sh help)"
[[ ${1:-} == --help ]] && { help_verb "$verb"; exit 0; }
"verb_$verb" "$@"
