// SPDX-License-Identifier: GPL-2.0
/*
 * rvv.c - RVV emulator: decoding, configuration, CSRs and the element loop
 */
#include "rvv_ops.h"

#define CSR_VSTART	0x008
#define CSR_VXSAT	0x009
#define CSR_VXRM	0x00a
#define CSR_VCSR	0x00f
#define CSR_VL		0xc20
#define CSR_VTYPE	0xc21
#define CSR_VLENB	0xc22

#define ELEN_LOG2	3	/* of bytes */
#define FRM_LAST	4

const struct rvv_op *const rvv_families[] = {
	rvv_int_ops,
	rvv_fp_ops,
	rvv_perm_ops,
	rvv_other_ops,
	NULL
};

/*
 * Instructions that ZV* extensions have added among V's encodings. The emulator
 * does not cover them, but their encodings are not reserved either.
 */
#define OTHER(_name, _f6, _forms, _sub)					\
	{ .name = #_name, .funct6 = (_f6), .forms = (_forms), .sub = (_sub), \
	  .flags = OTHER_EXT }

const struct rvv_op rvv_other_ops[] = {
	OTHER(vandn,		0x01, IVV | IVX, 0),
	OTHER(vclmul,		0x0c, MVV | MVX, 0),
	OTHER(vclmulh,		0x0d, MVV | MVX, 0),
	OTHER(vbrev8,		0x12, MVV, SUB(8)),
	OTHER(vrev8,		0x12, MVV, SUB(9)),
	OTHER(vbrev,		0x12, MVV, SUB(10)),
	OTHER(vclz,		0x12, MVV, SUB(12)),
	OTHER(vctz,		0x12, MVV, SUB(13)),
	OTHER(vcpop.v,		0x12, MVV, SUB(14)),
	OTHER(vfwcvtbf16,	0x12, FVV, SUB(13)),
	OTHER(vfncvtbf16,	0x12, FVV, SUB(29)),
	OTHER(vror,		0x14, IVV | IVX | IVI, 0),
	OTHER(vrol,		0x15, IVV | IVX | IVI, 0),
	OTHER(vwsll,		0x35, IVV | IVX | IVI, 0),
	OTHER(vfwmaccbf16,	0x3b, FVV | FVF, 0),
	{ }
};

bool rvv_mask_bit(const struct rvv_state *s, unsigned int reg, u64 i)
{
	return s->v[reg * s->vlenb + i / 8] & BIT(i % 8);
}

bool rvv_active(const struct rvv_ctx *c, u64 i)
{
	return c->vm || rvv_mask_bit(c->s, 0, i);
}

void rvv_set_x(struct rvv_ctx *c, unsigned int rd, u64 v)
{
	if (rd)
		c->s->x[rd] = v;
}

u64 rvv_get(const struct rvv_ctx *c, const struct rvv_operand *o, u64 i)
{
	const u8 *base = c->s->v + o->reg * c->s->vlenb;
	const void *p;

	if (o->eew == RVV_EEW_MASK)
		return rvv_mask_bit(c->s, o->reg, i);

	p = base + (i << o->eew);
	switch (o->eew) {
	case 0:
		return *(const u8 *)p;
	case 1:
		return *(const u16 *)p;
	case 2:
		return *(const u32 *)p;
	default:
		return *(const u64 *)p;
	}
}

static void rvv_set_mask_bit(u8 *mask, u64 i, bool bit)
{
	if (bit)
		mask[i / 8] |= BIT(i % 8);
	else
		mask[i / 8] &= ~BIT(i % 8);
}

void rvv_set(struct rvv_ctx *c, const struct rvv_operand *o, u64 i, u64 v)
{
	u8 *base = c->s->v + o->reg * c->s->vlenb;
	void *p;

	if (o->eew == RVV_EEW_MASK) {
		rvv_set_mask_bit(base, i, v & 1);
		return;
	}

	p = base + (i << o->eew);
	switch (o->eew) {
	case 0:
		*(u8 *)p = v;
		break;
	case 1:
		*(u16 *)p = v;
		break;
	case 2:
		*(u32 *)p = v;
		break;
	default:
		*(u64 *)p = v;
	}
}

