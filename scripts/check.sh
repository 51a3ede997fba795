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
#	check.sh qemu		the tip under the newest QEMU that Debian has
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

# ---- jobs: two at a time, and what they print in the order they began ------

last_job=0
pids=()
mkdir -p "$build/jobs"

# later COMMAND...: run it in the background
later()
{
	[ ${#pids[@]} -lt 2 ] || collect || true
	last_job=$((last_job + 1))
	set -m	# a process group of its own, for kill_jobs
	("$@") </dev/null >"$build/jobs/$last_job" 2>&1 &
	set +m
	pids+=($!)
}

# Wait for the oldest job and print what it has to say.  Results get numbers.
collect()
{
	local job=$build/jobs/$((last_job - ${#pids[@]} + 1)) line rc=0

	wait "${pids[0]}" || rc=$?
	if [ $rc != 0 ] && ! grep -q '^not ok - ' "$job"; then
		echo "not ok - check.sh: a job ended with $rc" >>"$job"
	fi
	while IFS= read -r line; do
		case $line in
		"ok - "*" # SKIP "*) skipped=$((skipped + 1)) ;;
		"ok - "*) passed=$((passed + 1)) ;;
		"not ok - "*)
			failed=$((failed + 1))
			failures+=("${line#not ok - }")
			;;
		*)
			emit "$line"
			continue
			;;
		esac
		n=$((n + 1))
		emit "${line/ok - /ok $n }"
	done <"$job"
	# Once more at the end: of a long log, CI systems show that.
	if grep -q '^not ok - ' "$job"; then
		grep -E '^(#|not ok)' "$job" | tail -n 60 >>"$logs/check.failed"
	fi
	pids=("${pids[@]:1}")
	return $rc
}

# drain: print all there is, and return what the last job did
drain()
{
	local rc=0

	while [ ${#pids[@]} -gt 0 ]; do
		rc=0
		collect || rc=$?
	done
	return $rc
}

now() { later "$@"; drain; }

kill_jobs()
{
	local pid

	for pid in "${pids[@]}"; do
		kill -- "-$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
}

# ---- what jobs are made of -------------------------------------------------

# result ok|not|skip WHAT SECONDS [NOTE]
result()
{
	case $1 in
	ok) say "ok - $2 # time=$3${4:+ $4}" ;;
	skip) say "ok - $2 # SKIP ${4:-}" ;;
	*) say "not ok - $2 # time=$3${4:+ $4}" ;;
	esac
}

slug() { printf '%s' "$1" | tr -c 'A-Za-z0-9' -; }

# check WHAT COMMAND...: one result; on failure the log's end as diagnostics
check()
{
	local what=$1 start=$SECONDS log rc=0
	shift
	log=$logs/check-$(slug "$what").log
	("$@") >"$log" 2>&1 || rc=$?
	if [ $rc = 0 ]; then
		result ok "$what" $((SECONDS - start))
	else
		tail -n 40 "$log" | sed 's/^/# /'
		say "# the whole log: $log"
		result not "$what" $((SECONDS - start))
	fi
	return $rc
}

# A copy of what boots, so that the next patch can be built meanwhile
staged=$build/staged
stage()
{
	mkdir -p "$staged"
	cp "$build/${1:-obj}/arch/riscv/boot/Image" "$build"/initramfs.{cpio,spec} "$staged/"
}

# tests WHERE LABEL ARGUMENT...: a result for each test that run-tests.sh, or
# whatever "by" names, runs in L1
tests()
{
	local where=$1 label=$2 verdict name secs reason rc=0
	local opts=(-k "$staged/Image" -i "$staged/initramfs.cpio" -u)
	shift 2
	[ -z "${by:-}" ] || opts=()
	"$scripts/${by:-run-tests.sh}" -q -l "$label" "${opts[@]}" "$@" >"$logs/$label.out" 2>&1 || rc=$?
	[ $rc != 4 ] || rc=0	# KSFT_SKIP: it says why in the results
	[ $rc = 0 ] || sed 's/^/# /' "$logs/$label.out"
	if [ ! -s "$logs/$label.results" ]; then
		result not "$where: boot" 0 "nothing ran"
		return 1
	fi
	while read -r verdict name secs reason; do
		result "$verdict" "$where: $name" "$secs" "$reason"
	done <"$logs/$label.results"
	sed 's/^/# skipped inside: /' "$logs/$label.skipped" 2>/dev/null || true
	sed 's/^/# not run again: /' "$logs/$label.again" 2>/dev/null || true
	return $rc
}

