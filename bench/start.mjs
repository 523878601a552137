// SPDX-License-Identifier: Apache-2.0
// From exec to the first good answer on /health/live, with the demo's data; the peer is the page measurement's
// Fastify server on the same store. Both are asked without pause from before they listen.
import { spawn } from 'node:child_process';
import net from 'node:net';
import path from 'node:path';
import * as h from './harness.mjs';

const question = (port) => `GET /health/live HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`;

/** One try; true when the answer is 200. */
function answers(port) {
  return new Promise((done) => {
    let text = '';
    const s = net.connect(port, '127.0.0.1', () => s.write(question(port)));
    s.on('data', (d) => { text += d; if (text.includes('\r\n')) s.destroy(); });
    s.on('error', () => {});
    s.on('close', () => done(/^HTTP\/1\.1 200 /.test(text)));
  });
}

async function once(program, args, port, env) {
  const from = performance.now();
  const child = spawn('taskset', ['-c', '0', program, ...args], { stdio: ['ignore', 'ignore', 'ignore'], env });
  let gone = false;
  const end = new Promise((done) => child.on('exit', () => { gone = true; done(); }));
  while (!(await answers(port))) {
    if (gone) throw new h.Unmeasurable(`${program} ended before it answered`);
    if (performance.now() - from > 60000) { child.kill('SIGKILL'); throw new h.Unmeasurable(`${program} does not answer`); }
    await new Promise((r) => setTimeout(r, 0.5));
  }
  const took = performance.now() - from;
  child.kill('SIGTERM');
  await end;
  return took;
}

export async function measure(p) {
  const env = h.peerEnvironment(), version = `${h.packageVersion('fastify')}, node ${process.version}`, dir = h.workFolder(), made = h.init(dir), port = await h.freePort();
  const peer = [path.join(h.here, 'peer-page.mjs'), path.join(made.data, 'kontor.db'), '-', path.join(dir, 'peer.log'), String(port)];
  const turns = await h.takeTurns(p, [
    { name: 'kontor', run: () => once(h.binary, h.kontorArgs(made, port), port, process.env) },
    { name: 'fastify', run: () => once(process.execPath, peer, port, env) },
  ], { least: 20 });
  const [k, f] = turns.courses.map((c) => h.median(c.values));
  turns.courses[0].ratio = f / k;
  return { unit: 'ms', courses: turns.courses, steady: turns.steady, ratio: f / k, peer: { name: 'fastify', version, values: turns.courses[1].values },
           notes: ['kontor checks the register and the templates, migrates, and opens all rooms; the peer opens one file and two routes'] };
}
