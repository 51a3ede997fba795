// SPDX-License-Identifier: GPL-2.0
/*
 * snapshot_test.c - Test that snapshots restore a vCPU completely, and that
 * damaged snapshots are refused.
 *
 * This test does not run guest code; migrate_test does.
 */
#include <string.h>

#include "isa_util.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "rvv.h"
#include "simd.h"
#include "snapshot.h"
#include "test_util.h"

#define RAM		0x80000000UL
#define NR_PAGES	8
#define NR_SAMPLES	40
#define GUEST_TIME	1000000000000UL

#define E(ext)		KVM_RISCV_ISA_EXT_##ext

static struct kvm_random_state rng;

static void randomize(struct kvm_vcpu *vcpu)
{
	static struct simd_regs regs;
	int i;

	for (i = 1; i < 32; i++)
		vcpu_set_reg(vcpu, __kvm_reg_id(KVM_REG_RISCV_CORE, 0, i, KVM_REG_SIZE_ULONG),
			     kvm_random_u64(&rng));
	vcpu_set_reg(vcpu, RISCV_CORE_REG(regs.pc), 0x123456);
	vcpu_set_reg(vcpu, RISCV_CORE_REG(mode), KVM_RISCV_MODE_U);
	vcpu_set_reg(vcpu, RISCV_GENERAL_CSR_REG(sscratch), kvm_random_u64(&rng));
	vcpu_set_reg(vcpu, RISCV_GENERAL_CSR_REG(sepc), kvm_random_u64(&rng) & ~1UL);
	vcpu_set_reg(vcpu, RISCV_GENERAL_CSR_REG(stval), kvm_random_u64(&rng));
	vcpu_set_reg(vcpu, RISCV_TIMER_REG(time), GUEST_TIME);
	vcpu_set_reg(vcpu, RISCV_TIMER_REG(compare), 1UL << 60 | kvm_random_u32(&rng));

	simd_random_fp(&regs, &rng);
	regs.fcsr |= 1;
	vcpu_set_fp(vcpu, &regs);
	if (__vcpu_has_isa_ext(vcpu, E(V))) {
		__TEST_REQUIRE(vcpu_vlenb(vcpu) <= SIMD_MAX_VLENB,
			       "vlenb is above SIMD_MAX_VLENB");
		simd_random_v(&regs, vcpu_vlenb(vcpu), &rng);
		regs.vcsr |= 1;
		/* A vl of 0 would be valid with any vtype, so avoid it. */
		if (!regs.vl)
			regs.vl = 1;
		vcpu_set_v(vcpu, &regs);
	}
}

/*
 * Create a VM that differs from a new one in everything that a snapshot
 * contains. If VLENB is 0, the VM has the host's vlenb.
 */
static struct kvm_vcpu *make_guest(u64 vlenb)
{
	struct kvm_vm *vm = vm_create_barebones();
	struct kvm_vcpu *vcpu;
	u64 *data;
	int i;

	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, RAM, 0, NR_PAGES, 0);
	/*
	 * Fill half of the memory with random values. The rest stays zero,
	 * except for the last word.
	 */
	data = addr_gpa2hva(vm, RAM + NR_PAGES * vm->page_size / 4);
	for (i = 0; i < NR_PAGES * vm->page_size / 2 / sizeof(*data); i++)
		data[i] = kvm_random_u64(&rng);
	data = addr_gpa2hva(vm, RAM + NR_PAGES * vm->page_size - sizeof(*data));
	*data = 1;

	if (vlenb)
		TEST_ASSERT_EQ(__vm_set_vlenb(vm, vlenb), 0);
	vcpu = __vm_vcpu_add(vm, 3);
	/* Hide an extension, if the host has it. */
	__vcpu_set_reg(vcpu, RISCV_ISA_EXT_REG(E(ZFHMIN)), 0);
	vcpu_set_reg(vcpu, RISCV_SBI_EXT_REG(KVM_RISCV_SBI_EXT_DBCN), 1);
	randomize(vcpu);
	return vcpu;
}