finish()
{
	local f

	emit "1..$n"
	if [ $failed -gt 0 ]; then
		say "# failed:"
		for f in "${failures[@]}"; do
			say "#   $f"
		done
		say "# what was printed of that, again:"
		sed 's/^#* */#   /' "$logs/check.failed"
	fi
	"$scripts/junit.sh" | sed 's/^/# /' || true
	say "# $(((SECONDS - begin) / 60)) min $(((SECONDS - begin) % 60)) s"
	case $mode in
	each) ;;
	all) figure "make check" "$passed passed, $failed failed, $skipped skipped, $(((SECONDS - begin) / 60)) min" ;;
	*) figure "make check-$mode" "$passed passed, $failed failed, $skipped skipped, $(((SECONDS - begin) / 60)) min" ;;
	esac
	say "$passed passed, $failed failed, $skipped skipped"
	[ $failed = 0 ]
}

# "RISC-V: KVM: FP lazy save/restore", of v5.16
oldest_fixed=5de52d4a23ad

# ---- (a) patches as text -------------------------------------------------

series_complete()
{
	local listed present

	listed=$(grep -v '^#' "$top/patches/series" | sort)
	present=$(cd "$top/patches" && find . -name 'vmm-*' -prune -o -name 'stable-*' -prune -o -name '[0-9]*.patch' -print | sed 's|^\./||' | sort)
	diff <(echo "$listed") <(echo "$present") ||
		{ echo "patches/series (<) and the files in patches/ (>) differ"; return 1; }
	[ "$(grep -v '^#' "$top/patches/series" | uniq -d | wc -l)" = 0 ]
}

# A file that is new needs no entry in MAINTAINERS if somebody has it already.
new_files_are_covered()
{
	local f who

	git apply --numstat --summary "$1" | sed -n 's/^ create mode [0-9]* //p' | while read -r f; do
		who=$(cd "$linux" && scripts/get_maintainer.pl --no-git --no-git-fallback --nokeywords -f "$f") || true
		grep -q 'kvm-riscv' <<<"$who" ||
			{ echo "$f: nobody in MAINTAINERS has it, and checkpatch is right"; return 1; }
	done
}

