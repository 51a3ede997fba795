// SPDX-License-Identifier: GPL-2.0
/*
 * Check kvm_riscv_simd_insn_units() against the table of libopcodes.
 *
 *	decoder LIBOPCODES all			each encoding of 16 and 32 bits
 *	decoder LIBOPCODES sample N SEED	those of 16 bits, and N of 32
 *	decoder LIBOPCODES words N SEED		assembler source with CSR accesses and N
 *						encodings, for objdump
 *	decoder LIBOPCODES text XLEN		read what objdump makes of that
 *
 * An instruction that a guest can execute with FS or VS on must not be missed.
 * To count one that needs no unit is allowed; the table says how many there are.
 *
 * libopcodes exports its table of opcodes, but Debian ships no header for it.
 * struct riscv_opcode has not changed since it exists; "text" is the check that
 * it is read correctly: what objdump prints as an FP or vector register, or as
 * one of their CSRs, has to need a unit here, too.
 */

#include <ctype.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/types.h>
#include <asm/kvm_vcpu_simd.h>

#define FP	KVM_RISCV_SIMD_FP
#define V	KVM_RISCV_SIMD_V
#define ANY	KVM_RISCV_SIMD_ANY

struct riscv_opcode {
	const char *name;
	unsigned int xlen;
	unsigned int insn_class;
	const char *args;
	u64 match;
	u64 mask;
	int (*match_func)(const struct riscv_opcode *op, u64 insn);
	unsigned long pinfo;
};

#define INSN_MACRO	0xffffffff

/* An entry of the table with what it needs, in 64-bit and in 32-bit processes */
struct entry {
	u32 match;
	u32 mask;
	u8 need64;
	u8 need32;
};

#define NR_ENTRIES	8192
#define NR_CLASSES	1024

/*
 * Compressed instructions by quadrant and funct3, others by major opcode and
 * funct3: each encoding need only be compared to the entries of one bucket.
 */
#define NR_BUCKETS	(32 + 256)

static const struct riscv_opcode *table;
static struct entry *buckets[NR_BUCKETS];
static int bucket_size[NR_BUCKETS];

/* CSRs that need FS or VS */
static u8 csr_need[4096] = {
	[0x001] = FP,	/* fflags */
	[0x002] = FP,	/* frm */
	[0x003] = FP,	/* fcsr */
	[0x008] = V,	/* vstart */
	[0x009] = V,	/* vxsat */
	[0x00a] = V,	/* vxrm */
	[0x00f] = V,	/* vcsr */
	[0xc20] = V,	/* vl */
	[0xc21] = V,	/* vtype */
	[0xc22] = V,	/* vlenb */
};

static bool is_16bit(u32 insn)
{
	return (insn & 3) != 3;
}

static int bucket_of(u32 insn)
{
	if (is_16bit(insn))
		return (insn & 3) << 3 | (insn >> 13 & 7);

	return 32 + ((insn >> 2 & 31) << 3 | (insn >> 12 & 7));
}

/* Units by the kinds of an entry's operands */
static u8 args_need(const char *args)
{
	u8 need = 0;

	for (; *args; args++) {
		switch (*args) {
		case 'D':
		case 'S':
		case 'T':
		case 'U':
		case 'R':
			need |= FP;
			break;
		case 'C':
			args++;
			if (*args == 'D' || *args == 'T')
				need |= FP;
			break;
		case 'V':
			args++;
			need |= V;
			break;
		case 'W':
		case 'X':
			/* An immediate or a list, up to the next operand */
			while (args[1] && !strchr(",()", args[1]))
				args++;
			break;
		}
	}

	return need;
}

/*
 * Vector instructions that compute with floating point need FS, too, which the
 * operands do not tell: vfadd.vv has no FP register.  vfirst.m finds a bit.
 */
