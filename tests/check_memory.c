/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* How much memory readers take for a file: for ordinary files and for those that ask for as much as they can. Prints a
 * Markdown table, and fails if a reader takes more than MULTIPLE times the file, or reads what it must refuse.
 *
 * Each file is read by a child process, whose peak of resident memory is compared with what it had before. */
#include <config.h>

#include "files/npy.h"

#include <frond.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef HAVE_LIBZIP
#include <zip.h>
#endif

enum { MULTIPLE = 22, SLACK = 3 << 20, LIMIT = 80 << 20, SKIPPED = 77 };

static const char path[] = "check_memory.file";

/* --- Text -------------------------------------------------------------------------------------------------------- */

static void put_values(FILE *file, int64_t n, const char *value)
{
    for (int64_t i = 0; i < n; i++)
        fprintf(file, i ? ",%s" : "%s", value);
}

static void put_rows(FILE *file, int64_t rows, int64_t values, const char *value, const char *end)
{
    for (int64_t i = 0; i < rows; i++) {
        put_values(file, values, value);
        fputs(end, file);
    }
}

static void csv_ordinary(FILE *file)
{
    put_rows(file, 5000, 100, "-0.123456", "\n");
}

static void csv_single_digits(FILE *file)
{
    put_rows(file, 2000000, 1, "1", "\n");
}

static void csv_one_row(FILE *file)
{
    put_rows(file, 1, 1000000, "1", "\n");
}

static void csv_short_labels(FILE *file)
{
    put_rows(file, 500000, 1, "a", ",1\n");
}

static void csv_many_labels(FILE *file)
{
    for (int i = 0; i < 500000; i++)
        fprintf(file, "%x,1\n", (unsigned)i);
}

static void csv_ragged(FILE *file)
{
    put_rows(file, 1, 200000, "1", "\n");
    put_rows(file, 5000, 1, "1", "\n");
}

static void ts_ordinary(FILE *file)
{
    fputs("@classLabel true a\n@data\n", file);
    put_rows(file, 5000, 100, "-0.123456", ":a\n");
}

static void ts_single_digits(FILE *file)
{
    fputs("@classLabel true a\n@data\n", file);
    put_rows(file, 500000, 1, "1", ":a\n");
}

static void ts_ragged(FILE *file)
{
    fputs("@classLabel true a\n@data\n", file);
    put_rows(file, 1, 500000, "1", ":a\n");
    put_rows(file, 40000, 1, "1", ":a\n");
}

/* --- safetensors ------------------------------------------------------------------------------------------------- */

static void put_number(FILE *file, uint64_t number)
{
    for (int i = 0; i < 8; i++)
        fputc((int)(number >> 8 * i & 0xff), file);
}

/* The header begins at byte 8. Its size goes before it when it is there. */
static void finish_header(FILE *file)
{
    long end = ftell(file);

    rewind(file);
    put_number(file, (uint64_t)end - 8);
    fseek(file, 0, SEEK_END);
}

static void put_zeros(FILE *file, int64_t bytes)
{
    static const char zeros[1 << 16];

    for (; bytes > 0; bytes -= (int64_t)sizeof zeros)
        fwrite(zeros, 1, bytes < (int64_t)sizeof zeros ? (size_t)bytes : sizeof zeros, file);
}

static void safetensors_floats(FILE *file)
{
    put_number(file, 0);
    fputs("{\"a\":{\"dtype\":\"F32\",\"shape\":[2500000],\"data_offsets\":[0,10000000]}}", file);
    finish_header(file);
    put_zeros(file, 10000000);
}

static void safetensors_bools(FILE *file)
{
    put_number(file, 0);
    fputs("{\"a\":{\"dtype\":\"BOOL\",\"shape\":[10000000],\"data_offsets\":[0,10000000]}}", file);
    finish_header(file);
    put_zeros(file, 10000000);
}

static void safetensors_empty_tensors(FILE *file)
{
    put_number(file, 0);
    for (int i = 0; i < 100000; i++)
        fprintf(file, "%c\"%x\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}", i ? ',' : '{', (unsigned)i);
    fputc('}', file);
    finish_header(file);
}

static void safetensors_long_shape(FILE *file)
{
    put_number(file, 0);
    fputs("{\"a\":{\"dtype\":\"F32\",\"shape\":[", file);
    put_values(file, 5000000, "0");
    fputs("],\"data_offsets\":[0,0]}}", file);
    finish_header(file);
}

