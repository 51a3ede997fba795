// SPDX-License-Identifier: GPL-2.0
/*
 * isa_policy.c - which extensions a guest can be given, by whom, and to what
 * effect.
 *
 * Extensions are switched off with what needs them, on only with what they
 * need, and never beyond the ceiling of the VM.
 */
#include <linux/bitmap.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>

#include "isa_util.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"
#include "ucall_common.h"

#define NR_EXT		KVM_RISCV_ISA_EXT_MAX
#define NR_RANDOM	40

#define E(ext)		KVM_RISCV_ISA_EXT_##ext

/* What this is about: extensions with FP or vector instructions. */
static const int simd_exts[] = {
	E(D), E(F), E(V), E(ZFH), E(ZFHMIN), E(ZFBFMIN),
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

/* The same with the registers for several */
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

/* Nothing runs on it, so it needs no memory. */
static struct kvm_vcpu *new_vcpu(void)
{
	return __vm_vcpu_add(vm_create_barebones(), 0);
}

/*
 * Hundreds of VMs take longer than the 30 s that a TEST() has on kernels which
 * check themselves, so all have a fixture.
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

/* Hide each extension by itself, by each path: it goes, and what needs it. */
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
		isa_drop_incomplete(want);

		EXPECT_EQ(0, set_ext(vcpu, ext, false));
		EXPECT_ISA(vcpu, want);
		kvm_vm_free(vcpu->vm);

		vcpu = new_vcpu();
		EXPECT_EQ(0, multi_set_ext(vcpu, ext, false));
		EXPECT_ISA(vcpu, want);
		kvm_vm_free(vcpu->vm);
	}
}

/* The config register has all the letters: what it asks for must be complete. */
TEST_F_TIMEOUT(isa_policy, hide_by_config, TIMEOUT)
{
	static const int ext_of[] = { ['d'] = E(D), ['f'] = E(F), ['v'] = E(V) };
	static const struct {
		const char *off;
		int ret, err;
	} cases[] = {
		{ "v", 0, 0 }, { "vd", 0, 0 }, { "vdf", 0, 0 },
		{ "d", -1, EINVAL }, { "f", -1, EINVAL }, { "vf", -1, EINVAL },
	};
	bool all[NR_EXT], want[NR_EXT];
	int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct kvm_vcpu *vcpu = new_vcpu();
		u64 isa = vcpu_get_reg(vcpu, RISCV_CONFIG_REG(isa));
		const char *p;

		get_isa(vcpu, all);
		if (!all[E(V)]) {
			kvm_vm_free(vcpu->vm);
			SKIP(return, "no V");
		}
		memcpy(want, all, sizeof(want));
		for (p = cases[i].off; *p; p++) {
			isa &= ~BIT(*p - 'a');
			if (!cases[i].err)
				want[ext_of[(int)*p]] = false;
		}
		isa_drop_incomplete(want);
		errno = 0;
		EXPECT_EQ(cases[i].ret, __vcpu_set_reg(vcpu, RISCV_CONFIG_REG(isa), isa));
		EXPECT_EQ(cases[i].err, errno);
		EXPECT_ISA(vcpu, want);
		kvm_vm_free(vcpu->vm);
	}
}

/* Each line of the table, upwards: without the one, the other is refused. */
TEST_F_TIMEOUT(isa_policy, show_needs, TIMEOUT)
{
	bool all[NR_EXT], isa[NR_EXT];
	int i;

	for (i = 0; i < ARRAY_SIZE(isa_needs); i++) {
		struct kvm_vcpu *vcpu = new_vcpu();

		get_isa(vcpu, all);
		if (!all[isa_needs[i].ext])
			goto next;

		ASSERT_EQ(0, set_ext(vcpu, isa_needs[i].needed, false));
		get_isa(vcpu, isa);
		EXPECT_FALSE(isa[isa_needs[i].ext]);
		EXPECT_ERRNO(EINVAL, set_ext(vcpu, isa_needs[i].ext, true));
		EXPECT_ISA(vcpu, isa);

		/* With everything it needs on again, it can be. */
		EXPECT_EQ(0, set_ext(vcpu, isa_needs[i].needed, true));
		EXPECT_EQ(0, set_ext(vcpu, isa_needs[i].ext, true));
next:
		kvm_vm_free(vcpu->vm);
	}
}

