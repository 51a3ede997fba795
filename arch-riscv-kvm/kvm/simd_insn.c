// SPDX-License-Identifier: GPL-2.0
/*
 * Which instructions need FS, VS, or both to be on.
 *
 * A guest must never get a trap for an instruction that it may execute. An
 * instruction therefore counts as needing a unit if it might need the unit on
 * some hart or in some mode. KVM then loads the unit, which is cheap. If the
 * instruction traps again, KVM redirects the trap to the guest.
 */

#include <linux/compiler_types.h>
#include <asm/csr.h>
#include <asm/insn.h>
#include <asm/kvm_vcpu_simd.h>

/* Bits 6:2 of an instruction, the major opcode */
enum {
	OP_LOAD_FP	= 0x01,
	OP_CUSTOM_0	= 0x02,
	OP_STORE_FP	= 0x09,
	OP_48		= 0x07,
	OP_CUSTOM_1	= 0x0a,
	OP_64		= 0x0f,
	OP_MADD		= 0x10,
	OP_MSUB		= 0x11,
	OP_NMSUB	= 0x12,
	OP_NMADD	= 0x13,
	OP_FP		= 0x14,
	OP_V		= 0x15,
	OP_CUSTOM_2	= 0x16,
	OP_48_2		= 0x17,
	OP_RESERVED	= 0x1a,
	OP_SYSTEM	= INSN_OPCODE_SYSTEM,
	OP_VE		= 0x1d,
	OP_CUSTOM_3	= 0x1e,
	OP_80		= 0x1f,
};

/* CSRs that asm/csr.h does not name */
enum {
	CSR_FFLAGS	= 0x001,
	CSR_FCSR	= 0x003,
};

/*
 * The units that these opcodes need depend on funct3. Bit 0 selects the table.
 */
#define SIMD_BY_FUNCT3		BIT(6)
#define SIMD_MEM		(SIMD_BY_FUNCT3 | 0)
#define SIMD_OPV		(SIMD_BY_FUNCT3 | 1)

static const u8 simd_funct3_units[2][8] = {
	/* FP and vector loads and stores differ only in the width. */
	{
		KVM_RISCV_SIMD_V,			/* 8 bits */
		KVM_RISCV_SIMD_FP,			/* half */
		KVM_RISCV_SIMD_FP,			/* single */
		KVM_RISCV_SIMD_FP,			/* double */
		KVM_RISCV_SIMD_FP,			/* quad */
		KVM_RISCV_SIMD_V,			/* 16 bits */
		KVM_RISCV_SIMD_V,			/* 32 bits */
		KVM_RISCV_SIMD_V,			/* 64 bits */
	}, {
		KVM_RISCV_SIMD_V,			/* OPIVV */
		KVM_RISCV_SIMD_V | KVM_RISCV_SIMD_FP,	/* OPFVV */
		KVM_RISCV_SIMD_V,			/* OPMVV */
		KVM_RISCV_SIMD_V,			/* OPIVI */
		KVM_RISCV_SIMD_V,			/* OPIVX */
		KVM_RISCV_SIMD_V | KVM_RISCV_SIMD_FP,	/* OPFVF */
		KVM_RISCV_SIMD_V,			/* OPMVX */
		KVM_RISCV_SIMD_V,			/* OPCFG */
	},
};

static const u8 simd_opcode_units[32] = {
	[OP_LOAD_FP]	= SIMD_MEM,
	[OP_STORE_FP]	= SIMD_MEM,
	[OP_MADD]	= KVM_RISCV_SIMD_FP,
	[OP_MSUB]	= KVM_RISCV_SIMD_FP,
	[OP_NMSUB]	= KVM_RISCV_SIMD_FP,
	[OP_NMADD]	= KVM_RISCV_SIMD_FP,
	[OP_FP]		= KVM_RISCV_SIMD_FP,
	[OP_V]		= SIMD_OPV,
	[OP_VE]		= SIMD_OPV,
	[OP_CUSTOM_0]	= KVM_RISCV_SIMD_ANY,
	[OP_CUSTOM_1]	= KVM_RISCV_SIMD_ANY,
	[OP_CUSTOM_2]	= KVM_RISCV_SIMD_ANY,
	[OP_CUSTOM_3]	= KVM_RISCV_SIMD_ANY,
	[OP_48]		= KVM_RISCV_SIMD_ANY,
	[OP_48_2]	= KVM_RISCV_SIMD_ANY,
	[OP_64]		= KVM_RISCV_SIMD_ANY,
	[OP_80]		= KVM_RISCV_SIMD_ANY,
	[OP_RESERVED]	= KVM_RISCV_SIMD_ANY,
};

/*
 * Whether a CSR is in a range for custom use. T-Head's C9xx has a custom user
 * mode CSR that needs FS.
 */
static __always_inline bool simd_csr_is_custom(unsigned int csr)
{
	return csr >> 8 == 0x8 || (csr >= 0x500 && (csr & 0xc0) == 0xc0);
}

static __always_inline u8 simd_csr_units(unsigned long insn)
{
	unsigned int csr = RVG_EXTRACT_SYSTEM_CSR(insn);

	/* ecall and similar instructions, and HLV, HLVX and HSV */
	if (!(GET_FUNCT3(insn) & 3))
		return 0;

	/* A switch might become an indirect jump out of .noinstr.text. */
	if (csr >= CSR_FFLAGS && csr <= CSR_FCSR)
		return KVM_RISCV_SIMD_FP;
	if ((csr >= CSR_VSTART && csr <= CSR_VXRM) || csr == CSR_VCSR ||
	    (csr >= CSR_VL && csr <= CSR_VLENB))
		return KVM_RISCV_SIMD_V;

	return simd_csr_is_custom(csr) ? KVM_RISCV_SIMD_ANY : 0;
}

/*
 * c.fld, c.fsd, c.fldsp and c.fsdsp, and in 32-bit code c.flw, c.fsw, c.flwsp
 * and c.fswsp, whose encodings are c.ld, c.sd, c.ldsp and c.sdsp in 64-bit
 * code. The 64-bit instructions are legal and never trap, except for c.ldsp to
 * x0.
 */
static __always_inline u8 simd_rvc_units(unsigned long insn)
{
	if ((insn & RVC_INSN_OPCODE_MASK) == RVC_OPCODE_C1)
		return 0;

	/* The odd values of funct3 */
	return insn & BIT(RVC_INSN_FUNCT3_OPOFF) ? KVM_RISCV_SIMD_FP : 0;
}

/**
 * kvm_riscv_simd_insn_units -- Get the units that an instruction needs
 *
 * @insn: The instruction, of 16 or 32 bits
 *
 * Return: KVM_RISCV_SIMD_FP, KVM_RISCV_SIMD_V, both, none, or
 * KVM_RISCV_SIMD_ANY for encodings that vendors or later versions of the ISA
 * may use for anything.
 */
noinstr u8 kvm_riscv_simd_insn_units(unsigned long insn)
{
	unsigned long opcode = (insn & INSN_OPCODE_MASK) >> INSN_OPCODE_SHIFT;
	u8 units = simd_opcode_units[opcode];

	if (INSN_IS_16BIT(insn))
		return simd_rvc_units(insn);

	if (units & SIMD_BY_FUNCT3)
		return simd_funct3_units[units & ~SIMD_BY_FUNCT3][GET_FUNCT3(insn)];

	return opcode == OP_SYSTEM ? simd_csr_units(insn) : units;
}
