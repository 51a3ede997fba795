// SPDX-License-Identifier: GPL-2.0
/*
 * simd_fault_test.c - what creates, chooses and switches FP and vector state, when
 * the kernel has no memory left, or something goes away.
 *
 * Each call is made with its first allocation failing, then with its second, and so
 * on until it needs no more.  It fails with ENOMEM then, or does without; whatever
 * it did, nothing that could be read before is another, and the call works once
 * there is memory.
 *
 * Then VMMs are killed and CPUs go away, at times when that matters,
 * and a memory cgroup has to pay for vector registers.
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

/* As long as KVM creates things, lists and arrays among them, it takes a while. */
#define TIMEOUT		200

/* The calls so far, of which each had another allocation fail */
struct faults {
	unsigned int nr;
	int err;
	bool hit;
};

/* Let the next allocation of a call fail, unless the last call had all of them. */
static bool fail_next(struct faults *f)
{
	if (f->nr && !f->hit)
		return false;
	TEST_ASSERT(f->nr++ < MAX_ALLOCS, "no end of allocations");
	fail_nth_alloc(f->nr);
	return true;
}

/* What a call returned; @want is its errno when there is memory. */
static void judge(struct faults *f, int ret, int want)
{
	f->err = ret < 0 ? errno : 0;
	f->hit = !alloc_failure_armed();
	fail_nth_alloc(0);
	TEST_ASSERT(f->err == want || (f->hit && (!f->err || f->err == ENOMEM)),
		    "allocation %u %s: %s, not %s", f->nr, f->hit ? "fails" : "is none",
		    strerror(f->err), strerror(want));
}

/* Returns how many allocations it makes. */
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

FIXTURE_SETUP(fault)
{
	if (!have_fault_injection())
		SKIP(return, NO_FAULT_INJECTION);
	self->vm = vm_create_barebones();
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

/* A number that failed is not taken. */
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
	TH_LOG("%d allocations, %d did without", f.nr - 1, id - 1);
	/* The vCPU itself, and what it needs to run */
	EXPECT_LT(id, f.nr);
}

TEST_F_TIMEOUT(fault, vm_attributes, TIMEOUT)
{
	struct kvm_riscv_vm_isa offered, set;
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
	isa_drop_incomplete(isa);
	memset(&set, 0, sizeof(set));
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

/* What was written is there, and what could not be written is as it was. */
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
			    "register %lx is another", id);
	}
	return f.nr - 1;
}

/* Each is read, and written: vectors with something new, others with what they hold. */
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

		TEST_ASSERT(size <= sizeof(val), "a register of %lu bytes", size);
		reg = (struct kvm_one_reg) { .id = id, .addr = (u64)old };
		reads += fail_each(vcpu->fd, KVM_GET_ONE_REG, &reg);
		memcpy(val, old, size);
		v = (id & KVM_REG_RISCV_TYPE_MASK) == KVM_REG_RISCV_VECTOR && size > sizeof(u64);
		if (v)
			memset(val, i, size);
		/* There are some that cannot be written. */
		if (v || !one_reg(vcpu, KVM_SET_ONE_REG, id, val))
			writes += fail_writes(vcpu, id, old, val);
	}
	TH_LOG("%d allocations when reading, %d when writing", reads, writes);
	if (__vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_V))
		EXPECT_LE(1, writes);
}

/* Registers that are live in the guest across exits that fail, and those of the VMM */
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

TEST_F_TIMEOUT(fault, run, TIMEOUT)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = vm_create_with_one_vcpu(&vcpu, guest_code);
	struct ucall uc;
	int turn, n = 0;

	if (!__vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_D)) {
		kvm_vm_free(vm);
		SKIP(return, "no D");
	}
	vcpu_args_set(vcpu, 1, __vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_V) ?
			       vcpu_vlenb(vcpu) : 0);
	for (turn = 0; turn < NR_TURNS; turn++) {
		struct faults f = {};

		do {
			fail_next(&f);
			judge(&f, __vcpu_run(vcpu), 0);
			n += f.hit;
		} while (f.err);
		if (get_ucall(vcpu, &uc) == UCALL_ABORT)
			REPORT_GUEST_ASSERT(uc);
		ASSERT_EQ(UCALL_SYNC, uc.cmd);
		ASSERT_EQ(turn, uc.args[1]);
	}
	vcpu_run(vcpu);
	EXPECT_EQ(UCALL_DONE, get_ucall(vcpu, &uc));
	TH_LOG("%d allocations", n);
	EXPECT_LE(1, n);
	kvm_vm_free(vm);
}

