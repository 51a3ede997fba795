// SPDX-License-Identifier: GPL-2.0
/*
 * snapshot.c - Save, check and restore a vCPU and its memory.
 *
 * snapshot.h describes the format.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <linux/kernel.h>
#include <linux/log2.h>

#include "kvm_util.h"
#include "processor.h"
#include "rvv_ops.h"
#include "simd.h"
#include "snapshot.h"

#define V_CSR_REG(name)	__kvm_reg_id(KVM_REG_RISCV_VECTOR, 0,		\
				     KVM_REG_RISCV_VECTOR_CSR_REG(name), KVM_REG_SIZE_ULONG)

static const char *const section_names[] = {
	[SNAPSHOT_MACHINE]	= "machine",
	[SNAPSHOT_REGS]		= "registers",
	[SNAPSHOT_VECTOR]	= "vector",
	[SNAPSHOT_MEMORY]	= "memory",
};

/*
 * The types of registers that the section REGS contains. The ISA_EXT registers
 * are not among them, because MACHINE has the extensions.
 */
static const char *const reg_types[] = {
	[KVM_REG_RISCV_CONFIG >> KVM_REG_RISCV_TYPE_SHIFT]	= "config",
	[KVM_REG_RISCV_CORE >> KVM_REG_RISCV_TYPE_SHIFT]	= "core",
	[KVM_REG_RISCV_CSR >> KVM_REG_RISCV_TYPE_SHIFT]		= "CSR",
	[KVM_REG_RISCV_TIMER >> KVM_REG_RISCV_TYPE_SHIFT]	= "timer",
	[KVM_REG_RISCV_FP_F >> KVM_REG_RISCV_TYPE_SHIFT]	= "F",
	[KVM_REG_RISCV_FP_D >> KVM_REG_RISCV_TYPE_SHIFT]	= "D",
	[KVM_REG_RISCV_SBI_EXT >> KVM_REG_RISCV_TYPE_SHIFT]	= "SBI extension",
	[KVM_REG_RISCV_SBI_STATE >> KVM_REG_RISCV_TYPE_SHIFT]	= "SBI state",
};

/*
 * Write the reason to WHY. Returns false, so that callers can return the
 * result.
 */
static bool __printf(2, 3) refuse(char *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, SNAPSHOT_WHY_LEN, fmt, ap);
	va_end(ap);
	return false;
}

static u32 crc32(u32 crc, const void *data, size_t size)
{
	static u32 table[256];
	const u8 *p = data;
	int i, bit;

	for (i = 0; !table[255] && i < 256; i++) {
		table[i] = i;
		for (bit = 0; bit < 8; bit++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320 : 0);
	}
	crc = ~crc;
	while (size--)
		crc = crc >> 8 ^ table[(crc ^ *p++) & 0xff];
	return ~crc;
}

static u32 header_crc(const struct snapshot_header *header)
{
	return crc32(0, header, offsetof(struct snapshot_header, crc));
}

static u32 section_crc(const struct snapshot_section *section)
{
	struct snapshot_section head = *section;

	head.crc = 0;
	return crc32(crc32(0, &head, sizeof(head)), section + 1, le64_to_cpu(section->size));
}

/* Return the end of a section, where the next one begins. */
static void *section_end(const struct snapshot_section *section)
{
	return (void *)(section + 1) + le64_to_cpu(section->size);
}

void snapshot_seal(void *data)
{
	struct snapshot_header *header = data;
	struct snapshot_section *section = data + sizeof(*header);
	int i;

	for (i = 0; i < le32_to_cpu(header->nr_sections); i++) {
		section->crc = cpu_to_le32(section_crc(section));
		section = section_end(section);
	}
	header->crc = cpu_to_le32(header_crc(header));
}

static bool in_isa(const struct snapshot_machine *m, int ext)
{
	return le64_to_cpu(m->isa[ext / 64]) & BIT_ULL(ext % 64);
}

