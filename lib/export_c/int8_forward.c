/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A traced forward run again with rounded weights. */
#include "export_c/writer.h"

#include <stdlib.h>

typedef struct {
    fr_c_writer *w;
    const fr_c_function *p;
    fr_tensor **rounded; /* of each constant in int8 */
    fr_tensor ***out;    /* of each step */
} replay;

static fr_tensor *value_of(const replay *r, fr_tensor *t)
{
    const fr_trace *trace = &r->p->trace;
    const fr_c_buffer *b = fr_c_buffer_of(r->p, t);
    const fr_step *maker;
    int output;

    if (b->kind == FR_C_CONSTANT)
        return r->rounded[b->constant] ? r->rounded[b->constant] : t;
    maker = fr_trace_maker(trace, trace->count, t, &output);
    return maker ? r->out[maker - trace->steps][output] : t;
}

static bool run_step(replay *r, size_t i)
{
    const fr_step *s = &r->p->trace.steps[i];
    fr_tensor **in = calloc((size_t)s->inputs + 1, sizeof *in);
    bool ok;

    r->out[i] = calloc((size_t)s->op->outputs + 1, sizeof **r->out); /* internal ones too are set */
    if (!in || !r->out[i]) {
        free(in);
        return *fr_c_out_of_memory(r->w) != '\0';
    }
    for (int k = 0; k < s->inputs; k++)
        in[k] = s->in[k] ? value_of(r, s->in[k]) : NULL;
    ok = fr_apply_n(s->op, in, s->inputs, s->attributes, r->out[i]);
    free(in);
    return ok;
}

static bool round_constants(replay *r)
{
    for (size_t i = 0; i < r->w->constant_count; i++)
        if (r->w->constants[i].int8 && !(r->rounded[i] = fr_c_dequantized(r->w, &r->w->constants[i])))
            return false;
    return true;
}

fr_tensor *fr_c_int8_forward(fr_c_writer *w, const fr_c_function *p)
{
    replay r = { w, p, calloc(w->constant_count + 1, sizeof *r.rounded), calloc(p->trace.count + 1, sizeof *r.out) };
    fr_tensor *y = NULL;
    bool ok = r.rounded && r.out;

    if (!ok)
        fr_c_out_of_memory(w);
    ok = ok && round_constants(&r);
    for (size_t i = 0; i < p->trace.count && ok; i++)
        if (p->steps[i].live)
            ok = run_step(&r, i);
    if (ok)
        y = value_of(&r, p->y);
    for (size_t i = 0; r.out && i < p->trace.count; i++)
        free(r.out[i]);
    for (size_t i = 0; r.rounded && i < w->constant_count; i++)
        fr_unref(r.rounded[i]);
    free(r.out);
    free(r.rounded);
    return y;
}
