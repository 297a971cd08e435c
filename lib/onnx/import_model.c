/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* An ONNX model as a module: its bytes are unpacked, within a limit of memory, and checked once (import_graph.c). Each
 * forward then runs the nodes (import_run.c). */
#include <config.h>

#include "core/error.h"
#include "core/memory_limit.h"
#include "nn/module.h"
#include "onnx/import_model.h"

#include <stdlib.h>

/* --- Memory of the file's parts ---------------------------------------------------------------------------------- */

bool fr_import_want(fr_import_memory *memory, int64_t bytes)
{
    if (memory->used <= memory->limit)
        memory->used += bytes;
    return memory->used <= memory->limit;
}

void *fr_import_fail_want(const fr_import_memory *memory, const char *where)
{
    return fr_fail_memory_limit(where, "what its bytes describe", memory->used, memory->limit), NULL;
}

static void *allocate(void *data, size_t size)
{
    enum { HEADER = 32 }; /* about what malloc adds to a small block */
    fr_import_memory *memory = data;
    void *block = fr_import_want(memory, (int64_t)size + HEADER) ? malloc(size) : NULL;

    memory->out_of_memory = memory->out_of_memory || !block;
    return block;
}

static void deallocate(void *data, void *block)
{
    (void)data;
    free(block);
}

/* --- Loading ------------------------------------------------------------------------------------------------------ */

static void release(void *memory)
{
    fr_onnx_model *model = memory;
    ProtobufCAllocator allocator = { NULL, deallocate, NULL };

    fr_import_free_graph(model->graph);
    free(model->names);
    free(model->values);
    free(model->types);
    if (model->proto)
        frond__onnx__model_proto__free_unpacked(model->proto, &allocator);
}

/* Why there is no proto. */
static void *fail_unpack(const char *where, size_t size, const fr_import_memory *memory)
{
    if (memory->used > memory->limit)
        return fr_import_fail_want(memory, where);
    if (memory->out_of_memory)
        return fr_fail_memory(where);
    return fr_fail(where, "not an ONNX model, or one that is cut short (%zu bytes)", size);
}

static fr_model_proto *unpack(const char *where, const uint8_t *bytes, size_t size, fr_import_memory *memory)
{
    ProtobufCAllocator allocator = { allocate, deallocate, memory };
    fr_model_proto *proto = frond__onnx__model_proto__unpack(&allocator, size, bytes);

    return proto ? proto : fail_unpack(where, size, memory);
}

fr_graph_proto *fr_import_unpack_graph(const char *where, const ProtobufCBinaryData *bytes, fr_import_memory *memory)
{
    ProtobufCAllocator allocator = { allocate, deallocate, memory };
    fr_graph_proto *proto = frond__onnx__graph_proto__unpack(&allocator, bytes->len, bytes->data);

    return proto ? proto : fail_unpack(where, bytes->len, memory);
}

void fr_import_free_unpacked(fr_graph_proto *proto)
{
    ProtobufCAllocator allocator = { NULL, deallocate, NULL };

    frond__onnx__graph_proto__free_unpacked(proto, &allocator);
}

fr_module *fr_import_model(const char *where, const uint8_t *bytes, size_t size, const char *folder)
{
    fr_module *m = fr_module_new("ONNX", sizeof(fr_onnx_model), fr_import_forward);
    fr_onnx_model *model = m ? fr_self(m) : NULL;
    fr_import_memory memory = { .limit = fr_memory_limit((int64_t)size, FR_READ_MULTIPLE) };

    if (!model)
        return NULL;
    m->release = release;
    model->folder = folder;
    model->proto = unpack(where, bytes, size, &memory);

    bool ok = model->proto && fr_import_read_model(m, model, where, &memory) && fr_import_describe(m, where);

    model->folder = NULL;
    if (ok)
        return m;
    fr_module_destroy(m);
    return NULL;
}
