# shellcheck shell=sh
# The little of TAP (the Test Anything Protocol) that the functional tests need. A test file
# sources this, calls `ok`, and ends with `finish`. BIN is the folder of the programs, absolute;
# $work is a folder of the test's own, removed at its end.
set -u
umask 022

root=$(cd "$(dirname "$0")/../.." && pwd)
BIN=${BIN:-$root/out/bin}
case $BIN in
/*) ;;
*) BIN=$(cd "$BIN" && pwd) ;;
esac
work=$(mktemp -d "${TMPDIR:-/tmp}/minsys-test.XXXXXX")
tests=0
failures=0

clean_up() {
	chmod -R u+rwX "$work" 2>/dev/null
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

# ok NAME COMMAND [ARGUMENT]...: the test passes when the command succeeds. What it printed is
# shown when it does not.
ok() {
	name=$1
	shift
	tests=$((tests + 1))
	if "$@" >"$work/.tap" 2>&1; then
		echo "ok $tests - $name"
	else
		failures=$((failures + 1))
		echo "not ok $tests - $name"
		sed 's/^/# /' "$work/.tap"
	fi
}

# skip NAME REASON
skip() {
	tests=$((tests + 1))
	echo "ok $tests - $1 # SKIP $2"
}

# skip_all REASON: nothing in this file can run here; with MINSYS_REQUIRE set that is a failure.
skip_all() {
	[ -z "${MINSYS_REQUIRE:-}" ] || {
		echo "Bail out! $1"
		exit 1
	}
	echo "1..0 # SKIP $1"
	exit 0
}

# status N COMMAND...: succeeds when the command's exit status is N.
status() {
	wanted=$1
	shift
	got=0
	"$@" || got=$?
	[ "$got" = "$wanted" ] || {
		echo "exit status $got, expected $wanted"
		return 1
	}
}

# says FILE TEXT: the file holds the text.
says() {
	grep -qF -- "$2" "$1" || {
		echo "'$2' is not in:"
		cat "$1"
		return 1
	}
}

# as_user COMMAND...: as an ordinary user; when root runs the test, that is `nobody`.
chmod 711 "$work"
as_user() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
	else
		"$@"
	fi
}

# For a file whose tests all make user namespaces.
need_namespaces() {
	as_user unshare -Urm true 2>/dev/null ||
		skip_all 'this machine does not let an ordinary user make user namespaces (unshare -Urm)'
}

# BIN becomes a copy that as_user can reach.
copy_programs() {
	mkdir "$work/bin"
	for program in minsys minsys-sandbox minsys-fetch minsys-cpp minsys-attack; do
		cp "$BIN/$program" "$work/bin" || exit 1
	done
	BIN=$work/bin
}

finish() {
	echo "1..$tests"
	[ "$failures" = 0 ]
	exit
}
