#!/bin/sh
# A build with nothing to do is known by its memo, and only while all is as it was.
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/functional/project.sh
. "$(dirname "$0")/project.sh"

need_namespaces
make_project
out=$project/out/minsys
mkdir -p "$project/tools/sub"
echo one >"$project/tools/one"
echo two >"$project/tools/sub/two"
cat >>"$project/stages/sources.yaml" <<-END
	tools:
	  version: local
	  license: MIT
	  path: tools
END
stage third <<-'END'
	summary: Uses a folder of the project
	sources: [tools]
	needs: [second]
	target_files: [config]
	run: cp -R /minsys/src/tools "$OUT/tools"; cp /minsys/stage/third/config "$OUT"
	exports:
	  third: .
END
echo config >"$project/targets/here/config"

builds() {
	minsys build "$@" >"$work/log" 2>&1 || {
		cat "$work/log"
		return 1
	}
}
memos() {
	find "$MINSYS_CACHE/memos" -type f | wc -l
}
# Does the next build read none of the project's files?
reads_nothing() {
	strace -f -o "$work/trace" -e trace=openat,openat2 "$BIN/minsys" build -C "$project" \
		--mirror "$mirror" "$@" >"$work/log" 2>&1 || {
		cat "$work/log"
		return 1
	}
	! grep -F stage.yaml "$work/trace"
}
# Build until a memo holds: not when something was changed in the moment in which a build began.
settle() {
	for _ in 1 2 3 4 5; do
		builds "$@" || return 1
		reads_nothing "$@" >/dev/null && return
		sleep 0.1
	done
	return 1
}

# --- It holds ---

ok 'the first build' builds
ok 'has no memo' test "$(memos)" = 0
ok 'one with nothing to do has' settle
ok 'and says so' says "$work/log" "$out: up to date"
ok 'it is one memo' test "$(memos)" = 1
ok 'with -q a build' reads_nothing -q
ok 'says nothing' test ! -s "$work/log"
ok 'another place is another question' builds --out "$work/other"
ok 'with an answer of its own' settle --out "$work/other"
ok 'so are stages' settle first
ok 'which have no result' test ! -s "$work/log"
ok 'those are three' test "$(memos)" = 3
ok 'the first still holds' reads_nothing

# --- It does not ---

# looks WHAT COMMAND...: after the command a build looks for itself; then a memo holds again.
looks() {
	what=$1
	shift
	"$@" >"$work/command" 2>&1 || {
		cat "$work/command"
		exit 1
	}
	reads_nothing >/dev/null && {
		tests=$((tests + 1))
		failures=$((failures + 1))
		echo "not ok $tests - $what"
		return
	}
	ok "$what" settle
}
# Another content of the same length, with the time of before: only the kernel's own time tells.
sneak() {
	touch -r "$1" "$work/time"
	tr 'a-y' 'b-z' <"$1" >"$work/content"
	cat "$work/content" >"$1"
	touch -r "$work/time" "$1"
}
exchange() {
	touch -r "$1" "$work/time"
	tr 'a-y' 'b-z' <"$1" >"$work/content"
	touch -r "$work/time" "$work/content"
	mv "$work/content" "$1"
}

echo abc >"$project/stages/second/suffix"
looks 'a file of a stage' true
looks 'with another content' sneak "$project/stages/second/suffix"
ok 'is built' says "$out/loud" bcd
looks 'another file in its place' exchange "$project/stages/second/suffix"
ok 'is built' says "$out/loud" cde
looks 'a stage file' touch "$project/stages/first/stage.yaml"
looks 'a file of a target' sneak "$project/targets/here/config"
ok 'is built with' says "$out/third/config" dpogjh
looks 'the lock' touch "$project/toolchain/root.lock"
looks 'a file of a source' sneak "$project/tools/sub/two"
ok 'is in it' says "$out/third/tools/sub/two" uxp
looks 'its mode' chmod +x "$project/tools/one"
ok 'is its mode' test -x "$out/third/tools/one"
looks 'a new file' cp "$project/tools/one" "$project/tools/sub/three"
ok 'is there' test -f "$out/third/tools/sub/three"
looks 'one less' rm "$project/tools/sub/three"
ok 'is gone' test ! -e "$out/third/tools/sub/three"
looks 'a link' ln -s one "$project/tools/link"
looks 'to something else' ln -sfn sub "$project/tools/link"
ok 'leads there' test "$(readlink "$out/third/tools/link")" = sub
looks 'a result removed from the store' sh -c "rm $MINSYS_CACHE/results/*"
looks 'a tree removed' sh -c "chmod -R u+w $MINSYS_CACHE/trees; rm -r $MINSYS_CACHE/trees/*"
looks 'what is known of archives removed' sh -c "rm $MINSYS_CACHE/unpacked/*"
rewrite() {
	for result in "$MINSYS_CACHE"/results/*; do
		cp "$result" "$work/result"
		mv "$work/result" "$result"
	done
}
looks 'results written anew' rewrite
looks 'a removed file of the result' rm "$out/loud"
ok 'is there again' test -f "$out/loud"
looks 'another result in its place' rm -r "$out"
looks 'what a killed build left' mkdir "$project/out/.minsys.new-0123456789abcdef"
looks 'a memo that is damaged' sh -c "for m in $MINSYS_CACHE/memos/*; do echo >>\$m; done"
cp "$BIN/minsys" "$BIN/minsys-fetch" "$BIN/minsys-sandbox" "$work"
BIN=$work
looks 'another minsys' true

# An edited result is told of each time.
echo mine >>"$out/loud"
ok 'a result that was edited' builds
ok 'is told of' says "$work/log" 'was edited'
ok 'and again' builds
ok 'as it is' says "$work/log" 'was edited'
cp "$out/loud" "$work/mine"
printf 'HELLO, WORLD\ncde\n' >"$out/loud"
touch -d @1000000000 "$out/loud"
ok 'until it is put right' settle

# What changes after it was read is built by the next one.
echo cdf >"$project/stages/second/suffix"
builds
sleep 0.1
change_meanwhile() {
	rm -f "$work/trace"
	strace -f -o "$work/trace" -e trace=openat,mkdirat \
		-e inject=mkdirat:delay_enter=2000000:when=1 \
		"$BIN/minsys" build -C "$project" >"$work/log" 2>&1 &
	for _ in $(seq 200); do
		grep -qs third/stage.yaml "$work/trace" && break
		sleep 0.05
	done
	sed -i 's/tr a-z A-Z/tr a-z B-ZA/' "$project/stages/second/stage.yaml"
	wait "$!" && says "$work/log" 'up to date'
}
ok 'a stage changed while a build runs' change_meanwhile
ok 'is built by the next' builds
ok 'as it is now' says "$out/loud" IFMMP

# In the moment of a change, times do not tell.
changes() {
	for i in 1 2 3 4 5 6 7 8 9; do
		echo "cd$i" >"$project/stages/second/suffix"
		builds && says "$out/loud" "cd$i" || return 1
		builds || return 1
	done
}
ok 'no change is overlooked' changes

finish