FIXTURE(snapshot) {
	struct kvm_vcpu *vcpu;
	void *data;
	size_t size;
	struct snapshot s;
	char why[SNAPSHOT_WHY_LEN];
	bool has_v;
};

FIXTURE_SETUP(snapshot)
{
	rng = new_kvm_random_state(kvm_random_seed);
	if (!kvm_has_cap(KVM_CAP_VM_ATTRIBUTES))
		SKIP(return, "no KVM_CAP_VM_ATTRIBUTES");
	self->vcpu = make_guest(0);
	self->has_v = __vcpu_has_isa_ext(self->vcpu, E(V));
	self->data = snapshot_save(self->vcpu, &self->size);
	ASSERT_TRUE(snapshot_parse(&self->s, self->data, self->size, self->why))
		TH_LOG("%s", self->why);
}

FIXTURE_TEARDOWN(snapshot)
{
	if (!self->vcpu)
		return;
	kvm_vm_free(self->vcpu->vm);
	free(self->data);
}

static void expect_why(struct __test_metadata *_metadata, const char *why, const char *text)
{
	EXPECT_NE(NULL, strstr(why, text)) {
		TH_LOG("'%s' is not in '%s'", text, why);
	}
}

#define EXPECT_WHY(text)	expect_why(_metadata, self->why, text)

/*
 * Return whether two snapshots are the same except for the time, which has gone
 * on.
 */
static bool same_bytes(void *data, size_t size, void *data2, size_t size2)
{
	void *const both[] = { data, data2 };
	struct snapshot_reg *reg;
	struct snapshot s;
	char why[SNAPSHOT_WHY_LEN];
	int i, j;

	for (i = 0; i < 2; i++) {
		if (!snapshot_parse(&s, both[i], i ? size2 : size, why))
			return false;
		for (j = 0; j < s.nr_regs; j++) {
			reg = (struct snapshot_reg *)&s.regs[j];
			if (reg->id == RISCV_TIMER_REG(time))
				reg->value = 0;
		}
		snapshot_seal(both[i]);
	}
	return size == size2 && !memcmp(data, data2, size);
}

static bool same_regs(struct kvm_vcpu *vcpu, struct kvm_vcpu *vcpu2)
{
	struct kvm_reg_list *list = vcpu_get_reg_list(vcpu), *list2 = vcpu_get_reg_list(vcpu2);
	bool same = list->n == list2->n;
	u8 val[8192] __aligned(8), val2[8192] __aligned(8);
	u64 id;
	int i;

	for (i = 0; i < list->n && same; i++) {
		id = list->reg[i];
		memset(val, 0, sizeof(val));
		memset(val2, 0, sizeof(val2));
		if (id == RISCV_TIMER_REG(time))
			continue;
		same = id == list2->reg[i] && !__vcpu_get_reg(vcpu, id, val) &&
		       !__vcpu_get_reg(vcpu2, id, val2) && !memcmp(val, val2, sizeof(val));
		if (!same)
			pr_info("register 0x%lx differs\n", id);
	}
	free(list);
	free(list2);
	return same;
}

/*
 * The restored VM must have everything that the old one had, as far as ioctls
 * and memory show it.
 */
TEST_F(snapshot, restores_all)
{
	struct kvm_vcpu *vcpu = snapshot_restore(&self->s, 0, self->why);
	size_t size;
	void *data;
	u64 time;

	ASSERT_NE(NULL, vcpu)
		TH_LOG("%s", self->why);
	EXPECT_TRUE(same_regs(self->vcpu, vcpu));
	time = vcpu_get_reg(vcpu, RISCV_TIMER_REG(time));
	EXPECT_LE(GUEST_TIME, time);
	EXPECT_GT(2 * GUEST_TIME, time);
	EXPECT_EQ(0, memcmp(addr_gpa2hva(self->vcpu->vm, RAM), addr_gpa2hva(vcpu->vm, RAM),
			    NR_PAGES * vcpu->vm->page_size));

	data = snapshot_save(vcpu, &size);
	EXPECT_TRUE(same_bytes(self->data, self->size, data, size));
	free(data);
	kvm_vm_free(vcpu->vm);
}

