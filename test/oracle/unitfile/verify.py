# SPDX-License-Identifier: Apache-2.0
"""Values of directives against systemd-analyze verify: each in a drop-in of its own, refused or not by both."""
import os
import re
import subprocess
import tempfile

import oracle
from oracle import RANDOM as R

oracle.need("systemd-analyze")
MANAGER = "/lib/systemd/systemd"
if not os.access(MANAGER, os.X_OK):
    print(f"SKIP: no {MANAGER}")
    raise SystemExit(77)

VALUES = """|yes|no|maybe|1|0|-1|5|42|255|256|65535|65536|4294967295|4294967296|18446744073709551615|0x10|010|0644|07777|8888|+3|1.5|infinity|5s|0s|2min 3s
5 parsecs|-5s|10%|0%|100%|150%|12.34%|%%|%n|%i|%I|%Z|50%%|1K|4M|2G 512M|512M 2G|1.5G|1X|-1K|100:200|200:100|infinity:5|5:infinity|1:2:3|/|/abs/path|//double//slash/|/dot/../dot
relative/path|-/abs|+/abs|-+/abs|+-/abs|~|-~|/a:/b|/a:/b:rbind|/a:/b:norbind|/a:/b:nonsense|/a:rw|/a /b|"/a b"|'/a b'|"unbalanced|foo\\|foo\\x20bar|foo\\qbar|a b c|a;b|; a|FOO=bar
FOO=bar BAZ="x y"|1FOO=bar|FOO|foo.service|foo.service bar.target|foo@.service|foo@bar.service|foo|foo.slice|a-b.slice|-.slice|a--b.slice|foo.socket|..service
none|all|main|exec|mixed|control-group|process|always|on-failure|on-watchdog|never|simple|notify|oneshot|idle|dbus|forking|notify-reload|SIGTERM|TERM|9|SIGNOPE|RTMIN+3|SIGRTMAX|64|65
root|nobody|no such|with:colon|-dash|1000|65535|4294967295|0777|a.b|name.with.dots|CAP_SYS_ADMIN|CAP_SYS_ADMIN CAP_KILL|~CAP_KILL|CAP_NOPE|cap_chown|40|noroot|noroot-locked keep-caps
AF_INET|AF_INET AF_UNIX|~AF_PACKET|AF_NOPE|@system-service|@nope|~@mount|read write|read:EPERM|read:5|read:ENOPE|~read|nosuchcall|native|x86|x86-64|arm64|vax|EPERM|kill|EUCLEAN|mnt|net ipc|~user|bogus
strict|full|read-only|tmpfs|invisible|ptraceable|noaccess|default|pid|inherit|private|shared|slave|journal|null|tty|tty-force|socket|fd|fd:name|fd:na:me|file:/a|file:rel|append:/b|truncate:/c|syslog|kmsg+console
daemon|local7|info|debug|7|8|emerg|auto|closed|/dev/null|/dev/null rw|/dev/null rwx|char-pts|char-pts rwm|block-* r|/tmp/x rw|/dev/sda 100|/dev/sda 1K|/dev/sda|/dev/sda 5ms|any|localhost|10.0.0.0/8|10.0.0.1|::1|fe80::/64|10.0.0.0/33|host
0-3|0,2,4-6|3-1|1-|a|0 1 2|numa|1024|8191|8192|idle|batch|rr|fifo|best-effort|realtime|3|2|8|99|100|-20|19|20|-1000|1000|1001|+5|-5
/run/x|@abstract|80|127.0.0.1:80|[::1]:80|[::1%lo]:80|[::1]|1.2.3.4|localhost:80|0|70000|vsock:2:1234|vsock::1234|vsock:x:1|vsock:1|route 1361|kobject-uevent|kobject-uevent 1|nonsense 1|/mqueue|/mq/bad|udplite|sctp|mptcp|tcp
both|ipv6-only|low-delay|throughput|us|ns|off|http://x|man:foo(5)|file:///x|ftp://x|https://a b|info:x|daily|*-*-* 00:00:00|Mon|rubbish|@123|inactive|inactive-or-failed|fail|replace|isolate|flush|ignore-dependencies|triggering
reboot|reboot-force|poweroff|exit|exit-force|halt|cgroup|terminate|abort|restart|id:/path|id:rel|id|id:|:x|a/b:/c|id:va\\x41lue|id:val\\nue|org.freedesktop.Foo|foo.bar|org..foo|org.1foo|:1.5|lo|eth0|too-long-interface-name|*
TEMPFAIL|DATAERR 3|SIGKILL 250|300|NOPE|continue|stop|foo:bar|dir dir2|dir:link|dir/sub|../up|/abs:link|private|DHCP|memory pids|cpu nonsense|!foo|!/path|\\x41|aGVsbG8=|aGVs bG8=|a|A===|x86-64 native|memory-pressure""".replace("\n", "|").split("|")

