// SPDX-License-Identifier: MIT
// Copyright The frond authors
//
// Draws the graph that stands in the page as JSON (explain_html.c says how) and goes through it step by step: data,
// words, steps, layout, drawing, showing a step, controls.
'use strict';

// --- Data ------------------------------------------------------------------------------------------------------------

const graph = JSON.parse(document.getElementById('graph').textContent);
const things = new Map(); // "n0", "i0" -> node or input, as in the JSON, with id, label, readers
const byId = (id) => document.getElementById(id);

let leaves = 0, constants = 0;
graph.inputs.forEach((x, i) => {
  const number = x.leaf ? ++leaves : ++constants;
  Object.assign(x, { id: 'i' + i, label: x.name || (x.leaf ? 'leaf ' : 'constant ') + number, out: [x] });
  things.set(x.id, x);
});
graph.nodes.forEach((x, i) => {
  Object.assign(x, { id: 'n' + i, label: '#' + (graph.left_out + i + 1) + ' ' + x.op, index: i });
  things.set(x.id, x);
});
const edges = graph.nodes.flatMap((x) => x.in.filter((e) => e.from).map((e) => ({ ...e, to: x.id })));
const result = things.get(graph.result.from);

// --- Words and numbers -----------------------------------------------------------------------------------------------

// Numbers come as numbers or as "nan", "inf", "-inf". Five digits in words, as %.5g has them, fewer in the picture.
function number(x, digits = 5) {
  if (typeof x === 'string')
    return { nan: 'NaN', inf: '\u221e', '-inf': '\u2212\u221e' }[x];
  return String(Number(x.toPrecision(digits))).replace('-', '\u2212');
}

const isScalar = (t) => t.values && t.values.length === 1;
const shapeText = (t) => '(' + t.shape.join(', ') + (t.shape.length === 1 ? ',)' : ')');

// All of up to `few` values, of more the least and the greatest; '' if they are not known.
function brief(t, few = 3, digits = 5) {
  const put = (x) => number(x, digits), values = t.values;
  if (t.range)
    return put(t.range[0]) + ' \u2026 ' + put(t.range[2]);
  if (!values)
    return '';
  if (values.length <= few)
    return t.shape.length ? '[' + values.map(put).join(', ') + ']' : put(values[0]);
  if (values.some((x) => typeof x === 'string'))
    return '[' + values.slice(0, 2).map(put).join(', ') + ', \u2026]';
  return put(Math.min(...values)) + ' \u2026 ' + put(Math.max(...values));
}
const tiny = (t) => brief(t, 3, 3);

// make('td', 'shape', 'text', node, ...)
function make(tag, style, ...content) {
  const element = document.createElement(tag);
  if (style)
    element.className = style;
  element.append(...content);
  return element;
}

// Up to 64 values as a table, rows of the last dim; of more, or unknown ones, what is known.
function valuesOf(t) {
  if (!t || (!t.values && !t.range))
    return make('dd', 'faint', t ? 'the graph does not keep it' : 'none');
  if (t.range)
    return make('dd', '', 'from ' + number(t.range[0]) + ' to ' + number(t.range[2]) + ', mean ' + number(t.range[1]));
  if (t.values.length <= 4)
    return make('dd', '', brief(t, 4));
  const width = t.shape[t.shape.length - 1], table = make('table');
  for (let i = 0; i < t.values.length; i += width)
    table.insertRow().append(...t.values.slice(i, i + width).map((x) => make('td', '', number(x))));
  return make('dd', 'scroll', table);
}

// A heading and a list of [label, tensor].
const listOf = (heading, rows) => (rows.length ? [make('h3', '', heading), make('dl', '', ...rows.map(([label, t]) =>
  make('div', '', make('dt', '', label, ' ', make('span', 'faint', t ? shapeText(t) + ' ' + t.dtype : '')), valuesOf(t))))]
  : []);

