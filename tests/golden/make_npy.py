# SPDX-License-Identifier: MIT
# Copyright The frond authors
"""Writes golden/npy.safetensors for tests/check_npy.c: the bytes of files that NumPy writes, and of bad files."""
import io
import pathlib
import struct
import warnings
import zipfile

import numpy
from numpy.lib import format as npy
from safetensors.numpy import save_file

files = {}


def keep(name, data):
    files[name] = numpy.frombuffer(data, numpy.uint8)


def saved(array, version=None):
    file = io.BytesIO()
    npy.write_array(file, array, version)
    return file.getvalue()


# The test makes the same tensors and expects the same bytes.
keep("write.matrix", saved(numpy.arange(6, dtype="<f4").reshape(2, 3) / numpy.float32(4)))
keep("write.scalar", saved(numpy.array(-1.5)))
keep("write.vector", saved(numpy.array([-(2**63), -1, 2**63 - 1], "<i8")))
keep("write.transposed", saved(numpy.arange(24, dtype="<f8").reshape(2, 3, 4).T))
keep("write.permuted", saved(numpy.arange(24, dtype="<f8").reshape(2, 3, 4).transpose(1, 0, 2)))
keep("write.none", saved(numpy.zeros((123456789, 0), "<f4")))
keep("write.eight", saved(numpy.ones((1, 1, 1, 2, 1, 1, 1, 1), "<f4")))

# 0 to 5 as (2, 3), for each dtype, order of bytes and order of dimensions (bool: True for odd numbers).
for dtype in ("f2", "f4", "f8", "b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"):
    for order in "<>":
        matrix = numpy.arange(6).reshape(2, 3) % (2 if dtype == "b1" else 6)
        keep(f"read.{order}{dtype}.C", saved(matrix.astype(order + dtype)))
        keep(f"read.{order}{dtype}.F", saved(numpy.asfortranarray(matrix.astype(order + dtype))))
keep("read.<f4.2", saved(numpy.arange(6, dtype="<f4").reshape(2, 3), (2, 0)))
keep("read.<f4.3", saved(numpy.arange(6, dtype="<f4").reshape(2, 3), (3, 0)))
keep("read.>f8.3", saved(numpy.asfortranarray(numpy.arange(6, dtype=">f8").reshape(2, 3)), (3, 0)))

for name, array in {
    "<c8": numpy.ones(2, "<c8"),
    "<f16": numpy.ones(2, "<f16"),
    "|O": numpy.array([None]),
    "|S3": numpy.array([b"abc"]),
    "<U3": numpy.array(["abc"]),
    "<M8[s]": numpy.array([0], "<M8[s]"),
    "<m8[s]": numpy.array([0], "<m8[s]"),
    "|V2": numpy.zeros(2, "|V2"),
    "structures": numpy.zeros(2, [("a", "<f4"), ("b", "<i8")]),
    "18446744073709551615 (uint64)": numpy.array([2**64 - 1], "<u8"),
    "more than 8 dimensions": numpy.ones((1,) * 9),
}.items():
    keep(f"refused.{name}", saved(array))

# --- Archives --------------------------------------------------------------------------------------------------------

arrays = {
    "x": numpy.arange(6, dtype="<f4").reshape(2, 3),
    "layer.0/weight": numpy.arange(6, dtype=">f8").reshape(2, 3).T,
    "\u00e9": numpy.array([1, 2, 3], "<i2"),
    "zeros": numpy.zeros((100, 100), "<f4"),
    "x.npy": numpy.array(7.0),
}


def zipped(save, **members):
    file = io.BytesIO()
    save(file, **members)
    return file.getvalue()


def archive(members, method=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as z:
        for name, data in members:
            z.writestr(zipfile.ZipInfo(name), data, method)
    return file.getvalue()


def patched(data, local, central, form, value):
    """Returns data with value, packed as form, at these offsets of the first local and the first central header."""
    data = bytearray(data)
    struct.pack_into(form, data, local, value)
    struct.pack_into(form, data, data.index(b"PK\x01\x02") + central, value)
    return bytes(data)


compressed = zipped(numpy.savez_compressed, **{**arrays, "zeros": numpy.zeros((100, 100), "<f4")})
keep("npz.stored", zipped(numpy.savez, **{**arrays, "zeros": numpy.zeros((2, 2), "<f4")}))
keep("npz.deflated", compressed)
keep("npz.empty", zipped(numpy.savez))
keep("npz.texts", zipped(numpy.savez, ids=numpy.array(["ab"]), x=numpy.float32(1)))

one = saved(numpy.arange(3, dtype="<f4"))
zeros = saved(numpy.zeros(300, "<f4"))
deflated = archive([("x.npy", zeros)], zipfile.ZIP_DEFLATED)
warnings.simplefilter("ignore", UserWarning)  # the same name is there twice
keep("bad.is there twice", archive([("x.npy", one), ("y.npy", one), ("x.npy", one)]))
# The byte 0x82 is \u00e9 in the old code page 437: the same name.
keep("bad.the name of a member is there twice",
     archive([("\u00e9.npy", one), ("X.npy", one)]).replace(b"X.npy", b"\x82.npy"))
keep("bad.begins with /", archive([("/etc/x.npy", one)]))
keep("bad.leads out of the archive", archive([("a/../../x.npy", one)]))
keep("bad.is not an npy file", archive([("x.npy", one), ("readme.txt", b"text")]))
keep("bad.not an npy file: it does not begin with", archive([("x.npy", b"some text or other")]))
keep("bad.not an npy file: 0 bytes", archive([("x.npy", b"")]))
keep("bad.12 bytes of values, expected 16", archive([("x.npy", one.replace(b"(3,)", b"(4,)"))]))
keep("bad.packed by method 12", archive([("x.npy", one)], zipfile.ZIP_BZIP2))
keep("bad.is encrypted", patched(archive([("x.npy", one)]), 6, 8, "<H", 1))
keep("bad.cannot be unpacked", archive([("x.npy", one)]).replace(struct.pack("<f", 2), struct.pack("<f", 3)))
keep("bad.which cannot be", patched(deflated, 22, 24, "<I", 2**31))
# The header's length agrees with the archive's entry, but not with the packed data.
for name, count in {"fewer than it should": 400, "more bytes than it should": 200}.items():
    other = saved(numpy.zeros(300, "<f4")).replace(b"(300,)", b"(%d,)" % count)
    keep(f"bad.{name}", patched(archive([("x.npy", other)], zipfile.ZIP_DEFLATED), 22, 24, "<I", 128 + 4 * count))

keep("bad.not an npz file", b"not a zip archive, though long enough")


def halves(data):
    """Returns an archive's members and its central directory, without the end record."""
    begin = data.index(b"PK\x01\x02")
    return data[:begin], data[begin:data.index(b"PK\x05\x06")]


# y.npy lies inside the values of x.npy.
inner, y = halves(archive([("y.npy", zeros)]))
inner += b" " * (-len(inner) % 4)
outer, x = halves(archive([("x.npy", saved(numpy.frombuffer(inner, "<f4")))]))
both = x + y[:42] + struct.pack("<I", outer.index(inner)) + y[46:]
keep("bad.its members have more bytes than the file",
     outer + both + struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 2, 2, len(both), len(outer), 0))

path = pathlib.Path(__file__).parent / "npy.safetensors"
save_file(files, path)
path.chmod(0o644)
