#!/bin/sh
# minsys gc: the store kept within a size, beside running builds; and read back.
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/functional/project.sh
. "$(dirname "$0")/project.sh"

make_project
store=$MINSYS_CACHE
out=$project/out/minsys
stage second <<-'END'
	summary: A megabyte, and what the first says
	needs: [first]
	files: [suffix]
	run: |
	  yes | head -c 1048576 >"$OUT/large"
	  { cat /minsys/first/text; cat /minsys/stage/second/suffix; } >"$OUT/loud"
	provides: second
	exports:
	  loud: loud
	  large: large
END

builds() {
	minsys build "$@" >"$work/log" 2>&1 || {
		cat "$work/log"
		return 1
	}
}
gc() {
	"$BIN/minsys" gc "$@" >"$work/gc" 2>&1
}
# The key of the result, and the tree, of the stage `second` in the manifest.
key_of() {
	sed -n "/\"stages\"/,\$p" "$out/manifest.json" | sed -n "/\"$1\"/,/}/s/.*\"action\": \"\(.*\)\".*/\1/p"
}
tree_of() {
	sed -n "/\"stages\"/,\$p" "$out/manifest.json" | sed -n "/\"$1\"/,/}/s/.*\"output\": \"\(.*\)\".*/\1/p"
}
# build_as SUFFIX: a build of its own; key_SUFFIX and tree_SUFFIX are those of `second`.
build_as() {
	echo "$1" >"$project/stages/second/suffix"
	builds || return 1
	eval "key_$1=$(key_of second) tree_$1=$(tree_of second)"
}
# age HOURS KEY TREE: that result was last used so long ago.
age() {
	touch -d "$1 hours ago" "$store/results/$2" "$store/trees/$3/manifest" \
		"$store/actions/$2" "$store/logs/$2.log"
}
age_all() {
	find "$store" \( -path '*/trees/*/tree' -prune \) -o -type f -print0 |
		xargs -0 touch -d '5 hours ago'
}
has() {
	[ -e "$store/results/$1" ] && [ -d "$store/trees/$2" ]
}
lacks() {
	[ ! -e "$store/results/$1" ] && [ ! -e "$store/trees/$2" ]
}
listing() {
	find "$store" -printf '%P %s %T@\n' | sort
}
# As it is counted: all that is in the folders of the store.
disk_usage() {
	find "$store" -mindepth 2 -printf '%b\n' | awk '{ n += $1 } END { print n * 512 }'
}
valid() {
	"$BIN/minsys" gc --verify >"$work/verify" 2>&1 || {
		cat "$work/verify"
		return 1
	}
}

# --- Order and bound ---

for name in one two three four; do
	ok "a build, $name" build_as "$name"
