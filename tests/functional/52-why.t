#!/bin/sh
# minsys why: what made a stage build, and what would.
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/functional/project.sh
. "$(dirname "$0")/project.sh"

need_namespaces
make_project
store=$MINSYS_CACHE

builds() {
	minsys build -q >"$work/log" 2>&1 || {
		cat "$work/log"
		return 1
	}
}
# why STAGE [OPTION]... / LINE...: each line is one of the answer.
why() {
	words=
	while [ "$1" != / ]; do
		words="$words $1"
		shift
	done
	shift
	# shellcheck disable=SC2086 # words
	minsys why $words >"$work/why" 2>&1 || {
		cat "$work/why"
		return 1
	}
	for line in "$@"; do
		grep -qxF -- "$line" "$work/why" || {
			echo "no line '$line' in:"
			cat "$work/why"
			return 1
		}
	done
}
# causes N: so many causes were told by the last answer.
causes() {
	[ "$(grep -c '^  ' "$work/why")" = "$1" ] || {
		cat "$work/why"
		return 1
	}
}
# json STAGE [OPTION]... / EXPRESSION: what Python says of the answer, as `w`.
json() {
	words=
	while [ "$1" != / ]; do
		words="$words $1"
		shift
	done
	# shellcheck disable=SC2086 # words
	minsys why --json $words >"$work/json" || return 1
	python3 -c 'import json, sys
w = json.load(open(sys.argv[1]))
def kinds(root): return [c["stage"] + " " + c["kind"] for c in w["causes"] if c["root"] == root]
assert eval(sys.argv[2]), json.dumps(w, indent=1)' "$work/json" "$2"
}
last_build() {
	find "$store/builds" -type f | sed 's,.*/,,' | sort | tail -n 1
}

# --- Nothing was built ---

ok 'an unknown stage is wrong input' status 2 minsys why nonesuch
ok 'so is no stage' status 2 minsys why
ok 'and two of them' status 2 minsys why first second
ok 'a build that is not there' status 2 minsys why first --build 2026
ok 'the past and the future at once' status 2 minsys why first --build 2026 --dry-run
ok 'nothing is recorded yet' why second / 'no build of second is recorded for this project and target' \
	"now: it would be built again; \`minsys why second --dry-run\` says why"
never='it was never built here before, as far as is recorded'
ok 'what would be built' why first --dry-run / 'first would be built' "  first: $never"
ok 'was not' test -z "$(ls "$store/results")"

# --- The first build ---

stage second <<-'END'
	summary: Shouts it
	needs: [first]
	files: [suffix, picture]
	env: { CFLAGS: "-O2" }
	run: |
	  cd "$OUT"
	  tr a-z A-Z </minsys/first/text >loud
	  cat /minsys/stage/second/suffix >>loud
	  echo "$CFLAGS" >flags
	provides: loud
END
seq 300 | sed 's/^/line /' >"$project/stages/second/suffix"
printf 'a\0b' >"$project/stages/second/picture"
stage third <<-'END'
	summary: Keeps it
	needs: [second]
	run: cp /minsys/loud/loud "$OUT/kept"
	provides: third
	exports:
	  kept: kept
END
ok 'the first build' builds
ok 'is the first' why third / 'root cause:' "  third: $never" 'now: up to date'
ok 'that is all' causes 1
ok 'one that is up to date' why third --dry-run / 'third is up to date' "  third: $never"
ok 'as JSON' json third --dry-run / \
	'w["verdict"] == "up to date" and w["built"]["causes"][0]["kind"] == "first"'
first_build=$(last_build)
writes_nothing() {
	touch "$work/before" && sleep 0.05 && echo '?' >>"$project/stages/second/suffix" &&
		minsys why third --dry-run && minsys why third &&
		[ -z "$(find "$store" -newer "$work/before")" ]
}
ok 'asking writes nothing' writes_nothing
ok 'nothing to do is not recorded' test "$(find "$store/builds" -type f | wc -l)" = 1

# --- A file, and what follows from it ---

followed='  third: the output of second changed in 1 file: loud'
ok 'a file would build its stage' why second --dry-run / 'second would be built' 'root cause:' \
	"  second: file suffix: line 301: \`?\` added"
ok 'and perhaps what needs it' why third --dry-run / \
	'third would be built if the output of what it needs changes' \
	"  second: file suffix: line 301: \`?\` added" \
	'  third: second would be built first; whether its output changes is not known before'
ok 'it does' builds
ok 'the follower followed' why third / 'root cause:' 'what followed:' "$followed" \
	"  second: file suffix: line 301: \`?\` added"
