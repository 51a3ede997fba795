#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# patches/stable-6.12: what KVM of Debian 13's kernel needs of layer 1.
# Fetch that kernel's source, boot it as it is, and then with one patch more at a time,
# and run tests of the series there: scripts/stable.list says from which patch on each
# of them has to pass.  KTAP.
#
#	check-stable.sh			all of it
#	check-stable.sh apply		only the branch "stable" of build/stable-6.12/linux
#	check-stable.sh export		the patches from that branch
. "$(dirname "$0")/lib.sh"

lts=6.12
suite=trixie
patches=$top/patches/stable-$lts
tests=$scripts/stable.list
main=$build
stable=$main/stable-$lts

# Everything below is about that tree, in a folder of its own; the selftests and the
# rest of the initramfs are those of the series.
export BUILD=$stable
build=$stable linux=$stable/linux logs=$main/logs
mkdir -p "$stable/logs"

n=0 passed=0 failed=0

# result ok|not WHAT [NOTE]
result()
{
	n=$((n + 1))
	case $1 in
	ok) passed=$((passed + 1)); say "ok $n - $2${3:+ # $3}" ;;
	*) failed=$((failed + 1)); say "not ok $n - $2${3:+ # $3}" ;;
	esac
}

# check WHAT COMMAND...
check()
{
	local what=$1 log
	shift
	log=$logs/stable-$(printf %s "$what" | tr -c 'A-Za-z0-9' -).log
	if ("$@") >"$log" 2>&1; then
		result ok "$what"
		return 0
	fi
	tail -n 30 "$log" | sed 's/^/# /'
	result not "$what" "the whole log: $log"
	return 1
}

# apply_one PATCH: where it was cut, nothing has to be looked for
apply_one()
{
	lgit am -q --committer-date-is-author-date "$1" && return 0
	lgit am --abort || true
	return 1
}

# What stable-kernel-rules.rst asks for.  A patch that is no backport says so where
# the others have upstream's id; the others have the subject and the tags of theirs.
rules()
{
	local p=$1 body subject upstream f rc=0

	subject=$(git mailinfo "$stable/msg" /dev/null <"$p" | sed -n 's/^Subject: //p')
	body=$(sed '/^---$/,$d' "$stable/msg")
	# No history is here for Fixes:, and who signs off is for the person who posts.
	(cd "$linux" && scripts/checkpatch.pl --strict --summary-file --show-types \
		--ignore MISSING_SIGN_OFF,FILE_PATH_CHANGES,UNKNOWN_COMMIT_ID "$p") || rc=1
	if ! grep -q '^Fixes: [0-9a-f]\{12\} (".*")$' <<<"$body"; then
		echo "no Fixes:"
		rc=1
	fi
	if [ "$(grep -c '^[+-][^+-]' "$p")" -gt 100 ]; then
		echo "more than 100 lines"
		rc=1
	fi
	case $(head -n 1 <<<"$body") in
	'Not a backport: '*) return $rc ;;
	'commit '*' upstream.') ;;
	*)
		echo "the first line is neither \"commit ... upstream.\" nor \"Not a backport: ...\""
		return 1
		;;
	esac
	upstream=
	for f in "$top"/patches/1?-*/0*.patch; do
		if [ "$(git mailinfo "$stable/msg.up" /dev/null <"$f" | sed -n 's/^Subject: //p')" = "$subject" ]; then
			upstream=$f
			break
		fi
	done
	if [ -z "$upstream" ]; then
		echo "no patch of layer 1 has this subject"
		return 1
	fi
	diff <(grep -E '^(Fixes|Cc): ' <<<"$body") <(sed '/^---$/,$d' "$stable/msg.up" | grep -E '^(Fixes|Cc): ') ||
		{ echo "the tags (<) are not upstream's (>)"; rc=1; }
	return $rc
}

configure()
{
	# With an option, so that one that this kernel does not have is no error
	"$scripts/build.sh" config obj KVM=y
}

# That gcc complains of nothing means KVM; the rest is not ours.
kvm_builds()
{
	local out

	out=$(kmake O="$build/obj" W=1 arch/riscv/kvm/ 2>&1) || { echo "$out"; return 1; }
	echo "$out"
	! grep -E '(warning|error):' <<<"$out"
}

# without OPTION: KVM builds where that is off
without()
{
	"$scripts/build.sh" config obj-without "$1=n" || return 1
	kmake O="$build/obj-without" arch/riscv/kvm/
}

