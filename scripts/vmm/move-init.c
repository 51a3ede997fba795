// SPDX-License-Identifier: GPL-2.0
/*
 * The init of a guest that is stopped, moved and reset wherever it is: a process
 * for each CPU spins in user mode on registers that have to keep their values,
 * and another sends them signals, whose handlers clobber vector registers, and
 * prints a line as long as all of them get ahead, with the guest's clock in ms.
 *
 *	move: ready VLENB
 *	move: tick N ROUNDS CLOCK
 *	move: CPU N lost REGISTER: VALUE
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define HWCAP_V		(1UL << ('V' - 'A'))
#define VECTOR(code)	".option push\n.option arch, +v\n" code "\n.option pop\n"

/* RUP, and inexact and overflow have been raised; RDN, and saturated */
#define FCSR		0x65UL
#define VCSR		0x5UL
#define ROUNDS		20000

enum reg { FT0, FCSR_REG, VCSR_REG, VL, V8, MEMORY, ILLEGAL, VLENB, SENVCFG, REGS };

static const char *const names[] = {
	"ft0", "fcsr", "vcsr", "vl", "v8", "memory", "illegal instruction", "vlenb", "senvcfg at"
};

static struct cpu {
	volatile unsigned long count;
	volatile unsigned long value[REGS];
	volatile unsigned char lost[REGS];
} *cpus, *self;

static bool zicboz;
static volatile bool signalled, illegal_expected;

static void lose(struct cpu *c, enum reg reg, unsigned long value)
{
	c->value[reg] = value;
	c->lost[reg] = 1;
}

static unsigned long vlenb(void)
{
	unsigned long n = 0;

	if (getauxval(AT_HWCAP) & HWCAP_V)
		asm volatile(VECTOR("csrr %0, vlenb") : "=r" (n));
	return n;
}

/*
 * Not of FP registers: a guest's Linux that is preempted in restore_fp_state(),
 * between reading the signal frame and loading it, overwrites what it has read.
 */
static void clobber(int sig)
{
	if (vlenb())
		asm volatile(VECTOR("vsetivli zero, 1, e8, m1, ta, ma\n"
				    "vmv.v.x v8, %0\n"
				    "csrw vcsr, zero") :: "r" (sig));
	signalled = true;
}

/* A guest's kernel lets user space use cbo.zero by a bit of senvcfg. */
static bool find_zicboz(void)
{
	struct {
		long long key;
		unsigned long long value;
	} pair = { 4, 0 };	/* RISCV_HWPROBE_KEY_IMA_EXT_0 */

	return !syscall(258, &pair, 1, 0, NULL, 0) && pair.value & 1 << 6;
}

static void zero_block(void)
{
	static unsigned char block[4096] __attribute__((aligned(4096)));

	if (zicboz)
		asm volatile(".insn i 0x0f, 2, x0, %0, 4" :: "r" (block) : "memory");
}

static void illegal(int sig, siginfo_t *info, void *context)
{
	unsigned long *pc = &((ucontext_t *)context)->uc_mcontext.__gregs[REG_PC];

	(void)sig;
	(void)info;
	if (!illegal_expected)
		lose(self, SENVCFG, *pc);
	illegal_expected = false;
	*pc += 4;
}

static void spin_fp(struct cpu *c)
{
	unsigned long v, i;

	asm volatile("fmv.d.x ft0, zero\n"
		     "csrw fcsr, %0" :: "r" (FCSR) : "ft0");
	for (;;) {
		for (i = 0; i < ROUNDS; i++) {
			asm volatile("fmv.d.x ft0, %1\n"
				     "csrr %0, fcsr" : "=r" (v) : "r" (i) : "ft0");
			if (v != FCSR)
				lose(c, FCSR_REG, v);
			asm volatile("fmv.x.d %0, ft0" : "=r" (v));
			if (v != i)
				lose(c, FT0, v);
		}
		zero_block();
		c->count++;
	}
}

/*
 * A store that faults in its middle, since it reaches into a page that is not there,
 * and a reserved instruction: v9 cannot begin a group of eight.  No system call, which
 * would not keep vector state.
 */
