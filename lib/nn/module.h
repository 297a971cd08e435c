/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Modules from inside, and what layers are made with. The argument `what` is the name of the public function at work,
 * for errors. */
#ifndef FROND_NN_MODULE_H
#define FROND_NN_MODULE_H

#include "core/random.h"
#include "graph/trace.h"

#include <frond/nn.h>
#include <stddef.h>

enum { FR_MODULE_DEPTH = 256 }; /* levels of a tree of modules: few enough to walk it by recursion */

struct fr_module {
    fr_life life;
    fr_module_path *path;
    const char *type, *name; /* owned by path; name: that of the child in its parent */
    char *description;       /* may be NULL */
    fr_forward_function *forward;
    bool training;
    int height; /* the number of levels below it */

    fr_module *parent; /* NULL: the user owns the module */
    size_t index;      /* in the parent's children */

    fr_named_tensor *tensors; /* references: the parameters, then the buffers, each in order of creation */
    size_t parameter_count, tensor_count, tensor_capacity;
    fr_module **children;
    size_t child_count, child_capacity;

    /* state_dict.c: what fr_module_parameters and fr_module_state return, and its full names. NULL: not made yet. */
    fr_tensor **parameters;
    fr_named_tensor *state;
    char *names;
    int parameters_listed, state_listed;

    struct fr_module *parametrizations; /* parametrize.c: the child of that name; NULL: none of its making */
    struct fr_module_hooks *hooks;      /* hooks.c; NULL: it never had any */
    void (*release)(void *memory);      /* frees what the memory refers to; may be NULL */
    size_t size;                        /* of memory */
    max_align_t memory[];
};

/* --- module.c ----------------------------------------------------------------------------------------------------- */

/* The end of making a module: returns m if ok; else frees m, which may be NULL, and returns NULL. */
fr_module *fr_module_finish(fr_module *m, bool ok);
/* True if t may be a parameter: a leaf of a floating dtype. Fails otherwise. */
bool fr_check_parameter(const char *what, const char *name, const fr_tensor *t);
/* The child whose name is the first length characters of name; NULL if there is none. */
fr_module *fr_module_child(const fr_module *m, const char *name, size_t length);
/* True if m has a child, parameter or buffer of that name. */
bool fr_module_has(const fr_module *m, const char *name);
/* Makes child, which has no parent, a child of m. On failure it is as before. */
bool fr_module_adopt(const char *what, fr_module *m, const char *name, fr_module *child);
/* The same for a child that was just made. On failure, and for NULL, returns NULL; child is freed. */
fr_module *fr_module_adopt_new(const char *what, fr_module *m, const char *name, fr_module *child);
/* Adds t to m as a parameter or buffer, without checks. */
bool fr_module_register(const char *what, fr_module *m, const char *name, fr_tensor *t, bool buffer);
/* Takes m's tensor number i out of its list. */
void fr_module_take_out(fr_module *m, size_t i);
/* Takes m from its parent and frees it. */
void fr_module_drop_child(fr_module *m);
/* Frees m and all below, even if m has a parent. NULL is fine, and so is one that was released. */
void fr_module_destroy(fr_module *m);
/* The module after m in the tree of root, in preorder: root comes first, each module before its children. NULL after
 * the last. */
fr_module *fr_module_next(const fr_module *root, const fr_module *m);

/* --- hooks.c ------------------------------------------------------------------------------------------------------ */

/* Calls m's forward function and m's hooks, of which there must have been some. */
fr_tensor *fr_module_call_with_hooks(fr_module *m, fr_tensor *x);
void fr_module_hooks_free(fr_module *m);

/* --- parametrize.c ------------------------------------------------------------------------------------------------ */

/* From here to the end of the innermost scope, ops take the computed values of those parameters of m that are computed.
 * False with an error. */
bool fr_module_compute_parameters(fr_thread *th, fr_module *m);

/* --- Around each run of a module ---------------------------------------------------------------------------------- */

/* Says that m runs, to the end of the innermost scope. False with an error if its parameters cannot be computed. */
static inline bool fr_module_enter(fr_thread *th, fr_module *m)
{
    th->module_path = m->path;
    return FR_LIKELY(!m->parametrizations) || fr_module_compute_parameters(th, m);
}

/* Says, for a trace, that its result is y. Returns y. */
static inline fr_tensor *fr_module_leave(fr_thread *th, const fr_module *m, fr_tensor *y)
{
    if (FR_UNLIKELY(th->trace != NULL) && y)
        fr_trace_result(th, m->path, y);
    return y;
}

