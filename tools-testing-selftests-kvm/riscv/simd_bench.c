// SPDX-License-Identifier: GPL-2.0
/*
 * simd_bench.c - Measure what FP and vector registers cost a KVM host.
 *
 * This is a benchmark and not a test. It runs scenarios and marks the end of
 * each unit of work with a HINT instruction, which does nothing on the CPU but
 * is visible to an emulator or a trace that counts instructions. It prints a
 * description of the marks:
 *
 *	mode: MODE			simd_switch, if the kernel has it
 *	window: NAME N			the scenario of the next marks, with N
 *					units of work per lap
 *	memory: NAME WHAT BYTES		counted here, with the kernel's tracepoints
 *
 * Everything runs on one CPU and with real-time priorities, so that the results
 * are reproducible.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arch_timer.h"
#include "fault_util.h"
#include "kvm_util.h"
#include "processor.h"
#include "rvv.h"
#include "sbi.h"
#include "test_util.h"

/* Units that somebody uses */
#define FP		BIT(0)
#define V		BIT(1)
#define BOTH		(FP | V)

#define SETTLE_US	50000
#define WARM_UP		64
#define MIN_LAPS	20
#define MIN_TRIPS	400
#define NR_SWITCH_LAPS	200
#define NR_VCPUS	33
#define NR_EMULATED	100
/* A vector length that no host has on which this benchmark runs */
#define OTHER_VLENB	64
#define TIMER_TICKS	500
/* Trips per lap in scenarios that use units at random */
#define TRIPS_RANDOM	50

/*
 * Real-time priorities; a larger number is a higher priority. Only the tick and
 * the threads that it wakes up can interrupt the benchmark.
 */
#define PRIO_LOW	10
#define PRIO_HIGH	20

#define SBI_EXT_IPI	0x735049

/*
 * Immediate operands of the marking instruction, which compilers do not
 * generate
 */
enum mark { MARK_BEGIN = 0x6b1, MARK_LAP, MARK_END };

struct scenario {
	const char *name;
	void (*run)(const struct scenario *s);
	unsigned int guest;	/* units that the guest uses, */
	unsigned int period;	/* in one turn out of so many, */
	unsigned int tenths;	/* or at random in so many of ten, */
	unsigned int other;	/* and the VMM, another guest, or a task */
	bool off;		/* the guest has neither F, nor D, nor V */
	void (*code)(void);	/* of a guest of another vlenb */
	bool emulate;		/* the VMM emulates instructions that exit, */
	bool synced;		/* with registers in kvm_run, */
	bool ahead;		/* and also the instructions that follow, */
	bool unit;		/* with the host's vector unit */
	unsigned int vlenb;	/* the guest's, if not OTHER_VLENB */
	unsigned int units;	/* vector instructions a lap, if not 1 */
};

static bool stop;		/* the guest's own copy, and the host's */
static int nr_kicks;

/* SLTI with rd = x0 is a HINT for custom use. */
static __always_inline void mark(enum mark m)
{
	asm volatile("slti x0, x0, %0" :: "i" (m) : "memory");
}

static __always_inline void use_simd(unsigned int units)
{
	if (units & FP)
		asm volatile("fadd.d ft0, ft0, ft0" ::: "ft0", "memory");
	if (units & V)
		asm volatile(".option push\n.option arch, +v\n"
			     "vsetivli zero, 2, e64, m1, ta, ma\n"
			     "vadd.vi v8, v8, 1\n"
			     ".option pop\n" ::: "memory");
}

static void guest_exit(unsigned long failures)
{
	sbi_ecall(KVM_RISCV_SELFTESTS_SBI_EXT, KVM_RISCV_SELFTESTS_SBI_UCALL,
		  failures, 0, 0, 0, 0, 0);
}

static void guest_simd_on(void)
{
	csr_set(CSR_SSTATUS, SR_FS_INITIAL | SR_VS_INITIAL);
}

