// SPDX-License-Identifier: GPL-2.0
/*
 * PID 1 of the L1 guest: runs the tests listed in /tests one after another,
 * reports them as KTAP on the console and powers the machine off.
 *
 * A line of /tests is
 *
 *	NAME TIMEOUT FLAGS COMMAND [ARG...]
 *
 * with TIMEOUT in seconds and FLAGS either "-" or "hook", which turns
 * simd_hook.ko on while the test runs (see scripts/simd_hook/).  The first line
 * of the output says how KVM switches FP and vectors, if it tells.  Every line a
 * test prints is passed on behind "# ", so that nothing a test says can be
 * mistaken for a result.  A test that outlives its timeout is killed, with all
 * of its children, and fails.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define KSFT_SKIP	4
#define MAX_ARGS	32
#define HOOK_PARAM	"/sys/module/simd_hook/parameters/enable"

struct test {
	char name[64];
	unsigned int timeout;
	bool hook;
	char *argv[MAX_ARGS + 1];
};

/* What the test said last about a skip, for the result line. */
static char skip_reason[160];

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void mount_all(void)
{
	static const struct {
		const char *type, *dir;
	} fs[] = {
		{ "proc",	"/proc" },
		{ "sysfs",	"/sys" },
		{ "devtmpfs",	"/dev" },
		{ "tmpfs",	"/tmp" },
		{ "tmpfs",	"/dev/shm" },
		{ "devpts",	"/dev/pts" },
		{ "debugfs",	"/sys/kernel/debug" },
		{ "tracefs",	"/sys/kernel/tracing" },
		{ "cgroup2",	"/sys/fs/cgroup" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fs); i++) {
		mkdir(fs[i].dir, 0755);
		/* Not every kernel has each of them; tests that care skip. */
		mount(fs[i].type, fs[i].dir, fs[i].type, 0, NULL);
	}
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/* The last word of the kernel's command line that begins with START, or NULL */
static const char *cmdline_word(const char *start)
{
	static char buf[4096];
	FILE *f = fopen("/proc/cmdline", "r");
	const char *found = NULL;
	char *w, *save;

	if (!f)
		return NULL;
	if (fgets(buf, sizeof(buf), f)) {
		for (w = strtok_r(buf, " \n", &save); w; w = strtok_r(NULL, " \n", &save))
			if (!strncmp(w, start, strlen(start)))
				found = w;
	}
	fclose(f);
	return found;
}

static void load_module(const char *path, const char *params)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (syscall(SYS_finit_module, fd, params, 0))
		printf("# cannot load %s: %s\n", path, strerror(errno));
	close(fd);
}

static int vm = -1;

/*
 * Have a VM for as long as tests run, so that they do not switch
 * preempt_notifier_key on and off.  QEMU (10.0, MTTCG) forgets the translation of
 * code before it does the store that changes it, and a CPU that runs the code right
 * then has it translated as it was.  A finish_task_switch() that goes on without its
 * notifiers leaves vCPUs unloaded after a preemption.  Now the key is switched when
 * all other CPUs are idle.  A single CPU has no such race.
 */
static void hold_vm(void)
{
	int kvm;

	if (sysconf(_SC_NPROCESSORS_ONLN) == 1)
		return;
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		return;
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	close(kvm);
}

static void load_kvm(void)
{
	const char *param = cmdline_word("kvm.");

	/* modprobe would do that: the last parameter is the one that counts. */
	load_module("/kvm.ko", param ? param + strlen("kvm.") : "");
	load_module("/simd_hook.ko", "");
	hold_vm();
}

/* A test must not leave anything that keeps the module, but what it has closed may take a moment. */
static int reload_kvm(void)
{
	int tries = 20;

	if (access("/kvm.ko", F_OK))
		return 0;
	close(vm);
	syscall(SYS_delete_module, "simd_hook", O_NONBLOCK);
	while (syscall(SYS_delete_module, "kvm", O_NONBLOCK)) {
		if (errno == ENOENT)
			break;
		if (!tries--)
			return errno;
		usleep(100000);
	}
	load_kvm();
	return 0;
}

static void note_skip(const char *line)
{
	const char *p = strstr(line, "SKIP");

	if (!p)
		return;
	p += strlen("SKIP");
	p += strspn(p, " -:");
	snprintf(skip_reason, sizeof(skip_reason), "%s", p);
}

/* Pass the test's output on, a "# " before each line. */
static void relay(int fd, double deadline, pid_t pid, bool *timed_out)
{
	static char line[1024];
	size_t len = 0;
	char buf[4096];

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		double left = deadline - now();
		ssize_t n, i;

		if (left <= 0) {
			*timed_out = true;
			kill(-pid, SIGKILL);
			left = 2;
			deadline = now() + left;
		}
		if (poll(&p, 1, left * 1000 + 1) <= 0) {
			if (*timed_out)
				break;
			continue;
		}
		n = read(fd, buf, sizeof(buf));
		if (n <= 0)
			break;
		for (i = 0; i < n; i++) {
			if (buf[i] != '\n' && len < sizeof(line) - 1) {
				line[len++] = buf[i];
				continue;
			}
			line[len] = 0;
			note_skip(line);
			printf("# %s\n", line);
			len = 0;
		}
	}
	if (len) {
		line[len] = 0;
		note_skip(line);
		printf("# %s\n", line);
	}
}

/*
 * A terminal, not a pipe: stdio flushes every line into a terminal, so the
 * output of a test that hangs or crashes ends where the test did.
 */
