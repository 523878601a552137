// SPDX-License-Identifier: Apache-2.0
// The peer of the page measurement: the same page the way a team would write it for node, and write it well.
//
// Fastify, better-sqlite3 with prepared statements, WAL, synchronous NORMAL, a string template. It has the same
// duties as kontor's page and no more: session cookie → SHA-256 → session and account → limits → the browser's
// family → last use at most once a minute → both lists → escaped HTML with a CSRF token bound to the session;
// the same headers; a line in an access log that is written every second. Like kontor it remembers a session
// for five seconds. Dates are written by hand, because Intl would take a third of its time.
//
//   node peer-page.mjs DATABASE FRAME LOG [PORT]      FRAME: see page.mjs
import crypto from 'node:crypto';
import fs from 'node:fs';
import { createRequire } from 'node:module';

const [, , file, frameFile, logFile, port = '0'] = process.argv;
const from = createRequire(process.env.PEER_PACKAGES ? `${process.env.PEER_PACKAGES}/` : import.meta.url);
const Database = from('better-sqlite3'), Fastify = from('fastify');
const frame = frameFile && fs.existsSync(frameFile) ? JSON.parse(fs.readFileSync(frameFile, 'utf8')) : null;
const csrfKey = crypto.createHmac('sha256', crypto.randomBytes(32)).update('csrf').digest();

const db = new Database(file);
db.pragma('journal_mode = WAL');
db.pragma('synchronous = NORMAL');
db.pragma('cache_size = -8000');
db.pragma('mmap_size = 268435456');
const sessionOf = db.prepare(`SELECT s.id, s.account, s.created_at, s.seen_at, s.stay, s.browser, s.os, a.first_name, a.last_name
  FROM account_session AS s JOIN account AS a ON a.id = s.account WHERE s.token_hash = ? AND a.state = 'active'`);
const touch = db.prepare('UPDATE account_session SET seen_at = ? WHERE id = ?');
const sessions = db.prepare(`SELECT id, created_at, seen_at, stay, browser, os, ip_prefix FROM account_session
  WHERE account = ? ORDER BY seen_at DESC, id`);
const signIns = db.prepare(`SELECT signed_in_at, result, browser, os, ip_prefix FROM account_sign_in
  WHERE account = ? ORDER BY signed_in_at DESC, id LIMIT 50`);

/* ---- words ---- */

