# SPDX-License-Identifier: Apache-2.0
"""Formats the C sources with clang-format, except for tables, which are aligned by hand to be read by column.

A table is what stands between a line at the margin that ends in `= {` and the next `};` at the margin.
`format.py` rewrites; `format.py --check` names the files that would change, and exits 1.
"""
import os, subprocess, sys


def outside_tables(text):
    """Line ranges (from 1) that are not inside a table."""
    ranges, start, inside = [], 1, False
    rows = text.split('\n')
    for n, row in enumerate(rows, 1):
        if not inside and row.endswith('= {') and row[:1] not in (' ', '\t', '}'):
            if n > start:
                ranges.append((start, n - 1))
            inside = True
        elif inside and row == '};':
            inside, start = False, n + 1
    if not inside and start <= len(rows):
        ranges.append((start, len(rows)))
    return ranges


def formatted(path):
    text = open(path, encoding='utf-8').read()
    lines = [f'--lines={a}:{b}' for a, b in outside_tables(text)]
    if not lines:
        return text, text
    out = subprocess.run(['clang-format', *lines, path], stdout=subprocess.PIPE, check=True).stdout.decode()
    return text, out


def main():
    check = '--check' in sys.argv
    bad = 0
    for folder in ('src', 'test', 'bench', 'fuzz'):
        for place, _, names in sorted(os.walk(folder)):
            for name in sorted(names):
                if not name.endswith('.c'):
                    continue
                path = os.path.join(place, name)
                before, after = formatted(path)
                if before != after:
                    bad += 1
                    if check:
                        print(f'{path}: not formatted (./dev fmt)')
                    else:
                        open(path, 'w', encoding='utf-8').write(after)
    return 1 if check and bad else 0


sys.exit(main())
