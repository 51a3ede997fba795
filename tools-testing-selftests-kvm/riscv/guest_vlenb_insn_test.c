// SPDX-License-Identifier: GPL-2.0
/*
 * guest_vlenb_insn_test.c - Test the vector instructions that KVM itself
 * emulates.
 *
 * A VM whose vlenb is not the host's executes vsetvli, vsetivli, vsetvl, and
 * reads and writes of the vector CSRs, one at a time and from random states.
 * After each instruction the registers must have the values that the reference
 * emulator computes. The VM does so in S mode, and again in U mode as a 32-bit
 * process, for which registers have 32 bits.
 *
 *	-s SEED		where the random numbers start (printed)
 *	-n COUNT	how many instructions for each length (250)
 */
#include <string.h>

#include "kvm_util.h"
#include "kselftest.h"
#include "options.h"
#include "processor.h"
#include "rvv.h"
#include "rvv_ops.h"
#include "simd.h"
#include "test_util.h"

/* The x registers that the instructions use */
#define RD	10
#define RS1	11
#define RS2	12

#define CSR_VXSAT	0x009
#define CSR_VXRM	0x00a

#define VTYPE_DEFINED	0xff
#define FUNCT3_VSET	(7 << 12)

static struct rvv_state want;
static struct kvm_random_state rng;

/* Whether the guest is a 32-bit process, and where its code is */
static bool rv32;
static u64 start_pc, insn_pc, trap_pc;

static unsigned int nr_legal, nr_illegal;

/* The instruction at guest_insn is written by the host. */
static void guest_code(void)
{
	asm volatile(".option push\n"
		     ".option norvc\n"
		     ".balign 64\n"
		     ".globl guest_start\n"
		     "guest_start:\n"
		     "fence.i\n"
		     ".globl guest_insn\n"
		     "guest_insn:\n"
		     "nop\n"
		     "ebreak\n"
		     ".globl guest_trap\n"
		     ".balign 4\n"
		     "guest_trap:\n"
		     "ebreak\n"
		     ".option pop\n");
}

extern u32 guest_start[], guest_insn[], guest_trap[];

static u64 x_reg(int n)
{
	return __kvm_reg_id(KVM_REG_RISCV_CORE, 0, n, KVM_REG_SIZE_ULONG);
}

static u32 random_below(u32 n)
{
	return kvm_random_u32(&rng) % n;
}

static u32 random_of(const u32 *from, u32 n)
{
	return from[random_below(n)];
}

/*
 * Return an AVL that is about as often above VLMAX as below, and sometimes the
 * largest one.
 */
static u64 random_avl(void)
{
	if (!random_below(8))
		return -1UL;

	return kvm_random_u64(&rng) >> (40 + random_below(24));
}

/* Return a vtype that is mostly legal and sometimes has reserved bits set. */
static u64 random_vtype(void)
{
	u64 vtype = kvm_random_u32(&rng) & VTYPE_DEFINED;

	switch (random_below(8)) {
	case 0:
		return vtype | RVV_VTYPE_VILL;
	case 1:
		return vtype | BIT(8 + random_below(55));
	default:
		return vtype & ~0x20UL;
	}
}

static u32 random_rs(u32 n)
{
	return random_below(3) ? n : 0;
}

static u32 random_vset(void)
{
	u32 insn = FUNCT3_VSET | random_rs(RD) << 7 | RVV_OPCODE_V;
	u64 vtype = random_vtype();

	switch (random_below(8)) {
	case 0 ... 2:			/* vsetvli */
		return insn | (vtype & 0x7ff) << 20 | random_rs(RS1) << 15;
	case 3 ... 4:			/* vsetivli */
		return insn | 3U << 30 | (vtype & 0x3ff) << 20 | random_below(32) << 15;
	case 5 ... 6:			/* vsetvl */
		return insn | 1U << 31 | random_rs(RS2) << 20 | random_rs(RS1) << 15;
	default:			/* reserved */
		return insn | 1U << 31 | BIT(25 + random_below(5)) | random_rs(RS1) << 15;
	}
}

static u32 random_csr(void)
{
	static const u32 csrs[] = {
		CSR_VSTART, CSR_VXSAT, CSR_VXRM, CSR_VCSR, CSR_VL, CSR_VTYPE, CSR_VLENB,
	};
	static const u32 ops[] = { 1, 2, 3, 5, 6, 7 };
	u32 op = random_of(ops, ARRAY_SIZE(ops));
	u32 rs1 = op & 4 ? random_below(32) * random_below(2) : random_rs(RS1);

	return random_of(csrs, ARRAY_SIZE(csrs)) << 20 | rs1 << 15 | op << 12 |
	       random_rs(RD) << 7 | RVV_OPCODE_SYSTEM;
}