// "y = a b" with the numbers of the scalars in it: y = 2 · 3. The op's input t is called x in formulas, weight W.
function formulaOf(node) {
  const text = node.formula, names = new Map(), line = make('p', 'formula', text);
  const words = new Set(text.match(/[A-Za-z_]\w*/g));
  const left = (text.match(/^(\w+) = /) || [])[1];
  node.in.forEach((e, i) => {
    const value = e.from && things.get(e.from).out[e.output].value;
    const candidates = [e.name, e.name[0].toUpperCase(), e.name[0], i === 0 ? 'x' : ''];
    const name = candidates.find((c) => words.has(c) && !names.has(c) && c !== left);
    if (name && value && isScalar(value))
      names.set(name, number(value.values[0]));
  });
  if (left && isScalar(node.out[0].value))
    names.set(left, number(node.out[0].value.values[0]));
  if (names.size < 2 || (left && !names.has(left)))
    return line;
  line.append(make('br'));
  let before = false; // whether what stands before is a number put in: then a blank means a product
  for (const piece of text.split(/([A-Za-z_]\w*)/)) {
    const value = names.get(piece);
    if (value !== undefined && before && line.lastChild.textContent === ' ')
      line.lastChild.textContent = ' \u00b7 ';
    if (piece)
      line.append(value === undefined ? piece : make('b', '', value.startsWith('\u2212') && piece !== left
        ? '(' + value + ')' : value));
    before = value !== undefined || (before && piece === ' ');
  }
  return line;
}

function placeOf(node) {
  const names = [];
  for (let m = node.module; m >= 0; m = graph.modules[m].in)
    names.unshift(graph.modules[m].label);
  return [names.length ? 'in ' + names.join(' \u203a ') : '', node.site].filter(Boolean).join(', ');
}

const nameOf = (from, output) => {
  const x = things.get(from);
  return x ? x.label + (x.out.length > 1 ? '.' + (x.out[output].name || output) : '') : 'an earlier op';
};

// --- Steps -----------------------------------------------------------------------------------------------------------

// One entry for each click: { phase, id, t (of a recurrent op), entry (of graph.backward) }.
const steps = [{ phase: 'start' }];

for (const x of graph.nodes) {
  x.steps.forEach((_, k) => steps.push({ phase: 'forward', id: x.id, t: x.reversed ? x.steps.length - 1 - k : k }));
  steps.push({ phase: 'forward', id: x.id });
}
const turn = steps.length; // from here on it goes backward
if (!graph.walked)
  steps.push({ phase: 'turn', id: result.id });
for (const entry of graph.backward.filter((e) => 'node' in e)) {
  const x = graph.nodes[entry.node];
  entry.steps.forEach((_, k) => steps.push({ phase: 'backward', id: x.id, entry,
    t: x.reversed ? k : x.steps.length - 1 - k }));
  steps.push({ phase: 'backward', id: x.id, entry });
}
if (!graph.walked)
  steps.push({ phase: 'end' });
const leafGradients = graph.backward.filter((e) => 'input' in e).sort((a, b) => a.input - b.input);

