#!/usr/bin/env python3
"""What docs/walkthrough.md has to run and to compare; its first section explains the marks.

    walkthrough.py extract PAGE FOLDER
        Writes a folder for each block of commands, numbered from 01: `name`, `commands`, and
        `status`, the exit status that they must end with. What the block that follows tells is in
        `output` (lines to be found) or in `session` (steps for console.py). An empty file `long`
        says that the commands take minutes.
    walkthrough.py compare OUTPUT PRINTED
        Fails, and names the first line that is missing, unless all lines of OUTPUT are in PRINTED
        in this order.
"""

import os
import re
import sys

PROMPT = re.compile(r"([~/]\S* # )(.*)")


class Mistake(Exception):
    pass


def blocks_of(lines):
    """Every fenced block: its line number, heading, language, text, and the test's marks."""
    heading, marks, begin = "", "", 0
    for number, line in enumerate(lines, 1):
        if begin:
            if line == "```":
                yield begin, heading, language, "".join(f"{t}\n" for t in text), marks
                marks, begin = "", 0
            else:
                text.append(line)
        elif line.startswith("```"):
            language, text, begin = line[3:], [], number
        elif found := re.fullmatch(r"<!-- test: (.*) -->", line):
            marks = found[1]
        elif marks:
            raise Mistake(f"line {number}: a test's mark belongs right before its block")
        elif line.startswith("## "):
            heading = line[3:]
    if begin:
        raise Mistake(f"line {begin}: this block has no end")


def pattern_of(line):
    """A whole line, in which `...` stands for anything; and how many blanks there are does not
    matter."""
    words = [re.escape(word) for word in re.split(r"(\.\.\.|\s+)", line.strip())]
    for i, word in enumerate(words):
        if word == re.escape("..."):
            words[i] = ".*"
        elif i % 2:
            words[i] = r"[ \t]+"
    return r"^[ \t]*" + "".join(words) + r"[ \t]*$"


def wanted_lines(text):
    return [line for line in text.splitlines() if line.strip() not in ("", "...")]


def session_of(text):
    steps = []
    for line in wanted_lines(text):
        typed = PROMPT.match(line)
        if typed:
            command = typed[2].encode("unicode_escape").decode()
            steps += [f"expect ^{re.escape(typed[1])}$", f"send {command}\\n"]
        else:
            steps.append(f"expect {pattern_of(line)}")
    return "".join(f"{step}\n" for step in steps + ["exit 0"])


def write(folder, name, text):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(text)


def extract(page, folder):
    with open(page, encoding="utf-8") as file:
        lines = file.read().splitlines()
    count, block = 0, None
    for number, heading, language, text, marks in blocks_of(lines):
        if language == "sh":
            count += 1
            block = os.path.join(folder, f"{count:02}")
            os.mkdir(block)
            write(block, "name", f"line {number}, {heading}: {text.splitlines()[0]}\n")
            write(block, "commands", text)
            write(block, "status", "0\n")
            for mark in marks.split(", ") if marks else []:
                name, _, value = mark.partition(" ")
                if name not in ("status", "long"):
                    raise Mistake(f"line {number}: no test knows the mark `{mark}`")
                write(block, name, f"{value}\n")
        elif language in ("text", "console"):
            if not block or marks or not wanted_lines(text):
                raise Mistake(f"line {number}: this tells what no block of commands prints")
            if language == "text":
                write(block, "output", text)
            else:
                write(block, "session", session_of(text))
            block = None
        else:
            raise Mistake(f"line {number}: no test knows what to do with `{language}`")
    if not count:
        raise Mistake(f"{page} has no commands")


def compare(output, printed):
    with open(output, encoding="utf-8") as file:
        wanted = wanted_lines(file.read())
    with open(printed, encoding="utf-8", errors="replace") as file:
        left = file.read()
    for line in wanted:
        found = re.search(pattern_of(line), left, re.MULTILINE)
        if not found:
            raise Mistake(f"`{line}` is not in what was printed after the line before it:\n{left}")
        left = left[found.end() :]


try:
    {"extract": extract, "compare": compare}[sys.argv[1]](*sys.argv[2:])
except Mistake as mistake:
    print(mistake)
    sys.exit(1)
