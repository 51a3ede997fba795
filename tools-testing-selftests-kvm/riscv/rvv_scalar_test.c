// SPDX-License-Identifier: GPL-2.0
/*
 * rvv_scalar_test.c - Compare the emulator's scalar instructions with the hart's
 *
 * The test executes random instructions twice from the same state: on the hart,
 * in user space and without KVM, and with rvv_scalar(), which the RVV emulator
 * uses for the instructions between vector instructions. It compares x
 * registers, memory, and the next pc. If rvv_scalar() leaves an instruction to
 * the hart, the test does not execute it and only checks that rvv_scalar() has
 * changed nothing.
 */
#include <sys/mman.h>

#include "rvv_ops.h"
#include "test_util.h"

#define NR_CASES	40000
/*
 * The "pads" that fill all memory around the instruction under test are c.jalr
 * t2. When one of them is reached, ra tells which one it was.
 */
#define PAD		0x9382
#define CODE_HALF	0x101000UL	/* more than jal reaches */
#define DATA_HALF	0x1000UL

/* Besides x0, the instructions use only x2 and x8 to x15. */
static u64 hart_x[32];
static u16 *code;
static u8 hart_data[2 * DATA_HALF] __aligned(4096), data[2 * DATA_HALF] __aligned(4096);

/*
 * Load x2 and x8 to x15 from the array X, jump to INSN, and store the registers
 * when a pad returns. The array's x1 then has the address after the pad, which
 * tells which pad it was.
 */
static noinline __attribute__((naked)) void run_scalar(u64 *x, u16 *insn)
{
	asm volatile("addi	sp, sp, -32\n"
		     "sd		ra, 0(sp)\n"
		     "sd		s0, 8(sp)\n"
		     "sd		s1, 16(sp)\n"
		     "mv		t3, a0\n"
		     "mv		t4, a1\n"
		     "mv		t5, sp\n"
		     "la		t2, 1f\n"
		     "ld		sp, 16(t3)\n"
		     ".irp n, 8, 9, 10, 11, 12, 13, 14, 15\n"
		     "ld		x\\n, 8 * \\n(t3)\n"
		     ".endr\n"
		     "jr		t4\n"
		     "1:\n"
		     "sd		sp, 16(t3)\n"
		     ".irp n, 8, 9, 10, 11, 12, 13, 14, 15\n"
		     "sd		x\\n, 8 * \\n(t3)\n"
		     ".endr\n"
		     "sd		ra, 8(t3)\n"
		     "mv		sp, t5\n"
		     "ld		ra, 0(sp)\n"
		     "ld		s0, 8(sp)\n"
		     "ld		s1, 16(sp)\n"
		     "addi	sp, sp, 32\n"
		     "ret\n");
}

static u64 rng = 1;

static u64 rnd(void)
{
	rng = rng * 6364136223846793005UL + 1442695040888963407UL;
	return rng >> 32 | rng << 32;
}

static u32 below(u32 n)
{
	return (u32)rnd() % n;
}

static bool is_free(u32 reg)
{
	return !reg || reg == 2 || (reg >= 8 && reg < 16);
}

static u32 free_reg(void)
{
	u32 n = below(10);

	return n ? n == 9 ? 2 : n + 7 : 0;
}

static u32 random_insn(void)
{
	static const u8 opcodes[] = { 0x03, 0x13, 0x17, 0x1b, 0x23, 0x33, 0x37, 0x3b, 0x63, 0x6f };
	static const u8 funct7[] = { 0, 0, 1, 1, 0x20, 0x20 };
	u32 insn = rnd(), op = opcodes[below(ARRAY_SIZE(opcodes))];

	insn = (insn & ~0xf8fffU) | op | free_reg() << 7 | free_reg() << 15 |
	       (insn & 0x7000);
	if (op == 0x33 || op == 0x3b || op == 0x23 || op == 0x63)
		insn = (insn & ~0x1f00000U) | free_reg() << 20;
	if ((op == 0x33 || op == 0x3b || (op == 0x1b && insn & 0x1000)) && below(8))
		insn = (insn & ~0xfe000000U) | funct7[below(ARRAY_SIZE(funct7))] << 25;
	return insn;
}

static u32 random_compressed(void)
{
	u32 c;

	do {
		c = (rnd() & 0xfffc) | below(3);
	} while ((c & 3) && (!is_free(RVV_FIELD(c, 7, 5)) ||
			     ((c & 3) == 2 && !is_free(RVV_FIELD(c, 2, 5)))));
	return c;
}

/* Return the register that holds the address, for loads and stores. */
static int base_reg(u32 insn)
{
	switch (insn & 3) {
	case 3:
		return (insn & 0x5f) == 0x03 ? rvv_rs1(insn) : -1;
	case 0:
		return insn & 0xc000 ? (int)RVV_FIELD(insn, 7, 3) + 8 : -1;
	case 2:
		return insn & 0xc000 ? 2 : -1;
	default:
		return -1;
	}
}

