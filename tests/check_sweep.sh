#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# Runs `frond sweep`: its runs are those of frond train, its figures those that awk finds in their logs; a sweep that
# was interrupted or killed gets to the same end; runs that fail, other settings and bad input.
set -u
# shellcheck source=tests/run_frond.sh
. "${FROND_TESTS:?}/run_frond.sh"

# Of the last table, without times, places and the progress so far.
table() {
    grep -v -e ' at a time, in ' -e '^Best: ' "$work/out" | sed 's/ *[0-9.]*$//'
}

without_times() { # SWEEP: its sweep.csv without the last column
    sed 's/,[^,]*$//' "$work/$1/sweep.csv"
}

# --- Combinations -----------------------------------------------------------------------------------------------------

runs sweep "$italy" --lr "0.001, 0.01" --hidden 2,4 --seeds 2 --epochs 2 --output "$work/grid"
prints "8 runs, 0 of them done; "
prints "* "
cp "$work/out" "$work/first"
table >"$work/table"
runs train "$italy" --lr 0.01 --hidden 4 --seed 1 --epochs 2 --threads 1 --output "$work/plain"
same "a run of a sweep" plain grid/hidden=4,lr=0.01,seed=1
grep -q '^Best: epoch' "$work/grid/hidden=2,lr=0.001,seed=0/output.txt" || wrong "no output.txt"

# The epoch with the lowest loss of each run; mean and deviation of two; sorted.
for dir in "$work/grid"/hidden=*; do
    awk -F, -v name="${dir##*/}" '
        $2 == "loss/validation" && (low = (best == "" || $3 < best)) { best = $3; epoch = $1 }
        $2 == "accuracy/validation" && low { score = $3 }
        END { gsub(/[a-z]*=/, "", name); print name, best, score, epoch }' "$dir/metrics.csv"
done | awk '{ split($1, of, ","); c = of[1] "," of[2]; n[c]++
        l[c, n[c]] = $2; a[c, n[c]] = $3; e[c, n[c]] = $4 }
    function mean(x, c) { return (x[c, 1] + x[c, 2]) / 2 }
    function deviation(x, c) { return sqrt((x[c, 1] - x[c, 2]) ^ 2 / 2) }
    END { for (c in n) printf "%s,2,0,%.4f,%.4f,%.4f,%.4f,%.1f,%.4f\n", c, mean(l, c), deviation(l, c), mean(a, c),
        deviation(a, c), mean(e, c), deviation(e, c) }' | sort >"$work/expected"
sed 1d "$work/grid/sweep.csv" | awk -F, '{ printf "%s,%s,%d,%d,%.4f,%.4f,%.4f,%.4f,%.1f,%.4f\n", $1, $2, $3, $4, $5, $6,
    $7, $8, $9, $10 }' | sort | diff "$work/expected" - || wrong "sweep.csv is not awk's"
sed 1d "$work/grid/sweep.csv" | cut -d, -f5 | sort -gc || wrong "sweep.csv is not sorted by loss"
[ "$(head -n 1 "$work/grid/sweep.csv")" = \
    "hidden,lr,runs,failed,loss,loss_std,accuracy,accuracy_std,epoch,epoch_std,seconds" ] ||
    wrong "the head of sweep.csv: $(head -n 1 "$work/grid/sweep.csv")"

# The same command, and --resume, find all done. More or other settings are another sweep.
runs sweep "$italy" --lr "0.001, 0.01" --hidden 2,4 --seeds 2 --epochs 2 --output "$work/grid"
prints "8 runs, 8 of them done; "
table | diff "$work/table" - || wrong "another table when all is done"
runs sweep --resume --output "$work/grid" --quiet
table | diff "$work/table" - || wrong "another table of --resume"
grep -q 'at a time' "$work/out" && wrong "--quiet: $(cat "$work/out")"
[ "$(grep -c '^Best' "$work/grid/hidden=2,lr=0.001,seed=0/output.txt")" -eq 1 ] || wrong "a run was run again"
refuses 2 'the sweep there has lr=["0.001","0.01"], not ["1"]' sweep --resume --output "$work/grid" --lr 1
refuses 2 'the sweep there has clip=(default), not ["1"]' sweep --resume --output "$work/grid" --clip 1
refuses 2 'the sweep there has hidden=["2","4"], not (default)' sweep "$italy" --lr "0.001, 0.01" --seeds 2 \
    --epochs 2 --output "$work/grid"
