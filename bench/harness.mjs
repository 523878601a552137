// SPDX-License-Identifier: Apache-2.0
// What every measurement shares: a fresh installation, servers on one core and load on the other, rounds that
// take turns, and the rule when a round does not count.
//
// Kontor and the peer run alternately (k p k p …) on the same machine with the same data, one round to warm
// up and at least five that count. When the middle three of either differ by more than a quarter, the machine
// was doing something else: all rounds are thrown away and measured again, twice at most.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

export const here = path.dirname(fileURLToPath(import.meta.url));
export const root = path.dirname(here);
export const build = path.join(root, 'build');
export const binary = process.env.KONTOR_BINARY ?? path.join(build, 'kontor');

export class PeerMissing extends Error {}
export class AnswersDiffer extends Error {}
export class Unmeasurable extends Error {}

const running = new Set();
const folders = new Set();

/** Ends what was started here, and nothing else. */
export function close() {
  for (const child of running) child.kill('SIGKILL');
  for (const dir of folders) fs.rmSync(dir, { recursive: true, force: true });
  running.clear();
  folders.clear();
}

/** A folder of this run, on the disk the build lies on. */
export function workFolder() {
  const dir = fs.mkdtempSync(path.join(build, 'bench', 'work-'));
  folders.add(dir);
  return dir;
}

export const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

/* ---- chance ---- */

/** Numbers from a seed (mulberry32): the same seed gives the same bytes. */
export function chance(seed) {
  let a = seed >>> 0;
  const next = () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return { next, below: (n) => Math.floor(next() * n), pick: (list) => list[Math.floor(next() * list.length)],
           bytes: (n) => Buffer.from(Array.from({ length: n }, () => Math.floor(next() * 256))) };
}

/* ---- the peers' programs ---- */

export function programVersion(program, args, pattern) {
  const r = spawnSync(program, args, { encoding: 'utf8' });
  if (r.error) throw new PeerMissing(`${program} is not installed; ./dev bench installs it.`);
  return (`${r.stdout}${r.stderr}`.match(pattern) ?? ['', '?'])[1];
}

const peers = path.join(build, 'bench', 'peer');
const loadsFrom = (dir) => {
  // In a process of its own: an addon for another node must not take the measurement with it.
  const test = `const r = require('module').createRequire(${JSON.stringify(`${dir}/`)}); r('fastify'); new (r('better-sqlite3'))(':memory:').close()`;
  return spawnSync(process.execPath, ['-e', test], { encoding: 'utf8' });
};

function install() {
  const p = JSON.parse(fs.readFileSync(path.join(root, 'package.json'))), all = { ...p.devDependencies, ...p.optionalDependencies };
  const names = ['fastify', 'better-sqlite3'].map((name) => `${name}@${all[name]}`);
  const prefix = path.dirname(path.dirname(fs.realpathSync(process.execPath)));
  const env = { ...process.env, npm_config_build_from_source: 'true' };
  if (fs.existsSync(path.join(prefix, 'include/node/node.h'))) env.npm_config_nodedir = prefix;
  console.error(`bench: compiling ${names.join(' and ')} for node ${process.version} into ${peers} (minutes, once)`);
  fs.mkdirSync(peers, { recursive: true });
  return spawnSync('npm', ['install', '--prefix', peers, '--no-save', '--no-audit', '--no-fund', '--loglevel=error', ...names],
                   { cwd: peers, env, encoding: 'utf8' });
}

let found = null;
/** The folder the peer's packages can be loaded from. `npm ci` leaves better-sqlite3 out silently when its ready-made
 *  file cannot be fetched and node's headers are not where it looks; then both are installed apart. */
export function peerFolder() {
  found ??= [root, peers].find((dir) => loadsFrom(dir).status === 0);
  if (found) return found;
  const made = install();
  if (loadsFrom(peers).status === 0) return (found = peers);
  const why = `${made.stderr ?? ''}${made.error ?? ''}`.trim().split('\n').slice(-8).join('\n  ');
  throw new PeerMissing(`the peer needs fastify and better-sqlite3, which can neither be loaded nor installed here:\n  ${why}\n`
    + '  It takes a compiler and the headers of this node: with Debian\'s node, apt install libnode-dev g++ make.');
}
/** For the peer's own process. */
export const peerEnvironment = () => ({ ...process.env, NODE_ENV: 'production', PEER_PACKAGES: peerFolder() });

export const betterSqlite = () => createRequire(`${peerFolder()}/`)('better-sqlite3');

export function packageVersion(name) {
  return JSON.parse(fs.readFileSync(path.join(peerFolder(), 'node_modules', name, 'package.json'))).version;
}

/* ---- servers ---- */

/** Starts a program on a core and waits until a line of its output matches `ready`. */
export async function serve(core, program, args, ready, options = {}) {
  const child = spawn('taskset', ['-c', String(core), program, ...args], { stdio: ['ignore', 'pipe', 'pipe'], cwd: root, ...options });
  running.add(child);
  const s = { pid: child.pid, log: '' };
  s.exited = new Promise((done) => child.on('exit', (code) => { running.delete(child); done(code); }));
  s.stop = async () => { child.kill('SIGTERM'); return s.exited; };
  const match = await new Promise((good, bad) => {
    let out = '';
    const look = (d) => { out += d; const m = out.match(ready); if (m) good(m); };
    child.stdout.on('data', look);
    child.stderr.on('data', (d) => { if (s.log.length < 65536) s.log += d; });
    child.on('error', (e) => bad(new Unmeasurable(`${program}: ${e.message}`)));
    child.on('exit', (code) => bad(new Unmeasurable(`${program} ended with ${code}: ${s.log.slice(-2000)}`)));
  });
  s.port = Number(match[1]);
  s.url = `http://127.0.0.1:${s.port}`;
  return s;
}

