#!/bin/sh
# `minsys shell`: a person, or a script, in the sandbox of a stage.
# shellcheck disable=SC2016,SC2086,SC2089,SC2090 # messages, steps and words are for other shells
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/functional/project.sh
. "$(dirname "$0")/project.sh"

[ -x /bin/busybox ] || skip_all '/bin/busybox (package busybox-static) is not installed'
command -v python3 >/dev/null || skip_all 'python3 is not here'
need_namespaces

make_project
cp "$BIN/minsys-attack" "$work/attack" || exit 1
stage broken <<-'END'
	summary: Fails half way
	needs: [first]
	files: [attack]
	timeout: 1h
	env: {GREETING: "good morning"}
	run: |
	  mkdir -m 750 sub
	  echo half >sub/file
	  chmod 640 sub/file
	  touch -d '2001-02-03 04:05:06' sub/file
	  echo program >program
	  chmod 755 program
	  exit 3
END
cp "$work/attack" "$project/stages/broken/attack"

# ---- Scripted ----

# shell WORD...: `minsys shell`.
shell() {
	"$BIN/minsys" -C "$project" --mirror "$mirror" shell "$@"
}
# scripted WORD...: what a command prints goes to $work/output, its errors to $work/errors.
scripted() {
	shell "$@" >"$work/output" 2>"$work/errors"
}
prints() {
	[ "$(cat "$work/output")" = "$1" ] || {
		cat "$work/output" "$work/errors"
		return 1
	}
}
in_an_empty_store() {
	scripted second -- sh -c 'pwd; ls -A; cat /minsys/first/text /minsys/stage/second/suffix' \
		</dev/null && prints '/minsys/build/second
hello, world
!'
}
ok 'a command runs where the script would, in what the stage needs' in_an_empty_store
ok 'which was built for it' says "$work/errors" 'first '
as_a_step() {
	stage seen <<-'END'
		summary: Shows what it has
		needs: [first]
		env: {GREETING: "good morning"}
		run: |
		  env | grep -v -e SHLVL -e PWD -e MAKEFLAGS | sort >"$OUT/env"
		  ls -A /dev /minsys /minsys/build /tmp >"$OUT/files"
		  id >>"$OUT/files"
		exports: {env: env, files: files}
	END
	minsys build -q seen --out "$work/seen" || return 1
	scripted seen -- sh -c 'sh "$TMPDIR/run"; cat "$OUT/env" "$OUT/files"' </dev/null &&
		cat "$work/seen/env" "$work/seen/files" | diff - "$work/output"
}
ok 'the environment and all that it sees is the step'\''s' as_a_step
ok 'make is told how many jobs' eval 'scripted second -j 3 -- sh -c "echo \$MAKEFLAGS" && prints -j3'
ok 'its exit status is the command'\''s' status 7 shell second -- sh -c 'exit 7'
ok 'a signal is 128 and its number' status 137 shell second -- sh -c 'kill -9 $$'
ok 'a command that is not there' status 127 scripted second -- nonesuch
ok 'is named' says "$work/errors" nonesuch
piped() {
	printf 'one\0two\033' | scripted second -- cat && printf 'one\0two\033' | cmp - "$work/output"
}
ok 'standard input and output are passed on as they are' piped
ok 'errors on their own' scripted second -- sh -c 'echo wrong >&2'
ok 'and nothing beside them' test "$(cat "$work/errors"):$(cat "$work/output")" = 'wrong:'
large() {
	[ "$(yes | head -c 3000000 | shell second -- wc -c)" = 3000000 ] &&
		[ "$(shell second -- sh -c 'yes | head -c 3000000' </dev/null | wc -c)" = 3000000 ]
}
ok 'much of it' large
unread() {
	yes | head -c 300000 | scripted second -- sh -c 'yes | head -c 300000' &&
		[ "$(wc -c <"$work/output")" = 300000 ]
}
ok 'what is not read keeps nobody waiting' unread
ends_with_its_reader() {
	{
		shell second -- yes </dev/null
		echo "status $?" >"$work/status"
	} | head -n 1 >"$work/line"
	says "$work/line" y && says "$work/status" 'status 141'
}
ok 'who prints to nobody gets SIGPIPE' ends_with_its_reader
reads_commands() {
	echo 'echo $GREETING from $PWD' | scripted broken && prints 'good morning from /minsys/build/broken'
}
ok 'without a command it reads them' reads_commands
closed_streams() {
	shell second -- sh -c 'echo out; exit 4' <&- >&- 2>&-
	[ $? = 4 ]
}
ok 'with no streams at all' closed_streams
ok 'a command without --' status 2 shell second ls
ok 'no stage' status 2 shell
ok 'a stage that is not there' status 2 shell nonesuch
stage unbuildable <<-'END'
	summary: Needs what fails
	needs: [failing]
	run: echo