static size_t copy(void *to, const void *from, size_t size)
{
	const u8 *s = from;
	u8 *d = to;

	while (size--)
		*d++ = *s++;
	return 1;
}

static bool in_data(u64 gva, size_t size)
{
	return gva - (u64)hart_data <= sizeof(hart_data) - size;
}

static size_t test_load(struct rvv_state *s, u64 gva, void *buf, size_t size, size_t n)
{
	return in_data(gva, size) ? copy(buf, data + (gva - (u64)hart_data), size) : 0;
}

static size_t test_store(struct rvv_state *s, u64 gva, const void *buf, size_t size, size_t n)
{
	return in_data(gva, size) ? copy(data + (gva - (u64)hart_data), buf, size) : 0;
}

static u64 random_value(void)
{
	switch (below(4)) {
	case 0:
		return below(4);
	case 1:
		return (s64)(s32)rnd();
	case 2:
		return -1UL << below(64);
	default:
		return rnd();
	}
}

static void compare_scalar(void)
{
	static bool done[2][32 * 8];
	static struct rvv_state s;
	u64 x[32] = { }, pc, executed = 0, kinds = 0;
	u32 insn, kind;
	int i, n, base;

	code = mmap(NULL, 2 * CODE_HALF, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(code != MAP_FAILED, "mmap(): %s", strerror(errno));
	for (i = 0; i < CODE_HALF; i++)
		code[i] = PAD;
	code += CODE_HALF / 2;
	for (i = 0; i < sizeof(data); i++)
		data[i] = rnd();
	copy(hart_data, data, sizeof(data));

	s.load = test_load;
	s.store = test_store;
	for (n = 0; n < NR_CASES; n++) {
		insn = n & 1 ? random_insn() : random_compressed();
		base = base_reg(insn);
		for (i = 1; i < 32; i++)
			x[i] = random_value();
		/*
		 * Make these registers equal, so that some branches depend on
		 * equality.
		 */
		x[9] = x[8];
		if (base > 0)
			x[base] = (u64)hart_data + DATA_HALF;
		copy(s.x, x, sizeof(x));
		copy(hart_x, x, sizeof(x));
		s.pc = (u64)code;

		if (!rvv_scalar(&s, insn)) {
			for (i = 0; i < 32; i++)
				TEST_ASSERT(s.pc == (u64)code && (!i || s.x[i] == x[i]),
					    "0x%x has an effect, and is left to the hart", insn);
			continue;
		}

		/*
		 * Skip jumps into the instruction itself, where there is no
		 * pad.
		 */
		if (s.pc == (u64)code || (n & 1 && s.pc == (u64)(code + 1)))
			continue;
		code[0] = insn;
		code[1] = n & 1 ? insn >> 16 : PAD;
		__builtin___clear_cache((char *)code, (char *)(code + 2));
		run_scalar(hart_x, code);
		code[0] = PAD;
		code[1] = PAD;

		pc = hart_x[1] - 2;
		TEST_ASSERT(s.pc == pc, "0x%x: pc is %lx + %lx, the hart's %lx", insn,
			    (u64)code, s.pc - (u64)code, pc - (u64)code);
		for (i = 2; i < 16; i++)
			TEST_ASSERT(!is_free(i) || s.x[i] == hart_x[i],
				    "0x%x: x%d is 0x%lx, the hart's 0x%lx, and was 0x%lx",
				    insn, i, s.x[i], hart_x[i], x[i]);
		TEST_ASSERT(!s.x[0], "0x%x writes x0", insn);
		kind = n & 1 ? RVV_FIELD(insn, 2, 5) << 3 | RVV_FIELD(insn, 12, 3) :
			       RVV_FIELD(insn, 0, 2) << 3 | RVV_FIELD(insn, 13, 3);
		kinds += !done[n & 1][kind];
		done[n & 1][kind] = true;
		executed++;
	}
	for (i = 0; i < sizeof(data); i++)
		TEST_ASSERT(data[i] == hart_data[i], "Byte %d of memory differs", i);
	pr_info("%lu of %d scalar instructions executed, of %lu kinds\n", executed, NR_CASES,
		kinds);
	/*
	 * The kinds are counted by opcode and funct3 and, for compressed
	 * instructions, by quadrant and funct3. In LUI, AUIPC and JAL the bits
	 * of funct3 belong to the immediate, so each of these counts as 8
	 * kinds.
	 */
	TEST_ASSERT_EQ(kinds, 7 + 4 + 8 + 8 + 3 + 3 + 6 + 3 * 8 + 5 + 8 + 6);
	munmap(code - CODE_HALF / 2, 2 * CODE_HALF);
}

int main(void)
{
	compare_scalar();
	return 0;
}
