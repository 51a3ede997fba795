#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Check that KVM's .noinstr.text calls nothing that may be instrumented.
#
#	noinstr.sh OBJ		of the kernel that is built in build/OBJ
#
# What runs between guest_state_enter_irqoff() and guest_state_exit_irqoff() runs in
# an RCU extended quiescent state: tracing, KASAN and lockdep must not be reached.  A
# call is allowed
#
#   * to code in .noinstr.text or .entry.text,
#   * between instrumentation_begin() and instrumentation_end(),
#   * to a routine of the list below.
#
# The two annotations leave nothing in an object, as riscv has no objtool.  Therefore
# each object is compiled once more, with an instruction that does nothing for each of
# them (scripts/prove/noinstr.h), and the control flow of that is followed.  A path with
# fewer annotations than another counts.
. "$(dirname "$0")/lib.sh"

# The base's world switch is in .text.  No compiler instruments it, and it is checked to
# call nothing in this kernel.  (A kprobe could be set in it.)
assembly="__kvm_riscv_switch_to __kvm_riscv_nacl_switch_to"

shopt -s extglob
obj=$build/${1:?usage: noinstr.sh OBJ}
tmp=$obj/noinstr
binutils=$CROSS_COMPILE

# calls FILE: "CALLER CALLEE" for each call from .noinstr.text that is not between the
# annotations
calls()
{
	"${binutils}objdump" -dr --no-show-raw-insn -j .noinstr.text "$1" | awk '
	function flow(to, level) {
		if (!(to in insn) || (to in least && least[to] <= level))
			return
		least[to] = level
		todo[++last] = to
	}
	# The function that has been read: instructions at[1..n], in order
	function follow(    i, a, level, first, f) {
		for (first = 1; first <= n; first++) {
			# What only a patched instruction leads to has no level: 0, to be strict
			if (at[first] in least)
				continue
			last = done = 0
			flow(at[first], 0)
			while (done < last) {
				a = todo[++done]
				level = least[a]
				if (insn[a] == "begin")
					level++
				else if (insn[a] == "end" && level > 0)
					level--
				if (a in target)
					flow(target[a], level)
				if (!(a in stops))
					flow(next_of[a], level)
			}
		}
		for (i = 1; i <= n; i++) {
			a = at[i]
			if (a in callee && !least[a])
				print func_name, callee[a]
		}
		n = 0
		split("", insn); split("", at); split("", least); split("", target)
		split("", stops); split("", next_of); split("", callee)
	}
	/^[0-9a-f]+ <[^.].*>:$/ {
		follow()
		func_name = substr($2, 2, length($2) - 3)
		next
	}
	/^[0-9a-f]+ </ { next }
	/R_RISCV_(CALL|CALL_PLT|JAL|RVC_JUMP|BRANCH|RVC_BRANCH)\t/ {
		if ($3 !~ /^\.L/)
			callee[at[n]] = $3
		next
	}
	/^ *[0-9a-f]+:\t/ {
		a = $1
		sub(/:/, "", a)
		if (n)
			next_of[at[n]] = a
		before = n ? at[n] : ""
		at[++n] = a
		op = $2
		insn[a] = op
		if (op == "slti" && $3 ~ /^zero,zero,/) {
			if ($3 == "zero,zero,1365")
				insn[a] = "begin"
			if ($3 == "zero,zero,1366")
				insn[a] = "end"
		} else if (op == "ret" || op == "sret" || op == "mret") {
			stops[a]
		} else if (op == "j" || op ~ /^b/) {
			k = split($3, words, ",")
			target[a] = words[k]
			if (op == "j")
				stops[a]
		} else if (op == "jal") {
			# Within the section, resolved: "jal ra,1a <f>"
			if (match($0, /<[^+>]*>$/))
				callee[a] = substr($0, RSTART + 1, RLENGTH - 2)
		} else if (op == "jalr" || op == "jr") {
			if (op == "jr")
				stops[a]
			# The auipc in front has the relocation
			if (!(before in callee) || insn[before] != "auipc") {
				callee[a] = "(a_pointer)"
				if (match($0, /<[^+>]*>$/))
					callee[a] = substr($0, RSTART + 1, RLENGTH - 2)
			}
		}
	}
	END { follow() }' | sort -u
}

# compile NAME: arch/riscv/kvm/NAME.o once more, with the annotations
compile()
{
	local cmd

	cmd=$(sed -n "s|^savedcmd_arch/riscv/kvm/$1.o := \(ccache \)\?||p" "$obj/arch/riscv/kvm/.$1.o.cmd")
	cmd=${cmd%% -c -o *}
	# Relative paths are those of the object tree; no dependencies are written.
	cmd=${cmd/ -Wp,-MMD,+([^ ])/}
	(cd "$obj" && eval "$cmd" -mno-relax -include "$scripts/prove/noinstr.h" \
		-c -o "$tmp/$1.o" "$linux/arch/riscv/kvm/$1.c")
}