/* A length that is KVM's business, and one that is user space's */
TEST_F_TIMEOUT(fault, guest_vlenb, TIMEOUT)
{
	u64 host = kvm_check_cap(KVM_CAP_RISCV_GUEST_VLENB);
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
	id = __kvm_reg_id(KVM_REG_RISCV_VECTOR, 0, KVM_REG_RISCV_VECTOR_REG(7),
			  (u64)__builtin_ctzl(vlenb) << KVM_REG_SIZE_SHIFT);
	memset(val, 7, sizeof(val));
	EXPECT_LE(1, fail_writes(vcpu, id, old, val));
}

/*
 * VMMs that are killed, and CPUs that go away, at any time.  What is left must be as
 * if nothing had happened: no VM of the killed one, and guests that run.
 */
enum phase { HAS_VM, HAS_VCPU, WRITES, RUNS, FIRST_USES, FIGHTS, NR_PHASES };

static const char *const phases[] = {
	[HAS_VM] = "has a VM",
	[HAS_VCPU] = "has a vCPU that has not run",
	[WRITES] = "writes and reads registers",
	[RUNS] = "runs a guest with live registers",
	[FIRST_USES] = "makes guests that use vectors first",
	[FIGHTS] = "runs a vCPU and wants its registers",
};

static void guest_spin(u64 use_v)
{
	csr_set(CSR_SSTATUS, SR_FS | SR_VS);
	for (;;) {
		simd_load_fp(&guest_in);
		if (use_v)
			simd_load_v_regs(guest_in.v, use_v);
	}
}

static void guest_first_use(u64 use_v)
{
	csr_set(CSR_SSTATUS, SR_FS | SR_VS);
	if (use_v)
		simd_load_v_regs(guest_in.v, use_v);
	GUEST_SYNC(0);
}

static struct kvm_vcpu *new_guest(void *code)
{
	struct kvm_vcpu *vcpu;

	vm_create_with_one_vcpu(&vcpu, code);
	vcpu_args_set(vcpu, 1, __vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_V) ?
			       vcpu_vlenb(vcpu) : 0);
	return vcpu;
}

static void *run_thread(void *vcpu)
{
	__vcpu_run(vcpu);
	return NULL;
}

static void to_be_killed(enum phase phase, int ready)
{
	struct kvm_vcpu *vcpu = NULL;
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (phase == HAS_VM)
		vm_create_barebones();
	else if (phase != FIRST_USES)
		vcpu = new_guest(guest_spin);
	TEST_ASSERT_EQ(write(ready, "", 1), 1);

	if (phase == FIGHTS)
		pthread_create(&thread, NULL, run_thread, vcpu);
	for (;;) {
		switch (phase) {
		case WRITES:
			vcpu_set_reg(vcpu, FP_D_REG(1), 1);
			if (__vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_V))
				vcpu_set_v(vcpu, &guest_in);
			break;
		case RUNS:
			vcpu_run(vcpu);
			break;
		case FIRST_USES:
			vcpu = new_guest(guest_first_use);
			vcpu_run(vcpu);
			kvm_vm_free(vcpu->vm);
			break;
		case FIGHTS:
			vcpu_get_reg(vcpu, FP_D_REG(1));
			break;
		default:
			pause();
		}
	}
}

/* KVM has a folder "PID-FD" in debugfs for each VM.  Returns -1 without debugfs. */
static int nr_vms(pid_t pid)
{
	DIR *dir = opendir("/sys/kernel/debug/kvm");
	struct dirent *d;
	int n = 0;

	if (!dir)
		return -1;
	while ((d = readdir(dir)))
		n += strchr(d->d_name, '-') && atoi(d->d_name) == pid;
	closedir(dir);
	return n;
}

