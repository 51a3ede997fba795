#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Have build/qemu-new/qemu-system-riscv64: the newest QEMU that Debian has for this
# machine's architecture, unpacked beside its own C library, not installed.
. "$(dirname "$0")/lib.sh"
. "$scripts/apt.sh"

dir=$build/qemu-new
suites="trixie-backports forky sid"

# Lists of one suite, with what it depends on, that no other script uses
use_suite()
{
	local suite=$1 s

	apt_new=(
		"${apt_options[@]}"
		-o "Dir::Etc::sourcelist=$dir/sources.list" -o Dir::Etc::sourceparts=/dev/null
		-o "Dir::State::lists=$dir/lists" -o Dir::State::status=/dev/null
		-o "Dir::Cache=$dir/cache" -t "$suite"
	)
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	for s in "${suite%-backports}" "$suite"; do
		echo "deb [signed-by=$apt_key] $apt_uri $s main"
	done | uniq >"$dir/sources.list"
	apt-get -q -o APT::Update::Error-Mode=any "${apt_new[@]}" update
}

fetch_from()
{
	local names deb

	use_suite "$1" || return 1
	names=$(apt-get -q "${apt_new[@]}" -s --no-install-recommends install qemu-system-riscv opensbi |
		awk '$1 == "Inst" { print $2 }') || return 1
	rm -rf "$dir/dl" "$dir/root.tmp"
	mkdir -p "$dir/dl" "$dir/root.tmp"
	# shellcheck disable=SC2086
	(cd "$dir/dl" && patiently apt-get -q "${apt_new[@]}" download $names) || return 1
	for deb in "$dir"/dl/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" |
			tar x -C "$dir/root.tmp" --exclude=./usr/share/doc --exclude=./usr/share/man --exclude=./etc --exclude=./var || return 1
	done
	dpkg-deb -f "$dir"/dl/qemu-system-riscv_*.deb Version >"$dir/root.tmp/version"
	rm -rf "$dir/root" "$dir/dl"
	mv "$dir/root.tmp" "$dir/root"
}

# The first suite of which the mirror has all of it
fetch()
{
	local s

	apt_private
	for s in $suites; do
		if fetch_from "$s"; then
			return 0
		fi
		say "no QEMU from $s"
	done
	return 1
}

# It runs with its own dynamic loader and libraries, as this machine's may be older.
wrapper()
{
	local bin=$dir/root/usr/bin/qemu-system-riscv64 ld lib firmware

	ld=$("${CROSS_COMPILE}readelf" -l "$bin" | sed -n 's|.*interpreter: .*/\(.*\)\]|\1|p')
	ld=$(find "$dir/root/usr" -name "$ld" | sort | head -n 1)
	firmware=$(find "$dir/root/usr/lib" -path '*/riscv64*/opensbi/generic/fw_dynamic.bin' | head -n 1)
	[[ -n $ld && -n $firmware ]] || die "no dynamic loader or no OpenSBI in $dir/root"
	lib=$(dirname "$(find "$dir/root/usr/lib" -name libc.so.6 | sort | head -n 1)")
	cat >"$dir/qemu.tmp" <<-EOF
		#!/bin/sh
		# QEMU $(cat "$dir/root/version"), by scripts/qemu-newest.sh
		here=\$(dirname "\$(readlink -f "\$0")")
		export QEMU_MODULE_DIR="\$here${lib#"$dir"}/qemu"
		exec "\$here${ld#"$dir"}" --library-path "\$here${lib#"$dir"}" "\$here${bin#"$dir"}" \\
			-L "\$here/root/usr/share/qemu" -bios "\$here${firmware#"$dir"}" "\$@"
	EOF
	chmod +x "$dir/qemu.tmp"
	mv "$dir/qemu.tmp" "$dir/qemu-system-riscv64"
	"$dir/qemu-system-riscv64" --version
}

new=$dir/qemu-system-riscv64
if [ ! -x "$new" ] || [ -n "$(find "$new" -mtime +7)" ]; then
	if step "fetch the newest QEMU that Debian has" qemu-newest.log fetch; then
		step "make it run from where it is" qemu-wrapper.log wrapper
	elif [ ! -x "$new" ]; then
		die "the newest QEMU cannot be fetched"
	fi
fi
say "  $("$new" --version | head -n 1): $new"
