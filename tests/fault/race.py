#!/usr/bin/env python3
"""Swap a folder for a link to another one between any two system calls of a run.

    race.py FAULT WORK VICTIM [--most N] -- COMMAND...

FAULT is the compiled fault.c. VICTIM is a pattern of paths, of which the first that is a folder
becomes a link to WORK/host, before each call in turn that COMMAND makes while one is there. Before
each run the shell script WORK/prepare is run. Whatever COMMAND does then, nothing of WORK/host may
change, and what its file `a` holds, a secret, may not come to stand in WORK/store/trees. Prints
what was wrong, and last how many calls it was.
"""
import argparse
import hashlib
import os
import subprocess
import sys

import inject


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
        return subprocess.run([self.fault, words[0], self.record] + words[1:] + ["--"] +
                              self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=120, check=False)

    def try_at(self, call):
        before = look(self.host)
        done = self.run(["run", call.process, str(call.number), str(call.count), self.swap])
        found = holds(f"{self.work}/store/trees", self.secret)
        if look(self.host) != before:
            return f"what is outside has changed: {done.stdout.decode(errors='replace')}"
        if found:
            return f"the secret is in {found}"
        if done.returncode not in (0, 1, 2, 3):
            return f"exit status {done.returncode}: {done.stdout.decode(errors='replace')}"
        return None


def main():
    parser = argparse.ArgumentParser()
    for name in ("fault", "work", "victim"):
        parser.add_argument(name)
    parser.add_argument("--most", type=int, default=100)
    end = sys.argv.index("--")
    race = Race(parser.parse_args(sys.argv[1:end]), sys.argv[end + 1:])
    most = parser.parse_args(sys.argv[1:end]).most
    done = race.run(["list"])
    if done.returncode:
        sys.exit(f"undisturbed: exit status {done.returncode}: {done.stdout.decode()}")
    names = inject.call_names()
    with open(race.record, encoding="utf-8", errors="replace") as record:
        calls = [inject.Call(i, line, names) for i, line in enumerate(record)]
    # Only those that are about a path can be led astray.
    calls = inject.choose([call for call in calls if call.text and call.name != "execve"], most)
    wrong = 0
    for call in calls:
        problem = race.try_at(call)
        if problem:
            wrong += 1
            print(f"before {call}: {problem}", flush=True)
    with open(f"{race.work}/swaps", encoding="ascii") as swaps:
        count = len(swaps.readlines())
    print(f"{count} times of {len(calls)} it was swapped, {wrong} came out wrong")
    sys.exit(1 if wrong or count < 3 else 0)


if __name__ == "__main__":
    main()