static void vcpu_simd_off(struct kvm_vcpu *vcpu)
{
	/* Disable dependents first. */
	static const u64 exts[] = {
		KVM_RISCV_ISA_EXT_V, KVM_RISCV_ISA_EXT_D, KVM_RISCV_ISA_EXT_F,
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(exts); i++)
		if (__vcpu_has_isa_ext(vcpu, exts[i]))
			vcpu_set_reg(vcpu, RISCV_ISA_EXT_REG(exts[i]), 0);
}

static void set_priority(int prio)
{
	struct sched_param p = { .sched_priority = prio };

	__TEST_REQUIRE(!pthread_setschedparam(pthread_self(), SCHED_FIFO, &p),
		       "No permission for real-time scheduling");
}

static void start_thread(pthread_t *thread, int prio, void *(*fn)(void *), void *arg)
{
	struct sched_param p = { .sched_priority = prio };
	pthread_attr_t attr;

	/*
	 * Set the priority at creation, because the new thread might not get
	 * the CPU to set it itself.
	 */
	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &p);
	TEST_ASSERT_EQ(pthread_create(thread, &attr, fn, arg), 0);
	pthread_attr_destroy(&attr);
}

/*
 * Print a line, and wait until the processes that pass it on have finished, so
 * that they do not disturb the measurement.
 */
static void __printf(1, 2) report(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	fflush(stdout);
	usleep(SETTLE_US);
}

/*
 * This is on the path that is measured, so avoid TEST_ASSERT(), which costs
 * more.
 */
static void vcpu_run_to_exit(struct kvm_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	int ret = __vcpu_run(vcpu);

	if (ret)
		TEST_FAIL(KVM_IOCTL_ERROR(KVM_RUN, ret));
	if (run->exit_reason != KVM_EXIT_RISCV_SBI ||
	    run->riscv_sbi.extension_id != KVM_RISCV_SELFTESTS_SBI_EXT ||
	    run->riscv_sbi.function_id != KVM_RISCV_SELFTESTS_SBI_UCALL)
		TEST_FAIL("Unexpected exit, reason %u", run->exit_reason);
	if (run->riscv_sbi.args[0])
		TEST_FAIL("The guest reports %lu failures",
			  (unsigned long)run->riscv_sbi.args[0]);
}

/*
 * Return the same numbers in each run. This is a linear congruential generator,
 * of which only the upper bits are random enough.
 */
static unsigned int guest_random(unsigned int below)
{
	static u64 x = 1;

	x = x * 6364136223846793005UL + 1442695040888963407UL;
	return (x >> 32) % below;
}

/* One turn is one KVM_RUN. */
static void guest_trips(unsigned int units, unsigned int period, unsigned int tenths)
{
	unsigned int i;

	guest_simd_on();
	while (tenths) {
		if (guest_random(10) < tenths)
			use_simd(units);
		guest_exit(0);
	}
	for (;;) {
		use_simd(units);
		for (i = 0; i < period; i++)
			guest_exit(0);
	}
}

static void run_trips(const struct scenario *s)
{
	int period = s->period;
	int laps = max(MIN_LAPS, MIN_TRIPS / period);
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	int i;

	vm = vm_create_with_one_vcpu(&vcpu, guest_trips);
	vcpu_args_set(vcpu, 3, (u64)s->guest, (u64)period, (u64)s->tenths);
	if (s->off)
		vcpu_simd_off(vcpu);

	report("window: %s %d\n", s->name, period);

	for (i = 0; i < WARM_UP * min(period, 10); i++) {
		vcpu_run_to_exit(vcpu);
		use_simd(s->other);
	}
	mark(MARK_BEGIN);
	while (laps--) {
		for (i = 0; i < period; i++) {
			vcpu_run_to_exit(vcpu);
			use_simd(s->other);
		}
		mark(MARK_LAP);
	}
	mark(MARK_END);
	kvm_vm_free(vm);
}

/*
 * vCPU 0 wakes up vCPU 1, which preempts vCPU 0 inside KVM_RUN and keeps the
 * CPU until it waits again. This makes two switches per lap.
 */
static void guest_kick(void)
{
	sbi_ecall(SBI_EXT_IPI, 0, BIT(1), 0, 0, 0, 0, 0);
}

