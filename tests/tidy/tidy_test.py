#!/usr/bin/env python3
"""Each rule of tidy.py reports a file that breaks it, and nothing in a tree that keeps them all."""

import os
import tempfile
import unittest

import tidy

HEADER = ["#pragma once"]
CLEAN = {
    "CMakeLists.txt": ["project(x)"],
    "README.md": ["# X"],
    ".gitignore": ["/build/"],
    "build/log/anything.md": ["TODO: never looked at"],
    "schemas/README.md": ["# S"],
    "schemas/include/cairn/wire.capnp": ["@0xb3c1d8a5f0e94762;"],
    "persistence/README.md": ["# P"],
    "persistence/include/cairn/log.hpp":
        HEADER + ["", "#include <capnp/message.h>", "", "#include <span>"],
    "persistence/lmdb/README.md": ["# L"],
    "persistence/lmdb/log.cpp": [
        "#include <cairn/log.hpp>", "", '#include "lmdb/pages.hpp"',
        '#include "support/gate.hpp"', "#include <cairn/wire.capnp.h>", "", "#include <lmdb.h>", "",
        "#include <fcntl.h>", "#include <vector>",
    ],
    "persistence/lmdb/pages.hpp": HEADER,
    "persistence/support/README.md": ["# S"],
    "persistence/support/gate.hpp": HEADER,
    "actors/README.md": ["# A"],
    "actors/scheduling/README.md": ["# S"],
    "actors/scheduling/seam.hpp": HEADER,
    "actors/scheduling/seam.cpp": [
        '#include "scheduling/seam.hpp"', '#include "support/gate.hpp"', "#include <cairn/log.hpp>",
        "", "#include <capnp/schema.capnp.h>",
    ],
    "actors/aggregates/README.md": ["# A"],
    "actors/aggregates/engine.hpp": HEADER + ["", '#include "scheduling/seam.hpp"'],
    "src/README.md": ["# R"],
    "src/runtime/README.md": ["# R"],
    "src/runtime/include/cairn/caf.hpp": HEADER + ["", "#include <caf/fwd.hpp>"],
    "src/runtime/runtime.cpp": [
        '#include "aggregates/engine.hpp"', "#include <librdkafka/rdkafka.h>",
    ],
    "tests/README.md": ["# T"],
    "tests/unit/README.md": ["# U"],
    "tests/unit/raw_test.cpp": ["#include <lmdb.h>"],
    "examples/README.md": ["# E"],
    "examples/cart/README.md": ["# C"],
    "examples/cart/cart.capnp": ["@0xb3c1d8a5f0e94763;"],
    "examples/cart/main.cpp": ['#include "cart.cairn.hpp"', "#include <cairn/log.hpp>"],
}

