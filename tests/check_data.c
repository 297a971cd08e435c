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
    assert_sequences(csv("1,0\n1.0,0\n1,0\n", NULL), 3, 1, 1, VALUES(0, 0, 0), INTEGERS(1, 1, 1), INTEGERS(0, 1, 0),
                     TEXTS("1", "1.0"));
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
    { "label,t0\na,1\n", { 0 }, { ".csv:1: ", "column 2: \"t0\"", "not a number" } },
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
    { "@classLabel true 1\n@data\n1,2:1.0\n", { ".ts:3: ", "\"1.0\"", "@classLabel" } },
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
    return check_sequences(fr_read_ts_file("read_ts: changed", file));
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
