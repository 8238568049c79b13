#!/bin/sh
# What a build shows while it goes on: on terminals of several sizes and kinds, piped, as JSON.
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/functional/project.sh
. "$(dirname "$0")/project.sh"

command -v python3 >/dev/null || skip_all 'python3, for the terminals, is not installed'
need_namespaces
TERM=xterm
LC_ALL=C.UTF-8
export TERM LC_ALL
unset NO_COLOR

make_project
minsys build -q || exit 1

# script STAGE: what it runs, on standard input. What it needs is `first`, but for that itself.
script() {
	{
		printf 'summary: A test\n'
		[ "$1" = first ] || echo 'needs: [first]'
		echo 'run: |'
		sed 's/^/  /'
		echo "provides: $1"
	} >"$work/stage"
	mkdir -p "$project/stages/$1"
	mv "$work/stage" "$project/stages/$1/stage.yaml"
}
# The result has to be made again, whatever was asked for before.
forget() {
	rm -rf "$MINSYS_CACHE/results"
}
# on ROWSxCOLUMNS [OPTION]... <<STEPS: a build on a terminal.
on() {
	size=$1
	shift
	forget
	python3 "$root/tests/functional/screen.py" 100 "$size" "$BIN/minsys" build -C "$project" \
		--mirror "$mirror" "$@"
}

script first <<-'END'
	for n in 1 2 3 4 5 6; do echo "line $n of it"; sleep 0.25; done
	echo "the text" >"$OUT/text"
END
script second <<-'END'
	sleep 0.5
	cat /minsys/first/text >"$OUT/loud"
END

