/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One instruction of each extension, for the guest's user space (guest.c) and
 * its kernel (probe/).  Define PROBE(), and include this:
 *
 *	PROBE(EXTENSION, WHAT COMES BEFORE, INSTRUCTION)
 *
 * The operands are written as x registers, whatever they are: .insn wants it
 * so, and not all assemblers around know these extensions.
 */
#define VMM_PROBE_BEGIN	".option push\n.option arch, +v\n.option norvc\n"
#define VMM_PROBE_END	".option pop\n"
#define SET(vl, sew_lmul)	"vsetivli x0, " #vl ", " sew_lmul ", ta, ma"

PROBE(f, "nop",
      ".insn r 0x53, 0, 0x00, x1, x2, x3")	/* fadd.s */
PROBE(d, "nop",
      ".insn r 0x53, 0, 0x01, x1, x2, x3")	/* fadd.d */
PROBE(zfa, "nop",
      ".insn r 0x53, 0, 0x78, x1, x0, x1")	/* fli.s */
PROBE(zfhmin, "nop",
      ".insn r 0x53, 0, 0x20, x1, x1, x2")	/* fcvt.s.h */
PROBE(zfh, "nop",
      ".insn r 0x53, 0, 0x02, x1, x2, x3")	/* fadd.h */
PROBE(zfbfmin, "nop",
      ".insn r 0x53, 0, 0x20, x1, x1, x6")	/* fcvt.s.bf16 */
PROBE(v, SET(4, "e32, m1"),
      ".insn r 0x57, 0, 0x01, x1, x3, x2")	/* vadd.vv */
PROBE(zvfhmin, SET(4, "e16, m1"),
      ".insn r 0x57, 1, 0x25, x4, x12, x2")	/* vfwcvt.f.f.v */
PROBE(zvfh, SET(4, "e16, m1"),
      ".insn r 0x57, 1, 0x01, x1, x3, x2")	/* vfadd.vv */
PROBE(zvfbfmin, SET(4, "e16, m1"),
      ".insn r 0x57, 1, 0x25, x4, x13, x2")	/* vfwcvtbf16.f.f.v */
PROBE(zvfbfwma, SET(4, "e16, m1"),
      ".insn r 0x57, 1, 0x77, x4, x3, x2")	/* vfwmaccbf16.vv */
PROBE(zvkb, SET(4, "e32, m1"),
      ".insn r 0x57, 2, 0x25, x1, x8, x2")	/* vbrev8.v */
PROBE(zvbb, SET(4, "e32, m1"),
      ".insn r 0x57, 2, 0x25, x1, x10, x2")	/* vbrev.v */
PROBE(zvbc, SET(2, "e64, m1"),
      ".insn r 0x57, 2, 0x19, x1, x3, x2")	/* vclmul.vv */
PROBE(zvkg, SET(4, "e32, m1"),
      ".insn r 0x77, 2, 0x51, x1, x17, x2")	/* vgmul.vv */
PROBE(zvkned, SET(4, "e32, m1"),
      ".insn r 0x77, 2, 0x51, x1, x2, x2")	/* vaesem.vv */
PROBE(zvknha, SET(4, "e32, m1"),
      ".insn r 0x77, 2, 0x5b, x5, x3, x2")	/* vsha2ms.vv */
PROBE(zvknhb, SET(4, "e64, m2"),
      ".insn r 0x77, 2, 0x5b, x6, x4, x2")	/* vsha2ms.vv */
PROBE(zvksed, SET(4, "e32, m1"),
      ".insn r 0x77, 2, 0x51, x1, x16, x2")	/* vsm4r.vv */
PROBE(zvksh, SET(8, "e32, m2"),
      ".insn r 0x77, 2, 0x41, x6, x4, x2")	/* vsm3me.vv */

#undef SET
#undef PROBE
