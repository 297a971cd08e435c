/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What softmax.c and log_softmax.c have in common: the cases and most of the entry of their ops. NAME says which. */
#define TEXT_(name) #name
#define TEXT(name)  TEXT_(name)

#ifdef FR_TESTS
#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)
#define FUNCTION    JOIN(fr_, NAME)
#define TORCH       "a." TEXT(NAME)

FR_RUN(run_first, FUNCTION(in[0], 0))
FR_RUN(run_second, FUNCTION(in[0], 1))
FR_RUN(run_last, FUNCTION(in[0], -1))

static const fr_case cases[] = {
    { "last", "n(3,5)", TORCH "(-1)", run_last },
    { "long", "n(2,37)", TORCH "(-1)", run_last },
    { "first", "n(4,3)", TORCH "(0)", run_first },
    { "middle", "n(2,3,70)", TORCH "(1)", run_second },
    { "one", "n(3,1)", TORCH "(1)", run_second },
    { "scalar", "n()", TORCH "(0)", run_first },
    { "empty", "n(0,3)", TORCH "(0)", run_first },
    { "no rows", "n(0,3)", TORCH "(1)", run_second },
    { "large", "v1e4,-1e4,0,1e4,-1e4,-1e4(2,3)", TORCH "(1)", run_second },
    { "infinite", "v-inf,-inf,0,-inf,inf,0,nan,0(4,2)", TORCH "(1)", run_second },
    { "infinite columns", "v-inf,0,inf,nan,-inf,-inf,0,0(2,4)", TORCH "(0)", run_first },
    { "eight dims", "n(2,3,2,1,2,1,2,3)", TORCH "(1)", run_second },
    { "range", "n(3)", NULL, run_second, { TEXT(NAME), "1", "(3,)" } },
    { "dtype", "i5(3)", NULL, run_first, { TEXT(NAME), "int64" } },
    { 0 },
};

#define CASES cases
#else
#define CASES NULL
#endif

#define SOFTMAX_OP                                                                                                     \
    .name = TEXT(NAME), .shapes = "(*) -> (*)", .inputs = 1, .outputs = 1, .saves_outputs = 1,                         \
    .attributes_size = sizeof(fr_softmax_attributes), .infer = fr_infer_softmax, .definition = definition,             \
    .onnx = fr_onnx_softmax, .cases = CASES
