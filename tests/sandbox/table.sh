#!/minsys/busybox sh
# table.sh ISOLATION: run the table's attacks under isolation `landlock`, inside a container whose
# `/` is a tools root; prints `WORDS|EXPECTED|WHAT IT CAME TO` for each. ISOLATION says which rows:
# `landlock` where a step gets a uid of its own, `landlock-own` where it keeps its caller's; then
# those of the former hold too, unless the latter has its own.
#
# It needs /minsys/busybox (not the one in /bin, which is attacked), /minsys/attack and
# /minsys/table, and around it what attack.c's `serve` and the HOST_... variables are about.
# SANDBOX is minsys-sandbox.
# shellcheck shell=dash
set -u
isolation=$1
rm() { /minsys/busybox rm "$@"; }
mkdir() { /minsys/busybox mkdir "$@"; }
grep() { /minsys/busybox grep "$@"; }
cut() { /minsys/busybox cut "$@"; }
cat() { /minsys/busybox cat "$@"; }
tr() { /minsys/busybox tr "$@"; }

own_rows=
[ "$isolation" = landlock ] ||
	own_rows=$(grep "^$isolation " /minsys/table | cut -d'|' -f2)
is_replaced() {
	case "
$own_rows
" in
	*"
$1
"*) return 0 ;;
	esac
	return 1
}

# attack WORD...: a step with a fresh output folder. Inherited on purpose: descriptors, an umask,
# ignored signals, something to read. What it prints goes to a pipe of this user's own.
attack() {
	rm -rf /minsys/out /minsys/more
	mkdir /minsys/out /minsys/more
	(
		umask 077
		trap '' PIPE TERM USR1
		"$SANDBOX" --isolation=landlock --root / --ro /minsys/in:/minsys/in \
			--ro /minsys/attack:/minsys/attack --rw /minsys/out:/minsys/out \
			--rw /minsys/more:/minsys/more --chdir /minsys/out \
			--setenv HOST_FILE=/srv/host/file --setenv HOST_FOLDER=/srv/host \
			--setenv HOST_STORE=/srv/store --setenv HOST_PID="$HOST_PID" \
			--setenv HOST_PORT="$HOST_PORT" --setenv HOST_SOCKET="$HOST_SOCKET" \
			--setenv HOST_DGRAM_SOCKET="$HOST_DGRAM_SOCKET" \
			--setenv HOST_QUEUE="$HOST_QUEUE" -- /minsys/attack "$@" \
			</minsys/in/file 3</minsys/in/file 7</minsys/in/file 2>&1 | cat
	)
}

# in_one_line TEXT: a second line would be a row of its own, one that wants nothing.
in_one_line() {
	printf %s "$1" | tr '\n' ' '
}

while IFS='|' read -r of words wanted; do
	case ${of%% *} in
	"$isolation") ;;
	landlock) ! is_replaced "$words" || continue ;;
	*) continue ;;
	esac
	# shellcheck disable=SC2086 # words are words
	echo "${words# }|${wanted# }|$(in_one_line "$(attack $words)")"
done </minsys/table
