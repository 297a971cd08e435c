/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The steps of a traced forward once more, by frond's ops, with the values that int8 weights stand for: what the C code
 * will compute, but for rounding. */
#include "export_c/writer.h"

#include <stdlib.h>

typedef struct {
    fr_c_writer *w;
    const fr_c_function *fn;
    fr_tensor **dequantized; /* [constant]; NULL: it is not int8 */
    fr_tensor ***out;        /* [step][output] */
} int8_run;

/* What stands for t in this run. */
static fr_tensor *value_of(const int8_run *r, fr_tensor *t)
{
    const fr_trace *trace = &r->fn->trace;
    const fr_c_buffer *b = fr_c_buffer_of(r->fn, t);
    const fr_step *maker;
    int output;

    if (b->memory == FR_C_CONSTANT)
        return r->dequantized[b->constant] ? r->dequantized[b->constant] : t;
    maker = fr_trace_maker(trace, trace->count, t, &output);
    return maker ? r->out[maker - trace->steps][output] : t;
}

static bool run_step(int8_run *r, size_t i)
{
    const fr_step *s = &r->fn->trace.steps[i];
    fr_tensor **in = calloc((size_t)s->inputs + 1, sizeof *in);
    bool ok;

    r->out[i] = calloc((size_t)s->op->outputs + 1, sizeof **r->out); /* with the op's internal outputs */
    if (!in || !r->out[i]) {
        free(in);
        return fr_c_out_of_memory(r->w);
    }
    for (int k = 0; k < s->inputs; k++)
        in[k] = s->in[k] ? value_of(r, s->in[k]) : NULL;
    ok = fr_apply_n(s->op, in, s->inputs, s->attributes, r->out[i]);
    free(in);
    return ok;
}

static bool dequantize_constants(int8_run *r)
{
    for (size_t i = 0; i < r->w->constant_count; i++)
        if (r->w->constants[i].int8 && !(r->dequantized[i] = fr_c_dequantized(r->w, &r->w->constants[i])))
            return false;
    return true;
}

fr_tensor *fr_c_int8_forward(fr_c_writer *w, const fr_c_function *fn)
{
    int8_run r = { w, fn, calloc(w->constant_count + 1, sizeof *r.dequantized),
                   calloc(fn->trace.count + 1, sizeof *r.out) };
    fr_tensor *y = NULL;
    bool ok = r.dequantized && r.out;

    if (!ok)
        fr_c_out_of_memory(w);
    ok = ok && dequantize_constants(&r);
    for (size_t i = 0; i < fn->trace.count && ok; i++)
        if (fn->steps[i].live)
            ok = run_step(&r, i);
    if (ok)
        y = value_of(&r, fn->y);
    for (size_t i = 0; r.out && i < fn->trace.count; i++)
        free(r.out[i]);
    for (size_t i = 0; r.dequantized && i < w->constant_count; i++)
        fr_unref(r.dequantized[i]);
    free(r.out);
    free(r.dequantized);
    return y;
}