static u8 name_need(const char *name)
{
	if (name[0] != 'v')
		return 0;
	if (!strncmp(name, "vfirst", 6))
		return V;

	return !strncmp(name, "vf", 2) || !strncmp(name, "vmf", 3) ? FP | V : V;
}

static void add_entry(int bucket, const struct entry *e)
{
	buckets[bucket] = realloc(buckets[bucket], (bucket_size[bucket] + 1) * sizeof(*e));
	buckets[bucket][bucket_size[bucket]++] = *e;
}

/*
 * What an entry needs is what its operands and its name say, and what the others of
 * its class do: of frcsr the class is all there is.  Zfinx has classes together
 * with F and D, and hardware has either: not a reason for a smaller need.
 * match_func is not called: it rejects operands which no other instruction has.
 */
static void read_table(const char *path)
{
	static u8 class_need[NR_CLASSES];
	const struct riscv_opcode *op;
	void *lib = dlopen(path, RTLD_LAZY);
	int i, seen = 0;

	table = lib ? dlsym(lib, "riscv_opcodes") : NULL;
	if (!table) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}

	for (op = table; op->name; op++) {
		if (op->insn_class >= NR_CLASSES || op - table > NR_ENTRIES) {
			fprintf(stderr, "struct riscv_opcode of %s is another one\n", path);
			exit(1);
		}
		class_need[op->insn_class] |= args_need(op->args) & FP;
		if (!strcmp(op->name, "fadd.s") && op->match == 0x53 &&
		    !(op->mask & ~0xfe00707fUL))
			seen |= 1;
		if (!strcmp(op->name, "vadd.vv") && op->match == 0x57 && op->mask == 0xfc00707f)
			seen |= 2;
		if (!strcmp(op->name, "c.flw") && op->match == 0x6000 && op->mask == 0xe003 &&
		    op->xlen == 32)
			seen |= 4;
	}
	if (seen != 7) {
		fprintf(stderr, "struct riscv_opcode of %s is another one\n", path);
		exit(1);
	}

	for (op = table; op->name; op++) {
		u8 need = args_need(op->args) | name_need(op->name);
		struct entry e = { op->match, op->mask, 0, 0 };

		/* XTheadVector has another VS, at bits 24:23, which KVM never sets. */
		if (op->pinfo == INSN_MACRO || !strncmp(op->name, "th.v", 4))
			continue;
		/* Vector instructions say it themselves, with the exception of vfirst.m. */
		if (!(need & V))
			need |= class_need[op->insn_class];
		if (op->xlen != 32)
			e.need64 = need;
		if (op->xlen != 64)
			e.need32 = need;
		for (i = 0; i < NR_BUCKETS; i++) {
			u32 insn, mask;

			if (i < 32) {
				insn = (i >> 3) | (i & 7) << 13;
				mask = 0xe003;
				if ((i >> 3) == 3)
					continue;
			} else {
				insn = 3 | ((i - 32) >> 3) << 2 | ((i - 32) & 7) << 12;
				mask = 0x707f;
			}
			if (!((insn ^ e.match) & e.mask & mask))
				add_entry(i, &e);
		}
	}
}

/* What an encoding needs, and whether there is such an instruction at all */
struct need {
	u8 need64, need32;
	bool known;
};

static struct need insn_need(u32 insn)
{
	struct need n = { 0, 0, false };
	int b = bucket_of(insn), i;

	/* Of more than 32 bits: nobody knows */
	if ((insn & 0x1f) == 0x1f)
		return (struct need){ ANY, ANY, false };

	for (i = 0; i < bucket_size[b]; i++) {
		const struct entry *e = &buckets[b][i];

		if (!((insn ^ e->match) & e->mask)) {
			n.need64 |= e->need64;
			n.need32 |= e->need32;
			n.known = true;
		}
	}

