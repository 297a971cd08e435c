# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""check_exchange.py EXCHANGE: lets this program (tests/exchange.c) read what PyTorch and NumPy write, and reads what it
writes. Prints the differences, and exits with 1 if there are any."""
import pathlib
import subprocess
import sys
import tempfile

import numpy
import torch
from safetensors.torch import load_file, save_file, save_model
from torch import nn

program = sys.argv[1]
config = pathlib.Path("config.h").read_text()
with_libzip = "#define HAVE_LIBZIP 1" in config
failures = []


def check(about, holds):
    if not holds:
        failures.append(about)
        print(f"NOT the same: {about}")


def frond(*arguments):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        check(f"{' '.join(map(str, arguments))}: {done.stderr.strip()}", False)
    return done.returncode == 0


# --- Modules: the same as in tests/exchange.c, and their inputs -------------------------------------------------------


def sequential():
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.BatchNorm1d(4), nn.Linear(4, 2))


def encoder_layer():
    return nn.TransformerEncoderLayer(4, 2, 7)


modules = {
    "rnn": (lambda: nn.RNN(3, 4, 2, nonlinearity="relu"), (5, 2, 3)),
    "lstm": (lambda: nn.LSTM(3, 4, 2, bidirectional=True, proj_size=2, batch_first=True), (5, 2, 3)),
    "lstm_no_bias": (lambda: nn.LSTM(3, 4, bias=False), (5, 2, 3)),
    "gru": (lambda: nn.GRU(3, 4, 2, bidirectional=True), (5, 2, 3)),
    "rnn_cell": (lambda: nn.RNNCell(3, 4), (2, 3)),
    "lstm_cell": (lambda: nn.LSTMCell(3, 4), (2, 3)),
    "gru_cell": (lambda: nn.GRUCell(3, 4, bias=False), (2, 3)),
    "linear": (lambda: nn.Linear(3, 5), (2, 3)),
    "conv1d": (lambda: nn.Conv1d(4, 6, 3), (2, 4, 7)),
    "conv2d": (lambda: nn.Conv2d(4, 6, (3, 2)), (2, 4, 7, 5)),
    "embedding": (lambda: nn.Embedding(10, 3), None),
    "layer_norm": (lambda: nn.LayerNorm(3), (2, 3)),
    "batch_norm1d": (lambda: nn.BatchNorm1d(3), (6, 3)),
    "batch_norm2d": (lambda: nn.BatchNorm2d(4), (2, 4, 3, 3)),
    "attention": (lambda: nn.MultiheadAttention(4, 2), (5, 2, 4)),
    "encoder_layer": (encoder_layer, (5, 2, 4)),
    "encoder": (lambda: nn.TransformerEncoder(encoder_layer(), 2, nn.LayerNorm(4), enable_nested_tensor=False),
                (5, 2, 4)),
    "sequential": (sequential, (6, 3)),
}
if hasattr(nn, "RMSNorm"):
    modules["rms_norm"] = (lambda: nn.RMSNorm(3), (2, 3))


def run(module, x):
    """Returns what frond's fr_forward returns: only the output; h for an LSTM cell."""
    module.eval()
    with torch.no_grad():
        y = module(x, x, x) if isinstance(module, nn.MultiheadAttention) else module(x)
    return y[0] if isinstance(y, tuple) else y


def randomize(module):
    """Gives all values, running statistics and counts too, numbers that a new module does not have."""
    for name, t in module.state_dict().items():
        if t.is_floating_point():
            t.uniform_(0.5, 1.5) if "var" in name else t.uniform_(-1, 1)
        else:
            t.fill_(7)


def same_output(about, module, x, y):
    expected = run(module, x)
    check(about, y.shape == expected.shape and torch.allclose(y, expected, rtol=1e-5, atol=1e-5))


