/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Stands between a program and the C library's calls that touch files: makes one of them fail, kills the program before
 * one, and notes their order. Linked into a test program it serves that program; as a shared object it is preloaded
 * into another one (LD_PRELOAD), and environment variables say what to do. Only calls for paths that contain a given
 * text count, and those for descriptors that were opened by such a path. */
#ifndef FROND_TESTS_FAULT_SHIM_H
#define FROND_TESTS_FAULT_SHIM_H

enum { FAULT_KILL = -1 }; /* a kind: SIGKILL instead of an error */

typedef struct {
    const char *inside; /* a path counts if it contains this; NULL: no call counts */
    long at;            /* which call fails, from 1; 0: none */
    int kind;           /* which of the errors that this call may have, from 0; FAULT_KILL */
    long calls;         /* that counted so far */
    char failed[512];   /* "fsync x.npy: Input/output error"; empty: no call has failed */
    int retried;        /* the failure was EINTR or a short count, after which a program must go on */
    char log[1 << 16];  /* lines such as "rename a b" of what succeeded, as far as it has room */
    unsigned log_used;
} fault_state;

extern fault_state faults;
int fault_open_descriptors(void); /* how many that count are open */

/* For a preloaded shim: the members of faults, and two files that it writes at exit: the failed call, and the log. */
#define FAULT_INSIDE "FAULT_INSIDE"
#define FAULT_AT     "FAULT_AT"
#define FAULT_KIND   "FAULT_KIND"
#define FAULT_REPORT "FAULT_REPORT" /* "CALLS RETRIED FAILED" */
#define FAULT_LOG    "FAULT_LOG"

#endif
