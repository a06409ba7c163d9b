# SPDX-License-Identifier: Apache-2.0
"""What the oracle tests share: asking both sides, comparing, and the exit status."""
import multiprocessing
import os
import random
import shutil
import subprocess
import sys

DRIVER = os.environ.get("UNITFILE_DRIVER", sys.argv[1] if len(sys.argv) > 1 else "")
# The same every day; ORACLE_SEED=random goes looking for what nobody has thought of.
SEED = os.environ.get("ORACLE_SEED", "252039")
SEED = random.randrange(1, 1 << 30) if SEED == "random" else int(SEED)
RANDOM = random.Random(SEED)
failures = []
compared = 0


def cases(default):
    """How many inputs are made: few in the daily tests, tens of thousands with ORACLE_CASES=20000."""
    return int(os.environ.get("ORACLE_CASES", default))


def each_until_refused(questions, answer, at_once=200):
    """Of a tool that takes many words and stops at the first that it refuses: answer(words) are those before that one."""
    answers = []
    while len(answers) < len(questions):
        asked = questions[len(answers):len(answers) + at_once]
        got = answer(asked)
        answers += got if len(got) == len(asked) else got + [None]
    return answers


def need(*tools):
    for tool in tools:
        if not shutil.which(tool):
            print(f"SKIP: {tool} is not installed")
            sys.exit(77)


def ask(subject, questions, env=None):
    """Our answers, one a question; None is a refusal."""
    run = subprocess.run([DRIVER] + subject, input="".join(q + "\n" for q in questions), text=True, timeout=100,
                         capture_output=True, env=env)
    if run.returncode:
        sys.exit(f"driver {subject}: {run.returncode} {run.stderr}")
    answers = run.stdout.split("\n")[:-1]
    assert len(answers) == len(questions), (subject, len(answers), len(questions))
    return [None if a == "!" else a for a in answers]


def compare(what, ours, theirs):
    global compared
    compared += 1
    if ours != theirs:
        failures.append(f"{what}\n    ours:   {ours!r}\n    theirs: {theirs!r}")


def scenario_alone(task):
    """In a process of its own: what scenario number n of a run is does not depend on the others."""
    global compared
    scenario, number = task
    failures.clear()
    compared = 0
    RANDOM.seed(f"{SEED}/{number}")
    scenario(number)
    return compared, list(failures)  # a copy: the next one of the same batch clears it


def scenarios(scenario, count):
    """scenario(0) to scenario(count - 1), several at a time: most of their time goes to starting tools."""
    global compared
    with multiprocessing.get_context("fork").Pool(2 * (os.cpu_count() or 1)) as pool:
        for n, failed in pool.imap_unordered(scenario_alone, ((scenario, i) for i in range(count)), 4):
            compared += n
            failures.extend(failed)


def finish():
    for f in failures[:int(os.environ.get("ORACLE_SHOW", "40"))]:
        print(f)
    print(f"{compared} compared, {len(failures)} differ, seed {SEED}")
    sys.exit(1 if failures else 0)
