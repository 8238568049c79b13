#!/usr/bin/env python3
"""Swap a folder for a link to another one between any two system calls of a run.

    race.py FAULT WORK VICTIM [--most N] [--refuse-openat2 ERROR] -- COMMAND...

FAULT is the compiled fault.c. VICTIM is a path with a star as one of its parts; the first folder
that it matches becomes a link to WORK/host, before each call in turn that COMMAND makes while one is
there: N of them, without those of a step. Before each run the shell script WORK/prepare is run.
Whatever COMMAND does then, nothing of WORK/host may change, and what its file `a` holds, a secret,
may neither come to stand in WORK/store/trees nor be printed. Prints what was wrong, and last how many
calls it was. Where the folder was still there in too few of the runs, that is a failure too.
"""
import argparse
import errno
import hashlib
import os
import subprocess
import sys

import inject

# The share of the runs in which the folder has to be there.
LEAST_SWAPPED = 0.8


def look(folder):
    """All that can be seen of a folder but when it was read."""
    digest = hashlib.sha256()
    for path, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted([path] + [f"{path}/{name}" for name in files]):
            status = os.lstat(name)
            digest.update(repr((name, status.st_mode, status.st_uid, status.st_mtime_ns,
                                status.st_nlink)).encode())
            if os.path.isfile(name):
                with open(name, "rb") as file:
                    digest.update(file.read())
    return digest.hexdigest()


def holds(folder, secret):
    for path, _, files in os.walk(folder):
        for name in files:
            if not os.path.islink(f"{path}/{name}"):
                with open(f"{path}/{name}", "rb") as file:
                    if secret in file.read():
                        return f"{path}/{name}"
    return None


class Race:
    def __init__(self, options, command):
        self.work, self.fault, self.command = options.work, options.fault, command
        self.victim = options.victim
        self.refused = getattr(errno, options.refuse_openat2 or "", 0)
        self.host, self.record = f"{options.work}/host", f"{options.work}/record"
        self.swap = f"""
            for victim in {options.victim}; do
                [ -d "$victim" ] && [ ! -L "$victim" ] || continue
                mv "$victim" "{self.work}/swapped" && ln -s "{self.host}" "$victim" || exit 1
                echo swapped >>"{self.work}/swaps"
                exit
            done
            exit 0"""
        with open(f"{self.host}/a", "rb") as file:
            self.secret = file.read()

    def run(self, words):
        subprocess.run(["sh", f"{self.work}/prepare"], check=True)
        refusal = ["--refuse-openat2", str(self.refused)] if self.refused else []
        return subprocess.run([self.fault] + refusal + [words[0], self.record] + words[1:] +
                              ["--"] + self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=120, check=False)

    def calls(self):
        """Those before which the folder could be swapped, and anything come of that."""
        done = self.run(["list", self.victim])
        if done.returncode:
            sys.exit(f"undisturbed: exit status {done.returncode}: {done.stdout.decode()}")
        names = inject.call_names()
        with open(self.record, encoding="utf-8", errors="replace") as record:
            calls = [inject.Call(i, line, names) for i, line in enumerate(record)]
        results = {call.result for call in calls if call.name == "openat2"}
        if not results or self.refused and results != {-self.refused}:
            sys.exit(f"undisturbed: openat2 returned {results}")
        steps = inject.Programs(calls)
        # Only those that are about a path can be led astray.
        return [call for call in calls if call.is_there and call.text and
                call.name != "execve" and not steps.made(call)]

    def choose(self, calls, most):
        """Half of them, where there are so many, are those that name the folder."""
        own = [call for call in calls
               if os.path.basename(self.victim) in call.text.split("/")]
        chosen = inject.choose(own, most // 2)
        rest = [call for call in calls if call not in own]
        return chosen + inject.choose(rest, most - len(chosen))

    def try_at(self, call):
        before = look(self.host)
        done = self.run(["run", call.process, str(call.number), str(call.count), self.swap])
        printed = done.stdout.decode(errors="replace")[:2000]
        found = holds(f"{self.work}/store/trees", self.secret)
        if look(self.host) != before:
            return f"what is outside has changed: {printed}"
        if found:
            return f"the secret is in {found}"
        if self.secret in done.stdout:
            return f"the secret was read: {printed}"
        if done.returncode not in (0, 1, 2, 3):
            return f"exit status {done.returncode}: {printed}"
        return None


def main():
    parser = argparse.ArgumentParser()
    for name in ("fault", "work", "victim"):
        parser.add_argument(name)
    parser.add_argument("--most", type=int, default=100)
    parser.add_argument("--refuse-openat2", help="with this error, say ENOSYS")
    end = sys.argv.index("--")
    options = parser.parse_args(sys.argv[1:end])
    race = Race(options, sys.argv[end + 1:])
    there = race.calls()
    calls = race.choose(there, options.most)
    wrong = 0
    for call in calls:
        problem = race.try_at(call)
        if problem:
            wrong += 1
            print(f"before {call}: {problem}", flush=True)
    count = 0
    if os.path.exists(f"{race.work}/swaps"):
        with open(f"{race.work}/swaps", encoding="ascii") as swaps:
            count = len(swaps.readlines())
    print(f"{count} times of {len(calls)}, of {len(there)}, it was swapped, {wrong} came out wrong")
    sys.exit(1 if wrong or not count or count < len(calls) * LEAST_SWAPPED else 0)


if __name__ == "__main__":
    main()
