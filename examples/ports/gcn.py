# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""A graph convolution net tells to which of three communities a node belongs, from four known nodes of each."""

import torch
from torch import nn
from torch.nn import functional as F


class GCN(nn.Module):
    def __init__(self, features, hidden, classes):
        super().__init__()
        self.layer1 = nn.Linear(features, hidden)
        self.layer2 = nn.Linear(hidden, classes)

    def forward(self, x, adjacency):
        x = torch.sparse.mm(adjacency, self.layer1(x)).relu()
        x = F.dropout(x, 0.5, self.training)
        return torch.sparse.mm(adjacency, self.layer2(x))


def normalize(edges):
    """D^-1/2 (A + I) D^-1/2"""
    adjacency = edges + edges.T + torch.eye(len(edges))
    scale = adjacency.sum(1).rsqrt()
    return (scale.unsqueeze(1) * adjacency * scale).to_sparse()


torch.manual_seed(0)
labels = torch.arange(150) % 3
same = labels.unsqueeze(1) == labels
edges = (torch.rand(150, 150) < torch.where(same, 0.12, 0.01)).float().triu(1)
adjacency = normalize(edges)
x = F.one_hot(labels, 3) + 2 * torch.randn(150, 3)
model = GCN(3, 16, 3)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
for epoch in range(101):
    loss = F.cross_entropy(model(x, adjacency)[:12], labels[:12])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 20 == 0:
        print(f"epoch {epoch:3}  loss {loss.item():.4f}")
model.eval()
right = model(x, adjacency).argmax(1) == labels
print(f"accuracy {right[12:].float().mean().item():.4f}")
