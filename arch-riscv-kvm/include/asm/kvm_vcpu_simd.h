/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __KVM_VCPU_RISCV_SIMD_H
#define __KVM_VCPU_RISCV_SIMD_H

#include <linux/bits.h>
#include <linux/types.h>

struct kvm_vcpu;
struct kvm_cpu_trap;

/* The units that sstatus controls: FS is for F and D, VS for all of V. */
#define KVM_RISCV_SIMD_FP	BIT(0)
#define KVM_RISCV_SIMD_V	BIT(1)
/* Unknown: the instruction may need any unit that is off. */
#define KVM_RISCV_SIMD_ANY	BIT(7)

struct kvm_vcpu_simd {
	/* The units that the guest has, according to its extensions */
	u8 enabled;
	/* Of these units, those that are emulated and never loaded */
	u8 emulated;
	/* Units that an instruction trapped for and that are not loaded yet */
	u8 asked;
	/* Units that guest entry loads if they are not live */
	u8 wanted;
	/* Of the wanted units, those that are loaded without a trap */
	u8 eager;
	/* Units whose registers on this CPU are the guest's */
	u8 live;
	/*
	 * Units that the guest has used since vcpu_load(): an instruction
	 * trapped for them, or they were Dirty when they were saved
	 */
	u8 used;
	/* Whether the guest was entered since vcpu_load() */
	bool entered;
	/* The value of simd_switch at vcpu_load() */
	u8 mode;
	/* Number of periods, modulo 256, in which the history caused a load */
	u8 streak;
	/* Which units were used in each of the last eight periods */
	u16 history;
	/* Units to load without a trap, according to the history */
	u8 frequent;
	/*
	 * Units with a load that has not been traced yet, and units with a trap
	 * that has not been traced yet
	 */
	u8 loaded;
	u8 trapped;
	/* The instruction that trapped, and its address */
	unsigned long trap_insn;
	unsigned long trap_pc;
	/*
	 * If the guest had replaced the instruction of the last trap before KVM
	 * read it, the address at which the guest executes the new instruction;
	 * otherwise 0
	 */
	unsigned long retried_pc;
};

/* Whether each FP and vector instruction whose unit is off traps to KVM */
extern bool kvm_riscv_simd_traps;
/* Units that hardware cannot switch off, so KVM cannot hide them from guests */
extern u8 kvm_riscv_simd_stuck;

void kvm_riscv_simd_init(void);
int kvm_riscv_simd_enable_cpu(void);

u8 kvm_riscv_simd_insn_units(unsigned long insn);

void kvm_riscv_vcpu_simd_reset(struct kvm_vcpu *vcpu);
int kvm_riscv_vcpu_simd_run(struct kvm_vcpu *vcpu);
void kvm_riscv_vcpu_simd_load(struct kvm_vcpu *vcpu);
void kvm_riscv_vcpu_simd_enter(struct kvm_vcpu *vcpu);
bool kvm_riscv_vcpu_simd_fixup(struct kvm_vcpu *vcpu, unsigned long insn);
void __kvm_riscv_vcpu_simd_exit(struct kvm_vcpu *vcpu);
void kvm_riscv_vcpu_simd_put(struct kvm_vcpu *vcpu);
void kvm_riscv_vcpu_flush_fp(void);
void kvm_riscv_vcpu_flush_vector(void);
int kvm_riscv_vcpu_illegal_insn(struct kvm_vcpu *vcpu,
				struct kvm_cpu_trap *trap);

#endif
