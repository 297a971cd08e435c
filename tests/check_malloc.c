/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Running out of memory. Each scenario runs many times; each time another one of its allocations fails, first alone and
 * then with all that follow. The scenario must succeed or report "out of memory", and must leak no block.
 *
 * The linker replaces malloc by __wrap_malloc, and its relatives likewise (--wrap). Each run has its own thread, so
 * that it starts empty and the memory that the library keeps for a thread is counted too. */
#include <config.h>

#include "core/live_tensors.h"
#include "core/random.h"
#include "core/thread.h"
#include "log/metrics_csv.h"
#include "testing.h"

#include <frond/transport.h>

#include <dirent.h>
#include <fcntl.h>
#include <frond/op.h>
#include <jansson.h>
#include <pthread.h>
#include <unistd.h>

/* --- Allocation -------------------------------------------------------------------------------------------------- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void __real_free(void *block);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void __wrap_free(void *block);

/* These belong to the thread that runs a scenario: the test's own allocations do not count. */
static _Thread_local bool counts, from_then_on, has_failed;
static _Thread_local long countdown = -1; /* allocations until one fails; -1: none fails */

/* The set of blocks that are not freed yet. A counter would not do: the library also frees blocks that the C library
 * allocated (in getline). A hash table by address with linear probing; only one thread uses it at a time. */
enum { SLOTS = 1 << 16 };
static void *live[SLOTS];
static long blocks;

static size_t slot_of(const void *block)
{
    size_t i = (uintptr_t)block / 16 * 0x9e3779b97f4a7c15U >> 48;

    while (live[i] && live[i] != block)
        i = (i + 1) % SLOTS;
    return i;
}

static void *noted(void *block)
{
    if (counts && block) {
        live[slot_of(block)] = block;
        blocks++;
    }
    return block;
}

static void forget(const void *block)
{
    size_t hole = block ? slot_of(block) : 0;

    if (!block || !live[hole])
        return;
    blocks--;
    live[hole] = NULL;
    for (size_t i = (hole + 1) % SLOTS; live[i]; i = (i + 1) % SLOTS) { /* later blocks may move closer to their slot */
        void *moved = live[i];

        live[i] = NULL;
        live[slot_of(moved)] = moved;
    }
}

static bool fails(void)
{
    if (countdown < 0 || countdown-- > 0)
        return false;
    if (from_then_on)
        countdown = 0;
    has_failed = true;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : noted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : noted(__real_calloc(count, size));
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : noted(__real_aligned_alloc(alignment, size));
}

void *__wrap_realloc(void *block, size_t size)
{
    if (fails())
        return NULL;
    forget(block);
    return noted(__real_realloc(block, size));
}

void __wrap_free(void *block)
{
    forget(block);
    __real_free(block);
}

/* --- Scenarios: each returns true if all of it succeeded --------------------------------------------------------- */

/* Replaces ck_assert, which allocates. */
static void must(bool holds, const char *what)
{
    if (!holds)
        ck_abort_msg("%s", what);
}

static void count_release(void *memory, void *user)
{
    (void)memory;
    ++*(int *)user;
}

static bool make_tensors(void)
{
    static double memory[6];
    int released = 0;
    bool ok;
    {
        FR_SCOPE;
        FR_SCOPE;
        fr_tensor *view = fr_tensor_view(FR_SHAPE(2, 3), memory, FR_F64, count_release, &released);

        ok = view && fr_zeros(FR_SHAPE(3)) && fr_ones_like(view) && fr_eye(3) && fr_scalar(2) &&
             fr_arange(0, 5, 1, FR_I64) && fr_arange(0, 5, 1, FR_F32) && fr_tensor_from(FR_SHAPE(2), memory, FR_F32) &&
             fr_from_doubles(FR_SHAPE(2), memory) && fr_randn(FR_SHAPE(20)) && fr_randint(0, 5, FR_SHAPE(3)) &&
             fr_randperm(7) && fr_escape(fr_rand(FR_SHAPE(100000))) && fr_detach(view) && fr_clone(view) &&
             fr_copy(fr_slice(view, 1, 1, 3, 1), fr_slice(view, 1, 0, 2, 1));
        for (int i = 0; i < 100; i++) /* makes the scopes' array of tensors grow */
            ok = fr_detach(view) && ok;
    }
    must(released == 1, "release is called once");
    return ok;
}

static bool many_scopes(void)
{
    int outer = fr_scope_begin();
    bool ok = outer >= 0;

    for (int i = 0; i < 200; i++)
        ok = fr_scope_begin() >= 0 && ok;
    fr_scope_end(outer);
    return ok;
}

static bool apply_ops(void)
{
    FR_SCOPE;
    fr_tensor *x = fr_requires_grad(fr_ones(FR_SHAPE(3, 4))), *many[12], *t;

    for (int i = 0; i < 12; i++)
        many[i] = fr_transpose(x, 0, 1);
    t = fr_cat(many, 12, 0);
    t = fr_linear(fr_reshape(t, FR_SHAPE(-1, 3)), fr_ones(FR_SHAPE(2, 3)), fr_ones(FR_SHAPE(2)));
    t = fr_mean(fr_tanh(fr_matmul(t, fr_ones(FR_SHAPE(2, 2)))));
    return fr_stack(many, 12, 1) && fr_cast(x, FR_F64) && t;
}

static bool same(const fr_tensor *a, const fr_tensor *b)
{
    return (!a && !b) || fr_equal(a, b);
}

static fr_tensor *double_it(fr_tensor *gradient, void *user)
{
    (void)user;
    return fr_mul_scalar(gradient, 2);
}

/* A failed backward changes no leaf. The gradients of the last two leaves are expanded views and must be copied. */
static bool walk_back(void)
{
    enum { LEAVES = 4 };
    FR_SCOPE;
    fr_tensor *leaves[LEAVES];
    bool ok = true;

    for (int i = 0; i < LEAVES; i++)
        leaves[i] = fr_requires_grad(fr_ones(FR_SHAPE(3, 3)));
    fr_on_gradient(leaves[0], double_it, NULL);
    for (int step = 0; step < 2 && ok; step++) {
        FR_SCOPE;
        fr_tensor *w = leaves[0], *x = leaves[1], *before[LEAVES] = { NULL };
        fr_tensor *y = fr_add(fr_sum(fr_tanh(fr_linear(x, w, NULL))), fr_sum(fr_add(fr_transpose(w, 0, 1), x)));

        y = fr_add(y, fr_add(fr_sum(leaves[2]), fr_sum(leaves[3])));
        for (int i = 0; i < LEAVES && step > 0; i++)
            before[i] = fr_clone(fr_grad(leaves[i]));
        if (fr_error_message())
            return false;
        ok = fr_backward(y);
        countdown = ok ? countdown : -1;
        for (int i = 0; i < LEAVES && !ok; i++)
            must(same(fr_grad(leaves[i]), before[i]), "a failed backward changes nothing");
    }
    return ok;
}

