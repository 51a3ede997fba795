#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Which of the faults of QEMU that Documentation/qemu.md reports does each QEMU have
# that is there: the release's, the newest of Debian, and the one that QEMU= names?
#
#	qemu-faults.sh [NAME...]	the programs of scripts/qemu, all by default
. "$(dirname "$0")/lib.sh"

doc=$top/Documentation/qemu.md
out=$build/qemu

# What the program says as its exit status; QEMU has others.
verdict()
{
	local rc=0

	qemu=$1
	timeout -k 5 60 "$1" -M virt -cpu max,vlen=256 -m 128M -display none -nodefaults \
		-bios "$out/$2" </dev/null >"$logs/qemu-$2.log" 2>&1 || rc=$?
	case $rc in
	0) echo fixed ;;
	3) echo not ;;
	124) echo "not (hangs)" ;;
	134 | 139) echo "not (aborts)" ;;
	*) echo "? ($rc)" ;;
	esac
}

mapfile -t qemus < <(
	for q in "$qemu" "$(command -v qemu-system-riscv64)" "$build/qemu-new/qemu-system-riscv64"; do
		[ ! -x "$(command -v "$q")" ] || command -v "$q"
	done | awk '!seen[$0]++')
mapfile -t names < <(sed -n 's/^## \([a-z-]*\): .*/\1/p' "$doc")
diff <(printf '%s.S\n' "${names[@]}" | sort) <(cd "$scripts/qemu" && printf '%s\n' *.S | sort) ||
	die "$doc (<) and scripts/qemu (>) have different programs"
[ $# -gt 0 ] || set -- "${names[@]}"

mkdir -p "$out"
printf '  %-62s' "QEMU"
for qemu in "${qemus[@]}"; do
	printf ' %-12s' "$(qemu_version)"
done
printf '\n'
rc=0
for name in "$@"; do
	bare_metal "$name.S" "$out/$name"
	printf '  %-62.62s' "$(sed -n "s/^## \($name: .*\)/\1/p" "$doc")"
	for qemu in "${qemus[@]}"; do
		v=$(verdict "$qemu" "$name")
		[[ $v != \?* ]] || rc=1
		printf ' %-12s' "$v"
	done
	printf '\n'
done
exit $rc
