// SPDX-License-Identifier: GPL-2.0
/*
 * simd_fuzz.c - random calls of all that chooses extensions and vector lengths,
 * and of all that has FP and vector registers.
 *
 * A model says what each call has to return, and which extensions each vCPU has
 * behind it.  Whatever the call was, they are complete, below the ceiling of the
 * VM and, once the vCPU has run, the same for good; the registers are those of
 * these extensions, listed and readable; and a call that fails has no effect.
 *
 * The seed alone decides what happens (-s), so a failure can be had again.
 */
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#include "isa_util.h"
#include "kvm_util.h"
#include "processor.h"
#include "sbi.h"
#include "simd.h"
#include "rvv.h"
#include "test_util.h"
#include "ucall_common.h"

#define NR_EXT		KVM_RISCV_ISA_EXT_MAX
#define E(ext)		KVM_RISCV_ISA_EXT_##ext
#define NR_VCPUS		3
#define MAX_REGS	1024
#define MAX_REG_SIZE	32768	/* the largest that an id can have */
#define NR_TRACE	20
#define PROGRESS	60000	/* whole rounds of threads */
#define NR_CONTEXT	6
#define F5		5	/* the register that guests use, of FP and of vectors */
#define TYPE(id)	((id) & KVM_REG_RISCV_TYPE_MASK)
#define SUBTYPE(id)	((id) & KVM_REG_RISCV_SUBTYPE_MASK)

/* SBI calls that leave to the VMM, beside those of ucalls */
enum { FUZZ_DONE = 0x100, FUZZ_BOOT };

enum order_type { NOTHING, USE_F, USE_V, HART_START, HART_STOP, NR_ORDERS };

/* What a guest is to do next */
static struct order {
	u64 type, arg, status, entry;
} orders[NR_VCPUS];

struct cpu {
	struct kvm_vcpu *vcpu;
	bool isa[NR_EXT];
	bool ran, stopped, booting;
	bool late;		/* has an earlier order to report */
	u64 context[NR_CONTEXT];
	u64 digest;		/* of FP and vector registers, if known */
	bool digested;
	struct {
		u64 n, reg[MAX_REGS];
	} list;
};

static struct kvm_vm *vm;
static bool ceiling[NR_EXT], ceiling_set;
static u64 vlenb;
static bool can_reset;
static u64 run_after;
static struct cpu cpus[NR_VCPUS];
static int nr_vcpus;

/* Of the host */
static bool known[NR_EXT], offered[NR_EXT], hideable[NR_EXT];
static u64 host_vlenb;
static u64 all_regs[MAX_REGS], nr_all_regs;

static __thread struct kvm_random_state rng;
static u32 seed;
static u64 op_nr, nr_failed, nr_vms, nr_exits, nr_boots, nr_traps;
static bool finished;
static char trace[NR_TRACE][160];
static __thread u8 buf[MAX_REG_SIZE], buf2[MAX_REG_SIZE];

static u32 rnd(u32 n)
{
	return kvm_random_u32(&rng) % n;
}

static void __printf(1, 2) note(const char *fmt, ...)
{
	char *line = trace[op_nr % NR_TRACE];
	size_t used = strlen(line);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line + used, sizeof(trace[0]) - used, fmt, ap);
	va_end(ap);
}

/* Whoever ends the test early, the library among them */
static void print_trace(void)
{
	u64 i = op_nr < NR_TRACE ? 0 : op_nr - NR_TRACE + 1;

	if (finished)
		return;
	for (; i <= op_nr; i++)
		ksft_print_msg("%lu: %s\n", i, trace[i % NR_TRACE]);
	ksft_print_msg("again with: simd_fuzz -s %u -n %lu\n", seed, op_nr + 1);
}

/* The errno of a call, or 0 */
static int result(int ret)
{
	int err = ret < 0 ? errno : 0;

	note(": %s", strerrorname_np(err));
	nr_failed += !!err;
	return err;
}

#define EXPECT(call, want)						\
	do {								\
		int _want = (want), _err = result(call);		\
									\
		TEST_ASSERT(_err == _want, "returns %s, not %s",	\
			    strerrorname_np(_err), strerrorname_np(_want)); \
	} while (0)

static int reg_ioctl(struct cpu *c, unsigned long nr, u64 id, void *val)
{
	struct kvm_one_reg reg = { .id = id, .addr = (u64)val };

	return ioctl(c->vcpu->fd, nr, &reg);
}

static u64 v_reg(int n)
{
	return __kvm_reg_id(KVM_REG_RISCV_VECTOR, 0, KVM_REG_RISCV_VECTOR_REG(n),
			    (u64)__builtin_ctzl(vlenb) << KVM_REG_SIZE_SHIFT);
}

/*
 * The guest
 */
static void guest_code(void)
{
	struct order *o = &orders[guest_get_vcpuid()];
	struct sbiret ret;

	for (;;) {
		csr_clear(CSR_SSTATUS, SR_FS | SR_VS);
		csr_set(CSR_SSTATUS, READ_ONCE(o->status));
		WRITE_ONCE(illegal_insns, 0);
		ret.error = 0;

		switch (READ_ONCE(o->type)) {
		case USE_F:
			asm volatile("fmv.w.x f5, %0" :: "r" (o->arg));
			break;
		case USE_V:
			asm volatile(V_INSN("vsetivli zero, 1, e64, m1, ta, ma\n"
					    "vmv.s.x v5, %0") :: "r" (o->arg));
			break;
		case HART_START:
			ret = sbi_ecall(SBI_EXT_HSM, SBI_EXT_HSM_START, o->arg, o->entry,
					0, 0, 0, 0);
			break;
		case HART_STOP:
			sbi_ecall(SBI_EXT_HSM, SBI_EXT_HSM_STOP, 0, 0, 0, 0, 0, 0);
			break;
		}
		sbi_ecall(KVM_RISCV_SELFTESTS_SBI_EXT, FUZZ_DONE,
			  READ_ONCE(illegal_insns), ret.error, 0, 0, 0, 0);
	}
}

/* Where a hart starts: without paging, so there is nothing but this. */
static void __attribute__((naked)) __aligned(32) guest_boot(void)
{
	asm volatile("li a7, %0\n"
		     "li a6, %1\n"
		     "ecall" :: "i" (KVM_RISCV_SELFTESTS_SBI_EXT), "i" (FUZZ_BOOT));
}

/*
 * What holds after each call
 */
static u64 mix(u64 digest, const u8 *val, size_t size)
{
	while (size--)
		digest = (digest ^ *val++) * 0x100000001b3UL;
	return digest;
}

