// SPDX-License-Identifier: GPL-2.0
/*
 * simd_lifecycle_test.c - Test FP and vector registers across the events in a
 * vCPU's life.
 *
 * A guest keeps random values in all of its FP and vector registers across
 * exits to the VMM, and each test makes a different event happen between the
 * exits, such as a signal, a migration or a reset. Afterwards the guest and
 * KVM_GET_ONE_REG must both see the guest's old values, the values that the VMM
 * has written, or zeros after a reset.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/elf.h>

#include "fault_util.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "sbi.h"
#include "simd.h"
#include "test_util.h"
#include "ucall_common.h"

#define NR_TURNS	40
#define SPIN_LOOPS	100000
#define BOOT_GPA	0x80000000UL	/* clear of everything else, in both maps */
#define BOOT_SLOT	1
#define JUNK		0x6a756e6b6a756e6bUL

#define SBI_HSM_STOPPED		1
#define SBI_EXT_FWFT		0x46574654
#define SBI_EXT_FWFT_SET	0
#define SBI_FWFT_MISALIGNED	0
#define SBI_FWFT_SHADOW_STACK	2

/* What a guest does in each turn before it looks at its registers */
enum { BREAKPOINT = 1, SPIN = 2, FWFT = 4 };

/*
 * Each VM has its own copy of these variables, which is initialized from the
 * VMM's.
 */
static struct simd_regs want, got;
static struct kvm_random_state rng;
static bool has_v;
static u64 vlenb;
static int actions;
static int nr_illegal, breakpoints, fwft_changes;

/*
 * FWFT features that make KVM change HEDELEG. Landing pads are left out,
 * because guest code would need lpad instructions.
 */
static const int fwft_features[] = { SBI_FWFT_MISALIGNED, SBI_FWFT_SHADOW_STACK };

/* Of the VMM */
static struct simd_regs view, junk, host_in, host_out, host_new;

#define GUEST_VAR(vm, var)	((typeof(var) *)addr_gva2hva(vm, (gva_t)&(var)))

static void guest_take_illegal(struct pt_regs *regs)
{
	nr_illegal++;
	regs->epc += 4;
}

static void guest_breakpoint(struct pt_regs *regs)
{
	breakpoints++;
	regs->epc += 4;
}

static void guest_store(void)
{
	simd_store_fp(&got);
	if (has_v)
		simd_store_v(&got);
}

static void guest_load(void)
{
	simd_random_fp(&want, &rng);
	simd_load_fp(&want);
	if (has_v) {
		simd_random_v(&want, vlenb, &rng);
		simd_load_v(&want);
	}
}

static void guest_check(int turn)
{
	char why[SIMD_WHY_LEN];

	csr_set(CSR_SSTATUS, SR_FS | SR_VS);
	guest_store();
	__GUEST_ASSERT(simd_same_fp(&got, &want, why), "turn %d: %s", turn, why);
	__GUEST_ASSERT(!has_v || simd_same_v(&got, &want, vlenb, why), "turn %d: %s", turn, why);
}

/*
 * With FS (or VS) off, the guest must get the illegal-instruction exception
 * itself, whatever KVM loads on demand.
 */
static void guest_trap(void)
{
	int want = READ_ONCE(nr_illegal) + 1;
	u64 val;

	csr_clear(CSR_SSTATUS, SR_FS);
	asm volatile("fmv.x.d %0, f0" : "=r" (val) :: "memory");
	GUEST_ASSERT_EQ(READ_ONCE(nr_illegal), want);
	if (has_v)
		return;

	csr_set(CSR_SSTATUS, SR_VS);
	asm volatile(V_INSN("vsetvli %0, zero, e8, m1, ta, ma") : "=r" (val) :: "memory");
	GUEST_ASSERT_EQ(READ_ONCE(nr_illegal), want + 1);
}

static void guest_act(int turn)
{
	struct sbiret ret;
	int i;

	if (actions & BREAKPOINT)
		asm volatile(".option push\n.option norvc\nebreak\n.option pop" ::: "memory");
	if (actions & SPIN)
		for (i = 0; i < SPIN_LOOPS; i++)
			asm volatile("");
	if (actions & FWFT)
		for (i = 0; i < ARRAY_SIZE(fwft_features); i++) {
			ret = sbi_ecall(SBI_EXT_FWFT, SBI_EXT_FWFT_SET, fwft_features[i],
					turn & 1, 0, 0, 0, 0);
			fwft_changes += !ret.error;
		}
}

