// SPDX-License-Identifier: GPL-2.0
/*
 * rvv_scalar.c - RVV emulator: the scalar instructions between vector instructions
 *
 * This covers RV64I except FENCE, JALR and SYSTEM, the multiplications of M,
 * and the compressed forms of all of these. The emulator leaves HINTs, unknown
 * and reserved instructions, and memory accesses that do not succeed to the
 * hart.
 */
#include "rvv_ops.h"

#define OP_LOAD		0x03
#define OP_IMM		0x13
#define OP_AUIPC	0x17
#define OP_IMM_32	0x1b
#define OP_STORE	0x23
#define OP_OP		0x33
#define OP_LUI		0x37
#define OP_OP_32	0x3b
#define OP_BRANCH	0x63
#define OP_JAL		0x6f

#define NOP		OP_IMM

/*
 * Move the n bits of the instruction that begin at bit lo to bit to of a value.
 */
#define BITS(insn, lo, n, to)	(RVV_FIELD(insn, lo, n) << (to))

static u32 encode_r(u32 op, u32 funct3, u32 funct7, u32 rd, u32 rs1, u32 rs2)
{
	return op | rd << 7 | funct3 << 12 | rs1 << 15 | rs2 << 20 | funct7 << 25;
}

static u32 encode_i(u32 op, u32 funct3, u32 rd, u32 rs1, u32 imm)
{
	return op | rd << 7 | funct3 << 12 | rs1 << 15 | imm << 20;
}

static u32 encode_s(u32 funct3, u32 rs1, u32 rs2, u32 imm)
{
	return encode_r(OP_STORE, funct3, imm >> 5, imm & 31, rs1, rs2);
}

static u32 encode_b(u32 funct3, u32 rs1, u32 imm)
{
	return encode_r(OP_BRANCH, funct3, BITS(imm, 12, 1, 6) | BITS(imm, 5, 6, 0),
			BITS(imm, 1, 4, 1) | BITS(imm, 11, 1, 0), rs1, 0);
}

static u32 encode_j(u32 imm)
{
	return OP_JAL | BITS(imm, 12, 8, 12) | BITS(imm, 11, 1, 20) |
	       BITS(imm, 1, 10, 21) | BITS(imm, 20, 1, 31);
}

static u32 expand_c_alu(u32 c, u32 imm, u32 shamt)
{
	static const u8 funct3[] = { 0, 4, 6, 7 };
	u32 rd = RVV_FIELD(c, 7, 3) + 8, rs2 = RVV_FIELD(c, 2, 3) + 8;
	u32 op = RVV_FIELD(c, 5, 2);

	switch (RVV_FIELD(c, 10, 2)) {
	case 0:		/* c.srli */
		return encode_i(OP_IMM, 5, rd, rd, shamt);
	case 1:		/* c.srai */
		return encode_i(OP_IMM, 5, rd, rd, shamt | 0x400);
	case 2:		/* c.andi */
		return encode_i(OP_IMM, 7, rd, rd, imm);
	}
	if (!RVV_FIELD(c, 12, 1))	/* c.sub, c.xor, c.or, c.and */
		return encode_r(OP_OP, funct3[op], op ? 0 : 0x20, rd, rd, rs2);
	if (op < 2)			/* c.subw, c.addw */
		return encode_r(OP_OP_32, 0, op ? 0 : 0x20, rd, rd, rs2);
	return 0;
}

/* The offsets of c.lw and c.sw, c.ld and c.sd, c.beqz and c.bnez, and c.j */
static u32 offset_w(u32 c)
{
	return BITS(c, 5, 1, 6) | BITS(c, 10, 3, 3) | BITS(c, 6, 1, 2);
}

static u32 offset_d(u32 c)
{
	return BITS(c, 5, 2, 6) | BITS(c, 10, 3, 3);
}

static u32 offset_b(u32 c)
{
	return BITS(c, 10, 2, 3) | BITS(c, 3, 2, 1) | BITS(c, 2, 1, 5) | BITS(c, 5, 2, 6) |
	       (c & BIT(12) ? 0x1f00 : 0);
}

static u32 offset_j(u32 c)
{
	return BITS(c, 3, 3, 1) | BITS(c, 11, 1, 4) | BITS(c, 2, 1, 5) | BITS(c, 7, 1, 6) |
	       BITS(c, 6, 1, 7) | BITS(c, 9, 2, 8) | BITS(c, 8, 1, 10) |
	       (c & BIT(12) ? 0x1ff800 : 0);
}

/*
 * Return the 32-bit instruction that is equivalent to a compressed one, or 0 if
 * there is none.
 */
