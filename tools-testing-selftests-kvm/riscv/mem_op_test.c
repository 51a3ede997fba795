// SPDX-License-Identifier: GPL-2.0
/*
 * mem_op_test.c - Test KVM_RISCV_MEM_OP, which accesses guest memory at virtual
 * addresses.
 *
 * With the vCPU's current privilege mode, CSRs and page tables, the ioctl must
 * be able to access exactly what the guest itself could access.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "isa_util.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "ucall_common.h"

#define DATA_GVA	0x40000000UL	/* two pages; the next one is not mapped */
#define DEVICE_GVA	0x50000000UL
#define DEVICE_GPA	0x7000000000UL
#define DIRTY_GVA	0x60000000UL
#define DIRTY_GPA	0x100000000UL
#define DIRTY_SLOT	10
#define MAX_SIZE	65536

#define LOAD		KVM_RISCV_MEM_LOAD
#define STORE		KVM_RISCV_MEM_STORE
#define FETCH		KVM_RISCV_MEM_FETCH

#define SR_MXR		BIT(19)
#define PMM_MASK	(3UL << 32)
#define PMM_PMLEN7	(2UL << 32)

static void guest_code(void)
{
	for (;;) {
		asm volatile("sfence.vma" ::: "memory");
		GUEST_SYNC(0);
	}
}

FIXTURE(mem_op) {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
	u8 *data;
	u64 end;
};

FIXTURE_SETUP(mem_op)
{
	self->vm = vm_create_with_one_vcpu(&self->vcpu, guest_code);
	TEST_ASSERT_EQ(vm_alloc(self->vm, 2 * self->vm->page_size, DATA_GVA), DATA_GVA);
	self->data = addr_gva2hva(self->vm, DATA_GVA);
	self->end = DATA_GVA + 2 * self->vm->page_size;
	vcpu_run(self->vcpu);
}

FIXTURE_TEARDOWN(mem_op)
{
	kvm_vm_free(self->vm);
}

static u64 *host_pte(struct kvm_vm *vm, gva_t gva)
{
	int level = vm->mmu.pgtable_levels - 1;
	gpa_t table = vm->mmu.pgd;
	u64 *pte;

	for (;; level--) {
		pte = addr_gpa2hva(vm, table);
		pte += (gva >> (PGTBL_PAGE_SIZE_SHIFT + 9 * level)) % 512;
		if (!level)
			return pte;
		table = *pte >> PGTBL_PTE_ADDR_SHIFT << PGTBL_PAGE_SIZE_SHIFT;
	}
}

/* Change the PTE of a page whose translation may be in the TLB. */
static void set_pte(struct kvm_vcpu *vcpu, gva_t gva, u64 clear, u64 set)
{
	u64 *pte = host_pte(vcpu->vm, gva);
	u64 mode = vcpu_get_reg(vcpu, RISCV_CORE_REG(mode));

	*pte = (*pte & ~clear) | set;
	/* Let the guest execute sfence.vma. */
	vcpu_set_reg(vcpu, RISCV_CORE_REG(mode), KVM_RISCV_MODE_S);
	vcpu_run(vcpu);
	vcpu_set_reg(vcpu, RISCV_CORE_REG(mode), mode);
}

static void set_sstatus(struct kvm_vcpu *vcpu, u64 clear, u64 set)
{
	u64 sstatus = vcpu_get_reg(vcpu, RISCV_GENERAL_CSR_REG(sstatus));

	vcpu_set_reg(vcpu, RISCV_GENERAL_CSR_REG(sstatus), (sstatus & ~clear) | set);
}

#define EXPECT_DONE(op, gva, buf, size, width)					\
do {										\
	u32 __size = (size);							\
	struct kvm_riscv_mem_op __m = vcpu_mem_op(self->vcpu, op, gva, buf,	\
						  __size, width);		\
	EXPECT_EQ(KVM_RISCV_MEM_DONE, __m.result);				\
	EXPECT_EQ(__size, __m.done);						\
} while (0)

#define EXPECT_EXCEPTION(op, gva, buf, size, width, cause, tval)		\
do {										\
	u64 __gva = (gva), __tval = (tval);					\
	struct kvm_riscv_mem_op __m = vcpu_mem_op(self->vcpu, op, __gva, buf,	\
						  size, width);			\
	EXPECT_EQ(KVM_RISCV_MEM_EXCEPTION, __m.result);				\
	EXPECT_EQ(cause, __m.scause);						\
	EXPECT_EQ(__tval, __m.stval);						\
	EXPECT_EQ(__tval - __gva, __m.done);					\
} while (0)

