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
	/* To be loaded when the guest is entered, if not live then */
	u8 wanted;
	/* What of it no instruction had asked for */
	u8 eager;
	/* The registers on this CPU are the guest's */
	u8 live;
	/* Changed by the guest, or asked for, since vcpu_load() */
	u8 used;
	/* What used was in the last four periods, the newest lowest */
	u8 history;
};

u8 kvm_riscv_simd_insn_units(unsigned long insn);

void kvm_riscv_vcpu_simd_reset(struct kvm_vcpu *vcpu);
void kvm_riscv_vcpu_simd_load(struct kvm_vcpu *vcpu);
void kvm_riscv_vcpu_simd_enter(struct kvm_vcpu *vcpu);
void kvm_riscv_vcpu_simd_reload(struct kvm_vcpu *vcpu);
void kvm_riscv_vcpu_simd_put(struct kvm_vcpu *vcpu);
void kvm_riscv_vcpu_flush_fp(void);
void kvm_riscv_vcpu_flush_vector(void);
int kvm_riscv_vcpu_illegal_insn(struct kvm_vcpu *vcpu,
				struct kvm_cpu_trap *trap);

#endif