static void guest_code(void)
{
	int turn;

	for (turn = 0;; turn++) {
		guest_act(turn);
		/*
		 * Alternate whether the guest uses the units first or traps
		 * first.
		 */
		if (turn & 1)
			guest_trap();
		guest_check(turn);
		if (!(turn & 1))
			guest_trap();
		csr_set(CSR_SSTATUS, SR_FS | SR_VS);
		guest_load();
		GUEST_SYNC(turn);
	}
}

/* The VMM */
static struct kvm_vm *create_vm(struct kvm_vcpu **vcpu, bool v)
{
	struct kvm_vm *vm = vm_create_with_one_vcpu(vcpu, guest_code);

	if (!v && __vcpu_has_isa_ext(*vcpu, KVM_RISCV_ISA_EXT_V))
		vcpu_set_reg(*vcpu, RISCV_ISA_EXT_REG(KVM_RISCV_ISA_EXT_V), 0);
	vm_init_vector_tables(vm);
	vcpu_init_vector_tables(*vcpu);
	vm_install_exception_handler(vm, EXC_INST_ILLEGAL, guest_take_illegal);
	vm_install_exception_handler(vm, EXC_BREAKPOINT, guest_breakpoint);

	*GUEST_VAR(vm, rng) = new_kvm_random_state(kvm_random_u32(&kvm_rng));
	*GUEST_VAR(vm, has_v) = __vcpu_has_isa_ext(*vcpu, KVM_RISCV_ISA_EXT_V);
	if (*GUEST_VAR(vm, has_v))
		*GUEST_VAR(vm, vlenb) = vcpu_vlenb(*vcpu);
	__TEST_REQUIRE(*GUEST_VAR(vm, vlenb) <= SIMD_MAX_VLENB, "vlenb is above SIMD_MAX_VLENB");
	return vm;
}

static void check_view(struct kvm_vcpu *vcpu)
{
	struct simd_regs *guest_want = GUEST_VAR(vcpu->vm, want);
	char why[SIMD_WHY_LEN];

	vcpu_get_fp(vcpu, &view);
	TEST_ASSERT(simd_same_fp(&view, guest_want, why), "ONE_REG: %s", why);
	if (!*GUEST_VAR(vcpu->vm, has_v))
		return;
	vcpu_get_v(vcpu, &view);
	TEST_ASSERT(simd_same_v(&view, guest_want, *GUEST_VAR(vcpu->vm, vlenb), why),
		    "ONE_REG: %s", why);
}

static void write_view(struct kvm_vcpu *vcpu)
{
	struct simd_regs *guest_want = GUEST_VAR(vcpu->vm, want);

	simd_random_fp(guest_want, &kvm_rng);
	vcpu_set_fp(vcpu, guest_want);
	if (!*GUEST_VAR(vcpu->vm, has_v))
		return;
	simd_random_v(guest_want, *GUEST_VAR(vcpu->vm, vlenb), &kvm_rng);
	vcpu_set_v(vcpu, guest_want);
}

static void check_host_fp(const char *when)
{
	int i, n;

	for (i = 0; i < NR_SAVED_F; i++) {
		n = simd_saved_f[i];
		TEST_ASSERT(host_out.f[n] == host_in.f[n], "%s: the VMM's f%d is %lx, not %lx",
			    when, n, host_out.f[n], host_in.f[n]);
	}
	TEST_ASSERT(host_out.fcsr == host_in.fcsr, "%s: the VMM's fcsr is %lx, not %lx",
		    when, host_out.fcsr, host_in.fcsr);
}

/* Run one turn of the guest. Returns how often a signal has ended KVM_RUN. */
static int run_turn(struct kvm_vcpu *vcpu)
{
	int interrupted = 0;
	struct ucall uc;
	long ret;

	simd_random_fp(&host_in, &kvm_rng);
	while ((ret = vcpu_run_with_live_fp(vcpu, &host_in, &host_out)) == -EINTR) {
		check_host_fp("signal");
		interrupted++;
	}
	check_host_fp("KVM_RUN");
	TEST_ASSERT(!ret, "KVM_RUN: %ld", ret);

	if (vcpu->run->exit_reason == KVM_EXIT_DEBUG)
		return interrupted;
	switch (get_ucall(vcpu, &uc)) {
	case UCALL_SYNC:
		break;
	case UCALL_ABORT:
		REPORT_GUEST_ASSERT(uc);
		break;
	default:
		TEST_FAIL("Unexpected exit reason %u, ucall %lu",
			  vcpu->run->exit_reason, uc.cmd);
	}
	check_view(vcpu);
	return interrupted;
}

