// SPDX-License-Identifier: GPL-2.0
/*
 * interrupt_test.c - Test that an interrupt that KVM_INTERRUPT has raised stays
 * pending while userspace reads sip, and while KVM loads and puts the vCPU
 * without entering the guest.
 */
#include <signal.h>
#include <sys/ioctl.h>

#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"
#include "ucall_common.h"

#define SIP_SEIP	BIT(9)

static void guest_code(void)
{
	for (;;)
		GUEST_SYNC(csr_read(CSR_SIP) & SIP_SEIP);
}

static u64 run_and_get_seip(struct kvm_vcpu *vcpu)
{
	struct ucall uc;

	vcpu_run(vcpu);
	TEST_ASSERT_EQ(get_ucall(vcpu, &uc), UCALL_SYNC);
	return uc.args[1];
}

static void vcpu_interrupt(struct kvm_vcpu *vcpu, u32 irq)
{
	struct kvm_interrupt irq_arg = { .irq = irq };

	vcpu_ioctl(vcpu, KVM_INTERRUPT, &irq_arg);
}

/*
 * Call KVM_RUN with a signal pending that only KVM_RUN unblocks. KVM then loads
 * and puts the vCPU without entering the guest.
 */
static void run_interrupted(struct kvm_vcpu *vcpu)
{
	struct {
		struct kvm_signal_mask mask;
		u8 set[sizeof(u64)];
	} none = { .mask.len = sizeof(none.set) };
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	TEST_ASSERT(!pthread_sigmask(SIG_BLOCK, &set, NULL), "pthread_sigmask()");
	TEST_ASSERT(!ioctl(vcpu->fd, KVM_SET_SIGNAL_MASK, &none), "KVM_SET_SIGNAL_MASK");
	TEST_ASSERT(!raise(SIGUSR1), "raise()");

	TEST_ASSERT_EQ(__vcpu_run(vcpu), -1);
	TEST_ASSERT_EQ(errno, EINTR);

	TEST_ASSERT(!sigwait(&set, &sig), "sigwait()");
	TEST_ASSERT(!ioctl(vcpu->fd, KVM_SET_SIGNAL_MASK, NULL), "KVM_SET_SIGNAL_MASK");
}

FIXTURE(interrupt) {
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
};

FIXTURE_VARIANT(interrupt) {
	bool read_sip;
	bool put;
};

FIXTURE_VARIANT_ADD(interrupt, plain) {
};

FIXTURE_VARIANT_ADD(interrupt, read_sip) {
	.read_sip = true,
};

FIXTURE_VARIANT_ADD(interrupt, put) {
	.put = true,
};

FIXTURE_VARIANT_ADD(interrupt, read_sip_and_put) {
	.read_sip = true,
	.put = true,
};

FIXTURE_SETUP(interrupt)
{
	/*
	 * Stay on one CPU, because KVM restores all CSRs of a vCPU that moves
	 * to another CPU, which could hide a bug.
	 */
	pin_task_to_any_cpu(pthread_self());
	self->vm = vm_create_with_one_vcpu(&self->vcpu, guest_code);
}

FIXTURE_TEARDOWN(interrupt)
{
	kvm_vm_free(self->vm);
}

static void change(struct kvm_vcpu *vcpu, u32 irq, u64 seip, bool read_sip,
		   bool put)
{
	vcpu_interrupt(vcpu, irq);
	if (read_sip)
		TEST_ASSERT_EQ(vcpu_get_reg(vcpu, RISCV_GENERAL_CSR_REG(sip)) & SIP_SEIP,
			       seip);
	if (put)
		run_interrupted(vcpu);
	TEST_ASSERT_EQ(run_and_get_seip(vcpu), seip);
}

TEST_F(interrupt, set_and_unset)
{
	TEST_ASSERT_EQ(run_and_get_seip(self->vcpu), 0);
	change(self->vcpu, KVM_INTERRUPT_SET, SIP_SEIP, variant->read_sip,
	       variant->put);
	change(self->vcpu, KVM_INTERRUPT_UNSET, 0, variant->read_sip,
	       variant->put);
}

TEST_HARNESS_MAIN
