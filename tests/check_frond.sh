#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# Runs the program frond as users do: every subcommand on small data, resumed and interrupted runs, bad input. Its
# numbers are compared with a second computation in awk.
set -u
# shellcheck source=tests/run_frond.sh
. "${FROND_TESTS:?}/run_frond.sh"
italy_test=$data/ItalyPowerDemand_TEST.ts
vowels=$data/JapaneseVowels_TRAIN.ts

train() { # DIR DATA OPTION...
    dir=$work/$1
    shift
    runs train "$@" --output "$dir" --quiet
    prints "Best: epoch "
}

figure() { # NAME: prints the number after NAME in the output of evaluate
    awk -v name="$1" '$1 == name { print $2; exit }' "$work/out"
}

# --- Help and arguments -----------------------------------------------------------------------------------------------

runs --version
version=$(cat "$work/out")
runs --help
for command in train sweep predict evaluate info ops export graph explain; do
    prints "  $command "
done
for command in train sweep predict evaluate info ops export graph explain; do
    runs $command --help
    prints "Usage: frond $command "
    runs $command --version
    [ "$(cat "$work/out")" = "$version" ] || wrong "$command --version: $(cat "$work/out")"
    refuses 2 "no-such-option" $command --no-such-option
done
runs --help
runs help
prints "  train "
runs help predict
prints "Usage: frond predict "
refuses 2 "a command is missing"
refuses 2 "nonsense: no such command" nonsense
refuses 2 "opz: no such command; did you mean ops?" opz
refuses 2 "tarin: no such command; did you mean train?" tarin
refuses 2 "liner: no such op; did you mean linear?" ops liner
refuses 2 "ad: no such op; did you mean add?" ops ad
refuses 2 "an argument is missing" train --output "$work/x"
refuses 2 "an argument is missing" predict "$work/x"
refuses 2 "an argument is missing" graph
refuses 2 "b: one argument too many" train a b --output "$work/x"
refuses 2 "a file is missing" info
refuses 2 "--output=DIR is missing" train "$italy" --resume
refuses 2 "--missing=zero: expected refuse|mean" train "$italy" --output "$work/x" --missing zero
refuses 2 "--label=none: without labels" train "$italy" --output "$work/x" --label none
refuses 2 "--model=svm: expected simple_rnn|" train "$italy" --output "$work/x" --model svm
refuses 2 "--hidden=0: expected a whole number of 1 or more" train "$italy" --output "$work/x" --hidden 0
refuses 2 "--lr=nan: expected a number of" train "$italy" --output "$work/x" --lr nan
refuses 2 "--dropout=1: expected a number of 0 or more, below 1" train "$italy" --output "$work/x" --dropout 1
refuses 2 "--cell is not for --model=tcn" train "$italy" --output "$work/x" --model tcn --cell lstm
refuses 2 "--validation and --validation-file" train "$italy" --output "$work/x" --validation 0.1 --validation-file f
refuses 2 "--patience needs --validation" train "$italy" --output "$work/x" --patience 2 --validation 0
refuses 2 "--heads=3 does not divide" train "$italy" --output "$work/x" --model transformer --heads 3
refuses 2 "--lr cannot be given with --resume" train "$italy" --output "$work/x" --resume --lr 1

# --- An expression explained ------------------------------------------------------------------------------------------

gradient() { # NAME: prints the derivative by NAME that the last output ends with
    awk -v so="dL/d$1" '$1 == "so" && $2 == so { print $NF }' "$work/out"
}

