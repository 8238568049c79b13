"""report.py PAGE LARGE FOLDER: show two reports in Chromium; print what is to be seen, a fact a
line. Pictures are left in the folder: of the second in light and dark, on a desk and a phone."""

import json
import os
import sys

from browser import Browser

TEXTS = "((selector) => [...document.querySelectorAll(selector)].map((e) => e.textContent))"

# Texts whose colour differs too little from what is behind them: WCAG 2.1, 1.4.3 (AA).
FAINT = """(() => {
    const number = (c) => c.match(/[\\d.]+/g).map(Number);
    const light = (c) => (c /= 255, c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    const luminance = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
    const mix = (top, below, share) =>
        top.slice(0, 3).map((c, i) => c * share + below[i] * (1 - share));
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const faint = new Set();
    let seen = 0;
    while (walk.nextNode()) {
        const element = walk.currentNode.parentElement, text = walk.currentNode.data.trim();
        let behind = null, opacity = 1;
        if (!text || element.closest("script, .hidden, [hidden]") ||
                !element.getClientRects().length)
            continue;
        for (let at = element; at && !behind; at = at.parentElement) {
            const color = number(getComputedStyle(at).backgroundColor);
            opacity *= Number(getComputedStyle(at).opacity);
            if (color.length === 3 || color[3] === 1)
                behind = color;
        }
        const ink = mix(number(getComputedStyle(element).color), behind, opacity);
        const [more, less] = [luminance(ink), luminance(behind)].sort((a, b) => b - a);
        if ((more + 0.05) / (less + 0.05) < 4.5)
            faint.add(element.tagName + " " + text.slice(0, 20));
        seen++;
    }
    return seen < 50 ? "too little text" : [...faint].join(", ");
})()"""

# A phone's innerWidth grows with what is too wide.
WIDER = """((width) => [...document.querySelectorAll("*")].filter((e) => e.getClientRects().length &&
    !e.closest(".hidden, .map") && e.getBoundingClientRect().right > width + 0.5)
    .map((e) => e.tagName + " " + e.className).join(", ") ||
    (document.documentElement.scrollWidth > width ? "the page" : ""))"""


def say(fact, value):
    print(f"{fact}: {value or 'none'}", flush=True)


def texts(browser, selector):
    return browser.evaluate(f"{TEXTS}({json.dumps(selector)})")


def rows(browser, section, *columns):
    """The texts of some of the columns of each row."""
    cells = (texts(browser, f"section:has(#{section}) tbody tr > :nth-child({c})") for c in columns)
    return "; ".join(" ".join(row) for row in zip(*cells))


def find_files(browser, text):
    browser.evaluate(f"""(() => {{
        const field = document.getElementById("filter");
        field.value = {json.dumps(text)};
        field.dispatchEvent(new Event("input"));
    }})()""")
    return texts(browser, "section:has(#files) tbody th")


def look(browser, page, folder):
    browser.show(page, 1280, 900)
    browser.picture(os.path.join(folder, "page.png"))
    say("title", browser.evaluate("document.title"))
    say("tasks", ", ".join(sorted(texts(browser, ".gantt .opener"))))
    say("sources", rows(browser, "sources", 1, 2, 3))
    say("outputs", rows(browser, "outputs", 1, 4))
    for text in texts(browser, "h3:not(h3 ~ h3) + .causes li"):
        say("root", text)
    for text in texts(browser, "h3 ~ h3 + .causes li"):
        say("followed", text)
    for name in sorted(find_files(browser, "hostile/")):
        say("file", name)


def look_at_large(browser, page):
    browser.show(page, 1280, 900)
    seconds = browser.work()
    cells = browser.evaluate("document.querySelectorAll('.map .cell').length")
    say("seconds", "few" if 0 < seconds < 3 else seconds)
    say("cells", "few" if 10 < cells < 2000 else cells)
    say("critical", ", ".join(texts(browser, ".gantt .on-path .opener")))
    say("failure", "; ".join(texts(browser, ".failure")).replace("\u00a0", " "))
    say("failed", " ".join(texts(browser, "tr:has(.badge) > th > *")))


def use_keyboard(browser):
    """Enter on a name opens its details and closes them; and goes into a folder and back."""
    browser.evaluate("document.querySelector('.gantt .opener').focus()")
    opened, places = [], []
    for _ in range(2):
        browser.press("Enter", 13)
        opened.append("yes" if browser.evaluate("!!document.querySelector('.details')") else "no")
    browser.evaluate("document.querySelector('.sizes th button').focus()")
    for _ in range(2):
        browser.press("Enter", 13)
        places.append(browser.evaluate("document.querySelector('.crumbs strong').textContent"))
    say("opened", " ".join(opened))
    say("folder", " ".join(places))


def try_screens(browser, page, folder):
    for width, height in ((360, 800), (1280, 900)):
        for dark in (False, True):
            screen = f"{width} {'dark' if dark else 'light'}"
            browser.show(page, width, height, dark)
            browser.evaluate("document.querySelector('.gantt .opener').click()")
            say(screen + " wider", browser.evaluate(f"{WIDER}({width})"))
            say(screen + " faint", browser.evaluate(FAINT))
            say(screen + " page",
                browser.evaluate("getComputedStyle(document.body).backgroundColor"))
            browser.picture(os.path.join(folder, f"{screen}.png"))


def main():
    page, large, folder = sys.argv[1:]
    with Browser() as browser:
        look(browser, page, folder)
        look_at_large(browser, large)
        use_keyboard(browser)
        try_screens(browser, large, folder)
        printed = os.path.join(folder, "page.pdf")
        browser.print(printed)
        say("printed", "yes" if os.path.getsize(printed) > 10000 else "no")
        say("errors", browser.errors)
        shown = ("file://" + page, "file://" + large)
        say("requests", [url for url in browser.requests if url not in shown])


main()
