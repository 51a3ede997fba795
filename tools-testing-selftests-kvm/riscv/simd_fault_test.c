// SPDX-License-Identifier: GPL-2.0
/*
 * simd_fault_test.c - Test FP and vector state when allocations fail, when VMMs
 * are killed, and when CPUs go offline.
 *
 * The test repeats each call with the first slab allocation failing, then with
 * the second, and so on until the call makes no more allocations, and then does
 * the same with page allocations. The call must either fail with ENOMEM or do
 * without the allocation. In both cases every register that was readable before
 * must still have its value, and the call must succeed once memory is available
 * again.
 *
 * Further tests kill VMMs and take CPUs offline at critical moments, and check
 * that vector registers are charged to the VMM's memory cgroup.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup_util.h"
#include "fault_util.h"
#include "isa_util.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "simd.h"
#include "test_util.h"
#include "ucall_common.h"

#define MAX_ALLOCS	1000
#define MAX_REGS	1024
#define MAX_REG_SIZE	SIMD_MAX_VLENB
#define NR_TURNS	8
#define NR_KILLED	8	/* in each phase */
#define NR_HOTPLUGS	10
#define CPU1_ONLINE	"/sys/devices/system/cpu/cpu1/online"

/*
 * Failing each allocation in turn takes long for ioctls that make many of them,
 * such as those that create a VM or a vCPU.
 */
#define TIMEOUT		200

/*
 * The state of a series of calls. In call number NR, allocation number NR
 * fails.
 */
struct faults {
	unsigned int nr;
	int err;
	bool hit;
};

/*
 * Arm a failure for one allocation later than in the last call. Return false if
 * the last call did not make that many allocations.
 */
static bool fail_next(struct faults *f)
{
	if (f->nr && !f->hit)
		return false;
	TEST_ASSERT(f->nr++ < MAX_ALLOCS, "more than the maximum number of allocations");
	fail_nth_alloc(f->nr);
	return true;
}

/*
 * Check what a call has returned. WANT is the expected errno (or 0) if no
 * allocation fails.
 */
static void judge(struct faults *f, int ret, int want)
{
	f->err = ret < 0 ? errno : 0;
	f->hit = !alloc_failure_armed();
	fail_nth_alloc(0);
	TEST_ASSERT(f->err == want || (f->hit && (!f->err || f->err == ENOMEM)),
		    "allocation %u %s: returned %s, not %s", f->nr,
		    f->hit ? "fails" : "is not made",
		    strerror(f->err), strerror(want));
}

/*
 * Repeat an ioctl with each of its allocations failing in turn. Returns how
 * many allocations the ioctl makes.
 */
static unsigned int fail_each(int fd, unsigned long nr, void *arg)
{
	struct faults f = {};

	while (fail_next(&f))
		judge(&f, ioctl(fd, nr, arg), 0);
	return f.nr - 1;
}

FIXTURE(fault) {
	struct kvm_vm *vm;
};

/* Whether the page allocator or the slab allocator fails */
FIXTURE_VARIANT(fault) {
	bool pages;
};

FIXTURE_VARIANT_ADD(fault, slab) {};

FIXTURE_VARIANT_ADD(fault, pages) {
	.pages = true,
};

FIXTURE_SETUP(fault)
{
	if (!have_fault_injection)
		SKIP(return, NO_FAULT_INJECTION);
	if (variant->pages && !have_fail_page_alloc)
		SKIP(return, NO_FAIL_PAGE_ALLOC);
	self->vm = vm_create_barebones();
	fail_pages(variant->pages);
}

FIXTURE_TEARDOWN(fault)
{
	kvm_vm_free(self->vm);
}

TEST_F_TIMEOUT(fault, create_vm, TIMEOUT)
{
	int kvm_fd = open_kvm_dev_path_or_exit(), fd;
	struct faults f = {};

	while (fail_next(&f)) {
		fd = ioctl(kvm_fd, KVM_CREATE_VM, 0);
		judge(&f, fd, 0);
		if (fd >= 0)
			close(fd);
	}
	TH_LOG("%d allocations", f.nr - 1);
	EXPECT_LT(1, f.nr);
	close(kvm_fd);
}

/*
 * After KVM_CREATE_VCPU has failed, the same vCPU id must still be available.
 */
