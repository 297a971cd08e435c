#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# Sources follow .editorconfig and .clang-format, have the licence lines, and leave nothing to be done.
set -eu
export LC_ALL=C
cd "${srcdir:-.}"
clang_format_version=14

# Files that a build in the source tree makes are left out.
sources=$(find include lib models examples tests bench tools doc configure.ac Makefile.am bootstrap \
    m4/frond_*.m4 -type f \( -name '*.[ch]' -o -name '*.sh' -o -name '*.py' -o -name '*.awk' -o -name '*.am' \
    -o -name '*.ac' -o -name '*.m4' -o -name '*.html' -o -name '*.css' -o -name '*.js' -o -name bootstrap \) \
    ! -path include/frond/call_sites.h ! -path lib/graph/argument_table.c ! -path lib/graph/explain_page.c \
    ! -path lib/ops/op_table.c ! -path tests/argument_table.h ! -name '*.pb-c.[ch]' | sort)
failed=0

# shellcheck disable=SC2086 # no name has a blank in it
awk '
function complain(line, why)
{
    printf "%s:%d: %s\n", file, line, why
    wrong = 1
}

function finish()
{
    if (file && !(licence && copyright))
        complain(1, "the first lines hold no SPDX-License-Identifier: MIT and Copyright The frond authors")
}

FNR == 1 {
    finish()
    file = FILENAME
    licence = copyright = 0
    tabs = file ~ /\.am$/
    seen++
}
FNR <= 4 && /SPDX-License-Identifier: MIT$/ { licence = 1 }
FNR <= 4 && /Copyright The frond authors( \*\/)?$/ { copyright = 1 }
/[ \t\r]$/ { complain(FNR, "blanks at the end of the line") }
/\t/ && !tabs { complain(FNR, "a tab") }
# A debugger enters no macro: what has a loop is a function. Lines that begin with a quote are text.
file ~ /^lib\// && /\\$/ && !/^ *"/ && /(^|[^A-Za-z_])(for|while|do) *[({]/ { complain(FNR, "a loop in a macro") }
length($0) > 120 { complain(FNR, "longer than 120 characters") }
/TO[D]O|FIXM[E]/ { complain(FNR, "something is left to be done") }

END {
    finish()
    exit wrong || !seen
}
' $sources || failed=1

for file in $sources; do
    if test -n "$(tail -c 1 "$file")"; then
        echo "$file: no newline at its end"
        failed=1
    fi
done

version=$(clang-format --version 2>/dev/null | sed -n 's/.*version \([0-9]*\)\..*/\1/p')
if test "$version" = "$clang_format_version"; then
    # shellcheck disable=SC2046
    clang-format --dry-run -Werror $(printf '%s\n' $sources | grep '\.[ch]$') 2>&1 | grep 'error:' && failed=1
else
    echo "not checked by clang-format: version $clang_format_version is needed, found ${version:-none}"
fi
exit $failed
