/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Access all FP and vector registers at once, for tests that keep them live.
 *
 * These functions deliberately change FP and vector registers without telling
 * the compiler. Only guest code, and threads that do not compute with FP
 * themselves, may call them.
 */
#ifndef SELFTEST_KVM_SIMD_H
#define SELFTEST_KVM_SIMD_H

#include "isa_util.h"
#include "kvm_util.h"
#include "processor.h"

#define SIMD_MAX_VLENB	512

#define FP_D_REG(n)	(KVM_REG_RISCV | KVM_REG_SIZE_U64 | KVM_REG_RISCV_FP_D | (n))
#define FP_D_FCSR	(KVM_REG_RISCV | KVM_REG_SIZE_U32 | KVM_REG_RISCV_FP_D | \
			 KVM_REG_RISCV_FP_D_REG(fcsr))
#define VECTOR_CSR_REG(name)	__kvm_reg_id(KVM_REG_RISCV_VECTOR, 0,		\
					     KVM_REG_RISCV_VECTOR_CSR_REG(name),\
					     KVM_REG_SIZE_ULONG)

static inline u64 v_reg_id(unsigned int n, u64 vlenb)
{
	return __kvm_reg_id(KVM_REG_RISCV_VECTOR, 0, KVM_REG_RISCV_VECTOR_REG(n),
			    (u64)__builtin_ctzl(vlenb) << KVM_REG_SIZE_SHIFT);
}

/*
 * Write an FP or vector CSR right after an instruction that changes a register
 * of the same unit. When a guest writes fflags, frm, fcsr, vstart, vxsat, vxrm
 * or vcsr, QEMU up to 10.0 makes vsstatus Dirty but not the HS-level sstatus,
 * and a hypervisor that finds the unit Clean there does not save it. The
 * preceding instruction makes both Dirty. Without -icount, QEMU takes no
 * interrupt between the two instructions if they are on the same page.
 */
#define WRITE_FP_CSR(op)	".balign 8\n.option push\n.option norvc\n"	\
				"fsgnj.d f0, f0, f0\n" op "\n.option pop\n"
#define WRITE_V_CSR(op)		".balign 8\n.option push\n.option norvc\n"	\
				".option arch, +v\nvmv1r.v v0, v0\n" op		\
				"\n.option pop\n"

/*
 * Load (OP is fld) or store (fsd) f0-f31 from or to the array that BASE points
 * to.
 */
#define ALL_F(op, base)							\
	".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,"	\
		"21,22,23,24,25,26,27,28,29,30,31\n"			\
	op " f\\n, 8 * \\n(" base ")\n"					\
	".endr\n"

struct simd_regs {
	u64 f[32];
	u64 fcsr;
	u64 vstart, vl, vtype, vcsr;
	u8 v[32 * SIMD_MAX_VLENB] __aligned(16);
};

static inline u64 simd_vlenb(void)
{
	return csr_read(CSR_VLENB);
}

/*
 * KVM's parameter simd_switch decides when KVM loads a guest's FP and vector
 * registers. A test that changes the parameter must restore the old value. On a
 * host where the guest's instructions do not trap to KVM, the only mode that
 * KVM uses is "eager", and simd_switch_set() returns false for all others.
 */
#define SIMD_SWITCH_LEN	16

bool simd_switch_get(char mode[SIMD_SWITCH_LEN]);
bool simd_switch_set(const char *mode);

/*
 * Switch the trace event kvm_simd_trap on or off. Return false if there is no
 * tracefs. KVM traces one lazy trap per exit without further cost. While the
 * event is on, each further trap before the next exit, and each instruction
 * that KVM emulates, causes an exit, as on a hart that leaves stval 0.
 */
bool simd_trace_traps(bool on);

/*
 * Restore the current mode and trace event when this process ends, and switch
 * the event off until then. Return false if there is no parameter simd_switch,
 * or if this process may not change it. See restore_at_end().
 */
bool simd_switch_restore_at_exit(void);

/* Return whether a guest's first FP or vector instruction traps to KVM. */
bool has_lazy_trap(void);

#define NO_LAZY_TRAP	"no trap of a guest's first vector instruction on this machine"

u64 vcpu_vlenb(struct kvm_vcpu *vcpu);

/*
 * Return the host's vlenb, or 0 if the host has no V or KVM cannot give a VM
 * another vector length (KVM_CAP_RISCV_GUEST_VLENB).
 */
u64 kvm_host_vlenb(void);

/*
 * Call KVM_RUN with a signal pending, so that KVM_RUN returns before it enters
 * the guest.
 */
int vcpu_run_with_signal(struct kvm_vcpu *vcpu);

/* Run to the guest's next GUEST_SYNC() and return its argument. */
u64 vcpu_run_to_sync(struct kvm_vcpu *vcpu);

/* Load or store only v0-v31, from or to an array of 32 * vlenb bytes. */
void simd_load_v_regs(const u8 *v, u64 vlenb);
void simd_store_v_regs(u8 *v, u64 vlenb);

void simd_load_fp(const struct simd_regs *regs);
void simd_store_fp(struct simd_regs *regs);
/*
 * simd_store_v() stores vstart, vtype and vl before v0-v31, and leaves other
 * values in these CSRs.
 */
void simd_load_v(const struct simd_regs *regs);
void simd_store_v(struct simd_regs *regs);

/* Fill REGS with random values that are legal for each register. */
void simd_random_fp(struct simd_regs *regs, struct kvm_random_state *rng);
void simd_random_v(struct simd_regs *regs, u64 vlenb, struct kvm_random_state *rng);

/*
 * Compare two sets of registers. If they differ, WHY describes the first
 * difference, for use in a message.
 */
#define SIMD_WHY_LEN	64

bool simd_same_fp(const struct simd_regs *is, const struct simd_regs *want, char *why);
bool simd_same_v(const struct simd_regs *is, const struct simd_regs *want, u64 vlenb,
		 char *why);

/*
 * Get and set the same registers of a vCPU with KVM_GET_ONE_REG and
 * KVM_SET_ONE_REG.
 */
void vcpu_get_fp(struct kvm_vcpu *vcpu, struct simd_regs *regs);
void vcpu_set_fp(struct kvm_vcpu *vcpu, const struct simd_regs *regs);
void vcpu_get_v(struct kvm_vcpu *vcpu, struct simd_regs *regs);
void vcpu_set_v(struct kvm_vcpu *vcpu, const struct simd_regs *regs);

/*
 * Call KVM_RUN with fs0-fs11 and fcsr, which a system call preserves, loaded
 * from IN before the call and stored to OUT after it. Returns what the system
 * call returns.
 */
long vcpu_run_with_live_fp(struct kvm_vcpu *vcpu, const struct simd_regs *in,
			   struct simd_regs *out);

/* The FP registers that a system call and a function preserve: fs0-fs11 */
#define NR_SAVED_F	12
extern const int simd_saved_f[NR_SAVED_F];

#endif /* SELFTEST_KVM_SIMD_H */
