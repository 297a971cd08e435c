/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The one place of the program that knows whether there is MPI. */
#include "program.h"

#ifdef FR_HAVE_MPI
#include <frond/distributed.h>

void distributed_begin(void)
{
    fr_distributed_init(NULL);
}
#else
void distributed_begin(void)
{
    die("--distributed: this frond was built without MPI (configure --with-mpi)");
}
#endif
