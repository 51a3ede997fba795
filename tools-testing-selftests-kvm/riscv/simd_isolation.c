// SPDX-License-Identifier: GPL-2.0
/*
 * simd_isolation.c - Test that FP and vector state neither leaks nor gets lost.
 *
 * sstatus.FS and sstatus.VS are the only means that hardware has to keep a
 * guest away from the FP and vector registers. While one of these fields is not
 * Off, all registers that it gives access to must therefore hold the guest's
 * own values.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "isa_util.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "simd.h"
#include "test_util.h"
#include "ucall_common.h"

#define SECRET		0x5ec4e75ec4e75ec4UL
#define NR_EXITS	64

/*
 * The field in which prctl(PR_RISCV_V_SET_CONTROL) takes the setting that
 * applies after the next execve()
 */
#define V_CTRL_NEXT(x)	((x) << 2)

static void guest_simd_on(void)
{
	csr_set(CSR_SSTATUS, SR_FS | SR_VS);
}

/* The three ways to enable or disable a single-letter extension */
enum isa_path { ISA_SINGLE, ISA_MULTI, ISA_CONFIG };

static const struct {
	u64 ext;
	int letter;
} letters[] = {
	{ KVM_RISCV_ISA_EXT_D, 'd' },
	{ KVM_RISCV_ISA_EXT_F, 'f' },
	{ KVM_RISCV_ISA_EXT_V, 'v' },
};

static void vcpu_switch_ext(struct kvm_vcpu *vcpu, enum isa_path path, u64 ext, bool on)
{
	u64 n, isa;
	int i;

	switch (path) {
	case ISA_SINGLE:
		vcpu_set_reg(vcpu, RISCV_ISA_EXT_REG(ext), on);
		break;
	case ISA_MULTI:
		n = KVM_REG_RISCV_ISA_MULTI_REG(ext);
		vcpu_set_reg(vcpu, on ? RISCV_ISA_MULTI_EN_REG(n) : RISCV_ISA_MULTI_DIS_REG(n),
			     KVM_REG_RISCV_ISA_MULTI_MASK(ext));
		break;
	case ISA_CONFIG:
		isa = vcpu_get_reg(vcpu, RISCV_CONFIG_REG(isa));
		for (i = 0; i < ARRAY_SIZE(letters); i++) {
			if (letters[i].ext != ext)
				continue;
			if (on)
				isa |= BIT(letters[i].letter - 'a');
			else
				isa &= ~BIT(letters[i].letter - 'a');
		}
		vcpu_set_reg(vcpu, RISCV_CONFIG_REG(isa), isa);
		break;
	}
	TEST_ASSERT_EQ(__vcpu_has_isa_ext(vcpu, ext), on);
}

/* Execute one instruction that needs FS and one that needs VS. */
static void guest_probe(void)
{
	guest_simd_on();

	WRITE_ONCE(illegal_insns, 0);
	asm volatile("fmv.w.x f1, zero" ::: "memory");
	GUEST_SYNC(READ_ONCE(illegal_insns));

	WRITE_ONCE(illegal_insns, 0);
	asm volatile(V_INSN("vsetvli t0, zero, e8, m1, ta, ma") ::: "t0", "memory");
	GUEST_SYNC(READ_ONCE(illegal_insns));
	GUEST_DONE();
}

FIXTURE(simd_switch) {
	struct kvm_vcpu *vcpu;
};

FIXTURE_VARIANT(simd_switch) {
	enum isa_path path;
};

FIXTURE_VARIANT_ADD(simd_switch, single) { .path = ISA_SINGLE };
FIXTURE_VARIANT_ADD(simd_switch, multi) { .path = ISA_MULTI };
FIXTURE_VARIANT_ADD(simd_switch, config) { .path = ISA_CONFIG };

FIXTURE_SETUP(simd_switch)
{
	vm_create_with_one_vcpu(&self->vcpu, guest_probe);
	vcpu_catch_illegal_insns(self->vcpu);
}

