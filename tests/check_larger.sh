#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# Data four times as large as the memory that a program may take: an epoch from the files gives the losses of an epoch
# in memory, digit for digit, and its peak of memory does not grow with the files. tests/larger.c is the program.
set -u
larger=$PWD/tests/larger
# One thread: what BLAS takes for others is not what is measured.
OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
export OMP_NUM_THREADS OPENBLAS_NUM_THREADS
[ -r /proc/self/status ] || { echo "skipped: there is no /proc/self/status"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

fail() { # WORDS...
    echo "$*" >&2
    failed=1
}

# same FOLDER KIND MIB BUFFER: the epoch prints what the one in memory did; its peak of memory goes to FOLDER/KIND.peak
same() {
    if ! "$larger" train "$1" "$2" "$3" "$4" >"$1/$2.out" 2>"$1/$2.peak"; then
        fail "$1 $2: $(cat "$1/$2.peak")"
    elif ! cmp -s "$1/memory$4.out" "$1/$2.out"; then
        fail "$1 $2, buffer $4: other losses than in memory:"
        diff "$1/memory$4.out" "$1/$2.out" | head -n 4 >&2
    fi
}

# grows KIND SMALL LARGE MIB: the peaks of the two folders must differ by less than MIB
grows() {
    more=$(($(cat "$3/$1.peak") - $(cat "$2/$1.peak")))
    [ $more -lt $(($4 * 1024)) ] || fail "$1: $more KiB more for the larger files, expected less than $4 MiB"
}

mkdir "$work/arrays" "$work/few" "$work/tables" "$work/few_tables"
kinds="npy safetensors"
grep -q 'define HAVE_LIBZIP 1' config.h && kinds="$kinds npz"
for kind in write npz; do
    [ $kind = npz ] && [ "$kinds" = "npy safetensors" ] && continue
    "$larger" $kind "$work/arrays" 200000 || exit 1 # 49 MiB
    "$larger" $kind "$work/few" 20000 || exit 1
done
"$larger" tables "$work/tables" 40000 || exit 1 # 23 MiB
"$larger" tables "$work/few_tables" 4000 || exit 1
for folder in arrays few tables few_tables; do
    for buffer in 0 1000; do
        "$larger" train "$work/$folder" memory 0 $buffer >"$work/$folder/memory$buffer.out" 2>"$work/peak" ||
            fail "$folder in memory"
    done
    cmp -s "$work/$folder/memory0.out" "$work/$folder/memory1000.out" && fail "$folder: the buffer changes nothing"
done
# The limit is one: what is in memory does not fit.
"$larger" train "$work/arrays" memory 12 0 >"$work/out" 2>&1 && fail "49 MiB fit into 12 MiB"
grep -q 'out of memory' "$work/out" || fail "in 12 MiB: $(cat "$work/out")"
for kind in $kinds; do
    same "$work/few" $kind 12 0
    same "$work/arrays" $kind 12 0
    grows $kind "$work/few" "$work/arrays" 4
done
same "$work/few_tables" csv 5 0
same "$work/tables" csv 5 0
grows csv "$work/few_tables" "$work/tables" 3
# With a shuffle buffer not even the order of the rows, 1.5 MiB, is in memory.
for buffered in "npy few arrays 10 1" "csv few_tables tables 4 2"; do
    set -- $buffered
    same "$work/$2" $1 $4 1000
    same "$work/$3" $1 $4 1000
    grows $1 "$work/$2" "$work/$3" $5
done
exit $failed
