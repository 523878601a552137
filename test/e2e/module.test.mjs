// SPDX-License-Identifier: Apache-2.0
// The walk-through of docs/architecture.md: a module added by the script is served, declared and checked;
// without its activity, its column's claim or its route's activity, the program refuses to start.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { root } from './kontor.mjs';

const place = fs.mkdtempSync(path.join(os.tmpdir(), 'kontor-module-'));
const at = (...p) => path.join(place, ...p);
const sh = (command) => {
  const r = spawnSync('bash', ['-c', command], { cwd: place, encoding: 'utf8', maxBuffer: 64 << 20 });
  return { ...r, output: r.stdout + r.stderr };
};
const build = () => {
  const r = sh('ninja -C build --quiet');
  assert.equal(r.status, 0, r.output);
};
const change = (file, from, to) => {
  const text = fs.readFileSync(at(file), 'utf8');
  assert.ok(text.includes(from), `${file} holds ${from}`);
  fs.writeFileSync(at(file), text.replace(from, to));
};

before(() => {
  for (const p of ['src', 'web', 'tools', 'test/unit', 'meson.build', 'meson_options.txt'])
    fs.cpSync(path.join(root, p), at(p), { recursive: true });
  for (const p of ['web', 'data'])
    if (fs.existsSync(path.join(root, 'build', p))) fs.cpSync(path.join(root, 'build', p), at('build', p), { recursive: true });
  const made = sh('tools/new-module notes');
  assert.equal(made.status, 0, made.output);
  const setup = sh('meson setup build -Dtests=false -Doptimization=0 -Ddebug=false');
  assert.equal(setup.status, 0, setup.output);
  build();
});
after(() => fs.rmSync(place, { recursive: true, force: true }));

test('a module made by the script passes the check and stands in the notice', () => {
  const check = sh('build/kontor check');
  assert.equal(check.status, 0, check.output);
  const notice = sh('build/kontor notice --lang en').output;
  assert.match(notice, /Own entries \(notes\)/);
  assert.match(notice, /Entries are erased after a year/);
});

test('a second module of the same name is refused', () => {
  assert.equal(sh('tools/new-module notes').status, 1);
});

test('a column without a claim is refused with file and line', () => {
  change('src/notes/activity.yaml', ', text: entry_text', '');
  build();
  const check = sh('build/kontor check');
  assert.equal(check.status, 1, check.output);
  assert.match(check.output, /src\/notes\/schema\.sql:7: .*notes_entry\.text/);
  change('src/notes/activity.yaml', 'account: technical', 'account: technical, text: entry_text');
});

test('a route without its activity is refused', () => {
  change('src/notes/notes.c', 'HTTP_READ, "notes"', 'HTTP_READ, "nothing-declared"');
  build();
  const check = sh('build/kontor check');
  assert.equal(check.status, 1, check.output);
  assert.match(check.output, /src\/notes\/notes\.c:\d+: route GET \/notes .*nothing-declared/);
  const init = sh('build/kontor init --data there');
  assert.equal(init.status, 1, 'the program does not start either');
  change('src/notes/notes.c', 'nothing-declared', 'notes');
});

test('a cookie the code sets and nobody declares is refused', () => {
  change('src/notes/notes.c', 'extern const module notes_module;', 'static const char *const cookies[] = { "crumb", NULL };\nextern const module notes_module;');
  change('src/notes/notes.c', '.routes = routes,', '.routes = routes, .cookies = cookies,');
  build();
  const check = sh('build/kontor check');
  assert.equal(check.status, 1, check.output);
  assert.match(check.output, /src\/notes\/notes\.c:\d+: the code sets the cookie "crumb", which no activity declares/);
  change('src/notes/notes.c', ', .cookies = cookies,', ',');
  change('src/notes/notes.c', 'static const char *const cookies[] = { "crumb", NULL };\n', '');
});

test('without its activity.yaml the module is refused', () => {
  fs.renameSync(at('src/notes/activity.yaml'), at('activity.yaml'));
  const again = sh('meson setup --reconfigure build');
  assert.equal(again.status, 0, again.output);
  build();
  const check = sh('build/kontor check');
  assert.equal(check.status, 1, check.output);
  assert.match(check.output, /notes_entry/);
});
