// SPDX-License-Identifier: GPL-2.0
/*
 * vset{i}vl{i} and the vector CSRs of vcpu_vector_insn.c against a model written
 * from the RISC-V "V" extension, version 1.0, sections 3 and 6.
 *
 * For each vlenb from 16 to 8192: each vtype that vsetvli and vsetivli can encode;
 * for vsetvl each of the low 12 bits' values, and each of the low 8 bits' with each
 * other bit; each of these with each class of AVL, with rd and rs1 of x0, of a register
 * of their own and of the same one, rs2 of the same as each of these.  All reserved
 * encodings.  Each CSR with each instruction, old values and new ones.  All that in
 * S mode, and in a 32-bit process.
 *
 * Where the specification leaves a choice, the model takes either, and says how
 * often that was: vill for SEW > LMUL * ELEN, and for an AVL of "keep vl" that is
 * reserved.  Of the choices for vl that it leaves, AVL / 2 <= vl <= VLMAX if
 * VLMAX < AVL < 2 * VLMAX, KVM takes VLMAX, as the emulator of the selftests does.
 */

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/kvm_host.h>
#include <asm/csr.h>
#include <asm/kvm_vcpu_vector.h>

/* What a guest can see of all that */
struct guest {
	u64 x[32];
	u64 vstart, vl, vtype, vcsr, vlenb;
};

/* Outcomes */
enum { DONE, ILLEGAL };

#define VILL		(1UL << 63)
#define ELEN		64

/* Whether the guest is in U mode, with UXL 32: section 3.1.6.3 of the privileged spec */
static bool rv32;

static unsigned long vsstatus;
static struct kvm_run run;
static struct kvm kvm;
static struct kvm_vcpu vcpu = { .kvm = &kvm, .run = &run };

unsigned long *prove_csr(unsigned int csr)
{
	if (csr != CSR_VSSTATUS)
		abort();

	return &vsstatus;
}

u8 kvm_riscv_simd_insn_units(unsigned long insn)
{
	(void)insn;

	return KVM_RISCV_SIMD_V;
}

/*
 * Remote fences wait for an instruction from one to the other.  If a fence has been
 * requested before, the instruction has to be read again.
 */
static bool fence_requested, emulating, unbalanced;

/* What is at pc since the fence, and whether it can be read */
static unsigned long insn_now, fetch_scause;

bool kvm_riscv_vcpu_emulation_begin(struct kvm_vcpu *vcpu)
{
	unbalanced |= emulating;
	emulating = true;

	return !fence_requested;
}

unsigned long kvm_riscv_vcpu_unpriv_read(struct kvm_vcpu *vcpu, bool read_insn,
					 unsigned long guest_addr, struct kvm_cpu_trap *trap)
{
	unbalanced |= !emulating || !read_insn || guest_addr != vcpu->arch.guest_context.sepc;
	fence_requested = false;
	trap->scause = fetch_scause;

	return insn_now;
}

void kvm_riscv_vcpu_emulation_end(struct kvm_vcpu *vcpu)
{
	unbalanced |= !emulating;
	emulating = false;
}

/* What vcpu_vector_insn.c has made of an instruction */
static int outcome_of_insn;

int kvm_riscv_vcpu_finish_insn(struct kvm_vcpu *vcpu, struct kvm_run *run, ulong insn, int rc)
{
	outcome_of_insn = rc;

	return rc != KVM_INSN_EXIT_TO_USER_SPACE;
}

/* The program calls for CSRs what this would call. */
int kvm_riscv_vcpu_system_insn(struct kvm_vcpu *vcpu, struct kvm_run *run, ulong insn)
{
	abort();
}

static void put_guest(const struct guest *g)
{
	struct __riscv_v_ext_state *v = &vcpu.arch.guest_vector;

	memcpy(vcpu.arch.guest_context.x, g->x, sizeof(g->x));
	v->vstart = g->vstart;
	v->vl = g->vl;
	v->vtype = g->vtype;
	v->vcsr = g->vcsr;
	v->vlenb = g->vlenb;
	kvm.arch.vlenb = g->vlenb;
	vsstatus = SR_VS_INITIAL | SR_FS_CLEAN | (rv32 ? SR_UXL_32 : SR_UXL_64);
	vcpu.arch.guest_context.sstatus = rv32 ? 0 : SR_SPP;
}

