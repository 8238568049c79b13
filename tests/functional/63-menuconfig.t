#!/bin/sh
# `minsys menuconfig`: a person edits a configuration in its menu; what is written down is the least
# that will do. The menu is one of our own, with options that depend on and select others.
# shellcheck disable=SC2016 # scripts of stages are for another shell
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/functional/project.sh
. "$(dirname "$0")/project.sh"

[ -x /bin/busybox ] || skip_all '/bin/busybox (package busybox-static) is not installed'
command -v python3 >/dev/null || skip_all 'python3 is not here'
need_namespaces

make_project
mkdir -p "$project/scripts"
cp -R "$root/scripts/kconfig" "$project/scripts"
cat >>"$project/stages/sources.yaml" <<-'END'
	kconfig:
	  version: local
	  license: MIT
	  path: scripts/kconfig
	  include: [apply, check]
	kconfig-menu:
	  version: local
	  license: MIT
	  path: scripts/kconfig
	  include: [menu]
	toy:
	  version: local
	  license: MIT
	  path: toy
END

# A toy of a configuration: NET selects CRYPTO; IPV6 (by default on) and WIFI (off) are there with
# NET only; DEBUG was turned off by the base; NAME is a text.
mkdir "$project/toy"
cat >"$project/toy/settle" <<-'FILE'
	#!/bin/sh
	awk '
		/^CONFIG_/ { name = substr($0, 8, index($0, "=") - 8); value[name] = substr($0, index($0, "=") + 1) }
		/^# CONFIG_.* is not set$/ { value[substr($2, 8)] = "n" }
		function known(name, otherwise) { return name in value ? value[name] : otherwise }
		function flag(name, v) { print v == "y" ? "CONFIG_" name "=y" : "# CONFIG_" name " is not set" }
		END {
			print "# a comment, not an option"
			net = known("NET", "n")
			flag("NET", net)
			flag("CRYPTO", net == "y" ? "y" : known("CRYPTO", "n"))
			if (net == "y") {
				flag("IPV6", known("IPV6", "y"))
				flag("WIFI", known("WIFI", "n"))
				if (known("WIFI", "n") == "y")
					print "CONFIG_WIFI_POWER=" known("WIFI_POWER", "10")
			}
			flag("DEBUG", known("DEBUG", "y"))
			print "CONFIG_NAME=" known("NAME", "\"none\"")
		}
	' .config >.config.settled
	mv .config.settled .config
FILE
cat >"$project/toy/open" <<-'END'
	#!/bin/sh
	# A menu: each line typed is an option as .config has it; `save` and `quit` end it.
	cp .config edited
	echo "a menu on $TERM"
	while read -r line; do
		case $line in
		save) cp edited .config; break ;;
		quit) break ;;
		fail) exit 5 ;;
		esac
		name=${line#\# }
		name=${name%%[ =]*}
		grep -v -e "^$name=" -e "^# $name is not set\$" edited >rest
		{ cat rest; echo "$line"; } >edited
		(mkdir -p m && cp edited m/.config && cd m && /minsys/src/toy/settle && cp .config ../edited)
		echo "has $line"
	done
END
chmod +x "$project/toy/settle" "$project/toy/open"
write_stage() {
	stage toy <<-END
		summary: Has a menu
		sources: [kconfig, toy]
		files: [toy.config]
		run: |
		  printf '# CONFIG_DEBUG is not set\n' >.config
		  /minsys/src/toy/settle
		  /minsys/src/kconfig/apply /minsys/stage/toy/toy.config .config
		  /minsys/src/toy/settle
		  /minsys/src/kconfig/check /minsys/stage/toy/toy.config .config
		  cp .config "\$OUT/config"
		exports: {config: config}
		${1:-}
	END
}
menu='menuconfig:
  file: toy.config
  sources: [kconfig-menu]
  run: |
    /minsys/src/kconfig-menu/menu /minsys/stage/toy/toy.config "$OUT/toy.config" \
      "printf \"# CONFIG_DEBUG is not set\n\" >.config; /minsys/src/toy/settle" \
      /minsys/src/toy/settle /minsys/src/toy/open'
fragment=$project/stages/toy/toy.config
write_stage
cat >"$fragment" <<-'END'
	# What differs from the default.

	# The name that it has.
	CONFIG_NAME="toy"
	# CONFIG_CRYPTO is not set
END
cp "$fragment" "$work/original"
minsys build -q
builds() {
	find "$MINSYS_CACHE/builds" -type f | wc -l
}
before=$(builds)
write_stage "$menu"
not_in_the_key() {
	minsys build -q && [ "$(builds)" = "$before" ]
}
ok 'a menu is not in the key of its stage' not_in_the_key

# menu STATUS LINE...: in the menu these are typed.
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
menu() {
	wanted=$1
	shift
	{
		echo 'expect a menu on xterm'
		for line; do
			printf 'send %s\\n\n' "$line"
			case $line in CONFIG* | '#'*) echo 'expect ^has' ;; esac
		done
		echo "exit $wanted"
	} >"$work/steps"
	TERM=xterm timeout -k 5 90 python3 "$root/tests/functional/console.py" 60 \
		"$BIN/minsys" menuconfig toy -C "$project" <"$work/steps"
}
# becomes DIFF: against the original, the fragment has just these lines more (>) and less (<).
becomes() {
	diff "$work/original" "$fragment" | grep '^[<>]' >"$work/changes"
	printf '%s' "$1" | diff - "$work/changes"
}
still_builds() {
	minsys build -q toy --out "$work/built" 2>&1
}