bool rvv_operand_init(struct rvv_operand *o, unsigned int reg, int eew, int emul)
{
	o->reg = reg;
	o->eew = eew;
	o->emul = emul;
	o->nregs = emul > 0 ? 1 << emul : 1;

	if (eew != RVV_EEW_MASK && (eew < 0 || eew > ELEN_LOG2))
		return false;
	return emul >= -3 && emul <= 3 && !(reg % o->nregs);
}

bool rvv_overlap(const struct rvv_operand *a, const struct rvv_operand *b)
{
	return a->reg < b->reg + b->nregs && b->reg < a->reg + a->nregs;
}

/*
 * Return whether a destination may overlap a source: section 5.2 of the
 * specification, "Vector Operands".
 */
bool rvv_dest_may_overlap(const struct rvv_operand *d, const struct rvv_operand *s)
{
	if (d->eew == s->eew)
		return true;
	if (d->eew < s->eew)
		return d->reg == s->reg;
	return s->emul >= 0 && d->reg + d->nregs == s->reg + s->nregs;
}

/*
 * Return whether the instruction reads a register with two EEWs, which is
 * reserved. v0 as a mask has an EEW of its own.
 */
bool rvv_mixed_eew(struct rvv_ctx *c, const struct rvv_operand *const *o, int n)
{
	const struct rvv_operand *a, *b;
	int i, j;

	for (i = 0; i < n; i++) {
		a = o[i];
		if (!c->vm && !a->reg && a->eew != RVV_EEW_MASK)
			c->s->mixed_eew = true;
		for (j = 0; j < i; j++) {
			b = o[j];
			if (a->eew != b->eew && rvv_overlap(a, b))
				c->s->mixed_eew = true;
		}
	}
	return c->s->mixed_eew;
}

static u64 rvv_vlmax(u64 vlenb, s8 sew, s8 lmul)
{
	return lmul >= sew ? vlenb << (lmul - sew) : vlenb >> (sew - lmul);
}

bool rvv_parse_vtype(u64 vlenb, u64 vtype, s8 *sew, s8 *lmul)
{
	unsigned int vlmul = vtype & 7;

	*sew = (vtype >> 3) & 7;
	*lmul = vlmul & 4 ? (int)vlmul - 8 : (int)vlmul;

	return !(vtype >> 8) && vlmul != 4 && *sew <= ELEN_LOG2 &&
	       rvv_vlmax(vlenb, *sew, *lmul);
}

static enum rvv_result rvv_vset(struct rvv_ctx *c)
{
	unsigned int rd = rvv_rd(c->insn), rs1 = rvv_rs1(c->insn);
	struct rvv_state *s = c->s;
	u64 vtype, avl, vlmax = 0;
	s8 sew, lmul;

	if (!(c->insn >> 31)) {				/* vsetvli */
		vtype = RVV_FIELD(c->insn, 20, 11);
	} else if (c->insn >> 30 == 3) {		/* vsetivli */
		vtype = RVV_FIELD(c->insn, 20, 10);
	} else if (RVV_FIELD(c->insn, 25, 6) == 0) {	/* vsetvl */
		vtype = s->x[rvv_rs2(c->insn)];
	} else {
		return RVV_ILLEGAL;
	}

	if (c->insn >> 30 == 3)
		avl = rs1;
	else if (rs1)
		avl = s->x[rs1];
	else if (rd)
		avl = ~0UL;
	else
		avl = s->vl;

	if (rvv_parse_vtype(s->vlenb, vtype, &sew, &lmul))
		vlmax = rvv_vlmax(s->vlenb, sew, lmul);
	else
		vtype = RVV_VTYPE_VILL;
	s->vtype = vtype;
	s->vl = min(avl, vlmax);
	rvv_set_x(c, rd, s->vl);
	return RVV_OK;
}

