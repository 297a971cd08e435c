/* SPDX-License-Identifier: MIT
 * Copyright The frond authors */
/* TransformerEncoderLayer, TransformerDecoderLayer, and stacks of them. A layer is self-attention, in a decoder
 * attention to a memory, and a feedforward network, each with a residual and a norm: Vaswani et al., "Attention is all
 * you need", 2017. With norm_first: Xiong et al., "On layer normalization in the transformer architecture", 2020. */
#include "core/options.h"
#include "nn/module.h"

#include <frond/op.h>
#include <inttypes.h>
#include <math.h>

/* --- A layer ------------------------------------------------------------------------------------------------------ */

typedef struct {
    int64_t width, heads;
    fr_transformer_encoder_layer_options options; /* as given */
    /* children; the module owns them. multihead_attn, norm3 and dropout3 are those of a decoder; else NULL */
    fr_module *self_attn, *multihead_attn, *linear1, *dropout, *linear2;
    fr_module *norm1, *norm2, *norm3, *dropout1, *dropout2, *dropout3;
} layer;

/* What a call gives to all layers. */
typedef struct {
    const fr_attention_masks *masks;
    fr_tensor *memory; /* of a decoder */
    const fr_attention_masks *memory_masks;
    fr_kv_cache *kept; /* one for each layer, or NULL */
} context;

static fr_tensor *run_self_attention(const layer *l, fr_tensor *x, const context *c)
{
    fr_tensor *y = c->kept ? fr_attention_forward_cached(l->self_attn, x, c->kept)
                           : fr_attention_forward(l->self_attn, x, x, x, c->masks);

    return fr_forward(l->dropout1, y);
}

static fr_tensor *run_memory_attention(const layer *l, fr_tensor *x, const context *c)
{
    return fr_forward(l->dropout2, fr_attention_forward(l->multihead_attn, x, c->memory, c->memory, c->memory_masks));
}

static fr_tensor *run_feedforward(const layer *l, fr_tensor *x)
{
    fr_tensor *y = fr_forward(l->linear1, x);

    y = l->options.gelu ? fr_gelu(y) : fr_relu(y);
    y = fr_forward(l->linear2, fr_forward(l->dropout, y));
    return fr_forward(l->dropout3 ? l->dropout3 : l->dropout2, y);
}

static fr_tensor *run_layer(const fr_module *m, fr_tensor *x, const context *c)
{
    const layer *l = fr_self(m);
    fr_module *last = l->norm3 ? l->norm3 : l->norm2;

    if (l->options.norm_first) {
        x = fr_add(x, run_self_attention(l, fr_forward(l->norm1, x), c));
        if (l->multihead_attn)
            x = fr_add(x, run_memory_attention(l, fr_forward(l->norm2, x), c));
        return fr_add(x, run_feedforward(l, fr_forward(last, x)));
    }
    x = fr_forward(l->norm1, fr_add(x, run_self_attention(l, x, c)));
    if (l->multihead_attn)
        x = fr_forward(l->norm2, fr_add(x, run_memory_attention(l, x, c)));
    return fr_forward(last, fr_add(x, run_feedforward(l, x)));
}

static fr_tensor *layer_forward(fr_module *m, fr_tensor *x)
{
    return run_layer(m, x, &(context){ 0 });
}

/* A decoder's layer; what it is known by. */
static fr_tensor *decoder_layer_forward(fr_module *m, fr_tensor *x)
{
    (void)x;
    return fr_fail("forward", "a %s needs a memory: see fr_transformer_decoder_forward", m->type);
}

static bool check_options(const char *what, int64_t d_model, int64_t nhead,
                          const fr_transformer_encoder_layer_options *o)
{
    return fr_check_heads(what, "d_model", d_model, "nhead", nhead) && fr_check_reserved(what, o->reserved) &&
           fr_check_dropout(what, fr_option(o->dropout, 0.1)) &&
           fr_check_option(what, "layer_norm_eps", fr_option(o->layer_norm_eps, 1e-5), INFINITY) &&
           (o->dim_feedforward >= 0 ||
            fr_fail(what, "dim_feedforward %" PRId64 ", expected 1 or more (0: 2048)", o->dim_feedforward));
}

