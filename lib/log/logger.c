/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Loggers: opened, flushed, closed. */
#include <config.h>

#include "log/logger.h"

#include "core/options.h"
#include "core/thread.h"
#include "log/event_file.h"
#include "log/metrics_csv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static double wall_time(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

char *fr_log_path(const char *what, const char *dir, const char *name)
{
    char *path;

    if (asprintf(&path, "%s/%s", dir, name) < 0)
        return fr_fail_memory(what);
    return path;
}

bool fr_log_file_open(fr_log_file *f, int flags)
{
    f->fd = fr_file_descriptor(f->path, O_WRONLY | O_APPEND | O_CREAT | flags);
    if (f->fd < 0)
        return false;
    f->file = fr_file_stream(f->fd, "ab");
    if (!f->file)
        close(f->fd);
    return f->file != NULL;
}

bool fr_log_file_flush(const char *what, fr_log_file *f)
{
    char where[FR_WHERE_SIZE];
    struct stat status;

    if (fflush(f->file) == 0 && !ferror(f->file)) {
        f->size = fstat(f->fd, &status) == 0 ? status.st_size : -1;
        return true;
    }
    fr_fail(fr_file_where(what, f->path, where), "cannot write: %s", strerror(errno));
    clearerr(f->file);
    while (f->size >= 0 && fr_interrupted(ftruncate(f->fd, f->size))) /* fails for a pipe or a device, and may */
        ;
    return false;
}

/* Makes a directory, unless it is there, and syncs its name to the disk. */
static bool make_directory(const char *what, const char *dir)
{
    struct stat status;
    char where[FR_WHERE_SIZE];

    fr_file_where(what, dir, where);
    if (mkdir(dir, 0777) == 0) {
        char *parent = fr_log_path(what, dir, "..");
        bool ok = parent && fr_folder_sync(where, parent);

        free(parent);
        return ok;
    }

    int error = errno;

    return (stat(dir, &status) == 0 && S_ISDIR(status.st_mode)) ||
           fr_fail(where, "cannot make the directory: %s", strerror(error));
}

/* mkdir -p. Changes dir while it works, and restores it. */
static bool make_directories(const char *what, char *dir)
{
    bool ok = true;

    for (char *end = dir + strspn(dir, "/"); ok && *end; end += strspn(end, "/")) {
        char separator;

        end += strcspn(end, "/");
        separator = *end;
        *end = '\0';
        ok = make_directory(what, dir);
        *end = separator;
    }
    return ok;
}

/* --- Opening and closing ------------------------------------------------------------------------------------------ */

static bool open_files(const char *what, fr_logger *log, const char *dir, const fr_log_options *options)
{
    char where[FR_WHERE_SIZE];

    log->dir = strdup(dir);
    log->c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!log->dir || !log->c_locale)
        return fr_fail_memory(what);
    if (!options->csv_only && !fr_log_has_events()) /* fails, before any file is created */
        return fr_event_file_open(what, log, 0);
    if (!make_directories(what, log->dir))
        return false;
    log->metrics.path = fr_log_path(what, dir, "metrics.csv");
    return log->metrics.path && fr_metrics_open(what, log, options) &&
           (options->csv_only || fr_event_file_open(what, log, options->purge_step)) &&
           fr_folder_sync(fr_file_where(what, dir, where), dir);
}

/* Closes f, if it is open, and frees its path. False with an error. */
static bool close_file(const char *what, fr_log_file *f)
{
    char where[FR_WHERE_SIZE];
    bool ok = !f->file || fclose(f->file) == 0;

    if (!ok)
        fr_fail(fr_file_where(what, f->path, where), "cannot write: %s", strerror(errno));
    free(f->path);
    return ok;
}

static bool close_logger(const char *what, fr_logger *log)
{
    bool ok = close_file(what, &log->metrics);

    ok = close_file(what, &log->events) && ok;
    if (log->c_locale)
        freelocale(log->c_locale);
    free(log->dir);
    fr_object_free(log);
    return ok;
}

static fr_logger *open_logger(const char *what, const char *dir, const fr_log_options *options)
{
    fr_logger *log;

    if (!fr_check_argument(what, dir, "dir") || !fr_check_reserved(what, options->reserved))
        return NULL;
    if (!*dir)
        return fr_fail(what, "dir is empty");
    if (options->purge_step < 0)
        return fr_fail(what, ".purge_step is %lld, expected one > 0, or 0 for none", (long long)options->purge_step);
    log = fr_object_new(sizeof *log);
    if (!log)
        return fr_fail_memory(what);
    log->clock = wall_time;
    if (!open_files(what, log, dir, options)) {
        close_logger(what, log);
        return NULL;
    }
    return log;
}

fr_logger *fr_log_open(const char *dir, const fr_log_options *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "log_open");
    fr_logger *log = open_logger("log_open", dir, options ? options : &(fr_log_options){ .csv_only = false });

    fr_finish(th, before);
    return log;
}

static bool sync_file(const char *what, fr_log_file *f)
{
    char where[FR_WHERE_SIZE];

    if (!fr_log_file_flush(what, f))
        return false;
    return fr_file_sync(f->fd) || fr_fail(fr_file_where(what, f->path, where), "cannot write: %s", strerror(errno));
}

bool fr_log_flush(fr_logger *log)
{
    static const char what[] = "log_flush";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok = fr_check_argument(what, log, "log") && sync_file(what, &log->metrics) &&
              (!log->events.file || sync_file(what, &log->events));

    fr_finish(th, before);
    return ok;
}

bool fr_log_close(fr_logger *log)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, "log_close");
    bool ok = !log || (fr_check_argument("log_close", log, "log") && close_logger("log_close", log));

    fr_finish(th, before);
    return ok;
}
