// SPDX-License-Identifier: GPL-2.0
/*
 * Runs in L1: boots a guest with move-init.c in QEMU with KVM, and stops it, moves
 * it to another QEMU or resets it, again and again.
 *
 *	move stop|live|reset ROUNDS SMP CPU[/TARGET CPU] [QEMU [TARGET QEMU]]
 *	move save FILE SMP CPU [QEMU]
 *	move load FILE SMP CPU [QEMU [TEXT]]
 *	move relay FILE SMP CPU QEMU OUT
 *
 * stop migrates a guest that has been stopped, live one that runs.  save leaves
 * the stream in FILE, and load goes on from it; with TEXT that has to be refused,
 * and TEXT is in what QEMU says.  relay loads, lets it run, and saves to OUT.  CPU is
 * the argument of -cpu, and the target's is after a "/" if it is another.  Hung, or
 * something lost, the guest's clock included: exit status 1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SERIAL		"/tmp/serial"
#define STREAM		"/tmp/stream"
#define BOOT_TIME	240
#define TICK_TIME	60
#define TICKS		10
#define CLOCK_GAP	10000	/* ms from a line to the next, with a move between */

static const char *smp, *memory = "128";
static char said[8192];	/* by QEMU itself */
static int lost, hung;

struct text {
	int fd;
	size_t len;
	char line[4096];
};

/* The monitor is on stdin and stdout: L1 need not have sockets. */
struct vm {
	pid_t pid;
	struct text serial, stderr;
	int to_monitor, monitor;
	unsigned long ticks;
	struct tick {
		unsigned long nr, rounds, clock;
		double time;
	} first, last;
	bool ready;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("FAIL: ");
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	exit(1);
}

