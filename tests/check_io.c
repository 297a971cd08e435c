/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Safetensors files: reading files that Python wrote, writing what Python would have written, and files that break a
 * rule. */
#include "mutations.h"

#include "core/tensor.h"
#include "files/safetensors.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];

static void make_folder(void)
{
    strcpy(folder, "check_io.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

/* Returns the number of files in the folder. */
static int count_files(void)
{
    DIR *dir = opendir(folder);
    int n = -2; /* without . and .. */

    ck_assert_ptr_nonnull(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static const char *in_folder(const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void remove_folder(void)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;

    ck_assert_ptr_nonnull(dir);
    while ((entry = readdir(dir)))
        unlink(in_folder(entry->d_name));
    closedir(dir);
    ck_assert_int_eq(rmdir(folder), 0);
}

/* --- Good files -------------------------------------------------------------------------------------------------- */

#define TENSOR(dtype, shape, offsets) "\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets
#define GOLDEN(name)                  test_file("golden/safetensors/" name ".safetensors")

enum { ALL = 7 };
static const char *const all_names[ALL] = { "matrix",
                                            "scalar",
                                            "integers",
                                            "special",
                                            "none",
                                            "none too",
                                            "a \"name\" \\ of\n\tmany / kinds: \u00e9 \u6f22 \x7f" };

/* Makes the tensors that make_safetensors.py writes to all.safetensors. */
static void make_all(fr_tensor *t[ALL])
{
    t[0] = fr_tensor_from(FR_SHAPE(2, 3), (float[]){ 0, 0.25f, 0.5f, 0.75f, 1, 1.25f }, FR_F32);
    t[1] = fr_tensor_from(FR_SHAPE(), (double[]){ -1.5 }, FR_F64);
    t[2] = fr_tensor_from(FR_SHAPE(3), (int64_t[]){ INT64_MIN, -1, INT64_MAX }, FR_I64);
    t[3] = fr_tensor_from(FR_SHAPE(4), (double[]){ INFINITY, -INFINITY, -0.0, 1e-310 }, FR_F64);
    t[4] = fr_zeros(FR_SHAPE(2, 0, 3));
    t[5] = fr_zeros(FR_SHAPE(0));
    t[6] = fr_ones(FR_SHAPE(1, 1, 1, 1, 1, 1, 1, 1));
}

START_TEST(loads_what_python_wrote)
{
    FR_SCOPE;
    fr_tensor *expected[ALL];
    fr_tensors *ts = fr_load(GOLDEN("all"));

    make_all(expected);
    ck_assert_int_eq(fr_tensors_count(ts), ALL);
    for (int i = 0; i < ALL; i++)
        ck_assert_msg(fr_equal(fr_tensors_find(ts, all_names[i]), expected[i]), "%s", all_names[i]);
    ck_assert(signbit(fr_at(fr_tensors_find(ts, "special"), 2)));
    /* Values are in the file by dtype (int64, float64, float32), then by name. */
    ck_assert_str_eq(fr_tensors_name(ts, 0), "integers");
    ck_assert_str_eq(fr_tensors_name(ts, 1), "scalar");
    ck_assert_str_eq(fr_tensors_name(ts, 2), "special");
    ck_assert_str_eq(fr_tensors_name(ts, 3), all_names[6]);
    ck_assert_str_eq(fr_tensors_name(ts, 6), "none too");
    ck_assert_ptr_eq(fr_tensors_at(ts, 1), fr_tensors_find(ts, "scalar"));
    fr_tensors_free(ts);
}
END_TEST

/* Asserts that the values are equal: NaN equals NaN, and zeros have the same sign. */
static void assert_same_values(const char *name, const fr_tensor *got, const fr_tensor *expected)
{
    assert_close(name, got, expected, 0, 0);
    for (int64_t i = 0; i < fr_numel(got); i++)
        ck_assert_msg(!signbit(fr_at(got, i)) == !signbit(fr_at(expected, i)), "%s: sign of value %d", name, (int)i);
}

START_TEST(converts_other_dtypes)
{
    static const struct {
        const char *name;
        int64_t least, most;
    } integers[] = { { "int8", -128, 127 },     { "int16", -32768, 32767 },  { "int32", INT32_MIN, INT32_MAX },
                     { "uint8", 0, UINT8_MAX }, { "uint16", 0, UINT16_MAX }, { "uint32", 0, UINT32_MAX },
                     { "uint64", 0, INT64_MAX } };
    FR_SCOPE;
    fr_tensors *ts = fr_load(GOLDEN("kinds")), *halves = fr_load(GOLDEN("halves"));

    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
        int64_t values[] = { integers[i].least, 7, integers[i].most };

        ck_assert_msg(fr_equal(fr_tensors_find(ts, integers[i].name), fr_tensor_from(FR_SHAPE(3), values, FR_I64)),
                      "%s", integers[i].name);
    }
    ck_assert(fr_equal(fr_tensors_find(ts, "bool"), fr_cast(fr_eye(2), FR_I64)));
    assert_same_values("f16", fr_tensors_find(ts, "f16"), fr_tensors_find(halves, "float"));
    assert_same_values("bf16", fr_tensors_find(ts, "bf16"), fr_tensors_find(halves, "bfloat"));
    fr_tensors_free(ts);
    fr_tensors_free(halves);
}
END_TEST

/* More values than one step of the conversion takes. */
START_TEST(converts_many)
{
    enum { N = 20000 };
    const char *header = "{\"a\":{" TENSOR("\"U8\"", "[20000]", "[0,20000]") "}}";
    unsigned char *bytes = calloc(1, 256 + N);
    size_t begin = 8 + strlen(header);

    bytes[0] = (unsigned char)strlen(header);
    memcpy(bytes + 8, header, strlen(header));
    for (int i = 0; i < N; i++)
        bytes[begin + (size_t)i] = (unsigned char)(i * 7);
    write_bytes(in_folder("x"), bytes, begin + N);

    fr_tensors *ts = fr_load(in_folder("x"));

    for (int i = 0; i < N; i++)
        ck_assert_double_eq(fr_at(fr_tensors_at(ts, 0), i), (unsigned char)(i * 7));
    fr_tensors_free(ts);
    free(bytes);
}
END_TEST

START_TEST(keeps_metadata_out)
{
    fr_tensors *ts = fr_load(GOLDEN("metadata"));

    ck_assert_int_eq(fr_tensors_count(ts), 1);
    ck_assert_str_eq(fr_tensors_name(ts, 0), "x");
    ck_assert_ptr_null(fr_tensors_find(ts, "__metadata__"));
    fr_tensors_free(ts);
}
END_TEST

START_TEST(lists_answer_for_any_index)
{
    fr_tensors *ts = fr_load(GOLDEN("empty"));

    ck_assert_int_eq(fr_tensors_count(ts), 0);
    ck_assert_ptr_null(fr_tensors_find(ts, "x"));
    ck_assert_ptr_null(fr_tensors_find(ts, NULL));
    ck_assert_ptr_null(fr_error_message());
    ck_assert_ptr_null(fr_tensors_at(ts, 0));
    assert_failed("tensors_at", "index 0", "0 tensors");
    ck_assert_ptr_null(fr_tensors_name(ts, -1));
    assert_failed("tensors_name", "index -1");
    fr_tensors_free(ts);
    fr_tensors_free(NULL);
    ck_assert_int_eq(fr_tensors_count(NULL), -1);
    ck_assert_ptr_null(fr_tensors_find(NULL, "x"));
    ck_assert_ptr_null(fr_error_message());
    ck_assert_ptr_null(fr_tensors_at(NULL, 0));
    assert_failed("tensors_at", "NULL");
}
END_TEST

static void assert_same_bytes(const char *path, const char *expected_path)
{
    size_t size, expected_size;
    unsigned char *bytes = read_bytes(path, &size), *expected = read_bytes(expected_path, &expected_size);

    ck_assert_uint_eq(size, expected_size);
    ck_assert_mem_eq(bytes, expected, size);
    free(bytes);
    free(expected);
}

START_TEST(writes_what_python_writes)
{
    FR_SCOPE;
    fr_tensor *t[ALL];

    make_all(t);
    ck_assert(fr_save_tensors(in_folder("x"), all_names, t, ALL));
    assert_same_bytes(in_folder("x"), GOLDEN("all"));
    ck_assert(fr_save_tensors(in_folder("x"), NULL, NULL, 0));
    assert_same_bytes(in_folder("x"), GOLDEN("empty"));
    ck_assert_int_eq(count_files(), 1);
}
END_TEST

START_TEST(writes_views_row_major)
{
    FR_SCOPE;
    const char *names[] = { "transposed", "every other", "expanded" };
    fr_tensor *x = fr_arange(0, 12, 1, FR_I64), *m = fr_reshape(x, FR_SHAPE(3, 4));
    fr_tensor *t[] = { fr_transpose(m, 0, 1), fr_slice(x, 0, 1, 12, 2), fr_expand(m, FR_SHAPE(2, 3, 4)) };

    ck_assert(fr_save_tensors(in_folder("x"), names, t, 3));

    fr_tensors *ts = fr_load(in_folder("x"));

    for (int i = 0; i < 3; i++)
        ck_assert(fr_equal(fr_tensors_find(ts, names[i]), t[i]));
    fr_tensors_free(ts);
}
END_TEST

/* --- Replacing files --------------------------------------------------------------------------------------------- */

static mode_t mode_of(const char *path)
{
    struct stat status;

    ck_assert_int_eq(stat(path, &status), 0);
    return status.st_mode & 07777;
}

static bool save_x(const char *path, fr_tensor *x)
{
    return fr_save_tensors(path, (const char *[]){ "x" }, &x, 1);
}

START_TEST(keeps_modes)
{
    FR_SCOPE;
    fr_tensor *x = fr_ones(FR_SHAPE(3));
    mode_t before = umask(027);

    ck_assert(save_x(in_folder("x"), x));
    ck_assert_int_eq(mode_of(in_folder("x")), 0640);
    ck_assert_int_eq(chmod(in_folder("x"), 0604), 0);
    ck_assert(save_x(in_folder("x"), x));
    ck_assert_int_eq(mode_of(in_folder("x")), 0604);
    umask(before);
}
END_TEST

START_TEST(writes_through_links)
{
    FR_SCOPE;
    struct stat status;

    write_bytes(in_folder("target"), "old", 3);
    ck_assert_int_eq(symlink("target", in_folder("link")), 0);
    ck_assert(save_x(in_folder("link"), fr_ones(FR_SHAPE(2))));
    ck_assert_int_eq(lstat(in_folder("link"), &status), 0);
    ck_assert(S_ISLNK(status.st_mode));

    fr_tensors *ts = fr_load(in_folder("target"));

    ck_assert_int_eq(fr_tensors_count(ts), 1);
    fr_tensors_free(ts);
    ck_assert_int_eq(count_files(), 2);
}
END_TEST

/* Files are limited to 1,000 bytes, so the write fails half way. */
START_TEST(failed_write_leaves_the_old_file)
{
    FR_SCOPE;
    struct rlimit before, small;
    fr_tensor *x = fr_ones(FR_SHAPE(10)), *large = fr_ones(FR_SHAPE(100000));
    bool ok;

    ck_assert(save_x(in_folder("x"), x));
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    small = before;
    small.rlim_cur = 1000;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    ok = save_x(in_folder("x"), large);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    ck_assert(!ok);
    assert_failed("save_tensors", in_folder("x"), "cannot write: ");
    ck_assert_int_eq(count_files(), 1);

    fr_tensors *ts = fr_load(in_folder("x"));

    ck_assert(fr_equal(fr_tensors_at(ts, 0), x));
    fr_tensors_free(ts);
}
END_TEST

START_TEST(refuses_to_save)
{
    FR_SCOPE;
    fr_tensor *x = fr_ones(FR_SHAPE(2)), *two[] = { x, fr_cast(x, FR_F64) }, *with_null[] = { x, NULL };
    const char *path = in_folder("x"), *names[] = { "a", "b" };

    ck_assert(!fr_save_tensors(path, (const char *[]){ "same", "same" }, two, 2));
    assert_failed("save_tensors", path, "\"same\"", "twice");
    ck_assert(!fr_save_tensors(path, (const char *[]){ "a", "__metadata__" }, two, 2));
    assert_failed(path, "__metadata__");
    ck_assert(!fr_save_tensors(path, (const char *[]){ "a", "\xff" }, two, 2));
    assert_failed(path, "UTF-8");
    ck_assert(!fr_save_tensors(path, (const char *[]){ "a", NULL }, two, 2));
    assert_failed(path, "name 1 is NULL");
    ck_assert(!fr_save_tensors(path, names, with_null, 2));
    assert_failed(path, "\"b\" is NULL");
    ck_assert(!fr_save_tensors(path, NULL, two, 2));
    assert_failed("names is NULL");
    ck_assert(!fr_save_tensors(path, names, two, -1));
    assert_failed("-1 tensors");
    ck_assert(!fr_save_tensors(NULL, names, two, 2));
    assert_failed("save_tensors", "path is NULL");
    ck_assert(!fr_save_tensors(folder, names, two, 2));
    assert_failed(folder, "not a regular file");
    ck_assert(!fr_save_tensors("/dev/null", names, two, 2));
    assert_failed("/dev/null", "not a regular file");
    ck_assert(!fr_save_tensors(in_folder("no/such"), names, two, 2));
    assert_failed(in_folder("no/such"), "No such file");
    ck_assert_int_eq(count_files(), 0);
}
END_TEST

/* --- Modules ----------------------------------------------------------------------------------------------------- */

/* The same model as in make_safetensors.py. */
static fr_module *make_model(void)
{
    return fr_nn_sequential(3, (fr_module *[]){ fr_nn_linear(2, 3, NULL), fr_nn_tanh(), fr_nn_linear(3, 1, NULL) });
}

START_TEST(loads_and_saves_modules_as_python)
{
    fr_module *m = make_model();
    fr_tensor *weight = fr_module_find(m, "0.weight");
    unsigned version = weight->storage->version;

    ck_assert(fr_load_into(m, GOLDEN("model")));
    ck_assert_uint_gt(weight->storage->version, version);
    for (int i = 0; i < 6; i++)
        ck_assert_double_eq(fr_at(weight, i), i);
    ck_assert_double_eq(fr_at(fr_module_find(m, "0.bias"), 2), -3);
    ck_assert_double_eq(fr_at(fr_module_find(m, "2.weight"), 1), 8);
    ck_assert_double_eq(fr_at(fr_module_find(m, "2.bias"), 0), 0.5);
    ck_assert(fr_save(m, in_folder("model")));
    assert_same_bytes(in_folder("model"), GOLDEN("model"));
    fr_module_free(m);
}
END_TEST

START_TEST(backward_notices_loaded_values)
{
    FR_SCOPE;
    fr_module *m = make_model();
    fr_tensor *loss = fr_sum(fr_forward(m, fr_ones(FR_SHAPE(4, 2))));

    ck_assert(fr_load_into(m, GOLDEN("model")));
    ck_assert(!fr_backward(loss));
    assert_failed("changed");
    fr_module_free(m);
}
END_TEST

/* The same module as in make_safetensors.py: b and a hold one parameter, n is a buffer of another dtype. The caller
 * frees it. */
static fr_module *make_tied(fr_tensor *shared, fr_tensor *buffer)
{
    fr_module *m = fr_module_new("Tied", 0, NULL);
    fr_module *b = fr_module_add(m, "b", fr_module_new("B", 0, NULL));
    fr_module *a = fr_module_add(m, "a", fr_module_new("A", 0, NULL));

    fr_module_param(b, "w", shared);
    fr_module_param(a, "w", shared);
    fr_module_buffer(m, "n", buffer);
    return m;
}

START_TEST(saves_a_shared_parameter_once)
{
    FR_SCOPE;
    fr_module *m = make_tied(fr_zeros(FR_SHAPE(2, 2)), fr_arange(5, 8, 1, FR_I64));

    ck_assert(fr_load_into(m, GOLDEN("tied")));
    for (int i = 0; i < 4; i++)
        ck_assert_double_eq(fr_at(fr_module_find(m, "b.w"), i), i);
    ck_assert(fr_equal(fr_module_find(m, "n"), fr_arange(0, 3, 1, FR_I64)));
    ck_assert(fr_save(m, in_folder("x")));
    assert_same_bytes(in_folder("x"), GOLDEN("tied"));
    fr_module_free(m);
}
END_TEST

/* A file may hold the parameter under one of its names, or under both with equal values. */
START_TEST(loads_a_shared_parameter_by_any_name)
{
    FR_SCOPE;
    fr_module *m = make_tied(fr_zeros(FR_SHAPE(2, 2)), fr_arange(0, 3, 1, FR_I64));
    fr_tensor *w = fr_module_find(m, "a.w"), *n = fr_arange(0, 3, 1, FR_I64);
    const char *names[] = { "n", "b.w", "a.w" };

    ck_assert(fr_save_tensors(in_folder("x"), names, (fr_tensor *[]){ n, fr_full(FR_SHAPE(2, 2), 7) }, 2));
    ck_assert(fr_load_into(m, in_folder("x")));
    ck_assert_double_eq(fr_at(w, 3), 7);

    fr_tensor *nan = fr_full(FR_SHAPE(2, 2), NAN);

    ck_assert(fr_save_tensors(in_folder("x"), names, (fr_tensor *[]){ n, nan, nan }, 3));
    ck_assert(fr_load_into(m, in_folder("x")));
    ck_assert(isnan(fr_at(w, 3)));
    ck_assert(fr_save_tensors(in_folder("x"), names, (fr_tensor *[]){ n, nan, fr_zeros(FR_SHAPE(2, 2)) }, 3));
    ck_assert(!fr_load_into(m, in_folder("x")));
    assert_failed("load_into", "\"b.w\" and \"a.w\" differ", "one tensor in the module");
    ck_assert(fr_save_tensors(in_folder("x"), names, (fr_tensor *[]){ n }, 1));
    ck_assert(!fr_load_into(m, in_folder("x")));
    assert_failed("load_into", "\"b.w\" is missing", "\"a.w\" is missing");
    ck_assert(isnan(fr_at(w, 3)));
    fr_module_free(m);
}
END_TEST

/* Saves these tensors and asserts that loading them into a model fails, with these texts in the message, and does not
 * change the model. */
static void assert_not_loaded(const char *const *names, fr_tensor *const *tensors, int n, const char *const *pieces)
{
    fr_module *m = make_model();

    ck_assert(fr_save_tensors(in_folder("x"), names, tensors, n));
    ck_assert(fr_save(m, in_folder("before")));
    ck_assert(!fr_load_into(m, in_folder("x")));
    ck_assert_ptr_nonnull(strstr(fr_error_message(), in_folder("x")));
    assert_failed_with(pieces);
    ck_assert(fr_save(m, in_folder("after")));

    char before[512];

    strcpy(before, in_folder("before"));
    assert_same_bytes(in_folder("after"), before);
    fr_module_free(m);
}

START_TEST(loads_all_or_nothing)
{
    FR_SCOPE;
    const char *names[] = { "0.weight", "0.bias", "2.weight", "extra" };
    fr_tensor *t[] = { fr_ones(FR_SHAPE(2, 3)), fr_ones(FR_SHAPE(3)), fr_cast(fr_ones(FR_SHAPE(1, 3)), FR_F64),
                       fr_ones(FR_SHAPE(1)) };

    assert_not_loaded(names, t, 4,
                      (const char *[]){ "load_into", "\"0.weight\" is float32 (2, 3), expected float32 (3, 2)",
                                        "\"2.weight\" is float64 (1, 3), expected float32 (1, 3)",
                                        "\"2.bias\" is missing", "\"extra\" is not in the module", NULL });
}
END_TEST

START_TEST(counts_what_a_message_cannot_hold)
{
    enum { N = 100 };
    FR_SCOPE;
    char texts[N][40];
    const char *names[N];
    fr_tensor *t[N];

    for (int i = 0; i < N; i++) {
        snprintf(texts[i], sizeof texts[i], "extra parameter %02d", i);
        names[i] = texts[i];
        t[i] = fr_zeros(FR_SHAPE());
    }
    assert_not_loaded(names, t, N,
                      (const char *[]){ "\"0.weight\" is missing", "\"2.bias\" is missing", "\"extra parameter 00\"",
                                        "more   [", NULL });
}
END_TEST

/* The message shows some of each kind of disagreement, even if there are many of another kind. */
START_TEST(shows_some_of_each_kind)
{
    enum { N = 40 };
    FR_SCOPE;
    fr_module *m = fr_module_new("Many", 0, NULL);
    char texts[N][64];
    const char *names[N];
    fr_tensor *t[N], *small = fr_zeros(FR_SHAPE(1));

    for (int i = 0; i < N; i++) {
        snprintf(texts[i], sizeof texts[i], "a_rather_long_name_of_a_parameter_of_a_module_%02d", i);
        fr_module_param(m, texts[i], fr_zeros(FR_SHAPE(2)));
        names[i] = i < 20 ? texts[i] : texts[i] + 2;
        t[i] = small;
    }
    ck_assert(fr_save_tensors(in_folder("x"), names, t, N));
    ck_assert(!fr_load_into(m, in_folder("x")));
    assert_failed("load_into", "module_00\" is float32 (1,), expected float32 (2,)", "module_20\" is missing",
                  "\"rather_long_name_of_a_parameter_of_a_module_20\" is not in the module", "; and 5");
    fr_module_free(m);
}
END_TEST

static void note_name(const char *name, fr_name_status status, void *user)
{
    strcat(strcat(strcat((char *)user, (const char *[]){ "-", "+", "!" }[status]), name), " ");
}

START_TEST(loads_a_part)
{
    FR_SCOPE;
    fr_module *m = make_model();
    fr_tensor *t[] = { fr_full(FR_SHAPE(3, 2), 7), fr_ones(FR_SHAPE(2)), fr_ones(FR_SHAPE(5)) };
    fr_tensor *weight = fr_module_find(m, "0.weight"), *bias = fr_clone(fr_module_find(m, "2.bias"));
    char told[256] = "";
    fr_load_options options = { .partial = true, .on_name = note_name, .user = told };

    ck_assert(fr_save_tensors(in_folder("x"), (const char *[]){ "0.weight", "extra", "0.bias" }, t, 2));
    ck_assert(fr_load_into_with(m, in_folder("x"), &options));
    ck_assert(fr_equal(weight, t[0]));
    ck_assert(fr_equal(fr_module_find(m, "2.bias"), bias));
    ck_assert_str_eq(told, "-0.bias -2.weight -2.bias +extra ");

    told[0] = '\0';
    t[0] = fr_ones(FR_SHAPE(3, 2));
    ck_assert(fr_save_tensors(in_folder("x"), (const char *[]){ "0.weight", "extra", "0.bias" }, t, 3));
    ck_assert(!fr_load_into_with(m, in_folder("x"), &options));
    assert_failed("load_into_with", in_folder("x"), "\"0.bias\" is float32 (5,), expected float32 (3,)   [");
    ck_assert_str_eq(told, "!0.bias -2.weight -2.bias +extra ");
    ck_assert_double_eq(fr_at(weight, 0), 7);
    options.partial = false;
    ck_assert(!fr_load_into_with(m, in_folder("x"), &options));
    assert_failed("\"0.bias\" is float32", "\"2.bias\" is missing", "\"extra\" is not in the module");
    ck_assert(!fr_load_into_with(m, in_folder("x"), NULL));
    assert_failed("load_into_with", "\"2.bias\" is missing");
    options.reserved[3] = m;
    ck_assert(!fr_load_into_with(m, in_folder("x"), &options));
    assert_failed("load_into_with", "reserved[3]");
    fr_module_free(m);
}
END_TEST

START_TEST(widens_float32)
{
    FR_SCOPE;
    fr_module *m = fr_module_new("Wide", 0, NULL);
    fr_tensor *w = fr_module_param(m, "w", fr_cast(fr_zeros(FR_SHAPE(2)), FR_F64)), *x = fr_full(FR_SHAPE(2), 0.1);

    ck_assert(fr_save_tensors(in_folder("x"), (const char *[]){ "w" }, &x, 1));
    ck_assert(fr_load_into(m, in_folder("x")));
    ck_assert(fr_equal(w, fr_cast(x, FR_F64)));
    x = fr_arange(0, 2, 1, FR_I64);
    ck_assert(fr_save_tensors(in_folder("x"), (const char *[]){ "w" }, &x, 1));
    ck_assert(!fr_load_into(m, in_folder("x")));
    assert_failed("\"w\" is int64 (2,), expected float64 (2,)");
    fr_module_free(m);
}
END_TEST

START_TEST(refuses_modules)
{
    FR_SCOPE;
    fr_tensor *w = fr_requires_grad(fr_ones(FR_SHAPE(2))), *buffer = fr_mul_scalar(w, 2);
    fr_module *m = make_tied(fr_zeros(FR_SHAPE(2, 2)), buffer);

    ck_assert(fr_save(m, in_folder("x")));
    ck_assert(!fr_load_into(m, in_folder("x")));
    assert_failed("load_into", "\"n\" has a history");
    ck_assert(!fr_load_into(m, "no-such-file.safetensors"));
    assert_failed("load_into", "no-such-file.safetensors", "No such file", "check_io.c");
    ck_assert(!fr_save(m, in_folder("no/such")));
    assert_failed("save", in_folder("no/such"), "check_io.c");
    ck_assert(!fr_save(NULL, in_folder("y")));
    assert_failed("save", "module is NULL");
    ck_assert(!fr_load_into(NULL, in_folder("x")));
    assert_failed("load_into", "module is NULL");
    fr_module_free(m);
}
END_TEST

/* --- Bad files --------------------------------------------------------------------------------------------------- */

#define FLOATS(n, offsets) "{" TENSOR("\"F32\"", "[" #n "]", offsets) "}"

/* A header, the number of bytes after it, and what the message must contain besides the path. */
static const struct {
    const char *header;
    size_t data;
    const char *pieces[5]; /* the last is NULL */
} bad[] = {
    { "", 0, { "begin with {" } },
    { " {}", 0, { "begin with {" } },
    { "[]", 0, { "begin with {" } },
    { "{", 0, { "header, byte 1" } },
    { "{} {}", 0, { "header, byte 3", "expected its end" } },
    { "{1:2}", 0, { "header, byte 1", "expected a string" } },
    { "{\"a\"}", 0, { "header, byte 4", "expected :" } },
    { "{\"a\":{},}", 0, { "tensor \"a\"" } },
    { "{\"a\":" FLOATS(1, "[0,4]") ",}", 4, { "header, byte", "expected a string" } },
    { "{\"a\":" FLOATS(1, "[0,4]") " \"b\"}", 4, { "header, byte", "expected , or }" } },
    { "{\"a\":" FLOATS(1, "[0,4]") ",\"a\":" FLOATS(1, "[4,8]") "}", 8, { "duplicate", "a" } },
    { "{\"\xff\":1}", 0, { "header", "0xff" } },
    { "{\"a\":1}", 0, { "tensor \"a\"", "not an object" } },
    { "{\"a\":{}}", 0, { "tensor \"a\"", "\"dtype\"" } },
    { "{\"a\":{" TENSOR("1", "[1]", "[0,4]") "}}", 4, { "tensor \"a\"", "\"dtype\"" } },
    { "{\"a\":{" TENSOR("\"F8_E4M3\"", "[4]", "[0,4]") "}}", 4, { "tensor \"a\"", "F8_E4M3 cannot be loaded" } },
    { "{\"a\":{" TENSOR("\"C64\"", "[1]", "[0,8]") "}}", 8, { "tensor \"a\"", "C64 cannot be loaded" } },
    { "{\"a\":{" TENSOR("\"BF16\"", "[2]", "[0,8]") "}}", 8, { "\"a\"", "8 bytes", "expected 4 for BF16" } },
    { "{\"a\":{" TENSOR("\"BOOL\"", "[2305843009213693952]", "[0,4]") "}}", 4, { "tensor \"a\"", "too large" } },
    { "{\"a\":{" TENSOR("\"f32\"", "[1]", "[0,4]") "}}", 4, { "tensor \"a\"", "\"f32\" is not a dtype" } },
    { "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, { "tensor \"a\"", "\"shape\"" } },
    { "{\"a\":{" TENSOR("\"F32\"", "4", "[0,4]") "}}", 4, { "tensor \"a\"", "\"shape\"" } },
    { "{\"a\":{" TENSOR("\"F32\"", "[1.0]", "[0,4]") "}}", 4, { "tensor \"a\"", "\"shape\"", "integers" } },
    { "{\"a\":{" TENSOR("\"F32\"", "[true]", "[0,4]") "}}", 4, { "tensor \"a\"", "\"shape\"", "integers" } },
    { "{\"a\":{" TENSOR("\"F32\"", "[-1]", "[0,4]") "}}", 4, { "tensor \"a\"", "(-1,)", "negative" } },
    { "{\"a\":{" TENSOR("\"F32\"", "[-1,0]", "[0,0]") "}}", 0, { "tensor \"a\"", "(-1, 0)", "negative" } },
    { "{\"a\":{" TENSOR("\"F32\"", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}}", 4, { "tensor \"a\"", "9 dimensions", "8" } },
    { "{\"a\":{" TENSOR("\"F32\"", "[4294967296,4294967296]", "[0,0]") "}}", 0, { "tensor \"a\"", "too large" } },
    { "{\"a\":{" TENSOR("\"F64\"", "[2305843009213693952]", "[0,0]") "}}", 0, { "tensor \"a\"", "too large" } },
    { "{\"a\":{" TENSOR("\"F32\"", "[9223372036854775808]", "[0,4]") "}}", 4, { "header", "integer" } },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, { "tensor \"a\"", "\"data_offsets\"" } },
    { "{\"a\":" FLOATS(1, "[0]") "}", 4, { "tensor \"a\"", "\"data_offsets\"" } },
    { "{\"a\":" FLOATS(1, "[0,4,8]") "}", 4, { "tensor \"a\"", "\"data_offsets\"" } },
    { "{\"a\":" FLOATS(1, "[0,4.0]") "}", 4, { "tensor \"a\"", "\"data_offsets\"" } },
    { "{\"a\":" FLOATS(1, "[-4,0]") "}", 4, { "tensor \"a\"", "from -4 to 0" } },
    { "{\"a\":" FLOATS(0, "[4,0]") "}", 4, { "tensor \"a\"", "from 4 to 0" } },
    { "{\"a\":" FLOATS(2, "[0,4]") "}", 4, { "tensor \"a\"", "4 bytes", "expected 8", "(2,)" } },
    { "{\"a\":{" TENSOR("\"F64\"", "[]", "[0,4]") "}}", 4, { "tensor \"a\"", "4 bytes", "expected 8", "()" } },
    { "{\"a\":" FLOATS(1, "[4,8]") "}", 8, { "tensor \"a\"", "offset 4, expected 0", "gap" } },
    { "{\"a\":" FLOATS(1, "[0,4]") ",\"b\":" FLOATS(1, "[8,12]") "}", 12, { "\"b\"", "offset 8, expected 4", "gap" } },
    { "{\"a\":" FLOATS(2, "[0,8]") ",\"b\":" FLOATS(2, "[4,12]") "}",
      12,
      { "\"b\"", "offset 4, expected 8", "overlap" } },
    { "{\"a\":" FLOATS(1, "[0,4]") ",\"b\":" FLOATS(1, "[0,4]") "}", 4, { "\"b\"", "overlap" } },
    { "{\"a\":" FLOATS(2, "[0,8]") ",\"b\":" FLOATS(0, "[4,4]") "}", 8, { "\"b\"", "overlap" } },
    { "{\"a\":" FLOATS(2, "[0,8]") "}", 4, { "\"a\"", "end at offset 8", "at 4" } },
    { "{\"a\":" FLOATS(2, "[0,8]") "}", 9, { "1 bytes follow" } },
    { "{}", 1, { "1 bytes follow" } },
    { "{\"__metadata__\":{},\"__metadata__\":{}}", 0, { "__metadata__", "twice" } },
    { "{\"__metadata__\":{\"a\":\"b\"", 0, { "header, byte", "expected , or }" } },
    { "{\"__metadata__\":nul}", 0, { "__metadata__", "not an object" } },
    { "{\"__metadata__\":3}", 0, { "__metadata__", "not an object" } },
    { "{\"__metadata__\":{\"epoch\":3}}", 0, { "__metadata__", "\"epoch\"", "not a string" } },
};

