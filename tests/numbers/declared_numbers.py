#!/usr/bin/env python3
"""Reads public headers and writes down, as a C++ header, every number that a program can hand in:
the numeric members of option structs, and the numeric arguments of functions.

Usage: declared_numbers.py OUTPUT HEADER... The tests in this folder go through the members one by
one, and compare the list of arguments with their own table. So a number that is declared later and
that no test covers fails the tests. A struct that is neither options nor known as an answer is an
error here: one has to say which it is.
"""

import os
import re
import sys

# What a program fills in and hands to Cairn.
OPTIONS = re.compile(r"\w+_options$|simulated_faults$")

# What Cairn fills in and a program reads, or values whose numbers the program only carries along.
ANSWERS = {
    "journal_status", "lmdb_verification", "table_store_status", "table_verification",
    "durable_subscription_status", "projection_build", "projection_status", "runtime_status",
    "replay_check", "simulation_report", "failure", "commit", "schema_generation", "stream_head",
    "table_checkpoint", "projection_decision", "recent_command", "snapshot_draft", "snapshot_view",
    "event_info", "past_state", "replay_finding", "append_operation", "record_tag",
    "record_reservation", "header",
}

TIME = r"(?:std::)?chrono::\w+(?:<[^()]*>)?(?:::\w+)?"
NUMBER = re.compile(
    r"(?:const\s+)?(?:std::size_t|std::u?int(?:8|16|32|64)_t|unsigned|int|double|float|"
    r"(?:cairn::)?(?:position|version|shard_id)|" + TIME + r")(?![\w:<])(?:\s+const)?\s*&?")
KEYWORDS = {"if", "for", "while", "switch", "return", "requires", "noexcept", "decltype", "sizeof",
            "static_assert", "explicit", "alignas", "assert", "CAIRN_ASSERT", "void"}


def without_comments(text):
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)
    text = re.sub(r'"(?:[^"\\\n]|\\.)*"', '""', text)
    text = re.sub(r"'(?:[^'\\\n]|\\.)'", "0", text)
    return re.sub(r"^\s*#.*?(?<!\\)$", "", text, flags=re.MULTILINE)


def split_at_commas(text):
    parts, depth, last = [], 0, 0
    for i, c in enumerate(text):
        if c in "(<[{":
            depth += 1
        elif c in ")>]}" and not (c == ">" and text[i - 1] == "-"):
            depth -= 1
        elif c == "," and depth == 0:
            parts.append(text[last:i])
            last = i + 1
    return parts + [text[last:]]


def arguments_of(declaration):
    """The function's name and its numeric arguments, or None if it declares no function."""
    declaration = re.sub(r"\btemplate\s*<(?:[^<>]|<[^<>]*>)*>", " ", declaration)
    declaration = re.sub(r"\[\[\w+\]\]", " ", declaration)
    match = re.search(r"(operator\s*[^\s(\w]+|~?\w+)\s*\(", declaration)
    while match and match[1] in KEYWORDS:
        match = re.compile(r"(~?\w+)\s*\(").search(declaration, match.end())
    if not match or "=" in declaration[:match.start()].replace("operator", ""):
        return None
    if declaration[:match.start()].strip().startswith(("using", "friend class", "typedef")):
        return None
    depth, end = 1, match.end()
    while depth and end < len(declaration):
        depth += {"(": 1, ")": -1}.get(declaration[end], 0)
        end += 1
    found = []
    for number, parameter in enumerate(split_at_commas(declaration[match.end():end - 1])):
        parameter = parameter.split("=")[0].strip()
        typed = NUMBER.match(parameter)
        if not typed:
            continue
        name = parameter[typed.end():].strip()
        if re.fullmatch(r"\w*", name):
            found.append(name or f"#{number}")
    return re.sub(r"\s+", "", match[1]), found


