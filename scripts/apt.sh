# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154,SC2016,SC2034
# Sourced.  apt with lists of its own under build/, for suites that this machine
# does not have among its sources.  It knows all that the machine's apt knows, and
# these suites beside that; nothing of the machine's apt is changed.

apt_dir=$build/apt

# as_root COMMAND...: sudo drops the environment, so that env(1) has to carry it.
as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo env DEBIAN_FRONTEND=noninteractive "$@"
	fi
}

# The mirror that this machine's apt has Debian from
debian_mirror()
{
	apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL)' 'Created-By: Packages' |
		awk '$2 == "Debian" && $3 == "Debian" && $1 !~ /^cdrom:/ { print $1; exit }'
}

# apt_sources FILE KEY LINE...: the machine's sources.list, and each LINE, "deb URI SUITE"
apt_sources()
{
	local file=$1 key=$2 list s
	shift 2

	eval "$(apt-config shell list Dir::Etc::sourcelist/f)"
	{
		cat "$list" 2>/dev/null || true
		for s in "$@"; do
			echo "${s%% *} ${key:+[signed-by=$key] }${s#* } main"
		done
	} >"$file"
}

# Somebody else's source that cannot be had does not matter, ours do.
update_private()
{
	local suite

	apt-get -q -o APT::Update::Error-Mode=any "${apt_options[@]}" update && return 0
	for suite in "${apt_suites[@]}"; do
		apt-get "${apt_options[@]}" indextargets --format '$(REPO_URI) $(RELEASE)' |
			grep -qxF "$apt_uri $suite" || return 1
	done
}

apt_private()
{
	local s lines=() list release

	command -v apt-get >/dev/null ||
		die "this machine has no apt; set KDIR= to a Linux 7.3 git tree and install the rest by hand"

	apt_uri=$(debian_mirror)
	if [ -z "$apt_uri" ]; then
		# Never updated: the sources are all there is to ask.
		patiently as_root apt-get -q update >"$logs/apt.log" 2>&1 || true
		apt_uri=$(debian_mirror)
	fi
	[ -n "$apt_uri" ] || die "apt on this machine knows no Debian mirror (apt-get update?)"

	apt_key=/usr/share/keyrings/debian-archive-keyring.gpg
	[ -e "$apt_key" ] || die "$apt_key is missing (package debian-archive-keyring)"

	# The base is in trixie-backports, for all architectures.  Bookworm's QEMU is too old.
	release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	apt_suites=(trixie-backports sid)
	lines=("deb $apt_uri trixie-backports" "deb-src $apt_uri sid")
	if [ "$release" = bookworm ]; then
		apt_suites+=(bookworm-backports)
		lines+=("deb $apt_uri bookworm-backports")
	fi

	mkdir -p "$apt_dir/lists/partial" "$apt_dir/cache/archives/partial"
	apt_options=(
		-o "Dir::Etc::sourcelist=$apt_dir/sources.list"
		-o "Dir::State::lists=$apt_dir/lists"
		-o "Dir::Cache=$apt_dir/cache"
		-o "APT::Sandbox::User="
		-o Acquire::Retries=3
	)
	# A machine that has one of these suites may name another key, or another name of
	# it, which apt takes for a contradiction: then the machine's key it is.
	list=$apt_dir/sources.$BASHPID
	apt_sources "$list" "$apt_key" "${lines[@]}"
	if ! apt-get -o "Dir::Etc::sourcelist=$list" indextargets >/dev/null 2>&1; then
		apt_sources "$list" '' "${lines[@]}"
	fi
	# Another script may be using it: never half a file.
	cmp -s "$list" "$apt_dir/sources.list" || rm -f "$apt_dir/updated"
	mv "$list" "$apt_dir/sources.list"

	# Packages of old lists are gone from the mirror.
	if [ -e "$apt_dir/updated" ] && [ -z "$(find "$apt_dir/updated" -mmin +1000)" ]; then
		return 0
	fi
	if step "apt: package lists of the backports" apt-update.log patiently update_private; then
		touch "$apt_dir/updated"
	elif [ -e "$apt_dir/updated" ]; then
		warn "going on with the package lists there are"
	else
		die "apt cannot reach the mirror; with a network, the next make goes on from here"
	fi
}

# The lists of the first suite that the mirror has in one piece: it may be amid a
# synchronization, and stay so for days.
update_riscv64()
{
	local suite

	for suite in trixie forky; do
		echo "deb [arch=riscv64 signed-by=$apt_key] $apt_uri $suite main" >"$apt_dir/riscv64.list"
		if apt-get -q -o APT::Update::Error-Mode=any "${apt_riscv64_options[@]}" update; then
			return 0
		fi
		say "no complete lists of $suite for riscv64"
	done
	return 1
}

# Debian for riscv64, of which packages are fetched and unpacked, not installed:
# sets apt_riscv64_options, with lists that are up to date.
apt_riscv64()
{
	apt_private
	apt_riscv64_options=(
		"${apt_options[@]}"
		-o "Dir::Etc::sourcelist=$apt_dir/riscv64.list" -o Dir::Etc::sourceparts=/dev/null
		-o "Dir::State::lists=$apt_dir/lists-riscv64" -o Dir::State::status=/dev/null
		-o "Dir::Cache=$apt_dir/cache-riscv64"
		-o APT::Architecture=riscv64 -o APT::Architectures=riscv64
	)
	mkdir -p "$apt_dir/lists-riscv64/partial" "$apt_dir/cache-riscv64/archives/partial"
	patiently update_riscv64
}

# apt_suite SUITE: sets apt_suite_options to SUITE alone, with lists that are up to date.
apt_suite()
{
	apt_private
	mkdir -p "$apt_dir/lists-$1/partial" "$apt_dir/cache-$1/archives/partial"
	echo "deb [signed-by=$apt_key] $apt_uri $1 main" >"$apt_dir/$1.list"
	apt_suite_options=(
		"${apt_options[@]}"
		-o "Dir::Etc::sourcelist=$apt_dir/$1.list" -o Dir::Etc::sourceparts=/dev/null
		-o "Dir::State::lists=$apt_dir/lists-$1" -o Dir::State::status=/dev/null
		-o "Dir::Cache=$apt_dir/cache-$1" -o Debug::NoLocking=1
	)
	patiently apt-get -q -o APT::Update::Error-Mode=any "${apt_suite_options[@]}" update
}

# apt_unpack ROOT SUITE PACKAGE...: those of a newer suite, with all that they depend on,
# libc6 included, unpacked below ROOT and not installed.
apt_unpack()
{
	local root=$1 suite=$2 deb
	shift 2

	apt_suite "$suite" || return 1
	patiently apt-get -q "${apt_suite_options[@]}" install -y --no-install-recommends --download-only "$@" ||
		return 1
	rm -rf "$root.new"
	mkdir -p "$root.new"
	for deb in "$apt_dir/cache-$suite"/archives/*.deb; do
		dpkg -x "$deb" "$root.new" || return 1
	done
	rm -rf "$root"
	mv "$root.new" "$root"
}
