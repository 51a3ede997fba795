// SPDX-License-Identifier: GPL-2.0
/*
 * A program as a distribution ships it: it asks riscv_hwprobe() what there is,
 * and takes the instructions or the code without them.  Both must give the same
 * answers, so migrating between machines is possible only if what hwprobe says
 * stays the same; and what is hidden is not used, whether it traps or not.
 *
 * Each benchmark works on a fixed input once, for the sum that is compared with
 * the known one, and then again and again for the rate.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <asm/hwprobe.h>

#include "guest.h"

/* The best of so many: there are others on the machine. */
#define BATCHES		20
#define BATCH_US	10000

#define ASM_V(text)	".option push\n.option arch, +v\n" text "\n.option pop\n"
#define ASM_ZFH(text)	".option push\n.option arch, +zfh\n" text "\n.option pop\n"

static uint32_t fnv(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len--)
		sum = (sum ^ *p++) * 16777619;
	return sum;
}

/* ---- AES-128, ECB, encryption ---------------------------------------- */

#define AES_BLOCKS	64

static const uint8_t sbox[256] = {
	0x63, 0x7c, 0x77, 0x7b, 0xf2, 0x6b, 0x6f, 0xc5, 0x30, 0x01, 0x67, 0x2b,
	0xfe, 0xd7, 0xab, 0x76, 0xca, 0x82, 0xc9, 0x7d, 0xfa, 0x59, 0x47, 0xf0,
	0xad, 0xd4, 0xa2, 0xaf, 0x9c, 0xa4, 0x72, 0xc0, 0xb7, 0xfd, 0x93, 0x26,
	0x36, 0x3f, 0xf7, 0xcc, 0x34, 0xa5, 0xe5, 0xf1, 0x71, 0xd8, 0x31, 0x15,
	0x04, 0xc7, 0x23, 0xc3, 0x18, 0x96, 0x05, 0x9a, 0x07, 0x12, 0x80, 0xe2,
	0xeb, 0x27, 0xb2, 0x75, 0x09, 0x83, 0x2c, 0x1a, 0x1b, 0x6e, 0x5a, 0xa0,
	0x52, 0x3b, 0xd6, 0xb3, 0x29, 0xe3, 0x2f, 0x84, 0x53, 0xd1, 0x00, 0xed,
	0x20, 0xfc, 0xb1, 0x5b, 0x6a, 0xcb, 0xbe, 0x39, 0x4a, 0x4c, 0x58, 0xcf,
	0xd0, 0xef, 0xaa, 0xfb, 0x43, 0x4d, 0x33, 0x85, 0x45, 0xf9, 0x02, 0x7f,
	0x50, 0x3c, 0x9f, 0xa8, 0x51, 0xa3, 0x40, 0x8f, 0x92, 0x9d, 0x38, 0xf5,
	0xbc, 0xb6, 0xda, 0x21, 0x10, 0xff, 0xf3, 0xd2, 0xcd, 0x0c, 0x13, 0xec,
	0x5f, 0x97, 0x44, 0x17, 0xc4, 0xa7, 0x7e, 0x3d, 0x64, 0x5d, 0x19, 0x73,
	0x60, 0x81, 0x4f, 0xdc, 0x22, 0x2a, 0x90, 0x88, 0x46, 0xee, 0xb8, 0x14,
	0xde, 0x5e, 0x0b, 0xdb, 0xe0, 0x32, 0x3a, 0x0a, 0x49, 0x06, 0x24, 0x5c,
	0xc2, 0xd3, 0xac, 0x62, 0x91, 0x95, 0xe4, 0x79, 0xe7, 0xc8, 0x37, 0x6d,
	0x8d, 0xd5, 0x4e, 0xa9, 0x6c, 0x56, 0xf4, 0xea, 0x65, 0x7a, 0xae, 0x08,
	0xba, 0x78, 0x25, 0x2e, 0x1c, 0xa6, 0xb4, 0xc6, 0xe8, 0xdd, 0x74, 0x1f,
	0x4b, 0xbd, 0x8b, 0x8a, 0x70, 0x3e, 0xb5, 0x66, 0x48, 0x03, 0xf6, 0x0e,
	0x61, 0x35, 0x57, 0xb9, 0x86, 0xc1, 0x1d, 0x9e, 0xe1, 0xf8, 0x98, 0x11,
	0x69, 0xd9, 0x8e, 0x94, 0x9b, 0x1e, 0x87, 0xe9, 0xce, 0x55, 0x28, 0xdf,
	0x8c, 0xa1, 0x89, 0x0d, 0xbf, 0xe6, 0x42, 0x68, 0x41, 0x99, 0x2d, 0x0f,
	0xb0, 0x54, 0xbb, 0x16,
};