/* All at once, dependencies or not in front of what needs them. */
TEST_F_TIMEOUT(isa_policy, show_all_at_once, TIMEOUT)
{
	struct kvm_vcpu *vcpu = new_vcpu();
	bool all[NR_EXT];
	u64 en[NR_ISA_MULTI_REGS];
	int i;

	get_isa(vcpu, all);
	for (i = 0; i < NR_ISA_MULTI_REGS; i++)
		en[i] = vcpu_get_reg(vcpu, RISCV_ISA_MULTI_EN_REG(i));
	if (all[E(F)])
		EXPECT_EQ(0, set_ext(vcpu, E(F), false));
	for (i = 0; i < NR_ISA_MULTI_REGS; i++)
		EXPECT_EQ(0, __vcpu_set_reg(vcpu, RISCV_ISA_MULTI_EN_REG(i), en[i]));
	EXPECT_ISA(vcpu, all);
	kvm_vm_free(vcpu->vm);
}

/* One by one in the order of the list, in which what others need comes first. */
TEST_F_TIMEOUT(isa_policy, show_in_list_order, TIMEOUT)
{
	struct kvm_vcpu *vcpu = new_vcpu();
	struct kvm_reg_list *list = vcpu_get_reg_list(vcpu);
	bool all[NR_EXT];
	u64 id;
	int i;

	get_isa(vcpu, all);
	for (i = 0; i < ARRAY_SIZE(simd_exts); i++)
		if (all[simd_exts[i]])
			EXPECT_EQ(0, set_ext(vcpu, simd_exts[i], false));

	for (i = 0; i < list->n; i++) {
		id = list->reg[i] & ~(KVM_REG_ARCH_MASK | KVM_REG_SIZE_MASK);
		if ((id & KVM_REG_RISCV_TYPE_MASK) != KVM_REG_RISCV_ISA_EXT)
			continue;
		id &= ~KVM_REG_RISCV_TYPE_MASK;
		if (id < NR_EXT && all[id])
			EXPECT_EQ(0, set_ext(vcpu, id, true))
				TH_LOG("extension %d", (int)id);
	}
	EXPECT_ISA(vcpu, all);
	free(list);
	kvm_vm_free(vcpu->vm);
}

