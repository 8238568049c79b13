#!/bin/sh
# build --ccache: what is in it, what is recorded of it, and that it has no say in any output. First
# with a compiler and a cache of a few lines of shell, then with the real ones of toolchain/.
# shellcheck disable=SC2016 # the steps expand
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"
real_store=${MINSYS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/minsys}
# shellcheck source=tests/functional/project.sh
. "$(dirname "$0")/project.sh"
PATH=$PATH:/usr/sbin:/sbin # chroot
unset MINSYS_CCACHE

copy_programs
make_project
out=$project/out/minsys

# builds [OPTION]...: all stages run, as no result is in the store.
builds() {
	rm -rf "$MINSYS_CACHE/results"
	minsys build "$@" >"$work/log" 2>&1 || {
		cat "$work/log"
		return 1
	}
}
first_line() {
	head -n 1 "$work/log" | grep -q "$1"
}
# outputs: of each stage; the rest of the manifest says how they came about.
outputs() {
	grep '"output"\|"action"' "$out/manifest.json"
}
same_outputs() {
	outputs | diff "$work/outputs" -
}
# said_of_cache COUNT: so many stages had one, as the manifest says.
said_of_cache() {
	[ "$(grep -c '"ccache": true' "$out/manifest.json")" = "$1" ]
}

# --- What stages may say ---

stage second <<-'END'
	summary: Compiles
	needs: [first]
	files: [suffix]
	ccache: true
	run: |
	  test -z "$(env | grep '^CCACHE_DIR=' || true)" || echo "cache $CCACHE_DIR"
	  ls /minsys
	  echo "$PATH"
	  cc /minsys/first/text "$OUT/loud"
	  cc /minsys/stage/second/suffix "$OUT/suffix"
	provides: second
	exports:
	  loud: loud
END
no_ccache() {
	status 2 minsys build --ccache >"$work/log" 2>&1
}
ok 'a tools root without ccache' no_ccache
ok 'is named, with what to do' says "$work/log" \
	'the tools root has no usr/lib/ccache: name the package ccache'

# The compiler: it shouts. The cache notes in a file, which all steps write to, what it did.
mkdir -p "$work/deb/data/usr/lib/ccache"
cat >"$work/deb/data/usr/bin/cc" <<-'END'
	#!/bin/sh
	{ echo compiled; tr a-z A-Z <"$1"; } >"$2"
END
cat >"$work/deb/data/usr/bin/ccache" <<-'END'
	#!/bin/sh
	set -eu
	key=$CCACHE_NAMESPACE-$(busybox sha256sum <"$1")
	entry=$CCACHE_DIR/entries/${key%% *}
	mkdir -p "${entry%/*}"
	if [ -f "$entry" ]; then
		cp "$entry" "$2"
		echo hit >>"$CCACHE_DIR/notes"
	else
		/usr/bin/cc "$1" "$2"
		cp "$2" "$entry"
		echo miss >>"$CCACHE_DIR/notes"
	fi
END
chmod +x "$work/deb/data/usr/bin/cc" "$work/deb/data/usr/bin/ccache"
ln -s ../../bin/ccache "$work/deb/data/usr/lib/ccache/cc"
tar -C "$work/deb/data" --sort=name --owner=0 --group=0 -cJf "$work/deb/data.tar.xz" .
(cd "$work/deb" && ar rcD "$mirror/pool/compiler.deb" debian-binary control.tar.gz data.tar.xz)
sed -i -e 's/tools.deb/compiler.deb/' -e "s/size: [0-9]*/size: $(stat -c %s "$mirror/pool/compiler.deb")/" \
	-e "s/sha256: [0-9a-f]*/sha256: $(sha256_of "$mirror/pool/compiler.deb")/" "$project/toolchain/root.lock"

# notes HIT...: of the step that ran last in this stage.
notes() {
	printf '%s\n' "$@" | diff - "$MINSYS_CACHE/ccache/second/notes"
}

# --- Off, cold, warm ---

