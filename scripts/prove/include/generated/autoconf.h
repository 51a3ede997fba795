/* SPDX-License-Identifier: GPL-2.0 */
/* The configuration that files of the kernel are compiled with for the host */
#define CONFIG_64BIT		1
#define CONFIG_FPU		1
#define CONFIG_RISCV_ISA_V	1

/* What the compiler of the hart defines */
#define __riscv_xlen		64
