#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Documentation/performance.csv -> the tables between the marks in
# performance.md, and performance-*.svg.
. "$(dirname "$0")/lib.sh"

csv=$top/Documentation/performance.csv
md=$top/Documentation/performance.md
begin='<!-- written by make bench, from here -->'
end='<!-- written by make bench, to here -->'

mkdir -p "$build/bench"
[ -e "$csv" ] || die "$csv is missing: make bench"

# What the kernels of the CSV are called, in its order: "base series" or
# "base eager lazy adaptive".  The last one is what the targets are about.
mapfile -t configs < <(awk -F, '!/^#/ && !/^kernel,/ {
	c = $1 == "base" || $2 == "-" ? $1 : $2
	if (!seen[c]++) print c }' "$csv")
mapfile -t vlens < <(awk -F, '!/^#/ && !/^kernel,/ && !seen[$3]++ { print $3 }' "$csv")
tip=${configs[-1]}

# Sourced by each awk program: v[config, vlen, scenario, counter] from the CSV,
# and what the tables want to know.  vCPUs are created too seldom for a median.
read -r -d '' library <<'AWK' || true
!/^#/ && !/^kernel,/ {
	conf = $1 == "base" || $2 == "-" ? $1 : $2
	if (!($4 in known)) { known[$4] = 1; scenario[++nr_scenarios] = $4 }
	v[conf, $3, $4, $5] = $4 == "create" ? $9 : $8
}
function insns(c, vlen, s) { return v[c, vlen, s, s ~ /^(switch|task)/ ? "kernel_insn" : "insn"] }
function fp(c, vlen, s) { return v[c, vlen, s, "fp_load"] + v[c, vlen, s, "fp_store"] }
function vec(c, vlen, s) { return v[c, vlen, s, "v_load"] + v[c, vlen, s, "v_store"] }
function num(x) { return sprintf(x == int(x) ? "%d" : "%.1f", x) }
function head(first, list,   i, n, c, line, rule) {
	n = split(list, c, " ")
	line = "| " first " |"
	rule = "|---|"
	for (i = 1; i <= n; i++) { line = line " " c[i] " |"; rule = rule "--:|" }
	print line "\n" rule
}
AWK

# table PREFIX VLEN: instructions, FP bytes and vector bytes of all scenarios
table()
{
	awk -F, -v list="${configs[*]}" -v prefix="$1" -v vlen="$2" "$library"'
		END {
			n = split(list, c, " ")
			head("VLEN " vlen, list)
			for (i = 1; i <= nr_scenarios; i++) {
				s = scenario[i]
				if (index(s, prefix) != 1)
					continue
				line = "| " s " |"
				for (j = 1; j <= n; j++)
					line = line " " num(insns(c[j], vlen, s)) " · " \
						num(fp(c[j], vlen, s)) " · " num(vec(c[j], vlen, s)) " |"
				print line
			}
			print ""
		}' "$csv"
}

memory_table()
{
	awk -F, -v list="${configs[*]}" -v vlens="${vlens[*]}" "$library"'
		function row(what, s, counter,   i, j, line) {
			for (i = 1; i <= nv; i++) {
				line = "| " what " | " vl[i] " |"
				for (j = 1; j <= n; j++)
					line = line " " num(v[c[j], vl[i], s, counter]) " |"
				print line
			}
		}
		END {
			n = split(list, c, " ")
			nv = split(vlens, vl, " ")
			head("a vCPU |", list)
			row("instructions of KVM_CREATE_VCPU", "create", "insn")
			row("bytes when created", "memory", "create")
			row("bytes more after an FP instruction", "memory", "use_fp")
			row("bytes more after a vector instruction", "memory", "use_v")
			row("sizeof(struct kvm_vcpu)", "memory", "struct")
			print ""
		}' "$csv" | sed '1s/a vCPU |/a vCPU | VLEN/;2s/|---|/|---|--:|/'
}

