// SPDX-License-Identifier: Apache-2.0
// The program as a process: what was acknowledged survives kill -9, what is running is answered before
// SIGTERM ends it, and the command line says no with a reason.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';
import { readMails, root, run, start } from './kontor.mjs';

// A front on this machine that ends TLS is trusted, so that each client may come from a network of its own:
// the limits for one network are not what these tests are about.
const front = `${fs.readFileSync(path.join(root, 'src/register/data/operator.yaml'), 'utf8')}
server:
  trusted_fronts: ["127.0.0.1"]
`;
let network = 0;

/** A tiny client with its own cookies and address: what a browser does, without its weight. */
class Client {
  constructor(url, agent) {
    this.url = url;
    this.jar = new Map();
    this.agent = agent;
    network++;
    this.from = `10.${(network >> 8) & 255}.${network & 255}.7`;
  }
  async send(method, target, form = null) {
    const headers = { 'Sec-Fetch-Site': 'same-origin', 'Accept': 'text/html', 'Accept-Language': 'en', 'X-Forwarded-For': this.from,
                      'X-Forwarded-Proto': 'https' };
    if (this.jar.size) headers.Cookie = [...this.jar].map(([k, v]) => `${k}=${v}`).join('; ');
    const body = form && new URLSearchParams(form).toString();
    if (body) headers['Content-Type'] = 'application/x-www-form-urlencoded';
    return new Promise((done, failed) => {
      const rq = http.request(this.url + target, { method, headers, agent: this.agent }, (rs) => {
        let text = '';
        rs.setEncoding('utf8');
        rs.on('data', (d) => { text += d; });
        rs.on('error', failed);
        rs.on('aborted', () => failed(Object.assign(new Error('the answer was cut off'), { code: 'TORN' })));
        rs.on('end', () => {
          for (const c of rs.headers['set-cookie'] ?? []) {
            const [, name, value] = c.match(/^([^=]+)=([^;]*)/);
            if (/Max-Age=0/.test(c)) this.jar.delete(name); else this.jar.set(name, value);
          }
          done({ status: rs.statusCode, headers: rs.headers, text });
        });
      });
      rq.on('error', failed);
      rq.end(body ?? undefined);
    });
  }
  /** Sends the form of that page which posts to `action`, with its hidden fields and these. */
  async form(target, fields, action = target) {
    const page = await this.send('GET', target);
    const form = page.text.split(/<form /).find((f) => f.startsWith(`method="post" action="${action}"`));
    assert.ok(form, `${target} has a form to ${action}`);
    const hidden = [...form.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)].map((m) => [m[1], m[2]]);
    return this.send('POST', action, { ...Object.fromEntries(hidden), ...fields });
  }
  async consent() { return JSON.parse((await this.send('GET', '/consent/state')).text); }
}

const person = (n) => ({ email: `kill${n}@example.org`, first_name: 'Käte', last_name: `Probe${n}`,
                         password: 'ein langer Satz ohne Sinn 42', terms: '1' });

/** Signs up until told to stop; whom the server said yes to is in the list. */
async function registers(k, agent, name, running, acknowledged) {
  for (let i = 0; running.go && running.odd.length === 0; i++) {
    const p = person(`${name}-${i}`);
    try {
      const r = await new Client(k.url, agent).form('/sign-up', p);
      if (r.status === 303 && r.headers.location === '/sign-up/sent') acknowledged.push(p.email);
      else running.odd.push(`sign-up: ${r.status}`);
    } catch (e) { if (!running.killed || e.code === undefined) running.odd.push(`sign-up: ${e.message}`); }
  }
}

/** Accepts, withdraws, accepts …: the last answer that came whole is the one that must hold. */
async function decides(k, agent, running, acknowledged) {
  while (running.go && running.odd.length === 0) {
    const client = new Client(k.url, agent);
    const mine = { client: null, granted: [] };
    try {
      for (let i = 0; running.go && i < 3; i++) {
        // Asked and not answered: either choice may stand, so this client says nothing about what holds.
        mine.client = null;
        const action = i % 2 ? 'necessary_only' : 'accept_all';
        const r = await client.form('/privacy/cookies', { action });
        if (r.status !== 303) { running.odd.push(`consent: ${r.status}`); break; }
        Object.assign(mine, { client, granted: action === 'accept_all' ? ['page-statistics'] : [] });
      }
    } catch (e) { if (!running.killed || e.code === undefined) running.odd.push(`consent: ${e.message}`); }
    if (mine.client) acknowledged.push(mine);
  }
}