/* Of all FP and vector registers; 0 if they are all 0, apart from vlenb. */
static u64 get_digest(struct cpu *c)
{
	u64 i, id, digest = 0;

	for (i = 0; i < c->list.n; i++) {
		id = c->list.reg[i];
		if (TYPE(id) != KVM_REG_RISCV_FP_F && TYPE(id) != KVM_REG_RISCV_FP_D &&
		    TYPE(id) != KVM_REG_RISCV_VECTOR)
			continue;
		if (id == VECTOR_CSR_REG(vlenb))
			continue;
		TEST_ASSERT(!reg_ioctl(c, KVM_GET_ONE_REG, id, buf2), "cannot read %lx", id);
		digest = mix(digest, buf2, KVM_REG_SIZE(id));
	}
	return digest;
}

static bool listed(struct cpu *c, u64 id)
{
	u64 i;

	for (i = 0; i < c->list.n; i++)
		if (c->list.reg[i] == id)
			return true;
	return false;
}

static int count_type(struct cpu *c, u64 type)
{
	int n = 0;
	u64 i;

	for (i = 0; i < c->list.n; i++)
		n += TYPE(c->list.reg[i]) == type;
	return n;
}

static void check_isa(struct cpu *c)
{
	static const int letters[] = { E(A), E(C), E(D), E(F), E(H), E(I), E(M), E(V) };
	u64 config = 0, en[NR_ISA_MULTI_REGS];
	bool isa[NR_EXT], complete[NR_EXT];
	int i;

	for (i = 0; i < NR_ISA_MULTI_REGS; i++) {
		en[i] = vcpu_get_reg(c->vcpu, RISCV_ISA_MULTI_EN_REG(i));
		TEST_ASSERT_EQ(vcpu_get_reg(c->vcpu, RISCV_ISA_MULTI_DIS_REG(i)), ~en[i]);
	}
	for (i = 0; i < NR_EXT; i++)
		isa[i] = en[i / 64] >> i % 64 & 1;

	memcpy(complete, isa, sizeof(isa));
	isa_drop_incomplete(complete, ceiling_set);
	for (i = 0; i < NR_EXT; i++) {
		TEST_ASSERT(isa[i] == complete[i], "extension %d lacks what it needs", i);
		TEST_ASSERT(isa[i] <= ceiling[i], "extension %d is above the ceiling", i);
		TEST_ASSERT(isa[i] == c->isa[i], "extension %d is %s, which nobody asked for%s",
			    i, isa[i] ? "on" : "off", c->ran ? ", and has run" : "");
	}
	for (i = 0; i < ARRAY_SIZE(letters); i++)
		config |= (u64)isa[letters[i]] << ("acdfhimv"[i] - 'a');
	TEST_ASSERT_EQ(vcpu_get_reg(c->vcpu, RISCV_CONFIG_REG(isa)), config);
}

static void check_regs(struct cpu *c)
{
	int err, want, i, sample = rnd(64) ? 6 : c->list.n;
	u64 id;

	c->list.n = MAX_REGS;
	TEST_ASSERT(!ioctl(c->vcpu->fd, KVM_GET_REG_LIST, &c->list), "KVM_GET_REG_LIST");
	TEST_ASSERT_EQ(count_type(c, KVM_REG_RISCV_FP_F), c->isa[E(F)] ? 33 : 0);
	TEST_ASSERT_EQ(count_type(c, KVM_REG_RISCV_FP_D), c->isa[E(D)] ? 33 : 0);
	TEST_ASSERT_EQ(count_type(c, KVM_REG_RISCV_VECTOR), c->isa[E(V)] ? 37 : 0);

	/* Of those listed, and of all that a vCPU can have */
	for (i = 0; i < sample; i++) {
		id = c->list.reg[sample == c->list.n ? i : rnd(c->list.n)];
		TEST_ASSERT(!reg_ioctl(c, KVM_GET_ONE_REG, id, buf2), "%lx is listed only", id);
	}
	for (i = 0; i < 3; i++) {
		id = all_regs[rnd(nr_all_regs)];
		if (TYPE(id) == KVM_REG_RISCV_CSR || listed(c, id))
			continue;
		err = reg_ioctl(c, KVM_GET_ONE_REG, id, buf2) ? errno : 0;
		/* A vector register of the host's length */
		want = TYPE(id) == KVM_REG_RISCV_VECTOR && c->isa[E(V)] ? EINVAL : ENOENT;
		TEST_ASSERT(err == want, "%lx is not listed: %s", id, strerrorname_np(err));
	}
	if (c->isa[E(V)])
		TEST_ASSERT_EQ(vcpu_vlenb(c->vcpu), vlenb);
}

static void check_cpu(struct cpu *c)
{
	u64 digest;

	check_isa(c);
	check_regs(c);
	if (rnd(12))
		return;
	digest = get_digest(c);
	TEST_ASSERT(!c->digested || digest == c->digest,
		    "vCPU %ld: a register is another", c - cpus);
	c->digest = digest;
	c->digested = true;
}

/*
 * Extensions
 */
static int model_change(struct cpu *c, bool *isa, u64 ext, u64 val)
{
	int err = 0;

	if (ext >= NR_EXT || !known[ext]) {
		err = ENOENT;
	} else if (val != isa[ext]) {
		if (c->ran)
			err = EBUSY;
		else if (val > 1 || (val ? !ceiling[ext] : !hideable[ext]))
			err = EINVAL;
		else
			isa[ext] = val;
	}
	if (!err && !val)
		isa_drop_incomplete(isa, ceiling_set);
	return err;
}

static bool is_complete(const bool *isa, bool with_ceiling)
{
	bool complete[NR_EXT];

	memcpy(complete, isa, sizeof(complete));
	isa_drop_incomplete(complete, with_ceiling);
	return !memcmp(complete, isa, sizeof(complete));
}

/* What cannot be hidden by itself comes back with what it needs. */
static void set_model(struct cpu *c, int err, bool *isa)
{
	int i;

	if (err)
		return;
	for (i = 0; i < NR_EXT; i++)
		if (ceiling[i] && !hideable[i])
			isa[i] = true;
	isa_drop_incomplete(isa, ceiling_set);
	/* F, D and V take their registers with them. */
	if (c->isa[E(F)] != isa[E(F)] || c->isa[E(D)] != isa[E(D)] || c->isa[E(V)] != isa[E(V)])
		c->digested = false;
	memcpy(c->isa, isa, sizeof(c->isa));
}

static u64 random_ext(void)
{
	/* Those that others need, more often */
	static const int first[] = { E(F), E(D), E(V), E(ZVKB), E(ZFHMIN), E(ZVFHMIN) };

	return rnd(3) ? rnd(NR_EXT + 3) : first[rnd(ARRAY_SIZE(first))];
}

static void op_single(struct cpu *c)
{
	static const u64 vals[] = { 0, 0, 0, 1, 1, 1, 2, -1UL };
	u64 ext = random_ext(), val = vals[rnd(ARRAY_SIZE(vals))];
	bool isa[NR_EXT];
	int want;

	memcpy(isa, c->isa, sizeof(isa));
	want = model_change(c, isa, ext, val);
	if (!want && !is_complete(isa, ceiling_set))
		want = EINVAL;
	note("vCPU %ld: extension %lu = %lx", c - cpus, ext, val);
	EXPECT(reg_ioctl(c, KVM_SET_ONE_REG, RISCV_ISA_EXT_REG(ext), &val), want);
	set_model(c, want, isa);
}

