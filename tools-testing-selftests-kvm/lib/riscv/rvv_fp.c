// SPDX-License-Identifier: GPL-2.0
/*
 * rvv_fp.c - RVV emulator: FP operations with the scalar FPU of the host
 *
 * A vector FP operation does to each element what the scalar operation of the
 * same name does, even with NaNs. The emulator therefore executes the scalar
 * instruction with the guest's frm, and adds the flags that it raises to the
 * guest's fflags.
 */
#include "rvv_ops.h"

#define NAN_S		0x7fc00000UL
#define NAN_D		0x7ff8000000000000UL
#define BOX_S		(~0UL << 32)

#define FFLAGS_NX	0x01
#define FFLAGS_UF	0x02
#define FFLAGS_OF	0x04
#define FFLAGS_DZ	0x08
#define FFLAGS_NV	0x10

static u64 swap_fcsr(u64 v)
{
	u64 old;

	asm volatile("csrrw %0, fcsr, %1" : "=r" (old) : "r" (v));
	return old;
}

static u64 read_fflags(void)
{
	u64 v;

	asm volatile("csrr %0, fflags" : "=r" (v));
	return v;
}

static void write_fflags(u64 v)
{
	asm volatile("csrw fflags, %0" :: "r" (v));
}

static void raise_flags(u64 v)
{
	asm volatile("csrs fflags, %0" :: "r" (v));
}

/*
 * Load the guest's fcsr into the FPU. Returns the host's fcsr, which
 * rvv_fp_end() restores.
 */
u64 rvv_fp_begin(struct rvv_state *s)
{
	return swap_fcsr(s->fcsr);
}

void rvv_fp_end(struct rvv_state *s, u64 host_fcsr)
{
	s->fcsr = swap_fcsr(host_fcsr);
}

/*
 * Return a scalar FP operand. A single that is not NaN-boxed counts as a NaN.
 */
u64 rvv_fp_scalar(u64 f, s8 eew)
{
	if (eew != 2)
		return f;
	return (f & BOX_S) == BOX_S ? (u32)f : NAN_S;
}

/*
 * Define a function that executes one scalar instruction, which is given for
 * either format, on copies of a, b and d in ft0, ft1 and ft2. An FP result is
 * in ft0, an integer result in %0, and an integer to convert in %5.
 *
 * QEMU 10.0 leaves FS Clean when an instruction with an integer result raises
 * fflags, so the flags get lost if the thread is preempted before and after
 * that instruction. The move before the instruction makes FS Dirty, and QEMU
 * takes no interrupt between the two.
 */
#define DIRTY_FS	"fsgnj.d ft1, ft1, ft1\n"

#define ELEM(_name, _eew, _result, _single, _double)			\
static u64 fp_##_name(struct rvv_ctx *c, u64 a, u64 b, u64 d)		\
{									\
	u64 box = (_eew) == 2 ? BOX_S : 0, to_x = 0, to_f;		\
									\
	asm volatile("fmv.d.x ft0, %2\n"				\
		     "fmv.d.x ft1, %3\n"				\
		     "fmv.d.x ft2, %4\n"				\
		     "beqz %6, 1f\n"					\
		     DIRTY_FS _single "\n"				\
		     "j 2f\n"						\
		     "1: " DIRTY_FS _double "\n"			\
		     "2: fmv.x.d %1, ft0"				\
		     : "+&r" (to_x), "=&r" (to_f)			\
		     : "r" (a | box), "r" (b | box), "r" (d | box),	\
		       "r" (a), "r" (box)				\
		     : "ft0", "ft1", "ft2");				\
	return _result;							\
}

#define FP(_name, _single, _double)					\
	ELEM(_name, c->d.eew, to_f, _single, _double)

#define FPI(_name, _single, _double)					\
	ELEM(_name, c->s2.eew, to_x, _single, _double)