static void write_with_header(const char *path, uint64_t header_size, const char *header, size_t data)
{
    unsigned char bytes[2048] = { 0 };
    size_t length = strlen(header);

    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(header_size >> 8 * i);
    memcpy(bytes + 8, header, length);
    write_bytes(path, bytes, 8 + length + data);
}

START_TEST(refuses_bad_headers)
{
    const char *path = in_folder("bad");

    write_with_header(path, strlen(bad[_i].header), bad[_i].header, bad[_i].data);
    ck_assert_msg(fr_load(path) == NULL, "%s", bad[_i].header);
    ck_assert_msg(strstr(fr_error_message(), path) != NULL, "%s", fr_error_message());
    assert_failed_with(bad[_i].pieces);
}
END_TEST

START_TEST(takes_headers_that_python_does_not_write)
{
    const char *path = in_folder("odd");
    const char *header = "{\"b\":{\"shape\":[ 0 ],\"data_offsets\":[4,4],\"dtype\":\"I64\",\"more\":null},\n"
                         " \"a\":" FLOATS(1, "[0,4]") ",\"\":" FLOATS(0, "[4,4]") ",\"\\u0065\":" FLOATS(
                             0, "[0,0]") ", \"__metadata__\":null}  \n";

    write_with_header(path, strlen(header), header, 4);

    fr_tensors *ts = fr_load(path);

    ck_assert_msg(ts != NULL, "%s", fr_error_message());
    ck_assert_int_eq(fr_tensors_count(ts), 4);
    ck_assert_str_eq(fr_tensors_name(ts, 0), "e");
    ck_assert_str_eq(fr_tensors_name(ts, 1), "a");
    ck_assert_str_eq(fr_tensors_name(ts, 2), "b");
    ck_assert_str_eq(fr_tensors_name(ts, 3), "");
    fr_tensors_free(ts);
}
END_TEST

