#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# TensorBoard's own reader finds in the event files what was logged, and gnuplot draws it. tests/watch writes one run,
# frond train another. check_tensorboard.py reads both, with $PYTHON or python3 if it has tensorboard and numpy.
set -eu

python=${PYTHON:-python3}
if ! "$python" -c 'import numpy, tensorboard' 2>/dev/null; then
    echo "skipped: $python has not both numpy and tensorboard"
    exit 77
fi
if ! command -v gnuplot >/dev/null; then
    echo "skipped: there is no gnuplot"
    exit 77
fi
rm -f pwned
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
tests/watch "$work/run's \`touch pwned\`" || status=$?
if [ "$status" -eq 77 ]; then
    echo "skipped: this frond was built without protobuf-c"
    exit 77
fi
[ "$status" -eq 0 ]
tools/frond/frond train "${FROND_TESTS:-.}/../examples/data/ItalyPowerDemand_TRAIN.ts" --epochs 3 --validation 0.2 \
    --plots --quiet --output "$work/train"
"$python" "${FROND_TESTS:-.}/check_tensorboard.py" "$work/run's \`touch pwned\`" "$work/train"
for file in "$work"/pwned pwned; do
    ! [ -e "$file" ] || { echo "gnuplot was made to run something"; exit 1; }
done
