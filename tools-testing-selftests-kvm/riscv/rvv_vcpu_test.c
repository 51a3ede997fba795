// SPDX-License-Identifier: GPL-2.0
/*
 * rvv_vcpu_test.c - Emulate a running guest's vector instructions
 *
 * The guest's program has an ebreak before each vector instruction. The test
 * runs the program in three ways. First, the VMM only steps over the ebreaks,
 * and hardware executes the vector instructions. Second, the VMM emulates the
 * instruction that follows each ebreak. Third, VMs whose vector length is not
 * the host's run the program: there the VMM steps over the ebreaks and emulates
 * the instructions that KVM leaves to it. In some of those VMs nops replace the
 * ebreaks, and after each emulated instruction the VMM goes on to emulate the
 * instructions that follow. The program does not assume a vector length but
 * gets it from vset*. Its results and its exceptions must be the same every
 * time.
 */
#include "isa_util.h"
#include "kvm_util.h"
#include "processor.h"
#include "rvv.h"
#include "simd.h"
#include "ucall_common.h"

#define NR_ITEMS	600
#define MAX_TRAPS	8
#define DATA_GVA	0x40000000UL
#define READ_ONLY_GVA	0x50000000UL

#define V(insn)		".option push\n"			\
			".option norvc\n"			\
			".option arch, +v\n"			\
			".pushsection ebreaks, \"aw\"\n"		\
			".balign 8\n"				\
			".dword 99f\n"				\
			".popsection\n"				\
			"99:\n"					\
			"ebreak\n" insn "\n"			\
			".option pop\n"

#define INSN_NOP	0x13

/*
 * QEMU 10.0 does not make FS Dirty when a vector instruction raises fflags, so
 * KVM would not save the flags.
 */
#define FS_DIRTY	"fsgnj.d ft0, ft0, ft0\n"

struct trap {
	u64 cause, tval, vstart, offset;
};

static struct results {
	u32 ints[NR_ITEMS];
	double floats[NR_ITEMS];
	u64 count, first, fflags, status, loaded;
	double sum;
	u8 partial[4096];
	int nr_traps;
	struct trap traps[MAX_TRAPS];
} results;

static u32 input[NR_ITEMS];
static u64 insn_addr;

static u64 read_vstart(void)
{
	u64 v;

	asm volatile("csrr %0, 0x008" : "=r" (v));
	return v;
}

/*
 * Record an exception and skip the faulting instruction, which follows the
 * ebreak at insn_addr.
 */
static void guest_trap(struct pt_regs *regs)
{
	struct trap *t = &results.traps[results.nr_traps++ % MAX_TRAPS];

	t->vstart = read_vstart();
	t->cause = regs->cause;
	t->tval = regs->badaddr;
	/* Some harts report no instruction. */
	if (t->cause == EXC_INST_ILLEGAL && !t->tval)
		memcpy(&t->tval, (void *)regs->epc, 4);
	t->offset = regs->epc - insn_addr;
	regs->epc += 4;
	/*
	 * Clear vstart, and make VS Dirty, which csrw does not do in QEMU 10.0.
	 */
	asm volatile("csrw 0x008, zero\n"
		     ".option push\n"
		     ".option arch, +v\n"
		     "vmv1r.v v31, v31\n"
		     ".option pop");
}

/* y = ((x * 3) >> 1) ^ i, where x is odd; and its square root */
static void guest_compute(void)
{
	u32 *in = input, *out = results.ints;
	double *d = results.floats;
	u64 n = NR_ITEMS, i = 0, vl;

	while (n) {
		asm volatile(V("vsetvli %0, %1, e32, m2, ta, mu")
			     V("vle32.v v4, (%2)")
			     V("vand.vi v6, v4, 1")
			     V("vmsne.vi v0, v6, 0")
			     V("vmul.vx v4, v4, %6, v0.t")
			     V("vsrl.vi v4, v4, 1, v0.t")
			     V("vid.v v8")
			     V("vadd.vx v8, v8, %5")
			     V("vxor.vv v4, v4, v8, v0.t")
			     V("vse32.v v4, (%3)")
			     V("vfwcvt.f.xu.v v12, v4")
			     V("vsetvli zero, zero, e64, m4, ta, mu")
			     V("vfsqrt.v v12, v12")
			     FS_DIRTY
			     V("vse64.v v12, (%4)")
			     : "=&r" (vl)
			     : "r" (n), "r" (in), "r" (out), "r" (d), "r" (i), "r" (3)
			     : "ft0", "memory");
		in += vl;
		out += vl;
		d += vl;
		i += vl;
		n -= vl;
	}

	asm volatile(V("vsetivli zero, 16, e64, m8, ta, ma")
		     V("vle64.v v8, (%4)")
		     V("vmv.v.i v16, 0")
		     V("vfredosum.vs v24, v8, v16")
		     FS_DIRTY
		     V("vfmv.f.s %3, v24")
		     V("vmsgtu.vi v0, v8, 0")
		     V("vcpop.m %0, v0")
		     V("vfirst.m %1, v0")
		     "csrr %2, fflags\n"
		     : "=&r" (results.count), "=&r" (results.first),
		       "=&r" (results.fflags), "=&f" (results.sum)
		     : "r" (results.floats) : "ft0");
}

