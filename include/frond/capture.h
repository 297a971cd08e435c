/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Capturing: a function of tensors runs once as usual, while what it does is noted; after that it is replayed, which
 * records nothing, allocates nothing and infers no shapes. A whole training step can be captured: forward, backward and
 * the optimiser.
 *
 *     static fr_tensor *step(fr_tensor *const *in, void *user)
 *     {
 *         trainer *t = user;
 *         fr_tensor *loss = fr_mse(fr_forward(t->model, in[0]), in[1], FR_MEAN);
 *
 *         fr_optim_zero_grad(t->optim);
 *         fr_backward(loss);
 *         fr_optim_step(t->optim);
 *         return loss;
 *     }
 *
 *     fr_captured *c = fr_capture(step, &t);
 *     ... for each batch: fr_captured_run(c, (fr_tensor *[]){ x, y }, 2) ... */
#ifndef FROND_CAPTURE_H
#define FROND_CAPTURE_H

#include <frond/autograd.h>

FR_BEGIN_DECLS

typedef struct fr_captured fr_captured;

typedef struct {
    int max_shapes; /* of how many different sizes and dtypes of the inputs replays are kept, at most; default 8 */
    bool no_fusion; /* runs each op by itself, on whole tensors */
    void *reserved[8];
} fr_capture_options;

/* What is replayed for the inputs of the last run. */
typedef struct {
    int shapes;          /* for how many sizes and dtypes of inputs there is a replay */
    int64_t ops;         /* ops, backward kernels and other actions that ran when it was captured, views not counted */
    int64_t constants;   /* of them: need not run again, since nothing they depend on changes */
    int64_t unread;      /* of them: nobody reads what they make */
    int64_t fused;       /* of the rest: run together with others, a few values at a time */
    int64_t arena_bytes; /* the memory of all that a replay computes on the way */
    int64_t unshared_bytes; /* what that would take if no two results shared memory */
    void *reserved[8];
} fr_captured_report;

void fr_captured_free(fr_captured *c); /* NULL is fine */
/* New: f, to be captured when it is first run. user must live as long. fr_captured_free releases it. NULL, with an
 * error, if f is NULL, options are bad, or memory runs out. */
fr_captured *fr_capture(fr_function *f, void *user) FR_FREED_BY(fr_captured_free);
fr_captured *fr_capture_with(fr_function *f, void *user, const fr_capture_options *options) /* options may be NULL */
    FR_FREED_BY(fr_captured_free);

/* f(xs), new, without history. The first run with inputs of these sizes and dtypes calls f, with xs replaced by tensors
 * of its own that have their values; later ones replay what that run did: the same ops, in the same order, on the
 * values that xs, parameters, buffers and all other tensors from outside have now. Results are the same bit for bit;
 * random numbers are drawn as f would draw them. What f does beside that happens in the first run alone: it may choose
 * ops by sizes, modes (training or evaluation) and its user data, as they are then, but not by values.
 *
 * In f it is an error to look at values (fr_item, fr_at, fr_data, fr_equal), to take batches of a loader, to set an
 * optimiser's options, and to use hooks, checkpoints, forward mode (fr_jvp, fr_hvp) and a closure of an optimiser; the
 * error names the line. fr_backward, fr_gradients, fr_zero_grad,
 * optimisers, learning rate schedules by fr_scheduler_step, clipping, averages, fr_copy and batch norm's statistics are
 * replayed; the norm that clipping returns is that of the first run. A state that is carried from run to run is kept in
 * one tensor from outside, by fr_copy. A gradient that f leaves with a leaf stays in one place and is written anew by
 * each replay; one that several runs add to, since f does not drop it first, cannot be read in f.
 *
 * Inside of another captured function, and where a model is exported, f is called as it is. NULL, with an error, if f
 * fails, if an op fails at a replay (bce of values outside [0, 1], a class that is out of range), if xs is bad, or if f
 * used a tensor that was made inside by other means than ops and the functions that make tensors. A failed replay may
 * have changed what it had reached. One thread at a time may run c. fr_detect_anomaly
 * sees the first run alone. An error handler that jumps out of f leaves the
 * thread noting what it does until the scope around the call ends. */
fr_tensor *fr_captured_run(fr_captured *c, fr_tensor *const *xs, int n);

/* Forgets all replays, for when modes or user data have changed: the next run calls f again. */
void fr_captured_reset(fr_captured *c);
/* False, with an error, if c has not been run. */
bool fr_captured_info(const fr_captured *c, fr_captured_report *report);

FR_END_DECLS
#endif
