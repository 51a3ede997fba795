/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PROVE_ASM_ASM_H
#define PROVE_ASM_ASM_H

#define __ASM_STR(x)		#x

#endif
