// SPDX-License-Identifier: GPL-2.0
/*
 * Explore what vcpu_simd.c, kernel_mode_vector.c, kernel_mode_fpu.c and the context
 * switch do together, in every order.
 *
 * Included after that code, with the headers replaced by machine.h.  Two threads, each
 * with a vCPU, run on two CPUs.  A thread is a coroutine that calls the kernel's
 * code as the kernel does.  It stops wherever something may happen: where interrupts
 * or preemption get enabled, at tracepoints, and where the guest, user space, the
 * allocator or the scheduler has a choice.  The explorer continues each thread from each
 * state with each choice, breadth first, and keeps a hash of each state it has seen.
 * A state is all memory of the world, stacks included.
 *
 * Violations:
 *   leak	somebody reads what somebody else has written
 *   loss	somebody does not read the newest of what he has written
 *   on		a unit is on in the guest without being live
 *   trap	one is taken although switching is eager
 *   illegal	the guest gets a trap for an instruction that it may execute
 *   for ever	an instruction traps to KVM again and again
 *   trace	a trap that is handled before the exit is not traced once after it
 *   WARN_ON()	of the kernel's code
 */

#include <ucontext.h>

/* ---- the world ------------------------------------------------------------------ */

#define STACK_SIZE	(12 * 1024)
#define MAX_OPTIONS	8

struct coroutine {
	jmp_buf context;
	char *sp;			/* what of the stack is in use begins here */
	bool off;			/* waits for a CPU */
	int nr_options, picked;
	const char *where;
	const char *options[MAX_OPTIONS];
};

static struct {
	struct cpu cpus[NR_CPUS];
	struct task_struct idle[NR_CPUS];
	struct task_struct tasks[NR_THREADS];
	struct kvm_vcpu vcpus[NR_THREADS];
	bool v_unspecified[NR_THREADS];
	struct coroutine co[NR_THREADS];
} W;

/* What kvm_riscv_simd_init() has found out */
#ifdef HAVE_SIMD_TRAPS
bool kvm_riscv_simd_traps = true;
u8 kvm_riscv_simd_stuck;
#endif

static char stacks[NR_THREADS][STACK_SIZE] __attribute__((aligned(64)));
static struct kvm the_kvm = { { 32 } };
static struct kvm_run the_run;

/* Not of the world: the explorer's */
static int cur;
static jmp_buf explorer;
static const char *violated;

static int opt_cpus = NR_CPUS, opt_threads = NR_THREADS;

struct cpu *this_cpu(void)
{
	return &W.cpus[W.tasks[cur].cpu];
}

unsigned long *csr_ptr(int csr)
{
	struct cpu *cpu = this_cpu();

	switch (csr) {
	case CSR_SSTATUS:
		return &cpu->sstatus;
	case CSR_VSSTATUS:
		return &cpu->vsstatus;
	case CSR_HSTATUS:
		return &cpu->hstatus;
	case CSR_HEDELEG:
		return &cpu->hedeleg;
	case CSR_VCSR:
		return &cpu->vcsr;
	}
	violation("a CSR that the model lacks");
}

/* ---- coroutines ------------------------------------------------------------------- */

void violation(const char *what)
{
	violated = what;
	_longjmp(explorer, 2);
}

static noinline void yield(void)
{
	struct coroutine *co = &W.co[cur];

	co->sp = (char *)__builtin_frame_address(0) - 128;
	if (!_setjmp(co->context))
		_longjmp(explorer, 1);
}

/* What deeper calls have left on the stack would make one state many. */
static noinline void scrub(void)
{
	volatile char junk[1536];
	unsigned int i;

	for (i = 0; i < sizeof(junk); i++)
		junk[i] = 0;
}

static noinline int choose(const char *where, int nr, const char *const *options)
{
	struct coroutine *co = &W.co[cur];
	int i;

	if (nr <= 1)
		return 0;
	co->where = where;
	co->nr_options = nr;
	for (i = 0; i < MAX_OPTIONS; i++)
		co->options[i] = i < nr ? options[i] : NULL;
	scrub();
	yield();
	scrub();
	co = &W.co[cur];
	i = co->picked;
	co->picked = co->nr_options = 0;
	co->where = NULL;
	memset(co->options, 0, sizeof(co->options));
	memset(co->context, 0, sizeof(co->context));

	return i;
}

#define CHOOSE(where, ...) ({						\
	static const char *const names[] = { __VA_ARGS__ };		\
	choose(where, sizeof(names) / sizeof(*names), names); })

/* ---- registers ---------------------------------------------------------------------- */

static void forget(tag_t *tag, int actor, int unit)
{
	if (*tag == (tag_t)actor)
		*tag = unit == UNIT_V && actor < VCPU ? OLD_THREAD + actor - THREAD : OLD;
}

/*
 * Whatever copies there are, they are not the newest any longer.  Who reads one is wrong,
 * whoever that is: it need not say whose it was.
 */
