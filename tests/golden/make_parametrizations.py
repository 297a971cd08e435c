# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Writes parametrizations.safetensors for check_parametrize.c: modules under torch.nn.utils.parametrizations, drawn
from one seed, through steps of training, in evaluation, and after remove_parametrizations."""

import os

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm
from torch.nn.utils.parametrize import remove_parametrizations

CASES = {
    "linear": (lambda: weight_norm(nn.Linear(3, 5)), (4, 3), "weight"),
    "linear_all": (lambda: weight_norm(nn.Linear(3, 5), dim=None), (4, 3), "weight"),
    "conv": (lambda: weight_norm(nn.Conv1d(2, 3, 2), dim=1), (2, 2, 5), "weight"),
    "bias": (lambda: weight_norm(nn.Linear(3, 5), "bias"), (4, 3), "bias"),
    "rnn": (lambda: weight_norm(weight_norm(nn.LSTM(3, 4), "weight_hh_l0"), "weight_ih_l0"), (5, 2, 3), "weight_hh_l0"),
    "spectral": (lambda: spectral_norm(nn.Linear(3, 5)), (4, 3), "weight"),
    "spectral_conv": (lambda: spectral_norm(nn.Conv2d(2, 4, 3), n_power_iterations=2), (2, 2, 4, 5), "weight"),
    "spectral_transposed": (lambda: spectral_norm(nn.ConvTranspose1d(2, 3, 3)), (2, 2, 4), "weight"),
    "spectral_dim": (lambda: spectral_norm(nn.Conv1d(20, 3, 2), "weight", 1, 1e-6, 2), (2, 20, 4), "weight"),
    "spectral_bias": (lambda: spectral_norm(nn.Linear(3, 5), "bias"), (4, 3), "bias"),
}
torch.set_default_dtype(torch.float64)
out = {}


def run(m, x):
    y = m(x)
    return y[0] if isinstance(y, tuple) else y


for name, (make, shape, parameter) in CASES.items():
    torch.manual_seed(11)
    m = make()
    x = torch.randn(shape)
    out |= {f"{name}.x": x} | {f"{name}.first.{k}": v.detach().clone() for k, v in m.state_dict().items()}
    optim = torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for _ in range(4):
        optim.zero_grad()
        loss = (run(m, x) - 0.5).square().mean()
        loss.backward()
        optim.step()
        losses.append(loss.detach())
    out |= {f"{name}.last.{k}": v.detach().clone() for k, v in m.state_dict().items()}
    m.eval()
    out |= {f"{name}.losses": torch.stack(losses), f"{name}.y": run(m, x).detach().clone()}
    with torch.no_grad():
        for p in list(m.parametrizations):
            remove_parametrizations(m, p)
    out[f"{name}.removed"] = getattr(m, parameter).detach().clone()

save_file(out, os.path.join(os.path.dirname(__file__), "parametrizations.safetensors"))
