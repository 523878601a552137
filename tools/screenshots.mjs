// SPDX-License-Identifier: Apache-2.0
// The pictures in docs/screens: ten main pages, German on desktop and phone, from demo data.
import fs from 'node:fs';
import path from 'node:path';
import { browser, root, start } from '../test/e2e/kontor.mjs';
import { pages, reader } from '../test/e2e/walk.mjs';

const folder = path.join(root, 'docs/screens');
fs.mkdirSync(folder, { recursive: true });
const k = await start({ demo: true });
const chromium = await browser();
for (const who of ['visitor', 'customer', 'staff'])
  for (const width of [360, 1280]) {
    const { context, page } = await reader(chromium, k.url, { who, width });
    for (const [name, at] of pages.slice(0, 10).filter((p) => p[2] === who)) {
      await page.goto(k.url + at);
      await page.waitForTimeout(200);
      await page.screenshot({ path: path.join(folder, `${name}-de-${width}.png`) });
    }
    await context.close();
  }
await chromium.close();
await k.stop();
