#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright The frond authors
#
# emulate.sh BOARD FOLDER SOURCE...: compiles C for the processor of BOARD, in FOLDER, where headers are looked for too,
# says on standard error what flash and RAM each part takes, and runs the program on QEMU's emulation of the board:
#
#     mps2-an385     Cortex-M3: numbers with a point are computed by functions of the compiler
#     mps2-an386     Cortex-M4 with a floating-point unit
#     mps2-an500     Cortex-M7 with a floating-point unit
#
# CFLAGS holds more options for the compiler. On Debian: apt install gcc-arm-none-eabi libnewlib-arm-none-eabi
# qemu-system-arm. Exits as the program does; with 77 if one of them is missing.
set -eu
board=${1:?usage: $0 BOARD FOLDER SOURCE...}
folder=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)

case $board in
*an385) cpu='-mcpu=cortex-m3' ;;
*an386) cpu='-mcpu=cortex-m4 -mfpu=fpv4-sp-d16 -mfloat-abi=hard' ;;
*an500) cpu='-mcpu=cortex-m7 -mfpu=fpv5-sp-d16 -mfloat-abi=hard' ;;
*) echo "$board: expected mps2-an385, mps2-an386 or mps2-an500" >&2; exit 2 ;;
esac
for command in arm-none-eabi-gcc qemu-system-arm; do
    command -v $command >/dev/null || { echo "skipped: there is no $command"; exit 77; }
done

options="-std=c99 -O2 -mthumb $cpu -ffunction-sections -fdata-sections --specs=rdimon.specs ${CFLAGS:-}"
objects=
for source in "$here/start.c" "$@"; do
    name=$(basename "$source" .c)
    # shellcheck disable=SC2086
    arm-none-eabi-gcc $options -I"$folder" -c "$source" -o "$folder/$name.o"
    objects="$objects $name.o"
done
cd "$folder"
# shellcheck disable=SC2086
arm-none-eabi-gcc $options -nostartfiles -Wl,--gc-sections -T "$here/board.ld" $objects -lm -o program
# shellcheck disable=SC2086
arm-none-eabi-size $objects program | awk '
NR > 1 { printf "%-12s flash %6.1f KiB, RAM %6.1f KiB\n", $6, ($1 + $2) / 1024, ($2 + $3) / 1024 }' >&2
exec qemu-system-arm -M "$board" -nographic -semihosting -kernel program </dev/null
