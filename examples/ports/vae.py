# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""A variational autoencoder of days: the power demand of Italy in 24 hours."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(24, 16)
        self.fc21 = nn.Linear(16, 3)
        self.fc22 = nn.Linear(16, 3)
        self.fc3 = nn.Linear(3, 16)
        self.fc4 = nn.Linear(16, 24)

    def encode(self, x):
        h = F.relu(self.fc1(x))
        return self.fc21(h), self.fc22(h)

    def decode(self, z):
        return self.fc4(F.relu(self.fc3(z)))

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
        return self.decode(z), mu, logvar


def read_days(path):
    rows = [row for row in open(path) if row[0] not in "#@\n"]
    return torch.tensor([[float(v) for v in row.split(":")[0].split(",")] for row in rows])


days = read_days("examples/data/ItalyPowerDemand_TRAIN.ts")
torch.manual_seed(0)
model = VAE()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
loader = DataLoader(days, batch_size=16, shuffle=True)
for epoch in range(1, 7):
    total = 0
    for x in loader:
        recon, mu, logvar = model(x)
        kl = -0.5 * (1 + logvar - mu.square() - logvar.exp()).sum()
        loss = F.mse_loss(recon, x, reduction="sum") + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch}  loss {total / len(days):.3f}")
