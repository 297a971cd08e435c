#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# cross.sh HOST FOLDER [TEST...]: builds frond for another kind of CPU in FOLDER, with Debian's cross compiler, and runs
# tests on QEMU's emulation of that CPU. HOST is configure's --host, for example aarch64-linux-gnu, arm-linux-gnueabihf
# or i686-linux-gnu. With names of tests (check_ops) only these are built and run, else everything is built and all
# tests of numbers are run. CONFIGURE_OPTIONS holds more options for configure, JOBS the number of jobs. Exits with 77
# if packages are missing, and says which.
set -eu
host=${1:?usage: $0 HOST FOLDER [TEST...]}
folder=${2:?usage: $0 HOST FOLDER [TEST...]}
shift 2
source=$(cd "$(dirname "$0")/.." && pwd)

# --- Missing packages, by their names in Debian ---------------------------------------------------------------------

command -v dpkg-architecture >/dev/null || { echo "skipped: missing: dpkg-dev"; exit 77; }
debian() { dpkg-architecture -t "$host" -q"$1" 2>/dev/null; } # it warns that $CC is for another CPU
architecture=$(debian DEB_HOST_ARCH) || { echo "$host: Debian has no such system" >&2; exit 1; }
modules=/usr/lib/$(debian DEB_HOST_MULTIARCH)/pkgconfig
case $architecture in
i386) cpu=i386 ;;
ppc64el) cpu=ppc64le ;;
*) cpu=$(debian DEB_HOST_GNU_CPU) ;;
esac

missing=
command -v "$host-gcc" >/dev/null || missing="$missing gcc-$(echo "$host" | tr _ -)"
[ -e "/usr/$host/include/stdio.h" ] || missing="$missing libc6-dev-$architecture-cross"
command -v "qemu-$cpu" >/dev/null || missing="$missing qemu-user"
[ -e "$modules/check.pc" ] || missing="$missing check:$architecture"
[ -e "$modules/jansson.pc" ] || missing="$missing libjansson-dev:$architecture"
if [ -n "$missing" ]; then
    echo "skipped: missing:$missing"
    echo "as root: dpkg --add-architecture $architecture && apt-get update &&" \
        "apt-get install --no-install-recommends$missing"
    exit 77
fi

# --- Build ------------------------------------------------------------------------------------------------------------

[ -x "$source/configure" ] || (cd "$source" && autoreconf --install >&2)
mkdir -p "$folder"
cd "$folder"
# Without --build configure would run its programs where the kernel knows QEMU, and measure this CPU instead.
# shellcheck disable=SC2086
[ -f Makefile ] || "$source/configure" -q --host="$host" --build="$("$source/build-aux/config.guess")" \
    --disable-shared --enable-werror PKG_CONFIG_LIBDIR="$modules" ${CONFIGURE_OPTIONS:-}

build=libfrondtest.la
if [ $# -eq 0 ]; then
    build=all
    set -- check_attention check_autograd check_autograd_more check_core check_data check_elementwise check_gradcheck \
        check_init check_io check_nn check_norm check_npy check_ops check_optim check_print check_products \
        check_random check_recurrent check_recurrent_modules check_reductions check_schedulers check_spans \
        check_training check_views check_vmath check_windows
fi
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN)}
tests=$(printf 'tests/%s ' "$@")
make -s -j"$jobs" $build
status=0
make -s -j"$jobs" check-TESTS check_PROGRAMS="$tests" TESTS="$tests" LOG_COMPILER="qemu-$cpu" || status=$?
for test in $tests; do
    printf '%s: ' "$test"
    grep '^[0-9]*%: ' "$test.log" || tail -n 30 "$test.log"
done
exit $status
