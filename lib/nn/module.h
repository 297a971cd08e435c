/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Inside a module, and what layers are made with. */
#ifndef FROND_NN_MODULE_H
#define FROND_NN_MODULE_H

#include "core/internal.h"

#include <frond/nn.h>
#include <stddef.h>

enum { FR_MODULE_DEPTH = 256 }; /* levels of a tree of modules, so that walking it may recurse */

struct fr_module {
    char *type, *description; /* description: NULL for none */
    fr_forward_function *forward;
    bool training;
    int height; /* levels below, at most */

    fr_module *parent; /* NULL: belongs to its user */
    char *name;        /* under which the parent has it */
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

    size_t size; /* of memory */
    max_align_t memory[];
};

/* --- module.c: what, as everywhere, is the public function that is at work -----------------------------------------
 */

/* Gives child to m. On failure child is as before. */
bool fr_module_adopt(const char *what, fr_module *m, const char *name, fr_module *child);
/* Holds t, which is fit to be that, as a parameter or buffer. */
bool fr_module_hold(const char *what, fr_module *m, const char *name, fr_tensor *t, bool buffer);
/* m and all below, whatever its parent. NULL is fine. */
void fr_module_destroy(fr_module *m);
/* The module after m in root's tree, each before its children, from root itself on; NULL at the end. */
fr_module *fr_module_next(const fr_module *root, const fr_module *m);

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

/* --- print.c ------------------------------------------------------------------------------------------------------ */

enum { FR_NUMBER_TEXT = 40 };
/* Writes "0.5", "1.0" or "1e-05", as Python prints a float, and returns text. */
const char *fr_number_text(double number, char text[FR_NUMBER_TEXT]);

/* --- dropout.c ---------------------------------------------------------------------------------------------------- */

/* Whether p lies in [0, 1]; fails otherwise. */
bool fr_check_dropout(const char *what, double p);

#endif
