// SPDX-License-Identifier: GPL-2.0
/*
 * isa_policy.c - Test how a VMM chooses a guest's ISA extensions, for each vCPU
 * or with a ceiling for the whole VM, and how the choice affects the guest's
 * instructions.
 *
 * To "hide" an extension is to disable it for a vCPU, and to "show" it is to
 * enable it again.
 */
#include <fcntl.h>
#include <linux/bitmap.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "isa_util.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "sbi.h"
#include "test_util.h"
#include "ucall_common.h"

#define NR_EXT		KVM_RISCV_ISA_EXT_MAX
#define NR_RANDOM	40
#define NR_WALKS	500
#define E(ext)		KVM_RISCV_ISA_EXT_##ext
#define VLENB_REG	__kvm_reg_id(KVM_REG_RISCV_VECTOR, 0,			\
				     KVM_REG_RISCV_VECTOR_CSR_REG(vlenb),	\
				     KVM_REG_SIZE_ULONG)

/*
 * The extensions that can be hidden: those with FP or vector instructions, and
 * Zkr.
 */
static const int simd_exts[] = {
	E(ZKR), E(D), E(F), E(V), E(ZFH), E(ZFHMIN), E(ZFBFMIN),
	E(ZVBB), E(ZVBC), E(ZVFBFMIN), E(ZVFBFWMA), E(ZVFH), E(ZVFHMIN), E(ZVKB),
	E(ZVKG), E(ZVKNED), E(ZVKNHA), E(ZVKNHB), E(ZVKSED), E(ZVKSH), E(ZVKT),
};

static void get_isa(struct kvm_vcpu *vcpu, bool *isa)
{
	u64 val;

	for (int i = 0; i < NR_EXT; i++)
		isa[i] = !__vcpu_get_reg(vcpu, RISCV_ISA_EXT_REG(i), &val) && val;
}

static int set_ext(struct kvm_vcpu *vcpu, int ext, bool on)
{
	return __vcpu_set_reg(vcpu, RISCV_ISA_EXT_REG(ext), on);
}

/*
 * Do the same with a register that switches several extensions
 * (KVM_REG_RISCV_ISA_MULTI_*).
 */
static int multi_set_ext(struct kvm_vcpu *vcpu, int ext, bool on)
{
	u64 n = KVM_REG_RISCV_ISA_MULTI_REG(ext);

	return __vcpu_set_reg(vcpu, on ? RISCV_ISA_MULTI_EN_REG(n) : RISCV_ISA_MULTI_DIS_REG(n),
			      KVM_REG_RISCV_ISA_MULTI_MASK(ext));
}

#define EXPECT_ISA(vcpu, want)					\
	do {							\
		bool _got[NR_EXT];				\
								\
		get_isa(vcpu, _got);				\
		for (int _i = 0; _i < NR_EXT; _i++) {		\
			EXPECT_EQ((want)[_i], _got[_i])		\
				TH_LOG("extension %d", _i);	\
		}						\
	} while (0)

/* Create a vCPU that never runs and whose VM therefore needs no memory. */
static struct kvm_vcpu *new_vcpu(void)
{
	return __vm_vcpu_add(vm_create_barebones(), 0);
}

/*
 * On kernels with debugging options, creating hundreds of VMs takes longer than
 * the 30 s that a TEST() may take. All tests use a fixture, because only
 * TEST_F_TIMEOUT() can set another timeout.
 */
#define TIMEOUT		300

FIXTURE(isa_policy) {
};

FIXTURE_SETUP(isa_policy)
{
}

FIXTURE_TEARDOWN(isa_policy)
{
}

/*
 * Hide each extension by itself, with each kind of register. The extension and
 * its dependents must disappear, and nothing else.
 */
TEST_F_TIMEOUT(isa_policy, hide_each, TIMEOUT)
{
	bool all[NR_EXT], want[NR_EXT];
	int i;

	for (i = 0; i < ARRAY_SIZE(simd_exts); i++) {
		int ext = simd_exts[i];
		struct kvm_vcpu *vcpu = new_vcpu();

		get_isa(vcpu, all);
		if (!all[ext]) {
			EXPECT_EQ(-1, set_ext(vcpu, ext, true));
			kvm_vm_free(vcpu->vm);
			continue;
		}
		memcpy(want, all, sizeof(want));
		want[ext] = false;
		isa_drop_incomplete(want, false);

		EXPECT_EQ(0, set_ext(vcpu, ext, false));
		EXPECT_ISA(vcpu, want);
		kvm_vm_free(vcpu->vm);

		vcpu = new_vcpu();
		EXPECT_EQ(0, multi_set_ext(vcpu, ext, false));
		EXPECT_ISA(vcpu, want);
		kvm_vm_free(vcpu->vm);
	}
}

/*
 * Hide extensions with the config register isa, which has all single-letter
 * extensions. Clearing V must also hide ZV*.
 */
TEST_F_TIMEOUT(isa_policy, hide_by_config, TIMEOUT)
{
	static const int ext_of[] = { ['d'] = E(D), ['f'] = E(F), ['v'] = E(V) };
	static const char *const off[] = { "v", "d", "f", "vd", "vf", "df", "vdf" };
	bool all[NR_EXT], want[NR_EXT];
	int i;

	for (i = 0; i < ARRAY_SIZE(off); i++) {
		struct kvm_vcpu *vcpu = new_vcpu();
		u64 isa = vcpu_get_reg(vcpu, RISCV_CONFIG_REG(isa));
		const char *p;

		get_isa(vcpu, all);
		memcpy(want, all, sizeof(want));
		for (p = off[i]; *p; p++) {
			isa &= ~BIT(*p - 'a');
			want[ext_of[(int)*p]] = false;
		}
		isa_drop_incomplete(want, false);
		EXPECT_EQ(0, __vcpu_set_reg(vcpu, RISCV_CONFIG_REG(isa), isa));
		EXPECT_ISA(vcpu, want);
		kvm_vm_free(vcpu->vm);
	}
}

/*
 * For each dependency in the table: after the needed extension has been hidden,
 * the dependent one can be shown without it, and it must stay when something
 * else is hidden.
 */
TEST_F_TIMEOUT(isa_policy, show_without_needs, TIMEOUT)
{
	bool all[NR_EXT], isa[NR_EXT];
	int i;

	for (i = 0; i < nr_isa_needs; i++) {
		struct kvm_vcpu *vcpu = new_vcpu();

		get_isa(vcpu, all);
		if (!all[isa_needs[i].ext] || isa_needs[i].ceiling)
			goto next;

		ASSERT_EQ(0, set_ext(vcpu, isa_needs[i].needed, false));
		get_isa(vcpu, isa);
		EXPECT_FALSE(isa[isa_needs[i].ext]);
		EXPECT_EQ(0, set_ext(vcpu, isa_needs[i].ext, true));
		isa[isa_needs[i].ext] = true;
		EXPECT_ISA(vcpu, isa);

		if (isa[E(ZICBOZ)]) {
			EXPECT_EQ(0, set_ext(vcpu, E(ZICBOZ), false));
			isa[E(ZICBOZ)] = false;
			EXPECT_ISA(vcpu, isa);
		}
next:
		kvm_vm_free(vcpu->vm);
	}
}

/*
 * In Linux 7.3, a vCPU without V still has all ZV*. Restoring such a vCPU must
 * still work. The test writes its registers to a new vCPU in the order of 7.3's
 * list: config.isa, then one register for each extension, then the registers
 * that hold 64 extensions each.
 */
