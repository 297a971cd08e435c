/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Arrays that stay in their files: their batches have the bits of the loaded arrays, for all dtypes and formats, and
 * files that are damaged, cut off or replaced are errors, never crashes. */
#include "testing.h"

#include <sys/stat.h>
#include <unistd.h>
#ifdef HAVE_LIBZIP
#include <zip.h>
#endif

enum { ROWS = 13, BATCH = 4 };

static char folder[] = "/tmp/check_array_files.XXXXXX";

static const char *path_of(const char *name)
{
    static char paths[4][128];
    static int next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void write_file(const char *path, const void *bytes, size_t count)
{
    FILE *f = fopen(path, "wb");

    ck_assert(f && fwrite(bytes, 1, count, f) == count && fclose(f) == 0);
}

static size_t read_file(const char *path, unsigned char *bytes, size_t room)
{
    FILE *f = fopen(path, "rb");
    size_t count;

    ck_assert_ptr_nonnull(f);
    count = fread(bytes, 1, room, f);
    fclose(f);
    return count;
}

/* The file of numpy.save with a header of 128 bytes. */
static void write_npy(const char *path, const char *descr, const char *order, const char *shape, const void *values,
                      size_t bytes)
{
    char file[8192];

    memset(file, ' ', 128);
    memcpy(file, "\x93NUMPY\1\0\x76\0", 10);
    file[10 + snprintf(file + 10, 117, "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", descr, order, shape)] =
        ' ';
    file[127] = '\n';
    ck_assert_uint_le(bytes, sizeof file - 128);
    memcpy(file + 128, values, bytes);
    write_file(path, file, 128 + bytes);
}

/* --- The same bits ------------------------------------------------------------------------------------------------ */

static bool same_bits(fr_tensor *a, fr_tensor *b)
{
    fr_tensor *x = fr_contiguous(a), *y = fr_contiguous(b);

    return fr_dtype_of(x) == fr_dtype_of(y) && fr_numel(x) == fr_numel(y) &&
           memcmp(fr_data(x), fr_data(y), (size_t)fr_numel(x) * (fr_dtype_of(x) == FR_F32 ? 4 : 8)) == 0;
}

/* Epochs over d and over the tensor are the same, whatever the order. Frees d. */
static void assert_rows(fr_dataset *d, fr_tensor *whole)
{
    ck_assert_msg(d && whole, "%s", fr_error_message());
    ck_assert_int_eq(fr_dataset_rows(d), fr_dim(whole, 0));
    for (int kind = 0; kind < 4; kind++) {
        fr_loader_options o = { .batch_size = BATCH, .shuffle = kind & 1, .prefetch_factor = kind & 2 };
        fr_loader *l = fr_loader_over(&d, 1, &o), *p = fr_loader_new(&whole, 1, &o);
        bool more = true;

        while (more) {
            FR_SCOPE;
            fr_manual_seed(2);
            fr_tensor *const *x = fr_loader_next(l);
            fr_manual_seed(2);
            fr_tensor *const *y = fr_loader_next(p);

            ck_assert_msg(!x == !y, "%s: %s", test_about, fr_error_message());
            ck_assert_msg(!x || same_bits(x[0], y[0]), "%s", test_about);
            more = x != NULL;
        }
        fr_loader_free(l);
        fr_loader_free(p);
    }
    fr_dataset_free(d);
}

START_TEST(npy_rows_of_each_dtype)
{
    static const struct {
        const char *descr;
        size_t size;
    } dtypes[] = { { "<f4", 4 }, { ">f4", 4 }, { "<f8", 8 }, { ">f8", 8 }, { "<i8", 8 }, { ">i8", 8 }, { "<f2", 2 },
                   { ">f2", 2 }, { "|b1", 1 }, { "|i1", 1 }, { "<i2", 2 }, { ">i2", 2 }, { "<i4", 4 }, { ">i4", 4 },
                   { "|u1", 1 }, { "<u2", 2 }, { ">u4", 4 }, { "<u8", 8 }, { ">u8", 8 } };
    static const struct {
        const char *shape;
        size_t values;
    } shapes[] = { { "(13,)", 13 }, { "(13, 5)", 65 }, { "(13, 2, 3)", 78 }, { "(13, 0)", 0 }, { "(0, 5)", 0 } };
    unsigned char bytes[8 * 78];
    const char *path = path_of("x.npy");

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 131 + 17 + i / 7);
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
            FR_SCOPE;
            unsigned char values[sizeof bytes];

            memcpy(values, bytes, sizeof values);
            for (size_t v = 0; dtypes[i].descr[1] == 'u' && dtypes[i].size == 8 && v < sizeof values; v += 8)
                values[v + (dtypes[i].descr[0] == '<' ? 7 : 0)] &= 0x7f;
            snprintf(test_about, sizeof test_about, "%s %s", dtypes[i].descr, shapes[k].shape);
            write_npy(path, dtypes[i].descr, "False", shapes[k].shape, values, dtypes[i].size * shapes[k].values);
            assert_rows(fr_open_npy(path), fr_load_npy(path));
        }
}
END_TEST

