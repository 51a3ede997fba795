// SPDX-License-Identifier: GPL-2.0
/*
 * rvv_emul_test.c - Compare the RVV emulator with the hart that it runs on.
 *
 * The test executes random instructions, most of them legal, twice from the
 * same state: with the vector unit of this hart, in user space and without KVM,
 * and with the emulator at the same VLEN. It compares everything that an
 * instruction can change: x, f and v registers, CSRs, memory, and whether and
 * where the instruction traps. After a fault the test maps the page and resumes
 * the instruction at vstart.
 *
 *	-s SEED		where the random numbers start (printed)
 *	-n COUNT	how many instructions (24000)
 *	-b VLENB	emulate this vlenb, whatever the hart's is; compare
 *			only the emulator with and without the hart's vector
 *			unit, if the unit can be used for this vlenb
 *	-d		print a digest of all results for every 1000 instructions:
 *			the same with a hart of that vlenb and with -b
 *
 * With RVV_EXACT in the environment, the test accepts nothing that the
 * specification leaves open, but what QEMU does: most reserved encodings trap,
 * any vstart is accepted, and agnostic elements stay as they are.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <linux/compiler.h>

#include "kselftest.h"
#include "options.h"
#include "rvv_native.h"
#include "rvv_ops.h"

#define VTYPE_AGNOSTIC	(BIT(6) | BIT(7))	/* vta, vma */
#define VTYPE_ALTFMT	BIT(8)

/*
 * The data that instructions access, with a guard page on either side that can
 * be made inaccessible
 */
#define MEM_BASE	0x600000000UL
#define MEM_PAGE	4096UL
#define MEM_PAGES	6
#define MEM_SIZE	(MEM_PAGES * MEM_PAGE)

/* The x registers that instructions may use: x0 and the argument registers */
#define FIRST_X		10
#define NR_X		8
#define X_BASE		10	/* loads and stores: the address */
#define X_STRIDE	11	/* and the stride */

#define BATCH		256
#define CODE_STRIDE	12
#define MAX_REPORTS	20

enum trap { TRAP_NONE, TRAP_ILLEGAL, TRAP_FAULT };

static const char *const trap_names[] = {
	[TRAP_NONE] = "runs",
	[TRAP_ILLEGAL] = "illegal",
	[TRAP_FAULT] = "faults",
};

enum family { FAM_INT, FAM_FP, FAM_PERM, NR_OP_FAMILIES, FAM_MEM = NR_OP_FAMILIES,
	      FAM_CONFIG, FAM_RANDOM, NR_FAMILIES };

static const char *const family_names[] = {
	[FAM_INT] = "integer and fixed point",
	[FAM_FP] = "floating point",
	[FAM_PERM] = "reductions, masks, permutations",
	[FAM_MEM] = "loads and stores",
	[FAM_CONFIG] = "vset and vector CSRs",
	[FAM_RANDOM] = "random encodings",
};

struct test_case {
	u64 nr, seed;
	u64 vtype, vl, vstart, vcsr, fcsr;
	u32 insn;
	enum family family;
	const struct rvv_op *op;
	s8 sew, lmul;
};

static bool native_mode, digests, exact, host_sets_vill, host_has_altfmt;
static u64 vlenb;

static struct rvv_state emu, scratch, uni;
static struct rvv_native nat;
static u8 *nat_v, *code;
static u8 *nat_mem = (u8 *)MEM_BASE;
static u8 emu_mem[MEM_SIZE];
static bool guards_open;

static int nat_signal;
static u64 nat_addr;

static u64 executed[NR_FAMILIES], trapped[NR_FAMILIES], failed[NR_FAMILIES];
static u64 not_covered, faults, differs, digest;
static unsigned int op_executed[NR_OP_FAMILIES][256];
static int reports;

/* Random numbers */
static u64 rng;

static u64 rnd(void)
{
	u64 z = rng += 0x9e3779b97f4a7c15UL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9UL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebUL;
	return z ^ (z >> 31);
}

/* n of up to 32 bits */
static u64 below(u64 n)
{
	return (rnd() >> 32) * n >> 32;
}

static bool percent(unsigned int p)
{
	return below(100) < p;
}

/* Integers near which results are interesting */
static u64 random_int(void)
{
	static const u64 special[] = {
		0, 1, 2, 3, 7, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff,
		0x80000000, 0xffffffff, 0x7fffffffffffffff, 0x8000000000000000,
		0xfffffffffffffffe, 0xffffffffffffffff, 0x8080808080808080,
		0x7f7f7f7f7f7f7f7f, 0x8000800080008000, 0x7fff7fff7fff7fff,
		0x7f80ff0001fe8101, 0x7fff8000ffff0001,
	};

	switch (below(4)) {
	case 0:
		return special[below(ARRAY_SIZE(special))];
	case 1:
		return below(64);
	default:
		return rnd();
	}
}

static u64 random_fp(s8 eew)
{
	unsigned int mant = eew == 2 ? 23 : 52, top = rvv_bits(eew) - 1;
	u64 inf = (1UL << top) - (1UL << mant), bias = (inf >> mant) / 2;
	u64 m = rnd() & ((1UL << mant) - 1), sign = (rnd() & 1) << top;
	u64 special[] = {
		0, inf, inf | 1UL << (mant - 1), inf | 1, inf | m, inf - 1, 1,
		1UL << mant, (1UL << mant) - 1, bias << mant, m, m >> below(mant),
		/* Numbers near the limits of the integer formats */
		((bias + 6 + below(5)) << mant) + below(2) - 1,
		((bias + 14 + below(4)) << mant) + below(2) - 1,
		((bias + 30 + below(4)) << mant) + below(2) - 1,
		((bias + 62 + below(4)) << mant) + below(2) - 1,
		/*
		 * Multiples of one half, and numbers that a narrower format
		 * cannot represent
		 */
		((bias + below(8)) << mant) | (m & ~0UL << (mant - 5)),
		((bias - 127 + below(12)) << mant) | m,
		((bias - 150 + below(12)) << mant) | m,
		((bias + 125 + below(4)) << mant) | m,
	};

	switch (below(4)) {
	case 0:
		return sign | (special[below(ARRAY_SIZE(special))] & ~(1UL << top));
	case 1:
		return sign | (below(inf >> mant) << mant) | m;
	default:
		return sign | ((bias + below(10) - 5) << mant) | m;
	}
}

