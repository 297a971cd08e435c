/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Errors. Lowest of the public headers: it also holds the macros that the others are declared with.
 *
 * A function that fails reports through the handler. The handler that is in place at the start prints the message and
 * aborts, as a program in development wants it. With the handler off (NULL) the function returns NULL, false or what
 * its comment says, the thread's first message is kept, and NULL passes through every op, so that one check at the end
 * of a computation is enough. A message names the op or file, what was given, what was expected and, where the call was
 * made through <frond.h>, the place: "frond: matmul: (4, 3) x (5, 2): inner dimensions differ (3 and 5) [train.c:41]".
 */
#ifndef FROND_ERROR_H
#define FROND_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
#define FR_BEGIN_DECLS                                                                                                 \
    extern "C" {                                                                                                       \
    _Pragma("GCC visibility push(default)")
#define FR_END_DECLS                                                                                                   \
    _Pragma("GCC visibility pop")                                                                                      \
    }
#else
#define FR_BEGIN_DECLS _Pragma("GCC visibility push(default)")
#define FR_END_DECLS   _Pragma("GCC visibility pop")
#endif

#define FR_PRINTF(text, first) __attribute__((format(printf, text, first)))

FR_BEGIN_DECLS

/* Called once for each failure, last: the library holds no lock and nothing half done, so a handler may longjmp or
 * throw. If it returns, the function that failed returns as with the handler off. */
typedef void fr_error_handler(const char *message, void *user);

/* Sets the process's handler, before threads start; NULL turns it off. */
void fr_set_error_handler(fr_error_handler *handler, void *user);

/* This thread's first message since the last fr_error_clear, or NULL. Borrowed: valid until then. */
const char *fr_error_message(void);
void fr_error_clear(void);

/* What seems a mistake, but no failure: printed on standard error at the start; NULL: nothing is done about it. Set
 * before threads start. A handler must return. */
typedef void fr_warning_handler(const char *message, void *user);
void fr_set_warning_handler(fr_warning_handler *handler, void *user);

/* "1.2.3" */
const char *fr_version(void);

/* For the macros of <frond.h>: remembers where the call of `function` that follows is written. */
void fr_call_site(const char *function, const char *file, int line);

FR_END_DECLS
#endif
