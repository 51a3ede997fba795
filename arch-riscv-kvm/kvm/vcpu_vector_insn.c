// SPDX-License-Identifier: GPL-2.0
/*
 * Vector instructions of a VM whose vlenb is not the host's.
 *
 * The registers of its vCPUs are in memory alone, since hardware works on as
 * many bytes as it has, and the guest knows how many it was promised.  What
 * sets and tells the configuration of the unit is done here, being short,
 * frequent, and a matter of nothing but numbers.  All else is for the VMM.
 */

#include <linux/bitfield.h>
#include <linux/bitops.h>
#include <linux/bits.h>
#include <linux/kvm_host.h>
#include <linux/minmax.h>
#include <linux/preempt.h>
#include <linux/string.h>
#include <asm/csr.h>
#include <asm/insn.h>
#include <asm/kvm_nacl.h>
#include <asm/kvm_vcpu_insn.h>
#include <asm/kvm_vcpu_simd.h>
#include <asm/kvm_vcpu_vector.h>

/* The form of OP-V that is vset{i}vl{i} */
#define VECTOR_OPCFG		7

#define VSET_IS_VSETVL		BIT(31)
#define VSET_IS_VSETIVLI	(BIT(31) | BIT(30))
#define VSETVL_ZERO		GENMASK(30, 25)
#define VSETVLI_VTYPE		GENMASK(30, 20)
#define VSETIVLI_VTYPE		GENMASK(29, 20)

#define VTYPE_DEFINED		(VTYPE_VLMUL | VTYPE_VSEW | VTYPE_VTA | VTYPE_VMA)

/* log2 of the bytes of the widest element, and of the smallest group */
#define VECTOR_MAX_SEW		3
#define VECTOR_MIN_LMUL		(-3)

/* Units count as changed: a guest may be told so too often. */
static void vector_set_dirty(struct kvm_vcpu *vcpu, unsigned long fields)
{
	/* With NACL, the CSR is in memory of this CPU's. */
	preempt_disable();
	ncsr_write(CSR_VSSTATUS, ncsr_read(CSR_VSSTATUS) | fields);
	preempt_enable();
}

/*
 * How many elements a register group has, 0 if there is no such vtype or not
 * even room for one.
 */
static unsigned long vector_vlmax(struct kvm_vcpu *vcpu, unsigned long vtype)
{
	int sew = FIELD_GET(VTYPE_VSEW, vtype);
	int lmul = sign_extend32(FIELD_GET(VTYPE_VLMUL, vtype), 2);

	if (vtype & ~VTYPE_DEFINED || sew > VECTOR_MAX_SEW ||
	    lmul < VECTOR_MIN_LMUL)
		return 0;

	return ((unsigned long)vcpu->kvm->arch.vlenb << 3) >> (3 + sew - lmul);
}

static int vector_vset(struct kvm_vcpu *vcpu, unsigned long insn)
{
	struct __riscv_v_ext_state *vector = &vcpu->arch.guest_vector;
	struct kvm_cpu_context *cntx = &vcpu->arch.guest_context;
	unsigned long rs1 = (insn >> SH_RS1) & MASK_RX;
	unsigned long rd = (insn >> SH_RD) & MASK_RX;
	unsigned long avl, vtype, vlmax;

	if (rs1)
		avl = GET_RS1(insn, cntx);
	else if (rd)
		avl = ULONG_MAX;
	else
		avl = vector->vl;

	if (!(insn & VSET_IS_VSETVL)) {
		vtype = FIELD_GET(VSETVLI_VTYPE, insn);
	} else if ((insn & VSET_IS_VSETIVLI) == VSET_IS_VSETIVLI) {
		vtype = FIELD_GET(VSETIVLI_VTYPE, insn);
		avl = rs1;
	} else if (!(insn & VSETVL_ZERO)) {
		vtype = GET_RS2(insn, cntx);
	} else {
		return KVM_INSN_ILLEGAL_TRAP;
	}

	vlmax = vector_vlmax(vcpu, vtype);
	vector->vtype = vlmax ? vtype : VTYPE_VILL;
	vector->vl = min(avl, vlmax);
	vector->vstart = 0;
	vector_set_dirty(vcpu, SR_VS_DIRTY);

	if (rd)
		SET_RD(insn, cntx, vector->vl);

	return KVM_INSN_CONTINUE_NEXT_SEPC;
}

