// SPDX-License-Identifier: Apache-2.0
// One customer's whole way through a real browser: sign up, confirm by mail, sign in, change every field,
// leave, come back. With and without script, German and English, on a phone and a desktop; each page is
// judged by axe and photographed to build/screens/.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { axe, browser, picture, readMails, start } from './kontor.mjs';
import { overflow } from './walk.mjs';

const T0 = Date.UTC(2026, 10, 23, 12);
const DAY = 86400000;
const password = 'vier Pferde malen Dachziegel';
const other = 'sieben Kannen Regen am Deich';
let k, chromium;
let now = T0;
before(async () => {
  k = await start({ demo: false, clock: T0 });
  chromium = await browser();
});
after(async () => {
  await chromium?.close();
  await k?.stop();
});

const words = {
  de: { locale: 'de-DE', deleteWord: 'löschen', restored: /wiederhergestellt/, saved: /gespeichert/, gone: /gilt nicht mehr/ },
  en: { locale: 'en-GB', deleteWord: 'delete', restored: /restored/, saved: /saved/, gone: /no longer valid/ },
};
const main = (page) => page.innerText('main');
const submit = (page) => Promise.all([page.waitForNavigation(), page.click('main button[type=submit].primary, main button[type=submit].danger')]);
const path = (page) => new URL(page.url()).pathname;
/** The link of a mail, on the host under test. */
const link = (mail) => mail.links.find((l) => l.includes('?t='));

/** The next unread mail of a kind to an address. The clock stands still, so files have no order in time. */
const read = new Set();
async function mailOf(kind, to) {
  for (let i = 0; i < 400; i++) {
    const m = readMails(k.mailDir).find((one) => !read.has(one.file) && one.file.includes(`account_${kind}_`) && one.to.includes(to));
    if (m) { read.add(m.file); return m; }
    await new Promise((r) => setTimeout(r, 50));
  }
  throw new Error(`no mail ${kind} to ${to}`);
}

function looker(page, name) {
  const faults = [];
  page.on('console', (m) => { if (m.type() === 'error' && !/status of 4\d\d/.test(m.text())) faults.push(`console: ${m.text()} at ${page.url()}`); });
  page.on('pageerror', (e) => faults.push(`script: ${e.message}`));
  page.on('request', (r) => { if (!r.url().startsWith(k.url) && !r.url().startsWith('data:')) faults.push(`request to ${r.url()}`); });
  return {
    faults,
    /** Judges the page as it stands. axe needs script, so it runs only where the browser has it. */
    async at(step, script) {
      if (script) faults.push(...(await axe(page)).map((v) => `${step}: ${v}`));
      if (script) { const wide = await overflow(page); if (wide.length) faults.push(`${step} is wider than the window: ${wide.join(', ')}`); }
      await picture(page, `account-${name}-${step}`);
    },
  };
}