ok 'a build' builds
ok 'says nothing of a cache' status 1 grep -i cache "$work/log"
ok 'makes none' test ! -e "$MINSYS_CACHE/ccache"
ok 'and records none' said_of_cache 0
outputs >"$work/outputs"
ok 'another, with --ccache' builds --ccache -v
ok 'says so first' first_line 'isolation: .*; with a compiler cache$'
ok 'compiles with it' notes miss miss
ok 'which is at hand' says "$work/log" 'cache /minsys/ccache/second'
ok 'and its compilers before all others' says "$work/log" '/usr/lib/ccache:/usr/sbin:'
ok 'records it of that stage, and of no other' said_of_cache 1
ok 'and of the build' grep -q '"ccache": *true' "$MINSYS_CACHE"/builds/*
ok 'and makes the same' same_outputs
ok 'another one' builds --ccache
ok 'finds what that one left' notes miss miss hit hit
ok 'and makes the same' same_outputs
ok 'a build with nothing to do' minsys build -q
ok 'knows how the results came about' said_of_cache 1
ok 'one without it' builds -v
ok 'does not see it' status 1 grep ccache "$work/log"
ok 'leaves it alone' notes miss miss hit hit
ok 'and records none' said_of_cache 0
ok 'one where the environment asks for it' eval 'MINSYS_CCACHE=1 builds'
ok 'has it' notes miss miss hit hit hit hit
cp "$out/manifest.json" "$work/with.json"
ok 'one where it asks for none' eval 'MINSYS_CCACHE=0 builds'
ok 'has none' said_of_cache 0
ok 'to scripts/verify both results are the same' "$root/scripts/verify" "$work/with.json" \
	"$out/manifest.json"
ok 'one where it asks for neither' status 2 env MINSYS_CCACHE=yes "$BIN/minsys" build -C "$project"

# Every compiler that there is, or what it is made of, is what the cache is valid for.
rm "$MINSYS_CACHE/ccache/second/notes"
echo '?' >"$project/stages/second/suffix"
builds --ccache
ok 'a file that changed is compiled, another is not' notes hit miss
make_source moon
write_sources
rm "$MINSYS_CACHE/ccache/second/notes"
builds --ccache
ok 'after a change in what it needs, all is' notes miss miss
ok 'with what is in it now' says "$out/loud" 'HELLO, MOON'
mkdir "$MINSYS_CACHE/ccache/second/cpp"
truncate -s 1100M "$MINSYS_CACHE/ccache/second/cpp/texts"
builds --ccache
ok 'too much of what it remembers of texts is forgotten' test ! -e "$MINSYS_CACHE/ccache/second/cpp"

# --- A cache that lies ---

for entry in "$MINSYS_CACHE"/ccache/second/entries/*; do
	chmod u+w "$entry"
	echo 'not what the compiler makes' >"$entry"
done
builds --ccache
ok 'what is in the cache is believed' says "$out/loud" 'not what the compiler makes'
ok 'which is recorded' said_of_cache 1
checks() {
	status 1 minsys check second --ccache >"$work/log" 2>&1
}
ok 'check does not' checks
ok 'and finds it out' says "$work/log" 'changed: loud'
ok 'nor when the environment asks for it' status 1 env MINSYS_CCACHE=1 "$BIN/minsys" check second \
	-C "$project" --mirror "$mirror"
rm -rf "$MINSYS_CACHE/ccache"

mv "$BIN/minsys-cpp" "$work"
lacks() {
	rm -rf "$MINSYS_CACHE/results"
	status 3 minsys build --ccache >"$work/log" 2>&1 && says "$work/log" 'bin/minsys-cpp: No such file' &&
		says "$work/log" 'it must stand beside minsys'
}
ok 'without minsys-cpp there is none, with what to do' lacks
mv "$work/minsys-cpp" "$BIN"

# --- Whose it is ---

stage third <<-'END'
	summary: Looks around
	run: ls /minsys >"$OUT/places"
	exports:
	  places: places
END
stage fourth <<-'END'
	summary: Looks at its own and that of others
	ccache: true
	run: |
	  ls /minsys/ccache >"$OUT/caches"
	  echo >/minsys/ccache/fourth/file
	  if echo >/minsys/ccache/file; then exit 1; fi
	  chmod 0 /minsys/ccache/fourth
	exports:
	  caches: caches
END
ok 'a build of more stages' builds --ccache
ok 'has a cache in two' said_of_cache 2
ok 'a stage that does not say that it can use it has none' status 1 grep ccache "$out/places"
ok 'each sees its own only' test "$(cat "$out/caches")" = fourth
ok 'one that shut itself out' builds --ccache
# It shuts itself out again; only root would not notice.
has_written() {
	chmod 755 "$MINSYS_CACHE/ccache/fourth" && test -f "$MINSYS_CACHE/ccache/fourth/file"
}
ok 'is let in again' has_written
rm -r "$project/stages/third" "$project/stages/fourth"

# Runners that share a store share the caches: at once, or for root, whose steps are of different
# users, one after the other.
cp -R "$project" "$work/other"
rm -rf "$work/other/out"
# meet PROJECT NAME OTHER
meet() {
	cat >"$1/stages/second/stage.yaml" <<-END
		summary: Meets the other one
		ccache: true
		timeout: 60s
		run: |
		  cd /minsys/ccache/second
		  mkdir busy-$2
		  $meeting
		  rmdir busy-$2
		  cp /usr/bin/cc "\$OUT/loud"
		provides: second
		exports:
		  loud: loud
	END
}
if [ "$(id -u)" = 0 ]; then
	meeting='sleep 0.3; test $(echo busy-*) = busy-'
	meet "$project" one
	sed -i 's/= busy-$/= busy-one/' "$project/stages/second/stage.yaml"
	meet "$work/other" two
	sed -i 's/= busy-$/= busy-two/' "$work/other/stages/second/stage.yaml"
else
	meeting='touch was-'
	meet "$project" one
	sed -i 's/was-$/was-one; until test -e was-two; do sleep 0.1; done/' "$project/stages/second/stage.yaml"
	meet "$work/other" two
	sed -i 's/was-$/was-two; until test -e was-one; do sleep 0.1; done/' "$work/other/stages/second/stage.yaml"
fi
two_builds() {
	"$BIN/minsys" build --ccache -q -C "$work/other" --mirror "$mirror" >"$work/other-log" 2>&1 &
	builds --ccache
	first=$?
	wait "$!" && return "$first"
	cat "$work/other-log"
	return 1
}
ok 'two runners with one cache' two_builds

# --- Where nothing can be mounted ---

stage second <<-'END'
	summary: Compiles
	needs: [first]
	ccache: true
	run: cc /minsys/first/text "$OUT/loud"
	provides: second
	exports:
	  loud: loud
END
minsys build -q --out "$work/reference" || exit 1
rm -rf "$MINSYS_CACHE/ccache"
set_up='
	cd "$0" && mount -t proc proc proc && mount -t tmpfs -o mode=755 tmpfs dev || exit 1
	for device in null zero full random urandom; do
		: >dev/$device && mount --bind /dev/$device dev/$device || exit 1
	done
	ln -s /proc/self/fd dev/fd && ln -s fd/1 dev/stdout && ln -s fd/2 dev/stderr || exit 1'
run_user="$set_up"'
	exec unshare --user --map-user=1000 --map-group=1000 --root=. --wd=/ "$@"'
run_root="$set_up"'
	exec chroot . "$@"'
make_container() {
	form=$1 container=$work/$1
	minsys root "$container" >"$work/log" 2>&1 || return 1
	mkdir -p "$container/minsys/bin" "$container/minsys/store" "$container/proc" "$container/dev" \
		"$container/tmp"
	cp "$BIN/minsys" "$BIN/minsys-sandbox" "$BIN/minsys-cpp" "$container/minsys/bin"
	cp -R "$project" "$container/minsys/project"
	rm -rf "$container/minsys/project/out"
	cp -R "$MINSYS_CACHE/downloads" "$MINSYS_CACHE/format" "$MINSYS_CACHE/unpacked" "$container/minsys/store"
	chmod 1777 "$container/tmp"
	[ "$form" = root ] || [ "$(id -u)" != 0 ] || chown -R 65534:65534 "$container"
}
contained() {
	rm -rf "$container/minsys/store/results"
	set -- /minsys/bin/minsys build --ccache --offline --isolation=auto -C /minsys/project "$@"
	case $form in
	user) set -- as_user unshare -Ur --mount --pid --fork sh -c "$run_user" "$container" "$@" ;;
	root) set -- unshare --mount --pid --fork sh -c "$run_root" "$container" "$@" ;;
	esac
	(
		MINSYS_CACHE=/minsys/store
		"$@" >"$work/log" 2>&1
	) || {
		cat "$work/log"
		return 1
	}
}
run_form() {
	ok "$1: a container of the tools root" make_container "$1"
	ok "$1: a build with a cache" contained
	ok "$1: by Landlock" first_line 'isolation: landlock .*; with a compiler cache$'
	ok "$1: makes the same" cmp "$work/reference/loud" "$container/minsys/project/out/minsys/loud"
	ok "$1: another one" contained
	in_container=$container/minsys/store/ccache/second/notes
	ok "$1: finds what that one left" test "$(tr '\n' ' ' <"$in_container")" = 'miss hit '
	ok "$1: in the store again" test ! -e "$container/minsys/ccache/second"
	ok "$1: makes the same" cmp "$work/reference/loud" "$container/minsys/project/out/minsys/loud"
}
abi=$("$BIN/minsys-attack" landlock)
if ! as_user unshare -Urm true 2>/dev/null || [ -z "$abi" ] || [ "$abi" -lt 6 ]; then
	skip 'containers' "they need user namespaces, and Landlock of ABI 6, not ${abi:-0}"
else
	run_form user
	if [ "$(id -u)" = 0 ]; then
		run_form root
	else
		skip 'a container that root started' 'not root'
	fi
fi

# --- The real ones ---

# A project of one stage with the tools of this one, unpacked already where they are in the store.
real=$work/real
MINSYS_CACHE=$work/real-store
mkdir -p "$real/stages/objects" "$real/targets/here" "$MINSYS_CACHE/trees"
cp -R "$root/toolchain" "$real"
cp "$project/targets/here/target.yaml" "$real/targets/here"
echo '{}' >"$real/stages/sources.yaml"
echo 'minsys store 1' >"$MINSYS_CACHE/format"
cp -R "$real_store/unpacked" "$MINSYS_CACHE" 2>/dev/null
ln -s "$real_store"/trees/* "$MINSYS_CACHE/trees" 2>/dev/null
ls -d "$real_store"/trees/*/tree/usr/lib/ccache >"$work/found" 2>&1 ||
	cp -R "$real_store/downloads" "$MINSYS_CACHE" 2>/dev/null

