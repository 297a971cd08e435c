#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# A training step on one thread, with shapes that were seen before, makes no calls of malloc and its relatives and no
# system calls: a longer run must make no more than a shorter one. System calls are counted if strace is installed.
#
#     steady.sh BUILD [WORK...]        W1 W2 W3 W4 by default
set -eu

build=${1:?"usage: steady.sh BUILD [WORK...]"}
shift
test $# -gt 0 || set -- W1 W2 W3 W4
few=10
many=110
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
# libtool may wrap a program in a script, whose calls must not be counted.
run="$build/libtool --mode=execute"
calls=$(mktemp)
trap 'rm -f "$calls"' EXIT

system_calls() {
    # shellcheck disable=SC2086
    $run strace -f -c -o "$calls" "$build/bench/steady" "$1" "$2" >/dev/null
    awk '$NF == "total" { print $4 }' "$calls"
}

echo "# date: $(date +%F)"
echo "# command: bench/steady.sh BUILD $*"
echo "work,mallocs_a_step,system_calls_a_step"
"$build/bench/steady" $((many - few)) "$@" | while IFS=, read -r work steps mallocs _; do
    calls_a_step=
    if command -v strace >/dev/null; then
        short=$(system_calls $few "$work")
        long=$(system_calls $many "$work")
        calls_a_step=$(awk -v n=$((long - short)) -v steps=$((many - few)) 'BEGIN { print (n > 0 ? n / steps : 0) }')
    fi
    awk -v work="$work" -v n="$mallocs" -v steps="$steps" -v calls="$calls_a_step" \
        'BEGIN { print work "," n / steps "," calls }'
done
