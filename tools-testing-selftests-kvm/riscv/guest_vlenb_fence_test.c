// SPDX-License-Identifier: GPL-2.0
/*
 * guest_vlenb_fence_test.c - Test remote fences against instructions that the
 * VMM emulates.
 *
 * When one vCPU requests a remote fence while the VMM is emulating an
 * instruction of another vCPU, the fence must wait until the emulation is over,
 * because the VMM may have fetched the instruction or translated an address
 * before the fence.
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "isa_util.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "rvv.h"
#include "sbi.h"
#include "simd.h"
#include "ucall_common.h"

#define DELAY_NS	20000
#define NR_MEM_OPS	20

#define PAGE_GVA	0x40000000UL	/* the page that moves */
#define PTE_GVA		0x50000000UL	/* the page table that maps it */
#define FRAMES_GVA	0x60000000UL	/* the two frames it moves between */
#define POISON		0xdeaddeaddeaddeadUL

#define INSN_VSE64	0x02057427UL	/* vse64.v v8, (a0) */

#define SBI_RFENCE_FENCE_I	0
#define SBI_RFENCE_SFENCE_VMA	1
#define SBI_RFENCE_SFENCE_ASID	2

/*
 * Who performs the guest's stores: the VMM through its own translation,
 * KVM_RISCV_MEM_OP, or the emulator
 */
enum { BY_VMM, BY_MEM_OP, BY_EMULATOR };

static u64 how, nr_moves, moved_pte[2];
static u64 stored, nr_lost, nr_stale, done;

static u64 other_vlenb(void)
{
	return kvm_host_vlenb() == 64 ? 32 : 64;
}

static void fence(int fid, u64 mask, u64 addr, u64 size)
{
	sbi_ecall(SBI_EXT_RFENCE, fid, mask, 0, addr, size, 0, 0);
}

static void guest_page_fault(struct pt_regs *regs)
{
	asm volatile("sfence.vma" ::: "memory");
}

/*
 * Guest code: store increasing numbers. After each store the number must be in
 * memory, in whichever frame the page is then.
 */
static void guest_store(void)
{
	u64 *page = (u64 *)PAGE_GVA;
	u64 i;

	csr_set(CSR_SSTATUS, SR_VS);
	asm volatile(V_INSN("vsetivli zero, 1, e64, m1, ta, ma"));

	for (i = 1; !READ_ONCE(done); i++) {
		if (how == BY_MEM_OP)
			GUEST_SYNC(i);
		else
			asm volatile("mv a0, %0\n"
				     V_INSN("vmv.v.x v8, %1\n"
					    "vse64.v v8, (a0)")
				     :: "r" (page), "r" (i) : "a0", "memory");
		if (READ_ONCE(*page) != i)
			WRITE_ONCE(nr_lost, nr_lost + 1);
		WRITE_ONCE(stored, i);
	}
	GUEST_DONE();
}

/*
 * Guest code: move the page between two frames as an operating system does, by
 * invalidating its PTE, fencing, and copying it.
 */
static void guest_move(void)
{
	u64 *pte = (u64 *)PTE_GVA + PAGE_GVA / PGTBL_PAGE_SIZE % 512;
	u64 *frame[2] = {
		(u64 *)FRAMES_GVA,
		(u64 *)(FRAMES_GVA + PGTBL_PAGE_SIZE),
	};
	u64 i, before;

	frame[1][0] = POISON;
	for (i = 0; i < nr_moves; i++) {
		u64 *old = frame[i % 2], *new = frame[(i + 1) % 2];

		before = READ_ONCE(stored);
		WRITE_ONCE(*pte, 0);
		asm volatile("sfence.vma" ::: "memory");
		fence(SBI_RFENCE_SFENCE_VMA, BIT(1), PAGE_GVA, PGTBL_PAGE_SIZE);

		if (READ_ONCE(*new) != POISON)
			WRITE_ONCE(nr_stale, nr_stale + 1);
		WRITE_ONCE(*new, READ_ONCE(*old));
		WRITE_ONCE(*old, POISON);
		asm volatile("fence rw, rw" ::: "memory");
		WRITE_ONCE(*pte, moved_pte[(i + 1) % 2]);
		asm volatile("sfence.vma" ::: "memory");

		while (READ_ONCE(stored) == before)
			cpu_relax();
		if (READ_ONCE(*old) != POISON)
			WRITE_ONCE(nr_stale, nr_stale + 1);
	}
	WRITE_ONCE(done, 1);
	GUEST_DONE();
}

