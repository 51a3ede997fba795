/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PROVE_ASM_KVM_VCPU_VECTOR_H
#define PROVE_ASM_KVM_VCPU_VECTOR_H

#include <linux/kvm_host.h>

int kvm_riscv_vcpu_vector_csr_rmw(struct kvm_vcpu *vcpu, unsigned int csr_num,
				  unsigned long *val, unsigned long new_val,
				  unsigned long wr_mask);
int kvm_riscv_vcpu_vector_emulate(struct kvm_vcpu *vcpu, unsigned long insn);

#endif
