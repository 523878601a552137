// SPDX-License-Identifier: Apache-2.0
// Sign-ins a second on one core, against the bare password hash on the same core: what a sign-in costs beside its
// hash (form, CSRF, look-up, session, sign-in log, audit, one durable commit) is what is missing to 1.
//
// Eight people at a time, each from an address of its own a time (a front forwards them), because the limits of
// tries hold here as they do everywhere. Right answers: each sign-in gets a session, and the store counts as many.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import * as h from './harness.mjs';
import { compile } from './durable.mjs';
import { addPeople } from './people.mjs';
import { Visitor } from './visitor.mjs';

const PASSWORD = 'bench-of-passwords-2026', AT_ONCE = 8;
const config = `${fs.readFileSync(path.join(h.root, 'src/register/data/operator.yaml'), 'utf8')}
server:
  trusted_fronts: ["127.0.0.1"]
`;

async function client(server, people, state) {
  // Cookies of people from elsewhere need an encrypted connection, which the front says it has.
  const v = new Visitor(server.url, { 'x-forwarded-for': '10.0.0.1', 'x-forwarded-proto': 'https' });
  const page = await v.ask('/sign-in'), before = new Map(v.cookies);
  while (performance.now() < state.end) {
    const n = state.next++, email = people[n % people.length].email;
    v.headers['x-forwarded-for'] = `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
    const r = await v.post('/sign-in', v.fill(page.text, '/sign-in', { email, password: PASSWORD }));
    if (r.status !== 303 || !v.cookies.get('__Host-sid')) throw new h.AnswersDiffer(`a right password was answered with ${r.status}: ${(r.text.match(/<h1>([^<]*)/) ?? [])[1] ?? ''}`);
    v.cookies = new Map(before);          // the next one has this form open, too, and no session
    state.done++;
  }
}

export async function measure(p) {
  const Database = h.betterSqlite(), hash = compile('hash'), dir = h.workFolder(), made = h.init(dir, config);
  const people = addPeople(Database, made.data, p.seed, 400, execFileSync(hash, ['make'], { encoding: 'utf8' }).trim());
  const count = () => { const db = new Database(`${made.data}/kontor.db`, { readonly: true }); const n = db.prepare('SELECT count(*) FROM account_sign_in').pluck().get(); db.close(); return n; };
  const there = count(), server = await h.kontor(0, made), seconds = p.size === 'quick' ? 4 : 10, state = { next: 1, done: 0, end: 0 };
  const sodium = execFileSync('pkg-config', ['--modversion', 'libsodium'], { encoding: 'utf8' }).trim();

  const cpu = { kontor: [], bare: [] };
  const kontor = async () => {
    const before = state.done, from = performance.now(), busy = h.cpuMicros(server.pid);
    state.end = from + seconds * 1000;
    await Promise.all(Array.from({ length: AT_ONCE }, () => client(server, people, state)));
    cpu.kontor.push((h.cpuMicros(server.pid) - busy) / (state.done - before));
    return ((state.done - before) * 1000) / (performance.now() - from);
  };
  const bare = async () => {
    const [, rate, micros] = await h.printed(0, hash, ['verify', String(seconds)], /^([\d.]+) (\d+)\n/);
    cpu.bare.push(Number(micros));
    return Number(rate);
  };
  const turns = await h.takeTurns(p, [{ name: 'kontor, sign-ins', run: kontor }, { name: 'bare argon2id', run: bare }]);
  const [k, b] = turns.courses.map((c) => h.median(c.values)), most = h.memory(server.pid).most;
  await server.stop();
  if (count() - there !== state.done) throw new h.AnswersDiffer(`${state.done} sign-ins were answered, ${count() - there} are in the store`);
  turns.courses[0].ratio = k / b;
  return { unit: 'a second', courses: turns.courses, steady: turns.steady, ratio: k / b, peer: { name: 'libsodium argon2id', version: sodium, values: turns.courses[1].values },
           notes: [`${state.done} sign-ins, all in the store; ${AT_ONCE} at once; memory at most ${most.toFixed(0)} MiB (two hashes of 64 MiB at a time)`,
                   `CPU time: ${(h.median(cpu.kontor) / 1000).toFixed(1)} ms a sign-in, ${(h.median(cpu.bare) / 1000).toFixed(1)} ms a hash: ${
                     (h.median(cpu.bare) / h.median(cpu.kontor)).toFixed(2)} of the bound (two hash threads win shares of a contended core, so the rate says less)`],
           details: { most, cpu } };
}
