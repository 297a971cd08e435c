/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* TensorBoard's event files: a sequence of records, each an Event message (tensorboard/compat/proto/event.proto)
 * between its length and checksums, in the layout of tensorflow/core/lib/io/record_writer.cc:
 *
 *   8 bytes        N, little-endian
 *   4 bytes        masked CRC-32C of these 8 bytes
 *   N bytes        the message
 *   4 bytes        masked CRC-32C of the message */
#include <config.h>

#include "log/event_file.h"

#include "core/error.h"
#include "log/tensorboard.pb-c.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

typedef Frond__Tensorboard__Event event;

bool fr_log_has_events(void)
{
    return true;
}

/* --- Records ------------------------------------------------------------------------------------------------------ */

/* CRC-32C (Castagnoli): polynomial 0x1edc6f41, reflected; four bits at a time. */
static uint32_t crc32c(const uint8_t *bytes, size_t n)
{
    static const uint32_t table[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
        0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };
    uint32_t crc = ~0U;

    for (size_t i = 0; i < n; i++) {
        crc = table[(crc ^ bytes[i]) & 15] ^ crc >> 4;
        crc = table[(crc ^ (uint32_t)bytes[i] >> 4) & 15] ^ crc >> 4;
    }
    return ~crc;
}

static void put_little_endian(FILE *file, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        putc((int)(value >> 8 * i & 0xff), file);
}

/* Masked: rotated by 15 bits, plus a constant. Otherwise the CRC of data that contains its own CRC would be weak. */
static void put_checksum(FILE *file, const uint8_t *bytes, size_t n)
{
    uint32_t crc = crc32c(bytes, n);

    put_little_endian(file, (crc >> 15 | crc << 17) + 0xa282ead8U, 4);
}

/* Appends e, with the current time, to the file. False with an error. */
static bool put_event(const char *what, fr_logger *log, event *e)
{
    uint8_t length[8], *bytes;
    size_t n;

    e->wall_time = log->clock();
    n = frond__tensorboard__event__get_packed_size(e);
    bytes = malloc(n + 1);
    if (!bytes)
        return fr_fail_memory(what);
    frond__tensorboard__event__pack(e, bytes);
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)((uint64_t)n >> 8 * i);
    fwrite(length, 1, sizeof length, log->events.file);
    put_checksum(log->events.file, length, sizeof length);
    fwrite(bytes, 1, n, log->events.file);
    put_checksum(log->events.file, bytes, n);
    free(bytes);
    return fr_log_file_flush(what, &log->events);
}

/* --- Opening ------------------------------------------------------------------------------------------------------ */

/* TensorBoard reads files whose name contains "tfevents", those of one folder in alphabetical order. False with an
 * error. */
static bool create_file(const char *what, fr_logger *log)
{
    enum { NAMES_TRIED = 100 };
    char host[65] = "", name[160], where[FR_WHERE_SIZE];

    if (gethostname(host, sizeof host - 1) != 0 || !*host)
        strcpy(host, "localhost");
    for (int i = 0; i < NAMES_TRIED; i++) {
        snprintf(name, sizeof name, "events.out.tfevents.%010lld.%s.%ld.%d", (long long)log->clock(), host,
                 (long)getpid(), i);
        free(log->events.path);
        log->events.path = fr_log_path(what, log->dir, name);
        if (!log->events.path)
            return false;
        if (fr_log_file_open(&log->events, O_EXCL))
            return true;
        if (errno != EEXIST)
            break;
    }
    return fr_fail(fr_file_where(what, log->events.path, where), "%s", strerror(errno));
}

bool fr_event_file_open(const char *what, fr_logger *log, int64_t purge_step)
{
    event version = FROND__TENSORBOARD__EVENT__INIT, start = FROND__TENSORBOARD__EVENT__INIT;
    Frond__Tensorboard__SessionLog session = FROND__TENSORBOARD__SESSION_LOG__INIT;
    char file_version[] = "brain.Event:2";

    if (!create_file(what, log))
        return false;
    version.what_case = FROND__TENSORBOARD__EVENT__WHAT_FILE_VERSION;
    version.file_version = file_version;
    session.status = FROND__TENSORBOARD__SESSION_LOG__SESSION_STATUS__START;
    start.what_case = FROND__TENSORBOARD__EVENT__WHAT_SESSION_LOG;
    start.session_log = &session;
    version.step = start.step = purge_step;
    return put_event(what, log, &version) && (purge_step == 0 || put_event(what, log, &start));
}

/* --- Records of each kind ----------------------------------------------------------------------------------------- */

static bool put_value(const char *what, fr_logger *log, const char *name, int64_t step,
                      Frond__Tensorboard__Summary__Value *value)
{
    event e = FROND__TENSORBOARD__EVENT__INIT;
    Frond__Tensorboard__Summary summary = FROND__TENSORBOARD__SUMMARY__INIT;

    value->tag = (char *)name;
    summary.n_value = 1;
    summary.value = &value;
    e.step = step;
    e.what_case = FROND__TENSORBOARD__EVENT__WHAT_SUMMARY;
    e.summary = &summary;
    return put_event(what, log, &e);
}

bool fr_event_file_add_scalar(const char *what, fr_logger *log, const char *name, int64_t step, double value)
{
    Frond__Tensorboard__Summary__Value v = FROND__TENSORBOARD__SUMMARY__VALUE__INIT;

    v.value_case = FROND__TENSORBOARD__SUMMARY__VALUE__VALUE_SIMPLE_VALUE;
    v.simple_value = (float)value;
    return put_value(what, log, name, step, &v);
}

bool fr_event_file_add_histogram(const char *what, fr_logger *log, const char *name, int64_t step, fr_histogram *h)
{
    Frond__Tensorboard__Summary__Value v = FROND__TENSORBOARD__SUMMARY__VALUE__INIT;
    Frond__Tensorboard__HistogramProto proto = FROND__TENSORBOARD__HISTOGRAM_PROTO__INIT;

    proto.min = h->min;
    proto.max = h->max;
    proto.num = (double)h->finite;
    proto.sum = h->sum;
    proto.sum_squares = h->sum_squares;
    proto.n_bucket_limit = proto.n_bucket = h->count;
    proto.bucket_limit = h->limit + h->first;
    proto.bucket = h->values + h->first;
    v.value_case = FROND__TENSORBOARD__SUMMARY__VALUE__VALUE_HISTO;
    v.histo = &proto;
    return put_value(what, log, name, step, &v);
}

bool fr_event_file_add_graph_def(const char *what, fr_logger *log, uint8_t *packed_graph_def, size_t size)
{
    event e = FROND__TENSORBOARD__EVENT__INIT;

    e.what_case = FROND__TENSORBOARD__EVENT__WHAT_GRAPH_DEF;
    e.graph_def = (ProtobufCBinaryData){ size, packed_graph_def };
    return put_event(what, log, &e);
}
