// SPDX-License-Identifier: GPL-2.0
/*
 * guest_vlenb_test.c - Test KVM_CAP_RISCV_GUEST_VLENB, which sets the vector
 * length of a VM.
 *
 * The tests check which values the capability accepts and when, which registers
 * the VM's vCPUs have, which vector instructions exit to userspace, and the
 * state of the vCPU at such an exit.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "isa_util.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "simd.h"
#include "ucall_common.h"

#define MIN_VLENB	16
#define MAX_VLENB	8192

#define ANY_LENGTH	KVM_RISCV_VLENB_USER_EXIT

#define EXC_ILLEGAL	2

static u64 host_vlenb(void)
{
	static u64 vlenb;

	if (!vlenb)
		vlenb = kvm_host_vlenb();

	return vlenb;
}

/* Return a vector length that is not the host's. */
static u64 other_vlenb(void)
{
	return host_vlenb() == 64 ? 32 : 64;
}

static int enable(struct kvm_vm *vm, u64 vlenb, u64 flags)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_RISCV_GUEST_VLENB,
		.args = { vlenb, flags },
	};

	return __vm_ioctl(vm, KVM_ENABLE_CAP, &cap);
}

/* For tests that need a host that can run VMs of other vector lengths */
FIXTURE(vlenb) {
};

FIXTURE_SETUP(vlenb)
{
	if (!host_vlenb())
		SKIP(return, "no KVM_CAP_RISCV_GUEST_VLENB");
}

FIXTURE_TEARDOWN(vlenb)
{
}

static struct kvm_vcpu *create(u64 vlenb, u64 flags, void *guest_code)
{
	struct kvm_vm *vm = vm_create(1);

	TEST_ASSERT_EQ(enable(vm, vlenb, flags), 0);

	return vm_vcpu_add(vm, 0, guest_code);
}

TEST(discovery)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	vm = vm_create_with_one_vcpu(&vcpu, NULL);
	if (__vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_V) && has_lazy_trap()) {
		EXPECT_EQ(ANY_LENGTH, kvm_check_cap(KVM_CAP_RISCV_GUEST_VLENB));
		EXPECT_EQ(ANY_LENGTH, vm_check_cap(vm, KVM_CAP_RISCV_GUEST_VLENB));
		EXPECT_EQ(vcpu_vlenb(vcpu), host_vlenb());
	} else {
		EXPECT_EQ(0, kvm_check_cap(KVM_CAP_RISCV_GUEST_VLENB));
		EXPECT_EQ(0, vm_check_cap(vm, KVM_CAP_RISCV_GUEST_VLENB));
	}
	kvm_vm_free(vm);
}

/*
 * KVM_CHECK_EXTENSION returns the flags that the host supports, whatever the VM
 * has enabled.
 */
TEST_F(vlenb, discovery_is_of_the_host)
{
	struct kvm_vm *vm = vm_create(1);
	u64 flag;

	EXPECT_EQ(0, enable(vm, other_vlenb(), ANY_LENGTH));
	EXPECT_EQ(ANY_LENGTH, vm_check_cap(vm, KVM_CAP_RISCV_GUEST_VLENB));
	for (flag = 1; flag; flag <<= 1)
		EXPECT_EQ(flag & ANY_LENGTH ? 0 : -1, enable(vm, host_vlenb(), flag));
	kvm_vm_free(vm);
}

static void guest_vs_dirty(void)
{
	csr_set(CSR_SSTATUS, SR_VS);
	GUEST_SYNC(csr_read(CSR_SSTATUS) & SR_VS);
}

/* On a host without V, sstatus.VS must be read-only zero for guests. */
TEST(no_v_no_vs)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	vm = vm_create_with_one_vcpu(&vcpu, guest_vs_dirty);
	if (__vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_V))
		SKIP(return, "the host has V");
	EXPECT_EQ(0, vcpu_run_to_sync(vcpu));
	kvm_vm_free(vm);
}

TEST(refused)
{
	struct kvm_vm *vm;

	if (host_vlenb())
		SKIP(return, "the host has KVM_CAP_RISCV_GUEST_VLENB");

	vm = vm_create(1);
	EXPECT_ERRNO(EINVAL, enable(vm, 0, 0));
	EXPECT_ERRNO(EINVAL, enable(vm, 16, ANY_LENGTH));
	kvm_vm_free(vm);
}