static enum rvv_result rvv_csr(struct rvv_ctx *c)
{
	unsigned int csr = c->insn >> 20, rs1 = rvv_rs1(c->insn);
	u64 src = c->funct3 & 4 ? rs1 : c->s->x[rs1];
	bool write = (c->funct3 & 3) == 1 || rs1;
	struct rvv_state *s = c->s;
	u64 old, new;

	switch (csr) {
	case CSR_VSTART:
		old = s->vstart;
		break;
	case CSR_VXSAT:
		old = s->vcsr & 1;
		break;
	case CSR_VXRM:
		old = s->vcsr >> 1;
		break;
	case CSR_VCSR:
		old = s->vcsr;
		break;
	case CSR_VL:
		old = s->vl;
		break;
	case CSR_VTYPE:
		old = s->vtype;
		break;
	case CSR_VLENB:
		old = s->vlenb;
		break;
	default:
		return RVV_NOT_COVERED;
	}

	switch (c->funct3 & 3) {
	case 1:
		new = src;
		break;
	case 2:
		new = old | src;
		break;
	case 3:
		new = old & ~src;
		break;
	default:
		return RVV_NOT_COVERED;
	}

	if (write) {
		switch (csr) {
		case CSR_VSTART:
			s->vstart = new & (s->vlenb * 8 - 1);
			break;
		case CSR_VXSAT:
			s->vcsr = (s->vcsr & 6) | (new & 1);
			break;
		case CSR_VXRM:
			s->vcsr = (s->vcsr & 1) | (new & 3) << 1;
			break;
		case CSR_VCSR:
			s->vcsr = new & 7;
			break;
		default:
			return RVV_ILLEGAL;
		}
	}
	rvv_set_x(c, rvv_rd(c->insn), old);
	return RVV_OK;
}

static bool rvv_op_matches(const struct rvv_op *op, const struct rvv_ctx *c)
{
	if (op->funct6 != c->insn >> 26 || !(op->forms & BIT(c->funct3)))
		return false;
	if (op->sub && op->sub != SUB(rvv_rs1(c->insn)))
		return false;
	if (op->flags & VS2_0 && rvv_rs2(c->insn))
		return false;
	return !(op->flags & (c->vm ? VM0 : VM1));
}

static const struct rvv_op *rvv_search_op(const struct rvv_ctx *c)
{
	const struct rvv_op *const *family, *op;

	for (family = rvv_families; *family; family++) {
		for (op = *family; op->name; op++) {
			if (rvv_op_matches(op, c))
				return op;
		}
	}
	return NULL;
}

/* An instruction, its operation, and its operands with this vtype */
struct rvv_known {
	u32 insn;
	u64 vtype;
	const struct rvv_op *op;
	struct rvv_operand d, s2, s1;
};

/*
 * Find the operation of an instruction. Programs execute the same instructions
 * repeatedly, the tables are long, and so are the checks, so cache the results.
 */
static struct rvv_known *rvv_find(const struct rvv_ctx *c)
{
	static __thread struct rvv_known known[64];
	struct rvv_known *k;

	/* No vector instruction is 0, so an empty entry does not match. */
	k = &known[(c->insn ^ c->insn >> 7 ^ c->insn >> 20) % ARRAY_SIZE(known)];
	if (k->insn != c->insn) {
		k->op = rvv_search_op(c);
		k->insn = c->insn;
		k->vtype = RVV_VTYPE_VILL;	/* not checked */
	}
	return k;
}

