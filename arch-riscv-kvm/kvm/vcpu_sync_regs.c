// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_CAP_SYNC_REGS: Copy registers to and from kvm_run for userspace.
 *
 * KVM copies in both directions while the vCPU is not loaded, when all of its
 * registers are in memory. Userspace can write to kvm_run at any time, so a
 * value may change after KVM has checked it. KVM therefore reads mode only
 * once, copies only 32 bits of fcsr, and does not copy vlenb.
 */

#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/kvm_host.h>
#include <linux/limits.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/csr.h>
#include <asm/kvm_vcpu_fp.h>
#include <asm/kvm_vcpu_vector.h>

/**
 * kvm_riscv_sync_regs_classes - Tell which registers can be in kvm_run
 *
 * @isa: The extensions of a vCPU, or NULL for those of the host
 *
 * Return: The bits for kvm_valid_regs and kvm_dirty_regs.
 */
u64 kvm_riscv_sync_regs_classes(const unsigned long *isa)
{
	u64 classes = KVM_SYNC_RISCV_CORE | KVM_SYNC_RISCV_CSR;

	if (riscv_isa_extension_available(isa, F) ||
	    riscv_isa_extension_available(isa, D))
		classes |= KVM_SYNC_RISCV_FP;
	if (riscv_isa_extension_available(isa, V))
		classes |= KVM_SYNC_RISCV_VECTOR_CSR;

	return classes;
}

/* The registers of kvm_run have 64 bits on all hosts. */
static void store_regs(u64 *to, const unsigned long *from, int nr)
{
	if (IS_ENABLED(CONFIG_64BIT))
		memcpy(to, from, nr * sizeof(*to));
	else
		while (nr--)
			*to++ = *from++;
}

static void load_regs(unsigned long *to, const u64 *from, int nr)
{
	if (IS_ENABLED(CONFIG_64BIT))
		memcpy(to, from, nr * sizeof(*to));
	else
		while (nr--)
			*to++ = *from++;
}

static void store_core(struct kvm_vcpu *vcpu, struct kvm_sync_regs *regs)
{
	struct kvm_cpu_context *cntx = &vcpu->arch.guest_context;
	unsigned long *x = &cntx->zero;

	regs->x[0] = 0;
	store_regs(regs->x + 1, x + 1, ARRAY_SIZE(regs->x) - 1);
	regs->pc = cntx->sepc;
	regs->mode = cntx->sstatus & SR_SPP ? KVM_RISCV_MODE_S :
					      KVM_RISCV_MODE_U;
}

static void load_core(struct kvm_vcpu *vcpu, const struct kvm_sync_regs *regs,
		      u64 mode)
{
	struct kvm_cpu_context *cntx = &vcpu->arch.guest_context;
	unsigned long *x = &cntx->zero;

	load_regs(x + 1, regs->x + 1, ARRAY_SIZE(regs->x) - 1);
	cntx->sepc = regs->pc;
	if (mode == KVM_RISCV_MODE_S)
		cntx->sstatus |= SR_SPP;
	else
		cntx->sstatus &= ~SR_SPP;
}

static void store_csrs(struct kvm_vcpu *vcpu, struct kvm_sync_regs *regs)
{
	struct kvm_vcpu_csr *csr = &vcpu->arch.guest_csr;

	regs->sstatus = csr->vsstatus;
	regs->sie = csr->vsie;
	regs->stvec = csr->vstvec;
	regs->sscratch = csr->vsscratch;
	regs->sepc = csr->vsepc;
	regs->scause = csr->vscause;
	regs->stval = csr->vstval;
	regs->satp = csr->vsatp;
	regs->scounteren = csr->scounteren;
	regs->senvcfg = csr->senvcfg;
}

static void load_csrs(struct kvm_vcpu *vcpu, const struct kvm_sync_regs *regs)
{
	struct kvm_vcpu_csr *csr = &vcpu->arch.guest_csr;

	csr->vsstatus = regs->sstatus;
	csr->vsie = regs->sie;
	csr->vstvec = regs->stvec;
	csr->vsscratch = regs->sscratch;
	csr->vsepc = regs->sepc;
	csr->vscause = regs->scause;
	csr->vstval = regs->stval;
	csr->vsatp = regs->satp;
	csr->scounteren = regs->scounteren;
	csr->senvcfg = regs->senvcfg;

	vcpu->arch.csr_dirty = true;
}