static u64 *host_pte(struct kvm_vm *vm, gva_t gva, gpa_t *table)
{
	int level = vm->mmu.pgtable_levels - 1;
	u64 *pte;

	for (*table = vm->mmu.pgd;; level--) {
		pte = addr_gpa2hva(vm, *table);
		pte += (gva >> (PGTBL_PAGE_SIZE_SHIFT + 9 * level)) % 512;
		if (!level)
			return pte;
		*table = *pte >> PGTBL_PTE_ADDR_SHIFT << PGTBL_PAGE_SIZE_SHIFT;
	}
}

static struct kvm_vm *create(struct kvm_vcpu **mover, void *move,
			     struct kvm_vcpu **storer, void *store)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_RISCV_GUEST_VLENB,
		.args = { other_vlenb(), KVM_RISCV_VLENB_USER_EXIT },
	};
	struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };
	struct kvm_vm *vm = vm_create(2);
	gpa_t table, pfn;
	u64 *pte;

	vm_ioctl(vm, KVM_ENABLE_CAP, &cap);
	*mover = vm_vcpu_add(vm, 0, move);
	*storer = vm_vcpu_add(vm, 1, store);
	vcpu_mp_state_set(*storer, &runnable);
	vm_init_vector_tables(vm);
	vcpu_init_vector_tables(*mover);
	vcpu_init_vector_tables(*storer);
	vm_install_exception_handler(vm, EXC_LOAD_PAGE_FAULT, guest_page_fault);
	vm_install_exception_handler(vm, EXC_STORE_PAGE_FAULT, guest_page_fault);

	TEST_ASSERT_EQ(vm_alloc(vm, 2 * vm->page_size, FRAMES_GVA), FRAMES_GVA);
	virt_map(vm, PAGE_GVA, addr_gva2gpa(vm, FRAMES_GVA), 1);
	pte = host_pte(vm, PAGE_GVA, &table);
	moved_pte[0] = *pte;
	pfn = addr_gva2gpa(vm, FRAMES_GVA + vm->page_size) >> PGTBL_PAGE_SIZE_SHIFT;
	moved_pte[1] = (*pte & ~PGTBL_PTE_ADDR_MASK) | pfn << PGTBL_PTE_ADDR_SHIFT;
	virt_map(vm, PTE_GVA, table, 1);
	sync_global_to_guest(vm, moved_pte);

	return vm;
}

static void advance(struct kvm_vcpu *vcpu)
{
	vcpu_set_reg(vcpu, RISCV_CORE_REG(regs.pc),
		     vcpu_get_reg(vcpu, RISCV_CORE_REG(regs.pc)) + 4);
}

/*
 * Emulate the store in the VMM, with a delay between translating the address
 * and storing. KVM does not know of this translation, so a remote fence must
 * wait for the whole emulation.
 */
static void store_slowly(struct kvm_vcpu *vcpu)
{
	u64 vlenb = other_vlenb(), val[8], *hva, pte;
	struct kvm_one_reg reg = {
		.id = v_reg_id(8, vlenb),
		.addr = (u64)val,
	};
	struct timespec start, now;
	gpa_t table;

	TEST_ASSERT_EQ(vcpu_get_reg(vcpu, RISCV_CORE_REG(regs.a0)), PAGE_GVA);
	vcpu_ioctl(vcpu, KVM_GET_ONE_REG, &reg);

	/*
	 * If the page is not mapped, return without advancing pc, so that the
	 * guest retries the instruction.
	 */
	pte = READ_ONCE(*host_pte(vcpu->vm, PAGE_GVA, &table));
	if (!(pte & PGTBL_PTE_VALID_MASK))
		return;
	hva = addr_gpa2hva(vcpu->vm, pte >> PGTBL_PTE_ADDR_SHIFT << PGTBL_PAGE_SIZE_SHIFT);

	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (timespec_to_ns(timespec_sub(now, start)) < DELAY_NS);

	WRITE_ONCE(*hva, val[0]);
	advance(vcpu);
}

static void *run_storer(void *arg)
{
	struct kvm_vcpu *vcpu = arg;
	struct ucall uc;
	int i;

	for (;;) {
		vcpu_run(vcpu);
		if (vcpu->run->exit_reason == KVM_EXIT_RISCV_VECTOR) {
			if (how == BY_VMM && vcpu->run->riscv_vector.insn == INSN_VSE64)
				store_slowly(vcpu);
			else
				vcpu_emulate_vector(vcpu, vcpu->run->riscv_vector.insn);
			continue;
		}
		switch (get_ucall(vcpu, &uc)) {
		case UCALL_DONE:
			return NULL;
		case UCALL_ABORT:
			REPORT_GUEST_ASSERT(uc);
			break;
		case UCALL_SYNC:
			/*
			 * Store many times without entering the guest in
			 * between, because an entry may flush the TLB and hide
			 * a missing fence.
			 */
			for (i = 0; i < NR_MEM_OPS; i++)
				while (vcpu_mem_op(vcpu, KVM_RISCV_MEM_STORE, PAGE_GVA,
						   &uc.args[1], 8, 8).result)
					;
			break;
		default:
			TEST_FAIL("Unexpected exit reason %u", vcpu->run->exit_reason);
		}
	}
}

