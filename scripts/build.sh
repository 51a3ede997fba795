#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build what is checked out in build/linux.
#
#	build.sh config OBJ [OPTION...]		configure build/OBJ
#	build.sh kernel [MAKE'S ARGUMENT...]	build/obj: Image and simd_hook.ko
#	build.sh base				build/obj-base: the Image of the base
#	build.sh selftests			build/kselftest, build/programs
#	build.sh initramfs [OBJ]		build/initramfs.cpio
#	build.sh all				the last three, with progress
#	build.sh shell				build/initramfs.cpio with busybox in it
#	build.sh kselftest-tar			build/kselftest.tar.gz
#	build.sh first				build/obj: the first object of KVM
. "$(dirname "$0")/lib.sh"

# config_key FRAGMENT .CONFIG: what that has been made of, and what came out.  Kconfig
# files may change with the patches, and asking make takes seconds.
config_key()
{
	{
		cat "$@" 2>/dev/null || true
		lgit ls-files -s -- '*Kconfig*'
		lgit diff -- '*Kconfig*'
		"${CROSS_COMPILE}gcc" --version
	} | sha256sum
}

# allnoconfig with scripts/kernel.config, and then each OPTION ("KVM=m").
configure()
{
	local obj=$build/$1 all=$build/$1.config o k
	shift

	cp "$scripts/kernel.config" "$all.new"
	for o in "$@"; do
		sed -i "/^CONFIG_${o%%=*}=/d" "$all.new"
		if [ "${o#*=}" != n ]; then
			echo "CONFIG_$o" >>"$all.new"
		fi
	done
	mkdir -p "$obj"
	mv "$all.new" "$all"
	if [ "$(cat "$all.key" 2>/dev/null)" = "$(config_key "$all" "$obj/.config")" ]; then
		return 0
	fi
	# Keep the time stamps if nothing comes of it.
	cp "$obj/.config" "$all.old" 2>/dev/null || : >"$all.old"
	kmake O="$obj" KCONFIG_CONFIG="$all.full" KCONFIG_ALLCONFIG="$all" allnoconfig
	if ! cmp -s "$all.full" "$all.old"; then
		cp "$all.full" "$obj/.config"
		kmake O="$obj" olddefconfig
	fi
	# An option that Kconfig has dropped would turn tests into empty ones.
	while read -r k; do
		if ! grep -qx "$k" "$obj/.config" && [ $# = 0 ]; then
			echo "$k is not possible in this kernel"
			return 1
		fi
	done < <(grep ^CONFIG_ "$all")
	config_key "$all" "$obj/.config" >"$all.key"
}

# W=1 because make check wants that, and other flags would build everything again;
# without kernel-doc, which takes its time over each file.
kernel()
{
	configure obj
	kmake_image O="$build/obj" W=1 cmd_checkdoc= "$@" Image modules
	noinstr obj
	kmake O="$build/obj" M="$scripts/simd_hook" MO="$build/hook" modules
}

# What runs with the guest's registers in place is called by noinstr code since there
# is vcpu_simd.c.
noinstr()
{
	if [ -e "$linux/arch/riscv/kvm/vcpu_simd.c" ]; then
		"$scripts/noinstr.sh" "$1"
	fi
}

# The kernel without the series, from a tree of its own: build/linux stays as it
# is.  git archive gives files the commit's time, so nothing is built twice.
base_kernel()
{
	local tree=$build/base commit

	commit=$(lgit rev-parse base)
	if [ "$(cat "$tree.commit" 2>/dev/null)" != "$commit" ]; then
		rm -rf "$tree" "$build/obj-base"
		mkdir -p "$tree"
		lgit archive base | tar x -C "$tree"
		echo "$commit" >"$tree.commit"
	fi
	linux=$tree
	configure obj-base
	kmake_image O="$build/obj-base" Image
}

# make_selftests FOLDER ARGUMENT...: make in FOLDER of tools/testing/selftests
make_selftests()
{
	local folder=$linux/tools/testing/selftests/$1
	shift

	# Headers that have not changed keep their times, or all is built again.
	kmake O="$build/obj" INSTALL_HDR_PATH="$build/khdr.new" headers_install
	rsync -r --checksum --delete "$build/khdr.new/" "$build/khdr/"
	# gcc 12 thinks that a bool of riscv is not lockless (14 does not), on which
	# memslot_perf_test insists.
	LDFLAGS=-static make -s -j"$jobs" -C "$folder" CC="ccache ${CROSS_COMPILE}gcc" \
		EXTRA_CFLAGS="-Wno-error -U$lockless_bool -D$lockless_bool=2" \
		KHDR_INCLUDES="-isystem $build/khdr/include" "$@"
}
lockless_bool=__GCC_ATOMIC_BOOL_LOCK_FREE

# The archive that LAVA and KernelCI know how to unpack and run, with what they leave out
kselftest_tar()
{
	local dir=$build/kselftest-install

	rm -rf "$dir"
	mkdir -p "$dir"
	cp "$scripts/ci/kvm-tcg.skip" "$scripts/ci/run-kvm.sh" "$dir/"
	make_selftests . TARGETS=kvm O="$build/kselftest-tar" INSTALL_PATH="$dir" gen_tar
	mv "$dir/kselftest-packages/kselftest.tar.gz" "$build/kselftest.tar.gz"
}

selftests()
{
	local out rc=0

	mkdir -p "$kst"
	out=$(make_selftests kvm OUTPUT="$kst" 2>&1) || rc=$?
	echo "$out"
	[ $rc = 0 ] || return 1
	# The compiler's word on our own tests is an error.
	if echo "$out" | grep -E '(riscv/[a-z_]*\.c|kselftest_harness\.h):[0-9]+:.*warning:'; then
		return 1
	fi
	programs
}

# Programs that have nothing but KVM's ioctls in common with the selftests
programs()
{
	local out=$build/programs
	local cc=("${CROSS_COMPILE}gcc" -O2 -static -Wall -Wextra -Werror -isystem "$build/khdr/include")

	rm -rf "$out"
	mkdir -p "$out"
	"${cc[@]}" -o "$out/reglist" "$scripts/reglist.c"
	if [ -e "$linux/tools/testing/selftests/riscv/sigreturn/sigreturn_fp.c" ]; then
		"${CROSS_COMPILE}gcc" -O2 -static -Wall -Werror -I "$linux/tools/testing/selftests" \
			-I "$linux/tools/include" -o "$out/sigreturn_fp" \
			"$linux/tools/testing/selftests/riscv/sigreturn/sigreturn_fp.c"
	fi
	# The others are for kernels that have what they use.
	grep -q KVM_RISCV_VM_ISA "$build/khdr/include/asm/kvm.h" || return 0
	"${cc[@]}" -o "$out/userspace" "$top/Documentation/userspace.c"
	"${cc[@]}" -nostdlib -march=rv64imac_zicsr -mabi=lp64 \
		-I "$linux/tools/include/nolibc" -o "$out/nofpu" "$scripts/nofpu.c"
}

# What the tree has no source of is left from another revision.
have_source()
{
	local kvm=$linux/tools/testing/selftests/kvm

	[ -e "$kvm/riscv/$1.c" ] || [ -e "$kvm/$1.c" ] || [ -e "$build/programs/$1" ]
}

initramfs()
{
	local obj=${1:-obj} spec=$build/initramfs.spec hook=$build/hook hashes f n

	# A module is for one kernel.
	[ "$obj" = obj ] || hook=$build/hook-$obj

	if [ ! -x "$build/init" ] || [ "$scripts/init.c" -nt "$build/init" ]; then
		${CROSS_COMPILE}gcc -O2 -static -Wall -Wextra -Werror -o "$build/init" "$scripts/init.c"
	fi
	if [ ! -x "$build/gen_init_cpio" ]; then
		gcc -O2 -o "$build/gen_init_cpio" "$linux/usr/gen_init_cpio.c"
	fi
	mkdir -p "$build/stripped"
	{
		for n in dev proc sys tmp kvm bin; do
			echo "dir /$n 755 0 0"
		done
		echo "nod /dev/console 600 0 0 c 5 1"
		echo "file /init $build/init 755 0 0"
		find "$kst" "$build/programs" -type f -perm -u+x | while read -r f; do
			n=${f##*/}
			have_source "$n" || continue
			if [ "$f" -nt "$build/stripped/$n" ]; then
				${CROSS_COMPILE}strip -o "$build/stripped/$n" "$f"
			fi
			echo "file /kvm/$n $build/stripped/$n 755 0 0"
		done
		if [ -e "$build/$obj/arch/riscv/kvm/kvm.ko" ]; then
			echo "file /kvm.ko $build/$obj/arch/riscv/kvm/kvm.ko 644 0 0"
		fi
		if [ "$obj" = obj ] || [ -e "$hook/simd_hook.ko" ]; then
			echo "file /simd_hook.ko $hook/simd_hook.ko 644 0 0"
		fi
		if [ -e "$build/busybox" ] && [ -n "${WITH_SHELL:-}" ]; then
			echo "file /bin/busybox $build/busybox 755 0 0"
			for n in sh ls cat ps dmesg grep sed mount top kill less vi; do
				echo "slink /bin/$n busybox 777 0 0"
			done
		fi
	} >"$spec"
	# run-tests.sh asks this file what there is, and what has changed.
	hashes=$(awk '$1 == "file" { print $3 }' "$spec" | xargs sha256sum | sed 's/^/# /')
	echo "$hashes" >>"$spec"
	"$build/gen_init_cpio" "$spec" >"$build/initramfs.cpio"
}

# Debian's busybox for riscv64, unpacked and not installed
busybox()
{
	. "$scripts/apt.sh"
	apt_riscv64 || return 1
	mkdir -p "$build/dl"
	(cd "$build/dl" && patiently apt-get -q "${apt_riscv64_options[@]}" download busybox-static) || return 1
	dpkg-deb --fsys-tarfile "$(find "$build/dl" -name 'busybox-static_*_riscv64.deb' | sort | tail -n 1)" |
		tar xO --wildcards './*bin/busybox' >"$build/busybox.tmp" || return 1
	[ -s "$build/busybox.tmp" ] || return 1
	chmod +x "$build/busybox.tmp"
	mv "$build/busybox.tmp" "$build/busybox"
}

case ${1:-} in
config) shift; configure "$@" ;;
kernel) shift; kernel "$@" ;;
base) base_kernel ;;
selftests) selftests ;;
initramfs) shift; initramfs "$@" ;;
all)
	step "build the kernel" build-kernel.log "$0" kernel
	step "build the KVM selftests" build-selftests.log "$0" selftests
	step "make the initramfs" build-initramfs.log "$0" initramfs
	;;
first)
	configure obj >"$logs/build-first.log" 2>&1 || die "no configuration: $logs/build-first.log"
	step "build the first object of KVM" build-first.log kmake O="$build/obj" W=1 arch/riscv/kvm/isa.o
	;;
kselftest-tar)
	step "build and pack the KVM selftests" kselftest-tar.log kselftest_tar
	say "  $(tar tzf "$build/kselftest.tar.gz" | grep -c '^\./kvm/.*[^/]$') files of KVM's in $build/kselftest.tar.gz; on a board: ./run_kselftest.sh -c kvm"
	;;
shell)
	if [ ! -x "$build/busybox" ]; then
		step "fetch busybox for riscv64" busybox.log busybox
	fi
	WITH_SHELL=1 initramfs
	;;
*) die "usage: build.sh config|kernel|base|selftests|initramfs|all|shell|kselftest-tar|first" ;;
esac
