# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""A triplet net: a GRU puts recordings of one speaker near each other, and those of two speakers apart."""

import torch
from torch import nn
from torch.nn import functional as F


class Embedder(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(12, 24)
        self.head = nn.Linear(24, 8)

    def forward(self, x, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
        return F.normalize(self.head(self.gru(packed)[1][0]), dim=1)


def read_recordings(path):
    rows = [row.split(":")[:-1] for row in open(path) if row[0] not in "#@\n"]
    series = [torch.tensor([[float(v) for v in part.split(",")] for part in row]).T for row in rows]
    return nn.utils.rnn.pad_sequence(series), torch.tensor([len(s) for s in series])


x, lengths = read_recordings("examples/data/JapaneseVowels_TRAIN.ts")  # (T,270,12): thirty of each of nine speakers
torch.manual_seed(0)
model = Embedder()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for step in range(41):
    speaker, away = torch.randint(0, 9, (32,)), torch.randint(1, 9, (32,))
    other = torch.remainder(speaker + away, 9)
    rows = [s * 30 + torch.randint(0, 30, (32,)) for s in (speaker, speaker, other)]
    anchor, positive, negative = [model(x[:, r], lengths[r]) for r in rows]
    loss = F.triplet_margin_loss(anchor, positive, negative, margin=0.5)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step:2}  loss {loss.item():.4f}")