ok 'from nothing else' causes 2
ok 'the root cause is told of its stage too' why second / "  second: file suffix: line 301: \`?\` added"
ok 'and nothing beside it' causes 1
ok 'first was not built again' why first / "  first: $never"
ok 'as JSON too' json third / \
	'kinds(True) == ["second file"] and kinds(False) == ["third need"] and w["now"] == "up to date"'
ok 'with the line' json second / \
	'[(c["line"], c["added"], c["after"], "before" in c) for c in w["causes"]] == [(301, 1, "?", False)]'
ok 'with the file that changed' json third / \
	'[c["parts"] for c in w["causes"] if c["kind"] == "need"] == [[{"name": "loud", "change": "changed"}]]'

sed -i -e '214s/.*/other/' -e '300d' "$project/stages/second/suffix"
ok 'a line that changed' builds
ok 'is shown, and the others are counted' why second / \
	"  second: file suffix: line 214: \`line 214\` -> \`other\` (in all 2 lines removed, 1 added)"
printf 'a\0bc' >"$project/stages/second/picture"
ok 'a file that is no text' why second --dry-run / \
	'  second: file picture: it is no text: 3 B before, 4 B now'
chmod +x "$project/stages/second/suffix"
ok 'a file that became executable' why second --dry-run / '  second: file suffix: it became executable'
chmod -x "$project/stages/second/suffix"
printf 'a\0b' >"$project/stages/second/picture"
ok 'all as it was' why second --dry-run / 'second is up to date'
printf '\033[31m\377\n' >>"$project/stages/second/suffix"
ok 'bytes that are no text do not reach the terminal' why second --dry-run / \
	"  second: file suffix: line 301: \`\\x1b[31m\\xff\` added"
ok 'and are JSON' json second --dry-run / 'w["causes"][0]["after"] == "\\x1b[31m\\xff"'
sed -i '$d' "$project/stages/second/suffix"
rm "$store/files/$(sha256_of "$project/stages/second/suffix")"
echo more >>"$project/stages/second/suffix"
ok 'a file whose content is lost' why second --dry-run / \
	'  second: file suffix: what it held before is not in the store any more'
sed -i '$d' "$project/stages/second/suffix"

# --- Other fields ---

edit() {
	cp "$project/stages/second/stage.yaml" "$work/second.yaml"
	sed -i "$1" "$project/stages/second/stage.yaml"
}
restore() {
	cp "$work/second.yaml" "$project/stages/second/stage.yaml"
}
edit 's/-O2/-O3/'
ok 'a variable' why second --dry-run / "  second: CFLAGS in env: \`-O2\` -> \`-O3\`"
ok 'builds' builds
ok 'and is told afterwards' why second / "  second: CFLAGS in env: \`-O2\` -> \`-O3\`"
restore
rm -rf "$store/results"
ok 'the old one' builds
edit 's/CFLAGS: "-O2"/CFLAGS: "-O2", LDFLAGS: "-s"/'
ok 'one that is new' why second --dry-run / "  second: LDFLAGS in env: \`-s\` added"
restore
# shellcheck disable=SC2016 # the step expands them
edit 's/^  echo .*/  echo "$CFLAGS" "$HOME" >flags/'
ok 'the script' why second --dry-run / \
	"  second: the script: line 4: \`echo \"\$CFLAGS\" >flags\` -> \`echo \"\$CFLAGS\" \"\$HOME\" >flags\`"
restore
edit 's/, picture//'
ok 'a file that is used no more' why second --dry-run / \
	'  second: file picture: it is not among its files any more'
restore
edit 's/suffix, picture/picture, suffix/'
ok 'another order' why second --dry-run / \
	'  second: its sources, needs or files stand in another order'
restore
sed -i 's/1000000000/1000000001/' "$project/targets/here/target.yaml"
ok 'a fact of the target' why first --dry-run / \
	"  first: target fact SOURCE_DATE_EPOCH: \`1000000000\` -> \`1000000001\`"
ok 'is a root cause of each stage' json third --dry-run / \
	'kinds(True) == ["first target", "second target", "third target"]'
ok 'in one line' why third --dry-run / \
	"  first, second, third: target fact SOURCE_DATE_EPOCH: \`1000000000\` -> \`1000000001\`"
sed -i 's/1000000001/1000000000/' "$project/targets/here/target.yaml"
# --- Sources, local ones, and the tools root ---

make_source moon
write_sources
ok 'another archive of the same version' why first --dry-run / \
	'  first: source hello 1.0: its archive, or what is left out of it, changed'