	/* CSR accesses, of which those that write what is read-only are illegal */
	if ((insn & 0x7f) == 0x73 && (insn >> 12 & 3)) {
		bool writes = (insn >> 12 & 3) == 1 || (insn >> 15 & 31);

		if (insn >> 30 != 3 || !writes) {
			n.need64 |= csr_need[insn >> 20];
			n.need32 |= csr_need[insn >> 20];
		}
	}

	/* Custom opcodes may be anything. */
	switch (insn & 0x7f) {
	case 0x0b:
	case 0x2b:
	case 0x5b:
	case 0x7b:
		n.need64 = n.need32 = ANY;
	}

	return n;
}

static bool covers(u8 units, u8 need)
{
	return units & ANY || !(need & ~units);
}

/* ---- figures -------------------------------------------------------------- */

struct row {
	u64 all;		/* encodings */
	u64 needed;		/* that need a unit, in 64-bit or in 32-bit processes */
	u64 more;		/* known, and counted for more than they need in 64-bit */
	u64 unknown;		/* counted, and not known */
	u64 none;		/* neither */
	u64 missed64, missed32;
	u32 first_missed;
};

#define NR_ROWS		(24 + 32)

static const char * const row_names[NR_ROWS] = {
	"c.addi4spn", "c.fld", "c.lw", "c.ld, c.flw", "Zcb", "c.fsd", "c.sw", "c.sd, c.fsw",
	"c.addi", "c.addiw, c.jal", "c.li", "c.lui", "c.srli ...", "c.j", "c.beqz", "c.bnez",
	"c.slli", "c.fldsp", "c.lwsp", "c.ldsp, c.flwsp", "c.jr ...", "c.fsdsp", "c.swsp",
	"c.sdsp, c.fswsp",
	"LOAD", "LOAD-FP", "custom-0", "MISC-MEM", "OP-IMM", "AUIPC", "OP-IMM-32", "48 bits",
	"STORE", "STORE-FP", "custom-1", "AMO", "OP", "LUI", "OP-32", "64 bits",
	"MADD", "MSUB", "NMSUB", "NMADD", "OP-FP", "OP-V", "custom-2", "48 bits, too",
	"BRANCH", "JALR", "reserved", "JAL", "SYSTEM", "OP-VE", "custom-3", "80 bits",
};

static int row_of(u32 insn)
{
	if (is_16bit(insn))
		return bucket_of(insn);

	return 24 + (insn >> 2 & 31);
}

static void count(struct row *rows, u32 insn)
{
	struct row *row = &rows[row_of(insn)];
	struct need n = insn_need(insn);
	u8 units = kvm_riscv_simd_insn_units(insn);

	row->all++;
	if (n.need64 | n.need32)
		row->needed++;
	if (!covers(units, n.need64) || !covers(units, n.need32)) {
		if (!row->missed64 && !row->missed32)
			row->first_missed = insn;
		row->missed64 += !covers(units, n.need64);
		row->missed32 += !covers(units, n.need32);
	} else if (units && !n.known) {
		if (!((n.need64 | n.need32) & ANY))
			row->unknown++;
	} else if (units & ~n.need64) {
		row->more++;
	} else if (!units && !n.known) {
		row->none++;
	}
}

static int report(const struct row *rows)
{
	struct row sum = { 0 };
	int i;

	printf("%-18s %11s %11s %11s %11s %8s %8s\n", "", "encodings", "need a unit",
	       "more in", "unknown,", "missed", "missed");
	printf("%-18s %11s %11s %11s %11s %8s %8s\n", "", "", "", "64-bit", "counted",
	       "64-bit", "32-bit");
	for (i = 0; i < NR_ROWS; i++) {
		const struct row *r = &rows[i];

		sum.all += r->all;
		sum.needed += r->needed;
		sum.more += r->more;
		sum.unknown += r->unknown;
		sum.none += r->none;
		sum.missed64 += r->missed64;
		sum.missed32 += r->missed32;
		if (r->needed + r->more + r->unknown + r->missed64 + r->missed32)
			printf("%-18s %11lu %11lu %11lu %11lu %8lu %8lu\n", row_names[i],
			       r->all, r->needed, r->more, r->unknown, r->missed64, r->missed32);
	}
	printf("%-18s %11lu %11lu %11lu %11lu %8lu %8lu\n", "all", sum.all, sum.needed,
	       sum.more, sum.unknown, sum.missed64, sum.missed32);

	printf("libopcodes does not know, and KVM counts for no unit: %lu\n", sum.none);
	for (i = 0; i < NR_ROWS; i++)
		if (rows[i].missed64 + rows[i].missed32)
			printf("missed: %s, the first is %#x\n", row_names[i],
			       rows[i].first_missed);

	return sum.missed64 + sum.missed32 ? 1 : 0;
}

