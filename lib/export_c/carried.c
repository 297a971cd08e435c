/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The states of recurrent layers that NAME_train carries from one call to the next. In the trace each layer begins with
 * zeros. Here it gets an initial state instead, which lies in the caller's memory, both in its forward and in its
 * backward; at the end of a step the last state takes its place. No gradient goes through it: back-propagation is
 * truncated. */
#include "export_c/training.h"

#include <inttypes.h>
#include <stdlib.h>

/* True if `back` is the backward of step s, whose results it has saved. */
static bool is_backward_of(const fr_step *back, const fr_step *s)
{
    const fr_tensor *out = back->backward && back->op == s->op ? back->in[s->inputs] : NULL;

    return out && out->storage == s->out[0]->storage;
}

/* State k of step i begins with what is carried. */
static bool carry(fr_c_writer *w, fr_c_function *fn, size_t i, int k, size_t layer)
{
    fr_step *s = &fn->trace.steps[i];
    int input = s->op->steps->state[k].input;
    fr_tensor *last = s->out[s->op->steps->state[k].output];
    fr_c_carried *c = &fn->carried[fn->carried_count];
    char path[FR_PATH_TEXT];

    if (s->in[input] || (s->op->steps->reversed && s->op->steps->reversed(s->attributes)))
        return fr_fail(w->where, "training.carry_state: %s in module %s %s", s->op->name,
                       fr_module_path_text(s->module_path, path),
                       s->in[input] ? "has an initial state of its own" : "goes backwards");
    s->in[input] = fr_tensor_alloc(w->where, &last->shape, FR_F32);
    if (!s->in[input])
        return false;
    *c = (fr_c_carried){ .initial = s->in[input],
                         .last = last,
                         .name = fr_c_format(w, "%s%zu", s->op->steps->state[k].name, layer) };
    fn->carried_count++;
    for (size_t j = i + 1; j < fn->trace.count; j++)
        if (is_backward_of(&fn->trace.steps[j], s))
            fn->trace.steps[j].in[input] = fr_ref(c->initial);
    return !w->failed;
}

bool fr_c_find_carried(fr_c_writer *w, fr_c_function *fn)
{
    size_t layer = 0;

    if (!w->training || !w->training->carry_state)
        return true;
    fn->carried = calloc(2 * fn->trace.count + 1, sizeof *fn->carried);
    if (!fn->carried)
        return fr_c_out_of_memory(w);
    for (size_t i = 0; i < fn->trace.count; i++) {
        const fr_op_steps *recurrence = fn->trace.steps[i].backward ? NULL : fn->trace.steps[i].op->steps;

        for (int k = 0; recurrence && k < 2 && recurrence->state[k].name; k++)
            if (!carry(w, fn, i, k, layer))
                return false;
        layer += recurrence != NULL;
    }
    return fn->carried_count > 0 || fr_fail(w->where, "training.carry_state: no recurrent layer has a state");
}

bool fr_c_same_carried(fr_c_writer *w, const fr_c_function *train, const fr_c_function *predict)
{
    bool same = train->carried_count == predict->carried_count;

    for (size_t i = 0; same && i < train->carried_count; i++)
        same = fr_shape_equal(&train->carried[i].initial->shape, &predict->carried[i].initial->shape);
    return same || fr_fail(w->where, "training.carry_state: the module has other recurrent layers in evaluation");
}

int64_t fr_c_carried_bytes(const fr_c_function *train)
{
    int64_t bytes = 0;

    for (size_t i = 0; i < train->carried_count; i++)
        bytes += train->carried[i].initial->numel * (int64_t)sizeof(float);
    return bytes;
}

/* Ends a step: the states are those of the next one. */
bool fr_c_write_carried(fr_c_writer *w, const fr_c_function *train)
{
    for (size_t i = 0; i < train->carried_count; i++) {
        const fr_c_carried *c = &train->carried[i];
        const char *last = fr_c_values(w, c->last);

        fr_c_line(w, "memcpy(s->state.%s, %s, sizeof s->state.%s);", c->name, last, c->name);
    }
    return !w->failed;
}

void fr_c_write_carried_members(FILE *f, const fr_c_function *train)
{
    if (train->carried_count == 0)
        return;
    fprintf(f, "    struct {\n");
    for (size_t i = 0; i < train->carried_count; i++)
        fprintf(f, "        float %s[%" PRId64 "];\n", train->carried[i].name, train->carried[i].initial->numel);
    fprintf(f, "    } state; /* of the recurrent layers, after the last step */\n");
}
