#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Migrate a running guest of QEMU with patches/vmm-qemu-10.0 between machines of
# different VLEN and extensions.  Each machine is a boot of its own; the streams of
# QEMU's "migrate" leave it by semihosting, and are in the next one's initramfs.
#
#	qemu-migrate.sh [-k IMAGE] [-l LABEL] [-q]
. "$(dirname "$0")/lib.sh"

label=qemu-migrate opts=()
while getopts k:l:q o; do
	case $o in
	k) opts+=(-k "$OPTARG") ;;
	l) label=$OPTARG ;;
	q) opts+=(-q) ;;
	*) exit 2 ;;
	esac
done

dir=$build/qemu-migrate
qemu=/qemu/qemu-system-riscv64
rm -rf "$dir"
mkdir -p "$dir"
rm -f "$logs/$label".*.{normal,icount}.log
: >"$logs/$label.results"
[ -e "$build/qemu/qemu-system-riscv64" ] || die "make qemu"
${CROSS_COMPILE}gcc -O2 -static -Wall -Wextra -Werror -o "$dir/tohost" "$scripts/tohost.c"
"$scripts/vmm-check.sh" prepare

failed=0 nr=0 flags=-

# machine VLEN CPU STREAM...: as in migrate.sh.  Lines on stdin:
#	NAME OUT MODE ARGUMENT...	move MODE ARGUMENT..., /tmp/OUT is saved
machine()
{
	local vlen=$1 cpu=$2 list name out f rest
	shift 2

	nr=$((nr + 1))
	list=$dir/$nr
	while read -r name out rest; do
		rest="/l2/move $rest"
		[ "$out" = - ] || rest="/kvm/tohost /tmp/$out $dir/$out $rest"
		echo "$name migrate 900 $flags $rest"
	done >"$list.list"
	for f in "$@"; do
		if [ ! -s "$dir/$f" ]; then
			echo "not machine-$nr 0 there is no stream $f" >>"$logs/$label.results"
			failed=1
			return
		fi
	done
	{
		echo "dir /snap 755 0 0"
		echo "file /kvm/tohost $dir/tohost 755 0 0"
		for f in "$@"; do
			echo "file /snap/$f $dir/$f 644 0 0"
		done
	} | "$build/gen_init_cpio" - | cat "$build/vmm/l1.cpio" - >"$list.cpio"
	"$scripts/run-tests.sh" "${opts[@]}" -l "$label.$nr" -v "$vlen" -c "$cpu" -s 2 -m 2G \
		-t "$list.list" -i "$list.cpio" \
		-o "-semihosting-config enable=on,userspace=on" migrate || failed=1
	cat "$logs/$label.$nr.results" >>"$logs/$label.results"
	rm -f "$list.cpio"
}

# What the emulator does not know has to be off from the start.
no_ext=
for e in zvbb zvbc zvfh zvfhmin zvkb zvkg zvkned zvknha zvknhb zvksed zvksh zvkt; do
	no_ext+=,$e=off
done

machine 128 max <<-END
	A-starts-on-128 a1 save /tmp/a1 2 host$no_ext $qemu
END
machine 256 max a1 <<-END
	A-refused-on-256 - load /snap/a1 2 host$no_ext $qemu vlen=128
	A-carried-on-256 a2 relay /snap/a1 2 host,vlen=128$no_ext $qemu /tmp/a2
	B-starts-on-256 b1 save /tmp/b1 2 host,zvbb=off $qemu
	C-starts-on-256 c1 save /tmp/c1 2 host $qemu
END
machine 1024 max a2 <<-END
	A-carried-on-1024 a3 relay /snap/a2 2 host,vlen=128$no_ext $qemu /tmp/a3
END
machine 128 max a3 <<-END
	A-is-back-on-128 - load /snap/a3 2 host$no_ext $qemu
END
machine 256 max,zvbb=off b1 c1 <<-END
	B-goes-on-without-Zvbb b2 relay /snap/b1 2 host $qemu /tmp/b2
	C-refused-without-Zvbb - load /snap/c1 2 host $qemu zvbb
END
machine 256 max b2 <<-END
	B-is-back - load /snap/b2 2 host,zvbb=off $qemu
END

# What an emulated vector instruction costs, counted by -icount and so without what else
# the machine does: a nanosecond is an instruction.
flags=icount
machine 256 max <<-END
	cost-256 - save /tmp/cost 1 host$no_ext $qemu
	cost-128 - save /tmp/cost 1 host,vlen=128$no_ext $qemu
	cost-512 - save /tmp/cost 1 host,vlen=512$no_ext $qemu
	cost-1024 - save /tmp/cost 1 host,vlen=1024$no_ext $qemu
END

# A row for each machine that a guest was on.  Its clock and its console have to go on
# where they stopped.  A round is 112 instructions of FP and V.
table()
{
	awk -v costs="$logs/$label.costs" '
		function later(what, before, after, most) {
			if (after >= before && after <= before + most)
				return
			print name ": the " what " was " before " and goes on with " after
			bad = 1
		}
		/^# --- / { name = $3; guest = substr(name, 1, 1) }
		/^# .* rounds in one$/ {
			rate[name] = $(NF - 3)
			if (!(guest in native))
				native[guest] = rate[name]
			if (sub(/^cost-/, "", name))
				printf "| %d | %d | %d |\n", name, 1e9 / rate["cost-" name],
				       native[guest] / rate["cost-" name] >costs
		}
		/^# saved, downtime:/ { downtime[name] = $4 " " $5 }
		/^# lines / && guest != "c" {
			if (guest in line) {
				later("line", line[guest], $3, 50)
				later("clock", clock[guest], $7, 10000)
			}
			line[guest] = $5 + 0
			clock[guest] = $9
			printf "| %s | %.1f to %.1f | %d | %.1f | %s |\n", name, $7 / 1000, $9 / 1000,
			       rate[name], native[guest] / rate[name],
			       name in downtime ? downtime[name] : "-"
		}
		/^# refused: / { refused = refused "  " name ": " substr($0, 12) "\n" }
		END {
			printf "\n%s", refused
			exit bad
		}
	' "$@"
}

logs_of=()
for ((i = 1; i <= nr; i++)); do
	for f in "$logs/$label.$i".{normal,icount}.log; do
		[ ! -e "$f" ] || logs_of+=("$f")
	done
done
rm -f "$logs/$label.costs"
say
say "| guest | its clock, s | rounds/s | slower by | downtime |"
say "|---|---|---|---|---|"
table "${logs_of[@]}" | tee "$logs/$label.table" || failed=1
if [ -e "$logs/$label.costs" ]; then
	say
	say "| VLEN on a host of 256 | instructions of the host a round | slower by |"
	say "|---|---|---|"
	cat "$logs/$label.costs"
fi
[ $failed != 0 ] || figure "make qemu-migrate" "$(grep -c '^ok ' "$logs/$label.results") passed, 0 failed"
[ $failed = 0 ]