START_TEST(refuses_bad_sizes)
{
    const char *path = in_folder("bad");

    write_with_header(path, 3, "{}", 0);
    ck_assert_ptr_null(fr_load(path));
    assert_failed("load", path, "3 bytes", "10");
    write_with_header(path, 100000001, "{}", 0);
    ck_assert_ptr_null(fr_load(path));
    assert_failed(path, "100000001");
    write_with_header(path, UINT64_MAX, "{}", 0);
    ck_assert_ptr_null(fr_load(path));
    assert_failed(path, "18446744073709551615");
}
END_TEST

START_TEST(refuses_what_int64_cannot_hold)
{
    const char *header = "{\"a\":{" TENSOR("\"U64\"", "[2]", "[0,16]") "}}";
    unsigned char bytes[256] = { (unsigned char)strlen(header) };

    memcpy(bytes + 8, header, strlen(header));
    memset(bytes + 8 + strlen(header) + 8, 0xff, 8);
    write_bytes(in_folder("x"), bytes, 8 + strlen(header) + 16);
    ck_assert_ptr_null(fr_load(in_folder("x")));
    assert_failed("load", in_folder("x"), "value 1 is 18446744073709551615 (uint64)");
}
END_TEST

START_TEST(refuses_cut_files)
{
    size_t size;
    unsigned char *bytes = read_bytes(GOLDEN("all"), &size);

    for (size_t cut = 0; cut < size; cut++) {
        write_bytes(in_folder("cut"), bytes, cut);
        ck_assert_msg(fr_load(in_folder("cut")) == NULL, "%zu bytes of %zu", cut, size);
        assert_failed("load", in_folder("cut"));
    }
    free(bytes);
}
END_TEST

