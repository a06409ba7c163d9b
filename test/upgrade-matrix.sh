#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The last three released versions and this tree against each other: init and core of each are built from the history, and for every pair of
# them core and init go there and back while services run (integration.core.upgrade says under what load). Usage: upgrade-matrix.sh BUILD TEST
set -euo pipefail

build=$(realpath "$1")
test=$(realpath "$2")
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
into=$top/build/releases
rounds=${UPGRADE_ROUNDS:-2}

# As this tree builds them, but under their own version.
build_release() {
  local version=$1 commit=$2 dir=$into/$1-${2:0:12}
  [[ -x $dir/bin/core-exec ]] && return
  rm -rf "$dir"
  mkdir -p "$dir/source" "$dir/bin"
  git -C "$top" archive "$commit" | tar -x -C "$dir/source"
  (
    cd "$dir/source"
    cmake --preset release -B "$dir/build" -DLTO=OFF -DSYSMASTER_VERSION="$version"
    ninja -C "$dir/build" core init core-exec
  ) >"$dir/log" 2>&1 || { tail -n 20 "$dir/log" >&2; return 1; }
  cp "$dir/build/core/core" "$dir/build/init/init" "$(find "$dir/build" -name core-exec -type f)" "$dir/bin/"
  rm -rf "$dir/build" "$dir/source"
}

names=() dirs=()
while read -r version commit; do
  [[ $version == "#"* ]] && continue
  if ! git -C "$top" cat-file -e "$commit^{commit}" 2>/dev/null; then
    echo "SKIP: the history has no commit $commit"
    exit 77
  fi
  build_release "$version" "$commit"
  names+=("$version") dirs+=("$into/$version-${commit:0:12}/bin")
done < <(tail -n 4 "$top/test/fixtures/releases")
mkdir -p "$into/this"
cp "$build/core/core" "$build/init/init" "$(find "$build" -name core-exec -type f)" "$into/this/"
this=$("$into/this/core" --version)
names+=("$this") dirs+=("$into/this")

failed=0
for ((i = 0; i < ${#names[@]}; i++)); do
  for ((j = i + 1; j < ${#names[@]}; j++)); do
    log=$into/${names[i]}-${names[j]}.log
    if UPGRADE_ROUNDS=$rounds UPGRADE_THERE="${names[i]} ${dirs[i]}" UPGRADE_BACK="${names[j]} ${dirs[j]}" "$test" upgrade__there >"$log" 2>&1; then
      printf '%-6s <-> %-6s ok  %s\n' "${names[i]}" "${names[j]}" "$(grep -aoE '\([0-9]+ rounds.*\)' "$log")"
    else
      printf '%-6s <-> %-6s FAILED\n' "${names[i]}" "${names[j]}"
      tail -n 40 "$log"
      failed=1
    fi
  done
done
exit $failed
