#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""The models of models/ and the programs of examples/15 to 20 in PyTorch, with the same draws, the same order of
batches and the same output. Without arguments it writes PyTorch's output of short runs to examples/expected; frond's
must equal it. With --full it prints the whole runs of examples/README.md, and the seconds of processor time that they
took."""

import math
import pathlib
import sys
import time

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

EXAMPLES = pathlib.Path(__file__).resolve().parent / "../../examples"


def read_ts(name):
    """Reads a file and returns x (N,T,D), labels (N), lengths (N)."""
    rows = [line for line in (EXAMPLES / "data" / name).read_text().splitlines() if line and line[0] not in "#@"]
    cases = [[[float(v) for v in series.split(",")] for series in row.split(":")[:-1]] for row in rows]
    lengths = [len(case[0]) for case in cases]
    x = torch.zeros(len(cases), max(lengths), len(cases[0]))
    for i, case in enumerate(cases):
        x[i, :lengths[i]] = torch.tensor(case).T
    labels = torch.tensor([int(row.split(":")[-1]) - 1 for row in rows])
    return x, labels, torch.tensor(lengths)


def count(model):
    return sum(p.numel() for p in model.parameters())


def classify(model, adam, data, test, epochs, batch_size, every, clip=None):
    """Trains on data and counts the right answers on test. Both are tuples of x, labels and, if the model needs them,
    lengths."""
    print(f"{count(model)} parameters")
    loader = DataLoader(TensorDataset(*data), batch_size=batch_size, shuffle=True)
    for epoch in range(1, epochs + 1):
        total = 0
        model.train()
        for x, y, *lengths in loader:
            loss = functional.cross_entropy(model(x, *lengths), y)
            adam.zero_grad()
            loss.backward()
            if clip:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            adam.step()
            total += loss.item() * len(y)
        if epoch % every == 0 or epoch == epochs:
            print(f"epoch {epoch:3}  loss {total / len(data[0]):.3f}")
    model.eval()
    x, y, *lengths = test
    with torch.no_grad():
        right = (model(x, *lengths).argmax(1) == y).sum().item()
    print(f"test accuracy {right / len(y):.3f} ({right} of {len(y)})")


# --- 15_mlp -----------------------------------------------------------------------------------------------------------


class MLP(nn.Module):
    def __init__(self, sizes, dropout):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = self.dropout(functional.relu(layer(x)))
        return self.layers[-1](x)


def mlp(epochs):
    (x, y, _), (test_x, test_y, _) = read_ts("ItalyPowerDemand_TRAIN.ts"), read_ts("ItalyPowerDemand_TEST.ts")
    torch.manual_seed(0)
    model = MLP([x.shape[1], 64, 32, 2], 0.2)
    adam = torch.optim.Adam(model.parameters(), lr=0.003)
    classify(model, adam, (x.flatten(1), y), (test_x.flatten(1), test_y), epochs, 16, 20)


# --- 16_char_lm -------------------------------------------------------------------------------------------------------


class CharLM(nn.Module):
    def __init__(self, symbols, embedding, hidden):
        super().__init__()
        self.embedding = nn.Embedding(symbols, embedding)
        self.lstm = nn.LSTM(embedding, hidden)
        self.head = nn.Linear(hidden, symbols)

    def forward(self, x, state=None):
        out, state = self.lstm(self.embedding(x), state)
        return self.head(out), state


def read_text(path):
    text = pathlib.Path(path).read_bytes()
    symbols = sorted(set(text))
    return symbols, torch.tensor([symbols.index(c) for c in text])


def sample(model, start, steps, temperature):
    text, x, state = start, start, None
    for _ in range(steps):
        logits, state = model(x.unsqueeze(1), state)
        p = (logits[-1, 0] / temperature).softmax(0)
        x = (p.cumsum(0) <= torch.rand(1)).sum(0, True).clamp(max=len(p) - 1)
        text = torch.cat([text, x])
    return text


def char_lm(epochs):
    rows, window = 16, 64
    symbols, text = read_text("/usr/share/common-licenses/GPL-3")
    cut = len(text) * 9 // 10
    torch.manual_seed(0)
    model = CharLM(len(symbols), 32, 128)
    adam = torch.optim.Adam(model.parameters(), lr=0.005)
    print(f"{count(model)} parameters, {len(symbols)} symbols, {cut} characters to learn from, "
          f"{len(text) - cut} held out")
    steps = (cut - 1) // rows
    x, y = (text[i:i + rows * steps].reshape(rows, steps).T for i in (0, 1))
    held_out = text[cut:].unsqueeze(1)
    for epoch in range(1, epochs + 1):
        state, total, windows = None, 0, 0
        for at in range(0, steps - window + 1, window):
            logits, (h, c) = model(x[at:at + window], state)
            state = (h.detach(), c.detach())
            loss = functional.cross_entropy(logits.flatten(0, 1), y[at:at + window].flatten())
            adam.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1)
            adam.step()
            total += loss.item()
            windows += 1
        if epoch % 5 == 0 or epoch == epochs:
            with torch.no_grad():
                bits = functional.cross_entropy(model(held_out[:-1])[0].squeeze(1), text[cut + 1:]).item() / math.log(2)
            print(f"epoch {epoch:2}  training {total / windows / math.log(2):.2f}  "
                  f"held out {bits:.2f} bits per character")
    torch.manual_seed(1)
    middle = len(text) // 2
    with torch.no_grad():
        print("".join(chr(symbols[i]) for i in sample(model, text[middle:middle + 40], 200, 0.6)))
    counts = torch.bincount(text[:cut], minlength=len(symbols)) + 1.0
    if epochs > 5:
        print("unigrams alone: %.2f" % -(counts / counts.sum()).log2()[text[cut + 1:]].mean().item(), file=sys.stderr)


# --- 17_forecaster ----------------------------------------------------------------------------------------------------


class Forecaster(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.gru = nn.GRU(1, hidden)
        self.head = nn.Linear(hidden, 1)

    def forward(self, x, state=None):
        out, state = self.gru(x, state)
        return self.head(out), state

    def roll_out(self, x, steps):
        y, state = self(x)
        values = [y[-1:]]
        while len(values) < steps:
            y, state = self(values[-1], state)
            values.append(y)
        return torch.cat(values)


def forecaster(epochs):
    held_out, season = 24, 12
    lines = (EXAMPLES / "data/AirPassengers.csv").read_text().split()
    passengers = torch.tensor([float(line.split(",")[1]) for line in lines]).reshape(-1, 1, 1)
    logs = passengers.log()
    change = logs[1:] - logs[:-1]
    n = len(change) - held_out
    mean, std = change[:n].mean(), change[:n].std()
    z = (change - mean) / std
    torch.manual_seed(0)
    model = Forecaster(32)
    adam = torch.optim.Adam(model.parameters(), lr=0.01)
    print(f"{count(model)} parameters, {n} months to learn from, {held_out} held out")
    for epoch in range(1, epochs + 1):
        x = z[:n - 1] + torch.randn(n - 1, 1, 1) * 0.3
        loss = functional.mse_loss(model(x)[0], z[1:n])
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1)
        adam.step()
        if epoch % 50 == 0:
            print(f"epoch {epoch:3}  loss {loss.item():.3f}")

    def error(predicted):
        """Returns the mean absolute error in percent; predictions are logarithms."""
        true = passengers[n + 1:]
        return ((predicted.exp() - true).abs() / true).mean().item() * 100

    with torch.no_grad():
        step = model(z[:-1])[0][n - 1:] * std + mean
        rolled = model.roll_out(z[:n], held_out) * std + mean
        last_year = change[n - season:n]
        print(f"a month ahead: error {error(logs[n:-1] + step):.1f} %, "
              f"seasonal naive {error(logs[n:-1] + change[n - season:-season]):.1f} %")
        naive = torch.cat([last_year] * (held_out // season))
        print(f"1 to {held_out} months ahead: error {error(logs[n] + rolled.cumsum(0)):.1f} %, "
              f"seasonal naive {error(logs[n] + naive.cumsum(0)):.1f} %")


# --- 18_sequence_classifier -------------------------------------------------------------------------------------------


class SequenceClassifier(nn.Module):
    def __init__(self, variables, hidden, classes, dropout):
        super().__init__()
        self.lstm = nn.LSTM(variables, hidden, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * hidden, classes)

    def forward(self, x, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, (h, _) = self.lstm(packed)
        return self.head(self.dropout(torch.cat([h[0], h[1]], 1)))


def vowels():
    x, y, lengths = read_ts("JapaneseVowels_TRAIN.ts")
    test_x, test_y, test_lengths = read_ts("JapaneseVowels_TEST.ts")
    return (x, y, lengths), (test_x, test_y, test_lengths)


def sequence_classifier(epochs):
    data, test = vowels()
    torch.manual_seed(0)
    model = SequenceClassifier(12, 32, 9, 0.5)
    adam = torch.optim.Adam(model.parameters(), lr=0.005)
    classify(model, adam, data, test, epochs, 30, 10, clip=1)


# --- 19_tcn -----------------------------------------------------------------------------------------------------------


class Block(nn.Module):
    def __init__(self, channels_in, channels, kernel, dilation, dropout):
        super().__init__()
        self.reach = (kernel - 1) * dilation
        self.conv1 = nn.Conv1d(channels_in, channels, kernel, dilation=dilation)
        self.conv2 = nn.Conv1d(channels, channels, kernel, dilation=dilation)
        self.shortcut = nn.Conv1d(channels_in, channels, 1) if channels_in != channels else nn.Identity()
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        y = self.dropout(functional.relu(self.conv1(functional.pad(x, (self.reach, 0)))))
        y = self.dropout(functional.relu(self.conv2(functional.pad(y, (self.reach, 0)))))
        return functional.relu(y + self.shortcut(x))


class TCN(nn.Module):
    def __init__(self, variables, channels, blocks, kernel, classes, dropout):
        super().__init__()
        self.blocks = nn.Sequential(*(Block(channels if i else variables, channels, kernel, 2**i, dropout)
                                      for i in range(blocks)))
        self.head = nn.Linear(channels, classes)

    def forward(self, x):
        return self.head(self.blocks(x.transpose(1, 2))[:, :, -1])


def tcn(epochs):
    (x, y, _), (test_x, test_y, _) = read_ts("ItalyPowerDemand_TRAIN.ts"), read_ts("ItalyPowerDemand_TEST.ts")
    torch.manual_seed(0)
    model = TCN(1, 16, 3, 3, 2, 0.1)
    adam = torch.optim.Adam(model.parameters(), lr=0.003)
    classify(model, adam, (x, y), (test_x, test_y), epochs, 16, 20)


# --- 20_transformer ---------------------------------------------------------------------------------------------------


class Transformer(nn.Module):
    def __init__(self, variables, steps, width, heads, layers, classes, dropout):
        super().__init__()
        self.project = nn.Linear(variables, width)
        self.positions = nn.Parameter(torch.zeros(steps, width).normal_(0, 0.1))
        layer = nn.TransformerEncoderLayer(width, heads, 2 * width, dropout, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(width, classes)

    def forward(self, x, lengths):
        past = torch.arange(x.shape[1]) >= lengths.unsqueeze(1)
        y = self.encoder(self.project(x) + self.positions[:x.shape[1]], src_key_padding_mask=past)
        y = y.masked_fill(past.unsqueeze(2), 0).sum(1) / lengths.unsqueeze(1).float()
        return self.head(y)


def transformer(epochs):
    data, test = vowels()
    torch.manual_seed(0)
    model = Transformer(12, 29, 32, 4, 2, 9, 0.1)
    adam = torch.optim.Adam(model.parameters(), lr=0.002)
    classify(model, adam, data, test, epochs, 30, 10)


# NAME: function, epochs of a short run, epochs of a whole one
RUNS = {
    "15_mlp": (mlp, 20, 100),
    "16_char_lm": (char_lm, 1, 20),
    "17_forecaster": (forecaster, 50, 300),
    "18_sequence_classifier": (sequence_classifier, 3, 40),
    "19_tcn": (tcn, 20, 100),
    "20_transformer": (transformer, 3, 50),
}


def main():
    torch.set_num_threads(1)
    full = "--full" in sys.argv
    names = [a for a in sys.argv[1:] if a != "--full"] or RUNS
    for name in names:
        run, short, whole = RUNS[name]
        if full:
            start = time.process_time()
            print(name)
            run(whole)
            print(f"seconds: {time.process_time() - start:.1f}\n")
        else:
            with open(EXAMPLES / f"expected/{name}-{short}.txt", "w", encoding="ascii") as file:
                sys.stdout = file
                run(short)
                sys.stdout = sys.__stdout__


if __name__ == "__main__":
    main()
