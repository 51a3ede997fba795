// SPDX-License-Identifier: GPL-2.0
/*
 * simd_trap_test.c - Test that loading FP and vector registers on demand is
 * invisible to the guest.
 *
 * KVM may keep the FP or the vector unit off until the guest needs it, and load
 * the unit's registers when an instruction traps. The guest must not be able to
 * tell. The guest executes each instruction of a table with all values of
 * vsstatus.FS and VS, with the units loaded and not loaded, in S mode and in U
 * mode. If vsstatus enables the units that the instruction needs, the
 * instruction must leave every register as it does when both units are loaded.
 * If vsstatus does not, or if the encoding is illegal, the guest must get
 * exactly one illegal-instruction exception, with sepc, stval and sstatus as
 * hardware sets them, and no register may change.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/perf_event.h>

#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "sbi.h"
#include "simd.h"
#include "test_util.h"
#include "ucall_common.h"

#define MAX_PROBES	256
#define BUF_SIZE	4096
#define STRIDE		8
#define STACK_OFFSET	(PGTBL_PAGE_SIZE - 64)
#define MAX_TRIES	8
#define CSR_VALUE	1	/* legal in each CSR; QEMU also stores illegal values */
#define SLOT		8	/* of c.fldsp and c.fsdsp */
#define NR_IDLE		10	/* exits without SIMD, after which KVM predicts no use */
#define USER_OFFSET	0x40000000UL
#define INSN_RET	0x00008067
#define A2		0x5a5a	/* before the instruction */
#define STACK_VALUE	0x4010000000000000UL
#define ALWAYS		-1

/* What an instruction needs, and what it may change */
enum { NONE = 0, FP = 1, VEC = 2, BOTH = FP | VEC, ILLEGAL = 4 };

#define E8_M2	0x01
#define E16_M2	0x09
#define E32_M2	0x11
#define E64_M2	0x19

struct probe {
	char name[64];
	void *code;
	int ext;
	int needs, writes;
	bool csr, rv32, mask;
	u64 vtype;
};

static struct probe probes[MAX_PROBES];
static int nr_probes;

static struct probe *add_probe(void *code, int ext, int needs, int writes, u64 vtype)
{
	TEST_ASSERT(nr_probes < MAX_PROBES, "Raise MAX_PROBES");
	probes[nr_probes] = (struct probe) {
		.code = code, .ext = ext, .needs = needs, .writes = writes, .vtype = vtype,
	};
	return &probes[nr_probes++];
}

static void set_name(struct probe *p, const char *name)
{
	TEST_ASSERT(strlen(name) < sizeof(p->name), "Too long: %s", name);
	strcpy(p->name, name);
}

/*
 * The last argument is the instruction, which is put into a function of its
 * own.
 */
#define PROBE_VTYPE(ext, needs, writes, vtype, ...)				\
	do {									\
		void *code;							\
										\
		asm(".pushsection simd_probes, \"ax\"\n"			\
		    ".option push\n.option arch, +v, +zfh\n"			\
		    "1: " __VA_ARGS__ "\n"					\
		    "ret\n"							\
		    ".option pop\n.popsection\n"				\
		    "la %0, 1b" : "=r" (code));					\
		set_name(add_probe(code, ext, needs, writes, vtype), __VA_ARGS__);	\
	} while (0)

