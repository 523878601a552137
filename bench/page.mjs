// SPDX-License-Identifier: Apache-2.0
// The signed-in page: cookie → session → account → the sessions and the twenty newest sign-ins → escaped HTML.
//
// The peer's template is made from a page of kontor's: what stands still in it is the frame, what is somebody's is
// a slot. So both send the same bytes, and a change of the page needs none here; everything that differs from
// person to person is the peer's own work. That it did this work right is compared for many persons before any
// time is taken.
import fs from 'node:fs';
import path from 'node:path';
import * as h from './harness.mjs';
import { SIGN_INS, addPeople, agent } from './people.mjs';
import { Visitor } from './visitor.mjs';

const route = '/account/sessions';
const skipped = new Set(['date', 'connection', 'keep-alive', 'content-length', 'content-type']);

const ask = (server, person, cookies) => fetch(server.url + route, { redirect: 'manual',
  headers: { cookie: `sid=${person.token}${cookies}`, 'user-agent': agent, 'accept-language': 'de', 'accept-encoding': 'identity' } });

/* ---- the frame ---- */

/** Cuts `text` at the given finds, in order: [text, slot, text, slot, …, text]. */
function cut(text, finds) {
  const at = [];
  for (const [slot, pattern] of finds)
    for (const m of text.matchAll(pattern)) at.push([m.indices[1][0], m.indices[1][1], slot]);
  at.sort((a, b) => a[0] - b[0]);
  const pieces = [];
  let from = 0;
  for (const [start, end, slot] of at) { pieces.push(text.slice(from, start), slot); from = end; }
  pieces.push(text.slice(from));
  return pieces;
}

const csrfSlot = ['csrf', /name="csrf" value="([^"]*)"/dg];
const cells = (slots) => slots.map(([slot, nth]) => [slot, new RegExp(`^(?:[\\s\\S]*?<td[^>]*>){${nth}}([^<]*)`, 'dg')]);

