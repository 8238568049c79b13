#!/bin/sh
# What runs when: stages at once, tokens, failures, and the end.
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/functional/project.sh
. "$(dirname "$0")/project.sh"

make_project
rm -rf "$project/stages/first" "$project/stages/second"

# ---- At once ----

for name in left right; do
	stage "$name" <<-END
		summary: Takes a second
		run: |
		  sleep 1
		  echo "$name" >"\$OUT/text"
	END
done
# The order of what the log tells: b(egun) and d(one).
order() {
	sed -n 's/^[a-z]*  *\(building\|done\).*/\1/p' "$work/log" | cut -c1 | tr -d '\n'
}
builds() {
	minsys build "$@" >"$work/log" 2>&1 || {
		cat "$work/log"
		return 1
	}
}
ok 'two stages with nothing between them' builds -j2
ok 'run at once' test "$(order)" = bbdd
rm "$work/store/results/"*
ok 'with one process' builds -j1
ok 'they run one after the other' test "$(order)" = bdbd

# ---- Tokens ----

# A tool that knows GNU make's protocol: it starts as many as it gets tokens for, and notes how
# many ran at once. The pipe is descriptors 4 and 5, or a fifo.
tokens() {
	cat >"$project/stages/$1/tokens" <<-'END'
		# tokens READ WRITE N: how many of N tokens come within two seconds; gives them back.
		got=
		for n in $(seq "$3"); do
			token=$(dd bs=1 count=1 <&"$1" 2>/dev/null & pid=$!; (sleep 2; kill $pid 2>/dev/null) >/dev/null 2>&1 & wait $pid)
			[ "$token" ] || break
			got=$got$token
		done
		echo "${#got}"
		printf %s "$got" >&"$2"
	END
}
rm -rf "$project/stages/left" "$project/stages/right"
stage pipe <<-'END'
	summary: Takes what it gets
	files: [tokens]
	run: |
	  echo "$MAKEFLAGS" >"$OUT/flags"
	  sh /minsys/stage/pipe/tokens 4 5 9 >"$OUT/count"
	provides: pipe
	exports: {pipe: .}
END
tokens pipe
equals() {
	[ "$1" = "$2" ] || {
		echo "it is '$2', not '$1'"
		return 1
	}
}
result() {
	cat "$project/out/minsys/$1"
}
ok 'a stage alone' minsys build -j4 --out "$project/out/minsys"
ok 'is told of the pipe' test "$(result pipe/flags)" = '-j4 --jobserver-auth=4,5'
ok 'and gets all tokens but its own' equals 3 "$(result pipe/count)"

stage fifo <<-'END'
	summary: The same by make 4.4's way
	jobserver: fifo
	files: [tokens]
	run: |
	  echo "$MAKEFLAGS" >"$OUT/flags"
	  exec 7<>"${MAKEFLAGS##*fifo:}"
	  sh /minsys/stage/fifo/tokens 7 7 9 >"$OUT/count"
	provides: fifo
	exports: {fifo: .}
END
tokens fifo
ok 'a fifo' minsys build -j3 --out "$project/out/minsys"
ok 'is named' test "$(result fifo/flags)" = '-j3 --jobserver-auth=fifo:/minsys/tmp/fifo/.jobserver'
ok 'and holds the tokens' test "$(result fifo/count)" = 2
only_outputs() {
	[ "$(cd "$project/out/minsys/fifo" && find . -type f | sort | tr '\n' ' ')" = './count ./flags ' ]
}
ok 'what is in it is no output' only_outputs

stage share <<-'END'
	summary: Knows no jobserver
	jobserver: share
	run: |
	  echo "$JOBS/${MAKEFLAGS-none}" >"$OUT/jobs"
	provides: share
	exports: {share: .}
END
ok 'a tool that knows no jobserver' minsys build -j5 --out "$project/out/minsys"
ok 'is told its share' test "$(result share/jobs)" = 5/none

