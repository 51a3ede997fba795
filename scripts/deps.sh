#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Install what is missing on a Debian machine, and nothing else.
. "$(dirname "$0")/lib.sh"

# command:package
need="gcc:gcc make:make git:git bc:bc bison:bison flex:flex perl:perl
python3:python3 rsync:rsync xz:xz-utils ccache:ccache
riscv64-linux-gnu-gcc:gcc-riscv64-linux-gnu shellcheck:shellcheck"
if [ -n "${WITH_SPHINX:-}" ]; then
	need+=" sphinx-build:python3-sphinx"
fi
if [ "${1:-}" = bench ]; then
	need+=" gnuplot:gnuplot-nox"
fi
if [ "${1:-}" = clang ]; then
	v=$(newest_llvm)
	[ -n "$v" ] || die "apt has no clang-N"
	need+=" clang$v:clang$v ld.lld$v:lld$v llvm-ar$v:llvm$v"
fi
if [ "${1:-}" = qemu ]; then
	need+=" ninja:ninja-build pkg-config:pkg-config patch:patch"
	if ! /usr/bin/python3 -c 'import ensurepip, venv' 2>/dev/null; then
		need+=" /nonexistent/venv:python3-venv"
	fi
fi
# What the base, sparse and QEMU come from, when not from the release itself
min_qemu=10

as_root=
if [ "$(id -u)" != 0 ]; then
	as_root=sudo
fi

apt_install()
{
	command -v apt-get >/dev/null ||
		die "no apt-get here; please install by hand: $*"
	say "Installing with apt-get${as_root:+ (as root, by sudo)}: $*"
	if [ -n "$as_root" ] && ! command -v sudo >/dev/null; then
		die "root is needed for: apt-get install $*"
	fi
	export DEBIAN_FRONTEND=noninteractive
	$as_root apt-get -q "${apt_options[@]}" install -y --no-install-recommends "$@" \
		>"$logs/apt.log" 2>&1 || {
		tail -n 15 "$logs/apt.log"
		die "apt-get could not install: $* (network?); the whole log: $logs/apt.log"
	}
}

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
	say "apt-get update${as_root:+ (as root, by sudo)}"
	patiently $as_root apt-get -q update >"$logs/apt.log" 2>&1 ||
		warn "apt-get update failed, trying with the lists there are"
	apt_install "${missing[@]}"
fi

qemu_major()
{
	qemu-system-riscv64 --version 2>/dev/null |
		sed -n 's/^QEMU emulator version \([0-9]*\)\..*/\1/p'
}

if [ "$(qemu_major || true)" -ge $min_qemu ] 2>/dev/null; then
	exit 0
fi

# Releases up to bookworm have it in their backports.
. "$scripts/apt.sh"
apt_private
release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
if [ "$release" = bookworm ]; then
	apt_options+=(-t bookworm-backports)
fi
apt_install qemu-system-riscv opensbi
[ "$(qemu_major || true)" -ge $min_qemu ] 2>/dev/null ||
	die "QEMU $min_qemu or newer is needed, this is: $(qemu-system-riscv64 --version 2>&1 | head -1)"
