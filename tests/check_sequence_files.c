/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Text files that stay where they are: their batches are those of the sequences in memory, from one file or from many,
 * and files that are wrong, damaged or changed are errors that name the place. */
#include "testing.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

static char folder[] = "/tmp/check_sequence_files.XXXXXX";

static const char *path_of(const char *name)
{
    static char paths[16][128];
    static int next;
    char *path = paths[next++ % 16];

    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static const char *write_bytes(const char *name, const char *text, size_t size)
{
    const char *path = path_of(name);
    FILE *f = fopen(path, "wb");

    ck_assert(f && fwrite(text, 1, size, f) == size && fclose(f) == 0);
    return path;
}

static const char *write_text(const char *name, const char *text)
{
    return write_bytes(name, text, strlen(text));
}

/* --- The same as in memory ---------------------------------------------------------------------------------------- */

/* x of the file equals x in memory up to the batch's longest sequence, after which that has zeros only. */
static void assert_padded_alike(fr_tensor *x, fr_tensor *whole, fr_tensor *lengths)
{
    int64_t longest = 0;

    for (int64_t i = 0; i < fr_numel(lengths); i++)
        longest = (int64_t)fr_at(lengths, i) > longest ? (int64_t)fr_at(lengths, i) : longest;
    ck_assert_int_eq(fr_dim(x, 1), longest);
    ck_assert(fr_equal(x, fr_slice(whole, 1, 0, longest, 1)));
}

/* The labels as texts are the same; s: the sequences in memory. */
static void assert_labels_alike(const fr_dataset *d, const fr_sequences *s)
{
    const fr_sequences *of_d = fr_dataset_sequences(d);
    const char *column = fr_sequences_label_column(s), *other = fr_sequences_label_column(of_d);

    ck_assert_int_eq(fr_sequences_have_targets(of_d), fr_sequences_have_targets(s));
    ck_assert(!column == !other && (!column || strcmp(column, other) == 0));
    ck_assert_int_eq(fr_dim(fr_sequences_x(of_d), 0), 0);
    for (int k = 1; k < 3; k++)
        ck_assert_int_eq(fr_dim(fr_sequences_x(of_d), k), fr_dim(fr_sequences_x(s), k));
    if (fr_sequences_have_targets(s))
        return;
    ck_assert_int_eq(fr_sequences_label_count(of_d), fr_sequences_label_count(s));
    for (int i = 0; i < fr_sequences_label_count(s); i++)
        ck_assert_str_eq(fr_sequences_label_text(of_d, i), fr_sequences_label_text(s, i));
}

/* labels: those of the file, classes or numbers; in memory they are places of texts. */
static void assert_same_labels(fr_tensor *labels, fr_tensor *places, const fr_sequences *s)
{
    if (!fr_sequences_have_targets(s)) {
        ck_assert(fr_equal(labels, places));
        return;
    }
    for (int64_t i = 0; i < fr_numel(places); i++)
        ck_assert_double_eq(fr_at(labels, i), (double)(float)atof(fr_sequences_label_text(s, (int)fr_at(places, i))));
}

/* Epochs over the files and over their rows in memory are the same. Frees s. */
static void assert_rows(const char *const *paths, int n, const fr_csv_options *o, fr_sequences *s)
{
    FR_SCOPE;
    fr_dataset *d = fr_open_sequences(paths, n, o);
    fr_tensor *labels = fr_sequences_labels(s), *all[] = { fr_sequences_x(s), fr_sequences_lengths(s), labels };

    ck_assert_msg(d && s, "%s: %s", test_about, fr_error_message());
    assert_labels_alike(d, s);
    for (int kind = 0; kind < 4; kind++) {
        fr_loader_options lo = { .batch_size = 3, .shuffle = kind & 1, .prefetch_factor = kind & 2 };
        fr_loader *l = fr_loader_over(&d, 1, &lo), *p = fr_loader_new(all, labels ? 3 : 2, &lo);
        bool more = true;

        while (more) {
            FR_SCOPE;
            fr_manual_seed(2);
            fr_tensor *const *x = fr_loader_next_of(l, labels ? 3 : 2);
            fr_manual_seed(2);
            fr_tensor *const *y = fr_loader_next(p);

            more = x != NULL;
            ck_assert_msg(!x == !y, "%s: %s", test_about, fr_error_message());
            if (!x)
                continue;
            ck_assert(fr_equal(x[labels ? 2 : 1], y[1]));
            assert_padded_alike(x[0], y[0], y[1]);
            if (labels)
                assert_same_labels(x[1], y[2], s);
        }
        fr_loader_free(l);
        fr_loader_free(p);
    }
    fr_dataset_free(d);
    fr_sequences_free(s);
}

static void assert_file(const char *path, const fr_csv_options *o)
{
    snprintf(test_about, sizeof test_about, "%s", path);
    assert_rows(&path, 1, o, fr_read_sequences(path, o));
}

/* Blank lines, carriage returns, a byte order mark, quotes over several lines, decimal commas, comments. */
START_TEST(one_file)
{
    assert_file(write_text("a.csv", "1,0.5,0.25\n0,1,2,3,4\n\n \n1,7\n0,8,9\n1,1e3,-2,4\n"), NULL);
    assert_file(write_text("b.csv", "\xef\xbb\xbf"
                                    "1,2,up\r\n3,4,down\r\n\r\n5,6,up\r\n7,8,left"),
                NULL);
    assert_file(write_text("c.csv", "t0,t1,class\n1,2,up\n3,4,\"do\n\n\"\"wn\"\"\"\n5,\"6\",up\n7,8,up\n"), NULL);
    assert_file(write_text("d.csv", "1;0,5;0,25\n2;1,5;2\n1;3;4,75\n"), NULL);
    assert_file(write_text("e.tsv", "1\t0.5\t2\n2\t1\t2\t3\n1\t3\t4\n"), NULL);
    assert_file(write_text("f.csv", "1 0.5  2\n2 1 2 3\n  1 3 4\n"), NULL);
    assert_file(write_text("g.csv", "1,2,3\n4,5\n6,7,8,9\n10\n"), &(fr_csv_options){ .no_label = true });
    assert_file(write_text("h.csv", "a,1,2\n"), NULL);
    assert_file(write_text("i.csv", "1,2,a\n"), NULL);
    assert_file(write_text("j.csv", "x,kind,z\n1,7,2\n3,8,4\n5,7,6\n"), &(fr_csv_options){ .label = "kind" });
    assert_file(write_text("k.csv", "x,y,z\n1,7,2\n3,8,4\n5,7,6\n"), NULL);
    assert_file(write_text("l.csv", "1.0,2\n1,3\n10,4\n2,5\n"), &(fr_csv_options){ .label = "first" });
    assert_file(write_text("m.ts", "# c\n@problemName x\n@univariate false\n@classLabel true b a\n@data\n1,2:3,4:a\n"
                                   "# no row\n\n5,6,7:8,9,10:b\n1:2:a\n"),
                NULL);
    assert_file(write_text("n.ts", "@classLabel false\n@equalLength true\n@data\n1,2,3\n4,5,6\n7,8,9\n"), NULL);
    assert_file(write_text("o.ts", "@targetLabel true\n@data\n1,2,3:0.125\n4,5:-7\n7,8,9:0.5\n1,1:0.125\n"), NULL);
}
END_TEST

START_TEST(missing_values)
{
    static const fr_missing all[] = { FR_MISSING_MEAN, FR_MISSING_PREVIOUS, FR_MISSING_DROP };
    const char *csv = write_text("missing.csv", "0,1,,3\n1,4,5\n0,?,NA,7,8\n1,9\n1,,2\n");
    const char *ts = write_text("missing.ts", "@classLabel true a b\n@data\n?,2:3,4:a\n5,6,7:8,9,10:b\n1:2:a\n");

    for (int i = 0; i < 3; i++) {
        assert_file(csv, &(fr_csv_options){ .missing = all[i] });
        assert_file(ts, &(fr_csv_options){ .missing = all[i] });
    }
    ck_assert_ptr_null(fr_open_sequences(&csv, 1, NULL));
    assert_failed("frond: open_sequences: ", "missing.csv:1: column 3: \"\" is a missing value",
                  "check_sequence_files.c");
}
END_TEST

/* Several files are one file with their rows, and classes are sorted over all of them. */
START_TEST(many_files)
{
    const char *csv[] = { write_text("1.csv", "b,1,2\na,3\n"), write_text("2.csv", "d;4;5,5\nb;6;7;8\nc;1\n"),
                          write_text("3.tsv", "a\t9\n") };
    const char *ts[] = { write_text("1.ts", "@classLabel true z b\n@data\n1,2:b\n3:z\n"),
                         write_text("2.ts", "@classLabel true a\n@equalLength true\n@data\n4,5:a\n6,7:a\n") };
    const char *mixed[] = { ts[0], csv[0], ts[1], csv[2] };

    assert_rows(csv, 3, NULL, fr_read_csv(write_text("all.csv", "b,1,2\na,3\nd,4,5.5\nb,6,7,8\nc,1\na,9\n"), NULL));
    assert_rows(ts, 2, NULL,
                fr_read_ts(write_text("all.ts", "@classLabel true a b z\n@data\n1,2:b\n3:z\n4,5:a\n6,7:a\n")));
    assert_rows(mixed, 4, NULL,
                fr_read_csv(write_text("all2.csv", "b,1,2\nz,3\nb,1,2\na,3\na,4,5\na,6,7\na,9\n"), NULL));
}
END_TEST

/* The second file alone would have its labels in the last column. */
START_TEST(the_first_table_tells_the_column)
{
    const char *csv[] = { write_text("1.csv", "1,0.5,2\n2,0.25,3\n1,4.5,4\n"),
                          write_text("2.csv", "1,0.5,x\n2,1.5,y\n") };

    ck_assert_ptr_null(fr_open_sequences(csv, 2, NULL));
    assert_failed("2.csv:1: column 3: \"x\" is not a number");
    assert_file(csv[1], NULL);
}
END_TEST

/* The first row counts too, also where it is the only one. */
START_TEST(the_first_row_tells_the_column)
{
    static const char *const tables[] = { "1,2,x\n3,4,5\n5,6,7\n", "1,2,a\n" };

    for (int i = 0; i < 2; i++) {
        const char *csv = write_text("first.csv", tables[i]);
        FR_AUTO(fr_dataset) d = fr_open_sequences(&csv, 1, NULL);
        FR_AUTO(fr_sequences) s = fr_read_csv(csv, NULL);

        ck_assert_str_eq(fr_sequences_label_column(fr_dataset_sequences(d)), "last");
        ck_assert_str_eq(fr_sequences_label_column(s), "last");
    }
}
END_TEST

/* --- Parts and places --------------------------------------------------------------------------------------------- */

static bool no_sum(double *values, int n, void *user)
{
    (void)values;
    (void)n;
    (void)user;
    return true;
}

START_TEST(parts_and_resuming)
{
    FR_SCOPE;
    const char *csv = write_text("parts.csv", "0,1\n1,2\n0,3\n1,4\n0,5\n1,6\n0,7\n"), *run = path_of("run");
    fr_dataset *d = fr_open_sequences(&csv, 1, NULL);
    FR_AUTO(fr_module) m = fr_nn_linear(1, 1, NULL);
    FR_AUTO(fr_optim) o = fr_sgd(m, &(fr_sgd_options){ .lr = 0.1 });
    fr_loader *l[2];
    double seen[2][7];

    for (int k = 0; k < 2; k++) {
        l[k] = fr_loader_over(&d, 1, &(fr_loader_options){ .batch_size = 3, .shuffle = true });
        ck_assert(fr_loader_shard(l[k], &(fr_shard){ 0, 1, no_sum, NULL, { NULL } }));
    }
    fr_manual_seed(1);
    ck_assert_ptr_nonnull(fr_loader_next(l[0]));
    ck_assert(fr_save_training(run, m, o, l[0]) && fr_load_training(run, m, o, l[1]));
    for (int k = 0; k < 2; k++) {
        int count = 0;

        for (fr_tensor *const *b; (b = fr_loader_next(l[k]));)
            for (int64_t i = 0; i < fr_dim(b[0], 0); i++)
                seen[k][count++] = fr_at(b[0], i);
        ck_assert_int_eq(count, 4);
    }
    ck_assert_mem_eq(seen[0], seen[1], 4 * sizeof **seen);
    for (int k = 0; k < 2; k++)
        fr_loader_free(l[k]);
    l[0] = fr_loader_over(&d, 1, &(fr_loader_options){ .batch_size = 7 });
    ck_assert(fr_loader_shard(l[0], &(fr_shard){ 1, 2, no_sum, NULL, { NULL } }));
    ck_assert(fr_equal(fr_loader_next(l[0])[0], fr_reshape(fr_arange(4, 8, 1, FR_F32), FR_SHAPE(4, 1, 1))));
    fr_loader_free(l[0]);
    fr_dataset_free(d);
    remove(run);
}
END_TEST

/* --- Errors ------------------------------------------------------------------------------------------------------- */

static void assert_not_opened(const char *const *paths, int n, const fr_csv_options *o, const char *text)
{
    ck_assert_ptr_null(fr_open_sequences(paths, n, o));
    assert_failed("frond: open_sequences", text);
}

START_TEST(errors_name_the_place)
{
    const char *good = write_text("good.csv", "a,1,2\nb,3,4\n"), *bad = write_text("bad.csv", "a,1,2\nb,3,x4\n");
    const char *two = write_text("two.ts", "@classLabel true a b\n@data\n1,2:3,4:a\n");
    const char *none = write_text("none.ts", "@classLabel false\n@data\n1,2,3\n");
    const char *target = write_text("target.ts", "@targetLabel true\n@data\n1,2,3:0.5\n");
    const char *wrong = write_text("wrong.ts", "@classLabel true a b\n@data\n1,2:a\n3,4:c\n");
    const char *empty = write_text("empty.csv", ""), *other = write_text("other.txt", "1,2\n");

    assert_not_opened((const char *[]){ good, bad }, 2, NULL, "bad.csv:2: column 3: \"x4\" is not a number");
    assert_not_opened((const char *[]){ good, two }, 2, NULL,
                      "two.ts:3: a row of 2 dimensions, those of the files before have 1");
    assert_not_opened((const char *[]){ good, none }, 2, NULL,
                      "none.ts:3: a row with no labels, those of the files before have labels");
    assert_not_opened((const char *[]){ target, good }, 2, NULL,
                      "good.csv:1: a row with labels, those of the files before have numbers to predict");
    assert_not_opened((const char *[]){ wrong }, 1, NULL, "wrong.ts:4: the label \"c\" is not one that @classLabel");
    assert_not_opened((const char *[]){ good, empty }, 2, NULL, "empty.csv: there is no sequence in it");
    assert_not_opened((const char *[]){ good, other }, 2, NULL, "other.txt: expected a file of sequences");
    assert_not_opened((const char *[]){ good, path_of("nowhere.csv") }, 2, NULL, "nowhere.csv: No such file");
    assert_not_opened((const char *[]){ good, NULL }, 2, NULL, "path is NULL");
    assert_not_opened(&good, 0, NULL, "0 files given, expected 1 or more");
    assert_not_opened(NULL, 1, NULL, "paths is NULL");
    assert_not_opened(&good, 1, &(fr_csv_options){ .labels = "y.npy" }, "labels \"y.npy\"");
    assert_not_opened(&good, 1, &(fr_csv_options){ .separator = 'x' }, "separator 'x'");
    assert_not_opened(&good, 1, &(fr_csv_options){ .label = "z" }, "good.csv: label \"z\": expected first");
    ck_assert_ptr_null(fr_dataset_sequences(NULL));
}
END_TEST

START_TEST(a_file_that_changes_is_an_error)
{
    static const char *const texts[] = { "0,1\n1,2\n0,3\n1,9\n", "0,1\n1,2\n", "0,1\n1,2\n0,3\n1,4\n0,5\n", NULL };

    for (int i = 0; i < 4; i++) {
        const char *csv = write_text("change.csv", "0,1\n1,2\n0,3\n1,4\n");
        fr_dataset *d = fr_open_sequences(&csv, 1, NULL);
        fr_loader *l = fr_loader_over(&d, 1, &(fr_loader_options){ .batch_size = 2 });

        ck_assert_ptr_nonnull(fr_loader_next(l));
        usleep(20000); /* the clock of files is coarse */
        if (texts[i])
            write_text("change.csv", texts[i]);
        else
            remove(csv);
        ck_assert_ptr_null(fr_loader_next(l));
        assert_failed("frond: loader_next: ", "change.csv: ", texts[i] ? "the file has changed" : "No such file");
        fr_loader_free(l);
        fr_dataset_free(d);
    }
}
END_TEST

/* True if the file opens and an epoch runs. What fails has a message. */
/* The places of rows need a little room on the disk. */
START_TEST(a_full_disk_is_an_error)
{
    const char *csv = write_text("full.csv", "0,1\n1,2\n");
    struct rlimit before, none;

    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
    ck_assert_ptr_null(fr_open_sequences(&csv, 1, NULL));
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_failed("open_sequences", "temporary file: File too large");
}
END_TEST

static bool runs(const char *path)
{
    fr_dataset *d = fr_open_sequences(&path, 1, NULL);
    fr_loader *l = d ? fr_loader_over(&d, 1, &(fr_loader_options){ .batch_size = 2 }) : NULL;
    bool ok;

    while (l && fr_loader_next(l))
        continue;
    ok = d && !fr_error_message();
    ck_assert_msg(ok || (fr_error_message() && (!d == !l)), "%s", test_about);
    ck_assert_msg(!d || ok, "%s: opened, but: %s", test_about, fr_error_message());
    fr_error_clear();
    fr_loader_free(l);
    fr_dataset_free(d);
    return ok;
}

/* What opens can be read, and what opens is what fr_read_sequences reads. */
START_TEST(damaged_files_are_errors)
{
    static const char *const files[] = { "d.csv", "a;1,5;\"2\"\nb;3\n", "d.ts",
                                         "# x\n@univariate true\n@classLabel true a b\n@data\n1,2:a\n3:b\n" };
    static const char changes[] = "\0\",;:\n\t@#x9-";

    for (int f = 0; f < 4; f += 2) {
        size_t size = strlen(files[f + 1]);

        for (size_t i = 0; i < size; i++)
            for (size_t k = 0; k <= sizeof changes; k++) {
                char bad[128];
                const char *path;
                fr_sequences *s;

                memcpy(bad, files[f + 1], size);
                if (k < sizeof changes)
                    bad[i] = changes[k];
                path = write_bytes(files[f], bad, k < sizeof changes ? size : i);
                snprintf(test_about, sizeof test_about, "%s: byte %zu, change %zu", path, i, k);
                s = fr_read_sequences(path, NULL);
                fr_error_clear();
                ck_assert_msg(runs(path) == (s != NULL), "%s", test_about);
                fr_sequences_free(s);
            }
    }
}
END_TEST

int main(void)
{
    TCase *same = tcase_create("same"), *errors = tcase_create("errors");
    char command[128];
    int failed;

    if (!mkdtemp(folder))
        return 99;
    tcase_add_test(same, one_file);
    tcase_add_test(same, missing_values);
    tcase_add_test(same, many_files);
    tcase_add_test(same, the_first_table_tells_the_column);
    tcase_add_test(same, the_first_row_tells_the_column);
    tcase_add_test(same, parts_and_resuming);
    tcase_add_test(errors, errors_name_the_place);
    tcase_add_test(errors, a_file_that_changes_is_an_error);
    tcase_add_test(errors, a_full_disk_is_an_error);
    tcase_add_test(errors, damaged_files_are_errors);
    tcase_set_timeout(errors, 60);
    failed = run_tests("sequence_files", same, errors);
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) == 0 ? failed : 99;
}
