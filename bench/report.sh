#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# Measures everything for report.py: the output of the bench programs goes to FOLDER, as .csv. PYTHON (python3 by
# default) must have PyTorch. OPTIONS are passed to compare.py, for its peers. It takes a quarter of an hour; the
# machine should do nothing else in that time.
#
#     report.sh BUILD FOLDER [OPTION...]
set -eu

build=${1:?"usage: report.sh BUILD FOLDER [OPTION...]"}
folder=${2:?"usage: report.sh BUILD FOLDER [OPTION...]"}
shift 2
here=$(dirname "$0")
python=${PYTHON:-python3}
mkdir -p "$folder"

for name in ops recurrent products growth threads; do
    "$build/bench/$name" >"$folder/$name.csv"
done
"$here/steady.sh" "$build" >"$folder/steady.csv"
"$here/exported.sh" "$build" >"$folder/exported.csv"
"$here/exported.sh" "$build" -O3 -march=native >"$folder/exported_native.csv"
"$here/exported_training.sh" "$build" >"$folder/exported_training.csv"
"$python" "$here/compare.py" "$build" ops products W --whole --csv "$folder/compare.csv" "$@"
"$python" "$here/compare.py" "$build" W1 W4 W5 --threads 2 --csv "$folder/compare_threads.csv" "$@"
for threads in 1 2; do
    "$python" "$here/compare.py" "$build" layers convnet gpt bigru --rounds 1 --threads $threads \
        --csv "$folder/compare_layers$([ $threads = 1 ] || echo _threads).csv"
done
