#!/usr/bin/env python3
"""Reads the source tree and reports what breaks the project's own rules, one finding a line.

Usage: tidy.py [ROOT]. Each rule is a generator over (path, line, message); see RULES at the end.
The rules themselves are tested by tidy_test.py, which feeds each of them a file that breaks it.
"""

import os
import re
import sys

LAYERS = ["schemas", "persistence", "actors", "src"]  # each may include itself and those before it
TOP_LEVEL = {
    "CMakeLists.txt", "actors", "persistence", "schemas", "src", "tests", "examples", "README.md",
    "LICENSE", "CMakePresets.json", "vcpkg.json", "CHANGELOG.md", "SECURITY.md",
}
IGNORED = {".git", ".cache", "build", "vcpkg_installed", "compile_commands.json", "__pycache__"}

# Who may include what. Public headers may include none of it; <cairn/caf.hpp> is the one exception.
RESTRICTED = {
    r"caf/": {"src", "tests"},
    r"lmdb\.h$": {"persistence", "tests"},
    r"libpq-fe\.h$": {"persistence", "tests"},
    r"librdkafka/": {"src", "tests"},
}
CAF_HEADER = "src/runtime/include/cairn/caf.hpp"

# The rooms of the layers, and which private headers each may include beside its own: those of the
# rooms named. A room that is not listed is a finding. `+` stands for what those rooms may include.
ROOMS = {
    "persistence/support": [],
    "persistence/records": ["persistence/support"],
    "persistence/schema_history": ["persistence/records"],
    "persistence/journal": ["persistence/schema_history", "persistence/support", "+"],
    "persistence/lmdb": ["persistence/records", "+"],
    "persistence/lmdb_rows": ["persistence/journal", "persistence/lmdb", "+"],
    "persistence/lmdb_journal": ["persistence/lmdb_rows", "+"],
    "persistence/tables": ["persistence/lmdb", "+"],
    "actors/scheduling": ["persistence/support"],
    "actors/models": [],
    "actors/consumers": ["persistence/support"],
    "actors/subscriptions": [
        "actors/consumers", "actors/models", "persistence/tables", "persistence/support"],
    "actors/aggregates": ["actors/scheduling", "actors/models", "persistence/support"],
    "actors/projections": [
        "actors/aggregates", "actors/consumers", "persistence/tables", "persistence/support"],
    "actors/core": ["actors/aggregates", "actors/projections", "actors/subscriptions", "+"],
    "actors/simulation": ["actors/core", "+"],
    "src/runtime": ["actors/core", "+"],
    "src/schema_compiler": [],
    "src/programs": [],
}
PUBLIC_ROOTS = ["schemas/include", "persistence/include", "actors/include",
                "actors/simulation/include", "src/runtime/include"]

# What an application calls, which it may also do within its own functions: see tests/src/user_code.
USER_CODE_ROWS = "tests/src/user_code/calls.cpp"
USER_CODE_CLASSES = {
    "actors/include/cairn/aggregate_reader.hpp": ["aggregate_reader"],
    "actors/include/cairn/aggregates.hpp": ["aggregates"],
    "actors/include/cairn/durable_subscription.hpp": ["durable_subscription"],
    "actors/include/cairn/future.hpp": ["future"],
    "actors/include/cairn/projection.hpp": ["projection", "projection_ref"],
    "actors/include/cairn/subscription.hpp": ["event_feed", "subscription"],
    "src/runtime/include/cairn/caf.hpp": ["caf_subscription"],
    "src/runtime/include/cairn/reading_runtime.hpp": ["reading_runtime"],
    "src/runtime/include/cairn/runtime.hpp": ["runtime"],
    "src/runtime/include/cairn/runtime_base.hpp": ["runtime_base"],
}

MAX_COLUMNS = 100
MAX_TEXT_COLUMNS = 120  # of documents, tables excepted
MAX_LINES = 450
# Longer ones, each with its own limit: to be split when they are next worked on, not to grow.
LONG_FILES = {
    "persistence/include/cairn/table.hpp": 460,
    "persistence/tables/table_store.cpp": 503,
    "tests/persistence/lmdb_journal/lmdb_damage_test.cpp": 530,
}
MAX_README_LINES = 60

