/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Models for other programs to run. */
#ifndef FROND_EXPORT_H
#define FROND_EXPORT_H

#include <frond/nn.h>

FR_BEGIN_DECLS

/* --- ONNX -------------------------------------------------------------------------------------------------------- */

/* Writes what fr_forward of m computes as an ONNX model (IR version 8, operator set 17) with one input, "input", of
 * example's shape and dtype, and one output, "output". m is run in evaluation, and is as before afterwards.
 *
 * A size of the input is left open in the file where m can be run with another one and runs the same ops then; it is
 * called "batch" or "time" (recurrent layers tell which is which; otherwise the first is the batch), or "dim0" and so
 * on. All others are fixed. Fails, leaving what was at path, for an op that cannot be written as ONNX, for what m
 * computes but with ops, and for numbers and constants that depend on an open size in a way that ONNX ops of the file
 * cannot follow; also where frond was built without protobuf-c. Values that m took out of a tensor (fr_item) to go on
 * with are taken for constants. */
bool fr_export_onnx(fr_module *m, fr_tensor *example, const char *path);

/* A module that computes what an ONNX model does: one that fr_export_onnx wrote, or that PyTorch's torch.onnx.export
 * made of linear, recurrent and convolutional layers and what goes between them. fr_forward takes the model's one
 * input, of whatever sizes its ops take, and gives its first output. Floating initializers are the module's parameters,
 * under their names (dots make submodules of them), others and running statistics its buffers; so it can be trained and
 * saved. NULL where it fails; freed with fr_module_free. Fails naming all ops that frond cannot run, with their nodes,
 * and for a file that is not a model, is cut short, keeps values in other files, or whose nodes read what was not made
 * before them. */
fr_module *fr_load_onnx(const char *path);

FR_END_DECLS
#endif