END
stage failing <<-'END'
	summary: Fails
	run: exit 3
	provides: failing
END
ok 'a need that fails' status 1 scripted unbuildable -- true
ok 'is named' says "$work/errors" 'stage failing: exit status 3'
rm -r "$project/stages/unbuildable" "$project/stages/failing"

# ---- The kept build tree ----

is_empty() {
	scripted broken -- ls -A </dev/null && prints ''
}
ok 'before it failed its build folder is empty' is_empty
minsys build broken >"$work/log" 2>&1
kept=$(sed -n 's/^its build tree is kept: //p' "$work/log")
listing() {
	find "$kept" -printf '%P %m %T@ %s\n' | sort
}
listing >"$work/before"
a_copy() {
	scripted broken -- sh -c 'stat -c "%n %a %Y" sub sub/file program; cat sub/file; id -u' </dev/null &&
		prints "sub 750 $(stat -c %Y "$kept/sub")
sub/file 640 $(stat -c %Y "$kept/sub/file")
program 755 $(stat -c %Y "$kept/program")
half
1000"
}
ok 'a kept build tree is there, with modes and times' a_copy
ok 'all of it can be changed' shell broken -- \
	sh -c 'echo more >>sub/file && rm program && mkdir sub/new && touch sub/new/x "$OUT/y" "$TMPDIR/run"'
ok 'which the kept one is not' eval 'listing | diff "$work/before" -'
ok 'and which is gone afterwards' shell broken -- sh -c '! [ -e sub/new ] && ! [ -e "$OUT/y" ]'
ok 'nothing of it is left in the store' test -z "$(ls -A "$MINSYS_CACHE/tmp")"
built() {
	find "$MINSYS_CACHE/results" -name "${kept##*-}*" | grep .
}
ok 'nor is it a result' eval '! built'
sed -i 's/exit 3/exit 4/' "$project/stages/broken/stage.yaml"
ok 'after an edit it is still there' shell broken -- test -f sub/file
sed -i 's/exit 4/exit 0/' "$project/stages/broken/stage.yaml"
minsys build -q broken
ok 'once the stage builds, its build folder is empty again' is_empty

# ---- On a terminal ----

PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
# on_terminal COMMAND <STEPS: see console.py.
on_terminal() {
	TERM=xterm timeout -k 5 60 python3 "$root/tests/functional/console.py" 30 sh -c "$1"
}
session="'$BIN/minsys' shell second -C '$project'"
isolation=userns
prompt='expect ^\[second\] /minsys/build/second [$#]'

talk() {
	on_terminal "$session" <<-END
		expect stage second, in its sandbox \(isolation: $isolation\)
		expect /minsys/build/second: empty
		expect Nothing of what happens here is kept
		$prompt
		size 31 101
		send stty size; echo "TERM=\$TERM"; test -t 0 -a -t 1 -a -t 2 && echo all th''ree\n
		expect ^31 101
		expect ^TERM=xterm
		expect ^all three
		$prompt
		send sh -c 'trap "stty size; exit" WINCH; echo re""ady; while :; do sleep 0.1; done'\n
		expect ^ready
		size 33 99
		expect ^33 99
		$prompt
		send sh -c 'echo star''ted; exec sleep 100'\n
		expect ^started
		send \\x1a
		expect Stopped
		$prompt
		send jobs; kill -9 %1; wait %1; echo a\n
		expect Stopped .*sleep 100
		$prompt
		send sh -c 'echo star''ted; exec sleep 100'\n
		expect ^started
		send \\x03
		$prompt
		send echo to the terminal >/dev/tty; echo err''ors >/dev/stderr; ls -d /dev/tty\n
		expect ^to the terminal
		expect ^errors
		expect ^/dev/tty
		$prompt
		send seq 300; exit 5\n
		expect ^300$
		exit 5
	END
}
ok 'a person has a terminal, with its size and job control' talk
whole_time() {
	on_terminal "$session -- sh -c 'exit 9'" <<-END
		exit 9
		never sandbox
	END
}
ok 'a command on it ends with its status' whole_time
by_name() {
	on_terminal "TERM=$1 $session" <<-END
		$prompt
		send echo "it is \$TERM"\n
		expect ^it is $2
		send exit\n
		exit 0
	END
}
ok 'the terminal'\''s name is passed on where the tools root has no list of them' by_name strange strange

