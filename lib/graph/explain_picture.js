// SPDX-License-Identifier: MIT
// Copyright The frond authors
//
// Draws the graph as SVG, where explain_layout.js says, and lights up a step in it.
'use strict';

const picture = byId('picture');
const CELL = { width: 30, height: 22, inRow: 10 }; // a step in time of a recurrent op
const FONT = ' system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';
const pen = document.createElement('canvas').getContext('2d');
const { top: topBox, boxes } = makeBoxes(graph, edges);
let scale = 1;

const short = (text) => (text.length > 28 ? text.slice(0, 27) + '\u2026' : text);
const tiny = (t) => brief(t, 3, 3);
const mainValue = (x) => x.out[x === result ? graph.result.output : 0].value;
// Inside its module a parameter needs no more than the end of its name.
const titleOf = (x) => short(x.isInput && x.box !== topBox ? x.label.slice(x.label.lastIndexOf('.') + 1) : x.label);
const opsOf = (box) => box.ops + (box.ops === 1 ? ' op' : ' ops');

function widthOf(text, font) {
  pen.font = font + FONT;
  return pen.measureText(text).width;
}

function draw(parent, tag, attributes, text = '') {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
  element.textContent = text;
  return parent.appendChild(element);
}

// Sets the sizes of things and of folded boxes. There is room for what will only come with later steps.
function measure() {
  for (const x of things) {
    const cells = x.steps ? x.steps.length : 0, gradient = x.gradients.find(Boolean);
    x.width = Math.ceil(Math.max(56, Math.min(cells, CELL.inRow) * CELL.width, widthOf(tiny(mainValue(x)), '12px'),
      widthOf(titleOf(x), '600 13px') + 6 + widthOf(shapeText(mainValue(x)), '11px'),
      gradient ? widthOf('\u2202 ' + tiny(gradient) + ', 1 of 2', '12px') : 0)) + 18;
    x.height = 60 + Math.ceil(cells / CELL.inRow) * (CELL.height + 6);
  }
  for (const box of boxes) {
    box.labelWidth = widthOf('\u25b8 ' + short(box.label) + ', ' + opsOf(box), '12px');
    if (box.folded)
      Object.assign(box, { width: box.labelWidth + 2 * GAP.pad, height: 34 });
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
    box.element = draw(svg, 'g', { id: box.id, class: 'module' + (box.folded ? ' folded' : ''), role: 'button',
      tabindex: 0, 'aria-expanded': String(!box.folded), 'aria-label': 'module ' + box.label + ', ' + opsOf(box) });
    draw(box.element, 'rect', { x: box.x, y: box.y, width: box.width, height: box.height, rx: 10 });
    draw(box.element, 'text', { x: box.x + GAP.pad, y: box.y + (box.folded ? 22 : 19) },
      (box.folded ? '\u25b8 ' : '\u25be ') + short(box.label) + (box.folded ? ', ' + opsOf(box) : ''));
    box.element.addEventListener('click', () => fold([box], !box.folded));
  }
  if (!box.folded)
    box.items.filter((item) => item.items).forEach((item) => drawBox(svg, item));
}

// From the bottom of one end through the lanes to the top of the other, at `port`.
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

// One path between two ends that are shown, even if several edges go there. They end side by side, in order.
function drawEdges(svg) {
  const into = new Map(); // from an end to a map from the other end to edges
  for (const e of edges) {
    const from = shown(e.source), to = shown(e.target);
    e.element = null;
    if (from === to)
      continue;
    into.set(to, into.get(to) || new Map());
    into.get(to).set(from, [...(into.get(to).get(from) || []), e]);
  }
  for (const [to, sources] of into) {
    const before = ([from, [e]]) => (e.lanes.length ? e.lanes[e.lanes.length - 1].x : from.x + from.width / 2);
    [...sources].sort((a, b) => before(a) - before(b)).forEach(([from, several], i) => {
      const d = pathOf(several[0], from, to, to.x + to.width * (i + 1) / (sources.size + 1));
      const element = draw(svg, 'path', { class: 'edge', d, 'marker-end': 'url(#tip)' });
      several.forEach((e) => { e.element = element; });
    });
  }
}

function drawCells(x, middle) {
  const columns = Math.min(x.steps.length, CELL.inRow);
  return x.steps.map((_, t) => {
    const left = middle + (t % CELL.inRow - columns / 2) * CELL.width;
    const y = x.y + 60 + Math.floor(t / CELL.inRow) * (CELL.height + 6);
    const cell = draw(x.element, 'rect', { class: 'cell', x: left + 2, y, width: CELL.width - 4, height: CELL.height,
      rx: 4 });
    draw(x.element, 'text', { class: 'faint', x: left + CELL.width / 2, y: y + 15, 'text-anchor': 'middle' }, t);
    return cell;
  });
}

