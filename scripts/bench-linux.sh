#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What it costs that a Linux guest has another vector length than its host: all that
# the machine executes while the selftests' VMM boots and runs it, against the same
# guest with the host's length.  Counted by QEMU with -icount and simd_count.c.
#
#	bench-linux.sh [-b VLENBS] [-c CPUS]
#
# VLENBS are the guests' lengths in bytes (16 64), the host has 32.  CPUS are their
# numbers of CPUs (1 2); L1 has one.  The guest is that of the case linux-vlenb-64 of
# vmm-check.sh.
. "$(dirname "$0")/lib.sh"
. "$scripts/count.sh"

dir=$build/bench-linux
out=$dir/linux
host=32

vlenbs="16 64" cpus="1 2"
while getopts b:c: o; do
	case $o in
	b) vlenbs=$OPTARG ;;
	c) cpus=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# = 0 ] || die "$1: bench-linux.sh [-b VLENBS] [-c CPUS]"
for n in $vlenbs; do
	[[ $n =~ ^(16|64|128|256|512|1024|2048|4096|8192)$ ]] ||
		die "-b $n: a power of 2 from 16 to 8192, not the host's $host"
done
for n in $cpus; do
	[[ $n =~ ^[1-8]$ ]] || die "-c $n: 1 to 8"
done
if [ -z "${vlenbs// /}" ] || [ -z "${cpus// /}" ]; then
	die "no guest to measure"
fi
image=$build/obj/arch/riscv/boot/Image
for f in "$image" "$build/init" "$build/gen_init_cpio" "$kst/riscv/guest_vlenb_linux"; do
	[ -e "$f" ] || die "$f is missing: make build"
done
delivers_traps || die "QEMU $(qemu_version) $no_traps"

# Each line: how many CPUs, the guest's length, and the budget of the VMM, which with 0
# emulates one instruction an exit.
guests()
{
	local c b

	for c in $cpus; do
		echo "$c $host 128"
		for b in $vlenbs; do
			echo "$c $b 128"
			echo "$c $b 0"
		done
	done
}

initramfs()
{
	"${CROSS_COMPILE}gcc" -O2 -Wall -Wextra -Werror -static -o "$dir/mark" "$scripts/vmm/mark.c"
	"${CROSS_COMPILE}strip" -o "$dir/guest_vlenb_linux" "$kst/riscv/guest_vlenb_linux"
	guests | while read -r c b a; do
		echo "cpus-$c-vlenb-$b-budget-$a 1800 - /mark" \
			"/guest_vlenb_linux -a $a -b $b -c $c /l2/Image /l2/vector.cpio"
	done >"$dir/tests"
	"$build/gen_init_cpio" - >"$dir/initramfs.cpio" <<-END
		dir /dev 755 0 0
		dir /proc 755 0 0
		dir /sys 755 0 0
		dir /tmp 755 0 0
		dir /l2 755 0 0
		nod /dev/console 600 0 0 c 5 1
		file /init $build/init 755 0 0
		file /mark $dir/mark 755 0 0
		file /guest_vlenb_linux $dir/guest_vlenb_linux 755 0 0
		file /l2/Image $image 644 0 0
		file /l2/vector.cpio $build/vmm/vector.cpio 644 0 0
		file /tests $dir/tests 644 0 0
	END
}

boot()
{
	rm -f "$out.counts" "$out.laps"
	counting_boot "$dir/simd_count.so,out=$out.counts,laps=$out.laps" \
		"$out" "$image" "$dir/initramfs.cpio" $((host * 8)) 1G ""
	# Three laps each: up to the guest's computation, that, and what is left
	if [ "$(grep -c '^ok ' "$out.log")" != "$(guests | wc -l)" ] ||
	   [ "$(wc -l <"$out.laps")" != $((3 * $(guests | wc -l))) ]; then
		cat "$out.log"
		return 1
	fi
}

# For each guest: CPUs, length, budget, millions of instructions in all and in the
# computation, both divided by those of the native guest, and who has emulated how many
rows()
{
	awk -v host=$host '
		FILENAME == ARGV[1] {
			key[++n] = $0
			native[n] = $2 == host ? n : native[n - 1]
			next
		}
		FILENAME == ARGV[2] { all[$1] += $3; if ($2 == 2) part[$1] = $3; next }
		/instructions emulated by the VMM/ {
			gsub(/[^0-9 ]/, "")
			split($0, w, " ")
			m++
			vmm[m] = w[1]; ahead[m] = w[2]; kvm[m] = w[3]
		}
		END {
			for (i = 1; i <= n; i++)
				printf "%s %.1f %.2f %.1f %.2f %d %d %d\n", key[i],
					all[i] / 1e6, all[i] / all[native[i]],
					part[i] / 1e6, part[i] / part[native[i]], vmm[i], ahead[i], kvm[i]
		}' <(guests) "$out.laps" "$out.log"
}

mkdir -p "$dir" "$build/vmm"
step "build the guest" bench-linux-guest.log "$scripts/vmm-check.sh" guest
step "build the plugin" bench-linux-plugin.log build_plugin "$dir/simd_count.so"
step "make L1's initramfs" bench-linux-initramfs.log initramfs
step "boot $(guests | wc -l) guests on a host with vlenb $host" bench-linux.log boot

table()
{
	local c b a all f part g vmm ahead kvm how

	say "| CPUs | the guest's vlenb | boot and run, millions | native = 1 | computing, millions | native = 1 | exits to the VMM | executed ahead | emulated by KVM |"
	say "|---|---|---|---|---|---|---|---|---|"
	while read -r c b a all f part g vmm ahead kvm; do
		how=", one instruction an exit"
		if [ "$b" = "$host" ]; then
			how=", native"
		elif [ "$a" != 0 ]; then
			how=
		fi
		say "| $c | $b$how | $all | $f | $part | $g | $vmm | $ahead | $kvm |"
	done < <(rows)
}

say
table
[ "$vlenbs $cpus" = "16 64 1 2" ] || exit 0
table >"$logs/bench-linux.table"
text=$(rows | awk -v host=$host '
	$2 != host && $3 {
		printf "%svlenb %d, %d CPU%s: %s", sep, $2, $1, ($1 > 1 ? "s" : ""), $5
		sep = "; "
	}')
figure "make bench-linux" "boot and run, native = 1: $text"