START_TEST(names_files_that_cannot_be_opened)
{
    char path[1200];

    ck_assert_ptr_null(fr_load("no-such-file.safetensors"));
    assert_failed("load", "no-such-file.safetensors", "No such file", "check_io.c");
    ck_assert_ptr_null(fr_load(folder));
    assert_failed("load", folder, "directory");
    ck_assert_ptr_null(fr_load(NULL));
    assert_failed("load", "path is NULL");
    memset(path, 'x', sizeof path);
    strcpy(path + sizeof path - 20, "/end.safetensors");
    ck_assert_ptr_null(fr_load(path));
    assert_failed("load", "...xxx", "xxx/end.safetensors: ");
}
END_TEST

/* --- Any file ---------------------------------------------------------------------------------------------------- */

static void assert_contents(const char *name, const char *expected)
{
    char got[64] = "";
    FILE *file = fopen(in_folder(name), "r");

    ck_assert_msg(file != NULL, "%s is not there", name);
    ck_assert_uint_eq(fread(got, 1, sizeof got - 1, file), strlen(expected));
    ck_assert_str_eq(got, expected);
    fclose(file);
}

START_TEST(replaces_any_file)
{
    struct stat status;

    ck_assert(fr_replace_file(in_folder("x"), "old", 3));
    assert_contents("x", "old");
    ck_assert_int_eq(chmod(in_folder("x"), 0600), 0);
    ck_assert(fr_replace_file(in_folder("x"), NULL, 0));
    assert_contents("x", "");
    ck_assert_int_eq(stat(in_folder("x"), &status), 0);
    ck_assert_int_eq(status.st_mode & 07777, 0600);
    assert_refused(fr_replace_file(NULL, "a", 1), "replace_file", "path is NULL");
    assert_refused(fr_replace_file(in_folder("x"), NULL, 1), "replace_file", "bytes is NULL");
    assert_refused(fr_replace_file(folder, "a", 1), folder, "not a regular file");
    assert_refused(fr_replace_file(in_folder("no/x"), "a", 1), "no/x", "cannot create a file beside it",
                   strerror(ENOENT));
    ck_assert_int_eq(count_files(), 1);
}
END_TEST

