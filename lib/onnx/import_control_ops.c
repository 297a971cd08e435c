/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* ONNX's If, Loop and Scan: their graphs run as often as the values say, on the values of the model. Gradients pass
 * through what has run. How much a file may have run is limited as the memory of its results is. */
#include <config.h>

#include "core/error.h"
#include "onnx/import_model.h"

#include <frond/op.h>
#include <frond/ops.h>
#include <stdlib.h>

enum { MAX_BODY = 64 }; /* inputs and outputs of a graph inside a node */

/* Fails unless graph `which` takes that many values and makes at least that many. */
static bool check_body(const fr_import_call *c, int which, int inputs, int outputs)
{
    const fr_import_graph *body = c->self->bodies[which];

    return (body && inputs >= 0 && body->input_count == inputs && inputs <= MAX_BODY &&
            body->proto->n_output >= (size_t)outputs && body->proto->n_output <= MAX_BODY) ||
           fr_import_fail(c, "the inputs and outputs of its graph do not fit");
}

static int body_outputs(const fr_import_call *c)
{
    return (int)c->self->bodies[0]->proto->n_output;
}

/* Fails unless n values from a on and from b on have the same types, where they are known. */
static bool check_types(const fr_import_call *c, const int *a, const int *b, int n)
{
    const int *types = c->run->model->types;

    for (int i = 0; i < n; i++)
        if (a[i] >= 0 && b[i] >= 0 && types[a[i]] != 0 && types[b[i]] != 0 && types[a[i]] != types[b[i]])
            return fr_import_fail(c, "a value has several types");
    return true;
}

/* --- If ---------------------------------------------------------------------------------------------------------- */

/* Both branches must give the same types. */
static bool check_if(const fr_import_call *c)
{
    fr_import_graph *const *bodies = c->self->bodies;

    return check_body(c, 0, 0, c->outputs) && check_body(c, 1, 0, c->outputs) &&
           check_types(c, bodies[0]->output_index, bodies[1]->output_index, c->outputs);
}

static bool run_if(fr_import_call *c)
{
    fr_import_value out[MAX_BODY];

    if (!fr_import_require(c, 1))
        return false;
    if (c->in[0]->numel != 1)
        return fr_import_fail(c, "its condition must be one value");
    if (!fr_import_run_body(c, fr_at(c->in[0], 0) == 0, NULL, out))
        return false;
    for (int i = 0; i < c->outputs; i++)
        fr_import_return_value(c, i, out[i]);
    return true;
}

/* --- What is collected of each time ------------------------------------------------------------------------------ */

/* Values of `each` outputs, a row for each time. */
typedef struct {
    fr_tensor **values;
    int each;
    int64_t times, room;
} rows;

static bool add_row(const fr_import_call *c, rows *r, const fr_import_value *values)
{
    if (r->times == r->room) {
        int64_t room = 2 * r->room + 16;
        fr_tensor **more = realloc(r->values, (size_t)room * (size_t)(r->each + 1) * sizeof *more);

        if (!more)
            return fr_fail_memory("load_onnx");
        r->values = more;
        r->room = room;
    }
    for (int i = 0; i < r->each; i++)
        if (!(r->values[r->times * r->each + i] = values[i].tensor))
            return fr_import_fail(c, "what it collects is a sequence");
    r->times++;
    return true;
}

/* Output k of all times, along a new dim; backwards: the last first. */
static fr_tensor *stack_rows(const fr_import_call *c, const rows *r, int k, int64_t dim, bool backwards)
{
    fr_tensor **column, *y;

    if (r->times == 0 || dim < -FR_MAX_DIMS || dim >= FR_MAX_DIMS)
        return fr_import_fail(c, r->times == 0 ? "it runs no time, so that what it collects has no shape"
                                               : "an axis is out of range"),
               NULL;
    column = malloc((size_t)r->times * sizeof *column);
    if (!column)
        return fr_fail_memory("load_onnx");
    for (int64_t i = 0; i < r->times; i++)
        column[i] = r->values[(backwards ? r->times - 1 - i : i) * r->each + k];
    y = fr_stack(column, (int)r->times, (int)dim);
    free(column);
    return y;
}

/* States keep their types: from `first` on of the inputs, from `after` on of the outputs of the graph. */
static bool check_states(const fr_import_call *c, int first, int states, int after)
{
    const fr_import_graph *body = c->self->bodies[0];

    return check_types(c, c->self->inputs + first, body->input_index + first, states) &&
           check_types(c, body->input_index + first, body->output_index + after, states);
}

/* --- Loop -------------------------------------------------------------------------------------------------------- */

/* Inputs: the most times, the condition, N states; of the graph: the time, the condition, the states. Outputs of the
 * graph: the condition, the states, what is collected; of the node: the same without the condition. */
static bool check_loop(const fr_import_call *c)
{
    int states = c->inputs - 2;

    return check_body(c, 0, c->inputs, states + 1) && check_states(c, 2, states, 1) &&
           (c->outputs < body_outputs(c) || fr_import_fail(c, "the inputs and outputs of its graph do not fit"));
}

static fr_tensor *int64_scalar(int64_t value)
{
    return fr_full_of((fr_shape){ 0 }, (double)value, FR_I64);
}