START_TEST(rows_of_safetensors)
{
    FR_SCOPE;
    fr_tensor *all[] = { fr_randn(FR_SHAPE(ROWS, 7)), fr_arange(0, ROWS, 1, FR_I64),
                         fr_cast(fr_randn(FR_SHAPE(ROWS, 2, 3)), FR_F64), fr_scalar(3) };
    const char *names[] = { "x", "labels", "a/b", "s" }, *safe = path_of("x.safetensors");

    ck_assert(fr_save_tensors(safe, names, all, 4));
    for (int i = 0; i < 3; i++)
        assert_rows(fr_open_safetensors(safe, names[i]), all[i]);
    ck_assert_ptr_null(fr_open_safetensors(safe, "s"));
    assert_failed("frond: open_safetensors: ", "x.safetensors: is a scalar: it has no rows", "check_array_files.c");
    ck_assert_ptr_null(fr_open_safetensors(safe, "y"));
    assert_failed("there is no tensor \"y\" in it");
    ck_assert_ptr_null(fr_open_safetensors(safe, NULL));
    assert_failed("open_safetensors", "name is NULL");
    ck_assert_ptr_null(fr_open_npy(NULL));
    assert_failed("open_npy", "path is NULL");
    ck_assert_ptr_null(fr_open_npy(folder));
    assert_failed("open_npy", "directory");
    ck_assert_ptr_null(fr_open_npy(safe));
    assert_failed("not an npy file");
}
END_TEST

#ifdef HAVE_LIBZIP
START_TEST(rows_of_npz)
{
    FR_SCOPE;
    fr_tensor *all[] = { fr_randn(FR_SHAPE(ROWS, 7)), fr_arange(0, ROWS, 1, FR_I64),
                         fr_cast(fr_randn(FR_SHAPE(ROWS, 2, 3)), FR_F64), fr_scalar(3) };
    const char *names[] = { "x", "labels", "a/b", "s" }, *npz = path_of("x.npz");

    ck_assert(fr_save_npz(npz, names, all, 4));
    for (int i = 0; i < 3; i++)
        assert_rows(fr_open_npz(npz, names[i]), all[i]);
    ck_assert_ptr_null(fr_open_npz(npz, "s"));
    assert_failed("frond: open_npz: ", "x.npz: is a scalar: it has no rows", "check_array_files.c");
    ck_assert_ptr_null(fr_open_npz(npz, "y"));
    assert_failed("there is no array \"y\" in it");
    ck_assert_ptr_null(fr_open_npz(npz, NULL));
    assert_failed("open_npz", "name is NULL");
    ck_assert_ptr_null(fr_open_npy(npz));
    assert_failed("not an npy file but a zip archive");
    ck_assert_ptr_null(fr_open_safetensors(npz, "x"));
    assert_failed("not a safetensors file");
    write_file(npz, "no archive", 10);
    ck_assert_ptr_null(fr_open_npz(npz, "x"));
    assert_failed("not an npz file");
}
END_TEST

