/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* Files: weights in the safetensors format, compatible with Python's safetensors, and arrays in NumPy's npy and npz
 * formats. An error names the file and what is wrong with it. A file is written as a whole or not at all: if writing
 * fails, if the program is killed or the machine loses power, the old file stays (see fr_replace_file).
 *
 * Files hold more dtypes than tensors do. Loading converts them, in all formats: float16 and bfloat16 become float32;
 * bool (0 or 1), int8, int16, int32, uint8, uint16 and uint32 become int64. All of this is exact. uint64 becomes int64
 * if every value is below 2^63; otherwise the file is refused. So are files with other dtypes. Files are written with
 * float32, float64 and int64.
 *
 * A damaged file cannot ask for any amount of memory: what it promises is checked against what it has. The functions
 * that read take at most 18 times the size of a file, which is the worst case: bytes that become int64. An npz file may
 * be packed, and take 64 MiB and 64 times its size; the environment variable FROND_MEMORY_LIMIT, in bytes, sets another
 * limit. */
#ifndef FROND_IO_H
#define FROND_IO_H

#include <frond/data.h>
#include <frond/optim.h>

FR_BEGIN_DECLS

typedef struct fr_tensors fr_tensors; /* named tensors, in the order in which their values are in the file */
void fr_tensors_free(fr_tensors *ts);

/* Writes m's parameters and buffers under their full names. A tensor with several names is written once, under the
 * alphabetically first; the file's metadata lists the others, as in save_model of Python's safetensors. */
bool fr_save(fr_module *m, const char *path);
/* Loads m's parameters and buffers. Names, shapes and dtypes must all agree; otherwise m is not changed, and the error
 * lists what does not agree: of each kind as many names as fit, and the number of the others. float32 in the file may
 * be loaded into float64 in m, which is exact. Of a tensor with several names the file needs only one; if it has more,
 * their values must be equal. Names are PyTorch's: a torch.nn module's state_dict that was written by save_file or
 * save_model of Python's safetensors can be loaded into the same module here, and the other way round. */
bool fr_load_into(fr_module *m, const char *path);

typedef enum { FR_NAME_MISSING, FR_NAME_UNEXPECTED, FR_NAME_DIFFERS } fr_name_status;
typedef struct {
    /* Like PyTorch's strict=False: what is missing in the file stays as it is in m, and what is not in m is ignored.
     * Shapes and dtypes must still agree. */
    bool partial;
    /* Called, unless NULL, for each name that is only in the module (FR_NAME_MISSING) or only in the file
     * (FR_NAME_UNEXPECTED), or whose shape or dtype differs (FR_NAME_DIFFERS). This happens before anything is loaded,
     * whether or not it is an error. The function must return. */
    void (*on_name)(const char *name, fr_name_status status, void *user);
    void *user;
    void *reserved[8];
} fr_load_options;
/* fr_load_into with options, which may be NULL. */
bool fr_load_into_with(fr_module *m, const char *path, const fr_load_options *options);
/* Writes n tensors, contiguous or not, under names that are all different. The file is byte for byte what Python's
 * safetensors writes: first int64 tensors, then float64, then float32, each sorted by name. An old file's mode is kept.
 */
bool fr_save_tensors(const char *path, const char *const *names, fr_tensor *const *tensors, int n);

/* Loads a safetensors file. A file with a dtype that is not listed above, or that breaks a rule of the format, is
 * refused. NULL with an error. To be freed with fr_tensors_free. Needs no scope. */
fr_tensors *fr_load(const char *path) FR_FREED_BY(fr_tensors_free);
int fr_tensors_count(const fr_tensors *ts); /* -1 for NULL */
/* The results of these three are borrowed from ts. NULL with an error if i is out of range. */
const char *fr_tensors_name(const fr_tensors *ts, int i);
fr_tensor *fr_tensors_at(const fr_tensors *ts, int i);
fr_tensor *fr_tensors_find(const fr_tensors *ts, const char *name); /* NULL without an error if there is none */

/* --- NumPy ------------------------------------------------------------------------------------------------------- */

/* Writes t as numpy.save does, byte for byte: format 1.0, little-endian, row-major, or column-major if t is laid out so
 * in memory (a transposed matrix). */
bool fr_save_npy(const char *path, fr_tensor *t);
/* A new row-major tensor from an npy file of format 1.0, 2.0 or 3.0, of either byte order, row-major or column-major.
 * Refused are complex numbers, strings, dates, Python objects, structures, more than 8 dimensions, a header that NumPy
 * does not write, and a file whose size does not fit its header. */
fr_tensor *fr_load_npy(const char *path);

/* Writes n tensors under names as numpy.savez does, without compression. Names are UTF-8 and all different. A name may
 * contain slashes, but not begin with one, and no part between slashes may be "..". This function and the next fail if
 * frond was built without libzip. */
bool fr_save_npz(const char *path, const char *const *names, fr_tensor *const *tensors, int n);
/* Loads what numpy.savez or savez_compressed wrote, in the order of the file. Every member must be an array that
 * fr_load_npy can load, under a name as above; arrays of texts and of other dtypes that frond does not have are left
 * out with a warning that names them. Refused are equal names, and members that are encrypted, that overlap in the
 * file, or that claim to unpack to more than deflate can pack into their bytes. To be freed with fr_tensors_free. Needs
 * no scope. */
fr_tensors *fr_load_npz(const char *path) FR_FREED_BY(fr_tensors_free);

/* --- Any file ---------------------------------------------------------------------------------------------------- */

/* Replaces the file at path by these bytes, in the way in which all functions of frond write files: the bytes go to a
 * temporary file in the same folder, frond-DIGITS.tmp, which is synced to the disk (fsync) and renamed, and the folder
 * is synced. So path names the old file or the complete new one at any moment, even if the program is killed or the
 * machine loses power, and once this has returned true it names the new one. The old file's mode is kept; a symbolic
 * link is followed. Temporary files of programs that were killed are removed from the folder, those of others that are
 * still writing are not: they are locked. bytes may be NULL if count is 0. False with an error if path is NULL, a
 * folder or no regular file, if a file beside it cannot be made, or if writing, syncing or renaming fails: the old file
 * is there as before, except that the new one is there already if only the folder could not be synced. */
bool fr_replace_file(const char *path, const void *bytes, size_t count);

/* --- Runs -------------------------------------------------------------------------------------------------------- */

/* Saves a training run so that it can be resumed: m's parameters and buffers; the optimiser with its groups, options,
 * state and step counts; its schedulers; the loader's position in its epoch; and the process's random number generator.
 * All of it is one safetensors file. Call fr_log_flush before, so that after a loss of power the log has what was
 * logged before the save. A program that makes these objects in the same way as before and loads the file continues
 * with the same bits as if it had never stopped. Gradients are not saved: save between a step and the next backward.
 * optim and loader may be NULL: then they are not saved. Fails if the optimiser holds a parameter that is not in m. */
bool fr_save_training(const char *path, fr_module *m, fr_optim *optim, fr_loader *loader);
/* Resumes a run. Everything must agree with what was saved: names, shapes and dtypes of m; the kind of optimiser, its
 * groups and their parameters; its schedulers, in the order in which they were made, and their settings; the loader's
 * rows, batch_size and shuffling. Otherwise nothing is changed, and the error lists what does not agree. The options of
 * groups are loaded from the file. Batches that the loader returned before stay as they are. optim and loader must be
 * NULL if they were NULL when the run was saved. */
bool fr_load_training(const char *path, fr_module *m, fr_optim *optim, fr_loader *loader);

FR_END_DECLS
#endif