TEST_F_TIMEOUT(isa_policy, restore_of_7_3, TIMEOUT)
{
	struct kvm_vcpu *vcpu = new_vcpu();
	u64 isa = vcpu_get_reg(vcpu, RISCV_CONFIG_REG(isa));
	u64 en[NR_ISA_MULTI_REGS];
	bool want[NR_EXT], some[NR_EXT];
	int i;

	get_isa(vcpu, want);
	if (!want[E(V)])
		SKIP(return, "no V");
	for (i = 0; i < NR_ISA_MULTI_REGS; i++)
		en[i] = vcpu_get_reg(vcpu, RISCV_ISA_MULTI_EN_REG(i));
	en[E(V) / BITS_PER_LONG] &= ~BIT(E(V) % BITS_PER_LONG);

	isa &= ~BIT('v' - 'a');
	want[E(V)] = false;
	EXPECT_EQ(0, __vcpu_set_reg(vcpu, RISCV_CONFIG_REG(isa), isa));
	get_isa(vcpu, some);
	for (i = 0; i < NR_EXT; i++) {
		if (want[i] || i == E(V))
			EXPECT_EQ(0, set_ext(vcpu, i, want[i]))
				TH_LOG("extension %d", i);
	}
	EXPECT_ISA(vcpu, want);
	kvm_vm_free(vcpu->vm);

	vcpu = new_vcpu();
	EXPECT_EQ(0, __vcpu_set_reg(vcpu, RISCV_CONFIG_REG(isa), isa));
	EXPECT_ISA(vcpu, some);
	for (i = 0; i < NR_ISA_MULTI_REGS; i++)
		EXPECT_EQ(0, __vcpu_set_reg(vcpu, RISCV_ISA_MULTI_EN_REG(i), en[i]));
	EXPECT_ISA(vcpu, want);
	kvm_vm_free(vcpu->vm);
}

/* Show all hidden extensions with one write per register, in any order. */
TEST_F_TIMEOUT(isa_policy, show_all_at_once, TIMEOUT)
{
	struct kvm_vcpu *vcpu = new_vcpu();
	bool all[NR_EXT];
	u64 en[NR_ISA_MULTI_REGS];
	int i;

	get_isa(vcpu, all);
	for (i = 0; i < NR_ISA_MULTI_REGS; i++)
		en[i] = vcpu_get_reg(vcpu, RISCV_ISA_MULTI_EN_REG(i));
	for (i = 0; i < ARRAY_SIZE(simd_exts); i++)
		if (all[simd_exts[i]])
			EXPECT_EQ(0, set_ext(vcpu, simd_exts[i], false));
	for (i = 0; i < NR_ISA_MULTI_REGS; i++)
		EXPECT_EQ(0, __vcpu_set_reg(vcpu, RISCV_ISA_MULTI_EN_REG(i), en[i]));
	EXPECT_ISA(vcpu, all);
	kvm_vm_free(vcpu->vm);
}

/*
 * Show extensions one by one in the order of KVM_GET_REG_LIST, in which an
 * extension precedes its dependents.
 */
TEST_F_TIMEOUT(isa_policy, show_in_list_order, TIMEOUT)
{
	struct kvm_vcpu *vcpu = new_vcpu();
	struct kvm_reg_list *list = vcpu_get_reg_list(vcpu);
	int i, at[NR_EXT] = { };
	bool all[NR_EXT];
	u64 id;

	get_isa(vcpu, all);
	for (i = 0; i < ARRAY_SIZE(simd_exts); i++)
		if (all[simd_exts[i]])
			EXPECT_EQ(0, set_ext(vcpu, simd_exts[i], false));

	for (i = 0; i < list->n; i++) {
		id = list->reg[i] & ~(KVM_REG_ARCH_MASK | KVM_REG_SIZE_MASK);
		if ((id & KVM_REG_RISCV_TYPE_MASK) != KVM_REG_RISCV_ISA_EXT)
			continue;
		id &= ~KVM_REG_RISCV_TYPE_MASK;
		if (id < NR_EXT)
			at[id] = i;
		if (id < NR_EXT && all[id])
			EXPECT_EQ(0, set_ext(vcpu, id, true))
				TH_LOG("extension %d", (int)id);
	}
	EXPECT_ISA(vcpu, all);
	for (i = 0; i < nr_isa_needs; i++)
		if (at[isa_needs[i].ext])
			EXPECT_LT(at[isa_needs[i].needed], at[isa_needs[i].ext])
				TH_LOG("extension %d", isa_needs[i].ext);
	free(list);
	kvm_vm_free(vcpu->vm);
}

/*
 * Take the seed from the environment variable SEED, if it is set, and print it,
 * so that a failure can be reproduced.
 */
static void seed_walks(struct __test_metadata *_metadata)
{
	const char *env = getenv("SEED");
	u32 seed = env ? strtoul(env, NULL, 0) : time(NULL);

	TH_LOG("SEED=%u", seed);
	srandom(seed);
}

/*
 * Write a random set of extensions that has no unmet dependencies, in a random
 * order. The vCPU must have exactly that set afterwards.
 */
TEST_F_TIMEOUT(isa_policy, random_sets_and_orders, TIMEOUT)
{
	bool all[NR_EXT], want[NR_EXT];
	int order[NR_EXT], i, j, run, tmp;
	struct kvm_vcpu *vcpu;
	u64 val;

	seed_walks(_metadata);
	for (run = 0; run < NR_RANDOM; run++) {
		vcpu = new_vcpu();
		get_isa(vcpu, all);
		memcpy(want, all, sizeof(want));
		for (i = 0; i < ARRAY_SIZE(simd_exts); i++)
			if (random() % 4 == 0)
				want[simd_exts[i]] = false;
		isa_drop_incomplete(want, false);

		for (i = 0; i < NR_EXT; i++)
			order[i] = i;
		/* The first run uses ascending order. */
		for (i = NR_EXT - 1; run && i > 0; i--) {
			j = random() % (i + 1);
			tmp = order[i];
			order[i] = order[j];
			order[j] = tmp;
		}
		for (i = 0; i < NR_EXT; i++) {
			int ext = order[i];

			if (__vcpu_get_reg(vcpu, RISCV_ISA_EXT_REG(ext), &val))
				continue;
			if (!want[ext] && all[ext])
				EXPECT_EQ(0, set_ext(vcpu, ext, false));
			if (want[ext]) {
				EXPECT_EQ(0, set_ext(vcpu, ext, true))
					TH_LOG("run %d, extension %d", run, ext);
			}
		}
		EXPECT_ISA(vcpu, want);
		kvm_vm_free(vcpu->vm);
	}
}

/*
 * VMMs have always been able to hide F and D by themselves. Those that do may
 * still write the registers of D and V, and their guests may still use them,
 * which must continue to work.
 */
static void guest_fp_and_vectors(void)
{
	csr_set(CSR_SSTATUS, SR_FS | SR_VS);
	asm volatile("fadd.d f1, f2, f3");
	asm volatile(V_INSN("vsetivli zero, 2, e64, m1, ta, ma\n"
			    "vfadd.vv v1, v2, v3") ::: "memory");
	GUEST_SYNC(READ_ONCE(illegal_insns));
}

TEST_F_TIMEOUT(isa_policy, old_vmms_go_on, TIMEOUT)
{
	static const int off[] = { E(D), E(F) };
	static u8 zeros[KVM_REG_SIZE(KVM_REG_SIZE_MASK)];
	bool want[NR_EXT];
	int i, j;

	for (i = 0; i < ARRAY_SIZE(off); i++) {
		struct kvm_vcpu *vcpu;
		struct kvm_vm *vm = vm_create_with_one_vcpu(&vcpu, guest_fp_and_vectors);
		struct kvm_reg_list *list = vcpu_get_reg_list(vcpu);
		struct ucall uc;

		get_isa(vcpu, want);
		if (!want[E(V)])
			SKIP(return, "no V");
		want[off[i]] = false;
		EXPECT_EQ(0, set_ext(vcpu, off[i], false));
		EXPECT_ISA(vcpu, want);

		for (j = 0; j < list->n; j++) {
			struct kvm_one_reg reg = { .id = list->reg[j], .addr = (u64)zeros };
			u64 type = reg.id & KVM_REG_RISCV_TYPE_MASK;

			if (reg.id == VLENB_REG)
				continue;
			if ((type == KVM_REG_RISCV_FP_D && off[i] != E(D)) ||
			    (type == KVM_REG_RISCV_FP_F && off[i] != E(F)) ||
			    type == KVM_REG_RISCV_VECTOR)
				EXPECT_EQ(0, __vcpu_ioctl(vcpu, KVM_SET_ONE_REG, &reg))
					TH_LOG("%llx: %s", reg.id, strerror(errno));
		}

		vcpu_catch_illegal_insns(vcpu);
		vcpu_run(vcpu);
		EXPECT_EQ(UCALL_SYNC, get_ucall(vcpu, &uc));
		EXPECT_EQ(0, uc.args[1]);
		free(list);
		kvm_vm_free(vm);
	}
}

