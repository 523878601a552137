// SPDX-License-Identifier: Apache-2.0
// Elements of optional services that stand in a page in a blocked form, brought to life when their service is
// granted: the attributes of Klaro (data-name) and of cookieconsent (data-category, data-service) alike.
// consent.js loads this only for pages that have such elements. It is a convenience; what must not load is
// kept out by the content security policy.

const BLOCKED = 'script[type="text/plain"][data-name], script[type="text/plain"][data-service], '
  + 'script[type="text/plain"][data-category], iframe[data-name], img[data-name], link[data-name], [data-name][data-src]';
const MOVED = ['src', 'href', 'title', 'srcset', 'style', 'type'];      // data-x becomes x
const CARRIED = ['async', 'defer', 'integrity', 'crossorigin', 'nonce', 'referrerpolicy', 'id', 'class', 'nomodule', 'charset'];

let consent;                        // { services(), granted(), words(), allow(name) }
const done = new WeakSet();         // scripts that ran, frames that were loaded once
const queue = new Map();            // service → the script before, so that their order is kept

/** The service an element belongs to and whether it runs now; null when the register knows no such service. */
function verdict(e) {
  const raw = e.dataset.name || e.dataset.service || '';
  const off = raw.startsWith('!');
  const name = off ? raw.slice(1) : raw;
  const all = consent.services();
  const mine = name ? all.filter((s) => s.id === name) : all.filter((s) => s.category === e.dataset.category);
  if (!mine.length) return null;
  const granted = mine.every((s) => consent.granted().includes(s.id));
  return { name: name || e.dataset.category, runs: granted !== off };
}

/** Changing the type in place does not run a script: a new one takes its place. */
function run(old, name) {
  done.add(old);
  const make = () => new Promise((next) => {
    const s = document.createElement('script');
    for (const a of CARRIED) if (old.hasAttribute(a)) s.setAttribute(a, old.getAttribute(a));
    if (old.dataset.type) s.type = old.dataset.type;
    done.add(s);
    const src = old.dataset.src || old.getAttribute('src');
    if (src) {
      s.async = old.hasAttribute('async');
      s.addEventListener('load', next);
      s.addEventListener('error', next);
      s.src = src;
    } else s.textContent = old.textContent;
    if (old.isConnected) old.replaceWith(s);
    if (!src || s.async) next();
  });
  queue.set(name, (queue.get(name) || Promise.resolve()).then(make));
}

function reveal(e) {
  for (const a of MOVED) {
    const value = e.getAttribute(`data-${a}`);
    if (value === null || e.getAttribute(a) === value) continue;
    if (e.dataset.before === undefined && e.hasAttribute(a)) e.dataset.before = `${a}=${e.getAttribute(a)}`;
    if (a === 'style') e.style.cssText = value;
    else e.setAttribute(a, value);
  }
}

function hide(e) {
  for (const a of MOVED) {
    if (e.getAttribute(`data-${a}`) === null || e.getAttribute(a) === null) continue;
    const before = e.dataset.before;
    if (before && before.startsWith(`${a}=`)) e.setAttribute(a, before.slice(a.length + 1));
    else e.removeAttribute(a);
  }
}

/** Stands before a frame that is off. A frame of another host is kept out by the policy, so only its own page opens it. */
function placeholder(frame, name) {
  if (frame.previousElementSibling?.classList.contains('consent-placeholder')) return;
  const w = consent.words();
  const service = consent.services().find((s) => s.id === name);
  const box = document.createElement('div');
  box.className = 'consent-placeholder notice info';
  const text = document.createElement('p');
  text.textContent = `${service ? service.name : name}: ${w.text}`;
  const row = document.createElement('div');
  row.className = 'buttons';
  const url = new URL(frame.dataset.src, location.href);
  if (url.origin === location.origin) {
    const once = document.createElement('button');
    once.type = 'button';
    once.className = 'button';
    once.textContent = w.once;
    once.addEventListener('click', () => { done.add(frame); box.remove(); frame.hidden = false; reveal(frame); });
    row.append(once);
  } else {
    const open = document.createElement('a');
    open.className = 'button';
    open.href = url.href;
    open.target = '_blank';
    open.rel = 'noopener noreferrer';
    open.textContent = w.open;
    row.append(open);
  }
  const always = document.createElement('button');
  always.type = 'button';
  always.className = 'button';
  always.textContent = w.always;
  always.addEventListener('click', () => consent.allow(name));
  row.append(always);
  box.append(text, row);
  frame.before(box);
  frame.hidden = true;
}

function apply(e) {
  const v = verdict(e);
  if (!v || done.has(e)) return;
  if (e.tagName === 'SCRIPT') {
    if (v.runs) run(e, v.name);
  } else if (e.tagName === 'IFRAME') {
    if (v.runs) {
      const box = e.previousElementSibling;
      if (box?.classList.contains('consent-placeholder')) box.remove();
      e.hidden = false;
      reveal(e);
    } else {
      hide(e);
      placeholder(e, v.name);
    }
  } else if (v.runs) reveal(e);
  else hide(e);
}

export function sweep() {
  document.querySelectorAll(BLOCKED).forEach(apply);
}

export function start(with_) {
  consent = with_;
  sweep();
  new MutationObserver((list) => {
    for (const m of list) {
      for (const n of m.addedNodes) {
        if (n.nodeType !== Node.ELEMENT_NODE) continue;
        if (n.matches(BLOCKED)) apply(n);
        n.querySelectorAll(BLOCKED).forEach(apply);
      }
    }
  }).observe(document.documentElement, { childList: true, subtree: true });
}
