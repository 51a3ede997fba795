// SPDX-License-Identifier: GPL-2.0
/*
 * simd_preempt_test.c - Test preemption of KVM while it modifies the guest's
 * sstatus.
 *
 * When KVM redirects a trap to the guest, it changes fields of sstatus, in
 * which FS and VS also tell whether the hart holds the guest's FP and vector
 * registers. If KVM is preempted in the middle of this, it saves the registers
 * and turns FS and VS off, and the rest of the update must not turn them on
 * again. The guest writes f8, executes an illegal instruction, and checks f8,
 * while a real-time thread wakes up on the same CPU at random times. Run QEMU
 * with -icount, which lets it take an interrupt at any instruction.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "isa_util.h"
#include "kvm_util.h"
#include "processor.h"
#include "simd.h"
#include "test_util.h"
#include "ucall_common.h"

#define NR_TURNS	100000
#define NOISE_PERIOD_NS	15000
#define MIN_PREEMPTIONS	100	/* in all turns, far more than other threads cause */

static atomic_bool stop;
static atomic_ulong wakeups;

static void guest_code(int nr_turns)
{
	u64 want, got;
	int turn;

	csr_set(CSR_SSTATUS, SR_FS);
	for (turn = 0; turn < nr_turns; turn++) {
		want = (turn + 1) * 0x9e3779b97f4a7c15UL;
		/* csrw cycle, zero: illegal, and needs neither FP nor vectors */
		asm volatile("fmv.d.x f8, %1\n"
			     ".4byte 0xc0001073\n"
			     "fmv.x.d %0, f8"
			     : "=r" (got) : "r" (want));
		__GUEST_ASSERT(got == want, "turn %d: f8 is %lx, not %lx", turn, got, want);
	}
	GUEST_ASSERT_EQ(illegal_insns, nr_turns);
	GUEST_DONE();
}

static void *make_noise(void *arg)
{
	struct kvm_random_state rng = new_kvm_random_state(kvm_random_seed);
	struct timespec nap = {};

	while (!atomic_load(&stop)) {
		atomic_fetch_add(&wakeups, 1);
		nap.tv_nsec = NOISE_PERIOD_NS + kvm_random_u32(&rng) % NOISE_PERIOD_NS;
		nanosleep(&nap, NULL);
	}
	return NULL;
}

/* How often this thread has had to give up its CPU */
static long nr_preemptions(void)
{
	struct rusage usage;

	TEST_ASSERT(!getrusage(RUSAGE_THREAD, &usage), "getrusage() failed");
	return usage.ru_nivcsw;
}

/*
 * Switch to lazy mode. In eager mode KVM would load the registers again at the
 * next entry, which would hide the bug that this test looks for.
 */
static void be_lazy(void)
{
	__TEST_REQUIRE(simd_switch_restore_at_exit(), "no parameter simd_switch, or not root");
	__TEST_REQUIRE(simd_switch_set("lazy"), NO_LAZY_TRAP);
}

int main(int argc, char **argv)
{
	int nr_turns = argc > 1 ? atoi_positive("Number of turns", argv[1]) : NR_TURNS;
	struct sched_param rt = { .sched_priority = 1 };
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	pthread_t noise;
	struct ucall uc;
	long preemptions;

	be_lazy();
	vm = vm_create_with_one_vcpu(&vcpu, guest_code);
	/*
	 * Require V, because illegal instructions trap to KVM only as long as
	 * the guest has a unit (here V) that KVM has not loaded.
	 */
	TEST_REQUIRE(__vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_D));
	TEST_REQUIRE(__vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_V));
	vcpu_catch_illegal_insns(vcpu);
	vcpu_args_set(vcpu, 1, (u64)nr_turns);

	/*
	 * The new thread inherits the affinity, so both threads run on the same
	 * CPU.
	 */
	pin_self_to_any_cpu();
	TEST_ASSERT(!pthread_create(&noise, NULL, make_noise, NULL), "pthread_create() failed");
	__TEST_REQUIRE(!pthread_setschedparam(noise, SCHED_FIFO, &rt),
		       "No permission for real-time scheduling");

	preemptions = nr_preemptions();
	vcpu_run(vcpu);
	preemptions = nr_preemptions() - preemptions;
	if (get_ucall(vcpu, &uc) == UCALL_ABORT)
		REPORT_GUEST_ASSERT(uc);
	TEST_ASSERT_EQ(uc.cmd, UCALL_DONE);

	atomic_store(&stop, true);
	pthread_join(noise, NULL);
	pr_info("%d turns, %lu wakeups, %ld preemptions of the vCPU\n", nr_turns,
		atomic_load(&wakeups), preemptions);
	kvm_vm_free(vm);
	__TEST_REQUIRE(preemptions >= MIN_PREEMPTIONS,
		       "The vCPU was preempted only %ld times", preemptions);
	return 0;
}
