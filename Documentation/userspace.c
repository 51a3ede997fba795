// SPDX-License-Identifier: GPL-2.0
/*
 * The code of Documentation/userspace.md, which quotes what stands between
 * "[NAME]" and "[/NAME]" here (scripts/guide.sh copies it).  It is a program of
 * its own, with nothing but KVM's ioctls, and runs in L1 as the test "userspace".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/kvm.h>

#define KSFT_SKIP	4

/* [registers] */
#define REG(type, n)	(KVM_REG_RISCV | KVM_REG_SIZE_U64 | (type) | (n))

/* Both return 0, or errno as a negative number. */
static int get_reg(int vcpu, __u64 id, void *value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (unsigned long)value };

	return ioctl(vcpu, KVM_GET_ONE_REG, &reg) ? -errno : 0;
}

static int set_reg(int vcpu, __u64 id, const void *value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (unsigned long)value };

	return ioctl(vcpu, KVM_SET_ONE_REG, &reg) ? -errno : 0;
}
/* [/registers] */

/* [single] */
#define ISA_SINGLE(ext)	REG(KVM_REG_RISCV_ISA_EXT | KVM_REG_RISCV_ISA_SINGLE, ext)

/* 1: the vCPU has it.  0: it could.  -ENOENT: not on this host. */
static int has_ext(int vcpu, int ext)
{
	unsigned long on;
	int ret = get_reg(vcpu, ISA_SINGLE(ext), &on);

	return ret ? ret : (int)on;
}

static int set_ext(int vcpu, int ext, unsigned long on)
{
	return set_reg(vcpu, ISA_SINGLE(ext), &on);
}
/* [/single] */

/* [multi] */
#define ISA_WORDS	4	/* of struct kvm_riscv_vm_isa */
#define ISA_MULTI_EN(i)	 REG(KVM_REG_RISCV_ISA_EXT | KVM_REG_RISCV_ISA_MULTI_EN, i)
#define ISA_MULTI_DIS(i) REG(KVM_REG_RISCV_ISA_EXT | KVM_REG_RISCV_ISA_MULTI_DIS, i)

static int read_isa(int vcpu, struct kvm_riscv_vm_isa *isa)
{
	int i, ret;

	memset(isa, 0, sizeof(*isa));
	isa->size = sizeof(*isa);
	for (i = 0; i < ISA_WORDS; i++) {
		ret = get_reg(vcpu, ISA_MULTI_EN(i), &isa->ext[i]);
		if (ret == -ENOENT)
			break;	/* No extension of this kernel has such a number. */
		if (ret)
			return ret;
	}
	return 0;
}

static bool in_set(const struct kvm_riscv_vm_isa *isa, int ext)
{
	return isa->ext[ext / 64] >> (ext % 64) & 1;
}

static void add_to_set(struct kvm_riscv_vm_isa *isa, int ext)
{
	isa->ext[ext / 64] |= 1ULL << (ext % 64);
}

static void remove_from_set(struct kvm_riscv_vm_isa *isa, int ext)
{
	isa->ext[ext / 64] &= ~(1ULL << (ext % 64));
}
/* [/multi] */

/* [hide] */
/* KVM hides what it can, and returns 0 whatever that is. */
static int hide(int vcpu, const struct kvm_riscv_vm_isa *without)
{
	struct kvm_riscv_vm_isa has;
	int i, ret = 0;

	for (i = 0; i < ISA_WORDS && !ret; i++) {
		if (without->ext[i])
			ret = set_reg(vcpu, ISA_MULTI_DIS(i), &without->ext[i]);
	}
	if (!ret)
		ret = read_isa(vcpu, &has);
	for (i = 0; i < ISA_WORDS && !ret; i++) {
		if (has.ext[i] & without->ext[i])
			ret = -EINVAL;
	}
	return ret;
}
/* [/hide] */

/* [give] */
/* Exactly these extensions, for a vCPU that has not run. */
static int give_isa(int vcpu, const struct kvm_riscv_vm_isa *want)
{
	struct kvm_riscv_vm_isa has, change;
	int i, ret;

	ret = read_isa(vcpu, &has);
	if (ret)
		return ret;
	for (i = 0; i < ISA_WORDS; i++)
		change.ext[i] = has.ext[i] & ~want->ext[i];
	ret = hide(vcpu, &change);
	if (ret)
		return ret;

	/* What it did not start with: V, if its thread had V switched off then. */
	ret = read_isa(vcpu, &has);
	for (i = 0; i < ISA_WORDS && !ret; i++) {
		change.ext[i] = want->ext[i] & ~has.ext[i];
		if (change.ext[i])
			ret = set_reg(vcpu, ISA_MULTI_EN(i), &change.ext[i]);
	}
	if (ret)
		return ret;

	/* Something is left if @want has not got all that its members need. */
	ret = read_isa(vcpu, &has);
	return !ret && memcmp(&has, want, sizeof(has)) ? -EINVAL : ret;
}
/* [/give] */