TEST_F(snapshot, restores_stopped)
{
	struct kvm_mp_state stopped = { .mp_state = KVM_MP_STATE_STOPPED }, state;
	struct kvm_vcpu *vcpu;

	vcpu_ioctl(self->vcpu, KVM_SET_MP_STATE, &stopped);
	free(self->data);
	self->data = snapshot_save(self->vcpu, &self->size);
	ASSERT_TRUE(snapshot_parse(&self->s, self->data, self->size, self->why));
	vcpu = snapshot_restore(&self->s, 0, self->why);
	ASSERT_NE(NULL, vcpu);
	vcpu_ioctl(vcpu, KVM_GET_MP_STATE, &state);
	EXPECT_EQ(KVM_MP_STATE_STOPPED, state.mp_state);
	kvm_vm_free(vcpu->vm);
}

/* Restore the state that a vCPU has after a vset* with an unsupported vtype. */
TEST_F(snapshot, restores_vill)
{
	struct kvm_vcpu *vcpu;

	if (!self->has_v)
		SKIP(return, "no V");
	vcpu_set_reg(self->vcpu, VECTOR_CSR_REG(vtype), RVV_VTYPE_VILL);
	vcpu_set_reg(self->vcpu, VECTOR_CSR_REG(vl), 0);
	free(self->data);
	self->data = snapshot_save(self->vcpu, &self->size);
	ASSERT_TRUE(snapshot_parse(&self->s, self->data, self->size, self->why))
		TH_LOG("%s", self->why);
	vcpu = snapshot_restore(&self->s, 0, self->why);
	ASSERT_NE(NULL, vcpu);
	EXPECT_EQ(RVV_VTYPE_VILL, vcpu_get_reg(vcpu, VECTOR_CSR_REG(vtype)));
	kvm_vm_free(vcpu->vm);
}

/* Store where each section begins and where the last one ends. */
static int boundaries(void *data, size_t *at)
{
	struct snapshot_section *section;
	int i;

	at[0] = sizeof(struct snapshot_header);
	for (i = 0; i < NR_SNAPSHOT_SECTIONS; i++) {
		section = data + at[i];
		at[i + 1] = at[i] + sizeof(*section) + le64_to_cpu(section->size);
	}
	return i + 1;
}

static void expect_damaged(struct __test_metadata *_metadata,
			   struct _test_data_snapshot *self, size_t at)
{
	u8 *p = self->data + at, flip = 1 + kvm_random_u32(&rng) % 255;

	self->why[0] = 0;
	*p ^= flip;
	EXPECT_FALSE(snapshot_parse(&self->s, self->data, self->size, self->why)) {
		TH_LOG("byte %zu ^ %x", at, flip);
	}
	/* The reason must be the one that belongs to this byte. */
	if (at < sizeof(SNAPSHOT_MAGIC) - 1)
		EXPECT_WHY("foreign: ");
	else if (strncmp(self->why, "truncated: ", 11))
		EXPECT_WHY("damaged: ");
	*p ^= flip;
}

/*
 * Change each byte of the headers and of the section MACHINE, and some of the
 * other bytes.
 */
TEST_F(snapshot, refuses_flipped_bits)
{
	size_t at[NR_SNAPSHOT_SECTIONS + 1], i, j, size;

	boundaries(self->data, at);
	for (i = 0; i < at[1]; i++)
		expect_damaged(_metadata, self, i);
	for (i = 1; i < NR_SNAPSHOT_SECTIONS; i++) {
		for (j = 0; j < sizeof(struct snapshot_section); j++)
			expect_damaged(_metadata, self, at[i] + j);
		size = at[i + 1] - at[i] - j;
		for (j = 0; size && j < NR_SAMPLES; j++)
			expect_damaged(_metadata, self,
				       at[i + 1] - 1 - kvm_random_u64(&rng) % size);
	}
	EXPECT_TRUE(snapshot_parse(&self->s, self->data, self->size, self->why));
}

