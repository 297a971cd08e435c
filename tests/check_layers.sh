#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# Checks which folders include which. A folder of lib/ may include from itself and from folders before it in the order
# core, kernels, graph, ops, nn; the other folders may include from these five. Kernels know no tensor and no message:
# they may include only the headers of core in the list kernels_see. A family of ops may include from itself
# and from lib/ops. Every other allowed pair is in the list below. Models include only <frond.h> and the C library;
# examples also <frond/op.h>, <frond/distributed.h> and the models' headers.
set -eu
cd "${srcdir:-.}"

awk '
BEGIN {
    count = split("core kernels graph ops nn", folders, " ")
    for (i = 1; i <= count; i++)
        rank[folders[i]] = i
    # FOLDER FOLDER: the first may include from the second, although they are siblings.
    pairs = "checkpoint data,checkpoint files,checkpoint optim,data files,export_c files,export_c optim," \
            "distributed optim,log data,log files,log optim,optim data," \
            "onnx files,ops/attention ops/linear,ops/attention ops/reduce,ops/conv ops/reduce,ops/linear ops/reduce," \
            "ops/loss ops/reduce,ops/random ops/pointwise"
    kernels_see = "base cpu integer locks memory row shape threads"
    count = split(pairs, list, ",")
    for (i = 1; i <= count; i++)
        allowed[list[i]] = 1
    split("assert ctype errno float inttypes limits locale math setjmp signal stdarg stdbool stddef stdint stdio " \
          "stdlib string time argp unistd", headers, " ")
    for (i in headers)
        c_library["<" headers[i] ".h>"] = 1
}

function complain(why)
{
    printf "%s:%d: %s: %s\n", FILENAME, FNR, name, why
    wrong = 1
}

# Returns "ops/view" for "lib/ops/view/cat.c" or "ops/view/x.h".
function folder_of(path)
{
    sub(/^lib\//, "", path)
    sub(/\/[^\/]*$/, "", path)
    return path
}

# Returns 1 for core, ... 5 for nn, and 6 for the rest.
function rank_of(folder)
{
    sub(/\/.*/, "", folder)
    return folder in rank ? rank[folder] : 6
}

function may_see(from, to)
{
    if (from == to || (from " " to) in allowed)
        return 1
    if (index(from, to "/") == 1) # a family may include what all families share
        return 1
    if (from == "kernels" && to == "core")
        return index(" " kernels_see " ", " " header " ")
    return rank_of(to) < rank_of(from)
}

function exists(file,    line, found)
{
    found = (getline line < file) > 0
    close(file)
    return found
}

!/^[ \t]*#[ \t]*include[ \t]/ { next }

{
    seen++
    name = $0
    sub(/^[ \t]*#[ \t]*include[ \t]+/, "", name)
    sub(/[ \t]*(\/[*\/].*)?$/, "", name)
    file = substr(name, 2, length(name) - 2)
    quoted = name ~ /^"/
    split(FILENAME, path, "/")
    split(file, parts, "/")
}

path[1] == "lib" && quoted {
    from = folder_of(FILENAME)
    to = folder_of(file)
    header = parts[2]
    sub(/\.h$/, "", header)
    if (to == file)
        complain("a private header is written with its folder in lib/")
    else if (!may_see(from, to))
        complain("lib/" from " may not see lib/" to)
    else if (from != to)
        used[from " " to] = 1
}

path[1] == "models" && quoted && !exists("models/" file) { complain("no header of a model") }
path[1] == "examples" && quoted && !exists("examples/" file) && !exists("models/" file) {
    complain("neither a header of a model nor of an example")
}
path[1] != "lib" && !quoted && name != "<frond.h>" && !(name in c_library) &&
!(path[1] == "examples" && name ~ /^<frond\/(op|distributed).h>$/) { complain("neither <frond.h> nor the C library") }

END {
    for (pair in allowed)
        if (!(pair in used)) {
            print "tests/check_layers.sh: the list names \"" pair "\", but no include is so"
            wrong = 1
        }
    if (!seen)
        print "no includes were found"
    exit wrong || !seen
}
' lib/*/*.[ch] lib/ops/*/*.[ch] models/*.[ch] examples/*.[ch]