/* In the order of PyTorch, which is that of the random draws. */
static bool fill(const char *what, fr_module *m, bool decoder)
{
    layer *l = fr_self(m);
    const fr_transformer_encoder_layer_options *o = &l->options;
    int64_t width = l->width, inner = o->dim_feedforward ? o->dim_feedforward : 2048;
    bool bias = !o->no_bias;
    double p = fr_option(o->dropout, 0.1);
    fr_multihead_attention_options options = { .no_bias = o->no_bias, .batch_first = o->batch_first, .dropout = p };
    fr_layer_norm_options norm = { .eps = o->layer_norm_eps, .no_bias = o->no_bias };
    fr_shape shape = FR_SHAPE(width);

    return (l->self_attn =
                fr_module_adopt_new(what, m, "self_attn", fr_attention_new(what, width, l->heads, &options))) &&
           (!decoder || (l->multihead_attn = fr_module_adopt_new(what, m, "multihead_attn",
                                                                 fr_attention_new(what, width, l->heads, &options)))) &&
           (l->linear1 = fr_module_adopt_new(what, m, "linear1", fr_linear_new(what, "Linear", width, inner, bias))) &&
           (l->dropout = fr_module_adopt_new(what, m, "dropout", fr_nn_dropout(p))) &&
           (l->linear2 = fr_module_adopt_new(what, m, "linear2", fr_linear_new(what, "Linear", inner, width, bias))) &&
           (l->norm1 = fr_module_adopt_new(what, m, "norm1", fr_nn_layer_norm(shape, &norm))) &&
           (l->norm2 = fr_module_adopt_new(what, m, "norm2", fr_nn_layer_norm(shape, &norm))) &&
           (!decoder || (l->norm3 = fr_module_adopt_new(what, m, "norm3", fr_nn_layer_norm(shape, &norm)))) &&
           (l->dropout1 = fr_module_adopt_new(what, m, "dropout1", fr_nn_dropout(p))) &&
           (l->dropout2 = fr_module_adopt_new(what, m, "dropout2", fr_nn_dropout(p))) &&
           (!decoder || (l->dropout3 = fr_module_adopt_new(what, m, "dropout3", fr_nn_dropout(p))));
}

static fr_module *layer_new(const char *what, bool decoder, int64_t d_model, int64_t nhead,
                            const fr_transformer_encoder_layer_options *options)
{
    const char *type = decoder ? "TransformerDecoderLayer" : "TransformerEncoderLayer";
    fr_module *m = check_options(what, d_model, nhead, options)
                       ? fr_module_new(type, sizeof(layer), decoder ? decoder_layer_forward : layer_forward)
                       : NULL;

    if (!m)
        return NULL;
    *(layer *)fr_self(m) = (layer){ .width = d_model, .heads = nhead, .options = *options };
    return fr_module_finish(m, fill(what, m, decoder));
}

static fr_module *make_layer(const char *what, bool decoder, int64_t d_model, int64_t nhead,
                             const fr_transformer_encoder_layer_options *options)
{
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_transformer_encoder_layer_options o = options ? *options : (fr_transformer_encoder_layer_options){ 0 };
    fr_module *m = layer_new(what, decoder, d_model, nhead, &o);

    fr_finish(th, before);
    return m;
}

fr_module *fr_nn_transformer_encoder_layer(int64_t d_model, int64_t nhead,
                                           const fr_transformer_encoder_layer_options *options)
{
    return make_layer("nn_transformer_encoder_layer", false, d_model, nhead, options);
}

fr_module *fr_nn_transformer_decoder_layer(int64_t d_model, int64_t nhead,
                                           const fr_transformer_decoder_layer_options *options)
{
    return make_layer("nn_transformer_decoder_layer", true, d_model, nhead, options);
}

/* --- A stack ------------------------------------------------------------------------------------------------------ */

typedef struct {
    fr_module *layers, *norm; /* children; norm may be NULL */
} stack;

static fr_tensor *run_stack(const fr_module *m, fr_tensor *x, const context *c)
{
    const stack *e = fr_self(m);
    fr_thread *th = fr_thread_self();
    int scope = fr_scope_begin();

    x = scope < 0 ? NULL : x;
    for (size_t i = 0; x && i < e->layers->child_count; i++) {
        context of_layer = *c;

        of_layer.kept = c->kept ? &c->kept[i] : NULL;
        x = fr_module_enter(th, e->layers->children[i]) ? run_layer(e->layers->children[i], x, &of_layer) : NULL;
        x = fr_module_leave(th, e->layers->children[i], x);
        scope = fr_scope_restart(scope, x);
    }
    if (x && e->norm)
        x = fr_forward(e->norm, x);
    x = fr_escape(x);
    fr_scope_end(scope);
    return x;
}

static fr_tensor *encoder_forward(fr_module *m, fr_tensor *x)
{
    return run_stack(m, x, &(context){ 0 });
}

static fr_tensor *decoder_forward(fr_module *m, fr_tensor *x)
{
    return decoder_layer_forward(m, x);
}

enum { MAX_LAYERS = 10000 };

static bool check_layers(const char *what, bool decoder, const fr_module *first, int num_layers)
{
    if (!fr_check_argument(what, first, "layer"))
        return false;
    if (first->forward != (decoder ? decoder_layer_forward : layer_forward))
        return fr_fail(what, "%s given, expected Transformer%sLayer", first->type, decoder ? "Decoder" : "Encoder");
    if (first->parent)
        return fr_fail(what, "the layer has a parent already, the %s in which it is \"%s\"", first->parent->type,
                       first->name);
    if (num_layers < 1 || num_layers > MAX_LAYERS)
        return fr_fail(what, "num_layers %d, expected 1 to %d", num_layers, MAX_LAYERS);
    return true;
}

