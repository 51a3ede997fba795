#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Boot QEMU, run tests in it, print a table of what became of them.
#
#	run-tests.sh [-l LABEL] [-k IMAGE] [-v VLEN] [-s SMP] [-m MEM] [-c CPU]
#		     [-a APPEND] [-t TESTS.LIST] [-i INITRAMFS] [-x FACTOR] [-o OPTIONS] [-q] [-u]
#		     SET|TEST...
#
# -o has more options for QEMU.
# -x makes all timeouts longer, for kernels that debug themselves.
# -u leaves out what has passed with -u before with the same kernel, program and
# machine; build/passed has the hashes and where that was.  For tests with the flag
# user kernel and CPUs do not matter.  LABEL.again in build/logs says what was left out.
#
# On a QEMU that cannot deliver a first-use trap, KVM has to find that out, and loads FP
# and vectors at each entry of a guest, whatever APPEND says.  Tests with the flag trap
# are skipped.
#
# The results are left in build/logs/LABEL.results, a line a test:
#	ok|not|skip NAME SECONDS REASON
. "$(dirname "$0")/lib.sh"

label=test image=$build/obj/arch/riscv/boot/Image vlen=256 smp=2 mem=1G quiet=
cpu=max append='' tests=$scripts/tests.list initramfs=$build/initramfs.cpio
unless_passed='' factor=1 more_options=()
while getopts l:k:v:s:m:c:a:t:i:x:o:qu o; do
	case $o in
	l) label=$OPTARG ;;
	k) image=$OPTARG ;;
	v) vlen=$OPTARG ;;
	s) smp=$OPTARG ;;
	m) mem=$OPTARG ;;
	c) cpu=$OPTARG ;;
	a) append=$OPTARG ;;
	t) tests=$OPTARG ;;
	i) initramfs=$OPTARG ;;
	x) factor=$OPTARG ;;
	o) read -ra more_options <<<"$OPTARG" ;;
	q) quiet=1 ;;
	u) unless_passed=1 ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))

case $vlen in
128 | 256 | 512 | 1024) ;;
*) die "VLEN=$vlen: QEMU has 128, 256, 512 and 1024" ;;
esac
[[ $smp =~ ^[1-8]$ ]] || die "SMP=$smp: 1 to 8"
for f in "$image" "$initramfs"; do
	[ -e "$f" ] || die "$f is missing: make build"
done

if [ -n "$firmware" ]; then
	[ -e "$firmware" ] || die "FIRMWARE=$firmware: no such file"
	more_options+=(-bios "$firmware")
fi

results=$logs/$label.results
: >"$results"
qemu_id=$(qemu_key)

traps=1
if ! delivers_traps; then
	traps=
	[ -n "$quiet" ] || say "  QEMU $(qemu_version) $no_traps; KVM has to find out, and to be eager"
fi

# What a kernel says when something is wrong, whatever the tests said
splat='BUG:|WARNING:|Oops|Kernel panic|INFO: rcu|rcu:.*stall|possible recursive locking|possible circular locking|inconsistent lock state|suspicious RCU usage|blocked for more than|Unable to handle kernel|kernel BUG at|scheduling while atomic'

# What is in the initramfs, with a hash of each file: see build.sh
spec=${initramfs%.cpio}.spec
have_program() { grep -q "^file /kvm/$1 " "$spec"; }

# fingerprint PROGRAM FLAGS ARGS: all that its result depends on
fingerprint()
{
	local files="init|$1"

	{
		echo "$* $vlen $cpu $qemu_id"
		[ -z "$firmware" ] || sha256sum <"$firmware"
		if [[ ,$2, != *,user,* ]]; then
			files+='|kvm\.ko|simd_hook\.ko'
			echo "$smp $mem $append"
			sha256sum <"$image"
		fi
		grep -E "^# [0-9a-f]+ .*/($files)\$" "$spec"
	} | sha256sum | cut -d' ' -f1
}

# has_passed NAME PROGRAM FLAGS ARGS, and notes of that, or of the hash for later
has_passed()
{
	local hash before

	[ -n "$unless_passed" ] || return 1
	hash=$(fingerprint "$2" "$3" "$4")
	echo "$1 $hash" >>"$build/$label.hashes"
	before=$(grep -s -m1 "^$hash " "$build/passed") || return 1
	echo "$1, which has passed in ${before#* }" >>"$logs/$label.again"
}

