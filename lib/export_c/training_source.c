/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The text of NAME.c of a training step: constants, helpers, NAME_train, NAME_predict, NAME_init, NAME_set_lr,
 * NAME_save, NAME_load.
 */
#include "export_c/training.h"
#include "files/safetensors.h"

#include <inttypes.h>
#include <stdlib.h>

static bool has_workspace(const fr_c_function *fn)
{
    return fn->floats > 0 || fn->integers > 0;
}

/* (void)x; for what the code does not read. */
static void write_unused(FILE *f, const fr_c_function *fn, bool state)
{
    if (!fn->buffers[0].read)
        fputs("    (void)x;\n", f);
    if (fn->target && !fn->buffers[1].read)
        fputs("    (void)target;\n", f);
    state = state && fn->carried_count == 0;
    for (size_t i = 0; state && i < fn->buffer_count; i++)
        state = fn->buffers[i].memory != FR_C_PARAMETER || !fn->buffers[i].read;
    if (state)
        fputs("    (void)s;\n", f);
}

static bool write_train(fr_c_writer *w, FILE *f, fr_c_function *fn)
{
    bool ok;

    fprintf(f, "\nfloat %s_train(%s_training *s, const %s *x, const %s *target)\n{\n", w->name, w->name,
            fr_c_type_of(fn->x), fr_c_type_of(fn->target));
    if (has_workspace(fn))
        fprintf(f, "    %s_work *const w = &s->work;\n\n", w->name);
    write_unused(f, fn, false);
    w->out = f;
    w->indent = 1;
    fr_c_write_update_factors(w);
    ok = fr_c_write_body(w, fn, f);
    fputs("}\n", f);
    return ok;
}

static bool write_predict(fr_c_writer *w, FILE *f, fr_c_function *fn)
{
    bool ok;

    fprintf(f, "\nvoid %s_predict(const %s_training *s, const %s *x, %s *y)\n{\n", w->name, w->name,
            fr_c_type_of(fn->x), fr_c_type_of(fn->y));
    if (has_workspace(fn)) {
        fputs("    struct {\n", f);
        fr_c_write_workspace_members(f, "        ", fn);
        fputs("    } memory, *const w = &memory;\n\n", f);
    }
    write_unused(f, fn, true);
    ok = fr_c_write_body(w, fn, f);
    fputs("}\n", f);
    return ok;
}

/* NAME_init and what sets parts of it */
static void write_init(fr_c_writer *w, FILE *f, bool carried)
{
    fprintf(f, "\nvoid %s_init(%s_training *s)\n{\n    memset(s, 0, sizeof *s);\n", w->name, w->name);
    for (size_t i = 0; i < w->kept_count; i++) {
        const char *name = w->constants[w->kept[i]->constant].name;

        fprintf(f, "    memcpy(s->%s.%s, %s, sizeof %s);\n", w->kept[i]->t->dtype == FR_I64 ? "counts" : "weights",
                name, name, name);
    }
    fr_c_write_initial_states(w, f);
    if (w->draws)
        fprintf(f, "    %s_seed(s, 0);\n", w->name);
    fprintf(f,
            "}\n\nvoid %s_set_lr(%s_training *s, float lr)\n{\n"
            "    for (int i = 0; i < %zu; i++)\n"
            "        s->lr[i] = lr;\n}\n",
            w->name, w->name, w->training->optimiser->group_count);
    if (w->draws) /* as O'Neill's pcg32_srandom: seeds that are near each other give other numbers from the first on */
        fprintf(f,
                "\nvoid %s_seed(%s_training *s, uint64_t seed)\n{\n"
                "    s->random = 0;\n    draw(&s->random);\n    s->random += seed;\n    draw(&s->random);\n}\n",
                w->name, w->name);
    if (carried)
        fprintf(f, "\nvoid %s_reset_state(%s_training *s)\n{\n    memset(&s->state, 0, sizeof s->state);\n}\n", w->name,
                w->name);
}

/* NAME_header: the beginning of a safetensors file of what is kept, as fr_save_tensors writes it. */
static bool write_header_bytes(fr_c_writer *w, FILE *f, int64_t *size)
{
    const char **names = calloc(w->kept_count + 1, sizeof *names);
    fr_tensor **tensors = calloc(w->kept_count + 1, sizeof *tensors);
    unsigned char *bytes = NULL;
    size_t n = 0;

    for (size_t i = 0; names && tensors && i < w->kept_count; i++) {
        names[i] = w->kept[i]->path;
        tensors[i] = w->kept[i]->t;
    }
    if (names && tensors)
        bytes = fr_safetensors_header_bytes(w->where, names, tensors, (int)w->kept_count, &n);
    else
        fr_c_out_of_memory(w);
    if (bytes && f) {
        fprintf(f, "\n/* What a safetensors file of the weights begins with: their names, shapes and places. */\n");
        fprintf(f, "static const uint8_t %s_header[%zu] = {", w->name, n);
        for (size_t i = 0; i < n; i++)
            fprintf(f, "%s%d,", i % 24 ? " " : "\n    ", bytes[i]);
        fputs("\n};\n", f);
    }
    *size = (int64_t)n;
    free(bytes);
    free(names);
    free(tensors);
    return *size > 0;
}

