#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Move guests between machines: each boot of QEMU has another VLEN, or other
# extensions, and gets the snapshots that the boots before have saved.
#
#	migrate.sh [-l LABEL] [-n INSTRUCTIONS] [-q]
#
# INSTRUCTIONS is how many vector instructions guest A executes on each of four
# machines.
. "$(dirname "$0")/lib.sh"

label=migrate insns=45000 quiet=
while getopts l:n:q o; do
	case $o in
	l) label=$OPTARG ;;
	n) insns=$OPTARG ;;
	q) quiet=-q ;;
	*) exit 2 ;;
	esac
done

dir=$build/migrate
rm -rf "$dir"
mkdir -p "$dir"
rm -f "$logs/$label".*.normal.log
: >"$logs/$label.results"
for f in initramfs.cpio gen_init_cpio stripped/migrate_test; do
	[ -e "$build/$f" ] || die "$build/$f is missing: make build"
done
${CROSS_COMPILE}gcc -O2 -static -Wall -Wextra -Werror -o "$dir/tohost" "$scripts/tohost.c"

# On the way a guest is on hosts of other lengths, and lives on traps there.
if ! delivers_traps; then
	echo "skip all 0 QEMU $no_traps" | tee "$logs/$label.results"
	exit 4
fi

failed=0 nr=0

# machine VLEN CPU SNAPSHOT...: boot it with these snapshots in /snap, for the
# lines on stdin:
#	NAME OUT MODE ARGUMENT...	migrate_test MODE ARGUMENT..., /tmp/OUT is saved
machine()
{
	local vlen=$1 cpu=$2 list name out f rest
	shift 2

	nr=$((nr + 1))
	list=$dir/$nr
	while read -r name out rest; do
		rest="/kvm/migrate_test $rest"
		[ "$out" = - ] || rest="/kvm/tohost /tmp/$out $dir/$out $rest"
		echo "$name migrate 600 - $rest"
	done >"$list.list"
	for f in "$@"; do
		if [ ! -s "$dir/$f" ]; then
			echo "not machine-$nr 0 there is no snapshot $f" >>"$logs/$label.results"
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
	} | "$build/gen_init_cpio" - | cat "$build/initramfs.cpio" - >"$list.cpio"
	"$scripts/run-tests.sh" $quiet -l "$label.$nr" -v "$vlen" -c "$cpu" -s 1 -t "$list.list" \
		-i "$list.cpio" -o "-semihosting-config enable=on,userspace=on" migrate || failed=1
	cat "$logs/$label.$nr.results" >>"$logs/$label.results"
	rm -f "$list.cpio"
}

# Guest A has vlenb 16.  So has C, which was never told of Zvbb.
machine 128 max <<-EOF
	A-starts-on-128 a1 save /tmp/a1 -n $insns
	C-starts-on-128-without-Zvbb c1 save /tmp/c1 -n $insns -x Zvbb
EOF

# What became of A on a bad way
if [ -s "$dir/a1" ]; then
	size=$(stat -c %s "$dir/a1")
	cp "$dir/a1" "$dir/flipped"
	# Complement one byte in the midst.
	byte=$(od -An -tu1 -j $((size / 2)) -N 1 "$dir/a1")
	printf '%b' "\\x$(printf %x $((255 - byte)))" |
		dd of="$dir/flipped" bs=1 seek=$((size / 2)) conv=notrunc status=none
	head -c $((size - 4096)) "$dir/a1" >"$dir/short"
fi

# Strategy A refuses, strategy B carries over, C finds out.  Guest B has vlenb 32.
machine 256 max a1 flipped short <<-EOF
	A-refused-on-256 - refuse /snap/a1 vlenb 16, 32
	A-flipped-refused - refuse /snap/flipped -c damaged memory
	A-short-refused - refuse /snap/short -c truncated
	A-carried-on-256 a2 restore /snap/a1 -c -o /tmp/a2
	B-starts-on-256 b1 save /tmp/b1 -n $((insns / 5))
EOF

machine 1024 max a2 b1 <<-EOF
	A-carried-on-1024 a3 restore /snap/a2 -c -o /tmp/a3
	B-carried-on-1024 b2 restore /snap/b1 -c -o /tmp/b2
EOF

# A is at home, and needs no capability; B is on a host with shorter vectors.
machine 128 max a3 b2 <<-EOF
	A-finishes-on-128 - restore /snap/a3
	B-refused-on-128 - refuse /snap/b2 vlenb 32, 16
	B-finishes-carried-on-128 - restore /snap/b2 -c
EOF

machine 128 max,zvbb=off a1 c1 <<-EOF
	A-refused-without-Zvbb - refuse /snap/a1 lacks Zvbb
	C-finishes-without-Zvbb - restore /snap/c1
EOF

say
say "What the tests say of it:"
sed -n 's/^# --- \([ABC]-.*\)/  \1/p; s/^# \(vlenb .*\)/      \1/p; s/^# \(refused: .*\)/      \1/p' \
	"$logs/$label".*.normal.log
[ $failed = 0 ]
