#!/usr/bin/env python3
"""Plants a defect: copies a source file with one piece of text replaced.

Usage: mutate.py SOURCE OUTPUT FIND REPLACE. If the text is not there exactly once, the defect no
longer fits: then the copy is left sound, so that the mutant's test fails, and not the build.
"""

import sys


def main():
    source, output, find, replace = sys.argv[1:]
    with open(source, encoding="utf-8") as file:
        text = file.read()
    if text.count(find) == 1:
        text = text.replace(find, replace)
    else:
        print(f"{source} has {text.count(find)} times: {find}")
    with open(output, "w", encoding="utf-8") as file:
        file.write(f'#line 1 "{source}"\n{text}')


if __name__ == "__main__":
    main()
