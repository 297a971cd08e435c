/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Calls every public function with bad arguments: each argument in turn takes all bad values of its type, while the
 * others are sound. No call may crash, hang or ask for memory without bound, no tensor may leak, and the message of one
 * that fails begins with its name.
 *
 * tools/argument_table.awk makes the table of the functions from the headers, so that a new function is tested by
 * itself. If its parameters have a new type, the table does not compile until KINDS has the type. If it fails with the
 * sound arguments, it needs a line in `sound`. Each function runs in a process of its own. */
#include <config.h>

#include "testing.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* The types of parameters, as argument_table.awk calls them, and the types of their values. */
#define KINDS(X)                                                                                                       \
    X(FILE_p, void *)                                                                                                  \
    X(bool, bool)                                                                                                      \
    X(char_list, void *)                                                                                               \
    X(char_p, void *)                                                                                                  \
    X(double, double)                                                                                                  \
    X(double_p, void *)                                                                                                \
    X(fr_backward_hook_p, fr_backward_hook *)                                                                          \
    X(fr_captured_p, void *)                                                                                           \
    X(fr_closure_p, fr_closure *)                                                                                      \
    X(fr_error_handler_p, fr_error_handler *)                                                                          \
    X(fr_dataset_list, void *)                                                                                         \
    X(fr_dataset_p, void *)                                                                                            \
    X(fr_decode_step_p, fr_decode_step *)                                                                              \
    X(fr_distribution_kind, int)                                                                                       \
    X(fr_backward_step_fn_p, fr_backward_step_fn *)                                                                    \
    X(fr_dtype, int)                                                                                                   \
    X(fr_ema_p, void *)                                                                                                \
    X(fr_fit_result_p, void *)                                                                                         \
    X(fr_forward_function_p, fr_forward_function *)                                                                    \
    X(fr_forward_hook_p, fr_forward_hook *)                                                                            \
    X(fr_forward_pre_hook_p, fr_forward_pre_hook *)                                                                    \
    X(fr_function_p, fr_function *)                                                                                    \
    X(fr_gradient_hook_p, fr_gradient_hook *)                                                                          \
    X(fr_loader_p, void *)                                                                                             \
    X(fr_logger_p, void *)                                                                                             \
    X(fr_loss_function_p, fr_loss_function *)                                                                          \
    X(fr_lr_function_p, fr_lr_function *)                                                                              \
    X(fr_metric_function_p, fr_metric_function *)                                                                      \
    X(fr_missing, int)                                                                                                 \
    X(fr_module_function_p, fr_module_function *)                                                                      \
    X(fr_module_list, void *)                                                                                          \
    X(fr_module_p, void *)                                                                                             \
    X(fr_nonlinearity, int)                                                                                            \
    X(fr_optim_p, void *)                                                                                              \
    X(fr_progress_p, void *)                                                                                           \
    X(fr_interpolation, int)                                                                                           \
    X(fr_padding_mode, int)                                                                                            \
    X(fr_reduction, int)                                                                                               \
    X(fr_release_p, fr_release *)                                                                                      \
    X(fr_scheduler_list, void *)                                                                                       \
    X(fr_scheduler_p, void *)                                                                                          \
    X(fr_sequences_p, void *)                                                                                          \
    X(fr_dtype_p, void *) /* members alone */                                                                          \
    X(fr_shape_p, void *)                                                                                              \
    X(fr_shape, fr_shape)                                                                                              \
    X(fr_tensor_list, void *)                                                                                          \
    X(fr_tensor_out, void *)                                                                                           \
    X(fr_tensor_p, void *)                                                                                             \
    X(fr_tensors_p, void *)                                                                                            \
    X(fr_warning_handler_p, fr_warning_handler *)                                                                      \
    X(int, int)                                                                                                        \
    X(int64_t, int64_t)                                                                                                \
    X(int64_t_p, void *)                                                                                               \
    X(int_p, void *)                                                                                                   \
    X(size_t, size_t)                                                                                                  \
    X(uint64_t, uint64_t)                                                                                              \
    X(void_p, void *)                                                                                                  \
    X(STRUCT, void *)                                                                                                  \
    X(fr_export_c_training_p, void *)                                                                                  \
    X(callback, void *) /* members of structs alone, as those below */                                                 \
    X(char, char)                                                                                                      \
    X(reserved, void *)

#define KIND(name, type)   KIND_##name,
#define MEMBER(name, type) type as_##name;
typedef enum { KINDS(KIND) } kind;
typedef union {
    KINDS(MEMBER)
} value;

/* A member of an options struct. */
typedef struct {
    size_t offset, size;
    kind kind;
    const char *name;
} member;

typedef struct {
    kind kind;
    const char *name;
    const member *members; /* of a KIND_STRUCT, and its size */
    size_t size;
} parameter;

enum { MAX_PARAMETERS = 9 };
typedef struct {
    const char *name;
    void (*call)(value *v);
    int n;
    parameter parameters[MAX_PARAMETERS];
} function;

#include "argument_table.h"

enum { FUNCTIONS = sizeof functions / sizeof *functions };

/* Functions that are not called, and why. */
static const struct {
    const char *name, *why;
} left_out[] = {
    { "fr_set_error_handler", "takes any function, and the test's own handler must stay" },
    { "fr_scope_end", "ends the scope of the test's own tensors" },
    { "fr_scope_leave", "the same" },
    { "fr_ref", "gives the caller a reference, which is to be dropped" },
    { "fr_unref", "drops a reference that the test does not have" },
    { "fr_assign", "the same for what the slot holds" },
    { "fr_ref_at", "as fr_ref" },
    { "fr_unref_at", "as fr_unref" },
    { "fr_assign_at", "as fr_assign" },
};

/* --- Sound arguments ---------------------------------------------------------------------------------------------- */

/* The first line that fits a function and its parameter tells the sound argument. Patterns are those of the shell.
 * Tensors: f (float32), d (float64), e (float64, wants a gradient), i (int64, all 0), l (int64, all 1), g (wants a
 * gradient), h (a result of one that does), and sizes. Numbers and shapes: their values. Strings: the text; with @ a
 * file of the test. Lists have two of what is named. */
