/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Fuzzes model.json, as the program frond reads it: makes the model that it describes, and runs it. */
#include "few_values.h"
#include "fuzz.h"

#include "tools/frond/program.h"

#include <setjmp.h>
#include <string.h>

static jmp_buf refused;

/* Where the program would exit. */
void die(const char *format, ...)
{
    (void)format;
    longjmp(refused, 1);
}

static void fail(const char *message, void *user)
{
    (void)message;
    (void)user;
    longjmp(refused, 1);
}

char *path_in(const char *dir, const char *name)
{
    (void)name;
    return strdup(dir);
}

static void run_model(const run *r)
{
    fr_module *model = model_new(r);

    if (model)
        model_forward(r, model, fr_ones(FR_SHAPE(2, r->steps < 3 ? r->steps : 3, r->variables)), NULL);
    fr_module_free(model);
}

static void read_run(FILE *file)
{
    json_t *json = json_loadf(file, 0, NULL);
    int scope = fr_scope_begin();
    run r = { .dir = "fuzz" };

    if (setjmp(refused) == 0 && json) {
        fr_set_error_handler(fail, NULL);
        run_from_json(&r, json, "fuzz");
        fr_set_error_handler(NULL, NULL);
        run_model(&r);
    }
    fr_set_error_handler(NULL, NULL);
    fr_scope_end(scope);
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    return fuzz_file(bytes, size, read_run);
}