TEST_F(vlenb, arguments)
{
	u64 host = host_vlenb(), other = other_vlenb();
	const struct {
		u32 flags;
		u64 args[4];
		int err;
	} cases[] = {
		{ 0, { host, 0 }, 0 },
		{ 0, { host, ANY_LENGTH }, 0 },
		{ 0, { other, ANY_LENGTH }, 0 },
		{ 0, { MIN_VLENB, ANY_LENGTH }, 0 },
		{ 0, { MAX_VLENB, ANY_LENGTH }, 0 },
		/* Lengths other than the host's require the flag. */
		{ 0, { other, 0 }, EINVAL },
		/* Values that are not valid vector lengths */
		{ 0, { 0, ANY_LENGTH }, EINVAL },
		{ 0, { 0, 0 }, EINVAL },
		{ 0, { MIN_VLENB / 2, ANY_LENGTH }, EINVAL },
		{ 0, { MAX_VLENB * 2, ANY_LENGTH }, EINVAL },
		{ 0, { MIN_VLENB + 1, ANY_LENGTH }, EINVAL },
		{ 0, { 3 * MIN_VLENB, ANY_LENGTH }, EINVAL },
		{ 0, { 1UL << 32 | host, ANY_LENGTH }, EINVAL },
		{ 0, { 1UL << 32, ANY_LENGTH }, EINVAL },
		{ 0, { -1UL, ANY_LENGTH }, EINVAL },
		/* Unknown flags and arguments */
		{ 0, { host, ANY_LENGTH << 1 }, EINVAL },
		{ 0, { host, 1UL << 32 }, EINVAL },
		{ 0, { host, 1UL << 63 }, EINVAL },
		{ 0, { host, 0, 1 }, EINVAL },
		{ 0, { host, 0, 0, 1 }, EINVAL },
		{ 1, { host, 0 }, EINVAL },
	};
	struct kvm_vm *vm;
	int i, ret;

	vm = vm_create(1);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct kvm_enable_cap cap = {
			.cap = KVM_CAP_RISCV_GUEST_VLENB,
			.flags = cases[i].flags,
		};

		memcpy(cap.args, cases[i].args, sizeof(cap.args));
		ret = __vm_ioctl(vm, KVM_ENABLE_CAP, &cap) ? errno : 0;
		EXPECT_EQ(cases[i].err, ret) {
			TH_LOG("case %d", i);
		}
	}
	kvm_vm_free(vm);
}

/* The last successful call decides. Creating a vCPU locks the vector length. */
TEST_F(vlenb, locked_by_vcpu)
{
	u64 vlenb = other_vlenb();
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	vm = vm_create(1);
	EXPECT_EQ(0, enable(vm, 4 * vlenb, ANY_LENGTH));
	EXPECT_EQ(0, enable(vm, vlenb, ANY_LENGTH));
	EXPECT_ERRNO(EINVAL, enable(vm, vlenb + 1, ANY_LENGTH));

	vcpu = vm_vcpu_add(vm, 0, NULL);
	EXPECT_EQ(vlenb, vcpu_get_reg(vcpu, VECTOR_CSR_REG(vlenb)));
	EXPECT_ERRNO(EBUSY, enable(vm, vlenb, ANY_LENGTH));
	EXPECT_ERRNO(EBUSY, enable(vm, 2 * vlenb, ANY_LENGTH));
	EXPECT_ERRNO(EBUSY, enable(vm, host_vlenb(), 0));
	EXPECT_EQ(vlenb, vcpu_get_reg(vcpu, VECTOR_CSR_REG(vlenb)));
	kvm_vm_free(vm);
}

static int get_v_reg(struct kvm_vcpu *vcpu, u64 id, void *val)
{
	struct kvm_one_reg reg = { .id = id, .addr = (unsigned long)val };

	return __vcpu_ioctl(vcpu, KVM_GET_ONE_REG, &reg);
}

static int set_v_reg(struct kvm_vcpu *vcpu, u64 id, void *val)
{
	struct kvm_one_reg reg = { .id = id, .addr = (unsigned long)val };

	return __vcpu_ioctl(vcpu, KVM_SET_ONE_REG, &reg);
}

