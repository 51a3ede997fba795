#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Measure the base and the series side by side: simd_bench in QEMU with -icount
# and with simd_count.c, which counts.
#
#	bench.sh			everything; writes Documentation/performance*
#	bench.sh [-p] [-v VLENS] [-k KERNELS] [-m MODES] [-o CSV] [SCENARIO...]
#					some of it, printed; with -p also which
#					functions of the kernel execute how much
#	bench.sh -c OLD.csv NEW.csv	how much they differ
#
# KERNELS: base, series.  MODES, of the series: eager, lazy, adaptive, or - for
# a kernel without a choice.  SCENARIO: the beginning of a name.
# BASE_IMAGE in the environment is a kernel of the base that need not be built.
. "$(dirname "$0")/lib.sh"
. "$scripts/count.sh"

dir=$build/bench
doc_csv=$top/Documentation/performance.csv
base_image=${BASE_IMAGE:-$build/obj-base/arch/riscv/boot/Image}

vlens="128 256 1024" kernels="base series" modes='' csv='' profile=''
while getopts v:k:m:o:cp o; do
	case $o in
	v) vlens=$OPTARG ;;
	k) kernels=$OPTARG ;;
	m) modes=$OPTARG ;;
	o) csv=$OPTARG ;;
	c) compare=1 ;;
	p) profile=1 ;;
	*) exit 2 ;;
	esac