static u64 random_element(s8 eew, bool fp)
{
	return fp && eew >= 2 ? random_fp(eew) : random_int();
}

/*
 * Copy and compare words, because libkvm replaces memcpy() and memcmp() with
 * versions for guests, which work byte by byte and are slow.
 */
static void copy_words(void *dst, const void *src, u64 len)
{
	const u64 *s = src;
	u64 *d = dst;

	for (; len; len -= 8)
		*d++ = *s++;
}

/* Return the offset of the first word that differs, or LEN if none does. */
static u64 find_difference(const void *a, const void *b, u64 len)
{
	const u64 *x = a, *y = b;
	u64 i;

	for (i = 0; i < len; i += 8) {
		if (*x++ != *y++)
			break;
	}
	return i;
}

/*
 * Fill a group of vector registers with the same random elements in the hart's
 * and the emulator's state.
 */
static void fill_regs(unsigned int reg, unsigned int n, s8 eew, bool fp)
{
	u64 end = min(reg + n, 32U) * vlenb, o, v;

	/*
	 * Fill bytes and halfwords eight bytes at a time, because this loop
	 * dominates the run time.
	 */
	if (eew < 2)
		eew = 3;
	for (o = reg * vlenb; o < end; o += 1 << eew) {
		v = random_element(eew, fp);
		if (eew == 3)
			*(u64 *)(emu.v + o) = v;
		else
			memcpy(emu.v + o, &v, 1 << eew);
	}
	copy_words(nat_v + reg * vlenb, emu.v + reg * vlenb, end - reg * vlenb);
}

/*
 * Fill a group of vector registers with offsets, most of which stay within the
 * test's memory.
 */
static void fill_index(unsigned int reg, unsigned int n, s8 eew)
{
	u64 end = min(reg + n, 32U) * vlenb, o, v;

	for (o = reg * vlenb; o < end; o += 1 << eew) {
		v = percent(99) ? below(2048) & ~7UL : random_int();
		memcpy(emu.v + o, &v, 1 << eew);
	}
	copy_words(nat_v + reg * vlenb, emu.v + reg * vlenb, end - reg * vlenb);
}

static u32 random_x(void)
{
	u32 n = below(NR_X + 1);

	return n ? FIRST_X + n - 1 : 0;
}

static u32 field(u32 v, unsigned int lo)
{
	return v << lo;
}

/* SEW > LMUL * ELEN, which RVV 1.0 reserves: harts may set vill */
static bool wider_than_lmul(s8 sew, s8 lmul)
{
	return lmul < 0 && sew > 3 + lmul;
}

static u64 random_vtype(void)
{
	s8 sew, lmul;
	u64 vtype;

	do {
		vtype = rnd() & 0xff;
	} while (!rvv_parse_vtype(vlenb, vtype, &sew, &lmul) ||
		 (host_sets_vill && wider_than_lmul(sew, lmul)));
	return vtype;
}

static u32 random_vreg(const struct test_case *t)
{
	unsigned int align = 1 << max(t->lmul + (int)below(3) - 1, 0);

	return percent(95) ? below(32) & ~(align - 1) : below(32);
}

static u32 gen_op(struct test_case *t)
{
	const struct rvv_op *ops = rvv_families[t->family];
	u32 funct3, insn, rs1;
	unsigned int n = 0;
	bool vm;

	while (ops[n].name)
		n++;
	t->op = &ops[below(n)];
	do {
		funct3 = below(7);
	} while (!(t->op->forms & BIT(funct3)));

	vm = percent(50);
	if (t->op->flags & (VM0 | VM1) && percent(98))
		vm = t->op->flags & VM1;
	rs1 = BIT(funct3) & RVV_FORMS_V ? random_vreg(t) : below(32);
	if (t->op->sub)
		rs1 = t->op->sub & 31;
	insn = RVV_OPCODE_V | field(random_vreg(t), 7) | field(funct3, 12) |
	       field(rs1, 15) | field(random_vreg(t), 20) | field(vm, 25) |
	       field(t->op->funct6, 26);
	if (t->op->flags & VS2_0 && percent(98))
		insn &= ~field(31, 20);
	return insn;
}

static u32 gen_mem(struct test_case *t)
{
	static const u8 widths[] = { 0, 5, 6, 7 }, lumops[] = { 0, 0, 8, 11, 16 };
	u32 mop = below(4), nf = percent(60) ? 0 : below(8);
	u32 rs2 = mop ? random_vreg(t) : lumops[below(ARRAY_SIZE(lumops))];

	return (percent(50) ? RVV_OPCODE_LOAD : RVV_OPCODE_STORE) |
	       field(random_vreg(t), 7) | field(widths[below(4)], 12) |
	       field(X_BASE, 15) | field(rs2, 20) | field(percent(50), 25) |
	       field(mop, 26) | field(nf, 29);
}

static u32 gen_config(void)
{
	static const u16 csrs[] = { 0x008, 0x009, 0x00a, 0x00f, 0xc20, 0xc21, 0xc22 };
	u32 insn = field(random_x(), 7) | field(random_x(), 15);

	switch (below(4)) {
	case 0:		/* vsetvli */
		insn |= field(percent(95) ? random_vtype() : below(1 << 11), 20);
		break;
	case 1:		/* vsetivli */
		insn |= field(percent(95) ? random_vtype() : below(1 << 10), 20) |
			field(3, 30) | field(below(32), 15);
		break;
	case 2:		/* vsetvl */
		insn |= field(random_x(), 20) | field(0x40, 25);
		break;
	default:
		insn |= field(csrs[below(ARRAY_SIZE(csrs))], 20);
		return insn | RVV_OPCODE_SYSTEM |
		       field(1 + below(3) + 4 * below(2), 12);
	}
	return insn | RVV_OPCODE_V | field(RVV_FUNCT3_VSET, 12);
}

static u32 gen_random(void)
{
	static const u8 opcodes[] = { RVV_OPCODE_V, RVV_OPCODE_V, RVV_OPCODE_V,
				      RVV_OPCODE_LOAD, RVV_OPCODE_STORE };

	return (rnd() & ~0x7fUL) | opcodes[below(ARRAY_SIZE(opcodes))];
}

