# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""A network that solves an equation of physics: u'' + 4 u' + 400 u = 0, u(0) = 1, u'(0) = 0, a damped oscillator."""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
start = torch.zeros(1, 1, requires_grad=True)
times = torch.linspace(0, 1, 30).view(-1, 1).requires_grad_()


def derivative(y, x):
    return torch.autograd.grad(y, x, torch.ones_like(y), create_graph=True)[0]


for step in range(401):
    u0 = model(start)
    at_start = (u0 - 1).square().mean() + 0.1 * derivative(u0, start).square().mean()
    u = model(times)
    du = derivative(u, times)
    equation = (derivative(du, times) + 4 * du + 400 * u).square().mean()
    loss = at_start + 1e-4 * equation
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        print(f"step {step:3}  loss {loss.item():.4f}")
