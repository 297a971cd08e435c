/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What is done with whole modules: running them with other parameters, tying, cloning, applying a function, hooks
 * before forward, all parameters as a vector. Compared with PyTorch (golden/make_functional.py) and with their
 * comments. */
#include "testing.h"

#include <setjmp.h>

static fr_tensors *golden;

static void load_golden(void)
{
    golden = fr_load(test_file("golden/functional.safetensors"));
    ck_assert_msg(golden != NULL, "%s", fr_error_message());
}

static void free_golden(void)
{
    fr_tensors_free(golden);
}

static fr_tensor *find(const char *prefix, const char *name)
{
    char full[64];

    snprintf(full, sizeof full, "%s%s", prefix, name);

    fr_tensor *t = fr_tensors_find(golden, full);

    ck_assert_msg(t != NULL, "no %s in the golden file", full);
    return t;
}

/* --- Other parameters --------------------------------------------------------------------------------------------- */

static fr_module *make_net(void)
{
    return fr_nn_sequential(3, (fr_module *[]){ fr_nn_linear(1, 5, NULL), fr_nn_tanh(), fr_nn_linear(5, 1, NULL) });
}

static void use_float64(void)
{
    fr_set_default_dtype(FR_F64);
}

static void use_float32(void)
{
    fr_set_default_dtype(FR_F32);
}

static fr_tensor *loss_with(fr_module *m, fr_tensor *const *parameters, int n, fr_tensor *x, fr_tensor *y)
{
    return fr_mse(fr_functional_call(m, parameters, n, x), y, FR_MEAN);
}

START_TEST(maml_equals_pytorch)
{
    FR_SCOPE;
    fr_module *m = make_net();
    fr_tensor *x = find("maml.", "x"), *y = find("maml.", "y"), *fast[4], *grads[4], *loss;
    int n;
    fr_tensor *const *own = fr_module_parameters(m, &n);
    const fr_named_tensor *state = fr_module_state(m, &n);

    ck_assert_int_eq(n, 4);
    for (int i = 0; i < n; i++) {
        FR_NO_GRAD;
        fast[i] = fr_copy(own[i], find("maml.", state[i].name));
    }
    for (int step = 0; step < 2; step++) {
        ck_assert(fr_gradients(loss_with(m, fast, n, x, y), fast, n, grads, FR_CREATE_GRAPH));
        for (int i = 0; i < n; i++)
            fast[i] = fr_sub(fast[i], fr_mul_scalar(grads[i], 0.1));
    }
    loss = loss_with(m, fast, n, fr_mul_scalar(x, 2), y);
    ck_assert(fr_backward(loss));
    assert_close("loss", fr_reshape(loss, FR_SHAPE()), find("maml.", "loss"), 1e-13, 0);
    for (int i = 0; i < n; i++) {
        assert_close(state[i].name, fr_grad(own[i]), find("maml.grad.", state[i].name), 1e-12, 1e-14);
        ck_assert(fr_equal(own[i], find("maml.", state[i].name)));
    }
    fr_module_free(m);
}
END_TEST

/* Every kind of layer that keeps pointers of its own: with other's parameters it computes what other computes. */
START_TEST(layers_take_other_parameters)
{
    FR_SCOPE;
    fr_module *m[2];
    fr_recurrent_options two = { .num_layers = 2, .bidirectional = true };
    fr_tensor *x = fr_randn(FR_SHAPE(3, 2, 4)), *with[64];
    int n;

    for (int i = 0; i < 2; i++)
        m[i] = fr_nn_sequential(4, (fr_module *[]){ fr_nn_multihead_attention(4, 2, NULL), fr_nn_lstm(4, 2, &two),
                                                    fr_nn_layer_norm(FR_SHAPE(4), NULL), fr_nn_gru(4, 2, NULL) });

    fr_tensor *const *other = fr_module_parameters(m[1], &n);

    memcpy(with, other, (size_t)n * sizeof *other);

    fr_tensor *own = fr_forward(m[0], x), *expected = fr_forward(m[1], x);

    ck_assert(fr_equal(fr_functional_call(m[0], with, n, x), expected));
    ck_assert(!fr_equal(own, expected));
    ck_assert(fr_equal(fr_forward(m[0], x), own)); /* nothing stays */
    memset(with, 0, sizeof with);
    ck_assert(fr_equal(fr_functional_call(m[0], with, n, x), own)); /* NULL: its own */
    fr_module_free(m[0]);
    fr_module_free(m[1]);
}
END_TEST