/*
 * Whatever a VMM has written to a vCPU, it must be possible to write all
 * registers that this vCPU lists to a new vCPU, in the order of the list. The
 * new vCPU must then have the same registers with the same values.
 */
#define MAX_REGS	1024
#define REG_WORDS	16	/* for a VLEN of 1024 */

struct saved {
	u64 n, reg[MAX_REGS];
	u64 val[MAX_REGS][REG_WORDS];
};

/*
 * Return whether to save and compare a register. The time changes by itself, so
 * it is left out.
 */
static bool is_saved(u64 id)
{
	return KVM_REG_SIZE(id) <= sizeof(u64[REG_WORDS]) && id != RISCV_TIMER_REG(time);
}

static void save_list(struct kvm_vcpu *vcpu, struct saved *s)
{
	s->n = MAX_REGS;
	TEST_ASSERT(!__vcpu_ioctl(vcpu, KVM_GET_REG_LIST, (struct kvm_reg_list *)s),
		    "KVM_GET_REG_LIST: %s", strerror(errno));
}

static void save(struct kvm_vcpu *vcpu, struct saved *s)
{
	int i;

	memset(s, 0, sizeof(*s));
	save_list(vcpu, s);
	for (i = 0; i < s->n; i++) {
		struct kvm_one_reg reg = { .id = s->reg[i], .addr = (u64)s->val[i] };

		if (is_saved(reg.id))
			TEST_ASSERT(!__vcpu_ioctl(vcpu, KVM_GET_ONE_REG, &reg), "%llx: %s",
				    reg.id, strerror(errno));
	}
}

/*
 * Make one random write to a register that chooses extensions. The write may
 * fail.
 */
static void walk_step(struct kvm_vcpu *vcpu)
{
	static const int first[] = { E(F), E(D), E(V), E(ZVKB), E(ZFHMIN), E(ZFBFMIN), E(ZFA) };
	int ext = random() % 2 ? random() % NR_EXT : first[random() % ARRAY_SIZE(first)];
	u64 isa;

	switch (random() % 8) {
	case 0:
		isa = vcpu_get_reg(vcpu, RISCV_CONFIG_REG(isa));
		__vcpu_set_reg(vcpu, RISCV_CONFIG_REG(isa), isa ^ BIT("fdvvc"[random() % 5] - 'a'));
		break;
	case 1:
		multi_set_ext(vcpu, ext, random() % 2);
		break;
	default:
		set_ext(vcpu, ext, random() % 2);
	}
}

/* Write a different value to each FP and vector register. */
static void walk_values(struct kvm_vcpu *vcpu, struct saved *s)
{
	u64 val[REG_WORDS] = { 0x0123456789abcdefUL, 0xfedcba9876543210UL }, type;
	int i;

	for (i = 0; i < s->n; i++) {
		struct kvm_one_reg reg = { .id = s->reg[i], .addr = (u64)val };

		type = reg.id & KVM_REG_RISCV_TYPE_MASK;
		if (type != KVM_REG_RISCV_FP_D && type != KVM_REG_RISCV_FP_F &&
		    (type != KVM_REG_RISCV_VECTOR ||
		     (u16)reg.id < KVM_REG_RISCV_VECTOR_REG(0)))
			continue;
		val[0] += i;
		if (is_saved(reg.id))
			TEST_ASSERT(!__vcpu_ioctl(vcpu, KVM_SET_ONE_REG, &reg), "%llx", reg.id);
	}
}

static struct kvm_vcpu *walk_and_restore(struct __test_metadata *_metadata,
					 struct kvm_vm *from, struct kvm_vm *to, int id)
{
	struct kvm_vcpu *vcpu = __vm_vcpu_add(from, id), *new = __vm_vcpu_add(to, id);
	static struct saved before, after;
	int i;

	for (i = random() % 12; i >= 0; i--)
		walk_step(vcpu);
	save_list(vcpu, &before);
	walk_values(vcpu, &before);
	save(vcpu, &before);

	for (i = 0; i < before.n; i++) {
		struct kvm_one_reg reg = { .id = before.reg[i], .addr = (u64)before.val[i] };

		if (is_saved(reg.id))
			EXPECT_EQ(0, __vcpu_ioctl(new, KVM_SET_ONE_REG, &reg))
				TH_LOG("walk %d, %llx = %lx: %s", id, reg.id, before.val[i][0],
				       strerror(errno));
	}
	save(new, &after);
	ASSERT_EQ(before.n, after.n)
		TH_LOG("walk %d", id);
	for (i = 0; i < before.n; i++) {
		EXPECT_EQ(before.reg[i], after.reg[i]);
		EXPECT_EQ(0, memcmp(before.val[i], after.val[i], sizeof(after.val[i])))
			TH_LOG("walk %d, %lx", id, before.reg[i]);
	}
	return vcpu;
}

TEST_F_TIMEOUT(isa_policy, random_walks, TIMEOUT)
{
	struct kvm_vm *from = NULL, *to = NULL;
	int walk, nr = kvm_check_cap(KVM_CAP_MAX_VCPUS);

	/*
	 * vCPUs are only freed with their VM, so create a new VM from time to
	 * time.
	 */
	nr = min(nr, 50);
	seed_walks(_metadata);
	for (walk = 0; walk < NR_WALKS; walk++) {
		if (walk % nr == 0) {
			if (from) {
				kvm_vm_free(from);
				kvm_vm_free(to);
			}
			from = vm_create_barebones();
			to = vm_create_barebones();
		}
		walk_and_restore(_metadata, from, to, walk % nr);
	}
	kvm_vm_free(from);
	kvm_vm_free(to);
}

/*
 * The VM's attributes
 */
static int vm_attr(struct kvm_vm *vm, unsigned long ioctl_nr, u32 group, u64 attr,
		   u32 flags, void *addr)
{
	struct kvm_device_attr a = {
		.group = group, .attr = attr, .flags = flags, .addr = (u64)addr,
	};

	/* Do not use __vm_ioctl(), which requires a constant ioctl number. */
	return ioctl(vm->fd, ioctl_nr, &a);
}

static int get_set(struct kvm_vm *vm, u64 attr, struct kvm_riscv_vm_isa *set)
{
	set->size = sizeof(*set);
	return vm_attr(vm, KVM_GET_DEVICE_ATTR, KVM_RISCV_VM_ISA, attr, 0, set);
}

static int set_ceiling(struct kvm_vm *vm, void *set)
{
	return vm_attr(vm, KVM_SET_DEVICE_ATTR, KVM_RISCV_VM_ISA, KVM_RISCV_VM_ISA_CEILING, 0, set);
}

static bool in_set(const struct kvm_riscv_vm_isa *set, int ext)
{
	return set->ext[ext / 64] & BIT_ULL(ext % 64);
}

static void change_set(struct kvm_riscv_vm_isa *set, int ext, bool in)
{
	if (in)
		set->ext[ext / 64] |= BIT_ULL(ext % 64);
	else
		set->ext[ext / 64] &= ~BIT_ULL(ext % 64);
}

static void set_to_isa(const struct kvm_riscv_vm_isa *set, bool *isa)
{
	int i;

	for (i = 0; i < NR_EXT; i++)
		isa[i] = in_set(set, i);
}

static void isa_to_set(struct kvm_riscv_vm_isa *set, const bool *isa)
{
	int i;

	for (i = 0; i < NR_EXT; i++)
		change_set(set, i, isa[i]);
}

/* Remove an extension and its dependents from a set. */
static void hide_in_set(struct kvm_riscv_vm_isa *set, int ext)
{
	bool isa[NR_EXT];

	set_to_isa(set, isa);
	isa[ext] = false;
	isa_drop_incomplete(isa, true);
	isa_to_set(set, isa);
}