# Both at once: never more than -j, together; a stage that ends gives its own to the other.
stage hog <<-'END'
	summary: Ends at once, holding tokens
	files: [tokens]
	run: |
	  dd bs=1 count=1 <&4 >/dev/null
	  kill -9 $$
	provides: hog
END
tokens hog
stage pipe <<-'END'
	summary: Takes what it gets, a while later
	files: [tokens]
	run: |
	  sleep 2
	  sh /minsys/stage/pipe/tokens 4 5 9 >"$OUT/count"
	provides: pipe
	exports: {pipe: .}
END
rm -rf "$project/stages/fifo" "$project/stages/share"
ok 'a stage that is killed while it holds tokens' status 1 minsys build -k -j4
ok 'loses none' minsys build pipe -j4 --out "$work/pipe"
ok 'for the others' equals 3 "$(cat "$work/pipe/pipe/count")"

# ---- Failures ----

rm -rf "$project/stages/hog" "$project/stages/pipe"
stage bad <<-'END'
	summary: Fails
	run: exit 7
	provides: bad
END
stage after <<-'END'
	summary: Needs what fails
	needs: [bad]
	run: "true"
END
stage good <<-'END'
	summary: Takes a moment longer
	run: |
	  sleep 1
	  echo good >"$OUT/good"
	provides: good
END
stage later <<-'END'
	summary: Needs what goes well
	needs: [good]
	run: cat /minsys/good/good >"$OUT/later"
END
failing() {
	status "$@" >"$work/log" 2>&1 || {
		cat "$work/log"
		return 1
	}
}
ok 'a failure' failing 1 minsys build -j2
ok 'lets what runs end' says "$work/log" 'good           done'
not_says() {
	! grep -F -- "$2" "$1"
}
ok 'begins nothing new' not_says "$work/log" 'later'
ok 'and is the last thing said' test "$(tail -n 1 "$work/log")" = 'minsys: stage bad: exit status 7'
ok 'with -k' failing 1 minsys build -k -j2
ok 'it goes on with what does not need it' says "$work/log" 'later          done'
ok 'and leaves out what does' says "$work/log" 'after          skipped: it needs what failed'
ok 'which is not built' not_says "$work/log" 'after          building'
stage worse <<-'END'
	summary: Fails too
	run: exit 8
END
ok 'several failures' failing 1 minsys build -k -j2
ok 'are all named' grep '^minsys: 2 failed: .*bad.*' "$work/log"
rm -rf "$project/stages/worse" "$project/stages/bad" "$project/stages/after"

# ---- The end ----

stage long <<-'END'
	summary: Takes a minute, with children that ignore signals
	run: |
	  trap '' INT TERM HUP
	  (trap '' INT TERM HUP; sleep 61) &
	  setsid sleep 62 &
	  echo "a start"
	  sleep 60
END
stage soon <<-'END'
	summary: Ends before
	run: echo soon >"$OUT/soon"
END
rm "$work/store/results/"*
none_alive() {
	! pgrep -fa 'sleep 6[012]'
}
# stops SIGNAL: it ends a build whose long stage runs, in less than a second.
stops() {
	ended=$(python3 "$root/tests/functional/stop.py" "$1" "$work/log" "long           building
soon           done" "$BIN/minsys" build -C "$project" --mirror "$mirror" -j3)
	echo "$ended"
	cat "$work/log"
	[ "${ended% *}" = "signal $1" ] && [ "${ended##* }" -lt 1000 ]
}
for signal in SIGINT SIGTERM SIGHUP; do
	rm -f "$work/store/results/"*
	ok "$signal ends a build within a second" stops "$signal"
	ok 'with all its processes' none_alive
	ok 'and it says so' says "$work/log" 'stopped; what was finished is kept'
done
ok 'what was finished' minsys build soon
not_again() {
	minsys build soon 2>&1 | { ! grep building; }
}
ok 'is kept' not_again
finish