class Reader:
    def __init__(self):
        self.options = []    # (struct, [member])
        self.arguments = []  # "class::function(argument)"
        self.problems = []

    def read(self, path):
        with open(path, encoding="utf-8") as file:
            self.text = without_comments(file.read())
        self.header = os.path.basename(path)
        self.scopes = []  # (kind, name, access)
        self.walk()

    def walk(self):
        begin = at = 0
        parens = 0
        text = self.text
        while at < len(text):
            c = text[at]
            if c in "(":
                parens += 1
            elif c == ")":
                parens -= 1
            elif parens:
                pass
            elif c == ";":
                self.declared(text[begin:at])
                begin = at + 1
            elif c == ":" and re.search(r"\b(public|private|protected)\s*$", text[begin:at]):
                self.scopes[-1][2] = text[begin:at].split()[-1]
                begin = at + 1
            elif c == "{":
                head = text[begin:at]
                scope = self.scope_of(head)
                if scope:
                    self.scopes.append(scope)
                    at += 1
                    begin = at
                    continue
                end = self.end_of_braces(at)
                after = text[end:end + 40].lstrip()
                is_value = re.search(r"=\s*[\w:<>]*\s*$|\w\s*$|>\s*$", head) and (
                    after.startswith((";", ",")) or (after.startswith("{")))
                if not is_value:
                    self.declared(head)
                    begin = end
                at = end
                continue
            elif c == "}":
                kind, name, _ = self.scopes.pop()
                if kind == "struct":
                    begin = at + 1
                    tail = re.match(r"[^;{}]*;", text[begin:])
                    begin += tail.end() if tail else 0
                    at = begin
                    continue
                begin = at + 1
            at += 1

    def scope_of(self, head):
        head = re.sub(r"\[\[\w+\]\]", " ", head)
        if match := re.search(r"\bnamespace\s*([\w:]*)\s*$", head):
            return ["namespace", match[1], "public"]
        if re.search(r"\benum\b", head) or "(" in re.sub(r"requires\s*\(.*", "", head,
                                                         flags=re.DOTALL).split(":")[0]:
            return None
        match = re.search(r"\b(class|struct)\s+([\w:]+)(?:<[^{]*>)?\s*(?:final)?\s*(?::[^{]*)?$",
                          re.sub(r"\btemplate\s*<(?:[^<>]|<[^<>]*>)*>", " ", head))
        if match:
            return ["struct", match[2], "private" if match[1] == "class" else "public"]
        return None

    def end_of_braces(self, at):
        depth = 0
        while at < len(self.text):
            depth += {"{": 1, "}": -1}.get(self.text[at], 0)
            at += 1
            if depth == 0:
                return at
        return at

    def declared(self, declaration):
        declaration = declaration.strip()
        if not declaration or any(name == "detail" or name.endswith("::detail")
                                  for kind, name, _ in self.scopes if kind == "namespace"):
            return
        if any(access != "public" for _, _, access in self.scopes):
            return
        structs = [name for kind, name, _ in self.scopes if kind == "struct"]
        function = arguments_of(declaration)
        if function:
            name, found = function
            owner = "::".join(structs + [name])
            for argument in found:
                entry = f"{owner}({argument})"
                if entry not in self.arguments:
                    self.arguments.append(entry)
            return
        if structs:
            self.member(structs[-1], declaration)

    def member(self, struct, declaration):
        if re.match(r"(using|friend|static|enum|typedef|template|virtual|bool operator)\b",
                    declaration):
            return
        declaration = re.split(r"[={]", declaration)[0].strip()
        typed = NUMBER.match(declaration)
        if not typed:
            return
        names = [name.strip() for name in declaration[typed.end():].split(",")]
        if not all(re.fullmatch(r"\w+", name) for name in names):
            return
        if OPTIONS.fullmatch(struct):
            known = dict(self.options)
            if struct not in known:
                self.options.append((struct, []))
            dict(self.options)[struct].extend(names)
        elif struct not in ANSWERS:
            self.problems.append(f"{self.header}: {struct}::{names[0]} is a number; is {struct} "
                                 "options, which programs fill in, or an answer? Say it in "
                                 "declared_numbers.py")


def main():
    output, headers = sys.argv[1], sys.argv[2:]
    reader = Reader()
    for header in headers:
        reader.read(header)
    if reader.problems:
        sys.exit("\n".join(reader.problems))
    lines = ["// Written by declared_numbers.py. Edits are lost.", "", "#pragma once", ""]
    lines += [f"#include <cairn/{os.path.basename(header)}>" for header in headers]
    lines += ["", "#include <string_view>", "#include <tuple>", "#include <type_traits>", "",
              "namespace numbers {", ""]
    for struct, members in reader.options:
        lines += ["template <class Visit>",
                  f"void visit_members(std::type_identity<cairn::{struct}>, Visit&& visit) {{"]
        lines += [f'  visit("{struct}::{member}", &cairn::{struct}::{member});'
                  for member in members]
        lines += ["}", ""]
    names = ", ".join(f"cairn::{struct}" for struct, _ in reader.options)
    lines += [f"using all_options = std::tuple<{names}>;", "",
              "inline constexpr std::string_view declared_arguments[] = {"]
    lines += [f'    "{entry}",' for entry in sorted(reader.arguments)]
    lines += ["};", "", "} // namespace numbers", ""]
    with open(output, "w", encoding="utf-8") as file:
        file.write("\n".join(lines))


if __name__ == "__main__":
    main()
