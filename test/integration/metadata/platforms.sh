#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# "apply" on machines of Google, Azure (with its fabric), Oracle, IBM Cloud and Firecracker: as services.sh. Argument: the program.
# shellcheck disable=SC2034,SC2154  # services-lib.sh's
set -euo pipefail

if [[ ${1:-} != --inside ]]; then
  ((EUID == 0)) || { echo "SKIP: needs root"; exit 77; }
  unshare -mnup --fork true 2>/dev/null || { echo "SKIP: no new namespaces here"; exit 77; }
  for tool in dnsmasq python3 jq ip; do command -v $tool >/dev/null || { echo "SKIP: no $tool here"; exit 77; }; done
  exec unshare -mnup --fork --kill-child bash "$0" --inside "$1" "$(dirname "$(realpath "$0")")"
fi
program=$2 here=$3
# The fabric has an address of its own.
service_addresses=(169.254.169.254 168.63.129.16 10.2.0.17)
# shellcheck source=services-lib.sh
source "$here/services-lib.sh"
cloud_init=$work/cloud-init
ln -s "$program" "$cloud_init"
query() { "$cloud_init" query "$1" 2>/dev/null; }
ip link del eth0 # what a wrong first interface costs is shown by services.sh

# What a service can do, one after the other; each ends in its time and says so.
failures() { # WHAT ROUTES-FUNCTION SECONDS
  local how
  for how in busy limit cut; do
    "$2" $how; echo $how 2 >"$work/mode"; fresh; boot
    check "$1, $how for two requests: user data" "$(cat /root/of 2>/dev/null)" $how
    less "$1, $how: time" $took "$3"
  done
  for how in loop refuse silent; do
    "$2" $how; echo $how >"$work/mode"; fresh; boot
    check "$1, $how: it is not applied" "$(cat /root/of 2>/dev/null)" ""
    less "$1, $how: the boot goes on in time" $took "$3"
    check "$1, $how: and says so" "$(jq -r '[.findings[].text | select(test("the boot goes on"))] | length' /run/sysmaster/metadata/result.json)" 1
  done
  echo good >"$work/mode"
}

# ---- Google ----
gce() { # WORD
  jq -n --arg user "$(user_data "$1" | base64 -w 0)" '{require: {"Metadata-Flavor": "Google"}, "/computeMetadata/v1/instance/id": "4711", "/computeMetadata/v1/instance/zone": "projects/1/zones/europe-north1-a",
    "/computeMetadata/v1/instance/hostname": "gce-host.c.project.internal",
    "/computeMetadata/v1/instance/attributes/?recursive=True": ({"user-data": $user, "user-data-encoding": "base64", "ssh-keys": "debian:ssh-ed25519 AAAAown own\nother:ssh-ed25519 AAAAother other"} | tojson),
    "/computeMetadata/v1/project/attributes/?recursive=True": ({"ssh-keys": "debian:ssh-rsa AAAAproject project"} | tojson)}' >"$work/routes"
}
dmi product_name="Google Compute Engine" product_serial=GoogleCloud-0123456789
pin GCE 10
gce first; fresh; boot
check "GCE: status, user data, name" "$status $(cat /root/of 2>/dev/null) $(hostname)" "0 first gce-host"
check "GCE: zone" "$(query v1.availability_zone)" europe-north1-a
check "GCE: its own keys and the project's, and nobody else's" "$(query v1.public_ssh_keys.0; query v1.public_ssh_keys.1; query v1.public_ssh_keys.2)" $'ssh-ed25519 AAAAown own\nssh-rsa AAAAproject project'
check "GCE: each request once" "$(sort "$work/requests" | uniq -d | wc -l)" 0
failures GCE gce 25

# ---- Oracle ----
oracle() { # WORD [VERSION]
  jq -n --arg user "$(user_data "$1" | base64 -w 0)" --arg v "${2:-v2}" '{("/opc/" + $v + "/instance/"): ({id: "ocid1.instance", hostname: "oci-host", ociAdName: "AD-1", displayName: "d",
    metadata: {ssh_authorized_keys: "ssh-ed25519 AAAAoci oci", user_data: $user}} | tojson), ("/opc/" + $v + "/vnics/"): ([{macAddr: "02:00:00:00:02:02", privateIp: "10.2.0.50", subnetCidrBlock: "10.2.0.0/24"}] | tojson)}
    + if $v == "v2" then {require: {"Authorization": "Bearer Oracle"}} else {} end' >"$work/routes"
}
dmi chassis_asset_tag=OracleCloud.com product_uuid=83679162-1378-4288-a2d4-70e13ec132aa
pin Oracle 10
oracle first; fresh; boot
check "Oracle: status, user data, name" "$status $(cat /root/of 2>/dev/null) $(hostname)" "0 first oci-host"
check "Oracle: zone, key" "$(query v1.availability_zone; query v1.public_ssh_keys.0)" $'AD-1\nssh-ed25519 AAAAoci oci'
check "Oracle: the lease, and its large packets" "$(addresses eth1) $(ip -j link show eth1 | jq '.[0].mtu')" "10.2.0.50/24 9000"
oracle old v1; fresh; boot
check "Oracle, only version 1: status, user data" "$status $(cat /root/of 2>/dev/null)" "0 old"
failures Oracle oracle 25