/* [ceiling] */
static int vm_isa(int vm, unsigned long op, __u64 attr, const void *isa)
{
	struct kvm_device_attr a = {
		.group = KVM_RISCV_VM_ISA,
		.attr = attr,
		.addr = (unsigned long)isa,
	};

	return ioctl(vm, op, &a) ? -errno : 0;
}

static bool has_ceiling(int vm)
{
	return ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_VM_ATTRIBUTES) > 0 &&
	       !vm_isa(vm, KVM_HAS_DEVICE_ATTR, KVM_RISCV_VM_ISA_CEILING, NULL);
}

static int get_isa(int vm, __u64 attr, struct kvm_riscv_vm_isa *isa)
{
	/* A later kernel may know a larger structure. */
	isa->size = sizeof(*isa);
	return vm_isa(vm, KVM_GET_DEVICE_ATTR, attr, isa);
}

/* Before the first vCPU. */
static int set_ceiling(int vm, const struct kvm_riscv_vm_isa *isa)
{
	return vm_isa(vm, KVM_SET_DEVICE_ATTR, KVM_RISCV_VM_ISA_CEILING, isa);
}
/* [/ceiling] */

/* [vlenb] */
#define VECTOR_CSR(name) \
	REG(KVM_REG_RISCV_VECTOR, KVM_REG_RISCV_VECTOR_CSR_REG(name))

/* Bytes of a vector register, 0 for a vCPU without V. */
static int read_vlenb(int vcpu, unsigned long *vlenb)
{
	int ret = get_reg(vcpu, VECTOR_CSR(vlenb), vlenb);

	if (ret != -ENOENT)
		return ret;
	*vlenb = 0;
	return 0;
}

/* The length is part of a vector register's number: 4 for 16 bytes, and so on. */
static __u64 vector_reg(unsigned long vlenb, int n)
{
	return KVM_REG_RISCV | (__u64)__builtin_ctzl(vlenb) << KVM_REG_SIZE_SHIFT |
	       KVM_REG_RISCV_VECTOR | KVM_REG_RISCV_VECTOR_REG(n);
}
/* [/vlenb] */

/* [baseline] */
/* What each host of the fleet says of itself. */
struct host {
	struct kvm_riscv_vm_isa offered;
	unsigned long vlenb;
};

static int ask_host(int kvm, struct host *host)
{
	int vm = ioctl(kvm, KVM_CREATE_VM, 0), vcpu = -1, ret;

	ret = get_isa(vm, KVM_RISCV_VM_ISA_OFFERED, &host->offered);
	if (!ret) {
		vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
		ret = read_vlenb(vcpu, &host->vlenb);
	}
	close(vcpu);
	close(vm);
	return ret;
}

/* What all hosts have.  @unwanted is what the operator's policy leaves out. */
static void intersect(const struct host *hosts, int n,
		      const struct kvm_riscv_vm_isa *unwanted,
		      struct kvm_riscv_vm_isa *base)
{
	bool same_vlenb = true;
	int i, h;

	base->size = sizeof(*base);
	for (i = 0; i < ISA_WORDS; i++)
		base->ext[i] = ~unwanted->ext[i];
	for (h = 0; h < n; h++) {
		for (i = 0; i < ISA_WORDS; i++)
			base->ext[i] &= hosts[h].offered.ext[i];
		same_vlenb &= hosts[h].vlenb == hosts[0].vlenb;
	}
	/* A guest cannot move to another length of the vector registers. */
	if (!same_vlenb)
		remove_from_set(base, KVM_RISCV_ISA_EXT_V);
}

/*
 * Remove from @base what lacks something that it needs.  KVM knows the
 * dependencies: begin with what each ceiling must have, and add what it lets one
 * add until there is no more.
 */
static int close_baseline(int kvm, struct kvm_riscv_vm_isa *base)
{
	struct kvm_riscv_vm_isa closed = { .size = sizeof(closed) }, more;
	int vm = ioctl(kvm, KVM_CREATE_VM, 0), ext, ret;
	bool grown;

	add_to_set(&closed, KVM_RISCV_ISA_EXT_I);
	add_to_set(&closed, KVM_RISCV_ISA_EXT_M);
	add_to_set(&closed, KVM_RISCV_ISA_EXT_A);
	ret = set_ceiling(vm, &closed);
	do {
		grown = false;
		for (ext = 0; ext < 64 * ISA_WORDS && !ret; ext++) {
			more = closed;
			add_to_set(&more, ext);
			if (!in_set(base, ext) || in_set(&closed, ext) || set_ceiling(vm, &more))
				continue;
			closed = more;
			grown = true;
		}
	} while (grown);
	if (!ret)
		*base = closed;
	close(vm);
	return ret;
}
/* [/baseline] */

