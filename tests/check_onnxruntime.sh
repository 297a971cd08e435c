#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# ONNX's own checker accepts frond's files, and ONNX Runtime computes what frond computes. Runs check_onnxruntime.py
# with $PYTHON or python3 if it has these packages.
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