// What a step tells: { title, lines: texts or elements, lists }.
const tell = {
  start: () => ({
    title: 'Start',
    lines: ['The graph records how ' + result.label + ' was made. Forward goes from the top to the bottom; then the ' +
      'derivative of the result L goes back up.', graph.left_out ? graph.left_out + ' earlier ops are left out.' : '',
    graph.walked ? 'A backward has been here and let go of the values it needed, so only forward is shown: ' +
      'write the page before, or with FR_RETAIN_GRAPH.' : ''],
    lists: [...listOf('What is given', graph.inputs.map((x) => [x.label, x.value]))],
  }),

  forward({ id, t }) {
    const x = things.get(id);
    if (t !== undefined)
      return { title: x.label + ', t = ' + t, lines: [formulaOf(x), 'Step t = ' + t + ' of ' + x.steps.length +
        ' gives ' + (x.steps[t] && brief(x.steps[t]) || 'a value that is not kept') + '.'],
      lists: [...listOf('At t = ' + t, [['out', x.steps[t]]])] };
    return {
      title: x.label,
      lines: [(x.in.length ? 'It reads ' + x.in.map((e) => nameOf(e.from, e.output)).join(', ') : 'It reads nothing') +
        ' and gives ' + (brief(x.out[0].value) || shapeText(x.out[0].value)) + '.', formulaOf(x)],
      lists: [...listOf('Reads', x.in.map((e) => [e.name + ' = ' + nameOf(e.from, e.output),
        e.from && things.get(e.from).out[e.output].value])),
      ...listOf('Gives', x.out.map((o) => [o.name || 'y', o.value]))],
    };
  },

  turn: () => ({
    title: 'Turning round',
    lines: ['L is ' + (isScalar(result.out[graph.result.output].value) ? '' : 'the sum of ') +
      nameOf(result.id, graph.result.output) + '. The derivative of L by itself is 1: that is where backward begins.'],
    lists: [],
  }),

  backward({ id, entry, t }) {
    const x = things.get(id);
    if (t !== undefined) {
      const { arrived, sent } = entry.steps[t];
      return { title: x.label + ', t = ' + t, lines: ['Back through time: step t = ' + t + ' gets ' +
        (arrived ? brief(arrived) : 'nothing') + ' from outside and what step t ' + (x.reversed ? '\u2212' : '+') +
        ' 1 hands back, and gives its input ' + (sent ? brief(sent) : 'nothing: no gradient is wanted there') + '.'],
      lists: [...listOf('At t = ' + t, [['\u2202L/\u2202out, from outside', arrived], ['to ' + x.in[0].name, sent]])] };
    }
    const lines = x.in.map((e, i) => entry.sent[i] && e.from && sentLine(x, entry, e, i)).filter(Boolean);
    return {
      title: x.label,
      lines: [arrivedLine(x, entry), ...lines],
      lists: [...listOf('Arrives', x.out.map((o, i) => ['\u2202L/\u2202' + (o.name || 'y'), entry.arrived[i]])
        .filter((row) => row[1] && !isScalar(row[1]))),
        ...listOf('Goes on', x.in.map((e, i) => ['to ' + e.name + ' = ' + nameOf(e.from, e.output), entry.sent[i]])
          .filter((row) => row[1] && !isScalar(row[1])))],
    };
  },

  end: () => ({
    title: 'The leaves have their gradients',
    lines: ['What came to a leaf was added up. These are the derivatives of L that fr_grad gives after fr_backward.'],
    lists: [...listOf('\u2202L by', leafGradients.map((e) => [graph.inputs[e.input].label, e.arrived[0]]))],
  }),
};

// What has been sent to output `output` of a thing before step `until`: [{ by, t }].
function partsOf(id, output, until) {
  return steps.slice(0, until).flatMap((s) => s.phase === 'backward' && s.t === undefined
    ? things.get(s.id).in.flatMap((e, i) => e.from === id && e.output === output && s.entry.sent[i]
      ? [{ by: s.id, t: s.entry.sent[i] }] : []) : []);
}

// The sum of parts; a single part as it is; null if too many values to add are not here.
function sumOf(parts) {
  if (parts.length === 1)
    return parts[0].t;
  const values = parts.map((p) => p.t.values);
  if (!parts.length || !values.every(Boolean))
    return null;
  return { ...parts[0].t, values: values[0].map((_, i) => {
    const sum = values.reduce((s, v) => s + Number(String(v[i]).replace('inf', 'Infinity')), 0);
    return Number.isFinite(sum) ? sum : Number.isNaN(sum) ? 'nan' : sum > 0 ? 'inf' : '-inf';
  }) };
}

function arrivedLine(x, entry) {
  const parts = partsOf(x.id, 0, steps.length), total = entry.arrived[0];
  if (!total)
    return 'No gradient has come to its first output.';
  if (parts.length < 2)
    return 'Its gradient is complete, \u2202L/\u2202' + (x.out[0].name || 'y') + ' = ' + brief(total) + '.';
  return 'All ' + parts.length + ' parts of its gradient have arrived: ' + parts.map((p) => brief(p.t) + ' from ' +
    things.get(p.by).label).join(' + ') + ', together ' + brief(total) + '.';
}