static void guest_kicks(unsigned int units)
{
	int i, missed = 0;

	guest_simd_on();
	for (i = -WARM_UP; i < NR_SWITCH_LAPS; i++) {
		if (!i)
			mark(MARK_BEGIN);
		use_simd(units);
		guest_kick();
		missed += READ_ONCE(nr_kicks) != i + WARM_UP + 1;
		mark(MARK_LAP);
	}
	mark(MARK_END);
	WRITE_ONCE(stop, true);
	guest_kick();
	guest_exit(missed);
}

static void guest_is_kicked(unsigned int units)
{
	guest_simd_on();
	csr_set(CSR_SIE, IE_SIE);
	while (!READ_ONCE(stop)) {
		while (!(csr_read(CSR_SIP) & IE_SIE))
			asm volatile("wfi" ::: "memory");
		csr_clear(CSR_SIP, IE_SIE);
		use_simd(units);
		WRITE_ONCE(nr_kicks, nr_kicks + 1);
	}
	guest_exit(0);
}

static void *vcpu_thread(void *vcpu)
{
	vcpu_run_to_exit(vcpu);
	return NULL;
}

static void run_switches(const struct scenario *s)
{
	struct kvm_vm *vm = vm_create(2);
	struct kvm_vcpu *vcpu[2];
	pthread_t thread;

	vcpu[0] = vm_vcpu_add(vm, 0, guest_kicks);
	vcpu[1] = vm_vcpu_add(vm, 1, guest_is_kicked);
	vcpu_args_set(vcpu[0], 1, (u64)s->guest);
	vcpu_args_set(vcpu[1], 1, (u64)s->other);
	if (s->off) {
		vcpu_simd_off(vcpu[0]);
		vcpu_simd_off(vcpu[1]);
	}

	report("window: %s 2\n", s->name);

	start_thread(&thread, PRIO_HIGH, vcpu_thread, vcpu[1]);
	vcpu_run_to_exit(vcpu[0]);
	pthread_join(thread, NULL);
	kvm_vm_free(vm);
}

/*
 * A vCPU waits for its timer and then preempts a task that computes all the
 * time. This makes two switches per lap.
 */
static void guest_timer(unsigned int units)
{
	int i;

	guest_simd_on();
	timer_irq_enable();
	for (i = -WARM_UP; i < NR_SWITCH_LAPS; i++) {
		if (!i)
			mark(MARK_BEGIN);
		use_simd(units);
		timer_set_cmp(timer_get_cycles() + TIMER_TICKS);
		while (!(csr_read(CSR_SIP) & IE_TIE))
			asm volatile("wfi" ::: "memory");
		mark(MARK_LAP);
	}
	mark(MARK_END);
	guest_exit(0);
}

static void *compute(void *arg)
{
	unsigned int units = (unsigned long)arg;

	while (!READ_ONCE(stop))
		use_simd(units);
	return NULL;
}

static void run_beside_task(const struct scenario *s)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	pthread_t thread;

	vm = vm_create_with_one_vcpu(&vcpu, guest_timer);
	TEST_ASSERT(__vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_SSTC), "no Sstc");
	vcpu_args_set(vcpu, 1, (u64)s->guest);
	if (s->off)
		vcpu_simd_off(vcpu);

	report("window: %s 2\n", s->name);

	WRITE_ONCE(stop, false);
	set_priority(PRIO_HIGH);
	start_thread(&thread, PRIO_LOW, compute, (void *)(unsigned long)s->other);
	vcpu_run_to_exit(vcpu);
	WRITE_ONCE(stop, true);
	pthread_join(thread, NULL);
	set_priority(PRIO_LOW);
	kvm_vm_free(vm);
}

/*
 * Guests whose vlenb is not the host's. They execute one vector instruction per
 * lap. Aligned like this, none of them crosses a page, where the VMM has to fetch
 * instructions once more.
 */
#define GUEST_VECTOR(_name, _insn)						\
static void __aligned(512) guest_##_name(void)					\
{										\
	int i;									\
										\
	guest_simd_on();							\
	asm volatile(".option push\n.option arch, +v\n"			\
		     "vsetivli zero, 8, e32, m1, ta, ma\n.option pop");		\
	for (i = -WARM_UP; i < NR_EMULATED; i++) {				\
		if (!i)								\
			mark(MARK_BEGIN);					\
		asm volatile(".option push\n.option arch, +v\n"		\
			     _insn "\n.option pop" ::: "t0");			\
		mark(MARK_LAP);							\
	}									\
	mark(MARK_END);								\
	guest_exit(0);								\
}

