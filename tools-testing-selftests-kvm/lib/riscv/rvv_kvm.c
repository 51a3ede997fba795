// SPDX-License-Identifier: GPL-2.0
/*
 * rvv_kvm.c - Emulate a vector instruction of a vCPU
 *
 * If the vector length of a VM is not the host's, KVM leaves most vector
 * instructions to the VMM. At such an exit pc is on the instruction, and the
 * guest's sstatus.VS is not Off. vcpu_emulate_vector() executes the instruction
 * on registers that it reads and writes with KVM_GET_ONE_REG and
 * KVM_SET_ONE_REG, advances pc, makes sstatus.VS and FS Dirty, and raises
 * exceptions in the guest.
 *
 * rvv_vcpu_emulate() does the same on the registers in kvm_run and on the
 * mapped vector registers, and so needs no system call to access them. It can
 * go on with the instructions that follow.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kvm_util.h"
#include "processor.h"
#include "rvv_ops.h"
#include "simd.h"

#define CORE_REG(n)	__kvm_reg_id(KVM_REG_RISCV_CORE, 0, n, KVM_REG_SIZE_ULONG)
#define FP_REG(n)	__kvm_reg_id(KVM_REG_RISCV_FP_D, 0, n, KVM_REG_SIZE_U64)
#define FCSR_REG	__kvm_reg_id(KVM_REG_RISCV_FP_D, 0,		\
				     KVM_REG_RISCV_FP_D_REG(fcsr), KVM_REG_SIZE_U32)
#define V_CSR_REG(name)	__kvm_reg_id(KVM_REG_RISCV_VECTOR, 0,		\
				     KVM_REG_RISCV_VECTOR_CSR_REG(name), KVM_REG_SIZE_ULONG)

#define FUNCT6_WHOLE	0x27
#define SR_SPELP	BIT(23)

struct guest {
	struct kvm_vcpu *vcpu;
	u64 sstatus, mode;
	u32 v_regs;	/* a bit for each that the instruction can name */
};

/* The id that x0 would have is that of pc, so x0 must be handled separately. */
static u64 get_x(struct kvm_vcpu *vcpu, unsigned int n)
{
	return n ? vcpu_get_reg(vcpu, CORE_REG(n)) : 0;
}

static u64 v_reg(const struct rvv_state *s, unsigned int n)
{
	return v_reg_id(n, s->vlenb);
}

static void get_v(struct kvm_vcpu *vcpu, struct rvv_state *s, unsigned int n)
{
	struct kvm_one_reg reg = {
		.id = v_reg(s, n),
		.addr = (u64)(s->v + n * s->vlenb),
	};

	vcpu_ioctl(vcpu, KVM_GET_ONE_REG, &reg);
}

static void set_v(struct kvm_vcpu *vcpu, struct rvv_state *s, unsigned int n)
{
	struct kvm_one_reg reg = {
		.id = v_reg(s, n),
		.addr = (u64)(s->v + n * s->vlenb),
	};

	vcpu_ioctl(vcpu, KVM_SET_ONE_REG, &reg);
}

/*
 * Access guest memory with KVM_RISCV_MEM_OP: KVM translates the address, checks
 * permissions, and makes remote fences wait.
 */
static size_t guest_access(struct rvv_state *s, u64 gva, void *buf, size_t size, size_t n,
			   u32 op)
{
	struct guest *g = s->mem;
	struct kvm_riscv_mem_op mop = vcpu_mem_op(g->vcpu, op, gva, buf, size * n, size);

	TEST_ASSERT(mop.result != KVM_RISCV_MEM_MMIO, "Vector access to a device at 0x%llx",
		    mop.gpa);
	s->cause = mop.scause;
	s->tval = mop.stval;
	return mop.done / size;
}

static size_t guest_load(struct rvv_state *s, u64 gva, void *buf, size_t size, size_t n)
{
	return guest_access(s, gva, buf, size, n, KVM_RISCV_MEM_LOAD);
}

static size_t guest_store(struct rvv_state *s, u64 gva, const void *buf, size_t size, size_t n)
{
	return guest_access(s, gva, (void *)buf, size, n, KVM_RISCV_MEM_STORE);
}