/* RV64 Linux always requires these extensions, so they cannot be left out. */
static bool is_required(int ext)
{
	return ext == E(I) || ext == E(M) || ext == E(A);
}

FIXTURE(vm_isa) {
	struct kvm_vm *vm;
	struct kvm_riscv_vm_isa offered, hideable, enforced, ceiling;
};

FIXTURE_SETUP(vm_isa)
{
	if (!kvm_has_cap(KVM_CAP_VM_ATTRIBUTES))
		SKIP(return, "no KVM_CAP_VM_ATTRIBUTES");

	self->vm = vm_create_barebones();
	ASSERT_EQ(0, get_set(self->vm, KVM_RISCV_VM_ISA_OFFERED, &self->offered));
	ASSERT_EQ(0, get_set(self->vm, KVM_RISCV_VM_ISA_HIDEABLE, &self->hideable));
	ASSERT_EQ(0, get_set(self->vm, KVM_RISCV_VM_ISA_ENFORCED, &self->enforced));
	ASSERT_EQ(0, get_set(self->vm, KVM_RISCV_VM_ISA_CEILING, &self->ceiling));
}

FIXTURE_TEARDOWN(vm_isa)
{
	kvm_vm_free(self->vm);
}

/*
 * The attributes must agree with each other and with the registers of a vCPU.
 */
TEST_F_TIMEOUT(vm_isa, reads_agree, TIMEOUT)
{
	struct kvm_vcpu *vcpu;
	bool isa[NR_EXT];
	u64 val;
	int i;

	EXPECT_EQ(0, memcmp(&self->offered, &self->ceiling, sizeof(self->offered)));
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(0, self->hideable.ext[i] & ~self->offered.ext[i]);
		EXPECT_EQ(0, self->enforced.ext[i] & ~self->offered.ext[i]);
	}
	for (i = 0; i < ARRAY_SIZE(simd_exts); i++) {
		EXPECT_EQ(in_set(&self->offered, simd_exts[i]),
			  in_set(&self->hideable, simd_exts[i]));
	}

	vcpu = __vm_vcpu_add(self->vm, 0);
	get_isa(vcpu, isa);
	for (i = 0; i < 256; i++) {
		EXPECT_EQ(i < NR_EXT && isa[i], in_set(&self->offered, i))
			TH_LOG("extension %d", i);
	}
	for (i = 0; i < NR_EXT; i++) {
		struct kvm_vcpu *v;

		if (__vcpu_get_reg(vcpu, RISCV_ISA_EXT_REG(i), &val) || !isa[i])
			continue;
		v = new_vcpu();
		EXPECT_EQ(in_set(&self->hideable, i), !set_ext(v, i, false))
			TH_LOG("extension %d", i);
		kvm_vm_free(v->vm);
	}
}

/*
 * A ceiling can leave out any extension together with its dependents. No vCPU
 * of the VM can then get that extension.
 */
TEST_F_TIMEOUT(vm_isa, leave_out_each, TIMEOUT)
{
	bool want[NR_EXT];
	u64 val, en;
	int i;

	for (i = 0; i < NR_EXT; i++) {
		struct kvm_riscv_vm_isa set = self->offered, got;
		struct kvm_vcpu *vcpu;
		struct kvm_vm *vm;

		if (!in_set(&self->offered, i))
			continue;
		vm = vm_create_barebones();
		hide_in_set(&set, i);
		if (is_required(i)) {
			EXPECT_ERRNO(EINVAL, set_ceiling(vm, &set));
			kvm_vm_free(vm);
			continue;
		}
		EXPECT_EQ(0, set_ceiling(vm, &set))
			TH_LOG("extension %d", i);
		EXPECT_EQ(0, get_set(vm, KVM_RISCV_VM_ISA_CEILING, &got));
		EXPECT_EQ(0, memcmp(&set, &got, sizeof(set)));

		vcpu = __vm_vcpu_add(vm, 0);
		set_to_isa(&set, want);
		EXPECT_ISA(vcpu, want);
		/*
		 * No register can enable an extension above the ceiling, but
		 * writing 0 to a disabled one succeeds.
		 */
		EXPECT_ERRNO(EINVAL, set_ext(vcpu, i, true));
		EXPECT_EQ(0, multi_set_ext(vcpu, i, true));
		EXPECT_EQ(0, set_ext(vcpu, i, false));
		val = vcpu_get_reg(vcpu, RISCV_CONFIG_REG(isa));
		EXPECT_EQ(0, __vcpu_set_reg(vcpu, RISCV_CONFIG_REG(isa), val));
		en = vcpu_get_reg(vcpu, RISCV_ISA_MULTI_EN_REG(0));
		EXPECT_EQ(0, __vcpu_set_reg(vcpu, RISCV_ISA_MULTI_EN_REG(0), en));
		EXPECT_ISA(vcpu, want);
		kvm_vm_free(vm);
	}
}

TEST_F_TIMEOUT(vm_isa, ceiling_binds_config, TIMEOUT)
{
	static const struct {
		int ext;
		char letter;
	} letters[] = { { E(C), 'c' }, { E(V), 'v' } };
	bool isa[NR_EXT];
	u64 config;
	int i;

	for (i = 0; i < ARRAY_SIZE(letters); i++) {
		u64 bit = BIT(letters[i].letter - 'a');
		struct kvm_riscv_vm_isa set = self->offered;
		struct kvm_vcpu *vcpu;
		struct kvm_vm *vm;

		if (!in_set(&self->offered, letters[i].ext))
			SKIP(return, "no %c", letters[i].letter);
		vm = vm_create_barebones();
		hide_in_set(&set, letters[i].ext);
		ASSERT_EQ(0, set_ceiling(vm, &set));
		vcpu = __vm_vcpu_add(vm, 0);
		config = vcpu_get_reg(vcpu, RISCV_CONFIG_REG(isa));
		EXPECT_EQ(0, config & bit);
		EXPECT_ERRNO(EINVAL, __vcpu_set_reg(vcpu, RISCV_CONFIG_REG(isa), config | bit));

		/*
		 * Below the ceiling, each vCPU can still disable and enable
		 * extensions.
		 */
		if (config & BIT('v' - 'a'))
			EXPECT_EQ(0, __vcpu_set_reg(vcpu, RISCV_CONFIG_REG(isa),
						    config & ~BIT('v' - 'a')));
		EXPECT_EQ(0, set_ext(vcpu, E(D), false));
		EXPECT_EQ(0, set_ext(vcpu, E(D), true));
		get_isa(vcpu, isa);
		EXPECT_FALSE(isa[letters[i].ext]);
		kvm_vm_free(vm);
	}
}

/*
 * With a ceiling, an extension cannot be shown while an extension that it needs
 * is hidden. Test this for each dependency in the table.
 */
TEST_F_TIMEOUT(vm_isa, no_show_without_needs, TIMEOUT)
{
	bool all[NR_EXT], isa[NR_EXT];
	struct kvm_vcpu *vcpu;
	int i, ext;

	ASSERT_EQ(0, set_ceiling(self->vm, &self->offered));
	for (i = 0; i < nr_isa_needs; i++) {
		vcpu = __vm_vcpu_add(self->vm, i);
		get_isa(vcpu, all);
		ext = isa_needs[i].ext;
		if (!all[ext] || !in_set(&self->hideable, isa_needs[i].needed))
			continue;

		ASSERT_EQ(0, set_ext(vcpu, isa_needs[i].needed, false));
		get_isa(vcpu, isa);
		EXPECT_FALSE(isa[ext])
			TH_LOG("extension %d", ext);
		EXPECT_ERRNO(EINVAL, set_ext(vcpu, ext, true));
		EXPECT_EQ(0, multi_set_ext(vcpu, ext, true));
		EXPECT_ISA(vcpu, isa);
	}
}

/*
 * With a ceiling, hiding F or D also hides the dependents, and showing F or D
 * again brings back those that cannot be hidden by themselves.
 */
