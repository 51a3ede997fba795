/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What scripts/noinstr.sh compiles KVM with: an instruction without effect, of
 * which no compiler makes use, for each of the two annotations; and static keys
 * that are branches, so that the code behind a key is reached.
 */
#define __LINUX_INSTRUMENTATION_H
#define instrumentation_begin()	asm volatile("slti zero, zero, 1365" : : : "memory")
#define instrumentation_end()	asm volatile("slti zero, zero, 1366" : : : "memory")

#undef CONFIG_JUMP_LABEL