# What an instruction costs in a VM of another vlenb, less what the loop does.  Not
# all hosts have registers that are longer than the guest's.
emulated_table()
{
	awk -F, -v t="$tip" -v vlens="${vlens[*]}" "$library"'
		function row(what, s, loop,   i, line) {
			line = "| " what " |"
			for (i = 1; i <= nv; i++)
				line = line " " (insns(t, vl[i], s) ? num(insns(t, vl[i], s) - \
					(loop ? 0 : insns(t, vl[i], "vlenb-nothing"))) : "-") " |"
			print line
		}
		END {
			nv = split(vlens, vl, " ")
			list = "VLEN-" vlens
			gsub(" ", " VLEN-", list)
			head("instructions of the host", list)
			row("vsetivli, in the kernel", "vlenb-vset")
			row("csrr of vl, in the kernel", "vlenb-csr")
			row("vadd.vi, left to a VMM that only moves pc", "vlenb-exit")
			row("vadd.vi, emulated by the selftests through ONE_REG", "vlenb-vadd")
			row("vadd.vi, emulated on registers shared with KVM", "vlenb-synced")
			row("64 in a row, the VMM goes on", "vlenb-ahead", 1)
			row("64 in a row, the VMM goes on, host\047s vector unit (vlenb 16)", "vlenb-straight-unit", 1)
			row("loop of memcpy(), the VMM goes on (vlenb 16)", "vlenb-memcpy", 1)
			row("loop of memcpy(), host\047s vector unit (vlenb 16)", "vlenb-memcpy-unit", 1)
			row("dot product, the VMM goes on (vlenb 16)", "vlenb-dot", 1)
			row("dot product, host\047s vector unit (vlenb 16)", "vlenb-dot-unit", 1)
			print ""
		}' "$csv"
}

