/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Short forms, in C and in C++17: lists without counts, loops over batches, owners that free themselves. Each stands
 * beside a longer form, and does what that does. */
#ifndef FROND_SHORT_H
#define FROND_SHORT_H

#include <frond/capture.h>
#include <frond/io.h>
#include <frond/log.h>

/* --- Lists without counts ----------------------------------------------------------------------------------------- */

/* FR_TENSORS(x, y) stands for two arguments, a list of tensors and their number: fr_loader_new(FR_TENSORS(x, y), NULL).
 */
#define FR_TENSORS(...) FR_LIST_(fr_tensor *, __VA_ARGS__), FR_COUNT_(fr_tensor *, __VA_ARGS__)

#define FR_CAT(dim, ...)   fr_cat(FR_TENSORS(__VA_ARGS__), dim)   /* fr_cat of these tensors */
#define FR_STACK(dim, ...) fr_stack(FR_TENSORS(__VA_ARGS__), dim) /* fr_stack of these tensors */

/* fr_nn_sequential and fr_nn_module_list of these modules, one or more. */
#define FR_SEQUENTIAL(...)  fr_nn_sequential(FR_COUNT_(fr_module *, __VA_ARGS__), FR_LIST_(fr_module *, __VA_ARGS__))
#define FR_MODULE_LIST(...) fr_nn_module_list(FR_COUNT_(fr_module *, __VA_ARGS__), FR_LIST_(fr_module *, __VA_ARGS__))

/* The arguments are evaluated once: FR_COUNT_ only looks at their number. */
#ifdef __cplusplus
#include <initializer_list>
template <typename... T> char (&fr_count_of(const T &...))[sizeof...(T)];
#define FR_LIST_(type, ...)  (std::initializer_list<type>{ __VA_ARGS__ }.begin())
#define FR_COUNT_(type, ...) (int(sizeof(fr_count_of(__VA_ARGS__))))
#else
#define FR_LIST_(type, ...)  ((type[]){ __VA_ARGS__ })
#define FR_COUNT_(type, ...) ((int)(sizeof((type[]){ __VA_ARGS__ }) / sizeof(type)))
#endif

/* --- Batches ------------------------------------------------------------------------------------------------------ */

/* Runs its block for each batch of the loader until the epoch ends, with the batch's first 1 to 4 tensors under the
 * names that are given:
 *
 *     FR_FOR_BATCHES (loader, x, y) {
 *         fr_tensor *loss = fr_mse(fr_forward(model, x), y, FR_MEAN);
 *         ...
 *     }
 *
 * The block is a scope, left by any exit. The loop begins where the loader is, within an epoch only after
 * fr_load_training or fr_loader_next; leaving it before the end, by break or return, rewinds the loader. x and y are
 * those of fr_loader_next. */
#define FR_FOR_BATCHES(loader, ...)                                                                                    \
    FR_FOR_BATCHES_(__COUNTER__, loader, FR_FIFTH_(__VA_ARGS__, 4, 3, 2, 1, 0), __VA_ARGS__)
