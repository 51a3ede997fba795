// SPDX-License-Identifier: GPL-2.0
/*
 * simd_state_mix.c - Test that guests, VMMs and other processes all keep their
 * own FP and vector registers.
 *
 * vCPUs, their VMM threads and processes that do not use KVM (bystanders)
 * outnumber the CPUs. All of them keep random values in all of their FP and
 * vector registers and check these values again and again. Another thread moves
 * them from CPU to CPU. Guests use FP, vectors, both or neither in phases of
 * random length, with vsstatus.FS and VS in any state. Preemption, exits that
 * KVM handles, and exits to the VMM interrupt the guests. After an exit, the
 * VMM reads the registers with KVM_GET_ONE_REG and sometimes changes them.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kvm_util.h"
#include "processor.h"
#include "sbi.h"
#include "simd.h"
#include "test_util.h"
#include "ucall_common.h"

#define MAX_VCPUS	16
#define MAX_OTHERS	8
#define MAX_PHASE	16	/* turns */
#define MAX_SPIN	5000	/* loops */

enum { USE_FP = 1, USE_V = 2 };

/* In memory that a guest and the VMM share */
struct guest {
	struct simd_regs want, got;
	struct kvm_random_state rng;
	u64 turns, fp_checks, v_checks;
};

static bool leave_csrs_alone;

static struct host {
	struct kvm_vcpu *vcpu;
	struct guest *guest;
	struct kvm_random_state rng;
	struct simd_regs in, out, view;
	pthread_t thread;
	pid_t tid;
	u64 runs, views, writes;
} *hosts;

/* Shared with the bystanders */
static struct shared {
	atomic_bool stop;
	atomic_ulong checks[MAX_OTHERS];
} *shared;

static pid_t others[MAX_OTHERS];
static int nr_vcpus, nr_others = 2;
static u64 vlenb;

static void spin(struct kvm_random_state *rng)
{
	u32 loops = kvm_random_u32(rng) % MAX_SPIN;

	while (loops--)
		asm volatile("");
}

static void random_fp(struct simd_regs *regs, struct kvm_random_state *rng, bool csrs)
{
	u64 fcsr = regs->fcsr;

	simd_random_fp(regs, rng);
	if (!csrs)
		regs->fcsr = fcsr;
}

static void random_v(struct simd_regs *regs, struct kvm_random_state *rng, bool csrs)
{
	u64 vstart = regs->vstart, vcsr = regs->vcsr;

	simd_random_v(regs, vlenb, rng);
	if (!csrs)
		regs->vcsr = vcsr;
	/*
	 * vsetvl resets vstart, so the guest would have to write vstart even if
	 * the VMM has chosen its value.
	 */
	if (leave_csrs_alone)
		regs->vstart = vstart;
}

/*
 * Check that the FP registers still hold the guest's values, then load new
 * ones.
 */
static void guest_use_fp(struct guest *g, int cpu)
{
	char why[SIMD_WHY_LEN];

	csr_set(CSR_SSTATUS, SR_FS_INITIAL);
	simd_store_fp(&g->got);
	__GUEST_ASSERT(simd_same_fp(&g->got, &g->want, why),
		       "vCPU %d, turn %lu: %s", cpu, g->turns, why);
	g->fp_checks++;

	/*
	 * Sometimes keep the registers as they are, which leaves the unit
	 * Clean.
	 */
	if (__kvm_random_bool(&g->rng, 75)) {
		random_fp(&g->want, &g->rng, !leave_csrs_alone);
		simd_load_fp(&g->want);
	}
}

static void guest_use_v(struct guest *g, int cpu)
{
	char why[SIMD_WHY_LEN];

	csr_set(CSR_SSTATUS, SR_VS_INITIAL);
	simd_store_v(&g->got);
	__GUEST_ASSERT(simd_same_v(&g->got, &g->want, vlenb, why),
		       "vCPU %d, turn %lu: %s", cpu, g->turns, why);
	g->v_checks++;

	/*
	 * Reload the registers even if their values stay the same, because
	 * simd_store_v() has changed vl and vtype.
	 */
	if (__kvm_random_bool(&g->rng, 75))
		random_v(&g->want, &g->rng, !leave_csrs_alone);
	simd_load_v(&g->want);
}

