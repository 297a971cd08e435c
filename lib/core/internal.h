/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What every part of the library needs: this thread's state, failing, allocation, shapes, and the inside of a tensor.
 * The one private header of core that other folders start from. */
#ifndef FROND_CORE_INTERNAL_H
#define FROND_CORE_INTERNAL_H

#define FR_NO_CALL_SITES
#include <frond/tensor.h>

#include <stdatomic.h>
#include <string.h>

#define FR_LIKELY(x)   __builtin_expect(!!(x), 1)
#define FR_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* --- This thread ------------------------------------------------------------------------------------------------- */

/* Where the caller's source stands; file NULL: unknown. outer: the calls written around the one that runs. */
typedef struct {
    const char *function, *file;
    int line, outer;
} fr_site;

enum { FR_MESSAGE_SIZE = 1024, FR_SITE_DEPTH = 32 };

typedef struct fr_node fr_node;

/* memory.c: freed blocks of one size, kept for reuse. */
typedef struct {
    struct fr_block *free;
    char *fresh, *end; /* what has not been handed out yet of the slab that small blocks are cut from */
    int64_t kept;      /* length of free */
    int64_t out;       /* handed out less taken back, as far as that can be known: other threads' blocks count too */
    int64_t most_out;  /* its highest value */
} fr_size_class;

/* Classes from one power of two to the next, from blocks of 2^6 to 2^40 bytes. */
enum { FR_CLASS_STEPS = 4, FR_CLASS_MIN = 6, FR_CLASS_MAX = 40 };

/* A thread's changes to the numbers of live tensors and bytes that the process's counts may not know yet. */
enum { FR_UNCOUNTED_TENSORS = 64, FR_UNCOUNTED_BYTES = 4096 };

typedef struct fr_thread {
    bool registered; /* memory.c: what it keeps is freed when the thread ends */
    /* tensor.c: what the process's counts have not been told yet. */
    int64_t counted_tensors, counted_bytes;
    /* scope.c: tensors held by the open scopes, innermost last, and those scopes. */
    struct fr_held *held;
    size_t held_count, held_capacity;
    struct fr_scope *scopes;
    int scope_count, scope_capacity;
    /* error.c */
    int defer;    /* > 0: the handler waits */
    bool pending; /* ... and has something to report */
    bool has_message;
    bool returned;     /* a failure was returned to the caller, who may pass its NULL on, and was not cleared */
    unsigned failures; /* so far */
    /* graph */
    bool no_grad;
    uint64_t clock; /* Lamport clock of recorded nodes */
    fr_node *dying; /* nodes to be freed when the one being freed is done */
    bool freeing;
    struct fr_level *level, *open_levels; /* forward mode: the innermost that ops carry tangents for; all open ones */
    bool probing, probe_found; /* checkpoint.c: though nothing is recorded, note whether anything would have been */
    bool anomaly;              /* fr_detect_anomaly; */
    bool in_backward;          /* ... but of the ops in a node's backward only what they lead to is looked at */
    struct fr_place *place;    /* of the module at work, whose it is; NULL: none */
    struct fr_trace *trace;    /* graph/trace.c: where ops are noted, or NULL */
    struct fr_growth *growth;  /* growth.c; NULL until the first backward */
    void (*free_growth)(struct fr_thread *);
    int64_t nodes, fewest_nodes; /* recorded here less freed here; the least since the last backward */
    /* error.c: calls written with the macros of <frond.h> that have not been entered, outermost first; and the one
     * that is running, to which those from site.outer on belong. */
    int site_count;
    fr_site site;
    fr_site sites[FR_SITE_DEPTH];
    char message[FR_MESSAGE_SIZE], latest[FR_MESSAGE_SIZE];
    fr_size_class classes[(FR_CLASS_MAX - FR_CLASS_MIN) * FR_CLASS_STEPS + 1];
} fr_thread;

/* Looked up many times an op. A pointer in the static part of thread-local storage is read at once, where the struct
 * itself is too large for that part. */
