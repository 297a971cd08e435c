# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# awk -f declarations.awk -f prototypes.awk HEADER...: prints the names of the functions that public headers declare,
# one on each line.

function declaration(text)
{
    if (function_name(text) != "")
        print function_name(text)
}
