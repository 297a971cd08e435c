/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* NumPy's files: reading files that NumPy wrote, writing what it would have written, and files that break a rule. */
#include <config.h>

#include "mutations.h"

#include "files/npy.h"

#ifdef HAVE_LIBZIP
#include "zipped.h"
#endif

#include <unistd.h>

static char path[] = "check_npy.XXXXXX", other_path[] = "check_npy.XXXXXX";
static fr_tensors *golden; /* the bytes of each file, as a tensor */

static void open_golden(void)
{
    close(mkstemp(path));
    close(mkstemp(other_path));
    golden = fr_load(test_file("golden/npy.safetensors"));
    ck_assert_ptr_nonnull(golden);
}

static void close_golden(void)
{
    unlink(path);
    unlink(other_path);
    strcpy(path + sizeof path - 7, "XXXXXX");
    strcpy(other_path + sizeof other_path - 7, "XXXXXX");
    fr_tensors_free(golden);
}

/* Writes the golden file with this name to path. */
static void put_golden(const char *name)
{
    const fr_tensor *t = fr_tensors_find(golden, name);
    size_t size = (size_t)fr_numel(t);
    unsigned char *bytes = malloc(size + 1);

    ck_assert_msg(t != NULL, "no %s", name);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)((const int64_t *)fr_data(t))[i];
    write_bytes(path, bytes, size);
    free(bytes);
}

static void assert_same_bytes(const char *about, const char *got_path, const char *expected_path)
{
    size_t size, expected_size;
    unsigned char *bytes = read_bytes(got_path, &size), *expected = read_bytes(expected_path, &expected_size);

    ck_assert_msg(size == expected_size, "%s: %zu bytes, expected %zu", about, size, expected_size);
    ck_assert_msg(memcmp(bytes, expected, size) == 0, "%s: other bytes", about);
    free(bytes);
    free(expected);
}

/* Calls test for each golden file whose name begins with kind, with the rest of the name. Asserts that there are such
 * files. */
static void each_golden(const char *kind, void (*test)(const char *name))
{
    int n = 0;

    for (int i = 0; i < fr_tensors_count(golden); i++) {
        const char *name = fr_tensors_name(golden, i);

        if (strncmp(name, kind, strlen(kind)) == 0) {
            put_golden(name);
            test(name + strlen(kind));
            n++;
        }
    }
    ck_assert_int_gt(n, 0);
}

/* --- One array --------------------------------------------------------------------------------------------------- */

/* As in make_npy.py. */
static fr_tensor *make(const char *name)
{
    fr_tensor *many = fr_reshape(fr_arange(0, 24, 1, FR_F64), FR_SHAPE(2, 3, 4));

    if (strcmp(name, "matrix") == 0)
        return fr_tensor_from(FR_SHAPE(2, 3), (float[]){ 0, 0.25f, 0.5f, 0.75f, 1, 1.25f }, FR_F32);
    if (strcmp(name, "scalar") == 0)
        return fr_tensor_from(FR_SHAPE(), (double[]){ -1.5 }, FR_F64);
    if (strcmp(name, "vector") == 0)
        return fr_tensor_from(FR_SHAPE(3), (int64_t[]){ INT64_MIN, -1, INT64_MAX }, FR_I64);
    if (strcmp(name, "transposed") == 0)
        return fr_permute(many, (int[]){ 2, 1, 0 });
    if (strcmp(name, "permuted") == 0)
        return fr_permute(many, (int[]){ 1, 0, 2 });
    if (strcmp(name, "none") == 0)
        return fr_zeros(FR_SHAPE(123456789, 0));
    return fr_ones(FR_SHAPE(1, 1, 1, 2, 1, 1, 1, 1));
}

static void write_and_read(const char *name)
{
    FR_SCOPE;
    fr_tensor *t = make(name), *read = fr_load_npy(path);

    ck_assert_msg(fr_equal(read, t) && fr_is_contiguous(read), "%s: %s", name, fr_error_message());
    ck_assert(fr_save_npy(other_path, t));
    assert_same_bytes(name, other_path, path);
}