static bool differentiate_twice(void)
{
    FR_SCOPE;
    fr_tensor *x = fr_requires_grad(fr_ones(FR_SHAPE(2, 3))), *w = fr_requires_grad(fr_ones(FR_SHAPE(4, 3)));
    fr_tensor *xs[] = { x, w }, *d[2] = { x, x }, *dd[2] = { x, x };
    fr_tensor *y = fr_sum(fr_square(fr_tanh(fr_linear(x, w, NULL))));
    bool ok = fr_gradients(y, xs, 2, d, FR_CREATE_GRAPH);

    must(ok || (!d[0] && !d[1]), "gradients that failed are NULL");
    ok = ok && fr_gradients(fr_sum(fr_square(d[1])), xs, 2, dd, 0);
    return ok;
}

static fr_tensor *small_step(fr_tensor *const *in, void *user)
{
    fr_tensor *w = user, *y = fr_tanh(fr_add(fr_matmul(fr_transpose(in[0], 0, 1), w), fr_arange(0, 2, 1, FR_F32)));

    fr_zero_grad(w);
    return fr_backward(fr_mean(fr_square(fr_dropout(y, 0.5)))) ? fr_add(y, fr_sum(fr_grad(w))) : NULL;
}

static bool capture_and_replay(void)
{
    FR_SCOPE;
    fr_tensor *w = fr_requires_grad(fr_ones(FR_SHAPE(3, 2))), *x = fr_ones(FR_SHAPE(3, 4)),
              *y = fr_ones(FR_SHAPE(3, 5));
    fr_captured *c = w && x && y ? fr_capture(small_step, w) : NULL;
    fr_captured_report report;
    bool ok = c && fr_captured_run(c, &x, 1) && fr_captured_run(c, &y, 1) && fr_captured_run(c, &x, 1) &&
              fr_captured_run(c, &y, 1) && fr_captured_info(c, &report);

    must(!ok || report.shapes == 2, "there are two replays");
    fr_captured_free(c);
    return ok;
}

/* A graph of a hundred nodes makes the lists of a backward pass grow. */
static bool wide_graph(void)
{
    FR_SCOPE;
    fr_tensor *x = fr_requires_grad(fr_ones(FR_SHAPE(2))), *sum = x, *dx;

    for (int i = 0; i < 100; i++)
        sum = fr_add(sum, fr_mul_scalar(x, i));
    return fr_gradients(fr_sum(sum), &x, 1, &dx, FR_RETAIN_GRAPH) && fr_backward(fr_sum(sum));
}

static bool recurrent(void)
{
    FR_SCOPE;
    fr_tensor *w_ih = fr_requires_grad(fr_ones(FR_SHAPE(12, 2))), *w_hh = fr_requires_grad(fr_ones(FR_SHAPE(12, 3)));
    fr_recurrent r = fr_lstm(fr_ones(FR_SHAPE(4, 2, 2)), NULL, NULL, w_ih, w_hh, NULL, NULL, NULL, NULL);

    return r.out && fr_backward(fr_sum(fr_add(fr_sum(r.out), fr_sum(r.c))));
}

/* A weight that failed to be made is not taken for a missing weight. */
static bool lose(void)
{
    FR_SCOPE;
    fr_tensor *x = fr_requires_grad(fr_ones(FR_SHAPE(4, 3))), *y = fr_full_like(x, 0.25), *dx;
    fr_bce_with_logits_options answers = { .weight = fr_ones(FR_SHAPE(4, 1)), .pos_weight = fr_ones(FR_SHAPE(3)) };
    fr_cross_entropy_options classes = {
        .weight = fr_ones(FR_SHAPE(3)), .label_smoothing = 0.1, .ignore = true, .ignore_index = -1
    };
    fr_tensor *a = fr_bce_with_logits_with(x, y, &answers);
    fr_tensor *b = fr_cross_entropy_with(x, fr_arange(-1, 3, 1, FR_I64), &classes);

    must(!a || (answers.weight && answers.pos_weight), "bce_with_logits without a weight that failed");
    must(!b || classes.weight, "cross_entropy without the weight that failed");
    return fr_gradients(fr_add(a, b), &x, 1, &dx, FR_CREATE_GRAPH) && fr_sum(dx);
}

static fr_tensor *product(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_mul(fr_tanh(in[0]), in[1]);
}

static bool check_gradients(void)
{
    FR_SCOPE;
    fr_tensor *xs[2] = { fr_requires_grad(fr_tensor_from(FR_SHAPE(1), (double[]){ 1 }, FR_F64)),
                         fr_requires_grad(fr_tensor_from(FR_SHAPE(1), (double[]){ 2 }, FR_F64)) };

    return xs[0] && xs[1] && fr_gradcheck(product, xs, 2, NULL) && fr_gradgradcheck(product, xs, 2, NULL);
}

static fr_tensor *tangent_of_product(fr_tensor *const *in, void *user)
{
    fr_tensor *y, *dy;

    return fr_jvp(product, in, in, 2, user, &y, &dy) ? fr_linear(dy, y, NULL) : NULL;
}

/* Forward mode, nested and recorded, through ops with a jvp and one without. */
static bool forward_mode(void)
{
    FR_SCOPE;
    fr_tensor *xs[2] = { fr_requires_grad(fr_ones(FR_SHAPE(1, 2))), fr_ones(FR_SHAPE(1, 2)) }, *y, *dy;
    bool ok = fr_jvp(tangent_of_product, xs, xs, 2, NULL, &y, &dy);

    must(ok == (y && dy), "results of a failed jvp are NULL");
    return ok && fr_backward(fr_sum(fr_logsumexp(dy)));
}

