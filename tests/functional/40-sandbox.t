#!/bin/sh
# minsys-sandbox under attack: all of tests/sandbox/table, then what takes more than one process
# to try. Runs as an ordinary user and as root, with the same expectations.
# shellcheck disable=SC2016 # messages quote with backquotes
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/functional/attacks.sh
. "$(dirname "$0")/attacks.sh"

sandbox=$BIN/minsys-sandbox
unique=minsys-test-$$

cp "$sandbox" "$work/minsys-sandbox" && cp "$BIN/minsys-attack" "$work/attack" || exit 1
attack=$work/attack
[ -x /bin/busybox ] || skip_all '/bin/busybox (package busybox-static) is not installed'
need_namespaces

# ---- The table of attacks ----

mkdir "$work/ground"
attacked() {
	TMPDIR=$work/ground status 0 "$attack" run "$1" "$sandbox" >"$work/attacked"
}
for isolation in none userns; do
	least_attacks=$([ $isolation = userns ] && echo 400 || echo 60)
	ok "$isolation: the table is run" attacked "$isolation"
	attack_results "$isolation" "$work/attacked"
	ok "$isolation: and nothing is left of it" expect '' ls -A "$work/ground"
done

# ---- What takes more than one process to try, or another set-up ----

# A tools root and an input that anybody may write to, so that nothing but the sandbox keeps a step
# from it.
tools=$work/store/tools
mkdir -p "$tools/bin" "$tools/proc" "$tools/dev" "$tools/tmp" "$tools/minsys" "$work/in" \
	"$work/host"
cp /bin/busybox "$tools/bin"
echo secret >"$work/host/file"
echo input >"$work/in/file"
chmod 777 "$tools/bin" "$tools/bin/busybox" "$work/in" "$work/host"
chmod 666 "$work/in/file"

# in_sandbox [OPTION]... -- COMMAND...; new_out before it makes a fresh output folder.
new_out() {
	rm -rf "$work/out"
	mkdir "$work/out"
}
in_sandbox() {
	"$sandbox" --isolation=userns --root "$tools" --ro "$work/in:/minsys/in" \
		--ro "$attack:/minsys/attack" --rw "$work/out:/minsys/out" \
		--chdir /minsys/out "$@"
}

# What a step is given.
new_out
ok 'the environment is what was given, in that order' expect 'TWO=a b ONE=1' \
	in_sandbox --setenv 'TWO=a b' --setenv ONE=1 -- /minsys/attack environment
ok 'and empty without' expect '' in_sandbox -- /minsys/attack environment
ok 'the command starts in /' expect / "$sandbox" --root "$tools" --ro "$attack:/minsys/attack" -- \
	/minsys/attack folder

output_is_reopened() {
	in_sandbox -- /bin/busybox sh -c \
		'echo one >/dev/stdout; echo two >/dev/stderr; echo three >/proc/self/fd/1' \
		2>"$work/pipe-errors" | cat >"$work/pipe-output"
	says "$work/pipe-output" one && says "$work/pipe-output" three
}
error_is_reopened() {
	{ in_sandbox -- /bin/busybox sh -c 'echo two >/dev/stderr' 2>&1 >/dev/null; } |
		cat >"$work/pipe-output"
	says "$work/pipe-output" two
}
ok '/dev/stdout can be opened again' output_is_reopened
ok '/dev/stderr too' error_is_reopened

file_keeps_its_owner() {
	before=$(stat -c '%u %g %a' "$work/out-file")
	in_sandbox -- /bin/busybox true >"$work/out-file" 2>&1 &&
		expect "$before" stat -c '%u %g %a' "$work/out-file"
}
: >"$work/out-file"
ok 'a file for output is given to nobody' file_keeps_its_owner

