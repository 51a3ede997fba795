#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Copy the parts of Documentation/userspace.c that Documentation/userspace.md
# quotes into it.  With --check say what would change, and fail.
. "$(dirname "$0")/lib.sh"

program=$top/Documentation/userspace.c
guide=$top/Documentation/userspace.md

part() { sed -n "/\/\* \[$1\] \*\//,/\/\* \[\/$1\] \*\//p" "$program" | sed '1d;$d'; }

# error(ERRNO, "call", "cause", ...) as lines of a table
errors()
{
	echo "| errno | call | cause |"
	echo "|---|---|---|"
	part errors | tr '\n\t' '  ' | sed 's/error(\([A-Z0-9]*\), *"\([^"]*\)", *"\([^"]*\)",/\n@| \1 | \2 | \3 |\n/g' |
		sed -n 's/^@//p'
}

# quoted NAME: what stands between the guide's markers of that name
quoted()
{
	if [ "$1" = errors ]; then
		errors
		return
	fi
	echo '```c'
	part "$1"
	echo '```'
}

made()
{
	local line name

	while IFS= read -r line; do
		if [[ $line =~ ^'<!-- ['([a-z]+)'] -->'$ ]]; then
			name=${BASH_REMATCH[1]}
			[ -n "$(part "$name")" ] || die "userspace.c has no part [$name]"
			printf '%s\n' "$line"
			quoted "$name"
			while [ "$line" != "<!-- [/$name] -->" ]; do
				IFS= read -r line || die "userspace.md: [$name] has no end"
			done
		fi
		printf '%s\n' "$line"
	done <"$guide"
}

# All of the parts have to be in the guide, or they explain nothing.
while read -r name; do
	grep -qxF "<!-- [$name] -->" "$guide" || die "userspace.md does not quote [$name]"
done < <(sed -n 's|^[[:space:]]*/\* \[\([a-z]*\)\] \*/$|\1|p' "$program")
# As many calls of error() as lines in the table: none was written in another way.
[ "$(part errors | grep -c '\<error(')" = "$(errors | grep -c '^| [E0]')" ] ||
	die "not every error() of userspace.c made it into the table"

new=$(made)
if [ "${1:-}" = --check ]; then
	diff -u "$guide" <(printf '%s\n' "$new") ||
		die "Documentation/userspace.md is not what Documentation/userspace.c has: scripts/guide.sh"
else
	printf '%s\n' "$new" >"$guide"
fi
