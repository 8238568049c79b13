#!/usr/bin/env python3
"""Run a command on a terminal and look at what the screen shows, as the steps on standard input
say.

    screen.py SECONDS ROWSxCOLUMNS COMMAND... <STEPS

One step a line; empty lines and those that begin with # are none:

    expect REGEX     wait until the screen shows this (^ and $ match at line ends)
    expects TEXT     the same for a text
    gone REGEX       wait until it does not show it any more
    resize ROWSxCOLUMNS [cut]
                     as a terminal does that wraps its lines anew, or one that cuts them
    send TEXT        type this; \\n, \\x03 and the like as in Python
    type TEXT        put a line on the screen, as if another program had
    exists PATH      wait until there is such a file, reading nothing
    signal NAME      send the command's process this signal, as INT
    exit N           wait until the command ended, with this exit status (-N: by signal N)
    last REGEX       the last line that is not empty, scrolled ones included, matches
    shows REGEX      this stands in what is shown, or what has scrolled away
    once REGEX       in one line of these alone
    lacks REGEX      it does not
    never REGEX      from here on, fails as soon as the screen shows it
    raw REGEX        this is in the bytes that were printed
    noraw REGEX      it is not
    bytes N          at most so many were printed
    wraps N          at most so many lines were too long for the screen
    show             print what is shown

SECONDS limits the whole run. On failure what the screen shows is printed; the command is killed.
"""

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
import unicodedata

# The little of a terminal's language that is spoken here. Anything else is an error.
SEQUENCE = re.compile(r"\x1b(?:\[([0-9;?]*)([A-Za-z])|.)")


class Failure(Exception):
    pass


def width_of(character):
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class Line:
    """A row of cells; a wide character takes a second, empty one. `goes_on`: its text does not
    end here but on the next row."""

    def __init__(self, cells=()):
        self.cells = list(cells)
        self.goes_on = False

    def text(self):
        return "".join(self.cells).rstrip()