FIXTURE_TEARDOWN(simd_switch)
{
	kvm_vm_free(self->vcpu->vm);
}

#define REQUIRE_EXT(vcpu, ext)						\
	do {								\
		if (!__vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_##ext))	\
			SKIP(return, "no " #ext);			\
	} while (0)

TEST_F(simd_switch, v_off_traps)
{
	REQUIRE_EXT(self->vcpu, V);

	vcpu_switch_ext(self->vcpu, variant->path, KVM_RISCV_ISA_EXT_V, false);
	EXPECT_EQ(0, vcpu_run_to_sync(self->vcpu));
	EXPECT_EQ(1, vcpu_run_to_sync(self->vcpu));
}

TEST_F(simd_switch, v_off_and_on_again_works)
{
	REQUIRE_EXT(self->vcpu, V);

	vcpu_switch_ext(self->vcpu, variant->path, KVM_RISCV_ISA_EXT_V, false);
	vcpu_switch_ext(self->vcpu, variant->path, KVM_RISCV_ISA_EXT_V, true);
	EXPECT_EQ(0, vcpu_run_to_sync(self->vcpu));
	EXPECT_EQ(0, vcpu_run_to_sync(self->vcpu));
}

TEST_F(simd_switch, fp_off_traps)
{
	REQUIRE_EXT(self->vcpu, F);

	/* Disable dependents first, because V and D need F. */
	if (__vcpu_has_isa_ext(self->vcpu, KVM_RISCV_ISA_EXT_V))
		vcpu_switch_ext(self->vcpu, variant->path, KVM_RISCV_ISA_EXT_V, false);
	if (__vcpu_has_isa_ext(self->vcpu, KVM_RISCV_ISA_EXT_D))
		vcpu_switch_ext(self->vcpu, variant->path, KVM_RISCV_ISA_EXT_D, false);
	vcpu_switch_ext(self->vcpu, variant->path, KVM_RISCV_ISA_EXT_F, false);
	EXPECT_EQ(1, vcpu_run_to_sync(self->vcpu));
	EXPECT_EQ(1, vcpu_run_to_sync(self->vcpu));
}

KVM_ONE_VCPU_TEST_SUITE(simd);

/*
 * A process keeps SECRET in a vector register of a CPU. A guest whose V is
 * disabled runs on the same CPU and tries to store that register.
 */
static u8 peeked[SIMD_MAX_VLENB] __aligned(16);

static void guest_peek_v8(void)
{
	guest_simd_on();
	for (;;) {
		WRITE_ONCE(illegal_insns, 0);
		asm volatile(V_INSN("vs1r.v v8, (%0)") :: "r" (peeked) : "memory");
		GUEST_SYNC(READ_ONCE(illegal_insns));
	}
}

static void keep_secret(void)
{
	/*
	 * Make no system call here, because system calls destroy vector
	 * registers. Reload the register all the time, in case something else
	 * has changed it.
	 */
	for (;;)
		asm volatile(V_INSN("vsetvli t0, zero, e64, m1, ta, ma\n"
				    "vmv.v.x v8, %0") :: "r" (SECRET) : "t0");
}

TEST_F(simd, v_off_hides_other_processes)
{
	struct kvm_vcpu *vcpu = self->vcpu;
	struct timespec nap = { .tv_nsec = 5000000 };
	u64 *v8 = addr_gva2hva(vcpu->vm, (gva_t)peeked);
	u64 traps;
	pid_t keeper;
	int i;

	REQUIRE_EXT(vcpu, V);
	vcpu_arch_set_entry_point(vcpu, guest_peek_v8);

	vcpu_catch_illegal_insns(vcpu);
	vcpu_switch_ext(vcpu, ISA_SINGLE, KVM_RISCV_ISA_EXT_V, false);

	pin_self_to_any_cpu();
	keeper = fork();
	TEST_ASSERT(keeper >= 0, "fork() failed");
	if (!keeper) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		keep_secret();
	}

	for (i = 0; i < NR_EXITS; i++) {
		/* Let the other process have the CPU. */
		nanosleep(&nap, NULL);
		traps = vcpu_run_to_sync(vcpu);
		if (!traps && *v8 == SECRET)
			TEST_FAIL("Guest without V stored v8 = %lx, which is process %d's",
				  *v8, keeper);
		TEST_ASSERT(traps == 1, "Guest without V executed vs1r.v (v8 = %lx)", *v8);
	}

	kill(keeper, SIGKILL);
	waitpid(keeper, NULL, 0);
}

/*
 * Enable V on a vCPU that was created without V. This is possible if the VMM
 * creates the vCPU while V is off for the VMM itself, and then enables V for
 * itself with prctl().
 */
static void test_v_late(void)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	u64 val;

	vm = vm_create_with_one_vcpu(&vcpu, guest_probe);
	vcpu_catch_illegal_insns(vcpu);
	TEST_ASSERT(!__vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_V),
		    "vCPU has V, although V is off for the VMM");
	/* Skip hosts that have vectors but not V. */
	__TEST_REQUIRE(!__vcpu_get_reg(vcpu, RISCV_ISA_EXT_REG(KVM_RISCV_ISA_EXT_V), &val),
		       "no V");

	TEST_ASSERT(!prctl(PR_RISCV_V_SET_CONTROL, PR_RISCV_V_VSTATE_CTRL_ON),
		    "prctl(PR_RISCV_V_SET_CONTROL) failed");
	vcpu_switch_ext(vcpu, ISA_SINGLE, KVM_RISCV_ISA_EXT_V, true);

	/* The VMM has not disabled what depends on V. */
	if (!__vcpu_get_reg(vcpu, RISCV_ISA_EXT_REG(KVM_RISCV_ISA_EXT_ZVBB), &val))
		TEST_ASSERT_EQ(val, 1);

	TEST_ASSERT_EQ(vcpu_run_to_sync(vcpu), 0);
	TEST_ASSERT_EQ(vcpu_run_to_sync(vcpu), 0);
	kvm_vm_free(vm);
}