/* A temporary file goes if nobody has locked it. A name that is like one, and what is no file, stays. */
START_TEST(sweeps_what_is_abandoned)
{
    static const char *const others[] = { "frond-0123456789abcdeF.tmp", "frond-0123456789abcde.tmp",
                                          "frond-0123456789abcdef.tmp.old", "my-frond-0123456789abcdef.tmp" };
    enum { OTHERS = sizeof others / sizeof *others };

    for (int i = 0; i < OTHERS; i++)
        ck_assert(fr_replace_file(in_folder(others[i]), others[i], strlen(others[i])));
    ck_assert_int_eq(mkdir(in_folder("frond-00000000000000d1.tmp"), 0777), 0);
    ck_assert_int_eq(symlink(others[0], in_folder("frond-00000000000000d2.tmp")), 0);

    int locked = open(in_folder("frond-00000000000000d3.tmp"), O_WRONLY | O_CREAT, 0666);
    int abandoned = open(in_folder("frond-00000000000000d4.tmp"), O_WRONLY | O_CREAT, 0666);

    ck_assert_int_eq(flock(locked, LOCK_EX), 0);
    ck_assert(fr_replace_file(in_folder("x"), "new", 3));
    ck_assert_int_eq(count_files(), OTHERS + 4); /* without the abandoned one */
    ck_assert_int_ne(access(in_folder("frond-00000000000000d4.tmp"), F_OK), 0);
    for (int i = 0; i < OTHERS; i++)
        assert_contents(others[i], others[i]);
    close(locked);
    close(abandoned);
    ck_assert(fr_replace_file(in_folder("x"), "new", 3));
    ck_assert_int_eq(count_files(), OTHERS + 3);
    ck_assert_int_eq(rmdir(in_folder("frond-00000000000000d1.tmp")), 0);
}
END_TEST