/* Define a function with an instruction whose trap the test records. */
#define TRAPPING(_name, _insn)						\
static void guest_##_name(void *p)					\
{									\
	asm volatile(".option push\n"					\
		     ".option norvc\n"					\
		     "la t0, 1f\n"					\
		     "sd t0, 0(%1)\n"					\
		     "1:\n"						\
		     ".option pop\n"					\
		     V(_insn) :: "r" (p), "r" (&insn_addr) : "t0", "memory"); \
}

TRAPPING(load, "vle8.v v8, (%0)")
TRAPPING(store, "vse8.v v8, (%0)")
TRAPPING(load_first, "vle8ff.v v8, (%0)")
TRAPPING(load_words, "vle32.v v8, (%0)")
TRAPPING(fadd, "vfadd.vv v8, v8, v8")
TRAPPING(reduce, "vredsum.vs v8, v8, v8")

static void guest_traps(u64 page_size)
{
	/* Of the eight bytes at END, three are mapped and five are not. */
	void *end = (void *)DATA_GVA + page_size - 3;
	u64 n, vl;

	memset(end, 0x5a, 3);
	asm volatile(V("vsetivli zero, 8, e8, m1, tu, mu")
		     V("vid.v v8"));
	guest_load(end);
	guest_store(end);
	/* Each of these loads may stop after one byte or more. */
	for (n = 0; n < 3; n += vl) {
		guest_load_first(end + n);
		asm volatile(V("csrr %0, vl")
			     V("vse8.v v8, (%1)")
			     V("vsetivli zero, 8, e8, m1, tu, mu")
			     : "=&r" (vl) : "r" (results.partial + n) : "memory");
	}
	results.loaded = n;
	guest_store((void *)READ_ONLY_GVA);

	/* A reduction has to start at element 0. */
	asm volatile("csrwi 0x008, 1");	/* vstart */
	guest_reduce(end);

	/*
	 * The second word crosses from the mapped page into the unmapped one.
	 */
	asm volatile(V("vsetivli zero, 2, e32, m1, tu, mu"));
	guest_load_words(end - 3);

	csr_clear(CSR_SSTATUS, SR_FS);
	guest_fadd(end);
	csr_set(CSR_SSTATUS, SR_FS);

	/* Set VS to Clean: the vector instruction must make it Dirty. */
	csr_clear(CSR_SSTATUS, SR_VS);
	csr_set(CSR_SSTATUS, SR_VS_CLEAN);
	asm volatile(V("vadd.vi v8, v8, 1"));
	results.status = csr_read(CSR_SSTATUS) & SR_VS;
}

static void guest_code(u64 page_size)
{
	csr_set(CSR_SSTATUS, SR_FS | SR_VS);
	guest_compute();
	guest_traps(page_size);
	GUEST_DONE();
}

static void make_read_only(struct kvm_vm *vm, gva_t gva)
{
	int level = vm->mmu.pgtable_levels - 1;
	gpa_t table = vm->mmu.pgd;
	u64 *pte;

	for (;; level--) {
		pte = addr_gpa2hva(vm, table);
		pte += (gva >> (PGTBL_PAGE_SIZE_SHIFT + 9 * level)) % 512;
		if (!level)
			break;
		table = *pte >> PGTBL_PTE_ADDR_SHIFT << PGTBL_PAGE_SIZE_SHIFT;
	}
	*pte &= ~PGTBL_PTE_WRITE_MASK;
}