static const struct {
    const char *function, *parameter, *text;
} sound[] = {
    { "fr_matmul", "b", "f 3 2" },
    { "fr_item", "t", "f" },
    { "fr_at", "index", "1" },
    { "fr_off_gradient", "t", "g 2 3" },
    { "fr_vjp", "dy", "f" },
    { "fr_open_npy", "path", "@npy" },
    { "fr_open_npz", "path", "@npz" },
    { "fr_open_npz", "name", "x" },
    { "fr_open_safetensors", "path", "@tensors" },
    { "fr_open_safetensors", "name", "weight" },
    { "fr_grad*check", "xs", "e 2 3" },
    { "fr_module_at", "m", "layer" },
    { "fr_outer", "*", "f 3" },
    { "fr_linear", "weight", "f 4 3" },
    { "fr_linear", "bias", "f 4" },
    { "fr_eye", "n", "3" },
    { "fr_randperm", "n", "3" },
    { "fr_randint", "high", "9" },
    { "fr_arange", "stop", "9" },
    { "fr_full", "value", "0.5" },
    { "fr_topk", "k", "2" },
    { "fr_clamp", "max", "2" },
    { "fr_flatten", "to", "1" },
    { "fr_nn_flatten", "to", "1" },
    { "fr_expand", "shape", "2 3" },
    { "fr_sum_to", "shape", "3" },
    { "fr_gather", "index", "i 2 3" },
    { "fr_index_select", "index", "i 2" },
    { "fr_scatter*", "index", "i 2 3" },
    { "fr_scatter_reduce", "reduce", "sum" },
    { "fr_index_put", "indices", "i 2" },
    { "fr_index_put", "values", "f" },
    { "fr_index_*", "index", "i 2" },
    { "fr_bincount", "t", "i 3" },
    { "fr_bincount", "weights", "f 3" },
    { "fr_sparse_mm", "indices", "i 2 3" },
    { "fr_sparse_mm", "values", "f 3" },
    { "fr_sparse_mm", "rows", "4" },
    { "fr_sparse_csr_mm", "crow", "l 2" },
    { "fr_sparse_csr_mm", "col", "i 1" },
    { "fr_sparse_csr_mm", "values", "f 1" },
    { "fr_celu", "alpha", "1" },
    { "fr_gumbel_softmax", "tau", "1" },
    { "fr_prelu", "weight", "f" },
    { "fr_cosine_embedding", "y", "f 2" },
    { "fr_multinomial", "num_samples", "1" },
    { "fr_transpose", "dim1", "1" },
    { "fr_rot90", "dim1", "1" },
    { "fr_diagonal", "dim2", "1" },
    { "fr_bmm", "a", "f 2 3 4" },
    { "fr_bmm", "b", "f 2 4 5" },
    { "fr_baddbmm", "t", "f 5" },
    { "fr_baddbmm", "batch1", "f 2 3 4" },
    { "fr_baddbmm", "batch2", "f 2 4 5" },
    { "fr_tensordot", "dims_a", "0" },
    { "fr_tensordot", "dims_b", "0" },
    { "fr_einsum", "equation", "ij,kj->ik" },
    { "fr_one_hot", "index", "i 2" },
    { "fr_one_hot", "num_classes", "3" },
    { "fr_unfold", "size", "2" },
    { "fr_chunk", "chunks", "2" },
    { "fr_split_with_sizes", "dim", "1" },
    { "fr_meshgrid", "ts", "f 3" },
    { "fr_roll", "shifts", "1 1" },
    { "fr_randint_like", "high", "9" },
    { "fr_linspace", "steps", "5" },
    { "fr_*", "parts", "" },
    { "fr_*", "room", "8" },
    { "fr_*", "dims", "0 1" },
    { "fr_slice", "stop", "2" },
    { "fr_tril", "k", "0" },
    { "fr_triu", "k", "0" },
    { "fr_pad", "n", "2" },
    { "fr_layer_norm", "normalized", "3" },
    { "fr_rms_norm", "normalized", "3" },
    { "fr_layer_norm", "[wb]*", "f 3" },
    { "fr_rms_norm", "weight", "f 3" },
    { "fr_batch_norm", "[rwb]*", "f 3" },
    { "fr_embedding", "index", "i 2" },
    { "fr_embedding", "weight", "f 4 3" },
    { "fr_rnn", "x", "f 4 2 3" },
    { "fr_rnn", "h0", "f 2 5" },
    { "fr_rnn", "w_ih", "f 5 3" },
    { "fr_rnn", "w_hh", "f 5 5" },
    { "fr_rnn", "b_*", "f 5" },
    { "fr_gru", "x", "f 4 2 3" },
    { "fr_gru", "h0", "f 2 5" },
    { "fr_gru", "w_ih", "f 15 3" },
    { "fr_gru", "w_hh", "f 15 5" },
    { "fr_gru", "b_*", "f 15" },
    { "fr_lstm", "x", "f 4 2 3" },
    { "fr_lstm", "h0", "f 2 4" },
    { "fr_lstm", "c0", "f 2 5" },
    { "fr_lstm", "w_ih", "f 20 3" },
    { "fr_lstm", "w_hh", "f 20 4" },
    { "fr_lstm", "w_hr", "f 4 5" },
    { "fr_lstm", "b_*", "f 20" },
    { "fr_conv1d", "x", "f 2 3 8" },
    { "fr_conv1d", "weight", "f 4 3 3" },
    { "fr_conv2d", "x", "f 2 3 8 8" },
    { "fr_conv2d", "weight", "f 4 3 3 3" },
    { "fr_conv?d", "bias", "f 4" },
    { "fr_conv_transpose1d", "x", "f 2 3 8" },
    { "fr_conv_transpose1d", "weight", "f 3 4 3" },
    { "fr_conv_transpose2d", "x", "f 2 3 8 8" },
    { "fr_conv_transpose2d", "weight", "f 3 4 3 3" },
    { "fr_conv_transpose?d", "bias", "f 4" },
    { "fr_*_pool1d", "x", "f 2 3 8" },
    { "fr_max_pool1d*", "x", "f 2 3 8" },
    { "fr_max_pool2d*", "x", "f 2 3 8 8" },
    { "fr_max_unpool1d", "x", "f 2 3 8" },
    { "fr_max_unpool1d", "indices", "i 2 3 8" },
    { "fr_max_unpool2d", "x", "f 2 3 4 4" },
    { "fr_max_unpool2d", "indices", "i 2 3 4 4" },
    { "fr_max_unpool_forward", "m", "unpool" },
    { "fr_max_unpool_forward", "x", "f 2 3 8" },
    { "fr_max_unpool_forward", "indices", "i 2 3 8" },
    { "fr_max_unpool_forward", "output_size", "16" },
    { "fr_*_pool2d", "x", "f 2 3 8 8" },
    { "*_pool*", "*_size", "2" },
    { "fr_nn_conv*", "kernel_size", "2" },
    { "fr_pad_mode", "n", "2" },
    { "fr_pad_mode", "t", "f 2 9" },
    { "fr_unflatten", "sizes", "2 1" },
    { "fr_nn_*_pad?d", "padding", "1" },
    { "fr_interpolate", "x", "f 2 3 8" },
    { "fr_group_norm", "x", "f 2 3 4" },
    { "fr_group_norm", "[wb]*", "f 3" },
    { "fr_instance_norm", "x", "f 2 3 4" },
    { "fr_instance_norm", "[rwb]*", "f 3" },
    { "fr_dropout2d", "t", "f 2 3 4 4" },
    { "fr_nn_*", "num*heads", "2" },
    { "fr_nn_*", "nhead", "2" },
    { "fr_nn_*", "*dim", "4" },
    { "fr_nn_*", "d_model", "4" },
    { "fr_nn_*", "num_*", "2" },
    { "fr_nn_softmax", "dim", "1" },
    { "fr_nn_*", "in*", "3" },
    { "fr_nn_*", "out", "2" },
    { "fr_nn_*", "hidden_size", "4" },
    { "fr_nll*", "target", "i 2" },
    { "fr_cross_entropy*", "target", "i 2" },
    { "fr_requires_grad", "leaf", "f 2 3" },
    { "fr_zero_grad", "leaf", "g 2 3" },
    { "fr_grad", "leaf", "g 2 3" },
    { "fr_backward", "scalar", "h" },
    { "fr_backward_with", "t", "h 2 3" },
    { "fr_gradients", "y", "h" },
    { "fr_gradients_with", "y", "h 2 3" },
    { "fr_gradients*", "xs", "g 2 3" },
    { "fr_*on_gradient", "t", "g 2 3" },
    { "fr_explain*", "t", "h" },
    { "fr_backward_steps", "t", "h" },
    { "fr_graph_dot*", "t", "h" },
    { "fr_log_graph", "t", "h" },
    { "fr_grad*", "flags", "0" },
    { "fr_*", "flags", "0" },
    { "fr_module_on_*", "user", "" },
    { "fr_functional_call", "parameters", "parameter" },
    { "fr_module_share", "name", "weight" },
    { "fr_weight_norm", "name", "weight" },
    { "fr_spectral_norm", "name", "weight" },
    { "fr_spectral_norm", "n_power_iterations", "1" },
    { "fr_spectral_norm", "eps", "1" },
    { "fr_remove_parametrizations", "name", "weight" },
    { "fr_remove_parametrizations", "m", "weight norm" },
    { "fr_vector_to_parameters", "vector", "f 12" },
    { "fr_ctc_loss", "log_probs", "f 4 2 3" },
    { "fr_ctc_loss", "targets", "l 2 1" },
    { "fr_ctc_loss", "*_lengths", "l 2" },
    { "fr_crf_*", "m", "crf" },
    { "fr_crf_*", "emissions", "f 4 2 3" },
    { "fr_crf_*", "tags", "i 4 2" },
    { "fr_crf_*", "lengths", "l 2" },
    { "fr_*", "prompt", "i 2 3" },
    { "fr_filter_logits", "temperature", "1" },
    { "fr_recurrent_forward*", "m", "rnn" },
    { "fr_recurrent_forward*", "x", "f 4 2 3" },
    { "fr_recurrent_forward*", "lengths", "l 2" },
    { "fr_cell_forward", "m", "cell" },
    { "fr_attention_forward*", "m", "attention" },
    { "fr_attention_forward*", "[qkvx]*", "f 5 2 4" },
    { "fr_transformer_decoder_forward", "m", "decoder layer" },
    { "fr_transformer_decoder_forward", "*", "f 5 2 4" },
    { "fr_nn_transformer_decoder", "layer", "decoder layer" },
    { "fr_nn_transformer_decoder", "norm", "norm" },
    { "fr_rotary_embedding", "x", "f 3 4" },
    { "fr_transformer_encoder_forward*", "m", "layer" },
    { "fr_transformer_encoder_forward*", "src", "f 5 2 4" },
    { "fr_onnx_*", "m", "onnx" },
    { "fr_onnx_forward", "count", "1" },
    { "fr_onnx_*_name", "i", "0" },
    { "fr_nn_transformer_encoder", "layer", "layer" },
    { "fr_nn_transformer_encoder", "norm", "norm" },
    { "fr_module_add", "child", "relu" },
    { "fr_nn_*", "modules", "relu" },
    { "fr_module_find", "name", "weight" },
    { "fr_module_parameters", "n", "" },
    { "fr_tensors_find", "name", "weight" },
    { "fr_optim_add_group", "m", "other" },
    { "fr_optim_split", "parameters", "parameter" },
    { "fr_optim_*", "option", "lr" },
    { "fr_init_*", "std", "1" },
    { "fr_init_*", "high", "2" },
    { "fr_init_trunc_normal", "low", "-2" },
    { "fr_calculate_gain", "param", "0.01" },
    { "fr_*_lr", "gamma", "0.5" },
    { "fr_*_lr", "*factor", "0.5" },
    { "fr_one_cycle_lr", "o", "momentum" },
    { "fr_cyclic_lr", "o", "momentum" },
    { "fr_scheduler_step_metric", "s", "plateau" },
    { "fr_sequential_lr", "parts", "scheduler" },
    { "fr_clip_grad_norm_with", "p", "2" },
    { "fr_accuracy", "target", "i 2" },
    { "fr_save*", "path", "@out" },
    { "fr_replace_file", "path", "@out" },
    { "fr_log_can_plot", "dir", "@log" },
    { "fr_export_onnx*", "path", "@out" },
    { "fr_export_c*", "path", "@out.c" },
    { "fr_load", "path", "@tensors" },
    { "fr_load_into*", "path", "@model" },
    { "fr_load_npy", "path", "@npy" },
    { "fr_load_npz", "path", "@npz" },
    { "fr_load_training", "path", "@run" },
    { "fr_load_onnx", "path", "@onnx" },
    { "fr_read_csv", "path", "@csv" },
    { "fr_read_ts", "path", "@ts" },
    { "fr_read_sequences", "path", "@x.csv" },
    { "fr_log_open", "dir", "@log" },
    { "fr_*", "name*", "name" },
    { "fr_*", "type", "Type" },
    { "fr_*", "text", "text" },
    { "fr_*", "label", "label" },
    { "fr_*", "n", "2" },
    { "fr_*", "total", "5" },
    { "fr_*", "step*", "1" },
    { "fr_*", "t_max", "5" },
    { "fr_*", "total_*", "5" },
    { "fr_*", "size", "1000" },
    { "fr_*", "int64", "0" },
};

