#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Have build/linux: a git tree whose branch "base" is the Linux that the series
# is cut against, from Debian's package or from KDIR.
#
#	base.sh [PACKAGE SUITE]		another of Debian's packages, from that suite
. "$(dirname "$0")/lib.sh"

package=${1:-linux-source-7.3}
suite=${2:-}
stamp=$linux/.git/simd-base

pinned() { sed -n "s/^$1: //p" "$top/patches/base"; }

set_identity()
{
	lgit config user.name "$series_name"
	lgit config user.email "$series_mail"
	lgit config gc.auto 0
	lgit config core.excludesFile /dev/null
	lgit config advice.detachedHead false
}

commit_base()
{
	export GIT_AUTHOR_DATE='1970-01-01T00:00:00Z' GIT_COMMITTER_DATE='1970-01-01T00:00:00Z'
	# Debian's packaging has git ignore everything; upstream's file ends there.
	sed -i '/^# Debian packaging/,$d' "$linux/.gitignore"
	git -C "$linux" init -q -b base
	set_identity
	lgit config core.compression 0
	lgit add -A -f .
	lgit commit -q -m "Linux $1, $2"
}

from_debian()
{
	local deb version tmp=$build/linux.tmp

	. "$scripts/apt.sh"
	if [ -n "$suite" ]; then
		step "apt: package lists of $suite" apt-suite.log apt_suite "$suite" ||
			die "no package lists of $suite: $logs/apt-suite.log"
		apt_options=("${apt_suite_options[@]}")
	else
		apt_private
	fi
	mkdir -p "$build/dl"
	deb=$(find "$build/dl" -name "${package}_*.deb" | sort | tail -n 1)
	if [ -z "$deb" ]; then
		# shellcheck disable=SC2016
		step "fetch $package (160 MB)" fetch.log \
			patiently bash -c 'cd "$1" && shift && apt-get -q "$@"' - "$build/dl" \
				"${apt_options[@]}" download "$package" ||
			die "cannot fetch $package${suite:+ of $suite}; try again with a network"
		deb=$(find "$build/dl" -name "${package}_*.deb" | sort | tail -n 1)
	fi
	version=$(dpkg-deb -f "$deb" Version)

	rm -rf "$tmp" "$linux"
	mkdir -p "$tmp"
	# shellcheck disable=SC2016
	step "unpack Linux $version" unpack.log bash -o pipefail -c '
		dpkg-deb --fsys-tarfile "$1" | tar xO "./usr/src/$2.tar.xz" |
			xz -dc -T0 | tar x -C "$3" --strip-components=1' - "$deb" "$package" "$tmp" || {
		rm -f "$deb"
		die "cannot unpack $deb, it will be fetched again"
	}
	linux=$tmp
	step "make it a git tree" git-base.log commit_base "$(make -s -C "$tmp" kernelversion)" "$version"
	linux=$build/linux
	mv "$tmp" "$linux"
	echo "debian $version" >"$stamp"
}

from_kdir()
{
	local head

	head=$(git -C "$KDIR" rev-parse --verify -q 'HEAD^{commit}') ||
		die "KDIR=$KDIR is not a git tree"
	[ -e "$KDIR/arch/riscv/kvm/isa.c" ] ||
		die "KDIR=$KDIR has no arch/riscv/kvm/isa.c: the series needs a tree based on v7.3"
	if [ -e "$stamp" ] && [ "$(cat "$stamp")" = "kdir $head" ]; then
		return
	fi
	# Objects are shared, nothing in KDIR is written to.
	rm -rf "$linux"
	step "clone $KDIR" git-base.log git clone -q -s -n "$KDIR" "$linux"
	set_identity
	lgit checkout -q -B base "$head"
	echo "kdir $head" >"$stamp"
}

# Say which of the touched files are not the ones that the series was cut against.
compare_with_pin()
{
	local sum file version pin differ=()

	while read -r sum file; do
		[ "$(lgit show "base:$file" 2>/dev/null | sha256sum | cut -d' ' -f1)" = "$sum" ] ||
			differ+=("$file")
	done < <(grep -E '^[0-9a-f]{64} ' "$top/patches/base")
	[ ${#differ[@]} -gt 0 ] || return 0
	version=$(make -s -C "$linux" kernelversion)
	pin=$(pinned version)
	# Within a stable series that is what one expects.
	if [ "${version%.*}" = "${pin%.*}" ]; then
		say "  Linux $version: ${#differ[@]} of the files that the series changes are not those of $pin"
		return 0
	fi
	warn "this is Linux $version, and not $pin, with other versions of files that the series changes:"
	printf '    %s\n' "${differ[@]}" >&2
	say "    The patches will be tried with git am -3."
}

if [ -n "$suite" ]; then
	# The series was not cut against that one: nothing to compare.
	[ -e "$stamp" ] || from_debian
	exit 0
fi
if [ -n "${KDIR:-}" ]; then
	from_kdir
elif [ ! -e "$stamp" ] || ! grep -q ^debian "$stamp"; then
	from_debian
fi
if [ -e "$top/patches/base" ] && [ "$top/patches/base" -nt "$stamp.compared" ]; then
	compare_with_pin
	touch "$stamp.compared"
fi
