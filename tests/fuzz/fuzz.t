#!/bin/sh
# Each fuzz target from its seeds for FUZZ_SECONDS (30), two at once. A crash, a claim that does not
# hold, a leak, more than 5 s for an input and more than 2 GiB of memory all fail. With FUZZ_CORPUS,
# a folder, what was found worth keeping stays there, and the next run goes on from it. Arguments
# are the targets, all if there are none.
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/../functional/tap.sh"

seconds=${FUZZ_SECONDS:-30}
corpus=${FUZZ_CORPUS:-$work/corpus}
scratch=$work
[ ! -w /dev/shm ] || scratch=$(mktemp -d /dev/shm/minsys-fuzz.XXXXXX)
trap 'clean_up; rm -rf "$scratch"' EXIT
cd "$root" || exit 1
[ $# -gt 0 ] || for source in tests/fuzz/*.c; do
	set -- "$@" "$(basename "$source" .c)"
done

# shellcheck disable=SC2016 # for the inner shell
printf '%s\n' "$@" | xargs -P2 -I{} sh -c \
	'status=0; tests/fuzz/run "$1" "$2" "$3/$1" "$4" >"$5/$1.log" 2>&1 || status=$?
	echo "$status" >"$5/$1.status"' sh {} "$seconds" "$corpus" "$scratch" "$work"

is_well() {
	[ "$(cat "$work/$1.status")" = 0 ] && return
	grep -vE '^(#|INFO|==[0-9]+==INFO)|NEW_FUNC' "$work/$1.log" | head -n 60
	echo "an input that does it: $(sed -n 's/.*Test unit written to //p' "$work/$1.log")"
	return 1
}
for target; do
	ok "$target" is_well "$target"
	sed -n "s/^stat::number_of_executed_units: */# $target: inputs: /p" "$work/$target.log"
done
finish