TEST_F_TIMEOUT(fault, create_vcpu, TIMEOUT)
{
	struct faults f = {};
	int id = 0, fd;

	while (fail_next(&f)) {
		fd = ioctl(self->vm->fd, KVM_CREATE_VCPU, id);
		judge(&f, fd, 0);
		if (fd >= 0) {
			close(fd);
			id++;
		}
	}
	TH_LOG("%d allocations, of which %d may fail", f.nr - 1, id - 1);
	/*
	 * At least one allocation, such as that of struct kvm_vcpu, must be
	 * indispensable.
	 */
	EXPECT_LT(id, f.nr);
}

TEST_F_TIMEOUT(fault, vm_attributes, TIMEOUT)
{
	struct kvm_riscv_vm_isa offered = { .size = sizeof(offered) };
	struct kvm_riscv_vm_isa set = { .size = sizeof(set) };
	struct kvm_device_attr a = {
		.group = KVM_RISCV_VM_ISA, .attr = KVM_RISCV_VM_ISA_OFFERED, .addr = (u64)&offered,
	};
	bool isa[KVM_RISCV_ISA_EXT_MAX];
	int i;

	if (!kvm_has_cap(KVM_CAP_VM_ATTRIBUTES))
		SKIP(return, "no KVM_CAP_VM_ATTRIBUTES");
	fail_each(self->vm->fd, KVM_GET_DEVICE_ATTR, &a);

	for (i = 0; i < KVM_RISCV_ISA_EXT_MAX; i++)
		isa[i] = offered.ext[i / 64] >> i % 64 & 1;
	isa[KVM_RISCV_ISA_EXT_V] = false;
	isa_drop_incomplete(isa, true);
	for (i = 0; i < KVM_RISCV_ISA_EXT_MAX; i++)
		set.ext[i / 64] |= (u64)isa[i] << i % 64;

	a.attr = KVM_RISCV_VM_ISA_CEILING;
	a.addr = (u64)&set;
	fail_each(self->vm->fd, KVM_SET_DEVICE_ATTR, &a);
	a.addr = (u64)&offered;
	fail_each(self->vm->fd, KVM_GET_DEVICE_ATTR, &a);
	EXPECT_EQ(0, memcmp(&set, &offered, sizeof(set)));
}

static int one_reg(struct kvm_vcpu *vcpu, unsigned long nr, u64 id, void *val)
{
	struct kvm_one_reg reg = { .id = id, .addr = (u64)val };

	return ioctl(vcpu->fd, nr, &reg);
}

/*
 * Write a register with each allocation failing in turn. A successful write
 * must take effect, and a failed write must leave the old value.
 */
static unsigned int fail_writes(struct kvm_vcpu *vcpu, u64 id, void *old, void *val)
{
	static u8 now[MAX_REG_SIZE];
	struct faults f = {};

	while (fail_next(&f)) {
		judge(&f, one_reg(vcpu, KVM_SET_ONE_REG, id, val), 0);
		if (!f.err)
			memcpy(old, val, KVM_REG_SIZE(id));
		TEST_ASSERT(!one_reg(vcpu, KVM_GET_ONE_REG, id, now), "cannot read %lx", id);
		TEST_ASSERT(id == RISCV_TIMER_REG(time) || !memcmp(now, old, KVM_REG_SIZE(id)),
			    "register %lx has the wrong value", id);
	}
	return f.nr - 1;
}

/*
 * Read and write each register: vector registers with a new value, others with
 * the value that they have.
 */
