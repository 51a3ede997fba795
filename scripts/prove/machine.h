/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The world of machine.c: harts, threads, vCPUs, and what the kernel's code calls.
 *
 * Registers hold no values but tags: who wrote them last, and whether that is the
 * newest of what he wrote.
 */
#ifndef PROVE_MACHINE_H
#define PROVE_MACHINE_H

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/types.h>
#include <linux/bits.h>
#include <asm/csr.h>
#include <asm/insn.h>
#include <asm/kvm_vcpu_simd.h>

typedef unsigned long ulong;
typedef u64 gpa_t;

#define NR_CPUS		2
#define NR_THREADS	2

/* ---- language, and what does not matter ------------------------------------ */

#define noinstr
#define noinline		__attribute__((noinline))
#define asmlinkage
#define __rcu
#define __init
#define __must_check
#define __user
#undef __always_inline
#define __always_inline		inline __attribute__((always_inline))
#define likely(x)		(x)
#define unlikely(x)		(x)
#define READ_ONCE(x)		(x)
#define WRITE_ONCE(x, v)	((x) = (v))
#define barrier()		do { } while (0)
#define EXPORT_SYMBOL_GPL(x)	struct prove_semicolon
#define EXPORT_SYMBOL_FOR_KVM(x) struct prove_semicolon
#define MODULE_PARM_DESC(x, y)	struct prove_semicolon
#define rcu_access_pointer(p)	(p)
#define rcu_dereference(p)	(p)
#define rcu_assign_pointer(p, v) ((p) = (v))
#define RCU_INIT_POINTER(p, v)	((p) = (v))
#define synchronize_rcu()	do { } while (0)
#define rcu_read_lock()		do { } while (0)
#define rcu_read_unlock()	do { } while (0)
#define WARN_ON(cond) ({ bool w = (cond); if (w) violation("WARN_ON(" #cond ")"); w; })
#define WARN_ON_ONCE(cond)	WARN_ON(cond)
#define BUG_ON(cond)		((void)WARN_ON(cond))

struct kernel_param;
struct kernel_param_ops {
	int (*set)(const char *val, const struct kernel_param *kp);
	int (*get)(char *buffer, const struct kernel_param *kp);
};
#define module_param_cb(name, ops, arg, perm) \
	static const struct kernel_param_ops *const name##_param = (ops)
#define sysfs_match_string(names, val) match_string(names, sizeof(names) / sizeof(*(names)), val)
#define sysfs_emit(buf, ...)	sprintf(buf, __VA_ARGS__)

static inline int match_string(const char *const *names, int n, const char *val)
{
	int i;

	for (i = 0; i < n; i++)
		if (!strcmp(names[i], val))
			return i;

	return -EINVAL;
}

/* ---- tags -------------------------------------------------------------------- */

typedef unsigned long tag_t;

/* Values that are not the newest of anybody; what an ecall leaves; the kernel's own */
enum {
	OLD, DISCARDED, KERNEL,
	THREAD,
	VCPU = THREAD + NR_THREADS,
	SECTION = VCPU + NR_THREADS,
	/* Vectors that a thread has written before: unspecified after a system call */
	OLD_THREAD = SECTION + NR_THREADS,
};

enum { UNIT_FP, UNIT_V, UNIT_VCSR, NR_UNITS };

/* ---- structures of the kernel ------------------------------------------------ */

struct __riscv_v_ext_state {
	unsigned long vstart, vl, vtype, vcsr, vlenb;
	void *datap;
};

struct __riscv_d_ext_state { tag_t f; };
struct __riscv_f_ext_state { tag_t f; };
union __riscv_fp_state {
	struct __riscv_d_ext_state d;
	struct __riscv_f_ext_state f;
};

struct pt_regs {
	unsigned long status;
};

struct thread_info {
	unsigned long flags;
};
#define TIF_RISCV_V_DEFER_RESTORE	0

struct task_struct {
	struct thread_info thread_info;
	struct {
		tag_t fstate;
		u32 riscv_v_flags;
		struct __riscv_v_ext_state vstate;
		struct __riscv_v_ext_state kernel_vstate;
	} thread;
	struct pt_regs regs;
	tag_t vdata, kernel_vdata;
	/* Of the model */
	int cpu;
	bool loaded;
};

struct kvm_cpu_context {
	unsigned long x[32];
	unsigned long sepc;
	unsigned long sstatus;
	unsigned long hstatus;
};

#include <asm/kvm_vcpu_insn.h>

struct kvm_vcpu_config {
	unsigned long hedeleg;
	unsigned long hedeleg_csr;
};

struct kvm_vcpu_stat {
	u64 fp_loads, fp_saves, fp_traps, fp_eager_hits, fp_eager_misses;
	u64 vector_loads, vector_saves, vector_traps, vector_eager_hits, vector_eager_misses;
	u64 instr_illegal_exits;
};

struct kvm_run {
	u32 exit_reason;
};

struct kvm_cpu_trap {
	unsigned long sepc, scause, stval, htval, htinst;
};

struct kvm {
	struct { unsigned long vlenb; } arch;
};

struct kvm_vcpu {
	struct kvm *kvm;
	struct kvm_run *run;
	struct kvm_vcpu_stat stat;
	bool scheduled_out;
	struct {
		struct kvm_cpu_context guest_context;
		union __riscv_fp_state guest_fp;
		struct __riscv_v_ext_state guest_vector;
		struct kvm_vcpu_simd simd;
		struct kvm_vcpu_config cfg;
		unsigned long isa[1];
	} arch;
	/* Of the model */
	tag_t vdata;
	unsigned long vsstatus;
	int csr_cpu;
	int pending;		/* the instruction that the guest is at */
	int tries;		/* how often that has trapped to KVM */
	int fixups;		/* traps handled since the guest was entered */
	int untraced;		/* traps that were handled where they cannot be traced */
};