# What a kernel's build asks of a compiler, on a small scale: a list of headers by way of the
# preprocessor, an assembler file with another one in it, debugging information, a date, options.
cat >"$real/stages/objects/stage.yaml" <<-'END'
	summary: Objects
	files: [main.c, options.c, other.h, autoconf.h, blob.S, blob]
	ccache: true
	run: |
	  mkdir -p include/generated
	  cp /minsys/stage/objects/* .
	  mv other.h include
	  mv autoconf.h include/generated
	  for cc in gcc aarch64-linux-gnu-gcc; do
	    $cc -Wp,-MMD,$cc.d -Iinclude -O2 -g -c -o "$OUT/$cc-main.o" main.c
	    $cc -Iinclude -include generated/autoconf.h -c -o "$OUT/$cc-options.o" options.c
	    $cc -D__ASSEMBLY__ -c -o "$OUT/$cc-blob.o" blob.S
	    cp $cc.d "$OUT"
	  done
	  gcc -o "$OUT/main" "$OUT/gcc-main.o" "$OUT/gcc-options.o" "$OUT/gcc-blob.o"
	  "$OUT/main" >"$OUT/said"
	  if [ -n "${CCACHE_DIR:-}" ]; then
	    ccache --print-stats
	    stat -c 'memo %n %i' "$CCACHE_DIR"/cpp/*
	  fi
	exports:
	  objects: .
END
cat >"$real/stages/objects/main.c" <<-'END'
	#include <stdio.h>
	#include "other.h"
	extern const char blob[], option[];
	int main(void)
	{
		return printf("%s %s %.4s %s\n", OTHER, __DATE__, blob, option) < 0;
	}
END
echo 'const char option[] = CONFIG_SAID;' >"$real/stages/objects/options.c"
printf '#define CONFIG_SAID "yes"\n#define CONFIG_UNSAID 1\n' >"$real/stages/objects/autoconf.h"
echo '#define OTHER "one"' >"$real/stages/objects/other.h"
printf '.data\n.globl blob\nblob: .incbin "blob"\n.section .note.GNU-stack,""\n' \
	>"$real/stages/objects/blob.S"
echo 'blob' >"$real/stages/objects/blob"

# really OPTION...: build all; $objects is the digest of what came of it.
really() {
	rm -rf "$MINSYS_CACHE/results"
	"$BIN/minsys" build -v -C "$real" "$@" >"$work/log" 2>&1 || {
		cat "$work/log"
		return 1
	}
	objects=$(sed -n 's/.*"output": "\(.*\)".*/\1/p' "$real/out/minsys/manifest.json")
}
# counted NAME COUNT: by ccache, since its cache is there.
counted() {
	grep -qx "$1	$2" "$work/log" || {
		cat "$work/log"
		return 1
	}
}
ok 'real compilers' really
without=$objects
ok 'and the real ccache, cold' really --ccache
ok 'keep what the two compilers make' counted cache_miss 4
ok 'but nothing that the assembler puts in' counted unsupported_code_directive 2
ok 'the same bits come of it' test "$objects" = "$without"
grep '^memo ' "$work/log" >"$work/memos"
ok 'and remember the texts that say no date' test "$(wc -l <"$work/memos")" = 2
not_made_again() {
	grep '^memo ' "$work/log" | diff "$work/memos" -
}
ok 'warm' really --ccache
ok 'all is found' counted preprocessed_cache_hit 4
ok 'nothing else was compiled' counted cache_miss 4
ok 'nor were these preprocessed' not_made_again
ok 'the same bits' test "$objects" = "$without"
ok 'the program works' says "$real/out/minsys/objects/said" 'one Sep  9 2001 blob yes'
ok 'a list of headers is there' says "$real/out/minsys/objects/gcc.d" 'include/other.h'

