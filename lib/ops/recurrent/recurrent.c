/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What rnn, gru and lstm share: shapes, the call of the kernels, the definition in ops, C, ONNX, and the common part of
 * the public functions. */
#include "ops/recurrent/recurrent.h"

#include "core/recorder.h"

#include <stdlib.h>

/* --- Shapes ------------------------------------------------------------------------------------------------------ */

static bool has_shape(fr_op_call *call, const char *name, int input, int ndim, int64_t dim0, int64_t dim1)
{
    const fr_tensor *t = input < call->inputs ? call->in[input] : NULL;
    fr_shape expected = { ndim, { dim0, dim1 } };
    fr_dtype dtype = input == FR_LENGTHS ? FR_I64 : fr_dtype_of(call->in[FR_X]);
    char got[FR_SHAPE_TEXT], wanted[FR_SHAPE_TEXT];

    if (!t)
        return true;
    if (fr_dtype_of(t) != dtype)
        return fr_op_fail(call, "%s is %s, expected %s", name, fr_dtype_name(fr_dtype_of(t)), fr_dtype_name(dtype));
    return fr_shape_equal(&t->shape, &expected) ||
           fr_op_fail(call, "%s is %s, expected %s", name, fr_shape_text(&t->shape, got),
                      fr_shape_text(&expected, wanted));
}

static int64_t length_at(const fr_tensor *lengths, int64_t b)
{
    return ((const int64_t *)lengths->origin)[fr_offset_of(lengths, b)];
}

static bool lengths_fit(fr_op_call *call, int64_t steps)
{
    const fr_tensor *t = call->in[FR_LENGTHS];

    for (int64_t b = 0; t && b < t->numel; b++) {
        int64_t length = length_at(t, b);

        if (length < 0 || length > steps)
            return fr_op_fail(call, "length %lld of row %lld is outside 0..%lld, the steps of x", (long long)length,
                              (long long)b, (long long)steps);
    }
    return true;
}

/* N: the steps that all rows take together; where it may be done again for other lengths, the most that they can. */
static int64_t steps_taken(const fr_op_call *call)
{
    const fr_tensor *t = fr_thread_self()->recorder ? NULL : call->in[FR_LENGTHS];
    const fr_shape *x = &call->in[FR_X]->shape;
    int64_t sum = 0;

    for (int64_t b = 0; t && b < t->numel; b++)
        sum += length_at(t, b);
    return t ? sum : x->dim[0] * x->dim[1];
}

static void set_meta(fr_meta *m, fr_dtype dtype, int ndim, int64_t dim0, int64_t dim1, int64_t dim2)
{
    m->dtype = dtype;
    m->shape.ndim = ndim;
    m->shape.dim[0] = dim0;
    m->shape.dim[1] = dim1;
    m->shape.dim[2] = dim2;
}

bool fr_recurrent_infer(fr_op_call *call)
{
    const fr_recurrent_attributes *a = call->attributes;
    const fr_shape *x = &call->in[FR_X]->shape, *w = &call->in[FR_W_IH]->shape;
    const fr_tensor *w_hr = call->inputs > FR_W_HR ? call->in[FR_W_HR] : NULL;
    fr_dtype dtype = fr_dtype_of(call->in[FR_X]);
    int g = a->cell->kernel->gates;
    char text[FR_SHAPE_TEXT];

    if (dtype == FR_I64)
        return fr_op_fail(call, "x is int64, expected float32 or float64; use fr_cast");
    if (a->relu && g > 1)
        return fr_op_fail(call, "relu is for rnn alone");
    if (x->ndim != 3 || x->dim[0] < 1)
        return fr_op_fail(call, "x is %s, expected (T, B, I) with T of 1 or more", fr_shape_text(x, text));
    if (w->ndim != 2 || w->dim[0] % g != 0 || w->dim[0] == 0)
        return fr_op_fail(call, "w_ih is %s, expected (%d H, I)", fr_shape_text(w, text), g);
    if (w_hr && w_hr->shape.ndim != 2)
        return fr_op_fail(call, "w_hr is %s, expected (P, H)", fr_shape_text(&w_hr->shape, text));

    int64_t steps = x->dim[0], batch = x->dim[1], hidden = w->dim[0] / g, out = w_hr ? w_hr->shape.dim[0] : hidden;

    if (!(has_shape(call, "w_ih", FR_W_IH, 2, w->dim[0], x->dim[2]) &&
          has_shape(call, "w_hh", FR_W_HH, 2, w->dim[0], out) && has_shape(call, "b_ih", FR_B_IH, 1, w->dim[0], 0) &&
          has_shape(call, "b_hh", FR_B_HH, 1, w->dim[0], 0) && has_shape(call, "h0", FR_H0, 2, batch, out) &&
          has_shape(call, "c0", FR_C0, 2, batch, hidden) && has_shape(call, "w_hr", FR_W_HR, 2, out, hidden) &&
          has_shape(call, "lengths", FR_LENGTHS, 1, batch, 0) && lengths_fit(call, steps)))
        return false;

    int64_t kept = call->recording ? steps_taken(call) : 0;

    set_meta(&call->out[FR_OUT], dtype, 3, steps, batch, out);
    set_meta(&call->out[FR_H], dtype, 2, batch, out, 0);
    if (a->cell->cells_output) {
        set_meta(&call->out[FR_C], dtype, 2, batch, hidden, 0);
        set_meta(&call->out[a->cell->cells_output], dtype, 3, 2, kept, hidden);
    }
    if (a->cell->gates_output)
        set_meta(&call->out[a->cell->gates_output], dtype, 2, kept, a->cell->kernel->width * hidden, 0);
    return true;
}