static const char *sound_text(const function *f, int i)
{
    for (size_t k = 0; k < sizeof sound / sizeof *sound; k++)
        if (fnmatch(sound[k].function, f->name, 0) == 0 && fnmatch(sound[k].parameter, f->parameters[i].name, 0) == 0)
            return sound[k].text;
    return NULL;
}

/* What the arguments of one call are made of. It is freed after the call, except what the function took over. */
typedef struct {
    void *object;
    void (*release)(void *object);
    int parameter; /* which it was made for */
} owned;

enum { MAX_OWNED = 64, LIST = 2 };
static struct {
    owned owned[MAX_OWNED];
    int count, parameter;
    fr_module *model;
    fr_optim *optim;
} world;

static void *own(void *object, void (*release)(void *object))
{
    ck_assert_msg(object != NULL, "%s: an argument cannot be made: %s", test_about, fr_error_message());
    ck_assert_int_lt(world.count, MAX_OWNED);
    world.owned[world.count++] = (owned){ object, release, world.parameter };
    return object;
}

#define RELEASE(NAME, TYPE, CALL)                                                                                      \
    static void NAME(void *object)                                                                                     \
    {                                                                                                                  \
        TYPE *o = object;                                                                                              \
                                                                                                                       \
        CALL(o);                                                                                                       \
    }