static void start(struct vm *vm, const char *qemu, const char *cpu, const char *incoming)
{
	const char *argv[] = {
		qemu, "-M", "virt,accel=kvm", "-cpu", cpu, "-m", memory, "-smp", smp,
		"-nodefaults", "-display", "none", "-serial", "pipe:" SERIAL,
		"-monitor", "stdio",
		"-kernel", "/l2/Image", "-initrd", "/l2/move.cpio",
		"-append", "console=ttyS0 earlycon=uart8250,mmio,0x10000000 quiet panic=-1",
		incoming ? "-incoming" : NULL, incoming, NULL
	};
	int to[2], from[2], err[2];

	memset(vm, 0, sizeof(*vm));
	unlink(SERIAL ".in");
	unlink(SERIAL ".out");
	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC) || pipe2(err, O_CLOEXEC) ||
	    mkfifo(SERIAL ".in", 0600) || mkfifo(SERIAL ".out", 0600))
		die("pipe: %s", strerror(errno));
	vm->serial.fd = open(SERIAL ".out", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	vm->pid = fork();
	if (!vm->pid) {
		dup2(to[0], 0);
		dup2(from[1], 1);
		dup2(err[1], 2);
		execv(qemu, (char **)argv);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	close(err[1]);
	vm->to_monitor = to[1];
	vm->monitor = from[0];
	vm->stderr.fd = err[0];
}

static void line(struct vm *vm, const char *text)
{
	struct tick tick;

	if (sscanf(text, "move: tick %lu %lu %lu", &tick.nr, &tick.rounds, &tick.clock) == 3) {
		tick.time = now();
		vm->last = tick;
		if (!vm->ticks++)
			vm->first = tick;
		return;
	}
	printf("  %s\n", text);
	if (!strncmp(text, "move: ready", 11))
		vm->ready = true;
	if (strstr(text, " lost "))
		lost++;
	if (strstr(text, "qemu-system")) {
		size_t len = strlen(said);

		snprintf(said + len, sizeof(said) - len, "%s%s", len ? "; " : "", text);
	}
}

static bool take(struct vm *vm, struct text *t)
{
	char buf[1024];
	ssize_t n, i;

	n = read(t->fd, buf, sizeof(buf));
	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	for (i = 0; i < n; i++) {
		if (buf[i] != '\n' && t->len < sizeof(t->line) - 1) {
			if (buf[i] != '\r')
				t->line[t->len++] = buf[i];
			continue;
		}
		t->line[t->len] = 0;
		t->len = 0;
		line(vm, t->line);
	}
	return true;
}

/* Reads what there is within @ms.  False when QEMU has ended. */
static bool console(struct vm *vm, int ms)
{
	struct pollfd p[] = {
		{ .fd = vm->stderr.fd, .events = POLLIN },
		{ .fd = vm->serial.fd, .events = POLLIN },
	};

	if (poll(p, 2, ms) <= 0)
		return true;
	if (p[1].revents & POLLIN)
		take(vm, &vm->serial);
	else if (p[1].revents)
		usleep(1000);
	return !p[0].revents || take(vm, &vm->stderr);
}

/* @ticks more lines of the guest */
static bool runs(struct vm *vm, unsigned long ticks, int seconds)
{
	unsigned long goal = vm->ticks + ticks;
	double end = now() + seconds;

	while (vm->ticks < goal && now() < end)
		if (!console(vm, 200))
			return false;
	return vm->ticks >= goal;
}

/* What the human monitor has to say up to its next prompt */
static const char *answer(struct vm *vm)
{
	static char text[16384];
	double end = now() + 120;
	size_t len = 0;
	ssize_t n;

	while (now() < end) {
		struct pollfd p = { .fd = vm->monitor, .events = POLLIN };

		console(vm, 0);
		if (poll(&p, 1, 50) <= 0)
			continue;
		n = read(vm->monitor, text + len, sizeof(text) - 1 - len);
		if (n <= 0)
			break;
		len += n;
		text[len] = 0;
		if (len >= 7 && !strcmp(text + len - 7, "(qemu) ") && strchr(text, '\n'))
			return text;
	}
	return "";
}

static const char *ask(struct vm *vm, const char *command)
{
	if (write(vm->to_monitor, command, strlen(command)) < 0 ||
	    write(vm->to_monitor, "\n", 1) < 0)
		return "";
	return answer(vm);
}

/*
 * How fast the guest computes: a round has 112 instructions of FP and V.  Its clock
 * has to keep pace with L1's.
 */
static void speed(struct vm *vm)
{
	double seconds, clock;

	vm->ticks = 0;
	if (!runs(vm, TICKS, TICK_TIME))
		die("hung: %s", ask(vm, "info registers -a"));
	seconds = vm->last.time - vm->first.time;
	clock = (vm->last.clock - vm->first.clock) / 1000.0;
	printf("%.1f s and %.1f s of the guest's clock, %.0f rounds in one\n", seconds, clock,
	       (vm->last.rounds - vm->first.rounds) / seconds);
	if (clock < seconds * 0.7 - 0.5 || clock > seconds * 1.4 + 0.5) {
		printf("the guest's clock has lost its pace\n");
		lost++;
	}
}

/* The first line of the guest that came from here, and the last */
static void span(struct vm *vm)
{
	printf("lines %lu to %lu, clock %lu to %lu ms\n", vm->first.nr, vm->last.nr,
	       vm->first.clock, vm->last.clock);
}

static void end(struct vm *vm)
{
	kill(vm->pid, SIGKILL);
	waitpid(vm->pid, NULL, 0);
	close(vm->to_monitor);
	close(vm->monitor);
	close(vm->serial.fd);
	close(vm->stderr.fd);
}

static void boot(struct vm *vm, const char *qemu, const char *cpu)
{
	start(vm, qemu, cpu, NULL);
	answer(vm);
	if (!runs(vm, 2, BOOT_TIME))
		die("the guest did not boot");
}

static void migrate(struct vm *vm, const char *file)
{
	double limit = now() + 300;
	char command[256];
	const char *p;

	snprintf(command, sizeof(command), "migrate -d file:%s", file);
	ask(vm, "migrate_set_parameter max-bandwidth 10G");
	ask(vm, command);
	while (!strstr(p = ask(vm, "info migrate"), "completed")) {
		if (strstr(p, "failed") || now() > limit)
			die("migration: %s", p);
		usleep(50000);
	}
	p = strstr(p, "downtime:");
	if (p)
		printf("saved, %.*s\n", (int)strcspn(p, "\r\n"), p);
}

/* The target goes on with the stream.  False: it said no. */
static bool load(struct vm *vm, const char *qemu, const char *cpu, const char *file)
{
	double limit = now() + 300;
	char uri[256];
	const char *p;

	snprintf(uri, sizeof(uri), "file:%s", file);
	start(vm, qemu, cpu, uri);
	answer(vm);
	while (now() < limit) {
		if (!console(vm, 50))
			return false;
		p = ask(vm, "info status");
		if (strstr(p, "running"))
			return true;
		if (strstr(p, "paused") && !strstr(p, "inmigrate")) {
			ask(vm, "cont");
			return true;
		}
	}
	return false;
}

int main(int argc, char **argv)
{
	const char *mode, *qemu, *qemu2, *text;
	char *cpu, *cpu2;
	struct vm vm, next;
	int rounds, i;
	double t;

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	if (argc < 5)
		return 2;
	mode = argv[1];
	rounds = atoi(argv[2]);
	smp = argv[3];
	cpu = strdup(argv[4]);
	cpu2 = strchr(cpu, '/');
	if (cpu2)
		*cpu2++ = 0;
	else
		cpu2 = cpu;
	qemu = argc > 5 ? argv[5] : "/usr/bin/qemu-system-riscv64";
	qemu2 = argc > 6 ? argv[6] : qemu;
	text = argc > 6 ? argv[6] : NULL;

	if (!strcmp(mode, "load") || !strcmp(mode, "relay")) {
		if (!strcmp(mode, "relay"))
			text = NULL;
		if (!load(&vm, qemu, cpu, argv[2])) {
			end(&vm);
			if (!text || !strstr(said, text))
				die("refused, and said: %s", said);
			printf("refused: %s\n", said);
			return 0;
		}
		if (text)
			die("not refused");
		speed(&vm);
		if (!strcmp(mode, "relay"))
			migrate(&vm, argv[6]);
		span(&vm);
		end(&vm);
		return lost != 0;
	}

	boot(&vm, qemu, cpu);
	if (!strcmp(mode, "save")) {
		speed(&vm);
		migrate(&vm, argv[2]);
		span(&vm);
		end(&vm);
		return lost != 0;
	}
	for (i = 0; i < rounds; i++) {
		t = now();
		if (!strcmp(mode, "reset")) {
			vm.ready = false;
			ask(&vm, "system_reset");
			while (!vm.ready && now() < t + 60)
				console(&vm, 200);
			if (!vm.ready || !runs(&vm, 2, TICK_TIME)) {
				hung++;
				printf("round %d: hung after reset:\n%s\n", i, ask(&vm, "info registers"));
				end(&vm);
				boot(&vm, qemu, cpu);
			}
		} else {
			if (!strcmp(mode, "stop"))
				ask(&vm, "stop");
			migrate(&vm, STREAM);
			end(&vm);
			if (!load(&next, i % 2 ? qemu : qemu2, i % 2 ? cpu : cpu2, STREAM))
				die("round %d: the target does not start: %s", i, said);
			if (!runs(&next, 2, TICK_TIME)) {
				hung++;
				printf("round %d: hung after migration: %.200s\n", i,
				       ask(&next, "info registers"));
				end(&next);
				boot(&next, qemu, cpu);
			} else if (next.first.nr < vm.last.nr ||
				   next.first.clock < vm.last.clock ||
				   next.first.clock > vm.last.clock + CLOCK_GAP) {
				lost++;
				printf("round %d: line %lu at %lu ms, and then line %lu at %lu\n", i,
				       vm.last.nr, vm.last.clock, next.first.nr, next.first.clock);
			}
			vm = next;
		}
		printf("round %d: %.1f s, hung %d, lost %d\n", i, now() - t, hung, lost);
	}
	end(&vm);
	printf("%s: %d rounds, SMP %s, hung %d, lost %d\n", mode, rounds, smp, hung, lost);
	return hung || lost;
}