const escapes = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escape = (s) => (/[&<>"']/.test(s) ? s.replace(/[&<>"']/g, (c) => escapes[c]) : s);
const months = ['Januar', 'Februar', 'März', 'April', 'Mai', 'Juni', 'Juli', 'August', 'September', 'Oktober', 'November', 'Dezember'];

// Central European time: summer from the last Sunday of March, 01:00 UTC, to that of October.
const summers = new Map();
function summer(year) {
  let s = summers.get(year);
  if (!s) {
    const lastSunday = (month) => { const d = new Date(Date.UTC(year, month, 31)); return Date.UTC(year, month, 31 - d.getUTCDay(), 1); };
    summers.set(year, s = [lastSunday(2), lastSunday(9)]);
  }
  return s;
}
const two = (n) => (n < 10 ? `0${n}` : n);
function dateTime(ms) {
  let d = new Date(ms);
  const [from, to] = summer(d.getUTCFullYear());
  d = new Date(ms + (ms >= from && ms < to ? 7200e3 : 3600e3));
  return `${d.getUTCDate()}. ${months[d.getUTCMonth()]} ${d.getUTCFullYear()}, ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}`;
}

/* ---- the session ---- */

const remembered = new Map();
function find(token) {
  const bytes = Buffer.from(token, 'base64url');
  if (token.length > 64 || bytes.length !== 32) return null;
  const now = Date.now();
  let s = remembered.get(token);
  if (!s || now - s.read > 5000) {
    const row = sessionOf.get(crypto.createHash('sha256').update(token).digest());
    if (!row) return null;
    s = { ...row, read: now };
    if (remembered.size >= 20000) remembered.clear();
    remembered.set(token, s);
  }
  const [idle, absolute] = s.stay ? [14 * 86400e3, 30 * 86400e3] : [1800e3, 43200e3];
  if (now - s.seen_at >= idle || now - s.created_at >= absolute) return null;
  if (now - s.seen_at >= 60000) {
    touch.run(now, s.id);
    s.seen_at = now;
  }
  return s;
}

function cookie(header, name) {
  for (const part of (header ?? '').split(';')) {
    const at = part.indexOf('=');
    if (part.slice(0, at).trim() === name) return part.slice(at + 1).trim();
  }
  return null;
}

const has = (agent, marks) => { for (const [mark, family] of marks) if (agent.includes(mark)) return family; return ''; };
const browsers = [['Edg', 'Edge'], ['OPR/', 'Opera'], ['Vivaldi', 'Vivaldi'], ['Firefox', 'Firefox'], ['Chrome', 'Chrome'], ['Safari', 'Safari']];
const systems = [['Windows', 'Windows'], ['Android', 'Android'], ['iPhone', 'iOS'], ['Mac OS X', 'macOS'], ['Linux', 'Linux']];
const sameFamily = (s, agent) => has(agent, browsers) === s.browser && has(agent, systems) === s.os;

function csrf(session) {
  const random = crypto.randomBytes(16);
  return Buffer.concat([random, crypto.createHmac('sha256', csrfKey).update(session.id).update(random).digest()]).toString('base64url');
}

/* ---- the page ---- */

const device = (r) => `${r.browser || frame.unknown}, ${r.os || frame.unknown}`;

/** Pieces of text with the names of slots between them become one function that adds them up. */
function template(pieces) {
  const code = pieces.map((p, i) => (i % 2 ? `o.${p}` : JSON.stringify(p))).join('+');
  return new Function('o', `return ${code}`);
}
const page = frame && template(frame.page), sessionRow = frame && template(frame.session);
const signInRow = frame && Object.fromEntries(Object.entries(frame.signIns).map(([k, v]) => [k, template(v)]));

function render(s) {
  const token = csrf(s);
  let top = '', log = '';
  for (const r of sessions.all(s.account)) {
    top += sessionRow({ id: escape(r.id), device: escape(device(r)), network: escape(r.ip_prefix ?? ''), csrf: token,
                        since: dateTime(r.created_at), used: dateTime(r.id === s.id ? Date.now() : r.seen_at) });
  }
  for (const r of signIns.all(s.account))
    log += signInRow[r.result]({ at: dateTime(r.signed_in_at), device: escape(device(r)), network: escape(r.ip_prefix ?? '') });
  return page({ name: escape(`${s.first_name} ${s.last_name}`), csrf: token, sessions: top, log });
}

/* ---- the access log ---- */

const log = fs.openSync(logFile ?? '/dev/null', 'a', 0o600);
let lines = '';
const flush = () => { if (lines) { fs.writeSync(log, lines); lines = ''; } };
setInterval(flush, 1000).unref();

const app = Fastify({ logger: false, disableRequestLogging: true });
app.addHook('onResponse', (request, reply, done) => {
  lines += `{"time":"${new Date().toISOString()}","ip":"${request.ip}","os":"${has(request.headers['user-agent'] ?? '', systems)}","browser":"${
    has(request.headers['user-agent'] ?? '', browsers)}","method":"${request.method}","status":${reply.statusCode},"bytes":${
    reply.getHeader('content-length') ?? 0},"dur_us":${Math.round(reply.elapsedTime * 1000)},"route":"${request.routeOptions.url}"}\n`;
  if (lines.length > 65536) flush();
  done();
});
app.get('/health/live', (request, reply) => { reply.send('ok\n'); });
if (frame) {
  app.get('/account/sessions', (request, reply) => {
    const token = cookie(request.headers.cookie, 'sid'), s = token && find(token);
    reply.headers(frame.headers);
    if (!s) { reply.code(303).header('location', '/sign-in?return_to=%2Faccount%2Fsessions').send(); return; }
    if (!sameFamily(s, request.headers['user-agent'] ?? '')) { reply.code(303).header('location', '/account/confirm').send(); return; }
    reply.header('content-type', 'text/html; charset=utf-8').send(render(s));
  });
}
await app.listen({ port: Number(port), host: '127.0.0.1' });
console.log(`peer serves http://127.0.0.1:${app.server.address().port}`);
process.on('SIGTERM', () => { flush(); process.exit(0); });