TEST_F_TIMEOUT(fault, one_reg, TIMEOUT)
{
	static struct { u64 n, reg[MAX_REGS]; } list;
	static u8 old[MAX_REG_SIZE], val[MAX_REG_SIZE];
	struct kvm_vcpu *vcpu = __vm_vcpu_add(self->vm, 0);
	int reads = 0, writes = 0, i;
	struct kvm_one_reg reg;
	bool v;

	list.n = MAX_REGS;
	fail_each(vcpu->fd, KVM_GET_REG_LIST, &list);
	for (i = 0; i < list.n; i++) {
		u64 id = list.reg[i], size = KVM_REG_SIZE(id);

		__TEST_REQUIRE(size <= sizeof(val), "vlenb is above SIMD_MAX_VLENB");
		reg = (struct kvm_one_reg) { .id = id, .addr = (u64)old };
		reads += fail_each(vcpu->fd, KVM_GET_ONE_REG, &reg);
		memcpy(val, old, size);
		v = (id & KVM_REG_RISCV_TYPE_MASK) == KVM_REG_RISCV_VECTOR && size > sizeof(u64);
		if (v)
			memset(val, i, size);
		/* Skip registers that cannot be written. */
		if (v || !one_reg(vcpu, KVM_SET_ONE_REG, id, val))
			writes += fail_writes(vcpu, id, old, val);
	}
	TH_LOG("%d allocations when reading, %d when writing", reads, writes);
	/*
	 * With a failing page allocator, slab may still have free memory, so
	 * the write need not allocate pages.
	 */
	if (!variant->pages && __vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_V))
		EXPECT_LE(1, writes);
}

/* Registers that the guest keeps live while KVM_RUN calls fail */
static struct simd_regs guest_in, guest_out;

static void guest_code(u64 use_v)
{
	int turn, i;

	csr_set(CSR_SSTATUS, SR_FS | SR_VS);
	for (turn = 0; turn < NR_TURNS; turn++) {
		for (i = 0; i < 32; i++)
			guest_in.f[i] = turn * 32 + i + 1;
		memset(guest_in.v, turn + 1, sizeof(guest_in.v));
		simd_load_fp(&guest_in);
		if (use_v)
			simd_load_v_regs(guest_in.v, use_v);
		GUEST_SYNC(turn);
		simd_store_fp(&guest_out);
		if (use_v)
			simd_store_v_regs(guest_out.v, use_v);
		GUEST_ASSERT(!memcmp(guest_in.f, guest_out.f, sizeof(guest_in.f)));
		GUEST_ASSERT(!memcmp(guest_in.v, guest_out.v, 32 * use_v));
	}
	GUEST_DONE();
}

/* Create a guest. Its argument is vlenb, or 0 if it has no V. */
static struct kvm_vcpu *new_guest(void *code)
{
	struct kvm_vcpu *vcpu;
	u64 vlenb = 0;

	vm_create_with_one_vcpu(&vcpu, code);
	if (__vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_V))
		vlenb = vcpu_vlenb(vcpu);
	__TEST_REQUIRE(vlenb <= SIMD_MAX_VLENB, "vlenb is above SIMD_MAX_VLENB");
	vcpu_args_set(vcpu, 1, vlenb);
	return vcpu;
}

/*
 * A KVM_RUN that fails keeps what it has allocated, so the next KVM_RUN makes
 * fewer allocations. The test therefore makes the first allocation fail in the
 * first KVM_RUN, and the second of the remaining allocations in each KVM_RUN
 * after that, until KVM_RUN succeeds.
 */
TEST_F_TIMEOUT(fault, run, TIMEOUT)
{
	struct kvm_vcpu *vcpu = new_guest(guest_code);
	struct kvm_vm *vm = vcpu->vm;
	int turn, n = 0, enomem = 0;
	struct ucall uc;
	u64 v_size = 0;

	if (!__vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_D)) {
		kvm_vm_free(vm);
		SKIP(return, "no D");
	}
	if (__vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_V))
		v_size = 32 * vcpu_vlenb(vcpu);
	for (turn = 0; turn < NR_TURNS; turn++) {
		struct faults f = {};

		do {
			fail_next(&f);
			judge(&f, __vcpu_run(vcpu), 0);
			n += f.hit;
			enomem += f.err == ENOMEM;
			f.nr = 1;
		} while (f.err);
		if (get_ucall(vcpu, &uc) == UCALL_ABORT)
			REPORT_GUEST_ASSERT(uc);
		ASSERT_EQ(UCALL_SYNC, uc.cmd);
		ASSERT_EQ(turn, uc.args[1]);
	}
	vcpu_run(vcpu);
	EXPECT_EQ(UCALL_DONE, get_ucall(vcpu, &uc));
	TH_LOG("%d allocations failed, %d of them with ENOMEM", n, enomem);
	/*
	 * For more than a page, kvzalloc() falls back to vmalloc() and need not
	 * fail.
	 */
	if (!variant->pages && v_size && v_size <= getpagesize())
		EXPECT_LE(1, enomem);
	kvm_vm_free(vm);
}