def same_state(about, got, expected):
    check(f"{about}: names", sorted(got) == sorted(expected))
    for name in got.keys() & expected.keys():
        check(f"{about}: {name}", got[name].dtype == expected[name].dtype and torch.equal(got[name], expected[name]))


def both_ways(folder, name, make, shape):
    state, given, result, saved = (folder / part for part in ("state", "x", "y", "saved"))
    x = torch.randint(0, 10, (2, 5)) if shape is None else torch.randn(shape)
    module, other = make(), make()
    randomize(module)
    save_file(module.state_dict(), state)
    save_file({"x": x}, given)
    if frond("module", name, state, given, result, saved):
        same_output(f"{name}: output", module, x, load_file(result)["y"])
        same_state(f"{name}: state", load_file(saved), module.state_dict())
    if frond("module", name, "-", given, result, saved):
        other.load_state_dict(load_file(saved), strict=True)
        same_output(f"{name}: output of frond's own values", other, x, load_file(result)["y"])
    # float16 becomes float32, as in a copy in PyTorch. The metadata that save_model writes is not a tensor.
    halves = {key: t.bfloat16() if t.is_floating_point() else t for key, t in module.state_dict().items()}
    save_file(halves, state, {"format": "pt"})
    if frond("module", name, state, given, result, saved):
        other.load_state_dict(halves)
        same_output(f"{name}: output of bfloat16 values", other, x, load_file(result)["y"])
    save_model(module, state)
    if frond("module", name, state, given, result, saved):
        same_output(f"{name}: output after save_model", module, x, load_file(result)["y"])


# --- Arrays ----------------------------------------------------------------------------------------------------------

matrix = numpy.arange(6).reshape(2, 3) / 4
arrays = {
    "float32": matrix.astype("<f4"),
    "big": matrix.astype(">f8"),
    "fortran": numpy.asfortranarray(matrix),
    "big_fortran": numpy.asfortranarray(matrix.astype(">f4")),
    "int64": numpy.array([-(2**63), 0, 2**63 - 1]),
    "half": numpy.array([1e-7, 0.1, 65504, numpy.inf, -0.0], "<f2"),
    "bool": numpy.array([[True], [False]]),
    "bytes": numpy.arange(256, dtype="u1"),
    "scalar": numpy.array(3.5),
    "none": numpy.zeros((2, 0, 3), "<f4"),
}


def same_array(about, got, expected):
    check(about, got.shape == expected.shape and numpy.array_equal(got, expected.astype(got.dtype)) and
          got.dtype == {"f": expected.dtype.newbyteorder("=") if expected.itemsize > 2 else numpy.float32}
          .get(expected.dtype.kind, numpy.int64))


def exchange_arrays(folder):
    for name, array in arrays.items():
        numpy.save(folder / "from.npy", array)
        if frond("npy", folder / "from.npy", folder / "to.npy"):
            same_array(f"npy: {name}", numpy.load(folder / "to.npy"), array)
            again = numpy.load(folder / "to.npy")
            numpy.save(folder / "again.npy", again)
            check(f"npy: bytes of {name}", (folder / "to.npy").read_bytes() == (folder / "again.npy").read_bytes())
    for save in (numpy.savez, numpy.savez_compressed) if with_libzip else ():
        save(folder / "from.npz", **arrays)
        if frond("npz", folder / "from.npz", folder / "to.npz"):
            archive = numpy.load(folder / "to.npz")
            check(f"{save.__name__}: names", list(archive) == list(arrays))
            for name in archive:
                same_array(f"{save.__name__}: {name}", archive[name], arrays[name])


torch.manual_seed(1)
with tempfile.TemporaryDirectory() as temporary:
    for name, (make, shape) in modules.items():
        both_ways(pathlib.Path(temporary), name, make, shape)
    exchange_arrays(pathlib.Path(temporary))
if not with_libzip:
    print("frond was built without libzip: no npz")
print(f"{len(modules)} modules, {len(arrays)} arrays: {len(failures)} failures")
sys.exit(bool(failures))