static fr_tensor *sum_of_product(fr_tensor *const *in, void *user)
{
    return fr_sum(product(in, user));
}

static bool whole_functions(void)
{
    FR_SCOPE;
    fr_tensor *xs[2] = { fr_ones(FR_SHAPE(2)), fr_ones(FR_SHAPE(2)) }, *out[4] = { NULL }, *y;

    return fr_vjp(product, xs, 2, NULL, xs[0], 0, &y, out) && fr_hvp(sum_of_product, xs, xs, 2, NULL, 0, &y, out) &&
           fr_jacobian(product, xs, 2, NULL, 0, out) && fr_hessian(sum_of_product, xs, 2, NULL, 0, out) &&
           fr_jacobian(product, (fr_tensor *[]){ fr_ones(FR_SHAPE(1)), fr_ones(FR_SHAPE(1)) }, 2, NULL, 0, out);
}

static fr_tensor *tall(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_mul(fr_expand(in[0], FR_SHAPE(3)), in[0]);
}

static bool by_columns(void)
{
    FR_SCOPE;
    fr_tensor *x = fr_ones(FR_SHAPE(1)), *out;

    return fr_jacobian(tall, &x, 1, NULL, 0, &out);
}

static bool checkpoints(void)
{
    FR_SCOPE;
    fr_tensor *xs[2] = { fr_requires_grad(fr_ones(FR_SHAPE(2))), fr_ones(FR_SHAPE(2)) };
    fr_tensor *y = fr_checkpoint(product, xs, 2, NULL), *dx;

    return fr_gradients(fr_sum(y), xs, 1, &dx, FR_RETAIN_GRAPH) && fr_backward(fr_sum(y));
}

static bool reports(void)
{
    FR_SCOPE;
    fr_tensor *x = fr_requires_grad(fr_ones(FR_SHAPE(2)));
    char text[4096] = "";
    FILE *file = fmemopen(text, sizeof text, "w");
    bool ok;

    must(file != NULL, "a file in memory opens");
    fr_track_live(true);
    ok = fr_explain(file, fr_sum(fr_tanh(x))) && fr_live_report(file);
    fr_track_live(false);
    fclose(file);
    must(!strstr(text, "made before") || strstr(text, "\n1 of them were made before") ||
             strstr(text, "\n2 of them were made before"),
         "x alone was made before, and one tensor is not noted");
    return ok;
}

static bool pictures(void)
{
    FR_SCOPE;
    fr_module *m = fr_nn_sequential(1, (fr_module *[]){ fr_nn_lstm(1, 2, NULL) });
    fr_graph_dot_options options = { .module = m, .values = true, .gradients = true, .unroll = true };
    fr_tensor *x = fr_ones(FR_SHAPE(2, 1, 1));
    FILE *file = fopen("/dev/null", "w");
    bool ok;

    must(file != NULL, "/dev/null opens");
    ok = m && fr_module_summary(file, m, x) && fr_graph_dot_with(file, fr_sum(fr_forward(m, x)), &options) &&
         fr_explain_html_with(file, fr_sum(fr_forward(m, x)), &(fr_explain_html_options){ .module = m });
    fclose(file);
    fr_module_free(m);
    return ok;
}

static bool go_on(const fr_backward_step *step, void *user)
{
    return step && !user;
}

static bool explanations(void)
{
    FR_SCOPE;
    fr_module *m = fr_nn_linear(1, 2, NULL);
    fr_explain_options text = { .module = m, .unfold = true }, table = { .unfold = true, .trace_table = true };
    fr_tensor *y = m ? fr_sum(fr_softmax(fr_forward(m, fr_ones(FR_SHAPE(1, 1))), 1)) : NULL;
    FILE *file = fopen("/dev/null", "w");
    bool ok;

    must(file != NULL, "/dev/null opens");
    ok = y && fr_explain_with(file, y, &text) && fr_explain_with(file, y, &table) && fr_backward_steps(y, go_on, NULL);
    fclose(file);
    fr_module_free(m);
    return ok;
}

static bool anomalies(void)
{
    FR_SCOPE;
    bool ok;

    fr_detect_anomaly(true);
    ok = fr_backward(fr_sum(fr_tanh(fr_requires_grad(fr_ones(FR_SHAPE(2))))));
    fr_detect_anomaly(false);
    return ok;
}

/* --- Scenarios of the parts above the graph ---------------------------------------------------------------------- */

static fr_module *make_model(void)
{
    fr_recurrent_options options = { .num_layers = 2, .bidirectional = true, .batch_first = true };
    fr_module *layers[] = { fr_nn_gru(2, 3, &options), fr_nn_dropout(0.5), fr_nn_linear(6, 1, NULL), fr_nn_sigmoid() };

    return fr_nn_sequential(4, layers);
}

/* Dropout of packed rows, learned initial states, layer normalisation, then steps of a cell. */
static bool run_recurrent_modules(void)
{
    fr_recurrent_options options = { .num_layers = 2, .dropout = 0.5, .learn_initial = true, .batch_first = true };
    fr_module *layers = fr_nn_lstm(2, 3, &options), *cell = fr_nn_gru_cell(3, 2, NULL);
    fr_module *normed = fr_nn_gru(3, 3, &(fr_recurrent_options){ .layer_norm = true, .batch_first = true });
    fr_recurrent kept = { 0 };
    bool ok = false;

    if (layers && cell && normed) {
        FR_SCOPE;
        fr_tensor *x = fr_ones(FR_SHAPE(3, 4, 2)), *lengths = fr_arange(2, 5, 1, FR_I64);
        fr_recurrent y = fr_recurrent_forward_lengths(
            normed, fr_recurrent_forward_lengths(layers, x, NULL, lengths).out, NULL, lengths);
        fr_recurrent state = fr_cell_forward(cell, fr_select(y.out, 1, 0), NULL);

        state = fr_cell_forward(cell, fr_select(y.out, 1, 1), &state);
        ok = state.h && fr_backward(fr_sum(state.h)) && fr_recurrent_keep(&kept, &state);
        must(ok == (kept.h != NULL), "what could not be kept is not there");
        fr_recurrent_keep(&kept, NULL);
        if (ok) {
            FR_NO_GRAD;
            ok = fr_forward(layers, x);
        }
    }
    fr_module_free(layers);
    fr_module_free(cell);
    fr_module_free(normed);
    return ok;
}

