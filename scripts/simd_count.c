// SPDX-License-Identifier: GPL-2.0
/*
 * simd_count.c - QEMU plugin: what happens between two markers.
 *
 * Counts instructions, and the bytes that the kernel moves between memory and
 * FP or vector registers.  simd_bench (a KVM selftest) brackets what is to be
 * measured with instructions that are hints to a CPU and calls to us:
 *
 *	slti x0, x0, MARK_BEGIN		start over
 *	slti x0, x0, MARK_LAP		one unit of work is done
 *	slti x0, x0, MARK_END		write out the laps since BEGIN
 *
 * They may be executed by the host's user space or by the KVM guest.
 *
 * Written per END: one line a counter with minimum, median, mean and maximum of
 * the laps.  A timer tick or a kernel thread makes some laps longer, and leaves
 * the median alone.
 *
 * With the argument laps=FILE also each lap in its order, for laps that are not alike:
 * window, lap, instructions.
 *
 * With the argument profile=FILE also how often each instruction of the kernel
 * was executed between BEGIN and END: window, address, count.
 *
 * What the kernel does is told from what user space and the guest do by the
 * address of the instruction: in the upper half, where only the host's kernel
 * runs.  (The guests of KVM's selftests run in the lower half.)
 *
 * QEMU's header is not packaged with QEMU by Debian, so the few declarations
 * needed are here: API version 4, that of QEMU 10.0.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QEMU_PLUGIN_VERSION	4
#define EXPORT			__attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
typedef uint32_t qemu_plugin_meminfo_t;

typedef struct {
	const char *target_name;
	struct {
		int min;
		int cur;
	} version;
	bool system_emulation;
	struct {
		int smp_vcpus;
		int max_vcpus;
	} system;
} qemu_info_t;

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_scoreboard;

typedef struct {
	struct qemu_plugin_scoreboard *score;
	size_t offset;
} qemu_plugin_u64;

enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
enum qemu_plugin_mem_rw { QEMU_PLUGIN_MEM_R = 1, QEMU_PLUGIN_MEM_W, QEMU_PLUGIN_MEM_RW };
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };

typedef void (*tb_trans_cb_t)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*insn_cb_t)(unsigned int cpu, void *userdata);
typedef void (*mem_cb_t)(unsigned int cpu, qemu_plugin_meminfo_t info, uint64_t vaddr,
			 void *userdata);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, tb_trans_cb_t cb);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *dest, size_t len);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, insn_cb_t cb,
					    enum qemu_plugin_cb_flags flags, void *userdata);
void qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(struct qemu_plugin_insn *insn,
							 enum qemu_plugin_op op,
							 qemu_plugin_u64 entry, uint64_t imm);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, mem_cb_t cb,
				      enum qemu_plugin_cb_flags flags,
				      enum qemu_plugin_mem_rw rw, void *userdata);
unsigned int qemu_plugin_mem_size_shift(qemu_plugin_meminfo_t info);
bool qemu_plugin_mem_is_store(qemu_plugin_meminfo_t info);
struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t element_size);
uint64_t qemu_plugin_u64_get(qemu_plugin_u64 entry, unsigned int cpu);
void qemu_plugin_u64_add(qemu_plugin_u64 entry, unsigned int cpu, uint64_t added);

/* Keep in step with simd_bench.c */
enum mark { MARK_BEGIN = 0x6b1, MARK_LAP, MARK_END };

enum counter {
	INSN,			/* every instruction, whoever executes it */
	KERNEL_INSN,		/* those of the host's kernel, and among them: */
	KERNEL_CSR,		/* accesses to CSRs */
	FP_LOAD, FP_STORE,	/* bytes */
	V_LOAD, V_STORE,
	NR_COUNTERS
};

static const char *const counter_name[NR_COUNTERS] = {
	[INSN]		= "insn",
	[KERNEL_INSN]	= "kernel_insn",
	[KERNEL_CSR]	= "kernel_csr",
	[FP_LOAD]	= "fp_load",
	[FP_STORE]	= "fp_store",
	[V_LOAD]	= "v_load",
	[V_STORE]	= "v_store",
};

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define MAX_LAPS	100000

EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static struct qemu_plugin_scoreboard *score;
static uint64_t laps[NR_COUNTERS][MAX_LAPS], last[NR_COUNTERS];
static unsigned int nr_laps;
static FILE *out, *in_order, *profile;

/* One for each instruction of the kernel that has been translated */
static struct site {
	uint64_t addr, count, at_begin;
} sites[1 << 20];

static qemu_plugin_u64 counter(enum counter c)
{
	return (qemu_plugin_u64){ score, c * sizeof(uint64_t) };
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static struct site *site_of(uint64_t addr)
{
	size_t i = addr >> 1, n;

	for (n = 0; n < ARRAY_SIZE(sites); n++, i++) {
		struct site *s = &sites[i % ARRAY_SIZE(sites)];

		if (!s->addr)
			s->addr = addr;
		if (s->addr == addr)
			return s;
	}
	abort();
}

static void executed(unsigned int cpu, void *userdata)
{
	struct site *s = userdata;

	(void)cpu;
	s->count++;
}

static void profile_begin(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sites); i++)
		sites[i].at_begin = sites[i].count;
}

static void profile_end(unsigned int window)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sites); i++)
		if (sites[i].count != sites[i].at_begin)
			fprintf(profile, "%u %" PRIx64 " %" PRIu64 "\n", window, sites[i].addr,
				sites[i].count - sites[i].at_begin);
	fflush(profile);
}

