#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Install what is missing on a Debian machine, and nothing else.
#
#	deps.sh [absorb|bench|clang|install|qemu]	what these need, too
. "$(dirname "$0")/lib.sh"
. "$scripts/apt.sh"

# command:package
need="gcc:gcc make:make git:git bc:bc bison:bison flex:flex perl:perl
python3:python3 rsync:rsync xz:xz-utils ccache:ccache
riscv64-linux-gnu-gcc:gcc-riscv64-linux-gnu shellcheck:shellcheck"
if [ -n "${WITH_SPHINX:-}" ]; then
	need+=" sphinx-build:python3-sphinx"
	if ! python3 -c 'import yaml' 2>/dev/null; then
		need+=" /nonexistent/yaml:python3-yaml"
	fi
fi
case ${1:-} in
absorb) need+=" $(git --exec-path)/git-absorb:git-absorb" ;;
bench) need+=" gnuplot:gnuplot-nox" ;;
install) need+=" debootstrap:debootstrap" ;;
clang)
	v=$(newest_llvm)
	[ -n "$v" ] || die "apt has no clang-N"
	need+=" clang$v:clang$v ld.lld$v:lld$v llvm-ar$v:llvm$v"
	;;
qemu)
	need+=" ninja:ninja-build pkg-config:pkg-config patch:patch"
	if ! /usr/bin/python3 -c 'import ensurepip, venv' 2>/dev/null; then
		need+=" /nonexistent/venv:python3-venv"
	fi
	;;
esac
# The first that has all of Zvk* and Zfbfmin
min_qemu=10

# Lists that are up to date, once
updated=
update()
{
	[ -z "$updated" ] || return 0
	updated=1
	if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
		die "root, or sudo, is needed to install what is missing: $*"
	fi
	say "apt-get update$by_sudo"
	patiently as_root apt-get -q update >"$logs/apt.log" 2>&1 ||
		warn "apt-get update failed, trying with the lists there are"
}

apt_install()
{
	say "Installing with apt-get$by_sudo: $*"
	as_root apt-get -q "${apt_options[@]}" install -y --no-install-recommends "$@" \
		</dev/null >"$logs/apt.log" 2>&1 || {
		tail -n 15 "$logs/apt.log"
		die "apt-get could not install: $* (network?); the whole log: $logs/apt.log"
	}
}

by_sudo=
if [ "$(id -u)" != 0 ]; then
	by_sudo=" (as root, by sudo)"
fi
export DEBIAN_FRONTEND=noninteractive
apt_options=()
missing=()
for n in $need; do
	command -v "${n%%:*}" >/dev/null || missing+=("${n#*:}")
done
[ -e /usr/riscv64-linux-gnu/lib/libc.a ] || missing+=(libc6-dev-riscv64-cross)
if [ ! -e /usr/include/stdio.h ]; then
	missing+=(libc6-dev)
fi
if [ ${#missing[@]} -gt 0 ]; then
	command -v apt-get >/dev/null || die "no apt-get here; please install by hand: ${missing[*]}"
	update "${missing[@]}"
	apt_install "${missing[@]}"
fi

qemu_major()
{
	"$qemu" --version 2>/dev/null |
		sed -n 's/^QEMU emulator version \([0-9]*\)\..*/\1/p'
}
new_enough() { [ "$(qemu_major || true)" -ge $min_qemu ] 2>/dev/null; }

if new_enough; then
	exit 0
fi
if [ -z "${QEMU:-}" ]; then
	command -v apt-get >/dev/null || die "no apt-get here; please install QEMU $min_qemu, or newer, for riscv64"
	update qemu-system-riscv opensbi
	# The release's own, if that will do, or its backports'
	candidate=$(apt-cache policy qemu-system-riscv | awk '$1 == "Candidate:" { print $2 }')
	if ! dpkg --compare-versions "$candidate" ge "1:$min_qemu" 2>/dev/null; then
		release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
		[ "$release" = bookworm ] ||
			die "this release has QEMU $candidate, $min_qemu is needed: make QEMU=/path/to/qemu-system-riscv64"
		apt_private
		apt_options+=(-t bookworm-backports)
	fi
	apt_install qemu-system-riscv opensbi
fi
new_enough ||
	die "QEMU $min_qemu or newer is needed, this is: $("$qemu" --version 2>&1 | head -1)"