changelog_rules()
{
	local p=$1 subject body rc=0

	grep -q "^From: $series_name <$series_mail>$" "$p" || { echo "From: is not the project's"; rc=1; }
	subject=$(git mailinfo /dev/null /dev/null <"$p" | sed -n 's/^Subject: //p')
	if ! grep -qE '^(RISC-V: KVM: [A-Z]|KVM: riscv: selftests: [A-Z]|KVM: selftests: [A-Z]|riscv: (cpufeature: )?[A-Z]|Documentation: KVM: [A-Z])' <<<"$subject"; then
		echo "subject: $subject"
		echo "it begins with none of RISC-V: KVM:, KVM: riscv: selftests:, ... and a capital"
		rc=1
	fi
	if [ ${#subject} -gt 75 ] || [[ $subject == *. ]]; then
		echo "subject has ${#subject} columns (75 at most), and ends without a full stop"
		rc=1
	fi
	git mailinfo "$p.msg.tmp" /dev/null <"$p" >/dev/null
	body=$(sed '/^---$/,$d' "$p.msg.tmp")
	rm -f "$p.msg.tmp"
	if [ "$(grep -c . <<<"$body")" -lt 5 ]; then
		echo "the changelog has $(grep -c . <<<"$body") lines, which explains nothing: what, why, what else was considered, how it was tested"
		rc=1
	fi
	if grep -qE '^(Signed-off-by|Reviewed-by|Acked-by|Tested-by|Reported-by|Co-developed-by):' <<<"$body"; then
		echo "tags are for the people who post and review"
		rc=1
	fi
	if grep -E '^fixes:?' -i <<<"$body" | grep -vE '^Fixes: [0-9a-f]{12} \(".+"\)$'; then
		echo "a Fixes: tag has 12 digits and the subject in (\"\")"
		rc=1
	fi
	return $rc
}

hygiene()
{
	local p=$1 copy=$build/hygiene/${1##*/} out ignore=MISSING_SIGN_OFF,FILE_PATH_CHANGES

	# A tree without history has none of the commits that Fixes: names.
	lgit cat-file -e "$oldest_fixed" 2>/dev/null || ignore+=,UNKNOWN_COMMIT_ID
	mkdir -p "$build/hygiene"
	cp "$top/patches/$p" "$copy"
	changelog_rules "$copy" || return 1
	# Paths of the patch are checked against MAINTAINERS right below.
	out=$(cd "$linux" && scripts/checkpatch.pl --strict --summary-file --show-types \
		--ignore "$ignore" "$copy") || { echo "$out"; return 1; }
	if grep -qE '^(ERROR|WARNING|CHECK):' <<<"$out"; then
		echo "$out"
		return 1
	fi
	new_files_are_covered "$copy"
}

our_c()
{
	${CROSS_COMPILE}gcc -O2 -static -Wall -Wextra -Werror -o /dev/null "$scripts/init.c"
	${CROSS_COMPILE}gcc -O2 -static -Wall -Wextra -Werror -o /dev/null "$scripts/tohost.c"
	gcc -O2 -shared -fPIC -Wall -Wextra -Werror -o /dev/null "$scripts/simd_count.c"
}

# Code that has changed since would leave a mutant that nobody can try.
mutants_apply()
{
	local tips diff name layer='' rc=0
	local -x GIT_INDEX_FILE=$build/mutants.index

	mapfile -t tips < <(layer_tips)
	for diff in "$scripts"/mutants/*.diff; do
		name=${diff##*/}
		if [ "${name%%-*}" != "$layer" ]; then
			layer=${name%%-*}
			lgit read-tree "${tips[layer - 1]}"
		fi
		lgit apply --cached --check "$diff" || { echo "$name does not apply to the tip of layer $layer"; rc=1; }
	done
	return $rc
}

our_own()
{
	check "shellcheck" shellcheck -x -P "$scripts" "$scripts"/*.sh "$top/.ci/run" || true
	check "our C compiles without warnings" our_c || true
	check "patches/series is complete" series_complete || true
	check "userspace.md quotes userspace.c" "$scripts/guide.sh" --check || true
	check "qemu.md has the programs that there are, and they run" "$scripts/qemu-faults.sh" || true
}

patches_as_text()
{
	local p

	check "make export would change nothing" "$scripts/export.sh" --check || true
	while read -r p; do
		check "$p: hygiene" hygiene "$p" || true
	done < <(grep -v '^#' "$top/patches/series")
}

# ---- (b) each patch ------------------------------------------------------

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

# Configurations that are compiled and not run: name and options
variants="nov:RISCV_ISA_V=n,KVM=m nofpu:FPU=n,TEST_FPU=n"
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

# build_variants REV: KVM, and what else the revision can break.  Folders, as what is
# in them and gets compiled depends on the configuration.
build_variants()
{
	local rev=$1 v targets

	mapfile -t targets < <({
		echo arch/riscv/kvm/	# and virt/kvm with it
		touched_c "$rev" | sed -n '/^virt\/kvm\//!s|[^/]*$||p'
		# A header that is not KVM's alone
		lgit diff --quiet "$rev^" "$rev" -- '*.h' ':!arch/riscv/kvm' ':!tools' ':!*/kvm*.h' ||
			echo arch/riscv/kernel/
	} | sort -u)
	for v in $variants; do
		build_variant "$v" "${targets[@]}" || { echo "does not build with ${v#*:}"; return 1; }
	done
}

# The tests whose programs a revision changes
changed_tests()
{
	local changed name prog

	changed=$(lgit diff --name-only "$1^" "$1" -- tools | sed -n 's|.*/kvm/riscv/\(.*\)\.c$|\1|p')
	while read -r name _ _ _ prog _; do
		if [[ $name != "#"* && $name != *-long ]] && grep -qx "$prog" <<<"$changed"; then
			echo "$name"
		fi
	done <"$scripts/tests.list"
}