#define HEAD	sizeof(struct snapshot_section)
static const int around[] = { -1, 0, 1, HEAD - 1, HEAD, HEAD + 8 };

TEST_F(snapshot, refuses_truncated)
{
	struct snapshot_header *header = self->data;
	size_t at[NR_SNAPSHOT_SECTIONS + 1], cut;
	int i, j, n = boundaries(self->data, at);

	EXPECT_FALSE(snapshot_parse(&self->s, self->data, 0, self->why));
	EXPECT_WHY("truncated");
	for (i = 0; i < n; i++) {
		for (j = 0; j < ARRAY_SIZE(around); j++) {
			cut = at[i] + around[j];
			if (cut >= self->size)
				continue;
			EXPECT_FALSE(snapshot_parse(&self->s, self->data, cut, self->why));
			EXPECT_WHY("truncated");
			/*
			 * Truncate the snapshot again with a header that has
			 * the matching size.
			 */
			if (cut < sizeof(*header))
				continue;
			header->size = cpu_to_le64(cut);
			snapshot_seal(self->data);
			EXPECT_FALSE(snapshot_parse(&self->s, self->data, cut, self->why));
			EXPECT_WHY("truncated");
			header->size = cpu_to_le64(self->size);
			snapshot_seal(self->data);
		}
	}
}

TEST_F(snapshot, refuses_foreign)
{
	static const char elf[64] __aligned(8) = "\177ELF\2\1\1", zeros[64] __aligned(8);
	struct snapshot_header *header = self->data;

	EXPECT_FALSE(snapshot_parse(&self->s, elf, sizeof(elf), self->why));
	EXPECT_WHY("foreign");
	EXPECT_FALSE(snapshot_parse(&self->s, zeros, sizeof(zeros), self->why));
	EXPECT_WHY("foreign");

	self->data = realloc(self->data, self->size + 16);
	header = self->data;
	memset(self->data + self->size, 0, 16);
	EXPECT_FALSE(snapshot_parse(&self->s, self->data, self->size + 16, self->why));
	EXPECT_WHY("foreign: 16 bytes");
	header->size = cpu_to_le64(self->size + 16);
	snapshot_seal(self->data);
	EXPECT_FALSE(snapshot_parse(&self->s, self->data, self->size + 16, self->why));
	EXPECT_WHY("foreign: something");
	header->size = cpu_to_le64(self->size);

	header->version = cpu_to_le32(SNAPSHOT_VERSION + 1);
	snapshot_seal(self->data);
	EXPECT_FALSE(snapshot_parse(&self->s, self->data, self->size, self->why));
	EXPECT_WHY("version 2, but only version 1 is known");
	header->version = cpu_to_le32(SNAPSHOT_VERSION);

	header->nr_sections = cpu_to_le32(NR_SNAPSHOT_SECTIONS - 1);
	snapshot_seal(self->data);
	EXPECT_FALSE(snapshot_parse(&self->s, self->data, self->size, self->why));
	EXPECT_WHY("3 sections");
}

/*
 * Changes with correct CRCs: a value that is invalid or that this host cannot
 * have. The offset is that of a member within its section.
 */
struct tampering {
	struct {
		int section;
		size_t offset;
	} at;
	u64 value;
	const char *why;
	bool v;		/* of a vCPU with V */
	bool add;	/* the value is added */
};

#define MACHINE(member)	{ SNAPSHOT_MACHINE, offsetof(struct snapshot_machine, member) }
#define REG(member)	{ SNAPSHOT_REGS, offsetof(struct snapshot_reg, member) }
#define VECTOR(member)	{ SNAPSHOT_VECTOR, offsetof(struct snapshot_vector, member) }
#define MEMORY(member)	{ SNAPSHOT_MEMORY, offsetof(struct snapshot_memory, member) }
#define REGION(member)	{ SNAPSHOT_MEMORY, sizeof(struct snapshot_memory) + \
			  offsetof(struct snapshot_region, member) }
