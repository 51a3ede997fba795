#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# One mbox a layer, numbered, for git am and b4; the cover letter beside it.
. "$(dirname "$0")/lib.sh"

mkdir -p "$build/mbox"
mapfile -t marks < <(lgit log --reverse --format='%H %s' base..series | grep ' layer: ')
for i in "${!marks[@]}"; do
	layer=${marks[i]#* layer: }
	first=${marks[i]%% *}
	last=series
	if [ -n "${marks[i + 1]:-}" ]; then
		last=${marks[i + 1]%% *}^
	fi
	lgit format-patch --stdout --numbered --no-signature --zero-commit --base=auto \
		"$first..$last" 2>/dev/null >"$build/mbox/$layer.mbx" ||
		lgit format-patch --stdout --numbered --no-signature --zero-commit \
			"$first..$last" >"$build/mbox/$layer.mbx"
	if [ -e "$top/patches/$layer/cover-letter.txt" ]; then
		cp "$top/patches/$layer/cover-letter.txt" "$build/mbox/$layer.cover"
	fi
	say "$build/mbox/$layer.mbx: $(grep -c '^From 0000' "$build/mbox/$layer.mbx") patches"
done
