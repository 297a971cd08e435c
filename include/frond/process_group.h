/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Training with several processes, each of which has the whole model and a part of every batch. The processes, which
 * are called ranks and numbered from 0, make up a group. <frond/distributed.h> of libfrond-mpi begins one on MPI. A
 * program that does without is a group of one rank: everything here works there, and does nothing.
 *
 *     fr_distributed_init(NULL);
 *     ...                               // each rank makes the same model, optimiser and loader from the same seed
 *     fr_optim_distributed(optim);      // its gradients are from now on the means over all ranks
 *     fr_loader_distributed(loader);    // each rank gets its part of every batch
 *     ...                               // the loop over batches, or fr_fit
 *     fr_distributed_finalize();
 *
 * The result is that of one process with the whole batches, up to rounding; for one number of ranks it has the same
 * bits in each run, since sums go in the order of the ranks. For that all ranks must do the same in the same order. One
 * that does something else, or stops, makes the others fail: with an error that names it, or, if it says nothing any
 * more, after the group's timeout. After such an error the group is of no more use.
 *
 * What belongs to a group is called from the thread that began it. */
#ifndef FROND_PROCESS_GROUP_H
#define FROND_PROCESS_GROUP_H

#include <frond/data.h>
#include <frond/optim.h>

FR_BEGIN_DECLS

/* --- The group ---------------------------------------------------------------------------------------------------- */

int fr_distributed_rank(void); /* of this process; 0 without a group */
int fr_distributed_size(void); /* the number of ranks; 1 without a group */
/* Waits until all ranks have come here. False with an error if one does not come. */
bool fr_distributed_barrier(void);
/* Ends the group, when all ranks have come here. After an error in the group it ends this process and the others, with
 * the exit status 1. */
void fr_distributed_finalize(void);

/* --- Training ----------------------------------------------------------------------------------------------------- */

/* From now on each fr_backward gives the parameters of o the means of their gradients over all ranks, as PyTorch's
 * DistributedDataParallel does: fr_backward returns when all are there, so clipping by the norm clips by the norm of
 * the whole batch. While backward still runs, gradients that are complete are on their way already, in portions of 4
 * MiB; of several distributed optimisers, and behind fr_checkpoint, they leave at the end. A parameter that some ranks'
 * losses do not depend on counts as one with a gradient of zeros there; one that no rank's loss depends on gets none.
 *
 * Also gives all ranks rank 0's values of the parameters and of the buffers of their modules; during training floating
 * buffers, such as running means, are given again with every gradient. Other ranks than 0 seed their generator anew, so
 * that each draws its own dropout. Takes the memory of two more gradients.
 *
 * False with an error if the ranks' parameters differ in number, name, shape or dtype, for fr_lbfgs, which looks at the
 * loss itself, and for an optimiser that is distributed already. fr_backward fails on all ranks where a gradient of one
 * is not finite. Groups of parameters are added before. */
bool fr_optim_distributed(fr_optim *o);
/* PyTorch's no_sync: while on, gradients of o's parameters add up in each rank by itself; the first backward after that
 * takes the means of the sums. Saves time where several backwards make one step. False with an error for an optimiser
 * that is not distributed, and within a backward. */
bool fr_optim_no_sync(fr_optim *o, bool on);

/* From now on l gives this rank its part of each batch, by fr_loader_shard: batch_size is that of all ranks together.
 * All ranks follow rank 0's random order, so the batches are the same for every number of ranks. Multiply the loss by
 * fr_loader_weight(l), as fr_fit does, where the ranks' parts may differ in size. */
bool fr_loader_distributed(fr_loader *l);

/* From now on each batch norm in m, in training, normalises by mean and variance over the batches of all ranks
 * (PyTorch's SyncBatchNorm). Ranks may have batches of different sizes. */
bool fr_batch_norm_distributed(fr_module *m);

/* --- Values ------------------------------------------------------------------------------------------------------- */

/* Each of n values becomes its sum over all ranks, with the same bits on each: for losses and metrics. False with an
 * error if the ranks' n differ. */
bool fr_all_reduce_values(double *values, int n);
/* The sum of t over all ranks, of t's shape and dtype, which is floating and the same on each rank. An op: the gradient
 * of t is the sum of the results' gradients over all ranks. NULL with an error. */
fr_tensor *fr_all_reduce(fr_tensor *t);
/* Writes rank 0's values into n tensors of all ranks, in place. False with an error if their shapes or dtypes differ
 * from rank to rank. */
bool fr_broadcast(fr_tensor *const *tensors, int n);

FR_END_DECLS
#endif