#define FR_FIFTH_(a, b, c, d, fifth, ...)   fifth
#define FR_FOR_BATCHES_(id, loader, n, ...) FR_FOR_BATCHES__(id, loader, n, __VA_ARGS__)
#define FR_FOR_BATCHES__(id, loader, n, ...)                                                                           \
    for (fr_batches_ fr_batches_##id __attribute__((cleanup(fr_batches_leave_))) = { loader, NULL, -1, true };         \
         fr_batches_##id.more; fr_batches_##id.more = false)                                                           \
    FR_BATCHES_##n##_(fr_batches_##id, __VA_ARGS__)
#define FR_BATCHES_1_(b, x)                                                                                            \
    for (fr_tensor *x = NULL; fr_batches_next_(&b, 1, __FILE__, __LINE__) && (x = b.batch[0], true);)
#define FR_BATCHES_2_(b, x, y)                                                                                         \
    for (fr_tensor *x = NULL, *y = NULL;                                                                               \
         fr_batches_next_(&b, 2, __FILE__, __LINE__) && (x = b.batch[0], y = b.batch[1], true);)
#define FR_BATCHES_3_(b, x, y, z)                                                                                      \
    for (fr_tensor *x = NULL, *y = NULL, *z = NULL;                                                                    \
         fr_batches_next_(&b, 3, __FILE__, __LINE__) && (x = b.batch[0], y = b.batch[1], z = b.batch[2], true);)
#define FR_BATCHES_4_(b, x, y, z, w)                                                                                   \
    for (fr_tensor *x = NULL, *y = NULL, *z = NULL, *w = NULL;                                                         \
         fr_batches_next_(&b, 4, __FILE__, __LINE__) &&                                                                \
         (x = b.batch[0], y = b.batch[1], z = b.batch[2], w = b.batch[3], true);)

typedef struct {
    fr_loader *loader;
    fr_tensor *const *batch; /* NULL: none, or no more */
    int scope;               /* of the block; -1: none is open */
    bool more;               /* false: the loop is over */
} fr_batches_;

/* Ends the scope of the block before, and begins one if there is more. */
static inline bool fr_steps_next_(fr_batches_ *b, bool more, const char *file, int line)
{
    fr_scope_end(b->scope);
    b->scope = -1;
    if (more) {
        fr_call_site("scope_begin", file, line);
        b->scope = fr_scope_begin();
    }
    return b->scope >= 0;
}

static inline bool fr_batches_next_(fr_batches_ *b, int n, const char *file, int line)
{
    fr_scope_end(b->scope);
    b->scope = -1;
    fr_call_site("loader_next_of", file, line);
    b->batch = fr_loader_next_of(b->loader, n);
    return fr_steps_next_(b, b->batch != NULL, file, line);
}

static inline void fr_batches_leave_(const fr_batches_ *b)
{
    fr_scope_end(b->scope);
    if (b->batch)
        fr_loader_rewind(b->loader);
}

/* --- Steps -------------------------------------------------------------------------------------------------------- */

/* Runs its block for step = 0 .. n - 1, an int; each step is a scope, left by any exit:
 *
 *     FR_FOR_STEPS (step, 100) {
 *         ...
 *     } */
#define FR_FOR_STEPS(step, n)      FR_FOR_STEPS_(__COUNTER__, step, n)
#define FR_FOR_STEPS_(id, step, n) FR_FOR_STEPS__(id, step, n)
#define FR_FOR_STEPS__(id, step, n)                                                                                    \
    for (fr_batches_ fr_steps_##id __attribute__((cleanup(fr_batches_leave_))) = { NULL, NULL, -1, true };             \
         fr_steps_##id.more; fr_steps_##id.more = false)                                                               \
        for (int step = 0; fr_steps_next_(&fr_steps_##id, step < (n), __FILE__, __LINE__); step++)

/* --- Owners ------------------------------------------------------------------------------------------------------- */

/* A declaration of a pointer that frees its object when the block ends, by any exit (a C++ exception too):
 *
 *     FR_AUTO(fr_module) model = fr_nn_linear(2, 1, NULL);
 *
 * For fr_module (which must have no parent then), fr_optim, fr_scheduler, fr_ema, fr_loader, fr_dataset, fr_sequences,
 * fr_tensors, fr_logger, fr_progress, fr_captured, and fr_tensor, which gives back a reference from fr_ref. NULL is
 * fine. */
#define FR_AUTO(type) __attribute__((cleanup(type##_auto_))) type *

#define FR_OWNER_(type, release)                                                                                       \
    static inline void type##_auto_(type *const *owner)                                                                \
    {                                                                                                                  \
        release(*owner);                                                                                               \
    }
FR_OWNER_(fr_module, fr_module_free)
FR_OWNER_(fr_optim, fr_optim_free)
FR_OWNER_(fr_scheduler, fr_scheduler_free)
FR_OWNER_(fr_ema, fr_ema_free)
FR_OWNER_(fr_loader, fr_loader_free)
FR_OWNER_(fr_dataset, fr_dataset_free)
FR_OWNER_(fr_sequences, fr_sequences_free)
FR_OWNER_(fr_tensors, fr_tensors_free)
FR_OWNER_(fr_logger, fr_log_close)
FR_OWNER_(fr_progress, fr_progress_end)
FR_OWNER_(fr_captured, fr_captured_free)
FR_OWNER_(fr_tensor, fr_unref)
#undef FR_OWNER_

#endif