FIXTURE(fence) {
};

FIXTURE_SETUP(fence)
{
	if (!kvm_check_cap(KVM_CAP_RISCV_GUEST_VLENB))
		SKIP(return, "no KVM_CAP_RISCV_GUEST_VLENB");
}

FIXTURE_TEARDOWN(fence)
{
}

/* Return what went wrong. */
static u64 move_pages(int by, u64 moves)
{
	struct kvm_vcpu *mover, *storer;
	pthread_t thread;
	struct kvm_vm *vm;
	struct ucall uc;

	how = by;
	nr_moves = moves;
	vm = create(&mover, guest_move, &storer, guest_store);
	sync_global_to_guest(vm, how);
	sync_global_to_guest(vm, nr_moves);

	TEST_ASSERT(!pthread_create(&thread, NULL, run_storer, storer), "pthread_create()");
	vcpu_run(mover);
	TEST_ASSERT_EQ(get_ucall(mover, &uc), UCALL_DONE);
	pthread_join(thread, NULL);

	sync_global_from_guest(vm, stored);
	sync_global_from_guest(vm, nr_lost);
	sync_global_from_guest(vm, nr_stale);
	ksft_print_msg("%lu stores during %lu moves: %lu lost, %lu to a frame no longer in use\n",
		       stored, nr_moves, nr_lost, nr_stale);
	kvm_vm_free(vm);

	return nr_lost + nr_stale;
}

/* The VMM translates the address, waits, and only then stores. */
TEST_F_TIMEOUT(fence, slow_vmm, 600)
{
	EXPECT_EQ(0, move_pages(BY_VMM, 10000));
}

/*
 * KVM_RISCV_MEM_OP stores for a vCPU that has not exited for a vector
 * instruction.
 */
TEST_F_TIMEOUT(fence, mem_op, 600)
{
	EXPECT_EQ(0, move_pages(BY_MEM_OP, 10000));
}

TEST_F_TIMEOUT(fence, emulator, 600)
{
	EXPECT_EQ(0, move_pages(BY_EMULATOR, 3000));
}

static void guest_vector(void)
{
	csr_set(CSR_SSTATUS, SR_VS);
	asm volatile(V_INSN("vadd.vi v8, v8, 1"));
	GUEST_DONE();
}

static u64 fencing;

static void guest_fence(u64 fid, u64 mask)
{
	WRITE_ONCE(fencing, 1);
	fence(fid, mask, 0, 0);
	GUEST_DONE();
}

static int mover_errno;
static bool mover_done;

static void *run_mover(void *arg)
{
	struct kvm_vcpu *vcpu = arg;

	mover_errno = __vcpu_run(vcpu) ? errno : 0;
	WRITE_ONCE(mover_done, true);
	return NULL;
}

static pthread_t start_mover(struct kvm_vcpu *vcpu)
{
	u64 *guest_fencing = addr_gva2hva(vcpu->vm, (gva_t)&fencing);
	pthread_t thread;

	mover_done = false;
	TEST_ASSERT(!pthread_create(&thread, NULL, run_mover, vcpu), "pthread_create()");
	/* Give a fence that does not wait enough time to complete. */
	while (!READ_ONCE(*guest_fencing))
		usleep(1000);
	usleep(200000);

	return thread;
}

static struct kvm_vm *create_fence(struct kvm_vcpu **fencer, struct kvm_vcpu **emulated,
				   int fid, u64 mask)
{
	struct kvm_vm *vm = create(fencer, guest_fence, emulated, guest_vector);

	vm_enable_cap(vm, KVM_CAP_RISCV_MP_STATE_RESET, 0);
	vcpu_args_set(*fencer, 2, fid, mask);
	vcpu_run(*emulated);
	TEST_ASSERT_EQ((*emulated)->run->exit_reason, KVM_EXIT_RISCV_VECTOR);

	return vm;
}

static void give_up(struct kvm_vcpu *vcpu)
{
	vcpu->run->immediate_exit = 1;
	TEST_ASSERT(__vcpu_run(vcpu) && errno == EINTR, "KVM_RUN did not return EINTR");
	/* The VMM must not mistake the old exit for a new one. */
	TEST_ASSERT_EQ(vcpu->run->exit_reason, KVM_EXIT_INTR);
	vcpu->run->immediate_exit = 0;
}

