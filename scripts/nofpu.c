// SPDX-License-Identifier: GPL-2.0
/*
 * PID 1 of an L1 whose kernel has been built with FPU=n.  Nothing that the C
 * library is in can run there, it uses FP registers itself; this is nolibc, from
 * the kernel's tools, and soft float.  It says what scripts/init.c would say of
 * one test, "nofpu": that KVM has no F, D, V or anything of theirs to offer, and
 * that a guest which tries anyway is stopped.
 */
#include "nolibc.h"
#include <linux/kvm.h>

#define RAM	0x80000000UL
#define DEVICE	0x10000000UL
#define MAX_REGS 1024

static int kvm_fd, nr, failed;

static void result(int good, const char *name)
{
	printf("# %sok %d %s\n", good ? "" : "not ", ++nr, name);
	failed += !good;
}

static int get_reg(int vcpu, __u64 id, void *value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (unsigned long)value };

	return ioctl(vcpu, KVM_GET_ONE_REG, &reg) ? -errno : 0;
}

static int get_ext(int vcpu, int ext)
{
	unsigned long on;

	return get_reg(vcpu, KVM_REG_RISCV | KVM_REG_SIZE_U64 | KVM_REG_RISCV_ISA_EXT | ext, &on);
}

#define E(ext)	KVM_RISCV_ISA_EXT_##ext
static void test_nothing_offered(void)
{
	static const int exts[] = {
		E(F), E(D), E(V), E(ZFA), E(ZFH), E(ZFHMIN), E(ZFBFMIN), E(ZVBB), E(ZVBC), E(ZVFBFMIN),
		E(ZVFBFWMA), E(ZVFH), E(ZVFHMIN), E(ZVKB), E(ZVKG), E(ZVKNED), E(ZVKNHA),
		E(ZVKNHB), E(ZVKSED), E(ZVKSH), E(ZVKT),
	};
	int vm = ioctl(kvm_fd, KVM_CREATE_VM, 0), vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	struct kvm_riscv_vm_isa set = { .size = sizeof(set) };
	struct kvm_device_attr offered = {
		.group = KVM_RISCV_VM_ISA, .attr = KVM_RISCV_VM_ISA_OFFERED, .addr = (unsigned long)&set,
	};
	int good = 1;
	size_t i;

	good &= !ioctl(vm, KVM_GET_DEVICE_ATTR, &offered);
	for (i = 0; i < sizeof(exts) / sizeof(exts[0]); i++) {
		unsigned long on = 0;

		get_reg(vcpu, KVM_REG_RISCV | KVM_REG_SIZE_U64 | KVM_REG_RISCV_ISA_EXT | exts[i], &on);
		if (on || set.ext[exts[i] / 64] >> (exts[i] % 64) & 1) {
			printf("# # extension %d is there\n", exts[i]);
			good = 0;
		}
	}
	good &= get_ext(vcpu, E(I)) == 0;
	result(good, "nothing_offered");
}

static void test_no_registers(void)
{
	static struct {
		struct kvm_reg_list list;
		__u64 ids[MAX_REGS];
	} l = { .list.n = MAX_REGS };
	int vm = ioctl(kvm_fd, KVM_CREATE_VM, 0), vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	unsigned long value;
	int good = 1;
	__u64 i;

	good &= !ioctl(vcpu, KVM_GET_REG_LIST, &l) && l.list.n > 50;
	for (i = 0; i < l.list.n; i++) {
		switch (l.list.reg[i] & KVM_REG_RISCV_TYPE_MASK) {
		case KVM_REG_RISCV_FP_F:
		case KVM_REG_RISCV_FP_D:
		case KVM_REG_RISCV_VECTOR:
			good = 0;
		}
	}
	good &= get_reg(vcpu, KVM_REG_RISCV | KVM_REG_SIZE_U64 | KVM_REG_RISCV_FP_D, &value) == -ENOENT;
	good &= get_reg(vcpu, KVM_REG_RISCV | KVM_REG_SIZE_U64 | KVM_REG_RISCV_VECTOR, &value) == -ENOENT;
	result(good, "no_registers");
}

extern const char guest_begin[], guest_end[];

asm(".pushsection .rodata\n"
    ".option push\n"
    ".option norvc\n"
    ".balign 4\n"
    "guest_begin:\n"
    "	lla	t0, 1f\n"
    "	csrw	stvec, t0\n"
    "	li	t0, 0x6600\n"		/* FS and VS Dirty */
    "	csrs	sstatus, t0\n"
    "	li	t1, 0\n"
    "	.insn	0x003170d3\n"		/* fadd.s f1, f2, f3 */
    "	.insn	0xcd027057\n"		/* vsetivli zero, 4, e32, m1, ta, ma */
    "	li	t2, 0x10000000\n"
    "	sw	t1, 0(t2)\n"
    "2:	j	2b\n"
    ".balign 4\n"
    "1:	csrr	t3, scause\n"
    "	slli	t1, t1, 4\n"
    "	add	t1, t1, t3\n"		/* a digit for each trap */
    "	csrr	t3, sepc\n"
    "	addi	t3, t3, 4\n"
    "	csrw	sepc, t3\n"
    "	sret\n"
    "guest_end:\n"
    ".option pop\n"
    ".popsection\n");

static void test_guest_is_stopped(void)
{
	int vm = ioctl(kvm_fd, KVM_CREATE_VM, 0), vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	char *ram = mmap(NULL, 0x1000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kvm_run *run = mmap(NULL, ioctl(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0),
				   PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	struct kvm_userspace_memory_region slot = {
		.guest_phys_addr = RAM, .memory_size = 0x1000, .userspace_addr = (unsigned long)ram,
	};
	unsigned long pc = RAM;
	struct kvm_one_reg reg = {
		.id = KVM_REG_RISCV | KVM_REG_SIZE_U64 | KVM_REG_RISCV_CORE,
		.addr = (unsigned long)&pc,
	};
	unsigned int traps = 0;
	int good = 1;

	memcpy(ram, guest_begin, guest_end - guest_begin);
	good &= !ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot);
	good &= !ioctl(vcpu, KVM_SET_ONE_REG, &reg);
	good &= !ioctl(vcpu, KVM_RUN, 0);
	good &= run->exit_reason == KVM_EXIT_MMIO && run->mmio.phys_addr == DEVICE;
	if (good)
		memcpy(&traps, run->mmio.data, sizeof(traps));
	/* Illegal instruction, twice */
	if (traps != 0x22)
		printf("# # exit reason %u, address 0x%llx, traps 0x%x\n", run->exit_reason,
		       (unsigned long long)run->mmio.phys_addr, traps);
	result(good && traps == 0x22, "guest_is_stopped");
}

int main(void)
{
	/* Where a program of the C library would have died by now. */
	printf("KTAP version 1\n1..1\n# --- nofpu\n");
	mkdir("/dev", 0755);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	kvm_fd = open("/dev/kvm", O_RDWR);
	printf("# KTAP version 1\n# 1..3\n");
	if (kvm_fd < 0) {
		result(0, "dev_kvm");
	} else {
		test_nothing_offered();
		test_no_registers();
		test_guest_is_stopped();
	}
	printf("%sok 1 nofpu # time=0\n", failed ? "not " : "");
	reboot(LINUX_REBOOT_CMD_POWER_OFF);
	return 1;
}
