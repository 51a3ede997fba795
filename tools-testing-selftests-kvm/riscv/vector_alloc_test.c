// SPDX-License-Identifier: GPL-2.0
/*
 * vector_alloc_test.c - Test that KVM allocates vector memory only for guests
 * that use vectors.
 *
 * The test detects allocations with the kernel's fault injection: a call that
 * allocates fails, and a call that does not allocate leaves the failure armed.
 */
#include <errno.h>
#include <string.h>

#include "fault_util.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "simd.h"
#include "test_util.h"
#include "ucall_common.h"

#define MAX_VLENB	8192

static u8 v_buf[32 * MAX_VLENB] __aligned(16);
static u8 v_want[MAX_VLENB];

static u64 vector_reg(struct kvm_vcpu *vcpu, int n)
{
	return v_reg_id(n, vcpu_vlenb(vcpu));
}

static int v_reg(struct kvm_vcpu *vcpu, bool set, int n, void *val)
{
	struct kvm_one_reg reg = { .id = vector_reg(vcpu, n), .addr = (unsigned long)val };

	return __vcpu_ioctl(vcpu, set ? KVM_SET_ONE_REG : KVM_GET_ONE_REG, &reg);
}

static void fill(void *buf, int seed)
{
	for (int i = 0; i < MAX_VLENB; i++)
		((u8 *)buf)[i] = (i + 1) * 37 + seed;
}

static size_t vlenb_of(struct kvm_vcpu *vcpu)
{
	return KVM_REG_SIZE(vector_reg(vcpu, 0));
}

static void skip_c_unimp(struct pt_regs *regs)
{
	regs->epc += 2;
}

/*
 * First repeat everything that the guest does apart from using vector
 * registers, so that later only the use of vectors can make KVM allocate
 * memory. The loop exercises GUEST_SYNC(), and makes KVM map the code after the
 * loop, which is on the same page. The illegal instruction checks that an
 * illegal-instruction trap alone does not allocate vector memory.
 */
static void __aligned(512) guest_code(void)
{
	unsigned long vlenb = 0;
	int i;

	csr_set(CSR_SSTATUS, SR_VS);
	for (i = 0; i < 3; i++) {
		GUEST_SYNC(i);
		asm volatile(".2byte 0	# c.unimp");
		asm volatile(V_INSN("csrr %0, vlenb") : "=r"(vlenb));
	}
	GUEST_SYNC(vlenb);

	asm volatile(V_INSN("vs8r.v v0, (%0)\n"
			    "vs8r.v v8, (%1)")
		     :: "r"(v_buf), "r"(v_buf + 8 * vlenb) : "memory");
	GUEST_SYNC(100);

	asm volatile(V_INSN("vmv1r.v v9, v5") ::: "memory");
	GUEST_SYNC(101);

	asm volatile(V_INSN("vs8r.v v8, (%0)\n") :: "r"(v_buf) : "memory");
	GUEST_SYNC(102);
}

static void run_to_first_use(struct kvm_vcpu *vcpu)
{
	int i;

	/* Touch the buffer, so that accessing it does not allocate later. */
	memset(v_buf, 0xff, sizeof(v_buf));
	sync_global_to_guest(vcpu->vm, v_buf);
	for (i = 0; i < 3; i++)
		TEST_ASSERT_EQ(vcpu_run_to_sync(vcpu), i);
}

static bool have_simd_switch;

/*
 * A kernel without the parameter simd_switch always loads the registers at the
 * first use, which is what the variant "lazy" tests.
 */
FIXTURE(vector_alloc) {
	struct kvm_vcpu *vcpu;
};

FIXTURE_VARIANT(vector_alloc) {
	bool eager;
};

FIXTURE_VARIANT_ADD(vector_alloc, lazy) { false };
FIXTURE_VARIANT_ADD(vector_alloc, eager) { true };

FIXTURE_SETUP(vector_alloc)
{
	struct kvm_vm *vm;

	if (variant->eager && !have_simd_switch)
		SKIP(return, "no parameter simd_switch, or not root");
	if (!variant->eager && !has_lazy_trap())
		SKIP(return, NO_LAZY_TRAP);

	vm = vm_create_with_one_vcpu(&self->vcpu, guest_code);
	if (!__vcpu_has_isa_ext(self->vcpu, KVM_RISCV_ISA_EXT_V))
		SKIP(return, "the host has no V");
	vm_enable_cap(vm, KVM_CAP_RISCV_MP_STATE_RESET, 0);
	vm_init_vector_tables(vm);
	vcpu_init_vector_tables(self->vcpu);
	vm_install_exception_handler(vm, EXC_INST_ILLEGAL, skip_c_unimp);
	if (have_simd_switch)
		simd_switch_set(variant->eager ? "eager" : "lazy");
}

FIXTURE_TEARDOWN(vector_alloc)
{
	kvm_vm_free(self->vcpu->vm);
}

TEST_F(vector_alloc, zeros_before_the_first_use)
{
	size_t i, vlenb = vlenb_of(self->vcpu);
	int n;

	for (n = 0; n < 32; n++) {
		memset(v_buf, 0xff, vlenb);
		ASSERT_EQ(v_reg(self->vcpu, false, n, v_buf), 0);
		for (i = 0; i < vlenb; i++)
			ASSERT_EQ(v_buf[i], 0);
	}
}

