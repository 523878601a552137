// SPDX-License-Identifier: Apache-2.0
// The consent banner: what is asked comes from /consent/config.json (made from the register), what applies
// comes from /consent/state. The decision lives in a cookie only the server can set; this script keeps
// nothing on the device. No inline style, no inline script, nothing from another host.
//
// For other scripts: window.consent.get(service), .show(), .withdraw(), .on(fn), .state; events on
// document: consent:ready and consent:change with {granted, denied, version}.
(() => {
  'use strict';
  const tag = document.currentScript;
  if (window.consent || !tag) return;

  let state = null;        // as the server says; null until it was asked
  let config = null;
  let banner = null;       // first layer, or null
  let shownAt = 0;
  const listeners = [];

  // ---- small helpers

  function el(name, attributes, ...children) {
    const e = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (key === 'onclick') e.addEventListener('click', value);
      else if (value === true) e.setAttribute(key, '');
      else if (value !== false && value != null) e.setAttribute(key, value);
    }
    e.append(...children.filter((c) => c != null && c !== false));
    return e;
  }
  const optional = () => config.words.categories.flatMap((c) => c.services).filter((s) => s.optional);
  const button = (text, onclick, more) => el('button', { type: 'button', class: 'button', onclick, ...more }, text);
  const facts = () => ({ granted: state ? state.granted : [], denied: state ? state.denied : [],
                         version: state ? state.version : null });
  function tell(name) {
    document.dispatchEvent(new CustomEvent(name, { detail: facts() }));
    if (name === 'consent:change') for (const fn of listeners) fn(facts());
  }

  // ---- the server

  async function read(first) {
    const answer = await fetch(first ? '/consent/state?page=1' : '/consent/state',
                               { cache: 'no-store', credentials: 'same-origin', headers: { Accept: 'application/json' } });
    if (!answer.ok) throw new Error(String(answer.status));
    state = await answer.json();
  }

  async function configure() {
    if (config) return;
    const answer = await fetch(tag.dataset.config, { credentials: 'same-origin' });
    if (!answer.ok) throw new Error(String(answer.status));
    config = await answer.json();
  }

  const send = (path, body) => fetch(path, {
    method: 'POST', credentials: 'same-origin', body: JSON.stringify(body),
    headers: { 'Content-Type': 'application/json', Accept: 'application/json' } });

  const signals = () => ({ gpc: navigator.globalPrivacyControl === true || (state && state.gpc) === true,
                           dnt: navigator.doNotTrack === '1' || (state && state.dnt) === true });

  /** What a page left behind for services that are off now: storage of our own host. */
  function clean(denied) {
    for (const s of optional().filter((x) => denied.includes(x.id))) {
      for (const key of s.storage) {
        try {
          localStorage.removeItem(key);
          sessionStorage.removeItem(key);
          if (window.indexedDB) indexedDB.deleteDatabase(key);
        } catch { /* storage is switched off: then there is nothing */ }
      }
    }
  }

  async function decide(granted, surface, action) {
    const before = state ? state.granted : [];
    const body = { version: config.version, granted, surface, language: config.words.language, text: config.text,
                   path: location.pathname, ...signals() };
    if (action) body.action = action;
    if (shownAt) body.shown_for = Math.max(1, Math.round(performance.now() - shownAt));
    const answer = await send('/consent', body);
    if (answer.status === 409) {          // the register changed while the page stood open
      location.reload();
      return;
    }
    if (!answer.ok) throw new Error(String(answer.status));
    await read(false);
    settle(before);
  }

  /** After a decision: what was on and is off now must not go on running. */
  function settle(before) {
    clean(state.denied);
    closeBanner();
    tell('consent:change');
    const off = before.some((id) => !state.granted.includes(id));
    const on = optional().some((s) => s.reload && state.granted.includes(s.id) && !before.includes(s.id));
    if (off || on) setTimeout(() => location.reload());       // whoever asked gets the answer first
  }

  // ---- first layer: not modal, the page stays usable, nothing is covered

  function room() {
    const height = banner ? Math.ceil(banner.getBoundingClientRect().height) : 0;
    document.documentElement.style.setProperty('--consent-room', `${height}px`);
  }

  function act(where, granted, surface, action) {
    return async () => {
      const all = where.querySelectorAll('button');
      all.forEach((b) => { b.disabled = true; });
      try {
        await decide(granted(), surface, action);
        if (where.open) where.close();
      } catch {
        all.forEach((b) => { b.disabled = false; });
        const note = where.querySelector('.consent-failed');
        note.textContent = config.words.first.failed;
        note.hidden = false;
      }
    };
  }

  function showBanner() {
    if (banner) return;
    const w = config.words.first;
    const changed = optional().filter((s) => state.changed.includes(s.id)).map((s) => s.name);
    banner = el('section', { class: 'consent-banner', role: 'dialog', 'aria-modal': 'false', 'aria-labelledby': 'consent-title',
                             'aria-describedby': 'consent-text', tabindex: '-1', 'data-nosnippet': '' });
    const accept = act(banner, () => optional().map((s) => s.id), 'banner', 'accept_all');
    const refuse = act(banner, () => [], 'banner', 'necessary_only');
    banner.append(
      el('h2', { id: 'consent-title' }, w.title),
      el('p', { id: 'consent-text' }, changed.length ? `${w.changed} ${changed.join(', ')}. ` : '', w.text, ' ',
         signals().gpc ? w.gpc + ' ' : '',
         el('a', { href: w.notice_url }, w.notice), ' ', el('a', { href: w.imprint_url }, w.imprint)),
      el('p', { class: 'consent-failed', role: 'alert', hidden: true }),
      el('div', { class: 'consent-actions equal' },
         button(w.accept, accept), button(w.necessary, refuse),
         button(w.choose, () => showLayer('layer2', banner.querySelector('button:last-of-type')))));
    banner.addEventListener('keydown', (e) => { if (e.key === 'Escape') refuse(); });
    const skip = document.querySelector('.skip');
    if (skip) skip.after(banner);
    else document.body.prepend(banner);
    document.documentElement.classList.add('has-consent-banner');
    shownAt = performance.now();
    room();
    if (window.ResizeObserver) new ResizeObserver(room).observe(banner);
  }

  function closeBanner() {
    if (!banner) return;
    const inside = banner.contains(document.activeElement);
    banner.remove();
    banner = null;
    document.documentElement.classList.remove('has-consent-banner');
    room();
    if (inside) {
      const main = document.querySelector('main');
      if (main) main.focus({ preventScroll: true });
    }
  }

  // ---- second layer: a modal dialog over the page

  function list(term, items) {
    return items.length ? [el('dt', {}, term), el('dd', {}, ...items.map((i) => el('span', { class: 'consent-item' }, i)))] : [];
  }

  function service(s, w) {
    const on = !s.optional || state.granted.includes(s.id);
    const box = el('input', { type: 'checkbox', role: 'switch', value: s.id, disabled: !s.optional, 'data-optional': s.optional });
    box.checked = on;
    const changed = state.changed.includes(s.id);
    return el('div', { class: 'consent-service' },
      el('label', { class: 'consent-switch' }, box, el('span', {}, s.name,
         s.optional ? '' : el('span', { class: 'muted' }, ` (${w.always})`), changed ? ' *' : '')),
      el('details', {}, el('summary', {}, w.details, el('span', { class: 'sr' }, `: ${s.name}`)),
         el('dl', { class: 'facts' },
            ...list(w.purpose, [s.purpose]), ...list(w.data, s.data),
            ...list(w.recipients, s.recipients.length
              ? s.recipients.map((r) => [r.name, r.country && `(${r.country})`, r.safeguard].filter(Boolean).join(' ')) : [w.nobody]),
            ...list(w.cookies, s.cookies.map((c) => `${c.name}: ${c.kind}; ${c.lifetime}; ${c.access}`)),
            ...list(w.storage, s.storage))));
  }

  function showLayer(surface, from) {
    const w = config.words.second;
    const back = from || document.activeElement;
    const dialog = el('dialog', { class: 'consent', 'aria-labelledby': 'consent-layer-title', 'data-nosnippet': '' });
    const chosen = () => [...dialog.querySelectorAll('input[data-optional]')].filter((b) => b.checked).map((b) => b.value);
    dialog.append(
      el('div', { class: 'consent-head' }, el('h2', { id: 'consent-layer-title', tabindex: '-1' }, w.title),
         button(w.close, () => dialog.close(), { class: 'button quiet small' })),
      el('p', {}, w.text),
      ...config.words.categories.map((c) => el('fieldset', { class: 'consent-category' },
        el('legend', {}, c.title), el('p', { class: 'help' }, c.text), ...c.services.map((s) => service(s, w)))),
      state.id ? el('p', {}, el('a', { href: `/consent/proof/${state.id}` }, w.proof), ' ', el('code', { class: 'id' }, state.id)) : null,
      el('p', { class: 'consent-failed', role: 'alert', hidden: true }),
      el('div', { class: 'consent-actions equal' },
         button(w.save, act(dialog, chosen, surface, 'select')),
         button(w.accept, act(dialog, () => optional().map((s) => s.id), surface, 'accept_all')),
         button(w.necessary, act(dialog, () => [], surface, 'necessary_only'))));
    // Escape and "back" leave everything as it is: no decision is taken by closing.
    dialog.addEventListener('close', () => {
      dialog.remove();
      if (back && back.isConnected) back.focus();
    });
    document.body.append(dialog);
    dialog.showModal();
    dialog.querySelector('h2').focus();
  }

  async function show(surface, from) {
    await Promise.all([state ? null : read(false), configure()]);
    showLayer(surface || 'footer', from);
  }

  async function withdraw() {
    await Promise.all([state ? null : read(false), configure()]);
    const before = state.granted;
    const answer = await send('/consent/withdraw', { surface: 'api', language: config.words.language, text: config.text,
                                                     path: location.pathname });
    if (!answer.ok) throw new Error(String(answer.status));
    const result = await answer.json();
    await read(false);
    settle(before);
    return result;
  }

  // ---- blocked elements (consent-scripts.js), only for pages that have any

  const BLOCKED = '[data-name], [data-service], [data-category], [data-consent-watch]';
  let engine = null;
  async function wake() {
    if (engine || !document.querySelector(BLOCKED)) return;
    await configure();
    engine = await import(tag.dataset.scripts);
    engine.start({
      services: () => config.words.categories.flatMap((c) => c.services.filter((s) => s.optional).map((s) => ({ ...s, category: c.id }))),
      granted: () => state.granted,
      words: () => config.words.frame,
      allow: (name) => decide([...new Set([...state.granted, name])], 'layer2', undefined).catch(() => show('layer2')),
    });
    listeners.push(() => engine.sweep());
  }

  // ---- start

  document.addEventListener('click', (e) => {
    const opener = e.target.closest && e.target.closest('.js-consent-open, [data-consent-open], a[href="/privacy/cookies"]');
    if (!opener || location.pathname === '/privacy/cookies' || e.ctrlKey || e.metaKey || e.shiftKey) return;
    e.preventDefault();
    show(opener.dataset.consentOpen || (location.pathname === '/sign-in' ? 'signin' : 'footer'), opener).catch(() => { location.href = '/privacy/cookies'; });
  });

  // A page from the back/forward cache may be older than the decision.
  addEventListener('pageshow', async (e) => {
    if (!e.persisted || !state) return;
    const before = state.granted;
    await read(false);
    if (before.some((id) => !state.granted.includes(id))) location.reload();
    else if (!state.ask.length) closeBanner();
  });

  window.consent = {
    get: (name) => (state ? state.granted.includes(name) : false),
    show: () => show('footer'),
    withdraw,
    on: (fn) => { listeners.push(fn); },
    get state() { return facts(); },
  };

  async function start() {
    await read(true);
    tell('consent:ready');
    await wake();
    const sent = signals();
    if (window.top !== window.self || !state.ask.length) return;
    if (location.pathname === '/privacy/cookies') return;       // the page itself asks
    await configure();
    // A signal of the browser is an answer: it is recorded, and nobody is asked again.
    if (!state.decided && (sent.gpc || sent.dnt)) return decide([], 'banner', sent.gpc ? 'gpc' : 'dnt');
    showBanner();
  }
  const begin = () => start().catch(() => { /* no answer: everything optional stays off */ });
  if (document.prerendering) document.addEventListener('prerenderingchange', begin, { once: true });
  else begin();
})();