select_tests()
{
	local want=$1 name set timeout flags prog args w how
	shift

	while read -r name set timeout flags prog args; do
		case $name in '' | '#'*) continue ;; esac
		for w in "$@"; do
			[[ ,$set, == *",$w,"* || $w == "$name" ]] || continue
			case $want/,$flags, in
			icount/*,icount,*) how=- ;;
			*,icount,* | icount/*) break ;;
			*,hook,*) how=hook ;;
			*) how=- ;;
			esac
			case $prog in
			/*) ;;
			*)
				have_program "$prog" || break
				prog=/kvm/$prog
				;;
			esac
			if [ -z "$traps" ] && [[ ,$flags, == *,trap,* ]]; then
				echo "skip $name 0 QEMU $no_traps" >>"$results"
				break
			fi
			has_passed "$name" "${prog##*/}" "$flags" "$args" ||
				echo "$name $((timeout * factor)) $how $prog $args"
			break
		done
	done <"$tests"
}

# boot KIND LIST: one QEMU; its console goes to the log, its results to $results
boot()
{
	local mode
	local kind=$1 list=$2 log=$logs/$label.$1.log limit=60 rc=0 opts=() name t rest

	while read -r name t rest; do
		limit=$((limit + t))
	done <"$list"
	echo "file /tests $list 644 0 0" | "$build/gen_init_cpio" - >"$list.cpio"
	cat "$initramfs" "$list.cpio" >"$list.initrd"
	opts=(-smp "$smp")
	if [ "$kind" = icount ]; then
		opts=(-smp 1 -icount "shift=0,sleep=off")
	fi
	timeout --foreground -k 5 "$limit" "$qemu" \
		-M virt,aia=aplic-imsic,aia-guests=4 -cpu "$cpu,vlen=$vlen" -m "$mem" "${opts[@]}" "${more_options[@]}" \
		-nographic -nodefaults -serial mon:stdio -no-reboot \
		-kernel "$image" -initrd "$list.initrd" \
		-append "console=ttyS0 loglevel=5 panic=-1 l1.run $append" \
		</dev/null >"$log" 2>&1 || rc=$?
	rm -f "$list.cpio" "$list.initrd"
	tr -d '\r' <"$log" >"$log.tmp" && mv "$log.tmp" "$log"

	# Kernel messages may be anywhere, also in front of a result; and nobody
	# may get lost.
	awk -v rc="$rc" '
		NR == FNR { order[++n] = $1; next }
		/^# --- / { started[$3] = 1; next }
		/^#/ { next }
		match($0, /(not ok|ok) [0-9]+ [^ ]+ # /) {
			text = substr($0, RSTART + RLENGTH)
			split(substr($0, RSTART, RLENGTH), w, " ")
			verdict = w[1] == "not" ? "not" : "ok"
			name = w[1] == "not" ? w[4] : w[3]
			if (verdict == "ok" && text ~ /^SKIP/)
				verdict = "skip"
			secs = 0
			if (match(text, /time=[0-9.]+/))
				secs = substr(text, RSTART + 5, RLENGTH - 5)
			gsub(/SKIP ?|time=[0-9.]+ ?/, "", text)
			line[name] = verdict " " name " " secs " " text
		}
		END {
			for (i = 1; i <= n; i++) {
				name = order[i]
				if (name in line)
					print line[name]
				else if (name in started)
					print "not " name " 0 the machine died or hung in it (QEMU: " rc ")"
				else
					print "not " name " 0 did not get to run (QEMU: " rc ")"
			}
		}' "$list" "$log" >>"$results"

	if [ $rc = 124 ] || [ $rc = 137 ]; then
		echo "not qemu-$kind $limit QEMU hung and was killed" >>"$results"
	elif [ $rc != 0 ]; then
		echo "not qemu-$kind 0 QEMU ended with $rc" >>"$results"
	fi
	# Where KVM has its choice, it agrees with mpv.S on whether guests trap to it.
	mode=$(sed -n 's/^# kvm\.simd_switch=//p' "$log")
	if [ -n "$mode" ] && [ -z "$traps" ] && [ "$mode" != eager ]; then
		echo "not kvm-$kind 0 simd_switch is $mode, although no trap arrives" >>"$results"
	elif [ -n "$traps" ] && [ "$mode" = eager ] && [[ $append != *simd_switch=eager* ]]; then
		echo "not kvm-$kind 0 simd_switch is eager, although traps arrive" >>"$results"
	fi
	if grep -qE "$splat" "$log"; then
		echo "not console-$kind 0 $(grep -m1 -oE "($splat).{0,80}" "$log")" >>"$results"
	fi
}

