// Pieces that the parts of the page are made of. Every text becomes a text node, never markup.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);

// Characters that have no shape of their own, or turn the order of others around.
const HIDDEN = /[\u0080-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

// A text with their numbers in place of them.
function visible(text) {
	return text.replace(HIDDEN, (c) => "\\u{" + c.codePointAt(0).toString(16) + "}");
}

// An element with attributes (a class for a string) and children: nodes or texts.
function make(tag, attributes, ...children) {
	const element = document.createElement(tag);

	if (typeof attributes === "string")
		attributes = {class: attributes};
	for (const [key, value] of Object.entries(attributes || {}))
		if (value === true)
			element.setAttribute(key, "");
		else if (typeof value === "function")
			element.addEventListener(key, value);
		else if (value !== undefined && value !== false)
			element.setAttribute(key, value);
	for (const child of children.flat())
		if (child !== undefined && child !== null)
			element.append(child);
	return element;
}

function section(id) {
	return document.getElementById(id).parentElement;
}

// "12,345"
function grouped(number) {
	return number.toLocaleString("en");
}

// Of a long list, its begin and its end.
function shorten(list, gap) {
	return list.length <= 40 ? list : [...list.slice(0, 20), gap, ...list.slice(-10)];
}

function count(number, noun) {
	return grouped(number) + " " + noun + (number === 1 ? "" : "s");
}

// A number and its unit stay on one line.
function unit(...parts) {
	return parts.join("\u00a0");
}

function duration(milliseconds) {
	const seconds = Math.round(milliseconds / 1000), minutes = Math.round(seconds / 60);

	if (milliseconds < 1000)
		return unit(Math.round(milliseconds), "ms");
	if (milliseconds < 59950)
		return unit((milliseconds / 1000).toFixed(1), "s");
	if (seconds < 3600)
		return unit(Math.floor(seconds / 60), "m", seconds % 60, "s");
	return unit(Math.floor(minutes / 60), "h", minutes % 60, "m");
}

function bytes(number) {
	const units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
	let power = 0;

	while (number >= (power ? 999.5 : 1000)) {
		number /= 1000;
		power++;
	}
	return unit(number.toFixed(power && number < 99.95 ? 1 : 0), units[power]);
}

function percent(part, whole) {
	const share = whole ? 100 * part / whole : 0;

	return share && share < 0.1 ? unit("<", "0.1", "%") : unit(share.toFixed(1), "%");
}

function digest(hex) {
	return hex ? make("code", "digest", hex) : "";
}

function button(text, act) {
	return make("button", {type: "button", click: act}, text);
}

// A cell's own attributes, or none.
function cell(tag, column, content) {
	return make(tag, {
		role: tag === "th" ? "rowheader" : "cell",
		scope: tag === "th" && "row",
		class: column.class,
		"data-label": column.title,
	}, content);
}

function row(columns, item) {
	return make("tr", {role: "row"}, columns.map((column, i) =>
		cell(i ? "td" : "th", column, column.show(item))));
}

function heading(column) {
	return make("th", {role: "columnheader", scope: "col", class: column.class}, column.title);
}

// A table of items that shows some, and more on demand. On a narrow screen each row becomes a
// block; the roles say that it still is a table. A column has a title, show(item) and a class.
function table(caption, columns, items, step = 100) {
	const body = make("tbody", {role: "rowgroup"});
	const more = button("", () => extend(10 * step));
	let shown = 0;

	function extend(number) {
		const next = items.slice(shown, shown + number);

		body.append(...next.map((item) => row(columns, item)));
		shown += next.length;
		more.hidden = shown === items.length;
		more.textContent = "Show " + grouped(Math.min(10 * step, items.length - shown)) +
			" more of " + grouped(items.length);
	}
	extend(step);
	return make("div", "listing", make("table", {role: "table"},
		make("caption", "hidden", caption),
		make("thead", {role: "rowgroup"}, make("tr", {role: "row"}, columns.map(heading))),
		body), more);
}
