#!/usr/bin/env python3
"""Runs a suite that has a planted defect, and passes if the suite fails.

Usage: caught.py MUTATED RUNS PROGRAM ARGUMENT... MUTATED is what mutate.py wrote. A suite that
hangs, or dies, has failed; one that skips itself has not. A suite whose threads are not the same
twice may need several runs: it gets up to RUNS. Prints what caught the defect, and in which run.
"""

import re
import subprocess
import sys

from mutate import UNFIT

MOST_SECONDS = 120
SKIPPED = 77


def run(command):
    """The exit status and the output of one run."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=MOST_SECONDS, check=False)
        status, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        status, output = "none, it hung", late.stdout or b""
    return status, output.decode("utf-8", errors="replace")


def main():
    with open(sys.argv[1], encoding="utf-8") as mutated:
        first = mutated.readline()
    if first.startswith(UNFIT):
        print(first)
        return 1
    runs = int(sys.argv[2])
    for number in range(1, runs + 1):
        status, text = run(sys.argv[3:])
        if status not in (0, SKIPPED):
            break
    else:
        print(text[-2000:])
        print(f"NOT CAUGHT in {runs} runs: the suite passes although the defect is there")
        return 1
    by = re.findall(r"^TEST CASE:  (.*)$|^ *(?:FAILED: |cut before )(.*)$", text, re.MULTILINE)
    names = list(dict.fromkeys("".join(found) for found in by))
    if not names:
        print(text[-2000:])
        print(f"NOT CAUGHT: exit status {status}, but no promise was found broken")
        return 1
    print(f"caught in run {number}, exit status {status}, by: {names[0]} "
          f"(and {len(names) - 1} more)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
