# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Writes optim.safetensors: parameters after steps of PyTorch's optimisers with given gradients, and gradients clipped
by torch.nn.utils.clip_grad_norm_ and clip_grad_value_."""

import os

import torch
from safetensors.torch import save_file

STEPS, SHOWN = 100, (1, 2, 10, 100)
SHAPES = {"a": (19,), "b": (2, 3)}  # a: whole SIMD vectors and a rest
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
    "adam_amsgrad": dict(lr=0.01, betas=(0.9, 0.5), weight_decay=0.1, amsgrad=True),
    "adam_groups": dict(lr=0.01, weight_decay=0.1),
    "adamw": {},
    "adamw_zero_decay": dict(lr=0.01, weight_decay=0.0),
    "adamw_decay": dict(lr=0.01, betas=(0.4, 0.7), weight_decay=0.5),
    "adamw_maximize": dict(lr=0.01, weight_decay=0.1, maximize=True),
    "adamw_amsgrad": dict(lr=0.01, betas=(0.9, 0.5), amsgrad=True),
    "rmsprop": {},
    "rmsprop_lr": dict(lr=0.05, alpha=0.3, eps=0.1),
    "rmsprop_momentum": dict(momentum=0.9, weight_decay=0.1),
    "rmsprop_centered": dict(centered=True, maximize=True),
    "rmsprop_both": dict(centered=True, alpha=0.4, momentum=0.5),
    "rmsprop_groups": dict(momentum=0.5),
    "adagrad": {},
    "adagrad_lr": dict(lr=0.05, lr_decay=0.1, weight_decay=0.1),
    "adagrad_start": dict(initial_accumulator_value=0.7, eps=0.1),
    "adagrad_maximize": dict(maximize=True),
    "adadelta": {},
    "adadelta_lr": dict(lr=0.3, rho=0.5, eps=1e-3, weight_decay=0.1),
    "adadelta_maximize": dict(maximize=True),
    "nadam": {},
    "nadam_lr": dict(lr=0.05, betas=(0.4, 0.7), weight_decay=0.1, momentum_decay=0.3),
    "nadam_decoupled": dict(weight_decay=0.1, eps=0.1, decoupled_weight_decay=True, maximize=True),
    "radam": {},
    "radam_lr": dict(lr=0.05, betas=(0.4, 0.9), weight_decay=0.1),
    "radam_decoupled": dict(weight_decay=0.1, eps=0.1, decoupled_weight_decay=True, maximize=True),
    "rprop": {},
    "rprop_etas": dict(lr=0.3, etas=(0.3, 1.9), step_sizes=(0.05, 0.5), maximize=True),
}
# The options of b's own group in the cases whose names end in _groups.
GROUPS = {
    "adam_groups": dict(lr=0.03, weight_decay=0.0, betas=(0.5, 0.999), amsgrad=True),
    "rmsprop_groups": dict(momentum=0.0, centered=True, eps=0.01),
}
KINDS = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
    "rprop": torch.optim.Rprop,
}
DTYPES = {"f32": torch.float32, "f64": torch.float64}

torch.manual_seed(0)
out = {f"start.{k}": torch.randn(s) for k, s in SHAPES.items()}
out |= {f"gradients.{k}": torch.randn(STEPS, *s) for k, s in SHAPES.items()}


def train(case, dtype):
    params = {k: torch.nn.Parameter(out[f"start.{k}"].to(dtype, copy=True)) for k in SHAPES}
    groups = [dict(params=[params["a"]]), dict(params=[params["b"]], **GROUPS.get(case, {}))]
    optim = KINDS[case.split("_")[0]](groups, **CASES[case])
    for step in range(1, STEPS + 1):
        for k, p in params.items():
            p.grad = out[f"gradients.{k}"][step - 1].to(dtype)
        if step % 4 == 1:  # b has no gradient in these steps, the first one among them
            params["b"].grad = None
        if case.endswith("_lr") and step == 50:
            for group in optim.param_groups:
                group["lr"] = 0.001
        optim.step()
        if step in SHOWN:
            yield from ((f"{k}.{step}", p.detach().clone()) for k, p in params.items())


for case in CASES:
    for name, dtype in DTYPES.items():
        out |= {f"{case}.{name}.{k}": v for k, v in train(case, dtype)}


def closure(optim, x, y, a, b, sign, waves):
    """Rosenbrock's function of x, and a curve, a tanh(b y), close to another: far from quadratic.

    With waves there are many minima."""

    def loss():
        optim.zero_grad()
        valley = ((1 - x[:-1]) ** 2 + 3 * (x[1:] - x[:-1] ** 2) ** 2).sum()
        curve = ((a * torch.tanh(b * y) - 2 * torch.sin(y)) ** 2).mean()
        value = sign * (valley + curve + waves * torch.sin(5 * x).sum())
        value.backward()
        return value

    return loss


LBFGS = {
    "lbfgs": dict(lr=0.1),
    "lbfgs_wolfe": dict(line_search_fn="strong_wolfe"),
    "lbfgs_short": dict(lr=0.5, max_iter=3, history_size=2, line_search_fn="strong_wolfe"),
    "lbfgs_few": dict(max_iter=10, max_eval=4, tolerance_change=1e-4, line_search_fn="strong_wolfe"),
    "lbfgs_far": dict(lr=40, max_iter=4, line_search_fn="strong_wolfe"),
    "lbfgs_waves": dict(lr=10, max_iter=5, line_search_fn="strong_wolfe"),
    "lbfgs_maximize": dict(lr=0.05, max_iter=5, maximize=True),
    "lbfgs_maximize_wolfe": dict(maximize=True, tolerance_grad=1e-3, line_search_fn="strong_wolfe"),
}
LBFGS_STEPS = 6
out["lbfgs.points"] = torch.linspace(-2, 2, 11, dtype=torch.float64)
for case, options in LBFGS.items():
    for name, dtype in DTYPES.items():
        x = torch.nn.Parameter(torch.tensor([-1.0, 0.7, 0.3, -0.4], dtype=dtype))
        ab = [torch.nn.Parameter(torch.tensor(v, dtype=dtype)) for v in ([0.5], [0.2])]
        optim = torch.optim.LBFGS([x, *ab], **options)
        sign, waves = -1 if "maximize" in case else 1, 3.0 * ("waves" in case)
        loss = closure(optim, x, out["lbfgs.points"].to(dtype), *ab, sign, waves)
        losses = [optim.step(loss).detach() for _ in range(LBFGS_STEPS)]
        out[f"{case}.{name}.losses"] = torch.stack(losses).double()
        out[f"{case}.{name}.evals"] = torch.tensor([optim.state[x]["func_evals"]])
        out[f"{case}.{name}.x"] = x.detach()

# Clipping of float32, of float64, and of a module with both (a and b). For 0.9, division by the norm in float32 and
# multiplication by its reciprocal give different results.
out["clip.a"], out["clip.b"] = torch.randn(203), torch.randn(7, 5) * 3
for name, types in {"f32": ("f32", "f32"), "f64": ("f64", "f64"), "both": ("f32", "f64")}.items():
    for limit in ("0", "0.9", "1e9", "inf"):
        grads = [out[f"clip.{k}"].to(DTYPES[t], copy=True) for k, t in zip("ab", types)]
        params = [torch.nn.Parameter(torch.zeros_like(g)) for g in grads]
        for p, g in zip(params, grads):
            p.grad = g
        out[f"clip.{name}.{limit}.norm"] = torch.nn.utils.clip_grad_norm_(params, float(limit))
        out |= {f"clip.{name}.{limit}.{k}": g for k, g in zip("ab", grads)}

out["clip.special"] = torch.tensor([1.0, -2.5, float("nan"), float("inf"), -float("inf"), 0.25])
for name, p in {"1": 1.0, "3": 3.0, "0.5": 0.5, "inf": float("inf")}.items():
    for dtype in DTYPES:
        params = [torch.nn.Parameter(torch.zeros_like(out[f"clip.{k}"], dtype=DTYPES[dtype])) for k in "ab"]
        for param, k in zip(params, "ab"):
            param.grad = out[f"clip.{k}"].to(DTYPES[dtype], copy=True)
        out[f"clip.p{name}.{dtype}.norm"] = torch.nn.utils.clip_grad_norm_(params, 0.9, norm_type=p)
        out[f"clip.p{name}.{dtype}.b"] = params[1].grad
for dtype in DTYPES:
    param = torch.nn.Parameter(torch.zeros(6, dtype=DTYPES[dtype]))
    param.grad = out["clip.special"].to(DTYPES[dtype], copy=True)
    torch.nn.utils.clip_grad_value_([param], 0.7)
    out[f"clip.value.{dtype}"] = param.grad

save_file({k: v.contiguous() for k, v in out.items()}, os.path.join(os.path.dirname(__file__), "optim.safetensors"))