static void forget_all(int actor, int unit)
{
	int i;

	for (i = 0; i < NR_CPUS; i++)
		forget(unit == UNIT_FP ? &W.cpus[i].fp : unit == UNIT_V ? &W.cpus[i].v : &W.cpus[i].vcsr, actor, unit);
	for (i = 0; i < NR_THREADS; i++) {
		struct task_struct *t = &W.tasks[i];
		struct kvm_vcpu *vcpu = &W.vcpus[i];

		if (unit == UNIT_FP) {
			forget(&t->thread.fstate, actor, unit);
			forget(&vcpu->arch.guest_fp.d.f, actor, unit);
		} else if (unit == UNIT_V) {
			forget(&t->vdata, actor, unit);
			forget(&t->kernel_vdata, actor, unit);
			forget(&vcpu->vdata, actor, unit);
		} else {
			forget(&t->thread.vstate.vcsr, actor, unit);
			forget(&t->thread.kernel_vstate.vcsr, actor, unit);
			forget(&vcpu->arch.guest_vector.vcsr, actor, unit);
		}
	}
}

static void write_unit(int actor, int unit)
{
	struct cpu *cpu = this_cpu();

	forget_all(actor, unit);
	*(unit == UNIT_FP ? &cpu->fp : unit == UNIT_V ? &cpu->v : &cpu->vcsr) = actor;
}

static void check_tag(int actor, int unit, tag_t tag)
{
	if (tag == OLD || tag == DISCARDED || tag >= OLD_THREAD)
		violation("loss, or a leak of what is old");
	if (tag != (tag_t)actor)
		violation("leak");
}

static void read_unit(int actor, int unit)
{
	struct cpu *cpu = this_cpu();

	check_tag(actor, unit, unit == UNIT_FP ? cpu->fp : unit == UNIT_V ? cpu->v : cpu->vcsr);
}

static void need_on(unsigned long field, const char *what)
{
	if (!(this_cpu()->sstatus & field))
		violation(what);
}

void riscv_v_enable(void) { this_cpu()->sstatus |= SR_VS; }
void riscv_v_disable(void) { this_cpu()->sstatus &= ~SR_VS; }
bool riscv_v_is_on(void) { return this_cpu()->sstatus & SR_VS; }

void __riscv_v_vstate_save(struct __riscv_v_ext_state *save_to, void *datap)
{
	*(tag_t *)datap = this_cpu()->v;
	save_to->vcsr = this_cpu()->vcsr;
	riscv_v_disable();
}

void __riscv_v_vstate_restore(struct __riscv_v_ext_state *restore_from, void *datap)
{
	if (!datap)
		violation("vectors are loaded from nowhere");
	this_cpu()->v = *(tag_t *)datap;
	this_cpu()->vcsr = restore_from->vcsr;
	riscv_v_disable();
}

/* Keeps vcsr */
void __riscv_v_vstate_discard(void) { this_cpu()->v = DISCARDED; }

void __fstate_save(struct task_struct *save_to) { save_to->thread.fstate = this_cpu()->fp; }
void __fstate_restore(struct task_struct *restore_from) { this_cpu()->fp = restore_from->thread.fstate; }
void __kvm_riscv_fp_d_save(struct __riscv_d_ext_state *fp) { fp->f = this_cpu()->fp; }
void __kvm_riscv_fp_d_restore(struct __riscv_d_ext_state *fp) { this_cpu()->fp = fp->f; }

/* ---- the kernel around it -------------------------------------------------------------- */

static void vcpu_load(struct kvm_vcpu *vcpu)
{
	struct cpu *cpu = this_cpu();

	if (cpu->former != vcpu)
		cpu->former = vcpu;
	else if (vcpu->csr_cpu == W.tasks[cur].cpu)
		goto loaded;
	vcpu->csr_cpu = W.tasks[cur].cpu;
#ifdef HAVE_HEDELEG_CSR
	vcpu->arch.cfg.hedeleg_csr = ~vcpu->arch.cfg.hedeleg;
#else
	cpu->hedeleg = vcpu->arch.cfg.hedeleg;
#endif
	cpu->vsstatus = vcpu->vsstatus;
loaded:
	event("before simd_load()");
	kvm_riscv_vcpu_simd_load(vcpu);
	event("after simd_load()");
}

/*
 * What a vCPU has learned is a matter of cost.  Any of it is possible, so that a
 * history need not be long to matter.
 */
static void any_history(struct kvm_vcpu *vcpu)
{
	struct kvm_vcpu_simd *simd = &vcpu->arch.simd;
	int pick = 0;

	if (simd_switch == SIMD_ADAPTIVE)
		pick = CHOOSE("history", "none", "both", "FP", "together once");
#ifdef HAVE_FREQUENT
	simd->streak = 1;
	simd->frequent = pick == 1 ? 3 : pick == 2 ? 1 : 0;
	simd->history = pick == 0 ? 0 : pick == 2 ? 0x0001 : 0x0101;
	/* Vectors that have been used exist. */
	if (!vcpu->arch.guest_vector.datap) {
		simd->frequent &= KVM_RISCV_SIMD_FP;
		simd->history &= 0x00ff;
	}
#else
	simd->history = pick == 0 ? 0 : pick == 1 ? 0x0f : pick == 2 ? 0x05 : 0x03;
	if (!vcpu->arch.guest_vector.datap)
		simd->history &= 0x55;
#endif
}