TEST_F(mem_op, widths_and_alignments)
{
	static u8 buf[8192], want[8192];
	u32 size = 1024, width;
	u64 offset;
	int i;

	for (width = 1; width <= 8; width *= 2) {
		/*
		 * Let the accesses cross the end of the page, and the end of
		 * what KVM accesses in one go.
		 */
		for (offset = 3584; offset < 3584 + 9; offset++) {
			memset(self->data, 0, 8192);
			for (i = 0; i < size; i++)
				buf[i] = i * 7 + width + offset + (i >> 8);
			memset(want, 0, 8192);
			memcpy(want + offset, buf, size);
			EXPECT_DONE(STORE, DATA_GVA + offset, buf, size, width);
			EXPECT_EQ(0, memcmp(self->data, want, 8192));

			memset(buf, 0, size);
			EXPECT_DONE(LOAD, DATA_GVA + offset, buf, size, width);
			EXPECT_EQ(0, memcmp(buf, want + offset, size));
		}
	}
	EXPECT_DONE(FETCH, (u64)guest_code, buf, 32, 2);
	EXPECT_EQ(0, memcmp(buf, addr_gva2hva(self->vm, (u64)guest_code), 32));
}

/* KVM fetches words where it can, and a halfword where only that is left. */
TEST_F(mem_op, fetch)
{
	static u8 buf[64];
	u64 offset;
	u32 size;
	int i;

	for (i = 0; i < 8192; i++)
		self->data[i] = i * 7 + (i >> 8);
	/*
	 * QEMU raises the wrong exception if HLVX fetches from a page that KVM
	 * has not mapped yet, so load from the pages first.
	 */
	EXPECT_DONE(LOAD, DATA_GVA, buf, 1, 1);
	EXPECT_DONE(LOAD, DATA_GVA + 4096, buf, 1, 1);
	for (offset = 4096 - 32; offset < 4096; offset += 2) {
		for (size = 2; size <= sizeof(buf); size += 2) {
			memset(buf, 0, sizeof(buf));
			EXPECT_DONE(FETCH, DATA_GVA + offset, buf, size, 2);
			EXPECT_EQ(0, memcmp(buf, self->data + offset, size));
			EXPECT_EQ(0, size < sizeof(buf) ? buf[size] : 0);
		}
	}
	for (size = 2; size <= 16; size += 2) {
		EXPECT_EXCEPTION(FETCH, self->end - size, buf, 32, 2, EXC_INST_PAGE_FAULT,
				 self->end);
		EXPECT_EQ(0, memcmp(buf, self->data + 8192 - size, size));
	}
}

/*
 * KVM_RISCV_MEM_OP does not load the vCPU's CSRs if they are still on the CPU.
 * It must load them if another vCPU has run there, or if the thread has moved
 * to another CPU.
 */
TEST_F(mem_op, other_vcpus)
{
	struct kvm_vcpu *vcpus[3] = { self->vcpu };
	u64 val, want[3] = { 1, 2, 3 };
	int i, n, round, cpu = 0;
	struct kvm_vm *vm;
	cpu_set_t cpus;

	kvm_sched_getaffinity(0, sizeof(cpus), &cpus);
	if (CPU_COUNT(&cpus) == 1)
		TH_LOG("Only one CPU: the thread cannot move");

	/* Use the same virtual address in three VMs. */
	for (i = 1; i < 3; i++) {
		vm = vm_create_with_one_vcpu(&vcpus[i], guest_code);
		TEST_ASSERT_EQ(vm_alloc(vm, vm->page_size, DATA_GVA), DATA_GVA);
		vcpu_run(vcpus[i]);
	}
	for (i = 0; i < 3; i++)
		*(u64 *)addr_gva2hva(vcpus[i]->vm, DATA_GVA) = want[i];

	for (round = 0; round < 300; round++) {
		if (round % 7 == 0) {
			do {
				cpu = (cpu + 1) % CPU_SETSIZE;
			} while (!CPU_ISSET(cpu, &cpus));
			pin_self_to_cpu(cpu);
		}
		i = round * 5 / 4 % 3;
		for (n = 0; n <= round % 3; n++) {
			vcpu_mem_op(vcpus[i], LOAD, DATA_GVA, &val, 8, 8);
			EXPECT_EQ(want[i], val);
			val += 3;
			vcpu_mem_op(vcpus[i], STORE, DATA_GVA, &val, 8, 8);
			want[i] += 3;
			EXPECT_EQ(want[i], *(u64 *)addr_gva2hva(vcpus[i]->vm, DATA_GVA));
		}
		if (round % 10 == 9)
			vcpu_run(vcpus[round % 3]);
	}

	for (i = 1; i < 3; i++)
		kvm_vm_free(vcpus[i]->vm);
}

