// SPDX-License-Identifier: GPL-2.0
/*
 * Who owns the FP and vector registers, and when they change hands.
 *
 * FS and VS exist twice: the guest's fields are in vsstatus, and KVM's are in
 * sstatus. KVM changes the guest's only to set them to Dirty for an instruction
 * that is emulated. An instruction runs if both levels have its units on, and
 * is illegal otherwise. While a unit that the vCPU has is off in sstatus, KVM
 * does not delegate illegal instructions, so that KVM gets those that are
 * illegal only because of sstatus.
 *
 * Five functions move the registers. All of them run with interrupts disabled,
 * so that none sees the work of another half done:
 *
 *   kvm_riscv_vcpu_simd_enter()	loads the units that the vCPU wants
 *   kvm_riscv_vcpu_simd_fixup()	loads what an instruction lacked
 *   kvm_riscv_vcpu_simd_put()		saves and drops everything
 *   kvm_riscv_vcpu_flush_fp()		drops FP for kernel FPU code
 *   kvm_riscv_vcpu_flush_vector()	drops vectors for kernel vector code
 *
 * Only noinstr code runs between the first two functions and the guest. A
 * flushed unit stays on in sstatus, as it was when the guest was last entered.
 * The unit is still wanted, so the next entry loads it again.
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
#include <asm/switch_to.h>
#include "trace.h"

/* The modes of simd_switch: which units a guest gets without a trap */
enum { SIMD_EAGER, SIMD_LAZY, SIMD_ADAPTIVE };

static const char * const simd_switch_names[] = {
	[SIMD_EAGER]	= "eager",
	[SIMD_LAZY]	= "lazy",
	[SIMD_ADAPTIVE]	= "adaptive",
};

static int simd_switch = SIMD_ADAPTIVE;

/* Return the mode to use. Without traps, only the eager mode works. */
static int simd_mode(void)
{
	return kvm_riscv_simd_traps ? READ_ONCE(simd_switch) : SIMD_EAGER;
}

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
	return sysfs_emit(buffer, "%s\n", simd_switch_names[simd_mode()]);
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

/* The units that are off in a value of sstatus or vsstatus */
static __always_inline u8 simd_off(unsigned long status)
{
	return ((status & SR_FS) == SR_FS_OFF ? KVM_RISCV_SIMD_FP : 0) |
	       ((status & SR_VS) == SR_VS_OFF ? KVM_RISCV_SIMD_V : 0);
}

/* The units that the guest has, but was last entered without */
static __always_inline u8 simd_missing(struct kvm_vcpu *vcpu)
{
	return vcpu->arch.simd.enabled &
	       simd_off(vcpu->arch.guest_context.sstatus);
}

/*
 * The units that KVM can load; the memory for vector registers may not be
 * allocated yet.
 */
static __always_inline u8 simd_present(struct kvm_vcpu *vcpu)
{
	u8 units = vcpu->arch.simd.enabled & ~vcpu->arch.simd.emulated;

	if (!READ_ONCE(vcpu->arch.guest_vector.datap))
		units &= ~KVM_RISCV_SIMD_V;

	return units;
}

/* Out of line, so that a disabled tracepoint costs next to nothing */
static noinline void simd_trace_save(struct kvm_vcpu *vcpu, u8 unit, bool dirty)
{
	trace_kvm_simd_save(vcpu, unit, dirty);
}

/*
 * Save the thread's FP registers as a context switch does. Out of line, since
 * a VMM rarely uses FP between two loads of the guest's registers.
 */
static noinstr noinline void simd_save_thread_fp(void)
{
	fstate_save(current, task_pt_regs(current));
}

/*
 * Save the thread's registers if necessary, and load the guest's. On entry, FS
 * and VS of these units in the guest's HS-level sstatus are Off, or Clean if
 * the units were flushed.
 */
