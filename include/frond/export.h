/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Models for other programs, and from them: ONNX files, and C source. */
#ifndef FROND_EXPORT_H
#define FROND_EXPORT_H

#include <frond/fit.h>

FR_BEGIN_DECLS

/* --- ONNX -------------------------------------------------------------------------------------------------------- */

/* Writes what fr_forward of m computes as an ONNX model (IR version 8, operator set 17). It has one input, "input", of
 * the example's shape and dtype, and one output, "output". m runs in evaluation and is afterwards as it was.
 *
 * A size of the input is left open in the file if m runs with another size too and calls the same ops. An open size is
 * called "batch" or "time" (recurrent layers tell which is which; otherwise the first open one is the batch), or
 * "dim2" and so on. All other sizes are fixed. All ops can be written except losses and those that draw random numbers,
 * which have no place in evaluation.
 *
 * Fails, leaving the file at path as it was, for ops that cannot be written (the error names all of them and their
 * modules); for values that m computes without ops; for numbers and constants that depend on an open size in a way that
 * ONNX ops cannot compute; and if frond was built without protobuf-c. A value that m takes out of a tensor (fr_item)
 * and goes on with becomes a constant. */
bool fr_export_onnx(fr_module *m, fr_tensor *example, const char *path);
typedef struct {
    bool static_batch;  /* fixes dim 0 of the input to the example's size: with batch_first that is the batch */
    bool static_length; /* fixes all other dims: for positions or masks that the module makes for one length */
    void *reserved[8];
} fr_export_onnx_options;
/* The same with sizes fixed on request; options may be NULL. */
bool fr_export_onnx_with(fr_module *m, fr_tensor *example, const char *path, const fr_export_onnx_options *options);

/* A module that computes what an ONNX model does. The model was written by fr_export_onnx, or by PyTorch's
 * torch.onnx.export from linear, recurrent, convolutional and pooling layers, transformers and what stands between
 * them, in versions 7 to 28 of ONNX's operator set. fr_forward takes the model's one input, of the dtype and the sizes
 * that the file fixes, and returns its first output; fr_onnx_forward takes several inputs and gives all outputs. Values
 * that the model keeps in other files are looked for in its folder, and nowhere else. Nodes that no output needs are
 * passed over. Floating initializers become parameters under their names (dots make submodules);
 * other initializers and running statistics become buffers. So the module can be trained and saved. fr_module_print
 * shows the inputs, the nodes and the outputs.
 *
 * The caller frees it with fr_module_free. NULL with an error: the error names all ops, and attributes of them, that
 * frond cannot run, and their nodes; a node without a name is known by its output. It fails as well for a file that is
 * not an ONNX model or is cut short, whose values are missing or lie outside of its folder, that is of another version
 * of the operator set, and for a node that reads what no node before it makes.
 *
 * A file of a few bytes can describe a model that takes any amount of memory. So fr_load_onnx fails if the parts of the
 * model take more than 64 MiB and 16 times the file; and fr_forward fails, before it allocates them, if the results of
 * all nodes together take more than 64 MiB and 1,024 times the weights and the input. The environment variable
 * FROND_MEMORY_LIMIT, in bytes, sets another limit in place of both. */
fr_module *fr_load_onnx(const char *path) FR_FREED_BY(fr_module_free);

/* Runs a module of fr_load_onnx with all inputs of its model, n of them, in the file's order (initial states, masks,
 * lengths), and sets outputs[0..count-1] to its first outputs: new tensors, or inputs that come out again. Values of
 * ONNX's bool, and of all integer types, are int64; half precision is float32, rounded after each node. False, with
 * those outputs NULL, for a module of another kind, for other numbers of inputs or outputs, for an input whose dtype,
 * number of dims or sizes are not those that the file fixes, and for whatever a node refuses. */
bool fr_onnx_forward(fr_module *m, fr_tensor *const *inputs, int n, fr_tensor **outputs, int count);
/* How many inputs and outputs the model has; -1 with an error for a module of another kind. */
int fr_onnx_input_count(const fr_module *m);
int fr_onnx_output_count(const fr_module *m);
/* Their names, borrowed from m. NULL with an error for a module of another kind, and for an i out of range. */
const char *fr_onnx_input_name(const fr_module *m, int i);
const char *fr_onnx_output_name(const fr_module *m, int i);

/* --- C ------------------------------------------------------------------------------------------------------------ */

