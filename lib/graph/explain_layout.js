// SPDX-License-Identifier: MIT
// Copyright The frond authors
//
// Where everything in the picture goes. Modules are boxes: each is laid out by itself, and is then one item among those
// of the box around it, so that boxes never overlap. Within a box there are layers, by the longest path from the top;
// an edge that passes by a layer takes up a lane in it; the order within a layer goes by barycentres.
'use strict';

const GAP = { x: 22, y: 40, lane: 10, pad: 14, head: 24 };

// The item of `box` that holds x, or is x; undefined if x is elsewhere.
function itemIn(box, x) {
  while (x && x.box !== box)
    x = x.box;
  return x;
}

// Slots from left to right, each with a width, a wish for its centre (want) and a weight: sets x to the places nearest
// to the wishes that keep the order and leave gaps. Neighbours that would overlap join into a block, at their mean.
function pack(slots) {
  const blocks = [];
  let offset = 0;
  slots.forEach((s, i) => {
    offset += i ? (slots[i - 1].width + s.width) / 2 + (s.item && slots[i - 1].item ? GAP.x : GAP.lane) : 0;
    s.offset = offset;
    let block = { sum: (s.want - offset) * s.weight, weight: s.weight, slots: [s] };
    const place = (b) => b.sum / b.weight;
    while (blocks.length && place(blocks[blocks.length - 1]) > place(block)) {
      const left = blocks.pop();
      block = { sum: left.sum + block.sum, weight: left.weight + block.weight, slots: left.slots.concat(block.slots) };
    }
    blocks.push(block);
  });
  for (const block of blocks)
    for (const s of block.slots)
      s.x = block.sum / block.weight + s.offset;
}

// Sets layer of the box's items: 1 more than that of the last of those before; inputs as low as their readers allow.
function setLayers(box, links) {
  for (const item of box.items)
    item.layer = 0;
  for (const item of box.items.filter((i) => !i.isInput))
    item.layer = Math.max(-1, ...links.filter((l) => l.to === item && l.from).map((l) => l.from.layer)) + 1;
  for (const item of box.items) {
    const readers = links.filter((l) => l.from === item && l.to).map((l) => l.to.layer);
    if (item.isInput && readers.length)
      item.layer = Math.min(...readers) - 1;
  }
}

// Rows of slots, one for each item, and a lane for each edge that passes by; edges from one place share their lanes.
function makeRows(box, links) {
  const rows = [], lanes = new Map(), slotOf = new Map();
  for (const item of box.items) {
    const slot = { item, width: item.width, order: item.order, near: [], x: 0 };
    slotOf.set(item, slot);
    (rows[item.layer] = rows[item.layer] || []).push(slot);
  }
  for (const { from, to, edge } of links) {
    let last = from && slotOf.get(from);
    const end = to ? to.layer : rows.length;
    for (let layer = from ? from.layer + 1 : 0; layer < end; layer++) {
      const key = edge.from + '@' + layer;
      let lane = lanes.get(key);
      if (!lane) {
        lane = { width: 2, order: (to || from).order, near: [], x: 0 };
        lanes.set(key, lane);
        rows[layer].push(lane);
        join(last, lane, 8);
      }
      edge.lanes.push(lane);
      last = lane;
    }
    if (to)
      join(last, slotOf.get(to), from && from.isInput ? 1 : 6);
  }
  rows.forEach((row, layer) => row.forEach((s) => { s.layer = layer; }));
  return { rows, lanes: [...lanes.values()] };
}

function join(a, b, weight) {
  if (a && b) {
    a.near.push({ slot: b, weight });
    b.near.push({ slot: a, weight });
  }
}

