# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# call_sites.awk HEADER...: writes a macro with the name of each function that can fail; the macro notes the place of
# the call. The list `plain` names functions that cannot fail, or that do not call fr_begin (lib/core/error.h) and so
# never use the place. The list `placed` names functions that pass the place on as arguments of NAME_at, which is
# quicker. Functions that return an int or nothing have no macro, except those in the list `noted`.

BEGIN {
    split("fr_ref_at fr_touch fr_equal fr_is_contiguous fr_is_leaf fr_wants_grad fr_grad_enabled " \
          "fr_module_training fr_tensors_at fr_tensors_find fr_sequences_x fr_sequences_lengths " \
          "fr_sequences_labels fr_optim_lr fr_self", list, " ")
    for (i in list)
        plain[list[i]] = 1
    split("fr_optim_add_group fr_optim_add_parameters fr_optim_split fr_scope_begin fr_module_free fr_optim_free " \
          "fr_scheduler_free fr_ema_free fr_loader_free fr_sequences_free fr_tensors_free fr_progress_end fr_train " \
          "fr_optim_zero_grad", others, " ")
    for (i in others)
        noted[others[i]] = 1
    split("fr_ref fr_unref fr_assign", passed, " ")
    for (i in passed)
        placed[passed[i]] = 1
    print "/* Made from the public headers. */"
    print "#ifndef FROND_CALL_SITES_H"
    print "#define FROND_CALL_SITES_H"
    print ""
}

match($0, /^(fr_[a-z]+|bool|double|void|int) \*?/) && match($0, /[ *]fr_[a-z0-9_]+\(/) {
    name = substr($0, RSTART + 1, RLENGTH - 2)
    if (name in placed)
        printf "#define %s(...) %s_at(__VA_ARGS__, __FILE__, __LINE__)\n", name, name
    else if (!(name in plain) && (name in noted || !/^(fr_dtype|fr_meta|fr_shape|void|int) fr_/))
        printf "#define %s(...) (fr_call_site(\"%s\", __FILE__, __LINE__), %s(__VA_ARGS__))\n", name,
               substr(name, 4), name
}

END {
    print ""
    print "#endif"
}