static void get_guest(struct guest *g)
{
	struct __riscv_v_ext_state *v = &vcpu.arch.guest_vector;

	memcpy(g->x, vcpu.arch.guest_context.x, sizeof(g->x));
	g->vstart = v->vstart;
	g->vl = v->vl;
	g->vtype = v->vtype;
	g->vcsr = v->vcsr;
	g->vlenb = v->vlenb;
}

/* ---- the model ------------------------------------------------------------ */

/* Section 3.4: SEW and LMUL in eighths, 0 if reserved */
static int vtype_sew(u64 vtype)
{
	int vsew = vtype >> 3 & 7;

	return vsew < 4 ? 8 << vsew : 0;
}

static int vtype_lmul8(u64 vtype)
{
	static const int lmul8[8] = { 8, 16, 32, 64, 0, 1, 2, 4 };

	return lmul8[vtype & 7];
}

/* VLMAX = LMUL * VLEN / SEW, 0 if there is no such vtype */
static u64 vlmax_of(u64 vtype, u64 vlenb)
{
	int sew = vtype_sew(vtype), lmul8 = vtype_lmul8(vtype);

	if (vtype >> 8 || !sew || !lmul8)
		return 0;

	return 8 * vlenb * lmul8 / 8 / sew;
}

/* Section 3.4.2: SEW of a fraction of a register up to LMUL * ELEN must be there. */
static bool must_support(u64 vtype)
{
	return vtype_lmul8(vtype) >= 8 || vtype_sew(vtype) <= ELEN * vtype_lmul8(vtype) / 8;
}

/* What an instruction reads from a register */
static u64 operand_of(const struct guest *g, unsigned int reg)
{
	return rv32 ? (u32)g->x[reg] : g->x[reg];
}

/*
 * Execute insn.  MAY_VILL is set if the result may be vill as well as what it is.
 */
static int vset_model(const struct guest *in, struct guest *out, u32 insn, bool *may_vill)
{
	unsigned int rd = insn >> 7 & 31, rs1 = insn >> 15 & 31, rs2 = insn >> 20 & 31;
	u64 vtype, avl, vlmax;
	bool keep = false;

	*out = *in;
	*may_vill = false;

	if (!(insn >> 31)) {
		vtype = insn >> 20 & 0x7ff;
	} else if (insn >> 30 == 3) {
		vtype = insn >> 20 & 0x3ff;
	} else if (insn >> 25 == 0x40) {
		vtype = operand_of(in, rs2);
	} else {
		return ILLEGAL;
	}

	/* Section 6.2 */
	if (insn >> 30 == 3) {
		avl = rs1;
	} else if (rs1) {
		avl = operand_of(in, rs1);
	} else if (rd) {
		avl = ~0UL;
	} else {
		avl = in->vl;
		keep = true;
	}

	vlmax = vlmax_of(vtype, in->vlenb);
	if (vlmax && !must_support(vtype))
		*may_vill = true;
	/* A change of VLMAX with that is reserved, and so is it after vill. */
	if (keep && (in->vtype & VILL || vlmax_of(in->vtype, in->vlenb) != vlmax))
		*may_vill = true;

	out->vtype = vlmax ? vtype : VILL;
	out->vl = avl <= vlmax ? avl : vlmax;
	out->vstart = 0;
	if (rd)
		out->x[rd] = out->vl;

	return DONE;
}

/* ---- comparison ----------------------------------------------------------- */

struct counts {
	u64 vset, vset_choice, vset_illegal, csr, csr_illegal, failed;
};

static struct counts *counts;

static void print_guest(const char *who, const struct guest *g, int outcome)
{
	printf("  %-8s %s vl %#lx vtype %#lx vstart %#lx vcsr %#lx x10 %#lx x11 %#lx x12 %#lx x0 %#lx\n",
	       who, outcome == DONE ? "done   " : "illegal", g->vl, g->vtype, g->vstart, g->vcsr, g->x[10],
	       g->x[11], g->x[12], g->x[0]);
}

