// The page: fills in each section.

function figure(name, value) {
	return make("div", "", make("dt", "", name), make("dd", "", value));
}

function drawSummary() {
	const build = data.build;
	const ran = tasksThatRan();
	const began = new Date(build.began).toISOString().replace("T", " ").slice(0, 19) + " UTC";
	const words = {done: "built", failed: "failed", stopped: "stopped"};

	document.title = "minsys: " + build.target + " " + words[build.outcome] + ", " + began;
	document.getElementById("title").append(visible(build.target) + " ",
		make("span", "badge " + build.outcome, words[build.outcome]));
	document.getElementById("when").append(began + " · ",
		make("span", "name", visible(build.project)));
	document.getElementById("figures").append(
		figure("Time", duration(build.milliseconds)),
		figure("Tasks", grouped(ran.length) + " of " + grouped(data.tasks.length) + " ran"),
		figure("Asked for", build.asked.map(visible).join(", ") || "all stages"),
		figure("Jobs", String(build.jobs)),
		figure("Isolation", visible(build.isolation)),
		figure("Compiler cache", build.ccache ? "on" : "off"));
}

function drawSources() {
	const here = section("sources");

	here.append(data.sources.length ? table("Sources", [
		{title: "Source", class: "name", show: (source) => visible(source.name)},
		{title: "Version", show: (source) => visible(source.version)},
		{title: "License", show: (source) => visible(source.license)},
		{title: "Digest of its tree", class: "wide", show: (source) => digest(source.tree)},
	], data.sources) : make("p", "", "No source was needed."));
	if (data.build.tools_root)
		here.append(make("p", "", "Tools root ", digest(data.build.tools_root)));
}

function sizeOf(task) {
	const output = data.outputs[task.tree];

	return output ? bytes(output.bytes) : "not in the store any more";
}

function drawOutputs() {
	const stages = data.tasks.filter((task) => task.tree);

	section("outputs").append(stages.length ? table("Outputs of stages", [
		{title: "Stage", class: "name", show: (task) => visible(task.name)},
		{title: "State", show: (task) => task.state},
		{title: "Size", class: "number", show: sizeOf},
		{title: "Digest of its tree", class: "wide", show: (task) => digest(task.tree)},
	], stages) : make("p", "", "No stage has an output."));
}

function allFiles() {
	return data.tasks.filter((task) => data.outputs[task.tree]).flatMap((task) =>
		data.outputs[task.tree].entries.map((entry) => ({
			path: task.name + "/" + entry[0],
			size: typeof entry[1] === "number" ? entry[1] : undefined,
			target: typeof entry[1] === "string" ? entry[1] : undefined,
			digest: entry[2],
		})));
}

function fileTable(files) {
	return table("Files of all outputs", [
		{title: "File", class: "name", show: (file) => visible(file.path) +
			(file.target === undefined ? "" : " → " + visible(file.target))},
		{title: "Size", class: "number", show: (file) =>
			file.size === undefined ? "link" : bytes(file.size)},
		{title: "SHA-256", class: "wide", show: (file) => digest(file.digest)},
	], files, 25);
}

function drawFiles() {
	const files = allFiles().sort((a, b) => (b.size || 0) - (a.size || 0));
	const found = make("div", "");
	const told = make("span", {class: "muted", role: "status"});
	const field = make("input", {type: "search", id: "filter", autocomplete: "off",
		spellcheck: "false", input: filter});

	function filter() {
		const text = field.value.toLowerCase();
		const matching = files.filter((file) =>
			visible(file.path).toLowerCase().includes(text) ||
			(file.digest || "").startsWith(text));

		told.textContent = count(matching.length, "file");
		found.replaceChildren(fileTable(matching));
	}
	if (!files.length) {
		section("files").append(make("p", "", "There are none."));
		return;
	}
	section("files").append(make("p", "filter",
		make("label", {for: "filter"}, "Path or digest "), field, " ", told), found);
	filter();
}

// Causes of one sort, each once, with the stages that it is one of.
function collectCauses(isRoot) {
	const stages = new Map();

	for (const {root, text, stage} of data.whys.flatMap((why) => why.causes))
		if (root === isRoot)
			stages.set(text, (stages.get(text) || new Set()).add(stage));
	return [...stages];
}

function listCauses(heading, causes) {
	const items = causes.map(([text, stages]) => make("li", "",
		make("strong", "name", [...stages].map(visible).join(", ")), ": " + visible(text)));

	return items.length ? [make("h3", "", heading), make("ul", "causes", items)] : [];
}

function namesOf(stages) {
	return shorten(stages.map((stage) => visible(stage.name)), "…").join(", ");
}

function drawCauses() {
	const stages = data.tasks.filter((task) => task.kind === "stage");
	const ran = stages.filter((task) => task.begin !== undefined);
	const cached = stages.filter((task) => task.state === "cached");
	const others = stages.filter((task) => task.begin === undefined && task.state !== "cached");
	const unexplained = ran.length - data.whys.length;

	section("causes").append(
		make("p", "", count(ran.length, "stage") + " ran; " +
			(cached.length ? grouped(cached.length) : "none") + " had nothing to do."),
		...listCauses("Root causes", collectCauses(true)),
		...listCauses("What followed", collectCauses(false)),
		unexplained ? make("p", "muted", "Why the other " + grouped(unexplained) + " ran, ",
			make("code", "", "minsys why STAGE --build " + data.build.name),
			" says.") : "",
		others.length ? make("p", "", "Not begun, " + grouped(others.length) + ": " +
			namesOf(others) + ".") : "");
}

function drawFailures() {
	const failed = data.tasks.filter((task) => task.state === "failed");

	document.getElementById("failures").append(...failed.map((task) => make("p", "failure",
		make("strong", "name", taskName(task)), " failed",
		task.begin === undefined ? "." : " after " + duration(task.end - task.begin) + ".",
		task.kind === "stage" ? " Its log: " : null,
		task.kind === "stage" ? make("code", "", "minsys log " + task.name) : null)));
}

function drawLinks() {
	const headings = [...document.querySelectorAll("h2:not(.hidden)")];

	document.querySelector("nav").append(...headings.map((heading) =>
		make("a", {href: "#" + heading.id}, heading.textContent)));
}

function drawFooter() {
	const name = data.build.name;

	document.getElementById("footer").append(make("p", "", "Made by ",
		make("code", "", "minsys report --build " + name), ". Its trace, for Perfetto, is ",
		make("code", "", data.trace), "."));
}

drawLinks();
drawSummary();
drawFailures();
drawTimeline();
drawCauses();
drawSizes();
drawSources();
drawOutputs();
drawFiles();
drawFooter();
