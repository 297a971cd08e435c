/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What the hooks call for the operands of a step: C expressions for inputs, outputs, scratch memory and states. While
 * planning, the same calls note which buffers and constants the step uses. */
#include "export_c/writer.h"

#include <inttypes.h>

/* --- Buffers ----------------------------------------------------------------------------------------------------- */

fr_c_buffer *fr_c_buffer_of(const fr_c_function *fn, const fr_tensor *t)
{
    for (size_t i = fn->buffer_count; i-- > 0;)
        if (fn->buffers[i].storage == t->storage)
            return &fn->buffers[i];
    return NULL;
}

int64_t fr_c_buffer_offset(const fr_c_function *fn, const fr_tensor *t)
{
    return (t->origin - fr_c_buffer_of(fn, t)->start) / (int64_t)fr_dtype_size((fr_dtype)t->dtype);
}

/* An array of the workspace gets a name where it is first written: float *const v3 = w->floats + 12; */
static void declare(fr_c_writer *w, fr_c_buffer *b)
{
    const char *array = b->dtype == FR_I64 ? "integers" : "floats", *type = b->dtype == FR_I64 ? "int64_t" : "float";

    b->name = fr_c_format(w, "v%zu", (size_t)(b - w->function->buffers));
    if (b->offset)
        fr_c_line(w, "%s *const %s = w->%s + %" PRId64 ";", type, b->name, array, b->offset);
    else
        fr_c_line(w, "%s *const %s = w->%s;", type, b->name, array);
}

/* Its name in the code; "" while planning. */
static const char *name_of(fr_c_writer *w, fr_c_buffer *b)
{
    if (!w->out)
        return "";
    if (b->memory == FR_C_CONSTANT)
        return w->constants[b->constant].name;
    if (!b->name)
        declare(w, b);
    return b->name;
}

/* While planning: notes that this step reads or writes b, from which step to which its memory is needed. */
static void note_use(fr_c_writer *w, fr_c_buffer *b, bool write)
{
    if (w->out)
        return;
    if (!write && b->memory == FR_C_WORKSPACE && b->first_step == SIZE_MAX && !fr_c_has_unsupported(w))
        fr_fail(w->where, "a result is read that has no C form"), w->failed = true;
    b->read = b->read || !write;
    if (write && w->step < b->first_step)
        b->first_step = w->step;
    if (b->last_step < w->step)
        b->last_step = w->step;
    if (b->memory == FR_C_CONSTANT)
        w->constants[b->constant].used = true;
}

const char *fr_c_buffer_name(fr_c_writer *w, const fr_tensor *t, bool for_writing)
{
    fr_c_buffer *b = fr_c_buffer_of(w->function, t);

    note_use(w, b, for_writing);
    if (!w->out && b->memory == FR_C_CONSTANT)
        w->constants[b->constant].needs_float = w->constants[b->constant].by_rows = true;
    return name_of(w, b);
}

/* --- For the hooks ----------------------------------------------------------------------------------------------- */

/* A pointer to t's first value: "v3 + 12". */
static const char *pointer_to(fr_c_writer *w, const fr_tensor *t)
{
    const char *base = fr_c_buffer_name(w, t, false);
    int64_t offset = fr_c_buffer_offset(w->function, t);

    return offset ? fr_c_format(w, "%s + %" PRId64, base, offset) : base;
}

bool fr_c_check_dtype(fr_c_writer *w, const fr_tensor *t)
{
    return t->dtype != FR_F64 || fr_c_fail(w, "float64 given, expected float32");
}

/* While writing: the next of the scratch buffers that planning made for this step. */
static fr_c_buffer *next_scratch(fr_c_writer *w)
{
    int ordinal = 0;

    for (size_t i = 0; i < w->function->buffer_count; i++) {
        fr_c_buffer *b = &w->function->buffers[i];

        if (!b->storage && b->first_step == w->step && ordinal++ == w->scratch_count)
            return b;
    }
    return NULL;
}

