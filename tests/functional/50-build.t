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
