#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Writes windows.safetensors and windows.txt for check_windows.c, which has the same tables: PyTorch's values of
convolution and pooling layers.

    make_windows.py [FOLDER]     (needs torch and safetensors)
"""
import sys

import torch
from safetensors.torch import save_file
from torch import nn

PARAMETER_SEED = 7

# name: layer, shape of x
LAYERS = {
    "conv1d": (lambda: nn.Conv1d(3, 4, 3), (2, 3, 6)),
    "conv1d_all": (lambda: nn.Conv1d(4, 6, 2, stride=2, padding=1, dilation=2, groups=2, bias=False), (2, 4, 6)),
    "conv1d_same": (lambda: nn.Conv1d(2, 3, 4, padding="same"), (2, 5)),
    "conv2d": (lambda: nn.Conv2d(2, 3, 2), (2, 2, 3, 4)),
    "conv2d_all": (
        lambda: nn.Conv2d(2, 4, (2, 3), stride=(2, 1), padding=(0, 1), dilation=(1, 2), groups=2),
        (2, 2, 4, 4),
    ),
    "conv_transpose1d": (lambda: nn.ConvTranspose1d(3, 4, 3, 2, 1, output_padding=1), (2, 3, 5)),
    "conv_transpose2d": (lambda: nn.ConvTranspose2d(4, 6, (2, 3), (3, 1), (0, 1), (2, 0), 2, False, 2), (2, 4, 3, 4)),
    "max_pool1d": (lambda: nn.MaxPool1d(3, 2, padding=1, ceil_mode=True), (2, 3, 6)),
    "max_pool2d": (lambda: nn.MaxPool2d((2, 3)), (2, 3, 4, 7)),
    "avg_pool1d": (lambda: nn.AvgPool1d(3, 2, padding=1, count_include_pad=False), (2, 3, 6)),
    "avg_pool2d": (lambda: nn.AvgPool2d(2, (2, 1), divisor_override=3), (2, 3, 4, 3)),
    "adaptive_avg_pool1d": (lambda: nn.AdaptiveAvgPool1d(3), (2, 3, 7)),
    "adaptive_avg_pool2d": (lambda: nn.AdaptiveAvgPool2d((2, None)), (2, 3, 5, 2)),
    "adaptive_max_pool1d": (lambda: nn.AdaptiveMaxPool1d(3), (2, 3, 7)),
    "adaptive_max_pool2d": (lambda: nn.AdaptiveMaxPool2d(2), (2, 3, 5, 4)),
    "upsample": (lambda: nn.Upsample(scale_factor=2.0), (2, 1, 2, 3)),
    "upsample_linear": (lambda: nn.Upsample(5, mode="linear", align_corners=True), (2, 1, 3)),
    "zero_pad1d": (lambda: nn.ZeroPad1d(2), (2, 3)),
    "zero_pad2d": (lambda: nn.ZeroPad2d((1, 0, 2, -1)), (2, 3, 3)),
    "constant_pad1d": (lambda: nn.ConstantPad1d((1, 0), 3.5), (2, 1, 3)),
    "constant_pad2d": (lambda: nn.ConstantPad2d(1, -0.25), (2, 1, 3, 2)),
    "reflection_pad1d": (lambda: nn.ReflectionPad1d((1, 2)), (2, 1, 3)),
    "reflection_pad2d": (lambda: nn.ReflectionPad2d((1, 2, 0, 1)), (2, 1, 2, 3)),
    "replication_pad1d": (lambda: nn.ReplicationPad1d((3, 1)), (2, 1, 2)),
    "replication_pad2d": (lambda: nn.ReplicationPad2d((1, 2, 0, 1)), (2, 1, 2, 3)),
    "circular_pad1d": (lambda: nn.CircularPad1d(2), (2, 1, 3)),
    "circular_pad2d": (lambda: nn.CircularPad2d((1, 2, 0, 1)), (2, 1, 2, 3)),
    "unflatten": (lambda: nn.Unflatten(1, (2, 3)), (2, 6)),
    "flatten": (lambda: nn.Flatten(1, 2), (2, 3, 2, 2)),
    "network": (
        lambda: nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 2, (1, 2)),
                              nn.AvgPool2d((3, 2), 1), nn.Flatten(), nn.Linear(2, 3)),
        (2, 1, 6, 6),
    ),
}


def flat(tensors):
    return torch.cat([t.detach().reshape(-1) for t in tensors])


def layer_case(make, shape):
    torch.manual_seed(PARAMETER_SEED)
    m = make()
    x = torch.randn(shape, requires_grad=True)
    out = m(x)
    out.square().sum().backward()
    values = {"x": x, "out": out, "x_grad": x.grad}
    if list(m.parameters()):
        values.update(parameters=flat(m.parameters()), gradients=flat(p.grad for p in m.parameters()))
    return values


def all_values():
    values = {}
    for dtype, short in ((torch.float32, "f32"), (torch.float64, "f64")):
        torch.set_default_dtype(dtype)
        for name, case in LAYERS.items():
            values.update({f"{short}.{name}.{k}": v for k, v in layer_case(*case).items()})
    torch.set_default_dtype(torch.float32)
    return {k: v.detach().contiguous().clone() for k, v in values.items()}


def printed_modules():
    for make, _ in LAYERS.values():
        yield make()
    yield nn.Conv2d(3, 6, 3, padding="same", dilation=2, groups=3)
    yield nn.Conv2d(3, 6, 1, padding=(0, 1))
    yield nn.MaxPool1d(3)
    yield nn.MaxPool2d(3, (2, 1), padding=(1, 0), dilation=2)
    yield nn.MaxUnpool1d(3, 2, 1)
    yield nn.MaxUnpool2d(2)
    yield nn.MaxUnpool2d((2, 3), (2, 1), (0, 1))
    yield nn.AvgPool1d(2)
    yield nn.AvgPool2d((2, 3), padding=1)
    yield nn.Flatten()


def printout(m):
    count = sum(p.numel() for p in m.parameters())
    return "\n".join([repr(m), f"{count} parameter{'' if count == 1 else 's'}", *m.state_dict()]) + "\n"


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else "."
    torch.set_num_threads(1)
    save_file(all_values(), f"{folder}/windows.safetensors")
    with open(f"{folder}/windows.txt", "w", encoding="ascii") as file:
        file.writelines(printout(m) for m in printed_modules())


main()
