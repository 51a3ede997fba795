#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Boot guests in Debian's QEMU for riscv64 with KVM, inside L1, with extensions
# switched off, and see whether each is what its command line says; and one in the
# selftests' VMM, with a vector length of its own.
#
#	vmm-check.sh [-b] [-k IMAGE] [-l LABEL] [-p] [-q] [CASE...]
#
# CASE is a line of scripts/vmm/cases.list.  IMAGE is L1's kernel; -b builds the
# base's and takes that.  The guests always boot build/obj's.  As soon as there are
# results of both, each run prints them side by side, and fails if a case is worse
# with the series than on the base.  With -p the QEMU is build/qemu's, with
# patches/vmm-qemu-10.0, and the cases are those of patched.list.
. "$(dirname "$0")/lib.sh"

vmm=$build/vmm

# QEMU and what it depends on, as apt sees it: some 80 packages, 34 MB
fetch()
{
	local names

	. "$scripts/apt.sh"
	apt_riscv64
	rm -rf "$vmm/dl.tmp"
	mkdir -p "$vmm/dl.tmp"
	cd "$vmm/dl.tmp"
	names=$(apt-get -q "${apt_riscv64_options[@]}" -s --no-install-recommends \
		install qemu-system-riscv | awk '$1 == "Inst" { print $2 }')
	# shellcheck disable=SC2086
	patiently apt-get -q "${apt_riscv64_options[@]}" download $names
	mv "$vmm/dl.tmp" "$vmm/dl"
}