/*
 * Overwrite all FP and vector registers that the thread may use, as a signal
 * handler or a library might.
 */
static void use_registers(void)
{
	int i;

	for (i = 0; i < 32; i++)
		junk.f[i] = JUNK;
	junk.fcsr = 3 << 5;
	simd_load_fp(&junk);
	if (has_v) {
		asm volatile(V_INSN("vsetvli t0, zero, e64, m8, ta, ma\n"
				    "vmv.v.x v0, %0\n"
				    "vmv.v.x v8, %0\n"
				    "vmv.v.x v16, %0\n"
				    "vmv.v.x v24, %0\n"
				    "csrwi vxrm, 1") :: "r" (JUNK) : "t0");
	}
}

static void on_signal(int sig)
{
	use_registers();
}

static void between_nothing(struct kvm_vcpu *vcpu, int turn)
{
}

static void between_use(struct kvm_vcpu *vcpu, int turn)
{
	use_registers();
}

static void between_set_one_reg(struct kvm_vcpu *vcpu, int turn)
{
	write_view(vcpu);
	check_view(vcpu);
}

static void between_signal(struct kvm_vcpu *vcpu, int turn)
{
	simd_load_fp(&host_in);
	raise(SIGUSR1);
	simd_store_fp(&host_out);
	check_host_fp("signal between runs");
}

static void between_fork(struct kvm_vcpu *vcpu, int turn)
{
	int status;
	pid_t pid;

	simd_load_fp(&host_in);
	pid = fork();
	simd_store_fp(&host_out);
	check_host_fp(pid ? "fork" : "fork, child");
	if (!pid) {
		use_registers();
		_exit(0);
	}
	TEST_ASSERT(waitpid(pid, &status, 0) == pid && !status, "child: %x", status);
}

/*
 * Trace the VMM thread from another process with ptrace(). Meanwhile, the thread
 * spins in user space with host_in in all of its registers, because a system
 * call would destroy the vector registers. The tracer must find host_in there,
 * and not the guest's values. It then writes host_new, which the thread must
 * find.
 */
static struct traced {
	bool live, done;
} *traced;

static void trace_fp(pid_t pid)
{
	struct __riscv_d_ext_state fp = {};
	struct iovec iov = { .iov_base = &fp, .iov_len = sizeof(fp) };
	char why[SIMD_WHY_LEN];

	TEST_ASSERT(!ptrace(PTRACE_GETREGSET, pid, NT_PRFPREG, &iov), "get FP: %d", errno);
	memcpy(view.f, fp.f, sizeof(fp.f));
	view.fcsr = fp.fcsr;
	TEST_ASSERT(simd_same_fp(&view, &host_in, why), "read by ptrace: %s", why);

	memcpy(fp.f, host_new.f, sizeof(fp.f));
	fp.fcsr = host_new.fcsr;
	TEST_ASSERT(!ptrace(PTRACE_SETREGSET, pid, NT_PRFPREG, &iov), "set FP: %d", errno);
}

static void trace_v(pid_t pid)
{
	static u8 buf[sizeof(struct __riscv_v_regset_state) + 32 * SIMD_MAX_VLENB] __aligned(8);
	struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };
	struct __riscv_v_regset_state *v = (void *)buf;
	char why[SIMD_WHY_LEN];

	TEST_ASSERT(!ptrace(PTRACE_GETREGSET, pid, NT_RISCV_VECTOR, &iov), "get V: %d", errno);
	TEST_ASSERT_EQ(v->vlenb, vlenb);
	view.vstart = v->vstart;
	view.vl = v->vl;
	view.vtype = v->vtype;
	view.vcsr = v->vcsr;
	memcpy(view.v, v->vreg, 32 * vlenb);
	TEST_ASSERT(simd_same_v(&view, &host_in, vlenb, why), "read by ptrace: %s", why);

	v->vstart = host_new.vstart;
	v->vl = host_new.vl;
	v->vtype = host_new.vtype;
	v->vcsr = host_new.vcsr;
	memcpy(v->vreg, host_new.v, 32 * vlenb);
	TEST_ASSERT(!ptrace(PTRACE_SETREGSET, pid, NT_RISCV_VECTOR, &iov), "set V: %d", errno);
}