runs explain 'tanh(w*x + b)' w=.5 x=2 b=1
prints "#1 = mul(w = 0.5, x = 2) = 1    by #1 = w x"
prints "d#3/d#2 = 1 - #3^2 = 0.070651"
prints "to w: dL/d#1 * d#1/dw = 0.070651 * 2 = 0.1413"
slope="(1 - ((exp(2) - exp(-2)) / (exp(2) + exp(-2)))^2)" # of tanh at 2
holds "dL/dw" "($(gradient w) - 2 * $slope)^2 < 1e-8"
holds "dL/dx" "($(gradient x) - $slope / 2)^2 < 1e-8"
holds "dL/db" "($(gradient b) - $slope)^2 < 1e-8"
runs explain --trace-table '(w*x + 1) * w' w=0.5 x=2
prints "v3 = v1 v2  = 1   | dL/dv3 = dL/dv4 * 1 = 0.5 * 1 = 0.5"
prints "dL/dv1 = dL/dv5 * v4 + dL/dv3 * v2 = 1 * 2 + 0.5 * 2 = 3"
runs explain --trace-table 'tanh(w*x + b)' w=0.5 x=2 b=1
diff "$data/../../doc/book/trace.txt" "$work/out" || wrong "the manual's trace table is not the program's"
runs explain --unfold 'sum(softmax(x) * w)' 'x=[1, 2]' 'w=[0, 1]'
prints "#1 in smaller ops, of softmax:"
runs explain --forward-mode x 'w @ x^2' 'w=[[1,2]]' 'x=[3,4]'
prints "tensor([22.], dtype=float64)"
runs explain --dot 'w*x' w=1 x=2
prints "digraph"
runs explain -- '-w' w=2
runs explain 'f + g' f=1e400 g=-0
refuses 2 "an argument is missing" explain
refuses 2 "column 3: a number, a name or '(' is expected, and the text ends" explain 'w*' w=1
refuses 2 "column 5: tanhh: no such function; did you mean tanh?" explain 'w + tanhh(w)' w=1
refuses 2 "column 1: zzzzzzzzzzzzz: no such function; \`frond ops' lists all" explain 'zzzzzzzzzzzzz(w)' w=1
refuses 2 "-x^2 begins with a minus: write -- before it" explain '-x^2' x=1
refuses 2 "-tanh(x) begins with a minus: write -- before it" explain '-tanh(x)' x=1
runs explain 'e * pi' e=3
prints "so dL/de = 3.1416"
refuses 2 "column 3: x has no value: give it one, such as x=2" explain 'w*x' w=1
refuses 2 "x is given, but the expression does not use it" explain 'w' w=1 x=2
refuses 2 "has no name in it" explain '1 + 2'
refuses 2 "w is given twice" explain 'w' w=1 w=2
refuses 2 "w is no value: expected NAME=VALUE" explain 'w' w
refuses 2 "does not begin with a name" explain 'w' =1
refuses 2 "column 12: this row has 1, the one before 2" explain 'w' 'w=[[1,2],[3]]'
refuses 2 "column 3: a number is expected" explain 'w' w=nan
refuses 2 "a of --forward-mode is not among the names" explain -f a 'w' w=1
refuses 2 "--dot stands alone" explain --dot --unfold 'w' w=1
refuses 2 "--html stands alone" explain --html "$work/no.html" --dot 'w' w=1
runs explain --html "$work/page.html" 'tanh(w*x + b)' w=.5 x=2 b=1
grep -q '"name": "w", "leaf": true, "value": {.*"values": \[0.5\]}' "$work/page.html" || wrong "no page with its values"
refuses 2 "nested more than 100 deep" explain "$(printf '%200s' '' | tr ' ' '(')w" w=1
refuses 1 "matmul: " explain 'w @ w' 'w=[[1,2]]'
refuses 1 "wants no gradient" explain 'gt(w, 1)' w=1

# --- Two classes ------------------------------------------------------------------------------------------------------

train two "$italy" --cell lstm --epochs 15 --validation 0.2
runs evaluate "$work/two" "$italy_test"
cp "$work/out" "$work/report"
accuracy=$(figure accuracy)
holds "accuracy of two classes" "$accuracy > 0.85"
prints "Confusion matrix"

