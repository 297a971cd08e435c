# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# For scripts that test the program frond, which read this: runs it in the folder of a build, and judges what it prints.
# They end with `exit $failed`.
data=${FROND_TESTS:?}/../examples/data
italy=$data/ItalyPowerDemand_TRAIN.ts
frond=$PWD/tools/frond/frond
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

wrong() {
    echo "$*"
    failed=1
}

runs() { # ARGUMENT...: frond must succeed without an error; its output goes to $work/out, its progress to $work/err
    "$frond" "$@" >"$work/out" 2>"$work/err" || wrong "frond $*: exit status $?: $(cat "$work/err")"
    grep -v -e '^train ' -e '^sweep ' "$work/err" && wrong "frond $*: on standard error: $(cat "$work/err")"
}

prints() { # PIECE: the last output must contain PIECE
    grep -qF -- "$1" "$work/out" || wrong "'$1' is not in: $(head -n 40 "$work/out")"
}

refuses() { # STATUS PIECE ARGUMENT...: prints nothing but an error, in a line that begins with frond and has PIECE
    status=$1 piece=$2
    shift 2
    "$frond" "$@" >"$work/out" 2>"$work/err"
    got=$?
    [ $got -eq "$status" ] || wrong "frond $*: exit status $got, not $status"
    grep '^frond' "$work/err" | grep -qF -- "$piece" || wrong "frond $*: '$piece' is not in: $(cat "$work/err")"
    [ -s "$work/out" ] && wrong "frond $*: printed $(head -n 1 "$work/out")"
}

holds() { # WHAT EXPRESSION: awk must find EXPRESSION true
    awk "BEGIN { exit !($2) }" || wrong "$1: not $2"
}

same() { # WHAT RUN RUN: both runs must have the same bits
    for file in best.safetensors last.safetensors; do
        cmp -s "$work/$2/$file" "$work/$3/$file" || wrong "$1: $file is another"
    done
    cut -d, -f1-3 "$work/$2/metrics.csv" >"$work/metrics"
    cut -d, -f1-3 "$work/$3/metrics.csv" | cmp -s - "$work/metrics" || wrong "$1: metrics.csv is another"
}