/* The key, plain text and cipher text of FIPS 197, appendix C.1 */
static const uint8_t fips_cipher[16] = {
	0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30,
	0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4, 0xc5, 0x5a,
};

static uint8_t aes_keys[11][16];
static uint8_t aes_data[AES_BLOCKS][16];

static uint8_t xtime(uint8_t x)
{
	return x << 1 ^ (x >> 7) * 0x1b;
}

static void aes_expand(void)
{
	uint8_t *k = aes_keys[0], rcon = 1;
	int i, j;

	for (i = 0; i < 16; i++)
		k[i] = i;
	for (i = 16; i < 176; i += 4) {
		for (j = 0; j < 4; j++)
			k[i + j] = i % 16 ? k[i + j - 4] : sbox[k[i - 4 + (j + 1) % 4]];
		if (i % 16 == 0) {
			k[i] ^= rcon;
			rcon = xtime(rcon);
		}
		for (j = 0; j < 4; j++)
			k[i + j] ^= k[i + j - 16];
	}
}

static void aes_prepare(void)
{
	int i, j;

	aes_expand();
	for (i = 0; i < AES_BLOCKS; i++)
		for (j = 0; j < 16; j++)
			aes_data[i][j] = (j << 4 | j) + i;
}

static void aes_block(uint8_t *s)
{
	uint8_t t[16];
	int r, c, i;

	for (i = 0; i < 16; i++)
		s[i] ^= aes_keys[0][i];
	for (r = 1; r <= 10; r++) {
		for (i = 0; i < 16; i++)
			t[i] = sbox[s[(i + 4 * (i % 4)) % 16]];
		for (c = 0; c < 16; c += 4) {
			uint8_t all = t[c] ^ t[c + 1] ^ t[c + 2] ^ t[c + 3];

			for (i = 0; i < 4; i++) {
				s[c + i] = aes_keys[r][c + i] ^ t[c + i];
				if (r < 10)
					s[c + i] ^= all ^ xtime(t[c + i] ^ t[c + (i + 1) % 4]);
			}
		}
	}
}

static void aes_scalar(void)
{
	int i;

	for (i = 0; i < AES_BLOCKS; i++)
		aes_block(aes_data[i]);
}

/* v1 to v11 hold the round keys, v16 to v19 as many blocks as go in. */
static void aes_zvkned(void)
{
	unsigned long words = AES_BLOCKS * 4, key = (unsigned long)aes_keys, vl;
	uint8_t *p = aes_data[0];

#define LOAD_KEY(v)	"vle32.v " #v ", (%0)\naddi %0, %0, 16\n"
#define AESEM(v)	".insn r 0x77, 2, 0x53, x16, x2, " #v "\n"
	asm volatile(ASM_V("vsetivli x0, 4, e32, m1, ta, ma\n"
			   LOAD_KEY(v1) LOAD_KEY(v2) LOAD_KEY(v3) LOAD_KEY(v4)
			   LOAD_KEY(v5) LOAD_KEY(v6) LOAD_KEY(v7) LOAD_KEY(v8)
			   LOAD_KEY(v9) LOAD_KEY(v10) LOAD_KEY(v11))
		     : "+r" (key) : : "memory");
	for (; words; words -= vl, p += vl * 4)
		asm volatile(ASM_V("vsetvli %0, %1, e32, m4, ta, ma\n"
				   "vle32.v v16, (%2)\n"
				   ".insn r 0x77, 2, 0x53, x16, x7, x1\n"	/* vaesz.vs */
				   AESEM(x2) AESEM(x3) AESEM(x4) AESEM(x5) AESEM(x6)
				   AESEM(x7) AESEM(x8) AESEM(x9) AESEM(x10)
				   ".insn r 0x77, 2, 0x53, x16, x3, x11\n"	/* vaesef.vs */
				   "vse32.v v16, (%2)")
			     : "=&r" (vl) : "r" (words), "r" (p) : "memory");
}