typedef struct {
    fr_module *inner;
    fr_tensor *inner_weight;
} nesting;

/* own weight times x, plus the inner module's with another weight */
static fr_tensor *nested_forward(fr_module *m, fr_tensor *x)
{
    const nesting *s = fr_self(m);
    fr_tensor *weight = fr_module_find(m, "weight");

    return fr_add(fr_mul(weight, x), fr_functional_call(s->inner, &s->inner_weight, 1, x));
}

static fr_tensor *times_weight(fr_module *m, fr_tensor *x)
{
    return fr_mul(fr_module_find(m, "weight"), x);
}

START_TEST(calls_nest)
{
    FR_SCOPE;
    fr_module *inner = fr_module_new("Inner", 0, times_weight);
    fr_module *m = fr_module_new("Outer", sizeof(nesting), nested_forward);
    fr_tensor *weight = fr_module_param(m, "weight", fr_full(FR_SHAPE(), 2)), *x = fr_full(FR_SHAPE(), 1);
    fr_tensor *other = fr_full(FR_SHAPE(), 10);

    fr_module_param(inner, "weight", weight); /* the same parameter, replaced in both calls: the inner one counts */
    *(nesting *)fr_self(m) = (nesting){ inner, fr_full(FR_SHAPE(), 100) };
    ck_assert_double_eq(fr_item(fr_forward(m, x)), 102);
    ck_assert_double_eq(fr_item(fr_functional_call(m, &other, 1, x)), 110);
    fr_module_free(m);
    fr_module_free(inner);
}
END_TEST

static fr_tensor *gradient_by_weight(fr_module *m, fr_tensor *x)
{
    fr_tensor *weight = fr_module_find(m, "weight"), *gradient;

    return fr_gradients(x, &weight, 1, &gradient, 0) ? gradient : NULL;
}

/* What was recorded before the call has its own values in backward. */
START_TEST(a_backward_inside_keeps_its_inputs)
{
    FR_SCOPE;
    fr_module *m = fr_module_new("Gradient", 0, gradient_by_weight);
    fr_tensor *weight = fr_module_param(m, "weight", fr_full(FR_SHAPE(), 2)), *other = fr_full(FR_SHAPE(), 10);

    ck_assert_double_eq(fr_item(fr_functional_call(m, &other, 1, fr_mul(weight, weight))), 4);
    fr_module_free(m);
}
END_TEST

static jmp_buf out;

static fr_tensor *jump(fr_module *m, fr_tensor *x)
{
    (void)m;
    (void)x;
    longjmp(out, 1);
}

START_TEST(a_jump_ends_the_call)
{
    FR_SCOPE;
    fr_module *m = fr_module_new("Jumping", 0, jump);
    fr_tensor *weight = fr_module_param(m, "weight", fr_full(FR_SHAPE(), 2)), *other = fr_full(FR_SHAPE(), 10);
    int scope = fr_scope_begin();

    if (!setjmp(out))
        (void)fr_functional_call(m, &other, 1, weight);
    fr_scope_end(scope);
    ck_assert_double_eq(fr_item(fr_add(weight, weight)), 4);
    fr_module_free(m);
}
END_TEST

static fr_tensor *identity(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_neg(in[0]);
}

static fr_tensor *with_checkpoint(fr_module *m, fr_tensor *x)
{
    (void)m;
    return fr_checkpoint(identity, &x, 1, NULL);
}

