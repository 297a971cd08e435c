#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Writes exports/: small models as both of PyTorch's exporters write them by default (NAME.dynamo.onnx, with its data
beside it, and NAME.script.onnx), another input (NAME.x.npy) and PyTorch's output for it (NAME.y.npy). Of the
former's notes, which name the files of the machine that wrote them, nothing is kept. Needs onnxscript too."""
import pathlib
import warnings

import numpy
import onnx
import torch
from torch import nn

FOLDER = pathlib.Path(__file__).resolve().parent / "exports"


class Last(nn.Module):
    """The last output of a recurrent layer through a linear one."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.layer(x)[0][:, -1])


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 4)
        self.lstm = nn.LSTM(4, 3, bidirectional=True, batch_first=True)
        self.head = nn.Linear(6, 5)

    def forward(self, x):
        return self.head(self.lstm(self.embedding(x))[0])


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(11, 8)
        self.positions = nn.Embedding(16, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True, activation="gelu")
        self.blocks = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(8, 11, bias=False)

    def forward(self, x):
        steps = x.shape[1]
        mask = torch.triu(torch.full((steps, steps), float("-inf")), 1)
        y = self.tokens(x) + self.positions(torch.arange(steps))
        return self.head(self.blocks(y, mask=mask, is_causal=True))


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.batch_norm = nn.BatchNorm2d(3)
        self.group_norm = nn.GroupNorm(1, 3)

    def forward(self, x):
        y = nn.functional.relu(x + self.group_norm(self.batch_norm(self.conv(x))))
        return nn.functional.adaptive_avg_pool2d(nn.functional.interpolate(y, scale_factor=2), 1).flatten(1)


def models():
    """Name, model, example, other input. Sizes that differ stay open. (The script exporter fixes an encoder's.)"""
    randn, randint = torch.randn, torch.randint
    both = {"batch_first": True, "bidirectional": True}
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    yield "mlp", nn.Sequential(nn.Linear(3, 8), nn.SiLU(), nn.Dropout(), nn.LayerNorm(8), nn.Linear(8, 2),
                               nn.Softmax(-1)), randn(2, 3), randn(5, 3)
    yield "rnn", Last(nn.RNN(3, 4, batch_first=True)), randn(2, 5, 3), randn(3, 5, 3)
    yield "lstm", Last(nn.LSTM(3, 4, batch_first=True)), randn(2, 5, 3), randn(3, 7, 3)
    yield "gru", Last(nn.GRU(3, 4, batch_first=True)), randn(2, 5, 3), randn(3, 7, 3)
    yield "lstm_both", Last(nn.LSTM(3, 2, 2, **both)), randn(2, 5, 3), randn(3, 7, 3)
    yield "gru_both", Last(nn.GRU(3, 2, 2, **both)), randn(2, 5, 3), randn(3, 7, 3)
    yield "tagger", Tagger(), randint(0, 11, (2, 5)), randint(0, 11, (3, 7))
    yield "cnn1d", nn.Sequential(nn.Conv1d(3, 4, 3, padding=1), nn.BatchNorm1d(4), nn.GELU(), nn.MaxPool1d(2),
                                 nn.ConvTranspose1d(4, 4, 2, 2), nn.AdaptiveAvgPool1d(1), nn.Flatten(),
                                 nn.Linear(4, 2)), randn(2, 3, 8), randn(5, 3, 8)
    yield "lenet", nn.Sequential(nn.Conv2d(1, 4, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3),
                                 nn.Hardswish(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(24, 10),
                                 nn.LogSoftmax(1)), randn(2, 1, 12, 12), randn(3, 1, 12, 12)
    yield "residual", Residual(), randn(2, 3, 6, 6), randn(4, 3, 6, 6)
    yield "encoder", nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), randn(2, 5, 8), randn(3, 5, 8)
    yield "gpt", GPT(), randint(0, 11, (2, 6)), randint(0, 11, (3, 6))


def drop_notes(path):
    model = onnx.load(path, load_external_data=False)
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.initializer, *graph.value_info, *graph.input, *graph.output):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    onnx.save(model, path)
    data = path.with_name(path.name + ".data")
    if data.exists() and data.stat().st_size == 0:
        data.unlink()


def main():
    warnings.simplefilter("ignore")
    FOLDER.mkdir(exist_ok=True)
    torch.manual_seed(0)
    for name, model, x, other in models():
        model.eval()
        dims = {i: f"d{i}" for i in range(x.ndim) if x.shape[i] != other.shape[i]}
        torch.onnx.export(model, (x,), FOLDER / f"{name}.dynamo.onnx", dynamo=True, verbose=False,
                          dynamic_shapes=({i: torch.export.Dim(d) for i, d in dims.items()},))
        drop_notes(FOLDER / f"{name}.dynamo.onnx")
        torch.onnx.export(model, (x,), FOLDER / f"{name}.script.onnx", dynamo=False, input_names=["x"],
                          dynamic_axes={"x": dims})
        numpy.save(FOLDER / f"{name}.x.npy", other.numpy())
        with torch.no_grad():
            numpy.save(FOLDER / f"{name}.y.npy", model(other).numpy())


main()