static int count_v_regs(struct kvm_vcpu *vcpu, u64 vlenb)
{
	struct kvm_reg_list *list = vcpu_get_reg_list(vcpu);
	int n = 0;
	u64 i;

	for (i = 0; i < list->n; i++) {
		u64 id = list->reg[i];

		if ((id & KVM_REG_RISCV_TYPE_MASK) == KVM_REG_RISCV_VECTOR &&
		    (id & 0xffff) >= KVM_REG_RISCV_VECTOR_REG(0) &&
		    KVM_REG_SIZE(id) == vlenb)
			n++;
	}
	free(list);

	return n;
}

TEST_F(vlenb, registers)
{
	static u8 buf[MAX_VLENB], want[32][MAX_VLENB];
	struct kvm_vcpu *vcpu;
	u64 vlenb, other, i;
	int n;

	for (vlenb = MIN_VLENB; vlenb <= MAX_VLENB; vlenb *= 2) {
		vcpu = create(vlenb, ANY_LENGTH, NULL);

		EXPECT_EQ(32, count_v_regs(vcpu, vlenb));
		EXPECT_EQ(vlenb, vcpu_get_reg(vcpu, VECTOR_CSR_REG(vlenb)));
		EXPECT_EQ(0, __vcpu_set_reg(vcpu, VECTOR_CSR_REG(vlenb), vlenb));
		other = vlenb == host_vlenb() ? other_vlenb() : host_vlenb();
		EXPECT_ERRNO(EINVAL, __vcpu_set_reg(vcpu, VECTOR_CSR_REG(vlenb), other));

		for (n = 0; n < 32; n++) {
			memset(buf, 0xff, vlenb);
			EXPECT_EQ(0, get_v_reg(vcpu, v_reg_id(n, vlenb), buf));
			EXPECT_EQ(0, buf[0] | memcmp(buf, buf + 1, vlenb - 1));
			for (i = 0; i < vlenb; i++)
				want[n][i] = (i + 1) * 37 + n + (i >> 8);
			EXPECT_EQ(0, set_v_reg(vcpu, v_reg_id(n, vlenb), want[n]));
		}
		for (n = 0; n < 32; n++) {
			EXPECT_EQ(0, get_v_reg(vcpu, v_reg_id(n, vlenb), buf));
			EXPECT_EQ(0, memcmp(buf, want[n], vlenb));
		}
		EXPECT_ERRNO(EINVAL, get_v_reg(vcpu, v_reg_id(0, vlenb * 2), buf));
		EXPECT_ERRNO(EINVAL, set_v_reg(vcpu, v_reg_id(31, vlenb / 2), buf));
		kvm_vm_free(vcpu->vm);
	}
}

static void guest_one_insn(void);

static sigjmp_buf sigbus_env;

static void on_sigbus(int sig)
{
	siglongjmp(sigbus_env, 1);
}

static bool raises_sigbus(u8 *p)
{
	if (sigsetjmp(sigbus_env, 1))
		return true;
	WRITE_ONCE(*p, 1);

	return false;
}

static u8 *map_v_regs(struct kvm_vcpu *vcpu, size_t size, int flags)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, vcpu->fd,
			 KVM_RISCV_VECTOR_PAGE_OFFSET * getpagesize());

	TEST_ASSERT(map != MAP_FAILED, "mmap(): %s", strerror(errno));

	return map;
}

/*
 * The mapping and ONE_REG access the same registers, whichever of them is used
 * first.
 */
