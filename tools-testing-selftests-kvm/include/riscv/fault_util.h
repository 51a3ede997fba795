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

/* Write VAL to a file; before that, read its contents into OLD, if that is not NULL. */
bool swap_setting(const char *path, const char *val, char *old, size_t size);

/*
 * Call fault_injection_begin() in main(), before all tests, because it changes
 * settings of the whole system. Let atexit() call fault_injection_end(), because
 * test_harness_run() does not return.
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
