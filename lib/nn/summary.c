/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* fr_module_summary: a table of a module and all below it, with what one traced forward computes in each. */
#include "core/hash_table.h"
#include "core/integer.h"
#include "core/writer.h"
#include "nn/module.h"

#include <inttypes.h>
#include <stdlib.h>

static const char name[] = "module_summary";

/* A module. The numbers include those of all modules below it. */
typedef struct {
    fr_module *m;
    int depth;
    const fr_tensor *result; /* of its last run; NULL: it did not run. Borrowed from the trace */
    int64_t parameters, multiply_adds, bytes;
} row;

enum { COLUMNS = 5, CELL_TEXT = FR_SHAPE_TEXT + 16, NUMBER_TEXT = 32 };

typedef struct {
    row *rows; /* in preorder: the root first */
    size_t count, capacity;
    fr_table paths; /* a module's path -> the index of its row, + 1 */
    fr_trace trace;
    int64_t frozen;          /* the number of frozen parameters */
    int64_t parameter_bytes; /* of all parameters */
    fr_writer w;
    int width[COLUMNS];
} summary;

/* --- The rows ----------------------------------------------------------------------------------------------------- */

static bool list_rows(summary *s, fr_module *root)
{
    for (fr_module *m = root; m; m = fr_module_next(root, m)) {
        row r = { .m = m, .parameters = fr_module_count(m) };

        for (const fr_module *at = m; at != root; at = at->parent)
            r.depth++;
        if (r.parameters < 0)
            return false;
        if (!fr_make_room(&s->rows, sizeof *s->rows, s->count, &s->capacity) ||
            !fr_table_put(&s->paths, m->path, (void *)(uintptr_t)(s->count + 1)))
            return fr_fail_memory(name);
        s->rows[s->count++] = r;
    }
    return true;
}

static bool count_parameters(summary *s)
{
    int n;
    fr_tensor *const *all = fr_module_parameters(s->rows[0].m, &n);

    for (int i = 0; all && i < n; i++) {
        s->frozen += all[i]->requires_grad ? 0 : all[i]->numel;
        s->parameter_bytes += all[i]->numel * (int64_t)fr_dtype_size((fr_dtype)all[i]->dtype);
    }
    return all != NULL;
}

/* The row of the module at path, or of the innermost module around it that has a row. */
static row *row_of(summary *s, const fr_module_path *path)
{
    for (; path; path = path->outer) {
        uintptr_t found = (uintptr_t)fr_table_find(&s->paths, path);

        if (found)
            return &s->rows[found - 1];
    }
    return &s->rows[0];
}

/* --- One forward -------------------------------------------------------------------------------------------------- */

static bool run(fr_thread *th, summary *s, fr_tensor *example)
{
    fr_eval_mode e;
    bool ok;

    if (!fr_eval_mode_begin(name, s->rows[0].m, &e))
        return false;
    fr_trace_begin(th, &s->trace);
    ok = fr_forward(s->rows[0].m, example) != NULL;
    ok = fr_trace_stop(th, name, &s->trace) && ok;
    fr_eval_mode_end(&e);
    return ok;
}

/* The bytes of a step's results. A view has none of its own. */
static int64_t bytes_of(const fr_step *step)
{
    int64_t bytes = 0;

    for (int i = 0; i < step->outputs && !step->op->view; i++)
        bytes += step->out[i]->numel * (int64_t)fr_dtype_size((fr_dtype)step->out[i]->dtype);
    return bytes;
}

static int64_t multiply_adds_of(const fr_step *step)
{
    fr_op_call call = { .op = step->op,
                        .attributes = step->attributes,
                        .inputs = step->inputs,
                        .outputs = step->outputs,
                        .in = step->in,
                        .result = step->out };

    return step->op->multiply_adds ? step->op->multiply_adds(&call) : 0;
}

static void count_steps(summary *s)
{
    for (size_t i = 0; i < s->trace.count; i++) {
        const fr_step *step = &s->trace.steps[i];
        const fr_module *root = s->rows[0].m;
        row *r = row_of(s, step->module_path);

        for (;; r = row_of(s, r->m->parent->path)) {
            r->multiply_adds += multiply_adds_of(step);
            r->bytes += bytes_of(step);
            if (r->m == root)
                break;
        }
    }
    for (size_t i = 0; i < s->trace.run_count; i++) {
        uintptr_t found = (uintptr_t)fr_table_find(&s->paths, s->trace.runs[i].module_path);

        if (found)
            s->rows[found - 1].result = s->trace.runs[i].result;
    }
}

/* --- The table ---------------------------------------------------------------------------------------------------- */

