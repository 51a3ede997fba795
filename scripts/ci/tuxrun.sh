#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The KVM selftests with tuxrun, of which this follows 1.10.0 (with tuxlava 0.17.0).
#
#	tuxrun.sh IMAGE KSELFTEST.TAR.GZ [TUXRUN'S OPTION...]
#
# Both may be files or URLs. tuxrun's --rootfs chooses another image, which needs perl and
# python3 for test-definitions.
#
# tuxrun has no option for QEMU's machine and CPU. Its qemu-riscv64 is "-M virt -cpu rv64",
# which has H, but neither V nor AIA, so that tests of V skip. lava.yaml has both.
set -euo pipefail

if [ $# -lt 2 ]; then
	echo "usage: $0 IMAGE KSELFTEST.TAR.GZ [TUXRUN'S OPTION...]" >&2
	exit 2
fi
kernel=$1 kselftest=$2
shift 2

# Parameters that are files have to be file:// URLs.
case $kselftest in
*://*) ;;
*) kselftest=file://$(realpath -e "$kselftest") ;;
esac

# kselftest.tar.gz has the list, and is unpacked at this place. test-definitions look for
# it relative to their own script, seven folders below the root. Going up too far is harmless.
skipfile=../../../../../../../../../opt/kselftests/default-in-kernel/kvm-tcg.skip

exec tuxrun --device qemu-riscv64 --kernel "$kernel" --tests kselftest-kvm \
	--parameters "KSELFTEST=$kselftest" "SKIPFILE=$skipfile" \
	--timeouts kselftest-kvm=45 "$@"