/** A question to the database file of a stopped house. */
const ask = (k, sql) => JSON.parse(execFileSync('python3', ['-c',
  'import sqlite3,sys,json; print(json.dumps(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchall()))',
  path.join(k.data, 'kontor.db'), sql], { encoding: 'utf8' }));

test('kill -9 under load, twenty times: every acknowledged sign-up and consent is there after restart', { timeout: 600000 }, async () => {
  const k = await start({ demo: false, config: front, clock: Date.now() });
  const accounts = [], consents = [], odd = [];
  try {
    for (let round = 0; round < 20 && odd.length === 0; round++) {
      k.setClock(Date.now());
      const running = { go: true, killed: false, odd };
      const agent = new http.Agent({ keepAlive: true });
      const before = accounts.length + consents.length;
      const workers = [
        ...[0, 1, 2].map((w) => registers(k, agent, `${round}-${w}`, running, accounts)),
        ...[0, 1].map(() => decides(k, agent, running, consents)),
      ];
      // In the middle of work: at least a few answers, then at a moment nobody chose.
      const until = Date.now() + 20000;
      while (accounts.length + consents.length < before + 3 && Date.now() < until) await new Promise((r) => setTimeout(r, 20));
      await new Promise((r) => setTimeout(r, Math.random() * 400));
      running.killed = true;
      await k.kill('SIGKILL');
      running.go = false;
      await Promise.all(workers);
      agent.destroy();
      await k.launch(`127.0.0.1:${k.port}`);
    }
    assert.deepEqual(odd, [], 'while it served, every request was answered as it should be');
    assert.ok(accounts.length >= 20, `${accounts.length} accounts were acknowledged`);
    assert.ok(consents.length >= 20, `${consents.length} consents were acknowledged`);

    for (const c of consents) assert.deepEqual((await c.client.consent()).granted, c.granted, 'the choice that was answered holds');

    // One mail an account, no matter how often its delivery was interrupted. What a killed program had
    // begun to deliver is taken up when its lease of two minutes has run out.
    k.setClock(Date.now() + 180000);
    const until = Date.now() + 30000;
    let mails = [];
    while (Date.now() < until) {
      mails = readMails(k.mailDir);
      if (accounts.every((a) => mails.some((m) => m.to.includes(a)))) break;
      await new Promise((r) => setTimeout(r, 200));
    }
    for (const a of accounts) assert.equal(mails.filter((m) => m.to.includes(a)).length, 1, `${a} has one mail`);
    assert.equal(new Set(mails.map((m) => m.headers['message-id'])).size, mails.length, 'no message was written twice');

    await k.kill();
    const listed = k.kontor('user', 'list', '--json');
    assert.equal(listed.status, 0, listed.stderr);
    const known = new Set(JSON.parse(listed.stdout).map((u) => u.email));
    assert.deepEqual(accounts.filter((a) => !known.has(a)), []);
    // What stands in the store agrees with itself: nothing half, nothing twice.
    assert.deepEqual(ask(k, 'PRAGMA integrity_check'), [['ok']]);
    assert.deepEqual(ask(k, 'SELECT module, version, count(*) FROM store_migration GROUP BY 1, 2 HAVING count(*) > 1'), []);
    assert.deepEqual(ask(k, 'SELECT email_key FROM account WHERE id NOT IN (SELECT account FROM account_token)'), []);
    const verified = k.kontor('audit', 'verify');
    assert.equal(verified.status, 0, verified.stderr + verified.stdout);
  } finally {
    await k.stop();
  }
});