FP(fadd, "fadd.s ft0, ft0, ft1", "fadd.d ft0, ft0, ft1")
FP(fsub, "fsub.s ft0, ft0, ft1", "fsub.d ft0, ft0, ft1")
FP(frsub, "fsub.s ft0, ft1, ft0", "fsub.d ft0, ft1, ft0")
FP(fmul, "fmul.s ft0, ft0, ft1", "fmul.d ft0, ft0, ft1")
FP(fdiv, "fdiv.s ft0, ft0, ft1", "fdiv.d ft0, ft0, ft1")
FP(frdiv, "fdiv.s ft0, ft1, ft0", "fdiv.d ft0, ft1, ft0")
FP(fsqrt, "fsqrt.s ft0, ft0", "fsqrt.d ft0, ft0")
FP(fmin, "fmin.s ft0, ft0, ft1", "fmin.d ft0, ft0, ft1")
FP(fmax, "fmax.s ft0, ft0, ft1", "fmax.d ft0, ft0, ft1")
FP(fsgnj, "fsgnj.s ft0, ft0, ft1", "fsgnj.d ft0, ft0, ft1")
FP(fsgnjn, "fsgnjn.s ft0, ft0, ft1", "fsgnjn.d ft0, ft0, ft1")
FP(fsgnjx, "fsgnjx.s ft0, ft0, ft1", "fsgnjx.d ft0, ft0, ft1")
FP(fmacc, "fmadd.s ft0, ft1, ft0, ft2", "fmadd.d ft0, ft1, ft0, ft2")
FP(fnmacc, "fnmadd.s ft0, ft1, ft0, ft2", "fnmadd.d ft0, ft1, ft0, ft2")
FP(fmsac, "fmsub.s ft0, ft1, ft0, ft2", "fmsub.d ft0, ft1, ft0, ft2")
FP(fnmsac, "fnmsub.s ft0, ft1, ft0, ft2", "fnmsub.d ft0, ft1, ft0, ft2")
FP(fmadd, "fmadd.s ft0, ft1, ft2, ft0", "fmadd.d ft0, ft1, ft2, ft0")
FP(fnmadd, "fnmadd.s ft0, ft1, ft2, ft0", "fnmadd.d ft0, ft1, ft2, ft0")
FP(fmsub, "fmsub.s ft0, ft1, ft2, ft0", "fmsub.d ft0, ft1, ft2, ft0")
FP(fnmsub, "fnmsub.s ft0, ft1, ft2, ft0", "fnmsub.d ft0, ft1, ft2, ft0")
FPI(feq, "feq.s %0, ft0, ft1", "feq.d %0, ft0, ft1")
FPI(flt, "flt.s %0, ft0, ft1", "flt.d %0, ft0, ft1")
FPI(fle, "fle.s %0, ft0, ft1", "fle.d %0, ft0, ft1")
FPI(fgt, "flt.s %0, ft1, ft0", "flt.d %0, ft1, ft0")
FPI(fge, "fle.s %0, ft1, ft0", "fle.d %0, ft1, ft0")
FPI(fclass, "fclass.s %0, ft0", "fclass.d %0, ft0")

/* Conversions from and to 64-bit integers. The other conversions use these. */
FPI(f2l, "fcvt.l.s %0, ft0", "fcvt.l.d %0, ft0")
FPI(f2lu, "fcvt.lu.s %0, ft0", "fcvt.lu.d %0, ft0")
FPI(f2l_rtz, "fcvt.l.s %0, ft0, rtz", "fcvt.l.d %0, ft0, rtz")
FPI(f2lu_rtz, "fcvt.lu.s %0, ft0, rtz", "fcvt.lu.d %0, ft0, rtz")
FP(l2f, "fcvt.s.l ft0, %5", "fcvt.d.l ft0, %5")
FP(lu2f, "fcvt.s.lu ft0, %5", "fcvt.d.lu ft0, %5")

#define GLOBAL_ELEM(_name)						\
u64 rvv_elem_##_name(struct rvv_ctx *c, u64 a, u64 b, u64 d)		\
{									\
	return fp_##_name(c, a, b, d);					\
}

GLOBAL_ELEM(fadd)
GLOBAL_ELEM(fmin)
GLOBAL_ELEM(fmax)

