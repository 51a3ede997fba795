/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fault-only-first load of segments goes on into a second page, which is there.  It
 * may load less than vl elements, but at least the first.
 */
#include "bare.h"

begin:
	li	t0, MSTATUS_VS
	csrs	mstatus, t0
	la	t3, second
	addi	t3, t3, -6
	vsetivli zero, 8, e8, m1, ta, ma
	vlseg2e8ff.v v8, (t3)
	csrr	t0, vl
	beqz	t0, wrong
	RIGHT
wrong:
	WRONG

	.bss
	.balign	4096
	.space	4096
second:
	.space	4096
