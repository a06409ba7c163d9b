# SPDX-License-Identifier: Apache-2.0
"""Calendar events against systemd-analyze calendar: normal form and the next times, across time zones and clock changes."""
import calendar
import os
import re
import subprocess
import time

import oracle
from oracle import RANDOM as R

oracle.need("systemd-analyze")

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia", "Africa/Casablanca"]
# Before and after changes of the clocks, leap days, ends of years.
BASES = ["2023-03-25 12:00:00", "2023-10-28 23:30:00", "2024-02-28 23:59:59", "2011-12-29 00:00:00", "2021-12-31 23:59:58",
         "2022-04-02 13:00:00", "2026-11-01 00:15:00", "2019-06-15 03:04:05"]
HAND = """
Sat,Thu,Mon-Wed,Sat-Sun|Mon,Sun 12-*-* 2,1:23|Wed *-1|Wed-Wed,Wed *-1|Wed, 17:48|Wed-Sat,Tue 12-10-15 1:2:3|*-*-7 0:0:0|10-15|monday *-12-* 17:00
Mon,Fri *-*-3,1,2 *:30:45|12,14,13,12:20,10,30|mon,fri *-1/2-1,3 *:30:45|03-05 08:05:40|08:05:40|05:40|Sat,Sun 12-05 08:05:40|Sat,Sun 08:05:40
2003-03-05 05:40|2003-02..04-05|2003-03-05 05:40 UTC|2003-03-05|03-05|hourly|daily|monthly|weekly|weekly UTC|minutely|quarterly|semi-annually
annually|*:2/3|2015-10-25 01:00:00 uTc|2015-10-25 01:00:00 Europe/Berlin|2016-03-27 03:17:00.4200005|2016-03-27 03:17:00/0.42
9..11,13:00,30|*-*-~3|*-02~03|*-*~1 00:00|05~05|*-05~05..07|Mon *-05~07/1|*-*-01/5 04:00:00|1..3-1..3 1..3:1..3|Mon..Wed|Fri..Mon|Mon..,Fri|Mon,
foobar||10:00 bogus|*-*-* *:*:*|*-*-* *:*:0/7|*:0/15|0/4:00|*:*:0.5|*:*:0.5/1|00:00:05..07|00:00:05..05.5|*-13-01|*-00-01|*-*-32|24:00|12:60|@0
@1395716396|@1395716396 UTC|Mon @5|@x|1970-*-*|2199-12-31|2200-01-01|69-*-*|70-01-01|99-1-1|100-1-1|*-2-29|*-2-30|Sun *-2-29|*-02~29|*-*~31|*-*~28
*-*-31 00:00:00|*-*-1..31/7|*-*-5/31|*-1/13-1|0/24:00|*:0/61|*:*:0/61|*:*:0/59.9|2..1:00|5/3..9:00|1,2,1..3,2/3:00|1,,2:00|1,:00|,1:00| daily|daily 
Mon Tue|Mon  10:00|10:00  |*-*-*  10:00|*-*-* 10:00:00.123456|*-*-* 10:00:00.1234567|*:*:1.5..3.5/0.5|2023-W05|5|*|*-*|*-*-*|*:*|* *:*|-*-1 1:1
99999999999-1-1|1:1:99999999999|*-*-* 00:00:00/86400|Mon..Sun|Sun..Mon|Mon,Tue,Wed,Thu,Fri|Mon-Fri *:0|Tuesdays|tUe|wednesday,THU|Mon.Tue|Mon...Tue
*-*-* 02:30 Europe/Berlin|*-*-* 02:30|*-*-* 01:30|*-*-* 00:30 America/New_York|*-*-* *:30 Australia/Lord_Howe|*-03-26 02:30|daily Pacific/Apia
2011-12-30 12:00 Pacific/Apia|*:00 Europe/Berlin|hourly America/New_York|03:00 Nowhere/City|03:00 CET|03:00 CEST|03:00 EST|12:00 GMT|12:00 +02:00|12:00 /etc/passwd
""".replace("\n", "|").split("|")


def number(lo, hi, wide):
    v = R.choice([lo, hi, R.randint(lo, hi), R.randint(lo, hi), R.randint(lo, hi + 2)])
    return f"{v:0{R.choice([1, wide])}d}"


