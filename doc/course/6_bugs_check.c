/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Grades sheet 6. It gives no name that the student has not given. */
#include "grade.h"

#include <string.h>

/* --- A small_op as an op of frond --------------------------------------------------------------------------------- */

static const small_op *op_of(const fr_op_call *call)
{
    return *(const small_op *const *)call->attributes;
}

static bool infer(fr_op_call *call)
{
    FR_NO_GRAD;
    FR_SCOPE;
    fr_tensor *y = op_of(call)->forward(call->in);

    if (y)
        call->out[0] = fr_meta_of(y);
    return y || fr_op_fail(call, "%s: forward gives NULL", op_of(call)->name);
}

static void forward(fr_op_call *call)
{
    FR_NO_GRAD;
    FR_SCOPE;

    fr_copy(call->result[0], op_of(call)->forward(call->in));
}

static void backward(fr_op_call *call)
{
    op_of(call)->backward(call->in, call->grad_out[0], call->grad_in);
}

static const fr_op small_op_op = {
    .name = "small_op",
    .inputs = -1,
    .outputs = 1,
    .attributes_size = sizeof(small_op *),
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

/* user is a pointer to a pointer to the small_op. */
static fr_tensor *run(fr_tensor *const *in, void *user)
{
    const small_op *const *op = user;
    fr_tensor *y = NULL;

    fr_apply_n(&small_op_op, in, (*op)->inputs, op, &y);
    return y;
}

/* --- The tasks ---------------------------------------------------------------------------------------------------- */

/* Bit i: ops[i] is wrong. A number, so that nobody reads the answer by accident. */
enum { BUGS = 0x3b, HOW_MANY = 5 };

static bool named(const char *name)
{
    for (int i = 0; i < OPS; i++)
        if (wrong_ops[i] && strcmp(wrong_ops[i], name) == 0)
            return true;
    return false;
}

static bool names(void)
{
    int given = 0, right = 0;

    for (int i = 0; i < OPS; i++)
        given += wrong_ops[i] != NULL;
    for (int i = 0; i < OPS; i++)
        right += BUGS >> i & 1 && named(ops[i].name);
    if (given != HOW_MANY || right != HOW_MANY)
        printf("you give %d names, %d of them of wrong ops; there are %d\n", given, right, HOW_MANY);
    return given == HOW_MANY && right == HOW_MANY;
}

static fr_tensor *product(fr_tensor *const *in)
{
    return fr_mul(in[0], in[1]);
}

static void product_backward(fr_tensor *const *in, fr_tensor *g, fr_tensor **grad)
{
    grad[0] = fr_mul(g, in[1]);
    grad[1] = fr_mul(g, in[0]);
}

static void half_backward(fr_tensor *const *in, fr_tensor *g, fr_tensor **grad)
{
    grad[0] = fr_mul(g, in[1]);
    grad[1] = fr_mul(g, in[1]);
}

/* Inputs with values that are not near 0: (2,3), but (3) for shift's b, (3,3) for project's W. */
static void make_inputs(fr_tensor **in, const char *name)
{
    fr_shape second = FR_SHAPE(2, 3);

    if (strcmp(name, "shift") == 0)
        second = FR_SHAPE(3);
    if (strcmp(name, "project") == 0)
        second = FR_SHAPE(3, 3);
    in[0] = fr_add_scalar(fr_rand(FR_SHAPE(2, 3)), 0.5);
    in[1] = fr_add_scalar(fr_rand(second), 0.5);
}

/* Prints what the student's is_right says of an op, and returns it. */
static bool ask(const small_op *op)
{
    fr_tensor *in[2];

    fr_error_clear();
    make_inputs(in, op->name);
    bool right = is_right(run, in, op->inputs, &op);

    printf("%s: your is_right says %s\n", op->name, right ? "right" : "wrong");
    return right;
}

static bool judges(void)
{
    bool good = ask(&(small_op){ "y = a b, gradients g b, g a", 2, product, product_backward });
    bool bad = ask(&(small_op){ "y = a b, gradients g b, g b", 2, product, half_backward });
    bool right = good && !bad;

    for (int i = 0; right && i < OPS; i++)
        ask(&ops[i]);
    return right;
}

/* y of ops[i] */
static fr_tensor *expected(int i, fr_tensor *const *in)
{
    switch (i) {
    case 0:
        return fr_add(in[0], in[1]);
    case 1:
        return fr_sub(fr_square(in[0]), fr_square(in[1]));
    case 2:
        return fr_div(in[0], in[1]);
    case 3:
        return fr_pow_scalar(in[0], 3);
    case 4:
        return fr_sigmoid(in[0]);
    default:
        return fr_linear(in[0], in[1], NULL);
    }
}

/* The n-th wrong op's forward is as it was, its backward is right; n is 1 for task 3. Of an op that has not been named
 * this tells no more. */
static bool mended(void)
{
    int i = -1;

    for (int n = task_number - 2; n > 0; n--)
        while (!(BUGS >> ++i & 1))
            ;

    const small_op *op = &ops[i];
    fr_tensor *in[2];

    if (named(op->name))
        puts(op->name);
    else
        fr_set_error_handler(NULL, NULL);
    make_inputs(in, op->name);
    fr_requires_grad(in[0]);
    fr_requires_grad(in[1]);

    bool right = same("forward", op->forward(in), expected(i, in)) && fr_gradcheck(run, in, op->inputs, &op);

    if (!right && !named(op->name))
        puts("it is still there, and you have not named it");
    return right;
}

int main(void)
{
    return grade("6_bugs",
                 (task[]){ { "the names of the wrong ops", 3, names },
                           { "telling right from wrong", 2, judges },
                           { "the first bug is mended", 1, mended },
                           { "the second bug is mended", 1, mended },
                           { "the third bug is mended", 1, mended },
                           { "the fourth bug is mended", 1, mended },
                           { "the fifth bug is mended", 1, mended } },
                 7);
}
