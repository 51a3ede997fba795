#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Break the code on purpose, one diff of scripts/mutants/ after another, and see
# that the tests it names in "Expect:" notice.  check-mutants.sh [NAME...]
#
# A mutant is for the last patch of the layer that its name begins with: later
# ones may replace the code.  "Append:" is for the command line of L1's kernel.
. "$(dirname "$0")/lib.sh"

[ -z "$(lgit status --porcelain --untracked-files=no)" ] ||
	die "build/linux has changes that are not committed"
delivers_traps || die "QEMU $(qemu_version) $no_traps; each mutant would need it"
trap 'lgit checkout -q -f series' EXIT

# use_layer N: build its tip, with the selftests that it has
use_layer()
{
	local tip

	tip=$(layer_tips | sed -n "$1p")
	[ -n "$tip" ] || die "the series has no layer $1"
	lgit checkout -q --detach "$tip"
	"$scripts/build.sh" all
}

field() { sed -n "s/^$1: //p" "$2"; }

# try NAME DIFF: print what is wrong with it, if anything
try()
{
	local name=$1 diff=$2 log=$logs/mutant-$1.log t expect run tests

	# "TEST" or "TEST/CASE", a case being one of the kselftest harness; or
	# "console-normal", what the kernel itself says while the tests of "Run:" run, or
	# "kvm-normal", its mode of simd_switch.
	read -ra expect <<<"$(field Expect "$diff")"
	read -ra run <<<"$(field Run "$diff")"
	mapfile -t tests < <(printf '%s\n' "${expect[@]%%/*}" "${run[@]}" |
		grep -vE '^(console|kvm)-' | sort -u)
	lgit apply "$diff" 2>"$log" || { echo "does not apply to the tip of its layer"; return; }
	"$scripts/build.sh" kernel >"$log" 2>&1 || { echo "does not build: $log"; return; }
	"$scripts/build.sh" initramfs >>"$log" 2>&1
	# It is meant to fail; what counts is which test did.
	"$scripts/run-tests.sh" -q -l "mutant-$name" -a "$(field Append "$diff")" "${tests[@]}" \
		>>"$log" 2>&1 || true
	for t in "${expect[@]}"; do
		if ! grep -qF "not ${t%%/*} " "$logs/mutant-$name.results"; then
			echo "${t%%/*} passes with the code broken"
		elif [[ $t == */* ]] && ! grep -qE "^# *not ok .*[.]${t##*/}\$" "$logs/mutant-$name".*.log; then
			echo "$t passes with the code broken"
		fi
	done
}

n=0 passed=0 failed=0 layer=
say "KTAP version 1"
for diff in "$scripts"/mutants/*.diff; do
	name=$(basename "$diff" .diff)
	if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then
		continue
	fi
	if [ "${name%%-*}" != "$layer" ]; then
		layer=${name%%-*}
		use_layer "$layer" | sed 's/^/# /'
	fi
	n=$((n + 1))
	start=$SECONDS
	why=$(try "$name" "$diff" | paste -sd ';')
	lgit checkout -q -f HEAD
	if [ -z "$why" ]; then
		passed=$((passed + 1))
		say "ok $n $name # time=$((SECONDS - start)) fails as it should: $(field Expect "$diff")"
	else
		failed=$((failed + 1))
		say "not ok $n $name: $why # time=$((SECONDS - start))"
	fi
done
lgit checkout -q -f series
"$scripts/build.sh" all >"$logs/mutant-restore.log" 2>&1
say "1..$n"
[ $# -gt 0 ] || figure "make check-mutants" "$passed passed, $failed failed"
say "$passed passed, $failed failed"
[ $failed = 0 ]