static bool fill_stack(const char *what, fr_module *m, fr_module *first, int num_layers, fr_module *norm)
{
    stack *e = fr_self(m);
    bool ok = (e->layers = fr_module_adopt_new(what, m, "layers", fr_nn_module_list(0, NULL))) &&
              fr_module_adopt(what, e->layers, "0", first);

    for (int i = 1; ok && i < num_layers; i++) {
        char index[16];

        snprintf(index, sizeof index, "%d", i);
        ok = fr_module_adopt_new(what, e->layers, index, fr_module_clone(first)) != NULL;
    }
    e->norm = norm;
    return ok && (!norm || fr_module_adopt(what, m, "norm", norm));
}

static void destroy_without_parent(fr_module *m)
{
    if (m && !m->parent)
        fr_module_destroy(m);
}

static fr_module *make_stack(const char *what, bool decoder, fr_module *first, int num_layers, fr_module *norm)
{
    const char *type = decoder ? "TransformerDecoder" : "TransformerEncoder";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_module *m = NULL;
    bool ok = (norm || !fr_failed_before(th)) && check_layers(what, decoder, first, num_layers) &&
              (m = fr_module_new(type, sizeof(stack), decoder ? decoder_forward : encoder_forward)) != NULL &&
              fill_stack(what, m, first, num_layers, norm);

    if (!ok) {
        destroy_without_parent(norm == first ? NULL : norm);
        destroy_without_parent(first);
        fr_module_destroy(m);
    }
    fr_finish(th, before);
    return ok ? m : NULL;
}

fr_module *fr_nn_transformer_encoder(fr_module *first, int num_layers, fr_module *norm)
{
    return make_stack("nn_transformer_encoder", false, first, num_layers, norm);
}

fr_module *fr_nn_transformer_decoder(fr_module *first, int num_layers, fr_module *norm)
{
    return make_stack("nn_transformer_decoder", true, first, num_layers, norm);
}

/* --- Running either ----------------------------------------------------------------------------------------------- */

static fr_tensor *run(fr_thread *th, fr_module *m, fr_tensor *x, const context *c)
{
    int scope = fr_scope_begin();
    bool one = m->forward == layer_forward || m->forward == decoder_layer_forward;
    fr_tensor *y;

    if (scope < 0)
        return NULL;
    y = !fr_module_enter(th, m) ? NULL : (one ? run_layer : run_stack)(m, x, c);
    y = fr_escape(fr_module_leave(th, m, y));
    fr_scope_end(scope);
    return y;
}

static bool is_encoder(const char *what, const fr_module *m)
{
    return m->forward == layer_forward || m->forward == encoder_forward ||
           fr_fail(what, "%s given, expected TransformerEncoderLayer or TransformerEncoder", m->type);
}

fr_tensor *fr_transformer_encoder_forward(fr_module *m, fr_tensor *src, const fr_attention_masks *masks)
{
    const char *what = "transformer_encoder_forward";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_tensor *y = NULL;

    if (fr_check_argument(what, m, "module") && fr_check_argument(what, src, "src") && is_encoder(what, m))
        y = run(th, m, src, &(context){ .masks = masks });
    fr_finish(th, before);
    return y;
}

fr_tensor *fr_transformer_encoder_forward_cached(fr_module *m, fr_tensor *src, fr_kv_cache *kept)
{
    const char *what = "transformer_encoder_forward_cached";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    fr_tensor *y = NULL;

    if (fr_check_argument(what, m, "module") && fr_check_argument(what, src, "src") &&
        fr_check_argument(what, kept, "kept") && is_encoder(what, m))
        y = run(th, m, src, &(context){ .kept = kept });
    fr_finish(th, before);
    return y;
}

fr_tensor *fr_transformer_decoder_forward(fr_module *m, fr_tensor *tgt, fr_tensor *memory,
                                          const fr_attention_masks *tgt_masks, const fr_attention_masks *memory_masks)
{
    const char *what = "transformer_decoder_forward";
    fr_thread *th = fr_thread_self();
    fr_site before = fr_begin(th, what);
    context c = { .masks = tgt_masks, .memory = memory, .memory_masks = memory_masks };
    fr_tensor *y = NULL;

    if (fr_check_argument(what, m, "module") && fr_check_argument(what, tgt, "tgt") &&
        fr_check_argument(what, memory, "memory") &&
        (m->forward == decoder_layer_forward || m->forward == decoder_forward ||
         fr_fail(what, "%s given, expected TransformerDecoderLayer or TransformerDecoder", m->type)))
        y = run(th, m, tgt, &c);
    fr_finish(th, before);
    return y;
}