static noinstr void simd_acquire(struct kvm_vcpu *vcpu, u8 units)
{
	struct kvm_cpu_context *cntx = &vcpu->arch.guest_context;
	struct kvm_vcpu_simd *simd = &vcpu->arch.simd;

	simd->live |= units;
	simd->asked &= ~units;
	/*
	 * RCU is not watching here, so record the load. The next exit traces
	 * it.
	 */
	if (tracepoint_enabled(kvm_simd_load))
		simd->loaded |= units;

	if (units & KVM_RISCV_SIMD_FP) {
		cntx->sstatus |= SR_FS_CLEAN;
		vcpu->stat.fp_loads++;
		if ((task_pt_regs(current)->status & SR_FS) == SR_FS_DIRTY)
			simd_save_thread_fp();
		__kvm_riscv_fp_d_restore(&vcpu->arch.guest_fp.d);
	}
	if (units & KVM_RISCV_SIMD_V) {
		cntx->sstatus |= SR_VS_CLEAN;
		vcpu->stat.vector_loads++;
		kvm_riscv_vcpu_vector_load(vcpu);
	}
}

/*
 * Take the FP registers from the guest, and save them if Dirty. Restore the
 * thread's if give_back is set; otherwise the context switch in progress does.
 */
static __always_inline void simd_release_fp(struct kvm_vcpu *vcpu, bool give_back)
{
	bool dirty = (vcpu->arch.guest_context.sstatus & SR_FS) == SR_FS_DIRTY;

	vcpu->arch.simd.live &= ~KVM_RISCV_SIMD_FP;
	if (dirty) {
		vcpu->arch.simd.used |= KVM_RISCV_SIMD_FP;
		vcpu->stat.fp_saves++;
		__kvm_riscv_fp_d_save(&vcpu->arch.guest_fp.d);
	}
	if (give_back)
		fstate_restore(current, task_pt_regs(current));

	if (trace_kvm_simd_save_enabled())
		simd_trace_save(vcpu, KVM_RISCV_SIMD_FP, dirty);
}

/*
 * Take the vector registers from the guest, and save them if Dirty. Afterwards
 * they are unowned.
 */
static __always_inline void simd_release_vector(struct kvm_vcpu *vcpu)
{
	bool dirty = (vcpu->arch.guest_context.sstatus & SR_VS) == SR_VS_DIRTY;

	vcpu->arch.simd.live &= ~KVM_RISCV_SIMD_V;
	if (dirty) {
		vcpu->arch.simd.used |= KVM_RISCV_SIMD_V;
		vcpu->stat.vector_saves++;
		kvm_riscv_vcpu_vector_save(vcpu);
	}
	kvm_riscv_vcpu_vector_disown();

	if (trace_kvm_simd_save_enabled())
		simd_trace_save(vcpu, KVM_RISCV_SIMD_V, dirty);
}

/*
 * Set the units that the vCPU has, and forget all other state. Called while the
 * vCPU is not loaded.
 */
void kvm_riscv_vcpu_simd_reset(struct kvm_vcpu *vcpu)
{
	const unsigned long *isa = vcpu->arch.isa;
	struct kvm_vcpu_simd simd = { };

	if (riscv_isa_extension_available(isa, F) ||
	    riscv_isa_extension_available(isa, D))
		simd.enabled |= KVM_RISCV_SIMD_FP;
	if (riscv_isa_extension_available(isa, V))
		simd.enabled |= KVM_RISCV_SIMD_V;

	/*
	 * The guest can access a unit that is always on, whatever extensions
	 * KVM reports. It must find its own registers there.
	 */
	simd.enabled |= kvm_riscv_simd_stuck;

	/* Hardware supports no length other than its own. */
	if (vcpu->kvm->arch.vlenb != kvm_riscv_host_vlenb())
		simd.emulated = simd.enabled & KVM_RISCV_SIMD_V;

	vcpu->arch.simd = simd;
	vcpu->arch.guest_context.sstatus &= ~(SR_FS | SR_VS);
}

