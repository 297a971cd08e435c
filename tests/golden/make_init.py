#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Writes init.safetensors for check_init.c, which has the same tables: tensors filled by torch.nn.init.

    make_init.py [FOLDER]     (needs torch and safetensors)

DTYPE.CASE.SHAPE is filled after torch.manual_seed(5); DTYPE.CASE.SHAPE.next is the result of torch.rand(1) after it.
"""
import math
import sys
import warnings

import torch
from safetensors.torch import save_file
from torch.nn import init

CASES = {
    "uniform": lambda t: init.uniform_(t, -0.5, 2),
    "normal": lambda t: init.normal_(t, 0.3, 0.7),
    "trunc_normal": lambda t: init.trunc_normal_(t, 0, 1, -1, 1.5),
    "trunc_half": lambda t: init.trunc_normal_(t, 0.5, 2, 0, math.inf),
    "trunc_tail": lambda t: init.trunc_normal_(t, 1, 2, 3, 4.5),
    "trunc_narrow": lambda t: init.trunc_normal_(t, 0, 1, -0.1, 0.2),
    "constant": lambda t: init.constant_(t, -1.1),
    "xavier_uniform": lambda t: init.xavier_uniform_(t, 1.5),
    "xavier_normal": lambda t: init.xavier_normal_(t, 1),
    "kaiming_uniform": lambda t: init.kaiming_uniform_(t),
    "kaiming_uniform_out": lambda t: init.kaiming_uniform_(t, 0.3, "fan_out"),
    "kaiming_normal": lambda t: init.kaiming_normal_(t, nonlinearity="relu"),
    "kaiming_normal_selu": lambda t: init.kaiming_normal_(t, 0, "fan_out", "selu"),
    "orthogonal": lambda t: init.orthogonal_(t, 1),
    "orthogonal_gain": lambda t: init.orthogonal_(t, -0.5),
}
SHAPES = {
    "few": lambda: torch.empty(3, 4),
    "tall": lambda: torch.empty(9, 4),
    "wide": lambda: torch.empty(4, 9),
    "kernels": lambda: torch.empty(4, 3, 2),
    "transposed": lambda: torch.empty(4, 9).t(),
    "none": lambda: torch.empty(0, 3),
}


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else "."
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    values = {}
    for dtype, short in ((torch.float32, "f32"), (torch.float64, "f64")):
        torch.set_default_dtype(dtype)
        for case, fill in CASES.items():
            for shape, make in SHAPES.items():
                torch.manual_seed(5)
                values[f"{short}.{case}.{shape}"] = fill(make()).contiguous()
                values[f"{short}.{case}.{shape}.next"] = torch.rand(1)
    save_file(values, f"{folder}/init.safetensors")


main()
