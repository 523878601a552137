// SPDX-License-Identifier: Apache-2.0
// A browser without a window: keeps cookies, sends forms with all their hidden fields.
import { agent } from './people.mjs';

const unescape = (s) => s.replace(/&quot;/g, '"').replace(/&#39;/g, "'").replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&');
const attribute = (tag, name) => { const m = tag.match(new RegExp(`\\b${name}="([^"]*)"`)); return m ? unescape(m[1]) : null; };

export class Visitor {
  constructor(url, headers = {}) {
    this.url = url;
    this.headers = { 'user-agent': agent, 'accept-language': 'de', ...headers };
    this.cookies = new Map();
  }

  cookie() { return [...this.cookies].map(([k, v]) => `${k}=${v}`).join('; '); }

  async ask(path, options = {}) {
    const r = await fetch(this.url + path, { redirect: 'manual', ...options,
      headers: { ...this.headers, ...(this.cookies.size ? { cookie: this.cookie() } : {}), ...options.headers } });
    for (const line of r.headers.getSetCookie()) {
      const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
      if (/max-age=0/i.test(line)) this.cookies.delete(name); else this.cookies.set(name, value);
    }
    return { status: r.status, headers: r.headers, text: await r.text() };
  }

  /** The hidden fields of the form that posts to `action`, with `fields` over them. */
  fill(html, action, fields) {
    const form = [...html.matchAll(/<form\b[\s\S]*?<\/form>/g)].map((m) => m[0]).find((f) => attribute(f.match(/<form[^>]*>/)[0], 'action') === action);
    if (!form) throw new Error(`there is no form for ${action}`);
    const body = new URLSearchParams();
    for (const [tag] of form.matchAll(/<input\b[^>]*>/g))
      if (attribute(tag, 'type') === 'hidden') body.set(attribute(tag, 'name'), attribute(tag, 'value') ?? '');
    for (const [k, v] of Object.entries(fields)) body.set(k, v);
    return body;
  }

  post(path, body) {
    return this.ask(path, { method: 'POST', body, headers: { 'sec-fetch-site': 'same-origin' } });
  }

  async signIn(path, email, password) {
    const page = await this.ask(path);
    const r = await this.post(path, this.fill(page.text, path, { email, password }));
    if (r.status !== 303) throw new Error(`${path} answered ${r.status} to a right password`);
    return r;
  }

  /** Decides the banner: only what is necessary. */
  async decide() {
    const page = await this.ask('/sign-up');
    const r = await this.post('/consent', this.fill(page.text, '/consent', { action: 'necessary_only' }));
    if (r.status !== 303) throw new Error(`/consent answered ${r.status}`);
  }
}
