// SPDX-License-Identifier: GPL-2.0
/*
 * vcpu_move_test.c - Move a vCPU to another CPU while KVM handles its exit, and
 * back before the guest runs again.
 *
 * What KVM writes to the guest's CSRs on the other CPU must move back with the
 * vCPU. In this test KVM writes the CSRs to deliver an exception: the guest
 * traps in two places alternately, and checks that sepc names the place where
 * it has trapped.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"
#include "ucall_common.h"

#define CSR_HSTATUS	0x600	/* not accessible to a guest */
#define NR_MOVES	300

static u64 epc, nr_traps;

static void guest_handler(struct pt_regs *regs)
{
	epc = regs->epc;
	nr_traps++;
	regs->epc += 4;
}

/*
 * Trap at an address that is different for each use of this function. Returns
 * that address.
 */
static __always_inline u64 trap_here(void)
{
	u64 pc;

	asm volatile("lla %0, 1f\n"
		     "1: csrr zero, %1" : "=r" (pc) : "i" (CSR_HSTATUS) : "memory");
	return pc;
}

static void guest_code(void)
{
	u64 pc;

	for (;;) {
		pc = trap_here();
		GUEST_ASSERT_EQ(READ_ONCE(epc), pc);
		pc = trap_here();
		GUEST_ASSERT_EQ(READ_ONCE(epc), pc);
	}
}

static int cpus[2];		/* the vCPU's home CPU, and the other one */
static pid_t vcpu_tid;
static atomic_bool at_home, done;
static struct kvm_run *run;

static int set_cpu(pid_t tid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(tid, sizeof(set), &set);
}

/*
 * The signal may arrive before KVM_RUN, so make the next KVM_RUN return
 * immediately.
 */
static void on_signal(int sig)
{
	run->immediate_exit = 1;
}

/*
 * Move the vCPU's thread to the other CPU and send it a signal. This is a
 * real-time thread on that CPU, so the signal arrives before the vCPU's thread
 * can enter the guest there.
 */
static void *move_vcpu(void *arg)
{
	unsigned int random = 1;

	while (!atomic_load(&done)) {
		if (!atomic_exchange(&at_home, false)) {
			usleep(10);
			continue;
		}
		usleep(20 + rand_r(&random) % 100);
		TEST_ASSERT(!set_cpu(vcpu_tid, cpus[1]), "sched_setaffinity()");
		TEST_ASSERT(!syscall(__NR_tgkill, getpid(), vcpu_tid, SIGUSR1), "tgkill()");
	}
	return NULL;
}

int main(int argc, char *argv[])
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct sched_param rt = { .sched_priority = 1 };
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	pthread_t mover;
	struct ucall uc;
	cpu_set_t set;
	int i, nr = 0;

	TEST_ASSERT(!sched_getaffinity(0, sizeof(set), &set), "sched_getaffinity()");
	for (i = 0; i < CPU_SETSIZE && nr < 2; i++)
		if (CPU_ISSET(i, &set))
			cpus[nr++] = i;
	__TEST_REQUIRE(nr == 2, "Only one CPU");

	vm = vm_create_with_one_vcpu(&vcpu, guest_code);
	vm_init_vector_tables(vm);
	vcpu_init_vector_tables(vcpu);
	vm_install_exception_handler(vm, EXC_INST_ILLEGAL, guest_handler);

	run = vcpu->run;
	vcpu_tid = syscall(__NR_gettid);
	sigaction(SIGUSR1, &sa, NULL);
	TEST_ASSERT(!pthread_create(&mover, NULL, move_vcpu, NULL), "pthread_create()");
	__TEST_REQUIRE(!pthread_setschedparam(mover, SCHED_FIFO, &rt),
		       "No permission for real-time scheduling");
	CPU_ZERO(&set);
	CPU_SET(cpus[1], &set);
	TEST_ASSERT(!pthread_setaffinity_np(mover, sizeof(set), &set), "pthread_setaffinity_np()");

	for (i = 0; i < NR_MOVES; i++) {
		TEST_ASSERT(!set_cpu(0, cpus[0]), "sched_setaffinity()");
		run->immediate_exit = 0;
		atomic_store(&at_home, true);
		if (!__vcpu_run(vcpu))
			break;
		TEST_ASSERT_EQ(errno, EINTR);
	}
	atomic_store(&done, true);
	pthread_join(mover, NULL);

	/* The guest exits to the VMM only if it has failed. */
	if (i < NR_MOVES) {
		/*
		 * With an outdated vsstatus, the guest may also have ended up
		 * in U mode.
		 */
		assert_on_unhandled_exception(vcpu);
		TEST_ASSERT_EQ(get_ucall(vcpu, &uc), UCALL_ABORT);
		REPORT_GUEST_ASSERT(uc);
	}
	sync_global_from_guest(vm, nr_traps);
	pr_info("%d moves during %lu traps\n", i, nr_traps);
	kvm_vm_free(vm);
	return 0;
}
