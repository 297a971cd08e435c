#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# Tests an installed frond with programs from outside: compiles them with pkg-config's flags and with warnings as
# errors, runs them and compares their output.
#
#     installed.sh PREFIX FOLDER [--static]
#
# FOLDER/expected/NAME[-ARGUMENT...].txt is the output of FOLDER/NAME.c with these arguments. A program that includes
# "PART.h" is built with PART.c, from FOLDER or from models/ beside it, and run there. NAME.cksum holds the checksum of
# a text that the program reads; the program is left out if this text is another.
set -u
prefix=${1:?usage: installed.sh PREFIX FOLDER [--static]} folder=${2:?} static=${3-}
PKG_CONFIG_PATH=$(find "$prefix" -type d -name pkgconfig | paste -s -d : -)
export PKG_CONFIG_PATH
LD_LIBRARY_PATH=$(pkg-config --variable=libdir frond)
export LD_LIBRARY_PATH
flags=$(pkg-config --cflags frond)
if [ -n "$static" ]; then
    libraries="-Wl,-Bstatic -lfrond -Wl,-Bdynamic $(pkg-config --libs --static frond | sed 's/-lfrond//')"
else
    libraries=$(pkg-config --libs frond)
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

for expected in "$folder"/expected/*.txt; do
    case_name=$(basename "$expected" .txt)
    program=${case_name%%-*}
    arguments=$(printf '%s' "${case_name#"$program"}" | tr - ' ')
    text=$folder/expected/$program.cksum
    [ -r "$text" ] && [ "$(cksum /usr/share/common-licenses/GPL-3 2>/dev/null)" != "$(cat "$text")" ] && continue
    sources=$folder/$program.c
    place=.
    for part in $(sed -n 's/^#include "\(.*\)\.h"$/\1/p' "$folder/$program.c"); do
        place=$folder/..
        if [ -r "$place/models/$part.c" ]; then # examples/simple_rnn.c is a program
            sources="$sources $place/models/$part.c -I$place/models"
        else
            sources="$sources $folder/$part.c"
        fi
    done
    linked=$libraries
    if grep -q '<frond/distributed.h>' "$folder/$program.c"; then
        [ -z "$static" ] && linked=$(pkg-config --libs frond-mpi 2>/dev/null) || continue # it may be left out
    fi
    # eval: pkg-config quotes words with blanks
    if ! [ -x "$work/$program" ] && ! eval "${CC:-cc} -std=gnu11 -Wall -Wextra -Wshadow -Werror -O1 -g $sources \
        -o \"$work/$program\" $flags $linked -lm"; then
        failed=1
        continue
    fi
    # shellcheck disable=SC2086
    if (cd "$place" && exec timeout 60 "$work/$program" $arguments) >"$work/out" &&
        sed -f "${0%/*}/places.sed" "$work/out" | diff "$expected" -; then
        echo "as expected: $program$arguments"
    else
        echo "NOT as expected: $program$arguments"
        failed=1
    fi
done
exit $failed
