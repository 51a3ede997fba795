# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# For check.sh: patches as text, and our own sources.

# "RISC-V: KVM: FP lazy save/restore", of v5.16
oldest_fixed=5de52d4a23ad


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
		grep -qE 'kvm-riscv|linux-riscv' <<<"$who" ||
			{ echo "$f: nobody in MAINTAINERS has it, and checkpatch is right"; return 1; }
	done
}

changelog_rules()
{
	local p=$1 subject body rc=0

	grep -q "^From: $series_name <$series_mail>$" "$p" || { echo "From: is not the project's"; rc=1; }
	subject=$(git mailinfo /dev/null /dev/null <"$p" | sed -n 's/^Subject: //p')
	if ! grep -qE '^(RISC-V: KVM: [A-Z]|KVM: riscv: selftests: [A-Z]|KVM: selftests: [A-Z]|selftests: riscv: [A-Z]|riscv: (cpufeature: )?[A-Z]|Documentation: KVM: [A-Z])' <<<"$subject"; then
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

our_scripts()
{
	shellcheck -x -P "$scripts" "$scripts"/*.sh "$scripts"/ci/*.sh "$top/.ci/run"
	# with -a, what it sources
	shellcheck -x -a -P "$scripts" "$scripts/check.sh"
}

# The files in scripts/ci are YAML, and what they leave out are tests of the archive.
ci_files()
{
	local f t tests rc=0

	for f in "$scripts"/ci/*.yaml; do
		python3 -c 'import sys, yaml; yaml.safe_load(sys.stdin)' <"$f" || { echo "$f is not YAML"; rc=1; }
	done
	grep -vE '^(#|kvm:[a-z])' "$scripts/ci/kvm-tcg.skip" && rc=1
	tests=$(lgit show series:tools/testing/selftests/kvm/Makefile.kvm |
		sed -nE 's,^TEST_GEN_PROGS_(COMMON|riscv) \+?= (riscv/)?([a-z].*),\3,p')
	while read -r t; do
		grep -qx "$t" <<<"$tests" ||
			{ echo "kvm-tcg.skip: there is no test $t"; rc=1; }
	done < <(sed -n 's/^kvm://p' "$scripts/ci/kvm-tcg.skip")
	return $rc
}

our_own()
{
	check "shellcheck" our_scripts || true
	check "our C compiles without warnings" our_c || true
	check "patches/series is complete" series_complete || true
	check "userspace.md quotes userspace.c" "$scripts/guide.sh" --check || true
	check "qemu.md has the programs that there are, and they run" "$scripts/qemu-faults.sh" || true
}

# patches_as_text 1|2: a half of them, as a job for each CPU
patches_as_text()
{
	local p patches half

	mapfile -t patches < <(grep -v '^#' "$top/patches/series")
	half=$((${#patches[@]} / 2))
	if [ "$1" = 1 ]; then
		check "make export would change nothing" "$scripts/export.sh" --check || true
		patches=("${patches[@]:0:half}")
	else
		patches=("${patches[@]:half}")
	fi
	for p in "${patches[@]}"; do
		check "$p: hygiene" hygiene "$p" || true
	done
}
