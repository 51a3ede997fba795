#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Which lines of the kernel that the series adds or changes do its selftests execute?
# A kernel with gcov counters in the files that the series touches runs the tests on
# several machines, and the counts leave it by semihosting.
#
# Prints a table and each line that was not hit.  A line has to be hit, or to be in
# scripts/coverage.unhit with the reason: a file, the line's text, and why, with tabs
# between them.
# shellcheck disable=SC2317  # functions that step calls
. "$(dirname "$0")/lib.sh"

obj=$build/obj-gcov out=$build/coverage
counts=/sys/kernel/debug/gcov$obj

mapfile -t files < <(lgit diff --name-only --diff-filter=AM base series -- 'arch/riscv/k*.c' 'virt/kvm/*.c' |
	grep -v asm-offsets)

image()
{
	local f profile=()

	# set -e does not count in here: step looks at what this returns.
	"$scripts/build.sh" config obj-gcov GCOV_KERNEL=y || return 1
	grep -qx CONFIG_GCOV_KERNEL=y "$obj/.config" || { echo "no CONFIG_GCOV_KERNEL"; return 1; }
	for f in "${files[@]}"; do
		f=${f##*/}
		profile+=("GCOV_PROFILE_${f%.c}.o=y")
	done
	kmake O="$obj" "${profile[@]}" Image modules || return 1
	kmake O="$obj" M="$scripts/simd_hook" MO="$build/hook-obj-gcov" modules || return 1
	"${CROSS_COMPILE}gcc" -O2 -static -Wall -Wextra -Werror -o "$out/tohost" "$scripts/tohost.c" || return 1
	"$scripts/build.sh" initramfs obj-gcov || return 1
	echo "file /kvm/tohost $out/tohost 755 0 0" | "$build/gen_init_cpio" - |
		cat "$build/initramfs.cpio" - >"$out/initramfs.cpio" || return 1
	cp "$build/initramfs.spec" "$out/initramfs.spec"
}

# machine NAME ARGUMENT...: run the tests, and then fetch the counts of that boot
machine()
{
	local name=$1 f kind dir
	shift

	cp "$scripts/tests.list" "$out/$name.list"
	for kind in normal:- icount:icount; do
		dir=$out/$name-${kind%%:*}
		mkdir -p "$dir"
		for f in "${files[@]}"; do
			f=${f%.c}
			cp "$obj/$f.gcno" "$dir/" || return 1
			echo "gcov-${f##*/}-${kind%%:*} gcov 60 ${kind#*:} /kvm/tohost $counts/$f.gcda $dir/${f##*/}.gcda"
		done >>"$out/$name.list"
	done
	"$scripts/run-tests.sh" -q -l "coverage-$name" -k "$obj/arch/riscv/boot/Image" -x 3 \
		-i "$out/initramfs.cpio" -t "$out/$name.list" \
		-o "-semihosting-config enable=on,userspace=on" "$@" series hooked gcov
}

# Lines "COUNT FILE:NUMBER" of all that a boot's counts know of
lines_of()
{
	local f path

	# With the names of folders, since headers have lines in many a file
	(cd "$1" && "${CROSS_COMPILE}gcov" -p ./*.gcda >/dev/null 2>&1) || return 1
	for f in "$1"/*.gcov; do
		path=$(sed -n '1s/.*0:Source://p' "$f")
		awk -F: -v path="${path#"$linux"/}" '
			{ gsub(/[ *]/, "", $1); n = $2 + 0 }
			n && $1 != "-" { print ($1 ~ /^[0-9]+$/) + 0, path ":" n }' "$f"
	done
}

# FILE:NUMBER of each line that the series adds or changes
changed_lines()
{
	lgit diff -U0 base series -- arch/riscv virt/kvm include | awk '
		/^\+\+\+ / { file = substr($2, 3) }
		/^@@ / {
			split(substr($3, 2), a, ",")
			n = a[2] == "" ? 1 : a[2]
			for (i = 0; i < n; i++)
				print file ":" a[1] + i
		}'
}

rm -rf "$out"
mkdir -p "$out"
[ -z "$(lgit status --porcelain --untracked-files=no)" ] || die "build/linux has changes that are not committed"
step "build a kernel with gcov in ${#files[@]} files" build-gcov.log image

# Name and options of run-tests.sh: ways to switch, hosts without V or ZV*, one CPU
rc=0
while read -r name opts; do
	read -ra opts <<<"$opts"
	step "run the tests: $name ${opts[*]}" "coverage-$name.log" machine "$name" "${opts[@]}" || rc=1
done <<-EOF
	all -v 256 -s 2 simd_trap_test
	short -v 128 -s 4
	long -v 1024 -s 1 -a kvm.simd_switch=lazy
	eager -v 256 -s 2 -a kvm.simd_switch=eager
	no-V -c rv64,h=true
	no-Zv -c rv64,h=true,v=true,sscofpmf=true,smaia=true,ssaia=true
EOF
"$scripts/build.sh" initramfs >"$logs/initramfs.log" 2>&1

for dir in "$out"/*-normal "$out"/*-icount; do
	# No test with -icount on that host
	compgen -G "$dir/*.gcda" >/dev/null || continue
	lines_of "$dir" || die "gcov cannot read what is in $dir"
done | awk '{ hit[$2] += $1 } END { for (l in hit) print hit[l], l }' >"$out/lines"

changed_lines >"$out/changed"
awk 'NR == FNR { changed[$1] = 1; next } $2 in changed' "$out/changed" "$out/lines" |
	sort -t: -k1.1,1 -k2n >"$out/counted"
[ -s "$out/counted" ] || die "gcov knows of no line that the series adds"

# Each that was not hit, with the reason if there is one; a reason is for one line.
while IFS=: read -r file nr; do
	printf '%s:%s\t%s\n' "$file" "$nr" "$(lgit show "series:$file" | sed -n "${nr}s/^[[:space:]]*//p")"
done < <(sed -n 's/^0 //p' "$out/counted") >"$out/missed"
awk -F'\t+' -v OFS='\t' -v unused="$out/unused" '
	/^#/ && FILENAME ~ /unhit$/ { next }
	FILENAME ~ /unhit$/ { key = $1 OFS $2; why[key, ++n[key]] = $3; next }
	{
		split($1, at, ":")
		key = at[1] OFS $2
		print $1, $2, (used[key] < n[key] ? why[key, ++used[key]] : "")
	}
	END {
		for (key in n)
			if (used[key] < n[key])
				print key >unused
	}' "$scripts/coverage.unhit" "$out/missed" >"$out/unhit"

{
	echo "| file | lines of the series that gcov counts | executed | not, for a reason | not |"
	echo "|---|---|---|---|---|"
	awk -F'\t' '
		FILENAME ~ /unhit$/ { split($1, a, ":"); $3 == "" ? bad[a[1]]++ : why[a[1]]++; next }
		{ split($1, a, /[ :]/); n[a[2]]++; hit[a[2]] += a[1] > 0 }
		END {
			for (f in n) {
				printf "| %s | %d | %d | %d | %d |\n", f, n[f], hit[f], why[f], bad[f] | "sort"
				t += n[f]; h += hit[f]; w += why[f]; b += bad[f]
			}
			close("sort")
			printf "| all | %d | %d | %d | %d |\n", t, h, w, b
		}' "$out/unhit" "$out/counted"
} >"$out/table.md"
cat "$out/table.md"
figure "make coverage" "$(awk -F' *[|] *' '$2 == "all" {
	printf "%d lines, %d executed, %d not for a reason, %d not", $3, $4, $5, $6 }' "$out/table.md")"
awk -F'\t' '$3 != "" { printf "\n%s: %s\n    %s\n", $1, $2, $3 }' "$out/unhit"
if awk -F'\t' '$3 == "" { printf "not executed: %s: %s\n", $1, $2; n++ } END { exit !n }' "$out/unhit"; then
	rc=1
fi
if [ -s "$out/unused" ]; then
	say "reasons in coverage.unhit that no line needs any longer:"
	cat "$out/unused"
fi
exit $rc