static bool train(void)
{
    fr_module *m = make_model();
    fr_optim *o = fr_adam(m, &(fr_adam_options){ .lr = 0.1 });
    bool ok = o != NULL;

    for (int i = 0; i < 2 && ok; i++) {
        FR_SCOPE;
        fr_tensor *y = fr_forward(m, fr_ones(FR_SHAPE(2, 4, 2)));

        fr_optim_zero_grad(o);
        ok = fr_backward(fr_bce(y, fr_ones(FR_SHAPE(2, 4, 1)), FR_MEAN)) && fr_optim_step(o);
    }
    fr_optim_free(o);
    fr_module_free(m);
    return ok;
}

/* A second rank that does what the first one does: it sends the same. */
static void *mirror(fr_transport *t, int channel, const void *from, void *into, size_t bytes)
{
    (void)channel;
    for (int r = 0; r < t->size; r++)
        memcpy((char *)into + (size_t)r * bytes, from, bytes);
    return t;
}

static void *mirror_block(fr_transport *t, int channel, const void *from, void *into, size_t bytes)
{
    return mirror(t, channel, from, into, bytes); /* block `rank` of what each sends, and rank is 0 */
}

static int is_done(fr_transport *t, void *request)
{
    (void)t, (void)request;
    return 1;
}

static void end_mirror(fr_transport *t)
{
    (void)t;
}

static bool train_in_group(void)
{
    FR_SCOPE;
    fr_transport t = { 0, 2, mirror, mirror_block, is_done, end_mirror, end_mirror, NULL };
    fr_module *m = fr_nn_linear(2, 1, NULL), *unused = fr_nn_linear(2, 1, NULL);
    fr_optim *o = fr_sgd(m, NULL);
    fr_tensor *x = fr_ones(FR_SHAPE(4, 2)), *y = fr_ones(FR_SHAPE(4, 1));
    fr_loader *l = fr_loader_new(FR_TENSORS(x, y), &(fr_loader_options){ .batch_size = 2 });
    bool ok = o && l && fr_optim_add_group(o, unused) == 1 && fr_distributed_begin(&t, 1) && fr_optim_distributed(o) &&
              fr_loader_distributed(l);
    fr_tensor *const *batch = ok ? fr_loader_next(l) : NULL;

    ok = batch && fr_backward(fr_mse(fr_forward(m, batch[0]), batch[1], FR_MEAN)) && fr_optim_step(o) &&
         fr_all_reduce(x) && fr_broadcast(&y, 1);
    fr_loader_free(l);
    fr_optim_free(o);
    fr_module_free(m);
    fr_module_free(unused);
    fr_distributed_finalize();
    return ok;
}

static fr_tensor *distance(void *user)
{
    fr_module *m = user;
    int n;
    fr_tensor *const *p = fr_module_parameters(m, &n);
    fr_tensor *v = p ? fr_parameters_to_vector(p, n) : NULL, *loss = v ? fr_sum(fr_exp(fr_square(v))) : NULL;

    return loss && fr_module_zero_grad(m) && fr_backward(loss) ? loss : NULL;
}

/* L-BFGS; a history that is full. */
static bool minimise(void)
{
    fr_module *m = fr_nn_linear(2, 2, NULL);
    fr_optim *o = fr_lbfgs(m, &(fr_lbfgs_options){ .max_iter = 3, .history_size = 1, .strong_wolfe = true });
    bool ok = o && !isnan(fr_optim_step_closure(o, distance, m)) && !isnan(fr_optim_step_closure(o, distance, m));

    fr_optim_free(o);
    fr_module_free(m);
    return ok;
}

static fr_tensor *see_x(fr_module *m, fr_tensor *x, void *user)
{
    (void)m;
    (void)user;
    return fr_mul_scalar(x, 2);
}

/* Cloning, tying, other parameters, parameters as a vector, a hook before forward. */
static bool whole_modules(void)
{
    FR_SCOPE;
    fr_module *m = make_model(), *copy = m ? fr_module_clone(m) : NULL;
    fr_tensor *bias = m ? fr_module_find(m, "2.bias") : NULL, *x = fr_ones(FR_SHAPE(2, 4, 2));
    int n = 0;
    fr_tensor *const *p = copy ? fr_module_parameters(copy, &n) : NULL;
    fr_tensor *v = p ? fr_parameters_to_vector(p, n) : NULL;
    bool ok = v && bias && x && fr_functional_call(m, p, n, x) && fr_module_share(copy, "2.bias", bias) &&
              fr_module_on_forward_pre(m, see_x, NULL) && fr_backward(fr_sum(fr_forward(m, x)));

    p = ok ? fr_module_parameters(m, &n) : NULL;
    ok = p && fr_vector_to_parameters(v, p, n);
    fr_module_free(copy);
    fr_module_free(m);
    return ok;
}

static double same_rate(int64_t epoch, int group, void *user)
{
    (void)epoch;
    (void)group;
    (void)user;
    return 1;
}

/* Groups of parameters, whose number stays the same if making one fails; schedulers. */
static bool schedule(void)
{
    FR_SCOPE;
    fr_module *m = make_model();
    fr_tensor *bias = m ? fr_module_find(m, "2.bias") : NULL, *x = fr_ones(FR_SHAPE(2));
    fr_optim *o = fr_rmsprop(m, &(fr_rmsprop_options){ .centered = true, .momentum = 0.5 });
    fr_scheduler *s = fr_lambda_lr(o, same_rate, NULL);
    double least[] = { 0.1, 0.1, 0.1 };
    bool ok = s && x && bias && fr_optim_split(o, &bias, 1) >= 0 && fr_optim_add_parameters(o, &x, 1) >= 0;

    must(!o || fr_optim_groups(o) == 3 || !ok, "three groups");
    ok = ok && fr_scheduler_step(s);
    fr_scheduler_free(s);

    fr_scheduler *parts[] = { ok ? fr_linear_lr(o, 0.1, 1, 3) : NULL,
                              ok ? fr_multi_step_lr(o, (int64_t[]){ 1 }, 1, 1) : NULL,
                              ok ? fr_one_cycle_lr(o, 1, 9, &(fr_one_cycle_options){ .max_lrs = least }) : NULL };
    fr_scheduler *whole = ok ? fr_sequential_lr(o, parts, 3, (int64_t[]){ 1, 2 }) : NULL;
    fr_scheduler *plateau = ok ? fr_reduce_lr_on_plateau(o, &(fr_plateau_options){ .min_lrs = least }) : NULL;

    for (int i = 0; i < 4 && whole; i++)
        ok = fr_scheduler_step(whole) && ok;
    ok = ok && whole && plateau && fr_scheduler_step_metric(plateau, 1);
    fr_scheduler_free(plateau);
    fr_scheduler_free(whole);
    fr_optim_free(o);
    fr_module_free(m);
    return ok;
}