/*
 * Set FS and VS to random values. The guest may set them to anything, so KVM
 * must not rely on them.
 */
static void guest_random_status(struct guest *g)
{
	u64 mask = SR_FS | SR_VS;

	if (kvm_random_bool(&g->rng))
		return;
	csr_clear(CSR_SSTATUS, mask);
	csr_set(CSR_SSTATUS, kvm_random_u64(&g->rng) & mask);
}

static void guest_leave(struct guest *g)
{
	switch (kvm_random_u32(&g->rng) % 4) {
	case 0:
		GUEST_SYNC(g->turns);
		break;
	case 1:
		get_host_sbi_spec_version();
		break;
	default:
		spin(&g->rng);
	}
}

static void guest_code(struct guest *g, int cpu, int units)
{
	int use = 0, left = 0;

	for (;; g->turns++) {
		if (!left--) {
			use = kvm_random_u32(&g->rng) & units;
			left = kvm_random_u32(&g->rng) % MAX_PHASE;
		}
		if (use & USE_FP)
			guest_use_fp(g, cpu);
		if (use & USE_V)
			guest_use_v(g, cpu);
		guest_random_status(g);
		guest_leave(g);
	}
}

/* Check that KVM_GET_ONE_REG returns the values that the guest had last. */
static void check_view(struct host *h, bool has_v)
{
	struct guest *g = h->guest;
	char why[SIMD_WHY_LEN];
	int cpu = h->vcpu->id;

	vcpu_get_fp(h->vcpu, &h->view);
	TEST_ASSERT(simd_same_fp(&h->view, &g->want, why),
		    "ONE_REG of vCPU %d, turn %lu: %s", cpu, g->turns, why);
	if (has_v) {
		vcpu_get_v(h->vcpu, &h->view);
		TEST_ASSERT(simd_same_v(&h->view, &g->want, vlenb, why),
			    "ONE_REG of vCPU %d, turn %lu: %s", cpu, g->turns, why);
	}
	h->views++;
}

static void write_view(struct host *h, bool has_v)
{
	struct guest *g = h->guest;

	random_fp(&g->want, &h->rng, true);
	vcpu_set_fp(h->vcpu, &g->want);
	if (has_v) {
		random_v(&g->want, &h->rng, true);
		vcpu_set_v(h->vcpu, &g->want);
	}
	h->writes++;
}

static void *run_vcpu(void *arg)
{
	struct host *h = arg;
	struct kvm_vcpu *vcpu = h->vcpu;
	struct ucall uc;
	int i, n;
	long ret;

	h->tid = syscall(__NR_gettid);
	while (!atomic_load(&shared->stop)) {
		simd_random_fp(&h->in, &h->rng);
		do {
			ret = vcpu_run_with_live_fp(vcpu, &h->in, &h->out);
		} while (ret == -EINTR && !atomic_load(&shared->stop));
		TEST_ASSERT(!ret, "KVM_RUN: %ld", ret);
		h->runs++;

		for (i = 0; i < NR_SAVED_F; i++) {
			n = simd_saved_f[i];
			TEST_ASSERT(h->out.f[n] == h->in.f[n],
				    "VMM thread of vCPU %d: f%d is %lx, not %lx",
				    vcpu->id, n, h->out.f[n], h->in.f[n]);
		}
		TEST_ASSERT_EQ(h->out.fcsr, h->in.fcsr);

		switch (get_ucall(vcpu, &uc)) {
		case UCALL_SYNC:
			break;
		case UCALL_ABORT:
			REPORT_GUEST_ASSERT(uc);
			break;
		default:
			TEST_FAIL("vCPU %d: exit reason %u, ucall %lu", vcpu->id,
				  vcpu->run->exit_reason, uc.cmd);
		}
		if (kvm_random_bool(&h->rng))
			check_view(h, vlenb);
		if (__kvm_random_bool(&h->rng, 10))
			write_view(h, vlenb);
	}
	return NULL;
}