/* [snapshot] */
struct simd_snapshot {
	struct kvm_riscv_vm_isa isa;	/* V, ZV*, Zfh, Zfbfmin and all the others */
	unsigned long vlenb;		/* 0 without V, and then nothing of the next two */
	unsigned long vstart, vl, vtype, vcsr;
	unsigned char v[32][8192];	/* vlenb bytes of each count */
	__u64 f[32];			/* with D; the lower halves with F only */
	__u32 fcsr;
};

#define FP_D(n)	   (KVM_REG_RISCV | KVM_REG_SIZE_U64 | KVM_REG_RISCV_FP_D | (n))
#define FP_F(n)	   (KVM_REG_RISCV | KVM_REG_SIZE_U32 | KVM_REG_RISCV_FP_F | (n))
#define FP_D_FCSR  (KVM_REG_RISCV | KVM_REG_SIZE_U32 | KVM_REG_RISCV_FP_D | 32)
#define FP_F_FCSR  FP_F(32)

/* Save with @move = get_reg and restore with set_reg: the same registers. */
static int move_simd(int vcpu, struct simd_snapshot *s,
		     int (*move)(int vcpu, __u64 id, void *value))
{
	const struct {
		__u64 id;
		unsigned long *value;
	} csrs[] = {
		{ VECTOR_CSR(vstart), &s->vstart },
		{ VECTOR_CSR(vl), &s->vl },
		{ VECTOR_CSR(vtype), &s->vtype },
		{ VECTOR_CSR(vcsr), &s->vcsr },
	};
	bool d = in_set(&s->isa, KVM_RISCV_ISA_EXT_D);
	int i, ret = 0;

	if (in_set(&s->isa, KVM_RISCV_ISA_EXT_F)) {
		for (i = 0; i < 32 && !ret; i++)
			ret = move(vcpu, d ? FP_D(i) : FP_F(i), &s->f[i]);
		if (!ret)
			ret = move(vcpu, d ? FP_D_FCSR : FP_F_FCSR, &s->fcsr);
	}
	if (ret || !s->vlenb)
		return ret;

	for (i = 0; i < 4 && !ret; i++)
		ret = move(vcpu, csrs[i].id, csrs[i].value);
	for (i = 0; i < 32 && !ret; i++)
		ret = move(vcpu, vector_reg(s->vlenb, i), s->v[i]);
	return ret;
}

static int save_simd(int vcpu, struct simd_snapshot *s)
{
	int ret;

	memset(s, 0, sizeof(*s));
	ret = read_isa(vcpu, &s->isa);
	if (!ret)
		ret = read_vlenb(vcpu, &s->vlenb);
	return ret ? ret : move_simd(vcpu, s, get_reg);
}

static int write_reg(int vcpu, __u64 id, void *value)
{
	return set_reg(vcpu, id, value);
}

/* To a new vCPU.  The extensions come first: they decide what registers it has. */
static int restore_simd(int vcpu, struct simd_snapshot *s)
{
	int ret = give_isa(vcpu, &s->isa);

	if (ret)
		return ret;	/* -EINVAL: not an ISA that this host can give */
	/* vlenb cannot be changed; to write it is to ask whether it is the same. */
	if (s->vlenb)
		ret = set_reg(vcpu, VECTOR_CSR(vlenb), &s->vlenb);
	if (ret)
		return ret;	/* -EINVAL: another length of the vector registers */
	return move_simd(vcpu, s, write_reg);
}
/* [/snapshot] */

/*
 * From here on it is the test of all this.
 */
static int kvm_fd, run_size, nr, failed;

static void result(bool good, const char *name)
{
	printf("%sok %d %s\n", good ? "" : "not ", ++nr, name);
	failed += !good;
}

static void skip(const char *name, const char *why)
{
	printf("ok %d %s # SKIP %s\n", ++nr, name, why);
}

/* A failure without which the rest means nothing. */
static void __attribute__((format(printf, 1, 2))) bail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("Bail out! ");
	vprintf(fmt, ap);
	printf(" (%s)\n", strerror(errno));
	exit(1);
}

static bool check(bool good, const char *what, long value)
{
	if (!good)
		printf("# wrong: %s (%ld)\n", what, value);
	return good;
}

#define CHECK(good, value)	check(good, #good, value)

