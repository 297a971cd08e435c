#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Writes ops/NAME.safetensors for each op: golden values of its cases, computed by PyTorch.

    make_ops.py CHECK_OPS [OP...]           writes the files of all ops, or of these, if they change
    make_ops.py --check CHECK_OPS [OP...]   prints which files would change, and fails if any would

CHECK_OPS is the built test program; it lists the cases. For each case a file holds, under names that begin with the
case's name,

    CASE a n(3,4)    input a, drawn for this kind and shape (see lib/ops/op.h); b, c, ... likewise
    CASE y TORCH     the value of the expression TORCH
    CASE w           random weights of y's shape, if gradients are wanted
    CASE da          d sum(y w) / d a; db, dc, ... likewise

Because of these names a case whose inputs or expression have changed is not found. Inputs and weights are float32
values, which are exact in float64 too. y and the gradients are computed in float64; rounded to float32 they are closer
to the truth than PyTorch's float32 result. That is computed too: if it differs by more than rounding explains (because
of another dtype, for example), it is stored as "CASE y TORCH float32", and float32 is compared with it.

A case's values depend only on the names of its op and of the case, and on the kinds of its inputs. So the files of
unchanged cases stay the same, byte by byte."""

import argparse
import pathlib
import re
import subprocess
import sys
import warnings
import zlib

import torch
import torch.nn.functional as F
from safetensors.torch import save

sys.dont_write_bytecode = True
from cells import gru, lstm, rnn

FOLDER = pathlib.Path(__file__).parent / "ops"
RTOL, ATOL = 1e-5, 1e-6  # for float32, as in tests/check_ops.c


def draw(spec, generator):
    """Returns the input for a kind and a shape."""
    found = re.fullmatch(r"([nudvbi])([^()]*)\(([0-9,]*)\)", spec)
    if not found:
        raise ValueError(f"no kind and shape: {spec}")
    kind, detail, dims = found.groups()
    shape = [int(d) for d in dims.split(",") if d]
    if kind == "n":
        return torch.randn(shape, generator=generator)
    if kind == "u":
        return torch.rand(shape, generator=generator) * 0.8 + 0.1
    if kind == "d":
        n = torch.Size(shape).numel()
        odd = 2 * (torch.randperm(n, generator=generator, dtype=torch.float64) - n // 2) + 1
        return (odd * 0.11).float().reshape(shape)
    if kind == "v":
        return torch.tensor([float(v) for v in detail.split(",") if v]).reshape(shape)
    if kind == "b":
        return torch.randint(0, 2, shape, generator=generator).float()
    return torch.randint(0, int(detail), shape, generator=generator)


def evaluate(torch_text, inputs, kinds, dtype, w, no_grad):
    """Returns y and the gradients by name; dtype is the dtype of inputs and weights, and the default dtype."""
    torch.set_default_dtype(dtype)
    torch.manual_seed(0)
    given = [x.to(dtype) if x.is_floating_point() else x for x in inputs]
    wanted = {} if no_grad else {n: x.requires_grad_() for n, x, k in zip("abcdefghijklmnop", given, kinds)
                                 if k not in "bi"}
    names = dict(zip("abcdefghijklmnop", given), torch=torch, F=F, rnn=rnn, gru=gru, lstm=lstm)
    y = eval(torch_text, names)
    values = {f"y {torch_text}": y.detach()}
    if w is None and not no_grad:
        return values
    for n, x in wanted.items():
        g = None
        if y.requires_grad:
            g, = torch.autograd.grad((y * w.to(y.dtype)).sum(), x, allow_unused=True, retain_graph=True)
        values[f"d{n}"] = torch.zeros_like(x).detach() if g is None else g
    return values


def close(x, y):
    """Returns True if float32 x equals y up to the tolerance of tests/check_ops.c."""
    if y.dtype != torch.float64 or x.dtype != torch.float32:
        return x.dtype == y.dtype and torch.equal(x, y)
    largest = y[torch.isfinite(y)].abs().max().item() if torch.isfinite(y).any() else 1
    return torch.allclose(x, y.float(), RTOL, ATOL * max(1, largest), equal_nan=True)


def make_case(op, name, inputs_text, torch_text, no_grad):
    generator = torch.Generator().manual_seed(zlib.crc32(f"{op}/{name}".encode()))
    torch.set_default_dtype(torch.float32)
    specs = inputs_text.split()
    inputs = [draw(spec, generator) for spec in specs]
    made = {f"{n} {spec}": x for n, spec, x in zip("abcdefghijklmnop", specs, inputs)}
    kinds = [spec[0] for spec in specs]
    if torch_text:
        y = next(iter(evaluate(torch_text, inputs, kinds, torch.float32, None, True).values()))
        w = None if no_grad else torch.randn(y.shape, generator=generator, dtype=torch.float32)
        double = evaluate(torch_text, inputs, kinds, torch.float64, w, no_grad)
        single = evaluate(torch_text, inputs, kinds, torch.float32, w, no_grad)
        if w is not None:
            made["w"] = w
        made.update(double)
        for key, value in single.items():
            if not close(value, double[key]):
                print(f"{op}/{name}: {key}: PyTorch's float32 is kept beside its float64", file=sys.stderr)
                made[f"{key} float32"] = value
    return {f"{name} {key}": x.contiguous().clone() for key, x in made.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="say which files would change")
    parser.add_argument("check_ops", help="the test program, built")
    parser.add_argument("op", nargs="*", help="these alone")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # about the variance of one value, and other edge cases
    listed = subprocess.run([options.check_ops, "--cases"], check=True, capture_output=True, text=True).stdout
    ops = {}
    for line in listed.splitlines():
        op, name, inputs, expression, no_grad = line.split("\t")
        ops.setdefault(op, []).append((name, inputs, expression, bool(no_grad)))
    if unknown := set(options.op) - set(ops):
        parser.error(f"no such op, or no cases: {', '.join(sorted(unknown))}")
    stale = [] if options.op else [f for f in sorted(FOLDER.glob("*.safetensors")) if f.stem not in ops]
    for f in stale:
        print(f"{f.name}: of no op")
        if not options.check:
            f.unlink()
    FOLDER.mkdir(exist_ok=True)
    failed = False
    for op in options.op or ops:
        file = FOLDER / f"{op}.safetensors"
        made = {}
        for case in ops[op]:
            try:
                made.update(make_case(op, *case))
            except Exception as e:  # whatever it raises, the other cases can still be made
                print(f"{op}/{case[0]}: {e}", file=sys.stderr)
                failed = True
        data = save(made)
        if file.exists() and file.read_bytes() == data:
            continue
        stale.append(file)
        print(f"{file.name}: {'stale' if options.check else 'made'}")
        if not options.check:
            file.write_bytes(data)
    return 1 if failed or (options.check and stale) else 0


if __name__ == "__main__":
    sys.exit(main())