TEST_F(vector_alloc, written_before_the_first_run)
{
	size_t vlenb = vlenb_of(self->vcpu);
	u8 *v;

	fill(v_want, 5);
	ASSERT_EQ(v_reg(self->vcpu, true, 5, v_want), 0);
	run_to_first_use(self->vcpu);
	ASSERT_EQ(vcpu_run_to_sync(self->vcpu), vlenb);
	ASSERT_EQ(vcpu_run_to_sync(self->vcpu), 100);

	v = addr_gva2hva(self->vcpu->vm, (gva_t)v_buf);
	EXPECT_EQ(memcmp(v + 5 * vlenb, v_want, vlenb), 0);

	/* The VMM must see what the guest writes to the registers. */
	ASSERT_EQ(vcpu_run_to_sync(self->vcpu), 101);
	ASSERT_EQ(v_reg(self->vcpu, false, 9, v_buf), 0);
	EXPECT_EQ(memcmp(v_buf, v_want, vlenb), 0);
}

TEST_F(vector_alloc, bad_address)
{
	size_t vlenb = vlenb_of(self->vcpu);

	EXPECT_EQ(v_reg(self->vcpu, true, 5, NULL), -1);
	EXPECT_EQ(errno, EFAULT);
	EXPECT_EQ(v_reg(self->vcpu, false, 5, NULL), -1);
	EXPECT_EQ(errno, EFAULT);

	run_to_first_use(self->vcpu);
	EXPECT_EQ(vcpu_run_to_sync(self->vcpu), vlenb);
}

TEST_F(vector_alloc, reset_clears)
{
	struct kvm_mp_state mp_state = { .mp_state = KVM_MP_STATE_INIT_RECEIVED };
	size_t i, vlenb = vlenb_of(self->vcpu);

	fill(v_want, 7);
	ASSERT_EQ(v_reg(self->vcpu, true, 7, v_want), 0);
	vcpu_mp_state_set(self->vcpu, &mp_state);
	ASSERT_EQ(v_reg(self->vcpu, false, 7, v_buf), 0);
	for (i = 0; i < vlenb; i++)
		ASSERT_EQ(v_buf[i], 0);
}

TEST_F(vector_alloc, vlenb_and_zeros_cost_nothing)
{
	struct kvm_vcpu *vcpu = self->vcpu;
	size_t vlenb = vlenb_of(vcpu);

	if (!have_fault_injection)
		SKIP(return, NO_FAULT_INJECTION);
	if (variant->eager)
		SKIP(return, "in eager mode, the first run allocates the registers");

	run_to_first_use(vcpu);
	memset(v_want, 0, sizeof(v_want));

	fail_nth_alloc(1);
	EXPECT_EQ(v_reg(vcpu, true, 5, v_want), 0);
	EXPECT_TRUE(alloc_failure_armed());
	EXPECT_EQ(vcpu_run_to_sync(vcpu), vlenb);
	EXPECT_TRUE(alloc_failure_armed());
	fail_nth_alloc(0);
}

TEST_F(vector_alloc, no_memory_for_a_register)
{
	size_t vlenb = vlenb_of(self->vcpu);

	if (!have_fault_injection)
		SKIP(return, NO_FAULT_INJECTION);
	if (32 * vlenb > getpagesize())
		SKIP(return, "more than a page, for which kvzalloc() has a fallback");

	fill(v_want, 3);
	fail_nth_alloc(1);
	EXPECT_EQ(v_reg(self->vcpu, true, 3, v_want), -1);
	EXPECT_EQ(errno, ENOMEM);
	EXPECT_FALSE(alloc_failure_armed());
	fail_nth_alloc(0);

	EXPECT_EQ(v_reg(self->vcpu, true, 3, v_want), 0);
	EXPECT_EQ(v_reg(self->vcpu, false, 3, v_buf), 0);
	EXPECT_EQ(memcmp(v_buf, v_want, vlenb), 0);
}

TEST_F(vector_alloc, no_memory_in_run)
{
	struct kvm_vcpu *vcpu = self->vcpu;
	size_t i, vlenb = vlenb_of(vcpu);
	u8 *v;

	if (!have_fault_injection)
		SKIP(return, NO_FAULT_INJECTION);
	if (32 * vlenb > getpagesize())
		SKIP(return, "more than a page, for which kvzalloc() has a fallback");

	if (!variant->eager) {
		run_to_first_use(vcpu);
		ASSERT_EQ(vcpu_run_to_sync(vcpu), vlenb);
	}

	for (i = 0; i < 3; i++) {
		fail_nth_alloc(1);
		EXPECT_EQ(_vcpu_run(vcpu), -1);
		EXPECT_EQ(errno, ENOMEM);
		fail_nth_alloc(0);
	}

	/*
	 * The failures have left the guest where it was, and it must be able to
	 * go on.
	 */
	if (variant->eager) {
		run_to_first_use(vcpu);
		ASSERT_EQ(vcpu_run_to_sync(vcpu), vlenb);
	}
	ASSERT_EQ(vcpu_run_to_sync(vcpu), 100);
	if (variant->eager)
		EXPECT_EQ(vcpu_get_stat(vcpu, vector_traps), 0);
	v = addr_gva2hva(vcpu->vm, (gva_t)v_buf);
	for (i = 0; i < 16 * vlenb; i++)
		ASSERT_EQ(v[i], 0);
	ASSERT_EQ(vcpu_run_to_sync(vcpu), 101);
}

int main(int argc, char *argv[])
{
	have_simd_switch = simd_switch_restore_at_exit();
	fault_injection_begin();
	restore_at_end(fault_injection_end);

	return test_harness_run(argc, argv);
}