static u32 replace(u32 insn, unsigned int lo, u32 reg)
{
	return (insn & ~field(31, lo)) | field(reg, lo);
}

/*
 * Replace x registers that the instruction must not use, such as the stack
 * pointer.
 */
static u32 restrict_x(u32 insn)
{
	u32 funct3 = RVV_FIELD(insn, 12, 3), opcode = RVV_FIELD(insn, 0, 7);
	u32 funct6 = insn >> 26;

	if (opcode == RVV_OPCODE_LOAD || opcode == RVV_OPCODE_STORE) {
		insn = replace(insn, 15, X_BASE);
		if (RVV_FIELD(insn, 26, 2) == 2)
			insn = replace(insn, 20, percent(90) ? X_STRIDE : 0);
	} else if (opcode == RVV_OPCODE_V && BIT(funct3) & RVV_FORMS_X) {
		insn = replace(insn, 15, random_x());
	} else if (opcode == RVV_OPCODE_V && funct3 == RVV_FUNCT3_VSET) {
		insn = replace(insn, 7, random_x());
		if (insn >> 30 != 3)
			insn = replace(insn, 15, random_x());
		if (insn >> 30 == 2)
			insn = replace(insn, 20, random_x());
	} else if (opcode == RVV_OPCODE_V && BIT(funct3) == MVV && funct6 == 0x10) {
		insn = replace(insn, 7, random_x());
	}
	return insn;
}

static size_t ignore_load(struct rvv_state *s, u64 gva, void *buf, size_t size, size_t n)
{
	return n;
}

static size_t ignore_store(struct rvv_state *s, u64 gva, const void *buf, size_t size, size_t n)
{
	return n;
}

static enum rvv_result try_insn(const struct test_case *t)
{
	scratch.vlenb = vlenb;
	scratch.vtype = t->vtype;
	scratch.vstart = t->vstart;
	scratch.fcsr = t->fcsr;
	scratch.vl = 0;
	scratch.load = ignore_load;
	scratch.store = ignore_store;
	return rvv_emulate(&scratch, t->insn);
}

/*
 * Return whether this is a reserved form of vset* for which a hart may set vill
 * and the emulator does not.
 */
static bool vset_may_set_vill(const struct test_case *t)
{
	bool immediate = t->insn >> 30 == 3, reg = t->insn >> 30 == 2;
	u64 vtype = RVV_FIELD(t->insn, 20, immediate ? 10 : 11);
	s8 sew, lmul;

	rvv_parse_vtype(vlenb, vtype, &sew, &lmul);
	return reg || wider_than_lmul(sew, lmul);
}

/* The form that keeps vl is reserved with a vtype that changes VLMAX. */
static bool vset_is_reserved(const struct test_case *t)
{
	bool reg = t->insn >> 30 == 2;
	s8 sew, lmul;

	if (t->insn >> 30 == 3 || rvv_rs1(t->insn) || rvv_rd(t->insn))
		return false;
	rvv_parse_vtype(vlenb, RVV_FIELD(t->insn, 20, 11), &sew, &lmul);
	return reg || t->vtype & RVV_VTYPE_VILL || lmul - sew != t->lmul - t->sew;
}

/*
 * vtype[8] is reserved in RVV 1.0, which the emulator follows, but Zvfbfa
 * defines the bit as altfmt.
 */
static bool vset_may_set_altfmt(const struct test_case *t)
{
	return t->insn >> 30 == 2 || t->insn & field(VTYPE_ALTFMT, 20);
}

static bool host_reorders_sums;

/* vfredusum and vfwredusum */
static bool is_unordered_sum(u8 funct6, u8 forms)
{
	return forms & FVV && (funct6 == 0x01 || funct6 == 0x31);
}

static bool writes_mask(u32 insn)
{
	u32 funct6 = insn >> 26, form = BIT(RVV_FIELD(insn, 12, 3));

	if (RVV_FIELD(insn, 0, 7) != RVV_OPCODE_V)
		return (insn & 0xfff0707f) == (0x02b00000 | RVV_OPCODE_LOAD);	/* vlm */
	if (form == MVV && funct6 == 0x14)		/* vmsbf, vmsof, vmsif */
		return rvv_rs1(insn) >= 1 && rvv_rs1(insn) <= 3;
	if (form & (IVV | IVX | IVI) && (funct6 == 0x11 || funct6 == 0x13))
		return true;				/* vmadc, vmsbc */
	return form != BIT(RVV_FUNCT3_VSET) && funct6 >> 3 == 3;
}

/*
 * Copy the tail of a mask result. The tail of a mask is agnostic whatever vta
 * is, and a hart may even compute it.
 */
static void accept_mask_tail(const struct test_case *t, u8 *to, const u8 *from)
{
	u64 reg = rvv_rd(t->insn) * vlenb, i;
	u8 tail = ~0U << t->vl % 8;

	if (!writes_mask(t->insn))
		return;
	for (i = t->vl / 8; i < vlenb; i++, tail = ~0)
		to[reg + i] = (to[reg + i] & ~tail) | (from[reg + i] & tail);
}

/*
 * Return whether to skip an instruction because QEMU 10.0 executes it wrongly,
 * or because this hart differs from the emulator where the specification allows
 * that.
 */
static bool host_differs(const struct test_case *t)
{
	u32 opcode = RVV_FIELD(t->insn, 0, 7), rs1 = rvv_rs1(t->insn);
	u32 funct3 = RVV_FIELD(t->insn, 12, 3), lumop = rvv_rs2(t->insn);
	u32 mop = RVV_FIELD(t->insn, 26, 2), nf = t->insn >> 29;
	u64 evl;

	/* QEMU stores nonexistent bits in vxrm. */
	if (opcode == RVV_OPCODE_SYSTEM)
		return t->insn >> 20 == 0x00a && (!(funct3 & 4) || rs1 > 3);
	if (opcode == RVV_OPCODE_V && funct3 == RVV_FUNCT3_VSET)
		return vset_is_reserved(t) ||
		       (host_sets_vill && vset_may_set_vill(t)) ||
		       (host_has_altfmt && vset_may_set_altfmt(t));
	if (opcode == RVV_OPCODE_V && host_reorders_sums &&
	    is_unordered_sum(t->insn >> 26, BIT(funct3)))
		return true;
	/*
	 * QEMU accepts extensions (vzext, vsext) whose source group is smaller
	 * than 1/8 of a register.
	 */
	if (opcode == RVV_OPCODE_V)
		return t->insn >> 26 == 0x12 && funct3 == 2 && rs1 >= 2 && rs1 <= 7 &&
		       t->lmul - (4 - (int)rs1 / 2) < -3;

	/* QEMU aborts if vstart leaves no element to access. */
	if (mop == 0 && (lumop == 8 || lumop == 11)) {
		evl = lumop == 8 ? (nf + 1) * vlenb >> (funct3 & 3) :
				   DIV_ROUND_UP(t->vl, 8);
		if (t->vstart > evl)
			return true;
	}
	return false;
}

