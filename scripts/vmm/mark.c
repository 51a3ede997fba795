// SPDX-License-Identifier: GPL-2.0
/*
 * Run a program, and bracket it with the markers of scripts/simd_count.c: one lap of
 * one window is all that the machine executes from the fork to the program's end.
 *
 *	mark PROGRAM [ARG...]
 */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Keep in step with simd_count.c */
#define MARK(n)		asm volatile("slti x0, x0, %0" :: "i" (n) : "memory")
#define MARK_BEGIN	0x6b1
#define MARK_LAP	0x6b2
#define MARK_END	0x6b3

int main(int argc, char *argv[])
{
	int status = 0;
	pid_t child;

	if (argc < 2)
		return 2;
	MARK(MARK_BEGIN);
	child = fork();
	if (!child) {
		execv(argv[1], argv + 1);
		perror(argv[1]);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child) {
		perror("mark");
		return 1;
	}
	MARK(MARK_LAP);
	MARK(MARK_END);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
