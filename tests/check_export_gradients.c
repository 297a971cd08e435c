/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The backward of each op, written as C: the inputs of its cases are parameters, and one step of SGD with a rate of 1
 * takes their gradients off them. */
#include "exported.h"

#include "ops/op.h"

enum { MAX_INPUTS = 12, CASES = 2 /* of each op */ };

/* Ops none of whose gradients can be written: they are zeros, or have no C form. */
static const char *const without[] = { "ceil", "ctc_loss", "floor", "round", "sign", "trunc" };

typedef struct {
    const fr_case *c;
    fr_tensor *in[MAX_INPUTS];
    int n;
} net;

static fr_tensor *run_case(fr_module *m, fr_tensor *x)
{
    net *self = fr_self(m);

    (void)x;
    return self->c->run(self->in);
}

/* Each value with a weight of its own, so that gradients differ. */
static fr_tensor *weigh(fr_tensor *y, fr_tensor *target, fr_reduction reduction)
{
    (void)target;
    (void)reduction;
    return fr_sum(fr_mul(y, fr_reshape(fr_cos(fr_arange(0, (double)fr_numel(y), 1, FR_F32)), fr_shape_of(y))));
}

/* A module whose parameters are the floating inputs of the case. NULL: an input is not there or has no values. */
static fr_module *module_of(const fr_case *c, const fr_tensors *golden)
{
    fr_module *m = fr_module_new("Case", sizeof(net), run_case);
    net *self = fr_self(m);
    const char *text = c->inputs;

    self->c = c;
    for (; *(text += strspn(text, " ")); self->n++) {
        int length = (int)strcspn(text, " ");
        char key[512], name[] = { 'p', (char)('a' + self->n), '\0' };
        fr_tensor *t;

        snprintf(key, sizeof key, "%s %c %.*s", c->name, 'a' + self->n, length, text);
        t = fr_tensors_find(golden, key);
        if (!t || fr_numel(t) == 0 || self->n == MAX_INPUTS) {
            fr_module_free(m);
            return NULL;
        }
        self->in[self->n] = strchr("ib", *text) ? (fr_dtype_of(t) == FR_I64 ? t : fr_cast(t, FR_F32))
                                                : fr_module_param(m, name, fr_clone(fr_cast(t, FR_F32)));
        text += length;
    }
    return m;
}

static void compare(const char *what, const fr_tensor *got, const fr_tensor *before, const fr_tensor *gradient)
{
    for (int64_t i = 0; i < fr_numel(got); i++) {
        double a = fr_at(got, i), b = fr_at(before, i), g = gradient ? fr_at(gradient, i) : 0, expected = b - g;
        bool near = fabs(a - expected) <= 2e-5 * fmax(1, fmax(fabs(b), fabs(g)));

        ck_assert_msg(near || !isfinite(expected), "%s %lld: %.9g, expected %.9g - %.9g", what, (long long)i, a, b, g);
    }
}

/* The exported step, and the library's gradients. */
static void check_gradients(const fr_op *op, fr_module *m, fr_tensor *x)
{
    static const char *const main_c =
        "#include \"net.h\"\n#include <stdio.h>\nstatic net_training s;\nint main(void)\n{\n"
        "    static const float x[1];\n    static unsigned char bytes[NET_FILE_BYTES];\n\n    net_init(&s);\n"
        "    fprintf(stderr, \"%.9g\", (double)net_train(&s, x, x));\n    return fwrite(bytes, 1, net_save(&s, bytes), "
        "stdout) != sizeof bytes;\n}\n";
    char path[PATH], what[256];
    FILE *f = fopen(in_folder("main.c", path), "w");
    fr_tensors *after;
    fr_tensor *loss;
    double got;
    const net *self = fr_self(m);

    ck_assert(f && fputs(main_c, f) >= 0 && fclose(f) == 0);
    ck_assert_msg(shell("%s " STRICT " -O0 -o '%2$s/net' '%2$s/main.c' '%2$s/net.c' -lm", compiler("CC", "cc")),
                  "%s/%s", op->name, self->c->name);
    ck_assert(shell("cd '%2$s' && ./net > after.safetensors 2> loss", ""));
    loss = weigh(fr_forward(m, x), x, FR_MEAN);
    ck_assert(fr_backward(loss));
    f = fopen(in_folder("loss", path), "r");
    ck_assert(f && fscanf(f, "%lf", &got) == 1 && fclose(f) == 0);
    ck_assert_msg(fabs(got - fr_item(loss)) <= 1e-5 * fmax(1, fabs(fr_item(loss))) || !isfinite(fr_item(loss)),
                  "%s/%s: loss %.9g, expected %.9g", op->name, self->c->name, got, fr_item(loss));
    after = fr_load(in_folder("after.safetensors", path));
    ck_assert_ptr_nonnull(after);
    for (int i = 0; i < fr_tensors_count(after); i++) {
        fr_tensor *before = fr_module_find(m, fr_tensors_name(after, i));

        snprintf(what, sizeof what, "%s/%s %s", op->name, self->c->name, fr_tensors_name(after, i));
        compare(what, fr_tensors_at(after, i), before, fr_grad(before));
    }
    fr_tensors_free(after);
}

/* False for a case that is refused. */
static bool check_case(const fr_op *op, const fr_case *c, const fr_tensors *golden)
{
    FR_SCOPE;
    fr_module *m = module_of(c, golden);
    fr_optim *o = m ? fr_sgd(m, &(fr_sgd_options){ .lr = 1 }) : NULL;
    fr_tensor *x = fr_zeros(FR_SHAPE(1));
    fr_export_c_training training = { .loss = weigh, .target = x, .optimiser = o };
    char path[PATH];
    bool ok =
        o && fr_export_c_with(m, x, in_folder("net.c", path), &(fr_export_c_options){ .training = &training }, NULL);

    fr_error_clear();
    if (ok)
        check_gradients(op, m, x);
    fr_optim_free(o);
    fr_module_free(m);
    return ok;
}

static bool is_without(const fr_op *op)
{
    for (size_t i = 0; i < sizeof without / sizeof *without; i++)
        if (strcmp(without[i], op->name) == 0)
            return true;
    return !op->backward && !op->backward_kernel && !op->definition;
}

START_TEST(an_op_has_the_same_gradients)
{
    FR_SCOPE;
    const fr_op *op = fr_op_at(_i);
    char name[256];
    fr_tensors *golden;
    int checked = 0;

    snprintf(name, sizeof name, "golden/ops/%s.safetensors", op->name);
    golden = fr_load(test_file(name));
    for (const fr_case *c = op->cases; golden && c && c->name && checked < CASES; c++)
        checked += c->torch && !c->no_grad && check_case(op, c, golden);
    fr_error_clear();
    ck_assert_msg(checked > 0 || is_without(op), "%s: no case was exported", op->name);
    if (golden)
        fr_tensors_free(golden);
}
END_TEST

int main(void)
{
    TCase *exported = tcase_create("exported");
    int ops = 0;

    while (fr_op_at(ops))
        ops++;
    tcase_set_timeout(exported, 60);
    tcase_add_checked_fixture(exported, make_folder, remove_folder);
    tcase_add_loop_test(exported, an_op_has_the_same_gradients, 0, ops);
    return run_tests("export_gradients", exported);
}