TEST_F(vlenb, mapping)
{
	struct kvm_mp_state init = { .mp_state = KVM_MP_STATE_INIT_RECEIVED };
	struct sigaction sa = { .sa_handler = on_sigbus };
	static u8 buf[MAX_VLENB], zeros[MAX_VLENB];
	struct kvm_vcpu *vcpu;
	u8 *map, *again;
	u64 vlenb, size;
	int n;

	EXPECT_EQ(KVM_RISCV_VECTOR_PAGE_OFFSET, kvm_check_cap(KVM_CAP_RISCV_VECTOR_MAP));
	sigaction(SIGBUS, &sa, NULL);
	for (vlenb = MIN_VLENB; vlenb <= MAX_VLENB; vlenb *= 2) {
		size = max_t(u64, 32 * vlenb, getpagesize());
		vcpu = create(vlenb, ANY_LENGTH, guest_one_insn);
		map = map_v_regs(vcpu, size + getpagesize(), MAP_SHARED);
		if (vlenb == host_vlenb()) {
			EXPECT_TRUE(raises_sigbus(map));
			goto next;
		}
		vm_enable_cap(vcpu->vm, KVM_CAP_RISCV_MP_STATE_RESET, 0);

		/*
		 * The first access makes KVM allocate the registers. Make that
		 * access with ONE_REG for half of the lengths, and through the
		 * mapping for the others.
		 */
		if (__builtin_ctzl(vlenb) % 2) {
			memset(buf, 0xa5, vlenb);
			EXPECT_EQ(0, set_v_reg(vcpu, v_reg_id(7, vlenb), buf));
			EXPECT_EQ(0, memcmp(map + 7 * vlenb, buf, vlenb));
		}
		for (n = 0; n < 32; n++)
			memset(map + n * vlenb, n + 1, vlenb);
		for (n = 0; n < 32; n++) {
			EXPECT_EQ(0, get_v_reg(vcpu, v_reg_id(n, vlenb), buf));
			EXPECT_EQ(n + 1, buf[0]);
			EXPECT_EQ(0, memcmp(buf, buf + 1, vlenb - 1));
		}
		memset(buf, 0x5a, vlenb);
		EXPECT_EQ(0, set_v_reg(vcpu, v_reg_id(31, vlenb), buf));
		EXPECT_EQ(0, memcmp(map + 31 * vlenb, buf, vlenb));
		again = map_v_regs(vcpu, size, MAP_SHARED);
		EXPECT_EQ(0, memcmp(map, again, 32 * vlenb));
		munmap(again, size);
		again = map_v_regs(vcpu, size, MAP_PRIVATE);
		EXPECT_TRUE(raises_sigbus(again));
		munmap(again, size);

		EXPECT_TRUE(raises_sigbus(map + size));
		vcpu_mp_state_set(vcpu, &init);
		for (n = 0; n < 32; n++)
			EXPECT_EQ(0, memcmp(map + n * vlenb, zeros, vlenb));
next:
		/*
		 * The mapping may outlive the file descriptors of the VM and
		 * its vCPU.
		 */
		kvm_vm_free(vcpu->vm);
		munmap(map, size + getpagesize());
	}
}

/* A vCPU without V has no registers to map. */
TEST_F(vlenb, mapping_without_v)
{
	struct sigaction sa = { .sa_handler = on_sigbus };
	struct kvm_vcpu *vcpu = create(other_vlenb(), ANY_LENGTH, NULL);
	u8 *map = map_v_regs(vcpu, getpagesize(), MAP_SHARED);

	sigaction(SIGBUS, &sa, NULL);
	vcpu_set_reg(vcpu, RISCV_ISA_EXT_REG(KVM_RISCV_ISA_EXT_V), 0);
	EXPECT_TRUE(raises_sigbus(map));
	munmap(map, getpagesize());
	kvm_vm_free(vcpu->vm);
}

static u64 guest_vset(u64 *cur_vl)
{
	u64 vl;

	asm volatile(V_INSN("vsetvli %0, x0, e16, m2, ta, ma\n"
			    "csrr %1, vl") : "=r" (vl), "=r" (*cur_vl));

	return vl;
}

static void guest_native(void)
{
	u64 vl, sum;

	csr_set(CSR_SSTATUS, SR_VS);
	GUEST_SYNC(guest_vset(&vl));
	GUEST_SYNC(vl);
	asm volatile(V_INSN("vmv.v.i v8, 3\n"
			    "vmv.x.s %0, v8") : "=r" (sum));
	GUEST_SYNC(sum);
}

/*
 * With the host's own vector length, hardware executes all vector instructions,
 * even if the VMM has set that length explicitly.
 */
TEST_F(vlenb, native)
{
	u64 flags, vlenb = host_vlenb();
	struct kvm_vcpu *vcpu;

	for (flags = 0; flags <= ANY_LENGTH; flags++) {
		vcpu = create(vlenb, flags, guest_native);
		EXPECT_EQ(vlenb, vcpu_run_to_sync(vcpu));
		EXPECT_EQ(vlenb, vcpu_run_to_sync(vcpu));
		EXPECT_EQ(3, vcpu_run_to_sync(vcpu));
		EXPECT_EQ(0, vcpu_get_stat(vcpu, vector_exit_user));
		EXPECT_EQ(0, vcpu_get_stat(vcpu, vector_exit_kernel));
		kvm_vm_free(vcpu->vm);
	}
}

#define NR_VSETS	1000

