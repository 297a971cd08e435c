/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* libfrond-mpi: what carries bytes between ranks is MPI's collective calls that do not wait. Each channel is a
 * communicator, since MPI wants the calls on one to be in the same order on all ranks. It uses public headers alone. */
#include <frond/distributed.h>
#include <frond/transport.h>
#include <mpi.h>

#include <stdio.h>
#include <stdlib.h>

typedef struct {
    fr_transport transport;
    MPI_Comm channels[FR_CHANNELS];
    MPI_Comm parent; /* of the channels: MPI_Abort ends its processes */
    bool owns_mpi;
    char error[MPI_MAX_ERROR_STRING + 1];
} mpi;

/* True for MPI_SUCCESS; else it notes what MPI says. */
static bool check(mpi *m, int code)
{
    int length = 0;

    if (code == MPI_SUCCESS)
        return true;
    if (MPI_Error_string(code, m->error, &length) != MPI_SUCCESS)
        snprintf(m->error, sizeof m->error, "MPI's error %d", code);
    m->transport.error = m->error;
    return false;
}

/* --- Requests ----------------------------------------------------------------------------------------------------- */

typedef int collective(const void *from, int count, MPI_Datatype type, void *into, int into_count,
                       MPI_Datatype into_type, MPI_Comm communicator, MPI_Request *request);

static void *start(fr_transport *t, int channel, const void *from, void *into, size_t bytes, collective *call)
{
    mpi *m = (mpi *)t;
    MPI_Request *request = malloc(sizeof *request);

    if (!request) {
        t->error = "out of memory";
        return NULL;
    }
    if (check(m, call(from, (int)bytes, MPI_BYTE, into, (int)bytes, MPI_BYTE, m->channels[channel], request)))
        return request;
    free(request);
    return NULL;
}

static void *gather(fr_transport *t, int channel, const void *from, void *into, size_t bytes)
{
    return start(t, channel, from, into, bytes, MPI_Iallgather);
}

static void *exchange(fr_transport *t, int channel, const void *from, void *into, size_t bytes)
{
    return start(t, channel, from, into, bytes, MPI_Ialltoall);
}

static int test(fr_transport *t, void *request)
{
    int done = 0;

    if (!check((mpi *)t, MPI_Test(request, &done, MPI_STATUS_IGNORE)))
        return -1;
    if (done)
        free(request);
    return done != 0;
}

/* --- Beginning and ending ----------------------------------------------------------------------------------------- */

static void end(fr_transport *t)
{
    mpi *m = (mpi *)t;
    bool owns = m->owns_mpi;

    for (int i = 0; i < FR_CHANNELS; i++)
        if (m->channels[i] != MPI_COMM_NULL)
            MPI_Comm_free(&m->channels[i]);
    free(m);
    if (owns)
        MPI_Finalize();
}

static void abort_all(fr_transport *t)
{
    MPI_Abort(((mpi *)t)->parent, EXIT_FAILURE);
}

static bool open_channels(mpi *m)
{
    if (m->parent == MPI_COMM_NULL) {
        m->transport.error = "the communicator is MPI_COMM_NULL";
        return false;
    }
    for (int i = 0; i < FR_CHANNELS; i++) {
        if (!check(m, MPI_Comm_dup(m->parent, &m->channels[i])))
            return false;
        MPI_Comm_set_errhandler(m->channels[i], MPI_ERRORS_RETURN);
    }
    return check(m, MPI_Comm_rank(m->channels[0], &m->transport.rank)) &&
           check(m, MPI_Comm_size(m->channels[0], &m->transport.size));
}

/* MPI is initialised for calls from this thread, while others compute. */
static bool begin_mpi(mpi *m)
{
    int there = 0, over = 0, level;

    if (!check(m, MPI_Initialized(&there)) || !check(m, MPI_Finalized(&over)))
        return false;
    if (over) {
        m->transport.error = "MPI has been finalised: it begins once in a process";
        return false;
    }
    if (!there && !check(m, MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level)))
        return false;
    m->owns_mpi = !there;
    return true;
}

/* Reads the options, or else the environment. False, with m's error, for what is wrong. */
static bool read_options(mpi *m, const fr_distributed_options *o, double *timeout)
{
    const char *text = getenv("FROND_DISTRIBUTED_TIMEOUT");
    char *end = NULL;

    m->transport.error = m->error;
    for (size_t i = 0; i < sizeof o->reserved / sizeof *o->reserved; i++)
        if (o->reserved[i]) {
            snprintf(m->error, sizeof m->error, "reserved[%zu] of the options is not NULL: were they zeroed?", i);
            return false;
        }
    *timeout = o->timeout == 0 && text ? strtod(text, &end) : o->timeout;
    if (end && (end == text || *end || !(*timeout >= 0))) {
        snprintf(m->error, sizeof m->error, "FROND_DISTRIBUTED_TIMEOUT=%.40s: expected seconds, 0 or more", text);
        return false;
    }
    m->transport.error = NULL;
    return true;
}

/* Each rank of a computer takes its share of the threads, unless OMP_NUM_THREADS says how many. */
static void share_threads(const mpi *m)
{
    MPI_Comm here;
    int ranks = 1, threads = fr_num_threads();

    if (getenv("OMP_NUM_THREADS") ||
        MPI_Comm_split_type(m->channels[0], MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &here) != MPI_SUCCESS)
        return;
    MPI_Comm_size(here, &ranks);
    MPI_Comm_free(&here);
    fr_set_num_threads(threads > ranks ? threads / ranks : 1);
}

static const fr_transport functions = {
    .gather = gather, .exchange = exchange, .test = test, .end = end, .abort = abort_all
};

bool fr_distributed_init(const fr_distributed_options *options)
{
    fr_distributed_options o = options ? *options : (fr_distributed_options){ 0 };
    fr_transport none = { .error = "out of memory" };
    mpi *m = calloc(1, sizeof *m);
    double timeout = 0;

    if (!m)
        return fr_distributed_begin(&none, 0);
    m->transport = functions;
    m->parent = MPI_COMM_WORLD;
    for (int i = 0; i < FR_CHANNELS; i++)
        m->channels[i] = MPI_COMM_NULL;
    if (read_options(m, &o, &timeout) && begin_mpi(m)) {
        if (o.communicator)
            m->parent = *(const MPI_Comm *)o.communicator;
        open_channels(m);
    }
    if (fr_distributed_begin(&m->transport, timeout)) { /* which fails with the error that there is */
        share_threads(m);
        return true;
    }
    end(&m->transport);
    return false;
}