static u64 fp_fne(struct rvv_ctx *c, u64 a, u64 b, u64 d)
{
	return !fp_feq(c, a, b, d);
}

static u64 fp_merge(struct rvv_ctx *c, u64 a, u64 b, u64 d)
{
	return c->carry ? b : a;
}

u64 rvv_fp_widen(u64 v)
{
	u64 r;

	asm volatile("fmv.w.x ft0, %1\n"
		     "fcvt.d.s ft0, ft0\n"
		     "fmv.x.d %0, ft0" : "=r" (r) : "r" (v) : "ft0");
	return r;
}

static u64 fp_widen(struct rvv_ctx *c, u64 a, u64 b, u64 d)
{
	return rvv_fp_widen(a);
}

#define NARROW(_name, _rm)						\
static u64 fp_##_name(struct rvv_ctx *c, u64 a, u64 b, u64 d)		\
{									\
	u64 r;								\
									\
	asm volatile("fmv.d.x ft0, %1\n"				\
		     "fcvt.s.d ft0, ft0" _rm "\n"			\
		     "fmv.x.w %0, ft0" : "=r" (r) : "r" (a) : "ft0");	\
	return r;							\
}

NARROW(narrow, "")
NARROW(narrow_rtz, ", rtz")

/* Round to odd: truncate, and set the last bit if the result is inexact. */
static u64 fp_narrow_odd(struct rvv_ctx *c, u64 a, u64 b, u64 d)
{
	u64 before = read_fflags(), r;

	write_fflags(0);
	r = fp_narrow_rtz(c, a, b, d);
	if (read_fflags() & FFLAGS_NX)
		r |= 1;
	raise_flags(before);
	return r;
}

/*
 * Convert to an integer that may have fewer than 64 bits. A result out of range
 * raises the invalid flag.
 */
static u64 to_int(struct rvv_ctx *c, u64 a, rvv_elem_fn convert, bool is_signed)
{
	u64 before = read_fflags(), v, r;
	s8 eew = c->d.eew;

	write_fflags(0);
	v = convert(c, a, 0, 0);
	r = v;
	if (v != rvv_ext(v, eew, is_signed)) {
		if (!is_signed)
			r = rvv_zext(~0UL, eew);
		else
			r = (1UL << (rvv_bits(eew) - 1)) - ((s64)v >= 0);
		write_fflags(FFLAGS_NV);
	}
	raise_flags(before);
	return r;
}

#define TO_INT_ELEM(_name, _convert, _signed)				\
static u64 fp_##_name(struct rvv_ctx *c, u64 a, u64 b, u64 d)		\
{									\
	return to_int(c, a, _convert, _signed);				\
}

TO_INT_ELEM(to_x, fp_f2l, true)
TO_INT_ELEM(to_xu, fp_f2lu, false)
TO_INT_ELEM(to_x_rtz, fp_f2l_rtz, true)
TO_INT_ELEM(to_xu_rtz, fp_f2lu_rtz, false)

/* The tables of sections 13.9 and 13.10 of the specification */
static const u8 rsqrt7[128] = {
	52, 51, 50, 48, 47, 46, 44, 43, 42, 41, 40, 39, 38, 36, 35, 34,
	33, 32, 31, 30, 30, 29, 28, 27, 26, 25, 24, 23, 23, 22, 21, 20,
	19, 19, 18, 17, 16, 16, 15, 14, 14, 13, 12, 12, 11, 10, 10, 9,
	9, 8, 7, 7, 6, 6, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0,
	127, 125, 123, 121, 119, 118, 116, 114, 113, 111, 109, 108, 106, 105, 103, 102,
	100, 99, 97, 96, 95, 93, 92, 91, 90, 88, 87, 86, 85, 84, 83, 82,
	80, 79, 78, 77, 76, 75, 74, 73, 72, 71, 70, 70, 69, 68, 67, 66,
	65, 64, 63, 63, 62, 61, 60, 59, 59, 58, 57, 56, 56, 55, 54, 53,
};

