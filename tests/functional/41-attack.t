#!/bin/sh
# minsys doctor --attack: what it says of the sandboxes here, of one that lets something out, and of
# results that no machine here has. Then that SECURITY.md tells of each gap.
# shellcheck disable=SC2016 # messages quote with backquotes
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"

need_namespaces
copy_programs
mkdir -m 777 "$work/tmp"
export TMPDIR="$work/tmp"

# attack STATUS [OPTION]...: outside of any project.
attack() {
	expected=$1
	shift
	(cd / && status "$expected" as_user "$BIN/minsys" doctor --attack "$@") >"$work/found" \
		2>"$work/errors" || {
		cat "$work/found" "$work/errors"
		return 1
	}
}
found() {
	grep -qE -- "$1" "$work/found" || {
		cat "$work/found"
		return 1
	}
}
nothing_got_out() {
	attack 0 && [ ! -s "$work/errors" ]
}
ok 'nothing gets out here' nothing_got_out
ok 'of hundreds of attacks' found '^isolation userns: [4-9][0-9][0-9] attacks, and nothing got out$'
ok 'what is allowed is told' found '^ +setuid \([0-9]+\): A step may set such bits'
[ -e /etc/minsys-tools-root ] ||
	ok 'where landlock is none, it says why' found \
		'^isolation landlock: not attacked: .* `/` is not the tools root'
ok 'nothing is left' test -z "$(ls -A "$TMPDIR")"
ok 'an isolation that does not work here' attack 3 --isolation landlock
ok 'is not attacked' found '^isolation landlock: not attacked: '
ok 'and no other' status 1 grep '^isolation userns' "$work/found"

# A sandbox that leaves a secret in the environment, between the programs and the real one.
mv "$BIN/minsys-sandbox" "$BIN/real"
cat >"$BIN/minsys-sandbox" <<'END'
#!/bin/sh
case " $* " in
*' --trial '*) exec "$(dirname "$0")/real" "$@" ;;
*) exec "$(dirname "$0")/real" --setenv TOKEN=leaked "$@" ;;
esac
END
chmod 755 "$BIN/minsys-sandbox"
leaks() {
	as_user "$BIN/minsys-attack" run userns "$BIN/minsys-sandbox" variable >"$work/found"
}
ok 'a sandbox that leaks a variable' leaks
ok 'is found out' found '^out\|variable TOKEN\|absent\|leaked\|$'
ok 'and no more than it is' found '^same\|variable HOME\|absent\|absent\|$'
mv "$BIN/real" "$BIN/minsys-sandbox"

# says_of STATUS LINE...: with a program that prints these in place of the attacks.
says_of() {
	expected=$1
	shift
	printf '%s\n' "$@" >"$work/lines"
	chmod 644 "$work/lines"
	printf '#!/bin/sh\ncat "%s"\n' "$work/lines" >"$BIN/minsys-attack"
	attack "$expected" --isolation userns
}
mv "$BIN/minsys-attack" "$BIN/real-attack"
: >"$BIN/minsys-attack"
chmod 755 "$BIN/minsys-attack"
ok 'what got out' says_of 1 'same|one|EPERM|EPERM|' "out|two|EPERM|$(printf 'a\033[31m')|"
ok 'is told' found '^isolation userns: of 2 attacks 1 came to what nobody expects:$'
ok 'with what it printed, made visible' found '^    two: a\\x1b\[31m, not EPERM$'
ok 'and what to do' found 'SECURITY.md says how to report it'
ok 'what is closed by this kernel' says_of 0 'closed|one|done|EPERM|metadata' 'same|two|EPERM|EPERM|'
ok 'is told' found '^  1 refused that are documented as allowed: this kernel does better$'
ok 'what is refused otherwise' says_of 0 'other|one|EPERM|ENOSYS|' 'same|two|EPERM|EPERM|'
ok 'is told' found '^    one: ENOSYS, not EPERM$'
ok 'gaps are counted' says_of 0 'same|one|done|done|g' 'same|two|done|done|g' 'gap|g|Why it is one.'
ok 'and explained' found '^    g \(2\): Why it is one\.$'
ok 'a line that is no result' says_of 1 'same|one'
ok 'is an error' says "$work/errors" 'printed what is no result'
ok 'no result at all is one' says_of 1
ok 'not a success' says "$work/errors" 'tried nothing'
rm "$BIN/minsys-attack"
ok 'without the program' attack 3
ok 'it says where it belongs' says "$work/errors" 'it must stand beside minsys'
mv "$BIN/real-attack" "$BIN/minsys-attack"

stopped() {
	as_user sh -c 'echo $$; exec "$0" run userns "$1"' \
		"$BIN/minsys-attack" "$BIN/minsys-sandbox" >"$work/found" 2>"$work/errors" &
	for _ in $(seq 200); do
		[ "$(grep -c . "$work/found")" -lt 3 ] || break
		sleep 0.02
	done
	kill -TERM "$(head -n 1 "$work/found")"
	wait "$!"
	[ "$?" = 1 ] && says "$work/errors" 'told to stop' && [ -z "$(ls -A "$TMPDIR")" ]
}
ok 'attacks that are stopped leave nothing' stopped

# ---- What is documented ----

table=$root/tests/sandbox/table
sed -n 's/^!\([a-z]*\) .*/\1/p' "$table" | sort >"$work/gaps"
sed -n 's/^- \*\*\([a-z]*\)\*\*: .*/\1/p' "$root/SECURITY.md" | sort >"$work/documented"
grep -v '^[#!]' "$table" | grep -o '![a-z]*' | tr -d ! | sort -u >"$work/used"
ok 'there are gaps' test -s "$work/gaps"
ok 'SECURITY.md tells of each gap, and of no other' diff "$work/gaps" "$work/documented"
ok 'each is one that an attack has met' diff "$work/gaps" "$work/used"
finish