static uint32_t aes_sum(void)
{
	/* The first block is that of FIPS 197: no sum can be right without. */
	if (memcmp(aes_data[0], fips_cipher, sizeof(fips_cipher)))
		return 0;
	return fnv(2166136261u, aes_data, sizeof(aes_data));
}

/* ---- bits that are set ----------------------------------------------- */

#define CPOP_WORDS	512

static uint64_t cpop_data[CPOP_WORDS], cpop_count;

static void cpop_prepare(void)
{
	uint64_t x = 1;
	int i;

	for (i = 0; i < CPOP_WORDS; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		cpop_data[i] = x;
	}
	cpop_data[0] = 0;
	cpop_data[1] = ~0ull;
}

static void cpop_scalar(void)
{
	uint64_t x;
	int i;

	cpop_count = 0;
	for (i = 0; i < CPOP_WORDS; i++) {
		x = cpop_data[i];
		x -= x >> 1 & 0x5555555555555555;
		x = (x & 0x3333333333333333) + (x >> 2 & 0x3333333333333333);
		x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f;
		cpop_count += x * 0x0101010101010101 >> 56;
	}
}

static void cpop_zvbb(void)
{
	unsigned long words = CPOP_WORDS, vl;
	uint64_t *p = cpop_data;

	asm volatile(ASM_V("vsetivli x0, 1, e64, m1, ta, ma\nvmv.v.i v4, 0") ::);
	for (; words; words -= vl, p += vl)
		asm volatile(ASM_V("vsetvli %0, %1, e64, m8, ta, ma\n"
				   "vle64.v v8, (%2)\n"
				   ".insn r 0x57, 2, 0x25, x8, x14, x8\n"	/* vcpop.v */
				   "vredsum.vs v4, v8, v4")
			     : "=&r" (vl) : "r" (words), "r" (p) : "memory");
	asm volatile(ASM_V("vsetivli x0, 1, e64, m1, ta, ma\nvmv.x.s %0, v4") : "=r" (cpop_count));
}

static uint32_t cpop_sum(void)
{
	return cpop_count;
}

/* ---- FP16: a * b + a, rounded twice ---------------------------------- */

#define FP_N		256

static uint16_t fp16_a[FP_N], fp16_b[FP_N], fp16_out[FP_N];

/* Finite numbers of all sizes, subnormals and zeros of both signs among them */
static void fp16_prepare(void)
{
	uint32_t x = 12345;
	int i;

	for (i = 0; i < FP_N; i++) {
		x = x * 1664525 + 1013904223;
		fp16_a[i] = (x >> 16) % 0x7c00 | (x & 0x8000);
		x = x * 1664525 + 1013904223;
		fp16_b[i] = (x >> 16) % 0x5000 | (x & 0x8000);
	}
	fp16_a[0] = 0x3c00;	/* 1 * 2 + 1 = 3 */
	fp16_b[0] = 0x4000;
	fp16_a[1] = 0x0000;
	fp16_a[2] = 0x8000;
	fp16_a[3] = 0x0001;
	fp16_b[3] = 0x3800;	/* half of the least: a tie, to even */
}