TEST_F(mem_op, page_faults)
{
	static u8 buf[64];
	int i;

	EXPECT_EXCEPTION(LOAD, self->end - 16, buf, 32, 8, EXC_LOAD_PAGE_FAULT, self->end);
	EXPECT_EXCEPTION(STORE, self->end - 16, buf, 32, 4, EXC_STORE_PAGE_FAULT, self->end);
	EXPECT_EXCEPTION(FETCH, self->end, buf, 4, 2, EXC_INST_PAGE_FAULT, self->end);
	/* The part of the element that is in the mapped page is stored. */
	memset(buf, 0x5a, sizeof(buf));
	EXPECT_EXCEPTION(STORE, self->end - 3, buf, 8, 8, EXC_STORE_PAGE_FAULT, self->end);
	for (i = 1; i <= 3; i++)
		EXPECT_EQ(0x5a, self->data[8192 - i]);

	set_pte(self->vcpu, DATA_GVA, PGTBL_PTE_WRITE_MASK | PGTBL_PTE_EXECUTE_MASK, 0);
	EXPECT_DONE(LOAD, DATA_GVA, buf, 8, 8);
	EXPECT_EXCEPTION(STORE, DATA_GVA, buf, 8, 8, EXC_STORE_PAGE_FAULT, DATA_GVA);
	EXPECT_EXCEPTION(FETCH, DATA_GVA, buf, 8, 2, EXC_INST_PAGE_FAULT, DATA_GVA);
}

/*
 * The privilege mode and sstatus that userspace has set apply, not those with
 * which the guest exited.
 */
TEST_F(mem_op, privilege)
{
	u64 val = 0;

	EXPECT_DONE(LOAD, DATA_GVA, &val, 8, 8);
	vcpu_set_reg(self->vcpu, RISCV_CORE_REG(mode), KVM_RISCV_MODE_U);
	EXPECT_EXCEPTION(LOAD, DATA_GVA, &val, 8, 8, EXC_LOAD_PAGE_FAULT, DATA_GVA);

	set_pte(self->vcpu, DATA_GVA, 0, PGTBL_PTE_USER_MASK);
	EXPECT_DONE(LOAD, DATA_GVA, &val, 8, 8);
	EXPECT_DONE(STORE, DATA_GVA, &val, 8, 8);

	vcpu_set_reg(self->vcpu, RISCV_CORE_REG(mode), KVM_RISCV_MODE_S);
	set_sstatus(self->vcpu, SR_SUM, 0);
	EXPECT_EXCEPTION(STORE, DATA_GVA, &val, 8, 8, EXC_STORE_PAGE_FAULT, DATA_GVA);
	set_sstatus(self->vcpu, 0, SR_SUM);
	EXPECT_DONE(STORE, DATA_GVA, &val, 8, 8);

	set_pte(self->vcpu, DATA_GVA, PGTBL_PTE_READ_MASK | PGTBL_PTE_WRITE_MASK,
		PGTBL_PTE_EXECUTE_MASK);
	EXPECT_EXCEPTION(LOAD, DATA_GVA, &val, 8, 8, EXC_LOAD_PAGE_FAULT, DATA_GVA);
	set_sstatus(self->vcpu, 0, SR_MXR);
	EXPECT_DONE(LOAD, DATA_GVA, &val, 8, 8);
}

/*
 * If the A bit is clear, either hardware sets it or the access raises a page
 * fault.
 */
TEST_F(mem_op, accessed)
{
	u64 val = 0, *pte = host_pte(self->vm, DATA_GVA);
	struct kvm_riscv_mem_op mop;

	set_pte(self->vcpu, DATA_GVA, PGTBL_PTE_ACCESSED_MASK | PGTBL_PTE_DIRTY_MASK, 0);
	mop = vcpu_mem_op(self->vcpu, STORE, DATA_GVA, &val, 8, 8);
	if (mop.result == KVM_RISCV_MEM_EXCEPTION) {
		EXPECT_EQ(EXC_STORE_PAGE_FAULT, mop.scause);
	} else {
		EXPECT_EQ(PGTBL_PTE_ACCESSED_MASK | PGTBL_PTE_DIRTY_MASK,
			  *pte & (PGTBL_PTE_ACCESSED_MASK | PGTBL_PTE_DIRTY_MASK));
	}
}

