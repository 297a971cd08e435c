/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Spans in memory (core/spans.h): where they lie is held to the definition, span by span, on random ones. */
#include "testing.h"

#include "core/spans.h"
#include "mutations.h"

enum { MOST = 400 };

static bool meet(const fr_span *a, const fr_span *b)
{
    return a->first <= b->last && b->first <= a->last;
}

static bool overlap(const fr_span *a, const fr_span *b)
{
    return meet(a, b) && a->offset < b->offset + b->size && b->offset < a->offset + a->size;
}

/* True if a is placed before b. */
static bool is_before(const fr_span *a, const fr_span *b)
{
    if (a->size != b->size)
        return a->size > b->size;
    return a->first != b->first ? a->first < b->first : a->last != b->last ? a->last > b->last : a < b;
}

/* The lowest offset of s beside those placed before it. It is 0, or where one of them ends. */
static int64_t lowest(const fr_span *spans, size_t n, const fr_span *s)
{
    int64_t best = INT64_MAX;

    for (size_t i = 0; i <= n; i++) {
        fr_span there = *s;
        bool free = i == n || is_before(&spans[i], s);

        there.offset = i == n ? 0 : spans[i].offset + spans[i].size;
        for (size_t k = 0; k < n && free; k++)
            free = !is_before(&spans[k], s) || !overlap(&spans[k], &there);
        if (free && there.offset < best)
            best = there.offset;
    }
    return best;
}

/* What is needed at the time when s begins. */
static int64_t needed(const fr_span *spans, size_t n, const fr_span *s)
{
    int64_t sum = 0;

    for (size_t i = 0; i < n; i++)
        if (spans[i].first <= s->first && s->first <= spans[i].last)
            sum += spans[i].size;
    return sum;
}

static void assert_placed(fr_span *spans, size_t n)
{
    int64_t total, most = 0, end = 0;

    ck_assert(fr_spans_place(spans, n, &total));
    for (size_t i = 0; i < n; i++) {
        const fr_span *s = &spans[i];

        ck_assert_int_eq(s->offset, lowest(spans, n, s));
        most = needed(spans, n, s) > most ? needed(spans, n, s) : most;
        end = s->offset + s->size > end ? s->offset + s->size : end;
        for (size_t k = 0; k < i; k++)
            ck_assert(!overlap(&spans[k], s));
    }
    ck_assert_int_eq(total, end);
    ck_assert_int_ge(total, most);
}

/* Few times and sizes, or many; short lives, or long ones. */
START_TEST(lie_at_the_lowest_free_offset)
{
    static fr_span spans[MOST];
    uint64_t state = (uint64_t)_i + 1;
    size_t n = draw(&state, _i % 8 ? 40 : MOST), times = 1 + draw(&state, 2 * MOST), lives = 1 + draw(&state, times);
    size_t sizes = 1 + draw(&state, 20);

    for (size_t i = 0; i < n; i++) {
        size_t first = draw(&state, times);

        spans[i] = (fr_span){ 64 * (int64_t)draw(&state, sizes), first, first + draw(&state, lives), -1 };
    }
    assert_placed(spans, n);
}
END_TEST

START_TEST(none_and_one)
{
    fr_span one = { 8, 5, SIZE_MAX - 1, -1 };
    int64_t total = -1;

    ck_assert(fr_spans_place(NULL, 0, &total));
    ck_assert_int_eq(total, 0);
    assert_placed(&one, 1);
}
END_TEST

/* Kind 0 is what a long chain keeps for backward, all of it at once, and short-lived results in between; kind 1 are
 * spans that begin together and end at one of two times. Spans of one size fill the memory that is needed at one time,
 * and no more. Comparing all pairs would take longer than a test may. */
START_TEST(many)
{
    enum { N = 200000 };
    fr_span *spans = malloc(N * sizeof *spans);
    int64_t total;

    ck_assert_ptr_nonnull(spans);
    for (size_t i = 0; i < N; i++)
        if (_i == 1)
            spans[i] = (fr_span){ 64, 0, i % 3 == 0 ? 1 : 2, -1 };
        else
            spans[i] = (fr_span){ 64, 2 * i, i % 2 == 0 ? 4 * (size_t)N - 2 * i : 2 * i + 2, -1 };
    ck_assert(fr_spans_place(spans, N, &total));
    ck_assert_int_eq(total, 64 * (int64_t)(_i == 1 ? N : N / 2 + 1));
    free(spans);
}
END_TEST

int main(void)
{
    TCase *spans = tcase_create("spans");

    tcase_add_loop_test(spans, lie_at_the_lowest_free_offset, 0, 400);
    tcase_add_test(spans, none_and_one);
    tcase_add_loop_test(spans, many, 0, 2);
    return run_tests("spans", spans);
}