# The files of the unpacked packages that an ELF file needs, and theirs
needed()
{
	local queue=("$@") f name
	declare -A seen=()

	while [ ${#queue[@]} -gt 0 ]; do
		f=${queue[0]}
		queue=("${queue[@]:1}")
		[ -z "${seen[$f]:-}" ] || continue
		seen[$f]=1
		echo "$f"
		for name in $(${CROSS_COMPILE}readelf -d "$f" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
			f=$(find usr/lib -name "$name" | sort | head -n 1)
			[ -n "$f" ] || die "no package has $name"
			queue+=("$f")
		done
	done
}

# Of all that, QEMU and its libraries.  No firmware: with KVM, -kernel is enough.
unpack()
{
	local deb f tmp=$vmm/packages.tmp lib=usr/lib/riscv64-linux-gnu

	rm -rf "$tmp" "$vmm/root.tmp"
	mkdir -p "$tmp" "$vmm/root.tmp/usr/bin" "$vmm/root.tmp/$lib"
	for deb in "$vmm"/dl/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" |
			tar x -C "$tmp" --exclude=./usr/share --exclude=./etc --exclude=./var
	done
	cd "$tmp"
	needed usr/bin/qemu-system-riscv64 >"$vmm/needed"
	while read -r f; do
		case $f in
		usr/bin/*) cp -L "$f" "$vmm/root.tmp/usr/bin/" ;;
		*) cp -L "$f" "$vmm/root.tmp/$lib/" ;;
		esac
	done <"$vmm/needed"
	dpkg-deb -f "$vmm"/dl/qemu-system-riscv_*.deb Version >"$vmm/root.tmp/version"
	rm -rf "$tmp" "$vmm/root"
	mv "$vmm/root.tmp" "$vmm/root"
}

# Of the guest's programs, init has neither a C library nor FP instructions.
guest()
{
	local cflags=(-O2 -Wall -Wextra -Werror)

	${CROSS_COMPILE}gcc "${cflags[@]}" -static -o "$vmm/case" "$scripts/vmm/case.c"
	${CROSS_COMPILE}gcc "${cflags[@]}" -march=rv64imac -mabi=lp64 -static -nostdlib -nostdinc \
		-ffreestanding -fno-stack-protector \
		-I "$linux/tools/include/nolibc" -isystem "$build/khdr/include" \
		-o "$vmm/init" "$scripts/vmm/guest.c" "$scripts/vmm/bench.c"
	${CROSS_COMPILE}gcc "${cflags[@]}" -static -o "$vmm/vector-init" "$scripts/vmm/vector-init.c"
	${CROSS_COMPILE}gcc "${cflags[@]}" -static -o "$vmm/move" "$scripts/vmm/move.c"
	${CROSS_COMPILE}gcc "${cflags[@]}" -static -o "$vmm/move-init" "$scripts/vmm/move-init.c"
	kmake O="$build/obj" M="$scripts/vmm/probe" MO="$vmm/probe" modules
	"$build/gen_init_cpio" - >"$vmm/l2.cpio" <<-EOF
		dir /dev 755 0 0
		nod /dev/console 600 0 0 c 5 1
		file /init $vmm/init 755 0 0
		file /vmm_probe.ko $vmm/probe/vmm_probe.ko 644 0 0
	EOF
	"$build/gen_init_cpio" - >"$vmm/vector.cpio" <<-EOF
		dir /dev 755 0 0
		nod /dev/console 600 0 0 c 5 1
		file /init $vmm/vector-init 755 0 0
	EOF
	"$build/gen_init_cpio" - >"$vmm/move.cpio" <<-EOF
		dir /dev 755 0 0
		nod /dev/console 600 0 0 c 5 1
		file /init $vmm/move-init 755 0 0
	EOF
}

# L1's is what make build has made, QEMU, and the guest.
initramfs()
{
	local d f ld=ld-linux-riscv64-lp64d.so.1

	{
		for d in l2 usr usr/bin usr/lib usr/lib/riscv64-linux-gnu; do
			echo "dir /$d 755 0 0"
		done
		echo "file /l2/Image $build/obj/arch/riscv/boot/Image 644 0 0"
		echo "file /l2/initramfs.cpio $vmm/l2.cpio 644 0 0"
		echo "file /l2/vector.cpio $vmm/vector.cpio 644 0 0"
		echo "file /l2/init $vmm/init 755 0 0"
		echo "file /l2/case $vmm/case 755 0 0"
		echo "file /l2/move $vmm/move 755 0 0"
		echo "file /l2/move.cpio $vmm/move.cpio 644 0 0"
		if [ -e "$build/qemu/qemu-system-riscv64" ]; then
			echo "dir /qemu 755 0 0"
			echo "file /qemu/qemu-system-riscv64 $build/qemu/qemu-system-riscv64 755 0 0"
		fi
		if [ -e "$build/qemu/rvv_emul_qemu" ]; then
			echo "file /qemu/rvv_emul_qemu $build/qemu/rvv_emul_qemu 755 0 0"
		fi
		echo "slink /lib usr/lib 777 0 0"
		echo "slink /usr/lib/$ld riscv64-linux-gnu/$ld 777 0 0"
		(cd "$vmm/root" && find usr -type f) | while read -r f; do
			echo "file /$f $vmm/root/$f 755 0 0"
		done
	} >"$vmm/l1.spec"
	"$build/gen_init_cpio" "$vmm/l1.spec" >"$vmm/l1.tmp"
	cat "$build/initramfs.cpio" "$vmm/l1.tmp" >"$vmm/l1.cpio"
	rm "$vmm/l1.tmp"
}

# From a tree of its own, so that build/linux stays as it is
base_kernel()
{
	local tree=$build/linux-base

	if [ "$(git -C "$tree" rev-parse -q --verify HEAD 2>/dev/null || true)" != "$(lgit rev-parse base)" ]; then
		rm -rf "$tree"
		lgit worktree prune
		lgit worktree add -q --detach "$tree" base
	fi
	export LINUX_TREE=$tree
	linux=$tree
	"$scripts/build.sh" config obj-base
	kmake O="$build/obj-base" Image
}

case ${1:-} in
fetch | unpack | guest | initramfs | base_kernel)
	"$1"
	exit
	;;
esac

label=vmm image=$build/obj/arch/riscv/boot/Image base='' opts=() list=cases
while getopts bk:l:pq o; do
	case $o in
	b) base=1 label=vmm-base image=$build/obj-base/arch/riscv/boot/Image ;;
	k) image=$OPTARG ;;
	l) label=$OPTARG ;;
	p) list=patched label=vmm-patched ;;
	q) opts+=(-q) ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- vmm
# make vmm-check has the names of both lists.
known=" prepare $(awk '!/^#/ && NF { printf "%s %s ", $1, $2 }' "$scripts/vmm/$list.list")"
for c in "$@"; do
	shift
	[[ $known != *" $c "* ]] || set -- "$@" "$c"
done
[ $# -gt 0 ] || exit 0
prepare=
[ "$1" != prepare ] || prepare=1
[ "$*" != vmm-long ] || label="vmm-long"

mkdir -p "$vmm"
[ -n "$prepare" ] || : >"$logs/$label.results"
for f in obj/arch/riscv/boot/Image initramfs.cpio khdr/include gen_init_cpio; do
	[ -e "$build/$f" ] || die "$build/$f is missing: make build"
done
if [ ! -e "$vmm/root/version" ]; then
	if [ ! -d "$vmm/dl" ]; then
		# Says nothing about the series: not a failure, but nobody shall miss it
		step "fetch QEMU for riscv64 (34 MB)" vmm-fetch.log "$0" fetch || {
			echo "skip all 0 apt cannot fetch QEMU for riscv64 and its libraries" >"$logs/$label.results"
			warn "with a network, the next try goes on from here"
			exit 4
		}
	fi
	step "unpack it" vmm-unpack.log "$0" unpack
fi
if [ -n "$base" ]; then
	step "build the base's kernel" vmm-base-kernel.log "$0" base_kernel
fi
if [ $list = patched ]; then
	"$scripts/qemu.sh"
fi
step "build the guest" vmm-guest.log "$0" guest
step "make L1's initramfs" vmm-initramfs.log "$0" initramfs
[ -z "$prepare" ] || exit 0

rc=0
"$scripts/run-tests.sh" -l "$label" -k "$image" -m 2G -t "$scripts/vmm/$list.list" \
	-i "$vmm/l1.cpio" "${opts[@]}" "$@" || rc=$?
[ -e "$logs/$label.normal.log" ] || exit $rc

# Rows of both, and what is worse: a guest that did not start or did not get to its
# end, or that QEMU complained of, and none of that on the base.
side_by_side()
{
	awk -F ' *[|] *' '
		!/^# table:/ { next }
		FNR == NR { says[$2] = $3; gone[$2] = $4; runs[$2] = $6; next }
		$2 in says {
			print "| " $2 " | " says[$2] " | " $3 " | " (gone[$2] ~ /^[(]/ ? gone[$2] : runs[$2]) \
			      " | " ($4 ~ /^[(]/ ? $4 : $6) " |"
			if ((says[$2] == "-" && $3 != "-") || (gone[$2] !~ /^[(]/ && $4 ~ /^[(]/))
				worse = worse " " $2
		}
		END { if (worse) { print "worse than on the base:" worse; exit 1 } }
	' "$logs/vmm-base.normal.log" "$logs/vmm.normal.log"
}

# As they are in Documentation/vmm.md
say
say "| -cpu | QEMU says | not in the guest's isa line | traps in the guest | hidden, but runs |"
say "|---|---|---|---|---|"
sed -n 's/^# table: //p' "$logs/$label.normal.log"
say
say "| -cpu | AES-128, blocks/s | bits set, words/s | FP16, mul+add/s | FP32 to BF16, 1/s |"
say "|---|---|---|---|---|"
sed -n 's/^# bench-table: //p' "$logs/$label.normal.log"
if [ -e "$logs/vmm-base.normal.log" ] && [ -e "$logs/vmm.normal.log" ]; then
	say
	say "| -cpu | QEMU says: base | series | hidden, but runs: base | series |"
	say "|---|---|---|---|---|"
	side_by_side || rc=1
fi
case "$label $*" in
"vmm vmm" | "vmm-patched vmm" | "vmm-long vmm-long")
	figure "scripts/vmm-check.sh $([ "$label" = vmm ] || echo "-p ")$*" "$(awk '
		{ n[$1]++ }
		END { print n["ok"] + 0 " passed, " n["not"] + 0 " failed" }' "$logs/$label.results")$(
		sed -n 's/^# \(stop\|reset\): \([0-9]* rounds, .*\)/; \1: \2/p' "$logs/$label.normal.log" |
			tr -d '\n')"
	;;
esac
[ $rc = 0 ]
