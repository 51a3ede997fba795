// SPDX-License-Identifier: GPL-2.0
/*
 * simd_fuzz.c - Call KVM's interfaces for ISA extensions, vector lengths, and
 * FP and vector registers at random.
 *
 * A model predicts what each call returns and which extensions each vCPU has
 * after the call. After every call, a vCPU's extensions must be within the VM's
 * ceiling, must include their dependencies if a ceiling has been set, and must
 * not have changed if the vCPU has run before. KVM must list exactly the
 * registers of these extensions, and each of the registers must be readable. A
 * call that fails must have no effect.
 *
 * The seed (-s) alone decides what happens, so a failure can be reproduced.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "isa_util.h"
#include "kvm_util.h"
#include "options.h"
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
#define PROGRESS	60000	/* a multiple of the calls in a round of threads */
#define NR_CONTEXT	6
#define MEM_GVA		0x40000000UL	/* two pages between unmapped ones */
#define MEM_SIZE	8192
#define MEM_END		(MEM_GVA + MEM_SIZE)
#define MEM_OP_MAX	65536
#define F5		5	/* the register that guests use, of FP and of vectors */
#define TYPE(id)	((id) & KVM_REG_RISCV_TYPE_MASK)
#define SUBTYPE(id)	((id) & KVM_REG_RISCV_SUBTYPE_MASK)

/* The guest's SBI calls that exit to the VMM, in addition to those of ucalls */
enum { FUZZ_DONE = 0x100, FUZZ_BOOT, FUZZ_NOT };

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
static bool can_reset, has_sync, has_mem_op;
static u64 run_after;
static struct cpu cpus[NR_VCPUS];
static int nr_vcpus;

static u8 mem_model[MEM_SIZE];	/* what the guest has at MEM_GVA */

/* Of the host */
static bool known[NR_EXT], offered[NR_EXT], hideable[NR_EXT];
static u64 host_vlenb;
static bool has_vlenb_cap;
static u64 all_regs[MAX_REGS], nr_all_regs;

static __thread struct kvm_random_state rng;
static u64 seed;
static u64 op_nr, nr_failed, nr_vms, nr_exits, nr_boots, nr_traps, nr_syncs, nr_mem_ops, nr_maps;
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

/*
 * Print the last operations. This is an exit handler, so that it also runs if
 * libkvm ends the test early.
 */
static void print_trace(void)
{
	u64 i = op_nr < NR_TRACE ? 0 : op_nr - NR_TRACE + 1;

	if (finished)
		return;
	for (; i <= op_nr; i++)
		ksft_print_msg("%lu: %s\n", i, trace[i % NR_TRACE]);
	ksft_print_msg("reproduce with: simd_fuzz -s %lu -n %lu\n", seed, op_nr + 1);
}

/* Return the errno of a call, or 0 if it has succeeded. */
static int result(int ret)
{
	int err = ret < 0 ? errno : 0;

	note(": %s", strerror(err));
	nr_failed += !!err;
	return err;
}

#define EXPECT(call, want)						\
	do {								\
		int _want = (want), _err = result(call);		\
									\
		TEST_ASSERT(_err == _want, "returns %s, not %s",	\
			    strerror(_err), strerror(_want));	\
	} while (0)

static int reg_ioctl(struct cpu *c, unsigned long nr, u64 id, void *val)
{
	struct kvm_one_reg reg = { .id = id, .addr = (u64)val };

	return ioctl(c->vcpu->fd, nr, &reg);
}

