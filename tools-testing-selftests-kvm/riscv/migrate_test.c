// SPDX-License-Identifier: GPL-2.0
/*
 * migrate_test.c - Move a guest between hosts in the middle of a vector
 * computation
 *
 * The guest computes with nearly all kinds of vector instructions: integer,
 * fixed-point and FP, masks, permutations, reductions, and all ways to access
 * memory. Accumulators stay in vector registers from beginning to end, the
 * rounding modes are not the default ones, and a mask, vl, vtype and other
 * registers are live at each checkpoint. The final checksum must be the one
 * that the same computation in scalar C gives.
 *
 * Without arguments the test migrates the guest within the host. For more than
 * one host:
 *
 *   migrate_test save FILE [-x EXTENSION]... [-b VLENB]
 *	start a guest without these extensions, and save it at the first checkpoint
 *   migrate_test restore FILE [-c] [-o FILE]
 *	restore it, run to the next checkpoint, and save it again; or to the end
 *   migrate_test refuse FILE [-c] TEXT...
 *	the snapshot must be refused, and the reason must contain each TEXT
 *
 * -c also accepts a guest whose vlenb is not the host's. -n COUNT sets the
 * number of vector instructions between checkpoints.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "isa_util.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "rvv.h"
#include "sbi.h"
#include "simd.h"
#include "snapshot.h"
#include "test_util.h"

/*
 * 61 is not a multiple of any number of elements in a register group, so that
 * the last strip is shorter than the others.
 */
#define NR_ITEMS	61
#define NR_STAGES	4
#define STAGE_INSNS	30000
#define QUICK_INSNS	300
#define TIMEOUT		300

#define MUL		2654435761U
#define XOR		0x5bd1e995U
#define LIMIT		100000.0
#define SCALE		0.37

/* Function ids of this test's SBI calls. a1 at the exit is the argument. */
enum { CALL_CHECKPOINT = 0x100, CALL_FINISHED };

/* The sums of all results. The guest keeps most of them in vector registers. */
struct sums {
	u64 wide, masked;
	double fp;
	u32 plain, last;
};

static struct work {
	u32 base[NR_ITEMS], x[NR_ITEMS], y[NR_ITEMS], packed[NR_ITEMS];
	u32 pairs[2 * NR_ITEMS], spread[2 * NR_ITEMS];
	double d[NR_ITEMS];
	struct sums sums;
} work;

/* What the guest reports at the end */
struct verdict {
	u64 checksum, vlenb, rounds, insns;
};

static void init_work(struct work *w)
{
	u32 v = 1;
	int i;

	memset(w, 0, sizeof(*w));
	for (i = 0; i < 2 * NR_ITEMS; i++) {
		v = v * 1664525 + 1013904223;
		w->pairs[i] = v;
		w->base[i % NR_ITEMS] ^= v >> 7;
		w->x[i % NR_ITEMS] ^= v << 3;
		w->d[i % NR_ITEMS] = 1.0;
	}
}

static u64 checksum(const struct work *w)
{
	const u8 *p = (const u8 *)w;
	u64 h = 0xcbf29ce484222325UL;
	size_t i;

	for (i = 0; i < sizeof(*w); i++)
		h = (h ^ p[i]) * 0x100000001b3UL;
	return h;
}

/*
 * Do the computation of one strip in scalar C, for the vl that the vector unit
 * has. The rounding modes are those in the guest's fcsr and vcsr: downward, and
 * to odd.
 */
static noinline void scalar_strip(struct work *w, u64 i, u64 vl, u32 round, u64 *nr_packed)
{
	u32 v, g, rev, down;
	u64 k, p;
	double f;

	for (k = i; k < i + vl; k++) {
		v = w->x[k] * MUL + round;
		if (v & 1)
			v ^= XOR;
		v ^= v << 13;
		v ^= v >> 3 | !!(v & 7);
		w->x[k] = v;
		w->sums.plain += v;
		f = (double)v / (w->d[k] + 1.5);
		if (f > LIMIT) {
			f *= SCALE;
			w->packed[(*nr_packed)++] = v;
			w->sums.masked++;
		}
		w->d[k] = f;
		w->sums.fp += f;
	}
	for (k = i; k < i + vl; k++) {
		g = w->base[NR_ITEMS - 1 - k];
		rev = w->x[2 * i + vl - 1 - k];
		down = k < i + vl - 1 ? w->x[k + 1] : round;
		p = (u32)(w->pairs[2 * k] + w->pairs[2 * k + 1]);
		w->spread[2 * k] = p;
		w->sums.wide += w->x[k] * p;
		w->y[k] = ((g ^ down) + rev) ^ p;
		w->sums.last += w->y[k];
	}
}

