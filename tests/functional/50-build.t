#!/bin/sh
# minsys build: actions, the store, and what a build leaves.
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/functional/project.sh
. "$(dirname "$0")/project.sh"

make_project
out=$project/out/minsys

builds() {
	minsys build >"$work/log" 2>&1 || {
		cat "$work/log"
		return 1
	}
}
# built STAGE...: exactly these were built in the last run.
built() {
	sed -n 's/^\([a-z-]*\)  *done.*/\1/p' "$work/log" | sort >"$work/built"
	printf '%s\n' "$@" | sed '/^$/d' | sort | diff - "$work/built"
}

ok 'an empty store builds everything' builds
ok 'both stages were built' built first second
ok 'the result is what the stages made' test "$(cat "$out/loud")" = "HELLO, WORLD
!"
ok 'the manifest names its digest' says "$out/manifest.json" "$(sha256_of "$out/loud")"
ok 'nothing to do is done again' builds
ok 'nothing was built' built ''
ok 'and it says so' says "$work/log" 'up to date'

echo '?' >"$project/stages/second/suffix"
ok 'a changed file builds' builds
ok 'only the stage that uses it' built second

sed -i 's/cp /cp  /' "$project/stages/first/stage.yaml"
ok 'a changed script with the same output builds' builds
ok 'the stage, but not what needs it (early cut-off)' built first

make_source moon
write_sources
ok 'a changed source builds' builds
ok 'all that depends on it' built first second
ok 'the new result is in place' says "$out/loud" 'HELLO, MOON'

echo '!' >"$project/stages/second/suffix"
echo edited >"$out/loud"
ok 'a build over an edited result' builds
ok 'keeps the edited file' says "$out.edited-1/loud" edited
ok 'and replaces it' says "$out/loud" 'HELLO, MOON'

cp "$out/manifest.json" "$work/good.json"
stage second <<-'END'
	summary: Fails
	needs: [first]
	run: |
	  echo made >half-done
	  echo "cannot frobnicate"
	  exit 3
	provides: second
	exports:
	  loud: loud
END
fails() {
	status 1 minsys build >"$work/log" 2>&1
}
ok 'a failing stage fails the build' fails
ok 'with the end of its log' says "$work/log" 'cannot frobnicate'
ok 'and its exit status' says "$work/log" 'stage second: exit status 3'
kept=$(sed -n 's/^its build tree is kept: //p' "$work/log")
ok 'its build tree is kept' test -f "$kept/half-done"
log=$(sed -n 's/^its whole log: //p' "$work/log")
ok 'its log is kept' says "$log" 'cannot frobnicate'
ok 'the last good result stays' cmp "$out/manifest.json" "$work/good.json"

# shellcheck disable=SC2016 # the step expands them
for case in 'mkfifo "$OUT/pipe"|is a fifo' 'ln -s x "$OUT/../../escape"|Read-only file system'; do
	stage second <<-END
		summary: Misbehaves
		needs: [first]
		run: |
		  ${case%|*}
		provides: second
		exports:
		  loud: loud
	END
	ok "${case%|*} is refused" fails
	ok 'and named' says "$work/log" "${case#*|}"
done

stage second <<-'END'
	summary: Leaves a setuid program
	needs: [first]
	run: |
	  cp /usr/bin/busybox "$OUT/loud"
	  chmod 4777 "$OUT/loud"
	provides: second
	exports:
	  loud: loud
END
ok 'a setuid output builds' builds
ok 'without its setuid bit' test "$(stat -c %a "$out/loud")" = 755