/* --- The kernels ------------------------------------------------------------------------------------------------- */

static void *data_of(const fr_tensor *t)
{
    return t ? t->origin : NULL;
}

static void *input_of(const fr_op_call *call, int input)
{
    return input < call->inputs ? data_of(call->in[input]) : NULL;
}

/* for_backward: the results hold gates and cells, since a backward follows or runs. rnn's gates are out itself. */
static fr_recurrent_layer layer_of(const fr_op_call *call, bool for_backward)
{
    const fr_recurrent_attributes *a = call->attributes;
    const fr_recurrent_cell *cell = a->cell;
    const fr_shape *x = &call->in[FR_X]->shape, *w_hh = &call->in[FR_W_HH]->shape;

    return (fr_recurrent_layer){
        .cell = cell->kernel,
        .dtype = fr_dtype_of(call->in[FR_X]),
        .relu = a->relu,
        .reverse = a->reverse,
        .steps = x->dim[0],
        .batch = x->dim[1],
        .input = x->dim[2],
        .hidden = w_hh->dim[0] / cell->kernel->gates,
        .out_size = w_hh->dim[1],
        .lengths = input_of(call, FR_LENGTHS),
        .x = input_of(call, FR_X),
        .w_ih = input_of(call, FR_W_IH),
        .w_hh = input_of(call, FR_W_HH),
        .b_ih = input_of(call, FR_B_IH),
        .b_hh = input_of(call, FR_B_HH),
        .h0 = input_of(call, FR_H0),
        .c0 = input_of(call, FR_C0),
        .w_hr = input_of(call, FR_W_HR),
        .out = data_of(call->result[FR_OUT]),
        .h = data_of(call->result[FR_H]),
        .c = cell->cells_output ? data_of(call->result[FR_C]) : NULL,
        .gates = for_backward || cell->gates_output == FR_OUT ? data_of(call->result[cell->gates_output]) : NULL,
        .cells = for_backward && cell->cells_output ? data_of(call->result[cell->cells_output]) : NULL,
    };
}

void fr_recurrent_forward_kernel(fr_op_call *call)
{
    fr_recurrent_layer layer = layer_of(call, call->recording);

    if (!fr_recurrent_layer_forward(&layer))
        fr_op_fail(call, "out of memory");
}

static void *wanted(const fr_op_call *call, int input)
{
    return input < call->inputs && call->needs[input] ? call->grad_in[input]->origin : NULL;
}