/*
 * To write one that is read-only is illegal, even if nothing would change: the
 * mask of what is written does not tell csrrs of x0 from that of a 0.
 */
static int vector_csr_read(struct kvm_vcpu *vcpu, unsigned long *val,
			   unsigned long cur)
{
	unsigned long insn = vcpu->arch.csr_decode.insn;

	if ((GET_FUNCT3(insn) & 3) == 1 || (insn >> SH_RS1) & MASK_RX)
		return KVM_INSN_ILLEGAL_TRAP;

	*val = cur;

	return KVM_INSN_CONTINUE_NEXT_SEPC;
}

int kvm_riscv_vcpu_vector_csr_rmw(struct kvm_vcpu *vcpu, unsigned int csr_num,
				  unsigned long *val, unsigned long new_val,
				  unsigned long wr_mask)
{
	struct __riscv_v_ext_state *vector = &vcpu->arch.guest_vector;
	unsigned long *field = &vector->vcsr, mask;

	/* Others have them in hardware. */
	if (!(vcpu->arch.simd.emulated & KVM_RISCV_SIMD_V))
		return KVM_INSN_ILLEGAL_TRAP;

	switch (csr_num) {
	case CSR_VSTART:
		field = &vector->vstart;
		/* As wide as the index of an element can be; ONE_REG is wider */
		mask = BITS_PER_BYTE * vcpu->kvm->arch.vlenb - 1;
		vector->vstart &= mask;
		break;
	case CSR_VXSAT:
		mask = CSR_VXSAT_MASK;
		break;
	case CSR_VXRM:
		mask = CSR_VXRM_MASK << CSR_VXRM_SHIFT;
		break;
	case CSR_VCSR:
		mask = CSR_VXSAT_MASK | CSR_VXRM_MASK << CSR_VXRM_SHIFT;
		break;
	case CSR_VL:
		return vector_csr_read(vcpu, val, vector->vl);
	case CSR_VTYPE:
		return vector_csr_read(vcpu, val, vector->vtype);
	case CSR_VLENB:
		return vector_csr_read(vcpu, val, vector->vlenb);
	default:
		return KVM_INSN_ILLEGAL_TRAP;
	}

	*val = (*field & mask) >> __ffs(mask);
	if (wr_mask) {
		new_val = (*val & ~wr_mask) | (new_val & wr_mask);
		*field = (*field & ~mask) | ((new_val << __ffs(mask)) & mask);
		vector_set_dirty(vcpu, SR_VS_DIRTY);
	}

	return KVM_INSN_CONTINUE_NEXT_SEPC;
}

/* What the VMM may be going to write is Dirty: it need not know how to say so. */
static int vector_exit_to_user(struct kvm_vcpu *vcpu, unsigned long insn)
{
	struct kvm_run *run = vcpu->run;

	if (kvm_riscv_simd_insn_units(insn) & KVM_RISCV_SIMD_FP)
		vector_set_dirty(vcpu, SR_VS_DIRTY | SR_FS_DIRTY);
	else
		vector_set_dirty(vcpu, SR_VS_DIRTY);

	/* Userspace may rely on zeros where newer kernels tell it more. */
	memset(&run->riscv_vector, 0, sizeof(run->riscv_vector));
	run->exit_reason = KVM_EXIT_RISCV_VECTOR;
	run->riscv_vector.insn = insn;
	run->riscv_vector.pc = vcpu->arch.guest_context.sepc;

	return KVM_INSN_EXIT_TO_USER_SPACE;
}

/**
 * kvm_riscv_vcpu_vector_emulate -- Emulate a vector instruction
 *
 * @vcpu: The VCPU pointer
 * @insn: An instruction that needs VS, accesses no CSR, and has VS on
 *
 * Return: One of enum kvm_insn_return.
 */
int kvm_riscv_vcpu_vector_emulate(struct kvm_vcpu *vcpu, unsigned long insn)
{
	unsigned long opcode = (insn & INSN_OPCODE_MASK) | INSN_16BIT_MASK;

	if (opcode == RVV_OPCODE_VECTOR && GET_FUNCT3(insn) == VECTOR_OPCFG)
		return vector_vset(vcpu, insn);

	return vector_exit_to_user(vcpu, insn);
}
