#!/bin/sh
# minsys lock: the tools root's lock, resolved by the machine's own apt.
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"

project=$work/project
lock=$project/toolchain/root.lock
committed=$root/toolchain/root.lock
mkdir -p "$project/stages" "$work/temporary"
cp -R "$root/toolchain" "$project"
: >"$project/stages/sources.yaml"
# What apt makes must be gone afterwards.
TMPDIR=$work/temporary
export TMPDIR

minsys() {
	"$BIN/minsys" "$@" -C "$project"
}
# fails STATUS WORD...: minsys fails so; what it said is in $work/log.
fails() {
	expected=$1
	shift
	status "$expected" minsys "$@" >"$work/log" 2>&1
}
locks() {
	minsys lock "$@" >"$work/log" 2>&1 || {
		cat "$work/log"
		return 1
	}
}
# ask NAME...: root.yaml asks for these packages first.
ask() {
	sed "/^  - $1\$/d; s/^packages:/&$(printf '\\n  - %s' "$@")/" "$root/toolchain/root.yaml" \
		>"$project/toolchain/root.yaml"
}
sorted_names() {
	sed -n 's/^  - {name: \([^,]*\),.*/\1/p' "$lock" >"$work/names"
	test -s "$work/names" && LC_ALL=C sort -u "$work/names" | cmp - "$work/names"
}
asked_are_locked() {
	sed -n '/^packages:/,/^[a-z]*:$/s/^  - //p' "$project/toolchain/root.yaml" |
		LC_ALL=C sort >"$work/asked"
	test -s "$work/asked" && test -z "$(LC_ALL=C comm -23 "$work/asked" "$work/names")"
}
apt_state() {
	find /var/lib/apt /var/cache/apt /var/lib/dpkg -printf '%p %s %T@\n' 2>/dev/null |
		LC_ALL=C sort
}
# A folder that is an archive but for a signature.
unsigned_mirror() {
	mkdir -p "$work/mirror/dists/bookworm/main/binary-amd64"
	: >"$work/mirror/dists/bookworm/main/binary-amd64/Packages"
	printf 'Suite: bookworm\nCodename: bookworm\nDate: Sat, 11 Jul 2026 10:16:37 UTC\n' \
		>"$work/mirror/dists/bookworm/Release"
}

ok 'the lock is sorted, no package is there twice' sorted_names
ok 'all that root.yaml asks for is in it' asked_are_locked
ok 'it names no host' status 1 grep -q '://' "$lock"

ok 'a word too many is wrong usage' fails 2 lock word
ok 'so is --offline' fails 2 lock --offline
without_apt() {
	(PATH=$work && fails 3 lock)
}
ok 'without apt it cannot run' without_apt
ok 'and says so' says "$work/log" 'apt-get is not on this machine'
ok 'a mirror with a space is refused' fails 2 lock --mirror '/a b'

keys='apt and the keys of the Debian archive are not both here'
if command -v apt-get >/dev/null && [ -r /usr/share/keyrings/debian-archive-keyring.gpg ]; then
	ok 'a mirror that is not there' fails 3 lock --mirror "$work/none"
	ok 'is named' says "$work/log" "from file:$work/none"
	unsigned_mirror
	ok 'a mirror without a signature is refused' fails 3 lock --mirror "$work/mirror"
	ok 'for that reason' says "$work/log" 'is not signed'
	ok 'the lock stays' cmp "$lock" "$committed"
else
	skip 'a mirror that is not there is named' "$keys"
	skip 'a mirror without a signature is refused' "$keys"
fi

# shellcheck disable=SC2016 # apt expands it
archives=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' \
	'Label: Debian' 2>/dev/null)
if [ -z "$archives" ]; then
	skip 'the lock is what apt resolves' 'apt knows no Debian archive here'
	finish
fi

apt_state >"$work/before"
ok 'the lock is renewed' locks
if [ "$(grep ^snapshot "$lock")" = "$(grep ^snapshot "$committed")" ]; then
	ok 'to what is committed' cmp "$lock" "$committed"
	ok 'which it says' says "$work/log" 'unchanged'
else
	skip 'to what is committed' 'the archive has another release of the suite than the lock'
fi
cp "$lock" "$work/good"
sed -i '/name: bash,/d; s/name: bc,/name: bd,/; s/\(name: cpio, version: "\)/\10/' "$lock"
ok 'a changed lock is renewed' locks
ok 'to the same bytes' cmp "$lock" "$work/good"
ok 'with a count of the changes' says "$work/log" '2 added, 1 removed, 1 changed'

ask no-such-package gcc.
ok 'names that are no package' fails 2 lock
ok 'are named' says "$work/log" "\`no-such-package\`, \`gcc.\`"
ask gawk-
ok 'what apt would take for a removal' fails 2 lock
ok 'is named' says "$work/log" "\`gawk-\`"
ok 'the lock stays' cmp "$lock" "$work/good"
ask usr-is-merged
rm "$lock"
ok 'without a lock there is a new one' locks -q
ok 'with the same bytes, whatever the order asked in' cmp "$lock" "$work/good"
ok 'and -q says nothing' test ! -s "$work/log"
ask busybox-static
ok 'one more package' locks
ok 'is added, and nothing else changes' says "$work/log" '1 added, 0 removed, 0 changed'

apt_state >"$work/after"
ok "apt's own state is as it was" cmp "$work/before" "$work/after"
ok 'no temporary folder is left' test -z "$(ls -A "$TMPDIR")"
finish