START_TEST(writes_what_numpy_writes)
{
    each_golden("write.", write_and_read);
}
END_TEST

static void read_dtype(const char *name)
{
    FR_SCOPE;
    fr_dtype dtype = name[1] != 'f' ? FR_I64 : name[2] == '8' ? FR_F64 : FR_F32;
    fr_tensor *t = fr_load_npy(path), *expected = fr_reshape(fr_arange(0, 6, 1, dtype), FR_SHAPE(2, 3));

    if (name[1] == 'b')
        expected = fr_tensor_from(FR_SHAPE(2, 3), (int64_t[]){ 0, 1, 0, 1, 0, 1 }, FR_I64);
    ck_assert_msg(t != NULL, "%s: %s", name, fr_error_message());
    assert_close(name, t, expected, 0, 0);
    ck_assert(fr_is_contiguous(t));
}

START_TEST(reads_all_dtypes_and_orders)
{
    each_golden("read.", read_dtype);
}
END_TEST

static void refuse(const char *name)
{
    FR_SCOPE;

    ck_assert_msg(!fr_load_npy(path), "%s", name);
    assert_failed("load_npy: ", path, name, "check_npy.c");
}

START_TEST(refuses_by_name)
{
    each_golden("refused.", refuse);
}
END_TEST

/* --- Headers ----------------------------------------------------------------------------------------------------- */

#define DICT(descr, order, shape) "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }"

static void write_with_header(int version, const char *header, size_t length, size_t data)
{
    unsigned char bytes[1024] = FR_NPY_MAGIC;
    size_t prefix = version == 1 ? 10 : 12;

    bytes[6] = (unsigned char)version;
    for (size_t i = 8; i < prefix; i++)
        bytes[i] = (unsigned char)(length >> 8 * (i - 8));
    memcpy(bytes + prefix, header, strlen(header));
    write_bytes(path, bytes, prefix + strlen(header) + data);
}

/* A header, the number of bytes after it, and what the message must contain. */
static const struct {
    const char *header;
    size_t data;
    const char *pieces[3]; /* the last is NULL */
} bad[] = {
    { "", 0, { "byte 0: expected {" } },
    { "['descr']", 0, { "byte 0: expected {" } },
    { "{", 0, { "byte 1: expected a string" } },
    { "{}", 0, { "'descr' is missing" } },
    { "{'descr': '<f4', 'fortran_order': False}", 0, { "'shape' is missing" } },
    { "{'descr': '<f4', 'shape': ()}", 4, { "'fortran_order' is missing" } },
    { "{'descr': '<f4', 'descr': '<f4'}", 0, { "'descr' is there twice" } },
    { "{'descr': '<f4', 'more': 3}", 0, { "'more' is not expected" } },
    { "{'descr' '<f4'}", 0, { "expected :" } },
    { "{'descr': '<f4' 'shape': ()}", 0, { "expected , or }" } },
    { "{,}", 0, { "byte 1: expected a string" } },
    { "{'descr': '<f4',, 'shape': ()}", 0, { "expected a string" } },
    { "{'descr", 0, { "byte 7: expected the end of a plain string" } },
    { "{'des\\x63r': '<f4'}", 0, { "byte 5: expected the end of a plain string" } },
    { "{u'descr': '<f4'}", 0, { "byte 1: expected a string" } },
    { DICT("'<f4'", "False", "()") " x", 4, { "expected its end" } },
    { DICT("'<f4'", "false", "()"), 4, { "expected True or False" } },
    { DICT("'<f4'", "0", "()"), 4, { "expected True or False" } },
    { "{'fortran_order': Tr", 0, { "expected True or False" } },
    { DICT("4", "False", "()"), 4, { "expected a string" } },
    { DICT("[('a', '<f4')]", "False", "()"), 4, { "structures" } },
    { DICT("''", "False", "()"), 4, { "'' is not a dtype" } },
    { DICT("'f4'", "False", "()"), 4, { "'f4' is not a dtype" } },
    { DICT("'=q9'", "False", "()"), 4, { "'=q9' is not a dtype" } },
    { DICT("'<q9'", "False", "()"), 4, { "'<q9' is not a dtype" } },
    { DICT("'|f4'", "False", "()"), 4, { "'|f4' does not say its byte order" } },
    { DICT("'<f4'", "False", "1"), 4, { "expected a tuple" } },
    { DICT("'<f4'", "False", "(1)"), 4, { "expected a tuple" } },
    { DICT("'<f4'", "False", "(,)"), 4, { "expected a number" } },
    { DICT("'<f4'", "False", "(1,,1)"), 4, { "expected a number" } },
    { DICT("'<f4'", "False", "(1 1)"), 4, { "expected , or )" } },
    { DICT("'<f4'", "False", "(-1,)"), 4, { "expected a number" } },
    { DICT("'<f4'", "False", "(01,)"), 4, { "expected a number" } },
    { DICT("'<f4'", "False", "(1.0,)"), 4, { "expected , or )" } },
    { DICT("'<f4'", "False", "(9223372036854775808,)"), 4, { "below 2^63" } },
    { DICT("'<f4'", "False", "(4294967296,4294967296)"), 0, { "too large" } },
    { DICT("'|u1'", "False", "(2305843009213693952,)"), 0, { "too large" } },
    { DICT("'<f4'", "False", "(1,1,1,1,1,1,1,1,1)"), 4, { "more than 8 dimensions" } },
    { DICT("'<f4'", "False", "(2,)"), 4, { "4 bytes of values, expected 8", "(2,)" } },
    { DICT("'<f2'", "False", "(2,)"), 5, { "5 bytes of values, expected 4 for f2" } },
    { DICT("'<f4'", "False", "()"), 0, { "0 bytes of values, expected 4" } },
};

