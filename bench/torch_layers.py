# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""The layers of layers.c and the models of models.c in PyTorch, under the same names and with the same sizes."""
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from workloads import measure

WIDTH, LSTM_STEPS = 256, 100
VALUES, BATCH = (1 << 10, 1 << 18, 1 << 22), (1, 16, 128)


def leaf(*shape):
    return torch.randn(shape, requires_grad=True)


# --- Inputs: functions of a size that return what the layer is called with ---

def rows(n):
    return (leaf(n // WIDTH, WIDTH),)


def two(n):
    return rows(n) + rows(n)


def and_row(n):
    return rows(n) + (leaf(WIDTH),)


def and_column(n):
    return rows(n) + (leaf(n // WIDTH, 1),)


def and_affine(n):
    return and_row(n) + (leaf(WIDTH),)


def and_condition(n):
    return two(n) + (torch.randn(n // WIDTH, WIDTH) > 0,)


def and_index(n):
    return rows(n) + (torch.randint(WIDTH, (n // WIDTH, WIDTH)),)


def and_rows_of_it(n):
    return rows(n) + (torch.randint(n // WIDTH, (n // WIDTH,)),)


def words(n):
    return leaf(10000, WIDTH), torch.randint(10000, (n // WIDTH,))


def classes(n):
    return rows(n) + (torch.randint(WIDTH, (n // WIDTH,)),)


def cube(n):
    return (leaf(n, 64, WIDTH),)


def sequences(n):
    return (leaf(n, 64, 128),)


def images(n):
    return (leaf(n, 32, 28, 28),)


def small_images(n):
    return (leaf(n, 3, 28, 28),)


def vectors(n):
    return (leaf(n, WIDTH),)


def batches(n):
    return leaf(n, 64, 64), leaf(n, 64, 64)


def heads(number, steps):
    return lambda n: tuple(leaf(n, number, steps, WIDTH // number) for _ in range(3))


def steps(n):
    return (leaf(LSTM_STEPS, n, 64),)


def and_lengths(n):
    return steps(n) + (torch.arange(LSTM_STEPS // n, LSTM_STEPS + 1, LSTM_STEPS // n),)


class LSTM(nn.LSTM):
    def forward(self, x, lengths=None):
        if lengths is None:
            return super().forward(x)[0]
        packed = super().forward(pack_padded_sequence(x, lengths, enforce_sorted=False))[0]
        return pad_packed_sequence(packed)[0]


LAYERS = {  # name: sizes, inputs, layer: a function, or a module
    "relu": (VALUES, rows, torch.relu),
    "leaky_relu": (VALUES, rows, F.leaky_relu),
    "gelu": (VALUES, rows, F.gelu),
    "silu": (VALUES, rows, F.silu),
    "softplus": (VALUES, rows, F.softplus),
    "tanh": (VALUES, rows, torch.tanh),
    "sigmoid": (VALUES, rows, torch.sigmoid),
    "exp": (VALUES, rows, torch.exp),
    "square": (VALUES, rows, torch.square),
    "clamp": (VALUES, rows, lambda x: torch.clamp(x, -1, 1)),
    "dropout": (VALUES, rows, lambda x: F.dropout(x, 0.1)),
    "add": (VALUES, two, torch.add),
    "add row": (VALUES, and_row, torch.add),
    "add column": (VALUES, and_column, torch.add),
    "mul": (VALUES, two, torch.mul),
    "mul row": (VALUES, and_row, torch.mul),
    "mul column": (VALUES, and_column, torch.mul),
    "div": (VALUES, two, torch.div),
    "maximum": (VALUES, two, torch.maximum),
    "where": (VALUES, and_condition, lambda x, y, condition: torch.where(condition, x, y)),
    "sum": (VALUES, rows, lambda x: x),
    "mean": (VALUES, rows, torch.mean),
    "sum dim 0": (VALUES, rows, lambda x: x.sum(0)),
    "sum dim 1": (VALUES, rows, lambda x: x.sum(1)),
    "sum middle dim": (BATCH, cube, lambda x: x.sum(1)),
    "mean dim 1": (VALUES, rows, lambda x: x.mean(1)),
    "max dim 1": (VALUES, rows, lambda x: x.max(1).values),
    "var dim 1": (VALUES, rows, lambda x: x.var(1)),
    "norm": (VALUES, rows, torch.linalg.norm),
    "logsumexp dim 1": (VALUES, rows, lambda x: x.logsumexp(1)),
    "cumsum": (VALUES, rows, lambda x: x.cumsum(1)),
    "softmax": (VALUES, rows, lambda x: x.softmax(1)),
    "log_softmax": (VALUES, rows, lambda x: x.log_softmax(1)),
    "layer_norm": (VALUES, and_affine, lambda x, weight, bias: F.layer_norm(x, (WIDTH,), weight, bias)),
    "rms_norm": (VALUES, and_row, lambda x, weight: F.rms_norm(x, (WIDTH,), weight, 1e-5)),
    "batch_norm2d": (BATCH, images, nn.BatchNorm2d(32)),
    "transpose": (VALUES, rows, lambda x: x.t().contiguous()),
    "permute 0 2 1": (BATCH, cube, lambda x: x.permute(0, 2, 1).contiguous()),
    "permute 1 0 2": (BATCH, cube, lambda x: x.permute(1, 0, 2).contiguous()),
    "cat": (VALUES, two, lambda x, y: torch.cat((x, y), 1)),
    "stack": (VALUES, two, lambda x, y: torch.stack((x, y))),
    "pad": (VALUES, rows, lambda x: F.pad(x, (1, 1))),
    "slice": (VALUES, rows, lambda x: x[:, 32:224].contiguous()),
    "gather": (VALUES, and_index, lambda x, index: x.gather(1, index)),
    "index_select": (VALUES, and_rows_of_it, lambda x, index: x.index_select(0, index)),
    "embedding": (VALUES, words, lambda x, index: F.embedding(index, x)),
    "cross_entropy": (VALUES, classes, F.cross_entropy),
    "mse": (VALUES, two, lambda x, y: F.mse_loss(x, y.detach())),
    "bce_with_logits": (VALUES, and_condition,
                        lambda x, _, condition: F.binary_cross_entropy_with_logits(x, condition.float())),
    "max_pool2d": (BATCH, images, lambda x: F.max_pool2d(x, 2)),
    "avg_pool2d": (BATCH, images, lambda x: F.avg_pool2d(x, 2)),
    "conv1d": (BATCH, sequences, nn.Conv1d(64, 64, 3, padding=1)),
    "depthwise conv1d": (BATCH, sequences, nn.Conv1d(64, 64, 3, padding=1, groups=64)),
    "conv2d": (BATCH, images, nn.Conv2d(32, 32, 3, padding=1)),
    "conv2d of few channels": (BATCH, small_images, nn.Conv2d(3, 8, 3, padding=1)),
    "conv2d stride 2": (BATCH, images, nn.Conv2d(32, 64, 3, padding=1, stride=2)),
    "conv2d 1x1": (BATCH, images, nn.Conv2d(32, 64, 1)),
    "depthwise conv2d": (BATCH, images, nn.Conv2d(32, 32, 3, padding=1, groups=32)),
    "linear": ((1, 64, 4096), vectors, nn.Linear(WIDTH, WIDTH)),
    "batched matmul": (BATCH, batches, torch.matmul),
    "batched matmul transposed": (BATCH, batches, lambda x, y: x @ y.transpose(1, 2)),
    "attention 4 heads": ((1, 8, 32), heads(4, 64), F.scaled_dot_product_attention),
    "attention 8 heads": ((1, 8, 32), heads(8, 64), F.scaled_dot_product_attention),
    "attention 512 steps": ((1, 2, 8), heads(4, 512), F.scaled_dot_product_attention),
    "causal attention 512 steps": ((1, 2, 8), heads(4, 512),
                                   lambda *x: F.scaled_dot_product_attention(*x, is_causal=True)),
    "multihead_attention": ((1, 8, 32), cube, nn.MultiheadAttention(WIDTH, 4, batch_first=True)),
    "transformer_encoder_layer": ((1, 8, 32), cube,
                                  nn.TransformerEncoderLayer(WIDTH, 4, 4 * WIDTH, 0.0, batch_first=True)),
    "lstm": ((4, 20, 100), steps, LSTM(64, 128)),
    "lstm of different lengths": ((4, 20, 100), and_lengths, LSTM(64, 128)),
}


def measure_layer(name, n):
    sizes, inputs, layer = LAYERS[name]
    if name == "multihead_attention":
        attention = layer
        layer = lambda x: attention(x, x, x, need_weights=False)[0]
        parameters = list(attention.parameters())
    else:
        parameters = list(layer.parameters()) if isinstance(layer, nn.Module) else []
    x = inputs(n)
    leaves = [t for t in x if t.requires_grad] + parameters

    def step():
        for t in leaves:
            t.grad = None
        layer(*x).sum().backward()

    return measure(step, 0.2, 10 if n < 2000 and n == sizes[0] else 1)


def layers():
    return {f"{name} {n}": measure_layer(name, n) for name, (sizes, _, _) in LAYERS.items() for n in sizes}


# --- Whole models: a network, its inputs and the classes to find ---

class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.positions = nn.Parameter(torch.randn(64, WIDTH))
        self.words = nn.Embedding(256, WIDTH)
        layer = nn.TransformerEncoderLayer(WIDTH, 4, 4 * WIDTH, 0.0, "gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 256)
        self.mask = nn.Transformer.generate_square_subsequent_mask(64)

    def forward(self, x):
        h = self.encoder(self.words(x) + self.positions, self.mask, is_causal=True)
        return self.head(self.norm(h)).view(-1, 256)


class BiGRU(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(32, 128, 2, bidirectional=True, batch_first=True)
        self.head = nn.Linear(256, 10)

    def forward(self, x, lengths):
        h = self.gru(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))[1]
        return self.head(torch.cat((h[-2], h[-1]), 1))


def convnet():
    net = nn.Sequential(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1),
                        nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU(),
                        nn.Linear(128, 10))
    return net, (torch.randn(64, 1, 28, 28),), torch.randint(10, (64,))


def gpt():
    return GPT(), (torch.randint(256, (16, 64)),), torch.randint(256, (16 * 64,))


def bigru():
    lengths = torch.tensor([5 + 37 * i % 96 for i in range(32)])
    return BiGRU(), (torch.randn(32, 100, 32), lengths), torch.randint(10, (32,))


def model(name):
    net, x, y = {"convnet": convnet, "gpt": gpt, "bigru": bigru}[name]()
    adam = torch.optim.Adam(net.parameters(), lr=1e-3)

    def step():
        adam.zero_grad()
        F.cross_entropy(net(*x), y).backward()
        adam.step()

    return {name: measure(step, 3)}