# ---- IBM Cloud VPC ----
ibm() { # WORD
  jq -n --arg user "$(user_data "$1")" '{token: {path: "/instance_identity/v1/token?version=2022-03-01", header: "Authorization", prefix: "Bearer ", require: {"Metadata-Flavor": "ibm"}, body: "{\"expires_in\": 3600}", form: "{\"access_token\": \"%s\"}"},
    "/metadata/v1/instance?version=2022-03-01": ({id: "0717_4711", name: "vpc-host", zone: {name: "eu-de-2"}, profile: {name: "bx2-2x8"}} | tojson),
    "/metadata/v1/instance/initialization?version=2022-03-01": ({keys: [{name: "k"}], user_data: $user} | tojson),
    "/metadata/v1/keys?version=2022-03-01": ({keys: [{name: "k", public_key: "ssh-ed25519 AAAAibm ibm"}]} | tojson)}' >"$work/routes"
}
dmi chassis_vendor="IBM:Cloud Compute Server 1.0:bx2-2x8" chassis_asset_tag=ibmcloud
pin IBMCloud 10
ibm first; fresh; boot
check "IBM Cloud VPC: status, user data, name" "$status $(cat /root/of 2>/dev/null) $(hostname)" "0 first vpc-host"
check "IBM Cloud VPC: the source, region, zone, key" "$(query v1.cloud_id; query v1.region; query v1.availability_zone; query v1.public_ssh_keys.0)" $'ibmcloud\neu-de\neu-de-2\nssh-ed25519 AAAAibm ibm'
check "IBM Cloud VPC: one token, each document once" "$(cut -d' ' -f1,2 "$work/requests" | sort | uniq -c | awk '{print $1, $2}' | sort | uniq -c | awk '{print $1, $2, $3}' | tr '\n' ' ')" "3 1 GET 1 1 PUT "
# Its medium, which most have, needs no service.
echo 'datasource_list: [NoCloud, IBMCloud]' >/etc/cloud/cloud.cfg.d/90-test.cfg
ibm unread; fresh; mkdir -p /var/lib/cloud/seed/nocloud
printf 'instance-id: i-medium\nlocal-hostname: medium-host\n' >/var/lib/cloud/seed/nocloud/meta-data; user_data medium >/var/lib/cloud/seed/nocloud/user-data
boot
check "IBM Cloud VPC, with a medium: it is read" "$status $(cat /root/of 2>/dev/null) $(hostname)" "0 medium medium-host"
check "IBM Cloud VPC, with a medium: nobody is asked" "$(wc -l <"$work/requests")" 0
pin IBMCloud 10
failures "IBM Cloud VPC" ibm 25

# ---- Firecracker: nothing identifies it, the line or the configuration names it ----
mmds() { # WORD [TOKEN-HEADER]
  jq -n --arg user "$(user_data "$1")" --arg token "${2:-}" '{"/latest/meta-data": "instance-id: i-mmds\nlocal-hostname: mmds-host\n", "/latest/user-data": $user}
    + if $token == "" then {} else {token: $token} end' >"$work/routes"
}
mmds2() { mmds "$1" X-metadata-token; }
dmi
printf 'datasource_list: [NoCloud]\ndatasource: {NoCloud: {seedfrom: "http://169.254.169.254/latest/", max_wait: 10}}\n' >/etc/cloud/cloud.cfg.d/90-test.cfg
mmds first; fresh; boot
check "MMDS 1: status, user data, name" "$status $(cat /root/of 2>/dev/null) $(hostname)" "0 first mmds-host"
check "MMDS 1: no token was asked for" "$(grep -c PUT "$work/requests")" 0
mmds2 second; fresh; boot
check "MMDS 2: status, user data" "$status $(cat /root/of 2>/dev/null)" "0 second"
check "MMDS 2: one token" "$(grep -c 'PUT /latest/api/token' "$work/requests")" 1
failures "MMDS 2" mmds2 25

