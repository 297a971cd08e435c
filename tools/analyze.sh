#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# analyze.sh [TOOL...]: static analysis of lib and tools, by gcc, clang-tidy and cppcheck, or by those that are named.
# Run by `make analyze` in a build folder, with the compiler's flags in FLAGS. Prints what is found and fails if that is
# anything, or if a tool is missing. What clang-tidy looks for is in .clang-tidy.
set -eu
cd "$(dirname "$0")/.."
jobs=$(getconf _NPROCESSORS_ONLN)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

find lib tools -name '*.c' ! -name '*.pb-c.c' ! -path lib/ops/op_table.c | sort >"$work/files"

# malloc-leak: gcc 12 loses sight of a block that is stored in an element of an array. check_malloc and the leak
# sanitizer look for leaks. The buffer of a tensor in lib/export_c: each tensor of a planned function has one, which
# gcc cannot know.
analyze_gcc() {
    xargs -P "$jobs" -n 1 sh -c '
        case $0 in
        lib/export_c/*) null=-Wno-analyzer-null-dereference ;;
        *) null= ;;
        esac
        # shellcheck disable=SC2086
        ${GCC:-gcc} $FLAGS -std=gnu11 -O1 -fopenmp-simd -fno-math-errno -fno-trapping-math -fanalyzer \
            -Wno-analyzer-malloc-leak $null -S -o /dev/null "$0"' <"$work/files" 2>&1
}

analyze_clang_tidy() {
    # shellcheck disable=SC2086
    xargs -P "$jobs" -n 1 sh -c 'clang-tidy --quiet "$0" -- $FLAGS -std=gnu11 2>/dev/null' <"$work/files"
}

# cppcheck 2.10 cannot parse __extension__ before a compound literal, takes protobuf-c for a version too old, and does
# not expand the names that kernels/instantiate.h makes. invalidPointerCast: the bytes of a storage are aligned for
# each type and hold values of the one that its dtype says.
analyze_cppcheck() {
    # shellcheck disable=SC2086
    cppcheck --quiet -j "$jobs" --enable=warning,performance,portability --inline-suppr $FLAGS -D__extension__= \
        -DPROTOBUF_C_VERSION_NUMBER=1004001 -DPROTOBUF_C_MIN_COMPILER_VERSION=1000000 \
        --suppress="preprocessorErrorDirective:*lib/kernels/instantiate.h" --suppress=invalidPointerCast \
        --file-list="$work/files" 2>&1
}

for tool in ${*:-gcc clang-tidy cppcheck}; do
    command -v "$tool" >/dev/null || { echo "analyze.sh: there is no $tool"; exit 1; }
    started=$(date +%s)
    "analyze_$(echo "$tool" | tr - _)" >"$work/found" || failed=1
    [ ! -s "$work/found" ] || failed=1
    cat "$work/found"
    found=$(grep -cE ': (warning|error|portability|performance):' "$work/found" || true)
    echo "$tool: $found findings in $(($(date +%s) - started)) s"
done
exit $failed
