# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""A neural ordinary differential equation: a network for dy/dt learns from pieces of a spiral."""

import torch
from torch import nn


class Derivative(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 50), nn.Tanh(), nn.Linear(50, 2))

    def forward(self, y):
        return self.net(y**3)


def odeint(f, y, steps, dt):
    path = [y]
    for _ in range(steps):
        k1 = f(y)
        k2 = f(y + dt / 2 * k1)
        k3 = f(y + dt / 2 * k2)
        k4 = f(y + dt * k3)
        y = y + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        path.append(y)
    return torch.stack(path)


torch.manual_seed(0)
spiral = torch.tensor([[-0.1, 2.0], [-2.0, -0.1]])
with torch.no_grad():
    truth = odeint(lambda y: y**3 @ spiral, torch.tensor([[2.0, 0.0]]), 400, 0.025)[:, 0]
model = Derivative()
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
for step in range(61):
    starts = torch.randint(0, 390, (20,))
    wanted = torch.stack([truth[starts + i] for i in range(11)])
    loss = (odeint(model, truth[starts], 10, 0.025) - wanted).abs().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        print(f"step {step:2}  loss {loss.item():.4f}")