struct cpu {
	unsigned long sstatus, vsstatus, hstatus, hedeleg;
	tag_t fp, v, vcsr;
	struct task_struct *task;
	struct kvm_vcpu *running, *former;
	int preempt_count, bh_off;
	bool irqs_off, in_irq;
};

/* ---- what the kernel's code calls ---------------------------------------------- */

/* What the options of the command line allow: see machine.c */
static bool opt_switch, opt_stval0, opt_no_section, opt_no_fault, opt_fs;
static bool opt_no_trace, opt_no_traps, opt_stuck;

void violation(const char *what) __attribute__((noreturn));
void event(const char *where);
void traced_trap(struct kvm_vcpu *vcpu);
struct cpu *this_cpu(void);
unsigned long *csr_ptr(int csr);

#define current			(this_cpu()->task)
#define task_pt_regs(task)	(&(task)->regs)
#define current_thread_info()	(&current->thread_info)
#define set_tsk_thread_flag(task, flag)	((task)->thread_info.flags |= BIT(flag))
#define arch_set_bit(bit, word)	(*(word) |= BIT(bit))
#define kvm_get_running_vcpu()	(this_cpu()->running)

#define irqs_disabled()		(this_cpu()->irqs_off)
#define in_hardirq()		false
#define in_nmi()		false
#define local_bh_disable()	do { this_cpu()->bh_off++; this_cpu()->preempt_count++; } while (0)
#define local_bh_enable() \
	do { this_cpu()->bh_off--; this_cpu()->preempt_count--; event("local_bh_enable()"); } while (0)
#define local_irq_save(flags) \
	do { event("local_irq_save()"); (flags) = this_cpu()->irqs_off; this_cpu()->irqs_off = true; } while (0)
#define local_irq_restore(flags) \
	do { this_cpu()->irqs_off = (flags); event("local_irq_restore()"); } while (0)
#define preempt_disable()	do { event("preempt_disable()"); this_cpu()->preempt_count++; } while (0)
#define preempt_enable()	do { this_cpu()->preempt_count--; event("preempt_enable()"); } while (0)

#undef csr_read
#undef csr_write
#undef csr_set
#undef csr_clear
#define csr_read(csr)		(*csr_ptr(csr))
#define csr_write(csr, val)	(*csr_ptr(csr) = (val))
#define csr_set(csr, val)	(*csr_ptr(csr) |= (val))
#define csr_clear(csr, val)	(*csr_ptr(csr) &= ~(unsigned long)(val))
#define ncsr_read		csr_read
#define ncsr_write		csr_write

#define has_vector()		true
#define has_xtheadvector()	false
enum { ISA_F, ISA_D, ISA_V };
#define riscv_isa_extension_available(isa, ext)	((void)(isa), ISA_##ext != ISA_V || !opt_stuck)
#define kvm_riscv_isa_check_host(ext)		0
#define kvm_riscv_host_vlenb()			32UL
#define kvm_riscv_nacl_available()		false

#define tracepoint_enabled(name)	(!opt_no_trace)
#define trace_kvm_simd_save_enabled()	tracepoint_enabled(kvm_simd_save)
#define trace_kvm_simd_save(vcpu, units, dirty)	event("trace_kvm_simd_save()")
#define trace_kvm_simd_load(vcpu, units, eager)	event("trace_kvm_simd_load()")
#define trace_kvm_simd_trap(vcpu, pc, insn, units)	traced_trap(vcpu)

#define SBI_PMU_FW_ILLEGAL_INSN		0
#define kvm_riscv_vcpu_pmu_incr_fw(vcpu, fw)	do { } while (0)
#define kvm_riscv_vcpu_vector_insn(vcpu, run, insn)	(violation("emulated"), 0)
#define kvm_riscv_vcpu_vector_fixup(vcpu, insn)	(violation("emulated early"), false)

bool kvm_riscv_vcpu_trapped_insn(struct kvm_vcpu *vcpu, const struct kvm_cpu_trap *trap,
				 unsigned long *insn);
void kvm_riscv_vcpu_trap_redirect(struct kvm_vcpu *vcpu, struct kvm_cpu_trap *trap);
int kvm_riscv_vcpu_vector_alloc(struct kvm_vcpu *vcpu);

/* The hart's */
void riscv_v_enable(void);
void riscv_v_disable(void);
bool riscv_v_is_on(void);
void __riscv_v_vstate_save(struct __riscv_v_ext_state *save_to, void *datap);
void __riscv_v_vstate_restore(struct __riscv_v_ext_state *restore_from, void *datap);
void __riscv_v_vstate_discard(void);
void __fstate_save(struct task_struct *save_to);
void __fstate_restore(struct task_struct *restore_from);
void __kvm_riscv_fp_d_save(struct __riscv_d_ext_state *fp);
void __kvm_riscv_fp_d_restore(struct __riscv_d_ext_state *fp);
static inline void __kvm_riscv_fp_f_save(struct __riscv_f_ext_state *fp) { violation("F alone"); }
static inline void __kvm_riscv_fp_f_restore(struct __riscv_f_ext_state *fp) { violation("F alone"); }

struct kvm_riscv_fp_ops {
	void (*flush)(void);
};
void kvm_riscv_vcpu_flush_vector(void);
void fstate_save_current(void);

#endif
