#!/usr/bin/env python3
"""Plants a defect: copies a source file with one piece of text replaced.

Usage: mutate.py SOURCE OUTPUT FIND REPLACE. If the text is not there exactly once, the defect does
not fit: then the copy is left sound and says so in its first line, so that the mutant's test fails
(caught.py reads that line), and not the build of all tests.
"""

import sys

UNFIT = "// The defect does not fit: "


def main():
    source, output, find, replace = sys.argv[1:]
    with open(source, encoding="utf-8") as file:
        text = file.read()
    first = ""
    if text.count(find) == 1:
        text = text.replace(find, replace)
    else:
        first = f"{UNFIT}{source} has {text.count(find)} times: {find}\n"
        print(first, end="")
    with open(output, "w", encoding="utf-8") as file:
        file.write(f'{first}#line 1 "{source}"\n{text}')


if __name__ == "__main__":
    main()
