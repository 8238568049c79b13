"""One command in minsys-sandbox: either it did not run, or the sandbox was whole; and the next one is
whole, over what this one left.

WORK has a tools root in `tools`, with BusyBox in bin/ under all its names. The rest of the words are
the path of minsys-sandbox and options of it.
"""
import os
import re
import shutil
import subprocess

# What root gives its steps: see confine_reserved_uid().
RESERVED_UIDS = range(0x70000000, 0x80000000)

# What a step can see of its sandbox. Whoever cannot is not in a whole one.
LOOK = r"""
{
	id; hostname; umask; pwd; env
	grep -E '^(NoNewPrivs|Seccomp|Cap|Groups|Sig[BIC]|Uid|Gid|TracerPid)' /proc/self/status |
		grep -v -e '^TracerPid:.0' -e '^TracerPid:.[1-9]'
	sed 's/^[0-9]* [0-9]* [^ ]* //; s/ - .*//' /proc/self/mountinfo | sed "s|$OUTSIDE|outside|"
	cat /proc/self/limits
	for fd in /proc/self/fd/*; do [ ! -e "$fd" ] || echo "${fd##*/}"; done
	readlink /proc/self/fd/0
	for kind in user mnt pid net ipc uts cgroup; do
		case $HOST in *"$(readlink /proc/self/ns/$kind)"*) echo "shares $kind" ;; esac
	done
	mkdir /tools-changed /minsys/changed /dev/changed; kill -9 "$ELSE"; cat /proc/1/environ
} >canary 2>&1
exit 0
"""

# Init has no other way to tell.
WITHOUT_A_CAUSE = "minsys-sandbox: the sandbox ended and could not tell how it went"


class Scenario:
    def __init__(self, fault, work, rest):
        self.work = work
        self.fault = fault
        self.prefix = []
        self.record = self.record_inside = f"{work}/record"
        self.environment = None
        self.out = f"{work}/out"
        host = " ".join(os.readlink(f"/proc/self/ns/{kind}")
                        for kind in ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup"))
        self.command = rest + [
            "--root", f"{work}/tools", "--rw", f"{self.out}:/minsys/out", "--chdir",
            "/minsys/out", "--setenv", f"HOST={host}", "--setenv", "ELSE=1", "--setenv",
            f"OUTSIDE={work}", "--setenv", "PATH=/bin", "--", "/bin/busybox", "sh", "-c", LOOK]

    def prepare(self):
        shutil.rmtree(self.out, ignore_errors=True)
        os.mkdir(self.out)

    def read(self):
        try:
            with open(f"{self.out}/canary", encoding="utf-8", errors="replace") as canary:
                # The mode of the host's /proc/self/limits that a user's own limits may lower.
                return canary.read()
        except FileNotFoundError:
            return None

    def learn(self, calls):
        self.whole = self.read()
        # What path it is cannot be read of a process that has made itself undumpable.
        step = next(call for call in calls if call.name == "execve" and call.process != "0" and
                    call.result == 0)
        self.start, self.step = step.position, step.process
        assert self.whole and "NoNewPrivs:\t1" in self.whole, self.whole

    def counts(self, call):
        """The step's own calls are its own matter, and so is the C library's first second."""
        if call.process.startswith(self.step + "."):
            return False
        if call.process == self.step:
            return call.position <= self.start
        return not (call.process == "0" and call.name in ("execve", "brk", "mprotect"))

    def is_late(self, call):
        return call.position > self.start

    def check_success(self, message):
        found = self.read()
        if found == self.whole:
            return None
        if found is None:
            return "it succeeded, but the command did not run"
        return "the command ran in another sandbox:\n" + "\n".join(
            sorted(set(found.splitlines()) ^ set(self.whole.splitlines())))

    def check_failure(self, message, is_late):
        if not re.match(r"minsys-sandbox: \S.+: \S|" + WITHOUT_A_CAUSE, message):
            return f"the message is no good: {message!r}"
        if self.read() is not None and not is_late:
            return f"it failed ({message.strip()}), but the command ran"
        return None

    def check_again(self):
        """What the run left, a folder that it may have given away, is good for the next."""
        if self.read() is not None:
            os.remove(f"{self.out}/canary")
        done = subprocess.run(self.prefix + self.command, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120,
                              env=self.environment, check=False)
        if done.returncode:
            return "the next one failed: " + done.stdout.decode(errors="replace")
        wrong = self.check_success("")
        if wrong:
            return "the next one: " + wrong
        # The one who called keeps what is written, or a uid that nobody else has holds it.
        owners = {os.lstat(path).st_uid for path in (self.out, f"{self.out}/canary")}
        owner = owners.pop()
        if owners or not self.may_own(owner):
            return f"out belongs to uid {owner}, and its file to {owners or owner}"
        return None

    def may_own(self, uid):
        return uid == os.geteuid() if os.geteuid() else uid in RESERVED_UIDS
