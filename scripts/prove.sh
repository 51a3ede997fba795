#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Compile files of the series for this machine, and prove what tests cannot reach.
#
#	prove.sh [PROGRAM...]		vset, machine
#	prove.sh quick			both compile, vset and some of the states of
#					machine are right, and mutants change something
#	prove.sh mutants [PROGRAM...]	each line of scripts/prove/mutants must make its
#					program fail; those of decoder, too
. "$(dirname "$0")/lib.sh"
. "$scripts/host.sh"

riscv=$linux/arch/riscv
kvm=$riscv/kvm

# function_of FILE NAME...: the text of functions, of those that are there
function_of()
{
	local file=$1 name
	shift

	for name; do
		awk -v name="$name" '
			!on && /^[a-z_].*\(/ && $0 ~ "[ *]" name "\\(" && !/;$/ && !/}$/ { on = 1 }
			on { print }
			on && /^}/ { exit }' "$file"
	done
}

# machine_source FILE: what takes part in moving the registers, around vcpu_simd.c
machine_source()
{
	echo '#include "machine.h"'
	echo '#define CONFIG_RISCV_ISA_V_PREEMPTIVE 1'
	echo '#define CONFIG_KVM 1'
	sed -n '/^#define RISCV_\(V_CTX\|KERNEL_MODE_V\|V_VCPU\|PREEMPT_V\)/p' "$riscv/include/asm/processor.h"
	awk '/^#define __riscv_v_vstate_(or|check)/ { on = 1 } on { print } on && !/\\$/ { on = 0 }' \
		"$riscv/include/asm/vector.h"
	function_of "$riscv/include/asm/vector.h" riscv_v_flags riscv_v_flags_set \
		__riscv_v_vstate_clean __riscv_v_vstate_dirty riscv_v_vstate_on riscv_v_vstate_query \
		riscv_v_vstate_discard riscv_v_vstate_save riscv_v_vstate_restore \
		riscv_v_vstate_set_restore riscv_preempt_v_dirty riscv_preempt_v_restore \
		riscv_preempt_v_clear_dirty riscv_preempt_v_set_restore riscv_preempt_v_started \
		__switch_to_vector
	function_of "$riscv/include/asm/switch_to.h" __fstate_clean fstate_save fstate_restore \
		__switch_to_fpu
	function_of "$riscv/include/asm/simd.h" may_use_simd
	sed '/^#include/d' "$riscv/kernel/kernel_mode_vector.c" "$riscv/kernel/kernel_mode_fpu.c"
	function_of "$riscv/include/asm/kvm_vcpu_vector.h" kvm_riscv_vcpu_vector_disown
	function_of "$kvm/vcpu_vector.c" kvm_riscv_vcpu_vector_load kvm_riscv_vcpu_vector_save
	function_of "$kvm/vcpu_fp.c" kvm_riscv_vcpu_fp_save kvm_riscv_vcpu_fp_load kvm_riscv_fp_give_back
	sed '/^#include/d' "$1"
	echo '#include "machine.c"'
}

# has WORD HEADER: -DHAVE_WORD if the header has it
has()
{
	if grep -q "$1" "$riscv/include/asm/$2"; then
		echo "-DHAVE_${1^^}"
	fi
}

# The stacks are copied, and threads are left by longjmp().
machine_cc()
{
	local defines

	machine_source "$1" >"$prove/machine-all.c"
	mapfile -t defines < <(has hedeleg_csr kvm_vcpu_config.h
		has frequent kvm_vcpu_simd.h
		has simd_run kvm_vcpu_simd.h
		has simd_reload kvm_vcpu_simd.h
		has simd_fixup kvm_vcpu_simd.h
		has simd_traps kvm_vcpu_simd.h)
	host_cc machine -I "$scripts/prove" "${defines[@]}" -fno-omit-frame-pointer -U_FORTIFY_SOURCE \
		-fno-stack-protector -Wno-unused-function "$prove/machine-all.c" "$kvm/simd_insn.c"
}

# compile PROGRAM FILE: with FILE as the kernel's
compile()
{
	case $1 in
	machine) machine_cc "$2" ;;
	vset | decoder) host_cc "$1" "$scripts/prove/$1.c" "$2" ;;
	*) die "no program $1" ;;
	esac
}

# The file of the kernel that a program is about
file_of()
{
	case $1 in
	machine) echo "$kvm/vcpu_simd.c" ;;
	vset) echo "$kvm/vcpu_vector_insn.c" ;;
	decoder) echo "$kvm/simd_insn.c" ;;
	esac
}

