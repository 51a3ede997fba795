// SPDX-License-Identifier: GPL-2.0
/*
 * rvv_int.c - RVV emulator: integer and fixed-point operations
 */
#include "rvv_ops.h"

#define VXSAT		1
#define VXRM(s)		(((s)->vcsr >> 1) & 3)

enum { RNU, RNE, RDN, ROD };

/*
 * The element functions get a from vs2, and b from vs1, rs1 or the immediate,
 * both extended to 64 bits according to the flags of the operation. The result
 * is truncated to the width of the destination.
 */
#define ELEM(_name, _expr)						\
static u64 int_##_name(struct rvv_ctx *c, u64 a, u64 b, u64 d)		\
{									\
	return _expr;							\
}

#define GLOBAL_ELEM(_name, _expr)					\
u64 rvv_elem_##_name(struct rvv_ctx *c, u64 a, u64 b, u64 d)		\
{									\
	return _expr;							\
}

/* Shifts use only the low log2(EEW of vs2) bits of the shift amount. */
#define SHAMT(c, b)	((b) & (rvv_bits((c)->s2.eew) - 1))

static __u128 extend(u64 v, bool is_signed)
{
	return is_signed ? (__u128)(s64)v : v;
}

static u64 mulh(struct rvv_ctx *c, u64 a, u64 b)
{
	__u128 product = extend(a, c->op->flags & S2) * extend(b, c->op->flags & S1);

	return product >> rvv_bits(c->d.eew);
}

static u64 divide(u64 a, u64 b)
{
	return b ? a / b : ~0UL;
}

/*
 * Dividing the most negative number by -1 overflows, and the result is the
 * dividend.
 */
static u64 divide_signed(s64 a, s64 b)
{
	if (b == -1)
		return -(u64)a;
	return b ? a / b : -1;
}

static u64 rem_signed(s64 a, s64 b)
{
	if (b == -1)
		return 0;
	return b ? a % b : a;
}

GLOBAL_ELEM(add, a + b)
GLOBAL_ELEM(and, a & b)
GLOBAL_ELEM(or, a | b)
GLOBAL_ELEM(xor, a ^ b)
GLOBAL_ELEM(minu, a < b ? a : b)
GLOBAL_ELEM(min, (s64)a < (s64)b ? a : b)
GLOBAL_ELEM(maxu, a > b ? a : b)
GLOBAL_ELEM(max, (s64)a > (s64)b ? a : b)

ELEM(sub, a - b)
ELEM(rsub, b - a)
ELEM(sll, a << SHAMT(c, b))
ELEM(srl, a >> SHAMT(c, b))
ELEM(sra, (s64)a >> SHAMT(c, b))
ELEM(mul, a * b)
ELEM(mulh, mulh(c, a, b))
ELEM(divu, divide(a, b))
ELEM(div, divide_signed(a, b))
ELEM(remu, b ? a % b : a)
ELEM(rem, rem_signed(a, b))
ELEM(macc, d + a * b)
ELEM(nmsac, d - a * b)
ELEM(madd, d * b + a)
ELEM(nmsub, a - d * b)
ELEM(seq, a == b)
ELEM(sne, a != b)
ELEM(sltu, a < b)
ELEM(slt, (s64)a < (s64)b)
ELEM(sleu, a <= b)
ELEM(sle, (s64)a <= (s64)b)
ELEM(sgtu, a > b)
ELEM(sgt, (s64)a > (s64)b)
ELEM(adc, a + b + c->carry)
ELEM(sbc, a - b - c->carry)
ELEM(madc, ((__u128)a + b + c->carry) >> rvv_bits(c->s2.eew))
ELEM(msbc, a < (__u128)b + c->carry)
ELEM(ext, a)
ELEM(mv, b)
ELEM(merge, c->carry ? b : a)

/* Shift right by n, and round as vxrm says. */
static __s128 round_off(struct rvv_ctx *c, __s128 v, unsigned int n)
{
	bool lsb = (v >> n) & 1, half, rest;

	if (!n)
		return v;
	half = (v >> (n - 1)) & 1;
	rest = v & (((__s128)1 << (n - 1)) - 1);

	switch (VXRM(c->s)) {
	case RNU:
		return (v >> n) + half;
	case RNE:
		return (v >> n) + (half && (rest || lsb));
	case ROD:
		return (v >> n) | (half || rest);
	default:
		return v >> n;
	}
}