static void step_over_ebreak(struct kvm_vcpu *vcpu)
{
	u64 pc = vcpu_get_reg(vcpu, RISCV_CORE_REG(regs.pc));

	vcpu_set_reg(vcpu, RISCV_CORE_REG(regs.pc), pc + 4);
}

/* Return whether KVM emulates the instruction itself (vset*). */
static bool is_vset(u32 insn)
{
	return (insn & 0x707f) == 0x7057;
}

/* How the instructions of a VM are emulated, if not by hardware */
enum how { NATIVE, ONE_REG, SYNCED, AHEAD, UNIT };

static const char *const how_names[] = {
	[ONE_REG] = "through ONE_REG",
	[SYNCED] = "on registers in kvm_run",
	[AHEAD] = "together with those that follow",
	[UNIT] = "with the host's vector unit",
};

static void remove_ebreaks(struct kvm_vm *vm)
{
	u64 *p, *end;

	/* The linker defines these symbols for the section. */
	asm("lla %0, __start_ebreaks\n"
	    "lla %1, __stop_ebreaks" : "=&r" (p), "=r" (end));
	for (; p < end; p++)
		*(u32 *)addr_gva2hva(vm, *p) = INSN_NOP;
}

/* Run the program in a new VM. If VLENB is 0, the VM has the host's vlenb. */
static u64 run(u64 vlenb, enum how how, struct results *r)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_RISCV_GUEST_VLENB,
		.args = { vlenb, KVM_RISCV_VLENB_USER_EXIT },
	};
	struct kvm_guest_debug debug = { .control = KVM_GUESTDBG_ENABLE };
	u64 emulated = 0, page_size, pc;
	struct kvm_vcpu *vcpu;
	struct rvv_vcpu rvv;
	struct kvm_vm *vm;
	struct ucall uc;
	u32 insn;
	int i;

	vm = vm_create(1);
	if (vlenb)
		vm_ioctl(vm, KVM_ENABLE_CAP, &cap);
	vcpu = vm_vcpu_add(vm, 0, guest_code);
	TEST_REQUIRE(__vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_V));
	page_size = vm->page_size;
	vcpu_args_set(vcpu, 1, page_size);
	TEST_ASSERT_EQ(vm_alloc(vm, page_size, DATA_GVA), DATA_GVA);
	TEST_ASSERT_EQ(vm_alloc(vm, page_size, READ_ONLY_GVA), READ_ONLY_GVA);
	make_read_only(vm, READ_ONLY_GVA);

	vm_init_vector_tables(vm);
	vcpu_init_vector_tables(vcpu);
	vm_install_exception_handler(vm, EXC_INST_ILLEGAL, guest_trap);
	vm_install_exception_handler(vm, EXC_LOAD_MISALIGNED, guest_trap);
	vm_install_exception_handler(vm, EXC_LOAD_ACCESS, guest_trap);
	vm_install_exception_handler(vm, EXC_LOAD_PAGE_FAULT, guest_trap);
	vm_install_exception_handler(vm, EXC_STORE_PAGE_FAULT, guest_trap);

	for (i = 0; i < NR_ITEMS; i++)
		input[i] = i * 2654435761U;
	sync_global_to_guest(vm, input);
	vcpu_guest_debug_set(vcpu, &debug);
	if (how >= SYNCED)
		rvv_vcpu_init(&rvv, vcpu);
	if (how >= AHEAD) {
		remove_ebreaks(vm);
		rvv.run_ahead = RVV_RUN_AHEAD;
		rvv.s->unit = how == UNIT;
	}

	for (;;) {
		vcpu_run(vcpu);
		if (vcpu->run->exit_reason == KVM_EXIT_DEBUG) {
			step_over_ebreak(vcpu);
			if (vlenb || how == NATIVE)
				continue;
			pc = vcpu_get_reg(vcpu, RISCV_CORE_REG(regs.pc));
			insn = *(u32 *)addr_gva2hva(vm, pc);
		} else if (vcpu->run->exit_reason == KVM_EXIT_RISCV_VECTOR) {
			insn = vcpu->run->riscv_vector.insn;
			TEST_ASSERT(vlenb && !is_vset(insn),
				    "Unexpected KVM_EXIT_RISCV_VECTOR for 0x%x", insn);
		} else {
			break;
		}
		if (how >= SYNCED)
			rvv_vcpu_emulate(&rvv);
		else
			vcpu_emulate_vector(vcpu, insn);
		emulated++;
	}
	TEST_ASSERT(get_ucall(vcpu, &uc) == UCALL_DONE, "Unexpected exit reason %u",
		    vcpu->run->exit_reason);
	sync_global_from_guest(vm, results);
	/* Unlike the emulator, a hart need not support misaligned elements. */
	if (!emulated && (results.traps[4].cause == EXC_LOAD_MISALIGNED ||
			  results.traps[4].cause == EXC_LOAD_ACCESS))
		results.traps[4] = (struct trap) {
			EXC_LOAD_PAGE_FAULT, DATA_GVA + page_size, 1, results.traps[4].offset
		};
	*r = results;
	if (how >= AHEAD) {
		pr_info("%lu exits, %lu instructions ahead\n", emulated, rvv.nr_ahead);
		TEST_ASSERT(rvv.nr_ahead > 3 * emulated, "The VMM did not go on");
	}
	if (how >= SYNCED)
		rvv_vcpu_free(&rvv);
	kvm_vm_free(vm);
	return emulated;
}

