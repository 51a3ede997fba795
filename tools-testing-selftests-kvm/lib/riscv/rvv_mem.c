// SPDX-License-Identifier: GPL-2.0
/*
 * rvv_mem.c - RVV emulator: loads and stores
 */
#include <string.h>

#include "rvv_ops.h"

enum { MOP_UNIT, MOP_INDEXED, MOP_STRIDED, MOP_INDEXED_ORDERED };
enum { LUMOP_PLAIN = 0, LUMOP_WHOLE = 8, LUMOP_MASK = 11, LUMOP_FAULT_FIRST = 16 };

struct rvv_access {
	bool store, indexed, fault_first;
	unsigned int nf;
	u64 base, stride, evl;
	struct rvv_operand data, index;
};

/*
 * Return how many elements from c->i on are adjacent both in memory and in
 * registers.
 */
static u64 run_of_elements(const struct rvv_ctx *c, const struct rvv_access *a)
{
	u64 n = 1;

	if (a->nf > 1 || a->indexed || a->stride != 1UL << a->data.eew)
		return 1;
	if (c->vm)
		return a->evl - c->i;
	while (c->i + n < a->evl && rvv_active(c, c->i + n))
		n++;
	return n;
}

static size_t access_elements(const struct rvv_ctx *c, const struct rvv_access *a, u64 gva,
			      void *buf, size_t n)
{
	size_t size = 1UL << a->data.eew;

	return a->store ? c->s->store(c->s, gva, buf, size, n) :
			  c->s->load(c->s, gva, buf, size, n);
}

/*
 * Load all fields of a segment before writing any register, because a load that
 * faults is restarted with the same segment.
 */
static bool access_segment(const struct rvv_ctx *c, const struct rvv_access *a, u64 gva)
{
	unsigned int stride = a->data.nregs * c->s->vlenb, f;
	size_t size = 1UL << a->data.eew;
	u8 *reg = c->s->v + a->data.reg * c->s->vlenb + c->i * size;
	u8 fields[8 * sizeof(u64)];

	for (f = 0; f < a->nf; f++)
		memcpy(fields + f * size, reg + f * stride, size);
	if (access_elements(c, a, gva, fields, a->nf) < a->nf)
		return false;
	for (f = 0; f < a->nf && !a->store; f++)
		memcpy(reg + f * stride, fields + f * size, size);
	return true;
}

static enum rvv_result rvv_loop_mem(struct rvv_ctx *c, const struct rvv_access *a)
{
	u8 *reg = c->s->v + a->data.reg * c->s->vlenb;
	struct rvv_state *s = c->s;
	u64 gva, n, done;

	for (c->i = s->vstart; c->i < a->evl; c->i += n) {
		n = 1;
		if (!rvv_active(c, c->i))
			continue;
		gva = a->base;
		gva += a->indexed ? rvv_get(c, &a->index, c->i) : c->i * a->stride;

		if (a->nf > 1) {
			if (!access_segment(c, a, gva))
				goto fault;
			continue;
		}
		n = run_of_elements(c, a);
		done = access_elements(c, a, gva, reg + (c->i << a->data.eew), n);
		if (done < n) {
			c->i += done;
			goto fault;
		}
	}
	return RVV_OK;

fault:
	if (a->fault_first && c->i) {
		s->vl = c->i;
		return RVV_OK;
	}
	s->vstart = c->i;
	return RVV_FAULT;
}

/* Decode the field that only unit-stride accesses have. */
static bool rvv_decode_unit(struct rvv_ctx *c, struct rvv_access *a, int eew, int *emul)
{
	switch (rvv_rs2(c->insn)) {
	case LUMOP_PLAIN:
		return true;
	case LUMOP_WHOLE:
		if (!c->vm || a->nf & (a->nf - 1) || (a->store && eew))
			return false;
		*emul = ilog2(a->nf);
		a->evl = a->nf * c->s->vlenb >> eew;
		a->nf = 1;
		a->stride = 1 << eew;
		return true;
	case LUMOP_MASK:
		*emul = 0;
		a->evl = DIV_ROUND_UP(c->s->vl, 8);
		return c->vm && a->nf == 1 && !eew;
	case LUMOP_FAULT_FIRST:
		a->fault_first = true;
		return !a->store;
	default:
		return false;
	}
}

enum rvv_result rvv_mem(struct rvv_ctx *c)
{
	static const s8 eews[] = { 0, -1, -1, -1, -1, 1, 2, 3 };
	unsigned int mop = RVV_FIELD(c->insn, 26, 2);
	int eew = eews[c->funct3], emul;
	struct rvv_state *s = c->s;
	struct rvv_access a = {
		.store = RVV_FIELD(c->insn, 0, 7) == RVV_OPCODE_STORE,
		.indexed = mop & 1,
		.nf = RVV_FIELD(c->insn, 29, 3) + 1,
		.base = s->x[rvv_rs1(c->insn)],
		.evl = s->vl,
	};
	struct rvv_operand group;
	const struct rvv_operand *sources[2];
	int n = 0;
	bool whole;

	if (eew < 0)			/* scalar FP */
		return RVV_NOT_COVERED;
	if (RVV_FIELD(c->insn, 28, 1))	/* mew */
		return RVV_ILLEGAL;

	whole = mop == MOP_UNIT && rvv_rs2(c->insn) == LUMOP_WHOLE;
	if (s->vtype & RVV_VTYPE_VILL && !whole)
		return RVV_ILLEGAL;

	emul = c->lmul + eew - c->sew;
	if (a.indexed) {
		if (!rvv_operand_init(&a.index, rvv_rs2(c->insn), eew, emul))
			return RVV_ILLEGAL;
		eew = c->sew;
		emul = c->lmul;
	}
	a.stride = mop == MOP_STRIDED ? s->x[rvv_rs2(c->insn)] : a.nf << eew;
	if (mop == MOP_UNIT && !rvv_decode_unit(c, &a, eew, &emul))
		return RVV_ILLEGAL;

	if (!rvv_operand_init(&a.data, rvv_rd(c->insn), eew, emul))
		return RVV_ILLEGAL;
	group = a.data;
	group.nregs *= a.nf;
	if (group.nregs > 8 || group.reg + group.nregs > 32)
		return RVV_ILLEGAL;
	if (!a.store) {
		if (!c->vm && !group.reg)
			return RVV_ILLEGAL;
		if (a.indexed && rvv_overlap(&group, &a.index) &&
		    (a.nf > 1 || !rvv_dest_may_overlap(&group, &a.index)))
			return RVV_ILLEGAL;
	} else {
		sources[n++] = &group;
	}
	if (a.indexed)
		sources[n++] = &a.index;
	if (rvv_mixed_eew(c, sources, n))
		return RVV_ILLEGAL;
	return rvv_loop_mem(c, &a);
}
