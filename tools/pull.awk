# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# pull.awk -v top=FOLDER -v pictures=FOLDERS CHAPTER: writes a chapter of the manual with what these lines ask for.
#
#     @pull FILE.c             a program, from its first include on
#     @pull FILE.c NAME        the function, struct or table NAME, with the comment above it
#     @pull FILE.c includes    its includes
#     @pull FILE.txt [NAME]    text; of several parts the one that follows the line "== NAME"
#     @pair FILE NAME          the bodies of the function NAME in FILE.py and FILE.c, side by side
#     @lesson NAME             the program examples/NAME.c, what it prints, the exercises that its last comment holds
#     @formula TEX == TEXT     a formula, for TeX and for all else
#     @picture NAME TEXT       the picture NAME.svg, in TeX NAME.pdf, elsewhere what TEXT says of it; that alone if
#                              pictures, the folders to look for it in, is empty
#
# Files are named from top on. It fails if one of them is missing or has no NAME. Lines of code that are longer than a
# page is wide are broken.

BEGIN { WIDTH = 90 }

function fail(why)
{
    printf "%s:%d: %s\n", FILENAME, FNR, why >"/dev/stderr"
    failed = 1
    exit
}

function escaped(s)
{
    gsub(/[@{}]/, "@&", s)
    return s
}

function escaped_html(s)
{
    gsub(/&/, "\\&amp;", s)
    gsub(/</, "\\&lt;", s)
    gsub(/@/, "\\&#64;", s)
    return s
}

# Puts the lines of a file into line[1..]; returns their number.
function read(file,    n, path, got)
{
    path = top "/" file
    n = 0
    while ((got = (getline line[n + 1] < path)) > 0)
        n++
    close(path)
    if (got < 0)
        fail("there is no " file)
    return n
}

function keep(first, last,    i)
{
    for (i = first; i <= last; i++)
        line[i - first + 1] = line[i]
    return last - first + 1
}

# --- Parts of a file: each function cuts line[1..n] down to the part and returns the number of lines left ------------

# From the first include on, or all; without exercises.
function program(n,    i)
{
    for (i = 1; i <= n && line[i] != "/* Exercises"; i++)
        continue
    for (n = i - 1; n && line[n] == "";)
        n--
    for (i = 1; i <= n; i++)
        if (line[i] ~ /^#include/)
            return keep(i, n)
    return n
}

# The definition whose first line has NAME before a bracket or a brace; it ends with a brace in the first column.
function definition(n, name,    i, first, last)
{
    for (i = 1; i <= n && !first; i++)
        if (line[i] ~ ("^[A-Za-z].*(^|[ *(])" name "(, T)?\\)?(\\(| = \\{| \\{|\\[)") && line[i] !~ /;$/)
            first = i
    for (last = first; first && last <= n && line[last] !~ /^}/; last++)
        continue
    if (!first || last > n)
        return 0
    while (line[first - 1] ~ /^( |\/)\*/)
        first--
    return keep(first, last)
}

function includes(n,    i, first, last)
{
    for (i = 1; i <= n; i++)
        if (line[i] ~ /^#include/) {
            first = first ? first : i
            last = i
        }
    return first ? keep(first, last) : 0
}

function part_of_text(n, name,    i, first)
{
    for (i = 1; i <= n; i++)
        if (line[i] == "== " name)
            first = i + 1
        else if (first && line[i] ~ /^== /)
            break
    return first ? keep(first, i - 1) : 0
}

