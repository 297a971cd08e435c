# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# call_sites.awk HEADER...: writes a macro with the name of each function that can fail; the macro notes the place of
# the call. The list `plain` names functions that cannot fail, or that do not call fr_begin (lib/core/error.h) and so
# never use the place. Functions that return an int have no macro, except those in the list `counted`.

BEGIN {
    split("fr_ref fr_touch fr_equal fr_is_contiguous fr_is_leaf fr_wants_grad fr_grad_enabled " \
          "fr_module_training fr_tensors_at fr_tensors_find fr_sequences_x fr_sequences_lengths " \
          "fr_sequences_labels fr_optim_lr fr_self", list, " ")
    for (i in list)
        plain[list[i]] = 1
    split("fr_optim_add_group fr_optim_add_parameters fr_optim_split", ints, " ")
    for (i in ints)
        counted[ints[i]] = 1
    print "/* Made from the public headers. */"
    print "#ifndef FROND_CALL_SITES_H"
    print "#define FROND_CALL_SITES_H"
    print ""
}

match($0, /^(fr_[a-z]+|bool|double|void|int) \*?/) && match($0, /[ *]fr_[a-z0-9_]+\(/) {
    name = substr($0, RSTART + 1, RLENGTH - 2)
    if (!(name in plain) && (name in counted || !/^(fr_dtype|fr_meta|fr_shape|void|int) fr_/))
        printf "#define %s(...) (fr_call_site(\"%s\", __FILE__, __LINE__), %s(__VA_ARGS__))\n", name,
               substr(name, 4), name
}

END {
    print ""
    print "#endif"
}
