#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# System credentials: a machine is given secrets by its firmware and its kernel command line, and a service loads them by name.
# shellcheck disable=SC2154  # lib.sh sets vm_work and its like
source "$(dirname "$0")/lib.sh"
m='' # vm_start's

image=$(vm_our_image) || skip_all "no build or package of our init"
vm_start m --image "$image" --smbios type=11,value=io.systemd.credential:one=of-smbios,value=io.systemd.credential.binary:four=AGJpbg== \
  --append 'systemd.set_credential=two:of-cmdline systemd.set_credential=one:late' \
  --qemu-arg -fw_cfg --qemu-arg name=opt/io.systemd.credentials/three,string=of-fw-cfg || { fail "the machine boots"; done_testing; }
within 120 vm_settled "$m" sctl || note "not settled: $(vmctl exec "$m" -- sctl list-jobs 2>&1)"

is "root alone may look" "$(vmctl exec "$m" -- stat -c '%a %U' /run/credentials/@system)" "700 root"
is "they are there, the first source winning" "$(vmctl sh "$m" 'cd /run/credentials/@system && cat one two three')" of-smbiosof-cmdlineof-fw-cfg
is "binary ones are decoded" "$(vmctl sh "$m" 'od -An -c /run/credentials/@system/four | tr -d " "')" '\0bin'
cat >"$vm_work/credentials.service" <<'UNIT'
[Unit]
AssertCredential=two
[Service]
Type=oneshot
User=nobody
LoadCredential=one
LoadCredential=renamed:three
ExecStart=sh -c 'test "$(cat $CREDENTIALS_DIRECTORY/one) $(cat $CREDENTIALS_DIRECTORY/renamed)" = "of-smbios of-fw-cfg"'
UNIT
vmctl put "$m" "$vm_work/credentials.service" /run/systemd/system/credentials.service 0644
ok "a service gets those that it names" vmctl sh "$m" 'sctl daemon-reload && sctl start credentials.service'
before=$(vmctl sh "$m" 'stat -c "%i %Y" /run/credentials/@system/*')
vmctl sh "$m" 'pkill -KILL -x core; sleep 3' >/dev/null 2>&1
ok "core is back" within 30 vm_settled "$m" sctl
is "a core that follows leaves them alone" "$(vmctl sh "$m" 'stat -c "%i %Y" /run/credentials/@system/*')" "$before"
done_testing
