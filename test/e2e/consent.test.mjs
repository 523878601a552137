// SPDX-License-Identifier: Apache-2.0
// Consent as a visitor meets it: a real browser, with script and without, by mouse and by keyboard.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { start, browser, axe, picture } from './kontor.mjs';

const NECESSARY = ['sid', 'pre', 'staff', 'lang', 'consent', 'link'];
const PUBLIC = ['/', '/sign-in', '/sign-up', '/privacy', '/privacy/cookies'];
const ACCEPT = 'Alle akzeptieren';
const REFUSE = 'Nur Notwendige';
const CHOOSE = 'Auswählen';
const SETTINGS = 'Cookie-Einstellungen';

let kontor;
let chromium;

before(async () => {
  kontor = await start({ demo: true });
  chromium = await browser();
});
after(async () => {
  await chromium?.close();
  await kontor?.stop();
});

/** A fresh profile that notes every request and every error of the page. */
async function visitor(options = {}) {
  const context = await chromium.newContext({ locale: 'de-DE', reducedMotion: 'reduce',
                                             viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  const seen = { hosts: new Set(), errors: [] };
  page.on('request', (r) => seen.hosts.add(new URL(r.url()).host));
  page.on('console', (m) => { if (m.type() === 'error') seen.errors.push(m.text()); });
  page.on('pageerror', (e) => seen.errors.push(String(e)));
  return { context, page, seen, jar: async () => (await context.cookies()).map((c) => c.name).sort() };
}
const banner = (page) => page.locator('section.consent-banner');
const layer = (page) => page.locator('dialog.consent');
const go = async (page, where) => {
  await page.goto(kontor.url + where);
  await page.waitForLoadState('networkidle');
};
/** As the server sees this browser, whatever its page is doing. */
const state = async (page) => (await page.context().request.get(`${new URL(page.url()).origin}/consent/state`)).json();

/** Presses and waits until the decision stands on the server and the page has read it back. */
async function press(page, where, name) {
  const on = (path, method) => page.waitForResponse((r) => new URL(r.url()).pathname === path && r.request().method() === method);
  const told = Promise.all([on('/consent', 'POST'), on('/consent/state', 'GET')]);
  await where.getByRole('button', { name, exact: true }).click();
  await told;
  await page.waitForLoadState('networkidle');
}

test('C1: a fresh profile keeps nothing but necessary cookies and meets no other host', async () => {
  const v = await visitor();
  for (const where of PUBLIC) {
    await go(v.page, where);
    const stored = await v.page.evaluate(() => [localStorage.length, sessionStorage.length]);
    assert.deepEqual(stored, [0, 0], where);
  }
  for (const name of await v.jar()) assert.ok(NECESSARY.includes(name), name);
  assert.ok(!(await v.jar()).includes('consent'));
  assert.deepEqual([...v.seen.hosts], [new URL(kontor.url).host]);
  assert.deepEqual(v.seen.errors, []);
  await v.context.close();
});

test('accept all brings exactly the register\'s cookies, and two clicks on the sign-in page take them away (C5, C6)', async () => {
  const v = await visitor();
  await go(v.page, '/');
  await press(v.page, banner(v.page), ACCEPT);
  await banner(v.page).waitFor({ state: 'detached' });
  await go(v.page, '/privacy');
  assert.deepEqual(await v.jar(), ['consent', 'seen']);
  const consent = (await v.context.cookies()).find((c) => c.name === 'consent');
  assert.ok(consent.httpOnly);
  assert.equal(consent.sameSite, 'Lax');
  assert.ok(consent.value.length < 200);
  assert.ok(Math.abs(consent.expires - Date.now() / 1000 - 15552000) < 120);
  assert.equal(await v.page.evaluate(() => window.consent.get('page-statistics')), true);

  await go(v.page, '/sign-in');
  await v.page.locator('main').getByText(SETTINGS).click();                 // first click
  const reloaded = v.page.waitForEvent('load');                             // what was on must not go on running
  await press(v.page, layer(v.page), REFUSE);                               // second click
  await reloaded;
  assert.ok(!(await v.jar()).includes('seen'));
  assert.deepEqual((await state(v.page)).granted, []);
  for (let i = 0; i < 20; i++) {
    await v.page.goto(kontor.url + PUBLIC[i % PUBLIC.length]);
    for (const name of await v.jar()) assert.ok(NECESSARY.includes(name), name);
  }
  assert.deepEqual([...v.seen.hosts], [new URL(kontor.url).host]);
  assert.deepEqual(v.seen.errors, []);
  await v.context.close();
});

test('without script the bar and the page do the same', async () => {
  const v = await visitor({ javaScriptEnabled: false });
  for (const where of PUBLIC) await v.page.goto(kontor.url + where);
  for (const name of await v.jar()) assert.ok(NECESSARY.includes(name), name);
  await v.page.goto(`${kontor.url}/sign-in`);
  await picture(v.page, 'consent-noscript');
  await v.page.locator('.consent-bar').getByRole('button', { name: ACCEPT }).click();
  assert.equal(new URL(v.page.url()).pathname, '/sign-in');
  assert.equal(await v.page.locator('.consent-bar').count(), 0);
  await v.page.goto(`${kontor.url}/`);
  assert.ok((await v.jar()).includes('seen'));

  await v.page.goto(`${kontor.url}/sign-in`);
  await v.page.locator('main').getByText(SETTINGS).click();                 // first click
  await v.page.getByRole('button', { name: REFUSE, exact: true }).click();  // second click
  assert.equal(new URL(v.page.url()).pathname, '/privacy/cookies');
  assert.ok(await v.page.getByText('Deine Wahl ist gespeichert.').isVisible());
  assert.ok(!(await v.jar()).includes('seen'));
  for (let i = 0; i < 20; i++) {
    await v.page.goto(kontor.url + PUBLIC[i % PUBLIC.length]);
    for (const name of await v.jar()) assert.ok(NECESSARY.includes(name), name);
  }
  await v.context.close();
});

test('the keyboard alone: refusing is one stop after accepting, Escape refuses, the layer gives the focus back', async () => {
  const v = await visitor();
  await go(v.page, '/');
  const label = () => v.page.evaluate(() => document.activeElement.textContent.trim());
  let stops = 0;
  while ((await label()) !== ACCEPT && stops < 8) { await v.page.keyboard.press('Tab'); stops++; }
  assert.equal(await label(), ACCEPT);
  await v.page.keyboard.press('Tab');
  assert.equal(await label(), REFUSE);
  await v.page.keyboard.press('Tab');
  assert.equal(await label(), CHOOSE);
  await v.page.keyboard.press('Enter');
  await layer(v.page).waitFor();
  assert.ok(await v.page.evaluate(() => document.querySelector('dialog.consent').contains(document.activeElement)));
  await v.page.keyboard.press('Escape');
  await layer(v.page).waitFor({ state: 'detached' });
  assert.equal(await label(), CHOOSE);
  assert.equal((await state(v.page)).decided, false, 'closing is no decision');
  const posted = v.page.waitForResponse((r) => r.request().method() === 'POST');
  await v.page.keyboard.press('Escape');
  await posted;
  await banner(v.page).waitFor({ state: 'detached' });
  assert.deepEqual((await state(v.page)).granted, []);
  assert.equal((await state(v.page)).decided, true);
  await v.context.close();
});

test('choosing by keyboard: nothing is ticked beforehand, a switch can be thrown and is kept', async () => {
  const v = await visitor();
  await go(v.page, '/');
  await banner(v.page).getByRole('button', { name: CHOOSE }).click();
  const box = layer(v.page).getByRole('switch', { name: 'Eigene Seitenstatistik' });
  assert.equal(await box.isChecked(), false);
  for (const locked of await layer(v.page).locator('input:disabled').all()) assert.ok(await locked.isChecked());
  await box.focus();
  await v.page.keyboard.press('Space');
  await press(v.page, layer(v.page), 'Auswahl speichern');
  assert.deepEqual((await state(v.page)).granted, ['page-statistics']);
  await v.page.locator('footer').getByText(SETTINGS).click();
  assert.equal(await layer(v.page).getByRole('switch', { name: 'Eigene Seitenstatistik' }).isChecked(), true);
  await v.context.close();
});

// ---- equality of the answers

const luminance = (rgb) => {
  const [r, g, b] = rgb.match(/[\d.]+/g).map(Number).map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (a, b) => {
  const [x, y] = [luminance(a), luminance(b)].sort((m, n) => n - m);
  return (x + 0.05) / (y + 0.05);
};
const look = (locator) => locator.evaluate((e) => {
  const s = getComputedStyle(e);
  const r = e.getBoundingClientRect();
  return { tag: e.tagName, font: s.font, weight: s.fontWeight, padding: s.padding, border: s.border, color: s.color,
           background: s.backgroundColor, radius: s.borderRadius, decoration: s.textDecorationLine, height: r.height, width: r.width, top: r.top };
});

for (const [name, options] of Object.entries({
  light: { colorScheme: 'light' }, dark: { colorScheme: 'dark' },
  zoomed: { colorScheme: 'light', viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 },
  phone: { colorScheme: 'dark', viewport: { width: 360, height: 740 } },
})) {
  test(`L4: accepting and refusing look the same (${name})`, async () => {
    const v = await visitor(options);
    await go(v.page, '/');
    const accept = await look(banner(v.page).getByRole('button', { name: ACCEPT }));
    const refuse = await look(banner(v.page).getByRole('button', { name: REFUSE }));
    for (const key of ['tag', 'font', 'weight', 'padding', 'border', 'color', 'background', 'radius', 'decoration']) {
      assert.equal(accept[key], refuse[key], key);
    }
    assert.ok(accept.height >= 44 && refuse.height >= 44, `${accept.height} ${refuse.height}`);
    assert.ok(Math.abs(accept.width - refuse.width) < 2 && Math.abs(accept.height - refuse.height) < 2);
    assert.ok(contrast(accept.color, accept.background) >= 4.5);
    assert.ok(Math.abs(contrast(accept.color, accept.background) / contrast(refuse.color, refuse.background) - 1) <= 0.1);
    await picture(v.page, `consent-banner-${name}`);
    await banner(v.page).getByRole('button', { name: CHOOSE }).click();
    await v.page.mouse.move(0, 0);
    await v.page.waitForTimeout(300);
    const still = await Promise.all(['Auswahl speichern', ACCEPT, REFUSE].map((n) => look(layer(v.page).getByRole('button', { name: n, exact: true }))));
    for (const key of ['tag', 'font', 'padding', 'border', 'color', 'background']) {
      assert.equal(still[0][key], still[1][key], key);
      assert.equal(still[1][key], still[2][key], key);
    }
    await picture(v.page, `consent-layer-${name}`);
    await v.context.close();
  });
}

for (const colorScheme of ['light', 'dark']) {
  test(`axe finds nothing (${colorScheme})`, async () => {
    const v = await visitor({ colorScheme, bypassCSP: true });
    await go(v.page, '/');
    assert.deepEqual((await axe(v.page)).filter((line) => line.includes('consent')), []);
    await banner(v.page).getByRole('button', { name: CHOOSE }).click();
    await layer(v.page).locator('summary').first().click();
    assert.deepEqual((await axe(v.page)).filter((line) => line.includes('consent') || line.includes('dialog')), []);
    await v.page.keyboard.press('Escape');
    await go(v.page, '/privacy/cookies');
    assert.deepEqual(await axe(v.page), []);
    await picture(v.page, `consent-settings-${colorScheme}`);
    await v.page.locator('.consent-form').getByRole('button', { name: REFUSE, exact: true }).click();
    await v.page.getByRole('link', { name: 'Nachweis ansehen' }).click();
    await v.page.waitForLoadState('networkidle');
    assert.deepEqual(await axe(v.page), []);
    await v.context.close();
  });
}

test('the banner covers neither imprint nor notice: the page can be scrolled free of it', async () => {
  const v = await visitor({ viewport: { width: 360, height: 740 } });
  await go(v.page, '/');
  await v.page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight));
  await v.page.waitForTimeout(200);
  const link = await v.page.locator('footer').getByRole('link', { name: 'Datenschutz' }).boundingBox();
  const box = await banner(v.page).boundingBox();
  assert.ok(link.y + link.height <= box.y, `${link.y + link.height} > ${box.y}`);
  await v.page.locator('footer').getByRole('link', { name: 'Datenschutz' }).click();
  assert.equal(new URL(v.page.url()).pathname, '/privacy');
  await v.context.close();
});

// ---- signals

test('Sec-GPC: 1 is an answer: recorded, not asked, no other host', async () => {
  const v = await visitor({ extraHTTPHeaders: { 'Sec-GPC': '1' } });
  await go(v.page, '/');
  await v.page.waitForTimeout(300);
  assert.equal(await banner(v.page).count(), 0);
  const s = await state(v.page);
  assert.equal(s.decided, true);
  assert.equal(s.gpc, true);
  assert.deepEqual(s.granted, []);
  await v.page.goto(`${kontor.url}/consent/proof/${s.id}`);
  assert.ok(await v.page.getByText('Signal Global Privacy Control').first().isVisible());
  for (const where of PUBLIC) await v.page.goto(kontor.url + where);
  for (const name of await v.jar()) assert.ok(NECESSARY.includes(name), name);
  assert.deepEqual([...v.seen.hosts], [new URL(kontor.url).host]);
  await v.context.close();
});

test('another site can neither consent nor read the state', async () => {
  const v = await visitor();
  for (const headers of [{ 'sec-fetch-site': 'cross-site' }, { origin: 'https://elsewhere.example' }, {}]) {
    const answer = await fetch(`${kontor.url}/consent`, { method: 'POST', redirect: 'manual',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers }, body: 'version=1&action=accept_all' });
    assert.equal(answer.status, 403);
  }
  await v.context.close();
});

