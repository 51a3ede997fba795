# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# For check.sh: one patch after the other is built, linted and booted.

same_kernel() { lgit diff --quiet "$1" "$2" -- . ':!tools/testing' ':!Documentation'; }

# touched_c REV: its C files, without those of user space
touched_c()
{
	lgit diff --name-only --diff-filter=AM "$1^" "$1" -- 'arch/*.c' 'virt/*.c' 'drivers/*.c' 'lib/*.c'
}

# kernel_and_lint REV LAST [LIGHT]: the kernel with W=1, or if LIGHT is not empty, no more
# of it than the C files that are touched; and sparse over these and, for the last patch
# of a series, over all that is compiled of arch/riscv/kvm.
kernel_and_lint()
{
	local files f out here=() unseen=() cmd=("$scripts/build.sh" kernel)

	mapfile -t files < <(touched_c "$1")
	for f in "${files[@]}"; do
		[ ! -e "$build/obj/${f%.c}.o" ] || here+=("$f")
		rm -f "$build/obj/${f%.c}.o"	# whatever has been built before
	done
	if [ -n "${3:-}" ]; then
		[ ${#files[@]} -gt 0 ] || return 0
		# What the kernel of L1 does not have is for lint_elsewhere.
		cmd=(true)
		if [ ${#here[@]} -gt 0 ]; then
			"$scripts/build.sh" config obj || return 1
			cmd=(kmake O="$build/obj" W=1 cmd_checkdoc=)
			mapfile -t -O ${#cmd[@]} cmd < <(printf '%s\n' "${here[@]}" |
				sed 's|^virt/kvm/.*|arch/riscv/kvm/|; s|\.c$|.o|' | sort -u)
		fi
	fi
	out=$(SPARSE=$build/sparse/sparse SPARSE_FILES="${2:+arch/riscv/kvm/} ${files[*]}" \
		"${cmd[@]}" C=1 CHECK="$scripts/sparse.sh --of" 2>&1) || { echo "$out"; return 1; }
	if [ ${#files[@]} -gt 0 ]; then
		out+=$'\n'$(cd "$linux" && PYTHONDONTWRITEBYTECODE=1 tools/docs/kernel-doc -none "${files[@]}" 2>&1)
	fi
	echo "$out"
	if grep -E '(warning|error):' <<<"$out"; then
		echo "W=1, sparse or kernel-doc complain"
		return 1
	fi
	# That sparse said nothing means something only if it ran.  Kbuild does not run it
	# over the sources of generated headers.
	for f in "${files[@]}"; do
		[[ $f == */asm-offsets.c ]] || grep -q "^sparse: .*/$f\$" <<<"$out" || unseen+=("$f")
	done
	[ ${#unseen[@]} = 0 ] || lint_elsewhere "${unseen[@]}"
}

# lint_elsewhere FILE...: the same for what the kernel of L1 does not have
lint_elsewhere()
{
	local f out

	"$scripts/build.sh" config obj-more RISCV_SBI_V01=y || return 1
	out=$(SPARSE=$build/sparse/sparse SPARSE_FILES="$*" kmake O="$build/obj-more" W=1 C=1 \
		CHECK="$scripts/sparse.sh --of" "${@/%.c/.o}" 2>&1) || { echo "$out"; return 1; }
	echo "$out"
	if grep -E '(warning|error):' <<<"$out"; then
		return 1
	fi
	for f; do
		grep -q "^sparse: .*/$f\$" <<<"$out" || { echo "sparse did not see $f"; return 1; }
	done
}

# Configurations that are compiled and not run: name and options.  Without FPU there is
# no V either.  They are for what a patch touches, and whole for the last patch of a series.
variant="nofpu:FPU=n,TEST_FPU=n,KVM=m"
nov_variant="nov:RISCV_ISA_V=n,KVM=m"
# and this one for the last patch of all
tip_variant="m-rt:KVM=m,RISCV_ISA_V_PREEMPTIVE=n,PREEMPT_RT=y,PREEMPT=n,EXPERT=y"

# build_variant NAME:OPTION,... TARGET...
build_variant()
{
	local obj=obj-${1%%:*} opts out

	IFS=, read -ra opts <<<"${1#*:}"
	shift
	echo "--- ${opts[*]}: $*"
	"$scripts/build.sh" config "$obj" "${opts[@]}" || return 1
	out=$(kmake O="$build/$obj" "$@" 2>&1) || { echo "$out"; return 1; }
	echo "$out"
	! grep -E '(warning|error):' <<<"$out"
}

# variant_targets OBJ REV: what of it to compile without V, or without FPU, in build/OBJ.
# Nothing says that a file is part of that kernel but its object, so a new file means the
# whole folder.  A header with something else for such a kernel means all that speaks of FP
# or vectors.
variant_targets()
{
	local obj=$build/$1 rev=$2 f headers

	mapfile -t headers < <(lgit diff --name-only --diff-filter=AM "$rev^" "$rev" -- 'arch/riscv/*.h')
	if [ ! -e "$obj/arch/riscv/kvm/vm.o" ] ||
		! lgit diff --quiet --diff-filter=AD "$rev^" "$rev" -- arch/riscv/kvm; then
		echo arch/riscv/kvm/
	fi
	{
		touched_c "$rev"
		if [ ${#headers[@]} -gt 0 ] &&
			lgit grep -qE 'CONFIG_(RISCV_ISA_V|FPU)\>' "$rev" -- "${headers[@]}"; then
			lgit grep -lE 'vector|simd|riscv_v_|_fp|fpu|SR_[FV]S' "$rev" -- 'arch/riscv/kvm/*.c' |
				sed 's/^[^:]*://'
		fi
	} | sort -u | while read -r f; do
		case $f in
		virt/kvm/*) echo arch/riscv/kvm/ ;;	# has no Makefile of its own
		*) [ ! -e "$obj/${f%.c}.o" ] || echo "${f%.c}.o" ;;
		esac
	done
}

# build_variants REV LAST: KVM, and what else the revision can break: what it touches, or
# for the last patch of a series, where LAST is not empty, whole folders, as what is in
# them and gets compiled depends on the configuration.
build_variants()
{
	local rev=$1 last=$2 v targets

	for v in "$variant" "$nov_variant"; do
		if [ -n "$last" ]; then
			mapfile -t targets < <({
				echo arch/riscv/kvm/	# and virt/kvm with it
				touched_c "$rev" | sed -n '/^virt\/kvm\//!s|[^/]*$||p'
				# A header that is not KVM's alone
				lgit diff --quiet "$rev^" "$rev" -- '*.h' ':!arch/riscv/kvm' ':!tools' \
					':!*/kvm*.h' || echo arch/riscv/kernel/
			} | sort -u)
		else
			mapfile -t targets < <(variant_targets "obj-${v%%:*}" "$rev" | sort -u)
		fi
		[ ${#targets[@]} = 0 ] || build_variant "$v" "${targets[@]}" ||
			{ echo "does not build with ${v#*:}"; return 1; }
	done
}

# The tests whose programs a revision changes
changed_tests()
{
	local changed name prog

	changed=$(lgit diff --name-only "$1^" "$1" -- tools | sed -En 's#.*/(kvm/riscv|riscv/sigreturn)/(.*)\.c$#\2#p')
	while read -r name _ _ _ prog _; do
		if [[ $name != "#"* && $name != *-long ]] && grep -qx "$prog" <<<"$changed"; then
			echo "$name"
		fi
	done <"$scripts/tests.list"
}

# The time that make check may take, in seconds.  A machine that cannot keep up with that
# builds no more of some patches than what they touch, and does not boot them; the last one
# of a series comes to that last.  When most of the time is over, patches are skipped, and
# after all of it tests of the tip.
[[ ${MINUTES:=70} =~ ^[1-9][0-9]*$ ]] || die "MINUTES=$MINUTES: a number of minutes"
budget=$((60 * MINUTES))

# weight REV: about how long a patch takes, compared with others
weight()
{
	if same_kernel "$1^" "$1"; then
		echo 2
	elif ! lgit diff --quiet "$1^" "$1" -- arch/riscv/include/asm ':!*/kvm_*' ':!*/insn-def.h'; then
		echo 25
	elif ! lgit diff --quiet "$1^" "$1" -- '*.h' ':!tools' ':!*/kvm_isa.h'; then
		echo 10
	else
		echo 4
	fi
}
tip_weight=350

# behind START DONE ALL: of the time from START to the end of the budget, is more over, by
# three minutes, than DONE is of ALL the work?
behind() { [ $(((SECONDS - begin - $1 - 180) * $3)) -gt $(((budget - $1) * $2)) ]; }

# late PERCENT: is that much of the time over?
late() { [ $((100 * (SECONDS - begin))) -gt $(($1 * budget)) ]; }

# light_patch WHERE REV
light_patch()
{
	say "# --- $1: $(lgit log -1 --format=%s "$2")"
	renice -n 5 -p "$BASHPID" >/dev/null
	lgit checkout -q --detach "$2"
	if ! same_kernel "$2^" "$2"; then
		check "$1: what it touches builds, W=1 and sparse" kernel_and_lint "$2" '' light || return 1
	fi
	check "$1: KVM selftests build" "$scripts/build.sh" selftests || return 1
	result skip "$1: whole kernel, boot" 0 "$MINUTES minutes are not enough here: make check-each FROM=$1 TO=$1"
}

# build_patch WHERE REV BUILT LAST TIP: BUILT is the revision of the last kernel, LAST not
# empty at the end of a series, TIP is "layer" at the end of a layer that has changed the
# kernel, and "series" at the end of all
build_patch()
{
	local where=$1 rev=$2 built=$3 last=$4 tip=$5 out=$build/jobs/variants pid rc=0

	say "# --- $where: $(lgit log -1 --format=%s "$rev")"
	renice -n 5 -p "$BASHPID" >/dev/null	# the patch before is being tested
	lgit checkout -q --detach "$rev"
	if [ -n "$built" ] && same_kernel "$built" "$rev"; then
		say "# no source of the kernel is touched, which is not built again"
	else
		check "$where: builds with KVM=m and V off, FPU off" build_variants "$rev" "$last" >"$out" &
		pid=$!
		check "$where: kernel builds, W=1 and sparse" kernel_and_lint "$rev" "$last" || rc=1
		wait $pid || rc=1
		cat "$out"
		[ $rc = 0 ] || return 1
	fi
	if [ "$tip" = series ]; then
		check "$where: builds with KVM=m and PREEMPT_RT" \
			build_variant "$tip_variant" arch/riscv/kvm/ arch/riscv/kernel/ || return 1
	fi
	check "$where: KVM selftests build" "$scripts/build.sh" selftests || return 1
	"$scripts/build.sh" initramfs >"$logs/initramfs.log" 2>&1
}

# boot_patch WHERE REV TIP: run the tests in the copy of what has been built, and
# remove that
boot_patch()
{
	local where=$1 rev=$2 what="series smoke"

	if same_kernel "$rev^" "$rev"; then
		what=$(changed_tests "$rev")
	fi
	if [ -n "$what" ]; then
		# shellcheck disable=SC2086	# several tests
		tests "$where" "check-$(slug "$where")" $what || true
	else
		result skip "$where: boot" 0 "no program of a test is touched, nor the kernel"
	fi
	# At the tip of a layer also with simd_hook.ko, and with the base's functional ones
	if [ -n "$3" ]; then
		tests "${where%/*}, FPU and vectors at each entry" \
			"check-hooked-$(slug "${where%/*}")" hooked || true
		tests "${where%/*}, base's tests" "check-tip-$(slug "${where%/*}")" base || true
	fi
	rm -rf "$staged"
}

# is_patch NUMBER NAME WHICH: a number, or part of a name
is_patch()
{
	case $3 in
	*[!0-9]*) [[ $2 == *"$3"* ]] ;;
	*) [ "$1" -eq "$3" ] ;;
	esac
}

# each_patch: the next ones are built while those before are tested
each_patch()
{
	local names revs i name where rev last tip next started='' ended='' last_tip=base
	local staged start=$((SECONDS - begin)) weights=() done=0 all=$tip_weight

	mapfile -t names < <(grep -v '^#' "$top/patches/series")
	mapfile -t revs < <(lgit log --reverse --format='%H %s' base..series |
		sed '/^[0-9a-f]* layer: /d; s/ .*//')
	[ ${#names[@]} = ${#revs[@]} ] ||
		die "patches/series and the branch series have different numbers of patches"

	for i in "${!revs[@]}"; do
		weights[i]=$(weight "${revs[i]}")
		all=$((all + weights[i]))
	done

	built=
	for i in "${!names[@]}"; do
		name=${names[i]}
		where=${name##*/}
		where="${name%%/*}/${where%%-*}"
		rev=${revs[i]}
		if [ -z "$started" ] && ! is_patch $((i + 1)) "$name" "$from"; then
			continue
		fi
		[ -z "$ended" ] || break
		started=1
		if [ -n "$to" ] && is_patch $((i + 1)) "$name" "$to"; then
			ended=1
		fi

		# The tip of a layer is the last patch of its folders, which share a digit.
		last='' tip=''
		next=${names[i + 1]:-}
		[ "${next%%/*}" = "${name%%/*}" ] || last=last
		if [ "$mode" = all ] && [ "${next:0:1}" != "${name:0:1}" ]; then
			if ! same_kernel "$last_tip" "$rev"; then
				tip=${next:+layer}
				tip=${tip:-series}
			fi
			last_tip=$rev
		fi

		if [ "$mode" = all ] && [ -n "$next" ] && behind "$start" "$done" "$all" &&
			{ [ -z "$last" ] || late 50; }; then
			if late 70; then
				later result skip "$where" 0 "$MINUTES minutes are not enough here: make check-each FROM=$where TO=$where"
			else
				later light_patch "$where" "$rev"
			fi
			last_ends || true
			done=$((done + weights[i]))
			continue
		fi
		# Built while patches before are tested, whose results come first
		later build_patch "$where" "$rev" "$built" "$last" "$tip"
		if ! last_ends; then
			say "# $where is not booted"
			built=
			continue
		fi
		built=$rev
		done=$((done + weights[i]))
		staged=$build/staged-$i
		stage
		later boot_patch "$where" "$rev" "$tip"
	done
	drain || true
	[ -n "$started" ] || die "FROM=$from: no such patch"
	[ -z "$to" ] || [ -n "$ended" ] || die "TO=$to: no such patch from $from on"
}