static u64 sat(struct rvv_ctx *c, __s128 v)
{
	bool is_signed = c->op->flags & S2;
	unsigned int bits = rvv_bits(c->d.eew);
	__s128 lowest = is_signed ? -((__s128)1 << (bits - 1)) : 0;
	__s128 highest = ((__s128)1 << (is_signed ? bits - 1 : bits)) - 1;

	if (v >= lowest && v <= highest)
		return v;
	c->s->vcsr |= VXSAT;
	return v < lowest ? lowest : highest;
}

static __s128 wide(struct rvv_ctx *c, u64 v)
{
	return extend(v, c->op->flags & S2);
}

ELEM(sadd, sat(c, wide(c, a) + wide(c, b)))
ELEM(ssub, sat(c, wide(c, a) - wide(c, b)))
ELEM(aadd, round_off(c, wide(c, a) + wide(c, b), 1))
ELEM(asub, round_off(c, wide(c, a) - wide(c, b), 1))
ELEM(smul, sat(c, round_off(c, wide(c, a) * wide(c, b), rvv_bits(c->d.eew) - 1)))
ELEM(ssr, round_off(c, wide(c, a), SHAMT(c, b)))
ELEM(nclip, sat(c, round_off(c, wide(c, a), SHAMT(c, b))))

#define OP(_name, _f6, _forms, _d, _s2, _s1, _flags, _elem)		\
	{ .name = #_name, .funct6 = (_f6), .forms = (_forms), .d = K_##_d, \
	  .s2 = K_##_s2, .s1 = K_##_s1, .flags = (_flags), .elem = (_elem) }

#define OPSUB(_name, _f6, _sub, _d, _s2, _flags, _elem)			\
	{ .name = #_name, .funct6 = (_f6), .forms = MVV, .sub = SUB(_sub), \
	  .d = K_##_d, .s2 = K_##_s2, .flags = (_flags), .elem = (_elem) }

#define IVXI	(IVV | IVX | IVI)
#define IV_X	(IVV | IVX)
#define IX_I	(IVX | IVI)
#define MV_X	(MVV | MVX)

const struct rvv_op rvv_int_ops[] = {
	/* Add, subtract, compare, logic */
	OP(vadd,	0x00, IVXI, S, S, S, 0, rvv_elem_add),
	OP(vsub,	0x02, IV_X, S, S, S, 0, int_sub),
	OP(vrsub,	0x03, IX_I, S, S, S, 0, int_rsub),
	OP(vminu,	0x04, IV_X, S, S, S, 0, rvv_elem_minu),
	OP(vmin,	0x05, IV_X, S, S, S, SS, rvv_elem_min),
	OP(vmaxu,	0x06, IV_X, S, S, S, 0, rvv_elem_maxu),
	OP(vmax,	0x07, IV_X, S, S, S, SS, rvv_elem_max),
	OP(vand,	0x09, IVXI, S, S, S, 0, rvv_elem_and),
	OP(vor,		0x0a, IVXI, S, S, S, 0, rvv_elem_or),
	OP(vxor,	0x0b, IVXI, S, S, S, 0, rvv_elem_xor),
	OP(vadc,	0x10, IVXI, S, S, S, CARRY | VM0, int_adc),
	OP(vmadc,	0x11, IVXI, MASK, S, S, CARRY, int_madc),
	OP(vsbc,	0x12, IV_X, S, S, S, CARRY | VM0, int_sbc),
	OP(vmsbc,	0x13, IV_X, MASK, S, S, CARRY, int_msbc),
	OP(vmerge,	0x17, IVXI, S, S, S, CARRY | VM0, int_merge),
	OP(vmv.v,	0x17, IVXI, S, NONE, S, VM1 | VS2_0, int_mv),
	OP(vmseq,	0x18, IVXI, MASK, S, S, 0, int_seq),
	OP(vmsne,	0x19, IVXI, MASK, S, S, 0, int_sne),
	OP(vmsltu,	0x1a, IV_X, MASK, S, S, 0, int_sltu),
	OP(vmslt,	0x1b, IV_X, MASK, S, S, SS, int_slt),
	OP(vmsleu,	0x1c, IVXI, MASK, S, S, 0, int_sleu),
	OP(vmsle,	0x1d, IVXI, MASK, S, S, SS, int_sle),
	OP(vmsgtu,	0x1e, IX_I, MASK, S, S, 0, int_sgtu),
	OP(vmsgt,	0x1f, IX_I, MASK, S, S, SS, int_sgt),
	OPSUB(vzext.vf8, 0x12, 2, S, O, 0, int_ext),
	OPSUB(vsext.vf8, 0x12, 3, S, O, S2, int_ext),
	OPSUB(vzext.vf4, 0x12, 4, S, Q, 0, int_ext),
	OPSUB(vsext.vf4, 0x12, 5, S, Q, S2, int_ext),
	OPSUB(vzext.vf2, 0x12, 6, S, H, 0, int_ext),
	OPSUB(vsext.vf2, 0x12, 7, S, H, S2, int_ext),

	/* Shifts */
	OP(vsll,	0x25, IVXI, S, S, S, UIMM, int_sll),
	OP(vsrl,	0x28, IVXI, S, S, S, UIMM, int_srl),
	OP(vsra,	0x29, IVXI, S, S, S, UIMM | S2, int_sra),
	OP(vnsrl,	0x2c, IVXI, S, W, S, UIMM, int_srl),
	OP(vnsra,	0x2d, IVXI, S, W, S, UIMM | S2, int_sra),

	/* Fixed point */
	OP(vsaddu,	0x20, IVXI, S, S, S, 0, int_sadd),
	OP(vsadd,	0x21, IVXI, S, S, S, SS, int_sadd),
	OP(vssubu,	0x22, IV_X, S, S, S, 0, int_ssub),
	OP(vssub,	0x23, IV_X, S, S, S, SS, int_ssub),
	OP(vsmul,	0x27, IV_X, S, S, S, SS, int_smul),
	OP(vssrl,	0x2a, IVXI, S, S, S, UIMM, int_ssr),
	OP(vssra,	0x2b, IVXI, S, S, S, UIMM | S2, int_ssr),
	OP(vnclipu,	0x2e, IVXI, S, W, S, UIMM, int_nclip),
	OP(vnclip,	0x2f, IVXI, S, W, S, UIMM | S2, int_nclip),
	OP(vaaddu,	0x08, MV_X, S, S, S, 0, int_aadd),
	OP(vaadd,	0x09, MV_X, S, S, S, SS, int_aadd),
	OP(vasubu,	0x0a, MV_X, S, S, S, 0, int_asub),
	OP(vasub,	0x0b, MV_X, S, S, S, SS, int_asub),

	/* Multiply, divide */
	OP(vdivu,	0x20, MV_X, S, S, S, 0, int_divu),
	OP(vdiv,	0x21, MV_X, S, S, S, SS, int_div),
	OP(vremu,	0x22, MV_X, S, S, S, 0, int_remu),
	OP(vrem,	0x23, MV_X, S, S, S, SS, int_rem),
	OP(vmulhu,	0x24, MV_X, S, S, S, 0, int_mulh),
	OP(vmul,	0x25, MV_X, S, S, S, 0, int_mul),
	OP(vmulhsu,	0x26, MV_X, S, S, S, S2, int_mulh),
	OP(vmulh,	0x27, MV_X, S, S, S, SS, int_mulh),
	OP(vmadd,	0x29, MV_X, S, S, S, READS_VD, int_madd),
	OP(vnmsub,	0x2b, MV_X, S, S, S, READS_VD, int_nmsub),
	OP(vmacc,	0x2d, MV_X, S, S, S, READS_VD, int_macc),
	OP(vnmsac,	0x2f, MV_X, S, S, S, READS_VD, int_nmsac),

	/* Widening */
	OP(vwaddu,	0x30, MV_X, W, S, S, 0, rvv_elem_add),
	OP(vwadd,	0x31, MV_X, W, S, S, SS, rvv_elem_add),
	OP(vwsubu,	0x32, MV_X, W, S, S, 0, int_sub),
	OP(vwsub,	0x33, MV_X, W, S, S, SS, int_sub),
	OP(vwaddu.w,	0x34, MV_X, W, W, S, 0, rvv_elem_add),
	OP(vwadd.w,	0x35, MV_X, W, W, S, SS, rvv_elem_add),
	OP(vwsubu.w,	0x36, MV_X, W, W, S, 0, int_sub),
	OP(vwsub.w,	0x37, MV_X, W, W, S, SS, int_sub),
	OP(vwmulu,	0x38, MV_X, W, S, S, 0, int_mul),
	OP(vwmulsu,	0x3a, MV_X, W, S, S, S2, int_mul),
	OP(vwmul,	0x3b, MV_X, W, S, S, SS, int_mul),
	OP(vwmaccu,	0x3c, MV_X, W, S, S, READS_VD, int_macc),
	OP(vwmacc,	0x3d, MV_X, W, S, S, READS_VD | SS, int_macc),
	OP(vwmaccus,	0x3e, MVX, W, S, S, READS_VD | S2, int_macc),
	OP(vwmaccsu,	0x3f, MV_X, W, S, S, READS_VD | S1, int_macc),
	{ }
};
