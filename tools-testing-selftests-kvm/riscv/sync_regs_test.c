// SPDX-License-Identifier: GPL-2.0
/*
 * sync_regs_test.c - Test KVM_CAP_SYNC_REGS, which passes registers in kvm_run.
 *
 * The test compares each register in kvm_run with the same register of
 * KVM_GET_ONE_REG, in both directions, for each set of registers and for all
 * sets together.
 */
#include <errno.h>
#include <string.h>

#include "isa_util.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "simd.h"
#include "test_util.h"

#define CORE		KVM_SYNC_RISCV_CORE
#define CSR		KVM_SYNC_RISCV_CSR
#define FP		KVM_SYNC_RISCV_FP
#define VECTOR_CSR	KVM_SYNC_RISCV_VECTOR_CSR

#define REG(type, size, n)	(KVM_REG_RISCV | KVM_REG_RISCV_##type |	\
				 KVM_REG_SIZE_##size | (n))
#define CORE_ID(name)	REG(CORE, U64, KVM_REG_RISCV_CORE_REG(name))
#define CSR_ID(name)	REG(CSR, U64, KVM_REG_RISCV_CSR_REG(name))
#define VECTOR_ID(name)	REG(VECTOR, U64, KVM_REG_RISCV_VECTOR_CSR_REG(name))

#define MMIO_GVA	0x50000000UL
#define MMIO_GPA	0x7000000000UL

#define VTYPE_E8_M1	0xc0
#define VTYPE_E16_M2	0xc9

#define POISON		0xa5a5a5a5a5a5a5a5UL

#define INSN_EBREAK	0x00100073

/*
 * Define a guest that ends each turn with an ebreak, because that exit changes
 * no registers.
 */
#define GUEST(name, code)						\
	static __attribute__((naked)) void guest_##name(void)		\
	{								\
		asm volatile(".option push\n.option norvc\n"		\
			     code "ebreak\n.option pop\n");		\
	}

GUEST(core, ".irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
	    "addi x\\n, x\\n, \\n\n"
	    ".endr\n"
	    ".irp n, 16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
	    "addi x\\n, x\\n, \\n\n"
	    ".endr\n")

GUEST(csr, ".irp csr, sscratch,sepc,stval\n"
	   "csrr t0, \\csr\n"
	   "addi t0, t0, 4\n"
	   "csrw \\csr, t0\n"
	   ".endr\n"
	   "csrwi scounteren, 5\n")

GUEST(fp, ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
	  "fsgnjn.d f\\n, f\\n, f\\n\n"
	  ".endr\n"
	  ".irp n, 16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
	  "fsgnjn.d f\\n, f\\n, f\\n\n"
	  ".endr\n"
	  "frcsr t0\n"
	  "xori t0, t0, 0xff\n"
	  WRITE_FP_CSR("fscsr t0"))

GUEST(vector, "csrr t1, vstart\n"
	      "csrr t2, vl\n"
	      "csrr t3, vtype\n"
	      "csrr t0, vcsr\n"
	      "xori t0, t0, 7\n"
	      V_INSN("vsetvli zero, zero, e16, m2, ta, ma")
	      WRITE_V_CSR("csrw vcsr, t0"))

GUEST(mmio, "lw a0, 0(a1)\n"
	    "sw zero, 0(a1)\n")

/*
 * The registers in struct kvm_sync_regs, each with its id for KVM_GET_ONE_REG
 */
static struct field {
	u64 class, id;
	size_t offset;
} fields[96];
static int nr_fields;

/*
 * Add NR consecutive registers, starting at OFFSET in struct kvm_sync_regs and
 * with ID for KVM_GET_ONE_REG.
 */
static void add_fields(u64 class, size_t offset, u64 id, int nr)
{
	for (; nr; nr--, id++, offset += sizeof(u64)) {
		TEST_ASSERT(nr_fields < ARRAY_SIZE(fields), "More than %d registers", nr_fields);
		fields[nr_fields++] = (struct field) {
			.class = class, .id = id, .offset = offset,
		};
	}
}

