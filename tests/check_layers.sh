#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# Includes point one way: a folder of lib/ sees itself and those before it in core, graph, ops, nn; optim, data and io
# see those four, training and log all of these. Models are built from <frond.h> and the C library, examples from these,
# <frond/op.h> and the models' headers.
set -eu
cd "${srcdir:-.}"

awk '
BEGIN {
    split("core graph ops nn optim data io training log", folders, " ")
    for (i in folders)
        rank[folders[i]] = i < 5 ? i : i < 8 ? 5 : 6
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
    if (!(parts[1] in rank))
        complain("a private header is written with its folder in lib/")
    else if (parts[1] != path[2] && rank[parts[1]] >= rank[path[2]])
        complain("lib/" path[2] " comes before lib/" parts[1] " or beside it")
}

path[1] == "models" && quoted && !exists("models/" file) { complain("no header of a model") }
path[1] == "examples" && quoted && !exists("examples/" file) && !exists("models/" file) {
    complain("neither a header of a model nor of an example")
}
path[1] != "lib" && !quoted && name != "<frond.h>" && !(name in c_library) &&
!(path[1] == "examples" && name == "<frond/op.h>") { complain("neither <frond.h> nor the C library") }

END {
    if (!seen)
        print "no includes were found"
    exit wrong || !seen
}
' lib/*/*.[ch] models/*.[ch] examples/*.[ch]