static void exceptions(struct cpu *c, unsigned long value)
{
	static unsigned char pages[4096 << 12] __attribute__((aligned(4096)));
	static unsigned long next = 4096;
	unsigned char *p = pages + next - 2 * sizeof(int);
	unsigned long elem;

	asm volatile(VECTOR("vmv.v.x v8, %1\n"
			    "vse32.v v8, (%2)\n"
			    "vmv.v.i v8, 0\n"
			    "vle32.v v8, (%2)\n"
			    "vslidedown.vi v16, v8, 3\n"
			    "vmv.x.s %0, v16")
		     : "=&r" (elem) : "r" (value), "r" (p) : "memory");
	next += 4096;
	if (next == sizeof(pages))
		next = 4096;
	if (elem != value)
		lose(c, MEMORY, elem);

	illegal_expected = true;
	asm volatile(".insn 0x028804d7" ::: "memory");	/* vadd.vv v9, v8, v16 */
	if (illegal_expected)
		lose(c, ILLEGAL, value);
	illegal_expected = false;
}

static void spin_vector(struct cpu *c)
{
	unsigned long fcsr, vcsr, vl, elem, i, vlmax;

	/* QEMU does not make FS Dirty for a write to fcsr: a move does. */
	asm volatile(VECTOR("fmv.d.x ft0, zero\n"
			    "csrw fcsr, %2\n"
			    "csrw vcsr, %1\n"
			    "vsetvli %0, zero, e32, m8, ta, ma\n"
			    "vmv.v.i v8, 0")
		     : "=r" (vlmax) : "r" (VCSR), "r" (FCSR) : "ft0");
	for (;;) {
		for (i = 0; i < ROUNDS; i++) {
			asm volatile(VECTOR("fmv.d.x ft0, %4\n"
					    "vmv.v.x v8, %4\n"
					    "csrr %0, fcsr\n"
					    "csrr %1, vcsr\n"
					    "csrr %2, vl\n"
					    "vslidedown.vi v16, v8, 1\n"
					    "vmv.x.s %3, v16")
				     : "=&r" (fcsr), "=&r" (vcsr), "=&r" (vl), "=&r" (elem)
				     : "r" (i) : "ft0");
			if (fcsr != FCSR)
				lose(c, FCSR_REG, fcsr);
			if (vcsr != VCSR)
				lose(c, VCSR_REG, vcsr);
			if (vl != vlmax)
				lose(c, VL, vl);
			if (elem != i)
				lose(c, V8, elem);
			/* With an emulator, a round takes its time. */
			if (!(i % 16)) {
				zero_block();
				c->count++;
			}
			if (signalled) {
				signalled = false;
				exceptions(c, i);
			}
		}
	}
}

static unsigned long clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int main(void)
{
	unsigned long last[8] = { }, n = 0, length = vlenb(), sum;
	long nr = sysconf(_SC_NPROCESSORS_ONLN);
	struct sigaction act = { .sa_sigaction = illegal, .sa_flags = SA_SIGINFO };
	cpu_set_t set;
	pid_t pid[8];
	long i, reg;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (nr < 1 || nr > 8)
		nr = 1;
	cpus = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	zicboz = find_zicboz();
	for (i = 0; i < nr; i++) {
		pid[i] = fork();
		if (pid[i])
			continue;
		self = &cpus[i];
		signal(SIGUSR1, clobber);
		sigaction(SIGILL, &act, NULL);
		CPU_ZERO(&set);
		CPU_SET(i, &set);
		sched_setaffinity(0, sizeof(set), &set);
		if (vlenb())
			spin_vector(&cpus[i]);
		else
			spin_fp(&cpus[i]);
	}
	printf("move: ready %lu\n", vlenb());
	for (;;) {
		usleep(200000);
		for (i = 0; i < nr && n; i++)
			kill(pid[i], SIGUSR1);
		for (i = 0; i < nr; i++) {
			for (reg = 0; reg < REGS; reg++) {
				if (!cpus[i].lost[reg])
					continue;
				printf("move: CPU %ld lost %s: 0x%lx\n", i, names[reg],
				       cpus[i].value[reg]);
				cpus[i].lost[reg] = 0;
			}
		}
		if (vlenb() != length)
			lose(&cpus[0], VLENB, vlenb());
		for (i = 0; i < nr; i++)
			if (cpus[i].count == last[i])
				break;
		if (i < nr)
			continue;
		for (i = 0, sum = 0; i < nr; i++) {
			last[i] = cpus[i].count;
			sum += last[i];
		}
		printf("move: tick %lu %lu %lu\n", ++n, sum, clock_ms());
	}
}
