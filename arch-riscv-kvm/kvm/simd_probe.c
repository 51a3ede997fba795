// SPDX-License-Identifier: GPL-2.0
/*
 * Find out what KVM can rely on when it makes a guest's FP and vector
 * instructions trap.
 */

#include <linux/cache.h>
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/irqflags.h>
#include <linux/kvm_host.h>
#include <asm/asm.h>
#include <asm/cpufeature-macros.h>
#include <asm/csr.h>
#include <asm/kvm_nacl.h>
#include <asm/kvm_tlb.h>
#include <asm/kvm_vcpu_simd.h>
#include <asm/kvm_vcpu_vector.h>
#include <asm/switch_to.h>

bool kvm_riscv_simd_traps __ro_after_init;
u8 kvm_riscv_simd_stuck __ro_after_init;

/*
 * Try to set FS and VS to Off, and return the units whose field does not
 * change. The kernel has both units off except while it uses them, so nothing
 * needs to be restored.
 */
static u8 simd_probe_stuck(void)
{
	unsigned long flags, status;

	local_irq_save(flags);
	csr_clear(CSR_SSTATUS, SR_FS | SR_VS);
	status = csr_read(CSR_SSTATUS);
	local_irq_restore(flags);

	return (has_fpu() && status & SR_FS ? KVM_RISCV_SIMD_FP : 0) |
	       (has_vector() && status & SR_VS ? KVM_RISCV_SIMD_V : 0);
}

/*
 * Execute an FP instruction in VS-mode, with FP off at both levels and without
 * delegation, and return true if HS-mode gets the illegal instruction.
 *
 * The trap first goes to firmware, which has to redirect it. In a QEMU in which
 * M-mode cannot clear mstatus.MPV, the redirection ends in VS-mode, at the
 * address in stvec. VS-mode therefore uses the host's page table, and the code
 * at that address begins with an access to a CSR that VS-mode does not have.
 * Hardware delegates the resulting virtual-instruction exception to HS-mode, so
 * the code is executed once more, in HS-mode and with another cause.
 */
static bool __init simd_probe_traps(void)
{
	unsigned long flags, status, cause, stvec, tmp;
	unsigned long hedeleg, hgatp, hstatus, sie, vsatp, vsstatus;
	bool ret = false;

	/* With NACL, the hypervisor below KVM forwards the guest's traps. */
	if (kvm_riscv_nacl_available())
		return true;

	local_irq_save(flags);

	/* In VS-mode, only sie keeps interrupts of HS-mode from being taken. */
	sie = csr_swap(CSR_SIE, 0);
	hedeleg = csr_swap(CSR_HEDELEG, 0);
	hgatp = csr_swap(CSR_HGATP, 0);
	vsstatus = csr_swap(CSR_VSSTATUS, 0);
	vsatp = csr_swap(CSR_VSATP, csr_read(CSR_SATP));
	hstatus = csr_read(CSR_HSTATUS);
	status = csr_read(CSR_SSTATUS);

	kvm_riscv_local_hfence_vvma_all(0);

	if (csr_read(CSR_VSATP) != csr_read(CSR_SATP))
		goto out;

	csr_write(CSR_HSTATUS, hstatus | HSTATUS_SPV);
	csr_write(CSR_SSTATUS, (status & ~(SR_FS | SR_VS)) | SR_SPP);

	asm volatile ("la	%[tmp], 2f\n"
		      "csrrw	%[stvec], " __stringify(CSR_STVEC) ", %[tmp]\n"
		      "la	%[tmp], 1f\n"
		      "csrw	" __stringify(CSR_SEPC) ", %[tmp]\n"
		      "sret\n"
		      "1: .4byte 0xe0000053\n"	/* fmv.x.w zero, ft0 */
		      /* With norvc, the assembler would ignore .balign 4. */
		      ".balign 4\n"
		      "2: csrr	%[tmp], " __stringify(CSR_HSTATUS) "\n"
		      "csrr	%[cause], " __stringify(CSR_SCAUSE) "\n"
		      "csrw	" __stringify(CSR_STVEC) ", %[stvec]\n"
		      : [cause] "=&r" (cause), [stvec] "=&r" (stvec),
			[tmp] "=&r" (tmp) : : "memory");

	ret = cause == EXC_INST_ILLEGAL;
	csr_write(CSR_SSTATUS, status);
	csr_write(CSR_HSTATUS, hstatus);
out:
	csr_write(CSR_VSATP, vsatp);
	csr_write(CSR_VSSTATUS, vsstatus);
	csr_write(CSR_HGATP, hgatp);
	csr_write(CSR_HEDELEG, hedeleg);
	kvm_riscv_local_hfence_vvma_all(0);
	kvm_riscv_local_hfence_gvma_all();
	csr_write(CSR_SIE, sie);

	local_irq_restore(flags);

	return ret;
}

void __init kvm_riscv_simd_init(void)
{
	u8 stuck = simd_probe_stuck();

	kvm_riscv_simd_stuck = stuck;
	if (stuck)
		kvm_info("%s%scan neither be switched off nor hidden from guests\n",
			 stuck & KVM_RISCV_SIMD_FP ? "FP " : "",
			 stuck & KVM_RISCV_SIMD_V ? "V " : "");

	kvm_riscv_simd_traps = !stuck && simd_probe_traps();
	if (!kvm_riscv_simd_traps)
		kvm_info("illegal instructions of guests do not trap to KVM\n");
}

/**
 * kvm_riscv_simd_enable_cpu - Check whether a hart can run any guest
 *
 * A guest relies on one vector length, and its vCPUs may run on any hart.
 *
 * Return: 0, or -EOPNOTSUPP if the hart's vector length is not the host's, or
 * the hart cannot switch off what the others can.
 */
int kvm_riscv_simd_enable_cpu(void)
{
	unsigned long vlenb, host_vlenb = riscv_v_vsize / 32;

	if (simd_probe_stuck() & ~kvm_riscv_simd_stuck) {
		kvm_err("CPU %d cannot switch off FP or V: it cannot run guests\n",
			smp_processor_id());
		return -EOPNOTSUPP;
	}

	if (!riscv_isa_extension_available(NULL, V))
		return 0;

	vlenb = kvm_riscv_hart_vlenb();
	if (vlenb == host_vlenb)
		return 0;

	kvm_err("CPU %d has vlenb %lu, but the host's is %lu: it cannot run guests\n",
		smp_processor_id(), vlenb, host_vlenb);

	return -EOPNOTSUPP;
}
