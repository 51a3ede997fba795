/* SPDX-License-Identifier: GPL-2.0 */
/*
 * rvv.h - Reference emulator of the RISC-V "V" extension, version 1.0
 *
 * Executes one vector instruction on a copy of a hart's registers, with any
 * VLEN.  A host cannot run a guest at a vector length that is not its own; with
 * this, a VMM can carry such a guest on, slowly.
 *
 * Covered: all that V requires on RV64 (ELEN is 64), that is vset{i}vl{i}, the
 * vector CSRs, loads and stores, integer, fixed-point, FP with SEW 32 and 64,
 * reductions, mask and permutation instructions.
 *
 * Not covered: Zvfh, Zvfhmin, Zvfbfmin, Zvfbfwma, Zvbb, Zvkb, Zvbc and the vector
 * crypto extensions.  Their encodings are RVV_NOT_COVERED, or RVV_ILLEGAL if
 * the guest has none of these extensions (no_zv).  Nothing is done halfway: with
 * either result no register and no memory has changed.
 *
 * Where the specification leaves a choice:
 * - Agnostic elements, tail or masked off, are left undisturbed.
 * - Everything reserved is RVV_ILLEGAL, but vset{i}vl{i}: a vtype that has
 *   reserved values, or no room for an element, sets vill.  SEW > LMUL * ELEN
 *   with a VLMAX of 1 and more is supported.
 * - vl is min(AVL, VLMAX), also where the form that keeps vl is reserved since
 *   VLMAX changes.  A guest that another hart has let do it can go on.
 * - Unordered sums add in the order of the elements.
 * - Elements are accessed in their order, and whatever their alignment.
 * - A load that faults writes no field of the segment that faults.
 *
 * FP uses the FPU of the host: for riscv64 hosts with F and D only.
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
	RVV_OK,			/* pc is behind the instruction */
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

	/* The guest has V and none of ZV*. */
	bool no_zv;

	/* sstatus.FS is Off: what needs the FP unit is illegal. */
	bool fs_off;

	/* Use the host's vector unit where possible: needs rvv_have_unit(vlenb). */
	bool unit;

	/* Of RVV_FAULT: scause and stval */
	u64 cause;
	u64 tval;

	/*
	 * Of RVV_ILLEGAL: the one reason is that a register would be read with
	 * two EEWs.  That is reserved, but not all harts trap.
	 */
	bool mixed_eew;

	/*
	 * Access n elements of size bytes each, 1 to 8, one behind the other from
	 * a guest virtual address on, each as one access if it is aligned.  Return
	 * how many were accessed; if that is less than n, cause and tval are set.
	 */
	size_t (*load)(struct rvv_state *s, u64 gva, void *buf, size_t size, size_t n);
	size_t (*store)(struct rvv_state *s, u64 gva, const void *buf, size_t size, size_t n);
	void *mem;

	/* v0 to v31, vlenb bytes each */
	u8 v[32 * RVV_MAX_VLENB] __aligned(8);
};

enum rvv_result rvv_emulate(struct rvv_state *s, u32 insn);

/* The host has vectors of this length, or longer ones, and this thread may use them. */
bool rvv_have_unit(u64 vlenb);

struct kvm_vcpu;

/*
 * Execute the instruction that the vCPU's pc is on and that KVM has left to the
 * VMM, or raise its exception in the guest.
 */
enum rvv_result vcpu_emulate_vector(struct kvm_vcpu *vcpu, u32 insn);

/*
 * A vCPU of a VM of another vlenb than the host's, with its registers in kvm_run
 * (KVM_CAP_SYNC_REGS) and its vector registers mapped.  Between a KVM_RUN and the
 * next, the vCPU's state is in kvm_run, and not what KVM_GET_ONE_REG tells.
 */
struct rvv_vcpu {
	struct kvm_vcpu *vcpu;
	struct rvv_state *s;
	struct kvm_riscv_mem_op mop;

	/*
	 * The budget: how many more instructions rvv_vcpu_emulate() executes after
	 * the one of the exit, 0 to begin with.  A vector instruction uses up one
	 * more for every RVV_ELEMENTS_PER_INSN elements.  The guest's interrupts
	 * wait for that long; immediate_exit is looked at after each instruction.
	 */
	unsigned int run_ahead;

	/* How many instructions were executed that way */
	u64 nr_ahead;

	/* Whether the VMM is past the instruction of the exit, and has used FP there */
	bool ahead, fp_used;
};

/* A budget after which exits no longer matter */
#define RVV_RUN_AHEAD		128
#define RVV_ELEMENTS_PER_INSN	256

void rvv_vcpu_init(struct rvv_vcpu *r, struct kvm_vcpu *vcpu);
void rvv_vcpu_free(struct rvv_vcpu *r);

/* As vcpu_emulate_vector(), for the instruction that KVM_RUN has ended at */
enum rvv_result rvv_vcpu_emulate(struct rvv_vcpu *r);

#endif /* SELFTEST_KVM_RVV_H */
