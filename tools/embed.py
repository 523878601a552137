# SPDX-License-Identifier: Apache-2.0
"""Writes the files that are built into the program as one C file that pulls their bytes in with .incbin.

Files below web/ are also compressed with gzip and brotli (the `brotli` command of Debian); what does not
get at least a tenth smaller is left as it is. Assets from npm lie in build/web, put there by `./dev build`;
what is made from Debian's data packages lies beside them in build/data and is embedded as data/….
"""
import argparse, gzip, hashlib, os, subprocess, sys

UAP = '/usr/share/uap-core/regexes.yaml'

TYPES = {'.css': 'text/css; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.html': 'text/html; charset=utf-8',
         '.svg': 'image/svg+xml', '.png': 'image/png', '.ico': 'image/x-icon', '.woff2': 'font/woff2', '.json': 'application/json',
         '.txt': 'text/plain; charset=utf-8', '.yaml': 'text/yaml; charset=utf-8', '.sql': 'text/plain; charset=utf-8',
         '.webmanifest': 'application/manifest+json'}


def brotli(data):
    return subprocess.run(['brotli', '-q', '11', '-c'], input=data, stdout=subprocess.PIPE, check=True).stdout


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument('--out', required=True)
    arguments.add_argument('--source-root', required=True)
    arguments.add_argument('--web', required=True)
    arguments.add_argument('inputs', nargs='*', help='for the build: it runs this again when the list changes')
    a = arguments.parse_args()
    files = {}
    for kind, strip in (('src', 'src/'), ('web', '')):
        listed = subprocess.run(['tools/sources', 'embedded'], cwd=a.source_root, stdout=subprocess.PIPE, check=True, text=True).stdout.split('\n')
        for f in listed:
            if f.startswith(kind + '/'):
                files[f[len(strip):]] = os.path.join(a.source_root, f)
    data = os.path.join(os.path.dirname(a.web), 'data')      # made from Debian packages, never committed
    if os.path.exists(UAP):
        os.makedirs(data, exist_ok=True)
        subprocess.run([sys.executable, os.path.join(a.source_root, 'tools/uap.py'), UAP,
                        os.path.join(data, 'user-agents.yaml')], check=True)
    for root, prefix in ((a.web, 'web/'), (data, 'data/')):
        for folder, _, names in os.walk(root):
            for n in names:
                path = os.path.join(folder, n)
                files[prefix + os.path.relpath(path, root)] = path
    work = a.out + '.d'
    os.makedirs(work, exist_ok=True)
    code = ['/* Written by tools/embed.py. */', '#include "base/embedded.h"']
    table = []

    def pull(symbol, path, size):
        code.append(f'__asm__(".section .rodata\\n.balign 16\\n{symbol}:\\n.incbin \\"{path}\\"\\n.byte 0\\n.previous\\n");\n'
                    f'extern const unsigned char {symbol}[] __asm__("{symbol}");')

    for i, name in enumerate(sorted(files)):
        data = open(files[name], 'rb').read()
        forms = {'gz': None, 'br': None}
        pull(f'kt_file_{i}', os.path.abspath(files[name]), len(data))
        if name.startswith('web/') and not name.endswith(('.woff2', '.png')):
            key = os.path.join(work, hashlib.sha256(data).hexdigest())
            for form, make in (('gz', lambda d: gzip.compress(d, 9, mtime=0)), ('br', brotli)):
                packed = key + '.' + form
                if not os.path.exists(packed):
                    open(packed, 'wb').write(make(data))
                size = os.path.getsize(packed)
                if size <= len(data) * 9 // 10:
                    pull(f'kt_file_{i}_{form}', os.path.abspath(packed), size)
                    forms[form] = size
        ext = os.path.splitext(name)[1]
        def form_fields(f):
            return (f'kt_file_{i}_{f}', str(forms[f])) if forms[f] else ('NULL', '0')
        gz, br = form_fields('gz'), form_fields('br')
        table.append(f'    {{ "{name}", kt_file_{i}, {gz[0]}, {br[0]}, {len(data)}, {gz[1]}, {br[1]}, '
                     f'"{hashlib.sha256(data).hexdigest()[:16]}", "{TYPES.get(ext, "application/octet-stream")}" }},')
    code.append('const kt_embedded kt_embedded_files[] = {')
    code += table
    code.append('};')
    code.append(f'const size_t kt_embedded_count = {len(table)};')
    open(a.out, 'w', encoding='utf-8').write('\n'.join(code) + '\n')


main()
