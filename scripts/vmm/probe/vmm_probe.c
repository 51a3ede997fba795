// SPDX-License-Identifier: GPL-2.0
/*
 * Tries instructions in S mode of the guest, with FS and VS of the guest's own
 * sstatus on.  User space cannot tell what the vCPU can do: a Linux that was
 * not told of V leaves VS off for it, also when nothing else would stop it.
 *
 * Loaded by the guest's init before anything else has used FP or vector
 * registers, as it writes to them.  What came of it is in the parameter
 * "result": "EXTENSION=runs|traps ...".
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <asm/asm-extable.h>
#include <asm/csr.h>

static char result[512];
module_param_string(result, result, sizeof(result), 0444);

#define PROBE(ext, setup, insn)						\
static bool try_##ext(void)						\
{									\
	unsigned long traps;						\
									\
	asm volatile(VMM_PROBE_BEGIN					\
		     "	li	%0, 1\n"				\
		     "1:	" setup "\n"				\
		     "2:	" insn "\n"				\
		     "	li	%0, 0\n"				\
		     "3:\n"						\
		     VMM_PROBE_END					\
		     _ASM_EXTABLE(1b, 3b)				\
		     _ASM_EXTABLE(2b, 3b)				\
		     : "=&r" (traps) : : "memory");			\
	return traps;							\
}
#include "../probes.h"

static const struct {
	const char *name;
	bool (*traps)(void);
} probes[] = {
#define PROBE(ext, setup, insn)	{ #ext, try_##ext },
#include "../probes.h"
};

static int __init vmm_probe_init(void)
{
	unsigned long sstatus;
	bool traps[ARRAY_SIZE(probes)];
	int i, n = 0;

	local_irq_disable();
	sstatus = csr_read(CSR_SSTATUS);
	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		csr_set(CSR_SSTATUS, SR_FS_INITIAL | SR_VS_INITIAL);
		traps[i] = probes[i].traps();
	}
	csr_clear(CSR_SSTATUS, SR_FS | SR_VS);
	csr_set(CSR_SSTATUS, sstatus & (SR_FS | SR_VS));
	local_irq_enable();

	for (i = 0; i < ARRAY_SIZE(probes); i++)
		n += scnprintf(result + n, sizeof(result) - n, "%s%s=%s", i ? " " : "",
			       probes[i].name, traps[i] ? "traps" : "runs");
	return 0;
}
module_init(vmm_probe_init);

static void __exit vmm_probe_exit(void)
{
}
module_exit(vmm_probe_exit);

MODULE_DESCRIPTION("Which instructions this vCPU executes");
MODULE_LICENSE("GPL");
