/* SPDX-License-Identifier: GPL-2.0 */
/*
 * rvv_native.h - Execute one instruction with given values in all registers
 */
#ifndef SELFTEST_KVM_RVV_NATIVE_H
#define SELFTEST_KVM_RVV_NATIVE_H

#define RVV_NATIVE_X		0
#define RVV_NATIVE_F		64
#define RVV_NATIVE_FCSR		320
#define RVV_NATIVE_VSTART	328
#define RVV_NATIVE_VL		336
#define RVV_NATIVE_VTYPE	344
#define RVV_NATIVE_VCSR		352
#define RVV_NATIVE_V		360
#define RVV_NATIVE_CODE		368

#ifndef __ASSEMBLER__

#include <linux/types.h>

struct rvv_native {
	u64 x[8];	/* x10 to x17; instructions must use no others but x0 */
	u64 f[32];
	u64 fcsr;
	u64 vstart;
	u64 vl;
	u64 vtype;
	u64 vcsr;
	u8 *v;
	void *code;	/* the instruction, and a ret */
};

/*
 * If the instruction traps, a signal handler can set pc to ra. rvv_native_run()
 * then stores all registers as the instruction has left them.
 */
void rvv_native_run(struct rvv_native *n);

#endif /* __ASSEMBLER__ */

#endif /* SELFTEST_KVM_RVV_NATIVE_H */