TEST_F(mem_op, pointer_masking)
{
	u64 tagged = DATA_GVA | 1UL << 58, val = 0x1234, senvcfg;
	struct kvm_riscv_mem_op mop;

	set_pte(self->vcpu, DATA_GVA, 0, PGTBL_PTE_USER_MASK);
	vcpu_set_reg(self->vcpu, RISCV_CORE_REG(mode), KVM_RISCV_MODE_U);
	EXPECT_EXCEPTION(STORE, tagged, &val, 8, 8, EXC_STORE_PAGE_FAULT, tagged);

	if (!__vcpu_has_isa_ext(self->vcpu, KVM_RISCV_ISA_EXT_SSNPM))
		SKIP(return, "no Ssnpm");
	senvcfg = vcpu_get_reg(self->vcpu, RISCV_GENERAL_CSR_REG(senvcfg));
	vcpu_set_reg(self->vcpu, RISCV_GENERAL_CSR_REG(senvcfg),
		     (senvcfg & ~PMM_MASK) | PMM_PMLEN7);
	mop = vcpu_mem_op(self->vcpu, STORE, tagged, &val, 8, 8);
	/*
	 * To remove the tag of an address, HLV and HSV of QEMU 10.0 shift the
	 * address right but not back left.
	 */
	if (mop.result == KVM_RISCV_MEM_EXCEPTION && mop.stval == tagged >> 7)
		SKIP(return, "HSV does not mask pointers");
	EXPECT_EQ(KVM_RISCV_MEM_DONE, mop.result);
	EXPECT_EQ(0x1234, *(u64 *)self->data);
}

TEST_F(mem_op, devices)
{
	struct kvm_riscv_mem_op mop;
	struct kvm_ioeventfd ioeventfd = {
		.addr = DEVICE_GPA + 16,
		.len = 4,
		.fd = eventfd(0, EFD_NONBLOCK),
	};
	u64 val = 1;

	virt_map(self->vm, DEVICE_GVA, DEVICE_GPA, 1);
	mop = vcpu_mem_op(self->vcpu, LOAD, DEVICE_GVA + 8, &val, 8, 4);
	EXPECT_EQ(KVM_RISCV_MEM_MMIO, mop.result);
	EXPECT_EQ(0, mop.done);
	EXPECT_EQ(DEVICE_GPA + 8, mop.gpa);
	EXPECT_EXCEPTION(STORE, DEVICE_GVA + 2, &val, 4, 4, EXC_STORE_MISALIGNED,
			 DEVICE_GVA + 2);
	EXPECT_EXCEPTION(LOAD, DEVICE_GVA + 2, &val, 4, 4, EXC_LOAD_MISALIGNED,
			 DEVICE_GVA + 2);

	/*
	 * Store to a device in the kernel (an ioeventfd), and then to an
	 * address where there is none.
	 */
	vm_ioctl(self->vm, KVM_IOEVENTFD, &ioeventfd);
	mop = vcpu_mem_op(self->vcpu, STORE, DEVICE_GVA + 16, &val, 8, 4);
	EXPECT_EQ(KVM_RISCV_MEM_MMIO, mop.result);
	EXPECT_EQ(4, mop.done);
	EXPECT_EQ(DEVICE_GPA + 20, mop.gpa);
	EXPECT_EQ(8, read(ioeventfd.fd, &val, 8));
	close(ioeventfd.fd);
}

/* A device of QEMU's virt machine, which refuses accesses of 8 bytes */
#define FINISHER_NODE	"/sys/firmware/devicetree/base/soc/test@100000"
#define FINISHER_ADDR	0x100000
#define FINISHER_SLOT	11

TEST_F(mem_op, host_device)
{
	int fd = open("/dev/mem", O_RDWR | O_SYNC);
	u64 val;
	void *p;

	if (access(FINISHER_NODE, F_OK) || fd < 0)
		SKIP(return, "no test finisher, or no access to /dev/mem (CONFIG_DEVMEM, root)");
	p = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, FINISHER_ADDR);
	if (p == MAP_FAILED)
		SKIP(return, "no access to the test finisher (CONFIG_IO_STRICT_DEVMEM, lockdown)");

	vm_set_user_memory_region(self->vm, FINISHER_SLOT, 0, DEVICE_GPA, getpagesize(), p);
	virt_map(self->vm, DEVICE_GVA, DEVICE_GPA, 1);
	EXPECT_DONE(LOAD, DEVICE_GVA, &val, 8, 4);
	EXPECT_EXCEPTION(LOAD, DEVICE_GVA, &val, 8, 8, EXC_LOAD_ACCESS, DEVICE_GVA);

	munmap(p, getpagesize());
	close(fd);
}

