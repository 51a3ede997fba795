// SPDX-License-Identifier: GPL-2.0
/*
 * What runs in the guest of a VMM, as its init, and for comparison in the host
 * (with the argument "host"): says what the guest was told, and what it can do.
 *
 *	isa: RISCV,ISA LINE OF /proc/cpuinfo
 *	user: EXTENSION=runs|traps ...		an instruction in user space
 *	supervisor: EXTENSION=runs|traps ...	the same in the kernel, by vmm_probe.ko
 *	bench: NAME path=PATH rate=N UNIT/s sum=SUM ok|WRONG
 *	guest: done
 *
 * Built with the kernel's nolibc for the soft-float ABI: the C library has FP
 * instructions, and this has to run where there are none.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

#define RESULT	"/sys/module/vmm_probe/parameters/result"

static char buf[16384];

static const char *read_file(const char *path)
{
	int fd = open(path, O_RDONLY);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return NULL;
	while (len < sizeof(buf) - 1 &&
	       (n = read(fd, buf + len, sizeof(buf) - 1 - len)) > 0)
		len += n;
	close(fd);
	buf[len] = 0;
	return buf;
}

static void print_isa(void)
{
	const char *text = read_file("/proc/cpuinfo");
	const char *isa = text ? strstr(text, "\nisa\t") : NULL;

	isa = isa ? strchr(isa, ':') : NULL;
	if (!isa) {
		printf("isa: not in /proc/cpuinfo\n");
		return;
	}
	isa += 2;
	*strchr(isa, '\n') = 0;
	printf("isa: %s\n", isa);
}

#define PROBE(ext, setup, insn)						\
static void try_##ext(void)						\
{									\
	asm volatile(VMM_PROBE_BEGIN					\
		     setup "\n"						\
		     insn "\n"						\
		     VMM_PROBE_END : : : "memory");			\
}
#include "probes.h"

static const struct {
	const char *name;
	void (*insn)(void);
} probes[] = {
#define PROBE(ext, setup, insn)	{ #ext, try_##ext },
#include "probes.h"
};

static const char *what_happens(void (*insn)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		insn();
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return "unknown";
	if (WIFEXITED(status))
		return "runs";
	return WTERMSIG(status) == SIGILL ? "traps" : "dies";
}

static void probe_user(void)
{
	unsigned int i;

	printf("user:");
	for (i = 0; i < ARRAY_SIZE(probes); i++)
		printf(" %s=%s", probes[i].name, what_happens(probes[i].insn));
	printf("\n");
}

static void probe_supervisor(void)
{
	int fd = open("/vmm_probe.ko", O_RDONLY);
	const char *text;

	if (fd < 0 || syscall(__NR_finit_module, fd, "", 0)) {
		printf("supervisor: cannot load vmm_probe.ko\n");
		return;
	}
	close(fd);
	text = read_file(RESULT);
	printf("supervisor: %s", text ? text : "no result\n");
}

int main(int argc, char **argv)
{
	int failed;

	if (argc > 1 && !strcmp(argv[1], "host")) {
		print_isa();
		probe_user();
		return bench_all() ? 1 : 0;
	}

	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);

	print_isa();
	/* First: it writes to registers that nobody may have used by then. */
	probe_supervisor();
	probe_user();
	failed = bench_all();
	printf("guest: %s\n", failed ? "wrong answers" : "done");
	reboot(RB_POWER_OFF);
	return 1;
}