def component(lo, hi, wide, frac=False):
    def n():
        s = number(lo, hi, wide)
        return s + "." + str(R.randint(0, 999999)) if frac and R.random() < 0.2 else s
    kind = R.random()
    if kind < 0.2:
        return "*"
    parts = []
    for _ in range(R.choice([1, 1, 1, 2, 3])):
        s = n()
        if R.random() < 0.25:
            s += ".." + n()
        if R.random() < 0.25:
            s += "/" + str(R.randint(1, max(2, (hi - lo) // 2)))
        parts.append(s)
    return ",".join(parts)


def spec():
    s = ""
    if R.random() < 0.35:
        days = ["Mon", "Tue", "Wednesday", "thu", "FRI", "Saturday", "Sun"]
        s += ",".join(R.choice(days) + (R.choice(["..", "-"]) + R.choice(days) if R.random() < 0.3 else "")
                      for _ in range(R.choice([1, 1, 2, 3]))) + " "
    if R.random() < 0.7:
        year = R.choice(["*", "*", "*", "2024", "2023..2026", "20", str(R.randint(1960, 2210))])
        s += (year + "-" if R.random() < 0.8 else "") + component(1, 12, 2) + R.choice(["-", "-", "-", "~"]) + component(1, 31, 2) + " "
    if R.random() < 0.85:
        s += component(0, 23, 2) + ":" + component(0, 59, 2)
        if R.random() < 0.5:
            s += ":" + component(0, 59, 2, True)
    s = s.strip() if R.random() < 0.98 else s
    if R.random() < 0.25:
        s += " " + R.choice(ZONES + ["UTC", "utc", "Europe/Nowhere", "CET", "CEST"])
    return s


def theirs(specs, base, iterations, env):
    run = subprocess.run(["systemd-analyze", "calendar", f"--base-time={base}", f"--iterations={iterations}", "--"] + specs, text=True,
                         capture_output=True, env=env, timeout=100)
    refused = set(re.findall(r"Failed to parse calendar specification '(.*)': ", run.stderr))
    # A block begins with the form given, or the normal form where that is the same.
    blocks = iter(re.findall(r"((?: *Original form: .*\n)?Normalized form: .*(?:\n(?! *Original| *Normalized).*)*)", run.stdout))
    endless = set(re.findall(r"Failed to determine next elapse for '(.*)': ", run.stderr))
    answers = []
    for s in specs:
        if s in endless:
            answers.append("endless")
            continue
        if s in refused:
            answers.append(None)
            continue
        block = next(blocks, None)
        if not block:
            raise SystemExit(f"systemd-analyze said nothing of {s!r}, seed {oracle.SEED}: {run.stderr[-300:]}")
        form = re.search(r"Normalized form: (.*)", block).group(1)
        times = re.findall(r"(?:Next elapse|Iter\. #\d+|\(in UTC\)): (?:n/a|\w{3} (.*) UTC)$", block, re.M)
        answers.append([form] + [calendar.timegm(time.strptime(t, "%Y-%m-%d %H:%M:%S")) for t in times if t])
    return answers


def known_difference(spec, a, b):
    """Where systemd 252 misses times that the event names, and we do not."""
    # With a list of days before the end of the month, it takes three days more off the bound for each.
    if b is None and "~" in spec:
        return a is not None
    if not a or not b:
        return False
    # Beside every full second, it drops fractions, too.
    if re.search(r":\*( \S+)?$", b[0]) and re.search(r"00/1,.*\.\d", a[0]):
        return True
    if a[0] != b[0]:
        return False
    # A repetition that runs over the end of its minute (hour, ...) does not begin anew in the next.
    if "/" in a[0] and a[1:] and all(t in a or t > a[-1] for t in b[1:]):
        return True
    # Daylight saving by its abbreviation, out of its season: the search is given up, or goes astray.
    return len(b) > 1 and a[1:-1] == b[1:len(a) - 1] or len(b) < len(a) and a[1:len(b)] == b[1:] \
        if re.search(r" (?!UTC)[A-Z]{3,5}$", a[0]) else False


def check(specs, base, zone, iterations):
    env = dict(os.environ, TZ=zone)
    them = theirs(specs, base, iterations, env)
    os.environ["TZ"] = zone
    time.tzset()
    start = int(time.mktime(time.strptime(base, "%Y-%m-%d %H:%M:%S")))
    us = oracle.ask(["calendar", str(start * 1000000), str(20 * iterations)], specs, env)
    for s, a, b in zip(specs, us, them):
        if a is not None:
            fields = a.split("\t")
            a = [fields[0]] + [int(f) // 1000000 for f in fields[1:]]
        # Where a whole day is skipped, systemd takes the weekday of the one before.
        if b == "endless" or (zone == "Pacific/Apia" and base.startswith("2011")) or known_difference(s, a, b):
            continue
        a = a[:iterations + 1] if a else a
        oracle.compare(f"{s!r} after {base} in {zone}", a, b)


hand = [h for h in HAND if h]
for zone in ZONES[:4]:
    for base in BASES[:3]:
        check(hand, base, zone, 5)
for _ in range(oracle.cases(900) // 150):
    check([spec() for _ in range(150)], R.choice(BASES), R.choice(ZONES), 4)
oracle.finish()