/* A random complete set, written in a random order: what is wanted comes out. */
TEST_F_TIMEOUT(isa_policy, random_sets_and_orders, TIMEOUT)
{
	bool all[NR_EXT], want[NR_EXT];
	int order[NR_EXT], i, j, run, tmp;
	struct kvm_vcpu *vcpu;
	u64 val;

	/* kvm_random_seed has been printed at start. */
	for (run = 0; run < NR_RANDOM; run++) {
		vcpu = new_vcpu();
		get_isa(vcpu, all);
		memcpy(want, all, sizeof(want));
		for (i = 0; i < ARRAY_SIZE(simd_exts); i++)
			if (random() % 4 == 0)
				want[simd_exts[i]] = false;
		isa_drop_incomplete(want);

		for (i = 0; i < NR_EXT; i++)
			order[i] = i;
		/* The first run is the order of the list. */
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
			/* What cannot be switched off goes by itself. */
			if (!want[ext] && all[ext] && set_ext(vcpu, ext, false))
				EXPECT_EQ(EINVAL, errno);
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
 * The VM's attributes
 */
static int vm_attr(struct kvm_vm *vm, unsigned long ioctl_nr, u32 group, u64 attr,
		   u32 flags, void *addr)
{
	struct kvm_device_attr a = {
		.group = group, .attr = attr, .flags = flags, .addr = (u64)addr,
	};

	/* Not __vm_ioctl(), which wants a constant. */
	return ioctl(vm->fd, ioctl_nr, &a);
}

static int get_set(struct kvm_vm *vm, u64 attr, struct kvm_riscv_vm_isa *set)
{
	return vm_attr(vm, KVM_GET_DEVICE_ATTR, KVM_RISCV_VM_ISA, attr, 0, set);
}

static int set_ceiling(struct kvm_vm *vm, struct kvm_riscv_vm_isa *set)
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

/* Take an extension out of a set, and what needs it. */
static void hide_in_set(struct kvm_riscv_vm_isa *set, int ext)
{
	bool isa[NR_EXT];
	int i;

	for (i = 0; i < NR_EXT; i++)
		isa[i] = in_set(set, i);
	isa[ext] = false;
	isa_drop_incomplete(isa);
	for (i = 0; i < NR_EXT; i++)
		change_set(set, i, isa[i]);
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

/* The attributes agree with each other, and with the registers of a vCPU. */
TEST_F_TIMEOUT(vm_isa, reads_agree, TIMEOUT)
{
	struct kvm_vcpu *vcpu;
	bool isa[NR_EXT];
	u64 val;
	int i;

	EXPECT_EQ(0, memcmp(&self->offered, &self->ceiling, sizeof(self->offered)));
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(0, self->hideable.ext[i] & ~self->offered.ext[i]);
		EXPECT_EQ(0, self->enforced.ext[i] & ~self->hideable.ext[i]);
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

TEST_F_TIMEOUT(vm_isa, ceiling_binds_vcpus, TIMEOUT)
{
	struct kvm_riscv_vm_isa set = self->offered;
	struct kvm_vcpu *vcpu;
	bool isa[NR_EXT], want[NR_EXT];
	u64 config;
	int i;

	if (!in_set(&self->offered, E(V)))
		SKIP(return, "no V");

	hide_in_set(&set, E(V));
	for (i = 0; i < NR_EXT; i++)
		want[i] = in_set(&set, i);
	ASSERT_EQ(0, set_ceiling(self->vm, &set));
	ASSERT_EQ(0, get_set(self->vm, KVM_RISCV_VM_ISA_CEILING, &self->ceiling));
	EXPECT_EQ(0, memcmp(&set, &self->ceiling, sizeof(set)));

	vcpu = __vm_vcpu_add(self->vm, 0);
	EXPECT_ISA(vcpu, want);
	EXPECT_ERRNO(EINVAL, set_ext(vcpu, E(V), true));
	EXPECT_ERRNO(EINVAL, multi_set_ext(vcpu, E(V), true));
	config = vcpu_get_reg(vcpu, RISCV_CONFIG_REG(isa));
	EXPECT_ERRNO(EINVAL, __vcpu_set_reg(vcpu, RISCV_CONFIG_REG(isa), config | BIT('v' - 'a')));
	/* Switching off what is off is no change. */
	EXPECT_EQ(0, set_ext(vcpu, E(V), false));
	EXPECT_ISA(vcpu, want);

	/* Below it, vCPUs are free. */
	EXPECT_EQ(0, set_ext(vcpu, E(D), false));
	EXPECT_EQ(0, set_ext(vcpu, E(D), true));
	get_isa(vcpu, isa);
	EXPECT_FALSE(isa[E(V)]);
}

TEST_F_TIMEOUT(vm_isa, refused, TIMEOUT)
{
	struct kvm_riscv_vm_isa set;
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

	/* Beyond the offer, among it what no host can have */
	for (i = 0; i < 256; i++) {
		if (in_set(&self->offered, i))
			continue;
		set = self->offered;
		change_set(&set, i, true);
		EXPECT_ERRNO(EINVAL, set_ceiling(self->vm, &set));
	}
	/* Without what is needed */
	for (i = 0; i < ARRAY_SIZE(isa_needs); i++) {
		if (!in_set(&self->offered, isa_needs[i].ext))
			continue;
		set = self->offered;
		change_set(&set, isa_needs[i].needed, false);
		EXPECT_ERRNO(EINVAL, set_ceiling(self->vm, &set));
	}
	/* Without what cannot be hidden */
	for (i = 0; i < NR_EXT; i++) {
		if (!in_set(&self->offered, i) || in_set(&self->hideable, i))
			continue;
		set = self->offered;
		change_set(&set, i, false);
		EXPECT_ERRNO(EINVAL, set_ceiling(self->vm, &set));
	}
	ASSERT_EQ(0, get_set(self->vm, KVM_RISCV_VM_ISA_CEILING, &set));
	EXPECT_EQ(0, memcmp(&set, &self->ceiling, sizeof(set)));

	/* As long as there is no vCPU, it can change. */
	EXPECT_EQ(0, set_ceiling(self->vm, &self->offered));
	__vm_vcpu_add(self->vm, 0);
	EXPECT_ERRNO(EBUSY, set_ceiling(self->vm, &self->offered));
}

/* A ceiling that is being changed while a vCPU comes: the one or the other. */
static atomic_bool go;

static void *lower_ceiling(void *arg)
{
	struct kvm_vm *vm = arg;
	struct kvm_riscv_vm_isa set;

	if (get_set(vm, KVM_RISCV_VM_ISA_OFFERED, &set))
		return (void *)-1;
	hide_in_set(&set, E(F));
	while (!atomic_load(&go))
		;
	return set_ceiling(vm, &set) ? (void *)(long)errno : NULL;
}

TEST_F_TIMEOUT(isa_policy, ceiling_races_with_vcpu, TIMEOUT)
{
	int run;

	if (!kvm_has_cap(KVM_CAP_VM_ATTRIBUTES))
		SKIP(return, "no KVM_CAP_VM_ATTRIBUTES");

	for (run = 0; run < NR_RANDOM; run++) {
		struct kvm_vm *vm = vm_create_barebones();
		struct kvm_vcpu *vcpu;
		pthread_t thread;
		void *err;

		atomic_store(&go, false);
		pthread_create(&thread, NULL, lower_ceiling, vm);
		atomic_store(&go, true);
		vcpu = __vm_vcpu_add(vm, 0);
		pthread_join(thread, &err);
		if (err)
			EXPECT_EQ(EBUSY, (long)err);
		EXPECT_EQ(!!err, __vcpu_has_isa_ext(vcpu, E(F)));
		kvm_vm_free(vm);
	}
}

/*
 * What hiding does: one instruction of each extension, with the extension on
 * offer, hidden, with V off, and with F off.  .insn, as binutils may be older.
 */
#define GUEST_V(name, vset, insn)					\
static void guest_##name(void)						\
{									\
	static u64 line[32] __aligned(64);				\
									\
	csr_set(CSR_SSTATUS, SR_FS | SR_VS);				\
	asm volatile(V_INSN("vsetivli zero, " vset ", ta, ma") ::: "memory"); \
	WRITE_ONCE(illegal_insns, 0);					\
	asm volatile(".option push\n.option norvc\n" insn "\n.option pop\n" \
		     :: "r" (line) : "memory");				\
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
/* Those that want other elements, or more of them than there are in 128 bits */
GUEST_V(zvbc,	"2, e64, m1",	".insn 0x3221a0d7")	/* vclmul.vv v1, v2, v3 */
GUEST_V(zvfh,	"4, e16, m1",	".insn 0x022190d7")	/* vfadd.vv v1, v2, v3 */
GUEST_V(zvfhmin, "4, e16, m1",	".insn 0x4a261257")	/* vfwcvt.f.f.v v4, v2 */
GUEST_V(zvfbfmin, "4, e16, m1",	".insn 0x4a269257")	/* vfwcvtbf16.f.f.v v4, v2 */
GUEST_V(zvfbfwma, "4, e16, m1",	".insn 0xee311257")	/* vfwmaccbf16.vv v4, v2, v3 */
GUEST_V(zvknhb,	"4, e64, m2",	".insn 0xb6222377")	/* vsha2ms.vv v6, v2, v4 */
GUEST_V(zvksh,	"8, e32, m2",	".insn 0x82222377")	/* vsm3me.vv v6, v2, v4 */
GUEST(zicbom,	".insn i 0x0f, 2, x0, %0, 2")	/* cbo.flush */
GUEST(zicboz,	".insn i 0x0f, 2, x0, %0, 4")	/* cbo.zero */

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
};

#define NR_INSNS	ARRAY_SIZE(insns)

static void guest_probe(u64 first, u64 nr)
{
	u64 i;

	for (i = first; i < first + nr; i++)
		insns[i].guest();
	GUEST_DONE();
}

/* Whether each of @nr instructions traps with @off hidden, -1 for nothing */
static void probe(int off, int first, int nr, bool *traps)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = vm_create_with_one_vcpu(&vcpu, guest_probe);
	struct ucall uc;
	int i;

	vcpu_catch_illegal_insns(vcpu);
	vcpu_args_set(vcpu, 2, (u64)first, (u64)nr);
	if (off >= 0)
		TEST_ASSERT_EQ(set_ext(vcpu, off, false), 0);
	for (i = first; i < first + nr; i++) {
		vcpu_run(vcpu);
		TEST_ASSERT(get_ucall(vcpu, &uc) == UCALL_SYNC, "%s: exit reason %u, ucall %lu",
			    insns[i].name, vcpu->run->exit_reason, uc.cmd);
		traps[i] = uc.args[1];
	}
	kvm_vm_free(vm);
}

TEST_F_TIMEOUT(isa_policy, what_traps, TIMEOUT)
{
	bool offered[NR_INSNS], hidden[NR_INSNS], v_off[NR_INSNS], f_off[NR_INSNS];
	static const char *const text[] = { "runs", "traps" };
	struct kvm_riscv_vm_isa enforced;
	struct kvm_vcpu *vcpu;
	bool all[NR_EXT];
	int i;

	if (!kvm_has_cap(KVM_CAP_VM_ATTRIBUTES))
		SKIP(return, "no KVM_CAP_VM_ATTRIBUTES");

	vcpu = new_vcpu();
	get_isa(vcpu, all);
	ASSERT_EQ(0, get_set(vcpu->vm, KVM_RISCV_VM_ISA_ENFORCED, &enforced));
	kvm_vm_free(vcpu->vm);
	if (!all[E(V)])
		SKIP(return, "no V");

	probe(-1, 0, NR_INSNS, offered);
	probe(E(V), 0, NR_INSNS, v_off);
	probe(E(F), 0, NR_INSNS, f_off);

	TH_LOG("%-8s %-8s %-8s %-8s %-8s", "", "offered", "hidden", "V off", "F off");
	for (i = 0; i < NR_INSNS; i++) {
		const struct insn *insn = &insns[i];

		if (!all[insn->ext]) {
			TH_LOG("%-8s not on this host", insn->name);
			continue;
		}
		probe(insn->ext, i, 1, hidden);
		TH_LOG("%-8s %-8s %-8s %-8s %-8s", insn->name, text[offered[i]], text[hidden[i]],
		       text[v_off[i]], text[f_off[i]]);
		EXPECT_EQ(RUNS, offered[i]);
		EXPECT_EQ(insn->hidden, hidden[i]);
		EXPECT_EQ(insn->v_off, v_off[i]);
		EXPECT_EQ(insn->f_off, f_off[i]);
		/* What the attribute promises is what happens. */
		EXPECT_EQ(in_set(&enforced, insn->ext), hidden[i]);
	}
}

TEST_HARNESS_MAIN
