# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
# Sourced by the other scripts: where things are, and how to talk to people.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
scripts=$top/scripts
build=${BUILD:-$top/build}
linux=${LINUX_TREE:-$build/linux}
logs=$build/logs
kst=$build/kselftest		# the KVM selftests' objects and programs
jobs=${JOBS:-$(nproc)}

# The emulator.  QEMU= may be a script, which puts what its QEMU needs (-L, -bios) in
# front of the arguments that it is given.
qemu=${QEMU:-qemu-system-riscv64}
if [[ $qemu == */* ]]; then
	qemu=$(realpath -m "$qemu")
	export QEMU=$qemu	# for scripts that are somewhere else by then
fi

# What L1 runs on: a file for QEMU's -bios, the default is QEMU's own.
firmware=${FIRMWARE:-}
if [ -n "$firmware" ]; then
	firmware=$(realpath -m "$firmware")
	export FIRMWARE=$firmware
fi

# Nothing of a build may depend on who runs it where.
export ARCH=riscv CROSS_COMPILE=riscv64-linux-gnu- LC_ALL=C TZ=UTC
export KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:00 UTC 1970'
export KBUILD_BUILD_USER=kvm-riscv-simd KBUILD_BUILD_HOST=localhost
export CCACHE_DIR=$build/ccache CCACHE_NOHASHDIR=1 CCACHE_MAXSIZE=3G
# Without a hit, take no longer than the compiler does: it lists the headers itself.
export CCACHE_DEPEND=1
unset MAKEFLAGS MFLAGS MAKELEVEL LDFLAGS CFLAGS || true

series_name='KVM RISC-V SIMD'
series_mail='kvm-riscv-simd@localhost'

mkdir -p "$build" "$logs" 2>/dev/null || {
	echo "error: cannot write to $build" >&2
	exit 1
}

# A full disk shows up as the oddest errors of compilers and of git.
space=$(df -Pk "$build" | awk 'NR == 2 { print int($4 / 1024) }')
if [ "${space:-0}" -lt 2048 ]; then
	echo "error: only $space MiB left on the disk of $build, 2048 are the least to go on with" >&2
	exit 1
fi

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "warning: $*" >&2; }
die() { printf '%s\n' "error: $*" >&2; exit 1; }

# step WHAT LOG COMMAND...: run it with its output in LOG, say what and how long
step()
{
	local what=$1 log=$logs/$2 start=$SECONDS rc=0
	shift 2
	printf '  %-58s' "$what"
	"$@" >"$log" 2>&1 || rc=$?
	if [ $rc -ne 0 ]; then
		printf ' FAILED (%d s)\n' $((SECONDS - start))
		tail -n 30 "$log" | sed 's/^/    /'
		printf '    the whole log: %s\n' "$log"
		return $rc
	fi
	printf ' %4d s\n' $((SECONDS - start))
}

# patiently COMMAND...: again after a while.  While a mirror is being synchronized, its
# lists do not have the sums that it says.
patiently()
{
	local pause

	for pause in 5 20 60 120; do
		if "$@"; then
			return 0
		fi
		say "once more in $pause s"
		sleep "$pause"
	done
	"$@"
}

# With LLVM=-N in the environment clang-N and its tools instead of gcc
compiler=("CC=ccache ${CROSS_COMPILE}gcc")
if [ -n "${LLVM:-}" ]; then
	compiler=("LLVM=$LLVM" "CC=ccache clang$LLVM")
fi
kmake() { make -C "$linux" -j"$jobs" -s "${compiler[@]}" "$@"; }

# As kmake, for targets that need vmlinux.  Symbols may still move in the last of the
# linker's passes, "Inconsistent kallsyms data"; one pass more settles that.
kmake_image() { kmake "$@" || kmake KALLSYMS_EXTRA_PASS=1 "$@"; }
lgit() { git -C "$linux" "$@"; }

# The series as they are posted, in order: the folders of patches/ that the series file
# names. The digit that a name begins with is the layer.
layers() { sed -n 's|^\([^#/]*\)/.*|\1|p' "$top/patches/series" | awk '!seen[$0]++'; }
layer_patches() { grep "^$1/" "$top/patches/series"; }

# Copies of the files that the series adds, for people to read and to edit: make export
# writes them, make absorb takes edits of them into the patches.
copies="arch-riscv-kvm tools-testing-selftests-kvm"
kernel_file()
{
	case $1 in
	arch-riscv-kvm/*) echo "arch/riscv/${1#*/}" ;;
	*) echo "tools/testing/selftests/kvm/${1#*/}" ;;
	esac
}

