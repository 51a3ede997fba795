// SPDX-License-Identifier: GPL-2.0
/*
 * rvv_perm.c - RVV emulator: reductions, mask operations and permutations
 */
#include <string.h>

#include "rvv_ops.h"

#define ELEM(_name, _expr)						\
static u64 mask_##_name(struct rvv_ctx *c, u64 a, u64 b, u64 d)		\
{									\
	return _expr;							\
}

ELEM(and, a & b)
ELEM(nand, ~(a & b))
ELEM(andn, a & ~b)
ELEM(xor, a ^ b)
ELEM(or, a | b)
ELEM(nor, ~(a | b))
ELEM(orn, a | ~b)
ELEM(xnor, ~(a ^ b))
ELEM(id, c->i)
ELEM(mv, b)

/* Unordered FP sums also add the elements in order. */
static void run_reduce(struct rvv_ctx *c)
{
	const struct rvv_op *op = c->op;
	u64 acc, a;

	if (!c->s->vl)
		return;
	acc = rvv_ext(rvv_get(c, &c->s1, 0), c->s1.eew, op->flags & S1);
	for (c->i = 0; c->i < c->s->vl; c->i++) {
		if (!rvv_active(c, c->i))
			continue;
		a = rvv_ext(rvv_get(c, &c->s2, c->i), c->s2.eew, op->flags & S2);
		if (op->flags & FWIDEN)
			a = rvv_fp_widen(a);
		acc = rvv_ext(op->elem(c, a, acc, 0), c->d.eew, op->flags & S1);
	}
	rvv_set(c, &c->d, 0, acc);
}

/*
 * vmsbf, vmsif and vmsof: BEFORE and AT are the results before and at the first
 * set bit. The result after that bit is 0.
 */
static void set_first(struct rvv_ctx *c, bool before, bool at)
{
	bool found = false, bit;

	for (c->i = 0; c->i < c->s->vl; c->i++) {
		if (!rvv_active(c, c->i))
			continue;
		bit = rvv_get(c, &c->s2, c->i);
		rvv_set(c, &c->d, c->i, !found && (bit ? at : before));
		found |= bit;
	}
}

static void run_msbf(struct rvv_ctx *c)
{
	set_first(c, true, false);
}

static void run_msif(struct rvv_ctx *c)
{
	set_first(c, true, true);
}

static void run_msof(struct rvv_ctx *c)
{
	set_first(c, false, true);
}

static void run_cpop(struct rvv_ctx *c)
{
	u64 n = 0;

	for (c->i = 0; c->i < c->s->vl; c->i++)
		n += rvv_active(c, c->i) && rvv_get(c, &c->s2, c->i);
	rvv_set_x(c, rvv_rd(c->insn), n);
}

static void run_first(struct rvv_ctx *c)
{
	u64 first = ~0UL;

	for (c->i = 0; c->i < c->s->vl && first == ~0UL; c->i++) {
		if (rvv_active(c, c->i) && rvv_get(c, &c->s2, c->i))
			first = c->i;
	}
	rvv_set_x(c, rvv_rd(c->insn), first);
}

static void run_iota(struct rvv_ctx *c)
{
	u64 n = 0;

	for (c->i = 0; c->i < c->s->vl; c->i++) {
		if (!rvv_active(c, c->i))
			continue;
		rvv_set(c, &c->d, c->i, n);
		n += rvv_get(c, &c->s2, c->i);
	}
}

/*
 * Reading element 0 into a scalar register ignores vl and vstart. Writing
 * element 0 does not.
 */
static void run_mv_x_s(struct rvv_ctx *c)
{
	rvv_set_x(c, rvv_rd(c->insn), rvv_sext(rvv_get(c, &c->s2, 0), c->s2.eew));
}

static void run_mv_f_s(struct rvv_ctx *c)
{
	u64 v = rvv_get(c, &c->s2, 0);

	c->s->f[rvv_rd(c->insn)] = c->s2.eew == 2 ? v | ~0UL << 32 : v;
}

static void run_mv_s(struct rvv_ctx *c)
{
	if (c->s->vstart < c->s->vl)
		rvv_set(c, &c->d, 0, c->scalar);
}

static void run_slideup(struct rvv_ctx *c)
{
	for (c->i = max(c->s->vstart, c->scalar); c->i < c->s->vl; c->i++) {
		if (rvv_active(c, c->i))
			rvv_set(c, &c->d, c->i, rvv_get(c, &c->s2, c->i - c->scalar));
	}
}

