#!/bin/sh
# Every command of docs/walkthrough.md, in a copy of the checkout and with the user's store, prints
# what the page says. With WALKTHROUGH_LONG=1 also those that compile a kernel. WALKTHROUGH names
# another page, to see this test fail.
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"

page=${WALKTHROUGH:-$root/docs/walkthrough.md}
here=$root/tests/functional
store=${MINSYS_CACHE:-${XDG_CACHE_HOME:-${HOME:-}/.cache}/minsys}

# need REASON COMMAND...: without it, nothing here can run.
need() {
	reason=$1
	shift
	"$@" >/dev/null 2>&1 && return
	[ "${MINSYS_REQUIRE:-}" != 1 ] || {
		echo "1..1"
		echo "not ok 1 - $reason"
		exit 1
	}
	skip_all "$reason"
}
need 'python3 is not here' command -v python3
need 'nothing is built yet (minsys build)' test -d "$store/results"
# As far as make is concerned: QEMU and the tools that look at the results from outside too.
need 'packages are missing (scripts/packages build boot check)' \
	"$root/scripts/packages" build boot check

# With what is compiled, of the same age, so that make compiles nothing again.
copy=$work/checkout
mkdir -p "$copy/out"
for part in Makefile scripts stages targets toolchain src out/obj; do
	[ ! -e "$root/$part" ] || cp -Rp "$root/$part" "$copy/$part"
done
cp -Rp "$BIN" "$copy/out/bin"
cd "$copy" || exit 1

mkdir "$work/blocks"
ok 'the page can be read' python3 "$here/walkthrough.py" extract "$page" "$work/blocks"
[ "$failures" = 0 ] || finish

# run FOLDER: the commands of one block.
run() {
	if [ -e "$1/session" ]; then
		python3 "$here/console.py" 120 sh -eu "$1/commands" <"$1/session"
		return
	fi
	if ! status "$(cat "$1/status")" sh -eu "$1/commands" >"$work/printed" 2>&1 </dev/null; then
		cat "$work/printed"
		return 1
	fi
	[ ! -e "$1/output" ] || python3 "$here/walkthrough.py" compare "$1/output" "$work/printed"
}

for block in "$work/blocks"/*; do
	name=$(cat "$block/name")
	if [ -e "$block/long" ] && [ "${WALKTHROUGH_LONG:-}" != 1 ]; then
		skip "$name" 'compiles a kernel; make check-long runs it'
		continue
	fi
	ok "$name" run "$block"
	# Each builds on those before.
	[ "$failures" = 0 ] || break
done
finish