function drawThing(svg, x) {
  const middle = x.x + x.width / 2, line = { x: middle, 'text-anchor': 'middle' };
  x.element = draw(svg, 'g', { id: x.id,
    class: 'thing ' + (x.isInput ? (x.leaf ? 'leaf' : 'constant') : 'op') + (x === result ? ' result' : '') });
  draw(x.element, 'title', {}, x.label + (x.formula ? ': ' + x.formula : ''));
  draw(x.element, 'rect', { x: x.x, y: x.y, width: x.width, height: x.height, rx: 8 });
  const title = draw(x.element, 'text', { ...line, y: x.y + 19 });
  draw(title, 'tspan', { class: 'name' }, titleOf(x));
  if (mainValue(x).shape.length)
    draw(title, 'tspan', { class: 'faint', dx: 6 }, shapeText(mainValue(x)));
  x.valueText = draw(x.element, 'text', { ...line, class: 'value', y: x.y + 36 });
  x.gradientText = draw(x.element, 'text', { ...line, class: 'gradient', y: x.y + 52 });
  x.cells = x.steps ? drawCells(x, middle) : [];
  if (!x.isInput)
    x.element.addEventListener('click', () => go(now >= turn && x.returned ? x.returned : x.reached));
}

function drawAll() {
  edges.forEach((e) => { e.lanes = []; });
  measure();
  layOut(topBox, edges);
  moveInside(topBox, 0, 0);
  const { width, height } = topBox;
  const svg = draw(document.createDocumentFragment(), 'svg', { width: width * scale, height: height * scale,
    viewBox: [0, 0, width, height].join(' '), role: 'group', 'aria-label': 'The graph' });
  const defs = draw(svg, 'defs', {}); // the tip of an edge, and the one at its other end in backward
  for (const [id, refX, d] of [['tip', 5, 'M0 0L8 4L0 8z'], ['tip-back', 0, 'M8 0L0 4L8 8z']]) {
    const tip = draw(defs, 'marker', { id, viewBox: '0 0 8 8', refX, refY: 4, markerWidth: 8, markerHeight: 8,
      markerUnits: 'userSpaceOnUse', orient: 'auto' });
    draw(tip, 'path', { class: 'tip', d });
  }
  drawBox(svg, topBox);
  drawEdges(svg);
  things.filter((x) => shown(x) === x).forEach((x) => drawThing(svg, x));
  picture.replaceChildren(svg);
}

// --- Lighting up a step ----------------------------------------------------------------------------------------------

// What has come to x by now: "∂ 0.5, 1 of 2"; when all has come, the library's own sum.
function gradientText(x) {
  const output = Math.max(0, x.gradients.findIndex(Boolean)), all = x.parts.filter((p) => p.output === output);
  const come = all.filter((p) => p.step <= now), complete = come.length === all.length;
  if (come.length === 0 && !(x === result && now >= turn))
    return '';
  const sum = complete && x.gradients[output] ? x.gradients[output] : sumOf(come);
  return '\u2202 ' + (sum ? tiny(sum) : '\u2026') + (complete ? '' : ', ' + come.length + ' of ' + all.length);
}

function showNumbers() {
  const sofar = steps.slice(0, now + 1);
  for (const x of things.filter((thing) => shown(thing) === thing)) {
    x.valueText.textContent = x.isInput || x.reached <= now ? tiny(mainValue(x)) : '';
    x.gradientText.textContent = gradientText(x);
    x.cells.forEach((cell) => cell.classList.remove('reached', 'returned'));
  }
  for (const { x, t, phase } of sofar.filter((s) => s.t !== undefined && shown(s.x) === s.x))
    x.cells[t].classList.add(phase === 'forward' ? 'reached' : 'returned');
}

function light({ x, t, phase, entry }, slowly) {
  picture.querySelectorAll('.lit, .target').forEach((e) => e.classList.remove('lit', 'target'));
  if (!x) {
    picture.scrollLeft = (picture.scrollWidth - picture.clientWidth) / 2;
    return;
  }
  const seen = shown(x);
  seen.element.classList.add('lit');
  if (t !== undefined && seen === x)
    x.cells[t].classList.add('lit');
  for (const e of edges.filter((own) => own.target === x && own.element)) {
    const used = phase === 'forward' || (phase === 'backward' && entry.sent[e.number]);
    if (!used || (t !== undefined && e.number > 0)) // a step in time has its own part of input 0
      continue;
    e.element.classList.add('lit');
    if (phase === 'backward')
      shown(e.source).element.classList.add('target');
  }
  const smooth = slowly && !matchMedia('(prefers-reduced-motion: reduce)').matches;
  picture.scrollTo({ left: (seen.x + seen.width / 2) * scale - picture.clientWidth / 2,
    top: (seen.y + seen.height / 2) * scale - picture.clientHeight / 2, behavior: smooth ? 'smooth' : 'auto' });
}
