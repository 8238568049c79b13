// GitHub's packages import JSON as their bundler has it, without the attribute that Node.js wants.
import {register} from 'node:module';

const hook = `
import {readFile} from 'node:fs/promises';
export async function load(url, context, next) {
	if (!url.endsWith('.json'))
		return next(url, context);
	const text = await readFile(new URL(url), 'utf8');
	return {format: 'module', source: 'export default ' + text, shortCircuit: true};
}`;
register('data:text/javascript,' + encodeURIComponent(hook));