FIXTURE(killed) {
};

FIXTURE_SETUP(killed)
{
	struct kvm_vcpu *vcpu = new_guest(NULL);
	bool d = __vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_D);

	kvm_vm_free(vcpu->vm);
	if (!d)
		SKIP(return, "no D");
}

FIXTURE_TEARDOWN(killed)
{
}

TEST_F_TIMEOUT(killed, vmm, TIMEOUT)
{
	int phase, i, fds[2], status, vms, tries;
	struct kvm_vcpu *vcpu;
	pid_t pid;
	char c;

	srandom(1);
	for (phase = 0; phase < NR_PHASES; phase++) {
		vms = 0;
		for (i = 0; i < NR_KILLED; i++) {
			ASSERT_EQ(0, pipe(fds));
			pid = fork();
			ASSERT_LE(0, pid);
			if (!pid)
				to_be_killed(phase, fds[1]);
			close(fds[1]);
			ASSERT_EQ(1, read(fds[0], &c, 1));
			close(fds[0]);
			usleep(random() % 20000);
			vms += nr_vms(pid) > 0;
			kill(pid, SIGKILL);
			ASSERT_EQ(pid, waitpid(pid, &status, 0));
			EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
				TH_LOG("%s: ended by itself, %x", phases[phase], status);
			/* SRCU, and a file that somebody else still looks at */
			for (tries = 0; nr_vms(pid) > 0 && tries < 100; tries++)
				usleep(50000);
			EXPECT_GE(0, nr_vms(pid))
				TH_LOG("%s: its VM is still there", phases[phase]);
		}
		TH_LOG("killed when it %s, %d of %d with a VM", phases[phase], vms, NR_KILLED);

		vcpu = new_guest(guest_code);
		for (i = 0; i < NR_TURNS; i++)
			EXPECT_EQ(i, vcpu_run_to_sync(vcpu));
		kvm_vm_free(vcpu->vm);
	}
}

