// SPDX-License-Identifier: GPL-2.0
/*
 * guest_vlenb_linux.c - Boot Linux in a VM of another vector length.
 *
 *	guest_vlenb_linux [-a BUDGET] [-b VLENB] [-c CPUS] IMAGE INITRAMFS
 *
 * This is a minimal VMM: it has vCPUs, memory, a UART that only prints, and the
 * emulator for the instructions that KVM reports with KVM_EXIT_RISCV_VECTOR.
 * The guest kernel needs CONFIG_RISCV_ISA_V and support for an initramfs and an
 * 8250 console. The guest passes if it prints VERDICT and then powers off.
 *
 * BUDGET is how many instructions the VMM may execute after each instruction
 * that KVM reports, RVV_RUN_AHEAD by default. The host's vector unit executes
 * vector instructions if its registers are long enough.
 *
 * Without arguments there is nothing to boot, and the test is skipped.
 */
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kselftest.h"
#include "kvm_util.h"
#include "processor.h"
#include "rvv.h"
#include "simd.h"
#include "test_util.h"

#define USAGE		"[-a BUDGET] [-b VLENB] [-c CPUS] IMAGE INITRAMFS"
#define VERDICT		"vector-check: passed"

#define RAM_BASE	0x80000000UL
#define RAM_SIZE	0x08000000UL
#define KERNEL_ADDR	(RAM_BASE + 0x200000)
#define FDT_ADDR	(RAM_BASE + 0x5000000)
#define INITRD_ADDR	(RAM_BASE + 0x5200000)
#define MAX_CPUS	8

#define UART_BASE	0x10000000UL
#define UART_SIZE	0x100

#define BOOTARGS	"console=ttyS0 quiet panic=-1"

/* Registers of a 16550 */
enum { UART_TX, UART_IER, UART_IIR, UART_LCR, UART_MCR, UART_LSR, UART_MSR, NR_UART = 8 };

#define UART_IER_THRI	0x02
#define UART_IIR_NONE	0x01
#define UART_IIR_THRI	0x02
#define UART_LCR_DLAB	0x80
#define UART_LSR_EMPTY	0x60

/* A flattened device tree that is being written */
static struct {
	u32 words[2048];
	char strings[1024];
	unsigned int nr_words, strings_len;
} fdt;

enum { FDT_BEGIN_NODE = 1, FDT_END_NODE, FDT_PROP, FDT_END = 9 };

#define FDT_MAGIC	0xd00dfeed
#define NR_FDT_HEADER	10
#define NR_FDT_RESERVE	4

static void fdt_word(u32 v)
{
	TEST_ASSERT(fdt.nr_words < ARRAY_SIZE(fdt.words), "The device tree is too small");
	fdt.words[fdt.nr_words++] = htobe32(v);
}

static void fdt_data(const void *data, unsigned int len)
{
	unsigned int n = DIV_ROUND_UP(len, sizeof(u32));

	TEST_ASSERT(fdt.nr_words + n <= ARRAY_SIZE(fdt.words), "The device tree is too small");
	memcpy(&fdt.words[fdt.nr_words], data, len);
	fdt.nr_words += n;
}

static void fdt_begin(const char *name)
{
	fdt_word(FDT_BEGIN_NODE);
	fdt_data(name, strlen(name) + 1);
}

static void fdt_end(void)
{
	fdt_word(FDT_END_NODE);
}

static void fdt_prop(const char *name, const void *data, unsigned int len)
{
	TEST_ASSERT(fdt.strings_len + strlen(name) < sizeof(fdt.strings),
		    "The device tree is too small");
	fdt_word(FDT_PROP);
	fdt_word(len);
	fdt_word(fdt.strings_len);
	strcpy(fdt.strings + fdt.strings_len, name);
	fdt.strings_len += strlen(name) + 1;
	fdt_data(data, len);
}

static void fdt_prop_string(const char *name, const char *val)
{
	fdt_prop(name, val, strlen(val) + 1);
}

static void fdt_prop_u32(const char *name, u32 val)
{
	val = htobe32(val);
	fdt_prop(name, &val, sizeof(val));
}

