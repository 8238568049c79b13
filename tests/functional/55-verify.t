#!/bin/sh
# scripts/verify: a result is what its manifest says, or the difference is named; two results are
# the same, or their difference is named. scripts/release: what is published is the same each time.
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/functional/project.sh
. "$(dirname "$0")/project.sh"

command -v python3 >/dev/null || skip_all 'python3 is not installed'
make_project
stage second <<-'END'
	summary: All that a result can hold
	needs: [first]
	run: |
	  mkdir -p "$OUT/folder/deep" "$OUT/folder/empty"
	  for name in Image initramfs.cpio.gz disk.ext3; do cp /minsys/first/text "$OUT/$name"; done
	  cp /usr/bin/busybox "$OUT/folder/program"
	  echo text >"$OUT/folder/deep/file"
	  ln -s deep/file "$OUT/folder/link"
	  ln -s nowhere "$OUT/folder/dangling"
	provides: second
	exports:
	  Image: Image
	  initramfs.cpio.gz: initramfs.cpio.gz
	  disk.ext3: disk.ext3
	  folder: folder
END
ok 'a project builds' minsys build
good=$project/out/minsys
bad=$work/bad
verify() {
	"$root/scripts/verify" "$@" >"$work/said" 2>&1
}
# spoil COMMAND...: a fresh copy of the good result, in which the command is run.
spoil() {
	rm -rf "$bad"
	cp -a "$good" "$bad"
	(cd "$bad" && "$@")
}
lines() {
	[ "$(wc -l <"$work/said")" = "$1" ] || {
		cat "$work/said"
		return 1
	}
}
# finds WHAT TEXT COMMAND...: of a copy spoilt by the command, verify says TEXT and nothing else.
finds() {
	what=$1
	text=$2
	shift 2
	spoil "$@"
	ok "$what is found" status 1 verify "$bad"
	ok "$what is named" says "$work/said" "$bad/$text"
	ok "$what is all that differs" lines 1
}
overwrite() {
	printf T | dd of="$1" conv=notrunc status=none
}
append() {
	echo >>"$1"
}
new_file() {
	mkdir new && : >"new/$1"
}
replace_by_pipe() {
	rm "$1" && mkfifo "$1"
}
replace_by_link() {
	mv "$1" "$work/moved" && ln -s "$work/moved" "$1"
}

ok 'a result is as in its manifest' verify "$good"
ok 'how much was looked at is said' says "$work/said" ': 7 files and links, isolation '
spoil true
ok 'a copy is too' verify "$bad"
ok 'and the same' verify "$good" "$bad"
ok 'by its manifest alone, too' verify "$bad/manifest.json" "$good"

finds 'a changed byte' 'folder/deep/file: sha256 is ' overwrite folder/deep/file
finds 'a missing file' 'folder/deep/file: missing' rm folder/deep/file
finds 'a missing link' 'folder/dangling: missing' rm folder/dangling
finds 'an extra file' 'new/file: not in the manifest' new_file file
finds 'an extra link' 'new: not in the manifest' ln -s Image new
finds 'a second manifest' 'folder/manifest.json: not in the manifest' \
	cp manifest.json folder/manifest.json
finds 'a changed link' 'folder/link: link is program, in the manifest deep/file' \
	ln -sfn program folder/link
finds 'a lost executable bit' 'folder/program: executable is not there, in the manifest True' \
	chmod 644 folder/program
finds 'a new executable bit' 'Image: executable is True, in the manifest not there' chmod 755 Image
finds 'a setuid bit' 'folder/program: -rwsr-xr-x is no mode' chmod 4755 folder/program
finds 'a named pipe' 'folder/deep/file: prw' replace_by_pipe folder/deep/file
finds 'a name with an escape sequence' "new/\\x1b[2J': not in the manifest" \
	new_file "$(printf '\033[2J')"
finds 'a manifest that is a link' 'manifest.json: a link' replace_by_link manifest.json
rm "$work/moved"
spoil append folder/deep/file
ok 'a longer file is found' status 1 verify "$bad"
ok 'by its size' says "$work/said" "$bad/folder/deep/file: size is 6, in the manifest 5"
ok 'and its content' says "$work/said" "$bad/folder/deep/file: sha256 is "
spoil replace_by_link folder/deep
ok 'a link in place of a folder is found' status 1 verify "$bad"
ok 'and named' says "$work/said" "$bad/folder/deep: not in the manifest"
ok 'and not followed' says "$work/said" "$bad/folder/deep/file: missing"
spoil append Image
ok 'a spoilt folder is found when two are compared' status 1 verify "$good" "$bad"
ok 'in either place' status 1 verify "$bad" "$good"

# Two manifests: each script for sed edits one thing.
edited=$work/edited.json
edit() {
	sed "$1" "$good/manifest.json" >"$edited"
	! cmp -s "$edited" "$good/manifest.json"
}
# differs WHAT TEXT SCRIPT: of an edited manifest, verify says TEXT and nothing else.
differs() {
	ok "$1 can be edited" edit "$3"
	ok "$1 differs" status 1 verify "$good" "$edited"
	ok "$1 is named" says "$work/said" "$2"
	ok "$1 is all that differs" lines 1
}
other=0000000000000000000000000000000000000000000000000000000000000000
value="\": \"\\)[^\"]*/\\1$other/"
differs 'the tools root' 'tools_root: "' "s/\\(\"tools_root$value"
differs "a source's tree" 'sources hello tree: "' "s/\\(\"tree$value"
differs "a source's version" 'sources hello version: "1.0" and "2.0"' 's/"1.0"/"2.0"/'
differs "a stage's key" 'stages first action: "' "/\"first\": {/,/}/s/\\(\"action$value"
differs "a stage's output" 'stages first output: "' "/\"first\": {/,/}/s/\\(\"output$value"
differs 'a file' 'files Image sha256: "' "/\"Image\": {/,/}/s/\\(\"sha256$value"
differs 'an executable bit' "files folder/program executable: only in $good" \
	'/"executable": true,/d'
