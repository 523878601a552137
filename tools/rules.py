# SPDX-License-Identifier: Apache-2.0
"""The project's own rules: licence lines, who may include whom, banned functions, seams, commented columns."""
import os, re, subprocess, sys

BASE, MIDDLE = 'base', {'http', 'store'}
BANNED = {'strcpy', 'strcat', 'sprintf', 'vsprintf', 'gets', 'strtok', 'atoi', 'atol', 'rand', 'srand', 'system', 'popen',
          'alloca', 'localtime', 'gmtime', 'asctime', 'ctime', 'tmpnam', 'mktemp', 'strncpy'}
# A seam's names may be used in its folder (or file) alone.
SEAMS = [(r'\bMHD_[A-Za-z]', ('src/http/', 'test/', 'bench/', 'fuzz/')), (r'\bsqlite3_[a-z]', ('src/store/', 'test/', 'bench/', 'fuzz/')),
         (r'\breply_cookie_raw\s*\(', ('src/http/', 'src/register/cookie.c', 'test/')), (r'\btime\s*\(\s*(NULL|0|&)', ('src/base/clock.c', 'test/', 'bench/')),
         (r'struct permit \{', ('src/register/permit.c',)), (r'\bSet-Cookie', ('src/http/', 'src/register/cookie.c', 'test/'))]


def say(path, line, words):
    print(f'{path}:{line}: {words}')


def code_lines(text):
    """Lines without comments and strings, so that words in them do not count."""
    text = re.sub(r'/\*.*?\*/', lambda m: '\n' * m.group(0).count('\n'), text, flags=re.S)
    text = re.sub(r'//[^\n]*', '', text)
    return [re.sub(r'"(?:[^"\\]|\\.)*"', '""', l) for l in text.split('\n')]


def layer(part, modules):
    return 0 if part == 'base' else 1 if part in MIDDLE else 2 if part == 'register' else 3 if part in modules else 4


def check_c(path, text, modules):
    part = path.split('/')[1] if path.startswith('src/') and path.count('/') > 1 else ''
    raw = text.split('\n')
    for n, (line, code) in enumerate(zip(raw, code_lines(text)), 1):
        m = re.match(r'\s*#\s*include\s+"([a-z_]+)/', line)
        if m and part and m.group(1) in os.listdir('src') and m.group(1) != part:
            other = m.group(1)
            if layer(other, modules) >= layer(part, modules):
                say(path, n, f'{part}/ may not include {other}/')
        for word in re.findall(r'\b([a-z_]+)\s*\(', code):
            if word in BANNED:
                say(path, n, f'{word}() is banned')
        for pattern, allowed in SEAMS:
            subject = line if 'Set-Cookie' in pattern else code
            if re.search(pattern, subject) and not path.startswith(allowed) and not subject.strip().startswith(('*', '/*')):
                say(path, n, f'{pattern} stays behind its seam')
        if len(line) > 140 and not line.startswith(("    { ", "    X(")):
            say(path, n, 'line longer than 140 columns')


def check_schema(path, text):
    """Every column has a comment that says what it holds."""
    inside = False
    for n, line in enumerate(text.split('\n'), 1):
        if re.match(r'\s*CREATE TABLE', line, re.I):
            inside = True
            continue
        if inside and re.match(r'\s*\)', line):
            inside = False
        elif inside:
            m = re.match(r'\s*([a-z_]+)\s+(TEXT|INTEGER|BLOB|REAL)', line)
            if m and not re.search(r'--\s*\S', line):
                say(path, n, f'the column {m.group(1)} has no comment')


def main():
    files = subprocess.run(['git', 'ls-files', '-co', '--exclude-standard'], stdout=subprocess.PIPE, text=True, check=True).stdout.split('\n')
    modules = set(os.listdir('src')) - {'base', 'http', 'store', 'register', 'main.c', 'platform.c', 'platform.h'}
    for path in sorted(f for f in files if f and os.path.isfile(f)):
        if path.startswith(('test/data/', 'fuzz/corpus/')) or path.endswith(('.png', '.svg', '.json', '.md', '.woff2', '.tsv', '.txt')) or '/data/' in path \
                or os.path.basename(path) in ('LICENSE', '.gitignore', '.npmrc', '.clang-format', '.clang-tidy', 'threaded'):
            continue
        try:
            text = open(path, encoding='utf-8').read()
        except UnicodeDecodeError:
            say(path, 1, 'not UTF-8')
            continue
        if 'SPDX-License-Identifier: Apache-2.0' not in '\n'.join(text.split('\n')[:3]):
            say(path, 1, 'no SPDX line')
        if path.endswith(('.c', '.h')):
            check_c(path, text, modules)
        if path.endswith('schema.sql'):
            check_schema(path, text)
        for n, line in enumerate(text.split('\n'), 1):
            if line != line.rstrip() and not path.endswith('.md'):
                say(path, n, 'blanks at the end of the line')
    return 0


main()