/* A VM whose vector length is not the host's */
TEST_F_TIMEOUT(fault, guest_vlenb, TIMEOUT)
{
	u64 host = kvm_host_vlenb();
	u64 vlenb = host == 64 ? 32 : 64;
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_RISCV_GUEST_VLENB, .args = { vlenb, KVM_RISCV_VLENB_USER_EXIT },
	};
	static u8 old[64], val[64];
	struct kvm_vcpu *vcpu;
	u64 id;

	if (!host)
		SKIP(return, "no V, or no KVM_CAP_RISCV_GUEST_VLENB");
	fail_each(self->vm->fd, KVM_ENABLE_CAP, &cap);
	vcpu = __vm_vcpu_add(self->vm, 0);
	id = v_reg_id(7, vlenb);
	memset(val, 7, sizeof(val));
	EXPECT_EQ(vlenb, vcpu_vlenb(vcpu));
	/*
	 * The pages come from vmalloc(), which retries in another way if a page
	 * allocation fails.
	 */
	EXPECT_LE(variant->pages ? 0 : 1, fail_writes(vcpu, id, old, val));
}

/*
 * Kill VMMs and take CPUs offline at random times. Afterwards the VM of the
 * killed VMM must be gone, and other guests must run as before.
 */
enum phase { HAS_VM, HAS_VCPU, WRITES, RUNS, FIRST_USES, FIGHTS, NR_PHASES };

static const char *const phases[] = {
	[HAS_VM] = "has a VM",
	[HAS_VCPU] = "has a vCPU that has not run",
	[WRITES] = "writes and reads registers",
	[RUNS] = "runs a guest with live registers",
	[FIRST_USES] = "creates guests that use vectors for the first time",
	[FIGHTS] = "runs a vCPU and accesses its registers",
};

static void guest_spin(u64 use_v)
{
	int i;

	csr_set(CSR_SSTATUS, SR_FS | SR_VS);
	for (;;) {
		for (i = 0; i < 100; i++) {
			simd_load_fp(&guest_in);
			if (use_v)
				simd_load_v_regs(guest_in.v, use_v);
		}
		GUEST_SYNC(0);
	}
}

static void guest_first_use(u64 use_v)
{
	csr_set(CSR_SSTATUS, SR_FS | SR_VS);
	if (use_v)
		simd_load_v_regs(guest_in.v, use_v);
	GUEST_SYNC(0);
}

static void *run_thread(void *vcpu)
{
	for (;;)
		vcpu_run(vcpu);
	return NULL;
}

static void to_be_killed(enum phase phase, int ready)
{
	struct kvm_vcpu *vcpu = NULL;
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/*
	 * Use nonzero values, because KVM need not allocate memory for vector
	 * registers that are zero.
	 */
	memset(guest_in.f, 0x5a, sizeof(guest_in.f));
	memset(guest_in.v, 0xa5, sizeof(guest_in.v));
	if (phase == HAS_VM) {
		vm_create_barebones();
	} else if (phase != FIRST_USES) {
		vcpu = new_guest(guest_spin);
		sync_global_to_guest(vcpu->vm, guest_in);
	}
	if (phase == FIGHTS)
		TEST_ASSERT(!pthread_create(&thread, NULL, run_thread, vcpu), "pthread_create()");
	TEST_ASSERT_EQ(write(ready, "", 1), 1);

	for (;;) {
		switch (phase) {
		case WRITES:
			vcpu_set_fp(vcpu, &guest_in);
			vcpu_get_fp(vcpu, &guest_out);
			if (__vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_V)) {
				vcpu_set_v(vcpu, &guest_in);
				vcpu_get_v(vcpu, &guest_out);
			}
			break;
		case RUNS:
			vcpu_run(vcpu);
			break;
		case FIRST_USES:
			vcpu = new_guest(guest_first_use);
			sync_global_to_guest(vcpu->vm, guest_in);
			vcpu_run(vcpu);
			kvm_vm_free(vcpu->vm);
			break;
		case FIGHTS:
			vcpu_get_fp(vcpu, &guest_out);
			break;
		default:
			pause();
		}
	}
}