TEST_F_TIMEOUT(vm_isa, goes_and_comes_back, TIMEOUT)
{
	static const int all_of_fp[] = { E(F), E(D), E(V) };
	struct kvm_vcpu *vcpu;
	bool all[NR_EXT], want[NR_EXT];
	u64 config;
	int i, j;

	ASSERT_EQ(0, set_ceiling(self->vm, &self->offered));
	vcpu = __vm_vcpu_add(self->vm, 0);
	get_isa(vcpu, all);
	if (!all[E(V)])
		SKIP(return, "no V");

	/* A set with D and without F is incomplete. */
	config = vcpu_get_reg(vcpu, RISCV_CONFIG_REG(isa));
	EXPECT_ERRNO(EINVAL, __vcpu_set_reg(vcpu, RISCV_CONFIG_REG(isa), config & ~BIT('f' - 'a')));
	EXPECT_ISA(vcpu, all);

	for (i = 0; i < ARRAY_SIZE(simd_exts); i++) {
		if (!all[simd_exts[i]])
			continue;
		vcpu = __vm_vcpu_add(self->vm, 1 + i);
		memcpy(want, all, sizeof(want));
		want[simd_exts[i]] = false;
		isa_drop_incomplete(want, true);
		EXPECT_EQ(0, set_ext(vcpu, simd_exts[i], false));
		EXPECT_ISA(vcpu, want);
		/*
		 * Without D, V cannot be enabled through its bit in the config
		 * register isa either.
		 */
		config = vcpu_get_reg(vcpu, RISCV_CONFIG_REG(isa));
		if (!want[E(D)])
			EXPECT_ERRNO(EINVAL, __vcpu_set_reg(vcpu, RISCV_CONFIG_REG(isa),
							    config | BIT('v' - 'a')));
		/*
		 * Exactly the dependents that cannot be hidden by themselves
		 * must be back.
		 */
		for (j = 0; j < ARRAY_SIZE(all_of_fp); j++)
			EXPECT_EQ(0, set_ext(vcpu, all_of_fp[j], true));
		for (j = 0; j < NR_EXT; j++)
			if (all[j] && !in_set(&self->hideable, j))
				want[j] = true;
		for (j = 0; j < ARRAY_SIZE(all_of_fp); j++)
			want[all_of_fp[j]] = true;
		EXPECT_ISA(vcpu, want);
	}
}

/*
 * Extensions are numbered in the order in which KVM has learned of them. Each
 * element of unknown[] is the first extension that some older kernel did not
 * know. A VMM may have stored a ceiling on such a kernel, with everything below
 * that number, and KVM must still accept that ceiling.
 */
TEST_F_TIMEOUT(vm_isa, ceilings_of_older_kernels, TIMEOUT)
{
	static const int unknown[] = {
		E(SSTC), E(ZIHINTPAUSE), E(ZBB), E(SSAIA), E(V), E(ZICNTR), E(SMSTATEEN),
		E(ZICOND), E(ZBC), E(ZTSO), E(SSCOFPMF), E(ZIMOP), E(SMNPM), E(SVADE),
		E(ZABHA), E(ZICBOP), E(ZCLSD), E(ZALASR), E(ZICFILP),
	};
	bool want[NR_EXT];
	int i, j;

	for (i = 0; i < ARRAY_SIZE(unknown); i++) {
		struct kvm_riscv_vm_isa set = self->offered;
		struct kvm_vm *vm = vm_create_barebones();
		struct kvm_vcpu *vcpu;

		for (j = unknown[i]; j < NR_EXT; j++)
			change_set(&set, j, false);
		set_to_isa(&set, want);
		EXPECT_EQ(0, set_ceiling(vm, &set))
			TH_LOG("up to %d", unknown[i]);
		vcpu = __vm_vcpu_add(vm, 0);
		EXPECT_ISA(vcpu, want);
		kvm_vm_free(vm);
	}

	/*
	 * An older kernel that does not know Zca may know C, which includes
	 * Zca, so a ceiling with C and without Zca must be accepted.
	 */
	if (in_set(&self->offered, E(C))) {
		struct kvm_riscv_vm_isa set = self->offered;

		change_set(&set, E(ZCA), false);
		EXPECT_EQ(0, set_ceiling(self->vm, &set));
	}
}

/*
 * KVM must refuse a ceiling with extensions that this kernel or this host does
 * not have.
 */
TEST_F_TIMEOUT(vm_isa, ceilings_of_newer_kernels, TIMEOUT)
{
	struct {
		struct kvm_riscv_vm_isa isa;
		u64 ext[4];
	} large = { .isa = self->offered };
	struct kvm_riscv_vm_isa set;
	int i;

	for (i = 0; i < 256; i++) {
		if (in_set(&self->offered, i))
			continue;
		set = self->offered;
		change_set(&set, i, true);
		EXPECT_ERRNO(EINVAL, set_ceiling(self->vm, &set));
	}

	/*
	 * KVM accepts a larger structure if the part that it does not know is
	 * zero.
	 */
	large.isa.size = sizeof(large);
	EXPECT_EQ(0, set_ceiling(self->vm, &large));
	large.ext[3] = 1;
	EXPECT_ERRNO(E2BIG, set_ceiling(self->vm, &large));
	EXPECT_EQ(0, vm_attr(self->vm, KVM_GET_DEVICE_ATTR, KVM_RISCV_VM_ISA,
			     KVM_RISCV_VM_ISA_OFFERED, 0, &large));
	EXPECT_EQ(0, memcmp(&large.isa, &self->offered, sizeof(large.isa)));
	EXPECT_EQ(0, large.ext[3]);
}

TEST_F_TIMEOUT(vm_isa, refused, TIMEOUT)
{
	static const u64 sizes[] = { 0, KVM_RISCV_VM_ISA_SIZE_VER0 - 1 };
	struct kvm_riscv_vm_isa set, *huge;
	u32 isa = KVM_RISCV_VM_ISA;
	int i;

	for (i = KVM_RISCV_VM_ISA_OFFERED; i <= KVM_RISCV_VM_ISA_CEILING; i++) {
		EXPECT_EQ(0, vm_attr(self->vm, KVM_HAS_DEVICE_ATTR, isa, i, 0, NULL));
		EXPECT_ERRNO(EINVAL, vm_attr(self->vm, KVM_HAS_DEVICE_ATTR, isa, i, 1, NULL));
		EXPECT_ERRNO(EFAULT, vm_attr(self->vm, KVM_GET_DEVICE_ATTR, isa, i, 0, NULL));
		if (i == KVM_RISCV_VM_ISA_CEILING)
			continue;
		EXPECT_ERRNO(ENXIO, vm_attr(self->vm, KVM_SET_DEVICE_ATTR, isa, i, 0, &set));
	}
	EXPECT_ERRNO(ENXIO, vm_attr(self->vm, KVM_HAS_DEVICE_ATTR, isa, i, 0, NULL));
	EXPECT_ERRNO(ENXIO, vm_attr(self->vm, KVM_GET_DEVICE_ATTR, isa, i, 0, &set));
	EXPECT_ERRNO(ENXIO, vm_attr(self->vm, KVM_SET_DEVICE_ATTR, isa, i, 0, &set));
	EXPECT_ERRNO(ENXIO, vm_attr(self->vm, KVM_HAS_DEVICE_ATTR, isa + 1, 0, 0, NULL));
	EXPECT_ERRNO(EFAULT, set_ceiling(self->vm, NULL));

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		set = self->offered;
		set.size = sizes[i];
		EXPECT_ERRNO(EINVAL, set_ceiling(self->vm, &set));
		EXPECT_ERRNO(EINVAL, vm_attr(self->vm, KVM_GET_DEVICE_ATTR, isa,
					     KVM_RISCV_VM_ISA_OFFERED, 0, &set));
	}
	/*
	 * KVM refuses a structure of more than a page, even if the rest is
	 * zero.
	 */
	huge = calloc(2, getpagesize());
	ASSERT_NE(NULL, huge);
	*huge = self->offered;
	huge->size = getpagesize() + 1;
	EXPECT_ERRNO(E2BIG, set_ceiling(self->vm, huge));
	EXPECT_ERRNO(E2BIG, vm_attr(self->vm, KVM_GET_DEVICE_ATTR, isa,
				    KVM_RISCV_VM_ISA_OFFERED, 0, huge));
	free(huge);

	/* KVM refuses a ceiling with unmet dependencies. */
	for (i = 0; i < nr_isa_needs; i++) {
		if (!in_set(&self->offered, isa_needs[i].ext))
			continue;
		set = self->offered;
		change_set(&set, isa_needs[i].needed, false);
		change_set(&set, isa_needs[i].or, false);
		EXPECT_ERRNO(EINVAL, set_ceiling(self->vm, &set));
	}
	ASSERT_EQ(0, get_set(self->vm, KVM_RISCV_VM_ISA_CEILING, &set));
	EXPECT_EQ(0, memcmp(&set, &self->ceiling, sizeof(set)));

	/* The ceiling can be changed until the first vCPU is created. */
	EXPECT_EQ(0, set_ceiling(self->vm, &self->offered));
	__vm_vcpu_add(self->vm, 0);
	EXPECT_ERRNO(EBUSY, set_ceiling(self->vm, &self->offered));
}

