# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# example.awk FILE.c: writes a program as a Texinfo example for the manual, without the comments before its first
# include.

BEGIN { print "@smallexample" }
/^#include/ { begun = 1 }
begun {
    gsub(/[@{}]/, "@&")
    print
}
END { print "@end smallexample" }
