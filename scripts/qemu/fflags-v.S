/* SPDX-License-Identifier: GPL-2.0 */
/* A vector instruction raises an exception flag, which makes FS Dirty. */
#include "bare.h"

begin:
	li	t0, MSTATUS_FS | MSTATUS_VS
	csrs	mstatus, t0
	csrw	fcsr, zero
	vsetivli zero, 1, e64, m1, ta, ma
	vmv.v.i	v8, 1
	vmv.v.i	v9, 0
	li	t0, 0x2000		# FS: Clean
	csrc	mstatus, t0
	vfdiv.vv v8, v8, v9
	csrr	t2, mstatus
	csrr	t0, fflags
	beqz	t0, lost		# no flag?
	li	t1, MSTATUS_FS
	and	t2, t2, t1
	bne	t2, t1, wrong
	RIGHT
wrong:
	WRONG
