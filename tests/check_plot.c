/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* fr_log_plot without gnuplot: a program of this test takes its place, keeps the script that it is given, and ends in
 * the ways in which gnuplot may end. check_frond.sh draws with gnuplot itself. */
#include "testing.h"

#include <sys/stat.h>
#include <unistd.h>

static const char dir[] = "check_plot.dir";

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

/* Returns what the logger's gnuplot said to fr_log_plot, whose shell script is given. */
static bool plot_with(fr_logger *log, const char *gnuplot)
{
    char *path = strdup(getenv("PATH")), *with = malloc(strlen(path) + sizeof dir + 2);
    bool ok;

    mkdir(dir, 0777);
    write_file("check_plot.dir/gnuplot", gnuplot);
    chmod("check_plot.dir/gnuplot", 0777);
    sprintf(with, "%s:%s", dir, path);
    setenv("PATH", with, 1);
    ok = fr_log_plot(log);
    setenv("PATH", path, 1);
    free(path);
    free(with);
    return ok;
}

static fr_logger *open_log(void)
{
    fr_logger *log = fr_log_open(dir, &(fr_log_options){ .csv_only = true });

    ck_assert_ptr_nonnull(log);
    return log;
}

/* Asserts that plots of these groups are there, and nothing else. */
static void close_log(fr_logger *log, const char *const *groups)
{
    static const char *const suffixes[] = { "png", "svg" };
    char path[512];

    ck_assert(fr_log_close(log));
    for (int i = 0; groups[i / 2]; i++) {
        snprintf(path, sizeof path, "%s/%s.%s", dir, groups[i / 2], suffixes[i % 2]);
        ck_assert_msg(unlink(path) == 0, "%s", path);
    }
    unlink("check_plot.dir/metrics.csv");
    unlink("check_plot.dir/gnuplot");
    unlink("check_plot.dir/script");
    ck_assert_int_eq(rmdir(dir), 0);
}

/* The terminals and lines of one group. Its files have temporary names, which the test takes out. */
#define GROUP(PLOT)                                                                                                    \
    "if (strstrt(GPVAL_TERMINALS, 'pngcairo') > 0) { set terminal pngcairo size 960,600 } "                            \
    "else { set terminal png size 960,600 }\n"                                                                         \
    "set output\n" PLOT "\n"                                                                                           \
    "set terminal svg size 960,600 dynamic background 'white'\n"                                                       \
    "set output\n" PLOT "\nunset output\n"
#define POINTS "linespoints pointtype 7 pointsize 0.3"

/* Numbers, gaps, names that are quoted in CSV and in gnuplot, groups, and a group without a number. */
START_TEST(script)
{
    static const char expected[] =
        "set grid\nset xlabel 'step'\n"
        "$d0 << EOD\n1 NaN\n3 NaN\nEOD\n"
        "$d1 << EOD\n1 0.5\n2 NaN\n3 -2\nEOD\n"
        "$d2 << EOD\n1 3\nEOD\n"
        "$d3 << EOD\n1 4\nEOD\n"
        "$d4 << EOD\n2 5\nEOD\n" GROUP("plot $d1 using 1:2 with " POINTS " title 'loss/train' noenhanced, "
                                       "$d4 using 1:2 with " POINTS " title 'loss/test' noenhanced")
            GROUP("plot $d2 using 1:2 with " POINTS " title 'it''s \"5,6\"' noenhanced")
                GROUP("plot $d3 using 1:2 with " POINTS " title 'lossy' noenhanced");
    fr_logger *log = open_log();
    char got[sizeof expected + 1] = "";
    FILE *file;

    ck_assert(fr_log_scalar(log, "none/x", 1, NAN) && fr_log_scalar(log, "none/x", 3, INFINITY));
    ck_assert(fr_log_scalar(log, "loss/train", 1, 0.5) && fr_log_scalar(log, "loss/train", 2, NAN));
    ck_assert(fr_log_scalar(log, "it's \"5,6\"", 1, 3) && fr_log_scalar(log, "lossy", 1, 4));
    ck_assert(fr_log_scalar(log, "loss/train", 3, -2) && fr_log_scalar(log, "loss/test", 2, 5));
    ck_assert(
        plot_with(log, "#!/bin/sh\ntest \"$*\" = -d && sed 's/^set output .*/set output/' >check_plot.dir/script\n"));
    file = fopen("check_plot.dir/script", "r");
    ck_assert_ptr_nonnull(file);
    fread(got, 1, sizeof got - 1, file);
    fclose(file);
    ck_assert_str_eq(got, expected);
    close_log(log, (const char *[]){ "loss", "it_s__5_6_", "lossy", NULL });
}
END_TEST

/* More than 200 points are drawn as a line alone, and a group's file name is cut. */
START_TEST(long_series)
{
    fr_logger *log = open_log();
    char name[300];

    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    for (int i = 0; i < 201; i++)
        ck_assert(fr_log_scalar(log, name, i, i) && (i > 199 || fr_log_scalar(log, "few", i, i)));
    ck_assert(plot_with(log, "#!/bin/sh\ncat >check_plot.dir/script\n"
                             "test \"$(grep -c ' with lines title' check_plot.dir/script)\" = 2 || exit 1\n"
                             "test \"$(grep -c ' with linespoints' check_plot.dir/script)\" = 2\n"));
    name[251] = '\0';
    close_log(log, (const char *[]){ "few", name, NULL });
}
END_TEST

/* How gnuplot may fail, and what is said about it. */
START_TEST(failures)
{
    static const char *const ends[][2] = {
        { "#!/bin/sh\necho first\necho '\t last'\necho ' '\nexit 2\n", "gnuplot failed: last " },
        { "#!/bin/sh\necho to stderr >&2\nexit 1\n", "gnuplot failed: to stderr " },
        { "#!/bin/sh\nexit 1\n", "gnuplot failed: it does not say why" },
        { "#!/bin/sh\nkill -9 $$\n", "gnuplot was killed by signal 9" },
    };
    fr_logger *log = open_log();

    ck_assert(fr_log_scalar(log, "x", 1, 1));
    ck_assert(!plot_with(log, ends[_i][0]));
    assert_failed("log_plot", ends[_i][1]);
    close_log(log, (const char *[]){ NULL });
}
END_TEST

START_TEST(name_of_directory)
{
    fr_logger *log = fr_log_open("check_plot\ndir", &(fr_log_options){ .csv_only = true });

    ck_assert(fr_log_scalar(log, "x", 1, 1));
    assert_refused(fr_log_plot(log), "log_plot", "a directory whose name contains a newline");
    ck_assert(fr_log_close(log));
    unlink("check_plot\ndir/metrics.csv");
    ck_assert_int_eq(rmdir("check_plot\ndir"), 0);
    assert_refused(fr_log_plot(NULL), "log_plot", "log is NULL");
}
END_TEST

int main(void)
{
    TCase *plots = tcase_create("plots");

    tcase_add_test(plots, script);
    tcase_add_test(plots, long_series);
    tcase_add_loop_test(plots, failures, 0, 4);
    tcase_add_test(plots, name_of_directory);
    return run_tests("plot", plots);
}
