// SPDX-License-Identifier: GPL-2.0
/*
 * KVM_RISCV_MEM_OP: Access Guest memory at virtual addresses, for userspace
 * that emulates an instruction.
 *
 * KVM accesses the memory with HLV, HLVX and HSV, with the Guest's CSRs loaded.
 * Hardware therefore translates addresses and checks permissions as it does for
 * the Guest. KVM handles G-stage faults as it does for the Guest.
 */

#include <linux/errno.h>
#include <linux/kvm_dirty_ring.h>
#include <linux/kvm_host.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <asm/csr.h>
#include <asm/insn-def.h>
#include <asm/kvm_mmu.h>

/* The maximum size of an operation: the largest group of vector registers */
#define MEM_OP_MAX_SIZE		65536

/* The maximum number of bytes accessed with interrupts disabled */
#define MEM_OP_CHUNK		256

/* htinst for an implicit access to a VS-stage page table */
#define HTINST_PSEUDO_MASK	~0x1020UL
#define HTINST_PSEUDO		0x2000UL
#define HTINST_PSEUDO_WRITE	0x20UL

/* The widest loads and stores of this hart */
#ifdef CONFIG_64BIT
#define HLV_WORD		HLV_D
#define HSV_WORD		HSV_D
#else
#define HLV_WORD		HLV_W
#define HSV_WORD		HSV_W
#endif

/*
 * Make one access. a2 has the value, a3 the address, and a0 the address of
 * trap. If the access faults, __kvm_riscv_unpriv_trap() fills *trap and
 * clobbers a1. The instructions around the access must not trap.
 */
#define MEM_OP_ACCESS(insn, val, addr, trap)				\
({									\
	unsigned long __stvec = (unsigned long)__kvm_riscv_unpriv_trap;	\
	register unsigned long __taddr asm("a0") = (unsigned long)(trap); \
	register unsigned long __ttmp asm("a1") = 0;			\
	register unsigned long __val asm("a2") = (val);			\
	register unsigned long __addr asm("a3") = (addr);		\
									\
	asm volatile ("\n"						\
		".option push\n"					\
		".option norvc\n"					\
		"csrrw %[stvec], " __stringify(CSR_STVEC) ", %[stvec]\n" \
		insn(a2, a3)						\
		"csrw " __stringify(CSR_STVEC) ", %[stvec]\n"		\
		".option pop"						\
		: "+&r" (__val), "+&r" (__taddr), "+&r" (__ttmp),	\
		  [stvec] "+&r" (__stvec)				\
		: "r" (__addr) : "memory");				\
	__val;								\
})

static unsigned long mem_op_load(unsigned long addr, unsigned int width,
				 bool fetch, struct kvm_cpu_trap *trap)
{
	if (fetch)
		return MEM_OP_ACCESS(HLVX_HU, 0, addr, trap);

	switch (width) {
	case 1:
		return MEM_OP_ACCESS(HLV_BU, 0, addr, trap);
	case 2:
		return MEM_OP_ACCESS(HLV_HU, 0, addr, trap);
	case 4:
		return MEM_OP_ACCESS(HLV_W, 0, addr, trap);
#ifdef CONFIG_64BIT
	case 8:
		return MEM_OP_ACCESS(HLV_D, 0, addr, trap);
#endif
	default:
		return 0;
	}
}

static void mem_op_store(unsigned long addr, unsigned long val,
			 unsigned int width, struct kvm_cpu_trap *trap)
{
	switch (width) {
	case 1:
		MEM_OP_ACCESS(HSV_B, val, addr, trap);
		break;
	case 2:
		MEM_OP_ACCESS(HSV_H, val, addr, trap);
		break;
	case 4:
		MEM_OP_ACCESS(HSV_W, val, addr, trap);
		break;
#ifdef CONFIG_64BIT
	case 8:
		MEM_OP_ACCESS(HSV_D, val, addr, trap);
		break;
#endif
	}
}