static void check_traps(const struct results *r)
{
	static const struct trap want[] = {
		{ EXC_LOAD_PAGE_FAULT, DATA_GVA + PGTBL_PAGE_SIZE, 3, 4 },
		{ EXC_STORE_PAGE_FAULT, DATA_GVA + PGTBL_PAGE_SIZE, 3, 4 },
		{ EXC_STORE_PAGE_FAULT, READ_ONLY_GVA, 0, 4 },
		{ EXC_INST_ILLEGAL, 0x02842457, 1, 4 },
		{ EXC_LOAD_PAGE_FAULT, DATA_GVA + PGTBL_PAGE_SIZE, 1, 4 },
		{ EXC_INST_ILLEGAL, 0x02841457, 0, 4 },
	};
	int i;

	TEST_ASSERT_EQ(r->nr_traps, ARRAY_SIZE(want));
	for (i = 0; i < ARRAY_SIZE(want); i++) {
		TEST_ASSERT_EQ(r->traps[i].cause, want[i].cause);
		TEST_ASSERT_EQ(r->traps[i].tval, want[i].tval);
		TEST_ASSERT_EQ(r->traps[i].vstart, want[i].vstart);
		TEST_ASSERT_EQ(r->traps[i].offset, want[i].offset);
	}
	TEST_ASSERT_EQ(r->status, SR_VS_DIRTY);
	TEST_ASSERT(r->fflags, "All square roots were exact, so no flag was raised");
}

static void run_and_compare(u64 vlenb, enum how how, const struct results *native)
{
	static struct results emulated;
	u64 n = run(vlenb, how, &emulated);

	check_traps(&emulated);
	TEST_ASSERT(!memcmp(native, &emulated, sizeof(emulated)),
		    "vlenb %lu: the emulator's results differ from the hardware's", vlenb);
	if (vlenb)
		pr_info("vlenb %lu: %lu instructions emulated %s\n", vlenb, n, how_names[how]);
	else
		pr_info("at ebreaks: %lu instructions emulated\n", n);
	TEST_ASSERT(n, "Nothing was emulated");
}

int main(void)
{
	static const u64 vlenbs[] = { 16, 32, 128, 1024, RVV_MAX_VLENB };
	static struct results native;
	u64 host;
	int i;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_SET_GUEST_DEBUG));
	host = kvm_host_vlenb();

	run(0, NATIVE, &native);
	check_traps(&native);
	run_and_compare(0, ONE_REG, &native);
	if (!host) {
		pr_info("other lengths: no KVM_CAP_RISCV_GUEST_VLENB\n");
		return 0;
	}
	for (i = 0; i < ARRAY_SIZE(vlenbs); i++) {
		if (vlenbs[i] == host)
			continue;
		run_and_compare(vlenbs[i], ONE_REG, &native);
		run_and_compare(vlenbs[i], SYNCED, &native);
		run_and_compare(vlenbs[i], AHEAD, &native);
		if (rvv_have_unit(vlenbs[i]))
			run_and_compare(vlenbs[i], UNIT, &native);
	}
	return 0;
}