static void gen_case(struct test_case *t, u64 nr)
{
	static const u8 weights[] = {
		[FAM_INT] = 30, [FAM_FP] = 24, [FAM_PERM] = 18, [FAM_MEM] = 18,
		[FAM_CONFIG] = 5, [FAM_RANDOM] = 5,
	};
	bool legal = percent(88);
	int tries = 40, dice = below(100);
	u64 vlmax;

	t->nr = nr;
	t->seed = rnd();
	for (t->family = 0; dice >= weights[t->family]; t->family++)
		dice -= weights[t->family];

	do {
		t->vtype = random_vtype();
		rvv_parse_vtype(vlenb, t->vtype, &t->sew, &t->lmul);
		vlmax = t->lmul >= t->sew ? vlenb << (t->lmul - t->sew) :
					    vlenb >> (t->sew - t->lmul);
		t->vl = percent(50) ? vlmax : below(vlmax + 1);
		t->vstart = percent(85) ? 0 : below(percent(90) ? t->vl + 1 : vlmax);
		t->vstart &= vlenb * 8 - 1;
		t->vcsr = below(8);
		t->fcsr = (percent(98) ? below(5) : below(8)) << 5;
		t->fcsr |= percent(80) ? 0 : below(32);
		if (percent(1)) {
			t->vtype = RVV_VTYPE_VILL;
			t->vl = 0;
		}

		t->op = NULL;
		if (t->family < NR_OP_FAMILIES)
			t->insn = gen_op(t);
		else if (t->family == FAM_MEM)
			t->insn = gen_mem(t);
		else if (t->family == FAM_CONFIG)
			t->insn = gen_config();
		else
			t->insn = gen_random();
		t->insn = restrict_x(t->insn);
	} while (host_differs(t) || (legal && try_insn(t) != RVV_OK && tries--));
}

static void set_x(unsigned int reg, u64 v)
{
	emu.x[reg] = v;
	nat.x[reg - FIRST_X] = v;
}

static void set_f(unsigned int reg, u64 v)
{
	emu.f[reg] = v;
	nat.f[reg] = v;
}

static bool is_fault_first(u32 insn)
{
	return RVV_FIELD(insn, 0, 7) == RVV_OPCODE_LOAD &&
	       (RVV_FIELD(insn, 20, 8) & 0xdf) == 16;
}

static u64 random_address(const struct test_case *t, s8 eew)
{
	u64 offset, align = percent(10) ? 1 : 8;

	switch (below(10)) {
	case 0:		/* Cross into the guard page after the data. */
		offset = MEM_SIZE - MEM_PAGE - (below(vlenb) << eew);
		break;
	case 1:		/* Begin in the guard page before the data. */
		offset = MEM_PAGE - (below(4) << eew);
		break;
	default:
		offset = MEM_PAGE + below(2 * MEM_PAGE);
	}
	/*
	 * QEMU aborts on a fault-only-first load that reaches a second page,
	 * unless the load begins with element 0, has no segments and is
	 * aligned.
	 */
	if (is_fault_first(t->insn))
		align = t->insn >> 29 || t->vstart ? 2048 : 8;
	return MEM_BASE + (offset & ~(align - 1));
}

static bool is_vsetvl(u32 insn)
{
	return (insn & 0xfe00707f) == (0x80000000 | RVV_FUNCT3_VSET << 12 | RVV_OPCODE_V);
}

static void setup_case(const struct test_case *t)
{
	unsigned int regs = 1 << min(max(t->lmul + 1, 0), 3), i;
	bool fp = t->family == FAM_FP || percent(t->family == FAM_PERM ? 30 : 5);
	u32 opcode = RVV_FIELD(t->insn, 0, 7);
	bool mem = opcode != RVV_OPCODE_V && opcode != RVV_OPCODE_SYSTEM;
	bool boxed;
	s8 eew = t->sew, wide = min(t->sew + 1, 3);

	rng = t->seed;
	fill_regs(rvv_rd(t->insn), regs, percent(30) ? wide : eew, fp);
	fill_regs(rvv_rs1(t->insn), regs, percent(10) ? wide : eew, fp);
	if (mem) {
		eew = RVV_FIELD(t->insn, 12, 2);
		fill_index(rvv_rs2(t->insn), 8, eew);
	} else {
		fill_regs(rvv_rs2(t->insn), regs, percent(30) ? wide : eew, fp);
	}
	if (!RVV_FIELD(t->insn, 25, 1))
		fill_regs(0, 1, 0, false);

	for (i = FIRST_X; i < FIRST_X + NR_X; i++)
		set_x(i, percent(20) ? random_vtype() : random_int());
	if (is_vsetvl(t->insn) && rvv_rs2(t->insn))
		set_x(rvv_rs2(t->insn),
		      random_vtype() | (percent(10) ? BIT(8 + below(56)) : 0));
	if (mem) {
		set_x(X_BASE, random_address(t, eew));
		set_x(X_STRIDE, (below(64) - 32) << (percent(90) ? eew : 0));
	}
	boxed = t->sew == 2 && percent(90);
	set_f(rvv_rs1(t->insn), boxed ? ~0UL << 32 | random_fp(2) : random_fp(3));

	nat.vtype = t->vtype;
	nat.vl = t->vl;
	nat.vstart = t->vstart;
	nat.vcsr = t->vcsr;
	nat.fcsr = t->fcsr;
	emu.vtype = t->vtype;
	emu.vl = t->vl;
	emu.vstart = t->vstart;
	emu.vcsr = t->vcsr;
	emu.fcsr = t->fcsr;
	emu.pc = 0;
}

