#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Formatting, spelling, shell scripts, licence lines, file sizes: what a reviewer should not have to say.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
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
codespell -q 3 -L 'fo,te,nd,ot,crate,ser,inout,mut,ans,childs,ba,wit' $(git ls-files '*.md' '*.c' '*.h' '*.sh' '*.varlink' '*.yaml') || fail "codespell"
while read -r lines f; do
  [[ $f == total ]] || ((lines <= 1000)) || fail "$f: $lines lines; look for the missing wall"
done < <(wc -l "${sources[@]}")
init_lines=$(cat $(git ls-files 'init/*.c' 'init/*.h') | wc -l)
((init_lines <= 2600)) || fail "init/ has $init_lines lines"

if ((failed)); then echo "0 passed, $failed failed"; exit 1; fi
echo "style: ${#sources[@]} C files, ${#scripts[@]} scripts checked"
