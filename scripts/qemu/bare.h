/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the programs here have in common: they start in M mode, at the start of RAM of
 * QEMU's virt machine, with nothing else in it, and end in QEMU's exit status:
 *
 *	0	right
 *	3	wrong
 *	4	a trap that the program does not expect
 *
 * Anything else is QEMU's own: 134 if it has aborted.
 */

#define MSTATUS_FS	0x6000
#define MSTATUS_VS	0x0600
#define MSTATUS_MPP	0x1800
#define MSTATUS_MPP_S	0x0800
#define MSTATUS_MPV	0x8000000000
#define MSTATUS_GVA	0x4000000000
#define HSTATUS_SPV	0x80
#define SSTATUS_SPP	0x100

	.macro	end status
	li	t0, 0x100000
	.if	\status
	li	t1, \status << 16 | 0x3333
	.else
	li	t1, 0x5555
	.endif
	sw	t1, 0(t0)
	j	.
	.endm
#define RIGHT	end 0
#define WRONG	end 3

	/* trap_to LABEL: where the next trap to M mode goes; LABEL is aligned */
	.macro	trap_to label
	la	t0, \label
	csrw	mtvec, t0
	.endm

	/* From M mode to HS mode, which may access all memory */
	.macro	to_hs
	li	t0, -1
	csrw	pmpaddr0, t0
	li	t0, 0x1f
	csrw	pmpcfg0, t0
	li	t0, MSTATUS_MPP
	csrc	mstatus, t0
	li	t0, MSTATUS_MPP_S
	csrs	mstatus, t0
	la	t0, 1f
	csrw	mepc, t0
	mret
1:
	.endm

	/* From HS mode to VS mode, without translation */
	.macro	to_vs
	li	t0, HSTATUS_SPV
	csrs	hstatus, t0
	li	t0, SSTATUS_SPP
	csrs	sstatus, t0
	la	t0, 1f
	csrw	sepc, t0
	sret
1:
	.endm

	.option	norvc
	.text
	.globl	_start
_start:
	csrr	t0, mhartid
	bnez	t0, .
	la	sp, stack_end
	trap_to	lost
	j	begin

	.balign	4
lost:
	end	4

	.bss
	.balign	4096
	.space	4096
stack_end:
	.text