# What a function does: in C between its braces, in Python below its def; without the first indentation.
function body(n, name, python,    i, first)
{
    if (python) {
        for (i = 1; i <= n; i++)
            if (line[i] ~ ("^def " name "\\("))
                first = i + 1
            else if (first && line[i] ~ /^[^ ]/)
                break
        n = first ? keep(first, i - 1) : 0
    } else if ((n = definition(n, name))) {
        for (i = 1; line[i] !~ /^{/; i++)
            continue
        n = keep(i + 1, n - 1)
    }
    while (n && line[n] == "")
        n--
    for (i = 1; i <= n; i++)
        sub(/^    /, "", line[i])
    return n
}

# --- Output -------------------------------------------------------------------------------------------------------

function blanks(n)
{
    return sprintf("%" n "s", "")
}

# Fills a comment, line[i..last], anew; lines of it that stand apart stay as they are.
function fill(i, last, width,    indent, prefix, s, n, k, word)
{
    match(line[i], /^ */)
    indent = blanks(RLENGTH)
    prefix = indent "/*"
    for (; i <= last; i++) {
        s = line[i]
        sub(s ~ /^ *\*\/$/ ? "^ *" : "^ */?[*] ?", "", s)
        if (s ~ /^(    |$)/) {
            put(prefix (s == "" ? "" : " " s))
            prefix = indent " *"
            continue
        }
        n = split(s, word, " ")
        for (k = 1; k <= n; k++) {
            if (length(prefix " " word[k]) > width) {
                put(prefix)
                prefix = indent " *"
            }
            prefix = prefix " " word[k]
        }
        if (i == last || line[i + 1] ~ /^ *\*(     |$)/) {
            put(prefix)
            prefix = indent " *"
        }
    }
}

# Notes for each blank of s how bad it is to break there, rank[] (99: in a string), and the column of the bracket or
# quote that is open there. `deep` brackets are open before s. Returns how many are open after it, or 0 if it ends in a
# string.
function scan(s, deep,    i, c, quoted)
{
    for (i = 1; i <= length(s); i++) {
        c = substr(s, i, 1)
        if (c == "\\")
            i++
        else if (c == "\"" && !text_only)
            quoted = quoted ? 0 : i
        else if (!quoted && c ~ /[([]/)
            open[++deep] = i
        else if (!quoted && c ~ /[])]/)
            deep--
        if (c == " ") {
            rank[i] = quoted ? 99 : 2 * deep + (substr(s, i - 1) !~ /^, / && substr(s, i + 1) !~ /^(&&|\|\||\?|:) /)
            column[i] = quoted ? quoted : deep > 0 ? open[deep] : 0
        }
    }
    return quoted ? 0 : deep
}

# Puts s in lines of at most width columns: breaks it where the fewest brackets are open, under the last open one.
function put_broken(s, width,    i, at, indent, deep, text)
{
    match(s, /^ */)
    indent = RLENGTH
    while (length(s) > width) {
        scan(s, deep)
        match(s, /^ */)
        at = 0
        for (i = width; i > RLENGTH + 1; i--)
            if (substr(s, i, 1) == " " && rank[i] < 99 && (!at || !text_only && rank[i] < rank[at] && i > width / 3))
                at = i
        for (i = width + 1; !at && i <= width + 3; i++) # a little too long looks better than a string in two
            if (substr(s, i, 1) == " " && rank[i] < 99)
                at = i
        for (i = width - 1; !at && i > width / 2; i--)
            if (substr(s, i, 1) == " ") {
                put(substr(s, 1, i) "\"")
                s = blanks(column[i] - 1) "\"" substr(s, i + 1)
                break
            }
        if (!at && i > width / 2)
            continue
        text = substr(s, at + 1)
        if (!at || indent + 8 + length(text) >= length(s))
            break
        put(substr(s, 1, at - 1))
        deep = int(rank[at] / 2)
        i = column[at] && (column[at] + length(text) <= width || column[at] < width / 2) ? column[at] : indent + 8
        s = blanks(i + length(text) < length(s) ? i : indent + 8) text
    }
    put(s)
}

function put(s)
{
    out[++lines] = s
}

# Breaks lines at `width`; returns the new number of lines.
function broken(n, width,    i, last, k, long, s)
{
    lines = 0
    for (i = 1; i <= n; i = last + 1) {
        long = length(line[i]) > width
        last = i
        if (line[i] ~ /^ *\/\*/) {
            for (; last < n && line[last] !~ /\*\//; last++)
                long = long || length(line[last + 1]) > width
            if (long && line[last] ~ /\*\/$/) {
                fill(i, last, width)
                continue
            }
        } else if (!text_only && line[i] !~ /\/\*/) { # a statement, with the lines on which it goes on
            s = line[i]
            for (; last < n && scan(s, 0) > 0 && line[last + 1] !~ /\/\*|[{;]$/; last++)
                s = joined(s, line[last + 1])
            if (last < n && scan(s, 0) > 0 && line[last + 1] !~ /\/\*/)
                s = joined(s, line[++last])
            for (k = i; k <= last; k++)
                long = long || length(line[k]) > width
            if (long) {
                put_broken(s, width)
                continue
            }
        }
        for (k = i; k <= last; k++) {
            if (length(line[k]) > width && match(line[k], / *\/\*.*\*\/$/)) { # the comment goes above
                s = substr(line[k], RSTART)
                sub(/^ */, "", s)
                line[k] = substr(line[k], 1, RSTART - 1)
                match(line[k], /^ */)
                put_broken(blanks(RLENGTH) s, width)
            }
            put_broken(line[k], width)
        }
    }
    for (i = 1; i <= lines; i++)
        line[i] = out[i]
    return lines
}

function joined(s, next_line)
{
    sub(/^ +/, "", next_line)
    return s (s ~ /[([]$/ ? "" : " ") next_line
}

function example(n,    i)
{
    n = broken(n, WIDTH)
    print "@smallexample"
    for (i = 1; i <= n; i++)
        print escaped(line[i])
    print "@end smallexample"
}

function pair(file, name,    n, i, left, count, html, widest, widest_right)
{
    if (!(n = body(read(file ".py"), name, 1)))
        fail(file ".py has no " name)
    for (i = 1; i <= n; i++) {
        left[i] = line[i]
        widest = length(line[i]) > widest ? length(line[i]) : widest
        html = html escaped_html(line[i]) "\n"
    }
    count = n
    if (!(n = body(read(file ".c"), name, 0)))
        fail(file ".c has no " name)
    html = html "</pre><pre class=\"example\">\n"
    for (i = 1; i <= n; i++) {
        html = html escaped_html(line[i]) "\n"
        widest_right = length(line[i]) > widest_right ? length(line[i]) : widest_right
    }
    printf "@html\n<div class=\"pair\"><pre class=\"example\">\n%s</pre></div>\n@end html\n", html
    print "@ifnothtml\n\n@smallexample"
    if (widest + widest_right + 3 > WIDTH) { # one above the other
        for (i = 1; i <= count; i++)
            print escaped(left[i])
        print "@end smallexample\n\n@noindent\nis"
        example(n)
    } else {
        for (i = 1; i <= n || i <= count; i++)
            print escaped(sprintf("%-" widest "s | %s", i <= count ? left[i] : "", i <= n ? line[i] : ""))
        print "@end smallexample"
    }
    print "@end ifnothtml"
}

# The comment "Exercises" of line[1..n], as a list.
function exercises(n,    i)
{
    for (i = 1; i <= n && line[i] != "/* Exercises"; i++)
        continue
    if (i >= n)
        return
    print "\n@noindent\nExercises, with answers in @file{examples/solutions}:\n\n@enumerate"
    while (++i <= n) {
        if (sub(/^ \* [0-9]\. /, "", line[i]))
            print "\n@item"
        sub(/^ \* */, "", line[i])
        sub(/ \*\/$/, "", line[i])
        if (line[i] != "")
            print escaped(line[i])
    }
    print "@end enumerate"
}

function lesson(file)
{
    print "@noindent\n@file{examples/" file ".c}:\n"
    example(program(read("examples/" file ".c")))
    text_only = 1
    print "\n@noindent\nIt prints\n"
    example(read("examples/expected/" file ".txt"))
    text_only = 0
    exercises(read("examples/" file ".c"))
}

function picture(name, text,    begun, svg, path, folder, n, i, width)
{
    printf pictures == "" ? "" : "@ifinfo\n"
    printf "@quotation\n@i{(Picture: %s)}\n@end quotation\n", escaped(text)
    if (pictures == "")
        return
    print "@end ifinfo"
    n = split(pictures, folder, " ")
    for (i = 1; i <= n && (getline svg < (path = folder[i] "/" name ".svg")) < 0; i++)
        continue
    while ((getline svg < path) > 0) {
        if (!begun && svg ~ /<svg/) {
            begun = 1
            printf "@html\n<figure class=\"picture\" role=\"img\" aria-label=\"%s\">\n", escaped_html(text)
        }
        if (match(svg, /width="[0-9]+pt"/))
            width = substr(svg, RSTART + 7)
        gsub(/@/, "\\&#64;", svg)
        if (begun)
            print svg
    }
    close(path)
    if (!begun)
        fail("there is no picture " name ".svg")
    print "</figure>\n@end html"
    printf "@iftex\n@center @image{%s%s}\n@end iftex\n", name, (width + 0 > 460 ? ",16cm" : "")
}

/^@pull / {
    if (pulled && pulled == NR - 1) # Info sets no blank line between two examples
        print ""
    pulled = NR
    n = read($2)
    text_only = $2 ~ /\.txt$/
    if (text_only)
        n = NF == 2 ? n : part_of_text(n, $3)
    else
        n = NF == 2 ? program(n) : $3 == "includes" ? includes(n) : definition(n, $3)
    if (!n)
        fail($2 " has no " $3)
    example(n)
    next
}
/^@pair / { pair($2, $3); next }
/^@lesson / { lesson($2); next }
/^@formula / {
    sub(/^@formula /, "")
    at = index($0, " == ")
    printf "@tex\n$$%s$$\n@end tex\n@ifnottex\n@display\n%s\n@end display\n@end ifnottex\n", substr($0, 1, at - 1),
           substr($0, at + 4)
    next
}
/^@picture / {
    sub(/^@picture /, "")
    at = index($0, " ")
    picture(substr($0, 1, at - 1), substr($0, at + 1))
    next
}
{ print }

END { exit failed }
