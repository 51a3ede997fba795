// SPDX-License-Identifier: GPL-2.0
/*
 * Whose the FP and vector registers are, and when they change hands.
 *
 * FS and VS exist twice: a guest has its own in vsstatus, in which KVM makes
 * Dirty what it emulates, and what KVM allows is in sstatus.  An instruction
 * runs if both levels have its units on, and is illegal if one has not.  So
 * that KVM hears of those that only its own level stops, illegal instructions
 * are not delegated while an enabled unit is off there.
 *
 * Four places move the registers, all of them with interrupts disabled, so
 * that none sees another half done:
 *
 *   kvm_riscv_vcpu_simd_enter()	has what the vCPU wants loaded
 *   kvm_riscv_vcpu_simd_put()		has nothing of it left
 *   kvm_riscv_vcpu_flush_fp()		gives way to the kernel's own FPU code
 *   kvm_riscv_vcpu_flush_vector()	and to its vector code
 *
 * A unit that was flushed is on in sstatus still, as it was when the guest was
 * last entered; it is wanted, so that the next entry loads it again.
 */

#include <linux/bug.h>
#include <linux/errno.h>
#include <linux/irqflags.h>
#include <linux/kvm_host.h>
#include <linux/moduleparam.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <asm/cpufeature-macros.h>
#include <asm/insn.h>
#include <asm/kvm_nacl.h>
#include <asm/kvm_vcpu_fp.h>
#include <asm/kvm_vcpu_simd.h>
#include <asm/kvm_vcpu_vector.h>
#include "trace.h"

/* What a guest gets without having tried */
enum { SIMD_EAGER, SIMD_LAZY, SIMD_ADAPTIVE };

static const char * const simd_switch_names[] = {
	[SIMD_EAGER]	= "eager",
	[SIMD_LAZY]	= "lazy",
	[SIMD_ADAPTIVE]	= "adaptive",
};

static int simd_switch = SIMD_ADAPTIVE;

static int simd_switch_set(const char *val, const struct kernel_param *kp)
{
	int mode = sysfs_match_string(simd_switch_names, val);

	if (mode < 0)
		return mode;

	WRITE_ONCE(simd_switch, mode);

	return 0;
}

static int simd_switch_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%s\n", simd_switch_names[READ_ONCE(simd_switch)]);
}

static const struct kernel_param_ops simd_switch_ops = {
	.set = simd_switch_set,
	.get = simd_switch_get,
};

module_param_cb(simd_switch, &simd_switch_ops, NULL, 0644);
MODULE_PARM_DESC(simd_switch, "When guests get FP and vector registers: eager, lazy or adaptive (default)");

static __always_inline void simd_count(u8 units, u64 *fp, u64 *vector)
{
	if (units & KVM_RISCV_SIMD_FP)
		(*fp)++;
	if (units & KVM_RISCV_SIMD_V)
		(*vector)++;
}

#define SIMD_CLEAN	(SR_FS_CLEAN | SR_VS_CLEAN)

/* The fields of (v)sstatus that belong to units */
static __always_inline unsigned long simd_mask(u8 units)
{
	return (units & KVM_RISCV_SIMD_FP ? SR_FS : 0) |
	       (units & KVM_RISCV_SIMD_V ? SR_VS : 0);
}

/* The units that a (v)sstatus has switched off */
static u8 simd_off(unsigned long status)
{
	return ((status & SR_FS) == SR_FS_OFF ? KVM_RISCV_SIMD_FP : 0) |
	       ((status & SR_VS) == SR_VS_OFF ? KVM_RISCV_SIMD_V : 0);
}

static u8 simd_dirty(unsigned long status)
{
	return ((status & SR_FS) == SR_FS_DIRTY ? KVM_RISCV_SIMD_FP : 0) |
	       ((status & SR_VS) == SR_VS_DIRTY ? KVM_RISCV_SIMD_V : 0);
}

/* The units that the guest has, but was last entered without */
static u8 simd_missing(struct kvm_vcpu *vcpu)
{
	return vcpu->arch.simd.enabled &
	       simd_off(vcpu->arch.guest_context.sstatus);
}

