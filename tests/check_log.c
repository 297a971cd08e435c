/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Logging: metrics.csv, the records of event files, plots, the text of progress bars. check_tensorboard.sh checks what
 * TensorBoard itself reads. */
#include "log/histogram.h"
#include "log/logger.h"
#include "log/progress.h"
#include "testing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64]; /* the directory of the running test; each test has its own */

static void make_dir(void)
{
    strcpy(dir, "check_log.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
}

static const char *in_dir(const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void remove_dir(void)
{
    DIR *d = opendir(dir);
    const struct dirent *e;

    ck_assert_ptr_nonnull(d);
    while ((e = readdir(d)))
        if (e->d_name[0] != '.')
            unlink(in_dir(e->d_name));
    closedir(d);
    ck_assert_int_eq(rmdir(dir), 0);
}

/* Returns the bytes of a file, with a 0 after them; the caller frees them. */
static char *slurp(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, 1 << 20);

    ck_assert_msg(file != NULL, "%s", path);
    ck_assert_ptr_nonnull(text);
    *size = fread(text, 1, (1 << 20) - 1, file);
    fclose(file);
    return text;
}

static void spit(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

/* Asserts that metrics.csv has these lines. The last column, the time, is left out except in the header. */
static void assert_rows(const char *expected)
{
    size_t size, n = 0;
    char *text = slurp(in_dir("metrics.csv"), &size), *got = calloc(1, size + 1);

    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        char *cut = strrchr((*end = '\0', line), ',');

        n += (size_t)sprintf(got + n, "%.*s\n", (int)(cut - line), line);
    }
    ck_assert_str_eq(got, expected);
    free(got);
    free(text);
}

static double noon(void)
{
    return 1700000000.25;
}

static fr_logger *open_csv(void)
{
    fr_logger *log = fr_log_open(dir, &(fr_log_options){ .csv_only = true });

    ck_assert_msg(log != NULL, "%s", fr_error_message());
    log->clock = noon;
    return log;
}

/* --- metrics.csv -------------------------------------------------------------------------------------------------- */

START_TEST(rows_are_tidy)
{
    make_dir();

    fr_logger *log = open_csv();
    size_t size;

    ck_assert(fr_log_scalar(log, "loss/train", 0, 0.1));
    ck_assert(fr_log_scalar(log, "loss", INT64_MAX, 1e300));
    ck_assert(fr_log_scalar(log, "a, \"b\"", -3, NAN));
    ck_assert(fr_log_scalar(log, "x", 1, -INFINITY));
    ck_assert(fr_log_scalar(log, "x", 1, (double)0.1F));

    char *text = slurp(in_dir("metrics.csv"), &size); /* before the log is closed */

    ck_assert_str_eq(text, "step,name,value,wall_time\n"
                           "0,loss/train,0.1,1700000000.250000\n"
                           "9223372036854775807,loss,1e+300,1700000000.250000\n"
                           "-3,\"a, \"\"b\"\"\",NaN,1700000000.250000\n"
                           "1,x,-Inf,1700000000.250000\n"
                           "1,x,0.10000000149011612,1700000000.250000\n");
    free(text);
    ck_assert(fr_log_flush(log));
    ck_assert(fr_log_close(log));
    remove_dir();
}
END_TEST

START_TEST(no_locale_changes_numbers)
{
    static const char *const names[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE", NULL };
    locale_t comma = (locale_t)0;

    for (int i = 0; names[i] && !comma; i++)
        comma = newlocale(LC_ALL_MASK, names[i], (locale_t)0);
    make_dir();

    fr_logger *log = open_csv();
    locale_t before = comma ? uselocale(comma) : (locale_t)0;

    ck_assert(fr_log_scalar(log, "x", 1, 2.5));
    if (comma) {
        uselocale(before);
        freelocale(comma);
    }
    ck_assert(fr_log_close(log));
    assert_rows("step,name,value\n1,x,2.5\n");
    remove_dir();
}
END_TEST

START_TEST(a_run_is_gone_on_with)
{
    make_dir();
    spit(in_dir("metrics.csv"), "step,name,value,wall_time\n1,x,1,5.0\n2,x,2,5.0\n12,x,2,5.0\n3,x,"); /* killed here */

    fr_logger *log = open_csv();

    ck_assert(fr_log_scalar(log, "x", 3, 3));
    ck_assert(fr_log_close(log));
    assert_rows("step,name,value\n1,x,1\n2,x,2\n12,x,2\n3,x,3.0\n");

    log = fr_log_open(dir, &(fr_log_options){ .csv_only = true, .purge_step = 3 });
    ck_assert(fr_log_scalar(log, "x", 3, 4));
    ck_assert(fr_log_close(log));
    assert_rows("step,name,value\n1,x,1\n2,x,2\n3,x,4.0\n");
    remove_dir();
}
END_TEST

START_TEST(opening_fails)
{
    make_dir();
    ck_assert_ptr_null(fr_log_open(NULL, NULL));
    assert_failed("log_open", "dir is NULL");
    ck_assert_ptr_null(fr_log_open("", NULL));
    assert_failed("log_open", "dir is empty");
    ck_assert_ptr_null(fr_log_open(dir, &(fr_log_options){ .purge_step = -1 }));
    assert_failed("log_open", ".purge_step is -1");
    ck_assert_ptr_null(fr_log_open(dir, &(fr_log_options){ .reserved = { dir } }));
    assert_failed("log_open", "reserved");
    spit(in_dir("metrics.csv"), "epoch,loss\n");
    ck_assert_ptr_null(fr_log_open(dir, &(fr_log_options){ .csv_only = true }));
    assert_failed("log_open", in_dir("metrics.csv"), "first line");
    ck_assert_ptr_null(fr_log_open(dir, &(fr_log_options){ .csv_only = true, .must_be_new = true }));
    assert_failed("log_open", in_dir("metrics.csv"), "must_be_new");
    ck_assert_ptr_null(fr_log_open(in_dir("metrics.csv"), &(fr_log_options){ .csv_only = true }));
    assert_failed("log_open", "metrics.csv", "cannot make the directory", "exists");
    ck_assert_ptr_null(fr_log_open("/dev/null/no/such", &(fr_log_options){ .csv_only = true }));
    assert_failed("log_open", "/dev/null", "cannot make the directory");
    remove_dir();
}
END_TEST

START_TEST(directories_are_made)
{
    make_dir();

    char deep[128];

    snprintf(deep, sizeof deep, "%s/a//b/", dir);

    fr_logger *log = fr_log_open(deep, &(fr_log_options){ .csv_only = true, .must_be_new = true });

    ck_assert(fr_log_close(log));
    ck_assert_int_eq(unlink(in_dir("a/b/metrics.csv")), 0);
    ck_assert_int_eq(rmdir(in_dir("a/b")), 0);
    ck_assert_int_eq(rmdir(in_dir("a")), 0);
    remove_dir();
}
END_TEST

START_TEST(a_full_disk_is_an_error)
{
    make_dir();
    if (access("/dev/full", W_OK) == 0) {
        ck_assert_int_eq(symlink("/dev/full", in_dir("metrics.csv")), 0);
        ck_assert_ptr_null(fr_log_open(dir, &(fr_log_options){ .csv_only = true }));
        assert_failed("log_open", in_dir("metrics.csv"), "cannot write", strerror(ENOSPC));
        unlink(in_dir("metrics.csv"));

        fr_logger *log = open_csv();

        int full = open("/dev/full", O_WRONLY);

        ck_assert_int_eq(dup2(full, log->metrics.fd), log->metrics.fd);
        close(full);
        ck_assert(!fr_log_scalar(log, "x", 1, 1));
        assert_failed("log_scalar", in_dir("metrics.csv"), "cannot write", strerror(ENOSPC));
        fr_log_close(log); /* the row is lost; that was reported before */
        fr_error_clear();
    }
    remove_dir();
}
END_TEST

/* Limits the size of files. While the limit is set there must be no assertions, because Check writes to a file too. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;

    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
}

/* Returns the number of records in a file and asserts that they fill it. A record is 12 bytes with the length n, n
 * bytes of data, and 4 bytes. */
static size_t count_records(const char *path)
{
    size_t size, at = 0, n = 0;
    char *bytes = slurp(path, &size);

    for (; at + 12 < size; n++)
        at += 12 + (unsigned char)bytes[at] + 256U * (unsigned char)bytes[at + 1] + 4;
    ck_assert_uint_eq(at, size);
    free(bytes);
    return n;
}

/* A row or event that was written in part is removed, so that later ones can be read. */
START_TEST(what_was_cut_is_taken_back)
{
    FR_SCOPE;
    fr_logger *log;
    bool ok;

    make_dir();
    signal(SIGXFSZ, SIG_IGN);
    log = fr_log_open(dir, &(fr_log_options){ .csv_only = !fr_log_has_events() });
    log->clock = noon;
    ck_assert(fr_log_scalar(log, "loss", 1, 0.5));
    limit_files((rlim_t)log->metrics.size + 5);
    ok = fr_log_scalar(log, "loss", 2, 0.5);
    limit_files(RLIM_INFINITY);
    ck_assert(!ok);
    assert_failed("log_scalar", in_dir("metrics.csv"), "cannot write", strerror(EFBIG));
    if (log->events.file) {
        limit_files((rlim_t)log->events.size + 5);
        ok = fr_log_histogram(log, "w", 2, fr_scalar(1));
        limit_files(RLIM_INFINITY);
        ck_assert(!ok);
        assert_failed("log_histogram", log->events.path, "cannot write", strerror(EFBIG));
    }
    ck_assert(fr_log_scalar(log, "loss", 3, 0.25));
    if (log->events.file)
        ck_assert_uint_eq(count_records(log->events.path), 3); /* the record of the version, and two scalars */
    ck_assert(fr_log_close(log));
    assert_rows("step,name,value\n1,loss,0.5\n3,loss,0.25\n");
    remove_dir();
}
END_TEST

START_TEST(wrong_calls_fail)
{
    FR_SCOPE;
    make_dir();

    fr_logger *log = open_csv();

    ck_assert(!fr_log_scalar(NULL, "x", 0, 0));
    assert_failed("log_scalar", "log is NULL");
    ck_assert(!fr_log_scalar(log, NULL, 0, 0));
    assert_failed("log_scalar", "name is NULL");
    ck_assert(!fr_log_scalar(log, "", 0, 0));
    assert_failed("log_scalar", "empty");
    ck_assert(!fr_log_scalar(log, "a\nb", 0, 0));
    assert_failed("log_scalar", "control character, after \"a\"");
    ck_assert(!fr_log_scalar(log, "\xff", 0, 0));
    assert_failed("log_scalar", "UTF-8");
    ck_assert(!fr_log_histogram(log, "x", 0, NULL));
    assert_failed("log_histogram", "tensor is NULL");
    ck_assert(!fr_log_module(log, 0, NULL));
    assert_failed("log_module", "module is NULL");
    ck_assert(!fr_log_graph(log, fr_scalar(1), NULL));
    assert_failed("log_graph", "no graph was recorded");
    ck_assert(!fr_log_flush(NULL));
    assert_failed("log_flush", "log is NULL");
    ck_assert(!fr_log_plot(log));
    assert_failed("log_plot", in_dir("metrics.csv"), "no number");
    ck_assert(fr_log_close(log));
    ck_assert(fr_log_close(NULL));
    assert_rows("step,name,value\n");
    remove_dir();
}
END_TEST

/* --- Histograms and modules --------------------------------------------------------------------------------------- */

START_TEST(histograms_count_all_values)
{
    FR_SCOPE;
    double values[] = { 0, -0.0, 1, -1, 1e-13, 1e19, 1e300, -1e300, NAN, INFINITY, DBL_MAX };
    fr_histogram *h = malloc(sizeof *h);
    double counted = 0;

    fr_histogram_fill(h, fr_tensor_from(FR_SHAPE(11), values, FR_F64));
    for (size_t i = 0; i < h->count; i++)
        counted += h->values[h->first + i];
    ck_assert_int_eq(h->finite, 9);
    ck_assert_int_eq(h->nonfinite, 2);
    ck_assert(counted == 9);
    ck_assert(h->min == -1e300 && h->max == DBL_MAX);

    fr_histogram_fill(h, fr_arange(-2, 5, 1, FR_I64)); /* -2 ... 4 */
    ck_assert_int_eq(h->finite, 7);
    ck_assert(h->sum == 7 && h->sum_squares == 35 && h->min == -2 && h->max == 4);
    ck_assert(h->values[h->first] == 0 && h->values[h->first + 1] == 1);
    ck_assert(h->limit[h->first] <= -2 && h->limit[h->first + 1] > -2);
    ck_assert(h->limit[h->first + h->count - 1] > 4 && h->limit[h->first + h->count - 2] <= 4);

    fr_histogram_fill(h, fr_zeros(FR_SHAPE(0)));
    ck_assert(h->finite == 0 && h->min == 0 && h->max == 0 && h->count == 2);
    free(h);
}
END_TEST

START_TEST(modules_are_logged)
{
    FR_SCOPE;
    make_dir();

    fr_logger *log = open_csv();
    fr_module *m = fr_nn_linear(2, 1, NULL);

    ck_assert(fr_log_module(log, 1, m)); /* without gradients */
    ck_assert(fr_backward(fr_sum(fr_forward(m, fr_from_doubles(FR_SHAPE(1, 2), (double[]){ 2, 2 })))));
    ck_assert(fr_log_module(log, 2, m));
    ck_assert(fr_log_histogram(log, "h", 2, fr_full(FR_SHAPE(2), NAN)));
    ck_assert(fr_log_close(log));
    assert_rows("step,name,value\n1,gradient_norm,0.0\n2,gradient_norm,3.0\n2,h/nonfinite,2.0\n");
    fr_module_free(m);
    remove_dir();
}
END_TEST

/* --- Event files -------------------------------------------------------------------------------------------------- */

/* Returns the path of the only event file. */
static const char *event_file(void)
{
    DIR *d = opendir(dir);
    const struct dirent *e;
    const char *path = NULL;

    while ((e = readdir(d)))
        if (strstr(e->d_name, "tfevents")) {
            ck_assert_ptr_null(path);
            path = in_dir(e->d_name);
        }
    closedir(d);
    ck_assert_ptr_nonnull(path);
    return path;
}

/* Fields 1 to 5 of TensorBoard's HistogramProto: least, most, number, sum, sum of squares; little-endian doubles. */
START_TEST(histograms_are_written_whole)
{
    FR_SCOPE;
    static const double fields[] = { 1, 4, 3, 7, 21 };
    unsigned char expected[45];
    size_t size;

    if (!fr_log_has_events())
        return;
    for (int i = 0; i < 5; i++) {
        expected[9 * i] = (unsigned char)((i + 1) << 3 | 1);
        memcpy(expected + 9 * i + 1, &fields[i], sizeof(double));
    }
    make_dir();

    fr_logger *log = fr_log_open(dir, NULL);

    ck_assert(fr_log_histogram(log, "h", 0, fr_from_doubles(FR_SHAPE(3), (double[]){ 1, 2, 4 })));

    char *bytes = slurp(event_file(), &size);
    size_t at = 0;

    while (at + sizeof expected <= size && memcmp(bytes + at, expected, sizeof expected) != 0)
        at++;
    ck_assert_uint_le(at + sizeof expected, size);
    free(bytes);
    ck_assert(fr_log_close(log));
    remove_dir();
}
END_TEST

/* The first record is byte for byte what TensorFlow's writer makes for this time; its checksums are those of
 * tensorboard's crc32c. The second one is a scalar. */
START_TEST(records)
{
    if (!fr_log_has_events()) {
        ck_assert_ptr_null(fr_log_open("check_log.none", NULL));
        assert_failed("log_open", "protobuf-c", ".csv_only");
        ck_assert_int_ne(access("check_log.none", F_OK), 0);
        return;
    }
    make_dir();

    fr_logger *log = fr_log_open(dir, NULL);
    size_t size;

    log->clock = noon;
    ck_assert(fr_log_scalar(log, "x", 5, 0.5));

    char *bytes = slurp(event_file(), &size);
    const unsigned char *p = (const unsigned char *)bytes;
    static const unsigned char scalar[] = { 0x09, 0x00, 0x00, 0x10, 0x40, 0xfc, 0x54, 0xd9, 0x41, 0x10, 0x05, 0x2a,
                                            0x0a, 0x0a, 0x08, 0x0a, 0x01, 'x',  0x15, 0x00, 0x00, 0x00, 0x3f };

    ck_assert_uint_ge(size, 40);
    ck_assert_int_eq(p[0], 24); /* 9 bytes for the time and 15 for the version */
    ck_assert_mem_eq(p + 1, "\0\0\0\0\0\0\0", 7);
    ck_assert_mem_eq(p + 8, "\xa3\x7f\x4b\x22", 4); /* the checksum of the length 24 */
    ck_assert_mem_eq(p + 12 + 9,
                     "\x1a\x0d"
                     "brain.Event:2",
                     15);
    ck_assert_int_eq(p[40], sizeof scalar);
    ck_assert_mem_eq(p + 52, scalar, sizeof scalar);
    ck_assert_uint_eq(size, 40 + 12 + sizeof scalar + 4);
    free(bytes);
    ck_assert(fr_log_close(log));
    remove_dir();
}
END_TEST

/* --- Plots -------------------------------------------------------------------------------------------------------- */

/* Puts a program gnuplot first in PATH, which writes "new" to each output and ends with this status. */
static void fake_gnuplot(int status)
{
    char script[512], path[4096];

    snprintf(script, sizeof script,
             "#!/bin/sh\n"
             "PATH=/usr/bin:/bin\n"
             "sed -n \"s/^set output '\\(.*\\)'/\\1/p\" | while read -r file; do printf new >\"$file\"; done\n"
             "echo it has reasons\n"
             "exit %d\n",
             status);
    spit(in_dir("gnuplot"), script);
    ck_assert_int_eq(chmod(in_dir("gnuplot"), 0777), 0);
    ck_assert_ptr_nonnull(realpath(dir, path));
    setenv("PATH", path, 1);
}

static void assert_plot(const char *expected)
{
    size_t size;
    char *text = slurp(in_dir("x.png"), &size);

    ck_assert_str_eq(text, expected);
    free(text);
}

static int count_files(void)
{
    DIR *d = opendir(dir);
    int files = -2; /* without . and .. */

    while (readdir(d))
        files++;
    closedir(d);
    return files;
}

/* If gnuplot fails, old plots stay; otherwise they are replaced, and nothing else is left. */
START_TEST(plots_are_replaced_as_a_whole)
{
    make_dir();

    fr_logger *log = open_csv();
    char *path = strdup(getenv("PATH"));

    ck_assert(fr_log_scalar(log, "x", 1, 1));
    spit(in_dir("x.png"), "old");
    fake_gnuplot(1);
    ck_assert(!fr_log_can_plot(dir));
    assert_failed("log_can_plot", "gnuplot failed: it has reasons");
    ck_assert(!fr_log_plot(log));
    assert_failed("log_plot", "gnuplot failed: it has reasons");
    assert_plot("old");
    ck_assert_int_eq(count_files(), 3); /* metrics.csv, gnuplot, x.png */
    fake_gnuplot(0);
    ck_assert(fr_log_can_plot(dir));
    ck_assert(fr_log_plot(log));
    assert_plot("new");
    ck_assert_int_eq(count_files(), 4); /* x.svg */
    setenv("PATH", path, 1);
    ck_assert(!fr_log_can_plot("a\nb"));
    assert_failed("log_can_plot", "newline");
    ck_assert(fr_log_close(log));
    free(path);
    remove_dir();
}
END_TEST

START_TEST(without_gnuplot)
{
    make_dir();

    fr_logger *log = open_csv();
    char *path = strdup(getenv("PATH"));

    ck_assert(fr_log_scalar(log, "x", 1, 1));
    setenv("PATH", "/nonexistent", 1);
    ck_assert(!fr_log_plot(log));
    setenv("PATH", path, 1);
    assert_failed("log_plot", "cannot run gnuplot", strerror(ENOENT));
    ck_assert(fr_log_close(log));
    spit(in_dir("metrics.csv"), "step,name,value,wall_time\n1,x,one,5.0\n");
    log = open_csv();
    ck_assert(!fr_log_plot(log));
    assert_failed("log_plot", "metrics.csv:2", "not a number");
    ck_assert(fr_log_close(log));
    free(path);
    remove_dir();
}
END_TEST

/* --- Progress ----------------------------------------------------------------------------------------------------- */

static double now;

static double stopped_clock(void)
{
    return now;
}

static int columns;

static int some_columns(FILE *stream)
{
    (void)stream;
    return columns;
}

static char *written;
static size_t written_size;

static fr_progress *begin(const char *label, int64_t total, double interval, bool terminal)
{
    FILE *stream = open_memstream(&written, &written_size);
    fr_progress *p = fr_progress_new(label, total, &(fr_progress_options){ .stream = stream, .interval = interval });

    ck_assert_ptr_nonnull(p);
    now = 100;
    columns = 80;
    p->clock = stopped_clock;
    p->width = some_columns;
    p->terminal = terminal;
    p->began = now;
    p->shown = terminal ? -HUGE_VAL : now;
    return p;
}

/* Ends p and asserts that its stream has this text. */
static void assert_written(fr_progress *p, const char *expected)
{
    FILE *stream = p->stream;

    fr_progress_end(p);
    fclose(stream);
    ck_assert_str_eq(written, expected);
    free(written);
}

START_TEST(bars)
{
    fr_progress *p = begin("train", 1000, 0.1, true);

    now += 2;
    ck_assert(fr_progress_value(p, "loss", 0.03712));
    ck_assert(fr_progress_step(p, 250));
    now += 0.05; /* too early for a line */
    ck_assert(fr_progress_value(p, "loss", 0.5));
    ck_assert(fr_progress_step(p, 250));
    now += 1.95;
    columns = 40; /* no room for a bar */
    ck_assert(fr_progress_step(p, 0));
    columns = 24; /* nor for all of the text */
    assert_written(p, "\rtrain  25% [######                   ] 250/1000  125/s  0:06 left  loss 0.03712\033[K"
                      "\rtrain  50% 500/1000  125/s  0:04 left  \033[K"
                      "\rtrain  50% 500/1000  12\033[K\n");
}
END_TEST

START_TEST(lines)
{
    fr_progress *p = begin("", 10, FR_ZERO, false);

    ck_assert(fr_progress_step(p, 1)); /* without time passed there is no rate */
    now += 7200;
    ck_assert(fr_progress_value(p, "loss", NAN) && fr_progress_value(p, "accuracy", 0.5));
    ck_assert(fr_progress_step(p, 1));
    assert_written(p, " 10%  1/10\n"
                      " 20%  2/10  3600.0 s/step  8:00:00 left  loss nan  accuracy 0.5\n"
                      " 20%  2/10  3600.0 s/step  in 2:00:00  loss nan  accuracy 0.5\n");

    p = begin("read", 0, 0, false); /* 10 seconds */
    for (int i = 0; i < 3; i++) {
        now += 5;
        ck_assert(fr_progress_step(p, 100));
    }
    assert_written(p, "read  200  20.0/s  0:10\nread  300  20.0/s  in 0:15\n");
}
END_TEST

START_TEST(progress_that_fails)
{
    ck_assert_ptr_null(fr_progress_new(NULL, 1, NULL));
    assert_failed("progress_new", "label is NULL");
    ck_assert_ptr_null(fr_progress_new("x", -1, NULL));
    assert_failed("progress_new", "total is -1");
    ck_assert_ptr_null(fr_progress_new("x", 1, &(fr_progress_options){ .interval = -1 }));
    assert_failed("progress_new", "interval");
    ck_assert_ptr_null(fr_progress_new("x", 1, &(fr_progress_options){ .reserved = { dir } }));
    assert_failed("progress_new", "reserved");
    ck_assert(!fr_progress_step(NULL, 1));
    assert_failed("progress_step", "progress is NULL");
    fr_progress_end(NULL);

    fr_progress *p = fr_progress_new("x", 1, &(fr_progress_options){ .quiet = true });

    ck_assert(!fr_progress_value(p, NULL, 1));
    assert_failed("progress_value", "name is NULL");
    ck_assert(!fr_progress_step(p, -1));
    assert_failed("progress_step", "-1 steps");
    ck_assert(fr_progress_step(p, INT64_MAX));
    ck_assert(!fr_progress_step(p, 1));
    assert_failed("progress_step", "1 steps after 9223372036854775807");
    fr_progress_end(p);
}
END_TEST

int main(void)
{
    TCase *metrics = tcase_create("metrics"), *shown = tcase_create("shown"), *progress = tcase_create("progress");

    tcase_add_test(metrics, rows_are_tidy);
    tcase_add_test(metrics, no_locale_changes_numbers);
    tcase_add_test(metrics, a_run_is_gone_on_with);
    tcase_add_test(metrics, opening_fails);
    tcase_add_test(metrics, directories_are_made);
    tcase_add_test(metrics, a_full_disk_is_an_error);
    tcase_add_test(metrics, what_was_cut_is_taken_back);
    tcase_add_test(metrics, wrong_calls_fail);
    tcase_add_test(shown, histograms_count_all_values);
    tcase_add_test(shown, histograms_are_written_whole);
    tcase_add_test(shown, modules_are_logged);
    tcase_add_test(shown, records);
    tcase_add_test(shown, plots_are_replaced_as_a_whole);
    tcase_add_test(shown, without_gnuplot);
    tcase_add_test(progress, bars);
    tcase_add_test(progress, lines);
    tcase_add_test(progress, progress_that_fails);
    return run_tests("log", metrics, shown, progress);
}
