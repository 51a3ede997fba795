// SPDX-License-Identifier: GPL-2.0
/*
 * Vector instructions of a VM whose vlenb is not the host's.
 *
 * The registers of its vCPUs are in memory only, since hardware supports no
 * length other than its own. KVM emulates vset and accesses to the vector
 * CSRs, which are simple and frequent. The VMM emulates all other
 * instructions.
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

/* funct3 of vset{i}vl{i} in OP-V */
#define VECTOR_OPCFG		7

#define VSET_IS_VSETVL		BIT(31)
#define VSET_IS_VSETIVLI	(BIT(31) | BIT(30))
#define VSETVL_ZERO		GENMASK(30, 25)
#define VSETVLI_VTYPE		GENMASK(30, 20)
#define VSETIVLI_VTYPE		GENMASK(29, 20)

#define VTYPE_DEFINED		(VTYPE_VLMUL | VTYPE_VSEW | VTYPE_VTA | VTYPE_VMA)

/* log2 of the bytes of the widest element, and of the smallest LMUL */
#define VECTOR_MAX_SEW		3
#define VECTOR_MIN_LMUL		(-3)

/*
 * Set the fields to Dirty, which is permitted even if their units have not
 * changed.
 */
static void vector_set_dirty(struct kvm_vcpu *vcpu, unsigned long fields)
{
	/* With NACL, the CSR is in per-CPU memory. */
	preempt_disable();
	ncsr_write(CSR_VSSTATUS, ncsr_read(CSR_VSSTATUS) | fields);
	preempt_enable();
}

static __always_inline bool vector_uxl_is_32(unsigned long vsstatus)
{
#ifdef CONFIG_64BIT
	return FIELD_GET(SR_UXL, vsstatus) == FIELD_GET(SR_UXL, SR_UXL_32);
#else
	return false;
#endif
}

/* Whether the instruction is one of a 32-bit process of a 64-bit guest */
static bool vector_is_rv32(struct kvm_vcpu *vcpu)
{
	unsigned long vsstatus;

	if (vcpu->arch.guest_context.sstatus & SR_SPP)
		return false;

	/* With NACL, the CSR is in per-CPU memory. */
	preempt_disable();
	vsstatus = ncsr_read(CSR_VSSTATUS);
	preempt_enable();

	return vector_uxl_is_32(vsstatus);
}

/*
 * The number of elements in a register group, or 0 if vtype is not supported or
 * the group has no room for an element.
 */
static __always_inline unsigned long vector_vlmax(struct kvm_vcpu *vcpu,
						  unsigned long vtype)
{
	int sew = FIELD_GET(VTYPE_VSEW, vtype);
	int lmul = sign_extend32(FIELD_GET(VTYPE_VLMUL, vtype), 2);

	if (vtype & ~VTYPE_DEFINED || sew > VECTOR_MAX_SEW ||
	    lmul < VECTOR_MIN_LMUL)
		return 0;

	return ((unsigned long)vcpu->kvm->arch.vlenb << 3) >> (3 + sew - lmul);
}

static __always_inline bool vector_is_vset(unsigned long insn)
{
	unsigned long opcode = (insn & INSN_OPCODE_MASK) | INSN_16BIT_MASK;

	return opcode == RVV_OPCODE_VECTOR && GET_FUNCT3(insn) == VECTOR_OPCFG;
}

/*
 * Execute vset{i}vl{i}. The caller sets VS to Dirty and advances pc. Return
 * false, and change nothing, if the encoding is reserved.
 */
static __always_inline bool vector_vset(struct kvm_vcpu *vcpu,
					unsigned long insn, bool rv32)
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
		return false;
	}

	/* A 32-bit process has 32-bit registers, so that vill is bit 31. */
	if (rv32) {
		avl = (u32)avl;
		vtype = (u32)vtype;
	}

	vlmax = vector_vlmax(vcpu, vtype);
	vector->vtype = vlmax ? vtype : VTYPE_VILL;
	vector->vl = min(avl, vlmax);
	vector->vstart = 0;

	if (rd)
		SET_RD(insn, cntx, vector->vl);

	return true;
}

/**
 * kvm_riscv_vcpu_vector_fixup -- Execute a vset right after its trap
 *
 * @vcpu: A vCPU whose V is emulated
 * @insn: The instruction that trapped, for which the guest has VS on
 *
 * Called with interrupts disabled and RCU not watching, between a guest exit
 * and the next entry. A remote fence that is requested meanwhile sends an IPI,
 * since vcpu->mode is still IN_GUEST_MODE, and waits until this CPU takes it,
 * which is after the instruction.
 *
 * Return: true if the guest can go on with the next instruction. Otherwise
 * nothing has changed, and kvm_riscv_vcpu_illegal_insn() handles the trap.
 */
noinstr bool kvm_riscv_vcpu_vector_fixup(struct kvm_vcpu *vcpu,
					 unsigned long insn)
{
	/* Leave it to the regular path to check for a 32-bit process. */
	if (vector_uxl_is_32(csr_read(CSR_VSSTATUS)))
		return false;

	if (!vector_is_vset(insn) || !vector_vset(vcpu, insn, false))
		return false;

	csr_set(CSR_VSSTATUS, SR_VS_DIRTY);
	vcpu->arch.guest_context.sepc += INSN_LEN(insn);
	vcpu->stat.vector_exit_kernel++;

	return true;
}

