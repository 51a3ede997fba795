# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# For check.sh: configurations that neither each patch nor each tip is built with.

# Configurations that neither each patch nor each tip is built with, and what of
# the tree; the ones without a folder can be booted.
configs="lazy:PREEMPT=n,PREEMPT_LAZY=y
thead:RISCV_ISA_VENDOR_EXT=y,RISCV_ISA_VENDOR_EXT_THEAD=y,RISCV_ISA_XTHEADVECTOR=y
rv32:64BIT=n,ARCH_RV32I=y:arch/riscv/kvm/"

# Hosts that lack what KVM uses elsewhere: name, -cpu, and more options
lacking="Sstc:max,sstc=off:
Smstateen:max,smstateen=off:
AIA:max,smaia=off,ssaia=off:-M virt,aia=none,aia-guests=0"

# config_builds OBJ:OPTIONS[:FOLDER] WHAT
config_builds()
{
	local name opts folder out

	IFS=: read -r name opts folder <<<"$1"
	if [ -n "$folder" ]; then
		build_variant "$name:$opts" "$folder"
	elif [ "$2" = image ]; then
		build_variant "$name:$opts" Image
	else
		build_variant "$name:$opts" arch/riscv/kvm/ arch/riscv/kernel/
	fi
}

# One layer with all of them
layer_configs()
{
	local tip=$1 layer c llvm

	llvm=$(newest_llvm)
	lgit checkout -q --detach "$tip"
	layer=$(lgit log -1 --format=%s --grep='^layer: ' "$tip")
	layer=${layer#layer: }
	for c in $configs; do
		check "$layer: builds with $(cut -d: -f2 <<<"$c")" config_builds "$c" kvm || true
	done
	if [ -n "$llvm" ] && command -v "clang$llvm" >/dev/null; then
		LLVM=$llvm check "$layer: builds with clang$llvm" config_builds clang: kvm || true
	else
		result skip "$layer: builds with clang" 0 "no clang$llvm"
	fi
}

# The series on the one that is called NAME
boot_config()
{
	local c

	c=$(grep "^$1:" <<<"$configs")
	if check "series: kernel builds with ${c#*:}" config_builds "$c" image; then
		tests "${c#*:}" "check-config-$1" -k "$build/obj-$1/arch/riscv/boot/Image" series smoke || true
	fi
}

boot_clang()
{
	local llvm

	llvm=$(newest_llvm)
	if [ -e "$build/obj-clang/.config" ] &&
		LLVM=$llvm check "series: kernel builds with clang$llvm" config_builds clang: image; then
		tests "clang$llvm" check-config-clang -k "$build/obj-clang/arch/riscv/boot/Image" series smoke || true
	fi
}

# Each is a job, so that people see its results when there are any.
all_configs()
{
	local tip name cpu opts

	for tip in $(layer_tips); do
		now layer_configs "$tip" || true
	done
	restore
	now boot_config lazy || true
	now boot_config thead || true
	now boot_clang || true
	while IFS=: read -r name cpu opts; do
		now tests "host without $name" "check-without-$name" -c "$cpu" ${opts:+-o "$opts"} series smoke || true
	done <<<"$lacking"
}