static void fdt_prop_u64s(const char *name, u64 a, u64 b, int n)
{
	u64 val[2] = { htobe64(a), htobe64(b) };

	fdt_prop(name, val, n * sizeof(val[0]));
}

static void fdt_cpu(unsigned int n)
{
	/* Leave out ZV*, which the emulator does not support. */
	static const char exts[] = "i\0m\0a\0f\0d\0c\0v\0zicntr\0zicsr\0zifencei\0sstc";
	char name[16];

	snprintf(name, sizeof(name), "cpu@%u", n);
	fdt_begin(name);
	fdt_prop_string("device_type", "cpu");
	fdt_prop_string("compatible", "riscv");
	fdt_prop_u32("reg", n);
	fdt_prop_string("mmu-type", "riscv,sv39");
	fdt_prop_string("riscv,isa-base", "rv64i");
	fdt_prop("riscv,isa-extensions", exts, sizeof(exts));
	fdt_begin("interrupt-controller");
	fdt_prop_string("compatible", "riscv,cpu-intc");
	fdt_prop("interrupt-controller", NULL, 0);
	fdt_prop_u32("#interrupt-cells", 1);
	fdt_end();
	fdt_end();
}

static void fdt_cpus(unsigned int nr_cpus, u32 timebase)
{
	unsigned int n;

	fdt_begin("cpus");
	fdt_prop_u32("#address-cells", 1);
	fdt_prop_u32("#size-cells", 0);
	fdt_prop_u32("timebase-frequency", timebase);
	for (n = 0; n < nr_cpus; n++)
		fdt_cpu(n);
	fdt_end();
}

static void write_fdt(struct kvm_vm *vm, u64 initrd_size, unsigned int nr_cpus, u32 timebase)
{
	u32 header[NR_FDT_HEADER + NR_FDT_RESERVE] = {};
	u32 struct_size, size;
	u8 *to = addr_gpa2hva(vm, FDT_ADDR);
	int i;

	fdt_begin("");
	fdt_prop_u32("#address-cells", 2);
	fdt_prop_u32("#size-cells", 2);
	fdt_prop_string("compatible", "linux,kvm-selftest");
	fdt_prop_string("model", "guest_vlenb_linux");

	fdt_begin("chosen");
	fdt_prop_string("bootargs", BOOTARGS);
	fdt_prop_string("stdout-path", "/serial@10000000");
	fdt_prop_u64s("linux,initrd-start", INITRD_ADDR, 0, 1);
	fdt_prop_u64s("linux,initrd-end", INITRD_ADDR + initrd_size, 0, 1);
	fdt_end();

	fdt_begin("memory@80000000");
	fdt_prop_string("device_type", "memory");
	fdt_prop_u64s("reg", RAM_BASE, RAM_SIZE, 2);
	fdt_end();

	fdt_cpus(nr_cpus, timebase);

	fdt_begin("serial@10000000");
	fdt_prop_string("compatible", "ns16550a");
	fdt_prop_u64s("reg", UART_BASE, UART_SIZE, 2);
	fdt_prop_u32("clock-frequency", 3686400);
	fdt_end();
	fdt_end();
	fdt_word(FDT_END);

	struct_size = fdt.nr_words * sizeof(u32);
	size = sizeof(header) + struct_size + fdt.strings_len;
	header[0] = FDT_MAGIC;
	header[1] = size;
	header[2] = sizeof(header);				/* the tree */
	header[3] = sizeof(header) + struct_size;		/* the names */
	header[4] = NR_FDT_HEADER * sizeof(u32);		/* nothing reserved */
	header[5] = 17;						/* version */
	header[6] = 16;						/* the oldest compatible version */
	header[8] = fdt.strings_len;
	header[9] = struct_size;
	for (i = 0; i < ARRAY_SIZE(header); i++)
		header[i] = htobe32(header[i]);

	memcpy(to, header, sizeof(header));
	memcpy(to + sizeof(header), fdt.words, struct_size);
	memcpy(to + sizeof(header) + struct_size, fdt.strings, fdt.strings_len);
}