# Edits anywhere in the result: a file, one in a new folder, a link.
many() {
	stage second <<-END
		summary: Many files, some in a folder
		needs: [first]
		run: |
		  mkdir "\$OUT/folder"
		  for n in \$(seq $1); do echo "\$n" >"\$OUT/folder/\$n"; done
		provides: second
		exports:
		  all: .
	END
}
many 10
ok 'a folder is exported' builds
echo edited >"$out/all/folder/7"
mkdir "$out/all/folder/new"
echo mine >"$out/all/folder/new/file"
ln -s nowhere "$out/all/folder/link"
many 11
ok 'a build over edits in folders' builds
kept=$(sed -n 's/.* are kept in //p' "$work/log")
ok 'keeps an edited file' says "$kept/all/folder/7" edited
ok 'and a new one' says "$kept/all/folder/new/file" mine
ok 'and a link' test -L "$kept/all/folder/link"
ok 'and nothing else' test "$(find "$kept" -type f | wc -l)" = 2
ok 'in the result they are as built' says "$out/all/folder/7" 7
ok 'and nothing is left beside it' test -z "$(find "$project/out" -name '.*' -mindepth 1)"

# What a killed runner leaves beside the result: the old one, whose edits nobody had kept yet.
left=$project/out/.minsys.new-0123456789abcdef
nothing_left() {
	[ -z "$(find "$project/out" -mindepth 1 -maxdepth 1 -name '.*')" ]
}
cp -a "$out" "$left"
chmod 750 "$left/all/folder"
echo mine >"$left/all/folder/3"
ok 'a build after a killed one' builds
kept=$(find "$project/out" -path '*.edited-*' -name 3)
ok 'keeps the edits in what that left' says "$kept" mine
ok 'in folders with their own mode' test "$(stat -c %a "${kept%/3}")" = 750
ok 'and removes it' nothing_left
mkdir "$left"
echo half >"$left/loud"
ok 'a build after one that was killed earlier' builds
ok 'removes the half of a result' nothing_left
mkdir "$left" "$project/out/.minsys.new-mine"
flock "$left" sleep 60 &
holder=$!
while flock -n "$left" true; do sleep 0.01; done
ok 'a build beside another one' builds
ok 'leaves what that is writing alone' test -d "$left"
pkill -P "$holder" sleep
wait "$holder"
ok 'a build when that has ended' builds
ok 'removes it, and nothing of another name' test "$(cd "$project/out" && echo .minsys*)" = .minsys.new-mine
rmdir "$project/out/.minsys.new-mine"

# What stays as it is in the result is not written again, but where it was touched.
stage third <<-END
	summary: Stays as it is
	run: |
	  mkdir "\$OUT/d"
	  echo still >"\$OUT/d/still"
	  ln -s still "\$OUT/d/link"
	provides: third
	exports:
	  deep/third: d
END
inode() {
	stat -c %i "$out/deep/third/$1"
}
many 12
ok 'a build of one more stage' builds
still=$(inode still)
link=$(inode link)
many 13
ok 'and of another change' builds
ok 'a file that stays is not copied again' test "$(inode still)" = "$still"
ok 'nor a link' test "$(inode link)" = "$link"
ok 'it has no other name' test "$(stat -c %h "$out/deep/third/still")" = 1
ok 'its folders have the time that all has' \
	test "$(stat -c %Y "$out/deep" "$out/deep/third" | sort -u)" = 1000000000
echo other >"$out/deep/third/still"
touch -d @1000000000 "$out/deep/third/still"
many 14
ok 'a build over an edit that hides' builds
ok 'brings back what was built' says "$out/deep/third/still" still
cp -a "$out" "$out.saved"
rm -rf "$out"
mv "$out.saved" "$out"
echo other >"$out/all/folder/1"
touch -d @1000000000 "$out/all/folder/1"
many 14 # the same: nothing is replaced, and nobody looks
many 15
ok 'a build over a copy of the result' builds
ok 'is made of what was built' says "$out/all/folder/1" 1
rm -r "$project/stages/third"