/* A guest that computes all the time, on a CPU that goes away again and again */
static void guest_check(u64 use_v)
{
	u64 turn;
	int i;

	csr_set(CSR_SSTATUS, SR_FS | SR_VS);
	for (turn = 1; !READ_ONCE(guest_in.vstart); turn++) {
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
	pin_self_to_cpu(1);
	return (void *)vcpu_run_to_sync(vcpu);
}

static bool set_online(int cpu, bool online)
{
	char path[64];
	int fd, ret;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return false;
	ret = write(fd, online ? "1" : "0", 1);
	close(fd);
	return ret == 1;
}

TEST_F_TIMEOUT(killed, cpu, TIMEOUT)
{
	struct kvm_vcpu *vcpu = new_guest(guest_check);
	struct simd_regs *regs = addr_gva2hva(vcpu->vm, (gva_t)&guest_in);
	int i, tries, gone = 0, cpu = 1;
	pthread_t thread;
	void *turns;

	if (!set_online(cpu, true)) {
		kvm_vm_free(vcpu->vm);
		SKIP(return, "no second CPU that can go offline");
	}
	ASSERT_EQ(0, pthread_create(&thread, NULL, check_thread, vcpu));
	for (i = 0; i < NR_HOTPLUGS; i++) {
		usleep(20000);
		gone += set_online(cpu, false);
		usleep(5000);
		/* On a machine with more to do, a hart may take its time to stop. */
		for (tries = 0; !set_online(cpu, true) && tries < 100; tries++)
			usleep(20000);
		/* Its thread had to leave, and may come back. */
		pin_task_to_cpu(thread, cpu);
	}
	WRITE_ONCE(regs->vstart, 1);
	pthread_join(thread, &turns);
	TH_LOG("CPU 1 went away %d times, in %ld turns of the guest", gone, (long)turns);
	EXPECT_LT(NR_HOTPLUGS / 2, gone);
	EXPECT_LT(NR_HOTPLUGS, (long)turns);
	kvm_vm_free(vcpu->vm);
}

/*
 * Vector registers are memory of the VMM's memory cgroup, and bound by its limit.
 * With the largest vlenb, so that what a cgroup charges in advance is little.
 */
#define CG_VLENB	8192
#define CG_VCPUS	16
#define CG_TOTAL	(CG_VCPUS * 32L * CG_VLENB)

FIXTURE(cgroup) {
	char *path;
};

FIXTURE_SETUP(cgroup)
{
	char root[256];

	if (!kvm_check_cap(KVM_CAP_RISCV_GUEST_VLENB))
		SKIP(return, "no V, or no KVM_CAP_RISCV_GUEST_VLENB");
	if (cg_find_unified_root(root, sizeof(root), NULL) ||
	    cg_read_strstr(root, "cgroup.controllers", "memory"))
		SKIP(return, "no memory controller of cgroup v2");
	ASSERT_EQ(0, cg_write(root, "cgroup.subtree_control", "+memory"));
	self->path = cg_name(root, "simd_fault_test");
	ASSERT_TRUE(!cg_create(self->path) || errno == EEXIST);
}

FIXTURE_TEARDOWN(cgroup)
{
	EXPECT_EQ(0, cg_destroy(self->path));
	free(self->path);
}

/* v5 of each vCPU gets @byte.  Returns how many did, behind which there was no memory. */
static int fill_v5(struct kvm_vcpu **vcpus, u8 byte)
{
	static u8 val[CG_VLENB];
	u64 id = __kvm_reg_id(KVM_REG_RISCV_VECTOR, 0, KVM_REG_RISCV_VECTOR_REG(5),
			      (u64)__builtin_ctzl(CG_VLENB) << KVM_REG_SIZE_SHIFT);
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

/* In the cgroup, with memory for @limit more than the vCPUs without vectors need */
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

	TEST_ASSERT(!cg_enter_current(path), "cannot enter %s", path);
	vm = vm_create_barebones();
	TEST_ASSERT(!ioctl(vm->fd, KVM_ENABLE_CAP, &cap), "no vlenb of %d", CG_VLENB);
	for (i = 0; i < CG_VCPUS; i++)
		vcpus[i] = __vm_vcpu_add(vm, i);
	fill_v5(vcpus, 0);

	before = cg_read_long(path, "memory.current");
	if (limit) {
		snprintf(max, sizeof(max), "%ld", before + limit);
		TEST_ASSERT(!cg_write(path, "memory.max", max), "cannot set memory.max");
	}
	TEST_ASSERT_EQ(fill_v5(vcpus, 0), CG_VCPUS);
	zeros = cg_read_long(path, "memory.current");
	TEST_ASSERT(zeros - before < CG_TOTAL / 4, "zeros cost %ld bytes", zeros - before);

	i = fill_v5(vcpus, 5);
	filled = cg_read_long(path, "memory.current");
	ksft_print_msg("%d vCPUs without vectors: %ld bytes, with: %ld\n", i, before, filled);
	if (limit)
		TEST_ASSERT(i < CG_VCPUS, "%ld bytes are enough for %ld", limit, CG_TOTAL);
	else
		TEST_ASSERT(filled - zeros > CG_TOTAL * 3 / 4, "%ld bytes of %ld are charged",
			    filled - zeros, CG_TOTAL);
	kvm_vm_free(vm);
}

/* Returns how the VMM has ended. */
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
	/* What it was charged for comes back. */
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

/* Either the register cannot be written, or the VMM is the one to be killed. */
TEST_F_TIMEOUT(cgroup, limited, TIMEOUT)
{
	int status = run_charged(self->path, CG_TOTAL / 4);

	EXPECT_TRUE(!status || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
		TH_LOG("status %x", status);
	TH_LOG("the VMM %s", status ? "was killed" : "got ENOMEM");
	EXPECT_EQ(0, cg_write(self->path, "memory.max", "max"));
}

TEST_HARNESS_MAIN