/*
 * Return how many VMs a process has. KVM has a directory "PID-FD" in debugfs
 * for each VM.
 */
static int nr_vms(pid_t pid)
{
	DIR *dir = opendir("/sys/kernel/debug/kvm");
	struct dirent *d;
	int n = 0;

	if (!dir)
		return 0;
	while ((d = readdir(dir)))
		n += strchr(d->d_name, '-') && atoi(d->d_name) == pid;
	closedir(dir);
	return n;
}

/* What to restore at the end, or "" if CPU 1 cannot go offline */
static char cpu1_online[2];

static void restore_cpu1(void)
{
	int tries = 100;

	/* On a busy machine, it may take a hart a while to stop. */
	while (!swap_setting(CPU1_ONLINE, cpu1_online, NULL, 0) && tries--)
		usleep(20000);
}

FIXTURE(killed) {
};

FIXTURE_SETUP(killed)
{
	struct kvm_vcpu *vcpu = new_guest(NULL);
	bool d = __vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_D);
	int vms = nr_vms(getpid());

	kvm_vm_free(vcpu->vm);
	if (!d)
		SKIP(return, "no D");
	if (vms != 1)
		SKIP(return, "cannot count VMs in debugfs: not root, or no debugfs");
}

FIXTURE_TEARDOWN(killed)
{
}

static void kill_one(struct __test_metadata *_metadata, enum phase phase)
{
	int fds[2], status, tries;
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(fds));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		to_be_killed(phase, fds[1]);
	close(fds[1]);
	ASSERT_EQ(1, read(fds[0], &c, 1));
	close(fds[0]);
	usleep(random() % 20000);
	/*
	 * In phase FIRST_USES the VMM creates one VM after another, so it may
	 * have none at the moment.
	 */
	if (phase != FIRST_USES)
		EXPECT_EQ(1, nr_vms(pid));
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		TH_LOG("%s: was not killed but ended with status %x", phases[phase], status);
	/*
	 * The VM may live on for a while, because of SRCU or because another
	 * process still has one of its files open.
	 */
	for (tries = 0; nr_vms(pid) && tries < 100; tries++)
		usleep(50000);
	EXPECT_EQ(0, nr_vms(pid))
		TH_LOG("%s: its VM is still there", phases[phase]);
}

TEST_F_TIMEOUT(killed, vmm, TIMEOUT)
{
	struct kvm_vcpu *vcpu;
	int phase, i;

	srandom(1);
	for (phase = 0; phase < NR_PHASES; phase++) {
		for (i = 0; i < NR_KILLED; i++)
			kill_one(_metadata, phase);
		TH_LOG("killed %d times when it %s", NR_KILLED, phases[phase]);

		vcpu = new_guest(guest_code);
		for (i = 0; i < NR_TURNS; i++)
			EXPECT_EQ(i, vcpu_run_to_sync(vcpu));
		kvm_vm_free(vcpu->vm);
	}
}

/*
 * Run a guest that computes all the time on a CPU that goes offline again and
 * again.
 */
static u64 turns, stop;

static void guest_check(u64 use_v)
{
	u64 turn;
	int i;

	csr_set(CSR_SSTATUS, SR_FS | SR_VS);
	for (turn = 1; !READ_ONCE(stop); turn++) {
		WRITE_ONCE(turns, turn);
		for (i = 0; i < 32; i++)
			guest_in.f[i] = turn * 32 + i;
		memset(guest_in.v, turn, 32 * use_v);
		simd_load_fp(&guest_in);
		if (use_v)
			simd_load_v_regs(guest_in.v, use_v);
		for (i = 0; i < 2000; i++)
			asm volatile("" ::: "memory");
		simd_store_fp(&guest_out);
		if (use_v)
			simd_store_v_regs(guest_out.v, use_v);
		GUEST_ASSERT(!memcmp(guest_in.f, guest_out.f, sizeof(guest_in.f)));
		GUEST_ASSERT(!memcmp(guest_in.v, guest_out.v, 32 * use_v));
	}
	GUEST_SYNC(turn);
}

static void *check_thread(void *vcpu)
{
	return (void *)vcpu_run_to_sync(vcpu);
}