static int new_vm(void)
{
	int vm = ioctl(kvm_fd, KVM_CREATE_VM, 0);

	if (vm < 0)
		bail("KVM_CREATE_VM");
	return vm;
}

static int new_vcpu(int vm)
{
	int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);

	if (vcpu < 0)
		bail("KVM_CREATE_VCPU");
	return vcpu;
}

static bool same_isa(const struct kvm_riscv_vm_isa *a, const struct kvm_riscv_vm_isa *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static struct kvm_run *map_run(int vcpu)
{
	void *run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);

	if (run == MAP_FAILED)
		bail("mmap of a vCPU");
	return run;
}

/* As if it had run: what has been begun is brought to its end, and no more. */
static bool run_no_further(int vcpu, struct kvm_run *run)
{
	int ret;

	run->immediate_exit = 1;
	ret = ioctl(vcpu, KVM_RUN, NULL);
	run->immediate_exit = 0;
	return ret == -1 && errno == EINTR;
}

static void test_read(void)
{
	int vcpu = new_vcpu(new_vm()), ext, one;
	struct kvm_riscv_vm_isa isa;
	bool good = true;

	good &= CHECK(!read_isa(vcpu, &isa), 0);
	for (ext = 0; ext < KVM_RISCV_ISA_EXT_MAX; ext++) {
		one = has_ext(vcpu, ext);
		good &= CHECK((one == 1) == in_set(&isa, ext), ext);
		good &= CHECK(one >= 0 || one == -ENOENT, ext);
	}
	good &= CHECK(in_set(&isa, KVM_RISCV_ISA_EXT_I), 0);
	result(good, "read_isa_single_and_multi");
}

static void test_hide(void)
{
	struct kvm_riscv_vm_isa isa, without = {}, want;
	int vcpu = new_vcpu(new_vm());
	bool good = true;

	good &= CHECK(!read_isa(vcpu, &want), 0);
	if (!in_set(&want, KVM_RISCV_ISA_EXT_ZVBB)) {
		skip("hide", "no Zvbb on this host");
		return;
	}
	/* Zvbb needs Zvkb and goes with it. */
	without.ext[KVM_RISCV_ISA_EXT_ZVKB / 64] |= 1ULL << KVM_RISCV_ISA_EXT_ZVKB % 64;
	good &= CHECK(!hide(vcpu, &without), errno);
	remove_from_set(&want, KVM_RISCV_ISA_EXT_ZVKB);
	remove_from_set(&want, KVM_RISCV_ISA_EXT_ZVBB);
	good &= CHECK(!read_isa(vcpu, &isa) && same_isa(&isa, &want), 0);
	good &= CHECK(has_ext(vcpu, KVM_RISCV_ISA_EXT_ZVBB) == 0, 0);

	good &= CHECK(!set_ext(vcpu, KVM_RISCV_ISA_EXT_ZVBC, 0), errno);
	remove_from_set(&want, KVM_RISCV_ISA_EXT_ZVBC);
	good &= CHECK(!read_isa(vcpu, &isa) && same_isa(&isa, &want), 0);

	/* Another vCPU is given the same. */
	vcpu = new_vcpu(new_vm());
	good &= CHECK(!give_isa(vcpu, &want), 0);
	good &= CHECK(!read_isa(vcpu, &isa) && same_isa(&isa, &want), 0);
	result(good, "hide");
}

static void test_ceiling(void)
{
	struct kvm_riscv_vm_isa offered, ceiling, isa;
	bool good = true;
	int vm = new_vm(), vcpu;

	good &= CHECK(has_ceiling(vm), 0);
	good &= CHECK(!get_isa(vm, KVM_RISCV_VM_ISA_OFFERED, &offered), 0);
	ceiling = offered;
	remove_from_set(&ceiling, KVM_RISCV_ISA_EXT_V);
	good &= CHECK(!close_baseline(kvm_fd, &ceiling), 0);
	good &= CHECK(!set_ceiling(vm, &ceiling), errno);
	vcpu = new_vcpu(vm);
	good &= CHECK(!read_isa(vcpu, &isa) && same_isa(&isa, &ceiling), 0);
	good &= CHECK(has_ext(vcpu, KVM_RISCV_ISA_EXT_V) <= 0, 0);
	if (in_set(&offered, KVM_RISCV_ISA_EXT_V))
		good &= CHECK(set_ext(vcpu, KVM_RISCV_ISA_EXT_V, 1) == -EINVAL, errno);
	result(good, "ceiling");
}

