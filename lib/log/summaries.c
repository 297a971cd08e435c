/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Logs scalars, histograms, modules and graphs (TensorFlow calls them summaries): checks the arguments and appends to
 * metrics.csv and the event file. */
#include <config.h>

#include "log/event_file.h"
#include "log/metrics_csv.h"

#include "core/integer.h"
#include "core/tensor.h"
#include "core/thread.h"
#include "core/utf8.h"
#include "optim/clip.h"

#include <stdlib.h>

static bool check_name(const char *what, const fr_logger *log, const char *name)
{
    if (!fr_check_argument(what, log, "log") || !fr_check_argument(what, name, "name"))
        return false;
    if (!*name)
        return fr_fail(what, "the name is empty");
    if (!fr_is_utf8(name))
        return fr_fail(what, "the name \"%.80s\" is not valid UTF-8", name);
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            return fr_fail(what, "the name has a control character, after \"%.*s\"", (int)fr_least(c - name, 80), name);
    return true;
}

bool fr_log_add_scalar(const char *what, fr_logger *log, const char *name, int64_t step, double value)
{
    return fr_metrics_write(what, log, name, step, value) &&
           (!log->events.file || fr_event_file_add_scalar(what, log, name, step, value));
}

bool fr_log_scalar(fr_logger *log, const char *name, int64_t step, double value)
{
    static const char what[] = "log_scalar";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok = check_name(what, log, name) && fr_log_add_scalar(what, log, name, step, value);

    fr_finish(th, before);
    return ok;
}

/* --- Histograms --------------------------------------------------------------------------------------------------- */

static bool log_nonfinite(const char *what, fr_logger *log, const char *name, int64_t step, int64_t count)
{
    char *full;
    bool ok;

    if (asprintf(&full, "%s/nonfinite", name) < 0)
        return fr_fail_memory(what);
    ok = fr_log_add_scalar(what, log, full, step, (double)count);
    free(full);
    return ok;
}

static bool log_histogram(const char *what, fr_logger *log, const char *name, int64_t step, const fr_tensor *t)
{
    fr_histogram *h = malloc(sizeof *h);
    fr_tensor *values = !h ? fr_fail_memory(what) : t->contiguous ? fr_ref((fr_tensor *)t) : fr_tensor_copy(what, t);
    bool ok = false;

    if (values) {
        fr_histogram_fill(h, values);
        ok = (!log->events.file || fr_event_file_add_histogram(what, log, name, step, h)) &&
             (h->nonfinite == 0 || log_nonfinite(what, log, name, step, h->nonfinite));
    }
    fr_unref(values);
    free(h);
    return ok;
}

bool fr_log_histogram(fr_logger *log, const char *name, int64_t step, const fr_tensor *t)
{
    static const char what[] = "log_histogram";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok =
        check_name(what, log, name) && fr_check_argument(what, t, "tensor") && log_histogram(what, log, name, step, t);

    fr_finish(th, before);
    return ok;
}

/* --- Modules ------------------------------------------------------------------------------------------------------ */

/* Logs t under "GROUP/NAME". */
static bool log_parameter(fr_logger *log, int64_t step, const char *group, const char *name, const fr_tensor *t)
{
    static const char what[] = "log_module";
    char *full;
    bool ok;

    if (asprintf(&full, "%s/%s", group, name) < 0)
        return fr_fail_memory(what);
    ok = check_name(what, log, full) && log_histogram(what, log, full, step, t);
    free(full);
    return ok;
}

/* True if entry i is a parameter, and no earlier entry is the same tensor. */
static bool is_first_name(const fr_named_tensor *state, int i)
{
    for (int k = 0; k < i; k++)
        if (state[k].tensor == state[i].tensor)
            return false;
    return !state[i].buffer;
}

static bool log_module(fr_logger *log, int64_t step, fr_module *m)
{
    static const char what[] = "log_module";
    int states = 0, n = 0;
    const fr_named_tensor *state = fr_module_state(m, &states);
    fr_tensor *const *parameters = state ? fr_module_parameters(m, &n) : NULL;
    double norm = 0;
    fr_dtype dtype;
    bool ok = parameters && fr_gradient_norm(what, parameters, n, 2, &norm, &dtype);

    for (int i = 0; ok && i < states; i++)
        if (is_first_name(state, i))
            ok =
                log_parameter(log, step, "weights", state[i].name, state[i].tensor) &&
                (!state[i].tensor->grad || log_parameter(log, step, "gradients", state[i].name, state[i].tensor->grad));
    return ok && fr_log_add_scalar(what, log, "gradient_norm", step, norm);
}

bool fr_log_module(fr_logger *log, int64_t step, fr_module *m)
{
    static const char what[] = "log_module";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok = fr_check_argument(what, log, "log") && fr_check_argument(what, m, "module") && log_module(log, step, m);

    fr_finish(th, before);
    return ok;
}

/* --- Graphs ------------------------------------------------------------------------------------------------------- */

bool fr_log_graph(fr_logger *log, const fr_tensor *t, fr_module *m)
{
    static const char what[] = "log_graph";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok = fr_check_argument(what, log, "log") && fr_check_argument(what, t, "tensor") &&
              (!m || fr_check_argument(what, m, "module"));

    if (ok && !fr_tracked(t))
        ok = fr_fail(what, "the tensor does not require a gradient: no graph was recorded for it");
    ok = ok && (!log->events.file || fr_event_file_add_graph(what, log, t, m));
    fr_finish(th, before);
    return ok;
}
