#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# Runs these test programs and the examples with kernels for lesser kinds of CPU, set by FROND_CPU. Without it they use
# the best kernels that this CPU can run.
set -u
log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=0
for cpu in base avx2; do
    for program in check_ops check_elementwise check_reductions check_recurrent check_recurrent_modules check_nn \
        check_norm check_training check_windows; do
        if ! [ -x "tests/$program" ]; then
            echo "skipped: there is no tests/$program (Check was not found?)"
            exit 77
        fi
        cases= # all
        [ $program != check_ops ] || cases=kernels
        env FROND_CPU=$cpu ${cases:+CK_RUN_CASE=$cases} "tests/$program" >"$log" 2>&1 && continue
        echo "FROND_CPU=$cpu tests/$program:"
        cat "$log"
        failed=1
    done
    env FROND_CPU=$cpu sh "$FROND_TESTS/check_examples.sh" >"$log" 2>&1 && continue
    echo "FROND_CPU=$cpu check_examples.sh:"
    cat "$log"
    failed=1
done
exit $failed
