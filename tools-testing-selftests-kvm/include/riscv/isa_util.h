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
#define NEEDS(_ext, _needed)						\
	{ .ext = KVM_RISCV_ISA_EXT_##_ext, .needed = KVM_RISCV_ISA_EXT_##_needed, \
	  .or = KVM_RISCV_ISA_EXT_##_needed }
#define CEILING_NEEDS(_ext, _needed, _or)				\
	{ .ext = KVM_RISCV_ISA_EXT_##_ext, .needed = KVM_RISCV_ISA_EXT_##_needed, \
	  .or = KVM_RISCV_ISA_EXT_##_or, .ceiling = true }
static const struct {
	int ext, needed, or;
	bool ceiling;
} isa_needs[] = {
	NEEDS(ZFH, ZFHMIN),
	NEEDS(ZVBB, ZVKB),	NEEDS(ZVBC, V),		NEEDS(ZVFBFMIN, V),
	NEEDS(ZVFBFWMA, ZFBFMIN),	NEEDS(ZVFBFWMA, ZVFBFMIN),
	NEEDS(ZVFH, ZFHMIN),	NEEDS(ZVFH, ZVFHMIN),	NEEDS(ZVFHMIN, V),
	NEEDS(ZVKB, V),		NEEDS(ZVKG, V),		NEEDS(ZVKNED, V),
	NEEDS(ZVKNHA, V),	NEEDS(ZVKNHB, ZVKNHA),	NEEDS(ZVKSED, V),
	NEEDS(ZVKSH, V),	NEEDS(ZVKT, V),
	CEILING_NEEDS(D, F, F),		CEILING_NEEDS(V, D, D),
	CEILING_NEEDS(ZICFISS, ZIMOP, ZIMOP),
	CEILING_NEEDS(ZCB, ZCA, C),	CEILING_NEEDS(ZCMOP, ZCA, C),
	CEILING_NEEDS(ZCD, D, D),	CEILING_NEEDS(ZCD, ZCA, C),
	CEILING_NEEDS(ZCF, F, F),	CEILING_NEEDS(ZCF, ZCA, C),
	CEILING_NEEDS(ZCLSD, ZILSD, ZILSD),	CEILING_NEEDS(ZCLSD, ZCA, C),
	CEILING_NEEDS(ZFA, F, F),	CEILING_NEEDS(ZFBFMIN, F, F),
	CEILING_NEEDS(ZFHMIN, F, F),
};

#undef NEEDS
#undef CEILING_NEEDS

/*
 * Remove each extension whose dependencies are not met from a set that has one
 * element per extension.
 */
static inline void isa_drop_incomplete(bool *isa, bool ceiling)
{
	bool changed;

	do {
		changed = false;
		for (int i = 0; i < ARRAY_SIZE(isa_needs); i++) {
			if (isa[isa_needs[i].ext] && !isa[isa_needs[i].needed] &&
			    !isa[isa_needs[i].or] && (ceiling || !isa_needs[i].ceiling)) {
				isa[isa_needs[i].ext] = false;
				changed = true;
			}
		}
	} while (changed);
}

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
static int illegal_insns;

static inline void guest_illegal_insn(struct pt_regs *regs)
{
	WRITE_ONCE(illegal_insns, READ_ONCE(illegal_insns) + 1);
	/*
	 * The tests use no compressed illegal instruction, so each has 4 bytes.
	 */
	regs->epc += 4;
}

static inline void vcpu_catch_illegal_insns(struct kvm_vcpu *vcpu)
{
	vm_init_vector_tables(vcpu->vm);
	vcpu_init_vector_tables(vcpu);
	vm_install_exception_handler(vcpu->vm, EXC_INST_ILLEGAL, guest_illegal_insn);
}

#endif /* SELFTEST_KVM_ISA_UTIL_H */