GUEST_VECTOR(nothing, "")
GUEST_VECTOR(vset, "vsetivli zero, 8, e32, m1, ta, ma")
GUEST_VECTOR(csr, "csrr t0, vl")
GUEST_VECTOR(vadd, "vadd.vi v8, v8, 1")

/* STRAIGHT vector instructions in a row */
#define STRAIGHT	64

GUEST_VECTOR(straight,
	     ".rept 16\n"
	     "vadd.vi v8, v8, 1\n"
	     "vxor.vv v9, v8, v10\n"
	     "vmul.vv v10, v9, v8\n"
	     "vsrl.vi v8, v10, 3\n"
	     ".endr")

/* Loops with 128 bytes and 64 bytes an iteration if vlenb is 16 */
#define LOOP_VLENB	16
#define LOOP_SIZE	4096
#define MEMCPY_INSNS	(3 * LOOP_SIZE / (8 * LOOP_VLENB))
#define DOT_INSNS	(4 * LOOP_SIZE / (4 * LOOP_VLENB) + 3)

static u8 loop_src[LOOP_SIZE] __aligned(64), loop_dst[LOOP_SIZE] __aligned(64);

static void __aligned(512) guest_memcpy(void)
{
	u8 *src, *dst;
	int i;
	u64 n;

	guest_simd_on();
	for (i = -WARM_UP; i < NR_EMULATED; i++) {
		if (!i)
			mark(MARK_BEGIN);
		src = loop_src;
		dst = loop_dst;
		n = LOOP_SIZE;
		asm volatile(".option push\n.option arch, +v\n"
			     "1:	vsetvli t0, %2, e8, m8, ta, ma\n"
			     "	vle8.v	v8, (%0)\n"
			     "	add	%0, %0, t0\n"
			     "	sub	%2, %2, t0\n"
			     "	vse8.v	v8, (%1)\n"
			     "	add	%1, %1, t0\n"
			     "	bnez	%2, 1b\n"
			     ".option pop"
			     : "+r" (src), "+r" (dst), "+r" (n) :: "t0", "memory");
		mark(MARK_LAP);
	}
	mark(MARK_END);
	guest_exit(0);
}

static void __aligned(512) guest_dot(void)
{
	u8 *a, *b;
	int i;
	u64 n;

	guest_simd_on();
	for (i = -WARM_UP; i < NR_EMULATED; i++) {
		if (!i)
			mark(MARK_BEGIN);
		a = loop_src;
		b = loop_dst;
		n = LOOP_SIZE / sizeof(u32);
		asm volatile(".option push\n.option arch, +v\n"
			     "	vsetvli	t0, zero, e32, m4, ta, ma\n"
			     "	vmv.v.i	v16, 0\n"
			     "1:	vsetvli t0, %2, e32, m4, tu, ma\n"
			     "	vle32.v	v8, (%0)\n"
			     "	vle32.v	v12, (%1)\n"
			     "	sub	%2, %2, t0\n"
			     "	slli	t0, t0, 2\n"
			     "	add	%0, %0, t0\n"
			     "	add	%1, %1, t0\n"
			     "	vmacc.vv v16, v8, v12\n"
			     "	bnez	%2, 1b\n"
			     "	vredsum.vs v8, v16, v16\n"
			     ".option pop"
			     : "+r" (a), "+r" (b), "+r" (n) :: "t0", "memory");
		mark(MARK_LAP);
	}
	mark(MARK_END);
	guest_exit(0);
}

