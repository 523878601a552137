// SPDX-License-Identifier: Apache-2.0
// The program as a process: what was acknowledged survives kill -9, what is running is answered before
// SIGTERM ends it, and the command line says no with a reason.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';
import { readMails, run, start } from './kontor.mjs';

const same = { 'Sec-Fetch-Site': 'same-origin' };

/** A tiny client with its own cookies: what a browser does, without its weight. */
class Client {
  constructor(url, agent) { this.url = url; this.jar = new Map(); this.agent = agent; }
  async send(method, target, form = null) {
    const headers = { ...same, 'Accept': 'text/html', 'Accept-Language': 'en' };
    if (this.jar.size) headers.Cookie = [...this.jar].map(([k, v]) => `${k}=${v}`).join('; ');
    const body = form && new URLSearchParams(form).toString();
    if (body) headers['Content-Type'] = 'application/x-www-form-urlencoded';
    return new Promise((done, failed) => {
      const rq = http.request(this.url + target, { method, headers, agent: this.agent }, (rs) => {
        let text = '';
        rs.setEncoding('utf8');
        rs.on('data', (d) => { text += d; });
        rs.on('error', failed);
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
  async form(target, fields) {
    const page = await this.send('GET', target);
    const csrf = page.text.match(/name="csrf" value="([^"]+)"/)?.[1];
    const version = page.text.match(/name="version" value="([^"]+)"/)?.[1];
    return this.send('POST', target, { csrf, ...(version && fields.version === undefined ? { version } : {}), ...fields });
  }
}

const person = (n) => ({ email: `kill${n}@example.org`, first_name: 'Käte', last_name: `Probe${n}`, password: 'ein langer Satz ohne Sinn 42' });

test('kill -9 under load, twenty times: every acknowledged sign-up and consent is there after restart', async () => {
  const k = await start({ demo: false });
  const acknowledged = { accounts: [], consents: [] };
  try {
    for (let round = 0; round < 20; round++) {
      let go = true;
      const agent = new http.Agent({ keepAlive: true });
      const workers = Array.from({ length: 4 }, async (_, w) => {
        for (let i = 0; go; i++) {
          const client = new Client(k.url, agent);
          try {
            if (w % 2) {
              const p = person(`${round}-${w}-${i}`);
              const r = await client.form('/sign-up', p);
              if (r.status === 303 || r.status === 200) acknowledged.accounts.push(p.email);
            } else {
              const state = JSON.parse((await client.send('GET', '/consent/state')).text);
              const r = await client.form('/privacy/cookies', { action: i % 2 ? 'accept_all' : 'necessary_only', decision: i % 2 ? 'accept_all' : 'necessary_only' });
              if (r.status === 303) {
                const after = JSON.parse((await client.send('GET', '/consent/state')).text);
                if (after.id ?? after.consent_id) acknowledged.consents.push({ id: after.id ?? after.consent_id, jar: client.jar, granted: after.granted });
              }
              assert.ok(state);
            }
          } catch { /* the process was killed meanwhile: nothing was acknowledged */ }
        }
      });
      await new Promise((r) => setTimeout(r, 150 + Math.random() * 400));
      await k.kill('SIGKILL');
      go = false;
      await Promise.all(workers);
      agent.destroy();
      await k.launch(`127.0.0.1:${k.port}`);
    }
    assert.ok(acknowledged.accounts.length > 20, `${acknowledged.accounts.length} accounts were acknowledged`);
    assert.ok(acknowledged.consents.length > 20, `${acknowledged.consents.length} consents were acknowledged`);
    await k.kill();
    const users = JSON.parse(k.kontor('user', 'list', '--json').stdout);
    const known = new Set((users.users ?? users.accounts ?? users).map((u) => u.email));
    assert.deepEqual(acknowledged.accounts.filter((a) => !known.has(a)), []);
    await k.launch(`127.0.0.1:${k.port}`);
    for (const c of acknowledged.consents) {
      const client = new Client(k.url);
      client.jar = c.jar;
      const state = JSON.parse((await client.send('GET', '/consent/state')).text);
      assert.deepEqual(state.granted, c.granted, `the choice ${c.id} holds`);
    }
    // One mail an account, no matter how often the outbox was interrupted: the key names the file's message.
    const until = Date.now() + 20000;
    let mails = [];
    while (Date.now() < until) {
      mails = readMails(k.mailDir);
      if (acknowledged.accounts.every((a) => mails.some((m) => m.to.includes(a)))) break;
      await new Promise((r) => setTimeout(r, 200));
    }
    const ids = new Map();
    for (const m of mails) ids.set(m.headers['message-id'], [...(ids.get(m.headers['message-id']) ?? []), m.to]);
    for (const a of acknowledged.accounts) {
      const messages = new Set(mails.filter((m) => m.to.includes(a)).map((m) => m.headers['message-id']));
      assert.equal(messages.size, 1, `${a} has one confirmation`);
    }
    assert.equal(k.kontor('audit', 'verify').status, 0);
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