static void vcpu_put(struct kvm_vcpu *vcpu)
{
	event("before simd_put()");
	kvm_riscv_vcpu_simd_put(vcpu);
	event("after simd_put()");
	if (vcpu->arch.simd.live)
		violation("live after put");
	any_history(vcpu);
	vcpu->vsstatus = this_cpu()->vsstatus;
}

/* __schedule(), with the context switch split where the thread has no CPU */
static void schedule(void)
{
	struct task_struct *me = current;
	struct kvm_vcpu *vcpu = &W.vcpus[cur];
	struct cpu *cpu = this_cpu();
	struct coroutine *co;

	cpu->irqs_off = true;
	cpu->preempt_count++;
	if (me->loaded) {
		vcpu->scheduled_out = true;
		vcpu_put(vcpu);
		cpu->running = NULL;
	}
	__switch_to_fpu(me, &W.idle[me->cpu]);
	__switch_to_vector(me, &W.idle[me->cpu]);
	/* A debugger may look at it now. */
	if ((me->regs.status & SR_FS) != SR_FS_OFF)
		check_tag(THREAD + cur, UNIT_FP, me->thread.fstate);
	cpu->task = &W.idle[me->cpu];
	cpu->preempt_count = 0;
	cpu->irqs_off = false;
	cpu->sstatus &= ~(SR_FS | SR_VS);
	/* Others run here, and leave values of theirs. */
	cpu->fp = cpu->v = cpu->vcsr = OLD;
	me->cpu = -1;

	co = &W.co[cur];
	co->off = true;
	scrub();
	yield();
	scrub();
	co = &W.co[cur];
	co->off = false;
	memset(co->context, 0, sizeof(co->context));

	/* The explorer has chosen me->cpu. */
	cpu = this_cpu();
	cpu->irqs_off = true;
	cpu->preempt_count = 1;
	cpu->task = me;
	__switch_to_fpu(&W.idle[me->cpu], me);
	__switch_to_vector(&W.idle[me->cpu], me);
	cpu->irqs_off = false;
	event("finish_task_switch()");
	if (me->loaded) {
		cpu->running = vcpu;
		vcpu_load(vcpu);
		vcpu->scheduled_out = false;
	}
	cpu->preempt_count--;
}

/* Code that uses vectors or FP for itself, in whatever context */
static void use_vectors(void)
{
	kernel_vector_begin();
	need_on(SR_VS, "VS is off in kernel mode");
	this_cpu()->v = KERNEL;
	this_cpu()->vcsr = KERNEL;
	kernel_vector_end();
	/* What is left is nobody's. */
	this_cpu()->v = this_cpu()->vcsr = OLD;
}

static void use_fpu(void)
{
	kernel_fpu_begin();
	need_on(SR_FS, "FS is off in kernel mode");
	this_cpu()->fp = KERNEL;
	kernel_fpu_end();
	forget(&this_cpu()->fp, KERNEL, UNIT_FP);
}

/* An interrupt, on top of which softirqs run, and after which comes the scheduler */
static void interrupt(int what)
{
	struct pt_regs regs = { this_cpu()->sstatus };
	struct cpu *cpu = this_cpu();

	cpu->irqs_off = true;
	cpu->sstatus &= ~(SR_FS | SR_VS);
	riscv_v_context_nesting_start(&regs);
	cpu->in_irq = true;
	cpu->irqs_off = false;
	if (what == 1)
		use_vectors();
	cpu->irqs_off = true;
	cpu->in_irq = false;
	if (what == 2) {
		schedule();
		cpu = this_cpu();
		cpu->irqs_off = true;
	}
	riscv_v_context_nesting_end(&regs);
	cpu->sstatus = (cpu->sstatus & ~(SR_FS | SR_VS)) | (regs.status & (SR_FS | SR_VS));
	cpu->irqs_off = false;
}

/*
 * Something may happen: an interrupt, if they are enabled, and with preemption
 * enabled the loss of the CPU.  At a tracepoint, a probe that uses a unit.
 */
