/* SPDX-License-Identifier: GPL-2.0 */
#include "rvv_native.h"

/* ra, s0, s1, fcsr, fs0 to fs11 */
#define FRAME	128

/* The load or store op for all f registers */
.macro all_f op
	.irp	i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	\op	f\i, RVV_NATIVE_F + 8 * \i(s0)
	.endr
	.irp	i, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	\op	f\i, RVV_NATIVE_F + 8 * \i(s0)
	.endr
.endm

.macro all_a op
	.irp	i, 0, 1, 2, 3, 4, 5, 6, 7
	\op	a\i, RVV_NATIVE_X + 8 * \i(s0)
	.endr
.endm

/* Whole-register accesses depend on vstart, but not on vl or vtype. */
.macro all_v op
	csrr	t1, vlenb
	slli	t1, t1, 3
	ld	t0, RVV_NATIVE_V(s0)
	csrw	vstart, zero
	.irp	i, 0, 8, 16, 24
	\op	v\i, (t0)
	add	t0, t0, t1
	.endr
.endm

.macro frame op, fop
	\op	ra, 0(sp)
	\op	s0, 8(sp)
	\op	s1, 16(sp)
	.irp	i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
	\fop	fs\i, 32 + 8 * \i(sp)
	.endr
.endm

.macro store_csr csr, to
	csrr	t0, \csr
	sd	t0, \to(s0)
.endm

.macro load_csr csr, from
	ld	t0, \from(s0)
	csrw	\csr, t0
.endm

.option arch, +v

.global rvv_native_run
.type rvv_native_run, @function
rvv_native_run:
	addi	sp, sp, -FRAME
	frame	sd, fsd
	frcsr	t0
	sd	t0, 24(sp)

	mv	s0, a0
	all_v	vl8re8.v
	all_f	fld
	ld	t0, RVV_NATIVE_VL(s0)
	ld	t1, RVV_NATIVE_VTYPE(s0)
	vsetvl	t0, t0, t1
	load_csr vcsr, RVV_NATIVE_VCSR
	load_csr fcsr, RVV_NATIVE_FCSR
	load_csr vstart, RVV_NATIVE_VSTART
	ld	s1, RVV_NATIVE_CODE(s0)
	all_a	ld
	jalr	s1

	all_a	sd
	store_csr vstart, RVV_NATIVE_VSTART
	store_csr vl, RVV_NATIVE_VL
	store_csr vtype, RVV_NATIVE_VTYPE
	store_csr vcsr, RVV_NATIVE_VCSR
	store_csr fcsr, RVV_NATIVE_FCSR
	all_v	vs8r.v
	all_f	fsd

	ld	t0, 24(sp)
	fscsr	t0
	frame	ld, fld
	addi	sp, sp, FRAME
	ret
.size rvv_native_run, . - rvv_native_run

.section .note.GNU-stack, "", @progbits
