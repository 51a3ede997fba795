# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# For check.sh: the tip on other machines, hosts and QEMUs.

module_tip()
{
	"$scripts/build.sh" config obj-m KVM=m
	kmake O="$build/obj-m" Image modules
	"$scripts/build.sh" initramfs obj-m
}

matrix()
{
	local vlen smp

	for vlen in 128 256 1024; do
		for smp in 1 4; do
			# Each VLEN, each number of CPUs, the ends with both
			if [ $vlen = 256 ] && [ $smp = 1 ]; then
				continue
			fi
			in_time "VLEN $vlen, $smp CPU" tests "VLEN $vlen, $smp CPU" "check-vlen$vlen-smp$smp" -v $vlen -s $smp simd
		done
	done
}

# Ways to switch FP and vectors; the default has been in the matrix.
modes()
{
	local m

	for m in lazy eager; do
		if [ $m = lazy ] && ! delivers_traps; then
			later result skip "simd_switch=lazy" 0 "QEMU $no_traps"
			continue
		fi
		in_time "simd_switch=$m" tests "simd_switch=$m" "check-$m" -a "kvm.simd_switch=$m" simd simd_trap_test
	done
}

guests_have_fwft() { ! grep fwft "$logs/check-firmware.skipped"; }

# The newest OpenSBI that Debian has, under the release's QEMU.  Linux uses SBI FWFT if
# that has version 3.0 of SBI, and KVM then has what changes HEDELEG for a guest.
newest_firmware()
{
	local version
	local -x FIRMWARE=$build/firmware/fw_dynamic.bin

	if ! FIRMWARE='' "$scripts/firmware.sh" >"$logs/firmware.out" 2>&1; then
		result skip "newest OpenSBI" 0 "cannot be fetched: $(tail -n 1 "$logs/firmware.log")"
		return 0
	fi
	version=$(cat "$build/firmware/version")
	tests "OpenSBI $version" check-firmware simd_lifecycle_test &&
		check "OpenSBI $version: guests have SBI FWFT" guests_have_fwft
}

# The tip under the newest QEMU that Debian has, beside the release's
newest_qemu()
{
	local -x QEMU=$build/qemu-new/qemu-system-riscv64

	if ! QEMU='' "$scripts/qemu-newest.sh" >"$logs/qemu-new.out" 2>&1; then
		result skip "newest QEMU" 0 "cannot be fetched: $(tail -n 1 "$logs/qemu-newest.log")"
		return 0
	fi
	qemu=$QEMU
	if ! delivers_traps; then
		say "# QEMU $(qemu_version) $no_traps; KVM has to find out, and to be eager"
	fi
	tests "QEMU $(qemu_version)" check-qemu-new series hooked
}

# Hosts other than QEMU's max, which has everything: name and -cpu
hosts="no-V:rv64,h=true
no-Zv:rv64,h=true,v=true,sscofpmf=true,smaia=true,ssaia=true"

other_hosts()
{
	local h

	for h in $hosts; do
		in_time "host ${h%%:*}" tests "host ${h%%:*}" "check-host-${h%%:*}" -c "${h#*:}" series smoke
	done
}

# default_regs WHEN: all registers of a new vCPU with their values, on each host
default_regs()
{
	local h label

	for h in max:max $hosts; do
		label=regs-$1-${h%%:*}
		"$scripts/run-tests.sh" -q -k "$staged/Image" -i "$staged/initramfs.cpio" \
			-l "$label" -c "${h#*:}" -s 1 reglist || return 1
		sed -n 's/^# reg //p' "$logs/$label.normal.log" | sort >"$logs/$label"
		[ -s "$logs/$label" ] || return 1
	done
}

base_regs()
{
	"$scripts/build.sh" all && stage && default_regs base
}

# A VMM that changes nothing sees what it saw before; sorted, since the order of
# KVM_GET_REG_LIST has been changed on purpose.
same_regs()
{
	local h rc=0

	default_regs series || return 1
	for h in max $hosts; do
		h=${h%%:*}
		diff "$logs/regs-base-$h" "$logs/regs-series-$h" || rc=1
		echo "$h: $(wc -l <"$logs/regs-series-$h") registers"
	done
	return $rc
}

# variant_image NAME:OPTION,...: a whole kernel, with KVM in it.  One folder for both
# variants: next to nothing has to be built again when FPU goes, where RISCV_ISA_V is off
# already.
variant_image()
{
	local opts name=${1%%:*}

	IFS=, read -ra opts <<<"${1#*:}"
	"$scripts/build.sh" config obj-image "${opts[@]}" || return 1
	kmake O="$build/obj-image" Image || return 1
	cp "$build/obj-image/arch/riscv/boot/Image" "$build/Image-$name"
}

variant_hosts()
{
	# Without simd_hook.ko, which is for the usual kernel
	"$scripts/build.sh" initramfs obj-image >"$logs/initramfs.log" 2>&1 || true
	stage
	if check "RISCV_ISA_V=n: kernel builds" variant_image "${nov_variant%,KVM=m}"; then
		tests "RISCV_ISA_V=n" check-nov -k "$build/Image-nov" series smoke || true
	fi
	# There is no C library there.
	if check "FPU=n: kernel builds" variant_image "${variant%,KVM=m}"; then
		tests "FPU=n" check-nofpu -k "$build/Image-nofpu" -a rdinit=/kvm/nofpu nofpu || true
	fi
}

# hosts_of_the_tip: kernels without V, without FPU, and with KVM as a module
hosts_of_the_tip()
{
	now variant_hosts
	if now check "KVM=m: tip builds" module_tip; then
		stage obj-m
		now tests "KVM=m" check-module series smoke || true
	fi
	"$scripts/build.sh" initramfs >"$logs/initramfs.log" 2>&1 || true
}

# in_time TESTS COMMAND...: a job, unless the time of make check is over
in_time()
{
	if [ "$mode" != all ] || ! late 100; then
		later "${@:2}"
	else
		later result skip "$1" 0 "$MINUTES minutes are not enough here (MINUTES=)"
	fi
}

# whole_tip: what make check does with the last patch.  The longest are the first, but what
# matters less is last.
whole_tip()
{
	in_time "series: tip" tests "series: tip" check-tip series smoke deep
	by=vmm-check.sh in_time "QEMU as VMM" tests "QEMU as VMM" check-vmm
	by=migrate.sh in_time "migration" tests "migration" check-migrate
	matrix
	in_time "newest QEMU" newest_qemu
	modes
	in_time "registers" check "registers of a new vCPU are the base's" same_regs
	other_hosts
	in_time "newest OpenSBI" newest_firmware
	later result skip "qemu-migrate" 0 "not part of this, since QEMU has to be built for it: make qemu qemu-migrate"
	drain || true
}