/* Loops over the values of each dtype, little-endian, whatever the machine. Arguments: how many, their bytes and bits,
 * the member that holds them. */
static const char save_text[] = "    for (int i = 0; i < %1$" PRId64 "; i++, to += %2$d) {\n"
                                "        uint%3$d_t u;\n\n"
                                "        memcpy(&u, (const char *)&s->%4$s + i * %2$d, %2$d);\n"
                                "        for (int k = 0; k < %2$d; k++)\n"
                                "            to[k] = (uint8_t)(u >> 8 * k);\n"
                                "    }\n";
static const char load_text[] = "    for (int i = 0; i < %1$" PRId64 "; i++, from += %2$d) {\n"
                                "        uint%3$d_t u = 0;\n\n"
                                "        for (int k = 0; k < %2$d; k++)\n"
                                "            u |= (uint%3$d_t)from[k] << 8 * k;\n"
                                "        memcpy((char *)&s->%4$s + i * %2$d, &u, %2$d);\n"
                                "    }\n";

static void write_values(const fr_c_writer *w, FILE *f, const char *text)
{
    static const fr_dtype dtypes[] = { FR_I64, FR_F32 };

    for (int i = 0; i < 2; i++) {
        int size = (int)fr_dtype_size(dtypes[i]);
        int64_t n = fr_c_kept_bytes(w, dtypes[i]) / size;

        if (n > 0)
            fprintf(f, text, n, size, 8 * size, dtypes[i] == FR_I64 ? "counts" : "weights");
    }
}

static void write_save_and_load(const fr_c_writer *w, FILE *f, int64_t bytes)
{
    const char *n = w->name;

    fprintf(f,
            "\nsize_t %s_save(const %s_training *s, void *bytes)\n{\n"
            "    uint8_t *to = bytes;\n\n"
            "    memcpy(to, %s_header, sizeof %s_header);\n"
            "    to += sizeof %s_header;\n",
            n, n, n, n, n);
    write_values(w, f, save_text);
    fprintf(f,
            "    return %" PRId64 ";\n}\n"
            "\nint %s_load(%s_training *s, const void *bytes, size_t n)\n{\n"
            "    const uint8_t *from = bytes;\n\n"
            "    if (n != %" PRId64 " || memcmp(from, %s_header, sizeof %s_header) != 0)\n"
            "        return 0;\n"
            "    from += sizeof %s_header;\n",
            bytes, n, n, bytes, n, n, n);
    write_values(w, f, load_text);
    fputs("    return 1;\n}\n", f);
}

/* What NAME_save writes, after a header of so many bytes. */
static int64_t file_bytes(const fr_c_writer *w, int64_t header)
{
    return header + fr_c_kept_bytes(w, FR_I64) + fr_c_kept_bytes(w, FR_F32);
}

bool fr_c_write_training_source(fr_c_writer *w, FILE *f, fr_c_function *train, fr_c_function *predict,
                                const char *header)
{
    char *functions = NULL;
    size_t size;
    int64_t header_bytes = 0;
    FILE *memory = fr_c_name_constants(w) ? open_memstream(&functions, &size) : NULL;
    bool ok;

    if (!memory)
        return w->failed ? false : fr_c_out_of_memory(w);
    ok = write_train(w, memory, train) && write_predict(w, memory, predict);
    ok = fclose(memory) == 0 ? ok : fr_c_out_of_memory(w);
    if (ok && !w->failed) {
        fprintf(f, "/* Written by frond %s; the header says what it is. */\n", fr_version());
        fprintf(f, "#include \"%s\"\n\n#include <math.h>\n#include <string.h>\n", header);
        ok = fr_c_write_constants(w, f) && write_header_bytes(w, f, &header_bytes) && fr_c_write_helpers(w, f);
    }
    if (ok && !w->failed) {
        fputs(functions, f);
        write_init(w, f, train->carried_count > 0);
        write_save_and_load(w, f, file_bytes(w, header_bytes));
    }
    free(functions);
    return ok && !w->failed;
}

int64_t fr_c_file_bytes(fr_c_writer *w)
{
    int64_t bytes = 0;

    if (!write_header_bytes(w, NULL, &bytes))
        return -1;
    return file_bytes(w, bytes);
}
