# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Two LSTM cells learn sine waves by L-BFGS, all data at once."""

import torch
from torch import nn


class Sequence(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm1 = nn.LSTMCell(1, 16)
        self.lstm2 = nn.LSTMCell(16, 16)
        self.linear = nn.Linear(16, 1)

    def forward(self, x):
        outputs = []
        state1 = state2 = None
        for step in x.split(1, dim=1):
            state1 = self.lstm1(step, state1)
            state2 = self.lstm2(state1[0], state2)
            outputs.append(self.linear(state2[0]))
        return torch.cat(outputs, 1)


torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
starts = torch.randint(-80, 80, (12, 1)).double()
waves = ((torch.arange(0, 60) + starts) / 8).sin()
model = Sequence()
optimizer = torch.optim.LBFGS(model.parameters(), lr=0.8, max_iter=10)


def closure():
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(waves[:, :-1]), waves[:, 1:])
    loss.backward()
    return loss


for step in range(4):
    print(f"step {step}  loss {optimizer.step(closure).item():.4f}")
