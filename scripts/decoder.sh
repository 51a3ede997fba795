#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Check which units KVM thinks that an instruction needs against binutils.
#
#	decoder.sh			all encodings of 16 and 32 bits, for the installed
#					binutils and the newest that Debian has
#	decoder.sh sample [N [SEED]]	N of 32 bits (10000000), with the installed one
#	decoder.sh program ARGUMENT...	the program as prove.sh mutants has built it
. "$(dirname "$0")/lib.sh"
. "$scripts/apt.sh"
. "$scripts/host.sh"

# Every extension that the assembler knows, so that objdump does
march()
{
	local arch=$1 e

	for e in q v zfh zfhmin zfa zfbfmin zvfh zvfhmin zvfbfmin zvfbfwma zvbb zvbc zvkg zvkned \
		zvknha zvknhb zvksed zvksh zba zbb zbc zbs zbkb zbkx zknd zkne zknh zksed zksh \
		zicbom zicboz zawrs zacas zcb zicond zimop zcmop; do
		if "${from_root[@]}" "${CROSS_COMPILE}as" -march="${arch}_$e" -o /dev/null /dev/null 2>/dev/null; then
			arch+=_$e
		fi
	done
	echo "$arch"
}

# objdump_agrees N SEED: what objdump prints, against the table that the program has read
objdump_agrees()
{
	local xlen arch rc=0

	decoder words "$1" "$2" >"$prove/words.s"
	for xlen in 64 32; do
		arch=$(march rv${xlen}gc)
		"${from_root[@]}" "${CROSS_COMPILE}as" -march="$arch" -o "$prove/words.o" "$prove/words.s"
		"${from_root[@]}" "${CROSS_COMPILE}objdump" -D -M numeric -j .text "$prove/words.o" |
			decoder text $xlen || rc=1
	done
	return $rc
}

decoder() { "${from_root[@]}" "$prove/decoder" "$lib" "$@"; }

# Programs, and the library that objdump is linked to, are the machine's ...
from_root=(env)
lib=$(ldd "$(command -v "${CROSS_COMPILE}objdump")" | awk '/libopcodes/ { print $3 }')
[ -e "$lib" ] || die "no libopcodes for riscv64 (package binutils-riscv64-linux-gnu)"

# ... or, for what follows, those of a newer Debian
newest()
{
	if [ ! -e "$prove/binutils" ]; then
		step "fetch sid's binutils" prove-binutils.log \
			apt_unpack "$prove/binutils" sid binutils-riscv64-linux-gnu || return 1
	fi
	from_root=(unpacked "$prove/binutils")
	lib=$(find "$prove/binutils/usr/lib" -name 'libopcodes-*-riscv64*.so')
}

all()
{
	say "$(basename "$lib"), all encodings:"
	decoder all || rc=1
	objdump_agrees 1000000 "${SEED:-1}" || rc=1
}

rc=0
if [ "${1:-}" = program ]; then
	shift
	decoder "$@"
	exit
fi
host_cc decoder "$scripts/prove/decoder.c" "$linux/arch/riscv/kvm/simd_insn.c"
case ${1:-all} in
all)
	all
	if newest; then
		all
	else
		warn "the newest binutils are not there: only those of this machine were asked"
	fi
	[ $rc != 0 ] || figure "make decoder" "all encodings, none missed, $((SECONDS / 60)) min"
	;;
sample)
	n=${2:-10000000} seed=${3:-${SEED:-1}}
	say "$(basename "$lib"), $n encodings, SEED=$seed:"
	decoder sample "$n" "$seed" || rc=1
	objdump_agrees 100000 "$seed" || rc=1
	;;
*) die "usage: decoder.sh [all|sample [N [SEED]]]" ;;
esac
exit $rc