static u64 get_or_0(struct rvv_ctx *c, u64 i)
{
	return i < c->vlmax ? rvv_get(c, &c->s2, i) : 0;
}

static void run_slidedown(struct rvv_ctx *c)
{
	u64 offset = min(c->scalar, c->vlmax);

	for (c->i = c->s->vstart; c->i < c->s->vl; c->i++) {
		if (rvv_active(c, c->i))
			rvv_set(c, &c->d, c->i, get_or_0(c, c->i + offset));
	}
}

static void run_slide1up(struct rvv_ctx *c)
{
	for (c->i = c->s->vstart; c->i < c->s->vl; c->i++) {
		if (rvv_active(c, c->i))
			rvv_set(c, &c->d, c->i,
				c->i ? rvv_get(c, &c->s2, c->i - 1) : c->scalar);
	}
}

static void run_slide1down(struct rvv_ctx *c)
{
	u64 last = c->s->vl - 1;

	for (c->i = c->s->vstart; c->i < c->s->vl; c->i++) {
		if (rvv_active(c, c->i))
			rvv_set(c, &c->d, c->i,
				c->i < last ? rvv_get(c, &c->s2, c->i + 1) : c->scalar);
	}
}

static void run_gather(struct rvv_ctx *c)
{
	u64 index = c->scalar;

	for (c->i = c->s->vstart; c->i < c->s->vl; c->i++) {
		if (!rvv_active(c, c->i))
			continue;
		if (rvv_is_v(c))
			index = rvv_get(c, &c->s1, c->i);
		rvv_set(c, &c->d, c->i, get_or_0(c, index));
	}
}

static void run_compress(struct rvv_ctx *c)
{
	u64 n = 0;

	for (c->i = 0; c->i < c->s->vl; c->i++) {
		if (rvv_get(c, &c->s1, c->i))
			rvv_set(c, &c->d, n++, rvv_get(c, &c->s2, c->i));
	}
}

/* vmv<n>r.v depends on vstart, but not on vl or LMUL. */
static void run_mv_regs(struct rvv_ctx *c)
{
	struct rvv_state *s = c->s;
	u64 size = c->d.nregs * s->vlenb;
	u64 start = min(s->vstart << c->sew, size);

	memmove(s->v + c->d.reg * s->vlenb + start,
		s->v + c->s2.reg * s->vlenb + start, size - start);
}

#define OP(_name, _f6, _forms, _sub, _d, _s2, _s1, _flags, _elem, _run)	\
	{ .name = #_name, .funct6 = (_f6), .forms = (_forms), .sub = (_sub), \
	  .d = K_##_d, .s2 = K_##_s2, .s1 = K_##_s1, .flags = (_flags),	\
	  .elem = (_elem), .run = (_run) }

#define RED(_name, _f6, _form, _d, _s1, _flags, _elem)			\
	OP(_name, _f6, _form, 0, _d, S, _s1, (_flags) | VSTART0, _elem, run_reduce)

#define LOGIC(_name, _f6, _elem)					\
	OP(_name, _f6, MVV, 0, MASK, MASK, MASK, VM1, _elem, NULL)

#define RUN(_name, _f6, _forms, _sub, _d, _s2, _s1, _flags, _run)	\
	OP(_name, _f6, _forms, _sub, _d, _s2, _s1, _flags, NULL, _run)

