// SPDX-License-Identifier: GPL-2.0
/*
 * Access all FP and vector registers at once, in guests, in VMM threads, and
 * with KVM_GET_ONE_REG and KVM_SET_ONE_REG.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fault_util.h"
#include "simd.h"
#include "test_util.h"
#include "ucall_common.h"

void simd_load_v_regs(const u8 *v, u64 vlenb)
{
	asm volatile(V_INSN("vl8re8.v v0, (%0)\n"
			    "add  %0, %0, %1\n"
			    "vl8re8.v v8, (%0)\n"
			    "add  %0, %0, %1\n"
			    "vl8re8.v v16, (%0)\n"
			    "add  %0, %0, %1\n"
			    "vl8re8.v v24, (%0)")
		     : "+r" (v) : "r" (vlenb * 8) : "memory");
}

void simd_store_v_regs(u8 *v, u64 vlenb)
{
	asm volatile(V_INSN("vs8r.v v0, (%0)\n"
			    "add  %0, %0, %1\n"
			    "vs8r.v v8, (%0)\n"
			    "add  %0, %0, %1\n"
			    "vs8r.v v16, (%0)\n"
			    "add  %0, %0, %1\n"
			    "vs8r.v v24, (%0)")
		     : "+r" (v) : "r" (vlenb * 8) : "memory");
}

void simd_load_fp(const struct simd_regs *regs)
{
	asm volatile(ALL_F("fld", "%0") WRITE_FP_CSR("fscsr %1")
		     :: "r" (regs->f), "r" (regs->fcsr) : "memory");
}

void simd_store_fp(struct simd_regs *regs)
{
	asm volatile("frcsr %0\n" ALL_F("fsd", "%1")
		     : "=&r" (regs->fcsr) : "r" (regs->f) : "memory");
}

void simd_load_v(const struct simd_regs *regs)
{
	/*
	 * vsetvli resets vstart. Otherwise the loads would begin at the old
	 * vstart.
	 */
	asm volatile(V_INSN("vsetvli t0, zero, e8, m1, ta, ma") ::: "t0");
	simd_load_v_regs(regs->v, simd_vlenb());
	/* Write vstart last, because vsetvl and vmv1r.v reset it. */
	asm volatile(V_INSN("vsetvl zero, %0, %1")
		     WRITE_V_CSR("csrw vcsr, %2")
		     WRITE_V_CSR("csrw vstart, %3")
		     :: "r" (regs->vl), "r" (regs->vtype), "r" (regs->vcsr),
			"r" (regs->vstart) : "memory");
}

void simd_store_v(struct simd_regs *regs)
{
	asm volatile("csrr %0, vstart\n"
		     "csrr %1, vl\n"
		     "csrr %2, vtype\n"
		     "csrr %3, vcsr\n"
		     V_INSN("vsetvli t0, zero, e8, m1, ta, ma")
		     : "=r" (regs->vstart), "=r" (regs->vl), "=r" (regs->vtype),
		       "=r" (regs->vcsr) :: "t0");
	simd_store_v_regs(regs->v, simd_vlenb());
}

void simd_random_fp(struct simd_regs *regs, struct kvm_random_state *rng)
{
	int i;

	for (i = 0; i < 32; i++)
		regs->f[i] = kvm_random_u64(rng);
	/* fcsr has 5 rounding modes and 5 flags. */
	regs->fcsr = (kvm_random_u32(rng) % 5) << 5 | (kvm_random_u32(rng) & 0x1f);
}

void simd_random_v(struct simd_regs *regs, u64 vlenb, struct kvm_random_state *rng)
{
	u64 *v = (u64 *)regs->v;
	u64 sew, lmul;
	int i;

	for (i = 0; i < 32 * vlenb / sizeof(*v); i++)
		v[i] = kvm_random_u64(rng);

	sew = kvm_random_u32(rng) % 4;
	lmul = kvm_random_u32(rng) % 4;
	/* vma, vta, e8 to e64, m1 to m8 */
	regs->vtype = (kvm_random_u32(rng) & 3) << 6 | sew << 3 | lmul;
	/* With these values VLMAX is at least 2. */
	regs->vl = kvm_random_u32(rng) % (((vlenb << lmul) >> sew) + 1);
	regs->vstart = kvm_random_u32(rng) % vlenb;
	regs->vcsr = kvm_random_u32(rng) & 7;
}

