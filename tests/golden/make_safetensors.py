# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Writes golden/safetensors/*.safetensors with Python's safetensors, for tests/check_io.c."""
import pathlib

import numpy
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch_file
from safetensors.torch import save_model

folder = pathlib.Path(__file__).parent / "safetensors"
folder.mkdir(exist_ok=True)


def write(name, tensors, metadata=None):
    save_file(tensors, folder / f"{name}.safetensors", metadata=metadata)
    (folder / f"{name}.safetensors").chmod(0o644)


# All kinds of tensors that can be loaded; the test makes the same tensors and expects the same bytes.
write("all", {
    "matrix": numpy.arange(6, dtype=numpy.float32).reshape(2, 3) / 4,
    "scalar": numpy.array(-1.5),
    "integers": numpy.array([-(2**63), -1, 2**63 - 1], numpy.int64),
    "special": numpy.array([numpy.inf, -numpy.inf, -0.0, 1e-310], numpy.float64),
    "none": numpy.zeros((2, 0, 3), numpy.float32),
    "none too": numpy.zeros((0,), numpy.float32),
    'a "name" \\ of\n\tmany / kinds: \u00e9 \u6f22 \x7f': numpy.ones((1, 1, 1, 1, 1, 1, 1, 1), numpy.float32),
})
write("empty", {})
write("metadata", {"x": numpy.ones(2, numpy.float32)}, {"format": "np"})

# dtypes that loading converts. The values are given as bits, so that NumPy and PyTorch round nothing.
halves = torch.tensor([0x0000, 0x8000, 0x0001, 0x83ff, 0x0400, 0x3555, 0xc000, 0x7bff, 0x7c00, 0xfc00, 0x7e00],
                      dtype=torch.uint16)
save_torch_file({
    "f16": halves.view(torch.float16),
    "bf16": halves.clone().view(torch.bfloat16),
    "bool": torch.tensor([[True, False], [False, True]]),
    **{str(dtype).removeprefix("torch."): torch.tensor([torch.iinfo(dtype).min, 7, torch.iinfo(dtype).max], dtype=dtype)
       for dtype in (torch.int8, torch.int16, torch.int32, torch.uint8, torch.uint16, torch.uint32)},
    "uint64": torch.tensor([0, 7, 2**63 - 1], dtype=torch.uint64),
}, folder / "kinds.safetensors")
(folder / "kinds.safetensors").chmod(0o644)
save_torch_file({"float": halves.view(torch.float16).float(), "bfloat": halves.view(torch.bfloat16).float()},
                folder / "halves.safetensors")
(folder / "halves.safetensors").chmod(0o644)

# The state of torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1)) under PyTorch's names.
write("model", {
    "0.weight": numpy.arange(6, dtype=numpy.float32).reshape(3, 2),
    "0.bias": numpy.array([-1, -2, -3], numpy.float32),
    "2.weight": numpy.array([[7, 8, 9]], numpy.float32),
    "2.bias": numpy.array([0.5], numpy.float32),
})


class Tied(torch.nn.Module):
    """b.w and a.w are one parameter."""

    def __init__(self):
        super().__init__()
        self.b, self.a = torch.nn.Module(), torch.nn.Module()
        self.b.w = self.a.w = torch.nn.Parameter(torch.arange(4.0).reshape(2, 2))
        self.register_buffer("n", torch.arange(3))


save_model(Tied(), folder / "tied.safetensors")
(folder / "tied.safetensors").chmod(0o644)
