#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What the targets have found, as the table in Documentation/testing.md.  A row whose
# target has not run here stays as it is.  Likewise the tables of guests of QEMU.
. "$(dirname "$0")/lib.sh"

doc=$top/Documentation/testing.md
begin='<!-- written by make figures, from here -->'
end='<!-- to here -->'

shopt -s nullglob
files=("$build"/figures/*)
[ ${#files[@]} -gt 0 ] || die "no target has run here: make check, make prove, ..."
for mark in "$begin" "$end"; do
	grep -qxF "$mark" "$doc" || die "$doc has no line: $mark"
done

table=$(mktemp "$build/figures.XXXXXX")
{
	printf '%s\n' '| target | series | result |' '|---|---|---|'
	{
		sed -n "/^$begin\$/,/^$end\$/p" "$doc" | grep '^| `' || true
		cat "${files[@]}"
	} | awk -F '|' '{ row[$2] = $0 } END { for (r in row) print row[r] }' | sort
} >"$table"
sed -i -e "/^$begin\$/,/^$end\$/{/^|/d}" -e "/^$begin\$/r $table" "$doc"
rm "$table"
git -C "$top" --no-pager diff --stat -- "$doc"
"$scripts/vmm-tables.sh"