static const struct {
	s8 eew;		/* relative to SEW, or absolute */
	bool absolute;
	bool fixed;	/* emul is this, and not what EEW and LMUL give */
	s8 emul;
} rvv_kinds[] = {
	[K_S]	= { 0 },
	[K_W]	= { 1 },
	[K_H]	= { -1 },
	[K_Q]	= { -2 },
	[K_O]	= { -3 },
	[K_E16]	= { 1, .absolute = true },
	[K_MASK] = { RVV_EEW_MASK, .absolute = true, .fixed = true },
	[K_ES]	= { 0, .fixed = true },
	[K_EW]	= { 1, .fixed = true },
	[K_1R]	= { 0, .fixed = true, .emul = 0 },
	[K_2R]	= { 0, .fixed = true, .emul = 1 },
	[K_4R]	= { 0, .fixed = true, .emul = 2 },
	[K_8R]	= { 0, .fixed = true, .emul = 3 },
};

static bool rvv_init_kind(struct rvv_ctx *c, struct rvv_operand *o, u8 kind,
			  unsigned int reg)
{
	int eew = rvv_kinds[kind].eew + (rvv_kinds[kind].absolute ? 0 : c->sew);
	int emul = rvv_kinds[kind].fixed ? rvv_kinds[kind].emul : c->lmul + eew - c->sew;

	return kind == K_NONE || rvv_operand_init(o, reg, eew, emul);
}

static bool rvv_check_dest(struct rvv_ctx *c, const struct rvv_operand *s)
{
	if (c->op->d == K_NONE || !rvv_overlap(&c->d, s))
		return true;
	if (c->op->flags & APART)
		return false;
	if (c->op->d == K_ES || c->op->d == K_EW)
		return true;
	return rvv_dest_may_overlap(&c->d, s);
}

/*
 * Check the conditions that make a known operation a reserved instruction and
 * that depend on nothing but the encoding and vtype.
 */
static enum rvv_result rvv_check(struct rvv_ctx *c)
{
	const struct rvv_op *op = c->op;
	static const u32 fp_flags[] = { FD, F2, F1 };
	struct rvv_operand *o[] = { &c->d, &c->s2, &c->s1 };
	const struct rvv_operand *sources[3];
	u8 kind[] = { op->d, op->s2, rvv_is_v(c) ? op->s1 : K_NONE };
	unsigned int reg[] = { rvv_rd(c->insn), rvv_rs2(c->insn), rvv_rs1(c->insn) };
	bool fp16 = false;
	int i, n = 0, eew;

	for (i = 0; i < ARRAY_SIZE(o); i++) {
		if (!rvv_init_kind(c, o[i], kind[i], reg[i]))
			return RVV_ILLEGAL;
		/* A scalar FP operand has the width SEW. */
		eew = kind[i] == K_NONE ? c->sew : o[i]->eew;
		if (op->flags & fp_flags[i] && eew != RVV_EEW_MASK) {
			if (eew < 1)
				return RVV_ILLEGAL;
			fp16 |= eew == 1;
		}
	}

	/*
	 * A destination must not overlap the mask in v0, except for results
	 * that are masks or scalars (section 5.3, "Vector Masking").
	 */
	if (!c->vm && op->d != K_NONE && !c->d.reg && op->d != K_ES && op->d != K_EW &&
	    (op->d != K_MASK || op->flags & APART))
		return RVV_ILLEGAL;

	for (i = 0; i < ARRAY_SIZE(o); i++) {
		if (kind[i] == K_NONE || (!i && !(op->flags & READS_VD)))
			continue;
		if (i && !rvv_check_dest(c, o[i]))
			return RVV_ILLEGAL;
		sources[n++] = o[i];
	}

	if (fp16)
		return c->s->no_zv ? RVV_ILLEGAL : RVV_NOT_COVERED;
	return rvv_mixed_eew(c, sources, n) ? RVV_ILLEGAL : RVV_OK;
}

/* Check all conditions, those of an instruction with a known vtype only once. */
static enum rvv_result rvv_check_once(struct rvv_ctx *c, struct rvv_known *k)
{
	const struct rvv_op *op = c->op;
	enum rvv_result ret;