# The time that all files carry may change from one build to the next.
rm -rf "$out".edited-*
sed -i 's/1000000000/1000000001/' "$project/targets/here/target.yaml"
echo edited >"$out/all/folder/5"
ok 'another SOURCE_DATE_EPOCH' builds
ok 'is that of every file' test -z "$(find "$out" ! -newermt @1000000000 -o -newermt @1000000001)"
ok 'the edited file was kept' says "$out.edited-1/all/folder/5" edited
ok 'and no other' test "$(find "$out.edited-1" -type f | wc -l)" = 1
sed -i 's/1000000001/1000000000/' "$project/targets/here/target.yaml"

# Nothing but a result is replaced, and that is known before anything is built.
mkdir "$work/mine"
echo precious >"$work/mine/file"
ln -s mine "$work/link"
ln -s nowhere "$work/dangling"
rm -rf "$MINSYS_CACHE/results"
refuses() {
	status 2 minsys build --out "$1" >"$work/log" 2>&1 && built '' && says "$work/log" "$2"
}
ok 'a folder of the user'\''s is not replaced' refuses "$work/mine" 'something else than a result'
ok 'nor through a link' refuses "$work/link/" 'something else than a result'
ok 'nor is a file' refuses "$work/mine/file" 'is no folder'
ok 'nor a link to nothing' refuses "$work/dangling" 'a link to nothing'
for case in '' . .. / "$work/mine/.."; do
	ok "nor \`$case\`" refuses "$case" 'needs a folder of its own'
done
ok 'it holds what it held' says "$work/mine/file" precious
echo '{"format": "of another program"}' >"$work/mine/manifest.json"
ok 'nor one with a manifest.json of something else' refuses "$work/mine" 'something else'
mkdir "$work/empty"
ln -s empty "$work/link-to-empty"
ok 'an empty folder becomes the result' minsys build -q --out "$work/empty/"
ok 'there it is' test -f "$work/empty/all/folder/7"
ok 'a link to a result stays one' minsys build -q --out "$work/link-to-empty"
ok 'and is one' test -L "$work/link-to-empty"

stage second <<-'END'
	summary: Links, and folders that are exported into
	needs: [first]
	files: [suffix]
	run: |
	  echo real >"$OUT/file"
	  ln -s file "$OUT/link"
	  ln -s /etc/passwd "$OUT/absolute"
	  stat -c %Y /minsys/stage/second /minsys/stage/second/suffix >"$OUT/times"
	provides: second
	exports:
	  below/a/link: link
	  absolute: absolute
	  file: file
	  times: times
END
ok 'links are exported' builds
ok 'as links' test "$(readlink "$out/below/a/link")" = file
ok 'wherever they lead' test "$(readlink "$out/absolute")" = /etc/passwd
ok 'as the manifest says' says "$out/manifest.json" '"link": "/etc/passwd"'
ok 'folders on the way carry the one time too' test -z "$(find "$out" -newermt @1000000000)"
ok 'and the files that a stage uses theirs' test "$(tr '\n' ' ' <"$out/times")" = '1 1 '
ok 'again' builds
ok 'nothing is taken for edited' test "$(grep -c edited "$work/log")" = 0

# How a stage was isolated is known of its result, not of the run that asks for it.
ok 'the isolation is recorded of each stage' \
	test "$(grep -c '"isolation": "userns"' "$out/manifest.json")" = 3
weaken() {
	for result in "$MINSYS_CACHE"/results/*; do
		sed -i -e '$d' -e 's/^isolation .*/isolation landlock: a test/' "$result"
		digest=$(sha256_of "$result")
		echo "$digest" >>"$result"
		break
	done
	builds && says "$out/manifest.json" '"isolation": "landlock",' &&
		says "$out/manifest.json" '"isolation_reason": "a test"' &&
		[ "$(grep -c '"isolation": "userns"' "$out/manifest.json")" = 1 ]
}
rm -rf "$MINSYS_CACHE/results"
builds
ok 'the weakest one is that of the whole' weaken
rm -rf "$MINSYS_CACHE/results"