/*
 * Return how many elements the emulator can access at GVA. If that is less than
 * N, set cause and tval.
 */
static size_t emu_access(struct rvv_state *s, u64 gva, u64 cause, size_t size, size_t n)
{
	u64 first = guards_open ? 0 : MEM_PAGE;
	u64 last = guards_open ? MEM_SIZE : MEM_SIZE - MEM_PAGE;
	u64 offset = gva - MEM_BASE;

	s->cause = cause;
	s->tval = gva;
	if (offset >= MEM_SIZE || offset < first || offset >= last)
		return 0;
	/*
	 * If an element is partly in an inaccessible page, tval is the address
	 * of the part in that page.
	 */
	s->tval = MEM_BASE + last;
	return min(n, (last - offset) / size);
}

static size_t emu_load(struct rvv_state *s, u64 gva, void *buf, size_t size, size_t n)
{
	n = emu_access(s, gva, 13, size, n);
	memcpy(buf, emu_mem + (gva - MEM_BASE), n * size);
	return n;
}

static size_t emu_store(struct rvv_state *s, u64 gva, const void *buf, size_t size, size_t n)
{
	n = emu_access(s, gva, 15, size, n);
	memcpy(emu_mem + (gva - MEM_BASE), buf, n * size);
	return n;
}

static void open_guards(bool open)
{
	int prot = open ? PROT_READ | PROT_WRITE : PROT_NONE;

	guards_open = open;
	if (!native_mode)
		return;
	if (mprotect(nat_mem, MEM_PAGE, prot) ||
	    mprotect(nat_mem + MEM_SIZE - MEM_PAGE, MEM_PAGE, prot))
		ksft_exit_fail_perror("mprotect");
}

/*
 * After a trap, leave the instruction and continue at ra, in the second half of
 * rvv_native_run().
 */
static void handle_signal(int sig, siginfo_t *info, void *ctx)
{
	ucontext_t *uc = ctx;

	WRITE_ONCE(nat_signal, sig);
	WRITE_ONCE(nat_addr, (u64)info->si_addr);
	uc->uc_mcontext.__gregs[REG_PC] = uc->uc_mcontext.__gregs[REG_RA];
}

static enum trap run_native(void)
{
	WRITE_ONCE(nat_signal, 0);
	rvv_native_run(&nat);
	switch (READ_ONCE(nat_signal)) {
	case SIGILL:
		return TRAP_ILLEGAL;
	case SIGSEGV:
	case SIGBUS:
		return TRAP_FAULT;
	default:
		return TRAP_NONE;
	}
}

static void report(const struct test_case *t, const char *fmt, ...)
{
	char what[128];
	va_list ap;

	failed[t->family]++;
	if (++reports > MAX_REPORTS)
		return;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	ksft_print_msg("case %lu %s insn %08x vtype %lx vl %lu vstart %lu frm %lu vxrm %lu: %s\n",
		       t->nr, t->op ? t->op->name : family_names[t->family], t->insn,
		       t->vtype, t->vl, t->vstart, t->fcsr >> 5, t->vcsr >> 1, what);
}

static bool compare_value(const struct test_case *t, const char *name, int n, u64 nv, u64 ev)
{
	if (nv == ev)
		return true;
	report(t, "%s%d native %lx emulated %lx", name, n, nv, ev);
	return false;
}

static bool compare_bytes(const struct test_case *t, const char *name,
			  const u8 *n, const u8 *e, u64 len)
{
	u64 i = find_difference(n, e, len);

	if (i == len)
		return true;
	report(t, "%s +%lx (v%lu +%lu) native %016lx emulated %016lx",
	       name, i, i / vlenb, i % vlenb, *(u64 *)(n + i), *(u64 *)(e + i));
	return false;
}

/*
 * Set up a second emulator, which uses the host's vector unit. Its memory
 * accesses have the same results as those of the first one.
 */
static void start_unit(void)
{
	copy_words(uni.x, emu.x, sizeof(emu.x));
	copy_words(uni.f, emu.f, sizeof(emu.f));
	copy_words(uni.v, emu.v, 32 * vlenb);
	uni.fcsr = emu.fcsr;
	uni.vstart = emu.vstart;
	uni.vl = emu.vl;
	uni.vtype = emu.vtype;
	uni.vcsr = emu.vcsr;
}

static void compare_unit(const struct test_case *t, enum rvv_result want)
{
	enum rvv_result ret;
	bool ok = true;
	u64 i;

	ret = rvv_emulate(&uni, t->insn);
	if (ret != want)
		report(t, "with the host's unit %d, without %d", ret, want);
	for (i = 0; i < 32; i++) {
		ok = ok && compare_value(t, "unit's x", i, uni.x[i], emu.x[i]);
		ok = ok && compare_value(t, "unit's f", i, uni.f[i], emu.f[i]);
	}
	ok = ok && compare_value(t, "unit's fcsr", 0, uni.fcsr, emu.fcsr);
	ok = ok && compare_value(t, "unit's vcsr", 0, uni.vcsr, emu.vcsr);
	ok = ok && compare_value(t, "unit's vl", 0, uni.vl, emu.vl);
	ok = ok && compare_value(t, "unit's vtype", 0, uni.vtype, emu.vtype);
	ok = ok && compare_value(t, "unit's vstart", 0, uni.vstart, emu.vstart);
	accept_mask_tail(t, uni.v, emu.v);
	ok = ok && compare_bytes(t, "unit's v", uni.v, emu.v, 32 * vlenb);
}

static enum trap run_emulated(const struct test_case *t, bool *covered)
{
	bool unit = uni.unit && RVV_FIELD(t->insn, 0, 7) == RVV_OPCODE_V;
	enum rvv_result ret;

	if (unit)
		start_unit();
	ret = rvv_emulate(&emu, t->insn);
	if (unit)
		compare_unit(t, ret);

	*covered = ret != RVV_NOT_COVERED;
	if (emu.pc != (ret == RVV_OK ? 4 : 0))
		ksft_exit_fail_msg("pc moved by %lu\n", emu.pc);
	emu.pc = 0;
	switch (ret) {
	case RVV_ILLEGAL:
		return TRAP_ILLEGAL;
	case RVV_FAULT:
		return TRAP_FAULT;
	default:
		return TRAP_NONE;
	}
}

