#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# The examples and the programs of the manual print what is in their folder's expected/, and README's code and output
# are those of the tree.
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

# Expected output is in NAME.txt or NAME-ARGUMENT.txt. Examples run in the top folder, where they find their data; the
# language model's text is Debian's.
build=$(pwd)
for expected in "$top"/examples/expected/*.txt "$top"/examples/*/expected/*.txt "$top"/doc/programs/expected/*.txt; do
    run=$(basename "$expected" .txt)
    folder=$(dirname "${expected#"$top"/}")
    folder=${folder%/expected}
    name=${run%%-*}
    argument=${run#"$name"}
    text=$top/examples/expected/$name.cksum
    if [ -r "$text" ] && [ "$(cksum /usr/share/common-licenses/GPL-3 2>/dev/null)" != "$(cat "$text")" ]; then
        echo "$name: skipped, its text is not here, or another edition"
        continue
    fi
    if [ "$name" = 24_distributed ] && ! [ -e "$build/$folder/$name" ]; then
        echo "$name: skipped, frond was built without MPI"
        continue
    fi
    (cd "$top" && "$build/$folder/$name" ${argument#-}) >"$work/out" 2>&1 ||
        { echo "$run: exit status $?"; failed=1; }
    sed -f "$top/tests/places.sed" "$work/out" >"$work/got"
    same "$folder/$run" "$expected" "$work/got"
done

# No program, and no exercise of the path, is left out.
for program in "$top"/examples/[0-9]*.c "$top"/examples/solutions/*.c; do
    name=$(basename "$program" .c)
    ls "${program%/*}/expected/$name"[.-]*txt >/dev/null 2>&1 || { echo "$name: no output is expected"; failed=1; }
    for exercise in $(sed -n '/^.\* Exercises$/,$s/^ \* \([0-9]\)\. .*/\1/p' "$program"); do
        [ -r "$top/examples/solutions/${name}_$exercise.c" ] || { echo "$name: no solution $exercise"; failed=1; }
    done
done

# README shows examples/readme.c from its first include on, followed by its output.
sed '1,/^```c$/d; /^```$/,$d' "$top/README.md" >"$work/shown"
sed -n '/^#include <frond.h>$/,$p' "$top/examples/readme.c" >"$work/source"
same "README's code" "$work/source" "$work/shown"
sed '1,/^It prints$/d' "$top/README.md" | sed '1,/^```$/d; /^```$/,$d' >"$work/shown"
same "README's output" "$top/examples/expected/readme.txt" "$work/shown"
exit $failed