# Names of functions that may be called, from the image and from kvm.ko
noinstr_symbols()
{
	local f

	for f in "$obj/vmlinux" "$obj"/arch/riscv/kvm/*.o; do
		case $f in
		*.mod.o) ;;
		*/vmlinux)
			"${binutils}nm" "$f" | awk '
				$3 ~ /^__(noinstr|entry)_text_(start|end)$/ { edge[$3] = $1 }
				{ name[NR] = $3; value[NR] = $1 }
				END {
					for (i = 1; i <= NR; i++) {
						v = value[i]
						in_noinstr = v >= edge["__noinstr_text_start"] && v < edge["__noinstr_text_end"]
						in_entry = v >= edge["__entry_text_start"] && v < edge["__entry_text_end"]
						if (in_noinstr || in_entry)
							print name[i]
					}
				}'
			;;
		*) "${binutils}objdump" -t -j .noinstr.text "$f" 2>/dev/null | awk '/ F .noinstr.text/ { print $NF }' || true ;;
		esac
	done | sort -u
}

# is_leaf ROUTINE: is there, in assembly, and neither calls nor jumps out
is_leaf()
{
	local f code

	for f in arch/riscv/kvm/vcpu_switch arch/riscv/kernel/fpu; do
		if [ ! -e "$linux/$f.S" ] || [ ! -e "$obj/$f.o" ]; then
			continue
		fi
		code=$("${binutils}objdump" -dr --no-show-raw-insn --disassemble="$1" "$obj/$f.o" |
			grep -P '^\s+[0-9a-f]+:') || continue
		if grep -P '\t(jal|jalr|jr|tail|call)\t|R_RISCV_(CALL|CALL_PLT|JAL|BRANCH)\t(?!\.L)' <<<"$code"; then
			return 1
		fi
		return 0
	done
	echo "$1 is not one of the routines in assembly"
	return 1
}

# called FILE: symbols that .noinstr.text refers to for control flow
called()
{
	"${binutils}readelf" -rW "$1" | awk '
		/^Relocation section/ { on = /\.rela\.noinstr\.text/ }
		on && $3 ~ /^R_RISCV_(CALL|CALL_PLT|JAL|RVC_JUMP|BRANCH|RVC_BRANCH)$/ && $5 !~ /^\.L/ { print $5 }' | sort -u
}

# what_calls ROUTINE: what it calls in its turn, for the message
what_calls()
{
	"${binutils}objdump" -d --no-show-raw-insn --disassemble="$1" "$obj/vmlinux" 2>/dev/null |
		sed -n 's/.*\t\(jal\|jalr\|j\)\t.*<\([^+>]*\)>$/\2/p' | grep -vxF -- "$1" | sort -u | paste -sd, | sed 's/,/, /g' || true
}

# Nothing to do if nothing has been built since
if [ -e "$tmp/passed" ] &&
	[ -z "$(find "$0" "$scripts/prove/noinstr.h" "$obj"/{vmlinux,arch/riscv/kvm/*.o} -newer "$tmp/passed")" ]; then
	exit 0
fi
rm -rf "$tmp"
mkdir -p "$tmp"
noinstr_symbols >"$tmp/symbols"
rc=0 n=0
for o in "$obj"/arch/riscv/kvm/*.o; do
	name=$(basename "$o" .o)
	# Not kvm.o, which is all of them, nor what is left from another revision
	[ -e "$linux/arch/riscv/kvm/$name.c" ] || continue
	"${binutils}readelf" -SW "$o" | grep ' \.noinstr\.text ' >/dev/null || continue
	compile "$name"
	calls "$tmp/$name.o" >"$tmp/$name.calls"
	n=$((n + 1))
	# Another compilation than the one that is linked must not be another program.
	if missing=$(comm -23 <(called "$o") <(called "$tmp/$name.o")) && [ -n "$missing" ]; then
		echo "$name.c: compiled with the annotations, .noinstr.text does not call ${missing//$'\n'/, }"
		rc=1
	fi
	while read -r caller callee; do
		if grep -qxF -- "$callee" "$tmp/symbols"; then
			continue
		fi
		if [[ " ${assembly//$'\n'/ } " == *" $callee "* ]] && is_leaf "$callee"; then
			continue
		fi
		rc=1
		if [ "$callee" = "(a_pointer)" ]; then
			echo "$name.c: $caller() calls through a pointer"
			continue
		fi
		further=$(what_calls "$callee")
		echo "$name.c: $caller() calls $callee(), which is not noinstr${further:+ and calls $further}"
	done <"$tmp/$name.calls"
done
[ $n -gt 0 ] || die "no object of $obj/arch/riscv/kvm has .noinstr.text"
[ $rc = 0 ] || exit 1
echo "$n objects of arch/riscv/kvm call nothing but noinstr from .noinstr.text"
touch "$tmp/passed"