ok 'without saving nothing is changed' menu 0 CONFIG_NET=y quit
ok 'and nothing is written' becomes ''
ok 'nor if all is as it was' menu 0 CONFIG_NET=y '# CONFIG_NET is not set' '# CONFIG_CRYPTO is not set' save
ok 'and nothing is written either' becomes ''
ok 'an option is turned on' menu 0 CONFIG_WIFI=y CONFIG_NET=y save
ok 'with no line for what comes with it, and without what contradicts it' becomes '< # CONFIG_CRYPTO is not set
> CONFIG_NET=y
'
ok 'that builds' still_builds
ok 'to what the menu had' says "$work/built/config" CONFIG_CRYPTO=y
ok 'more options' menu 0 CONFIG_WIFI=y CONFIG_WIFI_POWER=20 '# CONFIG_IPV6 is not set' CONFIG_DEBUG=y save
ok 'have a line each' becomes '< # CONFIG_CRYPTO is not set
> CONFIG_NET=y
> CONFIG_DEBUG=y
> # CONFIG_IPV6 is not set
> CONFIG_WIFI=y
> CONFIG_WIFI_POWER=20
'
ok 'that builds too' still_builds
ok 'to all of it' says "$work/built/config" CONFIG_WIFI_POWER=20
ok 'a text is edited' menu 0 'CONFIG_NAME="a \\ b & c"' save
ok 'in its place' test "$(sed -n 4p "$fragment")" = 'CONFIG_NAME="a \ b & c"'
ok 'an option that others depend on is turned off' menu 0 '# CONFIG_NET is not set' \
	'# CONFIG_DEBUG is not set' 'CONFIG_NAME="toy"' '# CONFIG_CRYPTO is not set' save
ok 'and their lines go, as do those that say what is so anyway' becomes '< # CONFIG_CRYPTO is not set
'
ok 'that builds again' still_builds
cp "$work/original" "$fragment"

ok 'one on' menu 0 CONFIG_NET=y save
ok 'and off again' menu 0 '# CONFIG_NET is not set' save
ok 'stays where it was, but for what it leaves on' becomes '< # CONFIG_CRYPTO is not set
> CONFIG_CRYPTO=y
'
ok 'that builds as well' still_builds
ok 'to the same' says "$work/built/config" CONFIG_CRYPTO=y
ok 'which is turned off alone' menu 0 '# CONFIG_CRYPTO is not set' save
ok 'and has no line then' becomes '< # CONFIG_CRYPTO is not set
'
cp "$work/original" "$fragment"

