# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""MAML: weights from which one step of gradient descent on five points of a sine wave is enough for the whole wave."""

import math

import torch
from torch import nn
from torch.func import functional_call
from torch.nn.functional import mse_loss

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(1, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(201):
    loss = 0
    for _ in range(4):
        amplitude = 0.1 + 4.9 * torch.rand(1)
        phase = math.pi * torch.rand(1)
        x = 10 * torch.rand(20, 1) - 5
        y = amplitude * (x + phase).sin()
        inner = mse_loss(model(x[:5]), y[:5])
        grads = torch.autograd.grad(inner, list(model.parameters()), create_graph=True)
        adapted = {name: p - 0.01 * g for (name, p), g in zip(model.named_parameters(), grads)}
        loss = loss + mse_loss(functional_call(model, adapted, x[5:]), y[5:]) / 4
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step:3}  loss {loss.item():.4f}")