static u64 load_file(struct kvm_vm *vm, const char *path, u64 gpa)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	u64 done = 0;
	ssize_t n;

	TEST_ASSERT(fd >= 0 && !fstat(fd, &st), "open(%s): %s", path, strerror(errno));
	TEST_ASSERT(gpa + st.st_size <= RAM_BASE + RAM_SIZE, "%s is too big", path);
	while (done < st.st_size) {
		n = read(fd, addr_gpa2hva(vm, gpa + done), st.st_size - done);
		TEST_ASSERT(n > 0, "read(%s): %s", path, strerror(errno));
		done += n;
	}
	close(fd);

	return done;
}

/* Print the guest's console output line by line. */
static bool passed;

static void console_char(char c)
{
	static char line[256];
	static unsigned int len;

	if (c == '\r')
		return;
	if (c != '\n' && len < sizeof(line) - 1) {
		line[len++] = c;
		return;
	}
	line[len] = 0;
	len = 0;
	ksft_print_msg("guest: %s\n", line);
	passed |= !strcmp(line, VERDICT);
}

static void uart_access(struct kvm_run *run)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static u8 regs[NR_UART];
	u64 n = run->mmio.phys_addr - UART_BASE;
	u8 *val = &run->mmio.data[0];

	if (n >= NR_UART || run->mmio.len != 1)
		TEST_FAIL("MMIO at 0x%llx, %u bytes", run->mmio.phys_addr, run->mmio.len);

	pthread_mutex_lock(&lock);
	if (run->mmio.is_write) {
		regs[n] = *val;
		if (n == UART_TX && !(regs[UART_LCR] & UART_LCR_DLAB))
			console_char(*val);
	} else if (n == UART_LSR) {
		*val = UART_LSR_EMPTY;
	} else if (n == UART_IIR) {
		/*
		 * This UART raises no interrupts, so the guest polls it with a
		 * timer.
		 */
		*val = regs[UART_IER] & UART_IER_THRI ? UART_IIR_THRI : UART_IIR_NONE;
	} else {
		*val = n == UART_TX ? 0 : regs[n];
	}
	pthread_mutex_unlock(&lock);
}

static struct kvm_vm *create(u64 vlenb, unsigned int nr_cpus, struct kvm_vcpu **vcpus,
			     const char *image, const char *initrd)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_RISCV_GUEST_VLENB,
		.args = { vlenb, KVM_RISCV_VLENB_USER_EXIT },
	};
	struct kvm_vm *vm = vm_create_barebones();
	unsigned int n;
	u64 initrd_size;

	vm_ioctl(vm, KVM_ENABLE_CAP, &cap);
	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, RAM_BASE, 0,
				    RAM_SIZE / vm->page_size, 0);
	/* The guest starts all vCPUs except the first with SBI HSM. */
	for (n = 0; n < nr_cpus; n++)
		vcpus[n] = __vm_vcpu_add(vm, n);

	load_file(vm, image, KERNEL_ADDR);
	initrd_size = load_file(vm, initrd, INITRD_ADDR);
	write_fdt(vm, initrd_size, nr_cpus,
		  vcpu_get_reg(vcpus[0], RISCV_TIMER_REG(frequency)));

	vcpu_set_reg(vcpus[0], RISCV_CORE_REG(regs.pc), KERNEL_ADDR);
	vcpu_set_reg(vcpus[0], RISCV_CORE_REG(regs.a0), 0);
	vcpu_set_reg(vcpus[0], RISCV_CORE_REG(regs.a1), FDT_ADDR);

	return vm;
}

static unsigned int run_ahead = RVV_RUN_AHEAD;
static bool use_unit;
static struct kvm_vcpu *vcpus[MAX_CPUS];
static atomic_ulong nr_emulated, nr_ahead;
static atomic_bool powered_off;

/*
 * The signal may arrive before KVM_RUN, so the handler makes the next KVM_RUN
 * return immediately.
 */
static __thread struct kvm_run *this_run;

static void on_signal(int sig)
{
	this_run->immediate_exit = 1;
}