/* Each writer sweeps while the others write. */
START_TEST(many_may_write_at_once)
{
    enum { WRITERS = 4, TIMES = 100 };
    pid_t pid[WRITERS];
    char path[512];

    strcpy(path, in_folder("x"));
    for (int i = 0; i < WRITERS; i++) {
        pid[i] = fork();
        if (pid[i] == 0) {
            bool ok = true;

            for (int j = 0; ok && j < TIMES; j++)
                ok = fr_replace_file(path, "the same", 8);
            _exit(!ok);
        }
    }
    for (int i = 0; i < WRITERS; i++) {
        int status;

        ck_assert_int_eq(waitpid(pid[i], &status, 0), pid[i]);
        ck_assert_int_eq(status, 0);
    }
    assert_contents("x", "the same");
    ck_assert_int_eq(count_files(), 1);
}
END_TEST

static bool read_mutated(FILE *file)
{
    fr_tensors *ts = fr_safetensors_load_file("load: changed", file);
    bool ok = ts != NULL;

    for (int i = 0; i < fr_tensors_count(ts); i++) {
        const fr_tensor *t = fr_tensors_at(ts, i);

        ck_assert_ptr_eq(fr_tensors_find(ts, fr_tensors_name(ts, i)), t);
        for (int64_t j = 0; j < fr_numel(t); j++)
            fr_at(t, j);
    }
    fr_tensors_free(ts);
    return ok;
}