static bool same(u64 is, u64 want, const char *name, int nr, char *why)
{
	if (is == want)
		return true;
	guest_snprintf(why, SIMD_WHY_LEN, "%s[%d] is %lx, not %lx", name, nr, is, want);
	return false;
}

bool simd_same_fp(const struct simd_regs *is, const struct simd_regs *want, char *why)
{
	int i;

	for (i = 0; i < 32; i++)
		if (!same(is->f[i], want->f[i], "f", i, why))
			return false;
	return same(is->fcsr, want->fcsr, "fcsr", 0, why);
}

bool simd_same_v(const struct simd_regs *is, const struct simd_regs *want, u64 vlenb,
		 char *why)
{
	const u64 *a = (const u64 *)is->v, *b = (const u64 *)want->v;
	int i;

	for (i = 0; i < 32 * vlenb / sizeof(*a); i++)
		if (!same(a[i], b[i], "v", i * sizeof(*a) / vlenb, why))
			return false;
	return same(is->vstart, want->vstart, "vstart", 0, why) &&
	       same(is->vl, want->vl, "vl", 0, why) &&
	       same(is->vtype, want->vtype, "vtype", 0, why) &&
	       same(is->vcsr, want->vcsr, "vcsr", 0, why);
}

u64 vcpu_run_to_sync(struct kvm_vcpu *vcpu)
{
	struct ucall uc;

	vcpu_run(vcpu);
	switch (get_ucall(vcpu, &uc)) {
	case UCALL_SYNC:
		return uc.args[1];
	case UCALL_ABORT:
		REPORT_GUEST_ASSERT(uc);
		break;
	default:
		TEST_FAIL("Unexpected exit reason %u, ucall %lu",
			  vcpu->run->exit_reason, uc.cmd);
	}
	return -1;
}

#define SIMD_SWITCH	"/sys/module/kvm/parameters/simd_switch"
#define TRACE_TRAPS	"/sys/kernel/tracing/events/kvm/kvm_simd_trap/enable"

/*
 * Get the current mode. Returns false if the parameter does not exist, or if
 * this process may not change it.
 */
bool simd_switch_get(char mode[SIMD_SWITCH_LEN])
{
	int fd = open(SIMD_SWITCH, O_RDWR);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, mode, SIMD_SWITCH_LEN - 1);
	TEST_ASSERT(n > 0, "read " SIMD_SWITCH ": errno %d", errno);
	mode[n] = '\0';
	close(fd);
	return true;
}

/* Set the mode. Returns whether KVM now uses it. */
bool simd_switch_set(const char *mode)
{
	int fd = open(SIMD_SWITCH, O_WRONLY);
	char used[SIMD_SWITCH_LEN];

	TEST_ASSERT(fd >= 0 && write(fd, mode, strlen(mode)) == strlen(mode),
		    "write %s to " SIMD_SWITCH ": errno %d", mode, errno);
	close(fd);

	return simd_switch_get(used) && !strncmp(used, mode, strcspn(used, "\n"));
}

bool simd_trace_traps(bool on)
{
	return swap_setting(TRACE_TRAPS, on ? "1" : "0", NULL, 0);
}

static char old_switch[SIMD_SWITCH_LEN], old_trace[2];

static void simd_restore(void)
{
	swap_setting(SIMD_SWITCH, old_switch, NULL, 0);
	if (old_trace[0])
		swap_setting(TRACE_TRAPS, old_trace, NULL, 0);
}

bool simd_switch_restore_at_exit(void)
{
	if (!simd_switch_get(old_switch))
		return false;
	swap_setting(TRACE_TRAPS, "0", old_trace, 1);
	restore_at_end(simd_restore);

	return true;
}

bool has_lazy_trap(void)
{
	char old[SIMD_SWITCH_LEN];
	bool lazy;

	if (!simd_switch_get(old))
		return true;
	lazy = simd_switch_set("lazy");
	simd_switch_set(old);

	return lazy;
}

u64 vcpu_vlenb(struct kvm_vcpu *vcpu)
{
	return vcpu_get_reg(vcpu, VECTOR_CSR_REG(vlenb));
}

u64 kvm_host_vlenb(void)
{
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	u64 vlenb;

	if (!kvm_check_cap(KVM_CAP_RISCV_GUEST_VLENB))
		return 0;

	vm = vm_create_barebones();
	vcpu = __vm_vcpu_add(vm, 0);
	vlenb = vcpu_vlenb(vcpu);
	kvm_vm_free(vm);

	return vlenb;
}