RELEASE(free_module, fr_module, fr_module_free)
RELEASE(free_optim, fr_optim, fr_optim_free)
RELEASE(free_scheduler, fr_scheduler, fr_scheduler_free)
RELEASE(free_ema, fr_ema, fr_ema_free)
RELEASE(free_captured, fr_captured, fr_captured_free)
RELEASE(free_loader, fr_loader, fr_loader_free)
RELEASE(free_dataset, fr_dataset, fr_dataset_free)
RELEASE(free_sequences, fr_sequences, fr_sequences_free)
RELEASE(free_tensors, fr_tensors, fr_tensors_free)
RELEASE(free_logger, fr_logger, fr_log_close)
RELEASE(free_progress, fr_progress, fr_progress_end)
RELEASE(free_file, FILE, fclose)

static char folder[] = "/tmp/check_arguments.XXXXXX";

/* The path of a file of the test, valid until the eighth call after this one. */
static char *path_of(const char *name)
{
    static char paths[8][sizeof folder + 64];
    static int next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static fr_module *make_module(const char *name)
{
    fr_module *m = strcmp(name, "relu") == 0            ? fr_nn_relu()
                   : strcmp(name, "rnn") == 0           ? fr_nn_rnn(3, 4, NULL)
                   : strcmp(name, "cell") == 0          ? fr_nn_rnn_cell(3, 4, NULL)
                   : strcmp(name, "attention") == 0     ? fr_nn_multihead_attention(4, 2, NULL)
                   : strcmp(name, "layer") == 0         ? fr_nn_transformer_encoder_layer(4, 2, NULL)
                   : strcmp(name, "decoder layer") == 0 ? fr_nn_transformer_decoder_layer(4, 2, NULL)
                   : strcmp(name, "crf") == 0           ? fr_nn_crf(3, NULL)
                   : strcmp(name, "unpool") == 0        ? fr_nn_max_unpool1d(2, NULL)
                   : strcmp(name, "onnx") == 0          ? fr_load_onnx(path_of("sum"))
                   : strcmp(name, "norm") == 0          ? fr_nn_layer_norm(FR_SHAPE(4), NULL)
                                                        : fr_nn_linear(3, 2, NULL);

    if (strcmp(name, "weight norm") == 0)
        ck_assert(fr_weight_norm(m, "weight", 0));
    return own(m, free_module);
}

/* The module of the call, which its optimiser and its averages belong to. */
static fr_module *model(void)
{
    if (!world.model)
        world.model = make_module("linear");
    return world.model;
}

static fr_optim *optim(const char *name)
{
    double momentum = strcmp(name, "momentum") == 0 ? 0.9 : 0;

    if (!world.optim)
        world.optim = own(fr_sgd(model(), &(fr_sgd_options){ .momentum = momentum }), free_optim);
    return world.optim;
}

static fr_scheduler *scheduler(const char *name)
{
    return own(strcmp(name, "plateau") == 0 ? fr_reduce_lr_on_plateau(optim(""), NULL) : fr_step_lr(optim(""), 2, 0.5),
               free_scheduler);
}

static fr_loader *loader(void)
{
    return own(fr_loader_new(FR_TENSORS(fr_ones(FR_SHAPE(4, 3)), fr_ones(FR_SHAPE(4, 2))), NULL), free_loader);
}

static fr_dataset *dataset(void)
{
    return own(fr_dataset_tensors(FR_TENSORS(fr_ones(FR_SHAPE(4, 3)))), free_dataset);
}

static fr_tensor *make_tensor(const char *text)
{
    fr_shape shape = { 0 };
    char *rest = (char *)text + 1;
    fr_tensor *t;

    for (char *end; shape.ndim < FR_MAX_DIMS; shape.ndim++, rest = end) {
        shape.dim[shape.ndim] = strtol(rest, &end, 10);
        if (end == rest)
            break;
    }
    t = fr_full(shape, 0.5);
    if (strchr("dei", *text))
        t = fr_cast(t, *text == 'i' ? FR_I64 : FR_F64);
    if (*text == 'l')
        t = fr_cast(fr_ones(shape), FR_I64);
    if (strchr("egh", *text))
        t = fr_requires_grad(t);
    return *text == 'h' ? fr_square(t) : t;
}

static bool stop(const fr_backward_step *step, void *user)
{
    (void)step;
    (void)user;
    return false;
}

static fr_tensor *return_first(fr_tensor *const *in, void *user)
{
    (void)user;
    return fr_sum(fr_square(in[0]));
}

/* Has been run, so that there is something to tell of it. */
static fr_captured *captured(void)
{
    fr_captured *c = fr_capture(return_first, NULL);
    fr_tensor *x = fr_ones(FR_SHAPE(2));

    ck_assert(fr_captured_run(c, &x, 1));
    return c;
}

/* There is one token: a search with beams without bound stays small. */
static fr_tensor *decode_step(fr_tensor *tokens, fr_tensor *rows, void *user)
{
    (void)rows, (void)user;
    return fr_ones(FR_SHAPE(fr_dim(tokens, 0), 1));
}

static fr_tensor *forward(fr_module *m, fr_tensor *x)
{
    (void)m;
    return x;
}

static fr_tensor *hook(fr_module *m, fr_tensor *x, fr_tensor *y, void *user)
{
    (void)m, (void)x, (void)y, (void)user;
    return NULL;
}

static fr_tensor *pre_hook(fr_module *m, fr_tensor *x, void *user)
{
    (void)m, (void)x, (void)user;
    return NULL;
}

static void visit(fr_module *m, void *user)
{
    (void)m, (void)user;
}

static fr_tensor *closure(void *user)
{
    (void)user;
    return fr_ones(FR_SHAPE());
}

static fr_tensor *gradient_hook(fr_tensor *gradient, void *user)
{
    (void)gradient, (void)user;
    return NULL;
}

static double one(int64_t epoch, int group, void *user)
{
    (void)epoch, (void)group, (void)user;
    return 1;
}

static void *make_list(kind k, const char *text)
{
    static void *lists[MAX_PARAMETERS][LIST];
    void **list = lists[world.parameter];

    for (int i = 0; i < LIST; i++)
        list[i] = k == KIND_fr_module_list         ? (void *)make_module(text)
                  : k == KIND_fr_scheduler_list    ? (void *)scheduler(text)
                  : k == KIND_fr_dataset_list      ? (void *)dataset()
                  : k == KIND_char_list            ? (void *)(i ? "b" : "a")
                  : strcmp(text, "parameter") == 0 ? fr_module_parameters(model(), &(int){ 0 })[i]
                                                   : make_tensor(text);
    return list;
}

static fr_shape make_shape(const char *text)
{
    fr_shape shape = { 0 };

    for (char *end; *text; text = end, shape.ndim++)
        shape.dim[shape.ndim] = strtol(text, &end, 10);
    return shape;
}

/* Sets v to the sound value of parameter i. */
static void make_sound(const function *f, int i, value *v)
{
    static double doubles[64] = { 0.5, 0.5, 0.5, 0.5, 0.5, 0.5 };
    static int ints[64];
    static int64_t wides[64];
    static fr_tensor *outs[MAX_PARAMETERS][64];
    static char room[1 << 12];
    const parameter *p = &f->parameters[i];
    const char *given = sound_text(f, i), *text = given ? given : "";

    memset(v, 0, sizeof *v);
    memset(outs[i], 0, sizeof outs[i]);
    memset(room, 0, sizeof room);
    ints[0] = 0, ints[1] = 1;
    wides[0] = 1, wides[1] = 2;
    world.parameter = i;
    switch (p->kind) {
    case KIND_FILE_p:
        v->as_FILE_p = own(fopen("/dev/null", "w"), free_file);
        break;
    case KIND_bool:
        v->as_bool = false;
        break;
    case KIND_char_list:
    case KIND_fr_dataset_list:
    case KIND_fr_module_list:
    case KIND_fr_scheduler_list:
    case KIND_fr_tensor_list:
        v->as_fr_tensor_list = make_list(p->kind, given ? text : "f 2 3");
        break;
    case KIND_char_p:
        v->as_char_p = *text == '@' ? path_of(text + 1) : (char *)text;
        break;
    case KIND_double:
        v->as_double = given ? strtod(text, NULL) : 0.5;
        break;
    case KIND_double_p:
        v->as_double_p = doubles;
        break;
    case KIND_fr_backward_hook_p:
        v->as_fr_backward_hook_p = hook;
        break;
    case KIND_fr_captured_p:
        v->as_fr_captured_p = own(captured(), free_captured);
        break;
    case KIND_fr_dtype:
        v->as_fr_dtype = FR_F32;
        break;
    case KIND_fr_ema_p:
        v->as_fr_ema_p = own(fr_ema_new(model(), 0.9), free_ema);
        break;
    case KIND_fr_forward_function_p:
        v->as_fr_forward_function_p = forward;
        break;
    case KIND_fr_closure_p:
        v->as_fr_closure_p = closure;
        break;
    case KIND_fr_forward_pre_hook_p:
        v->as_fr_forward_pre_hook_p = pre_hook;
        break;
    case KIND_fr_module_function_p:
        v->as_fr_module_function_p = visit;
        break;
    case KIND_fr_forward_hook_p:
        v->as_fr_forward_hook_p = hook;
        break;
    case KIND_fr_decode_step_p:
        v->as_fr_decode_step_p = decode_step;
        break;
    case KIND_fr_backward_step_fn_p:
        v->as_fr_backward_step_fn_p = stop;
        break;
    case KIND_fr_function_p:
        v->as_fr_function_p = return_first;
        break;
    case KIND_fr_gradient_hook_p:
        v->as_fr_gradient_hook_p = gradient_hook;
        break;
    case KIND_fr_dataset_p:
        v->as_fr_dataset_p = dataset();
        break;
    case KIND_fr_loader_p:
        v->as_fr_loader_p = loader();
        break;
    case KIND_fr_logger_p:
        v->as_fr_logger_p = own(fr_log_open(path_of("log"), NULL), free_logger);
        break;
    case KIND_fr_loss_function_p:
        v->as_fr_loss_function_p = fr_mse;
        break;
    case KIND_fr_lr_function_p:
        v->as_fr_lr_function_p = one;
        break;
    case KIND_fr_module_p:
        v->as_fr_module_p = given ? make_module(text) : model();
        break;
    case KIND_fr_optim_p:
        v->as_fr_optim_p = optim(text);
        break;
    case KIND_fr_progress_p:
        v->as_fr_progress_p = own(fr_progress_new("x", 5, &(fr_progress_options){ .quiet = true }), free_progress);
        break;
    case KIND_fr_scheduler_p:
        v->as_fr_scheduler_p = scheduler(text);
        break;
    case KIND_fr_sequences_p:
        v->as_fr_sequences_p = own(fr_read_csv(path_of("csv"), NULL), free_sequences);
        break;
    case KIND_fr_shape:
        v->as_fr_shape = make_shape(given ? text : "2 3");
        break;
    case KIND_fr_tensor_out:
        v->as_fr_tensor_out = outs[i];
        break;
    case KIND_fr_tensor_p:
        v->as_fr_tensor_p = make_tensor(given ? text : "f 2 3");
        break;
    case KIND_fr_tensors_p:
        v->as_fr_tensors_p = own(fr_load(path_of("tensors")), free_tensors);
        break;
    case KIND_int:
        v->as_int = atoi(text);
        break;
    case KIND_int64_t:
        v->as_int64_t = given ? atoi(text) : 1;
        break;
    case KIND_int64_t_p:
        v->as_int64_t_p = wides;
        break;
    case KIND_int_p:
        v->as_int_p = ints;
        break;
    case KIND_size_t:
        v->as_size_t = given ? (size_t)atoi(text) : 8;
        break;
    case KIND_void_p:
        v->as_void_p = room;
        break;
    case KIND_STRUCT:
        v->as_STRUCT = memset(own(malloc(p->size), free), 0, p->size);
        if (fnmatch("fr_dist_*", f->name, 0) == 0)
            *(fr_distribution *)v->as_STRUCT = fr_dist_normal(make_tensor("f 2 3"), make_tensor("f 2 3"));
        break;
    default:
        break; /* all 0: the first of an enumeration, no callback */
    }
}

/* --- Bad arguments ------------------------------------------------------------------------------------------------ */

static const double bad_doubles[] = { NAN, INFINITY, -INFINITY, -1, 1e308, -1e308, 1e39, 0 };
static const int bad_ints[] = { -1, -9, 9, INT_MIN, INT_MAX, 0 };
static const int64_t bad_wides[] = { -1, 0, INT64_MIN, INT64_MIN + 1, INT64_MAX, INT64_MAX - 1, INT_MIN };
static const char *const bad_texts[] = { NULL, "", "no such folder/name", "\xff\xfe", "a.b", "%s%n", "\n" };
static const fr_shape bad_shapes[] = {
    { .ndim = -1 },
    { .ndim = INT_MIN },
    { .ndim = INT_MAX },
    { .ndim = FR_MAX_DIMS + 1 },
    { .ndim = 0 },
    { .ndim = 1, .dim = { 0 } },
    { .ndim = 1, .dim = { -1 } },
    { .ndim = 1, .dim = { INT64_MIN } },
    { .ndim = 1, .dim = { INT64_MAX } },
    { .ndim = 2, .dim = { INT64_MAX, INT64_MAX } },
    { .ndim = 2, .dim = { 0, INT64_MAX } },
    { .ndim = 2, .dim = { (int64_t)1 << 32, (int64_t)1 << 32 } },
    { .ndim = 3, .dim = { -1, INT64_MIN, 2 } },
    { .ndim = 8, .dim = { 1, 1, 1, 1, 1, 1, 1, 1 } },
};

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

/* Returns bad tensor number `which` in the place of t; *more is false if there is none. */
static fr_tensor *bad_tensor(int which, fr_tensor *t, bool *more)
{
    fr_shape shape = t ? fr_shape_of(t) : FR_SHAPE(2, 3);

    switch (which) {
    case 0:
        return NULL;
    case 1:
        return fr_cast(fr_full(shape, 1), t && fr_dtype_of(t) == FR_I64 ? FR_F32 : FR_I64);
    case 2:
        return fr_cast(fr_full(shape, 1), FR_F64);
    case 3:
        return fr_scalar(0.5);
    case 4:
        return fr_ones(FR_SHAPE(1, 1, 1, 1, 1, 1, 1, 1));
    case 5:
        return shape.ndim ? (shape.dim[0] = 0, fr_ones(shape)) : fr_ones(FR_SHAPE(0));
    case 6:
        return shape.ndim ? (shape.dim[shape.ndim - 1] += 5, fr_ones(shape)) : fr_ones(FR_SHAPE(7));
    case 7:
        return fr_full(shape, NAN);
    case 8:
        return fr_cast(fr_full(shape, -1e30), t ? fr_dtype_of(t) : FR_F32);
    case 9:
        return fr_expand(fr_ones(FR_SHAPE()), shape);
    case 10:
        return fr_square(fr_requires_grad(fr_ones(shape)));
    default:
        *more = false;
        return NULL;
    }
}

static bool make_bad(const function *f, const parameter *p, int which, value *v);

/* The same for a struct, which is NULL, or has one bad member, or is full of 0xff. */
static bool make_bad_struct(const function *f, const parameter *p, int which, value *v)
{
    char *object = v->as_STRUCT;
    bool may_hold = strcmp(p->name, "kept") != 0; /* kept is what the function itself wrote */
    bool fill = false;                            /* without a reserved member nothing tells that pointers are bad */

    if (which-- == 0)
        v->as_STRUCT = NULL;
    for (const member *m = p->members; may_hold && m->name && which >= 0; m++) {
        value bad = { 0 };

        for (int k = 0; which >= 0 && make_bad(f, &(parameter){ .kind = m->kind, .name = m->name }, k, &bad); k++) {
            if (which-- == 0)
                memcpy(object + m->offset, &bad, m->size);
            memset(&bad, 0, sizeof bad);
        }
        fill = m->kind == KIND_reserved && !SANITIZED; /* a bool of 0xff stops the program there */
    }
    if (fill && which-- == 0)
        memset(object, 0xff, p->size);
    return which < 0;
}

/* Sets v, a sound value, to bad value number `which` of its kind. False if there is none. */
static bool make_bad(const function *f, const parameter *p, int which, value *v)
{
    static void *list[LIST];
    /* More than there are would be the caller's fault, and so would 2^63 epochs. */
    bool more = true, counts = strcmp(p->name, "n") == 0 || strcmp(p->name, "epochs") == 0;

    switch (p->kind) {
    case KIND_bool:
        v->as_bool = !v->as_bool;
        return which == 0;
    case KIND_double:
        return which < COUNT(bad_doubles) && (v->as_double = bad_doubles[which], true);
    case KIND_int:
        return which < COUNT(bad_ints) && (v->as_int = counts && bad_ints[which] > 0 ? -1 : bad_ints[which], true);
    case KIND_fr_distribution_kind:
    case KIND_fr_dtype:
    case KIND_fr_missing:
    case KIND_fr_nonlinearity:
    case KIND_fr_interpolation:
    case KIND_fr_padding_mode:
    case KIND_fr_reduction:
        return which < COUNT(bad_ints) && (v->as_int = bad_ints[which], true);
    case KIND_int64_t:
        return which < COUNT(bad_wides) &&
               (v->as_int64_t = counts && bad_wides[which] > 0 ? -1 : bad_wides[which], true);
    case KIND_size_t:
        v->as_size_t = (size_t)which;
        return which < 2;
    case KIND_uint64_t:
        v->as_uint64_t = UINT64_MAX;
        return which == 0;
    case KIND_fr_shape:
        return which < COUNT(bad_shapes) && (v->as_fr_shape = bad_shapes[which], true);
    case KIND_char_p:
        return which < COUNT(bad_texts) && (v->as_char_p = (char *)bad_texts[which], true);
    case KIND_fr_tensor_p:
        v->as_fr_tensor_p = bad_tensor(which, v->as_fr_tensor_p, &more);
        return more;
    case KIND_fr_module_p:
        v->as_fr_module_p = which == 0 ? NULL : make_module(which == 1 ? "relu" : "rnn");
        return which < 3;
    case KIND_fr_tensor_list:
        memcpy(list, v->as_fr_tensor_list, sizeof list);
        list[1] = which ? bad_tensor(which - 1, list[1], &more) : NULL;
        v->as_fr_tensor_list = which ? list : NULL;
        return more;
    case KIND_char_list:
    case KIND_fr_dataset_list:
    case KIND_fr_module_list:
    case KIND_fr_scheduler_list:
        memcpy(list, v->as_char_list, sizeof list);
        list[1] = which == 1 ? NULL : list[0];
        v->as_char_list = which ? list : NULL;
        return which < 3 && (which < 2 || p->kind == KIND_char_list);
    case KIND_STRUCT:
        return make_bad_struct(f, p, which, v);
    case KIND_char:
    case KIND_callback:
    case KIND_fr_export_c_training_p:
    case KIND_fr_fit_result_p:
    case KIND_fr_metric_function_p:
    case KIND_fr_release_p:
        return false;
    case KIND_reserved:
        v->as_reserved = v;
        return which == 0;
    default:
        v->as_void_p = NULL;
        return which == 0; /* all other pointers */
    }
}

/* --- Released arguments ------------------------------------------------------------------------------------------- */

enum { RELEASED = -1 }; /* in place of the number of a bad value */

static fr_tensor *released_tensor(void)
{
    FR_SCOPE;

    return fr_ones(FR_SHAPE(2, 3));
}

/* Releases an object that was made as an argument. */
static void *release_owned(void *object)
{
    for (int i = 0; i < world.count; i++)
        if (world.owned[i].object == object) {
            world.owned[i].release(object);
            world.owned[i] = world.owned[--world.count];
            break;
        }
    return object;
}

/* Puts an object of kind k that was released in the place of v, a sound value. False if k is no object of frond. */
static bool make_released(kind k, value *v)
{
    static void *list[LIST];

    switch (k) {
    case KIND_fr_tensor_p:
        v->as_fr_tensor_p = released_tensor();
        return true;
    case KIND_fr_tensor_list:
    case KIND_fr_dataset_list:
    case KIND_fr_module_list:
    case KIND_fr_scheduler_list:
        memcpy(list, v->as_fr_tensor_list, sizeof list);
        list[1] = k == KIND_fr_tensor_list ? released_tensor() : release_owned(list[1]);
        v->as_fr_tensor_list = list;
        return true;
    case KIND_fr_captured_p:
    case KIND_fr_dataset_p:
    case KIND_fr_ema_p:
    case KIND_fr_loader_p:
    case KIND_fr_logger_p:
    case KIND_fr_module_p:
    case KIND_fr_optim_p:
    case KIND_fr_progress_p:
    case KIND_fr_scheduler_p:
    case KIND_fr_sequences_p:
    case KIND_fr_tensors_p:
        release_owned(v->as_void_p);
        return true;
    default:
        return false;
    }
}

/* --- Calls -------------------------------------------------------------------------------------------------------- */

/* Parameters that a function takes over, even if it fails, besides what the functions named _free, _close and _end do.
 */
static const struct {
    const char *function, *parameter;
} takers[] = {
    { "fr_module_add", "child" },
    { "fr_nn_sequential", "modules" },
    { "fr_nn_module_list", "modules" },
    { "fr_nn_transformer_encoder", "layer" },
    { "fr_nn_transformer_encoder", "norm" },
    { "fr_nn_transformer_decoder", "layer" },
    { "fr_nn_transformer_decoder", "norm" },
    { "fr_sequential_lr", "parts" },
};

static bool takes(const function *f, int i)
{
    for (int k = 0; k < COUNT(takers); k++)
        if (strcmp(takers[k].function, f->name) == 0 && strcmp(takers[k].parameter, f->parameters[i].name) == 0)
            return true;
    return i == 0 && (fnmatch("*_free", f->name, 0) == 0 || fnmatch("*_close", f->name, 0) == 0 ||
                      fnmatch("fr_progress_end", f->name, 0) == 0);
}

/* True if the function has taken over the object; with no_list, it was told that a list has no entries. */
static bool was_taken(const function *f, const owned *o, const value *v, bool no_list)
{
    const value *given = &v[o->parameter];
    kind k = f->parameters[o->parameter].kind;

    if (!takes(f, o->parameter) || !given->as_void_p)
        return false;
    if (k != KIND_fr_module_list && k != KIND_fr_scheduler_list)
        return given->as_void_p == o->object;
    for (int i = 0; i < LIST && !no_list; i++)
        if (((void **)given->as_void_p)[i] == o->object)
            return true;
    return false;
}

/* What a call may have changed goes back to what it was. */
static void restore(const function *f, const value *v)
{
    if (strcmp(f->name, "fr_recurrent_keep") == 0 && v[0].as_STRUCT)
        fr_recurrent_keep(v[0].as_STRUCT, NULL);
    if (fnmatch("fr_*_forward_cached", f->name, 0) == 0)
        fr_kv_cache_clear(v[2].as_STRUCT);
    fr_set_default_dtype(FR_F32);
    fr_detect_anomaly(false);
    fr_track_live(false);
    fr_no_grad_end(0);
}

/* Functions that may fail for sound arguments: what they take away is not there, there is no gnuplot, options of zeros
 * lack what is needed, or two arguments must differ. */
static const char *const need_more[] = { "fr_dist_uniform",  "fr_dist_bernoulli", "fr_dist_categorical",
                                         "fr_off_gradient",  "fr_module_off_*",   "fr_recurrent_keep",
                                         "fr_log_*plot",     "fr_interpolate",    "fr_nn_upsample",
                                         "fr_loader_shard",  "fr_dataset_new",    "fr_dataset_fail",
                                         "fr_open_sequences" };

static bool needs_more(const function *f)
{
    for (int i = 0; i < COUNT(need_more); i++)
        if (fnmatch(need_more[i], f->name, 0) == 0)
            return true;
    return false;
}

/* Functions whose message may begin with the name of another one, which they call: an op that a module or a function of
 * the caller runs, or what they are made of. */
static const char *const made_of_others[] = {
    "fr_forward",
    "fr_functional_call",
    "fr_fit",
    "fr_*_forward*",
    "fr_module_summary",
    "fr_export_*",
    "fr_log_module",
    "fr_jvp",
    "fr_vjp",
    "fr_hvp",
    "fr_jacobian",
    "fr_hessian",
    "fr_checkpoint",
    "fr_captured_run",
    "fr_grad*check",
    "fr_outer",
    "fr_*_with",
    "fr_module_print",
    "fr_init_kaiming_*",
    "fr_scaled_dot_product_attention",
    "fr_argsort",
    "fr_am??",
    "fr_b*mm",
    "fr_tensordot",
    "fr_einsum",
    "fr_cdist",
    "fr_one_hot",
    "fr_count_nonzero",
    "fr_view_as",
    "fr_topk",
};

/* The message of a failure names the function, "frond: sum: " for fr_sum_dim too, or a file. */
static void check_message(const function *f, const char *message)
{
    static const char start[] = "frond: ";
    const char *name = message + strlen(start);
    size_t length = strcspn(name, ":");
    bool named = strncmp(name, f->name + 3, length) == 0 || strncmp(name, folder, strlen(folder)) == 0;

    for (int i = 0; i < COUNT(made_of_others); i++)
        named = named || fnmatch(made_of_others[i], f->name, 0) == 0;
    ck_assert_msg(strncmp(message, start, strlen(start)) == 0 && named, "%s: not named in: %s", test_about, message);
    ck_assert_msg(!strstr(message, "out of memory"), "%s: asks for too much: %s", test_about, message);
}

/* An error of a function that was not called by its macro names no place: the call before left none behind. */
static void check_no_call_site(void)
{
    ck_assert_ptr_null((fr_zeros_like)(NULL));
    ck_assert_msg(!strchr(fr_error_message(), '['), "%s leaves its place behind: %s", test_about, fr_error_message());
    fr_error_clear();
}

/* Calls f with sound arguments, but bad value number `which`, or RELEASED, for parameter `varied` and the `more` after
 * it. False if there is no such value. */
static bool call(const function *f, int varied, int more, int which)
{
    value v[MAX_PARAMETERS];
    size_t live = fr_live_tensors();
    int scope = fr_scope_begin(), inner = fr_scope_begin();
    bool there = true, no_list = false;
    const char *message;

    memset(&world, 0, sizeof world);
    snprintf(test_about, sizeof test_about, "%s", f->name);
    for (int i = 0; i < f->n; i++)
        make_sound(f, i, &v[i]);
    if (varied >= 0) {
        world.parameter = varied;
        for (int i = varied; i <= varied + more; i++)
            there = (which == RELEASED ? make_released(f->parameters[i].kind, &v[i])
                                       : make_bad(f, &f->parameters[i], which, &v[i])) &&
                    there;
        no_list = f->parameters[varied].kind == KIND_int;
        snprintf(test_about, sizeof test_about, "%s with bad value %d for %s%s", f->name, which,
                 f->parameters[varied].name, more ? " and the next" : "");
    }
    ck_assert_msg(!fr_error_message(), "%s: an argument: %s", test_about, fr_error_message());
    if (there) {
        alarm(120); /* far more than any call takes, on a busy machine too */
        f->call(v);
        alarm(0);
    }
    message = fr_error_message();
    ck_assert_msg(varied >= 0 || !message || needs_more(f), "%s with sound arguments: %s", test_about, message);
    ck_assert_msg(which != RELEASED || !there || (message && strstr(message, "was released")),
                  "%s, which was released: %s", test_about, message ? message : "no error");
    if (message)
        check_message(f, message);
    fr_error_clear();
    if (strncmp(f->name, "fr_call_site", strlen("fr_call_site")) != 0)
        check_no_call_site();
    restore(f, v);
    while (world.count-- > 0)
        if (!there || !was_taken(f, &world.owned[world.count], v, no_list))
            world.owned[world.count].release(world.owned[world.count].object);
    fr_scope_end(scope);
    (void)inner;
    ck_assert_msg(!fr_error_message(), "%s: afterwards: %s", test_about, fr_error_message());
    ck_assert_msg(fr_live_tensors() == live, "%s: %zu tensors before, %zu after", test_about, live, fr_live_tensors());
    return there;
}

static int report; /* standard error */

static void crashed(int number)
{
    (void)!write(report, test_about, strlen(test_about));
    (void)!write(report, number == SIGALRM ? ": hangs\n" : ": crashes\n", number == SIGALRM ? 8 : 10);
    signal(number, SIG_DFL);
    raise(number);
}

/* In the process of one function: little memory, no output, and the name of the call if it crashes. */
static void confine(void)
{
    static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM };

    for (int i = 0; i < COUNT(signals); i++)
        signal(signals[i], crashed);
    if (!SANITIZED)
        setrlimit(RLIMIT_AS, &(struct rlimit){ (rlim_t)4 << 30, (rlim_t)4 << 30 });
    report = dup(STDERR_FILENO);
    ck_assert(freopen("/dev/null", "w", stdout) && freopen("/dev/null", "w", stderr));
    fr_set_warning_handler(NULL, NULL);
}