/*
 * Saving
 */
struct buf {
	void *data;
	size_t size, room;
};

/*
 * Append DATA, or zeros if DATA is NULL. Returns the offset and not a pointer,
 * because the buffer may move when it grows.
 */
static size_t append(struct buf *b, const void *data, size_t size)
{
	size_t at = b->size;

	b->size += size;
	if (b->size > b->room) {
		b->room = max(2 * b->room, b->size);
		b->data = realloc(b->data, b->room);
		TEST_ASSERT(b->data, "Insufficient Memory");
	}
	if (data)
		memcpy(b->data + at, data, size);
	else
		memset(b->data + at, 0, size);
	return at;
}

static void save_machine(struct kvm_vcpu *vcpu, const struct snapshot_machine *m, struct buf *b)
{
	append(b, m, sizeof(*m));
}

/*
 * Return whether a register is not in section REGS, because MACHINE or VECTOR
 * has it or because it is an ISA_EXT register.
 */
static bool reg_is_elsewhere(u64 id)
{
	u64 type = (id & KVM_REG_RISCV_TYPE_MASK) >> KVM_REG_RISCV_TYPE_SHIFT;

	return type >= ARRAY_SIZE(reg_types) || !reg_types[type] ||
	       id == RISCV_CONFIG_REG(isa) || id == RISCV_CONFIG_REG(satp_mode) ||
	       id == RISCV_TIMER_REG(frequency);
}

static void save_regs(struct kvm_vcpu *vcpu, const struct snapshot_machine *m, struct buf *b)
{
	struct kvm_reg_list *list = vcpu_get_reg_list(vcpu);
	struct snapshot_reg reg;
	u64 i, value;

	for (i = 0; i < list->n; i++) {
		if (reg_is_elsewhere(list->reg[i]))
			continue;
		/*
		 * KVM_GET_ONE_REG writes only 32 bits for some registers, so
		 * clear the value first.
		 */
		value = 0;
		TEST_ASSERT(!__vcpu_get_reg(vcpu, list->reg[i], &value),
			    "Cannot read register 0x%llx", list->reg[i]);
		reg.id = cpu_to_le64(list->reg[i]);
		reg.value = cpu_to_le64(value);
		append(b, &reg, sizeof(reg));
	}
	free(list);
}

static void save_vector(struct kvm_vcpu *vcpu, const struct snapshot_machine *m, struct buf *b)
{
	u64 vlenb = le64_to_cpu(m->vlenb);
	struct snapshot_vector csrs;
	size_t at;
	int i;

	if (!vlenb)
		return;
	csrs.vstart = cpu_to_le64(vcpu_get_reg(vcpu, V_CSR_REG(vstart)));
	csrs.vl = cpu_to_le64(vcpu_get_reg(vcpu, V_CSR_REG(vl)));
	csrs.vtype = cpu_to_le64(vcpu_get_reg(vcpu, V_CSR_REG(vtype)));
	csrs.vcsr = cpu_to_le64(vcpu_get_reg(vcpu, V_CSR_REG(vcsr)));
	append(b, &csrs, sizeof(csrs));
	for (i = 0; i < 32; i++) {
		at = append(b, NULL, vlenb);
		TEST_ASSERT(!__vcpu_get_reg(vcpu, v_reg_id(i, vlenb), b->data + at),
			    "Cannot read v%d", i);
	}
}

static bool is_zero(const u64 *p, size_t size)
{
	const u64 *end = (void *)p + size;

	while (p < end && !*p)
		p++;
	return p == end;
}

static u64 save_pages(const struct userspace_mem_region *region, struct buf *b)
{
	u64 offset, n = 0;
	__le64 gpa;

	for (offset = 0; offset < region->region.memory_size; offset += SNAPSHOT_PAGE_SIZE) {
		if (is_zero(region->host_mem + offset, SNAPSHOT_PAGE_SIZE))
			continue;
		gpa = cpu_to_le64(region->region.guest_phys_addr + offset);
		append(b, &gpa, sizeof(gpa));
		append(b, region->host_mem + offset, SNAPSHOT_PAGE_SIZE);
		n++;
	}
	return n;
}