/* Pages follow the VM's only memory region. */
#define PAGE(n)		{ SNAPSHOT_MEMORY, sizeof(struct snapshot_memory) + \
			  sizeof(struct snapshot_region) + (n) * sizeof(struct snapshot_page) }

#define HUGE_REGION	BIT_ULL(44)

static const struct tampering tamperings[] = {
	{ MACHINE(vlenb), 24, "vlenb 24 is invalid", true },
	{ MACHINE(vlenb), 8, "vlenb 8 is invalid", true },
	{ MACHINE(vlenb), 16384, "vlenb 16384 is invalid", true },
	{ MACHINE(vlenb), 0, "vlenb 0 is invalid", true },
	{ MACHINE(vlenb), 8192, "does not suit vlenb 8192", true },
	{ MACHINE(vcpu_id), 1UL << 32, "no vCPU 4294967296" },
	{ MACHINE(satp_mode), 11, "satp mode 11" },
	{ MACHINE(timer_frequency), 12345, "the timer runs at 12345 Hz" },
	{ MACHINE(mp_state), KVM_MP_STATE_INIT_RECEIVED, "mp_state" },
	{ REG(id), KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_RISCV_CORE,
	  "does not belong here" },
	{ REG(id), KVM_REG_RISCV | KVM_REG_SIZE_U128 | KVM_REG_RISCV_CORE,
	  "does not belong here" },
	{ REG(id), KVM_REG_RISCV | KVM_REG_SIZE_U64 | KVM_REG_RISCV_ISA_EXT,
	  "does not belong here" },
	{ REG(id), KVM_REG_RISCV | KVM_REG_SIZE_U64 | KVM_REG_RISCV_VECTOR,
	  "does not belong here" },
	{ REG(id), KVM_REG_RISCV | KVM_REG_SIZE_U64 | KVM_REG_RISCV_CORE | 33,
	  "KVM refuses core register" },
	{ VECTOR(vl), 100000, "vl 100000 is invalid", true },
	{ VECTOR(vtype), RVV_VTYPE_VILL, "vl ", true },
	{ VECTOR(vtype), 4, "vl ", true },
	{ VECTOR(vstart), 100000, "vstart 100000 is invalid", true },
	{ VECTOR(vcsr), 8, "vcsr 8 is invalid", true },
	{ MEMORY(nr_pages), 1, "does not match its counts" },
	/*
	 * Numbers that wrap around to the correct size when they are multiplied
	 */
	{ MEMORY(nr_pages), 1UL << 61, "does not match its counts", .add = true },
	{ MEMORY(nr_regions), 1UL << 60, "does not match its counts", .add = true },
	{ REGION(gpa), 8, "unaligned" },
	{ REGION(gpa), 1UL << 63, "page" },
	{ REGION(size), 0, "empty" },
	{ REGION(size), 4096, "outside of all regions" },
	{ REGION(gpa), -4096UL, "unaligned, empty, or overlaps" },
	{ REGION(size), 1UL << 62, "beyond the addresses" },
	{ REGION(size), HUGE_REGION, "is more than this host has" },
	{ PAGE(0), 8, "outside of all regions" },
	{ PAGE(0), 1UL << 62, "outside of all regions" },
	{ PAGE(1), -SNAPSHOT_PAGE_SIZE, "or occurs twice", .add = true },
};

TEST_F(snapshot, refuses_nonsense)
{
	size_t at[NR_SNAPSHOT_SECTIONS + 1];
	struct kvm_vcpu *vcpu;
	__le64 *p, old;
	int i;

	ASSERT_EQ(1, self->s.nr_regions);
	boundaries(self->data, at);
	for (i = 0; i < ARRAY_SIZE(tamperings); i++) {
		const struct tampering *t = &tamperings[i];

		if (t->v && !self->has_v)
			continue;
		/* With Sv39x4, that much is beyond the addresses. */
		if (t->value == HUGE_REGION && kvm_check_cap(KVM_CAP_VM_GPA_BITS) < 45)
			continue;
		p = self->data + at[t->at.section] + HEAD + t->at.offset;
		old = *p;
		*p = cpu_to_le64(t->value + (t->add ? le64_to_cpu(old) : 0));
		snapshot_seal(self->data);
		self->why[0] = 0;
		vcpu = NULL;
		if (snapshot_parse(&self->s, self->data, self->size, self->why))
			vcpu = snapshot_restore(&self->s, 0, self->why);
		EXPECT_EQ(NULL, vcpu);
		EXPECT_WHY(t->why);
		*p = old;
	}
	snapshot_seal(self->data);
	EXPECT_TRUE(snapshot_parse(&self->s, self->data, self->size, self->why));
}

