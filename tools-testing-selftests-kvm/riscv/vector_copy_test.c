// SPDX-License-Identifier: GPL-2.0
/*
 * vector_copy_test.c - Test preemption of the kernel's own vector code during
 * KVM_RUN.
 *
 * The kernel copies large blocks to and from user memory with vector
 * instructions, and may be preempted while it does. The SBI PMU call
 * EVENT_GET_INFO makes KVM read a table, whose size the guest chooses, and
 * write it back, which results in many such copies in a row. Meanwhile a
 * real-time thread repeatedly wakes up on the same CPU and fills the vector
 * registers with its own values. If the kernel does not preserve its registers
 * across such a preemption, the table gets damaged.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "isa_util.h"
#include "kvm_util.h"
#include "processor.h"
#include "sbi.h"
#include "test_util.h"
#include "ucall_common.h"

#define NR_EVENTS	8192
#define NR_CALLS	2000
#define CHECK_EVERY	50
#define NOISE_PERIOD_NS	20000
#define NOISE		0x6e6f697365

/* What SBI calls an event info entry; event type 5 does not exist. */
struct event_info {
	u32 event_idx;
	u32 output;
	u64 event_data;
};

#define TABLE_SIZE	(NR_EVENTS * sizeof(struct event_info))
#define NO_SUCH_EVENT	(5 << 16)

static atomic_bool stop;
static atomic_ulong wakeups;

static u64 pattern(int i)
{
	return (i + 1) * 0x9e3779b97f4a7c15UL;
}

static bool is_noise(const struct event_info *e)
{
	const u32 *w = (const u32 *)e;

	return w[0] == (u32)NOISE && w[2] == (u32)NOISE;
}

static void fill_table(struct event_info *events)
{
	for (int i = 0; i < NR_EVENTS; i++)
		events[i] = (struct event_info) {
			.event_idx = NO_SUCH_EVENT,
			.event_data = pattern(i),
		};
}

static void check_table(const struct event_info *events, int call)
{
	for (int i = 0; i < NR_EVENTS; i++) {
		const struct event_info *e = &events[i];

		__GUEST_ASSERT(e->event_idx == NO_SUCH_EVENT && !e->output &&
			       e->event_data == pattern(i),
			       "call %d, entry %d: %x %x %lx, not %x 0 %lx%s", call, i,
			       e->event_idx, e->output, e->event_data,
			       NO_SUCH_EVENT, pattern(i),
			       is_noise(e) ? ": another thread's registers" : "");
	}
}

/*
 * KVM reads the whole table and writes it back unchanged, so damage persists.
 * Rare checks are therefore enough, and most of the time goes to the copies.
 */
static void guest_code(int nr_calls, struct event_info *events, gpa_t events_gpa)
{
	struct sbiret ret;
	int call;

	if (!guest_sbi_probe_extension(SBI_EXT_PMU, NULL)) {
		GUEST_SYNC(0);
		return;
	}
	csr_set(CSR_SSTATUS, SR_VS);
	fill_table(events);

	for (call = 0; call < nr_calls; call++) {
		/*
		 * Fill vector registers, so that KVM has to save the guest's
		 * registers.
		 */
		asm volatile(V_INSN("vsetvli t0, zero, e64, m8, ta, ma\n"
				    "vmv.v.x v0, %0") :: "r" ((u64)call) : "t0");

		ret = sbi_ecall(SBI_EXT_PMU, SBI_EXT_PMU_EVENT_GET_INFO,
				events_gpa, 0, NR_EVENTS, 0, 0, 0);
		if (ret.error == SBI_ERR_NOT_SUPPORTED) {
			GUEST_SYNC(0);
			return;
		}
		GUEST_ASSERT_EQ(ret.error, 0);
		if (call % CHECK_EVERY == 0)
			check_table(events, call);
	}
	check_table(events, call);
	GUEST_DONE();
}

static void *make_noise(void *arg)
{
	struct timespec nap = { .tv_nsec = NOISE_PERIOD_NS };

	while (!atomic_load(&stop)) {
		asm volatile(V_INSN("vsetvli t0, zero, e64, m8, ta, ma\n"
				    "vmv.v.x v0, %0\n"
				    "vmv.v.x v8, %0\n"
				    "vmv.v.x v16, %0\n"
				    "vmv.v.x v24, %0") :: "r" (NOISE) : "t0");
		atomic_fetch_add(&wakeups, 1);
		nanosleep(&nap, NULL);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int nr_calls = argc > 1 ? atoi_positive("Number of calls", argv[1]) : NR_CALLS;
	struct sched_param rt = { .sched_priority = 1 };
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	pthread_t noise;
	struct ucall uc;
	gva_t gva;
	gpa_t gpa;

	vm = vm_create_with_one_vcpu(&vcpu, guest_code);
	TEST_REQUIRE(__vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_V));
	TEST_REQUIRE(__vcpu_has_sbi_ext(vcpu, KVM_RISCV_SBI_EXT_PMU));

	/* The SBI takes a physical address, so the table must be contiguous there. */
	gva = vm_alloc(vm, TABLE_SIZE, KVM_UTIL_MIN_VADDR);
	gpa = addr_gva2gpa(vm, gva);
	TEST_ASSERT_EQ(addr_gva2gpa(vm, gva + TABLE_SIZE - 1), gpa + TABLE_SIZE - 1);
	vcpu_args_set(vcpu, 3, (u64)nr_calls, gva, gpa);

	/*
	 * The new thread inherits the affinity, so both threads run on the same
	 * CPU.
	 */
	pin_self_to_any_cpu();
	TEST_ASSERT(!pthread_create(&noise, NULL, make_noise, NULL), "pthread_create() failed");
	__TEST_REQUIRE(!pthread_setschedparam(noise, SCHED_FIFO, &rt),
		       "No permission for real-time scheduling");

	vcpu_run(vcpu);
	switch (get_ucall(vcpu, &uc)) {
	case UCALL_SYNC:
		atomic_store(&stop, true);
		pthread_join(noise, NULL);
		print_skip("No SBI PMU v3.0 for guests");
		exit(KSFT_SKIP);
	case UCALL_ABORT:
		REPORT_GUEST_ASSERT(uc);
		break;
	default:
		TEST_ASSERT_EQ(uc.cmd, UCALL_DONE);
	}

	atomic_store(&stop, true);
	pthread_join(noise, NULL);
	pr_info("%d calls, %zu bytes each way, %lu wakeups meanwhile\n",
		nr_calls, TABLE_SIZE, atomic_load(&wakeups));
	kvm_vm_free(vm);
	return 0;
}
