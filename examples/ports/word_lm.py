# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""A word language model whose embedding and output layer share one weight learns a licence by heart."""

import torch
from torch import nn


class WordLM(nn.Module):
    def __init__(self, words, size):
        super().__init__()
        self.encoder = nn.Embedding(words, size)
        self.rnn = nn.LSTM(size, size, 2, dropout=0.1)
        self.decoder = nn.Linear(size, words)
        self.decoder.weight = self.encoder.weight

    def forward(self, x, state=None):
        out, state = self.rnn(self.encoder(x), state)
        return self.decoder(out), state


with open("LICENSE") as file:
    words = file.read().split()
vocabulary = list(dict.fromkeys(words))
text = torch.tensor([vocabulary.index(word) for word in words])
columns = text[: len(text) // 4 * 4].view(4, -1).T  # (T,4): four parts, read at the same time
inputs, targets = columns[:-1], columns[1:]
torch.manual_seed(0)
model = WordLM(len(vocabulary), 32)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(1, 11):
    state = None
    total, steps = 0, 0
    for start in range(0, len(inputs), 12):
        x, y = inputs[start : start + 12], targets[start : start + 12]
        logits, state = model(x, state)
        state = tuple(s.detach() for s in state)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        optimizer.step()
        total += loss.item()
        steps += 1
    print(f"epoch {epoch:2}  loss {total / steps:.3f}")
