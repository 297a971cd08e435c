#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Writes attention.safetensors for check_attention.c, which has the same tables: PyTorch's values of attention and of
encoder layers.

    make_attention.py [FOLDER]     (needs torch and safetensors)
"""
import sys
import warnings

import torch
from safetensors.torch import save_file
from torch import nn

EMBED, HEADS, BATCH, QUERIES, KEYS = 6, 2, 3, 4, 5
PARAMETER_SEED, BIAS_SEED, FORWARD_SEED = 7, 9, 11

# name: options of the layer, and of the call
ATTENTION = {
    "plain": ({}, {}),
    "batch_first": ({"batch_first": True}, {}),
    "no_bias": ({"bias": False}, {}),
    "cross": ({}, {"cross": 1}),
    "cross_batch_first": ({"batch_first": True}, {"cross": 2}),
    "unbatched": ({"batch_first": True}, {"unbatched": True}),
    "unbatched_masks": ({}, {"unbatched": True, "cross": 2, "padding": True, "mask": 3, "bias": 2}),
    "padding": ({}, {"padding": True}),
    "mask": ({}, {"mask": 2}),
    "masks": ({}, {"cross": 2, "mask": 3}),
    "bias": ({}, {"bias": 2}),
    "biases": ({"batch_first": True}, {"bias": 3}),
    "causal": ({}, {"causal": True}),
    "causal_padding": ({"batch_first": True}, {"cross": 1, "causal": True, "padding": True}),
    "all": ({"batch_first": True}, {"cross": 2, "padding": True, "mask": 3, "bias": 3}),
    "dropout": ({"dropout": 0.4}, {"padding": True}),
    "dropout_batch_first": ({"dropout": 0.4, "batch_first": True}, {"cross": 2}),
    "evaluation": ({"dropout": 0.4}, {"evaluation": True}),
}
ENCODER = {
    "plain": ({}, {"evaluation": True}),
    "train": ({"dropout": 0.3}, {"padding": True}),
    "batch_first": ({"batch_first": True, "activation": "gelu", "dropout": 0.3}, {"mask": 2}),
    "norm_first": ({"norm_first": True, "bias": False, "layer_norm_eps": 0.1, "dropout": 0.3}, {"causal": True}),
    "unbatched": ({"norm_first": True, "batch_first": True, "dropout": 0.0}, {"unbatched": True, "bias": 2}),
    "layers": ({"dropout": 0.2}, {"layers": 3, "padding": True, "mask": 3}),
    "layers_norm": ({"dropout": 0.2, "batch_first": True, "norm_first": True}, {"layers": 2, "norm": True}),
}
# masks are those of tgt, memory_masks those of memory
DECODER = {
    "plain": ({}, {"evaluation": True}),
    "train": ({"dropout": 0.3}, {"causal": True, "memory_padding": True}),
    "batch_first": ({"batch_first": True, "activation": "gelu", "dropout": 0.3}, {"padding": True, "memory_mask": 2}),
    "norm_first": ({"norm_first": True, "bias": False, "dropout": 0.3}, {"causal": True}),
    "unbatched": ({"batch_first": True, "dropout": 0.0}, {"unbatched": True, "bias": 2}),
    "layers_norm": ({"dropout": 0.2, "norm_first": True}, {"layers": 2, "norm": True, "causal": True}),
}
INNER = 5
SINGLE = ("plain", "all", "dropout")  # also in float32
DRAWN = ("plain", "no_bias", "layers_norm")  # their initial values are stored


def make_masks(call, queries, keys):
    """Returns the masks that frond gets."""
    masks = {}
    lead = () if call.get("unbatched") else (BATCH,)
    cells = (HEADS if call.get("unbatched") else BATCH * HEADS,)
    if call.get("padding"):
        masks["padding"] = torch.rand(*lead, keys) < 0.3
        masks["padding"][..., 0] = False
        if lead:
            masks["padding"][1] = True  # no key is left
    if dims := call.get("mask"):
        masks["mask"] = torch.rand(*(cells if dims == 3 else ()), queries, keys) < 0.3
    if dims := call.get("bias"):
        masks["bias"] = torch.randn(*(cells if dims == 3 else ()), queries, keys).requires_grad_()
    return masks


def for_pytorch(masks, causal, queries, keys):
    """Returns the same masks as PyTorch's key_padding_mask and attn_mask."""
    padding, mask, bias = (masks.get(name) for name in ("padding", "mask", "bias"))
    if causal:
        later = torch.ones(queries, keys).triu(1) != 0
        mask = later if mask is None else mask | later
    if bias is not None:
        mask = bias if mask is None else bias.masked_fill(mask, -torch.inf)
        if padding is not None:
            padding = torch.zeros(padding.shape).masked_fill(padding, -torch.inf)
    return padding, mask


def flat(tensors):
    return torch.cat([t.detach().reshape(-1) for t in tensors])


def draw_biases(m):
    """Draws random biases, which otherwise are 0."""
    torch.manual_seed(BIAS_SEED)
    for name, p in m.named_parameters():
        if name.endswith("bias"):
            nn.init.uniform_(p, -0.5, 0.5)


