#!/bin/sh
# A folder of src/ may include headers of the folders below it, and its own, only:
# cli -> build -> {plan, fetch, store, sandbox} -> base; image, cpp -> base
set -eu
cd "$(dirname "$0")/../src"

allowed() {
	case $1 in
	base) echo base ;;
	plan | fetch | store | sandbox | image | cpp) echo "base $1" ;;
	build) echo "base plan fetch store sandbox build" ;;
	cli) echo "base plan fetch store sandbox build cli" ;;
	esac
}

wrong=0
for folder in *; do
	# shellcheck disable=SC2013 # names of folders are words
	for included in $(sed -n 's/^#include "\([^/"]*\)\/.*/\1/p' "$folder"/*.[ch] | sort -u); do
		case " $(allowed "$folder") " in
		*" $included "*) ;;
		*)
			echo "src/$folder includes headers of $included/:"
			grep -n "^#include \"$included/" "$folder"/*.[ch]
			wrong=1
			;;
		esac
	done
done
exit "$wrong"
