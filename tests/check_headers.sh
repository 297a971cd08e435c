#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# Each public header compiles without a warning, alone and included twice, as C11 and as C++17.
set -eu

include=${srcdir:-.}/include
flags="-fsyntax-only -Wall -Wextra -Wshadow -pedantic -Werror -I$include -Iinclude"
source=$(mktemp -d)
trap 'rm -rf "$source"' EXIT
failed=0

# compiles STANDARD FILE COMPILER...
compiles()
{
    standard=$1 file=$2
    shift 2
    # shellcheck disable=SC2086
    "$@" "-std=$standard" $flags "$file"
}

echo 'int main() { return 0; }' > "$source/empty.cc"
# shellcheck disable=SC2086 # CC and CXX may hold flags
if compiles c++17 "$source/empty.cc" ${CXX:-c++} > /dev/null 2>&1; then
    cxx=yes
else
    cxx=no
    echo "not checked as C++: no compiler for C++17"
fi

for header in "$include"/frond.h "$include"/frond/*.h include/frond/*.h; do
    name=${header#"$include"/}
    name=${name#include/}
    printf '#include <%s>\n#include <%s>\nint main(void);\n' "$name" "$name" > "$source/alone.c"
    printf '#include <%s>\n#include <%s>\nint main();\n' "$name" "$name" > "$source/alone.cc"
    # shellcheck disable=SC2086
    compiles c11 "$source/alone.c" ${CC:-cc} || { echo "$name does not compile alone as C"; failed=1; }
    test $cxx = no && continue
    # shellcheck disable=SC2086
    compiles c++17 "$source/alone.cc" ${CXX:-c++} || { echo "$name does not compile alone as C++"; failed=1; }
done
exit $failed