#ifdef __ELF__
#define FR_STATIC_TLS __attribute__((tls_model("initial-exec")))
#else
#define FR_STATIC_TLS
#endif
extern _Thread_local fr_thread *fr_current_thread FR_STATIC_TLS;
fr_thread *fr_thread_begin(void); /* memory.c: this thread's first look-up; never NULL, aborts without memory */

static inline fr_thread *fr_thread_self(void)
{
    return FR_LIKELY(fr_current_thread != NULL) ? fr_current_thread : fr_thread_begin();
}

/* --- Failing ----------------------------------------------------------------------------------------------------- */

/* Notes "frond: WHAT: ...   [file:line]" and reports it. WHAT is the function without fr_, or a file. Returns NULL, for
 * functions of bool false. */
void *fr_fail(const char *what, const char *format, ...) FR_PRINTF(2, 3);
void *fr_fail_memory(const char *what);
/* "frond: warning: WHAT: ..." to the warning handler. */
void fr_warn(const char *what, const char *format, ...) FR_PRINTF(2, 3);
/* Between these the handler waits, so that what is under way can be taken down first; the outermost end reports. */
void fr_defer_errors(fr_thread *th);
void fr_report_errors(fr_thread *th);
/* For a call that may fail, made while the handler waits: its failure is no failure, unless memory ran out, which is
 * what false says. had_message: th->has_message before it. */
bool fr_forgive(fr_thread *th, bool had_message);
/* Whether a NULL may come from a failure: one of the running call, or one that was returned and has not been cleared.
 * (A handler that jumps returns nothing: what its program passes later is no consequence of that failure.) */
bool fr_failed_before(const fr_thread *th);
/* Whether t may be used: NULL gives false, and an error unless it may come from one. name: "input", "target", ... */
bool fr_check_not_null(const char *what, const void *t, const char *name);

/* A public function that has a call-site macro begins with its name (without fr_) and finishes with what it got; in
 * between errors are deferred. fr_enter and fr_leave are the part of that that is about call sites. */
fr_site fr_begin(fr_thread *th, const char *function);
void fr_finish(fr_thread *th, fr_site before);
fr_site fr_enter(fr_thread *th, const char *function);
void fr_leave(fr_thread *th, fr_site before);

/* --- Options ----------------------------------------------------------------------------------------------------- */

/* What a double field of an options struct means: 0 the default, FR_ZERO a real zero. */
static inline double fr_option(double given, double otherwise)
{
    return given == FR_ZERO ? 0 : given == 0 ? otherwise : given;
}

/* Whether the option called name lies in [0, below), and so is no NaN; fails naming it, what was given and the range.
 */
bool fr_check_option(const char *what, const char *name, double value, double below);
/* Whether the 8 reserved fields of an options struct are NULL; fails otherwise. */
bool fr_check_reserved(const char *what, void *const *reserved);

/* --- Memory ------------------------------------------------------------------------------------------------------ */

/* Blocks aligned to 64 bytes from this thread's cache; freed with the same size, on any thread. NULL without error. */
void *fr_alloc(size_t bytes);
void fr_free(void *block, size_t bytes);
void fr_scope_release(fr_thread *th);
void fr_count_flush(fr_thread *th); /* tells the process's counts what this thread has counted */
/* Makes room in a malloc'd array (its address is given) for one element more than count; false when memory runs out. */
bool fr_grow(void *array, size_t element, size_t *capacity);
static inline bool fr_make_room(void *array, size_t element, size_t count, size_t *capacity)
{
    return FR_LIKELY(count < *capacity) || fr_grow(array, element, capacity);
}
/* a * b into *out; false where it overflows. */
static inline bool fr_mul_size(int64_t a, int64_t b, int64_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

static inline int64_t fr_least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}
static inline int64_t fr_most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* --- Shapes ------------------------------------------------------------------------------------------------------ */