static u64 v_reg(int n)
{
	return v_reg_id(n, vlenb);
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

/*
 * The entry point of a hart that SBI HSM starts. The hart has paging off, so
 * this code can use no data or stack and only reports to the VMM.
 */
static void __attribute__((naked)) __aligned(32) guest_boot(void)
{
	asm volatile("li a7, %0\n"
		     "li a6, %1\n"
		     "ecall" :: "i" (KVM_RISCV_SELFTESTS_SBI_EXT), "i" (FUZZ_BOOT));
}

/* Replace all x registers except a6 and a7 with their complements. */
static void __attribute__((naked)) guest_not(void)
{
	asm volatile(".irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
		     "not x\\n, x\\n\n"
		     ".endr\n"
		     ".irp n, 18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
		     "not x\\n, x\\n\n"
		     ".endr\n"
		     "li a7, %0\n"
		     "li a6, %1\n"
		     "ecall" :: "i" (KVM_RISCV_SELFTESTS_SBI_EXT), "i" (FUZZ_NOT));
}

/*
 * Checks of what must hold after each call
 */
static u64 mix(u64 digest, const u8 *val, size_t size)
{
	while (size--)
		digest = (digest ^ *val++) * 0x100000001b3UL;
	return digest;
}

/*
 * Return a digest of all FP and vector registers except vlenb. It is 0 if all
 * of them are 0.
 */
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
	if (ceiling_set)
		isa_drop_incomplete(complete, true);
	for (i = 0; i < NR_EXT; i++) {
		TEST_ASSERT(isa[i] == complete[i], "extension %d lacks what it needs", i);
		TEST_ASSERT(isa[i] <= ceiling[i], "extension %d is above the ceiling", i);
		TEST_ASSERT(isa[i] == c->isa[i], "extension %d is %s, which nobody asked for%s",
			    i, isa[i] ? "on" : "off", c->ran ? ", and the vCPU has run" : "");
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

	/*
	 * Read some of the registers that KVM lists, and some that only other
	 * vCPUs can have.
	 */
	for (i = 0; i < sample; i++) {
		id = c->list.reg[sample == c->list.n ? i : rnd(c->list.n)];
		TEST_ASSERT(!reg_ioctl(c, KVM_GET_ONE_REG, id, buf2),
			    "%lx is listed but cannot be read", id);
	}
	for (i = 0; i < 3; i++) {
		id = all_regs[rnd(nr_all_regs)];
		if (TYPE(id) == KVM_REG_RISCV_CSR || listed(c, id))
			continue;
		err = reg_ioctl(c, KVM_GET_ONE_REG, id, buf2) ? errno : 0;
		/*
		 * For a vCPU with V, KVM returns EINVAL if the size of a vector
		 * register is that of the host's vlenb and not that of the
		 * VM's.
		 */
		want = TYPE(id) == KVM_REG_RISCV_VECTOR && c->isa[E(V)] ? EINVAL : ENOENT;
		TEST_ASSERT(err == want, "%lx is not listed: %s", id, strerror(err));
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
		    "vCPU %ld: a register has changed", c - cpus);
	c->digest = digest;
	c->digested = true;
}

/*
 * Extensions
 */
/*
 * Remove the extensions in OFF, and everything that depends on them directly or
 * indirectly, from a set.
 */
static void isa_remove(bool *isa, const bool *off, bool with_ceiling)
{
	bool gone[NR_EXT], changed;
	int i;

	memcpy(gone, off, sizeof(gone));
	do {
		changed = false;
		for (i = 0; i < nr_isa_needs; i++) {
			int ext = isa_needs[i].ext, or = isa_needs[i].or;

			if (gone[ext] || !gone[isa_needs[i].needed] ||
			    (isa[or] && !gone[or]) || (isa_needs[i].ceiling && !with_ceiling))
				continue;
			gone[ext] = true;
			changed = true;
		}
	} while (changed);
	for (i = 0; i < NR_EXT; i++)
		isa[i] &= !gone[i];
}

static int model_change(struct cpu *c, bool *isa, u64 ext, u64 val)
{
	bool off[NR_EXT] = { };
	int err = 0;

	if (ext >= NR_EXT || !known[ext]) {
		err = ENOENT;
	} else if (val != isa[ext]) {
		off[ext] = !val;
		if (c->ran)
			err = EBUSY;
		else if (val > 1 || (val ? !ceiling[ext] : !hideable[ext]))
			err = EINVAL;
		else if (val)
			isa[ext] = true;
		else
			isa_remove(isa, off, ceiling_set);
	}
	return err;
}

static bool is_complete(const bool *isa)
{
	bool complete[NR_EXT];

	memcpy(complete, isa, sizeof(complete));
	isa_drop_incomplete(complete, true);
	return !memcmp(complete, isa, sizeof(complete));
}

/*
 * Update the model after a call that has set the extensions of a vCPU. With a
 * ceiling, an extension that cannot be hidden by itself comes back as soon as
 * its dependencies are enabled.
 */
static void set_model(struct cpu *c, int err, bool *isa)
{
	int i;

	if (err)
		return;
	for (i = 0; i < NR_EXT && ceiling_set; i++)
		if (ceiling[i] && !hideable[i])
			isa[i] = true;
	if (ceiling_set)
		isa_drop_incomplete(isa, true);
	/*
	 * A change of F, D or V adds or removes registers, which makes the
	 * digest invalid.
	 */
	if (c->isa[E(F)] != isa[E(F)] || c->isa[E(D)] != isa[E(D)] || c->isa[E(V)] != isa[E(V)])
		c->digested = false;
	memcpy(c->isa, isa, sizeof(c->isa));
}

static u64 random_ext(void)
{
	/* Extensions on which others depend, which are chosen more often */
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
	if (!want && ceiling_set && !is_complete(isa))
		want = EINVAL;
	note("vCPU %ld: extension %lu = %lx", c - cpus, ext, val);
	EXPECT(reg_ioctl(c, KVM_SET_ONE_REG, RISCV_ISA_EXT_REG(ext), &val), want);
	set_model(c, want, isa);
}

static void op_multi(struct cpu *c)
{
	bool isa[NR_EXT], on = rnd(2);
	u64 n = rnd(NR_ISA_MULTI_REGS + 1), val = 0, id;
	int want, i;

	id = on ? RISCV_ISA_MULTI_EN_REG(n) : RISCV_ISA_MULTI_DIS_REG(n);
	switch (rnd(4)) {
	case 0:
		val = kvm_random_u64(&rng);
		break;
	case 1:
		/*
		 * Begin with the register's current value, so that few
		 * extensions change.
		 */
		if (n < NR_ISA_MULTI_REGS)
			val = vcpu_get_reg(c->vcpu, id);
		break;
	}
	for (i = rnd(4); i; i--)
		val ^= KVM_REG_RISCV_ISA_MULTI_MASK(random_ext());

	note("vCPU %ld: %s[%lu] = %lx", c - cpus, on ? "enable" : "disable", n, val);
	EXPECT(reg_ioctl(c, KVM_SET_ONE_REG, id, &val), n < NR_ISA_MULTI_REGS ? 0 : ENOENT);
	/* KVM changes what it can, one extension after another. */
	for (i = 0; i < 64 && n < NR_ISA_MULTI_REGS; i++) {
		if (!(val >> i & 1))
			continue;
		memcpy(isa, c->isa, sizeof(isa));
		want = model_change(c, isa, n * 64 + i, on);
		if (!want && ceiling_set && !is_complete(isa))
			want = EINVAL;
		set_model(c, want, isa);
	}
}

static void op_config(struct cpu *c)
{
	static const int ext_of[26] = {
		['a' - 'a'] = E(A) + 1, ['c' - 'a'] = E(C) + 1, ['d' - 'a'] = E(D) + 1,
		['f' - 'a'] = E(F) + 1, ['h' - 'a'] = E(H) + 1, ['i' - 'a'] = E(I) + 1,
		['m' - 'a'] = E(M) + 1, ['v' - 'a'] = E(V) + 1,
	};
	u64 id = RISCV_CONFIG_REG(isa), old = vcpu_get_reg(c->vcpu, id), val = old;
	bool isa[NR_EXT], complete[NR_EXT], off[NR_EXT];
	int want = 0, i;

	for (i = rnd(4); i; i--)
		val ^= BIT("fdvvfdhmzb"[rnd(10)] - 'a');
	if (!rnd(8))
		val = kvm_random_u64(&rng);
	memcpy(isa, c->isa, sizeof(isa));
	for (i = 0; i < 26; i++) {
		int ext = ext_of[i] - 1;

		/*
		 * KVM ignores letters of extensions that it does not know or
		 * cannot change.
		 */
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
	for (i = 0; i < NR_EXT; i++)
		off[i] = c->isa[i] && !isa[i];
	isa_remove(complete, off, ceiling_set);
	if (ceiling_set)
		isa_drop_incomplete(complete, true);
	for (i = 0; i < 26; i++)
		if (ext_of[i] && isa[ext_of[i] - 1] != complete[ext_of[i] - 1])
			want = EINVAL;
	if ((u32)val >> 25)
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
		TEST_ASSERT(!(set->ext[i / 64] >> i % 64 & 1), "unknown extension %d in a set", i);
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

/*
 * Return the size that a VMM might pass which knows another version of struct
 * kvm_riscv_vm_isa, or a random size.
 */
static u64 random_set_size(void)
{
	switch (rnd(16)) {
	case 0:
		return rnd(sizeof(struct kvm_riscv_vm_isa) + 1);
	case 1:
		return sizeof(struct kvm_riscv_vm_isa) + rnd(getpagesize());
	case 2:
		return getpagesize() - 1 + rnd(3);
	case 3:
		return kvm_random_u64(&rng);
	default:
		return sizeof(struct kvm_riscv_vm_isa) + rnd(2) * rnd(64);
	}
}

/*
 * Read an attribute. KVM fills in the fields that it knows and clears the rest
 * of userspace's structure.
 */
static void op_get_set(struct cpu *c)
{
	struct kvm_riscv_vm_isa *set = (void *)buf, known_set = { .size = sizeof(known_set) };
	u64 size = random_set_size(), attr = rnd(KVM_RISCV_VM_ISA_CEILING + 1), i;
	struct kvm_device_attr a = {
		.group = KVM_RISCV_VM_ISA, .attr = attr, .addr = (u64)&known_set,
	};
	int want = size < KVM_RISCV_VM_ISA_SIZE_VER0 ? EINVAL : size > getpagesize() ? E2BIG : 0;
	size_t room = 2 * getpagesize();

	TEST_ASSERT(!ioctl(vm->fd, KVM_GET_DEVICE_ATTR, &a), "attribute %lu", attr);
	TEST_ASSERT_EQ(known_set.size, sizeof(known_set));
	memset(buf, 0xa5, room);
	set->size = size;
	a.addr = (u64)buf;
	note("get attribute %lu, size %lu", attr, size);
	EXPECT(ioctl(vm->fd, KVM_GET_DEVICE_ATTR, &a), want);
	if (want) {
		TEST_ASSERT_EQ(set->size, size);
		for (i = sizeof(u64); i < room; i++)
			TEST_ASSERT(buf[i] == 0xa5, "failed, but has written byte %lu", i);
		return;
	}
	TEST_ASSERT(!memcmp(set, &known_set, sizeof(known_set)), "the set depends on the size");
	for (i = sizeof(known_set); i < room; i++)
		TEST_ASSERT(buf[i] == (i < size ? 0 : 0xa5), "byte %lu of %lu is %02x", i, size,
			    buf[i]);
}

static void op_ceiling(struct cpu *c)
{
	bool isa[NR_EXT];
	struct {
		struct kvm_riscv_vm_isa isa;
		u64 unknown[1024];
	} set = { .isa.size = random_set_size() };
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
	if (!is_complete(isa) || !isa[E(I)] || !isa[E(M)] || !isa[E(A)])
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
	if (!rnd(4)) {
		/*
		 * Set a bit that only a later kernel may know. KVM ignores it
		 * if it is beyond the size that the VMM passes.
		 */
		i = rnd(rnd(2) ? 4 : getpagesize() / 8);
		set.unknown[i] = BIT(rnd(8));
		if (set.isa.size > sizeof(set.isa) + i * sizeof(u64))
			want = E2BIG;
	}
	if (set.isa.size > getpagesize())
		want = E2BIG;
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

	/*
	 * A valid ceiling would change the model, and only op_ceiling() does
	 * that.
	 */
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

	if (!rnd(4))
		val = host_vlenb;
	cap.args[0] = val;
	if (cap.flags || cap.args[2] || cap.args[3] || flags & ~KVM_RISCV_VLENB_USER_EXIT ||
	    val < 16 || val > 8192 || val & (val - 1) || !has_vlenb_cap ||
	    (val != host_vlenb && !flags))
		want = EINVAL;
	note("vlenb = %lu, flags %x %lx %llx %llx", val, cap.flags, flags, cap.args[2],
	     cap.args[3]);
	EXPECT(ioctl(vm->fd, KVM_ENABLE_CAP, &cap), want);
	if (!want)
		vlenb = val;
	TEST_ASSERT_EQ(vm_check_cap(vm, KVM_CAP_RISCV_GUEST_VLENB),
		       has_vlenb_cap ? KVM_RISCV_VLENB_USER_EXIT : 0);
}

/*
 * Registers
 */
static bool is_simd(u64 id)
{
	return TYPE(id) == KVM_REG_RISCV_FP_F || TYPE(id) == KVM_REG_RISCV_FP_D ||
	       TYPE(id) == KVM_REG_RISCV_VECTOR;
}

/*
 * Return the id of a register that this vCPU has, or that a vCPU with all
 * extensions has, sometimes slightly corrupted.
 */
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

/*
 * Return whether ID belongs to a type of which KVM lists every readable
 * register.
 */
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
	TEST_ASSERT(!err || no_such_reg(err), "undocumented errno");
	TEST_ASSERT(!(exists && err), "listed, but cannot be read");
	TEST_ASSERT(exists || err || !is_exact(id), "not listed, but can be read");
}

static void op_set_reg(struct cpu *c)
{
	u64 id = random_id(c), size = KVM_REG_SIZE(id), i;
	int err, want = 0;

	/* Random values in other registers would make the guest crash. */
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
		TEST_ASSERT(no_such_reg(err), "not listed, and %s", strerror(err));
		return;
	}
	TEST_ASSERT(err == want, "listed, but KVM_SET_ONE_REG returned %s", strerror(err));
	if (err || id == VECTOR_CSR_REG(vlenb))
		return;
	TEST_ASSERT(!reg_ioctl(c, KVM_GET_ONE_REG, id, buf2) && !memcmp(buf, buf2, size),
		    "the value read is not the one written");
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

/* Set the registers with which guest_code() begins. */
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
	TEST_ASSERT_EQ(vm_alloc(vm, MEM_SIZE, MEM_GVA), MEM_GVA);
	memset(mem_model, 0, MEM_SIZE);
	vm_init_vector_tables(vm);
	vm_install_exception_handler(vm, EXC_INST_ILLEGAL, guest_illegal_insn);
	nr_vcpus = 0;
	vlenb = host_vlenb;
	can_reset = false;
	/*
	 * vCPUs that have run cannot change their extensions any more, so vCPUs
	 * do not run for a while.
	 */
	run_after = op_nr + rnd(150);
	memcpy(ceiling, offered, sizeof(ceiling));
	ceiling_set = false;
	nr_vms++;
}

/*
 * Fix the vCPU's extensions: even a KVM_RUN that returns before it enters the
 * guest counts as a run.
 */
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

/*
 * Create a VM whose vCPUs are closed before the VM or after it, with or without
 * having used a vector register.
 */
static void op_short_life(struct cpu *c)
{
	int kvm = open_kvm_dev_path_or_exit(), fd[3], i, nr = 1 + rnd(2);
	u64 val[2] = { 1 }, id = __kvm_reg_id(KVM_REG_RISCV_VECTOR, 0,
					      KVM_REG_RISCV_VECTOR_REG(31), KVM_REG_SIZE_U128);
	struct kvm_one_reg reg = { .id = id, .addr = (u64)val };
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_RISCV_GUEST_VLENB, .args = { 16, KVM_RISCV_VLENB_USER_EXIT },
	};

	note("create and destroy a VM with %d vCPUs", nr);
	fd[0] = ioctl(kvm, KVM_CREATE_VM, 0);
	TEST_ASSERT(fd[0] >= 0, "KVM_CREATE_VM");
	TEST_ASSERT(!has_vlenb_cap || !ioctl(fd[0], KVM_ENABLE_CAP, &cap), "KVM_ENABLE_CAP");
	for (i = 1; i <= nr; i++) {
		fd[i] = ioctl(fd[0], KVM_CREATE_VCPU, i - 1);
		TEST_ASSERT(fd[i] >= 0, "KVM_CREATE_VCPU");
		TEST_ASSERT(!has_vlenb_cap || rnd(2) || !ioctl(fd[i], KVM_SET_ONE_REG, &reg),
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

/*
 * Run a vCPU that is stopped or about to stop. Only a signal ends such a
 * KVM_RUN.
 */
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

/*
 * Handle KVM_EXIT_RISCV_VECTOR: emulate the instruction, skip it, or just call
 * KVM_RUN again.
 */
static void answer_exit(struct cpu *c, bool v_on)
{
	u64 pc = RISCV_CORE_REG(regs.pc);
	u32 insn = c->vcpu->run->riscv_vector.insn;

	nr_exits++;
	TEST_ASSERT(v_on && vlenb != host_vlenb,
		    "a vector exit although V is off or the vlenb is the host's");
	TEST_ASSERT((insn & 0xfff0707f) == 0x42006057, "a vector exit for instruction %x", insn);
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

/*
 * Check f5 with the F registers or, if there are none, with the D registers:
 * without a ceiling a vCPU can have D without F.
 */
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

/* Run the guest until it has carried out its order. */
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
		/*
		 * If the vCPU has been started and stopped since the last run,
		 * KVM still performs the pending reset, so do not run it here.
		 */
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
 * Registers in kvm_run
 */
#define WORD(name)	(offsetof(struct kvm_sync_regs, name) / sizeof(u64))
#define NR_WORDS	(sizeof(struct kvm_sync_regs) / sizeof(u64))

union sync_regs {
	struct kvm_sync_regs r;
	u64 word[NR_WORDS];
};

static u64 sync_classes(struct cpu *c)
{
	return KVM_SYNC_RISCV_CORE | KVM_SYNC_RISCV_CSR |
	       (c->isa[E(F)] || c->isa[E(D)] ? KVM_SYNC_RISCV_FP : 0) |
	       (c->isa[E(V)] ? KVM_SYNC_RISCV_VECTOR_CSR : 0);
}

static u64 class_of(int word)
{
	return word < WORD(sstatus) ? KVM_SYNC_RISCV_CORE :
	       word < WORD(f) ? KVM_SYNC_RISCV_CSR :
	       word < WORD(vstart) ? KVM_SYNC_RISCV_FP : KVM_SYNC_RISCV_VECTOR_CSR;
}

/*
 * The bits of a word that kvm_run preserves: a vCPU without D has only the
 * lower halves of its FP registers.
 */
static u64 sync_mask(struct cpu *c, int word)
{
	return class_of(word) == KVM_SYNC_RISCV_FP && !c->isa[E(D)] ? -1U : -1UL;
}

static u64 sync_id(struct cpu *c, int word)
{
	int n = word - WORD(f);

	if (word < WORD(pc))
		return RISCV_CORE_REG(regs.pc) + word;
	if (word < WORD(sstatus))
		return word == WORD(pc) ? RISCV_CORE_REG(regs.pc) : RISCV_CORE_REG(mode);
	/* sip is not in kvm_run. */
	if (word < WORD(satp))
		return RISCV_GENERAL_CSR_REG(sstatus) + word - WORD(sstatus);
	if (word < WORD(f))
		return RISCV_GENERAL_CSR_REG(satp) + word - WORD(satp);
	if (word >= WORD(vstart))
		return VECTOR_CSR_REG(vstart) + word - WORD(vstart);
	if (!c->isa[E(D)])
		return KVM_REG_RISCV | KVM_REG_SIZE_U32 | KVM_REG_RISCV_FP_F | n;
	return word == WORD(fcsr) ? FP_D_FCSR : FP_D_REG(n);
}

/* Get the registers that kvm_run can have, with KVM_GET_ONE_REG. */
static void get_sync(struct cpu *c, union sync_regs *regs)
{
	int i;

	memset(regs, 0, sizeof(*regs));
	for (i = 1; i < NR_WORDS; i++)
		if (class_of(i) & sync_classes(c))
			TEST_ASSERT(!reg_ioctl(c, KVM_GET_ONE_REG, sync_id(c, i), &regs->word[i]),
				    "cannot read word %d of kvm_run", i);
}

/* Compare the registers of CLASSES. */
static void same_sync(struct cpu *c, const union sync_regs *is, const union sync_regs *want,
		      u64 classes, const char *what)
{
	int i;

	for (i = 0; i < NR_WORDS; i++)
		TEST_ASSERT(!(class_of(i) & classes) ||
			    !((is->word[i] ^ want->word[i]) & sync_mask(c, i)),
			    "%s: word %d is %lx, not %lx", what, i, is->word[i], want->word[i]);
}

static int run_sync(struct cpu *c, u64 valid, u64 dirty)
{
	struct kvm_run *run = c->vcpu->run;
	int ret;

	run->kvm_valid_regs = valid;
	run->kvm_dirty_regs = dirty;
	run->immediate_exit = 1;
	ret = __vcpu_run(c->vcpu);
	run->immediate_exit = 0;
	run->kvm_valid_regs = 0;
	return ret;
}

/*
 * Restore the guest's x registers and CSRs, so that it can go on. FP and vector
 * registers keep their new values.
 */
static void restore_sync(struct cpu *c, const union sync_regs *old)
{
	c->vcpu->run->s.regs = old->r;
	TEST_ASSERT(run_sync(c, 0, KVM_SYNC_RISCV_CORE | KVM_SYNC_RISCV_CSR) && errno == EINTR,
		    "cannot restore registers");
	c->digested = false;
}

static u64 random_classes(struct cpu *c)
{
	u64 set = kvm_random_u64(&rng) & sync_classes(c);

	return rnd(4) ? set : set | BIT(rnd(64));
}

static void fill_sync(union sync_regs *regs)
{
	int i;

	for (i = 0; i < NR_WORDS; i++)
		regs->word[i] = kvm_random_u64(&rng);
	if (rnd(8))
		regs->r.mode &= 1;
	if (rnd(8))
		regs->r.fcsr = (u32)regs->r.fcsr;
	if (rnd(8))
		regs->r.vlenb = vlenb;
}

static void op_sync(struct cpu *c)
{
	union sync_regs *regs = (void *)&c->vcpu->run->s.regs, old, new, is;
	u64 all = sync_classes(c), valid = random_classes(c), dirty = random_classes(c);
	bool good;

	if (!has_sync)
		return;
	fill_sync(&new);
	good = !((valid | dirty) & ~all) &&
	       !(dirty & KVM_SYNC_RISCV_CORE && new.r.mode > KVM_RISCV_MODE_S) &&
	       !(dirty & KVM_SYNC_RISCV_FP && new.r.fcsr > -1U) &&
	       !(dirty & KVM_SYNC_RISCV_VECTOR_CSR && new.r.vlenb != vlenb);
	if (good && op_nr < run_after)
		return;
	note("vCPU %ld: valid %lx, dirty %lx", c - cpus, valid, dirty);
	get_sync(c, &old);
	*regs = new;
	EXPECT(run_sync(c, valid, dirty), good ? EINTR : EINVAL);
	TEST_ASSERT_EQ(c->vcpu->run->kvm_dirty_regs, good ? 0 : dirty);
	c->vcpu->run->kvm_dirty_regs = 0;
	get_sync(c, &is);
	if (!good) {
		same_sync(c, &is, &old, all, "a call that fails changes a register");
		same_sync(c, regs, &new, -1UL, "a call that fails changes kvm_run");
		return;
	}
	nr_syncs++;
	c->ran = true;
	new.r.x[0] = 0;
	same_sync(c, &is, &new, dirty, "not taken from kvm_run");
	same_sync(c, &is, &old, all & ~dirty, "changed although not in kvm_dirty_regs");
	same_sync(c, regs, &is, valid, "not copied to kvm_run");
	restore_sync(c, &old);
}

/*
 * Pass random registers to the guest in kvm_run, and check what the guest has
 * computed with them.
 */
static void op_sync_run(struct cpu *c)
{
	union sync_regs *regs = (void *)&c->vcpu->run->s.regs, old, new, is;
	u64 all = sync_classes(c), fp = all & KVM_SYNC_RISCV_FP;
	struct kvm_run *run = c->vcpu->run;
	int i;

	if (!has_sync || op_nr < run_after || c->stopped || c->booting || c->late)
		return;
	note("vCPU %ld: run with registers of kvm_run", c - cpus);
	c->ran = true;
	get_sync(c, &old);
	fill_sync(&new);
	new.r.pc = (u64)guest_not;
	new.r.mode = KVM_RISCV_MODE_S;
	new.r.fcsr &= 0xff;
	/* Keep the CSRs that decide how the guest runs. */
	memcpy(&new.r.sstatus, &old.r.sstatus, sizeof(u64) * (WORD(f) - WORD(sstatus)));
	new.r.sscratch = kvm_random_u64(&rng);
	*regs = new;
	run->kvm_valid_regs = all;
	run->kvm_dirty_regs = KVM_SYNC_RISCV_CORE | KVM_SYNC_RISCV_CSR | fp;
	vcpu_run(c->vcpu);
	TEST_ASSERT_KVM_EXIT_REASON(c->vcpu, KVM_EXIT_RISCV_SBI);
	TEST_ASSERT_EQ(run->riscv_sbi.function_id, FUZZ_NOT);
	get_sync(c, &is);
	same_sync(c, regs, &is, all, "not copied to kvm_run");
	same_sync(c, regs, &new, fp, "changed although the guest has not written it");
	TEST_ASSERT_EQ(regs->r.sscratch, new.r.sscratch);
	for (i = 1; i < 32; i++)
		TEST_ASSERT(i == 16 || i == 17 || regs->r.x[i] == ~new.r.x[i],
			    "x%d is %lx, not %lx", i, (u64)regs->r.x[i], (u64)~new.r.x[i]);
	run->kvm_valid_regs = 0;
	vcpu_run_complete_io(c->vcpu);
	restore_sync(c, &old);
	nr_syncs++;
}

/*
 * Calls with pointers to memory that is not, or only partly, accessible
 */
static u8 *pages;	/* read-write, inaccessible, read-only */

static void map_pages(void)
{
	size_t size = getpagesize();

	pages = kvm_mmap(3 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	/*
	 * The size field of the structure that bad_attr() passes. This page is
	 * read-only.
	 */
	*(u64 *)(pages + 2 * size) = sizeof(struct kvm_riscv_vm_isa);
	mprotect(pages + size, size, PROT_NONE);
	mprotect(pages + 2 * size, size, PROT_READ);
}

/*
 * Return an address at which SIZE bytes cannot be read or, with WRITE, cannot
 * be written.
 */
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
		/* Only the beginning of the buffer is accessible. */
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

/*
 * Call KVM_GET_REG_LIST with a buffer that ends before the list does, at the
 * end of an accessible page.
 */
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
	TEST_ASSERT(get_digest(c) == c->digest, "failed, but has changed a register");
}

/*
 * Accesses to memory at guest virtual addresses, with KVM_RISCV_MEM_OP
 */
static u8 mem_buf[MEM_OP_MAX];

static bool mem_op_valid(struct cpu *c, const struct kvm_riscv_mem_op *m)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(m->reserved); i++)
		if (m->reserved[i])
			return false;
	if (m->op == KVM_RISCV_MEM_FETCH && (m->width != 2 || m->gva % 2))
		return false;
	return c->ran && !m->flags && m->op <= KVM_RISCV_MEM_FETCH &&
	       (m->width == 1 || m->width == 2 || m->width == 4 || m->width == 8) &&
	       m->size && m->size <= MEM_OP_MAX && !(m->size % m->width);
}

static void random_mem_op(struct kvm_riscv_mem_op *m)
{
	memset(m, 0, sizeof(*m));
	m->buf = (u64)mem_buf;
	m->op = rnd(KVM_RISCV_MEM_FETCH + 1);
	m->width = m->op == KVM_RISCV_MEM_FETCH ? 2 : 1 << rnd(4);
	m->size = m->width * (1 + rnd(rnd(8) ? 64 : MEM_OP_MAX / m->width));
	m->gva = MEM_GVA - 64 + rnd(MEM_SIZE + 128);
	if (!rnd(3))
		m->gva = MEM_END - 1 - rnd(min_t(u32, m->size, MEM_SIZE));
	if (m->op == KVM_RISCV_MEM_FETCH || !rnd(4))
		m->gva &= ~(m->width - 1UL);
	switch (rnd(24)) {
	case 0:
		m->op = rnd(2) ? 1 << rnd(32) : rnd(8);
		break;
	case 1:
		m->width = rnd(2) ? rnd(20) : kvm_random_u32(&rng);
		break;
	case 2:
		m->size = rnd(2) ? MEM_OP_MAX + rnd(3) * m->width : kvm_random_u32(&rng);
		break;
	case 3:
		m->size = rnd(16);
		break;
	case 4:
		m->flags = 1U << rnd(32);
		break;
	case 5:
		m->reserved[rnd(ARRAY_SIZE(m->reserved))] = BIT(rnd(64));
		break;
	case 6:
		/*
		 * An address that is not canonical in any mode from Sv39 to
		 * Sv57
		 */
		m->gva = kvm_random_u64(&rng) | 1UL << 63;
		m->gva &= ~(1UL << 62);
		break;
	case 7:
		m->gva++;
		break;
	}
}

/* Return how many bytes of the access are in mapped memory. */
static u32 mem_op_done(const struct kvm_riscv_mem_op *m)
{
	if (m->gva < MEM_GVA || m->gva >= MEM_END)
		return 0;
	return min_t(u64, m->size, (MEM_END - m->gva));
}

static void check_mem_op(struct cpu *c, const struct kvm_riscv_mem_op *m)
{
	static const int faults[] = {
		[KVM_RISCV_MEM_LOAD] = EXC_LOAD_PAGE_FAULT,
		[KVM_RISCV_MEM_STORE] = EXC_STORE_PAGE_FAULT,
		[KVM_RISCV_MEM_FETCH] = EXC_INST_PAGE_FAULT,
	};
	u32 done = mem_op_done(m), i;
	u8 *model = mem_model + (m->gva - MEM_GVA);

	nr_mem_ops++;
	TEST_ASSERT_EQ(m->done, done);
	TEST_ASSERT_EQ(m->result, done == m->size ? KVM_RISCV_MEM_DONE : KVM_RISCV_MEM_EXCEPTION);
	if (done < m->size) {
		TEST_ASSERT_EQ(m->scause, faults[m->op]);
		TEST_ASSERT_EQ(m->stval, m->gva + done);
	}
	if (m->op == KVM_RISCV_MEM_STORE) {
		memcpy(model, mem_buf, done);
		return;
	}
	TEST_ASSERT(!memcmp(mem_buf, model, done), "the bytes read differ from the guest's memory");
	for (i = done; i < m->size; i++)
		TEST_ASSERT(mem_buf[i] == 0xa5, "byte %u is written, but only %u were read", i,
			    done);
}

static void op_mem(struct cpu *c)
{
	u8 *hva = addr_gva2hva(vm, MEM_GVA), val;
	struct kvm_riscv_mem_op m;
	bool valid, bad = false;
	int i;

	if (!has_mem_op || c->stopped || c->booting)
		return;
	random_mem_op(&m);
	valid = mem_op_valid(c, &m);
	for (i = 0; valid && i < m.size; i++)
		mem_buf[i] = m.op == KVM_RISCV_MEM_STORE ? kvm_random_u32(&rng) : 0xa5;
	/*
	 * QEMU reports the wrong exception if HLVX accesses a page that the
	 * G-stage does not map yet, so make KVM map all pages first.
	 */
	for (i = 0; valid && i < MEM_SIZE; i += getpagesize())
		vcpu_mem_op(c->vcpu, KVM_RISCV_MEM_LOAD, MEM_GVA + i, &val, 1, 1);
	if (valid && m.size > 1 && mem_op_done(&m) == m.size && !rnd(6)) {
		bad = true;
		m.buf = (u64)bad_pointer(m.size, m.op != KVM_RISCV_MEM_STORE);
	}
	note("vCPU %ld: memory op %u at %llx, size %u, width %u, buffer %llx", c - cpus, m.op,
	     m.gva, m.size, m.width, m.buf);
	EXPECT(ioctl(c->vcpu->fd, KVM_RISCV_MEM_OP, &m), !valid ? EINVAL : bad ? EFAULT : 0);
	if (bad && m.op == KVM_RISCV_MEM_STORE)
		/*
		 * KVM may have stored the part of the buffer that it could
		 * read.
		 */
		memcpy(mem_model + (m.gva - MEM_GVA), hva + (m.gva - MEM_GVA), m.size);
	else if (valid && !bad)
		check_mem_op(c, &m);
	TEST_ASSERT(!memcmp(hva, mem_model, MEM_SIZE), "the guest's memory differs from the model");
}

/*
 * The mapping of vector registers
 */
static __thread sigjmp_buf fault_env;
static __thread bool may_fault;
static u8 *kept;	/* a mapping that stays for a while */
static size_t kept_size;

static void on_fault(int sig)
{
	if (may_fault)
		siglongjmp(fault_env, sig);
	signal(sig, SIG_DFL);
}

/* Read or write a byte. Returns the signal that this raises, or 0. */
static int touch(u8 *p, bool write, u8 *val)
{
	int sig = sigsetjmp(fault_env, 1);

	if (!sig) {
		may_fault = true;
		if (write)
			WRITE_ONCE(*p, *val);
		else
			*val = READ_ONCE(*p);
	}
	may_fault = false;
	return sig;
}

static u8 reg_byte(struct cpu *c, u64 n)
{
	TEST_ASSERT(!reg_ioctl(c, KVM_GET_ONE_REG, v_reg(n / vlenb), buf2), "no v%lu", n / vlenb);
	return buf2[n % vlenb];
}

/*
 * A child process inherits the mapping, with the same registers, unless
 * MADV_DONTFORK is set.
 */
static void fork_map(u8 *p, int prot, u8 val, size_t page)
{
	u8 *start = (void *)((u64)p & -page), is = 0;
	bool gone = rnd(2);
	int status, sig;
	pid_t pid;

	TEST_ASSERT(!gone || !madvise(start, page, MADV_DONTFORK), "MADV_DONTFORK");
	pid = fork();
	TEST_ASSERT(pid >= 0, "fork()");
	if (!pid) {
		sig = touch(p, false, &is);
		if (gone)
			_exit(sig != SIGSEGV);
		is = ~val;
		_exit(sig || (prot & PROT_WRITE && touch(p, true, &is)));
	}
	TEST_ASSERT(waitpid(pid, &status, 0) == pid && !status, "the child gets %x%s", status,
		    gone ? ", not SIGSEGV" : "");
	TEST_ASSERT(!touch(p, false, &is), "gone after fork()");
	if (!gone && prot & PROT_WRITE)
		val = ~val;
	TEST_ASSERT(is == val, "%02x after fork(), not %02x", is, val);
}

static void unmap(void *p, size_t size)
{
	TEST_ASSERT(!size || !munmap(p, size), "munmap(): %s", strerror(errno));
}

static void drop_kept(void)
{
	u8 val;

	if (!kept)
		return;
	TEST_ASSERT(!touch(kept, false, &val), "a mapping no longer works after the VM is gone");
	unmap(kept, kept_size);
	kept = NULL;
}

static void op_map(struct cpu *c)
{
	static const int prots[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE };
	size_t page = getpagesize(), nr = (32 * vlenb + page - 1) / page, size, i, o;
	u64 first = KVM_RISCV_VECTOR_PAGE_OFFSET, n;
	int prot = prots[rnd(8) ? 2 : rnd(3)], sig, want;
	bool shared = rnd(6), write = rnd(2), good;
	u8 *map, *p, val = rnd(256), is;

	/*
	 * Choose the offset and size of the mapping: all registers, too low, a
	 * part, too high, or nothing at all.
	 */
	switch (rnd(6)) {
	case 0:
		first += rnd(nr + 3) - 1;
		break;
	case 1:
		first = rnd(2) ? 3 + rnd(32) : first + kvm_random_u32(&rng);
		break;
	}
	if (rnd(2))
		drop_kept();
	size = (1 + rnd(nr + 2)) * page;
	note("vCPU %ld: map %zu bytes at page %lu, %s, prot %d", c - cpus, size, first,
	     shared ? "shared" : "private", prot);
	map = mmap(NULL, size, prot, shared ? MAP_SHARED : MAP_PRIVATE, c->vcpu->fd, first * page);
	TEST_ASSERT(map != MAP_FAILED, "mmap(): %s", strerror(errno));

	i = rnd(size / page);
	o = rnd(min_t(u64, page, 32 * vlenb ?: page));
	p = map + i * page + o;
	n = (first + i - KVM_RISCV_VECTOR_PAGE_OFFSET) * page + o;
	good = shared && c->isa[E(V)] && vlenb != host_vlenb &&
	       first + i - KVM_RISCV_VECTOR_PAGE_OFFSET < nr;
	want = !prot || (write && !(prot & PROT_WRITE)) ? SIGSEGV : good ? 0 : SIGBUS;
	sig = touch(p, write, &val);
	TEST_ASSERT(sig == want, "%s page %zu: signal %d, not %d", write ? "write" : "read", i,
		    sig, want);
	if (want) {
		unmap(map, size);
		return;
	}
	nr_maps++;
	if (write)
		c->digested = false;
	TEST_ASSERT_EQ(reg_byte(c, n), val);

	switch (rnd(8)) {
	case 0:
		c->digested = false;
		fork_map(p, prot, val, page);
		val = reg_byte(c, n);
		break;
	case 1:
		TEST_ASSERT(!madvise(map, size, MADV_DONTNEED), "MADV_DONTNEED");
		break;
	case 2:
		if (kept)
			break;
		/*
		 * Keep only the page that has been touched, possibly for longer
		 * than the VM exists.
		 */
		kept = map + i * page;
		kept_size = page;
		unmap(map, i * page);
		unmap(kept + page, size - (i + 1) * page);
		return;
	}
	TEST_ASSERT(!touch(p, false, &is) && is == val, "a byte of the mapping has changed");
	unmap(map, size);
}

static const struct {
	void (*fn)(struct cpu *c);
	int weight;
	bool no_vcpu;
} ops[] = {
	{ op_single, 80 }, { op_multi, 60 }, { op_config, 40 },
	{ op_get_reg, 40 }, { op_set_reg, 80 }, { op_list, 15 }, { op_bad_pointer, 20 },
	{ op_lock, 6 }, { op_run, 50 }, { op_sync, 40 }, { op_sync_run, 15 },
	{ op_mem, 40 }, { op_map, 40 }, { op_mp_state, 20 }, { op_reset_cap, 4, true },
	{ op_ceiling, 12, true }, { op_get_set, 12, true },
	{ op_attr, 12, true }, { op_vlenb, 12, true },
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
 * Several threads make random calls on the same vCPUs at the same time. The
 * model cannot predict which extensions a vCPU has afterwards, but with a
 * ceiling these must include their dependencies, and KVM must list exactly
 * their registers.
 */
#define NR_THREADS	3
#define NR_WILD		200

/*
 * Arguments of ioctls that all threads write, even while KVM reads them for
 * another thread
 */
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
			    strerror(_err));			\
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
	union sync_regs regs;

	WRITE_ONCE(guests->type, rnd(USE_V + 1));
	WRITE_ONCE(guests->status, rnd(4) * SR_FS_INITIAL | rnd(4) * SR_VS_INITIAL);
	EXPECT_ANY(ioctl(c->vcpu->fd, KVM_SET_MP_STATE, &state), EINVAL);
	if (!has_sync) {
		EXPECT_ANY(__vcpu_run(c->vcpu), EINTR);
		return;
	}
	/* Random x registers and CSRs would make the guest crash. */
	fill_sync(&regs);
	memcpy(&c->vcpu->run->s.regs, &regs, sizeof(regs));
	WRITE_ONCE(c->vcpu->run->kvm_valid_regs, rnd(16) ?: BIT(rnd(64)));
	WRITE_ONCE(c->vcpu->run->kvm_dirty_regs, rnd(2) ? KVM_SYNC_RISCV_FP :
		   rnd(2) ? KVM_SYNC_RISCV_VECTOR_CSR : BIT(2 + rnd(62)));
	EXPECT_ANY(__vcpu_run(c->vcpu), EINTR, EINVAL);
}

static void wild_mem(struct cpu *c)
{
	static u8 wild_buf[4096];
	struct kvm_riscv_mem_op m;

	if (!has_mem_op)
		return;
	random_mem_op(&m);
	m.buf = (u64)wild_buf;
	m.size %= sizeof(wild_buf) + 1;
	EXPECT_ANY(ioctl(c->vcpu->fd, KVM_RISCV_MEM_OP, &m), EINVAL, EINTR);
}

/*
 * Change mapped vector registers while other threads run the vCPU, read its
 * registers, or disable its V.
 */
static void wild_map(struct cpu *c)
{
	size_t page = getpagesize(), nr = (32 * vlenb + page - 1) / page, i;
	u8 *map, val = rnd(256);

	map = mmap(NULL, (nr + 1) * page, PROT_READ | PROT_WRITE, MAP_SHARED, c->vcpu->fd,
		   KVM_RISCV_VECTOR_PAGE_OFFSET * page);
	TEST_ASSERT(map != MAP_FAILED, "mmap(): %s", strerror(errno));
	for (i = 0; i < nr; i++) {
		int sig = touch(map + i * page + rnd(page), rnd(2), &val);

		TEST_ASSERT(!sig || sig == SIGBUS, "signal %d", sig);
		if (!rnd(4))
			madvise(map, nr * page, MADV_DONTNEED);
	}
	TEST_ASSERT_EQ(touch(map + nr * page, true, &val), SIGBUS);
	unmap(map, (nr + 1) * page);
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

		switch (rnd(14)) {
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
		case 4:
			wild_mem(c);
			break;
		case 5:
			wild_map(c);
			break;
		default:
			wild_reg(c);
		}
	}
	__atomic_fetch_add(&nr_wild, NR_WILD, __ATOMIC_RELAXED);
	return NULL;
}

