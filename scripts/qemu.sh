#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# QEMU with patches/vmm-qemu-10.0, for riscv64 and as small as it gets: fetch
# Debian's source package and what it is linked with, apply, build.
#
#	qemu.sh			build/qemu/qemu-system-riscv64
#	qemu.sh apply		the branch "series" of build/qemu/src from the patches
#	qemu.sh export		the patches from that branch
#	qemu.sh export --check	only say whether they differ
#	qemu.sh check		checkpatch of QEMU's own; its headers are the series'
#	qemu.sh each		builds each patch
. "$(dirname "$0")/lib.sh"

qemu=$build/qemu
src=$qemu/src
sysroot=$qemu/sysroot
obj=$qemu/obj
patches=$top/patches/vmm-qemu-10.0
suite=trixie
stamp=$src/.git/simd-applied
# What is built of QEMU's devices
devices=virt-kvm

qgit() { git -C "$src" "$@"; }
patches_id() { (cd "$patches" && cat series && xargs cat <series) | sha256sum | cut -d' ' -f1; }

# Sources, with lists of their own: only this one package is wanted of them.
fetch_source()
{
	local options

	. "$scripts/apt.sh"
	apt_private
	echo "deb-src [signed-by=$apt_key] $apt_uri $suite main" >"$apt_dir/source.list"
	options=(
		"${apt_options[@]}"
		-o "Dir::Etc::sourcelist=$apt_dir/source.list" -o Dir::Etc::sourceparts=/dev/null
		-o "Dir::State::lists=$apt_dir/lists-source"
		-o "Dir::Cache=$apt_dir/cache-source"
	)
	mkdir -p "$apt_dir/lists-source/partial" "$apt_dir/cache-source/archives/partial"
	patiently apt-get -q -o APT::Update::Error-Mode=any "${options[@]}" update
	rm -rf "$qemu/dl.tmp"
	mkdir -p "$qemu/dl.tmp"
	cd "$qemu/dl.tmp"
	patiently apt-get -q "${options[@]}" source --download-only --only-source qemu
	rm -rf "$qemu/dl"
	mv "$qemu/dl.tmp" "$qemu/dl"
}

# Headers and static libraries for riscv64.  Meson is here since bookworm's is too old.
fetch_sysroot()
{
	. "$scripts/apt.sh"
	apt_riscv64
	rm -rf "$qemu/debs.tmp"
	mkdir -p "$qemu/debs.tmp"
	cd "$qemu/debs.tmp"
	patiently apt-get -q "${apt_riscv64_options[@]}" download libc6 libc6-dev linux-libc-dev \
		libcrypt-dev libglib2.0-dev libgio-2.0-dev libpcre2-dev libsysprof-capture-4-dev \
		libfdt-dev zlib1g-dev meson
	rm -rf "$qemu/debs"
	mv "$qemu/debs.tmp" "$qemu/debs"
}