TEST_F(mem_op, dirty_log)
{
	u64 bitmap[1], val = 0;

	vm_userspace_mem_region_add(self->vm, VM_MEM_SRC_ANONYMOUS, DIRTY_GPA, DIRTY_SLOT,
				    2, KVM_MEM_LOG_DIRTY_PAGES);
	virt_map(self->vm, DIRTY_GVA, DIRTY_GPA, 2);
	EXPECT_DONE(LOAD, DIRTY_GVA, &val, 8, 8);
	EXPECT_DONE(LOAD, DIRTY_GVA + 4096, &val, 8, 8);
	kvm_vm_get_dirty_log(self->vm, DIRTY_SLOT, bitmap);
	EXPECT_EQ(0, bitmap[0]);
	EXPECT_DONE(STORE, DIRTY_GVA + 4096, &val, 8, 8);
	kvm_vm_get_dirty_log(self->vm, DIRTY_SLOT, bitmap);
	EXPECT_EQ(2, bitmap[0]);
}

static int mem_op(struct kvm_vcpu *vcpu, struct kvm_riscv_mem_op mop)
{
	return __vcpu_ioctl(vcpu, KVM_RISCV_MEM_OP, &mop);
}

TEST_F(mem_op, errors)
{
	static u8 buf[MAX_SIZE];
	const struct kvm_riscv_mem_op good = {
		.gva = DATA_GVA, .buf = (u64)buf, .size = 8, .width = 4, .op = STORE,
	};
	struct kvm_riscv_mem_op bad;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	u8 *page;
	int i;

#define EXPECT_INVALID(field, val)					\
do {									\
	bad = good;							\
	bad.field = (val);						\
	EXPECT_ERRNO(EINVAL, mem_op(self->vcpu, bad));			\
} while (0)

	EXPECT_EQ(0, mem_op(self->vcpu, good));
	EXPECT_INVALID(op, 3);
	EXPECT_INVALID(op, -1);
	EXPECT_INVALID(op, FETCH);		/* of a width other than 2 */
	EXPECT_INVALID(width, 0);
	EXPECT_INVALID(width, 3);
	EXPECT_INVALID(width, 16);
	EXPECT_INVALID(size, 0);
	EXPECT_INVALID(size, 6);
	EXPECT_INVALID(size, MAX_SIZE + 4);
	EXPECT_INVALID(size, -4U);
	EXPECT_INVALID(flags, 1);
	EXPECT_INVALID(flags, 1U << 31);
	EXPECT_INVALID(reserved[0], 1);
	EXPECT_INVALID(reserved[3], 1);
	bad = good;
	bad.op = FETCH;
	bad.width = 2;
	bad.gva++;
	EXPECT_ERRNO(EINVAL, mem_op(self->vcpu, bad));

	bad = good;
	bad.buf = 0;
	EXPECT_ERRNO(EFAULT, mem_op(self->vcpu, bad));
	bad.op = LOAD;
	EXPECT_ERRNO(EFAULT, mem_op(self->vcpu, bad));

	EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_RISCV_MEM_OP, NULL));
	/*
	 * KVM fails with EFAULT unless the whole structure is accessible and
	 * writable.
	 */
	page = mmap(NULL, 2 * getpagesize(), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(page != MAP_FAILED, "mmap(): %s", strerror(errno));
	mprotect(page + getpagesize(), getpagesize(), PROT_NONE);
	for (i = 1; i < sizeof(good) / 8; i++) {
		memcpy(page + getpagesize() - 8 * i, &good, 8 * i);
		EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_RISCV_MEM_OP,
					   page + getpagesize() - 8 * i));
	}
	memcpy(page, &good, sizeof(good));
	EXPECT_EQ(0, ioctl(self->vcpu->fd, KVM_RISCV_MEM_OP, page));
	EXPECT_EQ(8, ((struct kvm_riscv_mem_op *)page)->done);
	mprotect(page, getpagesize(), PROT_READ);
	EXPECT_ERRNO(EFAULT, ioctl(self->vcpu->fd, KVM_RISCV_MEM_OP, page));
	munmap(page, 2 * getpagesize());

	/* The largest size is valid. */
	bad = good;
	bad.size = MAX_SIZE;
	EXPECT_EQ(0, mem_op(self->vcpu, bad));

	vm = vm_create_with_one_vcpu(&vcpu, guest_code);
	EXPECT_ERRNO(EINVAL, mem_op(vcpu, good));
	kvm_vm_free(vm);
}

int main(int argc, char *argv[])
{
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_RISCV_MEM_OP));

	return test_harness_run(argc, argv);
}