/* Whether shape is one: 0..8 dims, each >= 0, size in bytes within int64. Fails naming what. numel gets the count. */
bool fr_shape_check(const char *what, const fr_shape *shape, fr_dtype dtype, int64_t *numel);
bool fr_shape_equal(const fr_shape *a, const fr_shape *b);
int64_t fr_shape_numel(const fr_shape *shape); /* of a checked shape */
/* dim counted from the front, 0..ndim-1 (a scalar has dims 0 and -1), or -1. No error. */
int fr_shape_dim(const fr_shape *shape, int dim);
bool fr_shape_broadcast(const fr_shape *a, const fr_shape *b, fr_shape *out); /* false where they do not. No error. */
/* Whether broadcasting the two gives `to`. No error. */
bool fr_shape_broadcasts_to(const fr_shape *from, const fr_shape *to);
void fr_shape_strides(const fr_shape *shape, int64_t stride[FR_MAX_DIMS]); /* row-major */
size_t fr_dtype_size(fr_dtype dtype);

/* Drops a reference; true where it was the last. The only holder needs no locked instruction to know. */
static inline bool fr_drop(atomic_int *refs)
{
    return atomic_load_explicit(refs, memory_order_acquire) == 1 ||
           atomic_fetch_sub_explicit(refs, 1, memory_order_acq_rel) == 1;
}

/* --- Tensors ----------------------------------------------------------------------------------------------------- */

/* The values; shared by views. */
typedef struct {
    atomic_int refs;
    atomic_uint version; /* raised by each write in place */
    size_t bytes;        /* of values */
    size_t block;        /* size of the block that holds this header and the values; 0: values belong to the caller */
    void *data;
    fr_release *release;
    void *user;
} fr_storage;

/* Core's view of a recorded node: something to let go of. */
typedef struct fr_producer {
    atomic_int refs;
    const char *name;                      /* of its op */
    void (*release)(struct fr_producer *); /* refs fell to 0 */
} fr_producer;

typedef struct fr_hook {
    struct fr_hook *next;
    int output;                                          /* of a node */
    int running;                                         /* > 0: is being called, so that taking it out must wait */
    fr_tensor *(*call)(fr_tensor *gradient, void *user); /* NULL: taken out */
    void *user;
    void (*release)(void *user); /* or NULL */
} fr_hook;

void fr_hooks_free(fr_hook *hooks); /* all of the list */

struct fr_tensor {
    atomic_int refs;
    uint8_t dtype;
    bool requires_grad : 1; /* a leaf that wants a gradient */
    bool contiguous : 1;
    uint16_t output; /* which of producer's outputs this is */
    int64_t numel;
    fr_shape shape;
    int64_t stride[FR_MAX_DIMS]; /* in elements; >= 0 */
    char *origin;                /* element (0, ..., 0) */
    fr_storage *storage;
    fr_producer *producer;       /* the node that made it, or NULL for a leaf */
    fr_tensor *grad;             /* leaf: what has accumulated */
    fr_hook *hooks;              /* leaf */
    struct fr_tangent *tangents; /* forward mode: one for each level that reaches it */
};

/* All give a tensor with one reference that the caller owns, or NULL with an error. Values are not set. */
fr_tensor *fr_tensor_alloc(const char *what, const fr_shape *shape, fr_dtype dtype);
/* A tensor that shares t's storage, without history. */
fr_tensor *fr_tensor_share(const char *what, const fr_tensor *t, const fr_shape *shape, const int64_t *stride,
                           int64_t offset);
/* Another shape and strides over the same values, for a tensor that nobody has seen yet. */
void fr_tensor_lay_out(fr_tensor *t, const fr_shape *shape, const int64_t *stride);
/* Hands the caller's reference to the innermost scope; fails (and unrefs) if none is open. Returns t; NULL for NULL. */
fr_tensor *fr_hold(const char *what, fr_tensor *t);
/* A reference to t: the innermost scope's, which no longer holds it then, where t is among the last it was given; else
 * a new one. */
