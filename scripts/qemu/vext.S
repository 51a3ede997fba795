/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vzext.vf8 with LMUL=1/2 would read a group of 1/16 of a register, which does not
 * exist: the instruction is illegal, or vset has set vill, and then it is as well.
 */
#include "bare.h"

begin:
	li	t0, MSTATUS_VS
	csrs	mstatus, t0
	trap_to	illegal
	vsetivli zero, 1, e64, mf2, ta, ma
	vzext.vf8 v8, v16
	WRONG

	.balign	4
illegal:
	csrr	t0, mcause
	addi	t0, t0, -2
	bnez	t0, lost
	RIGHT