/* True if parameter i and the `more` after it are numbers of one kind, as bounds are, or if more is 0. */
static bool are_alike(const function *f, int i, int more)
{
    kind k = f->parameters[i].kind;

    return more == 0 || (i + more < f->n && f->parameters[i + more].kind == k &&
                         (k == KIND_double || k == KIND_int || k == KIND_int64_t));
}

START_TEST(bad_arguments)
{
    const function *f = &functions[_i];

    for (int k = 0; k < COUNT(left_out); k++)
        if (strcmp(left_out[k].name, f->name) == 0)
            return;
    confine();
    call(f, -1, 0, 0);
    for (int i = 0; i < f->n; i++)
        call(f, i, 0, RELEASED);
    for (int i = 0; i < f->n; i++)
        for (int more = 0; more < 2 && are_alike(f, i, more); more++)
            for (int which = 0; call(f, i, more, which); which++)
                ;
}
END_TEST

/* Each name in the lists above is a function's. */
START_TEST(lists)
{
    for (int k = 0; k < COUNT(left_out); k++) {
        bool found = false;

        for (int i = 0; i < FUNCTIONS; i++)
            found = found || strcmp(functions[i].name, left_out[k].name) == 0;
        ck_assert_msg(found, "%s is no function", left_out[k].name);
    }
}
END_TEST