#define V_LATE_ARG	"--v-late"

TEST(v_late)
{
	int status;
	pid_t pid;

	if (prctl(PR_RISCV_V_SET_CONTROL,
		  V_CTRL_NEXT(PR_RISCV_V_VSTATE_CTRL_OFF)))
		SKIP(return, "no V in this kernel");

	/*
	 * V can only be turned off for the next program, so execute this
	 * program again.
	 */
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		execl("/proc/self/exe", program_invocation_name, V_LATE_ARG, NULL);
		_exit(127);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	if (WIFEXITED(status) && WEXITSTATUS(status) == KSFT_SKIP)
		SKIP(return, "no V");
	EXPECT_EQ(0, status);
}

/*
 * If D is disabled and F is not, D instructions still run, because FS enables
 * both. KVM must therefore switch all 64 bits of the FP registers.
 */
static void guest_d_without_d(void)
{
	u64 val;

	guest_simd_on();
	asm volatile("fmv.d.x f9, %0" :: "r" (SECRET));
	GUEST_SYNC(0);
	asm volatile("fmv.x.d %0, f9" : "=r" (val));
	GUEST_SYNC(val);
	GUEST_DONE();
}

TEST_F(simd, d_off_keeps_all_bits)
{
	struct kvm_vcpu *vcpu = self->vcpu;
	u64 val;

	REQUIRE_EXT(vcpu, D);
	vcpu_arch_set_entry_point(vcpu, guest_d_without_d);
	if (__vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_V))
		vcpu_switch_ext(vcpu, ISA_SINGLE, KVM_RISCV_ISA_EXT_V, false);
	vcpu_switch_ext(vcpu, ISA_SINGLE, KVM_RISCV_ISA_EXT_D, false);

	vcpu_run_to_sync(vcpu);
	val = vcpu_run_to_sync(vcpu);
	TEST_ASSERT_EQ(val, SECRET);
}