/* A failure leaves the count of batches and the running statistics consistent: both are updated, or neither. */
static bool normalise(void)
{
    FR_SCOPE;
    fr_module *layers[] = { fr_nn_embedding(5, 4, &(fr_embedding_options){ .padding = true }),
                            fr_nn_layer_norm(FR_SHAPE(4), NULL), fr_nn_rms_norm(FR_SHAPE(4), NULL),
                            fr_nn_batch_norm1d(3, NULL) };
    fr_module *m = fr_nn_sequential(4, layers);
    fr_tensor *y = m ? fr_forward(m, fr_randint(0, 5, FR_SHAPE(2, 3))) : NULL;
    bool ok = y && fr_backward(fr_sum(fr_square(y)));

    if (m) {
        const float *variance = fr_data(fr_module_find(m, "3.running_var"));
        const int64_t *count = fr_data(fr_module_find(m, "3.num_batches_tracked"));

        must((*variance != 1) == (*count == 1), "running statistics and their count differ");
    }
    fr_module_free(m);
    return ok;
}

/* The images are so large that the sum over them is cut into two slices. */
static bool convolve(void)
{
    FR_SCOPE;
    fr_module *layers[] = { fr_nn_conv2d(8, 16, FR_SHAPE(3), &(fr_conv_options){ .padding = FR_SHAPE(1) }),
                            fr_nn_max_pool2d(FR_SHAPE(2), NULL),
                            fr_nn_flatten(2, 3),
                            fr_nn_conv1d(16, 2, 3, NULL),
                            fr_nn_avg_pool1d(2, NULL),
                            fr_nn_adaptive_avg_pool1d(3) };
    fr_module *m = fr_nn_sequential(6, layers);
    fr_tensor *y = m ? fr_forward(m, fr_ones(FR_SHAPE(2, 8, 32, 32))) : NULL;
    bool ok = y && fr_backward(fr_sum(y));

    fr_module_free(m);
    return ok;
}

static fr_tensor *see_forward(fr_module *m, fr_tensor *x, fr_tensor *y, void *user)
{
    (void)m;
    (void)x;
    (void)user;
    return fr_mul_scalar(y, 2);
}

static fr_tensor *see_backward(fr_module *m, fr_tensor *grad_in, fr_tensor *grad_out, void *user)
{
    (void)m;
    (void)user;
    return grad_in ? fr_mul(grad_in, grad_out) : NULL;
}

static bool module_hooks(void)
{
    FR_SCOPE;
    fr_module *m = fr_nn_tanh();
    fr_tensor *x = fr_requires_grad(fr_ones(FR_SHAPE(2)));
    bool ok = fr_module_on_forward(m, see_forward, NULL) && fr_module_on_backward(m, see_backward, NULL) &&
              fr_backward(fr_sum(fr_forward(m, x))) && fr_module_off_forward(m, see_forward, NULL);

    fr_module_free(m);
    return ok;
}

static bool load_batches(void)
{
    FR_SCOPE;
    fr_tensor *tensors[] = { fr_ones(FR_SHAPE(7, 2)), fr_arange(0, 7, 1, FR_I64) };
    fr_loader *l = fr_loader_new(tensors, 2, &(fr_loader_options){ .batch_size = 3, .shuffle = true });
    int batches = 0;

    while (fr_loader_next(l))
        batches++;
    fr_loader_free(l);
    return batches == 3;
}

static char path[64]; /* a file of this process, for scenarios that read or write one */

static bool read_sequences(fr_sequences *s)
{
    FR_SCOPE;
    bool ok = s && fr_sequences_x(s) && fr_sequences_lengths(s) && fr_sequences_labels(s);

    fr_sequences_free(s);
    return ok;
}

static bool read_csv(void)
{
    return read_sequences(fr_read_csv(path, NULL));
}

static bool read_ts(void)
{
    return read_sequences(fr_read_ts(path));
}

static bool save_and_load(void)
{
    FR_SCOPE;
    fr_module *m = make_model();
    fr_tensors *ts = NULL;
    bool ok;

    ok = m && fr_save(m, path) && fr_load_into(m, path) && (ts = fr_load(path)) && fr_tensors_count(ts) > 0;
    fr_tensors_free(ts);
    fr_module_free(m);
    return ok;
}

static bool read_arrays(void)
{
    FR_SCOPE;
    char x[80];
    bool ok;

    snprintf(x, sizeof x, "%s.npy", path);
    ok = fr_save_npy(x, fr_ones(FR_SHAPE(3, 2))) && fr_save_npy(path, fr_ones(FR_SHAPE(3))) &&
         read_sequences(fr_read_sequences(x, &(fr_csv_options){ .labels = path }));
    unlink(x);
    return ok;
}

/* Arrays in C order and in Fortran order. */
static bool save_and_load_npy(void)
{
    FR_SCOPE;
    fr_tensor *x = fr_transpose(fr_ones(FR_SHAPE(2, 3)), 0, 1);

    return fr_save_npy(path, x) && fr_load_npy(path) && fr_save_npy(path, fr_slice(x, 0, 0, 3, 2)) && fr_load_npy(path);
}

/* Writes the header and the source, with the function for one step, weights in int8 and scratch memory. */
static bool export_c_with(const fr_export_c_options *options)
{
    FR_SCOPE;
    fr_module *parts[] = { fr_nn_lstm(2, 3, &(fr_recurrent_options){ .batch_first = true }), fr_nn_linear(3, 2, NULL) };
    fr_module *m = fr_nn_sequential(2, parts);
    char name[256];
    bool ok;

    snprintf(name, sizeof name, "%.200s.c", path);
    ok = m && fr_export_c_with(m, fr_ones(FR_SHAPE(2, options->open_length ? 5 : 3, 2)), name, options, NULL);
    fr_module_free(m);
    unlink(name);
    name[strlen(name) - 1] = 'h';
    unlink(name);
    return ok;
}