# The table of truth and predictions gives the same report.
runs predict "$work/two" "$italy_test" --output "$work/two.csv" --probabilities
sed '1,/^@data/d; s/\r$//; s/.*://' "$italy_test" >"$work/truth"
sed 1d "$work/two.csv" | paste -d, "$work/truth" - >"$work/pairs"
awk -F, '
{ n++; truth[$1]++; said[$3]++; hit[$1] += $1 == $3; right += $1 == $3
  if ((($4 > $5) ? 1 : 2) != $3 || $4 + $5 < 0.999999 || $4 + $5 > 1.000001) print "probabilities:", $0 }
END {
    printf "accuracy %.6f (%d/%d)\n", right / n, right, n
    for (k = 1; k <= 2; k++) {
        p = hit[k] / said[k]; r = hit[k] / truth[k]; f = 2 * p * r / (p + r)
        printf "%d %.4f %.4f %.4f %d\n", k, p, r, f, truth[k]
        macro[1] += p / 2; macro[2] += r / 2; macro[3] += f / 2
        w = truth[k] / n; weighted[1] += w * p; weighted[2] += w * r; weighted[3] += w * f
    }
    printf "accuracy %.4f %d\n", right / n, n
    printf "macro avg %.4f %.4f %.4f %d\n", macro[1], macro[2], macro[3], n
    printf "weighted avg %.4f %.4f %.4f %d\n", weighted[1], weighted[2], weighted[3], n
    printf "1 %d %d\n2 %d %d\n", hit[1], truth[1] - hit[1], truth[2] - hit[2], hit[2]
}' "$work/pairs" >"$work/expected"
grep -vE '^loss|precision|Confusion|^$|^ +1 +2$' "$work/report" | sed 's/^ *//; s/  */ /g' >"$work/got"
diff "$work/expected" "$work/got" || wrong "the report is not awk's"

# --- On a terminal ----------------------------------------------------------------------------------------------------

# The bar is redrawn in place and is never as wide as the terminal. With --quiet only the result is printed.
if script -qec true /dev/null </dev/null >/dev/null 2>&1; then
    on_terminal() { # ARGUMENT...: output goes to $work/out, with $ for each carriage return
        script -qec "stty cols 30; '$frond' train '$italy' --epochs 2 --hidden 4 $*" /dev/null </dev/null |
            tr '\r' '$' >"$work/out"
    }
    on_terminal --output "$work/terminal"
    escape=$(printf '\033')
    tr '$' '\n' <"$work/out" | grep "^train.*$escape\[K" | sed "s/$escape.*//" >"$work/bars"
    [ "$(wc -l <"$work/bars")" -ge 4 ] || wrong "two bars of two states were expected: $(cat "$work/out")"
    awk 'length > 29' "$work/bars" | grep . && wrong "a bar is too wide"
    on_terminal --quiet --output "$work/quiet"
    [ "$(wc -l <"$work/out")" -eq 1 ] && grep -q '^Best: ' "$work/out" || wrong "--quiet: $(cat "$work/out")"
else
    echo "left out: a terminal, as there is no script(1) or it gets no pseudo-terminal"
fi

# --- Several classes, and every model ---------------------------------------------------------------------------------

for model in "sequence_classifier --hidden 8 --dropout 0.1" "tcn --hidden 8" \
    "transformer --hidden 8 --heads 2 --steps 29" \
    "simple_rnn --cell gru --bidirectional --layers 2 --hidden 8"; do
    name=${model%% *}
    # shellcheck disable=SC2086
    train "$name" "$vowels" --model $model --normalize --epochs 12 --optimizer adamw --clip 1
    runs evaluate "$work/$name" "$data/JapaneseVowels_TEST.ts"
    holds "accuracy of $name" "$(figure accuracy) > 0.8"
    runs graph "$work/$name" -o "$work/$name.dot"
    grep -q '^digraph' "$work/$name.dot" || wrong "graph of $name"
    runs graph "$work/$name" --html "$work/$name.html"
    grep -q '"op": "linear"' "$work/$name.html" || wrong "page of $name"
