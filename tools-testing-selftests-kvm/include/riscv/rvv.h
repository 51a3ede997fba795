/* SPDX-License-Identifier: GPL-2.0 */
/*
 * rvv.h - Reference emulator of the RISC-V "V" extension, version 1.0
 *
 * The emulator executes one vector instruction on a copy of a hart's registers,
 * with any VLEN. Hardware cannot run a guest whose vector length is not the
 * host's; with this emulator, a VMM can still run such a guest, though slowly.
 *
 * The emulator covers everything that V requires on RV64 (ELEN is 64):
 * vset{i}vl{i}, the vector CSRs, loads and stores, integer, fixed-point, FP
 * with SEW 32 and 64, reductions, mask and permutation instructions.
 *
 * It does not cover Zvfh, Zvfhmin, Zvfbfmin, Zvfbfwma, Zvbb, Zvkb, Zvbc and the
 * vector crypto extensions. For their encodings it returns RVV_NOT_COVERED, or
 * RVV_ILLEGAL if the guest has none of these extensions (no_zv). With either
 * result, no register and no memory has changed.
 *
 * Where the specification leaves a choice:
 * - Agnostic elements, tail or masked off, are left undisturbed.
 * - All reserved encodings are RVV_ILLEGAL, except that vset{i}vl{i} sets vill
 *   if vtype has reserved values or if its VLMAX would be less than 1. SEW >
 *   LMUL * ELEN is supported if VLMAX is at least 1.
 * - vl is min(AVL, VLMAX). This applies even to the form that keeps vl where
 *   VLMAX changes, which is reserved: a guest that comes from a hart that
 *   allows it can go on.
 * - Unordered sums add the elements in order.
 * - Elements are accessed in order, and misaligned elements are supported.
 * - A segment load that faults writes no field of the segment that faults.
 *
 * FP operations use the host's FPU, so the emulator works only on riscv64 hosts
 * with F and D.
 */
#ifndef SELFTEST_KVM_RVV_H
#define SELFTEST_KVM_RVV_H

#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/kvm.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#define RVV_MAX_VLENB		8192
#define RVV_VTYPE_VILL		BIT(63)

enum rvv_result {
	RVV_OK,			/* pc is after the instruction */
	RVV_ILLEGAL,		/* the guest gets an illegal instruction exception */
	RVV_FAULT,		/* the guest gets cause and tval; vstart is set */
	RVV_NOT_COVERED,	/* an unknown instruction, or vl above VLMAX */
};

struct rvv_state {
	u64 pc;
	u64 x[32];
	u64 f[32];
	u64 fcsr;
	u64 vstart;
	u64 vl;
	u64 vtype;
	u64 vcsr;
	u64 vlenb;

	/* The guest has V but none of the ZV* extensions. */
	bool no_zv;

	/*
	 * sstatus.FS is Off, so instructions that need the FP unit are illegal.
	 */
	bool fs_off;

	/*
	 * Use the host's vector unit where possible. This requires that
	 * rvv_have_unit(vlenb) returns true. The host then chooses the order of
	 * unordered sums, and what the tails of masks hold.
	 */
	bool unit;

	/* scause and stval for the guest after RVV_FAULT */
	u64 cause;
	u64 tval;

	/*
	 * Set after RVV_ILLEGAL if the only reason is that the instruction
	 * would read a register with two EEWs. Such encodings are reserved, but
	 * not all harts trap.
	 */
	bool mixed_eew;

	/*
	 * Access n consecutive elements of size bytes (1 to 8) each, starting
	 * at a guest virtual address. An aligned element is accessed in one go.
	 * Return how many elements were accessed; if that is less than n, the
	 * callback has set cause and tval.
	 */
	size_t (*load)(struct rvv_state *s, u64 gva, void *buf, size_t size, size_t n);
	size_t (*store)(struct rvv_state *s, u64 gva, const void *buf, size_t size, size_t n);
	void *mem;

	/* v0 to v31, vlenb bytes each */
	u8 v[32 * RVV_MAX_VLENB] __aligned(8);
};

enum rvv_result rvv_emulate(struct rvv_state *s, u32 insn);

/*
 * Return whether the host's vectors have at least this length and this thread
 * may use them.
 */
bool rvv_have_unit(u64 vlenb);

struct kvm_vcpu;

/*
 * Execute the instruction at the vCPU's pc, which KVM has left to the VMM, or
 * raise its exception in the guest.
 */
enum rvv_result vcpu_emulate_vector(struct kvm_vcpu *vcpu, u32 insn);

/*
 * A vCPU of a VM whose vlenb is not the host's, with its registers in kvm_run
 * (KVM_CAP_SYNC_REGS) and its vector registers mapped. Between one KVM_RUN and
 * the next, kvm_run has the vCPU's current state, and what KVM_GET_ONE_REG
 * returns may be out of date.
 */
struct rvv_vcpu {
	struct kvm_vcpu *vcpu;
	struct rvv_state *s;
	struct kvm_riscv_mem_op mop;

	/*
	 * The budget: how many instructions rvv_vcpu_emulate() may execute
	 * after the one that caused the exit. It is 0 by default. A vector
	 * instruction counts as one more for every RVV_ELEMENTS_PER_INSN
	 * elements. The guest's interrupts have to wait for that long, but
	 * rvv_vcpu_emulate() checks immediate_exit after each instruction.
	 */
	unsigned int run_ahead;

	/* How many instructions the VMM has executed within the budget */
	u64 nr_ahead;

	/*
	 * Whether the VMM is past the instruction that caused the exit, and
	 * whether it has executed an FP instruction there
	 */
	bool ahead, fp_used;
};

/* A budget that is large enough to make the cost of exits negligible */
#define RVV_RUN_AHEAD		128
#define RVV_ELEMENTS_PER_INSN	256

void rvv_vcpu_init(struct rvv_vcpu *r, struct kvm_vcpu *vcpu);
void rvv_vcpu_free(struct rvv_vcpu *r);

/* Like vcpu_emulate_vector(), for the instruction that has ended KVM_RUN */
enum rvv_result rvv_vcpu_emulate(struct rvv_vcpu *r);

#endif /* SELFTEST_KVM_RVV_H */