static bool export_c(void)
{
    return export_c_with(&(fr_export_c_options){ .int8 = true });
}

static bool export_c_open(void)
{
    return export_c_with(&(fr_export_c_options){ .open_batch = true, .open_length = true });
}

/* A training step, with the backward of a recurrent op as a whole, buffers that it changes, and Adam's state. */
static bool export_c_training(void)
{
    FR_SCOPE;
    fr_module *parts[] = { fr_nn_lstm(2, 3, &(fr_recurrent_options){ .batch_first = true }),
                           fr_nn_batch_norm1d(3, NULL), fr_nn_linear(3, 2, NULL) };
    fr_module *m = fr_nn_sequential(3, parts);
    fr_optim *o = m && fr_fake_quantize_weights(m) == 3 ? fr_adam(m, NULL) : NULL;
    fr_export_c_training training = { .loss = fr_mse, .target = fr_ones(FR_SHAPE(2, 3, 2)), .optimiser = o };
    char name[256];
    bool ok;

    snprintf(name, sizeof name, "%.200s.c", path);
    ok = o &&
         fr_export_c_with(m, fr_ones(FR_SHAPE(2, 3, 2)), name, &(fr_export_c_options){ .training = &training }, NULL);
    fr_optim_free(o);
    fr_module_free(m);
    unlink(name);
    name[strlen(name) - 1] = 'h';
    unlink(name);
    return ok;
}

/* Takes all batches of n datasets, of which some may be NULL, and frees them. */
static bool run_epoch(fr_dataset **d, int n)
{
    bool there = true;
    fr_loader *l = NULL;
    int batches = 0;

    for (int i = 0; i < n; i++)
        there = there && d[i];
    if (there)
        l = fr_loader_over(d, n, &(fr_loader_options){ .batch_size = 2, .shuffle = true, .shuffle_buffer = 2 });
    while (l && fr_loader_next(l))
        batches++;
    fr_loader_free(l);
    for (int i = 0; i < n; i++)
        fr_dataset_free(d[i]);
    return batches == 2;
}

static bool make_row(int64_t index, void *const *values, void *user)
{
    (void)user;
    *(float *)values[0] = (float)index;
    return true;
}

static bool run_datasets(void)
{
    FR_SCOPE;
    fr_dataset *d[] = { fr_dataset_tensors(FR_TENSORS(fr_ones(FR_SHAPE(3, 2)))),
                        fr_dataset_new(&(fr_dataset_options){ .rows = 3, .count = 1, .row = make_row }) };

    return run_epoch(d, 2);
}

static bool open_arrays(void)
{
    FR_SCOPE;
    fr_tensor *x = fr_ones(FR_SHAPE(3, 2));
    fr_dataset *d[2] = { NULL, NULL };

    if (!fr_save_npy(path, x))
        return false;
    d[0] = fr_open_npy(path);
    if (fr_save_tensors(path, (const char *[]){ "x" }, &x, 1))
        d[1] = fr_open_safetensors(path, "x");
    return run_epoch(d, 2);
}

static bool open_tables(void)
{
    static const char *const texts[] = { "\"a\",1,2,3\nb,4,5\n", "@classLabel true a b\n@data\n1,2,3:a\n" };
    char names[2][80];
    const char *const paths[] = { names[0], names[1] };
    fr_dataset *d = NULL;
    bool ok = true;

    for (int i = 0; i < 2; i++) {
        snprintf(names[i], sizeof names[i], "%s%s", path, i ? ".ts" : ".csv");
        ok = ok && fr_replace_file(names[i], texts[i], strlen(texts[i]));
    }
    if (ok)
        d = fr_open_sequences(paths, 2, NULL);
    ok = run_epoch(&d, 1);
    for (int i = 0; i < 2; i++)
        unlink(names[i]);
    return ok;
}

#ifdef HAVE_LIBZIP
static bool open_archive(void)
{
    FR_SCOPE;
    fr_tensor *x = fr_ones(FR_SHAPE(3, 2));
    fr_dataset *d = fr_save_npz(path, (const char *[]){ "x" }, &x, 1) ? fr_open_npz(path, "x") : NULL;

    return run_epoch(&d, 1);
}

static bool save_and_load_npz(void)
{
    FR_SCOPE;
    fr_tensor *x[] = { fr_ones(FR_SHAPE(2, 3)), fr_arange(0, 3, 1, FR_I64) };
    fr_tensors *ts = NULL;
    bool ok = fr_save_npz(path, (const char *[]){ "a", "b" }, x, 2) && (ts = fr_load_npz(path));

    fr_tensors_free(ts);
    return ok;
}
#endif

/* Whatever fails, the module stays whole: it runs, and its parameter is there or computed. */
static bool computed_parameters(void)
{
    FR_SCOPE;
    fr_module *m = fr_nn_linear(3, 2, NULL);
    fr_tensor *x = fr_ones(FR_SHAPE(1, 3));
    bool ok = m && fr_weight_norm(m, "bias", 0) && fr_spectral_norm(m, "weight", 1, 1e-12, -1) && fr_forward(m, x) &&
              fr_remove_parametrizations(m, "bias") && fr_remove_parametrizations(m, "weight") &&
              fr_fake_quantize_weights(m) == 1 && fr_forward(m, x);

    fr_module_free(m);
    return ok;
}

/* Ops that allocate memory while they run. */
static bool order_and_draw(void)
{
    FR_SCOPE;
    fr_tensor *x = fr_rand(FR_SHAPE(3, 5));

    return fr_sort(x, 1, true).values && fr_topk(x, 2, 0, false).indices && fr_multinomial(x, 2, false) &&
           fr_bernoulli(x) && fr_max_pool1d(x, 2, NULL) && fr_cumsum(x, 0);
}

#ifdef HAVE_PROTOBUF_C
static bool export_and_load_onnx(void)
{
    FR_SCOPE;
    fr_module *m = fr_nn_gru(2, 2, NULL), *back = NULL;
    bool ok = fr_export_onnx(m, fr_ones(FR_SHAPE(2, 1, 2)), path) && (back = fr_load_onnx(path)) &&
              fr_forward(back, fr_ones(FR_SHAPE(2, 1, 2)));

    fr_module_free(back);
    fr_module_free(m);
    return ok;
}
#endif

