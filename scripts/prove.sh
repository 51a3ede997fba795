#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Compile files of the series for this machine, and prove what tests cannot reach.
#
#	prove.sh [PROGRAM...]		vset
#	prove.sh mutants [PROGRAM...]	each line of scripts/prove/mutants must make its
#					program fail; those of decoder, too
. "$(dirname "$0")/lib.sh"
. "$scripts/host.sh"

kvm=$linux/arch/riscv/kvm

# compile PROGRAM FILE: with FILE as the kernel's
compile()
{
	case $1 in
	vset | decoder) host_cc "$1" "$scripts/prove/$1.c" "$2" ;;
	*) die "no program $1" ;;
	esac
}

# The file of the kernel that a program is about
file_of()
{
	case $1 in
	vset) echo "$kvm/vcpu_vector_insn.c" ;;
	decoder) echo "$kvm/simd_insn.c" ;;
	esac
}

run()
{
	case $1 in
	decoder) "$scripts/decoder.sh" program sample 10000000 1 ;;
	*) "$prove/$1" ;;
	esac
}

prove_one()
{
	local start=$SECONDS rc=0

	say "$1: $(basename "$(file_of "$1")")"
	compile "$1" "$(file_of "$1")"
	run "$1" | sed 's/^/  /' || rc=1
	say "  $((SECONDS - start)) s"
	return $rc
}

# mutants PROGRAM...: "PROGRAM SED-SCRIPT" in each line
mutants()
{
	local program script mutant=$prove/mutant.c n=0 rc=0

	# What fails already would fail with any mutant.
	for program; do
		compile "$program" "$(file_of "$program")"
		if ! run "$program" >"$prove/mutant.log"; then
			say "$program fails without a mutant"
			rc=1
		fi
	done
	while read -r program script; do
		if [[ " $* " != *" $program "* ]]; then
			continue
		fi
		n=$((n + 1))
		sed "$script" "$(file_of "$program")" >"$mutant"
		if cmp -s "$(file_of "$program")" "$mutant"; then
			say "$program: $script: changes nothing"
			rc=1
		elif ! compile "$program" "$mutant" 2>"$prove/mutant.log"; then
			say "$program: $script: does not compile"
			sed 's/^/  /' "$prove/mutant.log"
			rc=1
		elif run "$program" >"$prove/mutant.log"; then
			say "$program: $script: survives"
			rc=1
		fi
	done < <(grep -v '^#' "$scripts/prove/mutants")
	say "$n mutants"
	[ $n -gt 0 ] && return $rc
}

rc=0
if [ "${1:-}" = mutants ]; then
	shift
	[ $# -gt 0 ] || set -- vset decoder
	mutants "$@" || rc=1
	exit $rc
fi
[ $# -gt 0 ] || set -- vset
for program; do
	prove_one "$program" || rc=1
done
exit $rc