unpack_sysroot()
{
	local deb

	rm -rf "$sysroot.tmp" "$sysroot"
	mkdir -p "$sysroot.tmp"
	for deb in "$qemu"/debs/*.deb; do
		dpkg-deb -x "$deb" "$sysroot.tmp"
	done
	rm -rf "$sysroot.tmp/usr/share/doc" "$sysroot.tmp/usr/share/man"
	# QEMU is linked statically, but configure links some of its tests against libc.so.
	[ -e "$sysroot.tmp/lib" ] || ln -s usr/lib "$sysroot.tmp/lib"
	mv "$sysroot.tmp" "$sysroot"
}

# The package as dpkg-source unpacks it, without debian/, as the branch "base".
unpack_source()
{
	local p version tmp=$qemu/src.tmp

	rm -rf "$tmp" "$src"
	mkdir -p "$tmp"
	tar xJf "$qemu"/dl/qemu_*.orig.tar.xz -C "$tmp" --strip-components=1
	tar xJf "$qemu"/dl/qemu_*.debian.tar.xz -C "$tmp"
	while read -r p; do
		patch -s -d "$tmp" -p1 <"$tmp/debian/patches/$p"
	done < <(sed '/^#/d;/^$/d' "$tmp/debian/patches/series")
	rm -rf "$tmp/debian"
	find "$tmp" -name '*.orig' -delete
	version=$(sed -n 's/^Version: //p' "$qemu"/dl/qemu_*.dsc | head -n 1)

	git -C "$tmp" init -q -b base
	git -C "$tmp" config user.name "$series_name"
	git -C "$tmp" config user.email "$series_mail"
	git -C "$tmp" config gc.auto 0
	git -C "$tmp" config core.compression 0
	git -C "$tmp" config core.excludesFile /dev/null
	git -C "$tmp" add -A -f .
	GIT_AUTHOR_DATE='1970-01-01T00:00:00Z' GIT_COMMITTER_DATE='1970-01-01T00:00:00Z' \
		git -C "$tmp" commit -q -m "QEMU $version"
	mv "$tmp" "$src"
}

am()
{
	local p

	qgit checkout -q -f base
	qgit checkout -q -B series
	while read -r p; do
		qgit am -q --committer-date-is-author-date "$patches/$p" || {
			qgit am --abort || true
			return 1
		}
	done <"$patches/series"
}

# As apply.sh does: what has been committed and not exported is left alone.
apply()
{
	local id tip old_id old_tip

	id=$(patches_id)
	tip=$(qgit rev-parse -q --verify refs/heads/series || true)
	if [ -n "$tip" ]; then
		read -r old_id old_tip <"$stamp" 2>/dev/null || true
		if [ "$tip" != "${old_tip:-}" ] || [ -n "$(qgit status --porcelain --untracked-files=no)" ]; then
			warn "build/qemu/src has work that is not in patches/ (make qemu-export writes it there); it is built as it is"
			return
		fi
		[ "$id" != "$old_id" ] || return 0
	fi
	step "apply $(wc -l <"$patches/series") patches to QEMU (git am)" qemu-apply.log am
	echo "$id $(qgit rev-parse series)" >"$stamp"
}

# Written by hand, but for what it lists of the patches
cover_letter()
{
	local n

	n=$(qgit rev-list --count base..series)
	sed -e "1s|PATCH [0-9]*/[0-9]*|PATCH $(printf '%0*d' ${#n} 0)/$n|" \
		-e "/^$series_name ([0-9]*):/,\$d" "$patches/cover-letter.txt"
	echo "$series_name ($n):"
	qgit log --reverse --format='  %s' base..series
	echo
	qgit diff --stat=72 --summary --no-renames base series
}

export_patches()
{
	local out

	out=$(mktemp -d "$build/qemu-export.XXXXXX")
	qgit format-patch -q --no-numbered --no-signature --zero-commit --full-index \
		--stat=72 --no-renames -o "$out" base..series
	(cd "$out" && ls -- *.patch) >"$out/series"
	qgit log -1 --format=%s base | sed 's/^/base: /' >"$out/base"
	cover_letter >"$out/cover-letter.txt"
	if [ "${1:-}" = --check ]; then
		diff -ru "$patches" "$out" || { rm -rf "$out"; die "patches/vmm-qemu-10.0 and build/qemu/src differ"; }
		rm -rf "$out"
		return
	fi
	rm -rf "$patches"
	mv "$out" "$patches"
	chmod 755 "$patches"
	echo "$(patches_id) $(qgit rev-parse series)" >"$stamp"
	say "$(wc -l <"$patches/series") patches written to patches/vmm-qemu-10.0"
}

# The compiler and pkg-config for the sysroot.  The compiler's own C library comes first
# in its search paths, and is older than what the packages were built for.
tools()
{
	local lib=$sysroot/usr/lib/riscv64-linux-gnu inc

	inc=$(${CROSS_COMPILE}gcc -print-file-name=include)
	mkdir -p "$qemu/tools"
	cat >"$qemu/tools/cc" <<-END
		#!/bin/sh
		exec ccache ${CROSS_COMPILE}gcc --sysroot=$sysroot -nostdinc -idirafter $inc \\
			-idirafter $sysroot/usr/include/riscv64-linux-gnu -idirafter $sysroot/usr/include \\
			-B$lib/ "\$@" -L$lib
	END
	cat >"$qemu/tools/pkg-config" <<-END
		#!/bin/sh
		export PKG_CONFIG_SYSROOT_DIR=$sysroot
		export PKG_CONFIG_LIBDIR=$lib/pkgconfig:$sysroot/usr/share/pkgconfig
		exec /usr/bin/pkg-config "\$@"
	END
	chmod +x "$qemu/tools/cc" "$qemu/tools/pkg-config"
}

configure()
{
	rm -rf "$obj"
	mkdir -p "$obj"
	printf 'CONFIG_%s=y\n' RISCV_VIRT VIRTIO_PCI VIRTIO_BLK VIRTIO_NET VIRTIO_RNG \
		>"$src/configs/devices/riscv64-softmmu/$devices.mak"
	cd "$obj"
	PKG_CONFIG=$qemu/tools/pkg-config "$src/configure" --python=/usr/bin/python3 \
		--static --cross-prefix="$CROSS_COMPILE" --cpu=riscv64 --cc="$qemu/tools/cc" --host-cc=gcc \
		--target-list=riscv64-softmmu --enable-kvm --enable-fdt=system \
		--without-default-features --without-default-devices --with-devices-riscv64=$devices \
		--disable-install-blobs --disable-tools --disable-docs --disable-guest-agent
}

compile()
{
	ninja -C "$obj" -j"$jobs" qemu-system-riscv64
	${CROSS_COMPILE}strip -o "$qemu/qemu-system-riscv64.tmp" "$obj/qemu-system-riscv64"
	mv "$qemu/qemu-system-riscv64.tmp" "$qemu/qemu-system-riscv64"
}

# Lines that a branch "series" adds to or removes from headers
header_changes() { git -C "$1" diff base series -- "${@:2}" | sed -n '/^[+-][^+-]/p' | sort; }

# What the patches for the kernel change in its headers is what those for QEMU change
# in QEMU's copies of them.
check_headers()
{
	diff <(header_changes "$linux" include/uapi arch/riscv/include/uapi) \
		<(header_changes "$src" linux-headers) ||
		die "linux-headers of QEMU (>) is not what the series has (<)"
}

# QEMU's own checkpatch, for each patch.  Headers that are the kernel's, and files that
# are derived from the kernel's, get a warning for that, whatever one does.
check_patches()
{
	local p out rc=0

	cd "$src"
	while read -r p; do
		out=$(perl scripts/checkpatch.pl --no-signoff --terse --no-summary "$patches/$p" |
			grep -Ev 'imported from Linux|acceptable license' || true)
		if [ -n "$out" ]; then
			say "$p:" "$out"
			rc=1
		fi
	done <"$patches/series"
	return $rc
}

# QEMU's emulator in place of the selftests' in rvv_emul_test, which compares each
# instruction with the hart's.  Of QEMU it needs a few macros only.
emulator()
{
	local dir=$qemu/rvv f

	rm -rf "$dir"
	mkdir -p "$dir/qemu"
	cat >"$dir/qemu/osdep.h" <<-'END'
		#include <stdbool.h>
		#include <stddef.h>
		#include <stdint.h>
		#include <string.h>
		#define MIN(a, b) ({ __typeof__((a) + (b)) _a = (a), _b = (b); _a < _b ? _a : _b; })
		#define MAX(a, b) ({ __typeof__((a) + (b)) _a = (a), _b = (b); _a > _b ? _a : _b; })
		#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
		#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
		#define QEMU_ALIGNED(x) __attribute__((aligned(x)))
		#define BIT(n) (1UL << (n))
		#define ctz32 __builtin_ctz
	END
	: >"$dir/qemu/bitops.h"
	: >"$dir/qemu/host-utils.h"
	# The test's state has room for the longest registers that there are.
	for f in rvv.h rvv-ops.h rvv.c rvv-int.c rvv-fp.c rvv-mem.c rvv-perm.c; do
		sed 's/^\(#define RVV_MAX_VLENB\).*/\1 8192/' "$src/target/riscv/kvm/$f" >"$dir/$f"
	done
	for f in "$dir"/*.c; do
		${CROSS_COMPILE}gcc -O2 -fno-strict-aliasing -Wall -I "$dir" -c "$f" -o "${f%.c}.o"
	done
	find "$kst/lib" -name '*.o' ! -name 'rvv.o' ! -name 'rvv_int.o' ! -name 'rvv_fp.o' \
		! -name 'rvv_mem.o' ! -name 'rvv_perm.o' | sort |
		xargs ${CROSS_COMPILE}gcc -static -pthread -o "$qemu/rvv_emul_qemu" \
			"$kst/riscv/rvv_emul_test.o" "$dir"/*.o
}

# For meson, which is not installed
export PYTHONPATH=$sysroot/usr/lib/python3/dist-packages

# Each patch builds, and so without warnings: QEMU has -Werror in a git tree.
each_patch()
{
	local rev

	trap 'qgit checkout -q -f series' EXIT
	for rev in $(qgit rev-list --reverse base..series); do
		qgit checkout -q "$rev"
		step "$(qgit log -1 --format=%s "$rev" | cut -c1-56)" qemu-each.log \
			ninja -C "$obj" -j"$jobs" qemu-system-riscv64
	done
}

case ${1:-} in
fetch_source | fetch_sysroot | unpack_sysroot | unpack_source | configure | compile | emulator)
	"$1"
	exit
	;;
export)
	export_patches "${2:-}"
	exit
	;;
esac

mkdir -p "$qemu"
[ -d "$qemu/dl" ] || step "fetch QEMU's source (40 MB)" qemu-fetch.log "$0" fetch_source ||
	die "cannot fetch QEMU's source package; with a network, the next try goes on from here"
[ -d "$qemu/debs" ] || step "fetch the libraries for it (17 MB)" qemu-fetch-libs.log "$0" fetch_sysroot ||
	die "cannot fetch libraries for riscv64; with a network, the next try goes on from here"
[ -d "$src" ] || step "unpack QEMU" qemu-unpack.log "$0" unpack_source
[ -d "$sysroot" ] || step "unpack its libraries" qemu-unpack-libs.log "$0" unpack_sysroot
apply
if [ "${1:-}" = check ]; then
	check_patches
	check_headers
	exit
fi
if [ "${1:-}" = each ]; then
	each_patch
	exit
fi
[ "${1:-}" != apply ] || exit 0
tools
[ -e "$obj/build.ninja" ] || step "configure QEMU" qemu-configure.log "$0" configure
step "build QEMU for riscv64" qemu-build.log "$0" compile
if [ -e "$kst/riscv/rvv_emul_test.o" ]; then
	step "link the test of its emulator" qemu-emulator.log "$0" emulator
fi
