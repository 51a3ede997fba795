/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's fault injection: a failure is armed for the Nth allocation that this
 * thread makes from now on.  What does not come to it leaves the failure armed.
 */
#ifndef SELFTEST_KVM_FAULT_UTIL_H
#define SELFTEST_KVM_FAULT_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test_util.h"

#define FAIL_NTH	"/proc/thread-self/fail-nth"
#define FAILSLAB	"/sys/kernel/debug/failslab/"

#define NO_FAULT_INJECTION	"no fault injection: CONFIG_FAILSLAB, debugfs, root"

/* Opened before a failure is armed: open() allocates, pread() does not. */
static int fail_nth_fd = -1;

static inline void put_file(const char *path, const char *s)
{
	int fd = open(path, O_WRONLY);

	TEST_ASSERT(fd >= 0, "open(%s) failed, errno %d", path, errno);
	TEST_ASSERT(write(fd, s, strlen(s)) == strlen(s), "write(%s) failed, errno %d",
		    path, errno);
	close(fd);
}

static inline bool have_fault_injection(void)
{
	if (fail_nth_fd < 0)
		fail_nth_fd = open(FAIL_NTH, O_RDWR);
	if (fail_nth_fd < 0 || access(FAILSLAB "ignore-gfp-wait", W_OK))
		return false;

	put_file(FAILSLAB "ignore-gfp-wait", "N");
	put_file(FAILSLAB "verbose", "0");

	return true;
}

/* 0 is none. */
static inline void fail_nth_alloc(unsigned int n)
{
	char s[16];
	int len = snprintf(s, sizeof(s), "%u", n);

	TEST_ASSERT_EQ(pwrite(fail_nth_fd, s, len, 0), len);
}

/* Whether a failure that was armed is still waiting for its allocation */
static inline bool alloc_failure_armed(void)
{
	char s[16] = "";

	TEST_ASSERT(pread(fail_nth_fd, s, sizeof(s) - 1, 0) > 0, "read(" FAIL_NTH ") failed");

	return atoi(s) > 0;
}

#endif /* SELFTEST_KVM_FAULT_UTIL_H */
