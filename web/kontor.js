// SPDX-License-Identifier: Apache-2.0
// What pages do better with script. Nothing here is needed: every form and link works without it.
// Stores nothing on the device.

const lang = document.documentElement.lang === 'en' ? 'en' : 'de';
const all = (selector, from = document) => from.querySelectorAll(selector);

// The error summary takes the focus, so that a screen reader and a keyboard begin there. Its links
// lead to the fields; a group of choices gets the focus on its first one.
const summary = document.querySelector('[data-focus]');
if (summary) summary.focus({ preventScroll: false });
for (const link of all('.errors a[href^="#"]')) {
  link.addEventListener('click', event => {
    const target = document.getElementById(decodeURIComponent(link.hash.slice(1)));
    if (!target) return;
    event.preventDefault();
    const field = target.matches('input, select, textarea') ? target : target.querySelector('input, select, textarea') ?? target;
    field.focus();
    field.scrollIntoView({ block: 'center' });
  });
}

for (const button of all('[data-show-password]')) {
  const input = document.getElementById(button.dataset.showPassword);
  if (!input) continue;
  const words = { show: button.textContent, hide: button.dataset.hide ?? button.textContent };
  const set = shown => {
    input.type = shown ? 'text' : 'password';
    button.textContent = shown ? words.hide : words.show;
    button.setAttribute('aria-pressed', String(shown));
  };
  button.hidden = false;
  button.addEventListener('click', () => set(input.type === 'password'));
  // A password manager must see a password field when the form leaves.
  input.form?.addEventListener('submit', () => set(false));
}

// A dialog is opened by the button that names it and gives the focus back when it closes.
for (const button of all('[data-dialog]')) {
  const dialog = document.getElementById(button.dataset.dialog);
  if (dialog instanceof HTMLDialogElement) button.addEventListener('click', () => dialog.showModal());
}

const words = lang === 'en' ? { yes: 'Continue', no: 'Cancel' } : { yes: 'Fortfahren', no: 'Abbrechen' };

// Asks before a form is sent: <form data-confirm="sentence" data-confirm-button="verb">.
function ask(sentence, verb, danger) {
  const dialog = document.createElement('dialog');
  const text = document.createElement('p');
  const row = document.createElement('form');
  text.id = `confirm-${Date.now()}`;
  text.textContent = sentence;
  dialog.setAttribute('aria-labelledby', text.id);
  row.method = 'dialog';
  row.className = 'buttons';
  for (const [value, label, look] of [['yes', verb, danger ? 'danger' : ''], ['', words.no, 'quiet']]) {
    const button = document.createElement('button');
    button.value = value;
    button.textContent = label;
    button.className = `button ${look}`;
    row.append(button);
  }
  dialog.append(text, row);
  document.body.append(dialog);
  return new Promise(resolve => {
    dialog.addEventListener('close', () => {
      resolve(dialog.returnValue === 'yes');
      dialog.remove();
    });
    dialog.showModal();
    row.lastElementChild.focus();
  });
}

document.addEventListener('submit', async event => {
  const form = event.target;
  if (form.method === 'dialog') return;
  if (form.dataset.confirm && form.dataset.confirmed !== 'yes') {
    event.preventDefault();
    const sender = event.submitter;
    if (await ask(form.dataset.confirm, form.dataset.confirmButton ?? words.yes, Boolean(sender?.matches('.danger')))) {
      form.dataset.confirmed = 'yes';
      form.requestSubmit(sender);
    }
    return;
  }
  // Sent once: a second click while the answer is on its way does nothing. A form that comes back
  // from the browser's cache is free again (pageshow below).
  if (form.method === 'post') {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = 'yes';
    event.submitter?.classList.add('is-busy');
    event.submitter?.setAttribute('aria-disabled', 'true');
    if ('download' in form.dataset) setTimeout(() => free(form), 2000);
  }
});

function free(form) {
  delete form.dataset.sent;
  delete form.dataset.confirmed;
  for (const button of all('.is-busy', form)) {
    button.classList.remove('is-busy');
    button.removeAttribute('aria-disabled');
  }
}
window.addEventListener('pageshow', event => { if (event.persisted) for (const form of document.forms) free(form); });

// "vor 3 Minuten": the exact time stays in the title and in the datetime attribute.
const relative = new Intl.RelativeTimeFormat(lang, { numeric: 'auto' });
const units = [['day', 86400], ['hour', 3600], ['minute', 60]];
function tell() {
  for (const time of all('time[data-relative]')) {
    const seconds = (Date.parse(time.dateTime) - Date.now()) / 1000;
    if (Number.isNaN(seconds)) continue;
    const [unit, size] = units.find(([, length]) => Math.abs(seconds) >= length) ?? ['second', 1];
    if (!time.title) time.title = time.textContent.trim();
    time.textContent = relative.format(Math.trunc(seconds / size), unit);
  }
}
if (document.querySelector('time[data-relative]')) {
  tell();
  setInterval(tell, 30000);
}

for (const button of all('[data-copy]')) {
  button.hidden = false;
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    const before = button.textContent;
    button.textContent = button.dataset.copied ?? '✓';
    setTimeout(() => { button.textContent = before; }, 1500);
  });
}

// Keys: "/" goes to the search; in a table of rows that open, arrows move and Enter opens.
const search = document.querySelector('[data-search]');
const rows = [...all('tr[data-open]')];
for (const [i, row] of rows.entries()) {
  row.tabIndex = i === 0 ? 0 : -1;
  row.addEventListener('click', event => {
    if (!event.target.closest('a, button, input, label, summary') && !String(getSelection())) location.assign(row.dataset.open);
  });
}
document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.closest?.('input, textarea, select, [contenteditable]');
  if (event.key === '/' && search && !typing) {
    event.preventDefault();
    search.focus();
    search.select();
    return;
  }
  const at = rows.indexOf(event.target);
  if (at < 0) return;
  const to = { ArrowDown: at + 1, j: at + 1, ArrowUp: at - 1, k: at - 1, Home: 0, End: rows.length - 1 }[event.key];
  if (event.key === 'Enter') location.assign(rows[at].dataset.open);
  else if (to !== undefined && rows[to]) {
    event.preventDefault();
    rows[at].tabIndex = -1;
    rows[to].tabIndex = 0;
    rows[to].focus();
  }
});

// The component page shows both themes; nothing is remembered.
for (const button of all('[data-set-theme]')) {
  button.addEventListener('click', () => {
    const theme = button.dataset.setTheme;
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  });
}

// The console's sections are there where is room, and folded on a phone until asked for.
const sections = document.querySelector('details.console-nav');
if (sections) sections.open = matchMedia('(min-width: 60rem)').matches;
