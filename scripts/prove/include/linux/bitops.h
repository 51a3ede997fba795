/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PROVE_LINUX_BITOPS_H
#define PROVE_LINUX_BITOPS_H

#include <linux/types.h>

#define __ffs(word)	((unsigned long)__builtin_ctzl(word))

static inline s32 sign_extend32(u32 value, int index)
{
	u8 shift = 31 - index;

	return (s32)(value << shift) >> shift;
}

static inline s64 sign_extend64(u64 value, int index)
{
	u8 shift = 63 - index;

	return (s64)(value << shift) >> shift;
}

#endif
