# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# awk -f declarations.awk -f argument_table.awk HEADER...: writes, for tests/check_arguments.c, a table of all public
# functions: a call of each with arguments from an array of values, and the kinds and names of its parameters. The kind
# of "fr_tensor *" is fr_tensor_p, that of "fr_tensor *const *" fr_tensor_list, that of "fr_tensor **" fr_tensor_out; a
# pointer to a struct with members that the headers show is a kind STRUCT, with a table of the members.

BEGIN {
    print "/* Made from the public headers. If the compiler does not know KIND_x and as_x, a parameter has a new type:"
    print " * add it to KINDS in tests/check_arguments.c, with its sound and bad values. */"
}

# "const int *dims" -> type "const int *", variable "dims".
function split_declarator(text)
{
    sub(/\[[^]]*\]$/, "", text)
    match(text, /[a-z_A-Z0-9]+$/)
    variable = substr(text, RSTART)
    type = substr(text, 1, RSTART - 1)
    sub(/ $/, "", type)
}

function kind_of(type)
{
    gsub(/^const /, "", type)
    sub(/ \*const \*$/, "_list", type)
    sub(/ \*\*$/, "_out", type)
    sub(/ \*$/, "_p", type)
    return type
}

# Notes the members of a struct: fields[struct] is the text of the table's rows.
function note_struct(text,    name, body, list, n, i, names, m, j, base, depth)
{
    name = text
    sub(/.*\} /, "", name)
    body = text
    sub(/^typedef struct [^{]*\{/, "", body)
    sub(/\}[^}]*$/, "", body)
    n = split(body, list, /;/)
    for (i = 1; i <= n; i++) {
        sub(/^ +/, "", list[i])
        if (list[i] == "")
            continue
        if (match(list[i], /\(\*[a-z_]+\)/)) { # a pointer to a function
            fields[name] = fields[name] row(name, "callback", substr(list[i], RSTART + 2, RLENGTH - 3))
            continue
        }
        m = split(list[i], names, /, */)
        for (j = 1; j <= m; j++) {
            if (j == 1) {
                split_declarator(names[1])
                base = type
            } else {
                split_declarator(names[j])
                type = base
                if (names[j] !~ /^\*/)
                    sub(/ \*$/, "", type)
            }
            fields[name] = fields[name] row(name, variable == "reserved" ? "reserved" : kind_of(type), variable)
        }
    }
}

function row(name, kind, variable)
{
    return "    { offsetof(" name ", " variable "), sizeof(((" name " *)0)->" variable "), KIND_" kind ", \"" \
           variable "\" },\n"
}

function declaration(text,    name)
{
    name = function_name(text)
    if (name != "") {
        prototypes[++count] = text
    } else if (text ~ /^typedef struct ([a-z_]+ )?\{/) {
        note_struct(text)
    } else if (text ~ /^typedef fr_[a-z_]+ fr_[a-z_]+$/) {
        split(text, words, " ")
        alias[words[3]] = words[2]
    }
}

function write_struct(name)
{
    if (name in written)
        return
    written[name] = 1
    print "\nstatic const member members_of_" name "[] = {\n" fields[name] "    { 0 },\n};"
}

function write_call(text,    name, list, n, i, kind, result, call, rows, freed)
{
    name = function_name(text)
    if (text ~ /\.\.\./)
        return # their other arguments depend on the first
    n = parameters(text, list)
    for (i = 1; i <= n; i++) {
        split_declarator(list[i])
        kind = kind_of(type)
        members = "NULL"
        if (kind ~ /_p$/ && substr(kind, 1, length(kind) - 2) in alias)
            kind = alias[substr(kind, 1, length(kind) - 2)] "_p"
        if (kind ~ /_p$/ && substr(kind, 1, length(kind) - 2) in fields) {
            members = substr(kind, 1, length(kind) - 2)
            write_struct(members)
            rows = rows "        { KIND_STRUCT, \"" variable "\", members_of_" members ", sizeof(" members ") },\n"
            call = call (i > 1 ? ", " : "") "v[" i - 1 "].as_STRUCT"
            continue
        }
        rows = rows "        { KIND_" kind ", \"" variable "\", NULL, 0 },\n"
        call = call (i > 1 ? ", " : "") "v[" i - 1 "].as_" kind
    }
    call = name "(" call ")"
    result = substr(text, 1, index(text, name "(") - 1)
    print "\nstatic void call_" name "(value *v)\n{"
    print n ? "" : "    (void)v;"
    if (result == "void ") {
        print "    " call ";"
    } else {
        print "    " result "result = " call ";\n"
        freed = match(text, /FR_FREED_BY\([a-z_]+\)/) ? substr(text, RSTART + 12, RLENGTH - 13) : ""
        if (freed != "")
            print "    if (result)\n        " freed "(result);"
        else
            print "    (void)result;"
    }
    print "}"
    table = table "    { \"" name "\", call_" name ", " n ", {\n" (n ? rows : "        { 0 },\n") "    } },\n"
}

END {
    for (i = 1; i <= count; i++)
        write_call(prototypes[i])
    print "\nstatic const function functions[] = {\n" table "};"
}
