// SPDX-License-Identifier: GPL-2.0
/*
 * Runs a program in L1, if one is named, and brings a file that it has written out of
 * the machine:
 *
 *	tohost FILE HOST-FILE [PROGRAM [ARGUMENT...]]
 *
 * That goes by semihosting, QEMU's -semihosting-config enable=on,userspace=on,
 * which needs no driver in L1's kernel.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SYS_OPEN	1
#define SYS_CLOSE	2
#define SYS_WRITE	5
#define MODE_WB		5

static long semihost(long op, const void *args)
{
	register long a0 asm("a0") = op;
	register const void *a1 asm("a1") = args;

	/* All three on one page, as the specification has it */
	asm volatile(".balign 16\n"
		     ".option push\n"
		     ".option norvc\n"
		     "slli zero, zero, 0x1f\n"
		     "ebreak\n"
		     "srai zero, zero, 7\n"
		     ".option pop"
		     : "+r" (a0) : "r" (a1) : "memory");
	return a0;
}

static int run(char **argv)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		execv(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int copy(const char *file, const char *host_file)
{
	/* The host reads and writes what the page table maps, and waits for nobody. */
	static char buf[1 << 16];
	unsigned long open_args[] = { (unsigned long)host_file, MODE_WB, strlen(host_file) };
	unsigned long args[3] = {};
	int fd = open(file, O_RDONLY);
	long host_fd, n;

	if (fd < 0) {
		perror(file);
		return 1;
	}
	host_fd = semihost(SYS_OPEN, open_args);
	if (host_fd < 0) {
		printf("the host cannot open %s\n", host_file);
		return 1;
	}
	args[0] = host_fd;
	args[1] = (unsigned long)buf;
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		args[2] = n;
		if (semihost(SYS_WRITE, args)) {
			printf("the host cannot write %s\n", host_file);
			return 1;
		}
	}
	return semihost(SYS_CLOSE, args) || n;
}

int main(int argc, char **argv)
{
	int ret = 0;

	if (argc < 3) {
		puts("usage: tohost FILE HOST-FILE [PROGRAM [ARGUMENT...]]");
		return 1;
	}
	if (argc > 3)
		ret = run(argv + 3);
	return ret ? ret : copy(argv[1], argv[2]);
}
