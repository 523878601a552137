# SPDX-License-Identifier: Apache-2.0
"""Writes where each route and each list of cookies stands in the sources, so that the check can name the line.

A route is a row `{ "GET", "/path", …`; the cookies of a module are the words of its array `cookies[]`.
"""
import re, sys

out, *files = sys.argv[1:]
root = 'src/'
ROUTE = re.compile(r'\{\s*"(GET|HEAD|POST|PUT|PATCH|DELETE)",\s*"(/[^"]*)"')
COOKIES = re.compile(r'\bcookies\[\]\s*=\s*\{([^}]*)\}')
rows = []
for path in files:
    text = open(path, encoding='utf-8').read()
    name = path[path.rindex(root):]
    for m in ROUTE.finditer(text):
        rows.append((f'{m.group(1)} {m.group(2)}', name, text.count('\n', 0, m.start()) + 1))
    for m in COOKIES.finditer(text):
        for word in re.finditer(r'"([^"]+)"', m.group(1)):
            rows.append((f'cookie {word.group(1)}', name, text.count('\n', 0, m.start(1) + word.start()) + 1))
with open(out, 'w', encoding='utf-8') as f:
    f.write('/* Written by tools/code_lines.py. */\n#include "register/code_line.h"\nconst code_line code_lines[] = {\n')
    f.writelines(f'    {{ "{what}", "{name}", {line} }},\n' for what, name, line in rows)
    f.write('    { 0 } };\n')
