#!/usr/bin/env python3
"""Runs clang-tidy over those sources that it has not yet found clean as they are now.

Usage: lint.py [--all] [--jobs N] BUILD,... CACHE SOURCE... in the root of the checkout. The builds
are configured and their headers are generated; a source is linted with the command of the first of
them that has it. CACHE is a folder that clones may share. If clang-tidy finds nothing in a source,
that is recorded in CACHE with the hashes of all the files that the source includes, of .clang-tidy,
of the command and of clang-tidy's version; findings are not recorded. --all lints every source,
known or not. Prints the findings, and then how many sources there are and how many were linted. The
status is 1 if anything was found.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys

TIDY, COMPILER = "clang-tidy-14", "clang++-14"
MOST_STATES = 8        # of a source; branches differ in what it includes
MOST_RECORDS = 20_000  # of some ten KiB each
PRECOMPILED = re.compile(r" -Winvalid-pch -include \S+")  # clang cannot read what GCC precompiled


class Linter:
    def __init__(self, root, builds, cache):
        self.root, self.cache = root, cache
        self.hashes = {}
        self.entries = {}
        for folder in builds:
            with open(os.path.join(folder, "compile_commands.json"), encoding="utf-8") as file:
                for entry in json.load(file):
                    entry["command"] = PRECOMPILED.sub("", entry["command"])
                    self.entries.setdefault(self.relative(entry["file"]), entry)
        self.database = os.path.join(root, "build", "lint")
        for folder in (self.database, cache):
            os.makedirs(folder, exist_ok=True)
        with open(os.path.join(self.database, "compile_commands.json"), "w",
                  encoding="utf-8") as file:
            json.dump(list(self.entries.values()), file)
        self.tool = subprocess.run([TIDY, "--version"], stdout=subprocess.PIPE, check=True,
                                   encoding="utf-8").stdout

    def relative(self, path):
        """The path from the root, of what lies below it."""
        return path[len(self.root) + 1:] if path.startswith(self.root + "/") else path

    def hash_of(self, path):
        """Of a file's bytes; None if there is no such file."""
        if path not in self.hashes:
            try:
                with open(os.path.join(self.root, path), "rb") as file:
                    self.hashes[path] = hashlib.sha256(file.read()).hexdigest()
            except OSError:
                self.hashes[path] = None
        return self.hashes[path]

    def record_of(self, source):
        """The file that holds the states in which the source, compiled so, was found clean."""
        command = self.entries[source]["command"].replace(self.root + "/", "")
        parts = [self.tool, str(self.hash_of(".clang-tidy")), source, command]
        return os.path.join(self.cache, hashlib.sha256("\0".join(parts).encode()).hexdigest())

    def states_of(self, source):
        try:
            with open(self.record_of(source), encoding="utf-8") as file:
                return json.load(file)
        except (OSError, ValueError):
            return []

    def is_known(self, source):
        return any(all(self.hash_of(path) == was for path, was in state.items())
                   for state in self.states_of(source))

    def files_of(self, source):
        """Everything that the source is compiled from."""
        entry = self.entries[source]
        command = shlex.split(entry["command"])
        command = command[next(i for i, word in enumerate(command) if "++" in word) + 1:]
        del command[command.index("-o"):command.index("-o") + 2]
        listed = subprocess.run([COMPILER, *command, "-w", "-M"], cwd=entry["directory"],
                                stdout=subprocess.PIPE, check=True, encoding="utf-8").stdout
        names = listed.replace("\\\n", " ").split(": ", 1)[1].split()
        return {self.relative(os.path.normpath(os.path.join(entry["directory"], name)))
                for name in names}

    def remember(self, source):
        state = {path: self.hash_of(path) for path in sorted(self.files_of(source))}
        record = self.record_of(source)
        with open(f"{record}.{os.getpid()}", "w", encoding="utf-8") as file:
            json.dump([state, *self.states_of(source)][:MOST_STATES], file)
        os.replace(file.name, record)

    def lint(self, source):
        """What clang-tidy finds in the source; nothing if that is nothing."""
        done = subprocess.run(
            [TIDY, "--quiet", "-p", self.database, "--extra-arg=-w", source], cwd=self.root,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, encoding="utf-8")
        if done.returncode != 0:
            return done.stdout or f"{source}: clang-tidy ended with status {done.returncode}\n"
        self.remember(source)
        return ""

    def forget_the_oldest(self):
        records = [entry for entry in os.scandir(self.cache) if entry.is_file()]
        records.sort(key=lambda entry: entry.stat().st_mtime, reverse=True)
        for entry in records[MOST_RECORDS:]:
            os.remove(entry.path)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("builds")
    parser.add_argument("cache")
    parser.add_argument("sources", nargs="+")
    given = parser.parse_args()
    builds = [os.path.abspath(build) for build in given.builds.split(",")]
    linter = Linter(os.getcwd(), builds, given.cache)
    unknown, found = [], 0
    for source in given.sources:
        if source not in linter.entries:
            found += 1
            print(f"{source}: no target is built from it")
        elif given.all or not linter.is_known(source):
            unknown.append(source)
    with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
        for findings in pool.map(linter.lint, unknown):
            if findings:
                found += 1
                print(findings, flush=True)
    linter.forget_the_oldest()
    print(f"{len(given.sources)} sources, of which {len(unknown)} were linted; "
          f"{found} with findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