void event(const char *where)
{
	struct cpu *cpu = this_cpu();
	const char *options[4] = { "nothing" };
	bool probe = !strncmp(where, "trace", 5);
	int nr = 1, codes[4] = { 0 }, code;

	/* One at a time */
	if (cpu->in_irq || (cpu->irqs_off && !probe))
		return;
	if ((probe || !cpu->bh_off) && may_use_simd()) {
		options[nr] = probe ? "a probe uses vectors" : "softirq uses vectors";
		codes[nr++] = 1;
	}
	if (probe) {
		options[nr] = "a probe uses the FPU";
		codes[nr++] = 3;
	} else if (!cpu->preempt_count) {
		options[nr] = "preempted";
		codes[nr++] = 2;
	}

	code = codes[choose(where, nr, options)];
	cpu = this_cpu();
	switch (code) {
	case 1:
		if (probe) {
			cpu->in_irq = true;
			use_vectors();
			cpu->in_irq = false;
		} else {
			interrupt(1);
		}
		break;
	case 2:
		interrupt(2);
		break;
	case 3:
		cpu->in_irq = true;
		use_fpu();
		cpu->in_irq = false;
		break;
	}
}

void traced_trap(struct kvm_vcpu *vcpu)
{
	if (vcpu->untraced)
		vcpu->untraced--;
	else if (this_cpu()->irqs_off)
		violation("trace: a trap is traced again");
	event("trace_kvm_simd_trap()");
}

/* A copy with vectors, in which the thread may be interrupted and preempted */
static void vector_section(void)
{
	kernel_vector_begin();
	need_on(SR_VS, "VS is off in a section");
	write_unit(SECTION + cur, UNIT_V);
	this_cpu()->sstatus |= SR_VS_DIRTY;
	event("in a vector section");
	need_on(SR_VS, "VS is off in a section");
	read_unit(SECTION + cur, UNIT_V);
	kernel_vector_end();
	forget_all(SECTION + cur, UNIT_V);
	this_cpu()->v = this_cpu()->vcsr = OLD;
}

static void fpu_section(void)
{
	kernel_fpu_begin();
	need_on(SR_FS, "FS is off in a section");
	this_cpu()->fp = KERNEL;
	event("in an FPU section");
	need_on(SR_FS, "FS is off in a section");
	if (this_cpu()->fp != KERNEL)
		violation("loss in an FPU section");
	kernel_fpu_end();
	forget(&this_cpu()->fp, KERNEL, UNIT_FP);
}

/* ---- the guest ----------------------------------------------------------------------------- */

/* Instructions: what they are encoded as, and what they need */
enum { INSN_NONE, INSN_FP, INSN_V, INSN_VF, INSN_CUSTOM_V, NR_INSNS };
static const unsigned long insn_code[NR_INSNS] = { 0, 0x53, 0x57, 0x1057, 0x0b };
static const u8 insn_need[NR_INSNS] = {
	0, KVM_RISCV_SIMD_FP, KVM_RISCV_SIMD_V, KVM_RISCV_SIMD_FP | KVM_RISCV_SIMD_V, KVM_RISCV_SIMD_V,
};

static u8 units_off(unsigned long status)
{
	return (status & SR_FS ? 0 : KVM_RISCV_SIMD_FP) | (status & SR_VS ? 0 : KVM_RISCV_SIMD_V);
}

/* The guest's own trap: right if its own FS or VS is off */
static void guest_gets_trap(struct kvm_vcpu *vcpu)
{
	if (!(insn_need[vcpu->pending] & units_off(this_cpu()->vsstatus)))
		violation("illegal: the guest gets a trap for an instruction that it may execute");
	vcpu->pending = INSN_NONE;
	vcpu->tries = 0;
}

bool kvm_riscv_vcpu_trapped_insn(struct kvm_vcpu *vcpu, const struct kvm_cpu_trap *trap,
				 unsigned long *insn)
{
	*insn = trap->stval ? trap->stval : insn_code[vcpu->pending];

	return true;
}

void kvm_riscv_vcpu_trap_redirect(struct kvm_vcpu *vcpu, struct kvm_cpu_trap *trap)
{
	guest_gets_trap(vcpu);
}

int kvm_riscv_vcpu_vector_alloc(struct kvm_vcpu *vcpu)
{
	if (vcpu->arch.guest_vector.datap)
		return 0;
	event("kvzalloc()");
	if (!opt_no_fault && CHOOSE("kvzalloc()", "memory", "no memory") == 1)
		return -ENOMEM;
	vcpu->vdata = VCPU + cur;
	vcpu->arch.guest_vector.datap = &vcpu->vdata;

	return 0;
}

static void touch(int actor, int unit, bool write)
{
	read_unit(actor, unit);
	if (write)
		write_unit(actor, unit);
}

/*
 * The hart in the guest, for one instruction, and for two after a trap that KVM has handled
 * without an exit.  Interrupts are disabled in the host.
 */
