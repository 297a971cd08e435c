#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# Checks that FROND_LIBRARY_VERSION in configure.ac, current:revision:age, fits the changes of the library's interface
# since the last release, which is the last tag of this branch.
#
#     tools/abi.sh BUILD                  builds the tag in a temporary folder and compares it with the library in BUILD
#     tools/abi.sh --compare OLD NEW      compares two folders, each with libfrond.so, include/ and version
#
# Exit status: 0 if the version fits, 1 if not, 77 if there is no tag, no library or no abidiff.
set -eu

fail() { printf 'abi: %s\n' "$*" >&2; exit 1; }
skip() { printf 'abi: not checked: %s\n' "$*" >&2; exit 77; }

# Prints one word for the change of the interface from OLD to NEW: changed, added or same. It covers what the public
# headers declare. In abidiff's exit status, bits 0 and 1 are errors, bit 2 is a change, and bit 3 is a change that
# surely breaks programs. A change that remains when added functions are ignored is taken for one that breaks programs.
what_became() { # OLD NEW
    all=0 but_added=0
    difference "$@" >&2 || all=$?
    difference "$@" --no-added-syms >/dev/null || but_added=$?
    [ $(((all | but_added) & 3)) -eq 0 ] || fail "abidiff failed with status $all"
    if [ $((but_added & 12)) -ne 0 ]; then
        echo changed
    elif [ $((all & 12)) -ne 0 ]; then
        echo added
    else
        echo same
    fi
}

difference() { # OLD NEW [OPTION...]
    old=$1 new=$2
    shift 2
    abidiff "$@" "$old/abi" "$new/abi"
}

# Writes the interface of FOLDER/libfrond.so to FOLDER/abi, without the soname, which follows from the version.
describe() { # FOLDER
    abidw --headers-dir "$1/include" --drop-private-types "$1/libfrond.so" >"$1/abi.whole" ||
        fail "abidw cannot read $1/libfrond.so"
    sed "s/ soname='[^']*'//" "$1/abi.whole" >"$1/abi"
}

# Compares NEW's version with the one that libtool's rules demand. If the interface did not change, the old version is
# right as long as the library's inside did not change either. That cannot be seen here, so both versions are allowed.
compare() { # OLD NEW
    was=$(cat "$1/version") is=$(cat "$2/version")
    current=${was%%:*} age=${was##*:} revision=${was#*:}
    revision=${revision%:*}
    describe "$1"
    describe "$2"
    became=$(what_became "$1" "$2")
    allowed=
    case $became in
    changed) wanted=$((current + 1)):0:0 ;;
    added) wanted=$((current + 1)):0:$((age + 1)) ;;
    same) wanted=$current:$((revision + 1)):$age allowed=$was ;;
    *) exit 1 ;;
    esac
    if [ "$is" = "$wanted" ] || [ "$is" = "$allowed" ]; then
        echo "abi: $became since $was; $is is right"
    else
        fail "the interface is $became since $was: FROND_LIBRARY_VERSION must be $wanted, it is $is"
    fi
}

version_in() { # CONFIGURE.AC
    sed -n 's/^AC_SUBST(\[FROND_LIBRARY_VERSION\], \[\([0-9]*:[0-9]*:[0-9]*\)\])$/\1/p' "$1"
}

gather() { # SOURCE BUILD FOLDER: copies the files that compare needs to FOLDER
    mkdir -p "$3"
    cp "$2/.libs/libfrond.so" "$3/libfrond.so"
    cp -r "$1/include" "$3/include"
    version_in "$1/configure.ac" >"$3/version"
    [ -s "$3/version" ] || fail "no FROND_LIBRARY_VERSION in $1/configure.ac"
}

command -v abidiff >/dev/null || skip "there is no abidiff (Debian: abigail-tools)"
if [ "${1-}" = --compare ]; then
    compare "$2" "$3"
    exit
fi

build=${1:?usage: tools/abi.sh BUILD}
source=$(cd "$(dirname "$0")/.." && pwd)
tag=$(git -C "$source" describe --tags --abbrev=0 2>/dev/null) || skip "there is no release yet: no tag in git"
[ -f "$build/.libs/libfrond.so" ] || skip "there is no $build/.libs/libfrond.so"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/$tag/build"
git -C "$source" archive "$tag" | tar -x -C "$work/$tag"
(
    cd "$work/$tag"
    autoreconf --install
    cd build
    ../configure -q --disable-static CFLAGS=-g
    make -s libfrond.la
) >"$work/log" 2>&1 || { tail -n 20 "$work/log"; fail "$tag cannot be built"; }
gather "$work/$tag" "$work/$tag/build" "$work/old"
gather "$source" "$build" "$work/new"
compare "$work/old" "$work/new"
