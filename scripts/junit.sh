#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The KTAP of the last make check as JUnit's XML and as KernelCI's JSON, by the
# kernel's own parser.
. "$(dirname "$0")/lib.sh"

ktap=$logs/check.ktap
parser=$linux/tools/testing/kunit/kunit.py
grep -qs '^1\.\.' "$ktap" || die "$ktap has no results of a whole run: make check"
[ -e "$parser" ] || die "$parser is missing: make base"

# The parser wants to know first how many there are.
{
	say "KTAP version 1"
	grep '^1\.\.' "$ktap"
	grep -E '^(# |ok |not ok )' "$ktap"
} | PYTHONDONTWRITEBYTECODE=1 python3 "$parser" parse --summary \
	--junit="$logs/check.junit.xml" --json="$logs/check.json" >"$logs/junit.log" || true
grep -q '</testsuite>' "$logs/check.junit.xml" || { cat "$logs/junit.log"; exit 1; }
say "$logs/check.junit.xml and check.json have $(grep -c '<testcase' "$logs/check.junit.xml") results"
