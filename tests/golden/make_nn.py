#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Writes nn.safetensors and nn.txt for check_nn.c, which has the same tables: PyTorch's values and printouts of layers.

    make_nn.py [FOLDER]     (needs torch and safetensors)
"""
import sys
import warnings

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

STEPS, BATCH, INPUT, HIDDEN = 5, 3, 2, 3
PARAMETER_SEED, FORWARD_SEED = 7, 11

# name: options of the layer, and of the call
RECURRENT = {
    "plain": ({}, {}),
    "layers": ({"num_layers": 2}, {}),
    "bidirectional": ({"bidirectional": True}, {}),
    "no_bias": ({"bias": False}, {}),
    "batch_first": ({"batch_first": True}, {}),
    "relu": ({"nonlinearity": "relu"}, {}),
    "proj": ({"proj_size": 2}, {}),
    "dropout": ({"num_layers": 3, "dropout": 0.4, "bidirectional": True}, {}),
    "dropout_batch_first": ({"num_layers": 2, "dropout": 0.4, "batch_first": True}, {}),
    "unbatched": ({"batch_first": True}, {"unbatched": True}),
    "unbatched_initial": ({"num_layers": 2, "bidirectional": True}, {"unbatched": True, "initial": True}),
    "initial": ({"num_layers": 2, "bidirectional": True, "batch_first": True}, {"initial": True}),
    "lengths": ({}, {"lengths": [2, 5, 4]}),
    "lengths_bidirectional": ({"bidirectional": True}, {"lengths": [2, 5, 4]}),
    "lengths_of_one": ({"num_layers": 2, "bidirectional": True}, {"lengths": [1, 1, 1]}),
    "lengths_of_one_and_all": ({"num_layers": 2}, {"lengths": [1, 5, 1], "initial": True}),
    "lengths_relu": ({"nonlinearity": "relu", "num_layers": 2, "bidirectional": True}, {"lengths": [4, 1, 5]}),
    "lengths_all": (
        {"num_layers": 2, "bidirectional": True, "batch_first": True, "bias": False},
        {"lengths": [2, 5, 4], "initial": True},
    ),
    "proj_all": (
        {"num_layers": 2, "bidirectional": True, "batch_first": True, "proj_size": 2},
        {"lengths": [2, 5, 4], "initial": True},
    ),
    "lengths_dropout": ({"num_layers": 3, "dropout": 0.4, "bidirectional": True}, {"lengths": [3, 5, 3]}),
    "lengths_dropout_batch_first": ({"num_layers": 2, "dropout": 0.4, "batch_first": True}, {"lengths": [2, 4, 4]}),
    "proj_lengths_dropout": ({"num_layers": 2, "dropout": 0.4, "proj_size": 2}, {"lengths": [1, 5, 4]}),
}
ONLY = {"relu": "rnn", "lengths_relu": "rnn", "proj": "lstm", "proj_all": "lstm", "proj_lengths_dropout": "lstm"}
KINDS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def inputs(m, kind, batch_first, call, dtype):
    shape = (STEPS,) if call.get("unbatched") else (BATCH, STEPS) if batch_first else (STEPS, BATCH)
    x = torch.randn(*shape, INPUT, dtype=dtype, requires_grad=True)
    states = []
    if call.get("initial"):
        cells = m.num_layers * (2 if m.bidirectional else 1)
        lead = (cells,) if call.get("unbatched") else (cells, BATCH)
        sizes = [m.proj_size or HIDDEN] + ([HIDDEN] if kind == "lstm" else [])
        states = [torch.randn(*lead, size, dtype=dtype, requires_grad=True) for size in sizes]
    return x, states


def run(m, x, states, call):
    initial = tuple(states) if len(states) > 1 else states[0] if states else None
    if not call.get("lengths"):
        return m(x, initial)
    packed = pack_padded_sequence(x, torch.tensor(call["lengths"]), m.batch_first, enforce_sorted=False)
    out, final = m(packed, initial)
    return pad_packed_sequence(out, m.batch_first, total_length=STEPS)[0], final


def recurrent_case(kind, options, call, dtype):
    torch.manual_seed(PARAMETER_SEED)
    m = KINDS[kind](INPUT, HIDDEN, **options)
    x, states = inputs(m, kind, m.batch_first, call, dtype)
    torch.manual_seed(FORWARD_SEED)
    out, final = run(m, x, states, call)
    final = list(final) if isinstance(final, tuple) else [final]
    loss = out.square().sum() + sum((i + 2) * t.square().sum() for i, t in enumerate(final))
    loss.backward()
    flat = lambda ts: torch.cat([t.detach().reshape(-1) for t in ts])
    values = {"x": x, "out": out, "x_grad": x.grad, "parameters": flat(m.parameters())}
    values["gradients"] = flat(p.grad for p in m.parameters())
    for name, state in zip("hc", states):
        values.update({f"{name}0": state, f"{name}0_grad": state.grad})
    values.update(zip("hc", final))
    return values


def linear_case(bias, dtype):
    torch.manual_seed(PARAMETER_SEED)
    m = nn.Linear(6, 4, bias=bias)
    x = torch.randn(2, 3, 6)
    return {"parameters": torch.cat([p.detach().reshape(-1) for p in m.parameters()]), "x": x, "out": m(x)}


def all_values():
    values = {}
    for dtype, short in ((torch.float32, "f32"), (torch.float64, "f64")):
        torch.set_default_dtype(dtype)
        for name, (options, call) in RECURRENT.items():
            for kind in KINDS:
                if ONLY.get(name, kind) == kind:
                    case = recurrent_case(kind, options, call, dtype)
                    values.update({f"{short}.{kind}.{name}.{k}": v for k, v in case.items()})
        for name, bias in (("linear", True), ("linear_no_bias", False)):
            values.update({f"{short}.{name}.{k}": v for k, v in linear_case(bias, dtype).items()})
    torch.set_default_dtype(torch.float32)
    return {k: v.detach().contiguous() for k, v in values.items()}


class SimpleRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(1, 32, batch_first=True)
        self.fc = nn.Linear(32, 1)


class Described(nn.Module):
    def __init__(self, text, *children):
        super().__init__()
        self.text = text
        for i, child in enumerate(children):
            self.add_module(f"part{i}", child)

    def extra_repr(self):
        return self.text


def printed_modules():
    yield SimpleRNN()
    for kind in KINDS.values():
        yield kind(3, 4)
        yield kind(3, 4, num_layers=2, bias=False, batch_first=True, dropout=0.25, bidirectional=True)
        yield kind(3, 4, dropout=1)
    yield nn.RNN(3, 4, nonlinearity="relu")
    yield nn.LSTM(3, 4, proj_size=2, num_layers=2, dropout=1e-05, bidirectional=True)
    yield nn.LSTM(3, 4, proj_size=2, bias=False, batch_first=True)
    yield nn.RNNCell(3, 4, bias=False, nonlinearity="relu")
    yield nn.LSTMCell(3, 4)
    yield nn.GRUCell(3, 4, bias=False)
    yield nn.Linear(1, 0)
    yield nn.Linear(3, 4, bias=False)
    yield nn.Dropout(0.1)
    yield nn.Sequential(nn.Sigmoid(), nn.Tanh(), nn.ReLU(), nn.GELU(), nn.SiLU(), nn.Softplus(), nn.Softmax(-1),
                        nn.LogSoftmax(1), nn.LeakyReLU(0.01), nn.ELU(1.0), nn.GELU("tanh"), nn.Mish(), nn.SELU(),
                        nn.CELU(1.3), nn.Softsign(), nn.LogSigmoid(), nn.Hardsigmoid(), nn.Hardswish(), nn.GLU(-1),
                        nn.Hardtanh(-1.0, 2.0), nn.PReLU(3), nn.Dropout1d(0.5), nn.Dropout2d(0.25),
                        nn.AlphaDropout(0.1))
    for number in (1e-05, 0.0001, 0.1 + 0.2, 3.0, 123456789.0, 1e15, 1e16, 1.5e300, -0.25, 0.0):
        yield nn.LeakyReLU(number)
    yield nn.Sequential()
    yield nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.Dropout(0.5), nn.Sequential(nn.Linear(1, 2))))
    yield Described("")
    yield Described("one")
    yield Described("one\ntwo")
    yield Described("one", nn.Tanh())
    yield Described("one\ntwo", Described("three\nfour", nn.Tanh()), nn.ReLU())
    yield nn.ModuleList()
    yield nn.ModuleList([nn.Identity()])
    yield nn.ModuleList([nn.Tanh(), nn.Tanh(), nn.Linear(1, 2), nn.Linear(1, 3), nn.Linear(1, 3), nn.Linear(1, 3)])
    pair = lambda: nn.ModuleList([nn.Sequential(nn.Tanh(), nn.Tanh()) for _ in range(2)])
    yield nn.ModuleList([pair(), pair(), nn.ModuleList([nn.Sequential(nn.Tanh(), nn.ReLU())])])
    yield nn.MultiheadAttention(4, 2)
    yield nn.ModuleList([nn.MultiheadAttention(4, 2, bias=False, batch_first=True, dropout=0.1) for _ in range(3)])
    yield nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2), 3, nn.LayerNorm(4))
    layer = nn.TransformerEncoderLayer(4, 2, 3, 0.0, "gelu", 1e-3, True, True, False)
    yield nn.Sequential(nn.TransformerEncoder(layer, 1))


def printout(m):
    count = sum(p.numel() for p in m.parameters())
    return "\n".join([repr(m), f"{count} parameter{'' if count == 1 else 's'}", *m.state_dict()]) + "\n"


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else "."
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    save_file(all_values(), f"{folder}/nn.safetensors")
    with open(f"{folder}/nn.txt", "w", encoding="ascii") as file:
        file.writelines(printout(m) for m in printed_modules())


main()
