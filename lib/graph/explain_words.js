// SPDX-License-Identifier: MIT
// Copyright The frond authors
//
// The data, and what is said of it: the graph that stands in the page as JSON (explain_html.c says how), numbers and
// formulas as text, the list of steps, and what each step tells.
'use strict';

// --- Data ------------------------------------------------------------------------------------------------------------

const byId = (id) => document.getElementById(id);
const graph = JSON.parse(byId('graph').textContent, (key, value) => (key === 'values' || key === 'range'
  ? value.map((x) => (typeof x === 'string' ? Number(x.replace('inf', 'Infinity')) : x)) : value));

// Things are inputs and nodes. Each has: id, label, out (its outputs, an input is its own), parts (of its gradient, as
// steps send them), and gradients of its outputs in the end.
// Leaves without a name are a, b, ... z, a1, b1, ..., as fr_explain calls them.
let leaves = 0, constants = 0;
graph.inputs.forEach((x, i) => {
  const number = x.leaf ? leaves++ : ++constants;
  const letter = String.fromCharCode(97 + number % 26) + (number < 26 ? '' : Math.floor(number / 26));
  const label = x.name || (x.leaf ? letter : 'constant ' + number);
  Object.assign(x, { id: 'i' + i, isInput: true, label, out: [x] });
});
graph.nodes.forEach((x, i) => Object.assign(x, { id: 'n' + i, index: i,
  label: '#' + (graph.left_out + i + 1) + ' ' + x.op }));
const things = [...graph.inputs, ...graph.nodes];
const thingOf = new Map(things.map((x) => [x.id, x]));
things.forEach((x) => Object.assign(x, { parts: [], gradients: [] }));
graph.backward.forEach((e) => { ('node' in e ? graph.nodes[e.node] : graph.inputs[e.input]).gradients = e.arrived; });

// Edges: source and target are things; source is undefined where an op was left out.
for (const x of graph.nodes)
  x.in.forEach((e, i) => Object.assign(e, { source: thingOf.get(e.from), target: x, number: i }));
const edges = graph.nodes.flatMap((x) => x.in).filter((e) => e.source);
const result = thingOf.get(graph.result.from);
const valueOf = (e) => e.source && e.source.out[e.output].value;

// --- Numbers and formulas --------------------------------------------------------------------------------------------

// Five digits in words, as %.5g has them; the picture has fewer. Whole numbers as they are.
function number(x, digits = 5) {
  const rounded = Number.isInteger(x) && Math.abs(x) < 1e9 ? x : Number(x.toPrecision(digits));
  return String(rounded).replace('Infinity', '\u221e').replace(/-/g, '\u2212');
}

const isScalar = (t) => t.values && t.values.length === 1;
const shapeText = (t) => '(' + t.shape.join(', ') + (t.shape.length === 1 ? ',)' : ')');

// All of up to `few` values, of more the least and the greatest; '' if they are not known.
function brief(t, few = 3, digits = 5) {
  const put = (x) => number(x, digits);
  if (t.values && t.values.length <= few)
    return t.shape.length ? '[' + t.values.map(put).join(', ') + ']' : put(t.values[0]);
  const [least, , most] = t.range || (t.values ? [Math.min(...t.values), 0, Math.max(...t.values)] : []);
  return least === undefined ? '' : least === most ? 'all ' + put(least) : put(least) + ' \u2026 ' + put(most);
}

// make('td', 'faint', 'text', element, ...)
function make(tag, style, ...content) {
  const element = document.createElement(tag);
  if (style)
    element.className = style;
  element.append(...content);
  return element;
}

// A number that stands out; inside a formula a negative one is in brackets.
const bold = (x, inside) => make('b', '', inside && x < 0 ? '(' + number(x) + ')' : number(x));

