#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# Models in ONNX, held against ONNX's own checker and run by ONNX Runtime: check_onnxruntime.py, by $PYTHON or python3
# where these are there.
set -eu

python=${PYTHON:-python3}
if ! grep -q '^#define HAVE_PROTOBUF_C 1' config.h; then
    echo "skipped: built without protobuf-c"
    exit 77
fi
if ! "$python" -c 'import numpy, onnx, onnxruntime' 2>/dev/null; then
    echo "skipped: $python has not all of numpy, onnx and onnxruntime"
    exit 77
fi
exec "$python" "${FROND_TESTS:-.}/check_onnxruntime.py" tests/onnx_models tests/check_ops
