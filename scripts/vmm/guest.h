/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VMM_GUEST_H
#define VMM_GUEST_H

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Runs every benchmark, returns how many gave a wrong answer. */
int bench_all(void);

#endif
