#!/bin/sh
# What a project's files say: drawn, and every mistake in them named with its place, all in one run.
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/functional/project.sh
. "$(dirname "$0")/project.sh"

make_project

# prints COMMAND...: its output is what stands on standard input, to the byte.
prints() {
	cat >"$work/wanted"
	"$@" >"$work/printed" 2>&1
	diff -u "$work/wanted" "$work/printed"
}

# --- A project without mistakes ---

ok 'list' prints minsys list <<-'END'
	STAGE   NEEDS  SUMMARY
	first   -      Copies the greeting
	second  first  Shouts it
END
ok 'graph' prints minsys graph <<-'END'
	second
	└─ first
END
ok 'graph --dot' prints minsys graph --dot <<'END'
digraph minsys {
	rankdir = LR;
	node [shape = box];
	"first";
	"second";
	"first" -> "second";
}
END

# has_no OPTION COMMAND...: it is refused where it would do nothing, before anything is done.
has_no() {
	option=$1
	shift
	status 2 "$BIN/minsys" "$@" -C "$project" >"$work/log" 2>&1 &&
		says "$work/log" "\`minsys $1\` has no option $option" && [ ! -e "$project/out" ]
}
ok 'an option of another command' has_no --watch list --watch
ok 'one that would be taken for a promise' has_no --dry-run build --dry-run
ok 'by its short name' has_no --follow fetch -f
ok 'and what is for all is for all' status 0 "$BIN/minsys" list -q -j 3 --offline -C "$project"

stage both <<-'END'
	summary: Needs the two
	needs: [first, second]
	run: ":"
	exports: {both: .}
END
stage alone <<-'END'
	summary: Nothing needs it
	run: ":"
END
ok 'list, in an order that builds' prints minsys list <<-'END'
	STAGE   NEEDS         SUMMARY
	alone   -             Nothing needs it
	first   -             Copies the greeting
	second  first         Shouts it
	both    first second  Needs the two
END
ok 'graph, what was drawn is not drawn again' prints minsys graph <<-'END'
	alone
	both
	├─ first
	└─ second
	   └─ first
END
rm -r "$project/stages/both" "$project/stages/alone"

# A byte order mark, and no newline at the end: odd, but YAML.
cp "$project/stages/first/stage.yaml" "$work/kept"
{ printf '\357\273\277' && cat "$work/kept" && printf 'env: {}'; } \
	>"$project/stages/first/stage.yaml"
ok 'a byte order mark is no mistake' minsys list
cp "$work/kept" "$project/stages/first/stage.yaml"

no_target() {
	status 2 minsys list --target nonesuch >"$work/log" 2>&1 &&
		says "$work/log" "there is no target \`nonesuch\`; there are: here"
}
ok 'an unknown target is named, with those there are' no_target

# names TEXT: the project is refused, and this is said of it.
names() {
	status 2 minsys list >"$work/log" 2>&1 && says "$work/log" "$1"
}
{
	printf 'summary: Long\nrun: |\n' &&
		yes '  : a line that does nothing but to be long enough' | head -n 3000
} | stage long
ok 'a script that no shell could be given' names \
	"stages/long/stage.yaml:2:6: \`run\` has 147000 bytes, and 131071 are the most"
rm -r "$project/stages/long"
mkdir "$project/targets/here/x"
touch "$project/targets/here/x/y"
stage overlap <<-'END'
	summary: A file that would have to be a folder too
	files: [x]
	target_files: [x/y]
	timeout: 721h
	run: ":"
END
touch "$project/stages/overlap/x"
ok 'files that stand in each other'\''s way' names \
	"stages/overlap/stage.yaml:3:16: \`x/y\` stands in the way of \`x\`"
ok 'a timeout that never comes' names \
	"stages/overlap/stage.yaml:4:10: \`timeout\` must be at most 30 days, 720h, not \`721h\`"
rm -r "$project/stages/overlap" "$project/targets/here/x"
cp "$project/stages/sources.yaml" "$work/kept"
cat >>"$project/stages/sources.yaml" <<-'END'
	local:
	  version: "1"
	  license: MIT
	  path: stages
	  include: [first, secnod, "new\nline"]
END
ok 'an include that is not there' names \
	'stages/sources.yaml:12:20: there is no stages/secnod'
