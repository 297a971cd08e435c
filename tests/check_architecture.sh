#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# What doc/architecture.md names exists: each file or folder that it links to, and each function in the file that its
# link names. Each folder of lib/ is on the page and in the picture.
set -eu
export LC_ALL=C
cd "${srcdir:-.}/doc"
page=architecture.md
picture=architecture.dot
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

complain() {
    echo "$*"
    failed=1
}

# A line "TEXT TARGET" for each [`TEXT`](TARGET) or [TEXT](TARGET).
grep -o '\[[^]]*\]([^)]*)' "$page" | sed 's/^\[\([^]]*\)\](\([^)]*\))$/\1 \2/' >"$work/links"
functions=0
while read -r text target; do
    case $target in
    *.svg) target=$picture ;; # the build draws it
    esac
    [ -e "$target" ] || { complain "$page: there is no $target"; continue; }
    case $text in
    \`fr_*\` | \`[a-z]*[a-z]\`)
        name=$(printf '%s' "$text" | tr -d '`')
        functions=$((functions + 1))
        grep -q "^[A-Za-z].*[ *]\(FN(\)*$name)*(" "$target" || complain "$page: $target defines no $name"
        ;;
    esac
done <"$work/links"
[ "$functions" -ge 20 ] || complain "$page: links to $functions functions, expected 20 or more"

for folder in ../lib/*/ ../lib/ops/*/; do
    folder=${folder#../lib/}
    folder=${folder%/}
    grep -q "lib/$folder[\`/)]" "$page" || complain "$page: lib/$folder is missing"
    grep -q "${folder##*/}" "$picture" || complain "$picture: ${folder##*/} is missing"
done
exit $failed