static void write_out(void)
{
	static unsigned int window;
	unsigned int c, i;

	window++;
	if (profile)
		profile_end(window);
	for (i = 0; in_order && i < nr_laps; i++)
		fprintf(in_order, "%u %u %" PRIu64 "\n", window, i + 1, laps[INSN][i]);
	if (in_order)
		fflush(in_order);
	for (c = 0; c < NR_COUNTERS && nr_laps; c++) {
		double sum = 0;

		for (i = 0; i < nr_laps; i++)
			sum += laps[c][i];
		qsort(laps[c], nr_laps, sizeof(laps[c][0]), compare);
		fprintf(out, "%u %s %u %" PRIu64 " %" PRIu64 " %.3f %" PRIu64 "\n",
			window, counter_name[c], nr_laps, laps[c][0],
			laps[c][nr_laps / 2], sum / nr_laps, laps[c][nr_laps - 1]);
	}
	fflush(out);
}

static void marker(unsigned int cpu, void *userdata)
{
	enum mark m = (uintptr_t)userdata;
	unsigned int c;

	if (m == MARK_END) {
		write_out();
		return;
	}
	if (m == MARK_BEGIN) {
		nr_laps = 0;
		if (profile)
			profile_begin();
	}
	for (c = 0; c < NR_COUNTERS; c++) {
		uint64_t now = qemu_plugin_u64_get(counter(c), cpu);

		if (m == MARK_LAP && nr_laps < MAX_LAPS)
			laps[c][nr_laps] = now - last[c];
		last[c] = now;
	}
	if (m == MARK_LAP && nr_laps < MAX_LAPS)
		nr_laps++;
}

/* USERDATA is what to count a load as; a store is the one behind it. */
static void moved(unsigned int cpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *userdata)
{
	enum counter c = (uintptr_t)userdata;

	(void)vaddr;
	if (qemu_plugin_mem_is_store(info))
		c++;
	qemu_plugin_u64_add(counter(c), cpu, 1u << qemu_plugin_mem_size_shift(info));
}

static bool is_marker(uint32_t insn)
{
	uint32_t imm = insn >> 20;

	/* slti x0, x0, imm */
	return (insn & 0xfffff) == 0x02013 && imm >= MARK_BEGIN && imm <= MARK_END;
}

/* FP_LOAD or V_LOAD for loads and stores of these registers, otherwise -1 */
static int simd_access(uint32_t insn)
{
	uint32_t opcode = insn & 0x7f, width = insn >> 12 & 7;

	if ((insn & 3) != 3) {
		/* c.fld, c.fsd, c.fldsp, c.fsdsp */
		uint32_t funct3 = insn >> 13 & 7;

		return (insn & 1) == 0 && (funct3 == 1 || funct3 == 5) ? FP_LOAD : -1;
	}
	if (opcode != 0x07 && opcode != 0x27)
		return -1;
	return width >= 1 && width <= 4 ? FP_LOAD : V_LOAD;
}

static bool is_csr(uint32_t insn)
{
	return (insn & 0x7f) == 0x73 && (insn >> 12 & 3);
}

static void count(struct qemu_plugin_insn *insn, enum counter c)
{
	qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_PLUGIN_INLINE_ADD_U64,
							    counter(c), 1);
}

static void instrument(struct qemu_plugin_insn *insn)
{
	uint32_t code = 0;
	int c;

	qemu_plugin_insn_data(insn, &code, sizeof(code));
	if (is_marker(code))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, marker, QEMU_PLUGIN_CB_NO_REGS,
						       (void *)(uintptr_t)(code >> 20));
	count(insn, INSN);
	if (!(qemu_plugin_insn_vaddr(insn) >> 63))
		return;
	count(insn, KERNEL_INSN);
	if (profile)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, executed, QEMU_PLUGIN_CB_NO_REGS,
						       site_of(qemu_plugin_insn_vaddr(insn)));
	if (is_csr(code))
		count(insn, KERNEL_CSR);
	c = simd_access(code);
	if (c >= 0)
		qemu_plugin_register_vcpu_mem_cb(insn, moved, QEMU_PLUGIN_CB_NO_REGS,
						 QEMU_PLUGIN_MEM_RW, (void *)(uintptr_t)c);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (i = 0; i < n; i++)
		instrument(qemu_plugin_tb_get_insn(tb, i));
}

static bool open_for(const char *arg, const char *name, FILE **f)
{
	size_t len = strlen(name);

	if (strncmp(arg, name, len))
		return false;
	*f = fopen(arg + len, "w");
	if (!*f)
		perror(arg + len);
	return *f;
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	int i;

	if (strcmp(info->target_name, "riscv64") || !info->system_emulation ||
	    info->system.max_vcpus != 1) {
		fprintf(stderr, "simd_count: qemu-system-riscv64 -smp 1 only\n");
		return -1;
	}
	for (i = 0; i < argc; i++)
		if (!open_for(argv[i], "out=", &out) && !open_for(argv[i], "laps=", &in_order) &&
		    !open_for(argv[i], "profile=", &profile)) {
			fprintf(stderr, "simd_count: out=FILE[,laps=FILE][,profile=FILE], not %s\n",
				argv[i]);
			return -1;
		}
	if (!out) {
		fprintf(stderr, "simd_count: out=FILE is missing\n");
		return -1;
	}
	score = qemu_plugin_scoreboard_new(NR_COUNTERS * sizeof(uint64_t));
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
