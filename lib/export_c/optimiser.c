/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The optimiser of a training step in C: SGD, Adam or AdamW, with the formulas of kernels/sgd.c and kernels/adam.c. */
#include "export_c/training.h"

#include <inttypes.h>
#include <stdlib.h>

/* --- Kinds ------------------------------------------------------------------------------------------------------- */

/* Each writes a call that updates n values at p from their gradients at g. */
typedef bool update_writer(fr_c_writer *w, const fr_c_parameter *p, const char *values, const char *g);

static update_writer write_sgd, write_adam, write_adamw;

static const struct {
    const char *name;
    update_writer *write;
} kinds[] = { { "sgd", write_sgd }, { "adam", write_adam }, { "adamw", write_adamw } };

static const fr_optim *optimiser_of(const fr_c_writer *w)
{
    return w->training->optimiser;
}

static const void *options_of(const fr_c_writer *w, int group)
{
    return optimiser_of(w)->groups[group].options;
}

static const fr_c_clock *clock_of(const fr_c_writer *w, const fr_c_parameter *p)
{
    return &w->clocks[p->clock];
}

static update_writer *writer_of(const fr_c_writer *w)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, optimiser_of(w)->kind->name) == 0)
            return kinds[i].write;
    return NULL;
}

bool fr_c_check_optimiser(fr_c_writer *w)
{
    return writer_of(w) ||
           fr_fail(w->where, "optimiser %s has no C form, expected sgd, adam or adamw", optimiser_of(w)->kind->name);
}

bool fr_c_has_state(const fr_c_writer *w, int k)
{
    for (size_t i = 0; i < w->parameter_count; i++)
        if (w->parameters[i].states >> k & 1)
            return true;
    return false;
}

int64_t fr_c_optimiser_bytes(const fr_c_writer *w)
{
    int64_t bytes = 0;

    for (size_t i = 0; i < w->parameter_count; i++) {
        int copies = w->training->accumulate > 1;

        for (int k = 0; k < FR_OPTIM_STATES; k++)
            copies += (int)(w->parameters[i].states >> k & 1);
        bytes += copies * w->parameters[i].t->numel * (int64_t)sizeof(float);
    }
    return bytes;
}

/* --- What the optimiser has come to ------------------------------------------------------------------------------ */

static int find_clock(fr_c_writer *w, const fr_optim_slot *slot)
{
    int i = 0;

    while (i < w->clock_count && (w->clocks[i].group != slot->group || w->clocks[i].steps != slot->steps))
        i++;
    if (i == w->clock_count)
        w->clocks[w->clock_count++] = (fr_c_clock){ .group = slot->group, .steps = slot->steps };
    return i;
}

static bool add_state(fr_c_writer *w, fr_c_parameter *p, int k, fr_tensor *values)
{
    fr_c_constant *c;

    if (!fr_c_add_constant(w, values, &p->begins_as[k]))
        return false;
    c = &w->constants[p->begins_as[k]];
    c->path = fr_c_format(w, "%s.%s", optimiser_of(w)->kind->states[k], p->path);
    c->used = c->needs_float = c->by_rows = true;
    p->begun |= 1U << k;
    return !w->failed;
}

bool fr_c_add_states(fr_c_writer *w)
{
    w->clocks = calloc(w->parameter_count, sizeof *w->clocks);
    if (!w->clocks)
        return fr_c_out_of_memory(w);
    for (size_t i = 0; i < w->parameter_count; i++) {
        fr_c_parameter *p = &w->parameters[i];
        const fr_optim_slot *slot = &optimiser_of(w)->slots[p->slot];

        p->clock = find_clock(w, slot);
        for (int k = 0; k < FR_OPTIM_STATES; k++)
            if (p->states >> k & 1 && slot->state[k] && !(slot->fresh >> k & 1) && !add_state(w, p, k, slot->state[k]))
                return false;
    }
    return true;
}

