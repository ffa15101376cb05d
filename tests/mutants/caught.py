#!/usr/bin/env python3
"""Runs a suite that has a planted defect, and passes if the suite fails.

Usage: caught.py PROGRAM ARGUMENT... A suite that hangs, or dies, has failed; one that skips itself
has not. Prints what caught the defect.
"""

import re
import subprocess
import sys

MOST_SECONDS = 120
SKIPPED = 77


def main():
    try:
        done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=MOST_SECONDS, check=False)
        status, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        status, output = "none, it hung", late.stdout or b""
    text = output.decode("utf-8", errors="replace")
    if status in (0, SKIPPED):
        print(text[-2000:])
        print("NOT CAUGHT: the suite passes although the defect is there (or no longer fits)")
        return 1
    by = re.findall(r"^TEST CASE:  (.*)$|^ *(?:FAILED: |cut before )(.*)$", text, re.MULTILINE)
    names = list(dict.fromkeys("".join(found) for found in by))
    if not names:
        print(text[-2000:])
        print(f"NOT CAUGHT: exit status {status}, but no promise was found broken")
        return 1
    print(f"caught, exit status {status}, by: {names[0]} (and {len(names) - 1} more)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
