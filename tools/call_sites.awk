# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# awk -f declarations.awk -f call_sites.awk HEADER...: writes a macro with the name of each function that can fail; the
# macro notes the place of the call. The list `plain` names functions that cannot fail, or that do not call fr_begin
# (lib/core/error.h) and so never use the place. The list `placed` names functions that pass the place on as arguments
# of NAME_at, which is quicker. Functions that return an int or nothing have no macro, except those in the list `noted`.
# In C the macro of a function that has a twin, NAME_sized, calls it with the size of the array.

BEGIN {
    split("fr_ref_at fr_touch fr_equal fr_is_contiguous fr_is_leaf fr_wants_grad fr_grad_enabled " \
          "fr_module_training fr_tensors_at fr_tensors_find fr_sequences_x fr_sequences_lengths " \
          "fr_sequences_labels fr_optim_lr fr_loader_weight fr_self", list, " ")
    for (i in list)
        plain[list[i]] = 1
    split("fr_optim_add_group fr_optim_add_parameters fr_optim_split fr_scope_begin fr_module_free fr_optim_free " \
          "fr_scheduler_free fr_ema_free fr_dataset_free fr_loader_free fr_sequences_free fr_tensors_free " \
          "fr_progress_end fr_train fr_optim_zero_grad fr_split fr_split_with_sizes fr_chunk fr_unbind " \
          "fr_meshgrid", others, " ")
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

# The note of the call, then the call itself.
function body(name, call)
{
    return "(fr_call_site(\"" substr(name, 4) "\", __FILE__, __LINE__), " call ")"
}

function declaration(text,    name)
{
    name = function_name(text)
    if (name ~ /_sized$/)
        twin[substr(name, 1, length(name) - 6)] = text
    else if (name in placed || name in noted || name != "" && !(name in plain) &&
             text !~ /^(fr_dtype|fr_meta|fr_shape|void|int) fr_/ && text ~ /^(fr_[a-z]+|bool|double|void) \*?/)
        names[++n] = name
}

function parameter_name(text)
{
    sub(/.*[ *]/, "", text)
    return text
}

# Writes the macro of a function with a twin. An array may be a literal with commas, so it cannot be a parameter of its
# own, but in (shape, array) and (array, x) the compiler finds it.
function write_sized(name,    list, count, at, i, lead, array)
{
    count = parameters(twin[name], list) # list[1] is the size
    for (at = 2; list[at] !~ /\*/ || list[at] ~ /^fr_tensor /; at++)
        lead = lead parameter_name(list[at]) ", "
    array = "__VA_ARGS__"
    if (count == 3 && list[2] ~ /^fr_shape /) {
        lead = ""
        array = "__builtin_choose_expr(0, __VA_ARGS__)"
    } else if (count == at + 1) {
        array = "__builtin_choose_expr(1, __VA_ARGS__)"
    } else if (count > at + 1) {
        array = parameter_name(list[at])
        lead = lead array ", "
    }
    print "#ifdef __cplusplus"
    print "#define " name "(...) " body(name, name "(__VA_ARGS__)")
    print "#else"
    print "#define " name "(" lead "...) \\"
    print "    " body(name, name "_sized(FR_SIZE_OF_(" array "), " lead "__VA_ARGS__)")
    print "#endif"
}

END {
    for (i = 1; i <= n; i++)
        if (names[i] in twin)
            write_sized(names[i])
        else if (names[i] in placed)
            print "#define " names[i] "(...) " names[i] "_at(__VA_ARGS__, __FILE__, __LINE__)"
        else
            print "#define " names[i] "(...) " body(names[i], names[i] "(__VA_ARGS__)")
    print ""
    print "#endif"
}
