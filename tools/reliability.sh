#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# reliability.sh BUILD [NAME...]: makes doc/reliability.md. Each section is what a command printed; the page shows the
# command. If names of sections are given, no others are measured. Outputs are kept in BUILD/reliability, one file a
# section. What is there is not measured again: remove a file to have it measured anew. All of them take some hours.
# BUILD is a shared build in which `make check` has run.
set -u
build=$(cd "${1:?usage: $0 BUILD [NAME...]}" && pwd)
shift
names=$*
source=$(cd "$(dirname "$0")/.." && pwd)
kept=$build/reliability
page=$source/doc/reliability.md
mkdir -p "$kept"

say() { printf '%s\n' "$@" >>"$page"; }

# Runs the command in BUILD unless its output is there, and puts both into the page; a table in Markdown stays one.
measured() { # NAME COMMAND
    if [ ! -e "$kept/$1" ] && [ -n "$names" ] && ! echo " $names " | grep -qF " $1 "; then
        say '' "\`$2\`: not measured yet." ''
        return
    fi
    if [ ! -e "$kept/$1" ]; then
        echo "$2" >&2
        if ! (cd "$build" && FROND_TESTS=$source/tests sh -c "$2") >"$kept/$1.new" 2>&1; then
            tail -n 20 "$kept/$1.new" >&2
            exit 1
        fi
        mv "$kept/$1.new" "$kept/$1"
    fi
    say '' "\`$2\`" ''
    if grep -q '^|' "$kept/$1"; then
        cat "$kept/$1" >>"$page"
    else
        say '```' "$(cat "$kept/$1")" '```'
    fi
    say ''
}

cat >"$page" <<'END'
# Reliability

What can go wrong around a library, and how frond is tested against it. `tools/reliability.sh BUILD` makes this page.
Each command below is run in the build folder, where the variable `FROND_TESTS` holds the path of the folder `tests`.

## Use after the release

Every function that takes a tensor, a module, an optimiser, a scheduler, a loader or another object of frond fails if
that was released, and says where it was made and where it was released. A header of a tensor is used again only after
its thread released 1,024 others; the memory of other objects only after 1,024 others were freed; with `FROND_CHECK=1`
it is 262,144 and 16,384. A use after that is not noticed, nor is one through a pointer that `fr_data` gave, unless
`FROND_CHECK=1` fills the values with NaN, or valgrind or AddressSanitizer, where frond frees at once, name the place.
`tests/check_released.c` has the mistakes that users make; `tests/check_arguments` gives every public function every
kind of bad argument, released objects among them.
END
measured arguments 'tests/check_arguments | tail -n 2'
measured valgrind 'FROND_VALGRIND_ALL=1 $FROND_TESTS/check_valgrind.sh && echo "every example: 0 errors, 0 bytes lost"'

cat >>"$page" <<'END'
## Files

Each call that touches a file fails in turn with each of its errors, is interrupted, comes back short, or is the last
before a kill. The old file or the complete new one must be there, and a message that names the file.
END
measured faults 'tests/check_faults | tail -n 30'
say 'Runs that are killed at random moments and resumed: the weights, checkpoint and metrics of an unbroken run.'
measured kills 'FROND_KILLS=200 $FROND_TESTS/check_kills.sh'
say 'What readers take for a file. A file that asks for more is refused before memory is allocated.'
measured memory 'tests/check_memory'

cat >>"$page" <<'END'
## Fuzzing

Readers of all formats, loaded ONNX graphs run forward and backward, and random programs of all ops, kernels against
definitions and float32 against float64, with the sanitizers.
END
measured fuzz '$FROND_TESTS/fuzz/run.sh 420'

cat >>"$page" <<'END'
## Memory

A million training steps: name, steps, calls of malloc, resident KiB after a tenth of them and at the end.
END
measured long 'bench/steady 1000000 W1'

cat >>"$page" <<'END'
## The tests themselves

Lines and branches of the library that `make check` runs.
END
measured coverage 'make -s coverage | grep "^|"'
say 'Bugs planted at random places: how many `make check` finds, and those that it does not. Each of these then gets' \
    'a test, or a paragraph in `tests/mutation.txt` if the program means the same with it. Of the first sample of 100' \
    '84 were found at once, of a second one 89; this counts them after those tests were there.'
measured mutation 'make -s mutation SEED=15 | sed -n "/were found/,\$p"'
say 'Static analysis by gcc -fanalyzer, clang-tidy and cppcheck.'
measured analyze 'make -s analyze'