void fr_recurrent_backward_kernel(fr_op_call *call)
{
    fr_recurrent_layer layer = layer_of(call, true);
    fr_recurrent_gradients gradients = {
        .out = data_of(call->grad_out[FR_OUT]),
        .h = data_of(call->grad_out[FR_H]),
        .c = layer.cell->has_c ? data_of(call->grad_out[FR_C]) : NULL,
        .x = wanted(call, FR_X),
        .w_ih = wanted(call, FR_W_IH),
        .w_hh = wanted(call, FR_W_HH),
        .b_ih = wanted(call, FR_B_IH),
        .b_hh = wanted(call, FR_B_HH),
        .h0 = wanted(call, FR_H0),
        .c0 = wanted(call, FR_C0),
        .w_hr = wanted(call, FR_W_HR),
    };

    if (!fr_recurrent_layer_backward(&layer, &gradients))
        fr_op_fail(call, "out of memory");
}

/* --- The definition ---------------------------------------------------------------------------------------------- */

fr_tensor *fr_recurrent_gate(fr_tensor *z, int64_t hidden, int k)
{
    return fr_slice(z, 1, k * hidden, (k + 1) * hidden, 1);
}

static fr_tensor *initial(fr_tensor *given, const fr_tensor *x, int64_t size)
{
    fr_tensor *zeros;

    if (given)
        return given;
    zeros = fr_tensor_alloc("recurrent", &(fr_shape){ 2, { x->shape.dim[1], size } }, fr_dtype_of(x));
    if (zeros)
        memset(zeros->origin, 0, zeros->storage->bytes);
    fr_note_constant(fr_thread_self(), zeros);
    return fr_hold("recurrent", zeros);
}

/* The state after step t; of a row whose steps have ended it is the one before. */
static fr_tensor *choose(fr_tensor *active, fr_tensor *after, fr_tensor *before)
{
    return active ? fr_where(active, after, before) : after;
}

/* w x + b; with a gain LN(w x) gain + b, normalised over each block of gates. */
static fr_tensor *sums(const fr_recurrent_cell *cell, fr_tensor *x, fr_tensor *w, fr_tensor *b, fr_tensor *gain)
{
    fr_tensor *z = fr_linear(x, w, gain ? NULL : b), *parts[2];
    int64_t hidden = fr_dim(w, 0) / cell->kernel->gates;
    int n = 0;

    if (!gain)
        return z;
    for (; n < 2 && cell->kernel->block[n].count; n++) {
        int64_t rows = cell->kernel->block[n].count * hidden, first = cell->kernel->block[n].gate * hidden,
                end = first + rows;

        parts[n] = fr_layer_norm(fr_slice(z, -1, first, end, 1), FR_SHAPE(rows), fr_slice(gain, 0, first, end, 1),
                                 b ? fr_slice(b, 0, first, end, 1) : NULL, 0);
    }
    return fr_cat(parts, n, -1);
}

typedef struct {
    const fr_recurrent_attributes *a;
    fr_tensor *const *in; /* as many as any cell has; NULL for those that this one does not have */
    fr_tensor *zx;        /* (T,B,gH) */
    fr_tensor **rows;     /* T of (B,P): the steps of out */
    fr_recurrent_step step;
} unrolled;

/* Runs in a scope of its own, from which only the states escape: all other tensors of the step are freed, unless they
 * are recorded. */
static bool take_step(unrolled *u, int64_t t)
{
    const fr_recurrent_norm *norm = u->step.norm;
    fr_recurrent_step *s = &u->step;
    fr_tensor *const *in = u->in, *c_before = s->c;
    int scope = fr_scope_begin();

    if (scope < 0)
        return false;

    fr_tensor *active = in[FR_LENGTHS] ? fr_unsqueeze(fr_gt_scalar(in[FR_LENGTHS], (double)t), 1) : NULL, *h;

    s->zx = fr_select(u->zx, 0, t);
    s->zh = sums(u->a->cell, s->h, in[FR_W_HH], in[FR_B_HH], norm ? norm->gain_hh : NULL);
    h = u->a->cell->step(s);
    if (in[FR_W_HR])
        h = fr_linear(h, in[FR_W_HR], NULL);
    u->rows[t] = fr_escape(active ? fr_where(active, h, fr_zeros_like(h)) : h);
    s->h = fr_escape(choose(active, h, s->h));
    s->c = c_before ? fr_escape(choose(active, s->c, c_before)) : NULL;
    fr_scope_end(scope);
    return u->rows[t] && s->h && (s->c || !c_before) && (active || !in[FR_LENGTHS]);
}