test('the script interface: get, on, withdraw, and events', async () => {
  const v = await visitor();
  await go(v.page, '/');
  await v.page.evaluate(() => {
    window.heard = [];
    document.addEventListener('consent:change', (e) => window.heard.push(e.detail.granted.length));
    window.consent.on((s) => window.heard.push(s.denied.length));
  });
  await press(v.page, banner(v.page), ACCEPT);
  await v.page.waitForFunction(() => window.heard.length === 2);
  assert.deepEqual(await v.page.evaluate(() => window.heard), [1, 0]);
  await go(v.page, '/privacy');
  const reloaded = v.page.waitForEvent('load');
  let answer;
  const answered = new Promise((r) => { answer = r; });
  await v.page.exposeFunction('report', (r) => answer(r));
  await v.page.evaluate(() => { window.consent.withdraw().then(window.report); });
  const result = await answered;
  await reloaded;
  await v.page.waitForLoadState('networkidle');
  assert.deepEqual(result.expired, ['seen']);
  assert.equal(result.erased, 1);
  assert.equal(await v.page.evaluate(() => window.consent.get('page-statistics')), false);
  assert.ok(!(await v.jar()).includes('seen'));
  await v.context.close();
});

test('the proof page gives back the words that were shown', async () => {
  const v = await visitor();
  await go(v.page, '/');
  const shown = (await banner(v.page).locator('#consent-text').textContent()).trim().slice(0, 120);
  await press(v.page, banner(v.page), ACCEPT);
  const { id } = await state(v.page);
  await v.page.goto(`${kontor.url}/consent/proof/${id}`);
  const text = await v.page.locator('main').textContent();
  assert.ok(text.includes(shown), shown);
  assert.ok(text.includes('unversehrt'));
  await picture(v.page, 'consent-proof');
  await v.context.close();
});