START_TEST(survives_mutations)
{
    read_mutations(GOLDEN("all"), read_mutated);
}
END_TEST

int main(void)
{
    TCase *good = tcase_create("good files"), *replacing = tcase_create("replacing");
    TCase *modules = tcase_create("modules"), *refused = tcase_create("bad files");

    tcase_add_test(good, loads_what_python_wrote);
    tcase_add_test(good, converts_other_dtypes);
    tcase_add_test(good, converts_many);
    tcase_add_test(good, keeps_metadata_out);
    tcase_add_test(good, lists_answer_for_any_index);
    tcase_add_test(good, writes_what_python_writes);
    tcase_add_test(good, writes_views_row_major);
    tcase_add_test(good, takes_headers_that_python_does_not_write);
    tcase_add_test(replacing, keeps_modes);
    tcase_add_test(replacing, writes_through_links);
    tcase_add_test(replacing, failed_write_leaves_the_old_file);
    tcase_add_test(replacing, refuses_to_save);
    tcase_add_test(replacing, replaces_any_file);
    tcase_add_test(replacing, sweeps_what_is_abandoned);
    tcase_add_test(replacing, many_may_write_at_once);
    tcase_add_test(modules, loads_and_saves_modules_as_python);
    tcase_add_test(modules, backward_notices_loaded_values);
    tcase_add_test(modules, saves_a_shared_parameter_once);
    tcase_add_test(modules, loads_a_shared_parameter_by_any_name);
    tcase_add_test(modules, loads_all_or_nothing);
    tcase_add_test(modules, counts_what_a_message_cannot_hold);
    tcase_add_test(modules, shows_some_of_each_kind);
    tcase_add_test(modules, loads_a_part);
    tcase_add_test(modules, widens_float32);
    tcase_add_test(modules, refuses_modules);
    tcase_add_loop_test(refused, refuses_bad_headers, 0, sizeof bad / sizeof *bad);
    tcase_add_test(refused, refuses_bad_sizes);
    tcase_add_test(refused, refuses_what_int64_cannot_hold);
    tcase_add_test(refused, refuses_cut_files);
    tcase_add_test(refused, names_files_that_cannot_be_opened);
    tcase_add_test(refused, survives_mutations);
    for (int i = 0; i < 4; i++)
        tcase_add_checked_fixture((TCase *[]){ good, replacing, modules, refused }[i], make_folder, remove_folder);
    return run_tests("io", good, replacing, modules, refused);
}
