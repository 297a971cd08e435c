/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* How an op is written in C, for fr_export_c: the functions that its c_code hook calls. A hook runs twice and must do
 * the same both times: the first run plans which memory and constants are needed, the second writes. Most hooks name
 * their inputs and outputs, ask for a helper (a static function, written once), and write one call of it:
 *
 *     static bool c_code(fr_c_writer *w, const fr_op_call *call)
 *     {
 *         const char *x = fr_c_in(w, call, 0), *y = fr_c_out(w, call, 0);
 *
 *         fr_c_helper(w, "softsign", softsign_text, false);
 *         return fr_c_line(w, "softsign(%lld, %s, %s);", (long long)fr_numel(call->in[0]), x, y);
 *     }
 *
 * Strings that are returned live as long as the writer. The writer remembers failures, so a hook need not check each
 * call: it may go on and return what its last call gave. */
#ifndef FROND_C_CODE_H
#define FROND_C_CODE_H

#include <frond/op.h>

FR_BEGIN_DECLS

/* --- Inputs, outputs, memory: each returns a C expression, a pointer ---------------------------------------------- */

/* The values of an input, row-major, float or int64_t: a strided view is copied to scratch memory first. "NULL" if the
 * input was left out. */
const char *fr_c_in(fr_c_writer *w, const fr_op_call *call, int input);
/* The memory of an output, row-major. It never overlaps what the call reads. */
const char *fr_c_out(fr_c_writer *w, const fr_op_call *call, int output);
/* Whether anything reads the output. One that nothing reads needs no code: do not call fr_c_out, which would take
 * memory for it. */
bool fr_c_is_read(const fr_c_writer *w, const fr_op_call *call, int output);
/* The first value of an input that is not copied: the code uses its strides (fr_stride). */
const char *fr_c_strided(fr_c_writer *w, const fr_op_call *call, int input);
/* For c_backward: the values of an output, and of its gradient; "NULL" if it was not saved, or if no gradient came. The
 * memory of an input's gradient, row-major, which holds anything before; "NULL" if it is not wanted. */
const char *fr_c_result(fr_c_writer *w, const fr_op_call *call, int output);
const char *fr_c_grad_out(fr_c_writer *w, const fr_op_call *call, int output);
const char *fr_c_grad_in(fr_c_writer *w, const fr_op_call *call, int input);
/* The first value of an output's gradient that is not copied: the code uses its strides. */
const char *fr_c_strided_grad_out(fr_c_writer *w, const fr_op_call *call, int output);
/* The memory of any tensor of the call, or of one that is changed in place, row-major. That of float64 holds floats:
 * statistics beside an output, which no other op reads. */
const char *fr_c_array(fr_c_writer *w, const fr_tensor *t, bool for_writing);
/* n floats, for this call alone. */
const char *fr_c_scratch(fr_c_writer *w, int64_t n);
/* For dropout, in a training step: input is a mask whose values are 0 with probability p, else 1 / (1 - p). Writes code
 * that draws it, but for the first op alone that has it. */
bool fr_c_draw(fr_c_writer *w, const fr_op_call *call, int input, double p);
/* For an op with time steps (fr_op.steps): the memory of the output that state i ends in. It holds the state before the
 * first time step; the code must leave the state after the last one there. */
const char *fr_c_state(fr_c_writer *w, const fr_op_call *call, int i);

/* --- Weights, which may be int8 ----------------------------------------------------------------------------------- */

/* Asks for int8 weights: rows of int8 with a float scale for each row. Bit i of inputs is for input i. Returns true if
 * all these inputs are int8; otherwise none is. After it, use the next three functions for these inputs: for int8 they
 * return two expressions, "values, scale", of types const int8_t * and const float *. */
bool fr_c_int8(fr_c_writer *w, const fr_op_call *call, unsigned inputs);
/* Row-major, as fr_c_in. */
const char *fr_c_weight(fr_c_writer *w, const fr_op_call *call, int input);
/* A matrix by columns: the first value of each row, then the second of each, and so on. */
const char *fr_c_columns(fr_c_writer *w, const fr_op_call *call, int input);
/* A matrix in either order, which *by_columns tells: by columns, unless it has few rows or another op reads it by rows.
 * It is multiplied by so many vectors: where they are few, a matrix that is no constant is by rows, as it lies there.
 */
const char *fr_c_matrix(fr_c_writer *w, const fr_op_call *call, int input, int64_t times, bool *by_columns);