/*
 * Return the set of vector registers that an instruction may access: v0 if it
 * is the mask, and for each operand as many registers as the largest possible
 * EMUL. That is 8 for loads, stores and moves of whole registers, and twice
 * LMUL for everything else.
 */
static u32 named_v_regs(const struct rvv_state *s, u32 insn)
{
	s8 sew, lmul;
	int nr = 8;
	u32 group, regs;

	if ((insn & 0x7f) == RVV_OPCODE_V && RVV_FIELD(insn, 26, 6) != FUNCT6_WHOLE &&
	    rvv_parse_vtype(s->vlenb, s->vtype, &sew, &lmul))
		nr = min(2 << max_t(int, lmul, 0), 8);
	group = BIT(nr) - 1;
	regs = group << rvv_rd(insn) | group << rvv_rs2(insn);
	/*
	 * In all other forms rs1 is an x register, an f register or an
	 * immediate.
	 */
	if ((insn & 0x7f) == RVV_OPCODE_V && BIT(RVV_FIELD(insn, 12, 3)) & RVV_FORMS_V)
		regs |= group << rvv_rs1(insn);
	return RVV_FIELD(insn, 25, 1) ? regs : regs | 1;
}

/*
 * Read only the registers that the instruction may access, because each costs
 * an ioctl.
 */
static void get_state(struct guest *g, struct rvv_state *s, u32 insn)
{
	unsigned int rd = rvv_rd(insn), rs1 = rvv_rs1(insn), rs2 = rvv_rs2(insn), n;
	struct kvm_vcpu *vcpu = g->vcpu;
	bool op_v = (insn & 0x7f) == RVV_OPCODE_V;

	g->sstatus = vcpu_get_reg(vcpu, RISCV_GENERAL_CSR_REG(sstatus));
	g->mode = vcpu_get_reg(vcpu, RISCV_CORE_REG(mode));

	s->pc = vcpu_get_reg(vcpu, RISCV_CORE_REG(regs.pc));
	s->x[rd] = get_x(vcpu, rd);
	s->x[rs1] = get_x(vcpu, rs1);
	s->x[rs2] = get_x(vcpu, rs2);
	if (op_v && BIT(RVV_FIELD(insn, 12, 3)) & (FVV | FVF)) {
		s->f[rd] = vcpu_get_reg(vcpu, FP_REG(rd));
		s->f[rs1] = vcpu_get_reg(vcpu, FP_REG(rs1));
		s->fcsr = (u32)vcpu_get_reg(vcpu, FCSR_REG);
	}
	s->vstart = vcpu_get_reg(vcpu, V_CSR_REG(vstart));
	s->vl = vcpu_get_reg(vcpu, V_CSR_REG(vl));
	s->vtype = vcpu_get_reg(vcpu, V_CSR_REG(vtype));
	s->vcsr = vcpu_get_reg(vcpu, V_CSR_REG(vcsr));
	s->vlenb = vcpu_get_reg(vcpu, V_CSR_REG(vlenb));
	TEST_ASSERT(is_power_of_2(s->vlenb) && s->vlenb <= RVV_MAX_VLENB,
		    "The emulator does not support vlenb %lu", s->vlenb);
	g->v_regs = named_v_regs(s, insn);
	for (n = 0; n < 32; n++)
		if (g->v_regs & BIT(n))
			get_v(vcpu, s, n);

	s->fs_off = !(g->sstatus & SR_FS);
	s->load = guest_load;
	s->store = guest_store;
	s->mem = g;
}

static void set_if_changed(struct kvm_vcpu *vcpu, u64 id, u64 old, u64 new)
{
	if (old != new)
		vcpu_set_reg(vcpu, id, new);
}

