# SPDX-License-Identifier: Apache-2.0
"""Turns each module's queries.sql into C: named parameters become ?1, ?2 … in order of appearance.

A statement begins with a line `-- name: account_by_email` (further `--` lines are its comment) and
ends before the next one. Written: gen/<module>/queries.h (declarations) and gen-queries.c (texts).
"""
import argparse, os, re, sys


def tokens(text):
    """Yields (kind, text): strings, comments and names in quotes are left alone, :name is a parameter."""
    pattern = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|::|:([A-Za-z_][A-Za-z0-9_]*)", re.S)
    at = 0
    for m in pattern.finditer(text):
        yield 'text', text[at:m.start()]
        yield ('param', m.group(1)) if m.group(1) else ('comment', '') if m.group(0).startswith('--') else ('text', m.group(0))
        at = m.end()
    yield 'text', text[at:]


def without_end(body):
    """The statement without blank lines, comments and the semicolon at its end."""
    kept = ''.join(text if kind != 'param' else ':' + text for kind, text in tokens(body))
    return kept.strip().rstrip(';').rstrip()


def statements(path):
    name, line, body = None, 0, []
    for n, row in enumerate(open(path, encoding='utf-8'), 1):
        m = re.match(r'--\s*name:\s*(\S+)\s*$', row)
        if m:
            if name:
                yield name, line, ''.join(body)
            name, line, body = m.group(1), n, []
            if not re.fullmatch(r'[a-z][a-z0-9_]*', name):
                sys.exit(f'{path}:{n}: the name of a statement is lower case with underscores')
        elif name:
            body.append(row)
        elif row.strip() and not row.startswith('--'):
            sys.exit(f'{path}:{n}: statement without "-- name: …"')
    if name:
        yield name, line, ''.join(body)


def checked(where, text):
    """One statement, and one only: SQLite would silently leave out what stands behind a semicolon."""
    bare = ''.join(t for kind, t in tokens(text) if kind == 'text' and not t.startswith(("'", '"')))
    if not bare.strip():
        sys.exit(f'{where}: a statement without text')
    if ';' in bare:
        sys.exit(f'{where}: a semicolon inside the statement')
    if '?' in bare:
        sys.exit(f'{where}: parameters have names, ? has none')
    return text


def c_string(text):
    return '\n'.join('    "' + l.replace('\\', '\\\\').replace('"', '\\"') + '\\n"' for l in text.splitlines()) or '    ""'


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument('--out', required=True)
    arguments.add_argument('--source-root', required=True)
    arguments.add_argument('files', nargs='+')
    a = arguments.parse_args()
    code = ['/* Written by tools/sql.py. */', '#include "store/store.h"']
    seen, count = {}, 0
    for path in a.files:
        if not path.endswith('.sql'):
            continue
        module = os.path.basename(os.path.dirname(path))
        relative = os.path.relpath(os.path.join(path), a.source_root) if os.path.isabs(path) else 'src/' + module + '/queries.sql'
        head = [f'/* Written by tools/sql.py from {relative}. */', f'#ifndef GEN_{module.upper()}_QUERIES_H',
                f'#define GEN_{module.upper()}_QUERIES_H', '#include "store/store.h"']
        code.append(f'#include "{module}/queries.h"')
        for name, line, body in statements(path):
            if name in seen:
                sys.exit(f'{relative}:{line}: the name {name} stands already at {seen[name]}')
            seen[name] = f'{relative}:{line}'
            params, out = [], []
            for kind, text in tokens(checked(f'{relative}:{line}', without_end(body))):
                if kind == 'param':
                    if text not in params:
                        params.append(text)
                    out.append('?%d' % (params.index(text) + 1))
                elif kind == 'text':
                    out.append(text)
            text = '\n'.join(l.rstrip() for l in ''.join(out).splitlines() if l.strip())
            head.append(f'extern const sql SQL_{name};   /* line {line}; {", ".join(params) or "no parameters"} */')
            names = ', '.join(f'"{p}"' for p in params)
            code.append(f'const sql SQL_{name} = {{\n    "{name}",\n{c_string(text)},\n    (const char *const[]){{ {names + ", " if names else ""}NULL }},'
                        f'\n    "{relative}", {line}, {count} }};')
            count += 1
        head.append('#endif')
        folder = os.path.join(a.out, 'gen', module)
        os.makedirs(folder, exist_ok=True)
        target, new = os.path.join(folder, 'queries.h'), '\n'.join(head) + '\n'
        if not os.path.exists(target) or open(target, encoding='utf-8').read() != new:
            open(target, 'w', encoding='utf-8').write(new)
    code.append('extern const unsigned sql_count;')
    code.append('const unsigned sql_count = %d;' % count)
    code.append('extern const sql *const sql_all[];')
    code.append('const sql *const sql_all[] = { %s NULL };' % ''.join(f'&SQL_{n}, ' for n in seen))
    open(os.path.join(a.out, 'gen-queries.c'), 'w', encoding='utf-8').write('\n'.join(code) + '\n')
    open(os.path.join(a.out, 'gen-queries.h'), 'w').write('/* Says that gen/<module>/queries.h are written. */\n')


main()