#define PROBE(ext, needs, writes, text)				\
	PROBE_VTYPE(KVM_RISCV_ISA_EXT_##ext, needs, writes, E32_M2, text)
/* The instruction writes a mask to v2. */
#define PROBE_MASK(needs, text)						\
	do {								\
		PROBE(V, needs, VEC, text);				\
		probes[nr_probes - 1].mask = true;			\
	} while (0)
#define PROBE_ILLEGAL(text)	PROBE_VTYPE(ALWAYS, ILLEGAL, NONE, E32_M2, text)

#define SYMBOL(name)	({ void *p; asm("la %0, " name : "=r" (p)); p; })

/*
 * a0 points to a buffer, a1 is STRIDE or CSR_VALUE, a2 is for results. The
 * assembler does not compress any of these FP instructions on its own.
 */
static void fill_fp_probes(void)
{
	PROBE(F, FP, FP, "flw f1, 4(a0)");
	PROBE(D, FP, FP, "fld f1, 8(a0)");
	PROBE(ZFHMIN, FP, FP, "flh f1, 2(a0)");
	PROBE(F, FP, NONE, "fsw f1, 4(a0)");
	PROBE(D, FP, NONE, "fsd f1, 8(a0)");
	PROBE(ZFHMIN, FP, NONE, "fsh f1, 2(a0)");
	PROBE(ZCD, FP, FP, "c.fld f8, 16(a0)");
	PROBE(ZCD, FP, NONE, "c.fsd f8, 16(a0)");
	PROBE(ZCD, FP, FP, "c.fldsp f1, 8(sp)");
	PROBE(ZCD, FP, NONE, "c.fsdsp f1, 8(sp)");

	PROBE(F, FP, FP, "fadd.s f1, f2, f3");
	PROBE(D, FP, FP, "fdiv.d f1, f2, f3");
	PROBE(D, FP, FP, "fsqrt.d f1, f2");
	PROBE(D, FP, FP, "fsgnjn.d f1, f2, f3");
	PROBE(D, FP, FP, "fmax.d f1, f2, f3");
	PROBE(D, FP, NONE, "feq.d a2, f2, f3");
	PROBE(D, FP, NONE, "fclass.d a2, f2");
	PROBE(D, FP, NONE, "fmv.x.d a2, f2");
	PROBE(F, FP, NONE, "fmv.x.w a2, f2");
	PROBE(D, FP, FP, "fmv.d.x f1, a1");
	PROBE(F, FP, FP, "fmv.w.x f1, a1");
	PROBE(D, FP, FP, "fcvt.d.l f1, a1");
	PROBE(D, FP, FP, "fcvt.s.d f1, f2");
	PROBE(D, FP, FP, "fmadd.d f1, f2, f3, f4");
	PROBE(F, FP, FP, "fmsub.s f1, f2, f3, f4");
	PROBE(D, FP, FP, "fnmsub.d f1, f2, f3, f4");
	PROBE(F, FP, FP, "fnmadd.s f1, f2, f3, f4");
	PROBE(ZFH, FP, FP, "fadd.h f1, f2, f3");
	PROBE(ZFH, FP, FP, "fmadd.h f1, f2, f3, f4");
	PROBE(ZFHMIN, FP, NONE, "fmv.x.h a2, f2");
	PROBE(ZFHMIN, FP, FP, "fcvt.s.h f1, f2");
	PROBE(ZFA, FP, FP, ".insn r 0x53, 0, 0x78, x1, x3, x1 # fli.s");
	PROBE(ZFBFMIN, FP, FP, ".insn r 0x53, 0, 0x20, x1, x2, x6 # fcvt.s.bf16");
	PROBE(ZFBFMIN, FP, FP, ".insn r 0x53, 0, 0x22, x1, x2, x8 # fcvt.bf16.s");
}

/*
 * Instructions for a 32-bit process. The encodings of c.flw, c.fsw, c.flwsp and
 * c.fswsp are integer loads and stores in 64-bit code.
 */
static void fill_rv32_probes(void)
{
	int i = nr_probes;

	PROBE(F, FP, FP, ".2byte 0x6148 # c.flw f10, 4(a0)");
	PROBE(F, FP, NONE, ".2byte 0xe148 # c.fsw f10, 4(a0)");
	PROBE(F, FP, FP, ".2byte 0x6522 # c.flwsp f10, 8(sp)");
	PROBE(F, FP, NONE, ".2byte 0xe42a # c.fswsp f10, 8(sp)");
	PROBE(ZCD, FP, FP, "c.fld f8, 16(a0)");
	PROBE(F, FP, FP, "flw f1, 4(a0)");
	PROBE(D, FP, NONE, "fsd f1, 8(a0)");
	PROBE(D, FP, FP, "fdiv.d f1, f2, f3");
	for (; i < nr_probes; i++)
		probes[i].rv32 = true;
}

static void fill_v_probes(void)
{
	PROBE(V, VEC, VEC, "vsetvli a2, a1, e16, m1, ta, ma");
	PROBE(V, VEC, VEC, "vsetvli zero, zero, e32, m2, tu, mu");
	PROBE(V, VEC, VEC, "vsetivli a2, 3, e8, mf2, ta, ma");
	PROBE(V, VEC, VEC, "vsetvl a2, a1, zero");

	/*
	 * Vector loads and stores, which have the opcodes of FP loads and
	 * stores with other widths
	 */
	PROBE(V, VEC, VEC, "vle8.v v2, (a0)");
	PROBE(V, VEC, VEC, "vle16.v v2, (a0)");
	PROBE(V, VEC, VEC, "vle32.v v2, (a0), v0.t");
	PROBE(V, VEC, VEC, "vle64.v v4, (a0)");
	PROBE(V, VEC, VEC, "vle32ff.v v2, (a0)");
	PROBE(V, VEC, VEC, "vlse32.v v2, (a0), a1");
	PROBE(V, VEC, VEC, "vluxei32.v v2, (a0), v4");
	PROBE(V, VEC, VEC, "vlseg2e8.v v2, (a0)");
	PROBE_MASK(VEC, "vlm.v v2, (a0)");
	PROBE(V, VEC, VEC, "vl1re8.v v2, (a0)");
	PROBE(V, VEC, VEC, "vl8re64.v v8, (a0)");
	PROBE(V, VEC, NONE, "vse8.v v2, (a0)");
	PROBE(V, VEC, NONE, "vse64.v v4, (a0)");
	PROBE(V, VEC, NONE, "vsse32.v v2, (a0), a1");
	PROBE(V, VEC, NONE, "vsuxei32.v v2, (a0), v4");
	PROBE(V, VEC, NONE, "vsseg2e16.v v2, (a0)");
	PROBE(V, VEC, NONE, "vsm.v v2, (a0)");
	PROBE(V, VEC, NONE, "vs1r.v v2, (a0)");
	PROBE(V, VEC, NONE, "vs8r.v v8, (a0)");

	/* OPIVV, OPIVI, OPIVX, OPMVV, OPMVX */
	PROBE(V, VEC, VEC, "vadd.vv v2, v4, v6");
	PROBE(V, VEC, VEC, "vadd.vi v2, v4, 3, v0.t");
	PROBE(V, VEC, VEC, "vadd.vx v2, v4, a1");
	PROBE(V, VEC, VEC, "vsadd.vx v2, v4, a1");
	PROBE_MASK(VEC, "vmseq.vv v2, v4, v6");
	PROBE(V, VEC, VEC, "vrgather.vv v2, v4, v6");
	PROBE(V, VEC, VEC, "vslideup.vi v2, v4, 1");
	PROBE(V, VEC, VEC, "vmv.v.i v2, 3");
	PROBE(V, VEC, VEC, "vmv8r.v v8, v16");
	PROBE(V, VEC, VEC, "vmul.vv v2, v4, v6");
	PROBE(V, VEC, VEC, "vdivu.vx v2, v4, a1");
	PROBE(V, VEC, VEC, "vredsum.vs v2, v4, v6");
	PROBE_MASK(VEC, "vmand.mm v2, v4, v6");
	PROBE(V, VEC, VEC, "vid.v v2");
	PROBE(V, VEC, VEC, "vmv.s.x v2, a1");
	PROBE(V, VEC, NONE, "vmv.x.s a2, v4");
	PROBE(V, VEC, NONE, "vcpop.m a2, v4");
	PROBE(V, VEC, NONE, "vfirst.m a2, v4");

	PROBE_VTYPE(KVM_RISCV_ISA_EXT_ZVBB, VEC, VEC, E8_M2,
		    ".insn r 0x57, 2, 0x25, x2, x10, x4 # vbrev.v");
	PROBE(ZVKB, VEC, VEC, ".insn r 0x57, 0, 0x03, x2, x6, x4 # vandn.vv");
	PROBE_VTYPE(KVM_RISCV_ISA_EXT_ZVBC, VEC, VEC, E64_M2,
		    ".insn r 0x57, 2, 0x19, x2, x6, x4 # vclmul.vv");
	/* These instructions have an opcode that differs from that of V. */
	PROBE(ZVKG, VEC, VEC, ".insn r 0x77, 2, 0x59, x2, x6, x4 # vghsh.vv");
	PROBE(ZVKNED, VEC, VEC, ".insn r 0x77, 2, 0x51, x2, x2, x4 # vaesem.vv");
	PROBE(ZVKNHA, VEC, VEC, ".insn r 0x77, 2, 0x5b, x2, x6, x4 # vsha2ms.vv");
	PROBE(ZVKSED, VEC, VEC, ".insn r 0x77, 2, 0x43, x2, x3, x4 # vsm4k.vi");
	PROBE(ZVKSH, VEC, VEC, ".insn r 0x77, 2, 0x41, x2, x6, x4 # vsm3me.vv");
}

/* OPFVV and OPFVF need both units. */
static void fill_vfp_probes(void)
{
	PROBE(V, BOTH, VEC, "vfadd.vv v2, v4, v6");
	PROBE(V, BOTH, VEC, "vfmul.vf v2, v4, f2");
	PROBE(V, BOTH, VEC, "vfmacc.vf v2, f2, v4, v0.t");
	PROBE(V, BOTH, VEC, "vfsqrt.v v2, v4");
	PROBE(V, BOTH, VEC, "vfcvt.f.x.v v2, v4");
	PROBE(V, BOTH, VEC, "vfredosum.vs v2, v4, v6");
	PROBE_MASK(BOTH, "vmflt.vf v2, v4, f2");
	PROBE(V, BOTH, VEC, "vfmerge.vfm v2, v4, f2, v0");
	PROBE(V, BOTH, VEC, "vfmv.v.f v2, f2");
	PROBE(V, BOTH, VEC, "vfmv.s.f v2, f2");
	PROBE(V, BOTH, FP, "vfmv.f.s f1, v4");
	PROBE(V, BOTH, VEC, "vfslide1up.vf v2, v4, f2");
	PROBE_VTYPE(KVM_RISCV_ISA_EXT_V, BOTH, FP, E64_M2, "vfmv.f.s f1, v4");
	PROBE_VTYPE(KVM_RISCV_ISA_EXT_ZVFH, BOTH, VEC, E16_M2, "vfadd.vv v2, v4, v6");
	PROBE_VTYPE(KVM_RISCV_ISA_EXT_ZVFHMIN, BOTH, VEC, E16_M2,
		    "vfwcvt.f.f.v v8, v4");
	PROBE_VTYPE(KVM_RISCV_ISA_EXT_ZVFBFMIN, BOTH, VEC, E16_M2,
		    ".insn r 0x57, 1, 0x25, x8, x13, x4 # vfwcvtbf16.f.f.v");
	PROBE_VTYPE(KVM_RISCV_ISA_EXT_ZVFBFWMA, BOTH, VEC, E16_M2,
		    ".insn r 0x57, 1, 0x77, x8, x6, x4 # vfwmaccbf16.vv");
}

static const struct {
	const char *name;
	int nr, ext, unit;
	bool read_only;
} csrs[] = {
	{ "fflags",	0x001, KVM_RISCV_ISA_EXT_F, FP },
	{ "frm",	0x002, KVM_RISCV_ISA_EXT_F, FP },
	{ "fcsr",	0x003, KVM_RISCV_ISA_EXT_F, FP },
	{ "vstart",	0x008, KVM_RISCV_ISA_EXT_V, VEC },
	{ "vxsat",	0x009, KVM_RISCV_ISA_EXT_V, VEC },
	{ "vxrm",	0x00a, KVM_RISCV_ISA_EXT_V, VEC },
	{ "vcsr",	0x00f, KVM_RISCV_ISA_EXT_V, VEC },
	{ "vl",		0xc20, KVM_RISCV_ISA_EXT_V, VEC, true },
	{ "vtype",	0xc21, KVM_RISCV_ISA_EXT_V, VEC, true },
	{ "vlenb",	0xc22, KVM_RISCV_ISA_EXT_V, VEC, true },
};

/* a2 = CSR; CSR = a1 or 1 */
static const struct {
	const char *name;
	u32 insn;
	bool write;
} csr_insns[] = {
	{ "csrrw a2, %s, a1",	0x00059673, true },
	{ "csrrw zero, %s, a1",	0x00059073, true },
	{ "csrrs a2, %s, a1",	0x0005a673, true },
	{ "csrrs a2, %s, zero",	0x00002673, false },
	{ "csrrc a2, %s, a1",	0x0005b673, true },
	{ "csrrc a2, %s, zero",	0x00003673, false },
	{ "csrrwi a2, %s, 1",	0x0000d673, true },
	{ "csrrsi a2, %s, 1",	0x0000e673, true },
	{ "csrrsi a2, %s, 0",	0x00006673, false },
	{ "csrrci a2, %s, 1",	0x0000f673, true },
	{ "csrrci a2, %s, 0",	0x00007673, false },
};

/*
 * An instruction and a return for each CSR access. Guests execute this array.
 */
static u32 csr_code[ARRAY_SIZE(csrs) * ARRAY_SIZE(csr_insns)][2];

static void fill_csr_probes(void)
{
	int i, j, needs, writes;
	struct probe *p;
	u32 *code;

	for (i = 0; i < ARRAY_SIZE(csrs); i++) {
		for (j = 0; j < ARRAY_SIZE(csr_insns); j++) {
			code = csr_code[i * ARRAY_SIZE(csr_insns) + j];
			code[0] = csr_insns[j].insn | csrs[i].nr << 20;
			code[1] = INSN_RET;
			needs = csrs[i].unit;
			writes = csr_insns[j].write ? csrs[i].unit : NONE;
			if (writes && csrs[i].read_only)
				needs = ILLEGAL;
			p = add_probe(code, csrs[i].ext, needs, writes, E32_M2);
			p->csr = true;
			snprintf(p->name, sizeof(p->name), csr_insns[j].name, csrs[i].name);
		}
	}
}

static void fill_illegal_probes(void)
{
	PROBE_ILLEGAL(".2byte 0");
	PROBE_ILLEGAL(".insn r 0x0b, 0, 0, x0, x0, x0 # custom-0");
	PROBE_ILLEGAL(".insn i 0x07, 4, x1, 0(a0) # flq");
	PROBE_ILLEGAL(".insn s 0x27, 4, x1, 0(a0) # fsq");
	PROBE_ILLEGAL(".insn i 0x07, 5, x2, 0x100(a0) # vle128.v, mew");
	PROBE_ILLEGAL(".insn r 0x53, 5, 0x01, x1, x2, x3 # fadd.d, rm 5");
	PROBE_ILLEGAL(".insn r 0x53, 0, 0x7f, x1, x2, x3 # OP-FP, funct7 7f");
	PROBE_ILLEGAL(".insn r 0x43, 0, 0x03, x1, x2, x3 # fmadd.q");
	PROBE_ILLEGAL(".insn r 0x57, 0, 0x07, x2, x6, x4 # vrsub.vv");
	PROBE_ILLEGAL(".insn r 0x57, 1, 0x7f, x2, x6, x4 # OPFVV, funct6 3f");
	PROBE_ILLEGAL(".insn r 0x57, 0, 0x01, x1, x6, x4 # vadd.vv, odd register");
	PROBE_ILLEGAL(".insn r 0x77, 2, 0x7f, x2, x6, x4 # OP-VE, funct6 3f");
	PROBE_ILLEGAL(".insn i 0x73, 4, x0, x0, 3 # SYSTEM, funct3 4, fcsr");
	PROBE_ILLEGAL("csrr a2, 0x00b");
}

/* Data of the guest. The VMM initializes what is declared before "trap". */
static struct simd_regs init, ref, out;
static u8 init_buf[BUF_SIZE], ref_buf[BUF_SIZE], first_buf[BUF_SIZE];
static u8 buf[BUF_SIZE] __aligned(PGTBL_PAGE_SIZE);
static u64 probe_stack[PGTBL_PAGE_SIZE / 8] __aligned(PGTBL_PAGE_SIZE);
static bool has_v;
static u64 vlenb;

static struct {
	int count;
	u64 cause, epc, stval, status;
} trap, first_trap;

/*
 * What an instruction may change in addition to FP registers, vector registers
 * and the buffer
 */
struct gprs {
	u64 a0, a1, a2, stack;
};

static void *user_resume;

static u64 insn_bits(const u8 *code)
{
	u64 insn = *(u16 *)code;

	if ((insn & 3) == 3)
		insn |= (u64)*(u16 *)(code + 2) << 16;
	return insn;
}

/*
 * Return whether this hart reports illegal instructions in stval. Sstvala, which
 * RVA22S64 mandates, requires that; other harts may report 0.
 */
static bool stval_is_insn(void)
{
	typeof(trap) saved = trap;
	bool ret;

	asm volatile("csrr zero, mstatus" ::: "memory");
	ret = trap.stval;
	trap = saved;

	return ret;
}

static void guest_take_illegal(struct pt_regs *regs)
{
	trap.count++;
	trap.cause = regs->cause;
	trap.epc = regs->epc;
	trap.stval = regs->badaddr;
	trap.status = regs->status;
	regs->epc += (*(u16 *)regs->epc & 3) == 3 ? 4 : 2;
}

/* Handle the ecall with which a probe returns from U mode. */
static void guest_user_ecall(struct pt_regs *regs)
{
	GUEST_ASSERT(!(regs->status & SR_SPP));
	regs->epc = (u64)user_resume;
	regs->status |= SR_SPP;
}

/*
 * The value of sstatus.UXL for a 32-bit process, or another one if the hart has
 * no 32-bit U mode. The guest determines it.
 */
static u64 uxl32;

#define FS(status)	(((status) & SR_FS) / SR_FS_INITIAL)
#define VS(status)	(((status) & SR_VS) / SR_VS_INITIAL)

/* Return the U-mode address of what is at P in S mode. */
static void *user_address(void *p)
{
	return (void *)((u64)p + USER_OFFSET);
}

/*
 * Call CODE with FS and VS from STATUS in sstatus. Returns sstatus as it is
 * right after CODE.
 */
static u64 call_probe(u8 *code, bool user, u64 status, struct gprs *gprs)
{
	register u64 a0 asm("a0") = gprs->a0;
	register u64 a1 asm("a1") = gprs->a1;
	register u64 a2 asm("a2") = gprs->a2;
	u64 sp = (u64)probe_stack + STACK_OFFSET;
	u64 mask = SR_FS | SR_VS;
	void *user_ra;

	if (!user) {
		asm volatile("csrc sstatus, %[mask]\n"
			     "csrs sstatus, %[status]\n"
			     "mv s1, sp\n"
			     "mv sp, %[sp]\n"
			     "jalr ra, %[code]\n"
			     "mv sp, s1\n"
			     "csrr %[status], sstatus"
			     : "+r" (a0), "+r" (a1), "+r" (a2), [status] "+r" (status)
			     : [mask] "r" (mask), [code] "r" (code), [sp] "r" (sp)
			     : "ra", "s1", "memory");
		goto out;
	}

	mask |= SR_SPP;
	asm(".pushsection simd_probes, \"ax\"\n1: ecall\n.popsection\nla %0, 1b"
	    : "=r" (user_ra));
	asm volatile("csrc sstatus, %[mask]\n"
		     "csrs sstatus, %[status]\n"
		     "csrw sepc, %[code]\n"
		     "la ra, 1f\n"
		     "sd ra, %[resume]\n"
		     "mv ra, %[ra]\n"
		     "mv s1, sp\n"
		     "mv sp, %[sp]\n"
		     "sret\n"
		     ".balign 4\n"
		     "1: mv sp, s1\n"
		     "csrr %[status], sstatus"
		     : "+r" (a0), "+r" (a1), "+r" (a2), [status] "+r" (status),
		       [resume] "=m" (user_resume)
		     : [mask] "r" (mask), [code] "r" (user_address(code)),
		       [ra] "r" (user_address(user_ra)),
		       [sp] "r" (user_address((void *)sp))
		     : "ra", "s1", "memory");
out:
	*gprs = (struct gprs) { a0, a1, a2, *(u64 *)(sp + SLOT) };
	return status;
}

static void set_state(struct simd_regs *regs, const struct probe *p)
{
	regs->vtype = p->vtype;
	regs->vl = (vlenb * 2) >> (p->vtype >> 3);
}

/*
 * Set FS and VS, and return the values that they have then. A hart may know only
 * Off and Dirty.
 */
static u64 guest_set_status(u64 status)
{
	csr_clear(CSR_SSTATUS, SR_FS | SR_VS);
	csr_set(CSR_SSTATUS, status);

	return csr_read(CSR_SSTATUS) & (SR_FS | SR_VS);
}

static void guest_load_state(const struct probe *p)
{
	csr_set(CSR_SSTATUS, SR_FS | SR_VS);
	memcpy(buf, init_buf, BUF_SIZE);
	simd_load_fp(&init);
	set_state(&init, p);
	if (has_v)
		simd_load_v(&init);
	memset(&trap, 0, sizeof(trap));
}

static u64 guest_run_probe(const struct probe *p, bool user, u64 status, struct gprs *gprs)
{
	probe_stack[(STACK_OFFSET + SLOT) / 8] = STACK_VALUE;
	*gprs = (struct gprs) { (u64)(user ? user_address(buf) : buf),
				  p->csr ? CSR_VALUE : STRIDE, A2, 0 };
	return call_probe(p->code, user, status, gprs);
}

static void guest_store_state(struct simd_regs *regs)
{
	csr_set(CSR_SSTATUS, SR_FS | SR_VS);
	simd_store_fp(regs);
	if (has_v)
		simd_store_v(regs);
}

/* Make KVM load the given units, without changing any register. */
static void guest_touch(int units)
{
	u64 val;

	csr_set(CSR_SSTATUS, SR_FS | SR_VS);
	if (units & FP)
		asm volatile("fmv.x.d %0, f0" : "=r" (val));
	if ((units & VEC) && has_v)
		asm volatile("csrr %0, vl" : "=r" (val));
}

static const char *status_name(u64 status)
{
	static const char *const names[] = { "Off", "Initial", "Clean", "Dirty" };
	static char text[32];

	guest_snprintf(text, sizeof(text), "FS %s, VS %s", names[FS(status)], names[VS(status)]);
	return text;
}

#define CHECK(p, status, cond, fmt, ...)					\
	__GUEST_ASSERT(cond, "%s, %s: " fmt, (p)->name, status_name(status), ##__VA_ARGS__)

/* Return whether the probe changes the unit; a write need not. */
static bool changes(int unit)
{
	char why[SIMD_WHY_LEN];

	return unit == FP ? !simd_same_fp(&ref, &init, why) : !simd_same_v(&ref, &init, vlenb, why);
}

static void check_status(const struct probe *p, u64 before, u64 after, int unit,
			 u64 mask, bool executed)
{
	if (executed && (p->writes & unit) && changes(unit))
		CHECK(p, before, (after & mask) == mask, "sstatus is %lx", after);
	else if (!executed || !(p->needs & unit))
		CHECK(p, before, !((before ^ after) & mask), "sstatus is %lx", after);
	else	/* Hardware may make a unit Dirty without need. */
		CHECK(p, before, (after & mask) == mask || !((before ^ after) & mask),
		      "sstatus is %lx", after);
}

static void check_trap(const struct probe *p, bool user, u64 status)
{
	u64 epc = (u64)(user ? user_address(p->code) : p->code);

	CHECK(p, status, trap.count == 1, "%d traps, not 1", trap.count);
	CHECK(p, status, trap.cause == EXC_INST_ILLEGAL, "scause is %lx", trap.cause);
	CHECK(p, status, trap.epc == epc, "sepc is %lx, not %lx", trap.epc, epc);
	CHECK(p, status, trap.stval == insn_bits(p->code) || (!trap.stval && !stval_is_insn()),
	      "stval is %lx, not %lx", trap.stval, insn_bits(p->code));
	CHECK(p, status, !(trap.status & SR_SPP) == user, "sstatus is %lx", trap.status);
	CHECK(p, status, !((trap.status ^ status) & (SR_FS | SR_VS)),
	      "sstatus is %lx", trap.status);
}

static void check_state(const struct probe *p, u64 status, const struct simd_regs *want,
			const u8 *want_buf)
{
	u64 tail = 2 * vlenb + out.vl / 8;
	char why[SIMD_WHY_LEN];

	/* The bits of a mask from vl on may have any value after each run. */
	if (p->mask && want == &ref)
		memcpy(out.v + tail, ref.v + tail, 3 * vlenb - tail);
	CHECK(p, status, simd_same_fp(&out, want, why) &&
	      (!has_v || simd_same_v(&out, want, vlenb, why)), "%s", why);
	CHECK(p, status, !memcmp(buf, want_buf, BUF_SIZE), "wrong result in memory");
}

static bool executes(const struct probe *p, u64 status)
{
	return !(p->needs & ILLEGAL) && !((p->needs & FP) && !FS(status)) &&
	       !((p->needs & VEC) && !VS(status));
}

/*
 * How to run each probe: in U mode or not, after how many exits to the VMM,
 * which units to use between the last exit and the probe, and with which values
 * of FS and VS (all of them, or only Off and Dirty)
 */
struct scenario {
	bool user;
	int exits, touch, step;
	bool rv32;
};

enum { ALL = 1, ENDS = 3 };

static void check_probe(const struct probe *p, bool user, u64 before, u64 after,
			const struct gprs *gprs, const struct gprs *ref_gprs)
{
	bool executed = executes(p, before);

	check_status(p, before, after, FP, SR_FS, executed);
	check_status(p, before, after, VEC, SR_VS, executed);
	if (executed) {
		CHECK(p, before, !trap.count, "trapped");
		CHECK(p, before, gprs->a2 == ref_gprs->a2, "a2 is %lx, not %lx",
		      gprs->a2, ref_gprs->a2);
		CHECK(p, before, gprs->stack == ref_gprs->stack, "stored %lx, not %lx",
		      gprs->stack, ref_gprs->stack);
		check_state(p, before, &ref, ref_buf);
	} else {
		check_trap(p, user, before);
		CHECK(p, before, gprs->a2 == A2, "a2 is %lx", gprs->a2);
		CHECK(p, before, gprs->stack == STACK_VALUE, "stored %lx", gprs->stack);
		check_state(p, before, &init, init_buf);
	}
}

/*
 * QEMU does not make a Clean unit Dirty in HS-level sstatus when the guest
 * writes its CSRs (see simd.h). If the thread is preempted before another
 * instruction makes the unit Dirty, the write gets lost, which is not KVM's
 * fault. Probes that write CSRs are therefore retried if the CSRs differ.
 */
static bool same_csrs(const struct simd_regs *a, const struct simd_regs *b)
{
	return a->fcsr == b->fcsr && (!has_v || (a->vstart == b->vstart && a->vcsr == b->vcsr));
}

static void set_csrs(struct simd_regs *to, const struct simd_regs *from)
{
	to->fcsr = from->fcsr;
	to->vstart = from->vstart;
	to->vcsr = from->vcsr;
}

/*
 * Get the reference results: run the probe with all units loaded, so that
 * hardware executes it without a trap. Return false if it executes an
 * instruction that is only reserved; all harts refuse 0.
 */
static bool guest_reference(const struct probe *p, bool user, struct gprs *gprs)
{
	guest_load_state(p);
	guest_run_probe(p, user, SR_FS | SR_VS, gprs);
	guest_store_state(&ref);
	memcpy(ref_buf, buf, BUF_SIZE);
	if ((p->needs & ILLEGAL) && !trap.count && insn_bits(p->code))
		return false;
	CHECK(p, SR_FS | SR_VS, trap.count == !!(p->needs & ILLEGAL), "%d traps", trap.count);
	return true;
}

static void guest_run_scenario(const struct probe *p, const struct scenario *s, u64 status,
			       struct gprs *ref_gprs)
{
	int i, tries = MAX_TRIES;
	struct gprs gprs;
	u64 after;

	for (;;) {
		guest_load_state(p);
		for (i = 0; i < s->exits; i++)
			GUEST_SYNC(i);
		guest_touch(s->touch);
		after = guest_run_probe(p, s->user, status, &gprs);
		guest_store_state(&out);
		if (!p->csr || !executes(p, status) || same_csrs(&out, &ref) || !--tries)
			break;
		guest_reference(p, s->user, ref_gprs);
	}
	check_probe(p, s->user, status, after, &gprs, ref_gprs);
}

/*
 * The largest value of sstatus.VS: on a host without V the field may be
 * read-only zero.
 */
static u64 max_vs(void)
{
	return has_v ? SR_VS_DIRTY : SR_VS_OFF;
}

static void guest_code(struct scenario *s)
{
	const struct probe *p;
	struct gprs ref_gprs;
	u64 fs, vs;

	csr_set(CSR_SSTATUS, SR_SUM);
	if (s->rv32) {
		/*
		 * Write UXL in one step, because hardware need not support the
		 * other values of the field.
		 */
		csr_write(CSR_SSTATUS, (csr_read(CSR_SSTATUS) & ~SR_UXL) | SR_UXL_32);
		uxl32 = csr_read(CSR_SSTATUS) & SR_UXL;
		if (uxl32 != SR_UXL_32)
			GUEST_DONE();
	}
	for (p = probes; p < &probes[nr_probes]; p++) {
		if (p->rv32 != s->rv32)
			continue;
		if (!guest_reference(p, s->user, &ref_gprs))
			continue;
		for (fs = SR_FS_OFF; fs <= SR_FS_DIRTY; fs += s->step * SR_FS_INITIAL)
			for (vs = SR_VS_OFF; vs <= max_vs(); vs += s->step * SR_VS_INITIAL)
				if (guest_set_status(fs | vs) == (fs | vs))
					guest_run_scenario(p, s, fs | vs, &ref_gprs);
	}
	GUEST_DONE();
}

/*
 * Guest code: run one probe as the first FP or vector instruction of this vCPU.
 */
static void guest_first_insn(const struct probe *p)
{
	u64 status = guest_set_status(SR_FS_INITIAL | (max_vs() & SR_VS_INITIAL));
	struct gprs gprs, ref_gprs;
	u64 after;

	memset(&trap, 0, sizeof(trap));
	memcpy(buf, init_buf, BUF_SIZE);
	after = guest_run_probe(p, false, status, &gprs);
	guest_store_state(&out);
	first_trap = trap;
	memcpy(first_buf, buf, BUF_SIZE);

	if (!guest_reference(p, false, &ref_gprs))
		GUEST_DONE();
	/*
	 * The vCPU's first use cannot be retried if QEMU has lost a CSR write,
	 * so accept the difference.
	 */
	if (p->csr && !same_csrs(&out, &ref))
		set_csrs(&out, &ref);
	trap = first_trap;
	memcpy(buf, first_buf, BUF_SIZE);
	check_probe(p, false, status, after, &gprs, &ref_gprs);
	GUEST_DONE();
}

static void init_probes(struct kvm_vcpu *vcpu)
{
	int i, n = 0;

	fill_illegal_probes();
	fill_fp_probes();
	fill_csr_probes();
	fill_v_probes();
	fill_vfp_probes();
	fill_rv32_probes();
	for (i = 0; i < nr_probes; i++)
		if (probes[i].ext == ALWAYS || __vcpu_has_isa_ext(vcpu, probes[i].ext))
			probes[n++] = probes[i];
	nr_probes = n;
}

static void init_state(void)
{
	struct kvm_random_state rng = new_kvm_random_state(1);
	int i;

	/*
	 * Use small numbers, which are valid as indices of words in the buffer
	 * and raise no FP exceptions.
	 */
	for (i = 0; i < 32; i++)
		init.f[i] = (0x3ffUL + i % 8) << 52;
	init.fcsr = 2 << 5 | 0x12;
	init.vcsr = 4;
	for (i = 0; i < 32 * vlenb; i++)
		init.v[i] = i % 4 > 1 ? 0 : (i / 4 % 256 * 4) >> (i % 4 * 8);
	for (i = 0; i < BUF_SIZE; i++)
		init_buf[i] = kvm_random_u32(&rng);
}

static u64 *find_pte(struct kvm_vm *vm, gva_t gva)
{
	u64 *ptep = addr_gpa2hva(vm, vm->mmu.pgd);
	int level = vm->mmu.pgtable_levels - 1;

	for (;; level--) {
		ptep += gva >> (PGTBL_PAGE_SIZE_SHIFT + 9 * level) & 0x1ff;
		if (!level)
			return ptep;
		ptep = addr_gpa2hva(vm, (*ptep & PGTBL_PTE_ADDR_MASK) >> PGTBL_PTE_ADDR_SHIFT <<
					PGTBL_PAGE_SIZE_SHIFT);
	}
}

/*
 * S mode cannot execute from U-mode pages, so map these pages a second time for
 * U mode.
 */
static void map_for_user(struct kvm_vm *vm, const void *start, size_t size)
{
	gva_t gva = round_down((gva_t)start, PGTBL_PAGE_SIZE);
	gva_t user;

	for (; gva < (gva_t)start + size; gva += PGTBL_PAGE_SIZE) {
		user = gva + USER_OFFSET;
		/*
		 * The page may already be mapped, because the ranges may share
		 * pages.
		 */
		if (sparsebit_is_set(vm->vpages_mapped, user >> vm->page_shift))
			continue;
		virt_pg_map(vm, user, addr_gva2gpa(vm, gva));
		*find_pte(vm, user) |= PGTBL_PTE_USER_MASK;
	}
}

static void setup_guest(struct kvm_vcpu *vcpu)
{
	void *start = SYMBOL("__start_simd_probes");
	struct kvm_vm *vm = vcpu->vm;

	nr_probes = 0;
	init_probes(vcpu);
	has_v = __vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_V);
	vlenb = has_v ? vcpu_vlenb(vcpu) : 0;
	__TEST_REQUIRE(vlenb <= SIMD_MAX_VLENB, "vlenb is above SIMD_MAX_VLENB");
	init_state();

	vm_init_vector_tables(vm);
	vm_install_exception_handler(vm, EXC_INST_ILLEGAL, guest_take_illegal);
	vm_install_exception_handler(vm, EXC_SYSCALL, guest_user_ecall);
	map_for_user(vm, start, SYMBOL("__stop_simd_probes") - start);
	map_for_user(vm, csr_code, sizeof(csr_code));
	map_for_user(vm, buf, sizeof(buf));
	map_for_user(vm, probe_stack, sizeof(probe_stack));

	sync_global_to_guest(vm, probes);
	sync_global_to_guest(vm, nr_probes);
	sync_global_to_guest(vm, csr_code);
	sync_global_to_guest(vm, has_v);
	sync_global_to_guest(vm, vlenb);
	sync_global_to_guest(vm, init);
	sync_global_to_guest(vm, init_buf);
}

static void run_to_the_end(struct kvm_vcpu *vcpu)
{
	struct ucall uc;

	for (;;) {
		vcpu_run(vcpu);
		switch (get_ucall(vcpu, &uc)) {
		case UCALL_SYNC:
			break;
		case UCALL_DONE:
			return;
		case UCALL_ABORT:
			REPORT_GUEST_ASSERT(uc);
			break;
		default:
			TEST_FAIL("Unexpected exit reason %u, ucall %lu",
				  vcpu->run->exit_reason, uc.cmd);
		}
	}
}

/*
 * The firmware event ILLEGAL_INSN counts illegal-instruction traps that the SBI
 * implementation has seen. KVM must not count the traps with which it loads a
 * unit on demand.
 */
static void guest_fw_counter(void)
{
	u64 event = SBI_PMU_EVENT_TYPE_FW << 16 | SBI_PMU_FW_ILLEGAL_INSN;
	struct sbiret ret;
	u64 counter, i;

	ret = sbi_ecall(SBI_EXT_PMU, SBI_EXT_PMU_NUM_COUNTERS, 0, 0, 0, 0, 0, 0);
	GUEST_ASSERT_EQ(ret.error, 0);
	ret = sbi_ecall(SBI_EXT_PMU, SBI_EXT_PMU_COUNTER_CFG_MATCH, 0, BIT(ret.value) - 1,
			SBI_PMU_CFG_FLAG_CLEAR_VALUE | SBI_PMU_CFG_FLAG_AUTO_START, event, 0, 0);
	GUEST_ASSERT_EQ(ret.error, 0);
	counter = ret.value;

	for (i = 0; i < 4 * NR_IDLE; i++) {
		GUEST_SYNC(i);
		if (i % NR_IDLE < NR_IDLE / 2)
			guest_touch(BOTH);
	}
	ret = sbi_ecall(SBI_EXT_PMU, SBI_EXT_PMU_COUNTER_FW_READ, counter, 0, 0, 0, 0, 0);
	GUEST_ASSERT_EQ(ret.error, 0);
	GUEST_ASSERT_EQ(ret.value, 0);
	GUEST_DONE();
}

static bool have_simd_switch;
static char default_mode[SIMD_SWITCH_LEN];

/*
 * The mode of simd_switch, or NULL for the default one, and whether lazy traps
 * are traced. KVM handles a lazy trap right after the exit, unless it cannot
 * record the trap because an earlier one has not been traced yet. If two units
 * trap one after the other while traps are traced, KVM therefore handles the
 * second trap on its regular path.
 */
struct mode {
	const char *name;
	bool traced;
};

/* Return NULL, or why the mode cannot be tested. */
static const char *set_mode(const struct mode *mode)
{
	if (!have_simd_switch)
		return mode->name ? "no parameter simd_switch, or not root" : NULL;
	if (!simd_switch_set(mode->name ? : default_mode))
		return NO_LAZY_TRAP;
	if (!simd_trace_traps(mode->traced) && mode->traced)
		return "no trace event kvm_simd_trap";
	return NULL;
}

/*
 * KVM must load a unit after each trap for it, so that the unit does not trap
 * again before it has been loaded.
 */
static void check_traps(struct kvm_vcpu *vcpu)
{
	u64 fp_traps, vector_traps;

	if (!have_simd_switch)
		return;
	fp_traps = vcpu_get_stat(vcpu, fp_traps);
	TEST_ASSERT(fp_traps <= vcpu_get_stat(vcpu, fp_loads), "FP trapped %lu times, loaded %lu",
		    fp_traps, vcpu_get_stat(vcpu, fp_loads));
	vector_traps = vcpu_get_stat(vcpu, vector_traps);
	TEST_ASSERT(vector_traps <= vcpu_get_stat(vcpu, vector_loads),
		    "V trapped %lu times, loaded %lu", vector_traps,
		    vcpu_get_stat(vcpu, vector_loads));
}

FIXTURE(simd_trap) {
	struct kvm_vcpu *vcpu;
};

FIXTURE_VARIANT(simd_trap) {
	struct scenario s;
	struct mode mode;
};

FIXTURE_VARIANT_ADD(simd_trap, s_loaded) { .s = { false, 0, BOTH, ALL } };
FIXTURE_VARIANT_ADD(simd_trap, u_loaded) { .s = { true, 0, BOTH, ALL } };
FIXTURE_VARIANT_ADD(simd_trap, s_unloaded) { .s = { false, 1, NONE, ALL } };
FIXTURE_VARIANT_ADD(simd_trap, u_unloaded) { .s = { true, 1, NONE, ALL } };
FIXTURE_VARIANT_ADD(simd_trap, s_fp_loaded) { .s = { false, 1, FP, ENDS } };
FIXTURE_VARIANT_ADD(simd_trap, u_fp_loaded) { .s = { true, 1, FP, ENDS } };
FIXTURE_VARIANT_ADD(simd_trap, s_v_loaded) { .s = { false, 1, VEC, ENDS } };
FIXTURE_VARIANT_ADD(simd_trap, u_v_loaded) { .s = { true, 1, VEC, ENDS } };
FIXTURE_VARIANT_ADD(simd_trap, s_reloaded) { .s = { false, 1, BOTH, ENDS } };
FIXTURE_VARIANT_ADD(simd_trap, s_idle) { .s = { false, NR_IDLE, NONE, ENDS } };
FIXTURE_VARIANT_ADD(simd_trap, u32_loaded) { .s = { true, 0, BOTH, ALL, true } };
FIXTURE_VARIANT_ADD(simd_trap, u32_unloaded) { .s = { true, 1, NONE, ALL, true } };
FIXTURE_VARIANT_ADD(simd_trap, u32_v_loaded) { .s = { true, 1, VEC, ALL, true } };
FIXTURE_VARIANT_ADD(simd_trap, u32_idle) { .s = { true, NR_IDLE, NONE, ALL, true } };
FIXTURE_VARIANT_ADD(simd_trap, u_idle) { .s = { true, NR_IDLE, NONE, ENDS } };
FIXTURE_VARIANT_ADD(simd_trap, eager) {
	.s = { false, 1, NONE, ENDS }, .mode = { "eager" }
};

FIXTURE_VARIANT_ADD(simd_trap, lazy) {
	.s = { false, 1, NONE, ENDS }, .mode = { "lazy" }
};

FIXTURE_VARIANT_ADD(simd_trap, traced_fp_loaded) {
	.s = { false, 1, FP, ENDS }, .mode = { "lazy", .traced = true }
};

FIXTURE_VARIANT_ADD(simd_trap, traced_v_loaded) {
	.s = { true, 1, VEC, ENDS }, .mode = { "lazy", .traced = true }
};

FIXTURE_SETUP(simd_trap)
{
	const char *why = set_mode(&variant->mode);

	if (why)
		SKIP(return, "%s", why);
	vm_create_with_one_vcpu(&self->vcpu, guest_code);
	if (!__vcpu_has_isa_ext(self->vcpu, KVM_RISCV_ISA_EXT_D))
		SKIP(return, "no D");
	setup_guest(self->vcpu);
	vcpu_init_vector_tables(self->vcpu);
}

FIXTURE_TEARDOWN(simd_trap)
{
	kvm_vm_free(self->vcpu->vm);
}

/*
 * The timeout detects a livelock in which an instruction traps again and again.
 */
TEST_F_TIMEOUT(simd_trap, matrix, 120)
{
	gva_t gva = vm_alloc(self->vcpu->vm, sizeof(struct scenario), KVM_UTIL_MIN_VADDR);

	*(struct scenario *)addr_gva2hva(self->vcpu->vm, gva) = variant->s;
	vcpu_args_set(self->vcpu, 1, gva);
	run_to_the_end(self->vcpu);
	check_traps(self->vcpu);
	if (variant->s.rv32) {
		sync_global_from_guest(self->vcpu->vm, uxl32);
		if (uxl32 != SR_UXL_32)
			SKIP(return, "the hart has no 32-bit mode");
	}
	TH_LOG("%d instructions", nr_probes);
}

TEST(firmware_counter)
{
	static const struct mode mode = { "lazy", .traced = true };
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = vm_create_with_one_vcpu(&vcpu, guest_fw_counter);

	if (!__vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_D))
		SKIP(return, "no D");
	if (!__vcpu_has_sbi_ext(vcpu, KVM_RISCV_SBI_EXT_PMU))
		SKIP(return, "no SBI PMU for guests");
	/* Let KVM handle the second of two traps on its regular path. */
	if (set_mode(&mode))
		TH_LOG("The mode cannot be selected");
	setup_guest(vcpu);
	vcpu_init_vector_tables(vcpu);
	run_to_the_end(vcpu);
	EXPECT_EQ(vcpu_get_stat(vcpu, instr_illegal_exits), 0);
	kvm_vm_free(vm);
}

