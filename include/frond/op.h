/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Writing an op. An op, the library's or a user's, is one fr_op. fr_apply does the same for all of them: it rejects
 * NULL and mixed dtypes, infers the outputs' shapes, allocates them, runs forward and records the call. examples/ has
 * an op of 20 lines. */
#ifndef FROND_OP_H
#define FROND_OP_H

#include <frond/tensor.h>

FR_BEGIN_DECLS

typedef struct fr_op fr_op;
typedef struct fr_op_call fr_op_call;
typedef struct fr_c_writer fr_c_writer;
typedef struct fr_onnx fr_onnx; /* <frond/onnx.h> */

/* An output, as infer describes it. */
typedef struct {
    fr_shape shape;
    fr_dtype dtype;
    int64_t stride[FR_MAX_DIMS]; /* of a view op's output, in elements; ignored otherwise */
    int64_t offset;              /* likewise: from the input's first element */
} fr_meta;

/* One run of an op, forward or backward. */
struct fr_op_call {
    const fr_op *op;
    const void *attributes; /* what fr_apply was given; in backward the node's copy */
    int inputs, outputs;
    bool recording;             /* forward: a backward may follow */
    fr_tensor *const *in;       /* inputs, contiguous unless op->strided; in backward those that are saved, else NULL */
    const fr_shape *in_shape;   /* backward: the shape of each input, saved or not */
    fr_meta *out;               /* infer: fill in */
    fr_tensor **result;         /* outputs; forward fills their memory; in backward those that are saved, else NULL */
    fr_tensor *const *grad_out; /* backward: gradient of each output */
    fr_tensor **grad_in;        /* backward: set to a new tensor of in_shape[i] where needs[i]; backward_kernel: fill */
    const bool *needs;          /* backward: whose gradient is wanted */
    fr_tensor *const *tangent_in; /* jvp: tangent of each input, of its shape and dtype; NULL: zero */
    fr_tensor **tangent_out;      /* jvp: set to those of the outputs; NULL: zero. in[] and result[] are all there */
    bool failed;                  /* fr_op_fail was called */
    struct fr_rows *rows;         /* the library's own; NULL in users' ops */
};

#define FR_SAVES_NOTHING (1u << 31) /* for fr_op.saves_inputs */

/* Which dtypes an op takes. FR_FLOATS: float32 or float64; FR_ANY: int64 too; with both, all inputs have one dtype.
 * FR_MIXED: infer checks the dtypes. */
typedef enum { FR_FLOATS, FR_ANY, FR_MIXED } fr_op_dtypes;

/* For pictures of an op that goes through dim 0 of input 0 step by step, as recurrent ops do. Output 0 has all steps.
 */
typedef struct {
    struct {
        const char *name;                     /* "h" */
        int input, output;                    /* before the first step; after the last */
    } state[2];                               /* what is carried from step to step; name NULL: nothing */
    bool (*reversed)(const void *attributes); /* whether it begins at the end; NULL: never */
} fr_op_steps;

/* How an op's shapes are written: those of its inputs, an arrow, those of the outputs that are handed out. Dims of one
 * name are of one size, 3H is three times H. A star is any number of dims, the same ones wherever it stands, two and
 * three stars are others; (broadcast) is what all of them broadcast to, (1...) dims of size 1. ? marks an input that
 * may be left out, ... after a shape any number of such inputs; "or" stands between shapes that the output may have,
 * ";" between ways to call the op. A scalar may be given where a dim has a name. */
struct fr_op {
    const char *name, *formula;
    const char *shapes; /* "(*,I) (O,I) (O)? -> (*,O)"; NULL: not said */
    int inputs;         /* -1: any number */
    int outputs;
    int internal;           /* the last so many of them are for backward alone: saved, never handed out */
    unsigned optional;      /* bit i: input i may be NULL */
    unsigned saves_inputs;  /* bit i: backward reads input i; */
    unsigned saves_outputs; /* ... output i. 0 in both: all of both */
    size_t attributes_size; /* bytes of *attributes, copied when the op is recorded */
    fr_op_dtypes dtypes;
    bool strided;                      /* forward takes strided inputs; see fr_stride */
    bool view;                         /* the output shares input 0's storage; no forward */
    bool expanded_gradients;           /* backward_kernel takes a gradient that is one number expanded, as a sum's is:
                                        * all strides 0 */
    bool null_gradients;               /* backward takes NULL for an undefined gradient of an output instead of zeros */
    bool (*infer)(fr_op_call *call);   /* call->out[i] = shape and dtype, or return fr_op_fail(call, "...") */
    void (*forward)(fr_op_call *call); /* call->in[] -> call->result[]; may fr_op_fail */
    void (*backward)(fr_op_call *call); /* call->grad_out[] -> call->grad_in[], in ops; skip where !needs[i] */
    void (*backward_kernel)(
        fr_op_call *call); /* optional, first derivatives: fills grad_in[] (contiguous, uninitialised,
                            * NULL where not needed) from contiguous in[], result[], grad_out[] */
    /* A fused op's formula out of smaller ops: sets result[] from in[]. Serves as backward where there is none (the
     * graph it makes is differentiated), and the tests hold forward and backward_kernel against it. */
    void (*definition)(fr_op_call *call);
    /* Optional, for fr_export_c: writes what computes result[] of in[] in C, by the functions of <frond/c_code.h>. A
     * view needs none. */
    bool (*c_code)(fr_c_writer *w, const fr_op_call *call);
    /* Optional, forward mode: call->tangent_in[] -> call->tangent_out[], in ops; one of those below or the op's own.
     * Without it the tangent comes of differentiating backward, which is slower. */
    void (*jvp)(fr_op_call *call);
    /* Optional: how a call is written as ONNX, with the functions of <frond/onnx.h>; false where it cannot be.
     * onnx_name alone says as much where an ONNX op takes and gives the same, and has no attributes. */
    const char *onnx_name;
    bool (*onnx)(fr_onnx *g, const fr_op_call *call);
    const struct fr_case *cases; /* the library's tests; NULL in users' ops */
    /* Optional, for summaries: how many multiply-adds the forward took that computed result[] from in[]; without it
     * none are counted. */
    int64_t (*multiply_adds)(const fr_op_call *call);
    const fr_op_steps *steps; /* NULL: does not go step by step */
    /* Optional, for errors: what the inputs are called, "x weight bias"; "ts[]" stands for all that follow. Without it
     * the library's ops have the names in the prototype of their public function. */
    const char *input_names;
    /* Optional, for explanations. Of a pointwise op (its jvp is fr_jvp_pointwise) the derivative by x, or by a and b,
     * in the language of `frond explain`: "dy/dx = 1 - y^2", "dy/da = b, dy/db = a"; beside numbers it may have the
     * names of attributes, pi, and "... where x > 0, else ...". Of others how gradients pass: "dL/da = dL/dy b^T, ...".
     */
    const char *derivative;
    /* Optional, for fr_export_c of training: writes what computes grad_in[] of in[], result[] (those that are saved)
     * and grad_out[] in C; needs a backward_kernel. Without it the ops of backward or definition are written. */
    bool (*c_backward)(fr_c_writer *w, const fr_op_call *call);
};

