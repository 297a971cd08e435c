# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# example.awk FILE.c: a program as an example of the manual, in Texinfo, without the comments before its first include.

BEGIN { print "@smallexample" }
/^#include/ { begun = 1 }
begun {
    gsub(/[@{}]/, "@&")
    print
}
END { print "@end smallexample" }
