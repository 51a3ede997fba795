#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The descriptions for syzkaller of what the series adds to KVM's interface: are they
# well-formed, do their constants and layouts agree with the headers of build/linux,
# and do they have all that the series adds?
#
#	syzkaller.sh		check
#	syzkaller.sh const	write the values of the constants
. "$(dirname "$0")/lib.sh"

txt=$scripts/syzkaller/kvm_riscv_simd.txt
values=$txt.const
work=$build/syzkaller

compile() { "${CROSS_COMPILE}gcc" -Wall -Werror -isystem "$work/include" "$@"; }

headers()
{
	mkdir -p "$work/obj"
	kmake O="$work/obj" INSTALL_HDR_PATH="$work" headers_install
}

# write_values: by the compiler, from the headers
write_values()
{
	awk -v mode=names -f "$scripts/syzkaller/check.awk" "$txt" |
		sed 's/^constant \(.*\)/unsigned long long syz_\1 = (unsigned long long)(\1);/' >"$work/names.c"
	echo "# Written by scripts/syzkaller.sh const"
	echo "arches = riscv64"
	compile -S -o - "$work/names.c" |
		awk '/^syz_.*:$/ { name = substr($1, 5); sub(/:$/, "", name) }
			/^\t\.dword/ { print name, $2 } /^\t\.zero\t8/ { print name, 0 }' |
		while read -r name value; do
			printf '%s = %u\n' "$name" "$value"
		done | sort
}

# What the series adds to the headers that user space has: constants, by #define or in
# an enum.  Guards of headers have no value.
added()
{
	lgit diff base series -- include/uapi arch/riscv/include/uapi |
		sed -n -e 's/^+#define[ \t]*\([A-Z][A-Z0-9_]*\)[ \t(].*/\1/p' -e 's/^+\t\([A-Z][A-Z0-9_]*\)\( = .*\)\{0,1\},$/\1/p'
}

case ${1:-} in
const)
	headers >"$logs/syzkaller-headers.log" 2>&1
	write_values >"$values.new"
	mv "$values.new" "$values"
	exit
	;;
'') ;;
*) die "usage: syzkaller.sh [const]" ;;
esac

headers >"$logs/syzkaller-headers.log" 2>&1 || die "no headers: $logs/syzkaller-headers.log"
awk -v mode=check -f "$scripts/syzkaller/check.awk" "$values" "$txt" pass=2 "$txt" >"$work/check.c" ||
	die "$txt is not well-formed"
compile -c -o /dev/null "$work/check.c" || die "$txt and the headers differ"

rc=0 n=0 described=$(grep -v '^#' "$txt")
while read -r name; do
	n=$((n + 1))
	if ! grep -qw "$name" <<<"$described" && ! grep -q "^# Not described: .*\<$name\>" "$txt"; then
		echo "$name is new, and not described"
		rc=1
	fi
done < <(added)
if [ $n = 0 ]; then
	echo "the series adds nothing to the headers?"
	rc=1
fi
[ $rc = 0 ] || die "$txt does not have all that the series adds"
say "$(sed -n 's|^/\* calls: \([0-9]*\) constants: \([0-9]*\) \*/$|\1 calls, \2 constants with their values|p' "$work/check.c"), $(grep -c 'sizeof\|offsetof' "$work/check.c") sizes and offsets; all of $n constants that the series adds"
