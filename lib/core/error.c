/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Failures, warnings, and the call sites that messages end with. */
#include "core/options.h"
#include "core/thread.h"

#include <stdarg.h>
#include <stdlib.h>

#undef fr_fail /* FR_ANALYZE wraps them */
#undef fr_fail_memory

/* These are set before threads start, as <frond/error.h> asks, so plain reads suffice. */
static void print_and_abort(const char *message, void *user);
static fr_error_handler *handler = print_and_abort;
static void *handler_user;
static void print_warning(const char *message, void *user);
static fr_warning_handler *warning_handler = print_warning;
static void *warning_user;

static void print_and_abort(const char *message, void *user)
{
    (void)user;
    fflush(stdout); /* what the program has printed comes first, and is not lost */
    fprintf(stderr, "%s\n", message);
    abort();
}

static void print_warning(const char *message, void *user)
{
    (void)user;
    fprintf(stderr, "%s\n", message);
}

void fr_set_error_handler(fr_error_handler *new_handler, void *user)
{
    handler = new_handler;
    handler_user = user;
}

void fr_set_warning_handler(fr_warning_handler *new_handler, void *user)
{
    warning_handler = new_handler;
    warning_user = user;
}

const char *fr_error_message(void)
{
    const fr_thread *th = fr_thread_self();

    return th->errors.has_message ? th->errors.message : NULL;
}

void fr_error_clear(void)
{
    fr_thread *th = fr_thread_self();

    th->errors.has_message = false;
    th->errors.returned = false;
}

void fr_defer_errors(fr_thread *th)
{
    th->errors.deferred++;
}

void fr_report_errors(fr_thread *th)
{
    if (--th->errors.deferred > 0 || !th->errors.pending)
        return;
    th->errors.pending = false;
    if (handler)
        handler(th->errors.latest, handler_user);
    th->errors.returned = true;
}

bool fr_forgive(fr_thread *th, bool had_message)
{
    const char *out = th->errors.pending ? strstr(th->errors.latest, ": out of memory") : NULL;

    if (out)
        return false;
    th->errors.pending = false;
    th->errors.has_message = had_message;
    return true;
}

bool fr_failed_before(const fr_thread *th)
{
    return th->errors.pending || th->errors.returned;
}

void *fr_fail(const char *what, const char *format, ...)
{
    fr_thread *th = fr_thread_self();
    char *text = th->errors.latest;
    size_t used;
    va_list arguments;

    th->errors.failures++;
    if (th->errors.pending) /* this failure follows from the one that is to be reported */
        return NULL;
    used = (size_t)snprintf(text, FR_MESSAGE_SIZE,
                            "frond: %.400s: ", th->errors.composition ? th->errors.composition : what);
    va_start(arguments, format);
    vsnprintf(text + used, FR_MESSAGE_SIZE - used, format, arguments);
    va_end(arguments);
    used = strlen(text);
    if (th->module_path) {
        used += (size_t)snprintf(text + used, FR_MESSAGE_SIZE - used, " in ");
        used = used < FR_MESSAGE_SIZE ? used : FR_MESSAGE_SIZE - 1;
        fr_module_path_label(th->module_path, text + used, FR_MESSAGE_SIZE - used);
        used = strlen(text);
    }
    if (th->sites.current.file)
        snprintf(text + used, FR_MESSAGE_SIZE - used, "   [%s:%d]", th->sites.current.file, th->sites.current.line);
    if (!th->errors.has_message) {
        memcpy(th->errors.message, text, FR_MESSAGE_SIZE);
        th->errors.has_message = true;
    }
    th->errors.pending = true;
    fr_defer_errors(th);
    fr_report_errors(th);
    return NULL;
}

void fr_warn(const char *what, const char *format, ...)
{
    char text[FR_MESSAGE_SIZE];
    size_t used = (size_t)snprintf(text, sizeof text, "frond: warning: %.400s: ", what);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text + used, sizeof text - used, format, arguments);
    va_end(arguments);
    if (warning_handler)
        warning_handler(text, warning_user);
}

void *fr_fail_memory(const char *what)
{
    return fr_fail(what, "out of memory");
}

void *fr_fail_again(const char *message)
{
    static const char start[] = "frond: ";
    const char *what = message + strlen(start), *end = strstr(what, ": ");
    char name[FR_MESSAGE_SIZE];

    snprintf(name, sizeof name, "%.*s", (int)(end - what), what);
    return fr_fail(name, "%s", end + 2);
}

bool fr_check_there(const char *what, const void *t, const char *name)
{
    if (FR_LIKELY(t != NULL))
        return true;
    if (!fr_failed_before(fr_thread_self()))
        fr_fail(what, "%s is NULL", name);
    return false;
}

void *fr_fail_no_tensor(const char *what, const char *name)
{
    fr_thread *th = fr_thread_self();
    const char *why = th->no_gradient;

    if (fr_failed_before(th))
        return NULL;
    th->no_gradient = NULL;
    return fr_fail(what, "%s is NULL%s%s", name, why ? "; the last fr_grad gave NULL, since " : "", why ? why : "");
}

bool fr_check_option(const char *what, const char *name, double value, double below)
{
    if (value >= 0 && value < below)
        return true;
    fr_fail(what, "%s is %g, expected a number in [0, %g)", name, value, below);
    return false;
}

bool fr_check_reserved(const char *what, void *const *reserved)
{
    for (int i = 0; i < 8; i++)
        if (reserved[i])
            return fr_fail(what, "reserved[%d] of the options is not NULL: were they zeroed?", i);
    return true;
}

void fr_call_site(const char *function, const char *file, int line)
{
    fr_thread *th = fr_thread_self();

    if (th->sites.count < FR_SITE_DEPTH)
        th->sites.noted[th->sites.count] = (fr_site){ .function = function, .file = file, .line = line };
    th->sites.count++;
}

/* Looks for the function's own note, the last one with its name. Notes above it belong to calls in its arguments, which
 * are over. Notes below current.outer belong to the calls around. A call without its macro, as all calls inside the
 * library are, finds no note and keeps the site of the call that it runs in. */
fr_site fr_enter(fr_thread *th, const char *function)
{
    fr_site before = th->sites.current;
    int top = th->sites.count < FR_SITE_DEPTH ? th->sites.count : FR_SITE_DEPTH;

    for (int i = top; i-- > before.outer;) {
        if (strcmp(th->sites.noted[i].function, function) == 0) {
            th->sites.current = th->sites.noted[i];
            th->sites.count = i;
            break;
        }
    }
    if (!th->sites.current.function) /* called without its macro, and not from inside the library */
        th->sites.current.function = function;
    th->sites.current.outer = th->sites.count;
    return before;
}

void fr_leave(fr_thread *th, fr_site before)
{
    th->sites.count = th->sites.current.outer;
    th->sites.current = before;
}

fr_site fr_begin(fr_thread *th, const char *function)
{
    fr_defer_errors(th);
    return fr_enter(th, function);
}

void fr_finish(fr_thread *th, fr_site before)
{
    fr_leave(th, before);
    fr_report_errors(th);
}
