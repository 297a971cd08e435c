#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""frond and PyTorch side by side: compare.py BUILD [--threads N] [--rounds N] [--csv FILE] [WORK...]

Runs the bench programs of the build folder and the same workloads in PyTorch in turn, several rounds of each, since a
machine's speed drifts; prints for each workload the best and the median of both and the median of the rounds' ratios.
"""
import argparse
import csv
import os
import platform
import statistics
import subprocess
import sys
import time

WORKLOADS = {  # name: cell, I, H, B, T, seconds
    "W1": ("RNN", 1, 32, 32, 10, 1), "W2": ("LSTM", 1, 32, 32, 10, 1), "W3": ("GRU", 1, 32, 32, 10, 1),
    "W4-rnn": ("RNN", 64, 128, 64, 50, 2), "W4-lstm": ("LSTM", 64, 128, 64, 50, 2),
    "W4-gru": ("GRU", 64, 128, 64, 50, 2), "W5-rnn": ("RNN", 512, 512, 64, 100, 3),
    "W5-lstm": ("LSTM", 512, 512, 64, 100, 3), "W5-gru": ("GRU", 512, 512, 64, 100, 3)}


def measure(f, seconds, calls=1):
    """Best and median of a call in microseconds, as bench.h measures."""
    for _ in range(3):
        f()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 7 or (len(times) < 20000 and time.perf_counter() < end):
        start = time.perf_counter_ns()
        for _ in range(calls):
            f()
        times.append((time.perf_counter_ns() - start) / 1e3 / calls)
    return min(times), statistics.median(times)


def make_net(torch, cell, inputs, hidden):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = getattr(torch.nn, cell)(inputs, hidden, batch_first=True)
            self.fc = torch.nn.Linear(hidden, 1)

        def forward(self, x):
            return torch.sigmoid(self.fc(self.rnn(x)[0][:, -1, :]))

    return Net()


def torch_recurrent(torch, name):
    cell, inputs, hidden, batch, steps, seconds = WORKLOADS[name]
    torch.manual_seed(0)
    net, loss = make_net(torch, cell, inputs, hidden), torch.nn.BCELoss()
    optim = torch.optim.Adam(net.parameters(), lr=0.01)
    x = torch.randn(batch, steps, inputs)
    y = (x.sum((1, 2)) > 0).float().view(batch, 1)

    def train():
        optim.zero_grad()
        loss(net(x), y).backward()
        optim.step()

    def infer(x=x):
        with torch.inference_mode():
            net(x)

    rows = {f"{name} train": measure(train, seconds), f"{name} infer": measure(infer, seconds / 3)}
    if name in ("W1", "W2"):
        rows[f"{name} one sequence"] = measure(lambda: infer(x[:1]), seconds / 3, 10)
    return rows


def torch_ops(torch):
    a, b = torch.tensor([0.999], requires_grad=True), torch.tensor([0.001], requires_grad=True)

    def chain():
        x = a
        for _ in range(500):
            x = x * a + b
        return x

    def chain_backward():
        a.grad = b.grad = None
        chain().backward()

    rows = {"chain of 1000": measure(chain_backward, 1)}
    calls = {"add": lambda x, y: x + y, "tanh": lambda x, y: torch.tanh(x), "sigmoid": lambda x, y: torch.sigmoid(x),
             "exp": lambda x, y: torch.exp(x), "softmax": lambda x, y: torch.softmax(x, 1), "sum": lambda x, y: x.sum()}
    for n in (1024, 4 << 20):
        x, y = torch.randn(n // 256, 256), torch.randn(n // 256, 256)
        for name, call in calls.items():
            with torch.inference_mode():
                rows[f"{name} {n}"] = measure(lambda: call(x, y), 0.5, 100 if n < 2000 else 1)
    return rows


def run_torch(threads, work):
    """In a process of its own, so that neither side finds the other's threads or memory."""
    code = subprocess.run([sys.executable, __file__, "--torch", work, "--threads", str(threads), "-"],
                          capture_output=True, text=True, check=True).stdout
    return {name: (float(best), float(median)) for name, best, median in csv.reader(code.splitlines())}


def run_frond(build, threads, work):
    program = "ops" if work == "ops" else "recurrent"
    command = [os.path.join(build, "bench", program), str(threads)] + ([work] if work != "ops" else [])
    text = subprocess.run(command, capture_output=True, text=True, check=True,
                          env={**os.environ, "OMP_NUM_THREADS": str(threads)}).stdout
    return {row["work"]: (float(row["best_us"]), float(row["median_us"])) for row in csv.DictReader(text.splitlines())}


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            return next(line.split(":", 1)[1].strip() for line in info if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def compare(build, threads, rounds, works, out):
    writer = csv.writer(out)
    writer.writerow(["work", "threads", "frond_best_us", "frond_median_us", "torch_best_us", "torch_median_us",
                     "ratio"])
    for work in works:
        ours, theirs = [], []
        for _ in range(rounds):
            ours.append(run_frond(build, threads, work))
            theirs.append(run_torch(threads, work))
        for name in theirs[0]:
            if name not in ours[0]:
                continue
            f, t = [r[name] for r in ours], [r[name] for r in theirs]
            ratio = statistics.median(y[0] / x[0] for x, y in zip(f, t))
            row = [min(r[0] for r in f), statistics.median(r[1] for r in f), min(r[0] for r in t),
                   statistics.median(r[1] for r in t), ratio]
            writer.writerow([name, threads] + [f"{v:.2f}" for v in row])
            out.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", help="the build folder")
    parser.add_argument("work", nargs="*", help="ops, W1, ... W5-gru; the first letters do (default: all)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--csv", help="write the rows there as well")
    parser.add_argument("--torch", help=argparse.SUPPRESS)
    o = parser.parse_args()
    if o.torch:
        import torch
        torch.set_num_threads(o.threads)
        rows = torch_ops(torch) if o.torch == "ops" else torch_recurrent(torch, o.torch)
        csv.writer(sys.stdout).writerows([name, *t] for name, t in rows.items())
        return
    works = [w for w in ["ops", *WORKLOADS] if not o.work or any(w.startswith(p) for p in o.work)]
    import torch
    print(f"# {processor()}; PyTorch {torch.__version__}; {o.threads} thread(s); {o.rounds} rounds; "
          f"{time.strftime('%F')}")
    if o.csv:
        with open(o.csv, "w", encoding="utf-8") as out:
            compare(o.build, o.threads, o.rounds, works, out)
        with open(o.csv, encoding="utf-8") as out:
            sys.stdout.write(out.read())
    else:
        compare(o.build, o.threads, o.rounds, works, sys.stdout)


if __name__ == "__main__":
    main()
