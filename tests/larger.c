/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Trains on data that do not fit in memory; check_larger.sh runs it.
 *
 *     larger write FOLDER ROWS        x.npy (ROWS,64) and y.npy (ROWS), and the same in xy.safetensors
 *     larger npz FOLDER ROWS          these and the same in xy.npz
 *     larger tables FOLDER ROWS       x.npy and y.npy, and the same rows as four tables, 0.csv to 3.csv
 *     larger train FOLDER KIND MIB BUFFER    one epoch over KIND: npy, npz, safetensors or csv from the files, or
 * memory: x.npy and y.npy loaded. MIB: how much memory it may take more than at its start; 0: any. BUFFER: rows of a
 * shuffle buffer; 0: none. Prints losses; on standard error, the peak of its memory in KiB */
#include <frond.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { WIDTH = 64, CLASSES = 3, BATCH = 256, TABLES = 4 };

/* --- Writing ------------------------------------------------------------------------------------------------------ */

/* Value k of row i, a whole number that a table has in few bytes, and the row's class. */
static float value_of(int64_t i, int k)
{
    return (float)((i * 7919 + k * 104729 + i / 13 * k) % 19 - 9);
}

static int64_t class_of(int64_t i)
{
    return (int64_t)(value_of(i, 3) + value_of(i, 5) + 18) % CLASSES;
}

static FILE *create(const char *folder, const char *name)
{
    char path[512];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "wb");
    if (!f) {
        perror(path);
        exit(1);
    }
    return f;
}

static void write_header(FILE *f, const char *descr, int64_t rows, const char *width)
{
    char header[128];

    memset(header, ' ', sizeof header);
    memcpy(header, "\x93NUMPY\1\0\x76\0", 10);
    header[10 + snprintf(header + 10, 116, "{'descr': '%s', 'fortran_order': False, 'shape': (%" PRId64 ",%s), }",
                         descr, rows, width)] = ' ';
    header[127] = '\n';
    fwrite(header, 1, sizeof header, f);
}

static void write_arrays(const char *folder, int64_t rows)
{
    FILE *x = create(folder, "x.npy"), *y = create(folder, "y.npy");

    write_header(x, "<f4", rows, "64");
    write_header(y, "<i8", rows, "");
    for (int64_t i = 0; i < rows; i++) {
        int64_t class = class_of(i);
        float values[WIDTH];

        for (int k = 0; k < WIDTH; k++)
            values[k] = value_of(i, k);
        fwrite(values, sizeof values, 1, x);
        fwrite(&class, sizeof class, 1, y);
    }
    fclose(x);
    fclose(y);
}

static void write_tables(const char *folder, int64_t rows)
{
    for (int64_t table = 0, i = 0; table < TABLES; table++) {
        char name[32];
        FILE *csv;

        snprintf(name, sizeof name, "%d.csv", (int)table);
        csv = create(folder, name);
        for (; i < rows * (table + 1) / TABLES; i++) {
            fprintf(csv, "c%" PRId64, class_of(i));
            for (int k = 0; k < WIDTH; k++)
                fprintf(csv, ",%.6f", (double)value_of(i, k));
            fprintf(csv, "\n");
        }
        fclose(csv);
    }
}

/* --- Training ----------------------------------------------------------------------------------------------------- */

