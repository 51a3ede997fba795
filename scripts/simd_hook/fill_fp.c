// SPDX-License-Identifier: GPL-2.0
/* Built with CC_FLAGS_FPU, see simd_hook.c. */
#define FILL(n)	"fcvt.d.l f" #n ", %0\n"

void simd_hook_fill_fp(void);
void simd_hook_fill_fp(void)
{
	asm volatile(FILL(0) FILL(1) FILL(2) FILL(3) FILL(4) FILL(5) FILL(6) FILL(7)
		     FILL(8) FILL(9) FILL(10) FILL(11) FILL(12) FILL(13) FILL(14) FILL(15)
		     FILL(16) FILL(17) FILL(18) FILL(19) FILL(20) FILL(21) FILL(22) FILL(23)
		     FILL(24) FILL(25) FILL(26) FILL(27) FILL(28) FILL(29) FILL(30) FILL(31)
		     "fscsr zero\n"
		     :: "r" (10L));
}