static void put_state(struct guest *g, struct rvv_state *old, struct rvv_state *new, u32 insn)
{
	unsigned int rd = rvv_rd(insn), n;
	struct kvm_vcpu *vcpu = g->vcpu;
	u64 sstatus = g->sstatus;

	if (rd)
		set_if_changed(vcpu, CORE_REG(rd), old->x[rd], new->x[rd]);
	set_if_changed(vcpu, FP_REG(rd), old->f[rd], new->f[rd]);
	set_if_changed(vcpu, FCSR_REG, old->fcsr, new->fcsr);
	set_if_changed(vcpu, V_CSR_REG(vstart), old->vstart, new->vstart);
	set_if_changed(vcpu, V_CSR_REG(vl), old->vl, new->vl);
	set_if_changed(vcpu, V_CSR_REG(vtype), old->vtype, new->vtype);
	set_if_changed(vcpu, V_CSR_REG(vcsr), old->vcsr, new->vcsr);
	for (n = 0; n < 32; n++) {
		if (!memcmp(old->v + n * old->vlenb, new->v + n * new->vlenb, new->vlenb))
			continue;
		TEST_ASSERT(g->v_regs & BIT(n), "0x%x writes v%d, which was not read", insn, n);
		set_v(vcpu, new, n);
	}
	set_if_changed(vcpu, RISCV_CORE_REG(regs.pc), old->pc, new->pc);

	g->sstatus |= SR_VS_DIRTY;
	if (old->f[rd] != new->f[rd] || old->fcsr != new->fcsr)
		g->sstatus |= SR_FS_DIRTY;
	set_if_changed(vcpu, RISCV_GENERAL_CSR_REG(sstatus), sstatus, g->sstatus);
}

/*
 * Raise an exception in the guest. Exceptions go to the base address in stvec,
 * whatever its mode.
 */
static void raise_exception(struct guest *g, u64 pc, u64 cause, u64 tval)
{
	u64 stvec = vcpu_get_reg(g->vcpu, RISCV_GENERAL_CSR_REG(stvec));
	u64 sstatus = g->sstatus & ~(SR_SPP | SR_SPIE | SR_SIE | SR_SPELP);

	if (g->mode == KVM_RISCV_MODE_S)
		sstatus |= SR_SPP;
	if (g->sstatus & SR_SIE)
		sstatus |= SR_SPIE;
	vcpu_set_reg(g->vcpu, RISCV_GENERAL_CSR_REG(sstatus), sstatus);
	vcpu_set_reg(g->vcpu, RISCV_GENERAL_CSR_REG(sepc), pc);
	vcpu_set_reg(g->vcpu, RISCV_GENERAL_CSR_REG(scause), cause);
	vcpu_set_reg(g->vcpu, RISCV_GENERAL_CSR_REG(stval), tval);
	vcpu_set_reg(g->vcpu, RISCV_CORE_REG(regs.pc), stvec & ~3UL);
	vcpu_set_reg(g->vcpu, RISCV_CORE_REG(mode), KVM_RISCV_MODE_S);
}

enum rvv_result vcpu_emulate_vector(struct kvm_vcpu *vcpu, u32 insn)
{
	static __thread struct rvv_state old, new;
	struct guest g = { .vcpu = vcpu };
	enum rvv_result ret;

	get_state(&g, &old, insn);
	memcpy(&new, &old, offsetof(struct rvv_state, v) + 32 * old.vlenb);
	ret = rvv_emulate(&new, insn);

	switch (ret) {
	case RVV_FAULT:
		put_state(&g, &old, &new, insn);
		raise_exception(&g, old.pc, new.cause, new.tval);
		break;
	case RVV_ILLEGAL:
		raise_exception(&g, old.pc, EXC_INST_ILLEGAL, insn);
		break;
	case RVV_NOT_COVERED:
		TEST_FAIL("Vector instruction 0x%x at 0x%lx is not covered by the emulator",
			  insn, old.pc);
		break;
	case RVV_OK:
		put_state(&g, &old, &new, insn);
		break;
	}
	return ret;
}

#define SYNC_CLASSES	(KVM_SYNC_RISCV_CORE | KVM_SYNC_RISCV_CSR |	\
			 KVM_SYNC_RISCV_FP | KVM_SYNC_RISCV_VECTOR_CSR)
#define V_PGOFF		(KVM_RISCV_VECTOR_PAGE_OFFSET * (off_t)getpagesize())

static size_t v_map_size(struct kvm_vcpu *vcpu)
{
	u64 size = 32 * vcpu_get_reg(vcpu, V_CSR_REG(vlenb));

	return max_t(size_t, size, getpagesize());
}