static bool repeat(fr_import_call *c, fr_import_value *state, int states, rows *collected)
{
    const fr_tensor *most = fr_import_input(c, 0), *first = fr_import_input(c, 1);
    fr_import_value out[MAX_BODY];

    if ((most && (most->numel != 1 || most->dtype != FR_I64)) || (first && first->numel != 1))
        return fr_import_fail(c, "expected one number of times and one condition");

    bool goes_on = !first || fr_at(first, 0) != 0;

    for (int64_t i = 0; goes_on && (!most || (double)i < fr_at(most, 0)); i++) {
        state[0].tensor = int64_scalar(i);
        state[1].tensor = int64_scalar(1);
        if (!state[0].tensor || !state[1].tensor)
            return false;
        if (!fr_import_run_body(c, 0, state, out) || !add_row(c, collected, out + 1 + states))
            return false;
        if (!out[0].tensor || out[0].tensor->numel != 1)
            return fr_import_fail(c, "the condition of its graph must be one value");
        goes_on = fr_at(out[0].tensor, 0) != 0;
        memcpy(state + 2, out + 1, (size_t)states * sizeof *out);
    }
    return true;
}

static bool run_loop(fr_import_call *c)
{
    int states = c->inputs - 2;
    fr_import_value state[MAX_BODY] = { { 0 } };
    rows collected = { .each = body_outputs(c) - 1 - states };
    bool ok;

    for (int i = 2; i < c->inputs; i++) {
        int index = c->self->inputs[i];

        state[i] = index < 0 ? (fr_import_value){ 0 } : c->run->values[index];
        if (!state[i].tensor && !state[i].sequence)
            return fr_import_fail(c, "an input is missing");
    }
    ok = repeat(c, state, states, &collected);
    for (int i = 0; ok && i < c->outputs; i++)
        if (i < states)
            fr_import_return_value(c, i, state[2 + i]);
        else
            ok = (c->out[i] = stack_rows(c, &collected, i - states, 0, false)) != NULL;
    free(collected.values);
    return ok;
}

/* --- Scan -------------------------------------------------------------------------------------------------------- */

/* Inputs: N states, M sequences, which the graph gets one element after another. */
static bool check_scan(const fr_import_call *c)
{
    int64_t sequences = fr_import_int(c, "num_scan_inputs", 0);

    if (c->opset < 9 || sequences < 1 || sequences > c->inputs)
        return fr_import_fail(c, "expected a Scan of operator set 9 or later, with num_scan_inputs");
    return check_body(c, 0, c->inputs, c->inputs - (int)sequences) &&
           check_states(c, 0, c->inputs - (int)sequences, 0) &&
           (c->outputs <= body_outputs(c) || fr_import_fail(c, "the inputs and outputs of its graph do not fit"));
}

/* The number of an attribute that lists one for each sequence or result; 0 where it is not there. */
static int64_t number_for(const fr_import_call *c, const char *name, int i)
{
    const fr_attribute_proto *a = fr_import_attribute(c, name);

    return a && (size_t)i < a->n_ints ? a->ints[i] : 0;
}

/* The axes of the sequences, which must have the same length. */
static bool read_lengths(const fr_import_call *c, int states, int *axes, int64_t *steps)
{
    for (int i = states; i < c->inputs; i++) {
        int64_t length;

        axes[i] = fr_import_axis(c, c->in[i], number_for(c, "scan_input_axes", i - states));
        if (axes[i] < 0)
            return false;
        length = fr_dim(c->in[i], axes[i]);
        if (i > states && length != *steps)
            return fr_import_fail(c, "its sequences differ in length");
        *steps = length;
    }
    return true;
}

static bool scan(fr_import_call *c, fr_import_value *state, int states, const int *axes, int64_t steps, rows *collected)
{
    fr_import_value out[MAX_BODY];

    for (int64_t t = 0; t < steps; t++) {
        for (int i = states; i < c->inputs; i++) {
            bool backwards = number_for(c, "scan_input_directions", i - states) != 0;

            if (!(state[i].tensor = fr_select(c->in[i], axes[i], backwards ? steps - 1 - t : t)))
                return false;
        }
        if (!fr_import_run_body(c, 0, state, out) || !add_row(c, collected, out + states))
            return false;
        memcpy(state, out, (size_t)states * sizeof *out);
    }
    return true;
}

static bool run_scan(fr_import_call *c)
{
    int states = c->inputs - (int)fr_import_int(c, "num_scan_inputs", 0), axes[MAX_BODY];
    fr_import_value state[MAX_BODY] = { { 0 } };
    rows collected = { .each = body_outputs(c) - states };
    int64_t steps = 0;
    bool ok;

    if (!fr_import_require(c, c->inputs) || !read_lengths(c, states, axes, &steps))
        return false;
    for (int i = 0; i < states; i++)
        state[i].tensor = c->in[i];
    ok = scan(c, state, states, axes, steps, &collected);
    for (int i = 0; ok && i < c->outputs; i++)
        if (i < states)
            fr_import_return_value(c, i, state[i]);
        else
            ok = (c->out[i] = stack_rows(c, &collected, i - states, number_for(c, "scan_output_axes", i - states),
                                         number_for(c, "scan_output_directions", i - states) != 0)) != NULL;
    free(collected.values);
    return ok;
}

/* --- The table --------------------------------------------------------------------------------------------------- */

#define SCAN "body num_scan_inputs scan_input_axes scan_input_directions scan_output_axes scan_output_directions"

static const fr_import_op ops[] = {
    { "If", "then_branch else_branch", .result = FR_IMPORT_OF_BODY, .others = FR_IMPORT_OF_BODY, .run = run_if,
      .check = check_if },
    { "Loop", "body", .result = FR_IMPORT_OF_BODY, .others = FR_IMPORT_OF_BODY, .run = run_loop, .check = check_loop },
    { "Scan", SCAN, .result = FR_IMPORT_OF_BODY, .others = FR_IMPORT_OF_BODY, .run = run_scan, .check = check_scan },
};

const fr_import_op_table fr_import_control_ops = { ops, sizeof ops / sizeof *ops };
