// SPDX-License-Identifier: GPL-2.0
/*
 * simd_canary_test.c - Test that no FP or vector register ever shows another
 * owner's bits.
 *
 * Guests, VMM threads and processes that do not use KVM (bystanders) fill all
 * their FP and vector registers with words that identify their owner.
 * Meanwhile, VMs with various extensions and vector lengths are created and
 * destroyed, run on any CPU, and are reset, and VMMs read and write their
 * registers. Guests and bystanders check each word that they find in their own
 * registers, and VMMs also check what KVM_GET_ONE_REG returns. None of them may
 * ever find a word of another owner. An owner's number is never reused, so the
 * test also detects words that a destroyed VM has left in memory.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "isa_util.h"
#include "kvm_util.h"
#include "options.h"
#include "processor.h"
#include "simd.h"
#include "test_util.h"
#include "ucall_common.h"

#define NR_VMMS		3
#define NR_BYSTANDERS	2
#define NR_VCPUS	2
#define MAX_SPIN	20000

/* A 32-bit word: a mark, the owner (15 bits), and the register */
#define MARK		0xca4u
#define WORD(who, reg)	(MARK << 20 | (who) << 5 | (reg))
#define NOBODY		0

static u64 seed, nr_turns = 150;
static cpu_set_t cpus;
static bool has_v;
static u64 host_vlenb;

/* In memory that all processes share */
static struct {
	atomic_uint next, stop;
	atomic_ulong in_guests, in_one_reg, in_vmms, in_bystanders, vms;
} *shared;

static u32 somebody(void)
{
	u32 who = atomic_fetch_add(&shared->next, 1);

	TEST_ASSERT(who < 1 << 15, "all owner numbers have been used");
	return who;
}

static void paint(struct simd_regs *regs, u32 who, u64 vlenb)
{
	u32 *f = (u32 *)regs->f, *v = (u32 *)regs->v, i;

	for (i = 0; i < 64; i++)
		f[i] = WORD(who, i / 2);
	for (i = 0; i < 32 * vlenb / 4; i++)
		v[i] = WORD(who, i * 4 / (u32)vlenb);
}

/* Return the owner of the first word whose owner is neither WHO nor NOBODY. */
static u32 stranger(const void *regs, size_t size, u32 who)
{
	const u32 *w = regs;

	for (; size; size -= sizeof(*w), w++)
		if (*w >> 20 == MARK && (*w >> 5 & 0x7fff) != who)
			return *w >> 5 & 0x7fff;
	return NOBODY;
}

static void hunt(const void *regs, size_t size, u32 who, atomic_ulong *count,
		 const char *where, u64 nr)
{
	u32 whose = stranger(regs, size, who);

	TEST_ASSERT(whose == NOBODY, "%s %lx holds a word of owner %u, but belongs to %u",
		    where, nr, whose, who);
	atomic_fetch_add(count, size / 4);
}

/*
 * Bystanders make no system call while their registers are painted, so the
 * kernel must preserve all of the registers.
 */
static void bystander(int nr)
{
	struct kvm_random_state rng = new_kvm_random_state(seed % 0x7fffff00 + 100 + nr);
	static struct simd_regs in, out;
	u32 who = somebody(), i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	paint(&in, who, has_v ? host_vlenb : 0);
	while (!atomic_load(&shared->stop)) {
		simd_load_fp(&in);
		if (has_v)
			simd_load_v_regs(in.v, host_vlenb);
		for (i = kvm_random_u32(&rng) % MAX_SPIN; i; i--)
			asm volatile("");
		simd_store_fp(&out);
		if (has_v)
			simd_store_v_regs(out.v, host_vlenb);
		hunt(out.f, sizeof(out.f), who, &shared->in_bystanders, "f of a process", nr);
		TEST_ASSERT(!memcmp(in.f, out.f, sizeof(in.f)), "f of process %d is lost", nr);
		if (!has_v)
			continue;
		hunt(out.v, 32 * host_vlenb, who, &shared->in_bystanders, "v of a process", nr);
		TEST_ASSERT(!memcmp(in.v, out.v, 32 * host_vlenb), "v of process %d is lost", nr);
	}
	_exit(0);
}