// "to #1 mul: 2 · ∂y/∂a = 2 · 0.5 = 1": between scalars the local derivative is what was sent divided by what arrived.
function sentLine(x, entry, e, i) {
  const sent = entry.sent[i], from = entry.arrived[0], to = 'to ' + nameOf(e.from, e.output);
  if (!from || !isScalar(sent) || !isScalar(from) || !Number.isFinite(sent.values[0] / from.values[0]))
    return to + ': ' + (brief(sent) || shapeText(sent));
  const [arrived, product] = [from, sent].map((t) => number(t.values[0]));
  return make('p', 'formula', to + ': ', make('b', '', arrived), ' \u00b7 \u2202y/\u2202' + e.name + ' = ', make('b', '', arrived),
    ' \u00b7 ', make('b', '', number(sent.values[0] / from.values[0])), ' = ', make('b', '', product));
}

// --- Drawing ---------------------------------------------------------------------------------------------------------

const picture = byId('picture');
const CELL = { width: 30, height: 22, in_row: 10 };
const pen = document.createElement('canvas').getContext('2d');
let scale = 1;

edges.forEach((e) => Object.assign(e, { source: things.get(e.from), target: things.get(e.to) }));
const { top: topBox, boxes } = makeBoxes(graph, edges);

function widthOf(text, font = '13px') {
  pen.font = font + ' system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';
  return pen.measureText(text).width;
}

function draw(parent, tag, attributes, text) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
  if (text !== undefined)
    element.textContent = text;
  parent.append(element);
  return element;
}

const short = (text) => (text.length > 28 ? text.slice(0, 27) + '\u2026' : text);
const titleOf = (x) => short(x.isInput && x.box !== topBox ? x.label.slice(x.label.lastIndexOf('.') + 1) : x.label);
const valueOf = (x) => x.out[x === result ? graph.result.output : 0].value;

// The gradient of an output in the end; null: none.
function gradientOf(x, output) {
  const entry = graph.backward.find((e) => (x.index === undefined ? 'i' + e.input : 'n' + e.node) === x.id);
  return entry ? entry.arrived[output] : null;
}

function measure() {
  for (const x of things.values()) {
    const rows = x.steps ? Math.ceil(x.steps.length / CELL.in_row) : 0, gradient = gradientOf(x, 0);
    x.width = Math.ceil(Math.max(56, widthOf(titleOf(x), '600 13px') + widthOf(shapeText(valueOf(x)), '11px') + 6,
      widthOf(tiny(valueOf(x)), '12px'), gradient ? widthOf('\u2202 ' + tiny(gradient) + ', 1 of 2', '12px') : 0,
      Math.min(rows ? x.steps.length : 0, CELL.in_row) * CELL.width)) + 18;
    x.height = 60 + rows * (CELL.height + 6);
  }
  for (const box of boxes) {
    box.labelWidth = widthOf('\u25b8 ' + short(box.label) + ', ' + box.ops + ' ops', '12px');
    if (box.folded)
      Object.assign(box, { width: box.labelWidth + 28, height: 34 });
  }
}

// x itself, or the outermost folded box that hides it.
function shown(x) {
  let seen = x;
  for (let box = x.box; box; box = box.box)
    seen = box.folded ? box : seen;
  return seen;
}

function drawBox(svg, box) {
  if (box !== topBox) {
    const title = (box.folded ? '\u25b8 ' : '\u25be ') + short(box.label) + (box.folded ? ', ' + box.ops +
      (box.ops === 1 ? ' op' : ' ops') : '');
    const g = box.element = draw(svg, 'g', { class: 'module' + (box.folded ? ' folded' : ''), role: 'button', tabindex: 0,
      id: box.id, 'aria-expanded': String(!box.folded), 'aria-label': 'module ' + box.label });
    draw(g, 'rect', { x: box.x, y: box.y, width: box.width, height: box.height, rx: 10 });
    draw(g, 'text', { x: box.x + GAP.pad, y: box.y + (box.folded ? 22 : 19) }, title);
    g.addEventListener('click', () => fold([box], !box.folded, box.id));
  }
  if (!box.folded)
    box.items.filter((item) => item.items).forEach((item) => drawBox(svg, item));
}

