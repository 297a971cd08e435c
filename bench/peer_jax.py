#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Runs frond's recurrent workloads in JAX, on its CPU backend. A training step is one compiled function that updates
its parameters in place; its scan over the steps is unrolled if there are few. "capture" is the chain and the layers of
small ops of capture.c, compiled, with their gradients. Prints rows: name, best and median in microseconds."""
import argparse
import os

from workloads import BY_HAND, ONE_SEQUENCE, RECURRENT, measure, write_rows

GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}
UNROLLED_STEPS = 10


def make_functions(cell, unroll):
    import jax
    import jax.numpy as jnp
    sigmoid = jax.nn.sigmoid

    def rnn(p, h, z):
        return jnp.tanh(z + h @ p["w_hh"] + p["b_hh"]), None

    def lstm(p, state, z):
        h, c = state
        i, f, g, o = jnp.split(z + h @ p["w_hh"] + p["b_hh"], 4, 1)
        c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)
        return (sigmoid(o) * jnp.tanh(c), c), None

    def gru(p, h, z):
        zr, zz, zn = jnp.split(z, 3, 1)
        hr, hz, hn = jnp.split(h @ p["w_hh"] + p["b_hh"], 3, 1)
        keep = sigmoid(zz + hz)
        return (1 - keep) * jnp.tanh(zn + sigmoid(zr + hr) * hn) + keep * h, None

    def forward(p, x):  # x (T,B,I)
        step = {"RNN": rnn, "LSTM": lstm, "GRU": gru}[cell]
        zero = jnp.zeros((x.shape[1], p["w_hh"].shape[0]))
        last, _ = jax.lax.scan(lambda state, z: step(p, state, z), (zero, zero) if cell == "LSTM" else zero,
                               x @ p["w_ih"] + p["b_ih"], unroll=unroll)
        return sigmoid((last[0] if cell == "LSTM" else last) @ p["fc"] + p["b_fc"])

    def bce(p, x, y):
        q = forward(p, x)
        return -jnp.mean(y * jnp.maximum(jnp.log(q), -100) + (1 - y) * jnp.maximum(jnp.log(1 - q), -100))

    def train(state, x, y):  # Adam, with PyTorch's defaults
        p, m, v, t = state
        gradient, t = jax.grad(bce)(p, x, y), t + 1
        m = jax.tree.map(lambda a, g: 0.9 * a + 0.1 * g, m, gradient)
        v = jax.tree.map(lambda a, g: 0.999 * a + 0.001 * g * g, v, gradient)
        rate, scale = 0.01 / (1 - 0.9 ** t), jnp.sqrt(1 - 0.999 ** t)
        p = jax.tree.map(lambda w, a, b: w - rate * a / (jnp.sqrt(b) / scale + 1e-8), p, m, v)
        return p, m, v, t

    return jax.jit(train, donate_argnums=0), jax.jit(forward)


def recurrent(name):
    import jax
    import jax.numpy as jnp
    cell, inputs, hidden, batch, steps, seconds = RECURRENT[name]
    train, forward = make_functions(cell, steps if steps <= UNROLLED_STEPS else 1)
    rows = GATES[cell] * hidden
    shapes = {"w_ih": (inputs, rows), "w_hh": (hidden, rows), "b_ih": (rows,), "b_hh": (rows,), "fc": (hidden, 1),
              "b_fc": (1,)}
    keys = jax.random.split(jax.random.key(0), len(shapes) + 1)
    bound = hidden ** -0.5
    p = {n: jax.random.uniform(k, s, minval=-bound, maxval=bound) for k, (n, s) in zip(keys, shapes.items())}
    x = jax.random.normal(keys[-1], (steps, batch, inputs))
    y = (x.sum((0, 2)) > 0).astype(jnp.float32)[:, None]
    state = (p, jax.tree.map(jnp.zeros_like, p), jax.tree.map(jnp.zeros_like, p), jnp.float32(0))

    def train_step():
        nonlocal state
        state = train(state, x, y)
        jax.block_until_ready(state)

    result = {f"{name} train": measure(train_step, seconds)}
    p = state[0]
    result[f"{name} infer"] = measure(lambda: forward(p, x).block_until_ready(), seconds / 3)
    if name in ONE_SEQUENCE:
        one = x[:, :1]
        result[f"{name} one sequence"] = measure(lambda: forward(p, one).block_until_ready(), seconds / 3, 10)
    return result


def chain(w, x):
    for _ in range(500):
        x = x * w[0] + w[1]
    return x[0]


def layer_by_hand(cell, unroll):
    import jax
    import jax.numpy as jnp

    def rnn(w, state, x):
        h = jnp.tanh(x @ w[0] + state[0] @ w[1] + w[2])
        return (h, h), jnp.mean(h * h)

    def lstm(w, state, x):
        h, c = state
        i, f, g, o = jnp.split(x @ w[0] + h @ w[1] + w[2], 4, 1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), jnp.mean(h * h)

    def loss(w, x):
        step = lstm if cell == "LSTM" else rnn
        zero = jnp.zeros((x.shape[1], w[1].shape[0]))
        return jax.lax.scan(lambda state, z: step(w, state, z), (zero, zero), x, unroll=unroll)[1].sum()

    return loss


def by_hand():
    """Values and gradients of the functions of capture.c."""
    import jax
    import jax.numpy as jnp

    def timed(f, w, x, seconds=0.7):
        both = jax.jit(jax.value_and_grad(f))
        return measure(lambda: jax.block_until_ready(both(w, x)), seconds)

    result = {"chain of 1000 captured": timed(chain, (jnp.full(1, 0.999), jnp.full(1, 0.001)), jnp.full(1, 0.5))}
    for name, work in BY_HAND.items():
        cell, inputs, hidden, batch, steps, _ = RECURRENT[work]
        rows = GATES[cell] * hidden
        shapes = (inputs, rows), (hidden, rows), (rows,)
        w = tuple(0.1 * jax.random.normal(jax.random.key(i), s) for i, s in enumerate(shapes))
        x = jax.random.normal(jax.random.key(9), (steps, batch, inputs))
        f = layer_by_hand(cell, steps if steps <= UNROLLED_STEPS else 1)
        result[f"{name} by hand captured"] = timed(f, w, x)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("threads", type=int)
    parser.add_argument("work", choices=[*RECURRENT, "capture"])
    o = parser.parse_args()
    # JAX uses as many threads as there are cores to run on.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:o.threads])
    os.environ["JAX_PLATFORMS"] = "cpu"
    import jax
    write_rows(f"JAX {jax.__version__}", by_hand() if o.work == "capture" else recurrent(o.work))


if __name__ == "__main__":
    main()