# restored STATUS STEPS WORD...: after a session of these words the terminal is as it was, and
# nothing is in it to be read; steps are what one does meanwhile.
restored() {
	wanted=$1 steps=$2
	shift 2
	rm -f "$work/pid"
	cat >"$work/session" <<-'END'
		stty -g >"$work/modes"
		echo ready
		sh -c 'echo $$ >"$work/pid"; exec sh -c "exec $session -- \"\$@\"" sh "$@"' sh "$@"
		echo "status $?" >"$work/status"
		stty -g | diff - "$work/modes" || exit 1
		stty -icanon min 0 time 1
		echo; echo "left: '$(dd bs=1000 count=1 2>/dev/null)'"
		stty size
	END
	export work session
	timeout -k 5 60 python3 "$root/tests/functional/console.py" 20 sh "$work/session" "$@" \
		<<-END || return 1
		expect ready
		size 24 80
		$steps
		expect ^left: ''
		expect ^24 80
		exit 0
	END
	says "$work/status" "status $wanted" && [ -z "$(ls -A "$MINSYS_CACHE/tmp")" ]
}
# when_it_runs COMMAND...: to the session, once `sleep 3211` runs in it.
when_it_runs() {
	{
		for _ in $(seq 200); do
			pgrep -f '^sleep 3211' && break
			sleep 0.1
		done
		"$@" "$(cat "$work/pid")"
	} >/dev/null 2>&1 &
}
ok 'afterwards the terminal is as it was' \
	restored 0 '' sh -c 'stty raw -echo; stty rows 3 cols 7; stty size'
ok 'also after a crash' restored 137 'raw' sh -c 'stty raw -echo; echo "are you there? \033[c"; kill -9 $$'
for signal in HUP INT QUIT TERM; do
	case $signal in HUP) number=1 ;; INT) number=2 ;; QUIT) number=3 ;; TERM) number=15 ;; esac
	when_it_runs kill -$signal
	ok "and after SIG$signal" restored $((128 + number)) '' sh -c 'stty -echo; exec sleep 3211'
done
when_it_runs kill -TERM
ok 'also when the command takes no notice' \
	restored 143 '' sh -c 'trap "" HUP TERM INT; sleep 3211'
stopped() {
	cat >"$work/session" <<-'END'
		set -m
		stty -g >"$work/modes"
		sh -c 'echo $$ >"$work/pid"; exec sh -c "exec $session"'
		stty -g | diff - "$work/modes" && echo "is stop""ped"
		fg
		echo "status $?"
	END
	rm -f "$work/pid"
	when_it_runs kill -TSTP
	export work session
	timeout -k 5 60 python3 "$root/tests/functional/console.py" 20 sh "$work/session" <<-END
		$prompt
		send sleep 3211\n
		expect is stopped
		raw
		send \x03echo go''ing on\n
		expect ^going on
		send exit 6\n
		expect status 6
		exit 0
	END
}
ok 'stopped from outside, the terminal is as it was, and it goes on' stopped
nothing_left() {
	for _ in $(seq 50); do
		pgrep -f "$1" || [ -n "$(ls -A "$MINSYS_CACHE/tmp")" ] || return 0
		sleep 0.1
	done
	return 1
}
hung_up() {
	on_terminal "exec $session -- sh -c 'echo sleep\"\"ing; exec sleep 3211'" <<-END
		expect sleeping
		hang up
		exit 129
	END
	nothing_left '^sleep 3211'
}
ok 'when the terminal goes away, all of it ends' hung_up

# ---- Attacks on the terminal ----

