/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* The subcommands. A new one is a file with such a function, and a line here. */
#ifndef FROND_COMMANDS_H
#define FROND_COMMANDS_H

#define COMMANDS(X)                                                                                                    \
    X(train, "Train a model on sequences")                                                                             \
    X(sweep, "Train with many settings and compare them")                                                              \
    X(predict, "Predict with a trained model")                                                                         \
    X(evaluate, "Compare a trained model's predictions with the truth")                                                \
    X(info, "Show what is in files of tensors")                                                                        \
    X(ops, "List the library's ops, or explain one")                                                                   \
    X(export, "Write a trained model as ONNX or C")                                                                    \
    X(graph, "Draw the graph of a trained model")                                                                      \
    X(explain, "Differentiate an expression and show how")

#define DECLARE(name, help) int command_##name(int argc, char **argv);
COMMANDS(DECLARE)
#undef DECLARE

#endif