static void end_spinning(void)
{
	WRITE_ONCE(traced->done, true);
}

static void trace_parent(void)
{
	pid_t pid = getppid();
	int status;

	/* The thread must go on even if a TEST_ASSERT() ends the tracer. */
	atexit(end_spinning);
	while (!READ_ONCE(traced->live))
		sched_yield();
	if (ptrace(PTRACE_SEIZE, pid, 0, 0)) {
		TEST_ASSERT(errno == EPERM, "PTRACE_SEIZE: %d", errno);
		end_spinning();
		_exit(KSFT_SKIP);
	}
	TEST_ASSERT(!ptrace(PTRACE_INTERRUPT, pid, 0, 0), "PTRACE_INTERRUPT: %d", errno);
	TEST_ASSERT_EQ(waitpid(pid, &status, __WALL), pid);

	trace_fp(pid);
	if (has_v)
		trace_v(pid);
	end_spinning();
	ptrace(PTRACE_DETACH, pid, 0, 0);
	_exit(0);
}

static void between_ptrace(struct kvm_vcpu *vcpu, int turn)
{
	char why[SIMD_WHY_LEN];
	int status;
	pid_t pid;

	traced = mmap(NULL, sizeof(*traced), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(traced != MAP_FAILED, "mmap() failed");
	simd_random_fp(&host_new, &kvm_rng);
	if (has_v) {
		vlenb = *GUEST_VAR(vcpu->vm, vlenb);
		simd_random_v(&host_in, vlenb, &kvm_rng);
		simd_random_v(&host_new, vlenb, &kvm_rng);
		/* ptrace() refuses values that are not legal. */
		host_new.vstart = 0;
		host_new.vl = 0;
		host_new.vtype = 0;
		host_new.vcsr = 2;
	}

	/* Yama lets a child trace its parent only with the parent's permission. */
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	pid = fork();
	TEST_ASSERT(pid >= 0, "fork() failed");
	if (!pid)
		trace_parent();

	simd_load_fp(&host_in);
	if (has_v)
		simd_load_v(&host_in);
	WRITE_ONCE(traced->live, true);
	while (!READ_ONCE(traced->done))
		;
	if (has_v)
		simd_store_v(&host_out);
	simd_store_fp(&host_out);

	TEST_ASSERT_EQ(waitpid(pid, &status, 0), pid);
	__TEST_REQUIRE(!WIFEXITED(status) || WEXITSTATUS(status) != KSFT_SKIP,
		       "ptrace() is not permitted");
	TEST_ASSERT(!status, "tracer: %x", status);
	TEST_ASSERT(simd_same_fp(&host_out, &host_new, why), "set by ptrace: %s", why);
	TEST_ASSERT(!has_v || simd_same_v(&host_out, &host_new, vlenb, why),
		    "set by ptrace: %s", why);
	munmap(traced, sizeof(*traced));
}

/*
 * Take a CPU offline or online. The test does so with the CPU on which the vCPU
 * has run last.
 */
static void set_online(int cpu, const char *val)
{
	int fd, tries = 100;
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	fd = open(path, O_WRONLY);
	TEST_ASSERT(fd >= 0, "%s: %d", path, errno);
	/* On a busy machine, it may take a hart a while to stop. */
	while (write(fd, val, 1) != 1) {
		TEST_ASSERT(tries--, "%s: %d", path, errno);
		usleep(20000);
	}
	close(fd);
}

#define CPU1_ONLINE	"/sys/devices/system/cpu/cpu1/online"

/* What to restore at the end, or "" if CPU 1 cannot go offline */
static char cpu1_online[2];

static void restore_cpu1(void)
{
	set_online(1, cpu1_online);
}

static void between_hotplug(struct kvm_vcpu *vcpu, int turn)
{
	int cpu = 1;

	/*
	 * The guest runs on CPU 1 in even turns. CPU 1 is offline in odd turns.
	 */
	if (turn & 1) {
		set_online(cpu, "1");
		pin_self_to_cpu(cpu);
	} else {
		pin_self_to_cpu(0);
		set_online(cpu, "0");
	}
}

/* Switch guest debugging on or off, which makes KVM change HEDELEG. */
static void between_debug(struct kvm_vcpu *vcpu, int turn)
{
	struct kvm_guest_debug debug = { .control = turn & 1 ? 0 : KVM_GUESTDBG_ENABLE };
	int before = *GUEST_VAR(vcpu->vm, breakpoints);
	u64 pc;

	vcpu_guest_debug_set(vcpu, &debug);
	if (turn & 1)
		return;
	run_turn(vcpu);
	TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_DEBUG);
	TEST_ASSERT_EQ(*GUEST_VAR(vcpu->vm, breakpoints), before);
	pc = vcpu_get_reg(vcpu, RISCV_CORE_REG(regs.pc));
	vcpu_set_reg(vcpu, RISCV_CORE_REG(regs.pc), pc + 4);
	check_view(vcpu);
}