START_TEST(refuses_bad_headers)
{
    FR_SCOPE;

    write_with_header(1, bad[_i].header, strlen(bad[_i].header), bad[_i].data);
    ck_assert_msg(!fr_load_npy(path), "%s", bad[_i].header);
    ck_assert_ptr_nonnull(strstr(fr_error_message(), path));
    assert_failed_with(bad[_i].pieces);
}
END_TEST

START_TEST(takes_headers_that_numpy_does_not_write)
{
    static const char *const odd[] = { "{\"shape\":(2,3,),\"fortran_order\":False,\"descr\":\"<f4\"}",
                                       " { 'descr' :\n'<f4','fortran_order':\tFalse , 'shape':( 2L , 3 ) } \n",
                                       DICT("'<f4'", "False", "(2, 3L)") };
    FR_SCOPE;

    for (int i = 0; i < 3; i++) {
        write_with_header(1 + (i == 1), odd[i], strlen(odd[i]), 24);
        ck_assert_msg(fr_equal(fr_load_npy(path), fr_zeros(FR_SHAPE(2, 3))), "%s: %s", odd[i], fr_error_message());
    }
    write_with_header(3, odd[2], strlen(odd[2]), 24); /* Python 2's NumPy wrote no version 3 */
    ck_assert_ptr_null(fr_load_npy(path));
    assert_failed("expected , or )");
}
END_TEST

START_TEST(refuses_bad_prefixes)
{
    FR_SCOPE;
    const char *header = DICT("'<f4'", "False", "()");

    write_with_header(4, header, strlen(header), 4);
    ck_assert_ptr_null(fr_load_npy(path));
    assert_failed(path, "npy format 4.0, expected 1.0, 2.0 or 3.0");
    write_with_header(1, header, strlen(header) + 5, 4);
    ck_assert_ptr_null(fr_load_npy(path));
    assert_failed(path, "a header of 60 bytes, expected at most 59");
    write_with_header(2, header, UINT32_MAX, 4);
    ck_assert_ptr_null(fr_load_npy(path));
    assert_failed(path, "a header of 4294967295 bytes");
    write_bytes(path, "PK\3\4        ", 12);
    ck_assert_ptr_null(fr_load_npy(path));
    assert_failed(path, "a zip archive, as npz files are");
    ck_assert_ptr_null(fr_load_npy("no-such-file.npy"));
    assert_failed("load_npy", "no-such-file.npy", "No such file", "check_npy.c");
    ck_assert_ptr_null(fr_load_npy(NULL));
    assert_failed("load_npy", "path is NULL");
}
END_TEST

