#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Run the KVM selftests of kselftest.tar.gz, where it has been unpacked, without those
# of kvm-tcg.skip, and report each result to LAVA. "make kselftest-tar" packs both.
# Elsewhere the results are printed as "NAME pass|fail|skip".
cd "$(dirname "$0")" || exit 1

ktap=${TMPDIR:-/tmp}/kvm.ktap
skips=$(sed -n '/^[a-z]/p' kvm-tcg.skip)

report()
{
	while read -r name result; do
		if command -v lava-test-case >/dev/null; then
			lava-test-case "$name" --result "$result"
		else
			echo "$name $result"
		fi
	done
}

for test in $skips; do
	set -- "$@" -S "$test"
done
./run_kselftest.sh -c kvm "$@" 2>&1 | tee "$ktap"

# A test's own results are KTAP behind "# ", and have the test's name in front.
{
	echo "$skips" | sed 's/:/./; s/$/ skip/'
	awk '
		/^# selftests: / { test = $3 $4; sub(/:/, ".", test); next }
		match($0, /^(# *)?(not )?ok [0-9]+ /) {
			verdict = substr($0, 1, RLENGTH) ~ /not ok/ ? "fail" : "pass"
			own = /^#/
			name = substr($0, RLENGTH + 1)
			directive = ""
			if (match(name, / *# */)) {
				directive = substr(name, RSTART + RLENGTH)
				name = substr(name, 1, RSTART - 1)
			}
			if (directive ~ /^SKIP/)
				verdict = "skip"
			sub(/^- /, "", name)
			sub(/^selftests: /, "", name)
			sub(/: /, ".", name)
			gsub(/[^A-Za-z0-9_.-]+/, "_", name)
			print (own ? test "." : "") name, verdict
			n++
		}
		END { print "kselftest-kvm", n ? "pass" : "fail" }' "$ktap"
} | report
