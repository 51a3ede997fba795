// SPDX-License-Identifier: GPL-2.0
/*
 * rvv_unit.c - RVV emulator: let the host's vector unit do the work
 *
 * The emulator keeps a group of guest registers as an array of elements in
 * memory. The first vl elements of that array fit into a group of as many host
 * registers if the guest's vlenb is not larger than the host's. For each
 * instruction the emulator generates code that loads the elements of the
 * operands, executes the instruction, and stores the elements of the result.
 * The guest's instruction names x and f registers; the generated code uses
 * others in their place.
 *
 * It loads and stores vl elements only, so the tail does not change. It also
 * loads the destination if the instruction is masked or reads its destination.
 */
#include <linux/prctl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "rvv_ops.h"

#define HWCAP_V		(1UL << ('V' - 'A'))

#define NR_UNITS	64
#define MAX_CODE	32

/*
 * The registers that the generated code uses: one for an address, and its
 * arguments
 */
#define T1		6
#define A0		10	/* the guest's registers */
#define A1		11	/* vl */
#define A2		12	/* the x register, or f12 */

#define ADDI(rd, rs1, imm)	(0x13 | (rd) << 7 | (rs1) << 15 | (u32)(imm) << 20)
#define ADD(rd, rs1, rs2)	(0x33 | (rd) << 7 | (rs1) << 15 | (rs2) << 20)
#define LUI(rd, imm)		(0x37 | (rd) << 7 | (imm) << 12)
#define RET			0x00008067
#define VSETVLI(vtype)		(0x00007057 | A1 << 15 | (vtype) << 20)
#define VSETIVLI_1(vtype)	(0xc0007057 | 1 << 15 | (vtype) << 20)
#define VLE(v, width)		(0x02000007 | (v) << 7 | (width) << 12 | T1 << 15)
#define VSE(v, width)		(0x02000027 | (v) << 7 | (width) << 12 | T1 << 15)
#define MASK_ACCESS		(0x00b00000)

struct rvv_unit {
	u32 insn;
	u32 vtype;
	u64 vlenb;
	u32 code[MAX_CODE];
};

/*
 * Each thread has its own generated code, so that no other thread can change it
 * while it runs.
 */
static __thread struct rvv_unit *units;

bool rvv_have_unit(u64 vlenb)
{
	u64 host;
	int ctrl;

	if (!(getauxval(AT_HWCAP) & HWCAP_V))
		return false;
	ctrl = prctl(PR_RISCV_V_GET_CONTROL);
	if (ctrl >= 0 && (ctrl & PR_RISCV_V_VSTATE_CTRL_CUR_MASK) == PR_RISCV_V_VSTATE_CTRL_OFF)
		return false;
	/*
	 * Use the CSR number of vlenb, because the assembler knows the name
	 * only with V.
	 */
	asm volatile("csrr %0, 0xc22" : "=r" (host));
	return vlenb <= host;
}

