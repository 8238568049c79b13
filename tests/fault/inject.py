#!/usr/bin/env python3
"""Let each system call of a run fail once, and judge what came of it.

    inject.py FAULT WORK SCENARIO [--all] -- WORD...

FAULT is the compiled fault.c, WORK a folder that the scenario (a Python file beside this) finds
prepared, WORDs what it runs. Each outcome has to be one of two: the run failed, with a message that
names what failed and why, and nothing half done was left; or it succeeded, with the right result.
Without --all, an even choice of the calls is tried, so that it takes about a minute. Prints what was
wrong, and last how many calls it was. A call that a run did not come to, as threads and timed polls
make them differ, proves nothing: too many of these are a failure too.
"""
import argparse
import errno
import importlib
import os
import re
import subprocess
import sys

# Of a program's own start and end: no code of ours has begun, or is left; what has no error; and
# futex, with errors that say when to look again: libc ends a program for any other.
UNFAILING = {"arch_prctl", "set_tid_address", "set_robust_list", "rseq", "exit", "exit_group",
             "rt_sigreturn", "restart_syscall", "getpid", "gettid", "getppid", "getuid", "geteuid",
             "getgid", "getegid", "umask", "sched_yield", "futex"}

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

# The share of calls that a run may not come to.
MOST_MISSED = 0.05


def call_names():
    text = subprocess.run(["gcc", "-dM", "-E", "-include", "sys/syscall.h", "-"], text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True).stdout
    return {int(number): name
            for name, number in re.findall(r"#define __NR_(\w+) (\d+)", text)}


class Call:
    """One that the undisturbed run made."""

    def __init__(self, position, line, names):
        words = line.rstrip("\n").split(" ", 5)
        self.position = position
        self.process, self.number, self.count = words[0], int(words[1]), int(words[2])
        self.result, self.is_there, self.text = int(words[3]), words[4] == "1", words[5]
        self.name = names.get(self.number, "?")

    def __str__(self):
        return f"process {self.process}, {self.name} no. {self.count} {self.text}"


class Programs:
    """Those that the command started, and all that came of them."""

    def __init__(self, calls):
        self.begins = {}
        for call in calls:
            if call.name == "execve" and not call.result and call.process != "0":
                self.begins.setdefault(call.process, call.position)

    def made(self, call):
        return any(call.process.startswith(process + ".") or
                   call.process == process and call.position > position
                   for process, position in self.begins.items())


def run(scenario, words):
    """What came of the command under fault.c: status, standard error, the record's lines."""
    scenario.prepare()
    try:
        done = subprocess.run(scenario.prefix + [scenario.fault, words[0], scenario.record_inside]
                              + words[1:] + ["--"] + scenario.command, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                              env=scenario.environment, check=False)
        status, message = done.returncode, done.stderr.decode(errors="replace")
    except subprocess.TimeoutExpired:
        status, message = -1, ""
    with open(scenario.record, encoding="utf-8", errors="replace") as record:
        return status, message, record.readlines()


def judge(scenario, call, error, is_late):
    """Did the call fail, and what was wrong?"""
    status, message, record = run(scenario, ["fail", call.process, str(call.number),
                                             str(call.count), str(getattr(errno, error))])
    reached = "reached\n" in record
    if status == -1:
        return reached, "it hung"
    if "left\n" in record:
        return reached, "it left a process behind"
    if status == 0:
        problem = scenario.check_success(message)
    elif status not in (1, 2, 3):
        problem = f"exit status {status}: {message}"
    else:
        problem = scenario.check_failure(message, is_late)
    again = scenario.check_again()
    return reached, problem or again


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
    wrong, missed = 0, []
    for call, error in cases:
        reached, problem = judge(scenario, call, error, scenario.is_late(call))
        if not reached:
            missed.append(f"{call}: {error}")
        if problem:
            wrong += 1
            print(f"{call}: {error}: {problem}", flush=True)
    too_many = len(missed) > len(cases) * MOST_MISSED or len(missed) == len(cases)
    if too_many:
        print("not reached:", *missed, sep="\n")
    print(f"{len(cases) - len(missed)} calls failed, of {len(kept)}, {wrong} came out wrong, "
          f"{len(missed)} were not reached")
    sys.exit(1 if wrong or too_many else 0)


if __name__ == "__main__":
    main()
