// SPDX-License-Identifier: GPL-2.0
/*
 * What a VMM sees that changes nothing: each register of a new vCPU with its
 * value, a line each.  scripts/defaults.sh compares the base and the series.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/kvm.h>

#define MAX_REGS	2048
#define TIME	(KVM_REG_RISCV | KVM_REG_SIZE_U64 | KVM_REG_RISCV_TIMER | \
		 KVM_REG_RISCV_TIMER_REG(time))

static int print_reg(int vcpu, __u64 id)
{
	unsigned char value[8192];
	struct kvm_one_reg reg = { .id = id, .addr = (unsigned long)value };
	size_t size = 1UL << ((id & KVM_REG_SIZE_MASK) >> KVM_REG_SIZE_SHIFT);

	memset(value, 0, sizeof(value));
	printf("reg 0x%016llx ", id);
	/* The one register that runs while nothing does. */
	if (id == TIME) {
		printf("-\n");
		return 0;
	}
	if (size > sizeof(value) || ioctl(vcpu, KVM_GET_ONE_REG, &reg)) {
		printf("cannot be read: %s\n", strerror(errno));
		return 1;
	}
	while (size--)
		printf("%02x", value[size]);
	printf("\n");
	return 0;
}

int main(void)
{
	static struct {
		struct kvm_reg_list list;
		__u64 ids[MAX_REGS];
	} l = { .list.n = MAX_REGS };
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), failed = 0;
	int vm = ioctl(kvm, KVM_CREATE_VM, 0);
	int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	const __u64 isa = KVM_REG_RISCV | KVM_REG_SIZE_U64 | KVM_REG_RISCV_ISA_EXT;
	__u64 i;

	if (ioctl(vcpu, KVM_GET_REG_LIST, &l)) {
		perror("KVM_GET_REG_LIST");
		return 1;
	}
	for (i = 0; i < l.list.n; i++)
		failed |= print_reg(vcpu, l.list.reg[i]);

	/* These work and are not listed. */
	for (i = 0; i <= KVM_REG_RISCV_ISA_MULTI_REG_LAST; i++) {
		failed |= print_reg(vcpu, isa | KVM_REG_RISCV_ISA_MULTI_EN | i);
		failed |= print_reg(vcpu, isa | KVM_REG_RISCV_ISA_MULTI_DIS | i);
	}
	return failed;
}