refuses 2 'the sweep there has DATA=' sweep "$italy/x" --resume --output "$work/grid"

rm -r "$work/grid/hidden=2,lr=0.01,seed=0"
runs sweep --resume --output "$work/grid"
table | diff "$work/table" - || wrong "another table where a run was lost"

# A list of seeds, choices and a flag; a regression without validation; no --output.
awk 'BEGIN { for (i = 0; i < 30; i++) print i % 7, i % 5, i % 7 + i % 5 }' | tr ' ' , >"$work/sum.csv"
(cd "$work" && "$frond" sweep sum.csv --cell rnn,gru --seed 3,5 --regression --normalize --validation 0 --hidden 2 \
    --epochs 2 --jobs 1 --quiet >out 2>err) || wrong "a regression: $(cat "$work/err")"
prints "training loss"
prints "rmse_std"
[ -s "$work/runs/$(date +%Y-%m-%d)-1/cell=gru,seed=5/best.safetensors" ] || wrong "no runs/DATE-1"

# --- A sweep that ends early ------------------------------------------------------------------------------------------

long() { # DIR: a second where nothing else runs
    exec $alone "$frond" sweep "$italy" --lr 0.01,0.02,0.03 --epochs 80 --batch-size 1 --hidden 4 --jobs 1 \
        --output "$work/$1"
}

# Where there is setsid(1), a signal goes to the process group, as Ctrl-C on a terminal does.
alone=$(command -v setsid)

begin() { # DIR: sets $pid; returns in the middle of the first run
    long "$1" >"$work/out" 2>"$work/err" &
    pid=$!
    while kill -0 $pid 2>/dev/null && ! grep -q '^1,' "$work/$1/lr=0.01,seed=0/metrics.csv" 2>/dev/null; do
        sleep 0.02
    done
}

stop() { # SIGNAL DIR: sends it then, and sets $status
    begin "$2"
    kill "-$1" "${alone:+-}$pid"
    wait $pid 2>/dev/null
    status=$?
}

ends_as_unstopped() { # DIR
    (long "$1") >"$work/out" 2>"$work/err" || wrong "$1: $(cat "$work/err")"
    without_times unstopped >"$work/expected"
    without_times "$1" | diff "$work/expected" - || wrong "$1: another result"
    for lr in 0.01 0.02 0.03; do
        same "$1" "unstopped/lr=$lr,seed=0" "$1/lr=$lr,seed=0"
    done
}

# Two at once: the second waits, and finds all done.
begin unstopped
(long unstopped) >"$work/out2" 2>"$work/err2" || wrong "beside another: $(cat "$work/err2")"
grep -q 'unstopped: waiting for runs of a sweep to end' "$work/err2" || wrong "did not wait: $(cat "$work/err2")"
grep -q '^3 runs, 3 of them done' "$work/out2" || wrong "beside another: $(cat "$work/out2")"
wait $pid || wrong "unstopped: $(cat "$work/err")"

stop INT interrupted
[ "$status" -eq 1 ] || wrong "interrupted: exit status $status"
grep -q '^frond: interrupted; [0-2] of 3 runs are done, .*: frond sweep --resume --output=.* goes on$' "$work/err" ||
    wrong "interrupted: $(cat "$work/err")"
grep -q failed "$work/err" && wrong "interrupted: $(cat "$work/err")"
grep -q 'interrupted in epoch .*; saved' "$work/interrupted"/*/output.txt ||
    wrong "interrupted: the run did not save"
ends_as_unstopped interrupted
[ "$(grep -c '^Epoch 1/' "$work/interrupted/lr=0.01,seed=0/output.txt")" -eq 1 ] || wrong "a run began again"
stop KILL killed
ends_as_unstopped killed
[ "$(uname)" != Linux ] || grep -q 'interrupted in epoch .*; saved' "$work/killed"/*/output.txt ||
    wrong "the runs of a sweep that was killed did not save"

# --- Runs that fail ---------------------------------------------------------------------------------------------------

"$frond" sweep "$italy" --lr 1e299,0.01 --seeds 2 --epochs 1 --hidden 2 --output "$work/failed" >"$work/out" \
    2>"$work/err" && wrong "failed runs: exit status 0"