static void init_fields(void)
{
	add_fields(CORE, offsetof(struct kvm_sync_regs, x[1]), REG(CORE, U64, 1), 31);
	add_fields(CORE, offsetof(struct kvm_sync_regs, pc), CORE_ID(regs.pc), 1);
	add_fields(CORE, offsetof(struct kvm_sync_regs, mode), CORE_ID(mode), 1);
	/*
	 * kvm_run does not have sip, which is between stval and satp in struct
	 * kvm_riscv_csr.
	 */
	add_fields(CSR, offsetof(struct kvm_sync_regs, sstatus), CSR_ID(sstatus), 7);
	add_fields(CSR, offsetof(struct kvm_sync_regs, satp), CSR_ID(satp), 3);
	add_fields(FP, offsetof(struct kvm_sync_regs, f), FP_D_REG(0), 32);
	add_fields(FP, offsetof(struct kvm_sync_regs, fcsr), FP_D_FCSR, 1);
	add_fields(VECTOR_CSR, offsetof(struct kvm_sync_regs, vstart), VECTOR_ID(vstart), 5);
}

static u64 *at(struct kvm_sync_regs *regs, const struct field *f)
{
	return (void *)regs + f->offset;
}

FIXTURE(sync_regs) {
	struct kvm_vcpu *vcpu;
	struct kvm_run *run;
	struct kvm_sync_regs *regs;
	u64 classes;
};

FIXTURE_SETUP(sync_regs)
{
	init_fields();
	(void)vm_create_with_one_vcpu(&self->vcpu, guest_core);
	self->run = self->vcpu->run;
	self->regs = &self->run->s.regs;
	self->classes = CORE | CSR;
	if (__vcpu_has_isa_ext(self->vcpu, KVM_RISCV_ISA_EXT_D))
		self->classes |= FP;
	if (__vcpu_has_isa_ext(self->vcpu, KVM_RISCV_ISA_EXT_V))
		self->classes |= VECTOR_CSR;
	vcpu_guest_debug_set(self->vcpu,
			     &(struct kvm_guest_debug) { .control = KVM_GUESTDBG_ENABLE });
}

FIXTURE_TEARDOWN(sync_regs)
{
	kvm_vm_free(self->vcpu->vm);
}

static u64 one_reg(struct kvm_vcpu *vcpu, const struct field *f)
{
	u64 val = 0;

	TEST_ASSERT(!__vcpu_get_reg(vcpu, f->id, &val), "Register 0x%lx: %s", f->id,
		    strerror(errno));

	return val;
}

/*
 * Return a value that the register can hold and that differs from all earlier
 * ones.
 */
static u64 random_value(struct kvm_vcpu *vcpu, const struct field *f)
{
	u64 val = kvm_random_u64(&kvm_rng);

	if (f->id == VECTOR_ID(vlenb))
		return vcpu_vlenb(vcpu);
	if (f->id == CORE_ID(mode))
		return val & 1;
	if (f->id == FP_D_FCSR)
		return (u32)val;

	return val;
}

static void fill_run(struct kvm_vcpu *vcpu, struct kvm_sync_regs *regs, u64 classes)
{
	const struct field *f;

	memset(regs, 0xa5, sizeof(*regs));
	for (f = fields; f < fields + nr_fields; f++)
		if (f->class & classes)
			*at(regs, f) = random_value(vcpu, f);
}

static void fill_vcpu(struct kvm_vcpu *vcpu, u64 classes)
{
	const struct field *f;

	for (f = fields; f < fields + nr_fields; f++)
		if (f->class & classes)
			vcpu_set_reg(vcpu, f->id, random_value(vcpu, f));
}