/** Runs a program to its end on a core; gives what its output matches. */
export async function printed(core, program, args, pattern) {
  const child = spawn('taskset', ['-c', String(core), program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  running.add(child);
  let out = '';
  child.stdout.on('data', (d) => { out += d; });
  const code = await new Promise((done) => child.on('close', done));
  running.delete(child);
  const m = out.match(pattern);
  if (code !== 0 || !m) throw new Unmeasurable(`${program} ended with ${code}: ${out}`);
  return m;
}

export function init(dir, config = null) {
  const data = path.join(dir, 'data');
  const words = ['--data', data];
  if (config) {
    fs.writeFileSync(path.join(dir, 'kontor.yaml'), config);
    words.push('--config', path.join(dir, 'kontor.yaml'));
  }
  const r = spawnSync(binary, ['init', ...words, '--demo'], { encoding: 'utf8' });
  if (r.status !== 0) throw new Unmeasurable(`kontor init: ${r.stderr ?? r.error}`);
  return { data, words, mail: path.join(dir, 'mail') };
}

export const kontorArgs = (made, port = 0) => ['serve', ...made.words, '--mail-drop', made.mail, '--listen', `127.0.0.1:${port}`];
export const kontor = (core, made) => serve(core, binary, kontorArgs(made), /kontor serves \S+:(\d+)/);

export function freePort() {
  return new Promise((done) => {
    const s = net.createServer().listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => done(port)); });
  });
}

/* ---- what a process took ---- */

export function memory(pid) {
  const text = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
  const kib = (key) => Number(text.match(new RegExp(`^${key}:\\s+(\\d+)`, 'm'))[1]);
  return { rss: kib('VmRSS') / 1024, most: kib('VmHWM') / 1024, anonymous: kib('RssAnon') / 1024 };
}

/** Microseconds all its threads have been on a core so far; finer than the ticks of /proc/PID/stat. */
export function cpuMicros(pid) {
  let nanos = 0;
  for (const t of fs.readdirSync(`/proc/${pid}/task`)) nanos += Number(fs.readFileSync(`/proc/${pid}/task/${t}/schedstat`, 'utf8').split(' ')[0]);
  return nanos / 1000;
}

/* ---- load ---- */

/** wrk from core 1; a script of ours prints its figures as JSON. Any answer but `expect` ends the measurement. */
export async function wrk(url, { script, seconds, env = {}, core = 1, connections = 32 }) {
  const args = ['-c', String(core), 'wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '20s', '--latency', '-s', path.join(here, script), url];
  const child = spawn('taskset', args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let out = '', err = '';
  child.stdout.on('data', (d) => { out += d; });
  child.stderr.on('data', (d) => { err += d; });
  await new Promise((done) => child.on('close', done));
  running.delete(child);
  const m = out.match(/^JSON (.*)$/m);
  if (!m) throw new Unmeasurable(`wrk: ${err || out}`);
  const r = JSON.parse(m[1]);
  if (r.errors > 0 || r.wrong > 0) throw new Unmeasurable(`${url}: of ${r.requests} answers ${r.wrong} were not expected, ${r.errors} connections failed`);
  return r;
}

/* ---- rounds ---- */

export function median(values) {
  const v = [...values].sort((a, b) => a - b), mid = v.length >> 1;
  return v.length % 2 ? v[mid] : (v[mid - 1] + v[mid]) / 2;
}

/** Most by least of the middle three. */
export function spread(values) {
  const v = [...values].sort((a, b) => a - b), mid = v.length >> 1;
  return v.length < 3 ? 1 : v[mid + 1] / v[mid - 1];
}

/** courses: [{name, run(round)}], run gives a number. They take turns; values are of one attempt only. */
export async function takeTurns(p, courses, { least = 5, attempts = 3 } = {}) {
  const rounds = Math.max(p.rounds || least, 1);
  for (let attempt = 1; ; attempt++) {
    const measured = courses.map((c) => ({ name: c.name, values: [] }));
    for (let round = -1; round < rounds; round++)
      for (const [i, c] of courses.entries()) {
        const value = await c.run(round);
        if (round >= 0) measured[i].values.push(value);
      }
    const steady = measured.every((m) => spread(m.values) <= 1.25);
    if (steady || attempt === attempts) return { courses: measured, steady, attempts: attempt };
    console.error(`bench: the rounds differ too much (load ${os.loadavg()[0].toFixed(1)}); measuring again`);
  }
}

/* ---- where it was measured ---- */

const output = (program, args) => { try { return execFileSync(program, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim(); } catch { return ''; } };

export function revision() {
  const head = output('git', ['rev-parse', '--short', 'HEAD']) || 'unknown';
  return head + (output('git', ['status', '--porcelain', '--untracked-files=no', '--', 'src', 'web']) ? '+changes' : '');
}

export function machine() {
  const disk = output('df', ['--output=source,fstype', build]).split('\n').pop().replace(/\s+/g, ' ');
  return { cpu: os.cpus()[0].model.trim(), cores: os.cpus().length, mem: `${Math.round(os.totalmem() / 2 ** 30)} GiB`,
           disk, kernel: os.release(), node: process.version, load: os.loadavg().map((x) => x.toFixed(1)).join(' ') };
}
