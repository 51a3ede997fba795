#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Have build/sparse/sparse: the release's own is too old for this kernel, prints
# one warning and then checks nothing.  Debian's newest source package is not.
#
#	sparse.sh --of ARGUMENT...	for kbuild: check those of SPARSE_FILES only
if [ "${1:-}" = --of ]; then
	for f in $SPARSE_FILES; do
		if [[ ${!#} == */$f* ]]; then
			echo "sparse: ${!#}" >&2	# make -s drops what is on stdout
			exec "$SPARSE" "${@:2}"
		fi
	done
	exit 0
fi
. "$(dirname "$0")/lib.sh"

# It has to find an access to user memory that the compiler lets through.
works()
{
	[ -x "$build/sparse/sparse" ] &&
		echo 'int f(int __attribute__((noderef, address_space(1))) *p) { return *p; }' \
			>"$build/sparse-probe.c" &&
		grep -q 'dereference of noderef' <<<"$("$build/sparse/sparse" "$build/sparse-probe.c" 2>&1)"
}

fetch_and_build()
{
	mkdir -p "$build/dl"
	(cd "$build/dl" && patiently apt-get -q "${apt_options[@]}" source --download-only sparse)
	rm -rf "$build/sparse"
	mkdir -p "$build/sparse"
	tar xf "$(find "$build/dl" -name 'sparse_*.orig.tar.*' | sort | tail -n 1)" \
		-C "$build/sparse" --strip-components=1
	# The headers of the host's compiler are not needed for the kernel.
	make -s -C "$build/sparse" -j"$jobs" ARCH=x86_64 CROSS_COMPILE= \
		CC=gcc HAVE_SQLITE=no HAVE_LLVM=no sparse
}

works && exit 0
. "$scripts/apt.sh"
apt_private
step "fetch and build sparse" sparse.log fetch_and_build
works || die "the sparse that was built does not find a known defect"