static void get_all(struct kvm_vcpu *vcpu, struct kvm_sync_regs *regs, u64 classes)
{
	const struct field *f;

	memset(regs, 0xa5, sizeof(*regs));
	regs->x[0] = 0;
	for (f = fields; f < fields + nr_fields; f++)
		if (f->class & classes)
			*at(regs, f) = one_reg(vcpu, f);
}

/* Call KVM_RUN such that it returns before it enters the guest. */
static int run_nothing(struct kvm_vcpu *vcpu)
{
	int ret;

	vcpu->run->immediate_exit = 1;
	ret = __vcpu_run(vcpu);
	vcpu->run->immediate_exit = 0;

	return ret;
}

#define EXPECT_SAME(classes, is, want)					\
do {									\
	const struct field *__f;					\
									\
	for (__f = fields; __f < fields + nr_fields; __f++) {		\
		if (__f->class & (classes))				\
			EXPECT_EQ(*at(want, __f), *at(is, __f)) {	\
				TH_LOG("register 0x%lx", __f->id);	\
			}						\
	}								\
} while (0)

TEST_F(sync_regs, discovery)
{
	EXPECT_EQ(self->classes, kvm_check_cap(KVM_CAP_SYNC_REGS));
	EXPECT_EQ(self->classes, vm_check_cap(self->vcpu->vm, KVM_CAP_SYNC_REGS));
	EXPECT_GE(SYNC_REGS_SIZE_BYTES, sizeof(struct kvm_sync_regs));
}

/*
 * For each combination of sets, KVM_RUN copies exactly these sets to kvm_run.
 */
TEST_F(sync_regs, valid)
{
	struct kvm_sync_regs want, untouched;
	u64 valid;

	memset(&untouched, 0xa5, sizeof(untouched));
	for (valid = 1; valid <= self->classes; valid++) {
		if (valid & ~self->classes)
			continue;
		fill_vcpu(self->vcpu, self->classes);
		get_all(self->vcpu, &want, self->classes);
		memset(self->regs, 0xa5, sizeof(*self->regs));
		self->run->kvm_valid_regs = valid;
		EXPECT_ERRNO(EINTR, run_nothing(self->vcpu));

		EXPECT_SAME(valid, self->regs, &want);
		EXPECT_EQ(valid & CORE ? 0 : POISON, self->regs->x[0]);
		EXPECT_SAME(~valid, self->regs, &untouched);
		EXPECT_EQ(valid, self->run->kvm_valid_regs);
	}
}

/*
 * For each combination of sets, KVM_RUN copies exactly these sets from kvm_run,
 * and only once.
 */
TEST_F(sync_regs, dirty)
{
	struct kvm_sync_regs old, new, is;
	u64 dirty;

	for (dirty = 1; dirty <= self->classes; dirty++) {
		if (dirty & ~self->classes)
			continue;
		fill_vcpu(self->vcpu, self->classes);
		get_all(self->vcpu, &old, self->classes);
		fill_run(self->vcpu, self->regs, dirty);
		new = *self->regs;
		self->run->kvm_dirty_regs = dirty;
		EXPECT_ERRNO(EINTR, run_nothing(self->vcpu));

		EXPECT_EQ(0, self->run->kvm_dirty_regs);
		EXPECT_EQ(0, memcmp(self->regs, &new, sizeof(new)));
		get_all(self->vcpu, &is, self->classes);
		EXPECT_SAME(dirty, &is, &new);
		EXPECT_SAME(self->classes & ~dirty, &is, &old);
	}
}