static void save_memory(struct kvm_vcpu *vcpu, const struct snapshot_machine *m, struct buf *b)
{
	struct rb_root *root = &vcpu->vm->regions.gpa_tree;
	size_t at = append(b, NULL, sizeof(struct snapshot_memory));
	u64 nr_regions = 0, nr_pages = 0;
	struct snapshot_memory *memory;
	struct snapshot_region region;
	struct rb_node *node;

#define REGION(node)	rb_entry(node, struct userspace_mem_region, gpa_node)
	for (node = rb_first(root); node; node = rb_next(node), nr_regions++) {
		region.gpa = cpu_to_le64(REGION(node)->region.guest_phys_addr);
		region.size = cpu_to_le64(REGION(node)->region.memory_size);
		append(b, &region, sizeof(region));
	}
	for (node = rb_first(root); node; node = rb_next(node))
		nr_pages += save_pages(REGION(node), b);

	memory = b->data + at;
	memory->nr_regions = cpu_to_le64(nr_regions);
	memory->nr_pages = cpu_to_le64(nr_pages);
}

static void save_facts(struct kvm_vcpu *vcpu, struct snapshot_machine *m)
{
	struct kvm_mp_state mp_state;
	int i;

	memset(m, 0, sizeof(*m));
	for (i = 0; i < KVM_RISCV_ISA_EXT_MAX; i++)
		if (__vcpu_has_isa_ext(vcpu, i))
			m->isa[i / 64] |= cpu_to_le64(BIT_ULL(i % 64));
	if (in_isa(m, KVM_RISCV_ISA_EXT_V))
		m->vlenb = cpu_to_le64(vcpu_get_reg(vcpu, V_CSR_REG(vlenb)));
	m->satp_mode = cpu_to_le64(vcpu_get_reg(vcpu, RISCV_CONFIG_REG(satp_mode)));
	m->timer_frequency = cpu_to_le64(vcpu_get_reg(vcpu, RISCV_TIMER_REG(frequency)));
	m->vcpu_id = cpu_to_le64(vcpu->id);
	vcpu_ioctl(vcpu, KVM_GET_MP_STATE, &mp_state);
	m->mp_state = cpu_to_le64(mp_state.mp_state);
}

void *snapshot_save(struct kvm_vcpu *vcpu, size_t *size)
{
	static void (*const save[])(struct kvm_vcpu *vcpu, const struct snapshot_machine *m,
				    struct buf *b) = {
		[SNAPSHOT_MACHINE]	= save_machine,
		[SNAPSHOT_REGS]		= save_regs,
		[SNAPSHOT_VECTOR]	= save_vector,
		[SNAPSHOT_MEMORY]	= save_memory,
	};
	struct snapshot_section *section;
	struct snapshot_header *header;
	struct snapshot_machine m;
	struct buf b = {};
	size_t at;
	int i;

	vcpu_run_complete_io(vcpu);
	save_facts(vcpu, &m);
	append(&b, NULL, sizeof(*header));
	for (i = 0; i < NR_SNAPSHOT_SECTIONS; i++) {
		at = append(&b, NULL, sizeof(*section));
		save[i](vcpu, &m, &b);
		section = b.data + at;
		section->type = cpu_to_le32(i);
		section->size = cpu_to_le64(b.size - at - sizeof(*section));
	}
	header = b.data;
	memcpy(header->magic, SNAPSHOT_MAGIC, sizeof(header->magic));
	header->version = cpu_to_le32(SNAPSHOT_VERSION);
	header->nr_sections = cpu_to_le32(NR_SNAPSHOT_SECTIONS);
	header->size = cpu_to_le64(b.size);
	snapshot_seal(b.data);
	*size = b.size;
	return b.data;
}