class Screen:
    def __init__(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.scrolled = []
        self.lines = [Line()]
        self.row = self.column = 0
        self.wraps = 0
        self.unread = ""

    def current(self):
        return self.lines[self.row]

    def down(self):
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append(Line())
        if self.row == self.rows:
            self.scrolled.append(self.lines.pop(0))
            self.row -= 1

    def put(self, character):
        width = width_of(character)
        if not width:
            return
        if self.column + width > self.columns:
            self.current().goes_on = True
            self.wraps += 1
            self.down()
            self.column = 0
        cells = self.current().cells
        cells.extend(" " * (self.column + width - len(cells)))
        cells[self.column : self.column + width] = [character] + [""] * (width - 1)
        self.column += width

    def control(self, match):
        numbers, verb = match.groups()
        if verb is None:
            raise Failure(f"the terminal was sent {match.group()!r}")
        # Behind the last column the cursor still stands on it.
        column = min(self.column, self.columns - 1)
        if verb == "m":
            return
        if verb == "A":
            self.row = max(0, self.row - int(numbers or 1))
        elif verb == "K" and numbers in ("", "0"):
            del self.current().cells[column:]
            self.current().goes_on = False
        elif verb == "J" and numbers in ("", "0"):
            del self.current().cells[column:]
            self.current().goes_on = False
            del self.lines[self.row + 1 :]
        else:
            raise Failure(f"the terminal was sent {match.group()!r}")

    def write(self, text):
        text = self.unread + text
        at = 0
        while at < len(text):
            character = text[at]
            if character == "\x1b":
                match = SEQUENCE.match(text, at)
                if not match:
                    break
                self.control(match)
                at = match.end()
                continue
            at += 1
            if character == "\n":
                self.down()
            elif character == "\r":
                self.column = 0
            elif character == "\t":
                self.column = min(self.columns - 1, self.column // 8 * 8 + 8)
            elif ord(character) < 32 or 127 <= ord(character) < 160:
                raise Failure(f"the terminal was sent {character!r}")
            else:
                self.put(character)
        self.unread = text[at:]

    def resize(self, rows, columns, cuts):
        """The cursor is behind the last line of text, where this program leaves it."""
        if cuts:
            for line in self.lines:
                del line.cells[columns:]
        else:
            self.wrap_again(columns)
        self.rows, self.columns = rows, columns
        while len(self.lines) > rows:
            self.scrolled.append(self.lines.pop(0))
            self.row -= 1
        self.row = max(0, self.row)
        self.column = min(self.column, columns - 1)

    def wrap_again(self, columns):
        wrapped = []
        for line in self.lines:
            if wrapped and wrapped[-1].goes_on:
                wrapped[-1].cells.extend(line.cells)
                wrapped[-1].goes_on = line.goes_on
            else:
                wrapped.append(Line(line.cells))
                wrapped[-1].goes_on = line.goes_on
        self.lines = []
        for index, line in enumerate(wrapped):
            pieces = range(0, max(1, len(line.text())), columns)
            for start in pieces:
                self.lines.append(Line(line.cells[start : start + columns]))
                self.lines[-1].goes_on = start != pieces[-1]
        self.row = len(self.lines) - 1

    def shown(self):
        return "\n".join(line.text() for line in self.lines)

    def all(self):
        return "\n".join(line.text() for line in self.scrolled + self.lines)


class Session:
    def __init__(self, seconds, size, command):
        self.deadline = time.monotonic() + seconds
        self.screen = Screen(*size)
        self.raw = b""
        self.forbidden = []
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        ready, self.go = os.pipe()
        self.pid, self.fd = pty.fork()
        if not self.pid:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)  # whoever has us run may ignore them
            os.read(ready, 1)  # until the terminal has its size
            os.execvp(command[0], command)
        self.set_size(*size)
        os.write(self.go, b"x")

    def set_size(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self):
        left = self.deadline - time.monotonic()
        if left <= 0 or not select.select([self.fd], [], [], left)[0]:
            raise Failure("the time is up")
        try:
            chunk = os.read(self.fd, 65536)
        except OSError:  # what Linux says when nobody has the terminal open any more
            chunk = b""
        self.raw += chunk
        self.screen.write(self.decoder.decode(chunk))
        for regex in self.forbidden:
            if re.search(regex, self.screen.shown(), re.MULTILINE):
                raise Failure(f"{regex} appeared")
        return bool(chunk)

    def never(self, regex):
        self.forbidden.append(regex)

    def expect(self, regex):
        while not re.search(regex, self.screen.shown(), re.MULTILINE):
            if not self.read():
                raise Failure("it ended before")

    def expects(self, text):
        self.expect(re.escape(text))

    def gone(self, regex):
        while re.search(regex, self.screen.shown(), re.MULTILINE):
            if not self.read():
                raise Failure("it ended before")

    def resize(self, argument):
        size, _, how = argument.partition(" ")
        rows, columns = parse_size(size)
        self.screen.resize(rows, columns, how == "cut")
        self.set_size(rows, columns)

    def send(self, text):
        os.write(self.fd, codecs.decode(text, "unicode_escape").encode("latin-1"))

    def type(self, text):
        self.screen.write(text + "\r\n")

    def exists(self, path):
        while not os.path.exists(path):
            if time.monotonic() > self.deadline:
                raise Failure("the time is up")
            time.sleep(0.05)

    def signal(self, name):
        os.kill(self.pid, getattr(signal, "SIG" + name))
        if name == "STOP":
            while select.select([self.fd], [], [], 0.3)[0]:
                self.read()

    def exit(self, wanted):
        while self.read():
            pass
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self.pid = 0
        if status != int(wanted):
            raise Failure(f"its exit status was {status}")

    def last(self, regex):
        lines = [line for line in self.screen.all().split("\n") if line]
        if not lines or not re.search(regex, lines[-1]):
            raise Failure("it does not")

    def shows(self, regex):
        if not re.search(regex, self.screen.all(), re.MULTILINE):
            raise Failure("it is not there")

    def once(self, regex):
        found = re.findall(regex, self.screen.all(), re.MULTILINE)
        if len(found) != 1:
            raise Failure(f"it is there {len(found)} times")

    def lacks(self, regex):
        if re.search(regex, self.screen.all(), re.MULTILINE):
            raise Failure("it is there")

    def raw_has(self, regex):
        if not re.search(regex.encode(), self.raw):
            raise Failure("it is not in " + repr(self.raw[-2000:]))

    def raw_lacks(self, regex):
        if re.search(regex.encode(), self.raw):
            raise Failure("it is in " + repr(self.raw[-2000:]))

    def bytes(self, limit):
        if len(self.raw) > int(limit):
            raise Failure(f"there are {len(self.raw)}")

    def wraps(self, limit):
        if self.screen.wraps > int(limit):
            raise Failure(f"there are {self.screen.wraps}")

    def show(self, _):
        print(self.screen.shown())

    def kill(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


def parse_size(text):
    rows, columns = text.split("x")
    return int(rows), int(columns)


def main():
    session = Session(float(sys.argv[1]), parse_size(sys.argv[2]), sys.argv[3:])
    renamed = {"raw": "raw_has", "noraw": "raw_lacks"}
    for line in sys.stdin:
        step = line.strip()
        if not step or step.startswith("#"):
            continue
        verb, _, argument = step.partition(" ")
        try:
            getattr(session, renamed.get(verb, verb))(argument)
        except Failure as failure:
            print(f"{step}: {failure}; the screen shows:\n{session.screen.all()}")
            session.kill()
            sys.exit(1)
    session.kill()


main()