// From the bottom of one end through the lanes to the top of the other.
function pathOf(edge, from, to, port) {
  const lanes = edge.lanes.filter((l) => l.y > from.y && l.y < to.y).sort((a, b) => a.y - b.y);
  let x = from.x + from.width / 2, y = from.y + from.height, path = 'M' + x + ' ' + y;
  for (const l of [...lanes, { x: port, y: to.y - 3, height: 0 }]) {
    const bend = (l.y - y) / 2;
    path += 'C' + [x, y + bend, l.x, l.y - bend, l.x, l.y].join(' ') + (l.height ? 'V' + (l.y + l.height) : '');
    x = l.x;
    y = l.y + l.height;
  }
  return path;
}

function drawEdges(svg) {
  const drawn = new Map(), into = new Map();
  for (const e of edges) {
    const from = shown(e.source), to = shown(e.target), key = from.id + ' ' + to.id;
    e.element = null;
    if (from === to)
      continue;
    if (!drawn.has(key)) {
      drawn.set(key, { e, from, to, edges: [] });
      into.set(to, [...(into.get(to) || []), drawn.get(key)]);
    }
    drawn.get(key).edges.push(e);
  }
  const nearest = ({ e, from }) => (e.lanes.length ? e.lanes[e.lanes.length - 1].x : from.x + from.width / 2);
  for (const [to, list] of into)
    list.sort((a, b) => nearest(a) - nearest(b)).forEach((d, i) => {
      const port = to.x + to.width * (i + 1) / (list.length + 1);
      const element = draw(svg, 'path', { class: 'edge', d: pathOf(d.e, d.from, to, port), 'marker-end': 'url(#tip)' });
      d.edges.forEach((e) => { e.element = element; });
    });
}

function drawThing(svg, x) {
  const kind = x.index !== undefined ? 'op' : x.leaf ? 'input' : 'input constant';
  const g = x.element = draw(svg, 'g', { class: 'thing ' + kind + (x === result ? ' result' : ''), id: x.id,
    ...(x.index === undefined ? {} : { role: 'button', tabindex: 0, 'aria-label': x.label }) });
  const middle = x.x + x.width / 2;
  draw(g, 'rect', { x: x.x, y: x.y, width: x.width, height: x.height, rx: 8 });
  const title = draw(g, 'text', { x: middle, y: x.y + 19, 'text-anchor': 'middle' });
  draw(title, 'tspan', { class: 'name' }, titleOf(x));
  if (valueOf(x).shape.length)
    draw(title, 'tspan', { class: 'faint', dx: 6 }, shapeText(valueOf(x)));
  draw(g, 'title', {}, x.formula || x.label);
  x.value_text = draw(g, 'text', { class: 'value', x: middle, y: x.y + 36, 'text-anchor': 'middle' });
  x.gradient_text = draw(g, 'text', { class: 'gradient', x: middle, y: x.y + 52, 'text-anchor': 'middle' });
  x.cells = (x.steps || []).map((_, t) => {
    const column = t % CELL.in_row, row = Math.floor(t / CELL.in_row), n = Math.min(x.steps.length, CELL.in_row);
    const at = { x: middle + (column - n / 2) * CELL.width, y: x.y + 60 + row * (CELL.height + 6) };
    const cell = draw(g, 'rect', { class: 'cell', x: at.x + 2, y: at.y, width: CELL.width - 4, height: CELL.height, rx: 4 });
    draw(g, 'text', { class: 'faint', x: at.x + CELL.width / 2, y: at.y + 15, 'text-anchor': 'middle' }, t);
    return cell;
  });
  if (x.index !== undefined)
    g.addEventListener('click', () => go(steps.findIndex((s) => s.id === x.id && s.t === undefined &&
      s.phase === (now < turn ? 'forward' : 'backward'))));
}

