#!/bin/sh
# The workflows of GitHub Actions are valid; what checks them (tests/workflow) finds mistakes. It is
# downloaded from npm to out/workflow, once.
# shellcheck disable=SC2016,SC2013 # patterns hold dollars; names of scripts are words
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"

for needed in node npm shellcheck; do
	command -v "$needed" >/dev/null || skip_all "$needed is not installed"
done
validator=$root/out/workflow
mkdir -p "$validator"
cp "$root"/tests/workflow/* "$validator"
if ! cmp -s "$validator/package-lock.json" "$validator/node_modules/.installed"; then
	npm_config_cache=$validator/cache
	npm_config_update_notifier=false
	# A network that is not there is noticed within minutes.
	npm_config_fetch_timeout=60000
	npm_config_fetch_retry_maxtimeout=10000
	export npm_config_cache npm_config_update_notifier npm_config_fetch_timeout \
		npm_config_fetch_retry_maxtimeout
	(cd "$validator" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) \
		>"$work/npm" 2>&1 || {
		sed 's/^/# /' "$work/npm"
		why='npm cannot download what tests/workflow/package-lock.json pins'
		skip_all "$why: name a registry that it can reach (npm config set registry URL)"
	}
	cp "$validator/package-lock.json" "$validator/node_modules/.installed"
fi

check() {
	node --import "$validator/json.mjs" "$validator/check.mjs" "$@"
}
workflow=$root/.github/workflows/build.yml
edited=$work/build.yml
edit() {
	sed "$1" "$workflow" >"$edited"
	! cmp -s "$workflow" "$edited"
}
# finds WHAT TEXT SCRIPT: in the workflow, edited by the script for sed, TEXT is found.
finds() {
	ok "$1 can be written" edit "$3"
	status 1 check "$edited" >"$work/said" 2>&1 || echo 'exit status' >"$work/said"
	ok "$1 is found" says "$work/said" "$2"
}

ok 'the workflows are valid' check "$root"/.github/workflows/*.yml
finds 'a key that is none' "Unexpected value 'runs_on'" 's/runs-on:/runs_on:/'
finds 'an event that is none' "Unexpected value 'pull_requests'" 's/pull_request:/pull_requests:/'
finds 'a permission that is none' "Unexpected value 'attestation'" 's/attestations:/attestation:/'
finds 'a job that is none' "depends on unknown job 'dokcer'" 's/needs: docker/needs: dokcer/'
finds 'a property that is none' 'Context access might be invalid: reftype' 's/ref_type/reftype/'
finds 'an expression that is none' 'Unexpected symbol' 's/github\.event_name ==/github.event_name =/'
finds 'YAML that is none' 'Nested mappings are not allowed' 's/^jobs:/jobs: [/'

unpinned='is not pinned by commit and version'
finds 'an action by its tag' "$unpinned" 's/\(checkout\)@.*/\1@v7/'
finds 'an action by a branch' "$unpinned" 's/\(checkout\)@.*/\1@main # by version: none/'
finds 'a commit without a version' "$unpinned" 's/\(checkout@[0-9a-f]*\) .*/\1/'
finds 'a workflow that a job calls, by a branch' "$unpinned" \
	'$a\  called:\n    uses: owner/repo/.github/workflows/x.yml@main'
finds 'a commit cut short' "$unpinned" 's/\(checkout@[0-9a-f]\{12\}\)[0-9a-f]*/\1/'
ok 'a version can be given' edit 's/\(checkout\)@.*/\1@v7 # by version: its commit was not found/'
ok 'when it says why' check "$edited"
commit=0123456789abcdef0123456789abcdef01234567
ok 'a job can call a workflow' \
	edit '$a\  called:\n    uses: owner/repo/.github/workflows/x.yml@'"$commit # v1.2.3"
ok 'that is pinned' check "$edited"
finds 'a token left behind' 'persist-credentials: false' \
	's/persist-credentials: false/persist-credentials: true/'
finds 'a token that may write' 'the permissions of all jobs' '0,/contents: read/s//contents: write/'
finds 'a job without a limit' 'job docker has no timeout-minutes' '0,/timeout-minutes/{/timeout-minutes/d}'
finds 'an expression in a script' 'a script has an expression' \
	's/minsys doctor/echo ${{ github.head_ref }}/'
finds 'a script with an error' 'SC2086' 's/minsys doctor/ls $HOME/'

scripts_exist() {
	for script in $(grep -ho 'scripts/[a-z]*' "$root"/.github/workflows/*.yml); do
		[ -x "$root/$script" ] || {
			echo "$script is not there"
			return 1
		}
	done
}
ok 'the scripts that they run are there' scripts_exist

finish
