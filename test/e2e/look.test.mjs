// SPDX-License-Identifier: Apache-2.0
// What the style sheet and the modules promise: nothing shifts, everything works without script, the focus
// is seen, both themes hold their contrast, charts keep their table, print is print.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { axe, browser, start } from './kontor.mjs';
import { overflow, reader } from './walk.mjs';

let k, chromium;
before(async () => {
  k = await start({ demo: true });
  chromium = await browser();
});
after(async () => {
  await chromium?.close();
  await k?.stop();
});

test('nothing moves while a page arrives, not even when the fonts do', async () => {
  const { context, page } = await reader(chromium, k.url, { width: 360 });
  await page.addInitScript(() => {
    window.moved = 0;
    new PerformanceObserver((list) => { for (const e of list.getEntries()) window.moved += e.value; })
      .observe({ type: 'layout-shift', buffered: true });
  });
  for (const path of ['/', '/sign-up', '/privacy']) {
    await page.goto(k.url + path, { waitUntil: 'networkidle' });
    assert.ok(await page.evaluate(() => window.moved) < 0.02, `${path} moved by ${await page.evaluate(() => window.moved)}`);
    assert.ok(await page.evaluate(() => document.fonts.check('16px "Source Sans 3"')));
  }
  await context.close();
});

test('fonts, styles and scripts come from here and are kept for good', async () => {
  const { context, page } = await reader(chromium, k.url);
  const answers = [];
  page.on('response', (r) => answers.push(r));
  await page.goto(k.url, { waitUntil: 'networkidle' });
  const assets = answers.filter((r) => new URL(r.url()).pathname.startsWith('/assets/'));
  assert.ok(assets.some((r) => r.url().endsWith('.woff2')), 'a font was loaded');
  for (const r of assets) {
    assert.equal(new URL(r.url()).origin, new URL(k.url).origin);
    assert.equal(r.status(), 200, r.url());
    assert.match(r.headers()['cache-control'], /immutable/, r.url());
  }
  await context.close();
});

test('at 200 % zoom on a small phone nothing is cut off', async () => {
  const { context, page } = await reader(chromium, k.url, { width: 320 });
  for (const path of ['/', '/sign-in', '/sign-up', '/privacy/cookies']) {
    await page.goto(k.url + path);
    await page.evaluate(() => { document.documentElement.style.fontSize = '200%'; });
    assert.deepEqual(await overflow(page), [], path);
  }
  await context.close();
});

test('pages, forms and the language link work without script', async () => {
  const { context, page } = await reader(chromium, k.url, { script: false, decided: false });
  await page.goto(k.url);
  await page.click('a.language');
  assert.equal(await page.getAttribute('html', 'lang'), 'en');
  await page.goto(`${k.url}/sign-in`);
  await page.fill('input[name=email]', 'nobody@example.org');
  await page.fill('input[name=password]', 'not the password');
  await page.click('main form button.primary');
  assert.ok(await page.isVisible('.errors'), 'the error summary is shown');
  assert.equal(await page.inputValue('input[name=email]'), 'nobody@example.org');
  assert.equal(await page.inputValue('input[name=password]'), '');
  await context.close();
});

test('the error summary takes the focus and leads to the field', async () => {
  const { context, page } = await reader(chromium, k.url);
  await page.goto(`${k.url}/sign-up`);
  await page.evaluate(() => { document.querySelector('main form').noValidate = true; });
  await page.fill('input[name=email]', 'no address');
  await page.click('main form button.primary');
  await page.waitForSelector('.errors');
  assert.ok(await page.evaluate(() => document.activeElement.matches('.errors')));
  await page.click('.errors a[href="#f-email"]');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'f-email');
  assert.equal(await page.inputValue('#f-email'), 'no address');
  const described = await page.getAttribute('#f-email', 'aria-describedby');
  assert.match(described, /f-email-error/);
  assert.deepEqual(await axe(page), []);
  await context.close();
});

test('a password can be shown, and leaves as a password', async () => {
  const { context, page } = await reader(chromium, k.url);
  await page.goto(`${k.url}/sign-in`);
  const input = page.locator('input[name=password]');
  const button = page.locator('[data-show-password]');
  await page.fill('input[name=email]', 'nobody@example.org');
  await input.fill('a sentence of mine');
  await button.click();
  assert.equal(await input.getAttribute('type'), 'text');
  assert.equal(await button.getAttribute('aria-pressed'), 'true');
  await page.evaluate(() => document.querySelector('main form').addEventListener('submit', (e) => {
    e.preventDefault();
    window.left = document.querySelector('input[name=password]').type;
  }));
  await page.click('main form button.primary');
  assert.equal(await page.evaluate(() => window.left), 'password');
  await context.close();
});