const struct rvv_op rvv_perm_ops[] = {
	/* Reductions */
	RED(vredsum,	0x00, MVV, ES, ES, 0, rvv_elem_add),
	RED(vredand,	0x01, MVV, ES, ES, 0, rvv_elem_and),
	RED(vredor,	0x02, MVV, ES, ES, 0, rvv_elem_or),
	RED(vredxor,	0x03, MVV, ES, ES, 0, rvv_elem_xor),
	RED(vredminu,	0x04, MVV, ES, ES, 0, rvv_elem_minu),
	RED(vredmin,	0x05, MVV, ES, ES, SS, rvv_elem_min),
	RED(vredmaxu,	0x06, MVV, ES, ES, 0, rvv_elem_maxu),
	RED(vredmax,	0x07, MVV, ES, ES, SS, rvv_elem_max),
	RED(vwredsumu,	0x30, IVV, EW, EW, 0, rvv_elem_add),
	RED(vwredsum,	0x31, IVV, EW, EW, SS, rvv_elem_add),
	RED(vfredusum,	0x01, FVV, ES, ES, FF, rvv_elem_fadd),
	RED(vfredosum,	0x03, FVV, ES, ES, FF, rvv_elem_fadd),
	RED(vfredmin,	0x05, FVV, ES, ES, FF, rvv_elem_fmin),
	RED(vfredmax,	0x07, FVV, ES, ES, FF, rvv_elem_fmax),
	RED(vfwredusum,	0x31, FVV, EW, EW, FF | FWIDEN, rvv_elem_fadd),
	RED(vfwredosum,	0x33, FVV, EW, EW, FF | FWIDEN, rvv_elem_fadd),

	/* Masks */
	LOGIC(vmandn,	0x18, mask_andn),
	LOGIC(vmand,	0x19, mask_and),
	LOGIC(vmor,	0x1a, mask_or),
	LOGIC(vmxor,	0x1b, mask_xor),
	LOGIC(vmorn,	0x1c, mask_orn),
	LOGIC(vmnand,	0x1d, mask_nand),
	LOGIC(vmnor,	0x1e, mask_nor),
	LOGIC(vmxnor,	0x1f, mask_xnor),
	RUN(vcpop.m,	0x10, MVV, SUB(16), NONE, MASK, NONE, VSTART0 | WRITES_X, run_cpop),
	RUN(vfirst.m,	0x10, MVV, SUB(17), NONE, MASK, NONE, VSTART0 | WRITES_X, run_first),
	RUN(vmsbf,	0x14, MVV, SUB(1), MASK, MASK, NONE, VSTART0 | APART, run_msbf),
	RUN(vmsof,	0x14, MVV, SUB(2), MASK, MASK, NONE, VSTART0 | APART, run_msof),
	RUN(vmsif,	0x14, MVV, SUB(3), MASK, MASK, NONE, VSTART0 | APART, run_msif),
	RUN(viota,	0x14, MVV, SUB(16), S, MASK, NONE, VSTART0 | APART, run_iota),
	OP(vid,		0x14, MVV, SUB(17), S, NONE, NONE, VS2_0, mask_id, NULL),

	/* Scalars */
	RUN(vmv.x.s,	0x10, MVV, SUB(0), NONE, ES, NONE, VM1 | WRITES_X, run_mv_x_s),
	RUN(vmv.s.x,	0x10, MVX, 0, ES, NONE, NONE, VM1 | VS2_0, run_mv_s),
	RUN(vfmv.f.s,	0x10, FVV, SUB(0), NONE, ES, NONE, VM1 | F2, run_mv_f_s),
	RUN(vfmv.s.f,	0x10, FVF, 0, ES, NONE, NONE, VM1 | VS2_0 | FD, run_mv_s),
	OP(vfmv.v.f,	0x17, FVF, 0, S, NONE, NONE, VM1 | VS2_0 | FD, mask_mv, NULL),

	/* Permutations */
	RUN(vslideup,	0x0e, IVX | IVI, 0, S, S, NONE, UIMM | XFULL | APART, run_slideup),
	RUN(vslidedown,	0x0f, IVX | IVI, 0, S, S, NONE, UIMM | XFULL, run_slidedown),
	RUN(vslide1up,	0x0e, MVX, 0, S, S, NONE, APART, run_slide1up),
	RUN(vslide1down, 0x0f, MVX, 0, S, S, NONE, 0, run_slide1down),
	RUN(vfslide1up,	0x0e, FVF, 0, S, S, NONE, APART | FF, run_slide1up),
	RUN(vfslide1down, 0x0f, FVF, 0, S, S, NONE, FF, run_slide1down),
	RUN(vrgather,	0x0c, IVV | IVX | IVI, 0, S, S, S, UIMM | XFULL | APART, run_gather),
	RUN(vrgatherei16, 0x0e, IVV, 0, S, S, E16, APART, run_gather),
	RUN(vcompress,	0x17, MVV, 0, S, S, MASK, VSTART0 | VM1 | APART, run_compress),
	RUN(vmv1r,	0x27, IVI, SUB(0), 1R, 1R, NONE, VM1, run_mv_regs),
	RUN(vmv2r,	0x27, IVI, SUB(1), 2R, 2R, NONE, VM1, run_mv_regs),
	RUN(vmv4r,	0x27, IVI, SUB(3), 4R, 4R, NONE, VM1, run_mv_regs),
	RUN(vmv8r,	0x27, IVI, SUB(7), 8R, 8R, NONE, VM1, run_mv_regs),
	{ }
};
