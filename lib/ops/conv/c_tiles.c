/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The three maps of ops/conv/conv.h in C for several images: PLACES places of the output at a time, counted through all
 * images, so that the last places of one and the first of the next make one block. What their windows see becomes a
 * matrix in scratch memory, and each map a product with it. For one image, or one filter, the loops of conv.c,
 * conv_by_x.c and conv_by_weight.c need no memory. */
#include "ops/conv/conv.h"

#include <inttypes.h>

enum { PLACES = 16 }; /* as in the text: a multiple of the TILE of products.c */

/* Both directions: %s is the name, the qualifiers of x and of block, and what is done. */
static const char windows_text[] =
    "/* For PLACES places from `first` on: block[tap * tap_step + place * place_step] and the value of x (images,\n"
    " * groups channels,size) that the tap sees. */\n"
    "static void %s(const convolution *s, int group, int first, %sfloat *x, int tap_step, int place_step, %sfloat "
    "*block)\n"
    "{\n"
    "    const int area = s->size[0] * s->size[1], all = s->images * s->out[0] * s->out[1];\n"
    "\n"
    "    for (int i = 0, n; i < PLACES && first + i < all; i += n) { /* n places of one row */\n"
    "        const int q = (first + i) %% s->out[1], row = (first + i) / s->out[1];\n"
    "        const int top = row %% s->out[0] * s->stride[0] - s->before[0], left = q * s->stride[1] - s->before[1];\n"
    "        const int taps = s->channels * s->kernel[0] * s->kernel[1];\n"
    "        %sfloat *const image = x + (row / s->out[0] * s->groups + group) * s->channels * area;\n"
    "\n"
    "        n = s->out[1] - q < PLACES - i ? s->out[1] - q : PLACES - i;\n"
    "        for (int t = 0, c = 0, k = 0, l = 0; t < taps; t++) {\n"
    "            const int y = top + k * s->dilation[0], at = c * area + y * s->size[1];\n"
    "            %sfloat *const to = block + t * tap_step + i * place_step;\n"
    "\n"
    "            for (int j = 0, at_x = left + l * s->dilation[1]; y >= 0 && y < s->size[0] && j < n; j++) {\n"
    "                if (at_x >= 0 && at_x < s->size[1])\n"
    "                    %s;\n"
    "                at_x += s->stride[1];\n"
    "            }\n"
    "            if (++l == s->kernel[1]) {\n"
    "                l = 0;\n"
    "                if (++k == s->kernel[0]) {\n"
    "                    k = 0;\n"
    "                    c++;\n"
    "                }\n"
    "            }\n"
    "        }\n"
    "    }\n"
    "}\n";

static const char outputs_text[] =
    "enum { PLACES = 16 }; /* of the output, which are taken together */\n"
    "\n"
    "/* The convolution whose windows are the outputs of s, one by one. */\n"
    "static convolution outputs_of(const convolution *s)\n"
    "{\n"
    "    const int places = s->out[0] * s->out[1];\n"
    "    const convolution r = { s->images, s->groups, s->filters, s->filters, { 1, places }, { 1, 1 }, { 1, 1 },\n"
    "                            { 0, 0 }, { 1, 1 }, { 1, places } };\n"
    "\n"
    "    return r;\n"
    "}\n";

