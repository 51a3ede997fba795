/* SPDX-License-Identifier: GPL-2.0 */
/* A load of a whole register with vstart past its last element does nothing. */
#include "bare.h"

begin:
	li	t0, MSTATUS_VS
	csrs	mstatus, t0
	csrr	t1, vlenb
	vsetvli	t0, zero, e8, m1, ta, ma
	vmv.v.i	v8, 5
	addi	t2, t1, 8
	csrw	vstart, t2
	addi	t3, sp, -2048
	vl1re8.v v8, (t3)
	vsetvli	t0, zero, e8, m1, ta, ma
	vmsne.vi v0, v8, 5
	vfirst.m t0, v0
	bgez	t0, wrong
	RIGHT
wrong:
	WRONG