differs 'a link' 'files folder/link link: "deep/file" and "file"' 's|"deep/file"$|"file"|'
differs 'the target' 'target: "here" and "there"' 's/"here"/"there"/'
differs 'the time' 'source_date_epoch: 1000000000 and 1' 's/1000000000/1/'
ok 'a file can have another name' edit 's/"Image"/"picture"/'
ok 'which differs' status 1 verify "$good" "$edited"
ok 'by what only one has' says "$work/said" "files Image: only in $good"
ok 'and what only the other has' says "$work/said" "files picture: only in $edited"
ok 'the isolation can be edited' edit 's/\("isolation": "\)[^"]*/\1landlock/'
sed -i 's/^  "isolation": .*/&\n  "isolation_reason": "no namespaces",/' "$edited"
ok 'and does not differ' verify "$good" "$edited"
ok 'but is said' says "$work/said" 'isolation landlock'

# What cannot be judged is neither the same nor different.
echo '{' >"$work/broken.json"
echo '{"format": "another"}' >"$work/foreign.json"
sed '1s/.*/{"target": "there",/' "$good/manifest.json" >"$work/twice.json"
sed 's/"size": [0-9]*/"size": "5"/' "$good/manifest.json" >"$work/typed.json"
for case in broken foreign twice typed none; do
	ok "$case.json cannot be judged" status 2 verify "$good" "$work/$case.json"
	ok "$case.json is named" says "$work/said" "verify: $work/$case.json: "
done
spoil rm manifest.json
ok 'nor can a folder without a manifest' status 2 verify "$bad"
ok 'no argument is wrong usage' status 2 verify
ok 'three are' status 2 verify "$good" "$good" "$good"
ok 'a manifest alone is' status 2 verify "$good/manifest.json"
ok 'an option that is none is' status 2 verify --all
ok '--help is not' verify --help

release() {
	"$root/scripts/release" "$@" >"$work/said" 2>&1
}
summed() {
	(cd "$work/release" && sha256sum --check --strict SHA256SUMS) &&
		[ "$(wc -l <"$work/release/SHA256SUMS")" = 5 ]
}
ok 'a result is packed' release "$good" "$work/release"
ok 'into these files' test "$(cd "$work/release" && echo *)" = \
	'Image SHA256SUMS disk.ext3 initramfs.cpio.gz manifest.json minsys.tar.gz'
ok 'all of them summed' summed
mkdir "$work/unpacked" "$work/elsewhere"
ok 'the archive unpacks' tar -xf "$work/release/minsys.tar.gz" -C "$work/unpacked"
ok 'to the same result' verify "$work/unpacked/minsys" "$good"
ok 'with its empty folders' test -d "$work/unpacked/minsys/folder/empty"
other_copy() {
	(umask 077 && cp -R "$good" "$work/elsewhere") && cd "$work/elsewhere/minsys" &&
		chmod -R go-rwx . && ln -f Image disk.ext3 && touch -d @12345 Image folder
}
release_privately() {
	(umask 077 && release "$@")
}
(other_copy)
ok 'a copy with other times, modes and hard links' release_privately \
	"$work/elsewhere/minsys" "$work/again"
ok 'is packed to the same bytes' cmp "$work/again/minsys.tar.gz" "$work/release/minsys.tar.gz"
ok 'as is the rest' diff -r "$work/release" "$work/again"
mv "$work/elsewhere/minsys" "$work/elsewhere/renamed"
ok 'a result in a folder of another name' release "$work/elsewhere/renamed" "$work/renamed/"
ok 'is packed to the same bytes, too' diff -r "$work/release" "$work/renamed"
ok 'a folder that is there is not replaced' status 1 release "$good" "$work/release"
ok 'which is said' says "$work/said" "$work/release is there already"
ok 'and stays as it is' diff -r "$work/release" "$work/again"
spoil append Image
ok 'a result that was changed is not packed' status 1 release "$bad" "$work/third"
nothing_new() {
	[ "$(echo "$work"/third*)" = "$work/third*" ]
}
ok 'and nothing is left of it' nothing_new
stage part <<-'END'
	summary: Without a disk
	needs: [first]
	run: |
	  cp /minsys/first/text "$OUT/text"
	provides: part
	exports:
	  part: text
END
ok 'a result of one stage' minsys build first part --out "$work/part"
for attempt in one another; do
	ok "without a disk: $attempt attempt fails" status 1 release "$work/part" "$work/third"
	ok 'and says why' says "$work/said" disk.ext3
	ok 'and leaves nothing' nothing_new
done
ok 'a folder in one that is not there cannot be made' status 1 release "$good" "$work/none/new"
ok 'no argument is wrong usage for it' status 2 release

finish
