/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A recorder hears of everything that is done to values beside running ops, so that it can be done again. capture/ has
 * the one there is; without it, nothing is noted. */
#ifndef FROND_CORE_RECORDER_H
#define FROND_CORE_RECORDER_H

#include "core/tensor.h"
#include "core/thread.h"

struct fr_c_writer;
typedef struct fr_action fr_action;
struct fr_action {
    bool (*run)(const fr_action *a); /* does it, now and at each replay; false with an error */
    fr_tensor *into;                 /* its values are written; or NULL */
    fr_tensor *from;                 /* its values are read; or NULL */
    fr_tensor *leaf;                 /* its gradient is set or dropped; or NULL */
    void *object;                    /* what else run needs, which must outlive the recorder */
    bool pure;                       /* it does nothing but write into `into`, as the values say that it reads */
    double a, b;
    int64_t m, n;
    bool (*c_code)(struct fr_c_writer *w, const fr_action *a); /* writes it as C, for fr_export_c; NULL: no C form */
    const char *function;                                      /* for errors: the public function, without fr_ */
    double *result;                                            /* what the run that is not a replay gives; else NULL */
};

typedef struct fr_recorder fr_recorder;
struct fr_recorder {
    /* Runs the action and notes it. What happens in between is not noted by itself. */
    bool (*act)(fr_recorder *r, const fr_action *a);
    bool refused; /* something was done that cannot be done again */
};

/* For fr_action.run: into = from, both of one shape. */
bool fr_copy_action(const fr_action *a);

/* Runs a->run(a), noted where there is a recorder or a listener. */
static inline bool fr_act(fr_thread *th, const fr_action *a)
{
    fr_recorder *r = th->recorder ? th->recorder : th->listener;

    return FR_LIKELY(!r) ? a->run(a) : r->act(r, a);
}

void fr_note_values(fr_thread *th, fr_tensor *t);

/* Notes that t was filled by other means than ops, with values that are the same each time. */
static inline void fr_note_constant(fr_thread *th, fr_tensor *t)
{
    if (FR_UNLIKELY(th->recorder != NULL) && t)
        fr_note_values(th, t);
}

/* True where a value may be looked at, outside of ops. Fails while there is a recorder: what follows from the value
 * could not be done again for another one. */
bool fr_may_look(fr_thread *th, const char *what);

/* True where there is no recorder; else it fails, since `what` cannot be done again by itself. */
bool fr_not_captured(fr_thread *th, const char *what);

/* The same where `what` does something else at each call, why, which a listener cannot note either. */
bool fr_not_repeated(fr_thread *th, const char *what, const char *why);

#endif
