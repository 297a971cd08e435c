#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# Models written as C run on emulated Cortex-M processors, with a floating-point unit and without, and compute what the
# library computes. gcc and clang compile them for this computer without a warning, gcc for 32 bits too where it can.
set -u
for command in arm-none-eabi-gcc qemu-system-arm; do
    command -v $command >/dev/null || { echo "skipped: there is no $command"; exit 77; }
done
top=${FROND_TESTS:?}/..
emulate=$top/examples/on_device/emulate.sh
strict='-Wall -Wextra -Wconversion -pedantic -Werror'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

wrong() {
    echo "$*"
    failed=1
}

# on HOW PROGRAM SOURCE...: compiles and runs; HOW is a board, or a compiler for this computer with its options. The
# output goes to $work/out. A program that hangs is ended.
on() {
    how=$1 program=$2
    shift 2
    case $how in
    mps2-*) CFLAGS=$strict timeout 120 sh "$emulate" "$how" "$work" "$@" >"$work/out" 2>"$work/err" ;;
    *)
        # shellcheck disable=SC2086
        $how -std=c99 -O2 $strict -I"$work" "$@" -lm -o "$work/program" 2>"$work/err" && "$work/program" >"$work/out"
        ;;
    esac || wrong "$program on $how: exit status $?: $(tail -n 20 "$work/err")"
}

# near EXPECTED: the lines of $work/out are those of the file EXPECTED, "VALUE BOUND", to within their bounds
near() {
    paste -d ' ' "$1" "$work/out" | awk '
        { d = $3 - $1; if (NF != 3 || !(d <= $2 && -d <= $2)) { print "line " NR ": " $3 ", expected " $1; bad = 1 } }
        END { exit bad || !NR }' >"$work/diff" || wrong "$program on $how: $(head -n 5 "$work/diff")"
}

numbers() {
    grep -o '[0-9]*[.]\{0,1\}[0-9][0-9]*'
}

# Boards, and the compilers that are here.
set -- mps2-an385 mps2-an386 mps2-an500
echo 'int main(void) { return 0; }' >"$work/probe.c"
for compiler in gcc clang 'gcc -m32'; do
    $compiler "$work/probe.c" -o "$work/probe" 2>/dev/null && set -- "$@" "$compiler"
done

# In the example the library learns first what the device then does; the device says last what memory it takes.
build=$PWD
tests/device_models "$work" || exit 1
(cd "$top" && "$build/examples/23_on_device" "$work") >"$work/library" || exit 1
sed -n '/^other meter/,$p' "$work/library" | cat - "$top/examples/on_device/sizes.txt" | numbers |
    sed 's/$/ 2e-6/' >"$work/learned"

for how in "$@"; do
    for expected in "$work"/*.expected; do
        name=$(basename "$expected" .expected)
        on "$how" "$name" "$work/$name.c" "$work/${name}_main.c"
        near "$expected"
    done
    on "$how" 23_on_device "$work/meter.c" "$top/examples/on_device/main.c"
    numbers <"$work/out" >"$work/numbers" && mv "$work/numbers" "$work/out"
    near "$work/learned"
done
exit $failed