#define FP_F_REG(n)	(KVM_REG_RISCV | KVM_REG_SIZE_U32 | KVM_REG_RISCV_FP_F | (n))
#define FP_F_FCSR	FP_F_REG(KVM_REG_RISCV_FP_F_REG(fcsr))

static u64 gpr_out[3];

/* The guest writes 1.0f to f1, and the VMM writes 2.0f to f2. */
static void guest_f_view(void)
{
	guest_simd_on();
	asm volatile("fmv.d.x f2, %0\n"
		     "fmv.w.x f1, %1\n"
		     WRITE_FP_CSR("fsrmi 1")
		     :: "r" (SECRET), "r" (0x3f800000));
	GUEST_SYNC(0);
	/* A single that is not NaN-boxed reads as NaN: 1.0f + 1.0f != 2.0f. */
	asm volatile("fmv.x.d %0, f2\n"
		     "fadd.s  f3, f1, f1\n"
		     "feq.s   %1, f2, f3\n"
		     "frcsr   %2"
		     : "=r" (gpr_out[0]), "=r" (gpr_out[1]), "=r" (gpr_out[2]));
	GUEST_SYNC(0);
	GUEST_DONE();
}

static void test_f_view(struct kvm_vcpu *vcpu, bool has_d)
{
	u64 *out = addr_gva2hva(vcpu->vm, (gva_t)gpr_out);
	u32 val;

	vcpu_run_to_sync(vcpu);
	TEST_ASSERT_EQ(__vcpu_get_reg(vcpu, FP_F_REG(1), &val), 0);
	TEST_ASSERT_EQ(val, 0x3f800000);
	TEST_ASSERT_EQ(__vcpu_get_reg(vcpu, FP_F_REG(2), &val), 0);
	TEST_ASSERT_EQ(val, (u32)SECRET);
	TEST_ASSERT_EQ(__vcpu_get_reg(vcpu, FP_F_FCSR, &val), 0);
	TEST_ASSERT_EQ(val, 1 << 5);

	vcpu_set_reg(vcpu, FP_F_REG(2), 0x40000000);
	vcpu_set_reg(vcpu, FP_F_FCSR, 2 << 5);

	vcpu_run_to_sync(vcpu);
	if (has_d) {
		/*
		 * With D, the D registers own the upper half. Writing an F
		 * register does not change that half.
		 */
		TEST_ASSERT_EQ(out[0], (SECRET & ~0xffffffffUL) | 0x40000000);
	} else {
		TEST_ASSERT_EQ(out[0], 0xffffffff00000000UL | 0x40000000);
		TEST_ASSERT_EQ(out[1], 1);
	}
	TEST_ASSERT_EQ(out[2] >> 5, 2);
}

TEST_F(simd, f_view_without_d)
{
	struct kvm_vcpu *vcpu = self->vcpu;

	REQUIRE_EXT(vcpu, D);
	vcpu_arch_set_entry_point(vcpu, guest_f_view);
	if (__vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_V))
		vcpu_switch_ext(vcpu, ISA_SINGLE, KVM_RISCV_ISA_EXT_V, false);
	vcpu_switch_ext(vcpu, ISA_SINGLE, KVM_RISCV_ISA_EXT_D, false);
	test_f_view(vcpu, false);
}

TEST_F(simd, f_view_with_d)
{
	struct kvm_vcpu *vcpu = self->vcpu;

	REQUIRE_EXT(vcpu, D);
	vcpu_arch_set_entry_point(vcpu, guest_f_view);
	test_f_view(vcpu, true);
}

/*
 * The guest and the VMM thread keep all their registers live across KVM_RUN.
 * Neither may see the other's values, whatever the kernel does with the hart's
 * registers in between. The buffers hold the guest's actual and expected
 * registers.
 */
static u8 v_buf[32 * SIMD_MAX_VLENB] __aligned(16);
static u8 v_want[32 * SIMD_MAX_VLENB] __aligned(16);
static u64 f_want[32], f_buf[32];

