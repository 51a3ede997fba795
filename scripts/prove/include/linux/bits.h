/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PROVE_LINUX_BITS_H
#define PROVE_LINUX_BITS_H

#define BITS_PER_BYTE		8
#define BITS_PER_LONG		64
#define _AC(x, y)		__AC(x, y)
#define __AC(x, y)		(x##y)
#define UL(x)			_AC(x, UL)
#define BIT(n)			(1UL << (n))
#define GENMASK(high, low)	((~0UL << (low)) & (~0UL >> (63 - (high))))
#define BUILD_BUG_ON(cond)	_Static_assert(!(cond), #cond)

#endif