/*
 * A process that does not use KVM. It makes no system call while its registers
 * are live, because a system call would destroy the vector registers.
 */
static void __noreturn bystander(int nr, u32 seed)
{
	static struct simd_regs want, got;
	struct kvm_random_state rng = new_kvm_random_state(seed);
	char why[SIMD_WHY_LEN];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (!atomic_load(&shared->stop)) {
		simd_random_fp(&want, &rng);
		simd_load_fp(&want);
		if (vlenb) {
			simd_random_v(&want, vlenb, &rng);
			simd_load_v(&want);
		}
		spin(&rng);
		if (vlenb)
			simd_store_v(&got);
		simd_store_fp(&got);
		TEST_ASSERT(simd_same_fp(&got, &want, why) &&
			    (!vlenb || simd_same_v(&got, &want, vlenb, why)),
			    "Bystander %d: %s", nr, why);
		atomic_fetch_add(&shared->checks[nr], 1);
	}
	_exit(0);
}

static void start_bystanders(void)
{
	u32 seed;
	int i;

	for (i = 0; i < nr_others; i++) {
		seed = kvm_random_u32(&kvm_rng);
		others[i] = fork();
		TEST_ASSERT(others[i] >= 0, "fork() failed");
		if (!others[i])
			bystander(i, seed);
	}
}

static void check_bystanders(int options)
{
	int i, status;

	for (i = 0; i < nr_others; i++)
		if (waitpid(others[i], &status, options))
			TEST_ASSERT(!status, "Bystander %d died, status %x", i, status);
}

/* Move a random vCPU thread or bystander to a random CPU. */
static bool migrate(const cpu_set_t *cpus)
{
	u32 who = kvm_random_u32(&kvm_rng) % (nr_vcpus + nr_others);
	pid_t tid = who < nr_vcpus ? READ_ONCE(hosts[who].tid) : others[who - nr_vcpus];
	cpu_set_t one;

	if (!tid)
		return false;
	CPU_ZERO(&one);
	CPU_SET(kvm_pick_random_cpu((cpu_set_t *)cpus), &one);
	return !sched_setaffinity(tid, sizeof(one), &one);
}

static u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void report(u64 migrations, int nr_cpus)
{
	u64 runs = 0, views = 0, writes = 0, fp = 0, v = 0, turns = 0, checks = 0;
	int i;

	for (i = 0; i < nr_vcpus; i++) {
		runs += hosts[i].runs;
		views += hosts[i].views;
		writes += hosts[i].writes;
		turns += hosts[i].guest->turns;
		fp += hosts[i].guest->fp_checks;
		v += hosts[i].guest->v_checks;
	}
	for (i = 0; i < nr_others; i++)
		checks += atomic_load(&shared->checks[i]);
	pr_info("%d vCPUs: %lu KVM_RUNs, %lu turns, %lu checks of FP, %lu of V\n",
		nr_vcpus, runs, turns, fp, v);
	pr_info("ONE_REG: %lu reads, %lu writes of all registers\n", views, writes);
	pr_info("%d bystanders: %lu checks; %lu migrations\n", nr_others, checks, migrations);
	TEST_ASSERT(fp && views, "The FP registers of the guests were not checked");
	TEST_ASSERT(v || !vlenb, "The vector registers of the guests were not checked");
	TEST_ASSERT(checks || !nr_others, "The registers of the bystanders were not checked");
	TEST_ASSERT(migrations || nr_cpus == 1, "Nobody has moved to another CPU");
}

static void help(const char *name)
{
	printf("usage: %s [-t seconds] [-s seed] [-n vCPUs] [-b bystanders] [-c]\n"
	       "  -c  guests leave fcsr, vcsr and vstart alone: QEMU with -icount\n"
	       "      loses writes to them, see simd.h\n", name);
	exit(KSFT_FAIL);
}