/**
 * kvm_riscv_vcpu_simd_run - Prepare a vCPU for KVM_RUN
 *
 * @vcpu: The vCPU, which is not loaded
 *
 * In eager mode a guest takes no trap for a unit, not even for its first vector
 * instruction, so allocate the memory for the vector registers before the guest
 * is entered.
 *
 * Return: 0, or -ENOMEM, after which KVM_RUN can be repeated.
 */
int kvm_riscv_vcpu_simd_run(struct kvm_vcpu *vcpu)
{
	u8 units = vcpu->arch.simd.enabled & ~vcpu->arch.simd.emulated;

	if (simd_mode() != SIMD_EAGER || !(units & KVM_RISCV_SIMD_V))
		return 0;

	return kvm_riscv_vcpu_vector_alloc(vcpu);
}

/*
 * A period lasts from vcpu_load() to vcpu_put(), and counts if the guest was
 * entered. For each unit, the history has one bit for each of the last eight
 * periods, set if the unit was used. Bit 0 is the newest period. The low byte
 * is for FP, the high byte for vectors.
 */
#define SIMD_HISTORY_FP		BIT(0)
#define SIMD_HISTORY_V		BIT(8)
#define SIMD_HISTORY_NEW	(SIMD_HISTORY_FP | SIMD_HISTORY_V)

/*
 * A trap costs about four times as much as an unnecessary load. It therefore
 * pays to load a unit without a trap if it was used in one of the last four
 * periods, and if the use before that was at most four periods earlier. If the
 * unit is used in every fifth period or less often, one trap for each use is
 * cheaper.
 */
static bool simd_frequent(u8 history)
{
	u8 last = history & -history;

	return history & 0x0f && history & ~last & ((last << 5) - 1);
}

/* Whether FP and vectors were last used in the same period */
static __always_inline bool simd_together(u16 history)
{
	u8 fp = history, v = history >> 8;

	return fp && (fp & -fp) == (v & -v);
}

/* Update the history at the end of a period, and predict the next one. */
static __always_inline void simd_learn(struct kvm_vcpu_simd *simd)
{
	u16 history = simd->history << 1 & ~SIMD_HISTORY_NEW;

	if (simd->used & KVM_RISCV_SIMD_FP)
		history |= SIMD_HISTORY_FP;
	if (simd->used & KVM_RISCV_SIMD_V)
		history |= SIMD_HISTORY_V;

	/*
	 * Hardware may report Dirty for a unit that was only loaded, so that
	 * KVM would load the unit forever. Clear the history in every 256th of
	 * the periods in which it causes a load.
	 */
	if (simd->frequent && !++simd->streak)
		history = 0;

	if (history == simd->history)
		return;

	simd->history = history;
	simd->frequent = (simd_frequent(history) ? KVM_RISCV_SIMD_FP : 0) |
			 (simd_frequent(history >> 8) ? KVM_RISCV_SIMD_V : 0);
}

/*
 * Decide which units the next guest entry loads. Called by vcpu_load(). The
 * thread owns the registers until that entry.
 */
void kvm_riscv_vcpu_simd_load(struct kvm_vcpu *vcpu)
{
	struct kvm_vcpu_simd *simd = &vcpu->arch.simd;

	simd->eager = 0;
	simd->mode = simd_mode();
	if (simd->mode == SIMD_EAGER)
		simd->eager = simd_present(vcpu);
	else if (simd->mode == SIMD_ADAPTIVE)
		simd->eager = simd->frequent;

	simd->wanted = simd->eager | simd->asked;
}

/*
 * Set HEDELEG for the next guest entry; no other function does. Delegate what
 * the vCPU's configuration delegates, except for illegal instructions if KVM
 * needs their traps. Nested virtualization would clear further bits here.
 */