START_TEST(a_packed_member_is_refused)
{
    float values[6] = { 1, 2, 3, 4, 5, 6 };
    const char *path = path_of("x.npy"), *npz = path_of("packed.npz");
    unsigned char npy[256];
    int error;
    zip_t *archive = zip_open(npz, ZIP_CREATE | ZIP_TRUNCATE, &error);
    zip_int64_t index;

    ck_assert_ptr_nonnull(archive);
    write_npy(path, "<f4", "False", "(2, 3)", values, sizeof values);
    index = zip_file_add(archive, "x.npy", zip_source_buffer(archive, npy, read_file(path, npy, sizeof npy), 0),
                         ZIP_FL_OVERWRITE);
    ck_assert(index >= 0 && zip_set_file_compression(archive, (zip_uint64_t)index, ZIP_CM_DEFLATE, 9) == 0);
    ck_assert_int_eq(zip_close(archive), 0);
    ck_assert_ptr_null(fr_open_npz(npz, "x"));
    assert_failed("packed.npz: \"x\": is packed", "savez_compressed");
}
END_TEST
#endif

/* x of one file and y of another, as a training would take them. */
START_TEST(files_and_tensors_make_one_batch)
{
    FR_SCOPE;
    fr_tensor *x = fr_randn(FR_SHAPE(ROWS, 5)), *y = fr_arange(0, ROWS, 1, FR_I64), *z = fr_randn(FR_SHAPE(ROWS));

    ck_assert(fr_save_npy(path_of("x.npy"), x) && fr_save_npy(path_of("y.npy"), y));

    fr_dataset *d[] = { fr_open_npy(path_of("x.npy")), fr_open_npy(path_of("y.npy")),
                        fr_dataset_tensors(FR_TENSORS(z)) };
    FR_AUTO(fr_loader) l = fr_loader_over(d, 3, &(fr_loader_options){ .batch_size = 5, .shuffle = true });
    int64_t rows = 0;

    for (int i = 0; i < 3; i++)
        fr_dataset_free(d[i]);
    FR_FOR_BATCHES (l, bx, by, bz) {
        ck_assert(fr_equal(bx, fr_index_select(x, 0, by)) && fr_equal(bz, fr_index_select(z, 0, by)));
        rows += fr_dim(bx, 0);
    }
    ck_assert_int_eq(rows, ROWS);
}
END_TEST

START_TEST(what_has_no_rows_in_one_piece_is_refused)
{
    float values[6] = { 1, 2, 3, 4, 5, 6 };
    const char *path = path_of("x.npy");

    write_npy(path, "<f4", "True", "(2, 3)", values, sizeof values);
    ck_assert_ptr_null(fr_open_npy(path));
    assert_failed("x.npy: is column-major", "numpy.ascontiguousarray");
    write_npy(path, "<f4", "True", "(6,)", values, sizeof values);
    fr_dataset_free(fr_open_npy(path));
    write_npy(path, "<c8", "False", "(3,)", values, sizeof values);
    ck_assert_ptr_null(fr_open_npy(path));
    assert_failed("complex");
}
END_TEST

/* --- Files that change -------------------------------------------------------------------------------------------- */

START_TEST(a_file_cut_off_while_it_is_open_is_an_error)
{
    FR_SCOPE;
    fr_tensor *x = fr_randn(FR_SHAPE(3000, 5));
    const char *path = path_of("cut.npy");

    ck_assert(fr_save_npy(path, x));

    fr_dataset *d = fr_open_npy(path);
    fr_loader *l = fr_loader_over(&d, 1, &(fr_loader_options){ .batch_size = 1000, .prefetch_factor = _i });

    ck_assert_ptr_nonnull(fr_loader_next(l));
    usleep(20000);
    ck_assert_int_eq(truncate(path, 128 + 20 * 1500), 0);
    for (int i = 0; i < 2; i++) { /* what was made before is right; what was not is an error */
        fr_tensor *const *batch = fr_loader_next(l);

        if (!batch)
            assert_failed("frond: loader_next: ", _i < 2 - i ? "cut.npy: byte 30128 of" : "cut.npy: byte",
                          "has become shorter");
        else
            ck_assert(_i > i && fr_equal(batch[0], fr_slice(x, 0, 1000 * (i + 1), 1000 * (i + 2), 1)));
    }
    fr_loader_free(l);
    fr_dataset_free(d);
}
END_TEST

