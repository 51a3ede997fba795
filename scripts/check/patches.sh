# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# For check.sh: one patch after the other is built, linted and booted.

same_kernel() { lgit diff --quiet "$1" "$2" -- . ':!tools/testing' ':!Documentation'; }

# touched_c REV: its C files, without those of user space
touched_c()
{
	lgit diff --name-only --diff-filter=AM "$1^" "$1" -- 'arch/*.c' 'virt/*.c' 'drivers/*.c' 'lib/*.c'
}

# The kernel with W=1, and sparse over what is compiled of arch/riscv/kvm and each
# other C file that is touched.
kernel_and_lint()
{
	local files f out unseen=()

	mapfile -t files < <(touched_c "$1")
	for f in "${files[@]}"; do
		rm -f "$build/obj/${f%.c}.o"	# whatever has been built before
	done
	out=$(SPARSE=$build/sparse/sparse SPARSE_FILES="arch/riscv/kvm/ ${files[*]}" \
		"$scripts/build.sh" kernel C=1 CHECK="$scripts/sparse.sh --of" 2>&1) || { echo "$out"; return 1; }
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
# and this one at the tip of a layer
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
# whole folder, and so does a header with something else for such a kernel.
variant_targets()
{
	local obj=$build/$1 rev=$2 f headers

	mapfile -t headers < <(lgit diff --name-only --diff-filter=AM "$rev^" "$rev" -- 'arch/riscv/*.h')
	if [ ! -e "$obj/arch/riscv/kvm/vm.o" ] ||
		! lgit diff --quiet --diff-filter=AD "$rev^" "$rev" -- arch/riscv/kvm ||
		{ [ ${#headers[@]} -gt 0 ] &&
			lgit grep -qE 'CONFIG_(RISCV_ISA_V|FPU)\>' "$rev" -- "${headers[@]}"; }; then
		echo arch/riscv/kvm/
	fi
	touched_c "$rev" | while read -r f; do
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

# build_patch WHERE REV BUILT LAST TIP: BUILT is the revision of the last kernel, LAST not
# empty at the end of a series, TIP at the end of a layer that has changed the kernel
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
		check "$where: kernel builds, W=1 and sparse" kernel_and_lint "$rev" || rc=1
		wait $pid || rc=1
		cat "$out"
		[ $rc = 0 ] || return 1
	fi
	if [ -n "$tip" ]; then
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
	local staged

	mapfile -t names < <(grep -v '^#' "$top/patches/series")
	mapfile -t revs < <(lgit log --reverse --format='%H %s' base..series |
		sed '/^[0-9a-f]* layer: /d; s/ .*//')
	[ ${#names[@]} = ${#revs[@]} ] ||
		die "patches/series and the branch series have different numbers of patches"

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
				tip=tip
			fi
			last_tip=$rev
		fi

		# Built while patches before are tested, whose results come first
		later build_patch "$where" "$rev" "$built" "$last" "$tip"
		if ! last_ends; then
			say "# $where is not booted"
			built=
			continue
		fi
		built=$rev
		staged=$build/staged-$i
		stage
		later boot_patch "$where" "$rev" "$tip"
	done
	drain || true
	[ -n "$started" ] || die "FROM=$from: no such patch"
	[ -z "$to" ] || [ -n "$ended" ] || die "TO=$to: no such patch from $from on"
}
