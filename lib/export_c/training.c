/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The training step that is written: its options, its parameters, its trace. */
#include "export_c/training.h"
#include "core/options.h"

#include <frond/autograd.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

/* --- Options ----------------------------------------------------------------------------------------------------- */

static bool check_options(fr_c_writer *w)
{
    const fr_export_c_training *o = w->training;

    if (!fr_check_reserved(w->where, o->reserved) || !fr_check_argument(w->where, o->target, "training.target") ||
        !fr_check_argument(w->where, o->optimiser, "training.optimiser"))
        return false;
    if (!o->loss)
        return fr_fail(w->where, "training.loss is NULL");
    if (w->int8 || w->batch.open || w->length.open)
        return fr_fail(w->where, "%s is for inference: leave out that or training%s",
                       w->int8         ? "int8"
                       : w->batch.open ? "open_batch"
                                       : "open_length",
                       w->int8 ? "; fr_fake_quantize_weights trains weights for int8" : "");
    if (o->target->dtype == FR_F64)
        return fr_fail(w->where, "training.target is float64, expected float32 or int64");
    if (o->target->numel == 0)
        return fr_fail(w->where, "training.target has no values");
    if (o->accumulate < 0 || o->accumulate > INT_MAX)
        return fr_fail(w->where, "training.accumulate is %lld, expected 1 to %d", (long long)o->accumulate, INT_MAX);
    return fr_c_check_optimiser(w);
}

/* --- Parameters -------------------------------------------------------------------------------------------------- */

const char *fr_c_path_of(const fr_c_writer *w, const fr_tensor *t)
{
    const char *first = NULL;

    for (int i = 0; i < w->state_count; i++)
        if (w->state[i].tensor == t && (!first || strcmp(w->state[i].name, first) < 0))
            first = w->state[i].name;
    return first;
}

bool fr_c_check_own_memory(fr_c_writer *w, const char *what, const fr_c_parameter *p)
{
    const fr_tensor *t = p->t;

    if (t->dtype == FR_F64)
        return fr_fail(w->where, "%s \"%s\" is float64, expected float32", what, p->path);
    if (!t->contiguous || t->origin != (char *)t->storage->data ||
        t->storage->bytes != (size_t)t->numel * fr_dtype_size((fr_dtype)t->dtype))
        return fr_fail(w->where, "%s \"%s\" is a part of another tensor, expected one of its own", what, p->path);
    return true;
}

static bool add_parameter(fr_c_writer *w, size_t i)
{
    const fr_optim *o = w->training->optimiser;
    const fr_optim_slot *slot = &o->slots[i];
    fr_tensor *t = slot->parameter;
    fr_c_parameter p = { .t = t, .path = fr_c_path_of(w, t), .slot = i };

    if (!p.path)
        return fr_fail(w->where, "the optimiser's parameter \"%s\" is not in the module", slot->name);
    if (!fr_c_check_own_memory(w, "parameter", &p))
        return false;
    p.states = o->kind->needed_states(o->groups[slot->group].options);
    w->parameters[w->parameter_count++] = p;
    return true;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const fr_c_parameter *)a)->path, ((const fr_c_parameter *)b)->path);
}

bool fr_c_find_parameters(fr_c_writer *w)
{
    if (!check_options(w))
        return false;

    const fr_optim *o = w->training->optimiser;

    w->parameters = calloc(o->count + (size_t)w->state_count + 1, sizeof *w->parameters); /* room for buffers, too */
    if (!w->parameters)
        return fr_c_out_of_memory(w);
    for (size_t i = 0; i < o->count; i++)
        if (o->slots[i].parameter->requires_grad && o->slots[i].parameter->numel > 0 && !add_parameter(w, i))
            return false;
    if (w->parameter_count == 0)
        return fr_fail(w->where, "no parameter of the optimiser wants a gradient");
    qsort(w->parameters, w->parameter_count, sizeof *w->parameters, by_path);
    return true;
}

/* --- Tracing ----------------------------------------------------------------------------------------------------- */

static bool check_loss(const fr_c_writer *w, const fr_tensor *loss)
{
    char text[FR_SHAPE_TEXT];

    if (!fr_check_argument(w->where, loss, "the loss"))
        return false;
    if (loss->numel != 1 || loss->dtype != FR_F32)
        return fr_fail(w->where, "the loss is of shape %s, %s, expected a float32 scalar",
                       fr_shape_text(&loss->shape, text), fr_dtype_name((fr_dtype)loss->dtype));
    return fr_tracked(loss) || fr_fail(w->where, "the loss depends on no parameter that wants a gradient");
}

/* The loss and the gradients of all parameters, recorded in fn->trace. */
static bool run_step(fr_c_writer *w, fr_module *m, fr_c_function *fn)
{
    size_t n = w->parameter_count;
    fr_tensor **xs = calloc(n + 1, sizeof(fr_tensor *));
    bool ok = xs || fr_c_out_of_memory(w);

    for (size_t i = 0; i < n && ok; i++)
        xs[i] = w->parameters[i].t;
    fn->y = fr_ref(ok ? w->training->loss(fr_forward(m, fn->x), fn->target, FR_MEAN) : NULL);
    ok = ok && check_loss(w, fn->y) && fr_gradients(fn->y, xs, (int)n, fn->gradients, FR_CREATE_GRAPH);
    free(xs);
    return ok;
}

/* A layer in training may change its buffers. */
typedef struct {
    fr_generator generator;
    fr_tensor **buffers; /* a copy of each tensor of the state that is no parameter */
    unsigned *versions;  /* of these tensors */
    struct fr_recorder *listener;
    bool no_grad;
} saved_mode;

