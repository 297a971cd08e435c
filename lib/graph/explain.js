// SPDX-License-Identifier: MIT
// Copyright The frond authors
//
// Goes through the steps: shows one, and listens to buttons, keys, the slider and the address.
'use strict';

const PHASE = { start: 'Start', forward: 'Forward', turn: 'Turning round', backward: 'Backward', end: 'The end' };
const isInside = (step) => step.phase === 'forward' || step.phase === 'backward'; // of an op
let now = 0; // index of the step that is shown
let roomThen = 0; // width of the picture's place when the picture was fitted into it
let timer = 0; // while it plays

// slowly: the picture may glide to where the step is.
function show(slowly = false) {
  const step = steps[now], told = tell[step.phase](step), inside = isInside(step);
  document.body.classList.toggle('backward', now >= turn);
  showNumbers();
  light(step, slowly);
  byId('story').replaceChildren(
    make('h2', '', make('span', 'phase', PHASE[step.phase] + ', step ' + now + ' of ' + (steps.length - 1)),
      inside ? ': ' + told.title : ''),
    ...(inside ? [make('p', 'place', placeOf(step.x))] : []),
    ...told.lines.filter(Boolean).map((line) => (typeof line === 'string' ? make('p', '', line) : line)));
  byId('detail').replaceChildren(...told.lists);
  byId('slider').value = now;
  byId('slider').setAttribute('aria-valuetext', 'step ' + now + ', ' + PHASE[step.phase] + ', ' + told.title);
  byId('first').disabled = byId('back').disabled = now === 0;
  byId('last').disabled = byId('forth').disabled = now === steps.length - 1;
}

function go(i, slowly = true) {
  now = Math.min(Math.max(i, 0), steps.length - 1);
  show(slowly);
  history.replaceState(null, '', '#step=' + (now === steps.length - 1 ? 'end' : now));
}

function goToAddress() {
  const [, at] = location.hash.match(/^#step=(\d+|end)$/) || [null, '0'];
  go(at === 'end' ? steps.length - 1 : Number(at), false);
}

function play(on) {
  clearInterval(timer);
  timer = on ? setInterval(() => (now < steps.length - 1 ? go(now + 1) : play(false)), 1200) : 0;
  byId('play').textContent = on ? 'Pause' : 'Play';
  if (on && now === steps.length - 1)
    go(0);
}

function redraw() {
  drawAll();
  show();
}

// As wide as there is room, as long as it can be read.
function fit() {
  roomThen = picture.clientWidth;
  drawAll(); // to know the width
  scale = Math.min(Math.max((roomThen - 20) / topBox.width, 0.75), 1.25);
  redraw();
}

function zoom(factor) {
  scale = Math.min(Math.max(scale * factor, 0.3), 3);
  redraw();
}

function fold(which, folded) {
  const focus = document.activeElement && document.activeElement.id;
  which.forEach((box) => { box.folded = folded; });
  byId('fold').textContent = boxes.some((box) => !box.folded) ? 'Fold all' : 'Unfold all';
  redraw();
  if (focus && byId(focus))
    byId(focus).focus(); // what had it was drawn anew
}

// All steps in words, for print and for whoever likes to read.
function listSteps() {
  const list = byId('all').querySelector('ol');
  if (!list.children.length)
    list.append(...steps.map((s) => {
      const told = tell[s.phase](s), lines = told.lines.filter(Boolean).map((l) => l.textContent || l);
      return make('li', '', make('strong', '', PHASE[s.phase] + (isInside(s) ? ': ' + told.title : '') + '. '),
        lines.join('; ').replace(/\.; /g, '. '));
    }));
}

const actions = {
  first: () => go(0),
  back: () => go(now - 1),
  play: () => play(!timer),
  forth: () => go(now + 1),
  last: () => go(steps.length - 1),
  fold: () => fold(boxes, boxes.some((box) => !box.folded)),
  smaller: () => zoom(1 / 1.25),
  larger: () => zoom(1.25),
};
const keys = {
  ArrowLeft: 'back', ArrowRight: 'forth', Home: 'first', End: 'last', ' ': 'play', '-': 'smaller', '+': 'larger',
};

// Buttons and the slider have keys of their own.
function onKey(event) {
  const on = event.target, presses = event.key === ' ' || event.key === 'Enter';
  if (event.ctrlKey || event.altKey || event.metaKey || (presses && /^(BUTTON|SUMMARY)$/.test(on.tagName)) ||
      (on === byId('slider') && event.key !== ' '))
    return;
  if (presses && boxes.some((box) => box.element === on))
    on.dispatchEvent(new MouseEvent('click'));
  else if (keys[event.key])
    actions[keys[event.key]]();
  else
    return;
  event.preventDefault();
}

for (const [id, action] of Object.entries(actions))
  byId(id).addEventListener('click', action);
byId('slider').max = steps.length - 1;
byId('slider').addEventListener('input', () => go(Number(byId('slider').value)));
byId('fold').hidden = !boxes.length;
byId('all').addEventListener('toggle', listSteps);
addEventListener('keydown', onKey);
addEventListener('hashchange', goToAddress);
addEventListener('resize', () => picture.clientWidth !== roomThen && fit());
addEventListener('beforeprint', () => {
  listSteps();
  byId('all').open = true;
});

byId('about').textContent = result.label + ' ' + shapeText(mainValue(result)) + ', made by ' +
  (graph.nodes.length + graph.left_out) + ' recorded ops' +
  (graph.left_out ? '; the first ' + graph.left_out + ' are not shown' : '') + '.';
document.title = 'The derivative of ' + (wholeOf(result) || result.label);
document.querySelector('h1').textContent = document.title + ', step by step';
fit();
goToAddress();
