#!/bin/sh
# Run the unit tests that were compiled below a folder; show only the ones that fail.
set -eu
folder=$1/unit
failed=0
count=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for test in "$folder"/*/test_*; do
	case $test in *.d) continue ;; esac
	count=$((count + 1))
	if ! "$test" >"$log" 2>&1; then
		echo "not ok: $test"
		cat "$log"
		failed=1
	fi
done
echo "$count unit test programs run"
[ "$count" -gt 0 ] && [ "$failed" = 0 ]