static void __kvm_riscv_switch_to(struct kvm_vcpu *vcpu, struct kvm_cpu_trap *trap)
{
	unsigned long *sstatus = &vcpu->arch.guest_context.sstatus;
	struct cpu *cpu = this_cpu();
	bool write = false;
	u8 need, off;

	/* A hart that cannot switch VS off reports it as Dirty, too. */
	if (opt_stuck)
		*sstatus |= SR_VS_DIRTY;
	if (~units_off(*sstatus) & 3 & ~vcpu->arch.simd.live)
		violation("on: a unit is on and not live");
	if (cpu->sstatus & (SR_FS | SR_VS))
		violation("on: a unit is on in the host");

again:
	trap->scause = 0;
	trap->stval = 0;
	if (vcpu->pending == INSN_NONE) {
		static const char *const names[] = {
			"exits", "writes FP", "writes V", "computes FP in V", "reads FP", "reads V",
			"custom instruction that needs V", "switches its FS",
		};
		int pick = choose("guest", opt_fs ? 8 : 7, names);

		cpu = this_cpu();
		switch (pick) {
		case 0:
			return;
		case 1:
		case 4:
			vcpu->pending = INSN_FP;
			break;
		case 2:
		case 5:
			vcpu->pending = INSN_V;
			break;
		case 3:
			vcpu->pending = INSN_VF;
			break;
		case 7:
			cpu->vsstatus = cpu->vsstatus & SR_FS ? cpu->vsstatus & ~SR_FS : cpu->vsstatus | SR_FS;
			return;
		case 6:
			vcpu->pending = INSN_CUSTOM_V;
			break;
		}
		write = pick != 4 && pick != 5;
		vcpu->tries = write ? 0x80 : 0;
	}
	write = vcpu->tries & 0x80;
	need = insn_need[vcpu->pending];
	off = units_off(*sstatus) | units_off(cpu->vsstatus);

	if (need & off) {
		if (cpu->hedeleg & BIT(EXC_INST_ILLEGAL)) {
			guest_gets_trap(vcpu);
			return;
		}
		if (opt_no_traps)
			violation("trap: an instruction lacks a unit, and its trap does not get to KVM");
		trap->scause = EXC_INST_ILLEGAL;
		vcpu->arch.guest_context.hstatus = HSTATUS_SPV;
		trap->stval = opt_stval0 ? 0 : insn_code[vcpu->pending];
#ifdef HAVE_SIMD_RUN
		if (simd_switch == SIMD_EAGER && !opt_switch)
			violation("trap: eager switching takes one");
#endif
		/* Each unit once, memory once, and once for nothing */
		if ((++vcpu->tries & 0x7f) > 4)
			violation("for ever: an instruction traps to KVM again and again");
		return;
	}

	vcpu->pending = INSN_NONE;
	vcpu->tries = 0;
	if (need & KVM_RISCV_SIMD_FP) {
		touch(VCPU + cur, UNIT_FP, write);
		if (write)
			*sstatus |= SR_FS_DIRTY;
	}
	if (need & KVM_RISCV_SIMD_V) {
		touch(VCPU + cur, UNIT_V, write);
		touch(VCPU + cur, UNIT_VCSR, write);
		if (write)
			*sstatus |= SR_VS_DIRTY;
	}
	if (vcpu->fixups) {
		vcpu->fixups = 0;
		goto again;
	}
}

static void guest_reset(struct kvm_vcpu *vcpu)
{
	struct cpu *cpu;
	int unit;

	preempt_disable();
	vcpu_put(vcpu);
	vcpu->csr_cpu = -1;
	vcpu->vsstatus = SR_FS | SR_VS;
	vcpu->pending = INSN_NONE;
	vcpu->tries = 0;
	/* Zeros are the newest that the guest has */
	for (unit = 0; unit < NR_UNITS; unit++)
		forget_all(VCPU + cur, unit);
	vcpu->arch.guest_fp.d.f = VCPU + cur;
	vcpu->arch.guest_vector.vcsr = VCPU + cur;
	if (vcpu->arch.guest_vector.datap)
		vcpu->vdata = VCPU + cur;
	vcpu->arch.guest_context.sstatus = 0;
	kvm_riscv_vcpu_simd_reset(vcpu);
	vcpu_load(vcpu);
	cpu = this_cpu();
	cpu->vsstatus = vcpu->vsstatus;
	preempt_enable();
}

