#!/bin/sh
# Isolation `landlock` under attack, in containers of the test's own: a tiny tools root that is
# `/`, started by root, on the machine itself and in a user namespace that maps many uids as those
# of rootless containers do (where a step gets a uid of its own: rows `landlock` of the table),
# and by an ordinary user in one that maps but one, which a step then keeps (rows `landlock-own`).
# shellcheck disable=SC2016 # messages quote with backquotes
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/functional/attacks.sh
. "$(dirname "$0")/attacks.sh"

PATH=$PATH:/usr/sbin:/sbin # chroot
unique=minsys-ll-$$
inner=/bin/minsys-sandbox

attack=$BIN/minsys-attack
[ -x /bin/busybox ] || skip_all '/bin/busybox (package busybox-static) is not installed'
need_namespaces
abi=$("$attack" landlock)
[ "$abi" -ge 3 ] || skip_all "this kernel's Landlock has ABI $abi, and 3 is needed"

# ---- The containers ----

# What an image of the tools root holds.
make_root() {
	mkdir -p "$1/bin" "$1/etc" "$1/proc" "$1/dev" "$1/tmp" "$1/sys" "$1/minsys/bin" || exit 1
	cp /bin/busybox "$1/bin"
	cp "$BIN/minsys-sandbox" "$1$inner"
	cp "$attack" "$1/minsys/bin"
	cp /bin/busybox "$1/minsys/bin"
	: >"$1/etc/minsys-tools-root"
	echo 'root:x:0:0::/:' >"$1/etc/passwd"
	chmod 777 "$1/bin" "$1/bin/busybox"
	chmod 1777 "$1/tmp"
}
# Things that a step was given, and others that it was not. Anybody may write them, so that nothing
# but the sandbox keeps a step from it.
make_things() {
	mkdir -p "$tools/srv/host" "$tools/minsys/in" "$tools/minsys/other"
	cp "$attack" "$tools/minsys/attack"
	echo secret >"$tools/srv/host/file"
	echo input >"$tools/minsys/in/file"
	echo other >"$tools/minsys/other/file"
	ln -s other "$tools/minsys/link"
	chmod 777 "$tools/minsys/in" "$tools/minsys/other" "$tools/srv/host"
	chmod 666 "$tools/minsys/in/file" "$tools/minsys/other/file"
	to_starter "$tools/srv" "$tools/minsys"
}

# Process 1 of a container sets it up, and becomes the one that the attacks are aimed at.
start_container='
	cd "$0" && mount -t proc proc proc &&
	mount -t tmpfs -o mode=755 tmpfs dev && mkdir -m 1777 dev/shm || exit 1
	for device in null zero full random urandom tty kmsg ptmx; do
		: >dev/$device && mount --bind /dev/$device dev/$device || exit 1
	done
	ln -s /proc/self/fd dev/fd && ln -s fd/0 dev/stdin && ln -s fd/1 dev/stdout &&
		ln -s fd/2 dev/stderr || exit 1
	exec chroot . /minsys/bin/minsys-attack hold "$1"'

# container FOLDER [UNSHARE-OPTION]...: $starter is what starts it.
container() {
	folder=$1
	shift
	rm -f "$work/held"
	"$starter" unshare --mount --pid --ipc --fork "$@" sh -c "$start_container" "$folder" \
		"$isolation-$unique" >"$work/held" 2>"$work/hold-errors" &
	for _ in $(seq 100); do
		[ -s "$work/held" ] && break
		sleep 0.05
	done
	[ -s "$work/held" ] || {
		cat "$work/hold-errors"
		exit 1
	}
	init=$(pgrep -f "^/minsys/bin/minsys-attack hold $isolation-$unique")
}
stop_container() {
	[ -z "${init:-}" ] || kill -9 "$init"
	init=
}
trap 'stop_container; clean_up' EXIT
as_self() {
	"$@"
}
# As root of a user namespace with the ids of a rootless container, which a process holds.
as_mapped() {
	unshare --user sleep 600 &
	until [ "$(readlink "/proc/$!/ns/user")" != "$(readlink /proc/self/ns/user)" ]; do :; done
	# Its root is the user who started it, the others are the user's own: two ranges.
	printf '0 %s 1\n1 %s 65536\n' "$mapped" "$((mapped + 1))" >"/proc/$!/uid_map" &&
		printf '0 %s 1\n1 %s 65536\n' "$mapped" "$((mapped + 1))" >"/proc/$!/gid_map" &&
		nsenter -t "$!" --user -S 0 -G 0 "$@"
	kill "$!"
}
mapped=300000

# to_starter FILE...: they belong to whoever started the container.
to_starter() {
	case $starter in
	as_mapped) chown -R "$mapped:$mapped" "$@" ;;
	as_user) [ "$(id -u)" != 0 ] || chown -R 65534:65534 "$@" ;;
	esac
}

