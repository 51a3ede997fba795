/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Definitions that the tests of ISA extensions, including FP and vectors,
 * share.
 */
#ifndef SELFTEST_KVM_ISA_UTIL_H
#define SELFTEST_KVM_ISA_UTIL_H

#include "kvm_util.h"
#include "processor.h"

/*
 * The ONE_REG registers (KVM_REG_RISCV_ISA_MULTI_*) that switch several
 * extensions at once
 */
#define NR_ISA_MULTI_REGS		(KVM_REG_RISCV_ISA_MULTI_REG_LAST + 1)
#define RISCV_ISA_MULTI_EN_REG(n)	__kvm_reg_id(KVM_REG_RISCV_ISA_EXT,		\
						     KVM_REG_RISCV_ISA_MULTI_EN,	\
						     n, KVM_REG_SIZE_ULONG)
#define RISCV_ISA_MULTI_DIS_REG(n)	__kvm_reg_id(KVM_REG_RISCV_ISA_EXT,		\
						     KVM_REG_RISCV_ISA_MULTI_DIS,	\
						     n, KVM_REG_SIZE_ULONG)

/*
 * The direct dependencies between extensions, which the tests state
 * independently of KVM. An entry that names two extensions means that either of
 * them is enough. Entries with .ceiling apply only to VMs that have set a
 * ceiling (KVM_RISCV_VM_ISA).
 */
struct isa_need {
	int ext, needed, or;
	bool ceiling;
};

extern const struct isa_need isa_needs[];
extern const unsigned int nr_isa_needs;

/*
 * Remove each extension whose dependencies are not met from a set that has one
 * element per extension.
 */
void isa_drop_incomplete(bool *isa, bool ceiling);

/* Vector instructions, in a program that is built without V */
#define V_INSN(insn)	".option push\n.option arch, +v\n" insn "\n.option pop\n"

/*
 * Expect a call to fail with errno ERR, in a TEST() of the kselftest harness.
 */
#define EXPECT_ERRNO(err, call)				\
	do {						\
		errno = 0;				\
		EXPECT_EQ(-1, (call));			\
		EXPECT_EQ(err, errno);			\
	} while (0)

/* Count the guest's illegal instructions and skip each of them. */
extern int illegal_insns;

void guest_illegal_insn(struct pt_regs *regs);
void vcpu_catch_illegal_insns(struct kvm_vcpu *vcpu);

#endif /* SELFTEST_KVM_ISA_UTIL_H */