static __always_inline void simd_delegate(struct kvm_vcpu *vcpu)
{
	struct kvm_vcpu_config *cfg = &vcpu->arch.cfg;
	unsigned long hedeleg = cfg->hedeleg;

	if (simd_missing(vcpu))
		hedeleg &= ~BIT(EXC_INST_ILLEGAL);

	if (hedeleg != cfg->hedeleg_csr) {
		cfg->hedeleg_csr = hedeleg;
		ncsr_write(CSR_HEDELEG, hedeleg);
	}
}

/**
 * kvm_riscv_vcpu_simd_enter - Load the units that the vCPU wants
 *
 * @vcpu: The vCPU
 *
 * Called right before guest entry with interrupts disabled, after the last
 * tracepoint: a probe may use kernel-mode vectors, and flush live registers.
 */
noinstr void kvm_riscv_vcpu_simd_enter(struct kvm_vcpu *vcpu)
{
	struct kvm_vcpu_simd *simd = &vcpu->arch.simd;
	u8 units = simd->wanted & ~simd->live;

	simd->entered = true;
	if (units)
		simd_acquire(vcpu, units);

	simd_delegate(vcpu);
}

/**
 * kvm_riscv_vcpu_simd_fixup - Give the guest the units that it lacks
 *
 * @vcpu: The vCPU, which has just trapped with an illegal instruction
 * @insn: The value of stval
 *
 * Called right after a guest exit, with interrupts disabled and RCU not
 * watching. Handles only the common case, and executes vset for a vCPU whose V
 * is emulated. kvm_riscv_vcpu_illegal_insn() handles the traps that need access
 * to guest memory, an allocation or other emulation, and those that have to be
 * traced while an earlier trap has not been traced yet.
 *
 * Return: true if KVM can enter the guest again right away: at the same
 * instruction if KVM has loaded units, or at the next one after a vset.
 */
noinstr bool kvm_riscv_vcpu_simd_fixup(struct kvm_vcpu *vcpu, unsigned long insn)
{
	struct kvm_vcpu_simd *simd = &vcpu->arch.simd;
	u8 need, off, more, missing = simd_missing(vcpu);

	if (kvm_riscv_nacl_available() || !missing || !insn || simd->trapped ||
	    !(vcpu->arch.guest_context.hstatus & HSTATUS_SPV))
		return false;

	off = simd_off(csr_read(CSR_VSSTATUS));
	need = kvm_riscv_simd_insn_units(insn);
	if (need == KVM_RISCV_SIMD_ANY)
		need = missing & ~off;
	if (!(need & missing) || need & off)
		return false;

	need &= missing;
	/* The regular path traces each instruction that is emulated. */
	if (need & simd->emulated)
		return !tracepoint_enabled(kvm_simd_trap) &&
		       kvm_riscv_vcpu_vector_fixup(vcpu, insn);

	if (need & ~simd_present(vcpu))
		return false;

	simd_count(need, &vcpu->stat.fp_traps, &vcpu->stat.vector_traps);
	simd->used |= need;
	if (tracepoint_enabled(kvm_simd_trap)) {
		simd->trapped = need;
		simd->trap_insn = insn;
		simd->trap_pc = vcpu->arch.guest_context.sepc;
	}

	/* Units that were last used in the same period are loaded together. */
	if (simd->mode == SIMD_ADAPTIVE && simd_together(simd->history)) {
		more = missing & ~need & ~off & simd_present(vcpu);
		simd->eager |= more;
		need |= more;
	}

	simd->wanted |= need;
	simd_acquire(vcpu, need);
	simd_delegate(vcpu);

	return true;
}

/*
 * Trace what happened where tracepoints cannot be called. Called after an exit
 * with interrupts disabled.
 */
void __kvm_riscv_vcpu_simd_exit(struct kvm_vcpu *vcpu)
{
	struct kvm_vcpu_simd *simd = &vcpu->arch.simd;
	u8 trapped = simd->trapped, loaded = simd->loaded;

	simd->trapped = 0;
	simd->loaded = 0;

	if (trapped)
		trace_kvm_simd_trap(vcpu, simd->trap_pc, simd->trap_insn,
				    trapped);
	if (loaded)
		trace_kvm_simd_load(vcpu, loaded, loaded & simd->eager);
}