static void random_state(struct rvv_state *s, u64 vlenb)
{
	s8 sew, lmul;

	s->vlenb = vlenb;
	s->pc = insn_pc;
	s->x[RD] = kvm_random_u64(&rng);
	s->x[RS1] = random_avl();
	s->x[RS2] = random_vtype();
	if (rv32) {
		s->x[RS1] = (u32)s->x[RS1] | kvm_random_u64(&rng) << 32;
		s->x[RS2] = (u32)s->x[RS2] | kvm_random_u64(&rng) << 32;
	}
	s->vtype = random_vtype();
	s->vl = 0;
	if (rvv_parse_vtype(vlenb, s->vtype, &sew, &lmul))
		s->vl = random_below((vlenb << 3 >> (3 + sew - lmul)) + 1);
	else
		s->vtype = RVV_VTYPE_VILL;
	s->vstart = random_below(8 * vlenb);
	s->vcsr = random_below(8);
}

static void set_state(struct kvm_vcpu *vcpu, const struct rvv_state *s, u32 insn)
{
	u64 sstatus = vcpu_get_reg(vcpu, RISCV_GENERAL_CSR_REG(sstatus));

	/* UXL must make no difference in S mode. */
	sstatus &= ~(SR_VS | SR_UXL);
	sstatus |= SR_VS_CLEAN | (rv32 || random_below(2) ? SR_UXL_32 : SR_UXL_64);

	*(u32 *)addr_gva2hva(vcpu->vm, (gva_t)guest_insn) = insn;

	vcpu_set_reg(vcpu, RISCV_CORE_REG(regs.pc), start_pc);
	vcpu_set_reg(vcpu, RISCV_CORE_REG(mode), rv32 ? KVM_RISCV_MODE_U : KVM_RISCV_MODE_S);
	vcpu_set_reg(vcpu, RISCV_GENERAL_CSR_REG(sstatus), sstatus);
	vcpu_set_reg(vcpu, RISCV_GENERAL_CSR_REG(scause), 0);
	vcpu_set_reg(vcpu, x_reg(RD), s->x[RD]);
	vcpu_set_reg(vcpu, x_reg(RS1), s->x[RS1]);
	vcpu_set_reg(vcpu, x_reg(RS2), s->x[RS2]);
	vcpu_set_reg(vcpu, VECTOR_CSR_REG(vtype), s->vtype);
	vcpu_set_reg(vcpu, VECTOR_CSR_REG(vl), s->vl);
	vcpu_set_reg(vcpu, VECTOR_CSR_REG(vstart), s->vstart);
	vcpu_set_reg(vcpu, VECTOR_CSR_REG(vcsr), s->vcsr);
}

/*
 * Emulate an instruction of a 32-bit process: it reads the lower halves of the
 * x registers, and sign-extends what it writes.
 */
static enum rvv_result emulate_rv32(struct rvv_state *s, u32 insn)
{
	u64 rd = s->x[RD], rs1 = s->x[RS1], rs2 = s->x[RS2];
	enum rvv_result result;

	s->x[RS1] = (u32)rs1;
	s->x[RS2] = (u32)rs2;
	result = rvv_emulate(s, insn);
	s->x[RS1] = rs1;
	s->x[RS2] = rs2;

	if (result != RVV_OK || !rvv_rd(insn))
		s->x[RD] = rd;
	else if (s->x[RD] & RVV_VTYPE_VILL)
		/* csrr rd, vtype: vill is bit 31. */
		s->x[RD] = (s64)(s32)BIT(31);

	return result;
}

/* What VS is after Clean has been written: a hart may know only Off and Dirty. */
static u64 vs_clean;

static void learn_vs_clean(struct kvm_vcpu *vcpu, u64 vlenb)
{
	random_state(&want, vlenb);
	set_state(vcpu, &want, 0x13);	/* nop */
	vcpu_run(vcpu);
	vs_clean = vcpu_get_reg(vcpu, RISCV_GENERAL_CSR_REG(sstatus)) & SR_VS;
}

#define SAME(_what, _is, _want)							\
	do {									\
		u64 __is = (_is), __want = (_want);				\
										\
		TEST_ASSERT(__is == __want,					\
			    "vlenb %lu, instruction 0x%08x: " _what " is 0x%lx, want 0x%lx", \
			    want.vlenb, insn, __is, __want);			\
	} while (0)