sed -i 's/"1.0"/"1.1"/' "$project/stages/sources.yaml"
ok 'another version' why first --dry-run / '  first: source hello 1.0 -> 1.1'
ok 'builds' builds
ok 'and is told of all that follows' why third / 'root cause:' '  first: source hello 1.0 -> 1.1' \
	'  second: the output of first changed in 1 file: text' "$followed"
ok 'and of nothing else' causes 3
make_source mars
write_sources
sed -i 's/"1.0"/"1.1"/' "$project/stages/sources.yaml"
ok 'the same version with other files' builds
ok 'names the files' why first / '  first: source hello 1.1 changed in 1 file: greeting'
rm -rf "$store/unpacked"
ok 'what is unpacked no more is taken for the same' why first --dry-run / 'first is up to date'
ok 'and is unpacked again' builds

mkdir -p "$project/mine/folder"
echo mine >"$project/mine/folder/file"
cat >>"$project/stages/sources.yaml" <<-'END'
	mine:
	  version: "2"
	  license: MIT
	  path: mine
END
cp "$project/stages/first/stage.yaml" "$work/first.yaml"
sed -i 's/\[hello\]/[hello, mine]/' "$project/stages/first/stage.yaml"
ok 'a source that is new' why first --dry-run / '  first: source mine 2 was not used before'
ok 'builds' builds
ok 'and changes nothing that follows' why third --dry-run / 'third is up to date'
echo yours >"$project/mine/folder/file"
ln -s file "$project/mine/folder/link"
ok 'files of the project' why first --dry-run / \
	'  first: source mine 2 changed in 2 files: folder/file, folder/link (added)'
ok 'build' builds
ok 'and are told' why first / \
	'  first: source mine 2 changed in 2 files: folder/file, folder/link (added)'
cut_off=$(last_build)
cp "$work/first.yaml" "$project/stages/first/stage.yaml"
rm -rf "$store/results"
ok 'a source that is used no more' why first --dry-run / '  first: source mine is not used any more'
ok 'without it' builds

cp "$project/toolchain/root.lock" "$work/root.lock"
sed -i 's/version: "1"/version: "2"/' "$project/toolchain/root.lock"
ok 'a version of a package alone changes nothing' why first --dry-run / 'first is up to date'
echo x >"$work/deb/data/etc/x"
tar -C "$work/deb/data" --sort=name --owner=0 --group=0 -cJf "$work/deb/data.tar.xz" .
(cd "$work/deb" && rm "$mirror/pool/tools.deb" &&
	ar rcD "$mirror/pool/tools.deb" debian-binary control.tar.gz data.tar.xz)
sed -i -e "s/sha256: [0-9a-f]*/sha256: $(sha256_of "$mirror/pool/tools.deb")/" \
	-e "s/size: [0-9]*/size: $(stat -c %s "$mirror/pool/tools.deb")/" "$project/toolchain/root.lock"
tools='first, second, third: the tools root: package tools 1 -> 2'
ok 'another package of the tools root' why third --dry-run / "  $tools"
ok 'builds all' builds
ok 'and is told' json third / 'kinds(True) == ["third tools"] and kinds(False) == []'
ok 'with the package' json third / \
	'w["causes"][0]["parts"] == [{"name": "package tools", "change": "changed", "before": "1", "after": "2"}]'

# --- Early cut-off ---

sed -i 's/cp /cp  /' "$project/stages/first/stage.yaml"
ok 'a script with the same output' builds
ok 'built its stage' why first / "  first: the script: line 1: \`cp /minsys/src/hello/greeting \"\$OUT/text\"\` -> \`cp  /minsys/src/hello/greeting \"\$OUT/text\"\`"
ok 'and not what needs it, which is said of that build' why second --build "$(last_build)" / \
	'first, which it needs, was built again and came out the same'
ok 'as JSON' json second --build "$(last_build)" / \
	'w["verdict"] == "cached" and w["unchanged"] == ["first"] and not w["causes"]'

# --- Failures ---

edit 's/^  echo .*/  false/'
ok 'a failing stage' status 1 minsys build -q
ok 'says why it was built' why second / \
	"  second: the script: line 4: \`echo \"\$CFLAGS\" >flags\` -> \`false\`"
ok 'and that it failed' json second / 'w["build"]["state"] == "failed"'
ok 'what it did not come to' why third --build "$(last_build)" /
ok 'is said to be not reached' json third --build "$(last_build)" / 'w["verdict"] == "unreached"'
ok 'it would be built again' why second --dry-run / "  second: its last build failed ($(last_build))" \
	"  second: the script: line 4: \`echo \"\$CFLAGS\" >flags\` -> \`false\`"