# inside COMMAND...: in the container, as the user that is root there.
inside() {
	case $starter in
	as_self) timeout -k 5 240 nsenter -t "$init" --mount --pid --ipc --root --wd "$@" ;;
	as_mapped) timeout -k 5 240 nsenter -t "$init" --user -S 0 -G 0 --mount --pid --ipc --root --wd "$@" ;;
	as_user)
		as_user timeout -k 5 240 nsenter -t "$init" --user --preserve-credentials --mount \
			--pid --ipc --root --wd "$@"
		;;
	esac
}

# in_sandbox [OPTION]... -- COMMAND...; new_out before it makes a fresh output folder.
new_out() {
	rm -rf "$tools/minsys/out" "$tools/minsys/more"
	mkdir "$tools/minsys/out" "$tools/minsys/more"
	to_starter "$tools/minsys/out" "$tools/minsys/more"
}
in_sandbox() {
	inside "$inner" --isolation=landlock --root / --ro /minsys/in:/minsys/in \
		--ro /minsys/attack:/minsys/attack --rw /minsys/out:/minsys/out \
		--rw /minsys/more:/minsys/more --chdir /minsys/out "$@"
}

table_is_run() {
	status 0 inside /minsys/bin/busybox env TMPDIR=/tmp /minsys/bin/minsys-attack run "$isolation" \
		"$inner" >"$work/results"
}
run_table() {
	ok 'the table is run' table_is_run
	attack_results "$isolation" "$work/results"
	ok 'no attack harmed a process of the container' kill -0 "$init"
	ok 'and nothing is left of it' expect '' ls -A "$tools/tmp"
	ok 'in /minsys too' expect bin ls "$tools/minsys"
}

# ---- What takes more than one process to try ----

all_one_uid() {
	new_out
	in_sandbox -- /minsys/attack ids >"$work/ids" || return 1
	expect 1 eval "tr ' ' '\\n' <'$work/ids' | sort -u | wc -l" &&
		[ "$(cut -d' ' -f1 "$work/ids")" -ge "$least" ] &&
		[ "$(cut -d' ' -f1 "$work/ids")" -lt "$limit" ]
}
next_has_another() {
	before=$(cat "$work/ids")
	all_one_uid && [ "$before" != "$(cat "$work/ids")" ]
}
# nobody_runs FILE: nothing runs whose command line names the file.
nobody_runs() {
	for _ in $(seq 100); do
		pgrep -f "/minsys/out/$1" >/dev/null || break
		sleep 0.02
	done
	! pgrep -f -a "/minsys/out/$1"
}
# nobody_left FILE: nor does the file grow.
nobody_left() {
	nobody_runs "$1" || return 1
	size=$(stat -c %s "$tools/minsys/out/$1")
	sleep 0.1
	[ "$size" -gt 0 ] && expect "$size" stat -c %s "$tools/minsys/out/$1"
}
no_survivor() {
	new_out
	in_sandbox -- /bin/busybox sh -c \
		"/minsys/attack survive /minsys/out/$unique; while [ ! -s $unique ]; do :; done" ||
		return 1
	# At once: when the sandbox has ended, so has all that ran in it.
	! pgrep -f -a "/minsys/out/$unique" && nobody_left "$unique"
}
no_fugitive() {
	new_out
	in_sandbox -- /bin/busybox sh -c \
		"/minsys/attack flee /minsys/out/$unique 5; while [ ! -s $unique ]; do :; done" ||
		return 1
	! pgrep -f -a "/minsys/out/$unique" && nobody_left "$unique"
}
no_reader_waits() {
	new_out
	started=$(date +%s)
	got=$(in_sandbox -- /minsys/attack survive "/minsys/out/$unique")
	[ "$got" = 'done' ] && [ "$(($(date +%s) - started))" -lt 5 ]
}
after_the_limit() {
	new_out
	status 137 in_sandbox --timeout 1 -- \
		/minsys/attack survive-then-wait "/minsys/out/$unique" 2>"$work/errors" || return 1
	says "$work/errors" 'ended after 1 s, its time limit' && nobody_left "$unique"
}