/* The units that can be loaded: vector registers may not exist yet. */
static u8 simd_present(struct kvm_vcpu *vcpu)
{
	u8 units = vcpu->arch.simd.enabled & ~vcpu->arch.simd.emulated;

	if (!vcpu->arch.guest_vector.datap)
		units &= ~KVM_RISCV_SIMD_V;

	return units;
}

/* The registers become the guest's. */
static noinstr void simd_acquire(struct kvm_vcpu *vcpu, u8 units)
{
	struct kvm_cpu_context *cntx = &vcpu->arch.guest_context;

	if (units & KVM_RISCV_SIMD_FP)
		kvm_riscv_vcpu_fp_load(vcpu);
	if (units & KVM_RISCV_SIMD_V)
		kvm_riscv_vcpu_vector_load(vcpu);

	simd_count(units, &vcpu->stat.fp_loads, &vcpu->stat.vector_loads);
	vcpu->arch.simd.live |= units;
	cntx->sstatus &= ~simd_mask(units);
	cntx->sstatus |= simd_mask(units) & SIMD_CLEAN;
}

/* The registers are the guest's no longer, their content is nobody's. */
static void simd_release(struct kvm_vcpu *vcpu, u8 units)
{
	struct kvm_cpu_context *cntx = &vcpu->arch.guest_context;
	u8 dirty = simd_dirty(cntx->sstatus);

	if (units & dirty & KVM_RISCV_SIMD_FP)
		kvm_riscv_vcpu_fp_save(vcpu);
	if (units & KVM_RISCV_SIMD_V)
		kvm_riscv_vcpu_vector_save(vcpu, dirty & KVM_RISCV_SIMD_V);

	simd_count(units & dirty, &vcpu->stat.fp_saves,
		   &vcpu->stat.vector_saves);
	vcpu->arch.simd.used |= units & dirty;
	vcpu->arch.simd.live &= ~units;
	cntx->sstatus &= ~simd_mask(units);
	cntx->sstatus |= simd_mask(units) & SIMD_CLEAN;

	trace_kvm_simd_save(vcpu, units, units & dirty);
}

/* Called for a vCPU that is not loaded. */
void kvm_riscv_vcpu_simd_reset(struct kvm_vcpu *vcpu)
{
	const unsigned long *isa = vcpu->arch.isa;
	struct kvm_vcpu_simd *simd = &vcpu->arch.simd;

	simd->enabled = 0;
	if (riscv_isa_extension_available(isa, F) ||
	    riscv_isa_extension_available(isa, D))
		simd->enabled |= KVM_RISCV_SIMD_FP;
	if (riscv_isa_extension_available(isa, V))
		simd->enabled |= KVM_RISCV_SIMD_V;

	/* Hardware cannot work on registers of another length than its own. */
	simd->emulated = 0;
	if (vcpu->kvm->arch.vlenb != kvm_riscv_host_vlenb())
		simd->emulated = simd->enabled & KVM_RISCV_SIMD_V;

	simd->wanted = 0;
	simd->used = 0;
	simd->history = 0;
	vcpu->arch.guest_context.sstatus &= ~(SR_FS | SR_VS);
}

/*
 * The history has one bit for each unit in each of the last four periods from
 * vcpu_load() to vcpu_put().  A trap costs as much as a dozen loads of FP
 * registers, and two uses in four periods say that the next is near; one use
 * in ten is cheaper with a trap.
 */
#define SIMD_HISTORY_UNITS	2
#define SIMD_HISTORY_FP		0x55
#define SIMD_HISTORY_V		0xaa

static bool simd_two_of(u8 bits)
{
	return bits & (bits - 1);
}

/* The units that are worth loading before the guest asks for them */
static u8 simd_predict(struct kvm_vcpu *vcpu)
{
	u8 history = vcpu->arch.simd.history;
	u8 units = 0;

	switch (READ_ONCE(simd_switch)) {
	case SIMD_EAGER:
		return simd_present(vcpu);
	case SIMD_ADAPTIVE:
		if (simd_two_of(history & SIMD_HISTORY_FP))
			units |= KVM_RISCV_SIMD_FP;
		if (simd_two_of(history & SIMD_HISTORY_V))
			units |= KVM_RISCV_SIMD_V;
		return units;
	default:
		return 0;
	}
}

