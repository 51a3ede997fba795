#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The tables of Documentation/vmm.md and migration.md from the last "make vmm-check",
# "make qemu-migrate" and "make bench-linux".  "make figures" calls this.
. "$(dirname "$0")/lib.sh"

zv=zvbb=off,zvbc=off,zvfh=off,zvfhmin=off,zvkb=off,zvkg=off,zvkned=off,zvknha=off,zvknhb=off,zvksed=off,zvksh=off,zvkt=off

# rows LABEL WORD: the rows that case.c has written behind "# WORD: "
rows()
{
	sed -n "s/^# $2: //p" "$logs/$1.normal.log" | sed "s/$zv/ZV/g; s/^| host |/| \`host\` |/"
}

# replace DOCUMENT MARK HEADER: puts the rows from stdin there
replace()
{
	local doc=$top/Documentation/$1 mark="<!-- $2, by make figures -->" table

	grep -qxF "$mark" "$doc" || die "$doc has no line: $mark"
	table=$(mktemp "$build/vmm-table.XXXXXX")
	{
		echo
		echo "$3"
		# shellcheck disable=SC2001
		sed 's/[^|]\{1,\}/---/g' <<<"$3"
		cat
		echo
	} >"$table"
	# From the mark to the next line that is neither of a table nor empty
	awk -v mark="$mark" -v table="$table" '
		skip && /^([|].*)?$/ { next }
		{ skip = 0; print }
		$0 == mark {
			skip = 1
			while ((getline line <table) > 0)
				print line
		}
	' "$doc" >"$doc.tmp"
	mv "$doc.tmp" "$doc"
	rm "$table"
}

# complete: not after a run with some of the cases
complete()
{
	local label list c

	for label in vmm-base vmm vmm-patched; do
		list=cases
		[ $label != vmm-patched ] || list=patched
		while read -r c; do
			grep -q "^\(ok\|not\|skip\) $c " "$logs/$label.results" 2>/dev/null || {
				warn "$logs/$label.results lacks $c: vmm.md stays as it is"
				return 1
			}
		done < <(awk '$2 == "vmm" { print $1 }' "$scripts/vmm/$list.list")
	done
}

if complete; then
	header="| -cpu | QEMU says | not in the guest's isa line | traps in the guest | hidden, but runs |"
	rows vmm-base table | replace vmm.md base "$header"
	rows vmm table | replace vmm.md series "$header"
	rows vmm-patched table | replace vmm.md patched "$header"
	rows vmm bench-table | replace vmm.md benchmark \
		"| -cpu | AES-128, blocks/s | bits set, words/s | FP16, mul+add/s | FP32 to BF16, 1/s |"
fi
if [ -s "$logs/qemu-migrate.table" ]; then
	grep '^|' "$logs/qemu-migrate.table" | replace migration.md qemu-migrate \
		"| guest | its clock, s | rounds/s | slower by | downtime |"
fi
if [ -s "$logs/qemu-migrate.costs" ]; then
	replace migration.md qemu-costs \
		"| VLEN on a host of 256 | instructions of the host a round | slower by |" \
		<"$logs/qemu-migrate.costs"
fi
if [ -s "$logs/bench-linux.table" ]; then
	tail -n +3 "$logs/bench-linux.table" |
		replace migration.md bench-linux "$(head -n 1 "$logs/bench-linux.table")"
fi
git -C "$top" --no-pager diff --stat -- Documentation/vmm.md Documentation/migration.md
