// SPDX-License-Identifier: GPL-2.0
/*
 * Who owns the FP and vector registers, and when they change hands.
 *
 * FS and VS exist twice: a guest has its own in vsstatus, in which KVM sets
 * Dirty for what it emulates, and KVM's level is in sstatus.  An instruction
 * runs if both levels have its units on, and is illegal if one has not.  While
 * an enabled unit is off at KVM's level, illegal instructions are therefore not
 * delegated, so that KVM sees those that only its own level stops.
 *
 * Five places move the registers, all of them with interrupts disabled, so
 * that none sees the work of another half done:
 *
 *   kvm_riscv_vcpu_simd_enter()	loads what the vCPU wants
 *   kvm_riscv_vcpu_simd_fixup()	loads what the guest has just tried to use
 *   kvm_riscv_vcpu_simd_put()		saves and drops everything
 *   kvm_riscv_vcpu_flush_fp()		makes room for the kernel's own FPU code
 *   kvm_riscv_vcpu_flush_vector()	and for its vector code
 *
 * The first two run with nothing but noinstr code between them and the guest.
 * A unit that was flushed is still on in sstatus, as it was when the guest was
 * last entered; it is wanted, so the next entry loads it again.
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

/* What a guest gets without having tried */
enum { SIMD_EAGER, SIMD_LAZY, SIMD_ADAPTIVE };

static const char * const simd_switch_names[] = {
	[SIMD_EAGER]	= "eager",
	[SIMD_LAZY]	= "lazy",
	[SIMD_ADAPTIVE]	= "adaptive",
};

static int simd_switch = SIMD_ADAPTIVE;

/* Units that this hardware cannot switch off */
static u8 simd_stuck __ro_after_init;