static void op_multi(struct cpu *c)
{
	bool isa[NR_EXT], on = rnd(2);
	u64 n = rnd(NR_ISA_MULTI_REGS + 1), val = 0, id;
	int want = 0, i;

	id = on ? RISCV_ISA_MULTI_EN_REG(n) : RISCV_ISA_MULTI_DIS_REG(n);
	switch (rnd(4)) {
	case 0:
		val = kvm_random_u64(&rng);
		break;
	case 1:
		/* What it has, or has not, to be on the safe side */
		if (n < NR_ISA_MULTI_REGS)
			val = vcpu_get_reg(c->vcpu, id);
		break;
	}
	for (i = rnd(4); i; i--)
		val ^= KVM_REG_RISCV_ISA_MULTI_MASK(random_ext());

	memcpy(isa, c->isa, sizeof(isa));
	if (n >= NR_ISA_MULTI_REGS)
		want = ENOENT;
	for (i = 0; i < 64 && !want; i++) {
		if (!(val >> i & 1))
			continue;
		want = model_change(c, isa, n * 64 + i, on);
		if (want == ENOENT && !on)
			want = 0;
	}
	if (!want && !is_complete(isa, ceiling_set))
		want = EINVAL;
	note("vCPU %ld: %s[%lu] = %lx", c - cpus, on ? "enable" : "disable", n, val);
	EXPECT(reg_ioctl(c, KVM_SET_ONE_REG, id, &val), want);
	set_model(c, want, isa);
}

static void op_config(struct cpu *c)
{
	static const int ext_of[26] = {
		['a' - 'a'] = E(A) + 1, ['c' - 'a'] = E(C) + 1, ['d' - 'a'] = E(D) + 1,
		['f' - 'a'] = E(F) + 1, ['h' - 'a'] = E(H) + 1, ['i' - 'a'] = E(I) + 1,
		['m' - 'a'] = E(M) + 1, ['v' - 'a'] = E(V) + 1,
	};
	u64 id = RISCV_CONFIG_REG(isa), old = vcpu_get_reg(c->vcpu, id), val = old;
	bool isa[NR_EXT], complete[NR_EXT];
	int want = 0, i;

	for (i = rnd(4); i; i--)
		val ^= BIT("fdvvfdhmzb"[rnd(10)] - 'a');
	if (!rnd(8))
		val = kvm_random_u64(&rng);
	memcpy(isa, c->isa, sizeof(isa));
	for (i = 0; i < 26; i++) {
		int ext = ext_of[i] - 1;

		/* What nobody has, and what cannot be changed, is ignored. */
		if (ext < 0 || !known[ext])
			continue;
		if (offered[ext] && !hideable[ext]) {
			if (!ceiling[ext] && (val >> i & 1))
				want = EINVAL;
			continue;
		}
		isa[ext] = offered[ext] && (val >> i & 1);
		if (isa[ext] && !ceiling[ext])
			want = EINVAL;
	}
	memcpy(complete, isa, sizeof(isa));
	isa_drop_incomplete(complete, ceiling_set);
	for (i = 0; i < 26; i++)
		if (ext_of[i] && isa[ext_of[i] - 1] != complete[ext_of[i] - 1])
			want = EINVAL;
	if (val >> 25)
		want = EINVAL;
	else if (val == old)
		want = 0;
	else if (c->ran)
		want = EBUSY;
	note("vCPU %ld: isa = %lx", c - cpus, val);
	EXPECT(reg_ioctl(c, KVM_SET_ONE_REG, id, &val), want);
	set_model(c, want, complete);
}

/*
 * The VM: its ceiling and its vlenb
 */
static void set_to_bools(const struct kvm_riscv_vm_isa *set, bool *isa)
{
	int i;

	for (i = 0; i < NR_EXT; i++)
		isa[i] = set->ext[i / 64] >> i % 64 & 1;
	for (; i < 256; i++)
		TEST_ASSERT(!(set->ext[i / 64] >> i % 64 & 1), "an extension %d", i);
}

static int get_set(u64 attr, bool *isa)
{
	struct kvm_riscv_vm_isa set = { .size = sizeof(set) };
	struct kvm_device_attr a = {
		.group = KVM_RISCV_VM_ISA, .attr = attr, .addr = (u64)&set,
	};
	int ret = ioctl(vm->fd, KVM_GET_DEVICE_ATTR, &a);

	if (!ret)
		set_to_bools(&set, isa);
	return ret;
}

static void op_ceiling(struct cpu *c)
{
	bool isa[NR_EXT];
	struct {
		struct kvm_riscv_vm_isa isa;
		u64 unknown[3];
	} set = { .isa.size = rnd(8) ? sizeof(set.isa) : rnd(sizeof(set)) };
	struct kvm_device_attr a = {
		.group = KVM_RISCV_VM_ISA, .attr = KVM_RISCV_VM_ISA_CEILING, .addr = (u64)&set,
	};
	int want = nr_vcpus ? EBUSY : 0, i, ext;

	memcpy(isa, offered, sizeof(isa));
	for (i = rnd(6); i; i--) {
		ext = random_ext();
		if (ext < NR_EXT)
			isa[ext] = !isa[ext];
	}
	if (rnd(4))
		isa_drop_incomplete(isa, true);
	if (!is_complete(isa, true) || !isa[E(I)] || !isa[E(M)] || !isa[E(A)])
		want = EINVAL;

	for (i = 0; i < NR_EXT; i++) {
		set.isa.ext[i / 64] |= (u64)isa[i] << i % 64;
		if (isa[i] && !offered[i])
			want = EINVAL;
	}
	if (!rnd(16)) {
		set.isa.ext[3] |= BIT_ULL(rnd(64));
		want = EINVAL;
	}
	if (!rnd(16)) {
		set.unknown[0] = 1;
		if (set.isa.size > sizeof(set.isa))
			want = E2BIG;
	}
	if (set.isa.size < KVM_RISCV_VM_ISA_SIZE_VER0)
		want = EINVAL;
	note("ceiling = %llx %llx, size %llu", set.isa.ext[0], set.isa.ext[1], set.isa.size);
	EXPECT(ioctl(vm->fd, KVM_SET_DEVICE_ATTR, &a), want);
	if (want)
		return;
	memcpy(ceiling, isa, sizeof(isa));
	ceiling_set = true;
}