/* Return false if the hart has no 32-bit U mode. */
static bool run_one(struct kvm_vcpu *vcpu, u64 vlenb, u32 insn)
{
	enum rvv_result result;
	bool always, illegal;
	u64 status, pc, stval;

	random_state(&want, vlenb);
	set_state(vcpu, &want, insn);

	vcpu_run(vcpu);
	SAME("exit reason", vcpu->run->exit_reason, KVM_EXIT_DEBUG);
	pc = vcpu_get_reg(vcpu, RISCV_CORE_REG(regs.pc));
	status = vcpu_get_reg(vcpu, RISCV_GENERAL_CSR_REG(sstatus));
	if (rv32 && (status & SR_UXL) != SR_UXL_32)
		return false;
	status &= SR_VS;

	result = rv32 ? emulate_rv32(&want, insn) : rvv_emulate(&want, insn);
	illegal = result == RVV_ILLEGAL;
	TEST_ASSERT(illegal || result == RVV_OK, "Instruction 0x%08x is not covered", insn);
	SAME("scause", vcpu_get_reg(vcpu, RISCV_GENERAL_CSR_REG(scause)),
	     illegal ? EXC_INST_ILLEGAL : 0);
	if (illegal) {
		nr_illegal++;
		SAME("pc", pc, trap_pc);
		stval = vcpu_get_reg(vcpu, RISCV_GENERAL_CSR_REG(stval));
		if (stval)	/* Some harts report no instruction. */
			SAME("stval", stval, insn);
		SAME("sepc", vcpu_get_reg(vcpu, RISCV_GENERAL_CSR_REG(sepc)), insn_pc);
	} else {
		nr_legal++;
		SAME("pc", pc, want.pc);
	}
	SAME("rd", vcpu_get_reg(vcpu, x_reg(RD)), want.x[RD]);
	SAME("rs1", vcpu_get_reg(vcpu, x_reg(RS1)), want.x[RS1]);
	SAME("rs2", vcpu_get_reg(vcpu, x_reg(RS2)), want.x[RS2]);
	SAME("vtype", vcpu_get_reg(vcpu, VECTOR_CSR_REG(vtype)), want.vtype);
	SAME("vl", vcpu_get_reg(vcpu, VECTOR_CSR_REG(vl)), want.vl);
	SAME("vstart", vcpu_get_reg(vcpu, VECTOR_CSR_REG(vstart)), want.vstart);
	SAME("vcsr", vcpu_get_reg(vcpu, VECTOR_CSR_REG(vcsr)), want.vcsr);

	/*
	 * Do not check VS after csrrs and csrrc of a register other than x0: if
	 * the register holds 0, VS may or may not become Dirty.
	 */
	always = (insn & 0x7f) == RVV_OPCODE_V || (insn >> 12 & 3) == 1;
	if (illegal || (!always && !rvv_rs1(insn)))
		SAME("sstatus.VS", status, vs_clean);
	else if (always)
		SAME("sstatus.VS", status, SR_VS_DIRTY);

	return true;
}

static u64 pc_of(struct kvm_vm *vm, void *code)
{
	/* A 32-bit process runs with paging off, so that it can execute all. */
	return rv32 ? addr_gva2gpa(vm, (gva_t)code) : (u64)code;
}

static void run_mode(u64 vlenb, unsigned int count)
{
	struct kvm_guest_debug debug = { .control = KVM_GUESTDBG_ENABLE };
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_RISCV_GUEST_VLENB,
		.args = { vlenb, KVM_RISCV_VLENB_USER_EXIT },
	};
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	vm = vm_create(1);
	vm_ioctl(vm, KVM_ENABLE_CAP, &cap);
	vcpu = vm_vcpu_add(vm, 0, guest_code);
	vcpu_guest_debug_set(vcpu, &debug);
	if (rv32)
		vcpu_set_reg(vcpu, RISCV_GENERAL_CSR_REG(satp), 0);
	start_pc = pc_of(vm, guest_start);
	insn_pc = pc_of(vm, guest_insn);
	trap_pc = pc_of(vm, guest_trap);
	vcpu_set_reg(vcpu, RISCV_GENERAL_CSR_REG(stvec), trap_pc);

	learn_vs_clean(vcpu, vlenb);
	while (count-- &&
	       run_one(vcpu, vlenb, random_below(2) ? random_vset() : random_csr()))
		;

	TEST_ASSERT_EQ(vcpu_get_stat(vcpu, vector_exit_user), 0);
	kvm_vm_free(vm);
}

static void run_length(u64 vlenb, unsigned int count)
{
	run_mode(vlenb, count);
	rv32 = true;
	run_mode(vlenb, count);
	rv32 = false;
}

int main(int argc, char *argv[])
{
	u64 seed = kvm_random_seed, count = 250, vlenb, host;
	const struct test_option options[] = {
		{ 's', "SEED", &seed },
		{ 'n', "COUNT", &count },
	};

	parse_test_options(argc, argv, options, ARRAY_SIZE(options));

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_SET_GUEST_DEBUG));
	host = kvm_host_vlenb();
	__TEST_REQUIRE(host, "the host has no V");
	simd_switch_restore_at_exit();

	rng = new_kvm_random_state(seed);
	pr_info("seed %lu\n", seed);
	for (vlenb = 16; vlenb <= RVV_MAX_VLENB; vlenb *= 2) {
		if (vlenb == host)
			continue;
		run_length(vlenb, count);
		/*
		 * With the trace event on, KVM handles vset* after a full exit,
		 * as on a hart that leaves stval 0. Test that path as well.
		 */
		if (simd_trace_traps(true)) {
			run_length(vlenb, count / 2);
			simd_trace_traps(false);
		}
	}
	pr_info("%u legal and %u illegal instructions\n", nr_legal, nr_illegal);
	/* In a short run, all instructions may be of one kind by chance. */
	TEST_ASSERT(nr_legal + nr_illegal < 1000 || (nr_legal > nr_illegal && nr_illegal),
		    "Too few of the instructions are legal, or none is illegal");

	return 0;
}