/* Like guest_access(), but without copying struct kvm_riscv_mem_op */
static size_t synced_access(struct rvv_state *s, u64 gva, void *buf, size_t size, size_t n,
			    u32 op)
{
	struct rvv_vcpu *r = s->mem;
	struct kvm_riscv_mem_op *mop = &r->mop;
	u64 left = size * n;
	int ret;

	do {
		mop->gva = gva + size * n - left;
		mop->buf = (u64)buf + size * n - left;
		mop->size = left;
		mop->width = size;
		mop->op = op;
		ret = ioctl(r->vcpu->fd, KVM_RISCV_MEM_OP, mop);
		left -= mop->done;
	} while (ret && errno == EINTR);
	if (ret)
		TEST_FAIL(KVM_IOCTL_ERROR(KVM_RISCV_MEM_OP, ret));
	/*
	 * After the instruction that caused the exit, device accesses are left
	 * to the hart.
	 */
	if (mop->result == KVM_RISCV_MEM_MMIO && !r->ahead)
		TEST_FAIL("Vector access to a device at 0x%llx", mop->gpa);
	s->cause = mop->scause;
	s->tval = mop->stval;
	return n - DIV_ROUND_UP(left, size);
}

static size_t synced_load(struct rvv_state *s, u64 gva, void *buf, size_t size, size_t n)
{
	return synced_access(s, gva, buf, size, n, KVM_RISCV_MEM_LOAD);
}

static size_t synced_store(struct rvv_state *s, u64 gva, const void *buf, size_t size, size_t n)
{
	return synced_access(s, gva, (void *)buf, size, n, KVM_RISCV_MEM_STORE);
}

size_t rvv_vcpu_fetch(struct rvv_vcpu *r, u64 gva, void *buf, size_t size)
{
	return 2 * synced_access(r->s, gva, buf, 2, size / 2, KVM_RISCV_MEM_FETCH);
}

/*
 * Map KVM's vector registers at the end of the emulator's state, so that the
 * emulator works on them without copying. The rest of the state is in the page
 * before them.
 */