/*
 * Return whether the hart adds the elements of an unordered sum in another
 * order than the emulator, which begins with the first.
 */
static bool host_reorders(void)
{
	static u32 in[2 * RVV_MAX_VLENB];
	u64 sum, ordered, wide, wide_ordered;
	int i, n;

	for (n = 0; n < 16; n++) {
		/* Between 2^-30 and 2^30, so that each order rounds differently */
		for (i = 0; i < ARRAY_SIZE(in); i++)
			in[i] = ((u32)rnd() & 0x807fffff) | (97 + below(60)) << 23;
		asm volatile(".option push\n"
			     ".option arch, +v\n"
			     "vsetvli t0, zero, e32, m8, tu, mu\n"
			     "vle32.v v8, (%4)\n"
			     "vmv.v.i v16, 0\n"
			     "vfredusum.vs v0, v8, v16\n"
			     "vfredosum.vs v1, v8, v16\n"
			     "vmv.x.s %0, v0\n"
			     "vmv.x.s %1, v1\n"
			     "vfwredusum.vs v0, v8, v16\n"
			     "vfwredosum.vs v1, v8, v16\n"
			     "vsetivli zero, 1, e64, m1, tu, mu\n"
			     "vmv.x.s %2, v0\n"
			     "vmv.x.s %3, v1\n"
			     ".option pop\n"
			     : "=&r" (sum), "=&r" (ordered), "=&r" (wide), "=&r" (wide_ordered)
			     : "r" (in) : "t0", "memory");
		if (sum != ordered || wide != wide_ordered)
			return true;
	}
	return false;
}

/*
 * Return whether the hart sets vill for a reserved vtype that the emulator
 * supports.
 */
static bool host_vill(void)
{
	s64 wide, keep;

	asm volatile(".option push\n"
		     ".option arch, +v\n"
		     "vsetvli t0, zero, e64, mf2, tu, mu\n"
		     "csrr %0, vtype\n"
		     "vsetivli zero, 1, e8, m1, tu, mu\n"
		     "vsetvli zero, zero, e16, m1, tu, mu\n"
		     "csrr %1, vtype\n"
		     ".option pop\n" : "=r" (wide), "=r" (keep) :: "t0");
	return wide < 0 || keep < 0;
}

/*
 * Return whether the hart distributes the elements over two iterations where
 * AVL is between VLMAX and 2 * VLMAX.
 */
static bool host_split(void)
{
	u64 avl, vl = vlenb;

	for (avl = vlenb + 1; avl < 2 * vlenb && vl == vlenb; avl++)
		asm volatile(".option push\n"
			     ".option arch, +v\n"
			     "vsetvli %0, %1, e8, m1, ta, ma\n"
			     ".option pop\n" : "=r" (vl) : "r" (avl));
	return vl != vlenb;
}

static bool host_splits_avl;

/* Accept the vl that such a hart has chosen. */
static void accept_split_avl(const struct test_case *t)
{
	if (!host_splits_avl || RVV_FIELD(t->insn, 0, 7) != RVV_OPCODE_V ||
	    RVV_FIELD(t->insn, 12, 3) != RVV_FUNCT3_VSET ||
	    nat.vl >= emu.vl || nat.vl <= emu.vl / 2)
		return;
	emu.vl = nat.vl;
	if (rvv_rd(t->insn))
		emu.x[rvv_rd(t->insn)] = nat.vl;
}

static bool host_altfmt(void)
{
	s64 vtype;

	asm volatile(".option push\n"
		     ".option arch, +v\n"
		     "vsetvli t0, zero, %1\n"
		     "csrr %0, vtype\n"
		     ".option pop\n" : "=r" (vtype) : "i" (VTYPE_ALTFMT) : "t0");
	return vtype >= 0;
}

/*
 * Accept each element that the hart has filled with ones, without checking that
 * the element is agnostic. With RVV_EXACT, no element may be filled.
 */
static void accept_filled(void)
{
	const u64 *n = (u64 *)nat_v, *e = (u64 *)emu.v;
	u64 i;

	for (i = 0; i < 32 * vlenb / 8; i++) {
		if ((n[i] | e[i]) != n[i])
			return;
	}
	copy_words(emu.v, nat_v, 32 * vlenb);
}

/*
 * A fault-only-first load that has trimmed vl may have updated the elements
 * from there on.
 */
static void accept_trimmed(const struct test_case *t)
{
	unsigned int eew = RVV_FIELD(t->insn, 12, 2), f;
	unsigned int regs = 1 << max((int)eew + t->lmul - t->sew, 0);
	u64 at;

	for (f = 0; is_fault_first(t->insn) && f <= t->insn >> 29; f++) {
		at = (rvv_rd(t->insn) + f * regs) * vlenb + (emu.vl << eew);
		memcpy(emu.v + at, nat_v + at, (t->vl - emu.vl) << eew);
	}
}

static void compare(const struct test_case *t, bool contents)
{
	bool ok = true;
	u64 skip;
	int i;

	accept_split_avl(t);
	accept_mask_tail(t, emu.v, nat_v);
	for (i = 0; i < NR_X; i++)
		ok = ok && compare_value(t, "x", FIRST_X + i, nat.x[i], emu.x[FIRST_X + i]);
	for (i = 0; i < 32; i++)
		ok = ok && compare_value(t, "f", i, nat.f[i], emu.f[i]);
	ok = ok && compare_value(t, "fcsr", 0, nat.fcsr, emu.fcsr);
	ok = ok && compare_value(t, "vcsr", 0, nat.vcsr, emu.vcsr);
	ok = ok && compare_value(t, "vl", 0, nat.vl, emu.vl);
	ok = ok && compare_value(t, "vtype", 0, nat.vtype, emu.vtype);
	ok = ok && compare_value(t, "vstart", 0, nat.vstart, emu.vstart);
	if (!contents)
		return;
	accept_trimmed(t);
	if (!exact && t->vtype & VTYPE_AGNOSTIC)
		accept_filled();
	ok = ok && compare_bytes(t, "v", nat_v, emu.v, 32 * vlenb);
	if (RVV_FIELD(t->insn, 0, 7) == RVV_OPCODE_STORE) {
		skip = guards_open ? 0 : MEM_PAGE;
		ok = ok && compare_bytes(t, "mem", nat_mem + skip, emu_mem + skip,
					 MEM_SIZE - 2 * skip);
	}
}