STANDARD = re.compile(r"[a-z_]+$")
SYSTEM = re.compile(
    r"(arpa|linux|net|netinet|sys)/[a-z0-9_]+\.h$|"
    r"(dirent|dlfcn|endian|errno|fcntl|netdb|poll|pthread|pwd|signal|spawn|stdio|stdlib|string|"
    r"termios|time|unistd)\.h$")
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')
GENERATED = re.compile(r"(?!capnp/)(.+)\.(capnp\.h|cairn\.hpp)")
STUMBLING = re.compile(r"\b(whoever|in vain)\b", re.IGNORECASE)
LEFTOVER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|\bnot implemented\b|\bfor now\b", re.IGNORECASE)
MACHINE_PATH = re.compile(r"(?<![\w.}*/-])/(home|tmp|work|root|farm|Users)/")


class Include:
    def __init__(self, line, quoted, name, conditional):
        self.line, self.quoted, self.name, self.conditional = line, quoted, name, conditional


class Tree:
    """The text files below a root, by their path from it."""

    def __init__(self, root):
        self.root = root
        self.files = {}
        self.folders = set()
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(name for name in folders if name not in IGNORED)
            prefix = os.path.relpath(folder, root)
            prefix = "" if prefix == "." else prefix + "/"
            self.folders.update(prefix + name for name in folders)
            for name in sorted(names):
                if name in IGNORED:
                    continue
                try:
                    with open(os.path.join(folder, name), encoding="utf-8") as file:
                        self.files[prefix + name] = file.read().splitlines()
                except UnicodeDecodeError:
                    continue  # binary, such as a golden journal

    def cpp(self):
        return {p: l for p, l in self.files.items() if p.endswith((".hpp", ".cpp", ".h"))}

    def code(self):
        """Everything people write as source: C++, schemas, CMake, scripts."""
        endings = (".hpp", ".cpp", ".h", ".capnp", ".cmake", ".cmake.in", ".py", ".sh")
        return {
            path: lines for path, lines in self.files.items()
            if path.endswith(endings) or os.path.basename(path) == "CMakeLists.txt"
            or (lines and lines[0].startswith("#!"))
        }

    def prose_and_code(self):
        documents = {p: l for p, l in self.files.items() if p.endswith((".md", ".json", ".txt"))}
        return {**self.code(), **documents}

    def includes(self, path):
        depth, found = 0, []
        for number, line in enumerate(self.files[path], 1):
            if re.match(r"\s*#\s*if", line):
                depth += 1
            elif re.match(r"\s*#\s*endif", line):
                depth -= 1
            elif match := INCLUDE.match(line):
                found.append(Include(number, match[1] == '"', match[2], depth > 0))
        return found

    def generated_from(self, name):
        """The schema that a generated header comes from: a.capnp for a.capnp.h and a.cairn.hpp."""
        match = GENERATED.fullmatch(name)
        return match[1] + ".capnp" if match else None

    def owner_of_public(self, name):
        """The layer whose public header <name> is, or None."""
        name = self.generated_from(name) or name
        return next((top_of(root) for root in PUBLIC_ROOTS if f"{root}/{name}" in self.files), None)


def top_of(path):
    return path.split("/")[0]


def is_public(path):
    roots = tuple(f"{root}/" for root in PUBLIC_ROOTS)
    return path.startswith(roots) and path.endswith((".hpp", ".h"))


def room_of(path):
    """The room of a layer that a private file lies in, or None."""
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] in LAYERS and len(parts) > 2 else None


def may_include(room):
    """The rooms whose private headers a room may include, its own among them."""
    allowed, direct = {room}, ROOMS[room]
    for other in direct:
        if other != "+":
            allowed |= may_include(other) if "+" in direct else {other}
    return allowed


def rule_layers(tree):
    """schemas <- persistence <- actors <- src; examples see public headers only."""
    for path in tree.cpp():
        top = top_of(path)
        if top not in LAYERS + ["examples"]:
            continue
        for include in tree.includes(path):
            if include.name.startswith("cairn/"):
                owner = tree.owner_of_public(include.name)
                if owner is None:
                    yield path, include.line, f"no layer has the public header <{include.name}>"
                elif top in LAYERS and LAYERS.index(owner) > LAYERS.index(top):
                    yield path, include.line, f"{top} must not include <{include.name}> of {owner}"
            elif include.quoted and not resolves(tree, path, include.name):
                yield path, include.line, f'"{include.name}" is nothing that {top} may include'