/*
 * Checking
 */
static bool parse_machine(struct snapshot *s, const void *p, u64 size, char *why)
{
	const struct snapshot_machine *m = p;
	u64 vlenb;

	if (size != sizeof(*m))
		return refuse(why, "section machine has %lu bytes instead of %zu", size,
			      sizeof(*m));
	vlenb = le64_to_cpu(m->vlenb);
	if (in_isa(m, KVM_RISCV_ISA_EXT_V) ?
	    vlenb < 16 || vlenb > RVV_MAX_VLENB || !is_power_of_2(vlenb) : vlenb)
		return refuse(why, "vlenb %lu is invalid", vlenb);
	if (le64_to_cpu(m->mp_state) != KVM_MP_STATE_RUNNABLE &&
	    le64_to_cpu(m->mp_state) != KVM_MP_STATE_STOPPED)
		return refuse(why, "mp_state %llu is unknown", le64_to_cpu(m->mp_state));
	s->machine = m;
	return true;
}

static bool parse_regs(struct snapshot *s, const void *p, u64 size, char *why)
{
	const struct snapshot_reg *regs = p;
	u64 i, id;

	if (size % sizeof(*regs))
		return refuse(why, "section registers ends within a register");
	s->regs = regs;
	s->nr_regs = size / sizeof(*regs);
	for (i = 0; i < s->nr_regs; i++) {
		id = le64_to_cpu(regs[i].id);
		if ((id & KVM_REG_ARCH_MASK) != KVM_REG_RISCV ||
		    (id & KVM_REG_SIZE_MASK) > KVM_REG_SIZE_U64 || reg_is_elsewhere(id))
			return refuse(why, "register 0x%lx does not belong here", id);
	}
	return true;
}

static bool parse_vector(struct snapshot *s, const void *p, u64 size, char *why)
{
	u64 vlenb = le64_to_cpu(s->machine->vlenb), vl, vstart, vtype;
	const struct snapshot_vector *v = p;
	s8 sew, lmul;

	if (size != (vlenb ? sizeof(*v) + 32 * vlenb : 0))
		return refuse(why, "section vector has %lu bytes, which does not suit vlenb %lu",
			      size, vlenb);
	s->vector = v;
	if (!vlenb)
		return true;
	vstart = le64_to_cpu(v->vstart);
	vl = le64_to_cpu(v->vl);
	vtype = le64_to_cpu(v->vtype);
	if (vstart >= 8 * vlenb)
		return refuse(why, "vstart %lu is invalid with vlenb %lu", vstart, vlenb);
	if (le64_to_cpu(v->vcsr) > 7)
		return refuse(why, "vcsr %llu is invalid", le64_to_cpu(v->vcsr));
	if (vtype == RVV_VTYPE_VILL ? vl :
	    !rvv_parse_vtype(vlenb, vtype, &sew, &lmul) ||
	    vl > (vlenb << (3 + lmul)) >> (3 + sew))
		return refuse(why, "vl %lu is invalid with vtype 0x%lx and vlenb %lu", vl,
			      vtype, vlenb);
	return true;
}

/*
 * Return whether a range is aligned, not empty, and does not overlap the
 * previous range.
 */
static bool is_range(u64 begin, u64 size, u64 last_end)
{
	return !((begin | size) % SNAPSHOT_PAGE_SIZE) && size && begin >= last_end &&
	       begin + size > begin;
}

