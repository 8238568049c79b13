#!/bin/sh
# The first program of the machine of 68-cgroup.t: it makes a cgroup, gives it to an ordinary user,
# and proves there what minsys makes of it. It prints what passed.
# shellcheck disable=SC2016 # scripts of stages
set -u
PATH=/bin
export PATH

# A step's / is exchanged with pivot_root(2), which the first file system does not allow.
if [ ! -e /tmp/second ]; then
	mount -t tmpfs -o mode=755 new /new
	cp -a /bin /etc /home /init /new
	mkdir /new/proc /new/sys /new/dev /new/tmp
	: >/new/tmp/second
	exec switch_root /new /init
fi

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t cgroup2 cgroup2 /sys/fs/cgroup
exec </dev/null >/dev/console 2>&1
chmod 1777 /tmp
chown -R 1000:1000 /home
ours=/sys/fs/cgroup/ours
echo '+memory +pids' >/sys/fs/cgroup/cgroup.subtree_control
mkdir "$ours"
chown 1000 "$ours" "$ours/cgroup.procs" "$ours/cgroup.threads" "$ours/cgroup.subtree_control"

# passes NAME COMMAND...
passes() {
	name=$1
	shift
	if "$@" >/tmp/said 2>&1; then
		echo "passed: $name"
	else
		echo "failed: $name"
		cat /tmp/said
		echo ---
	fi
}
# delegated COMMAND: by the user, in that cgroup, where nobody else is. plain COMMAND: outside.
delegated() {
	sh -c 'echo $$ >"$1/cgroup.procs" && exec su user -c "$2"' sh "$ours" "$1"
}
plain() {
	su user -c "$1"
}
minsys='MINSYS_CACHE=/home/store minsys'
# stage NAME LIMITS <<END: the rest is its script.
stage() {
	mkdir -p "/home/project/stages/$1"
	{
		echo "summary: $1"
		echo "limits: {$2}"
		echo 'run: |'
		sed 's/^/  /'
	} >"/home/project/stages/$1/stage.yaml"
	chown -R 1000:1000 /home/project
}
says() {
	grep -qF -- "$1" /tmp/output || {
		cat /tmp/output
		return 1
	}
}
# refused TEXT STAGE: building it in the cgroup fails with that text, and nothing of it is left.
refused() {
	delegated "$minsys build -C /home/project --offline $2" >/tmp/output 2>&1 && return 1
	says "$1" && says "in stages/$2/stage.yaml" && nothing_left
}
nothing_left() {
	find "$ours" -mindepth 1 -type d >/tmp/left
	cat "$ours/cgroup.procs" "$ours/cgroup.subtree_control" | grep . >>/tmp/left
	cat /tmp/left
	[ ! -s /tmp/left ]
}

# soon COMMAND...: succeeds before long; the machine may be a slow one.
soon() {
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		! "$@" || return 0
		sleep 1
	done
	echo "not before long: $*"
	return 1
}
has_processes() {
	grep -q . "$1/cgroup.procs"
}
# The last of a step's limits to be set.
is_limited() {
	grep -q '^[0-9]' "$ours"/minsys-step-*/pids.max 2>/dev/null
}
# A step does: what this shell waits with has ended.
sleeps() {
	pidof sleep >/dev/null
}
sleeps_no_more() {
	! sleeps
}

doctor() {
	delegated "$minsys doctor -C /home/project" >/tmp/output 2>&1
	says 'ok       cgroup: it is delegated' && nothing_left
}
passes 'minsys doctor finds that it is delegated' doctor
elsewhere() {
	plain "$minsys doctor -C /home/project" >/tmp/output 2>&1
	says 'note     cgroup: make a cgroup in /sys/fs/cgroup/: Permission denied'
}
passes 'and elsewhere that it is not' elsewhere
not_alone() {
	sh -c 'echo $$ >"$1/cgroup.procs" && exec sleep 1000' sh "$ours" &
	soon has_processes "$ours"
	delegated "$minsys doctor -C /home/project" >/tmp/output 2>&1
	kill $!
	wait $!
	says 'other processes are in the cgroup /sys/fs/cgroup/ours too' && nothing_left
}
passes 'nor where others are in it' not_alone

# 4 times 30 MB, each less than the limit.
stage memory 'memory: 64MB' <<'END'
for i in 1 2 3 4; do dd if=/dev/zero of=/dev/null bs=30000000 count=100000 & done
sleep 3
kill $(cat /proc/[0-9]*/stat | grep '(dd)' | cut -d' ' -f1) 2>/dev/null || :
echo enough >"$OUT/text"
END
passes 'memory is bounded for all processes together' \
	refused 'it used more than 64.0 MB of memory, its limit; if it needs more, set `memory`' memory
stage temporary 'memory: 64MB' <<'END'
dd if=/dev/zero of=/tmp/file bs=1000000 count=100
echo enough >"$OUT/text"
END
passes 'what is in /tmp too' refused 'it used more than 64.0 MB of memory' temporary
alone() {
	plain "$minsys build -C /home/project --offline memory" >/tmp/output 2>&1 || {
		cat /tmp/output
		return 1
	}
	says '`memory` of stage memory bounds each of its processes alone'
}
passes 'without a cgroup it is not, and that is said' alone

stage processes 'processes: 100' <<'END'
bomb() { bomb | bomb & }
while :; do bomb 2>/dev/null; sleep 0.1; done
END
passes 'a fork bomb' \
	refused 'it had 100 processes and threads at once, its limit' processes
# Nobody waits for these, so only the cgroup knows what they have used.
stage processor 'cpu: 3s' <<'END'
trap '' CHLD
while :; do (i=0; while [ $i -lt 2000 ]; do i=$((i + 1)); done); done
END
passes 'processor time, of whatever process' \
	refused 'it used more than 3 s of processor time, its limit' processor

# What the cgroup of a step has, while it runs.
stage slow 'processes: 100' <<'END'
cat /proc/self/cgroup
sleep 5
echo "done" >"$OUT/text"
END
values() {
	delegated "$minsys build -C /home/project --offline -v slow" >/tmp/output 2>&1 &
	soon is_limited
	cat "$ours"/minsys-step-*/pids.max "$ours"/minsys-step-*/memory.oom.group >/tmp/values
	bytes=$(cat "$ours"/minsys-step-*/memory.max)
	wait $! || return 1
	cat /tmp/values
	[ "$(tr '\n' ' ' </tmp/values)" = '99 1 ' ] && [ "$bytes" -gt 400000000 ] &&
		says '0::/' && ! grep '0::/.' /tmp/output && nothing_left
}
passes 'the cgroup of a step has its limits, and the step sees no other' values
# A stage that is killed with its runner, which leaves its cgroup to the next one.
stage slow 'processes: 100' <<'END'
sleep 1001
END
killed() {
	delegated "$minsys build -C /home/project --offline slow" >/tmp/output 2>&1 &
	soon sleeps
	killall -9 minsys
	wait $!
	soon sleeps_no_more || return 1
	[ -n "$(find "$ours" -mindepth 1 -type d)" ] || return 1
	echo '-memory -pids' >"$ours/cgroup.subtree_control"
	delegated "$minsys build -C /home/project --offline first" >/tmp/output 2>&1 && nothing_left
}
passes 'what a killed runner left is removed by the next one' killed

echo 'all done'
poweroff -f
