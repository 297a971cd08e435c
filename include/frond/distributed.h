/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* libfrond-mpi: a group of processes on MPI, as `mpirun -n 4 PROGRAM` starts them. <frond/process_group.h>, which
 * <frond.h> includes, has what a group does. Compile with `pkg-config --cflags --libs frond-mpi`. */
#ifndef FROND_DISTRIBUTED_H
#define FROND_DISTRIBUTED_H

#include <frond/process_group.h>

FR_BEGIN_DECLS

typedef struct {
    double timeout;           /* seconds that a rank waits for others before it fails; default: the environment variable
                               * FROND_DISTRIBUTED_TIMEOUT, or else 1,800, as in PyTorch */
    const void *communicator; /* an MPI_Comm *, whose processes make up the group; default MPI_COMM_WORLD */
    void *reserved[8];
} fr_distributed_options;

/* Begins the group of all ranks of the communicator, in this thread, which must be the one that initialised MPI. If
 * nobody has, this does, and fr_distributed_finalize ends MPI too; else both are left to the program. It must be called
 * by all ranks. Ranks of one computer share its threads, unless OMP_NUM_THREADS is set. Started without mpirun, the
 * program is a group of one rank. False with an error if MPI fails, if there is a group already, for a timeout below 0
 * and for reserved fields that are not NULL. options may be NULL. */
bool fr_distributed_init(const fr_distributed_options *options);

FR_END_DECLS
#endif
