/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Models for other programs to run. */
#ifndef FROND_EXPORT_H
#define FROND_EXPORT_H

#include <frond/nn.h>

FR_BEGIN_DECLS

/* --- ONNX -------------------------------------------------------------------------------------------------------- */

/* Writes what fr_forward of m computes as an ONNX model (IR version 8, operator set 17) with one input, "input", of
 * example's shape and dtype, and one output, "output". m is run in evaluation, and is as before afterwards.
 *
 * A size of the input is left open in the file where m can be run with another one and runs the same ops then; it is
 * called "batch" or "time" (recurrent layers tell which is which; otherwise the first is the batch), or "dim0" and so
 * on. All others are fixed. Every op can be written but losses, and those that draw from the generator, which have no
 * place in evaluation.
 *
 * Fails, leaving what was at path, naming all ops that cannot be written and their modules; for what m computes but
 * with ops; and for numbers and constants that depend on an open size in a way that ONNX ops of the file cannot follow;
 * also where frond was built without protobuf-c. Values that m took out of a tensor (fr_item) to go on with are taken
 * for constants. */
bool fr_export_onnx(fr_module *m, fr_tensor *example, const char *path);

/* A module that computes what an ONNX model does: one that fr_export_onnx wrote, or that PyTorch's torch.onnx.export
 * made of linear, recurrent, convolutional and pooling layers, transformers and what goes between them, in versions 9
 * to 24 of ONNX's operator set. fr_forward takes the model's one input, of whatever sizes its ops take, and gives its
 * first output. Floating initializers are the module's parameters, under their names (dots make submodules of them),
 * others and running statistics its buffers; so it can be trained and saved. NULL where it fails; freed with
 * fr_module_free. Fails naming all ops that frond cannot run, with their nodes, and for a file that is not a model, is
 * cut short, keeps values in other files, is of another operator set, or whose nodes read what was not made before
 * them. */
fr_module *fr_load_onnx(const char *path);

/* --- C ------------------------------------------------------------------------------------------------------------ */

typedef struct {
    const char *name; /* what identifiers begin with, a C identifier; NULL: path's base name, made one */
    bool int8;        /* matrices of weights, embeddings and kernels as int8, with a scale for each row (dim 0) */
    void *reserved[8];
} fr_export_c_options;

typedef struct {
    int64_t weight_bytes;    /* of constant arrays */
    int64_t workspace_bytes; /* of NAME_workspace, which NAME_run has on the stack */
    int64_t multiply_adds;   /* of NAME_run */
    int64_t state_bytes;     /* of NAME_state; 0: the model cannot be taken step by step */
    int64_t step_bytes;      /* what NAME_step has on the stack */
    double int8_loss;        /* of int8: the largest difference to the output for the example; else 0 */
    char not_stepwise[256];  /* why there is no NAME_step, "" where there is one */
    void *reserved[8];
} fr_export_c_report;

/* Writes m's forward in evaluation as C99: path, which ends in .c, and the header beside it, .h for .c, both or
 * neither. The code needs libm alone, allocates nothing and changes nothing but what it is given; it compiles as C (not
 * with -ffast-math, which takes from sigmoid and tanh how they round), the header as C++ too:
 *
 *     void NAME_run(const float *x, float *y);
 *     void NAME_run_in(NAME_workspace *w, const float *x, float *y);
 *
 * x is of the example's shape, row-major, int64_t for an int64 example; NAME_run has the workspace on the stack. Where
 * all that m does over time is recurrent layers that go forwards, what takes each step by itself, and taking the last
 * step, there are also, x and y being those of one step of the example's batch,
 *
 *     void NAME_reset(NAME_state *s);
 *     void NAME_step(NAME_state *s, const float *x, float *y);
 *
 * m must be of float32, and is as before afterwards; the example says shape and dtype, and the values that int8's loss
 * is measured by. What does not depend on x is computed now. Fails for ops that have no C form, naming them all and the
 * modules they are in; for a model that reads values it was not given by ops; for a result changed in place. */
bool fr_export_c(fr_module *m, fr_tensor *example, const char *path);
/* The same; options and report may be NULL. */
bool fr_export_c_with(fr_module *m, fr_tensor *example, const char *path, const fr_export_c_options *options,
                      fr_export_c_report *report);

FR_END_DECLS
#endif