# ---- Azure ----
azure() { # WORD
  jq -n --arg user "$(user_data "$1" | base64 -w 0)" '{require: {}, "/metadata/instance?api-version=2021-08-01&extended=true": ({compute: {name: "n", location: "northeurope", vmId: "x", osProfile: {adminUsername: "azadmin",
      computerName: "az-host", disablePasswordAuthentication: "true"}, publicKeys: [{keyData: "ssh-ed25519 AAAAaz az", path: "x"}], userData: $user},
      network: {interface: [{macAddress: "020000000202", ipv4: {ipAddress: [{privateIpAddress: "10.2.0.50", publicIpAddress: ""}], subnet: [{address: "10.2.0.0", prefix: "24"}]}, ipv6: {ipAddress: []}}]}} | tojson),
    "/machine/?comp=goalstate": "<?xml version=\"1.0\" encoding=\"utf-8\"?><GoalState><Version>1</Version><Incarnation>7</Incarnation><Container><ContainerId>c-1</ContainerId><RoleInstanceList><RoleInstance><InstanceId>r-1</InstanceId></RoleInstance></RoleInstanceList></Container></GoalState>"}' >"$work/routes"
}
posted() { cat "$work/requests.posted" 2>/dev/null || true; }
dmi chassis_asset_tag=7783-7084-3265-9085-8269-3286-77 product_uuid=83679162-1378-4288-a2d4-70e13ec132aa sys_vendor="Microsoft Corporation"
pin Azure 20
azure first; fresh; rm -f "$work/requests.posted"; boot
check "Azure: status, user data, name" "$status $(cat /root/of 2>/dev/null) $(hostname)" "0 first az-host"
check "Azure: key" "$(query v1.public_ssh_keys.0)" "ssh-ed25519 AAAAaz az"
check "Azure: the fabric hears of it once, of this goal" "$(posted | grep -oE '<(State|GoalStateIncarnation|ContainerId|InstanceId)>[^<]*' | tr '\n' ' ')" "<GoalStateIncarnation>7 <ContainerId>c-1 <InstanceId>r-1 <State>Ready "
check "Azure: the lease of the search is used, under the name that interfaces have there" "$(addresses eth0)" 10.2.0.50/24

# The medium says who comes, and its password is nowhere but as a hash.
mkdir -p /var/lib/cloud/seed/azure
medium() { # WORD
  mkdir -p /var/lib/cloud/seed/azure
  cat >/var/lib/cloud/seed/azure/ovf-env.xml <<X
<?xml version="1.0" encoding="utf-8"?>
<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:wa="http://schemas.microsoft.com/windowsazure"><wa:ProvisioningSection><wa:Version>1.0</wa:Version>
<LinuxProvisioningConfigurationSet xmlns="http://schemas.microsoft.com/windowsazure"><ConfigurationSetType>LinuxProvisioningConfiguration</ConfigurationSetType>
<HostName>ovf-host</HostName><UserName>ovfuser</UserName><UserPassword>0vf-S3cret-word</UserPassword><DisableSshPasswordAuthentication>false</DisableSshPasswordAuthentication>
<CustomData>$(user_data "$1" | base64 -w 0)</CustomData></LinuxProvisioningConfigurationSet></wa:ProvisioningSection>
<wa:PlatformSettingsSection><wa:Version>1.0</wa:Version><PlatformSettings xmlns="http://schemas.microsoft.com/windowsazure"><ProvisionGuestAgent>true</ProvisionGuestAgent></PlatformSettings></wa:PlatformSettingsSection></Environment>
X
}
azure of-imds; fresh; medium of-medium; boot
check "Azure: the medium's user data counts more" "$(cat /root/of 2>/dev/null)" of-medium

# The fabric of another address, which DHCP tells; and one that is not there.
azure option; fresh; rm -f "$work/requests.posted"
nsenter -t "$right" -n ip addr del 168.63.129.16/32 dev lo
dhcp_server right 2 --dhcp-option-force=245,0a:02:00:11
boot
check "Azure: the fabric that DHCP names hears of it" "$(cat /root/of 2>/dev/null) $(posted | grep -c '<State>Ready</State>')" "option 1"
dhcp_server right 2
azure unreported; fresh; rm -f "$work/requests.posted"; boot
check "Azure: no fabric: it is applied all the same, and said" "$(cat /root/of 2>/dev/null) $(posted | wc -c) $(jq -r '[.findings[].text | select(test("could not be told"))] | length' /run/sysmaster/metadata/apply.json)" "unreported 0 1"
less "Azure: no fabric: time" $took 120
nsenter -t "$right" -n ip addr add 168.63.129.16/32 dev lo
for how in busy limit cut; do
  azure $how; echo $how 2 >"$work/mode"; fresh; boot
  check "Azure, $how for two requests: user data" "$(cat /root/of 2>/dev/null)" $how
  less "Azure, $how: time" $took 60
done
for how in refuse silent; do
  azure $how; echo $how >"$work/mode"; fresh; boot
  check "Azure, $how: it is not applied" "$(cat /root/of 2>/dev/null)" ""
  less "Azure, $how: the boot goes on in time" $took 60
done

# Secrets.
check "no secret in the log" "$(grep -cE 's3cr3t-word|tokenvalue|0vf-S3cret-word' "$work/log")" 0
check "none in what all may read" "$(find /run/sysmaster /run/cloud-init /var/lib/sysmaster /var/lib/cloud -path /var/lib/cloud/seed -prune -o -type f -perm -004 -exec grep -lE 's3cr3t-word|tokenvalue|0vf-S3cret-word' {} + | wc -l)" 0
if ((failed)); then tail -n 60 "$work/log"; fi
exit $failed