FIXTURE(simd_lifecycle) {
	struct kvm_vcpu *vcpu;
};

FIXTURE_VARIANT(simd_lifecycle) {
	void (*between)(struct kvm_vcpu *vcpu, int turn);
	int actions;
};

FIXTURE_VARIANT_ADD(simd_lifecycle, nothing) { between_nothing };
FIXTURE_VARIANT_ADD(simd_lifecycle, use) { between_use };
FIXTURE_VARIANT_ADD(simd_lifecycle, set_one_reg) { between_set_one_reg };
FIXTURE_VARIANT_ADD(simd_lifecycle, signal) { between_signal };
FIXTURE_VARIANT_ADD(simd_lifecycle, fork) { between_fork };
FIXTURE_VARIANT_ADD(simd_lifecycle, ptrace) { between_ptrace };
FIXTURE_VARIANT_ADD(simd_lifecycle, hotplug) { between_hotplug };
FIXTURE_VARIANT_ADD(simd_lifecycle, guest_debug) { between_debug, BREAKPOINT };
FIXTURE_VARIANT_ADD(simd_lifecycle, fwft) { between_nothing, FWFT };

FIXTURE_SETUP(simd_lifecycle)
{
	struct kvm_vm *vm = create_vm(&self->vcpu, true);
	struct sigaction sa = { .sa_handler = on_signal };

	if (!__vcpu_has_isa_ext(self->vcpu, KVM_RISCV_ISA_EXT_D))
		SKIP(return, "no D");
	has_v = *GUEST_VAR(vm, has_v);
	sigaction(SIGUSR1, &sa, NULL);
}

FIXTURE_TEARDOWN(simd_lifecycle)
{
	kvm_vm_free(self->vcpu->vm);
}

TEST_F_TIMEOUT(simd_lifecycle, between_runs, 100)
{
	struct kvm_vcpu *vcpu = self->vcpu;
	int turn;

	if (variant->between == between_hotplug) {
		if (!cpu1_online[0])
			SKIP(return, "no CPUs 0 and 1 to use, or CPU 1 cannot go offline");
		pin_self_to_cpu(1);
	}
	if (variant->actions == FWFT &&
	    !__vcpu_has_sbi_ext(vcpu, KVM_RISCV_SBI_EXT_FWFT))
		SKIP(return, "no SBI FWFT for guests");

	*GUEST_VAR(vcpu->vm, actions) = variant->actions;
	for (turn = 0; turn < NR_TURNS; turn++) {
		run_turn(vcpu);
		variant->between(vcpu, turn);
	}
	/* See guest_trap(). */
	EXPECT_EQ(has_v ? NR_TURNS : 2 * NR_TURNS, *GUEST_VAR(vcpu->vm, nr_illegal));
	if (variant->actions == FWFT && !*GUEST_VAR(vcpu->vm, fwft_changes))
		SKIP(return, "no SBI FWFT feature that changes HEDELEG");
}

/*
 * Before the first run, registers read as zero, and the guest must find the
 * values that the VMM writes.
 */
TEST(before_first_run)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = create_vm(&vcpu, true);

	if (!__vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_D))
		SKIP(return, "no D");
	check_view(vcpu);
	write_view(vcpu);
	check_view(vcpu);
	run_turn(vcpu);
	kvm_vm_free(vm);
}

/*
 * Signals end KVM_RUN at random points, and the signal handler overwrites all
 * FP and vector registers.
 */