/* kvm_arch_vcpu_ioctl_run() */
static void kvm_run(struct kvm_vcpu *vcpu)
{
	struct kvm_cpu_trap trap;
	struct cpu *cpu;
	int rc = 1;

	memset(&trap, 0, sizeof(trap));
#ifdef HAVE_SIMD_RUN
	if (kvm_riscv_vcpu_simd_run(vcpu))
		return;
#endif
	preempt_disable();
	cpu = this_cpu();
	cpu->running = vcpu;
	current->loaded = true;
	vcpu_load(vcpu);
	preempt_enable();

	while (rc > 0) {
		if (CHOOSE("KVM_RUN", "goes on", "a signal is pending"))
			break;
		preempt_disable();
		cpu = this_cpu();
		cpu->irqs_off = true;
		event("trace_kvm_entry()");
#ifdef HAVE_SIMD_RELOAD
		kvm_riscv_vcpu_simd_enter(vcpu);
		event("trace_hardirqs_on()");
		if (vcpu->arch.simd.wanted & ~vcpu->arch.simd.live)
			kvm_riscv_vcpu_simd_reload(vcpu);
#else
		event("trace_hardirqs_on()");
		kvm_riscv_vcpu_simd_enter(vcpu);
#endif
#ifdef HAVE_SIMD_FIXUP
		for (;;) {
			__kvm_riscv_switch_to(vcpu, &trap);
			if (trap.scause != EXC_INST_ILLEGAL || !kvm_riscv_vcpu_simd_fixup(vcpu, trap.stval))
				break;
			vcpu->fixups++;
			vcpu->untraced += !opt_no_trace;
		}
		vcpu->fixups = 0;
		if (vcpu->arch.simd.loaded | vcpu->arch.simd.trapped)
			__kvm_riscv_vcpu_simd_exit(vcpu);
		if (vcpu->untraced)
			violation("trace: a trap is not traced");
#else
		__kvm_riscv_switch_to(vcpu, &trap);
#endif
		cpu = this_cpu();
		cpu->irqs_off = false;
		event("after the exit");
		preempt_enable();
		if (trap.scause == EXC_INST_ILLEGAL) {
			rc = kvm_riscv_vcpu_illegal_insn(vcpu, &trap);
			if (rc < 0)
				vcpu->tries &= 0x80;
		} else if (vcpu->pending == INSN_NONE && !opt_no_section) {
			switch (CHOOSE("exit handler", "nothing", "copies with vectors", "uses the FPU", "resets the vCPU")) {
			case 1:
				vector_section();
				break;
			case 2:
				fpu_section();
				break;
			case 3:
				guest_reset(vcpu);
				break;
			}
		}
	}

	preempt_disable();
	vcpu_put(vcpu);
	cpu = this_cpu();
	cpu->running = NULL;
	current->loaded = false;
	preempt_enable();
}

/* ---- threads ---------------------------------------------------------------------------------- */

/* User space finds what it has left there, and of vectors nothing of anybody else's. */
static void check_user(void)
{
	struct cpu *cpu = this_cpu();
	int actor = THREAD + cur;

	if (cpu->sstatus & SR_FS)
		read_unit(actor, UNIT_FP);
	if (!(cpu->sstatus & SR_VS))
		return;
	read_unit(actor, UNIT_VCSR);
	/* After a system call, that which it has left, or older values of its own */
	if (!W.v_unspecified[cur] || (cpu->v != DISCARDED && cpu->v != (tag_t)OLD_THREAD + cur))
		read_unit(actor, UNIT_V);
}

static void enter_kernel(void)
{
	struct task_struct *t = current;

	t->regs.status = this_cpu()->sstatus & (SR_FS | SR_VS);
	this_cpu()->irqs_off = true;
	this_cpu()->sstatus &= ~(SR_FS | SR_VS);
	riscv_v_context_nesting_start(&t->regs);
}

static void return_to_user(void)
{
	struct task_struct *t = current;

	this_cpu()->irqs_off = true;
	if (t->thread_info.flags & BIT(TIF_RISCV_V_DEFER_RESTORE)) {
		t->thread_info.flags &= ~BIT(TIF_RISCV_V_DEFER_RESTORE);
		riscv_v_vstate_restore(&t->thread.vstate, &t->regs);
	}
	riscv_v_context_nesting_end(&t->regs);
	this_cpu()->sstatus = t->regs.status;
	this_cpu()->irqs_off = false;
}

static void thread_main(void)
{
	/* There is no CPU for it yet. */
	if (cur >= opt_cpus) {
		enter_kernel();
		schedule();
		return_to_user();
	}
	for (;;) {
		int pick = CHOOSE("user", "KVM_RUN", "writes FP", "writes V", "preempted");
		struct cpu *cpu;

		check_user();
		cpu = this_cpu();
		switch (pick) {
		case 0:
			enter_kernel();
			riscv_v_vstate_discard(&current->regs);
			if (current->regs.status & SR_VS)
				W.v_unspecified[cur] = true;
			cpu->irqs_off = false;
			if (opt_switch && cur == 0) {
				static const char *const modes[] = { "eager", "lazy", "adaptive" };
				int m = choose("simd_switch", 3, modes);

				simd_switch_param->set(modes[m], NULL);
			}
			kvm_run(&W.vcpus[cur]);
			return_to_user();
			break;
		case 1:
			if (cpu->sstatus & SR_FS) {
				write_unit(THREAD + cur, UNIT_FP);
				cpu->sstatus |= SR_FS_DIRTY;
			}
			break;
		case 2:
			if (cpu->sstatus & SR_VS) {
				write_unit(THREAD + cur, UNIT_V);
				write_unit(THREAD + cur, UNIT_VCSR);
				W.v_unspecified[cur] = false;
				cpu->sstatus |= SR_VS_DIRTY;
			}
			break;
		case 3:
			enter_kernel();
			schedule();
			return_to_user();
			break;
		}
	}
}

/* ---- the explorer ------------------------------------------------------------------------------- */

