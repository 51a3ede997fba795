// SPDX-License-Identifier: GPL-2.0
/*
 * Runs in L1: boots one guest in QEMU with KVM, and says whether it is what the
 * command line asked for.
 *
 *	case NAME CPU GONE TRAPS [QEMU]
 *
 * CPU is the argument of -cpu.  GONE are the extensions that the isa line of
 * /proc/cpuinfo in the guest must not have, of those that it has in the case
 * "host"; nothing else may be missing.  TRAPS are those whose instructions trap
 * in the guest's kernel; all others run.  Both are lists of patterns, separated
 * by commas, of which the last that matches counts; "!" takes out again.  If
 * GONE is "refused", QEMU must not start the guest, and say why.
 *
 * What the benchmarks use has to be what the isa line has, and QEMU may not
 * complain.  The case "host" has to come first: the others are compared with it.
 * QEMU is another program than the one of the distribution.
 * "case native" runs the guest's program in L1, for the benchmarks.
 *
 * The last line is a row of a table: what came of it.
 */
#define _GNU_SOURCE
#include <fnmatch.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_EXTS	256
#define HOST_ISA	"/tmp/vmm-host-isa"

static const char *qemu = "/usr/bin/qemu-system-riscv64";

struct set {
	int n;
	char *name[MAX_EXTS];
};

static struct set isa, probes, traps;
static char benches[512], rates[512];
static char *complaint;	/* what QEMU said */
static bool done;
static int failures;