void fr_c_write_initial_states(fr_c_writer *w, FILE *f)
{
    const fr_optim *o = optimiser_of(w);

    for (size_t i = 0; i < w->parameter_count; i++) {
        const fr_c_parameter *p = &w->parameters[i];

        for (int k = 0; k < FR_OPTIM_STATES; k++)
            if (p->begun >> k & 1)
                fprintf(f, "    memcpy(s->%s.%s, %s, sizeof %s);\n", o->kind->states[k], w->constants[p->constant].name,
                        w->constants[p->begins_as[k]].name, w->constants[p->begins_as[k]].name);
    }
    for (size_t i = 0; i < o->group_count; i++) {
        char rate[FR_C_NUMBER_SIZE];

        fr_c_float_text(*(const double *)o->groups[i].options, rate); /* lr is the first option */
        fprintf(f, "    s->lr[%zu] = %s;\n", i, rate);
    }
}

/* --- Operands ---------------------------------------------------------------------------------------------------- */

static const char *name_of(const fr_c_writer *w, const fr_c_parameter *p)
{
    return w->constants[p->constant].name;
}

/* "s->exp_avg.net_fc_weight"; "NULL": the parameter has no state k. */
static const char *state_of(fr_c_writer *w, const fr_c_parameter *p, int k)
{
    if (!(p->states >> k & 1))
        return "NULL";
    return fr_c_format(w, "s->%s.%s", optimiser_of(w)->kind->states[k], name_of(w, p));
}

static const char *number(fr_c_writer *w, double x)
{
    return fr_c_number(w, x, FR_F32);
}

/* --- SGD --------------------------------------------------------------------------------------------------------- */

static const char sgd_text[] =
    "/* p = p - rate d, where d = sign g + decay p; with b, the momentum, d becomes b or, by Nesterov, d + momentum b. "
    "*/\n"
    "static void sgd(int n, const float *restrict g, float rate, float sign, float decay, float momentum, "
    "float undamped, int nesterov, int first, float *restrict b, float *restrict p)\n"
    "{\n"
    "    for (int i = 0; i < n; i++) {\n"
    "        float d = sign * g[i] + (decay != 0 ? decay * p[i] : 0);\n"
    "\n"
    "        if (b) {\n"
    "            b[i] = first ? d : momentum * b[i] + undamped * d;\n"
    "            d = nesterov ? d + momentum * b[i] : b[i];\n"
    "        }\n"
    "        p[i] -= rate * d;\n"
    "    }\n"
    "}\n";

static bool write_sgd(fr_c_writer *w, const fr_c_parameter *p, const char *values, const char *g)
{
    const fr_sgd_options *o = options_of(w, clock_of(w, p)->group);

    fr_c_helper(w, "sgd", sgd_text, false);
    return fr_c_line(w, "sgd(%lld, %s, s->lr[%d], %s, %s, %s, %s, %d, %s, %s, %s);", (long long)p->t->numel, g,
                     clock_of(w, p)->group, o->maximize ? "-1.0F" : "1.0F", number(w, o->weight_decay),
                     number(w, o->momentum), number(w, 1 - o->dampening), o->nesterov, p->begun ? "0" : "s->steps == 1",
                     state_of(w, p, 0), values);
}

/* --- Adam -------------------------------------------------------------------------------------------------------- */

static const char adam_text[] =
    "/* With d = sign g + decay p: m and v, the moving averages of d and d^2; p = keep p - rate m / (sqrt(v) / root +\n"
    " * eps). rate and root hold the corrections of the first steps. With most the largest v so far takes v's place. "
    "*/\n"
    "static void adam(int n, const float *restrict g, float rate, float root, float eps, float sign, float decay, "
    "float keep, float rest1, float beta2, float rest2, float *restrict m, float *restrict v, float *restrict most, "
    "float *restrict p)\n"
    "{\n"
    "    for (int i = 0; i < n; i++) {\n"
    "        const float d = sign * g[i] + (decay != 0 ? decay * p[i] : 0);\n"
    "\n"
    "        m[i] += rest1 * (d - m[i]);\n"
    "        v[i] = beta2 * v[i] + rest2 * d * d;\n"
    "        if (most)\n"
    "            most[i] = v[i] < most[i] ? most[i] : v[i];\n"
    "        p[i] = keep * p[i] - rate * m[i] / (sqrtf(most ? most[i] : v[i]) / root + eps);\n"
    "    }\n"
    "}\n";