static int open_output(int *slave)
{
	struct termios tio;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (master < 0)
		return -1;
	if (grantpt(master) || unlockpt(master) ||
	    (*slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0) {
		close(master);
		return -1;
	}
	tcgetattr(*slave, &tio);
	cfmakeraw(&tio);
	tcsetattr(*slave, TCSANOW, &tio);
	return master;
}

static pid_t start(const struct test *t, int out)
{
	struct rlimit core = { 0, 0 };
	pid_t pid = fork();

	if (pid)
		return pid;

	setpgid(0, 0);
	setrlimit(RLIMIT_CORE, &core);
	dup2(out, 1);
	dup2(out, 2);
	close(out);
	/* L1's harts are QEMU's: rvv_emul_test need not accept what others may do. */
	setenv("RVV_EXACT", "1", 1);
	execv(t->argv[0], t->argv);
	printf("cannot run %s: %s\n", t->argv[0], strerror(errno));
	fflush(stdout);
	_exit(127);
}

static int run(const struct test *t, int nr)
{
	double begin = now(), secs;
	bool timed_out = false;
	int out, log, status = 0, err;
	pid_t pid;

	printf("# --- %s\n", t->name);
	skip_reason[0] = 0;

	if (t->hook && write_file(HOOK_PARAM, "1")) {
		printf("ok %d %s # SKIP simd_hook.ko is not loaded\n", nr, t->name);
		return KSFT_SKIP;
	}
	log = open_output(&out);
	if (log < 0) {
		printf("not ok %d %s # no terminal: %s\n", nr, t->name, strerror(errno));
		return 1;
	}
	pid = start(t, out);
	close(out);
	setpgid(pid, pid);
	relay(log, begin + t->timeout, pid, &timed_out);
	close(log);
	/* Whatever the test left behind must not run beside the next one. */
	if (waitpid(pid, &status, timed_out ? WNOHANG : 0) == 0)
		sleep(1);
	kill(-pid, SIGKILL);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	if (t->hook)
		write_file(HOOK_PARAM, "0");

	secs = now() - begin;
	err = reload_kvm();
	if (err)
		printf("not ok %d %s # time=%.1f kvm.ko cannot be unloaded: %s\n",
		       nr, t->name, secs, strerror(err));
	else if (timed_out)
		printf("not ok %d %s # time=%.1f TIMEOUT after %u s, killed\n",
		       nr, t->name, secs, t->timeout);
	else if (WIFSIGNALED(status))
		printf("not ok %d %s # time=%.1f killed by signal %d\n",
		       nr, t->name, secs, WTERMSIG(status));
	else if (WEXITSTATUS(status) == KSFT_SKIP)
		printf("ok %d %s # SKIP time=%.1f %s\n", nr, t->name, secs,
		       skip_reason[0] ? skip_reason : "no reason given");
	else if (WEXITSTATUS(status))
		printf("not ok %d %s # time=%.1f exit %d\n",
		       nr, t->name, secs, WEXITSTATUS(status));
	else
		printf("ok %d %s # time=%.1f\n", nr, t->name, secs);
	return timed_out ? 1 : status;
}

/* Splits LINE in place; the strings of T point into it. */
static bool parse(char *line, struct test *t)
{
	char *save, *w;
	int n = 0;

	memset(t, 0, sizeof(*t));
	w = strtok_r(line, " \t\n", &save);
	if (!w || *w == '#')
		return false;
	snprintf(t->name, sizeof(t->name), "%s", w);
	w = strtok_r(NULL, " \t\n", &save);
	if (!w)
		return false;
	t->timeout = atoi(w);
	w = strtok_r(NULL, " \t\n", &save);
	if (!w)
		return false;
	t->hook = !strcmp(w, "hook");
	while (n < MAX_ARGS && (w = strtok_r(NULL, " \t\n", &save)))
		t->argv[n++] = w;
	return n > 0;
}

static void shell(void)
{
	static char *const argv[] = { "sh", "-l", NULL };
	pid_t pid;

	puts("# L1 shell: tests in /kvm, busybox in /bin, exit or Ctrl-D powers off");
	pid = fork();
	if (!pid) {
		setsid();
		/* Opening the terminal makes it the controlling one: job control. */
		dup2(open("/dev/ttyS0", O_RDWR), 0);
		dup2(0, 1);
		dup2(0, 2);
		setenv("PATH", "/bin:/kvm", 1);
		setenv("HOME", "/", 1);
		setenv("PS1", "L1:\\w# ", 1);
		execv("/bin/busybox", argv);
		perror("/bin/busybox");
		_exit(127);
	}
	waitpid(pid, NULL, 0);
}

static void tell_simd_switch(void)
{
	FILE *f = fopen("/sys/module/kvm/parameters/simd_switch", "r");
	char mode[32];

	if (!f)
		return;
	if (fgets(mode, sizeof(mode), f))
		printf("# kvm.simd_switch=%s", mode);
	fclose(f);
}

static void run_all(void)
{
	char *line[256];
	struct test t;
	int n = 0, i;
	char buf[1024];
	FILE *f = fopen("/tests", "r");

	if (!f) {
		puts("Bail out! no /tests in the initramfs");
		return;
	}
	while (n < (int)ARRAY_SIZE(line) && fgets(buf, sizeof(buf), f)) {
		char *copy = strdup(buf);

		if (copy && parse(buf, &t))
			line[n++] = copy;
		else
			free(copy);
	}
	fclose(f);

	tell_simd_switch();
	printf("KTAP version 1\n1..%d\n", n);
	for (i = 0; i < n; i++)
		if (parse(line[i], &t))
			run(&t, i + 1);
	puts("# --- end of tests");
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	mkdir("/dev", 0755);
	/* devtmpfs covers this; without it there is still a console. */
	mknod("/dev/console", S_IFCHR | 0600, makedev(5, 1));
	mount_all();
	load_kvm();
	if (cmdline_word("l1.shell"))
		shell();
	else
		run_all();
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	return 1;
}