/* @mant * 2^@exp as FP16, to nearest, ties to even */
static uint16_t fp16_pack(uint16_t sign, uint64_t mant, int exp)
{
	uint64_t rest, half;
	int shift = -11;

	if (!mant)
		return sign;
	/* 11 bits are to be left, or what is above 2^-24. */
	for (rest = mant; rest; rest >>= 1)
		shift++;
	if (shift < -24 - exp)
		shift = -24 - exp;
	if (shift > 63) {
		return sign;
	} else if (shift > 0) {
		rest = mant & ((1ull << shift) - 1);
		half = 1ull << (shift - 1);
		mant >>= shift;
		mant += rest > half || (rest == half && mant & 1);
	} else {
		mant <<= -shift;
	}
	exp += shift;
	/* The carry of rounding, or a subnormal's, goes where it should. */
	mant += (uint64_t)(exp + 24) << 10;
	return sign | (mant >= 0x7c00 ? 0x7c00 : mant);
}

static void fp16_unpack(uint16_t x, uint64_t *mant, int *exp)
{
	int e = x >> 10 & 31;

	*mant = (x & 0x3ff) | (e ? 0x400 : 0);
	*exp = (e ? e : 1) - 25;
}

static uint16_t fp16_mul(uint16_t a, uint16_t b)
{
	uint64_t ma, mb;
	int ea, eb;

	fp16_unpack(a, &ma, &ea);
	fp16_unpack(b, &mb, &eb);
	return fp16_pack((a ^ b) & 0x8000, ma * mb, ea + eb);
}

static uint16_t fp16_add(uint16_t a, uint16_t b)
{
	uint64_t ma, mb;
	int64_t sum;
	int ea, eb;

	if ((a & 0x7fff) == 0x7c00)
		return a;
	if ((b & 0x7fff) == 0x7c00)
		return b;
	fp16_unpack(a, &ma, &ea);
	fp16_unpack(b, &mb, &eb);
	/* In units of 2^-24, everything is an integer. */
	ma <<= ea + 24;
	mb <<= eb + 24;
	sum = (a & 0x8000 ? -ma : ma) + (b & 0x8000 ? -mb : mb);
	if (!sum)
		return a & b & 0x8000;
	return fp16_pack(sum < 0 ? 0x8000 : 0, sum < 0 ? -sum : sum, -24);
}

static void fp16_soft(void)
{
	int i;

	for (i = 0; i < FP_N; i++)
		fp16_out[i] = fp16_add(fp16_mul(fp16_a[i], fp16_b[i]), fp16_a[i]);
}

static void fp16_zfh(void)
{
	int i;

	for (i = 0; i < FP_N; i++)
		asm volatile(ASM_ZFH("flh f0, (%0)\n"
				     "flh f1, (%1)\n"
				     "fmul.h f1, f0, f1, rne\n"
				     "fadd.h f0, f1, f0, rne\n"
				     "fsh f0, (%2)")
			     : : "r" (&fp16_a[i]), "r" (&fp16_b[i]), "r" (&fp16_out[i])
			     : "memory");
}

static uint32_t fp16_sum(void)
{
	if (fp16_out[0] != 0x4200)
		return 0;
	return fnv(2166136261u, fp16_out, sizeof(fp16_out));
}

/* ---- FP32 to BF16 ----------------------------------------------------- */

static uint32_t bf16_in[FP_N];
static uint16_t bf16_out[FP_N];

static void bf16_prepare(void)
{
	static const uint32_t special[] = {
		0x3f800000, 0x3f808000, 0x3f818000, 0x3f808001,	/* 1, two ties, above a tie */
		0x7f7fffff, 0x7f800000, 0xff800000, 0x7fc00001,	/* to infinity, infinities, NaN */
		0x00000001, 0x80000000, 0x00018000, 0xffffffff,	/* subnormals, -0, NaN */
	};
	uint32_t x = 54321, i;

	for (i = 0; i < FP_N; i++) {
		x = x * 1664525 + 1013904223;
		bf16_in[i] = x ^ x >> 15;
	}
	memcpy(bf16_in, special, sizeof(special));
}