/* Runs op on its inputs and returns its output, new; NULL where it fails. */
fr_tensor *fr_apply(const fr_op *op, fr_tensor *const *inputs, const void *attributes);
/* The same for inputs of `size` bytes: fails if these are fewer than op->inputs pointers. The macro fr_apply calls it.
 */
fr_tensor *fr_apply_sized(size_t size, const fr_op *op, fr_tensor *const *inputs, const void *attributes);
/* The same for any number of inputs and outputs; outputs[] are all NULL where it fails. */
bool fr_apply_n(const fr_op *op, fr_tensor *const *inputs, int n, const void *attributes, fr_tensor **outputs);

/* Notes that the call has failed, "frond: NAME: ...". It is reported when fr_apply has cleaned up. Returns false. */
bool fr_op_fail(fr_op_call *call, const char *format, ...) FR_PRINTF(2, 3);

/* For fr_op.jvp of pointwise ops: ops with one output, each of whose values depends on one value of each (broadcast)
 * input. Runs the op's backward with the tangent as the gradient. */
void fr_jvp_pointwise(fr_op_call *call);
/* For ops that are linear in all their floating inputs together (sum, cat): applies the op to the tangents. */
void fr_jvp_linear(fr_op_call *call);
/* For ops with one output that are linear in each floating input by itself (matmul): adds up, over the inputs, the op
 * with that input replaced by its tangent. */
void fr_jvp_multilinear(fr_op_call *call);

/* t's shape and dtype, for an output like t. */
fr_meta fr_meta_of(const fr_tensor *t);
/* For strided ops: the distance of neighbours along dim, in elements, and the address of element (0, ..., 0). */
int64_t fr_stride(const fr_tensor *t, int dim);
void *fr_origin(const fr_tensor *t);
/* Writes "(2, 3)" and returns text, for messages. */
enum { FR_SHAPE_TEXT = 192 };
const char *fr_shape_text(const fr_shape *shape, char text[FR_SHAPE_TEXT]);

/* Runs the block with T = float or double, as t's dtype says. It may contain commas. */
#define FR_DISPATCH_FLOAT(t, T, ...)                                                                                   \
    {                                                                                                                  \
        if (fr_dtype_of(t) == FR_F64) {                                                                                \
            typedef double T;                                                                                          \
            __VA_ARGS__                                                                                                \
        } else {                                                                                                       \
            typedef float T;                                                                                           \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }

/* Return an op of the library: number i, from 0, in the order of their names; or the op of that name. Return NULL,
 * without an error, if there is none. */
const fr_op *fr_op_at(int i);
const fr_op *fr_op_find(const char *name);

/* For the macros below: fr_call_site for op's name; same. */
const fr_op *fr_call_site_of(const fr_op *op, const char *file, int line);

FR_END_DECLS

/* Errors end with the place of the call, as <frond.h> has it for its functions. */
#ifndef FR_NO_CALL_SITES
#ifdef __cplusplus
#define fr_apply(op, ...) fr_apply(fr_call_site_of(op, __FILE__, __LINE__), __VA_ARGS__)
#else
#define fr_apply(op, ...)                                                                                              \
    fr_apply_sized(FR_SIZE_OF_(__builtin_choose_expr(1, __VA_ARGS__)), fr_call_site_of(op, __FILE__, __LINE__),        \
                   __VA_ARGS__)
#endif
#define fr_apply_n(op, ...) fr_apply_n(fr_call_site_of(op, __FILE__, __LINE__), __VA_ARGS__)
#endif

#endif