START_TEST(refuses_cut_files)
{
    size_t size;
    unsigned char *bytes;
    FR_SCOPE;

    put_golden("read.>f8.3");
    bytes = read_bytes(path, &size);
    for (size_t cut = 0; cut < size; cut++) {
        write_bytes(path, bytes, cut);
        ck_assert_msg(!fr_load_npy(path), "%zu bytes of %zu", cut, size);
        assert_failed("load_npy", path);
    }
    free(bytes);
}
END_TEST

START_TEST(refuses_to_save)
{
    FR_SCOPE;
    fr_tensor *x = fr_ones(FR_SHAPE(2));

    ck_assert(!fr_save_npy("no/such/folder", x));
    assert_failed("save_npy", "no/such/folder", "No such file", "check_npy.c");
    ck_assert(!fr_save_npy(path, NULL));
    assert_failed("save_npy", path, "tensor is NULL");
    ck_assert(!fr_save_npy(NULL, x));
    assert_failed("save_npy", "path is NULL");
    ck_assert(!fr_save_npy("/dev/null", x));
    assert_failed("not a regular file");
}
END_TEST

START_TEST(is_held_by_the_scope)
{
    put_golden("write.matrix");
    ck_assert_ptr_null(fr_load_npy(path));
    assert_failed("load_npy", "scope");
}
END_TEST

static bool read_mutated(FILE *file)
{
    fr_byte_stream s;
    fr_tensor *t = fr_byte_stream_from_file(&s, "load_npy: changed", file) ? fr_npy_read(&s, INT64_MAX, NULL) : NULL;
    bool ok = t != NULL;

    for (int64_t i = 0; i < fr_numel(t); i++)
        fr_at(t, i);
    fr_unref(t);
    return ok;
}

START_TEST(survives_mutations)
{
    put_golden("read.>f8.F");
    read_mutations(path, read_mutated);
}
END_TEST

/* --- Archives ---------------------------------------------------------------------------------------------------- */

#ifdef HAVE_LIBZIP

enum { MEMBERS = 5 };
static const char *const member_names[MEMBERS] = { "x", "layer.0/weight", "\u00e9", "zeros", "x.npy" };

/* As in make_npy.py. */
static void make_members(fr_tensor *t[MEMBERS], int64_t zeros)
{
    t[0] = fr_reshape(fr_arange(0, 6, 1, FR_F32), FR_SHAPE(2, 3));
    t[1] = fr_transpose(fr_cast(t[0], FR_F64), 0, 1);
    t[2] = fr_arange(1, 4, 1, FR_I64);
    t[3] = fr_zeros(FR_SHAPE(zeros, zeros));
    t[4] = fr_tensor_from(FR_SHAPE(), (double[]){ 7 }, FR_F64);
}

static void assert_members(int64_t zeros)
{
    FR_SCOPE;
    fr_tensor *expected[MEMBERS];
    fr_tensors *ts = fr_load_npz(path);

    make_members(expected, zeros);
    ck_assert_msg(fr_tensors_count(ts) == MEMBERS, "%s", fr_error_message());
    for (int i = 0; i < MEMBERS; i++) {
        ck_assert_str_eq(fr_tensors_name(ts, i), member_names[i]);
        ck_assert_msg(fr_equal(fr_tensors_find(ts, member_names[i]), expected[i]), "%s", member_names[i]);
    }
    fr_tensors_free(ts);
}

START_TEST(reads_archives)
{
    put_golden("npz.stored");
    assert_members(2);
    put_golden("npz.deflated");
    assert_members(100);
    put_golden("npz.empty");

    fr_tensors *ts = fr_load_npz(path);

    ck_assert_int_eq(fr_tensors_count(ts), 0);
    fr_tensors_free(ts);
}
END_TEST

