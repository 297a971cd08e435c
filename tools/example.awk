# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# example.awk FILE.c [OUTPUT.txt]: writes a program as a Texinfo example for the manual, without the comments before its
# first include; then what it prints; then, as a list, the exercises that its last comment holds.

function escape(text)
{
    gsub(/[@{}]/, "@&", text)
    return text
}

# Lines of at most 79 characters, broken at blanks.
function fold(text,    at, folded)
{
    while (length(text) > 79) {
        for (at = 80; at > 20 && substr(text, at, 1) != " "; at--)
            ;
        folded = folded escape(substr(text, 1, at - 1)) "\n"
        text = "      " substr(text, at + 1)
    }
    return folded escape(text) "\n"
}

FNR != NR {
    output = output fold($0)
    next
}

/^#include/ { begun = 1 }
/^\/\* Exercises$/ { in_exercises = 1 }

in_exercises {
    sub(/^\/\* Exercises$/, "")
    sub(/^ \*/, "")
    sub(/ \*\/$/, "")
    if (sub(/^ [0-9]\. /, ""))
        exercises = exercises "\n@item\n"
    sub(/^ +/, "")
    if ($0 != "")
        exercises = exercises escape($0) "\n"
    next
}

begun && /^$/ { blank = blank "\n" }
begun && !/^$/ {
    code = code blank escape($0) "\n"
    blank = ""
}

END {
    printf "@smallexample\n%s@end smallexample\n", code
    if (output)
        printf "\n@noindent\nIt prints\n\n@smallexample\n%s@end smallexample\n", output
    if (exercises) {
        print "\n@noindent\nExercises, with answers in @file{examples/solutions}:\n\n@enumerate"
        printf "%s@end enumerate\n", exercises
    }
}
