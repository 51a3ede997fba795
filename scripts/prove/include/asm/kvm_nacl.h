/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PROVE_ASM_KVM_NACL_H
#define PROVE_ASM_KVM_NACL_H

/* The CSRs of the hart, each program has its own */
unsigned long *prove_csr(unsigned int csr);

#define ncsr_read(csr)		(*prove_csr(csr))
#define ncsr_write(csr, val)	(*prove_csr(csr) = (val))
#undef csr_read
#define csr_read(csr)		(*prove_csr(csr))
#undef csr_set
#define csr_set(csr, val)	(*prove_csr(csr) |= (val))

#endif
