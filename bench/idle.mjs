// SPDX-License-Identifier: Apache-2.0
// Memory at rest: an installation with the demo's data, after start and after each main page was asked for ten
// times, each followed by five seconds of rest. All cores, default configuration. Beside it, for the scale, what
// the page measurement's Fastify server takes after start.
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import * as h from './harness.mjs';
import { Visitor } from './visitor.mjs';

const REST_MS = 5000, TIMES = 10;
const places = {
  visitor: ['/', '/sign-up', '/sign-in', '/reset', '/privacy', '/privacy/cookies', '/imprint'],
  customer: ['/account', '/account/profile', '/account/sessions', '/account/language'],
  staff: ['/console', '/console/register', '/console/accounts', '/console/access-log', '/console/consent', '/console/audit', '/console/outbox'],
};
const PASSWORD = 'kontor-demo-2026';

async function visit(who, paths) {
  for (const place of paths)
    for (let i = 0; i < TIMES; i++) {
      const r = await who.ask(place);
      if (r.status !== 200) throw new h.AnswersDiffer(`${place} answered ${r.status}`);
    }
}

async function one(cores) {
  const made = h.init(h.workFolder());
  const server = await h.serve(cores, h.binary, h.kontorArgs(made), /kontor serves \S+:(\d+)/);
  await h.sleep(REST_MS);
  const fresh = h.memory(server.pid);
  const visitor = new Visitor(server.url), customer = new Visitor(server.url), staff = new Visitor(server.url);
  await visit(visitor, places.visitor);
  await h.sleep(REST_MS);
  const read = h.memory(server.pid);
  await customer.signIn('/sign-in', 'demo@example.org', PASSWORD);
  await staff.signIn('/console/sign-in', 'owner@example.org', PASSWORD);
  await visit(customer, places.customer);
  await visit(staff, places.staff);
  await h.sleep(REST_MS);
  const used = h.memory(server.pid);
  await server.stop();
  return { fresh, read, used };
}

async function peer() {
  const version = h.packageVersion('fastify');
  const dir = h.workFolder(), made = h.init(dir);
  const s = await h.serve('0-1', process.execPath, [path.join(h.here, 'peer-page.mjs'), path.join(made.data, 'kontor.db'), '-', path.join(dir, 'peer.log')], /peer serves \S+:(\d+)/,
                          { env: h.peerEnvironment() });
  for (let i = 0; i < TIMES; i++) await (await fetch(`${s.url}/health/live`)).text();
  await h.sleep(REST_MS);
  const m = h.memory(s.pid);
  await s.stop();
  return { m, version };
}

export async function measure(p) {
  const cores = spawnSync('nproc', ['--all'], { encoding: 'utf8' }).stdout.trim(), all = `0-${Number(cores) - 1}`;
  const runs = [], other = { name: 'fastify', version: '', values: [] };
  let missing = null;
  for (let i = 0; i < (p.rounds || (p.size === 'quick' ? 1 : 5)); i++) {
    runs.push(await one(all));
    try {
      const { m, version } = missing ? {} : await peer();
      if (m) { other.version = version; other.values.push(m.rss); }
    } catch (e) { if (!(e instanceof h.PeerMissing)) throw e; missing = e.message; }
  }
  const course = (name, pick) => ({ name, values: runs.map(pick) });
  const courses = [course('resident after all pages', (r) => r.used.rss), course('resident after start', (r) => r.fresh.rss),
                   course('resident after public pages', (r) => r.read.rss), course('own (anonymous) after all pages', (r) => r.used.anonymous),
                   course('most ever, with two sign-ins', (r) => r.used.most), course('most ever before the sign-ins', (r) => r.read.most)];
  if (other.values.length) courses.push({ name: 'fastify, one page, after start', values: other.values });
  return { unit: 'MiB', courses, peer: other.values.length ? other : null,
           ratio: other.values.length ? h.median(other.values) / h.median(courses[0].values) : null,
           notes: ['a sign-in takes 64 MiB for the moment of its password hash', ...(missing ? [missing] : [])], details: { runs } };
}
