/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* fr_fit: the loop over epochs and batches that most programs have, made of the functions that they would call. */
#include "core/options.h"
#include "core/scope.h"
#include "core/tensor.h"
#include "core/thread.h"
#include "data/loader.h"
#include "nn/module.h"
#include "optim/scheduler.h"

#include <frond/fit.h>
#include <frond/op.h>
#include <math.h>
#include <stdlib.h>

static const char name[] = "fit";

typedef struct {
    fr_module *m;
    fr_loss_function *loss;
    fr_optim *optim;
    fr_fit_options o;
    fr_fit_result result;
    const fr_named_tensor *state; /* of m, n entries */
    fr_tensor **best;             /* the state of the best epoch; references */
    int n, process;               /* 0: the one that writes */
} fit;

/* --- The accuracy ------------------------------------------------------------------------------------------------- */

fr_tensor *fr_accuracy(fr_tensor *logits, fr_tensor *target)
{
    const char *what = "accuracy";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    char given[2][FR_SHAPE_TEXT];
    int scope = fr_scope_begin();
    fr_tensor *y = NULL;

    if (scope >= 0 && fr_check_argument(what, logits, "logits") && fr_check_argument(what, target, "target")) {
        fr_tensor *class = logits->shape.ndim >= 2 && target->dtype == FR_I64 ? fr_argmax(logits, 1, false) : NULL;

        if (!class || !fr_shape_equal(&class->shape, &target->shape))
            fr_fail(what, "logits %s, target %s of %s: expected (B, C), (B) of int64, or (B, C, ...), (B, ...)",
                    fr_shape_text(&logits->shape, given[0]), fr_shape_text(&target->shape, given[1]),
                    fr_dtype_name((fr_dtype)target->dtype));
        else
            y = fr_escape(fr_mean(fr_cast(fr_eq(class, target), fr_default_dtype())));
    }
    fr_scope_end(scope);
    fr_finish(th, before);
    return y;
}

/* --- An epoch ----------------------------------------------------------------------------------------------------- */

/* Sums over the rows seen so far. */
enum { ROWS, LOSS, METRIC, SUMS };
typedef double sums[SUMS];

/* A number of one batch, times its rows. NaN with an error. */
static double weighted(fr_tensor *value, double rows)
{
    return rows > 0 ? fr_item(value) * rows : 0;
}

static bool learn(const fit *f, fr_tensor *loss)
{
    fr_optim_zero_grad(f->optim);
    return fr_backward(loss) && (f->o.clip_grad_norm == 0 || !isnan(fr_clip_grad_norm(f->m, f->o.clip_grad_norm))) &&
           fr_optim_step(f->optim);
}

/* One batch, in a scope of its own. weight: of its loss in that of the batch of all processes; 0: its row is not this
 * process's own. */
static bool run_batch(const fit *f, fr_tensor *const *batch, double weight, bool training, bool measure, sums s)
{
    FR_SCOPE;
    fr_tensor *y = f->o.forward ? f->o.forward(f->m, batch, f->o.user) : fr_forward(f->m, batch[0]);
    fr_tensor *loss = f->loss(y, batch[1], FR_MEAN);
    double rows = weight > 0 ? (double)batch[0]->shape.dim[0] : 0;

    if (!loss)
        return false;
    s[ROWS] += rows;
    s[LOSS] += weighted(loss, rows);
    if (measure) {
        FR_NO_GRAD;
        fr_tensor *value = f->o.metric(y, batch[1]);

        if (!value)
            return false;
        s[METRIC] += weighted(value, rows);
    }
    return !training || learn(f, weight == 1 ? loss : fr_mul_scalar(loss, weight));
}

/* One pass over the loader. False with an error. */
static bool run_epoch(const fit *f, fr_loader *loader, bool training, bool measure, sums s)
{
    fr_thread *th = fr_thread_self();
    fr_tensor *const *batch = NULL;
    bool ok = true;

    memset(s, 0, sizeof(sums));
    fr_train(f->m, training);
    while (ok && (batch = fr_loader_next_of(loader, 2)) != NULL)
        ok = run_batch(f, batch, loader->weight, training, measure, s);
    if (!ok)
        fr_loader_rewind(loader);
    if (!ok || th->errors.pending) /* the loader failed */
        return false;
    if (loader->shard.count && !loader->shard.sum(s, SUMS, loader->shard.user))
        return fr_fail(name, "the sum over the processes failed");
    if (s[ROWS] == 0)
        return fr_fail(name, "the %sloader has no batches", training ? "" : "validation ");
    s[LOSS] /= s[ROWS];
    s[METRIC] = measure ? s[METRIC] / s[ROWS] : (double)NAN;
    return true;
}

/* --- The best weights --------------------------------------------------------------------------------------------- */

static bool remember(fit *f)
{
    FR_SCOPE;
    FR_NO_GRAD;

    for (int i = 0; i < f->n; i++) {
        fr_tensor *copy = fr_clone(f->state[i].tensor);

        if (!copy)
            return false;
        fr_assign(&f->best[i], copy);
    }
    return true;
}