with_nothing_open() {
	for closed in '0<&-' '1>&-' '2>&-' '0<&- 1>&-' '0<&- 1>&- 2>&-'; do
		new_out
		(eval "in_sandbox -- /bin/busybox sh -c 'cat; ls /proc/self/fd | wc -l >fds;
			echo lost; echo lost >&2' $closed") >/dev/null 2>&1
		expect 4 cat "$work/out/fds" || {
			echo "with $closed"
			return 1
		}
	done
}
ok 'descriptors 0, 1, 2 may be closed' with_nothing_open

on_a_terminal() {
	new_out
	script -qec "$sandbox --root $tools --ro $attack:/minsys/attack \
		--rw $work/out:/minsys/out -- $*" /dev/null </dev/null | tr -d '\r'
}
if command -v script >/dev/null; then
	ok 'on a terminal: it cannot be read' expect '0 bytes' \
		on_a_terminal /minsys/attack read-stdin
	ok 'on a terminal: nor typed into' expect EPERM on_a_terminal /minsys/attack ioctl tiocsti
	ok 'on a terminal: not by way of the output either' expect EBADF \
		on_a_terminal /minsys/attack read-output
	ok 'on a terminal: output opens again' expect twice \
		on_a_terminal /bin/busybox sh -c '"echo twice >/dev/stdout"'
	ok 'on a terminal: much output comes through' expect 100000 \
		on_a_terminal /bin/busybox seq 100000 \| tail -n 1
	ok 'on a terminal: it is not the controlling one' expect own \
		on_a_terminal /minsys/attack session
else
	skip 'on a terminal' 'script (package bsdutils) is not installed'
fi

if command -v strace >/dev/null; then
	joins_a_keyring() {
		strace -f -qq -e trace=keyctl -o "$work/strace" \
			"$sandbox" --root "$tools" -- /bin/busybox true &&
			says "$work/strace" 'keyctl(KEYCTL_JOIN_SESSION_KEYRING, NULL'
	}
	ok 'the session keyring is a new one' joins_a_keyring
else
	skip 'the session keyring is a new one' 'strace is not installed'
fi

mounts_are_tame() {
	in_sandbox -- /bin/busybox cat /proc/self/mountinfo >"$work/mounts" || return 1
	# Field 5 is the place, 6 the options.
	expect '' awk '$6 !~ /nosuid/ || ($6 !~ /nodev/ && $5 !~ /^\/dev\/[a-z]+$/)' "$work/mounts" &&
		expect '/ /dev /minsys /minsys/attack /minsys/in' eval \
			"awk '\$6 ~ /^ro,/ { print \$5 }' '$work/mounts' | sort | xargs" &&
		expect 13 eval "wc -l <'$work/mounts'"
}
ok 'all mounts are nosuid and nodev, and read-only where they have to be' mounts_are_tame
none_is_shared() {
	as_user unshare -Urm --propagation shared "$work/minsys-sandbox" --root "$tools" \
		--ro "$work/in:/minsys/in" -- \
		/bin/busybox cat /proc/self/mountinfo >"$work/mounts" || return 1
	[ -s "$work/mounts" ] &&
		status 1 grep -E ' (shared|master|propagate_from):' "$work/mounts"
}
ok 'none is shared with the machine' none_is_shared
ok 'no name of a cgroup is told' expect '' in_sandbox -- /bin/busybox sh -c \
	"grep -v ':/\$' /proc/self/cgroup || :"

cp "$attack" "$tools/bin/setuid"
cp "$attack" "$work/in/setuid"
chmod 6755 "$tools/bin/setuid" "$work/in/setuid"
inner_ids='1000 1000 1000 1000 1000 1000'
ok 'a setuid program of the tools root gains nothing' expect "$inner_ids" \
	in_sandbox -- /bin/setuid ids
ok 'nor one of an input' expect "$inner_ids" in_sandbox -- /minsys/in/setuid ids
ok 'nor one that the step makes' expect "$inner_ids" in_sandbox -- /bin/busybox sh -c \
	'cp /minsys/attack own; chmod 6755 own; ./own ids'
rm "$tools/bin/setuid" "$work/in/setuid"

no_core() {
	new_out
	status 139 in_sandbox -- /bin/busybox sh -c 'ulimit -c unlimited; kill -SEGV $$' || return 1
	expect '' ls "$work/out"
}
ok 'a crash leaves no core file' no_core

# Who it is, seen from outside.
outer_uids() {
	new_out
	in_sandbox -- /bin/busybox sh -c ': >file; sleep 5' &
	first=$!
	for _ in $(seq 100); do
		[ -e "$work/out/file" ] && break
		sleep 0.05
	done
	first_uid=$(stat -c %u "$work/out/file")
	kill "$first"
	wait "$first"
	new_out
	in_sandbox -- /bin/busybox touch file || return 1
	second_uid=$(stat -c %u "$work/out/file")
	echo "$first_uid $second_uid"
	if [ "$(id -u)" = 0 ]; then
		# A spare one, of a range where nobody is, for each step its own.
		[ "$first_uid" -ge 1879048192 ] && [ "$second_uid" -ge 1879048192 ] &&
			[ "$first_uid" != "$second_uid" ]
	else
		[ "$first_uid" = "$(id -u)" ] && [ "$second_uid" = "$(id -u)" ]
	fi
}
ok 'outside it is the caller, or a uid of its own when that is root' outer_uids
# A folder that an earlier step, of another uid, has written to.
fill_out() {
	new_out
	mkdir "$work/out/folder"
	echo one >"$work/out/folder/file"
	ln -s ../in/file "$work/out/link"
	echo one >"$work/out/twice"
	ln "$work/out/twice" "$work/out/folder/twice"
}
write_more() {
	"$sandbox" --root "$tools" "$1" "$work/out:/minsys/out" --chdir /minsys/out -- \
		/bin/busybox sh -c 'echo two >>folder/file && mkdir folder/new'
}
given_whole() {
	fill_out
	write_more --rw-all && [ "$(tr '\n' ' ' <"$work/out/folder/file")" = 'one two ' ] || return 1
	whose=$(stat -c %u "$work/out")
	[ "$whose" = "$(stat -c %u "$work/out/folder/file")" ] &&
		[ "$whose" = "$(stat -c %u "$work/out/folder")" ] &&
		[ "$whose" = "$(stat -c %u "$work/out/link")" ]
}
given_alone() {
	fill_out
	write_more --rw
	expect "$(id -u)" stat -c %u "$work/out/folder/file"
}
ok 'with --rw-all it can write to all that is in a folder' given_whole
ok 'but a file of two names stays whose it was' expect "$(id -u)" stat -c %u "$work/out/twice"
ok 'and what a link leads to' expect "$(id -u)" stat -c %u "$work/in/file"
ok 'with --rw the folder alone is given' given_alone

# How it ends.
ok 'the exit status is the command'\''s' status 7 in_sandbox -- /minsys/attack exit 7
ok 'also where it looks like one of the sandbox'\''s' status 3 in_sandbox -- /minsys/attack exit 3
ok 'a signal is 128 and its number' status 143 in_sandbox -- /minsys/attack die 15
# A child whose parent ignores SIGCHLD cannot be waited for; the trap of a shell may not pass that on.
ok 'a caller that ignores SIGCHLD changes nothing' status 7 env --ignore-signal=CHLD "$sandbox" \
	--root "$tools" -- /bin/busybox sh -c 'exit 7'
ok 'SIGKILL too' status 137 in_sandbox -- /minsys/attack die 9

# nobody_left FILE: nothing runs whose command line names the file, and it grows no more.
nobody_left() {
	for _ in $(seq 100); do
		pgrep -f "/minsys/out/$1" >/dev/null || break
		sleep 0.02
	done
	! pgrep -f -a "/minsys/out/$1" || return 1
	size=$(stat -c %s "$work/out/$1")
	sleep 0.1
	expect "$size" stat -c %s "$work/out/$1"
}
no_survivor() {
	new_out
	in_sandbox -- /bin/busybox sh -c \
		"/minsys/attack survive /minsys/out/$unique; while [ ! -e $unique ]; do :; done"
	# At once: when the sandbox has ended, so has all that ran in it.
	! pgrep -f -a "/minsys/out/$unique" && nobody_left "$unique"
}
ok 'a daemon does not survive the step' no_survivor

no_reader_waits() {
	new_out
	got=$(timeout 5 "$sandbox" --root "$tools" --ro "$attack:/minsys/attack" \
		--rw "$work/out:/minsys/out" -- /minsys/attack survive "/minsys/out/$unique")
	[ "$got" = 'done' ]
}
ok 'nor hold its output open' no_reader_waits

after_the_limit() {
	new_out
	status 137 timeout 10 "$sandbox" --root "$tools" --ro "$attack:/minsys/attack" \
		--rw "$work/out:/minsys/out" --timeout 1 -- \
		/minsys/attack survive-then-wait "/minsys/out/$unique" 2>"$work/errors" || return 1
	says "$work/errors" 'ended after 1 s, its time limit' && nobody_left "$unique"
}
ok 'a time limit ends everything' after_the_limit

# start COMMAND...: runs it in the background, as $started, until its daemon is at work.
start() {
	new_out
	"$@" &
	started=$!
	for _ in $(seq 200); do
		[ -s "$work/out/$unique" ] && return
		sleep 0.02
	done
	echo 'it did not start'
	return 1
}
sandbox_is_killed() {
	start "$sandbox" --root "$tools" --ro "$attack:/minsys/attack" \
		--rw "$work/out:/minsys/out" -- \
		/minsys/attack survive-then-wait "/minsys/out/$unique" || return 1
	kill -9 "$started"
	nobody_left "$unique"
}
ok 'kill -9 of the sandbox ends everything' sandbox_is_killed

caller_is_killed() {
	start sh -c '"$@" 3>/dev/null & wait' sh "$sandbox" --report-fd 3 --root "$tools" \
		--ro "$attack:/minsys/attack" --rw "$work/out:/minsys/out" -- \
		/minsys/attack survive-then-wait "/minsys/out/$unique" || return 1
	kill -9 "$started"
	nobody_left "$unique"
}
ok 'and that of a program that started it' caller_is_killed

# Inside other user namespaces.
in_namespace() {
	new_out
	[ "$(id -u)" != 0 ] || chown 65534:65534 "$work/out"
	as_user unshare "$@" "$work/minsys-sandbox" --root "$tools" --ro "$work/in:/minsys/in" \
		--ro "$attack:/minsys/attack" --rw "$work/out:/minsys/out" --chdir /minsys/out -- \
		/bin/busybox sh -c ': >made; exec /minsys/attack ids'
}
for options in -Ur -Urm '-U --map-user=2222 --map-group=3333' \
	'-Um --map-user=2222 --map-group=3333'; do
	# shellcheck disable=SC2086 # words are words
	ok "it works inside unshare $options" expect "$inner_ids" in_namespace $options
done

# Where the group is nobody's the kernel itself refuses another namespace.
no_group() {
	status 3 as_user unshare -U --map-user=2222 "$work/minsys-sandbox" --trial \
		2>"$work/errors" && says "$work/errors" 'does not map the caller' &&
		says "$work/errors" '--map-group='
}
ok 'one without a group is told so' no_group

# Root's own ways.
if [ "$(id -u)" = 0 ]; then
	refused_root() {
		status 3 unshare "$@" "$sandbox" --trial 2>"$work/errors" &&
			says "$work/errors" 'cannot give up root' &&
			says "$work/errors" 'start minsys as an ordinary user'
	}
	ok 'root that can become no other is refused' refused_root -Ur
	ok 'also under another number' refused_root -U --map-user=2222
	new_out
	chmod 755 "$work"
	ok 'root without CAP_SYS_ADMIN is like anyone else' expect "$inner_ids" setpriv \
		--bounding-set=-sys_admin "$sandbox" --root "$tools" \
		--ro "$attack:/minsys/attack" --rw "$work/out:/minsys/out" -- \
		/bin/busybox sh -c ': >/minsys/out/made; exec /minsys/attack ids'
	chmod 711 "$work"
else
	skip 'what root may do' 'not root'
fi

# Where there can be no namespaces.
ok 'the trial works here' "$sandbox" --trial
ok 'and as an ordinary user' as_user "$work/minsys-sandbox" --trial
no_namespaces_left() {
	status 3 as_user unshare -Ur sh -c \
		'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"' sh \
		"$work/minsys-sandbox" "$@" 2>"$work/errors" &&
		says "$work/errors" 'isolation `userns` does not work here' &&
		says "$work/errors" 'make namespaces (clone): No space left on device' &&
		says "$work/errors" 'sudo sysctl user.max_user_namespaces='
}
ok 'without user namespaces, the trial says why and what to do' no_namespaces_left --trial
ok 'so does a step' no_namespaces_left --root "$tools" -- /bin/busybox true
namespaces_refused() {
	status 3 as_user "$attack" refuse-namespaces "$work/minsys-sandbox" "$@" 2>"$work/errors" &&
		says "$work/errors" 'isolation `userns` does not work here' &&
		says "$work/errors" 'make namespaces (clone): Operation not permitted' &&
		says "$work/errors" 'in a container'
}
ok 'refused them, as in a container, the trial says so' namespaces_refused --trial
ok 'and a step' namespaces_refused --root "$tools" -- /bin/busybox true

# Usage.
# wrong TEXT OPTION...: exit status 2, and the text in one line.
wrong() {
	text=$1
	shift
	status 2 "$sandbox" "$@" 2>"$work/errors" >"$work/printed" && says "$work/errors" "$text" &&
		[ ! -s "$work/printed" ]
}
ok '--help' status 0 "$sandbox" --help
help_is_complete() {
	"$sandbox" --help >"$work/help" || return 1
	for option in root ro rw rw-all setenv chdir timeout isolation trial jobserver stdin terminal \
		report-fd help; do
		says "$work/help" "  --$option" || return 1
	done
}
ok 'names all options' help_is_complete
ok 'no root' wrong '--root is missing' -- /bin/true
ok 'a relative root' wrong 'the root `tools` is not absolute' --root tools -- /bin/true
ok 'a root that is not there' wrong "$work/none as a mount: No such file" --root "$work/none" -- /bin/true
ok 'a root without its folders' status 3 "$sandbox" --root "$work/in" -- /bin/true
ok 'no command' wrong 'there is no command to run' --root "$tools"
ok 'a command that is not there' wrong 'run /bin/none in the sandbox: No such file' \
	--root "$tools" -- /bin/none
ok 'a command without a path' wrong '`true` is not a path' --root "$tools" -- true
ok 'a folder to start in that is not there' wrong 'enter /none in the sandbox' --root "$tools" \
	--chdir /none -- /bin/busybox
ok 'a relative one' wrong '`in`, is not absolute' --root "$tools" --chdir in -- /bin/busybox
ok 'a source that is not there' wrong "$work/none as a mount: No such file" --root "$tools" \
	--ro "$work/none:/minsys/x" -- /bin/busybox
ok 'a writable one' wrong "$work/none as a mount: No such file" --root "$tools" \
	--rw "$work/none:/minsys/x" -- /bin/busybox
ok 'a relative source' wrong 'is not absolute' --root "$tools" --rw in:/minsys/x -- /bin/busybox
ok 'a source without a place' wrong 'is not SOURCE:PLACE' --root "$tools" --ro /in -- /bin/busybox
ok 'a place without a source' wrong 'is not SOURCE:PLACE' --root "$tools" --ro :/minsys/x -- \
	/bin/busybox
for place in x /x /minsys /minsys/ /minsys/a/ /minsys/../x /minsys/./x /minsys//x /minsys/a/.. /bin/x; do
	ok "the place $place" wrong 'not a plain path below /minsys' --root "$tools" \
		--ro "$work/in:$place" -- /bin/busybox
done
ok 'a place twice' wrong 'is taken' --root "$tools" --ro "$work/in:/minsys/x" \
	--ro "$work/host:/minsys/x" -- /bin/busybox
ok 'a place inside another' wrong 'is taken' --root "$tools" --ro "$work/in:/minsys/x" \
	--ro "$work/host:/minsys/x/y" -- /bin/busybox
ok 'in the other order too' wrong 'is taken' --root "$tools" --ro "$work/host:/minsys/x/y" \
	--ro "$work/in:/minsys/x" -- /bin/busybox
ln -s host "$work/link"
ok 'a source that is a link' wrong 'is a symbolic link' --root "$tools" \
	--rw "$work/link:/minsys/x" -- /bin/busybox
ok 'and stays whose it was' expect "$(id -u)" stat -c %u "$work/link"
ok 'a variable without a value' wrong 'is not KEY=VALUE' --root "$tools" --setenv X -- /bin/busybox
ok 'a time limit that is no number' wrong '--timeout takes a number' --root "$tools" \
	--timeout 1s -- /bin/busybox
ok 'a terminal that is none' wrong 'descriptor is no terminal above' --root "$tools" \
	--terminal 3 -- /bin/busybox 3<"$work/in/file"
ok 'input that is a file' wrong '--stdin: standard input is no pipe' --root "$tools" \
	--stdin -- /bin/busybox <"$work/in/file"
fed() {
	[ "$(echo fed | in_sandbox --stdin -- /bin/busybox cat)" = fed ]
}
ok 'input that is a pipe is the command'\''s' fed
without() {
	[ -z "$(echo fed | in_sandbox -- /bin/busybox cat)" ]
}
ok 'but not unasked' without
given() {
	new_out
	mkdir -m 700 "$work/out/sub" && echo mine >"$work/out/sub/file" && chmod 600 "$work/out/sub/file" &&
		ln -s "$work/in/file" "$work/out/link" || return 1
	owner=$(stat -L -c %u "$work/out/link")
	"$sandbox" --root "$tools" --rw-all "$work/out:/minsys/out" -- \
		/bin/busybox sh -c 'echo more >>/minsys/out/sub/file && /bin/busybox touch /minsys/out/sub/new' &&
		[ "$(stat -L -c %u "$work/out/link")" = "$owner" ]
}
ok '--rw-all gives all that is in a folder, and nothing behind a link' given
ok 'an isolation that is not there' wrong 'there is no isolation `none`' --isolation=none \
	--root "$tools" -- /bin/busybox
ok 'an option that is not there' wrong '--help' --root "$tools" --network -- /bin/busybox

# A tools root whose folders are links: set-up follows none (CVE-2021-30465 and its kind).
for folder in proc dev tmp minsys; do
	for target in "$work/host" bin ../host; do
		rm -rf "$work/evil"
		cp -r "$tools" "$work/evil"
		rmdir "$work/evil/$folder"
		ln -s "$target" "$work/evil/$folder"
		ok "a root whose $folder leads to ${target##*/} is refused" \
			status 3 "$sandbox" --root "$work/evil" --ro "$work/in:/minsys/in" -- \
			/bin/busybox true
	done
done
ok 'and nothing was made where it led' expect file ls "$work/host"

finish
