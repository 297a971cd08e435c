# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# example.awk FILE.c: a program as an example of the manual, in Texinfo, without its lines of licence.

BEGIN { print "@example" }
FNR == 1 && /SPDX-License-Identifier/ { next }
FNR == 2 && /Copyright/ { next }
{
    gsub(/[@{}]/, "@&")
    print
}
END { print "@end example" }