ok 'and fail again' status 1 minsys build -q
ok 'which is told' why second / 'root causes:'
ok 'as two causes' causes 2
sed -i 's/^  false/  sleep 3217/' "$project/stages/second/stage.yaml"
stopped() {
	python3 "$root/tests/functional/stop.py" SIGTERM "$work/log" 'second         building' \
		"$BIN/minsys" build -C "$project" --mirror "$mirror"
	json second / 'w["build"]["state"] == "stopped" and w["now"] == "would build"'
}
ok 'one that is stopped' stopped
ok 'is a cause to build it again' why second --dry-run / "  second: its last build was stopped ($(last_build))"
restore
ok 'when it is mended, nothing is to be done' why second --dry-run / 'second is up to date'

# --- Results that are gone ---

rm -rf "$store/results"
ok 'a result that is gone' why first --dry-run / '  first: its result was no longer in the store'
key=$(grep -l 'cp  ' "$store"/actions/* | sed 's,.*/,,')
mkdir -p "$store/removed"
seal() {
	digest=$(sha256_of "$1")
	echo "$digest" >>"$1"
}
printf "%s\n" 2026-01-02T03:04:05Z "minsys gc, for room" >"$store/removed/$key"
seal "$store/removed/$key"
ok 'removed by gc' why first --dry-run / \
	'  first: its result was no longer in the store: removed on 2026-01-02T03:04:05Z (minsys gc, for room)'
ok 'builds' builds
ok 'and is told afterwards' why first / \
	'  first: its result was no longer in the store: removed on 2026-01-02T03:04:05Z (minsys gc, for room)'
echo 2999-01-02T03:04:05Z >"$store/removed/$key"
seal "$store/removed/$key"
ok 'but not by one that came later' why first / '  first: its result was no longer in the store'
rm -rf "$store/trees"
ok 'an output that is gone' why third --dry-run / 'root cause:' \
	'  first: its result was no longer in the store'

# --- Chance ---

rm -rf "$store/results"
stage first <<-'END'
	summary: Throws dice
	run: head -c 16 /dev/urandom | od -t x1 >"$OUT/text"
	provides: first
END
ok 'dice' builds
rm -rf "$store/results"
ok 'thrown again' builds
ok 'are a cause of their own' why third / 'root cause:' \
	'  first: built again from the same inputs, it came out different: its output depends on chance' \
	'  second: the output of first changed in 1 file: text'
ok 'and no other' json third / 'kinds(True) == ["first chance"]'

# --- Needs ---

stage fourth <<-'END'
	summary: Is something else
	run: echo fourth >"$OUT/fourth"
	provides: fourth
END
sed -i 's/\[second\]/[second, fourth]/' "$project/stages/third/stage.yaml"
ok 'a need that is new' why third --dry-run / 'third would be built' \
	'  third: needs fourth: it did not need it before'
ok 'builds' builds
ok 'and is told' why third / '  third: needs fourth: it did not need it before'

# --- Other projects, other targets ---

elsewhere() {
	here=$project
	project=$work/elsewhere
	cp -a "$here" "$project"
	why first / 'no build of first is recorded for this project and target' 'now: up to date'
	result=$?
	project=$here
	return "$result"
}
ok 'builds of another project do not count' elsewhere
cp -a "$project/targets/here" "$project/targets/there"
sed -i 's/1000000000/1000000009/' "$project/targets/there/target.yaml"
echo 'default: true' >>"$project/targets/here/target.yaml"
ok 'nor do those for another target' why first --dry-run --target there / "  first: $never"
ok 'a target needs no default to be named' why first --target there / \
	'no build of first is recorded for this project and target'
rm -r "$project/targets/there"

# --- Builds of the past, and records that are damaged ---

ok 'the first build of all' why third --build "$first_build" / "  third: $never"
ok 'by the beginning of its name' why third --build "${first_build%-*}" / "  third: $never"
ok 'not by that of many' status 2 minsys why third --build 2
ok 'a stage that it was not about' status 2 minsys why fourth --build "$first_build"
ok 'early cut-off is known of the past' why second --build "$cut_off" / \
	'first, which it needs, was built again and came out the same'
last=$(last_build)
echo damaged >>"$store/builds/$last"
ok 'a damaged record is not read' json third / 'w["build"]["name"] != sys.argv[1]'
ok 'and is gone' status 2 minsys why third --build "$last"
rm -rf "$store/actions"
ok 'actions that are gone' why third / \
	'  third: what it was made of before is not in the store any more'
rm -rf "$store/builds"
ok 'results without any record' why first --dry-run / 'first is up to date' \
	'no build of what it is now is recorded: it was built before builds were recorded, by another project, or elsewhere'
ok 'nor of what was' why first / 'no build of first is recorded for this project and target' \
	'now: up to date'
finish