# How a step may end, and what its log may hold.
ends() {
	stage second <<-END
		summary: Ends
		run: |
		  echo "\$\$" >number
		  $1
	END
	fails && says "$work/log" "$2"
}
ok 'a signal' ends "kill -9 \$\$" 'exit status 137 (128 + signal 9, Killed)'
ok 'a status that no signal gives' ends 'exit 250' 'stage second: exit status 250'
ok 'one failed tree of a stage is kept' test "$(find "$MINSYS_CACHE/failed" -mindepth 1 -maxdepth 1 | wc -l)" = 1
ok 'a forbidden build folder' ends 'chmod 0 .; exit 3' 'its build tree is kept: '
ok 'is kept' test -f "$(sed -n 's/^its build tree is kept: //p' "$work/log")/number"
ok 'an odd log' ends "printf 'be\\0fore\\033[31mred\\tä'; exit 1" "be\\x00fore\\x1b[31mred	ä"
ok 'ends with a line of its own' says "$work/log" '---'
verbose() {
	status 1 minsys build -v >"$work/log" 2>&1 && ! grep -q "$(printf '\033')" "$work/log"
}
ok 'nor does -v command the terminal' verbose

# The terminal may go away.
deaf() {
	stage second <<-'END'
		summary: Prints
		run: |
		  seq 100000
		  echo done >"$OUT/loud"
		provides: second
		exports:
		  loud: loud
	END
	{
		minsys build -v 2>&1
		echo "exit status $?" >"$work/status"
	} | head -n 1 >"$work/log"
	says "$out/loud" 'done'
}
ok 'a build outlives its terminal' deaf
full_output() {
	status 1 minsys list 2>&1 >/dev/full | grep 'standard output: No space left'
}
ok 'output that cannot be written is an error' full_output

# The result of stages that are named is what they export, not what those they need do.
only_named() {
	stage first <<-'END'
		summary: Copies the greeting
		sources: [hello]
		run: cp /minsys/src/hello/greeting "$OUT/text"
		provides: first
		exports:
		  text: text
	END
	stage second <<-'END'
		summary: Shouts it
		needs: [first]
		run: tr a-z A-Z </minsys/first/text >"$OUT/loud"
		provides: second
		exports:
		  loud: loud
	END
	minsys build second --out "$work/named" &&
		[ ! -e "$work/named/text" ] && [ -f "$work/named/loud" ] &&
		builds && [ -f "$out/text" ]
}
ok 'a stage that is named exports its own alone' only_named

# A folder of the project as a source: it is read, and nothing else.
cp "$project/stages/sources.yaml" "$work/sources.yaml"
cat >>"$project/stages/sources.yaml" <<-'END'
	mine:
	  version: "1"
	  license: MIT
	  path: mine
END
mkdir -p "$project/mine/folder"
echo mine >"$project/mine/folder/file"
chmod 0 "$project/mine/folder/file"
chmod 100 "$project/mine/folder"
stage second <<-'END'
	summary: Uses a folder of the project
	sources: [mine]
	run: cp /minsys/src/mine/folder/file "$OUT/loud"
	provides: second
	exports:
	  loud: loud
END
if [ "$(id -u)" = 0 ]; then
	ok 'a folder of the project is built from' builds
	ok 'with what it holds' says "$out/loud" mine
else
	ok 'a folder of the project that cannot be read is an error' status 1 minsys build
fi
ok 'and left as it is' test "$(stat -c %a "$project/mine/folder" | tr '\n' ' ')" = '100 '
chmod 755 "$project/mine/folder"
ok 'down to its files' test "$(stat -c %a "$project/mine/folder/file")" = 0
chmod 644 "$project/mine/folder/file"
ok 'a build of it' builds
writes_nothing() {
	# The first of these may note that there is nothing to do, once all is older than it.
	sleep 0.1 && builds && touch "$work/before" && sleep 0.05 && builds &&
		[ -z "$(find "$MINSYS_CACHE" -newer "$work/before")" ]
}
ok 'one with nothing to do writes nothing to the store' writes_nothing
rm -rf "$project/mine"
cp "$work/sources.yaml" "$project/stages/sources.yaml"

