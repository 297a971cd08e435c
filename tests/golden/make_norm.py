#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Writes norm.safetensors and norm.txt for check_norm.c, which has the same table: PyTorch's values of normalisation
layers and Embedding.

    make_norm.py [FOLDER]     (needs torch and safetensors)

Each layer is made with seed 7, and its parameters are changed, so that they are not 0 or 1. It gets three batches in
training, and the first of them again in evaluation: x has the three batches, y and dx have all four. The gradients are
those of sum(y w); "gradients" has the parameters': summed over the first two batches, of the third, and in evaluation.
"""
import sys

import torch
from safetensors.torch import save_file
from torch import nn

SEED, BATCHES = 7, 3

# name: the layer, and the shape of x or, for Embedding, how many indices below how many
LAYERS = {
    "layer_norm": (lambda: nn.LayerNorm(4), (5, 4)),
    "layer_norm_two_dims": (lambda: nn.LayerNorm((3, 4), eps=0.25), (2, 3, 4)),
    "layer_norm_no_bias": (lambda: nn.LayerNorm(4, bias=False), (2, 3, 4)),
    "layer_norm_plain": (lambda: nn.LayerNorm(4, elementwise_affine=False), (3, 4)),
    "rms_norm": (lambda: nn.RMSNorm(4), (5, 4)),
    "rms_norm_eps": (lambda: nn.RMSNorm((3, 4), eps=0.25), (2, 3, 4)),
    "rms_norm_plain": (lambda: nn.RMSNorm(4, elementwise_affine=False), (3, 4)),
    "batch_norm1d": (lambda: nn.BatchNorm1d(3), (5, 3)),
    "batch_norm1d_length": (lambda: nn.BatchNorm1d(3, momentum=0.3, eps=0.25), (2, 3, 4)),
    "batch_norm1d_cumulative": (lambda: nn.BatchNorm1d(3, momentum=None), (5, 3)),
    "batch_norm1d_fixed": (lambda: nn.BatchNorm1d(3, momentum=0.0), (5, 3)),
    "batch_norm1d_no_bias": (lambda: nn.BatchNorm1d(3, bias=False), (5, 3)),
    "batch_norm1d_plain": (lambda: nn.BatchNorm1d(3, affine=False), (5, 3)),
    "batch_norm1d_untracked": (lambda: nn.BatchNorm1d(3, track_running_stats=False), (5, 3)),
    "batch_norm2d": (lambda: nn.BatchNorm2d(3), (2, 3, 2, 3)),
    "batch_norm2d_cumulative": (lambda: nn.BatchNorm2d(2, momentum=None, affine=False), (2, 2, 2, 3)),
    "group_norm": (lambda: nn.GroupNorm(2, 4), (2, 4, 3)),
    "group_norm_plain": (lambda: nn.GroupNorm(3, 3, eps=0.25, affine=False), (2, 3, 2, 2)),
    "group_norm_no_bias": (lambda: nn.GroupNorm(1, 4, bias=False), (5, 4)),
    "instance_norm1d": (lambda: nn.InstanceNorm1d(3), (2, 3, 4)),
    "instance_norm1d_tracked": (lambda: nn.InstanceNorm1d(3, momentum=0.3, track_running_stats=True), (3, 4)),
    "instance_norm2d": (lambda: nn.InstanceNorm2d(3, 0.25, affine=True, track_running_stats=True), (2, 3, 2, 3)),
    "instance_norm2d_no_bias": (lambda: nn.InstanceNorm2d(2, affine=True, bias=False), (2, 2, 2, 3)),
    "embedding": (lambda: nn.Embedding(5, 4), (5, (2, 3))),
    "embedding_few": (lambda: nn.Embedding(3, 2), (3, (7,))),
    "embedding_padding": (lambda: nn.Embedding(5, 4, padding_idx=0), (5, (2, 9))),
    "embedding_padding_last": (lambda: nn.Embedding(5, 4, padding_idx=-1), (5, (2, 9))),
}


def draw(shape):
    if isinstance(shape[1], tuple):
        return torch.randint(0, shape[0], shape[1])
    return (torch.randn(shape) + 2).requires_grad_()


def flat(tensors):
    return torch.cat([t.detach().reshape(-1) for t in tensors] + [torch.empty(0)])


def layer_case(make, shape):
    torch.manual_seed(SEED)
    m = make()
    values = {"parameters": flat(m.parameters())}
    with torch.no_grad():
        for p in m.parameters():
            p.add_(torch.arange(p.numel()).reshape(p.shape) * 0.125)
    xs = [draw(shape) for _ in range(BATCHES)]
    xs.append(xs[0].detach().clone().requires_grad_(xs[0].requires_grad))
    w = torch.randn_like(m.eval()(xs[0]))
    m.train()
    ys, gradients = [], []
    for i, x in enumerate(xs):
        if i >= BATCHES - 1:
            gradients.append(flat(p.grad for p in m.parameters()))
            m.zero_grad()
        if i == BATCHES:
            m.eval()
        ys.append(m(x))
        if ys[-1].requires_grad:
            (ys[-1] * w).sum().backward()
    gradients.append(flat(p.grad for p in m.parameters()))
    values.update(m.named_buffers(), x=torch.stack(xs[:BATCHES]), w=w, y=torch.stack(ys))
    values["gradients"] = torch.stack(gradients)
    if xs[0].requires_grad:
        values["dx"] = torch.stack([x.grad for x in xs])
    return values


def all_values():
    values = {}
    for dtype, short in ((torch.float32, "f32"), (torch.float64, "f64")):
        torch.set_default_dtype(dtype)
        for name, (make, shape) in LAYERS.items():
            values.update({f"{short}.{name}.{k}": v for k, v in layer_case(make, shape).items()})
    torch.set_default_dtype(torch.float32)
    return {k: v.detach().clone().contiguous() for k, v in values.items()}


def printout(m):
    count = sum(p.numel() for p in m.parameters())
    return "\n".join([repr(m), f"{count} parameter{'' if count == 1 else 's'}", *m.state_dict()]) + "\n"


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else "."
    torch.set_num_threads(1)
    save_file(all_values(), f"{folder}/norm.safetensors")
    with open(f"{folder}/norm.txt", "w", encoding="ascii") as file:
        file.writelines(printout(make()) for make, _ in LAYERS.values())
        file.write(printout(nn.LayerNorm(1, eps=0.0)) + printout(nn.RMSNorm(1, eps=0.0)))
        file.write(printout(nn.BatchNorm2d(1, eps=1e-3, momentum=1.0, affine=False, track_running_stats=False)))


main()
