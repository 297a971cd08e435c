# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# Run after tools/declarations.awk: for each function of a header that returns tensors, writes a function that draws the
# arguments and calls it, and a table of these functions. So a new op is fuzzed as soon as it has a prototype.
# fuzz_ops.c has a draw for each type of an argument; for a type that it does not know the result does not compile.

BEGIN { print "/* Made from the public headers. */\n" }

function trim(s)
{
    gsub(/^[ \t]+|[ \t]+$/, "", s)
    return s
}

# Writes the function that draws an options struct, once.
function write_options(type,    fields, n, i, names, k, last)
{
    if (type in written)
        return
    written[type] = 1
    n = split(body[type], fields, ";")
    printf "static const %s *draw_%s(program *program_, %s *o)\n", type, type, type
    printf "{\n    bool given;\n\n    *o = (%s){ 0 };\n", type
    print "    draw(program_, &given);\n    if (!given)\n        return NULL;"
    for (i = 1; i <= n; i++) {
        last = split(fields[i], names, ",")
        for (k = 1; k <= last; k++)
            if (match(names[k], /[a-z_]+[ \t]*$/) && names[k] !~ /reserved/)
                printf "    %s(program_, &o->%s);\n", names[k] ~ /lengths/ ? "draw_index" : "draw",
                       trim(substr(names[k], RSTART))
    }
    print "    return o;\n}\n"
}

# Returns the lines that draw one parameter. A list is drawn with its length, which is the next parameter.
function write_draw(parameter,    name, type)
{
    match(parameter, /[a-z_0-9]+$/)
    name = substr(parameter, RSTART)
    type = trim(substr(parameter, 1, RSTART - 1))
    if (type ~ /^const fr_[a-z_0-9]+ \*$/ && type !~ /fr_tensor/) {
        type = substr(type, 7, length(type) - 8)
        options = options " " type
        return sprintf("    %s %s_;\n    const %s *%s = draw_%s(program_, &%s_);\n", type, name, type, name, type, name)
    }
    sub(/^const /, "", type)
    if (type ~ /^(fr_tensor \*const|int64_t|int) \*$/) {
        sub(/(const)? ?\*$/, "", type)
        list = 1
        return sprintf("    %s%s%s[LIST] = { 0 };\n    int n = draw_count(program_);\n\n" \
                       "    for (int i = 0; i < n; i++)\n" \
                       "        draw(program_, &%s[i]);\n", type, type ~ /\*$/ ? "" : " ", name, name)
    }
    if (list && name == "n")
        return ""
    return sprintf("    %s%s%s;\n    %s(program_, &%s);\n", type, type ~ /\*$/ ? "" : " ", name,
                   type ~ /fr_tensor/ && name ~ /^(index|target)$/ ? "draw_index" : "draw", name)
}

function write_call(name, text,    n, i, each, arguments, code)
{
    list = 0
    options = code = arguments = ""
    n = parameters(text, each)
    for (i = 1; i <= n; i++) {
        code = code write_draw(each[i])
        match(each[i], /[a-z_0-9]+$/)
        arguments = arguments (i > 1 ? ", " : "") substr(each[i], RSTART)
    }
    n = split(options, each, " ")
    for (i = 1; i <= n; i++)
        write_options(each[i])
    printf "static void call_%s(program *program_)\n{\n%s", name, code
    printf "    keep(program_, fr_%s(%s));\n}\n\n", name, arguments
    table = table sprintf("    { \"%s\", call_%s },\n", name, name)
}

function declaration(text,    name, type)
{
    if (text ~ /^typedef struct \{/) {
        type = text
        sub(/.*\} /, "", type)
        sub(/[^{]*\{/, "", text)
        sub(/\}.*/, "", text)
        body[type] = text
        return
    }
    name = function_name(text)
    if (text ~ /^(fr_tensor \*|fr_extreme |fr_recurrent )/ && text !~ /\.\.\./ &&
        name != "" && name !~ /_sized$/) # for macros
        write_call(substr(name, 4), text)
}

END {
    print "static const struct {\n    const char *name;\n    void (*call)(program *program_);"
    printf "} calls[] = {\n%s};\n", table
}