# A tree holds no hard links, whatever the archive has.
ln "$work/source/hello-1.0/greeting" "$work/source/hello-1.0/greeting-again"
make_source moon
write_sources
stage second <<-'END'
	summary: Reads two names of one file
	sources: [hello]
	run: cat /minsys/src/hello/* >"$OUT/loud"
	provides: second
	exports:
	  loud: loud
END
ok 'an archive with a hard link' builds
ok 'holds both' test "$(cat "$out/loud")" = "hello, moon
hello, moon"
ok 'each as a file of its own' test -z "$(find "$MINSYS_CACHE/trees" -type f -links +1)"

# A full disk is this machine's, not the stage's: nothing of it is kept as a failed build.
own_mounts='--mount'
[ "$(id -u)" = 0 ] || own_mounts='--user --map-current-user --keep-caps --mount'
full_disk() {
	# shellcheck disable=SC2016,SC2086 # the inner shell's; options in words
	unshare $own_mounts sh -euc '
		mkdir -p "$1"
		mount -t tmpfs -o size=8m none "$1"
		status=0
		MINSYS_CACHE="$1" "$2" build -C "$3" --mirror "$4" -j 1 >"$5" 2>&1 || status=$?
		ls "$1/failed" >>"$5"
		exit "$status"
	' sh "$work/small" "$BIN/minsys" "$project" "$mirror" "$work/log"
}
stage second <<-'END'
	summary: Too much
	run: |
	  yes | head -c 3000000 >"$OUT/1"
	  yes x | head -c 3000000 >"$OUT/2" || :
	provides: second
END
is_full() {
	status 3 full_disk && says "$work/log" 'small is full: free space there' &&
		says "$work/log" 'stage second: ' && ! grep -q '^second-' "$work/log"
}
ok 'a full disk' is_full

# Kill at random moments, then build to the end: the result is that of a build left alone.
stage second <<-'END'
	summary: Takes a moment
	needs: [first]
	run: |
	  for n in $(seq 200); do echo "$n" >"$OUT/$n"; done
	  cat /minsys/first/text >"$OUT/loud"
	provides: second
	exports:
	  all: .
END
digest_of_build() {
	builds && sha256_of "$out/manifest.json"
}
ok 'the reference for kill -9' builds
reference=$(sha256_of "$out/manifest.json")
killed_builds() {
	for n in $(seq 25); do
		rm -rf "$MINSYS_CACHE/results" "$MINSYS_CACHE/trees" "$MINSYS_CACHE/unpacked"
		"$BIN/minsys" build -q -C "$project" --mirror "$mirror" &
		pid=$!
		sleep "0.$(printf %03d $((n * 17 % 400)))"
		kill -9 "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	builds && [ "$(sha256_of "$out/manifest.json")" = "$reference" ]
}
ok 'killed 25 times, the store still gives the same result' killed_builds
ok 'nothing of the killed runs is left in it' test -z "$(ls -A "$MINSYS_CACHE/tmp")"

two_runners() {
	rm -rf "$MINSYS_CACHE"
	minsys build -q --out "$work/a" &
	first=$!
	minsys build -q --out "$work/b" || return 1
	wait "$first" || return 1
	cmp "$work/a/manifest.json" "$work/b/manifest.json" &&
		[ "$(sha256_of "$work/a/manifest.json")" = "$reference" ]
}
ok 'two runners share a store' two_runners

ok 'offline with everything there' minsys build --offline
rm -rf "$MINSYS_CACHE"
offline() {
	status 3 minsys build --offline >"$work/log" 2>&1 && says "$work/log" hello
}
ok 'offline with nothing there names what is missing' offline
ok 'an unknown stage is wrong input' status 2 minsys build nonesuch
finish
