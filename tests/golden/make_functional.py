# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Writes functional.safetensors: the gradients of MAML (Finn, Abbeel and Levine, 2017) through two inner steps, with
torch.func.functional_call, and the loss and gradient of a model with tied weights, for check_modules.c."""

import os

import torch
from safetensors.torch import save_file
from torch import nn
from torch.func import functional_call

torch.manual_seed(3)
torch.set_default_dtype(torch.float64)

net = nn.Sequential(nn.Linear(1, 5), nn.Tanh(), nn.Linear(5, 1))
x, y = torch.randn(6, 1), torch.randn(6, 1)
out = {f"maml.{k}": v.detach().clone() for k, v in net.named_parameters()} | {"maml.x": x, "maml.y": y}
fast = dict(net.named_parameters())
for _ in range(2):
    loss = ((functional_call(net, fast, (x,)) - y) ** 2).mean()
    grads = torch.autograd.grad(loss, fast.values(), create_graph=True)
    fast = {k: v - 0.1 * g for (k, v), g in zip(fast.items(), grads)}
loss = ((functional_call(net, fast, (2 * x,)) - y) ** 2).mean()
loss.backward()
out["maml.loss"] = loss.detach()
out |= {f"maml.grad.{k}": v.grad for k, v in net.named_parameters()}

embedding, head = nn.Embedding(7, 4), nn.Linear(4, 7)
head.weight = embedding.weight
index = torch.tensor([0, 3, 6, 3])
loss = nn.functional.cross_entropy(head(torch.tanh(embedding(index))), torch.tensor([1, 2, 3, 6]))
loss.backward()
out |= {"tied.weight": embedding.weight.detach(), "tied.bias": head.bias.detach(), "tied.loss": loss.detach()}
out["tied.grad"] = head.weight.grad

save_file(out, os.path.join(os.path.dirname(__file__), "functional.safetensors"))