static const u8 rec7[128] = {
	127, 125, 123, 121, 119, 117, 116, 114, 112, 110, 109, 107, 105, 104, 102, 100,
	99, 97, 96, 94, 93, 91, 90, 88, 87, 85, 84, 83, 81, 80, 79, 77,
	76, 75, 74, 72, 71, 70, 69, 68, 66, 65, 64, 63, 62, 61, 60, 59,
	58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43,
	42, 41, 40, 40, 39, 38, 37, 36, 35, 35, 34, 33, 32, 31, 31, 30,
	29, 28, 28, 27, 26, 25, 25, 24, 23, 23, 22, 21, 21, 20, 19, 19,
	18, 17, 17, 16, 15, 15, 14, 14, 13, 12, 12, 11, 11, 10, 9, 9,
	8, 8, 7, 7, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0,
};

struct fp_parts {
	unsigned int mant_bits, exp_max;
	u64 sign, inf, nan;
	int exp;
	u64 mant;
};

/*
 * Split a number into its parts. Subnormals are normalized, which gives them an
 * exponent below 1.
 */
static void fp_split(struct fp_parts *p, u64 a, s8 eew)
{
	p->mant_bits = eew == 2 ? 23 : 52;
	p->exp_max = eew == 2 ? 255 : 2047;
	p->sign = a & BIT(rvv_bits(eew) - 1);
	p->inf = (u64)p->exp_max << p->mant_bits;
	p->nan = eew == 2 ? NAN_S : NAN_D;
	p->exp = (a >> p->mant_bits) & p->exp_max;
	p->mant = a & (BIT(p->mant_bits) - 1);
	if (p->exp || !p->mant)
		return;
	for (p->exp = 1; !(p->mant & BIT(p->mant_bits)); p->exp--)
		p->mant <<= 1;
	p->mant &= BIT(p->mant_bits) - 1;
}

static bool fp_is_zero(u64 class)
{
	return class & (BIT(3) | BIT(4));
}

static bool fp_is_inf(u64 class)
{
	return class & (BIT(0) | BIT(7));
}

static bool fp_is_nan(u64 class)
{
	return class & (BIT(8) | BIT(9));
}

static u64 fp_rsqrt7(struct rvv_ctx *c, u64 a, u64 b, u64 d)
{
	u64 class = fp_fclass(c, a, 0, 0);
	struct fp_parts p;

	fp_split(&p, a, c->d.eew);
	if (fp_is_zero(class)) {
		raise_flags(FFLAGS_DZ);
		return p.sign | p.inf;
	}
	if (fp_is_nan(class) || p.sign) {
		if (!(class & BIT(9)))
			raise_flags(FFLAGS_NV);
		return p.nan;
	}
	if (fp_is_inf(class))
		return 0;

	p.mant = rsqrt7[(p.exp & 1) << 6 | p.mant >> (p.mant_bits - 6)];
	/* Halve and negate the exponent, whose bias is exp_max / 2. */
	p.exp = (3 * (int)(p.exp_max / 2) - 1 - p.exp) >> 1;
	return (u64)p.exp << p.mant_bits | p.mant << (p.mant_bits - 7);
}

/*
 * Return the result if 1 / a is too large for the format: infinity or the
 * largest number, depending on frm.
 */
static u64 fp_rec7_overflow(struct rvv_ctx *c, const struct fp_parts *p)
{
	unsigned int frm = c->s->fcsr >> 5;
	bool to_max = frm == 1 || frm == (p->sign ? 3 : 2);

	raise_flags(FFLAGS_OF | FFLAGS_NX);
	return p->sign | (p->inf - to_max);
}