async function wholeWay({ lang, width, script }) {
  const w = words[lang];
  const name = `${lang}-${width}${script ? '' : '-noscript'}`;
  const email = `jörg+${name}@bücher.example`;
  const context = await chromium.newContext({ locale: w.locale, viewport: { width, height: 800 }, javaScriptEnabled: script, reducedMotion: 'reduce' });
  const page = await context.newPage();
  page.setDefaultTimeout(10000);
  const look = looker(page, name);
  await page.goto(`${k.url}/privacy/cookies`);
  await page.click('main form button[value=necessary_only]');

  // Sign up: first with faults, then as it should be. What was typed stays, but for the password.
  await page.goto(`${k.url}/sign-up`);
  await look.at('sign-up', script);
  const noRules = () => script && page.evaluate(() => document.querySelectorAll('form').forEach((f) => { f.noValidate = true; }));
  await noRules();
  await page.fill('#f-email', email);
  await page.fill('#f-password', 'passwort1234');
  await page.fill('#f-first_name', 'Jörg');
  await page.fill('#f-last_name', 'O’Brien-Müller');
  await page.check('#f-terms');
  await submit(page);
  assert.match(await main(page), lang === 'de' ? /als erste ausprobiert/ : /tried first/);
  assert.equal(await page.inputValue('#f-email'), email);
  assert.equal(await page.inputValue('#f-password'), '');
  await look.at('sign-up-fault', script);
  await page.fill('#f-password', password);
  await submit(page);
  assert.equal(path(page), '/sign-up/sent');
  await look.at('sign-up-sent', script);

  // Confirm by mail: opening the link does nothing yet, the button does, and only once.
  const mail = await mailOf('confirm', email.split('@')[0]);
  assert.match(mail.text, lang === 'de' ? /Du bekommst diese Mail, weil/ : /You get this mail because/);
  await page.goto(link(mail));
  assert.equal(page.url(), `${k.url}/verify`);
  await look.at('verify', script);
  await submit(page);
  assert.equal(path(page), '/sign-in');
  await look.at('sign-in', script);
  const again = await context.newPage();
  await again.goto(link(mail));
  await Promise.all([again.waitForNavigation(), again.click('main button[type=submit].primary')]);
  assert.match(await main(again), w.gone);
  await again.close();

  // Sign in: wrong, then right, to where we wanted to go.
  await page.goto(`${k.url}/account/profile`);
  assert.equal(path(page), '/sign-in');
  await page.fill('#f-email', email);
  await page.fill('#f-password', other);
  await submit(page);
  assert.equal(path(page), '/sign-in');
  await look.at('sign-in-fault', script);
  await page.fill('#f-password', password);
  await submit(page);
  assert.equal(path(page), '/account/profile');

  // Change every field.
  const fields = { first_name: 'Zoë', last_name: 'Lütjens', street: 'Mühlenweg 3', postcode: '20457', city: 'Hamburg', phone: '+49 40 123456' };
  for (const [field, value] of Object.entries(fields)) await page.fill(`#f-${field}`, value);
  await page.selectOption('#f-country', 'DE');
  await submit(page);
  assert.match(await main(page), w.saved);
  assert.equal(await page.inputValue('#f-phone'), '+4940123456');
  await look.at('profile', script);
  await page.goto(`${k.url}/account`);
  for (const value of ['Zoë Lütjens', 'Mühlenweg 3', 'Hamburg', '+4940123456', email]) assert.ok((await main(page)).includes(value), value);
  await look.at('overview', script);

  await page.goto(`${k.url}/account/password`);
  await page.fill('#f-password', password);
  await page.fill('#f-new_password', other);
  await submit(page);
  await mailOf('password_changed', email.split('@')[0]);
  await look.at('password', script);

  const newEmail = `zoë.${name}@lütjens.example`;
  await page.goto(`${k.url}/account/email`);
  await page.fill('#f-new_email', newEmail);
  await submit(page);
  await look.at('email', script);
  await page.goto(link(await mailOf('email_confirm', newEmail.split('@')[0])));
  await submit(page);
  assert.ok((await main(page)).includes(newEmail));

  await page.goto(`${k.url}/account/sessions`);
  assert.match(await main(page), /Chrome, Linux/);
  await look.at('sessions', script);
  await page.goto(`${k.url}/account/language`);
  await look.at('language', script);

  // Leave; the page says what goes. Then come back by the mail, then leave again and come back by signing in.
  const leave = async () => {
    await page.goto(`${k.url}/account/delete`);
    if (path(page) === '/account/confirm') { await page.fill('#f-password', other); await submit(page); }
    await look.at('delete', script);
    await page.fill('#f-word', w.deleteWord);
    await submit(page);
    assert.equal(path(page), '/account/deleted');
    return mailOf('deactivated', newEmail.split('@')[0]);
  };
  const before = await leave();
  await look.at('deleted', script);
  await page.goto(`${k.url}/account`);
  assert.equal(path(page), '/sign-in');
  await page.goto(link(before));
  await look.at('undo', script);
  await submit(page);
  assert.match(await main(page), w.restored);
  const signIn = async () => {
    await page.goto(`${k.url}/sign-in`);
    await page.fill('#f-email', newEmail);
    await page.fill('#f-password', other);
    await submit(page);
  };
  await signIn();
  await leave();
  now += DAY;
  k.setClock(now);
  await signIn();
  assert.match(await main(page), w.restored);

  // A forgotten password.
  await page.goto(`${k.url}/account`);
  await Promise.all([page.waitForNavigation(), page.click('form[action="/sign-out"] button')]);
  await page.goto(`${k.url}/reset`);
  await look.at('reset', script);
  await page.fill('#f-email', newEmail);
  await submit(page);
  const reset = await mailOf('reset', newEmail.split('@')[0]);
  await page.goto(link(reset));
  await look.at('reset-new', script);
  await page.fill('#f-new_password', password);
  await submit(page);
  assert.equal(path(page), '/sign-in');
  await page.fill('#f-email', newEmail);
  await page.fill('#f-password', password);
  await submit(page);
  assert.equal(path(page), '/account');

  // Gone for good: after the days are over no sign-in brings it back.
  await page.goto(`${k.url}/account/delete`);
  await page.fill('#f-word', w.deleteWord);
  await submit(page);
  now += 14 * DAY + 1000;
  k.setClock(now);
  await page.goto(`${k.url}/sign-in`);
  await page.fill('#f-email', newEmail);
  await page.fill('#f-password', password);
  await submit(page);
  assert.equal(path(page), '/sign-in');

  await context.close();
  assert.deepEqual(look.faults, []);
}

for (const lang of ['de', 'en'])
  for (const width of [360, 1280])
    for (const script of [true, false])
      test(`a customer's whole way, ${lang}, ${width} px, ${script ? 'with' : 'without'} script`, { timeout: 240000 },
           () => wholeWay({ lang, width, script }));

test('after the grace no account is left', { timeout: 60000 }, async () => {
  const until = Date.now() + 30000;
  for (;;) {
    const listed = JSON.parse(k.kontor('user', 'list', '--json').stdout);
    if (listed.length === 0) break;
    assert.ok(Date.now() < until, `${listed.length} accounts are still there`);
    await new Promise((r) => setTimeout(r, 300));
  }
});

test('the keyboard alone signs in, and the summary of faults takes the focus', { timeout: 60000 }, async () => {
  const context = await chromium.newContext({ locale: 'de-DE' });
  const page = await context.newPage();
  await page.goto(`${k.url}/privacy/cookies`);
  await page.click('main form button[value=necessary_only]');
  await page.goto(`${k.url}/sign-in`);
  await page.focus('#f-email');
  await page.keyboard.type('nobody@example.org');
  await page.keyboard.press('Tab');
  await page.keyboard.type(other);
  await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);
  await page.waitForFunction(() => document.activeElement?.classList.contains('errors'));
  assert.match(await page.evaluate(() => document.activeElement.innerText), /stimmen nicht/);
  await context.close();
});