/* For a training step as C: see fr_export_c_with. */
typedef struct {
    fr_loss_function *loss; /* fr_mse or another, of what m gives and target, with FR_MEAN: a float32 scalar */
    fr_tensor *target;      /* an example: its shape and dtype, float32 or int64, count */
    fr_optim *optimiser;    /* of fr_sgd, fr_adam or fr_adamw: its parameters, groups and options are read */
    int64_t accumulate;     /* the gradients of so many calls are added up for one step; 0: 1 */
    bool carry_state;       /* recurrent layers go on from the state that the last call has left */
    void *reserved[8];
} fr_export_c_training;

typedef struct {
    const char *name; /* a C identifier, what all identifiers begin with; NULL: made of path's base name */
    bool int8;        /* matrices of weights, embeddings and kernels as int8, with a scale for each row (dim 0) */
    bool open_batch;  /* the number of samples is NAME_BATCH, a macro */
    bool open_length; /* there is NAME_run_length, for fewer time steps than the example's */
    const fr_export_c_training *training; /* NULL: for inference alone */
    void *reserved[8];
} fr_export_c_options;

typedef struct {
    int64_t weight_bytes;    /* of constant arrays */
    int64_t workspace_bytes; /* of NAME_workspace, which NAME_run has on the stack */
    int64_t multiply_adds;   /* of NAME_run; with open_batch, of each sample */
    int64_t state_bytes;     /* of NAME_state; 0: there is no NAME_step. With training: of states that are carried */
    int64_t step_bytes;      /* what NAME_step has on the stack */
    double int8_loss;       /* with int8: how far the output for the example moves at most; else 0. With open_batch, for
                             * its first sample */
    char not_stepwise[256]; /* why there is no NAME_step; "" if there is one */
    int64_t min_length;     /* with open_length: NAME_MIN_LENGTH; else 0 */
    int64_t trained_bytes;  /* with training: of the weights and running statistics in NAME_training, */
    int64_t optimiser_bytes; /* of the optimiser's state and of gradients that are added up, */
    int64_t predict_bytes;   /* what NAME_predict has on the stack, */
    int64_t file_bytes;      /* and what NAME_save writes */
    void *reserved[8];
} fr_export_c_report;

/* Writes m's forward in evaluation as C99: the source at path, which ends in .c, and the header beside it, with .h for
 * .c; both are written, or neither. The code needs only libm, allocates nothing and changes nothing but what it is
 * given. The source compiles as C (not with -ffast-math, which breaks the rounding in sigmoid and tanh), the header as
 * C++ too:
 *
 *     void NAME_run(const float *x, float *y);
 *     void NAME_run_in(NAME_workspace *w, const float *x, float *y);
 *
 * x has the example's shape, row-major; it is int64_t for an int64 example. NAME_run has the workspace on the stack.
 * The macros NAME_X_SIZE and NAME_Y_SIZE (NAME in capitals) say how many values x and y have.
 *
 * There are two more functions if m works through time only by recurrent layers that go forwards, by ops on each time
 * step alone, and by taking the last time step. Here x and y are those of one time step of the example's batch:
 *
 *     void NAME_reset(NAME_state *s);
 *     void NAME_step(NAME_state *s, const float *x, float *y);
 *
 * With open_batch NAME_run takes NAME_BATCH samples. This macro is the example's number of samples, unless source and
 * header are compiled with another one (-DNAME_BATCH=8). The code calls a function of one sample for each, so neither
 * the workspace nor the text grows; NAME_step takes one sample. The samples are along the first dim of x along which m
 * gives two of them together what it gives each alone: so it is dim 0 of (B,T,F), and dim 1 of (T,B,F) if something
 * looks at several time steps. It fails if there is no such dim, and names the op that mixes samples.
 *
 * With open_length there are two more functions, for NAME_MIN_LENGTH to NAME_MAX_LENGTH time steps, which is how many
 * the example has. x and y have the sizes that belong to `length`, without gaps:
 *
 *     int NAME_run_length(const float *x, int length, float *y);
 *     int NAME_run_length_in(NAME_workspace *w, const float *x, int length, float *y);
 *
 * They return how many values y has; 0, and y is as it was, for another length. The time steps are along the first dim
 * of x, but that of the samples, whose size may be another one: m must call the same ops, and all sizes must be
 * polynomials of the length, of degree 2 at most. So recurrent layers that go both ways, attention, convolutions of
 * stride 1, the last step and sums over all steps are possible; strides and pooling over time are not. What m computes
 * without x, as a mask, must for fewer steps be the first part, or the corner, of what it is for the most. It fails
 * otherwise, naming op and module, and for an example of fewer than 5 steps, with which there is too little to compare:
 * some lengths are tried, not all.
 *
 * m must be float32, and is afterwards as it was. The example gives the shape and dtype of x, and the values on which
 * int8_loss is measured. What does not depend on x is computed now and written as a constant. Fails for ops that have
 * no C form (the error names all of them and their modules), for a model that reads values which no op gave it, and for
 * a result that was changed in place. */
