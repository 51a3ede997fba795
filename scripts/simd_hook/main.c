// SPDX-License-Identifier: GPL-2.0
/*
 * simd_hook: use the FPU and the vector unit in the kernel, right before each
 * guest entry and right after each exit.
 *
 * A module for the test kernel, not for anybody else.  Both are allowed to
 * happen there, the first one by any driver whose fault handler KVM calls, but
 * in practice they are rare.  With this module, and "enable" set to 1, every
 * KVM selftest is a test of them.  All registers are filled with rubbish, which
 * neither the guest nor the VMM may ever see.
 */
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/tracepoint.h>
#include <linux/fpu.h>
#include <asm/cpufeature.h>
#include <asm/simd.h>
#include <asm/vector.h>

static bool enable;
module_param(enable, bool, 0644);

/* After each exit, every unit that is on is Dirty, as on a hart that cannot tell. */
static bool dirty;
module_param(dirty, bool, 0644);

/*
 * Each trap for a unit comes with this signal for the VMM.  Only then is there a probe,
 * since KVM handles some traps in another way if they are traced.
 */
static int signal;

static DEFINE_PER_CPU(struct kvm_vcpu *, entered);

static void at_entry(void *vcpu)
{
	__this_cpu_write(entered, vcpu);
}

static void at_exit(void *trap)
{
	struct kvm_vcpu *vcpu = __this_cpu_read(entered);

	if (!READ_ONCE(dirty) || !vcpu)
		return;
	if (vcpu->arch.guest_context.sstatus & SR_FS)
		vcpu->arch.guest_context.sstatus |= SR_FS_DIRTY;
	if (vcpu->arch.guest_context.sstatus & SR_VS)
		vcpu->arch.guest_context.sstatus |= SR_VS_DIRTY;
}

static void at_trap(void *vcpu)
{
	if (READ_ONCE(signal))
		send_sig(signal, current, 0);
}

enum { TRAP };

static struct point {
	const char *name;
	void (*always)(void *arg);
	bool always_vectors;
	bool if_live;
	bool nothing_else;
	struct tracepoint *tp;
} points[] = {
	[TRAP] = { "kvm_simd_trap", .always = at_trap, .nothing_else = true },
	{ "kvm_entry", .always = at_entry },
	{ "kvm_exit", .always = at_exit },
	/* After an exit, in kernels that have it */
	{ "kvm_simd_load", .always_vectors = true },
	/* Right before the entry, in kernels with TRACE_IRQFLAGS */
	{ "irq_enable", .always_vectors = true, .if_live = true },
};

/* In a file of its own, the kernel proper is built without the FPU. */
void simd_hook_fill_fp(void);

static void fill_vector(void)
{
	unsigned long vl;

	if (!has_vector() || !may_use_simd())
		return;

	kernel_vector_begin();
	asm volatile(".option push\n"
		     ".option arch, +v\n"
		     "vsetvli %0, zero, e8, m8, ta, ma\n"
		     "vmv.v.i v0, 10\n"
		     "vmv.v.i v8, 10\n"
		     "vmv.v.i v16, 10\n"
		     "vmv.v.i v24, 10\n"
		     "csrwi vxrm, 3\n"
		     ".option pop\n"
		     : "=&r" (vl));
	kernel_vector_end();
}

/* Whatever arguments a tracepoint has, the first is all that is used. */
static void hook(void *data, void *arg)
{
	const struct point *point = data;

	if (point->always)
		point->always(arg);
	if (!READ_ONCE(enable) || point->nothing_else)
		return;
	if (point->if_live) {
		if (irqs_disabled() && (riscv_v_flags() & RISCV_V_VCPU_CTX))
			fill_vector();
		return;
	}

	if (kernel_fpu_available()) {
		kernel_fpu_begin();
		simd_hook_fill_fp();
		kernel_fpu_end();
	}
	/* As a copy from user space by a probe would, with interrupts off, too */
	if (point->always_vectors || !irqs_disabled())
		fill_vector();
}

static void find(struct tracepoint *tp, void *data)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(points); i++)
		if (!strcmp(tp->name, points[i].name))
			points[i].tp = tp;
}

static int add_probe(struct point *point)
{
	return tracepoint_probe_register(point->tp, hook, point);
}

static int signal_set(const char *val, const struct kernel_param *kp)
{
	struct point *trap = &points[TRAP];
	int old = signal, ret = param_set_int(val, kp);

	if (ret || !trap->tp || !old == !signal)
		return ret;
	return signal ? add_probe(trap) : tracepoint_probe_unregister(trap->tp, hook, trap);
}

static const struct kernel_param_ops signal_ops = {
	.set = signal_set,
	.get = param_get_int,
};
module_param_cb(signal, &signal_ops, &signal, 0644);

static bool has_probe(const struct point *point)
{
	return point->tp && (point != &points[TRAP] || signal);
}

static void unhook(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(points); i++)
		if (has_probe(&points[i]))
			tracepoint_probe_unregister(points[i].tp, hook, &points[i]);
	tracepoint_synchronize_unregister();
}

static int __init simd_hook_init(void)
{
	int i, ret;

	for_each_kernel_tracepoint(find, NULL);
	for (i = 0; i < ARRAY_SIZE(points); i++) {
		if (!points[i].tp && (points[i].always_vectors || points[i].nothing_else))
			continue;
		if (i == TRAP && !signal)
			continue;
		ret = points[i].tp ? add_probe(&points[i]) : -ENOENT;
		if (ret) {
			pr_err("no tracepoint %s: %d\n", points[i].name, ret);
			points[i].tp = NULL;
			unhook();
			return ret;
		}
	}
	return 0;
}
module_init(simd_hook_init);

static void __exit simd_hook_exit(void)
{
	unhook();
}
module_exit(simd_hook_exit);

MODULE_DESCRIPTION("Kernel-mode FPU and vector use at KVM guest entry and exit");
MODULE_LICENSE("GPL");
