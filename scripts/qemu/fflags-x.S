/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An FP instruction whose result is an integer raises an exception flag, which makes
 * FS Dirty.
 */
#include "bare.h"

begin:
	li	t0, MSTATUS_FS
	csrs	mstatus, t0
	csrw	fcsr, zero
	li	t0, 0x3ff8000000000000	# 1.5
	fmv.d.x	fa0, t0
	li	t0, 0x2000		# FS: Clean
	csrc	mstatus, t0
	fcvt.l.d a0, fa0, rtz
	csrr	t2, mstatus
	csrr	t0, fflags
	beqz	t0, lost		# not inexact?
	li	t1, MSTATUS_FS
	and	t2, t2, t1
	bne	t2, t1, wrong
	RIGHT
wrong:
	WRONG