prints "* 0.01   "
prints "  1e299  2       2       -"
grep -q '^frond: lr=1e299,seed=1: the loss became .*; a smaller --lr' "$work/err" || wrong "failed: $(cat "$work/err")"
grep -q '^frond: 2 of 4 runs failed$' "$work/err" || wrong "failed: $(cat "$work/err")"
grep -q '^1e299,2,2,,,,,,,$' "$work/failed/sweep.csv" || wrong "failed: $(cat "$work/failed/sweep.csv")"
"$frond" sweep --resume --output "$work/failed" >"$work/out" 2>"$work/err" && wrong "failed again: exit status 0"
prints "4 runs, 2 of them done; "

# --- Pictures ---------------------------------------------------------------------------------------------------------

mkdir "$work/empty"
PATH=$work/empty "$frond" sweep "$italy" --plots --output "$work/unplotted" >"$work/out" 2>&1 &&
    wrong "--plots without gnuplot: exit status 0"
prints "cannot run gnuplot"
[ -e "$work/unplotted" ] && wrong "--plots without gnuplot leaves a sweep"
if gnuplot --version >"$work/out" 2>&1; then
    runs sweep --resume --output "$work/grid" --plots
    for file in best.png best.svg settings.png settings.svg; do
        [ -s "$work/grid/$file" ] || wrong "no $file"
    done
    grep -q 'hidden=.,lr=.*,seed=1' "$work/grid/best.svg" || wrong "best.svg: no curve of seed 1"
    grep -q '0\.001' "$work/grid/settings.svg" || wrong "settings.svg: no rate"
fi

# --- Bad input --------------------------------------------------------------------------------------------------------

bad() { # STATUS PIECE ARGUMENT...: as refuses, for a sweep that would be in $work/bad
    status=$1 piece=$2
    shift 2
    refuses "$status" "$piece" sweep "$@" --output "$work/bad"
}

bad 2 "--lr=x: expected a number" "$italy" --lr 0.1,x
bad 2 "--hidden=: expected a whole number" "$italy" --hidden 2,,4
bad 2 "--cell: rnn is there twice" "$italy" --cell rnn,lstm,rnn
bad 2 "--heads=3 does not divide --hidden=8 (in hidden=8,heads=3,seed=0)" "$italy" --model transformer --hidden 6,8 \
    --heads 2,3
bad 2 "--cell is not for --model=tcn (in model=tcn,seed=0)" "$italy" --model simple_rnn,tcn --cell lstm
bad 2 "--validation: losses with and without validation" "$italy" --validation 0,0.2
bad 2 "--jobs=0: expected" "$italy" --jobs 0
bad 2 "--seeds=0: expected" "$italy" --seeds 0
bad 2 "more than 10000 runs" "$italy" --seeds 5000 --lr 1,2,3
bad 2 "--seeds counts from one --seed" "$italy" --seeds 2 --seed 1,2
bad 2 "--seed=2147483648: expected" "$italy" --seeds 2 --seed 2147483647
bad 2 "an argument is missing" --lr 1
bad 1 "missing.ts" "$work/missing.ts"
bad 1 "missing.ts" "$italy" --validation-file "$work/missing.ts"
bad 1 "bad/sweep.json: cannot be read" --resume
[ -e "$work/bad" ] && wrong "bad input leaves a sweep behind"
refuses 2 "--output=DIR is missing" sweep "$italy" --resume
refuses 1 "sum.csv: cannot be opened: Not a directory" sweep "$italy" --output "$work/sum.csv"
refuses 1 "no/dir: cannot be made" sweep "$italy" --output "$work/no/dir"
refuses 1 "plain: holds a run of frond train" sweep "$italy" --output "$work/plain"
mkdir "$work/torn"
for state in '{' '{}' '[]' '{"arguments": {}, "runs": {}}' '{"arguments": 1, "runs": {}}' \
    '{"arguments": {"DATA": "x", "seed": []}, "runs": {}}' '{"arguments": {"DATA": "x", "seed": [1]}, "runs": {}}' \
    '{"arguments": {"DATA": "x", "seed": ["1"], "labels": ["../a", "b"]}, "runs": {}}'; do
    echo "$state" >"$work/torn/sweep.json"
    refuses 1 "torn/sweep.json" sweep --resume --output "$work/torn"
done
(
    ulimit -f 0
    exec "$frond" sweep "$italy" --output "$work/full" >"$work/out" 2>"$work/err"
) && wrong "a full disk: exit status 0"

exit $failed
