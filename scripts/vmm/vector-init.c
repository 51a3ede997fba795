// SPDX-License-Identifier: GPL-2.0
/*
 * The init of a Linux guest whose vector length is not its host's: programs as
 * they are, that ask for the length and do their sums, two of them for each CPU
 * in turns and with signals between, so that the guest's kernel saves and restores vectors.
 * What comes out is compared with the same sums without vectors.  The kernel also copies
 * from and to user space with vectors, through a pipe.
 *
 * The sums are between two markers of scripts/simd_count.c, which are hints to a hart.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <sched.h>
#include <termios.h>
#include <unistd.h>

#define N		8192
#define ROUNDS		2
#define COPY		8192	/* at least CONFIG_RISCV_ISA_V_UCOPY_THRESHOLD; fits into a pipe */
#define MARK_LAP	0x6b2	/* Keep in step with simd_count.c */
#define HWCAP_V		(1UL << ('V' - 'A'))
#define VECTOR(code)	".option push\n.option arch, +v\n" code "\n.option pop\n"

static long vlenb(void)
{
	long n;

	asm volatile(VECTOR("csrr %0, vlenb") : "=r" (n));
	return n;
}

/* The sum of a[i] * b[i], and c[i] += a[i]; another process has the CPU between. */
static int sums(const int *a, const int *b, int *c, unsigned long n)
{
	unsigned long vl;
	int sum = 0, part;

	while (n) {
		asm volatile(VECTOR("vsetvli %0, %1, e32, m2, ta, ma\n"
				    "vle32.v v4, (%2)\n"
				    "vle32.v v6, (%3)\n"
				    "vmv.s.x v2, zero\n"
				    "vmul.vv v8, v4, v6\n"
				    "vredsum.vs v2, v8, v2\n"
				    "vmv.x.s %4, v2")
			     : "=&r" (vl), "+r" (n), "+r" (a), "+r" (b), "=&r" (part) :: "memory");
		sum += part;
		asm volatile(VECTOR("vle32.v v8, (%0)\n"
				    "vadd.vv v8, v8, v4\n"
				    "vse32.v v8, (%0)") :: "r" (c) : "memory");
		a += vl;
		b += vl;
		c += vl;
		n -= vl;
	}
	return sum;
}

static double doubles(const double *a, unsigned long n)
{
	unsigned long vl;
	double sum = 0, part;

	while (n) {
		asm volatile(VECTOR("vsetvli %0, %2, e64, m4, ta, ma\n"
				    "vle64.v v8, (%3)\n"
				    "vfmul.vv v8, v8, v8\n"
				    "vmv.s.x v4, zero\n"
				    "vfredosum.vs v4, v8, v4\n"
				    "vfmv.f.s %1, v4")
			     : "=&r" (vl), "=&f" (part) : "r" (n), "r" (a) : "memory");
		sum += part;
		a += vl;
		n -= vl;
	}
	return sum;
}

/* A register of every group of eight, and what is configured, across WORK */
#define KEEP(work)									\
({											\
	static char kept[4][8192] __attribute__((aligned(16)));				\
	long before, after, bad = 0, n = vlenb();					\
											\
	asm volatile(VECTOR("vsetivli %0, 5, e16, m1, ta, ma\n"				\
			    "vid.v v1\n" "vadd.vi v9, v1, 7\n"				\
			    "vs1r.v v1, (%1)\n" "vs1r.v v9, (%2)")			\
		     : "=&r" (before) : "r" (kept[0]), "r" (kept[1]) : "memory");	\
	work;										\
	asm volatile(VECTOR("csrr %0, vl\n"						\
			    "vs1r.v v1, (%1)\n" "vs1r.v v9, (%2)")			\
		     : "=&r" (after) : "r" (kept[2]), "r" (kept[3]) : "memory");		\
	bad |= before != after || memcmp(kept[0], kept[2], n) || memcmp(kept[1], kept[3], n); \
	bad;										\
})

static volatile sig_atomic_t signals;

static void on_signal(int sig)
{
	(void)sig;
	/* Registers of the program's own: the kernel has to bring them back. */
	asm volatile(VECTOR("vsetvli t0, zero, e8, m8, ta, ma\n"
			    "vmv.v.i v0, -1\n" "vmv.v.i v8, -1") ::: "t0", "memory");
	signals++;
}

/* Nothing but a system call would discard vectors, so it is a timer's signal. */
static int survives_signals(void)
{
	int want = signals + 1;

	ualarm(2000, 0);
	return !KEEP(while (signals < want) asm volatile("" ::: "memory"));
}

/* Neither length nor address is a multiple of anything. */
static int copies(int seed)
{
	static unsigned char from[COPY], to[COPY + 1];
	int fd[2], i, ok;

	for (i = 0; i < COPY; i++)
		from[i] = i * 7 + seed;
	if (pipe(fd))
		return 0;
	ok = write(fd[1], from + 1, COPY - 1) == COPY - 1 &&
	     read(fd[0], to + 2, COPY - 1) == COPY - 1 && !memcmp(from + 1, to + 2, COPY - 1);
	close(fd[0]);
	close(fd[1]);
	return ok;
}

static int check(void)
{
	static int a[N], b[N], c[N], want_c[N];
	static double d[N];
	int i, r, want = 0, ok = 1, pid = getpid();
	double want_d = 0;

	for (i = 0; i < N; i++) {
		a[i] = i * 2654435761U;
		b[i] = i * 40503U + pid;
		c[i] = want_c[i] = i;
		d[i] = i + pid;
		want += (unsigned int)a[i] * b[i];
		want_d += d[i] * d[i];
	}
	for (r = 0; r < ROUNDS; r++) {
		ok &= sums(a, b, c, N) == want;
		for (i = 0; i < N; i++)
			want_c[i] += (unsigned int)a[i];
		ok &= !memcmp(c, want_c, sizeof(c));
		ok &= doubles(d, N) == want_d;
		ok &= copies(r + pid);
		ok &= survives_signals();
		sched_yield();
	}
	return ok;
}

static void mark_lap(void)
{
	asm volatile("slti x0, x0, %0" :: "i" (MARK_LAP) : "memory");
}

/* Two processes for each CPU: they come to each other's CPUs, too. */
static int nr_processes(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 2 : 2 * CPU_COUNT(&set);
}

int main(void)
{
	int i, n, ok, status = 0;
	pid_t child;

	n = nr_processes();
	printf("vector-check: vlenb %ld, %d CPUs\n", vlenb(), n / 2);
	ok = !!(getauxval(AT_HWCAP) & HWCAP_V);
	signal(SIGALRM, on_signal);
	fflush(stdout);
	mark_lap();
	for (i = 1; i < n; i++) {
		child = fork();
		if (!child)
			_exit(!check());
		ok &= child > 0;
	}
	ok &= check();
	for (i = 1; i < n; i++)
		ok &= wait(&status) > 0 && !status;
	mark_lap();
	printf("vector-check: %s\n", ok ? "passed" : "FAILED");
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	reboot(RB_POWER_OFF);
	return 1;
}