/* One KVM_RUN copies registers in and out, even if a signal ends it. */
TEST_F(sync_regs, both)
{
	struct kvm_sync_regs want, is;
	u64 same;
	int i;

	for (i = 0; i < 2; i++) {
		fill_vcpu(self->vcpu, self->classes);
		get_all(self->vcpu, &want, self->classes & ~CORE);
		fill_run(self->vcpu, self->regs, CORE);
		memcpy(want.x, self->regs->x, sizeof(want.x));
		want.pc = self->regs->pc;
		want.mode = self->regs->mode;
		self->run->kvm_valid_regs = self->classes;
		self->run->kvm_dirty_regs = CORE;
		EXPECT_ERRNO(EINTR, i ? vcpu_run_with_signal(self->vcpu) :
				   run_nothing(self->vcpu));
		EXPECT_EQ(i ? KVM_EXIT_INTR : 0, self->run->exit_reason);
		EXPECT_EQ(0, self->run->kvm_dirty_regs);
		EXPECT_EQ(0, self->regs->x[0]);

		/*
		 * CSRs lose bits that hardware does not implement once KVM has
		 * loaded them.
		 */
		same = i ? self->classes & ~CSR : self->classes;
		EXPECT_SAME(same, self->regs, &want);
		get_all(self->vcpu, &is, self->classes);
		EXPECT_SAME(self->classes, self->regs, &is);
	}
}

/*
 * If neither kvm_valid_regs nor kvm_dirty_regs has a bit set, KVM_RUN copies
 * nothing.
 */
TEST_F(sync_regs, none)
{
	struct kvm_sync_regs old, is, new;

	fill_vcpu(self->vcpu, self->classes);
	get_all(self->vcpu, &old, self->classes);
	memset(self->regs, 0x5a, sizeof(*self->regs));
	new = *self->regs;
	EXPECT_ERRNO(EINTR, run_nothing(self->vcpu));
	EXPECT_EQ(0, memcmp(self->regs, &new, sizeof(new)));
	get_all(self->vcpu, &is, self->classes);
	EXPECT_SAME(self->classes, &is, &old);
}

/*
 * KVM_RUN must fail without changing the vCPU or kvm_run. If it does not fail,
 * the test ends, rather than run a guest with random registers.
 */
#define EXPECT_REFUSED(_valid, _dirty)						\
do {										\
	u64 __valid = (_valid), __dirty = (_dirty);				\
	struct kvm_sync_regs __old, __is, __new = *self->regs;			\
										\
	get_all(self->vcpu, &__old, self->classes);				\
	self->run->kvm_valid_regs = __valid;					\
	self->run->kvm_dirty_regs = __dirty;					\
	self->run->exit_reason = 4711;						\
	ASSERT_EQ(-1, run_nothing(self->vcpu));					\
	ASSERT_EQ(EINVAL, errno);						\
	EXPECT_ERRNO(EINVAL, __vcpu_run(self->vcpu));				\
	EXPECT_EQ(4711, self->run->exit_reason);				\
	EXPECT_EQ(__valid, self->run->kvm_valid_regs);				\
	EXPECT_EQ(__dirty, self->run->kvm_dirty_regs);				\
	EXPECT_EQ(0, memcmp(self->regs, &__new, sizeof(__new)));		\
	get_all(self->vcpu, &__is, self->classes);				\
	EXPECT_SAME(self->classes, &__is, &__old);				\
	self->run->kvm_valid_regs = 0;						\
	self->run->kvm_dirty_regs = 0;						\
} while (0)

TEST_F(sync_regs, unknown_bits)
{
	u64 bit;

	fill_vcpu(self->vcpu, self->classes);
	fill_run(self->vcpu, self->regs, self->classes);
	for (bit = 1; bit; bit <<= 1) {
		if (bit & self->classes)
			continue;
		EXPECT_REFUSED(bit, 0);
		EXPECT_REFUSED(0, bit);
		EXPECT_REFUSED(self->classes | bit, self->classes);
		EXPECT_REFUSED(self->classes, self->classes | bit);
	}
	/*
	 * A refused KVM_RUN does not count as a run, so the vCPU's
	 * configuration can still be changed.
	 */
	EXPECT_EQ(0, __vcpu_set_reg(self->vcpu, RISCV_CONFIG_REG(mvendorid), 1));
}