TEST(signals_during_run)
{
	struct itimerval timer = { .it_interval.tv_usec = 2000, .it_value.tv_usec = 2000 };
	struct sigaction sa = { .sa_handler = on_signal };
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = create_vm(&vcpu, true);
	int turn, interrupted = 0;

	if (!__vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_D))
		SKIP(return, "no D");
	has_v = *GUEST_VAR(vm, has_v);
	*GUEST_VAR(vm, actions) = SPIN;
	sigaction(SIGPROF, &sa, NULL);
	TEST_ASSERT(!setitimer(ITIMER_PROF, &timer, NULL), "setitimer() failed");

	/* A fast hart may need more turns until the first signal comes. */
	for (turn = 0; turn < NR_TURNS || (!interrupted && turn < 100 * NR_TURNS); turn++)
		interrupted += run_turn(vcpu);
	memset(&timer, 0, sizeof(timer));
	setitimer(ITIMER_PROF, &timer, NULL);
	TH_LOG("%d runs ended by a signal", interrupted);
	EXPECT_GT(interrupted, 0);
	kvm_vm_free(vm);
}

/* Two VMs run alternately on one CPU. One of them has no V. */
TEST(two_vms)
{
	struct kvm_vcpu *vcpu[2];
	struct kvm_vm *vm[2];
	int turn, i;

	pin_self_to_any_cpu();
	for (i = 0; i < 2; i++)
		vm[i] = create_vm(&vcpu[i], !i);
	if (!__vcpu_has_isa_ext(vcpu[0], KVM_RISCV_ISA_EXT_V))
		SKIP(return, "no V");

	for (turn = 0; turn < NR_TURNS; turn++)
		for (i = 0; i < 2; i++)
			run_turn(vcpu[i]);
	EXPECT_EQ(NR_TURNS, *GUEST_VAR(vm[0], nr_illegal));
	EXPECT_EQ(2 * NR_TURNS, *GUEST_VAR(vm[1], nr_illegal));
	for (i = 0; i < 2; i++)
		kvm_vm_free(vm[i]);
}

/*
 * The VMM resets the vCPU between two runs, and the guest starts again from the
 * beginning.
 */
TEST(mp_state_reset)
{
	struct kvm_mp_state init = { .mp_state = KVM_MP_STATE_INIT_RECEIVED };
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = create_vm(&vcpu, true);
	u64 sp, gp, satp, stvec, sscratch;
	int turn;

	if (!__vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_D))
		SKIP(return, "no D");
	if (__vm_enable_cap(vm, KVM_CAP_RISCV_MP_STATE_RESET, 0))
		SKIP(return, "no KVM_CAP_RISCV_MP_STATE_RESET");
	sp = vcpu_get_reg(vcpu, RISCV_CORE_REG(regs.sp));
	gp = vcpu_get_reg(vcpu, RISCV_CORE_REG(regs.gp));
	satp = vcpu_get_reg(vcpu, RISCV_GENERAL_CSR_REG(satp));
	stvec = vcpu_get_reg(vcpu, RISCV_GENERAL_CSR_REG(stvec));
	sscratch = vcpu_get_reg(vcpu, RISCV_GENERAL_CSR_REG(sscratch));

	for (turn = 0; turn < NR_TURNS; turn++) {
		run_turn(vcpu);
		vcpu_mp_state_set(vcpu, &init);
		memset(GUEST_VAR(vm, want), 0, sizeof(want));
		check_view(vcpu);

		vcpu_arch_set_entry_point(vcpu, guest_code);
		vcpu_set_reg(vcpu, RISCV_CORE_REG(mode), KVM_RISCV_MODE_S);
		vcpu_set_reg(vcpu, RISCV_CORE_REG(regs.sp), sp);
		vcpu_set_reg(vcpu, RISCV_CORE_REG(regs.gp), gp);
		vcpu_set_reg(vcpu, RISCV_GENERAL_CSR_REG(satp), satp);
		vcpu_set_reg(vcpu, RISCV_GENERAL_CSR_REG(stvec), stvec);
		vcpu_set_reg(vcpu, RISCV_GENERAL_CSR_REG(sscratch), sscratch);
	}
	kvm_vm_free(vm);
}

/*
 * Another hart of the guest resets the vCPU by starting it with SBI HSM. HSM
 * starts a hart with paging off, so the hart begins in code whose virtual
 * address equals its physical address and which turns paging on.
 */
struct boot {
	u64 satp, sp, gp, stvec, pc;
	u32 code[64];
};

static void guest_hsm_secondary(void)
{
	csr_write(CSR_SSCRATCH, 1);
	guest_check(-1);
	guest_load();
	sbi_ecall(SBI_EXT_HSM, SBI_EXT_HSM_STOP, 0, 0, 0, 0, 0, 0);
	GUEST_ASSERT(false);
}

