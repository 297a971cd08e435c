#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Runs frond's workloads in PyTorch. Prints rows: name, best and median in microseconds."""
import argparse

import torch

from torch_layers import layers, model
from workloads import MODELS, ONE_SEQUENCE, RECURRENT, SHAPES, measure, write_rows


class Net(torch.nn.Module):
    def __init__(self, cell, inputs, hidden):
        super().__init__()
        self.rnn = getattr(torch.nn, cell)(inputs, hidden, batch_first=True)
        self.fc = torch.nn.Linear(hidden, 1)

    def forward(self, x):
        return torch.sigmoid(self.fc(self.rnn(x)[0][:, -1, :]))


def recurrent(name, mode):
    cell, inputs, hidden, batch, steps, seconds = RECURRENT[name]
    torch.manual_seed(0)
    net, bce = Net(cell, inputs, hidden), torch.nn.BCELoss()
    optim = torch.optim.Adam(net.parameters(), lr=0.01, fused=None if mode == "eager" else True)
    x = torch.randn(batch, steps, inputs)
    y = (x.sum((1, 2)) > 0).float().view(batch, 1)

    def loss(x, y):
        return bce(net(x), y)

    run = net
    if mode == "compile":
        torch._dynamo.config.allow_rnn = True
        # PyTorch's compiler fails on oneDNN's LSTM.
        torch.backends.mkldnn.set_flags(cell != "LSTM")
        run, loss = torch.compile(net), torch.compile(loss)

    def train():
        optim.zero_grad()
        loss(x, y).backward()
        optim.step()

    def infer(x=x):
        with torch.inference_mode():
            run(x)

    rows = {f"{name} train": measure(train, seconds), f"{name} infer": measure(infer, seconds / 3)}
    if name in ONE_SEQUENCE:
        rows[f"{name} one sequence"] = measure(lambda: infer(x[:1]), seconds / 3, 10)
    return rows


def chains():
    a, b = torch.tensor([0.999], requires_grad=True), torch.tensor([0.001], requires_grad=True)

    def forward():
        x = a
        for _ in range(500):
            x = x * a + b
        return x

    def backward():
        a.grad = b.grad = None
        forward().backward()

    rows = {"chain of 1000": measure(backward, 1), "chain of 1000 forward": measure(forward, 0.5)}
    with torch.no_grad():
        rows["chain of 1000 unrecorded"] = measure(forward, 0.5)
    return rows


def ops():
    rows = chains()
    calls = {"add": lambda x, y: x + y, "mul": lambda x, y: x * y, "tanh": lambda x, y: torch.tanh(x),
             "sigmoid": lambda x, y: torch.sigmoid(x), "exp": lambda x, y: torch.exp(x),
             "softmax": lambda x, y: torch.softmax(x, 1), "sum": lambda x, y: x.sum()}
    for n in (1024, 4 << 20):
        x, y = torch.randn(n // 256, 256), torch.randn(n // 256, 256)
        for name, call in calls.items():
            with torch.inference_mode():
                rows[f"{name} {n}"] = measure(lambda: call(x, y), 0.5, 100 if n < 2000 else 1)
    return rows


def products():
    rows = {}
    for m, k, n in SHAPES:
        x, gradient = torch.randn(m, k, requires_grad=True), torch.ones(m, n)
        for op, shape, call in (("matmul", (k, n), torch.matmul), ("linear", (n, k), torch.nn.functional.linear)):
            w = torch.randn(shape, requires_grad=True)

            def forward():
                with torch.inference_mode():
                    call(x, w)

            def backward():
                x.grad = w.grad = None
                call(x, w).backward(gradient)

            rows[f"{op} {m}x{k}x{n}"] = measure(forward, 0.2)
            rows[f"{op} {m}x{k}x{n} backward"] = measure(backward, 0.2)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("threads", type=int)
    parser.add_argument("work", choices=["ops", "products", "layers", *MODELS, *RECURRENT])
    parser.add_argument("mode", choices=["eager", "fused", "compile"],
                        help="fused: with the fused Adam; compile: with torch.compile as well")
    o = parser.parse_args()
    torch.set_num_threads(o.threads)
    torch.manual_seed(0)
    whole = {name: lambda name=name: model(name) for name in MODELS}
    rows = {"ops": ops, "products": products, "layers": layers, **whole}.get(
        o.work, lambda: recurrent(o.work, o.mode))()
    write_rows(f"PyTorch {torch.__version__}", rows)


if __name__ == "__main__":
    main()
