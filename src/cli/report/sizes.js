// Sizes: a treemap of what the stages made, and beside it the same as a table.

const SMALLEST = 14; // pixels of a side below which a folder is not looked into
const LEAST_AREA = 64; // pixels: what would be smaller is drawn as one
const COLORS = 8;

function folder(name, parent) {
	return {name, parent, size: 0, files: 0, children: new Map()};
}

function addFile(root, path, size, files = 1) {
	const parts = path.split("/");
	const name = parts.pop();
	let node = root;

	for (const part of parts) {
		let next = node.children.get(part);

		if (!next || !next.children) {
			next = folder(part, node);
			node.children.set(part, next);
		}
		node = next;
	}
	node.children.set(name, {name, parent: node, size, files});
}

function addUp(node) {
	if (!node.children)
		return;
	for (const child of node.children.values()) {
		addUp(child);
		node.size += child.size;
		node.files += child.files;
	}
	node.sorted = [...node.children.values()].sort((a, b) => b.size - a.size);
}

// Put what an output holds at `from` (everything for ".") at `path`.
function addOutput(root, output, from, path) {
	for (const [name, size] of output.entries) {
		const isWithin = from === "." || name === from || name.startsWith(from + "/");

		if (isWithin && typeof size === "number")
			addFile(root, path + (from === "." ? "/" + name : name.slice(from.length)),
				size);
	}
	if (from === "." && output.others)
		addFile(root, path + "/" + count(output.others, "small file"), output.other_bytes,
			output.others);
}

// One folder a stage that has an output.
function allOutputs() {
	const root = folder("all outputs", null);

	for (const task of data.tasks)
		if (data.outputs[task.tree])
			addOutput(root, data.outputs[task.tree], ".", task.name);
	addUp(root);
	return root;
}

// What the build exports, at its place in out/minsys.
function result() {
	const root = folder("result", null);

	for (const task of data.tasks)
		for (const [path, from] of Object.entries(task.exports || {}))
			if (data.outputs[task.tree])
				addOutput(root, data.outputs[task.tree], from, path);
	addUp(root);
	return root;
}

// The largest ones, and one for all that would be too small to see in the box.
function cellsOf(node, box) {
	const least = Math.max(1, node.size * LEAST_AREA / (box.width * box.height));
	const shown = node.sorted.filter((child) => child.size >= least);
	const rest = node.sorted.slice(shown.length);
	const size = rest.reduce((sum, child) => sum + child.size, 0);

	if (size)
		shown.push({name: count(rest.length, "smaller one"), parent: node, size,
			files: rest.reduce((sum, child) => sum + child.files, 0), isRest: true});
	return shown;
}

// Squarified treemaps (Bruls, Huizing, van Wijk, 2000): rows along the shorter side, each filled
// for as long as that makes its worst cell more like a square.
function worst(largest, smallest, sum, side) {
	return Math.max(side * side * largest / (sum * sum), sum * sum / (side * side * smallest));
}

function takeRow(areas, side) {
	let length = 1, sum = areas[0];

	while (length < areas.length &&
			worst(areas[0], areas[length], sum + areas[length], side) <=
			worst(areas[0], areas[length - 1], sum, side))
		sum += areas[length++];
	return [length, sum];
}

function squarify(cells, box, draw) {
	const size = cells.reduce((sum, cell) => sum + cell.size, 0);
	let areas = cells.map((cell) => cell.size / size * box.width * box.height);
	let {left, top, width, height} = box, done = 0;

	while (areas.length && width > 0 && height > 0) {
		const isColumn = width > height;
		const side = isColumn ? height : width;
		const [length, sum] = takeRow(areas, side);
		const depth = sum / side;
		let offset = 0;

		for (const area of areas.slice(0, length)) {
			draw(cells[done++], isColumn ?
				{left, top: top + offset, width: depth, height: area / depth} :
				{left: left + offset, top, width: area / depth, height: depth});
			offset += area / depth;
		}
		if (isColumn)
			[left, width] = [left + depth, width - depth];
		else
			[top, height] = [top + depth, height - depth];
		areas = areas.slice(length);
	}
}

function pathOf(node) {
	const parts = [];

	for (; node && node.parent; node = node.parent)
		parts.unshift(visible(node.name));
	return parts.join("/");
}

function rootOf(node) {
	return node.parent ? rootOf(node.parent) : node;
}

// What is left of a box within its border, under a line of text.
const BORDER = 2, LINE = 19;