/* The registers stay the thread's until the guest is entered. */
void kvm_riscv_vcpu_simd_load(struct kvm_vcpu *vcpu)
{
	vcpu->arch.simd.eager = simd_predict(vcpu);
	vcpu->arch.simd.wanted = vcpu->arch.simd.eager;
}

/*
 * Called with interrupts disabled for the last time before the guest is
 * entered: what is decided here holds, see kvm_riscv_vcpu_simd_reload().
 */
void kvm_riscv_vcpu_simd_enter(struct kvm_vcpu *vcpu)
{
	struct kvm_vcpu_simd *simd = &vcpu->arch.simd;
	struct kvm_vcpu_config *cfg = &vcpu->arch.cfg;
	unsigned long hedeleg = cfg->hedeleg | BIT(EXC_INST_ILLEGAL);
	u8 units = simd->wanted & ~simd->live;

	if (units) {
		trace_kvm_simd_load(vcpu, units, units & simd->eager);
		/* What probes this may have copied with vectors, and flushed. */
		simd_acquire(vcpu, simd->wanted & ~simd->live);
	}

	if (simd_missing(vcpu))
		hedeleg &= ~BIT(EXC_INST_ILLEGAL);

	if (hedeleg != cfg->hedeleg) {
		cfg->hedeleg = hedeleg;
		ncsr_write(CSR_HEDELEG, hedeleg);
	}
}

/*
 * Called with nothing but noinstr code between it and the guest, if anything is
 * wanted that is not live.  The tracepoint of guest_state_enter_irqoff() comes
 * behind kvm_riscv_vcpu_simd_enter(), and a probe there may have copied with
 * vectors.
 */
noinstr void kvm_riscv_vcpu_simd_reload(struct kvm_vcpu *vcpu)
{
	struct kvm_vcpu_simd *simd = &vcpu->arch.simd;

	simd_acquire(vcpu, simd->wanted & ~simd->live);
}

/*
 * This may run on top of a preempted section of kernel-mode vector code.  The
 * registers are that section's then, and not live here.
 */
void kvm_riscv_vcpu_simd_put(struct kvm_vcpu *vcpu)
{
	struct kvm_vcpu_simd *simd = &vcpu->arch.simd;
	unsigned long flags;
	u8 units;

	if (simd->live) {
		local_irq_save(flags);
		units = simd->live;
		simd_release(vcpu, units);
		/* A context switch is going to do that, or has it to do anyway. */
		if (units & KVM_RISCV_SIMD_FP && !vcpu->scheduled_out)
			kvm_riscv_fp_give_back();
		local_irq_restore(flags);
	}

	/* What was not needed before the guest was entered is no miss. */
	units = simd->eager & ~simd_off(vcpu->arch.guest_context.sstatus);
	simd_count(units & simd->used, &vcpu->stat.fp_eager_hits,
		   &vcpu->stat.vector_eager_hits);
	simd_count(units & ~simd->used, &vcpu->stat.fp_eager_misses,
		   &vcpu->stat.vector_eager_misses);

	vcpu->arch.guest_context.sstatus &= ~(SR_FS | SR_VS);

	simd->history = simd->history << SIMD_HISTORY_UNITS | simd->used;
	simd->used = 0;
}

/* A unit of the vCPU that is loaded, on behalf of the thread that loaded it */
static bool simd_flush(u8 unit)
{
	struct kvm_vcpu *vcpu = kvm_get_running_vcpu();
	unsigned long flags;
	bool live = false;

	if (!vcpu)
		return false;

	local_irq_save(flags);
	if (vcpu->arch.simd.live & unit) {
		simd_release(vcpu, unit);
		live = true;
	}
	local_irq_restore(flags);

	return live;
}

/* Called with preemption disabled: the thread's registers must be there. */
void kvm_riscv_vcpu_flush_fp(void)
{
	if (simd_flush(KVM_RISCV_SIMD_FP))
		kvm_riscv_fp_give_back();
}