static void test_vlenb(unsigned long vlenb)
{
	int vcpu = new_vcpu(new_vm());
	static unsigned char v[8192];
	bool good = true;
	int i;

	if (!vlenb) {
		skip("vlenb", "no V on this host");
		return;
	}
	good &= CHECK(vlenb >= 16 && !(vlenb & (vlenb - 1)), vlenb);
	for (i = 0; i < 32; i++)
		good &= CHECK(!get_reg(vcpu, vector_reg(vlenb, i), v), i);
	good &= CHECK(get_reg(vcpu, vector_reg(vlenb * 2, 0), v) == -EINVAL, errno);
	result(good, "vlenb");
}

static void test_baseline(void)
{
	struct kvm_riscv_vm_isa none = {}, base, want, isa;
	struct host hosts[3];
	bool good = true;
	int vm = new_vm();

	good &= CHECK(!ask_host(kvm_fd, &hosts[0]), 0);
	if (!in_set(&hosts[0].offered, KVM_RISCV_ISA_EXT_ZVBB)) {
		skip("baseline", "no Zvbb on this host");
		return;
	}
	/* Two that have less.  The second has it from a kernel with other rules. */
	hosts[1] = hosts[2] = hosts[0];
	remove_from_set(&hosts[1].offered, KVM_RISCV_ISA_EXT_ZVKB);
	remove_from_set(&hosts[2].offered, KVM_RISCV_ISA_EXT_ZVKG);

	intersect(hosts, 3, &none, &base);
	good &= CHECK(!close_baseline(kvm_fd, &base), 0);
	want = hosts[0].offered;
	remove_from_set(&want, KVM_RISCV_ISA_EXT_ZVKB);
	remove_from_set(&want, KVM_RISCV_ISA_EXT_ZVBB);
	remove_from_set(&want, KVM_RISCV_ISA_EXT_ZVKG);
	good &= CHECK(same_isa(&base, &want), 0);
	/* It is what a VM can be given, and what its vCPUs have then. */
	good &= CHECK(!set_ceiling(vm, &base), errno);
	good &= CHECK(!read_isa(new_vcpu(vm), &isa) && same_isa(&isa, &base), 0);

	/* One host with longer vectors: nobody has V. */
	hosts[2].vlenb *= 2;
	intersect(hosts, 3, &none, &base);
	good &= CHECK(!close_baseline(kvm_fd, &base), 0);
	good &= CHECK(!in_set(&base, KVM_RISCV_ISA_EXT_V), 0);
	good &= CHECK(!in_set(&base, KVM_RISCV_ISA_EXT_ZVFH), 0);
	good &= CHECK(in_set(&base, KVM_RISCV_ISA_EXT_D), 0);
	good &= CHECK(!set_ceiling(new_vm(), &base), errno);

	/* A host without Zicond, which no register can switch off. */
	remove_from_set(&hosts[1].offered, KVM_RISCV_ISA_EXT_ZICOND);
	intersect(hosts, 3, &none, &base);
	good &= CHECK(!close_baseline(kvm_fd, &base), 0);
	vm = new_vm();
	good &= CHECK(!set_ceiling(vm, &base), errno);
	good &= CHECK(has_ext(new_vcpu(vm), KVM_RISCV_ISA_EXT_ZICOND) <= 0, 0);
	result(good, "baseline");
}

/*
 * A guest, in real mode.  It writes to a device twice, and what it writes the
 * second time depends on v8, vl and vtype as they were the first time.
 */
#define RAM	0x80000000UL
#define DEVICE	0x10000000UL

extern const char guest_begin[], guest_end[];

asm(".pushsection .rodata\n"
    ".option push\n"
    ".option norvc\n"
    ".option arch, +v\n"
    "guest_begin:\n"
    "	li	t0, 0x2200\n"		/* FS and VS Initial */
    "	csrs	sstatus, t0\n"
    "	li	t2, 0x10000000\n"
    "	li	t0, 42\n"
    "	fcvt.d.w fs0, t0\n"
    "	vsetivli t1, 4, e32, m1, ta, ma\n"
    "	vid.v	v8\n"
    "	sw	t1, 0(t2)\n"
    "	vslidedown.vi v9, v8, 3\n"
    "	vmv.x.s	t3, v9\n"
    "	fcvt.w.d t0, fs0\n"
    "	add	t3, t3, t0\n"
    "	sw	t3, 0(t2)\n"
    "1:	j	1b\n"
    "guest_end:\n"
    ".option pop\n"
    ".popsection\n");

static int guest_vm(void)
{
	int vm = new_vm();
	void *ram = mmap(NULL, 0x1000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region slot = {
		.guest_phys_addr = RAM, .memory_size = 0x1000, .userspace_addr = (unsigned long)ram,
	};

	if (ram == MAP_FAILED || ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot))
		bail("memory of a guest");
	memcpy(ram, guest_begin, guest_end - guest_begin);
	return vm;
}