/*
 * Check that a vCPU's extensions are consistent, whatever the threads have
 * done, and that they can no longer change if the vCPU has run.
 */
static void check_wild(struct cpu *c)
{
	struct kvm_one_reg reg = { .id = RISCV_ISA_EXT_REG(E(F)), .addr = (u64)buf };
	int i;

	for (i = 0; i < NR_EXT; i++)
		c->isa[i] = __vcpu_has_isa_ext(c->vcpu, i);
	check_isa(c);
	check_regs(c);
	get_digest(c);

	c->vcpu->run->kvm_valid_regs = 0;
	c->vcpu->run->kvm_dirty_regs = 0;
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
	/*
	 * A thread whose vCPU is stopped stays in KVM_RUN until a signal
	 * arrives.
	 */
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

/*
 * Determine what the host supports, using a VM and a vCPU with default
 * settings.
 */
static void ask_host(void)
{
	struct kvm_reg_list *list;
	struct kvm_vcpu *vcpu;
	u64 val;
	int i;

	vm = vm_create_with_one_vcpu(&vcpu, NULL);
	TEST_REQUIRE(vm_check_cap(vm, KVM_CAP_VM_ATTRIBUTES));
	host_vlenb = __vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_V) ? vcpu_vlenb(vcpu) : 0;
	has_vlenb_cap = vm_check_cap(vm, KVM_CAP_RISCV_GUEST_VLENB);
	has_sync = vm_check_cap(vm, KVM_CAP_SYNC_REGS);
	has_mem_op = vm_check_cap(vm, KVM_CAP_RISCV_MEM_OP);
	if (!has_mem_op)
		ksft_print_msg("not tested: KVM_RISCV_MEM_OP (no KVM_CAP_RISCV_MEM_OP)\n");
	if (!has_sync)
		ksft_print_msg("not tested: registers in kvm_run (no KVM_CAP_SYNC_REGS)\n");
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

/* Report progress in long runs. */
static void print_progress(u64 nr, u64 of)
{
	if (!(nr % PROGRESS))
		ksft_print_msg("%lu of %lu operations\n", nr, of);
}

int main(int argc, char *argv[])
{
	struct sigaction sa = { .sa_handler = on_alarm };
	u64 count = 10000;
	const struct test_option options[] = {
		{ 's', "SEED", &seed },
		{ 'n', "OPERATIONS", &count },
	};

	seed = time(NULL);
	parse_test_options(argc, argv, options, ARRAY_SIZE(options));

	ksft_print_header();
	ask_host();
	ksft_set_plan(2);
	ksft_print_msg("seed %lu, %lu operations\n", seed, count);
	/*
	 * 0 and the modulus are fixed points of the random number generator, so
	 * avoid them as seeds.
	 */
	rng = new_kvm_random_state(seed % 0x7ffffffe + 1);
	sigaction(SIGALRM, &sa, NULL);
	sa.sa_handler = on_fault;
	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	map_pages();
	atexit(print_trace);

	op_create_vm(NULL);
	while (op_nr < count) {
		random_op();
		print_progress(++op_nr, count);
	}
	ksft_print_msg("%lu VMs, %lu calls failed, %lu traps, %lu exits, %lu harts started\n",
		       nr_vms, nr_failed, nr_traps, nr_exits, nr_boots);
	ksft_print_msg("%lu times with registers in kvm_run, %lu memory operations, %lu mappings\n",
		       nr_syncs, nr_mem_ops, nr_maps);
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