static void run_other_vlenb(const struct scenario *s)
{
	u64 vlenb = s->vlenb ? : OTHER_VLENB;
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_RISCV_GUEST_VLENB,
		.args = { vlenb, KVM_RISCV_VLENB_USER_EXIT },
	};
	struct kvm_vcpu *vcpu;
	struct rvv_vcpu rvv;
	struct kvm_vm *vm;

	if (!kvm_check_cap(KVM_CAP_RISCV_GUEST_VLENB))
		return;
	if (s->vlenb && (!rvv_have_unit(s->vlenb) || rvv_have_unit(2 * s->vlenb) == 0))
		return;

	vm = vm_create(1);
	vm_ioctl(vm, KVM_ENABLE_CAP, &cap);
	vcpu = vm_vcpu_add(vm, 0, s->code);
	if (s->synced)
		rvv_vcpu_init(&rvv, vcpu);
	if (s->ahead)
		rvv.run_ahead = RVV_RUN_AHEAD;
	if (s->unit)
		rvv.s->unit = true;

	report("window: %s %u\n", s->name, s->units ? : 1);

	for (;;) {
		TEST_ASSERT_EQ(__vcpu_run(vcpu), 0);
		if (vcpu->run->exit_reason != KVM_EXIT_RISCV_VECTOR)
			break;
		if (s->synced)
			rvv_vcpu_emulate(&rvv);
		else if (s->emulate)
			vcpu_emulate_vector(vcpu, vcpu->run->riscv_vector.insn);
		else
			vcpu_set_reg(vcpu, RISCV_CORE_REG(regs.pc),
				     vcpu_get_reg(vcpu, RISCV_CORE_REG(regs.pc)) + 4);
	}
	TEST_ASSERT_EQ(vcpu->run->exit_reason, KVM_EXIT_RISCV_SBI);
	if (s->synced)
		rvv_vcpu_free(&rvv);
	kvm_vm_free(vm);
}

static void run_create(const struct scenario *s)
{
	struct kvm_vm *vm = vm_create_barebones();
	int fd[NR_VCPUS], i;

	report("window: %s 1\n", s->name);

	/*
	 * Create the first vCPU before the measurement, because it also
	 * allocates what belongs to the VM.
	 */
	fd[0] = __vm_ioctl(vm, KVM_CREATE_VCPU, (void *)0UL);
	mark(MARK_BEGIN);
	for (i = 1; i < NR_VCPUS; i++) {
		fd[i] = __vm_ioctl(vm, KVM_CREATE_VCPU, (void *)(unsigned long)i);
		mark(MARK_LAP);
	}
	mark(MARK_END);
	for (i = 0; i < NR_VCPUS; i++) {
		TEST_ASSERT(fd[i] >= 0, KVM_IOCTL_ERROR(KVM_CREATE_VCPU, fd[i]));
		close(fd[i]);
	}
	kvm_vm_free(vm);
}

/*
 * Measure the memory that the kernel has allocated on behalf of this process
 * between start and stop and has not freed. Pages that slab itself takes from
 * the page allocator are not counted.
 */
#define TRACING		"/sys/kernel/tracing/instances/simd_bench/"

static const char * const kmem_events[] = {
	"kmalloc", "kfree", "kmem_cache_alloc", "kmem_cache_free",
	"mm_page_alloc", "mm_page_free",
};

static void write_tracing(const char *file, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), TRACING "%s", file);
	fd = open(path, O_WRONLY | O_TRUNC);
	TEST_ASSERT(fd >= 0, "open %s: %s", path, strerror(errno));
	TEST_ASSERT_EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int tracing_on;

static void remove_trace(void)
{
	rmdir(TRACING);
}

static void memory_trace_on(void)
{
	char text[64];
	int i;

	/* An instance of its own leaves other traces alone. */
	restore_at_end(remove_trace);
	TEST_ASSERT(!mkdir(TRACING, 0700), "mkdir %s: %s", TRACING, strerror(errno));
	snprintf(text, sizeof(text), "%d", gettid());
	write_tracing("tracing_on", "0");
	write_tracing("set_event_pid", text);
	for (i = 0; i < ARRAY_SIZE(kmem_events); i++) {
		snprintf(text, sizeof(text), "events/kmem/%s/enable", kmem_events[i]);
		write_tracing(text, "1");
	}
	/*
	 * Open tracing_on beforehand, because the trace would show the
	 * allocations of open().
	 */
	tracing_on = open(TRACING "tracing_on", O_WRONLY);
	TEST_ASSERT(tracing_on >= 0, "open tracing_on: %s", strerror(errno));
}

