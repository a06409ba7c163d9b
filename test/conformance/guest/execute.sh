#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# execute.sh TABLE BOOT - in the guest: starts the units of TABLE that belong to BOOT. Per row, in the table's order, a line:
# unit, Result, kind and status of the main process's exit, ActiveState, by tabs. The systemctl to use is $CTL, sctl by default.
set -u
table=$1 boot=$2 ctl=${CTL:-sctl}
declare -A seen=()
units=/run/systemd/system data=/usr/lib/systemd/tests/testdata/test-execute

environment_file() {
  # Quoted values with blanks, a comment, a continued line, an escape: EnvironmentFile='s grammar.
  cat >"$1" <<'TEXT'
# a comment
VAR1='word1 word2'
; another one
VAR2=word3 
no assignment at all
VAR3='$word 5 6'
VAR4='new
line'
VAR5=password\with\backslashes
TEXT
}

fixture_alone() { :; }
fixture_bind_places() { mkdir -p /tmp/test-exec-bindpaths /tmp/test-exec-bindreadonlypaths; }
fixture_working_directory() { mkdir -p /tmp/test-exec_workingdirectory; }
fixture_search_path() { mkdir -p /tmp/test-exec_execsearchpath && cp /bin/ls /tmp/test-exec_execsearchpath/ls_temp; }
fixture_no_search_path() { rm -rf /tmp/test-exec_execsearchpath; }
fixture_tmp_file() { touch /tmp/test-exec_privatetmp; }
fixture_environment_file() {
  environment_file /tmp/test-exec_environmentfile.conf
  environment_file /tmp/test-exec_execsearchpath_environmentfile.conf
  environment_file /tmp/test-exec_execsearchpath_environmentfile-set.conf
  echo PATH=/usr >>/tmp/test-exec_execsearchpath_environmentfile-set.conf
}
fixture_no_state() {
  local name
  for name in waldo quux aaa xxx test-dynamicuser-migrate test-dynamicuser-migrate2; do
    rm -rf "/var/lib/$name" "/var/lib/private/$name"
  done
}
# A root directory with one program, the libraries it is linked with, and nothing else.
fixture_apivfs_drop_in() {
  local dir=$units/exec-mount-apivfs-no.service.d touch library
  touch=$(readlink -f "$(command -v touch)")
  mkdir -p "$dir" /tmp/test-exec-mount-apivfs-no/root
  {
    echo '[Service]'
    echo "ExecStart=$touch /aaa"
    echo "BindReadOnlyPaths=$touch"
    ldd "$touch" | grep -o '/[^ ]*' | while read -r library; do echo "BindReadOnlyPaths=$library"; done
  } >"$dir/bind-mount.conf"
  "$ctl" daemon-reload
}

rows=() names=()
while IFS=$'\t' read -r unit in _ _ _ fixture reason; do
  case $unit in '' | '#'*) continue ;; esac
  [ -z "$reason" ] && [ "$in" = "$boot" ] || continue
  rows+=("$unit $fixture") names+=("$unit.service")
done <"$table"

mkdir -p $units
cp -r $data/. $units/
# What a manager knows of a unit that ran is forgotten unless somebody refers to it; being ordered behind it is enough.
printf '[Unit]\nAfter=%s\n' "${names[*]}" >$units/conformance.target
"$ctl" daemon-reload && "$ctl" start conformance.target || exit 1

# show UNIT...: what is asked for, a line a unit, in their order.
show() {
  local name exit_kinds=([0]=- [1]=exited [2]=killed [3]=dumped)
  declare -A p=()
  print() { printf '%s\t%s\t%s\t%s\t%s\n' "${p[Id]%.service}" "${p[Result]-}" "${exit_kinds[${p[ExecMainCode]:-0}]:-?}" "${p[ExecMainStatus]-}" "${p[ActiveState]-}"; }
  while IFS='=' read -r key value; do
    if [ -n "$key" ]; then
      p[$key]=$value
    else
      print
      p=()
    fi
  done < <("$ctl" show -p Id -p Result -p ExecMainCode -p ExecMainStatus -p ActiveState "$@" </dev/null && echo)
}

# flush: starts what is collected, at once, and waits for it.
batch=()
flush() {
  [ ${#batch[@]} -eq 0 ] || "$ctl" start "${batch[@]}" </dev/null >/dev/null 2>&1
  batch=()
}

# Units without a fixture cannot be in each other's way and start together, a few at a time; each of the others starts alone.
for row in "${rows[@]}"; do
  unit=${row% *} fixture=${row#* }
  if [ "$fixture" = - ]; then
    batch+=("$unit.service")
    [ ${#batch[@]} -lt 8 ] || flush
    continue
  fi
  flush
  "fixture_${fixture//-/_}"
  if [ "$fixture" = no-search-path ]; then
    # The second time that this unit is on the table: the first result is told before it is gone.
    show "$unit.service" >/tmp/before
  fi
  "$ctl" start "$unit.service" </dev/null >/dev/null 2>&1
done
flush
show "${names[@]}" >/tmp/after
# In the order of the table, the first of two from before the second.
while IFS=$'\t' read -r unit rest; do
  if [ -n "${seen[$unit]-}" ] || ! grep -q "^$unit"$'\t' /tmp/before 2>/dev/null; then
    printf '%s\t%s\n' "$unit" "$rest"
  else
    grep "^$unit"$'\t' /tmp/before
    seen[$unit]=1
  fi
done </tmp/after
