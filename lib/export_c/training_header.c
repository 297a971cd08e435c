/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The text of NAME.h of a training step: what the code is, sizes, types, functions. */
#include "export_c/training.h"

#include <inttypes.h>

/* The comment at the top. */
static void write_about(const fr_c_writer *w, FILE *f, const fr_c_function *train, const fr_c_function *predict)
{
    char x[FR_SHAPE_TEXT], y[FR_SHAPE_TEXT], target[FR_SHAPE_TEXT], type[FR_C_COMMENT];

    fprintf(f,
            "/* Written by frond %s from a module of type %s and its optimiser, %s: a training step. C99; needs libm\n",
            fr_version(), fr_c_comment(w->module_type, type), w->training->optimiser->kind->name);
    fprintf(f, " * alone, allocates nothing, changes nothing but what it is given.\n *\n");
    fprintf(f, " *     x               %s%s, y %s, target %s%s, row-major\n", fr_shape_text(&train->x->shape, x),
            train->x->dtype == FR_I64 ? " int64" : "", fr_shape_text(&predict->y->shape, y),
            fr_shape_text(&train->target->shape, target), train->target->dtype == FR_I64 ? " int64" : "");
    if (w->training->accumulate > 1)
        fprintf(f, " *     a step          after each %" PRId64 " calls of %s_train, whose gradients are added up\n",
                w->training->accumulate, w->name);
    fprintf(f, " *     multiply-adds   %" PRId64 " of %s_predict\n */\n", predict->multiply_adds, w->name);
}

static void write_size(const fr_c_writer *w, FILE *f, const char *what, int64_t bytes, const char *comment)
{
    fprintf(f, "#define %s%s %" PRId64 " /* %s */\n", w->upper_name, what, bytes, comment);
}

static void write_member(const fr_c_writer *w, FILE *f, const fr_c_parameter *p, const char *comment)
{
    fprintf(f, "        %s %s[%" PRId64 "];%s\n", fr_c_type_of(p->t), w->constants[p->constant].name, p->t->numel,
            comment);
}

/* Members for the parameters that have state k; k < 0: for all. */
static void write_members(const fr_c_writer *w, FILE *f, int k, const char *name)
{
    fprintf(f, "    struct {\n");
    for (size_t i = 0; i < w->parameter_count; i++)
        if (k < 0 || w->parameters[i].states >> k & 1)
            write_member(w, f, &w->parameters[i], "");
    fprintf(f, "    } %s;\n", name);
}

/* The parameters, and the buffers that change, that are of this dtype. */
static void write_kept_members(const fr_c_writer *w, FILE *f, fr_dtype dtype, const char *name)
{
    char shape[FR_SHAPE_TEXT], path[FR_C_COMMENT], comment[FR_SHAPE_TEXT + FR_C_COMMENT + 16];

    if (fr_c_kept_bytes(w, dtype) == 0)
        return;
    fprintf(f, "    struct {\n");
    for (size_t i = 0; i < w->kept_count; i++) {
        const fr_c_parameter *p = w->kept[i];

        snprintf(comment, sizeof comment, " /* %s %s */", fr_c_comment(p->path, path),
                 fr_shape_text(&p->t->shape, shape));
        if (p->t->dtype == dtype)
            write_member(w, f, p, comment);
    }
    fprintf(f, "    } %s;\n", name);
}

static void write_types(const fr_c_writer *w, FILE *f, const fr_c_function *train)
{
    const fr_optim_kind *kind = w->training->optimiser->kind;

    fprintf(f, "\n/* Memory of one call of %s_train: nothing is kept there. */\ntypedef struct {\n", w->name);
    fr_c_write_workspace_members(f, "    ", train);
    fprintf(f, "} %s_work;\n\n/* What is learnt, and how far the optimiser is. */\ntypedef struct {\n", w->name);
    write_kept_members(w, f, FR_I64, "counts");
    write_kept_members(w, f, FR_F32, "weights");
    for (int k = 0; k < FR_OPTIM_STATES; k++)
        if (fr_c_has_state(w, k))
            write_members(w, f, k, kind->states[k]);
    if (w->training->accumulate > 1) {
        write_members(w, f, -1, "gradients");
        fprintf(f, "    uint32_t added; /* calls since the last step */\n");
    }
    fr_c_write_carried_members(f, train);
    if (w->draws)
        fprintf(f, "    uint64_t random; /* the generator */\n");
    fprintf(f, "    float lr[%zu]; /* the learning rate of each group of parameters */\n",
            w->training->optimiser->group_count);
    fprintf(f, "    uint32_t steps; /* begun since _init */\n    %s_work work;\n} %s_training;\n", w->name, w->name);
}