static void safetensors_metadata(FILE *file)
{
    put_number(file, 0);
    fputs("{\"__metadata__\":{", file);
    for (int i = 0; i < 500000; i++)
        fprintf(file, i ? ",\"%x\":\"\"" : "\"%x\":\"\"", (unsigned)i);
    fputs("}}", file);
    finish_header(file);
}

static void safetensors_large_header(FILE *file)
{
    put_number(file, 110000000);
    fputc('{', file);
    fflush(file);
    if (ftruncate(fileno(file), 110000008) != 0)
        abort();
}

/* --- NumPy ------------------------------------------------------------------------------------------------------- */

static void put_npy_header(FILE *file, const char *dict)
{
    size_t size = strlen(dict);

    fwrite(FR_NPY_MAGIC "\1", 1, FR_NPY_PREFIX, file);
    fputc((int)(size & 0xff), file);
    fputc((int)(size >> 8), file);
    fputs(dict, file);
}

static void npy_floats(FILE *file)
{
    put_npy_header(file, "{'descr': '<f4', 'fortran_order': False, 'shape': (2500000,), }");
    put_zeros(file, 10000000);
}

static void npy_bools_by_column(FILE *file)
{
    put_npy_header(file, "{'descr': '|b1', 'fortran_order': True, 'shape': (2000, 5000), }");
    put_zeros(file, 10000000);
}

static void npy_promise(FILE *file)
{
    put_npy_header(file, "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000), }");
    put_zeros(file, 1000);
}

#ifdef HAVE_LIBZIP
/* An archive with some members, each `values` bools, all 0. */
static void put_archive(FILE *file, int members, const char *dict, int64_t values, zip_int32_t method)
{
    char *bytes, name[] = "check_memory.zip", member_name[16];
    size_t size;
    FILE *member = open_memstream(&bytes, &size);
    zip_t *archive = zip_open(name, ZIP_CREATE | ZIP_TRUNCATE, NULL);

    if (!member || !archive)
        abort();
    put_npy_header(member, dict);
    put_zeros(member, values);
    fclose(member);
    for (int i = 0; i < members; i++) {
        snprintf(member_name, sizeof member_name, "%d.npy", i);
        zip_file_add(archive, member_name, zip_source_buffer(archive, bytes, size, 0), 0);
        zip_set_file_compression(archive, (zip_uint64_t)i, method, 0);
    }
    zip_close(archive);
    free(bytes);

    FILE *written = fopen(name, "rb");

    for (int c; written && (c = getc(written)) != EOF;)
        putc(c, file);
    if (written)
        fclose(written);
    unlink(name);
}

static void npz_bools(FILE *file)
{
    put_archive(file, 1, "{'descr': '|b1', 'fortran_order': False, 'shape': (5000000,), }", 5000000, ZIP_CM_STORE);
}

static void npz_packed(FILE *file)
{
    put_archive(file, 1, "{'descr': '|b1', 'fortran_order': False, 'shape': (16000000,), }", 16000000, ZIP_CM_DEFLATE);
}

static void npz_packed_members(FILE *file)
{
    put_archive(file, 8, "{'descr': '|b1', 'fortran_order': False, 'shape': (2000000,), }", 2000000, ZIP_CM_DEFLATE);
}
#endif

#ifdef HAVE_PROTOBUF_C
/* --- ONNX -------------------------------------------------------------------------------------------------------- */

/* A message of protobuf that is being written: fields of numbers, texts and messages. */
typedef struct {
    FILE *file;
    char *bytes;
    size_t size;
} message;

enum { GRAPH = 7, OPSET = 8, NODE = 1, INITIALIZER = 5, INPUT = 11, OUTPUT = 12 };

static void begin_message(message *m)
{
    m->file = open_memstream(&m->bytes, &m->size);
    if (!m->file)
        abort();
}

static void put_varint(FILE *file, uint64_t number)
{
    for (; number > 127; number >>= 7)
        fputc((int)(number & 127) | 128, file);
    fputc((int)number, file);
}

static void put_int(FILE *file, unsigned field, uint64_t number)
{
    put_varint(file, field << 3);
    put_varint(file, number);
}

static void put_bytes(FILE *file, unsigned field, const void *bytes, size_t size)
{
    put_varint(file, field << 3 | 2);
    put_varint(file, size);
    fwrite(bytes, 1, size, file);
}