# Keys whose acceptance hangs on this machine or kernel, and those that we say we ignore.
SKIP = {"BPFProgram", "Where", "SELinuxContext", "AppArmorProfile", "SmackProcessLabel"}
TYPES = {"Service": "service", "Socket": "socket", "Timer": "timer", "Path": "path", "Mount": "mount", "Automount": "automount",
         "Swap": "swap", "Slice": "slice", "Unit": "service"}
BASE = {
    "service": "[Service]\nExecStart=/bin/true\n", "socket": "[Socket]\nListenStream=/run/x\n", "timer": "[Timer]\nOnBootSec=1\n",
    "path": "[Path]\nPathExists=/x\n", "mount": "[Mount]\nWhat=x\n", "automount": "", "swap": "[Swap]\nWhat=/x\n", "slice": "",
}
NAME = {"service": "q-x.service", "socket": "q.socket", "timer": "q.timer", "path": "q.path", "mount": "q-m.mount",
        "automount": "q-m.automount", "swap": "x.swap", "slice": "q.slice"}


def known_keys():
    keys, section = [], None
    for line in subprocess.run([MANAGER, "--dump-configuration-items"], text=True, capture_output=True).stdout.splitlines():
        if line.startswith("["):
            section = line[1:-1]
        elif "=" in line and section in TYPES:
            key = line.split("=")[0]
            if key not in SKIP:
                keys.append((section, key))
    return keys


def ignored_keys():
    """Read off our own table: what we accept and ignore is not checked."""
    keys = set()
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../core/unitfile")
    for name in ("directives-list.h", "directives-exec.h"):
        with open(os.path.join(here, name)) as f:
            keys |= set(re.findall(r'IGNORED\("(\w+)"', f.read()))
    return keys


def sample(count):
    ignored = ignored_keys()
    # What all four types share is asked of one, each time another.
    by_key = {}
    for section, key in known_keys():
        if key not in ignored:
            by_key.setdefault(key, []).append(section)
    keys = sorted(by_key)
    wanted = os.environ.get("ORACLE_KEY")
    if wanted:
        return [(R.choice(by_key[k]), k, v) for k in wanted.split(",") for v in VALUES]
    return [(R.choice(by_key[k]), k, R.choice(VALUES)) for k in (R.choice(keys) for _ in range(count))]


def findings(text, dir):
    """Drop-in's name to what was said of it."""
    found = {}
    for line in text.splitlines():
        for path, said in re.findall(rf"{re.escape(dir)}/[^\s:]*?/(\d+\.conf):[0-9]+: (.*)", line):
            # These are told, but not refused.
            if not re.search(r"deprecated|legacy|not recommended|no longer|consider|please use|not safe|replacing by", said):
                found.setdefault(path, said)
    return found


def check(assignments):
    with tempfile.TemporaryDirectory(prefix="unitfile-verify-") as dir:
        for type, base in BASE.items():
            os.makedirs(f"{dir}/{NAME[type]}.d")
            with open(f"{dir}/{NAME[type]}", "w") as f:
                f.write("[Unit]\nDescription=x\n" + base)
        files = {}
        for n, (section, key, value) in enumerate(assignments):
            name = f"{n:06d}.conf"
            files[name] = (section, key, value)
            with open(f"{dir}/{NAME[TYPES[section]]}.d/{name}", "w") as f:
                f.write(f"[{section}]\n{key}={value}\n")
        env = dict(os.environ, SYSTEMD_UNIT_PATH=dir + ":", SYSTEMD_LOG_LEVEL="info")
        run = subprocess.run(["systemd-analyze", "verify", "--man=no"] + [f"{dir}/{NAME[t]}" for t in BASE],
                             text=True, capture_output=True, env=env, timeout=100, errors="replace")
        theirs = findings(run.stderr, dir)
        answers = oracle.ask(["assign"], ["\t".join((NAME[TYPES[s]], s, k, v)) for s, k, v in files.values()], env)
        ours = {name: answer for name, answer in zip(files, answers) if answer}
        for name, (section, key, value) in files.items():
            said = theirs.get(name, "")
            if bool(said) != (name in ours) and not known_difference(section, key, value, said, ours.get(name)):
                oracle.compare(f"[{section}] {key}={value}", ours.get(name), said or None)
            else:
                oracle.compare("", 0, 0)


