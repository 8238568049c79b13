#!/bin/sh
# minsys update: another version of a source is downloaded, and its pins are written.
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/functional/project.sh
. "$(dirname "$0")/project.sh"

make_project
# Origins that nothing answers at: one of the same file, one of another.
digest=$(sha256_of "$mirror/pool/hello-1.0.tar.gz")
cat >"$project/stages/sources.yaml" <<END
# Grüße: a comment with characters of more than one byte stays where it is.
hello:
  version: "1.0" # quoted
  license: MIT
  origins:
    # upstream
    - url: http://127.0.0.1:9/v1.x/hello-1.0.tar.gz
      sha256: $digest
    - pool: pool/hello-1.0.tar.gz
      sha256: $digest
    - url: http://127.0.0.1:9/other/hello-1.0.zip
      sha256: 0000000000000000000000000000000000000000000000000000000000000000
  # what follows
  exclude: [excluded]

local:
  version: local
  license: MIT
  path: stages/first
END
cp "$project/stages/sources.yaml" "$work/before.yaml"
mkdir -p "$work/source/hello-2.10"
echo 'hello, new world' >"$work/source/hello-2.10/greeting"
tar -C "$work/source" -czf "$mirror/pool/hello-2.10.tar.gz" hello-2.10
new=$(sha256_of "$mirror/pool/hello-2.10.tar.gz")

unchanged() {
	cmp "$work/before.yaml" "$project/stages/sources.yaml"
}
refused() {
	wanted=$1
	shift
	status "$wanted" minsys "$@" >"$work/log" 2>&1
}
export MINSYS_FETCH_RETRIES=0
ok 'a version that is nowhere' refused 3 update hello 9.9
ok 'is named with the places tried' says "$work/log" 'pool/hello-9.9.tar.gz'
ok 'and changes nothing' unchanged
ok 'an unknown source' refused 2 update helo 2.10
ok 'a folder of the project' refused 2 update local 2.10
ok 'a version that is none' refused 2 update hello '2/10'
ok 'without a version' refused 2 update hello
ok 'offline' refused 2 update hello 2.10 --offline
ok 'all of which changes nothing' unchanged
ok 'the version there is' minsys update hello 1.0
ok 'changes nothing either' unchanged

update() {
	minsys update hello 2.10 >"$work/log" 2>&1
}
ok 'a version that is there' update
ok 'what was found is told' says "$work/log" "sha256 $new"
ok 'and what was not' says "$work/log" 'removed, since it was not found'
cat >"$work/expected.yaml" <<END
# Grüße: a comment with characters of more than one byte stays where it is.
hello:
  version: "2.10" # quoted
  license: MIT
  origins:
    # upstream
    - url: http://127.0.0.1:9/v2.x/hello-2.10.tar.gz
      sha256: $new
    - pool: pool/hello-2.10.tar.gz
      sha256: $new
  # what follows
  exclude: [excluded]

local:
  version: local
  license: MIT
  path: stages/first
END
ok 'the pins, and nothing but the pins, changed' diff "$work/expected.yaml" \
	"$project/stages/sources.yaml"
ok 'it builds' minsys build
ok 'from the new version' says "$project/out/minsys/loud" 'HELLO, NEW WORLD'
finish
