#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# Uses frond from Python through ctypes: a linear layer learns y = 2 x + 1 with Adam. Prints the first and the last
# loss.
#
#     train.py LIBFROND.SO

import ctypes
import sys

FR_MEAN = 0


class Shape(ctypes.Structure):
    _fields_ = [("ndim", ctypes.c_int), ("dim", ctypes.c_int64 * 8)]

    def __init__(self, *sizes):
        super().__init__(len(sizes), (ctypes.c_int64 * 8)(*sizes))


class AdamOptions(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_double) for name in ("lr", "beta1", "beta2", "eps", "weight_decay")),
        ("maximize", ctypes.c_bool),
        ("amsgrad", ctypes.c_bool),
        ("reserved", ctypes.c_void_p * 8),
    ]


POINTER = ctypes.c_void_p
PROTOTYPES = {
    "fr_scope_begin": (ctypes.c_int,),
    "fr_scope_end": (None, ctypes.c_int),
    "fr_manual_seed": (None, ctypes.c_uint64),
    "fr_from_doubles": (POINTER, Shape, ctypes.POINTER(ctypes.c_double)),
    "fr_item": (ctypes.c_double, POINTER),
    "fr_mse": (POINTER, POINTER, POINTER, ctypes.c_int),
    "fr_backward": (ctypes.c_bool, POINTER),
    "fr_nn_linear": (POINTER, ctypes.c_int64, ctypes.c_int64, POINTER),
    "fr_forward": (POINTER, POINTER, POINTER),
    "fr_module_free": (None, POINTER),
    "fr_adam": (POINTER, POINTER, ctypes.POINTER(AdamOptions)),
    "fr_optim_zero_grad": (None, POINTER),
    "fr_optim_step": (ctypes.c_bool, POINTER),
    "fr_optim_free": (None, POINTER),
    "fr_live_tensors": (ctypes.c_size_t,),
}


def load(path):
    frond = ctypes.CDLL(path)
    for name, (result, *arguments) in PROTOTYPES.items():
        function = getattr(frond, name)
        function.restype, function.argtypes = result, arguments
    return frond


class Scope:
    def __init__(self, frond):
        self.frond = frond

    def __enter__(self):
        self.number = self.frond.fr_scope_begin()

    def __exit__(self, *_):
        self.frond.fr_scope_end(self.number)


def column(frond, values):
    return frond.fr_from_doubles(Shape(len(values), 1), (ctypes.c_double * len(values))(*values))


def train(frond, steps):
    losses = []
    with Scope(frond):
        frond.fr_manual_seed(0)
        x = column(frond, [i / 10 for i in range(20)])
        y = column(frond, [2 * i / 10 + 1 for i in range(20)])
        model = frond.fr_nn_linear(1, 1, None)
        adam = frond.fr_adam(model, ctypes.byref(AdamOptions(lr=0.1)))
        for _ in range(steps):
            with Scope(frond):
                loss = frond.fr_mse(frond.fr_forward(model, x), y, FR_MEAN)
                frond.fr_optim_zero_grad(adam)
                frond.fr_backward(loss)
                frond.fr_optim_step(adam)
                losses.append(frond.fr_item(loss))
        frond.fr_optim_free(adam)
        frond.fr_module_free(model)
    return losses


def main():
    frond = load(sys.argv[1])
    losses = train(frond, 200)
    print(f"loss {losses[0]:.4f}, then {losses[-1]:.4f}")
    print(frond.fr_live_tensors(), "tensors alive")


main()