test('SIGTERM under load loses no answer: what was accepted is answered whole', async () => {
  const k = await start({ demo: false });
  const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
  let whole = 0, torn = 0, refused = 0, go = true;
  const workers = Array.from({ length: 32 }, async () => {
    const client = new Client(k.url, agent);
    while (go) {
      try {
        const r = await client.send('GET', '/privacy');
        if (r.status === 200 && r.text.includes('</html>')) whole++;
        else if (r.status === 503) refused++;
        else torn++;
      } catch (e) {
        // A connection that was idle when the server closed it is refused, not lost.
        if (['ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(e.code)) { refused++; go = false; } else torn++;
      }
    }
  });
  await new Promise((r) => setTimeout(r, 500));
  const { code } = await k.kill('SIGTERM');
  go = false;
  await Promise.all(workers);
  agent.destroy();
  assert.equal(code, 0);
  assert.ok(whole > 50, `${whole} whole answers`);
  assert.equal(torn, 0);
  await k.stop();
});

test('SIGTERM while sign-ups are being written: who is in the store was told so, and the other way round', { timeout: 60000 }, async () => {
  const k = await start({ demo: false, config: front });
  const agent = new http.Agent({ keepAlive: true });
  const accounts = [], running = { go: true, killed: false, odd: [] };
  const workers = [0, 1, 2, 3, 4, 5].map((w) => registers(k, agent, `term-${w}`, running, accounts));
  const until = Date.now() + 20000;
  while (accounts.length < 10 && Date.now() < until) await new Promise((r) => setTimeout(r, 20));
  running.killed = true;
  const { code } = await k.kill('SIGTERM');
  running.go = false;
  await Promise.all(workers);
  agent.destroy();
  assert.equal(code, 0);
  assert.deepEqual(running.odd.filter((o) => !o.endsWith('503')), []);
  assert.ok(accounts.length >= 10, `${accounts.length} sign-ups`);
  assert.deepEqual(ask(k, 'SELECT email FROM account').flat().sort(), accounts.sort());
  await k.stop();
});

test('a second kontor on the same data directory is refused with a reason', async () => {
  const k = await start({ demo: false });
  const second = run(['serve', '--data', k.data, '--listen', '127.0.0.1:0'], { timeout: 20000 });
  assert.equal(second.status, 1);
  assert.match(second.stderr, /served by another kontor/);
  await k.stop();
});

test('the command line says no with a reason and the right status', async () => {
  const k = await start({ demo: false });
  await k.kill();
  assert.equal(run([]).status, 2);
  assert.equal(run(['nonsense']).status, 2);
  assert.equal(run(['serve', '--listen']).status, 2);
  assert.equal(run(['help']).status, 0);
  for (const c of ['serve', 'check', 'notice', 'register', 'log', 'retention', 'user', 'backup', 'restore', 'help'])
    assert.equal(run(['help', c]).status, 0, `help ${c}`);
  assert.equal(run(['serve', '--data', path.join(k.dir, 'nowhere')]).status, 1);
  assert.equal(run(['init', '--data', k.data]).status, 1, 'an installation is never overwritten');
  const outside = run(['serve', '--data', k.data, '--listen', '0.0.0.0:0', '--mail-drop', k.mailDir], { timeout: 20000 });
  assert.equal(outside.status, 1);
  assert.match(outside.stderr, /loopback only/);
  assert.equal(run(['notice', '--lang', 'fr']).status, 2);
  assert.equal(run(['notice', '--config', '/nowhere.yaml']).status, 1);
  for (const format of ['text', 'json', 'csv']) assert.equal(run(['register', '--format', format]).status, 0);
  assert.equal(JSON.parse(run(['check', '--json']).stdout).ok, true);
  await k.stop();
});

test('a backup taken while it runs restores to the same accounts', async () => {
  const k = await start({ demo: true });
  const copy = path.join(k.dir, 'copy.db');
  const backup = k.kontor('backup', copy);
  assert.equal(backup.status, 0, backup.stderr);
  const before = k.kontor('user', 'list', '--json').stdout;
  await k.kill();
  for (const f of fs.readdirSync(k.data)) if (f.startsWith('kontor.db')) fs.rmSync(path.join(k.data, f));
  const restore = k.kontor('restore', copy);
  assert.equal(restore.status, 0, restore.stderr);
  assert.equal(k.kontor('user', 'list', '--json').stdout, before);
  await k.stop();
});