/*
 * Emulate an access to a read-only CSR. A write is illegal even if it would
 * change nothing. Decode the instruction, since the write mask is zero both
 * for csrrs with x0, which is a read, and for csrrs with another register that
 * is zero, which is a write.
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

static unsigned long vector_vtype(struct kvm_vcpu *vcpu)
{
	unsigned long vtype = vcpu->arch.guest_vector.vtype;

	/* In a 32-bit process vill is bit 31, and the hart sign-extends. */
	if (vtype & VTYPE_VILL && vector_is_rv32(vcpu))
		return sign_extend64(BIT(31), 31);

	return vtype;
}

int kvm_riscv_vcpu_vector_csr_rmw(struct kvm_vcpu *vcpu, unsigned int csr_num,
				  unsigned long *val, unsigned long new_val,
				  unsigned long wr_mask)
{
	struct __riscv_v_ext_state *vector = &vcpu->arch.guest_vector;
	unsigned long *field = &vector->vcsr, mask;

	/* With the host's length, hardware executes accesses to these CSRs. */
	if (!(vcpu->arch.simd.emulated & KVM_RISCV_SIMD_V))
		return KVM_INSN_ILLEGAL_TRAP;

	switch (csr_num) {
	case CSR_VSTART:
		field = &vector->vstart;
		/*
		 * vstart has room for any element index. ONE_REG may have set
		 * more bits.
		 */
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
		return vector_csr_read(vcpu, val, vector_vtype(vcpu));
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

/*
 * Leave an instruction to the VMM. Set VS, and FS if the instruction needs FP,
 * to Dirty, so that the VMM need not do so.
 */
static int vector_exit_to_user(struct kvm_vcpu *vcpu, unsigned long insn)
{
	struct kvm_run *run = vcpu->run;

	if (kvm_riscv_simd_insn_units(insn) & KVM_RISCV_SIMD_FP)
		vector_set_dirty(vcpu, SR_VS_DIRTY | SR_FS_DIRTY);
	else
		vector_set_dirty(vcpu, SR_VS_DIRTY);

	/*
	 * Clear the reserved fields, which newer kernels may use to report
	 * more.
	 */
	memset(&run->riscv_vector, 0, sizeof(run->riscv_vector));
	run->exit_reason = KVM_EXIT_RISCV_VECTOR;
	run->riscv_vector.insn = insn;
	run->riscv_vector.pc = vcpu->arch.guest_context.sepc;

	return KVM_INSN_EXIT_TO_USER_SPACE;
}

/* Emulate a vector instruction other than a CSR access. */
static int vector_emulate(struct kvm_vcpu *vcpu, unsigned long insn)
{
	if (!vector_is_vset(insn))
		return vector_exit_to_user(vcpu, insn);

	if (!vector_vset(vcpu, insn, vector_is_rv32(vcpu)))
		return KVM_INSN_ILLEGAL_TRAP;

	vector_set_dirty(vcpu, SR_VS_DIRTY);

	return KVM_INSN_CONTINUE_NEXT_SEPC;
}

/*
 * Handle the fences that have been requested, and fetch the instruction again.
 * Return false if the fetch fails, or if the instruction has been replaced.
 */
static bool vector_refetch(struct kvm_vcpu *vcpu, unsigned long insn)
{
	unsigned long sepc = vcpu->arch.guest_context.sepc;
	struct kvm_cpu_trap trap = { 0 };

	return kvm_riscv_vcpu_unpriv_read(vcpu, true, sepc, &trap) == insn &&
	       !trap.scause;
}

/**
 * kvm_riscv_vcpu_vector_insn -- Handle a vector instruction of a vCPU whose V
 * is emulated
 *
 * @vcpu: A vCPU whose V is emulated
 * @run:  The kvm_run of the vCPU
 * @insn: The instruction, for which the guest has VS on
 *
 * Return: > 0 to continue run-loop, 0 to exit run-loop and handle in
 * user-space, < 0 to report failure and exit run-loop.
 */
int kvm_riscv_vcpu_vector_insn(struct kvm_vcpu *vcpu, struct kvm_run *run,
			       unsigned long insn)
{
	int rc;

	/*
	 * If a fence has been requested, fetch the instruction again here. If
	 * the guest had to fetch it, guests that fence all the time could keep
	 * the vCPU from making progress.
	 */
	if (!kvm_riscv_vcpu_emulation_begin(vcpu) &&
	    !vector_refetch(vcpu, insn)) {
		kvm_riscv_vcpu_emulation_end(vcpu);
		return 1;
	}

	if ((insn & INSN_OPCODE_MASK) >> INSN_OPCODE_SHIFT == INSN_OPCODE_SYSTEM)
		rc = kvm_riscv_vcpu_system_insn(vcpu, run, insn);
	else
		rc = kvm_riscv_vcpu_finish_insn(vcpu, run, insn,
						vector_emulate(vcpu, insn));

	/*
	 * The emulation of an instruction that KVM leaves to userspace ends at
	 * the next KVM_RUN.
	 */
	if (rc) {
		kvm_riscv_vcpu_emulation_end(vcpu);
		vcpu->stat.vector_exit_kernel++;
	} else {
		vcpu->stat.vector_exit_user++;
	}

	return rc;
}
