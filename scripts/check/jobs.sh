# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# For check.sh: jobs and their results.  Two run at a time; what they print comes in the
# order they began.

last_job=0
declare -A running=()	# by pid: the number of the job
queue=()		# jobs of which nothing has been printed
mkdir -p "$build/jobs"

# later COMMAND...: run it in the background, as soon as fewer than two do
later()
{
	while [ ${#running[@]} -ge 2 ]; do
		await "${!running[@]}"
	done
	print_ended || true
	last_job=$((last_job + 1))
	rm -f "$build/jobs/$last_job.rc"
	set -m	# a process group of its own, for kill_jobs
	(
		trap 'echo $? >"$build/jobs/$last_job.rc"' EXIT
		"$@"
	) </dev/null >"$build/jobs/$last_job" 2>&1 &
	set +m
	running[$!]=$last_job
	queue+=("$last_job")
}

# await PID...: until one of them ends
await()
{
	local ended=

	wait -n -p ended "$@" || true
	unset "running[${ended:?}]"
}

# print_ended: what the jobs that have ended have to say, in their order, as long as the
# oldest is one of them; returns what the last of them did
print_ended()
{
	local rc=0

	while [ ${#queue[@]} -gt 0 ] && [[ " ${running[*]} " != *" ${queue[0]} "* ]]; do
		rc=0
		print_job "${queue[0]}" || rc=$?
		queue=("${queue[@]:1}")
	done
	return $rc
}

# print_job NUMBER: results get numbers
print_job()
{
	local job=$build/jobs/$1 line rc

	rc=$(cat "$job.rc" 2>/dev/null || echo killed)
	if [ "$rc" != 0 ] && ! grep -q '^not ok - ' "$job"; then
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
	[ "$rc" = 0 ]
}

# drain: print all there is, and return what the last job did
drain()
{
	local rc=0

	while [ ${#queue[@]} -gt 0 ]; do
		rc=0
		print_ended || rc=$?
		[ ${#running[@]} = 0 ] || await "${!running[@]}"
	done
	return $rc
}

now() { later "$@"; drain; }

# last_ends: wait for the job that began last, and return what it did
last_ends()
{
	while [[ " ${running[*]} " == *" $last_job "* ]]; do
		await "${!running[@]}"
	done
	print_ended || true
	[ "$(cat "$build/jobs/$last_job.rc" 2>/dev/null)" = 0 ]
}

kill_jobs()
{
	local pid

	for pid in "${!running[@]}"; do
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

# A copy of what boots, so that the next patches can be built meanwhile
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
