#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# The cases of the onnx package. Runs check_onnx_suite.py with $PYTHON or python3 if it has these packages.
set -eu

python=${PYTHON:-python3}
if ! grep -q '^#define HAVE_PROTOBUF_C 1' config.h; then
    echo "skipped: built without protobuf-c"
    exit 77
fi
recent='import numpy, onnx, sys; sys.exit([int(n) for n in onnx.__version__.split(".")[:2]] < [1, 23])'
if ! "$python" -c "$recent" 2>/dev/null; then
    echo "skipped: $python has not both of numpy and onnx, 1.23 or newer"
    exit 77
fi
exec "$python" "${FROND_TESTS:-.}/check_onnx_suite.py" tests/onnx_models