static void write_prototypes(const fr_c_writer *w, FILE *f, const fr_c_function *train, const fr_c_function *predict)
{
    const char *n = w->name, *x = fr_c_type_of(train->x);

    fprintf(f, "\n/* The weights, the optimiser and its learning rate as they were exported. Comes first. */\n");
    fprintf(f, "void %s_init(%s_training *s);\n", n, n);
    fprintf(f, "/* %s on x and target. Returns the loss before it. */\n",
            w->training->accumulate > 1 ? "Adds up gradients, and makes a step when enough calls have," : "One step");
    fprintf(f, "float %s_train(%s_training *s, const %s *x, const %s *target);\n", n, n, x,
            fr_c_type_of(train->target));
    fprintf(f, "/* The learning rate of all parameters from the next step on. s->lr has those of the groups. */\n");
    fprintf(f, "void %s_set_lr(%s_training *s, float lr);\n", n, n);
    if (w->draws) {
        fprintf(f, "/* Begins other random numbers: _init does it with 0, so devices need seeds of their own. */\n");
        fprintf(f, "void %s_seed(%s_training *s, uint64_t seed);\n", n, n);
    }
    if (train->carried_count > 0) {
        fprintf(f, "/* The recurrent layers begin with zeros again: the next x does not follow the last one. */\n");
        fprintf(f, "void %s_reset_state(%s_training *s);\n", n, n);
        fprintf(f, "/* What follows the last x of _train, which stays the last one: */\n");
    }
    fprintf(f, "/* The module in evaluation, with the weights as they are now: y, which does not overlap x. */\n");
    fprintf(f, "void %s_predict(const %s_training *s, const %s *x, %s *y);\n", n, n, x, fr_c_type_of(predict->y));
    fprintf(f,
            "/* The weights as a safetensors file of _FILE_BYTES, its size, which is returned: any program that reads\n"
            " * safetensors reads it, and frond's fr_load_into_with takes it, as a part of the module. */\n");
    fprintf(f, "size_t %s_save(const %s_training *s, void *bytes);\n", n, n);
    fprintf(
        f,
        "/* The other way: takes n bytes that %s_save has written, or fr_save_tensors of the same names and\n"
        " * shapes. Returns 0, and changes nothing, if they are something else. The optimiser goes on as it was. */\n",
        n);
    fprintf(f, "int %s_load(%s_training *s, const void *bytes, size_t n);\n", n, n);
}

void fr_c_write_training_header(const fr_c_writer *w, FILE *f, const fr_c_function *train, const fr_c_function *predict,
                                const fr_export_c_report *r)
{
    write_about(w, f, train, predict);
    fprintf(f, "#ifndef %s_H\n#define %s_H\n\n#include <stddef.h>\n#include <stdint.h>\n\n", w->upper_name,
            w->upper_name);
    write_size(w, f, "_CONSTANT_BYTES", r->weight_bytes, "constant arrays: all as it was exported, and frozen weights");
    write_size(w, f, "_WEIGHT_BYTES", r->trained_bytes,
               w->kept_count > w->parameter_count ? "the weights that are trained, and buffers that a step changes"
                                                  : "the weights that are trained");
    if (fr_c_kept_bytes(w, FR_I64) > 0)
        write_size(w, f, "_COUNT_BYTES", fr_c_kept_bytes(w, FR_I64), "of these, those in counts");
    write_size(w, f, "_OPTIMISER_BYTES", r->optimiser_bytes, "the optimiser's state, and gradients that add up");
    if (r->state_bytes > 0)
        write_size(w, f, "_STATE_BYTES", r->state_bytes, "the states of recurrent layers");
    write_size(w, f, "_WORK_BYTES", r->workspace_bytes, "the memory of one call of _train");
    write_size(w, f, "_PREDICT_BYTES", r->predict_bytes, "what _predict has on the stack");
    write_size(w, f, "_FILE_BYTES", r->file_bytes, "what _save writes");
    fputs("\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n", f);
    write_types(w, f, train);
    write_prototypes(w, f, train, predict);
    fputs("\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n", f);
}
