#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# Under valgrind: the examples that end soon have no error and lose no byte, and a read of freed values is found, with
# the place that freed them. FROND_VALGRIND_ALL=1 runs all examples, which takes half an hour.
command -v valgrind >/dev/null || exit 77
grep -q '^#define FR_SANITIZE 1' config.h && exit 77
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

build=$PWD

# In a folder of their own, where the examples find their data and may write.
mkdir "$work/examples"
ln -s "$(cd "$FROND_TESTS/.." && pwd)/examples/data" "$work/examples/data"
check() { # PROGRAM [ARGUMENT...]
    program=$1
    shift
    (cd "$work" && "$build/libtool" --mode=execute valgrind -q --leak-check=full --error-exitcode=99 \
        --errors-for-leak-kinds=definite,indirect,possible --show-leak-kinds=definite,indirect,possible \
        "$build/$program" "$@")
}

programs='02_graph 03_four_ways 04_broadcasting 05_own_op 09_memory 10_mistakes 12_newton 13_optimiser'
[ -z "${FROND_VALGRIND_ALL:-}" ] || programs=$(cd examples && find . -maxdepth 1 -type f -perm -u+x)
export OMP_NUM_THREADS=1
for name in $programs; do
    epochs=
    case $name in
    *16_char_lm) epochs=1 ;; # an hour otherwise
    esac
    if ! check "examples/$name" $epochs >/dev/null 2>"$work/log"; then
        echo "valgrind examples/$name:" >&2
        head -n 30 "$work/log" >&2
        status=1
    fi
done

# The cache off, as it is under valgrind, and on.
for setting in '' 1; do
    if FROND_CHECK=$setting check tests/late_read >/dev/null 2>"$work/log" || ! grep -q 'Invalid read' "$work/log" ||
        ! grep -q "free'd" "$work/log" || ! grep -q 'fr_scope_end' "$work/log"; then
        echo "valgrind tests/late_read, FROND_CHECK=$setting, does not name the place that freed:" >&2
        cat "$work/log" >&2
        status=1
    fi
done
exit $status
