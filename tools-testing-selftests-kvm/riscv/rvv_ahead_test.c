// SPDX-License-Identifier: GPL-2.0
/*
 * rvv_ahead_test.c - Test that an emulator that runs ahead delays neither
 * interrupts nor signals for long.
 *
 * A guest loops over instructions that the VMM can emulate one after another,
 * until an interrupt ends the loop. The VMM must stop emulating and call
 * KVM_RUN again when its budget is used up, so that the guest takes the
 * interrupt, or when a signal handler has set immediate_exit.
 */
#include <signal.h>
#include <sys/time.h>

#include "arch_timer.h"
#include "isa_util.h"
#include "kvm_util.h"
#include "processor.h"
#include "rvv.h"
#include "simd.h"
#include "ucall_common.h"

static struct {
	u64 due, taken;
} shared;

static void guest_irq(struct pt_regs *regs)
{
	timer_irq_disable();
	WRITE_ONCE(shared.taken, timer_get_cycles());
}

static void guest_loop(u64 ticks)
{
	csr_set(CSR_SSTATUS, SR_FS | SR_VS);
	if (ticks) {
		timer_irq_enable();
		local_irq_enable();
		WRITE_ONCE(shared.due, timer_get_cycles() + ticks);
		timer_set_cmp(shared.due);
	}
	asm volatile(".option push\n"
		     ".option arch, +v\n"
		     "vsetivli zero, 8, e32, m1, ta, ma\n"
		     "1:\n"
		     "vadd.vi v8, v8, 1\n"
		     "ld t0, 0(%0)\n"
		     "beqz t0, 1b\n"
		     ".option pop\n" :: "r" (&shared.taken) : "t0", "memory");
	GUEST_DONE();
}

static u64 guest_time(struct kvm_vcpu *vcpu)
{
	return vcpu_get_reg(vcpu, RISCV_TIMER_REG(time));
}

static struct kvm_vm *create(struct kvm_vcpu **vcpu, bool timer)
{
	u64 host = kvm_host_vlenb();
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_RISCV_GUEST_VLENB,
		.args = { host < 8192 ? 2 * host : host / 2, KVM_RISCV_VLENB_USER_EXIT },
	};
	struct kvm_vm *vm = vm_create(1);

	vm_ioctl(vm, KVM_ENABLE_CAP, &cap);
	*vcpu = vm_vcpu_add(vm, 0, guest_loop);
	TEST_REQUIRE(__vcpu_has_isa_ext(*vcpu, KVM_RISCV_ISA_EXT_SSTC));
	vm_init_vector_tables(vm);
	vcpu_init_vector_tables(*vcpu);
	vm_install_interrupt_handler(vm, guest_irq);
	/* The timer interrupt is due after 0.2 s. */
	vcpu_args_set(*vcpu, 1, timer ? vcpu_get_reg(*vcpu, RISCV_TIMER_REG(frequency)) / 5 : 0);
	return vm;
}

/*
 * If an interrupt is due at KVM_RUN, the guest takes it before it executes any
 * other instruction.
 */
static void test_interrupt(void)
{
	u64 before, most = 0, exits = 0, entered = 0, due;
	struct kvm_vcpu *vcpu;
	struct rvv_vcpu rvv;
	struct kvm_vm *vm;
	struct ucall uc;

	vm = create(&vcpu, true);
	rvv_vcpu_init(&rvv, vcpu);
	rvv.run_ahead = RVV_RUN_AHEAD;
	for (;;) {
		vcpu_run(vcpu);
		if (vcpu->run->exit_reason != KVM_EXIT_RISCV_VECTOR)
			break;
		exits++;
		sync_global_from_guest(vm, shared);
		due = shared.due;
		TEST_ASSERT(shared.taken || !due || entered < due,
			    "The guest has not taken an interrupt due at %lu by %lu", due, entered);
		before = rvv.nr_ahead;
		rvv_vcpu_emulate(&rvv);
		most = max(most, rvv.nr_ahead - before);
		entered = guest_time(vcpu);
	}
	TEST_ASSERT(get_ucall(vcpu, &uc) == UCALL_DONE, "Unexpected exit reason %u",
		    vcpu->run->exit_reason);
	sync_global_from_guest(vm, shared);
	TEST_ASSERT(exits > 2, "The interrupt came after %lu exits", exits);
	TEST_ASSERT_EQ(most, RVV_RUN_AHEAD);
	pr_info("an interrupt after %lu exits: taken %lu ticks late, at most %lu instructions ahead\n",
		exits, shared.taken - shared.due, most);
	rvv_vcpu_free(&rvv);
	kvm_vm_free(vm);
}

static struct kvm_run *this_run;

static void on_alarm(int sig)
{
	WRITE_ONCE(this_run->immediate_exit, 1);
}

/* immediate_exit stops the emulator even if the budget is not used up. */
static void test_signal(void)
{
	struct itimerval in = { .it_value.tv_usec = 50000 };
	struct kvm_vcpu *vcpu;
	struct rvv_vcpu rvv;
	struct kvm_vm *vm;

	vm = create(&vcpu, false);
	rvv_vcpu_init(&rvv, vcpu);
	rvv.run_ahead = -1;
	this_run = vcpu->run;
	vcpu_run(vcpu);
	TEST_ASSERT_EQ(vcpu->run->exit_reason, KVM_EXIT_RISCV_VECTOR);
	signal(SIGALRM, on_alarm);
	setitimer(ITIMER_REAL, &in, NULL);
	rvv_vcpu_emulate(&rvv);
	TEST_ASSERT_EQ(__vcpu_run(vcpu), -1);
	TEST_ASSERT_EQ(errno, EINTR);
	pr_info("a signal: after %lu instructions\n", rvv.nr_ahead);
	rvv_vcpu_free(&rvv);
	kvm_vm_free(vm);
}

int main(void)
{
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_RISCV_GUEST_VLENB));

	test_interrupt();
	test_signal();
	return 0;
}