targets()
{
	awk -F, -v t="$tip" -v vlens="${vlens[*]}" "$library"'
		# One row; LIMIT may be undershot, and never exceeded.
		function row(what, limit, got, unit) {
			printf "| %s | %s | ≤ %s%s | %s%s | %s |\n", what, vlen, limit, unit,
				got, unit, got + 0 <= limit + 0 ? "met" : "**missed**"
		}
		function ratio(what, limit, x, b) {
			row(what, limit, b ? sprintf("%.3f", x / b) : x ? "inf" : "0", " × base")
		}
		# The base holds two buffers a vCPU, from its creation on.
		function held(   more, bigger) {
			more = v[t, vlen, "memory", "create"] - v["base", vlen, "memory", "create"]
			bigger = v[t, vlen, "memory", "struct"] - v["base", vlen, "memory", "struct"]
			return more - bigger + 2 * vstate
		}
		# An instruction of a VM of another vlenb; the base line is ONE_REG.
		function emulated(what, limit, s, loop) {
			if (insns(t, vlen, s))
				row(what (s == "vlenb-vset" ? "" : " (base line " num(insns(t, vlen, "vlenb-vadd")) ")") ": instructions", limit,
					num(insns(t, vlen, s) - (loop ? 0 : insns(t, vlen, "vlenb-nothing"))), "")
		}
		# The worst of the scenarios that begin like this
		function worst(prefix, limit,   i, s, r, max, which) {
			max = 0
			for (i = 1; i <= nr_scenarios; i++) {
				s = scenario[i]
				if (s !~ prefix)
					continue
				r = insns(t, vlen, s) / insns("base", vlen, s)
				if (r > max) { max = r; which = s }
			}
			row("instructions per switch, the worst: " which, limit, sprintf("%.3f", max), " × base")
		}
		# The worst, against another kernel or mode, which an older CSV may lack
		function worst_of(pattern, than, limit, what,   i, s, r, max, which) {
			max = 0
			for (i = 1; i <= nr_scenarios; i++) {
				s = scenario[i]
				if (s !~ pattern || !insns(than, vlen, s))
					continue
				r = insns(t, vlen, s) / insns(than, vlen, s)
				if (r > max) { max = r; which = s }
			}
			row(what " (" which ")", limit, sprintf("%.3f", max), " × " than)
		}
		END {
			print "| target | VLEN | limit | " t " | |"
			print "|---|--:|--:|--:|---|"
			nv = split(vlens, vl, " ")
			for (i = 1; i <= nv; i++) {
				vlen = vl[i]
				vstate = 32 * vlen / 8
				row("guest without SIMD: FP and vector bytes", 0,
					fp(t, vlen, "run-none") + vec(t, vlen, "run-none"), "")
				row("guest without SIMD: instructions over the floor", 20,
					insns(t, vlen, "run-none") - insns(t, vlen, "run-off"), "")
				n = split("run-fp run-v run-both", s, " ")
				for (j = 1; j <= n; j++)
					ratio(s[j] ": instructions", "1.01", insns(t, vlen, s[j]), insns("base", vlen, s[j]))
				n = split("run-v run-both", s, " ")
				for (j = 1; j <= n; j++)
					ratio(s[j] ": vector bytes", "0.5", vec(t, vlen, s[j]), vec("base", vlen, s[j]))
				n = split("run-fp-10 run-v-10 run-both-10", s, " ")
				for (j = 1; j <= n; j++) {
					ratio(s[j] ": instructions", "1", insns(t, vlen, s[j]), insns("base", vlen, s[j]))
					ratio(s[j] ": FP and vector bytes", "1",
						fp(t, vlen, s[j]) + vec(t, vlen, s[j]),
						fp("base", vlen, s[j]) + vec("base", vlen, s[j]))
				}
				worst_of("^run-(fp|v|both)(-p?[0-9]+)?$", "base", "1", "each use pattern: instructions, the worst")
				worst_of("^run-(fp|v|both)(-p?[0-9]+)?$", "eager", "1.02", "each use pattern: instructions, the worst")
				ratio("run-both: FP and vector bytes", "0.5",
					fp(t, vlen, "run-both") + vec(t, vlen, "run-both"),
					fp("base", vlen, "run-both") + vec("base", vlen, "run-both"))
				row("FP in each trip: instructions over a guest without", 220,
					insns(t, vlen, "run-fp") - insns(t, vlen, "run-none"), "")
				row("vectors in each trip: instructions over a guest without", 120,
					insns(t, vlen, "run-v") - insns(t, vlen, "run-none"), "")
				row("first use by a trap: the kernel\047s part, without moving FP", 320,
					v["lazy", vlen, "run-fp", "kernel_insn"] - v[t, vlen, "run-fp", "kernel_insn"], "")
				if (insns(t, vlen, "vlenb-ahead")) {
					emulated("a vector instruction, left to the VMM and back", 4500, "vlenb-synced")
					emulated("vector instructions in a row, the VMM goes on", 1500, "vlenb-ahead", 1)
					emulated("vector instructions in a row, host\047s unit", 500, "vlenb-straight-unit", 1)
					emulated("loop of memcpy(), host\047s unit", 500, "vlenb-memcpy-unit", 1)
					emulated("loop of a dot product, host\047s unit", 500, "vlenb-dot-unit", 1)
					emulated("vsetivli, in the kernel", 900, "vlenb-vset")
				}
				worst("^switch", "1.01")
				worst("^task", "1.01")
				row("vCPU without V: bytes of vector state", 0, held(), "")
				row("vCPU with V: bytes of vector state", vstate,
					held() + v[t, vlen, "memory", "use_v"], "")
				row("sizeof(struct kvm_vcpu)", v["base", vlen, "memory", "struct"],
					v[t, vlen, "memory", "struct"], "")
			}
			print ""
		}' "$csv"
}

