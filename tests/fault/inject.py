#!/usr/bin/env python3
"""Let each system call of a run fail once, and judge what came of it.

    inject.py FAULT WORK SCENARIO [--all] -- WORD...

FAULT is the compiled fault.c, WORK a folder that the scenario (a Python file beside this) finds
prepared, WORDs what it runs. Each outcome has to be one of two: the run failed, with a message that names what failed
and why, and nothing half done was left; or it succeeded, with the right result. Without --all, an
even choice of the calls is tried, so that it takes about a minute. Prints what was wrong, and last
how many calls it was.
"""
import argparse
import errno
import importlib
import os
import re
import subprocess
import sys

# Of a program's own start and end: no code of ours has begun, or is left; and what has no error.
UNFAILING = {"arch_prctl", "set_tid_address", "set_robust_list", "rseq", "exit", "exit_group",
             "rt_sigreturn", "restart_syscall", "getpid", "gettid", "getppid", "getuid", "geteuid",
             "getgid", "getegid", "umask", "sched_yield"}

# What else than EIO the code may take for something that it is not.
SPECIAL = {
    "openat": ["ENOENT", "EMFILE"], "openat2": ["ENOSYS", "EPERM", "EAGAIN"],
    "mkdirat": ["ENOSPC", "EEXIST"], "write": ["ENOSPC", "EINTR"], "read": ["EINTR"],
    "fchownat": ["EPERM"], "fchown": ["EPERM"], "prctl": ["EPERM", "EINVAL"],
    "keyctl": ["ENOSYS"], "unlinkat": ["ENOENT"], "renameat": ["ENOSPC", "EEXIST"],
    "fsync": ["ENOSPC"], "syncfs": ["ENOSPC"], "getdents64": ["EINTR"], "wait4": ["EINTR"],
    "clone": ["EAGAIN"], "mmap": ["ENOMEM"], "fcntl": ["EMFILE"], "setrlimit": ["EPERM"],
    "prlimit64": ["EPERM"], "flock": ["EINTR"], "ioctl": ["EPERM"], "close": ["EINTR"],
    "poll": ["EINTR"], "copy_file_range": ["EXDEV"], "faccessat": ["ENOENT"],
    "newfstatat": ["ENOENT"], "execve": ["ETXTBSY"], "brk": ["ENOMEM"],
}


def call_names():
    text = subprocess.run(["gcc", "-dM", "-E", "-include", "sys/syscall.h", "-"], text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True).stdout
    return {int(number): name
            for name, number in re.findall(r"#define __NR_(\w+) (\d+)", text)}


class Call:
    """One that the undisturbed run made."""

    def __init__(self, position, line, names):
        words = line.rstrip("\n").split(" ", 4)
        self.position = position
        self.process, self.number, self.count = words[0], int(words[1]), int(words[2])
        self.result, self.text = int(words[3]), words[4]
        self.name = names.get(self.number, "?")

    def __str__(self):
        return f"process {self.process}, {self.name} no. {self.count} {self.text}"


def run(scenario, words):
    """What came of the command under fault.c: status, standard error, the record's lines."""
    scenario.prepare()
    try:
        done = subprocess.run(scenario.prefix + [scenario.fault, words[0], scenario.record_inside]
                              + words[1:] + ["--"] + scenario.command, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                              env=scenario.environment, check=False)
    except subprocess.TimeoutExpired:
        return -1, "", []
    with open(scenario.record, encoding="utf-8", errors="replace") as record:
        return done.returncode, done.stderr.decode(errors="replace"), record.readlines()


def judge(scenario, call, error, is_late):
    status, message, record = run(scenario, ["fail", call.process, str(call.number),
                                             str(call.count), str(getattr(errno, error))])
    if status == -1:
        return "it hung"
    if "left\n" in record:
        return "it left a process behind"
    if status == 0:
        problem = scenario.check_success(message)
    elif status not in (1, 2, 3):
        problem = f"exit status {status}: {message}"
    else:
        problem = scenario.check_failure(message, is_late)
    again = scenario.check_again()
    return problem or again


def choose(cases, most):
    """An even choice, the same each time."""
    if len(cases) <= most:
        return cases
    return [cases[i * len(cases) // most] for i in range(most)]


def all_cases(calls):
    for call in calls:
        for error in ["EIO"] + SPECIAL.get(call.name, []):
            yield call, error


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("fault")
    parser.add_argument("work")
    parser.add_argument("scenario")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--most", type=int, default=400)
    parser.add_argument("--only", help="cases whose description has this in it")
    end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    options = parser.parse_args(sys.argv[1:end])
    sys.dont_write_bytecode = True
    module = importlib.import_module(options.scenario)
    scenario = module.Scenario(options.fault, options.work, sys.argv[end + 1:])

    status, message, record = run(scenario, ["list"])
    if status:
        sys.exit(f"undisturbed: exit status {status}: {message}")
    names = call_names()
    calls = [Call(i, line, names) for i, line in enumerate(record)]
    scenario.learn(calls)
    kept = [call for call in calls if call.name not in UNFAILING and scenario.counts(call)]
    cases = list(all_cases(kept))
    if options.only:
        cases = [case for case in cases if options.only in f"{case[0]}: {case[1]}"]
    if not options.all:
        cases = choose(cases, options.most)
    wrong = 0
    for call, error in cases:
        problem = judge(scenario, call, error, scenario.is_late(call))
        if problem:
            wrong += 1
            print(f"{call}: {error}: {problem}", flush=True)
    print(f"{len(cases)} of {len(kept)} calls failed, {wrong} came out wrong")
    sys.exit(1 if wrong or not cases else 0)


if __name__ == "__main__":
    main()
