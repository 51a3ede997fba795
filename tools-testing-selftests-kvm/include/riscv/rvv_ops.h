/* SPDX-License-Identifier: GPL-2.0 */
/*
 * rvv_ops.h - Internal tables of the RVV emulator, for its own files and its
 * test
 */
#ifndef SELFTEST_KVM_RVV_OPS_H
#define SELFTEST_KVM_RVV_OPS_H

#include <linux/bits.h>
#include <linux/kernel.h>
#include <linux/log2.h>

#include "rvv.h"

#define RVV_OPCODE_LOAD		0x07
#define RVV_OPCODE_STORE	0x27
#define RVV_OPCODE_V		0x57
#define RVV_OPCODE_SYSTEM	0x73
#define RVV_OPCODE_VE		0x77

/*
 * The forms that an operation has, as a set of values of the funct3 field of
 * OP-V
 */
#define IVV	BIT(0)
#define FVV	BIT(1)
#define MVV	BIT(2)
#define IVI	BIT(3)
#define IVX	BIT(4)
#define FVF	BIT(5)
#define MVX	BIT(6)
#define RVV_FUNCT3_VSET		7

#define RVV_FORMS_V	(IVV | FVV | MVV)
#define RVV_FORMS_X	(IVX | MVX)

/*
 * The kind of an operand, which determines how its EEW and EMUL follow from SEW
 * and LMUL
 */
enum rvv_kind {
	K_NONE,		/* no vector operand */
	K_S,		/* SEW */
	K_W,		/* 2 * SEW */
	K_H,		/* SEW / 2 */
	K_Q,		/* SEW / 4 */
	K_O,		/* SEW / 8 */
	K_E16,		/* 16 bits, and as many elements as SEW and LMUL give */
	K_MASK,		/* a mask register */
	K_ES,		/* element 0 of a register, SEW */
	K_EW,		/* element 0 of a register, 2 * SEW */
	K_1R,		/* this many registers, regardless of LMUL */
	K_2R,
	K_4R,
	K_8R,
};

/* flags of an operation */
#define S2		BIT(0)	/* vs2 is signed */
#define S1		BIT(1)	/* vs1, rs1 or the immediate is signed */
#define SS		(S1 | S2)
#define UIMM		BIT(2)	/* the immediate is not sign-extended */
#define XFULL		BIT(3)	/* x[rs1] is not truncated to SEW */
#define VM0		BIT(4)	/* with vm = 0 only */
#define VM1		BIT(5)	/* with vm = 1 only */
#define CARRY		BIT(6)	/* v0 is an operand instead of a mask */
#define READS_VD	BIT(7)	/* vd is also a source */
#define APART		BIT(8)	/* vd must not overlap any source */
#define VSTART0		BIT(9)	/* vstart must be 0 */
#define VS2_0		BIT(10)	/* the field vs2 must be 0 */
#define FD		BIT(11)	/* vd is FP */
#define F2		BIT(12)	/* vs2 is FP */
#define F1		BIT(13)	/* vs1 or rs1 is FP */
#define FF		(FD | F2 | F1)
#define FWIDEN		BIT(14)	/* FP sources of SEW are widened to vd's first */
#define OTHER_EXT	BIT(15)	/* of an extension that is not covered */
#define WRITES_X	BIT(16)	/* the field vd is an x register */

/* The field vs1 selects the operation. */
#define SUB(n)		(0x20 | (n))

struct rvv_operand {
	u8 reg;
	u8 nregs;
	s8 eew;		/* log2 of bytes, or RVV_EEW_MASK */
	s8 emul;	/* log2 */
};

#define RVV_EEW_MASK	(-100)

struct rvv_ctx {
	struct rvv_state *s;
	const struct rvv_op *op;
	u32 insn;
	u8 funct3;
	bool vm;
	s8 sew;		/* log2 of bytes */
	s8 lmul;	/* log2 */
	u64 vlmax;
	struct rvv_operand d, s2, s1;
	u64 scalar;
	u64 i;
	bool carry;
};

/*
 * Compute an element of vd from the elements of vs2 (a), of vs1 or rs1 (b), and
 * of vd (d).
 */
typedef u64 (*rvv_elem_fn)(struct rvv_ctx *c, u64 a, u64 b, u64 d);

struct rvv_op {
	const char *name;
	u8 funct6;
	u8 forms;
	u8 sub;
	u8 d, s2, s1;
	u32 flags;
	rvv_elem_fn elem;
	/* Called instead of the loop over all elements */
	void (*run)(struct rvv_ctx *c);
};

/* The operations of each family. The last entry of each table has no name. */
extern const struct rvv_op rvv_int_ops[];
extern const struct rvv_op rvv_fp_ops[];
extern const struct rvv_op rvv_perm_ops[];
extern const struct rvv_op rvv_other_ops[];
extern const struct rvv_op *const rvv_families[];

