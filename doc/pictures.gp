# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# gnuplot -e "data='pictures.dat'; name='differences'; file='differences.svg'" pictures.gp: draws one picture of the
# manual, as SVG or PDF, from what pictures.c has computed.
if (file[strlen(file) - 3:] eq ".svg") {
    set terminal svg size 640, 380 dynamic font "sans, 13" name name
} else {
    set terminal pdfcairo size 14cm, 8.3cm font "sans, 10" transparent
}
set output file
set border 3
set tics nomirror
set key top left
blue = "#3b7dd8"
orange = "#d9822b"
green = "#3a9d5d"

if (name eq "differences") {
    set logscale xy
    set format xy "10^{%T}"
    set xlabel "step h"
    set ylabel "error of the derivative"
    set key bottom right
    set yrange [1e-13:1e3]
    plot data index "float32" with linespoints pt 7 ps 0.4 lc rgb orange title "float32", \
         data index "float64" with linespoints pt 7 ps 0.4 lc rgb blue title "float64"
}
if (name eq "flow") {
    set logscale y
    set format y "10^{%T}"
    set xlabel "steps back from the output"
    set ylabel "size of the gradient"
    set key bottom left
    plot data index "flow_RNN" with lines lw 2 lc rgb orange title "RNN", \
         data index "flow_GRU" with lines lw 2 lc rgb blue title "GRU", \
         data index "flow_LSTM" with lines lw 2 lc rgb green title "LSTM", \
         data index "flow_open" with lines lw 2 dt 2 lc rgb green title "LSTM, forget bias 3"
}
if (name eq "losses") {
    set xlabel "step"
    set ylabel "loss"
    set key top right
    plot data index "loss_SGD" with lines lw 2 lc rgb orange title "SGD", \
         data index "loss_momentum" with lines lw 2 lc rgb blue title "SGD with momentum", \
         data index "loss_Adam" with lines lw 2 lc rgb green title "Adam"
}
if (name eq "regions") {
    set palette defined (0 "#8fb6ea", 0.5 "#f7f7f2", 1 "#eeb878")
    set cbrange [0:1]
    set cblabel "probability of class 1"
    set xrange [-1.6:2.6]
    set yrange [-1.1:1.6]
    unset key
    plot data index "region" with image, \
         data index "points" using 1:($3 < 0.5 ? $2 : NaN) with points pt 7 ps 0.5 lc rgb "#1b4a8a", \
         data index "points" using 1:($3 > 0.5 ? $2 : NaN) with points pt 5 ps 0.5 lc rgb "#8a4a10"
}
if (name eq "attention") {
    set palette defined (0 "#f2f2ec", 1 blue)
    set xlabel "step of the input that is looked at"
    set ylabel "step of the output"
    set cblabel "weight"
    set xrange [-0.5:11.5]
    set yrange [11.5:-0.5]
    set size ratio -1
    unset key
    plot data index "attention" with image
}