static bool parse_memory(struct snapshot *s, const void *p, u64 size, char *why)
{
	const struct snapshot_memory *m = p;
	u64 i, r = 0, gpa, end = 0, left = size - sizeof(*m);

	if (size < sizeof(*m) ||
	    le64_to_cpu(m->nr_regions) > left / sizeof(*s->regions) ||
	    le64_to_cpu(m->nr_pages) > left / sizeof(*s->pages) ||
	    le64_to_cpu(m->nr_regions) * sizeof(*s->regions) +
	    le64_to_cpu(m->nr_pages) * sizeof(*s->pages) != left)
		return refuse(why, "section memory has %lu bytes, which does not match its counts",
			      size);
	s->nr_regions = le64_to_cpu(m->nr_regions);
	s->nr_pages = le64_to_cpu(m->nr_pages);
	s->regions = (void *)(m + 1);
	s->pages = (void *)(s->regions + s->nr_regions);

	for (i = 0; i < s->nr_regions; i++) {
		gpa = le64_to_cpu(s->regions[i].gpa);
		if (!is_range(gpa, le64_to_cpu(s->regions[i].size), end))
			return refuse(why, "memory at 0x%lx is unaligned, empty, or overlaps", gpa);
		end = gpa + le64_to_cpu(s->regions[i].size);
	}
	for (i = 0, end = 0; i < s->nr_pages; i++) {
		gpa = le64_to_cpu(s->pages[i].gpa);
		while (r < s->nr_regions && gpa - le64_to_cpu(s->regions[r].gpa) >=
		       le64_to_cpu(s->regions[r].size))
			r++;
		if (r == s->nr_regions || !is_range(gpa, SNAPSHOT_PAGE_SIZE, end))
			return refuse(why, "page 0x%lx is outside of all regions, or occurs twice",
				      gpa);
		end = gpa + SNAPSHOT_PAGE_SIZE;
	}
	return true;
}

static bool parse_header(const struct snapshot_header *header, size_t size, char *why)
{
	if (size < sizeof(*header))
		return refuse(why, "truncated: %zu bytes are less than a header", size);
	if (memcmp(header->magic, SNAPSHOT_MAGIC, sizeof(header->magic)))
		return refuse(why, "foreign: it is not the snapshot of a RISC-V vCPU");
	if (le32_to_cpu(header->crc) != header_crc(header))
		return refuse(why, "damaged: the header's CRC is wrong");
	if (le32_to_cpu(header->version) != SNAPSHOT_VERSION)
		return refuse(why, "version %u, but only version %u is known",
			      le32_to_cpu(header->version),
			      SNAPSHOT_VERSION);
	if (le64_to_cpu(header->size) > size)
		return refuse(why, "truncated: %zu of %llu bytes", size, le64_to_cpu(header->size));
	if (le64_to_cpu(header->size) < size)
		return refuse(why, "foreign: %llu bytes after the end",
			      size - le64_to_cpu(header->size));
	if (le32_to_cpu(header->nr_sections) != NR_SNAPSHOT_SECTIONS)
		return refuse(why, "%u sections instead of %u", le32_to_cpu(header->nr_sections),
			      NR_SNAPSHOT_SECTIONS);
	return true;
}

bool snapshot_parse(struct snapshot *s, const void *data, size_t size, char *why)
{
	static bool (*const parse[])(struct snapshot *s, const void *p, u64 size, char *why) = {
		[SNAPSHOT_MACHINE]	= parse_machine,
		[SNAPSHOT_REGS]		= parse_regs,
		[SNAPSHOT_VECTOR]	= parse_vector,
		[SNAPSHOT_MEMORY]	= parse_memory,
	};
	const struct snapshot_section *section = data + sizeof(struct snapshot_header);
	const void *end = data + size;
	int i;

	if (!parse_header(data, size, why))
		return false;
	for (i = 0; i < NR_SNAPSHOT_SECTIONS; i++) {
		if (end - (void *)section < sizeof(*section) ||
		    le64_to_cpu(section->size) > end - (void *)(section + 1))
			return refuse(why, "truncated: section %s goes beyond the end",
				      section_names[i]);
		if (le32_to_cpu(section->crc) != section_crc(section))
			return refuse(why, "damaged: the CRC of section %s is wrong",
				      section_names[i]);
		if (le32_to_cpu(section->type) != i || le64_to_cpu(section->size) % 8)
			return refuse(why, "section %s is not where it should be",
				      section_names[i]);
		if (!parse[i](s, section + 1, le64_to_cpu(section->size), why))
			return false;
		section = section_end(section);
	}
	if ((void *)section != end)
		return refuse(why, "foreign: something follows the last section");
	return true;
}

