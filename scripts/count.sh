# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154
# Sourced by the benchmarks: boot L1 in QEMU with -icount and with simd_count.c, which
# counts what is executed between its markers.

# build_plugin FILE
build_plugin()
{
	gcc -O2 -shared -fPIC -fvisibility=hidden -Wall -Wextra -Werror \
		-o "$1" "$scripts/simd_count.c"
}

# counting_boot PLUGIN OUT IMAGE INITRAMFS VLEN MEM APPEND: the console is in OUT.log
# then.  PLUGIN has its arguments with it.  The seed, the clock, the console: nothing of
# the outside may reach the guest.
counting_boot()
{
	rm -f "$2.console"
	timeout --foreground -k 5 1800 "$qemu" \
		-M virt,aia=aplic-imsic,aia-guests=4 -cpu "max,vlen=$5" -m "$6" \
		-smp 1 -icount shift=0,sleep=off -seed 1 -rtc base=2026-01-01,clock=vm \
		-display none -nodefaults -serial "file:$2.console" -monitor none -no-reboot \
		-plugin "$1" -kernel "$3" -initrd "$4" \
		-append "console=ttyS0 loglevel=5 panic=-1 norandmaps l1.run $7" </dev/null
	tr -d '\r' <"$2.console" >"$2.log"
}
