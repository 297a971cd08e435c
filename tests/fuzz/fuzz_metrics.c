/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Fuzzes metrics.csv, as a run that resumes finds it. A logger that opens the file appends a row, which is the last one
 * of what fr_log_plot reads; what is purged is gone. */
#include "fuzz.h"

#include "log/metrics_csv.h"

#include <string.h>
#include <unistd.h>

enum { PURGE_STEP = 7, STEP = 5 };

static char dir[] = "/tmp/fuzz_metrics.XXXXXX", path[sizeof dir + sizeof "/metrics.csv"];

static void remove_files(void)
{
    unlink(path);
    rmdir(dir);
}

static bool put_file(const uint8_t *bytes, size_t size)
{
    FILE *file;
    bool written;

    if (!path[0]) {
        if (!mkdtemp(dir))
            abort();
        snprintf(path, sizeof path, "%s/metrics.csv", dir);
        atexit(remove_files);
    }
    file = fopen(path, "wb");
    written = file && fwrite(bytes, 1, size, file) == size;
    return file && fclose(file) == 0 && written;
}

/* False if a row is none. */
static bool check_rows(const fr_logger *log, bool purged)
{
    fr_metrics m;
    bool ok = fr_metrics_read("log_plot", log, &m), found = false;

    for (size_t i = 0; ok && i < m.count; i++) {
        const fr_series *s = &m.items[i];

        found = found || (strcmp(s->name, "fuzz") == 0 && s->steps[s->count - 1] == STEP);
        for (size_t k = 0; k < s->count; k++)
            if (purged && s->steps[k] >= PURGE_STEP)
                abort();
    }
    if (ok && !found)
        abort();
    fr_metrics_free(&m);
    return ok;
}

static void resume(int64_t purge_step)
{
    fr_logger *log = fr_log_open(dir, &(fr_log_options){ .csv_only = true, .purge_step = purge_step });

    if (!log)
        return;
    if (!fr_log_scalar(log, "fuzz", STEP, 1.5))
        abort();
    check_rows(log, purge_step > 0);
    fr_log_close(log);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    fr_set_error_handler(NULL, NULL);
    if (!put_file(bytes, size))
        return -1;
    resume(0);
    resume(PURGE_STEP);
    return fuzz_end();
}