/* A run that cannot be loaded does not change. */
static bool save_and_resume(void)
{
    FR_SCOPE;
    fr_module *m = fr_nn_linear(2, 1, NULL);
    fr_optim *o = fr_adam(m, NULL);
    fr_scheduler *s = fr_exponential_lr(o, 0.5);
    fr_tensor *x = fr_ones(FR_SHAPE(6, 2));
    fr_loader *l = fr_loader_new(&x, 1, &(fr_loader_options){ .batch_size = 2, .shuffle = true });
    fr_tensor *const *batch = fr_loader_next(l);
    bool ok = s && batch && fr_backward(fr_sum(fr_forward(m, batch[0]))) && fr_optim_step(o);

    ok = ok && fr_save_training(path, m, o, l) && fr_scheduler_step(s);
    if (ok) {
        ok = fr_load_training(path, m, o, l);
        must(fr_optim_lr(o) == (ok ? 1e-3 : 5e-4), "a failed load changes nothing");
    }
    fr_loader_free(l);
    fr_scheduler_free(s);
    fr_optim_free(o);
    fr_module_free(m);
    return ok;
}

/* Removes the directory of log_run: each run starts without one. */
static void remove_run(void)
{
    DIR *d = opendir(path);
    const struct dirent *e;
    char file[512];

    while (d && (e = readdir(d))) {
        snprintf(file, sizeof file, "%s/%s", path, e->d_name);
        if (e->d_name[0] != '.')
            unlink(file);
    }
    if (d)
        closedir(d);
    rmdir(path);
}

static bool log_run(void)
{
    FR_SCOPE;
    fr_module *m = fr_nn_linear(2, 1, NULL);
    fr_tensor *loss = fr_sum(fr_tanh(fr_forward(m, fr_ones(FR_SHAPE(3, 2)))));
    fr_logger *log = NULL;
    fr_metrics read = { .count = 0 };
    bool ok = loss && (log = fr_log_open(path, &(fr_log_options){ .csv_only = !fr_log_has_events() })) &&
              fr_log_scalar(log, "loss", 1, 0.5) && fr_log_histogram(log, "h", 1, fr_full(FR_SHAPE(2), INFINITY)) &&
              fr_log_graph(log, loss, m) && fr_backward(loss) && fr_log_module(log, 1, m) && fr_log_flush(log);

    if (ok) {
        ok = fr_metrics_read("read", log, &read);
        fr_metrics_free(&read);
    }
    ok = fr_log_close(log) && ok;
    fr_module_free(m);
    remove_run();
    return ok;
}

/* With a program gnuplot that does nothing. */
static bool draw_plots(void)
{
    fr_logger *log = fr_log_open(path, &(fr_log_options){ .csv_only = true });
    bool ok = log && fr_log_scalar(log, "loss", 1, 0.5);
    char *before = strdup(getenv("PATH"));

    if (ok) {
        char gnuplot[512];
        int fd;

        snprintf(gnuplot, sizeof gnuplot, "%s/gnuplot", path);
        fd = open(gnuplot, O_WRONLY | O_CREAT, 0777);
        must(fd >= 0 && write(fd, "#!/bin/sh\n", 10) == 10 && close(fd) == 0, "a gnuplot is made");
        setenv("PATH", path, 1);
        ok = fr_log_can_plot(path) && fr_log_plot(log);
        setenv("PATH", before, 1);
    }
    __real_free(before);
    ok = fr_log_close(log) && ok;
    remove_run();
    return ok;
}

static bool replace_file(void)
{
    return fr_replace_file(path, "bytes", 5) && fr_replace_file(path, "others", 6);
}

static bool show_progress(void)
{
    fr_progress *p = fr_progress_new("train", 2, &(fr_progress_options){ .quiet = true });
    bool ok = p && fr_progress_value(p, "loss", 1) && fr_progress_value(p, "accuracy", 1) && fr_progress_step(p, 1);

    fr_progress_end(p);
    return ok;
}

static bool attend(void)
{
    FR_SCOPE;
    fr_transformer_encoder_layer_options options = { .dim_feedforward = 3, .dropout = 0.5, .batch_first = true };
    fr_module *layer = fr_nn_transformer_encoder_layer(2, 2, &options), *m = NULL;
    fr_attention_masks masks = { .is_causal = true };
    bool ok = false;

    if (layer) /* the encoder owns it from here on */
        m = fr_nn_transformer_encoder(layer, 2, fr_nn_layer_norm(FR_SHAPE(2), NULL));
    masks.attn_mask = fr_zeros(FR_SHAPE(3, 3));
    masks.attn_bias = fr_zeros(FR_SHAPE(3, 3));
    masks.key_padding_mask = fr_zeros(FR_SHAPE(1, 3));
    if (m && !fr_error_message())
        ok = fr_backward(fr_sum(fr_transformer_encoder_forward(m, fr_ones(FR_SHAPE(1, 3, 2)), &masks)));
    fr_module_free(m);
    return ok;
}

static bool initialise(void)
{
    FR_SCOPE;
    fr_tensor *t = fr_transpose(fr_zeros(FR_SHAPE(3, 5)), 0, 1);

    return fr_init_uniform(t, 0, 1) && fr_init_trunc_normal(t, 0, 1, -1, 1) && fr_init_trunc_normal(t, 0, 1, 2, 3) &&
           fr_init_eye(t) && fr_init_orthogonal(t, 1);
}

static bool keep_averages(void)
{
    fr_module *parts[] = { fr_nn_linear(2, 2, NULL), fr_nn_linear(2, 1, NULL) };
    fr_module *m = fr_nn_module_list(2, parts);
    fr_ema *e = m ? fr_ema_new(m, 0.9) : NULL;
    bool ok = e && fr_ema_update(e) && fr_ema_update(e) && fr_ema_swap(e) && fr_ema_swap(e) && fr_ema_copy_to(e, m);

    fr_ema_free(e);
    fr_module_free(m);
    return ok;
}

/* A module with one parameter under two names. */
static bool save_and_load_shared(void)
{
    FR_SCOPE;
    fr_module *m = fr_module_new("Shared", 0, NULL);
    fr_tensor *w = m ? fr_module_param(m, "w", fr_ones(FR_SHAPE(2))) : NULL;
    bool ok = w && fr_module_param(m, "alias", w) && fr_save(m, path) && fr_load_into(m, path);

    fr_module_free(m);
    return ok;
}

