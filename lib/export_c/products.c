/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Helpers for products of matrices, which stand in the source file as those of helpers.c do. Sums are in the same order
 * for one row of x and for many, so that a result does not depend on the batch. */
#include "export_c/writer.h"

/* While planning it is not known yet which of affine and affine_rows will be called. */
static void affine_by_rows(fr_c_writer *w, bool int8)
{
    static const char dot[] = "/* The sum of w[i] x[i], in four parts that do not wait for each other. */\n"
                              "static float dot$q(int n, const $t *w, const float *x)\n"
                              "{\n"
                              "    const int whole = n - n % 4;\n"
                              "    float a = 0, b = 0, c = 0, d = 0;\n"
                              "\n"
                              "    for (int i = 0; i < whole; i += 4) {\n"
                              "        a += w[i] * x[i];\n"
                              "        b += w[i + 1] * x[i + 1];\n"
                              "        c += w[i + 2] * x[i + 2];\n"
                              "        d += w[i + 3] * x[i + 3];\n"
                              "    }\n"
                              "    for (int i = whole; i < n; i++)\n"
                              "        a += w[i] * x[i];\n"
                              "    return (a + b) + (c + d);\n"
                              "}\n";
    static const char affine[] =
        "/* y = W x + b for each of n rows x: w (rows,columns), b (rows) or NULL, y (n,rows). */\n"
        "static void affine_rows$q(int n, int rows, int columns, const $t *w{{, const float *scale}}, const float *b, "
        "const float *x, float *y)\n"
        "{\n"
        "    for (; n > 0; n--, x += columns, y += rows)\n"
        "        for (int i = 0; i < rows; i++)\n"
        "            y[i] = (b ? b[i] : 0) + dot$q(columns, w + i * columns, x){{ * scale[i]}};\n"
        "}\n";

    fr_c_helper(w, "dot", dot, int8);
    fr_c_helper(w, "affine_rows", affine, int8);
}

/* The loops over i have a length that the compiler knows: they become vector code even with -O2, and the sums stay in
 * registers. */
static void tile(fr_c_writer *w, bool int8)
{
    static const char text[] =
        "/* TILE columns of four rows of Y = X W + b, or (onto) Y + X W + b: W (k,n) and b from their first column on, "
        "Y\n"
        " * (4,n), X[r][j] = x[r * row + j * step]. */\n"
        "static void add_tile$q(int k, int n, const $t *restrict w{{, const float *restrict scale}}, const float "
        "*restrict b, const float *restrict x, int row, int step, int onto, float *restrict y)\n"
        "{\n"
        "    const float *restrict x0 = x, *restrict x1 = x + row, *restrict x2 = x + 2 * row, *restrict x3 = x + 3 * "
        "row;\n"
        "    float sum[4][TILE];\n"
        "    int j = 0;\n"
        "\n"
        "    for (int r = 0; r < 4; r++)\n"
        "        for (int i = 0; i < TILE; i++)\n"
        "            sum[r][i] = (onto ? y[r * n + i] : 0) + (b ? b[i] : 0);\n"
        "    for (; j + 4 <= k; j += 4, w += 4 * n, x0 += 4 * step, x1 += 4 * step, x2 += 4 * step, x3 += 4 * step)\n"
        "        for (int i = 0; i < TILE; i++) {\n"
        "            const float p = w[i], q = w[n + i], r = w[2 * n + i], s = w[3 * n + i];\n"
        "\n"
        "            sum[0][i] += {{scale[i] * }}((p * x0[0] + q * x0[step]) + (r * x0[2 * step] + s * x0[3 * "
        "step]));\n"
        "            sum[1][i] += {{scale[i] * }}((p * x1[0] + q * x1[step]) + (r * x1[2 * step] + s * x1[3 * "
        "step]));\n"
        "            sum[2][i] += {{scale[i] * }}((p * x2[0] + q * x2[step]) + (r * x2[2 * step] + s * x2[3 * "
        "step]));\n"
        "            sum[3][i] += {{scale[i] * }}((p * x3[0] + q * x3[step]) + (r * x3[2 * step] + s * x3[3 * "
        "step]));\n"
        "        }\n"
        "    for (; j < k; j++, w += n, x0 += step, x1 += step, x2 += step, x3 += step)\n"
        "        for (int i = 0; i < TILE; i++) {\n"
        "            sum[0][i] += {{scale[i] * }}w[i] * x0[0];\n"
        "            sum[1][i] += {{scale[i] * }}w[i] * x1[0];\n"
        "            sum[2][i] += {{scale[i] * }}w[i] * x2[0];\n"
        "            sum[3][i] += {{scale[i] * }}w[i] * x3[0];\n"
        "        }\n"
        "    for (int r = 0; r < 4; r++)\n"
        "        for (int i = 0; i < TILE; i++)\n"
        "            y[r * n + i] = sum[r][i];\n"
        "}\n";

    fr_c_helper(w, "TILE", "enum { TILE = 16 };\n", false);
    fr_c_helper(w, "add_tile", text, int8);
}