/*
 * Copy the emulator's state to the hart's. With -b no hart executes the
 * instructions, so the emulator's state is the result.
 */
static void copy_emulated(void)
{
	copy_words(nat.x, emu.x + FIRST_X, sizeof(nat.x));
	copy_words(nat.f, emu.f, sizeof(nat.f));
	copy_words(nat_v, emu.v, 32 * vlenb);
	nat.fcsr = emu.fcsr;
	nat.vcsr = emu.vcsr;
	nat.vl = emu.vl;
	nat.vtype = emu.vtype;
	nat.vstart = emu.vstart;
}

/*
 * Make the two states equal again, so that a difference that has been reported
 * does not affect the next instruction.
 */
static void sync_native(void)
{
	copy_emulated();
	open_guards(true);
	copy_words(nat_mem, emu_mem, MEM_SIZE);
	open_guards(false);
}

static void mix(u64 v)
{
	digest = (digest ^ v) * 0x100000001b3UL;
	digest ^= digest >> 29;
}

static void mix_state(const struct test_case *t, enum trap trap)
{
	u64 i;

	mix(trap);
	for (i = 0; i < NR_X; i++)
		mix(nat.x[i]);
	for (i = 0; i < 32; i++)
		mix(nat.f[i]);
	mix(nat.fcsr);
	mix(nat.vcsr);
	mix(nat.vl);
	mix(nat.vtype);
	mix(nat.vstart);
	for (i = 0; i < 32 * vlenb; i += 8)
		mix(*(u64 *)(nat_v + i));
}

/*
 * Return whether QEMU executes an instruction that reads a register with two
 * EEWs and that the emulator refuses. QEMU does so if the result is a mask or a
 * scalar, and for instructions with carries, vcompress, and stores.
 */
static bool host_ignores_eew(const struct test_case *t)
{
	const struct rvv_op *op = t->op;

	if (!emu.mixed_eew)
		return false;
	if (!op)
		return RVV_FIELD(t->insn, 0, 7) == RVV_OPCODE_STORE || t->family == FAM_RANDOM;
	return op->flags & CARRY || op->d == K_MASK || op->d == K_ES || op->d == K_EW ||
	       op->s1 == K_MASK;
}

/*
 * Return whether the hart has stopped where the emulator has rightly gone on:
 * it may refuse a misaligned element, and a fault-only-first load may process
 * fewer elements than are accessible.
 */
static bool host_stops_early(const struct test_case *t)
{
	u64 skip = guards_open ? 0 : MEM_PAGE, at = emu.x[X_BASE] - MEM_BASE, i;
	u64 size = ((t->insn >> 29) + 1) << RVV_FIELD(t->insn, 12, 2);

	/* Only a misaligned element can fault where memory is accessible. */
	if (READ_ONCE(nat_signal) == SIGBUS ||
	    (nat_signal == SIGSEGV && nat_addr - MEM_BASE >= skip &&
	     nat_addr - MEM_BASE < MEM_SIZE - skip))
		return true;
	if (!is_fault_first(t->insn) || !nat.vl || nat.vl >= emu.vl)
		return false;
	for (i = t->vstart; i < emu.vl; i++) {
		if ((RVV_FIELD(t->insn, 25, 1) || rvv_mask_bit(&emu, 0, i)) &&
		    (at + i * size < skip || at + (i + 1) * size > MEM_SIZE - skip))
			return false;
	}
	return true;
}

/*
 * Return whether a hart may execute an instruction that the emulator refuses:
 * the specification says that the encoding is reserved, but not that it traps.
 * Whole-register moves may ignore vill.
 */
static bool host_may_execute(const struct test_case *t)
{
	if (t->op && ((t->vtype & RVV_VTYPE_VILL && t->insn >> 26 != 0x27) ||
		      (t->op->flags & VSTART0 && t->vstart)))
		return false;
	return t->family == FAM_RANDOM || !exact || host_ignores_eew(t);
}

/*
 * Return whether a hart may refuse an instruction that the emulator executes:
 * with a vstart that the instruction never leaves behind on that hart.
 */
static bool host_may_refuse(const struct test_case *t)
{
	return t->vstart && !exact;
}

static enum trap run_both(const struct test_case *t, bool *covered)
{
	enum trap trap, nat_trap;
	u64 before = failed[t->family];

	trap = run_emulated(t, covered);
	if (!*covered)
		return trap;
	if (!native_mode) {
		copy_emulated();
		return trap;
	}

	nat_trap = run_native();
	if ((trap == TRAP_ILLEGAL && nat_trap != trap && host_may_execute(t)) ||
	    (nat_trap == TRAP_ILLEGAL && nat_trap != trap && host_may_refuse(t))) {
		differs++;
		sync_native();
	} else if (host_stops_early(t)) {
		sync_native();
	} else if (trap != nat_trap) {
		report(t, "native %s, emulated %s", trap_names[nat_trap], trap_names[trap]);
	} else {
		compare(t, trap != TRAP_FAULT);
	}
	/* A hart may access the fields of a segment in any order. */
	if (trap == TRAP_FAULT && nat_signal == SIGSEGV && nat_addr != emu.tval &&
	    !host_stops_early(t) &&
	    !(t->insn >> 29) && !(emu.tval & 7) && emu.tval - MEM_BASE < MEM_SIZE)
		report(t, "fault address native %lx emulated %lx", nat_addr, emu.tval);
	if (failed[t->family] != before)
		sync_native();
	return trap;
}

static void run_case(const struct test_case *t, unsigned int slot)
{
	enum trap trap;
	bool covered;

	setup_case(t);
	nat.code = code + slot * CODE_STRIDE;
	trap = run_both(t, &covered);
	if (!covered) {
		not_covered++;
		return;
	}

	if (trap == TRAP_FAULT) {
		faults++;
		open_guards(true);
		trap = run_both(t, &covered);
		open_guards(false);
		/*
		 * The specification leaves open which elements from vstart on
		 * have been accessed before a fault.
		 */
		if (trap == TRAP_FAULT && native_mode)
			sync_native();
	}

	if (trap == TRAP_NONE)
		executed[t->family]++;
	else
		trapped[t->family]++;
	if (t->op && trap == TRAP_NONE)
		op_executed[t->family][t->op - rvv_families[t->family]]++;
	if (digests)
		mix_state(t, trap);
}

