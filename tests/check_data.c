/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Labelled sequences from .csv, .tsv and .ts files: good, unusual and bad ones. */
#include "mutations.h"

#include "data/sequences.h"

#include <float.h>
#include <locale.h>
#include <sys/stat.h>
#include <unistd.h>

/* The file under test; each test writes it anew. */
static char folder[64], path[128];

static void make_folder(void)
{
    strcpy(folder, "check_data.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    path[0] = '\0';
}

static void remove_folder(void)
{
    if (path[0])
        unlink(path);
    ck_assert_int_eq(rmdir(folder), 0);
}

static void write_file(const char *name, const char *text)
{
    if (path[0])
        unlink(path);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    write_bytes(path, text, strlen(text));
}

static fr_sequences *csv(const char *text, const fr_csv_options *options)
{
    write_file("x.csv", text);
    return fr_read_csv(path, options);
}

static fr_sequences *ts(const char *text)
{
    write_file("x.ts", text);
    return fr_read_ts(path);
}

/* Asserts that s has n sequences of at most t steps and d variables, with these values and lengths. labels holds the
 * index of each sequence's label, texts the labels; both are NULL if there are none. Frees s. */
static void assert_sequences(fr_sequences *s, int64_t n, int64_t t, int64_t d, const double *x, const int64_t *lengths,
                             const int64_t *labels, const char *const *texts)
{
    FR_SCOPE;

    ck_assert_msg(s != NULL, "%s", fr_error_message());
    ck_assert(fr_equal(fr_sequences_x(s), fr_from_doubles(FR_SHAPE(n, t, d), x)));
    ck_assert(fr_equal(fr_sequences_lengths(s), fr_tensor_from(FR_SHAPE(n), lengths, FR_I64)));
    if (labels)
        ck_assert(fr_equal(fr_sequences_labels(s), fr_tensor_from(FR_SHAPE(n), labels, FR_I64)));
    else
        ck_assert_ptr_null(fr_sequences_labels(s));

    int count = 0;

    for (; texts && texts[count]; count++)
        ck_assert_str_eq(fr_sequences_label_text(s, count), texts[count]);
    ck_assert_int_eq(fr_sequences_label_count(s), count);
    fr_sequences_free(s);
}

#define VALUES(...)   ((const double[]){ __VA_ARGS__ })
#define INTEGERS(...) ((const int64_t[]){ __VA_ARGS__ })
#define TEXTS(...)    ((const char *const[]){ __VA_ARGS__, NULL })

/* --- Tables ------------------------------------------------------------------------------------------------------ */

START_TEST(reads_csv)
{
    assert_sequences(csv("a,1,2.5,-3e2\nb,+4,.5,6.\n", NULL), 2, 3, 1, VALUES(1, 2.5, -300, 4, 0.5, 6), INTEGERS(3, 3),
                     INTEGERS(0, 1), TEXTS("a", "b"));
    assert_sequences(csv("a,3.4028234663852886e38\n", NULL), 1, 1, 1, VALUES(FLT_MAX), INTEGERS(1), INTEGERS(0),
                     TEXTS("a")); /* the largest float32 */
}
END_TEST

START_TEST(pads_ragged_rows)
{
    assert_sequences(csv("x,1\ny,2,3,4\nx,5,6\n", NULL), 3, 3, 1, VALUES(1, 0, 0, 2, 3, 4, 5, 6, 0), INTEGERS(1, 3, 2),
                     INTEGERS(0, 1, 0), TEXTS("x", "y"));
}
END_TEST

START_TEST(finds_the_label)
{
    fr_csv_options last = { .label_last = true }, none = { .no_label = true };

    assert_sequences(csv("1,2,b\n3,4,a\n", &last), 2, 2, 1, VALUES(1, 2, 3, 4), INTEGERS(2, 2), INTEGERS(1, 0),
                     TEXTS("a", "b"));
    assert_sequences(csv("1,2,3\n4,5,6\n", &none), 2, 3, 1, VALUES(1, 2, 3, 4, 5, 6), INTEGERS(3, 3), NULL, NULL);
    assert_sequences(csv("1,2,3\n", &(fr_csv_options){ 0 }), 1, 2, 1, VALUES(2, 3), INTEGERS(2), INTEGERS(0),
                     TEXTS("1"));
}
END_TEST

START_TEST(passes_over_a_header)
{
    fr_csv_options header = { .header = true }, last = { .header = true, .label_last = true };

    assert_sequences(csv("\n label,t0,t1\na,1,2\nb,3,4\n", &header), 2, 2, 1, VALUES(1, 2, 3, 4), INTEGERS(2, 2),
                     INTEGERS(0, 1), TEXTS("a", "b"));
    assert_sequences(csv("t0\tkind\n1\tb\n", &last), 1, 1, 1, VALUES(1), INTEGERS(1), INTEGERS(0), TEXTS("b"));
    assert_sequences(csv("2020,1\n2021,2\n", &header), 1, 1, 1, VALUES(2), INTEGERS(1), INTEGERS(0), TEXTS("2021"));
}
END_TEST

START_TEST(takes_tabs)
{
    assert_sequences(csv("a\t1\t2\nb\t3\t4\n", NULL), 2, 2, 1, VALUES(1, 2, 3, 4), INTEGERS(2, 2), INTEGERS(0, 1),
                     TEXTS("a", "b"));
    write_file("x.TSV", "a, b\t1\t2\n");
    assert_sequences(fr_read_csv(path, NULL), 1, 2, 1, VALUES(1, 2), INTEGERS(2), INTEGERS(0), TEXTS("a, b"));
}
END_TEST

START_TEST(tolerates_odd_text)
{
    assert_sequences(csv("\xef\xbb\xbf 1 , 2 ,\t3\r\n\r\n2,4,5 \r\n\n \t \n", NULL), 2, 2, 1, VALUES(2, 3, 4, 5),
                     INTEGERS(2, 2), INTEGERS(0, 1), TEXTS("1", "2"));
    assert_sequences(csv("1,2", NULL), 1, 1, 1, VALUES(2), INTEGERS(1), INTEGERS(0), TEXTS("1"));
}
END_TEST

START_TEST(sorts_labels)
{
    assert_sequences(csv("10,0\n2,0\n1,0\n-1,0\n2,0\n1.5,0\n", NULL), 6, 1, 1, VALUES(0, 0, 0, 0, 0, 0),
                     INTEGERS(1, 1, 1, 1, 1, 1), INTEGERS(4, 3, 1, 0, 3, 2), TEXTS("-1", "1", "1.5", "2", "10"));
    assert_sequences(csv("10,0\n2,0\nx,0\n", NULL), 3, 1, 1, VALUES(0, 0, 0), INTEGERS(1, 1, 1), INTEGERS(0, 1, 2),
                     TEXTS("10", "2", "x"));
    assert_sequences(csv("2,0\n1.0,0\n1,0\n", NULL), 3, 1, 1, VALUES(0, 0, 0), INTEGERS(1, 1, 1), INTEGERS(1, 0, 0),
                     TEXTS("1.0", "2"));
    assert_sequences(csv("-0,0\nx,0\n0,0\n1e0,0\n1,0\n", NULL), 5, 1, 1, VALUES(0, 0, 0, 0, 0), INTEGERS(1, 1, 1, 1, 1),
                     INTEGERS(0, 2, 0, 1, 1), TEXTS("-0", "1e0", "x"));
    assert_sequences(csv("12345678901234567890,0\n12345678901234567891,0\n", NULL), 2, 1, 1, VALUES(0, 0),
                     INTEGERS(1, 1), INTEGERS(0, 1), TEXTS("12345678901234567890", "12345678901234567891"));
}
END_TEST

START_TEST(reads_any_line_length)
{
    enum { N = 100000 };
    char *text = malloc(2 * N + 8);

    strcpy(text, "a,");
    for (int i = 0; i < N; i++)
        memcpy(text + 2 + 2 * i, i % 2 ? "1," : "2,", 2);
    strcpy(text + 2 + 2 * N, "7\n");

    fr_sequences *s = csv(text, NULL);

    ck_assert_int_eq(fr_dim(fr_sequences_x(s), 1), N + 1);
    ck_assert_double_eq(fr_at(fr_sequences_x(s), N - 1), 1);
    ck_assert_double_eq(fr_at(fr_sequences_x(s), N), 7);
    fr_sequences_free(s);
    free(text);
}
END_TEST

START_TEST(follows_the_default_dtype)
{
    fr_set_default_dtype(FR_F64);
    assert_sequences(csv("a,0.1,1e300\n", NULL), 1, 2, 1, VALUES(0.1, 1e300), INTEGERS(2), INTEGERS(0), TEXTS("a"));
    fr_set_default_dtype(FR_F32);
}
END_TEST

/* What Python's csv module reads from the same text, with the given delimiter, and what Excel, R and pandas write. */
static const struct {
    const char *text;
    fr_csv_options options;
    int64_t rows, longest;
    double x[6];
    const char *labels[3];
    const char *column; /* fr_sequences_label_column */
} tables_as_read[] = {
    /* quotes: ['a', '1', '2'], ['b', '4', '5'] */
    { "\"a\",1,2\n\"b\",4,5\n", { 0 }, 2, 2, { 1, 2, 4, 5 }, { "a", "b" }, "first" },
    { "\"a\",\"1\",2\r\na,\"4\",5\r\n", { 0 }, 2, 2, { 1, 2, 4, 5 }, { "a" }, "first" },
    /* ['a,b', '1'], ['say "c"', '2'] */
    { "\"a,b\",1\n\"say \"\"c\"\"\",2\n", { 0 }, 2, 1, { 1, 2 }, { "a,b", "say \"c\"" }, "first" },
    /* ['two\nlines', '1'], ['', '\n\n'] would be an error; ['b', '2'] */
    { "\"two\n\nlines\",1\r\nb,2\n", { 0 }, 2, 1, { 1, 2 }, { "b", "two\n\nlines" }, "first" },
    { "\"\"\"\",1\n\";\",2\n", { 0 }, 2, 1, { 1, 2 }, { "\"", ";" }, "first" },
    /* a quote within a field that has none around it: ['5" disk', '1'] */
    { "5\" disk,1\nb,2\n", { 0 }, 2, 1, { 1, 2 }, { "5\" disk", "b" }, "first" },
    { "1,2,\" a\"\n3,4,\"b\"\n", { 0 }, 2, 2, { 1, 2, 3, 4 }, { " a", "b" }, "last" },
    /* Other separators, decimal commas. */
    { "a;1;2\nb;4;5\n", { 0 }, 2, 2, { 1, 2, 4, 5 }, { "a", "b" }, "first" },
    { "a;1,5;-2,25e1\nb;4.5;5\n", { 0 }, 2, 2, { 1.5, -22.5, 4.5, 5 }, { "a", "b" }, "first" },
    { "x;y,1,2\nz,4,5\n", { 0 }, 2, 2, { 1, 2, 4, 5 }, { "x;y", "z" }, "first" },
    { "  1.0e+00  2.0e+00 3\n  2.0e+00\t4 5  \n", { 0 }, 2, 2, { 2, 3, 4, 5 }, { "1.0e+00", "2.0e+00" }, "first" },
    { "a b,1\t2\nb,3\t4\n", { .separator = '\t' }, 2, 1, { 2, 4 }, { "a b,1", "b,3" }, "first" },
    { "a,1;2\n", { .separator = ';' }, 1, 1, { 2 }, { "a,1" }, "first" },
    /* Names told from data. */
    { "label,t0,t1\na,1,2\nb,4,5\n", { 0 }, 2, 2, { 1, 2, 4, 5 }, { "a", "b" }, "first" },
    { "\"\",\"V1\",\"Class\"\n\"1\",1.5,\"x\"\n\"2\",4,\"y\"\n", { 0 }, 2, 2, { 1, 1.5, 2, 4 }, { "x", "y" }, "last" },
    { "t0,y,t1\n1,7,2\n4,8,5\n", { 0 }, 2, 2, { 1, 2, 4, 5 }, { "7", "8" }, "2" },
    { "t0,kind,t1\n1,7,2\n4,8,5\n", { .label = "kind" }, 2, 2, { 1, 2, 4, 5 }, { "7", "8" }, "2" },
    { "t0,t1\n1,2\n4,5\n", { .label = "none" }, 2, 2, { 1, 2, 4, 5 }, { NULL }, "none" },
    /* The column of labels: by its number, and told. */
    { "1,7,2\n4,8,5\n", { .label = "2" }, 2, 2, { 1, 2, 4, 5 }, { "7", "8" }, "2" },
    { "1,2,7\n4,8\n", { .label = "Last" }, 2, 2, { 1, 2, 4 }, { "7", "8" }, "last" },
    { "0,1.5,1\n1,4.5,0\n2,5.5,0\n", { 0 }, 3, 2, { 0, 1.5, 1, 4.5, 2, 5.5 }, { "0", "1" }, "last" },
    { "0.5,1\n1,0\n2,1\n", { 0 }, 3, 1, { 0.5, 1, 2 }, { "0", "1" }, "last" },
    { "0,1\n1,1\n2,1\n", { 0 }, 3, 1, { 1, 1, 1 }, { "0", "1", "2" }, "first" },
    /* Missing values. */
    { "a,1,?,5\n", { .missing = FR_MISSING_MEAN }, 1, 3, { 1, 3, 5 }, { "a" }, "first" },
    { "a,1,,nan,5\n", { .missing = FR_MISSING_PREVIOUS }, 1, 4, { 1, 1, 1, 5 }, { "a" }, "first" },
    { "a,NA,null,5,n/a\n", { .missing = FR_MISSING_PREVIOUS }, 1, 4, { 5, 5, 5, 5 }, { "a" }, "first" },
    { "a,1,2\nb,1,NaN\nc,4,5\n", { .missing = FR_MISSING_DROP }, 2, 2, { 1, 2, 4, 5 }, { "a", "c" }, "first" },
};

START_TEST(reads_tables_as_people_have_them)
{
    const char *const *texts = tables_as_read[_i].labels;
    const fr_sequences *s = csv(tables_as_read[_i].text, &tables_as_read[_i].options);

    ck_assert_msg(s != NULL, "%s: %s", tables_as_read[_i].text, fr_error_message());
    for (int k = 0; k < 3 && texts[k]; k++)
        ck_assert_str_eq(fr_sequences_label_text(s, k), texts[k]);
    ck_assert_int_eq(fr_sequences_label_count(s), !!texts[0] + !!texts[1] + !!texts[2]);
    ck_assert_str_eq(fr_sequences_label_column(s), tables_as_read[_i].column);
    ck_assert_int_eq(fr_dim(fr_sequences_x(s), 0), tables_as_read[_i].rows);
    ck_assert_int_eq(fr_dim(fr_sequences_x(s), 1), tables_as_read[_i].longest);
    for (int64_t i = 0; i < tables_as_read[_i].rows * tables_as_read[_i].longest; i++)
        ck_assert_double_eq(fr_at(fr_sequences_x(s), i), tables_as_read[_i].x[i]);
    fr_sequences_free((fr_sequences *)s);
}
END_TEST

START_TEST(reads_ts_with_missing_values)
{
    static const char text[] = "@missing true\n@classLabel true a b\n@data\n1,?,3:NaN,5,6:a\n1,2,3:4,5,6:b\n";
    fr_csv_options mean = { .missing = FR_MISSING_MEAN }, drop = { .missing = FR_MISSING_DROP };

    write_file("x.ts", text);
    assert_sequences(fr_read_sequences(path, &mean), 2, 3, 2, VALUES(1, 5.5, 2, 5, 3, 6, 1, 4, 2, 5, 3, 6),
                     INTEGERS(3, 3), INTEGERS(0, 1), TEXTS("a", "b"));
    assert_sequences(fr_read_sequences(path, &drop), 1, 3, 2, VALUES(1, 4, 2, 5, 3, 6), INTEGERS(3), INTEGERS(1),
                     TEXTS("a", "b"));
    ck_assert_ptr_null(fr_read_sequences(path, NULL));
    assert_failed("read_sequences", ".ts:4: ", "dimension 1, value 2: \"?\"", "missing");
}
END_TEST

/* X (2,2,2), y (2) */
static void save_arrays(const double *x, const double *y)
{
    FR_SCOPE;
    fr_tensor *arrays[] = { fr_from_doubles(FR_SHAPE(2, 2, 2), x), fr_from_doubles(FR_SHAPE(2), y) };

    write_file("x.npz", "");
    ck_assert(fr_save_npz(path, (const char *[]){ "X", "y" }, arrays, 2));
}

START_TEST(reads_arrays)
{
    FR_SCOPE;
    const double x[] = { 1, 2, 3, 4, 5, 6, 7, 8 };

    save_arrays(x, VALUES(7, 3));
    assert_sequences(fr_read_sequences(path, NULL), 2, 2, 2, x, INTEGERS(2, 2), INTEGERS(1, 0), TEXTS("3", "7"));
    save_arrays(x, VALUES(0.5, 3));

    fr_sequences *s = fr_read_sequences(path, NULL);

    ck_assert(fr_sequences_have_targets(s));
    ck_assert_ptr_null(fr_sequences_label_column(s));
    ck_assert_str_eq(fr_sequences_label_text(s, 0), "0.5");
    fr_sequences_free(s);
    save_arrays(VALUES(1, 2, (double)NAN, 4, 5, 6, 7, 8), VALUES(7, 3));
    ck_assert_ptr_null(fr_read_sequences(path, NULL));
    assert_failed("read_sequences", ".npz:1: ", "X has NaN in step 2");
    assert_sequences(fr_read_sequences(path, &(fr_csv_options){ .missing = FR_MISSING_MEAN }), 2, 2, 2,
                     VALUES(1, 2, 1, 4, 5, 6, 7, 8), INTEGERS(2, 2), INTEGERS(1, 0), TEXTS("3", "7"));
    write_file("x.npy", "");
    ck_assert(fr_save_npy(path, fr_from_doubles(FR_SHAPE(2, 2), x)));
    assert_sequences(fr_read_sequences(path, NULL), 2, 2, 1, x, INTEGERS(2, 2), NULL, NULL);
    ck_assert(fr_save_npy(path, fr_from_doubles(FR_SHAPE(4), x)));
    ck_assert_ptr_null(fr_read_sequences(path, NULL));
    assert_failed("read_sequences", "x.npy", "1 dims", "(N,T)");
    ck_assert_ptr_null(fr_read_sequences("x.xls", NULL));
    assert_failed("read_sequences", "x.xls", ".ts, .csv");
}
END_TEST

/* X in X_few.npy, y beside it and in other.npy. */
START_TEST(reads_labels_beside_arrays)
{
    FR_SCOPE;
    const double x[] = { 1, 2, 3, 4, 5, 6 };
    char beside[160], other[160];
    fr_csv_options of_other = { .labels = other }, none = { .label = "none" },
                   both = { .labels = other, .no_label = 1 };

    write_file("X_few.npy", "");
    snprintf(beside, sizeof beside, "%s/y_few.npy", folder);
    snprintf(other, sizeof other, "%s/other.npy", folder);
    ck_assert(fr_save_npy(path, fr_from_doubles(FR_SHAPE(3, 2), x)));
    ck_assert(fr_save_npy(beside, fr_tensor_from(FR_SHAPE(3), INTEGERS(7, 3, 7), FR_I64)));
    ck_assert(fr_save_npy(other, fr_from_doubles(FR_SHAPE(3, 1), VALUES(0.5, 2, -1))));
    assert_sequences(fr_read_sequences(path, NULL), 3, 2, 1, x, INTEGERS(2, 2, 2), INTEGERS(1, 0, 1), TEXTS("3", "7"));
    assert_sequences(fr_read_sequences(path, &of_other), 3, 2, 1, x, INTEGERS(2, 2, 2), INTEGERS(1, 2, 0),
                     TEXTS("-1", "0.5", "2"));
    assert_sequences(fr_read_sequences(path, &none), 3, 2, 1, x, INTEGERS(2, 2, 2), NULL, NULL);
    ck_assert_ptr_null(fr_read_sequences(path, &both));
    assert_failed("read_sequences", "X_few.npy", "other.npy", "there are none");
    ck_assert(fr_save_npy(beside, fr_zeros(FR_SHAPE(4))));
    ck_assert_ptr_null(fr_read_sequences(path, NULL));
    assert_failed("X_few.npy: X is (3, 2)", "/y_few.npy is (4,)", "expected (3,)", "a label for each row");
    ck_assert(fr_save_npy(beside, fr_zeros(FR_SHAPE(1, 3))));
    ck_assert_ptr_null(fr_read_sequences(path, NULL));
    assert_failed("read_sequences", "y_few.npy is (1, 3)", "expected (3,)");
    ck_assert(fr_save_npy(beside, fr_zeros(FR_SHAPE(3, 2))));
    ck_assert_ptr_null(fr_read_sequences(path, NULL));
    assert_failed("read_sequences", "X is (3, 2)", "y_few.npy is (3, 2)", "expected (3,)");
    unlink(beside);
    assert_sequences(fr_read_sequences(path, NULL), 3, 2, 1, x, INTEGERS(2, 2, 2), NULL, NULL);
    unlink(other);
    ck_assert_ptr_null(fr_read_sequences(path, &of_other));
    assert_failed("load_npy", "other.npy", "No such file", "");
    write_file("x.csv", "1,2,3\n");
    ck_assert_ptr_null(fr_read_sequences(path, &of_other));
    assert_failed("read_sequences", "x.csv", "other.npy", "only an .npy");
    ck_assert_ptr_null(fr_read_csv(path, &of_other));
    assert_failed("read_csv", "x.csv", "other.npy", "only an .npy");
}
END_TEST

/* In some locales strtod reads 1,5 instead of 1.5. */
START_TEST(ignores_the_locale)
{
    static const char *const names[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE", "fr_FR" };
    const char *set = NULL;

    for (size_t i = 0; !set && i < sizeof names / sizeof *names; i++)
        set = setlocale(LC_ALL, names[i]);
    assert_sequences(csv("1.5,2.5\n", NULL), 1, 1, 1, VALUES(2.5), INTEGERS(1), INTEGERS(0), TEXTS("1.5"));
    if (set)
        ck_assert_str_eq(localeconv()->decimal_point, ",");
    setlocale(LC_ALL, "C");
}
END_TEST

/* The file's text, the options for reading it, and what the message must contain besides the path. */
static const struct {
    const char *text;
    fr_csv_options options;
    const char *pieces[5]; /* the last is NULL */
} bad_csv[] = {
    { "", { 0 }, { "no sequence" } },
    { "\n\n  \n", { 0 }, { "no sequence" } },
    { "a,1\nb,2,x3\n", { 0 }, { ".csv:2: ", "column 3: \"x3\"", "not a number" } },
    { "a,1\n\nb,2,\n", { 0 }, { ".csv:3: ", "column 3: \"\"", "missing" } },
    { "a,,1\n", { 0 }, { ".csv:1: ", "column 2: \"\"", "missing" } },
    { "a,1,?\n", { 0 }, { ".csv:1: ", "column 3: \"?\"", "missing" } },
    { "a,1,NaN\n", { 0 }, { ".csv:1: ", "column 3: \"NaN\"", "missing" } },
    { "a,inf\n", { 0 }, { "column 2: \"inf\"", "not a number" } },
    { "a,0x10\n", { 0 }, { "column 2: \"0x10\"", "not a number" } },
    { "a,1e\n", { 0 }, { "column 2: \"1e\"", "not a number" } },
    { "a,1 2\n", { 0 }, { "column 2: \"1 2\"", "not a number" } },
    { "a,1\rb,2\r", { 0 }, { "column 2: \"1?b\"", "not a number" } },
    { "a,-\n", { 0 }, { "column 2: \"-\"", "not a number" } },
    { "a,1e39\n", { 0 }, { "column 2: \"1e39\"", "too large for float32" } },
    { "a,-1e999\n", { 0 }, { "column 2: \"-1e999\"", "too large" } },
    { "a,\x1b[31mred and very much longer than any number should be\n",
      { 0 },
      { "\"?[31mred", "...\" is not a number" } },
    { "a,1\nb\n", { 0 }, { ".csv:2: ", "a label without values" } },
    { ",1\n", { 0 }, { ".csv:1: ", "label", "first column" } },
    { "\t1\n", { 0 }, { ".csv:1: ", "label", "first column" } },
    { "1,2,\n", { .label_last = true }, { ".csv:1: ", "label", "last column" } },
    { "b\n", { .label_last = true }, { ".csv:1: ", "a label without values" } },
    { "x,1,b\n", { .label_last = true }, { "column 1: \"x\"" } },
    { "1,2\n1,x\n", { .no_label = true }, { ".csv:2: ", "column 2: \"x\"" } },
    { "1,2\n", { .no_label = true, .label_last = true }, { "label_last", "no_label" } },
    { "label,t0\n", { .header = true }, { "no sequence" } },
    { "label,t0\na,1\nb,x\n", { .header = true }, { ".csv:3: ", "column 2: \"x\"" } },
    { "2020,t0\na,1\n", { 0 }, { ".csv:1: ", "column 2: \"t0\"", "not a number", "separator is a comma" } },
    { "a 1\nb 2,5\n", { 0 }, { ".csv:2: ", "column 2: \"2,5\"", "not a number", "separator is a blank" } },
    { "a;1,5\nb;1.234,5\n", { 0 }, { ".csv:2: ", "column 2: \"1.234,5\"", "separator is a semicolon" } },
    { "a\t1\nb,2\n", { 0 }, { ".csv:2: ", "a label without values", "separator is a tab" } },
    { "a,1\n\"b\nc\" d,1\n", { 0 }, { ".csv:3: ", "column 1", "text after the quotes" } },
    { "a,1\n\"b,1\n\nc,1\n", { 0 }, { ".csv:4: ", "quotes that begin in line 2 do not end" } },
    { "a,1\nb,,2\n", { .missing = FR_MISSING_REFUSE }, { ".csv:2: ", "column 2: \"\"", "missing" } },
    { "a,1\nb,?,NA\n", { .missing = FR_MISSING_MEAN }, { ".csv:2: ", "all values", "missing" } },
    { "a,?\n", { .missing = FR_MISSING_DROP }, { "no sequence" } },
    { "a,1\n", { .label = "species" }, { "label \"species\"", "no row of names" } },
    { "a,b\n1,2\n", { .label = "c" }, { "label \"c\"", "or its name" } },
    { "a,1\n", { .label = "0" }, { "label \"0\"", "first, last, none" } },
    { "1,1,2\n2,1\n", { .label = "3" }, { ".csv:2: ", "the label in column 3 is missing" } },
    { "a,1\n", { .label = "1", .no_label = true }, { "label", "no_label" } },
    { "a,1\n", { .separator = ':' }, { "separator ':'", "expected" } },
    { "a,1\n", { .missing = (fr_missing)4 }, { "missing 4" } },
    { "1,2\n", { .reserved = { &folder } }, { "reserved[0]" } },
};

static void assert_file_refused(const void *s, const char *text, const char *const *pieces)
{
    ck_assert_msg(s == NULL, "not refused: %s", text);
    ck_assert_msg(strstr(fr_error_message(), path) != NULL, "\"%s\" is not in: %s", path, fr_error_message());
    assert_failed_with(pieces);
}

START_TEST(refuses_bad_csv)
{
    assert_file_refused(csv(bad_csv[_i].text, &bad_csv[_i].options), bad_csv[_i].text, bad_csv[_i].pieces);
}
END_TEST

START_TEST(refuses_binary_files)
{
    static const char bytes[] = "a,1\nb,\0,2\n";

    write_file("x.csv", "");
    write_bytes(path, bytes, sizeof bytes - 1);
    ck_assert_ptr_null(fr_read_csv(path, NULL));
    assert_failed("read_csv", ".csv:2: ", "value 0");
    ck_assert_ptr_null(fr_read_ts(path));
    assert_failed("read_ts", ".csv:1: ");
}
END_TEST

/* 3 rows of up to 4 values are 12 values of 4 bytes. */
START_TEST(limits_padding)
{
    static const char text[] = "a,1,2,3,4\nb,1\nb,1\n", first[] = "3 sequences", all[] = "6 values";

    setenv("FROND_MEMORY_LIMIT", "47", 1);
    assert_refused(csv(text, NULL), "x.csv", first, all, "4 steps", "need 48 bytes", "limit of 47", "_LIMIT=48");
    assert_refused(ts("@classLabel true a b\n@data\n1:1:1:a\n1,2:1,2:1,2:b\n"), "x.ts", "need 48 bytes");
    setenv("FROND_MEMORY_LIMIT", "48", 1);
    assert_sequences(csv(text, NULL), 3, 4, 1, VALUES(1, 2, 3, 4, 1, 0, 0, 0, 1, 0, 0, 0), INTEGERS(4, 1, 1),
                     INTEGERS(0, 1, 1), TEXTS("a", "b"));
    setenv("FROND_MEMORY_LIMIT", "48 bytes", 1); /* not a number: as if it was not there */
    fr_sequences_free(csv(text, NULL));
    unsetenv("FROND_MEMORY_LIMIT");
}
END_TEST

START_TEST(names_files_that_cannot_be_opened)
{
    ck_assert_ptr_null(fr_read_csv("no-such-file.csv", NULL));
    assert_failed("read_csv", "no-such-file.csv", "No such file", "check_data.c");
    ck_assert_ptr_null(fr_read_ts("no-such-file.ts"));
    assert_failed("read_ts", "no-such-file.ts", "No such file", "check_data.c");
    ck_assert_ptr_null(fr_read_csv(folder, NULL));
    assert_failed("read_csv", folder, "directory");
    ck_assert_ptr_null(fr_read_ts(folder));
    assert_failed("read_ts", folder, "directory");
    ck_assert_ptr_null(fr_read_csv(NULL, NULL));
    assert_failed("read_csv", "path is NULL");
    ck_assert_ptr_null(fr_read_ts(NULL));
    assert_failed("read_ts", "path is NULL");
}
END_TEST

START_TEST(answers_for_null_and_any_index)
{
    fr_sequences *s = csv("a,1\n", NULL);

    ck_assert_ptr_null(fr_sequences_label_text(s, 1));
    assert_failed("sequences_label_text", "index 1", "1 labels");
    ck_assert_ptr_null(fr_sequences_label_text(s, -1));
    assert_failed("sequences_label_text", "index -1");
    fr_sequences_free(s);
    fr_sequences_free(NULL);
    ck_assert_ptr_null(fr_sequences_x(NULL));
    ck_assert_ptr_null(fr_sequences_lengths(NULL));
    ck_assert_ptr_null(fr_sequences_labels(NULL));
    ck_assert_int_eq(fr_sequences_label_count(NULL), -1);
    ck_assert_ptr_null(fr_error_message());
    ck_assert_ptr_null(fr_sequences_label_text(NULL, 0));
    assert_failed("sequences_label_text", "NULL");
}
END_TEST

/* --- .ts files --------------------------------------------------------------------------------------------------- */

/* The expected sums were computed by NumPy from the same files. */
START_TEST(reads_italy_power_demand)
{
    static const struct {
        const char *name;
        int64_t n, first_label, second_class;
        double first, last, squares;
    } files[] = { { "TRAIN", 67, 0, 33, -0.71051757, 1.1719652, 1541.0000056 },
                  { "TEST", 1029, 1, 516, 0.47297301, -0.0025421181, 23666.9999725 } };

    for (int i = 0; i < 2; i++) {
        char name[100];

        snprintf(name, sizeof name, "../examples/data/ItalyPowerDemand_%s.ts", files[i].name);

        fr_sequences *s = fr_read_ts(test_file(name));
        const fr_tensor *x = fr_sequences_x(s), *labels = fr_sequences_labels(s), *lengths = fr_sequences_lengths(s);
        double squares = 0, second = 0;

        ck_assert_msg(s != NULL, "%s", fr_error_message());
        ck_assert_int_eq(fr_dim(x, 0), files[i].n);
        ck_assert_int_eq(fr_dim(x, 1), 24);
        ck_assert_int_eq(fr_dim(x, 2), 1);
        ck_assert_int_eq(fr_sequences_label_count(s), 2);
        for (int64_t j = 0; j < fr_numel(x); j++)
            squares += fr_at(x, j) * fr_at(x, j);
        for (int64_t j = 0; j < files[i].n; j++) {
            second += fr_at(labels, j);
            ck_assert_double_eq(fr_at(lengths, j), 24);
        }
        ck_assert_double_eq_tol(squares, files[i].squares, 1e-6);
        ck_assert_double_eq(second, (double)files[i].second_class);
        ck_assert_double_eq(fr_at(labels, 0), (double)files[i].first_label);
        ck_assert_double_eq_tol(fr_at(x, 0), files[i].first, 1e-7);
        ck_assert_double_eq_tol(fr_at(x, -1), files[i].last, 1e-7);
        fr_sequences_free(s);
    }
}
END_TEST

#define HEADER "@problemName Some words\n@timestamps false\n@missing false\n"

START_TEST(reads_many_dimensions)
{
    assert_sequences(ts(HEADER "@univariate false\n@dimensions 2\n@equalLength true\n@seriesLength 3\n"
                               "@classLabel true up down\n@data\n1,2,3:10,20,30:up\n4,5,6:40,50,60:down\n"),
                     2, 3, 2, VALUES(1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 60), INTEGERS(3, 3), INTEGERS(1, 0),
                     TEXTS("down", "up"));
}
END_TEST

START_TEST(reads_different_lengths)
{
    assert_sequences(ts(HEADER "@univariate false\n@equalLength false\n@classLabel false\n@data\n1:10\n2,3:20,30\n"), 2,
                     2, 2, VALUES(1, 10, 0, 0, 2, 20, 3, 30), INTEGERS(1, 2), NULL, NULL);
    assert_sequences(ts("@equalLength false\n@seriesLength 2\n@classLabel true 0\n@data\n1:0\n2,3:0\n"), 2, 2, 1,
                     VALUES(1, 0, 2, 3), INTEGERS(1, 2), INTEGERS(0, 0), TEXTS("0"));
}
END_TEST

START_TEST(reads_odd_headers)
{
    assert_sequences(
        ts("\xef\xbb\xbf# remark\r\n\r\n  @UNIVARIATE\ttrue \r\n#\r\n@ClassLabel TRUE  10 9\t-1\r\n@Dimension 1\r\n"
           "@DATA\r\n# remark\r\n 1 , 2 : 9 \r\n\r\n3,4:10\r\n\r\n"),
        2, 2, 1, VALUES(1, 2, 3, 4), INTEGERS(2, 2), INTEGERS(1, 2), TEXTS("-1", "9", "10"));
    assert_sequences(ts("@targetLabel false\n@data\n1,2\n3"), 2, 2, 1, VALUES(1, 2, 3, 0), INTEGERS(2, 1), NULL, NULL);
}
END_TEST

static const struct {
    const char *text;
    const char *pieces[5]; /* the last is NULL */
} bad_ts[] = {
    { "", { "no @data" } },
    { "# remark\n@classLabel false\n", { "no @data" } },
    { "@data\n1,2\n", { ".ts:1: ", "no @classLabel" } },
    { "@classLabel false\n@data\n", { "no sequence" } },
    { "@classLabel false\n1,2\n", { ".ts:2: ", "\"1,2\"", "expected a tag" } },
    { "@relation x\n", { ".ts:1: ", "\"@relation\"", "not a tag" } },
    { "@\n", { ".ts:1: ", "\"@\"", "not a tag" } },
    { "@timestamps\n", { ".ts:1: ", "@timestamps: nothing", "true or false" } },
    { "@timestamps maybe\n", { ".ts:1: ", "@timestamps: \"maybe\"", "true or false" } },
    { "@timestamps true\n", { ".ts:1: ", "@timestamps true", "not supported" } },
    { "@missing false\n@missing false\n", { ".ts:2: ", "@missing", "twice" } },
    { "@dimension 1\n@dimensions 1\n", { ".ts:2: ", "@dimensions", "twice" } },
    { "@univariate true false\n", { ".ts:1: ", "@univariate", "\"false\" is one value too many" } },
    { "@dimensions 0\n", { ".ts:1: ", "@dimensions: \"0\"", "integer from 1" } },
    { "@dimensions 1.5\n", { ".ts:1: ", "@dimensions: \"1.5\"", "integer from 1" } },
    { "@seriesLength\n", { ".ts:1: ", "@seriesLength: nothing" } },
    { "@seriesLength 99999999999999999999\n", { ".ts:1: ", "@seriesLength", "integer from 1" } },
    { "@classLabel true\n", { ".ts:1: ", "@classLabel true", "missing" } },
    { "@classLabel true a b a\n", { ".ts:1: ", "@classLabel", "twice" } },
    { "@classLabel false a\n", { ".ts:1: ", "\"a\" is one value too many" } },
    { "@targetLabel true\n@classLabel true a\n", { ".ts:2: ", "@targetLabel true", "contradicts" } },
    { "@targetLabel true\n@data\n1,2\n", { ".ts:3: ", "without a label", "@targetLabel" } },
    { "@targetLabel true\n@data\n1,2:x\n", { ".ts:3: ", "\"x\" is not a number" } },
    { "@univariate true\n@dimensions 2\n@classLabel false\n@data\n",
      { ".ts:4: ", "@univariate true", "@dimensions 2" } },
    { "@univariate false\n@dimensions 1\n@classLabel false\n@data\n",
      { ".ts:4: ", "@univariate false", "@dimensions 1" } },
    { "@classLabel false\n@data here\n", { ".ts:2: ", "@data", "\"here\" is one value too many" } },
    { "@classLabel true a\n@data\n1,2\n", { ".ts:3: ", "without a label" } },
    { "@classLabel true a\n@data\n1,2:b\n", { ".ts:3: ", "\"b\"", "@classLabel" } },
    { "@classLabel true 1\n@data\n1,2:1.5\n", { ".ts:3: ", "\"1.5\"", "@classLabel" } },
    { "@classLabel true a\n@data\n1,2:\n", { ".ts:3: ", "\"\"", "@classLabel" } },
    { "@classLabel false\n@data\n1,2:a\n", { ".ts:3: ", "dimension 2, value 1: \"a\"", "not a number" } },
    { "@classLabel false\n@data\n1,?,2\n", { ".ts:3: ", "dimension 1, value 2: \"?\"", "missing" } },
    { "@classLabel false\n@data\n1,2\n1,nan\n", { ".ts:4: ", "dimension 1, value 2: \"nan\"", "missing" } },
    { "@classLabel false\n@data\n1,\n", { ".ts:3: ", "value 2: \"\"", "missing" } },
    { "@classLabel false\n@data\n1::2\n", { ".ts:3: ", "dimension 2, value 1: \"\"", "missing" } },
    { "@classLabel false\n@data\n(0,1)\n", { ".ts:3: ", "value 1: \"(0\"", "not a number" } },
    { "@classLabel false\n@data\n1,2:1\n", { ".ts:3: ", "dimension 2 has 1 values", "have 2" } },
    { "@classLabel false\n@data\n1:2\n1\n", { ".ts:4: ", "1 dimensions", "before have 2" } },
    { "@dimensions 2\n@classLabel false\n@data\n1:2:3\n", { ".ts:4: ", "3 dimensions", "@dimensions 2" } },
    { "@univariate true\n@classLabel false\n@data\n1:2\n", { ".ts:4: ", "2 dimensions", "@univariate true" } },
    { "@univariate false\n@classLabel false\n@data\n1,2\n", { ".ts:4: ", "1 dimensions", "@univariate false" } },
    { "@equalLength true\n@classLabel false\n@data\n1,2\n1\n",
      { ".ts:5: ", "length 1", "have 2", "@equalLength true" } },
    { "@seriesLength 3\n@classLabel false\n@data\n1,2\n", { ".ts:4: ", "length 2", "@seriesLength 3" } },
    { "@equalLength false\n@seriesLength 3\n@classLabel false\n@data\n1,2,3,4\n",
      { ".ts:5: ", "length 4", "@seriesLength 3" } },
};

START_TEST(refuses_bad_ts)
{
    assert_file_refused(ts(bad_ts[_i].text), bad_ts[_i].text, bad_ts[_i].pieces);
}
END_TEST

/* --- Mutations --------------------------------------------------------------------------------------------------- */

static bool check_sequences(fr_sequences *s)
{
    if (!s)
        return false;

    const fr_tensor *x = fr_sequences_x(s), *lengths = fr_sequences_lengths(s), *labels = fr_sequences_labels(s);

    ck_assert_int_eq(fr_ndim(x), 3);
    ck_assert_int_eq(fr_numel(lengths), fr_dim(x, 0));
    for (int64_t i = 0; i < fr_numel(x); i++)
        ck_assert(isfinite(fr_at(x, i)));
    for (int64_t i = 0; i < fr_numel(lengths); i++)
        ck_assert(fr_at(lengths, i) >= 1 && fr_at(lengths, i) <= (double)fr_dim(x, 1));
    for (int64_t i = 0; i < fr_numel(labels); i++)
        ck_assert(fr_at(labels, i) >= 0 && fr_at(labels, i) < fr_sequences_label_count(s));
    fr_sequences_free(s);
    return true;
}

static bool read_mutated_csv(FILE *file)
{
    return check_sequences(fr_read_csv_file("read_csv: changed", file, &(fr_csv_options){ 0 }));
}

static bool read_mutated_ts(FILE *file)
{
    return check_sequences(fr_read_ts_file("read_ts: changed", file, FR_MISSING_REFUSE));
}

START_TEST(csv_survives_mutations)
{
    write_file("x.csv", "-1,0.25,1e3,-7.125\n2,1,2\n10,.5,0.0001,3,4,5,6\n\n1,9\n");
    read_mutations(path, read_mutated_csv);
}
END_TEST

START_TEST(ts_survives_mutations)
{
    write_file("x.ts", "# remark\n" HEADER "@univariate false\n@dimensions 2\n@equalLength true\n@seriesLength 3\n"
                       "@classLabel true 1 2 10\n@data\n0.1,-2,3e1:1,2,3:10\n4,5,6:7,8,9:1\n\n");
    read_mutations(path, read_mutated_ts);
}
END_TEST

int main(void)
{
    TCase *tables = tcase_create("tables"), *ts_files = tcase_create("ts"), *mutations = tcase_create("mutations");

    tcase_add_test(tables, reads_csv);
    tcase_add_test(tables, pads_ragged_rows);
    tcase_add_test(tables, finds_the_label);
    tcase_add_test(tables, passes_over_a_header);
    tcase_add_test(tables, takes_tabs);
    tcase_add_test(tables, tolerates_odd_text);
    tcase_add_test(tables, sorts_labels);
    tcase_add_test(tables, reads_any_line_length);
    tcase_add_test(tables, follows_the_default_dtype);
    tcase_add_test(tables, ignores_the_locale);
    tcase_add_loop_test(tables, reads_tables_as_people_have_them, 0, sizeof tables_as_read / sizeof *tables_as_read);
    tcase_add_test(tables, reads_ts_with_missing_values);
    tcase_add_test(tables, reads_arrays);
    tcase_add_test(tables, reads_labels_beside_arrays);
    tcase_add_loop_test(tables, refuses_bad_csv, 0, sizeof bad_csv / sizeof *bad_csv);
    tcase_add_test(tables, refuses_binary_files);
    tcase_add_test(tables, limits_padding);
    tcase_add_test(tables, names_files_that_cannot_be_opened);
    tcase_add_test(tables, answers_for_null_and_any_index);
    tcase_add_test(ts_files, reads_italy_power_demand);
    tcase_add_test(ts_files, reads_many_dimensions);
    tcase_add_test(ts_files, reads_different_lengths);
    tcase_add_test(ts_files, reads_odd_headers);
    tcase_add_loop_test(ts_files, refuses_bad_ts, 0, sizeof bad_ts / sizeof *bad_ts);
    tcase_add_test(mutations, csv_survives_mutations);
    tcase_add_test(mutations, ts_survives_mutations);
    for (int i = 0; i < 3; i++)
        tcase_add_checked_fixture((TCase *[]){ tables, ts_files, mutations }[i], make_folder, remove_folder);
    return run_tests("data", tables, ts_files, mutations);
}
