/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Replaces event_file.c and graph_def.c if frond is built without protobuf-c. No event file can be opened, so the
 * functions that append to one are never called. */
#include <config.h>

#include "core/error.h"
#include "core/tensor.h"
#include "log/event_file.h"

bool fr_log_has_events(void)
{
    return false;
}

bool fr_event_file_open(const char *what, fr_logger *log, int64_t purge_step)
{
    (void)log;
    (void)purge_step;
    return fr_fail(what, "this frond was built without protobuf-c and cannot write files for TensorBoard: "
                         "give .csv_only, or build it with protobuf-c");
}

static bool fail_not_open(const char *what)
{
    return fr_fail(what, "no file for TensorBoard is open");
}

bool fr_event_file_add_scalar(const char *what, fr_logger *log, const char *name, int64_t step, double value)
{
    (void)log, (void)name, (void)step, (void)value;
    return fail_not_open(what);
}

bool fr_event_file_add_histogram(const char *what, fr_logger *log, const char *name, int64_t step, fr_histogram *h)
{
    (void)log, (void)name, (void)step, (void)h;
    return fail_not_open(what);
}

bool fr_event_file_add_graph(const char *what, fr_logger *log, const fr_tensor *t, fr_module *m)
{
    (void)log, (void)t, (void)m;
    return fail_not_open(what);
}
