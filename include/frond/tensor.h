/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Tensors: reference-counted arrays of up to 8 dimensions, and the scopes that hold them.
 *
 * In the comments of all headers: *new* is a reference made now and held by this thread's innermost open scope; *same*
 * is the argument; *borrowed from X* belongs to X. The caller frees nothing: when its block ends a scope
 * drops the references that it holds. Dimensions and indices may be negative, counting from the end. Functions that
 * return a tensor return NULL when they fail. All of them fail without an open scope and when memory runs out. */
#ifndef FROND_TENSOR_H
#define FROND_TENSOR_H

#include <frond/error.h>

FR_BEGIN_DECLS

enum { FR_MAX_DIMS = 8 };

typedef struct fr_tensor fr_tensor;
typedef struct {
    int ndim;
    int64_t dim[FR_MAX_DIMS];
} fr_shape;
typedef enum { FR_F32, FR_F64, FR_I64 } fr_dtype;

/* In an options struct, a real zero in a double field whose default is not 0. */
#define FR_ZERO (-0x1.5a0fp-1000)

/* --- After the release
 * ------------------------------------------------------------------------------------------------
 *
 * A tensor dies with its last reference: when its scope ends, or by fr_unref. Every function that is given a released
 * tensor fails, and says where it was made and where it was released:
 *
 *   frond: rnn: h0 was released when the scope at train.c:41 ended (made by rnn at train.c:44): keep it with fr_ref, or
 *   return it with fr_escape   [train.c:44]
 *
 * So does every function that is given a released module, optimiser, scheduler, average, loader, data set, logger or
 * progress line. A thread remembers at least the last 1,024 tensors that it released, the process the last 1,024 other
 * objects; a use after that, or through a pointer that fr_data gave, may go unnoticed.
 *
 * The environment variable FROND_CHECK=1 makes it remember 262,144 tensors and 16,384 objects. Values are filled with
 * NaN when they are freed, and their memory is not used again for the next 256 MB. Under valgrind and AddressSanitizer,
 * and in a library built with --enable-sanitizers, this is always so, and values are freed at once, so that these tools
 * name the place that freed them. FROND_CHECK=0 turns it off under valgrind. */

/* --- Scopes ------------------------------------------------------------------------------------------------------ */

/* A declaration: the block it stands in is a scope, left by any exit (its end, break, return, a C++ exception). */
#define FR_SCOPE            FR_SCOPE_NAMED_(__COUNTER__)
#define FR_SCOPE_NAMED_(n)  FR_SCOPE_NAMED__(n)
#define FR_SCOPE_NAMED__(n) int fr_scope_##n##_ __attribute__((cleanup(fr_scope_leave), unused)) = fr_scope_begin()

/* The same by hand. fr_scope_end closes the scopes inside as well, so a longjmp out of them does no harm.
 * fr_scope_begin gives -1 when memory runs out (and fr_scope_end(-1) does nothing). */
int fr_scope_begin(void) FR_NODISCARD;
void fr_scope_end(int scope);
void fr_scope_leave(const int *scope);

/* Returns t, which the scope around the innermost one now holds as well: `return fr_escape(y);`. NULL passes through.
 * Fails if fewer than two scopes are open. */
fr_tensor *fr_escape(fr_tensor *t);

/* Holds t until the matching fr_unref, whatever scopes do. NULL passes through both. */
fr_tensor *fr_ref(fr_tensor *t);
void fr_unref(fr_tensor *t);
/* Puts t (or NULL) into *slot: refs the new, unrefs the old. */
void fr_assign(fr_tensor **slot, fr_tensor *t);
/* For the macros of <frond.h>: the same, called at file:line, for the message of a later use. */
fr_tensor *fr_ref_at(fr_tensor *t, const char *file, int line);
void fr_unref_at(fr_tensor *t, const char *file, int line);
void fr_assign_at(fr_tensor **slot, fr_tensor *t, const char *file, int line);

/* Tensors alive in the process; bytes of their values, now and at most. A view adds no bytes. What this thread does is
 * counted exactly. Each other running thread may have changed the counts by up to 64 tensors and 4 KiB that are not
 * counted yet; a peak that rises by less than 4 KiB for a short time may be missed. */