static void fail(const char *fmt, ...)
{
	va_list ap;

	failures++;
	printf("FAIL: ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

static bool has(const struct set *set, const char *name)
{
	int i;

	for (i = 0; i < set->n; i++)
		if (!strcmp(set->name[i], name))
			return true;
	return false;
}

static void add(struct set *set, const char *name)
{
	if (set->n < MAX_EXTS)
		set->name[set->n++] = strdup(name);
}

static struct set split(const char *text, const char *separators)
{
	char *copy = strdup(text), *save, *w;
	struct set set = { };

	for (w = strtok_r(copy, separators, &save); w; w = strtok_r(NULL, separators, &save))
		if (strcmp(w, "-"))
			add(&set, w);
	return set;
}

/* Those of @all that @patterns select */
static struct set matching(const struct set *all, const char *patterns)
{
	struct set list = split(patterns, ","), set = { };
	int i, j;

	for (i = 0; i < all->n; i++) {
		bool in = false;

		for (j = 0; j < list.n; j++) {
			const char *p = list.name[j];
			bool out = *p == '!';

			if (!fnmatch(p + out, all->name[i], 0))
				in = !out;
		}
		if (in)
			add(&set, all->name[i]);
	}
	return set;
}

/* Those of @a that are not in @b */
static struct set minus(const struct set *a, const struct set *b)
{
	struct set set = { };
	int i;

	for (i = 0; i < a->n; i++)
		if (!has(b, a->name[i]))
			add(&set, a->name[i]);
	return set;
}

static const char *join(const struct set *set)
{
	static char text[4][2048];
	static int which;
	char *p = text[which++ % 4];
	int i, n = 0;

	p[0] = 0;
	for (i = 0; i < set->n && n < 2000; i++)
		n += sprintf(p + n, "%s%s", i ? " " : "", set->name[i]);
	return set->n ? p : "-";
}

/* Those of @a that are in @b as well */
static struct set both(const struct set *a, const struct set *b)
{
	struct set rest = minus(a, b);

	return minus(a, &rest);
}

/* For people: the vector extensions in one word, if more than half are in. */
static const char *summary(const struct set *set, const struct set *all)
{
	struct set zv = matching(all, "zv*"), in = both(&zv, set), out = minus(&zv, set);
	struct set text = minus(set, &zv);
	static char buf[3][2048];
	static int which;
	char *p = buf[which++ % 3];

	if (in.n <= out.n)
		return join(set);
	add(&text, "zv*");
	snprintf(p, sizeof(buf[0]), "%s%s%s", join(&text), out.n ? " but " : "",
		 out.n ? join(&out) : "");
	return p;
}

/* rv64imafdch_zicbom_... */
static struct set parse_isa(const char *line)
{
	struct set set = { }, rest;
	const char *p = line;
	char letter[2] = "";
	int i;

	if (!strncmp(p, "rv64", 4))
		p += 4;
	for (; *p && *p != '_'; p++) {
		letter[0] = *p;
		add(&set, letter);
	}
	rest = split(p, "_");
	for (i = 0; i < rest.n; i++)
		add(&set, rest.name[i]);
	return set;
}

/* EXTENSION=runs|traps ... */
static void parse_probes(const char *line)
{
	struct set all = split(line, " ");
	int i;

	for (i = 0; i < all.n; i++) {
		char *eq = strchr(all.name[i], '=');

		if (!eq)
			continue;
		*eq = 0;
		add(&probes, all.name[i]);
		if (strcmp(eq + 1, "runs"))
			add(&traps, all.name[i]);
	}
}

static void parse_bench(const char *line)
{
	char name[32], path[32], unit[32], sum[32], verdict[32];
	unsigned long rate;

	if (sscanf(line, "%31s path=%31s rate=%lu %31s sum=%31s %31s",
		   name, path, &rate, unit, sum, verdict) != 6) {
		fail("not understood: bench: %s", line);
		return;
	}
	if (strcmp(verdict, "ok"))
		fail("%s by %s: wrong answer", name, path);
	snprintf(benches + strlen(benches), sizeof(benches) - strlen(benches),
		 "%s%s", benches[0] ? " " : "", path);
	snprintf(rates + strlen(rates), sizeof(rates) - strlen(rates),
		 " %s %lu |", path, rate);
}

/* qemu-system-riscv64: TEXT */
static void note_complaint(const char *line)
{
	const char *text = strstr(line, ": ");
	char *all;

	if (asprintf(&all, "%s%s%s", complaint ? complaint : "", complaint ? "; " : "",
		     text ? text + 2 : line) > 0)
		complaint = all;
}

static void parse_line(const char *line)
{
	if (!strncmp(line, "isa: ", 5)) {
		isa = parse_isa(line + 5);
	} else if (!strncmp(line, "supervisor: ", 12)) {
		parse_probes(line + 12);
	} else if (!strncmp(line, "bench: ", 7)) {
		parse_bench(line + 7);
	} else if (!strcmp(line, "guest: done")) {
		done = true;
	} else if (!strncmp(line, "qemu-system", 11)) {
		note_complaint(line);
	}
}

/* Runs @argv, and understands what it prints.  Returns the exit status. */
static int run(char *const *argv)
{
	static char line[4096];
	int fds[2], status;
	pid_t pid;
	FILE *f;

	if (pipe(fds))
		return -1;
	pid = fork();
	if (!pid) {
		dup2(fds[1], 1);
		dup2(fds[1], 2);
		close(fds[0]);
		close(fds[1]);
		execv(argv[0], argv);
		fprintf(stderr, "cannot run %s\n", argv[0]);
		_exit(127);
	}
	close(fds[1]);
	f = fdopen(fds[0], "r");
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\r\n")] = 0;
		printf("  %s\n", line);
		parse_line(line);
	}
	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

static struct set host_isa(const char *name)
{
	char line[4096] = "";
	FILE *f;

	if (!strcmp(name, "host")) {
		f = fopen(HOST_ISA, "w");
		if (f) {
			int i;

			for (i = 0; i < isa.n; i++)
				fprintf(f, "%s ", isa.name[i]);
			fclose(f);
		}
		return isa;
	}
	f = fopen(HOST_ISA, "r");
	if (f) {
		if (!fgets(line, sizeof(line), f))
			line[0] = 0;
		fclose(f);
	}
	return split(line, " ");
}

static void compare(const char *what, const struct set *is, const struct set *expected)
{
	struct set more = minus(is, expected), less = minus(expected, is);

	if (more.n)
		fail("%s, and should not be: %s", what, join(&more));
	if (less.n)
		fail("should be %s, and are not: %s", what, join(&less));
}

/* The benchmarks use what the guest was told of, and nothing else. */
static void check_paths(const struct set *told)
{
	static const char *const fast[] = { "zvkned", "zvbb", "zfh", "zfbfmin" };
	struct set paths = split(benches, " ");
	unsigned int i;

	if (paths.n != 4)
		fail("%d benchmarks have run, not 4", paths.n);
	for (i = 0; i < 4; i++)
		if (has(told, fast[i]) != has(&paths, fast[i]))
			fail("%s is %sadvertised, and %sused", fast[i],
			     has(told, fast[i]) ? "" : "not ", has(&paths, fast[i]) ? "" : "not ");
}

static void check_guest(const struct set *host, const char *gone, const char *trap,
			const struct set *missing)
{
	struct set expected = matching(host, gone), extra = minus(&isa, host);

	if (!host->n)
		fail("nothing to compare with: the case \"host\" has to come first");
	compare("missing in the isa line", missing, &expected);
	if (extra.n)
		fail("in the isa line, but not in host's: %s", join(&extra));
	expected = matching(&probes, trap);
	compare("trapping", &traps, &expected);
	check_paths(&isa);
}

static void guest_case(const char *name, const char *cpu, const char *gone, const char *trap)
{
	char *argv[] = {
		(char *)qemu, "-M", "virt,accel=kvm", "-cpu", (char *)cpu, "-m", "256", "-smp", "1",
		"-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot",
		"-kernel", "/l2/Image", "-initrd", "/l2/initramfs.cpio",
		"-append", "console=ttyS0 earlycon=uart8250,mmio,0x10000000 quiet panic=-1", NULL
	};
	bool refused = !strcmp(gone, "refused");
	int status = run(argv);
	struct set host, missing, runs;

	if (!refused != (WIFEXITED(status) && !WEXITSTATUS(status)))
		fail("QEMU ended with status 0x%x", status);
	if (!refused != !complaint)
		fail("QEMU says: %s", complaint ? complaint : "nothing");
	if (!refused != done)
		fail("the guest %s", done ? "was not refused" : "did not get to its end");

	host = host_isa(name);
	missing = minus(&host, &isa);
	if (done && !refused)
		check_guest(&host, gone, trap, &missing);

	printf("table: | %s | %s |", cpu, complaint ? complaint : "-");
	if (!done) {
		printf(" (does not %s) | | |\n", complaint ? "start" : "boot");
		return;
	}
	runs = minus(&probes, &traps);
	runs = both(&runs, &missing);
	printf(" %s | %s | %s |\n", summary(&missing, &host), summary(&traps, &probes),
	       summary(&runs, &probes));
	printf("bench-table: | %s |%s\n", cpu, rates);
}

static void native_case(void)
{
	char *argv[] = { "/l2/init", "host", NULL };
	int status = run(argv);

	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail("ended with status 0x%x", status);
	check_paths(&isa);
	printf("bench-table: | (L1 itself) |%s\n", rates);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 && !strcmp(argv[1], "native")) {
		native_case();
	} else if (argc == 5 || argc == 6) {
		if (argc == 6)
			qemu = argv[5];
		guest_case(argv[1], argv[2], argv[3], argv[4]);
	} else {
		fprintf(stderr, "usage: case native | case NAME CPU GONE TRAPS [QEMU]\n");
		return 2;
	}
	return failures ? 1 : 0;
}