static const char *path_in(const char *folder, const char *name)
{
    static char paths[TABLES][512];
    static int next;
    char *path = paths[next++ % TABLES];

    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

/* The same arrays in another format. */
static bool convert(const char *folder, bool npz)
{
    FR_SCOPE;
    fr_tensor *xy[] = { fr_load_npy(path_in(folder, "x.npy")), fr_load_npy(path_in(folder, "y.npy")) };
    const char *names[] = { "x", "y" };

    return npz ? fr_save_npz(path_in(folder, "xy.npz"), names, xy, 2)
               : fr_save_tensors(path_in(folder, "xy.safetensors"), names, xy, 2);
}

static fr_loader *load(const char *folder, const fr_loader_options *o)
{
    FR_SCOPE;
    fr_tensor *x = fr_load_npy(path_in(folder, "x.npy")), *y = fr_load_npy(path_in(folder, "y.npy"));

    return fr_loader_new(FR_TENSORS(x, y), o);
}

static fr_loader *open_tables(const char *folder, const fr_loader_options *o)
{
    const char *paths[] = { path_in(folder, "0.csv"), path_in(folder, "1.csv"), path_in(folder, "2.csv"),
                            path_in(folder, "3.csv") };
    FR_AUTO(fr_dataset) d = fr_open_sequences(paths, TABLES, NULL);

    return fr_loader_over(&d, 1, o);
}

static fr_loader *open_loader(const char *folder, const char *kind, int64_t buffer)
{
    fr_loader_options o = { .batch_size = BATCH, .shuffle = true, .shuffle_buffer = buffer };
    fr_dataset *d[2];
    fr_loader *l;

    if (strcmp(kind, "memory") == 0)
        return load(folder, &o);
    if (strcmp(kind, "csv") == 0)
        return open_tables(folder, &o);
    for (int i = 0; i < 2; i++)
        d[i] = strcmp(kind, "npy") == 0   ? fr_open_npy(path_in(folder, i ? "y.npy" : "x.npy"))
               : strcmp(kind, "npz") == 0 ? fr_open_npz(path_in(folder, "xy.npz"), i ? "y" : "x")
                                          : fr_open_safetensors(path_in(folder, "xy.safetensors"), i ? "y" : "x");
    l = fr_loader_over(d, 2, &o);
    fr_dataset_free(d[0]);
    fr_dataset_free(d[1]);
    return l;
}

/* The number in a line of /proc/self/status, in KiB. */
static int64_t status(const char *name)
{
    FILE *f = fopen("/proc/self/status", "r");
    char line[256];
    int64_t kib = -1;

    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, name, strlen(name)) == 0)
            kib = strtoll(line + strlen(name) + 1, NULL, 10);
    if (f)
        fclose(f);
    return kib;
}

/* Memory of the process's own may grow by so much from here on. */
static void limit_memory(int64_t mib)
{
    rlim_t bytes = (rlim_t)(status("VmData") * 1024 + (mib << 20));

    if (mib > 0 && setrlimit(RLIMIT_DATA, &(struct rlimit){ bytes, bytes }) != 0) {
        perror("setrlimit");
        exit(77);
    }
}

static double step(fr_module *m, fr_optim *sgd, fr_tensor *x, fr_tensor *y)
{
    FR_SCOPE;
    fr_tensor *loss = fr_cross_entropy(fr_forward(m, fr_reshape(x, FR_SHAPE(-1, WIDTH))), y, FR_MEAN);

    fr_optim_zero_grad(sgd);
    fr_backward(loss);
    fr_optim_step(sgd);
    return fr_item(loss);
}

static void train(const char *folder, const char *kind, int64_t mib, int64_t buffer)
{
    FR_SCOPE;
    fr_manual_seed(3);
    FR_AUTO(fr_module) m = fr_nn_linear(WIDTH, CLASSES, NULL);
    FR_AUTO(fr_optim) adam = fr_adam(m, NULL);
    double sum = 0;
    int64_t steps = 0;

    step(m, adam, fr_zeros(FR_SHAPE(BATCH, WIDTH)), fr_zeros_of(FR_SHAPE(BATCH), FR_I64)); /* BLAS takes its memory */
    limit_memory(mib);
    FR_AUTO(fr_loader) l = open_loader(folder, kind, buffer);

    FR_FOR_BATCHES (l, x, y) {
        sum += step(m, adam, x, y);
        if (++steps % 50 == 0)
            printf("%" PRId64 " %.17g\n", steps, sum / (double)steps);
    }
    printf("%" PRId64 " %.17g\n", steps, sum / (double)steps);
    fprintf(stderr, "%" PRId64 "\n", status("VmHWM"));
}

int main(int argc, char **argv)
{
    int64_t rows = argc == 4 ? strtoll(argv[3], NULL, 10) : 0;

    if (rows > 0) {
        write_arrays(argv[2], rows);
        if (strcmp(argv[1], "tables") != 0)
            return convert(argv[2], strcmp(argv[1], "npz") == 0) ? 0 : 1;
        write_tables(argv[2], rows);
        return 0;
    }
    if (argc == 6 && strcmp(argv[1], "train") == 0)
        return train(argv[2], argv[3], strtoll(argv[4], NULL, 10), strtoll(argv[5], NULL, 10)), 0;
    return 2;
}