def resolves(tree, path, name):
    """Is `name` a file near `path`, or a private header of its layer or of one below?"""
    name = tree.generated_from(name) or name
    top = top_of(path)
    roots = LAYERS[: LAYERS.index(top) + 1] if top in LAYERS else [top]
    near = os.path.normpath(os.path.join(os.path.dirname(path), name))
    return (near in tree.files and top_of(near) in roots) or any(
        f"{root}/{name}" in tree.files for root in roots)


def rule_rooms(tree):
    """Private headers are included as ROOMS says, by their path from the layer's folder."""
    for path in tree.cpp():
        room = room_of(path)
        if room is None or is_public(path):
            continue
        if room not in ROOMS:
            yield path, 1, f"{room} is no room that tests/tidy knows"
            continue
        for include in tree.includes(path):
            if not include.quoted or GENERATED.fullmatch(include.name):
                continue
            targets = [f"{layer}/{include.name}" for layer in LAYERS
                       if f"{layer}/{include.name}" in tree.files]
            if not targets:
                message = f'"{include.name}" is not a path from the folder of a layer'
                yield path, include.line, message
            elif room_of(targets[0]) not in may_include(room):
                yield path, include.line, f'{room} must not include "{include.name}"'


def rule_restricted_includes(tree):
    """Third-party libraries with an owner are included by that owner only."""
    for path in tree.cpp():
        for include in tree.includes(path):
            for pattern, allowed in RESTRICTED.items():
                if re.match(pattern, include.name) and top_of(path) not in allowed:
                    yield path, include.line, f"{top_of(path)} must not include <{include.name}>"


def rule_public_headers(tree):
    """Public headers include the standard library, Cap'n Proto and Cairn only."""
    for path in filter(is_public, tree.cpp()):
        for include in tree.includes(path):
            name = include.name
            if include.quoted:
                yield path, include.line, f'a public header includes with <>, not "{name}"'
            elif name.startswith("caf/") and path == CAF_HEADER:
                continue
            elif not STANDARD.match(name) and not name.startswith(("cairn/", "capnp/", "kj/")):
                yield path, include.line, f"a public header must not include <{name}>"


def rule_include_order(tree):
    """Own header, then Cairn's, then third party, then standard."""
    names = ["Cairn's", "third party", "standard"]
    for path in tree.cpp():
        includes = [i for i in tree.includes(path) if not i.conditional]
        stem = os.path.splitext(path)[0]
        top = top_of(path)
        name = os.path.basename(stem)
        public = {f"{root}/cairn/{inner}{name}.hpp" for root in PUBLIC_ROOTS if top_of(root) == top
                  for inner in ("", "detail/")}
        own = ({f"{stem}.hpp"} | public) & set(tree.files)
        if path.endswith(".cpp") and own and includes:
            first = includes[0].name
            candidates = {f"{top}/{first}", os.path.join(os.path.dirname(path), first)}
            candidates |= {f"{root}/{first}" for root in PUBLIC_ROOTS}
            if not own & candidates:
                yield path, includes[0].line, "the file's own header comes first"
        highest = 0
        for include in includes:
            name = include.name
            if include.quoted or name.startswith("cairn/") or GENERATED.fullmatch(name):
                rank = 0
            elif STANDARD.match(name):
                rank = 2
            elif SYSTEM.match(name):
                continue  # the system's headers stand with third party or with standard
            else:
                rank = 1
            if rank < highest:
                yield path, include.line, f"{names[rank]} header after a {names[highest]} one"
            highest = max(highest, rank)


def rule_pragma_once(tree):
    for path, lines in tree.cpp().items():
        if not path.endswith(".cpp") and "#pragma once" not in lines:
            yield path, 1, "a header needs #pragma once"


def rule_columns(tree):
    for path, lines in tree.code().items():
        for number, line in enumerate(lines, 1):
            if len(line) > MAX_COLUMNS:
                yield path, number, f"{len(line)} columns, {MAX_COLUMNS} allowed"


