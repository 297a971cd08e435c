#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Writes scaling.md from what bench/ranks printed: the files NAME_*.csv of a folder are runs in turn, of which the
least counts. one_*: without mpirun, on one and on two threads, and on one thread with PARTS 2, 8, 32; mpich_*,
openmpi_*: two ranks of one thread each."""
import argparse
import csv
import glob
import math
import os
import re

HEAD = """# Several processes: what they cost

Made by bench/scaling.py from what bench/ranks measured; nothing here is edited by hand. The first part is measured on
one machine: {machine}, a virtual one with {cores} cores, which much other work shared. Of {runs} or more runs in turn
the least time counts; differences of a tenth mean little. The rest is computed by a model, which no cluster has
confirmed. Times are in microseconds unless a unit stands beside them.
"""
SUMS = """
## Sums

fr_all_reduce of so many bytes over two ranks: a meeting, then the sum. The second time is the median of the quietest
run: where it is far above the best, other work was on the cores, and a rank waited for the other. Ranks are bound to
cores (`mpirun -bind-to core`). Two that shared one took 11 us for the smallest sum.
"""
STEPS = """
## Training steps

A batch is that of all ranks together; *alone* is a step of a rank's part of it whose gradients are not averaged. 1 and
2 threads: one process with the whole batch. The gains are over one process with one thread.
"""
MODEL = """
## A model of a step

    T(n) = C(B/n) + D(n)
    D(n) = L + rounds x latency + 2 (n-1)/n x bytes / bandwidth - what is hidden

C is the time of one process for a part of the batch, measured for B, B/2, B/8 and B/32. Gradients go in portions of 4
MiB. Each is an exchange of slices and a gather of the sums, n-1 messages each; up to 128 KiB in all it is one gather,
of log2(n) rounds. The meeting is another. L is what frond does with the values: it copies them in, adds them up, looks
whether they are finite and copies them out, {passes} times the copy of one process. From the sums of two ranks follow
latency (half of the time for 4 bytes, which is two messages) and bandwidth (what 8 MiB take beyond 1 MiB, less the
copies that fr_all_reduce makes).
"""
OVERLAP = """
Gradients leave while backward still runs. How much of their way that hides: on this machine nothing by design, since
the core that computes is also the one that copies. The last column of the table of steps measures it: what averaging
added over what the model says. More than 1 is waiting for the other rank, and values that have left the caches, which
the sums alone and the copy find there. MPI moves the bytes of long messages only inside its calls, and frond calls it
once for each gradient that is complete, so a network hides something between nothing and all that comes before the last
portion, as far as backward, about 2/3 of C, is long enough. Both ends are given.
"""
LIMITS = """
## What the algorithm means for many ranks

Sums in the order of ranks have the same bits in each run, and cost 2 (n-1) messages a portion. The bytes do not grow
with n, the messages do, and each slice shrinks to 4 MiB / n. Latency is as much as bandwidth at this many ranks:
"""
AFTER = """
Beyond that a portion should grow with n, or sums go up a tree (2 log2 n messages; halving and doubling keeps the
bytes). A tree fixed by n also has the same bits in each run, but not those of the ranks' order. Ranks of one computer
should be summed by shared memory first: then n counts computers. A small model's gather grows with n as well, but only
up to 128 KiB in all; then it is an exchange too, whose messages are what the step of gru 32x32 waits for. The meeting
takes 32 bytes from each rank and a loop over them.

## What would be next

Each rank has all of the model. In float32 a parameter takes 4 bytes, its gradient 4, Adam's states 8, and averaging 8
(the array that is summed, and room for what comes). Sharded states, as in ZeRO, would fit what there is: after the
exchange a rank has the sums of its slices; it would step these alone and gather parameters instead of gradients, with
the same messages. Only clipping by the norm needs one more sum.

GiB a rank, without activations:

