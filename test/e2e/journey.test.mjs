// SPDX-License-Identifier: Apache-2.0
// One person's whole way: visit, refuse, accept, choose, register, confirm, sign in, change every field,
// withdraw on the sign-in page, delete the account and take that back. With script and without, in German
// and English, on a phone and a desktop. After each step the browser holds declared cookies and no other.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { browser, picture, readMails, run, start } from './kontor.mjs';
import { overflow } from './walk.mjs';

const words = {
  de: { locale: 'de-DE', settings: 'Cookie-Einstellungen', accept: 'Alle akzeptieren', refuse: 'Nur Notwendige', remove: 'löschen' },
  en: { locale: 'en-GB', settings: 'Cookie settings', accept: 'Accept all', refuse: 'Only necessary', remove: 'delete' },
};
const secret = 'ein langer Satz ohne Sinn 42', secretAfter = 'noch ein längerer Satz ohne Sinn 43';
const optional = ['seen'];

let chromium, declared;
before(async () => {
  chromium = await browser();
  // The notice is the list; what it does not name must never be met (C9).
  const facts = JSON.parse(run(['notice', '--format', 'json']).stdout).facts;
  declared = facts.activities.flatMap((a) => a.cookies ?? []).map((c) => ({ name: c.name, necessary: c.category === 'necessary' }));
});
after(async () => { await chromium?.close(); });

class Person {
  constructor(kontor, context, page, lang, label) { Object.assign(this, { kontor, context, page, label, lang, say: words[lang], faults: [] }); }

  async jar() { return (await this.context.cookies()).map((c) => c.name).sort(); }

  /** The browser's cookies are exactly these; every one is declared. */
  async holds(step, ...names) {
    const jar = await this.jar();
    assert.deepEqual(jar, names.sort(), `cookies after: ${step}`);
    for (const name of jar) assert.ok(declared.some((d) => d.name === name), `${name} is declared`);
  }
  async look(step) {
    const wide = this.script ? await overflow(this.page) : [];
    if (wide.length) this.faults.push(`${step} is wider than the window: ${wide.join(', ')}`);
    assert.equal(await this.page.getAttribute('html', 'lang'), this.lang, step);
    await picture(this.page, `journey-${step}-${this.label}`);
  }
  async go(path) {
    const answer = await this.page.goto(this.kontor.url + path);
    assert.ok(answer.ok(), `${path}: ${answer.status()}`);
  }
  /** Sends the page's own form; gives the path it led to. */
  async send(selector = 'main form button[type=submit].primary') {
    await Promise.all([this.page.waitForNavigation(), this.page.click(selector)]);
    return new URL(this.page.url()).pathname;
  }
  async fill(fields) { for (const [name, value] of Object.entries(fields)) await this.page.fill(`main [name=${name}]`, value); }
  /** Opens the link that a mail to this address has to that path. */
  async follow(to, path) {
    const local = to.slice(0, to.indexOf('@') + 1);
    const find = () => readMails(this.kontor.mailDir).filter((m) => m.to.includes(local)).flatMap((m) => m.links)
      .map((l) => new URL(l)).find((l) => l.pathname === path && l.search);
    for (let i = 0; i < 200 && !find(); i++) await new Promise((r) => setTimeout(r, 50));
    const link = find();
    assert.ok(link, `a mail to ${to} links ${path}`);
    await this.go(path + link.search);
    assert.equal(new URL(this.page.url()).search, '', 'the token does not stay in the address');
  }
  /** Presses a button of the banner, of its layer or of the bar without script, and waits for the answer.
   *  Where something was taken back, the script loads the page anew, so that nothing of it goes on running. */
  async decide(where, name, { reloads = false } = {}) {
    await Promise.all([
      this.script && reloads ? this.page.waitForEvent('load') : null,
      this.page.waitForResponse((r) => r.request().method() === 'POST' && r.status() < 400),
      this.page.locator(where).getByRole('button', { name, exact: true }).click(),
    ]);
    if (this.script) await this.page.locator(where).waitFor({ state: 'detached' });
    else await this.page.waitForLoadState();
  }
  record(email) {
    const shown = this.kontor.kontor('user', 'show', email, '--json');
    assert.equal(shown.status, 0, shown.stderr);
    return JSON.parse(shown.stdout);
  }
}

