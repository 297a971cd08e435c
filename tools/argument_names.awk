# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# awk -f declarations.awk -f argument_names.awk HEADER...: writes the table of the names of each function's tensors,
# "x weight bias", in the order of its parameters; "ts[]" is an array of them.

BEGIN {
    print "/* Made from <frond/ops.h>. */"
    print "#include \"graph/argument_name.h\""
    print ""
    print "const fr_argument_names fr_argument_table[] = {"
}

function declaration(text,    name, list, n, names, i)
{
    name = function_name(text)
    if (name == "")
        return
    n = parameters(text, list)
    for (i = 1; i <= n; i++)
        if (match(list[i], /^(const )?fr_tensor \*(const \*)?/))
            names = names " " substr(list[i], RLENGTH + 1) (list[i] ~ /\*const \*/ ? "[]" : "")
    if (names != "")
        printf "    { \"%s\", \"%s\" },\n", substr(name, 4), substr(names, 2)
}

END {
    print "    { NULL, NULL },"
    print "};"
}
