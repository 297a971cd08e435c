/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* How an op is written in C, for fr_export_c: what its c_code hook calls. A hook is run twice, first to find out what
 * memory and constants are needed, then to write, and must do the same both times. Usually it names its inputs and
 * outputs, asks for a helper, a static function that is written once, and writes one call of it:
 *
 *     static bool c_code(fr_c_writer *w, const fr_op_call *call)
 *     {
 *         const char *x = fr_c_in(w, call, 0), *y = fr_c_out(w, call, 0);
 *
 *         fr_c_helper(w, "softsign", softsign_text, false);
 *         return fr_c_line(w, "softsign(%lld, %s, %s);", (long long)fr_numel(call->in[0]), x, y);
 *     }
 *
 * Strings that are returned live as long as the writer. Failures are kept by the writer: a hook may go on and return
 * what its last call gave. */
#ifndef FROND_C_CODE_H
#define FROND_C_CODE_H

#include <frond/op.h>

FR_BEGIN_DECLS

/* A pointer to the values of an input, row-major (a strided view is copied to scratch memory first); "NULL" where it
 * was left out. float, or int64_t. */
const char *fr_c_in(fr_c_writer *w, const fr_op_call *call, int input);
/* A pointer to the memory of an output, row-major. It never overlaps what the call reads. */
const char *fr_c_out(fr_c_writer *w, const fr_op_call *call, int output);
/* Whether an output is read: one that is not needs no code, and fr_c_out of it would only take memory. */
bool fr_c_is_read(const fr_c_writer *w, const fr_op_call *call, int output);
/* A pointer to the first value of an input of any strides (fr_stride). */
const char *fr_c_strided(fr_c_writer *w, const fr_op_call *call, int input);
/* n floats for this call alone. */
const char *fr_c_scratch(fr_c_writer *w, int64_t n);
/* For an op with steps: the memory of the output that its i-th state ends in. It holds the state before the first step,
 * and the call must leave in it that after the last. */
const char *fr_c_state(fr_c_writer *w, const fr_op_call *call, int i);

/* Asks whether the inputs of which inputs has the bit are given as int8 rows with scales, all of them or none. Then
 * fr_c_weight gives "values, scale", const int8_t * and const float * to one scale for each row (of dim 0), and
 * otherwise what fr_c_in does. */
bool fr_c_int8(fr_c_writer *w, const fr_op_call *call, unsigned inputs);
const char *fr_c_weight(fr_c_writer *w, const fr_op_call *call, int input);
/* The same of a matrix, but by columns: the first of all rows, then the second of all. */
const char *fr_c_columns(fr_c_writer *w, const fr_op_call *call, int input);
/* The same in the one order or the other, as by_columns tells: by columns, unless there are few rows or someone reads
 * it row by row. */
const char *fr_c_matrix(fr_c_writer *w, const fr_op_call *call, int input, bool *by_columns);

/* A static function, or several, written once before the code. Its text may hold $q, "" or "_int8", $t, "float" or
 * "int8_t", and {{...}}, which is left out but for int8; its lines are broken where they are too long. Those it calls
 * are asked for before it. */
void fr_c_helper(fr_c_writer *w, const char *name, const char *text, bool int8);
/* static void affine$q(int rows, int columns, const $t *w{{, const float *scale}}, const float *b, const float *x,
 *                      int onto, float *y)     y = W x + b, or with onto y + W x + b; b may be NULL
 * of w by columns, and affine_rows$q of w by rows, which sums with
 * static float dot$q(int n, const $t *w, const float *x) */
void fr_c_affine(fr_c_writer *w, bool by_columns, bool int8);
/* static float sigmoid(float x), static float tanh_of(float x): without branches, so that loops become vector code. */
void fr_c_sigmoid(fr_c_writer *w);
void fr_c_tanh(fr_c_writer *w);

/* Lines, broken where they are too long. False where something has failed. */
bool fr_c_line(fr_c_writer *w, const char *format, ...) FR_PRINTF(2, 3);
/* The whole code of an op that takes each value by itself: a C expression of x, or of a, b, c, the (broadcast) inputs,
 * and of p[0] and p[1], numbers that are put in their place. It may use libm, and fr_NAME_f32 for sigmoid, tanh, exp,
 * log, log1p, expm1 and erf, FR_MAXIMUM and FR_MINIMUM. */
bool fr_c_pointwise(fr_c_writer *w, const fr_op_call *call, const char *expression, const double p[2]);
/* Copies from's values, broadcast, into `to`; sets all of `to` to value. Both of any strides: inputs and outputs of the
 * call, or parts of such. */
bool fr_c_copy(fr_c_writer *w, const fr_tensor *to, const fr_tensor *from);
bool fr_c_fill(fr_c_writer *w, const fr_tensor *to, double value);
/* The whole code of an op that reduces one dim, or all, to one value: the input is seen as (outer,n,inner). Of double s
 * and x, the expressions START, STEP and FINISH, the latter also of n. */
bool fr_c_reduction(fr_c_writer *w, const fr_op_call *call, int64_t outer, int64_t n, int64_t inner,
                    const char *const expressions[3]);

/* The op takes each row by itself, its last `dims` dims of input 0, so that the code of one step can be that of many.
 */
void fr_c_takes_rows(fr_c_writer *w, int dims);
/* The op cannot be written for these inputs or attributes; the error that ends the export names all such ops. Returns
 * false. */
bool fr_c_fail(fr_c_writer *w, const char *format, ...) FR_PRINTF(2, 3);
/* value as a float constant, "0.5F", or of int64. */
const char *fr_c_number(fr_c_writer *w, double value, fr_dtype dtype);

FR_END_DECLS
#endif
