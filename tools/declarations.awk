# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# declarations.awk reads public headers for the script that is run with it, awk -f declarations.awk -f SCRIPT HEADER...
# It calls the script's function declaration(text) for each prototype, typedef and enum, on one line, without comments
# and the semicolon: "fr_tensor *fr_permute(fr_tensor *t, const int *dims)".

# The line without comments. in_comment: the line begins within one.
function without_comments(line,    at)
{
    while (in_comment || (at = index(line, "/*"))) {
        if (!in_comment) {
            before = before substr(line, 1, at - 1) " "
            line = substr(line, at + 2)
            in_comment = 1
        }
        if (!(at = index(line, "*/")))
            return
        line = substr(line, at + 2)
        in_comment = 0
    }
    before = before line
}

{
    before = ""
    without_comments($0)
    line = before
}

# A preprocessor directive, and its continuation lines.
in_directive || line ~ /^[ \t]*#/ {
    in_directive = line ~ /\\$/
    next
}

line ~ /^FR_(BEGIN|END)_DECLS/ { next }

{
    statement = statement " " line
    braces += gsub(/\{/, "{", line) - gsub(/\}/, "}", line)
    if (braces > 0)
        next
    if (statement ~ /;[ \t]*$/) {
        gsub(/[ \t]+/, " ", statement)
        sub(/^ /, "", statement)
        sub(/ ?; ?$/, "", statement)
        declaration(statement)
        statement = ""
    } else if (statement ~ /\}[ \t]*$/) { # a function with its body
        statement = ""
    }
}

# The name of the function that is declared, or "".
function function_name(text)
{
    if (text ~ /^(typedef|enum|struct|template|static|inline) / || !match(text, /[ *]fr_[a-z0-9_]+\(/))
        return ""
    return substr(text, RSTART + 1, RLENGTH - 2)
}

# Fills list[1] ... with the parameters of a function and returns their number: "fr_tensor *t", "const int *dims".
function parameters(text, list,    inner)
{
    inner = text
    sub(/^[^(]*\(/, "", inner)
    sub(/\)( FR_[A-Z_]+(\([^()]*\))?)*$/, "", inner)
    return inner == "void" ? 0 : split(inner, list, /, /)
}
