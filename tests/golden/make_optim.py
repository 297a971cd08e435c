# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Writes optim.safetensors: parameters after steps of PyTorch's SGD and Adam with gradients that are given, not
computed, and gradients clipped by torch.nn.utils.clip_grad_norm_."""

import os

import torch
from safetensors.torch import save_file

STEPS, SHOWN = 100, (1, 2, 10, 100)
SHAPES = {"a": (19,), "b": (2, 3)}  # a: whole vectors and a rest
CASES = {
    "sgd": {},
    "sgd_lr": dict(lr=0.05),
    "sgd_momentum": dict(lr=0.01, momentum=0.9),
    "sgd_dampening": dict(lr=0.01, momentum=0.9, dampening=0.3),
    "sgd_nesterov": dict(lr=0.01, momentum=0.8, nesterov=True),
    "sgd_decay": dict(lr=0.01, weight_decay=0.1),
    "sgd_maximize": dict(lr=0.01, momentum=0.5, weight_decay=0.1, maximize=True),
    "adam": {},
    "adam_lr": dict(lr=0.05),
    "adam_betas": dict(lr=0.01, betas=(0.4, 0.7)),
    "adam_zero_betas": dict(lr=0.01, betas=(0.0, 0.0)),
    "adam_eps": dict(lr=0.01, eps=0.1),
    "adam_zero_eps": dict(lr=0.01, eps=0.0),
    "adam_decay": dict(lr=0.01, weight_decay=0.1),
    "adam_maximize": dict(lr=0.01, weight_decay=0.1, maximize=True),
}
DTYPES = {"f32": torch.float32, "f64": torch.float64}

torch.manual_seed(0)
out = {f"start.{k}": torch.randn(s) for k, s in SHAPES.items()}
out |= {f"gradients.{k}": torch.randn(STEPS, *s) for k, s in SHAPES.items()}


def train(case, dtype):
    params = {k: torch.nn.Parameter(out[f"start.{k}"].to(dtype, copy=True)) for k in SHAPES}
    kind = torch.optim.SGD if case.startswith("sgd") else torch.optim.Adam
    optim = kind(params.values(), **CASES[case])
    for step in range(1, STEPS + 1):
        for k, p in params.items():
            p.grad = out[f"gradients.{k}"][step - 1].to(dtype)
        if step % 4 == 1:  # b goes without, at its first chance too
            params["b"].grad = None
        if case.endswith("_lr") and step == 50:
            optim.param_groups[0]["lr"] = 0.001
        optim.step()
        if step in SHOWN:
            yield from ((f"{k}.{step}", p.detach().clone()) for k, p in params.items())


for case in CASES:
    for name, dtype in DTYPES.items():
        out |= {f"{case}.{name}.{k}": v for k, v in train(case, dtype)}

# Clipping: float32, float64, and a module of both (a and b). At 0.9, float32 division by the norm and multiplication by
# its reciprocal differ.
out["clip.a"], out["clip.b"] = torch.randn(203), torch.randn(7, 5) * 3
for name, types in {"f32": ("f32", "f32"), "f64": ("f64", "f64"), "both": ("f32", "f64")}.items():
    for limit in ("0", "0.9", "1e9", "inf"):
        grads = [out[f"clip.{k}"].to(DTYPES[t], copy=True) for k, t in zip("ab", types)]
        params = [torch.nn.Parameter(torch.zeros_like(g)) for g in grads]
        for p, g in zip(params, grads):
            p.grad = g
        out[f"clip.{name}.{limit}.norm"] = torch.nn.utils.clip_grad_norm_(params, float(limit))
        out |= {f"clip.{name}.{limit}.{k}": g for k, g in zip("ab", grads)}

save_file({k: v.contiguous() for k, v in out.items()}, os.path.join(os.path.dirname(__file__), "optim.safetensors"))
