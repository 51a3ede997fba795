// SPDX-License-Identifier: GPL-2.0
/*
 * isa_ext_test.c - Test the ONE_REG registers that choose a vCPU's ISA
 * extensions.
 */
#include <linux/bitmap.h>

#include "isa_util.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"
#include "ucall_common.h"

#define EN(n)		RISCV_ISA_MULTI_EN_REG(n)
#define DIS(n)		RISCV_ISA_MULTI_DIS_REG(n)
#define REG(ext)	KVM_REG_RISCV_ISA_MULTI_REG(KVM_RISCV_ISA_EXT_##ext)
#define MASK(ext)	KVM_REG_RISCV_ISA_MULTI_MASK(KVM_RISCV_ISA_EXT_##ext)

static void get_isa(struct kvm_vcpu *vcpu, u64 isa[NR_ISA_MULTI_REGS])
{
	int i;

	for (i = 0; i < NR_ISA_MULTI_REGS; i++)
		isa[i] = vcpu_get_reg(vcpu, EN(i));
}

#define EXPECT_SAME_ISA(vcpu, want)					\
	do {								\
		u64 got[NR_ISA_MULTI_REGS];					\
									\
		get_isa(vcpu, got);					\
		for (int r = 0; r < NR_ISA_MULTI_REGS; r++)			\
			EXPECT_EQ(want[r], got[r]);			\
	} while (0)

static void guest_code(void)
{
	GUEST_DONE();
}

KVM_ONE_VCPU_TEST_SUITE(isa_ext);

/*
 * A write disables those of its extensions that can be disabled. M cannot be
 * disabled, and all hosts have it.
 */
TEST_F(isa_ext, multi_disable)
{
	struct kvm_vcpu *vcpu = self->vcpu;
	u64 isa[NR_ISA_MULTI_REGS];
	int i;

	get_isa(vcpu, isa);
	EXPECT_EQ(0, __vcpu_set_reg(vcpu, DIS(REG(M)), MASK(M)));
	EXPECT_SAME_ISA(vcpu, isa);

	for (i = 0; i < NR_ISA_MULTI_REGS; i++)
		EXPECT_EQ(0, __vcpu_set_reg(vcpu, DIS(i), -1UL));
	EXPECT_EQ(MASK(M), vcpu_get_reg(vcpu, EN(REG(M))) & MASK(M));
	EXPECT_EQ(0, vcpu_get_reg(vcpu, EN(REG(D))) & MASK(D));
	EXPECT_EQ(0, vcpu_get_reg(vcpu, EN(REG(V))) & MASK(V));

	/* Enabling all extensions enables those that the host has. */
	for (i = 0; i < NR_ISA_MULTI_REGS; i++)
		EXPECT_EQ(0, __vcpu_set_reg(vcpu, EN(i), -1UL));
	EXPECT_SAME_ISA(vcpu, isa);
}

TEST_F(isa_ext, multi_enable_nothing)
{
	struct kvm_vcpu *vcpu = self->vcpu;
	u64 isa[NR_ISA_MULTI_REGS], val, last = KVM_RISCV_ISA_EXT_MAX;
	int ext;

	get_isa(vcpu, isa);

	/* The hypervisor extension cannot be enabled for a guest. */
	if (!__vcpu_get_reg(vcpu, RISCV_ISA_EXT_REG(KVM_RISCV_ISA_EXT_H), &val)) {
		EXPECT_EQ(0, __vcpu_set_reg(vcpu, EN(REG(H)), MASK(H)));
		EXPECT_SAME_ISA(vcpu, isa);
	}

	for (ext = 0; ext < KVM_RISCV_ISA_EXT_MAX; ext++) {
		if (!__vcpu_get_reg(vcpu, RISCV_ISA_EXT_REG(ext), &val))
			continue;
		/*
		 * An extension that the host does not have cannot be enabled.
		 */
		EXPECT_EQ(0, __vcpu_set_reg(vcpu, EN(KVM_REG_RISCV_ISA_MULTI_REG(ext)),
					    KVM_REG_RISCV_ISA_MULTI_MASK(ext)));
	}

	/*
	 * KVM ignores bits beyond the last extension. Registers beyond the last
	 * one do not exist.
	 */
	if (KVM_REG_RISCV_ISA_MULTI_REG(last) < NR_ISA_MULTI_REGS)
		EXPECT_EQ(0, __vcpu_set_reg(vcpu, EN(KVM_REG_RISCV_ISA_MULTI_REG(last)),
					    KVM_REG_RISCV_ISA_MULTI_MASK(last)));
	EXPECT_ERRNO(ENOENT, __vcpu_set_reg(vcpu, EN(NR_ISA_MULTI_REGS), 1));
	EXPECT_ERRNO(ENOENT, __vcpu_set_reg(vcpu, DIS(NR_ISA_MULTI_REGS), 1));
	EXPECT_SAME_ISA(vcpu, isa);
}

/*
 * Values that have been read can be written back, before and after the first
 * run.
 */
