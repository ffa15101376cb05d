#!/usr/bin/env python3
"""Compares what the READMEs show with what is there: output of commands, and source files.

Usage: readme_test.py CHECKOUT BIN. A block marked `console` holds commands, `$ ` in front, each
followed by its output; BIN holds the programs. A command of a program that is not there is a
finding, unless it is in NOT_RUN. Lines after `...`, which stands for the rest of an output, are
left out. A block marked `cpp` or `capnp` is the whole of the file that the line above it names.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

READMES = ["README.md", "examples/README.md", "examples/quick_start/README.md",
           "examples/shopping_cart/README.md"]

NOT_RUN = set()  # commands that cannot be run here

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
        if command in NOT_RUN:
            print(f"{readme}: not run: {command}")
            continue
        if program not in programs:
            findings.append(f"{readme}: $ {command}: there is no program {program}")
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


def sources_of(text):
    """(line above, content) of every block marked `cpp` or `capnp`."""
    above, block = "", None
    for line in text.split("\n"):
        if block is not None and line == "```":
            yield above, "".join(each + "\n" for each in block)
            block = None
        elif block is not None:
            block.append(line)
        elif line in ("```cpp", "```capnp"):
            block = []
        elif line:
            above = line


def check_sources(readme, text, checkout):
    """Returns a list of findings."""
    findings = []
    for above, content in sources_of(text):
        named = re.search(r"`([^`]+\.(?:cpp|hpp|capnp))`:?$", above)
        path = os.path.join(checkout, named[1]) if named else ""
        if not os.path.isfile(path):
            findings.append(f"{readme}: a block of code below a line that ends with no file's name")
            continue
        with open(path, encoding="utf-8") as file:
            if file.read() != content:
                findings.append(f"{readme}: {named[1]} is not what is shown of it")
    return findings


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
        found += check_sources(readme, text, checkout)
        print(f"{readme}: {run} commands, {len(found)} findings")
        total += run
        findings += found
    print("\n".join(findings))
    if total == 0:
        print("no README shows a command")
    return 1 if findings or total == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
