# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""ONNX's own cases: a model of one node, or of the nodes that an op is defined by, with inputs and outputs for it, from
the onnx package.

    check_onnx_suite.py ONNX_MODELS [WORD...]

has ONNX_MODELS run them; with words only those whose names have one of them, telling what was refused. A case passes,
or is refused with an error, or is wrong: none may be. Cases that draw random numbers, and values that are no tensors,
are left out. The floors below hold the numbers of passing cases; raise them when more pass."""
import collections
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy
import onnx
from onnx.backend.test.case.node import collect_testcases

FLOORS = {"float32, float64, int64, bool": 1267, "other types": 245}
random = ("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike")
own = {numpy.dtype(name) for name in ("float32", "float64", "int64", "bool")}
readable = own | {numpy.dtype(name) for name in
                  ("float16", "int8", "int16", "int32", "uint8", "uint16", "uint32", "uint64")}


def is_array(value):
    return isinstance(value, (numpy.ndarray, numpy.generic)) and numpy.asarray(value).dtype in readable


def usable(case):
    graph = case.model.graph
    is_random = any(node.op_type in random for node in graph.node) or any(
        node.op_type == "Dropout" and len(node.input) > 2 and case.data_sets[0][0][-1] for node in graph.node)
    return not is_random and all(is_array(value) for one in case.data_sets for side in one for value in side)


def same(got, expected, rtol, atol):
    if got.shape != expected.shape:
        return f"shape {got.shape}, expected {expected.shape}"
    if expected.dtype == numpy.float16:  # the last place may differ where an op is made of several
        rtol = max(rtol, 2e-3)
    close = numpy.isclose(got.astype(numpy.float64), expected.astype(numpy.float64), rtol, atol, equal_nan=True)
    if close.all():
        return None
    where = tuple(numpy.argwhere(~close)[0])
    return f"at {tuple(map(int, where))}: {got[where]}, expected {expected[where]}"


def run(runner, folder, case):
    """Returns "passed", "refused" or "wrong", and the reason."""
    path = folder / "case.onnx"
    onnx.save(case.model, path)
    for inputs, outputs in case.data_sets:
        for i, value in enumerate(inputs):
            numpy.save(folder / f"case{i}.npy", numpy.asarray(value))
        runner.stdin.write(f"{path} {folder / 'case'} {len(inputs)} {len(outputs)}\n")
        runner.stdin.flush()
        answer = runner.stdout.readline().strip()
        if answer != "done":
            return ("refused" if answer.startswith("frond: ") else "wrong"), answer or "it crashed"
        for i, expected in enumerate(outputs):
            wrong = same(numpy.load(folder / f"casey{i}.npy"), numpy.asarray(expected), case.rtol, case.atol)
            if wrong:
                return "wrong", f"output {i}: {wrong}"
    return "passed", ""


def main():
    words = sys.argv[2:]
    counts = {group: collections.Counter() for group in FLOORS}
    failures = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = collect_testcases(None)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with tempfile.TemporaryDirectory() as name, \
            subprocess.Popen([sys.argv[1], "--each"], text=True, **pipes) as runner:
        for case in cases:
            if not usable(case) or (words and not any(word in case.name for word in words)):
                continue
            kinds = {numpy.asarray(value).dtype for one in case.data_sets for side in one for value in side}
            result, reason = run(runner, pathlib.Path(name), case)
            counts[list(FLOORS)[not kinds <= own]][result] += 1
            if result == "wrong" or words:
                print(f"{result}: {case.name}: {reason}")
            failures += result == "wrong"
    for group, floor in FLOORS.items():
        print(f"{group}: {counts[group]['passed']} passed, {counts[group]['refused']} refused, "
              f"{counts[group]['wrong']} wrong; expected at least {floor} passed")
        failures += not words and counts[group]["passed"] < floor
    return failures > 0


sys.exit(main())