FIXTURE(simd_first) {
	struct kvm_vm *vm;
};

/*
 * KVM allocates vector memory if the VMM writes nonzero values, but not if it
 * writes zeros. Test a first use in both cases.
 */
FIXTURE_VARIANT(simd_first) {
	bool zeros;
	struct mode mode;
};

FIXTURE_VARIANT_ADD(simd_first, written) { false };
FIXTURE_VARIANT_ADD(simd_first, zeros) { true };
FIXTURE_VARIANT_ADD(simd_first, eager) { true, { "eager" } };
FIXTURE_VARIANT_ADD(simd_first, traced) { true, { "lazy", .traced = true } };

FIXTURE_SETUP(simd_first)
{
	const char *why = set_mode(&variant->mode);

	if (why)
		SKIP(return, "%s", why);
	self->vm = vm_create(MAX_PROBES);
}

FIXTURE_TEARDOWN(simd_first)
{
	kvm_vm_free(self->vm);
}

TEST_F_TIMEOUT(simd_first, instruction, 120)
{
	struct kvm_vm *vm = self->vm;
	struct kvm_vcpu *vcpu;
	int i;

	vcpu = vm_vcpu_add(vm, 0, guest_first_insn);
	if (!__vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_D))
		SKIP(return, "no D");
	setup_guest(vcpu);
	if (variant->zeros) {
		memset(&init, 0, sizeof(init));
		sync_global_to_guest(vm, init);
	}

	for (i = 0; i < nr_probes; i++) {
		if (probes[i].rv32)
			break;
		if (i)
			vcpu = vm_vcpu_add(vm, i, guest_first_insn);
		vcpu_init_vector_tables(vcpu);
		vcpu_args_set(vcpu, 1, &probes[i]);
		set_state(&init, &probes[i]);
		vcpu_set_fp(vcpu, &init);
		if (has_v)
			vcpu_set_v(vcpu, &init);
		run_to_the_end(vcpu);
		check_traps(vcpu);
	}
}

