/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Makes many bad files from good ones by random changes, which are the same in each run. */
#ifndef FROND_TESTS_MUTATIONS_H
#define FROND_TESTS_MUTATIONS_H

#include "testing.h"

#include <stdio.h>

enum { MUTATIONS = 20000 };

/* Returns a file's bytes; the caller frees them. */
static inline unsigned char *read_bytes(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    unsigned char *bytes;

    ck_assert_msg(file != NULL, "%s", path);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    bytes = malloc(*size + 1);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_uint_eq(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

static inline void write_bytes(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");

    ck_assert_msg(file != NULL, "%s", path);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

/* Returns a random number below n (xorshift64). */
static inline size_t draw(uint64_t *state, size_t n)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (size_t)(*state >> 11) % n;
}

/* Changes one place of the *size bytes. The buffer has room for `room` bytes. */
static inline void mutate_once(unsigned char *bytes, size_t *size, size_t room, uint64_t *state)
{
    static const char *const tokens[] = { "0",
                                          "-1",
                                          "9223372036854775807",
                                          "99999999999999999999",
                                          "1e999",
                                          "nan",
                                          "?",
                                          "",
                                          ",",
                                          ":",
                                          "\n",
                                          "\r\n",
                                          "\t",
                                          "@",
                                          "#",
                                          "\"",
                                          "{",
                                          "}",
                                          "[",
                                          "]",
                                          "\\u0000",
                                          "\xff",
                                          "@data\n",
                                          "F64",
                                          "I64",
                                          "true",
                                          "null",
                                          "-",
                                          ".",
                                          "e" };
    size_t at = draw(state, *size), length = draw(state, 8) ? 1 + draw(state, 8) : 1 + draw(state, *size);
    const char *token = tokens[draw(state, sizeof tokens / sizeof *tokens)];

    if (length > *size - at)
        length = *size - at;
    switch (draw(state, 6)) {
    case 0:
        bytes[at] ^= (unsigned char)(1U << draw(state, 8));
        break;
    case 1:
        bytes[at] = (unsigned char)draw(state, 256);
        break;
    case 2: /* cut bytes out */
        memmove(bytes + at, bytes + at + length, *size - at - length);
        *size -= length;
        break;
    case 3: /* repeat bytes */
        length = length < room - *size ? length : room - *size;
        memmove(bytes + at + length, bytes + at, *size - at);
        *size += length;
        break;
    case 4: /* insert a token */
        length = strlen(token) < room - *size ? strlen(token) : room - *size;
        memmove(bytes + at + length, bytes + at, *size - at);
        memcpy(bytes + at, token, length);
        *size += length;
        break;
    case 5: /* overwrite with a token */
        length = strlen(token) < *size - at ? strlen(token) : *size - at;
        memcpy(bytes + at, token, length);
        break;
    }
    if (*size == 0)
        bytes[(*size)++] = '\n';
}

/* Reads MUTATIONS changed copies of the file. Asserts that no tensor stays alive and that each failure has a message.
 * read returns true if it succeeded; then it has checked its results. */
static inline void read_mutations(const char *path, bool (*read)(FILE *file))
{
    size_t original_size, room, good = 0;
    unsigned char *original = read_bytes(path, &original_size), *bytes;
    uint64_t state = 88172645463325252U;

    room = 2 * original_size + 64;
    bytes = malloc(room);
    ck_assert_ptr_nonnull(bytes);
    for (int i = 0; i < MUTATIONS; i++) {
        size_t size = original_size;

        memcpy(bytes, original, size);
        for (size_t changes = 1 + draw(&state, 3); changes > 0; changes--)
            mutate_once(bytes, &size, room, &state);

        FILE *file = fmemopen(bytes, size, "rb");
        size_t live = fr_live_tensors();

        ck_assert_ptr_nonnull(file);
        if (read(file))
            good++;
        else
            assert_failed("frond: ");
        fclose(file);
        ck_assert_ptr_null(fr_error_message());
        ck_assert_uint_eq(fr_live_tensors(), live);
    }
    ck_assert_msg(good > 0 && good < MUTATIONS, "%zu of %d changed files could be read", good, MUTATIONS);
    free(bytes);
    free(original);
}

#endif