static const struct {
    const char *name;
    bool (*run)(void);
    const char *text; /* text of the file at path */
    bool by_jansson;  /* jansson's parser reports a lack of memory as bad text */
} scenarios[] = {
    { "make_tensors", make_tensors },
    { "many_scopes", many_scopes },
    { "apply_ops", apply_ops },
    { "walk_back", walk_back },
    { "differentiate_twice", differentiate_twice },
    { "wide_graph", wide_graph },
    { "capture_and_replay", capture_and_replay },
    { "recurrent", recurrent },
    { "lose", lose },
    { "check_gradients", check_gradients },
    { "run_recurrent_modules", run_recurrent_modules },
    { "forward_mode", forward_mode },
    { "whole_functions", whole_functions },
    { "by_columns", by_columns },
    { "checkpoints", checkpoints },
    { "reports", reports },
    { "pictures", pictures },
    { "explanations", explanations },
    { "anomalies", anomalies },
    { "module_hooks", module_hooks },
    { "train", train },
    { "train_in_group", train_in_group },
    { "minimise", minimise },
    { "whole_modules", whole_modules },
    { "schedule", schedule },
    { "normalise", normalise },
    { "convolve", convolve },
    { "load_batches", load_batches },
    { "order_and_draw", order_and_draw },
    { "computed_parameters", computed_parameters },
    { "read_csv", read_csv, "a,1,2,3\nb,4,5\na,6,7,8\n" },
    { "read_csv of many labels", read_csv,
      "a0,1\nb0,1\nc0,1\nd0,1\ne0,1\nf0,1\ng0,1\nh0,1\ni0,1\nj0,1\nk0,1\nl0,1\nm0,1\nn0,1\n"
      "o0,1\np0,1\nq0,1\nr0,1\ns0,1\nt0,1\nu0,1\nv0,1\nw0,1\nx0,1\ny0,1\nz0,1\na1,1\nb1,1\n"
      "c1,1\nd1,1\ne1,1\nf1,1\ng1,1\nh1,1\ni1,1\nj1,1\nk1,1\nl1,1\nm1,1\nn1,1\n" },
    { "read_ts", read_ts, "@univariate true\n@equalLength false\n@classLabel true a b\n@data\n1,2,3:a\n4,5:b\n" },
    { "save_and_load", save_and_load, .by_jansson = true },
    { "save_and_load_npy", save_and_load_npy },
    { "read_arrays", read_arrays },
    { "run_datasets", run_datasets },
    { "open_arrays", open_arrays, .by_jansson = true },
    { "open_tables", open_tables },
    { "export_c", export_c },
    { "export_c_training", export_c_training },
    { "export_c_open", export_c_open },
#ifdef HAVE_LIBZIP
    { "save_and_load_npz", save_and_load_npz },
    { "open_archive", open_archive },
#endif
#ifdef HAVE_PROTOBUF_C
    { "export_and_load_onnx", export_and_load_onnx },
#endif
    { "save_and_resume", save_and_resume, .by_jansson = true },
    { "log_run", log_run },
    { "draw_plots", draw_plots },
    { "replace_file", replace_file },
    { "show_progress", show_progress },
    { "attend", attend },
    { "initialise", initialise },
    { "keep_averages", keep_averages },
    { "save_and_load_shared", save_and_load_shared, .by_jansson = true },
};

/* --- Runs -------------------------------------------------------------------------------------------------------- */

typedef struct {
    int scenario;
    long fail_at;
    bool from_then_on;
    bool ok, failed;
    char message[256];
} attempt;

static void *run_attempt(void *user)
{
    attempt *a = user;

    counts = true; /* counts the thread's state too, so that it must be freed as well */
    fr_error_clear();
    from_then_on = a->from_then_on;
    countdown = a->fail_at;
    a->ok = scenarios[a->scenario].run();
    countdown = -1;
    a->failed = has_failed;
    snprintf(a->message, sizeof a->message, "%s", fr_error_message() ? fr_error_message() : "");
    return NULL;
}

/* Returns true if an allocation failed. If none did, the scenario has no further allocation to fail. */
static bool try_scenario(attempt *a)
{
    const char *name = scenarios[a->scenario].name;
    bool any_message = scenarios[a->scenario].by_jansson;
    size_t tensors = fr_live_tensors(), bytes = fr_live_bytes();
    long before = blocks;
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, run_attempt, a), 0);
    pthread_join(thread, NULL);
    fr_objects_empty();
    fr_headers_empty();
    fr_freed_blocks_empty();
    if (a->ok)
        ck_assert_msg(a->failed || !a->message[0], "%s: %s", name, a->message);
    else
        ck_assert_msg(a->failed && a->message[0] && (any_message || strstr(a->message, "out of memory")),
                      "%s, allocation %ld: \"%s\"", name, a->fail_at, a->message);
    ck_assert_msg(blocks == before, "%s, allocation %ld: %ld blocks leak", name, a->fail_at, blocks - before);
    ck_assert_msg(fr_live_tensors() == tensors && fr_live_bytes() == bytes, "%s, allocation %ld: tensors leak", name,
                  a->fail_at);
    return a->failed;
}

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    fclose(file);
}

START_TEST(each_allocation_fails)
{
    attempt a = { .scenario = _i, .fail_at = -1 };
    long count = 0;

    if (scenarios[_i].text)
        write_file(scenarios[_i].text);

    ck_assert(!try_scenario(&a) && a.ok);
    for (int both = 0; both < 2; both++)
        for (a.from_then_on = both, a.fail_at = 0; try_scenario(&a); a.fail_at++)
            count++;
    ck_assert_msg(count > 0, "%s allocates nothing", scenarios[_i].name);
    unlink(path);
}
END_TEST

int main(void)
{
    TCase *memory = tcase_create("memory");

    json_set_alloc_funcs(malloc, free); /* jansson must use the counted functions too */
    snprintf(path, sizeof path, "check_malloc.%ld.tmp", (long)getpid());
    tcase_add_loop_test(memory, each_allocation_fails, 0, (int)(sizeof scenarios / sizeof scenarios[0]));
    return run_tests("malloc", memory);
}