done

# --- Numbers ----------------------------------------------------------------------------------------------------------

awk 'BEGIN {
    srand(1)
    print "a,b,c,d,target"
    for (i = 0; i < 200; i++) {
        s = 0
        for (t = 0; t < 4; t++) { v = rand(); s += v; printf "%.4f,", v }
        print 100 + 20 * s
    }
}' >"$work/sum.csv"
{ printf '@targetLabel true\n@data\n'; sed '1d; s/,\([^,]*\)$/:\1/' "$work/sum.csv"; } >"$work/sum.ts"
train numbers "$work/sum.csv" --header --regression --normalize --epochs 30 --cell gru --hidden 8
train numbers_ts "$work/sum.ts" --normalize --epochs 30 --cell gru --hidden 8
same "a .ts with @targetLabel" numbers numbers_ts
runs evaluate "$work/numbers" "$work/sum.csv"
holds "R2" "$(figure R2) > 0.95"
cp "$work/out" "$work/figures"
runs predict "$work/numbers" "$work/sum.csv"
sed 1d "$work/out" | cut -d, -f2 >"$work/values"
sed '1d; s/.*,//' "$work/sum.csv" | paste -d' ' - "$work/values" |
    awk '{ n++; e = $1 - $2; q += e * e; a += e < 0 ? -e : e; s += $1; s2 += $1 * $1 }
        END { print q / n, sqrt(q / n), a / n, 1 - q / (s2 - s * s / n) }' |
    while read -r mse rmse mae r2; do
        for pair in "MSE $mse" "RMSE $rmse" "MAE $mae" "R2 $r2"; do
            got=$(awk -v name="${pair% *}" '$1 == name { print $2 }' "$work/figures")
            awk "BEGIN { d = $got / ${pair#* } - 1; exit !(d * d < 1e-8) }" || echo "$pair, not $got"
        done
    done >"$work/differences"
[ -s "$work/differences" ] && wrong "figures of a regression: $(cat "$work/differences")"
cut -d, -f1-4 "$work/sum.csv" >"$work/unlabelled.csv"
cp "$work/out" "$work/labelled.out"
runs predict "$work/numbers" "$work/unlabelled.csv" --label none
cmp -s "$work/out" "$work/labelled.out" || wrong "predictions without a target column are others"
refuses 1 "have 3 values, those of the training data have 4: --label=none says" predict "$work/numbers" \
    "$work/unlabelled.csv"
runs predict "$work/numbers" "$work/unlabelled.csv" --label last
sed '1d; s/^[^,]*,[^,]*,//' "$work/sum.csv" >"$work/ragged.csv"
sed 1d "$work/sum.csv" >>"$work/ragged.csv"
train ragged "$work/ragged.csv" --regression --epochs 1 --hidden 4
refuses 1 "may have a column of targets or not" predict "$work/ragged" "$work/ragged.csv"
runs predict "$work/ragged" "$work/ragged.csv" --label last
refuses 1 "has no probabilities" predict "$work/numbers" "$work/sum.csv" --probabilities

# --- Resuming ---------------------------------------------------------------------------------------------------------

options="--model tcn --dropout 0.3 --hidden 4 --validation 0.2 --seed 5"
# shellcheck disable=SC2086
train whole "$italy" $options --epochs 6
# shellcheck disable=SC2086
train parts "$italy" $options --epochs 2 --threads 1
echo "3,loss/train,9,1" >>"$work/parts/metrics.csv" # from an epoch that was killed before its checkpoint
train parts "$italy" --resume --epochs 6 --threads 2
same "a resumed run" whole parts
refuses 1 "holds a run already" train "$italy" --output "$work/whole"

