#!/usr/bin/env python3
"""Runs the commands that the READMEs show and compares their output with what is shown there.

Usage: readme_test.py CHECKOUT BIN. A block marked `console` holds commands, `$ ` in front, each
followed by its output; BIN holds the programs. Commands of programs that are not in BIN are left
out (they are named), and so are lines after `...`, which stands for the rest of an output.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

READMES = ["README.md", "examples/README.md", "examples/quick_start/README.md",
           "examples/shopping_cart/README.md"]

VARIABLE = [  # what differs from run to run
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "TIME"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "ID"),
    (re.compile(r"\d+\.\d+ s\b"), "SECONDS"),
    (re.compile(r"[\d,]+ a second\b"), "RATE"),
]


def normalised(text):
    for pattern, name in VARIABLE:
        text = pattern.sub(name, text)
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def commands_of(text):
    """(command, shown output) of every block marked `console`."""
    for block in re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def check(readme, text, folder, environment, programs):
    """Returns (number of commands run, list of findings)."""
    run, findings = 0, []
    for command, shown in commands_of(text):
        program = command.split()[0]
        if program not in programs:
            print(f"{readme}: not run: {command}")
            continue
        run += 1
        done = subprocess.run(["/bin/sh", "-c", command], cwd=folder, env=environment, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        real, wanted = normalised(done.stdout), normalised(shown)
        if "..." in wanted:
            end = wanted.index("...")
            real, wanted = real[:end], wanted[:end]
        if real != wanted:
            findings.append(f"{readme}: $ {command}\n  shown:\n    " + "\n    ".join(wanted)
                            + "\n  printed:\n    " + "\n    ".join(real))
    return run, findings


def main():
    checkout, programs_folder = map(os.path.abspath, sys.argv[1:])
    programs = set(os.listdir(programs_folder))
    environment = dict(os.environ, PATH=f"{programs_folder}:{os.environ['PATH']}")
    total, findings = 0, []
    for readme in READMES:
        path = os.path.join(checkout, readme)
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with tempfile.TemporaryDirectory(prefix="cairn-readme-") as folder:
            shutil.copy(os.path.join(checkout, "examples/shopping_cart/sample.csv"), folder)
            run, found = check(readme, text, folder, environment, programs)
        print(f"{readme}: {run} commands, {len(found)} differ")
        total += run
        findings += found
    print("\n".join(findings))
    if total == 0:
        print("no README shows a command")
    return 1 if findings or total == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