# shellcheck disable=SC2016 # as it is printed
ok 'a name with a newline in it' names 'stages/sources.yaml:12:28: `new?line` is not a relative path'
cp "$work/kept" "$project/stages/sources.yaml"

# --- A project with every mistake ---

hash=$(sha256_of "$mirror/pool/tools.deb")

cat >"$project/stages/sources.yaml" <<END
hello:
  version: "1.0"
  license: MIT
  origins:
    - pool: pool/hello-1.0.tar.gz
      url: https://example.org/hello-1.0.tar.gz
      sha256: $hash
    - sha256: $hash
    - url: ftp://example.org/hello-1.0.tar.gz
      sha256: 0123ABC
    - pool: ../etc/passwd
      sha256: $hash
    - just a text
  exclude: [../up, a, a]
local:
  version: "1"
  license: MIT
  path: missing
  include: [a/b]
  exclude: [c]
neither:
  version: "1"
  license: MIT
none:
  version: ""
  license: MIT
  origins: []
Big Name:
  version: 1
  licence: MIT
  origins: {}
hello: twice
END

cat >"$project/targets/here/target.yaml" <<END
summary: One
default: true
env:
  SOURCE_DATE_EPOCH: yesterday
  PATH: /bin
END
mkdir -p "$project/targets/there" "$project/targets/empty"
cat >"$project/targets/there/target.yaml" <<END
summary: Another
default: true
env: {ARCH: x}
END
cat >"$project/targets/empty/target.yaml" <<END
default: maybe
END

cat >"$project/toolchain/root.yaml" <<END
suite: bookworm
packages: [tools, more-tools, -bad]
links:
  /etc/link: x
END
cat >"$project/toolchain/root.lock" <<END
snapshot: yesterday
suite: trixie
packages:
  - {name: zlib, version: "1", path: pool/z.deb, size: 1, sha256: $hash}
  - {name: tools, version: "1", path: pool/t.deb, size: 1, sha256: $hash}
END

stage keys <<END
summary: Keys
sumary: Keys
run: ":"
frobnicate: 1
run: again
<<: {run: x}
? [a]
: b
END
stage types <<END
summary: [a]
run: {a: b}
sources: hello
needs: {first: x}
files: [[a], {b: c}, Ünï, "../x", /abs]
env: [A, B]
exports: a
provides: [x]
timeout: soon
ccache: perhaps
limits: none
END
stage values <<END
summary:
run: "a\\0b"
timeout: 0s
env:
  PATH: /bin
  1ST: x
  OUT: x
  KEEP: ""
exports:
  text: ../secret
  /abs: text
provides: build
limits:
  cpu: 0
  memory: lots
  processes: 1.5
  files: 0
  output: 0
  entries: 1000000000
  log: -1
  disk: 1G
END
stage missing <<END
sources: [helo, hello, hello, nothing-like-it]
needs:
  - Bad name
  - frist
  - leaf
  - badly
files: [gone, link, folder]
target_files: [config, link]
END
ln -s /etc/passwd "$project/stages/missing/link"
mkdir "$project/stages/missing/folder"
stage leaf <<END
summary: Provides nothing
run: ":"
exports:
  loud/er: a
  ok: a
  ok/er: b
  manifest.json: c
END
stage badly <<END
summary: Its name is wrong, which is no reason to say that it provides nothing
run: ":"
provides: Not A Name
END
stage same <<END
summary: Provides what first does
env: {SOURCE_DATE_EPOCH: "1"}
run: ":"
provides: first
END
stage round-a <<END
summary: A cycle
needs: [first, round-b]
run: ":"
provides: a
END
stage round-b <<END
summary: A cycle
needs: [round-c]
run: ":"
provides: b
END
stage round-c <<END
summary: A cycle
needs:
  - first
  - round-a
