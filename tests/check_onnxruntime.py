# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""check_onnxruntime.py ONNX_MODELS: has that program (tests/onnx_models.c) write models, and runs them with inputs of
other sizes than they were written with. Says what differs and exits with 1."""
import pathlib
import subprocess
import sys
import tempfile

import numpy
import onnx
import onnxruntime

# What ONNX Runtime has no float64 kernels for.
without_float64 = ("Conv", "GRU", "LSTM", "RNN")
failures = 0


def check(file):
    model = onnx.load(file)
    onnx.checker.check_model(model, full_check=True)
    name = file.name.removesuffix(".onnx")
    x, y = (numpy.load(file.with_name(f"{name}.{which}.npy")) for which in "xy")
    if name.endswith("_f64") and any(node.op_type in without_float64 for node in model.graph.node):
        return None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 2
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    got = session.run(None, {"input": x})[0]
    if got.shape != y.shape or got.dtype != y.dtype:
        return f"{got.dtype} {got.shape}, expected {y.dtype} {y.shape}"
    tolerance = 1e-5 if y.dtype == numpy.float32 else 1e-10
    return None if numpy.allclose(got, y, tolerance, tolerance) else f"differs by up to {abs(got - y).max():g}"


with tempfile.TemporaryDirectory() as folder:
    subprocess.run([sys.argv[1], folder], check=True)
    files = sorted(pathlib.Path(folder).glob("*.onnx"))
    for file in files:
        try:
            wrong = check(file)
        except Exception as error:  # of three packages
            wrong = str(error)
        if wrong:
            failures += 1
            print(f"NOT the same: {file.name}: {wrong}")
print(f"{len(files)} models, {failures} failures")
sys.exit(failures > 0 or len(files) != 18)
