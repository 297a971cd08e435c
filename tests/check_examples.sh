#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# The examples print what examples/expected has, and README shows what is in the tree.
set -u
top=${FROND_TESTS:?}/..
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

same() { # WHAT EXPECTED GOT
    diff "$2" "$3" >"$work/diff" && return
    echo "$1:"
    cat "$work/diff"
    failed=1
}

for expected in "$top"/examples/expected/*.txt; do
    name=$(basename "$expected" .txt)
    "examples/$name" >"$work/out" 2>&1 || { echo "$name: exit status $?"; failed=1; }
    same "examples/$name" "$expected" "$work/out"
done

# README's code is examples/readme.c from its first include on, and what it prints follows.
sed '1,/^```c$/d; /^```$/,$d' "$top/README.md" >"$work/shown"
sed -n '/^#include <frond.h>$/,$p' "$top/examples/readme.c" >"$work/source"
same "README's code" "$work/source" "$work/shown"
sed '1,/^It prints$/d' "$top/README.md" | sed '1,/^```$/d; /^```$/,$d' >"$work/shown"
same "README's output" "$top/examples/expected/readme.txt" "$work/shown"
exit $failed
