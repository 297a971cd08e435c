# SPDX-License-Identifier: MIT
# Copyright The frond authors

# FROND_BLAS(WHICH) finds a library with the C interface to BLAS; WHICH is auto, openblas, blis or none. Sets
# BLAS_CFLAGS, BLAS_LIBS and frond_blas_found (text for the summary); defines FR_HAVE_CBLAS and, for OpenBLAS,
# FR_HAVE_OPENBLAS.
AC_DEFUN([FROND_BLAS], [
  frond_blas_found=
  AS_CASE([$1],
    [auto|yes], [_FROND_TRY_BLAS([openblas]) _FROND_TRY_BLAS([blis])
      AS_IF([test -z "$frond_blas_found"], [frond_blas_found="plain C (neither OpenBLAS nor BLIS was found)"])],
    [openblas], [_FROND_TRY_BLAS([openblas])],
    [blis], [_FROND_TRY_BLAS([blis])],
    [none|no], [frond_blas_found="plain C (--with-blas=none)"],
    [AC_MSG_ERROR([--with-blas=$1: expected auto, openblas, blis or none])])
  AS_IF([test -z "$frond_blas_found"], [AC_MSG_ERROR([--with-blas=$1: the library or its cblas.h was not found])])
])

# Tries pkg-config first, then the plain name. Does nothing if a library was found already.
AC_DEFUN([_FROND_TRY_BLAS], [
  AS_IF([test -z "$frond_blas_found"], [
    PKG_CHECK_MODULES([FROND_$1], [$1], [
      BLAS_CFLAGS=$FROND_$1[]_CFLAGS
      BLAS_LIBS=$FROND_$1[]_LIBS
    ], [
      BLAS_CFLAGS=
      BLAS_LIBS=-l$1
    ])
    frond_save_LIBS=$LIBS
    frond_save_CPPFLAGS=$CPPFLAGS
    LIBS="$BLAS_LIBS $LIBS"
    CPPFLAGS="$CPPFLAGS $BLAS_CFLAGS"
    AC_MSG_CHECKING([whether $1 works])
    AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <cblas.h>]],
        [[float a = 1, c = 0;
          cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, 1, 1, 1, 1, &a, 1, &a, 1, 0, &c, 1);]])],
      [AC_MSG_RESULT([yes])
       frond_blas_found=$1
       AC_DEFINE([FR_HAVE_CBLAS], [1], [Matrix products come from a library with the C interface to BLAS.])
       m4_if([$1], [openblas], [AC_CHECK_FUNC([openblas_set_num_threads],
         [AC_DEFINE([FR_HAVE_OPENBLAS], [1], [That library is OpenBLAS, with threads of its own.])])])],
      [AC_MSG_RESULT([no])
       BLAS_CFLAGS=
       BLAS_LIBS=])
    LIBS=$frond_save_LIBS
    CPPFLAGS=$frond_save_CPPFLAGS
    AC_SUBST([BLAS_CFLAGS])
    AC_SUBST([BLAS_LIBS])
  ])
])