# What a failed test printed, and where the rest is
show_failures()
{
	local verdict name secs reason kind log

	while read -r verdict name secs reason; do
		[ "$verdict" = not ] || continue
		for kind in normal icount; do
			log=$logs/$label.$kind.log
			[ -e "$log" ] || continue
			case $name in
			"console-$kind")
				say "--- console, around the first complaint:"
				grep -m1 -E -B5 -A30 "$splat" "$log" || true
				;;
			"qemu-$kind")
				say "--- end of the console:"
				tail -n 30 "$log"
				;;
			*)
				if grep -q -- "--- $name\$" "$log"; then
					say "--- what $name printed (last 40 lines):"
					awk -v n="$name" '$0 == "# --- " n { on = 1 }
						on && / --- / && $0 != "# --- " n { exit } on' "$log" |
						tail -n 40 | cut -c -300
				fi
				;;
			esac
		done
	done <"$results"
	for kind in normal icount; do
		if [ -e "$logs/$label.$kind.log" ]; then
			say "the whole console: $logs/$label.$kind.log"
		fi
	done
}

table()
{
	local verdict name secs reason

	printf '\n  %-32s %-6s %7s  %s\n' test result seconds note
	while read -r verdict name secs reason; do
		case $verdict in
		ok) verdict=pass ;;
		not) verdict=FAIL ;;
		esac
		printf '  %-32s %-6s %7s  %s\n' "$name" "$verdict" "$secs" "$reason"
	done <"$results"
	printf '\n'
}

rm -f "$logs/$label".{normal.log,icount.log,again} "$build/$label.hashes"
any=
for kind in normal icount; do
	list=$build/$label.$kind.list
	select_tests $kind "$@" >"$list"
	[ -s "$list" ] || continue
	any=1
	start=$SECONDS
	if [ -z "$quiet" ]; then
		printf '  %-58s' "boot QEMU (VLEN $vlen, $([ $kind = icount ] && echo '1 CPU, icount' || echo "$smp CPU")), $(wc -l <"$list") tests"
	fi
	boot $kind "$list"
	if [ -z "$quiet" ]; then
		printf ' %4d s\n' $((SECONDS - start))
	fi
done
if [ -z "$any" ] && [ -s "$build/$label.hashes" ]; then
	echo "skip boot 0 kernel and programs have passed before" >"$results"
elif [ -z "$any" ] && [ ! -s "$results" ]; then
	die "no such test in this tree: $* (see $tests)"
fi
if [ -n "$unless_passed" ]; then
	awk -v label="$label" 'NR == FNR { if ($1 == "ok") ok[$2] = 1; next } $1 in ok { print $2, label }' \
		"$results" "$build/$label.hashes" >>"$build/passed"
	rm -f "$build/$label.hashes"
fi

# Subtests that a test has skipped by itself, with their reasons
grep -ohE '# *ok [0-9]+ [^ ]+ # SKIP.*' "$logs/$label".*.log 2>/dev/null |
	sed 's/^# *ok [0-9]* //' | sort -u >"$logs/$label.skipped" || true

[ -n "$quiet" ] || table
if [ -z "$quiet" ] && [ -s "$logs/$label.skipped" ]; then
	say "  skipped inside tests:"
	sed 's/^/    /' "$logs/$label.skipped"
fi
if grep -q ^not "$results"; then
	show_failures
	exit 1
fi
if [ -z "$quiet" ]; then
	for log in "$logs/$label".{normal,icount}.log; do
		[ ! -e "$log" ] || say "  console log: $log"
	done
fi
