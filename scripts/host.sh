# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154
# Sourced.  Compile files of the kernel for this machine, with the headers of
# scripts/prove/include in place of those that would need the rest of the kernel.

prove=$build/prove
mkdir -p "$prove"

# host_cc PROGRAM FILE...: build/prove/PROGRAM
host_cc()
{
	local prog=$1
	shift

	gcc -std=gnu11 -O2 -g -Wall -Wextra -Werror -Wno-unused-parameter -D__KERNEL__ \
		-include linux/types.h -I "$scripts/prove/include" -I "$linux/arch/riscv/include" \
		-idirafter "$linux/include" -o "$prove/$prog" "$@" -ldl
}

# unpacked ROOT PROGRAM ARGUMENT...: a program of apt_unpack's, or ours with its libraries
unpacked()
{
	local root=$1 prog=$2 ld libs
	shift 2

	ld=$(find "$root/usr/lib" "$root/lib" -name 'ld-linux*' 2>/dev/null | head -n 1)
	libs=$(dirname "$(find "$root/usr/lib" "$root/lib" -name libc.so.6 2>/dev/null | head -n 1)")
	[[ $prog == */* ]] || prog=$root/usr/bin/$prog
	"$ld" --library-path "$libs" "$prog" "$@"
}
