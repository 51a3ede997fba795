/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All FP and vector registers at once, for tests that keep them live.
 *
 * The compiler knows nothing of what these functions do to FP and vector
 * registers.  That is what they are for, and right for guest code and for
 * threads that do not compute with FP themselves.
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

/*
 * Write a CSR of FP or of vectors right behind an instruction that changes a
 * register of the same unit.  Up to 10.0, QEMU makes only vsstatus Dirty for a
 * write to fflags, frm, fcsr, vstart, vxsat, vxrm or vcsr, and forgets HS-level
 * sstatus; a hypervisor that finds Clean there does not save them.  Without
 * -icount, QEMU takes no interrupt between the two if they are on the same page.
 */
#define WRITE_FP_CSR(op)	".balign 8\n.option push\n.option norvc\n"	\
				"fsgnj.d f0, f0, f0\n" op "\n.option pop\n"
#define WRITE_V_CSR(op)		".balign 8\n.option push\n.option norvc\n"	\
				".option arch, +v\nvmv1r.v v0, v0\n" op		\
				"\n.option pop\n"

/* Do OP (fld or fsd) to f0-f31 and the array that BASE points to. */
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
 * KVM's parameter simd_switch: when a guest gets its FP and vector registers.
 * Tests that choose put back what was there.  Where the guest's instructions do not
 * trap to KVM, KVM uses no mode but "eager", and simd_switch_set() of another one
 * returns false.
 */
#define SIMD_SWITCH_LEN	16

bool simd_switch_get(char mode[SIMD_SWITCH_LEN]);
bool simd_switch_set(const char *mode);

/* Whether KVM gets the trap of a guest's first FP or vector instruction */
bool has_lazy_trap(void);

#define NO_LAZY_TRAP	"no trap of a guest's first vector instruction on this machine"

/*
 * Switch the trace event kvm_simd_trap on or off. While it is on, KVM handles each
 * instruction that it emulates after an exit. Return false if there is no tracefs.
 */
bool simd_trace_traps(bool on);

u64 vcpu_vlenb(struct kvm_vcpu *vcpu);

/*
 * The host's vlenb, or 0 if it has no V, or if KVM cannot give a VM another length
 * (KVM_CAP_RISCV_GUEST_VLENB)
 */
u64 kvm_host_vlenb(void);

/* KVM_RUN with a signal pending, which ends it before the guest is entered */
int vcpu_run_with_signal(struct kvm_vcpu *vcpu);

/* Run to the guest's next GUEST_SYNC(), return its argument. */
u64 vcpu_run_to_sync(struct kvm_vcpu *vcpu);

/* v0-v31 alone, to or from an array of 32 * vlenb bytes */
void simd_load_v_regs(const u8 *v, u64 vlenb);
void simd_store_v_regs(u8 *v, u64 vlenb);

void simd_load_fp(const struct simd_regs *regs);
void simd_store_fp(struct simd_regs *regs);
/* Reset vstart, and set vtype and vl as they please, once these are stored. */
void simd_load_v(const struct simd_regs *regs);
void simd_store_v(struct simd_regs *regs);

/* Legal values for all of them */
void simd_random_fp(struct simd_regs *regs, struct kvm_random_state *rng);
void simd_random_v(struct simd_regs *regs, u64 vlenb, struct kvm_random_state *rng);

/* Where they differ first goes to WHY, for a message. */
#define SIMD_WHY_LEN	64

bool simd_same_fp(const struct simd_regs *is, const struct simd_regs *want, char *why);
bool simd_same_v(const struct simd_regs *is, const struct simd_regs *want, u64 vlenb,
		 char *why);

/* The same by KVM_GET_ONE_REG and KVM_SET_ONE_REG */
void vcpu_get_fp(struct kvm_vcpu *vcpu, struct simd_regs *regs);
void vcpu_set_fp(struct kvm_vcpu *vcpu, const struct simd_regs *regs);
void vcpu_get_v(struct kvm_vcpu *vcpu, struct simd_regs *regs);
void vcpu_set_v(struct kvm_vcpu *vcpu, const struct simd_regs *regs);

/*
 * KVM_RUN with fs0-fs11 and fcsr, which a system call preserves, loaded from IN
 * before and stored to OUT behind.  Returns what the kernel does.
 */
long vcpu_run_with_live_fp(struct kvm_vcpu *vcpu, const struct simd_regs *in,
			   struct simd_regs *out);

/* The FP registers that a system call and a function preserve: fs0-fs11 */
#define NR_SAVED_F	12
extern const int simd_saved_f[NR_SAVED_F];

#endif /* SELFTEST_KVM_SIMD_H */
