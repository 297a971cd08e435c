# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Writes random.txt: numbers of PyTorch's CPU generator. A line is a call,

    seed S | rand DTYPE N | randn DTYPE N | randint LOW HIGH N | randperm N | uniform DTYPE LOW HIGH N | draw63 |
    permuted S N (by its own generator)

and then, except for seed, " : " and the values, floats as hexadecimal: all values, or the first 20 and the last 20 if
there are more than 40. Calls between two seeds continue the same sequence of draws.

    python make_random.py > random.txt
"""

import torch

DTYPES = {"float32": torch.float32, "float64": torch.float64}


def show(call, values):
    values = values.reshape(-1).tolist()
    if len(values) > 40:
        values = values[:20] + values[-20:]
    print(call, ":", " ".join(v.hex() if isinstance(v, float) else str(v) for v in values))


def seed(s):
    torch.manual_seed(s)
    print("seed", s % 2**64)


def rand(n, dtype="float32"):
    show("rand %s %d" % (dtype, n), torch.rand(n, dtype=DTYPES[dtype]))


def randn(n, dtype="float32"):
    show("randn %s %d" % (dtype, n), torch.randn(n, dtype=DTYPES[dtype]))


def randint(low, high, n):
    show("randint %d %d %d" % (low, high, n), torch.randint(low, high, (n,)))


def randperm(n):
    show("randperm %d" % n, torch.randperm(n))


def uniform(low, high, n, dtype="float32"):
    t = torch.empty(n, dtype=DTYPES[dtype]).uniform_(low, high)
    show("uniform %s %s %s %d" % (dtype, low.hex(), high.hex(), n), t)


def draw63():
    show("draw63", torch.empty((), dtype=torch.int64).random_())


def permuted(s, n):
    show("permuted %d %d" % (s, n), torch.randperm(n, generator=torch.Generator().manual_seed(s)))


for dtype in DTYPES:
    for n in (1, 2, 7, 15, 16, 17, 31, 32, 33, 100, 1000):
        seed(n)
        rand(n, dtype)
        randn(n, dtype)
        rand(1, dtype)

# The second normal value of a pair is kept for the next call that needs a single one, of either dtype. A new seed drops
# it.
seed(11)
randn(1)
randn(1)
randn(3)
rand(2)
randn(1)
randn(20)
randn(1, "float64")
randn(2)
randn(16, "float64")
randn(1)
seed(11)
randn(1)
seed(11)
randn(1)

for s in (0, 1, 2**31, 2**32 - 1, 2**32, 2**32 + 7, 2**63 + 5, -1, -5):
    seed(s)
    rand(3)
    randint(0, 100, 3)
    rand(2, "float64")

for low, high in (
    (0, 1),
    (0, 2),
    (-5, 6),
    (0, 2**24 + 1),
    (0, 2**28 - 1),
    (0, 2**28),
    (0, 2**31),
    (7, 2**32 + 6),
    (0, 2**32 - 1),
    (0, 2**32),
    (0, 2**32 + 1),
    (-(2**40), 2**40),
    (0, 2**63 - 1),
    (-(2**63), 2**63 - 1),
    (-(2**62), 2**62),
):
    seed(5)
    randint(low, high, 5)
    rand(1)

for n in (0, 1, 2, 10, 1000, 30000):
    seed(n)
    randperm(n)
    rand(1)

# Draws that cross the end of the generator's block of 624 words.
seed(3)
rand(623)
rand(2, "float64")
rand(620)
randint(0, 2**40, 3)
randn(5)
randperm(5)
randint(0, 10, 5)
randn(100)
rand(3)

# The draws of layers and loaders.
seed(8)
uniform(-0.1, 0.1, 30)
uniform(-(7**-0.5), 7**-0.5, 30)
uniform(-1e-3, 5.0, 20, "float64")
uniform(0.25, 0.75, 3)
draw63()
draw63()
permuted(123456789, 10)
permuted(2**40 + 3, 100)
rand(1)
