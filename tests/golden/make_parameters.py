#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Writes parameters.safetensors for check_parameters.c: parameters that are shared, frozen and averaged, after steps of
PyTorch.

    make_parameters.py [FOLDER]     (needs torch and safetensors)
"""
import sys

import torch
from safetensors.torch import save_file
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class Model(nn.Module):
    """first and second share their weight."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
        self.second.weight = self.first.weight
        self.register_buffer("mean", torch.zeros(2))
        self.register_buffer("count", torch.zeros(2, dtype=torch.int64))

    def forward(self, x):
        return self.second(self.first(x).tanh())


def train(freeze):
    """Trains for five steps. If freezing is asked for, `first` is frozen in the third and fourth step."""
    torch.manual_seed(7)
    m = Model()
    x = torch.randn(4, 3)
    optim = torch.optim.SGD(m.parameters(), lr=0.05, momentum=0.9)
    for step in range(5):
        m.first.requires_grad_(not freeze or step not in (2, 3))
        optim.zero_grad()
        m(x).square().sum().backward()
        optim.step()
    return {"x": x, **m.state_dict()}


def average(decay, use_buffers):
    m = Model()
    averaged = AveragedModel(m, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=use_buffers)
    values = {}
    for step in range(4):
        torch.manual_seed(step)
        for p in m.parameters():
            nn.init.uniform_(p, -1, 1)
        nn.init.uniform_(m.mean, -1, 1)
        m.count.copy_(torch.randint(-50, 50, (2,)))
        averaged.update_parameters(m)
        if step in (0, 1, 3):
            values.update({f"{step}.{name}": t.clone() for name, t in averaged.state_dict().items()})
    return values


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else "."
    torch.set_num_threads(1)
    values = {}
    for freeze in (False, True):
        values.update({f"f32.train.{'frozen' if freeze else 'shared'}.{k}": v for k, v in train(freeze).items()})
    for dtype, short in ((torch.float32, "f32"), (torch.float64, "f64")):
        torch.set_default_dtype(dtype)
        for name, (decay, use_buffers) in {"slow": (0.9, False), "fast": (0.3, False), "buffers": (0.9, True)}.items():
            values.update({f"{short}.average.{name}.{k}": v for k, v in average(decay, use_buffers).items()})
    torch.set_default_dtype(torch.float32)
    save_file({k: v.detach().clone() for k, v in values.items()}, f"{folder}/parameters.safetensors")


main()
