#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Puts PyTorch's losses for the windows of examples/09_memory.c into examples/expected/09_memory.txt."""

import pathlib

import torch

STEPS, WINDOW, HIDDEN, EPOCHS = 400, 20, 16, 30


def main():
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(1)
    lstm, head = torch.nn.LSTM(1, HIDDEN), torch.nn.Linear(HIDDEN, 1)
    adam = torch.optim.Adam([*lstm.parameters(), *head.parameters()], lr=0.01)
    t = torch.arange(STEPS + 1).double()
    signal = (torch.sin(t * 0.2) * torch.cos(t * 0.03)).reshape(-1, 1, 1)
    printed = ""
    for epoch in range(1, EPOCHS + 1):
        state, total = None, 0
        for at in range(0, STEPS, WINDOW):
            out, (h, c) = lstm(signal[at:at + WINDOW], state)
            state = (h.detach(), c.detach())
            loss = torch.nn.functional.mse_loss(head(out), signal[at + 1:at + WINDOW + 1])
            adam.zero_grad()
            loss.backward()
            adam.step()
            total += loss.item()
        if epoch % 10 == 0:
            printed += f"epoch {epoch}  loss {total / (STEPS // WINDOW):.5e}\n"
    file = pathlib.Path(__file__).parent / "../../examples/expected/09_memory.txt"
    kept = [line for line in file.read_text(encoding="ascii").splitlines(keepends=True) if not line.startswith("epoch")]
    file.write_text("".join(kept) + printed, encoding="ascii")


if __name__ == "__main__":
    main()
