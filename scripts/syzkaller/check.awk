# SPDX-License-Identifier: GPL-2.0
# Read descriptions of syzkaller, as much of their language as ours use, and write a
# C file that compiles if their constants and layouts are those of the headers.
#
#	awk -v mode=check -f check.awk FILE.txt.const FILE.txt pass=2 FILE.txt
#	awk -v mode=names -f check.awk FILE.txt		the constants, one a line
#
# Twice, since what a structure consists of may be described below it.
#
# What is wrong goes to stderr, with the line.

function wrong(what)
{
	if (pass < 2)
		return
	printf "%s:%d: %s\n", FILENAME, FNR, what > "/dev/stderr"
	errors++
}

function wrong_at(line, what)
{
	FNR = line
	wrong(what)
}

# ---- tokens: the rest of the line is in "rest", the next token in "tok" -----

function next_token()
{
	sub(/^[ \t]+/, "", rest)
	if (match(rest, /^(0x[0-9a-f]+|[0-9]+|[A-Za-z_][A-Za-z0-9_$]*|"[^"]*"|.)/)) {
		tok = substr(rest, 1, RLENGTH)
		rest = substr(rest, RLENGTH + 1)
	} else {
		tok = ""
	}
}

function want(what)
{
	if (tok != what) {
		wrong("\"" what "\" is expected, and not \"" tok "\"")
		return 0
	}
	next_token()
	return 1
}

function is_name(s) { return s ~ /^[A-Za-z_][A-Za-z0-9_$]*$/ }
function is_number(s) { return s ~ /^(0x[0-9a-f]+|[0-9]+)$/ }

# A number, or the name of a constant
function value()
{
	if (is_name(tok))
		constants[tok] = FNR
	else if (!is_number(tok))
		wrong("a number or a constant is expected, and not \"" tok "\"")
	next_token()
}

function range()
{
	value()
	if (tok == ":") {
		next_token()
		value()
		return 1
	}
	return 0
}

# ---- types: set "size", -1 if it varies, and "align" ------------------------

# The size of int8 to int64 and intptr, 0 for others
function int_size(name)
{
	if (name == "intptr")
		return 8
	return name ~ /^int(8|16|32|64)$/ ? substr(name, 4) / 8 : 0
}

# The base of const, flags, len: given in a structure, not among a call's arguments
function base(in_struct)
{
	if (tok == ",") {
		next_token()
		if (!in_struct)
			wrong("an argument of a call has no size")
		size = align = int_size(tok)
		if (!size)
			wrong("\"" tok "\" is no integer")
		next_token()
	} else {
		if (in_struct)
			wrong("in a structure it needs a size")
		size = align = 8
	}
}

function type(in_struct,	name, n)
{
	name = tok
	if (!is_name(name)) {
		wrong("a type is expected, and not \"" tok "\"")
		return
	}
	next_token()

	if (int_size(name)) {
		if (tok == "[") {
			next_token()
			range()
			want("]")
		}
		size = align = int_size(name)
	} else if (name == "const") {
		want("[")
		value()
		base(in_struct)
		want("]")
	} else if (name == "flags") {
		want("[")
		uses_flags[tok] = FNR
		next_token()
		base(in_struct)
		want("]")
	} else if (name == "len" || name == "bytesize") {
		want("[")
		targets[owner, tok] = FNR
		next_token()
		base(in_struct)
		want("]")
	} else if (name == "ptr" || name == "ptr64") {
		want("[")
		if (tok !~ /^(in|out|inout)$/)
			wrong("\"" tok "\" is no direction")
		next_token()
		want(",")
		type(1)
		want("]")
		size = align = 8
	} else if (name == "vma" || name == "vma64") {
		if (tok == "[") {
			next_token()
			range()
			want("]")
		}
		size = align = 8
	} else if (name == "string") {
		want("[")
		if (tok !~ /^"/)
			wrong("a string is expected")
		next_token()
		want("]")
		size = -1
		align = 1
	} else if (name == "array") {
		want("[")
		type(1)
		n = -1
		if (tok == ",") {
			next_token()
			n = tok
			if (range() || !is_number(n))
				n = -1
		}
		want("]")
		size = size < 0 || n < 0 ? -1 : size * n
	} else if (name in resources) {
		uses[name] = FNR
		size = align = 4
	} else if (name in sizes) {
		uses[name] = FNR
		size = sizes[name]
		align = aligns[name]
	} else {
		# Described further down, as the second pass knows
		uses[name] = FNR
		size = -1
		align = 8
	}
}

# ---- lines -----------------------------------------------------------------

function end_of_line()
{
	if (tok != "")
		wrong("\"" tok rest "\" at the end of the line")
}

function call(	name, n)
{
	name = tok
	owner = name
	if (name in defined)
		wrong(name " is described twice")
	defined[name] = FNR
	calls++
	sub(/\$.*/, "", name)
	constants["__NR_" name] = FNR
	next_token()
	want("(")
	while (tok != ")" && tok != "") {
		fields[owner, tok] = FNR
		if (!is_name(tok))
			wrong("\"" tok "\" is no name of an argument")
		next_token()
		type(0)
		if (++n > 9)
			wrong("more than nine arguments")
		if (tok != ",")
			break
		next_token()
	}
	want(")")
	if (tok != "") {
		if (!(tok in resources))
			wrong("it returns " tok ", which is no resource")
		made[tok] = FNR
		next_token()
	}
	end_of_line()
}

function begin(name, kind)
{
	if (name in defined)
		wrong(name " is described twice")
	defined[name] = FNR
	needs_use[name] = FNR
	owner = name
	inside = kind
	offset = biggest = 0
	largest = 1
	varies = 0
	like = FNR == like_line + 1 ? like_name : ""
}

function field(	name, kind)
{
	name = tok
	if (!is_name(name))
		wrong("\"" name "\" is no name of a field")
	if ((owner, name) in fields)
		wrong("field " name " is there twice")
	fields[owner, name] = FNR
	next_token()
	kind = tok
	type(1)
	if (tok == "(") {
		next_token()
		if (tok !~ /^(in|out|inout)$/)
			wrong("\"" tok "\" is no direction")
		if (tok == "out" && kind == "flags")
			wrong("flags are not output")
		next_token()
		want(")")
	}
	end_of_line()
	if (align > largest)
		largest = align
	if (inside == "[") {
		if (size < 0)
			varies = 1
		if (size > biggest)
			biggest = size
		return
	}
	if (varies)
		return
	offset = int((offset + align - 1) / align) * align
	if (like == owner && like != "") {
		layout = layout sprintf("_Static_assert(__builtin_offsetof(struct %s, %s) == %d, \"%s.%s\");\n",
					like, name, offset, owner, name)
		layout = layout sprintf("_Static_assert(sizeof(((struct %s *)0)->%s) == %d, \"size of %s.%s\");\n",
					like, name, size, owner, name)
	}
	if (size < 0)
		varies = 1
	else
		offset += size
}

function finish()
{
	if (inside == "[") {
		if (varies && rest !~ /\[varlen\]/)
			wrong("a union of which a member varies in size is [varlen]")
		sizes[owner] = varies || rest ~ /\[varlen\]/ ? -1 : biggest
	} else {
		sizes[owner] = varies ? -1 : int((offset + largest - 1) / largest) * largest
	}
	aligns[owner] = largest
	if (like != "" && sizes[owner] < 0)
		wrong(owner " has no size, and is to be a struct " like)
	else if (like != "")
		layout = layout sprintf("_Static_assert(sizeof(struct %s) == %d, \"%s\");\n",
					like, sizes[owner], owner)
	inside = ""
}

function flag_set(name)
{
	if (name in sets)
		wrong(name " is there twice")
	sets[name] = FNR
	next_token()
	for (;;) {
		value()
		if (tok != ",")
			break
		next_token()
	}
	end_of_line()
}

pass == 2 && !begun {
	begun = 1
	split("", defined)
	split("", fields)
	split("", sets)
	includes = "#include <asm/unistd.h>\n"
	defines = layout = ""
	calls = 0
}

# Constants first
FILENAME ~ /\.const$/ {
	if (/^#/ || NF == 0)
		next
	if ($1 == "arches")
		next
	if (NF != 3 || $2 != "=" || $3 !~ /^[0-9]+$/ || $1 in values)
		bad_values = bad_values " " $1
	values[$1] = $3
	next
}

/^# struct / {
	like_name = $3
	like_line = FNR
	next
}

/^# From dev_kvm.txt: / {
	for (i = 4; i <= NF; i++)
		resources[$i] = made[$i] = needs_use[$i] = FNR
	next
}

/^# Not described: / {
	next
}