ok 'a menu that fails ends with its status' menu 5 CONFIG_NET=y fail
ok 'and nothing is written of it' becomes ''
# on_terminal STEP...: on `menuconfig toy`, see console.py.
on_terminal() {
	printf '%s\n' "$@" | TERM=xterm timeout -k 5 90 python3 "$root/tests/functional/console.py" 60 \
		"$BIN/minsys" menuconfig toy -C "$project"
}
ok 'what was written is shown' on_terminal 'expect a menu on xterm' 'send CONFIG_NAME="other"\n' \
	'expect ^has' 'send save\n' 'expect ^stages/toy/toy.config:$' 'expect ^- CONFIG_NAME="toy"$' \
	'expect ^\+ CONFIG_NAME="other"$' 'exit 0'
cp "$work/original" "$fragment"
ok 'an edit meanwhile' on_terminal 'expect a menu' "run echo '# mine' >>'$fragment'" \
	'send CONFIG_DEBUG=y\n' 'expect ^has' 'send save\n' 'exit 1'
ok 'stays' becomes '> # mine
'
ok 'and the menu'\''s is beside it' says "$fragment.new" CONFIG_DEBUG=y
rm "$fragment.new"
cp "$work/original" "$fragment"
ok 'a signal' on_terminal 'expect a menu' raw 'signal TERM' 'exit 143'
ok 'leaves it as it is' becomes ''

# A file beside the target's.
sed -i 's/^files: /target_files: /' "$project/stages/toy/stage.yaml"
mv "$fragment" "$project/targets/here"
fragment=$project/targets/here/toy.config
chmod 755 "$fragment"
ok 'a file of the target' menu 0 CONFIG_DEBUG=y save
ok 'is edited too' becomes '> CONFIG_DEBUG=y
'
ok 'and keeps its mode' test "$(stat -c %a "$fragment")" = 755
chmod 644 "$fragment"
mv "$fragment" "$project/stages/toy"
fragment=$project/stages/toy/toy.config
cp "$work/original" "$fragment"
write_stage "$menu"

# ---- Refusals ----

without_terminal() {
	status 2 minsys menuconfig toy </dev/null >"$work/errors" 2>&1 &&
		says "$work/errors" 'needs a terminal'
}
ok 'without a terminal there is none' without_terminal
# refused STATUS TEXT STAGE
refused() {
	printf 'expect %s\nexit %s\n' "$2" "$1" | TERM=xterm timeout -k 5 60 \
		python3 "$root/tests/functional/console.py" 30 "$BIN/minsys" menuconfig "$3" -C "$project"
}
ok 'nor in a stage that has none' refused 2 'the stage first has no menu' first
ok 'nor in one that is not there' refused 2 'there is no stage `none`' none
# wrong TEXT MENU: the plan has that problem.
wrong() {
	write_stage "$2"
	status 2 minsys list >"$work/errors" 2>&1 && says "$work/errors" "$1"
}
ok 'a menu without a script' wrong '`run`' 'menuconfig: {file: toy.config}'
ok 'of no file of the stage' wrong 'neither in `files` nor in `target_files`' \
	'menuconfig: {file: x, run: y}'
ok 'with a source that is not there' wrong 'there is no source `none`' \
	'menuconfig: {file: toy.config, run: x, sources: [none]}'
ok 'with one that the stage has' wrong 'is in the stage'\''s `sources` too' \
	'menuconfig: {file: toy.config, run: x, sources: [toy]}'
ok 'with something else' wrong '`more`' 'menuconfig: {file: toy.config, run: x, more: y}'
# left TEXT SCRIPT: what the script leaves as the file is refused.
left() {
	write_stage "menuconfig: {file: toy.config, run: '$2'}"
	refused 1 "$1" toy && becomes ''
}
ok 'a result that is not there' left 'open toy.config: No such file' true
ok 'one that is a link' left 'open toy.config' 'ln -s /etc/passwd "$OUT/toy.config"'
ok 'one that is a folder' left 'not a regular file' 'mkdir "$OUT/toy.config"'
ok 'one that is no text' left 'is no text' 'printf "a\\0b" >"$OUT/toy.config"'
ok 'one that is too large' left 'larger than' 'yes | head -c 2000000 >"$OUT/toy.config"'
finish
