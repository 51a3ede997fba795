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
#include <linux/module.h>
#include <linux/tracepoint.h>
#include <linux/fpu.h>
#include <asm/cpufeature.h>
#include <asm/simd.h>
#include <asm/vector.h>

static bool enable;
module_param(enable, bool, 0644);

static struct point {
	const char *name;
	bool always_vectors;
	bool if_live;
	struct tracepoint *tp;
} points[] = {
	{ "kvm_entry" },
	{ "kvm_exit" },
	/* Before a guest gets its registers, in kernels that have it */
	{ "kvm_simd_load", true },
	/* Behind that, right before the entry, in kernels with TRACE_IRQFLAGS */
	{ "irq_enable", true, true },
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

/* Whatever arguments a tracepoint has, none is used. */
static void hook(void *data, void *arg)
{
	const struct point *point = data;

	if (!READ_ONCE(enable))
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

static void unhook(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(points); i++)
		if (points[i].tp)
			tracepoint_probe_unregister(points[i].tp, hook, &points[i]);
	tracepoint_synchronize_unregister();
}

static int __init simd_hook_init(void)
{
	int i, ret;

	for_each_kernel_tracepoint(find, NULL);
	for (i = 0; i < ARRAY_SIZE(points); i++) {
		if (!points[i].tp && points[i].always_vectors)
			continue;
		ret = points[i].tp ?
			tracepoint_probe_register(points[i].tp, hook, &points[i]) : -ENOENT;
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
