/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __KVM_VCPU_RISCV_SIMD_H
#define __KVM_VCPU_RISCV_SIMD_H

#include <linux/bits.h>
#include <linux/types.h>

struct kvm_vcpu;
struct kvm_cpu_trap;

/* What sstatus has a switch for: FS is one for F and D, VS one for all of V. */
#define KVM_RISCV_SIMD_FP	BIT(0)
#define KVM_RISCV_SIMD_V	BIT(1)
/* Not known: whatever unit is off may be the one that is needed. */
#define KVM_RISCV_SIMD_ANY	BIT(7)

struct kvm_vcpu_simd {
	/* Units that the guest's extensions give it */
	u8 enabled;
	/* Those of them that are never loaded: their instructions are emulated. */
	u8 emulated;
	/* What an instruction has trapped for, and no entry has loaded yet */
	u8 asked;
	/* To be loaded when the guest is entered, if not live then */
	u8 wanted;
	/* What of it no instruction had asked for */
	u8 eager;
	/* The registers on this CPU are the guest's */
	u8 live;
	/* Changed by the guest, or asked for, since vcpu_load() */
	u8 used;
	/* The guest was entered since vcpu_load() */
	bool entered;
	/* simd_switch as it was at vcpu_load() */
	u8 mode;
	/* How often something was eager, modulo 256 */
	u8 streak;
	/* What used was in the last eight periods */
	u16 history;
	/* What is going to be used, to judge by that */
	u8 frequent;
	/* Not traced yet: units that were loaded, and that trapped right before */
	u8 loaded;
	u8 trapped;
	/* The instruction that trapped for them, and where it is */
	unsigned long trap_insn;
	unsigned long trap_pc;
};

u8 kvm_riscv_simd_insn_units(unsigned long insn);
u8 kvm_riscv_simd_stuck(void);
void kvm_riscv_simd_init(void);
int kvm_riscv_simd_enable_cpu(void);

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