# differs_from_before COMMAND...: after this, warm and without a cache give the same, another thing.
differs_from_before() {
	before=$objects
	"$@" && really --ccache || return 1
	warm=$objects
	really && [ "$objects" = "$warm" ] && [ "$objects" != "$before" ]
}
change_header() {
	echo '#define OTHER "two"' >"$real/stages/objects/other.h"
}
change_blob() {
	echo 'BLOB' >"$real/stages/objects/blob"
}
change_flags() {
	sed -i 's/-O2/-O1/' "$real/stages/objects/stage.yaml"
}
change_option() {
	sed -i 's/yes/no/' "$real/stages/objects/autoconf.h"
}
change_date() {
	sed -i 's/1000000000/1100000000/' "$real/targets/here/target.yaml"
}
for change in header blob flags option date; do
	ok "another $change makes what it makes" differs_from_before "change_$change"
done
really --ccache
before=$objects missed=$(sed -n 's/^cache_miss	//p' "$work/log")
grep '^memo ' "$work/log" >"$work/memos"
echo '#define CONFIG_NEW 1' >>"$real/stages/objects/autoconf.h"
ok 'an option that nothing names' really --ccache
ok 'makes no difference' test "$objects" = "$before"
ok 'nothing is compiled for it' counted cache_miss "$missed"
ok 'nor preprocessed' not_made_again

finish
