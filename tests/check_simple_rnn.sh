#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# Runs the program simple_rnn as users do: it prints what PyTorch prints for the same seeds; saving and loading weights,
# predictions, bad input, Ctrl-C.
set -u
data=${FROND_TESTS:?}/../examples/data
golden=$FROND_TESTS/golden
train=$data/ItalyPowerDemand_TRAIN.ts
test=$data/ItalyPowerDemand_TEST.ts
program=$PWD/examples/simple_rnn
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

wrong() {
    echo "$*"
    failed=1
}

ends() { # WHAT EXPECTED OPTION...: the last two lines of its output must be EXPECTED
    what=$1 expected=$2
    shift 2
    got=$("$program" "$@" 2>&1 | tail -n 2)
    [ "$got" = "$expected" ] || wrong "$what: got
$got
expected
$expected"
}

refuses() { # PIECE OPTION...: it must fail, with PIECE on standard error and nothing on standard output
    piece=$1
    shift
    "$program" "$@" >"$work/out" 2>"$work/err" && wrong "$*: exit status 0"
    grep -q '\.c:[0-9]' "$work/err" && wrong "$*: a place in the source: $(cat "$work/err")"
    grep -qF -- "$piece" "$work/err" || wrong "$*: '$piece' is not in: $(cat "$work/err")"
    [ -s "$work/out" ] && wrong "$*: printed $(head -n 1 "$work/out")"
}

# CELL SEED LOSS ACCURACY RIGHT: PyTorch's results for the same files
while read -r cell seed loss accuracy right; do
    ends "$cell, seed $seed" "Epoch [20/20], Loss: $loss
Test accuracy: $accuracy ($right/1029)" --cell "$cell" --seed "$seed" --epochs 20 --data "$train" --test "$test"
done <<END
rnn 0 0.0035 0.9582 986
rnn 1 0.0018 0.9524 980
lstm 0 0.0111 0.9650 993
lstm 1 0.0246 0.9631 991
gru 0 0.1558 0.9543 982
gru 1 0.0127 0.9164 943
END

# The number of threads changes nothing.
"$program" --threads 1 >"$work/one"
"$program" --threads 3 >"$work/three"
cmp -s "$work/one" "$work/three" || wrong "the number of threads changes what it prints"

# Weights saved and loaded give the same predictions, for every shape of model.
for shape in "--cell rnn" "--cell lstm --layers 2" "--cell gru --bidirectional --hidden 7"; do
    # shellcheck disable=SC2086
    "$program" $shape --epochs 2 --clip 1 --data "$train" --save "$work/m.safetensors" --predict "$train" |
        tail -n 67 >"$work/saved" || wrong "$shape: saving failed"
    "$program" --load "$work/m.safetensors" --predict "$train" >"$work/loaded" || wrong "$shape: loading failed"
    cmp -s "$work/saved" "$work/loaded" || wrong "$shape: predictions differ after loading"
done
[ "$(wc -l <"$work/loaded")" -eq 67 ] || wrong "not a prediction for each row"
grep -qvE '^[01]\.[0-9]{4} [12]$' "$work/loaded" && wrong "predictions are not '0.1234 LABEL'"

# Sequences of different lengths in a .csv file.
printf 'b,1,2,3\na,-1,-2\nb,2,1,1,1\na,-1\n' >"$work/ragged.csv"
"$program" --epochs 60 --batch-size 4 --data "$work/ragged.csv" --test "$work/ragged.csv" |
    tail -n 1 | grep -qxF 'Test accuracy: 1.0000 (4/4)' || wrong "different lengths: not learnt"

# The column of labels is said, and may be chosen.
printf '1,2,3,x\n1,3,3,y\n0,1,2,x\n' >"$work/last.csv"
"$program" --epochs 1 --data "$work/last.csv" | grep -qx 'label: last column, 2 classes' || wrong "label told"
"$program" --epochs 1 --data "$work/last.csv" --label 1 >"$work/out" 2>&1 && wrong "--label 1: values x"
printf '1;2;3;5\n1;3;3;6\n0;1;2;7,5\n' >"$work/last.csv"
"$program" --epochs 1 --data "$work/last.csv" --label 1 | grep -qx 'label: first column, 2 classes' || wrong "--label 1"
"$program" --hidden 0 >"$work/out" 2>&1
[ $? -eq 2 ] || wrong "a wrong command line: exit status is not 2"

printf '@dimensions 2\n@classLabel true 1 2\n@data\n1,2:3,4:1\n1,2:3,4:2\n' >"$work/wide.ts"
refuses "expected two labels, found 3: 1, 2, 3" --data "$golden/three_labels.csv"
refuses "--hidden=0" --hidden 0
refuses "--cell=tcn" --cell tcn
for option in --data --test --predict; do # before training, of which nothing is printed
    refuses "no-such-file.ts" $option no-such-file.ts
done
refuses "wide.ts: 2 variables" --test "$work/wide.ts"
refuses "wide.ts: 2 variables" --predict "$work/wide.ts"
refuses "--save=$work/no/weights: No such file" --save "$work/no/weights"
refuses "not an option" what
refuses "safetensors" --load "$train"
printf '1,y,x\n' >"$work/bad.csv"
refuses "bad.csv:1" --data "$work/bad.csv"
"$program" --version | grep -q '^simple_rnn (frond) [0-9]' || wrong "--version"
"$program" --help | grep -q -e '--bidirectional' || wrong "--help"

# Ctrl-C ends the training after the current step, and saves. (A shell's background command ignores Ctrl-C; the helper
# undoes that.)
rm -f "$work/m.safetensors"
mkfifo "$work/fifo"
sh -c 'trap - INT; exec "$@"' sh "$program" --epochs 1000000 --save "$work/m.safetensors" >"$work/fifo" 2>"$work/err" &
pid=$!
exec 3<"$work/fifo"
read -r line <&3
kill -INT "$pid"
cat <&3 >/dev/null
wait "$pid"
status=$?
exec 3<&-
if [ "$status" -eq 130 ]; then
    grep -q 'interrupted, weights saved to' "$work/err" || wrong "Ctrl-C: said $(cat "$work/err")"
    [ -s "$work/m.safetensors" ] || wrong "Ctrl-C: nothing was saved"
    [ -n "$line" ] || wrong "no epoch was printed at once"
else
    wrong "Ctrl-C: exit status $status"
fi
exit $failed
