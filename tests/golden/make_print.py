# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Writes print.txt: tensors, and PyTorch's output for them.

Two names differ, as lib/core/print.c explains: dtype=float64 instead of dtype=torch.float64, and grad_fn=<neg> instead
of grad_fn=<NegBackward0>. Line breaks are those for the shorter names.

A case is a line
    case NAME DTYPE VIEW HISTORY DIM,DIM,... KIND
with the shape of the base tensor, of which VIEW is taken. For KIND `values` a line with the values follows, as
hexadecimal floats or as integers; for KIND `steps` a line with START and STEP, where value i is START + i STEP in
float64. Then the printed lines follow, each after a bar. VIEW is none, transposed (dims 0 and 1 swapped), skipped
(every second value of the last dim) or expanded (a new dim of 3 in front). HISTORY is none, leaf (wants a gradient) or
neg (the negative of a leaf).

    python make_print.py > print.txt
"""

import math

import torch

DTYPES = {"float32": torch.float32, "float64": torch.float64, "int64": torch.int64}


add_suffixes = torch._tensor_str._add_suffixes


def add_our_suffixes(text, suffixes, indent, force_newline):
    ours = [s.replace("torch.", "").replace("NegBackward0", "neg") for s in suffixes]
    return add_suffixes(text, ours, indent, force_newline)


torch._tensor_str._add_suffixes = add_our_suffixes


def case(name, values, shape=None, dtype="float32", view="none", history="none"):
    steps = isinstance(values, tuple)
    if steps:
        t = values[0] + torch.arange(math.prod(shape), dtype=torch.float64) * values[1]
    else:
        t = torch.tensor(values, dtype=torch.int64 if dtype == "int64" else torch.float64)
    t = t.to(DTYPES[dtype])
    shape = list(t.shape) if shape is None else shape
    t = t.reshape(shape)
    if steps:
        numbers = [float(v).hex() for v in values]
    else:
        numbers = [str(v) if dtype == "int64" else float(v).hex() for v in t.reshape(-1).tolist()]
    if view == "transposed":
        t = t.transpose(0, 1)
    elif view == "skipped":
        t = t[..., ::2]
    elif view == "expanded":
        t = t.expand([3] + shape)
    if history == "leaf":
        t = t.detach().requires_grad_()
    elif history == "neg":
        t = -t.detach().requires_grad_()
    dims = ",".join(map(str, shape)) or "-"
    print("case", name, dtype, view, history, dims, "steps" if steps else "values")
    print(" ".join(numbers))
    for line in str(t).split("\n"):
        print("|" + line)


def uniform(n, low, high):
    return [low + (high - low) * x for x in torch.rand(n, dtype=torch.float64).tolist()]


torch.manual_seed(0)
nan, inf = math.nan, math.inf

case("one", [1.0])
case("scalar", [1.0], [])
case("scalar_fraction", [3.14159], [])
case("scalar_negative", [-2.5], [])
case("scalar_tiny", [1e-10], [])
case("scalar_huge", [1e20], [])
case("scalar_nan", [nan], [])
case("scalar_inf", [-inf], [])
case("scalar_zero", [0.0], [])
case("scalar_minus_zero", [-0.0], [])
case("scalar_int", [7], [], "int64")
case("scalar_double", [0.1], [], "float64")

case("row", [1.0, 2.0], [1, 2])
case("fractions", [0.5, 1.25, 2.0])
case("rounding", [0.12345, 0.00005, 0.99995, 2.00005])
case("half_even", [0.5, 1.5, 2.5, 0.00015])
case("negative", [-1.0, 2.0, -33.0])
case("negative_fractions", [-1.5, 22.25, -333.125])
case("zeros", [0.0] * 6, [2, 3])
case("minus_zeros", [-0.0, 0.0])
case("minus_zero_in_fractions", [-0.0, 0.5, -12.5])
case("whole_and_nan", [1.0, nan, inf, -inf])
case("fraction_and_nan", [1.5, nan, inf, -inf])
case("only_nan", [nan, nan])
case("only_inf", [inf, -inf, nan])
case("zero_and_inf", [0.0, -inf])
case("scientific_and_nan", [1e-9, nan, inf, -inf])
case("wide_nan", [123456.0, nan, -inf])

case("ratio_1000", [1.0, 1000.0])
case("ratio_above", [1.0, 1001.0])
case("ratio_fraction", [0.5, 500.5])
case("ratio_exact", [0.25, 250.0])
case("whole_1e8", [1e8, 2.5e7])
case("whole_above_1e8", [1e8 + 8, 1e8])
case("double_above_1e8", [1e8 + 1, 1e8], None, "float64")
case("small_1e-4", [1e-4, 2e-4])
case("double_1e-4", [1e-4, 2e-4], None, "float64")
case("below_1e-4", [0.99e-4, 2e-4])
case("tiny", [1e-30, -2e-38, 1e-45])
case("double_extremes", [5e-324, 1.7976931348623157e308, -2.2250738585072014e-308], None, "float64")
case("double_exponent_3", [1e100, -1e-100, 0.0, 1.0], None, "float64")
case("float_max", [3.4028234663852886e38, -3.4028234663852886e38])
case("mixed", [1e-3, 1.0, 1e3, -1e6])
case("scientific_zero", [0.0, 1e-6, 3.0])
case("whole_scientific", [1.0, 20000.0, -3000000.0])
case("double_suffix", [1.0, 2.5], None, "float64")
case("double_whole", [1.0, -2.0], None, "float64")

case("ints", [1, -20, 300], None, "int64")
case("ints_extreme", [-(2**63), 2**63 - 1, 2**53 + 1, 0], None, "int64")
case("int_matrix", list(range(12)), [3, 4], "int64")
case("int_long", (0, 1), [40], "int64")
case("int_summary", (-500, 1), [1001], "int64")

case("empty", [], [0])
case("empty_matrix", [], [0, 3])
case("empty_inner", [], [2, 0, 4])
case("empty_double", [], [0], "float64")
case("empty_int", [], [0], "int64")
case("empty_int_matrix", [], [3, 0], "int64")
case("empty_leaf", [], [0, 2], "float64", history="leaf")

case("long_line", uniform(30, 0, 1))
case("long_line_negative", uniform(30, -10, 10))
case("long_whole", (0, 1), [45])
case("long_scientific", uniform(20, -1e-5, 1e5))
case("eight_a_line", uniform(8, 0, 1))
case("nine_a_line", uniform(9, 0, 1))
case("matrix", uniform(12, -1, 1), [3, 4])
case("matrix_wraps", uniform(24, -1, 1), [2, 12])
case("column", uniform(4, 0, 100), [4, 1])
case("cube", uniform(24, -1, 1), [2, 3, 4])
case("four_dims", uniform(16, -3, 3), [2, 2, 2, 2])
case("five_dims", (1, 1), [2, 1, 2, 1, 2])
case("eight_dims", (1, 1), [1, 2, 1, 1, 2, 1, 1, 2])

case("threshold", (0, 1), [1000])
case("above_threshold", (0, 1), [1001])
case("summary_fraction", (0, 0.5), [1002])
case("summary_hides_scientific", (-1e5, 100), [2001])
case("summary_matrix", (0, 1), [40, 40])
case("summary_two_rows", (0, 0.125), [2, 600])
case("summary_six_wide", (0, 1), [200, 6])
case("summary_seven_wide", (0, 1), [200, 7])
case("summary_cube", (0, 1), [8, 12, 11])
case("summary_four_dims", (0, 0.25), [7, 2, 9, 10])
case("summary_scientific", (1e-7, 1e-3), [1500])
case("summary_long_numbers", (123456, 1234567), [3, 700], "int64")
case("summary_thin", (0, 1), [1200, 1])

case("transposed", (0, 1), [3, 4], view="transposed")
case("transposed_fraction", uniform(6, 0, 1), [2, 3], view="transposed")
case("skipped", (0, 1), [3, 6], view="skipped")
case("skipped_hides", [1.0, 0.5, 2.0, 1e9], view="skipped")
case("expanded", [1.5, -2.5], view="expanded")
case("summary_transposed", (0, 1), [30, 50], view="transposed")
case("summary_expanded", (0, 1), [500], view="expanded")

case("leaf", [1.0, 2.0], history="leaf")
case("leaf_double", [1.0, 2.0], None, "float64", history="leaf")
case("history", [1.0, 2.0], history="neg")
case("history_scalar", [0.75], [], history="neg")
case("history_double", [1.5, 2.25], None, "float64", history="neg")
for n in range(5, 9):
    case("suffix_wraps_%d" % n, uniform(n, 0, 1), history="leaf")
    case("suffixes_wrap_%d" % n, uniform(n, 0, 1), None, "float64", history="neg")
for n in range(10, 17):  # lengths just below, at and above the limit of a line
    case("suffix_fits_%d" % n, (0, 0.5 if n < 12 else 0.625), [n], history="leaf")
    case("suffix_fits_whole_%d" % n, [1.0] * n, history="leaf")
    case("suffix_fits_double_%d" % n, [10.0] * n, None, "float64")
case("suffix_after_lines", uniform(14, 0, 1), [2, 7], history="leaf")
case("suffix_wraps_after_lines", uniform(16, -1, 1), [2, 8], "float64", history="leaf")
case("suffix_after_summary", (0, 1), [1001], "float64", history="neg")