/*
 * Any set without unmet dependencies can be a ceiling, and any state that a
 * vCPU reaches below the ceiling can be restored.
 */
TEST_F_TIMEOUT(vm_isa, random_walks, TIMEOUT)
{
	bool isa[NR_EXT], complete[NR_EXT], want[NR_EXT];
	struct kvm_riscv_vm_isa set = self->offered;
	struct kvm_vm *vm[2];
	int i, j, run;

	seed_walks(_metadata);
	for (run = 0; run < NR_WALKS / 20; run++) {
		set_to_isa(&self->offered, want);
		for (i = 0; i < NR_EXT; i++)
			if (random() % 16 == 0 && !is_required(i))
				want[i] = false;
		isa_drop_incomplete(want, true);
		isa_to_set(&set, want);
		for (i = 0; i < 2; i++) {
			vm[i] = vm_create_barebones();
			ASSERT_EQ(0, set_ceiling(vm[i], &set))
				TH_LOG("run %d", run);
		}
		for (i = 0; i < 20; i++) {
			struct kvm_vcpu *vcpu = walk_and_restore(_metadata, vm[0], vm[1], i);

			get_isa(vcpu, isa);
			memcpy(complete, isa, sizeof(isa));
			isa_drop_incomplete(complete, true);
			for (j = 0; j < NR_EXT; j++) {
				EXPECT_TRUE(isa[j] <= want[j])
					TH_LOG("run %d, extension %d is above the ceiling", run, j);
				EXPECT_EQ(complete[j], isa[j])
					TH_LOG("run %d, extension %d lacks what it needs", run, j);
			}
		}
		kvm_vm_free(vm[0]);
		kvm_vm_free(vm[1]);
	}
}

/*
 * Set a ceiling while another thread creates a vCPU. The structure is in a
 * missing page that userfaultfd handles, so KVM_SET_DEVICE_ATTR waits in the
 * kernel for the page. Meanwhile the test creates the vCPU, and only then
 * provides the page.
 */
struct late_ceiling {
	struct kvm_vm *vm;
	struct kvm_riscv_vm_isa *set;
	int err;
};

static void *set_late_ceiling(void *arg)
{
	struct late_ceiling *late = arg;

	late->err = set_ceiling(late->vm, late->set) ? errno : 0;
	return NULL;
}

TEST_F_TIMEOUT(vm_isa, ceiling_races_with_vcpu, TIMEOUT)
{
	size_t size = getpagesize();
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_copy copy = { .len = size };
	int uffd = syscall(__NR_userfaultfd, O_CLOEXEC), with_vcpu;

	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api))
		SKIP(return, "no userfaultfd");

	for (with_vcpu = 0; with_vcpu < 2; with_vcpu++) {
		struct late_ceiling late = { .vm = vm_create_barebones() };
		void *page = aligned_alloc(size, size);
		struct kvm_vcpu *vcpu;
		struct uffd_msg msg;
		pthread_t thread;

		*(struct kvm_riscv_vm_isa *)page = self->offered;
		hide_in_set(page, E(F));
		late.set = mmap(NULL, size, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		reg.range.start = (u64)late.set;
		reg.range.len = size;
		ASSERT_EQ(0, ioctl(uffd, UFFDIO_REGISTER, &reg));

		pthread_create(&thread, NULL, set_late_ceiling, &late);
		/*
		 * Wait until the thread is inside the ioctl and needs the page.
		 */
		ASSERT_EQ(sizeof(msg), read(uffd, &msg, sizeof(msg)));
		ASSERT_EQ(UFFD_EVENT_PAGEFAULT, msg.event);
		if (with_vcpu)
			vcpu = __vm_vcpu_add(late.vm, 0);
		copy.dst = (u64)late.set;
		copy.src = (u64)page;
		ASSERT_EQ(0, ioctl(uffd, UFFDIO_COPY, &copy));
		pthread_join(thread, NULL);
		if (!with_vcpu)
			vcpu = __vm_vcpu_add(late.vm, 0);

		EXPECT_EQ(with_vcpu ? EBUSY : 0, late.err);
		EXPECT_EQ(with_vcpu && in_set(&self->offered, E(F)),
			  __vcpu_has_isa_ext(vcpu, E(F)));
		munmap(late.set, size);
		free(page);
		kvm_vm_free(late.vm);
	}
	close(uffd);
}

#define SBI_EXT_TIME	0x54494d45

/*
 * Without Sstc a guest must still have a timer through the SBI TIME extension.
 */
static int timer_irqs;

static void guest_timer_irq(struct pt_regs *regs)
{
	WRITE_ONCE(timer_irqs, READ_ONCE(timer_irqs) + 1);
	csr_clear(CSR_SIE, IE_TIE);
}

static void guest_sbi_timer(void)
{
	sbi_ecall(SBI_EXT_TIME, 0, csr_read(CSR_TIME) + 1000000000, 0, 0, 0, 0, 0);
	GUEST_SYNC(0);
	csr_set(CSR_SIE, IE_TIE);
	csr_set(CSR_SSTATUS, SR_SIE);
	sbi_ecall(SBI_EXT_TIME, 0, csr_read(CSR_TIME) + 1000, 0, 0, 0, 0, 0);
	while (!READ_ONCE(timer_irqs))
		cpu_relax();
	GUEST_DONE();
}

TEST_F_TIMEOUT(vm_isa, without_sstc, 30)
{
	struct kvm_riscv_vm_isa set = self->offered;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	struct ucall uc;

	if (!in_set(&self->offered, E(SSTC)))
		SKIP(return, "no Sstc");
	hide_in_set(&set, E(SSTC));
	vm = vm_create(1);
	ASSERT_EQ(0, set_ceiling(vm, &set));
	vcpu = vm_vcpu_add(vm, 0, guest_sbi_timer);
	vm_init_vector_tables(vm);
	vcpu_init_vector_tables(vcpu);
	vm_install_interrupt_handler(vm, guest_timer_irq);
	vcpu_run(vcpu);
	EXPECT_EQ(UCALL_SYNC, get_ucall(vcpu, &uc));
	/*
	 * KVM must have started its own timer for the guest, because a guest
	 * without Sstc cannot use vstimecmp.
	 */
	EXPECT_EQ(KVM_RISCV_TIMER_STATE_ON, vcpu_get_reg(vcpu, RISCV_TIMER_REG(state)));
	vcpu_run(vcpu);
	EXPECT_EQ(UCALL_DONE, get_ucall(vcpu, &uc));
	kvm_vm_free(vm);
}

/*
 * Test whether hiding an extension makes its instructions trap. For each
 * extension the guest executes one instruction or accesses one CSR, with the
 * full ceiling, with the extension left out of the ceiling, without V, and
 * without F. The instructions use .insn, because binutils may be too old to
 * know them.
 */
#define GUEST_V(name, vset, insn)					\
static void guest_##name(void)						\
{									\
	static u64 line[32] __aligned(256);				\
									\
	csr_set(CSR_SSTATUS, SR_FS | SR_VS);				\
	asm volatile(V_INSN("vsetivli zero, " vset ", ta, ma") ::: "memory"); \
	WRITE_ONCE(illegal_insns, 0);					\
	asm volatile(".option push\n.option norvc\n" insn "\n.option pop\n" \
		     :: "r" (line) : "memory", "t0");			\
	GUEST_SYNC(READ_ONCE(illegal_insns));				\
}