#define RVV_FIELD(insn, lo, n)	(((insn) >> (lo)) & ((1U << (n)) - 1))

static inline u32 rvv_rd(u32 insn)
{
	return RVV_FIELD(insn, 7, 5);
}

static inline u32 rvv_rs1(u32 insn)
{
	return RVV_FIELD(insn, 15, 5);
}

static inline u32 rvv_rs2(u32 insn)
{
	return RVV_FIELD(insn, 20, 5);
}

static inline unsigned int rvv_bits(s8 eew)
{
	return 8U << eew;
}

static inline u64 rvv_zext(u64 v, s8 eew)
{
	return v << (64 - rvv_bits(eew)) >> (64 - rvv_bits(eew));
}

static inline u64 rvv_sext(u64 v, s8 eew)
{
	return (s64)(v << (64 - rvv_bits(eew))) >> (64 - rvv_bits(eew));
}

static inline u64 rvv_ext(u64 v, s8 eew, bool is_signed)
{
	return is_signed ? rvv_sext(v, eew) : rvv_zext(v, eew);
}

/* Return whether an instruction needs the FP unit. */
static inline bool rvv_is_fp(u32 insn)
{
	return RVV_FIELD(insn, 0, 7) == RVV_OPCODE_V &&
	       BIT(RVV_FIELD(insn, 12, 3)) & (FVV | FVF);
}

static inline bool rvv_is_v(const struct rvv_ctx *c)
{
	return RVV_FORMS_V & BIT(c->funct3);
}

u64 rvv_get(const struct rvv_ctx *c, const struct rvv_operand *o, u64 i);
void rvv_set(struct rvv_ctx *c, const struct rvv_operand *o, u64 i, u64 v);
bool rvv_mask_bit(const struct rvv_state *s, unsigned int reg, u64 i);
bool rvv_active(const struct rvv_ctx *c, u64 i);
void rvv_set_x(struct rvv_ctx *c, unsigned int rd, u64 v);

/* Decode and check */
bool rvv_parse_vtype(u64 vlenb, u64 vtype, s8 *sew, s8 *lmul);
bool rvv_operand_init(struct rvv_operand *o, unsigned int reg, int eew, int emul);
bool rvv_overlap(const struct rvv_operand *a, const struct rvv_operand *b);
bool rvv_dest_may_overlap(const struct rvv_operand *d, const struct rvv_operand *s);
bool rvv_mixed_eew(struct rvv_ctx *c, const struct rvv_operand *const *o, int n);

/* Families with decoders of their own */
enum rvv_result rvv_mem(struct rvv_ctx *c);

/*
 * Execute a scalar integer instruction. Return false without any effect if the
 * instruction is left to the hart.
 */
bool rvv_scalar(struct rvv_state *s, u32 insn);

/* Fetch instructions. Return how many bytes were fetched. */
size_t rvv_vcpu_fetch(struct rvv_vcpu *r, u64 gva, void *buf, size_t size);

/*
 * Execute the instructions from pc on, within the budget. Return how many were
 * executed.
 */
unsigned int rvv_run_ahead(struct rvv_vcpu *r);

/*
 * Execute the instruction with the host's vector unit. Return false without any
 * effect if that is not possible.
 */
bool rvv_unit_again(struct rvv_ctx *c);
bool rvv_unit_run(struct rvv_ctx *c);

/* FP */
u64 rvv_fp_widen(u64 v);
u64 rvv_fp_scalar(u64 f, s8 eew);
u64 rvv_fp_begin(struct rvv_state *s);
void rvv_fp_end(struct rvv_state *s, u64 host_fcsr);

/* Operations that reductions share with other instructions */
u64 rvv_elem_add(struct rvv_ctx *c, u64 a, u64 b, u64 d);
u64 rvv_elem_and(struct rvv_ctx *c, u64 a, u64 b, u64 d);
u64 rvv_elem_or(struct rvv_ctx *c, u64 a, u64 b, u64 d);
u64 rvv_elem_xor(struct rvv_ctx *c, u64 a, u64 b, u64 d);
u64 rvv_elem_minu(struct rvv_ctx *c, u64 a, u64 b, u64 d);
u64 rvv_elem_min(struct rvv_ctx *c, u64 a, u64 b, u64 d);
u64 rvv_elem_maxu(struct rvv_ctx *c, u64 a, u64 b, u64 d);
u64 rvv_elem_max(struct rvv_ctx *c, u64 a, u64 b, u64 d);
u64 rvv_elem_fadd(struct rvv_ctx *c, u64 a, u64 b, u64 d);
u64 rvv_elem_fmin(struct rvv_ctx *c, u64 a, u64 b, u64 d);
u64 rvv_elem_fmax(struct rvv_ctx *c, u64 a, u64 b, u64 d);

#endif /* SELFTEST_KVM_RVV_OPS_H */
