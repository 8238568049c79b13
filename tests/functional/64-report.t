#!/bin/sh
# minsys report and the trace of a build: what they say, and how the page looks in Chromium.
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/functional/project.sh
. "$(dirname "$0")/project.sh"
export PYTHONDONTWRITEBYTECODE=1

make_project
page=$project/out/report.html
here=$(dirname "$0")

quietly() {
	minsys "$@" >"$work/log" 2>&1 || {
		cat "$work/log"
		return 1
	}
}
refused() {
	status 2 minsys "$@" >"$work/log" 2>&1
}

# shellcheck disable=SC2016 # as it is printed
ok 'without a build there is nothing to report' refused report
# shellcheck disable=SC2016
ok 'and it says what to do' says "$work/log" 'run `minsys build` first'

# Names that try to leave the data they are in, or to look like others.
stage hostile <<-'END'
	summary: Names as a stage should not have them
	run: |
	  cd "$OUT"
	  mkdir '<'
	  for name in '<!--<script>' '</script><script>document.title="owned"<' \
	    '"><img src=x onerror=alert(1)>' '__proto__' 'constructor' ' ' '&lt;' '\x41' \
	    "$(printf 'invalid\377\376')" "$(printf 'new\nline')" \
	    "$(printf 'turned\342\200\256around')"; do
	    case $name in */*) mkdir -p "${name%/*}" ;; esac
	    echo "$name" >"$name"
	  done
	  ln -s '</script>' link
	provides: hostile
END
ok 'a build' quietly build -v
trace=$(sed -n 's/.*; its trace: //p' "$work/log")
build=$(basename "$trace" .json)
ok 'leaves a trace that -v names' test -f "$trace"
ok 'which holds every task, on lanes without overlap' python3 "$here/trace.py" "$trace" \
	'download hello' 'download tools root' 'unpack hello' 'unpack tools root' 'stage first' \
	'stage hostile' 'stage second'
ok 'a build with nothing to do' quietly build -v
ok 'leaves none' test "$(ls "$MINSYS_CACHE/traces")" = "$build.json"

echo '?' >"$project/stages/second/suffix"
make_source moon
write_sources
ok 'a build after two edits' quietly build -v
trace=$(sed -n 's/.*; its trace: //p' "$work/log")
build=$(basename "$trace" .json)
ok 'report' quietly report --trace "$work/trace.json"
ok 'says where it is' says "$work/log" "$page: written"
ok '--trace writes the same trace' cmp "$work/trace.json" "$trace"

unlike() {
	! grep -q "$@"
}
ok 'the page names no place in a network' unlike '[a-z]://' "$page"
ok 'no name in a tree is markup in it' unlike -i 'owned\\"<\|<img\|<!--' "$page"

python3 "$here/record.py" "$MINSYS_CACHE" "$project" || exit 1
large=$work/large.html
ok 'an older build is reported by the begin of its name' quietly report --build 2020 -o "$large" \
	--trace "$work/large.json"
ok 'to the file that is asked for' says "$work/log" "$large: written"
ok 'with its trace' python3 "$here/trace.py" "$work/large.json" 'download linux' \
	'unpack tools root' 'unpack linux' 'stage headers' 'stage scripts' 'stage sysroot' 'stage linux' \
	'stage busybox' 'stage a-stage-with-a-name-that-is-as-long-as-anybody-would-ever-make-one'
ok 'a build that is not recorded' refused report --build 2019
# shellcheck disable=SC2016
ok 'is named' says "$work/log" 'no build `2019`'
ok 'another target has none' refused report --target elsewhere

command -v chromium >/dev/null || {
	[ -z "${MINSYS_REQUIRE:-}" ] || exit 1
	skip 'the page in a browser' 'chromium is not installed'
	finish
}
facts=$work/facts
shows() {
	python3 "$here/report.py" "$page" "$large" "${PICTURES:-$work}" >"$facts"
}
ok 'Chromium shows the pages' shows
is() {
	grep -qxF -- "$1: $2" "$facts" || {
		echo "'$1: $2' is not among:"
		grep -- "^$1: " "$facts"
		return 1
	}
}
ok 'without an error of a script' is errors none
ok 'without a request' is requests none
ok 'a row a task' is tasks \
	'download hello, first, second, unpack hello'
ok 'a row a source, with version and license' is sources 'hello 1.0 MIT'
ok 'a row an output, with its digest' is outputs "$(python3 -c '
import json, sys
stages = json.load(open(sys.argv[1]))["stages"]
print("; ".join(stage + " " + stages[stage]["output"] for stage in sorted(stages)))
' "$project/out/minsys/manifest.json")"
ok 'names are texts' is file 'hostile/</script><script>document.title="owned"<'
ok 'which change nothing' is title "minsys: here built, $(date -u -d "$(echo "$build" |
	sed 's/^\(....\)\(..\)\(..\)T\(..\)\(..\)\(..\).*/\1-\2-\3 \4:\5:\6/')" '+%F %T UTC')"
ok 'causes that follow from nothing' is root 'first: source hello 1.0 changed in 1 file: greeting'
# shellcheck disable=SC2016
ok 'down to the line' is root 'second: file suffix: line 1: `!` -> `?`'
ok 'and what followed' is followed 'second: the output of first changed in 1 file: text'
for name in '"><img src=x onerror=alert(1)>' __proto__ constructor '&lt;' '\x5cx41' 'invalid\xff\xfe' \
	'new\x0aline' 'turned\u{202e}around' 'link → </script>' '<!--<script>'; do
	ok "the name $name" is file "hostile/$name"
done
for screen in '360 light' '360 dark' '1280 light' '1280 dark'; do
	ok "$screen: nothing is wider than the screen" is "$screen wider" none
	ok "$screen: every text has contrast (WCAG AA)" is "$screen faint" none
done
ok 'light' is '360 light page' 'rgb(253, 253, 252)'
ok 'and dark' is '360 dark page' 'rgb(22, 24, 26)'
ok 'the critical path is marked' is critical \
	'download linux, unpack linux, linux'
ok 'a failure is seen' is failed 'busybox failed'
ok 'and said' is failure 'busybox failed after 1 m 5 s. Its log: minsys log busybox'
ok 'ten thousand files do not make ten thousand cells' is cells few
ok 'nor a slow page' is seconds few
ok 'the keyboard opens a task and closes it' is opened 'yes no'
ok 'the keyboard goes into a folder and back' is folder 'sysroot result'
ok 'it can be printed' is printed yes
finish