/* Run a vCPU until the guest has powered off, which any vCPU may request. */
static void *run_vcpu(void *arg)
{
	struct kvm_vcpu *vcpu = arg;
	struct kvm_run *run = vcpu->run;
	struct rvv_vcpu rvv;

	rvv_vcpu_init(&rvv, vcpu);
	rvv.run_ahead = run_ahead;
	rvv.s->unit = use_unit;
	this_run = run;
	while (!atomic_load(&powered_off)) {
		if (__vcpu_run(vcpu)) {
			TEST_ASSERT_EQ(errno, EINTR);
			continue;
		}
		switch (run->exit_reason) {
		case KVM_EXIT_RISCV_VECTOR:
			if (rvv_vcpu_emulate(&rvv) == RVV_ILLEGAL)
				ksft_print_msg("illegal instruction 0x%llx\n",
					       run->riscv_vector.insn);
			atomic_fetch_add(&nr_emulated, 1);
			break;
		case KVM_EXIT_MMIO:
			uart_access(run);
			break;
		case KVM_EXIT_RISCV_SBI:
			/*
			 * Refuse the legacy SBI console calls
			 * (SBI_ERR_NOT_SUPPORTED). The guest uses the UART.
			 */
			run->riscv_sbi.ret[0] = -2;
			break;
		case KVM_EXIT_SYSTEM_EVENT:
			atomic_store(&powered_off, true);
			break;
		default:
			TEST_FAIL("Unexpected exit reason %u", run->exit_reason);
		}
	}
	atomic_fetch_add(&nr_ahead, rvv.nr_ahead);
	rvv_vcpu_free(&rvv);

	return NULL;
}

int main(int argc, char *argv[])
{
	u64 host, vlenb = 64, in_kernel = 0, in_user = 0, emulated, ahead;
	struct sigaction sa = { .sa_handler = on_signal };
	unsigned int nr_cpus = 1, n;
	pthread_t threads[MAX_CPUS];
	struct kvm_vm *vm;
	int opt;

	while ((opt = getopt(argc, argv, "a:b:c:")) != -1) {
		switch (opt) {
		case 'a':
			run_ahead = strtoul(optarg, NULL, 0);
			break;
		case 'b':
			vlenb = strtoul(optarg, NULL, 0);
			break;
		case 'c':
			nr_cpus = strtoul(optarg, NULL, 0);
			break;
		default:
			ksft_exit_fail_msg("usage: %s " USAGE "\n", argv[0]);
		}
	}
	__TEST_REQUIRE(argc - optind == 2, "no kernel and initramfs to boot");
	host = kvm_host_vlenb();
	__TEST_REQUIRE(host, "the host has no V");
	use_unit = rvv_have_unit(vlenb);
	TEST_ASSERT(nr_cpus && nr_cpus <= MAX_CPUS, "1 to %u CPUs", MAX_CPUS);

	vm = create(vlenb, nr_cpus, vcpus, argv[optind], argv[optind + 1]);
	ksft_print_msg("vlenb %lu on a host of %lu, %u vCPUs\n", vlenb, host, nr_cpus);

	sigaction(SIGUSR1, &sa, NULL);
	for (n = 0; n < nr_cpus; n++)
		TEST_ASSERT(!pthread_create(&threads[n], NULL, run_vcpu, vcpus[n]),
			    "pthread_create()");
	while (!atomic_load(&powered_off))
		usleep(10000);
	for (n = 0; n < nr_cpus; n++) {
		pthread_kill(threads[n], SIGUSR1);
		pthread_join(threads[n], NULL);
		in_kernel += vcpu_get_stat(vcpus[n], vector_exit_kernel);
		in_user += vcpu_get_stat(vcpus[n], vector_exit_user);
	}

	emulated = atomic_load(&nr_emulated);
	ahead = atomic_load(&nr_ahead);
	ksft_print_msg("%lu instructions emulated by the VMM, and %lu after them, %lu by KVM\n",
		       emulated, ahead, in_kernel);
	TEST_ASSERT(passed, "The guest has not printed: " VERDICT);
	TEST_ASSERT(emulated == in_user && !emulated == (vlenb == host),
		    "%lu instructions emulated, %lu left to the VMM", emulated, in_user);
	TEST_ASSERT(!ahead == !(run_ahead && emulated),
		    "%lu instructions executed after emulated ones", ahead);
	kvm_vm_free(vm);

	return 0;
}