static void guest_vsets(void)
{
	u64 vl, sum = 0;
	int i;

	csr_set(CSR_SSTATUS, SR_VS);
	for (i = 0; i < NR_VSETS; i++) {
		asm volatile(V_INSN("vsetvli %0, %1, e8, m1, ta, ma")
			     : "=r" (vl) : "r" (i % MIN_VLENB));
		sum += vl;
	}
	GUEST_SYNC(sum);
}

/*
 * KVM emulates vset* without a full exit, unless the trap has to be traced.
 * This relies on the hart reporting the instruction in stval, which the
 * profiles that include V require.
 */
TEST_F(vlenb, vset_without_exit)
{
	u64 exits, sum = 0;
	struct kvm_vcpu *vcpu;
	int i, trace;

	if (!has_lazy_trap())
		SKIP(return, NO_LAZY_TRAP);
	for (i = 0; i < NR_VSETS; i++)
		sum += i % MIN_VLENB;

	for (trace = 0; trace <= 1; trace++) {
		if (trace && !simd_trace_traps(true))
			SKIP(return, "no trace event kvm_simd_trap");
		vcpu = create(other_vlenb(), ANY_LENGTH, guest_vsets);
		EXPECT_EQ(sum, vcpu_run_to_sync(vcpu));
		if (trace)
			simd_trace_traps(false);
		EXPECT_EQ(NR_VSETS, vcpu_get_stat(vcpu, vector_exit_kernel));
		/* Host interrupts cause a few exits. */
		exits = vcpu_get_stat(vcpu, exits);
		EXPECT_EQ(trace, exits > NR_VSETS / 2) {
			TH_LOG("%lu exits", exits);
		}
		kvm_vm_free(vcpu->vm);
	}
}

#define INSN_NOP	0x13
#define INSN_VADD_VI	0x0284b457UL	/* vadd.vi v8, v8, 9 */
#define INSN_VLE8	0x02050407UL	/* vle8.v v8, (a0) */
#define INSN_VSE8	0x02050427UL	/* vse8.v v8, (a0) */
#define INSN_VFADD	0x02841457UL	/* vfadd.vv v8, v8, v8 */
#define INSN_VFMV	0x42801557UL	/* vfmv.f.s fa0, v8 */
#define INSN_VFADD_VF	0x02855457UL	/* vfadd.vf v8, v8, fa0 */
#define INSN_VMUL	0x968524d7UL	/* vmul.vv v9, v8, v10 */
#define INSN_VAESEM	0xa281a4f7UL	/* vaesem.vv v9, v8: OP-VE */
#define INSN_RESERVED	0xbe007057UL	/* OPCFG, but not vset{i}vl{i} */

static const struct {
	const char *name;
	u32 insn;
	bool fp;
} exits[] = {
	{ "vadd.vi", INSN_VADD_VI, false },
	{ "vle8.v", INSN_VLE8, false },
	{ "vse8.v", INSN_VSE8, false },
	{ "vmul.vv", INSN_VMUL, false },
	{ "vaesem.vv", INSN_VAESEM, false },
	{ "vfadd.vv", INSN_VFADD, true },
	{ "vfmv.f.s", INSN_VFMV, true },
	{ "vfadd.vf", INSN_VFADD_VF, true },
};

/*
 * Guest code: the test writes an instruction to guest_slot. The code after the
 * slot ends the run.
 */
static void guest_one_insn(void)
{
	asm volatile(".option push\n"
		     ".option norvc\n"
		     ".globl guest_slot\n"
		     ".balign 4\n"
		     "fence.i\n"
		     "guest_slot:\n"
		     "nop\n"
		     ".option pop\n");
	GUEST_SYNC(0);
	for (;;)
		GUEST_SYNC(1);
}

extern u32 guest_slot[];

/*
 * Make INSN the vCPU's next vector instruction, with FS_VS in sstatus.FS and
 * VS.
 */
static void put_on_insn(struct kvm_vcpu *vcpu, u32 insn, u64 fs_vs)
{
	u64 sstatus = vcpu_get_reg(vcpu, RISCV_GENERAL_CSR_REG(sstatus));

	*(u32 *)addr_gva2hva(vcpu->vm, (gva_t)guest_slot) = insn;
	sstatus &= ~(SR_FS | SR_VS);
	vcpu_set_reg(vcpu, RISCV_GENERAL_CSR_REG(sstatus), sstatus | fs_vs);
	vcpu_set_reg(vcpu, RISCV_CORE_REG(regs.pc), (u64)guest_slot - 4);
}