START_TEST(a_file_that_was_replaced_is_read_on)
{
    FR_SCOPE;
    fr_tensor *x = fr_randn(FR_SHAPE(ROWS, 5));
    const char *path = path_of("x.npy");

    ck_assert(fr_save_npy(path, x));

    fr_dataset *d = fr_open_npy(path);

    ck_assert(fr_save_npy(path, fr_zeros(FR_SHAPE(2))));
    assert_rows(d, x);
}
END_TEST

/* --- Damaged files ------------------------------------------------------------------------------------------------ */

static fr_dataset *open_any(int format, const char *path)
{
    return format == 0 ? fr_open_npy(path) : format == 1 ? fr_open_npz(path, "x") : fr_open_safetensors(path, "x");
}

/* Opens the file and runs an epoch. True unless it fails; then there is a message that names the file. */
static bool runs(int format, const char *path)
{
    fr_dataset *d = open_any(format, path);
    fr_loader *l = d ? fr_loader_over(&d, 1, &(fr_loader_options){ .batch_size = 2 }) : NULL;
    bool ok = d != NULL;

    while (l && fr_loader_next(l))
        continue;
    ok = ok && !fr_error_message();
    if (!ok) {
        const char *message = fr_error_message();

        ck_assert_msg(message && strstr(message, path), "%s: %s", test_about, message);
        fr_error_clear();
    }
    fr_loader_free(l);
    fr_dataset_free(d);
    return ok;
}

START_TEST(damaged_files_are_errors)
{
    FR_SCOPE;
    fr_tensor *x = fr_full(FR_SHAPE(3, 2), 0.25), *y = fr_ones(FR_SHAPE(2));
    const char *path = path_of(_i == 0 ? "bad.npy" : _i == 1 ? "bad.npz" : "bad.safetensors");
    unsigned char good[2048];
    size_t size;

#ifndef HAVE_LIBZIP
    if (_i == 1)
        return;
#endif

    ck_assert(_i == 0   ? fr_save_npy(path, x)
              : _i == 1 ? fr_save_npz(path, (const char *[]){ "x", "y" }, (fr_tensor *[]){ x, y }, 2)
                        : fr_save_tensors(path, (const char *[]){ "x", "y" }, (fr_tensor *[]){ x, y }, 2));
    size = read_file(path, good, sizeof good);
    ck_assert_uint_lt(size, sizeof good);
    for (size_t cut = 0; cut < size; cut++) {
        snprintf(test_about, sizeof test_about, "%zu of %zu bytes", cut, size);
        write_file(path, good, cut);
        ck_assert_msg(!runs(_i, path), "%s", test_about);
    }
    for (size_t i = 0; i < size; i++)
        for (int k = 0; k < 4; k++) {
            unsigned char bad[sizeof good];

            snprintf(test_about, sizeof test_about, "byte %zu, change %d", i, k);
            memcpy(bad, good, size);
            bad[i] = k == 0 ? 0 : k == 1 ? 255 : (unsigned char)(bad[i] ^ (k == 2 ? 1 : 16));
            write_file(path, bad, size);
            runs(_i, path);
        }
}
END_TEST

int main(void)
{
    TCase *rows = tcase_create("rows"), *files = tcase_create("files");
    int failed;

    if (!mkdtemp(folder))
        return 99;
    tcase_add_test(rows, npy_rows_of_each_dtype);
    tcase_add_test(rows, rows_of_safetensors);
#ifdef HAVE_LIBZIP
    tcase_add_test(rows, rows_of_npz);
    tcase_add_test(rows, a_packed_member_is_refused);
#endif
    tcase_add_test(rows, files_and_tensors_make_one_batch);
    tcase_add_test(rows, what_has_no_rows_in_one_piece_is_refused);
    tcase_add_loop_test(files, a_file_cut_off_while_it_is_open_is_an_error, 0, 3);
    tcase_add_test(files, a_file_that_was_replaced_is_read_on);
    tcase_add_loop_test(files, damaged_files_are_errors, 0, 3);
    tcase_set_timeout(files, 60);
    failed = run_tests("array_files", rows, files);
    for (int i = 0; i < 8; i++) {
        static const char *const names[] = { "x.npy",   "y.npy",   "x.npz",   "x.safetensors",
                                             "cut.npy", "bad.npy", "bad.npz", "bad.safetensors" };

        remove(path_of(names[i]));
    }
    remove(path_of("packed.npz"));
    rmdir(folder);
    return failed;
}
