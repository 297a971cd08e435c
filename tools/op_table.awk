# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# op_table.awk FILE...: writes the table of all ops, sorted by name, from the files that define them.

/^const fr_op fr_[a-z0-9_]+_op = \{/ {
    name = substr($3, 4, length($3) - 6) # without fr_ and _op
    for (i = n++; i > 0 && names[i] > name; i--)
        names[i + 1] = names[i]
    names[i + 1] = name
}

END {
    print "/* Made from op_sources. */"
    print "#include \"ops/op.h\""
    print ""
    for (i = 1; i <= n; i++)
        printf "extern const fr_op fr_%s_op;\n", names[i]
    print ""
    print "const fr_op *const fr_op_table[] = {"
    for (i = 1; i <= n; i++)
        printf "    &fr_%s_op,\n", names[i]
    print "    NULL,"
    print "};"
}
