#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Have the branch "series" of build/linux be patches/, by git am.  What has been
# committed there and not been exported is left alone.
. "$(dirname "$0")/lib.sh"

stamp=$linux/.git/simd-applied
scratch=$build/am

patches_id() { (cd "$top/patches" && cat series && xargs cat <series) | sha256sum | cut -d' ' -f1; }

# A commit without changes begins each layer, so that export knows them.
apply_layer()
{
	local layer=$1 p

	git -C "$scratch" commit -q --allow-empty -m "layer: $layer"
	while read -r p; do
		if git -C "$scratch" am -q --committer-date-is-author-date "$top/patches/$p" \
			>"$logs/am.log" 2>&1; then
			continue
		fi
		git -C "$scratch" am --abort 2>/dev/null || true
		if [ -n "${AM_STRICT:-}" ]; then
			cat "$logs/am.log"
			echo "$p does not apply with plain git am"
			return 1
		fi
		echo "$p needs git am -3 here"
		git -C "$scratch" am -q -3 --committer-date-is-author-date "$top/patches/$p" || {
			git -C "$scratch" am --show-current-patch=diff | head -60
			git -C "$scratch" am --abort || true
			echo "$p does not apply to this tree, also not with git am -3"
			return 1
		}
	done < <(layer_patches "$layer")
}

apply_all()
{
	local layer

	# The files of the series are all that a scratch tree needs.
	git -C "$linux" worktree prune
	rm -rf "$scratch"
	git -C "$linux" worktree prune
	git -C "$linux" worktree add -q --no-checkout --detach "$scratch" base
	(cd "$top/patches" && xargs sed -n 's|^[+-][+-][+-] [ab]/||p' <series) |
		sed 's|/[^/]*$||' | sort -u |
		git -C "$scratch" sparse-checkout set --no-cone --stdin
	git -C "$scratch" checkout -q base^0
	export GIT_COMMITTER_DATE='1970-01-01T00:00:00Z' GIT_AUTHOR_DATE='1970-01-01T00:00:00Z'
	for layer in $(layers); do
		apply_layer "$layer" || return 1
	done
}

id=$(patches_id)
tip=$(lgit rev-parse -q --verify refs/heads/series || true)
if [ -n "$tip" ] && [ -e "$stamp" ]; then
	read -r old_id old_tip <"$stamp"
	if [ "$tip" != "$old_tip" ] || [ -n "$(lgit status --porcelain --untracked-files=no)" ]; then
		if [ -n "${AM_STRICT:-}" ]; then
			die "build/linux has work that is not in patches/: make export, or git -C build/linux checkout -B series $old_tip"
		fi
		warn "build/linux has work that is not in patches/ (make export writes it there); it is built as it is"
		exit 0
	fi
	if [ "$id" = "$old_id" ] && [ -z "${AM_STRICT:-}" ]; then
		[ "$(lgit symbolic-ref -q --short HEAD || true)" = series ] || lgit checkout -q series
		exit 0
	fi
elif [ -n "$tip" ]; then
	die "build/linux has a branch series that make apply has not made; rename it and try again"
fi

step "apply $(grep -vc '^#' "$top/patches/series") patches (git am)" apply.log apply_all
new=$(git -C "$scratch" rev-parse HEAD)
lgit worktree remove --force "$scratch"
# Only files that differ are written: make rebuilds what depends on them.
lgit checkout -q -B series "$new"
echo "$id $new" >"$stamp"