static u64 fp_rec7(struct rvv_ctx *c, u64 a, u64 b, u64 d)
{
	u64 class = fp_fclass(c, a, 0, 0);
	struct fp_parts p;

	fp_split(&p, a, c->d.eew);
	if (fp_is_nan(class)) {
		if (class & BIT(8))
			raise_flags(FFLAGS_NV);
		return p.nan;
	}
	if (fp_is_zero(class)) {
		raise_flags(FFLAGS_DZ);
		return p.sign | p.inf;
	}
	if (fp_is_inf(class))
		return p.sign;
	if (p.exp < -1)
		return fp_rec7_overflow(c, &p);

	p.mant = (u64)rec7[p.mant >> (p.mant_bits - 7)] << (p.mant_bits - 7);
	p.exp = 2 * (int)(p.exp_max / 2) - 1 - p.exp;
	/* Subnormal results */
	if (p.exp < 1) {
		p.mant = (p.mant | BIT(p.mant_bits)) >> (1 - p.exp);
		p.exp = 0;
	}
	return p.sign | (u64)p.exp << p.mant_bits | p.mant;
}

#define OP(_name, _f6, _forms, _d, _s2, _s1, _flags, _elem)		\
	{ .name = #_name, .funct6 = (_f6), .forms = (_forms), .d = K_##_d, \
	  .s2 = K_##_s2, .s1 = K_##_s1, .flags = (_flags), .elem = (_elem) }

#define OPSUB(_name, _f6, _sub, _d, _s2, _flags, _elem)			\
	{ .name = #_name, .funct6 = (_f6), .forms = FVV, .sub = SUB(_sub), \
	  .d = K_##_d, .s2 = K_##_s2, .flags = (_flags), .elem = (_elem) }

#define FV_F	(FVV | FVF)
#define CMP	(F2 | F1)

const struct rvv_op rvv_fp_ops[] = {
	OP(vfadd,	0x00, FV_F, S, S, S, FF, fp_fadd),
	OP(vfsub,	0x02, FV_F, S, S, S, FF, fp_fsub),
	OP(vfmin,	0x04, FV_F, S, S, S, FF, fp_fmin),
	OP(vfmax,	0x06, FV_F, S, S, S, FF, fp_fmax),
	OP(vfsgnj,	0x08, FV_F, S, S, S, FF, fp_fsgnj),
	OP(vfsgnjn,	0x09, FV_F, S, S, S, FF, fp_fsgnjn),
	OP(vfsgnjx,	0x0a, FV_F, S, S, S, FF, fp_fsgnjx),
	OP(vfmerge,	0x17, FVF, S, S, NONE, FF | CARRY | VM0, fp_merge),
	OP(vmfeq,	0x18, FV_F, MASK, S, S, CMP, fp_feq),
	OP(vmfle,	0x19, FV_F, MASK, S, S, CMP, fp_fle),
	OP(vmflt,	0x1b, FV_F, MASK, S, S, CMP, fp_flt),
	OP(vmfne,	0x1c, FV_F, MASK, S, S, CMP, fp_fne),
	OP(vmfgt,	0x1d, FVF, MASK, S, S, CMP, fp_fgt),
	OP(vmfge,	0x1f, FVF, MASK, S, S, CMP, fp_fge),
	OP(vfdiv,	0x20, FV_F, S, S, S, FF, fp_fdiv),
	OP(vfrdiv,	0x21, FVF, S, S, S, FF, fp_frdiv),
	OP(vfmul,	0x24, FV_F, S, S, S, FF, fp_fmul),
	OP(vfrsub,	0x27, FVF, S, S, S, FF, fp_frsub),
	OP(vfmadd,	0x28, FV_F, S, S, S, FF | READS_VD, fp_fmadd),
	OP(vfnmadd,	0x29, FV_F, S, S, S, FF | READS_VD, fp_fnmadd),
	OP(vfmsub,	0x2a, FV_F, S, S, S, FF | READS_VD, fp_fmsub),
	OP(vfnmsub,	0x2b, FV_F, S, S, S, FF | READS_VD, fp_fnmsub),
	OP(vfmacc,	0x2c, FV_F, S, S, S, FF | READS_VD, fp_fmacc),
	OP(vfnmacc,	0x2d, FV_F, S, S, S, FF | READS_VD, fp_fnmacc),
	OP(vfmsac,	0x2e, FV_F, S, S, S, FF | READS_VD, fp_fmsac),
	OP(vfnmsac,	0x2f, FV_F, S, S, S, FF | READS_VD, fp_fnmsac),
	OP(vfwadd,	0x30, FV_F, W, S, S, FF | FWIDEN, fp_fadd),
	OP(vfwsub,	0x32, FV_F, W, S, S, FF | FWIDEN, fp_fsub),
	OP(vfwadd.w,	0x34, FV_F, W, W, S, FF | FWIDEN, fp_fadd),
	OP(vfwsub.w,	0x36, FV_F, W, W, S, FF | FWIDEN, fp_fsub),
	OP(vfwmul,	0x38, FV_F, W, S, S, FF | FWIDEN, fp_fmul),
	OP(vfwmacc,	0x3c, FV_F, W, S, S, FF | FWIDEN | READS_VD, fp_fmacc),
	OP(vfwnmacc,	0x3d, FV_F, W, S, S, FF | FWIDEN | READS_VD, fp_fnmacc),
	OP(vfwmsac,	0x3e, FV_F, W, S, S, FF | FWIDEN | READS_VD, fp_fmsac),
	OP(vfwnmsac,	0x3f, FV_F, W, S, S, FF | FWIDEN | READS_VD, fp_fnmsac),

	OPSUB(vfsqrt,		0x13, 0, S, S, FD | F2, fp_fsqrt),
	OPSUB(vfrsqrt7,		0x13, 4, S, S, FD | F2, fp_rsqrt7),
	OPSUB(vfrec7,		0x13, 5, S, S, FD | F2, fp_rec7),
	OPSUB(vfclass,		0x13, 16, S, S, F2, fp_fclass),

	OPSUB(vfcvt.xu.f,	0x12, 0, S, S, F2, fp_to_xu),
	OPSUB(vfcvt.x.f,	0x12, 1, S, S, F2, fp_to_x),
	OPSUB(vfcvt.f.xu,	0x12, 2, S, S, FD, fp_lu2f),
	OPSUB(vfcvt.f.x,	0x12, 3, S, S, FD | S2, fp_l2f),
	OPSUB(vfcvt.rtz.xu.f,	0x12, 6, S, S, F2, fp_to_xu_rtz),
	OPSUB(vfcvt.rtz.x.f,	0x12, 7, S, S, F2, fp_to_x_rtz),
	OPSUB(vfwcvt.xu.f,	0x12, 8, W, S, F2, fp_to_xu),
	OPSUB(vfwcvt.x.f,	0x12, 9, W, S, F2, fp_to_x),
	OPSUB(vfwcvt.f.xu,	0x12, 10, W, S, FD, fp_lu2f),
	OPSUB(vfwcvt.f.x,	0x12, 11, W, S, FD | S2, fp_l2f),
	OPSUB(vfwcvt.f.f,	0x12, 12, W, S, FD | F2, fp_widen),
	OPSUB(vfwcvt.rtz.xu.f,	0x12, 14, W, S, F2, fp_to_xu_rtz),
	OPSUB(vfwcvt.rtz.x.f,	0x12, 15, W, S, F2, fp_to_x_rtz),
	OPSUB(vfncvt.xu.f,	0x12, 16, S, W, F2, fp_to_xu),
	OPSUB(vfncvt.x.f,	0x12, 17, S, W, F2, fp_to_x),
	OPSUB(vfncvt.f.xu,	0x12, 18, S, W, FD, fp_lu2f),
	OPSUB(vfncvt.f.x,	0x12, 19, S, W, FD | S2, fp_l2f),
	OPSUB(vfncvt.f.f,	0x12, 20, S, W, FD | F2, fp_narrow),
	OPSUB(vfncvt.rod.f.f,	0x12, 21, S, W, FD | F2, fp_narrow_odd),
	OPSUB(vfncvt.rtz.xu.f,	0x12, 22, S, W, F2, fp_to_xu_rtz),
	OPSUB(vfncvt.rtz.x.f,	0x12, 23, S, W, F2, fp_to_x_rtz),
	{ }
};