TEST_F(sync_regs, illegal_values)
{
	static const u64 modes[] = { 2, 3, 1UL << 32, -1UL };
	static const u64 fcsrs[] = { 1UL << 32, -1UL };
	u64 vlenb;
	int i;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		fill_run(self->vcpu, self->regs, self->classes);
		self->regs->mode = modes[i];
		EXPECT_REFUSED(0, CORE);
		EXPECT_REFUSED(self->classes, self->classes);
	}
	for (i = 0; i < ARRAY_SIZE(fcsrs) && self->classes & FP; i++) {
		fill_run(self->vcpu, self->regs, self->classes);
		self->regs->fcsr = fcsrs[i];
		EXPECT_REFUSED(0, FP);
		EXPECT_REFUSED(self->classes, self->classes);
	}
	if (self->classes & VECTOR_CSR) {
		vlenb = vcpu_vlenb(self->vcpu);
		const u64 vlenbs[] = { 0, vlenb / 2, vlenb + 1, vlenb * 2, -1UL };

		for (i = 0; i < ARRAY_SIZE(vlenbs); i++) {
			fill_run(self->vcpu, self->regs, self->classes);
			self->regs->vlenb = vlenbs[i];
			EXPECT_REFUSED(0, VECTOR_CSR);
			EXPECT_REFUSED(self->classes, self->classes);
		}
	}

	/*
	 * Sets that are not copied may contain any values, even invalid ones.
	 */
	memset(self->regs, 0xff, sizeof(*self->regs));
	self->run->kvm_dirty_regs = CSR;
	EXPECT_ERRNO(EINTR, run_nothing(self->vcpu));
}

static void disable(struct kvm_vcpu *vcpu, u64 ext)
{
	if (__vcpu_has_isa_ext(vcpu, ext))
		vcpu_set_reg(vcpu, RISCV_ISA_EXT_REG(ext), 0);
}

TEST_F(sync_regs, no_v)
{
	disable(self->vcpu, KVM_RISCV_ISA_EXT_V);
	self->classes &= ~VECTOR_CSR;
	EXPECT_REFUSED(VECTOR_CSR, 0);
	EXPECT_REFUSED(0, VECTOR_CSR);
	self->run->kvm_valid_regs = self->classes;
	EXPECT_ERRNO(EINTR, run_nothing(self->vcpu));
}

TEST_F(sync_regs, no_fp)
{
	disable(self->vcpu, KVM_RISCV_ISA_EXT_V);
	disable(self->vcpu, KVM_RISCV_ISA_EXT_D);
	disable(self->vcpu, KVM_RISCV_ISA_EXT_F);
	self->classes &= ~(FP | VECTOR_CSR);
	EXPECT_REFUSED(FP, 0);
	EXPECT_REFUSED(0, FP);
	self->run->kvm_valid_regs = self->classes;
	self->run->kvm_dirty_regs = self->classes;
	memset(self->regs, 0, sizeof(*self->regs));
	EXPECT_ERRNO(EINTR, run_nothing(self->vcpu));
}

/*
 * Without D, KVM NaN-boxes the FP registers, as KVM_SET_ONE_REG does for F
 * registers.
 */
TEST_F(sync_regs, no_d)
{
	u32 f[32];
	u64 val;
	int i;

	if (!(self->classes & FP))
		SKIP(return, "the host has no D");
	disable(self->vcpu, KVM_RISCV_ISA_EXT_V);
	disable(self->vcpu, KVM_RISCV_ISA_EXT_D);

	for (i = 0; i < 32; i++) {
		f[i] = kvm_random_u64(&kvm_rng);
		self->regs->f[i] = f[i];
	}
	self->regs->fcsr = 0x41;
	self->run->kvm_dirty_regs = FP;
	self->run->kvm_valid_regs = FP;
	EXPECT_ERRNO(EINTR, run_nothing(self->vcpu));
	for (i = 0; i < 32; i++) {
		val = 0;
		EXPECT_EQ(0, __vcpu_get_reg(self->vcpu, REG(FP_F, U32, i), &val));
		EXPECT_EQ(f[i], val);
		EXPECT_EQ(0xffffffff00000000UL | f[i], self->regs->f[i]);
	}
	EXPECT_EQ(0x41, self->regs->fcsr);
}

