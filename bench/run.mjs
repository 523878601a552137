// SPDX-License-Identifier: Apache-2.0
// The command line of the measurements: which workload, how large, and what is printed and kept of it.
import fs from 'node:fs';
import path from 'node:path';
import { AnswersDiffer, PeerMissing, Unmeasurable, build, close, machine, median, revision } from './harness.mjs';

const workloads = {
  page: 'a signed-in page against Fastify and better-sqlite3',
  static: 'a small file, access log on, against nginx',
  start: 'from exec to the first good answer',
  idle: 'memory at rest',
  durable: 'durable rows a second against the disk and plain SQLite',
  signin: 'sign-ins a second against the bare password hash',
};

function usage(why) {
  console.error(`bench: ${why}\nbench/run [WORKLOAD …] [--size quick|standard] [--seed N] [--rounds N]`);
  for (const [name, words] of Object.entries(workloads)) console.error(`  ${name.padEnd(9)} ${words}`);
  process.exit(2);
}

function plan(words) {
  const p = { names: [], size: 'quick', seed: 1, rounds: 0 };
  for (let i = 0; i < words.length; i++) {
    const number = () => (/^\d{1,9}$/.test(words[i + 1] ?? '') ? Number(words[++i]) : usage(`${words[i]} needs a number`));
    if (words[i] === '--size') {
      p.size = words[++i];
      if (!['quick', 'standard'].includes(p.size)) usage('--size is quick or standard');
    } else if (words[i] === '--seed') p.seed = number();
    else if (words[i] === '--rounds') p.rounds = number();
    else if (workloads[words[i]]) p.names.push(words[i]);
    else usage(`there is no workload ${words[i]}`);
  }
  if (p.names.length === 0) p.names = Object.keys(workloads);
  return p;
}

const digits = (x) => (x >= 1000 ? Math.round(x).toLocaleString('en') : Number(x.toPrecision(3)).toString());
const row = (cells) => console.log(cells.map((c, i) => (i ? String(c).padStart(13) : String(c).padEnd(34))).join(''));

function show(r) {
  console.log(`\n${r.workload}: ${r.title}`);
  row([r.unit, 'median', 'least', 'most', 'ratio']);
  for (const c of r.courses) {
    const v = c.values;
    row([c.name, digits(median(v)), digits(Math.min(...v)), digits(Math.max(...v)), c.ratio ? c.ratio.toFixed(2) : '']);
  }
  if (r.ratio) console.log(`  kontor is ${r.ratio.toFixed(2)} times as good as ${r.peer.name} ${r.peer.version}`);
  for (const n of r.notes ?? []) console.log(`  ${n}`);
  if (r.steady === false) console.log('  Not steady: the middle three rounds differ by more than a quarter. No figure to cite.');
}

function keep(p, r) {
  const file = path.join(build, 'bench', `result-${r.workload}.json`);
  const whole = { workload: r.workload, seed: p.seed, size: p.size, at: new Date().toISOString(),
                  command: `bench/run ${r.workload} --size ${p.size} --seed ${p.seed}${p.rounds ? ` --rounds ${p.rounds}` : ''}`,
                  unit: r.unit, kontor: { rev: revision(), values: r.courses[0].values }, peer: r.peer ?? null,
                  ratio: r.ratio ?? null, steady: r.steady ?? true, courses: r.courses, details: r.details ?? {}, machine: machine() };
  fs.writeFileSync(file, `${JSON.stringify(whole, null, 1)}\n`);
}

const p = plan(process.argv.slice(2));
fs.mkdirSync(path.join(build, 'bench'), { recursive: true });
process.on('exit', close);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));
let status = 0;
for (const name of p.names) {
  try {
    const { measure } = await import(`./${name}.mjs`);
    const r = { workload: name, title: workloads[name], ...(await measure(p)) };
    show(r);
    keep(p, r);
  } catch (e) {
    console.error(`\n${name}: ${e.message}`);
    if (e instanceof PeerMissing) status = Math.max(status, 2);
    else if (e instanceof AnswersDiffer || e instanceof Unmeasurable) status = 1;
    else { console.error(e.stack); status = 1; }
    if (status === 1) break;
  } finally {
    close();
  }
}
const m = machine();
console.log(`\n${m.cpu}, ${m.cores} cores, ${m.mem}, ${m.disk}; load ${m.load}; kontor ${revision()}; size ${p.size}, seed ${p.seed}`);
process.exit(status);