/* Called only if RISCV_V_VCPU_CTX says that the registers are a guest's. */
void kvm_riscv_vcpu_flush_vector(void)
{
	WARN_ON_ONCE(!simd_flush(KVM_RISCV_SIMD_V));
}

/* Have the instruction executed again, with the units that it lacks. */
static int simd_want(struct kvm_vcpu *vcpu, unsigned long insn, u8 units)
{
	unsigned long flags;
	int rc;

	trace_kvm_simd_trap(vcpu, insn, units);

	if (units & KVM_RISCV_SIMD_V) {
		rc = kvm_riscv_vcpu_vector_alloc(vcpu);
		if (rc)
			return rc;
	}

	/* Not in the middle of vcpu_put() and vcpu_load(), nor of a flush */
	local_irq_save(flags);
	vcpu->arch.simd.wanted |= units;
	vcpu->arch.simd.used |= units;
	simd_count(units, &vcpu->stat.fp_traps, &vcpu->stat.vector_traps);
	local_irq_restore(flags);

	return 1;
}

/*
 * Reading vlenb is how a kernel finds out what there is.  It needs no register
 * of the unit, and is no sign that one will be used, as long as none has been.
 * A write is illegal.
 */
static bool simd_read_vlenb(struct kvm_vcpu *vcpu, unsigned long insn)
{
	struct kvm_cpu_context *cntx = &vcpu->arch.guest_context;

	if (vcpu->arch.guest_vector.datap || !(GET_FUNCT3(insn) & 2) ||
	    (insn >> SH_RS1) & MASK_RX ||
	    (insn & INSN_OPCODE_MASK) >> INSN_OPCODE_SHIFT != INSN_OPCODE_SYSTEM ||
	    RVG_EXTRACT_SYSTEM_CSR(insn) != CSR_VLENB)
		return false;

	if ((insn >> SH_RD) & MASK_RX)
		SET_RD(insn, cntx, vcpu->arch.guest_vector.vlenb);
	cntx->sepc += INSN_LEN(insn);

	return true;
}

/**
 * kvm_riscv_vcpu_illegal_insn -- Handle illegal instruction trap
 *
 * @vcpu: The VCPU pointer
 * @trap: Trap details
 *
 * Either a unit is given to the guest that it had not before, or the
 * instruction is emulated, or the trap is the guest's own.  The same
 * instruction cannot come here for ever.
 *
 * Return: > 0 to continue run-loop, 0 to exit run-loop and handle in
 * user-space, < 0 to report failure and exit run-loop, in which case the guest
 * has not moved.
 */
int kvm_riscv_vcpu_illegal_insn(struct kvm_vcpu *vcpu,
				struct kvm_cpu_trap *trap)
{
	u8 need, off, missing = simd_missing(vcpu);
	u8 emulated = vcpu->arch.simd.emulated;
	unsigned long insn;

	/*
	 * One that would not have come here but for a missing unit is no exit
	 * that anybody should see in a counter, the guest least of all.
	 */
	if (vcpu->arch.cfg.hedeleg & BIT(EXC_INST_ILLEGAL)) {
		kvm_riscv_vcpu_pmu_incr_fw(vcpu, SBI_PMU_FW_ILLEGAL_INSN);
		vcpu->stat.instr_illegal_exits++;
	}

	if (missing) {
		if (!kvm_riscv_vcpu_trapped_insn(vcpu, trap, &insn))
			return 1;

		need = kvm_riscv_simd_insn_units(insn);
		/* With NACL, the CSR is in memory of this CPU's. */
		preempt_disable();
		off = simd_off(ncsr_read(CSR_VSSTATUS));
		preempt_enable();
		if (need == KVM_RISCV_SIMD_ANY)
			need = missing & ~off & ~emulated;

		if ((need & missing) && !(need & off)) {
			/* FP registers are in memory then, or will get there. */
			if (need & emulated) {
				trace_kvm_simd_trap(vcpu, insn, 0);
				return kvm_riscv_vcpu_vector_insn(vcpu, vcpu->run,
								  insn);
			}

			return simd_read_vlenb(vcpu, insn) ? 1 :
			       simd_want(vcpu, insn, need & missing);
		}
	}

	kvm_riscv_vcpu_trap_redirect(vcpu, trap);

	return 1;
}