/* ---- ways to choose encodings --------------------------------------------- */

/* splitmix64 */
static u64 rnd(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;

	return z ^ z >> 31;
}

static void count_compressed(struct row *rows)
{
	u32 insn;

	for (insn = 0; insn < 1 << 16; insn++)
		if (is_16bit(insn))
			count(rows, insn);
}

/* Each CPU takes a share of all 30-bit fields above the two that say "32 bits". */
static int all(void)
{
	int nr = sysconf(_SC_NPROCESSORS_ONLN), i, j, status, rc = 0;
	struct row (*shares)[NR_ROWS], rows[NR_ROWS] = { 0 };
	u64 insn;

	if (nr < 1 || nr > 64)
		nr = 2;
	shares = mmap(NULL, nr * sizeof(*shares), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shares == MAP_FAILED)
		return 1;

	for (i = 0; i < nr; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return 1;
		if (!pid) {
			for (insn = 3 + 4 * i; insn < 1UL << 32; insn += 4 * nr)
				count(shares[i], insn);
			_exit(0);
		}
	}
	while (wait(&status) > 0)
		if (status)
			rc = 1;

	for (i = 0; i < nr; i++) {
		for (j = 0; j < NR_ROWS; j++) {
			struct row *r = &rows[j], *s = &shares[i][j];

			if (!(r->missed64 + r->missed32))
				r->first_missed = s->first_missed;
			r->all += s->all;
			r->needed += s->needed;
			r->more += s->more;
			r->unknown += s->unknown;
			r->none += s->none;
			r->missed64 += s->missed64;
			r->missed32 += s->missed32;
		}
	}
	count_compressed(rows);

	return report(rows) | rc;
}

static int sample(u64 nr, u64 seed)
{
	struct row rows[NR_ROWS] = { 0 };

	count_compressed(rows);
	while (nr--)
		count(rows, rnd(&seed) | 3);

	return report(rows);
}

/* ---- what objdump says ---------------------------------------------------- */

/*
 * All compressed instructions, all accesses of all CSRs, and some of each major opcode.
 * Immediates of .insn would be checked; .2byte and .4byte are data, which objdump -D
 * disassembles.
 */
static int words(u64 nr, u64 seed)
{
	u32 insn;

	puts("\t.text\n\t.option norelax");
	for (insn = 0; insn < 1 << 16; insn++)
		if (is_16bit(insn))
			printf("\t.2byte %#x\n", insn);
	for (insn = 0; insn < 1 << 15; insn++)
		printf("\t.4byte %#x\n", (insn & 0xfff) << 20 | (insn >> 12) << 12 | 0x73);
	while (nr) {
		insn = rnd(&seed) | 3;
		if ((insn & 0x1f) == 0x1f)
			continue;
		printf("\t.4byte %#x\n", insn);
		nr--;
	}

	return 0;
}