START_TEST(unfit_calls_are_refused)
{
    FR_SCOPE;
    fr_module *m = fr_nn_linear(2, 3, NULL), *c = fr_module_new("C", 0, with_checkpoint);
    fr_tensor *x = fr_ones(FR_SHAPE(1, 2)), *w = fr_ones(FR_SHAPE(3, 2)), *b = fr_ones(FR_SHAPE(3));

    ck_assert_ptr_nonnull(fr_functional_call(m, (fr_tensor *[]){ w, b }, 2, x));
    assert_refused(fr_functional_call(m, (fr_tensor *[]){ w }, 1, x), "functional_call", "1 parameters", "has 2");
    assert_refused(fr_functional_call(m, (fr_tensor *[]){ b, w }, 2, x), "parameters[0] is (3,)", "expected (3, 2)");
    assert_refused(fr_functional_call(m, (fr_tensor *[]){ w, fr_cast(b, FR_F64) }, 2, x), "parameters[1]", "float64");
    assert_refused(fr_functional_call(NULL, &w, 1, x), "module is NULL");
    fr_module_param(c, "w", w);
    assert_refused(fr_functional_call(c, &w, 1, x), "checkpoint");
    fr_module_free(c);
    fr_module_free(m);
}
END_TEST

/* --- Tying and cloning -------------------------------------------------------------------------------------------- */

START_TEST(tied_weights_equal_pytorchs)
{
    FR_SCOPE;
    fr_module *m = fr_module_new("Tied", 0, NULL);
    fr_module *embedding = fr_module_add(m, "embedding", fr_nn_embedding(7, 4, NULL));
    fr_module *head = fr_module_add(m, "head", fr_nn_linear(4, 7, NULL));
    fr_tensor *weight = fr_module_find(embedding, "weight"), *loss;
    int n;

    ck_assert_ptr_eq(fr_module_share(m, "head.weight", weight), weight);
    ck_assert_ptr_eq(fr_module_find(head, "weight"), weight);
    ck_assert_ptr_nonnull(fr_module_parameters(m, &n));
    ck_assert_int_eq(n, 2);
    {
        FR_NO_GRAD;
        fr_copy(weight, find("tied.", "weight"));
        fr_copy(fr_module_find(head, "bias"), find("tied.", "bias"));
    }

    fr_tensor *index = fr_tensor_from(FR_SHAPE(4), (int64_t[]){ 0, 3, 6, 3 }, FR_I64);
    fr_tensor *target = fr_tensor_from(FR_SHAPE(4), (int64_t[]){ 1, 2, 3, 6 }, FR_I64);

    loss = fr_cross_entropy(fr_forward(head, fr_tanh(fr_forward(embedding, index))), target, FR_MEAN);
    ck_assert(fr_backward(loss));
    ck_assert_double_eq_tol(fr_item(loss), fr_item(find("tied.", "loss")), 1e-14);
    assert_close("tied", fr_grad(weight), find("tied.", "grad"), 1e-12, 1e-14);
    fr_module_free(m);
}
END_TEST

typedef struct {
    fr_module *first, *second;
    fr_tensor *weight; /* of second */
} keeper;

static fr_tensor *keeper_forward(fr_module *m, fr_tensor *x)
{
    const keeper *k = fr_self(m);

    return fr_mul(fr_forward(k->second, fr_forward(k->first, x)), fr_sum(k->weight));
}

static fr_module *make_keeper(void)
{
    fr_module *m = fr_module_new("Keeper", sizeof(keeper), keeper_forward);
    keeper *k = fr_self(m);

    k->first = fr_module_add(m, "first", fr_nn_rnn(3, 3, NULL));
    k->second = fr_module_add(m, "second", fr_nn_linear(3, 3, NULL));
    k->weight = fr_module_find(k->second, "weight");
    return m;
}

/* Pointers in the layers' and the model's memory follow; the old tensor is freed. */
START_TEST(pointers_follow_what_is_shared)
{
    FR_SCOPE;
    fr_module *m = make_keeper();
    keeper *k = fr_self(m);
    size_t alive = fr_live_tensors();

    ck_assert_ptr_nonnull(fr_module_share(m, "first.weight_hh_l0", k->weight));
    ck_assert_ptr_nonnull(fr_module_share(k->first, "weight_ih_l0", k->weight));
    ck_assert_uint_eq(fr_live_tensors(), alive - 2);

    fr_tensor *other = fr_zeros(FR_SHAPE(3, 3));

    ck_assert_ptr_nonnull(fr_module_share(k->second, "weight", other));
    ck_assert(k->weight != other); /* it is a parameter of first as well, so it stays */
    ck_assert_ptr_eq(fr_module_find(m, "second.weight"), other);
    ck_assert(fr_wants_grad(other));
    fr_module_free(m);
}
END_TEST

