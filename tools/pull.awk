# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# pull.awk -v top=FOLDER -v pictures=FOLDERS CHAPTER: writes a chapter of the manual with what these lines of it ask for.
#
#     @pull FILE.c             a program, from its first include on
#     @pull FILE.c NAME        the function, struct or table NAME, with the comment above it
#     @pull FILE.txt [NAME]    text; of several parts the one that follows the line "== NAME"
#     @pair FILE NAME          the bodies of the function NAME in FILE.py and FILE.c, side by side
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

# From the first include on, or all.
function program(n,    i)
{
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

# The last blank of s before column width that is in no string; 0 if there is none after the indentation.
function break_at(s, width,    i, c, quoted, found, indented)
{
    match(s, /^ */)
    indented = RLENGTH
    for (i = 1; i <= width; i++) {
        c = substr(s, i, 1)
        if (c == "\\")
            i++
        else if (c == "\"")
            quoted = !quoted
        else if (c == " " && !quoted && i > indented + 1)
            found = i
    }
    return found
}

# Breaks lines at `width`; returns the new number of lines.
function broken(n, width,    i, k, at, indent, out, s)
{
    for (i = 1; i <= n; i++) {
        s = line[i]
        match(s, /^ */)
        indent = sprintf("%" (RLENGTH + 8) "s", "")
        if (s ~ /^ *\/?\*/)
            indent = s ~ /^ *\/\*/ ? sprintf("%" (RLENGTH + 3) "s", "") : sprintf("%" RLENGTH "s* ", "")
        while (length(s) > width && (at = break_at(s, width))) {
            out[++k] = substr(s, 1, at - 1)
            s = indent substr(s, at + 1)
        }
        out[++k] = s
    }
    for (i = 1; i <= k; i++)
        line[i] = out[i]
    return k
}

function example(n,    i)
{
    n = broken(n, WIDTH)
    print "@smallexample"
    for (i = 1; i <= n; i++)
        print escaped(line[i])
    print "@end smallexample"
}

function pair(file, name,    n, i, left, count, html, widest)
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
    for (i = 1; i <= n; i++)
        html = html escaped_html(line[i]) "\n"
    printf "@html\n<div class=\"pair\"><pre class=\"example\">\n%s</pre></div>\n@end html\n", html
    print "@ifnothtml\n@smallexample"
    n = broken(n, WIDTH - widest - 3)
    for (i = 1; i <= n || i <= count; i++)
        print escaped(sprintf("%-" widest "s | %s", i <= count ? left[i] : "", i <= n ? line[i] : ""))
    print "@end smallexample\n@end ifnothtml"
}

function picture(name, text,    begun, svg, path, folder, n, i)
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
        gsub(/@/, "\\&#64;", svg)
        if (begun)
            print svg
    }
    close(path)
    if (!begun)
        fail("there is no picture " name ".svg")
    print "</figure>\n@end html"
    printf "@iftex\n@center @image{%s,14cm}\n@end iftex\n", name
}

/^@pull / {
    n = read($2)
    if ($2 ~ /\.txt$/)
        n = NF == 2 ? n : part_of_text(n, $3)
    else
        n = NF == 2 ? program(n) : definition(n, $3)
    if (!n)
        fail($2 " has no " $3)
    example(n)
    next
}
/^@pair / { pair($2, $3); next }
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
