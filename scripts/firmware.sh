#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Have build/firmware/fw_dynamic.bin, for FIRMWARE=: the newest OpenSBI that Debian has.
. "$(dirname "$0")/lib.sh"
. "$scripts/apt.sh"

dir=$build/firmware

fetch_from()
{
	apt_suite "$1" || return 1
	rm -rf "$dir/new"
	mkdir -p "$dir/new"
	(cd "$dir/new" && patiently apt-get -q "${apt_suite_options[@]}" download opensbi) || return 1
	dpkg-deb --fsys-tarfile "$dir"/new/*.deb | tar xO --wildcards \
		'./usr/lib/riscv64*/opensbi/generic/fw_dynamic.bin' >"$dir/new/fw_dynamic.bin" || return 1
	dpkg-deb -f "$dir"/new/*.deb Version >"$dir/version"
	mv "$dir/new/fw_dynamic.bin" "$dir/"
	rm -r "$dir/new"
}

# The first suite of which the mirror has all of it
fetch()
{
	local s

	for s in sid forky; do
		if fetch_from "$s"; then
			return 0
		fi
		say "no OpenSBI from $s"
	done
	return 1
}

mkdir -p "$dir"
if [ ! -e "$dir/fw_dynamic.bin" ] || [ -n "$(find "$dir/fw_dynamic.bin" -mtime +7)" ]; then
	if step "fetch the newest OpenSBI that Debian has" firmware.log fetch; then
		touch "$dir/fw_dynamic.bin"
	elif [ ! -e "$dir/fw_dynamic.bin" ]; then
		die "the newest OpenSBI cannot be fetched"
	fi
fi
say "  OpenSBI $(cat "$dir/version"): FIRMWARE=$dir/fw_dynamic.bin"
