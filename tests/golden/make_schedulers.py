# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Writes schedulers.safetensors: the learning rates (and momentum, if it is cycled) of two groups under PyTorch's
schedulers, at some of 300 steps, and the metrics for reduce_lr_on_plateau."""

import math
import os

import torch
from safetensors.torch import save_file
from torch.optim import lr_scheduler as L

STEPS = 300
SHOWN = [*range(41), *range(47, STEPS, 11), STEPS]
RATES = (0.1, 0.03)

torch.manual_seed(0)
METRICS = torch.cumsum(torch.randn(STEPS, dtype=torch.float64), 0) * 0.1 + torch.exp(-torch.arange(STEPS) / 50.0)

# Each returns the schedulers to be stepped.
CASES = {
    "step": lambda o: [L.StepLR(o, 30, 0.5)],
    "step_every": lambda o: [L.StepLR(o, 1, 0.97)],
    "multi_step": lambda o: [L.MultiStepLR(o, [3, 3, 50, 120], 0.3)],
    "multi_step_zero": lambda o: [L.MultiStepLR(o, [0, 14], 0.1)],
    "exponential": lambda o: [L.ExponentialLR(o, 0.98)],
    "cosine": lambda o: [L.CosineAnnealingLR(o, 50, 0.001)],
    "cosine_whole": lambda o: [L.CosineAnnealingLR(o, 300)],
    "cosine_one": lambda o: [L.CosineAnnealingLR(o, 1)],
    "linear": lambda o: [L.LinearLR(o)],
    "linear_down": lambda o: [L.LinearLR(o, 0.9, 0.0, 40)],
    "constant": lambda o: [L.ConstantLR(o, 0.25, 20)],
    "lambda": lambda o: [L.LambdaLR(o, [lambda e: 1 / (1 + 0.1 * e), lambda e: 1 / (1 + 0.2 * e)])],
    "polynomial": lambda o: [L.PolynomialLR(o, 250, 2.5)],
    "polynomial_short": lambda o: [L.PolynomialLR(o)],
    "restarts": lambda o: [L.CosineAnnealingWarmRestarts(o, 17)],
    "restarts_longer": lambda o: [L.CosineAnnealingWarmRestarts(o, 10, 3, 0.001)],
    "sequential_restarts": lambda o: [
        L.SequentialLR(o, [L.LinearLR(o, 0.05, 1.0, 10), L.CosineAnnealingWarmRestarts(o, 10, 2)], [10])
    ],
    "cycle": lambda o: [L.CyclicLR(o, 0.01, 0.2, step_size_up=20)],
    "cycle_halved": lambda o: [
        L.CyclicLR(
            o, 0.3, 0.1, step_size_up=7, step_size_down=13, mode="triangular2", base_momentum=0.5, max_momentum=0.7
        )
    ],
    "cycle_adam": lambda o: [L.CyclicLR(o, 0.0, 0.1, step_size_up=50, mode="exp_range", gamma=0.99)],
    "one_cycle": lambda o: [L.OneCycleLR(o, 0.2, total_steps=STEPS)],
    "one_cycle_short": lambda o: [L.OneCycleLR(o, 0.2, total_steps=STEPS, pct_start=0.0, cycle_momentum=False)],
    "one_cycle_linear": lambda o: [
        L.OneCycleLR(
            o, [0.2, 0.5], total_steps=STEPS + 1, pct_start=0.4, anneal_strategy="linear", base_momentum=[0.7, 0.8],
            max_momentum=0.9, div_factor=10.0, final_div_factor=100.0, three_phase=True,
        )
    ],
    "one_cycle_adam": lambda o: [L.OneCycleLR(o, 0.2, total_steps=STEPS, three_phase=True, pct_start=0.2)],
    "chained": lambda o: [L.LinearLR(o, 0.1, 1.0, 25), L.ExponentialLR(o, 0.99), L.StepLR(o, 100, 0.5)],
    "chained_cosine": lambda o: [L.ConstantLR(o, 0.5, 30), L.CosineAnnealingLR(o, 40, 0.0)],
    "sequential": lambda o: [
        L.SequentialLR(o, [L.LinearLR(o, 0.05, 1.0, 10), L.CosineAnnealingLR(o, 100), L.StepLR(o, 9, 0.7)], [10, 110])
    ],
    "sequential_cycle": lambda o: [
        L.SequentialLR(o, [L.ConstantLR(o, 0.5, 10), L.OneCycleLR(o, 0.3, total_steps=295)], [7])
    ],
    "sequential_lambda": lambda o: [
        L.SequentialLR(o, [L.ExponentialLR(o, 0.9), L.LambdaLR(o, lambda e: math.exp(-0.01 * e))], [20])
    ],
    "plateau": lambda o: [L.ReduceLROnPlateau(o)],
    "plateau_max": lambda o: [
        L.ReduceLROnPlateau(
            o, "max", factor=0.5, patience=3, threshold=0.05, threshold_mode="abs", cooldown=4, min_lr=[0.01, 0.001],
            eps=1e-3,
        )
    ],
    "plateau_impatient": lambda o: [
        L.ReduceLROnPlateau(o, "max", factor=0.9, patience=0, threshold=0.3, threshold_mode="rel", min_lr=0.002)
    ],
    "plateau_abs": lambda o: [L.ReduceLROnPlateau(o, factor=0.7, patience=5, threshold=0.2, threshold_mode="abs")],
}


def run(case):
    params = [dict(params=[torch.nn.Parameter(torch.zeros(1))], lr=lr) for lr in RATES]
    kind = torch.optim.Adam if case.endswith("adam") else torch.optim.SGD
    optim = kind(params, lr=0.5, **({} if kind is torch.optim.Adam else dict(momentum=0.9)))
    schedulers = CASES[case](optim)
    rates, momenta = [], []
    for step in range(STEPS + 1):
        if step > 0:
            optim.step()
            for s in schedulers:
                s.step(*([METRICS[step - 1]] if case.startswith("plateau") else []))
        rates.append([g["lr"] for g in optim.param_groups])
        momenta.append([g["momentum"] if "momentum" in g else g["betas"][0] for g in optim.param_groups])
    curves = {"lr": rates, "momentum": momenta}
    return {name: torch.tensor(values, dtype=torch.float64)[SHOWN] for name, values in curves.items()}


out = {"metrics": METRICS, "shown": torch.tensor(SHOWN)}
for case in CASES:
    out |= {f"{case}.{k}": v for k, v in run(case).items() if k == "lr" or "cycle" in case}
save_file(out, os.path.join(os.path.dirname(__file__), "schedulers.safetensors"))
