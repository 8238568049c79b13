#!/bin/sh
# minsys check: a stage built again from nothing comes to the same, or what differs is named.
# shellcheck disable=SC2016 # the steps expand
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/functional/project.sh
. "$(dirname "$0")/project.sh"

make_project

# checks STATUS WORD...
checks() {
	wanted_status=$1
	shift
	status "$wanted_status" minsys check "$@" >"$work/log" 2>&1 || {
		cat "$work/log"
		return 1
	}
}
# ran STAGE...: these steps ran in the last command, as often as they are named.
ran() {
	sed -n 's/^\([a-z-]*\)  *building$/\1/p' "$work/log" | sort >"$work/ran"
	printf '%s\n' "$@" | sort | diff - "$work/ran"
}
records() {
	(cd "$MINSYS_CACHE" && find results actions -type f -exec sha256sum {} + | sort)
}
keeps_records() {
	records | diff "$work/records" -
}

# --- What comes out the same ---

ok 'with an empty store' checks 0
ok 'all is built, then built again' ran first second first second
ok 'and is the same' says "$work/log" 'second: the same with -j '
records >"$work/records"
ok 'one stage' checks 0 second
ok 'is built again, without what it needs' ran second
ok 'and nothing is recorded' keeps_records
ok 'several' checks 0 second first
ok 'each once' ran first second
ok 'a build has nothing to do then' minsys build -q
ok 'quietly' checks 0 -q
ok 'it says nothing' test ! -s "$work/log"
ok 'a stage that there is not' checks 2 third
ok 'is named' says "$work/log" 'there is no stage `third`'

# Out of the store: what a stage needs is what is recorded of that, not what it would be now.
rm -rf "$MINSYS_CACHE"/trees/*
ok 'trees that are not in the store any more' checks 0 second
ok 'are built first' ran first second second

# --- What may differ ---

stage second <<-'END'
	summary: Tells on its surroundings
	needs: [first]
	files: [suffix]
	run: |
	  echo "$MAKEFLAGS" >jobs
	  pwd >where
	  id -u >user
	  cat where user >"$OUT/loud"
	  cp jobs "$OUT"
	exports:
	  loud: loud
END
minsys build -q -j 3
ok 'a stage that keeps the number of jobs' checks 1 second -j 5
ok 'is told from what it was' says "$work/log" 'second: different'
ok 'by that file' says "$work/log" 'changed: jobs, first at offset 2'
ok 'and no other' test "$(grep -c 'changed\|added\|missing' "$work/log")" = 1
ok 'with another number, unless one is asked for' checks 1 second
ok 'it is built again only' ran second
ok 'another number that is asked for' checks 1 second -j 77
again=$(sed -n 's/^  built again: *//p' "$work/log")
before=$(sed -n 's/^  as it was built: *//p' "$work/log")
ok 'is the one' says "$again/jobs" '-j77'
ok 'and the recorded tree has that of the build' says "$before/jobs" '-j3'
ok 'the number it was built with' checks 0 second -j 3
rm -rf "$MINSYS_CACHE"/results
minsys build -q -j "$(($(getconf _NPROCESSORS_ONLN) + 1))"
ok 'one that was built with one more than there are processors' checks 1 second
again=$(sed -n 's/^  built again: *//p' "$work/log")
ok 'is checked with another number still' says "$again/jobs" \
	"-j$(($(getconf _NPROCESSORS_ONLN) + 2))"

# --- Chance ---

stage second <<-'END'
	summary: Leaves much to chance
	needs: [first]
	run: |
	  { seq 5000; echo "$MAKEFLAGS"; } >"$OUT/content"
	  chance=$(od -A n -t x4 -N 4 /dev/urandom | tr -d ' ')
	  mkdir "$OUT/folder" "$OUT/folder/$chance"
	  echo >"$OUT/folder/$chance/file"
	  ln -s "$chance" "$OUT/link"
	  echo same >"$OUT/same"
	  head -c 16 /dev/urandom >"$OUT/other file of $(printf '\033[31m')"
	provides: second
END
stage third <<-'END'
	summary: Hands it on
	needs: [second]
	run: cp -R /minsys/second/. "$OUT"
END
minsys build -q -j 3
ok 'two stages' checks 1 second third -j 5
ok 'one by chance' says "$work/log" 'second: different'
ok 'and one that only hands on what is recorded' says "$work/log" 'third: the same'
ok 'in the end they are counted' says "$work/log" 'built again: 1 the same, 1 different, 0 failed'
ok 'a file that changed, and where' says "$work/log" 'changed: content, first at offset 23895'
ok 'a link' says "$work/log" 'changed (where the link leads): link'
ok 'what came' grep -q '^  added: folder/[0-9a-f]*/file$' "$work/log"
ok 'what is missing' grep -q '^  missing: folder/[0-9a-f]*/file$' "$work/log"
ok 'not the folders of what came' status 1 grep -q '^  added: folder/[0-9a-f]*$' "$work/log"
ok 'nor what stayed' status 1 grep -q ': same' "$work/log"
ok 'nothing in a name commands the terminal' says "$work/log" 'other file of \x1b[31m'
before=$(sed -n 's/^  as it was built: *//p' "$work/log")
again=$(sed -n 's/^  built again: *//p' "$work/log")
differ_there() {
	cmp "$before/content" "$again/content" >"$work/cmp"
	says "$work/cmp" 'differ: byte 23896,'
}
ok 'both trees are kept' differ_there
records >"$work/records"
ok 'another check' checks 1 second
ok 'compares with the same result' says "$work/log" "as it was built: $before"
ok 'and leaves all records' keeps_records

