#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# Files of frond's and of NumPy's, PyTorch's and safetensors', each read by the other: check_exchange.py, by $PYTHON or
# python3 where these are there.
set -eu

python=${PYTHON:-python3}
if ! "$python" -c 'import numpy, safetensors, torch' 2>/dev/null; then
    echo "skipped: $python has not all of numpy, safetensors and torch"
    exit 77
fi
exec "$python" "${FROND_TESTS:-.}/check_exchange.py" tests/exchange