/* Returns what the guest writes to the device. */
static long run_to_device(int vcpu, struct kvm_run *run)
{
	unsigned int word;

	if (ioctl(vcpu, KVM_RUN, NULL))
		return -errno;
	if (run->exit_reason != KVM_EXIT_MMIO || !run->mmio.is_write ||
	    run->mmio.phys_addr != DEVICE)
		return -1000 - (long)run->exit_reason;
	memcpy(&word, run->mmio.data, sizeof(word));
	return word;
}

/* What a VMM has anyway: integer registers and CSRs. */
static int move_rest(int from, int to)
{
	struct {
		struct kvm_reg_list list;
		__u64 ids[1024];
	} l = { .list.n = 1024 };
	unsigned long value, type;
	unsigned int i;
	int ret;

	if (ioctl(from, KVM_GET_REG_LIST, &l))
		return -errno;
	for (i = 0; i < l.list.n; i++) {
		type = l.list.reg[i] & KVM_REG_RISCV_TYPE_MASK;
		if (type != KVM_REG_RISCV_CORE && type != KVM_REG_RISCV_CSR)
			continue;
		ret = get_reg(from, l.list.reg[i], &value);
		if (!ret)
			ret = set_reg(to, l.list.reg[i], &value);
		if (ret)
			return ret;
	}
	return 0;
}

static void test_snapshot(unsigned long vlenb)
{
	static struct simd_snapshot s, s2;
	int vm = guest_vm(), vcpu = new_vcpu(vm), to, below;
	struct kvm_run *run = map_run(vcpu), *run2;
	struct kvm_riscv_vm_isa offered;
	unsigned long pc = RAM;
	bool good = true;
	long word;

	if (!vlenb) {
		skip("snapshot", "no V on this host");
		return;
	}
	/* Not the default, so that there is something to restore. */
	good &= CHECK(has_ext(vcpu, KVM_RISCV_ISA_EXT_ZFH) < 0 ||
		      !set_ext(vcpu, KVM_RISCV_ISA_EXT_ZFH, 0), errno);
	set_reg(vcpu, REG(KVM_REG_RISCV_CORE, KVM_REG_RISCV_CORE_REG(regs.pc)), &pc);
	word = run_to_device(vcpu, run);
	good &= CHECK(word == 4, word);
	/* The instruction that wrote is over only after this. */
	good &= CHECK(run_no_further(vcpu, run), errno);
	good &= CHECK(!save_simd(vcpu, &s), 0);
	good &= CHECK(s.vlenb == vlenb && s.vl == 4, s.vl);

	to = new_vcpu(guest_vm());
	run2 = map_run(to);
	good &= CHECK(!restore_simd(to, &s), 0);
	good &= CHECK(!save_simd(to, &s2) && !memcmp(&s, &s2, sizeof(s)), 0);
	good &= CHECK(!move_rest(vcpu, to), 0);
	word = run_to_device(to, run2);
	good &= CHECK(word == 45, word);

	/* A host with other vectors, and a set that the VM cannot have, are refused. */
	s2.vlenb = vlenb * 2;
	good &= CHECK(restore_simd(new_vcpu(new_vm()), &s2) == -EINVAL, 0);
	s2 = s;
	remove_from_set(&s2.isa, KVM_RISCV_ISA_EXT_V);
	below = new_vm();
	good &= CHECK(!get_isa(below, KVM_RISCV_VM_ISA_OFFERED, &offered), 0);
	good &= CHECK(!set_ceiling(below, &offered), 0);
	good &= CHECK(has_ext(vcpu, KVM_RISCV_ISA_EXT_ZVBB) < 0 ||
		      restore_simd(new_vcpu(below), &s2) == -EINVAL, 0);
	s2 = s;
	s2.isa.ext[KVM_RISCV_ISA_EXT_MAX / 64] |= 1ULL << KVM_RISCV_ISA_EXT_MAX % 64;
	good &= CHECK(restore_simd(new_vcpu(new_vm()), &s2) == -EINVAL, 0);
	munmap(run, run_size);
	munmap(run2, run_size);
	result(good, "snapshot");
}

static bool errors_good = true;

static void error(int want, const char *call, const char *cause, int ret)
{
	if (ret == -want)
		return;
	printf("# %s, %s: is %d (%s), should be %d\n", call, cause, ret, strerror(-ret), want);
	errors_good = false;
}

