/* SPDX-License-Identifier: GPL-2.0 */
/*
 * snapshot.h - A vCPU and its memory, as one checked block of bytes
 *
 * A snapshot can be restored after a reboot and on another host. It records
 * what the guest may depend on (extensions, vlenb, address translation, the
 * timer's frequency), and snapshot_restore() compares this with the host. A
 * snapshot that is damaged, or that does not suit the host, is refused before
 * the guest runs, with a text that says why.
 *
 * Format, version 1. All numbers are little-endian, and the size of each
 * structure is a multiple of 8 bytes. A header is followed by each of these
 * sections once, in this order:
 *
 *   MACHINE  struct snapshot_machine
 *   REGS     struct snapshot_reg for each register of KVM_GET_REG_LIST, in the
 *            order of the list, except for the ISA_EXT registers and for those
 *            whose contents are in MACHINE or VECTOR
 *   VECTOR   struct snapshot_vector and v0 to v31, vlenb bytes each; nothing
 *            without V
 *   MEMORY   struct snapshot_memory, then struct snapshot_region, and then
 *            struct snapshot_page for each page that is not all zeros, both
 *            ascending
 *
 * Each section's CRC covers the section's header and contents. The CRC of the
 * snapshot's header covers that header, which has the length of the whole
 * snapshot. The CRCs and the length detect bytes that have changed or are
 * missing. CRCs are not signatures: whoever can write the file can also write a
 * matching CRC. The contents are therefore checked as well before they are
 * used.
 *
 * The header and its CRC stay the same in all versions.
 *
 * A snapshot contains only one vCPU, and neither interrupt controllers nor
 * devices. It does not contain registers that KVM does not list, such as those
 * of the PMU.
 */
#ifndef SELFTEST_KVM_SNAPSHOT_H
#define SELFTEST_KVM_SNAPSHOT_H

#include "kvm_util.h"

#define SNAPSHOT_MAGIC		"KVMRISCV"
#define SNAPSHOT_VERSION	1
#define SNAPSHOT_PAGE_SIZE	4096
#define SNAPSHOT_WHY_LEN	256

/*
 * Restore a guest even if its vlenb is not the host's, with
 * KVM_CAP_RISCV_GUEST_VLENB. The caller then has to emulate the instructions
 * that KVM reports with KVM_EXIT_RISCV_VECTOR.
 */
#define SNAPSHOT_CARRY_VLENB	BIT(0)

enum snapshot_type {
	SNAPSHOT_MACHINE,
	SNAPSHOT_REGS,
	SNAPSHOT_VECTOR,
	SNAPSHOT_MEMORY,
	NR_SNAPSHOT_SECTIONS,
};

struct snapshot_header {
	u8 magic[8];
	__le32 version;
	__le32 nr_sections;
	__le64 size;		/* of the snapshot, including this header */
	__le32 reserved;	/* 0 */
	__le32 crc;		/* CRC-32 (IEEE 802.3) of all fields above */
};

struct snapshot_section {
	__le32 type;
	__le32 crc;		/* of this header, with 0 here, and of the contents */
	__le64 size;		/* of the contents */
};

struct snapshot_machine {
	__le64 isa[4];		/* as in struct kvm_riscv_vm_isa */
	__le64 vlenb;		/* 0 without V */
	__le64 satp_mode;	/* the highest that the guest may use */
	__le64 timer_frequency;
	__le64 vcpu_id;
	__le64 mp_state;
};

struct snapshot_reg {
	__le64 id;
	__le64 value;
};

struct snapshot_vector {
	__le64 vstart, vl, vtype, vcsr;
	u8 v[];
};

struct snapshot_memory {
	__le64 nr_regions;
	__le64 nr_pages;
};

struct snapshot_region {
	__le64 gpa;
	__le64 size;
};

struct snapshot_page {
	__le64 gpa;
	u8 data[SNAPSHOT_PAGE_SIZE];
};

/*
 * The contents of a snapshot that snapshot_parse() has checked. The pointers
 * point into the snapshot's bytes.
 */
struct snapshot {
	const struct snapshot_machine *machine;
	const struct snapshot_reg *regs;
	const struct snapshot_vector *vector;
	const struct snapshot_region *regions;
	const struct snapshot_page *pages;
	u64 nr_regs, nr_regions, nr_pages;
};

/*
 * Save the only vCPU of a VM while it is not in KVM_RUN. If KVM has not
 * completed the last exit (an MMIO load, for example), snapshot_save()
 * completes it first. The caller frees the result.
 */
void *snapshot_save(struct kvm_vcpu *vcpu, size_t *size);

/*
 * Check that DATA is a complete and valid snapshot. Return false, with the
 * reason in WHY, if it is not.
 */
bool snapshot_parse(struct snapshot *s, const void *data, size_t size, char *why);

/* Recompute the CRCs of a snapshot that the caller has changed. */
void snapshot_seal(void *data);

/*
 * Restore a snapshot that snapshot_parse() has accepted, in a new VM. Return
 * NULL, with the reason in WHY, if this host cannot run the guest as before.
 */
struct kvm_vcpu *snapshot_restore(const struct snapshot *s, u32 flags, char *why);

/*
 * Set the vlenb of a VM's future vCPUs, which may differ from the host's. This
 * must precede the creation of the first vCPU. Returns 0, or -1 with errno set.
 */
int __vm_set_vlenb(struct kvm_vm *vm, u64 vlenb);

/*
 * Return the number of an extension, given its name (such as "Zvbb"), or -1 if
 * the name is unknown.
 */
int isa_ext_by_name(const char *name);
void isa_ext_name(int ext, char *name, size_t size);

#endif /* SELFTEST_KVM_SNAPSHOT_H */
