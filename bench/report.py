#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Writes performance.md and its plots (with gnuplot) to a folder, from the .csv files that report.sh made."""
import argparse
import csv
import os

from plot import plot_lines, plot_ratios

HEAD = """# Performance

Made by bench/report.py from what bench/report.sh measured; nothing here is edited by hand. Machines differ and drift:
all ratios are of figures taken in turn on one machine. Times are in microseconds; *best* is the lowest of all calls,
*limit* what the same machine takes, in the same run, for the part of the work that nobody can save, and the *share* is
limit over best.
"""
SECTIONS = {  # file: heading and text
    "compare": ("Beside its peers", """\
Workloads W1 to W5 train a recurrent layer, a linear layer on its last output and a sigmoid: a step clears gradients,
runs forward, binary cross-entropy, backward and Adam. W1 to W3: input 1, hidden 32, batch 32, 10 steps (RNN, LSTM,
GRU); W4: 64, 128, 64, 50; W5: 512, 512, 64, 100. The ratio is the peer's best time over frond's; above 1 frond is
faster. Where medians are far from the best, the machine had other work, and the row is worth little. Memory is the peak
of the whole process. One thread each.

![How many times as fast](performance-ratios.svg)
"""),
    "compare_threads": ("Beside its peers, two threads", ""),
    "compare_layers": ("Layers and models beside PyTorch", """\
What real models are made of, each layer forward and backward of the sum of its result: at a small size, where the cost
of a call counts, at one that fits in the caches, and at a large one. The number is that of values, of which 256 make a
row, or the size of the batch: bench/layers.c has the shapes. Three whole models follow, bench/models.c: a training step
of a convnet, a GPT and a bidirectional GRU of sequences of different lengths. The slowest come first.
"""),
    "compare_layers_threads": ("Layers and models beside PyTorch, two threads", ""),
    "recurrent": ("Recurrent layers beside the BLAS", """\
The limit is the sum of the times of the matrix products that the step cannot do without, each measured alone with
sgemm. Memory is that of training: of tensors' values, and of the process.
"""),
    "products": ("Matrix products beside the BLAS", """\
matmul multiplies (m,k) by (k,n), linear by weights (n,k); *backward* is forward and backward. The limit is sgemm's time
for the same shapes.
"""),
    "ops": ("Single ops beside memory", """\
The limit is the time in which a = b + 3 c moves as many bytes, in arrays of as many values.
"""),
    "growth": ("Growth", """\
A training step of W1's shape (input 1, hidden 32, batch 32, 10 steps, one layer) in which one size varies, and a chain
of ops of one value each. A cell is one row of the batch at one step in one layer. Memory grows with
the steps, and from some hundred on no longer fits in the caches.

![Time and steps](performance-time.svg) ![Memory and steps](performance-memory.svg)
"""),
    "threads": ("Threads", """\
One thread and several inside ops, measured in turn; *concurrent*: threads of the caller's that run one model at once,
one sequence at a time.
"""),
    "steady": ("What a step asks the system for", """\
Calls of malloc and its kin, and system calls, of a training step on one thread whose shapes were seen before.
"""),
    "exported": ("Models written as C", """\
What fr_export_c makes of a SimpleRNN of input 1 and hidden 32, weights as float32 or int8: bytes of the object file
(code and constants), of constants alone, of memory (state and stack), the greatest difference that int8 makes, and
nanoseconds a step: of the exported code, of the library over a sequence of 50 steps, and of the library step by step.
The code is compiled for any processor of its architecture, the library chooses by the one it runs on.
"""),
    "exported_native": ("Models written as C, for this processor", """\
The same with -march=native: vectors as long as the library's.
"""),
    "exported_training": ("Training steps written as C", """\
What fr_export_c_training makes of a SimpleRNN of input 1, hidden 32 and 10 steps with Adam, compiled for this
processor: bytes of the object file (code and constants), of constants alone, of the weights, of the optimiser's state,
of the memory of a step; and the microseconds of a step, beside the library's on one thread.
"""),
}
NAMES = {
    "best_us": "best", "median_us": "median", "limit_us": "limit", "share_of_limit": "share",
    "frond_best_us": "frond best", "frond_median_us": "frond median", "peer_best_us": "peer best",
    "peer_median_us": "peer median", "tensors_kib": "tensors KiB", "process_kib": "process KiB",
    "frond_peak_kib": "frond KiB", "peer_peak_kib": "peer KiB", "mallocs_a_step": "mallocs",
    "system_calls_a_step": "system calls",
    "object_bytes": "object", "constant_bytes": "constants", "memory_bytes": "memory", "int8_loss": "int8 loss",
    "weight_bytes": "weights", "optimiser_bytes": "optimiser", "work_bytes": "work", "step_us": "step",
    "library_us": "library",
    "step_ns": "step", "library_sequence_ns": "library, sequence", "library_step_ns": "library, step"}


def read(path):
    """Returns the texts of the lines `# name: text`, by name, and the rows."""
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    about = dict(line[2:].split(": ", 1) for line in lines if line.startswith("#"))
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    if "compare_layers" in os.path.basename(path):
        rows.sort(key=lambda row: float(row["ratio"]))
    return about, rows


def shown(text):
    """Returns a number with four digits."""
    try:
        value = float(text)
    except ValueError:
        return text
    return f"{value:.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"


def table(rows):
    """Returns a Markdown table of the columns that are not empty; a rate is followed by its unit."""
    columns = [c for c in rows[0] if c != "unit" and any(row[c] for row in rows)]
    yield "| " + " | ".join(NAMES.get(c, c) for c in columns) + " |"
    yield "|---" * len(columns) + "|"
    for row in rows:
        cells = [shown(row[c]) + (f" {row['unit']}" if c == "rate" and row[c] else "") for c in columns]
        yield "| " + " | ".join(cells) + " |"


def plots(files, folder):
    """Draws the plots for which there are numbers."""
    if "compare" in files:
        plot_ratios([row for row in files["compare"][1] if row["work"].startswith("W")],
                    os.path.join(folder, "performance-ratios.svg"))
    if "growth" not in files:
        return
    for column, file, label in (("best_us", "time", "microseconds a training step"),
                                ("tensors_kib", "memory", "KiB of tensors")):
        series = {}
        for row in files["growth"][1]:
            cell, what, size = row["work"].split()
            if what == "steps":
                series.setdefault(cell, []).append((int(size), float(row[column])))
        plot_lines(series, os.path.join(folder, f"performance-{file}.svg"), "steps of the sequence", label)


def document(files):
    yield HEAD
    for name in ("machine", "versions"):
        values = dict.fromkeys(text for about, _ in files.values() if name in about for text in about[name].split("; "))
        yield f"- {name}: {'; '.join(values)}"
    for name, (about, rows) in files.items():
        heading, text = SECTIONS[name]
        yield f"\n## {heading}\n\n{text}\n`{about['command']}`, {about['date']}\n"
        yield from table(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measured", help="the folder of report.sh")
    parser.add_argument("doc", help="the folder to write into")
    o = parser.parse_args()
    paths = {name: os.path.join(o.measured, f"{name}.csv") for name in SECTIONS}
    files = {name: read(path) for name, path in paths.items() if os.path.exists(path)}
    plots(files, o.doc)
    with open(os.path.join(o.doc, "performance.md"), "w", encoding="utf-8") as out:
        out.writelines(line + "\n" for line in document(files))


if __name__ == "__main__":
    main()
