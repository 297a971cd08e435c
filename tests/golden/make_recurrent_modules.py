#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Golden values of recurrent cells and of what layers have beyond PyTorch's: recurrent_modules.safetensors, for
check_recurrent_modules.c, whose tables these are.

    f32|f64.CELL.CASE.parameters, .x (T,B,I), .h0, .c0   cells: what is drawn and given,
        .h (T,B,H), .c (T,B,H)                           the states after each step, each fed to the next,
        .x_grad, .h0_grad, .c0_grad, .gradients          gradients of the sum of their squares
    KIND.CASE.x, .parameters, .h0, .c0, .lengths         layers, in float64: what is given; states (cells,*),
        .out, .h, .c, .gradients                         results and gradients; parameters in the order of frond"""

import pathlib

import torch
from safetensors.torch import save
from torch import nn
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
ONLY = {"relu": "rnn", "learned_proj": "lstm"}


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
    for name, case in LEARNED_CASES.items():
        for kind in LAYERS:
            if ONLY.get(name, kind) == kind:
                made |= {f"{kind}.{name}.{k}": v for k, v in learned_case(kind, *case).items()}
    made = {k: v.detach().contiguous() for k, v in made.items()}
    (pathlib.Path(__file__).parent / "recurrent_modules.safetensors").write_bytes(save(made))


if __name__ == "__main__":
    main()
