/* SPDX-License-Identifier: GPL-2.0 */
/* Of KVM's structures, what the files of scripts/host.sh make use of */
#ifndef PROVE_LINUX_KVM_HOST_H
#define PROVE_LINUX_KVM_HOST_H

#include <linux/compiler_types.h>
#include <linux/types.h>
#include <limits.h>
#include <asm/kvm_vcpu_simd.h>

typedef unsigned long ulong;
typedef u64 gpa_t;

struct __riscv_v_ext_state {
	unsigned long vstart;
	unsigned long vl;
	unsigned long vtype;
	unsigned long vcsr;
	unsigned long vlenb;
	void *datap;
};

struct kvm_cpu_context {
	unsigned long x[32];
	unsigned long sepc;
	unsigned long sstatus;
};

struct kvm_cpu_trap {
	unsigned long sepc;
	unsigned long scause;
	unsigned long stval;
	unsigned long htval;
	unsigned long htinst;
};

#include <asm/kvm_vcpu_insn.h>

struct kvm_run {
	u32 exit_reason;
	struct {
		u64 insn;
		u64 pc;
		u64 flags;
		u64 reserved[5];
	} riscv_vector;
};

#define KVM_EXIT_RISCV_VECTOR	44

struct kvm {
	struct {
		unsigned long vlenb;
	} arch;
};

struct kvm_vcpu {
	struct kvm *kvm;
	struct kvm_run *run;
	struct {
		u64 vector_exit_kernel;
		u64 vector_exit_user;
	} stat;
	struct {
		struct kvm_cpu_context guest_context;
		struct __riscv_v_ext_state guest_vector;
		struct kvm_csr_decode csr_decode;
		struct kvm_vcpu_simd simd;
	} arch;
};

/* Remote fences wait from one to the other: each program has its own. */
bool kvm_riscv_vcpu_emulation_begin(struct kvm_vcpu *vcpu);
void kvm_riscv_vcpu_emulation_end(struct kvm_vcpu *vcpu);

unsigned long kvm_riscv_vcpu_unpriv_read(struct kvm_vcpu *vcpu, bool read_insn,
					 unsigned long guest_addr, struct kvm_cpu_trap *trap);

#endif