# What machine is asked: "thread" is one thread on two CPUs, "cpu" two threads on one,
# neither of them two on two; a number is the most states to look at
questions="eager thread
lazy thread
lazy thread stval0 nosection
lazy thread fs nosection nofault
lazy thread notrace nosection
lazy thread notraps nosection
adaptive thread stuck
adaptive thread notrace nosection
adaptive thread nosection
adaptive thread switch nosection nofault 4000000
eager cpu nosection nofault 4000000
lazy cpu nosection nofault 4000000
lazy nosection nofault 2000000"

# Smaller ones, for mutants
small_questions="eager thread nosection
lazy thread nosection
lazy thread notrace nosection 500000
lazy thread notraps nosection
lazy thread 1000000
lazy thread stval0 nosection
adaptive thread stuck nosection
adaptive thread nosection 1000000
lazy cpu nosection nofault 1000000"

# The smallest, some seconds for all of them
quick_questions="eager thread nosection
lazy thread nosection 200000
lazy thread stval0 notrace nosection 200000
adaptive thread nosection 200000
adaptive thread stuck nosection 200000
adaptive nosection nofault 200000"

# run_machine QUESTIONS
run_machine()
{
	local question words

	while read -r question; do
		read -ra words <<<"$question"
		say "$question:"
		"$prove/machine" "${words[@]}" || return 1
	done <<<"$1"
}

run()
{
	case $1 in
	decoder) "$scripts/decoder.sh" program sample 10000000 1 ;;
	machine) run_machine "${2:-$questions}" ;;
	*) "$prove/$1" ;;
	esac
}

prove_one()
{
	local start=$SECONDS rc=0

	say "$1: $(basename "$(file_of "$1")")"
	compile "$1" "$(file_of "$1")"
	run "$1" | tee "$logs/prove-$1.log" | sed -u 's/^/  /' || rc=1
	say "  $((SECONDS - start)) s"
	return $rc
}

# mutate PROGRAM SED-SCRIPT: what it makes of the program's file, in $prove/mutant.c
mutate()
{
	sed "$2" "$(file_of "$1")" >"$prove/mutant.c"
	if cmp -s "$(file_of "$1")" "$prove/mutant.c"; then
		say "$1: $2: changes nothing"
		return 1
	fi
}

list_mutants() { grep -v '^#' "$scripts/prove/mutants"; }

# Is all of this about the code that there is?
quick()
{
	local program script rc=0

	for program in vset machine; do
		compile "$program" "$(file_of "$program")" && run "$program" "$quick_questions" || rc=1
	done
	while read -r program script; do
		mutate "$program" "$script" || rc=1
	done < <(list_mutants)
	return $rc
}

# mutants PROGRAM...: "PROGRAM SED-SCRIPT" in each line
mutants()
{
	local program script mutant=$prove/mutant.c n=0 rc=0

	# What fails already would fail with any mutant.
	for program; do
		compile "$program" "$(file_of "$program")"
		if ! run "$program" "$small_questions" >"$prove/mutant.log"; then
			say "$program fails without a mutant"
			rc=1
		fi
	done
	while read -r program script; do
		if [[ " $* " != *" $program "* ]]; then
			continue
		fi
		n=$((n + 1))
		if ! mutate "$program" "$script"; then
			rc=1
		elif ! compile "$program" "$mutant" 2>"$prove/mutant.log"; then
			say "$program: $script: does not compile"
			sed 's/^/  /' "$prove/mutant.log"
			rc=1
		elif run "$program" "$small_questions" >"$prove/mutant.log"; then
			say "$program: $script: survives"
			rc=1
		elif [ "$program" = machine ]; then
			say "machine: $script: $(tail -n 1 "$prove/mutant.log")"
		fi
	done < <(list_mutants)
	say "$n mutants"
	[ $n -gt 0 ] || return 1
	if [ $rc = 0 ] && [ $# = 3 ]; then
		figure "make prove T=mutants" "each of $n found"
	fi
	return $rc
}

rc=0
if [ "${1:-}" = mutants ]; then
	shift
	[ $# -gt 0 ] || set -- vset decoder machine
	mutants "$@" || rc=1
	exit $rc
fi
if [ "${1:-}" = quick ]; then
	quick
	exit
fi
[ $# -gt 0 ] || set -- vset machine
for program; do
	prove_one "$program" || rc=1
done
# Figures are those of a whole run.
if [ $rc = 0 ] && [[ " $* " == *" vset "* && " $* " == *" machine "* ]]; then
	figure "make prove" "$(awk '
		/ cases/ { for (i = 2; i <= NF; i++) if ($i ~ /^cases/) cases += $(i - 1) }
		/ states, / { states += $1; n++; all += /steps, all that/ }
		END { printf "%d cases of vset and CSRs; %d states in %d questions, all that there are in %d; no violation",
			cases, states, n, all }' "$logs/prove-vset.log" "$logs/prove-machine.log"), $((SECONDS / 60)) min"
fi
exit $rc