static bool unroll(const char *what, const fr_recurrent_attributes *a, fr_tensor *const *in,
                   const fr_recurrent_norm *norm, fr_tensor **result)
{
    fr_tensor *x = in[FR_X];
    int64_t steps = fr_dim(x, 0), hidden = fr_dim(in[FR_W_IH], 0) / a->cell->kernel->gates;
    unrolled u = { .a = a, .in = in, .step = { .relu = a->relu, .norm = norm } };
    bool ok;

    u.zx = sums(a->cell, x, in[FR_W_IH], in[FR_B_IH], norm ? norm->gain_ih : NULL);
    u.step.h = initial(in[FR_H0], x, fr_dim(in[FR_W_HH], 1));
    if (a->cell->cells_output)
        u.step.c = initial(in[FR_C0], x, hidden);
    u.rows = malloc((size_t)steps * sizeof *u.rows);
    if (!u.rows)
        fr_fail_memory(what);
    ok = u.rows && u.zx && u.step.h && (u.step.c || !a->cell->cells_output);
    for (int64_t i = 0; i < steps && ok; i++)
        ok = take_step(&u, a->reverse ? steps - 1 - i : i);
    if (ok) {
        result[FR_OUT] = fr_stack(u.rows, (int)steps, 0);
        result[FR_H] = u.step.h;
        if (u.step.c)
            result[FR_C] = u.step.c;
    }
    free(u.rows);
    return ok;
}

void fr_recurrent_definition(fr_op_call *call)
{
    fr_tensor *in[FR_W_HR + 1] = { NULL };

    memcpy(in, call->in, (size_t)call->inputs * sizeof *in);
    if (!unroll(call->op->name, call->attributes, in, NULL, call->result))
        call->failed = true;
}

/* --- For summaries and graphs ------------------------------------------------------------------------------------- */

/* Each row of each step that it takes is multiplied by w_ih, w_hh and w_hr. */
int64_t fr_recurrent_multiply_adds(const fr_op_call *call)
{
    const fr_tensor *w_hr = call->inputs > FR_W_HR ? call->in[FR_W_HR] : NULL;
    int64_t weights = call->in[FR_W_IH]->numel + call->in[FR_W_HH]->numel + (w_hr ? w_hr->numel : 0);

    return steps_taken(call) * weights;
}

static bool is_reversed(const void *attributes)
{
    return ((const fr_recurrent_attributes *)attributes)->reverse;
}

const fr_op_steps fr_recurrent_steps = { .state = { { "h", FR_H0, FR_H } }, .reversed = is_reversed };
const fr_op_steps fr_recurrent_steps_c = { .state = { { "h", FR_H0, FR_H }, { "c", FR_C0, FR_C } },
                                           .reversed = is_reversed };

/* --- The public functions' common part --------------------------------------------------------------------------- */

fr_recurrent fr_recurrent_apply(const fr_recurrent_cell *cell, fr_tensor **in, const fr_recurrence *options,
                                const fr_recurrent_norm *norm)
{
    static const fr_recurrence plain;
    const fr_op *op = cell->op;
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, op->name);
    fr_tensor *out[FR_C + 3] = { NULL };
    fr_recurrent_attributes attributes = { .cell = cell };

    if (!options)
        options = &plain;
    in[FR_LENGTHS] = options->lengths;
    attributes.relu = options->relu;
    attributes.reverse = options->reverse;

    bool ok = fr_check_reserved(op->name, options->reserved);

    if (ok && norm)
        unroll(op->name, &attributes, in, norm, out);
    else if (ok)
        fr_apply_n(op, in, op->inputs, &attributes, out);
    fr_finish(th, before);
    return (fr_recurrent){ out[FR_OUT], out[FR_H], cell->cells_output ? out[FR_C] : NULL };
}

/* --- As ONNX ----------------------------------------------------------------------------------------------------- */

/* The gates of w (gH,...) in ONNX's order. w NULL, a bias that is not there: zeros like otherwise. */
static fr_tensor *reordered(const fr_recurrent_cell *cell, fr_tensor *w, fr_tensor *otherwise)
{
    fr_tensor *gates[4];
    int64_t hidden;

    if (!w)
        return fr_zeros_like(otherwise);
    hidden = fr_dim(w, 0) / cell->kernel->gates;
    for (int i = 0; i < cell->kernel->gates; i++) {
        int64_t first = cell->onnx_order[i] * hidden;

        gates[i] = fr_slice(w, 0, first, first + hidden, 1);
    }
    return fr_cat(gates, cell->kernel->gates, 0);
}

