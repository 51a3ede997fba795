/* SPDX-License-Identifier: GPL-2.0 */
/* Options of tests on the command line */
#ifndef SELFTEST_KVM_OPTIONS_H
#define SELFTEST_KVM_OPTIONS_H

#include <stdbool.h>
#include <linux/kernel.h>
#include <linux/types.h>

/* Either has a number as its argument, called ARG in the usage, or sets FLAG. */
struct test_option {
	char letter;
	const char *arg;
	u64 *value;
	bool *flag;
};

/* Print the usage and fail if there is anything but these options. */
void parse_test_options(int argc, char *argv[], const struct test_option *options, int nr);

#endif /* SELFTEST_KVM_OPTIONS_H */
