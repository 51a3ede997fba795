#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Write patches/, the folders of whole files and the generated table from the
# branch "series" of build/linux.  With --check say what would change, and fail.
. "$(dirname "$0")/lib.sh"

check=false
[ "${1:-}" = --check ] && check=true

out=$(mktemp -d "$build/export.XXXXXX")
trap 'rm -rf "$out"' EXIT

lgit rev-parse -q --verify refs/heads/series >/dev/null ||
	die "build/linux has no branch series: make apply first"
if [ -n "$(lgit status --porcelain --untracked-files=no)" ] && ! $check; then
	die "build/linux has changes that are not committed; commit or stash them first"
fi

# An edit of a copy must not get lost.
if ! $check; then
	edited=$(edited_copies | while read -r f; do
		lgit show "series:$(kernel_file "$f")" 2>/dev/null | cmp -s - "$top/$f" || echo "$f"
	done)
	[ -z "$edited" ] || die "edited, and not in build/linux: $(paste -sd ' ' <<<"$edited")
make absorb takes this into the patches, git checkout drops it"
fi

mkdir -p "$out/patches" "$out/Documentation"
layer=
n=0
: >"$out/patches/series"
for c in $(lgit rev-list --reverse base..series); do
	subject=$(lgit log -1 --format=%s "$c")
	case $subject in
	"layer: "*)
		layer=${subject#layer: }
		n=0
		mkdir -p "$out/patches/$layer"
		continue
		;;
	esac
	[ -n "$layer" ] || die "commit $c is in no layer: an empty commit \"layer: NAME\" begins each"
	n=$((n + 1))
	f=$(lgit format-patch -1 --start-number $n --no-numbered --no-signature --zero-commit \
		--full-index --stat=72 --no-renames -o "$out/patches/$layer" "$c")
	echo "$layer/${f##*/}" >>"$out/patches/series"
done

# What the series was cut against
{
	echo "version: $(lgit show base:Makefile | awk -F' *= *' '
		$1 == "VERSION" { v = $2 } $1 == "PATCHLEVEL" { p = $2 }
		$1 == "SUBLEVEL" { print v "." p "." $2; exit }')"
	echo "source: $(cat "$linux/.git/simd-base")"
	echo "# sha256 of every file of the base that the series changes"
	lgit diff --name-only --diff-filter=MD base series | while read -r f; do
		echo "$(lgit show "base:$f" | sha256sum | cut -d' ' -f1) $f"
	done
} >"$out/patches/base"

# Whole files that the series creates
copy_new()
{
	local under=$1 to=$2 f

	mkdir -p "$out/$to"
	lgit diff --name-only --diff-filter=A base series -- "$under" | while read -r f; do
		mkdir -p "$out/$to/$(dirname "${f#"$3"}")"
		lgit show "series:$f" >"$out/$to/${f#"$3"}"
	done
	{
		echo "Copies of the files that the series adds below $under,"
		echo "written by make export.  make absorb takes edits here into the patches."
	} >"$out/$to/README"
}
copy_new arch/riscv arch-riscv-kvm arch/riscv/
copy_new tools/testing/selftests/kvm tools-testing-selftests-kvm tools/testing/selftests/kvm/

# The table
{
	echo "# Files of the kernel and the patches that touch them"
	echo
	echo "Written by \`make export\`.  A + marks the patch that adds the file."
	echo
	echo "| file | patches |"
	echo "|---|---|"
	# A diff begins with "--- a/FILE" or "--- /dev/null", and "+++ b/FILE".
	(cd "$out/patches" && lgit diff --name-only base series | xargs -d '\n' awk '
		BEGIN { while ((getline p < "series") > 0) {
			dir = name = p; sub(/\/.*/, "", dir); sub(/.*\//, "", name); sub(/-.*/, "", name)
			while ((getline line < p) > 0) {
				if (line ~ /^\+\+\+ b\//)
					in_[substr(line, 7)] = in_[substr(line, 7)] \
						(old == "--- /dev/null" ? "+" : "") dir "/" name " "
				old = line
			}
			close(p)
		}
		for (i = 1; i < ARGC; i++)
			print "| " ARGV[i] " | " in_[ARGV[i]] "|" }')
} >"$out/Documentation/touched-files.md"

# Cover letters are written by hand and belong to no commit; what they list of the
# patches is not.
cover_letter()
{
	local subjects n

	subjects=$(while read -r p; do
		git mailinfo /dev/null /dev/null <"$out/patches/$p" | sed -n 's/^Subject: /  /p'
	done < <(grep "^$1/" "$out/patches/series"))
	n=$(wc -l <<<"$subjects")
	sed -e "1s|PATCH [0-9]*/[0-9]*|PATCH $(printf '%0*d' ${#n} 0)/$n|" \
		-e "/^$series_name ([0-9]*):/,\$d" "$top/patches/$1/cover-letter.txt"
	echo "$series_name ($n):"
	echo "$subjects"
}
for l in $(lgit log --format=%s base..series | sed -n 's/^layer: //p'); do
	if [ -e "$top/patches/$l/cover-letter.txt" ]; then
		cover_letter "$l" >"$out/patches/$l/cover-letter.txt"
	fi
done

# Patches for VMMs and for stable trees are other scripts' (qemu.sh, check-stable.sh),
# and stay.
for d in "$top"/patches/vmm-* "$top"/patches/stable-*; do
	[ ! -d "$d" ] || cp -r "$d" "$out/patches/"
done

targets="patches arch-riscv-kvm tools-testing-selftests-kvm Documentation/touched-files.md"
if $check; then
	rc=0
	for t in $targets; do
		diff -ru "$top/$t" "$out/$t" || rc=1
	done
	[ $rc = 0 ] || die "patches/ and what make export would write differ"
	exit 0
fi

for t in $targets; do
	rm -rf "${top:?}/$t"
	mkdir -p "$top/$(dirname "$t")"
	cp -r "$out/$t" "$top/$t"
done
id=$( (cd "$top/patches" && cat series && xargs cat <series) | sha256sum | cut -d' ' -f1)
echo "$id $(lgit rev-parse series)" >"$linux/.git/simd-applied"
say "$(wc -l <"$top/patches/series") patches written to patches/"