/* Out of line, so that vcpu_put() is fast for a guest that uses no unit */
static noinline void simd_put_live(struct kvm_vcpu *vcpu)
{
	unsigned long flags;

	local_irq_save(flags);
	if (vcpu->arch.simd.live & KVM_RISCV_SIMD_FP)
		simd_release_fp(vcpu, !vcpu->scheduled_out);
	if (vcpu->arch.simd.live & KVM_RISCV_SIMD_V)
		simd_release_vector(vcpu);
	local_irq_restore(flags);
}

/*
 * Called by vcpu_put(), possibly while kernel-mode vector code is preempted.
 * That code then owns the vector registers, and the guest's are not live.
 */
void kvm_riscv_vcpu_simd_put(struct kvm_vcpu *vcpu)
{
	struct kvm_vcpu_simd *simd = &vcpu->arch.simd;

	if (simd->live)
		simd_put_live(vcpu);

	/* A unit cannot be a miss if the guest was never entered. */
	if (!simd->entered)
		return;
	simd->entered = false;

	vcpu->arch.guest_context.sstatus &= ~(SR_FS | SR_VS);

	simd_count(simd->eager & ~simd->used, &vcpu->stat.fp_eager_misses,
		   &vcpu->stat.vector_eager_misses);

	simd_learn(simd);
	simd->used = 0;
}

/*
 * Take the FP registers from the guest, and restore those of the thread that
 * has loaded the vCPU. Called by kernel_fpu_begin() with preemption disabled.
 */
void kvm_riscv_vcpu_flush_fp(void)
{
	struct kvm_vcpu *vcpu = kvm_get_running_vcpu();
	unsigned long *sstatus, flags;

	if (!vcpu)
		return;

	local_irq_save(flags);
	if (vcpu->arch.simd.live & KVM_RISCV_SIMD_FP) {
		sstatus = &vcpu->arch.guest_context.sstatus;
		simd_release_fp(vcpu, true);
		*sstatus = (*sstatus & ~SR_FS) | SR_FS_CLEAN;
	}
	local_irq_restore(flags);
}

/*
 * Take the vector registers from the guest. Called by kernel-mode vector code,
 * but only if RISCV_V_VCPU_CTX is set.
 */
void kvm_riscv_vcpu_flush_vector(void)
{
	struct kvm_vcpu *vcpu = kvm_get_running_vcpu();
	unsigned long *sstatus, flags;

	if (WARN_ON_ONCE(!vcpu))
		return;

	local_irq_save(flags);
	if (!WARN_ON_ONCE(!(vcpu->arch.simd.live & KVM_RISCV_SIMD_V))) {
		sstatus = &vcpu->arch.guest_context.sstatus;
		simd_release_vector(vcpu);
		*sstatus = (*sstatus & ~SR_VS) | SR_VS_CLEAN;
	}
	local_irq_restore(flags);
}

/*
 * Provide the missing units, and let the guest execute the instruction again.
 */
static int simd_want(struct kvm_vcpu *vcpu, unsigned long insn, u8 units,
		     u8 trapped)
{
	struct kvm_vcpu_simd *simd = &vcpu->arch.simd;
	unsigned long flags;
	int rc;

	if (units & KVM_RISCV_SIMD_V) {
		rc = kvm_riscv_vcpu_vector_alloc(vcpu);
		if (rc)
			return rc;
	}

	trace_kvm_simd_trap(vcpu, vcpu->arch.guest_context.sepc, insn, trapped);

	/*
	 * Disable interrupts, so that vcpu_put() and a flush see either all of
	 * these changes or none.
	 */
	local_irq_save(flags);
	simd->asked |= units;
	simd->wanted |= units;
	simd->used |= units;
	simd_count(trapped, &vcpu->stat.fp_traps, &vcpu->stat.vector_traps);
	local_irq_restore(flags);

	return 1;
}