/* A KVM_RUN that fails because of kvm_run's registers counts, too. */
static void fail(struct kvm_vcpu *vcpu)
{
	vcpu->run->kvm_dirty_regs = -1ULL;
	TEST_ASSERT(__vcpu_run(vcpu) && errno == EINVAL, "KVM_RUN did not return EINVAL");
	vcpu->run->kvm_dirty_regs = 0;
}

static void run_again(struct kvm_vcpu *vcpu)
{
	vcpu_run(vcpu);
	TEST_ASSERT_EQ(vcpu->run->exit_reason, KVM_EXIT_RISCV_VECTOR);
}

static void stop(struct kvm_vcpu *vcpu)
{
	struct kvm_mp_state state = { .mp_state = KVM_MP_STATE_STOPPED };

	vcpu_mp_state_set(vcpu, &state);
}

static void reset(struct kvm_vcpu *vcpu)
{
	struct kvm_mp_state state = { .mp_state = KVM_MP_STATE_INIT_RECEIVED };

	vcpu_mp_state_set(vcpu, &state);
}

/*
 * Each kind of fence waits until the VMM is done with the instruction,
 * whichever way that happens.
 */
TEST_F(fence, waits)
{
	void (*ends[])(struct kvm_vcpu *) = { run_again, give_up, fail, stop, reset };
	static const int fids[] = {
		SBI_RFENCE_FENCE_I, SBI_RFENCE_SFENCE_VMA, SBI_RFENCE_SFENCE_ASID,
	};
	struct kvm_vcpu *fencer, *emulated;
	pthread_t thread;
	struct kvm_vm *vm;
	struct ucall uc;
	int i, j;

	for (i = 0; i < ARRAY_SIZE(fids); i++) {
		for (j = 0; j < ARRAY_SIZE(ends); j++) {
			vm = create_fence(&fencer, &emulated, fids[i], BIT(1));
			thread = start_mover(fencer);
			EXPECT_FALSE(READ_ONCE(mover_done)) {
				TH_LOG("fence %d did not wait for the emulation", fids[i]);
			}
			ends[j](emulated);
			pthread_join(thread, NULL);
			EXPECT_EQ(0, mover_errno);
			EXPECT_EQ(UCALL_DONE, get_ucall(fencer, &uc));
			kvm_vm_free(vm);
		}
	}
}

/* A fence does not wait for vCPUs that are not among its targets. */
TEST_F(fence, not_a_target)
{
	struct kvm_vcpu *fencer, *emulated;
	pthread_t thread;
	struct kvm_vm *vm;

	vm = create_fence(&fencer, &emulated, SBI_RFENCE_SFENCE_VMA, BIT(0));
	thread = start_mover(fencer);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, mover_errno);
	kvm_vm_free(vm);
}

static void on_signal(int sig)
{
}

/*
 * A signal gets a vCPU out of a fence that waits, so that the VMM can stop all
 * its vCPUs. The next KVM_RUN repeats the SBI call.
 */
TEST_F(fence, interrupted)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct kvm_vcpu *fencer, *emulated;
	struct kvm_vm *vm;
	pthread_t thread;
	struct ucall uc;
	u64 pc[3];
	int i;

	sigaction(SIGUSR1, &sa, NULL);
	vm = create_fence(&fencer, &emulated, SBI_RFENCE_SFENCE_VMA, BIT(1));

	for (i = 0; i < ARRAY_SIZE(pc); i++) {
		thread = start_mover(fencer);
		EXPECT_FALSE(READ_ONCE(mover_done));
		/* A signal that arrives outside of KVM_RUN has no effect. */
		while (!READ_ONCE(mover_done)) {
			pthread_kill(thread, SIGUSR1);
			usleep(1000);
		}
		pthread_join(thread, NULL);
		EXPECT_EQ(EINTR, mover_errno);
		EXPECT_EQ(KVM_EXIT_INTR, fencer->run->exit_reason);
		pc[i] = vcpu_get_reg(fencer, RISCV_CORE_REG(regs.pc));
		EXPECT_EQ(pc[0], pc[i]);
	}

	thread = start_mover(fencer);
	EXPECT_FALSE(READ_ONCE(mover_done));
	give_up(emulated);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, mover_errno);
	EXPECT_EQ(UCALL_DONE, get_ucall(fencer, &uc));
	kvm_vm_free(vm);
}

int main(int argc, char *argv[])
{
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_RISCV_MEM_OP));

	return test_harness_run(argc, argv);
}
