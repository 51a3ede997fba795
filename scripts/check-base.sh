#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What of the series still fits another tree, and what no longer does: KTAP with a
# result for each patch.
#
#	check-base.sh [REVISION]	of the git tree KDIR, or its HEAD
#	check-base.sh VERSION		without KDIR: Debian's package linux-source-VERSION,
#					such as 7.2, of the first suite below that has it
#
# Neither that tree nor build/linux is written to.
. "$(dirname "$0")/lib.sh"

suites="sid experimental trixie-backports trixie"

# have_package PACKAGE SUITE
have_package()
{
	. "$scripts/apt.sh"
	apt_suite "$2" >"$logs/check-base-apt.log" 2>&1 || return 1
	apt-cache "${apt_suite_options[@]}" policy "$1" | grep '^  Candidate: [0-9]' >/dev/null
}

rev=${1:-HEAD}
if [ -z "${KDIR:-}" ]; then
	[[ $rev =~ ^[0-9]+\.[0-9]+$ ]] ||
		die "make check-base KDIR=/path/to/linux, or REV=7.2 for Debian's package: which tree?"
	export BUILD=$build/base-$rev
	KDIR=$BUILD/linux
	if [ ! -e "$KDIR/.git/simd-base" ]; then
		for suite in $suites; do
			! (have_package "linux-source-$rev" "$suite") || break
			suite=
		done
		[ -n "$suite" ] || die "Debian has no linux-source-$rev: $suites"
		"$scripts/base.sh" "linux-source-$rev" "$suite"
	fi
	rev=base
fi
commit=$(git -C "$KDIR" rev-parse -q --verify "$rev^{commit}") ||
	die "$KDIR is not a git tree with a commit $rev"
tree=$build/check-base
rejects=$tree.rejects

prepare()
{
	local folders

	# Only the files of the series are written.
	folders=$(cd "$top/patches" && xargs sed -n 's|^[+-][+-][+-] [ab]/||p' <series |
		sed 's|/[^/]*$||' | sort -u)
	rm -rf "$tree"
	git clone -q --shared --no-checkout "$KDIR" "$tree"
	# What the patches were cut against, for the three-way merge
	if [ -d "$linux/.git/objects" ]; then
		echo "$linux/.git/objects" >>"$tree/.git/objects/info/alternates"
	fi
	git -C "$tree" sparse-checkout set --no-cone --stdin <<<"$folders"
	git -C "$tree" checkout -q --detach "$commit"
	git -C "$tree" config user.name "$series_name"
	git -C "$tree" config user.email "$series_mail"
}

# What the series was cut against and this tree has otherwise, or not at all
changed_files()
{
	local sum file

	while read -r sum file; do
		if [ ! -e "$tree/$file" ]; then
			echo "# gone: $file"
		elif [ "$(sha256sum <"$tree/$file")" != "$sum  -" ]; then
			echo "# differs: $file"
		fi
	done < <(sed -n 's/^\([0-9a-f]\{64\}\) /\1 /p' "$top/patches/base")
}

# am [-3] PATCH
am()
{
	git -C "$tree" am -q "$@" >"$logs/check-base.log" 2>&1 && return 0
	git -C "$tree" am --abort >/dev/null 2>&1 || true
	return 1
}

# The hunks that fit are kept, so that the patches to come can be judged.
am_in_part()
{
	local subject

	git -C "$tree" apply --reject "$1" >"$rejects" 2>&1 || true
	find "$tree" -name '*.rej' -not -path "$tree/.git/*" -delete
	subject=$(git mailinfo /dev/null /dev/null <"$1" | sed -n 's/^Subject: //p')
	git -C "$tree" add -A --sparse
	git -C "$tree" commit -q --allow-empty -m "in part: $subject"
	sed -n -e 's/^Rejected hunk #\([0-9]*\)\.$/#   hunk \1 does not fit/p' \
		-e 's/^Applying patch \(.*\) with .*rejects*\.\.\.$/# \1:/p' \
		-e 's/^error: \(.*\): \(No such file.*\|already exists.*\)$/# \1: \2/p' "$rejects"
}

step "check out $(git -C "$KDIR" describe --always "$commit")" check-base-prepare.log prepare
base=$(sed -n 's/^version: //p' "$top/patches/base")
differs=$(changed_files)
say "KTAP version 1"
say "# of the files that the series touches, other than in $base:"
say "${differs:-# none}"
n=0 fits=0 merged=0 misfits=0
while read -r p; do
	n=$((n + 1))
	if am "$top/patches/$p"; then
		fits=$((fits + 1))
		say "ok $n $p"
	elif am -3 "$top/patches/$p"; then
		merged=$((merged + 1))
		say "ok $n $p # fits with git am -3 only"
	else
		misfits=$((misfits + 1))
		am_in_part "$top/patches/$p"
		say "not ok $n $p"
	fi
done < <(grep -v '^#' "$top/patches/series")
say "1..$n"
say "$fits fit, $merged with a three-way merge, $misfits do not; $tree has what fits"
[ $misfits = 0 ]