struct snapshot {
	u32 stack_size[NR_THREADS];
	int simd_switch;
	char bytes[];
};

struct step {
	u32 parent;
	u8 thread, pick;	/* pick of a thread that has no CPU: the CPU */
};

static u64 (*seen)[2];
static u64 seen_mask;
static struct step *steps;
static struct snapshot **snapshots;
static u32 nr_states, max_states = 10000000;

static int run(int thread)
{
	int rc;

	cur = thread;
	violated = NULL;
	rc = _setjmp(explorer);
	if (!rc)
		_longjmp(W.co[thread].context, 1);

	return rc == 2;
}

static size_t used_stack(int i)
{
	return stacks[i] + STACK_SIZE - W.co[i].sp;
}

static struct snapshot *take(size_t *size)
{
	struct snapshot *s;
	char *p;
	int i;

	/* Counters count. */
	for (i = 0; i < NR_THREADS; i++)
		memset(&W.vcpus[i].stat, 0, sizeof(W.vcpus[i].stat));

	*size = sizeof(*s) + sizeof(W);
	for (i = 0; i < opt_threads; i++)
		*size += used_stack(i);
	s = calloc(1, (*size + 7) & ~7UL);
	if (!s) {
		puts("out of memory");
		exit(2);
	}
	s->simd_switch = simd_switch;
	memcpy(s->bytes, &W, sizeof(W));
	p = s->bytes + sizeof(W);
	for (i = 0; i < opt_threads; i++) {
		s->stack_size[i] = used_stack(i);
		memcpy(p, W.co[i].sp, s->stack_size[i]);
		p += s->stack_size[i];
	}

	return s;
}

static void restore(const struct snapshot *s)
{
	const char *p = s->bytes + sizeof(W);
	int i;

	memcpy(&W, s->bytes, sizeof(W));
	simd_switch = s->simd_switch;
	for (i = 0; i < opt_threads; i++) {
		memset(stacks[i], 0, STACK_SIZE - s->stack_size[i]);
		memcpy(W.co[i].sp, p, s->stack_size[i]);
		p += s->stack_size[i];
	}
}

/* Two sums of 64 bits: two states in 10^8 are taken for one with a chance of 10^-22 */
static void hash(const struct snapshot *s, size_t size, u64 *h)
{
	const u64 *w = (const u64 *)s;
	size_t i;

	h[0] = 0x243f6a8885a308d3;
	h[1] = 0x13198a2e03707344;
	for (i = 0; i < (size + 7) / 8; i++) {
		h[0] = (h[0] ^ w[i]) * 0x9e3779b97f4a7c15;
		h[0] ^= h[0] >> 29;
		h[1] = (h[1] + w[i]) * 0xbf58476d1ce4e5b9;
		h[1] ^= h[1] >> 31;
	}
	if (!h[0])
		h[0] = 1;
}

static bool is_new(const u64 *h)
{
	u64 i = h[0] & seen_mask;

	while (seen[i][0]) {
		if (seen[i][0] == h[0] && seen[i][1] == h[1])
			return false;
		i = (i + 1) & seen_mask;
	}
	seen[i][0] = h[0];
	seen[i][1] = h[1];

	return true;
}

static void add_state(u32 parent, int thread, int pick)
{
	size_t size;
	struct snapshot *s = take(&size);
	u64 h[2];

	hash(s, size, h);
	if (nr_states == max_states || !is_new(h)) {
		free(s);
		return;
	}
	steps[nr_states] = (struct step){ parent, thread, pick };
	snapshots[nr_states++] = s;
}

/* Do one step from the state that has been restored. */
static int do_step(int thread, int pick)
{
	if (W.co[thread].off)
		W.tasks[thread].cpu = pick;
	else
		W.co[thread].picked = pick;

	return run(thread);
}

static void init_thread(int i)
{
	struct task_struct *t = &W.tasks[i];
	struct kvm_vcpu *vcpu = &W.vcpus[i];
	static ucontext_t context, here;

	t->cpu = i % opt_cpus;
	t->thread.vstate.datap = &t->vdata;
	t->thread.kernel_vstate.datap = &t->kernel_vdata;
	t->regs.status = SR_FS_INITIAL | SR_VS_INITIAL;

	vcpu->kvm = &the_kvm;
	vcpu->run = &the_run;
	vcpu->csr_cpu = -1;
	vcpu->vsstatus = SR_FS | SR_VS;
	vcpu->arch.cfg.hedeleg = BIT(EXC_INST_ILLEGAL);
	kvm_riscv_vcpu_simd_reset(vcpu);

	W.cpus[t->cpu].task = t;
	W.cpus[t->cpu].sstatus = t->regs.status;
	/* Everybody begins with zeros of his own. */
	W.cpus[t->cpu].fp = W.cpus[t->cpu].v = W.cpus[t->cpu].vcsr = THREAD + i;
	t->thread.fstate = t->vdata = t->thread.vstate.vcsr = THREAD + i;
	vcpu->arch.guest_fp.d.f = vcpu->arch.guest_vector.vcsr = VCPU + i;
	cur = i;
	getcontext(&context);
	context.uc_stack.ss_sp = stacks[i];
	context.uc_stack.ss_size = STACK_SIZE;
	makecontext(&context, thread_main, 0);
	if (!_setjmp(explorer))
		swapcontext(&here, &context);
}

