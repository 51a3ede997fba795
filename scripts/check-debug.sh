#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The selftests of the series in kernels that look over the code's shoulder, and
# with PREEMPT_RT.  check-debug.sh [NAME...]
. "$(dirname "$0")/lib.sh"

# Name, options
kernels="debug:DEBUG_KERNEL=y,KASAN=y,PROVE_LOCKING=y,DEBUG_ATOMIC_SLEEP=y,DEBUG_PREEMPT=y,DEBUG_LIST=y
rt:EXPERT=y,PREEMPT=n,PREEMPT_RT=y,RISCV_ISA_V_PREEMPTIVE=n,DEBUG_KERNEL=y,DEBUG_ATOMIC_SLEEP=y,DEBUG_PREEMPT=y"

# shellcheck disable=SC2317  # called by step
image()
{
	local name=$1 opts o
	shift

	IFS=, read -ra opts <<<"$1"
	"$scripts/build.sh" config "obj-$name" "${opts[@]}"
	# An option that Kconfig has dropped would make this check look at nothing.
	for o in "${opts[@]}"; do
		if [ "${o#*=}" != n ] && ! grep -qx "CONFIG_$o" "$build/obj-$name/.config"; then
			echo "CONFIG_$o is not possible in this kernel"
			return 1
		fi
	done
	kmake O="$build/obj-$name" Image modules
	kmake O="$build/obj-$name" M="$scripts/simd_hook" MO="$build/hook-obj-$name" modules
}

# With -icount, these kernels need more instructions to wake vector_copy_test's other
# thread than there are between two wakeups: it would take hours.
sed -E 's/^([^ #]+ +[^ ]+ +[0-9]+ +)icount /\1- /' "$scripts/tests.list" >"$build/debug.list"

rc=0
for k in $kernels; do
	name=${k%%:*}
	if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then
		continue
	fi
	step "build the kernel \"$name\"" "build-$name.log" image "$name" "${k#*:}"
	"$scripts/build.sh" initramfs "obj-$name" >"$logs/initramfs.log" 2>&1
	"$scripts/run-tests.sh" -l "$name" -k "$build/obj-$name/arch/riscv/boot/Image" \
		-v "${VLEN:-256}" -s "${SMP:-2}" -m 2G -x 10 \
		-t "$build/debug.list" series || rc=1
done
"$scripts/build.sh" initramfs >"$logs/initramfs.log" 2>&1
exit $rc