static u32 expand(u32 c)
{
	u32 rd = RVV_FIELD(c, 7, 5), rs2 = RVV_FIELD(c, 2, 5);
	u32 rd_c = RVV_FIELD(c, 2, 3) + 8, rs1_c = RVV_FIELD(c, 7, 3) + 8;
	u32 shamt = BITS(c, 12, 1, 5) | rs2;
	u32 imm = shamt | (c & BIT(12) ? 0xfe0 : 0);
	u32 d;

	switch ((c & 3) << 3 | RVV_FIELD(c, 13, 3)) {
	case 000:	/* c.addi4spn */
		d = BITS(c, 7, 4, 6) | BITS(c, 11, 2, 4) | BITS(c, 5, 1, 3) | BITS(c, 6, 1, 2);
		return d ? encode_i(OP_IMM, 0, rd_c, 2, d) : 0;
	case 002:	/* c.lw */
		return encode_i(OP_LOAD, 2, rd_c, rs1_c, offset_w(c));
	case 003:	/* c.ld */
		return encode_i(OP_LOAD, 3, rd_c, rs1_c, offset_d(c));
	case 006:	/* c.sw */
		return encode_s(2, rs1_c, rd_c, offset_w(c));
	case 007:	/* c.sd */
		return encode_s(3, rs1_c, rd_c, offset_d(c));
	case 010:	/* c.addi, c.nop */
		return encode_i(OP_IMM, 0, rd, rd, imm);
	case 011:	/* c.addiw */
		return encode_i(OP_IMM_32, 0, rd, rd, imm);
	case 012:	/* c.li */
		return encode_i(OP_IMM, 0, rd, 0, imm);
	case 013:	/* c.lui, c.addi16sp */
		if (!shamt)
			return 0;
		if (rd != 2)
			return OP_LUI | rd << 7 | imm << 12 | (c & BIT(12) ? 0xff000000 : 0);
		d = BITS(c, 3, 2, 7) | BITS(c, 5, 1, 6) | BITS(c, 2, 1, 5) | BITS(c, 6, 1, 4);
		return encode_i(OP_IMM, 0, 2, 2, d | (c & BIT(12) ? 0xe00 : 0));
	case 014:
		return expand_c_alu(c, imm, shamt);
	case 015:	/* c.j */
		return encode_j(offset_j(c));
	case 016:	/* c.beqz */
	case 017:	/* c.bnez */
		return encode_b(RVV_FIELD(c, 13, 1), rs1_c, offset_b(c));
	case 020:	/* c.slli */
		return encode_i(OP_IMM, 1, rd, rd, shamt);
	case 022:	/* c.lwsp */
		if (!rd)
			return 0;
		return encode_i(OP_LOAD, 2, rd, 2,
				BITS(c, 2, 2, 6) | BITS(c, 12, 1, 5) | BITS(c, 4, 3, 2));
	case 023:	/* c.ldsp */
		if (!rd)
			return 0;
		return encode_i(OP_LOAD, 3, rd, 2,
				BITS(c, 2, 3, 6) | BITS(c, 12, 1, 5) | BITS(c, 5, 2, 3));
	case 024:	/* c.mv, c.add; without rs2 they are jumps */
		if (!rs2)
			return 0;
		return encode_r(OP_OP, 0, 0, rd, c & BIT(12) ? rd : 0, rs2);
	case 026:	/* c.swsp */
		return encode_s(2, 2, rs2, BITS(c, 7, 2, 6) | BITS(c, 9, 4, 2));
	case 027:	/* c.sdsp */
		return encode_s(3, 2, rs2, BITS(c, 7, 3, 6) | BITS(c, 10, 3, 3));
	default:
		return 0;
	}
}

/*
 * Execute OP, OP-IMM, OP-32 and OP-IMM-32. The latter two sign-extend their
 * 32-bit results.
 */
