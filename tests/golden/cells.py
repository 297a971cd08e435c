# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Runs rnn, gru and lstm by torch.nn, with the arguments of fr_rnn, fr_gru and fr_lstm. With lengths each row runs
alone, over its own steps; for reverse these steps are flipped. This is the plainest definition of lengths. It includes
a length of 0, which pack_padded_sequence refuses."""

import warnings

import torch

warnings.filterwarnings("ignore", message="LSTM with projections is not supported with oneDNN")


def run(kind, x, h0, c0, w_ih, w_hh, b_ih=None, b_hh=None, w_hr=None, relu=False, reverse=False, lengths=None):
    """Returns out, h and, for LSTM, c."""
    steps, batch, features = x.shape
    hidden = w_ih.shape[0] // {"rnn": 1, "gru": 3, "lstm": 4}[kind]
    biased = b_ih is not None or b_hh is not None
    if kind == "rnn":
        module = torch.nn.RNN(features, hidden, bias=biased, nonlinearity="relu" if relu else "tanh")
    elif kind == "gru":
        module = torch.nn.GRU(features, hidden, bias=biased)
    else:
        module = torch.nn.LSTM(features, hidden, bias=biased, proj_size=0 if w_hr is None else w_hr.shape[0])
    weights = {"weight_ih_l0": w_ih, "weight_hh_l0": w_hh}
    if biased:
        zeros = x.new_zeros(w_ih.shape[0])
        weights |= {"bias_ih_l0": zeros if b_ih is None else b_ih, "bias_hh_l0": zeros if b_hh is None else b_hh}
    if w_hr is not None:
        weights["weight_hr_l0"] = w_hr
    h0 = x.new_zeros(batch, w_hh.shape[1]) if h0 is None else h0
    states = [h0]
    if kind == "lstm":
        states.append(x.new_zeros(batch, hidden) if c0 is None else c0)

    def whole(x, states):
        initial = tuple(s.unsqueeze(0) for s in states)
        x = x.flip(0) if reverse else x
        out, last = torch.func.functional_call(module, weights, (x, initial if kind == "lstm" else initial[0]))
        last = last if kind == "lstm" else (last,)
        return out.flip(0) if reverse else out, *(s.squeeze(0) for s in last)

    if lengths is None:
        return whole(x, states)
    rows = []
    for b, n in enumerate(lengths.tolist()):
        row = [s[b:b + 1] for s in states]
        out = x.new_zeros(0, 1, w_hh.shape[1])
        if n:
            out, *row = whole(x[:n, b:b + 1], row)
        rows.append((torch.cat([out, x.new_zeros(steps - n, 1, w_hh.shape[1])]), *row))
    out, *last = zip(*rows)
    return torch.cat(out, 1), *(torch.cat(s) for s in last)


def rnn(x, h0, *weights, **how):
    return run("rnn", x, h0, None, *weights, **how)


def gru(x, h0, *weights, **how):
    return run("gru", x, h0, None, *weights, **how)


def lstm(x, h0, c0, *weights, **how):
    return run("lstm", x, h0, c0, *weights, **how)