/*
 * Copy the vCPU's registers to kvm_run, and set those there that the guest
 * needs in order to run CODE.
 */
static void start(struct kvm_vcpu *vcpu, u64 classes, void *code)
{
	vcpu->run->kvm_valid_regs = classes;
	TEST_ASSERT(run_nothing(vcpu) && errno == EINTR, "KVM_RUN: %s", strerror(errno));
	vcpu->run->s.regs.pc = (u64)code;
	vcpu->run->s.regs.sstatus |= SR_FS_CLEAN | SR_VS_CLEAN;
	vcpu->run->kvm_dirty_regs = CORE | CSR;
}

#define RUN_TO_END(guest)							\
do {										\
	self->regs->pc = (u64)(guest);						\
	self->run->kvm_dirty_regs |= CORE;					\
	ASSERT_EQ(0, __vcpu_run(self->vcpu));					\
	ASSERT_EQ(KVM_EXIT_DEBUG, self->run->exit_reason);			\
	EXPECT_EQ(INSN_EBREAK,							\
		  *(u32 *)addr_gva2hva(self->vcpu->vm, self->regs->pc));	\
} while (0)

TEST_F(sync_regs, guest_core)
{
	struct kvm_sync_regs old, is;
	int turn, i;

	start(self->vcpu, self->classes, guest_core);
	for (turn = 0; turn < 10; turn++) {
		for (i = 0; i < 32; i++)
			self->regs->x[i] = kvm_random_u64(&kvm_rng);
		old = *self->regs;
		RUN_TO_END(guest_core);
		EXPECT_EQ(0, self->regs->x[0]);
		for (i = 1; i < 32; i++)
			EXPECT_EQ(old.x[i] + i, self->regs->x[i]);
		EXPECT_EQ(KVM_RISCV_MODE_S, self->regs->mode);
		get_all(self->vcpu, &is, self->classes);
		EXPECT_SAME(self->classes, self->regs, &is);
	}
}

/*
 * KVM does not reload all CSRs of a vCPU that stays on its CPU, but it must
 * load those that have been changed in kvm_run.
 */
TEST_F(sync_regs, guest_csr)
{
	struct kvm_sync_regs old, is;
	int turn;

	start(self->vcpu, self->classes, guest_csr);
	for (turn = 0; turn < 10; turn++) {
		self->regs->sscratch = kvm_random_u64(&kvm_rng);
		self->regs->sepc = kvm_random_u64(&kvm_rng) & ~3UL;
		self->regs->stval = kvm_random_u64(&kvm_rng);
		self->regs->scounteren = 0;
		self->run->kvm_dirty_regs |= CSR;
		old = *self->regs;
		RUN_TO_END(guest_csr);
		EXPECT_EQ(old.sscratch + 4, self->regs->sscratch);
		EXPECT_EQ(old.sepc + 4, self->regs->sepc);
		EXPECT_EQ(old.stval + 4, self->regs->stval);
		EXPECT_EQ(5, self->regs->scounteren);
		EXPECT_EQ(old.satp, self->regs->satp);
		EXPECT_EQ(old.stvec, self->regs->stvec);
		get_all(self->vcpu, &is, self->classes);
		EXPECT_SAME(self->classes, self->regs, &is);
	}
}