START_TEST(unfit_tensors_are_not_shared)
{
    FR_SCOPE;
    fr_module *m = make_keeper(), *norm = fr_nn_batch_norm1d(3, NULL);
    fr_tensor *w = fr_ones(FR_SHAPE(3, 3));

    assert_refused(fr_module_share(m, "second.weight", fr_ones(FR_SHAPE(3))), "module_share", "(3, 3)", "(3,)");
    assert_refused(fr_module_share(m, "second.weight", fr_cast(w, FR_F64)), "float64");
    assert_refused(fr_module_share(m, "second.weight", fr_neg(fr_requires_grad(w))), "a result of neg");
    assert_refused(fr_module_share(m, "third", w), "no parameter or buffer \"third\"");
    assert_refused(fr_module_share(norm, "running_mean", fr_ones(FR_SHAPE(3))), "is a buffer");
    assert_refused(fr_module_share(m, "first.weight_hh_l0", NULL), "tensor is NULL");
    fr_module_free(norm);
    fr_module_free(m);
}
END_TEST

START_TEST(a_clone_is_a_model_of_its_own)
{
    FR_SCOPE;
    fr_module *m = make_keeper();
    keeper *k = fr_self(m);
    fr_tensor *x = fr_randn(FR_SHAPE(2, 1, 3)), *y;

    fr_module_share(m, "first.weight_hh_l0", k->weight);
    fr_module_freeze(k->first, true);
    fr_module_share(k->second, "weight", k->weight);
    fr_train(k->first, false);
    y = fr_forward(m, x);
    fr_backward(fr_sum(y));

    fr_module *copy = fr_module_clone(m);
    keeper *c = fr_self(copy);

    ck_assert(c->first == fr_module_at(copy, 0) && c->first != k->first);
    ck_assert_ptr_eq(c->weight, fr_module_find(copy, "second.weight"));
    ck_assert_ptr_eq(c->weight, fr_module_find(copy, "first.weight_hh_l0")); /* still tied */
    ck_assert(fr_equal(fr_forward(copy, x), y));
    ck_assert(!fr_module_training(c->first) && fr_module_training(copy));
    ck_assert(!fr_wants_grad(fr_module_find(copy, "first.bias_hh_l0")));
    ck_assert_ptr_null(fr_grad(fr_module_find(copy, "second.bias")));
    {
        FR_NO_GRAD;
        fr_copy(k->weight, fr_zeros(FR_SHAPE(3, 3)));
    }
    ck_assert(fr_equal(fr_forward(copy, x), y));
    fr_module_free(m);
    ck_assert(fr_equal(fr_forward(copy, x), y));
    fr_module_free(copy);
    assert_refused(fr_module_clone(NULL), "module_clone", "NULL");
}
END_TEST

/* --- All modules, all parameters ---------------------------------------------------------------------------------- */

static void note_type(fr_module *m, void *user)
{
    char *text = user;

    strcat(strcat(text, fr_module_type(m)), " ");
}

START_TEST(apply_comes_to_children_first)
{
    fr_module *inner = fr_nn_sequential(2, (fr_module *[]){ fr_nn_tanh(), fr_nn_linear(1, 1, NULL) });
    fr_module *m = fr_nn_sequential(2, (fr_module *[]){ inner, fr_nn_relu() });
    char text[100] = "";

    ck_assert(fr_module_apply(m, note_type, text));
    ck_assert_str_eq(text, "Tanh Linear Sequential ReLU Sequential ");
    assert_refused(fr_module_apply(m, NULL, NULL), "module_apply", "NULL");
    assert_refused(fr_module_apply(NULL, note_type, text), "module_apply", "NULL");
    fr_module_free(m);
}
END_TEST