function drawAll() {
  edges.forEach((e) => { e.lanes = []; });
  measure();
  layOut(topBox, edges);
  moveInside(topBox, 0, 0);
  const svg = draw(document.createDocumentFragment(), 'svg', { width: topBox.width * scale, height: topBox.height * scale,
    viewBox: [0, 0, topBox.width, topBox.height].join(' '), role: 'group', 'aria-label': 'The graph' });
  const tip = draw(draw(svg, 'defs', {}), 'marker', { id: 'tip', viewBox: '0 0 8 8', refX: 5, refY: 4, markerWidth: 8,
    markerHeight: 8, markerUnits: 'userSpaceOnUse', orient: 'auto' });
  draw(tip, 'path', { class: 'tip', d: 'M0 0L8 4L0 8z' });
  drawBox(svg, topBox);
  drawEdges(svg);
  [...things.values()].filter((x) => shown(x) === x).forEach((x) => drawThing(svg, x));
  picture.replaceChildren(svg);
}

function fold(which, folded, focus) {
  which.forEach((box) => { box.folded = folded; });
  drawAll();
  show();
  if (focus && byId(focus))
    byId(focus).focus();
}

// --- Showing a step --------------------------------------------------------------------------------------------------

let now = 0; // index of the step that is shown

// What has come to x by now: "0.5, 1 of 2"; the library's own sum when all is there.
function gradientText(x) {
  if (x === result && now >= turn && !graph.walked)
    return '\u2202 ' + tiny(gradientOf(x, graph.result.output) || { shape: [], values: [1] });
  const output = (x.out.length > 1 && x.out.findIndex((_, i) => gradientOf(x, i))) || 0;
  const parts = partsOf(x.id, output, now + 1), all = partsOf(x.id, output, steps.length).length;
  if (!parts.length)
    return '';
  const sum = (parts.length === all && gradientOf(x, output)) || sumOf(parts);
  return '\u2202 ' + (sum ? tiny(sum) : '\u2026') + (parts.length < all ? ', ' + parts.length + ' of ' + all : '');
}

function light(step) {
  picture.querySelectorAll('.lit, .target').forEach((e) => e.classList.remove('lit', 'target'));
  if (!step.id)
    return;
  const x = things.get(step.id), seen = shown(x);
  seen.element.classList.add('lit');
  if (step.t !== undefined && seen === x)
    x.cells[step.t].classList.add('lit');
  for (const e of edges.filter((e) => e.target === x && e.element && step.phase !== 'turn')) {
    const i = x.in.findIndex((own) => own.name === e.name);
    if ((step.phase === 'backward' && !step.entry.sent[i]) || (step.t !== undefined && i > 0)) // a step has one input
      continue;
    e.element.classList.add('lit');
    if (step.phase === 'backward')
      shown(e.source).element.classList.add('target');
  }
  const smooth = !matchMedia('(prefers-reduced-motion: reduce)').matches && document.hasFocus();
  picture.scrollTo({ left: (seen.x + seen.width / 2) * scale - picture.clientWidth / 2,
    top: (seen.y + seen.height / 2) * scale - picture.clientHeight / 2, behavior: smooth ? 'smooth' : 'auto' });
}

function showValues() {
  for (const x of things.values()) {
    const own = steps.map((s, i) => ({ ...s, i })).filter((s) => s.id === x.id && s.i <= now);
    if (shown(x) !== x)
      continue;
    x.value_text.textContent = x.index === undefined || own.some((s) => s.phase === 'forward' && s.t === undefined)
      ? tiny(valueOf(x)) : '';
    x.gradient_text.textContent = gradientText(x);
    x.cells.forEach((cell, t) => {
      cell.classList.toggle('reached', own.some((s) => s.phase === 'forward' && s.t === t));
      cell.classList.toggle('returned', own.some((s) => s.phase === 'backward' && s.t === t));
    });
  }
}

const PHASE = { start: 'Start', forward: 'Forward', turn: 'Turning round', backward: 'Backward', end: 'The end' };

