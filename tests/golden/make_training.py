#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Writes training.txt: a line for each of several training runs of SimpleRNN in PyTorch,

    CELL SEED DTYPE  the loss of the last batch of each epoch ...  the prediction for a new sequence

tests/check_training.c repeats the runs in frond. Training is chaotic: for some seeds a rounding error grows until it
shows in the printed digits. The seeds here are those for which PyTorch's float32 agrees with PyTorch's float64 from the
same start, far below the printed digits."""

import pathlib

import torch
from torch.utils.data import DataLoader, TensorDataset

SEEDS = (0, 2, 3)
INPUT, HIDDEN, OUTPUT, LENGTH, BATCH, EPOCHS, SAMPLES = 1, 32, 1, 10, 32, 10, 1000


class SimpleRNN(torch.nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.rnn = getattr(torch.nn, cell.upper())(INPUT, HIDDEN, batch_first=True)
        self.fc = torch.nn.Linear(HIDDEN, OUTPUT)

    def forward(self, x):
        return torch.sigmoid(self.fc(self.rnn(x)[0][:, -1, :]))


def train(cell, seed, drawn, computed):
    """Returns losses and prediction; values are drawn in one dtype, and computed with in another."""
    torch.set_default_dtype(drawn)
    torch.manual_seed(seed)
    model = SimpleRNN(cell).to(computed)
    adam = torch.optim.Adam(model.parameters(), lr=0.01)
    x = torch.randn(SAMPLES, LENGTH, INPUT).to(computed)
    y = (x.sum(1) > 0).to(computed)
    loader = DataLoader(TensorDataset(x, y), batch_size=BATCH, shuffle=True)
    values = []
    for _ in range(EPOCHS):
        for inputs, targets in loader:
            adam.zero_grad()
            loss = torch.nn.functional.binary_cross_entropy(model(inputs), targets)
            loss.backward()
            adam.step()
        values.append(loss.item())
    values.append(model(torch.randn(1, LENGTH, INPUT).to(computed)).item())
    return values


def main():
    torch.set_num_threads(1)
    lines = []
    for cell in ("rnn", "gru", "lstm"):
        for seed in SEEDS:
            single = train(cell, seed, torch.float32, torch.float32)
            exact = train(cell, seed, torch.float32, torch.float64)
            if max(abs(a - b) for a, b in zip(single, exact)) > 1e-5:
                raise SystemExit(f"{cell}, seed {seed}: rounding errors show; take another seed")
            double = train(cell, seed, torch.float64, torch.float64)
            for dtype, values in ("float32", single), ("float64", double):
                lines.append(f"{cell} {seed} {dtype} " + " ".join(f"{v:.6f}" for v in values) + "\n")
    (pathlib.Path(__file__).parent / "training.txt").write_text("".join(lines))


if __name__ == "__main__":
    main()