static void differs(const char *what, u32 insn, const struct guest *in, const struct guest *want,
		    int want_outcome, const struct guest *got, int got_outcome)
{
	if (counts->failed++ >= 3)
		return;
	printf("%s: %#010x, vlenb %lu, vsstatus %#lx\n", what, insn, in->vlenb, vsstatus);
	print_guest("before", in, DONE);
	print_guest("model", want, want_outcome);
	print_guest("kernel", got, got_outcome);
}

static bool same_guest(const struct guest *a, const struct guest *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* FS stays as it was; VS becomes Dirty if anything has changed, and may do so anyway. */
static bool status_is_right(bool changed)
{
	if ((vsstatus & ~SR_VS) != (SR_FS_CLEAN | (rv32 ? SR_UXL_32 : SR_UXL_64)))
		return false;

	return (vsstatus & SR_VS) == SR_VS_DIRTY || (!changed && (vsstatus & SR_VS) == SR_VS_INITIAL);
}

static void vset(const struct guest *in, u32 insn)
{
	int want_outcome, outcome, rc;
	struct guest want, got;
	bool may_vill;

	put_guest(in);
	outcome_of_insn = -1;
	rc = kvm_riscv_vcpu_vector_insn(&vcpu, &run, insn);
	get_guest(&got);
	outcome = outcome_of_insn == KVM_INSN_CONTINUE_NEXT_SEPC ? DONE : ILLEGAL;
	if (rc != 1 || emulating || unbalanced ||
	    (outcome == ILLEGAL && outcome_of_insn != KVM_INSN_ILLEGAL_TRAP))
		outcome = -1;

	want_outcome = vset_model(in, &want, insn, &may_vill);
	if (may_vill && got.vtype == VILL) {
		unsigned int rd = insn >> 7 & 31;

		want.vtype = VILL;
		want.vl = 0;
		if (rd)
			want.x[rd] = 0;
	}
	counts->vset++;
	counts->vset_choice += may_vill;
	counts->vset_illegal += want_outcome == ILLEGAL;
	if (outcome != want_outcome || !same_guest(&want, &got) ||
	    !status_is_right(memcmp(&in->vstart, &got.vstart, 4 * sizeof(u64))))
		differs("vset", insn, in, &want, want_outcome, &got, outcome);
}

/* ---- enumeration ---------------------------------------------------------- */

#define OPCFG		(7 << 12 | 0x57)
#define RD(r)		((u32)(r) << 7)
#define RS1(r)		((u32)(r) << 15)
#define RS2(r)		((u32)(r) << 20)

static void fresh(struct guest *g, u64 vlenb)
{
	int i;

	memset(g, 0, sizeof(*g));
	for (i = 1; i < 32; i++)
		g->x[i] = 0xbad0000000000000 | i;
	g->vlenb = vlenb;
	g->vcsr = 5;
}

/* Classes of AVL for a VLMAX: what is around each border that the text names */
static int avl_classes(u64 vlmax, u64 vlenb, u64 *avl)
{
	const u64 all[] = {
		0, 1, 2, 3, vlmax / 2, vlmax - 1, vlmax, vlmax + 1, vlmax + vlmax / 2, 2 * vlmax - 1,
		2 * vlmax, 2 * vlmax + 1, 8 * vlenb - 1, 8 * vlenb, 8 * vlenb + 1, 65535, 65536, 65537,
		1UL << 31, (1UL << 32) - 1, 1UL << 32, (1UL << 32) + 1, (1UL << 63) - 1, 1UL << 63, ~0UL,
	};

	memcpy(avl, all, sizeof(all));

	return sizeof(all) / sizeof(*all);
}

/* One vtype, in the instruction or in a register, with all that rd and rs1 can be */
static void all_operands(u64 vlenb, u32 insn, u64 vtype, unsigned int rs2)
{
	static const unsigned int rds[] = { 0, 10, 11, 12 };
	u64 vlmax = vlmax_of(vtype, vlenb), avl[32];
	int nr_avl = avl_classes(vlmax, vlenb, avl), i, j, k, rd;
	const u64 old_vtypes[] = { VILL, vtype, 0, 0x1b, 0xc5 };
	struct guest g;

	fresh(&g, vlenb);
	g.x[12] = vtype;
	for (rd = 0; rd < 4; rd++) {
		/* AVL in a register, which may be rd */
		for (i = 0; i < nr_avl; i++) {
			g.vstart = i & 1 ? 3 : 0;
			g.vl = 1;
			g.vtype = 0;
			g.x[11] = avl[i];
			vset(&g, insn | RD(rds[rd]) | RS1(11) | RS2(rs2));
		}
		/* The same register for AVL and vtype */
		if (rs2) {
			g.x[11] = 7;
			vset(&g, insn | RD(rds[rd]) | RS1(12) | RS2(12));
		}
		/* None: VLMAX, or vl as it is */
		for (j = 0; j < 5; j++) {
			u64 old = old_vtypes[j], old_vlmax = old == VILL ? 0 : vlmax_of(old, vlenb);
			const u64 vls[] = { 0, 1, old_vlmax / 2, old_vlmax - 1, old_vlmax };

			if (old != VILL && !old_vlmax)
				continue;
			g.x[11] = 7;
			g.vtype = old;
			for (k = 0; k < 5; k++) {
				g.vl = vls[k] <= old_vlmax ? vls[k] : 0;
				g.vstart = g.vl;
				vset(&g, insn | RD(rds[rd]) | RS1(0) | RS2(rs2));
			}
		}
	}
}

static void all_vsets(u64 vlenb)
{
	struct guest g;
	u64 vtype, i;
	u32 bits;
	int bit;

	/* vsetvli */
	for (vtype = 0; vtype < 1 << 11; vtype++)
		all_operands(vlenb, OPCFG | vtype << 20, vtype, 0);

	/* vsetivli: the AVL is in the instruction */
	for (i = 0; i < 1 << 15; i++) {
		fresh(&g, vlenb);
		g.vstart = i & 7;
		vset(&g, OPCFG | 3U << 30 | (i >> 5) << 20 | RS1(i & 31) | RD(0));
		vset(&g, OPCFG | 3U << 30 | (i >> 5) << 20 | RS1(i & 31) | RD(10));
		vset(&g, OPCFG | 3U << 30 | (i >> 5) << 20 | RS1(i & 31) | RD(31));
	}

	/* vsetvl */
	for (vtype = 0; vtype < 1 << 12; vtype++)
		all_operands(vlenb, OPCFG | 0x40U << 25, vtype, 12);
	for (vtype = 0; vtype < 1 << 8; vtype++)
		for (bit = 12; bit < 64; bit++)
			all_operands(vlenb, OPCFG | 0x40U << 25, vtype | 1UL << bit, 12);
	all_operands(vlenb, OPCFG | 0x40U << 25, 0, 0);

	/* All that is neither of these */
	for (bits = 0; bits < 1 << 12; bits++) {
		if (!(bits & 0x800) || bits >> 10 == 3 || bits >> 5 == 0x40)
			continue;
		fresh(&g, vlenb);
		g.vstart = 2;
		g.vl = 3;
		vset(&g, OPCFG | bits << 20 | RS1(11) | RD(10));
		vset(&g, OPCFG | bits << 20);
	}
}

/* ---- CSRs ----------------------------------------------------------------- */

/*
 * Sections 3.5 to 3.10.  vstart has as many bits as the index of an element can need
 * if VLMAX is the largest there is, VLEN; vcsr is vxrm and vxsat.
 */
static u64 csr_value(const struct guest *g, unsigned int csr)
{
	switch (csr) {
	case CSR_VSTART:
		return g->vstart & (8 * g->vlenb - 1);
	case CSR_VXSAT:
		return g->vcsr & 1;
	case CSR_VXRM:
		return g->vcsr >> 1 & 3;
	case CSR_VCSR:
		return g->vcsr & 7;
	case CSR_VL:
		return g->vl;
	case CSR_VTYPE:
		/* vill is bit XLEN - 1, and what is read is sign-extended. */
		if (rv32 && g->vtype == VILL)
			return ~0x7fffffffUL;
		return g->vtype;
	default:
		return g->vlenb;
	}
}

static void csr_set_value(struct guest *g, unsigned int csr, u64 val)
{
	switch (csr) {
	case CSR_VSTART:
		g->vstart = val & (8 * g->vlenb - 1);
		break;
	case CSR_VXSAT:
		g->vcsr = (g->vcsr & 6) | (val & 1);
		break;
	case CSR_VXRM:
		g->vcsr = (g->vcsr & 1) | (val & 3) << 1;
		break;
	case CSR_VCSR:
		g->vcsr = val & 7;
		break;
	}
}

/* Zicsr: csrrw always writes, the others unless their operand is x0 or 0 */
static int csr_model(const struct guest *in, struct guest *out, unsigned int csr, unsigned int funct3,
		     unsigned int rs1, u64 operand, u64 *old)
{
	bool writes = (funct3 & 3) == 1 || rs1;

	*out = *in;
	*old = csr_value(in, csr);
	if (writes && csr >> 10 == 3)
		return ILLEGAL;
	if (writes) {
		switch (funct3 & 3) {
		case 1:
			csr_set_value(out, csr, operand);
			break;
		case 2:
			csr_set_value(out, csr, *old | operand);
			break;
		case 3:
			csr_set_value(out, csr, *old & ~operand);
			break;
		}
	}

	return DONE;
}

/* As a guest sees it: ONE_REG may have set bits that do not exist. */
static void only_what_exists(struct guest *g)
{
	g->vstart &= 8 * g->vlenb - 1;
	g->vcsr &= 7;
}

static void csr(const struct guest *in, unsigned int num, unsigned int funct3, unsigned int rs1,
		u64 operand)
{
	u32 insn = num << 20 | RS1(rs1) | funct3 << 12 | RD(10) | 0x73;
	unsigned long val = 0, new_val, wr_mask;
	struct guest want, got, before = *in;
	int want_outcome, outcome;
	u64 old;

	/* What csr_insn() of vcpu_insn.c makes of it */
	wr_mask = (funct3 & 3) == 1 ? ~0UL : operand;
	new_val = (funct3 & 3) == 1 ? operand : (funct3 & 3) == 2 ? ~0UL : 0;

	put_guest(in);
	vcpu.arch.csr_decode.insn = insn;
	outcome = kvm_riscv_vcpu_vector_csr_rmw(&vcpu, num, &val, new_val, wr_mask) ==
		  KVM_INSN_CONTINUE_NEXT_SEPC ? DONE : ILLEGAL;
	get_guest(&got);

	want_outcome = csr_model(in, &want, num, funct3, rs1, operand, &old);
	only_what_exists(&want);
	only_what_exists(&got);
	only_what_exists(&before);
	counts->csr++;
	counts->csr_illegal += want_outcome == ILLEGAL;
	if (outcome != want_outcome || !same_guest(&want, &got) || (outcome == DONE && val != old) ||
	    !status_is_right(!same_guest(&before, &got)))
		differs("CSR", insn, in, &want, want_outcome, &got, outcome);
}

static void all_csrs(u64 vlenb)
{
	static const unsigned int csrs[] = {
		CSR_VSTART, CSR_VXSAT, CSR_VXRM, CSR_VCSR, CSR_VL, CSR_VTYPE, CSR_VLENB,
	};
	const u64 vstarts[] = { 0, 1, 8 * vlenb - 1, 8 * vlenb, 0xffff0003 };
	const u64 operands[] = {
		0, 1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 31, vlenb, 8 * vlenb - 1, 8 * vlenb, 8 * vlenb + 1, 65535,
		65536, 1UL << 32, 1UL << 63, ~0UL, ~7UL,
	};
	unsigned int c, i, j, funct3, old;
	struct guest g;

	for (c = 0; c < 7; c++) {
		for (funct3 = 1; funct3 < 8; funct3++) {
			if (!(funct3 & 3))
				continue;
			for (old = 0; old < 16; old++) {
				for (i = 0; i < 5; i++) {
					fresh(&g, vlenb);
					g.vcsr = old;
					g.vstart = vstarts[i];
					g.vl = 2 * vlenb - old;
					g.vtype = old & 8 ? VILL : 0xc1;
					if (funct3 & 4) {
						for (j = 0; j < 32; j++)
							csr(&g, csrs[c], funct3, j, j);
						continue;
					}
					csr(&g, csrs[c], funct3, 0, 0);
					for (j = 0; j < sizeof(operands) / sizeof(*operands); j++)
						csr(&g, csrs[c], funct3, 11, operands[j]);
				}
			}
		}
	}
}

/* Emulate insn, with a fence requested after which NOW is there, or a fault */
static int after_fence(const struct guest *in, u32 insn, u32 now, unsigned long scause)
{
	put_guest(in);
	outcome_of_insn = -1;
	fence_requested = true;
	insn_now = now;
	fetch_scause = scause;

	return kvm_riscv_vcpu_vector_insn(&vcpu, &run, insn);
}

/*
 * If a fence has been requested, an instruction is emulated only if it is still there,
 * and one that is left to userspace goes on being emulated after the exit.
 */
static bool fences_and_exits(void)
{
	const u32 insn[] = { OPCFG | RS1(11) | RD(10), 0x57 };	/* vsetvli, vadd.vv */
	struct guest in, got;
	int i, j, rc;

	fresh(&in, 16);
	for (i = 0; i < 2; i++) {
		for (j = 0; j < 2; j++) {
			rc = after_fence(&in, insn[i], j ? insn[i] : insn[!i], j ? EXC_INST_PAGE_FAULT : 0);
			get_guest(&got);
			if (rc != 1 || outcome_of_insn != -1 || emulating || unbalanced || fence_requested ||
			    !same_guest(&in, &got) || !status_is_right(false))
				return false;
		}

		for (j = 0; j < 2; j++) {
			if (j) {
				rc = after_fence(&in, insn[i], insn[i], 0);
			} else {
				put_guest(&in);
				rc = kvm_riscv_vcpu_vector_insn(&vcpu, &run, insn[i]);
			}
			if (rc != !i || emulating != i || unbalanced || fence_requested || !status_is_right(true))
				return false;
			emulating = false;
		}
	}

	return run.exit_reason == KVM_EXIT_RISCV_VECTOR && run.riscv_vector.insn == insn[1];
}

int main(void)
{
	const int nr = 10;
	struct counts *all, sum = { 0 };
	int i, status, rc = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	all = mmap(NULL, nr * sizeof(*all), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (all == MAP_FAILED)
		return 1;
	vcpu.arch.simd.emulated = KVM_RISCV_SIMD_V;

	for (i = 0; i < nr; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return 1;
		if (!pid) {
			counts = &all[i];
			all_vsets(16UL << i);
			all_csrs(16UL << i);
			rv32 = true;
			all_vsets(16UL << i);
			all_csrs(16UL << i);
			_exit(0);
		}
	}
	while (wait(&status) > 0)
		if (status)
			rc = 1;

	for (i = 0; i < nr; i++) {
		sum.vset += all[i].vset;
		sum.vset_choice += all[i].vset_choice;
		sum.vset_illegal += all[i].vset_illegal;
		sum.csr += all[i].csr;
		sum.csr_illegal += all[i].csr_illegal;
		sum.failed += all[i].failed;
	}
	printf("vset: %lu cases with vlenb 16 to 8192, %lu of them illegal, in %lu the specification leaves a choice\n",
	       sum.vset, sum.vset_illegal, sum.vset_choice);
	printf("vector CSRs: %lu cases, %lu of them illegal\n", sum.csr, sum.csr_illegal);
	if (!fences_and_exits()) {
		puts("emulated during a remote fence, or not until userspace has finished");
		rc = 1;
	}
	printf("%lu differences to the model\n", sum.failed);

	return rc || sum.failed || !sum.vset || !sum.csr;
}
