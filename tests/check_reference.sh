#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# The reference is made from the comments of the public headers. It must have every function that the library exports,
# each with a comment, and makeinfo must accept the manual without a complaint.
set -eu
export LC_ALL=C
source=${srcdir:-.}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

reference() { # FORM HEADER...
    form=$1
    shift
    ${AWK:-awk} -f "$source/tools/reference.awk" -v form="$form" "$@"
}

complain() {
    echo "$*"
    failed=1
}

# The check itself must work: of these five functions the third and the fifth have no comment.
cat >"$work/example.h" <<'END'
/* An example: it has functions. */
FR_BEGIN_DECLS
/* The first. */
int fr_first(void);
int fr_second(void);

int fr_third(const char *format,
             ...);
int fr_fourth(int n); /* the fourth */

/* --- Section: nothing speaks of what follows --- */

fr_tensor *fr_fifth(void);
FR_END_DECLS
END
reference missing "$work/example.h" >"$work/found" && complain "functions without a comment are not told of"
printf "$work/example.h:%s has no comment\n" '7: fr_third' '13: fr_fifth' | diff - "$work/found" || failed=1

reference missing "$source"/include/frond/*.h || failed=1

reference names "$source"/include/frond/*.h | sort -u >"$work/names"
{ cat lib/exported.sym; echo fr_distributed_init; } | sort | diff - "$work/names" || # the one function of libfrond-mpi
    complain "above: what the library exports and what the reference has"

reference texinfo "$source"/include/frond/*.h >"$work/reference.texi"
sed -n 's/^@deftypefnx\{0,1\} {Function} {[^}]*} \([a-z0-9_]*\) .*/\1/p' "$work/reference.texi" | sort -u |
    diff "$work/names" - || complain "above: what the reference tells of and what it shows"

if ! makeinfo --version >/dev/null 2>&1; then
    echo "the manual was not checked: there is no makeinfo"
    exit $failed
fi
cp "$source/doc/frond.texi" "$work"
echo '@set VERSION 0' >"$work/release.texi"
pull() { # CHAPTER, without pictures
    ${AWK:-awk} -f "$source/tools/pull.awk" -v top="$source" "$@"
}
for file in $(sed -n 's/^@include \(.*\)\.texi$/\1/p' "$work/frond.texi"); do
    [ -r "$work/$file.texi" ] && continue
    pull "$source/doc/book/$file.texi" >"$work/$file.texi" || complain "$file.texi is not whole"
done
printf '@pull %s\n' 'lib/graph/apply.c no_such_function' | pull >"$work/found" 2>&1 &&
    complain "pull.awk pulls a function that does not exist"
printf '%s\n' '<?xml version="1.0"?>' '<svg width="900pt"></svg>' >"$work/wide.svg"
echo '@picture wide A picture.' | pull -v pictures="$work" | grep -qx '@center @image{wide,16cm}' ||
    complain "pull.awk leaves a picture out of the PDF"
# A page of the PDF has room for so much code.
${AWK:-awk} '/^@(end )?smallexample/ { code = !/end/ } { gsub(/@[@{}]/, "x") } code && length > 93' "$work"/*.texi \
    >"$work/found"
cat "$work/found"
[ ! -s "$work/found" ] || complain "above: code that is wider than a page"
(cd "$work" && makeinfo frond.texi) >"$work/complaints" 2>&1 || failed=1
cat "$work/complaints"
[ ! -s "$work/complaints" ] || failed=1
exit $failed