static void guest_live_registers(u64 vlenb)
{
	unsigned long vl, vtype, vcsr, frm;
	int i, turn;

	guest_simd_on();
	for (turn = 0; turn < NR_EXITS; turn++) {
		for (i = 0; i < 32; i++)
			f_want[i] = SECRET * (turn * 32 + i + 1);
		for (i = 0; i < 32 * vlenb; i++)
			v_want[i] = turn + i * 7 + (i >> 8);

		asm volatile(ALL_F("fld", "%0") WRITE_FP_CSR("fsrm %1")
			     :: "r" (f_want), "r" (turn % 5) : "memory");
		simd_load_v_regs(v_want, vlenb);
		asm volatile(V_INSN("vsetvli zero, %0, e16, m2, ta, mu\n"
				    "csrwi vstart, 0")
			     WRITE_V_CSR("csrwi vxrm, 2")
			     :: "r" (turn % (vlenb / 2) + 1));
		GUEST_SYNC(turn);
		asm volatile("csrr %0, vl\ncsrr %1, vtype\ncsrr %2, vcsr\nfrrm %3"
			     : "=r" (vl), "=r" (vtype), "=r" (vcsr), "=r" (frm));
		simd_store_v_regs(v_buf, vlenb);
		asm volatile(ALL_F("fsd", "%0") :: "r" (f_buf) : "memory");

		for (i = 0; i < 32; i++)
			GUEST_ASSERT_EQ(f_buf[i], f_want[i]);
		for (i = 0; i < 32 * vlenb; i++)
			__GUEST_ASSERT(v_buf[i] == v_want[i], "turn %d: v%d byte %d is %x, not %x",
				       turn, i / (int)vlenb, i % (int)vlenb, v_buf[i], v_want[i]);
		GUEST_ASSERT_EQ(frm, turn % 5);
		GUEST_ASSERT_EQ(vcsr, 2 << 1);
		GUEST_ASSERT_EQ(vl, turn % (vlenb / 2) + 1);
		GUEST_ASSERT_EQ(vtype, 0x49);	/* e16, m2, ta, mu */
	}
	GUEST_SYNC(NR_EXITS);
}

static void check_live_registers(struct kvm_vcpu *vcpu, bool vmm_uses_v)
{
	static u8 host_v[32 * SIMD_MAX_VLENB] __aligned(16);
	static struct simd_regs host_in, host_out;
	u64 vlenb = vcpu_vlenb(vcpu);
	u8 *guest_v = addr_gva2hva(vcpu->vm, (gva_t)v_want);
	unsigned long vxrm = 0;
	struct ucall uc;
	int turn, i;
	long ret;

	__TEST_REQUIRE(vlenb <= SIMD_MAX_VLENB, "vlenb is above SIMD_MAX_VLENB");
	vcpu_args_set(vcpu, 1, vlenb);

	for (turn = 0; turn < NR_EXITS; turn++) {
		for (i = 0; i < 32; i++)
			host_in.f[i] = ~SECRET * (turn * 32 + i + 1);
		if (vmm_uses_v) {
			memset(host_v, 0x11, sizeof(host_v));
			simd_load_v_regs(host_v, vlenb);
			/*
			 * vxrm is the only vector state that a system call
			 * preserves.
			 */
			asm volatile("csrwi vxrm, 1");
		}
		do {
			ret = vcpu_run_with_live_fp(vcpu, &host_in, &host_out);
		} while (ret == -EINTR);
		/*
		 * Store the vector registers before anything else can use them.
		 */
		if (vmm_uses_v) {
			simd_store_v_regs(host_v, vlenb);
			asm volatile("csrr %0, vxrm" : "=r" (vxrm));
			TEST_ASSERT_EQ(vxrm, 1);
		}
		TEST_ASSERT(!ret, "KVM_RUN: %ld", ret);

		for (i = 0; i < NR_SAVED_F; i++)
			TEST_ASSERT_EQ(host_out.f[simd_saved_f[i]],
				       host_in.f[simd_saved_f[i]]);

		if (get_ucall(vcpu, &uc) == UCALL_ABORT)
			REPORT_GUEST_ASSERT(uc);
		TEST_ASSERT_EQ(uc.cmd, UCALL_SYNC);
		TEST_ASSERT_EQ(uc.args[1], turn);
		for (i = 0; vmm_uses_v && i < 32; i++)
			TEST_ASSERT(memcmp(host_v + i * vlenb, guest_v + i * vlenb, vlenb),
				    "turn %d: the VMM's v%d holds the guest's value", turn, i);
	}
	TEST_ASSERT_EQ(vcpu_run_to_sync(vcpu), NR_EXITS);
}