/* Access one value of @width bytes. Return @width, or 0 if the access faults. */
static unsigned int mem_op_single(u32 op, unsigned long addr, void *data,
				  unsigned int width, struct kvm_cpu_trap *trap)
{
	unsigned long val = 0;

	if (op == KVM_RISCV_MEM_STORE) {
		memcpy(&val, data, width);
		mem_op_store(addr, val, width, trap);
	} else {
		val = mem_op_load(addr, width, op == KVM_RISCV_MEM_FETCH, trap);
	}
	if (trap->scause)
		return 0;

	if (op != KVM_RISCV_MEM_STORE)
		memcpy(data, &val, width);

	return width;
}

/*
 * Access words from @addr on until the data is at @end, or an access faults.
 * Between the first and the last instruction, any trap of this hart goes to
 * __kvm_riscv_unpriv_trap(), which skips the instruction that trapped. The
 * caller must therefore have accessed the pages of @trap and @data already.
 */
#define MEM_OP_WORDS(before, insn, after, size, addr, data, end, trap)	\
({									\
	register unsigned long __taddr asm("a0") = (unsigned long)(trap); \
	register unsigned long __ttmp asm("a1");			\
	register unsigned long __val asm("a2");				\
	register unsigned long __addr asm("a3") = (addr);		\
	unsigned long __stvec = (unsigned long)&__kvm_riscv_unpriv_trap; \
	void *__ptr = (data);						\
									\
	asm volatile ("\n"						\
		".option push\n"					\
		".option norvc\n"					\
		"csrrw	%[stvec], stvec, %[stvec]\n"			\
		"1:\n"							\
		before							\
		insn(a2, a3)						\
		REG_L "	a1, %[scause](a0)\n"				\
		"bnez	a1, 2f\n"					\
		after							\
		"addi	%[ptr], %[ptr], %[sz]\n"			\
		"addi	a3, a3, %[sz]\n"				\
		"bne	%[ptr], %[e], 1b\n"				\
		"2:\n"							\
		"csrw	stvec, %[stvec]\n"				\
		".option pop"						\
		: "=&r" (__ttmp), "=&r" (__val), "+&r" (__addr),	\
		  [ptr] "+&r" (__ptr), [stvec] "+&r" (__stvec)	\
		: "r" (__taddr), [e] "r" (end), [sz] "i" (size),	\
		  [scause] "i" (offsetof(struct kvm_cpu_trap, scause))	\
		: "memory");						\
	__ptr;								\
})

static unsigned int mem_op_word_size(u32 op)
{
	/* Instructions consist of halfwords, and HLVX has at most 32 bits. */
	return op == KVM_RISCV_MEM_FETCH ? sizeof(u32) : sizeof(unsigned long);
}

/* Access aligned words. Return the number of bytes that were accessed. */
static unsigned int mem_op_words(u32 op, unsigned long addr, u8 *data,
				 unsigned int len, struct kvm_cpu_trap *trap)
{
	unsigned int size = mem_op_word_size(op);
	u8 *end = data + round_down(len, size);

	if (op == KVM_RISCV_MEM_STORE)
		return (u8 *)MEM_OP_WORDS(REG_L " a2, (%[ptr])\n", HSV_WORD, "",
					  sizeof(long), addr, data, end, trap) - data;

	/* copy_from_user() has accessed all of the data of a store. */
	WRITE_ONCE(data[0], 0);
	WRITE_ONCE(data[len - 1], 0);

	if (op == KVM_RISCV_MEM_FETCH)
		return (u8 *)MEM_OP_WORDS("", HLVX_WU, "sw a2, (%[ptr])\n",
					  sizeof(u32), addr, data, end, trap) - data;

	return (u8 *)MEM_OP_WORDS("", HLV_WORD, REG_S " a2, (%[ptr])\n",
				  sizeof(long), addr, data, end, trap) - data;
}

/* Load the vCPU for the rest of the operation. */
static void mem_op_load_vcpu(struct kvm_vcpu *vcpu, bool *loaded)
{
	if (*loaded)
		return;

	vcpu_load(vcpu);
	kvm_vcpu_srcu_read_lock(vcpu);
	*loaded = true;
}