cp "$work/attack" "$project/stages/second"
sed -i 's/files: \[suffix\]/files: [suffix, attack]/' "$project/stages/second/stage.yaml"
attacks() {
	restored 0 "expect ^sti EPERM
expect ^sti EPERM
expect ^setd EPERM
expect ^own done
expect ^ptmx $1
expect ^pts $1
expect ^init $2" sh -c '
		a=/minsys/stage/second/attack
		printf "sti "; $a ioctl tiocsti
		printf "sti "; $a ioctl tiocsti high
		printf "setd "; $a ioctl tiocsetd
		printf "own "; $a open readwrite /dev/tty
		printf "ptmx "; $a open readwrite /dev/ptmx
		printf "pts "; $a list /dev/pts
		printf "init "; $a open readwrite /proc/1/fd/0'
}
ok 'keys can be pushed into no terminal, and no other one is to be had' attacks ENOENT EACCES

# ---- Where nothing can be mounted ----

# A container whose `/` is the tools root: of an ordinary user, in a user namespace that has nobody
# else, where a step keeps that user's uid; and of root, where it gets one of its own.
tools=$work/tools
minsys root "$tools" || exit 1
mkdir -p "$tools/bin" "$tools/srv" "$project/stages/half"
stage half <<-'END'
	summary: Leaves half
	run: echo half >file; exit 3
END
cp "$BIN/minsys" "$BIN/minsys-sandbox" "$tools/srv" || exit 1
cp -R "$project" "$MINSYS_CACHE" "$tools/srv" || exit 1
cat >"$work/container" <<-'END'
	cd "$tools" && mount -t proc proc proc && mount -t tmpfs -o mode=755 tmpfs dev &&
		mkdir dev/pts && mount -t devpts -o ptmxmode=666 devpts dev/pts || exit 1
	for device in null zero full random urandom tty; do
		: >dev/$device && mount --bind /dev/$device dev/$device || exit 1
	done
	ln -s pts/ptmx dev/ptmx
	for link in fd/ stdin/0 stdout/1 stderr/2; do
		ln -s "/proc/self/fd/${link#*/}" "dev/${link%/*}"
	done
	[ -z "${closed:-}" ] || echo 0 >proc/sys/user/max_user_namespaces
	MINSYS_CACHE=/srv/store exec chroot . "$@"
END
PATH=$PATH:/usr/sbin:/sbin
in_container() {
	env $start /srv/minsys --isolation "$asked" -C /srv/project shell "$@" \
		>"$work/output" 2>"$work/errors"
}
kept_there() {
	env $start /srv/minsys --isolation "$asked" -C /srv/project build half >"$work/log" 2>&1
	in_container half -- sh -c 'cat file && echo more >>file && rm file' && prints half
}
# contained FORM ISOLATION START: the same there.
contained() {
	asked=$2 start=$3
	# The user has no user namespaces to offer, or they would be the choice.
	if ! env $start /srv/minsys-sandbox --trial --isolation=landlock >"$work/trial" 2>&1; then
		skip "in a container of $1" "$(tail -n 1 "$work/trial")"
		return
	fi
	session="env $start /srv/minsys --isolation $asked -C /srv/project shell second"
	ok "in a container of $1 a command runs too" status 3 \
		in_container second -- sh -c 'pwd; cat /minsys/first/text; exit 3'
	ok 'where it should' prints '/minsys/build/second
hello, world'
	ok 'over a copy of a kept build tree, which can be changed' kept_there
	ok 'a person has a terminal there' talk
	ok 'which is as it was afterwards' restored 0 '' sh -c 'stty raw -echo; stty rows 3 cols 7; stty size'
	ok 'keys can be pushed into none there either, and no other one is to be had' attacks EACCES EACCES
}
isolation=landlock
container="unshare --mount --pid --fork --kill-child sh $work/container"
user_container="closed=1 unshare --user --map-root-user --mount --pid --fork --kill-child sh $work/container"
if [ "$(id -u)" = 0 ]; then
	contained root landlock "tools=$tools $container"
	chown -R 65534:65534 "$tools"
	user_container="setpriv --reuid=65534 --regid=65534 --clear-groups env $user_container"
fi
contained 'an ordinary user' auto "tools=$tools $user_container"
finish