def known_difference(section, key, value, theirs, ours):
    # They pass over unknown words in silence.
    if key in ("CapabilityBoundingSet", "AmbientCapabilities", "SecureBits"):
        return not theirs
    # Which system calls and groups there are is known where the filter is made.
    if key.startswith("SystemCall"):
        return "parse system call" in theirs or "Unknown system call group" in theirs
    # Any number passes there, for a policy that no kernel has; paths of devices may be relative; the greatest number is no CPU.
    if not theirs and (key == "CPUSchedulingPolicy" or "IO" in key or "4294967295" in value or value == "1024"):
        return True
    # Numbers of other bases in lists; a template to trigger; only one unit in all of a file's lines.
    if key in ("CPUAffinity", "AllowedCPUs", "AllowedMemoryNodes"):
        return not theirs and re.search(r"0x|\+", value)
    # Specifiers that leave nothing; numbers beyond what the kernel takes; a slice inside another than its name says.
    if "%i" in value.lower() or value == "18446744073709551615" or (key, section) == ("Slice", "Slice") or (key, value) in (("Slice", ""), ("BusName", "")):
        return True
    if (key, value) in (("SupplementaryGroups", '"unbalanced'), ("Timestamping", "1")) or key == "CPUAffinity" and value.isdigit():
        return True
    if key == "Unit":
        return "@." in value or "Multiple units" in theirs
    return value == "mptcp" or key.endswith("Directory") and ":" in value or value == "SIGRTMAX"


def table_is_complete():
    """Every name that systemd knows, we know."""
    keys = known_keys()
    for (section, key), answer in zip(keys, oracle.ask(["assign"], ["\t".join((NAME[TYPES[s]], s, k, "x")) for s, k in keys])):
        oracle.compare(f"[{section}] {key}=", "Unknown key" in (answer or ""), False)


LINES = {
    "service": """Type=oneshot|Type=simple|Type=dbus|Type=forking|Type=notify|Type=idle|ExecStart=/bin/true|ExecStart=/bin/true|ExecStart=/bin/sh -c ';' x
ExecStop=/bin/true|ExecStart=|RemainAfterExit=yes|Restart=always|Restart=on-failure|Restart=on-success|RestartForceExitStatus=1|ExitType=cgroup|BusName=a.%p
PAMName=x|KillMode=process|KillMode=mixed|SuccessAction=reboot|ExecStart=-relative/x|ExecStart=relative/x|ExecStart=@/bin/true|ExecStartPre=+!/bin/true
ExecStartPre=/bin/|User=a:b|User=root|WorkingDirectory=x|WorkingDirectory=-x|RootDirectory=x|StandardOutput=file:x|ExecStart=/bin/true 'x|ExecStart=-/bin/true 'x
ExecReload=%Z|Group=%Z|RuntimeMaxSec=5|StandardInput=fd:a:b|BindPaths=x""",
    "socket": """ListenStream=/run/q|ListenDatagram=/run/q2|ListenStream=99|ListenFIFO=/run/f|Accept=yes|MaxConnections=0|Service=x.service|Symlinks=/run/s|PAMName=x
KillMode=none|ExecStartPre=x/y|ListenNetlink=route 1|ListenStream=""",
    "timer": "OnBootSec=5|OnCalendar=daily|OnCalendar=rubbish|OnClockChange=yes|OnTimezoneChange=yes|OnBootSec=|Unit=x.service|Unit=y.timer",
    "path": "PathExists=/x|PathExists=rel|PathChanged=/y|PathExists=|Unit=z.service|MakeDirectory=yes",
    "mount": "What=/dev/x|What=|Where=/q/m|Where=/q/n|Where=rel|Type=ext4|Options=ro|PAMName=x|KillMode=process",
    "automount": "Where=/q/m|Where=/q|TimeoutIdleSec=5", "swap": "What=/x|What=/y|What=|Priority=5|PAMName=x|KillMode=none",
    "slice": "Slice=a.slice|Slice=-.slice|CPUWeight=5",
}


def combinations(count):
    """Lines that are right or wrong together: which units are refused as a whole."""
    with tempfile.TemporaryDirectory(prefix="unitfile-combine-") as dir:
        names = []
        for n in range(count):
            type = R.choice(list(LINES) + ["service"] * 8)
            stem = {"mount": "q-m", "automount": "q-m", "swap": "x"}.get(type)
            if stem and f"{stem}.{type}" in names:
                continue
            name = f"{stem or f'q{n}'}.{type}"
            lines = LINES[type].replace("\n", "|").split("|")
            with open(f"{dir}/{name}", "w") as f:
                f.write("\n".join([f"[{type.capitalize()}]"] + R.sample(lines, R.randint(0, min(5, len(lines))))) + "\n")
            names.append(name)
        env = dict(os.environ, SYSTEMD_UNIT_PATH=dir + ":")
        run = subprocess.run(["systemd-analyze", "verify", "--man=no"] + [f"{dir}/{n}" for n in names], text=True, capture_output=True, env=env,
                             timeout=100, errors="replace")
        bad = set(re.findall(r"^Unit (\S+) has a bad unit file setting", run.stderr, re.M))
        for name, answer in zip(names, oracle.ask(["load"], names, env)):
            with open(f"{dir}/{name}") as f:
                oracle.compare(f"{name}: {f.read()}\n{answer}", answer.split("\t")[0], "bad-setting" if name in bad else "loaded")


table_is_complete()
CASES = oracle.cases(3000)
for start in range(0, CASES, 5000):
    combinations(min(CASES - start, 5000) // 12)
    check(sample(min(CASES - start, 5000)))
oracle.finish()
