#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# Measures models written as C (fr_export_c): bytes of code and constants, as `size` counts them, bytes of memory, and
# the time of a step compared with the library's. FLAGS are for the C compiler.
#
#     exported.sh BUILD [FLAGS...]        -O3 by default
set -eu

build=${1:?"usage: exported.sh BUILD [FLAGS...]"}
shift
test $# -gt 0 || set -- -O3
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "# date: $(date +%F)"
echo "# command: bench/exported.sh BUILD $*"
echo "# compiler: $(${CC:-cc} --version | head -n 1), $*"
echo "work,object_bytes,constant_bytes,memory_bytes,int8_loss,step_ns,library_sequence_ns,library_step_ns"
for cell in rnn lstm gru; do
    for kind in float int8; do
        figures=$("$build/libtool" --mode=execute "$build/bench/export" $cell $kind "$work/net.c")
        ${CC:-cc} -std=c99 "$@" -c "$work/net.c" -o "$work/net.o"
        ${CC:-cc} -std=c99 "$@" -I"$work" "$here/exported_step.c" "$work/net.o" -lm -o "$work/step"
        bytes=$(size "$work/net.o" | awk 'NR == 2 { print $1 + $2 + $3 }')
        echo "$cell $kind,$bytes,$figures" | awk -F, -v OFS=, -v ns="$("$work/step")" \
            '{ print $1, $2, $3, $4, $5, ns, $6, $7 }'
    done
done