#define ON(vcpu)	(vcpu_get_reg(vcpu, RISCV_CORE_REG(regs.pc)) - (u64)guest_slot)
#define STATUS(vcpu)	(vcpu_get_reg(vcpu, RISCV_GENERAL_CSR_REG(sstatus)) & (SR_FS | SR_VS))

/*
 * Return what FS and VS are after FS_VS has been written: a hart may know only
 * Off and Dirty.
 */
static u64 learn_status(struct kvm_vcpu *vcpu, u64 fs_vs)
{
	put_on_insn(vcpu, INSN_NOP, fs_vs);
	TEST_ASSERT_EQ(vcpu_run_to_sync(vcpu), 0);
	return STATUS(vcpu);
}

TEST_F(vlenb, left_to_user_space)
{
	u64 n = 0, want, fs_clean, v0[MAX_VLENB / 8] = { 1 };
	struct kvm_vcpu *vcpu;
	int i, j, k;

	vcpu = create(other_vlenb(), ANY_LENGTH, guest_one_insn);
	vcpu_catch_illegal_insns(vcpu);
	/*
	 * With eager switching KVM now has registers to load, but it must not
	 * load those of a VM of another length.
	 */
	EXPECT_EQ(0, set_v_reg(vcpu, v_reg_id(0, other_vlenb()), v0));
	fs_clean = learn_status(vcpu, SR_FS_CLEAN | SR_VS_INITIAL) & SR_FS;

	for (i = 0; i < ARRAY_SIZE(exits); i++) {
		want = SR_VS_DIRTY | (exits[i].fp ? SR_FS_DIRTY : fs_clean);
		put_on_insn(vcpu, exits[i].insn, SR_FS_CLEAN | SR_VS_INITIAL);

		/*
		 * The vCPU exits again each time until the VMM handles the
		 * instruction.
		 */
		for (j = 0; j < 3; j++) {
			vcpu_run(vcpu);
			ASSERT_EQ(KVM_EXIT_RISCV_VECTOR, vcpu->run->exit_reason) {
				TH_LOG("%s", exits[i].name);
			}
			EXPECT_EQ(exits[i].insn, vcpu->run->riscv_vector.insn);
			EXPECT_EQ((u64)guest_slot, vcpu->run->riscv_vector.pc);
			EXPECT_EQ(0, vcpu->run->riscv_vector.flags);
			for (k = 0; k < ARRAY_SIZE(vcpu->run->riscv_vector.reserved); k++)
				EXPECT_EQ(0, vcpu->run->riscv_vector.reserved[k]);
			memset(&vcpu->run->riscv_vector, 0xff,
			       sizeof(vcpu->run->riscv_vector));
			EXPECT_EQ(0, ON(vcpu));
			EXPECT_EQ(want, STATUS(vcpu)) {
				TH_LOG("%s", exits[i].name);
			}
			EXPECT_EQ(++n, vcpu_get_stat(vcpu, vector_exit_user));
		}

		/*
		 * A KVM_RUN that does not enter the guest does not skip the
		 * instruction either.
		 */
		vcpu->run->immediate_exit = 1;
		EXPECT_ERRNO(EINTR, __vcpu_run(vcpu));
		vcpu->run->immediate_exit = 0;
		EXPECT_EQ(0, ON(vcpu));

		/* Skip the instruction: the guest must continue after it. */
		vcpu_set_reg(vcpu, RISCV_CORE_REG(regs.pc), (u64)guest_slot + 4);
		EXPECT_EQ(0, vcpu_run_to_sync(vcpu));
		EXPECT_EQ(want, STATUS(vcpu));
	}

	sync_global_from_guest(vcpu->vm, illegal_insns);
	EXPECT_EQ(0, illegal_insns);
	kvm_vm_free(vcpu->vm);
}

/*
 * A KVM_RUN that is interrupted before it enters the guest must replace
 * exit_reason, so that the VMM does not take the old vector exit for a new one.
 */
