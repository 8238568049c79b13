# shellcheck shell=sh
# What `minsys-attack run` prints, as tests. A test file sources this behind tap.sh.

# expect TEXT COMMAND...: the command prints just that.
expect() {
	wanted=$1
	shift
	got=$("$@" 2>&1)
	[ "$got" = "$wanted" ] || {
		echo "it came to '$got', expected '$wanted'"
		return 1
	}
}

# attack_results NAME FILE: a test for each line. What the table calls a gap, and this kernel refuses,
# passes as a TODO, which prove tells of: then the table is to be brought up to date.
attack_results() {
	while IFS='|' read -r verdict words wanted came _; do
		case $verdict in
		gap) ;;
		same | other | out) ok "$1: $words -> $wanted" expect "$wanted" echo "$came" ;;
		closed)
			tests=$((tests + 1))
			echo "ok $tests - $1: $words -> $came # TODO a gap by the table ($wanted)"
			;;
		*) ok "$1: $verdict is a verdict" false ;;
		esac
	done <"$2"
	ok "$1: all of it" test "$(grep -c '|' "$2")" -gt "${least_attacks:-400}"
}