/* --- functional_call.c -------------------------------------------------------------------------------------------- */

/* Room for n pairs, zeros. The innermost scope holds it. It works once it is th->stand_ins, until that scope ends. */
struct fr_stand_ins *fr_stand_ins_new(const char *what, int n);

/* --- clone.c ------------------------------------------------------------------------------------------------------ */

/* True if a word of m's memory is the address of t. */
bool fr_module_points_to(const fr_module *m, const fr_tensor *t);

/* --- eval_mode.c -------------------------------------------------------------------------------------------------- */

typedef struct {
    fr_module *m;
    bool *training; /* the flags of m and all below */
    int no_grad;
    fr_generator generator;
} fr_eval_mode;
/* Puts m in eval mode and stops recording, until end restores both, and the generator. m's tree must not change in
 * between. False, with an error and nothing changed, if memory runs out. */
bool fr_eval_mode_begin(const char *what, fr_module *m, fr_eval_mode *e);
void fr_eval_mode_end(fr_eval_mode *e);

/* --- state_dict.c ------------------------------------------------------------------------------------------------- */

/* Frees the lists of m and of all modules around it, because something was added to m. */
void fr_module_forget_lists(fr_module *m);
void fr_module_free_lists(fr_module *m);
/* Where the tensor of that full name is, and in *owner whose it is. NULL with an error if there is none. */
fr_named_tensor *fr_module_entry(const char *what, fr_module *m, const char *name, fr_module **owner);

/* --- module_values.c ---------------------------------------------------------------------------------------------- */

/* Copies parameters and buffers; fails, and changes nothing, unless names, shapes and dtypes are the same. */
bool fr_module_copy_values(const char *what, fr_module *into, fr_module *from);

/* --- batch_norm.c ------------------------------------------------------------------------------------------------ */

/* From now on the batch norms in m take their statistics over several processes in training: sum adds a tensor over
 * them, as an op; NULL: over the values of this one alone. */
void fr_batch_norm_share(fr_module *m, fr_tensor *(*sum)(fr_tensor *t));

/* --- init.c ------------------------------------------------------------------------------------------------------- */

/* A new parameter of m, of the default dtype, or a new buffer: from U(-bound, bound), from N(0,1), or filled with
 * value. Borrowed from m; NULL with an error. */
fr_tensor *fr_uniform_parameter(const char *what, fr_module *m, const char *name, fr_shape shape, double bound);
fr_tensor *fr_normal_parameter(const char *what, fr_module *m, const char *name, fr_shape shape);
fr_tensor *fr_constant_parameter(const char *what, fr_module *m, const char *name, fr_shape shape, double value);
fr_tensor *fr_constant_buffer(const char *what, fr_module *m, const char *name, fr_shape shape, fr_dtype dtype,
                              double value);

/* New parameters "weight" and, unless bias is NULL, "bias" (out), drawn as PyTorch draws those of Linear and Conv. */
bool fr_weight_and_bias(const char *what, fr_module *m, fr_shape shape, int64_t out, fr_tensor **weight,
                        fr_tensor **bias);

/* True if t may be initialised in place: a leaf of a floating dtype and no expanded view. Fails otherwise. */
bool fr_can_initialise(const char *what, const fr_tensor *t);

/* --- containers.c ------------------------------------------------------------------------------------------------- */

/* Between layers: ends scope and opens one that holds only y, so that earlier results die. Returns the new scope. */
int fr_scope_restart(int scope, fr_tensor *y);

/* --- linear.c ----------------------------------------------------------------------------------------------------- */

/* A linear layer whose type is printed as given. */
fr_module *fr_linear_new(const char *what, const char *type, int64_t in, int64_t out, bool bias);

/* --- attention.c -------------------------------------------------------------------------------------------------- */

/* True if heads divides embed and neither is too large. Fails otherwise, calling them by these names. */
bool fr_check_heads(const char *what, const char *embed_name, int64_t embed, const char *heads_name, int64_t heads);
fr_module *fr_attention_new(const char *what, int64_t embed, int64_t heads, const fr_multihead_attention_options *o);

/* --- print.c ------------------------------------------------------------------------------------------------------ */

enum { FR_NUMBER_TEXT = 40 };
/* Writes "0.5", "1.0" or "1e-05", as Python prints a float, and returns text. */
const char *fr_number_text(double number, char text[FR_NUMBER_TEXT]);

/* --- dropout.c ---------------------------------------------------------------------------------------------------- */

/* True if p is in [0, 1]. Fails otherwise. */
bool fr_check_dropout(const char *what, double p);

#endif