/*
 * Access @len bytes at @addr until all are done or one access faults. Return
 * the number of bytes that were accessed. An aligned word is accessed as a
 * whole, even if it holds several elements of the operation, unless it may
 * belong to a device. @data has the same alignment as @addr.
 */
static unsigned int mem_op_chunk(struct kvm_vcpu *vcpu, bool *loaded, u32 op,
				 unsigned long addr, void *data,
				 unsigned int len, unsigned int width,
				 struct kvm_cpu_trap *trap)
{
	unsigned long hstatus = vcpu->arch.guest_context.hstatus;
	unsigned long flags, old_hstatus, old_senvcfg;
	unsigned int size = mem_op_word_size(op), done = 0;
	bool words;

	/* Use the Guest's current mode: userspace may have changed it. */
	hstatus &= ~HSTATUS_SPVP;
	if (vcpu->arch.guest_context.sstatus & SR_SPP)
		hstatus |= HSTATUS_SPVP;

	if (*loaded || !kvm_riscv_vcpu_unloaded_access_begin(vcpu, &flags)) {
		mem_op_load_vcpu(vcpu, loaded);
		flags = kvm_riscv_vcpu_access_begin(vcpu);
	}

	old_hstatus = csr_swap(CSR_HSTATUS, hstatus);
	/* senvcfg controls the pointer masking of U-mode. */
	old_senvcfg = csr_swap(CSR_SENVCFG, vcpu->arch.guest_csr.senvcfg);

	/* A device must see each access of the guest as it is. */
	words = !READ_ONCE(vcpu->kvm->arch.has_device);
	while (done < len && !trap->scause) {
		if (words && len - done >= size && IS_ALIGNED(addr + done, size))
			done += mem_op_words(op, addr + done, data + done,
					     len - done, trap);
		else
			done += mem_op_single(op, addr + done, data + done,
					      width, trap);
	}

	csr_write(CSR_SENVCFG, old_senvcfg);
	csr_write(CSR_HSTATUS, old_hstatus);

	if (*loaded)
		kvm_riscv_vcpu_access_end(vcpu, flags);
	else
		kvm_riscv_vcpu_unloaded_access_end(vcpu, flags);

	return done;
}

static int mem_op_exception(struct kvm_riscv_mem_op *mop, unsigned long scause,
			    unsigned long stval)
{
	mop->result = KVM_RISCV_MEM_EXCEPTION;
	mop->scause = scause;
	mop->stval = stval;

	return 0;
}

static unsigned long mem_op_access_fault(u32 op)
{
	switch (op) {
	case KVM_RISCV_MEM_FETCH:
		return EXC_INST_ACCESS;
	case KVM_RISCV_MEM_STORE:
		return EXC_STORE_ACCESS;
	default:
		return EXC_LOAD_ACCESS;
	}
}

/*
 * Handle a naturally aligned access of @width bytes to an address without
 * memory. Return @width if an in-kernel device has handled it, and 0 otherwise.
 */
static int mem_op_mmio(struct kvm_vcpu *vcpu, struct kvm_riscv_mem_op *mop,
		       gpa_t gpa, void *data, unsigned int width,
		       const struct kvm_cpu_trap *trap)
{
	int ret;

	if (mop->op == KVM_RISCV_MEM_FETCH)
		return mem_op_exception(mop, EXC_INST_ACCESS, trap->stval);

	/* Do not split a Guest's access to a device. */
	if (width != mop->width)
		return mem_op_exception(mop, mop->op == KVM_RISCV_MEM_STORE ?
					EXC_STORE_MISALIGNED : EXC_LOAD_MISALIGNED,
					trap->stval);

	if (mop->op == KVM_RISCV_MEM_STORE)
		ret = kvm_io_bus_write(vcpu, KVM_MMIO_BUS, gpa, width, data);
	else
		ret = kvm_io_bus_read(vcpu, KVM_MMIO_BUS, gpa, width, data);
	if (!ret)
		return width;

	mop->result = KVM_RISCV_MEM_MMIO;
	mop->gpa = gpa;

	return 0;
}

/*
 * Handle the fault of one access. Return the number of bytes that were accessed
 * while handling the fault, or < 0 for an error. If 0 is returned and
 * mop->result is still KVM_RISCV_MEM_DONE, the caller makes the same access
 * again; otherwise the operation ends.
 */
