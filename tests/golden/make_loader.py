# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Writes loader.safetensors: for each case the rows that PyTorch's DataLoader returns in three epochs. It also has
numbers drawn from the global generator after the first batch of each epoch, when the loader has drawn its seeds, and
after the epoch. A case is named by its settings: rows, batch_size, shuffle, drop_last, seed."""

import os

import torch
from safetensors.torch import save_file
from torch.utils.data import DataLoader, TensorDataset

EPOCHS = 3
out = {}


def record(rows, batch_size, shuffle, drop_last, seed):
    torch.manual_seed(seed)
    loader = DataLoader(TensorDataset(torch.arange(rows)), batch_size, shuffle=shuffle, drop_last=drop_last)
    order, sizes, draws = [], [], []
    for _ in range(EPOCHS):
        first = True
        for (batch,) in loader:
            order += batch.tolist()
            sizes.append(len(batch))
            if first:
                draws.append(torch.rand(()))
            first = False
        draws.append(torch.rand(()))
    name = f"{rows}-{batch_size}-{shuffle:d}-{drop_last:d}-{seed}"
    out[f"{name}.order"] = torch.tensor(order, dtype=torch.int64)
    out[f"{name}.sizes"] = torch.tensor(sizes, dtype=torch.int64)
    out[f"{name}.draws"] = torch.stack(draws)


for shuffle in (True, False):
    for drop_last in (True, False):
        for rows, batch_size in ((10, 1), (10, 4), (10, 10), (10, 16), (33, 8), (1, 1)):
            record(rows, batch_size, shuffle, drop_last, seed=0)
record(700, 32, True, False, seed=7)  # more than the generator's 624 words
record(33, 8, True, False, seed=2**32 + 5)

# An epoch that is left after two batches and started again.
torch.manual_seed(3)
loader = DataLoader(TensorDataset(torch.arange(20)), 3, shuffle=True)
order = []
for stop_after in (2, 7):
    for i, (batch,) in enumerate(loader, 1):
        order += batch.tolist()
        if i == stop_after:
            break
out["rewound.order"] = torch.tensor(order)
out["rewound.draw"] = torch.rand(())

save_file(out, os.path.join(os.path.dirname(__file__), "loader.safetensors"))
