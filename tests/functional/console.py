#!/usr/bin/env python3
"""Run a command on a terminal of its own and talk to it, as the steps on standard input say.

    console.py SECONDS COMMAND... <STEPS

One step a line; empty lines and those that begin with # are none:

    expect REGEX   wait until this appears behind what the last step matched (^ and $ match at
                   line ends; terminal colours and carriage returns are taken out)
    send TEXT      type this; \\n, \\x03 and the like as in Python
    exit N         wait until the command ended, with this exit status
    never REGEX    fails when this appears in anything that was printed so far
    size ROWS COLS make the terminal so large
    raw            wait until the terminal passes keys on as they are
    signal NAME    send the command SIGNAME
    run COMMAND    run a command of the shell beside it
    hang up        take the terminal away; nothing but `exit` can follow

SECONDS limits the whole run. On failure all that was printed is shown; the command is killed.
"""

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time


class Failure(Exception):
    pass


class Console:
    def __init__(self, seconds, command):
        self.deadline = time.monotonic() + seconds
        self.text = ""
        self.raw = b""
        self.matched = 0
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.execvp(command[0], command)

    def read(self):
        """Add what it prints next to the text; False at its end."""
        left = self.deadline - time.monotonic()
        if left <= 0 or not select.select([self.fd], [], [], left)[0]:
            raise Failure("the time is up")
        try:
            chunk = os.read(self.fd, 65536)
        except OSError:  # what Linux says when nobody has the terminal open any more
            chunk = b""
        self.raw += chunk
        text = self.raw.decode("utf-8", "replace")
        self.text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", text)
        return bool(chunk)

    def expect(self, regex):
        while True:
            found = re.compile(regex, re.MULTILINE).search(self.text, self.matched)
            if found:
                self.matched = found.end()
                return
            if not self.read():
                raise Failure("it ended before")

    def send(self, text):
        os.write(self.fd, codecs.decode(text, "unicode_escape").encode("latin-1"))

    def size(self, words):
        rows, columns = words.split()
        size = struct.pack("HHHH", int(rows), int(columns), 0, 0)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, size)

    def raw_mode(self, _):
        while termios.tcgetattr(self.fd)[3] & (termios.ICANON | termios.ECHO):
            if time.monotonic() > self.deadline:
                raise Failure("the time is up")
            time.sleep(0.01)

    def signal(self, name):
        os.kill(self.pid, getattr(signal, "SIG" + name))

    def run(self, command):
        subprocess.run(command, shell=True, check=True)

    def hang(self, _):
        os.close(self.fd)
        self.fd = -1

    def exit(self, wanted):
        while self.fd >= 0 and self.read():
            pass
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self.pid = 0
        if status != int(wanted):
            raise Failure(f"its exit status was {status}")

    def never(self, regex):
        if re.search(regex, self.text, re.MULTILINE):
            raise Failure("it appeared")

    def kill(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


def main():
    console = Console(float(sys.argv[1]), sys.argv[2:])
    verbs = {
        "expect": console.expect,
        "send": console.send,
        "exit": console.exit,
        "never": console.never,
        "size": console.size,
        "raw": console.raw_mode,
        "signal": console.signal,
        "run": console.run,
        "hang": console.hang,
    }
    for line in sys.stdin:
        step = line.strip()
        if not step or step.startswith("#"):
            continue
        verb, _, argument = step.partition(" ")
        try:
            verbs[verb](argument)
        except Failure as failure:
            print(f"{step}: {failure}; what was printed:\n{console.text}")
            console.kill()
            sys.exit(1)
    console.kill()


main()