/*
 * QEMU 10.0 leaves FS Clean when a vector instruction raises fflags, so the
 * flags get lost if the test is preempted afterwards. "fmv.d f0, f0" makes FS
 * Dirty.
 */
static void write_code(const struct test_case *t, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		u32 insns[] = { 0x22000053, t[i].insn, 0x00008067 /* ret */ };

		memcpy(code + i * CODE_STRIDE, insns, sizeof(insns));
	}
	__builtin___clear_cache((char *)code, (char *)code + n * CODE_STRIDE);
}

static void run_cases(u64 seed, u64 count)
{
	static struct test_case batch[BATCH];
	u64 done, generator = seed, i, n;

	for (done = 0; done < count; done += n) {
		n = min(count - done, (u64)BATCH);
		rng = generator;
		for (i = 0; i < n; i++)
			gen_case(&batch[i], done + i);
		generator = rng;
		if (native_mode)
			write_code(batch, n);
		for (i = 0; i < n; i++) {
			run_case(&batch[i], i);
			if (digests && (done + i + 1) % 1000 == 0)
				printf("# digest vlenb %lu %lu %016lx\n",
				       vlenb, done + i + 1, digest);
		}
	}
}

static void setup(u64 seed)
{
	struct sigaction sa = {
		.sa_sigaction = handle_signal,
		.sa_flags = SA_SIGINFO | SA_NODEFER,
	};
	u64 i;

	nat_v = aligned_alloc(64, 32 * RVV_MAX_VLENB);
	nat.v = nat_v;
	emu.vlenb = vlenb;
	emu.load = emu_load;
	emu.store = emu_store;
	uni.vlenb = vlenb;
	uni.unit = rvv_have_unit(vlenb);

	rng = ~seed;
	for (i = 0; i < MEM_SIZE; i += 8)
		*(u64 *)(emu_mem + i) = random_element(i & 4096 ? 3 : 2, i & 1024);
	fill_regs(0, 32, 3, false);
	for (i = 0; i < 32; i++)
		set_f(i, random_fp(3));
	if (!native_mode)
		return;

	code = mmap(NULL, BATCH * CODE_STRIDE, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (code == MAP_FAILED ||
	    mmap(nat_mem, MEM_SIZE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != nat_mem)
		ksft_exit_fail_perror("mmap");
	sync_native();
	sigaction(SIGILL, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
}

static u64 native_vlenb(void)
{
	u64 v;

	/*
	 * Use the CSR number of vlenb, because the assembler knows the name
	 * only with V.
	 */
	asm volatile("csrr %0, 0xc22" : "=r" (v));
	return v;
}

/*
 * Check that each operation has been executed at least once. Call this only
 * after a run that is long enough.
 */
static void check_coverage(enum family f)
{
	unsigned int i;

	for (i = 0; rvv_families[f][i].name; i++) {
		if (op_executed[f][i] ||
		    (host_reorders_sums &&
		     is_unordered_sum(rvv_families[f][i].funct6, rvv_families[f][i].forms)))
			continue;
		ksft_print_msg("%s was not executed once\n", rvv_families[f][i].name);
		failed[f]++;
	}
}

#define CHECK_OFFSET(_member, _offset)					\
	static_assert(offsetof(struct rvv_native, _member) == (_offset), #_member)

CHECK_OFFSET(x, RVV_NATIVE_X);
CHECK_OFFSET(f, RVV_NATIVE_F);
CHECK_OFFSET(fcsr, RVV_NATIVE_FCSR);
CHECK_OFFSET(vstart, RVV_NATIVE_VSTART);
CHECK_OFFSET(vl, RVV_NATIVE_VL);
CHECK_OFFSET(vtype, RVV_NATIVE_VTYPE);
CHECK_OFFSET(vcsr, RVV_NATIVE_VCSR);
CHECK_OFFSET(v, RVV_NATIVE_V);
CHECK_OFFSET(code, RVV_NATIVE_CODE);

int main(int argc, char *argv[])
{
	u64 seed = 1, count = 24000;
	const struct test_option options[] = {
		{ 's', "SEED", &seed },
		{ 'n', "COUNT", &count },
		{ 'b', "VLENB", &vlenb },
		{ 'd', .flag = &digests },
	};
	enum family f;

	parse_test_options(argc, argv, options, ARRAY_SIZE(options));

	ksft_print_header();
	exact = getenv("RVV_EXACT");
	native_mode = !vlenb;
	if (rvv_have_unit(0))
		host_reorders_sums = host_reorders();
	else if (native_mode)
		ksft_exit_skip("no V\n");
	if (native_mode) {
		vlenb = native_vlenb();
		host_sets_vill = host_vill();
		host_has_altfmt = host_altfmt();
		host_splits_avl = host_split();
	}
	if (vlenb < 16 || vlenb > RVV_MAX_VLENB || vlenb & (vlenb - 1))
		ksft_exit_fail_msg("vlenb %lu is no power of two from 16 to %u\n",
				   vlenb, RVV_MAX_VLENB);

	ksft_set_plan(NR_FAMILIES);
	ksft_print_msg("vlenb %lu, %s, seed %lu, %lu instructions\n",
		       vlenb, native_mode ? "native and emulated" : "emulated", seed, count);
	setup(seed);
	run_cases(seed, count);
	ksft_print_msg("%lu faults resumed at vstart, %lu of extensions not covered\n",
		       faults, not_covered);
	if (native_mode)
		ksft_print_msg("%lu of which the hart may decide whether they are legal\n",
			       differs);

	for (f = 0; f < NR_FAMILIES; f++) {
		if (f < NR_OP_FAMILIES && count >= 20000)
			check_coverage(f);
		ksft_print_msg("%s: %lu executed, %lu trapped, %lu wrong\n",
			       family_names[f], executed[f], trapped[f], failed[f]);
		ksft_test_result(!failed[f], "%s\n", family_names[f]);
	}
	ksft_finished();
}
