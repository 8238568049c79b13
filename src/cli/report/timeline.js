// The timeline: a table with a row a task, whose last cell is drawn as a bar.

const total = data.tasks.reduce((latest, task) => Math.max(latest, task.end || 0),
	data.build.milliseconds || 1);
const TASKS_AT_FIRST = 60;

// A stage is known by its name alone.
function taskName(task) {
	return (task.kind === "stage" ? "" : task.kind + " ") + visible(task.name);
}

function tasksThatRan() {
	return data.tasks.filter((task) => task.begin !== undefined)
		.sort((a, b) => a.begin - b.begin || a.end - b.end);
}

// Where the axis has its marks, in milliseconds: about five of them.
function ticks() {
	const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 10e3, 15e3, 30e3, 60e3,
		120e3, 300e3, 600e3, 900e3, 1800e3, 3600e3, 7200e3, 14400e3, 43200e3, 86400e3];
	const step = steps.find((candidate) => total / candidate <= 5.5) || total;

	return Array.from({length: Math.floor(total / step) + 1}, (_, i) => i * step);
}

function tickLabel(milliseconds) {
	return milliseconds ? duration(milliseconds).replace(/\.0(?=\s)|\s0\s[sm]$/, "") : "0";
}

function place(element, begin, end) {
	element.style.left = 100 * begin / total + "%";
	if (end !== undefined)
		element.style.width = 100 * (end - begin) / total + "%";
	return element;
}

function axis() {
	return make("div", {class: "axis", "aria-hidden": "true"}, ticks().map((tick) =>
		tick > 0.94 * total ? null : place(make("span", "", tickLabel(tick)), tick)));
}

function gridlines() {
	return ticks().map((tick) => place(make("i", "tick"), tick));
}

function barKind(task) {
	if (task.state === "failed" || task.state === "stopped")
		return task.state;
	return task.critical ? "critical" : "other";
}

function bar(task) {
	const waited = task.begin - task.ready;

	return make("div", "track", make("span", "hidden", "from " + duration(task.begin) + " to " +
		duration(task.end) + (task.critical ? ", on the critical path" : "")),
	gridlines(),
	waited > 0 ? place(make("i", "waiting"), task.ready, task.begin) : null,
	place(make("b", "bar " + barKind(task)), task.begin, task.end));
}

function compared(task) {
	const took = task.end - task.begin;

	if (!task.last)
		return duration(took);
	return duration(took) + ", the last time " + duration(task.last);
}

function facts(task) {
	const needs = task.needs.map((need) => taskName(data.tasks[need])).join(", ");
	const waited = task.begin - task.ready;
	const rows = [
		["State", task.state + (task.critical ? ", on the critical path" : "")],
		["Took", compared(task)],
		["Began after", duration(task.begin) +
			(waited > 0 ? ", when it had waited for " + duration(waited) : "")],
		["Needs", needs || "nothing"],
		["Action", digest(task.key)],
		["Output", digest(task.tree)],
	];

	return make("dl", "facts", rows.filter((fact) => fact[1]).map(([name, value]) =>
		make("div", "", make("dt", "", name), make("dd", "", value))));
}

// A press on the name opens a row with all that is known of the task.
function taskRow(task) {
	const opener = make("button", {type: "button", class: "opener", "aria-expanded": "false",
		click: toggle}, taskName(task));
	const line = make("tr", {role: "row", class: task.critical ? "on-path" : undefined},
		make("th", {role: "rowheader", scope: "row"}, opener,
			task.critical ?
				make("span", {class: "mark", "aria-hidden": "true"}, "◆") : null,
			barKind(task) === task.state ?
				make("span", "badge " + task.state, task.state) : null),
		make("td", {role: "cell", class: "number"}, duration(task.end - task.begin)),
		make("td", {role: "cell", class: "when"}, bar(task)));
	let details = null;

	function toggle() {
		if (details)
			details.remove();
		else
			line.after(make("tr", {role: "row", class: "details"},
				make("td", {role: "cell", colspan: 3}, facts(task))));
		details = details ? null : line.nextElementSibling;
		opener.setAttribute("aria-expanded", String(!!details));
	}
	return line;
}

// Those on the critical path, and the longest of the others.
function tasksAtFirst(tasks) {
	const longest = [...tasks].sort((a, b) => !!b.critical - !!a.critical ||
		(b.end - b.begin) - (a.end - a.begin)).slice(0, TASKS_AT_FIRST);
	const chosen = new Set(longest);

	return tasks.filter((task) => chosen.has(task));
}

function timelineTable(tasks) {
	const body = make("tbody", {role: "rowgroup"}, tasksAtFirst(tasks).map(taskRow));
	const all = button("Show all " + count(tasks.length, "task"), () => {
		body.replaceChildren(...tasks.map(taskRow));
		all.hidden = true;
	});

	all.hidden = tasks.length <= TASKS_AT_FIRST;
	return [make("table", {role: "table", class: "gantt"},
		make("caption", "hidden", "Tasks in the order in which they began"),
		make("thead", {role: "rowgroup"}, make("tr", {role: "row"},
			make("th", {role: "columnheader", scope: "col"}, "Task"),
			make("th", {role: "columnheader", scope: "col", class: "number"}, "Took"),
			make("th", {role: "columnheader", scope: "col", class: "when"},
				make("span", "hidden", "When"), axis()))),
		body), all];
}

function legendEntry(kind, text) {
	return make("li", "", make("b", "bar " + kind), text);
}

function legend(tasks) {
	const kinds = new Set(tasks.map(barKind));
	const waited = tasks.some((task) => task.begin > task.ready);

	return make("ul", {class: "legend", "aria-hidden": "true"},
		legendEntry("critical", "on the critical path ◆"),
		kinds.has("other") ? legendEntry("other", "beside it") : null,
		kinds.has("failed") ? legendEntry("failed", "failed") : null,
		kinds.has("stopped") ? legendEntry("stopped", "stopped") : null,
		waited ? make("li", "", make("i", "waiting"), "ready, not yet begun") : null);
}

function mostAtOnce(tasks) {
	const changes = tasks.flatMap((task) => [[task.begin, 1], [task.end, -1]])
		.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
	let now = 0, most = 0;

	for (const [, change] of changes)
		most = Math.max(most, now += change);
	return most;
}

function criticalPath(tasks) {
	const path = tasks.filter((task) => task.critical);
	const work = path.reduce((sum, task) => sum + task.end - task.begin, 0);

	return make("p", "path", make("strong", "", "Critical path"),
		": " + duration(work) + " in " + count(path.length, "task") +
		", one behind the other. ",
	shorten(path.map((task) => [make("span", "name", taskName(task)),
		" " + duration(task.end - task.begin)]), "…").flatMap((part, i) =>
		[i ? " → " : "", part].flat()));
}

function drawTimeline() {
	const tasks = tasksThatRan();
	const here = section("timeline");
	const work = tasks.reduce((sum, task) => sum + task.end - task.begin, 0);

	if (!tasks.length) {
		here.append(make("p", "", "No task ran."));
		return;
	}
	here.append(make("p", "", count(tasks.length, "task") + " ran, at most " +
		mostAtOnce(tasks) + " at once, " + (work / total).toFixed(1) +
		" on average. A name opens what is known of it."),
	criticalPath(tasks), legend(tasks), ...timelineTable(tasks));
}