async function cookies(p) {
  const banner = p.script ? '.consent-banner' : '.consent-bar';
  await p.go('/');
  if (p.script) await p.page.locator(banner).waitFor();
  await p.look('1-visit');
  await p.holds('the first page');                                    // C1: nothing before a choice
  await p.decide(banner, p.say.refuse);
  await p.go('/');
  assert.equal(await p.page.locator(banner).count(), 0, 'it asks once');
  await p.holds('refusing', 'consent');

  await p.page.locator('footer').getByText(p.say.settings).click();   // the way back is on every page
  if (p.script) {
    await p.page.locator('dialog.consent').waitFor();
    await p.look('2-layer');
    await p.decide('dialog.consent', p.say.accept);
  } else {
    await p.page.waitForURL('**/privacy/cookies*');
    await p.look('2-layer');
    await p.decide('main form.consent-form', p.say.accept);
  }
  await p.go('/');
  await p.holds('accepting', 'consent', 'seen');                      // C2: only now

  for (const wanted of [false, true]) {
    await p.go('/privacy/cookies');
    await p.page.setChecked('main form.consent-form input[value=page-statistics]', wanted);
    await p.send('main form.consent-form button[value=select]');
    await p.go('/');
    await p.holds(`choosing ${wanted}`, 'consent', ...(wanted ? optional : []));
  }
  await p.go('/privacy/cookies');
  await p.look('3-settings');
}

async function register(p, email) {
  await p.go('/sign-up');
  await p.fill({ email, password: secret, first_name: 'Jörg-Uwe', last_name: "O’Größmann", street: 'Süderstraße 1', postcode: '26122',
                 city: 'Köln', phone: '+49 441 123456' });
  await p.page.selectOption('main [name=country]', 'DE');
  await p.page.check('main [name=terms]');
  await p.look('4-sign-up');
  assert.equal(await p.send(), '/sign-up/sent');
  await p.look('5-sent');
  await p.follow(email, '/verify');
  assert.equal(p.record(email).state, 'pending', 'opening the link confirms nothing');
  await p.look('6-confirm');
  assert.equal(await p.send(), '/sign-in');
  assert.equal(p.record(email).state, 'active');
  await p.holds('confirming', 'consent', 'pre', 'seen');
}

async function signIn(p, email, password) {
  await p.go('/sign-in');
  await p.fill({ email, password });
  return p.send('main form[action="/sign-in"] button.primary');
}

/** R3: every field of the record. */
async function change(p, email, later) {
  await p.go('/account/profile');
  const fields = { first_name: 'Žofie', last_name: 'Ångström', street: 'Königsallee 2', postcode: '1010', city: 'Wien', phone: '+43 1 234567' };
  await p.fill(fields);
  await p.page.selectOption('main [name=country]', 'AT');
  assert.equal(await p.send(), '/account/profile');
  await p.look('8-profile');
  const { first_name, last_name, street, postcode, city, country, phone } = p.record(email);
  assert.deepEqual({ first_name, last_name, street, postcode, city, country, phone }, { ...fields, country: 'AT', phone: '+431234567' });

  await p.go('/account/language');
  const other = p.lang === 'de' ? 'en' : 'de';
  for (const language of [other, p.lang]) {
    await p.page.check(`main [name=language][value=${language}]`);
    await p.send();
    assert.equal(await p.page.getAttribute('html', 'lang'), language);
  }
  await p.go('/account/password');
  await p.fill({ password: secret, new_password: secretAfter });
  assert.equal(await p.send(), '/account/password');
  await p.go('/account/email');
  await p.fill({ new_email: later });
  await p.send();
  assert.equal(p.record(email).email, email, 'it applies once it is confirmed');
  await p.follow(later, '/email/confirm');
  await p.send();
  assert.equal(p.record(later).email, later);
  await p.look('9-email');
  await p.go('/account/consents');
  await p.look('9-consents');
}

