// SPDX-License-Identifier: GPL-2.0
/* fault_util.c - Helpers for the kernel's fault injection */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/kernel.h>

#include "fault_util.h"
#include "test_util.h"

#define FAIL_NTH	"/proc/thread-self/fail-nth"
#define FAILSLAB	"/sys/kernel/debug/failslab/"
#define FAIL_PAGE_ALLOC	"/sys/kernel/debug/fail_page_alloc/"
/*
 * fail-nth also counts user accesses if the kernel has
 * CONFIG_FAULT_INJECTION_USERCOPY. fail_nth_alloc() itself could then fail, so
 * the tests do not inject failures on such a kernel.
 */
#define FAIL_USERCOPY	"/sys/kernel/debug/fail_usercopy"

static struct {
	const char *path, *want;
	char old[16];
} fault_settings[] = {
	{ FAILSLAB "ignore-gfp-wait", "N" },
	{ FAILSLAB "verbose", "0" },
	/*
	 * These settings are optional. This min-order keeps page allocations
	 * from failing and from being counted, so that fail-nth counts slab
	 * allocations only.
	 */
	{ FAIL_PAGE_ALLOC "min-order", "99" },
	{ FAIL_PAGE_ALLOC "ignore-gfp-wait", "N" },
	{ FAIL_PAGE_ALLOC "verbose", "0" },
};

static void die_with_parent(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

bool have_fault_injection, have_fail_page_alloc;

bool swap_setting(const char *path, const char *val, char *old, size_t size)
{
	int fd = open(path, O_RDWR);
	bool ok = fd >= 0;

	if (ok && old)
		ok = read(fd, old, size) > 0;
	ok = ok && write(fd, val, strlen(val)) == strlen(val);
	if (fd >= 0)
		close(fd);
	return ok;
}

bool may_use_cpu(int cpu)
{
	cpu_set_t cpus;

	return !sched_getaffinity(0, sizeof(cpus), &cpus) && CPU_ISSET(cpu, &cpus);
}

void restore_at_end(void (*restore)(void))
{
	int sig, child_status, status = 0;
	pid_t test, child;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* Adopt orphans, so that none of them is still running at the end. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	fflush(NULL);
	test = fork();
	TEST_ASSERT(test >= 0, "fork() failed, errno %d", errno);
	if (!test) {
		die_with_parent();
		TEST_ASSERT(!pthread_atfork(NULL, NULL, die_with_parent), "pthread_atfork()");
		sigprocmask(SIG_UNBLOCK, &set, NULL);
		return;
	}

	do {
		sigwait(&set, &sig);
		if (sig != SIGCHLD)
			kill(test, sig);
		while ((child = waitpid(-1, &child_status, WNOHANG)) > 0)
			if (child == test)
				status = child_status;
	} while (!child);

	restore();
	if (WIFSIGNALED(status)) {
		sigprocmask(SIG_UNBLOCK, &set, NULL);
		raise(WTERMSIG(status));
	}
	_exit(WEXITSTATUS(status));
}

void fault_injection_begin(void)
{
	int i;

	have_fault_injection = access(FAIL_USERCOPY, F_OK) && !access(FAIL_NTH, W_OK);
	have_fail_page_alloc = have_fault_injection && !access(FAIL_PAGE_ALLOC, F_OK);
	for (i = 0; i < ARRAY_SIZE(fault_settings) && have_fault_injection; i++) {
		if (!strncmp(fault_settings[i].path, FAIL_PAGE_ALLOC, strlen(FAIL_PAGE_ALLOC)) &&
		    !have_fail_page_alloc)
			continue;
		have_fault_injection = swap_setting(fault_settings[i].path, fault_settings[i].want,
						    fault_settings[i].old,
						    sizeof(fault_settings[i].old) - 1);
	}
}

void fail_pages(bool pages)
{
	TEST_ASSERT(swap_setting(FAILSLAB "ignore-gfp-wait", pages ? "Y" : "N", NULL, 0) &&
		    (!have_fail_page_alloc ||
		     swap_setting(FAIL_PAGE_ALLOC "min-order", pages ? "0" : "99", NULL, 0)),
		    "cannot choose what fails");
}

void fault_injection_end(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(fault_settings); i++)
		if (fault_settings[i].old[0])
			swap_setting(fault_settings[i].path, fault_settings[i].old, NULL, 0);
}

/*
 * Return a file descriptor for fail-nth. Call this before a failure is armed,
 * because open() allocates memory and pread() does not.
 */
static int fail_nth_fd(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = open(FAIL_NTH, O_RDWR);
	TEST_ASSERT(fd >= 0, "open(" FAIL_NTH ") failed, errno %d", errno);

	return fd;
}

void fail_nth_alloc(unsigned int n)
{
	char s[16];
	int len = snprintf(s, sizeof(s), "%u", n);

	TEST_ASSERT_EQ(pwrite(fail_nth_fd(), s, len, 0), len);
}

bool alloc_failure_armed(void)
{
	char s[16] = "";

	TEST_ASSERT(pread(fail_nth_fd(), s, sizeof(s) - 1, 0) > 0, "read(" FAIL_NTH ") failed");

	return atoi(s) > 0;
}
