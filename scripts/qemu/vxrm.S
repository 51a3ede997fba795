/* SPDX-License-Identifier: GPL-2.0 */
/* vxrm has two bits, and vcsr three. */
#include "bare.h"

begin:
	li	t0, MSTATUS_VS
	csrs	mstatus, t0
	li	t0, -1
	csrw	vxrm, t0
	csrr	t0, vxrm
	srli	t0, t0, 2
	bnez	t0, wrong
	csrr	t0, vcsr
	srli	t0, t0, 3
	bnez	t0, wrong
	RIGHT
wrong:
	WRONG
