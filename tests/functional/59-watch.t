#!/bin/sh
# `minsys build --watch`: builds again whenever a file of the project changes.
# shellcheck disable=SC2016 # scripts of stages are for another shell
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/functional/project.sh
. "$(dirname "$0")/project.sh"

[ -x /bin/busybox ] || skip_all '/bin/busybox (package busybox-static) is not installed'
need_namespaces

make_project
out=$project/out/minsys
second=$project/stages/second
cat >>"$project/stages/sources.yaml" <<-'END'
	mine:
	  version: local
	  license: MIT
	  path: code/mine
	  include: [src, COPYING]
END
mkdir -p "$project/code/mine/src"
echo one >"$project/code/mine/src/file"
echo free >"$project/code/mine/COPYING"
stage local <<-'END'
	summary: Uses a folder of the project
	sources: [mine]
	run: cp -R /minsys/src/mine/. "$OUT"
	exports: {mine: .}
END

# wait_for COMMAND...: until it succeeds, for 20 seconds.
wait_for() {
	end=$(($(date +%s) + 20))
	while [ "$(date +%s)" -lt "$end" ]; do
		"$@" >/dev/null 2>&1 && return
		sleep 0.05
	done
	"$@"
}
# rounds N: it has built that often, and waits.
rounds() {
	[ "$(grep -c '^waiting for a change' "$work/log")" = "$1" ] && tail -n 1 "$work/log" | grep -q ^waiting
}
count=1
# built COMMAND...: after another build the command succeeds; what the build said is $work/round.
built() {
	count=$((count + 1))
	wait_for rounds "$count" || {
		cat "$work/log"
		return 1
	}
	awk -v n="$((count - 1))" '/^waiting/ { seen++; next } seen >= n' "$work/log" >"$work/round"
	"$@"
}
loud_is() {
	[ "$(tail -n 1 "$out/loud")" = "$1" ]
}
"$BIN/minsys" build --watch -C "$project" --mirror "$mirror" >"$work/log" 2>&1 &
watch=$!
trap 'kill "$watch" 2>/dev/null; clean_up' EXIT

ok 'it builds' wait_for rounds 1
ok 'all there is' loud_is '!'

echo '?' >"$second/suffix"
ok 'a file that is edited is built' built loud_is '?'
ok 'and named' says "$work/round" 'changed: stages/second/suffix'
echo ':' >"$second/suffix.new"
mv "$second/suffix.new" "$second/suffix"
ok 'one that is replaced' built loud_is ':'
touch "$second/.suffix.swp" "$second/4913" "$second/suffix~" "$second/notes" "$project/notes"
mkdir "$second/more" && echo x >"$second/more/file"
sleep 0.6
ok 'what no stage uses is not' rounds "$count"
for n in $(seq 30); do
	echo "$n" >"$second/suffix"
	sleep 0.02
done
ok 'many edits at once' built loud_is 30
sleep 0.4
ok 'are one build' rounds "$count"
rm "$second/suffix"
ok 'a file that is gone is a problem' built says "$work/round" 'there is no file stages/second/suffix'
echo again >"$second/suffix"
ok 'until it is back' built loud_is again

echo 'nonsense: true' >>"$second/stage.yaml"
ok 'what is wrong with a stage is told' built says "$work/round" 'stages/second/stage.yaml:'
sed -i '/nonsense/d' "$second/stage.yaml"
ok 'and does not end it' built loud_is again
sed -i 's/  { tr/  [ -x \/minsys\/stage\/second\/suffix ] || exit 3; { tr/' "$second/stage.yaml"
ok 'nor does a stage that fails' built says "$work/round" 'exit status 3'
chmod +x "$second/suffix"
ok 'an executable bit counts' built loud_is again

mkdir "$project/stages/third"
sleep 0.3
stage third <<-'END'
	summary: Is new
	run: echo third >"$OUT/third"
	exports: {third: third}
END
third() {
	wait_for test -f "$out/third"
}
ok 'a new stage' third
wait_for eval 'tail -n 1 "$work/log" | grep -q ^waiting'
count=$(grep -c '^waiting' "$work/log")
rm -r "$project/stages/third"
ok 'is built until it is gone' built test ! -e "$out/third"
sed -i 's/1000000000/1000000001/' "$project/targets/here/target.yaml"
ok 'a target' built says "$work/round" 'changed: targets/here/target.yaml'
echo '# a comment' >>"$project/toolchain/root.yaml"
ok 'the tools root' built says "$work/round" 'changed: toolchain/root.yaml'

echo two >"$project/code/mine/src/file"
ok 'a source of the project'\''s' built says "$out/mine/src/file" two
mkdir -p "$project/code/mine/src/a/b"
ok 'with new folders' built test -d "$out/mine/src/a/b"
echo deep >"$project/code/mine/src/a/b/file"
ok 'and what comes into them' built says "$out/mine/src/a/b/file" deep
echo more >"$project/code/mine/not-included"
echo more >"$project/code/beside"
sleep 0.4
ok 'without what it does not include' rounds "$count"
mv "$project/code/mine" "$project/code/away"
ok 'one that is gone' built says "$work/round" 'there is no folder code/mine'
mv "$project/code/away" "$project/code/mine"
ok 'is found again' built says "$out/mine/src/file" two
for n in 1 2 3 4 5; do echo "$n" >"$project/code/mine/src/$n"; done
ok 'of many changes' built test -f "$out/mine/src/5"
ok 'some are named' says "$work/round" ' and 2 more'

sed -i 's/  \[ -x/  sleep 1; [ -x/' "$second/stage.yaml"
wait_for grep -q 'stages/second/stage.yaml' "$work/log"
sleep 0.6
echo meanwhile >"$second/suffix"
meanwhile() {
	wait_for loud_is meanwhile && wait_for eval 'tail -n 1 "$work/log" | grep -q ^waiting'
}
ok 'a change during a build is built next' meanwhile

# A stop while it waits, and while it builds.
ends() {
	kill "-$1" "$watch"
	began=$(date +%s%3N)
	wait "$watch"
	status=$?
	took=$(($(date +%s%3N) - began))
	echo "status $status after $took ms"
	[ "$status" = "$2" ] && [ "$took" -lt 1500 ]
}
ok 'SIGTERM ends it' ends TERM 143
stage second <<-'END'
	summary: Takes its time
	run: sleep 3219
	exports: {loud: loud}
END
"$BIN/minsys" build --watch second -C "$project" >"$work/log" 2>&1 &
watch=$!
wait_for pgrep -f '^sleep 3219'
ok 'also while it builds' ends TERM 143
ok 'with all that it runs' eval '! pgrep -f "^sleep 3219"'
interrupted() {
	PYTHONDONTWRITEBYTECODE=1 timeout -k 5 60 python3 "$root/tests/functional/console.py" 30 \
		"$BIN/minsys" build --watch first -C "$project" <<-'END'
		expect waiting for a change
		send \x03
		exit -2
	END
}
ok 'and Ctrl-c' interrupted
ok 'nothing is watched of what is no project' status 2 "$BIN/minsys" build --watch -C "$work"
finish
