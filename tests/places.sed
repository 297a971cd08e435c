# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# Messages tell where the compiler found the program that made the call; this leaves the file's name alone.
s|[^][ ]*/\([a-z_0-9]*\.c:[0-9]\)|\1|g