/*
 * Count what the guest cannot see: how often KVM loads a unit and takes a trap,
 * first in turns in which the guest uses FP and vectors, then in turns in which
 * it does not. In the latter the guest has switched the units off but executes
 * the instructions anyway. It must get these exceptions itself, and they are no
 * reason for KVM to load anything.
 */
#define NR_TURNS	20
#define RARE		5
#define NR_RARE		8

struct switch_stats {
	u64 loads, traps, misses;
};

/* The units that can be Clean, i.e. the hart tells whether a guest has used them */
static int tracks_use;

static void guest_turn(bool use)
{
	if (use)
		csr_set(CSR_SSTATUS, SR_FS | SR_VS);
	else
		csr_clear(CSR_SSTATUS, SR_FS | SR_VS);
	asm volatile("fmv.d.x ft0, zero" ::: "ft0", "memory");
	if (has_v)
		asm volatile(V_INSN("vsetivli zero, 1, e8, m1, ta, ma") ::: "memory");
}

static void guest_turns(int nr_used, int nr_idle)
{
	u64 status = guest_set_status(SR_FS_CLEAN | (max_vs() & SR_VS_CLEAN));
	int i;

	tracks_use = ((status & SR_FS) == SR_FS_CLEAN ? FP : 0) |
		     ((status & SR_VS) == SR_VS_CLEAN ? VEC : 0);
	for (i = 0; i < nr_used + nr_idle; i++) {
		GUEST_SYNC(i);
		guest_turn(i < nr_used);
	}
	GUEST_ASSERT_EQ(trap.count, nr_idle * (has_v ? 2 : 1));
	GUEST_DONE();
}