/*
 * Emulate a read of vlenb while the memory for the vector registers is not
 * allocated. Kernels read vlenb when they boot, which does not mean that the
 * guest is going to use vectors. Return false for any other instruction,
 * including a write of vlenb, which is illegal.
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
 * @vcpu: The vCPU, which has just trapped
 * @trap: Trap details
 *
 * Request the units that the instruction needs, emulate the instruction, or
 * redirect the trap to the guest. If the guest may have replaced an emulated
 * instruction before KVM read it from memory, let the guest execute the new one
 * once. After a request, the same instruction traps to KVM again only if
 * vcpu_put() drops a unit before the guest has executed the instruction.
 *
 * Return: > 0 to continue run-loop, 0 to exit run-loop and handle in
 * user-space, < 0 to report failure and exit run-loop, in which case the state
 * of the guest is unchanged.
 */
int kvm_riscv_vcpu_illegal_insn(struct kvm_vcpu *vcpu,
				struct kvm_cpu_trap *trap)
{
	u8 need, off, missing = simd_missing(vcpu);
	u8 emulated = vcpu->arch.simd.emulated;
	unsigned long insn, retried_pc;

	/*
	 * Do not count traps that KVM gets only because a unit is missing. The
	 * guest can read the SBI PMU's counter.
	 */
	if (vcpu->arch.cfg.hedeleg_csr & BIT(EXC_INST_ILLEGAL)) {
		kvm_riscv_vcpu_pmu_incr_fw(vcpu, SBI_PMU_FW_ILLEGAL_INSN);
		vcpu->stat.instr_illegal_exits++;
	}

	if (missing) {
		if (!kvm_riscv_vcpu_trapped_insn(vcpu, trap, &insn))
			return 1;

		/* A retry affects only the next trap, so forget it now. */
		retried_pc = vcpu->arch.simd.retried_pc;
		vcpu->arch.simd.retried_pc = 0;

		need = kvm_riscv_simd_insn_units(insn);
		/*
		 * If KVM has read the instruction from memory, another hart of
		 * the guest may have changed it since the trap, so any unit may
		 * be needed. Exclude c.unimp, for which stval is always 0.
		 */
		if (!trap->stval && insn && !(need & missing))
			need = KVM_RISCV_SIMD_ANY;
		/*
		 * With NACL, the CSR is in per-CPU memory, so disable
		 * preemption.
		 */
		preempt_disable();
		off = simd_off(ncsr_read(CSR_VSSTATUS));
		preempt_enable();
		/* Units that the vCPU lacks are off for the guest, too. */
		off |= ~vcpu->arch.simd.enabled;
		/*
		 * Request all units that the instruction needs, not only the
		 * missing ones: vcpu_put() may drop the others before the next
		 * entry.
		 */
		if (need == KVM_RISCV_SIMD_ANY)
			need = vcpu->arch.simd.enabled & ~off & ~emulated;

		if ((need & missing) && !(need & off)) {
			/*
			 * The emulated instruction may need FP, too, but KVM
			 * need not save the FP registers here: vcpu_put() does
			 * that before userspace can access them.
			 */
			if (need & emulated) {
				trace_kvm_simd_trap(vcpu, trap->sepc, insn, 0);
				return kvm_riscv_vcpu_vector_insn(vcpu, vcpu->run,
								  insn);
			}

			return simd_read_vlenb(vcpu, insn) ? 1 :
			       simd_want(vcpu, insn, need, need & missing);
		}

		/*
		 * The instruction that was replaced may have been a vector
		 * instruction, whose unit KVM never loads. Let the guest
		 * execute the new instruction once, and redirect the next trap
		 * if it is at the same address.
		 */
		if (!trap->stval && insn && missing & emulated & ~off &&
		    retried_pc != trap->sepc) {
			vcpu->arch.simd.retried_pc = trap->sepc;
			return 1;
		}
	}

	kvm_riscv_vcpu_trap_redirect(vcpu, trap);

	return 1;
}