/* A unit that is always on must always hold the guest's registers. */
static int simd_mode(void)
{
	return simd_stuck ? SIMD_EAGER : READ_ONCE(simd_switch);
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

/* The units that a (v)sstatus has switched off */
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

/* The units that can be loaded: vector registers may not exist yet. */
static __always_inline u8 simd_present(struct kvm_vcpu *vcpu)
{
	u8 units = vcpu->arch.simd.enabled & ~vcpu->arch.simd.emulated;

	if (!vcpu->arch.guest_vector.datap)
		units &= ~KVM_RISCV_SIMD_V;

	return units;
}

/* Tracepoints out of line, so that a vCPU does not pay for those that are off */
static noinline void simd_trace_save(struct kvm_vcpu *vcpu, u8 unit, bool dirty)
{
	trace_kvm_simd_save(vcpu, unit, dirty);
}

/*
 * Save the thread's FP registers where its context switch would.  Out of line,
 * since the VMM that has used FP since the last time is the exception.
 */
static noinstr noinline void simd_save_thread_fp(void)
{
	fstate_save(current, task_pt_regs(current));
}

/*
 * The registers become the guest's.  The units are off in its sstatus, or Clean
 * if they were flushed.
 */
static noinstr void simd_acquire(struct kvm_vcpu *vcpu, u8 units)
{
	struct kvm_cpu_context *cntx = &vcpu->arch.guest_context;
	struct kvm_vcpu_simd *simd = &vcpu->arch.simd;

	simd->live |= units;
	simd->asked &= ~units;
	/* RCU is not watching: the next exit traces it. */
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
 * The FP registers are no longer the guest's, but the thread's again, unless
 * the context switch that goes on is going to see to that.
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

/* The vector registers are no longer the guest's, and their content is unowned. */
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

/* Called for a vCPU that is not loaded. */
void kvm_riscv_vcpu_simd_reset(struct kvm_vcpu *vcpu)
{
	const unsigned long *isa = vcpu->arch.isa;
	struct kvm_vcpu_simd simd = { };

	if (riscv_isa_extension_available(isa, F) ||
	    riscv_isa_extension_available(isa, D))
		simd.enabled |= KVM_RISCV_SIMD_FP;
	if (riscv_isa_extension_available(isa, V))
		simd.enabled |= KVM_RISCV_SIMD_V;

	/* Hardware cannot work on registers of another length than its own. */
	if (vcpu->kvm->arch.vlenb != kvm_riscv_host_vlenb())
		simd.emulated = simd.enabled & KVM_RISCV_SIMD_V;

	/* At once: a page fault of the registers' mapping looks at emulated. */
	vcpu->arch.simd = simd;
	vcpu->arch.guest_context.sstatus &= ~(SR_FS | SR_VS);
}

/**
 * kvm_riscv_vcpu_simd_run - Prepare a vCPU for KVM_RUN
 *
 * @vcpu: The vCPU, which is not loaded
 *
 * In eager mode a guest takes no trap for a unit, not even for the first
 * vector instruction: the registers must exist before the guest is entered.
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
 * The history has a bit for each of the last eight periods from vcpu_load() to
 * vcpu_put() in which the guest was entered, the newest lowest, for FP in its
 * low byte and for vectors in the high one.
 */
#define SIMD_HISTORY_FP		BIT(0)
#define SIMD_HISTORY_V		BIT(8)
#define SIMD_HISTORY_NEW	(SIMD_HISTORY_FP | SIMD_HISTORY_V)

/*
 * A trap costs about four times what it costs to load a unit in vain.  So it
 * pays to load a unit without a trap if the last use was less than four
 * periods ago, and if the one before was at most four periods earlier.  A use in
 * every fifth period, or a rarer one, is cheaper with a trap each time.
 */
static bool simd_frequent(u8 history)
{
	u8 last = history & -history;

	return history & 0x0f && history & ~last & ((last << 5) - 1);
}

/* Whether the last use of FP was in the same period as that of vectors */
static __always_inline bool simd_together(u16 history)
{
	u8 fp = history, v = history >> 8;

	return fp && (fp & -fp) == (v & -v);
}

/* At the end of a period: what will be needed in the next, to judge by the last */
static __always_inline void simd_learn(struct kvm_vcpu_simd *simd)
{
	u16 history = simd->history << 1 & ~SIMD_HISTORY_NEW;

	if (simd->used & KVM_RISCV_SIMD_FP)
		history |= SIMD_HISTORY_FP;
	if (simd->used & KVM_RISCV_SIMD_V)
		history |= SIMD_HISTORY_V;

	if (history == simd->history)
		return;

	simd->history = history;
	simd->frequent = (simd_frequent(history) ? KVM_RISCV_SIMD_FP : 0) |
			 (simd_frequent(history >> 8) ? KVM_RISCV_SIMD_V : 0);
}

/* The registers stay the thread's until the guest is entered. */
void kvm_riscv_vcpu_simd_load(struct kvm_vcpu *vcpu)
{
	struct kvm_vcpu_simd *simd = &vcpu->arch.simd;

	simd->eager = 0;
	simd->mode = simd_mode();
	if (simd->mode == SIMD_EAGER) {
		simd->eager = simd_present(vcpu);
	} else if (simd->mode == SIMD_ADAPTIVE && simd->frequent) {
		simd->eager = simd->frequent;
		/*
		 * Hardware may say Dirty of a unit that was only loaded.  Forget
		 * everything once in a while, or that unit stays eager for ever.
		 */
		if (!++simd->streak) {
			simd->history = 0;
			simd->frequent = 0;
		}
	}
	simd->wanted = simd->eager | simd->asked;
}

/*
 * The one place that decides what HEDELEG holds while a guest runs: what the
 * vCPU's configuration delegates, less the illegal instructions that KVM has to
 * see.  Another level of virtualization would take away here what it needs.
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
 * kvm_riscv_vcpu_simd_enter - Load what the vCPU wants
 *
 * @vcpu: The vCPU
 *
 * Called with interrupts disabled for the last time before the guest is
 * entered, after the last tracepoint: a probe may copy with vectors, and flush
 * what is live.
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
 * @insn: What the hart has written to stval
 *
 * Called right after the guest, with interrupts disabled and RCU not watching.
 * This handles the usual case and nothing else.  Whatever needs memory, the
 * guest's or KVM's, emulation, or a second report before the first is out, is
 * left to kvm_riscv_vcpu_illegal_insn(), which can do all of it.
 *
 * Return: true if the guest can execute the instruction again.
 */
noinstr bool kvm_riscv_vcpu_simd_fixup(struct kvm_vcpu *vcpu, unsigned long insn)
{
	struct kvm_vcpu_simd *simd = &vcpu->arch.simd;
	u8 need, off, more, missing = simd_missing(vcpu);

	if (!missing || !insn || simd->trapped ||
	    !(vcpu->arch.guest_context.hstatus & HSTATUS_SPV))
		return false;

	off = simd_off(csr_read(CSR_VSSTATUS));
	need = kvm_riscv_simd_insn_units(insn);
	if (need == KVM_RISCV_SIMD_ANY)
		need = missing & ~off;
	if (!(need & missing) || need & off)
		return false;

	need &= missing;
	if (need & ~simd_present(vcpu))
		return false;

	simd_count(need, &vcpu->stat.fp_traps, &vcpu->stat.vector_traps);
	simd->used |= need;
	if (tracepoint_enabled(kvm_simd_trap)) {
		simd->trapped = need;
		simd->trap_insn = insn;
		simd->trap_pc = vcpu->arch.guest_context.sepc;
	}

	/* What was last used in the same period will be used now. */
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

/* Report what could not be reported where it was done.  Interrupts are disabled. */
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

/* Out of line, so that a guest which uses no unit does not pay for it */
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
 * This may run on top of a preempted section of kernel-mode vector code.  The
 * registers are that section's then, and not live here.
 */
void kvm_riscv_vcpu_simd_put(struct kvm_vcpu *vcpu)
{
	struct kvm_vcpu_simd *simd = &vcpu->arch.simd;

	if (simd->live)
		simd_put_live(vcpu);

	/* What was not needed before the guest was entered is no miss. */
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
 * Called by the kernel's own FPU code with preemption disabled.  Afterwards the
 * registers are those of the thread that has loaded the vCPU.
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

/* Called only if RISCV_V_VCPU_CTX says that the registers are a guest's. */
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

/* Have the instruction executed again, with the units that it lacks. */
static int simd_want(struct kvm_vcpu *vcpu, unsigned long insn, u8 units)
{
	struct kvm_vcpu_simd *simd = &vcpu->arch.simd;
	unsigned long flags;
	int rc;

	if (units & KVM_RISCV_SIMD_V) {
		rc = kvm_riscv_vcpu_vector_alloc(vcpu);
		if (rc)
			return rc;
	}

	trace_kvm_simd_trap(vcpu, vcpu->arch.guest_context.sepc, insn, units);

	/* Not in the middle of vcpu_put() and vcpu_load(), nor of a flush */
	local_irq_save(flags);
	simd->asked |= units;
	simd->wanted |= units;
	simd->used |= units;
	units &= simd_missing(vcpu);
	simd_count(units, &vcpu->stat.fp_traps, &vcpu->stat.vector_traps);
	local_irq_restore(flags);

	return 1;
}

/*
 * Reading vlenb is how a kernel finds out what there is.  It needs no register
 * of the unit, and does not mean that one will be used, as long as none has
 * been.  A write is illegal.
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
 * instruction comes here again only if vcpu_put() has taken a unit away before
 * the guest could execute it.
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
	if (vcpu->arch.cfg.hedeleg_csr & BIT(EXC_INST_ILLEGAL)) {
		kvm_riscv_vcpu_pmu_incr_fw(vcpu, SBI_PMU_FW_ILLEGAL_INSN);
		vcpu->stat.instr_illegal_exits++;
	}

	if (missing) {
		if (!kvm_riscv_vcpu_trapped_insn(vcpu, trap, &insn))
			return 1;

		need = kvm_riscv_simd_insn_units(insn);
		/*
		 * Another hart of the guest may have patched what KVM has read,
		 * if that is not c.unimp, for which stval is 0 anyway.
		 */
		if (!trap->stval && insn && !(need & missing))
			need = KVM_RISCV_SIMD_ANY;
		/* With NACL, the CSR is in memory of this CPU's. */
		preempt_disable();
		off = simd_off(ncsr_read(CSR_VSSTATUS));
		preempt_enable();
		/*
		 * Ask for all that the instruction needs, and not only for what
		 * is missing: vcpu_put() may take away the rest before the next
		 * entry.
		 */
		if (need == KVM_RISCV_SIMD_ANY)
			need = vcpu->arch.simd.enabled & ~off & ~emulated;

		if ((need & missing) && !(need & off)) {
			/* FP registers are in memory then, or will get there. */
			if (need & emulated) {
				trace_kvm_simd_trap(vcpu, trap->sepc, insn, 0);
				return kvm_riscv_vcpu_vector_insn(vcpu, vcpu->run,
								  insn);
			}

			return simd_read_vlenb(vcpu, insn) ? 1 :
			       simd_want(vcpu, insn, need & vcpu->arch.simd.enabled);
		}
	}

	kvm_riscv_vcpu_trap_redirect(vcpu, trap);

	return 1;
}

/**
 * kvm_riscv_simd_stuck - Tell which units hardware cannot switch off
 *
 * FS and VS may be hardwired to a value other than Off.  An extension of such
 * a unit cannot be hidden from a guest.
 *
 * Return: The units.
 */
u8 kvm_riscv_simd_stuck(void)
{
	return simd_stuck;
}

/* The kernel itself has both units off, except where it uses them. */
static u8 simd_probe_stuck(void)
{
	unsigned long flags, status;

	local_irq_save(flags);
	csr_clear(CSR_SSTATUS, SR_FS | SR_VS);
	status = csr_read(CSR_SSTATUS);
	local_irq_restore(flags);

	return (KVM_RISCV_SIMD_FP | KVM_RISCV_SIMD_V) & ~simd_off(status);
}

void __init kvm_riscv_simd_init(void)
{
	simd_stuck = simd_probe_stuck();
	if (simd_stuck)
		kvm_info("%s%s cannot be switched off, nor hidden from guests\n",
			 simd_stuck & KVM_RISCV_SIMD_FP ? "FP " : "",
			 simd_stuck & KVM_RISCV_SIMD_V ? "V " : "");
}

/**
 * kvm_riscv_simd_enable_cpu - Check whether a hart can run any guest
 *
 * Guests know one vector length, and their vCPUs may be moved to any hart.
 *
 * Return: 0, or -EOPNOTSUPP if the hart's vector length is not the host's, or
 * the hart cannot switch off what the others can.
 */
int kvm_riscv_simd_enable_cpu(void)
{
	unsigned long vlenb, host_vlenb = riscv_v_vsize / 32;

	if (simd_probe_stuck() & ~simd_stuck) {
		kvm_err("CPU %d cannot switch off FP or V: it cannot run guests\n",
			smp_processor_id());
		return -EOPNOTSUPP;
	}

	if (!riscv_isa_extension_available(NULL, V))
		return 0;

	vlenb = kvm_riscv_hart_vlenb();
	if (vlenb == host_vlenb)
		return 0;

	kvm_err("CPU %d has vlenb %lu, but the host's is %lu: it cannot run guests\n",
		smp_processor_id(), vlenb, host_vlenb);

	return -EOPNOTSUPP;
}