# With one step in each epoch, the training loss of the third epoch is that of the weights after the second.
train second "$italy" --batch-size 100 --epochs 2 --validation 0
train third "$italy" --batch-size 100 --epochs 3 --validation 0
runs evaluate "$work/second" "$italy"
loss=$(sed -n 's,^3.loss/train.\([^,]*\).*,\1,p' "$work/third/metrics.csv")
holds "loss in training" "$(figure loss) - $loss < 2e-6 && $loss - $(figure loss) < 2e-6"

# With a rate of almost 0 there is no progress after the first epoch.
runs train "$italy" --lr 1e-30 --validation 0.2 --patience 2 --epochs 50 --output "$work/patient"
prints "No lower loss in 2 epochs."
[ "$(grep -c '^Epoch .*; validation loss' "$work/out")" -eq 3 ] || wrong "patience: $(cat "$work/out")"

# --plots without gnuplot fails before anything is done.
mkdir "$work/empty"
PATH=$work/empty "$frond" train "$italy" --plots --output "$work/unplotted" >"$work/out" 2>&1 &&
    wrong "--plots without gnuplot: exit status 0"
prints "cannot run gnuplot"
[ -e "$work/unplotted" ] && wrong "--plots without gnuplot leaves a run"

# Ctrl-C, within an epoch or between two.
"$frond" train "$italy" --batch-size 1 --epochs 1000000 --hidden 4 --quiet --output "$work/stopped" 2>"$work/err" &
pid=$!
while kill -0 $pid 2>/dev/null && ! grep -q '^1,' "$work/stopped/metrics.csv" 2>/dev/null; do sleep 0.1; done
kill -INT $pid
wait $pid
[ $? -eq 1 ] || wrong "interrupted: exit status"
epoch=$(sed -n 's/^frond: interrupted in epoch \([0-9]*\); saved.*/\1/p' "$work/err")
[ -n "$epoch" ] || wrong "interrupted: $(cat "$work/err")"
train stopped "$italy" --resume --epochs "${epoch:-1}"
train unstopped "$italy" --batch-size 1 --epochs "${epoch:-1}" --hidden 4
same "an interrupted run" stopped unstopped

# --- What is found out about the data ---------------------------------------------------------------------------------

awk 'BEGIN {
    print "id;t0;t1;\"the kind\""
    for (i = 0; i < 20; i++)
        printf "%d;%d,5;%s;\"%s\"\n", i, i % 2, i == 7 ? "?" : "2", i % 2 ? "b; or \"\"c\"\"" : " a"
}' >"$work/excel.csv"
refuses 1 "excel.csv:9: column 3: \"?\" is a missing value" train "$work/excel.csv"
(cd "$work" && "$frond" train excel.csv --missing mean --epochs 2 --hidden 4 >out 2>err) ||
    wrong "excel.csv: $(cat "$work/err")"
prints "label: last column, 2 classes"
prints "validation: 4 of 20 sequences, by chance"
first=$work/runs/$(date +%Y-%m-%d)-1
prints "in runs/${first##*/}/best.safetensors"
[ -s "$first/best.safetensors" ] || wrong "no runs/DATE-1"
(cd "$work" && "$frond" train excel.csv --missing drop --label "the kind" --epochs 1 --hidden 4 --quiet >out 2>err)
[ -s "${first%1}2/best.safetensors" ] || wrong "no runs/DATE-2: $(cat "$work/err")"
[ "$(wc -l <"$work/out")" -eq 1 ] || wrong "--quiet: $(cat "$work/out")"
# What predict writes is a data set of its own: the label column is found, and has the labels that were written.
runs predict "$first" "$work/excel.csv" --output "$work/again.csv"
{ cat "$work/again.csv"; printf '21,"b; or ""c"""\n22," a"\n'; } >"$work/again2.csv"
runs predict "$first" "$work/again2.csv" --label last
[ "$(wc -l <"$work/out")" -eq 23 ] || wrong "predictions of predictions: $(cat "$work/out")"
runs train "$work/again2.csv" --epochs 1 --hidden 4 --validation 0 --output "$work/again"
prints "label: last column, 2 classes"
grep -q validation: "$work/out" && wrong "--validation 0 splits"

