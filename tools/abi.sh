#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# Whether configure.ac's FROND_LIBRARY_VERSION, current:revision:age, says what became of the library's interface since
# the last release, which is the last tag of this branch.
#
#     tools/abi.sh BUILD                                builds the tag aside, compares it with what is built in BUILD
#     tools/abi.sh --compare OLD NEW                    of two folders with libfrond.so, include/ and version
#
# Exit status: 0 where it is right, 1 where not, 77 where there is nothing to compare with or no abidiff.
set -eu

fail() { printf 'abi: %s\n' "$*" >&2; exit 1; }
skip() { printf 'abi: not checked: %s\n' "$*" >&2; exit 77; }

# Prints one word for what became of the interface from OLD to NEW: changed, added or same. What no public header
# tells of is not looked at. Of abidiff's exit status bits 0 and 1 are errors, 2 is a change, 3 one that surely breaks
# programs; a change that is still there when added functions do not count is taken for one that does.
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

# The interface of FOLDER/libfrond.so to FOLDER/abi, without the soname: that one follows from the version.
describe() { # FOLDER
    abidw --headers-dir "$1/include" --drop-private-types "$1/libfrond.so" >"$1/abi.whole" ||
        fail "abidw cannot read $1/libfrond.so"
    sed "s/ soname='[^']*'//" "$1/abi.whole" >"$1/abi"
}

# The version that NEW has to have by the rules of libtool. Where nothing in the interface changed, the old one is right
# as long as the library is the same inside, which cannot be seen from here: both are allowed.
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

gather() { # SOURCE BUILD FOLDER: what compare wants to have
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
