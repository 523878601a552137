// SPDX-License-Identifier: Apache-2.0
// A small file, access log on, on one core, against nginx with its good configuration: one worker, sendfile,
// open_file_cache, a buffered log. The file is one of kontor's own, about 10 KB; nginx serves the same bytes
// under the same address with the same headers.
import fs from 'node:fs';
import path from 'node:path';
import * as h from './harness.mjs';
import { agent } from './people.mjs';

const NAME = 'fonts/source-code-pro-latin.woff2';
const wanted = ['content-type', 'cache-control', 'x-content-type-options', 'content-length'];

async function address(server) {
  const css = (await (await fetch(`${server.url}/`)).text()).match(/\/assets\/[0-9a-f]+\/fonts\.css/)[0];
  const plain = await fetch(`${server.url}/assets/${NAME}`);
  if (plain.status !== 200) throw new h.Unmeasurable(`/assets/${NAME} answered ${plain.status}`);
  const text = await (await fetch(server.url + css)).text();
  const m = text.match(/url\(["']?([^"')]*source-code-pro-latin\.woff2)/);
  const url = m ? new URL(m[1], server.url + css).pathname : `/assets/${NAME}`;
  return (await fetch(server.url + url)).status === 200 ? url : `/assets/${NAME}`;
}

function configuration(dir, port, headers) {
  const set = [...headers].filter(([k]) => !['content-type', 'content-length', 'date', 'connection', 'keep-alive', 'etag', 'last-modified', 'accept-ranges', 'vary'].includes(k));
  return `worker_processes 1; daemon off; pid ${dir}/nginx.pid; error_log ${dir}/error.log;
${process.getuid() === 0 ? 'user root;' : ''}
events { worker_connections 1024; }
http {
  types { font/woff2 woff2; } default_type application/octet-stream;
  sendfile on; tcp_nopush on; open_file_cache max=1000 inactive=1h; open_file_cache_valid 1h;
  keepalive_requests 100000000; keepalive_timeout 1h; server_tokens off;
  access_log ${dir}/access.log combined buffer=64k flush=1s;
  client_body_temp_path ${dir}/t1; proxy_temp_path ${dir}/t2; fastcgi_temp_path ${dir}/t3; uwsgi_temp_path ${dir}/t4; scgi_temp_path ${dir}/t5;
  server { listen 127.0.0.1:${port}; root ${dir}/root;
    ${set.map(([k, v]) => `add_header ${k} "${v.replace(/"/g, '\\"')}";`).join('\n    ')} }
}
`;
}

async function nginx(dir, port) {
  const s = await h.serve(0, 'bash', ['-c', 'echo "started 0"; exec nginx -p "$0" -c "$0/nginx.conf"', dir], /started (\d)/);
  s.url = `http://127.0.0.1:${port}`;
  for (let i = 0; i < 200; i++) {
    try { await fetch(s.url); return s; } catch { await h.sleep(20); }
  }
  throw new h.Unmeasurable(`nginx does not answer: ${s.log}`);
}

export async function measure(p) {
  const version = h.programVersion('/usr/sbin/nginx', ['-v'], /nginx\/(\S+)/);
  h.programVersion('wrk', ['-v'], /wrk (\S+)/);
  const dir = h.workFolder(), kontor = await h.kontor(0, h.init(dir)), url = await address(kontor), port = await h.freePort();
  const mine = await fetch(kontor.url + url, { headers: { 'user-agent': agent } }), bytes = Buffer.from(await mine.arrayBuffer());
  fs.mkdirSync(path.join(dir, 'root', path.dirname(url)), { recursive: true });
  fs.writeFileSync(path.join(dir, 'root', url), bytes);
  fs.writeFileSync(path.join(dir, 'nginx.conf'), configuration(dir, port, mine.headers));
  const peer = await nginx(dir, port);
  const theirs = await fetch(peer.url + url);
  if (!bytes.equals(Buffer.from(await theirs.arrayBuffer()))) throw new h.AnswersDiffer('the bytes differ');
  for (const k of wanted)
    if (mine.headers.get(k) !== theirs.headers.get(k)) throw new h.AnswersDiffer(`${k}: ${mine.headers.get(k)} and ${theirs.headers.get(k)}`);

  const seconds = p.size === 'quick' ? 3 : 10, details = { kontor: [], peer: [] };
  const course = (name, server, list, pids) => ({ name, run: async (round) => {
    const cpu = () => pids().reduce((sum, pid) => sum + h.cpuMicros(pid), 0), before = cpu();
    const r = await h.wrk(server.url + url, { script: 'load.lua', seconds });
    if (r.bytes / r.requests < bytes.length) throw new h.Unmeasurable(`${name}: answers are too short`);
    if (round >= 0) list.push({ p50: r.p50, p99: r.p99, cpu: (cpu() - before) / r.requests, requests: r.requests });
    return r.rate;
  } });
  const workers = () => [peer.pid, ...fs.readFileSync(`/proc/${peer.pid}/task/${peer.pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)];
  const turns = await h.takeTurns(p, [course('kontor', kontor, details.kontor, () => [kontor.pid]), course('nginx', peer, details.peer, workers)]);
  const [k, n] = turns.courses.map((c) => h.median(c.values)), of = (list, key) => h.median(list.map((x) => x[key]));
  turns.courses[0].ratio = k / n;
  const words = (name, list) => `${name}: p50 ${(of(list, 'p50') / 1000).toFixed(2)} ms, p99 ${(of(list, 'p99') / 1000).toFixed(2)} ms, CPU ${of(list, 'cpu').toFixed(1)} µs a request`;
  // What both logged: every request of both sides has its line.
  await kontor.stop();
  await peer.stop();
  const lines = fs.readFileSync(path.join(dir, 'access.log'), 'latin1').split('\n').length - 1;
  return { unit: 'files a second', courses: turns.courses, steady: turns.steady, ratio: k / n, peer: { name: 'nginx', version, values: turns.courses[1].values },
           notes: [`${NAME}, ${bytes.length} B`, words('kontor', details.kontor), words('nginx', details.peer), `nginx logged ${lines} lines`,
                   `CPU time a request: nginx takes ${(of(details.peer, 'cpu') / of(details.kontor, 'cpu')).toFixed(2)} times as much`],
           details: { bytes: bytes.length, url, ...details } };
}
