// SPDX-License-Identifier: Apache-2.0
// Every page, in German and English, on a phone and a desktop: no accessibility violation, nothing wider
// than the window, no error in the browser's console, no request to another host. Pictures for the eye
// go to build/screens/.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { axe, browser, picture, start } from './kontor.mjs';
import { overflow, pages, reader } from './walk.mjs';

let k, chromium;
before(async () => {
  k = await start({ demo: true });
  chromium = await browser();
});
after(async () => {
  await chromium?.close();
  await k?.stop();
});

for (const who of ['visitor', 'customer', 'staff'])
  for (const lang of ['de', 'en'])
    for (const width of [360, 1280])
      test(`pages for ${who}, ${lang}, ${width} px`, { timeout: 300000 }, async () => {
        const { context, page } = await reader(chromium, k.url, { who, lang, width });
        const faults = [];
        page.on('console', (m) => { if (m.type() === 'error' && !/status of 404/.test(m.text())) faults.push(`console: ${m.text()} at ${page.url()}`); });
        page.on('pageerror', (e) => faults.push(`script: ${e.message} at ${page.url()}`));
        page.on('request', (r) => { if (!r.url().startsWith(k.url) && !r.url().startsWith('data:')) faults.push(`request to ${r.url()}`); });
        for (const [name, path, whose] of pages.filter((p) => p[2] === who)) {
          const answer = await page.goto(k.url + path);
          if (name !== 'not-found' && answer.status() !== 200) faults.push(`${path}: ${answer.status()}`);
          if (whose !== 'visitor' && /sign-in|confirm/.test(new URL(page.url()).pathname)) faults.push(`${path} led to ${page.url()}`);
          faults.push(...(await axe(page)).map((v) => `${path}: ${v}`));
          const wide = await overflow(page);
          if (wide.length) faults.push(`${path} is wider than ${width} px: ${wide.join(', ')}`);
          assert.equal(await page.getAttribute('html', 'lang'), lang, path);
          await picture(page, `${name}-${lang}-${width}`);
        }
        await context.close();
        assert.deepEqual(faults, []);
      });

test('dark pages keep their contrast', { timeout: 300000 }, async () => {
  const faults = [];
  for (const who of ['visitor', 'customer', 'staff']) {
    const { context, page } = await reader(chromium, k.url, { who, dark: true });
    for (const [name, path] of pages.filter((p) => p[2] === who)) {
      await page.goto(k.url + path);
      faults.push(...(await axe(page)).map((v) => `${path}: ${v}`));
      await picture(page, `${name}-dark-1280`);
    }
    await context.close();
  }
  assert.deepEqual(faults, []);
});
