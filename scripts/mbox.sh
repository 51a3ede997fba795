#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Each series as it would be posted: one mbox, a thread with the cover letter as 0/N, with
# base-commit and the ids of the patches in front; and who get_maintainer.pl says it goes to.
#
#	mbox.sh			AUTHOR="Name <address>" for the person who posts
. "$(dirname "$0")/lib.sh"

author=${AUTHOR:-"$series_name <$series_mail>"}
[[ $author =~ ^[^\<\>]+\ \<[^\ \<\>@]+@[^\ \<\>]+\>$ ]] || die "AUTHOR=$author: not \"Name <address>\""
name=${author% <*} mail=${author##*<}
mail=${mail%>}
out=$build/mbox
rm -rf "$out"
mkdir -p "$out"

# cover LAYER FILE: the letter of the layer in place of format-patch's, but for the lists of
# patches and files, which are format-patch's
cover()
{
	local letter=$top/patches/$1/cover-letter.txt subject

	subject=$(sed -n '1s/^Subject: \[[^]]*\] //p' "$letter")
	[ -n "$subject" ] || die "$letter has no subject"
	sed -e '1,/^$/d' -e "/^$series_name ([0-9]*):\$/,\$d" "$letter" >"$out/blurb"
	awk -v subject="$subject" -v blurb="$out/blurb" '
		/^Subject: / { sub(/\*\*\* SUBJECT HERE \*\*\*/, subject) }
		/^\*\*\* BLURB HERE \*\*\*$/ {
			while ((getline line < blurb) > 0)
				print line
			next
		}
		{ print }' "$2" >"$out/cover"
	if grep -q 'HERE \*\*\*' "$out/cover"; then
		die "$2: format-patch has another form of cover letter"
	fi
	mv "$out/cover" "$2"
}

mapfile -t marks < <(lgit log --reverse --format='%H %s' base..series | grep ' layer: ')
for i in "${!marks[@]}"; do
	layer=${marks[i]#* layer: }
	first=${marks[i]%% *}
	last=series
	if [ -n "${marks[i + 1]:-}" ]; then
		last=${marks[i + 1]%% *}^
	fi
	lgit -c user.name="$name" -c user.email="$mail" \
		format-patch -q -o "$out/$layer" --numbered --no-signature --thread=shallow \
		--cover-letter --base=base "$first..$last"
	cover "$layer" "$out/$layer/0000-cover-letter.patch"
	sed -i -e "s|^From: $series_name <$series_mail>|From: ${author//|/}|" \
		-e '/^prerequisite-patch-id: 0*$/d' "$out/$layer"/*.patch
	find "$out/$layer" -name '*.patch' ! -name '0000-*' -print0 | (cd "$linux" &&
		xargs -0 scripts/get_maintainer.pl --no-git --no-git-fallback --no-fixes --no-rolestats) \
		>"$out/$layer.to"
	cat "$out/$layer"/*.patch >"$out/$layer.mbx"
	say "$out/$layer.mbx: 0 to $(($(find "$out/$layer" -name '*.patch' | wc -l) - 1)), to $(wc -l <"$out/$layer.to") in $layer.to"
done
rm -f "$out/blurb"
