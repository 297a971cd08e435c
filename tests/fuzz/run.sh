#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# run.sh SECONDS [BUILD]: builds the fuzzers with clang and runs all of them, one after another, for this long in total;
# those that run whole models and programs get the most of it. Then prints a table: executions, edges of the library and
# the fuzzer that were reached, files of the corpus. BUILD, ./build-fuzz, is configured here if it is empty. Findings
# and the growing corpus stay in BUILD/fuzz.
set -eu

seconds=${1:?usage: $0 SECONDS [BUILD]}
source=$(cd "$(dirname "$0")/../.." && pwd)
build=${2:-build-fuzz}
tests=$source/tests

mkdir -p "$build"
cd "$build"
test -e Makefile || "$source/configure" -q CC="${CC:-clang}" CFLAGS='-g -fsanitize=fuzzer-no-link,address,undefined' \
    --enable-sanitizers --disable-shared
make -s -j"$(getconf _NPROCESSORS_ONLN)" fuzz

# --- The first files of each corpus; fuzz_training, fuzz_npy and fuzz_npz write their own ----------------------------

build=$PWD
mkdir -p fuzz
cd fuzz
for fuzzer in "$build"/tests/fuzz/fuzz_*; do
    name=${fuzzer##*/fuzz_}
    test ! -x "$fuzzer" || mkdir -p "corpus/$name"
done
export FROND_TESTS="$tests"
cp "$tests"/golden/safetensors/*.safetensors corpus/safetensors
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
printf '[[1, 2], [3, 4]]\nsum(tanh(x @ x) ^ 2) / y - clamp(-.5e1 * y, 0, 1)\n' >corpus/expression/matrix
printf 'softmax(linear([1, 2], x)) + mse(x, y)' >corpus/expression/functions
printf '1,2,3.5\n2,-1e3\n\n10,4,5,6\n' >corpus/csv/ragged
printf 'a\t2\t3.5\nb\t-1\t0\n' >corpus/csv/tabs
printf 'step,name,value,wall_time\n1,loss/train,0.5,1700000000.5\n9,"a ""b"", c",NaN,1\n9,loss' >corpus/metrics/rows
for model in simple_rnn sequence_classifier tcn transformer; do
    sed "s/MODEL/$model/" "$tests/fuzz/model.json" >corpus/model_json/$model
done
if test -d corpus/onnx; then
    "$build"/tests/fuzz/onnx_seeds corpus/onnx
    test ! -x "$build"/tests/check_ops || "$build"/tests/check_ops --onnx corpus/onnx >/dev/null
    rm -f corpus/onnx/*.npy
fi

# --- Runs ------------------------------------------------------------------------------------------------------------

heavy='onnx ops training'
parts=0
for name in $(ls corpus) $heavy $heavy; do
    parts=$((parts + 1))
done

fuzz() { # NAME SECONDS
    case $1 in
    onnx | training) longest=16384 ;;
    capture | ops) longest=128 ;;
    *) longest=4096 ;;
    esac
    "$build/tests/fuzz/fuzz_$1" -max_total_time="$2" -timeout=20 -rss_limit_mb=2048 -max_len=$longest -entropic=0 \
        -print_final_stats=1 -artifact_prefix="$1-" "corpus/$1" >"$1.log" 2>&1
}

status=0
table=$(printf '%-12s %12s %8s %8s' fuzzer executions edges corpus)
total=0
for name in $(ls corpus); do
    share=$((seconds / parts + 1))
    case " $heavy " in *" $name "*) share=$((3 * seconds / parts + 1)) ;; esac
    fuzz "$name" $share || {
        status=1
        echo "fuzz_$name failed: $build/fuzz/$name.log"
        grep -v '^#\|NEW_FUNC' "$name.log" | tail -n 40
    }
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$name.log")
    edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$name.log" | tail -n 1)
    total=$((total + ${runs:-0}))
    table="$table
$(printf '%-12s %12s %8s %8s' "$name" "${runs:-0}" "${edges:-0}" "$(ls "corpus/$name" | wc -l)")"
done
printf '%s\n%-12s %12s\n' "$table" total $total
exit $status
