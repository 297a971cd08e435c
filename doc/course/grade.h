/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* What the graders share. Each task runs in a process of its own, so that a crash or an endless loop costs only this
 * task. */
#ifndef GRADE_H
#define GRADE_H

#include "course.h"

enum { SHEET_POINTS = 10, TASK_SECONDS = 10 };

typedef struct {
    const char *name;
    int points;
    bool (*passes)(void); /* says what is wrong on stdout */
} task;

extern int task_number; /* of the task that runs, from 1 */

/* Runs the n tasks of a sheet, prints what came out, and returns the program's exit status. */
int grade(const char *sheet, const task *tasks, int n);

/* Each is true if `given` is as expected, and otherwise says what is wrong, and where. */
bool same(const char *what, const fr_tensor *given, const fr_tensor *expected);
bool same_number(const char *what, double given, double expected);
bool same_shape(const char *what, fr_shape given, fr_shape expected);

/* U(-1,1), marked as wanting a gradient. */
fr_tensor *random_leaf(fr_shape shape);

#endif
