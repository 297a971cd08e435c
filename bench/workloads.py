# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""The workloads of workloads.c, capture.c, ops.c, models.c and growth.c, and their timing, for frond's peers."""
import csv
import statistics
import sys
import time

RECURRENT = {  # name: cell, input, hidden, batch, steps, seconds to measure
    "W1": ("RNN", 1, 32, 32, 10, 1), "W2": ("LSTM", 1, 32, 32, 10, 1), "W3": ("GRU", 1, 32, 32, 10, 1),
    "W4-rnn": ("RNN", 64, 128, 64, 50, 2), "W4-lstm": ("LSTM", 64, 128, 64, 50, 2),
    "W4-gru": ("GRU", 64, 128, 64, 50, 2), "W5-rnn": ("RNN", 512, 512, 64, 100, 3),
    "W5-lstm": ("LSTM", 512, 512, 64, 100, 3), "W5-gru": ("GRU", 512, 512, 64, 100, 3)}
BY_HAND = {"rnn W1": "W1", "rnn W4": "W4-rnn", "lstm W2": "W2", "lstm W4": "W4-lstm"}  # of capture.c
SINGLE = ("ops", "products", "layers")  # programs that measure many things in one process
MODELS = ("convnet", "gpt", "bigru")
ONE_SEQUENCE = ("W1", "W2")
SHAPES = ((32, 32, 32), (32, 128, 32), (32, 32, 128), (64, 128, 128), (64, 128, 512), (64, 512, 512),
          (64, 512, 2048), (64, 2048, 512), (6400, 512, 2048), (1024, 1024, 1024))  # products: m, k, n


def measure(f, seconds, calls=1):
    """Returns the best and the median time of a call in microseconds, measured as bench.c does."""
    for _ in range(3):
        f()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 7 or (len(times) < 20000 and time.perf_counter() < end):
        start = time.perf_counter_ns()
        for _ in range(calls):
            f()
        times.append((time.perf_counter_ns() - start) / 1e3 / calls)
    return min(times), statistics.median(times)


def write_rows(version, rows):
    print(f"# version: {version}")
    csv.writer(sys.stdout).writerows([name, *times] for name, times in rows.items())