async function makeFrame(kontor, people, cookies, known) {
  const signIns = {};
  let whole = null, headers = null;
  // Until a person was seen with every kind of result.
  for (const person of people) {
    const r = await ask(kontor, person, cookies), text = await r.text();
    if (r.status !== 200) throw new h.Unmeasurable(`kontor answered ${r.status} to a session it should know`);
    const bodies = [...text.matchAll(/<tbody>\n([\s\S]*?)<\/tbody>/dg)];
    const rows = bodies[1][1].match(/<tr>[\s\S]*?<\/tr>\n?/g), results = known(person.id);
    if (rows.length !== results.length) throw new h.Unmeasurable(`kontor shows ${rows.length} of ${results.length} sign-ins`);
    rows.forEach((row, i) => { signIns[results[i]] ??= cut(row, cells([['at', 1], ['device', 3], ['network', 4]])); });
    if (!whole) {
      const [top, log] = bodies.map((b) => b.indices[1]);
      const name = text.match(/class="who">([^<]*)</d).indices[1];
      const slots = [[name, 'name'], [top, 'sessions'], [log, 'log']];
      const outside = [...text.matchAll(/name="csrf" value="([^"]*)"/dg)].map((m) => m.indices[1])
        .filter(([from]) => !slots.some(([[a, b]]) => from >= a && from < b));
      for (const at of outside) slots.push([at, 'csrf']);
      slots.sort((a, b) => a[0][0] - b[0][0]);
      const page = [];
      let from = 0;
      for (const [[start, end], slot] of slots) { page.push(text.slice(from, start), slot); from = end; }
      page.push(text.slice(from));
      const session = cut(bodies[0][1], [csrfSlot, ['id', /sessions\/([^/"]*)\/end/dg], ['device', /<span class="sr"> ([^<]*)/dg],
        ...cells([['network', 2], ['since', 3], ['used', 4]]), ['device', /^[\s\S]*?<td[^>]*>([^<]*?) </dg]]);
      headers = Object.fromEntries([...r.headers].filter(([k]) => !skipped.has(k)));
      whole = { page, session };
    }
    if (Object.keys(signIns).length === 4) break;
  }
  return { ...whole, signIns, headers, unknown: 'unbekannt' };
}

/* ---- answers before times ---- */

const still = (text) => text.replace(/(name="csrf" value=")[^"]*/g, '$1');

async function compareOne(kontor, peer, person, cookies) {
  const [a, b] = [await ask(kontor, person, cookies), await ask(peer, person, cookies)];
  const [x, y] = [await a.text(), await b.text()];
  const problem = a.status !== b.status ? `status ${a.status} and ${b.status}`
    : [...a.headers].filter(([k]) => !skipped.has(k)).map(([k, v]) => (b.headers.get(k) === v ? '' : `header ${k}`)).find(Boolean)
    ?? (a.headers.get('content-type') !== b.headers.get('content-type') ? 'content-type' : null);
  if (problem) return problem;
  if (a.status === 200 && !x.includes(`>${person.escaped}<`)) return 'the name is not there';
  if (still(x) === still(y)) return null;
  const i = [...still(x)].findIndex((c, k) => c !== [...still(y)][k]);
  return `the page, at ${i}:\n  ${JSON.stringify(still(x).slice(i - 40, i + 60))}\n  ${JSON.stringify(still(y).slice(i - 40, i + 60))}`;
}

async function compare(kontor, peer, people, cookies) {
  const step = Math.max(1, Math.floor(people.length / 200));
  let n = 0;
  for (let i = 0; i < people.length; i += step, n++) {
    // Twice, because "last used" is the present minute and may change between the two.
    const first = await compareOne(kontor, peer, people[i], cookies);
    const problem = first && await compareOne(kontor, peer, people[i], cookies);
    if (problem) throw new h.AnswersDiffer(`the answers differ for person ${i}: ${problem}`);
  }
  const nobody = { token: Buffer.alloc(32, 7).toString('base64url'), escaped: '' };
  for (const server of [kontor, peer]) {
    const r = await ask(server, nobody, cookies);
    if (r.status !== 303) throw new h.AnswersDiffer(`${server.url} answered ${r.status} to a session nobody has`);
  }
  return n;
}

/* ---- the measurement ---- */

function prepare(p, Database, dir) {
  const n = p.size === 'quick' ? 2000 : 20000;
  const made = h.init(dir);
  const people = addPeople(Database, made.data, p.seed, n);
  const escapes = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  for (const one of people) one.escaped = `${one.first} ${one.last}`.replace(/[&<>"']/g, (c) => escapes[c]);
  const db = path.join(dir, 'peer.db');
  fs.copyFileSync(path.join(made.data, 'kontor.db'), db);
  return { made, people, db, results: resultsOf(Database, db) };
}

function resultsOf(Database, file) {
  const db = new Database(file, { readonly: true });
  const list = db.prepare('SELECT result FROM account_sign_in WHERE account = ? ORDER BY signed_in_at DESC, id').pluck();
  return (id) => list.all(id);
}

export async function measure(p) {
  const Database = h.betterSqlite(), version = `fastify ${h.packageVersion('fastify')}, better-sqlite3 ${h.packageVersion('better-sqlite3')}, node ${process.version}`;
  h.programVersion('wrk', ['-v'], /wrk (\S+)/);
  const dir = h.workFolder(), { made, people, db, results } = prepare(p, Database, dir);
  const kontor = await h.kontor(0, made);
  const visitor = new Visitor(kontor.url);
  await visitor.decide();
  visitor.cookies.delete('presid');
  const cookies = [...visitor.cookies].filter(([k]) => k === 'consent' || k === 'choice' || k.includes('consent')).map(([k, v]) => `; ${k}=${v}`).join('');

  const frame = path.join(dir, 'frame.json');
  fs.writeFileSync(frame, JSON.stringify(await makeFrame(kontor, people, cookies, results)));
  const peer = await h.serve(0, process.execPath, [path.join(h.here, 'peer-page.mjs'), db, frame, path.join(dir, 'peer.log')], /peer serves \S+:(\d+)/,
                             { env: h.peerEnvironment() });
  const compared = await compare(kontor, peer, people, cookies);
  const size = Number((await ask(kontor, people[0], cookies)).headers.get('content-length'));

  const file = path.join(dir, 'cookies.txt');
  fs.writeFileSync(file, people.map((one) => `sid=${one.token}${cookies}\n`).join(''));
  const seconds = p.size === 'quick' ? 3 : 10, details = { kontor: [], peer: [] };
  const course = (name, server, list) => ({ name, run: async (round) => {
    const before = h.cpuMicros(server.pid);
    const r = await h.wrk(server.url + route, { script: 'load.lua', seconds, env: { COOKIES: file, AGENT: agent, SEED: String(p.seed * 1000 + round + 1) } });
    if (r.bytes / r.requests < size * 0.9) throw new h.Unmeasurable(`${name}: ${Math.round(r.bytes / r.requests)} B an answer instead of ${size}`);
    if (round >= 0) list.push({ p50: r.p50, p99: r.p99, cpu: (h.cpuMicros(server.pid) - before) / r.requests, requests: r.requests });
    return r.rate;
  } });
  const turns = await h.takeTurns(p, [course('kontor', kontor, details.kontor), course('fastify', peer, details.peer)]);
  const [k, f] = turns.courses.map((c) => h.median(c.values));
  turns.courses[0].ratio = k / f;
  const of = (list, key) => h.median(list.map((x) => x[key]));
  const words = (name, list, pid) => `${name}: p50 ${(of(list, 'p50') / 1000).toFixed(2)} ms, p99 ${(of(list, 'p99') / 1000).toFixed(2)} ms, CPU ${
    of(list, 'cpu').toFixed(1)} µs a request, memory at most ${h.memory(pid).most.toFixed(0)} MiB`;
  const cpuRatio = of(details.peer, 'cpu') / of(details.kontor, 'cpu');
  const notes = [`${people.length} accounts, ${SIGN_INS} sign-ins each; page of ${size} B; ${compared} pages compared and the same`,
                 words('kontor', details.kontor, kontor.pid), words('fastify', details.peer, peer.pid),
                 `CPU time a request: fastify takes ${cpuRatio.toFixed(2)} times as much (holds on a busy machine too)`];
  const memory = { kontor: h.memory(kontor.pid), peer: h.memory(peer.pid) };
  await kontor.stop();
  await peer.stop();
  return { unit: 'pages a second', courses: turns.courses, steady: turns.steady, ratio: k / f,
           peer: { name: 'fastify', version, values: turns.courses[1].values }, notes,
           details: { page_bytes: size, accounts: people.length, compared, cpu_ratio: cpuRatio, memory, ...details } };
}