static const char *scratch(fr_c_writer *w, int64_t n, fr_dtype dtype)
{
    fr_c_function *fn = w->function;
    fr_c_buffer *b;

    if (!w->out) {
        if (!fr_make_room(&fn->buffers, sizeof *fn->buffers, fn->buffer_count, &fn->buffer_capacity)) {
            fr_c_out_of_memory(w);
            return "";
        }
        fn->buffers[fn->buffer_count++] = (fr_c_buffer){
            .memory = FR_C_WORKSPACE, .dtype = dtype, .numel = n, .first_step = w->step, .last_step = w->step
        };
        return "";
    }
    b = next_scratch(w);
    w->scratch_count++;
    return name_of(w, b);
}

const char *fr_c_values(fr_c_writer *w, fr_tensor *t)
{
    const char *copy;

    if (!t)
        return "NULL";
    if (!fr_c_check_dtype(w, t))
        return "";
    if (t->contiguous)
        return pointer_to(w, t);
    copy = scratch(w, t->numel, fr_dtype_of(t));
    fr_c_copy_contiguous(w, t, copy);
    return copy;
}

const char *fr_c_in(fr_c_writer *w, const fr_op_call *call, int input)
{
    return fr_c_values(w, input < call->inputs ? call->in[input] : NULL);
}

const char *fr_c_result(fr_c_writer *w, const fr_op_call *call, int output)
{
    return fr_c_values(w, call->result[output]);
}

const char *fr_c_grad_out(fr_c_writer *w, const fr_op_call *call, int output)
{
    return fr_c_values(w, call->grad_out[output]);
}

const char *fr_c_grad_in(fr_c_writer *w, const fr_op_call *call, int input)
{
    fr_tensor *t = input < call->inputs ? call->grad_in[input] : NULL;

    return t ? fr_c_buffer_name(w, t, true) : "NULL";
}

const char *fr_c_strided(fr_c_writer *w, const fr_op_call *call, int input)
{
    return fr_c_check_dtype(w, call->in[input]) ? pointer_to(w, call->in[input]) : "";
}

const char *fr_c_strided_grad_out(fr_c_writer *w, const fr_op_call *call, int output)
{
    return fr_c_check_dtype(w, call->grad_out[output]) ? pointer_to(w, call->grad_out[output]) : "";
}

const char *fr_c_out(fr_c_writer *w, const fr_op_call *call, int output)
{
    fr_tensor *t = call->result[output];

    return fr_c_check_dtype(w, t) ? fr_c_buffer_name(w, t, true) : "";
}

const char *fr_c_array(fr_c_writer *w, const fr_tensor *t, bool for_writing)
{
    return fr_c_buffer_name(w, t, for_writing);
}

const char *fr_c_scratch(fr_c_writer *w, int64_t n)
{
    return scratch(w, n, FR_F32);
}

/* NULL: it is zero. */
static const fr_tensor *initial_state(const fr_op_call *call, int i)
{
    int input = call->op->steps->state[i].input;

    return input < call->inputs ? call->in[input] : NULL;
}

const char *fr_c_state(fr_c_writer *w, const fr_op_call *call, int i)
{
    const fr_tensor *first = initial_state(call, i), *last = call->result[call->op->steps->state[i].output];
    const char *name = fr_c_out(w, call, call->op->steps->state[i].output);

    if (w->function->one_time_step && w->out)
        return name; /* the caller keeps it; NAME_reset has set it */
    if (first)
        fr_c_copy(w, last, first);
    else
        fr_c_fill(w, last, 0);
    return name;
}

bool fr_c_is_read(const fr_c_writer *w, const fr_op_call *call, int output)
{
    return fr_c_is_read_after(w->function, w->step, call->result[output]);
}

void fr_c_takes_rows(fr_c_writer *w, int dims)
{
    fr_c_step_info *s = &w->function->steps[w->step];

    s->pattern = FR_C_ROWWISE;
    s->row_dims = dims;
}
