/* SPDX-License-Identifier: GPL-2.0 */
/*
 * snapshot.h - A vCPU and its memory, as one checked block of bytes
 *
 * A snapshot can be restored by another boot, on another host.  What the guest
 * has come to depend on is in it and is compared: extensions, vlenb, address
 * translation, the timer's frequency.  A snapshot that is damaged, or that does
 * not fit, is refused before the guest has run, and a text says why.
 *
 * Format, version 1.  All numbers are little-endian and all structures a multiple
 * of 8 bytes.  A header, and then each of the sections once, in this order:
 *
 *   MACHINE  struct snapshot_machine
 *   REGS     struct snapshot_reg, as many as there are.  All registers that
 *            KVM_GET_REG_LIST has, in its order, but for those that say what is
 *            in MACHINE and VECTOR already, and ISA_EXT.
 *   VECTOR   struct snapshot_vector and v0 to v31, vlenb bytes each; nothing
 *            without V
 *   MEMORY   struct snapshot_memory, then struct snapshot_region, and then
 *            struct snapshot_page for each page that is not all zeros, both
 *            ascending
 *
 * Each section's CRC covers its header and its contents, and the header's CRC the
 * header, which has the length of the whole.  So no byte can change, and none be
 * missing.  CRCs are no signatures: who can write the file can write a right CRC.
 * Therefore contents are checked, too, before they are used.
 *
 * Header and CRC stay as they are in all versions.
 *
 * Not in it: more than one vCPU, interrupt controllers, devices.  Registers which
 * KVM has not got on its list (the PMU's) are not, either.
 */
#ifndef SELFTEST_KVM_SNAPSHOT_H
#define SELFTEST_KVM_SNAPSHOT_H

#include "kvm_util.h"

#define SNAPSHOT_MAGIC		"KVMRISCV"
#define SNAPSHOT_VERSION	1
#define SNAPSHOT_PAGE_SIZE	4096
#define SNAPSHOT_WHY_LEN	256

/*
 * Restore with another vlenb than the host's, by KVM_CAP_RISCV_GUEST_VLENB.  The
 * caller has to emulate the instructions of KVM_EXIT_RISCV_VECTOR then.
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
	__le64 size;		/* of all, this included */
	__le32 reserved;	/* 0 */
	__le32 crc;		/* CRC-32 (IEEE 802.3) of what is in front of it */
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

/* What a snapshot has, once it has been checked; points into its bytes. */
struct snapshot {
	const struct snapshot_machine *machine;
	const struct snapshot_reg *regs;
	const struct snapshot_vector *vector;
	const struct snapshot_region *regions;
	const struct snapshot_page *pages;
	u64 nr_regs, nr_regions, nr_pages;
};

/*
 * Save the one vCPU of a VM, between two KVM_RUN.  What KVM has begun for the
 * guest is brought to its end first.  The caller frees the result.
 */
void *snapshot_save(struct kvm_vcpu *vcpu, size_t *size);

/* False, and a reason in WHY, if this is no snapshot from the first byte to the last. */
bool snapshot_parse(struct snapshot *s, const void *data, size_t size, char *why);

/* Bring the CRCs of a snapshot that has been changed up to date. */
void snapshot_seal(void *data);

/*
 * Restore what snapshot_parse() has found to be one in a new VM.  NULL, and a
 * reason in WHY, if this host cannot run the guest as it was.
 */
struct kvm_vcpu *snapshot_restore(const struct snapshot *s, u32 flags, char *why);

/*
 * Give all vCPUs, as long as there are none, a vlenb that need not be the host's.
 * Returns 0, or -1 and errno.
 */
int __vm_set_vlenb(struct kvm_vm *vm, u64 vlenb);

/* "Zvbb", say.  -1 is no extension's number. */
int isa_ext_by_name(const char *name);
void isa_ext_name(int ext, char *name, size_t size);

#endif /* SELFTEST_KVM_SNAPSHOT_H */
