#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# The exercises of doc/course: the solutions get full points; the sheets as they are handed out compile without a
# warning and get none; a planted mistake in a solution costs the points of its task, and only these.
set -u
build=$PWD
flags=$(sed -n 's/^CFLAGS = //p' Makefile)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R "$FROND_TESTS/../doc/course" "$work/course"
chmod -R u+w "$work/course"
cd "$work/course" || exit 1
make=$(command -v gmake || command -v make)
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES
failed=0

# expect POINTS [VARIABLE=VALUE...]: grades, and compares the sum and whether make succeeds
expect() {
    sum=$1
    shift
    "$make" -s check-exercises FROND="$build" CC="${CC:-cc}" CFLAGS="$flags" "$@" >"$work/out" 2>"$work/err"
    status=$?
    found=$(tail -n 1 "$work/out" | tr -s ' ')
    [ "$found" = "sum $sum" ] && [ "$((status == 0))" -eq "$((${sum% of *} == ${sum#* of }))" ] &&
        ! grep -q 'warning:' "$work/out" "$work/err" && return
    echo "$*: exit status $status, expected 'sum $sum', no warning; printed:"
    cat "$work/out" "$work/err"
    failed=1
}

expect '60 of 60' SOLUTIONS=1
expect '0 of 60'
if grep -e 'it crashed' -e 'it had not' -e 'it called' -e 'compile' out/report; then
    echo "a sheet that is not filled in fails as above"
    failed=1
fi

# What is given to students is the same in the solutions. (In sheet 6 the given ops are wrong.)
for solution in solutions/[1-5]_*.c; do
    if diff "${solution#*/}" "$solution" | grep '^<' | grep -v -e 'your code here' -e '^<     return ' -e 'NULL;'; then
        echo "$solution has other lines than these"
        failed=1
    fi
done

# plant SHEET TASK POINTS SED: the mistake costs this task
plant() {
    sheet=$1 task=$2 points=$3
    mkdir -p planted
    sed "$4" "solutions/$sheet.c" >"planted/$sheet.c"
    if cmp -s "solutions/$sheet.c" "planted/$sheet.c"; then
        echo "$sheet: $4 changes nothing"
        failed=1
        return
    fi
    expect "$((10 - points)) of 10" SHEETS="$sheet" DIR=planted
    grep -q "^  ${sheet%%_*}\.$task .* not yet, 0 of $points\$" "$work/out" && return
    echo "$sheet: $4: task $task is not the one that fails"
    failed=1
}

plant 1_engine 1 3 's/b->grad += a->data/b->grad += b->data/'
plant 1_engine 1 3 's/a->grad += b->data/a->grad = b->data/'
plant 1_engine 2 3 's/1 - y->data/1 + y->data/'
plant 1_engine 3 4 's/!v || v->visited/!v/'
plant 2_softmax 1 3 's/exp(x\[i\] - max)/exp(x[i])/'
plant 2_softmax 2 3 's/fr_sub(fr_diag/fr_add(fr_diag/'
plant 2_softmax 3 4 's/fr_sub(g, .*, -1, true))/g/'
plant 3_broadcast 1 3 's/ \&\& n != 1//'
plant 3_broadcast 2 3 's/stride \*= .*/stride *= size_from_end(out, d);/'
plant 3_broadcast 3 4 's/shape.dim\[d\] == 1/d < 0/'
plant 4_gru 1 6 's/fr_sub(h, n)/fr_sub(n, h)/'
plant 4_gru 1 6 's/fr_mul(r, hidden\[2\])/fr_mul(r, h)/'
plant 4_gru 2 4 's/0, t), h, w/0, t), fr_detach(h), w/'
plant 5_sgd 1 3 's/sqrt(sum)/sum/'
plant 5_sgd 2 4 's/fr_sub(p,/fr_add(p,/'
plant 5_sgd 3 3 's/fr_tanh(\(.*\));/\1;/'
plant 6_bugs 1 3 '/wrong_ops/s/"cube"/"ratio"/'
plant 6_bugs 2 2 's/i < n/i < 1/'
plant 6_bugs 3 1 's/fr_sum_dim(g, 0, false)/fr_mean_dim(g, 0, false)/'
plant 6_bugs 4 1 's/in\[1\], -2/in[1], 2/'
plant 6_bugs 5 1 's/in\[0\])), 3)/in[0])), 2)/'
plant 6_bugs 6 1 's/fr_sub(y, /fr_sub(in[0], /'
plant 6_bugs 7 1 's/fr_matmul(g, in\[1\])/fr_matmul(g, fr_transpose(in[1], 0, 1))/'

# What ends a program costs its task, an exit status of 0 too.
plant 1_engine 1 3 's/a->grad += .*/for (;;) { }/'
plant 4_gru 2 4 's/int steps = /*(volatile int *)0 = 0; int steps = /'
plant 5_sgd 1 3 's/double sum = 0;/double sum = 0; extern void exit(int); exit(0);/'

# What is missing, or does not compile, counts 0.
mkdir partial
cp solutions/1_engine.c partial
echo '#error a mistake' >partial/2_softmax.c
expect '10 of 60' DIR=partial
exit $failed