/* A weight with ONNX's dim of directions, of size 1, in front. */
static const char *weight(fr_onnx *g, int input, fr_tensor *t)
{
    return fr_onnx_weight(g, input, fr_unsqueeze(t, 0));
}

static const char *bias(fr_onnx *g, const fr_op_call *call, const fr_recurrent_cell *cell)
{
    fr_tensor *b_ih = call->in[FR_B_IH], *b_hh = call->in[FR_B_HH];

    if (!b_ih && !b_hh)
        return "";
    return weight(g, b_ih ? FR_B_IH : FR_B_HH,
                  fr_cat((fr_tensor *[]){ reordered(cell, b_ih, b_hh), reordered(cell, b_hh, b_ih) }, 2, 0));
}

static const char *state(fr_onnx *g, const fr_op_call *call, int input)
{
    const int64_t front = 0;

    if (input >= call->inputs || !call->in[input])
        return "";
    return fr_onnx_value(g, "Unsqueeze", FR_ONNX_NAMES(fr_onnx_input(g, input), fr_onnx_int64s(g, 1, &front)));
}

static const char *lengths(fr_onnx *g, const fr_op_call *call)
{
    enum { INT32 = 6 };
    const char *cast;

    if (!call->in[FR_LENGTHS])
        return "";
    cast = fr_onnx_value(g, "Cast", FR_ONNX_NAMES(fr_onnx_input(g, FR_LENGTHS)));
    fr_onnx_int(g, "to", INT32);
    return cast;
}

static bool can_be_onnx(fr_onnx *g, const fr_op_call *call)
{
    for (int i = FR_W_IH; i <= FR_B_HH; i++)
        if (call->in[i] && !fr_onnx_is_constant(g, i))
            return fr_onnx_fail(g, "its weights are computed, expected parameters");
    return call->inputs <= FR_W_HR || !call->in[FR_W_HR] || fr_onnx_fail(g, "ONNX's LSTM has no projection");
}

/* ONNX's outputs have a dim of directions, which is squeezed: Y is (T,1,B,H), the states are (1,B,H). */
bool fr_recurrent_onnx(fr_onnx *g, const fr_op_call *call)
{
    const fr_recurrent_attributes *a = call->attributes;
    const fr_recurrent_cell *cell = a->cell;
    const char *outputs[4] = { "", "", "", NULL };

    if (!can_be_onnx(g, call))
        return false;

    const char *inputs[] = { fr_onnx_input(g, FR_X),
                             weight(g, FR_W_IH, reordered(cell, call->in[FR_W_IH], NULL)),
                             weight(g, FR_W_HH, reordered(cell, call->in[FR_W_HH], NULL)),
                             bias(g, call, cell),
                             lengths(g, call),
                             state(g, call, FR_H0),
                             state(g, call, FR_C0),
                             NULL };

    for (int i = 0; i < call->outputs; i++)
        outputs[i] = fr_onnx_is_read(g, i) ? fr_onnx_new_name(g) : "";
    fr_onnx_node(g, call->op->onnx_name, inputs, outputs);
    fr_onnx_int(g, "hidden_size", call->in[FR_W_HH]->shape.dim[1]);
    if (a->reverse)
        fr_onnx_string(g, "direction", "reverse");
    if (a->relu)
        fr_onnx_strings(g, "activations", FR_ONNX_NAMES("Relu"));
    if (cell->op == fr_gru_cell.op)
        fr_onnx_int(g, "linear_before_reset", 1);
    for (int i = 0; i < call->outputs; i++)
        if (outputs[i][0])
            fr_onnx_node(g, "Squeeze",
                         FR_ONNX_NAMES(outputs[i], fr_onnx_int64s(g, 1, (const int64_t[]){ i == FR_OUT })),
                         FR_ONNX_NAMES(fr_onnx_output(g, i)));
    fr_onnx_name_dim(g, FR_X, 0, "time");
    fr_onnx_name_dim(g, FR_X, 1, "batch");
    return true;
}