/** C5, C6: on the sign-in page, without being signed in, in two clicks. */
async function withdraw(p) {
  await p.go('/account');
  await p.send('main form[action="/sign-out"] button');
  await p.go('/sign-in');
  assert.ok((await p.jar()).includes('seen'));
  assert.ok(!(await p.jar()).includes('sid'), 'signed out');
  await p.look('10-sign-in');
  await p.page.locator('main').getByText(p.say.settings, { exact: true }).click();
  if (!p.script) await p.page.waitForURL('**/privacy/cookies*');
  await p.decide(p.script ? 'dialog.consent' : 'main form.consent-form', p.say.refuse, { reloads: true });
  assert.ok(!(await p.jar()).includes('seen'), 'gone with the answer to the click');
  for (const path of ['/', '/privacy', '/sign-in', '/sign-up']) await p.go(path);
  await p.holds('withdrawing', 'consent', 'lang', 'pre');
}

async function leave(p, email) {
  assert.equal(await signIn(p, email, secretAfter), '/account');
  await p.go('/account/delete');
  await p.fill({ word: p.say.remove });
  await p.look('11-delete');
  assert.equal(await p.send('main form button.danger'), '/account/deleted');
  await p.look('12-deleted');
  assert.ok(!(await p.jar()).includes('sid'));
  assert.equal(p.record(email).state, 'deactivated');
  await p.follow(email, '/account/undo');
  assert.equal(p.record(email).state, 'deactivated', 'opening the link undoes nothing');
  await p.look('13-undo');
  await p.send();
  assert.equal(p.record(email).state, 'active');
  assert.equal(await signIn(p, email, secretAfter), '/account');
  await p.look('14-back');
}

for (const script of [true, false])
  for (const lang of ['de', 'en'])
    for (const width of [360, 1280])
      test(`the whole way, ${script ? 'with' : 'without'} script, ${lang}, ${width} px`, { timeout: 120000 }, async () => {
        const label = `${lang}-${width}-${script ? 'script' : 'plain'}`;
        const kontor = await start({ demo: false });
        const context = await chromium.newContext({
          locale: words[lang].locale, viewport: { width, height: width < 600 ? 800 : 900 }, reducedMotion: 'reduce', javaScriptEnabled: script });
        const p = new Person(kontor, context, await context.newPage(), lang, label);
        p.script = script;
        p.page.on('pageerror', (e) => p.faults.push(`script: ${e.message} at ${p.page.url()}`));
        p.page.on('console', (m) => { if (m.type() === 'error') p.faults.push(`console: ${m.text()} at ${p.page.url()}`); });
        p.page.on('request', (r) => { if (new URL(r.url()).origin !== new URL(kontor.url).origin) p.faults.push(`request to ${r.url()}`); });
        try {
          const email = `joerg+${label}@größe.example.org`, later = `neu+${label}@example.org`;
          await cookies(p);
          await register(p, email);
          assert.equal(await signIn(p, email, secret), '/account');
          await p.holds('signing in', 'consent', 'pre', 'seen', 'sid');
          await p.look('7-account');
          await change(p, email, later);
          await withdraw(p);
          await leave(p, later);
          assert.deepEqual(p.faults, []);
        } catch (e) {
          await picture(p.page, `journey-failed-${label}`).catch(() => {});
          throw new Error(`${e.message}\n  at ${p.page.url()}`, { cause: e });
        } finally {
          await context.close();
          await kontor.stop();
        }
      });