/*
 * Restoring
 */
#define E(ext)	{ KVM_RISCV_ISA_EXT_##ext, #ext }
static const struct {
	int ext;
	const char *name;
} exts[] = {
	E(A), E(C), E(D), E(F), E(H), E(I), E(M), E(SVPBMT), E(SSTC), E(SVINVAL),
	E(ZIHINTPAUSE), E(ZICBOM), E(ZICBOZ), E(ZBB), E(SSAIA), E(V), E(SVNAPOT), E(ZBA),
	E(ZBS), E(ZICNTR), E(ZICSR), E(ZIFENCEI), E(ZIHPM), E(SMSTATEEN), E(ZICOND),
	E(ZBC), E(ZBKB), E(ZBKC), E(ZBKX), E(ZKND), E(ZKNE), E(ZKNH), E(ZKR), E(ZKSED),
	E(ZKSH), E(ZKT), E(ZVBB), E(ZVBC), E(ZVKB), E(ZVKG), E(ZVKNED), E(ZVKNHA),
	E(ZVKNHB), E(ZVKSED), E(ZVKSH), E(ZVKT), E(ZFH), E(ZFHMIN), E(ZIHINTNTL), E(ZVFH),
	E(ZVFHMIN), E(ZFA), E(ZTSO), E(ZACAS), E(SSCOFPMF), E(ZIMOP), E(ZCA), E(ZCB),
	E(ZCD), E(ZCF), E(ZCMOP), E(ZAWRS), E(SMNPM), E(SSNPM), E(SVADE), E(SVADU),
	E(SVVPTC), E(ZABHA), E(ZICCRSE), E(ZAAMO), E(ZALRSC), E(ZICBOP), E(ZFBFMIN),
	E(ZVFBFMIN), E(ZVFBFWMA), E(ZCLSD), E(ZILSD), E(ZALASR), E(ZICFILP), E(ZICFISS),
};

int isa_ext_by_name(const char *name)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(exts); i++)
		if (!strcasecmp(name, exts[i].name))
			return exts[i].ext;
	return -1;
}

/*
 * Write the name of an extension (such as "Zvbb"), or its number if this table
 * does not know it.
 */
void isa_ext_name(int ext, char *name, size_t size)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(exts) && exts[i].ext != ext; i++)
		;
	if (i == ARRAY_SIZE(exts)) {
		snprintf(name, size, "extension %d", ext);
		return;
	}
	snprintf(name, size, "%s", exts[i].name);
	for (i = 1; i < strlen(name); i++)
		name[i] = tolower(name[i]);
}

static bool refuse_exts(char *why, const char *what, const u64 *set)
{
	size_t len = snprintf(why, SNAPSHOT_WHY_LEN, "%s", what);
	char name[16];
	int i;

	for (i = 0; i < 256 && len < SNAPSHOT_WHY_LEN; i++) {
		if (!(set[i / 64] & BIT_ULL(i % 64)))
			continue;
		isa_ext_name(i, name, sizeof(name));
		len += snprintf(why + len, SNAPSHOT_WHY_LEN - len, " %s", name);
	}
	return false;
}

static bool vm_isa(struct kvm_vm *vm, bool set, u64 attr, struct kvm_riscv_vm_isa *isa)
{
	return !(set ? __kvm_device_attr_set(vm->fd, KVM_RISCV_VM_ISA, attr, isa) :
		       __kvm_device_attr_get(vm->fd, KVM_RISCV_VM_ISA, attr, isa));
}

/*
 * Set the VM's ceiling to the extensions that the guest had, so that the vCPU
 * gets exactly these.
 */
