#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Does in PyTorch what examples/simple_rnn does without options."""
import torch


class SimpleRNN(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = torch.nn.RNN(1, 32, batch_first=True)
        self.fc = torch.nn.Linear(32, 1)

    def forward(self, x):
        return torch.sigmoid(self.fc(self.rnn(x)[0][:, -1, :]))


torch.manual_seed(0)
model = SimpleRNN()
x = torch.randn(1000, 10, 1)
y = (x.sum(1) > 0).float()
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=32, shuffle=True)
bce = torch.nn.BCELoss()
adam = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(10):
    for sequences, labels in loader:
        adam.zero_grad()
        loss = bce(model(sequences), labels)
        loss.backward()
        adam.step()
    print(f"Epoch [{epoch + 1}/10], Loss: {loss.item():.4f}")
with torch.no_grad():
    print(f"Prediction: {model(torch.randn(1, 10, 1)).item():.4f}")