static void op_attr(struct cpu *c)
{
	static const struct {
		const char *name;
		unsigned long nr;
	} calls[] = {
		{ "has", KVM_HAS_DEVICE_ATTR },
		{ "get", KVM_GET_DEVICE_ATTR },
		{ "set", KVM_SET_DEVICE_ATTR },
	};
	struct kvm_riscv_vm_isa set = { .size = sizeof(set) };
	int call = rnd(ARRAY_SIZE(calls)), want = 0;
	struct kvm_device_attr a = {
		.group = rnd(8) ? KVM_RISCV_VM_ISA : rnd(8), .flags = !rnd(8), .addr = (u64)&set,
		.attr = rnd(8) ? rnd(KVM_RISCV_VM_ISA_CEILING + 2) : kvm_random_u64(&rng),
	};
	bool isa[NR_EXT];

	/* op_ceiling() sets what can be. */
	if (call == 2 && a.attr == KVM_RISCV_VM_ISA_CEILING)
		a.flags = 1;
	if (a.flags)
		want = EINVAL;
	else if (a.group != KVM_RISCV_VM_ISA || call == 2 || a.attr > KVM_RISCV_VM_ISA_CEILING)
		want = ENXIO;
	note("%s attribute %u/%llu, flags %x", calls[call].name, a.group, a.attr, a.flags);
	EXPECT(ioctl(vm->fd, calls[call].nr, &a), want);
	if (want || call != 1)
		return;
	set_to_bools(&set, isa);
	if (a.attr == KVM_RISCV_VM_ISA_CEILING)
		TEST_ASSERT(!memcmp(isa, ceiling, sizeof(isa)), "not the ceiling");
	if (a.attr == KVM_RISCV_VM_ISA_OFFERED)
		TEST_ASSERT(!memcmp(isa, offered, sizeof(isa)), "not what was offered");
}

static void op_vlenb(struct cpu *c)
{
	u64 val = rnd(8) ? 1UL << (3 + rnd(12)) : kvm_random_u64(&rng);
	u64 flags = rnd(8) ? !!rnd(4) : rnd(4);
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_RISCV_GUEST_VLENB, .flags = !rnd(16),
		.args = { val, flags, !rnd(16), !rnd(16) },
	};
	int want = nr_vcpus ? EBUSY : 0;

	if (!rnd(4) || !has_lazy_trap())
		val = host_vlenb;
	cap.args[0] = val;
	if (cap.flags || cap.args[2] || cap.args[3] || flags & ~KVM_RISCV_VLENB_USER_EXIT ||
	    val < 16 || val > 8192 || val & (val - 1) || !host_vlenb ||
	    (val != host_vlenb && !flags))
		want = EINVAL;
	note("vlenb = %lu, flags %x %lx %llx %llx", val, cap.flags, flags, cap.args[2],
	     cap.args[3]);
	EXPECT(ioctl(vm->fd, KVM_ENABLE_CAP, &cap), want);
	if (!want)
		vlenb = val;
	TEST_ASSERT_EQ(vm_check_cap(vm, KVM_CAP_RISCV_GUEST_VLENB),
		       host_vlenb ? KVM_RISCV_VLENB_USER_EXIT : 0);
}

/*
 * Registers
 */
static bool is_simd(u64 id)
{
	return TYPE(id) == KVM_REG_RISCV_FP_F || TYPE(id) == KVM_REG_RISCV_FP_D ||
	       TYPE(id) == KVM_REG_RISCV_VECTOR;
}

/* One of this vCPU's, or of one with all extensions, or not quite */
static u64 random_id(struct cpu *c)
{
	u64 id = all_regs[rnd(nr_all_regs)];
	int tries;

	for (tries = rnd(8); tries && !is_simd(id); tries--)
		id = rnd(2) ? all_regs[rnd(nr_all_regs)] : c->list.reg[rnd(c->list.n)];
	switch (rnd(8)) {
	case 0:
		id = (id & ~KVM_REG_SIZE_MASK) | (u64)rnd(16) << KVM_REG_SIZE_SHIFT;
		break;
	case 1:
		id ^= 1UL << rnd(52);
		break;
	case 2:
		id = (id & ~0xffffUL) | rnd(64);
		break;
	}
	return id;
}

/* Where there are no registers but those that are listed, and several at once */
static bool is_exact(u64 id)
{
	return TYPE(id) == KVM_REG_RISCV_CONFIG || TYPE(id) == KVM_REG_RISCV_CORE ||
	       (TYPE(id) == KVM_REG_RISCV_ISA_EXT && !SUBTYPE(id)) || is_simd(id);
}

static bool no_such_reg(int err)
{
	return err == ENOENT || err == EINVAL;
}

static void op_get_reg(struct cpu *c)
{
	u64 id = random_id(c);
	bool exists = listed(c, id);
	int err;

	note("vCPU %ld: get %lx", c - cpus, id);
	err = result(reg_ioctl(c, KVM_GET_ONE_REG, id, buf));
	TEST_ASSERT(!err || no_such_reg(err), "not documented");
	TEST_ASSERT(!(exists && err), "listed, and cannot be read");
	TEST_ASSERT(exists || err || !is_exact(id), "not listed, and can be read");
}

static void op_set_reg(struct cpu *c)
{
	u64 id = random_id(c), size = KVM_REG_SIZE(id), i;
	int err, want = 0;

	/* The others would lead the guest astray. */
	if (!is_simd(id))
		return op_get_reg(c);
	for (i = 0; i < size; i += 8)
		*(u64 *)(buf + i) = kvm_random_u64(&rng);
	if (!rnd(4))
		memset(buf, 0, size);
	note("vCPU %ld: set %lx, %02x", c - cpus, id, buf[0]);
	if (id == VECTOR_CSR_REG(vlenb)) {
		*(u64 *)buf = rnd(2) ? vlenb : 1UL << rnd(16);
		want = *(u64 *)buf == vlenb ? 0 : EINVAL;
	}
	err = result(reg_ioctl(c, KVM_SET_ONE_REG, id, buf));
	if (!listed(c, id)) {
		TEST_ASSERT(no_such_reg(err), "not listed, and %s", strerrorname_np(err));
		return;
	}
	TEST_ASSERT(err == want, "listed, and %s", strerrorname_np(err));
	if (err || id == VECTOR_CSR_REG(vlenb))
		return;
	TEST_ASSERT(!reg_ioctl(c, KVM_GET_ONE_REG, id, buf2) && !memcmp(buf, buf2, size),
		    "another value is read");
	c->digested = false;
}

static void op_list(struct cpu *c)
{
	struct kvm_reg_list *list = (void *)buf;
	u64 n = rnd(4) ? rnd(c->list.n + 1) : kvm_random_u32(&rng), i;
	bool fits = n >= c->list.n;

	memset(buf, 0xa5, sizeof(buf));
	list->n = n;
	note("vCPU %ld: list of %lu", c - cpus, n);
	EXPECT(ioctl(c->vcpu->fd, KVM_GET_REG_LIST, list), fits ? 0 : E2BIG);
	TEST_ASSERT_EQ(list->n, c->list.n);
	for (i = 0; i < c->list.n; i++)
		TEST_ASSERT_EQ(list->reg[i], fits ? c->list.reg[i] : 0xa5a5a5a5a5a5a5a5UL);
}