live() {
	rm -rf "$MINSYS_CACHE/builds"
	on 24x80 <<-'END'
		expect ^isolation: userns
		expect ^first +0:00$
		expect ^0 of 2 stages done, 0:0[0-9]$
		expect ^line 3 of it$
		expect ^first +0:01$
		gone ^line 3 of it$
		expect ^first +done after [1-9]\.[0-9] s\nsecond +0:0[0-9]\n1 of 2 stages done, 0:0[0-9]$
		exit 0
		last /out/minsys: 
		lacks line|stages done|0:0
		shows ^isolation: userns\nfirst +done after .*\nsecond +done after .*\n[^\n]*/out/minsys: 
		raw \[1m
		noraw \[\?
		wraps 0
	END
}
ok 'a terminal shows what runs, how far it is, and what was printed last' live
expected() {
	on 24x80 <<-'END'
		expect ^first +0:0[0-9] of 0:0[2-9]\n0 of 2 stages done, 0:0[0-9], about 0:0[1-9] left
		expect ^second +0:00 of 0:0[1-9]\n1 of 2 stages done, 0:0[0-9], about 0:0[1-9] left
		exit 0
	END
}
ok 'and how long it takes, by the last time' expected
nothing_to_do() {
	python3 "$root/tests/functional/screen.py" 100 24x80 "$BIN/minsys" build -C "$project" <<-'END'
		exit 0
		shows ^[^\n]*/out/minsys: up to date$
		noraw \x1b
	END
}
ok 'of a build with nothing to do it sees one line' nothing_to_do

script first <<-'END'
	for n in $(seq 300); do echo "line $n of it"; sleep 0.2; done
	echo "the text" >"$OUT/text"
END
resized() {
	on 24x20 first <<-'END' || return
		expect ^first +0:.. of 0:0.$
		expect ^0 of 1 stages done$
		wraps 0
		resize 24x80
		expect ^0 of 1 stages done, 0:\d\d.*\nline \d+ of it\n?\Z
		resize 10x20
		expect ^0 of 1 stages done\nline \d+ of it\n?\Z
		once stages done
		resize 12x12
		expect ^0 of 1 stage\nline \d+ of \S*\n?\Z
		resize 4x1
		expect ^f\n0\nl\n?\Z
		resize 3x80
		expect ^first .*\n0 of 1 stages done.*\n?\Z
		resize 2x80
		expect ^0 of 1 stages done.*\n?\Z
		resize 1x80
		expect \A\Z
		resize 30x100
		expect ^first .*\n0 of 1 stages done.*\nline \d+ of it\n?\Z
	END
	on 24x80 first <<-'END'
		expect ^line 2 of it
		resize 24x60 cut
		expect ^line 4 of it
		resize 3x60 cut
		expect ^first .*\n0 of 1 stages done.*\n?\Z
		shows ^isolation: userns
	END
}
ok 'a terminal may be narrow, low, or resized' resized

script first <<-'END'
	for n in 1 2 3 4 5 6; do echo "line $n of it"; sleep 0.25; done
	echo "the text" >"$OUT/text"
END
verbose() {
	on 24x80 -v <<-'END'
		expect ^line 1 of it\nline 2 of it\nline 3 of it\nfirst  .*\n0 of 2 stages done.*\nline 3 of it
		exit 0
		shows ^line 5 of it\nline 6 of it\nfirst +done
	END
}
ok 'what is printed with -v scrolls by above' verbose

# What a stage prints, whatever it is, neither commands the terminal nor breaks a line.
script first <<-'END'
	printf '\033[2J\033[31mred \007bell \302\233 \233 \377\376 \033]0;title\007\033[?25l'
	sleep 0.5
	printf '\n\346\274\242\345\255\227 wide \360\237\230\200 e\314\201 \342\200\256back'
	sleep 0.5
	echo
	head -c 300000 /dev/zero | tr '\0' x
	sleep 0.5
	printf '\n10 %%\r20 %%\r30 %%\r'
	sleep 0.5
	echo "the text" >"$OUT/text"
END
evil() {
	on 24x60 first <<-'END' || return
		expects \x1b[2J\x1b[31mred \x07bell ? ? ?? \x1b]0;t
		expects 漢字 wide 😀 e
		expect ^x{60}\n?\Z
		expect ^30 %\n?\Z
		exit 0
		wraps 0
		noraw \x1b\[\?|\x1b\[2J|\x07|\xff
	END
	on 24x7 first <<-'END' || return
		expect ^漢字 w
	END
	LC_ALL=C on 24x60 first <<-'END'
		expects ?? wide ? e? ?back
	END
}
ok 'nothing that a stage prints disturbs the terminal' evil

script first <<-'END'
	yes "0123456789012345678901234567890123456789012345678" | head -n 2000000
	echo "the text" >"$OUT/text"
END
much() {
	on 24x80 first <<-'END'
		expect ^01234567890123456789
		exit 0
		bytes 30000
	END
}
ok '100 MB that are printed do not reach it' much

# Several at once, one of which fails: that is what is read last.
script first <<-'END'
	echo "the text" >"$OUT/text"
END
script second <<-'END'
	echo 'second begins'
	sleep 1
	echo 'it went wrong'
	exit 3
END
script third <<-'END'
	for n in 1 2 3 4 5 6; do printf "third says "; sleep 0.3; echo "$n"; done
	echo done >"$OUT/text"
END
several() {
	on 24x80 -j 2 <<-'END' || return
		expect ^(second|third) +0:0.*\n(second|third) +0:0.*\n1 of 3 stages done
		expect ^(second: second begins|third: third says.*)$
		expect ^second +failed after 1
		expect ^third +0:0.*\n1 of 3 stages done, 1 failed
		exit 1
		shows ^second +failed .*\nthird +done .*\n--- the end of the log of second ---\n
		shows it went wrong\n---\nits build tree is kept: [^\0]*its whole log: 
		last ^minsys: stage second: exit status 3$
		raw \x1b\[31msecond +failed after .* s\x1b\[m
	END
	on 3x80 -j 2 <<-'END'
		expect ^2 running\n1 of 3 stages done.*
		exit 1
		last ^minsys: stage second: exit status 3$
	END
}
ok 'a failure is the last thing that is seen' several
named() {
	forget
	status 1 minsys build -v -j 2 >"$work/log" 2>&1 &&
		says "$work/log" 'second: second begins' && says "$work/log" 'third: third says 2' &&
		! grep -v '^third: third says [1-6]$\|^third says [1-6]$' "$work/log" | grep 'third says'
}
ok 'lines of several stages are whole, and named' named

# However it ends, the terminal is as it was.
script second <<-'END'
	sleep 40
END
stopped() {
	on 24x80 <<-'END' || return
		expect ^second +0:
		send \x03
		exit -2
		last ^minsys: stopped; what was finished is kept$
		shows ^second +stopped after
		lacks stages done
		noraw \?25
	END
	on 24x80 <<-'END' || return
		expect ^second +0:
		signal TERM
		exit -15
		last ^minsys: stopped; what was finished is kept$
		lacks stages done
	END
	on 24x80 <<-'END'
		expect ^second +0:
		signal KILL
		exit -9
		noraw \?25
	END
}
ok 'a build that is stopped leaves the terminal in order' stopped
continued() {
	on 24x80 <<-'END'
		expect ^second +0:(0[2-9]|[1-5]).*\n2 of 3 stages
		signal STOP
		type the shell's line
		signal CONT
		expect ^2 of 3 stages done.*\nthe shell's line\nsecond +0:.*\n2 of 3 stages done.*\n?\Z
		send \x03
		exit -2
	END
}
ok 'one that is continued does not overwrite what the shell has written' continued
held() {
	script second <<-'EOF'
		sleep 2
		echo done >"$OUT/text"
	EOF
	rm -rf "$project/out"
	on 24x80 <<-END
		expect ^second +0:0
		send \x13
		exists $project/out/minsys/manifest.json
		send \x11
		exit 0
		shows ^second +done after
		last /out/minsys: written
	END
}
ok 'a terminal that is stopped does not stop the build' held

for stage in second third; do
	script "$stage" <<-'END'
		echo it says
		echo done >"$OUT/text"
	END
done
no_color() {
	NO_COLOR=1 on 24x80 <<-'END'
		exit 0
		raw stages done
		noraw \x1b\[[0-9;]*m
	END
}
ok 'NO_COLOR takes the colours alone' no_color
plain() {
	for terminal in dumb ''; do
		TERM=$terminal on 24x80 <<-'END' || return
			exit 0
			shows ^first +building\nfirst +done after
			lacks stages done|says
			noraw \x1b
		END
	done
}
ok 'a terminal that can do no more has plain lines' plain

# The same to a pipe.
piped() {
	forget
	minsys build >"$work/out" 2>"$work/log" && ! grep "$(printf '\033')" "$work/log" "$work/out" &&
		says "$work/log" 'third          building' &&
		grep '^third          done after [0-9]*\.[0-9] s$' "$work/log" &&
		! grep -v '/out/minsys: ' "$work/out"
}
ok 'to a pipe go plain lines' piped

cat >"$work/events.py" <<'END'
import json, sys

events = [json.loads(line) for line in sys.stdin.buffer.read().decode("utf-8").splitlines()]
assert all(isinstance(event["time"], int) for event in events)
assert events[0]["event"] == "begin" and events[0]["format"] == "minsys events 1", events[0]
assert events[-1]["event"] == "end", events[-1]
values = {"events": events, "last": events[-1]}
values["told"] = [(e["kind"], e["name"], e["state"]) for e in events if e["event"] == "task"]
values["printed"] = "".join(e["text"] for e in events if e["event"] == "output")
if not eval(f"({sys.argv[1]})", values):
    sys.exit(f"not {sys.argv[1]}: {json.dumps(events, indent=1)}")
END
# events STATUS EXPRESSION [OPTION]...
events() {
	wanted_status=$1
	expression=$2
	shift 2
	status "$wanted_status" minsys build --json "$@" >"$work/events" 2>"$work/log" &&
		python3 "$work/events.py" "$expression" <"$work/events"
}
script second <<-'END'
	printf 'b\303\244d \377\n\033[1m'
	echo text >"$OUT/text"
END
json() {
	forget
	events 0 'last["outcome"] == "done" and last["out"].endswith("/out/minsys") and
		("stage", "third", "running") in told and told[-1][2] == "done" and not printed and
		[e for e in events if e["event"] == "isolation"][0]["isolation"] == "userns"' &&
		[ ! -s "$work/log" ] &&
		events 0 'last["result"] == "up to date" and {t[2] for t in told} == {"cached"}' &&
		forget && events 0 'printed == "b\xe4d \ufffd\n\x1b[1m\n"' second -v
}
ok '--json tells all of it on standard output, an event a line' json
json_failure() {
	script second <<-'END'
		printf 'went \377 wrong'
		exit 3
	END
	events 1 'last["outcome"] == "failed" and last["status"] == 1 and
		last["error"] == "stage second: exit status 3" and
		[e for e in events if e["event"] == "failure"][0]["log_end"] == "went \ufffd wrong"' &&
		[ "$(cat "$work/log")" = 'minsys: stage second: exit status 3' ]
}
ok 'a failure too' json_failure
json_stopped() {
	script second <<-'END'
		sleep 40
	END
	"$BIN/minsys" build --json -C "$project" >"$work/events" 2>"$work/log" &
	pid=$!
	while ! grep -q '"second","state":"running"' "$work/events"; do sleep 0.05; done
	kill "$pid"
	wait "$pid"
	python3 "$work/events.py" 'last["outcome"] == "stopped" and told[-1][1:] == ("second", "stopped")' \
		<"$work/events"
}
ok 'and when it was stopped' json_stopped

# Downloads, from a server that takes its time.
rm -rf "$MINSYS_CACHE"
json_fetch() {
	minsys fetch --json >"$work/events" 2>"$work/log" &&
		python3 "$work/events.py" 'told == [("download", "files", "running"), ("download", "files", "done")]
			and any("tools 1: " in e["text"] for e in events if e["event"] == "notice")' \
			<"$work/events" && [ ! -s "$work/log" ]
}
ok 'downloads are told as JSON' json_fetch

unset http_proxy https_proxy all_proxy HTTPS_PROXY ALL_PROXY no_proxy NO_PROXY
python3 "$root/tests/functional/httpd.py" "$mirror" "$work/requests" "$work/port" &
server=$!
trap 'kill "$server" 2>/dev/null; clean_up' EXIT
while [ ! -s "$work/port" ]; do sleep 0.05; done
mirror=http://127.0.0.1:$(cat "$work/port")/drip
script second <<-'END'
	echo done >"$OUT/text"
END
downloading() {
	rm -rf "$MINSYS_CACHE"
	on 24x100 <<-'END' || return
		expect ^download tools root +0:0[0-9]  0/1 files, .*: tools 1 [1-9][0-9]*%
		expect ^0 of 3 stages done
		wraps 0
	END
	rm -rf "$MINSYS_CACHE"
	python3 "$root/tests/functional/screen.py" 100 24x100 "$BIN/minsys" fetch -C "$project" \
		--mirror "$mirror" <<-'END'
		never stages
		expect ^download files +0:0[0-9]  0/1 files, .*: tools 1 [1-9][0-9]*%
	END
}
ok 'on a terminal, downloads show how far they are' downloading
finish
