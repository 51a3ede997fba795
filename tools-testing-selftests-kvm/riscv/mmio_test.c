// SPDX-License-Identifier: GPL-2.0
/*
 * mmio_test.c - Test that the value of an MMIO load that userspace completes
 * arrives in the right register.
 */
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"
#include "ucall_common.h"

#define MMIO_GVA	0x50000000UL
#define MMIO_GPA	0x7000000000UL

/* The result of each load from a device that returns all bits set */
static const struct {
	const char *insn;
	u32 len;
	u64 val;
} loads[] = {
	{ "lb",		1,	~0UL },
	{ "lbu",	1,	0xff },
	{ "lh",		2,	~0UL },
	{ "lhu",	2,	0xffff },
	{ "lw",		4,	~0UL },
	{ "lwu",	4,	0xffffffff },
	{ "ld",		8,	~0UL },
};

/*
 * Guest code: load a value from the device and store the result there, so that
 * the VMM sees it.
 */
static void guest_loads(void)
{
	asm volatile(".irp insn, lb, lbu, lh, lhu, lw, lwu, ld\n"
		     "\\insn t0, 0(%0)\n"
		     "sd t0, 0(%0)\n"
		     ".endr" :: "r" (MMIO_GVA) : "t0");
	GUEST_DONE();
}

static void guest_loads_to_x0(void)
{
	asm volatile(".irp insn, lb, lbu, lh, lhu, lw, lwu, ld\n"
		     "\\insn x0, 0(%0)\n"
		     "sd x0, 0(%0)\n"
		     ".endr" :: "r" (MMIO_GVA));
	GUEST_DONE();
}

static void run_to_mmio(struct kvm_vcpu *vcpu, bool is_write, u32 len)
{
	vcpu_run(vcpu);
	TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_MMIO);
	TEST_ASSERT_EQ(vcpu->run->mmio.phys_addr, MMIO_GPA);
	TEST_ASSERT_EQ(vcpu->run->mmio.is_write, is_write);
	TEST_ASSERT_EQ(vcpu->run->mmio.len, len);
}

static void run_loads(struct kvm_vcpu *vcpu, bool to_x0)
{
	u64 val, want;
	int i;

	virt_map(vcpu->vm, MMIO_GVA, MMIO_GPA, 1);

	for (i = 0; i < ARRAY_SIZE(loads); i++) {
		run_to_mmio(vcpu, false, loads[i].len);
		memset(vcpu->run->mmio.data, 0xff, loads[i].len);

		run_to_mmio(vcpu, true, sizeof(val));
		memcpy(&val, vcpu->run->mmio.data, sizeof(val));
		want = to_x0 ? 0 : loads[i].val;
		TEST_ASSERT(val == want, "%s gives the guest %lx, not %lx",
			    loads[i].insn, val, want);
	}

	vcpu_run(vcpu);
	TEST_ASSERT_EQ(get_ucall(vcpu, NULL), UCALL_DONE);
}

KVM_ONE_VCPU_TEST_SUITE(mmio);

KVM_ONE_VCPU_TEST(mmio, loads, guest_loads)
{
	run_loads(vcpu, false);
}

/*
 * A load may have x0 as its destination. x0 must still read as 0 in the next
 * store.
 */
KVM_ONE_VCPU_TEST(mmio, loads_to_x0, guest_loads_to_x0)
{
	run_loads(vcpu, true);
}

int main(int argc, char *argv[])
{
	return test_harness_run(argc, argv);
}