START_TEST(parameters_are_a_vector)
{
    FR_SCOPE;
    fr_module *m = fr_nn_linear(2, 3, NULL);
    int n;
    fr_tensor *const *p = fr_module_parameters(m, &n), *v = fr_parameters_to_vector(p, n);
    fr_tensor *weight = fr_clone(fr_detach(p[0]));

    ck_assert_int_eq(fr_numel(v), 9);
    ck_assert_double_eq(fr_at(v, 7), fr_at(p[1], 1));
    fr_backward(fr_sum(fr_square(v)));
    assert_close("gradient", fr_grad(p[0]), fr_mul_scalar(weight, 2), 1e-6, 0);
    ck_assert(fr_module_zero_grad(m));
    ck_assert_ptr_null(fr_grad(p[0]));
    ck_assert(fr_vector_to_parameters(fr_mul_scalar(v, 3), p, n));
    ck_assert(fr_equal(fr_detach(p[0]), fr_mul_scalar(weight, 3)));
    ck_assert(fr_is_leaf(p[0]));
    assert_refused(fr_vector_to_parameters(fr_ones(FR_SHAPE(8)), p, n), "vector (8,), expected (9,)");
    assert_refused(fr_vector_to_parameters(fr_cast(fr_ones(FR_SHAPE(9)), FR_F64), p, n), "vector is float64",
                   "float32");
    assert_refused(fr_parameters_to_vector(p, 0), "parameters_to_vector", "0 parameters");
    assert_refused(fr_module_zero_grad(NULL), "module_zero_grad", "NULL");
    fr_module_free(m);
}
END_TEST

static fr_tensor *add_user(fr_module *m, fr_tensor *x, void *user)
{
    (void)m;
    return fr_add_scalar(x, *(double *)user);
}

static fr_tensor *only_look(fr_module *m, fr_tensor *x, void *user)
{
    (void)m;
    *(double *)user = fr_item(x);
    return NULL;
}

START_TEST(hooks_before_forward_may_replace_x)
{
    FR_SCOPE;
    fr_module *m = fr_nn_identity();
    fr_tensor *x = fr_requires_grad(fr_full(FR_SHAPE(), 1));
    double one = 1, ten = 10, seen = 0;

    ck_assert(fr_module_on_forward_pre(m, add_user, &one) && fr_module_on_forward_pre(m, only_look, &seen) &&
              fr_module_on_forward_pre(m, add_user, &ten));

    fr_tensor *y = fr_forward(m, x);

    ck_assert_double_eq(fr_item(y), 12);
    ck_assert_double_eq(seen, 2);
    ck_assert(fr_backward(y));
    ck_assert_double_eq(fr_item(fr_grad(x)), 1);
    ck_assert(fr_module_off_forward_pre(m, add_user, &one));
    ck_assert_double_eq(fr_item(fr_forward(m, x)), 11);
    assert_refused(fr_module_off_forward_pre(m, add_user, &one), "module_off_forward_pre", "no such hook");
    assert_refused(fr_module_on_forward_pre(m, NULL, NULL), "module_on_forward_pre", "hook is NULL");
    fr_module_free(m);
}
END_TEST

int main(void)
{
    TCase *values = tcase_create("values"), *modules = tcase_create("modules");

    tcase_add_unchecked_fixture(values, load_golden, free_golden);
    tcase_add_checked_fixture(values, use_float64, use_float32);
    tcase_add_test(values, maml_equals_pytorch);
    tcase_add_test(values, tied_weights_equal_pytorchs);
    tcase_add_test(modules, layers_take_other_parameters);
    tcase_add_test(modules, calls_nest);
    tcase_add_test(modules, a_backward_inside_keeps_its_inputs);
    tcase_add_test(modules, a_jump_ends_the_call);
    tcase_add_test(modules, unfit_calls_are_refused);
    tcase_add_test(modules, pointers_follow_what_is_shared);
    tcase_add_test(modules, unfit_tensors_are_not_shared);
    tcase_add_test(modules, a_clone_is_a_model_of_its_own);
    tcase_add_test(modules, apply_comes_to_children_first);
    tcase_add_test(modules, parameters_are_a_vector);
    tcase_add_test(modules, hooks_before_forward_may_replace_x);
    return run_tests("modules", values, modules);
}