# (rule, path that must be reported, its lines)
PLANTED = [
    ("layers", "persistence/x.cpp", ["#include <cairn/caf.hpp>"]),
    ("layers", "schemas/x.hpp", HEADER + ["#include <cairn/log.hpp>"]),
    ("layers", "src/x.cpp", ["#include <cairn/nowhere.hpp>"]),
    ("layers", "persistence/lmdb/x.cpp", ['#include "scheduling/seam.hpp"']),
    ("layers", "persistence/lmdb/x.cpp", ['#include "../../actors/scheduling/seam.hpp"']),
    ("layers", "examples/cart/x.cpp", ['#include "lmdb/pages.hpp"']),
    ("layers", "examples/cart/x.cpp", ['#include "../../persistence/lmdb/pages.hpp"']),
    ("layers", "examples/cart/x.cpp", ['#include "other.cairn.hpp"']),
    ("rooms", "persistence/lmdb/x.cpp", ['#include "pages.hpp"']),
    ("rooms", "persistence/support/x.cpp", ['#include "lmdb/pages.hpp"']),
    ("rooms", "actors/scheduling/x.cpp", ['#include "aggregates/engine.hpp"']),
    ("rooms", "actors/aggregates/x.cpp", ['#include "lmdb/pages.hpp"']),
    ("rooms", "src/schema_compiler/x.cpp", ['#include "aggregates/engine.hpp"']),
    ("rooms", "actors/cellar/x.cpp", ["#include <vector>"]),
    ("restricted_includes", "persistence/x.cpp", ["#include <caf/all.hpp>"]),
    ("restricted_includes", "actors/x.cpp", ["#include <caf/all.hpp>"]),
    ("restricted_includes", "actors/x.cpp", ["#include <lmdb.h>"]),
    ("restricted_includes", "src/x.cpp", ['#include "lmdb.h"']),
    ("restricted_includes", "actors/x.cpp", ["  #  include <libpq-fe.h>"]),
    ("restricted_includes", "persistence/x.cpp", ["#include <librdkafka/rdkafkacpp.h>"]),
    ("restricted_includes", "examples/cart/x.cpp", ["#include <caf/all.hpp>"]),
    ("public_headers", "persistence/include/cairn/x.hpp", HEADER + ["#include <lmdb.h>"]),
    ("public_headers", "actors/include/cairn/x.hpp", HEADER + ["#include <caf/fwd.hpp>"]),
    ("public_headers", "src/runtime/include/cairn/x.hpp",
     HEADER + ["#include <nlohmann/json.hpp>"]),
    ("public_headers", "src/runtime/include/cairn/x.hpp", HEADER + ['#include "private.hpp"']),
    ("include_order", "persistence/lmdb/log.cpp",
     ["#include <vector>", "#include <cairn/log.hpp>"]),
    ("include_order", "persistence/lmdb/pages.cpp", ["#include <cairn/log.hpp>"]),
    ("include_order", "actors/x.cpp", ["#include <vector>", "#include <isa-l.h>"]),
    ("include_order", "actors/x.cpp", ["#include <vector>", "#include <caf/all.hpp>"]),
    ("include_order", "tests/unit/x.cpp", ["#include <doctest/doctest.h>", '#include "cart.hpp"']),
    ("pragma_once", "src/x.hpp", ["#ifndef X", "#define X", "#endif"]),
    ("columns", "src/x.cpp", ["// " + "x" * 98]),
    ("columns", "tests/unit/CMakeLists.txt", ["#" + "x" * 100]),
    ("text_columns", "src/README.md", ["word " * 25]),
    ("file_length", "src/x.cpp", ["//"] * 451),
    ("file_length", "persistence/lmdb_journal/lmdb_writer.cpp", ["//"] * 600),
    ("plain_words", "src/x.hpp", HEADER + ["// Whoever asks is told."]),
    ("plain_words", "README.md", ["# X", "That was in vain."]),
    ("leftovers", "src/x.cpp", ["// TODO: more"]),
    ("leftovers", "src/x.hpp", ["// a fixme"]),
    ("leftovers", "src/x.md", ["This is not implemented."]),
    ("leftovers", "src/x.capnp", ["# Enough for now."]),
    ("machine_paths", "tests/unit/x.cpp", ['open("/tmp/journal");']),
    ("machine_paths", "README.md", ["run /home/me/cairn"]),
    ("readmes", "src/new/README.md", None),
    ("readmes", "persistence/new/README.md", None),
    ("readmes", "tests/new/README.md", None),
    ("readmes", "examples/new/README.md", None),
    ("readmes", "src/README.md", ["line"] * 61),
    ("user_code_rows", "src/runtime/include/cairn/runtime.hpp",
     HEADER + ["class runtime : public runtime_base {", "public:", "  void halt();", "};"]),
    ("top_level", "notes.txt", ["x"]),
    ("top_level", "docs", None),
]


def plant(root, files):
    for path, lines in files.items():
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write("".join(line + "\n" for line in lines))


class TidyTest(unittest.TestCase):
    def test_a_tree_that_keeps_the_rules_has_no_findings(self):
        with tempfile.TemporaryDirectory() as root:
            plant(root, CLEAN)
            self.assertEqual(tidy.findings(tidy.Tree(root)), [])

    def test_each_rule_reports_the_file_that_breaks_it(self):
        for rule, path, lines in PLANTED:
            with self.subTest(rule=rule, path=path, lines=(lines or [])[:2]):
                with tempfile.TemporaryDirectory() as root:
                    plant(root, CLEAN)
                    if lines is None:  # the folder alone is the offence
                        folder = os.path.dirname(path) or path
                        plant(root, {f"{folder}/data.csv": ["1,2"]})
                    else:
                        plant(root, {path: lines})
                    reported = {found[1] for found in tidy.findings(tidy.Tree(root), [rule])}
                    self.assertEqual(reported, {path})

    def test_every_rule_has_a_planted_file(self):
        self.assertEqual(set(tidy.RULES), {rule for rule, _, _ in PLANTED})

    def test_rooms_include_only_what_stands_above_them(self):
        order = list(tidy.ROOMS)
        for room, others in tidy.ROOMS.items():
            for other in filter(lambda name: name != "+", others):
                with self.subTest(room=room, other=other):
                    self.assertLess(order.index(other), order.index(room))

    def test_a_binary_file_is_passed_over(self):
        with tempfile.TemporaryDirectory() as root:
            plant(root, CLEAN)
            with open(os.path.join(root, "tests/unit/golden.mdb"), "wb") as file:
                file.write(b"\xbe\xef\xc0\xde" * 8)
            self.assertEqual(tidy.findings(tidy.Tree(root)), [])


if __name__ == "__main__":
    unittest.main()
