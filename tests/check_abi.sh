#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# Tests tools/abi.sh with small made-up libraries: which version it demands if the interface stays, grows or changes.
# Then it tests a made-up project in git, without a tag and with one.
set -u
abi=$(cd "${srcdir:-.}/tools" && pwd)/abi.sh
for program in abidiff git autoreconf libtoolize; do
    command -v "$program" >/dev/null || { echo "skipped: there is no $program"; exit 77; }
done
# With clang's debug information abidiff cannot tell which structs are private.
compiler=$(command -v gcc) || compiler=${CC:-cc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# expect STATUS WORDS COMMAND...: checks the command's exit status, and that it prints these words
expect() {
    status=$1 words=$2
    shift 2
    found=0
    "$@" >"$work/out" 2>&1 || found=$?
    [ $found -eq "$status" ] && grep -q -e "$words" "$work/out" && return
    echo "$*: status $found, expected $status and '$words'; printed:"
    cat "$work/out"
    failed=1
}

# library FOLDER VERSION HEADER PRIVATE CODE: makes a library with this header; PRIVATE is in no header
library() {
    mkdir -p "$work/$1/include"
    echo "$2" >"$work/$1/version"
    printf '%s\n' "$3" >"$work/$1/include/frond.h"
    printf '#include "include/frond.h"\n%s\n%s\n' "$4" "$5" >"$work/$1/frond.c"
    (cd "$work/$1" && "$compiler" -g -shared -fPIC frond.c -o libfrond.so) || exit 1
}

header='typedef struct fr_tensor fr_tensor; typedef struct { int a; } fr_shape; int fr_ndim(fr_tensor *, fr_shape);'
private='struct fr_tensor { int ndim; };'
code='int fr_ndim(fr_tensor *t, fr_shape s) { return t->ndim + s.a; }'
more='int fr_more(void); int fr_more(void) { return 1; }'
library old 3:2:1 "$header" "$private" "$code"

library new 3:2:1 "$header" "$private" "$code"
expect 0 'same' "$abi" --compare "$work/old" "$work/new"
library new 3:3:1 "$header" 'struct fr_tensor { long gap; int ndim; };' "$code"
expect 0 'same' "$abi" --compare "$work/old" "$work/new"
library new 4:0:2 "$header" "$private" "$code"
expect 1 'must be 3:3:1, it is 4:0:2' "$abi" --compare "$work/old" "$work/new"

library new 3:3:1 "$header int fr_more(void);" "$private" "$code $more"
expect 1 'must be 4:0:2, it is 3:3:1' "$abi" --compare "$work/old" "$work/new"
echo 4:0:2 >"$work/new/version"
expect 0 'added' "$abi" --compare "$work/old" "$work/new"

library new 4:0:2 "${header%, fr_shape);}, fr_shape, int);" "$private" \
    'int fr_ndim(fr_tensor *t, fr_shape s, int n) { return t->ndim + s.a + n; }'
expect 1 'must be 4:0:0, it is 4:0:2' "$abi" --compare "$work/old" "$work/new"
echo 4:0:0 >"$work/new/version"
expect 0 'changed' "$abi" --compare "$work/old" "$work/new"
library new 4:0:2 "typedef struct fr_tensor fr_tensor; typedef struct { double a; } fr_shape; \
int fr_ndim(fr_tensor *, fr_shape);" "$private" "int fr_ndim(fr_tensor *t, fr_shape s) { return t->ndim + (int)s.a; }"
expect 1 'must be 4:0:0' "$abi" --compare "$work/old" "$work/new"
library new 4:0:2 'int fr_other(void);' '' 'int fr_other(void) { return 1; }'
expect 1 'must be 4:0:0' "$abi" --compare "$work/old" "$work/new"
mv "$work/new/libfrond.so" "$work/new/lost"
expect 1 'abidw cannot' "$abi" --compare "$work/old" "$work/new"

# A project from its first commit to a release and later.
project=$work/project
mkdir -p "$project/include" "$project/tools" "$project/build/.libs"
cp "$abi" "$project/tools"
printf '%s\n' "$header" >"$project/include/frond.h"
printf '#include "frond.h"\n%s\n%s\n' "$private" "$code" >"$project/frond.c"
cat >"$project/configure.ac" <<'END'
AC_INIT([frond], [1])
AM_INIT_AUTOMAKE([foreign])
AC_SUBST([FROND_LIBRARY_VERSION], [0:0:0])
AC_PROG_CC
AM_PROG_AR
LT_INIT
AC_CONFIG_FILES([Makefile])
AC_OUTPUT
END
cat >"$project/Makefile.am" <<'END'
lib_LTLIBRARIES = libfrond.la
libfrond_la_SOURCES = frond.c
libfrond_la_CPPFLAGS = -I$(srcdir)/include
END
as_git() { git -C "$project" -c user.name=test -c user.email=test@localhost "$@" >/dev/null 2>&1; }
built() { (cd "$project" && "$compiler" -g -shared -fPIC -Iinclude frond.c -o build/.libs/libfrond.so) || exit 1; }

as_git init
as_git add configure.ac Makefile.am frond.c include tools
as_git commit -m first
built
expect 77 'no tag' "$project/tools/abi.sh" "$project/build"
as_git tag v1
expect 0 'same' "$project/tools/abi.sh" "$project/build"
printf '%s\n' "$more" >>"$project/frond.c"
built
expect 1 'must be 1:0:1, it is 0:0:0' "$project/tools/abi.sh" "$project/build"
exit $failed
