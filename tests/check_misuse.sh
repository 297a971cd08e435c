#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# Compilers find mistakes in users' code: a result that is dropped, with gcc and clang, in C and C++; a leak and a
# double free, with gcc's analyser. It finds nothing in the examples, the models and the frond program.
set -eu

root=${srcdir:-.}
include="-I$root/include -Iinclude"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

complain()
{
    echo "$*"
    failed=1
}

cat > "$work/dropped.c" <<'END'
#include <frond.h>
void run(void);
void run(void)
{
    fr_nn_relu();
    fr_scope_begin();
    fr_load("x");
}
END
cp "$work/dropped.c" "$work/dropped.cc"

# drops COMPILER... FILE: there are three warnings, unless there is no such compiler
drops()
{
    command -v "$1" > /dev/null || { echo "not checked: there is no $1"; return; }
    # shellcheck disable=SC2086
    found=$("$@" $include -Wall -c -o "$work/object.o" 2>&1 | grep -c 'warning:.*unused-result' || true)
    [ "$found" -eq 3 ] || complain "$*: $found warnings of dropped results, expected 3"
}
for compiler in gcc clang; do
    drops $compiler -std=c11 "$work/dropped.c"
done
for compiler in g++ clang++; do
    drops $compiler -std=c++17 "$work/dropped.cc"
done

# GCC 11 is the first that knows which function frees a result.
version=$(gcc -dumpversion 2> /dev/null | sed 's/\..*//')
[ "${version:-0}" -ge 11 ] || { echo "skipped: there is no gcc 11 or later"; [ $failed -eq 0 ] && exit 77; exit 1; }

cat > "$work/leak.c" <<'END'
#include <frond.h>
int run(double p);
int run(double p)
{
    fr_module *m = fr_nn_linear(2, 3, NULL), *drop = fr_nn_dropout(p);
    if (!m)
        return 0; /* drop leaks */
    fr_module_free(drop);
    fr_module_free(m);
    if (p > 0.5)
        fr_module_free(drop); /* for the second time */
    return 1;
}
END
# analyse FILE: prints the analyser's findings
analyse()
{
    # shellcheck disable=SC2086
    gcc -fanalyzer -fdiagnostics-plain-output $include -I"$root/models" -I"$root/examples" -I"$root/tools/frond" \
        -I"$root/lib" -I. -D_GNU_SOURCE -c "$1" -o "$work/object.o" 2>&1 | grep -e '-Wanalyzer' -e ' error: '
}
found=$(analyse "$work/leak.c" | sed -n "s/.*\(leak of .drop\|double-.fr_module_free\).*/\1/p" | wc -l)
[ "$found" -eq 2 ] || complain "gcc -fanalyzer: found $found of a leak and a double free"
for file in "$root"/examples/*.c "$root"/models/*.c "$root"/tools/frond/*.c; do
    if analyse "$file"; then
        complain "$file: gcc -fanalyzer finds the above"
    fi
done
exit $failed