# build_patch WHERE REV BUILT TIP: BUILT is the revision of the last kernel, TIP not
# empty at the end of a layer that has changed it
build_patch()
{
	local where=$1 rev=$2 built=$3 tip=$4 out=$build/jobs/variants pid rc=0

	say "# --- $where: $(lgit log -1 --format=%s "$rev")"
	renice -n 5 -p "$BASHPID" >/dev/null	# the patch before is being tested
	lgit checkout -q --detach "$rev"
	if [ -n "$built" ] && same_kernel "$built" "$rev"; then
		say "# no source of the kernel is touched, which is not built again"
	else
		check "$where: builds with KVM=m and V off, FPU off" build_variants "$rev" >"$out" &
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

# boot_patch WHERE REV TIP: run the tests in a copy of what has been built
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
	# At the tip of a layer with the base's functional ones
	if [ -n "$3" ]; then
		tests "${where%/*}, base's tests" "check-tip-$(slug "${where%/*}")" base || true
	fi
}

# ---- (c) tips ------------------------------------------------------------

module_tip()
{
	"$scripts/build.sh" config obj-m KVM=m
	kmake O="$build/obj-m" Image modules
	"$scripts/build.sh" initramfs obj-m
}

matrix()
{
	local vlen smp

	for vlen in 128 256 1024; do
		for smp in 1 4; do
			# Each VLEN, each number of CPUs, the ends with both
			if [ $vlen = 256 ] && [ $smp = 1 ]; then
				continue
			fi
			later tests "VLEN $vlen, $smp CPU" "check-vlen$vlen-smp$smp" -v $vlen -s $smp simd
		done
	done
}

# Ways to switch FP and vectors; the default has been in the matrix.
modes()
{
	local m

	for m in lazy eager; do
		if [ $m = lazy ] && ! delivers_traps; then
			later result skip "simd_switch=lazy" 0 "QEMU $no_traps"
			continue
		fi
		later tests "simd_switch=$m" "check-$m" -a "kvm.simd_switch=$m" simd simd_trap_test
	done
}

# The tip under the newest QEMU that Debian has, beside the release's
newest_qemu()
{
	local -x QEMU=$build/qemu-new/qemu-system-riscv64

	if ! QEMU='' "$scripts/qemu-newest.sh" >"$logs/qemu-new.out" 2>&1; then
		result skip "newest QEMU" 0 "cannot be fetched: $(tail -n 1 "$logs/qemu-newest.log")"
		return 0
	fi
	qemu=$QEMU
	if ! delivers_traps; then
		say "# QEMU $(qemu_version) $no_traps; L1 boots with kvm.simd_switch=eager"
	fi
	tests "QEMU $(qemu_version)" check-qemu-new series
}

# Hosts other than QEMU's max, which has everything: name and -cpu
hosts="no-V:rv64,h=true
no-Zv:rv64,h=true,v=true,sscofpmf=true,smaia=true,ssaia=true"

other_hosts()
{
	local h

	for h in $hosts; do
		later tests "host ${h%%:*}" "check-host-${h%%:*}" -c "${h#*:}" series smoke
	done
}

# default_regs WHEN: all registers of a new vCPU with their values, on each host
default_regs()
{
	local h label

	for h in max:max $hosts; do
		label=regs-$1-${h%%:*}
		"$scripts/run-tests.sh" -q -k "$staged/Image" -i "$staged/initramfs.cpio" \
			-l "$label" -c "${h#*:}" -s 1 reglist || return 1
		sed -n 's/^# reg //p' "$logs/$label.normal.log" | sort >"$logs/$label"
		[ -s "$logs/$label" ] || return 1
	done
}

base_regs()
{
	"$scripts/build.sh" all && stage && default_regs base
}

# A VMM that changes nothing sees what it saw before; sorted, since the order of
# KVM_GET_REG_LIST has been changed on purpose.
same_regs()
{
	local h rc=0

	default_regs series || return 1
	for h in max $hosts; do
		h=${h%%:*}
		diff "$logs/regs-base-$h" "$logs/regs-series-$h" || rc=1
		echo "$h: $(wc -l <"$logs/regs-series-$h") registers"
	done
	return $rc
}

# Whole kernels of two of the variants.  One folder for both: next to nothing has
# to be built again when FPU goes, where RISCV_ISA_V is off already.
variant_image()
{
	local v opts

	v=$(tr " " "\n" <<<"${variants//,KVM=m/}" | grep "^$1:")
	IFS=, read -ra opts <<<"${v#*:}"
	"$scripts/build.sh" config obj-image "${opts[@]}" || return 1
	kmake O="$build/obj-image" Image || return 1
	cp "$build/obj-image/arch/riscv/boot/Image" "$build/Image-$1"
}

variant_hosts()
{
	# Without simd_hook.ko, which is for the usual kernel
	"$scripts/build.sh" initramfs obj-image >"$logs/initramfs.log" 2>&1 || true
	stage
	if check "RISCV_ISA_V=n: kernel builds" variant_image nov; then
		tests "RISCV_ISA_V=n" check-nov -k "$build/Image-nov" series smoke || true
	fi
	# There is no C library there.
	if check "FPU=n: kernel builds" variant_image nofpu; then
		tests "FPU=n" check-nofpu -k "$build/Image-nofpu" -a rdinit=/kvm/nofpu nofpu || true
	fi
}

# Configurations that neither each patch nor each tip is built with, and what of
# the tree; the ones without a folder can be booted.
configs="lazy:PREEMPT=n,PREEMPT_LAZY=y
thead:RISCV_ISA_VENDOR_EXT=y,RISCV_ISA_VENDOR_EXT_THEAD=y,RISCV_ISA_XTHEADVECTOR=y
rv32:64BIT=n,ARCH_RV32I=y:arch/riscv/kvm/"

# Hosts that lack what KVM uses elsewhere: name, -cpu, and more options
lacking="Sstc:max,sstc=off:
Smstateen:max,smstateen=off:
AIA:max,smaia=off,ssaia=off:-M virt,aia=none,aia-guests=0"

# config_builds OBJ:OPTIONS[:FOLDER] WHAT
config_builds()
{
	local name opts folder out

	IFS=: read -r name opts folder <<<"$1"
	if [ -n "$folder" ]; then
		build_variant "$name:$opts" "$folder"
	elif [ "$2" = image ]; then
		build_variant "$name:$opts" Image
	else
		build_variant "$name:$opts" arch/riscv/kvm/ arch/riscv/kernel/
	fi
}

# One layer with all of them
layer_configs()
{
	local tip=$1 layer c llvm

	llvm=$(newest_llvm)
	lgit checkout -q --detach "$tip"
	layer=$(lgit log -1 --format=%s --grep='^layer: ' "$tip")
	layer=${layer#layer: }
	for c in $configs; do
		check "$layer: builds with $(cut -d: -f2 <<<"$c")" config_builds "$c" kvm || true
	done
	if [ -n "$llvm" ] && command -v "clang$llvm" >/dev/null; then
		LLVM=$llvm check "$layer: builds with clang$llvm" config_builds clang: kvm || true
	else
		result skip "$layer: builds with clang" 0 "no clang$llvm"
	fi
}

# The series on the one that is called NAME
boot_config()
{
	local c

	c=$(grep "^$1:" <<<"$configs")
	if check "series: kernel builds with ${c#*:}" config_builds "$c" image; then
		tests "${c#*:}" "check-config-$1" -k "$build/obj-$1/arch/riscv/boot/Image" series smoke || true
	fi
}

boot_clang()
{
	local llvm

	llvm=$(newest_llvm)
	if [ -e "$build/obj-clang/.config" ] &&
		LLVM=$llvm check "series: kernel builds with clang$llvm" config_builds clang: image; then
		tests "clang$llvm" check-config-clang -k "$build/obj-clang/arch/riscv/boot/Image" series smoke || true
	fi
}

# Each is a job, so that people see its results when there are any.
all_configs()
{
	local tip name cpu opts

	for tip in $(layer_tips); do
		now layer_configs "$tip" || true
	done
	restore
	now boot_config lazy || true
	now boot_config thead || true
	now boot_clang || true
	while IFS=: read -r name cpu opts; do
		now tests "host without $name" "check-without-$name" -c "$cpu" ${opts:+-o "$opts"} series smoke || true
	done <<<"$lacking"
}

# --------------------------------------------------------------------------

if [ -e "$linux/.git/simd-applied" ] && [ -n "$(lgit status --porcelain --untracked-files=no)" ]; then
	die "build/linux has changes that are not committed; make check checks out every patch there"
fi

restore() { lgit checkout -q series 2>/dev/null || true; }
fetch_pid=
trap 'kill_jobs; [ -z "$fetch_pid" ] || kill "$fetch_pid" 2>/dev/null || true; restore' EXIT
trap 'say "Bail out! interrupted"; exit 130' INT TERM

rm -f "$build/passed"	# leave out what this run has seen pass, no more

if [ "$mode" = hosts ]; then
	restore
	if now check "series: tip builds" "$scripts/build.sh" all; then
		now variant_hosts
		if now check "KVM=m: tip builds" module_tip; then
			stage obj-m
			now tests "KVM=m" check-module series smoke || true
		fi
		"$scripts/build.sh" initramfs >"$logs/initramfs.log" 2>&1 || true
	fi
	finish
	exit
fi

if [ "$mode" = qemu ]; then
	restore
	if now check "series: tip builds" "$scripts/build.sh" all; then
		stage
		now newest_qemu || true
	fi
	finish
	exit
fi

if [ "$mode" = configs ]; then
	restore
	if now check "series: tip builds" "$scripts/build.sh" all; then
		stage
		all_configs
	fi
	finish
	exit
fi

if [ "$mode" = all ]; then
	# Needed at the end, where it is tried once more if the mirror has a bad hour.
	if [ ! -e "$build/vmm/dl" ]; then
		"$scripts/vmm-check.sh" fetch </dev/null >"$logs/vmm-fetch-early.log" 2>&1 &
		fetch_pid=$!
	fi
	later our_own
fi
export AM_STRICT=1
if ! now check "git am applies every patch" "$scripts/apply.sh"; then
	finish
	exit 1
fi
unset AM_STRICT
restore
if [[ $mode == @(all|text) ]]; then
	later patches_as_text
	later check "mutants apply to the tips of their layers" mutants_apply
	later check "10^7 instructions of seed ${SEED:-1}: libopcodes finds none missed" \
		"$scripts/decoder.sh" sample 10000000
	later check "syzkaller's descriptions have the headers' constants and layouts" \
		"$scripts/syzkaller.sh"
	later check "Sphinx and kernel-doc have nothing new to say" "$scripts/docs.sh"
fi
if [ "$mode" = text ]; then
	drain || true
	finish
	exit
fi
later check "sparse is there and finds defects" "$scripts/sparse.sh"
drain || true

if [ "$mode" = all ]; then
	lgit checkout -q --detach base
	now check "base: registers of a new vCPU" base_regs || true
fi

# Names and commits, in order
mapfile -t names < <(grep -v '^#' "$top/patches/series")
mapfile -t revs < <(lgit log --reverse --format='%H %s' base..series | sed '/^[0-9a-f]* layer: /d; s/ .*//')
[ ${#names[@]} = ${#revs[@]} ] || die "patches/series and the branch series have different numbers of patches"

# is_patch NUMBER NAME WHICH: a number, or part of a name
is_patch()
{
	case $3 in
	*[!0-9]*) [[ $2 == *"$3"* ]] ;;
	*) [ "$1" -eq "$3" ] ;;
	esac
}

started='' ended='' built='' last_tip=base
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
	tip=''
	next=${names[i + 1]:-}
	if [ "$mode" = all ] && [ "${next:0:1}" != "${name:0:1}" ]; then
		if ! same_kernel "$last_tip" "$rev"; then
			tip=tip
		fi
		last_tip=$rev
	fi

	# Built while the patch before is tested, whose results come first
	later build_patch "$where" "$rev" "$built" "$tip"
	if ! drain; then
		say "# $where is not booted"
		built=
		continue
	fi
	built=$rev
	stage
	later boot_patch "$where" "$rev" "$tip"
done
drain || true
[ -n "$started" ] || die "FROM=$from: no such patch"
[ -z "$to" ] || [ -n "$ended" ] || die "TO=$to: no such patch from $from on"

if [ "$mode" = all ] && [ -n "$built" ]; then
	restore
	later tests "series: tip" check-tip series smoke deep
	matrix
	modes
	later check "registers of a new vCPU are the base's" same_regs
	other_hosts
	by=vmm-check.sh later tests "QEMU as VMM" check-vmm
	by=migrate.sh later tests "migration" check-migrate
	later result skip "qemu-migrate" 0 "not part of this, since QEMU has to be built for it: make qemu qemu-migrate"
	later newest_qemu
	drain || true
fi
finish