static bool restore_isa(struct kvm_vm *vm, const struct snapshot_machine *m, char *why)
{
	struct kvm_riscv_vm_isa offered = { .size = sizeof(offered) };
	struct kvm_riscv_vm_isa want = { .size = sizeof(want) };
	u64 lacking[4], any_lacking = 0;
	int i;

	if (!vm_isa(vm, false, KVM_RISCV_VM_ISA_OFFERED, &offered))
		return refuse(why, "this host's KVM has no KVM_RISCV_VM_ISA");
	for (i = 0; i < 4; i++) {
		want.ext[i] = le64_to_cpu(m->isa[i]);
		lacking[i] = want.ext[i] & ~offered.ext[i];
		any_lacking |= lacking[i];
	}
	if (any_lacking)
		return refuse_exts(why, "this host lacks", lacking);
	if (!vm_isa(vm, true, KVM_RISCV_VM_ISA_CEILING, &want))
		return refuse(why, "KVM refuses these extensions: %s", strerror(errno));
	return true;
}

int __vm_set_vlenb(struct kvm_vm *vm, u64 vlenb)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_RISCV_GUEST_VLENB,
		.args = { vlenb, KVM_RISCV_VLENB_USER_EXIT },
	};

	return __vm_ioctl(vm, KVM_ENABLE_CAP, &cap);
}

static bool restore_vlenb(struct kvm_vm *vm, const struct snapshot_machine *m, u32 flags,
			  char *why)
{
	u64 vlenb = le64_to_cpu(m->vlenb);

	if (!vlenb || !(flags & SNAPSHOT_CARRY_VLENB) || !__vm_set_vlenb(vm, vlenb))
		return true;
	return refuse(why, "KVM cannot carry over vlenb %lu: %s", vlenb, strerror(errno));
}

/* libkvm would end the test if this host cannot provide a region. */
static bool region_fits(struct kvm_vm *vm, u32 slot, u64 gpa, u64 size)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool fits;

	if (mem == MAP_FAILED)
		return false;
	fits = !__vm_set_user_memory_region(vm, slot, 0, gpa, size, mem);
	if (fits)
		vm_set_user_memory_region(vm, slot, 0, gpa, 0, NULL);
	munmap(mem, size);
	return fits;
}

static bool restore_memory(struct kvm_vm *vm, const struct snapshot *s, char *why)
{
	u64 i, gpa, size;

	if (s->nr_regions > kvm_check_cap(KVM_CAP_NR_MEMSLOTS))
		return refuse(why, "%lu memory regions are too many for this host",
			      s->nr_regions);
	for (i = 0; i < s->nr_regions; i++) {
		gpa = le64_to_cpu(s->regions[i].gpa);
		size = le64_to_cpu(s->regions[i].size);
		if ((gpa + size - 1) >> vm->page_shift > vm->max_gfn)
			return refuse(why, "memory at 0x%lx is beyond the addresses of this host",
				      gpa);
		if (!region_fits(vm, i, gpa, size))
			return refuse(why, "memory at 0x%lx is more than this host has", gpa);
		vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, gpa, i,
					    size / vm->page_size, 0);
	}
	for (i = 0; i < s->nr_pages; i++)
		memcpy(addr_gpa2hva(vm, le64_to_cpu(s->pages[i].gpa)), s->pages[i].data,
		       SNAPSHOT_PAGE_SIZE);
	return true;
}

/*
 * Check properties of the host that are not extensions and that KVM cannot
 * change for a vCPU.
 */
