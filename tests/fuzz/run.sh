#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# run.sh SECONDS: builds the fuzzers with clang in ./build-fuzz and runs each for this long. Findings and the growing
# corpus stay in that folder.
set -eu

seconds=${1:?usage: $0 SECONDS}
source=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p build-fuzz
cd build-fuzz
if test ! -e Makefile; then
    "$source/configure" CC="${CC:-clang}" CFLAGS='-g -fsanitize=fuzzer-no-link,address,undefined' \
        --enable-sanitizers --disable-shared >configure.out
fi
make -s fuzz
# fuzz_training, fuzz_npy, fuzz_npz and fuzz_onnx write their own first files.
mkdir -p corpus/safetensors corpus/training corpus/ts corpus/csv corpus/npy corpus/npz corpus/onnx
export FROND_TESTS="$source/tests"
cp "$source"/tests/golden/safetensors/*.safetensors corpus/safetensors
head -n 30 "$source/examples/data/ItalyPowerDemand_TRAIN.ts" >corpus/ts/italy
cat >corpus/ts/two_dimensions <<'END'
@univariate false
@dimensions 2
@equalLength true
@seriesLength 2
@classLabel true a b
@data
1,2:3,4:a
END
printf '1,2,3.5\n2,-1e3\n\n10,4,5,6\n' >corpus/csv/ragged
printf 'a\t2\t3.5\nb\t-1\t0\n' >corpus/csv/tabs
for name in safetensors training ts csv npy npz onnx; do
    test -x tests/fuzz/fuzz_$name || continue # npz without libzip, onnx without protobuf-c
    tests/fuzz/fuzz_$name -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -artifact_prefix=$name- \
        corpus/$name
done
