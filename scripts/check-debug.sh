#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The selftests of the series in kernels that look over the code's shoulder, and
# with PREEMPT_RT.
#
#	check-debug.sh [NAME...]
#	check-debug.sh fuzz CALLS [SEED]	simd_fuzz alone, in the first of these
#						kernels, a share of the calls on each CPU
. "$(dirname "$0")/lib.sh"

# Name, options
kernels="debug:DEBUG_KERNEL=y,KASAN=y,KASAN_INLINE=y,PROVE_LOCKING=y,DEBUG_ATOMIC_SLEEP=y,DEBUG_PREEMPT=y,DEBUG_LIST=y
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
	kmake_image O="$build/obj-$name" Image modules
	"$scripts/noinstr.sh" "obj-$name"
	kmake O="$build/obj-$name" M="$scripts/simd_hook" MO="$build/hook-obj-$name" modules
}

build_kernel()
{
	step "build the kernel \"$1\"" "build-$1.log" image "$1" "$2"
	"$scripts/build.sh" initramfs "obj-$1" >"$logs/initramfs.log" 2>&1
}

# fuzz CALLS SEED: an hour or two for a million calls
fuzz()
{
	local i pids=() log n=$((($1 + jobs - 1) / jobs)) rc=0

	build_kernel debug "$(sed -n 's/^debug://p' <<<"$kernels")"
	cp "$build/initramfs.cpio" "$build/fuzz.cpio"
	cp "$build/initramfs.spec" "$build/fuzz.spec"
	"$scripts/build.sh" initramfs >"$logs/initramfs.log" 2>&1
	for ((i = 0; i < jobs; i++)); do
		echo "simd_fuzz fuzz $((600 + n / 10)) - simd_fuzz -n $n -s $(($2 + i))" >"$build/fuzz-$i.list"
		log=$logs/fuzz-$i.normal.log
		say "  $n calls with seed $(($2 + i)) in a machine of their own: $log"
		rm -f "$log"
		"$scripts/run-tests.sh" -q -l "fuzz-$i" -k "$build/obj-debug/arch/riscv/boot/Image" \
			-i "$build/fuzz.cpio" -m 2G -t "$build/fuzz-$i.list" fuzz >"$logs/fuzz-$i.out" 2>&1 &
		pids+=($!)
		# What it says on the way
		tail -q --pid=$! -n +1 -F "$log" 2>/dev/null |
			sed -un "s/^# # \([0-9].*\)/  $(($2 + i)): \1/p" &
	done
	for ((i = 0; i < jobs; i++)); do
		wait "${pids[i]}" || rc=1
		cat "$logs/fuzz-$i.out"
		say "  $(cat "$logs/fuzz-$i.results")"
	done
	[ $rc != 0 ] || figure "make fuzz N=$1 SEED=$2" "passed, $((SECONDS / 60)) min"
	return $rc
}

if [ "${1:-}" = fuzz ]; then
	[[ ${2:-} =~ ^[1-9][0-9]*$ ]] || die "make fuzz N=CALLS [SEED=NUMBER]"
	[[ ${3:-1} =~ ^[0-9]+$ ]] || die "SEED=$3: a number"
	fuzz "$2" "${3:-1}"
	exit
fi

# With -icount, these kernels need more instructions to wake vector_copy_test's other
# thread than there are between two wakeups: it would take hours.
sed -E 's/^([^ #]+ +[^ ]+ +[0-9]+ +)icount/\1-/' "$scripts/tests.list" >"$build/debug.list"

rc=0
for k in $kernels; do
	name=${k%%:*}
	if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then
		continue
	fi
	start=$SECONDS
	build_kernel "$name" "${k#*:}"
	"$scripts/run-tests.sh" -l "$name" -k "$build/obj-$name/arch/riscv/boot/Image" \
		-v "${VLEN:-256}" -s "${SMP:-2}" -m 2G -x 10 \
		-t "$build/debug.list" series hooked || rc=1
	figure "make check-debug T=$name" "$(awk '{ n[$1]++ } END {
		printf "%d tests passed, %d failed, %d skipped", n["ok"], n["not"], n["skip"] }' \
		"$logs/$name.results"), $(((SECONDS - start) / 60)) min"
done
"$scripts/build.sh" initramfs >"$logs/initramfs.log" 2>&1
exit $rc
