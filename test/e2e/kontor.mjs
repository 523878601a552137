// SPDX-License-Identifier: Apache-2.0
// Starts a real kontor on a free port with its own data directory, and a real Chromium against it.
// Every test file starts its own and ends it by its own process id.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const binary = process.env.KONTOR_BINARY ?? path.join(root, 'build/kontor');
export const screens = path.join(root, 'build/screens');

export function run(args, options = {}) {
  return spawnSync(binary, args, { encoding: 'utf8', ...options });
}

/** A served installation: {url, dir, mailDir, setClock(ms), restart(), kill(signal), stop()}. */
export async function start({ args = [], demo = true, config = null, clock = null } = {}) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'kontor-e2e-'));
  const data = path.join(dir, 'data');
  const mailDir = path.join(dir, 'mail');
  const clockFile = path.join(dir, 'clock');
  const common = ['--data', data];
  if (config) {
    fs.writeFileSync(path.join(dir, 'kontor.yaml'), config);
    common.push('--config', path.join(dir, 'kontor.yaml'));
  }
  if (clock !== null) {
    fs.writeFileSync(clockFile, String(clock));
    common.push('--test-clock', clockFile);
  }
  const init = run(['init', ...common, ...(demo ? ['--demo'] : [])]);
  if (init.status !== 0) throw new Error(`init: ${init.stderr}${init.stdout}`);
  const served = { dir, data, mailDir, clockFile, initOutput: init.stdout, url: null, process: null, log: '' };

  served.launch = async (listen = '127.0.0.1:0') => {
    served.process = spawn(binary, ['serve', ...common, '--mail-drop', mailDir, '--listen', listen, ...args],
                           { stdio: ['ignore', 'pipe', 'pipe'] });
    served.exited = new Promise((done) => served.process.on('exit', (code, signal) => done({ code, signal })));
    served.process.stderr.on('data', (d) => { served.log += d; });
    served.url = await new Promise((ready, failed) => {
      let out = '';
      served.process.stdout.on('data', (d) => {
        out += d;
        const m = out.match(/kontor serves (\S+)/);
        if (m) ready(m[1]);
      });
      served.process.on('exit', (code) => failed(new Error(`kontor ended with ${code}: ${served.log}`)));
    });
    served.port = Number(new URL(served.url).port);
  };
  served.kill = async (signal = 'SIGTERM') => {
    served.process.kill(signal);
    return served.exited;
  };
  served.restart = async (signal = 'SIGTERM') => {
    await served.kill(signal);
    await served.launch(`127.0.0.1:${served.port}`);
  };
  served.setClock = (ms) => {
    fs.writeFileSync(`${clockFile}.new`, String(ms));
    fs.renameSync(`${clockFile}.new`, clockFile);
  };
  served.kontor = (...words) => run([...words, ...common]);
  served.stop = async () => {
    if (served.process.exitCode === null && served.process.signalCode === null) await served.kill();
    fs.rmSync(dir, { recursive: true, force: true });
  };
  /** Waits for a mail to this address (newest last) and gives {to, subject, text, raw, links}. */
  served.mail = async (to, { count = 1, timeout = 10000 } = {}) => {
    const until = Date.now() + timeout;
    for (;;) {
      const mails = readMails(mailDir).filter((m) => m.to.includes(to));
      if (mails.length >= count) return mails[mails.length - 1];
      if (Date.now() > until) throw new Error(`no mail ${count} for ${to} in ${mailDir}`);
      await new Promise((r) => setTimeout(r, 50));
    }
  };
  await served.launch();
  return served;
}

export function readMails(folder) {
  if (!fs.existsSync(folder)) return [];
  return fs.readdirSync(folder).filter((f) => f.endsWith('.eml')).sort().map((f) => {
    const raw = fs.readFileSync(path.join(folder, f), 'utf8');
    const [head] = raw.split(/\r?\n\r?\n/);
    const headers = Object.fromEntries(head.replace(/\r?\n[ \t]+/g, ' ').split(/\r?\n/).map((l) => {
      const at = l.indexOf(':');
      return [l.slice(0, at).toLowerCase(), l.slice(at + 1).trim()];
    }));
    const text = decodeQuoted(raw);
    return { file: f, raw, to: decodeQuoted(headers.to ?? ''), subject: headers.subject ?? '', headers, text,
             links: [...text.matchAll(/https?:\/\/[^\s<>"]+/g)].map((m) => m[0]) };
  });
}

function decodeQuoted(raw) {
  const bytes = [];
  const joined = raw.replace(/=\r?\n/g, '');
  for (let i = 0; i < joined.length; i++) {
    const m = joined[i] === '=' && /^[0-9A-F]{2}$/.test(joined.slice(i + 1, i + 3));
    if (m) { bytes.push(parseInt(joined.slice(i + 1, i + 3), 16)); i += 2; }
    else bytes.push(...Buffer.from(joined[i], 'utf8'));
  }
  return Buffer.from(bytes).toString('utf8');
}

/** One Chromium for a test file. */
export async function browser() {
  const { chromium } = await import('playwright-core');
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
           '--disable-component-update', '--disable-sync'],
  });
}

/** Runs axe on the page; gives the violations as readable lines. */
export async function axe(page) {
  const source = fs.readFileSync(path.join(root, 'node_modules/axe-core/axe.min.js'), 'utf8');
  await page.evaluate(`(() => { ${source} })()`);
  const result = await page.evaluate(() => window.axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
  return result.violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target.join(' ')} – ${n.failureSummary}`));
}

/** A picture of the whole page for the eye: build/screens/NAME.png. */
export async function picture(page, name) {
  fs.mkdirSync(screens, { recursive: true });
  await page.screenshot({ path: path.join(screens, `${name}.png`), fullPage: true });
}
