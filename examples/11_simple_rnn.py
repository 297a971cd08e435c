# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""SimpleRNN in PyTorch; 11_simple_rnn.c is the same program, line for line, and prints the same."""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class SimpleRNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, batch_first=True)
        self.fc = nn.Linear(hidden_size, output_size)

    def forward(self, x):
        out, _ = self.rnn(x)
        return torch.sigmoid(self.fc(out[:, -1, :]))


torch.manual_seed(0)
model = SimpleRNN(1, 32, 1)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

X = torch.randn(1000, 10, 1)
Y = (X.sum(dim=1) > 0).float()
loader = DataLoader(TensorDataset(X, Y), batch_size=32, shuffle=True)

print(model)
print(f"{sum(p.numel() for p in model.parameters())} parameters")
for epoch in range(1, 6):
    total = 0
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.binary_cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"Epoch [{epoch}/5], Loss: {total / len(loader):.4f}")

test = torch.randn(1, 10, 1)
print(f"Prediction: {model(test).item():.4f}")