# image NAME: build/NAME and its initramfs, with the hook for it
image()
{
	configure || return 1
	kmake O="$build/obj" Image modules || return 1
	# M= alone, which knows no folder for the objects in 6.12
	mkdir -p "$build/hook"
	cp -u "$scripts"/simd_hook/* "$build/hook/"
	kmake O="$build/obj" M="$build/hook" KCFLAGS=-DRISCV_V_VCPU_CTX=0 modules || return 1
	cp "$build/obj/arch/riscv/boot/Image" "$build/$1"
	sed -e '/^#/d' -e '/^file \/kvm\.ko /d' -e "s|^file /simd_hook.ko [^ ]*|file /simd_hook.ko $build/hook/simd_hook.ko|" \
		"$main/initramfs.spec" >"$build/$1.spec"
	"$main/gen_init_cpio" "$build/$1.spec" >"$build/$1.cpio"
}

# boot IMAGE SET...: the results are in logs/stable-IMAGE.results
boot()
{
	local name=$1
	shift

	BUILD=$main LINUX_TREE='' "$scripts/run-tests.sh" -q -l "stable-$name" -t "$tests" \
		-k "$stable/$name" -i "$stable/$name.cpio" "$@" >"$logs/stable-$name.out" 2>&1 || true
	cat "$logs/stable-$name.out"
	[ -s "$logs/stable-$name.results" ]
}

verdict() { awk -v name="$2" '$2 == name { print $1; exit }' "$logs/stable-$1.results"; }

# expect IMAGE NUMBER: what each test has to do with so many patches
expect()
{
	local name sets want got why

	while read -r name sets _; do
		got=$(verdict "$1" "$name")
		[ -n "$got" ] || continue
		why="the defect is there, and the test sees it"
		case $sets in
		fixed,*) [ "${sets#*,}" -gt "$2" ] && want=not || want=ok ;;
		left) want=not ;;
		*) want=ok ;;
		esac
		if [ "$got" != "$want" ]; then
			grep -h " $name " "$logs/stable-$1.results" | sed 's/^/# /' || true
			why="no, it is: $got"
			got=wrong
		elif [ "$want" = ok ]; then
			why=
		fi
		result "$([ "$got" = wrong ] && echo not || echo ok)" \
			"$1: $name $([ "$want" = ok ] && echo passes || echo fails)" "$why"
	done < <(grep -v '^#' "$tests")
	# A machine that died, or complained, is no test.
	while read -r want name why; do
		case $name in
		console-* | qemu-*) result not "$1: $name" "$why" ;;
		esac
	done < <(grep '^not' "$logs/stable-$1.results" || true)
}

apply_all()
{
	local p

	lgit checkout -q -f base
	lgit checkout -q -B stable
	for p in "$patches"/0*.patch; do
		apply_one "$p" || return 1
	done
}

case ${1:-} in
export)
	rm -f "$patches"/0*.patch
	lgit format-patch -q --no-numbered --no-signature --zero-commit --stat=72 \
		--no-renames -o "$patches" base..stable
	lgit log -1 --format=%s base >"$patches/base"
	say "$(find "$patches" -name '0*.patch' | wc -l) patches written to patches/stable-$lts"
	exit
	;;
'' | apply) ;;
*) die "usage: check-stable.sh [apply|export]" ;;
esac

"$scripts/base.sh" "linux-source-$lts" "$suite"
if [ "${1:-}" = apply ]; then
	apply_all
	exit
fi
[ -e "$main/initramfs.spec" ] || die "$main/initramfs.spec is missing: make build"
if [ -n "$(lgit status --porcelain --untracked-files=no)" ]; then
	die "$linux has changes that are not committed"
fi

say "KTAP version 1"
say "# $(lgit log -1 --format=%s base)"
patch_files=("$patches"/0*.patch)
lgit checkout -q -f base
if check "$lts builds" image base && check "$lts boots" boot base fixed left same; then
	expect base 0
fi

lgit checkout -q -B stable
for i in "${!patch_files[@]}"; do
	p=${patch_files[i]}
	name=${p##*/}
	name=${name%%-*}
	sets="fixed"
	[ "$((i + 1))" -lt ${#patch_files[@]} ] || sets="fixed left same"
	say "# ${p##*/}"
	check "$name: stable's rules" rules "$p" || true
	check "$name: git am" apply_one "$p" || break
	check "$name: KVM builds, W=1" kvm_builds || true
	# shellcheck disable=SC2086	# several sets
	if check "$name: kernel builds" image "$name" && check "$name: boots" boot "$name" $sets; then
		expect "$name" $((i + 1))
	fi
	rm -f "$build/$name".{cpio,spec}
done
for option in RISCV_ISA_V FPU; do
	check "$lts with the patches: KVM builds with $option=n" without $option || true
done
say "1..$n"
say "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