	if (c->s->vtype & RVV_VTYPE_VILL || (op->flags & VSTART0 && c->s->vstart))
		return RVV_ILLEGAL;
	if (op->flags & FF && c->s->fcsr >> 5 > FRM_LAST)
		return RVV_ILLEGAL;

	if (k->vtype == c->s->vtype) {
		c->d = k->d;
		c->s2 = k->s2;
		c->s1 = k->s1;
		return RVV_OK;
	}
	ret = rvv_check(c);
	if (ret == RVV_OK) {
		k->vtype = c->s->vtype;
		k->d = c->d;
		k->s2 = c->s2;
		k->s1 = c->s1;
	}
	return ret;
}

static void rvv_init_scalar(struct rvv_ctx *c)
{
	unsigned int rs1 = rvv_rs1(c->insn);
	const struct rvv_op *op = c->op;

	if (BIT(c->funct3) & IVI)
		c->scalar = op->flags & UIMM ? rs1 : (s64)(rs1 ^ 0x10) - 0x10;
	else if (BIT(c->funct3) & FVF)
		c->scalar = rvv_fp_scalar(c->s->f[rs1], c->sew);
	else
		c->scalar = c->s->x[rs1];

	if (!(op->flags & XFULL))
		c->scalar = rvv_ext(c->scalar, c->sew, op->flags & S1);
}

/*
 * Set all elements of vd to a value of their size. Linux does this to all
 * vector registers at each system call, so use words where possible.
 */
static void rvv_fill(struct rvv_ctx *c, u64 v)
{
	u64 i = c->s->vstart, vl = c->s->vl, n = 8 >> c->d.eew;
	u64 *words = (u64 *)(c->s->v + c->d.reg * c->s->vlenb);
	u64 word = v * (~0UL / rvv_zext(~0UL, c->d.eew));

	while (i < vl) {
		if (!(i & (n - 1)) && i + n <= vl) {
			words[(i << c->d.eew) / 8] = word;
			i += n;
		} else {
			rvv_set(c, &c->d, i, v);
			i++;
		}
	}
}

/*
 * The loop over all elements where no mask is applied and vd, vs2, and vs1 have
 * elements of one width that are neither extended nor widened
 */
#define PLAIN_LOOP(_d)							\
do {									\
	typeof(_d) __d = (_d);						\
	const typeof(*__d) *_s2 = s2, *_s1 = s1;			\
									\
	for (i = c->s->vstart; i < vl; i++)				\
		__d[i] = elem(c, _s2[i], v ? _s1[i] : c->scalar, 0);	\
} while (0)

static bool rvv_plain_loop(struct rvv_ctx *c, bool v)
{
	const struct rvv_op *op = c->op;
	const u64 vlenb = c->s->vlenb, vl = c->s->vl;
	const void *s2 = c->s->v + c->s2.reg * vlenb, *s1 = c->s->v + c->s1.reg * vlenb;
	u8 *d8 = c->s->v + c->d.reg * vlenb;
	u16 *d16 = (u16 *)d8;
	u32 *d32 = (u32 *)d8;
	u64 *d64 = (u64 *)d8;
	rvv_elem_fn elem = op->elem;
	u64 i;

	if (!c->vm || op->flags & (SS | CARRY | READS_VD | FWIDEN) || op->s2 == K_NONE ||
	    c->s2.eew != c->d.eew || (v && c->s1.eew != c->d.eew))
		return false;

	switch (c->d.eew) {
	case 0:
		PLAIN_LOOP(d8);
		return true;
	case 1:
		PLAIN_LOOP(d16);
		return true;
	case 2:
		PLAIN_LOOP(d32);
		return true;
	case 3:
		PLAIN_LOOP(d64);
		return true;
	default:
		return false;
	}
}

