/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Failing, and when the error handler hears of it. */
#ifndef FROND_CORE_ERROR_H
#define FROND_CORE_ERROR_H

#include "core/life.h"

enum { FR_MESSAGE_SIZE = 1024 };

/* A part of fr_thread. */
typedef struct {
    int deferred; /* > 0: the handler waits ... */
    bool pending; /* ... for this long to hear of a failure */
    bool has_message;
    bool returned;     /* a failure was returned to the caller, who may pass its NULL on, and has not been cleared */
    unsigned failures; /* so far */
    const char *composition;       /* the function whose name errors have instead of what fr_fail is given; or NULL */
    char message[FR_MESSAGE_SIZE]; /* the first since fr_error_clear */
    char latest[FR_MESSAGE_SIZE];
} fr_error_state;

/* Notes the failure "frond: WHAT: ...   [file:line]". what is the public function's name without fr_, or a file's.
 * Returns NULL, so that a bool function may return it as false. */
void *fr_fail(const char *what, const char *format, ...) FR_PRINTF(2, 3);
void *fr_fail_memory(const char *what);
/* Notes a failure of another thread again in this one; message: what its fr_fail noted. */
void *fr_fail_again(const char *message);
#ifdef FR_ANALYZE /* static analysers do not see what these return */
static inline void *fr_null_of_failure(void *null)
{
    (void)null;
    return NULL;
}
#define fr_fail(...)         fr_null_of_failure(fr_fail(__VA_ARGS__))
#define fr_fail_memory(what) fr_null_of_failure(fr_fail_memory(what))
#endif
/* Gives "frond: warning: WHAT: ..." to the warning handler. */
void fr_warn(const char *what, const char *format, ...) FR_PRINTF(2, 3);

/* Between fr_defer_errors and the matching fr_report_errors the handler is not called, so that the functions in between
 * can clean up first. Pairs nest; the outermost fr_report_errors calls the handler. */
void fr_defer_errors(fr_thread *th);
void fr_report_errors(fr_thread *th);

/* A public function that has a call-site macro starts with fr_begin and ends with fr_finish: fr_enter and fr_leave,
 * with errors deferred in between. */
fr_site fr_begin(fr_thread *th, const char *function);
void fr_finish(fr_thread *th, fr_site before);

/* Takes back the failure of a call that was allowed to fail. Errors must have been deferred since before that call;
 * had_message is th->errors.has_message of then. False if memory ran out: that failure stands. */
bool fr_forgive(fr_thread *th, bool had_message);
/* True if a NULL argument may be the result of a failure: one in the running call, or one whose NULL was returned to
 * the caller and that has not been cleared. (A handler that jumps returns nothing, so later NULLs do not come from it.)
 */
bool fr_failed_before(const fr_thread *th);
/* Fails because the tensor of that name is NULL, with the reason if that may have come from fr_grad. */
void *fr_fail_no_tensor(const char *what, const char *name);
/* True unless t is NULL. Then it fails, except where the NULL may come from an earlier failure. name: "input". */
bool fr_check_there(const char *what, const void *t, const char *name);
/* The same for an argument; if it is of a type that begins with a fr_life, it also fails where it was released. */
#ifdef FR_ANALYZE
#define fr_check_argument(what, t, name) ((t) && fr_check_there(what, t, name))
#else
#define fr_check_argument(what, t, name)                                                                               \
    (_Generic((t), FR_LIVES(fr_tensor), FR_LIVES(fr_module), FR_LIVES(fr_optim), FR_LIVES(fr_scheduler),               \
              FR_LIVES(fr_ema), FR_LIVES(fr_loader), FR_LIVES(fr_dataset), FR_LIVES(fr_sequences),                     \
              FR_LIVES(fr_tensors), FR_LIVES(fr_logger), FR_LIVES(fr_progress), FR_LIVES(fr_captured), default         \
              : fr_check_there)(what, t, name))
#endif
struct fr_module;
struct fr_optim;
struct fr_scheduler;
struct fr_ema;
struct fr_loader;
struct fr_dataset;
struct fr_sequences;
struct fr_tensors;
struct fr_logger;
struct fr_progress;
struct fr_captured;
#define FR_LIVES(type) struct type * : fr_check_alive, const struct type * : fr_check_alive

/* fr_check_argument for functions that are often given what fr_grad returned. */
static inline bool fr_check_tensor(const char *what, const fr_tensor *t)
{
    return t ? fr_check_argument(what, t, "tensor") : fr_fail_no_tensor(what, "tensor") != NULL;
}

#endif
