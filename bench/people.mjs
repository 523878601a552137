// SPDX-License-Identifier: Apache-2.0
// The data of the page measurement: accounts with one session and twenty sign-ins each, put straight into
// the store of an installation that is not being served. Everything is drawn from the seed; times count back
// from the start of the present hour, because sessions end and the retention job takes what is old.
import crypto from 'node:crypto';
import path from 'node:path';
import { chance } from './harness.mjs';

export const agent = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
const first = ['Anna', 'Ben', 'Clara', 'Elif', 'Finn', 'Greta', 'Ida', 'Jürgen', 'Kira', 'Noël', 'Olga', 'Søren'];
// Some need escaping, so that both sides do the work and a forgotten one is seen.
const last = ['Ahrens', 'Brandt', 'D\'Arc', 'Groß', 'Krüger', 'Müller & Söhne', 'Nissen', 'Oetjen', 'van "Zwo" Berg', 'Xi <3'];
const devices = [['Firefox', 'Linux'], ['Chrome', 'Windows'], ['Safari', 'macOS'], ['Safari', 'iOS'], ['Chrome', 'Android'], ['', '']];
const results = [...Array(16).fill('ok'), 'wrong', 'wrong', 'locked', 'unconfirmed'];
const HOUR = 3600e3, DAY = 24 * HOUR;
export const SIGN_INS = 20;

/** Adds `n` accounts; gives [{id, session, name, token}]. */
export function addPeople(Database, data, seed, n, passwordHash = null) {
  const c = chance(seed), hour = Math.floor(Date.now() / HOUR) * HOUR;
  const db = new Database(path.join(data, 'kontor.db'));
  const account = db.prepare(`INSERT INTO account (id, state, email, email_key, last_name, first_name, language, terms_version,
    registered_at, confirmed_at, changed_at, password_hash) VALUES (?, 'active', ?, ?, ?, ?, 'de', '2026-01-01', ?, ?, ?, ?)`);
  const session = db.prepare(`INSERT INTO account_session (id, token_hash, account, created_at, seen_at, strong_at, stay, browser,
    os, ip_prefix) VALUES (?, ?, ?, ?, ?, ?, 1, 'Firefox', 'Linux', ?)`);
  const signIn = db.prepare(`INSERT INTO account_sign_in (id, account, signed_in_at, result, factor, browser, os, ip_prefix)
    VALUES (?, ?, ?, ?, 'password', ?, ?, ?)`);
  const id = () => c.bytes(16).toString('base64url');
  const network = () => `${c.pick(['192.0.2', '198.51.100', '203.0.113'])}.0/24`;
  const people = [];
  db.transaction(() => {
    for (let i = 0; i < n; i++) {
      const p = { id: id(), session: id(), token: c.bytes(32).toString('base64url'), first: c.pick(first), last: c.pick(last),
                  email: `person${i}@example.org` };
      const registered = hour - 100 * DAY - c.below(300) * DAY, created = hour - c.below(7 * 24) * HOUR;
      account.run(p.id, p.email, p.email, p.last, p.first, registered, registered, registered, passwordHash);
      session.run(p.session, crypto.createHash('sha256').update(p.token).digest(), p.id, created, created, created, network());
      people.push(p);
    }
    // In the order of time, not of accounts: so the rows of one account lie apart, as they do in use.
    for (let i = 0; i < n * SIGN_INS; i++) {
      const [browser, os] = c.pick(devices), step = Math.floor(i / n);
      signIn.run(id(), people[i % n].id, hour - (SIGN_INS - step) * 4 * DAY + c.below(4 * 24 * 60) * 60e3, c.pick(results), browser, os, network());
    }
  })();
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
  return people;
}
