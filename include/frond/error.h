/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Errors. All other public headers include this one, which also has the macros that they are declared with.
 *
 * A function that fails calls the error handler. At the start the handler prints the message and aborts, which suits a
 * program in development. If the handler is off (NULL) the function returns NULL, false or what its comment says, and
 * the thread's first message is kept. NULL passes through every op, so one check at the end of a computation is enough.
 * A message names the op or file, what was given, what was expected and, where the call was made through <frond.h>, the
 * place: "frond: matmul: (4, 3) x (5, 2): inner dimensions differ (3 and 5) [train.c:41]".
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

/* Behind a function's declaration: a call that drops the result gets a warning. */
#define FR_NODISCARD __attribute__((warn_unused_result))
/* The same for a result that `release` frees. gcc -fanalyzer then finds leaks and double frees. */
#ifndef FR_FREED_BY
#if defined __GNUC__ && !defined __clang__ && __GNUC__ >= 11
#define FR_FREED_BY(release) __attribute__((warn_unused_result, malloc(release, 1)))
#else
#define FR_FREED_BY(release) FR_NODISCARD
#endif
#endif
/* In C, the bytes of an array. Of a pointer, the bytes of what it points to, where the compiler knows them, else
 * SIZE_MAX. */
#define FR_SIZE_OF_(...)                                                                                               \
    (FR_IS_POINTER_((__VA_ARGS__)) ? __builtin_object_size((__VA_ARGS__), 0)                                           \
                                   : sizeof(__builtin_choose_expr(FR_IS_POINTER_((__VA_ARGS__)), 0, (__VA_ARGS__))))
#define FR_IS_POINTER_(x) __builtin_types_compatible_p(__typeof__(x), __typeof__(((void)0, x)))

FR_BEGIN_DECLS

/* Called once for each failure, after the library has cleaned up: it holds no lock then, so a handler may longjmp or
 * throw. If it returns, the function that failed returns as if the handler were off. */
typedef void fr_error_handler(const char *message, void *user);

/* Sets the process's handler, before threads start; NULL turns it off. */
void fr_set_error_handler(fr_error_handler *handler, void *user);

/* This thread's first message since the last fr_error_clear, or NULL. Borrowed: valid until then. */
const char *fr_error_message(void);
void fr_error_clear(void);

/* Gets warnings of what seems a mistake but is no failure. At the start they are printed on standard error; NULL drops
 * them. Set it before threads start. The handler must return. */
typedef void fr_warning_handler(const char *message, void *user);
void fr_set_warning_handler(fr_warning_handler *handler, void *user);

/* "1.2.3" */
const char *fr_version(void);

/* For the macros of <frond.h>: remembers where the call of `function` that follows is written. */
void fr_call_site(const char *function, const char *file, int line);

FR_END_DECLS
#endif