static bool alu(u32 insn, u64 a, u64 b, u64 *v)
{
	u32 op = RVV_FIELD(insn, 0, 7), funct3 = RVV_FIELD(insn, 12, 3);
	bool word = op & 8, reg = op & 0x20, shift = funct3 == 1 || funct3 == 5;
	u32 funct7 = RVV_FIELD(insn, 25, 7);

	/* Instructions with an immediate have no funct7, except for shifts. */
	if (!reg)
		funct7 = !shift ? 0 : word ? funct7 : funct7 & ~1;
	if (word) {
		a = (s32)a;
		b = shift ? b & 31 : b;
	}

	switch (funct7 << 3 | funct3) {
	case 0x000:
		*v = a + b;
		break;
	case 0x001:
		*v = a << (b & 63);
		break;
	case 0x005:
		*v = (word ? (u32)a : a) >> (b & 63);
		break;
	case 0x100:
		*v = a - b;
		break;
	case 0x105:
		*v = (s64)a >> (b & 63);
		break;
	case 0x008:	/* mul */
		*v = a * b;
		break;
	default:
		if (word)
			return false;
		switch (funct7 << 3 | funct3) {
		case 0x002:
			*v = (s64)a < (s64)b;
			break;
		case 0x003:
			*v = a < b;
			break;
		case 0x004:
			*v = a ^ b;
			break;
		case 0x006:
			*v = a | b;
			break;
		case 0x007:
			*v = a & b;
			break;
		case 0x009:	/* mulh */
			*v = (__int128_t)(s64)a * (s64)b >> 64;
			break;
		case 0x00a:	/* mulhsu */
			*v = (__int128_t)(s64)a * b >> 64;
			break;
		case 0x00b:	/* mulhu */
			*v = (__uint128_t)a * b >> 64;
			break;
		default:
			return false;
		}
	}
	if (word)
		*v = (s32)*v;
	return true;
}

static bool taken(u32 funct3, u64 a, u64 b)
{
	bool t;

	switch (funct3 >> 1) {
	case 0:
		t = a == b;
		break;
	case 2:
		t = (s64)a < (s64)b;
		break;
	default:
		t = a < b;
	}
	return t != (funct3 & 1);
}

/* Load a value. Misaligned accesses are left to the hart. */
static bool load(struct rvv_state *s, u64 gva, u32 funct3, u64 *v)
{
	unsigned int size = 1 << (funct3 & 3), shift = 64 - 8 * size;
	u64 data = 0;

	if (funct3 == 7 || gva & (size - 1) || s->load(s, gva, &data, size, 1) != 1)
		return false;
	data <<= shift;
	*v = funct3 & 4 ? data >> shift : (u64)((s64)data >> shift);
	return true;
}

static bool store(struct rvv_state *s, u64 gva, u32 funct3, u64 v)
{
	unsigned int size = 1 << (funct3 & 3);

	return funct3 < 4 && !(gva & (size - 1)) && s->store(s, gva, &v, size, 1) == 1;
}

bool rvv_scalar(struct rvv_state *s, u32 insn)
{
	u64 next = s->pc + 4, a, b, v = 0;
	u32 rd, funct3;
	s64 imm;

	if ((insn & 3) != 3) {
		insn = expand(insn);
		next = s->pc + 2;
	}
	rd = rvv_rd(insn);
	funct3 = RVV_FIELD(insn, 12, 3);
	a = s->x[rvv_rs1(insn)];
	b = s->x[rvv_rs2(insn)];
	imm = (s32)insn >> 20;

	switch (RVV_FIELD(insn, 0, 7)) {
	case OP_STORE:
		imm = (imm & ~31) | rd;
		if (!store(s, a + imm, funct3, b))
			return false;
		s->pc = next;
		return true;
	case OP_BRANCH:
		if (funct3 >> 1 == 1)
			return false;
		imm = (imm & ~0x81f) | BITS(rd, 1, 4, 1) | BITS(insn, 7, 1, 11);
		s->pc = taken(funct3, a, b) ? s->pc + imm : next;
		return true;
	case OP_JAL:
		imm = (imm & BIT(11) ? ~0xfffffL : 0) | BITS(insn, 12, 8, 12) |
		      BITS(insn, 20, 1, 11) | BITS(insn, 21, 10, 1);
		if (rd)
			s->x[rd] = next;
		s->pc += imm;
		return true;
	case OP_LOAD:
		if (!load(s, a + imm, funct3, &v))
			return false;
		break;
	case OP_IMM:
	case OP_IMM_32:
		if (!alu(insn, a, imm, &v))
			return false;
		break;
	case OP_OP:
	case OP_OP_32:
		if (!alu(insn, a, b, &v))
			return false;
		break;
	case OP_LUI:
		v = (s32)(insn & ~0xfffU);
		break;
	case OP_AUIPC:
		v = s->pc + (s32)(insn & ~0xfffU);
		break;
	default:
		return false;
	}

	/*
	 * With rd = x0, everything except nop and loads is a HINT, which is
	 * left to the hart.
	 */
	if (!rd && insn != NOP && RVV_FIELD(insn, 0, 7) != OP_LOAD)
		return false;
	if (rd)
		s->x[rd] = v;
	s->pc = next;
	return true;
}