/*
 * Lives of VMs and vCPUs
 */
static u64 context_id(int i)
{
	const u64 ids[NR_CONTEXT] = {
		RISCV_CORE_REG(regs.pc), RISCV_CORE_REG(regs.sp), RISCV_CORE_REG(regs.gp),
		RISCV_GENERAL_CSR_REG(satp), RISCV_GENERAL_CSR_REG(stvec),
		RISCV_GENERAL_CSR_REG(sscratch),
	};

	return ids[i];
}

/* What guest_code() begins with */
static void set_context(struct cpu *c)
{
	int i;

	c->late = false;
	for (i = 0; i < NR_CONTEXT; i++)
		vcpu_set_reg(c->vcpu, context_id(i), c->context[i]);
}

static void op_create_vcpu(struct cpu *c)
{
	u64 id = nr_vcpus;
	int i;

	if (nr_vcpus == NR_VCPUS) {
		id = rnd(2) ? rnd(nr_vcpus) : -1UL >> rnd(32);
		note("create vCPU %lx", id);
		EXPECT(ioctl(vm->fd, KVM_CREATE_VCPU, id), id < nr_vcpus ? EEXIST : EINVAL);
		return;
	}
	note("create vCPU %lu", id);
	c = &cpus[nr_vcpus++];
	memset(c, 0, sizeof(*c));
	c->vcpu = vm_vcpu_add(vm, id, guest_code);
	vcpu_init_vector_tables(c->vcpu);
	memcpy(c->isa, ceiling, sizeof(c->isa));
	for (i = 0; i < NR_CONTEXT; i++)
		c->context[i] = vcpu_get_reg(c->vcpu, context_id(i));
	check_regs(c);
	TEST_ASSERT(!get_digest(c), "a new vCPU has registers that are not 0");
}

static void op_create_vm(struct cpu *c)
{
	note("create a VM");
	kvm_vm_free(vm);
	vm = vm_create(NR_VCPUS);
	vm_init_vector_tables(vm);
	vm_install_exception_handler(vm, EXC_INST_ILLEGAL, guest_illegal_insn);
	nr_vcpus = 0;
	vlenb = host_vlenb;
	can_reset = false;
	/* Those that have run cannot change any more. */
	run_after = op_nr + rnd(150);
	memcpy(ceiling, offered, sizeof(ceiling));
	ceiling_set = false;
	nr_vms++;
}

/* Even a run that ends before it begins is one. */
static void op_lock(struct cpu *c)
{
	if (op_nr < run_after)
		return;
	note("vCPU %ld: run, immediate_exit", c - cpus);
	c->ran = true;
	c->vcpu->run->immediate_exit = 1;
	EXPECT(__vcpu_run(c->vcpu), EINTR);
	c->vcpu->run->immediate_exit = 0;
}

/* vCPUs that are gone ahead of their VM, behind it, or without a register used */
static void op_short_life(struct cpu *c)
{
	int kvm = open_kvm_dev_path_or_exit(), fd[3], i, nr = 1 + rnd(2);
	u64 val[2] = { 1 }, id = __kvm_reg_id(KVM_REG_RISCV_VECTOR, 0,
					      KVM_REG_RISCV_VECTOR_REG(31), KVM_REG_SIZE_U128);
	struct kvm_one_reg reg = { .id = id, .addr = (u64)val };
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_RISCV_GUEST_VLENB, .args = { 16, KVM_RISCV_VLENB_USER_EXIT },
	};

	note("a VM of %d vCPUs comes and goes", nr);
	fd[0] = ioctl(kvm, KVM_CREATE_VM, 0);
	TEST_ASSERT(fd[0] >= 0, "KVM_CREATE_VM");
	TEST_ASSERT(!host_vlenb || !ioctl(fd[0], KVM_ENABLE_CAP, &cap), "KVM_ENABLE_CAP");
	for (i = 1; i <= nr; i++) {
		fd[i] = ioctl(fd[0], KVM_CREATE_VCPU, i - 1);
		TEST_ASSERT(fd[i] >= 0, "KVM_CREATE_VCPU");
		TEST_ASSERT(!host_vlenb || rnd(2) || !ioctl(fd[i], KVM_SET_ONE_REG, &reg),
			    "KVM_SET_ONE_REG");
	}
	for (; nr >= 0; nr--) {
		i = rnd(nr + 1);
		close(fd[i]);
		fd[i] = fd[nr];
	}
	close(kvm);
}

static void op_mp_state(struct cpu *c)
{
	struct kvm_mp_state state = { .mp_state = rnd(KVM_MP_STATE_SUSPENDED + 2) };
	int want = EINVAL;

	if (rnd(2))
		state.mp_state = rnd(3) ? KVM_MP_STATE_RUNNABLE : KVM_MP_STATE_INIT_RECEIVED;
	if (state.mp_state == KVM_MP_STATE_RUNNABLE || state.mp_state == KVM_MP_STATE_STOPPED ||
	    (state.mp_state == KVM_MP_STATE_INIT_RECEIVED && can_reset))
		want = 0;
	note("vCPU %ld: mp_state = %u", c - cpus, state.mp_state);
	EXPECT(ioctl(c->vcpu->fd, KVM_SET_MP_STATE, &state), want);
	if (want)
		return;
	if (state.mp_state == KVM_MP_STATE_INIT_RECEIVED) {
		TEST_ASSERT(!get_digest(c), "a register is not 0");
		c->digested = false;
		set_context(c);
	} else {
		c->stopped = state.mp_state == KVM_MP_STATE_STOPPED;
	}
}

static void op_reset_cap(struct cpu *c)
{
	note("resets by mp_state");
	EXPECT(__vm_enable_cap(vm, KVM_CAP_RISCV_MP_STATE_RESET, 0), 0);
	can_reset = true;
}

/*
 * KVM_RUN
 */
static void on_alarm(int sig)
{
}

static u32 mp_state(struct cpu *c)
{
	struct kvm_mp_state state;

	vcpu_mp_state_get(c->vcpu, &state);
	return state.mp_state;
}

/* Signals end the KVM_RUN of a vCPU that is stopped, or is about to stop. */
static void run_to_signal(struct cpu *c)
{
	struct itimerval timer = { { .tv_usec = 2000 }, { .tv_usec = 2000 } };

	setitimer(ITIMER_REAL, &timer, NULL);
	do {
		TEST_ASSERT(__vcpu_run(c->vcpu) == -1 && errno == EINTR, "not EINTR");
	} while (mp_state(c) != KVM_MP_STATE_STOPPED);
	memset(&timer, 0, sizeof(timer));
	setitimer(ITIMER_REAL, &timer, NULL);
	c->stopped = true;
}

