/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PROVE_LINUX_COMPILER_TYPES_H
#define PROVE_LINUX_COMPILER_TYPES_H

#ifndef noinstr
#define noinstr
#endif
#undef __always_inline
#define __always_inline		inline __attribute__((always_inline))

#endif
