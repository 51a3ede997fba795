// SPDX-License-Identifier: GPL-2.0
/*
 * user_xlen_test.c - Test that a guest does not inherit the user-mode XLEN
 * (vsstatus.UXL) of the guest that ran before it.
 */
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"
#include "ucall_common.h"

static void guest_get_uxl(void)
{
	for (;;)
		GUEST_SYNC(csr_read(CSR_SSTATUS) & SR_UXL);
}

/* Set sstatus.UXL as a guest kernel does when it runs a 32-bit process. */
static void guest_set_uxl_32(void)
{
	csr_write(CSR_SSTATUS, (csr_read(CSR_SSTATUS) & ~SR_UXL) | SR_UXL_32);
	guest_get_uxl();
}

static u64 run_and_get_uxl(struct kvm_vcpu *vcpu)
{
	struct ucall uc;

	vcpu_run(vcpu);
	TEST_ASSERT_EQ(get_ucall(vcpu, &uc), UCALL_SYNC);
	return uc.args[1];
}

FIXTURE(user_xlen) {
	struct kvm_vm *vm32, *vm;
	struct kvm_vcpu *vcpu32, *vcpu;
};

FIXTURE_SETUP(user_xlen)
{
	pin_task_to_any_cpu(pthread_self());
	self->vm32 = vm_create_with_one_vcpu(&self->vcpu32, guest_set_uxl_32);
	self->vm = vm_create_with_one_vcpu(&self->vcpu, guest_get_uxl);
	if (run_and_get_uxl(self->vcpu32) != SR_UXL_32)
		SKIP(return, "no 32-bit user mode on this host");
}

FIXTURE_TEARDOWN(user_xlen)
{
	kvm_vm_free(self->vm32);
	kvm_vm_free(self->vm);
}

TEST_F(user_xlen, new_vcpu)
{
	EXPECT_EQ(SR_UXL_64, run_and_get_uxl(self->vcpu));
	/* Each vCPU must keep its own UXL. */
	EXPECT_EQ(SR_UXL_32, run_and_get_uxl(self->vcpu32));
	EXPECT_EQ(SR_UXL_64, run_and_get_uxl(self->vcpu));
}

/* A VMM such as QEMU may reset a vCPU by writing 0 to its CSRs. */
TEST_F(user_xlen, reset_by_vmm)
{
	vcpu_set_reg(self->vcpu, RISCV_GENERAL_CSR_REG(sstatus), 0);
	EXPECT_EQ(SR_UXL_64, run_and_get_uxl(self->vcpu));
}

TEST_F(user_xlen, set_by_vmm)
{
	vcpu_set_reg(self->vcpu, RISCV_GENERAL_CSR_REG(sstatus), SR_UXL_32);
	EXPECT_EQ(SR_UXL_32, run_and_get_uxl(self->vcpu));
	vcpu_set_reg(self->vcpu, RISCV_GENERAL_CSR_REG(sstatus), SR_UXL_64);
	EXPECT_EQ(SR_UXL_64, run_and_get_uxl(self->vcpu));
}

TEST_HARNESS_MAIN
