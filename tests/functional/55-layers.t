#!/bin/sh
# What the Dockerfile makes layers of: parts of a store as stores of their own, which together do
# for a build what the whole would do, and hold nothing else.
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/functional/project.sh
. "$(dirname "$0")/project.sh"

[ -x /bin/busybox ] || skip_all '/bin/busybox (package busybox-static) is not installed'
"$BIN/minsys-sandbox" --trial 2>/dev/null || skip_all 'the isolation userns does not work here'
make_project
source_digest=$(sha256_of "$mirror/pool/hello-1.0.tar.gz")
tools_digest=$(sha256_of "$mirror/pool/tools.deb")

# holds FOLDER NAME...: these and no others are in it.
holds() {
	folder=$1
	shift
	[ "$(ls -A "$folder")" = "$(printf '%s\n' "$@" | sort)" ] || {
		ls -A "$folder"
		return 1
	}
}

# The cache has been in use for long.
mkdir -p "$MINSYS_CACHE"
minsys fetch -q || exit 1
echo old >"$MINSYS_CACHE/downloads/$(echo old | sha256sum | cut -d' ' -f1)"

ok 'fetch copies what sources are unpacked from' minsys fetch --results "$work/sources"
ok 'that and nothing else' holds "$work/sources/downloads" "$source_digest"
ok 'whole' cmp "$mirror/pool/hello-1.0.tar.gz" "$work/sources/downloads/$source_digest"
ok 'and again, over what is there' minsys fetch --results "$work/sources"
ok 'only for the stages asked for' minsys fetch second --results "$work/sources-of-second"
ok 'with what they need' holds "$work/sources-of-second/downloads" "$source_digest"
# /dev/shm is another file system, where nothing can be linked to.
elsewhere=$(mktemp -d /dev/shm/minsys-test.XXXXXX) || exit 1
trap 'rm -rf "$elsewhere"; clean_up' EXIT
ok 'to another file system too' minsys fetch --results "$elsewhere/sources"
ok 'whole there' cmp "$mirror/pool/hello-1.0.tar.gz" "$elsewhere/sources/downloads/$source_digest"
ok 'with nothing left of the copying' holds "$elsewhere/sources/tmp" ''

ok 'root writes the tools root' minsys root "$work/tools-root" --results "$work/tools"
ok 'with its mark' test -s "$work/tools-root/etc/minsys-tools-root"
ok 'and what is known of it' test "$(find "$work/tools/unpacked" -type f | wc -l)" = 1
ok 'but no tree' holds "$work/tools/trees" ''

# It needs no stage, so that no edit of one makes the layer anew.
mkdir -p "$work/bare/stages"
cp -R "$project/toolchain" "$work/bare"
: >"$work/bare/stages/sources.yaml"
ok 'of toolchain/ alone' "$BIN/minsys" root "$work/bare-root" -C "$work/bare" --mirror "$mirror"
ok 'the same' diff -r --no-dereference "$work/tools-root" "$work/bare-root"

# store NAME PART...: a new store put together from those.
store() {
	MINSYS_CACHE=$work/$1
	mkdir "$MINSYS_CACHE"
	shift
	for part; do
		cp -R "$part/." "$MINSYS_CACHE"
	done
	# Outside of a container `/` is not the tools root, so a step has to unpack it.
	cp "$mirror/pool/tools.deb" "$MINSYS_CACHE/downloads/$tools_digest"
}
minsys build -q || exit 1
ok 'a build of everything' test -s "$project/out/minsys/manifest.json"

store for-first "$work/tools" "$work/sources"
ok 'a stage is built from the layers' minsys build first --offline --results "$work/first"
ok 'its results are no downloads' holds "$work/first/downloads" ''
ok 'nor sources, but its output' test "$(find "$work/first/trees" -mindepth 1 -maxdepth 1 | wc -l)" = 1

store for-second "$work/tools" "$work/first"
second_only() {
	minsys build --offline --out "$work/out" 2>"$work/log" && grep -q 'second  *done' "$work/log" &&
		! grep 'first  *building' "$work/log"
}
ok 'the next one from its results' second_only
ok 'with the same bits as the build of everything' \
	cmp "$project/out/minsys/manifest.json" "$work/out/manifest.json"

# What is missing is named.
store for-nobody "$work/tools"
without_sources() {
	status 3 minsys build --offline 2>"$work/log" && says "$work/log" 'hello 1.0'
}
ok 'a build that lacks a layer says what it has not' without_sources
finish