static int mem_op_fault(struct kvm_vcpu *vcpu, struct kvm_riscv_mem_op *mop,
			void *data, unsigned int width,
			const struct kvm_cpu_trap *trap)
{
	bool fetch = mop->op == KVM_RISCV_MEM_FETCH;
	bool implicit = (trap->htinst & HTINST_PSEUDO_MASK) == HTINST_PSEUDO;
	struct kvm_gstage_mapping host_map;
	struct kvm_memory_slot *memslot;
	bool store, writable;
	unsigned long hva;
	gpa_t gpa;
	u32 reason;
	bool full;

	switch (trap->scause) {
	case EXC_LOAD_GUEST_PAGE_FAULT:
	case EXC_STORE_GUEST_PAGE_FAULT:
		break;
	case EXC_LOAD_PAGE_FAULT:
		return mem_op_exception(mop, fetch ? EXC_INST_PAGE_FAULT :
					EXC_LOAD_PAGE_FAULT, trap->stval);
	case EXC_LOAD_ACCESS:
		return mem_op_exception(mop, mem_op_access_fault(mop->op),
					trap->stval);
	default:
		return mem_op_exception(mop, trap->scause, trap->stval);
	}

	gpa = ((gpa_t)trap->htval << 2) | (trap->stval & 0x3);
	store = mop->op == KVM_RISCV_MEM_STORE;
	/* Hardware may have tried to set A or D in the Guest's page table. */
	if (implicit)
		store = trap->htinst & HTINST_PSEUDO_WRITE;

	memslot = gfn_to_memslot(vcpu->kvm, gpa >> PAGE_SHIFT);
	hva = gfn_to_hva_memslot_prot(memslot, gpa >> PAGE_SHIFT, &writable);
	if (kvm_is_error_hva(hva) || (store && !writable)) {
		if (implicit)
			return mem_op_exception(mop, mem_op_access_fault(mop->op),
						trap->stval);
		return mem_op_mmio(vcpu, mop, gpa, data, width, trap);
	}

	if (store) {
		/* The ioctl must not change KVM_RUN's exit reason. */
		reason = vcpu->run->exit_reason;
		full = kvm_dirty_ring_check_request(vcpu);
		vcpu->run->exit_reason = reason;
		if (full)
			return -ENOSPC;
	}

	return kvm_riscv_mmu_map(vcpu, memslot, gpa, hva, store, &host_map);
}

static int mem_op_run(struct kvm_vcpu *vcpu, bool *loaded,
		      struct kvm_riscv_mem_op *mop, void __user *buf)
{
	unsigned int done, len, width = mop->width;
	u8 buffer[MEM_OP_CHUNK + sizeof(long)] __aligned(sizeof(long)) __uninitialized;
	struct kvm_cpu_trap trap;
	void *data;
	int ret;

	/* HLV and HSV need not support misaligned addresses. */
	if (mop->gva & (width - 1))
		width = 1;

	while (mop->done < mop->size) {
		len = min(mop->size - mop->done, MEM_OP_CHUNK);
		data = buffer + (mop->gva + mop->done) % sizeof(long);
		if (mop->op == KVM_RISCV_MEM_STORE &&
		    copy_from_user(data, buf + mop->done, len))
			return -EFAULT;

		memset(&trap, 0, sizeof(trap));
		done = mem_op_chunk(vcpu, loaded, mop->op, mop->gva + mop->done,
				    data, len, width, &trap);
		ret = 0;
		if (trap.scause) {
			mem_op_load_vcpu(vcpu, loaded);
			/* Access a device one element, of @width, at a time. */
			ret = mem_op_fault(vcpu, mop, data + done, width, &trap);
			if (ret > 0)
				done += ret;
		}

		if (mop->op != KVM_RISCV_MEM_STORE &&
		    copy_to_user(buf + mop->done, data, done))
			return -EFAULT;
		mop->done += done;
		if (ret < 0)
			return ret;
		if (mop->result != KVM_RISCV_MEM_DONE)
			break;

		if (mop->done < mop->size && signal_pending(current))
			return -EINTR;
		cond_resched();
	}