/* The VMM emulates the instruction, leaves it out, or comes back. */
static void answer_exit(struct cpu *c, bool v_on)
{
	u64 pc = RISCV_CORE_REG(regs.pc);
	u32 insn = c->vcpu->run->riscv_vector.insn;

	nr_exits++;
	TEST_ASSERT(v_on && vlenb != host_vlenb, "an exit with V off, or of the host's length");
	TEST_ASSERT((insn & 0xfff0707f) == 0x42006057, "an exit with %x", insn);
	switch (rnd(3)) {
	case 0:
		TEST_ASSERT_EQ(vcpu_emulate_vector(c->vcpu, insn), RVV_OK);
		break;
	case 1:
		vcpu_set_reg(c->vcpu, pc, vcpu_get_reg(c->vcpu, pc) + 4);
		orders[c - cpus].type = NOTHING;
		break;
	}
}

/* By the view that there is: without a ceiling a vCPU can have D alone. */
static void check_f5(struct cpu *c, u64 arg)
{
	u64 val = 0;

	TEST_ASSERT(!reg_ioctl(c, KVM_GET_ONE_REG, c->isa[E(F)] ?
			       KVM_REG_RISCV | KVM_REG_SIZE_U32 | KVM_REG_RISCV_FP_F | F5 :
			       KVM_REG_RISCV | KVM_REG_SIZE_U64 | KVM_REG_RISCV_FP_D | F5, &val),
		    "no f5");
	TEST_ASSERT((u32)val == (u32)arg, "the guest's f5 is %lx", val);
}

static void check_v5(struct cpu *c, u64 arg)
{
	TEST_ASSERT(!reg_ioctl(c, KVM_GET_ONE_REG, v_reg(F5), buf2), "no v5");
	TEST_ASSERT(*(u64 *)buf2 == arg, "the guest's v5 is %lx", *(u64 *)buf2);
}

/* Until the guest has done what it is told */
static void run_guest(struct cpu *c, struct order *o, bool v_on)
{
	struct kvm_run *run = c->vcpu->run;

	for (;;) {
		vcpu_run(c->vcpu);
		if (run->exit_reason == KVM_EXIT_RISCV_VECTOR) {
			answer_exit(c, v_on);
			continue;
		}
		TEST_ASSERT_KVM_EXIT_REASON(c->vcpu, KVM_EXIT_RISCV_SBI);
		vcpu_run_complete_io(c->vcpu);
		if (run->riscv_sbi.function_id == FUZZ_DONE) {
			if (!c->late)
				return;
			c->late = false;
			continue;
		}
		TEST_ASSERT(run->riscv_sbi.function_id == FUZZ_BOOT && c->booting,
			    "SBI call %lx", (u64)run->riscv_sbi.function_id);
		TEST_ASSERT(!get_digest(c), "a hart starts with a register that is not 0");
		nr_boots++;
		c->booting = false;
		set_context(c);
	}
}

static void op_run(struct cpu *c)
{
	static const char *const names[] = { "nothing", "F", "V", "start", "stop" };
	struct order *mine = &orders[c - cpus], *guests = addr_gva2hva(vm, (gva_t)mine);
	u64 traps = 0, error = 0, target;
	struct order o = {
		.type = rnd(2) ? rnd(USE_V + 1) : rnd(NR_ORDERS), .arg = kvm_random_u64(&rng),
		.status = (rnd(4) * SR_FS_INITIAL) | (rnd(4) * SR_VS_INITIAL),
		.entry = addr_gva2gpa(vm, (gva_t)guest_boot),
	};
	bool f_on = (c->isa[E(F)] || c->isa[E(D)]) && o.status & SR_FS;
	bool v_on = c->isa[E(V)] && o.status & SR_VS;

	if (op_nr < run_after)
		return;
	note("vCPU %ld: ", c - cpus);
	c->ran = true;
	if (c->stopped) {
		note("run, stopped");
		/* KVM does the reset of a start even if it has been stopped since. */
		if (!c->booting)
			run_to_signal(c);
		return;
	}
	target = rnd(NR_VCPUS + 1);
	if (o.type == HART_START)
		o.arg = target;
	note("run %s %lx, status %lx%s", names[o.type], o.arg, o.status,
	     c->booting ? ", boots" : "");
	if (o.type == HART_STOP && (c->booting || c->late))
		o.type = NOTHING;
	*mine = o;
	*guests = o;
	c->digested = false;
	if (o.type == HART_STOP) {
		run_to_signal(c);
		c->late = true;
		return;
	}
	run_guest(c, &o, v_on);

	if (o.type == USE_F)
		traps = !f_on;
	if (o.type == USE_V)
		traps = v_on ? 0 : 2;
	nr_traps += traps;
	TEST_ASSERT_EQ(c->vcpu->run->riscv_sbi.args[0], traps);
	if (o.type == USE_F && f_on)
		check_f5(c, o.arg);
	if (o.type == USE_V && v_on && mine->type == USE_V)
		check_v5(c, o.arg);
	if (o.type != HART_START)
		return;
	if (target >= nr_vcpus)
		error = SBI_ERR_INVALID_PARAM;
	else if (!cpus[target].stopped)
		error = SBI_ERR_ALREADY_AVAILABLE;
	TEST_ASSERT_EQ(c->vcpu->run->riscv_sbi.args[1], error);
	if (!error) {
		cpus[target].stopped = false;
		cpus[target].booting = true;
	}
}

/*
 * Pointers that lead nowhere, or only half way
 */
static u8 *pages;	/* one to use, one that must not be, one to read */