def attention_case(options, call):
    torch.manual_seed(PARAMETER_SEED)
    m = nn.MultiheadAttention(EMBED, HEADS, **options)
    values = {"parameters": flat(m.parameters())}
    draw_biases(m)
    m.train(not call.get("evaluation"))
    cross, unbatched = call.get("cross", 0), call.get("unbatched")
    keys = KEYS if cross else QUERIES
    shape = lambda n: (n, EMBED) if unbatched else (BATCH, n, EMBED) if m.batch_first else (n, BATCH, EMBED)
    inputs = [torch.randn(shape(QUERIES)).requires_grad_()]
    inputs += [torch.randn(shape(KEYS)).requires_grad_() for _ in range(cross)]
    masks = make_masks(call, QUERIES, keys)
    padding, mask = for_pytorch(masks, call.get("causal"), QUERIES, keys)
    torch.manual_seed(FORWARD_SEED)
    query, key, value = inputs[0], inputs[min(1, cross)], inputs[min(2, cross)]
    out, _ = m(query, key, value, key_padding_mask=padding, attn_mask=mask, need_weights=False,
               is_causal=bool(call.get("causal")))
    out.square().sum().backward()
    values.update({"out": out, "gradients": flat(p.grad for p in m.parameters())})
    for name, x in zip(("query", "key", "value"), inputs):
        values.update({name: x, f"{name}_grad": x.grad})
    values.update(masks)
    if "bias" in masks:
        values["bias_grad"] = masks["bias"].grad
    return values


def encoder_case(options, call):
    torch.manual_seed(PARAMETER_SEED)
    m = nn.TransformerEncoderLayer(EMBED, HEADS, INNER, **options)
    if call.get("layers"):
        m = nn.TransformerEncoder(m, call["layers"], nn.LayerNorm(EMBED) if call.get("norm") else None)
    values = {"parameters": flat(m.parameters())}
    draw_biases(m)
    m.train(not call.get("evaluation"))
    first = options.get("batch_first")
    shape = (QUERIES,) if call.get("unbatched") else (BATCH, QUERIES) if first else (QUERIES, BATCH)
    x = torch.randn(*shape, EMBED, requires_grad=True)
    masks = make_masks(call, QUERIES, QUERIES)
    padding, mask = for_pytorch(masks, call.get("causal"), QUERIES, QUERIES)
    torch.manual_seed(FORWARD_SEED)
    out = m(x, mask, src_key_padding_mask=padding, is_causal=bool(call.get("causal")))
    out.square().sum().backward()
    values.update({"query": x, "query_grad": x.grad, "out": out, "gradients": flat(p.grad for p in m.parameters())})
    values.update(masks)
    return values


def decoder_case(options, call):
    torch.manual_seed(PARAMETER_SEED)
    m = nn.TransformerDecoderLayer(EMBED, HEADS, INNER, **options)
    if call.get("layers"):
        m = nn.TransformerDecoder(m, call["layers"], nn.LayerNorm(EMBED) if call.get("norm") else None)
    values = {"parameters": flat(m.parameters())}
    draw_biases(m)
    m.train(not call.get("evaluation"))
    shape = lambda n: (n,) if call.get("unbatched") else (BATCH, n) if options.get("batch_first") else (n, BATCH)
    x = torch.randn(*shape(QUERIES), EMBED, requires_grad=True)
    memory = torch.randn(*shape(KEYS), EMBED, requires_grad=True)
    masks = make_masks(call, QUERIES, QUERIES)
    others = make_masks({k[7:]: v for k, v in call.items() if k.startswith("memory_")}, QUERIES, KEYS)
    padding, mask = for_pytorch(masks, call.get("causal"), QUERIES, QUERIES)
    memory_padding, memory_mask = for_pytorch(others, False, QUERIES, KEYS)
    torch.manual_seed(FORWARD_SEED)
    out = m(x, memory, mask, memory_mask, padding, memory_padding, tgt_is_causal=bool(call.get("causal")))
    out.square().sum().backward()
    values.update({"query": x, "query_grad": x.grad, "memory": memory, "memory_grad": memory.grad, "out": out})
    values.update({"gradients": flat(p.grad for p in m.parameters())})
    values.update(masks)
    values.update({f"memory_{k}": v for k, v in others.items()})
    return values


def weights_case(options, call):
    torch.manual_seed(PARAMETER_SEED)
    m = nn.MultiheadAttention(EMBED, HEADS, **options)
    draw_biases(m)
    shape = lambda n: (n, EMBED) if call.get("unbatched") else (n, BATCH, EMBED)
    query, key = torch.randn(shape(QUERIES)), torch.randn(shape(KEYS))
    masks = make_masks(call, QUERIES, KEYS)
    padding, mask = for_pytorch(masks, call.get("causal"), QUERIES, KEYS)
    torch.manual_seed(FORWARD_SEED)
    out, weights = m(query, key, key, key_padding_mask=padding, attn_mask=mask,
                     average_attn_weights=not call.get("per_head"))
    return {"query": query, "key": key, "out": out, "weights": weights, **masks}


WEIGHTS = {
    "plain": ({}, {}),
    "heads": ({}, {"per_head": True, "mask": 2, "padding": True}),
    "unbatched": ({}, {"unbatched": True, "bias": 2}),
    "causal": ({"dropout": 0.4}, {"unbatched": True, "causal": True, "per_head": True}),
}


def storable(t):
    """Returns t as it is stored: masks as integers."""
    return (t.long() if t.dtype == torch.bool else t.detach()).contiguous()


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else "."
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    values = {}
    for dtype, short in ((torch.float32, "f32"), (torch.float64, "f64")):
        torch.set_default_dtype(dtype)
        for kind, cases, make in (("attention", ATTENTION, attention_case), ("encoder", ENCODER, encoder_case),
                                  ("decoder", DECODER, decoder_case), ("weights", WEIGHTS, weights_case)):
            for name, (options, call) in cases.items():
                if short == "f64" or name in SINGLE:
                    case = make(options, call)
                    if name not in DRAWN and "parameters" in case:
                        del case["parameters"]
                    values.update({f"{short}.{kind}.{name}.{k}": v for k, v in case.items()})
    save_file({k: storable(v) for k, v in values.items()}, f"{folder}/attention.safetensors")


main()