done
reference=$(sha256_of "$out/manifest.json")
# shellcheck disable=SC2154 # set by build_as
prepare_order() {
	age 1 "$key_two" "$tree_two" && age 2 "$key_one" "$tree_one" &&
		age 3 "$key_three" "$tree_three" && age 4 "$key_four" "$tree_four" &&
		touch -d '9 hours ago' "$store"/downloads/* "$store"/unpacked/*
}
prepare_order
size=$(disk_usage)
ok 'with room for all' gc
listing >"$work/before"
ok 'nothing is removed' says "$work/gc" 'together                       0 B'
ok 'the bound is told' says "$work/gc" 'of at most 10.0 GB'
ok 'a dry run' gc --dry-run --max-size 0
listing >"$work/after"
ok 'removes nothing' diff "$work/before" "$work/after"
ok 'and says what it would' says "$work/gc" 'to be removed'
# Half a megabyte less than there is: one result has to go, the one used least recently but for the
# one that the last build needed.
ok 'a bound that all but one result fit in' gc --max-size $((size - 500000))
ok 'takes the least recently used' lacks "$key_three" "$tree_three"
ok 'not the one used later' has "$key_one" "$tree_one"
ok 'nor the one that the last build needed' has "$key_four" "$tree_four"
ok 'nor what its sources came from' test "$(find "$store/downloads" -type f | wc -l)" = 2
ok 'and says how much that was' says "$work/gc" 'results                 1   1.1 MB'
ok 'a note says when' grep -qE '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z$' "$store/removed/$key_three"
ok 'and why' says "$store/removed/$key_three" 'minsys gc'
by_setting() {
	MINSYS_CACHE_SIZE=$((size - 1500000)) gc && says "$work/gc" 'of at most'
}
ok 'a bound by the user'\''s setting' by_setting
ok 'takes the next' lacks "$key_one" "$tree_one"
ok 'and no more' has "$key_two" "$tree_two"
ok 'the bound is held' test "$(disk_usage)" -le $((size - 1000000))
uses() {
	echo two >"$project/stages/second/suffix" && builds &&
		[ "$(find "$store/results/$key_two" -mmin -10)" ]
}
ok 'what a build uses is used now' uses
for case in '' x 10X -1 1e3 0x10 inf 5GBB; do
	ok "the size \`$case\` is refused" status 2 gc --max-size "$case"
done
for case in 1TB 5GiB '2.5 g' 100000000k; do
	ok "the size \`$case\` is one" gc --max-size "$case"
done
wrong_setting() {
	MINSYS_CACHE_SIZE=much status 2 gc && says "$work/gc" MINSYS_CACHE_SIZE
}
ok 'a setting that is no size is refused' wrong_setting
ok 'words are refused' status 2 gc now
anywhere() {
	(cd / && "$BIN/minsys" gc -q)
}
ok 'it needs no project' anywhere

# A tree of two results counts once, and stays while one of them does.
sed -i 's/^  { cat/  {  cat/' "$project/stages/second/stage.yaml"
echo four >"$project/stages/second/suffix"
ok 'another script with the same output' builds
key_again=$(key_of second)
same_tree() {
	[ "$(tree_of second)" = "$tree_four" ] && [ "$key_again" != "$key_four" ]
}
ok 'is another result of one tree' same_tree
age 9 "$key_four" "$tree_four"
touch "$store/results/$key_again"
only_record() {
	gc --max-size $(($(disk_usage) - 8500)) && [ ! -e "$store/results/$key_four" ] &&
		has "$key_again" "$tree_four"
}
ok 'the older record goes, after its log and action, the tree stays' only_record
sed -i 's/^  {  cat/  { cat/' "$project/stages/second/stage.yaml"

ok 'with no room at all' gc --max-size 0
records_of_builds() {
	find "$store/builds" -type f | wc -l
}
everything_gone() {
	for folder in trees results unpacked actions files downloads logs failed tmp; do
		[ -z "$(ls -A "$store/$folder")" ] || return 1
	done
	[ "$(ls "$store/locks")" = "gc
store" ]
}
ok 'nothing is left' everything_gone
ok 'but what explains builds' test "$(records_of_builds)" -gt 3
again() {
	builds && [ "$(sha256_of "$out/manifest.json")" = "$reference" ]
}
ok 'and all is made again' again

# What a killed runner left.
touch "$store/downloads/unpinned-0.part" "$store/results/x.0123456789abcdef.tmp"
part=$store/downloads/$(sha256_of /dev/null).part
echo half >"$part"
flock "$part" sleep 30 &
holder=$!
while flock -n "$part" true; do sleep 0.01; done
ok 'a collection beside a download' gc --max-size 0
ok 'leaves that alone' test -f "$part"
pkill -P "$holder" sleep
wait "$holder"
ok 'a collection after one that was killed' gc --max-size 0
ok 'removes the half of a download' everything_gone

# Records of builds are bounded by their number and age.
bounded_history() {
	for n in $(seq 1000 2100); do
		echo "$n" >"$store/builds/20200101T000000.000Z-0000$n"
	done
	touch -d '2 years ago' "$store/builds/20200101T000000.000Z-00002000"
	gc && [ "$(records_of_builds)" = 1000 ] &&
		[ ! -e "$store/builds/20200101T000000.000Z-00002000" ]
}
ok 'a thousand records of builds are kept' bounded_history
rm -f "$store"/builds/*

# --- Beside builds ---

stage slow <<-'END'
	summary: Takes its time with what it uses
	sources: [hello]
	needs: [first]
	run: |
	  for n in $(seq 20); do
	    cat /minsys/src/hello/greeting /minsys/first/text
	    sleep 0.1
	  done >"$OUT/text"
	provides: slow
	exports:
	  slow: text
END
stage last <<-'END'
	summary: Needs what was made before
	needs: [first, second, slow]
	run: cat /minsys/first/text /minsys/second/loud /minsys/slow/text >"$OUT/text"
	provides: last
	exports:
	  last: text
END
ok 'a build with a slow stage' builds
rm -f "$store/results/$(key_of slow)" "$store/results/$(key_of last)"
reference=$(sha256_of "$out/manifest.json")
beside_build() {
	age_all
	minsys build >"$work/log" 2>&1 &
	build=$!
	count=0
	in_use=0
	until grep -q '^slow .*building' "$work/log"; do sleep 0.02; done
	while kill -0 "$build" 2>/dev/null; do
		gc --max-size 0 || return 1
		count=$((count + 1))
		! grep -q 'in use by builds' "$work/gc" || in_use=$((in_use + 1))
	done
	wait "$build" || {
		cat "$work/log"
		return 1
	}
	echo "$count collections, $in_use beside something in use"
	[ "$in_use" -ge 2 ] && [ "$(sha256_of "$out/manifest.json")" = "$reference" ]
}
ok 'a build goes on while all else is collected' beside_build
ok 'it built the slow stage once' test "$(grep -c '^slow .*done' "$work/log")" = 1
ok 'and the store is valid' valid
ok 'a build after that' again

# What a stopped runner holds is let go of with it.
let_go() {
	rm -f "$store/results/$(key_of slow)"
	minsys build >"$work/log" 2>&1 &
	build=$!
	until grep -q '^slow .*building' "$work/log"; do sleep 0.02; done
	kill -9 "$(pgrep -P "$build" -x minsys || echo "$build")"
	wait "$build" 2>/dev/null
	sleep 0.2
	gc --max-size 0 && everything_gone
}
ok 'a killed runner uses nothing' let_go

sed -i 's/ *sleep 0.1$//' "$project/stages/slow/stage.yaml"
ok 'a build with that stage made quick' builds
reference=$(sha256_of "$out/manifest.json")
two_at_once() {
	again || return 1
	"$BIN/minsys" gc --max-size 0 >"$work/one" 2>&1 &
	first=$!
	"$BIN/minsys" gc --max-size 0 >"$work/two" 2>&1 || return 1
	wait "$first" && everything_gone && again
}
ok 'two collections at once' two_at_once
waits() {
	flock "$store/locks/gc" sleep 1 &
	holder=$!
	while flock -n "$store/locks/gc" true; do sleep 0.01; done
	gc --max-size 1TB && says "$work/gc" 'another minsys gc is at work'
	result=$?
	wait "$holder"
	return "$result"
}
ok 'the second one waits, and says so' waits

killed_collections() {
	for n in $(seq 10); do
		"$BIN/minsys" gc -q --max-size 0 &
		pid=$!
		sleep "0.0$(printf %02d $((n * 7 % 40)))"
		kill -9 "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
		valid && again || return 1
	done
}
ok 'killed 10 times, each time the store is valid and gives the same' killed_collections
ok 'and nothing of them is left' test -z "$(ls -A "$store/tmp")"

# --- Reading back ---

from_nothing() {
	gc --max-size 0 && again
}
ok 'all is made again, sources too' from_nothing
sound() {
	valid && says "$work/verify" 'all is well: '
}
ok 'a sound store is well' sound
tree=$store/trees/$(tree_of second)
first_tree=$store/trees/$(tree_of first)
flip() {
	printf '\377' | dd of="$1" bs=1 seek="${2:-3}" conv=notrunc 2>/dev/null
}
# damaged WHAT SAYS: the damage is told, by a dry run too, and removed; then all is as before.
damaged() {
	listing >"$work/before"
	status 1 gc --verify --dry-run && says "$work/gc" "$1" || return 1
	listing >"$work/after"
	diff "$work/before" "$work/after" || return 1
	status 1 gc --verify && says "$work/gc" "$1" && cp "$work/gc" "$work/told" && again && sound
}
flip "$tree/tree/loud"
ok 'a byte of an output' damaged 'loud is not what it was'
ok 'by name, with what it was of' says "$work/told" 'the output of stage second is damaged'
ok 'and what was made from it' says "$work/told" 'stage last was made from what is damaged'
: >"$tree/tree/loud"
ok 'an output that was cut off' damaged 'loud is not what it was'
rm "$tree/tree/large"
ok 'a file that is missing' damaged 'large is missing'
echo >"$tree/tree/more"
ok 'a file more' damaged 'more is not part of it'
chmod +x "$tree/tree/loud"
ok 'a mode' damaged 'loud is of another type or mode'
ln -sf loud "$tree/tree/large"
ok 'a link in place of a file' damaged 'large is of another type or mode'
flip "$tree/manifest"
ok 'a manifest' damaged 'its manifest is not what it was'
rm "$tree/manifest"
ok 'no manifest' damaged "${tree#"$store/"}"
rm -r "$tree/tree"
ok 'no tree' damaged 'its tree is missing'
rm -r "$tree"
ok 'nothing of it' damaged 'the tree that it names is missing'
flip "$(find "$store/trees" -name greeting)"
ok 'a source' damaged 'greeting is not what it was'
flip "$store/downloads/$(sha256_of "$mirror/pool/hello-1.0.tar.gz")"
ok 'a download' damaged 'what it holds has the sha256'
for kind in results unpacked actions builds; do
	for record in "$store/$kind"/*; do
		flip "$record"
		break
	done
	ok "a record of $kind" damaged "$kind/"
done
for file in "$store"/files/*; do
	echo more >>"$file"
	break
done
ok 'a file of a project' damaged 'what it holds has the sha256'
ok '--verify takes no bound' status 2 gc --verify --max-size 0

# --- What a build makes of damage ---

rm -r "$first_tree/tree"
ok 'a build mends an output without its tree' again
rm -r "$tree/manifest"
ok 'and one without its manifest' again
ok 'the store is sound' sound
flip "$tree/tree/loud"
rm -r "$out"
ok 'damaged bytes never get into the result' again
ok 'they are told' says "$work/log" 'loud was damaged in the store'
ok 'and made again' says "$work/log" 'building again what was damaged'
flip "$tree/manifest"
rm -r "$out"
ok 'nor does a damaged manifest' again
rm "$tree/tree/loud"
mkdir "$tree/tree/more"
echo >"$tree/tree/more/file"
rm -r "$out"
ok 'nor is a missing file left out' again
unpacks_again() {
	rm -rf "$store"/unpacked "$store"/trees && again
}
: >"$store/downloads/$(sha256_of "$mirror/pool/hello-1.0.tar.gz")"
ok 'a download that was cut off is downloaded again' unpacks_again
ok 'the store is sound again' sound

# --- A store that is full or read-only ---

own_mounts='--mount'
[ "$(id -u)" = 0 ] || own_mounts='--user --map-current-user --keep-caps --mount'
# mounted SCRIPT: run it with mounts of its own.
mounted() {
	# shellcheck disable=SC2086 # options in words
	unshare $own_mounts sh -euc "$1" sh "$store" "$BIN/minsys" "$project" "$mirror" "$work/log"
}
# shellcheck disable=SC2016 # the inner shell's
full() {
	mounted '
		mkdir -p "$1/../full"
		mount -t tmpfs -o size=12m none "$1/../full"
		export MINSYS_CACHE="$1/../full/store"
		"$2" build -q -C "$3" --mirror "$4"
		dd if=/dev/zero of="$1/../full/rest" bs=1024 2>/dev/null || :
		echo full >"$3/stages/second/suffix"
		status=0
		"$2" build -C "$3" --mirror "$4" >"$5" 2>&1 || status=$?
		[ "$status" = 3 ]
		"$2" gc --max-size 0 >>"$5"
		rm "$1/../full/rest"
		"$2" build -q -C "$3" --mirror "$4"
		"$2" gc --verify
	'
}
ok 'a full store is collected too' full
ok 'and the build said that it is full' says "$work/log" 'is full: free space there'
echo four >"$project/stages/second/suffix"
ok 'as it was' again
# shellcheck disable=SC2016
fills() {
	stage second <<-'END'
		summary: Too much, and it fails for that
		needs: [first]
		run: yes | head -c 26214400 >"$OUT/loud"
		provides: second
	END
	mounted '
		mount -t tmpfs -o size=12m none "$1/../full"
		export MINSYS_CACHE="$1/../full/store"
		"$2" build -C "$3" --mirror "$4" second >"$5" 2>&1 || echo "exit status $?" >>"$5"
		ls "$1/../full/store/failed" >>"$5"
	'
	says "$work/log" 'exit status 3' && says "$work/log" 'stage second: ' &&
		says "$work/log" 'is full: free space there' && ! grep -q '^second-' "$work/log"
}
cp -r "$project/stages/second" "$work/second"
ok 'a script that fails on a full disk failed for that' fills
cp "$work/second/stage.yaml" "$project/stages/second"
# shellcheck disable=SC2016
read_only() {
	rm -rf "$out"
	age_all
	mounted '
		mount --bind "$1" "$1"
		mount -o remount,bind,ro "$1"
		"$2" build -C "$3" --mirror "$4" >"$5" 2>&1
		"$2" gc --dry-run >/dev/null
		"$2" gc --verify --dry-run >/dev/null
		status=0
		"$2" gc --max-size 0 >>"$5" 2>&1 || status=$?
		[ "$status" = 3 ]
		echo other >"$3/stages/second/suffix"
		status=0
		"$2" build -C "$3" --mirror "$4" >"$5.2" 2>&1 || status=$?
		[ "$status" = 3 ]
	' || {
		cat "$work/log" "$work/log.2"
		return 1
	}
	echo four >"$project/stages/second/suffix"
	[ "$(sha256_of "$out/manifest.json")" = "$reference" ]
}
ok 'a read-only store with everything in it' read_only
ok 'gc says that it cannot be written' says "$work/log" 'cannot be written: name another folder in MINSYS_CACHE'
ok 'and so does a build with something to do' says "$work/log.2" 'cannot be written: name another folder in MINSYS_CACHE'

# So is one that is another user's, or may not be written for other reasons.
copy_programs
mkdir -m 777 "$work/theirs"
age_all
chmod -R a-w "$store"
ok 'a store that may only be read' as_user "$BIN/minsys" build -q -C "$project" --mirror "$mirror" \
	--out "$work/theirs/out"
ok 'gives the same' test "$(sha256_of "$work/theirs/out/manifest.json")" = "$reference"
may_not_write() {
	echo other >"$project/stages/second/suffix"
	status 3 as_user "$BIN/minsys" build -C "$project" --mirror "$mirror" \
		--out "$work/theirs/out" >"$work/log" 2>&1 &&
		says "$work/log" 'cannot be written: name another folder in MINSYS_CACHE'
}
ok 'and says why nothing can be built in it' may_not_write
not_theirs() {
	status 3 as_user "$BIN/minsys" gc >"$work/log" 2>&1 &&
		says "$work/log" 'cannot be written: name another folder in MINSYS_CACHE'
}
ok 'nor collected' not_theirs
chmod -R u+w "$store"
finish