# plot FILE TITLE YLABEL FUNCTION VLEN SCENARIO...: bars, a group a scenario
plot()
{
	local file=$1 title=$2 ylabel=$3 what=$4 vlen=$5
	shift 5
	local data=$build/bench/${file%.svg}.dat

	awk -F, -v list="${configs[*]}" -v vlen="$vlen" -v what="$what" -v scenarios="$*" "$library"'
		function value(c, s) {
			if (what == "insns") return insns(c, vlen, s)
			if (what == "fp") return fp(c, vlen, s)
			return vec(c, vlen, s)
		}
		END {
			n = split(list, c, " ")
			print "scenario " list
			for (i = 1; i <= split(scenarios, s, " "); i++) {
				line = s[i]
				for (j = 1; j <= n; j++)
					line = line " " value(c[j], s[i])
				print line
			}
		}' "$csv" >"$data"
	gnuplot <<-EOF
		set terminal svg noenhanced size 900,420 font "sans,12" background "white"
		set output "$top/Documentation/$file"
		set title "$title"
		set ylabel "$ylabel"
		set yrange [0:*]
		set style data histogram
		set style histogram clustered gap 1
		set style fill solid 0.8 border -1
		set xtics rotate by -35
		set grid ytics
		set key outside right top
		plot for [i=2:$((${#configs[@]} + 1))] "$data" using i:xtic(1) title columnheader(i)
	EOF
}

plots()
{
	local runs="run-off run-none run-fp run-fp-2 run-fp-10 run-fp-100 run-v run-v-2 run-v-10 run-v-100 run-both run-both-10"
	local switches="switch-off-off switch-none-none switch-fp-none switch-v-none switch-fp-fp switch-v-v switch-both-both"

	# Lists of words
	# shellcheck disable=SC2086
	{
		plot performance-instructions.svg "A KVM_RUN round trip, VLEN 256" instructions insns 256 $runs
		plot performance-fp.svg "A KVM_RUN round trip, VLEN 256" "bytes to and from FP registers" fp 256 $runs
		plot performance-vector.svg "A KVM_RUN round trip, VLEN 1024" "bytes to and from vector registers" vec 1024 $runs
		plot performance-switch.svg "A switch between two vCPUs, VLEN 256" "instructions of the host's kernel" insns 256 $switches
	}
}

section()
{
	local vlen

	echo "$begin"
	echo
	sed -n 's/^# \(base.*\), make bench$/Kernels and emulator: \1./p' "$csv"
	echo
	echo "### Targets"
	echo
	targets
	echo "### KVM_RUN round trips"
	echo
	echo "Per round trip: instructions of host and guest · bytes to and from FP registers ·"
	echo "bytes to and from vector registers. \`scripts/bench.sh run\`"
	echo
	for vlen in "${vlens[@]}"; do
		table run- "$vlen"
	done
	echo "![instructions](performance-instructions.svg)"
	echo "![FP bytes](performance-fp.svg)"
	echo "![vector bytes](performance-vector.svg)"
	echo
	echo "### Preemption"
	echo
	echo "Per switch: instructions of the host's kernel · FP bytes · vector bytes."
	echo "\`scripts/bench.sh switch task\`"
	echo
	for vlen in "${vlens[@]}"; do
		table switch- "$vlen"
		table task- "$vlen"
	done
	echo "![instructions](performance-switch.svg)"
	echo
	echo "### vCPUs"
	echo
	echo "\`scripts/bench.sh create memory\`"
	echo
	memory_table
	echo "### Vectors of another length"
	echo
	echo "A VM whose vlenb is 64 bytes, or 16, on hosts whose is not: per vector instruction"
	echo "of the guest. The VMM goes on with what comes after an instruction until its budget"
	echo "of 128 is used up. \`scripts/bench.sh vlenb\`"
	echo
	emulated_table
	echo "$end"
}

[ -e "$md" ] || die "$md is missing"
grep -qxF -- "$begin" "$md" || die "$md has lost the mark: $begin"
section >"$build/bench/section"
awk -v b="$begin" -v e="$end" -v file="$build/bench/section" '
	$0 == b { while ((getline line <file) > 0) print line; skip = 1 }
	!skip { print }
	$0 == e { skip = 0 }' "$md" >"$md.new"
mv "$md.new" "$md"
plots
say "Documentation/performance.md, .csv and performance-*.svg are written:"
targets | awk -F'|' 'NR > 2 && NF > 3 { n[$6 ~ /missed/]++; if ($6 ~ /missed/) print "  missed, VLEN" $3 ":" $2 "(" $5 ")" }
	END { printf "  %d of %d targets met\n", n[0], n[0] + n[1] }'