TEST_F(simd, registers_survive_exits)
{
	struct kvm_vcpu *vcpu = self->vcpu;

	REQUIRE_EXT(vcpu, V);
	vcpu_arch_set_entry_point(vcpu, guest_live_registers);
	check_live_registers(vcpu, false);
}

TEST_F(simd, guest_v_hidden_from_vmm)
{
	struct kvm_vcpu *vcpu = self->vcpu;

	REQUIRE_EXT(vcpu, V);
	vcpu_arch_set_entry_point(vcpu, guest_live_registers);
	check_live_registers(vcpu, true);
}

/*
 * Write a register from a buffer whose second half is not mapped. The write
 * must fail and must not change the register.
 */
static void check_half_a_write(struct kvm_vcpu *vcpu, u64 id, void *end)
{
	static u8 old[8192], now[8192];	/* No vlenb is larger. */
	size_t size = 1UL << ((id & KVM_REG_SIZE_MASK) >> KVM_REG_SIZE_SHIFT);
	struct kvm_one_reg reg = { .id = id, .addr = (unsigned long)old };

	memset(old, 0x5e, size);
	memset(end - size / 2, 0xc4, size / 2);

	vcpu_ioctl(vcpu, KVM_SET_ONE_REG, &reg);
	reg.addr = (unsigned long)end - size / 2;
	TEST_ASSERT(__vcpu_ioctl(vcpu, KVM_SET_ONE_REG, &reg) == -1 && errno == EFAULT,
		    "KVM_SET_ONE_REG of %lx, errno %d", id, errno);

	reg.addr = (unsigned long)now;
	vcpu_ioctl(vcpu, KVM_GET_ONE_REG, &reg);
	TEST_ASSERT(!memcmp(now, old, size), "Half of register %lx has changed", id);
}

TEST_F(simd, failed_write_changes_nothing)
{
	struct kvm_vcpu *vcpu = self->vcpu;
	long page = getpagesize();
	u64 vlenb;
	void *end;

	REQUIRE_EXT(vcpu, D);
	end = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(end != MAP_FAILED, "mmap() failed");
	end += page;
	TEST_ASSERT(!munmap(end, page), "munmap() failed");

	check_half_a_write(vcpu, FP_F_REG(3), end);
	check_half_a_write(vcpu, __kvm_reg_id(KVM_REG_RISCV_FP_D, 0, 3, KVM_REG_SIZE_U64), end);
	if (!__vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_V))
		return;

	check_half_a_write(vcpu, __kvm_reg_id(KVM_REG_RISCV_VECTOR, 0,
					      KVM_REG_RISCV_VECTOR_CSR_REG(vl),
					      KVM_REG_SIZE_ULONG), end);
	vlenb = vcpu_vlenb(vcpu);
	check_half_a_write(vcpu, __kvm_reg_id(KVM_REG_RISCV_VECTOR, 0,
					      KVM_REG_RISCV_VECTOR_REG(3),
					      (u64)__builtin_ctzl(vlenb) << KVM_REG_SIZE_SHIFT),
			   end);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], V_LATE_ARG)) {
		test_v_late();
		return 0;
	}
	return test_harness_run(argc, argv);
}