#define GUEST(name, insn)	GUEST_V(name, "4, e32, m1", insn)

GUEST(f,	"fadd.s f1, f2, f3")
GUEST(d,	"fadd.d f1, f2, f3")
GUEST(v,	V_INSN("vadd.vv v1, v2, v3"))
GUEST(zfh,	".insn 0x043100d3")	/* fadd.h f1, f2, f3, rne */
GUEST(zfhmin,	".insn 0x402080d3")	/* fcvt.s.h f1, f1 */
GUEST(zfbfmin,	".insn 0x406080d3")	/* fcvt.s.bf16 f1, f1 */
GUEST(zvbb,	".insn 0x4a2520d7")	/* vbrev.v v1, v2 */
GUEST(zvkb,	".insn 0x4a2420d7")	/* vbrev8.v v1, v2 */
GUEST(zvkg,	".insn 0xa228a0f7")	/* vgmul.vv v1, v2 */
GUEST(zvkned,	".insn 0xa22120f7")	/* vaesem.vv v1, v2 */
GUEST(zvknha,	".insn 0xb621a2f7")	/* vsha2ms.vv v5, v2, v3 */
GUEST(zvksed,	".insn 0xa22820f7")	/* vsm4r.vv v1, v2 */
/* Instructions that need another SEW, or a group of more than 128 bits */
GUEST_V(zvbc,	"2, e64, m1",	".insn 0x3221a0d7")	/* vclmul.vv v1, v2, v3 */
GUEST_V(zvfh,	"4, e16, m1",	".insn 0x022190d7")	/* vfadd.vv v1, v2, v3 */
GUEST_V(zvfhmin, "4, e16, m1",	".insn 0x4a261257")	/* vfwcvt.f.f.v v4, v2 */
GUEST_V(zvfbfmin, "4, e16, m1",	".insn 0x4a269257")	/* vfwcvtbf16.f.f.v v4, v2 */
GUEST_V(zvfbfwma, "4, e16, m1",	".insn 0xee311257")	/* vfwmaccbf16.vv v4, v2, v3 */
GUEST_V(zvknhb,	"4, e64, m2",	".insn 0xb6222377")	/* vsha2ms.vv v6, v2, v4 */
GUEST_V(zvksh,	"8, e32, m2",	".insn 0x82222377")	/* vsm3me.vv v6, v2, v4 */
GUEST(zicbom,	".insn i 0x0f, 2, x0, %0, 2")	/* cbo.flush */
GUEST(zicboz,	".insn i 0x0f, 2, x0, %0, 4")	/* cbo.zero */
GUEST(zicbop,	".insn i 0x13, 6, x0, %0, 1")	/* prefetch.r */
GUEST(zkr,	"csrrw t0, 0x015, x0")		/* seed */
GUEST(sstc,	"csrr t0, 0x14d")		/* stimecmp */
GUEST(ssaia,	"csrr t0, 0x150")		/* siselect */
GUEST(stopei,	"csrr t0, 0x15c")
GUEST(smstateen, "csrr t0, 0x10c")		/* sstateen0 */
GUEST(ssp,	"csrr t0, 0x011")
GUEST(zawrs,	".insn 0x01d00073")		/* wrs.sto */
GUEST(zicond,	".insn r 0x33, 5, 7, t0, t1, t2")	/* czero.eqz */
GUEST(svinval,	".insn r 0x73, 0, 0x0c, x0, x0, x0")	/* sfence.w.inval */

/*
 * Features that a guest enables with SBI FWFT. If SBI refuses, the guest tries
 * the instruction anyway.
 */
#define SBI_EXT_FWFT			0x46574654
#define SBI_EXT_FWFT_SET		0
#define SBI_FWFT_SHADOW_STACK		2
#define SBI_FWFT_PTE_AD_HW_UPDATING	4
#define SBI_FWFT_POINTER_MASKING_PMLEN	5

static void guest_fwft_set(u64 feature, u64 value)
{
	sbi_ecall(SBI_EXT_FWFT, SBI_EXT_FWFT_SET, feature, value, 0, 0, 0, 0);
}

static void guest_zicfiss(void)
{
	guest_fwft_set(SBI_FWFT_SHADOW_STACK, 1);
	guest_ssp();
}

static void guest_load(u64 addr)
{
	WRITE_ONCE(illegal_insns, 0);
	asm volatile(".option push\n.option norvc\n"
		     "ld t0, 0(%0)\n"
		     ".option pop\n" :: "r" (addr) : "memory", "t0");
	GUEST_SYNC(READ_ONCE(illegal_insns));
}

/*
 * A page for which probe() sets a memory type in the PTE, and a page whose A
 * and D bits it clears
 */
static u64 pbmt_page[512] __aligned(4096);
static u64 ad_page[512] __aligned(4096);

static void guest_svpbmt(void)
{
	guest_load((u64)pbmt_page);
}

static void guest_svadu(void)
{
	guest_fwft_set(SBI_FWFT_PTE_AD_HW_UPDATING, 1);
	guest_load((u64)ad_page);
}

/* Smnpm masks pointers in S mode. For a guest, henvcfg controls this. */
static void guest_smnpm(void)
{
	guest_fwft_set(SBI_FWFT_POINTER_MASKING_PMLEN, 7);
	guest_load(((u64)guest_smnpm & ~7ULL) | BIT_ULL(62));
	guest_fwft_set(SBI_FWFT_POINTER_MASKING_PMLEN, 0);
}

/* Ssnpm masks pointers in U mode. The guest's own senvcfg controls this. */
#define CSR_SENVCFG		0x10a
#define ENVCFG_PMM_PMLEN_7	(2ULL << 32)

static void guest_ssnpm(void)
{
	WRITE_ONCE(illegal_insns, 0);
	csr_set(CSR_SENVCFG, ENVCFG_PMM_PMLEN_7);
	if (!(csr_read(CSR_SENVCFG) & ENVCFG_PMM_PMLEN_7))
		WRITE_ONCE(illegal_insns, 1);
	csr_clear(CSR_SENVCFG, ENVCFG_PMM_PMLEN_7);
	GUEST_SYNC(READ_ONCE(illegal_insns));
}

#define SISELECT_IPRIO0		0x30

static void guest_sireg(void)
{
	csr_write(CSR_SISELECT, SISELECT_IPRIO0);
	WRITE_ONCE(illegal_insns, 0);
	csr_read(CSR_SIREG);
	GUEST_SYNC(READ_ONCE(illegal_insns));
}

enum trap { RUNS, TRAPS };

