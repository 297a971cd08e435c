#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# Builds other projects with an installed frond: with Autotools, a plain Makefile and CMake, in C++, and in Python with
# ctypes. A project is left out, with a message, if its tool is not installed.
#
#     installed_projects.sh PREFIX
set -u
prefix=${1:?usage: installed_projects.sh PREFIX}
outside=$(cd "$(dirname "$0")/outside" && pwd)
PKG_CONFIG_PATH=$(find "$prefix" -type d -name pkgconfig | paste -s -d : -)
export PKG_CONFIG_PATH
LD_LIBRARY_PATH=$(pkg-config --variable=libdir frond) || exit 1
export LD_LIBRARY_PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# project NAME TOOL: makes a copy of the project with the program, to build it there; fails if there is no TOOL
project() {
    if ! command -v "$2" >/dev/null; then
        echo "left out: $1, as there is no $2"
        return 1
    fi
    mkdir "$work/$1"
    [ ! -d "$outside/$1" ] || cp "$outside/$1"/* "$outside/main.c" "$work/$1"
}

# prints EXPECTED NAME COMMAND...: COMMAND must print exactly EXPECTED
prints() {
    expected=$1 name=$2
    shift 2
    if found=$("$@" 2>&1) && [ "$found" = "$expected" ]; then
        echo "as expected: $name"
    else
        printf 'NOT as expected: %s\n%s\n' "$name" "$found"
        failed=1
    fi
}

# quietly COMMAND...: shows the command's output only if it fails
quietly() {
    "$@" >"$work/log" 2>&1 || { cat "$work/log"; false; }
}

autotools() { (cd "$work/autotools" && autoreconf --install && ./configure -q && make -s); }
plain_make() { (cd "$work/make" && make -s); }
with_cmake() { (cd "$work/cmake" && cmake -S . -B . && cmake --build .); }

for tool in autotools:autoreconf:autotools make:make:plain_make cmake:cmake:with_cmake; do
    name=${tool%%:*} build=${tool##*:} needed=${tool#*:}
    project "$name" "${needed%:*}" || continue
    quietly "$build"
    prints 6 "$name" "$work/$name/outside"
done

course() { (cd "$work/course" && env -u MAKEFLAGS -u MFLAGS make -s check-exercises SOLUTIONS=1 | tail -n 1); }
if project course make; then
    cp -R "$outside/../../doc/course/." "$work/course"
    prints "sum          60 of 60" doc/course course
fi

cxx=${CXX:-c++}
# shellcheck disable=SC2086
if project hello "${cxx%% *}"; then
    # eval: pkg-config quotes words with blanks
    quietly eval "$cxx -std=c++17 -Wall -Wextra -Wshadow -Werror \"$outside/hello.cpp\" -o \"$work/hello/hello\" \
        $(pkg-config --cflags --libs frond)"
    line=$(sed -n '/fr_matmul/=' "$outside/hello.cpp")
    prints "6
6
frond: matmul: (4, 3) x (5, 2): inner dimensions differ (3 and 5)   [$outside/hello.cpp:$line]
0 tensors alive" hello.cpp "$work/hello/hello"
fi

python=${PYTHON:-python3}
# The first loss follows from PyTorch's initial values of a linear layer for seed 0: -0.0075 x + 0.5364.
library=$LD_LIBRARY_PATH/libfrond.so
if [ ! -f "$library" ]; then
    echo "left out: train.py, as there is no shared library"
elif project train "$python"; then
    prints "loss 6.9600, then 0.0000
0 tensors alive" train.py "$python" "$outside/train.py" "$library"
fi
exit $failed
