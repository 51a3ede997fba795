// SPDX-License-Identifier: GPL-2.0
/* options.c - Parse the options of tests */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "kselftest.h"
#include "options.h"

#define MAX_OPTIONS	8

static void fail_with_usage(const char *name, const struct test_option *options, int nr)
{
	int i;

	fprintf(stderr, "usage: %s", name);
	for (i = 0; i < nr; i++) {
		if (options[i].arg)
			fprintf(stderr, " [-%c %s]", options[i].letter, options[i].arg);
		else
			fprintf(stderr, " [-%c]", options[i].letter);
	}
	fprintf(stderr, "\n");
	exit(KSFT_FAIL);
}

static bool parse_number(u64 *value, const char *text)
{
	char *end;

	errno = 0;
	*value = strtoul(text, &end, 0);
	return !errno && *text >= '0' && *text <= '9' && !*end;
}

void parse_test_options(int argc, char *argv[], const struct test_option *options, int nr)
{
	char letters[2 * MAX_OPTIONS + 1], *p = letters;
	int opt, i;

	if (nr > MAX_OPTIONS)
		ksft_exit_fail_msg("Raise MAX_OPTIONS\n");
	for (i = 0; i < nr; i++) {
		*p++ = options[i].letter;
		if (options[i].arg)
			*p++ = ':';
	}
	*p = 0;

	while ((opt = getopt(argc, argv, letters)) != -1) {
		for (i = 0; i < nr && options[i].letter != opt; i++)
			;
		if (i == nr)
			fail_with_usage(argv[0], options, nr);
		if (!options[i].arg)
			*options[i].flag = true;
		else if (!parse_number(options[i].value, optarg))
			fail_with_usage(argv[0], options, nr);
	}
	if (optind < argc)
		fail_with_usage(argv[0], options, nr);
}