START_TEST(writes_archives)
{
    FR_SCOPE;
    fr_tensor *t[MEMBERS];

    make_members(t, 50);
    ck_assert(fr_save_npz(path, member_names, t, MEMBERS));
    assert_members(50);
    ck_assert(fr_save_npz(other_path, member_names, t, MEMBERS));
    assert_same_bytes("twice the same", other_path, path);
    put_golden("npz.empty");
    ck_assert(fr_save_npz(other_path, NULL, NULL, 0));
    assert_same_bytes("without members", other_path, path);
}
END_TEST

START_TEST(refuses_to_save_archives)
{
    FR_SCOPE;
    fr_tensor *x = fr_ones(FR_SHAPE(2)), *two[] = { x, x };

    put_golden("npz.empty");
    ck_assert(!fr_save_npz(path, (const char *[]){ "same", "same" }, two, 2));
    assert_failed("save_npz", path, "\"same.npy\"", "exists");
    ck_assert(!fr_save_npz(path, (const char *[]){ "a", "\xff" }, two, 2));
    assert_failed(path, "save_npz");
    ck_assert(!fr_save_npz(path, (const char *[]){ "a", "/a" }, two, 2));
    assert_failed(path, "\"/a\" begins with /");
    ck_assert(!fr_save_npz(path, (const char *[]){ "a", "b/.." }, two, 2));
    assert_failed(path, "\"b/..\" leads out");
    ck_assert(!fr_save_npz(path, (const char *[]){ "a", NULL }, two, 2));
    assert_failed(path, "name 1 is NULL");
    ck_assert(!fr_save_npz(path, (const char *[]){ "a", "b" }, (fr_tensor *[]){ x, NULL }, 2));
    assert_failed(path, "\"b\" is NULL");
    ck_assert(!fr_save_npz(path, NULL, two, 2));
    assert_failed("names is NULL");
    ck_assert(!fr_save_npz(path, NULL, NULL, -1));
    assert_failed("-1 tensors");
    ck_assert(!fr_save_npz("no/such/folder", (const char *[]){ "a", "b" }, two, 2));
    assert_failed("no/such/folder", "No such file", "check_npy.c");
    /* The old file has not changed. */
    ck_assert(fr_save_npz(other_path, NULL, NULL, 0));
    assert_same_bytes("after failures", path, other_path);
    ck_assert(fr_save_npz(path, (const char *[]){ "..a", "b..c" }, two, 2));
}
END_TEST

static void refuse_archive(const char *name)
{
    ck_assert_msg(!fr_load_npz(path), "%s", name);
    assert_failed("load_npz: ", path, name, "check_npy.c");
}

/* As numpy.savez(path, ids=["ab"], x=1) does. */
static char warned[512];

static void keep_warning(const char *message, void *user)
{
    (void)user;
    snprintf(warned, sizeof warned, "%s", message);
}

START_TEST(leaves_out_texts_in_archives)
{
    put_golden("npz.texts");
    fr_set_warning_handler(keep_warning, NULL);

    fr_tensors *ts = fr_load_npz(path);

    fr_set_warning_handler(NULL, NULL);
    ck_assert_int_eq(fr_tensors_count(ts), 1);
    ck_assert_double_eq(fr_item(fr_tensors_find(ts, "x")), 1);
    ck_assert_msg(strstr(warned, "\"ids.npy\"") && strstr(warned, "'<U2' (strings)"), "%s", warned);
    fr_tensors_free(ts);
}
END_TEST