/* Run until the guest reports that TURN begins, or that it has finished. */
static void run_to_turn(struct kvm_vcpu *vcpu, u64 turn)
{
	struct ucall uc;

	do {
		vcpu_run(vcpu);
		if (get_ucall(vcpu, &uc) == UCALL_ABORT)
			REPORT_GUEST_ASSERT(uc);
	} while (uc.cmd == UCALL_SYNC && uc.args[1] != turn);
}

static struct switch_stats get_switch_stats(struct kvm_vcpu *vcpu, int unit)
{
	struct switch_stats stats;

	if (unit == FP) {
		stats.loads = vcpu_get_stat(vcpu, fp_loads);
		stats.traps = vcpu_get_stat(vcpu, fp_traps);
		stats.misses = vcpu_get_stat(vcpu, fp_eager_misses);
	} else {
		stats.loads = vcpu_get_stat(vcpu, vector_loads);
		stats.traps = vcpu_get_stat(vcpu, vector_traps);
		stats.misses = vcpu_get_stat(vcpu, vector_eager_misses);
	}
	return stats;
}

/*
 * The module simd_hook, which is part of the test environment, makes each
 * loaded unit Dirty, as a hart that does not track writes may do.
 */
#define HOOK		"/sys/module/simd_hook/parameters/"
#define NO_HOOK		"no module simd_hook (part of the test environment), or not root"
#define NR_FORGETFUL	600

