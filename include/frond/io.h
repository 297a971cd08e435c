/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Files: weights in the safetensors format, exchanged with Python's safetensors, and arrays in NumPy's npy and npz. A
 * failure names the file and what is wrong with it; a file that cannot be written whole leaves what was there before.
 *
 * Files hold more dtypes than tensors do. In all of these formats, when loading: float16 and bfloat16 become float32,
 * bool (0 or 1), int8, int16, int32, uint8, uint16 and uint32 become int64, all of them exactly; uint64 becomes int64
 * where every value is below 2^63 and is refused where one is not; other dtypes are refused. Written are float32,
 * float64 and int64. */
#ifndef FROND_IO_H
#define FROND_IO_H

#include <frond/data.h>
#include <frond/optim.h>

FR_BEGIN_DECLS

typedef struct fr_tensors fr_tensors; /* named tensors, in the order of their values in the file */

/* Writes m's parameters and buffers under their full names. What has several is written once, under the first of them
 * in alphabetical order; the file's metadata says whose the others are, as safetensors' save_model has it. */
bool fr_save(fr_module *m, const char *path);
/* Fills m's parameters and buffers: names, shapes and dtypes must all agree (those that do not are listed, each kind of
 * disagreement with as many names as the message has room for, the others counted); m is changed wholly or not at all.
 * float32 in the file may fill float64 in m, which is exact. Of several names of one tensor the file need hold but one;
 * those that it holds must agree. Names are PyTorch's, so that the state_dict of a torch.nn module that was written by
 * safetensors' save_file or save_model fills the module of the same name here, and the other way round. */
bool fr_load_into(fr_module *m, const char *path);

typedef enum { FR_NAME_MISSING, FR_NAME_UNEXPECTED, FR_NAME_DIFFERS } fr_name_status;
typedef struct {
    /* As PyTorch's strict=False: what the file lacks stays as it is in m, what m has not is left out. Shapes and dtypes
     * must agree all the same. */
    bool partial;
    /* Called for each name that the module has and the file has not (FR_NAME_MISSING), the other way round
     * (FR_NAME_UNEXPECTED), or whose shape or dtype is another (FR_NAME_DIFFERS), error or not, before anything is
     * loaded; must return; NULL: nobody is told. */
    void (*on_name)(const char *name, fr_name_status status, void *user);
    void *user;
    void *reserved[8];
} fr_load_options;
/* The same with options, which may be NULL. */
bool fr_load_into_with(fr_module *m, const char *path, const fr_load_options *options);
/* n tensors (contiguous or not) under names, each given once. The file is Python's byte for byte: int64 first, then
 * float64, then float32, each in the order of the names. A file that is there already keeps its mode. */
bool fr_save_tensors(const char *path, const char *const *names, fr_tensor *const *tensors, int n);

/* Loads a safetensors file; one that holds other dtypes than those above, or breaks any rule of the format, is refused.
 * NULL where it fails; freed with fr_tensors_free; needs no scope. */
fr_tensors *fr_load(const char *path);
int fr_tensors_count(const fr_tensors *ts); /* -1 for NULL */
/* Borrowed from ts, as are the next two; NULL and an error for an i out of range. */
const char *fr_tensors_name(const fr_tensors *ts, int i);
fr_tensor *fr_tensors_at(const fr_tensors *ts, int i);
fr_tensor *fr_tensors_find(const fr_tensors *ts, const char *name); /* NULL (no error) if there is none */
void fr_tensors_free(fr_tensors *ts);

/* --- NumPy ------------------------------------------------------------------------------------------------------- */

/* t as numpy.save writes it, byte for byte: format 1.0, little-endian, row-major, or column-major where t lies so (a
 * transposed matrix). */
bool fr_save_npy(const char *path, fr_tensor *t);
/* A new tensor of a file's one array: format 1.0, 2.0 or 3.0, either order of bytes and of dimensions, which become
 * row-major. Refused: complex numbers, strings, dates, Python objects and structures, more than 8 dimensions, a header
 * that is not NumPy's, and a file whose length is not what its header says. */
fr_tensor *fr_load_npy(const char *path);

/* n tensors under names as numpy.savez writes them, without compression. A name (UTF-8, given once) may hold slashes,
 * but neither begin with one nor have ".." between two. Both fail where frond was built without libzip. */
bool fr_save_npz(const char *path, const char *const *names, fr_tensor *const *tensors, int n);
/* What numpy.savez or savez_compressed wrote, in the order of the file: freed with fr_tensors_free; needs no scope.
 * Every member must be an array that fr_load_npy would take, under a name as above. Refused are two of one name,
 * members that are encrypted, share bytes of the file or say that they unpack to more than deflate can hold in their
 * bytes. */
fr_tensors *fr_load_npz(const char *path);

/* --- Runs -------------------------------------------------------------------------------------------------------- */

/* A run that can be resumed: m's parameters and buffers, the optimiser with its groups, options, state and counts of
 * steps, its schedulers, the place in the loader's epoch, and the process's generator, in one safetensors file that
 * replaces the one before it as a whole. A program that makes all of these as it did at first and loads the file goes
 * on with the same bits as if it had not stopped. Gradients are not in it: save between a step and the next backward.
 * optim and loader may each be NULL: then nothing of them is saved. Fails for an optimiser that holds a parameter which
 * is not m's. */
bool fr_save_training(const char *path, fr_module *m, fr_optim *optim, fr_loader *loader);
/* All must agree with what was saved: names, shapes and dtypes of m, the kind of optimiser, its groups and what is in
 * them, its schedulers, in the order in which they were made, and their settings, the loader's rows, batch_size and
 * shuffling. Otherwise all that does not is listed, and nothing is changed. Options of groups are those of the file,
 * lent batches stay as they are. optim and loader are NULL if they were. */
bool fr_load_training(const char *path, fr_module *m, fr_optim *optim, fr_loader *loader);

FR_END_DECLS
#endif