run: ":"
provides: c
END
stage self <<END
summary: A cycle of one
needs: [self]
run: ":"
provides: self
END
mkdir "$project/stages/no-file" "$project/stages/Bad Name" "$project/stages/folder"
stage 'Bad Name' <<END
summary: Its folder has a wrong name
run: ":"
END
mkdir "$project/stages/folder/stage.yaml"
stage empty </dev/null
stage comment <<END
# nothing else
END
stage syntax <<END
summary: Open
needs: [first
run: ":"
END
stage tab <<END
summary: Tab
env:
	A: b
END
printf 'summary: \303\244\303\266\nrun: "\303\274b\377"\n' | stage bytes
printf 'summary: x\nru\000n: x\n' | stage nul
printf 's\000u\000m\000' | stage utf16
stage documents <<END
summary: Two
run: ":"
---
summary: The second
END
stage anchors <<END
summary: &text An anchor
run: *text
env: &env {A: b}
END
stage merge <<END
summary: A merge key
run: ":"
env:
  <<: *nothing
END
stage recursive <<END
a: &x [*x]
END
stage terminal <<END
summary: x
run: ":"
"e\\e[31m\\nv": x
END
{ printf 'summary: Deep\nrun: ":"\nneeds: ' && head -c 100000 /dev/zero | tr '\0' '['; } | stage deep
head -c 9000000 /dev/zero | tr '\0' '#' | stage huge
mkdir "$project/stages/fifo" && mkfifo "$project/stages/fifo/stage.yaml"

all_problems() {
	status 2 minsys build >"$work/printed" 2>&1 || return 1
	sed "s|$project|PROJECT|" "$work/printed" | diff -u "$work/wanted" -
}
cat >"$work/wanted" <<'END'
stages/Bad Name/stage.yaml:1:1: the folder's name `Bad Name` is not a name (small letters, digits and `._+-`, at most 64)
stages/anchors/stage.yaml:1:10: anchors and aliases are not taken; write it out
stages/anchors/stage.yaml:2:6: anchors and aliases are not taken; write it out
stages/anchors/stage.yaml:3:6: anchors and aliases are not taken; write it out
stages/badly/stage.yaml:3:11: `Not A Name` is not a name (small letters, digits and `._+-`, at most 64)
stages/bytes/stage.yaml:2:9: this is not YAML: invalid leading UTF-8 octet
stages/comment/stage.yaml:1:1: the file is empty
stages/deep/stage.yaml:3:39: this is nested deeper than 32 levels
stages/documents/stage.yaml:3:1: there is a second document; one is all
stages/empty/stage.yaml:1:1: the file is empty
stages/fifo/stage.yaml:1:1: the file is empty
stages/folder/stage.yaml:1:1: read stages/folder/stage.yaml: Is a directory
stages/huge/stage.yaml:1:1: read stages/huge/stage.yaml: larger than 8388608 bytes
stages/keys/stage.yaml:2:1: a stage has no key `sumary`; did you mean `summary`?
stages/keys/stage.yaml:4:1: a stage has no key `frobnicate`; it has summary, sources, needs, files, target_files, env, run, jobserver, provides, exports, timeout, menuconfig, limits, ccache
stages/keys/stage.yaml:5:1: the key `run` is there twice, first in line 3
stages/keys/stage.yaml:6:1: a stage has no key `<<`; it has summary, sources, needs, files, target_files, env, run, jobserver, provides, exports, timeout, menuconfig, limits, ccache
stages/keys/stage.yaml:7:3: a key must be a text, not a list
stages/leaf/stage.yaml:6:3: `ok/er` stands in the way of `ok`, which the stage leaf exports
stages/leaf/stage.yaml:7:3: manifest.json is written by minsys
stages/merge/stage.yaml:4:7: anchors and aliases are not taken; write it out
stages/missing/stage.yaml:1:1: a stage needs the key `run`
stages/missing/stage.yaml:1:1: a stage needs the key `summary`
stages/missing/stage.yaml:1:11: there is no source `helo`; did you mean `hello`?
stages/missing/stage.yaml:1:24: `hello` is in `sources` twice
stages/missing/stage.yaml:1:31: there is no source `nothing-like-it`
stages/missing/stage.yaml:3:5: `Bad name` is not a name (small letters, digits and `._+-`, at most 64)
stages/missing/stage.yaml:4:5: there is no stage `frist`; did you mean `first`?
stages/missing/stage.yaml:5:5: the stage leaf provides nothing
stages/missing/stage.yaml:7:9: there is no file stages/missing/gone
stages/missing/stage.yaml:7:15: stages/missing/link is not a regular file
stages/missing/stage.yaml:7:21: stages/missing/folder is not a regular file
stages/missing/stage.yaml:8:16: there is no file targets/empty/config
stages/missing/stage.yaml:8:16: there is no file targets/here/config
stages/missing/stage.yaml:8:16: there is no file targets/there/config
stages/missing/stage.yaml:8:24: `link` is in `files` too
stages/missing/stage.yaml:8:24: there is no file targets/empty/link
stages/missing/stage.yaml:8:24: there is no file targets/here/link
stages/missing/stage.yaml:8:24: there is no file targets/there/link
stages/no-file/stage.yaml:1:1: open stages/no-file/stage.yaml: No such file or directory
stages/nul/stage.yaml:2:3: this is not YAML: control characters are not allowed
stages/recursive/stage.yaml:1:4: anchors and aliases are not taken; write it out
stages/recursive/stage.yaml:1:8: anchors and aliases are not taken; write it out
stages/round-c/stage.yaml:4:5: a cycle: round-a needs round-b needs round-c needs round-a
stages/same/stage.yaml:2:7: SOURCE_DATE_EPOCH is a fact of the target here already
stages/same/stage.yaml:4:11: the stage first provides `first` too
stages/second/stage.yaml:8:3: `loud` stands in the way of `loud/er`, which the stage leaf exports
stages/self/stage.yaml:2:9: a cycle: self needs self
stages/sources.yaml:5:7: an origin has either `url` or `pool`
stages/sources.yaml:8:7: an origin has either `url` or `pool`
stages/sources.yaml:9:12: `ftp://example.org/hello-1.0.tar.gz` is not a URL that begins with https:// or http://
stages/sources.yaml:10:15: `sha256` must be 64 hexadecimal digits, not `0123ABC`
stages/sources.yaml:11:13: `../etc/passwd` is not a path in a Debian archive, pool/…
stages/sources.yaml:13:7: an origin must be a mapping, not a text
stages/sources.yaml:14:13: `../up` is not a relative path without `.`, `..` and control characters
stages/sources.yaml:14:23: `a` is in `exclude` twice
stages/sources.yaml:15:1: only an archive has an `exclude`; a folder has an `include`
stages/sources.yaml:18:9: there is no folder missing in the project
stages/sources.yaml:19:13: `a/b` is not a name directly in the folder
stages/sources.yaml:21:1: a source has either `origins` to download it from, or the `path` of a folder of this project
stages/sources.yaml:27:12: a source needs an origin
stages/sources.yaml:28:1: `Big Name` is not a name (small letters, digits and `._+-`, at most 64)
stages/sources.yaml:29:3: a source needs the key `license`
stages/sources.yaml:30:3: a source has no key `licence`; did you mean `license`?
stages/sources.yaml:31:12: `origins` must be a list, not a mapping
stages/sources.yaml:32:1: the key `hello` is there twice, first in line 1
stages/syntax/stage.yaml:3:4: this is not YAML: did not find expected ',' or ']', while parsing a flow sequence
stages/tab/stage.yaml:3:1: this is not YAML: found character that cannot start any token, while scanning for the next token
stages/terminal/stage.yaml:3:1: a stage has no key `e?[31m?v`; it has summary, sources, needs, files, target_files, env, run, jobserver, provides, exports, timeout, menuconfig, limits, ccache
stages/types/stage.yaml:1:10: `summary` must be a text, not a list
stages/types/stage.yaml:2:6: `run` must be a text, not a mapping
stages/types/stage.yaml:3:10: `sources` must be a list, not a text
stages/types/stage.yaml:4:8: `needs` must be a list, not a mapping
stages/types/stage.yaml:5:9: each of `files` must be a text, not a list
stages/types/stage.yaml:5:14: each of `files` must be a text, not a mapping
stages/types/stage.yaml:5:22: there is no file stages/types/Ünï
stages/types/stage.yaml:5:27: `../x` is not a relative path without `.`, `..` and control characters
stages/types/stage.yaml:5:35: `/abs` is not a relative path without `.`, `..` and control characters
stages/types/stage.yaml:6:6: `env` must be a mapping, not a list
stages/types/stage.yaml:7:10: `exports` must be a mapping, not a text
stages/types/stage.yaml:8:11: `provides` must be a text, not a list
stages/types/stage.yaml:9:10: `timeout` must be a time like 90s, 5m or 2h, not `soon`
stages/types/stage.yaml:10:9: `ccache` must be true or false, not `perhaps`
stages/types/stage.yaml:11:9: `limits` must be a mapping, not a text
stages/utf16/stage.yaml:1:2: this is not YAML: control characters are not allowed
stages/values/stage.yaml:1:9: `summary` has no value; an empty text is written ""
stages/values/stage.yaml:2:6: `run` holds a NUL byte
stages/values/stage.yaml:3:10: `timeout` must be a time like 90s, 5m or 2h, not `0s`
stages/values/stage.yaml:5:3: PATH is set by minsys
stages/values/stage.yaml:6:3: `1ST` is not a variable's name (letters, digits and `_`)
stages/values/stage.yaml:7:3: OUT is set by minsys
stages/values/stage.yaml:10:3: `../secret` is neither a path in the output nor `.`, all of it
stages/values/stage.yaml:11:3: `/abs` is not a relative path without `.`, `..` and control characters
stages/values/stage.yaml:12:11: /minsys/build is another folder in every step
stages/values/stage.yaml:14:8: `cpu` must be a time like 90s, 5m or 2h, not `0`
stages/values/stage.yaml:15:11: `memory` must be a size like 500MB, 4G or 2GiB, not `lots`
stages/values/stage.yaml:16:14: `processes` must be a whole number from 1 to 999999999, not `1.5`
stages/values/stage.yaml:17:10: `files` must be a whole number from 1 to 999999999, not `0`
stages/values/stage.yaml:18:11: `output` must be a size like 500MB, 4G or 2GiB, not `0`
stages/values/stage.yaml:19:12: `entries` must be a whole number from 1 to 999999999, not `1000000000`
stages/values/stage.yaml:20:8: `log` must be a size like 500MB, 4G or 2GiB, not `-1`
stages/values/stage.yaml:21:3: `limits` has no key `disk`; it has cpu, memory, processes, files, output, entries, log
targets/empty/target.yaml:1:1: a target needs the key `env`
targets/empty/target.yaml:1:1: a target needs the key `summary`
targets/empty/target.yaml:1:10: `default` must be true or false, not `maybe`
targets/here/target.yaml:4:22: SOURCE_DATE_EPOCH must be seconds since 1970, not `yesterday`
targets/here/target.yaml:5:3: PATH is set by minsys
targets/there/target.yaml:2:10: both here and there say `default: true`
targets/there/target.yaml:3:6: a target needs SOURCE_DATE_EPOCH, the one time that all files carry
toolchain/root.lock:1:11: `yesterday` is not a time like 20260711T101637Z
toolchain/root.lock:2:8: the lock is of trixie, and root.yaml asks for bookworm; `minsys lock` writes it anew
toolchain/root.lock:5:5: tools does not come after zlib: the list is sorted, none is there twice
toolchain/root.yaml:2:19: more-tools is not in toolchain/root.lock; `minsys lock` writes it anew
toolchain/root.yaml:2:31: `-bad` is not the name of a Debian package
toolchain/root.yaml:4:3: `/etc/link` is not a relative path without `.`, `..` and control characters
minsys: 115 problems in the files of PROJECT; nothing was done
END
ok 'every mistake is named with its place, in one run' all_problems
ok 'nothing was built, and no store made' test ! -e "$MINSYS_CACHE"
ok 'nor a result' test ! -e "$project/out"

# --- Too much of everything ---

# Each of these took hours, or all memory, without a limit.
swift() {
	[ "$(stat -c %s "$project/stages/much/stage.yaml")" -gt 800000 ] &&
		status 2 timeout 20 "$BIN/minsys" list -C "$project" >"$work/log" 2>&1 &&
		grep -q '^stages/much/stage.yaml:' "$work/log"
}
rm -r "$project/stages"
mkdir "$project/stages"
echo '{}' >"$project/stages/sources.yaml"
for case in '[' '{a: ' '- ' '? ' '&a ' '*a , '; do
	yes -- "$case" | tr -d '\n' | head -c 8000000 | stage much
	ok "8 MB of \`$case\` are refused soon" swift
done
yes -- '- &a x' | head -c 8000000 | stage much
ok '8 MB of anchors are refused soon' swift
seq 100000 | sed 's/$/: x/' | stage much
ok 'a hundred thousand keys are refused soon' swift
{ printf 'summary: x\nrun: ":"\nneeds:\n' && seq 100000 | sed 's/^/  - a/'; } | stage much
ok 'a hundred thousand names are refused soon' swift
finish