stage second <<-'END'
	summary: Only the executable bit, and another type
	run: |
	  echo >"$OUT/script"
	  case $MAKEFLAGS in
	  -j7*) chmod +x "$OUT/script"; mkdir "$OUT/thing" ;;
	  *) echo >"$OUT/thing" ;;
	  esac
	provides: second
END
ok 'other differences' checks 1 second -j 7
ok 'the executable bit' says "$work/log" 'changed (whether it is executable): script'
ok 'a type' says "$work/log" 'changed (file, link or folder): thing'

stage second <<-'END'
	summary: An empty folder
	run: mkdir "$OUT/folder${MAKEFLAGS%% *}"
	provides: second
END
ok 'an empty folder' checks 1 second -j 7
ok 'is a difference' says "$work/log" 'added: folder-j7'
stage second <<-'END'
	summary: Many files
	run: for n in $(seq 30); do head -c 8 /dev/urandom >"$OUT/$n"; done
	provides: second
END
ok 'many files' checks 1 second
ok 'are not all listed' test "$(grep -c '^  changed: ' "$work/log")" = 20
ok 'but counted' says "$work/log" 'and 10 more'

# --- Failures ---

stage second <<-'END'
	summary: Works with few jobs only
	run: |
	  echo done >"$OUT/file"
	  echo left >behind
	  case $MAKEFLAGS in -j[19]*) echo 'a race is lost'; exit 4 ;; esac
	provides: second
END
minsys build -q second third -j 3
cp "$MINSYS_CACHE"/logs/*.log "$work"
records >"$work/records"
ok 'a stage that fails when built again' checks 1 second third -j 9
ok 'is named, with its status' says "$work/log" 'stage second: exit status 4'
ok 'and the end of its log' says "$work/log" 'a race is lost'
ok 'the others are checked all the same' says "$work/log" 'third: the same'
ok 'those that have not begun when it fails too' checks 1 second third -j 1
ok 'are the same' says "$work/log" 'third: the same'
ok 'its tree is kept' test -f "$(sed -n 's/^its build tree is kept: //p' "$work/log")/behind"
ok 'its log too' says "$(sed -n 's/^its whole log: //p' "$work/log")" 'a race is lost'
keeps_logs() {
	for log in "$work"/*.log; do
		cmp "$log" "$MINSYS_CACHE/logs/${log##*/}" || return 1
	done
}
ok 'the log of the build is as it was' keeps_logs
ok 'and all records' keeps_records
sed -i 's/exit 4/exit 5/' "$project/stages/second/stage.yaml"
ok 'one that cannot be built first' checks 1 second -j 9
sed -i 's/echo done/exit 6/' "$project/stages/second/stage.yaml"
ok 'fails as a build does' checks 1 second
ok 'with its status' says "$work/log" 'stage second: exit status 6'

# --- Stopped ---

long=$((100000 + $$)) # seconds: a time of its own, to know who takes it
stage second <<-END
	summary: Takes long
	run: |
	  case \$MAKEFLAGS in -j9*) echo here >started; sleep $long ;; esac
	  echo done >"\$OUT/file"
	provides: second
END
# stopped COMMAND...: a signal ends it within two seconds.
stopped() {
	"$@" >"$work/log" 2>&1 &
	checker=$!
	for _ in $(seq 200); do
		grep -qs here "$MINSYS_CACHE"/tmp/*/build/started "$work/started" && break
		sleep 0.05
	done
	began=$(date +%s)
	kill -TERM "$checker"
	wait "$checker"
	ended=$?
	echo "exit status $ended after $(($(date +%s) - began)) s"
	cat "$work/log"
	[ "$ended" = 143 ] && [ "$(($(date +%s) - began))" -le 2 ]
}
nothing_left() {
	! pgrep -f "sleep $long\$"
}
minsys build -q second
ok 'a check that is stopped' stopped "$BIN/minsys" check second -j 9 -C "$project" --mirror "$mirror"
ok 'says so' says "$work/log" 'stopped'
ok 'leaves no process' nothing_left

# --- diffoscope, on the machine ---

stage second <<-'END'
	summary: Chance again
	run: head -c 8 /dev/urandom >"$OUT/file"
	provides: second
END
mkdir "$work/tools"
# diffoscope <<END: one that does this.
diffoscope() {
	{
		echo '#!/bin/sh'
		cat
	} >"$work/tools/diffoscope"
	chmod +x "$work/tools/diffoscope"
}
PATH=$work/tools:$PATH
diffoscope <<-'END'
	for tree do :; done
	test -f "$tree/file" && printf 'they differ \033[31m\n'
	exit 1
END
ok 'with diffoscope' checks 1 second
ok 'what it says is shown' says "$work/log" 'they differ \x1b[31m'
ok 'and that it is in no sandbox' says "$work/log" 'outside of the sandbox'
diffoscope <<-'END'
	yes 'very different' | head -n 100000
	exit 1
END
ok 'one that says much' checks 1 second
ok 'is cut' says "$work/log" 'the rest is left out'
ok 'soon' test "$(wc -c <"$work/log")" -lt 30000
diffoscope <<-'END'
	echo 'Traceback' >&2
	exit 2
END
ok 'one that fails' checks 1 second
ok 'is shown too' says "$work/log" 'it failed: exit status 2'
diffoscope <<-END
	echo here >"$work/started"
	echo >"\$TMPDIR/file"
	sleep $long
END
ok 'one that is stopped' stopped "$BIN/minsys" check second -C "$project" --mirror "$mirror"
ok 'leaves no process' nothing_left
ok 'and no file' test -z "$(ls "$MINSYS_CACHE/tmp")"

finish
