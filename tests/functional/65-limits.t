#!/bin/sh
# Limits of a stage: what goes beyond one is ended, the error names the limit and where it is
# raised, nothing of it is stored, nothing of it runs on, and the next build works.
# shellcheck disable=SC2016 # the stages' shells expand
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/functional/project.sh
. "$(dirname "$0")/project.sh"

need_namespaces
copy_programs
make_project
rm -r "$project/stages/second"
own_mounts='--mount'
[ "$(id -u)" = 0 ] || own_mounts='--user --map-current-user --keep-caps --mount'

ok 'a stage within its limits is built' minsys build -q first
# What the store holds now is what it holds after the next failure too.
remember() {
	results=$(cd "$MINSYS_CACHE" && ls results trees)
}
remember

# A number of this run's own, whoever else runs the test. Scripts have it for MARK, in the command
# line of each process that they start, by which one that runs on is found.
mark=$(printf %010u "$(od -An -N4 -t u4 /dev/urandom | tr -d ' ')")
nothing_runs_on() {
	! pgrep -f -a "$mark"
}
marked_stage() {
	sed "s/MARK/$mark/g" | stage "$1"
}

# beyond LIMITS TEXT SECONDS <<END: a stage with these limits and this script fails within that
# time, with the text and where to raise it; see above.
beyond() {
	{
		echo 'summary: Goes too far'
		[ -z "$1" ] || echo "$1"
		echo 'run: |'
		sed 's/^/  /'
	} | marked_stage far
	status 1 timeout -k 5 "$3" "$BIN/minsys" build -C "$project" --mirror "$mirror" far \
		>"$work/output" 2>&1 || {
		cat "$work/output"
		return 1
	}
	says "$work/output" "$2" && says "$work/output" 'in stages/far/stage.yaml' &&
		is_as_before
}
# No result, no tree, no work in progress, no process.
is_as_before() {
	if [ "$(cd "$MINSYS_CACHE" && ls results trees)" != "$results" ] ||
		[ -n "$(ls "$MINSYS_CACHE/tmp")" ]; then
		ls "$MINSYS_CACHE/results" "$MINSYS_CACHE/trees" "$MINSYS_CACHE/tmp"
		return 1
	fi
	nothing_runs_on || return 1
	"$BIN/minsys" gc --verify -q >"$work/verified" 2>&1 || {
		cat "$work/verified"
		return 1
	}
}
# The same stage, mended; each time it is another one.
works_again() {
	stage far <<-END
		summary: Goes not too far
		run: |
		  echo mended $tests >"\$OUT/text"
	END
	minsys build -q far && remember
}

# ---- Time ----

never_ends() {
	beyond 'timeout: 1s' \
		'it was ended after 1 s, its limit; if it needs more, set `timeout` in' 10 <<-'END' &
			sleep 1000.MARK & sleep 1000.MARK
		END
	# What runs has to be found, so that nothing found means something.
	for _ in $(seq 200); do
		found=$(pgrep -f -x "sleep 1000\\.$mark" | wc -l)
		[ "$found" != 2 ] || break
		sleep 0.02
	done
	wait $! && [ "$found" = 2 ]
}
ok 'a stage that never ends' never_ends
ok 'one that uses the processor' beyond 'limits: {cpu: 1s}' \
	'it used more than 1 s of processor time, its limit; if it needs more, set `cpu` under `limits` in' 20 <<'END'
: MARK
while :; do :; done
END
ok 'that of children that have ended counts too' beyond 'limits: {cpu: 1s}' 'set `cpu`' 30 <<'END'
: MARK
while :; do (i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done); done
END
ok 'and that of what is in the background' beyond 'limits: {cpu: 1s}' 'set `cpu`' 20 <<'END'
setsid sh -c 'setsid sh -c ": MARK; while :; do :; done" &'
sleep 1000.MARK
END
waits() {
	stage far <<-'END'
		summary: Takes longer by the clock than by the processor
		limits: {cpu: 1s}
		run: |
		  sleep 2
		  : >"$OUT/done"
	END
	minsys build -q far
}
ok 'one that only waits does not' waits
ok 'and the next build works' works_again