"""
TAIL = """
On 16 GiB a model fits up to {all:.2f} G parameters as it is, to {states:.2f} G with sharded states on many ranks, and
to {ever:.1f} G if gradients and sums are sharded too. Below that, sharding buys nothing but memory. Above it, and
wherever one layer's weights or activations do not fit, the model itself has to be cut. frond does neither.
"""
PORTION, SMALL, MIB = 1 << 22, 1 << 17, 1 << 20
BATCH = {"gru 32x32": 32, "mlp 1024": 256, "lstm 512x512": 64}  # as in ranks.c
PASSES = 4
ASSUMED = {  # microseconds, bytes a microsecond
    "10 Gbit/s Ethernet": (25, 1250 * 0.9),
    "100 Gbit/s Ethernet": (10, 12500 * 0.9),
    "100 Gbit/s InfiniBand": (1.5, 12500 * 0.9),
}
RANKS = [1, 2, 8, 32, 128, 512, 1024]


def read(folder):
    """Returns {(flavour, what, size, ranks, threads): (best, median)}, and how many runs each flavour has at least."""
    times, runs = {}, {}
    for path in sorted(glob.glob(os.path.join(folder, "*_*.csv"))):
        flavour = os.path.basename(path).split("_")[0]
        with open(path, encoding="utf-8") as file:
            for row in csv.DictReader(file):
                key = flavour, row["what"], int(row["size"]), int(row["ranks"]), int(row["threads"])
                new = float(row["best us"]), float(row["median us"])
                times[key] = tuple(map(min, new, times.get(key, new)))
                runs[key] = runs.get(key, 0) + 1
    return times, min(runs.values())


def shown(x):
    return "-" if x is None else f"{x:,.0f}" if x >= 100 else f"{x:.3g}"


def table(head, rows):
    yield "\n| " + " | ".join(head) + " |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield "| " + " | ".join(cell if isinstance(cell, str) else shown(cell) for cell in row) + " |"
    yield ""


class Model:
    """The cost of a step."""

    def __init__(self, times):
        self.times = times
        self.sizes = {what: size for (_, what, size, _, _) in times if what in BATCH}
        self.copy = self.best("one", "sum", 8 * MIB, 1, 1) / (8 * MIB)  # microseconds a byte
        small, large = (self.best("mpich", "sum", size, 2, 1) for size in (MIB, 8 * MIB))
        slope = (large - small) / (7 * MIB)
        self.networks = {"this machine": (self.best("mpich", "sum", 4, 2, 1) / 2,
                                          1 / max(slope - PASSES * self.copy, slope / 10))}
        self.networks.update(ASSUMED)

    def best(self, flavour, what, size, ranks, threads):
        return self.times[flavour, what, size, ranks, threads][0]

    def compute(self, what, batch):
        """The time of one process for a batch: on the lines between those measured."""
        points = [(BATCH[what] // parts, self.best("one", what + part, self.sizes[what], 1, 1))
                  for parts, part in ((32, " part of 32"), (8, " part of 8"), (2, " part of 2"), (1, ""))]
        (x, y), (x2, y2) = next((pair for pair in zip(points, points[1:]) if batch <= pair[1][0]))
        return max(y + (batch - x) * (y2 - y) / (x2 - x), 0)

    def sum(self, what, n, network):
        """The times of the means over n ranks: of what never hides, and of what may."""
        latency, bandwidth = self.networks[network]
        bytes_ = 4 * self.sizes[what]
        if n == 1:
            return 0, 0
        rounds = math.ceil(math.log2(n))
        fixed = PASSES * bytes_ * self.copy + rounds * latency
        if bytes_ * n <= SMALL:
            return fixed + rounds * latency + (n - 1) * bytes_ / bandwidth, 0
        portions = math.ceil(bytes_ / PORTION)
        all_ = portions * 2 * (n - 1) * latency + 2 * (n - 1) / n * bytes_ / bandwidth
        return fixed + all_ / portions, all_ - all_ / portions

    def step(self, what, batch, n, network, hiding):
        compute = self.compute(what, batch)
        fixed, rest = self.sum(what, n, network)
        return compute + fixed + max(rest - (compute * 2 / 3 if hiding else 0), 0)


def measured(m):
    yield SUMS
    flavours = [f for f in ("mpich", "openmpi") if any(key[0] == f for key in m.times)]
    sizes = sorted(size for (f, what, size, _, _) in m.times if f == "mpich" and what == "sum")
    yield from table(["bytes"] + [f"{f} {x}" for f in flavours for x in ("best", "median")],
                     [[str(s)] + [x for f in flavours for x in m.times[f, "sum", s, 2, 1]] for s in sizes])
    yield STEPS
    rows = []
    for what, size in m.sizes.items():
        one, threads = (m.best("one", what, size, 1, t) for t in (1, 2))
        for f in flavours:
            two, alone = (m.best(f, name, size, 2, 1) for name in (what, what + " alone"))
            said = sum(m.sum(what, 2, "this machine"))
            rows.append([f"{what}, {f}", str(size), one, threads, alone, two, one / threads, one / two,
                         f"{(two - alone) / said:.1f}"])
    yield from table(["model", "parameters", "1 thread", "2 threads", "2 ranks alone", "2 ranks", "threads gain",
                      "ranks gain", "added / model"], rows)
    better = {what: "processes" if two < threads else "threads"
              for what, size in m.sizes.items()
              for two, threads in [(m.best("mpich", what, size, 2, 1), m.best("one", what, size, 1, 2))]}
    yield ("By these best times the better choice on this machine is\n" +
           "; ".join(f"{side} for {what}" for what, side in better.items()) +
           " (MPICH).\n\nThreads meet at the end of each large op, ranks once a step; small ops use one thread, so "
           "of a\nsmall model only ranks make more. Threads need neither a launcher nor a second copy of the model "
           "and of Adam's states:\nwhere a step takes about as long, take them.\n")


def predicted(m):
    yield MODEL.format(passes=PASSES)
    yield from table(["network", "latency us", "bandwidth GB/s", "where from"],
                     [[name, latency, bandwidth / 1000, "assumed, 90 % of the line" if name in ASSUMED else "fitted"]
                      for name, (latency, bandwidth) in m.networks.items()])
    yield OVERLAP
    for strong in (True, False):
        yield (f"## {'Strong' if strong else 'Weak'} scaling\n\n" +
               ("The batch of all ranks" if strong else "The batch of each rank") +
               " is that of ranks.c. Efficiency in percent,\n" +
               ("T(1) / (n T(n))" if strong else "T(1) / T(n)") +
               ": nothing hidden / all hidden that can be." +
               (" In brackets: measured.\n" if strong else "\n"))
        rows = []
        for what, whole in BATCH.items():
            for network in m.networks:
                cells = []
                for n in RANKS[1:]:
                    batch = whole / n if strong else whole
                    if batch < 1 or (network == "this machine" and n > 2):
                        cells.append("-")
                        continue
                    base = m.compute(what, whole) / (n if strong else 1)
                    both = [100 * base / m.step(what, batch, n, network, h) for h in (False, True)]
                    cells.append(" / ".join(f"{x:.0f}" for x in both))
                    if strong and network == "this machine":
                        real = m.best("mpich", what, m.sizes[what], 2, 1)
                        cells[-1] += f" (measured {100 * base / real:.0f})"
                rows.append([f"{what}, {network}"] + cells)
        yield from table(["n ="] + [str(n) for n in RANKS[1:]], rows)


def limits(m):
    yield LIMITS
    rows = [[name, latency, bandwidth / 1000, str(math.floor(PORTION / bandwidth / latency))]
            for name, (latency, bandwidth) in m.networks.items()]
    yield from table(["network", "latency us", "GB/s", "ranks"], rows)
    yield AFTER
    gib = 1 << 30
    yield from table(["parameters", "as it is", "states on 8", "states on 64", "all sharded on 64"],
                     [[f"{p / 1e9:g} G"] + [p * x / gib for x in (24, 16 + 8 / 8, 16 + 8 / 64, 4 + 20 / 64)]
                      for p in (1e8, 1e9, 1e10)])
    yield TAIL.format(all=16 * gib / 24e9, states=16 * gib / 16e9, ever=16 * gib / 4e9)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measured", help="the folder of the .csv files")
    parser.add_argument("doc", help="the folder to write into")
    o = parser.parse_args()
    times, runs = read(o.measured)
    m = Model(times)
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        machine = next(line.split(":", 1)[1].strip() for line in info if line.startswith("model name"))
    lines = [HEAD.format(machine=machine, cores=os.cpu_count(), runs=runs), *measured(m), *predicted(m), *limits(m)]
    with open(os.path.join(o.doc, "scaling.md"), "w", encoding="utf-8") as out:
        out.write(re.sub("\n{3,}", "\n\n", "\n".join(lines)).rstrip("\n") + "\n")


if __name__ == "__main__":
    main()