static bool write_moments(fr_c_writer *w, const fr_c_parameter *p, const char *values, const char *g, bool decoupled)
{
    int group = clock_of(w, p)->group;
    const fr_adam_options *o = options_of(w, group);
    const char *decay = number(w, decoupled ? 0 : o->weight_decay),
               *keep = decoupled ? fr_c_format(w, "(float)(1 - %.17g * s->lr[%d])", o->weight_decay, group) : "1.0F";

    fr_c_helper(w, "adam", adam_text, false);
    return fr_c_line(w, "adam(%lld, %s, rate_%d, root_%d, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s);",
                     (long long)p->t->numel, g, p->clock, p->clock, number(w, o->eps), o->maximize ? "-1.0F" : "1.0F",
                     decay, keep, number(w, 1 - o->beta1), number(w, o->beta2), number(w, 1 - o->beta2),
                     state_of(w, p, 0), state_of(w, p, 1), state_of(w, p, 2), values);
}

static bool write_adam(fr_c_writer *w, const fr_c_parameter *p, const char *values, const char *g)
{
    return write_moments(w, p, values, g, false);
}

static bool write_adamw(fr_c_writer *w, const fr_c_parameter *p, const char *values, const char *g)
{
    return write_moments(w, p, values, g, true);
}

/* --- The step ---------------------------------------------------------------------------------------------------- */

/* Counts the step; of Adam, the factors of each clock. */
void fr_c_write_update_factors(fr_c_writer *w)
{
    if (w->training->accumulate > 1) {
        fr_c_line(w, "s->steps += s->added == 0 && s->steps < UINT32_MAX;");
        fr_c_line(w, "s->added = s->added + 1 < %lld ? s->added + 1 : 0;", (long long)w->training->accumulate);
    } else {
        fr_c_line(w, "s->steps += s->steps < UINT32_MAX;");
    }
    for (int i = 0; i < w->clock_count && writer_of(w) != write_sgd; i++) {
        const fr_c_clock *c = &w->clocks[i];
        const fr_adam_options *a = options_of(w, c->group);
        const char *steps = c->steps ? fr_c_format(w, "%lld.0 + s->steps", (long long)c->steps) : "s->steps";

        fr_c_line(w, "const float rate_%d = (float)(s->lr[%d] / (1 - pow(%.17g, %s)));", i, c->group, a->beta1, steps);
        fr_c_line(w, "const float root_%d = (float)sqrt(1 - pow(%.17g, %s));", i, a->beta2, steps);
    }
    fr_c_line(w, "%s", "");
}

static const char add_text[] = "/* sum = sum + x */\n"
                               "static void add_to(int n, const float *restrict x, float *restrict sum)\n"
                               "{\n"
                               "    for (int i = 0; i < n; i++)\n"
                               "        sum[i] += x[i];\n"
                               "}\n";

static void write_update(fr_c_writer *w, const fr_c_parameter *p, fr_tensor *gradient)
{
    const char *g = fr_c_values(w, gradient), *values = fr_c_buffer_name(w, p->t, true), *sum;

    if (w->training->accumulate <= 1) {
        writer_of(w)(w, p, values, g);
        return;
    }
    sum = fr_c_format(w, "s->gradients.%s", name_of(w, p));
    fr_c_helper(w, "add_to", add_text, false);
    fr_c_line(w, "add_to(%lld, %s, %s);", (long long)p->t->numel, g, sum);
    fr_c_line(w, "if (s->added == 0) {");
    w->indent++;
    writer_of(w)(w, p, values, sum);
    fr_c_line(w, "memset(%s, 0, sizeof %s);", sum, sum);
    w->indent--;
    fr_c_line(w, "}");
}

void fr_c_write_updates(fr_c_writer *w, fr_c_function *fn, size_t step)
{
    for (size_t i = 0; i < w->parameter_count; i++)
        if (fn->update_steps[i] == step)
            write_update(w, &w->parameters[i], fn->gradients[i]);
}
