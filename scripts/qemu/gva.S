/* SPDX-License-Identifier: GPL-2.0 */
/* M mode sets mstatus.GVA and clears it. */
#include "bare.h"

begin:
	li	t1, MSTATUS_GVA
	csrs	mstatus, t1
	csrr	t0, mstatus
	and	t0, t0, t1
	beqz	t0, wrong
	csrc	mstatus, t1
	csrr	t0, mstatus
	and	t0, t0, t1
	bnez	t0, wrong
	RIGHT
wrong:
	WRONG
