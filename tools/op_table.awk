# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# op_table.awk FILE...: the table of all ops, from the files that define them.

/^const fr_op fr_[a-z0-9_]+_op = \{/ { names[++n] = $3 }

END {
    print "/* Made from op_sources. */"
    print "#include \"ops/op_file.h\""
    print ""
    for (i = 1; i <= n; i++)
        printf "extern const fr_op %s;\n", names[i]
    print ""
    print "const fr_op *const fr_op_table[] = {"
    for (i = 1; i <= n; i++)
        printf "    &%s,\n", names[i]
    print "    NULL,"
    print "};"
}