static void rvv_loop(struct rvv_ctx *c)
{
	const struct rvv_op *op = c->op;
	bool v = rvv_is_v(c) && op->s1 != K_NONE;
	u64 a = 0, b = c->scalar, d = 0;

	/* vmv.v.x, vmv.v.i and vfmv.v.f, which cannot be masked */
	if (op->s2 == K_NONE && !rvv_is_v(c)) {
		rvv_fill(c, op->elem(c, a, b, d));
		return;
	}

	if (rvv_plain_loop(c, v))
		return;

	for (c->i = c->s->vstart; c->i < c->s->vl; c->i++) {
		if (op->flags & CARRY)
			c->carry = !c->vm && rvv_mask_bit(c->s, 0, c->i);
		else if (!rvv_active(c, c->i))
			continue;

		if (op->s2 != K_NONE)
			a = rvv_get(c, &c->s2, c->i);
		if (op->flags & S2)
			a = rvv_sext(a, c->s2.eew);
		if (v)
			b = rvv_get(c, &c->s1, c->i);
		if (v && op->flags & S1)
			b = rvv_sext(b, c->s1.eew);
		if (op->flags & FWIDEN) {
			if (op->s2 != K_W)
				a = rvv_fp_widen(a);
			b = rvv_fp_widen(v ? b : c->scalar);
		}
		if (op->flags & READS_VD)
			d = rvv_get(c, &c->d, c->i);
		rvv_set(c, &c->d, c->i, op->elem(c, a, b, d));
	}
}

static enum rvv_result rvv_arith(struct rvv_ctx *c)
{
	struct rvv_known *k;
	enum rvv_result ret;
	u64 fcsr = 0;

	if (c->s->unit && rvv_unit_again(c))
		return RVV_OK;
	k = rvv_find(c);
	c->op = k->op;
	if (!c->op || (BIT(c->funct3) & (FVV | FVF) && c->s->fs_off))
		return RVV_ILLEGAL;
	if (c->op->flags & OTHER_EXT)
		return c->s->no_zv ? RVV_ILLEGAL : RVV_NOT_COVERED;
	ret = rvv_check_once(c, k);
	if (ret != RVV_OK)
		return ret;

	if (c->s->unit && rvv_unit_run(c))
		return RVV_OK;
	rvv_init_scalar(c);
	if (c->op->flags & FF)
		fcsr = rvv_fp_begin(c->s);
	if (c->op->run)
		c->op->run(c);
	else
		rvv_loop(c);
	if (c->op->flags & FF)
		rvv_fp_end(c->s, fcsr);
	return RVV_OK;
}

enum rvv_result rvv_emulate(struct rvv_state *s, u32 insn)
{
	struct rvv_ctx c = {
		.s = s,
		.insn = insn,
		.funct3 = RVV_FIELD(insn, 12, 3),
		.vm = RVV_FIELD(insn, 25, 1),
	};
	enum rvv_result ret;
	bool is_csr = false;

	if (!(s->vtype & RVV_VTYPE_VILL)) {
		rvv_parse_vtype(s->vlenb, s->vtype & 0x3f, &c.sew, &c.lmul);
		c.vlmax = rvv_vlmax(s->vlenb, c.sew, c.lmul);
	}
	if (s->vl > c.vlmax)
		return RVV_NOT_COVERED;

	s->mixed_eew = false;
	switch (RVV_FIELD(insn, 0, 7)) {
	case RVV_OPCODE_LOAD:
	case RVV_OPCODE_STORE:
		ret = rvv_mem(&c);
		break;
	case RVV_OPCODE_V:
		if (c.funct3 == RVV_FUNCT3_VSET)
			ret = rvv_vset(&c);
		else
			ret = rvv_arith(&c);
		break;
	case RVV_OPCODE_SYSTEM:
		is_csr = true;
		ret = rvv_csr(&c);
		break;
	case RVV_OPCODE_VE:
		ret = s->no_zv ? RVV_ILLEGAL : RVV_NOT_COVERED;
		break;
	default:
		ret = RVV_NOT_COVERED;
	}

	if (ret == RVV_OK) {
		if (!is_csr)
			s->vstart = 0;
		s->pc += 4;
	}
	return ret;
}