static noinline u64 scalar_checksum(u64 vlenb, u64 rounds)
{
	static struct work w;
	u64 round, i, vl, nr_packed, frm;

	init_work(&w);
	asm volatile("csrrwi %0, frm, 2" : "=r" (frm) :: "memory");
	for (round = 0; round < rounds; round++) {
		nr_packed = 0;
		for (i = 0; i < NR_ITEMS; i += vl) {
			vl = min(NR_ITEMS - i, vlenb / 2);
			scalar_strip(&w, i, vl, round, &nr_packed);
		}
	}
	asm volatile("csrw frm, %0" :: "r" (frm) : "memory");
	return checksum(&w);
}

/*
 * The guest's computation. These functions consist of vector instructions only,
 * and the compiler does not use vector registers between them. The sums in v2,
 * v20 to v25 and v28 are live all the time. v0, v4, v5, vl and vtype are live
 * from strip_a() to strip_b().
 */
#define V_CODE(name, code)						\
	".option push\n.option norvc\n.option arch, +v\n"		\
	#name "_begin:\n" code "\n" #name "_end:\n.option pop\n"
#define V_CODE_SIZE(name)						\
	({ extern const u32 name##_begin[], name##_end[]; name##_end - name##_begin; })

static noinline u64 strip_a(u32 *x, double *d, u64 n, u64 round)
{
	u64 vl;

	asm volatile(V_CODE(strip_a,
			    "vsetvli %0, %3, e32, m2, tu, mu\n"
			    "vle32.v v4, (%1)\n"
			    "vmul.vx v4, v4, %5\n"
			    "vadd.vx v4, v4, %4\n"
			    "vand.vi v6, v4, 1\n"
			    "vmsne.vi v0, v6, 0\n"
			    "vxor.vx v4, v4, %6, v0.t\n"
			    "vsll.vi v6, v4, 13\n"
			    "vxor.vv v4, v4, v6\n"
			    "vssrl.vi v6, v4, 3\n"
			    "vxor.vv v4, v4, v6\n"
			    "vse32.v v4, (%1)\n"
			    "vadd.vv v24, v24, v4\n"
			    "vfwcvt.f.xu.v v8, v4\n"
			    "vsetvli zero, zero, e64, m4, tu, mu\n"
			    "vle64.v v12, (%2)\n"
			    "vfadd.vf v12, v12, %7\n"
			    "vfdiv.vv v12, v8, v12\n"
			    "vmfgt.vf v0, v12, %8\n"
			    "vfmul.vf v12, v12, %9, v0.t\n"
			    "vse64.v v12, (%2)\n"
			    "vfredosum.vs v28, v12, v28")
		     : "=&r" (vl)
		     : "r" (x), "r" (d), "r" (n), "r" (round), "r" (MUL), "r" (XOR),
		       "f" (1.5), "f" (LIMIT), "f" (SCALE)
		     : "memory");
	return vl;
}

/* Returns how many elements it has stored in PACKED. */
static noinline u64 strip_b(struct work *w, u64 i, u64 vl, u64 round, u32 *packed)
{
	u64 n;

	asm volatile(V_CODE(strip_b,
			    "vcpop.m %0, v0\n"
			    "vsetvli zero, zero, e32, m2, tu, mu\n"
			    "vcompress.vm v6, v4, v0\n"
			    "vsetvli zero, %0, e32, m2, tu, mu\n"
			    "vse32.v v6, (%1)\n"
			    "vsetvli zero, %2, e32, m2, tu, mu\n"
			    "vid.v v8\n"
			    "vrsub.vx v10, v8, %3\n"
			    "vsll.vi v10, v10, 2\n"
			    "vluxei32.v v12, (%4), v10\n"
			    "vslide1down.vx v14, v4, %5\n"
			    "vxor.vv v12, v12, v14\n"
			    "vrsub.vx v8, v8, %6\n"
			    "vrgather.vv v14, v4, v8\n"
			    "vadd.vv v12, v12, v14\n"
			    "vlseg2e32.v v16, (%7)\n"
			    "vadd.vv v16, v16, v18\n"
			    "vsse32.v v16, (%8), %10\n"
			    "vwmaccu.vv v20, v4, v16\n"
			    "vxor.vv v12, v12, v16\n"
			    "vse32.v v12, (%9)\n"
			    "vredsum.vs v2, v12, v2")
		     : "=&r" (n)
		     : "r" (packed), "r" (vl), "r" (NR_ITEMS - 1 - i), "r" (w->base),
		       "r" (round), "r" (vl - 1), "r" (w->pairs + 2 * i),
		       "r" (w->spread + 2 * i), "r" (w->y + i), "r" (8UL)
		     : "memory");
	return n;
}

static void vector_begin(void)
{
	asm volatile(V_CODE(begin,
			    "vsetvli zero, %0, e64, m4, ta, ma\n"
			    "vmv.v.i v0, 0\n"
			    "vmv.v.i v20, 0\n"
			    "vmv.v.i v24, 0\n"
			    "vmv.v.i v28, 0")
		     :: "r" (-1UL));
	asm volatile(WRITE_FP_CSR("fsrmi 2") ::: "ft0");
	asm volatile(WRITE_V_CSR("csrwi vxrm, 3"));
}

static void vector_end(struct sums *sums)
{
	u64 last, plain;

	asm volatile(V_CODE(end,
			    "vmv.x.s %2, v2\n"
			    "vsetvli zero, %4, e32, m2, ta, ma\n"
			    "vmv.s.x v4, zero\n"
			    "vredsum.vs v4, v24, v4\n"
			    "vmv.x.s %3, v4\n"
			    "vsetvli zero, %4, e64, m4, ta, ma\n"
			    "vfmv.f.s %1, v28\n"
			    "vmv.s.x v4, zero\n"
			    "vredsum.vs v4, v20, v4\n"
			    "vmv.x.s %0, v4")
		     : "=&r" (sums->wide), "=&f" (sums->fp), "=&r" (last), "=&r" (plain)
		     : "r" (-1UL));
	sums->last = last;
	sums->plain = plain;
}

static u64 guest_call(int fn, u64 a, u64 b, u64 c, u64 d)
{
	return sbi_ecall(KVM_RISCV_SELFTESTS_SBI_EXT, fn, a, b, c, d, 0, 0).value;
}

/*
 * Call the VMM at a checkpoint. The guest's clock must neither go back nor
 * jump, even if the guest wakes up on another host.
 */
static void guest_checkpoint(u64 insns)
{
	u64 before = csr_read(CSR_TIME), after;

	guest_call(CALL_CHECKPOINT, insns, 0, 0, 0);
	after = csr_read(CSR_TIME);
	if (after < before || after - before > 1UL << 32)
		guest_call(KVM_RISCV_SELFTESTS_SBI_UNEXP, before, after, 0, 0);
}

static void guest_code(u64 stage_insns)
{
	u64 round, i, vl, n, vlmax, insns = 0, checkpoint = stage_insns;
	u32 *packed;

	csr_set(CSR_SSTATUS, SR_FS | SR_VS);
	vlmax = csr_read(CSR_VLENB) / 2;
	init_work(&work);
	vector_begin();
	for (round = 0; insns < NR_STAGES * stage_insns; round++) {
		packed = work.packed;
		for (i = 0; i < NR_ITEMS; i += vl) {
			/* For an AVL above VLMAX, harts may choose different vl. */
			n = min(NR_ITEMS - i, vlmax);
			vl = strip_a(work.x + i, work.d + i, n, round);
			insns += V_CODE_SIZE(strip_a) + V_CODE_SIZE(strip_b);
			if (insns >= checkpoint && checkpoint < NR_STAGES * stage_insns) {
				guest_checkpoint(insns);
				checkpoint += stage_insns;
			}
			n = strip_b(&work, i, vl, round, packed);
			packed += n;
			work.sums.masked += n;
		}
	}
	vector_end(&work.sums);
	for (;;)
		guest_call(CALL_FINISHED, checksum(&work), csr_read(CSR_VLENB), round, insns);
}

/*
 * The VMM
 */
static struct kvm_vcpu *start_guest(u64 stage_insns, u64 vlenb, const struct kvm_riscv_vm_isa *isa)
{
	struct kvm_vm *vm = vm_create(1);
	struct kvm_vcpu *vcpu;

	if (isa)
		kvm_device_attr_set(vm->fd, KVM_RISCV_VM_ISA, KVM_RISCV_VM_ISA_CEILING,
				    (void *)isa);
	if (vlenb)
		TEST_ASSERT(!__vm_set_vlenb(vm, vlenb), "Cannot set vlenb %lu: %s", vlenb,
			    strerror(errno));
	vcpu = vm_vcpu_add(vm, 0, guest_code);
	vcpu_args_set(vcpu, 1, stage_insns);
	return vcpu;
}

/*
 * How many instructions the VMM has emulated, and after how many of them
 * run_guest() returns
 */
static u64 nr_emulated, emulate_max = ~0UL;

/*
 * Run the guest to its next SBI call and return the function id. Return 0 after
 * a signal, or after emulate_max emulated instructions.
 */
static int run_guest(struct kvm_vcpu *vcpu, struct verdict *v)
{
	u64 end = emulate_max == ~0UL ? emulate_max : nr_emulated + emulate_max;
	struct kvm_run *run = vcpu->run;

	for (;;) {
		if (__vcpu_run(vcpu)) {
			TEST_ASSERT(errno == EINTR, "KVM_RUN: %s", strerror(errno));
			return 0;
		}
		if (run->exit_reason == KVM_EXIT_RISCV_VECTOR) {
			if (nr_emulated == end)
				return 0;
			vcpu_emulate_vector(vcpu, run->riscv_vector.insn);
			nr_emulated++;
			continue;
		}
		TEST_ASSERT(run->exit_reason == KVM_EXIT_RISCV_SBI &&
			    run->riscv_sbi.extension_id == KVM_RISCV_SELFTESTS_SBI_EXT &&
			    run->riscv_sbi.function_id >= CALL_CHECKPOINT,
			    "Exit reason %u at 0x%lx, scause %lu, sepc 0x%lx, stval 0x%lx, a0 0x%lx, a1 0x%lx",
			    run->exit_reason, vcpu_get_reg(vcpu, RISCV_CORE_REG(regs.pc)),
			    vcpu_get_reg(vcpu, RISCV_GENERAL_CSR_REG(scause)),
			    vcpu_get_reg(vcpu, RISCV_GENERAL_CSR_REG(sepc)),
			    vcpu_get_reg(vcpu, RISCV_GENERAL_CSR_REG(stval)),
			    vcpu_get_reg(vcpu, RISCV_CORE_REG(regs.a0)),
			    vcpu_get_reg(vcpu, RISCV_CORE_REG(regs.a1)));
		memcpy(v, run->riscv_sbi.args, sizeof(*v));
		return run->riscv_sbi.function_id;
	}
}

static bool verdict_is_right(const struct verdict *v)
{
	u64 want = scalar_checksum(v->vlenb, v->rounds);

	pr_info("vlenb %lu, %lu rounds, %lu vector instructions: checksum %lx, %s\n",
		v->vlenb, v->rounds, v->insns, v->checksum,
		want == v->checksum ? "right" : "wrong");
	return want == v->checksum;
}

static struct kvm_vcpu *restore(void *data, size_t size, u32 flags, char *why)
{
	struct snapshot s;

	return snapshot_parse(&s, data, size, why) ? snapshot_restore(&s, flags, why) : NULL;
}

/*
 * Move the guest to a new VM with a snapshot. This frees the old VM and its
 * memory.
 */
static struct kvm_vcpu *move(struct kvm_vcpu *vcpu, u32 flags)
{
	char why[SNAPSHOT_WHY_LEN];
	size_t size;
	void *data = snapshot_save(vcpu, &size);

	kvm_vm_free(vcpu->vm);
	vcpu = restore(data, size, flags, why);
	free(data);
	TEST_ASSERT(vcpu, "Snapshot refused: %s", why);
	return vcpu;
}

/*
 * Within one host
 */
FIXTURE(migrate) {
};

FIXTURE_SETUP(migrate)
{
	struct kvm_riscv_vm_isa offered = { .size = sizeof(offered) };
	struct kvm_vm *vm = vm_create_barebones();
	int ret = __kvm_device_attr_get(vm->fd, KVM_RISCV_VM_ISA, KVM_RISCV_VM_ISA_OFFERED,
					&offered);

	kvm_vm_free(vm);
	if (ret)
		SKIP(return, "no KVM_RISCV_VM_ISA");
	if (!(offered.ext[0] & BIT_ULL(KVM_RISCV_ISA_EXT_V)))
		SKIP(return, "no V");
}

FIXTURE_TEARDOWN(migrate)
{
}

static void handle_alarm(int signal)
{
}

/* Send a signal every USEC microseconds, or none if USEC is 0. */
static void set_alarms(int usec)
{
	struct itimerval timer = { { 0, usec }, { 0, usec } };

	TEST_ASSERT_EQ(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

/*
 * Run the guest and move it at each checkpoint, and wherever it is when a
 * signal arrives. Return the number of signals.
 */
static int run_with_moves(u64 stage_insns, u64 vlenb, int usec)
{
	struct sigaction sa = { .sa_handler = handle_alarm };
	struct kvm_vcpu *vcpu = start_guest(stage_insns, vlenb, NULL);
	struct verdict v;
	int moves = 0, signals = 0, call;

	sigaction(SIGALRM, &sa, NULL);
	for (;;) {
		set_alarms(usec);
		call = run_guest(vcpu, &v);
		set_alarms(0);
		if (call == CALL_FINISHED)
			break;
		vcpu = move(vcpu, vlenb ? SNAPSHOT_CARRY_VLENB : 0);
		moves++;
		signals += call != CALL_CHECKPOINT;
	}
	TEST_ASSERT(verdict_is_right(&v), "The checksum is wrong");
	TEST_ASSERT(moves >= NR_STAGES - 1, "Only %d moves", moves);
	pr_info("%d moves, %d of them after a signal\n", moves, signals);
	kvm_vm_free(vcpu->vm);
	return signals;
}

TEST_F_TIMEOUT(migrate, at_checkpoints, TIMEOUT)
{
	run_with_moves(STAGE_INSNS, 0, 0);
}

TEST_F_TIMEOUT(migrate, anywhere, TIMEOUT)
{
	int usec = 10000;

	/* The faster the hart, the more often signals have to come. */
	while (!run_with_moves(STAGE_INSNS, 0, usec)) {
		usec /= 4;
		ASSERT_LT(0, usec);
	}
}

TEST_F_TIMEOUT(migrate, other_vlenb, TIMEOUT)
{
	u64 host = kvm_host_vlenb(), vlenb;

	if (!host)
		SKIP(return, "no KVM_CAP_RISCV_GUEST_VLENB");
	/*
	 * Also move the guest while pc is on an instruction that the VMM has
	 * yet to emulate.
	 */
	emulate_max = 400;
	for (vlenb = 16; vlenb <= 256; vlenb *= 4) {
		nr_emulated = 0;
		run_with_moves(QUICK_INSNS, vlenb, 0);
		EXPECT_EQ(vlenb != host, nr_emulated > 0);
	}
}

/*
 * Between hosts
 */
static void write_file(const char *path, const void *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	TEST_ASSERT(fd >= 0, "%s: %s", path, strerror(errno));
	TEST_ASSERT(write(fd, data, size) == size, "%s: %s", path, strerror(errno));
	close(fd);
}

static void *read_file(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY);
	void *data;

	TEST_ASSERT(fd >= 0, "%s: %s", path, strerror(errno));
	*size = lseek(fd, 0, SEEK_END);
	data = malloc(*size);
	TEST_ASSERT(data && pread(fd, data, *size, 0) == *size, "%s: %s", path, strerror(errno));
	close(fd);
	return data;
}

struct options {
	const char *file, *out;
	u64 vlenb, stage_insns;
	u32 flags;
	bool hide;
	struct kvm_riscv_vm_isa isa;
	int nr_texts;
	char **texts;
};

static int save_and_free(struct kvm_vcpu *vcpu, const char *path)
{
	size_t size;
	void *data = snapshot_save(vcpu, &size);

	write_file(path, data, size);
	pr_info("%s: %zu bytes\n", path, size);
	kvm_vm_free(vcpu->vm);
	return 0;
}

static int mode_save(struct options *o)
{
	struct kvm_vcpu *vcpu = start_guest(o->stage_insns, o->vlenb, o->hide ? &o->isa : NULL);
	struct verdict v;

	TEST_REQUIRE(__vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_V));
	TEST_ASSERT_EQ(run_guest(vcpu, &v), CALL_CHECKPOINT);
	return save_and_free(vcpu, o->file);
}

static int mode_restore(struct options *o)
{
	char why[SNAPSHOT_WHY_LEN];
	struct timespec start, ran;
	struct kvm_vcpu *vcpu;
	struct verdict v;
	size_t size;
	void *data;
	int call;

	data = read_file(o->file, &size);
	vcpu = restore(data, size, o->flags, why);
	TEST_ASSERT(vcpu, "Snapshot refused: %s", why);
	free(data);

	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		call = run_guest(vcpu, &v);
	} while (call == CALL_CHECKPOINT && !o->out);
	ran = timespec_elapsed(start);
	pr_info("vlenb %lu, the host's %lu, %lu instructions emulated in %lld.%02ld s\n",
		vcpu_vlenb(vcpu), kvm_host_vlenb(), nr_emulated,
		(long long)ran.tv_sec, ran.tv_nsec / 10000000);
	if (o->out) {
		TEST_ASSERT_EQ(call, CALL_CHECKPOINT);
		return save_and_free(vcpu, o->out);
	}
	TEST_ASSERT_EQ(call, CALL_FINISHED);
	TEST_ASSERT(verdict_is_right(&v), "The checksum is wrong");
	kvm_vm_free(vcpu->vm);
	return 0;
}

static int mode_refuse(struct options *o)
{
	char why[SNAPSHOT_WHY_LEN];
	size_t size;
	void *data = read_file(o->file, &size);
	int i;

	TEST_ASSERT(!restore(data, size, o->flags, why), "The snapshot was not refused");
	pr_info("refused: %s\n", why);
	for (i = 0; i < o->nr_texts; i++)
		TEST_ASSERT(strstr(why, o->texts[i]), "'%s' is not in the reason", o->texts[i]);
	free(data);
	return 0;
}

/* Set a ceiling that lacks an extension which the host offers. */
static void hide_ext(struct options *o, const char *name)
{
	int ext = isa_ext_by_name(name);
	struct kvm_vm *vm;

	TEST_ASSERT(ext >= 0, "No extension has the name %s", name);
	if (!o->hide) {
		vm = vm_create_barebones();
		o->isa.size = sizeof(o->isa);
		kvm_device_attr_get(vm->fd, KVM_RISCV_VM_ISA, KVM_RISCV_VM_ISA_OFFERED,
				    &o->isa);
		kvm_vm_free(vm);
		o->hide = true;
	}
	o->isa.ext[ext / 64] &= ~BIT_ULL(ext % 64);
}

static const struct {
	const char *name;
	int (*run)(struct options *o);
} modes[] = {
	{ "save", mode_save },
	{ "restore", mode_restore },
	{ "refuse", mode_refuse },
};

int main(int argc, char **argv)
{
	struct options o = { .stage_insns = STAGE_INSNS };
	int i, opt;

	for (i = 0; argc > 2 && i < ARRAY_SIZE(modes); i++) {
		if (strcmp(argv[1], modes[i].name))
			continue;
		o.file = argv[2];
		optind = 3;
		while ((opt = getopt(argc, argv, "b:cn:o:x:")) != -1) {
			switch (opt) {
			case 'b':
				o.vlenb = atoi_positive("vlenb", optarg);
				break;
			case 'c':
				o.flags |= SNAPSHOT_CARRY_VLENB;
				break;
			case 'n':
				o.stage_insns = atoi_positive("instructions", optarg);
				break;
			case 'o':
				o.out = optarg;
				break;
			case 'x':
				hide_ext(&o, optarg);
				break;
			default:
				return KSFT_FAIL;
			}
		}
		o.nr_texts = argc - optind;
		o.texts = argv + optind;
		return modes[i].run(&o);
	}
	/*
	 * The harness takes only options. Refuse other arguments, so that a
	 * misspelt mode does not run the default tests and pass.
	 */
	TEST_ASSERT(argc < 2 || argv[1][0] == '-', "There is no mode \"%s\"", argv[1]);
	return test_harness_run(argc, argv);
}
