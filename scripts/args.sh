#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Look at the arguments of a target before anything is fetched, applied or built.
#
#	args.sh TARGET, with VLEN, SMP, T, FROM, TO, N and SEED in the environment
. "$(dirname "$0")/lib.sh"

# wrong WHAT NAME...: end with the names that there are
wrong()
{
	printf 'error: %s\n' "$1" >&2
	shift
	if [[ $1 == */* ]]; then
		printf '  %s\n' "$@" >&2
	else
		printf '%s\n' "$@" | pr -3 -t -o 2 -w 120 -l $((($# + 2) / 3)) >&2
	fi
	exit 1
}

# Names, and sets, of a list of tests
names_of() { awk '!/^#/ && NF { print $1 }' "$1"; }
sets_of() { awk '!/^#/ && NF { print $2 }' "$1" | tr , '\n' | sort -u; }

# each_in VARIABLE NAME...: is each word of VARIABLE one of these names?
each_in()
{
	local var=$1 w
	shift
	for w in ${!var}; do
		[[ " $* " == *" $w "* ]] || wrong "$var=$w: no such name; there are" "$@"
	done
}

machine()
{
	case ${VLEN:-256} in
	128 | 256 | 512 | 1024) ;;
	*) die "VLEN=$VLEN: QEMU has 128, 256, 512 and 1024" ;;
	esac
	[[ ${SMP:-2} =~ ^[1-8]$ ]] || die "SMP=$SMP: 1 to 8"
}

# Numbers of patches, or parts of their names: see is_patch() of check.sh
patches()
{
	local var n last=0 all

	mapfile -t all < <(grep -v '^#' "$top/patches/series")
	for var in FROM TO; do
		case ${!var:-} in
		'') continue ;;
		*[!0-9]*) n=$(printf '%s\n' "${all[@]}" | awk -v last="$last" -v part="${!var}" \
			'NR >= last && index($0, part) { print NR; exit }') ;;
		*) n=$((10#${!var} >= last ? 10#${!var} : 0)) ;;
		esac
		if [ "${n:-0}" -lt 1 ] || [ "$n" -gt ${#all[@]} ]; then
			wrong "$var=${!var}: no such patch$([ "$last" = 0 ] || echo " from FROM=$FROM on"); there are 1 to ${#all[@]}:" "${all[@]}"
		fi
		last=$n
	done
}

number() { [[ ${!1:-0} =~ ^[0-9]+$ ]] || die "$1=${!1}: a number"; }

[[ ${JOBS:-1} =~ ^[1-9][0-9]*$ ]] || die "JOBS=$JOBS: a number"
[ -z "${KDIR:-}" ] || [ -e "$KDIR/arch/riscv/kvm" ] ||
	die "KDIR=$KDIR is no tree of Linux with arch/riscv/kvm"
[ -z "$firmware" ] || [ -f "$firmware" ] || die "FIRMWARE=$firmware: no such file"
[ -z "${QEMU:-}" ] || command -v "$qemu" >/dev/null || die "QEMU=$QEMU: no such program"

# Names have no white space, nor what the shell would expand.
# shellcheck disable=SC2046
case ${1:-} in
all | boot | check-long) machine ;;
test)
	machine
	[ -n "${T:-}" ] || wrong "make test T=NAME; there are" $(names_of "$scripts/tests.list")
	each_in T $(names_of "$scripts/tests.list") $(sets_of "$scripts/tests.list")
	;;
check-each) patches ;;
check-mutants) each_in T $(cd "$scripts/mutants" && printf '%s\n' *.diff | sed 's/\.diff$//') ;;
check-install) each_in T $("$scripts/check-install.sh" -n) ;;
check-debug)
	machine
	each_in T debug rt
	;;
qemu-faults) each_in T $(cd "$scripts/qemu" && printf '%s\n' *.S | sed 's/\.S$//') ;;
vmm-check) each_in T $(for l in cases patched; do names_of "$scripts/vmm/$l.list"; sets_of "$scripts/vmm/$l.list"; done | awk '!seen[$0]++') ;;
fuzz)
	number N
	number SEED
	;;
esac