static void guest_hsm_primary(struct boot *boot)
{
	struct sbiret ret;
	int turn;

	for (turn = 0; turn < NR_TURNS; turn++) {
		do {
			ret = sbi_ecall(SBI_EXT_HSM, SBI_EXT_HSM_STATUS, 1, 0, 0, 0, 0, 0);
			GUEST_ASSERT_EQ(ret.error, 0);
		} while (ret.value != SBI_HSM_STOPPED);
		/*
		 * The secondary hart has left its own values in want, but after
		 * a start it must find zeros.
		 */
		memset(&want, 0, sizeof(want));
		ret = sbi_ecall(SBI_EXT_HSM, SBI_EXT_HSM_START, 1, (u64)boot->code, (u64)boot,
				0, 0, 0);
		GUEST_ASSERT_EQ(ret.error, 0);
	}
	GUEST_DONE();
}

static void fill_boot(struct kvm_vcpu *vcpu, struct boot *boot)
{
	void *start, *end;

	asm(".pushsection simd_boot, \"ax\"\n"
	    ".balign 4\n"
	    "1: ld t0, 0(a1)\n"
	    "ld sp, 8(a1)\n"
	    "ld gp, 16(a1)\n"
	    "ld t1, 24(a1)\n"
	    "ld t2, 32(a1)\n"
	    "csrw stvec, t1\n"
	    "csrw satp, t0\n"
	    "sfence.vma\n"
	    "jr t2\n"
	    "2:\n"
	    ".popsection\n"
	    "la %0, 1b\n"
	    "la %1, 2b" : "=r" (start), "=&r" (end));
	memcpy(boot->code, start, end - start);
	boot->satp = vcpu_get_reg(vcpu, RISCV_GENERAL_CSR_REG(satp));
	boot->sp = vcpu_get_reg(vcpu, RISCV_CORE_REG(regs.sp));
	boot->gp = vcpu_get_reg(vcpu, RISCV_CORE_REG(regs.gp));
	boot->stvec = vcpu_get_reg(vcpu, RISCV_GENERAL_CSR_REG(stvec));
	boot->pc = (u64)guest_hsm_secondary;
}

static void *run_secondary(void *vcpu)
{
	struct ucall uc;

	vcpu_run(vcpu);
	if (get_ucall(vcpu, &uc) == UCALL_ABORT)
		REPORT_GUEST_ASSERT(uc);
	TEST_FAIL("The other hart left KVM_RUN");
	return NULL;
}

TEST(hsm_stop_start)
{
	struct kvm_mp_state stopped = { .mp_state = KVM_MP_STATE_STOPPED };
	struct kvm_vcpu *vcpu, *secondary;
	struct kvm_vm *vm = create_vm(&vcpu, true);
	pthread_t thread;
	struct ucall uc;

	if (!__vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_D))
		SKIP(return, "no D");
	if (!__vcpu_has_sbi_ext(vcpu, KVM_RISCV_SBI_EXT_HSM))
		SKIP(return, "no SBI HSM for guests");
	secondary = vm_vcpu_add(vm, 1, guest_hsm_secondary);
	vcpu_init_vector_tables(secondary);
	vcpu_mp_state_set(secondary, &stopped);

	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, BOOT_GPA, BOOT_SLOT, 1, 0);
	virt_map(vm, BOOT_GPA, BOOT_GPA, 1);
	fill_boot(secondary, addr_gpa2hva(vm, BOOT_GPA));

	vcpu_arch_set_entry_point(vcpu, guest_hsm_primary);
	vcpu_args_set(vcpu, 1, BOOT_GPA);
	TEST_ASSERT(!pthread_create(&thread, NULL, run_secondary, secondary),
		    "pthread_create() failed");
	vcpu_run(vcpu);
	if (get_ucall(vcpu, &uc) == UCALL_ABORT)
		REPORT_GUEST_ASSERT(uc);
	TEST_ASSERT_EQ(uc.cmd, UCALL_DONE);
	/* The other thread stays in KVM_RUN until the process exits. */
}

int main(int argc, char *argv[])
{
	if (may_use_cpu(0) && may_use_cpu(1) && swap_setting(CPU1_ONLINE, "1", cpu1_online, 1))
		restore_at_end(restore_cpu1);

	return test_harness_run(argc, argv);
}