// Sets x, the centre of each slot: down and up in turn, nearer to what a slot is joined to; in the end to all of that.
function setCentres(rows) {
  const ROUNDS = 12, SETTLED = 8; // from here on the order stays
  rows.forEach((row) => row.sort((a, b) => a.order - b.order));
  for (let round = 0; round < ROUNDS; round++) {
    const down = round % 2 === 0;
    for (const row of down ? rows : [...rows].reverse()) {
      for (const s of row) {
        const near = s.near.filter((n) => round >= SETTLED || (n.slot.layer < s.layer) === down);
        const weight = near.reduce((sum, n) => sum + n.weight, 0);
        s.want = Math.round(weight ? near.reduce((sum, n) => sum + n.weight * n.slot.x, 0) / weight : s.x);
        s.weight = weight || 0.1;
      }
      if (round < SETTLED)
        row.sort((a, b) => a.want - b.want);
      pack(row);
    }
  }
}

// Sets x, y of all in the box, from its upper left corner, and the box's width and height.
function layOut(box, edges) {
  const links = edges.map((edge) => ({ from: itemIn(box, edge.source), to: itemIn(box, edge.target), edge }))
    .filter((l) => l.from !== l.to);
  for (const item of box.items)
    if (item.items && !item.folded)
      layOut(item, edges);
  box.items.sort((a, b) => a.order - b.order);
  setLayers(box, links);
  const { rows, lanes } = makeRows(box, links);
  setCentres(rows);

  const all = rows.flat(), left = Math.min(...all.map((s) => s.x - s.width / 2));
  let y = GAP.pad + (box.label ? GAP.head : 0);
  for (const row of rows) {
    const height = Math.max(...row.map((s) => (s.item ? s.item.height : 0)));
    for (const s of row) {
      s.x += GAP.pad - left;
      s.y = y;
      s.height = height;
      if (s.item)
        Object.assign(s.item, { x: s.x - s.width / 2, y: s.item.isInput ? y + height - s.item.height : y });
    }
    y += height + GAP.y;
  }
  box.lanes = lanes;
  box.width = Math.max(Math.max(...all.map((s) => s.x + s.width / 2)) + GAP.pad, box.labelWidth + 2 * GAP.pad);
  box.height = y - GAP.y + GAP.pad;
}

// From places in the box to places in the picture.
function moveInside(box, x, y) {
  for (const place of [...box.items, ...box.lanes]) {
    place.x += x;
    place.y += y;
    if (place.items && !place.folded)
      moveInside(place, place.x, place.y);
  }
}

// The tree of boxes. Each time that forward came into a module there is a box of its own, so that no edge goes back.
// Inputs with a name stand in the innermost box around all that read them, the others outside of all.
function makeBoxes(graph, edges) {
  const top = { items: [], label: '', labelWidth: 0, module: -1 }, boxes = [];
  let open = top;
  for (const node of graph.nodes) {
    const path = [];
    for (let m = node.module; m >= 0; m = graph.modules[m].in)
      path.unshift(m);
    const around = (box) => (box === top ? [] : [...around(box.box), box.module]);
    while (!around(open).every((m, i) => m === path[i]))
      open = open.box;
    for (const module of path.slice(around(open).length)) {
      const box = { items: [], label: graph.modules[module].label, module, box: open, order: node.index,
        id: 'm' + boxes.length, folded: false, ops: 0 };
      boxes.push(box);
      open.items.push(box);
      open = box;
    }
    for (let box = open; box !== top; box = box.box)
      box.ops++;
    Object.assign(node, { box: open, order: node.index });
    open.items.push(node);
  }
  for (const input of graph.inputs) {
    const readers = edges.filter((e) => e.source === input).map((e) => e.target);
    let box = input.name && readers.length ? readers[0].box : top;
    while (readers.some((r) => !itemIn(box, r)))
      box = box.box;
    Object.assign(input, { box, reader: readers[0], order: readers.length ? readers[0].order - 0.5 : 0 });
    box.items.push(input);
  }
  // Half of a node's inputs to its left and half to its right, so that what goes through stands in the middle.
  for (const node of graph.nodes) {
    const own = node.box.items.filter((item) => item.isInput && item.reader === node);
    own.forEach((input, k) => { input.order = node.order + ((k + 0.5) / own.length - 0.5) * 0.9; });
  }
  return { top, boxes };
}