static bool save_mode(fr_c_writer *w, saved_mode *s)
{
    fr_thread *th = fr_thread_self();

    s->buffers = calloc((size_t)w->state_count + 1, sizeof(fr_tensor *));
    s->versions = calloc((size_t)w->state_count + 1, sizeof *s->versions);
    if (!s->buffers || !s->versions)
        return fr_c_out_of_memory(w);
    for (int i = 0; i < w->state_count; i++) {
        s->versions[i] = fr_storage_version(w->state[i].tensor);
        if (!w->state[i].tensor->requires_grad && !(s->buffers[i] = fr_tensor_copy(w->where, w->state[i].tensor)))
            return false;
    }
    fr_generator_save(&s->generator);
    s->listener = th->listener;
    s->no_grad = th->mode.no_grad;
    th->mode.no_grad = false;
    return true;
}

static bool same_values(const fr_tensor *a, const fr_tensor *b)
{
    for (int64_t i = 0; i < a->numel; i++)
        if (!(fr_at(a, i) == fr_at(b, i)) && !isnan(fr_at(a, i)))
            return false;
    return true;
}

/* Puts a buffer back as it was, and notes how the step has changed it, unless it was by actions that have a C form. */
static void restore_buffer(fr_c_writer *w, const fr_c_function *fn, int i, const fr_tensor *before, unsigned version)
{
    fr_tensor *buffer = w->state[i].tensor;
    unsigned known = fr_c_changes_of(fn, buffer);
    bool same = same_values(buffer, before);

    if (known ? fr_storage_version(buffer) - version != known : !same)
        w->side_effect = fr_c_format(w, "changes buffer \"%s\" in place", w->state[i].name);
    if (!same)
        fr_copy_values(buffer, before);
}

/* Notes what the step has done that a list of ops does not say. */
static void restore_mode(fr_c_writer *w, const fr_c_function *fn, saved_mode *s, bool saved)
{
    for (int i = 0; s->buffers && i < w->state_count; i++) {
        if (saved && s->buffers[i])
            restore_buffer(w, fn, i, s->buffers[i], s->versions[i]);
        fr_unref(s->buffers[i]);
    }
    free(s->buffers);
    free(s->versions);
    if (!saved)
        return;
    fr_thread_self()->listener = s->listener;
    if (!fr_c_draws_masks_alone(&fn->trace, &s->generator))
        w->side_effect = "draws random numbers";
    fr_generator_restore(&s->generator);
    fr_thread_self()->mode.no_grad = s->no_grad;
}

static bool is_reached(const fr_c_function *fn, const fr_tensor *gradient)
{
    for (size_t i = 0; i < fn->trace.count; i++)
        for (int k = 0; k < fn->trace.steps[i].outputs; k++)
            if (fn->trace.steps[i].out[k] == gradient)
                return true;
    return false;
}

/* Leaves out the parameters that the loss does not depend on: their gradient is zeros that no step has made. An
 * optimiser passes over them, so their values are constants. */
static bool leave_out_unreached(fr_c_writer *w, fr_c_function *fn)
{
    size_t n = 0;

    for (size_t i = 0; i < w->parameter_count; i++) {
        if (!is_reached(fn, fn->gradients[i]))
            continue;
        fn->gradients[n] = fn->gradients[i];
        w->parameters[n++] = w->parameters[i];
    }
    fn->gradients[n] = NULL;
    w->parameter_count = n;
    return n > 0 || fr_fail(w->where, "the loss depends on no parameter of the optimiser");
}

/* A parameter is updated after the last step that makes its gradient, or reads the parameter. */
static size_t update_step_of(const fr_c_function *fn, const fr_tensor *parameter, const fr_tensor *gradient)
{
    for (size_t i = fn->trace.count; i-- > 0;) {
        const fr_step *s = &fn->trace.steps[i];

        for (int k = 0; k < s->inputs && fn->steps[i].live; k++)
            if (s->in[k] && s->in[k]->storage == parameter->storage && !s->op->view)
                return i;
        for (int k = 0; k < s->outputs && fn->steps[i].live; k++)
            if (s->out[k] && s->out[k]->storage == gradient->storage && !s->op->view)
                return i;
    }
    return fn->trace.count;
}

static bool find_update_steps(fr_c_writer *w, fr_c_function *fn)
{
    fn->update_steps = calloc(w->parameter_count, sizeof *fn->update_steps);
    if (!fn->update_steps)
        return fr_c_out_of_memory(w);
    for (size_t i = 0; i < w->parameter_count; i++)
        fn->update_steps[i] = update_step_of(fn, w->parameters[i].t, fn->gradients[i]);
    return true;
}

bool fr_c_trace_training(fr_c_writer *w, fr_module *m, fr_tensor *x, fr_c_function *fn)
{
    fr_thread *th = fr_thread_self();
    saved_mode before = { .buffers = NULL };
    fr_c_listener listener = fr_c_listener_of(w, fn);
    bool saved, ok;

    fn->x = fr_ref(x);
    fn->target = fr_ref(fr_clone(w->training->target)); /* a storage of its own, row-major */
    fn->gradients = calloc(w->parameter_count + 1, sizeof(fr_tensor *));
    if (!fn->target || !fn->gradients)
        return fr_c_out_of_memory(w);
    saved = save_mode(w, &before);
    if (saved)
        th->listener = &listener.recorder;
    fr_trace_begin(th, &fn->trace);
    fn->trace.whole_backwards = true;
    ok = saved && run_step(w, m, fn);
    ok = fr_trace_end(th, w->where, &fn->trace) && ok;
    restore_mode(w, fn, &before, saved);
    if (!ok || !leave_out_unreached(w, fn))
        return false;
    return fr_c_find_kept(w, fn) && fr_c_add_states(w) && fr_c_find_buffers(w, fn) && find_update_steps(w, fn);
}