static void map_pages(void)
{
	size_t size = getpagesize();

	pages = kvm_mmap(3 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	/* What bad_attr() has at the front of its structure */
	*(u64 *)(pages + 2 * size) = sizeof(struct kvm_riscv_vm_isa);
	mprotect(pages + size, size, PROT_NONE);
	mprotect(pages + 2 * size, size, PROT_READ);
}

/* Where SIZE bytes cannot be read, or (WRITE) not written */
static void *bad_pointer(size_t size, bool write)
{
	size_t page = getpagesize();

	switch (rnd(write ? 5 : 4)) {
	case 0:
		return NULL;
	case 1:
		return pages + page + rnd(page - 8);
	case 2:
		return (void *)(-4096UL * (1 + rnd(1 << 20)));
	case 3:
		/* The front of it can. */
		return pages + page - 1 - rnd(min(size, page) - 1);
	default:
		return pages + 2 * page;
	}
}

static const struct {
	bool vm;
	unsigned long nr;
	size_t size;
} struct_calls[] = {
	{ false, KVM_GET_ONE_REG, sizeof(struct kvm_one_reg) },
	{ false, KVM_SET_ONE_REG, sizeof(struct kvm_one_reg) },
	{ false, KVM_GET_REG_LIST, sizeof(struct kvm_reg_list) },
	{ false, KVM_SET_MP_STATE, sizeof(struct kvm_mp_state) },
	{ true, KVM_ENABLE_CAP, sizeof(struct kvm_enable_cap) },
	{ true, KVM_HAS_DEVICE_ATTR, sizeof(struct kvm_device_attr) },
	{ true, KVM_GET_DEVICE_ATTR, sizeof(struct kvm_device_attr) },
	{ true, KVM_SET_DEVICE_ATTR, sizeof(struct kvm_device_attr) },
};

static int bad_struct(struct cpu *c)
{
	int i = rnd(ARRAY_SIZE(struct_calls));
	void *arg = bad_pointer(struct_calls[i].size, false);

	note("ioctl %lx at %p", struct_calls[i].nr, arg);
	return ioctl(struct_calls[i].vm ? vm->fd : c->vcpu->fd, struct_calls[i].nr, arg);
}

static int bad_value(struct cpu *c, bool set)
{
	u64 id = c->list.reg[rnd(c->list.n)];
	void *arg;

	while (!is_simd(id))
		id = c->list.reg[rnd(c->list.n)];
	arg = bad_pointer(KVM_REG_SIZE(id), !set);
	memset(pages, rnd(256), getpagesize());
	note("vCPU %ld: %s %lx at %p", c - cpus, set ? "set" : "get", id, arg);
	return reg_ioctl(c, set ? KVM_SET_ONE_REG : KVM_GET_ONE_REG, id, arg);
}

static int bad_attr(struct cpu *c)
{
	u64 size = sizeof(struct kvm_riscv_vm_isa);
	bool set = rnd(2);
	void *arg = bad_pointer(size, !set);
	struct kvm_device_attr a = {
		.group = KVM_RISCV_VM_ISA, .attr = KVM_RISCV_VM_ISA_CEILING, .addr = (u64)arg,
	};

	if (arg >= (void *)pages && arg <= (void *)pages + getpagesize() - sizeof(size))
		memcpy(arg, &size, sizeof(size));
	note("%s ceiling at %llx", set ? "set" : "get", a.addr);
	return ioctl(vm->fd, set ? KVM_SET_DEVICE_ATTR : KVM_GET_DEVICE_ATTR, &a);
}

/* A list that ends where its page does */
static int bad_list(struct cpu *c)
{
	struct kvm_reg_list *list = (void *)(pages + getpagesize()) - 8 * (1 + rnd(c->list.n));

	list->n = MAX_REGS;
	note("vCPU %ld: list at %p", c - cpus, list);
	return ioctl(c->vcpu->fd, KVM_GET_REG_LIST, list);
}

static void op_bad_pointer(struct cpu *c)
{
	int kind = rnd(4);

	if (kind == 1 && !c->isa[E(F)])
		kind = 0;
	c->digest = get_digest(c);
	c->digested = true;
	EXPECT(kind == 0 ? bad_struct(c) : kind == 1 ? bad_value(c, rnd(2)) :
	       kind == 2 ? bad_attr(c) : bad_list(c), EFAULT);
	TEST_ASSERT(get_digest(c) == c->digest, "fails, and changes a register");
}

static const struct {
	void (*fn)(struct cpu *c);
	int weight;
	bool no_vcpu;
} ops[] = {
	{ op_single, 80 }, { op_multi, 60 }, { op_config, 40 },
	{ op_get_reg, 40 }, { op_set_reg, 80 }, { op_list, 15 }, { op_bad_pointer, 20 },
	{ op_lock, 6 }, { op_run, 50 }, { op_mp_state, 20 }, { op_reset_cap, 4, true },
	{ op_ceiling, 12, true }, { op_attr, 12, true }, { op_vlenb, 12, true },
	{ op_create_vcpu, 12, true }, { op_create_vm, 1, true }, { op_short_life, 1, true },
};

static void random_op(void)
{
	struct cpu *c = &cpus[rnd(nr_vcpus ?: 1)];
	int i, left, sum = 0;

	for (i = 0; i < ARRAY_SIZE(ops); i++)
		sum += nr_vcpus || ops[i].no_vcpu ? ops[i].weight : 0;
	left = rnd(sum);
	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		if (!nr_vcpus && !ops[i].no_vcpu)
			continue;
		left -= ops[i].weight;
		if (left < 0)
			break;
	}
	trace[op_nr % NR_TRACE][0] = '\0';
	ops[i].fn(c);
	for (i = 0; i < nr_vcpus; i++)
		if (&cpus[i] == c || !rnd(6))
			check_cpu(&cpus[i]);
}

/*
 * Several threads do anything to the same vCPUs.  Nobody can tell which extensions
 * are left, but they must be complete, and the registers those that they have.
 */
#define NR_THREADS	3
#define NR_WILD		200

/* Everybody writes these, and reads them while others write. */
static struct kvm_one_reg torn_reg;
static struct kvm_riscv_vm_isa torn_set;
static u8 torn_buf[MAX_REG_SIZE];
static u64 nr_wild;

#define EXPECT_ANY(call, ...)						\
	do {								\
		static const int _ok[] = { 0, __VA_ARGS__ };		\
		int _err = (call) < 0 ? errno : 0, _i;			\
									\
		for (_i = 0; _i < ARRAY_SIZE(_ok) && _ok[_i] != _err; _i++) \
			;						\
		TEST_ASSERT(_i < ARRAY_SIZE(_ok), #call " returns %s",	\
			    strerrorname_np(_err));			\
	} while (0)

static u64 wild_id(void)
{
	u64 id = all_regs[rnd(nr_all_regs)];

	switch (rnd(6)) {
	case 0:
		return RISCV_ISA_EXT_REG(random_ext());
	case 1:
		return RISCV_ISA_MULTI_EN_REG(rnd(NR_ISA_MULTI_REGS));
	case 2:
		return RISCV_ISA_MULTI_DIS_REG(rnd(NR_ISA_MULTI_REGS));
	default:
		return is_simd(id) ? id : RISCV_CONFIG_REG(isa);
	}
}

static void wild_reg(struct cpu *c)
{
	bool torn = !rnd(4), set = rnd(2);
	struct kvm_one_reg own, *reg = torn ? &torn_reg : &own;

	WRITE_ONCE(reg->id, wild_id());
	WRITE_ONCE(reg->addr, (u64)(torn ? torn_buf : buf));
	*(u64 *)(torn ? torn_buf : buf) = rnd(2) ? rnd(2) : BIT(rnd(64));
	EXPECT_ANY(ioctl(c->vcpu->fd, set ? KVM_SET_ONE_REG : KVM_GET_ONE_REG, reg),
		   EINVAL, ENOENT, EBUSY);
}

static void wild_attr(void)
{
	struct kvm_device_attr a = {
		.group = KVM_RISCV_VM_ISA, .attr = rnd(KVM_RISCV_VM_ISA_CEILING + 1),
		.addr = (u64)&torn_set,
	};

	EXPECT_ANY(ioctl(vm->fd, rnd(2) ? KVM_GET_DEVICE_ATTR : KVM_SET_DEVICE_ATTR, &a),
		   EINVAL, ENXIO, EBUSY);
}