function show() {
  const step = steps[now], told = tell[step.phase](step), x = things.get(step.id);
  document.body.classList.toggle('backward', now >= turn);
  showValues();
  light(step);
  byId('story').replaceChildren(
    make('h2', '', make('span', 'phase', PHASE[step.phase] + ', step ' + now + ' of ' + (steps.length - 1)),
      step.id && step.phase !== 'turn' ? ': ' + told.title : ''),
    ...(x && x.index !== undefined && placeOf(x) ? [make('p', 'place', placeOf(x))] : []),
    ...told.lines.filter(Boolean).map((line) => (typeof line === 'string' ? make('p', '', line) : line)));
  byId('detail').replaceChildren(...told.lists);
  byId('slider').value = now;
  byId('slider').setAttribute('aria-valuetext', 'step ' + now + ', ' + PHASE[step.phase] + ', ' + told.title);
  byId('first').disabled = byId('back').disabled = now === 0;
  byId('last').disabled = byId('forth').disabled = now === steps.length - 1;
}

// --- Controls --------------------------------------------------------------------------------------------------------

let timer = 0;

function go(i) {
  now = Math.min(Math.max(i, 0), steps.length - 1);
  show();
  history.replaceState(null, '', '#step=' + (now === steps.length - 1 ? 'end' : now));
}

function play(on) {
  clearInterval(timer);
  timer = on ? setInterval(() => (now < steps.length - 1 ? go(now + 1) : play(false)), 1200) : 0;
  byId('play').textContent = on ? 'Pause' : 'Play';
  byId('play').setAttribute('aria-label', on ? 'Pause' : 'Play');
  if (on && now === steps.length - 1)
    go(0);
}

function zoom(factor) {
  scale = Math.min(Math.max(scale * factor, 0.3), 3);
  drawAll();
  show();
}

function listSteps() {
  const list = byId('all').querySelector('ol');
  if (!list.children.length)
    list.append(...steps.map((s) => {
      const told = tell[s.phase](s), words = told.lines.filter(Boolean).flatMap((l) => [' ', l.textContent || l]);
      return make('li', '', make('strong', '', PHASE[s.phase] + (s.id ? ': ' + told.title + '.' : '.')), ...words);
    }));
}

const actions = {
  first: () => go(0), back: () => go(now - 1), forth: () => go(now + 1), last: () => go(steps.length - 1),
  play: () => play(!timer), smaller: () => zoom(1 / 1.25), larger: () => zoom(1.25),
  fold: () => {
    const open = boxes.some((box) => !box.folded);
    fold(boxes, open);
    byId('fold').textContent = open ? 'Unfold all' : 'Fold all';
  },
};
const keys = { ArrowLeft: 'back', ArrowRight: 'forth', Home: 'first', End: 'last', ' ': 'play', '-': 'smaller', '+': 'larger' };

for (const [id, action] of Object.entries(actions))
  byId(id).addEventListener('click', action);
byId('slider').max = steps.length - 1;
byId('slider').addEventListener('input', (event) => go(Number(event.target.value)));
byId('fold').hidden = !boxes.length;
byId('all').addEventListener('toggle', listSteps);
addEventListener('beforeprint', () => {
  listSteps();
  byId('all').open = true;
});
addEventListener('keydown', (event) => {
  const role = event.target.getAttribute && event.target.getAttribute('role');
  const pressed = event.key === ' ' || event.key === 'Enter';
  if (event.ctrlKey || event.altKey || event.metaKey || (pressed && /^(BUTTON|SUMMARY)$/.test(event.target.tagName)))
    return;
  if (pressed && role === 'button')
    event.target.dispatchEvent(new MouseEvent('click'));
  else if (keys[event.key] && !(event.target === byId('slider') && event.key !== ' '))
    actions[keys[event.key]]();
  else
    return;
  event.preventDefault();
});
function goToAddress() {
  const [, at] = location.hash.match(/^#step=(\d+|end)$/) || [null, '0'];
  go(at === 'end' ? steps.length - 1 : Number(at));
}
addEventListener('hashchange', goToAddress);

byId('about').textContent = result.label + ' ' + shapeText(valueOf(result)) + ', made by ' + (graph.nodes.length +
  graph.left_out) + ' recorded ops' + (graph.left_out ? '; the first ' + graph.left_out + ' are not shown' : '') + '.';
document.title = 'The derivative of ' + result.label;
drawAll();
scale = Math.min(Math.max((picture.clientWidth - 20) / topBox.width, 0.75), 1.25);
drawAll();
goToAddress();