static const char *const texts[] = {
    [FR_CONV_TILES] =
        "/* As convolve. room: (taps,PLACES) and (filters,PLACES). */\n"
        "static void convolve_tiles(const convolution *s, const float *x, const float *w, const float *b, "
        "float *room, float *y)\n"
        "{\n"
        "    const convolution outputs = outputs_of(s);\n"
        "    const int taps = s->channels * s->kernel[0] * s->kernel[1], places = outputs.out[1];\n"
        "    float *const sums = room + taps * PLACES;\n"
        "\n"
        "    for (int i = 0; i < s->images * s->groups * s->filters; i++)\n"
        "        for (int p = 0; p < places; p++)\n"
        "            y[i * places + p] = b ? b[i % (s->groups * s->filters)] : 0;\n"
        "    for (int g = 0; g < s->groups; g++, w += s->filters * taps)\n"
        "        for (int first = 0; first < s->images * places; first += PLACES) {\n"
        "            memset(room, 0, (size_t)(taps * PLACES) * sizeof *room);\n"
        "            take_windows(s, g, first, x, PLACES, 1, room);\n"
        "            affine(s->filters, PLACES, taps, room, NULL, w, 0, sums);\n"
        "            add_windows(&outputs, g, first, y, PLACES, 1, sums);\n"
        "        }\n"
        "}\n",
    [FR_CONV_TILES_BY_X] =
        "/* As convolve_transposed: the sums of a block, before they are added to y. room: as above. */\n"
        "static void convolve_tiles_by_x(const convolution *s, const float *x, const float *w, float "
        "*room, float *y)\n"
        "{\n"
        "    const convolution outputs = outputs_of(s);\n"
        "    const int taps = s->channels * s->kernel[0] * s->kernel[1], places = outputs.out[1];\n"
        "    const int all = s->images * s->groups * s->channels * s->size[0] * s->size[1];\n"
        "    float *const sums = room + s->filters * PLACES;\n"
        "\n"
        "    memset(y, 0, (size_t)all * sizeof *y);\n"
        "    for (int g = 0; g < s->groups; g++, w += s->filters * taps)\n"
        "        for (int first = 0; first < s->images * places; first += PLACES) {\n"
        "            memset(room, 0, (size_t)((s->filters + taps) * PLACES) * sizeof *room);\n"
        "            take_windows(&outputs, g, first, x, PLACES, 1, room);\n"
        "            add_outer(s->filters, taps, PLACES, w, room, sums);\n"
        "            add_windows(s, g, first, y, PLACES, 1, sums);\n"
        "        }\n"
        "}\n",
    [FR_CONV_TILES_BY_WEIGHT] = "/* As convolve_by_weight. room: (PLACES,taps) and (PLACES,filters). */\n"
                                "static void convolve_tiles_by_weight(const convolution *s, const float *x, const "
                                "float *g, float *room, float *w)\n"
                                "{\n"
                                "    const convolution outputs = outputs_of(s);\n"
                                "    const int taps = s->channels * s->kernel[0] * s->kernel[1];\n"
                                "    float *const gradients = room + taps * PLACES;\n"
                                "\n"
                                "    memset(w, 0, (size_t)(s->groups * s->filters * taps) * sizeof *w);\n"
                                "    for (int k = 0; k < s->groups; k++, w += s->filters * taps)\n"
                                "        for (int first = 0; first < s->images * outputs.out[1]; first += PLACES) {\n"
                                "            memset(room, 0, (size_t)((taps + s->filters) * PLACES) * sizeof *room);\n"
                                "            take_windows(s, k, first, x, 1, taps, room);\n"
                                "            take_windows(&outputs, k, first, g, 1, s->filters, gradients);\n"
                                "            add_outer(PLACES, s->filters, taps, gradients, room, w);\n"
                                "        }\n"
                                "}\n",
};

bool fr_conv_c_has_tiles(const fr_convolution *c)
{
    return c->batch > 1 && c->out_channels > 1;
}

static void ask_for_helpers(fr_c_writer *w, fr_conv_tiles map, int64_t filters)
{
    fr_c_convolution(w);
    fr_c_helper(w, "outputs_of", outputs_text, false);
    fr_c_helper(w, "take_windows",
                fr_c_format(w, windows_text, "take_windows", "const ", "", "const ", "",
                            "to[j * place_step] = image[at + at_x]"),
                false);
    if (map != FR_CONV_TILES_BY_WEIGHT)
        fr_c_helper(w, "add_windows",
                    fr_c_format(w, windows_text, "add_windows", "", "const ", "", "const ",
                                "image[at + at_x] += to[j * place_step]"),
                    false);
    if (map == FR_CONV_TILES)
        fr_c_affine(w, true, false);
    else
        fr_c_add_outer(w, map == FR_CONV_TILES_BY_X ? filters : PLACES);
}

bool fr_conv_c_tiles(fr_c_writer *w, fr_conv_tiles map, const fr_convolution *c, const char *operands, const char *to)
{
    static const char *const names[] = { "convolve_tiles", "convolve_tiles_by_x", "convolve_tiles_by_weight" };
    int64_t taps = c->in_channels * c->window.kernel[0] * c->window.kernel[1];
    const char *room = fr_c_scratch(w, (taps + c->out_channels) * PLACES);
    char window[FR_C_WINDOW_TEXT];

    ask_for_helpers(w, map, c->out_channels);
    fr_c_helper(w, names[map], texts[map], false);
    return fr_c_line(w,
                     "%s(&(const convolution){ .images = %" PRId64 ", .groups = %" PRId64 ", .channels = %" PRId64
                     ", .filters = %" PRId64 ", %s }, %s, %s, %s);",
                     names[map], c->batch, c->groups, c->in_channels, c->out_channels,
                     fr_c_window(&c->window, true, window), operands, room, to);
}
