/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Inside a module, and what layers are made with. */
#ifndef FROND_NN_MODULE_H
#define FROND_NN_MODULE_H

#include "core/random.h"
#include "graph/trace.h"

#include <frond/nn.h>
#include <stddef.h>

enum { FR_MODULE_DEPTH = 256 }; /* levels of a tree of modules, so that walking it may recurse */

struct fr_module {
    fr_module_path *path;
    const char *type, *name; /* the path's; name: under which the parent has it */
    char *description;       /* or NULL */
    fr_forward_function *forward;
    bool training;
    int height; /* levels below, at most */

    fr_module *parent; /* NULL: belongs to its user */
    size_t index;      /* among the parent's children */

    fr_named_tensor *tensors; /* parameters first, then buffers; each in order of creation; a reference to each */
    size_t parameter_count, tensor_count, tensor_capacity;
    fr_module **children;
    size_t child_count, child_capacity;

    /* state.c: what fr_module_parameters and fr_module_state gave out; NULL: to be made. names: all full names. */
    fr_tensor **parameters;
    fr_named_tensor *state;
    char *names;
    int parameters_listed, state_listed;

    struct fr_module_hooks *hooks; /* hooks.c; NULL: none was ever put on */
    void (*release)(void *memory); /* NULL, or what frees what the memory refers to */
    size_t size;                   /* of memory */
    max_align_t memory[];
};

/* --- module.c: what, as everywhere, is the public function that is at work -----------------------------------------
 */

/* Whether t may be a parameter: no history, floating; fails naming it otherwise. */
bool fr_check_parameter(const char *what, const char *name, const fr_tensor *t);
/* m's child of the name that the first length characters of name are; NULL: there is none. */
fr_module *fr_module_child(const fr_module *m, const char *name, size_t length);
/* Whether the name stands for a child, parameter or buffer of m. */
bool fr_module_has(const fr_module *m, const char *name);
/* Gives child to m. On failure child is as before. */
bool fr_module_adopt(const char *what, fr_module *m, const char *name, fr_module *child);
/* Holds t, which is fit to be that, as a parameter or buffer. */
bool fr_module_hold(const char *what, fr_module *m, const char *name, fr_tensor *t, bool buffer);
/* m and all below, whatever its parent. NULL is fine. */
void fr_module_destroy(fr_module *m);
/* m with that description; NULL, m being freed, where it fails. NULL passes through. */
fr_module *fr_module_described(fr_module *m, const char *text);
/* The module after m in root's tree, each before its children, from root itself on; NULL at the end. */
fr_module *fr_module_next(const fr_module *root, const fr_module *m);

/* --- hooks.c ------------------------------------------------------------------------------------------------------ */

/* m's forward function of x, with m's hooks. */
fr_tensor *fr_module_call(fr_module *m, fr_tensor *x);
void fr_module_hooks_free(fr_module *m);

/* Until the innermost scope ends m is at work. */
static inline void fr_module_enter(fr_thread *th, const fr_module *m)
{
    th->module_path = m->path;
}
/* ... and has given y. Returns y. */
static inline fr_tensor *fr_module_leave(fr_thread *th, const fr_module *m, fr_tensor *y)
{
    if (FR_UNLIKELY(th->graph->trace != NULL) && y)
        fr_trace_result(th, m->path, y);
    return y;
}

/* --- evaluation.c ------------------------------------------------------------------------------------------------- */

typedef struct {
    fr_module *m;
    bool *training; /* flags of m and all below */
    int no_grad;
    fr_generator generator;
} fr_evaluation;
/* From here on m is in evaluation and nothing is recorded; end puts back that and the generator. False with an error,
 * nothing having changed. m's tree stays as it is in between. */
bool fr_evaluation_begin(const char *what, fr_module *m, fr_evaluation *e);
void fr_evaluation_end(fr_evaluation *e);

/* --- state.c ------------------------------------------------------------------------------------------------------ */

/* Drops the lists of m and of all modules that it is part of. */
void fr_module_forget_lists(fr_module *m);
void fr_module_free_lists(fr_module *m);

/* --- init.c ------------------------------------------------------------------------------------------------------- */

/* A new parameter of m, of the default dtype, or a new buffer; borrowed from m. From U(-bound, bound); from N(0,1); all
 * of one value. */
fr_tensor *fr_uniform_parameter(const char *what, fr_module *m, const char *name, fr_shape shape, double bound);
fr_tensor *fr_normal_parameter(const char *what, fr_module *m, const char *name, fr_shape shape);
fr_tensor *fr_constant_parameter(const char *what, fr_module *m, const char *name, fr_shape shape, double value);
fr_tensor *fr_constant_buffer(const char *what, fr_module *m, const char *name, fr_shape shape, fr_dtype dtype,
                              double value);

/* The parameters weight, of a shape (out,in,...), and, where bias is not NULL, bias (out), as PyTorch's Linear and
 * convolutions draw them. */
bool fr_weight_and_bias(const char *what, fr_module *m, fr_shape shape, fr_tensor **weight, fr_tensor **bias);

/* Whether t may be written in place: floating, no history, no value twice. */
bool fr_can_initialise(const char *what, const fr_tensor *t);

/* --- containers.c ------------------------------------------------------------------------------------------------- */

/* Ends scope and opens one that holds y alone, so that of all results on the way the latest alone is alive. */
int fr_start_over_with(fr_tensor *y, int scope);

/* --- linear.c ----------------------------------------------------------------------------------------------------- */

/* A linear layer that is printed as of another type. */
fr_module *fr_linear_new(const char *what, const char *type, int64_t in, int64_t out, bool bias);

/* --- attention.c -------------------------------------------------------------------------------------------------- */

/* Whether embed can be split among heads, and neither is too large; the error calls them by these names. */
bool fr_check_heads(const char *what, const char *embed_name, int64_t embed, const char *heads_name, int64_t heads);
fr_module *fr_attention_new(const char *what, int64_t embed, int64_t heads, const fr_multihead_attention_options *o);

/* --- print.c ------------------------------------------------------------------------------------------------------ */

enum { FR_NUMBER_TEXT = 40 };
/* Writes "0.5", "1.0" or "1e-05", as Python prints a float, and returns text. */
const char *fr_number_text(double number, char text[FR_NUMBER_TEXT]);

/* --- dropout.c ---------------------------------------------------------------------------------------------------- */

/* Whether p lies in [0, 1]; fails otherwise. */
bool fr_check_dropout(const char *what, double p);

#endif