static void affine_by_columns(fr_c_writer *w, bool int8)
{
    static const char one[] =
        "/* A loop over y becomes vector code; over one sum, which a compiler may not reorder, it would not. */\n"
        "static void affine_one$q(int rows, int columns, const $t *restrict w{{, const float *restrict scale}}, "
        "const float *restrict b, const float *restrict x, int onto, float *restrict y)\n"
        "{\n"
        "    const int whole = columns - columns % 4;\n"
        "\n"
        "    if (!onto)\n"
        "        memset(y, 0, (size_t)rows * sizeof *y);\n"
        "    for (int i = 0; b && i < rows; i++)\n"
        "        y[i] += b[i];\n"
        "    for (int k = 0; k < whole; k += 4, w += 4 * rows)\n"
        "        for (int i = 0; i < rows; i++) {\n"
        "            const float p = w[i] * x[k] + w[rows + i] * x[k + 1];\n"
        "            const float q = w[2 * rows + i] * x[k + 2] + w[3 * rows + i] * x[k + 3];\n"
        "\n"
        "            y[i] += {{scale[i] * }}(p + q);\n"
        "        }\n"
        "    for (int k = whole; k < columns; k++, w += rows)\n"
        "        for (int i = 0; i < rows; i++)\n"
        "            y[i] += {{scale[i] * }}w[i] * x[k];\n"
        "}\n";
    static const char affine[] =
        "/* y = W x + b, or (onto) y + W x + b, for each of n rows x: w (columns,rows), which is W by columns, b "
        "(rows) "
        "or\n"
        " * NULL, y (n,rows). */\n"
        "static void affine$q(int n, int rows, int columns, const $t *w{{, const float *scale}}, const float *b, "
        "const float *x, int onto, float *y)\n"
        "{\n"
        "    for (; n >= 4 && rows % TILE == 0; n -= 4, x += 4 * columns, y += 4 * rows)\n"
        "        for (int i = 0; i < rows; i += TILE)\n"
        "            add_tile$q(columns, rows, w + i{{, scale + i}}, b ? b + i : NULL, x, columns, 1, onto, y + i);\n"
        "    for (; n > 0; n--, x += columns, y += rows)\n"
        "        affine_one$q(rows, columns, w{{, scale}}, b, x, onto, y);\n"
        "}\n";

    tile(w, int8);
    fr_c_helper(w, "affine_one", one, int8);
    fr_c_helper(w, "affine", affine, int8);
}

void fr_c_affine(fr_c_writer *w, bool by_columns, bool int8)
{
    if (!by_columns || !w->out)
        affine_by_rows(w, int8);
    if (by_columns || !w->out)
        affine_by_columns(w, int8);
}

/* On a device that learns from one sample at a time the code for several rows would only take memory. While planning,
 * the most rows of all calls are noted. */
void fr_c_add_outer(fr_c_writer *w, int64_t rows)
{
    static const char outer_text[] =
        "/* y = y + A^T B: a (rows,m), b (rows,n), y (m,n). */\n"
        "static void add_outer(int rows, int m, int n, const float *a, const float *b, float *restrict y)\n"
        "{\n"
        "    if (n == 1) { /* the longer loop inside: y is the same, transposed */\n"
        "        const float *c = a;\n"
        "\n"
        "        a = b;\n"
        "        b = c;\n"
        "        n = m;\n"
        "        m = 1;\n"
        "    }\n";
    /* Y is written less often. */
    static const char four_rows[] =
        "    if (rows >= 4 && m % 4 == 0 && n % TILE == 0) {\n"
        "        for (int i = 0; i < m; i += 4)\n"
        "            for (int j = 0; j < n; j += TILE)\n"
        "                add_tile(rows, n, b + j, NULL, a + i, 1, m, 1, y + i * n + j);\n"
        "        return;\n"
        "    }\n"
        "    if (rows >= 4 && m % TILE == 0 && n < TILE) { /* the longer loop inside, here too */\n"
        "        for (int i = 0; i < m; i += TILE)\n"
        "            for (int j = 0; j < n; j++) {\n"
        "                const float *p = a + i, *q = b + j;\n"
        "                float sum[TILE] = { 0 };\n"
        "\n"
        "                for (int r = 0; r + 4 <= rows; r += 4, p += 4 * m, q += 4 * n)\n"
        "                    for (int k = 0; k < TILE; k++)\n"
        "                        sum[k] += (p[k] * q[0] + p[m + k] * q[n]) + (p[2 * m + k] * q[2 * n] + p[3 * m + k] * "
        "q[3 * n]);\n"
        "                for (int k = 0; k < TILE; k++)\n"
        "                    y[(i + k) * n + j] += sum[k];\n"
        "            }\n"
        "        a += (rows - rows % 4) * m;\n"
        "        b += (rows - rows % 4) * n;\n"
        "        rows %= 4;\n"
        "    }\n"
        "    for (; rows >= 4; rows -= 4, a += 4 * m, b += 4 * n)\n"
        "        for (int i = 0; i < m; i++)\n"
        "            for (int j = 0; j < n; j++)\n"
        "                y[i * n + j] += (a[i] * b[j] + a[m + i] * b[n + j]) + "
        "(a[2 * m + i] * b[2 * n + j] + a[3 * m + i] * b[3 * n + j]);\n";
    static const char row[] = "    for (; rows > 0; rows--, a += m, b += n)\n"
                              "        for (int i = 0; i < m; i++)\n"
                              "            for (int j = 0; j < n; j++)\n"
                              "                y[i * n + j] += a[i] * b[j];\n"
                              "}\n";

    if (!w->out && rows > w->outer_rows)
        w->outer_rows = rows;
    if (!w->out || w->outer_rows >= 4)
        tile(w, false);
    fr_c_helper(w, "add_outer", fr_c_format(w, "%s%s%s", outer_text, w->outer_rows >= 4 ? four_rows : "", row), false);
}

void fr_c_outer(fr_c_writer *w, int64_t rows)
{
    static const char rows_text[] =
        "/* y = y + the sum of the rows of a (rows,n). */\n"
        "static void add_rows(int rows, int n, const float *restrict a, float *restrict y)\n"
        "{\n"
        "    for (int r = 0; r < rows; r++, a += n)\n"
        "        for (int j = 0; j < n; j++)\n"
        "            y[j] += a[j];\n"
        "}\n";
    fr_c_helper(w, "add_rows", rows_text, false);
    fr_c_add_outer(w, rows);
}