static void memory_start(void)
{
	write_tracing("trace", "\n");
	TEST_ASSERT_EQ(write(tracing_on, "1", 1), 1);
}

static unsigned long field(const char *line, const char *name, int base)
{
	const char *p = strstr(line, name);

	TEST_ASSERT(p, "no %s in: %s", name, line);
	return strtoul(p + strlen(name), NULL, base);
}

static unsigned long memory_stop(const char *what)
{
	static struct {
		unsigned long where, bytes;
		char line[160];
	} held[1024];
	unsigned long sum = 0;
	int i, nr = 0;
	char line[512];
	FILE *f;

	TEST_ASSERT_EQ(write(tracing_on, "0", 1), 1);
	f = fopen(TRACING "trace", "r");
	TEST_ASSERT(f, "open trace: %s", strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		bool page = strstr(line, ": mm_page_");
		const char *key = page ? "pfn=0x" : "ptr=";
		unsigned long where;

		if (line[0] == '#')
			continue;
		where = field(line, key, 16);
		if (strstr(line, "free: ")) {
			for (i = 0; i < nr; i++)
				if (held[i].where == where)
					held[i].bytes = 0;
			continue;
		}
		if (page && (strstr(line, "__GFP_COMP") ||
			     (!strstr(line, "__GFP_ZERO") && !strstr(line, "_ACCOUNT"))))
			continue;
		TEST_ASSERT(nr < ARRAY_SIZE(held), "too many allocations");
		held[nr].where = where;
		held[nr].bytes = page ? getpagesize() << field(line, "order=", 10) :
					field(line, "bytes_alloc=", 10);
		snprintf(held[nr].line, sizeof(held[nr].line), "%s", strstr(line, ": ") + 2);
		nr++;
	}
	fclose(f);

	for (i = 0; i < nr; i++) {
		sum += held[i].bytes;
		if (held[i].bytes)
			printf("# %s %lu %.*s\n", what, held[i].bytes,
			       (int)strcspn(held[i].line, "\n"), held[i].line);
	}
	return sum;
}

static unsigned long kvm_vcpu_size(void)
{
	FILE *f = fopen("/sys/kernel/slab/kvm_vcpu/object_size", "r");
	unsigned long size = 0;

	TEST_ASSERT(f && fscanf(f, "%lu", &size) == 1, "no size of struct kvm_vcpu");
	fclose(f);
	return size;
}

/* Guest code: exit once before using the units and once afterwards. */
static void guest_memory(unsigned int units)
{
	guest_simd_on();
	guest_exit(0);
	use_simd(units);
	guest_exit(0);
}

static unsigned long memory_of_use(struct kvm_vm *vm, int id, unsigned int units)
{
	struct kvm_vcpu *vcpu = vm_vcpu_add(vm, id, guest_memory);

	vcpu_args_set(vcpu, 1, (u64)units);
	vcpu_run_to_exit(vcpu);
	memory_start();
	vcpu_run_to_exit(vcpu);
	return memory_stop("use");
}

static void run_memory(const struct scenario *s)
{
	/* The first vCPUs also allocate what belongs to the VM. */
	static const unsigned int units[] = { BOTH, 0, FP, V };
	unsigned long create, use[ARRAY_SIZE(units)];
	struct kvm_vm *vm;
	int i, fd;

	memory_trace_on();
	vm = vm_create(ARRAY_SIZE(units) + 1);
	for (i = 0; i < ARRAY_SIZE(units); i++)
		use[i] = memory_of_use(vm, i, units[i]);
	memory_start();
	fd = __vm_ioctl(vm, KVM_CREATE_VCPU, (void *)(unsigned long)i);
	create = memory_stop("create");
	TEST_ASSERT(fd >= 0, KVM_IOCTL_ERROR(KVM_CREATE_VCPU, fd));
	close(fd);
	kvm_vm_free(vm);

	report("memory: %s create %lu\n", s->name, create);
	report("memory: %s use_none %lu\n", s->name, use[1]);
	report("memory: %s use_fp %lu\n", s->name, use[2]);
	report("memory: %s use_v %lu\n", s->name, use[3]);
	report("memory: %s struct %lu\n", s->name, kvm_vcpu_size());
}

