# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# What one writes every day in PyTorch; habits.c has the same for frond. Both print the same lines.
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


def tensors():
    x = torch.zeros(2, 3)
    y = torch.tensor([1., 2., 3.])
    z = x + y * 2
    print(z)
    print(z.shape[1], z.sum().item())


def module():
    net = nn.Sequential(
        nn.Linear(2, 8), nn.Tanh(),
        nn.Linear(8, 1))
    print(net)
    print(sum(p.numel() for p in net.parameters()),
          "parameters")


def step():
    model = nn.Linear(2, 1)
    x, y = torch.ones(4, 2), torch.ones(4, 1)
    opt = torch.optim.Adam(model.parameters(), lr=0.1)

    for i in range(3):
        loss = F.mse_loss(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        print("%.4f" % loss.item())


def no_grad():
    w = torch.ones(3, requires_grad=True)

    with torch.no_grad():
        y = w * 2
    print(y.requires_grad)


def evaluate():
    model = nn.Dropout(0.5)
    x = torch.ones(4)

    model.eval()
    with torch.no_grad():
        print(model(x))
    model.train()


def loader():
    x = torch.arange(6.).reshape(6, 1)
    y = x * x
    data = DataLoader(TensorDataset(x, y),
                      batch_size=4)

    for bx, by in data:
        print((by - bx).flatten())


def indexing():
    x = torch.arange(12.).reshape(3, 4)

    print(x[1])
    print(x[:, -1])
    print(x[::2, 1:3])
    print(x[x > 8])


def in_place():
    w = torch.ones(3, requires_grad=True)

    with torch.no_grad():
        w.copy_(w * 0.5)
        w.clamp_(max=0.4)
    print(w.detach())


def dtypes():
    n = torch.arange(3)
    x = torch.ones(3)

    print(n + x)  # int64 becomes float32
    print("%.12f" % (x.double() / 3)[0])


def detach():
    rnn = nn.RNN(1, 4)
    x = torch.ones(5, 2, 1)
    h = None

    for window in range(2):
        out, h = rnn(x, h)
        h = h.detach()
    print(h.shape[2], h.requires_grad)


def state():
    a, b = nn.Linear(2, 1), nn.Linear(2, 1)

    b.load_state_dict(a.state_dict())
    for name, t in b.state_dict().items():
        print(name, t.numel())


def gradients():
    x = torch.tensor(2., requires_grad=True)
    y = x ** 3
    g, = torch.autograd.grad(y, x, create_graph=True)
    g2, = torch.autograd.grad(g, x)
    print(g.item(), g2.item())


torch.manual_seed(0)
for run in (tensors, module, step, no_grad, evaluate, loader, indexing, in_place, dtypes, detach, state, gradients):
    print("==", run.__name__)
    run()