# Whole numbers are one class however they are written.
printf '1.0,1,2\n2,4,5\n1,1,2\n2.00,4,5\n' >"$work/float.csv"
train float "$work/float.csv" --label first --epochs 1 --hidden 4
printf '1,1,2\n2.0,4,5\n' >"$work/whole.csv"
runs evaluate "$work/float" "$work/whole.csv"
grep -q 'accuracy.*/2)' "$work/out" || wrong "1 and 1.0: $(cat "$work/out")"

# X_few.npy with y_few.npy beside it, or with labels in a file that is named; (2,3) and (2).
save_npy() { # FILE DTYPE SHAPE BYTES
    printf "\\223NUMPY\\001\\000\\166\\000%-117s\\n$4" \
        "{'descr': '$2', 'fortran_order': False, 'shape': $3, }" >"$work/$1.npy"
}
zero='\000\000\000\000\000\000\000\000' one='\000\000\000\000\000\000\360\077'
save_npy X_few '<f8' '(2, 3)' "$one$one$zero$zero$zero$one"
save_npy y_few '<i8' '(2,)' "$zero\003\000\000\000\000\000\000\000"
save_npy targets '<f8' '(2, 1)' "$zero$one"
save_npy three '<f8' '(3,)' "$zero$one$one"
train arrays "$work/X_few.npy" --epochs 1 --hidden 4
runs evaluate "$work/arrays" "$work/X_few.npy"
grep -q 'accuracy.*/2)' "$work/out" || wrong "y beside X: $(cat "$work/out")"
train targets "$work/X_few.npy" --labels "$work/targets.npy" --regression --epochs 1 --hidden 4
train targets "$work/X_few.npy" --resume --epochs 2
runs evaluate "$work/targets" "$work/X_few.npy" --labels "$work/targets.npy"
prints "R2"
refuses 1 "X_few.npy: X is (2, 3), y in $work/three.npy is (3,), expected (2,)" evaluate "$work/arrays" \
    "$work/X_few.npy" --labels "$work/three.npy"
refuses 1 "only an .npy has its labels in another file" train "$italy" --labels "$work/three.npy" --output "$work/bad"
mv "$work/y_few.npy" "$work/y.npy"
refuses 1 "X_few.npy: there are no labels to learn" train "$work/X_few.npy" --output "$work/bad"

# --- Files and ops ----------------------------------------------------------------------------------------------------

runs info "$work/two/best.safetensors"
prints "fc.weight                                float32  (2, 32)"
prints "6 tensors, 4546 values, 18184 bytes"
runs ops
prints "(*,N,K) (**,K,M) -> (broadcast,N,M)"
runs ops add
prints "y = a + b"
prints "(*) (**) -> (broadcast)"
runs export "$work/two" "$work/two.c"
[ -s "$work/two.c" ] || wrong "export: no C"
prints "step by step: state"
runs export "$work/two" "$work/two_int8.c" --int8
prints "int8 changes the outputs for a random sequence by up to 0.0"
grep -q 'lost to int8' "$work/two_int8.h" || wrong "export --int8: the header says nothing of it"
refuses 2 "int8 is for .c alone" export "$work/two" "$work/two.onnx" --int8
runs export "$work/two" "$work/two_open.c" --open-batch --open-length
grep -q 'for 1 to [0-9]* steps' "$work/out" || wrong "export --open-length does not say for how many"
grep -q 'int two_open_run_length(const float' "$work/two_open.h" || wrong "export --open-length: no function for it"
grep -q '#define TWO_OPEN_BATCH 1' "$work/two_open.h" || wrong "export --open-batch: no macro for it"
refuses 2 "open-length are for .c alone" export "$work/two" "$work/two.onnx" --open-length
if grep -q '^#define HAVE_PROTOBUF_C' config.h; then
    runs export "$work/two" "$work/two.onnx"
    runs info "$work/two.onnx"
    prints " 4546 values"
    prints "input input: float32"
    prints " = LSTM("
    prints "output output"
