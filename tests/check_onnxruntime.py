# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""check_onnxruntime.py ONNX_MODELS CHECK_OPS: lets the first program (tests/onnx_models.c) write models, and runs them
with inputs of other sizes than the examples'; lets the second (tests/check_ops.c) write the cases of all ops, and runs
those; lets the first load models that PyTorch wrote. Prints the differences, and exits with 1 if there are any."""
import inspect
import pathlib
import subprocess
import sys
import tempfile

import numpy
import onnx
import onnxruntime

# ONNX Runtime has no float64 kernels for these.
without_float64 = ("Conv", "GRU", "LSTM", "RNN")
# ONNX Runtime's results for these differ if there is a NaN, or nothing but -inf.
only_finite = ("ArgMax", "ArgMin", "MaxPool", "ReduceMax", "ReduceMin", "Sign")
failures = 0


def check(file):
    model = onnx.load(file)
    onnx.checker.check_model(model, full_check=True)
    name = file.name.removesuffix(".onnx")
    types = {node.op_type for node in model.graph.node}
    x, y = (numpy.load(file.with_name(f"{name}.{which}.npy")) for which in "xy")
    if name.endswith("_f64") and types.intersection(without_float64):
        return None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 2
    if "." in name:  # runs the nodes as they are written, without optimising them
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    got = session.run(None, {"input": x} if session.get_inputs() else {})[0]
    if not numpy.isfinite(x).all() and types.intersection(only_finite):
        return None
    if y.dtype == numpy.int64 and "Pow" in types:  # ONNX Runtime computes it in float64
        return None
    if got.shape != y.shape or got.dtype != y.dtype:
        return f"{got.dtype} {got.shape}, expected {y.dtype} {y.shape}"
    tolerance = 1e-5 if y.dtype == numpy.float32 else 1e-10
    same = numpy.allclose(got, y, tolerance, tolerance, equal_nan=True)
    return None if same else f"differs by up to {abs(got - y).max():g}"


def torch_models():
    """Returns tuples of name, module, example input, another input."""
    import torch
    from torch import nn, randn

    class Last(nn.Module):
        """A recurrent layer's last output, through a linear layer."""

        def __init__(self, layer):
            super().__init__()
            self.layer = layer
            self.head = nn.Linear(4, 2)

        def forward(self, x):
            return self.head(self.layer(x)[0][:, -1])

    class Gates(nn.Module):
        """Chunks, indices and sums, written without a layer."""

        def forward(self, x):
            a, b, c = x.chunk(3, 1)
            best = x.topk(2, 1)
            rows = torch.arange(x.shape[1], dtype=x.dtype)
            return torch.cat([a.sigmoid() * b.tanh() + c, best.values, x.cumsum(1), x.norm(dim=1, keepdim=True),
                              (x * rows).amin(1, keepdim=True), x.argmax(1, keepdim=True).to(x.dtype),
                              x.std(1, keepdim=True), x.tril()[:1].expand(x.shape[0], -1)], 1)

    yield "linear", nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2), nn.Softmax(1)), randn(2, 3), randn(5, 3)
    yield "convolution", nn.Sequential(
        nn.Conv1d(3, 4, 3, padding=1), nn.BatchNorm1d(4), nn.GELU(), nn.Flatten(), nn.Linear(24, 2)), \
        randn(2, 3, 6), randn(5, 3, 6)
    yield "pools", nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True), nn.AvgPool2d(2, 1, padding=1),
        nn.Conv2d(4, 4, 3, stride=2), nn.Hardtanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)), \
        randn(2, 2, 9, 9), randn(3, 2, 9, 9)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    yield "encoder", nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), randn(2, 5, 8), randn(3, 5, 8)
    yield "gates", Gates(), randn(2, 6), randn(4, 6)
    for kind in (nn.RNN, nn.LSTM, nn.GRU):
        layer = kind(3, 4, batch_first=True)
        yield kind.__name__, Last(layer), randn(2, 5, 3), randn(2, 7, 3)
        layer = kind(3, 2, 2, batch_first=True, bidirectional=True)
        yield kind.__name__ + " both", Last(layer), randn(2, 5, 3), randn(2, 7, 3)


