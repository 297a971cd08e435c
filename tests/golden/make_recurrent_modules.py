#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Writes recurrent_modules.safetensors for check_recurrent_modules.c, which has the same tables: golden values of
recurrent cells, and of features of layers that PyTorch does not have.

    f32|f64.CELL.CASE.parameters, .x (T,B,I), .h0, .c0   cells: drawn parameters and the inputs,
        .h (T,B,H), .c (T,B,H)                           the states after each step, each passed to the next,
        .x_grad, .h0_grad, .c0_grad, .gradients          gradients of the sum of their squares
    KIND.CASE.x, .parameters, .h0, .c0, .lengths,        layers, in float64: the inputs; states are (cells,*),
        .gains                                           gains and bias_c of each cell in the order of frond,
        .out, .h, .c, .gradients                         results and gradients; parameters in the order of frond"""

import pathlib

import torch
from safetensors.torch import save
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

STEPS, BATCH, INPUT, HIDDEN, SEED = 4, 3, 2, 3, 7
CELLS = {"rnn": nn.RNNCell, "lstm": nn.LSTMCell, "gru": nn.GRUCell}
LAYERS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
# name: options, whether a state is given, whether there is a batch
CELL_CASES = {
    "plain": ({}, True, True),
    "no_bias": ({"bias": False}, True, True),
    "zeros": ({}, False, True),
    "relu": ({"nonlinearity": "relu"}, True, True),
    "unbatched": ({}, True, False),
}
# name: options, lengths
LEARNED_CASES = {
    "learned": ({}, None),
    "learned_all": ({"num_layers": 2, "bidirectional": True, "batch_first": True}, [1, 4, 3]),
    "learned_proj": ({"num_layers": 2, "proj_size": 2}, None),
}
NORM_CASES = {
    "norm": ({}, None),
    "norm_no_bias": ({"bias": False}, None),
    "norm_relu": ({"nonlinearity": "relu"}, None),
    "norm_all": ({"num_layers": 2, "bidirectional": True, "batch_first": True}, [1, 4, 3]),
    "norm_proj": ({"proj_size": 2}, [2, 1, 4]),
}
ONLY = {"relu": "rnn", "learned_proj": "lstm", "norm_relu": "rnn", "norm_proj": "lstm"}


def flat(tensors):
    return torch.cat([t.detach().reshape(-1) for t in tensors])


def cell_case(kind, options, has_state, batched):
    torch.manual_seed(SEED)
    m = CELLS[kind](INPUT, HIDDEN, **options)
    lead = (BATCH,) if batched else ()
    x = torch.randn(STEPS, *lead, INPUT, requires_grad=True)
    given = [torch.randn(*lead, HIDDEN, requires_grad=True) for _ in range((kind == "lstm") + 1 if has_state else 0)]
    state = tuple(given) if kind == "lstm" else given[0] if given else None
    steps = []
    for t in range(STEPS):
        state = m(x[t], state if has_state or t else None)
        steps.append(state if kind == "lstm" else (state,))
    results = [torch.stack(s) for s in zip(*steps)]
    sum(s.square().sum() for s in results).backward()
    values = {"parameters": flat(m.parameters()), "gradients": flat(p.grad for p in m.parameters())}
    values |= {"x": x, "x_grad": x.grad} | dict(zip("hc", results))
    for name, s in zip("hc", given):
        values |= {f"{name}0": s, f"{name}0_grad": s.grad}
    return values


def learned_case(kind, options, lengths):
    torch.manual_seed(SEED)
    m = LAYERS[kind](INPUT, HIDDEN, **options)
    cells = m.num_layers * (2 if m.bidirectional else 1)
    x = torch.randn(*((BATCH, STEPS) if m.batch_first else (STEPS, BATCH)), INPUT)
    sizes = [m.proj_size or HIDDEN] + ([HIDDEN] if kind == "lstm" else [])
    states = [torch.randn(cells, size, requires_grad=True) for size in sizes]
    initial = tuple(s.unsqueeze(1).expand(-1, BATCH, -1).contiguous() for s in states)
    given = x
    if lengths is not None:
        given = pack_padded_sequence(x, torch.tensor(lengths), m.batch_first, enforce_sorted=False)
    out, final = m(given, initial if kind == "lstm" else initial[0])
    if lengths is not None:
        out, _ = pad_packed_sequence(out, m.batch_first, total_length=STEPS)
    results = [out, *(final if kind == "lstm" else (final,))]
    sum((i + 1) * t.square().sum() for i, t in enumerate(results)).backward()
    values = {"x": x, "parameters": flat(m.parameters())} | dict(zip(("h0", "c0"), states))
    values |= dict(zip(("out", "h", "c"), results))
    weights = [[p.grad for p in cell] for cell in m.all_weights]
    values["gradients"] = flat(g for i in range(cells) for g in weights[i] + [s.grad[i] for s in states])
    if lengths is not None:
        values["lengths"] = torch.tensor(lengths)
    return values


def norm(sums, gain, bias, gates):
    """Normalises the sums of these gates together (Ba et al., 2016); gates is a list of slices."""
    parts = [F.layer_norm(sums[..., g], gain[g].shape, gain[g], None if bias is None else bias[g]) for g in gates]
    return torch.cat(parts, -1)


def normed_step(kind, p, x, h, c, relu):
    """Computes one step of one row by the papers' formulas; p holds a cell's parameters by name."""
    n = p["weight_hh"].shape[0] // {"rnn": 1, "lstm": 4, "gru": 3}[kind]
    gates = [slice(0, 2 * n), slice(2 * n, 3 * n)] if kind == "gru" else [slice(0, None)]
    zx = norm(p["weight_ih"] @ x, p["gain_ih"], p.get("bias_ih"), gates)
    zh = norm(p["weight_hh"] @ h, p["gain_hh"], p.get("bias_hh"), gates)
    if kind == "rnn":
        return (torch.relu if relu else torch.tanh)(zx + zh), None
    if kind == "gru":
        (rx, ux, nx), (rh, uh, nh) = zx.chunk(3), zh.chunk(3)
        new, update = torch.tanh(nx + torch.sigmoid(rx + rh) * nh), torch.sigmoid(ux + uh)
        return (1 - update) * new + update * h, None
    i, f, g, o = (zx + zh).chunk(4)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    h = torch.sigmoid(o) * torch.tanh(norm(c, p["gain_c"], p.get("bias_c"), [slice(0, None)]))
    return p["weight_hr"] @ h if "weight_hr" in p else h, c


def normed_cell(kind, p, x, lengths, reverse, relu):
    """Runs a layer in one direction, each row over its own steps: x (T,B,*) -> out (T,B,*), h (B,*), c (B,H)."""
    outs, hs, cs = [], [], []
    for b, n in enumerate(lengths):
        h, c = x.new_zeros(p["weight_hh"].shape[1]), x.new_zeros(HIDDEN)
        out = [x.new_zeros(h.shape)] * len(x)
        for t in reversed(range(n)) if reverse else range(n):
            h, c = normed_step(kind, p, x[t, b], h, c, relu)
            out[t] = h
        outs.append(torch.stack(out))
        hs.append(h)
        cs.append(c)
    return torch.stack(outs, 1), torch.stack(hs), torch.stack(cs) if kind == "lstm" else None


def normed_case(kind, options, lengths):
    torch.manual_seed(SEED)
    m = LAYERS[kind](INPUT, HIDDEN, **options)
    names = ["weight_ih", "weight_hh"] + ["bias_ih", "bias_hh"] * m.bias + ["weight_hr"] * (m.proj_size > 0)
    cells = [dict(zip(names, cell)) for cell in m.all_weights]
    for p in cells:
        for name in ["gain_ih", "gain_hh"] + ["gain_c"] * (kind == "lstm") + ["bias_c"] * (kind == "lstm" and m.bias):
            size = HIDDEN if name.endswith("_c") else len(p["weight_ih"])
            p[name] = torch.randn(size, requires_grad=True)
    batch_first, directions = m.batch_first, 2 if m.bidirectional else 1
    x = torch.randn(*((BATCH, STEPS) if batch_first else (STEPS, BATCH)), INPUT)
    out, hs, cs = x.transpose(0, 1) if batch_first else x, [], []
    for layer in range(m.num_layers):
        both = []
        for d in range(directions):
            y, h, c = normed_cell(kind, cells[layer * directions + d], out, lengths or [STEPS] * BATCH, d == 1,
                                  options.get("nonlinearity") == "relu")
            both.append(y)
            hs.append(h)
            cs.append(c)
        out = torch.cat(both, -1)
    results = [out.transpose(0, 1) if batch_first else out, torch.stack(hs)]
    results += [torch.stack(cs)] if kind == "lstm" else []
    sum((i + 1) * t.square().sum() for i, t in enumerate(results)).backward()
    values = {"x": x, "parameters": flat(m.parameters()), "gains": flat(v for p in cells for k, v in extra(p))}
    values |= dict(zip(("out", "h", "c"), results))
    values["gradients"] = flat(v.grad for p in cells for v in p.values())
    if lengths is not None:
        values["lengths"] = torch.tensor(lengths)
    return values


def extra(p):
    return [(k, v) for k, v in p.items() if k.startswith("gain_") or k == "bias_c"]


def main():
    torch.set_num_threads(1)
    made = {}
    for dtype, short in ((torch.float32, "f32"), (torch.float64, "f64")):
        torch.set_default_dtype(dtype)
        for name, (options, has_state, batched) in CELL_CASES.items():
            for kind in CELLS:
                if ONLY.get(name, kind) == kind:
                    case = cell_case(kind, options, has_state, batched)
                    made |= {f"{short}.{kind}.{name}.{k}": v for k, v in case.items()}
    for make, cases in ((learned_case, LEARNED_CASES), (normed_case, NORM_CASES)):
        for name, case in cases.items():
            for kind in LAYERS:
                if ONLY.get(name, kind) == kind:
                    made |= {f"{kind}.{name}.{k}": v for k, v in make(kind, *case).items()}
    made = {k: v.detach().contiguous() for k, v in made.items()}
    (pathlib.Path(__file__).parent / "recurrent_modules.safetensors").write_bytes(save(made))


if __name__ == "__main__":
    main()
