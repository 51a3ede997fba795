/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest writes vstart, vxsat, vxrm or vcsr.  Both vsstatus.VS and HS-level sstatus.VS,
 * Clean before, have to be Dirty after that.
 */
#include "bare.h"
#define CLEAN	0x0400

	/* In HS mode, to which the environment call from VS mode goes */
	.macro	dirties csr
	li	t0, MSTATUS_VS
	csrs	sstatus, t0
	csrs	vsstatus, t0
	li	t0, MSTATUS_VS & ~CLEAN
	csrc	sstatus, t0
	csrc	vsstatus, t0
	la	t0, 9f
	csrw	stvec, t0
	to_vs
	csrwi	\csr, 1
	ecall
	.balign	4
9:	li	t1, MSTATUS_VS
	csrr	t0, vsstatus
	and	t0, t0, t1
	bne	t0, t1, wrong
	csrr	t0, sstatus
	and	t0, t0, t1
	bne	t0, t1, wrong
	.endm

begin:
	li	t0, 1 << 10		# environment call from VS mode
	csrs	medeleg, t0
	to_hs
	dirties	vstart
	dirties	vxsat
	dirties	vxrm
	dirties	vcsr
	RIGHT
wrong:
	WRONG