TEST_F(sync_regs, guest_fp)
{
	struct kvm_sync_regs old, is;
	int turn, i;

	if (!(self->classes & FP))
		SKIP(return, "the host has no D");
	start(self->vcpu, self->classes, guest_fp);
	for (turn = 0; turn < 10; turn++) {
		for (i = 0; i < 32; i++)
			self->regs->f[i] = kvm_random_u64(&kvm_rng);
		self->regs->fcsr = kvm_random_u64(&kvm_rng) & 0xff;
		self->run->kvm_dirty_regs |= FP;
		old = *self->regs;
		RUN_TO_END(guest_fp);
		for (i = 0; i < 32; i++)
			EXPECT_EQ(old.f[i] ^ 1UL << 63, self->regs->f[i]);
		EXPECT_EQ(old.fcsr ^ 0xff, self->regs->fcsr);
		EXPECT_EQ(SR_FS_DIRTY, self->regs->sstatus & SR_FS);
		get_all(self->vcpu, &is, self->classes);
		EXPECT_SAME(self->classes, self->regs, &is);
	}
}

TEST_F(sync_regs, guest_vector)
{
	struct kvm_sync_regs old, is;
	int turn;

	if (!(self->classes & VECTOR_CSR))
		SKIP(return, "the host has no V");
	start(self->vcpu, self->classes, guest_vector);
	for (turn = 0; turn < 10; turn++) {
		self->regs->vstart = turn;
		self->regs->vl = turn + 1;
		self->regs->vtype = VTYPE_E8_M1;
		self->regs->vcsr = kvm_random_u64(&kvm_rng) & 7;
		self->run->kvm_dirty_regs |= VECTOR_CSR;
		old = *self->regs;
		RUN_TO_END(guest_vector);
		EXPECT_EQ(old.vstart, self->regs->x[6]);
		EXPECT_EQ(old.vl, self->regs->x[7]);
		EXPECT_EQ(old.vtype, self->regs->x[28]);
		EXPECT_EQ(0, self->regs->vstart);
		EXPECT_EQ(VTYPE_E16_M2, self->regs->vtype);
		EXPECT_EQ(old.vcsr ^ 7, self->regs->vcsr);
		EXPECT_EQ(old.vlenb, self->regs->vlenb);
		get_all(self->vcpu, &is, self->classes);
		EXPECT_SAME(self->classes, self->regs, &is);
	}
}

/*
 * The completion of an exit is applied after the registers that userspace has
 * changed in kvm_run.
 */
TEST_F(sync_regs, exit_completes_later)
{
	virt_map(self->vcpu->vm, MMIO_GVA, MMIO_GPA, 1);
	start(self->vcpu, self->classes, guest_mmio);
	self->regs->x[11] = MMIO_GVA;
	ASSERT_EQ(0, __vcpu_run(self->vcpu));
	ASSERT_EQ(KVM_EXIT_MMIO, self->run->exit_reason);
	EXPECT_EQ((u64)guest_mmio, self->regs->pc);

	memset(self->regs->x, 0xff, sizeof(self->regs->x));
	self->regs->x[11] = MMIO_GVA;
	self->run->kvm_dirty_regs = CORE;
	*(u32 *)self->run->mmio.data = 4711;
	EXPECT_ERRNO(EINTR, run_nothing(self->vcpu));
	EXPECT_EQ(4711, self->regs->x[10]);
	EXPECT_EQ(-1UL, self->regs->x[12]);
	EXPECT_EQ((u64)guest_mmio + 4, self->regs->pc);

	/*
	 * x0 must be zero for the guest, even if userspace writes another
	 * value.
	 */
	self->regs->x[0] = -1UL;
	self->run->kvm_dirty_regs = CORE;
	ASSERT_EQ(0, __vcpu_run(self->vcpu));
	ASSERT_EQ(KVM_EXIT_MMIO, self->run->exit_reason);
	EXPECT_TRUE(self->run->mmio.is_write);
	EXPECT_EQ(0, *(u32 *)self->run->mmio.data);
}

int main(int argc, char *argv[])
{
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_SYNC_REGS));

	return test_harness_run(argc, argv);
}