def nodes():
    """Returns nodes that frond does not write: type, attributes, version of the operator set, x and other inputs, and a
    word of the error if frond must refuse the node."""
    x = numpy.linspace(-3, 3, 24, dtype=numpy.float32).reshape(2, 3, 4)
    whole = numpy.arange(-6, 6, dtype=numpy.int64)
    statistics = [numpy.ones(3, numpy.float32)] * 4
    yield "Gelu", {"approximate": "tanh"}, 20, [x], None
    yield "Gelu", {}, 20, [x], None
    yield "Dropout", {}, 13, [x, numpy.float32(0.5), numpy.bool_(False)], None
    yield "Dropout", {}, 13, [x, numpy.float32(0.5), numpy.bool_(True)], "training mode"
    yield "BatchNormalization", {"training_mode": 1}, 15, [x, *statistics], "training mode"
    yield "BatchNormalization", {"epsilon": 0.25}, 15, [x, *statistics], None
    yield "Softmax", {}, 11, [x], None
    yield "Softmax", {"axis": 1}, 13, [x], None
    yield "Flatten", {"axis": 2}, 13, [x[:0]], None
    yield "Pow", {}, 13, [x, numpy.int64(2)], None
    yield "Mod", {}, 13, [whole, numpy.int64(4)], None
    yield "Mod", {"fmod": 1}, 13, [whole, numpy.int64(4)], None
    yield "Div", {}, 13, [whole, numpy.int64(4)], None
    yield "Max", {}, 13, [x, x * x, -x], None
    yield "ArgMax", {"axis": 1, "keepdims": 0}, 13, [x], None
    yield "ArgMax", {"axis": 1, "select_last_index": 1}, 13, [x], None
    yield "CumSum", {"reverse": 1}, 13, [x, numpy.int64(1)], None
    yield "CumSum", {"exclusive": 1}, 13, [x, numpy.int64(1)], None
    yield "ReduceSum", {"keepdims": 0}, 13, [x, numpy.array([0, -1])], None
    yield "ReduceMax", {"axes": [0, 2]}, 17, [x], None
    yield "ReduceMax", {}, 18, [x, numpy.array([0, 2])], None
    yield "MaxPool", {"kernel_shape": [3], "pads": [2, 0], "strides": [2]}, 12, [x - 5], None
    yield "AveragePool", {"kernel_shape": [3], "pads": [0, 1], "count_include_pad": 1}, 11, [x], None
    yield "AveragePool", {"kernel_shape": [3], "pads": [0, 1]}, 11, [x], None
    yield "GlobalMaxPool", {}, 13, [x], None
    yield "LayerNormalization", {"axis": 1}, 17, [x, x[0], x[1]], None
    yield "Trilu", {"upper": 0}, 14, [x, numpy.int64(-1)], None


def check_node(folder, kind, attributes, version, inputs, refused):
    """Runs one node by ONNX Runtime and by frond. Returns the difference, or None."""
    names = ["x"] + [f"constant_{i}" for i in range(1, len(inputs))]
    constants = [onnx.numpy_helper.from_array(numpy.asarray(value), name) for name, value in
                 zip(names[1:], inputs[1:])]
    node = onnx.helper.make_node(kind, names, ["y"], **attributes)
    of_x = onnx.helper.make_tensor_value_info("x", onnx.helper.np_dtype_to_tensor_dtype(inputs[0].dtype),
                                              inputs[0].shape)
    graph = onnx.helper.make_graph([node], "node", [of_x], [onnx.ValueInfoProto(name="y")], constants)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", version)], ir_version=8)
    files = [str(pathlib.Path(folder) / file) for file in ("node.onnx", "node.x.npy", "node.y.npy")]
    onnx.save(model, files[0])
    numpy.save(files[1], inputs[0])
    done = subprocess.run([sys.argv[1], *files], capture_output=True, text=True)
    if refused:
        return None if done.returncode != 0 and refused in done.stderr else f"{done.stderr}; expected: {refused}"
    if done.returncode != 0:
        return done.stderr.strip()
    session = onnxruntime.InferenceSession(files[0], providers=["CPUExecutionProvider"])
    y = session.run(None, {"x": inputs[0]})[0]
    got = numpy.load(files[2])
    same = got.shape == y.shape and numpy.allclose(got, y, 1e-5, 1e-6)
    return None if same else f"{got.shape} {got.ravel()[:6]}, expected {y.shape} {y.ravel()[:6]}"


def check_import(folder, name, module, example, other):
    """Compares frond's output for a file of torch.onnx.export with PyTorch's. Returns the difference, or None."""
    import torch

    module.eval()
    files = [str(pathlib.Path(folder) / file) for file in ("torch.onnx", "torch.x.npy", "torch.y.npy")]
    dims = {d: f"d{d}" for d in range(example.ndim) if example.shape[d] != other.shape[d]}
    # Newer PyTorch has two exporters, older versions only the one without dynamo.
    exporter = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    torch.onnx.export(module, (example,), files[0], input_names=["x"], dynamic_axes={"x": dims}, **exporter)
    numpy.save(files[1], other.numpy())
    done = subprocess.run([sys.argv[1], *files], capture_output=True, text=True)
    if done.returncode != 0:
        return done.stderr.strip()
    with torch.no_grad():
        y = module(other).numpy()
    got = numpy.load(files[2])
    return None if got.shape == y.shape and numpy.allclose(got, y, 1e-5, 1e-5) else "differs"


with tempfile.TemporaryDirectory() as folder:
    subprocess.run([sys.argv[1], folder], check=True)
    models = len(list(pathlib.Path(folder).glob("*.onnx")))
    subprocess.run([sys.argv[2], "--onnx", folder], check=True, stdout=subprocess.DEVNULL)
    files = sorted(pathlib.Path(folder).glob("*.onnx"))
    for file in files:
        try:
            wrong = check(file)
        except Exception as error:  # any of three packages may raise it
            wrong = str(error)
        if wrong:
            failures += 1
            print(f"NOT the same: {file.name}: {wrong}")
    by_hand = list(nodes())
    for case in by_hand:
        wrong = check_node(folder, *case)
        if wrong:
            failures += 1
            print(f"NOT the same: {case[:3]}: {wrong}")
    try:
        import torch

        torch.manual_seed(0)
        for name, *parts in torch_models():
            wrong = check_import(folder, name, *parts)
            if wrong:
                failures += 1
                print(f"NOT the same: torch's {name}: {wrong}")
    except ImportError:
        print("without torch: its models are not loaded")
print(f"{models} models, {len(files) - models} calls of ops, {len(by_hand)} nodes, {failures} failures")
sys.exit(failures > 0 or models != 18 or len(files) < 600)