/* Writes the files that functions read. */
static void write_files(void)
{
    FR_SCOPE;
    fr_tensor *x = fr_ones(FR_SHAPE(2, 3));
    fr_module *m = fr_nn_linear(3, 2, NULL);
    fr_optim *o = fr_sgd(m, NULL);
    fr_loader *l = fr_loader_new((fr_tensor *[]){ fr_ones(FR_SHAPE(4, 3)) }, 1, NULL);
    FILE *csv, *ts, *sum;

    fr_save_tensors(path_of("tensors"), (const char *[]){ "weight" }, &x, 1);
    fr_save(m, path_of("model"));
    fr_save_npy(path_of("npy"), x);
    fr_save_npz(path_of("npz"), (const char *[]){ "x" }, &x, 1);
    fr_export_onnx(m, x, path_of("onnx"));
    sum = fopen(path_of("sum"), "wb"); /* y = Add(a, b) as ONNX, of operator set 17 */
    ck_assert(fwrite("\x3a\x1f\x0a\x0e\x0a\x01"
                     "a\x0a\x01"
                     "b\x12\x01y\x22\x03"
                     "Add\x5a\x03\x0a\x01"
                     "a\x5a\x03\x0a\x01"
                     "b\x62\x03\x0a\x01y\x42\x02\x10\x11",
                     1, 37, sum) == 37 &&
              fclose(sum) == 0);
    fr_save_training(path_of("run"), m, o, l);
    for (int i = 0; i < 2; i++) {
        csv = fopen(path_of(i ? "x.csv" : "csv"), "w");
        fputs("1,0.5,0.25\n0,1,2\n", csv);
        fclose(csv);
    }
    ts = fopen(path_of("ts"), "w");
    fputs("@problemName x\n@univariate true\n@classLabel true a b\n@data\n1,2,3:a\n4,5,6:b\n", ts);
    fclose(ts);
    fr_loader_free(l);
    fr_optim_free(o);
    fr_module_free(m);
}

int main(void)
{
    TCase *arguments = tcase_create("arguments");
    char command[sizeof folder + 16];
    int status;

    if (!mkdtemp(folder) || chdir(folder) != 0) /* some functions write a file whatever its name is */
        return EXIT_FAILURE;
    fr_set_error_handler(NULL, NULL);
    write_files();
    fr_error_clear();
    tcase_add_test(arguments, lists);
    tcase_add_loop_test(arguments, bad_arguments, 0, FUNCTIONS);
    status = run_tests("arguments", arguments);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) == 0 ? status : EXIT_FAILURE;
}