/* Wait until the guest makes progress on the CPU on which its thread is now. */
static void wait_for_turns(u64 *turns)
{
	u64 old = READ_ONCE(*turns);
	int tries;

	for (tries = 0; READ_ONCE(*turns) < old + 2; tries++) {
		TEST_ASSERT(tries < 10000, "the guest makes no progress");
		usleep(1000);
	}
}

TEST_F_TIMEOUT(killed, cpu, TIMEOUT)
{
	struct kvm_vcpu *vcpu = new_guest(guest_check);
	u64 *guest_turns = addr_gva2hva(vcpu->vm, (gva_t)&turns);
	int i, tries, gone = 0;
	pthread_t thread;
	void *ret;

	if (!cpu1_online[0]) {
		kvm_vm_free(vcpu->vm);
		SKIP(return, "no CPUs 0 and 1 to use, or CPU 1 cannot go offline");
	}
	ASSERT_EQ(0, pthread_create(&thread, NULL, check_thread, vcpu));
	for (i = 0; i < NR_HOTPLUGS; i++) {
		/*
		 * On a busy machine, it may take a hart a while to come online.
		 */
		for (tries = 0; __pin_task_to_cpu(thread, 1); tries++) {
			ASSERT_GT(100, tries);
			swap_setting(CPU1_ONLINE, "1", NULL, 0);
			usleep(20000);
		}
		wait_for_turns(guest_turns);
		gone += swap_setting(CPU1_ONLINE, "0", NULL, 0);
		wait_for_turns(guest_turns);
		swap_setting(CPU1_ONLINE, "1", NULL, 0);
	}
	*(u64 *)addr_gva2hva(vcpu->vm, (gva_t)&stop) = 1;
	pthread_join(thread, &ret);
	TH_LOG("CPU 1 went offline %d times during %ld turns of the guest", gone, (long)ret);
	EXPECT_LT(NR_HOTPLUGS / 2, gone);
	kvm_vm_free(vcpu->vm);
}

/*
 * Vector registers are charged to the VMM's memory cgroup and count towards its
 * limit. The tests use the largest vlenb, which makes the amount that a cgroup
 * charges in advance comparatively small.
 */
#define CG_VLENB	8192
#define CG_VCPUS	16
#define CG_TOTAL	(CG_VCPUS * 32L * CG_VLENB)

/* The amount that a CPU charges to a cgroup in advance: 64 pages */
#define CG_STOCK	(64L * getpagesize())

FIXTURE(cgroup) {
	char root[256], path[300];
	bool made, enabled;
};

FIXTURE_SETUP(cgroup)
{
	char cmdline[4096] = "";

	if (!kvm_check_cap(KVM_CAP_RISCV_GUEST_VLENB))
		SKIP(return, "no V, or no KVM_CAP_RISCV_GUEST_VLENB");
	read_text("/proc/cmdline", cmdline, sizeof(cmdline));
	if (strstr(cmdline, "nokmem"))
		SKIP(return, "kernel memory is not charged (cgroup.memory=nokmem)");
	if (cg_find_unified_root(self->root, sizeof(self->root), NULL) ||
	    cg_read_strstr(self->root, "cgroup.controllers", "memory"))
		SKIP(return, "no cgroup v2 memory controller");
	if (cg_read_strstr(self->root, "cgroup.subtree_control", "memory")) {
		self->enabled = !cg_write(self->root, "cgroup.subtree_control", "+memory");
		if (!self->enabled)
			SKIP(return, "the memory controller cannot be enabled");
	}
	snprintf(self->path, sizeof(self->path), "%s/simd_fault_test-%d", self->root, getpid());
	self->made = !cg_create(self->path);
	if (!self->made)
		SKIP(return, "cannot create a cgroup");
}

FIXTURE_TEARDOWN_PARENT(cgroup)
{
	if (self->made)
		EXPECT_EQ(0, cg_destroy(self->path));
	if (self->enabled)
		cg_write(self->root, "cgroup.subtree_control", "-memory");
}

/*
 * Fill v5 of each vCPU with BYTE, until KVM runs out of memory. Returns for how
 * many vCPUs this has succeeded.
 */