/*
 * Shared by a guest and its VMM: the registers that the guest has found, and
 * those that it is to leave
 */
static struct guest {
	struct simd_regs seen, paint;
	u64 has_fp, has_v;	/* whether "seen" is valid for the unit */
} guests[NR_VCPUS];
static u64 guest_vlenb, guest_traps;

static void guest_skip(struct pt_regs *regs)
{
	guest_traps++;
	regs->epc += (*(u16 *)regs->epc & 3) == 3 ? 4 : 2;
}

/*
 * Guest code: store and then paint all registers with all units on. A unit that
 * the vCPU does not have traps. The stored values are those that KVM has loaded
 * after the last exit.
 */
static void guest_code(void)
{
	struct guest *g = &guests[guest_get_vcpuid()];

	for (;;) {
		csr_set(CSR_SSTATUS, SR_FS | SR_VS);
		guest_traps = 0;
		simd_store_fp(&g->seen);
		g->has_fp = !guest_traps;
		guest_traps = 0;
		if (guest_vlenb)
			simd_store_v_regs(g->seen.v, guest_vlenb);
		g->has_v = guest_vlenb && !guest_traps;

		simd_load_fp(&g->paint);
		if (guest_vlenb)
			simd_load_v_regs(g->paint.v, guest_vlenb);
		GUEST_SYNC(0);
	}
}

struct vmm {
	pthread_t thread;
	struct kvm_random_state rng;
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpus[NR_VCPUS];
	u32 who, owners[NR_VCPUS];	/* NOBODY before it has painted anything */
	u64 vlenb;
	struct simd_regs in, out, view;
};

static u32 rnd(struct vmm *m, u32 n)
{
	return kvm_random_u32(&m->rng) % n;
}

/*
 * At random, disable V, or disable FP with all its dependents, or disable
 * nothing.
 */
static void hide_something(struct vmm *m, struct kvm_vcpu *vcpu)
{
	static const int exts[] = { KVM_RISCV_ISA_EXT_V, KVM_RISCV_ISA_EXT_F };

	if (rnd(m, 2))
		__vcpu_set_reg(vcpu, RISCV_ISA_EXT_REG(exts[rnd(m, 2)]), 0);
}

static void new_vm(struct vmm *m)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_RISCV_GUEST_VLENB,
		.args = { host_vlenb, KVM_RISCV_VLENB_USER_EXIT },
	};
	int i;

	if (m->vm)
		kvm_vm_free(m->vm);
	m->vm = vm_create(NR_VCPUS);
	m->vlenb = host_vlenb;
	/*
	 * Some VMs get another vector length. Their guests cannot use vectors,
	 * because this VMM does not emulate vector instructions.
	 */
	if (kvm_has_cap(KVM_CAP_RISCV_GUEST_VLENB) && !rnd(m, 4)) {
		m->vlenb = 16 << rnd(m, 6);
		cap.args[0] = m->vlenb;
		TEST_ASSERT(!__vm_ioctl(m->vm, KVM_ENABLE_CAP, &cap), "cannot set vlenb %lu",
			    m->vlenb);
	}
	for (i = 0; i < NR_VCPUS; i++) {
		m->vcpus[i] = vm_vcpu_add(m->vm, i, guest_code);
		m->owners[i] = NOBODY;
		hide_something(m, m->vcpus[i]);
	}
	vm_enable_cap(m->vm, KVM_CAP_RISCV_MP_STATE_RESET, 0);
	vm_init_vector_tables(m->vm);
	for (i = 0; i < NR_VCPUS; i++)
		vcpu_init_vector_tables(m->vcpus[i]);
	vm_install_exception_handler(m->vm, EXC_INST_ILLEGAL, guest_skip);
	*(u64 *)addr_gva2hva(m->vm, (gva_t)&guest_vlenb) =
		has_v && m->vlenb == host_vlenb ? host_vlenb : 0;
	atomic_fetch_add(&shared->vms, 1);
}

