// SPDX-License-Identifier: GPL-2.0
/* isa_util.c - What the tests of ISA extensions share */
#include "isa_util.h"

#define NEEDS(_ext, _needed)						\
	{ .ext = KVM_RISCV_ISA_EXT_##_ext, .needed = KVM_RISCV_ISA_EXT_##_needed, \
	  .or = KVM_RISCV_ISA_EXT_##_needed }
#define CEILING_NEEDS(_ext, _needed, _or)				\
	{ .ext = KVM_RISCV_ISA_EXT_##_ext, .needed = KVM_RISCV_ISA_EXT_##_needed, \
	  .or = KVM_RISCV_ISA_EXT_##_or, .ceiling = true }

const struct isa_need isa_needs[] = {
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

const unsigned int nr_isa_needs = ARRAY_SIZE(isa_needs);

void isa_drop_incomplete(bool *isa, bool ceiling)
{
	bool changed;
	int i;

	do {
		changed = false;
		for (i = 0; i < nr_isa_needs; i++) {
			if (isa[isa_needs[i].ext] && !isa[isa_needs[i].needed] &&
			    !isa[isa_needs[i].or] && (ceiling || !isa_needs[i].ceiling)) {
				isa[isa_needs[i].ext] = false;
				changed = true;
			}
		}
	} while (changed);
}

int illegal_insns;

void guest_illegal_insn(struct pt_regs *regs)
{
	WRITE_ONCE(illegal_insns, READ_ONCE(illegal_insns) + 1);
	/*
	 * The tests use no compressed illegal instruction, so each has 4 bytes.
	 */
	regs->epc += 4;
}

void vcpu_catch_illegal_insns(struct kvm_vcpu *vcpu)
{
	vm_init_vector_tables(vcpu->vm);
	vcpu_init_vector_tables(vcpu);
	vm_install_exception_handler(vcpu->vm, EXC_INST_ILLEGAL, guest_illegal_insn);
}