test('blocked elements: nothing runs before the grant, each once and in order after it, unknown names never', async () => {
  const v = await visitor();
  const html = await (await fetch(kontor.url)).text();
  const tag = html.match(/<script defer[^>]*data-consent[^>]*><\/script>/)[0];
  const files = { '/slow.js': 'window.log.push("slow");', '/frame': '<p>frame</p>', '/pixel.svg': '<svg xmlns="http://www.w3.org/2000/svg"/>' };
  await v.page.route('**/fixture/**', async (route) => {
    const where = new URL(route.request().url()).pathname.replace('/fixture', '');
    if (where === '/slow.js') await new Promise((r) => setTimeout(r, 300));
    const type = where.endsWith('.js') ? 'text/javascript' : where.endsWith('.svg') ? 'image/svg+xml' : 'text/html';
    await route.fulfill({ contentType: type, body: files[where] ?? `<!doctype html><title>x</title><main tabindex="-1">
      <script>window.log = [];</script>
      <script type="text/plain" data-type="text/javascript" data-src="/fixture/slow.js" data-name="page-statistics"></script>
      <script type="text/plain" data-type="text/javascript" data-name="page-statistics">window.log.push("inline");</script>
      <script type="text/plain" data-name="no-such-service">window.log.push("unknown");</script>
      <script type="text/plain" data-category="analytics">window.log.push("category");</script>
      <script type="text/plain" data-category="analytics" data-service="!page-statistics">window.log.push("while off");</script>
      <img alt="" data-src="/fixture/pixel.svg" data-name="page-statistics">
      <iframe title="f" data-src="/fixture/frame" data-name="page-statistics"></iframe></main>${tag}` });
  });
  await v.page.goto(`${kontor.url}/fixture/`);
  await v.page.waitForLoadState('networkidle');
  assert.deepEqual(await v.page.evaluate(() => window.log), ['while off']);
  assert.equal(await v.page.locator('img').getAttribute('src'), null);
  const box = v.page.locator('.consent-placeholder');
  assert.ok(await box.isVisible());
  await box.getByRole('button', { name: 'Einmal laden' }).click();
  await v.page.frameLocator('iframe').getByText('frame').waitFor();
  assert.equal((await state(v.page)).decided, false, 'loading once stores nothing');
  await v.page.reload();
  await v.page.waitForLoadState('networkidle');
  await press(v.page, v.page.locator('.consent-placeholder'), 'Immer erlauben');
  await v.page.waitForFunction(() => window.log.includes('inline') && window.log.includes('category'));
  const log = await v.page.evaluate(() => window.log);
  assert.ok(log.indexOf('slow') >= 0 && log.indexOf('slow') < log.indexOf('inline'), log.join());
  assert.equal(log.filter((l) => l === 'slow').length, 1);
  assert.ok(!log.includes('unknown'));
  assert.equal(await v.page.locator('img').getAttribute('src'), '/fixture/pixel.svg');
  await v.page.frameLocator('iframe').getByText('frame').waitFor();
  await v.page.evaluate(() => document.querySelector('main').insertAdjacentHTML('beforeend',
    '<img alt="" id="late" data-src="/fixture/pixel.svg" data-name="page-statistics">'));
  await v.page.waitForFunction(() => document.getElementById('late').getAttribute('src'));
  await v.context.close();
});

