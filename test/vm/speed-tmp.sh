source "$(dirname "$0")/lib.sh"
m=''
image=$(VM_IMAGE_NAME=speed vm_our_image --copy /tmp/speed-prof/acct:/etc/systemd/system-generators/00-acct --copy /tmp/speed-prof/report:/usr/lib/bench/report --copy "$vm_top/test/bench/bare-init.sh:/usr/lib/bench/bare-init.sh") || exit 1
for kind in ${KINDS:-ours systemd}; do
echo "#### $kind load $(cat /proc/loadavg)"
starter=vm_start; ctl=sctl; [ $kind = ours ] || { starter=vm_start_systemd; ctl=systemctl; }
$starter m --image "$image" || exit 1
within 100 vm_settled "$m" $ctl
vmctl sh "$m" -t 60 '/usr/lib/bench/report' 
[ $kind = ours ] && vmctl sh "$m" -t 60 'sctl analyze; sctl analyze blame | head -50'
[ $kind = ours ] && vmctl sh "$m" -t 100 'sctl list-units --all --plain --no-legend | awk "{print \$1}" | xargs sctl show -p Id -p InactiveExitTimestampMonotonic -p ActiveEnterTimestampMonotonic'
vmctl console "$m" | tail -150
vmctl stop "$m"
done