fr_tensor *fr_take(fr_thread *th, fr_tensor *t);
/* Towards zero; INT64_MIN for NaN and for what is out of range, as PyTorch has it on x86-64. */
static inline int64_t fr_to_int64(double x)
{
    return x >= -0x1p63 && x < 0x1p63 ? (int64_t)x : INT64_MIN;
}
/* from's values, converted and broadcast, into `into`; any strides. Plain work: no checks, no version. */
void fr_copy_values(fr_tensor *into, const fr_tensor *from);
/* Row i of `into` (contiguous) from row rows[i] of `from`; the same dtype, and shapes that differ in dim 0 alone. */
void fr_copy_rows(fr_tensor *into, const fr_tensor *from, const int64_t *rows);
/* A contiguous copy, one reference, no history. */
fr_tensor *fr_tensor_copy(const char *what, const fr_tensor *t);
/* value, converted, for all of a tensor that fr_tensor_alloc made. */
void fr_fill(fr_tensor *t, double value);
/* Whether several values of t are one in memory, as in an expanded view. */
bool fr_repeats_values(const fr_tensor *t);
/* For loops over any strides: position i (row-major) of t, as an offset in elements from its origin. */
int64_t fr_offset_of(const fr_tensor *t, int64_t index);
/* The value there, of any dtype. */
static inline double fr_value_at(const fr_tensor *t, int64_t offset)
{
    return t->dtype == FR_F32   ? (double)((const float *)(const void *)t->origin)[offset]
           : t->dtype == FR_F64 ? ((const double *)(const void *)t->origin)[offset]
                                : (double)((const int64_t *)(const void *)t->origin)[offset];
}

static inline bool fr_has_history(const fr_tensor *t)
{
    return t->producer != NULL;
}

static inline bool fr_tracked(const fr_tensor *t)
{
    return t->requires_grad || t->producer != NULL;
}

/* --- Forward mode: tangent.c ------------------------------------------------------------------------------------- */

/* One differentiation by fr_jvp. It ends, and its tangents with it, where the scope that it was begun in does. */
typedef struct fr_level {
    struct fr_level *outer; /* the next that what is computed for this one carries tangents for */
    struct fr_level *below; /* the one that was opened before */
    struct fr_tangent *tangents;
} fr_level;

/* d t / d (what the level differentiates by), of t's shape; NULL: zero. Borrowed from t. */
fr_tensor *fr_tangent_of(const fr_tensor *t, const fr_level *level);
/* False: out of memory. */
bool fr_tangent_set(const char *what, fr_tensor *t, fr_level *level, fr_tensor *value);
/* Gives view, which has t's values, t's tangents of the levels that are at work; returns it, or NULL: out of memory. */
fr_tensor *fr_tangents_share(const char *what, fr_tensor *view, const fr_tensor *t);
void fr_tangents_drop(fr_tensor *t); /* all; t is being freed */
fr_level *fr_level_begin(fr_thread *th, const char *what);
void fr_levels_end(fr_thread *th, const fr_level *until); /* those opened after it */

/* --- Places of modules: place.c ---------------------------------------------------------------------------------- */

/* Where a module stands in its tree. Recorded nodes refer to it, so it outlives the module; it follows the module to a
 * new parent. */
typedef struct fr_place {
    atomic_int refs;
    struct fr_place *outer; /* of the parent; held; NULL: there is none */
    char *name;             /* in the parent; NULL: there is none */
    char type[];
} fr_place;

fr_place *fr_place_new(const char *type);                     /* one reference; NULL without error */
void fr_place_move(fr_place *p, fr_place *outer, char *name); /* in a parent; takes name, which malloc gave */
fr_place *fr_place_ref(fr_place *p);                          /* same; NULL for NULL */
void fr_place_unref(fr_place *p);                             /* NULL is fine */
fr_place *fr_place_common(fr_place *a, fr_place *b);          /* the innermost around both or one of them; NULL: none */
enum { FR_PATH_TEXT = 256 };
/* Writes "encoder.rnn", or the type where there is no name, or "" for NULL, and returns text. */
const char *fr_place_text(const fr_place *p, char text[FR_PATH_TEXT]);

/* --- Tracking: live.c -------------------------------------------------------------------------------------------- */

extern atomic_bool fr_tracking; /* whether tensors are noted where they are made */
void fr_track_from_environment(void);
void fr_track_made(const fr_tensor *t, const char *what);
void fr_track_freed(const fr_tensor *t);

static inline bool fr_is_tracking(void)
{
    return FR_UNLIKELY(atomic_load_explicit(&fr_tracking, memory_order_relaxed));
}

static inline void fr_storage_bump(fr_tensor *t)
{
    atomic_fetch_add_explicit(&t->storage->version, 1, memory_order_relaxed);
}

#endif
