#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The host keys of a machine, by the real program: below --root in an image without ssh-keygen, and as the machine's ssh-keygen and (where
# it is here) sshd take them. Argument: the program.
set -euo pipefail

if [[ ${1:-} != --inside ]]; then
  ((EUID == 0)) || { echo "SKIP: needs root"; exit 77; }
  command -v ssh-keygen >/dev/null || { echo "SKIP: this machine has no ssh-keygen"; exit 77; }
  unshare -mnu true 2>/dev/null || { echo "SKIP: no new namespaces here"; exit 77; }
  exec unshare -mnu bash "$0" --inside "$1"
fi
program=$2
failed=0
check() { # NAME GOT WANTED
  [[ $2 == "$3" ]] && { echo "ok: $1"; return; }
  echo "FAILED: $1: got \"$2\", wanted \"$3\""
  failed=1
}

mount --make-rprivate /
work=$(mktemp -d)
trap 'umount -l "$work"; rmdir "$work"' EXIT
mount -t tmpfs tmpfs "$work"
hostname keys-here
image=$work/image
ssh=$image/etc/ssh
mkdir -p "$image"/{etc/ssh,usr/sbin,var/lib/cloud/seed/nocloud}
printf '#!/bin/sh\nexit 1\n' >"$image/usr/sbin/sshd"
chmod 755 "$image/usr/sbin/sshd"
echo 'root:x:0:0:root:/root:/bin/sh' >"$image/etc/passwd"
echo old >"$ssh/ssh_host_rsa_key"
printf 'instance-id: i-keys\n' >"$image/var/lib/cloud/seed/nocloud/meta-data"
printf '#cloud-config\nusers: []\nssh: {emit_keys_to_console: false}\n' >"$image/var/lib/cloud/seed/nocloud/user-data"
keys() { (cd "$ssh" && echo ssh_host_*); }
umask 022

"$program" apply --root "$image" || true
check "the quick kinds come first, and the image's own keys are gone" "$(keys)" "ssh_host_ecdsa_key ssh_host_ecdsa_key.pub ssh_host_ed25519_key ssh_host_ed25519_key.pub"
"$program" final --stage host-keys --root "$image" || true
for kind in ed25519:256:ED25519 ecdsa:256:ECDSA rsa:3072:RSA; do
  IFS=: read -r kind bits name <<<"$kind"
  key=$ssh/ssh_host_${kind}_key
  check "$kind: modes and owners" "$(stat -c '%a %u %g' "$key" "$key.pub" | tr '\n' ' ')" "600 0 0 644 0 0 "
  check "$kind: the public half is the private one's" "$(ssh-keygen -y -f "$key")" "$(cat "$key.pub")"
  check "$kind: length, comment, kind" "$(ssh-keygen -l -f "$key" | cut -d' ' -f1,3-)" "$bits root@keys-here ($name)"
done
check "nothing else is there" "$(find "$ssh" -mindepth 1 | wc -l)" 6
before=$(cat "$ssh"/*)
"$program" apply --root "$image" || true
check "a second boot keeps them" "$(cat "$ssh"/*)" "$before"

sshd=$(PATH=$PATH:/usr/sbin command -v "${SSHD:-sshd}" || true)
if [[ -n $sshd ]]; then
  # Its folder and its user, which an image of sshd's package has.
  mount -t tmpfs tmpfs /run
  mkdir /run/sshd
  { grep -v '^sshd:' /etc/passwd; echo 'sshd:x:100:65534::/run/sshd:/usr/sbin/nologin'; } >"$work/passwd"
  mount --bind "$work/passwd" /etc/passwd
  for kind in ed25519 ecdsa rsa; do printf 'HostKey %s/ssh_host_%s_key\n' "$ssh" $kind; done >"$work/sshd_config"
  status=0; "$sshd" -t -f "$work/sshd_config" >"$work/said" 2>&1 || status=$?
  check "sshd takes them" "$status $(cat "$work/said")" "0 "
else
  echo "not here: sshd"
fi
exit $failed