// ---- a change of the register

const config = (recipients) => `operator:
  name: Beispiel GmbH
  country: DE
  email: post@example.org
  privacy_email: privacy@example.org
  platform_name: Beispiel
  platform_url: https://example.org
recipients:
  - { id: alpha, name: Alpha GmbH, country: DE, role: processor, role_words: {de: Zählung, en: counting}, data_scope: {de: Zahlen, en: numbers} }
  - { id: beta, name: Beta GmbH, country: DE, role: processor, role_words: {de: Zählung, en: counting}, data_scope: {de: Zahlen, en: numbers} }
activities:
  - id: partner-count
    section: 12
    order: 9
    title: { de: Partnerzählung, en: Partner count }
    description: { de: Zählt Vermittlungen., en: Counts referrals. }
    subjects: [visitor]
    sources: [device]
    data: [ { id: referral, de: Vermittlung, en: referral } ]
    purposes: [ { id: pay, de: Partner zu vergüten, en: to pay partners } ]
    legal_basis: [ { article: "6(1)(a)" } ]
    device_access: consent
    consent_purpose: affiliate
    recipients: ${recipients}
    retention: [ { id: r, rule: duration, start: contact, max: P30D, then: erase, by: provider, wording: {de: Nach 30 Tagen., en: After 30 days.} } ]
    rights: { objection: withdrawal, objection_words: {de: Durch Widerruf., en: By withdrawal.} }
services:
  - { id: partner-count, category: affiliate, activities: [partner-count], name: {de: Partnerzählung, en: Partner count}, purpose: {de: Zählt Vermittlungen., en: Counts referrals.}, hosts: [], storage_keys: [], third_party: true }
`;

test('a new recipient asks again, for that service only', async () => {
  const other = await start({ demo: false, config: config('[alpha]') });
  try {
    const v = await visitor();
    await v.page.goto(other.url);
    await v.page.waitForLoadState('networkidle');
    await press(v.page, banner(v.page), ACCEPT);
    await v.page.goto(other.url);
    await v.page.waitForLoadState('networkidle');
    assert.equal(await banner(v.page).count(), 0);
    fs.writeFileSync(path.join(other.dir, 'kontor.yaml'), config('[alpha, beta]'));
    await other.restart();
    await v.page.goto(other.url);
    await banner(v.page).waitFor();
    assert.match(await banner(v.page).textContent(), /bleibt aus: Partnerzählung\./);
    const s = await state(v.page);
    assert.deepEqual(s.granted, ['page-statistics']);
    assert.deepEqual(s.ask, ['partner-count']);
    await v.context.close();
  } finally {
    await other.stop();
  }
});