	return 0;
}

/*
 * Read the input fields of an operation, and clear the others. copy_from_user()
 * would copy the whole structure, and the end of it byte by byte.
 */
static int mem_op_get(struct kvm_riscv_mem_op *mop,
		      const struct kvm_riscv_mem_op __user *umop)
{
	u64 reserved = 0, val;
	int i;

	if (!user_read_access_begin(umop, sizeof(*umop)))
		return -EFAULT;

	unsafe_get_user(mop->gva, &umop->gva, fault);
	unsafe_get_user(mop->buf, &umop->buf, fault);
	unsafe_get_user(mop->size, &umop->size, fault);
	unsafe_get_user(mop->width, &umop->width, fault);
	unsafe_get_user(mop->op, &umop->op, fault);
	unsafe_get_user(mop->flags, &umop->flags, fault);
	for (i = 0; i < ARRAY_SIZE(umop->reserved); i++) {
		unsafe_get_user(val, &umop->reserved[i], fault);
		reserved |= val;
	}
	user_read_access_end();

	mop->done = 0;
	mop->result = KVM_RISCV_MEM_DONE;
	mop->scause = 0;
	mop->stval = 0;
	mop->gpa = 0;

	return reserved ? -EINVAL : 0;

fault:
	user_read_access_end();

	return -EFAULT;
}

/* Write the output fields of an operation. */
static int mem_op_put(const struct kvm_riscv_mem_op *mop,
		      struct kvm_riscv_mem_op __user *umop)
{
	if (!user_write_access_begin(umop, sizeof(*umop)))
		return -EFAULT;

	unsafe_put_user(mop->done, &umop->done, fault);
	unsafe_put_user(mop->result, &umop->result, fault);
	unsafe_put_user(mop->scause, &umop->scause, fault);
	unsafe_put_user(mop->stval, &umop->stval, fault);
	unsafe_put_user(mop->gpa, &umop->gpa, fault);
	user_write_access_end();

	return 0;

fault:
	user_write_access_end();

	return -EFAULT;
}

static int mem_op(struct kvm_vcpu *vcpu, struct kvm_riscv_mem_op *mop)
{
	bool loaded = false;
	int ret;

	if (mop->flags || mop->op > KVM_RISCV_MEM_FETCH)
		return -EINVAL;

	if (!is_power_of_2(mop->width) || mop->width > sizeof(unsigned long) ||
	    !mop->size || mop->size > MEM_OP_MAX_SIZE ||
	    mop->size % mop->width || mop->gva != (unsigned long)mop->gva)
		return -EINVAL;

	if (mop->op == KVM_RISCV_MEM_FETCH && (mop->width != 2 || mop->gva & 1))
		return -EINVAL;

	/* henvcfg is not known before the first run. */
	if (!vcpu->arch.ran_atleast_once)
		return -EINVAL;

	ret = mem_op_run(vcpu, &loaded, mop, u64_to_user_ptr(mop->buf));

	if (loaded) {
		kvm_vcpu_srcu_read_unlock(vcpu);
		vcpu_put(vcpu);
	}

	return ret;
}

/**
 * kvm_riscv_vcpu_mem_op -- Access Guest memory at virtual addresses
 *
 * @vcpu: The vCPU whose address space is accessed
 * @umop: The operation and its result, in userspace
 *
 * Return: 0, or < 0 for an error. The output fields are written in both cases,
 * except for -EFAULT on the structure.
 */
int kvm_riscv_vcpu_mem_op(struct kvm_vcpu *vcpu,
			  struct kvm_riscv_mem_op __user *umop)
{
	struct kvm_riscv_mem_op mop;
	int ret;

	/* Unlike copy_from_user(), unsafe_get_user() does not do this. */
	umop = untagged_addr(umop);
	ret = mem_op_get(&mop, umop);
	if (ret == -EFAULT)
		return ret;
	if (!ret)
		ret = mem_op(vcpu, &mop);
	if (mem_op_put(&mop, umop))
		return -EFAULT;

	return ret;
}
