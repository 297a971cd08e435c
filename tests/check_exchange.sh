#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# frond reads files of NumPy, PyTorch and safetensors, and they read frond's. Runs check_exchange.py with $PYTHON or
# python3 if it has these packages.
set -eu

python=${PYTHON:-python3}
if ! "$python" -c 'import numpy, safetensors, torch' 2>/dev/null; then
    echo "skipped: $python has not all of numpy, safetensors and torch"
    exit 77
fi
exec "$python" "${FROND_TESTS:-.}/check_exchange.py" tests/exchange