/* Read all FP and vector registers that the vCPU has with KVM_GET_ONE_REG. */
static void read_regs(struct vmm *m, int i)
{
	static const u64 types[] = {
		KVM_REG_RISCV_FP_F, KVM_REG_RISCV_FP_D, KVM_REG_RISCV_VECTOR,
	};
	u64 size, n;
	int t;

	for (t = 0; t < ARRAY_SIZE(types); t++) {
		size = t == 0 ? 4 : t == 1 ? 8 : m->vlenb;
		for (n = 0; n < 32; n++) {
			u64 id = __kvm_reg_id(types[t], 0, n + (t == 2 ?
					      KVM_REG_RISCV_VECTOR_REG(0) : 0),
					      (u64)__builtin_ctzl(size) << KVM_REG_SIZE_SHIFT);
			struct kvm_one_reg reg = { .id = id, .addr = (u64)m->view.v };

			if (__vcpu_ioctl(m->vcpus[i], KVM_GET_ONE_REG, &reg))
				continue;
			hunt(m->view.v, size, m->owners[i], &shared->in_one_reg,
			     "register", id);
		}
	}
}

static void write_regs(struct vmm *m, int i)
{
	u64 has = 0;

	if (m->owners[i] == NOBODY)
		m->owners[i] = somebody();
	paint(&m->in, m->owners[i], m->vlenb);
	if (__vcpu_has_isa_ext(m->vcpus[i], KVM_RISCV_ISA_EXT_D))
		vcpu_set_fp(m->vcpus[i], &m->in);
	__vcpu_get_reg(m->vcpus[i], RISCV_ISA_EXT_REG(KVM_RISCV_ISA_EXT_V), &has);
	if (has)
		vcpu_set_v(m->vcpus[i], &m->in);
}

static void run(struct vmm *m, int i)
{
	struct guest *g = addr_gva2hva(m->vm, (gva_t)&guests[i]);
	u32 old = m->owners[i];
	struct ucall uc;
	int ret;

	memset(&g->seen, 0, sizeof(g->seen));
	/*
	 * The guest may find the words that it leaves now when it runs the next
	 * time.
	 */
	m->owners[i] = old ?: somebody();
	paint(&g->paint, m->owners[i], host_vlenb);
	paint(&m->in, m->who, host_vlenb);
	m->in.fcsr = 0;
	if (has_v)
		simd_load_v_regs(m->in.v, host_vlenb);
	do {
		ret = vcpu_run_with_live_fp(m->vcpus[i], &m->in, &m->out);
	} while (ret == -EINTR);
	/* Store the registers before anything else can use them. */
	simd_store_fp(&m->view);
	if (has_v)
		simd_store_v_regs(m->view.v, host_vlenb);
	TEST_ASSERT(!ret, "KVM_RUN: %d", ret);
	hunt(m->view.f, sizeof(m->view.f), m->who, &shared->in_vmms, "f of VMM", m->who);
	if (has_v)
		hunt(m->view.v, 32 * host_vlenb, m->who, &shared->in_vmms, "v of VMM", m->who);
	TEST_ASSERT(get_ucall(m->vcpus[i], &uc) == UCALL_SYNC, "exit reason %u, ucall %lu",
		    m->vcpus[i]->run->exit_reason, uc.cmd);
	if (g->has_fp)
		hunt(g->seen.f, sizeof(g->seen.f), old, &shared->in_guests, "f of vCPU", i);
	if (g->has_v)
		hunt(g->seen.v, 32 * host_vlenb, old, &shared->in_guests, "v of vCPU", i);
}

/*
 * Reset the vCPU. Afterwards its registers must belong to nobody. The guest
 * cannot run again, because the reset has also cleared its pc.
 */
static void reset(struct vmm *m, int i)
{
	struct kvm_mp_state init = { .mp_state = KVM_MP_STATE_INIT_RECEIVED };

	vcpu_mp_state_set(m->vcpus[i], &init);
	m->owners[i] = NOBODY;
	read_regs(m, i);
}

