/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers for the kernel's fault injection. A test arms a failure for the Nth
 * allocation that this thread makes from the slab allocator. If the thread
 * makes fewer allocations, the failure stays armed.
 */
#ifndef SELFTEST_KVM_FAULT_UTIL_H
#define SELFTEST_KVM_FAULT_UTIL_H

#include <stdbool.h>
#include <stddef.h>

#define NO_FAIL_PAGE_ALLOC	"no fault injection for the page allocator (CONFIG_FAIL_PAGE_ALLOC)"
#define NO_FAULT_INJECTION	"no fault injection for slab alone: CONFIG_FAILSLAB, debugfs, root"

extern bool have_fault_injection, have_fail_page_alloc;

/* Return whether this process may run on the CPU. */
bool may_use_cpu(int cpu);

/* Write VAL to a file; before that, read its contents into OLD, if that is not NULL. */
bool swap_setting(const char *path, const char *val, char *old, size_t size);

/*
 * Continue in a child process, and call RESTORE when that process and all its
 * descendants have ended. The parent process passes on SIGHUP, SIGINT and
 * SIGTERM, and ends as the child does. Processes forked from now on are killed
 * when their parent ends. RESTORE is therefore called no matter how a test ends,
 * for example by the SIGTERM of kselftest's timeout, and no process of the test
 * can change a setting afterwards.
 *
 * Call this function after the old settings have been read, and before any VM
 * is created, since a VM belongs to one process.
 */
void restore_at_end(void (*restore)(void));

/*
 * Call fault_injection_begin() in main(), before all tests, because it changes
 * settings of the whole system. Let restore_at_end() call fault_injection_end().
 */
void fault_injection_begin(void);
void fault_injection_end(void);

/*
 * Choose which allocations fail-nth counts: with PAGES, kernel memory from the
 * page allocator; without, memory from the slab allocator, which is the
 * default.
 */
void fail_pages(bool pages);

/* 0 is none. */
void fail_nth_alloc(unsigned int n);

/* Return whether the armed failure has not happened yet. */
bool alloc_failure_armed(void);

#endif /* SELFTEST_KVM_FAULT_UTIL_H */