def rule_text_columns(tree):
    for path, lines in tree.files.items():
        if not path.endswith(".md"):
            continue
        allowed = MAX_TEXT_COLUMNS
        for number, line in enumerate(lines, 1):
            if len(line) > allowed and not line.startswith("|"):
                yield path, number, f"{len(line)} columns, {allowed} allowed"


def rule_file_length(tree):
    for path, lines in tree.code().items():
        allowed = LONG_FILES.get(path, MAX_LINES)
        if len(lines) > allowed:
            yield path, len(lines), f"{len(lines)} lines, {allowed} allowed"


def rule_leftovers(tree):
    for path, lines in tree.prose_and_code().items():
        if path.startswith("tests/tidy/"):
            continue  # speaks about the words
        for number, line in enumerate(lines, 1):
            if match := LEFTOVER.search(line):
                yield path, number, f'left over: "{match[0]}"'


def rule_plain_words(tree):
    """In the layers and their documents a subject is a noun, and what fails just fails."""
    for path, lines in tree.prose_and_code().items():
        if top_of(path) not in LAYERS + ["examples", "README.md"]:
            continue
        for number, line in enumerate(lines, 1):
            if match := STUMBLING.search(line):
                yield path, number, f'not plain English: "{match[0]}"; name who or what it is'


def rule_machine_paths(tree):
    for path, lines in tree.prose_and_code().items():
        if path.startswith("tests/tidy/"):
            continue
        for number, line in enumerate(lines, 1):
            if match := MACHINE_PATH.search(line):
                yield path, number, f"a path of one machine: {match[0]}"


def rule_readmes(tree):
    """Layers, tests, examples, and the folders below them, have a README of one screen."""
    tops = LAYERS + ["tests", "examples"]
    wanted = set(tops)
    wanted |= {f for f in tree.folders if re.fullmatch(rf"({'|'.join(tops)})/[^/.]+", f)}
    wanted -= set(PUBLIC_ROOTS)
    for folder in sorted(wanted & tree.folders):
        readme = f"{folder}/README.md"
        if readme not in tree.files:
            yield readme, 1, "the folder has no README.md"
        elif len(tree.files[readme]) > MAX_README_LINES:
            yield readme, 1, f"{len(tree.files[readme])} lines, {MAX_README_LINES} are one screen"


def public_functions(lines):
    """(class, function, line) of the public member functions of the classes in a header."""
    owner, public = None, False
    for number, line in enumerate(lines, 1):
        if match := re.match(r"class (?:\[\[nodiscard\]\] )?(\w+)(?!.*;$)", line):
            owner, public = match[1], False
        elif line == "};":
            owner = None
        elif match := re.match(r"(public|protected|private):", line):
            public = match[1] == "public"
        elif owner and public and re.match(r"  [\w\[]", line):
            match = re.search(r"(operator co_await|~?\w+)\(", line)
            if match and match[1] not in (owner, f"~{owner}") and "friend " not in line:
                yield owner, match[1], number


def rule_user_code_rows(tree):
    """Every function of the public interface has a row in the matrix of places and calls."""
    rows = "\n".join(tree.files.get(USER_CODE_ROWS, []))
    for path, classes in USER_CODE_CLASSES.items():
        for owner, function, number in public_functions(tree.files.get(path, [])):
            if owner in classes and f'"{owner}::{function}' not in rows:
                yield path, number, f"{owner}::{function} has no row in {USER_CODE_ROWS}"


def rule_top_level(tree):
    for name in sorted({top_of(path) for path in list(tree.files) + list(tree.folders)}):
        if name not in TOP_LEVEL and not name.startswith("."):
            yield name, 1, "does not belong into the top folder"


RULES = {
    name.removeprefix("rule_"): rule for name, rule in globals().items() if name.startswith("rule_")
}


def findings(tree, rules=RULES):
    return [(name, *finding) for name in rules for finding in RULES[name](tree)]


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "../..")
    tree = Tree(root)
    found = findings(tree)
    for rule, path, line, message in found:
        print(f"{path}:{line}: {message} [{rule}]")
    print(f"tidy: {len(found)} findings by {len(RULES)} rules in {len(tree.files)} files")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
