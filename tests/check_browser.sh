#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# A browser shows the pages of fr_explain_html: at the last step the leaves have the gradients that fr_backward gives
# them, no script fails, and nothing is loaded. check_page.c checks the numbers in the page.
set -u
chromium=
for name in chromium chromium-browser google-chrome; do
    command -v $name >/dev/null && chromium=$name && break
done
if [ -z "$chromium" ]; then
    echo "skipped: there is no chromium"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

wrong() {
    echo "$*"
    failed=1
}

show() { # FILE FRAGMENT: the document as the browser has it after its scripts ran, in $work/dom
    timeout 60 $chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$work/profile" \
        --enable-logging=stderr --virtual-time-budget=2000 --dump-dom "file://$1#$2" >"$work/dom" 2>"$work/log" ||
        wrong "$1: the browser failed: $(tail -n 3 "$work/log")"
    grep 'CONSOLE.*Error' "$work/log" && wrong "$1: a script failed"
}

# Prints "NAME: VALUES" for each entry of the lists of values, with %.5g's digits: "a: 0.5".
entries() {
    sed 's/<div><dt>/\n&/g; s/<\/dl>/\n/g' "$work/dom" | sed -n 's/^<div><dt>//p' |
        sed 's/ <span.*<dd[^>]*>/: /; s/<\/td>/ /g; s/<[^>]*>//g; s/[][,]//g; s/\xe2\x88\x92/-/g; s/ *$//'
}

for kind in scalar parts mlp lstm hostile; do
    tests/page $kind >"$work/$kind.html" || wrong "$kind: no page"
    tests/page $kind gradients >"$work/expected" || wrong "$kind: no gradients"
    grep -E '(src|href)=|https?://|url\([^#]|@import' "$work/$kind.html" | grep -v 'http://www.w3.org/2000/svg' &&
        wrong "$kind: something is loaded"
    show "$work/$kind.html" step=end
    entries >"$work/got"
    # What stands for bytes that are no UTF-8, and for a line's end, does not matter here.
    [ $kind = hostile ] && sed -i 's/^.*\(\.[0-9]\.[a-z]*:\)/\1/; /^\./!d' "$work/expected" "$work/got"
    sort "$work/expected" >"$work/sorted"
    sort "$work/got" | diff "$work/sorted" - || wrong "$kind: above: fr_backward's gradients, and the page's"
    grep -q 'class="thing leaf"' "$work/dom" || wrong "$kind: no picture"
done

# In the middle of the way: 0.5 times -2, and 1.75, have been added up, and nothing has come back yet.
show "$work/scalar.html" step=2
grep -q '<b>0.75</b> = <b>(−1)</b> + <b>1.75</b>' "$work/dom" || wrong "no formula with its numbers"
grep -q '<p class="formula">#2 = #1 + c, so' "$work/dom" || wrong "no names in the formula"
grep -q '<h1>The derivative of tanh (a b + c), step by step</h1>' "$work/dom" || wrong "no title"
grep -q 'class="gradient"[^>]*></text>' "$work/dom" || wrong "no room for gradients"
grep -q '>∂ 0' "$work/dom" && wrong "a gradient before backward"
grep -q 'aria-valuetext="step 2, Forward' "$work/dom" || wrong "the slider does not say where it is"

show "$work/scalar.html" step=7
sed 's/<[^>]*>//g' "$work/dom" | grep -q '∂#1/∂b' || wrong "no names in a derivative"

# Of three parts two have come, then all.
show "$work/parts.html" step=10
grep -q '>∂ 13, 2 of 3<' "$work/dom" || wrong "two of three parts do not add up"
show "$work/parts.html" step=11
grep -q '>∂ 17<' "$work/dom" || wrong "three parts do not add up"

# Steps of time.
show "$work/lstm.html" step=3
grep -q 'Step t = 2 of 5 gives' "$work/dom" || wrong "no steps of time"
exit $failed