static void wild_vm(struct cpu *c)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_RISCV_GUEST_VLENB, .args = { host_vlenb },
	};

	EXPECT_ANY(ioctl(vm->fd, KVM_ENABLE_CAP, &cap), EBUSY, EINVAL);
	EXPECT_ANY(ioctl(vm->fd, KVM_CREATE_VCPU, (u64)(c - cpus)), EEXIST);
}

static void wild_run(struct cpu *c)
{
	struct kvm_mp_state state = { .mp_state = rnd(3) ? KVM_MP_STATE_RUNNABLE :
						  KVM_MP_STATE_STOPPED };
	struct order *guests = addr_gva2hva(vm, (gva_t)&orders[c - cpus]);

	WRITE_ONCE(guests->type, rnd(USE_V + 1));
	WRITE_ONCE(guests->status, rnd(4) * SR_FS_INITIAL | rnd(4) * SR_VS_INITIAL);
	EXPECT_ANY(ioctl(c->vcpu->fd, KVM_SET_MP_STATE, &state), EINVAL);
	EXPECT_ANY(__vcpu_run(c->vcpu), EINTR);
}

static void wild_list(struct cpu *c)
{
	struct kvm_reg_list *list = (void *)(rnd(2) ? buf : torn_buf);

	WRITE_ONCE(list->n, rnd(2) ? MAX_REGS : rnd(MAX_REGS));
	EXPECT_ANY(ioctl(c->vcpu->fd, KVM_GET_REG_LIST, list), E2BIG);
}

static void *wild_thread(void *arg)
{
	int i;

	rng = new_kvm_random_state((u64)arg);
	for (i = 0; i < NR_WILD; i++) {
		struct cpu *c = &cpus[rnd(nr_vcpus)];

		switch (rnd(12)) {
		case 0:
			wild_attr();
			break;
		case 1:
			wild_vm(c);
			break;
		case 2:
			wild_run(c);
			break;
		case 3:
			wild_list(c);
			break;
		default:
			wild_reg(c);
		}
	}
	__atomic_fetch_add(&nr_wild, NR_WILD, __ATOMIC_RELAXED);
	return NULL;
}

/* Whatever it has come to must be consistent, and final if the vCPU has run. */
static void check_wild(struct cpu *c)
{
	struct kvm_one_reg reg = { .id = RISCV_ISA_EXT_REG(E(F)), .addr = (u64)buf };
	int i;

	for (i = 0; i < NR_EXT; i++)
		c->isa[i] = __vcpu_has_isa_ext(c->vcpu, i);
	check_isa(c);
	check_regs(c);
	get_digest(c);

	c->vcpu->run->immediate_exit = 1;
	TEST_ASSERT(__vcpu_run(c->vcpu) == -1 && errno == EINTR, "not EINTR");
	*(u64 *)buf = !c->isa[E(F)];
	if (known[E(F)])
		EXPECT_ANY(-!ioctl(c->vcpu->fd, KVM_SET_ONE_REG, &reg));
	check_isa(c);
}

static void run_threads(void)
{
	pthread_t threads[NR_THREADS];
	u64 want = nr_wild + NR_THREADS * NR_WILD;
	int i;

	op_create_vm(NULL);
	for (i = 0; i < 4; i++)
		(rnd(2) ? op_vlenb : op_ceiling)(NULL);
	while (nr_vcpus < NR_THREADS - 1)
		op_create_vcpu(NULL);
	for (i = 0; i < NR_THREADS; i++)
		TEST_ASSERT(!pthread_create(&threads[i], NULL, wild_thread,
					    (void *)(u64)kvm_random_u32(&rng)), "pthread_create()");
	/* Those whose vCPU is stopped */
	while (__atomic_load_n(&nr_wild, __ATOMIC_RELAXED) < want) {
		usleep(1000);
		for (i = 0; i < NR_THREADS; i++)
			pthread_kill(threads[i], SIGALRM);
	}
	for (i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < nr_vcpus; i++)
		check_wild(&cpus[i]);
}

/* What the host has, from a VM and a vCPU that nobody has changed */
static void ask_host(void)
{
	struct kvm_reg_list *list;
	struct kvm_vcpu *vcpu;
	u64 val;
	int i;

	vm = vm_create_with_one_vcpu(&vcpu, NULL);
	TEST_REQUIRE(vm_check_cap(vm, KVM_CAP_VM_ATTRIBUTES));
	host_vlenb = kvm_host_vlenb();
	for (i = 0; i < NR_EXT; i++)
		known[i] = !__vcpu_get_reg(vcpu, RISCV_ISA_EXT_REG(i), &val);
	TEST_REQUIRE(!get_set(KVM_RISCV_VM_ISA_OFFERED, offered));
	TEST_ASSERT(!get_set(KVM_RISCV_VM_ISA_HIDEABLE, hideable), "no set of what can be hidden");

	list = vcpu_get_reg_list(vcpu);
	TEST_ASSERT(list->n <= MAX_REGS, "raise MAX_REGS to %llu", list->n);
	nr_all_regs = list->n;
	memcpy(all_regs, list->reg, list->n * sizeof(u64));
	free(list);
}

/* For those who wait for a million */
static void print_progress(u64 nr, u64 of)
{
	if (!(nr % PROGRESS))
		ksft_print_msg("%lu of %lu operations\n", nr, of);
}

int main(int argc, char *argv[])
{
	struct sigaction sa = { .sa_handler = on_alarm };
	u64 count = 10000;
	int opt;

	seed = time(NULL);
	while ((opt = getopt(argc, argv, "s:n:")) != -1) {
		switch (opt) {
		case 's':
			seed = strtoul(optarg, NULL, 0);
			break;
		case 'n':
			count = strtoul(optarg, NULL, 0);
			break;
		default:
			ksft_exit_fail_msg("usage: %s [-s SEED] [-n OPERATIONS]\n", argv[0]);
		}
	}

	ksft_print_header();
	ask_host();
	ksft_set_plan(2);
	ksft_print_msg("seed %u, %lu operations\n", seed, count);
	/* Of the generator, 0 and its modulus are the fixed points. */
	rng = new_kvm_random_state(seed % 0x7ffffffe + 1);
	sigaction(SIGALRM, &sa, NULL);
	map_pages();
	atexit(print_trace);

	op_create_vm(NULL);
	while (op_nr < count) {
		random_op();
		print_progress(++op_nr, count);
	}
	ksft_print_msg("%lu VMs, %lu calls failed, %lu traps, %lu exits, %lu harts started\n",
		       nr_vms, nr_failed, nr_traps, nr_exits, nr_boots);
	ksft_test_result_pass("one_thread\n");

	while (nr_wild < count / 2) {
		run_threads();
		print_progress(nr_wild, count / 2);
	}
	finished = true;
	ksft_print_msg("%lu calls by %d threads\n", nr_wild, NR_THREADS);
	ksft_test_result_pass("threads\n");
	kvm_vm_free(vm);
	ksft_finished();
}