static bool put_hook(const char *param, const char *value)
{
	char path[80];
	int fd;

	snprintf(path, sizeof(path), HOOK "%s", param);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return false;
	TEST_ASSERT_EQ(write(fd, value, strlen(value)), strlen(value));
	close(fd);
	return true;
}

/* Undo what a test has asked of the module, even one that has failed. */
static void reset_hook(void)
{
	put_hook("dirty", "0");
}

FIXTURE(simd_switch) {
	struct kvm_vcpu *vcpu;
};

FIXTURE_VARIANT(simd_switch) {
	const char *mode;
	/*
	 * In NR_TURNS turns that use FP and vectors. Preemption may add traps
	 * and loads.
	 */
	int min_traps, max_traps, min_loads;
	/* In NR_TURNS idle turns, in which each load is a miss */
	int min_idle_loads, max_idle_loads;
	/*
	 * In NR_RARE uses of both units, which are so rare that each of them
	 * traps
	 */
	int min_rare_traps, max_rare_traps;
};

FIXTURE_VARIANT_ADD(simd_switch, eager) {
	"eager", 0, 0, NR_TURNS, NR_TURNS, INT_MAX, 0, 0
};

FIXTURE_VARIANT_ADD(simd_switch, lazy) {
	"lazy", NR_TURNS, INT_MAX, NR_TURNS, 0, 0, 2 * NR_RARE, INT_MAX
};

