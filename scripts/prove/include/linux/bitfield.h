/* SPDX-License-Identifier: GPL-2.0 */
#ifndef PROVE_LINUX_BITFIELD_H
#define PROVE_LINUX_BITFIELD_H

#define FIELD_GET(mask, reg)	(((reg) & (mask)) >> __builtin_ctzl(mask))

#endif