# beyond LIMIT TEXT SCRIPT: a step with this limit and this script, each of whose processes names
# $marked, is ended, and all of them with it.
marked=/minsys/out/$unique
beyond() {
	new_out
	status 137 in_sandbox --timeout 60 --limit "$1" -- \
		/bin/busybox sh -c "$3" "$marked" 2>"$work/errors" || return 1
	# At once, as at any end.
	says "$work/errors" "minsys-sandbox: ended at $2" && ! pgrep -f -a "$marked"
}
# What uses the time is the child of one that nobody waits for, and that only the janitor still has.
cpu_is_bounded() {
	beyond cpu=1 '1 s, its limit of processor time' '
		(/bin/busybox setsid /bin/busybox sh -c "
			(while :; do :; done) & wait" "$0" &)
		/bin/busybox mkfifo fifo
		exec 3<>fifo
		while :; do read -r _ <&3; done'
}
# What others have used that the janitor sees too is not the step's.
cpu_of_others_is_not() {
	new_out
	inside /bin/busybox sh -c '(ulimit -t 2; while :; do :; done)
		echo "done" >/minsys/more/file
		while [ -e /minsys/more/file ]; do /bin/busybox sleep 0.1; done' &
	for _ in $(seq 600); do
		[ -s "$tools/minsys/more/file" ] && break
		sleep 0.1
	done
	[ -s "$tools/minsys/more/file" ] && status 0 in_sandbox --limit cpu=1 -- /bin/busybox sleep 2
	result=$?
	rm -f "$tools/minsys/more/file"
	wait "$!"
	return "$result"
}
processes_are_bounded() {
	# A shell's bomb may have burnt out by then.
	beyond processes=50 '50, its limit of processes' '/minsys/attack crowd "$0"'
}
processes_are_missed() {
	new_out
	in_sandbox --limit processes=50 -- /bin/busybox sh -c '
		for i in $(/bin/busybox seq 100); do /bin/busybox sleep 100 & done' 2>"$work/errors" &&
		return 1
	says "$work/errors" 'minsys-sandbox: failed at 50, its limit of processes'
}
# More has always ended than was waited for.
time_is_bounded() {
	new_out
	status 137 in_sandbox --timeout 3 -- /minsys/attack orphans 2000 2>"$work/errors" || return 1
	says "$work/errors" 'ended after 3 s, its time limit' && ! pgrep -f -a '^/minsys/attack orphans'
}
files_are_bounded() {
	new_out
	expect '20 20' in_sandbox --limit files=20 -- /bin/busybox sh -c \
		'echo "$(ulimit -Sn) $(ulimit -Hn)"' || return 1
	status 1 in_sandbox --limit files=20 -- /bin/busybox sh -c '
		/minsys/attack survive "$0"
		while [ ! -s "$0" ]; do :; done
		for i in $(/bin/busybox seq 3 40); do eval "exec $i</dev/null"; done' "$marked" \
		2>"$work/errors" || return 1
	says "$work/errors" 'Too many open files' && nobody_left "$unique"
}

# start COMMAND...: runs it in the background until its daemon is at work.
start() {
	new_out
	"$@" &
	for _ in $(seq 200); do
		[ -s "$tools/minsys/out/$unique" ] && return
		sleep 0.02
	done
	echo 'it did not start'
	return 1
}
# kill_it START: the one process of the container whose command line begins so; what is around it
# outside has another beginning, and the janitor has none.
kill_it() {
	victim=$(pgrep -f "^$1 .*/minsys/out/$unique") && kill -9 "$victim"
}
sandbox_is_killed() {
	start in_sandbox -- /minsys/attack survive-then-wait "/minsys/out/$unique" || return 1
	kill_it "$inner" && nobody_left "$unique"
}
caller_is_killed() {
	start inside /bin/busybox sh -c '"$@" 3>/dev/null & wait' sh "$inner" \
		--isolation=landlock --report-fd 3 --root / --ro /minsys/attack:/minsys/attack \
		--rw /minsys/out:/minsys/out -- \
		/minsys/attack survive-then-wait "/minsys/out/$unique" || return 1
	kill_it '/bin/busybox sh' && nobody_left "$unique"
}

# Two steps at once: the first has /minsys/more, the second must not reach into it.
beside_another() {
	new_out
	inside "$inner" --isolation=landlock --root / --rw /minsys/more:/minsys/more -- \
		/bin/busybox sh -c 'echo mine >/minsys/more/file; chmod 666 /minsys/more/file
			exec /bin/busybox sleep 20' &
	for _ in $(seq 200); do
		[ -s "$tools/minsys/more/file" ] && break
		sleep 0.02
	done
	neighbour=$(pgrep -f '^/bin/busybox sleep 20$' | while read -r pid; do
		awk '/^NSpid:/ { print $NF }' "/proc/$pid/status"
	done)
	[ -n "$neighbour" ] && beside "$neighbour"
	result=$?
	kill_it_all "$neighbour"
	wait "$!"
	return "$result"
}
second_step() {
	inside "$inner" --isolation=landlock --root / --ro /minsys/attack:/minsys/attack \
		--rw /minsys/out:/minsys/out -- /minsys/attack "$@"
}
beside() {
	expect EACCES second_step open read /minsys/more/file &&
		expect EACCES second_step open write /minsys/more/file &&
		expect EACCES second_step open create /minsys/more/new &&
		expect EACCES second_step list /minsys/more &&
		expect EPERM second_step signal kill "$1" &&
		expect 'seen, reached 0' second_step signal-all &&
		expect EACCES second_step open read "/proc/$1/root/minsys/more/file" &&
		expect EACCES second_step open readwrite "/proc/$1/mem" &&
		expect 'done' second_step open create /minsys/out/new
}
kill_it_all() {
	inside /bin/busybox kill -9 "$1"
}

# refused STATUS TEXT [OPTION]... -- COMMAND
refused() {
	wanted_status=$1 text=$2
	shift 2
	status "$wanted_status" inside "$inner" --isolation=landlock "$@" 2>"$work/errors" &&
		says "$work/errors" "$text"
}
without_the_mark() {
	mv "$tools/etc/minsys-tools-root" "$tools/etc/mark"
	refused 3 'is not the tools root (there is no /etc/minsys-tools-root)' "$@"
	result=$?
	mv "$tools/etc/mark" "$tools/etc/minsys-tools-root"
	return "$result"
}

run_all() {
	run_table
	make_things
	new_out
	owners=$(owners_are)
	if [ "$isolation" = landlock ]; then
		ok 'the step has one uid, of a range where nobody is' all_one_uid
		ok 'and the next one another' next_has_another
	fi

	ok 'the exit status is the command'\''s' status 7 in_sandbox -- /minsys/attack exit 7
	ok 'a signal is 128 and its number' status 143 in_sandbox -- /minsys/attack die 15
	ok 'SIGKILL too' status 137 in_sandbox -- /minsys/attack die 9
	ok 'a daemon does not survive the step' no_survivor
	ok 'nor does one that never stays the same process' no_fugitive
	ok 'nor hold its output open' no_reader_waits
	ok 'a time limit ends everything' after_the_limit
	ok 'a limit of processor time too' cpu_is_bounded
	ok 'which others do not use up' cpu_of_others_is_not
	ok 'one of processes ends a fork bomb' processes_are_bounded
	ok 'and is named when the command fails of it' processes_are_missed
	ok 'one of files holds for each process' files_are_bounded
	ok 'that of time too, however many end' time_is_bounded
	ok 'kill -9 of the sandbox ends everything' sandbox_is_killed
	ok 'and that of a program that started it' caller_is_killed
	ok 'a step beside it is out of reach' beside_another

	ok 'the trial works' inside "$inner" --isolation=landlock --trial
	ok 'without the mark it is refused' without_the_mark --trial
	ok 'and so is a step' without_the_mark --root / -- /bin/busybox true
	ok 'another root is refused' refused 2 'the root is /, not /srv' --root /srv -- /bin/busybox true
	for option in --ro --rw; do
		ok "$option of what stands elsewhere is refused" refused 2 \
			'nothing can be mounted: /srv/host must stand at /minsys/x' --root / \
			"$option" /srv/host:/minsys/x -- /bin/busybox true
		ok "$option of what is not there is refused" refused 2 'open /minsys/none: No such file' \
			--root / "$option" /minsys/none:/minsys/none -- /bin/busybox true
		ok "$option of a link is refused" refused 2 'symbolic link' --root / \
			"$option" /minsys/link:/minsys/link -- /bin/busybox true
		ok "$option of what is behind a link is refused" refused 2 'symbolic link' --root / \
			"$option" /minsys/link/file:/minsys/link/file -- /bin/busybox true
	done
	ok 'and none of these changed an owner' expect "$owners" owners_are
}
owners_are() {
	stat -c '%u %g' "$tools/minsys/in/file" "$tools/bin/busybox" "$tools/srv/host/file" \
		"$tools/minsys/other/file"
}

if [ "$abi" -ge 6 ]; then
	isolation=landlock-own starter=as_user tools=$work/own
	make_root "$tools"
	to_starter "$tools"
	container "$tools" --user --map-root-user
	run_all
	stop_container
else
	skip 'a step with the uid of its caller' "Landlock has ABI $abi; signals are kept in since 6"
fi

if [ "$(id -u)" = 0 ]; then
	isolation=landlock starter=as_self tools=$work/root least=1879048192 limit=2147483648
	make_root "$tools"
	container "$tools"
	run_all
	stop_container

	starter=as_mapped tools=$work/mapped-root least=32769 limit=49153
	make_root "$tools"
	to_starter "$tools"
	container "$tools"
	run_all
	stop_container
else
	skip 'a step with a uid of its own' 'not root'
fi

# Outside of a tools root, whoever asks.
outside() {
	status 3 "$BIN/minsys-sandbox" --isolation=landlock --trial 2>"$work/errors" &&
		says "$work/errors" 'is not the tools root'
}
[ -e /etc/minsys-tools-root ] || ok 'on an ordinary machine it is refused' outside

finish