void rvv_vcpu_init(struct rvv_vcpu *r, struct kvm_vcpu *vcpu)
{
	const size_t page = getpagesize(), offset = offsetof(struct rvv_state, v);
	size_t size = v_map_size(vcpu);
	u8 *p, *v;

	TEST_ASSERT(!(SYNC_CLASSES & ~vm_check_cap(vcpu->vm, KVM_CAP_SYNC_REGS)),
		    "KVM does not have all registers in kvm_run");
	TEST_ASSERT_EQ(vm_check_cap(vcpu->vm, KVM_CAP_RISCV_VECTOR_MAP),
		       KVM_RISCV_VECTOR_PAGE_OFFSET);
	p = mmap(NULL, page + size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(p != MAP_FAILED && offset <= page, "mmap(): %s", strerror(errno));
	v = mmap(p + page, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		 vcpu->fd, V_PGOFF);
	TEST_ASSERT(v == p + page, "mmap(): %s", strerror(errno));

	*r = (struct rvv_vcpu) { .vcpu = vcpu };
	r->s = (void *)(v - offset);
	r->s->load = synced_load;
	r->s->store = synced_store;
	vcpu->run->kvm_valid_regs = SYNC_CLASSES;
}

void rvv_vcpu_free(struct rvv_vcpu *r)
{
	const size_t page = getpagesize();

	r->vcpu->run->kvm_valid_regs = 0;
	munmap(r->s->v - page, page + v_map_size(r->vcpu));
}

static void get_synced(const struct kvm_sync_regs *regs, struct rvv_state *s, u32 insn)
{
	unsigned int rd = rvv_rd(insn), rs1 = rvv_rs1(insn), rs2 = rvv_rs2(insn);

	s->pc = regs->pc;
	s->x[rd] = regs->x[rd];
	s->x[rs1] = regs->x[rs1];
	s->x[rs2] = regs->x[rs2];
	s->f[rd] = regs->f[rd];
	s->f[rs1] = regs->f[rs1];
	s->fcsr = regs->fcsr;
	s->vstart = regs->vstart;
	s->vl = regs->vl;
	s->vtype = regs->vtype;
	s->vcsr = regs->vcsr;
	s->vlenb = regs->vlenb;

	s->fs_off = !(regs->sstatus & SR_FS);
}

static u64 put_synced(struct kvm_sync_regs *regs, const struct rvv_state *s, u32 insn)
{
	unsigned int rd = rvv_rd(insn);
	u64 dirty = KVM_SYNC_RISCV_CORE;

	regs->pc = s->pc;
	if (rd)
		regs->x[rd] = s->x[rd];
	if (regs->f[rd] != s->f[rd] || regs->fcsr != s->fcsr) {
		regs->f[rd] = s->f[rd];
		regs->fcsr = s->fcsr;
		dirty |= KVM_SYNC_RISCV_FP;
	}
	if (regs->vstart != s->vstart || regs->vl != s->vl || regs->vcsr != s->vcsr) {
		regs->vstart = s->vstart;
		regs->vl = s->vl;
		regs->vcsr = s->vcsr;
		dirty |= KVM_SYNC_RISCV_VECTOR_CSR;
	}

	return dirty;
}

/* libkvm's memcpy() copies byte by byte, so do not use it here. */
#define COPY_REGS(_to, _from)				\
do {							\
	int __i;					\
							\
	for (__i = 0; __i < 32; __i++)			\
		(_to)[__i] = (_from)[__i];		\
} while (0)

/*
 * Run ahead. The following instructions may access any register, so copy all of
 * them.
 */
static u64 go_on(struct rvv_vcpu *r, struct kvm_sync_regs *regs)
{
	u64 dirty = KVM_SYNC_RISCV_CORE | KVM_SYNC_RISCV_VECTOR_CSR;
	struct rvv_state *s = r->s;

	COPY_REGS(s->x, regs->x);
	COPY_REGS(s->f, regs->f);

	r->ahead = true;
	r->fp_used = false;
	r->nr_ahead += rvv_run_ahead(r);
	r->ahead = false;

	regs->pc = s->pc;
	COPY_REGS(regs->x, s->x);
	regs->vstart = s->vstart;
	regs->vl = s->vl;
	regs->vtype = s->vtype;
	regs->vcsr = s->vcsr;
	if (r->fp_used) {
		COPY_REGS(regs->f, s->f);
		regs->fcsr = s->fcsr;
		regs->sstatus |= SR_FS_DIRTY;
		dirty |= KVM_SYNC_RISCV_FP | KVM_SYNC_RISCV_CSR;
	}

	return dirty;
}

static u64 raise_synced(struct kvm_sync_regs *regs, u64 cause, u64 tval)
{
	u64 sstatus = regs->sstatus & ~(SR_SPP | SR_SPIE | SR_SIE | SR_SPELP);

	if (regs->mode == KVM_RISCV_MODE_S)
		sstatus |= SR_SPP;
	if (regs->sstatus & SR_SIE)
		sstatus |= SR_SPIE;
	regs->sstatus = sstatus;
	regs->sepc = regs->pc;
	regs->scause = cause;
	regs->stval = tval;
	regs->pc = regs->stvec & ~3UL;
	regs->mode = KVM_RISCV_MODE_S;

	return KVM_SYNC_RISCV_CORE | KVM_SYNC_RISCV_CSR;
}

enum rvv_result rvv_vcpu_emulate(struct rvv_vcpu *r)
{
	struct kvm_run *run = r->vcpu->run;
	struct kvm_sync_regs *regs = &run->s.regs;
	u32 insn = run->riscv_vector.insn;
	struct rvv_state *s = r->s;
	enum rvv_result ret;
	u64 dirty = 0;

	s->mem = r;
	get_synced(regs, s, insn);
	ret = rvv_emulate(s, insn);
	if (ret == RVV_NOT_COVERED)
		TEST_FAIL("Vector instruction 0x%x at 0x%llx is not covered by the emulator",
			  insn, run->riscv_vector.pc);

	/* KVM has already made VS and, where needed, FS Dirty. */
	if (ret != RVV_ILLEGAL)
		dirty = put_synced(regs, s, insn);
	if (ret == RVV_OK && r->run_ahead)
		dirty |= go_on(r, regs);
	else if (ret == RVV_ILLEGAL)
		dirty |= raise_synced(regs, EXC_INST_ILLEGAL, insn);
	else if (ret == RVV_FAULT)
		dirty |= raise_synced(regs, s->cause, s->tval);
	run->kvm_dirty_regs = dirty;

	return ret;
}