static void put_text(FILE *file, unsigned field, const char *text)
{
    put_bytes(file, field, text, strlen(text));
}

static void end_message(FILE *file, unsigned field, message *m)
{
    fclose(m->file);
    put_bytes(file, field, m->bytes, m->size);
    free(m->bytes);
}

static void put_node(FILE *graph, const char *type, const char *a, const char *b, const char *output)
{
    message m, axis;

    begin_message(&m);
    put_text(m.file, 1, a);
    if (b)
        put_text(m.file, 1, b);
    put_text(m.file, 2, output);
    put_text(m.file, 4, type);
    if (strcmp(type, "Concat") == 0) {
        begin_message(&axis);
        put_text(axis.file, 1, "axis");
        put_int(axis.file, 3, 0);
        end_message(m.file, 5, &axis);
    }
    end_message(graph, NODE, &m);
}

/* A tensor (dim): data in the field. */
static void put_initializer(FILE *graph, const char *name, int type, uint64_t dim, unsigned field, const void *data,
                            size_t size)
{
    message m;

    begin_message(&m);
    put_int(m.file, 1, dim);
    put_int(m.file, 2, (uint64_t)type);
    put_bytes(m.file, field, data, size);
    put_text(m.file, 8, name);
    end_message(graph, INITIALIZER, &m);
}

static void put_value(FILE *graph, unsigned field, const char *name)
{
    message m;

    begin_message(&m);
    put_text(m.file, 1, name);
    end_message(graph, field, &m);
}

/* A model whose input is "x" and whose output is `output`. */
static void put_model(FILE *file, message *graph, const char *output)
{
    message opset;

    begin_message(&opset);
    put_value(graph->file, INPUT, "x");
    put_value(graph->file, OUTPUT, output);
    put_int(opset.file, 2, 17);
    put_int(file, 1, 8);
    end_message(file, GRAPH, graph);
    end_message(file, OPSET, &opset);
}

enum { FLOAT = 1, INT64 = 7, BOOL = 9, INT64_DATA = 7, RAW_DATA = 9 };

static void onnx_with_weights(FILE *file, int type, uint64_t values, unsigned field, size_t bytes)
{
    message graph;
    char *data = calloc(1, bytes);

    begin_message(&graph);
    put_initializer(graph.file, "w", type, values, field, data, bytes);
    put_node(graph.file, "Identity", "x", NULL, "y");
    put_model(file, &graph, "y");
    free(data);
}

static void onnx_floats(FILE *file)
{
    onnx_with_weights(file, FLOAT, 2500000, RAW_DATA, 10000000);
}

static void onnx_bools(FILE *file)
{
    onnx_with_weights(file, BOOL, 10000000, RAW_DATA, 10000000);
}

static void onnx_small_integers(FILE *file)
{
    onnx_with_weights(file, INT64, 5000000, INT64_DATA, 5000000);
}

/* Each node takes what the one before it made, once or twice. */
static void onnx_row(FILE *file, const char *type, int nodes, bool twice)
{
    message graph;
    char from[32] = "x", to[32];

    begin_message(&graph);
    for (int i = 0; i < nodes; i++, memcpy(from, to, sizeof to)) {
        snprintf(to, sizeof to, "/encoder/layer/value_%d", i);
        put_node(graph.file, type, from, twice ? from : NULL, to);
    }
    put_model(file, &graph, from);
}

static void onnx_chain(FILE *file)
{
    onnx_row(file, "Identity", 20000, false);
}

static void onnx_doubling(FILE *file)
{
    onnx_row(file, "Concat", 40, true);
}

static void onnx_empty_nodes(FILE *file)
{
    message graph;

    begin_message(&graph);
    for (int i = 0; i < 3000000; i++)
        put_bytes(graph.file, NODE, "", 0);
    put_model(file, &graph, "x");
}

static void onnx_nested_names(FILE *file)
{
    message graph;
    char *name = malloc(4000002);

    begin_message(&graph);
    for (int i = 0; i < 2000000; i++)
        memcpy(name + 2 * i, "a.", 2);
    strcpy(name + 4000000, "a");
    put_initializer(graph.file, name, FLOAT, 0, RAW_DATA, "", 0);
    put_node(graph.file, "Identity", "x", NULL, "y");
    put_model(file, &graph, "y");
    free(name);
}

