#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Sphinx over the folders of Documentation/ that the series touches, and
# kernel-doc over the C files, before and after: nothing may be complained about
# that was not before.  docs.sh [BEFORE [AFTER]], which are trees of build/linux.
. "$(dirname "$0")/lib.sh"

before=${1:-base}
after=${2:-series}
work=$build/docs

command -v sphinx-build >/dev/null || die "sphinx-build is missing (apt-get install python3-sphinx)"

touched() { lgit diff --name-only --diff-filter=AM "$before" "$after" -- "$@"; }

# Folders deep enough to leave other people's documents out: virt/kvm
mapfile -t rst < <(touched 'Documentation/*.rst')
mapfile -t dirs < <(printf '%s\n' "${rst[@]}" | cut -d/ -f1-3 | sort -u)
mapfile -t code < <(touched '*.[ch]')
[ ${#dirs[@]} -gt 0 ] || die "the series touches no document"

# complaints TREE: of Sphinx and of kernel-doc, without places in the tree and lines
complaints()
{
	local tree=$work/tree d f

	rm -rf "$tree"
	mkdir -p "$tree"
	lgit archive "$1" -- Documentation/conf.py Documentation/sphinx Documentation/sphinx-static \
		MAINTAINERS tools/docs tools/lib/python tools/net/ynl/pyynl "${dirs[@]}" | tar x -C "$tree"
	# That nothing is found means something only if this is.
	# shellcheck disable=SC2016
	printf "%s\n" :orphan: "" ':ref:`planted-label`' >"$tree/${dirs[0]}/planted.rst"
	printf "%s\n" "/**" " * f() - planted" " */" "int f(int planted_parameter);" >"$tree/planted.h"
	for f in "${code[@]}"; do
		mkdir -p "$tree/${f%/*}"
		lgit show "$1:$f" >"$tree/$f" 2>/dev/null || rm -f "$tree/$f"
	done
	cd "$tree"
	export srctree=$tree PYTHONDONTWRITEBYTECODE=1
	for d in "${dirs[@]}"; do
		[ -e "$d/index.rst" ] || { echo "$d has no index.rst" >&2; return 1; }
		# A builder that does everything but write: references are resolved.
		sphinx-build -q -b dummy -d "$work/doctrees" -E -c Documentation "$d" "$work/out" 2>&1 ||
			{ echo "sphinx-build does not get through $d: $work/*.log" >&2; return 1; }
	done
	for f in planted.h "${code[@]}"; do
		if [ -e "$f" ]; then
			tools/docs/kernel-doc -none -Wall "$f" 2>&1 || true
		fi
	done
}

normal() { sed "s|$work/tree/||g; s/:[0-9]\+\([: ]\)/\1/g; s/ on line [0-9]\+//" | sort; }

mkdir -p "$work"
(complaints "$before") >"$work/before.log"
(complaints "$after") >"$work/after.log"
for planted in planted-label planted_parameter; do
	grep -q "$planted" "$work/after.log" || die "$planted should have been complained about"
done

new=$(comm -13 <(normal <"$work/before.log") <(normal <"$work/after.log"))
if [ -n "$new" ]; then
	echo "new complaints of Sphinx or kernel-doc, against $before:"
	printf '%s\n' "$new"
	echo "in their order: $work/after.log"
	exit 1
fi
say "${#rst[@]} documents in ${dirs[*]#Documentation/} and ${#code[@]} C files: no new complaint, $(wc -l <"$work/before.log") old ones"