TEST_F(vlenb, stale_exit)
{
	struct kvm_vcpu *vcpu;

	vcpu = create(other_vlenb(), ANY_LENGTH, guest_one_insn);
	put_on_insn(vcpu, INSN_VADD_VI, SR_FS_CLEAN | SR_VS_CLEAN);

	vcpu_run(vcpu);
	ASSERT_EQ(KVM_EXIT_RISCV_VECTOR, vcpu->run->exit_reason);

	vcpu->run->immediate_exit = 1;
	EXPECT_ERRNO(EINTR, __vcpu_run(vcpu));
	EXPECT_EQ(KVM_EXIT_INTR, vcpu->run->exit_reason);
	vcpu->run->immediate_exit = 0;

	vcpu_run(vcpu);
	ASSERT_EQ(KVM_EXIT_RISCV_VECTOR, vcpu->run->exit_reason);

	EXPECT_ERRNO(EINTR, vcpu_run_with_signal(vcpu));
	EXPECT_EQ(KVM_EXIT_INTR, vcpu->run->exit_reason);

	vcpu_run(vcpu);
	ASSERT_EQ(KVM_EXIT_RISCV_VECTOR, vcpu->run->exit_reason);
	EXPECT_EQ(0, ON(vcpu));
	EXPECT_EQ(3, vcpu_get_stat(vcpu, vector_exit_user));
	kvm_vm_free(vcpu->vm);
}

/*
 * Instructions for which the guest itself has switched the unit off, or which
 * are illegal, raise an exception in the guest and do not exit.
 */
TEST_F(vlenb, guest_s_own_exceptions)
{
	static const struct {
		u32 insn;
		u64 fs_vs;
	} cases[] = {
		{ INSN_VADD_VI, SR_FS_CLEAN },
		{ INSN_VLE8, SR_FS_CLEAN },
		{ INSN_VAESEM, SR_FS_CLEAN },
		{ INSN_VFADD, SR_FS_CLEAN },
		{ INSN_VFADD, SR_VS_CLEAN },
		{ INSN_VFADD, 0 },
		{ INSN_RESERVED, SR_FS_CLEAN | SR_VS_CLEAN },
		{ 0xc2205073, SR_FS_CLEAN | SR_VS_CLEAN },	/* csrwi vlenb, 0 */
		{ 0xc2202573, SR_FS_CLEAN },			/* csrr a0, vlenb */
		{ 0x0d007557, SR_FS_CLEAN },			/* vsetvli a0, x0, ... */
	};
	struct kvm_vcpu *vcpu;
	u64 want, stval;
	int i;

	vcpu = create(other_vlenb(), ANY_LENGTH, guest_one_insn);
	vcpu_catch_illegal_insns(vcpu);

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		want = learn_status(vcpu, cases[i].fs_vs);
		put_on_insn(vcpu, cases[i].insn, cases[i].fs_vs);
		EXPECT_EQ(0, vcpu_run_to_sync(vcpu));
		sync_global_from_guest(vcpu->vm, illegal_insns);
		EXPECT_EQ(i + 1, illegal_insns) {
			TH_LOG("case %d", i);
		}
		EXPECT_EQ(EXC_ILLEGAL, vcpu_get_reg(vcpu, RISCV_GENERAL_CSR_REG(scause)));
		/* Some harts report no instruction. */
		stval = vcpu_get_reg(vcpu, RISCV_GENERAL_CSR_REG(stval));
		if (stval)
			EXPECT_EQ(cases[i].insn, stval);
		EXPECT_EQ(want, STATUS(vcpu)) {
			TH_LOG("case %d", i);
		}
	}
	EXPECT_EQ(0, vcpu_get_stat(vcpu, vector_exit_user));
	kvm_vm_free(vcpu->vm);

	/*
	 * OPFVV and OPFVF are illegal for a guest without F and D, so the guest
	 * must get the exception.
	 */
	vcpu = create(other_vlenb(), ANY_LENGTH, guest_one_insn);
	vcpu_set_reg(vcpu, RISCV_ISA_EXT_REG(KVM_RISCV_ISA_EXT_D), 0);
	vcpu_set_reg(vcpu, RISCV_ISA_EXT_REG(KVM_RISCV_ISA_EXT_F), 0);
	vcpu_catch_illegal_insns(vcpu);
	put_on_insn(vcpu, INSN_VFADD, SR_FS_CLEAN | SR_VS_CLEAN);
	EXPECT_EQ(0, vcpu_run_to_sync(vcpu));
	sync_global_from_guest(vcpu->vm, illegal_insns);
	EXPECT_EQ(1, illegal_insns);
	kvm_vm_free(vcpu->vm);
}