static const struct kvm_riscv_fp_ops fp_ops = { .flush = kvm_riscv_vcpu_flush_fp };

static void init_world(const char *mode)
{
	int i;

	for (i = 0; i < NR_CPUS; i++) {
		W.idle[i].cpu = i;
		W.idle[i].thread.vstate.datap = &W.idle[i].vdata;
		W.idle[i].thread.kernel_vstate.datap = &W.idle[i].kernel_vdata;
		W.cpus[i].task = &W.idle[i];
		W.cpus[i].hstatus = HSTATUS_SPV;
		W.cpus[i].fp = W.cpus[i].v = W.cpus[i].vcsr = OLD;
	}
	kvm_riscv_register_vctx_callback(kvm_riscv_vcpu_flush_vector);
	kvm_riscv_register_fp_ops(&fp_ops);
	simd_switch_param->set(mode, NULL);
#ifdef HAVE_SIMD_TRAPS
	kvm_riscv_simd_traps = !opt_no_traps;
	kvm_riscv_simd_stuck = opt_stuck ? KVM_RISCV_SIMD_V : 0;
#endif
	for (i = opt_threads - 1; i >= 0; i--)
		init_thread(i);
}

static void describe(int thread, int pick)
{
	const struct coroutine *co = &W.co[thread];

	if (co->off)
		printf("    thread %d: gets CPU %d\n", thread, pick);
	else
		printf("    thread %d on CPU %d: %s: %s\n", thread, W.tasks[thread].cpu, co->where,
		       co->options[pick]);
}

/* The steps from the first state to STATE, and the last one */
static void print_trace(const struct snapshot *first, u32 state, int thread, int pick)
{
	static struct step path[100000];
	u32 n = 0, i;

	for (i = state; i; i = steps[i].parent)
		path[n++] = steps[i];
	restore(first);
	while (n--) {
		describe(path[n].thread, path[n].pick);
		do_step(path[n].thread, path[n].pick);
	}
	describe(thread, pick);
}

int main(int argc, char **argv)
{
	const char *mode = "adaptive";
	struct snapshot *first;
	u32 state, depth_end = 1, depth = 0;
	u64 transitions = 0;
	size_t size;
	int i, t, pick, nr;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "switch"))
			opt_switch = true;
		else if (!strcmp(argv[i], "stval0"))
			opt_stval0 = true;
		else if (!strcmp(argv[i], "fs"))
			opt_fs = true;
		else if (!strcmp(argv[i], "nosection"))
			opt_no_section = true;
		else if (!strcmp(argv[i], "nofault"))
			opt_no_fault = true;
		else if (!strcmp(argv[i], "notrace"))
			opt_no_trace = true;
		else if (!strcmp(argv[i], "notraps"))
			opt_no_traps = true;
		else if (!strcmp(argv[i], "stuck"))
			opt_no_traps = opt_stuck = true;
		else if (!strcmp(argv[i], "thread"))
			opt_threads = 1;
		else if (!strcmp(argv[i], "cpu"))
			opt_cpus = 1;
		else if (atoi(argv[i]))
			max_states = atoi(argv[i]);
		else
			mode = argv[i];
	}

	for (seen_mask = 1; seen_mask < 2UL * max_states; seen_mask *= 2)
		;
	seen = calloc(seen_mask--, sizeof(*seen));
	steps = calloc(max_states, sizeof(*steps));
	snapshots = calloc(max_states, sizeof(*snapshots));
	if (!seen || !steps || !snapshots)
		return 2;

	init_world(mode);
	first = take(&size);
	add_state(0, 0, 0);

	for (state = 0; state < nr_states; state++) {
		struct snapshot *s = snapshots[state];

		if (state == depth_end) {
			depth++;
			depth_end = nr_states;
		}
		for (t = 0; t < opt_threads; t++) {
			restore(s);
			nr = W.co[t].off ? opt_cpus : W.co[t].nr_options;
			for (pick = 0; pick < nr; pick++) {
				restore(s);
				if (W.co[t].off && W.cpus[pick].task != &W.idle[pick])
					continue;
				transitions++;
				if (do_step(t, pick)) {
					const char *what = violated;

					printf("  %s, after %u steps:\n", what, depth + 1);
					print_trace(first, state, t, pick);
					printf("  violation: %s\n", what);
					return 1;
				}
				add_state(state, t, pick);
			}
		}
		free(s);
		snapshots[state] = NULL;
	}
	printf("%u states, %lu steps, %s %u steps deep\n", nr_states, transitions,
	       nr_states == max_states ? "not all that there are, explored" : "all that there are,", depth);

	return 0;
}
