/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PROVE_LINUX_MINMAX_H
#define PROVE_LINUX_MINMAX_H

#define min(x, y) ({					\
	__typeof__(x) min_x = (x);			\
	__typeof__(y) min_y = (y);			\
	min_x < min_y ? min_x : min_y; })

#endif
