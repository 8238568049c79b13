#!/bin/sh
# `minsys log`: what a stage printed, now and earlier.
# shellcheck disable=SC2016 # scripts of stages are for another shell
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/functional/project.sh
. "$(dirname "$0")/project.sh"

[ -x /bin/busybox ] || skip_all '/bin/busybox (package busybox-static) is not installed'
command -v python3 >/dev/null || skip_all 'python3 is not here'
need_namespaces

make_project
logged() {
	minsys log "$@" >"$work/output" 2>"$work/errors"
}
# prints TEXT [NOTICE]: it printed just that.
prints() {
	cat "$work/errors"
	printf '%b' "$1" | cmp - "$work/output" && [ "$(cat "$work/errors")" = "${2:-}" ]
}
# second SCRIPT
second() {
	stage second <<-END
		summary: Prints
		needs: [first]
		run: |
		  $1
		provides: second
	END
}
newest_build() {
	find "$MINSYS_CACHE/builds" -type f -printf '%f\n' | sort | tail -n 1
}

ok 'before it was built there is none' status 2 logged second
ok 'and it says so' says "$work/errors" 'there is no log of a stage `second`'
second 'printf "one\\ttwo\\033[31m \\303\\244 \\302\\233\\n"; echo wrong >&2'
minsys build -q second
first_build=$(newest_build)
ok 'the log of a stage' logged second
ok 'is what it printed, byte for byte' prints 'one\ttwo\033[31m \0303\0244 \0302\0233\nwrong\n'
on_terminal() {
	PYTHONDONTWRITEBYTECODE=1 timeout -k 5 60 python3 "$root/tests/functional/console.py" 30 \
		"$BIN/minsys" log second -C "$project" <<-'END'
		expect ^one\s+two\\x1b\[31m ä \\xc2\\x9b$
		expect ^wrong$
		exit 0
		never \x9b
	END
}
ok 'on a terminal, control bytes are shown' on_terminal
second 'echo it fails; exit 3'
minsys build -q second 2>/dev/null
failed_build=$(newest_build)
ok 'a stage that failed' logged second
ok 'has one too' prints 'it fails\n'
ok 'of a build that is named' logged second --build "$first_build"
ok 'it is that one'\''s' says "$work/output" wrong
ok 'the beginning of the name will do' logged second --build "$(echo "$failed_build" | cut -c-25)"
ok 'if it is one'\''s alone' status 2 logged second --build 2
ok 'a build that is not there' status 2 logged second --build 1999
ok 'a stage that it was not about' status 2 logged elsewhere --build "$first_build"
ok 'is named' says "$work/errors" "build $first_build was not about a stage \`elsewhere\`"

second ':'
minsys build -q second
ok 'a stage that printed nothing' logged second
ok 'has an empty one' prints '' 'it printed nothing'
ok 'about which -q says nothing' logged -q second
ok 'at all' prints ''

# Built before, so not in the build that is asked for.
second 'printf "one\\ttwo\\033[31m \\303\\244 \\302\\233\\n"; echo wrong >&2'
echo 'summary: Needs it
needs: [second]
run: cat </dev/null' >"$work/third.yaml"
stage third <"$work/third.yaml"
minsys build -q third
third_build=$(newest_build)
ok 'of a stage that a build did not run' logged second --build "$third_build"
ok 'it is from before' says "$work/errors" "build $third_build did not run it; this is from the one that did"
ok 'which it says' says "$work/output" wrong
sleep 2.1
rm -r "$MINSYS_CACHE/results"
minsys build -q third
ok 'of a stage that was run again' logged second --build "$first_build"
ok 'it is from later' says "$work/errors" 'run again later'
rm -f "$MINSYS_CACHE/logs"/*.log
ok 'one that is gone' status 2 logged second --build "$first_build"
ok 'is gone' says "$work/errors" 'its log is no longer in the store'

# Stages of the same name elsewhere do not count.
second 'echo mine'
minsys build -q second
other_project() {
	cp -R "$project" "$work/other" && sed -i 's/echo mine/echo other/' "$work/other/stages/second/stage.yaml" &&
		"$BIN/minsys" build -q second -C "$work/other" --mirror "$mirror" || return 1
	logged second && prints 'mine\n' || return 1
	"$BIN/minsys" log second -C "$work/other" | grep -x other
}
ok 'nor does another project' other_project

# ---- Following ----

second 'for n in 1 2 3 4 5; do echo "$n"; sleep 0.3; done; printf end'
wait_for() {
	for _ in $(seq 100); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.05
	done
	return 1
}
has_begun() {
	minsys log second | grep -x "$1"
}
followed() {
	minsys build -q second &
	build=$!
	wait_for has_begun 1 || return 1
	timeout 30 "$BIN/minsys" log -f second -C "$project" >"$work/output" 2>"$work/errors" &
	follow=$!
	wait_for grep -x 2 "$work/output" || return 1
	kill -0 "$build" || echo 'the build has ended already'
	wait "$follow" && wait "$build" && prints '1\n2\n3\n4\n5\nend'
}
ok '-f prints until the build ends' followed
ok 'and without a build what there is' logged -f second
ok 'all of it' prints '1\n2\n3\n4\n5\nend'
second 'echo begun; sleep 100'
killed() {
	minsys build -q second 2>/dev/null &
	build=$!
	wait_for has_begun begun || return 1
	timeout 20 "$BIN/minsys" log -f second -C "$project" >"$work/output" 2>"$work/errors" &
	follow=$!
	wait_for grep begun "$work/output" || return 1
	pkill -9 -P "$build" minsys || kill -9 "$build"
	wait "$build"
	wait "$follow" && prints 'begun\n'
}
ok 'and until a build is killed' killed

# ---- Usage ----

ok 'no stage' status 2 logged
ok 'two stages' status 2 logged first second
echo 'nonsense: true' >>"$project/stages/third/stage.yaml"
ok 'a broken project is no obstacle' logged second
full() {
	status 1 minsys log second >/dev/full 2>"$work/errors" && says "$work/errors" 'No space left'
}
ok 'output that cannot be written is an error' full
finish
