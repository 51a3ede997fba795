/* SPDX-License-Identifier: GPL-2.0 */
/*
 * HS mode writes bits of vsstatus that sstatus does not have, and enters VS mode.  The
 * same bits of mstatus, which are TVM, TW, TSR and the lower one of SXL, have to be as
 * before when HS mode is back.
 */
#include "bare.h"
#define TVM_TW_TSR	0x700000
#define SXL_LOW		0x400000000

	/* Read the bits of mstatus into REG, in M mode */
	.macro	get_bits reg
	li	t0, TVM_TW_TSR | SXL_LOW
	csrr	\reg, mstatus
	and	\reg, \reg, t0
	.endm

begin:
	li	t0, 1 << 10		# environment call from VS mode
	csrs	medeleg, t0
	trap_to	from_hs
	get_bits s0
	to_hs
	li	t0, TVM_TW_TSR | SXL_LOW
	csrs	vsstatus, t0
	la	t0, from_vs
	csrw	stvec, t0
	to_vs
	ecall				# VS mode

	.balign	4
from_vs:
	ecall				# HS mode

	.balign	4
from_hs:
	csrr	t0, mcause
	li	t1, 9			# environment call from HS mode
	bne	t0, t1, lost
	get_bits s1
	bne	s0, s1, wrong
	RIGHT
wrong:
	WRONG
