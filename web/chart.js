// SPDX-License-Identifier: Apache-2.0
// Draws <figure class="chart" data-chart="bars|line"> from the table inside it.
//
// The first column names the points, every further one is a series; numbers stand in data-value or are
// read from the text. The table stays, folded away, for screen readers, for copying and for whoever
// blocks script. Bars begin at zero. Series differ in lightness first and hue second, so that they
// survive a grey print. Colours come from the style sheet's tokens and follow the theme.

const script = document.querySelector('script[data-uplot]');
const { default: UPlot } = await import(script.dataset.uplot);
const lang = document.documentElement.lang === 'en' ? 'en-GB' : 'de-DE';
const format = new Intl.NumberFormat(lang, { maximumFractionDigits: 2 });
const short = new Intl.NumberFormat(lang, { notation: 'compact', maximumFractionDigits: 1 });
const series = ['--chart-1', '--chart-2', '--chart-3', '--chart-4'];

// A custom property as a colour that canvas understands (light-dark() resolved for this element).
function colour(element, token) {
  const probe = document.createElement('span');
  probe.className = 'chart-probe';
  probe.style.color = `var(${token})`;
  element.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

function number(cell) {
  const value = Number.parseFloat(cell.dataset.value ?? cell.textContent.replace(/[^\d,.-]/g, ''));
  return Number.isFinite(value) ? value : null;
}

function read(table) {
  const heads = [...table.tHead.rows[0].cells].map(cell => cell.textContent.trim());
  const rows = [...table.tBodies[0].rows];
  const names = rows.map(row => row.cells[0].textContent.trim());
  const values = heads.slice(1).map((_, i) => rows.map(row => number(row.cells[i + 1])));
  return { heads, names, values };
}

function draw(figure, old) {
  old?.destroy();
  const { heads, names, values } = read(figure.querySelector('table'));
  const area = figure.querySelector('.chart-area');
  const tip = figure.querySelector('.chart-tip');
  const bars = figure.dataset.chart !== 'line';
  const font = `14px ${getComputedStyle(figure).fontFamily}`;
  const ink = colour(figure, '--ink-3');
  const line = colour(figure, '--line');
  const gap = Math.max(1, Math.ceil(names.length / Math.max(2, area.clientWidth / 90)));
  const axis = { stroke: ink, font, ticks: { show: false } };
  const plot = new UPlot({
    width: area.clientWidth,
    height: area.clientHeight,
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, y: false, points: { show: !bars } },
    scales: {
      x: { time: false, range: () => (bars ? [-0.6, names.length - 0.4] : [0, Math.max(1, names.length - 1)]) },
      y: { range: (_, low, high) => [Math.min(0, low ?? 0), (high || 1) * 1.08] },
    },
    axes: [
      { ...axis, size: 28, gap: 6, grid: { show: false }, splits: () => names.map((_, i) => i).filter(i => i % gap === 0), values: (_, at) => at.map(i => names[i]) },
      { ...axis, grid: { stroke: line, width: 1 }, size: 52, gap: 6, values: (_, at) => at.map(v => short.format(v)) },
    ],
    series: [{}, ...values.map((_, i) => {
      const tone = colour(figure, series[i % series.length]);
      return {
        label: heads[i + 1],
        stroke: tone,
        width: bars ? 0 : 2,
        fill: bars ? tone : undefined,
        dash: !bars && i > 0 ? [8 - 2 * i, 4] : undefined,
        points: { show: false },
        paths: bars ? UPlot.paths.bars({ size: [0.7 / values.length, 64], align: 0, ...side(i, values.length) }) : undefined,
      };
    })],
    hooks: {
      setCursor: [u => {
        const i = u.cursor.idx;
        if (tip) tip.textContent = i === null || i === undefined || !(i in names) ? '' : `${names[i]}: ${values.map((v, n) => `${values.length > 1 ? `${heads[n + 1]} ` : ''}${v[i] === null ? '–' : format.format(v[i])}`).join(', ')}`;
      }],
    },
  }, [names.map((_, i) => i), ...values], area);
  return plot;
}

// Several series of bars stand side by side: uPlot moves a bar by a share of its width.
function side(i, n) {
  return n === 1 ? {} : { disp: { x0: { unit: 1, values: (u, s) => u.data[0].map(x => x - 0.35 + (0.7 / n) * i) }, size: { unit: 1, values: u => u.data[0].map(() => 0.7 / n) } } };
}

// What each tone stands for, when there is more than one.
function key(heads) {
  const list = document.createElement('ul');
  list.className = 'chart-key';
  list.setAttribute('aria-hidden', 'true');
  for (const head of heads) {
    const item = document.createElement('li');
    item.textContent = head;
    list.append(item);
  }
  return list;
}

function prepare(figure) {
  const table = figure.querySelector('table');
  if (!table?.tHead || !table.tBodies[0]?.rows.length) return;
  const area = document.createElement('div');
  area.className = 'chart-area';
  area.setAttribute('aria-hidden', 'true');
  const tip = document.createElement('p');
  tip.className = 'chart-tip';
  tip.setAttribute('aria-hidden', 'true');
  const fold = document.createElement('details');
  const word = document.createElement('summary');
  word.textContent = lang === 'en-GB' ? 'Show as a table' : 'Als Tabelle zeigen';
  const frame = table.closest('.table-frame') ?? table;
  frame.replaceWith(fold);
  fold.append(word, frame);
  fold.before(area, tip);
  const { heads } = read(table);
  if (heads.length > 2) area.before(key(heads.slice(1)));
  let plot = draw(figure);
  const again = () => { plot = draw(figure, plot); };
  let width = area.clientWidth;
  new ResizeObserver(() => {
    if (area.clientWidth === width) return;
    width = area.clientWidth;
    again();
  }).observe(area);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', again);
  new MutationObserver(again).observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
}

await document.fonts.ready;
for (const figure of document.querySelectorAll('figure[data-chart]')) prepare(figure);
