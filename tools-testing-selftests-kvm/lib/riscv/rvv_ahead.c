// SPDX-License-Identifier: GPL-2.0
/*
 * rvv_ahead.c - Go on with the instructions after an emulated one
 *
 * An exit to the VMM costs more than most vector instructions. The VMM therefore
 * goes on with vector instructions, vset*, accesses to vector CSRs, and the
 * scalar instructions that rvv_scalar() knows. It stops before any other
 * instruction and before one that raises an exception or accesses a device. The
 * hart then traps or exits as usual.
 *
 * The guest's interrupts wait meanwhile, for as long as the budget allows.
 */
#include "kvm_util.h"
#include "rvv_ops.h"

/*
 * From KVM_EXIT_RISCV_VECTOR until the next KVM_RUN, a remote FENCE.I waits for
 * the vCPU. Fetched instructions therefore stay valid for that long.
 */
#define FETCH_SIZE	128
#define GUEST_PAGE_SIZE	4096UL

struct code {
	struct rvv_vcpu *r;
	u64 gva, size;
	u8 bytes[FETCH_SIZE] __aligned(8);
};

/*
 * Fetch the instruction at PC. Return its number of halfwords, or 0 if it
 * cannot be fetched.
 */
static unsigned int fetch(struct code *c, u64 pc, u32 *insn)
{
	u64 page_end = (pc | (GUEST_PAGE_SIZE - 1)) + 1, left;
	const u16 *p;
	bool again;

	for (again = false;; again = true) {
		left = pc - c->gva < c->size ? c->size - (pc - c->gva) : 0;
		p = (const u16 *)(c->bytes + c->size - left);
		if (left >= 4 || (left >= 2 && (*p & 3) != 3))
			break;
		if (again)
			return 0;
		c->gva = pc;
		c->size = rvv_vcpu_fetch(c->r, pc, c->bytes,
					 min(page_end - pc, (u64)FETCH_SIZE));
	}

	*insn = p[0];
	if ((p[0] & 3) != 3)
		return 1;
	*insn |= (u32)p[1] << 16;
	return 2;
}

static bool is_vector(u32 insn)
{
	switch (RVV_FIELD(insn, 0, 7)) {
	case RVV_OPCODE_V:
	case RVV_OPCODE_LOAD:
	case RVV_OPCODE_STORE:
	case RVV_OPCODE_SYSTEM:
		return true;
	default:
		return false;
	}
}

unsigned int rvv_run_ahead(struct rvv_vcpu *r)
{
	unsigned int n, spent, budget = r->run_ahead;
	struct rvv_state *s = r->s;
	struct code code;
	u32 insn;

	code.r = r;
	code.gva = 0;
	code.size = 0;
	for (n = spent = 0; spent < budget; n++, spent++) {
		if (READ_ONCE(r->vcpu->run->immediate_exit) || !fetch(&code, s->pc, &insn))
			break;
		if (!is_vector(insn)) {
			if (!rvv_scalar(s, insn))
				break;
			continue;
		}
		spent += s->vl / RVV_ELEMENTS_PER_INSN;
		if (rvv_emulate(s, insn) != RVV_OK)
			break;
		if (rvv_is_fp(insn))
			r->fp_used = true;
	}
	return n;
}
