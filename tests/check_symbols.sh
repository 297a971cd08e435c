#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# The shared library exports exactly the functions that the public headers declare (lib/exported.sym);
# libfrond-mpi, where there is one, exports the one of <frond/distributed.h>.
set -eu
export LC_ALL=C

library=.libs/libfrond.so
expected=lib/exported.sym
if ! test -f "$library"; then
    echo "skipped: there is no $library (--disable-shared?)"
    exit 77
fi

found=$(mktemp)
trap 'rm -f "$found"' EXIT
exported() { # LIBRARY
    ${NM:-nm} -D --defined-only "$1" | awk '$2 != "A" { print $NF }' | sort -u
}

exported "$library" >"$found"
missing=$(comm -23 "$expected" "$found")
extra=$(comm -13 "$expected" "$found")
test -z "$missing" || printf 'declared, but not exported:\n%s\n' "$missing"
test -z "$extra" || printf 'exported, but not declared:\n%s\n' "$extra"
test -s "$expected" && test -z "$missing$extra" || exit 1
! test -f .libs/libfrond-mpi.so || test "$(exported .libs/libfrond-mpi.so)" = fr_distributed_init ||
    { echo "libfrond-mpi exports $(exported .libs/libfrond-mpi.so)"; exit 1; }