static int fill_v5(struct kvm_vcpu **vcpus, u8 byte)
{
	static u8 val[CG_VLENB];
	u64 id = v_reg_id(5, CG_VLENB);
	int i;

	memset(val, byte, sizeof(val));
	for (i = 0; i < CG_VCPUS; i++) {
		if (!one_reg(vcpus[i], KVM_SET_ONE_REG, id, val))
			continue;
		TEST_ASSERT(errno == ENOMEM, "v5 of vCPU %d: %s", i, strerror(errno));
		break;
	}
	return i;
}

/*
 * Act as a VMM in the cgroup. If LIMIT is not 0, limit the cgroup's memory to
 * LIMIT bytes more than the vCPUs need before they have vector registers.
 */
static void charged_vmm(const char *path, long limit)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_RISCV_GUEST_VLENB,
		.args = { CG_VLENB, KVM_RISCV_VLENB_USER_EXIT },
	};
	struct kvm_vcpu *vcpus[CG_VCPUS];
	long before, zeros, filled;
	struct kvm_vm *vm;
	char max[32];
	int i;

	/* Stay on one CPU, because each CPU charges memory in advance. */
	pin_self_to_any_cpu();
	TEST_ASSERT(!cg_enter_current(path), "cannot enter %s", path);
	vm = vm_create_barebones();
	TEST_ASSERT(!ioctl(vm->fd, KVM_ENABLE_CAP, &cap), "cannot set vlenb %d", CG_VLENB);
	for (i = 0; i < CG_VCPUS; i++)
		vcpus[i] = __vm_vcpu_add(vm, i);

	before = cg_read_long(path, "memory.current");
	if (limit) {
		snprintf(max, sizeof(max), "%ld", before + limit);
		TEST_ASSERT(!cg_write(path, "memory.max", max), "cannot set memory.max");
	}
	TEST_ASSERT_EQ(fill_v5(vcpus, 0), CG_VCPUS);
	zeros = cg_read_long(path, "memory.current");
	TEST_ASSERT(zeros - before <= CG_STOCK, "zeros cost %ld bytes", zeros - before);

	i = fill_v5(vcpus, 5);
	filled = cg_read_long(path, "memory.current");
	ksft_print_msg("%d vCPUs without vectors: %ld bytes, with: %ld\n", i, before, filled);
	if (limit)
		TEST_ASSERT(i < CG_VCPUS, "a limit of %ld bytes allows %ld bytes", limit, CG_TOTAL);
	else
		TEST_ASSERT(filled - zeros >= CG_TOTAL - CG_STOCK, "%ld bytes of %ld are charged",
			    filled - zeros, CG_TOTAL);
	kvm_vm_free(vm);
}

/*
 * Run charged_vmm() in a child process and return the status with which the
 * child has ended.
 */
static int run_charged(const char *path, long limit)
{
	pid_t pid = fork();
	int status, tries;

	TEST_ASSERT(pid >= 0, "fork() failed");
	if (!pid) {
		charged_vmm(path, limit);
		_exit(0);
	}
	TEST_ASSERT_EQ(waitpid(pid, &status, 0), pid);
	/* The charges must be returned after the VMM has ended. */
	for (tries = 0; cg_read_long(path, "memory.current") > CG_TOTAL / 4; tries++) {
		TEST_ASSERT(tries < 100, "%ld bytes are still charged",
			    cg_read_long(path, "memory.current"));
		usleep(50000);
	}
	return status;
}

TEST_F_TIMEOUT(cgroup, charged, TIMEOUT)
{
	EXPECT_EQ(0, run_charged(self->path, 0));
}

/*
 * Beyond the limit, either writing the register fails, or the OOM killer kills
 * the VMM.
 */
TEST_F_TIMEOUT(cgroup, limited, TIMEOUT)
{
	int status = run_charged(self->path, CG_TOTAL / 4);

	EXPECT_TRUE(!status || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
		TH_LOG("status %x", status);
	TH_LOG("the VMM %s", WIFSIGNALED(status) ? "was killed" : "got ENOMEM");
}

int main(int argc, char *argv[])
{
	fault_injection_begin();
	restore_at_end(fault_injection_end);
	if (may_use_cpu(0) && may_use_cpu(1) && swap_setting(CPU1_ONLINE, "1", cpu1_online, 1))
		restore_at_end(restore_cpu1);

	return test_harness_run(argc, argv);
}