int main(int argc, char **argv)
{
	struct kvm_vcpu *vcpus[MAX_VCPUS];
	int seconds = 10, nr_cpus, i, opt;
	u64 end, migrations = 0;
	struct kvm_vm *vm;
	bool has_v = false, seeded = false;
	gva_t gva;
	struct sched_param rt = { .sched_priority = 1 };
	cpu_set_t cpus;

	kvm_sched_getaffinity(0, sizeof(cpus), &cpus);
	nr_cpus = CPU_COUNT(&cpus);
	nr_vcpus = min(nr_cpus + 2, MAX_VCPUS);

	while ((opt = getopt(argc, argv, "t:s:n:b:c")) != -1) {
		switch (opt) {
		case 't':
			seconds = atoi_positive("Number of seconds", optarg);
			break;
		case 's':
			kvm_random_seed = strtoul(optarg, NULL, 0);
			seeded = true;
			break;
		case 'n':
			nr_vcpus = atoi_positive("Number of vCPUs", optarg);
			break;
		case 'b':
			nr_others = atoi_non_negative("Number of bystanders", optarg);
			break;
		case 'c':
			leave_csrs_alone = true;
			break;
		default:
			help(argv[0]);
		}
	}
	if (!seeded)
		kvm_random_seed ^= now_ms() << 8;
	TEST_REQUIRE(nr_vcpus <= MAX_VCPUS && nr_others <= MAX_OTHERS);

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(shared != MAP_FAILED, "mmap() failed");

	/* This also prints the random seed, even if an option has set it. */
	vm = vm_create_with_vcpus(nr_vcpus, guest_code, vcpus);
	TEST_REQUIRE(__vcpu_has_isa_ext(vcpus[0], KVM_RISCV_ISA_EXT_D));
	has_v = __vcpu_has_isa_ext(vcpus[0], KVM_RISCV_ISA_EXT_V);
	if (has_v)
		vlenb = vcpu_vlenb(vcpus[0]);
	__TEST_REQUIRE(vlenb <= SIMD_MAX_VLENB, "vlenb is above SIMD_MAX_VLENB");
	sync_global_to_guest(vm, vlenb);
	sync_global_to_guest(vm, leave_csrs_alone);

	start_bystanders();
	hosts = calloc(nr_vcpus, sizeof(*hosts));
	TEST_ASSERT(hosts, "calloc() failed");

	for (i = 0; i < nr_vcpus; i++) {
		struct host *h = &hosts[i];

		h->vcpu = vcpus[i];
		gva = vm_alloc(vm, sizeof(*h->guest), KVM_UTIL_MIN_VADDR);
		h->guest = addr_gva2hva(vm, gva);
		h->guest->rng = new_kvm_random_state(kvm_random_u32(&kvm_rng));
		h->rng = new_kvm_random_state(kvm_random_u32(&kvm_rng));
		vcpu_args_set(h->vcpu, 3, gva, (u64)i, (u64)(USE_FP | (has_v ? USE_V : 0)));
		/* Write the registers with which the guest starts. */
		write_view(h, has_v);
	}
	for (i = 0; i < nr_vcpus; i++)
		TEST_ASSERT(!pthread_create(&hosts[i].thread, NULL, run_vcpu, &hosts[i]),
			    "pthread_create() failed");

	/*
	 * Without permission for real-time scheduling, this thread competes
	 * with all others and migrates them less often.
	 */
	sched_setscheduler(0, SCHED_FIFO, &rt);
	for (end = now_ms() + seconds * 1000; now_ms() < end;) {
		usleep(1000 + kvm_random_u32(&kvm_rng) % 4000);
		migrations += migrate(&cpus);
		check_bystanders(WNOHANG);
	}

	atomic_store(&shared->stop, true);
	for (i = 0; i < nr_vcpus; i++)
		pthread_join(hosts[i].thread, NULL);
	check_bystanders(0);
	report(migrations, nr_cpus);
	kvm_vm_free(vm);
	return 0;
}