/*
 * Without SNAPSHOT_CARRY_VLENB, a snapshot is refused unless it has the host's
 * vlenb. With it, KVM_CAP_RISCV_GUEST_VLENB gives the VM the snapshot's vlenb.
 */
TEST_F_TIMEOUT(snapshot, vlenb, 300)
{
	u64 host = kvm_host_vlenb(), vlenb;
	struct kvm_vcpu *vcpu;
	char text[64];

	if (!host)
		SKIP(return, "no KVM_CAP_RISCV_GUEST_VLENB");
	for (vlenb = 16; vlenb <= SIMD_MAX_VLENB; vlenb *= 2) {
		kvm_vm_free(self->vcpu->vm);
		free(self->data);
		self->vcpu = make_guest(vlenb);
		self->data = snapshot_save(self->vcpu, &self->size);
		ASSERT_TRUE(snapshot_parse(&self->s, self->data, self->size, self->why));
		EXPECT_EQ(vlenb, le64_to_cpu(self->s.machine->vlenb));

		vcpu = snapshot_restore(&self->s, 0, self->why);
		EXPECT_EQ(vlenb == host, !!vcpu);
		if (vcpu) {
			kvm_vm_free(vcpu->vm);
		} else {
			snprintf(text, sizeof(text), "vlenb %lu, and this host's is %lu", vlenb,
				 host);
			EXPECT_WHY(text);
		}

		vcpu = snapshot_restore(&self->s, SNAPSHOT_CARRY_VLENB, self->why);
		ASSERT_NE(NULL, vcpu)
			TH_LOG("%s", self->why);
		EXPECT_TRUE(same_regs(self->vcpu, vcpu));
		kvm_vm_free(vcpu->vm);
	}
}

TEST_F_TIMEOUT(snapshot, extensions, 300)
{
	struct kvm_riscv_vm_isa offered = { .size = sizeof(offered) };
	struct snapshot_machine *m = (void *)self->s.machine;
	char name[16], text[80];
	__le64 old;
	int i;

	kvm_device_attr_get(self->vcpu->vm->fd, KVM_RISCV_VM_ISA, KVM_RISCV_VM_ISA_OFFERED,
			    &offered);

	for (i = 0; i < 256; i++) {
		if (offered.ext[i / 64] & BIT_ULL(i % 64))
			continue;
		old = m->isa[i / 64];
		m->isa[i / 64] ^= cpu_to_le64(BIT_ULL(i % 64));
		isa_ext_name(i, name, sizeof(name));
		snprintf(text, sizeof(text), "this host lacks %s", name);
		EXPECT_EQ(NULL, snapshot_restore(&self->s, 0, self->why));
		EXPECT_WHY(text);
		m->isa[i / 64] = old;
	}

	/*
	 * Each extension can be found by its name, and an unknown name is not
	 * found.
	 */
	for (i = 0; i < KVM_RISCV_ISA_EXT_MAX; i++) {
		isa_ext_name(i, name, sizeof(name));
		EXPECT_EQ(i, isa_ext_by_name(name));
	}
	EXPECT_EQ(-1, isa_ext_by_name("Zzz"));

	/*
	 * KVM knows each of these extensions, but refuses the set because it
	 * lacks F and has extensions that need F.
	 */
	m->isa[0] &= ~cpu_to_le64(BIT_ULL(E(F)));
	EXPECT_EQ(NULL, snapshot_restore(&self->s, 0, self->why));
	EXPECT_WHY("KVM refuses these extensions");
}

TEST_HARNESS_MAIN
