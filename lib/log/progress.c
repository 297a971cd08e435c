/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* A progress bar on a terminal, lines of text elsewhere. */
#include <config.h>

#include "log/progress.h"

#include "core/options.h"
#include "core/writer.h"
#include "core/thread.h"

#include <math.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { DEFAULT_WIDTH = 80, BAR_MIN = 6, BAR_MAX = 40 }; /* columns */

static double monotonic_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int terminal_width(FILE *stream)
{
    struct winsize size;

    return ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : DEFAULT_WIDTH;
}

/* --- The line ----------------------------------------------------------------------------------------------------- */

/* A line that FR_APPEND adds to; what does not fit is cut off. */
typedef struct {
    char text[1024];
    size_t used;
} line;

/* 0:45, 1:02:03 */
static void put_time(line *l, double seconds)
{
    int64_t s = (int64_t)fmin(seconds + 0.5, 1e15);

    if (s >= 3600)
        FR_APPEND(l, "%lld:%02d:%02d", (long long)(s / 3600), (int)(s / 60 % 60), (int)(s % 60));
    else
        FR_APPEND(l, "%d:%02d", (int)(s / 60), (int)(s % 60));
}

static void put_rate(line *l, double rate)
{
    if (rate >= 1)
        FR_APPEND(l, "  %.*f/s", rate >= 100 ? 0 : rate >= 10 ? 1 : 2, rate);
    else
        FR_APPEND(l, "  %.1f s/step", 1 / rate);
}

/* What stands after the bar: steps, rate, time and the latest values. */
static void put_numbers(line *l, const fr_progress *p, double elapsed, bool last)
{
    double rate = elapsed > 0 ? (double)p->done / elapsed : 0;

    FR_APPEND(l, " %lld", (long long)p->done);
    if (p->total > 0)
        FR_APPEND(l, "/%lld", (long long)p->total);
    if (rate > 0)
        put_rate(l, rate);
    if (last || p->total == 0) {
        FR_APPEND(l, last ? "  in " : "  ");
        put_time(l, elapsed);
    } else if (rate > 0) {
        FR_APPEND(l, "  ");
        put_time(l, fmax(0, (double)(p->total - p->done) / rate));
        FR_APPEND(l, " left");
    }
    for (size_t i = 0; i < p->count; i++)
        FR_APPEND(l, "  %s %.4g", p->items[i].name, p->items[i].value);
}

/* The number of columns that UTF-8 text takes, if every character takes one. */
static int count_columns(const char *text)
{
    int n = 0;

    for (; *text; text++)
        n += (*text & 0xc0) != 0x80; /* not for the later bytes of a character */
    return n;
}

static void truncate_to(char *text, int columns)
{
    for (; *text; text++)
        if ((*text & 0xc0) != 0x80 && columns-- == 0)
            break;
    *text = '\0';
}

static void put_bar(line *l, const fr_progress *p, int width)
{
    int full = (int)(fmin(1, (double)p->done / (double)p->total) * width);

    FR_APPEND(l, " [");
    for (int i = 0; i < width; i++)
        FR_APPEND(l, i < full ? "#" : " ");
    FR_APPEND(l, "]");
}

static void draw(const fr_progress *p, double now, bool last)
{
    line whole = { .used = 0 }, numbers = { .used = 0 };

    FR_APPEND(&whole, "%s", p->label);
    if (p->total > 0)
        FR_APPEND(&whole, "%s%3d%%", *p->label ? " " : "", (int)fmin(999, 100 * (double)p->done / (double)p->total));
    put_numbers(&numbers, p, fmax(0, now - p->began), last);
    if (!p->terminal) {
        fprintf(p->stream, "%s %s\n", whole.text, numbers.text);
        return;
    }

    int columns = p->width(p->stream) - 1; /* some terminals wrap the line after the last column */
    int width = columns - count_columns(whole.text) - count_columns(numbers.text) - 3;

    if (p->total > 0 && width >= BAR_MIN)
        put_bar(&whole, p, width < BAR_MAX ? width : BAR_MAX);
    FR_APPEND(&whole, "%s", numbers.text);
    truncate_to(whole.text, columns);
    fprintf(p->stream, "\r%s\033[K%s", whole.text, last ? "\n" : "");
    fflush(p->stream);
}

/* --- Public functions --------------------------------------------------------------------------------------------- */

static fr_progress *make_progress(const char *what, const char *label, int64_t total, const fr_progress_options *o)
{
    fr_progress *p;

    if (!fr_check_argument(what, label, "label") || !fr_check_reserved(what, o->reserved) ||
        !fr_check_option(what, "interval", fr_option(o->interval, 1), INFINITY))
        return NULL;
    if (total < 0)
        return fr_fail(what, "total is %lld, expected one > 0, or 0 where it is not known", (long long)total);
    p = fr_object_new(sizeof *p);
    if (!p)
        return fr_fail_memory(what);
    p->label = strdup(label);
    if (!p->label) {
        fr_object_free(p);
        return fr_fail_memory(what);
    }
    p->total = total;
    p->clock = monotonic_clock;
    p->width = terminal_width;
    p->stream = o->quiet ? NULL : o->stream ? o->stream : stderr;
    p->terminal = p->stream && isatty(fileno(p->stream));
    p->interval = fr_option(o->interval, p->terminal ? 0.1 : 10);
    p->began = p->clock();
    p->shown = p->terminal ? -HUGE_VAL : p->began; /* a bar is drawn at the first step, other lines after an interval */
    return p;
}

fr_progress *fr_progress_new(const char *label, int64_t total, const fr_progress_options *options)
{
    static const char what[] = "progress_new";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_progress *p = make_progress(what, label, total, options ? options : &(fr_progress_options){ .quiet = false });

    fr_finish(th, before);
    return p;
}

static bool set_value(const char *what, fr_progress *p, const char *name, double value)
{
    char *copy;

    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->items[i].name, name) == 0) {
            p->items[i].value = value;
            return true;
        }
    copy = strdup(name);
    if (!copy || !fr_make_room(&p->items, sizeof *p->items, p->count, &p->capacity)) {
        free(copy);
        return fr_fail_memory(what);
    }
    p->items[p->count].name = copy;
    p->items[p->count++].value = value;
    return true;
}

bool fr_progress_value(fr_progress *p, const char *name, double value)
{
    static const char what[] = "progress_value";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok = fr_check_argument(what, p, "progress") && fr_check_argument(what, name, "name") &&
              set_value(what, p, name, value);

    fr_finish(th, before);
    return ok;
}

static bool add_steps(const char *what, fr_progress *p, int64_t steps)
{
    int64_t done;
    double now;

    if (steps < 0 || __builtin_add_overflow(p->done, steps, &done))
        return fr_fail(what, "%lld steps after %lld, expected 0 or more, and less than 2^63 in all", (long long)steps,
                       (long long)p->done);
    p->done = done;
    if (!p->stream)
        return true;
    now = p->clock();
    if (now - p->shown >= p->interval) {
        draw(p, now, false);
        p->shown = now;
    }
    return true;
}

bool fr_progress_step(fr_progress *p, int64_t steps)
{
    static const char what[] = "progress_step";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    bool ok = fr_check_argument(what, p, "progress") && add_steps(what, p, steps);

    fr_finish(th, before);
    return ok;
}

static void release(void *object)
{
    fr_progress *p = object;

    if (p->stream)
        draw(p, p->clock(), true);
    for (size_t i = 0; i < p->count; i++)
        free(p->items[i].name);
    free(p->items);
    free(p->label);
}

void fr_progress_end(fr_progress *p)
{
    fr_object_end("progress_end", p, "progress", release);
}
