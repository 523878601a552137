# SPDX-License-Identifier: Apache-2.0
"""Takes the lists for browser and operating system out of uap-core's regexes.yaml (Apache-2.0), without comments.

The third list, devices, is left out: it is two thirds of the file and asks for what nobody declared.
Usage: tools/uap.py REGEXES.YAML OUT
"""
import sys


def main(source, target):
    kept, keep = ['# From ua-parser/uap-core regexes.yaml, Apache License 2.0.'], False
    for line in open(source, encoding='utf-8'):
        line = line.rstrip()
        if line and line[0] not in ' #':
            keep = line in ('user_agent_parsers:', 'os_parsers:')
        if keep and line.strip() and not line.strip().startswith('#'):
            kept.append(line)
    open(target, 'w', encoding='utf-8').write('\n'.join(kept) + '\n')


main(*sys.argv[1:])