// Up to 64 values as a list or, in rows of the last dim, as a table; of more, or unknown ones, what is known.
function valuesOf(t) {
  if (!t || (!t.values && !t.range))
    return make('dd', 'faint', t ? 'the graph does not keep it' : 'none');
  if (t.range)
    return make('dd', '', 'from ' + number(t.range[0]) + ' to ' + number(t.range[2]) + ', mean ' + number(t.range[1]));
  const width = t.shape[t.shape.length - 1], table = make('table', '');
  if (t.values.length <= 4 || width === 1 || width === t.values.length)
    return make('dd', '', brief(t, t.values.length));
  for (let i = 0; i < t.values.length; i += width)
    table.insertRow().append(...t.values.slice(i, i + width).map((x) => make('td', '', number(x))));
  return make('dd', 'scroll', table);
}

// A heading and a list of [label, tensor]; nothing if there are none.
function listOf(heading, rows) {
  const entries = rows.map(([label, t]) => make('div', '',
    make('dt', '', label, ' ', make('span', 'faint', t ? shapeText(t) + ' ' + t.dtype : '')), valuesOf(t)));
  return rows.length ? [make('h3', '', heading), make('dl', '', ...entries)] : [];
}

// Without the name of the op: "#3", "w", "#3.h".
function shortName(x, output) {
  const name = !x ? 'an earlier op' : x.isInput ? x.label : '#' + (graph.left_out + x.index + 1);
  return name + (x && x.out.length > 1 ? '.' + (x.out[output].name || output) : '');
}

