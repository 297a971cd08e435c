/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Traces: the recorded steps, run again on other values, compute what the module computes. */
#include "testing.h"

#include "graph/trace.h" /* after <frond.h>: it turns the call sites off */

enum { MOST = 64 };

/* Tensors of the trace, and the tensor for each in the second run. */
typedef struct {
    fr_tensor *was[MOST], *is[MOST];
    int count;
} values;

static fr_tensor *look_up(const values *v, fr_tensor *t)
{
    for (int i = 0; i < v->count; i++)
        if (v->was[i] == t)
            return v->is[i];
    return t; /* a parameter */
}

static void put(values *v, fr_tensor *was, fr_tensor *is)
{
    ck_assert(v->count < MOST && is);
    v->was[v->count] = was;
    v->is[v->count++] = is;
}

/* Runs the trace with x2 instead of x and returns the result for y. */
static fr_tensor *run_again(const fr_trace *t, fr_tensor *x, fr_tensor *x2, fr_tensor *y)
{
    values v = { .count = 0 };

    put(&v, x, x2);
    for (size_t i = 0; i < t->count; i++) {
        const fr_step *s = &t->steps[i];
        fr_tensor *in[MOST], *out[MOST];

        for (int k = 0; k < s->inputs; k++)
            in[k] = look_up(&v, s->in[k]);
        ck_assert(fr_apply_n(s->op, in, s->inputs, s->attributes, out));
        for (int k = 0; k < s->outputs; k++)
            put(&v, s->out[k], out[k]);
    }
    return look_up(&v, y);
}

static fr_tensor *last_step(fr_module *self, fr_tensor *x)
{
    fr_tensor *y = fr_detach(fr_forward(fr_module_at(self, 0), x));

    return fr_forward(fr_module_at(self, 1), fr_select(fr_detach(y), 1, -1));
}

static fr_module *gru_and_linear(void)
{
    fr_module *m = fr_module_new("Net", 0, last_step);

    fr_module_add(m, "rnn", fr_nn_gru(3, 4, &(fr_recurrent_options){ .batch_first = true, .bidirectional = true }));
    fr_module_add(m, "head", fr_nn_linear(8, 2, NULL));
    return m;
}

START_TEST(a_trace_can_be_run_again)
{
    FR_SCOPE;
    bool recording = _i == 1;
    char path[FR_PATH_TEXT];
    int before = recording ? 0 : fr_no_grad_begin();
    fr_module *m = gru_and_linear();
    fr_tensor *x = fr_randn(FR_SHAPE(2, 5, 3)), *x2 = fr_randn(FR_SHAPE(2, 5, 3)), *y;
    fr_trace trace;

    fr_trace_begin(fr_thread_self(), &trace);
    y = fr_forward(m, x);
    ck_assert(fr_trace_end(fr_thread_self(), "test", &trace));
    ck_assert_str_eq(fr_module_path_text(trace.steps[0].module_path, path), "rnn");
    ck_assert_str_eq(fr_module_path_text(trace.steps[trace.count - 1].module_path, path), "head");
    ck_assert_str_eq(trace.steps[trace.count - 1].op->name, "linear");
    ck_assert(fr_equal(run_again(&trace, x, x2, y), fr_forward(m, x2)));
    fr_trace_free(&trace);
    if (!recording)
        fr_no_grad_end(before);
    fr_module_free(m);
}
END_TEST

START_TEST(changes_in_place_are_found)
{
    FR_SCOPE;
    fr_tensor *x = fr_ones(FR_SHAPE(2));
    fr_trace trace;

    FR_NO_GRAD;
    fr_trace_begin(fr_thread_self(), &trace);
    fr_copy(fr_exp(x), x);
    ck_assert(!fr_trace_end(fr_thread_self(), "test", &trace));
    assert_failed("frond: test: a result of exp is changed in place");
    fr_trace_free(&trace);
}
END_TEST

START_TEST(the_innermost_alone_is_written)
{
    FR_SCOPE;
    fr_tensor *x = fr_ones(FR_SHAPE(2));
    fr_trace outer, inner;
    fr_thread *th = fr_thread_self();

    fr_trace_begin(th, &outer);
    fr_exp(x);
    fr_trace_begin(th, &inner);
    fr_log(x);
    fr_neg(x);
    ck_assert(fr_trace_end(th, "test", &inner));
    fr_sqrt(x);
    ck_assert(fr_trace_end(th, "test", &outer));
    ck_assert_uint_eq(inner.count, 2);
    ck_assert_uint_eq(outer.count, 2);
    ck_assert_str_eq(outer.steps[1].op->name, "sqrt");
    fr_trace_free(&inner);
    fr_trace_free(&outer);
}
END_TEST

int main(void)
{
    TCase *traces = tcase_create("traces");

    tcase_add_loop_test(traces, a_trace_can_be_run_again, 0, 2);
    tcase_add_test(traces, changes_in_place_are_found);
    tcase_add_test(traces, the_innermost_alone_is_written);
    return run_tests("trace", traces);
}