static void store_vector_csrs(struct kvm_vcpu *vcpu, struct kvm_sync_regs *regs)
{
	struct __riscv_v_ext_state *vector = &vcpu->arch.guest_vector;

	regs->vstart = vector->vstart;
	regs->vl = vector->vl;
	regs->vtype = vector->vtype;
	regs->vcsr = vector->vcsr;
	regs->vlenb = vector->vlenb;
}

static void load_vector_csrs(struct kvm_vcpu *vcpu,
			     const struct kvm_sync_regs *regs)
{
	struct __riscv_v_ext_state *vector = &vcpu->arch.guest_vector;

	vector->vstart = regs->vstart;
	vector->vl = regs->vl;
	vector->vtype = regs->vtype;
	vector->vcsr = regs->vcsr;
}

/**
 * kvm_riscv_vcpu_load_sync_regs - Copy registers from kvm_run to the vCPU
 *
 * @vcpu: The vCPU, which is not loaded
 * @valid: Output pointer to the register sets to pass to
 * kvm_riscv_vcpu_store_sync_regs()
 *
 * Return: 0, or -EINVAL, in which case nothing has changed.
 */
int kvm_riscv_vcpu_load_sync_regs(struct kvm_vcpu *vcpu, u64 *valid)
{
	u64 classes = kvm_riscv_sync_regs_classes(vcpu->arch.isa);
	struct kvm_sync_regs *regs = &vcpu->run->s.regs;
	u64 dirty, mode, fcsr;

	BUILD_BUG_ON(sizeof(*regs) > SYNC_REGS_SIZE_BYTES);

	*valid = READ_ONCE(vcpu->run->kvm_valid_regs);
	dirty = READ_ONCE(vcpu->run->kvm_dirty_regs);
	if ((*valid | dirty) & ~classes)
		return -EINVAL;
	if (!dirty)
		return 0;

	mode = READ_ONCE(regs->mode);
	if (dirty & KVM_SYNC_RISCV_CORE &&
	    mode != KVM_RISCV_MODE_S && mode != KVM_RISCV_MODE_U)
		return -EINVAL;
	fcsr = READ_ONCE(regs->fcsr);
	if (dirty & KVM_SYNC_RISCV_FP && fcsr > U32_MAX)
		return -EINVAL;
	if (dirty & KVM_SYNC_RISCV_VECTOR_CSR &&
	    READ_ONCE(regs->vlenb) != vcpu->arch.guest_vector.vlenb)
		return -EINVAL;

	if (dirty & KVM_SYNC_RISCV_CORE)
		load_core(vcpu, regs, mode);
	if (dirty & KVM_SYNC_RISCV_CSR)
		load_csrs(vcpu, regs);
	if (dirty & KVM_SYNC_RISCV_FP)
		kvm_riscv_vcpu_load_sync_fp(vcpu, regs, fcsr);
	if (dirty & KVM_SYNC_RISCV_VECTOR_CSR)
		load_vector_csrs(vcpu, regs);

	vcpu->run->kvm_dirty_regs = 0;

	return 0;
}

/**
 * kvm_riscv_vcpu_store_sync_regs - Copy registers from the vCPU to kvm_run
 *
 * @vcpu: The vCPU, which is not loaded
 * @valid: The register sets to copy
 */
void kvm_riscv_vcpu_store_sync_regs(struct kvm_vcpu *vcpu, u64 valid)
{
	struct kvm_sync_regs *regs = &vcpu->run->s.regs;

	if (valid & KVM_SYNC_RISCV_CORE)
		store_core(vcpu, regs);
	if (valid & KVM_SYNC_RISCV_CSR)
		store_csrs(vcpu, regs);
	if (valid & KVM_SYNC_RISCV_FP)
		kvm_riscv_vcpu_store_sync_fp(vcpu, regs);
	if (valid & KVM_SYNC_RISCV_VECTOR_CSR)
		store_vector_csrs(vcpu, regs);
}