static u8 token_need(const char *token)
{
	static const char * const fp_csrs[] = { "fflags", "frm", "fcsr" };
	static const char * const v_csrs[] = {
		"vstart", "vxsat", "vxrm", "vcsr", "vl", "vtype", "vlenb",
	};
	unsigned int i;
	char *end;

	if ((token[0] == 'f' || token[0] == 'v') && isdigit((unsigned char)token[1])) {
		i = strtoul(token + 1, &end, 10);
		if (i < 32 && (!*end || !strcmp(end, ".t")))
			return token[0] == 'f' ? FP : V;
	}
	for (i = 0; i < sizeof(fp_csrs) / sizeof(*fp_csrs); i++)
		if (!strcmp(token, fp_csrs[i]))
			return FP;
	for (i = 0; i < sizeof(v_csrs) / sizeof(*v_csrs); i++)
		if (!strcmp(token, v_csrs[i]))
			return V;

	return 0;
}

/*
 * Entries that the assembler expands have no encoding.  objdump 2.40 prints some
 * all the same, as vmsge.vx.
 */
static bool is_macro(const char *name)
{
	const struct riscv_opcode *op;

	for (op = table; op->name; op++)
		if (!strcmp(op->name, name) && op->pinfo != INSN_MACRO)
			return false;

	return true;
}

/* "   0:	fe1010a3          	fld	f0,8(x1)", with -M numeric */
static int text(int xlen)
{
	u64 lines = 0, units = 0, bad = 0;
	char line[256];

	while (fgets(line, sizeof(line), stdin)) {
		char *p = strchr(line, '\t'), *name, *token, *save;
		bool in_table, in_kernel, writes_ro;
		struct need n;
		u32 insn;
		u8 need;

		if (!p || !strchr(line, ':') || strchr(line, ':') > p)
			continue;
		insn = strtoul(p + 1, &p, 16);
		/* "j	f2 <.text+0xf2>" is not a register. */
		token = strstr(p, " <");
		while (token && !strchr(" \t,", token[-1]))
			token--;
		if (token)
			*token = 0;
		p += strspn(p, " \t");
		name = strtok_r(p, " \t\n", &save);
		if (!name)
			continue;
		lines++;
		need = name_need(name);
		/* Instructions that name a CSR in their own name, as frcsr */
		if (name[0] == 'f' && strncmp(name, "fence", 5))
			need |= FP;
		while ((token = strtok_r(NULL, " \t\n,()", &save)) && token[0] != '#')
			need |= token_need(token);
		if (!need || is_macro(name))
			continue;
		units++;
		writes_ro = (insn & 0x7f) == 0x73 && insn >> 30 == 3 &&
			    ((insn >> 12 & 3) == 1 || (insn >> 15 & 31));
		if (writes_ro)
			continue;
		n = insn_need(insn);
		in_table = covers(xlen == 32 ? n.need32 : n.need64, need);
		in_kernel = covers(kvm_riscv_simd_insn_units(insn), need);
		if (!in_table || !in_kernel) {
			if (++bad <= 10)
				printf("%#x, %d-bit: %s needs %s%s: missed by%s%s\n", insn, xlen, name,
				       need & FP ? "FP" : "", need & V ? "V" : "",
				       in_table ? "" : " this program", in_kernel ? "" : " the kernel");
		}
	}
	printf("%d-bit: of %lu lines of objdump's, %lu name registers or CSRs of a unit, %lu were missed\n",
	       xlen, lines, units, bad);

	return bad || !units;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[2] : "";

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 2)
		read_table(argv[1]);
	if (!strcmp(mode, "all"))
		return all();
	if (argc == 5 && !strcmp(mode, "sample"))
		return sample(strtoull(argv[3], NULL, 0), strtoull(argv[4], NULL, 0));
	if (argc == 5 && !strcmp(mode, "words"))
		return words(strtoull(argv[3], NULL, 0), strtoull(argv[4], NULL, 0));
	if (argc == 4 && !strcmp(mode, "text"))
		return text(atoi(argv[3]));

	fprintf(stderr, "usage: decoder LIBOPCODES all|sample N SEED|words N SEED|text XLEN\n");

	return 2;
}