int vcpu_run_with_signal(struct kvm_vcpu *vcpu)
{
	struct {
		struct kvm_signal_mask mask;
		u64 set;
	} none = { .mask.len = sizeof(none.set) };
	sigset_t usr1, old;
	int ret, err;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, &old);
	raise(SIGUSR1);

	/* Unblock the signal during KVM_RUN only. */
	vcpu_ioctl(vcpu, KVM_SET_SIGNAL_MASK, &none.mask);
	ret = __vcpu_run(vcpu);
	err = errno;
	vcpu_ioctl(vcpu, KVM_SET_SIGNAL_MASK, (struct kvm_signal_mask *)NULL);

	sigwaitinfo(&usr1, NULL);
	sigprocmask(SIG_SETMASK, &old, NULL);
	errno = err;

	return ret;
}

void vcpu_get_fp(struct kvm_vcpu *vcpu, struct simd_regs *regs)
{
	int i;

	for (i = 0; i < 32; i++)
		regs->f[i] = vcpu_get_reg(vcpu, FP_D_REG(i));
	regs->fcsr = 0;
	TEST_ASSERT_EQ(__vcpu_get_reg(vcpu, FP_D_FCSR, &regs->fcsr), 0);
}

void vcpu_set_fp(struct kvm_vcpu *vcpu, const struct simd_regs *regs)
{
	int i;

	for (i = 0; i < 32; i++)
		vcpu_set_reg(vcpu, FP_D_REG(i), regs->f[i]);
	vcpu_set_reg(vcpu, FP_D_FCSR, regs->fcsr);
}

void vcpu_get_v(struct kvm_vcpu *vcpu, struct simd_regs *regs)
{
	u64 vlenb = vcpu_vlenb(vcpu);
	int i;

	for (i = 0; i < 32; i++)
		TEST_ASSERT_EQ(__vcpu_get_reg(vcpu, v_reg_id(i, vlenb),
					      regs->v + i * vlenb), 0);
	regs->vstart = vcpu_get_reg(vcpu, VECTOR_CSR_REG(vstart));
	regs->vl = vcpu_get_reg(vcpu, VECTOR_CSR_REG(vl));
	regs->vtype = vcpu_get_reg(vcpu, VECTOR_CSR_REG(vtype));
	regs->vcsr = vcpu_get_reg(vcpu, VECTOR_CSR_REG(vcsr));
}

void vcpu_set_v(struct kvm_vcpu *vcpu, const struct simd_regs *regs)
{
	u64 vlenb = vcpu_vlenb(vcpu);
	struct kvm_one_reg reg;
	int i;

	for (i = 0; i < 32; i++) {
		reg.id = v_reg_id(i, vlenb);
		reg.addr = (unsigned long)(regs->v + i * vlenb);
		vcpu_ioctl(vcpu, KVM_SET_ONE_REG, &reg);
	}
	vcpu_set_reg(vcpu, VECTOR_CSR_REG(vstart), regs->vstart);
	vcpu_set_reg(vcpu, VECTOR_CSR_REG(vl), regs->vl);
	vcpu_set_reg(vcpu, VECTOR_CSR_REG(vtype), regs->vtype);
	vcpu_set_reg(vcpu, VECTOR_CSR_REG(vcsr), regs->vcsr);
}

const int simd_saved_f[] = { 8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27 };

#define SAVED_F(op, base)						\
	".irp n, 8,9,18,19,20,21,22,23,24,25,26,27\n"			\
	op " f\\n, 8 * \\n(" base ")\n"				\
	".endr\n"

long vcpu_run_with_live_fp(struct kvm_vcpu *vcpu, const struct simd_regs *in,
			   struct simd_regs *out)
{
	register long a0 asm("a0") = vcpu->fd;
	register long a1 asm("a1") = KVM_RUN;
	register long a2 asm("a2") = 0;
	register long a7 asm("a7") = __NR_ioctl;
	register const u64 *s2 asm("s2") = in->f;
	register u64 *s3 asm("s3") = out->f;
	register u64 s4 asm("s4") = in->fcsr;

	asm volatile(SAVED_F("fld", "s2") "fscsr s4\n"
		     "ecall\n"
		     SAVED_F("fsd", "s3") "frcsr s4\n"
		     : "+r" (a0), "+r" (s4)
		     : "r" (a1), "r" (a2), "r" (a7), "r" (s2), "r" (s3)
		     : "memory", "f8", "f9", "f18", "f19", "f20", "f21",
		       "f22", "f23", "f24", "f25", "f26", "f27");
	out->fcsr = s4;
	return a0;
}