/* What stands in the guide as a table: errno, call, cause. */
static void test_errors(bool v)
{
	struct kvm_riscv_vm_isa offered, incomplete, beyond, without_m, without_d_set, small;
	struct {
		struct kvm_riscv_vm_isa isa;
		__u64 unknown;
	} large;
	struct kvm_device_attr flags = { .group = KVM_RISCV_VM_ISA, .flags = 1 };
	struct kvm_device_attr group = { .group = KVM_RISCV_VM_ISA + 1 };
	const int d = KVM_RISCV_ISA_EXT_D, f = KVM_RISCV_ISA_EXT_F;
	const int zfh = KVM_RISCV_ISA_EXT_ZFH, zfhmin = KVM_RISCV_ISA_EXT_ZFHMIN;
	int vm = new_vm(), vcpu = new_vcpu(vm), less = new_vcpu(new_vm()), i;
	int low_vm = new_vm(), low, full_vm = new_vm(), full, ran = new_vcpu(new_vm());
	const int none = KVM_RISCV_ISA_EXT_MAX;
	const __u64 none_bit = 1ULL << none % 64, c_bit = 1ULL << KVM_RISCV_ISA_EXT_C;
	const __u64 isa_reg = REG(KVM_REG_RISCV_CONFIG, KVM_REG_RISCV_CONFIG_REG(isa));
	const __u64 isa_u32 = KVM_REG_RISCV | KVM_REG_SIZE_U32 | KVM_REG_RISCV_ISA_EXT;
	const __u64 d_bit = 1ULL << d, zfh_bit = 1ULL << zfh % 64;
	unsigned long val, without_d, wrong = 3, vlenb;
	struct kvm_run *run = map_run(ran);

	get_isa(vm, KVM_RISCV_VM_ISA_OFFERED, &offered);
	incomplete = beyond = without_m = without_d_set = small = large.isa = offered;
	remove_from_set(&incomplete, f);
	for (i = 0; i < ISA_WORDS; i++)
		beyond.ext[i] = ~0ULL;
	remove_from_set(&without_m, KVM_RISCV_ISA_EXT_M);
	remove_from_set(&without_d_set, d);
	close_baseline(kvm_fd, &without_d_set);
	small.size = KVM_RISCV_VM_ISA_SIZE_VER0 - 1;
	large.isa.size = sizeof(large);
	large.unknown = 1;
	set_ceiling(low_vm, &without_d_set);
	low = new_vcpu(low_vm);
	set_ceiling(full_vm, &offered);
	full = new_vcpu(full_vm);
	set_ext(less, KVM_RISCV_ISA_EXT_V, 0);
	set_ext(less, d, 0);
	set_ext(full, zfhmin, 0);
	get_reg(vcpu, isa_reg, &without_d);
	without_d &= ~(1UL << ('d' - 'a'));
	if (!run_no_further(ran, run))
		bail("KVM_RUN with immediate_exit");

	/* [errors] */
	error(ENOENT, "read or write ISA_EXT, single",
	      "the host or its kernel does not have the extension",
	      get_reg(vcpu, ISA_SINGLE(none), &val));
	error(ENOENT, "read or write ISA_EXT, multi",
	      "no extension of this kernel has a number in that word",
	      get_reg(vcpu, ISA_MULTI_EN(KVM_REG_RISCV_ISA_MULTI_REG_LAST + 1), &val));
	error(EINVAL, "read or write ISA_EXT", "the size in the register's number is not that of a long",
	      get_reg(vcpu, isa_u32, &val));
	error(EINVAL, "write ISA_EXT, single", "neither 0 nor 1", set_ext(vcpu, f, 2));
	error(EINVAL, "write 0 to ISA_EXT, single",
	      "the extension cannot be hidden (KVM_RISCV_VM_ISA_HIDEABLE)",
	      set_ext(vcpu, KVM_RISCV_ISA_EXT_C, 0));
	error(0, "write ISA_EXT, multi",
	      "always, if the register exists; extensions that cannot change stay as they are",
	      set_reg(vcpu, ISA_MULTI_EN(none / 64), &none_bit));
	if (has_ext(vcpu, zfh) >= 0)
		error(EINVAL, "write 1 to ISA_EXT, single",
		      "what the extension needs is off, in a VM with a ceiling", set_ext(full, zfh, 1));
	error(EINVAL, "write 1 to ISA_EXT, single; config isa",
	      "beyond the ceiling of the VM", set_ext(low, d, 1));
	if (v)
		error(EINVAL, "config isa",
		      "a letter without what it needs, as V without D, in a VM with a ceiling",
		      set_reg(full, isa_reg, &without_d));
	error(EBUSY, "write ISA_EXT, single; config isa", "the vCPU has been in KVM_RUN, and it would be a change",
	      set_ext(ran, d, 0));
	error(0, "write ISA_EXT, single; config isa", "the vCPU has been in KVM_RUN, and it is no change",
	      set_ext(ran, d, 1));
	error(ENOENT, "read or write an FP register", "the vCPU does not have F, or D",
	      get_reg(less, FP_D(0), &val));
	error(ENOENT, "read or write a vector register", "the vCPU does not have V",
	      get_reg(less, VECTOR_CSR(vlenb), &vlenb));
	if (v) {
		error(EINVAL, "read or write v0 to v31", "the size in the register's number is not vlenb",
		      get_reg(vcpu, vector_reg(1, 0), &val));
		error(EINVAL, "write vlenb", "not the vlenb of this vCPU",
		      set_reg(vcpu, VECTOR_CSR(vlenb), &wrong));
	}
	error(ENXIO, "KVM_HAS/GET/SET_DEVICE_ATTR", "a group or an attribute that this kernel does not have",
	      ioctl(vm, KVM_HAS_DEVICE_ATTR, &group) ? -errno : 0);
	error(EINVAL, "KVM_HAS/GET/SET_DEVICE_ATTR", "flags is not 0",
	      ioctl(vm, KVM_HAS_DEVICE_ATTR, &flags) ? -errno : 0);
	error(EFAULT, "KVM_GET/SET_DEVICE_ATTR", "addr is not the address of a struct kvm_riscv_vm_isa",
	      vm_isa(vm, KVM_GET_DEVICE_ATTR, KVM_RISCV_VM_ISA_OFFERED, NULL));
	error(EINVAL, "KVM_GET/SET_DEVICE_ATTR", "size is smaller than KVM_RISCV_VM_ISA_SIZE_VER0",
	      vm_isa(vm, KVM_GET_DEVICE_ATTR, KVM_RISCV_VM_ISA_OFFERED, &small));
	error(ENXIO, "KVM_SET_DEVICE_ATTR", "the attribute can be read only",
	      vm_isa(vm, KVM_SET_DEVICE_ATTR, KVM_RISCV_VM_ISA_OFFERED, &offered));
	error(EINVAL, "KVM_SET_DEVICE_ATTR, ceiling", "an extension that is not offered",
	      set_ceiling(vm, &beyond));
	error(EINVAL, "KVM_SET_DEVICE_ATTR, ceiling", "an extension without what it needs",
	      set_ceiling(vm, &incomplete));
	error(EINVAL, "KVM_SET_DEVICE_ATTR, ceiling", "without I, M or A", set_ceiling(vm, &without_m));
	error(E2BIG, "KVM_SET_DEVICE_ATTR, ceiling",
	      "something in a part of the structure that this kernel does not know",
	      set_ceiling(vm, &large.isa));
	error(EBUSY, "KVM_SET_DEVICE_ATTR, ceiling", "the VM has a vCPU already",
	      set_ceiling(vm, &offered));
	/* [/errors] */

	/* The others of those that the table has in one line. */
	error(0, "MULTI_DIS", "not hideable", set_reg(vcpu, ISA_MULTI_DIS(0), &c_bit));
	if (has_ext(vcpu, zfh) >= 0)
		error(0, "MULTI_EN", "need",
		      set_reg(full, ISA_MULTI_EN(zfh / 64), &zfh_bit));
	error(0, "MULTI_EN", "ceiling", set_reg(low, ISA_MULTI_EN(0), &d_bit));
	get_reg(low, isa_reg, &val);
	val |= 1UL << ('d' - 'a');
	error(EINVAL, "config isa", "ceiling", set_reg(low, isa_reg, &val));
	error(EBUSY, "config isa", "ran", set_reg(ran, isa_reg, &without_d));
	error(0, "MULTI_DIS", "ran", set_reg(ran, ISA_MULTI_DIS(0), &d_bit));
	get_reg(ran, isa_reg, &val);
	error(0, "config isa", "ran, no change", set_reg(ran, isa_reg, &val));
	result(errors_good, "errors");
}

int main(void)
{
	unsigned long vlenb;
	int vcpu;

	kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm_fd < 0 || !has_ceiling(new_vm())) {
		printf("1..0 # SKIP %s\n", kvm_fd < 0 ? "no /dev/kvm" : "no KVM_RISCV_VM_ISA");
		return KSFT_SKIP;
	}
	run_size = ioctl(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	vcpu = new_vcpu(new_vm());
	if (read_vlenb(vcpu, &vlenb))
		bail("vlenb");

	printf("KTAP version 1\n1..7\n");
	test_read();
	test_hide();
	test_ceiling();
	test_vlenb(vlenb);
	test_baseline();
	test_snapshot(vlenb);
	test_errors(vlenb);
	return failed != 0;
}