/* --- Helpers ------------------------------------------------------------------------------------------------------ */

/* One or more static functions, written once, before the code. In the text $q stands for "" or "_int8", $t for "float"
 * or "int8_t", and {{...}} is left out unless int8 is true. Lines that are too long are broken. Ask first for the
 * helpers that the text calls. */
void fr_c_helper(fr_c_writer *w, const char *name, const char *text, bool int8);
/* The same for code of values of either dtype. The text is for float. For int64 each float and double in it becomes
 * int64_t, and the functions in it, names with a ( right behind them, end in _int64. Returns the name so. */
const char *fr_c_value_helper(fr_c_writer *w, const char *name, const char *text, fr_dtype dtype);
/* static int beats(float a, float b, int least): whether a is larger than b, or (least) smaller; NaN is larger and
 * smaller than all numbers. For int64 it is beats_int64. */
void fr_c_beats(fr_c_writer *w, fr_dtype dtype);
/* For n rows x of (n,columns), with by_columns
 *     static void affine$q(int n, int rows, int columns, const $t *w{{, const float *scale}},
 *                          const float *b, const float *x, int onto, float *y)
 * y = W x + b, or y + W x + b if onto is not 0; b may be NULL; w is W by columns. Otherwise affine_rows$q, which has no
 * onto and takes W by rows, and
 *     static float dot$q(int n, const $t *w, const float *x) */
void fr_c_affine(fr_c_writer *w, bool by_columns, bool int8);
/* For gradients of weights: y (m,n) = y + A^T B for a (rows,m), b (rows,n); y (n) = y + the sum of the rows of a.
 * rows: the most that this call of the hook will give it.
 *     static void add_outer(int rows, int m, int n, const float *a, const float *b, float *y)
 *     static void add_rows(int rows, int n, const float *a, float *y) */
void fr_c_outer(fr_c_writer *w, int64_t rows);
void fr_c_add_outer(fr_c_writer *w, int64_t rows); /* the first alone */
/* static float sigmoid(float x), tanh_of(float x), and exp_minus(float t), which is exp(-t) for t >= 0: all without
 * branches, so that loops become vector code. */
void fr_c_sigmoid(fr_c_writer *w);
void fr_c_tanh(fr_c_writer *w);
void fr_c_exp_minus(fr_c_writer *w);

/* --- Code --------------------------------------------------------------------------------------------------------- */

/* Writes lines; those that are too long are broken. False if anything has failed. */
bool fr_c_line(fr_c_writer *w, const char *format, ...) FR_PRINTF(2, 3);
/* The text that printf would print, for names and for helpers that are put together. "" without memory. */
const char *fr_c_format(fr_c_writer *w, const char *format, ...) FR_PRINTF(2, 3);
/* The whole code of a pointwise op: a C expression of x, or of a, b and c for several inputs (broadcast), and of p[0]
 * and p[1], which are replaced by their values. It may use libm; fr_NAME_f32 for sigmoid, tanh, exp, log, log1p, expm1
 * and erf; FR_MAXIMUM and FR_MINIMUM. */
bool fr_c_pointwise(fr_c_writer *w, const fr_op_call *call, const char *expression, const double p[2]);
/* Copies from's values, broadcast, into `to`; sets all of `to` to value. Both are inputs or outputs of the call, or
 * views of these, with any strides. */
bool fr_c_copy(fr_c_writer *w, const fr_tensor *to, const fr_tensor *from);
bool fr_c_fill(fr_c_writer *w, const fr_tensor *to, double value);
/* The whole code of an op that reduces one dim, or all: the input is seen as (outer,n,inner), the output is
 * (outer,inner). The expressions are START, STEP and FINISH, of double s, the value so far, and x; FINISH may use n
 * too. For int64 all these are int64_t. */
bool fr_c_reduction(fr_c_writer *w, const fr_op_call *call, int64_t outer, int64_t n, int64_t inner,
                    const char *const expressions[3]);

/* Says that the op treats each row, the last `dims` dims of input 0, alone. Such an op may run on one time step. */
void fr_c_takes_rows(fr_c_writer *w, int dims);
/* The op cannot be written for these inputs or attributes. The error that ends the export names all such ops. Returns
 * false. */
bool fr_c_fail(fr_c_writer *w, const char *format, ...) FR_PRINTF(2, 3);
/* value as a C constant: of float, "0.5F", or of int64. */
const char *fr_c_number(fr_c_writer *w, double value, fr_dtype dtype);

FR_END_DECLS
#endif
