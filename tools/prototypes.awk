# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# prototypes.awk HEADER...: prints the names of the functions that public headers declare, one on each line. A prototype
# begins at the left margin and has its name on its first line.

/^(#|typedef|template|static|inline|[ \t])/ { next }
match($0, /[ *]fr_[a-z0-9_]+\(/) && /^[a-z]/ { print substr($0, RSTART + 1, RLENGTH - 2) }
