#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Writes recurrent.safetensors: golden values of rnn, gru and lstm, computed by PyTorch in float64.

A case's name tells the cell, relu for rnn, and reverse. The inputs that it has, float32 values, tell the rest:

    CASE x, CASE h0, ...     the inputs that are given, under their names in fr_rnn, fr_gru and fr_lstm
    CASE lengths             (B) int64, if given
    CASE out, CASE h, c      the results
    CASE w out, CASE w h ... random weights of their shapes
    CASE d x, ...            gradients, by each input, of the sum of all results times their weights"""

import pathlib
import sys
import zlib

import torch
from safetensors.torch import save

sys.dont_write_bytecode = True
import cells

GATES = {"rnn": 1, "gru": 3, "lstm": 4}
# name after the cell's name: T, B, I, H, what else is given
CASES = {
    "plain": (3, 3, 2, 5, "bias"),
    "no bias": (3, 2, 2, 3, ""),
    "b_ih alone": (2, 2, 2, 3, "b_ih"),
    "b_hh alone": (2, 2, 2, 3, "b_hh"),
    "initial": (3, 3, 2, 3, "bias initial"),
    "reverse": (3, 3, 2, 3, "bias"),
    "reverse initial": (3, 2, 1, 3, "bias initial"),
    "lengths": (5, 7, 2, 3, "bias lengths"),
    "lengths initial": (5, 7, 2, 3, "bias initial lengths"),
    "lengths initial reverse": (5, 7, 2, 3, "bias initial lengths"),
    "one step reverse lengths": (1, 3, 2, 3, "bias initial lengths"),
    "one of each": (1, 1, 1, 1, "bias"),
}
EXTRA = {
    "rnn": {f"relu {name}": CASES[name] for name in ("plain", "lengths initial reverse")},
    "gru": {},
    "lstm": {f"projected {name}": CASES[name][:4] + (CASES[name][4] + " projection",)
             for name in ("plain", "no bias", "lengths initial", "lengths initial reverse")},
}


def draw_inputs(kind, name, generator):
    steps, batch, features, hidden, given = {**CASES, **EXTRA[kind]}[name]
    rows, out, scale = GATES[kind] * hidden, (hidden + 1) // 2 if "projection" in given else hidden, hidden ** -0.5

    def draw(*shape, by=1.0):
        return torch.randn(shape, generator=generator, dtype=torch.float32) * by

    inputs = {"x": draw(steps, batch, features)}
    if "initial" in given:
        inputs["h0"] = draw(batch, out)
        if kind == "lstm":
            inputs["c0"] = draw(batch, hidden)
    inputs["w_ih"] = draw(rows, features, by=scale)
    inputs["w_hh"] = draw(rows, out, by=scale)
    for bias in ("b_ih", "b_hh"):
        if "bias" in given or bias in given:
            inputs[bias] = draw(rows, by=scale)
    if "projection" in given:
        inputs["w_hr"] = draw(out, hidden, by=scale)
    lengths = None
    if "lengths" in given:  # unsorted, with 0 and all steps among them
        lengths = torch.tensor(([2, 0, steps, 1, steps, 3, 4] if steps > 1 else [1, 0, 1])[:batch]).clamp(max=steps)
    return inputs, lengths


def check_against_packed(kind, inputs, lengths, results):
    """Checks that lengths in cells.py mean the same as packed sequences, for lengths above 0."""
    rows = lengths > 0
    x = inputs["x"][:, rows].detach()
    module = getattr(torch.nn, kind.upper())(x.shape[2], inputs["w_hh"].shape[1])
    with torch.no_grad():
        for ours, theirs in zip(("w_ih", "w_hh", "b_ih", "b_hh"), module.parameters()):
            theirs.copy_(inputs[ours])
        packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths[rows], enforce_sorted=False)
        out, last = module(packed)
        out, _ = torch.nn.utils.rnn.pad_packed_sequence(out, total_length=len(x))
    last = last if kind == "lstm" else (last,)
    for mine, theirs in zip(results, (out, *(s.squeeze(0) for s in last))):
        torch.testing.assert_close(mine[..., rows, :].detach(), theirs, rtol=0, atol=1e-14)


def make_case(kind, name):
    generator = torch.Generator().manual_seed(zlib.crc32(f"{kind} {name}".encode()))
    inputs, lengths = draw_inputs(kind, name, generator)
    made = dict(inputs)
    given = {k: x.double().requires_grad_() for k, x in inputs.items()}
    how = {"reverse": "reverse" in name, "lengths": lengths}
    if kind == "rnn":
        how["relu"] = "relu" in name
    if lengths is not None:
        made["lengths"] = lengths
    results = cells.run(kind, **{"h0": None, "c0": None, **given}, **how)
    if name == "lengths":
        check_against_packed(kind, given, lengths, results)
    loss = 0
    for key, y in zip(("out", "h", "c"), results):
        made[key] = y.detach()
        made[f"w {key}"] = torch.randn(y.shape, generator=generator, dtype=torch.float32)
        loss = loss + (y * made[f"w {key}"]).sum()
    for (key, x), g in zip(given.items(), torch.autograd.grad(loss, given.values(), allow_unused=True)):
        made[f"d {key}"] = torch.zeros_like(x).detach() if g is None else g
    return {f"{kind} {name} {key}": x.contiguous().clone() for key, x in made.items()}


def main():
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    made = {}
    for kind in GATES:
        for name in {**CASES, **EXTRA[kind]}:
            made |= make_case(kind, name)
    (pathlib.Path(__file__).parent / "recurrent.safetensors").write_bytes(save(made))


if __name__ == "__main__":
    main()
