#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Formatting, spelling, shell scripts, licence lines, file sizes: what a reviewer should not have to say.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
failed=0
fail() { echo "style: $*"; failed=$((failed + 1)); }

mapfile -t sources < <(git ls-files '*.c' '*.h')
mapfile -t scripts < <(git ls-files '*.sh' build.sh .ci/run)

# A table or a contract may fence itself off with "clang-format off"; all else is formatted.
clang-format --dry-run --Werror "${sources[@]}" 2>build/style.log || { head -20 build/style.log; fail "run clang-format -i on the files above"; }
for f in "${sources[@]}"; do
  IFS= read -r first <"$f"
  [[ $first == "// SPDX-License-Identifier: Apache-2.0" ]] || fail "$f: the first line is not the SPDX line"
done
shellcheck -S warning "${scripts[@]}" || fail "shellcheck"
git ls-files '*.md' '*.c' '*.h' '*.sh' '*.varlink' '*.yaml' |
  xargs codespell -q 3 -L 'fo,te,nd,ot,crate,ser,inout,mut,ans,childs,ba,wit,reenable,statics,anually,nknown,doas,chage' || fail "codespell"
while read -r lines f; do
  [[ $f == total ]] || ((lines <= 1100)) || fail "$f: $lines lines; look for the missing wall"
done < <(wc -l "${sources[@]}")
# clang-tidy, on the newest build's commands less what only gcc knows. Every check that is on is an error (.clang-tidy).
commands=$(ls -1t build/*/compile_commands.json 2>/dev/null | head -n 1)
if [[ -n $commands ]]; then
  mkdir -p build/tidy
  sed 's/-ftrivial-auto-var-init=zero//g' "$commands" >build/tidy/compile_commands.json
  # Files of another kind of build (crash points) have no command here.
  git ls-files 'init/*.c' 'core/*.c' 'agents/*.c' 'metadata/*.c' 'sctl/*.c' 'fleetctl/*.c' |
    while read -r f; do ! grep -qF "/$f\"" build/tidy/compile_commands.json || echo "$f"; done |
    xargs -P "$(nproc)" -n 20 clang-tidy -p build/tidy --quiet --extra-arg=-Wno-unknown-warning-option >build/tidy.log 2>/dev/null ||
    { grep -E 'warning:|error:' build/tidy.log | head -n 20; fail "clang-tidy"; }
fi

if ((failed)); then echo "0 passed, $failed failed"; exit 1; fi
echo "style: ${#sources[@]} C files, ${#scripts[@]} scripts checked"
