/* SPDX-License-Identifier: GPL-2.0 */
/*
 * M mode clears mstatus.MPV after a trap from VS mode, and returns to HS mode.  That is
 * how firmware hands a trap of a guest to the hypervisor.
 */
#include "bare.h"

begin:
	trap_to	from_vs
	to_hs
	to_vs
	ecall				# VS mode

	.balign	4
from_vs:
	li	t1, MSTATUS_MPV
	csrr	t0, mstatus
	and	t0, t0, t1
	beqz	t0, lost		# not from a guest?
	csrc	mstatus, t1
	csrr	t0, mstatus
	and	t0, t0, t1
	bnez	t0, wrong

	li	t0, MSTATUS_MPP
	csrc	mstatus, t0
	li	t0, MSTATUS_MPP_S
	csrs	mstatus, t0
	la	t0, 1f
	csrw	mepc, t0
	trap_to	from_hs
	mret
1:	csrr	t0, hstatus		# HS mode; VS mode would trap
	ecall

	.balign	4
from_hs:
	csrr	t0, mcause
	li	t1, 9			# environment call from HS mode
	bne	t0, t1, wrong
	RIGHT
wrong:
	WRONG
