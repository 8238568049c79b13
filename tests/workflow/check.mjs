// check.mjs WORKFLOW...: print what is wrong with a workflow, one line each; exit status 1 if
// anything is. Started with --import json.mjs. Keys, values, expressions and the order of jobs are
// checked by the service that GitHub's own editors use, each `run` by shellcheck, and here:
//
// - an action, or a workflow that a job calls, is pinned by its commit, with its version behind it
//   (or it says why not);
// - no expression stands in a script, where it would be code: it comes by the environment;
// - the token may only read unless a job asks for more, and checkout leaves none behind;
// - each job has a time limit (one that calls a workflow may not: that workflow has its own).
import {spawnSync} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {basename} from 'node:path';
import {validate} from '@actions/languageservice';
import {TextDocument} from 'vscode-languageserver-textdocument';
import {LineCounter, parseDocument} from 'yaml';

const PINNED = /uses: [\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/;
const NOT_PINNED = /uses: [\w.-]+\/[\w./-]+@v[\d.]+ # by version: .+$/;

async function byService(file, text) {
	const uri = 'file:///.github/workflows/' + basename(file);
	const found = await validate(TextDocument.create(uri, 'github-actions', 1, text), {});

	return found.map(({range, message}) => [range.start.line + 1, message]);
}

function byShellcheck(script) {
	const {error, status, stdout} =
		spawnSync('shellcheck', ['-s', 'bash', '-f', 'gcc', '-'], {input: script, encoding: 'utf8'});

	if (error)
		throw error;
	return status ? stdout.trim().split('\n') : [];
}

function byRules(text, document, lineOf) {
	const lines = text.split('\n');
	const found = [];
	const checkPin = (uses) => {
		if (uses && ![PINNED, NOT_PINNED].some((form) => form.test(lines[lineOf(uses) - 1])))
			found.push([lineOf(uses), `${uses.value} is not pinned by commit and version`]);
	};

	if (JSON.stringify(document.toJS().permissions) !== '{"contents":"read"}')
		found.push([1, 'the permissions of all jobs are not `contents: read` alone']);
	for (const {key, value: job} of document.get('jobs').items) {
		const called = job.get('uses', true);

		checkPin(called);
		if (!called && !job.has('timeout-minutes'))
			found.push([lineOf(key), `job ${key.value} has no timeout-minutes`]);
		for (const step of job.get('steps')?.items ?? []) {
			const line = lineOf(step);
			const script = step.get('run');
			const uses = step.get('uses', true);

			checkPin(uses);
			if (uses?.value.startsWith('actions/checkout@') &&
			    step.getIn(['with', 'persist-credentials']) !== false)
				found.push([line, 'the checkout does not say persist-credentials: false']);
			if (script?.includes('${{'))
				found.push([line, 'a script has an expression in it']);
			else if (script)
				found.push(...byShellcheck(script).map((message) => [line, message]));
		}
	}
	return found;
}

// What is not YAML is wrong in one place; all that would be found after it is noise.
async function problems(file) {
	const text = readFileSync(file, 'utf8');
	const lineCounter = new LineCounter();
	const document = parseDocument(text, {lineCounter});
	const lineAt = (offset) => lineCounter.linePos(offset).line;

	if (document.errors.length)
		return [[lineAt(document.errors[0].pos[0]), document.errors[0].message.split('\n')[0]]];
	return [
		...(await byService(file, text)),
		...byRules(text, document, (node) => lineAt(node.range[0])),
	];
}

let wrong = 0;
for (const file of process.argv.slice(2))
	for (const [line, message] of await problems(file)) {
		console.log(`${file}:${line}: ${message}`);
		wrong = 1;
	}
process.exit(wrong);
