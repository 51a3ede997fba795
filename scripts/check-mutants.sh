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
trap 'lgit checkout -q -f series; rm -rf "$build"/mutant-*/' EXIT

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

# make_mutant NAME DIFF: leave what boots in build/mutant-NAME, or print what is wrong
make_mutant()
{
	local dir=$build/mutant-$1 log=$logs/mutant-$1.log

	lgit apply "$2" 2>"$log" || { echo "does not apply to the tip of its layer"; return; }
	"$scripts/build.sh" kernel >"$log" 2>&1 || { echo "does not build: $log"; return; }
	"$scripts/build.sh" initramfs >>"$log" 2>&1
	mkdir -p "$dir"
	cp "$build"/obj/arch/riscv/boot/Image "$build"/initramfs.{cpio,spec} "$dir/"
}

# try NAME DIFF: print what is wrong with it, if anything
try()
{
	local name=$1 diff=$2 dir=$build/mutant-$1 log=$logs/mutant-$1.log t expect run tests

	# "TEST" or "TEST/CASE", a case being one of the kselftest harness; or
	# "console-normal", what the kernel itself says while the tests of "Run:" run, or
	# "kvm-normal", its mode of simd_switch.
	read -ra expect <<<"$(field Expect "$diff")"
	read -ra run <<<"$(field Run "$diff")"
	mapfile -t tests < <(printf '%s\n' "${expect[@]%%/*}" "${run[@]}" |
		grep -vE '^(console|kvm)-' | sort -u)
	# It is meant to fail; what counts is which test did.
	"$scripts/run-tests.sh" -q -l "mutant-$name" -k "$dir/Image" -i "$dir/initramfs.cpio" \
		-a "$(field Append "$diff")" "${tests[@]}" >>"$log" 2>&1 || true
	for t in "${expect[@]}"; do
		if ! grep -qF "not ${t%%/*} " "$logs/mutant-$name.results"; then
			echo "${t%%/*} passes with the code broken"
		elif [[ $t == */* ]] && ! grep -qE "^# *not ok .*[.]${t##*/}\$" "$logs/mutant-$name".*.log; then
			echo "$t passes with the code broken"
		fi
	done
	rm -r "$dir"
}

# finish: wait for the mutant that is booted, if there is one, and print its result
finish()
{
	local why

	[ -n "$booted" ] || return 0
	[ -z "$pid" ] || wait "$pid" || true
	why=$(paste -sd ';' "$build/mutant.why")
	n=$((n + 1))
	if [ -z "$why" ]; then
		passed=$((passed + 1))
		say "ok $n $booted # time=$((SECONDS - start)) fails as it should: $(field Expect "$scripts/mutants/$booted.diff")"
	else
		failed=$((failed + 1))
		say "not ok $n $booted: $why # time=$((SECONDS - start))"
	fi
	booted=
}

n=0 passed=0 failed=0 layer='' booted='' pid='' start=0
say "KTAP version 1"
for diff in "$scripts"/mutants/*.diff; do
	name=$(basename "$diff" .diff)
	if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then
		continue
	fi
	if [ "${name%%-*}" != "$layer" ]; then
		finish
		layer=${name%%-*}
		use_layer "$layer" | sed 's/^/# /'
	fi
	# One is built while the one before is booted.
	why=$(make_mutant "$name" "$diff")
	lgit checkout -q -f HEAD
	finish
	booted=$name start=$SECONDS pid=''
	if [ -n "$why" ]; then
		echo "$why" >"$build/mutant.why"
	else
		try "$name" "$diff" >"$build/mutant.why" &
		pid=$!
	fi
done
finish
lgit checkout -q -f series
"$scripts/build.sh" all >"$logs/mutant-restore.log" 2>&1
say "1..$n"
[ $# -gt 0 ] || figure "make check-mutants" "$passed passed, $failed failed"
say "$passed passed, $failed failed"
[ $failed = 0 ]