/* type makes a large value of the number n; the next node needs its values, but makes a small one. */
static void onnx_of_number(FILE *file, const char *type, int64_t n)
{
    message graph;

    begin_message(&graph);
    put_initializer(graph.file, "n", INT64, 1, RAW_DATA, &n, sizeof n);
    put_node(graph.file, type, strcmp(type, "Expand") == 0 ? "x" : "n", strcmp(type, "Expand") == 0 ? "n" : NULL, "v");
    put_node(graph.file, "ReduceSum", "v", NULL, "y");
    put_model(file, &graph, "y");
}

static void onnx_expand(FILE *file)
{
    onnx_of_number(file, "Expand", 1000000000);
}

static void onnx_constant_of_shape(FILE *file)
{
    onnx_of_number(file, "ConstantOfShape", 1000000000);
}

static void onnx_range(FILE *file)
{
    message graph, node;
    int64_t numbers[] = { 0, 1000000000, 1 };
    const char *names[] = { "a", "b", "c" };

    begin_message(&graph);
    begin_message(&node);
    for (int i = 0; i < 3; i++) {
        put_initializer(graph.file, names[i], INT64, 1, RAW_DATA, &numbers[i], sizeof numbers[i]);
        put_text(node.file, 1, names[i]);
    }
    put_text(node.file, 2, "y");
    put_text(node.file, 4, "Range");
    end_message(graph.file, NODE, &node);
    put_model(file, &graph, "y");
}

static bool run_onnx(void)
{
    fr_module *m = fr_load_onnx(path);

    return m && fr_forward(m, fr_ones(FR_SHAPE(1)));
}
#endif

/* --- Readers ----------------------------------------------------------------------------------------------------- */

static bool read_csv(void)
{
    return fr_read_csv(path, &(fr_csv_options){ .no_label = true });
}

static bool read_csv_as_float64(void)
{
    return fr_set_default_dtype(FR_F64) && read_csv();
}

static bool read_labelled_csv(void)
{
    return fr_read_csv(path, NULL);
}

static bool read_ts(void)
{
    return fr_read_ts(path);
}

static bool load(void)
{
    return fr_load(path);
}

static bool load_npy(void)
{
    return fr_load_npy(path);
}

#ifdef HAVE_LIBZIP
static bool load_npz(void)
{
    return fr_load_npz(path);
}
#endif

/* --- The table --------------------------------------------------------------------------------------------------- */

static const struct {
    const char *reader, *file;
    void (*write)(FILE *file);
    bool (*read)(void);
    const char *refusal; /* what the error must contain; NULL: it is read */
} cases[] = {
    { "`fr_read_csv`", "100 values in each row", csv_ordinary, read_csv, NULL },
    { "", "one digit in each row", csv_single_digits, read_csv, NULL },
    { "", "the same, as float64", csv_single_digits, read_csv_as_float64, NULL },
    { "", "single digits in one row", csv_one_row, read_csv, NULL },
    { "", "one label and one digit in each row", csv_short_labels, read_labelled_csv, NULL },
    { "", "the same, all labels differ", csv_many_labels, read_labelled_csv, NULL },
    { "", "one row of 200,000 values, 5,000 of one", csv_ragged, read_csv, "need 4000800000 bytes" },
    { "`fr_read_ts`", "100 values in each row", ts_ordinary, read_ts, NULL },
    { "", "one digit in each row", ts_single_digits, read_ts, NULL },
    { "", "one row of 500,000 values, 40,000 of one", ts_ragged, read_ts, "need 80002000000 bytes" },
    { "`fr_load`", "float32", safetensors_floats, load, NULL },
    { "", "bool, which becomes int64", safetensors_bools, load, NULL },
    { "", "100,000 tensors without values", safetensors_empty_tensors, load, NULL },
    { "", "500,000 entries of metadata", safetensors_metadata, load, NULL },
    { "", "a shape of 5,000,000 sizes", safetensors_long_shape, load, "more than 65536 bytes" },
    { "", "a header of more than 100 MB", safetensors_large_header, load, "expected at most 100000000" },
    { "`fr_load_npy`", "float32", npy_floats, load_npy, NULL },
    { "", "bool, column-major", npy_bools_by_column, load_npy, NULL },
    { "", "a header without the values", npy_promise, load_npy, "expected 4000000000000" },
#ifdef HAVE_LIBZIP
    { "`fr_load_npz`", "bool, stored", npz_bools, load_npz, NULL },
    { "", "16,000,000 bool, packed", npz_packed, load_npz, "need 128000000 bytes" },
    { "", "8 times 2,000,000 bool, packed", npz_packed_members, load_npz, "need 16000000 bytes" },
#endif
#ifdef HAVE_PROTOBUF_C
    { "`fr_load_onnx`", "float32", onnx_floats, run_onnx, NULL },
    { "", "bool", onnx_bools, run_onnx, NULL },
    { "", "int64 of one byte each", onnx_small_integers, run_onnx, NULL },
    { "", "20,000 nodes", onnx_chain, run_onnx, NULL },
    { "", "3,000,000 nodes without contents", onnx_empty_nodes, run_onnx, "what its bytes describe need" },
    { "", "a name of 2,000,000 parts", onnx_nested_names, run_onnx, "what its bytes describe need" },
    { "and `fr_forward`", "40 Concats, each doubles its input", onnx_doubling, run_onnx, "cat: this result" },
    { "", "Expand to 1,000,000,000", onnx_expand, run_onnx, "need 4000000000 bytes" },
    { "", "ConstantOfShape of 1,000,000,000", onnx_constant_of_shape, run_onnx, "need 4000000000 bytes" },
    { "", "Range of 1,000,000,000", onnx_range, run_onnx, "need 8000000000 bytes" },
#endif
};