// Finds what a formula calls its node's output (left, "y"). What it calls the inputs, their symbols, is in the data, ''
// for one that it does not name. Output and inputs get the names that they have in this graph.
function setNames(node) {
  node.left = (node.formula.match(/^(\w+)(?=[ \['].*= )/) || [])[1] || 'y';
  node.name = shortName(node, 0);
  for (const e of node.in) {
    const t = valueOf(e), unnamed = e.source && e.source.isInput && !e.source.leaf && !e.source.name;
    e.title = shortName(e.source, e.output);
    if (unnamed && e.symbol)
      e.title = e.symbol.length > 1 ? e.symbol : t && isScalar(t) ? bold(t.values[0], true).textContent : e.title;
  }
}
graph.nodes.forEach(setNames);

// A formula's words and what stands between them; a function's name is no word.
const piecesOf = (formula) => formula.split(/([A-Za-z_]\w*(?!\w*\())/).filter(Boolean);

// "#1 = w x" and, between scalars, "so 6 = 2 \u00b7 3". The formula of a step in time, "h' = ...", keeps its letters.
function formulaOf(node) {
  const pieces = piecesOf(node.formula);
  const named = node.in.filter((e) => e.symbol), titles = new Map([[node.left, node.name]]);
  const numbers = new Map([[node.left, node.out[0].value]]);
  named.forEach((e) => { titles.set(e.symbol, e.title); numbers.set(e.symbol, valueOf(e)); });
  if (/^\w+' = /.test(node.formula))
    return make('p', 'formula', [node.formula, ...named.map((e) => e.symbol + ' is ' + e.title)].join(', '));
  const line = make('p', 'formula', pieces.map((piece) => titles.get(piece) || piece).join(''));
  if (![...numbers.values()].every((t) => t && isScalar(t)) || !node.formula.startsWith(node.left + ' = '))
    return line;
  line.append(', so', make('br'));
  let after = false; // stands after a number: then a blank means a product
  for (const piece of pieces) {
    const t = numbers.get(piece);
    if (t && after && line.lastChild.textContent === ' ')
      line.lastChild.textContent = ' \u00b7 ';
    line.append(t ? bold(t.values[0], piece !== node.left) : piece);
    after = t || (after && piece === ' ');
  }
  return line;
}

// The formula, if it is short and has each input once, without what stands left; or ''.
function shortFormula(x) {
  const formula = x.formula.startsWith(x.left + ' = ') ? x.formula.slice(x.left.length + 3) : '';
  const once = (e) => e.symbol && piecesOf(formula).filter((piece) => piece === e.symbol).length === 1;
  return formula.length <= 12 && x.in.every(once) ? formula : '';
}

// What x computes, "tanh (w x + b)" or "softmax(w x)"; '' if that is long.
function wholeOf(x, deep = 0) {
  if (!x || deep > 5)
    return '\u2026';
  if (x.isInput)
    return x.label;
  const formula = shortFormula(x), bare = formula.includes(' + ');
  const parts = new Map(x.in.map((e, i) => {
    const text = e.source && e.source.isInput ? e.title : wholeOf(e.source, deep + 1);
    const open = !formula || bare || formula.includes('(' + e.symbol) || (i === 0 && formula.includes(' - '));
    return [e.symbol || e.number, !open && text.includes(' ') ? '(' + text + ')' : text];
  }));
  const text = formula ? piecesOf(formula).map((piece) => parts.get(piece) || piece).join('') :
    x.op + '(' + [...parts.values()].join(', ') + ')';
  return deep || (text.length <= 60 && !text.includes('\u2026')) ? text : '';
}

function placeOf(node) {
  const names = [];
  for (let m = node.module; m >= 0; m = graph.modules[m].in)
    names.unshift(graph.modules[m].label);
  return [names.length ? 'in ' + names.join(' \u203a ') : '', node.site].filter(Boolean).join(', ');
}

function nameOf(x, output) {
  return x ? x.label + (x.out.length > 1 ? '.' + (x.out[output].name || output) : '') : 'an earlier op';
}

// --- Steps -----------------------------------------------------------------------------------------------------------

// What the buttons go through: { phase, x (the thing), t (of a recurrent op: its step in time), entry (of backward) }.
const steps = [{ phase: 'start' }];

for (const x of graph.nodes) {
  x.steps.forEach((_, k) => steps.push({ phase: 'forward', x, t: x.reversed ? x.steps.length - 1 - k : k }));
  x.reached = steps.push({ phase: 'forward', x }) - 1;
}
const turn = graph.walked ? Infinity : steps.push({ phase: 'turn', x: result }) - 1;
for (const entry of graph.backward.filter((e) => 'node' in e)) {
  const x = graph.nodes[entry.node];
  x.steps.forEach((_, k) => steps.push({ phase: 'backward', x, entry, t: x.reversed ? k : x.steps.length - 1 - k }));
  x.returned = steps.push({ phase: 'backward', x, entry }) - 1;
  x.in.filter((e) => e.source && entry.sent[e.number]).forEach((e) => e.source.parts.push(
    { by: x, output: e.output, step: x.returned, t: entry.sent[e.number] }));
}
if (!graph.walked)
  steps.push({ phase: 'end' });

// The sum of parts: a single one as it is; null if the values to add are not all here.
function sumOf(parts) {
  const values = parts.map((p) => p.t.values);
  if (parts.length === 1 || !values.every(Boolean))
    return parts.length === 1 ? parts[0].t : null;
  return { ...parts[0].t, values: values[0].map((_, i) => values.reduce((sum, v) => sum + v[i], 0)) };
}

function arrivedLine(x) {
  const parts = x.parts.filter((p) => p.output === 0), total = x.gradients[0];
  if (!total)
    return 'No gradient has come to its first output.';
  if (parts.length < 2)
    return 'Its gradient is complete, \u2202L/\u2202' + x.name + ' = ' + brief(total) + '.';
  return 'All ' + parts.length + ' parts of its gradient have arrived: ' + parts.map((p) => brief(p.t) + ' from ' +
    p.by.label).join(' + ') + ', together ' + brief(total) + '.';
}

// "to w: 2 · ∂#1/∂w = 2 · 0.5 = 1": between scalars the derivative of an op is what it sent by what arrived.
function sentLine(e, arrived, sent) {
  const to = 'to ' + nameOf(e.source, e.output) + ': ';
  const local = arrived && isScalar(arrived) && isScalar(sent) ? sent.values[0] / arrived.values[0] : NaN;
  if (!Number.isFinite(local))
    return to + (brief(sent) || shapeText(sent));
  const rule = ' \u00b7 \u2202' + e.target.name + '/\u2202' + e.title + ' = ';
  return make('p', 'formula', to, bold(arrived.values[0]), rule, bold(arrived.values[0]), ' \u00b7 ',
    bold(local, true), ' = ', bold(sent.values[0]));
}

// What a step tells: { title, lines: texts or elements, lists: elements }.
const tell = {
  start: () => ({
    title: 'Start',
    lines: ['The graph records how ' + result.label + ' was made. Forward goes from the top to the bottom; then the ' +
      'derivative of the result, L, goes back up.',
    graph.left_out && graph.left_out + ' earlier ops are left out.',
    graph.walked && 'A backward has been here and let go of the values that it needed, so only forward is shown: ' +
      'write the page before, or use FR_RETAIN_GRAPH.'],
    lists: listOf('What is given', graph.inputs.map((x) => [x.label, x.value])),
  }),

  forward: ({ x, t }) => (t === undefined ? {
    title: x.label,
    lines: ['It reads ' + (x.in.map((e) => nameOf(e.source, e.output)).join(', ') || 'nothing') + ' and gives ' +
      (brief(x.out[0].value) || shapeText(x.out[0].value)) + '.', formulaOf(x)],
    lists: [...listOf('Reads', x.in.map((e) => [nameOf(e.source, e.output), valueOf(e)])),
      ...listOf('Gives', x.out.map((o, i) => [shortName(x, i), o.value]))],
  } : {
    title: x.label + ', t = ' + t,
    lines: [formulaOf(x), 'Step t = ' + t + ' of ' + x.steps.length + ' gives ' +
      ((x.steps[t] && brief(x.steps[t])) || 'what the graph does not keep') + '.'],
    lists: listOf('At t = ' + t, [['out', x.steps[t]]]),
  }),

  turn: () => ({
    title: 'Turning round',
    lines: ['L is ' + (isScalar(result.out[graph.result.output].value) ? '' : 'the sum of ') +
      nameOf(result, graph.result.output) + '. The derivative of L by itself is 1: that is where backward begins.'],
    lists: [],
  }),

  backward({ x, t, entry }) {
    const large = (rows) => rows.filter((row) => row[1] && !isScalar(row[1])); // the lines tell of scalars
    const name = (i) => '\u2202L/\u2202' + shortName(x, i);
    if (t === undefined)
      return {
        title: x.label,
        lines: [arrivedLine(x), ...x.in.filter((e) => e.source && entry.sent[e.number])
          .map((e) => sentLine(e, entry.arrived[0], entry.sent[e.number]))],
        lists: [...listOf('Arrives', large(x.out.map((_, i) => [name(i), entry.arrived[i]]))),
          ...listOf('Goes on', large(x.in.map((e) => ['to ' + nameOf(e.source, e.output),
            entry.sent[e.number]])))],
      };
    const { arrived, sent } = entry.steps[t], last = x.reversed ? 0 : x.steps.length - 1;
    return {
      title: x.label + ', t = ' + t,
      lines: ['Back through time: step t = ' + t + ' gets ' + (arrived ? brief(arrived) : 'nothing') +
        ' from outside' + (t === last ? '' : ' and what step t ' + (x.reversed ? '\u2212' : '+') + ' 1 hands back') +
        (sent ? ', and gives its input ' + brief(sent) : '. Its input wants no gradient') + '.'],
      lists: listOf('At t = ' + t, [['\u2202L/\u2202out, from outside', arrived], ['to ' + x.in[0].name, sent]]),
    };
  },

  end: () => ({
    title: 'The leaves have their gradients',
    lines: ['What came to a leaf was added up. These are the derivatives of L that fr_grad gives after fr_backward.'],
    lists: listOf('\u2202L by', graph.inputs.filter((x) => x.gradients[0]).map((x) => [x.label, x.gradients[0]])),
  }),
};