/* A reset clears the vector registers and keeps the vector length. */
TEST_F(vlenb, reset)
{
	struct kvm_mp_state init = { .mp_state = KVM_MP_STATE_INIT_RECEIVED };
	u64 vlenb = other_vlenb(), id = v_reg_id(31, vlenb);
	struct kvm_vcpu *vcpu;
	u8 buf[MAX_VLENB];

	vcpu = create(vlenb, ANY_LENGTH, guest_one_insn);
	vm_enable_cap(vcpu->vm, KVM_CAP_RISCV_MP_STATE_RESET, 0);
	memset(buf, 0x5a, vlenb);
	EXPECT_EQ(0, set_v_reg(vcpu, id, buf));
	vcpu_set_reg(vcpu, VECTOR_CSR_REG(vl), 1);
	vcpu_mp_state_set(vcpu, &init);

	EXPECT_EQ(vlenb, vcpu_get_reg(vcpu, VECTOR_CSR_REG(vlenb)));
	EXPECT_EQ(0, vcpu_get_reg(vcpu, VECTOR_CSR_REG(vl)));
	EXPECT_EQ(0, get_v_reg(vcpu, id, buf));
	EXPECT_EQ(0, buf[0] | memcmp(buf, buf + 1, vlenb - 1));
	kvm_vm_free(vcpu->vm);
}

#define MMIO_GVA	0x50000000UL
#define MMIO_GPA	0x7000000000UL

static void guest_load_to_x0(void)
{
	u64 vcsr;

	csr_set(CSR_SSTATUS, SR_VS);
	asm volatile("lw x0, 0(%0)" :: "r" (MMIO_GVA));
	/* csrrs of x0 */
	asm volatile("csrr %0, %1" : "=r" (vcsr) : "i" (CSR_VCSR));
	asm volatile("csrr %0, %1" : "=r" (vcsr) : "i" (CSR_VCSR));
	GUEST_SYNC(vcsr);
}

/*
 * An MMIO load to x0 must not make KVM's copy of x0 nonzero, because KVM reads
 * x0 like other registers when it emulates vset*.
 */
TEST_F(vlenb, x0)
{
	struct kvm_vcpu *vcpu;

	vcpu = create(other_vlenb(), ANY_LENGTH, guest_load_to_x0);
	virt_map(vcpu->vm, MMIO_GVA, MMIO_GPA, 1);
	vcpu_run(vcpu);
	ASSERT_EQ(KVM_EXIT_MMIO, vcpu->run->exit_reason);
	memset(vcpu->run->mmio.data, 0xff, 4);
	EXPECT_EQ(0, vcpu_run_to_sync(vcpu));
	kvm_vm_free(vcpu->vm);
}

static void guest_lengths(void)
{
	u64 vl;

	csr_set(CSR_SSTATUS, SR_VS);
	for (;;) {
		GUEST_SYNC(simd_vlenb());
		GUEST_SYNC(guest_vset(&vl));
		GUEST_SYNC(vl);
	}
}

/*
 * Run VMs of different vector lengths, including the host's, alternately on one
 * thread.
 */
TEST_F(vlenb, side_by_side)
{
	u64 vlenbs[] = { MIN_VLENB, host_vlenb(), 32, 512, MAX_VLENB };
	struct kvm_vcpu *vcpus[ARRAY_SIZE(vlenbs)];
	int i, round;

	for (i = 0; i < ARRAY_SIZE(vlenbs); i++)
		vcpus[i] = create(vlenbs[i], ANY_LENGTH, guest_lengths);

	for (round = 0; round < 30; round++) {
		for (i = 0; i < ARRAY_SIZE(vlenbs); i++)
			EXPECT_EQ(vlenbs[i], vcpu_run_to_sync(vcpus[i]));
	}

	for (i = 0; i < ARRAY_SIZE(vlenbs); i++) {
		bool native = vlenbs[i] == host_vlenb();

		EXPECT_EQ(native ? 0 : 30, vcpu_get_stat(vcpus[i], vector_exit_kernel));
		EXPECT_EQ(0, vcpu_get_stat(vcpus[i], vector_exit_user));
		kvm_vm_free(vcpus[i]->vm);
	}
}

int main(int argc, char *argv[])
{
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_ONE_REG));
	simd_switch_restore_at_exit();

	return test_harness_run(argc, argv);
}