fi
refuses 2 "two.pt: expected a name that ends in .onnx or .c" export "$work/two" "$work/two.pt"
runs graph "$work/two" --values
prints "digraph"
runs graph "$work/two" --unroll
prints "t = 23" # the last of 24 steps

# --- Bad input --------------------------------------------------------------------------------------------------------

: >"$work/empty.csv"
printf '1,2,a\n3,nan,b\n' >"$work/nan.csv"
printf '1,2,1\n1,4,7\n' >"$work/label.csv"
printf '1,2,1\n3,4,1\n' >"$work/one.csv"
printf '@dimensions 2\n@classLabel true 1 2\n@data\n1,2:3,4:1\n' >"$work/wide.ts"
printf '@classLabel true 1 2\n@data\n1,2:1\n1,2:x\n' >"$work/unknown.ts"
printf '1,2,1\n3,4,high\n' >"$work/high.csv"
for command in "train" "evaluate $work/two" "predict $work/two"; do
    [ "$command" = train ] && end="--output $work/bad" || end=
    # shellcheck disable=SC2086
    {
        refuses 1 "missing.ts" $command "$work/missing.ts" $end
        refuses 1 "empty.csv" $command "$work/empty.csv" $end
        refuses 1 "nan.csv:2: column 2" $command "$work/nan.csv" $end
        refuses 1 "unknown.ts:4: the label \"x\"" $command "$work/unknown.ts" $end
        refuses 1 "data.xls: expected a file of sequences" $command "$work/data.xls" $end
    }
done
refuses 1 "label.csv: the label \"7\" of sequence 2 is not one of the 2" evaluate "$work/two" "$work/label.csv"
refuses 1 "wide.ts: 2 variables in each step, the model has 1" evaluate "$work/two" "$work/wide.ts"
refuses 1 "one.csv: expected two labels or more, found 1" train "$work/one.csv" --label last --output "$work/bad"
seq 1 12 | sed 's/.*/1,2,&/' >"$work/all.csv"
refuses 1 "all.csv: all 12 labels are different numbers; did you mean --regression?" train "$work/all.csv" \
    --label last --output "$work/bad"
refuses 1 "high.csv: the target \"high\" of sequence 2 is not a number" train "$work/high.csv" --regression \
    --output "$work/bad"
{
    seq 1 19 | sed 's/.*/1,2,&/'
    echo "3,4,high"
} >"$work/split.csv"
refuses 1 "split.csv: the target \"high\" of sequence 20 is not a number" train "$work/split.csv" --regression \
    --validation 0.5 --output "$work/bad"
printf '1,2,3\n3,4,5\n' >"$work/values.csv"
refuses 1 'values.csv: the label "3" of sequence 2 is not one of the 2 that the model knows: --label=none says' \
    predict "$work/two" "$work/values.csv"
runs predict "$work/two" "$work/values.csv" --label none
refuses 1 "cannot be split by --validation=0.001" train "$italy" --validation 0.001 --output "$work/bad"
refuses 1 "a sequence of 24 steps, the transformer takes up to 9" train "$italy" --model transformer --steps 9 \
    --output "$work/bad"
