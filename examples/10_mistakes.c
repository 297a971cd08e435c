/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Ten mistakes that everyone makes, and what frond says of each. At the start an error ends the program, which is what
 * you want while you write it. Here the handler is off: a function that fails returns NULL, and the message waits.
 *
 * You will see ten messages. Each names the op, what it was given, what it expected, and the line of the call. */
#include <frond.h>

#include <stdio.h>

static void show(const char *mistake)
{
    static int number;
    const char *message = fr_error_message();

    printf("\n%d. %s\n   %s\n", ++number, mistake, message ? message : "no message");
    fr_error_clear();
}

static void show_warning(const char *message, void *unused)
{
    (void)unused;
    printf("\n10. A state is carried from step to step with its history.\n   %s\n", message);
}

static void wrong_inputs(void)
{
    fr_tensor *x = fr_ones(FR_SHAPE(4, 3)), *labels = fr_full_of(FR_SHAPE(4), 3, FR_I64);

    fr_matmul(x, fr_ones(FR_SHAPE(5, 2)));
    show("The shapes do not fit.");
    fr_add(x, labels);
    show("Whole numbers meet real ones.");
    fr_mse(fr_ones(FR_SHAPE(4, 1)), fr_ones(FR_SHAPE(4)), FR_MEAN);
    show("(4,1) and (4) would broadcast to (4,4), and the loss would mean nothing.");
    fr_bce(fr_full(FR_SHAPE(4), 1.5), fr_ones(FR_SHAPE(4)), FR_MEAN);
    show("A loss of probabilities gets what went into the sigmoid.");
    fr_cross_entropy(x, labels, FR_MEAN);
    show("Classes are counted from 1.");
}

static fr_tensor *forgotten(void)
{
    FR_SCOPE;
    return fr_ones(FR_SHAPE(2)); /* without fr_escape */
}

static void wrong_graphs(void)
{
    fr_tensor *w = fr_requires_grad(fr_ones(FR_SHAPE(2))), *c = fr_ones(FR_SHAPE(2)), *loss = fr_sum(fr_mul(w, c));

    fr_backward(fr_mul(w, c));
    show("Backward begins at more than one number.");
    fr_backward(loss);
    fr_backward(loss);
    show("The same graph is walked twice.");
    loss = fr_sum(fr_mul(w, c));
    fr_copy(c, fr_zeros(FR_SHAPE(2)));
    fr_backward(loss);
    show("A value that backward needs is overwritten first.");
    fr_exp(forgotten());
    show("A function returns a tensor of its own scope.");
}

/* Memory grows until there is none. It is no error: one may mean it. After 20 steps of growth there is a warning. */
static void growing_graph(void)
{
    fr_tensor *w = fr_requires_grad(fr_scalar(0.5)), *state = fr_scalar(1);

    fr_set_warning_handler(show_warning, NULL);
    for (int step = 0; step < 30; step++) {
        state = fr_mul(w, state); /* fr_detach(state) is missing */
        fr_backward_with(state, NULL, FR_RETAIN_GRAPH);
    }
}

int main(void)
{
    FR_SCOPE;
    fr_set_error_handler(NULL, NULL);

    printf("Ten mistakes:\n");
    wrong_inputs();
    wrong_graphs();
    growing_graph();
    return 0;
}

/* Exercises
 *
 * 1. Mend all ten.
 * 2. Two mistakes get no message: fr_zero_grad is forgotten, and FR_NO_GRAD around an evaluation. How do they show?
 * Find the first in a run of gradient descent, the second by fr_live_bytes. */