FIXTURE_VARIANT_ADD(simd_switch, adaptive) {
	"adaptive", 1, NR_TURNS / 2, NR_TURNS, 1, NR_TURNS / 2, NR_RARE, NR_RARE + NR_RARE / 2
};

FIXTURE_SETUP(simd_switch)
{
	if (!have_simd_switch)
		SKIP(return, "no parameter simd_switch, or not root");
	if (strcmp(variant->mode, "eager") && !has_lazy_trap())
		SKIP(return, NO_LAZY_TRAP);
	simd_trace_traps(false);

	vm_create_with_one_vcpu(&self->vcpu, guest_turns);
	if (!__vcpu_has_isa_ext(self->vcpu, KVM_RISCV_ISA_EXT_D))
		SKIP(return, "no D");
	has_v = __vcpu_has_isa_ext(self->vcpu, KVM_RISCV_ISA_EXT_V);
	sync_global_to_guest(self->vcpu->vm, has_v);
	vm_init_vector_tables(self->vcpu->vm);
	vcpu_init_vector_tables(self->vcpu);
	vm_install_exception_handler(self->vcpu->vm, EXC_INST_ILLEGAL, guest_take_illegal);
	reset_hook();
	simd_switch_set(variant->mode);
}

FIXTURE_TEARDOWN(simd_switch)
{
	kvm_vm_free(self->vcpu->vm);
}