/* "1,234,567" */
static const char *number_text(int64_t number, char text[NUMBER_TEXT])
{
    char digits[NUMBER_TEXT];
    int length = snprintf(digits, sizeof digits, "%" PRId64, number), at = 0;

    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = '\0';
    return text;
}

/* The text in a column other than the first. */
static const char *cell_text(const row *r, int column, char text[CELL_TEXT])
{
    char shape[FR_SHAPE_TEXT];

    if (column > 1)
        return number_text(column == 2 ? r->parameters : column == 3 ? r->multiply_adds : r->bytes, text);
    if (!r->result)
        return "-";
    snprintf(text, CELL_TEXT, "%s%s%s", fr_shape_text(&r->result->shape, shape), r->result->dtype == FR_F32 ? "" : " ",
             r->result->dtype == FR_F32 ? "" : fr_dtype_name((fr_dtype)r->result->dtype));
    return text;
}

/* Puts "  name: Type" and returns its width. The root has no name. */
static int put_layer(fr_writer *w, const row *r)
{
    int64_t before = w->written;

    if (r->depth > 0)
        fr_put(w, "%*s%s: ", 2 * r->depth, "", r->m->name);
    fr_put(w, "%s", r->m->type);
    return (int)(w->written - before);
}

static const char *const titles[COLUMNS] = { "layer", "output", "parameters", "multiply-adds", "activation bytes" };

static void find_widths(summary *s)
{
    char text[CELL_TEXT];

    for (int c = 0; c < COLUMNS; c++)
        s->width[c] = (int)strlen(titles[c]);
    for (size_t i = 0; i < s->count; i++) {
        const row *r = &s->rows[i];
        size_t layer = strlen(r->m->type) + (r->depth > 0 ? (size_t)(2 * r->depth) + strlen(r->m->name) + 2 : 0);

        s->width[0] = (int)fr_most(s->width[0], (int64_t)layer);
        for (int c = 1; c < COLUMNS; c++)
            s->width[c] = (int)fr_most(s->width[c], (int64_t)strlen(cell_text(r, c, text)));
    }
}

static void put_rule(summary *s)
{
    int width = 2 * (COLUMNS - 1);

    for (int c = 0; c < COLUMNS; c++)
        width += s->width[c];
    for (int i = 0; i < width; i++)
        fr_put(&s->w, "-");
    fr_put(&s->w, "\n");
}

static void put_table(summary *s)
{
    char text[CELL_TEXT];

    fr_put(&s->w, "%-*s  %-*s", s->width[0], titles[0], s->width[1], titles[1]);
    for (int c = 2; c < COLUMNS; c++)
        fr_put(&s->w, "  %*s", s->width[c], titles[c]);
    fr_put(&s->w, "\n");
    put_rule(s);
    for (size_t i = 0; i < s->count; i++) {
        int used = put_layer(&s->w, &s->rows[i]);

        fr_put(&s->w, "%*s  %-*s", s->width[0] - used, "", s->width[1], cell_text(&s->rows[i], 1, text));
        for (int c = 2; c < COLUMNS; c++)
            fr_put(&s->w, "  %*s", s->width[c], cell_text(&s->rows[i], c, text));
        fr_put(&s->w, "\n");
    }
    put_rule(s);
}

static void put_totals(summary *s)
{
    const row *all = &s->rows[0];
    char a[NUMBER_TEXT], b[NUMBER_TEXT], c[NUMBER_TEXT];

    fr_put(&s->w, "parameters     %s: %s trainable, %s frozen\n", number_text(all->parameters, a),
           number_text(all->parameters - s->frozen, b), number_text(s->frozen, c));
    fr_put(&s->w, "multiply-adds  %s\n", number_text(all->multiply_adds, a));
    fr_put(&s->w, "bytes          %s of parameters, %s of activations, %s with their gradients\n",
           number_text(s->parameter_bytes, a), number_text(all->bytes, b), number_text(2 * all->bytes, c));
}

static bool summarise(fr_thread *th, summary *s, fr_module *m, fr_tensor *example)
{
    if (!list_rows(s, m) || !count_parameters(s) || !run(th, s, example))
        return false;
    count_steps(s);
    find_widths(s);
    put_table(s);
    put_totals(s);
    return s->w.written >= 0 || fr_fail(name, "the file cannot be written");
}

bool fr_module_summary(FILE *file, fr_module *m, fr_tensor *example)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, name);
    int scope = fr_scope_begin();
    summary s = { .w.file = file };
    bool ok = scope >= 0 && fr_check_argument(name, file, "file") && fr_check_argument(name, m, "module") &&
              fr_check_argument(name, example, "example") && summarise(th, &s, m, example);

    fr_trace_free(&s.trace);
    fr_table_free(&s.paths);
    free(s.rows);
    fr_scope_end(scope);
    fr_finish(th, before);
    return ok;
}
