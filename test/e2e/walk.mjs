// SPDX-License-Identifier: Apache-2.0
// The pages there are, and how to get to see them: used by the page tests and by the screenshots of the docs.

export const demo = { customer: 'demo@example.org', owner: 'owner@example.org', password: 'kontor-demo-2026' };

/** name, address, who may see it. The first ten stand in the README and the manual. */
export const pages = [
  ['home', '/', 'visitor'],
  ['sign-up', '/sign-up', 'visitor'],
  ['sign-in', '/sign-in', 'visitor'],
  ['privacy', '/privacy', 'visitor'],
  ['cookies', '/privacy/cookies', 'visitor'],
  ['account', '/account', 'customer'],
  ['console', '/console', 'staff'],
  ['console-register', '/console/register', 'staff'],
  ['console-accounts', '/console/accounts', 'staff'],
  ['console-access-log', '/console/access-log', 'staff'],
  ['imprint', '/imprint', 'visitor'],
  ['privacy-versions', '/privacy/versions', 'visitor'],
  ['reset', '/reset', 'visitor'],
  ['not-found', '/no-such-page', 'visitor'],
  ['account-profile', '/account/profile', 'customer'],
  ['account-email', '/account/email', 'customer'],
  ['account-password', '/account/password', 'customer'],
  ['account-sessions', '/account/sessions', 'customer'],
  ['account-language', '/account/language', 'customer'],
  ['account-consents', '/account/consents', 'customer'],
  ['account-delete', '/account/delete', 'customer'],
  ['console-sign-in', '/console/sign-in', 'visitor'],
  ['console-activity', '/console/register/registration', 'staff'],
  ['console-retention', '/console/register/retention', 'staff'],
  ['console-consent', '/console/consent', 'staff'],
  ['console-outbox', '/console/outbox', 'staff'],
  ['console-outbox-sent', '/console/outbox?state=sent', 'staff'],
  ['console-mails', '/console/mails', 'staff'],
  ['console-staff', '/console/staff', 'staff'],
  ['console-audit', '/console/audit', 'staff'],
  ['console-me', '/console/me', 'staff'],
  ['console-components', '/console/components', 'staff'],
];

export async function signIn(page, url, who) {
  if (who === 'visitor') return;
  const [path, email] = who === 'staff' ? ['/console/sign-in', demo.owner] : ['/sign-in', demo.customer];
  await page.goto(url + path);
  await page.fill('input[name=email]', email);
  await page.fill('input[name=password]', demo.password);
  await Promise.all([page.waitForNavigation(), page.click('main form button[type=submit].primary')]);
  if (new URL(page.url()).pathname.endsWith('/sign-in')) throw new Error(`${who} was not signed in: ${await page.innerText('main')}`);
}

/** A browser context for one kind of reader: who × language × width (× theme, × script). */
export async function reader(browser, url, { who = 'visitor', lang = 'de', width = 1280, dark = false, script = true, decided = true } = {}) {
  const context = await browser.newContext({
    locale: lang === 'de' ? 'de-DE' : 'en-GB', viewport: { width, height: width < 600 ? 800 : 900 },
    colorScheme: dark ? 'dark' : 'light', reducedMotion: 'reduce', javaScriptEnabled: script,
  });
  const page = await context.newPage();
  if (decided) {
    // The choice is made, so that the banner does not stand before every page.
    await page.goto(`${url}/privacy/cookies`);
    await page.click('main form button[value=necessary_only]');
  }
  await signIn(page, url, who);
  // An account has a language of its own, which stands above the browser's; the reader chooses theirs.
  if (who === 'customer') await page.goto(`${url}/account?lang=${lang}`);
  return { context, page };
}

/** What is wider than the window; empty when nothing is. */
export const overflow = (page) => page.evaluate(() => {
  const wide = document.documentElement.scrollWidth > document.documentElement.clientWidth + 1;
  if (!wide) return [];
  return [...document.querySelectorAll('body *')]
    .filter((e) => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .slice(0, 5).map((e) => `${e.tagName}.${e.className}`);
});
