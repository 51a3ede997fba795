#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Does README's first command work on a fresh machine?  Debian 12 and 13, with the
# sources of apt in either format, as root and with sudo, each in a root of its own that
# has make and nothing else: up to the first object of the kernel, and once for each
# release all selftests with its compiler.  KTAP, with the time that each has taken.
#
#	check-install.sh [NAME...]	RELEASE-FORMAT-WHO, all by default
#	check-install.sh -n		the names
# shellcheck disable=SC2016	# formats of apt and dpkg
. "$(dirname "$0")/lib.sh"

dir=$build/install

names()
{
	local r f w

	for r in bookworm trixie; do
		for f in classic deb822; do
			for w in root sudo; do
				echo "$r-$f-$w"
			done
		done
	done
}

if [ "${1:-}" = -n ]; then
	names
	exit
fi

# What debootstrap has made of a release, as a new machine has it: kept for the next time
release_root()
{
	local release=$1

	[ ! -d "$dir/$release" ] || return 0
	rm -rf --one-file-system "$dir/$release.tmp"
	debootstrap --variant=minbase --include=make,sudo,ca-certificates --keyring="$apt_key" \
		"$release" "$dir/$release.tmp" "$apt_uri" || return 1
	rm -f "$dir/$release.tmp"/var/cache/apt/archives/*.deb "$dir/$release.tmp"/var/lib/apt/lists/*_*
	mv "$dir/$release.tmp" "$dir/$release"
}

# The sources of apt, as the installer writes them or as the images have them.  The
# machine's mirror, proxies, and what it thinks of its clock
sources()
{
	local root=$1 release=$2 format=$3 etc=$1/etc/apt uri suite

	rm -f "$etc/sources.list" "$etc/sources.list.d"/*
	apt-config dump --format '%F "%v";%n' | grep -E '^Acquire::(http|https|Check-[A-Za-z-]*)[: ]' \
		>"$etc/apt.conf.d/90machine" || true
	cp /etc/resolv.conf /etc/hosts "$root/etc/"
	apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' |
		sed -nE "s/ [a-z]+($|-updates$|-security$)/ $release\1/p" | sort -u |
		while read -r uri suite; do
			if [ "$format" = classic ]; then
				echo "deb $uri $suite main" >>"$etc/sources.list"
				continue
			fi
			cat >>"$etc/sources.list.d/debian.sources" <<-EOF
				Types: deb
				URIs: $uri
				Suites: $suite
				Components: main
				Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

			EOF
		done
}

# as WHO COMMAND: in the root, as a user who has sudo, or as root
as()
{
	local who=$1 home=/root
	shift

	[ "$who" = root ] || home=/home/user
	chroot "$root" setpriv --reuid "$uid" --regid "$uid" --clear-groups --inh-caps=-all \
		env -i HOME="$home" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		TERM=dumb JOBS="$jobs" bash -c "cd $home/simd && $*"
}

# try NAME: in mount and process namespaces of its own
try()
{
	local release format who root=$dir/root uid=0 home=root etc

	IFS=- read -r release format who <<<"$1"
	mkdir -p "$dir/new" "$root"
	# Five GiB of small files, which are gone afterwards: in memory if there is enough
	if [ "$(awk '/^MemAvailable/ { print int($2 / 1048576) }' /proc/meminfo)" -ge 12 ]; then
		mount -t tmpfs -o size=8G none "$dir/new"
	fi
	mkdir -p "$dir/new/upper" "$dir/new/work"
	mount -t overlay -o "lowerdir=$dir/$release,upperdir=$dir/new/upper,workdir=$dir/new/work" none "$root"
	mount --rbind --make-rslave /dev "$root/dev"
	mount -t proc proc "$root/proc"
	sources "$root" "$release" "$format"
	if [ "$who" = sudo ]; then
		uid=1000 home=home/user
		chroot "$root" useradd -m -s /bin/bash user
		echo 'user ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/user"
	fi
	git -C "$top" ls-files -z -c -o --exclude-standard |
		rsync -a --ignore-missing-args --from0 --files-from=- "$top/" "$root/$home/simd/"
	chown -R "$uid:$uid" "$root/$home/simd"
	etc=$(cd "$root/etc/apt" && find . -type f -exec sha256sum {} + | sort)

	as "$who" make first
	as "$who" 'test -e build/obj/arch/riscv/kvm/isa.o'
	[ "$etc" = "$(cd "$root/etc/apt" && find . -type f -exec sha256sum {} + | sort)" ] ||
		{ echo "/etc/apt has been changed"; return 1; }
	chroot "$root" dpkg-query -W -f '# ${Package} ${Version}\n' qemu-system-riscv opensbi gcc-riscv64-linux-gnu
	case $release:$(chroot "$root" dpkg-query -W -f '${Version}' qemu-system-riscv) in
	bookworm:*~bpo12* | trixie:*:10.0.[^~]*) ;;
	*) echo "this is not the QEMU that $release should have"; return 1 ;;
	esac
	if [ "$format-$who" = classic-root ]; then
		as "$who" scripts/build.sh selftests
	fi
}

if [ "${1:-}" = --try ]; then
	try "$2"
	exit
fi

[ "$(id -u)" = 0 ] || die "root is needed, for chroot and mounts"
"$scripts/deps.sh" install
. "$scripts/apt.sh"
apt_private
mkdir -p "$dir"
[ $# -gt 0 ] || mapfile -t all < <(names)
[ $# -gt 0 ] || set -- "${all[@]}"
for release in bookworm trixie; do
	if [[ " $*" == *" $release-"* ]]; then
		step "debootstrap $release" "install-$release.log" patiently release_root "$release" ||
			die "debootstrap cannot fetch $release"
	fi
done

say "KTAP version 1"
say "1..$#"
n=0 passed=0 failed=0
for name in "$@"; do
	n=$((n + 1))
	start=$SECONDS rc=0
	log=$logs/install-$name.log
	unshare --mount --pid --fork --kill-child "$0" --try "$name" >"$log" 2>&1 || rc=$?
	rm -rf --one-file-system "$dir/new"
	if [ $rc = 0 ]; then
		grep '^# ' "$log"
		say "ok $n $name # time=$((SECONDS - start))"
		passed=$((passed + 1))
	else
		tail -n 40 "$log" | sed 's/^/# /'
		say "not ok $n $name # time=$((SECONDS - start)) the whole log: $log"
		failed=$((failed + 1))
	fi
done
say "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
