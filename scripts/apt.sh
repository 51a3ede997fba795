# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154,SC2016,SC2034
# Sourced.  apt with lists of its own under build/, for suites that this
# machine does not have among its sources: nothing of its apt is changed, and
# the mirror is the one that its apt knows.

apt_dir=$build/apt

apt_private()
{
	local uri key

	command -v apt-get >/dev/null ||
		die "this machine has no apt; set KDIR= to a Linux 7.3 git tree and install the rest by hand"

	uri=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL)' 'Created-By: Packages' |
		awk '$2 == "Debian" && $3 == "Debian" { print $1; exit }')
	if [ -z "$uri" ]; then
		# Never updated: the sources are all there is to ask.
		if [ "$(id -u)" = 0 ]; then
			patiently apt-get -q update >"$logs/apt.log" 2>&1 || true
		fi
		uri=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL)' 'Created-By: Packages' |
			awk '$2 == "Debian" && $3 == "Debian" { print $1; exit }')
	fi
	[ -n "$uri" ] || die "apt on this machine knows no Debian mirror (apt-get update?)"

	key=/usr/share/keyrings/debian-archive-keyring.gpg
	[ -e "$key" ] || die "$key is missing (package debian-archive-keyring)"

	mkdir -p "$apt_dir/lists/partial" "$apt_dir/cache/archives/partial"
	# Another script may be using them: never half a file.
	for s in "deb $uri bookworm-backports" "deb $uri trixie-backports" "deb-src $uri sid"; do
		echo "${s%% *} [signed-by=$key] ${s#* } main"
	done >"$apt_dir/sources.$BASHPID"
	mv "$apt_dir/sources.$BASHPID" "$apt_dir/sources.list"
	apt_uri=$uri apt_key=$key

	apt_options=(
		-o "Dir::Etc::sourcelist=$apt_dir/sources.list"
		-o "Dir::State::lists=$apt_dir/lists"
		-o "Dir::Cache=$apt_dir/cache"
		-o "APT::Sandbox::User="
		-o Acquire::Retries=3
	)
	if [ ! -e "$apt_dir/updated" ]; then
		# The machine's own sources as well, for what backports depend on.
		step "apt: package lists of the backports" apt-update.log \
			patiently apt-get -q -o APT::Update::Error-Mode=any "${apt_options[@]}" update ||
			die "apt cannot reach the mirror; with a network, the next make goes on from here"
		touch "$apt_dir/updated"
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

# apt_unpack ROOT SUITE PACKAGE...: those of a newer suite, with all that they depend on,
# libc6 included, unpacked below ROOT and not installed.
apt_unpack()
{
	local root=$1 suite=$2 deb options
	shift 2

	apt_private
	mkdir -p "$apt_dir/lists-$suite/partial" "$apt_dir/cache-$suite/archives/partial"
	echo "deb [signed-by=$apt_key] $apt_uri $suite main" >"$apt_dir/$suite.list"
	options=(
		"${apt_options[@]}"
		-o "Dir::Etc::sourcelist=$apt_dir/$suite.list" -o Dir::Etc::sourceparts=/dev/null
		-o "Dir::State::lists=$apt_dir/lists-$suite" -o Dir::State::status=/dev/null
		-o "Dir::Cache=$apt_dir/cache-$suite" -o Debug::NoLocking=1
	)
	patiently apt-get -q -o APT::Update::Error-Mode=any "${options[@]}" update || return 1
	patiently apt-get -q "${options[@]}" install -y --no-install-recommends --download-only "$@" ||
		return 1
	rm -rf "$root.new"
	mkdir -p "$root.new"
	for deb in "$apt_dir/cache-$suite"/archives/*.deb; do
		dpkg -x "$deb" "$root.new" || return 1
	done
	rm -rf "$root"
	mv "$root.new" "$root"
}