static const struct insn {
	const char *name;
	int ext;
	void (*guest)(void);
	enum trap hidden, v_off, f_off;
} insns[] = {
	/* name,	ext,		guest,		hidden, v off,	f off */
	{ "F",		E(F),		guest_f,	TRAPS,	RUNS,	TRAPS },
	{ "D",		E(D),		guest_d,	RUNS,	RUNS,	TRAPS },
	{ "V",		E(V),		guest_v,	TRAPS,	TRAPS,	TRAPS },
	{ "Zfh",	E(ZFH),		guest_zfh,	RUNS,	RUNS,	TRAPS },
	{ "Zfhmin",	E(ZFHMIN),	guest_zfhmin,	RUNS,	RUNS,	TRAPS },
	{ "Zfbfmin",	E(ZFBFMIN),	guest_zfbfmin,	RUNS,	RUNS,	TRAPS },
	{ "Zvbb",	E(ZVBB),	guest_zvbb,	RUNS,	TRAPS,	TRAPS },
	{ "Zvbc",	E(ZVBC),	guest_zvbc,	RUNS,	TRAPS,	TRAPS },
	{ "Zvfbfmin",	E(ZVFBFMIN),	guest_zvfbfmin,	RUNS,	TRAPS,	TRAPS },
	{ "Zvfbfwma",	E(ZVFBFWMA),	guest_zvfbfwma,	RUNS,	TRAPS,	TRAPS },
	{ "Zvfh",	E(ZVFH),	guest_zvfh,	RUNS,	TRAPS,	TRAPS },
	{ "Zvfhmin",	E(ZVFHMIN),	guest_zvfhmin,	RUNS,	TRAPS,	TRAPS },
	{ "Zvkb",	E(ZVKB),	guest_zvkb,	RUNS,	TRAPS,	TRAPS },
	{ "Zvkg",	E(ZVKG),	guest_zvkg,	RUNS,	TRAPS,	TRAPS },
	{ "Zvkned",	E(ZVKNED),	guest_zvkned,	RUNS,	TRAPS,	TRAPS },
	{ "Zvknha",	E(ZVKNHA),	guest_zvknha,	RUNS,	TRAPS,	TRAPS },
	{ "Zvknhb",	E(ZVKNHB),	guest_zvknhb,	RUNS,	TRAPS,	TRAPS },
	{ "Zvksed",	E(ZVKSED),	guest_zvksed,	RUNS,	TRAPS,	TRAPS },
	{ "Zvksh",	E(ZVKSH),	guest_zvksh,	RUNS,	TRAPS,	TRAPS },
	/* Zvkt has no instruction. */
	{ "Zicbom",	E(ZICBOM),	guest_zicbom,	TRAPS,	RUNS,	RUNS },
	{ "Zicboz",	E(ZICBOZ),	guest_zicboz,	TRAPS,	RUNS,	RUNS },
	{ "Zicbop",	E(ZICBOP),	guest_zicbop,	RUNS,	RUNS,	RUNS },
	{ "Zkr",	E(ZKR),		guest_zkr,	TRAPS,	RUNS,	RUNS },
	{ "Sstc",	E(SSTC),	guest_sstc,	TRAPS,	RUNS,	RUNS },
	{ "Ssaia",	E(SSAIA),	guest_ssaia,	TRAPS,	RUNS,	RUNS },
	{ "Ssaia.ireg",	E(SSAIA),	guest_sireg,	TRAPS,	RUNS,	RUNS },
	{ "Ssaia.topei", E(SSAIA),	guest_stopei,	TRAPS,	RUNS,	RUNS },
	{ "Smstateen",	E(SMSTATEEN),	guest_smstateen, TRAPS,	RUNS,	RUNS },
	{ "Smnpm",	E(SMNPM),	guest_smnpm,	TRAPS,	RUNS,	RUNS },
	{ "Ssnpm",	E(SSNPM),	guest_ssnpm,	RUNS,	RUNS,	RUNS },
	{ "Svpbmt",	E(SVPBMT),	guest_svpbmt,	TRAPS,	RUNS,	RUNS },
	{ "Svadu",	E(SVADU),	guest_svadu,	TRAPS,	RUNS,	RUNS },
	{ "Zicfiss",	E(ZICFISS),	guest_zicfiss,	TRAPS,	RUNS,	RUNS },
	{ "Zawrs",	E(ZAWRS),	guest_zawrs,	RUNS,	RUNS,	RUNS },
	{ "Zicond",	E(ZICOND),	guest_zicond,	RUNS,	RUNS,	RUNS },
	{ "Svinval",	E(SVINVAL),	guest_svinval,	RUNS,	RUNS,	RUNS },
};

#define NR_INSNS	ARRAY_SIZE(insns)

static void guest_probe(u64 first, u64 nr)
{
	u64 i;

	for (i = first; i < first + nr; i++)
		insns[i].guest();
	GUEST_DONE();
}

#define PTE_PBMT_NC	BIT_ULL(61)

static u64 *get_pte(struct kvm_vm *vm, u64 gva)
{
	u64 *pte = addr_gpa2hva(vm, vm->mmu.pgd);
	int level;

	for (level = vm->mmu.pgtable_levels - 1; level >= 0; level--) {
		pte += gva >> (12 + 9 * level) & 511;
		if (level)
			pte = addr_gpa2hva(vm, (*pte & PGTBL_PTE_ADDR_MASK) >>
					       PGTBL_PTE_ADDR_SHIFT << 12);
	}
	return pte;
}

/*
 * Determine which of NR instructions, beginning with FIRST, trap if the ceiling
 * does not have the extension OFF. If OFF is -1, the ceiling has all
 * extensions.
 */
static void probe(const struct kvm_riscv_vm_isa *offered, int off, int first, int nr, bool *traps)
{
	struct kvm_vm *vm = vm_create(1);
	struct kvm_riscv_vm_isa set = *offered;
	struct kvm_vcpu *vcpu;
	struct ucall uc;
	int i;

	if (off >= 0)
		hide_in_set(&set, off);
	TEST_ASSERT_EQ(set_ceiling(vm, &set), 0);
	vcpu = vm_vcpu_add(vm, 0, guest_probe);
	vcpu_catch_illegal_insns(vcpu);
	vm_install_exception_handler(vm, EXC_LOAD_PAGE_FAULT, guest_illegal_insn);
	*get_pte(vm, (u64)pbmt_page) |= PTE_PBMT_NC;
	*get_pte(vm, (u64)ad_page) &= ~(PGTBL_PTE_ACCESSED_MASK | PGTBL_PTE_DIRTY_MASK);
	vcpu_args_set(vcpu, 2, (u64)first, (u64)nr);
	for (i = first; i < first + nr; i++) {
		vcpu_run(vcpu);
		/*
		 * Accesses to some CSRs exit to the VMM, so they have not
		 * trapped in the guest.
		 */
		if (vcpu->run->exit_reason == KVM_EXIT_RISCV_CSR)
			vcpu_run(vcpu);
		TEST_ASSERT(get_ucall(vcpu, &uc) == UCALL_SYNC, "%s: exit reason %u, ucall %lu",
			    insns[i].name, vcpu->run->exit_reason, uc.cmd);
		traps[i] = uc.args[1];
	}
	kvm_vm_free(vm);
}

TEST_F_TIMEOUT(vm_isa, what_traps, TIMEOUT)
{
	bool offered[NR_INSNS], hidden[NR_INSNS], v_off[NR_INSNS], f_off[NR_INSNS];
	static const char *const text[] = { "runs", "traps" };
	int i;

	if (!in_set(&self->offered, E(V)))
		SKIP(return, "no V");

	probe(&self->offered, -1, 0, NR_INSNS, offered);
	probe(&self->offered, E(V), 0, NR_INSNS, v_off);
	probe(&self->offered, E(F), 0, NR_INSNS, f_off);

	TH_LOG("%-9s %-8s %-8s %-8s %-8s", "", "offered", "hidden", "V off", "F off");
	for (i = 0; i < NR_INSNS; i++) {
		const struct insn *insn = &insns[i];

		if (!in_set(&self->offered, insn->ext)) {
			TH_LOG("%-9s not on this host", insn->name);
			continue;
		}
		/*
		 * QEMU 10.0 uses the wrong field to control pointer masking in
		 * VS mode.
		 */
		if (insn->ext == E(SMNPM) && offered[i] == TRAPS) {
			TH_LOG("%-9s does not work on this host", insn->name);
			continue;
		}
		probe(&self->offered, insn->ext, i, 1, hidden);
		TH_LOG("%-9s %-8s %-8s %-8s %-8s", insn->name, text[offered[i]], text[hidden[i]],
		       text[v_off[i]], text[f_off[i]]);
		EXPECT_EQ(RUNS, offered[i]);
		EXPECT_EQ(insn->v_off, v_off[i]);
		EXPECT_EQ(insn->f_off, f_off[i]);
		/*
		 * Only Smstateen can make all CSRs of Ssaia trap. Without it,
		 * only those trap that KVM otherwise emulates.
		 */
		if (insn->ext == E(SSAIA) && !in_set(&self->offered, E(SMSTATEEN))) {
			EXPECT_FALSE(in_set(&self->enforced, E(SSAIA)));
			continue;
		}
		EXPECT_EQ(insn->hidden, hidden[i]);
		/*
		 * The attribute must list exactly the extensions whose hiding
		 * makes their instructions trap.
		 */
		EXPECT_EQ(in_set(&self->enforced, insn->ext), hidden[i]);
	}
}

TEST_HARNESS_MAIN