static void bf16_integer(void)
{
	uint32_t x;
	int i;

	for (i = 0; i < FP_N; i++) {
		x = bf16_in[i];
		if ((x & 0x7fffffff) > 0x7f800000)
			bf16_out[i] = 0x7fc0;
		else
			bf16_out[i] = (x + 0x7fff + (x >> 16 & 1)) >> 16;
	}
}

static void bf16_zfbfmin(void)
{
	int i;

	/* fcvt.bf16.s, rne.  flh and fsh are in Zfbfmin as well. */
	for (i = 0; i < FP_N; i++)
		asm volatile(ASM_ZFH("flw f0, (%0)\n"
				     ".insn r 0x53, 0, 0x22, x0, x0, x8\n"
				     "fsh f0, (%1)")
			     : : "r" (&bf16_in[i]), "r" (&bf16_out[i]) : "memory");
}

static uint32_t bf16_sum(void)
{
	if (bf16_out[0] != 0x3f80 || bf16_out[1] != 0x3f80 || bf16_out[2] != 0x3f82)
		return 0;
	return fnv(2166136261u, bf16_out, sizeof(bf16_out));
}

/* ----------------------------------------------------------------------- */

static const struct bench {
	const char *name, *unit;
	unsigned int units;		/* of one run */
	uint64_t needs;			/* what hwprobe has to say for ... */
	const char *fast, *slow;	/* ... the first of these */
	void (*run_fast)(void), (*run_slow)(void);
	void (*prepare)(void);
	uint32_t (*sum)(void);
	uint32_t known;
} benches[] = {
	{ "aes128", "blocks", AES_BLOCKS, RISCV_HWPROBE_EXT_ZVKNED, "zvkned", "scalar",
	  aes_zvkned, aes_scalar, aes_prepare, aes_sum, 0x731aee86 },
	{ "bitcount", "words", CPOP_WORDS, RISCV_HWPROBE_EXT_ZVBB, "zvbb", "scalar",
	  cpop_zvbb, cpop_scalar, cpop_prepare, cpop_sum, 0x4006 },
	{ "fp16", "mul+add", FP_N, RISCV_HWPROBE_EXT_ZFH, "zfh", "soft",
	  fp16_zfh, fp16_soft, fp16_prepare, fp16_sum, 0xda7dbe44 },
	{ "bf16", "conversions", FP_N, RISCV_HWPROBE_EXT_ZFBFMIN, "zfbfmin", "integer",
	  bf16_zfbfmin, bf16_integer, bf16_prepare, bf16_sum, 0xaa1cf63d },
};

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000ull + ts.tv_nsec / 1000;
}

static uint64_t hwprobe(void)
{
	struct riscv_hwprobe pair = { .key = RISCV_HWPROBE_KEY_IMA_EXT_0 };

	if (syscall(__NR_riscv_hwprobe, &pair, 1, 0, NULL, 0))
		return 0;
	return pair.value;
}

/* Units per second */
static uint64_t rate_of(void (*run)(void), unsigned int units)
{
	uint64_t begin = now_us(), us, n = 0;

	do {
		run();
		n++;
		us = now_us() - begin;
	} while (us < BATCH_US);

	return n * units * 1000000 / us;
}

static bool bench(const struct bench *b, bool fast)
{
	void (*run)(void) = fast ? b->run_fast : b->run_slow;
	uint64_t rate, best = 0;
	uint32_t sum;
	int i;

	b->prepare();
	run();
	sum = b->sum();

	for (i = 0; i < BATCHES; i++) {
		rate = rate_of(run, b->units);
		if (rate > best)
			best = rate;
	}

	printf("bench: %s path=%s rate=%lu %s/s sum=%x %s\n", b->name,
	       fast ? b->fast : b->slow, (unsigned long)best, b->unit, sum,
	       sum == b->known ? "ok" : "WRONG");
	return sum == b->known;
}

int bench_all(void)
{
	uint64_t has = hwprobe();
	unsigned int i;
	int wrong = 0;

	for (i = 0; i < ARRAY_SIZE(benches); i++)
		wrong += !bench(&benches[i], has & benches[i].needs);
	return wrong;
}