static bool check_machine(struct kvm_vcpu *vcpu, const struct snapshot_machine *m, char *why)
{
	u64 has, want;

	has = vcpu_get_reg(vcpu, RISCV_TIMER_REG(frequency));
	want = le64_to_cpu(m->timer_frequency);
	if (has != want)
		return refuse(why, "the timer runs at %lu Hz, and this host's at %lu", want, has);
	has = vcpu_get_reg(vcpu, RISCV_CONFIG_REG(satp_mode));
	want = le64_to_cpu(m->satp_mode);
	if (has < want)
		return refuse(why, "satp mode %lu, and this host has modes up to %lu only", want,
			      has);
	want = le64_to_cpu(m->vlenb);
	if (!want)
		return true;
	has = vcpu_get_reg(vcpu, V_CSR_REG(vlenb));
	if (has != want)
		return refuse(why, "vlenb %lu, and this host's is %lu", want, has);
	return true;
}

static bool restore_regs(struct kvm_vcpu *vcpu, const struct snapshot *s, char *why)
{
	u64 i, id, value, type;

	for (i = 0; i < s->nr_regs; i++) {
		id = le64_to_cpu(s->regs[i].id);
		value = le64_to_cpu(s->regs[i].value);
		/*
		 * The timer of a new vCPU is already off, and Linux 7.3 refuses
		 * to switch it off again.
		 */
		if (id == RISCV_TIMER_REG(state) && value == KVM_RISCV_TIMER_STATE_OFF)
			continue;
		if (__vcpu_set_reg(vcpu, id, value)) {
			type = (id & KVM_REG_RISCV_TYPE_MASK) >> KVM_REG_RISCV_TYPE_SHIFT;
			return refuse(why, "KVM refuses %s register 0x%lx = 0x%lx: %s",
				      reg_types[type], id, value, strerror(errno));
		}
	}
	return true;
}

static bool restore_vector(struct kvm_vcpu *vcpu, const struct snapshot *s, char *why)
{
	u64 vlenb = le64_to_cpu(s->machine->vlenb);
	const struct snapshot_vector *v = s->vector;
	const struct {
		u64 id;
		const void *value;
	} csrs[] = {
		{ V_CSR_REG(vtype), &v->vtype },
		{ V_CSR_REG(vl), &v->vl },
		{ V_CSR_REG(vstart), &v->vstart },
		{ V_CSR_REG(vcsr), &v->vcsr },
	};
	struct kvm_one_reg reg;
	int i;

	for (i = 0; vlenb && i < ARRAY_SIZE(csrs) + 32; i++) {
		if (i < 32) {
			reg.id = v_reg_id(i, vlenb);
			reg.addr = (u64)(v->v + i * vlenb);
		} else {
			reg.id = csrs[i - 32].id;
			reg.addr = (u64)csrs[i - 32].value;
		}
		if (__vcpu_ioctl(vcpu, KVM_SET_ONE_REG, &reg))
			return refuse(why, "KVM refuses vector register 0x%llx: %s", reg.id,
				      strerror(errno));
	}
	return true;
}

struct kvm_vcpu *snapshot_restore(const struct snapshot *s, u32 flags, char *why)
{
	struct kvm_vm *vm = vm_create_barebones();
	u64 id = le64_to_cpu(s->machine->vcpu_id);
	struct kvm_mp_state mp_state;
	struct kvm_vcpu *vcpu;

	if (id >= kvm_check_cap(KVM_CAP_MAX_VCPUS)) {
		refuse(why, "this host has no vCPU %lu", id);
		goto refused;
	}
	if (!restore_isa(vm, s->machine, why) ||
	    !restore_vlenb(vm, s->machine, flags, why) ||
	    !restore_memory(vm, s, why))
		goto refused;

	vcpu = __vm_vcpu_add(vm, id);
	if (!check_machine(vcpu, s->machine, why) ||
	    !restore_regs(vcpu, s, why) ||
	    !restore_vector(vcpu, s, why))
		goto refused;

	mp_state.mp_state = le64_to_cpu(s->machine->mp_state);
	vcpu_ioctl(vcpu, KVM_SET_MP_STATE, &mp_state);
	return vcpu;

refused:
	kvm_vm_free(vm);
	return NULL;
}