done
all=
if [ $# = 0 ]; then
	all=1
fi
shift $((OPTIND - 1))

# Instructions may differ by what runs in the background, bytes must not.
compare_csv()
{
	awk -F, '
		/^#/ || /^kernel,/ { next }
		{ key = $1 "," $2 "," $3 "," $4 "," $5 }
		NR == FNR { old[key] = $8; next }
		!(key in old) { next }
		$5 !~ /insn|csr/ {
			bytes++
			if (old[key] != $8) { differ++; print "  " key ": " old[key] " -> " $8 }
			next
		}
		old[key] > 0 {
			insns++
			d = ($8 - old[key]) / old[key] * 100
			if (d < 0) d = -d
			if (d > 0.5) { far++; print "  " key ": " old[key] " -> " $8 }
			if (d > max) max = d
		}
		END {
			printf "%d counts of bytes, %d differ; %d of instructions, at most %.3f %% apart, %d of them by more than 0.5 %%\n",
				bytes, differ, insns, max, far
			exit differ + far > 0
		}' "$1" "$2"
}

if [ -n "${compare:-}" ]; then
	compare_csv "$1" "$2"
	exit
fi

make_initramfs()
{
	echo "simd_bench 6000 - /simd_bench $*" >"$dir/tests"
	${CROSS_COMPILE}strip -o "$dir/simd_bench" "$kst/riscv/simd_bench"
	{
		for n in dev proc sys tmp; do
			echo "dir /$n 755 0 0"
		done
		echo "nod /dev/console 600 0 0 c 5 1"
		echo "file /init $build/init 755 0 0"
		echo "file /simd_bench $dir/simd_bench 755 0 0"
		echo "file /tests $dir/tests 644 0 0"
	} >"$dir/spec"
	"$build/gen_init_cpio" "$dir/spec" >"$dir/initramfs.cpio"
}

boot()
{
	local image=$1 vlen=$2 mode=$3 out=$4 param=

	if [ "$mode" != - ]; then
		param="kvm.simd_switch=$mode"
	fi
	rm -f "$out.counts" "$out.profile"
	counting_boot "$dir/simd_count.so,out=$out.counts${profile:+,profile=$out.profile}" \
		"$out" "$image" "$dir/initramfs.cpio" "$vlen" 1G "$param"
	grep -q '^ok 1 simd_bench' "$out.log" || { cat "$out.log"; return 1; }
	grep -qx "# mode: $mode" "$out.log" || { echo "mode $mode is not in effect"; return 1; }
}

# What each function of the kernel executes in a unit of work
show_profile()
{
	local out=$1 map=$2

	{
		awk 'tolower($2) == "t" { print $1, "-", $3 }' "$map"
		awk '{ print $2, $1, $3 }' "$out.profile"
	} | sort | awk '
		FILENAME == ARGV[1] && $2 == "window:" { name[++n] = $3; units[n] = $4 }
		FILENAME == ARGV[2] && $2 == "insn" { units[$1] *= $3 }
		FILENAME != "/dev/stdin" { next }
		$2 == "-" { symbol = $3; next }
		{ sum[$2 " " symbol] += $3 }
		END {
			for (i in sum) {
				split(i, w, " ")
				printf "%s %.1f %s\n", name[w[1]], sum[i] / units[w[1]], w[2]
			}
		}' "$out.log" "$out.counts" /dev/stdin | sort -k1,1 -k2,2nr | awk '
		$1 != last { print "  " $1 ":"; last = $1; lines = 0 }
		lines++ < 40 && $2 >= 1 { printf "  %9.1f  %s\n", $2, $3 }'
}

# The windows are in the same order in the console and in the counts.
add_to_csv()
{
	local kernel=$1 vlen=$2 mode=$3 out=$4

	awk -v OFS=, -v id="$kernel,$mode,$vlen" '
		NR == FNR && $2 == "window:" { name[++n] = $3; units[n] = $4 }
		NR == FNR && $2 == "memory:" { memory[++m] = $3 "," $4 ",1," $5 "," $5 "," $5 "," $5 }
		NR == FNR { next }
		{
			u = units[$1]
			print id, name[$1], $2, $3, $4 / u, $5 / u, $6 / u, $7 / u
			last = $1
		}
		END {
			for (i = 1; i <= m; i++)
				print id, memory[i]
			if (last != n + 0) {
				print "windows are missing" >"/dev/stderr"
				exit 1
			}
		}' OFMT=%.6g CONVFMT=%.6g "$out.log" "$out.counts" >>"$csv"
}

measure()
{
	local kernel=$1 image=$2 vlen=$3 mode=$4 what=$1 out

	if [ "$mode" != - ]; then
		what="$kernel, $mode"
	fi
	out=$dir/$kernel-$vlen-$mode
	step "measure the $what, VLEN $vlen" "bench-$kernel-$vlen-$mode.log" \
		boot "$image" "$vlen" "$mode" "$out"
	add_to_csv "$kernel" "$vlen" "$mode" "$out"
	if [ -n "$profile" ]; then
		show_profile "$out" "${image%/arch/*}/System.map"
	fi
}

show()
{
	awk -F, '
		/^#/ || /^kernel,/ { next }
		{
			key = sprintf("%-22s %-7s %-9s %5s", $4, $1, $2, $3)
			if (!(key in seen)) { seen[key] = 1; order[++n] = key }
			v[key, $5] = $8
			if ($5 !~ /insn|csr|load|store/) more[key] = more[key] " " $5 " " $8
		}
		END {
			printf "  %-22s %-7s %-9s %5s %9s %9s %7s %8s %8s\n", "per trip, switch, vCPU",
				"kernel", "mode", "VLEN", "insns", "kernel", "csr", "fp B", "v B"
			for (i = 1; i <= n; i++) {
				k = order[i]
				if (k in more) { print "  " k more[k]; continue }
				printf "  %s %9.1f %9.1f %7.1f %8.1f %8.1f\n", k, v[k, "insn"],
					v[k, "kernel_insn"], v[k, "kernel_csr"],
					v[k, "fp_load"] + v[k, "fp_store"], v[k, "v_load"] + v[k, "v_store"]
			}
		}' "$csv"
}

mkdir -p "$dir"
if [ -n "$all" ]; then
	"$scripts/deps.sh" bench
fi
if [ -z "$csv" ]; then
	csv=$dir/bench.csv
fi
if [ -z "$modes" ]; then
	modes=-
	if grep -q 'module_param.*(simd_switch' "$linux"/arch/riscv/kvm/*.c; then
		modes="eager lazy adaptive"
	fi
fi
delivers_traps || [ "$modes" = eager ] || [ "$modes" = - ] ||
	die "QEMU $(qemu_version) $no_traps; only -m eager can be measured"
[ -e "$kst/riscv/simd_bench" ] || die "$kst/riscv/simd_bench is missing: make build"

step "build the plugin" bench-plugin.log build_plugin "$dir/simd_count.so"
make_initramfs "$@"
if [[ " $kernels " == *" base "* ]] && [ -z "${BASE_IMAGE:-}" ]; then
	step "build the base's kernel (6 minutes the first time)" build-kernel-base.log \
		"$scripts/build.sh" base
fi

{
	echo "# base $(lgit rev-parse --short=12 base), series $(lgit rev-parse --short=12 HEAD)," \
		"QEMU $(qemu_version), make bench"
	echo "kernel,mode,vlen,scenario,counter,laps,min,median,mean,max"
} >"$csv"
for vlen in $vlens; do
	for k in $kernels; do
		if [ "$k" = base ]; then
			measure base "$base_image" "$vlen" -
			continue
		fi
		for m in $modes; do
			measure series "$build/obj/arch/riscv/boot/Image" "$vlen" "$m"
		done
	done
done

if [ -z "$all" ]; then
	show
	exit
fi
if [ -e "$doc_csv" ]; then
	say "Compared with the figures that Documentation/performance.csv had:"
	compare_csv "$doc_csv" "$csv" || say "  (other kernels, or not reproduced)"
fi
cp "$csv" "$doc_csv"
"$scripts/bench-report.sh"