static bool restore(const fit *f)
{
    FR_SCOPE;
    FR_NO_GRAD;
    bool ok = true;

    for (int i = 0; ok && i < f->n && f->best[i]; i++)
        ok = fr_copy(f->state[i].tensor, f->best[i]) != NULL;
    return ok;
}

/* --- All epochs --------------------------------------------------------------------------------------------------- */

static void print_line(const fit *f, bool last)
{
    FILE *stream = f->o.stream ? f->o.stream : stderr;
    const fr_fit_result *r = &f->result;
    int64_t every = f->o.every ? f->o.every : 1;

    if (f->o.quiet || f->process > 0 || !(last || r->epochs % every == 0))
        return;
    fprintf(stream, "epoch %3lld  loss %.3f", (long long)r->epochs, r->loss);
    if (f->o.validation)
        fprintf(stream, "  validation %.3f", r->validation_loss);
    if (f->o.metric)
        fprintf(stream, "  %s %.3f", f->o.metric == fr_accuracy ? "accuracy" : "metric", r->metric);
    fprintf(stream, "\n");
}

static bool step_scheduler(const fit *f, double loss)
{
    if (!f->o.scheduler)
        return true;
    return f->o.scheduler->kind->wants_metric ? fr_scheduler_step_metric(f->o.scheduler, loss)
                                              : fr_scheduler_step(f->o.scheduler);
}

/* Runs an epoch and takes down what came of it. */
static bool measure_epoch(fit *f, fr_loader *loader, double *watched)
{
    fr_loader *validation = f->o.validation;
    fr_fit_result *r = &f->result;
    int no_grad;
    sums s;

    if (!run_epoch(f, loader, true, f->o.metric && !validation, s))
        return false;
    r->epochs++;
    r->loss = *watched = s[LOSS];
    r->metric = s[METRIC];
    if (validation) {
        no_grad = fr_no_grad_begin();
        if (!run_epoch(f, validation, false, f->o.metric != NULL, s))
            return fr_no_grad_end(no_grad), false;
        fr_no_grad_end(no_grad);
        r->validation_loss = *watched = s[LOSS];
        r->metric = s[METRIC];
    }
    return isfinite(*watched) || fr_fail(name, "the loss of epoch %lld is %g", (long long)r->epochs, *watched);
}

static bool run(fit *f, fr_loader *loader)
{
    fr_fit_result *r = &f->result;
    int64_t epochs = f->o.epochs ? f->o.epochs : 10;
    bool keep = f->o.validation && !f->o.keep_last, done = false;

    while (!done) {
        double watched;

        if (!measure_epoch(f, loader, &watched) || !step_scheduler(f, watched))
            return false;
        if (r->best_epoch == 0 || watched < r->best_loss) {
            r->best_loss = watched;
            r->best_epoch = r->epochs;
            if (keep && !remember(f))
                return false;
        }
        done = r->epochs == epochs || (f->o.patience > 0 && r->epochs - r->best_epoch >= f->o.patience);
        print_line(f, done);
        if (f->o.on_epoch && !f->o.on_epoch(r, f->o.user))
            done = true;
        if (fr_thread_self()->errors.pending) /* the callback failed */
            return false;
    }
    fr_train(f->m, false);
    return restore(f);
}

static bool check(const fit *f, fr_loader *loader)
{
    const fr_fit_options *o = &f->o;

    if (!fr_check_argument(name, f->m, "module") || !fr_check_argument(name, f->optim, "optimiser") ||
        !fr_check_argument(name, loader, "loader") || !fr_check_reserved(name, o->reserved) ||
        !fr_check_option(name, "clip_grad_norm", o->clip_grad_norm, INFINITY))
        return false;
    if (o->scheduler && !fr_check_argument(name, o->scheduler, "scheduler"))
        return false;
    if (!f->loss)
        return fr_fail(name, "loss is NULL, expected a function such as fr_mse");
    return (o->epochs >= 0 && o->patience >= 0 && o->every >= 0) ||
           fr_fail(name, "epochs %lld, patience %lld, every %lld, expected 0 or more", (long long)o->epochs,
                   (long long)o->patience, (long long)o->every);
}

bool fr_fit(fr_module *m, fr_loss_function *loss, fr_optim *o, fr_loader *loader, const fr_fit_options *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, name);
    fit f = { .m = m, .loss = loss, .optim = o };
    bool ok;

    if (options)
        f.o = *options;
    f.result.validation_loss = f.result.metric = f.result.loss = f.result.best_loss = NAN;
    ok = check(&f, loader);
    f.process = ok ? loader->shard.index : 0;
    ok = ok && (f.state = fr_module_state(m, &f.n)) != NULL;
    if (ok && !(f.best = calloc((size_t)f.n + 1, sizeof *f.best)))
        ok = fr_fail_memory(name);
    ok = ok && run(&f, loader);
    for (int i = 0; f.best && i < f.n; i++)
        fr_unref(f.best[i]);
    free(f.best);
    if (f.o.result && f.best) /* else the options may be anything */
        *f.o.result = f.result;
    fr_finish(th, before);
    return ok;
}