// Shares of the outer box, so that paper of another width holds the same.
function putInto(outer, element, box) {
	element.style.left = 100 * box.left / outer.width + "%";
	element.style.top = 100 * box.top / outer.height + "%";
	element.style.width = 100 * box.width / outer.width + "%";
	element.style.height = 100 * box.height / outer.height + "%";
}

function drawCell(map, outer, node, whole, color, open, depth) {
	const isFolder = !!node.children;
	const label = visible(node.name) + (isFolder ? "/" : "");
	const element = make("div", {
		class: "cell c" + color + (isFolder ? " folder" : ""),
		title: (node.isRest ? label : pathOf(node)) + ": " + bytes(node.size),
		click: isFolder && ((event) => {
			event.stopPropagation();
			open(node);
		}),
	});
	const box = {...whole, width: Math.max(1, whole.width - 1),
		height: Math.max(1, whole.height - 1)};
	const inner = {left: BORDER, top: LINE, width: box.width - 2 * BORDER,
		height: box.height - LINE - BORDER};

	putInto(outer, element, box);
	map.append(element);
	if (box.width < 34 || box.height < 18)
		return;
	element.append(make("span", "label", label, box.height > 38 || isFolder ?
		make("small", "", " " + bytes(node.size)) : null));
	if (isFolder && depth < 6 && inner.width > SMALLEST && inner.height > SMALLEST)
		squarify(cellsOf(node, inner), inner, (child, childBox) =>
			drawCell(element, box, child, childBox, color, open, depth + 1));
}

function drawMap(map, node, open) {
	const box = {left: 0, top: 0, width: map.clientWidth, height: map.clientHeight};
	let color = 0;

	map.replaceChildren();
	map.setAttribute("aria-label", "Treemap of " + (pathOf(node) || node.name) +
		"; the table that follows says the same");
	if (node.size)
		squarify(cellsOf(node, box), box, (child, childBox) => {
			drawCell(map, box, child, childBox, child.isRest ? COLORS : color, open, 0);
			color = Math.min(color + 1, COLORS);
		});
}

function share(node, child) {
	const inner = make("i", "");

	inner.style.width = 100 * child.size / node.size + "%";
	return [make("span", "share", inner),
		make("span", "percent", percent(child.size, node.size))];
}

function folderTable(node, open) {
	return table("What is in " + (pathOf(node) || node.name), [
		{title: "Name", class: "name", show: (child) => child.children ?
			button(visible(child.name) + "/", () => open(child)) : visible(child.name)},
		{title: "Size", class: "number", show: (child) => bytes(child.size)},
		{title: "Share", class: "number shares", show: (child) => share(node, child)},
	], node.sorted, 12);
}

function crumbs(node, open) {
	const parts = [];

	for (let at = node; at; at = at.parent)
		parts.unshift(at);
	return parts.flatMap((part, i) => [i ? " / " : null,
		part === node ? make("strong", "", visible(part.name)) :
			button(visible(part.name), () => open(part))]);
}

function drawSizes() {
	const here = section("sizes");
	const roots = [result(), allOutputs()].filter((root) => root.files);
	const where = make("p", {class: "crumbs", "aria-live": "polite"});
	const map = make("div", {class: "map", role: "img"});
	const list = make("div", "");
	const choices = roots.map((root) =>
		button(root.name[0].toUpperCase() + root.name.slice(1), () => open(root)));
	let at;

	function open(node) {
		const focused = document.activeElement;
		const hadFocus = list.contains(focused) || where.contains(focused);

		at = node;
		for (const [i, choice] of choices.entries())
			choice.setAttribute("aria-pressed", String(rootOf(node) === roots[i]));
		where.replaceChildren(...crumbs(node, open).filter(Boolean),
			make("span", "muted",
				" " + bytes(node.size) + " in " + count(node.files, "file")));
		list.replaceChildren(folderTable(node, open));
		drawMap(map, node, open);
		if (hadFocus)
			(where.querySelector("button:last-of-type") ||
				list.querySelector("button") || map).focus();
	}
	if (!roots.length) {
		here.append(make("p", "", "The store holds no output of this build any more."));
		return;
	}
	here.append(choices.length > 1 ? make("p", "choices", choices) : "", where,
		make("div", "sizes", map, list));
	open(roots[0]);
	new ResizeObserver(() => drawMap(map, at, open)).observe(map);
}
