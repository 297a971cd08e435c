# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Sequence to sequence with attention: two GRUs learn to say eight digits backwards."""

import torch
from torch import nn
from torch.nn import functional as F


class Seq2Seq(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 16)  # ten digits and a start
        self.encoder = nn.GRU(16, 32)
        self.decoder = nn.GRUCell(16 + 32, 32)
        self.head = nn.Linear(32, 10)

    def forward(self, x, y):
        memory, h = self.encoder(self.embedding(x))  # (T,B,32)
        h, token, logits = h[0], torch.full_like(x[0], 10), []
        for t in range(len(y)):
            scores = torch.einsum("tbh,bh->bt", memory, h)
            context = torch.einsum("bt,tbh->bh", scores.softmax(1), memory)
            h = self.decoder(torch.cat([self.embedding(token), context], 1), h)
            logits.append(self.head(h))
            token = y[t]
        return torch.stack(logits)


torch.manual_seed(0)
model = Seq2Seq()
optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
for step in range(61):
    x = torch.randint(0, 10, (8, 32))
    y = x.flip(0)
    loss = F.cross_entropy(model(x, y).flatten(0, 1), y.flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1)
    optimizer.step()
    if step % 20 == 0:
        print(f"step {step:2}  loss {loss.item():.4f}")