typedef struct {
    bool read;
    int64_t bytes; /* by which the peak rose */
    char message[400];
} report;

static int64_t peak_bytes(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (int64_t)usage.ru_maxrss * 1024;
}

/* In the child. */
static void measure(int i, int to)
{
    FR_SCOPE;
    report r = { .read = false };

    fr_set_error_handler(NULL, NULL);
    r.bytes = -peak_bytes();
    r.read = cases[i].read();
    r.bytes += peak_bytes();
    if (fr_error_message())
        snprintf(r.message, sizeof r.message, "%s", fr_error_message());
    _exit(write(to, &r, sizeof r) != (ssize_t)sizeof r);
}

static report measure_in_child(int i)
{
    report r = { .message = "the child ended early" };
    int ends[2];

    if (pipe(ends) != 0)
        abort();

    pid_t child = fork();

    if (child == 0)
        measure(i, ends[1]);
    close(ends[1]);
    if (child < 0 || read(ends[0], &r, sizeof r) != (ssize_t)sizeof r)
        r.bytes = INT64_MAX;
    close(ends[0]);
    if (child > 0)
        waitpid(child, NULL, 0);
    return r;
}

/* In a child, too: what the writer leaves in the heap would be there for the reader. */
static int64_t write_file(int i)
{
    pid_t child = fork();
    struct stat status;

    if (child == 0) {
        FILE *file = fopen(path, "wb+");

        if (file)
            cases[i].write(file);
        _exit(!file || fclose(file) != 0);
    }
    if (child < 0 || waitpid(child, NULL, 0) != child || stat(path, &status) != 0)
        abort();
    return (int64_t)status.st_size;
}

static bool check_case(int i)
{
    fflush(stdout); /* or the children print it again */

    int64_t size = write_file(i);
    report r = measure_in_child(i);
    const char *refusal = cases[i].refusal;
    double times = (double)r.bytes / (double)size;
    char ratio[32] = "";

    if (!refusal)
        snprintf(ratio, sizeof ratio, "%.1f", times);
    printf("| %s | %s | %.3f | %.1f | %s |\n", cases[i].reader, cases[i].file, (double)size / 1e6,
           (double)r.bytes / 1e6, refusal ? "refused" : ratio);
    if (r.read != !refusal || (refusal && !strstr(r.message, refusal)))
        return printf("\n%s\n", r.message), false;
    if (r.bytes > MULTIPLE * size + (refusal ? LIMIT : 0) + SLACK)
        return printf("\nThat is too much.\n"), false;
    return true;
}

int main(void)
{
    int failed = 0;

#ifdef FR_SANITIZE
    return SKIPPED; /* sanitizers need memory of their own */
#endif
    unsetenv("FROND_MEMORY_LIMIT");
    printf("| Reader | File | Its size, MB | Peak memory, MB | Times its size |\n|---|---|--:|--:|--:|\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        failed += !check_case((int)i);
    unlink(path);
    return failed > 0;
}