size_t fr_live_tensors(void);
size_t fr_live_bytes(void);
size_t fr_peak_bytes(void);
void fr_reset_peak_bytes(void); /* the peak so far is forgotten */

/* Lists the tensors that are alive, one line for each kind: bytes, number, the function that made them, shape, dtype,
 * and the line of its call; the most bytes first. A storage's bytes count for the first tensor that uses it; a view of
 * it counts 0. Only tensors made while tracking is on are listed. It is off at the start, unless the environment
 * variable FROND_TRACK_LIVE is set to something other than 0; while on, it costs a lock and a table entry for each
 * tensor. False if the file cannot be written or memory runs out. */
bool fr_live_report(FILE *file);
void fr_track_live(bool on); /* for the whole process; off forgets what was noted */
/* Gives the memory that this thread keeps for reuse back to the system. */
void fr_cache_trim(void);

/* --- Making tensors: each returns a new one ---------------------------------------------------------------------- */

/* FR_SHAPE(2, 3); FR_SHAPE() is a scalar's. Sizes are >= 0. */
/* FR_DIMS(0, -1): a list of dims, each of which may be named once, or of a number for each dim. FR_DIMS(): none. */
#define FR_DIMS(...) FR_SHAPE(__VA_ARGS__)
#ifndef __cplusplus
#define FR_SHAPE(...)                                                                                                  \
    (__extension__(fr_shape){ (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), { __VA_ARGS__ } })
#endif

fr_tensor *fr_zeros(fr_shape shape); /* the default dtype, as for the next five */
fr_tensor *fr_ones(fr_shape shape);
fr_tensor *fr_full(fr_shape shape, double value);
fr_tensor *fr_scalar(double value);                               /* () */
fr_tensor *fr_eye(int64_t n);                                     /* (n,n) */
fr_tensor *fr_from_doubles(fr_shape shape, const double *values); /* row-major, converted */
fr_tensor *fr_zeros_like(const fr_tensor *t);                     /* t's shape and dtype */
fr_tensor *fr_ones_like(const fr_tensor *t);
fr_tensor *fr_full_like(const fr_tensor *t, double value);
fr_tensor *fr_empty_like(const fr_tensor *t); /* values that are not set: write all before any is read */
/* The same as fr_zeros, fr_ones and fr_full, of a dtype. value must be within int64's range for FR_I64. */
fr_tensor *fr_zeros_of(fr_shape shape, fr_dtype dtype);
fr_tensor *fr_ones_of(fr_shape shape, fr_dtype dtype);
fr_tensor *fr_full_of(fr_shape shape, double value, fr_dtype dtype);
/* (steps) values of the default dtype from start to end, both included, at equal distances. Fails if steps is below 0.
 */
fr_tensor *fr_linspace(double start, double end, int64_t steps);
/* Shape (ceil((stop - start) / step)), values start + i step. Fails if step is 0 or leads away from stop, or if int64
 * is asked for and start or step is not whole. */
fr_tensor *fr_arange(double start, double stop, double step, fr_dtype dtype);
/* Copies row-major values of the given dtype (float, double, int64_t). */
fr_tensor *fr_tensor_from(fr_shape shape, const void *values, fr_dtype dtype);
/* A tensor over the caller's memory: row-major, aligned for its dtype, not copied. release(memory, user) is called
 * once, when nothing uses the memory any more, or when this call fails; it may be NULL. */
typedef void fr_release(void *memory, void *user);
fr_tensor *fr_tensor_view(fr_shape shape, void *memory, fr_dtype dtype, fr_release *release, void *user);
/* The same for values or memory of `size` bytes: they fail if the shape needs more. In C the macros of <frond.h> call
 * them with the size of an array, or of what a pointer points to, as far as the compiler knows it. So
 * fr_from_doubles(FR_SHAPE(4, 2), (double[]){ 1, 2 }) is an error. Without the macro, (fr_from_doubles)(...), any
 * number of values is taken for enough. */