/^#/ || NF == 0 { next }

{
	rest = $0
	next_token()
}

inside != "" {
	if (tok == (inside == "[" ? "]" : "}"))
		finish()
	else
		field()
	next
}

tok == "meta" {
	if ($0 != "meta arches[\"riscv64\"]")
		wrong("riscv64 is all there is")
	next
}

tok == "include" {
	if (!match($0, /<[^>]*>/))
		wrong("include what?")
	header = substr($0, RSTART, RLENGTH)
	sub(/^<uapi\//, "<", header)
	includes = includes "#include " header "\n"
	next
}

tok == "define" {
	next_token()
	constants[tok] = FNR
	sub(/^[ \t]+/, "", rest)
	defines = defines "#define " tok " (" rest ")\n"
	next
}

tok == "resource" {
	next_token()
	resources[tok] = FNR
	needs_use[tok] = FNR
	next_token()
	if (want("[") && tok != "fd")
		wrong("only resources that are an fd are known here")
	next_token()
	want("]")
	end_of_line()
	next
}

rest ~ /^\(/ {
	call()
	next
}

rest ~ /^[ \t]*=/ {
	name = tok
	next_token()
	flag_set(name)
	next
}

rest ~ /^[ \t]*[{[]$/ {
	name = tok
	next_token()
	begin(name, tok)
	next
}

{ wrong("this is none of a call, a structure, a union, a set of flags, ...") }

END {
	FNR = 0
	if (mode == "names") {
		printf "#include <asm/unistd.h>\n%s%s", includes, defines
		for (c in constants)
			print "constant " c
		exit
	}
	if (inside != "")
		wrong(owner " does not end")
	if (bad_values != "")
		wrong("the .const file has no number, or two:" bad_values)
	for (c in constants)
		if (!(c in values))
			wrong_at(constants[c], "constant " c " has no value in the .const file")
	for (c in values)
		if (!(c in constants))
			wrong("constant " c " of the .const file is not used")
	for (s in uses_flags)
		if (!(s in sets))
			wrong_at(uses_flags[s], "flags " s " are not described")
	for (s in sets)
		if (!(s in uses_flags))
			wrong_at(sets[s], "flags " s " are not used")
	for (t in uses)
		if (!(t in sizes) && !(t in resources))
			wrong_at(uses[t], "type " t " is not described")
	for (t in needs_use)
		if (!(t in uses))
			wrong_at(needs_use[t], t " is not used")
	for (t in resources)
		if (!(t in made))
			wrong_at(resources[t], "no call returns a " t)
	for (t in targets) {
		split(t, part, SUBSEP)
		if (part[2] != "parent" && !(t in fields))
			wrong_at(targets[t], part[1] " has no " part[2] " of which this is the length")
	}
	printf "%s%s", includes, defines
	for (c in values)
		printf "_Static_assert((unsigned long long)(%s) == %sull, \"%s is not %s\");\n",
			c, values[c], c, values[c]
	printf "%s", layout
	printf "/* calls: %d constants: %d */\n", calls, length_of(values)
	exit errors != 0
}

function length_of(a,	n, i)
{
	for (i in a)
		n++
	return n
}