# ---- Processes ----

bomb() {
	beyond 'limits: {processes: 200}' \
		'it had 200 processes and threads at once, its limit; if it needs more, set `processes`' \
		30 <<-'END'
			: MARK
			bomb() { bomb | bomb & }
			while :; do bomb 2>/dev/null; sleep 0.1; done
		END
}
# While it explodes, another program of this user's starts as always.
host_is_usable() {
	bomb &
	began=$(date +%s)
	for _ in 1 2 3 4 5 6; do
		sleep 0.5 && [ "$(echo usable | cat)" = usable ] || return 1
	done
	took=$(($(date +%s) - began))
	wait $! && [ "$took" -lt 15 ]
}
ok 'a fork bomb, and the host stays usable' host_is_usable
ok 'one that its script survives' beyond 'limits: {processes: 50}' 'set `processes`' 20 <<'END'
for i in $(seq 100); do sleep 1000.MARK & done
exit 7
END
ok 'and the next build works' works_again

# ---- Files, log ----

ok 'too many open files' beyond 'limits: {files: 20}' \
	'each process of it may have 20; if it needs more, set `files` under `limits` in' 10 <<'END'
: MARK
i=3
while [ $i -lt 40 ]; do eval "exec $i</dev/null"; i=$((i + 1)); done 2>&1
END
# sees LIMITS FILES PROCESSES DATA, the last three each as soft and hard limit.
sees() {
	stage far <<-END
		summary: Shows its limits
		$1
		run: |
		  : "$1"
		  cat /proc/self/limits >"\$OUT/limits"
		exports: {limits: .}
	END
	rm -rf "$work/seen"
	prlimit --nofile=512: --fsize=1000000000: --cpu=1000: \
		"$BIN/minsys" build -q -C "$project" far --out "$work/seen" || return 1
	for line in "open files *$2" "processes *$3" "data size *$4" 'file size *unlimited' \
		'cpu time *unlimited'; do
		grep -q "^Max $line" "$work/seen/limits/limits" || {
			echo "not $line:"
			cat "$work/seen/limits/limits"
			return 1
		}
	done
	remember
}
# at_most RESOURCE NUMBER: that, or what whoever builds may have where that is less.
at_most() {
	hard=$(prlimit --raw --noheadings --output HARD "--$1")
	[ "$hard" != unlimited ] && [ "$hard" -lt "$2" ] && echo "$hard" || echo "$2"
}
ok 'the limits that a step sees are not those of who builds' sees '' \
	"$(at_most nofile 1024) *$(at_most nofile 4096)" \
	"$(at_most nproc 4096) *$(at_most nproc 4096)" 'unlimited *unlimited'
ok 'but those of its stage' sees 'limits: {files: 100, processes: 50, memory: 1GiB}' \
	'100 *100' '50 *50' '1073741824 *1073741824'
beyond_user() {
	stage far <<-'END'
		summary: Wants more than there is
		limits: {files: 2000}
		run: "true"
	END
	status 3 prlimit --nofile=1000 "$BIN/minsys" build -C "$project" far >"$work/output" 2>&1
	says "$work/output" 'its limit of `files` is 2000, and whoever started minsys may have 1000' &&
		is_as_before
}
ok 'more files than the user may have are refused' beyond_user
endless() {
	beyond 'limits: {log: 1MB}' 'it printed more than 1.0 MB, its limit; if it needs more, set `log`' \
		20 <<-'END' &&
			yes MARK
		END
		[ "$(cat "$MINSYS_CACHE"/logs/*.log | wc -c)" -lt 1500000 ]
}
ok 'an endless log' endless

# ---- Output ----

ok '100,000 files' beyond 'limits: {entries: 5000}' \
	'its output has more than 5000 files, folders and links, its limit; if it needs more, set `entries`' 60 <<'END'