fr_tensor *fr_from_doubles_sized(size_t size, fr_shape shape, const double *values);
fr_tensor *fr_tensor_from_sized(size_t size, fr_shape shape, const void *values, fr_dtype dtype);
fr_tensor *fr_tensor_view_sized(size_t size, fr_shape shape, void *memory, fr_dtype dtype, fr_release *release,
                                void *user);

/* Random values, equal to PyTorch's on its CPU for the same seed. One generator serves the process; it starts with seed
 * 5489 and uses the low 32 bits of a seed. rand: U[0,1); randn: N(0,1); both of the default dtype. randint: int64,
 * U{low, ..., high-1}, fails unless low < high. randperm: (n) int64. */
void fr_manual_seed(uint64_t seed);
fr_tensor *fr_rand(fr_shape shape);
fr_tensor *fr_randn(fr_shape shape);
fr_tensor *fr_randint(int64_t low, int64_t high, fr_shape shape);
fr_tensor *fr_randperm(int64_t n);
/* The same with t's shape and dtype; they draw the same numbers. rand_like and randn_like fail for int64. */
fr_tensor *fr_rand_like(const fr_tensor *t);
fr_tensor *fr_randn_like(const fr_tensor *t);
fr_tensor *fr_randint_like(const fr_tensor *t, int64_t low, int64_t high);

/* The dtype of what the functions above make, for the whole process: FR_F32 (at the start) or FR_F64. */
bool fr_set_default_dtype(fr_dtype dtype);
fr_dtype fr_default_dtype(void);

/* --- Writing in place -------------------------------------------------------------------------------------------- */

/* Writes from's values into `into` and returns it. from has the same dtype and broadcasts to into's shape. This is
 * never recorded: it fails if either has a history or, while recording is on, wants a gradient. If backward had saved a
 * value that is overwritten, it fails later and says so. */
fr_tensor *fr_copy(fr_tensor *into, const fr_tensor *from);
/* Call this after writing through fr_data, so that backward notices changes of values that it had saved. Returns t. */
fr_tensor *fr_touch(fr_tensor *t);

/* --- Looking at tensors ------------------------------------------------------------------------------------------ */

int fr_ndim(const fr_tensor *t);             /* -1 for NULL */
int64_t fr_dim(const fr_tensor *t, int dim); /* -1 where there is no such dim */
int64_t fr_numel(const fr_tensor *t);        /* -1 for NULL */
fr_shape fr_shape_of(const fr_tensor *t);    /* ndim -1 for NULL */
fr_dtype fr_dtype_of(const fr_tensor *t);    /* the default dtype for NULL */
bool fr_is_contiguous(const fr_tensor *t);   /* values lie row-major without gaps */
void *fr_data(const fr_tensor *t);           /* row-major values, borrowed from t; fails if t is not contiguous */
double fr_item(const fr_tensor *t);          /* the one value (int64 beyond 2^53: rounded); NaN where not just one */
double fr_at(const fr_tensor *t, int64_t index);       /* by row-major index; NaN out of range */
bool fr_equal(const fr_tensor *a, const fr_tensor *b); /* same shape, dtype and values; NaN equals nothing */
const char *fr_dtype_name(fr_dtype dtype);             /* "float32" */

/* As PyTorch prints: tensor([[1., 2.]]), summarised above 1,000 values; dtype=float64 and grad_fn=<add>, the op's name,
 * where there is cause. No locale changes it. fr_fprint gives the number of characters written, or -1. fr_print ends
 * the line. */
void fr_print(const fr_tensor *t);
int fr_fprint(FILE *file, const fr_tensor *t);

/* How many threads an op may use; n < 1 asks for the default (OMP_NUM_THREADS, else the number of cores). Results do
 * not depend on it. A process made by fork begins with 1. */
void fr_set_num_threads(int n);
int fr_num_threads(void);

FR_END_DECLS

#ifdef __cplusplus
template <typename... Dims> inline fr_shape fr_shape_of_dims(Dims... dims)
{
    static_assert(sizeof...(dims) <= FR_MAX_DIMS, "a tensor has at most 8 dimensions");
    return fr_shape{ int(sizeof...(dims)), { int64_t(dims)... } };
}
#define FR_SHAPE(...) fr_shape_of_dims(__VA_ARGS__)
#endif
#endif
