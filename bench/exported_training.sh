#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# Measures training steps of the shipped models written as C (fr_export_c_training): bytes of code and constants, as
# `size` counts them, of constants alone, of the trained weights, of the optimiser's state and of the memory of a step;
# and the microseconds of a step beside the library's on one thread. FLAGS are for the C compiler.
#
#     exported_training.sh BUILD [FLAGS...]        -O3 -march=native by default
set -eu

build=${1:?"usage: exported_training.sh BUILD [FLAGS...]"}
shift
test $# -gt 0 || set -- -O3 -march=native
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "# date: $(date +%F)"
echo "# command: bench/exported_training.sh BUILD $*"
echo "# compiler: $(${CC:-cc} --version | head -n 1), $*"
echo "work,object_bytes,constant_bytes,weight_bytes,optimiser_bytes,work_bytes,step_us,library_us"
for model in rnn lstm gru mlp char_lm forecaster sequence_classifier tcn transformer; do
    for batch in 1 32; do
        figures=$("$build/libtool" --mode=execute "$build/bench/export_training" $model $batch "$work/net.c")
        # shellcheck disable=SC2086
        ${CC:-cc} -std=c99 "$@" ${figures##*,} -I"$work" "$here/exported_training.c" "$work/net.c" -lm -o "$work/step"
        ${CC:-cc} -std=c99 "$@" -c "$work/net.c" -o "$work/net.o"
        bytes=$(size "$work/net.o" | awk 'NR == 2 { print $1 + $2 + $3 }')
        echo "$model batch $batch,$bytes,$figures" | awk -F, -v OFS=, -v us="$("$work/step")" \
            '{ print $1, $2, $3, $4, $5, $6, us, $7 }'
    done
done