static const struct scenario scenarios[] = {
	/* KVM_RUN round trips; the last word is what the VMM uses */
	{ "run-off",		run_trips, .period = 1, .off = true },
	{ "run-none",		run_trips, .period = 1 },
	/* Units used in each turn, in one of N, and at random with P = 0.1 ... 0.5 */
	{ "run-fp",		run_trips, FP, 1 },
	{ "run-fp-2",		run_trips, FP, 2 },
	{ "run-fp-3",		run_trips, FP, 3 },
	{ "run-fp-4",		run_trips, FP, 4 },
	{ "run-fp-5",		run_trips, FP, 5 },
	{ "run-fp-6",		run_trips, FP, 6 },
	{ "run-fp-8",		run_trips, FP, 8 },
	{ "run-fp-10",		run_trips, FP, 10 },
	{ "run-fp-100",	run_trips, FP, 100 },
	{ "run-fp-p1",		run_trips, FP, TRIPS_RANDOM, .tenths = 1 },
	{ "run-fp-p2",		run_trips, FP, TRIPS_RANDOM, .tenths = 2 },
	{ "run-fp-p3",		run_trips, FP, TRIPS_RANDOM, .tenths = 3 },
	{ "run-fp-p4",		run_trips, FP, TRIPS_RANDOM, .tenths = 4 },
	{ "run-fp-p5",		run_trips, FP, TRIPS_RANDOM, .tenths = 5 },
	{ "run-v",		run_trips, V, 1 },
	{ "run-v-2",		run_trips, V, 2 },
	{ "run-v-3",		run_trips, V, 3 },
	{ "run-v-4",		run_trips, V, 4 },
	{ "run-v-5",		run_trips, V, 5 },
	{ "run-v-6",		run_trips, V, 6 },
	{ "run-v-8",		run_trips, V, 8 },
	{ "run-v-10",		run_trips, V, 10 },
	{ "run-v-100",		run_trips, V, 100 },
	{ "run-v-p1",		run_trips, V, TRIPS_RANDOM, .tenths = 1 },
	{ "run-v-p2",		run_trips, V, TRIPS_RANDOM, .tenths = 2 },
	{ "run-v-p3",		run_trips, V, TRIPS_RANDOM, .tenths = 3 },
	{ "run-v-p4",		run_trips, V, TRIPS_RANDOM, .tenths = 4 },
	{ "run-v-p5",		run_trips, V, TRIPS_RANDOM, .tenths = 5 },
	{ "run-both",		run_trips, BOTH, 1 },
	{ "run-both-2",	run_trips, BOTH, 2 },
	{ "run-both-3",	run_trips, BOTH, 3 },
	{ "run-both-4",	run_trips, BOTH, 4 },
	{ "run-both-5",	run_trips, BOTH, 5 },
	{ "run-both-6",	run_trips, BOTH, 6 },
	{ "run-both-8",	run_trips, BOTH, 8 },
	{ "run-both-10",	run_trips, BOTH, 10 },
	{ "run-both-100",	run_trips, BOTH, 100 },
	{ "run-both-p1",	run_trips, BOTH, TRIPS_RANDOM, .tenths = 1 },
	{ "run-both-p2",	run_trips, BOTH, TRIPS_RANDOM, .tenths = 2 },
	{ "run-both-p3",	run_trips, BOTH, TRIPS_RANDOM, .tenths = 3 },
	{ "run-both-p4",	run_trips, BOTH, TRIPS_RANDOM, .tenths = 4 },
	{ "run-both-p5",	run_trips, BOTH, TRIPS_RANDOM, .tenths = 5 },
	{ "run-none-vmm-fp",	run_trips, 0, 1, FP },
	{ "run-fp-vmm-fp",	run_trips, FP, 1, FP },
	{ "run-none-vmm-v",	run_trips, 0, 1, V },
	{ "run-v-vmm-v",	run_trips, V, 1, V },

	/* Two vCPUs */
	{ "switch-off-off",	run_switches, .off = true },
	{ "switch-none-none",	run_switches },
	{ "switch-fp-none",	run_switches, FP },
	{ "switch-v-none",	run_switches, V },
	{ "switch-fp-fp",	run_switches, FP, .other = FP },
	{ "switch-v-v",		run_switches, V, .other = V },
	{ "switch-both-both",	run_switches, BOTH, .other = BOTH },

	/* A vCPU and a task */
	{ "task-off-none",	run_beside_task, .off = true },
	{ "task-none-none",	run_beside_task },
	{ "task-none-fp",	run_beside_task, 0, .other = FP },
	{ "task-none-v",	run_beside_task, 0, .other = V },
	{ "task-fp-fp",		run_beside_task, FP, .other = FP },
	{ "task-v-none",	run_beside_task, V },
	{ "task-v-v",		run_beside_task, V, .other = V },
	{ "task-both-both",	run_beside_task, BOTH, .other = BOTH },

	/*
	 * Vector instructions of a VM whose vlenb is not the host's. The VMM
	 * emulates them in scenarios with .emulate or .synced.
	 */
	{ "vlenb-nothing",	run_other_vlenb, .code = guest_nothing },
	{ "vlenb-vset",		run_other_vlenb, .code = guest_vset },
	{ "vlenb-csr",		run_other_vlenb, .code = guest_csr },
	{ "vlenb-exit",		run_other_vlenb, .code = guest_vadd },
	{ "vlenb-vadd",		run_other_vlenb, .code = guest_vadd, .emulate = true },
	{ "vlenb-synced",	run_other_vlenb, .code = guest_vadd, .synced = true },
	{ "vlenb-ahead",	run_other_vlenb, .code = guest_straight, .synced = true,
	  .ahead = true, .units = STRAIGHT },
	{ "vlenb-memcpy",	run_other_vlenb, .code = guest_memcpy, .synced = true,
	  .ahead = true, .vlenb = LOOP_VLENB, .units = MEMCPY_INSNS },
	{ "vlenb-memcpy-unit",	run_other_vlenb, .code = guest_memcpy, .synced = true,
	  .ahead = true, .unit = true, .vlenb = LOOP_VLENB, .units = MEMCPY_INSNS },
	{ "vlenb-dot",		run_other_vlenb, .code = guest_dot, .synced = true,
	  .ahead = true, .vlenb = LOOP_VLENB, .units = DOT_INSNS },
	{ "vlenb-dot-unit",	run_other_vlenb, .code = guest_dot, .synced = true,
	  .ahead = true, .unit = true, .vlenb = LOOP_VLENB, .units = DOT_INSNS },
	{ "vlenb-straight-unit", run_other_vlenb, .code = guest_straight, .synced = true,
	  .ahead = true, .unit = true, .vlenb = LOOP_VLENB, .units = STRAIGHT },

	/* vCPUs */
	{ "create",		run_create },
	{ "memory",		run_memory },
};

static void report_mode(void)
{
	FILE *f = fopen("/sys/module/kvm/parameters/simd_switch", "r");
	char mode[16] = "-";

	if (f) {
		TEST_ASSERT_EQ(fscanf(f, "%15s", mode), 1);
		fclose(f);
	}
	report("mode: %s\n", mode);
}

static bool wanted(const char *name, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (!strncmp(name, argv[i], strlen(argv[i])))
			return true;
	return argc == 1;
}

static void require_simd(void)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = vm_create_with_one_vcpu(&vcpu, NULL);

	TEST_REQUIRE(__vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_D));
	TEST_REQUIRE(__vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_V));
	kvm_vm_free(vm);
}

/* Each argument is a prefix of the names of the scenarios to run. */
int main(int argc, char **argv)
{
	int i;

	require_simd();
	pin_self_to_any_cpu();
	set_priority(PRIO_LOW);
	report_mode();

	for (i = 0; i < ARRAY_SIZE(scenarios); i++)
		if (wanted(scenarios[i].name, argc, argv))
			scenarios[i].run(&scenarios[i]);
	return 0;
}
