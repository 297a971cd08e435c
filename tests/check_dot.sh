#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# Graphviz reads what fr_graph_dot writes. This test checks the numbers of nodes and edges, and the clusters.
set -u
for client in dot gvpr; do
    if ! command -v $client >/dev/null; then
        echo "skipped: there is no $client (Graphviz)"
        exit 77
    fi
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# shellcheck disable=SC2016
# Prints each cluster after the label of the cluster around it. It does not recurse: gvpr's variables are global.
clusters='
BEGIN {
    graph_t stack[int], g, s;
    string labels[int], above;
    int depth;
}
BEG_G {
    stack[0] = $G;
    labels[0] = "top";
    depth = 1;
    while (depth > 0) {
        depth--;
        g = stack[depth];
        above = labels[depth];
        for (s = fstsubg(g); s; s = nxtsubg(s)) {
            print(above, " > ", s.label);
            stack[depth] = s;
            labels[depth] = s.label;
            depth++;
        }
    }
}'

same() { # WHAT EXPECTED GOT
    [ "$2" = "$3" ] && return
    printf '%s: expected\n%s\ngot\n%s\n' "$1" "$2" "$3"
    failed=1
}

drawn() { # KIND NODES EDGES CLUSTERS
    if ! tests/draw "$1" >"$work/$1.dot" || ! dot -Tsvg "$work/$1.dot" >"$work/$1.svg" 2>"$work/complaints" ||
        [ -s "$work/complaints" ]; then
        echo "$1:"
        cat "$work/complaints"
        failed=1
        return
    fi
    dot -Tplain "$work/$1.dot" >"$work/plain" 2>/dev/null
    same "$1, nodes" "$2" "$(grep -c '^node ' "$work/plain")"
    same "$1, edges" "$3" "$(grep -c '^edge ' "$work/plain")"
    gvpr "$clusters" "$work/$1.dot" >"$work/clusters" 2>&1
    same "$1, clusters" "$4" "$(cat "$work/clusters")"
    grep -q '</svg>' "$work/$1.svg" || { echo "$1: no picture"; failed=1; }
}

net='top > Net
Net > layers (Sequential)
layers (Sequential) > rnn (LSTM)
layers (Sequential) > head (Linear)'
steps='rnn (LSTM) > lstm, T = 4
rnn (LSTM) > lstm, T = 4, reversed'

# Nodes: two directions, the op that joins them, the linear layer, the sum, the result, x, 8 parameters of the LSTM and
# 2 of the linear layer.
drawn folded 17 17 "$net"
drawn values 17 17 "$net"
drawn freed 17 17 "$net"
drawn walked 18 17 "$net" # after backward it is not known that both directions have the same x
# Nodes: 4 steps in each direction and a node that collects them. Edges: x to 8 steps, from 8 parameters, 3 * 2 for the
# states of each direction, 8 to the collecting nodes.
drawn unrolled 25 43 "$net
$steps"
# Nodes: the linear layer, the sum, the result, 2 parameters, and one for everything that was left out.
drawn limited 6 5 "$(printf '%s\n' "$net" | grep -v LSTM)"
drawn leaf 1 0 ''
drawn escaped 17 17 "$(printf '%s\n' "$net" | sed 's/layers/<b>"\\\\N\\\\" \&amp; \&amp;amp;??\xc3\xa9{|}/')"
shown='&lt;b&gt;&quot;\N\&quot; &amp; &amp;amp;??é{|} (Sequential)'
grep -qF "$shown" "$work/escaped.svg" || { echo "escaped: not shown as it is"; failed=1; }
exit $failed