static struct rvv_unit *find_unit(u32 insn)
{
	if (!units) {
		units = mmap(NULL, NR_UNITS * sizeof(*units), PROT_READ | PROT_WRITE | PROT_EXEC,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (units == MAP_FAILED) {
			units = NULL;
			return NULL;
		}
	}
	return &units[(insn ^ insn >> 7 ^ insn >> 20) % NR_UNITS];
}

static u64 call_unit(struct rvv_state *s, const struct rvv_unit *u, unsigned int rs1)
{
	register u64 v asm("a0") = (u64)s->v;
	register u64 vl asm("a1") = s->vl;
	register u64 x asm("a2") = s->x[rs1];
	u64 f = s->f[rs1], vcsr = s->vcsr;

	/*
	 * QEMU 10.0 leaves FS Clean when a vector instruction raises fflags.
	 * fmv.d.x makes FS Dirty.
	 */
	asm volatile("fmv.d.x	fa2, %[f]\n"
		     "csrw	0x00f, %[vcsr]\n"
		     "jalr	%[code]\n"
		     "csrr	%[vcsr], 0x00f\n"
		     : [vcsr] "+r" (vcsr), "+r" (v), "+r" (vl), "+r" (x)
		     : [f] "r" (f), [code] "r" (u->code)
		     : "ra", "t1", "fa2", "memory");
	return vcsr;
}

static void run_unit(struct rvv_ctx *c, const struct rvv_unit *u)
{
	bool fp = BIT(c->funct3) & (FVV | FVF);
	u64 fcsr = 0;

	if (fp)
		fcsr = rvv_fp_begin(c->s);
	c->s->vcsr = call_unit(c->s, u, rvv_rs1(c->insn));
	if (fp)
		rvv_fp_end(c->s, fcsr);
}

/*
 * Execute an instruction with existing code, if the same instruction has been
 * executed before with the same vtype and vlenb.
 */
bool rvv_unit_again(struct rvv_ctx *c)
{
	const struct rvv_unit *u = find_unit(c->insn);
	struct rvv_state *s = c->s;

	if (!u || u->insn != c->insn || u->vtype != s->vtype || u->vlenb != s->vlenb ||
	    s->vstart || !s->vl)
		return false;
	if (BIT(c->funct3) & (FVV | FVF) && (s->fs_off || s->fcsr >> 5 > 4))
		return false;
	run_unit(c, u);
	return true;
}

struct gen {
	struct rvv_ctx *c;
	u32 *p;
	u32 vtype;	/* of the last vsetvli, or -1 */
};

static void emit(struct gen *g, u32 insn)
{
	*g->p++ = insn;
}

static void emit_vset(struct gen *g, const struct rvv_operand *o, bool one)
{
	u32 vtype = (o->emul & 7) | o->eew << 3;

	if (one)
		emit(g, VSETIVLI_1(vtype));
	else if (vtype != g->vtype)
		emit(g, VSETVLI(vtype));
	g->vtype = one ? -1 : vtype;
}

static void emit_access(struct gen *g, const struct rvv_operand *o, bool one, bool store)
{
	static const u8 widths[] = { 0, 5, 6, 7 };
	u32 offset = o->reg * g->c->s->vlenb, hi = (offset + 0x800) >> 12;
	bool mask = o->eew == RVV_EEW_MASK;
	u32 width = mask ? 0 : widths[o->eew];
	struct rvv_operand any = { .eew = g->c->sew, .emul = g->c->lmul };

	/* The size of a mask depends on vl only. */
	emit_vset(g, mask ? &any : o, one);
	if (hi)
		emit(g, LUI(T1, hi));
	emit(g, ADDI(T1, hi ? T1 : A0, offset & 0xfff));
	if (hi)
		emit(g, ADD(T1, T1, A0));
	emit(g, (store ? VSE(o->reg, width) : VLE(o->reg, width)) | (mask ? MASK_ACCESS : 0));
}

static bool is_one(u8 kind)
{
	return kind == K_ES || kind == K_EW;
}

/*
 * Return whether the host's unit can execute the instruction. It cannot if the
 * result depends on VLMAX, or if the instruction moves whole registers or
 * writes an x or f register.
 */
static bool can_do(const struct rvv_ctx *c)
{
	const struct rvv_op *op = c->op;

	if (op->d == K_NONE || op->d >= K_1R || op->flags & WRITES_X)
		return false;
	/* vrgather, vslidedown; vrgatherei16 */
	if ((op->funct6 == 0x0c || op->funct6 == 0x0f) && BIT(c->funct3) & (IVV | IVX | IVI))
		return false;
	if (op->funct6 == 0x0e && BIT(c->funct3) & IVV)
		return false;
	/* SEW > LMUL * ELEN is reserved, and some hosts set vill for it. */
	return c->lmul >= 0 || c->sew <= 3 + c->lmul;
}

/*
 * Generate code for an instruction and execute it. The caller has already
 * checked that the instruction is legal.
 */
bool rvv_unit_run(struct rvv_ctx *c)
{
	const struct rvv_operand mask = { .reg = 0, .eew = RVV_EEW_MASK };
	const struct rvv_operand sewlmul = { .eew = c->sew, .emul = c->lmul };
	struct rvv_unit *u = find_unit(c->insn);
	const struct rvv_op *op = c->op;
	struct rvv_state *s = c->s;
	u32 insn = c->insn;
	struct gen g = { .c = c, .vtype = -1 };

	if (!u || s->vstart || !s->vl || !can_do(c))
		return false;

	u->insn = 0;
	g.p = u->code;
	/*
	 * Where operands overlap they have the same elements, or no element
	 * below vl, so they can be loaded in any order.
	 */
	if (!c->vm || op->flags & READS_VD || op->run || op->d == K_MASK || is_one(op->d))
		emit_access(&g, &c->d, is_one(op->d), false);
	if (op->s2 != K_NONE)
		emit_access(&g, &c->s2, is_one(op->s2), false);
	if (rvv_is_v(c) && op->s1 != K_NONE)
		emit_access(&g, &c->s1, is_one(op->s1), false);
	if (!c->vm)
		emit_access(&g, &mask, false, false);

	emit_vset(&g, &sewlmul, false);
	if (BIT(c->funct3) & (IVX | MVX | FVF) && (rvv_rs1(insn) || BIT(c->funct3) & FVF))
		insn = (insn & ~(31U << 15)) | A2 << 15;
	emit(&g, insn);
	emit_access(&g, &c->d, is_one(op->d), true);
	emit(&g, RET);

	__builtin___clear_cache((char *)u->code, (char *)g.p);
	u->vtype = s->vtype;
	u->vlenb = s->vlenb;
	u->insn = c->insn;
	run_unit(c, u);
	return true;
}