test('a form is sent once, however often the button is pressed', async () => {
  const { context, page } = await reader(chromium, k.url);
  let sent = 0;
  await page.route('**/sign-in', async (route) => {
    if (route.request().method() === 'POST') {
      sent++;
      await new Promise((r) => setTimeout(r, 300));
    }
    await route.continue();
  });
  await page.goto(`${k.url}/sign-in`);
  await page.fill('input[name=email]', 'nobody@example.org');
  await page.fill('input[name=password]', 'not the password');
  await page.evaluate(() => {
    const button = document.querySelector('main form button.primary');
    button.click();
    button.click();
    button.click();
  });
  await page.waitForSelector('.errors');
  assert.equal(sent, 1);
  await context.close();
});

test('the keyboard finds the skip link first and always shows where it is', async () => {
  const { context, page } = await reader(chromium, k.url);
  await page.goto(`${k.url}/sign-in`);
  await page.keyboard.press('Tab');
  assert.ok(await page.evaluate(() => document.activeElement.matches('.skip')));
  for (let i = 0; i < 12; i++) {
    const ring = await page.evaluate(() => {
      const s = getComputedStyle(document.activeElement);
      return document.activeElement === document.body || (s.outlineStyle !== 'none' && Number.parseFloat(s.outlineWidth) >= 2);
    });
    assert.ok(ring, await page.evaluate(() => document.activeElement.outerHTML.slice(0, 120)));
    await page.keyboard.press('Tab');
  }
  await context.close();
});

test('the component page shows both themes, charts with their tables, and no fault', async () => {
  const { context, page } = await reader(chromium, k.url, { who: 'staff', lang: 'en' });
  await page.goto(`${k.url}/console/components`, { waitUntil: 'networkidle' });
  await page.waitForSelector('.chart canvas');
  const charts = await page.evaluate(() => [...document.querySelectorAll('figure[data-chart]')].map((f) => ({
    canvas: f.querySelectorAll('canvas').length, table: f.querySelectorAll('details table tbody tr').length })));
  assert.equal(charts.length, 4);
  for (const c of charts) assert.ok(c.canvas === 1 && c.table >= 3, JSON.stringify(c));
  const paper = (theme) => page.evaluate((t) => getComputedStyle(document.querySelector(`.theme-sheet[data-theme=${t}]`)).backgroundColor, theme);
  assert.notEqual(await paper('light'), await paper('dark'));
  assert.deepEqual(await axe(page), []);
  const before = await page.evaluate(() => document.querySelector('[data-theme=light] .chart canvas').toDataURL());
  await page.click('[data-set-theme=dark]');
  assert.equal(await page.getAttribute('html', 'data-theme'), 'dark');
  assert.ok(before.length > 1000);
  assert.deepEqual(await page.evaluate(() => [localStorage.length, sessionStorage.length]), [0, 0]);
  await page.click('[data-dialog=light-dialog]');
  assert.ok(await page.isVisible('#light-dialog'));
  await page.keyboard.press('Escape');
  assert.ok(await page.evaluate(() => document.activeElement.dataset.dialog === 'light-dialog'));
  await context.close();
});

test('the key / goes to the search of the console, and the sections fold on a phone', async () => {
  const wide = await reader(chromium, k.url, { who: 'staff' });
  await wide.page.goto(`${k.url}/console`);
  await wide.page.keyboard.press('/');
  assert.equal(await wide.page.evaluate(() => document.activeElement.name), 'q');
  assert.ok(await wide.page.isVisible('.console-nav nav a'));
  await wide.context.close();
  const phone = await reader(chromium, k.url, { who: 'staff', width: 360 });
  await phone.page.goto(`${k.url}/console`);
  assert.ok(!await phone.page.isVisible('.console-nav nav a'));
  await phone.page.click('.console-nav summary');
  assert.ok(await phone.page.isVisible('.console-nav nav a'));
  await phone.context.close();
});

test('the three answers of the banner weigh the same in both themes', async () => {
  for (const dark of [false, true]) {
    const { context, page } = await reader(chromium, k.url, { decided: false, dark });
    await page.goto(k.url);
    await page.waitForSelector('.consent-banner');
    const looks = await page.$$eval('.consent-banner .equal button', (all) => all.map((b) => {
      const s = getComputedStyle(b), r = b.getBoundingClientRect();
      return { look: [s.color, s.backgroundColor, s.fontSize, s.fontWeight, s.padding, s.borderColor, s.borderWidth].join(' '),
               width: Math.round(r.width), height: Math.round(r.height), top: Math.round(r.top) };
    }));
    assert.equal(looks.length, 3);
    for (const l of looks) assert.deepEqual(l, looks[0]);
    assert.ok(looks[0].height >= 44);
    await context.close();
  }
});

test('on paper the notice has no navigation and no buttons', async () => {
  const { context, page } = await reader(chromium, k.url);
  await page.goto(`${k.url}/privacy`);
  await page.emulateMedia({ media: 'print' });
  for (const part of ['.top-nav', '.foot-nav', '.skip']) assert.ok(!await page.isVisible(part), part);
  assert.ok(await page.isVisible('h1'));
  await context.close();
});
