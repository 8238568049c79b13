#!/bin/sh
# minsys-cpp: when what it remembers of a preprocessed text holds, and when the text is made again.
# shellcheck disable=SC1003,SC2059 # lines to print have escapes in them
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"

# A real compiler, which counts how often it runs.
compiler=$work/compiler
cat >"$compiler" <<-END_OF_COMPILER
	#!/bin/sh
	echo >>"$work/runs"
	exec gcc "\$@"
END_OF_COMPILER
chmod +x "$compiler"
export CCACHE_DIR="$work/cache"
mkdir -p "$CCACHE_DIR" "$work/tree/include/generated" "$work/other"
cd "$work/tree" || exit 1

options=include/generated/autoconf.h
cat >$options <<-'END_OF_OPTIONS'
	/*
	 *
	 * Automatically generated file; DO NOT EDIT.
	 *
	 */
	#define CONFIG_NAMED 1
	#define CONFIG_NAMED_TOO 1
	#define CONFIG_TEXT "a text"
	#define CONFIG_OTHER 1
END_OF_OPTIONS
cat >main.c <<-'END_OF_SOURCE'
	#include "main.h"
	#ifdef CONFIG_NAMED
	int named;
	#endif
	#ifdef CONFIG_DRIVER_MODULE
	int module;
	#endif
	const char text[] = CONFIG_TEXT;
END_OF_SOURCE
cat >include/main.h <<-'END_OF_HEADER'
	#ifdef CONFIG_IN_HEADER
	int in_header;
	#endif
	#define IS_MODULE(option) option##_MODULE
	int driver = IS_MODULE(CONFIG_DRIVER);
END_OF_HEADER

# cpp [ARGUMENT]...: as ccache calls it; each call has another output.
cpp() {
	sleep 0.05 # as what changed just now may have changed while the compiler read it
	output=$(mktemp "$work/text.XXXXXX")
	"$BIN/minsys-cpp" "$compiler" -Iinclude -include generated/autoconf.h "$@" -E -o "$output" main.c
}
: >"$work/runs"
is_digest() {
	grep -qxE '[0-9a-f]{64}' "$output"
}
# remembered: the compiler need not run, and the digest is the one of before.
remembered() {
	before=$(cat "$output") runs=$(wc -l <"$work/runs")
	cpp "$@" || return 1
	[ "$(cat "$output")" = "$before" ] && [ "$(wc -l <"$work/runs")" = "$runs" ] && is_digest
}
# made SAME|ANOTHER: the compiler runs; the digest is the one of before, or it is not.
made() {
	wanted=$1
	shift
	before=$(cat "$output") runs=$(wc -l <"$work/runs")
	cpp "$@" || return 1
	is_digest && [ "$(wc -l <"$work/runs")" = $((runs + 1)) ] || return 1
	case $wanted in
	same) [ "$(cat "$output")" = "$before" ] ;;
	*) [ "$(cat "$output")" != "$before" ] ;;
	esac
}
# as_it_is: the compiler runs each time, and its text is not replaced.
as_it_is() {
	runs=$(wc -l <"$work/runs")
	cpp "$@" && grep -q '^# 1 "main.c"' "$output" && cpp "$@" && grep -q '^# 1 "main.c"' "$output" &&
		[ "$(wc -l <"$work/runs")" = $((runs + 2)) ]
}

ok 'without an argument' status 2 "$BIN/minsys-cpp"
ok 'a text that was never made' cpp
ok 'becomes its digest' is_digest
gcc -Iinclude -include generated/autoconf.h -E -o "$work/real" main.c
ok 'which is sha256' test "$(cat "$output")" = "$(sha256sum <"$work/real" | cut -d' ' -f1)"
ok 'another time nothing runs' remembered

# --- Options ---

ok 'an option that no file names' sed -i 's/CONFIG_OTHER 1/CONFIG_OTHER 2/' $options
ok 'makes no difference' remembered
echo '#define CONFIG_NEW 1' >>$options
ok 'nor does a new one' remembered
sed -i '/CONFIG_NAMED_TOO/d' $options
ok 'nor one whose name begins with that of one that is named' remembered
sed -i '/CONFIG_NAMED/d' $options
ok 'one that the source names does' made another
ok 'once' remembered
sed -i 's/a text/another text/' $options
ok 'its value too' made another
echo '#define CONFIG_IN_HEADER 1' >>$options
ok 'one that a header names does' made another
echo '#define CONFIG_DRIVER_MODULE 1' >>$options
ok 'one that is named, as a module' made another
sed -i '/CONFIG_DRIVER_MODULE/d' $options
ok 'and back' made another
sed -i '/CONFIG_IN_HEADER/d' $options
ok 'and further back' made another
sort -r $options | grep '^#' >"$work/sorted"
mv "$work/sorted" $options
ok 'their order makes none' remembered
ok 'an option that an argument names is one' made same -DX=CONFIG_ARGUMENT
echo '#define CONFIG_ARGUMENT 1' >>$options
ok 'whatever comes of it' made same -DX=CONFIG_ARGUMENT
cp include/main.h "$work/main.h"
echo '#define PASTE(name) CONFIG_##name' >>include/main.h
ok 'names that are made of parts are not remembered' as_it_is
cp "$work/main.h" include/main.h
for part in 'CONFIG_A_ \\\n ## name' 'CONFIG/* */##_A' 'CAT(CONFIG_, A)' 'CONFIG_\\\nA'; do
	printf "#define PASTE(name) $part\n" >>include/main.h
	ok "wherever a part ends: $part" as_it_is
	cp "$work/main.h" include/main.h
