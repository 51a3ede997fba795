#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A shell in the patched L1, for people: boot-shell.sh VLEN SMP
. "$(dirname "$0")/lib.sh"

if ! delivers_traps; then
	say "QEMU $(qemu_version) $no_traps; KVM is eager in it"
fi
say "QEMU riscv64 with VLEN ${1:-256} and ${2:-2} CPUs; Ctrl-A X kills it"
exec "$qemu" \
	-M virt,aia=aplic-imsic,aia-guests=4 -cpu "max,vlen=${1:-256}" -smp "${2:-2}" -m 2G \
	-nographic -nodefaults -serial mon:stdio -no-reboot \
	-kernel "$build/obj/arch/riscv/boot/Image" -initrd "$build/initramfs.cpio" \
	-append "console=ttyS0 loglevel=5 panic=-1 l1.shell"
