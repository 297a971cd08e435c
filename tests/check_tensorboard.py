# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Checks what TensorBoard reads from the log of tests/watch, and what gnuplot has drawn from it."""
import csv
import glob
import math
import os
import sys

import numpy as np
from tensorboard.backend.event_processing import event_accumulator, event_file_loader

run = sys.argv[1]
everything = {"scalars": 0, "histograms": 0, "tensors": 0, "graph": 0}
events = event_accumulator.EventAccumulator(run, size_guidance=everything)
events.Reload()
tags = events.Tags()


def scalars(tag):
    return [(e.step, e.value) for e in events.Scalars(tag)]


# Numbers are float32 in the event file and doubles in metrics.csv. Purged values are in neither.
loss = [(i, 1 / (i + 1)) for i in range(20)] + [(i, 100 + i) for i in range(20, 40)]
assert scalars("loss/train") == [(i, float(np.float32(x))) for i, x in loss], scalars("loss/train")
with open(os.path.join(run, "metrics.csv"), newline="") as file:
    rows = list(csv.DictReader(file))
assert [(int(r["step"]), float(r["value"])) for r in rows if r["name"] == "loss/train"] == loss
assert math.isnan(scalars("loss/it's `touch pwned`")[1][1])
assert scalars("never") == [(1, math.inf)]
assert scalars("h/odd/nonfinite") == [(7, 2)]


# The buckets are those of torch.utils.tensorboard.summary.make_histogram.
def expected_histogram(values):
    bounds, v = [], 1e-12
    while v < 1e20:
        bounds.append(v)
        v *= 1.1
    bounds = [-b for b in bounds[::-1]] + [0] + bounds
    counts, limits = np.histogram(values, bins=bounds)
    held = np.cumsum(np.greater(counts, 0))
    start, end = np.searchsorted(held, [0, held[-1] - 1], side="right")
    return limits[start:end + 2].tolist(), [0] + counts[start:end + 1].tolist()


def same_histogram(tag, values, step=7):
    [event] = events.Histograms(tag)
    h = event.histogram_value
    limits, counts = expected_histogram(values)
    assert event.step == step
    assert h.bucket_limit == limits, (tag, h.bucket_limit, limits)
    assert h.bucket == counts, (tag, h.bucket, counts)
    assert h.num == len(values) and h.min == min(values) and h.max == max(values), (tag, h)
    assert math.isclose(h.sum, values.sum(), rel_tol=1e-12, abs_tol=1e-9)
    assert math.isclose(h.sum_squares, values.dot(values), rel_tol=1e-12)


x = np.arange(1000.0) - 300
same_histogram("h/values", x * 0.01)
same_histogram("h/strided", x)
same_histogram("h/odd", np.array([1.0, 2.0]))
[none] = events.Histograms("h/none")
assert none.histogram_value.num == 0

# The module's parameters and gradients.
names = ["0.weight", "0.bias", "2.weight", "2.bias"]
for name in names:
    assert f"weights/{name}" in tags["histograms"] and f"gradients/{name}" in tags["histograms"], tags
squares = sum(events.Histograms(f"gradients/{n}")[0].histogram_value.sum_squares for n in names)
assert math.isclose(scalars("gradient_norm")[0][1] ** 2, squares, rel_tol=1e-5)

# The graph: every input is a node, parameters and ops are in their modules' boxes, and shapes are given.
graph = events.Graph()
nodes = {n.name: n for n in graph.node}
assert len(nodes) == len(graph.node)
for node in graph.node:
    for name in node.input:
        assert name.split(":")[0] in nodes, name
assert nodes["0/weight"].op == "Parameter"
shape = nodes["0/weight"].attr["_output_shapes"].list.shape[0]
assert [d.size for d in shape.dim] == [3, 2]
assert nodes["0/weight"].attr["T"].type == 1
linear = [n for n in graph.node if n.op == "linear"]
assert [n.name.split("/")[0] for n in linear] == ["0", "2"], linear
assert "0/weight" in linear[0].input and "0/bias" in linear[0].input
assert linear[0].input[0] in nodes and nodes[linear[0].input[0]].op == "Constant"
tanh = [n for n in graph.node if n.op == "tanh"][0]
assert list(tanh.input) == [linear[0].name] and list(linear[1].input)[0] == tanh.name
assert b"tests/watch.c" in linear[0].attr["source"].s or "source" not in linear[0].attr

# All records of all files are whole, with right checksums: the loader stops at a broken one.
files = sorted(glob.glob(os.path.join(glob.escape(run), "events.out.tfevents.*")))
assert len(files) == 3, files
read = [len(list(event_file_loader.RawEventFileLoader(f).Load())) for f in files]
assert read[:2] == [31, 26], read

# The plots.
for group, series in {"loss": ["loss/train", "touch pwned"], "accuracy": ["accuracy"], "gradient_norm": []}.items():
    with open(os.path.join(run, group + ".png"), "rb") as file:
        assert file.read(8) == b"\x89PNG\r\n\x1a\n", group
    with open(os.path.join(run, group + ".svg"), encoding="utf-8") as file:
        svg = file.read()
    assert "<svg" in svg and svg.rstrip().endswith("</svg>"), group
    for name in series:
        assert name in svg, name
assert not os.path.exists(os.path.join(run, "never.png"))

# A run of frond train.
events = event_accumulator.EventAccumulator(sys.argv[2], size_guidance=everything)
events.Reload()
tags = events.Tags()
both = [f"{what}/{part}" for what in ("loss", "accuracy") for part in ("train", "validation")]
assert sorted(tags["scalars"]) == sorted(both + ["gradient_norm"]), tags["scalars"]
assert all([step for step, _ in scalars(name)] == [1, 2, 3] for name in tags["scalars"])
names = ["fc.bias", "fc.weight", *(f"rnn.{kind}_{end}_l0" for kind in ("bias", "weight") for end in ("hh", "ih"))]
assert sorted(tags["histograms"]) == sorted(f"{what}/{n}" for what in ("gradients", "weights") for n in names)
assert {"rnn", "linear"} <= {node.op for node in events.Graph().node}
for group in "loss", "accuracy", "gradient_norm":
    assert os.path.getsize(os.path.join(sys.argv[2], group + ".png")) > 1000, group
    assert os.path.getsize(os.path.join(sys.argv[2], group + ".svg")) > 1000, group