bool fr_export_c(fr_module *m, fr_tensor *example, const char *path);
/* The same; options and report may be NULL. Fails as well where options->name is no C identifier, and where the sizes
 * that are to be open cannot be.
 *
 * With options->training the files are a training step instead: a device learns by itself, with the same numbers as the
 * library but for rounding. There are no NAME_run and NAME_step, but
 *
 *     void NAME_init(NAME_training *s);
 *     float NAME_train(NAME_training *s, const float *x, const float *target);
 *     void NAME_set_lr(NAME_training *s, float lr);
 *     void NAME_predict(const NAME_training *s, const float *x, float *y);
 *     size_t NAME_save(const NAME_training *s, void *bytes);
 *     int NAME_load(NAME_training *s, const void *bytes, size_t n);
 *
 * NAME_training, which the caller places, holds the weights, the optimiser's state and the memory of a step: one object
 * of a size that is known, so that nothing can be too small. NAME_init sets all of it as it was exported. NAME_train
 * makes a step on x, of the example's shape, and target, and returns the loss before it; NAME_predict is the forward in
 * evaluation, with its memory on the stack. NAME_save writes the weights as a safetensors file of NAME_FILE_BYTES,
 * which fr_load_into_with takes (partial, if not all parameters are trained); NAME_load takes such bytes, and those of
 * fr_save_tensors of the same parameters, and returns 0 for any others. The header has what all of it takes in bytes as
 * macros. Gates of lstm and gru are kept for the backward if the batch has several rows; with one row they are computed
 * again if that takes less memory.
 *
 * What is trained are the optimiser's parameters that want a gradient and that the loss depends on. All others are
 * constants: freeze layers (fr_module_freeze), and neither their gradients nor a state of theirs take memory or time.
 * The optimiser goes on from where it is: what it keeps of each parameter, and for Adam the number of steps, become
 * constants, unless it has made no step yet. Options are written as they are now, with the rate that a scheduler has
 * come to; no scheduler is written. NAME_set_lr sets the rate of all groups for the steps that follow, s->lr[k] is that
 * of group k; neither NAME_save nor NAME_load touches rates. Gradients are not clipped. A target class that is out of
 * range gives NaN, as the loss and in the weights.
 *
 * The step is traced in the mode that m is in. Dropout draws its masks on the device, from a generator of 8 bytes
 * (PCG): other masks than the library's, of the same distribution. NAME_init begins it the same way each time, and
 *
 *     void NAME_seed(NAME_training *s, uint64_t seed);
 *
 * otherwise. Batch normalisation in training takes the statistics of x, as the library does; the running ones and the
 * number of batches lie in NAME_training, each NAME_train moves them (with accumulate, too), NAME_predict reads them,
 * and NAME_save and NAME_load have them as fr_save has. A layer in evaluation keeps them as constants, which is how a
 * model is fine-tuned on batches that are too small for statistics.
 *
 * Refused are other optimisers than SGD, Adam and AdamW, parameters that are a part of another tensor, int8,
 * open_batch, open_length, batch normalisation with a cumulative average, a module that changes a buffer in another way
 * or draws other random numbers, and losses whose mean depends on the target: class weights, ignore_index. A number
 * that m or the loss takes out of a tensor (fr_item) is a constant. A sequence is of the example's length, and each
 * begins with the initial state: back-propagation is truncated to it.
 *
 * Weights that are to be int8 in the end are trained as float32 by a module with fr_fake_quantize_weights: the step has
 * the rounding in it. (Where the last bit of a weight decides between two integers, the numbers are no longer those of
 * the library.) An export of such a module for inference, with int8, writes the integers that it ran with.
 *
 * With carry_state a long stream is learnt window by window: the rnn, lstm and gru layers of NAME_train begin with the
 * state in which the call before has left them, without its history, as with fr_recurrent_keep; NAME_predict begins
 * there too, and changes nothing. The state is zeros after NAME_init and
 *
 *     void NAME_reset_state(NAME_training *s);
 *
 * It fails for layers that go backwards or are given an initial state, and if there are none. Layers with layer_norm
 * are not one op, so their state is not carried. */
bool fr_export_c_with(fr_module *m, fr_tensor *example, const char *path, const fr_export_c_options *options,
                      fr_export_c_report *report);

FR_END_DECLS
#endif
