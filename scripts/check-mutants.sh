#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Break the code on purpose, one diff of scripts/mutants/ after another, and see
# that the tests it names in "Expect:" notice.  check-mutants.sh [NAME...]
. "$(dirname "$0")/lib.sh"

[ -z "$(lgit status --porcelain --untracked-files=no)" ] ||
	die "build/linux has changes that are not committed"
lgit checkout -q series
restore() { lgit checkout -q -f series; }
trap restore EXIT

n=0 passed=0 failed=0
say "KTAP version 1"
for diff in "$scripts"/mutants/*.diff; do
	name=$(basename "$diff" .diff)
	if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then
		continue
	fi
	n=$((n + 1))
	start=$SECONDS
	# "TEST" or "TEST/CASE", a case being one of the kselftest harness.
	read -ra expect <<<"$(sed -n 's/^Expect: //p' "$diff")"
	mapfile -t tests < <(printf '%s\n' "${expect[@]%%/*}" | sort -u)
	why=
	if ! lgit apply "$diff"; then
		why="does not apply to the tip of the series"
	elif ! "$scripts/build.sh" kernel >"$logs/mutant-$name.log" 2>&1; then
		why="does not build: $logs/mutant-$name.log"
	else
		"$scripts/build.sh" initramfs >>"$logs/mutant-$name.log" 2>&1
		# It is meant to fail; what counts is which test did.
		"$scripts/run-tests.sh" -q -l "mutant-$name" "${tests[@]}" \
			>>"$logs/mutant-$name.log" 2>&1 || true
		for t in "${expect[@]}"; do
			grep -qF "not ${t%%/*} " "$logs/mutant-$name.results" ||
				why="${t%%/*} passes with the code broken"
			if [[ $t == */* ]] && ! grep -qE "^# *not ok .*[.]${t##*/}\$" "$logs/mutant-$name".*.log; then
				why="$t passes with the code broken"
			fi
		done
	fi
	restore
	if [ -z "$why" ]; then
		passed=$((passed + 1))
		say "ok $n $name # time=$((SECONDS - start)) fails as it should: ${expect[*]}"
	else
		failed=$((failed + 1))
		say "not ok $n $name: $why # time=$((SECONDS - start))"
	fi
done
"$scripts/build.sh" kernel >"$logs/mutant-restore.log" 2>&1
say "1..$n"
say "$passed passed, $failed failed"
[ $failed = 0 ]
