#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Take what has been edited in arch-riscv-kvm/ and tools-testing-selftests-kvm/ into the
# patches that the lines belong to, and export.  git-absorb finds the patches.  If it does
# not know one for each line, or the patches after it conflict, nothing changes: the edit
# stays where it is.
. "$(dirname "$0")/lib.sh"

[ -z "$(lgit status --porcelain --untracked-files=no)" ] ||
	die "build/linux has changes that are not committed; commit or stash them first"
[ "$(lgit symbolic-ref -q --short HEAD || true)" = series ] ||
	die "build/linux is not on the branch series: make apply"
mapfile -t edited < <(edited_copies)
[ ${#edited[@]} -gt 0 ] || { say "nothing has been edited in $copies"; exit 0; }

before=$(lgit rev-parse series)
read -r _ exported <"$linux/.git/simd-applied"
give_up()
{
	lgit rebase --abort >/dev/null 2>&1 || true
	lgit reset -q --hard "$before"
	die "$1; nothing has been changed, the edits are still in $copies"
}

for f in "${edited[@]}"; do
	k=$(kernel_file "$f")
	lgit cat-file -e "$exported:$k" 2>/dev/null ||
		die "$f: no patch adds this file; commit it in build/linux, see README"
	[ -e "$top/$f" ] || die "$f is gone; remove it in build/linux, see README"
	[ "$(lgit rev-parse "$exported:$k")" = "$(lgit rev-parse "series:$k" 2>/dev/null)" ] ||
		die "$f: build/linux has another change of this file; make export first, with the edit stashed"
done
for f in "${edited[@]}"; do
	k=$(kernel_file "$f")
	cp "$top/$f" "$linux/$k"
	lgit add "$k"
done
log=$logs/absorb.log
lgit absorb --base base >"$log" 2>&1 || { cat "$log"; give_up "git absorb failed"; }
if ! lgit diff --quiet HEAD; then
	lgit --no-pager diff HEAD
	give_up "these lines belong to more than one patch or to none (commit --fixup them in build/linux)"
fi
lgit log --reverse --format='  %s' "$before..series" | sed 's/fixup! //' | sort | uniq -c |
	sed 's/^ *\([0-9]*\) *\(.*\)/  \2: \1 hunk(s)/'
export GIT_COMMITTER_DATE='1970-01-01T00:00:00Z' GIT_SEQUENCE_EDITOR=true GIT_EDITOR=true
lgit rebase -q -i --autosquash --keep-empty --empty=keep base >"$log" 2>&1 || {
	grep CONFLICT "$log" || true
	give_up "a later patch changes the same lines"
}
for f in "${edited[@]}"; do
	lgit show "series:$(kernel_file "$f")" | cmp -s - "$top/$f" || give_up "$f has come out different"
done
"$scripts/export.sh"
