#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Everything that CI verifies.  KTAP while it runs, a count at the end.
#
#	check.sh		all of it
#	check.sh each [FROM [TO]]	only patch by patch, from one to another, each of
#				them a number or part of a name
#	check.sh text		only what needs no boot: changelogs, checkpatch, mutants
#				that still apply, Sphinx, kernel-doc
#	check.sh hosts		the tip on hosts without V, without FPU, with KVM=m
#	check.sh configs	the tip of each layer in other configurations, and the
#				series on them, and on hosts that lack an extension
#	check.sh qemu		the tip on the newest OpenSBI, and under the newest QEMU, that
#				Debian has
. "$(dirname "$0")/lib.sh"

mode=${1:-all}
from=${2:-1} to=${3:-}
n=0 passed=0 failed=0 skipped=0
begin=$SECONDS
failures=()

# What people see is kept for junit.sh.
: >"$logs/check.ktap"
: >"$logs/check.failed"
emit()
{
	say "$1"
	say "$1" >>"$logs/check.ktap"
}

emit "KTAP version 1"

# shellcheck source=check/jobs.sh
. "$scripts/check/jobs.sh"
# shellcheck source=check/text.sh
. "$scripts/check/text.sh"
# shellcheck source=check/patches.sh
. "$scripts/check/patches.sh"
# shellcheck source=check/tips.sh
. "$scripts/check/tips.sh"
# shellcheck source=check/configs.sh
. "$scripts/check/configs.sh"

if [ -e "$linux/.git/simd-applied" ] && [ -n "$(lgit status --porcelain --untracked-files=no)" ]; then
	die "build/linux has changes that are not committed; make check checks out every patch there"
fi

restore() { lgit checkout -q series 2>/dev/null || true; }
fetch_pid=
trap 'kill_jobs; [ -z "$fetch_pid" ] || kill "$fetch_pid" 2>/dev/null || true; restore' EXIT
trap 'say "Bail out! interrupted"; exit 130' INT TERM

rm -f "$build/passed"	# leave out what this run has seen pass, no more

# What needs no boot, but for what our own scripts look at
text_stage()
{
	later patches_as_text 1
	later patches_as_text 2
	later check "mutants apply to the tips of their layers" mutants_apply
	later check "10^7 instructions of seed ${SEED:-1}: libopcodes finds none missed" \
		"$scripts/decoder.sh" sample 10000000
	later check "programs of make prove compile, and find nothing at a glance" \
		"$scripts/prove.sh" quick
	later check "syzkaller's descriptions have the headers' constants and layouts" \
		"$scripts/syzkaller.sh"
	later check "job files for CI parse, and leave out tests that exist" ci_files
	later check "Sphinx and kernel-doc have nothing new to say" "$scripts/docs.sh"
}

# Needed at the end, where it is tried once more if the mirror has a bad hour.
fetch_early()
{
	[ ! -e "$build/vmm/dl" ] || return 0
	"$scripts/vmm-check.sh" fetch </dev/null >"$logs/vmm-fetch-early.log" 2>&1 &
	fetch_pid=$!
}

case $mode in
hosts | qemu | configs)
	restore
	if now check "series: tip builds" "$scripts/build.sh" all; then
		stage
		case $mode in
		hosts) hosts_of_the_tip ;;
		qemu)
			now newest_firmware || true
			now newest_qemu || true
			;;
		configs) all_configs ;;
		esac
	fi
	finish
	exit
	;;
all)
	fetch_early
	later our_own
	;;
esac

if ! AM_STRICT=1 now check "git am applies every patch" "$scripts/apply.sh"; then
	finish
	exit 1
fi
restore
case $mode in
text)
	text_stage
	drain || true
	;;
each)
	now check "sparse is there and finds defects" "$scripts/sparse.sh" || true
	each_patch
	;;
all)
	text_stage
	later check "sparse is there and finds defects" "$scripts/sparse.sh"
	drain || true
	lgit checkout -q --detach base
	now check "base: registers of a new vCPU" base_regs || true
	each_patch
	if [ -n "$built" ]; then
		restore
		stage
		whole_tip
	fi
	;;
esac
finish