TEST_F(simd_switch, loads_and_traps)
{
	static const int units[] = { FP, VEC };
	struct switch_stats idle[2], end;
	int i, n = has_v ? 2 : 1;

	vcpu_args_set(self->vcpu, 2, (u64)NR_TURNS, (u64)NR_TURNS);
	run_to_turn(self->vcpu, NR_TURNS);
	for (i = 0; i < n; i++) {
		idle[i] = get_switch_stats(self->vcpu, units[i]);
		EXPECT_GE(idle[i].traps, variant->min_traps);
		EXPECT_LE(idle[i].traps, variant->max_traps);
		EXPECT_GE(idle[i].loads, variant->min_loads);
	}

	run_to_turn(self->vcpu, -1);
	sync_global_from_guest(self->vcpu->vm, tracks_use);
	for (i = 0; i < n; i++) {
		end = get_switch_stats(self->vcpu, units[i]);
		EXPECT_EQ(end.traps, idle[i].traps);
		if (!(tracks_use & units[i]))
			continue;
		EXPECT_GE(end.misses - idle[i].misses, variant->min_idle_loads);
		EXPECT_LE(end.misses - idle[i].misses, variant->max_idle_loads);
		EXPECT_GE(end.loads - idle[i].loads, variant->min_idle_loads);
		EXPECT_LE(end.loads - idle[i].loads, variant->max_idle_loads);
	}
}

/*
 * Eager mode must load the registers before the guest runs for the first time,
 * so that a speculative read by the guest (LazyFP) finds no other owner's
 * values.
 */
TEST_F(simd_switch, loaded_before_the_guest_runs)
{
	bool eager = !strcmp(variant->mode, "eager");

	vcpu_args_set(self->vcpu, 2, 0UL, 1UL);
	run_to_turn(self->vcpu, 0);
	EXPECT_EQ(!!vcpu_get_stat(self->vcpu, fp_loads), eager);
	EXPECT_EQ(!!vcpu_get_stat(self->vcpu, vector_loads), eager && has_v);
}

/*
 * Guest code: use both units together in each fifth turn only. One trap should
 * then load both.
 */
static void guest_rarely(void)
{
	int i;

	for (i = 0; i < NR_RARE * RARE; i++) {
		GUEST_SYNC(i);
		if (i % RARE == 0)
			guest_turn(true);
	}
	GUEST_DONE();
}

TEST_F(simd_switch, one_trap_for_both)
{
	u64 traps;

	if (!has_v)
		SKIP(return, "no V");
	vcpu_arch_set_entry_point(self->vcpu, guest_rarely);
	run_to_turn(self->vcpu, -1);
	traps = vcpu_get_stat(self->vcpu, fp_traps) + vcpu_get_stat(self->vcpu, vector_traps);
	EXPECT_GE(traps, variant->min_rare_traps);
	EXPECT_LE(traps, variant->max_rare_traps);
}

/*
 * Even on a hart that always reports Dirty, KVM must notice that the guest no
 * longer uses a unit.
 */
TEST_F(simd_switch, always_dirty)
{
	bool eager = !strcmp(variant->mode, "eager");
	u64 loads;

	if (!put_hook("dirty", "1"))
		SKIP(return, NO_HOOK);
	vcpu_args_set(self->vcpu, 2, (u64)NR_TURNS, (u64)NR_FORGETFUL);
	run_to_turn(self->vcpu, NR_TURNS + NR_FORGETFUL / 2);
	loads = vcpu_get_stat(self->vcpu, fp_loads);
	run_to_turn(self->vcpu, -1);
	loads = vcpu_get_stat(self->vcpu, fp_loads) - loads;
	put_hook("dirty", "0");

	EXPECT_GE(loads, eager ? NR_FORGETFUL / 2 : 0);
	EXPECT_LE(loads, eager ? INT_MAX : NR_FORGETFUL / 20);
}

static void take_signal(int nr)
{
}

/*
 * Let the trace event kvm_simd_trap send SIGUSR1 to this process. Returns the
 * event's file descriptor, or -1 if that is not possible.
 */
static int signal_at_trap(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.sample_period = 1,
	};
	FILE *f = fopen("/sys/kernel/tracing/events/kvm/kvm_simd_trap/id", "r");
	int fd;

	if (!f)
		return -1;
	TEST_ASSERT_EQ(fscanf(f, "%llu", &attr.config), 1);
	fclose(f);
	fd = syscall(__NR_perf_event_open, &attr, 0, -1, -1, 0);
	if (fd < 0)
		return -1;
	TEST_ASSERT(!fcntl(fd, F_SETOWN, getpid()) && !fcntl(fd, F_SETSIG, SIGUSR1) &&
		    !fcntl(fd, F_SETFL, O_ASYNC), "fcntl() failed: %s", strerror(errno));

	return fd;
}

/*
 * If a signal arrives between the trap and the next guest entry, KVM must still
 * load the unit at that entry, so that the guest does not trap again.
 */
TEST_F(simd_switch, signal_after_the_trap)
{
	int fd, n = 0;

	if (!has_v)
		SKIP(return, "no V");
	signal(SIGUSR1, take_signal);
	fd = signal_at_trap();
	if (fd < 0)
		SKIP(return, "no perf event for kvm_simd_trap");
	vcpu_args_set(self->vcpu, 2, 1UL, 0UL);
	run_to_turn(self->vcpu, 0);
	while (__vcpu_run(self->vcpu) == -1 && errno == EINTR)
		TEST_ASSERT(n++ < 10, "KVM_RUN was interrupted too often");
	close(fd);

	EXPECT_EQ(!!n, !!variant->min_traps);
	EXPECT_EQ(vcpu_get_stat(self->vcpu, vector_traps), !!variant->min_traps);
}

int main(int argc, char *argv[])
{
	simd_switch_get(default_mode);
	have_simd_switch = simd_switch_restore_at_exit();
	atexit(reset_hook);

	return test_harness_run(argc, argv);
}
