#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Compares frond with PyTorch, JAX and KANN.

Runs the bench programs of a build folder and the same workloads in frond's peers in turn, several rounds of each,
because a machine's speed drifts. For each workload it prints the best time and the median of the rounds' medians of
both sides, the ratio of the best times (above 1: frond is faster), and the peak memory of the whole processes. If
medians are far from the best, the machine had other work, and the row is worth little.
"""
import argparse
import csv
import os
import platform
import statistics
import subprocess
import sys
import time

from plot import check_gnuplot, plot_ratios
from workloads import MODELS, RECURRENT, SINGLE

HERE = os.path.dirname(os.path.abspath(__file__))
COLUMNS = ["work", "threads", "peer", "frond_best_us", "frond_median_us", "peer_best_us", "peer_median_us", "ratio",
           "frond_peak_kib", "peer_peak_kib"]
versions = set()


def program(build, folder, name):
    """Returns the path of a program. libtool may have put it in .libs, with a script in its place."""
    hidden = os.path.join(build, folder, ".libs", name)
    return hidden if os.path.exists(hidden) else os.path.join(build, folder, name)


def run(build, threads, command):
    """Runs a command. Returns its output, its wall time in microseconds and its peak memory in KiB."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads),
                   "LD_LIBRARY_PATH": os.path.join(build, ".libs"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([os.path.join(build, "bench", "process"), *command], capture_output=True, text=True,
                          env=environment, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    wall, peak = done.stderr.rsplit("process: ", 1)[1].split()
    return done.stdout, float(wall), int(peak)


def split_comments(text):
    """Adds the versions in `# versions: ...` to the set of versions, and returns the other lines."""
    for line in text.splitlines():
        if line.startswith("# version"):
            versions.add(line.split(": ", 1)[1])
        elif not line.startswith("#"):
            yield line


# --- Sides: functions of a workload that give {row: (best, median)} and the peak ---

def frond(o):
    def side(work):
        name = work if work in (*SINGLE, "capture") else "models" if work in MODELS else "recurrent"
        words = [] if name == work else [work]
        text, _, peak = run(o.build, o.threads, [program(o.build, "bench", name), str(o.threads), *words])
        rows = csv.DictReader(split_comments(text))
        return {row["work"]: (float(row["best_us"]), float(row["median_us"])) for row in rows}, peak
    return side


def python_peer(o, python, script, *options):
    def side(work):
        text, _, peak = run(o.build, o.threads, [python, os.path.join(HERE, script), str(o.threads), work, *options])
        return {name: (float(best), float(median)) for name, best, median in csv.reader(split_comments(text))}, peak
    return side


def kann_peer(o):
    """Reads rows of `kann W1 1 TRAIN_BEST TRAIN_MEDIAN INFER_BEST`; for inference there is only the best."""
    def side(work):
        number = list(RECURRENT).index(work) + 1
        text, _, peak = run(o.build, o.threads, [o.kann, str(o.threads), str(number)])
        rows = {}
        for line in split_comments(text):
            _, name, _, best, median, infer = line.split()[:6]
            one = name.removeprefix("W6-")
            if one != work:
                continue
            if best != "-":
                rows[f"{work} train"] = (float(best), float(median))
            if infer != "-":
                rows[f"{work} {'infer' if one == name else 'one sequence'}"] = (float(infer), float(infer))
        return rows, peak
    return side


def whole_program(o, command):
    def side(_):
        _, wall, peak = run(o.build, o.threads, command)
        return {"simple_rnn whole program": (wall, wall)}, peak
    return side


# --- Comparing -------------------------------------------------------------------------------------------------------

def compare_one(work, sides, o):
    """Returns the rows of one workload; sides holds those of frond and its peers, by name."""
    results = {name: [] for name in sides}
    for _ in range(o.rounds):
        for name, side in sides.items():
            results[name].append(side(work))
    ours = results.pop("frond")
    for peer, theirs in results.items():
        for row in theirs[0][0]:
            f, t = [r[0][row] for r in ours], [r[0][row] for r in theirs]
            times = [min(r[0] for r in f), statistics.median(r[1] for r in f), min(r[0] for r in t),
                     statistics.median(r[1] for r in t)]
            yield [row, o.threads, peer, *(f"{v:.2f}" for v in times), f"{times[2] / times[0]:.2f}",
                   max(r[1] for r in ours), max(r[1] for r in theirs)]


def sides_of(work, o):
    def torch(mode):
        return python_peer(o, sys.executable, "peer_torch.py", mode)

    if work == "capture":
        return {"frond": frond(o), "JAX": python_peer(o, o.jax, "peer_jax.py")}
    sides = {"frond": frond(o), "PyTorch": torch("eager")}
    if work in RECURRENT:
        if o.fused:
            sides["PyTorch fused Adam"] = torch("fused")
        if o.compile:
            sides["PyTorch torch.compile"] = torch("compile")
        if o.jax:
            sides["JAX"] = python_peer(o, o.jax, "peer_jax.py")
        if o.kann:
            sides["KANN"] = kann_peer(o)
    return sides


def compare(o):
    for work in [*SINGLE, *(["capture"] if o.jax else []), *MODELS, *RECURRENT]:
        if not o.work or any(work.startswith(word) for word in o.work):
            yield from compare_one(work, sides_of(work, o), o)
    if o.whole:
        sides = {"frond": [program(o.build, "examples", "simple_rnn")],
                 "PyTorch": [sys.executable, os.path.join(HERE, "torch_simple_rnn.py")],
                 "import torch alone": [sys.executable, "-c", "import torch"]}
        yield from compare_one("whole", {name: whole_program(o, command) for name, command in sides.items()}, o)


def shown(arguments):
    """Returns the command line for printing: paths without their folders."""
    return [os.path.basename(a) if os.path.isabs(a) else a for a in arguments]


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            return next(line.split(":", 1)[1].strip() for line in info if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", help="the build folder")
    parser.add_argument("work", nargs="*", help="ops, products, layers, capture (with --jax), convnet, gpt, bigru, W1, "
                        "... W5-gru; the first letters do (default: all)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fused", action="store_true", help="PyTorch with its fused Adam as well")
    parser.add_argument("--compile", action="store_true", help="and with torch.compile (minutes of compiling)")
    parser.add_argument("--jax", metavar="PYTHON", help="a Python that has JAX")
    parser.add_argument("--kann", metavar="BINARY", help="a program of THREADS and a number of workloads that prints "
                        "lines of a name, a workload, threads, and the microseconds of training, best and median, and "
                        "of inference")
    parser.add_argument("--whole", action="store_true", help="the program simple_rnn, from start to end, as well")
    parser.add_argument("--csv", metavar="FILE", help="write the rows there as well")
    parser.add_argument("--plot", metavar="FILE", help="draw the ratios, as .svg or .png; needs gnuplot")
    o = parser.parse_args()
    if o.plot:
        check_gnuplot()
    rows = []
    print(",".join(COLUMNS))
    for row in compare(o):
        print(",".join(map(str, row)), flush=True)
        rows.append(row)
    about = [f"# machine: {processor()}, {os.cpu_count()} cores", f"# versions: {'; '.join(sorted(versions))}",
             f"# date: {time.strftime('%F')}", f"# command: compare.py {' '.join(shown(sys.argv[1:]))}"]
    print("\n".join(about))
    if o.csv:
        with open(o.csv, "w", encoding="utf-8", newline="") as out:
            out.write("\n".join(about) + "\n")
            csv.writer(out, lineterminator="\n").writerows([COLUMNS, *rows])
    if o.plot:
        plot_ratios([dict(zip(COLUMNS, row)) for row in rows], o.plot)


if __name__ == "__main__":
    main()
