/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What frond says when something is wrong: each function makes one mistake, or asks. The manual shows both. */
#include <frond.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void shapes(void)
{
    fr_matmul(fr_ones(FR_SHAPE(4, 3)), fr_ones(FR_SHAPE(5, 2)));
}

static void dtypes(void)
{
    fr_add(fr_ones(FR_SHAPE(3)), fr_arange(0, 3, 1, FR_I64));
}

static void anomaly(void)
{
    fr_module *model = FR_SEQUENTIAL(fr_nn_linear(2, 3, NULL), fr_nn_sigmoid());
    fr_tensor *x = fr_tensor_from(FR_SHAPE(1, 2), (float[]){ 1, INFINITY }, FR_F32);

    fr_detect_anomaly(true);
    fr_forward(model, x);
    fr_detect_anomaly(false);
    fr_module_free(model);
}

static void released(void)
{
    fr_tensor *y;

    {
        FR_SCOPE;
        y = fr_tanh(fr_ones(FR_SHAPE(3)));
    } /* y is gone; fr_escape(y) would have kept it */
    fr_exp(y);
}

static void changed(void)
{
    fr_tensor *w = fr_requires_grad(fr_ones(FR_SHAPE(3)));
    fr_tensor *y = fr_exp(w);
    fr_tensor *loss = fr_sum(fr_mul(y, y));

    FR_NO_GRAD;
    fr_copy(fr_detach(y), fr_zeros(FR_SHAPE(3)));
    fr_backward(loss);
}

static void twice(void)
{
    fr_tensor *w = fr_requires_grad(fr_scalar(2));
    fr_tensor *loss = fr_square(w);

    fr_backward(loss);
    fr_backward(loss);
}

static void growth(void)
{
    fr_tensor *w = fr_requires_grad(fr_scalar(0.5));
    FR_AUTO(fr_tensor) total = fr_ref(fr_scalar(0));

    for (int step = 0; step < 30; step++) {
        FR_SCOPE;
        fr_tensor *loss = fr_square(fr_sub_scalar(w, step));

        fr_assign(&total, fr_add(total, loss)); /* keeps each step's graph; fr_item(loss) would not */
        fr_backward(loss);
    }
}

static void live(void)
{
    fr_tensor *kept = fr_ones(FR_SHAPE(100, 100));

    fr_live_report(stdout);
    fr_touch(kept);
}

static void explained(void)
{
    fr_tensor *x = fr_requires_grad(fr_scalar(0.5));

    fr_explain(stdout, fr_tanh(fr_mul_scalar(x, 2)));
}

/* x^3 with the derivative 2 x^2: a factor from outside hides a third of the gradient. */
static fr_tensor *wrong_cube(fr_tensor *const *in, void *unused)
{
    (void)unused;
    return fr_mul(fr_square(in[0]), fr_detach(in[0]));
}

static void checked(void)
{
    fr_set_default_dtype(FR_F64);
    fr_tensor *x = fr_requires_grad(fr_from_doubles(FR_SHAPE(2), (double[]){ 1, 2 }));

    fr_set_default_dtype(FR_F32);
    fr_gradcheck(wrong_cube, &x, 1, NULL);
}

static void print_line(const char *message, void *unused)
{
    (void)unused;
    printf("%s\n", message);
}

int main(void)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } cases[] = {
        { "shapes", shapes },       { "dtypes", dtypes },   { "anomaly", anomaly }, { "released", released },
        { "changed", changed },     { "twice", twice },     { "growth", growth },   { "live", live },
        { "explained", explained }, { "checked", checked },
    };

    setenv("FROND_TRACK_LIVE", "1", 1);
    fr_set_error_handler(print_line, NULL);
    fr_set_warning_handler(print_line, NULL);
    fr_manual_seed(0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        FR_SCOPE;
        printf("== %s\n", cases[i].name);
        cases[i].run();
        fr_error_clear();
    }
    return 0;
}