: MARK
mkdir "$OUT/many" && cd "$OUT/many"
seq 100000 | while read -r n; do : >"$n"; done
END
ok 'one huge file' beyond 'limits: {output: 10MB}' \
	'its output is larger than 10.0 MB, its limit; if it needs more, set `output`' 60 <<'END'
cat /dev/zero MARK >"$OUT/huge"
END
ok 'one that is huge only by its size' beyond 'limits: {output: 10MB}' 'set `output`' 20 <<'END'
dd if=/dev/null of="$OUT/MARK" bs=1 seek=1000000000000
END
ok 'several that are too large together, at the very end' beyond 'limits: {output: 10MB}' \
	'set `output`' 20 <<'END'
mkdir "$OUT/MARK" && dd if=/dev/zero of="$OUT/MARK/b" bs=1M count=6 && cp "$OUT/MARK/b" "$OUT/c"
END
ok 'where its owner may not look' beyond 'limits: {entries: 10}' 'in stages/far/stage.yaml' 20 <<'END'
mkdir "$OUT/a" && cd "$OUT/a" && touch $(seq 20) MARK && chmod 000 "$OUT/a"
END
as_much_as_allowed() {
	stage far <<-'END'
		summary: As much as it may have
		limits: {output: 1MB, entries: 3, log: 1kB}
		run: |
		  mkdir "$OUT/a"
		  dd if=/dev/zero of="$OUT/a/b" bs=1000 count=900 2>/dev/null
		  dd if=/dev/zero of="$OUT/a/c" bs=1000 count=100 2>/dev/null
		  seq 1000 | head -c 1000
	END
	minsys build -q far
}
ok 'as much as is allowed is' as_much_as_allowed

# ---- What runs on, the disk ----

writers() {
	marked_stage far <<-'END'
		summary: Leaves writers behind
		run: |
		  setsid sh -c ': MARK; while :; do echo still here; echo more >>"$OUT/text"; done' &
		  echo first >"$OUT/first"
	END
	timeout -k 5 20 "$BIN/minsys" build -q -C "$project" far >"$work/output" 2>&1 || return 1
	nothing_runs_on || return 1
	log=$(cat "$MINSYS_CACHE"/logs/*.log | wc -c)
	sleep 0.3
	[ "$(cat "$MINSYS_CACHE"/logs/*.log | wc -c)" = "$log" ] &&
		"$BIN/minsys" gc --verify -q
}
ok 'writers in the background end with the step' writers
ok 'and the next build works' works_again

# A script that takes no error for one, on a disk of 16 MB: it is ended, the disk has room again, and
# the next build works.
marked_stage far <<'END'
summary: Fills the disk
run: |
  cat /dev/zero MARK >fill 2>/dev/null || :
  sleep 1000.MARK
END
stage near <<'END'
summary: Writes a little
run: |
  echo little >"$OUT/text"
END
mkdir "$work/small"
full_disk() {
	# shellcheck disable=SC2086 # options in words
	unshare $own_mounts sh -euc '
		mount -t tmpfs -o size=16m none "$1"
		MINSYS_CACHE=$1/store
		export MINSYS_CACHE
		"$2" build -q -C "$3" --mirror "$4" first
		free=$(stat -f -c %a "$1")
		status=0
		timeout -k 5 20 "$2" build -C "$3" far || status=$?
		[ "$status" = 3 ]
		[ "$(stat -f -c %a "$1")" -gt $((free - 100)) ]
		[ -z "$(find "$MINSYS_CACHE/tmp" "$MINSYS_CACHE/failed" -mindepth 1)" ]
		[ "$(ls "$MINSYS_CACHE/results" | wc -l)" = 1 ]
		"$2" build -q -C "$3" near' sh "$work/small" "$BIN/minsys" "$project" "$mirror" \
		>"$work/output" 2>&1 || {
		cat "$work/output"
		return 1
	}
	nothing_runs_on && says "$work/output" 'small/store is full: free space there' &&
		says "$work/output" 'it was ended as nothing more can be written'
}
ok 'a disk that the step fills, whatever it makes of that' full_disk
finish
