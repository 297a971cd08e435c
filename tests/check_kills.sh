#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# Kills training runs at random moments (SIGKILL), again and again until one gets to its end, and compares that with an
# unbroken run: the same weights, checkpoint and metrics, and no other file. FROND_KILLS says how often each of the
# three programs is killed at least, FROND_SEED where the random moments begin.
set -u
kills=${FROND_KILLS:-5}
data=${FROND_TESTS:?}/../examples/data/ItalyPowerDemand_TRAIN.ts
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
export OMP_NUM_THREADS=1

if ! timeout -s KILL 9 true 2>/dev/null; then
    echo "skipped: there is no timeout(1) that takes -s"
    exit 77
fi

wrong() {
    echo "$*"
    failed=1
}

# Each starts or goes on with a run in the folder $1.
frond_train() {
    if [ -e "$1/model.json" ]; then
        set -- "$1" --resume
    else
        set -- "$1" --epochs 12 --hidden 8 --model tcn --dropout 0.2 --validation 0.2 --seed 3
    fi
    dir=$1
    shift
    run tools/frond/frond train "$data" --output "$dir" --quiet "$@"
}

user_program() {
    mkdir -p "$1"
    run tests/resumable "$1"
}

simple_rnn() { # no run to go on with: it begins again, and the weights are the old ones or the new ones
    mkdir -p "$1"
    run examples/simple_rnn --epochs 3 --hidden 8 --save "$1/weights.safetensors"
}

limit=0 # seconds until the kill; 0: none
run() {
    timeout -s KILL "$limit" "$@" >"$work/out" 2>&1
}

# compare PROGRAM NUMBER: the run that was killed has the files of the unbroken one
compare() {
    for file in "$work/$1.whole"/*; do
        name=${file##*/}
        case $name in
        events.*) continue ;;
        metrics.csv)
            cut -d, -f1-3 "$file" >"$work/metrics"
            cut -d, -f1-3 "$work/$1.killed/$name" | cmp -s - "$work/metrics" || wrong "$1 $2: other metrics"
            ;;
        *) cmp -s "$file" "$work/$1.killed/$name" || wrong "$1 $2: another $name" ;;
        esac
    done
    for file in "$work/$1.killed"/*; do
        case $file in */events.*) continue ;; esac
        [ -e "$work/$1.whole/${file##*/}" ] || wrong "$1 $2: left behind: ${file##*/}"
    done
}

# The weights of a program that was killed are the old ones or complete: they can be loaded.
check_weights() { # PROGRAM FILE
    [ ! -e "$2" ] || tools/frond/frond info "$2" >"$work/out" 2>&1 || wrong "$1: $(cat "$work/out")"
}

kill_often() { # PROGRAM SEED
    limit=0
    before=$(date +%s.%N)
    $1 "$work/$1.whole" || wrong "$1: unbroken: $(cat "$work/out")"
    after=$(date +%s.%N)
    count=0 runs=0 step=0 tries=0
    while [ "$count" -lt "$kills" ] || [ "$tries" -gt 0 ]; do
        step=$((step + 1))
        # From the program's start to its end; longer if one run takes more and more kills.
        limit=$(awk -v seed=$(($2 * 100000 + step)) -v whole="$after $before" -v tries=$tries \
            'BEGIN { srand(seed); split(whole, t, " "); print rand() * (t[1] - t[2]) * (1 + tries / 20) + 0.001 }')
        $1 "$work/$1.killed"
        status=$?
        case $status in
        0)
            runs=$((runs + 1)) tries=0
            compare "$1" "run $runs after $count kills"
            rm -rf "$work/$1.killed"
            ;;
        137)
            count=$((count + 1)) tries=$((tries + 1))
            check_weights "$1" "$work/$1.killed/weights.safetensors"
            check_weights "$1" "$work/$1.killed/last.safetensors"
            ;;
        *)
            wrong "$1, kill $count: exit status $status: $(cat "$work/out")"
            break
            ;;
        esac
    done
    [ $failed -eq 0 ] && echo "$1: $count kills, $runs runs with the same bits as an unbroken one"
}

seed=${FROND_SEED:-1}
kill_often frond_train "$seed"
kill_often user_program "$seed"
kill_often simple_rnn "$seed"
exit $failed
