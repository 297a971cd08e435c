/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Fuzzes the expressions of `frond explain`: computes one, and explains it. A line before it is the value of x. */
#include "few_values.h"
#include "fuzz.h"

#include "tools/frond/expression.h"

static void explain(char *text)
{
    char *line = strchr(text, '\n');
    expression_name names[2] = { { "x", NULL, false }, { "y", NULL, false } };
    expression value = { .text = line ? text : "2" }, e = { .text = line ? line + 1 : text, .names = names };
    FILE *nowhere = fopen("/dev/null", "w");
    fr_tensor *t;

    if (line)
        *line = '\0';
    names[0].value = fr_requires_grad(expression_value(&value));
    names[1].value = fr_requires_grad(fr_full_of((fr_shape){ 0 }, 0.5, FR_F64));
    e.count = names[0].value ? 2 : 0;
    t = expression_compute(&e);
    if (t && fr_wants_grad(t) && nowhere)
        for (int table = 0; table < 2; table++)
            if (!fr_explain_with(nowhere, t, &(fr_explain_options){ .unfold = true, .trace_table = table }))
                fr_error_clear();
    if (nowhere)
        fclose(nowhere);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char text[512];
    int scope;

    if (size >= sizeof text)
        return -1;
    memcpy(text, bytes, size);
    text[size] = '\0';
    fr_set_error_handler(NULL, NULL);
    scope = fr_scope_begin();
    explain(text);
    fr_scope_end(scope);
    return fuzz_end();
}