/* What was left out leaves nothing to the member behind it: here that one has no name yet when it fails. */
START_TEST(refuses_a_member_behind_one_that_is_left_out)
{
    size_t size;
    unsigned char *bytes;

    put_golden("npz.texts");
    bytes = read_bytes(path, &size);
    for (size_t i = 0; i + 5 <= size; i++)
        if (memcmp(bytes + i, "x.npy", 5) == 0)
            bytes[i + 4] = 'z';
    write_bytes(path, bytes, size);
    free(bytes);
    fr_set_warning_handler(keep_warning, NULL);
    ck_assert_ptr_null(fr_load_npz(path));
    fr_set_warning_handler(NULL, NULL);
    assert_failed("load_npz: ", path, "\"x.npz\": is not an npy file");
}
END_TEST

START_TEST(refuses_bad_archives)
{
    each_golden("bad.", refuse_archive);
    ck_assert_ptr_null(fr_load_npz("no-such-file.npz"));
    assert_failed("load_npz", "no-such-file.npz", "No such file", "check_npy.c");
    ck_assert_ptr_null(fr_load_npz(NULL));
    assert_failed("load_npz", "path is NULL");
}
END_TEST

START_TEST(refuses_cut_archives)
{
    size_t size;
    unsigned char *bytes;

    put_golden("npz.stored");
    bytes = read_bytes(path, &size);
    for (size_t cut = 0; cut < size; cut++) {
        write_bytes(path, bytes, cut);
        ck_assert_msg(!fr_load_npz(path), "%zu bytes of %zu", cut, size);
        assert_failed("load_npz", path);
    }
    free(bytes);
}
END_TEST

static bool read_mutated_archive(FILE *file)
{
    fr_tensors *ts = read_zipped(file);
    bool ok = ts != NULL;

    for (int i = 0; i < fr_tensors_count(ts); i++)
        for (int64_t j = 0; j < fr_numel(fr_tensors_at(ts, i)); j++)
            fr_at(fr_tensors_at(ts, i), j);
    fr_tensors_free(ts);
    return ok;
}

START_TEST(survives_mutated_archives)
{
    put_golden("npz.deflated");
    fr_set_warning_handler(keep_warning, NULL); /* a changed dtype is left out */
    read_mutations(path, read_mutated_archive);
    fr_set_warning_handler(NULL, NULL);
}
END_TEST

#else

START_TEST(says_that_libzip_is_missing)
{
    ck_assert_ptr_null(fr_load_npz("x.npz"));
    assert_failed("load_npz", "x.npz", "libzip", "check_npy.c");
    ck_assert(!fr_save_npz("x.npz", NULL, NULL, 0));
    assert_failed("save_npz", "x.npz", "libzip", "check_npy.c");
}
END_TEST

#endif

int main(void)
{
    TCase *arrays = tcase_create("arrays"), *archives = tcase_create("archives");

    tcase_add_checked_fixture(arrays, open_golden, close_golden);
    tcase_add_checked_fixture(archives, open_golden, close_golden);
    tcase_add_test(arrays, writes_what_numpy_writes);
    tcase_add_test(arrays, reads_all_dtypes_and_orders);
    tcase_add_test(arrays, refuses_by_name);
    tcase_add_loop_test(arrays, refuses_bad_headers, 0, sizeof bad / sizeof *bad);
    tcase_add_test(arrays, takes_headers_that_numpy_does_not_write);
    tcase_add_test(arrays, refuses_bad_prefixes);
    tcase_add_test(arrays, refuses_cut_files);
    tcase_add_test(arrays, refuses_to_save);
    tcase_add_test(arrays, is_held_by_the_scope);
    tcase_add_test(arrays, survives_mutations);
#ifdef HAVE_LIBZIP
    tcase_add_test(archives, reads_archives);
    tcase_add_test(archives, writes_archives);
    tcase_add_test(archives, refuses_to_save_archives);
    tcase_add_test(archives, leaves_out_texts_in_archives);
    tcase_add_test(archives, refuses_a_member_behind_one_that_is_left_out);
    tcase_add_test(archives, refuses_bad_archives);
    tcase_add_test(archives, refuses_cut_archives);
    tcase_add_test(archives, survives_mutated_archives);
#else
    tcase_add_test(archives, says_that_libzip_is_missing);
#endif
    return run_tests("npy", arrays, archives);
}