refuses 1 "no/dir: cannot be made: No such file" train "$italy" --output "$work/no/dir"
refuses 1 "nowhere/model.json: cannot be read" train "$italy" --output "$work/nowhere" --resume
refuses 1 "nowhere/model.json: cannot be read" predict "$work/nowhere" "$italy"
[ -e "$work/bad" ] && wrong "bad data left a run behind"
cp -r "$work/two" "$work/torn"
head -c 1000 "$work/two/best.safetensors" >"$work/torn/best.safetensors"
refuses 1 "torn/best.safetensors" evaluate "$work/torn" "$italy"
head -c 100 "$work/two/model.json" >"$work/torn/model.json"
refuses 1 "torn/model.json:" evaluate "$work/torn" "$italy"
sed 's/"lstm"/"qrnn"/' "$work/two/model.json" >"$work/torn/model.json"
refuses 1 "torn/model.json: the setting \"cell\"" evaluate "$work/torn" "$italy"
sed 's/"hidden": [0-9]*/"hidden": 2000000000/' "$work/two/model.json" >"$work/torn/model.json"
refuses 1 "torn/model.json: describes a model with weights of 16" evaluate "$work/torn" "$italy"
sed 's/"steps": [0-9]*,/"steps": 2000000000,/' "$work/two/model.json" >"$work/torn/model.json"
refuses 1 "torn/model.json: sequences of 2000000000 steps" graph "$work/torn"
sed 's/"variables": [0-9]*/"variables": 2000000000/; s/"mean": null/"mean": [0]/' "$work/two/model.json" \
    >"$work/torn/model.json"
refuses 1 "torn/model.json: expected 2000000000 numbers" evaluate "$work/torn" "$italy"
head -c 17000000 /dev/zero >"$work/torn/model.json"
refuses 1 "torn/model.json: has more than 16777216 bytes" evaluate "$work/torn" "$italy"
refuses 2 "no such op" ops nonsense
refuses 1 "file.txt: expected a name that ends in" info "$work/file.txt"
refuses 1 "/dev/full: cannot be written: No space left" predict "$work/two" "$italy" --output /dev/full
"$frond" ops >/dev/full 2>"$work/err" && wrong "ops >/dev/full: exit status 0"
grep -q '^frond: cannot write standard output: No space' "$work/err" || wrong "ops >/dev/full: $(cat "$work/err")"

# On a full disk old files stay as they were, and no file is half written.
on_full_disk() { # BLOCKS ARGUMENT...: files may have at most BLOCKS blocks of 512 bytes
    blocks=$1
    shift
    (
        ulimit -f "$blocks"
        exec "$frond" "$@" >"$work/out" 2>"$work/err"
    ) && wrong "$* with $blocks blocks: exit status 0"
    grep -q '^frond: .*File too large' "$work/err" || wrong "$* with $blocks blocks: $(cat "$work/err")"
}
on_full_disk 2 train "$italy" --output "$work/new"
[ -z "$(ls "$work/new")" ] || wrong "a run that cannot begin leaves $(ls "$work/new")"
runs train "$italy" --epochs 3 --output "$work/new"
grep -q '^train 100%  [0-9]*/[0-9]*  [0-9.]*/s  in 0:0[0-9]  loss 0' "$work/err" && [ "$(wc -l <"$work/err")" -eq 1 ] ||
    wrong "progress in a file: $(cat "$work/err")"
mkdir "$work/outputs"
for command in "predict -p $work/two $italy" "graph $work/two"; do
    echo before >"$work/outputs/file"
    chmod 640 "$work/outputs/file"
    # shellcheck disable=SC2086
    on_full_disk 1 $command --output "$work/outputs/file"
    [ "$(cat "$work"/outputs/*)" = before ] || wrong "$command on a full disk leaves $(ls "$work/outputs")"
    # shellcheck disable=SC2086
    runs $command --output "$work/outputs/file"
    case $(ls -l "$work/outputs/file") in -rw-r-----*) ;; *) wrong "$command changes the mode of its file" ;; esac
done
cp -r "$work/whole" "$work/full"
on_full_disk 4 train "$italy" --output "$work/full" --resume --epochs 9
cmp -s "$work/whole/last.safetensors" "$work/full/last.safetensors" || wrong "a full disk: last.safetensors is lost"

exit $failed
