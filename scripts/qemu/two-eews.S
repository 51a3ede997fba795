/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An instruction that reads a register with two EEWs, here v0 as a mask and as an
 * operand, is reserved.  If the one of these two is illegal, so is the other.
 */
#include "bare.h"

begin:
	li	t0, MSTATUS_VS
	csrs	mstatus, t0
	vsetivli zero, 4, e32, m1, ta, ma
	li	s0, 0
	trap_to	1f
	vadd.vv	v8, v0, v16, v0.t
	li	s0, 1
	.balign	4
1:	li	s1, 0
	trap_to	2f
	vadc.vvm v8, v0, v16, v0
	li	s1, 1
	.balign	4
2:	bne	s0, s1, wrong
	RIGHT
wrong:
	WRONG