# edited_copies: those that differ from what has been exported or applied last
edited_copies()
{
	local tip f

	read -r _ tip 2>/dev/null <"$linux/.git/simd-applied" || return 0
	{
		lgit diff --name-only --diff-filter=A base "$tip" -- arch/riscv tools/testing/selftests/kvm |
			sed 's|^arch/riscv/|arch-riscv-kvm/|; s|^tools/testing/selftests/kvm/|tools-testing-selftests-kvm/|'
		# shellcheck disable=SC2086	# two folders
		(cd "$top" && find $copies -type f ! -path '*-kvm/README')
	} | sort -u | while read -r f; do
		lgit show "$tip:$(kernel_file "$f")" 2>/dev/null | cmp -s - "$top/$f" || echo "$f"
	done
}

# figure "make ..." TEXT: what it has found, for the table that "make figures" writes
figure()
{
	local id

	id=$(sed 's/#.*//' "$top/patches/series" | (cd "$top/patches" && xargs cat) | sha256sum | cut -c 1-8)
	mkdir -p "$build/figures"
	printf "| \`%s\` | %s | %s |\n" "$1" "$id" "$2" >"$build/figures/$(printf %s "$1" | tr -c 'A-Za-z0-9' -)"
}

# The last commit of each layer, from the first on: a layer is the series with its digit
layer_tips()
{
	lgit log --reverse --format='%H %s' base..series | awk '
		$2 == "layer:" {
			if (tip && substr($3, 1, 1) != layer)
				print tip
			layer = substr($3, 1, 1)
		}
		{ tip = $1 }
		END { print tip }'
}

# The newest clang that apt has, as LLVM= wants it
newest_llvm()
{
	apt-cache pkgnames clang- 2>/dev/null | sed -n 's/^clang\(-[0-9]*\)$/\1/p' | sort -t- -k2n | tail -n 1
}

# qemu_key: what tells QEMUs from each other, also when a script starts them
qemu_key()
{
	local file

	file=$(command -v "$qemu") || die "QEMU=$qemu: no such program"
	{
		sha256sum <"$file"
		stat -L -c %s "$file"
		"$qemu" --version
	} | sha256sum | cut -c 1-16
}

qemu_version() { "$qemu" --version | sed -n '1s/^QEMU emulator version \([^ ]*\).*/\1/p'; }

# bare_metal FILE.S OUT: a program for QEMU's -bios, of scripts/qemu
bare_metal()
{
	"${CROSS_COMPILE}gcc" -march=rv64gcv -mabi=lp64d -mcmodel=medany -nostdlib -static \
		-Wl,--build-id=none,--no-warn-rwx-segments,-Ttext=0x80000000 \
		-I "$scripts/qemu" -o "$2" "$scripts/qemu/$1"
}

# Does a trap reach KVM that the guest is not to get?  No: KVM cannot load FP and
# vectors at their first use.  Once for each QEMU.
delivers_traps()
{
	local known rc=0 program

	known=$build/qemu/mpv-$(qemu_key)
	if [ ! -e "$known" ] || [ "$scripts/qemu/mpv.S" -nt "$known" ]; then
		mkdir -p "$build/qemu"
		program=$(mktemp "$build/qemu/mpv.XXXXXX")
		bare_metal mpv.S "$program"
		timeout 60 "$qemu" -M virt -cpu rv64,h=true -m 128M -display none -nodefaults \
			-bios "$program" </dev/null >"$logs/qemu-mpv.log" 2>&1 || rc=$?
		# Others may be asking at the same time: never half an answer.
		case $rc in
		0) echo yes >"$program" ;;
		3) echo no >"$program" ;;
		*)
			cat "$logs/qemu-mpv.log" >&2
			rm -f "$program"
			die "$qemu does not run a bare-metal program (exit $rc): does it need -L or -bios, as in build/qemu-new?"
			;;
		esac
		mv "$program" "$known"
	fi
	[ "$(cat "$known")" = yes ]
}
no_traps="cannot deliver a first-use trap, as mstatus.MPV cannot be cleared (Documentation/qemu.md)"
