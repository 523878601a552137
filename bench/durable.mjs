// SPDX-License-Identifier: Apache-2.0
// Durable rows: bench/store.c, compiled against the library of the build, does the measuring; it takes turns by
// itself and counts its rows afterwards. Here it is built, run, and its figures become a result.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import * as h from './harness.mjs';

const libraries = ['libmicrohttpd', 'sqlite3', 'libsodium', 'libcurl', 'libfyaml', 'jansson', 'libpcre2-8', 'zlib', 'libbrotlienc', 'gnutls', 'libidn2'];

/** Compiles one of our C programs against the build's library, when it is older than that. */
export function compile(name) {
  const program = path.join(h.build, 'bench', name), source = path.join(h.here, `${name}.c`), core = path.join(h.build, 'libkontor-core.a');
  const time = (f) => fs.statSync(f).mtimeMs;
  if (!fs.existsSync(core)) throw new h.Unmeasurable('there is no build: run ./dev build first');
  if (fs.existsSync(program) && time(program) > Math.max(time(source), time(core))) return program;
  const flags = execFileSync('pkg-config', ['--libs', ...libraries], { encoding: 'utf8' }).trim().split(/\s+/);
  const r = spawnSync('cc', ['-std=gnu17', '-O2', '-D_GNU_SOURCE', `-I${h.root}/src`, source, core, '-o', program, ...flags, '-lunistring', '-lm', '-lpthread'], { encoding: 'utf8' });
  if (r.status !== 0) throw new h.Unmeasurable(`${name}.c does not compile:\n${r.stderr}`);
  return program;
}

export async function measure(p) {
  const program = compile('store'), dir = h.workFolder();
  const args = ['--rounds', String(p.rounds || 5), '--seconds', p.size === 'quick' ? '1' : '2', '--dir', dir, '--json'];
  let d = null, steady = false;
  for (let attempt = 1; attempt <= 3 && !steady; attempt++) {
    const r = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 24 });
    if (r.status !== 0) throw new h.Unmeasurable(`store: ${r.stderr}`);
    d = JSON.parse(r.stdout);
    steady = d.courses.filter((c) => /^(kN|p1) /.test(c.name)).every((c) => c.spread <= 1.25);
  }
  const find = (word) => d.courses.find((c) => c.name.startsWith(`${word} `));
  const courses = [find('kN'), find('p1'), ...d.courses.filter((c) => !/^(kN|p1) /.test(c.name))]
    .map((c) => ({ name: c.name, values: [c.min, c.median, c.max], ratio: c.median / find('p1').median }));
  const many = find('kN').median, p1 = find('p1').median, sync = find('d0').median;
  return { unit: 'rows or syncs a second', courses, steady, ratio: many / p1,
           peer: { name: 'SQLite, a commit a row,', version: h.programVersion('pkg-config', ['--modversion', 'sqlite3'], /(\S+)/), values: courses[1].values },
           notes: [`${d.callers} callers against a commit a row: ${(many / p1).toFixed(2)}; against syncs of this disk: ${(many / sync).toFixed(2)}; one caller: ${
             (find('k1').median / p1).toFixed(2)}`, 'ratios of a row to "plain, a commit a row"; all with synchronous=FULL'],
           details: d };
}