static void *vmm(void *arg)
{
	struct vmm *m = arg;
	u32 turn;
	int i;

	m->who = somebody();
	new_vm(m);
	/* Stop early if the owner numbers run out. */
	for (turn = 0; turn < nr_turns && atomic_load(&shared->next) < 0x7f00; turn++) {
		i = rnd(m, NR_VCPUS);
		switch (rnd(m, 16)) {
		case 0:
			new_vm(m);
			break;
		case 1:
			reset(m, i);
			new_vm(m);
			break;
		case 2 ... 4:
			read_regs(m, i);
			break;
		case 5 ... 6:
			write_regs(m, i);
			break;
		case 7:
			pin_task_to_random_cpu(pthread_self(), &cpus);
			break;
		case 8:
			usleep(rnd(m, 2000));
			break;
		default:
			run(m, i);
		}
	}
	kvm_vm_free(m->vm);
	return NULL;
}

int main(int argc, char *argv[])
{
	const struct test_option options[] = {
		{ 's', "SEED", &seed },
		{ 'n', "TURNS", &nr_turns },
	};
	static struct vmm vmms[NR_VMMS];
	pid_t pids[NR_BYSTANDERS];
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	int i, status;

	seed = time(NULL);
	parse_test_options(argc, argv, options, ARRAY_SIZE(options));
	ksft_print_header();
	vm = vm_create_with_one_vcpu(&vcpu, NULL);
	TEST_REQUIRE(__vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_D));
	has_v = __vcpu_has_isa_ext(vcpu, KVM_RISCV_ISA_EXT_V);
	host_vlenb = has_v ? vcpu_vlenb(vcpu) : 16;
	__TEST_REQUIRE(host_vlenb <= SIMD_MAX_VLENB, "vlenb is above SIMD_MAX_VLENB");
	TEST_REQUIRE(!__vm_enable_cap(vm, KVM_CAP_RISCV_MP_STATE_RESET, 0));
	kvm_vm_free(vm);
	TEST_ASSERT(!sched_getaffinity(0, sizeof(cpus), &cpus), "sched_getaffinity() failed");
	ksft_set_plan(1);
	ksft_print_msg("seed %lu, %lu turns of %d VMMs\n", seed, nr_turns, NR_VMMS);

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	TEST_ASSERT(shared != MAP_FAILED, "mmap() failed");
	atomic_store(&shared->next, NOBODY + 1);
	for (i = 0; i < NR_BYSTANDERS; i++) {
		pids[i] = fork();
		TEST_ASSERT(pids[i] >= 0, "fork() failed");
		if (!pids[i])
			bystander(i);
	}
	for (i = 0; i < NR_VMMS; i++) {
		vmms[i].rng = new_kvm_random_state(seed % 0x7fffff00 + 1 + i);
		TEST_ASSERT(!pthread_create(&vmms[i].thread, NULL, vmm, &vmms[i]),
			    "pthread_create() failed");
	}
	for (i = 0; i < NR_VMMS; i++)
		pthread_join(vmms[i].thread, NULL);
	atomic_store(&shared->stop, 1);
	for (i = 0; i < NR_BYSTANDERS; i++) {
		TEST_ASSERT_EQ(waitpid(pids[i], &status, 0), pids[i]);
		TEST_ASSERT(!status, "a bystander ended with %x", status);
	}
	ksft_print_msg("words checked in guests of %lu VMs: %lu, with ONE_REG: %lu\n",
		       shared->vms, shared->in_guests, shared->in_one_reg);
	ksft_print_msg("in threads of VMMs: %lu, in other processes: %lu\n",
		       shared->in_vmms, shared->in_bystanders);
	TEST_ASSERT(shared->in_guests && shared->in_one_reg && shared->in_vmms &&
		    shared->in_bystanders, "too few turns: one of these counts is 0");
	ksft_test_result_pass("all words belong to their owners\n");
	ksft_finished();
}