TEST_F(isa_ext, multi_read_back)
{
	struct kvm_vcpu *vcpu = self->vcpu;
	u64 isa[NR_ISA_MULTI_REGS];
	int i, pass;

	vcpu_arch_set_entry_point(vcpu, guest_code);
	get_isa(vcpu, isa);

	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < NR_ISA_MULTI_REGS; i++) {
			u64 en = vcpu_get_reg(vcpu, EN(i));
			u64 dis = vcpu_get_reg(vcpu, DIS(i));

			EXPECT_EQ(~en, dis);
			EXPECT_EQ(0, __vcpu_set_reg(vcpu, EN(i), en));
			EXPECT_EQ(0, __vcpu_set_reg(vcpu, DIS(i), dis));
		}
		EXPECT_SAME_ISA(vcpu, isa);
		if (!pass)
			vcpu_run(vcpu);
	}

	/* After the first run, nothing changes. */
	EXPECT_EQ(0, __vcpu_set_reg(vcpu, DIS(REG(D)), MASK(D)));
	EXPECT_ERRNO(EBUSY, __vcpu_set_reg(vcpu, RISCV_ISA_EXT_REG(KVM_RISCV_ISA_EXT_M), 0));
	EXPECT_SAME_ISA(vcpu, isa);
}

/*
 * The config register isa refuses letters beyond Y, and ignores what is above
 * bit 31, such as the MXL field of misa.
 */
TEST_F(isa_ext, config_isa_range)
{
	struct kvm_vcpu *vcpu = self->vcpu;
	u64 isa = vcpu_get_reg(vcpu, RISCV_CONFIG_REG(isa));
	int bit;

	EXPECT_EQ(0, __vcpu_set_reg(vcpu, RISCV_CONFIG_REG(isa), isa));
	for (bit = 25; bit < 32; bit++) {
		EXPECT_ERRNO(EINVAL, __vcpu_set_reg(vcpu, RISCV_CONFIG_REG(isa), isa | BIT(bit)));
		EXPECT_ERRNO(EINVAL, __vcpu_set_reg(vcpu, RISCV_CONFIG_REG(isa), BIT(bit)));
	}
	for (bit = 32; bit < 64; bit++)
		EXPECT_EQ(0, __vcpu_set_reg(vcpu, RISCV_CONFIG_REG(isa), isa | BIT(bit)));
	EXPECT_EQ(isa, vcpu_get_reg(vcpu, RISCV_CONFIG_REG(isa)));
}

static bool is_isa_reg(u64 id)
{
	return (id & KVM_REG_RISCV_TYPE_MASK) == KVM_REG_RISCV_ISA_EXT;
}

/* Return whether the existence of a register depends on an extension. */
static bool depends_on_isa(u64 id)
{
	switch (id & KVM_REG_RISCV_TYPE_MASK) {
	case KVM_REG_RISCV_FP_F:
	case KVM_REG_RISCV_FP_D:
	case KVM_REG_RISCV_VECTOR:
		return true;
	case KVM_REG_RISCV_CSR:
		return (id & KVM_REG_RISCV_SUBTYPE_MASK) != KVM_REG_RISCV_CSR_GENERAL;
	default:
		return false;
	}
}

TEST_F(isa_ext, reg_list_order)
{
	struct kvm_reg_list *list = vcpu_get_reg_list(self->vcpu);
	u64 last_isa = 0;
	int i;

	for (i = 0; i < list->n; i++)
		if (is_isa_reg(list->reg[i]))
			last_isa = i;
	for (i = 0; i < last_isa; i++)
		EXPECT_FALSE(depends_on_isa(list->reg[i]))
			TH_LOG("%llx comes before the ISA_EXT registers", list->reg[i]);
	free(list);
}

/*
 * Restore a vCPU like a VMM that writes the registers in the order of the list,
 * to a vCPU for which it has disabled extensions that have CSRs of their own.
 */
TEST_F(isa_ext, restore_in_list_order)
{
	struct kvm_reg_list *list = vcpu_get_reg_list(self->vcpu);
	/* Multi-letter extensions that have registers of their own */
	static const u64 off[] = {
		KVM_RISCV_ISA_EXT_SSAIA, KVM_RISCV_ISA_EXT_SMSTATEEN,
		KVM_RISCV_ISA_EXT_ZICFISS,
	};
	/* Room for the largest register that an id can name. */
	size_t stride = KVM_REG_SIZE(KVM_REG_SIZE_MASK);
	u8 *val = calloc(list->n, stride);
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	int i;

	ASSERT_NE(NULL, val);
	for (i = 0; i < list->n; i++)
		ASSERT_EQ(0, __vcpu_get_reg(self->vcpu, list->reg[i], val + i * stride));

	vm = vm_create_with_one_vcpu(&vcpu, NULL);
	for (i = 0; i < ARRAY_SIZE(off); i++)
		__vcpu_set_reg(vcpu, RISCV_ISA_EXT_REG(off[i]), 0);

	for (i = 0; i < list->n; i++) {
		struct kvm_one_reg reg = {
			.id = list->reg[i],
			.addr = (u64)(val + i * stride),
		};

		EXPECT_EQ(0, __vcpu_ioctl(vcpu, KVM_SET_ONE_REG, &reg))
			TH_LOG("%llx: %s", reg.id, strerror(errno));
	}
	free(val);
	free(list);
	kvm_vm_free(vm);
}

TEST_HARNESS_MAIN