done
ok 'a file as it was' cpp
for line in 'int code;' '/* */ int code;' '/*\n#define CONFIG_NEW 1\n */' '#define CONFIG_A\t1' \
	'#define CONFIG_A' '#define CONFIG_A CONFIG_B' '#define CONFIG_A 1 \\' '#define CONFIG_OTHER 3' \
	'#undef CONFIG_A'; do
	cp $options "$work/options"
	printf "$line\n" >>$options
	cpp 2>"$work/.warnings"
	sed -i 's/CONFIG_OTHER 2/CONFIG_OTHER 4/' $options
	ok "a header of options and of \`${line%%'\n'*}\` is one as any other" made same 2>"$work/.warnings"
	cp "$work/options" $options
done
ok 'options alone again' cpp
ok 'are options' remembered
mv $options "$work/options"
ok 'without the header it fails' status 1 cpp
mv "$work/options" $options
ok 'with it again' cpp
ok 'it is remembered' remembered

# --- Files, and what is asked for ---

echo '/* a remark */' >>include/main.h
ok 'a header that changed' made same
echo 'int more;' >>main.c
ok 'a source that changed' made another
echo '# changed' >>"$compiler"
ok 'another compiler' made same
ok 'another argument' made same -DARGUMENT
ok 'which is remembered beside that without' remembered -DARGUMENT
ok 'as that is' remembered
scoped() {
	CCACHE_NAMESPACE=other made same
}
ok 'another scope has what it remembers for itself' scoped
in_other() {
	cp -R . "$work/other/tree" && cd "$work/other/tree" && made same
}
ok 'so does another folder' in_other
cd "$work/tree" || exit 1

# --- What must not be remembered ---

cp main.c "$work/main.c"
for code in 'const char *t = __TIME__;' 'const char *t = __DATE__;' '__asm__(".incbin \"main.c\"");'; do
	{ cat "$work/main.c" && echo "$code"; } >main.c
	ok "$code" as_it_is
done
{ cat "$work/main.c" && printf '#if 0\n# embed "main.h"\n#endif\n'; } >main.c
ok '# embed' as_it_is
{ cat "$work/main.c" && printf '#if __has_include("none.h")\n#endif\n'; } >main.c
ok 'what is there, and not included' as_it_is
cp "$work/main.c" main.c
ok 'a date in an argument' as_it_is -DX=__DATE__
ok 'macros in the text' as_it_is -g3
echo '-DX' >"$work/arguments"
ok 'an argument that names a file which the text does not' as_it_is "@$work/arguments"
ok 'or a program' as_it_is -B/nowhere
ok 'or the processor' as_it_is -march=native
unmarked() {
	cpp --no-line-commands && grep -q 'text\[\]' "$output" && ! is_digest
}
ok 'a text that does not say what it was made of' unmarked
echo '#define IMACRO 1' >"$work/imacros"
cpp -imacros "$work/imacros"
echo '#define IMACRO 2' >"$work/imacros"
ok 'a file of macros is one as any other' made same -imacros "$work/imacros"
mkdir -p include/'a"b'
echo 'int odd;' >include/'a"b'/odd.h
odd() {
	cpp -I'include/a"b' -include odd.h && grep -q 'int odd' "$output"
}
ok 'a name that is quoted' odd
changing() {
	printf '#!/bin/sh\ngcc "$@" && echo "/* late */" >>include/main.h\n' >"$work/changing" &&
		chmod +x "$work/changing" && cp "$compiler" "$work/compiler.before" &&
		mv "$work/changing" "$compiler" && cpp -DLATE && grep -q '^# 1 "main.c"' "$output" &&
		mv "$work/compiler.before" "$compiler"
}
ok 'what changed while it was read' changing

# --- What goes wrong ---

echo '#error' >>main.c
ok 'a failure is one' status 1 cpp
ok 'another time too' status 1 cpp
cp "$work/main.c" main.c
ok 'what it was before is remembered' cpp
ok 'and none of the failures' remembered
ok 'a compiler that is not there' status 1 "$BIN/minsys-cpp" "$work/none" -E -o "$work/none.i" main.c
no_cache() {
	(unset CCACHE_DIR && as_it_is) && CCACHE_DIR=$work/none as_it_is
}
ok 'without a cache it is a preprocessor' no_cache
killed() {
	printf '#!/bin/sh\nkill -9 $$\n' >"$work/killed" && chmod +x "$work/killed" &&
		status 137 "$BIN/minsys-cpp" "$work/killed" -E -o "$work/killed.i" main.c
}
ok 'a compiler that is killed' killed

# A memo that is cut at any line, or in which a byte is another one, does not count.
rm -rf "$CCACHE_DIR/cpp"
ok 'all anew' cpp
memo=$(ls "$CCACHE_DIR"/cpp/*)
cp "$memo" "$work/memo"
damaged() {
	lines=$(wc -l <"$work/memo") count=0
	while [ "$count" -lt "$lines" ]; do
		head -n "$count" "$work/memo" >"$memo"
		made same || return 1
		sed "$((count + 1))s/.$/!/" "$work/memo" >"$memo"
		made same || return 1
		count=$((count + 1))
	done
}
ok 'one that is damaged is none' damaged
ok 'and is made again' remembered

finish
