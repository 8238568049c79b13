#!/usr/bin/env python3
"""sandbox.py [RUNS]: what starting a sandbox costs, under both isolations, against bubblewrap.

bubblewrap gives about the same as isolation userns (new namespaces, the same binds and devices, no
survivor), but fewer refusals; it also brings the loopback interface up, which cannot be left out. All run a program that only exits; runs alternate, and the medians
are compared. Isolation landlock runs where it can, in a root of its own; started by root, it gives
each step a uid of its own, as in `docker build`. What an ordinary user has is done as `nobody` when
root runs this. Exit status 1 when a ratio is out of its bound.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

BIN = os.environ.get("BIN") or os.path.realpath(os.path.dirname(__file__) + "/../../out/bin")
BOUND = 0.8
PLACES = [f"/minsys/{n}" for n in range(7)]  # the first is writable
CONTAINER = """
mount --bind "$1" "$1"
mount --rbind /proc "$1/proc"
mount --rbind /dev "$1/dev"
exec python3 "$0" --worker "$1"
"""


def worker(root):
    """Time each command that comes in on a line, in its own root."""
    if root:
        os.chroot(root)
        os.chdir("/")
    for line in sys.stdin:
        command = json.loads(line)
        began = time.perf_counter()
        pid = os.posix_spawn(command[0], command, {})
        status = os.waitpid(pid, 0)[1]
        print(json.dumps([status, time.perf_counter() - began]), flush=True)


def start(command, **how):
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, **how
    )


def milliseconds(process, command):
    process.stdin.write(json.dumps(command) + "\n")
    status, seconds = json.loads(process.stdout.readline())
    if status:
        sys.exit(f"{command[0]} failed")
    return 1000 * seconds


def make_root(work):
    root = f"{work}/root"
    for folder in ("bin", "etc", "proc", "dev", "tmp"):
        os.makedirs(f"{root}/{folder}")
    for place in PLACES:
        os.makedirs(root + place)
    with open(f"{root}/etc/minsys-tools-root", "w"):
        pass
    with open(f"{work}/true.c", "w") as file:
        file.write("int main(void) { return 0; }\n")
    subprocess.run(["gcc", "-O2", "-static", "-o", f"{root}/bin/true", f"{work}/true.c"], check=True)
    shutil.copy(f"{BIN}/minsys-sandbox", f"{root}/bin")
    return root


def commands(root, bwrap):
    sandbox = "/bin/minsys-sandbox"
    userns = [root + sandbox, "--root", root]
    landlock = [sandbox, "--isolation", "landlock", "--root", "/"]
    theirs = [bwrap, "--unshare-all", "--die-with-parent", "--ro-bind", root, "/", "--proc", "/proc",
              "--tmpfs", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/minsys"]
    for device in ("null", "zero", "full", "random", "urandom"):
        theirs += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
    for place in PLACES:
        ours = "--rw" if place == PLACES[0] else "--ro"
        userns += [ours, f"{root}{place}:{place}"]
        landlock += [ours, f"{place}:{place}"]
        theirs += ["--bind" if ours == "--rw" else "--ro-bind", root + place, place]
    return {"bwrap": theirs + ["/bin/true"], "userns": userns + ["--", "/bin/true"],
            "landlock": landlock + ["--", "/bin/true"]}


def main(runs):
    bwrap = shutil.which("bwrap") or sys.exit("bwrap (package bubblewrap) is not installed")
    is_root = os.getuid() == 0
    with tempfile.TemporaryDirectory(prefix="minsys-bench.") as work:
        os.chmod(work, 0o755)
        root = make_root(work)
        if is_root:
            os.chown(root + PLACES[0], 65534, 65534)
        # Not sys.executable, which may be the caller's own.
        this = [shutil.which("python3", path="/usr/bin:/bin"), os.path.realpath(__file__)]
        host = start([*this, "--worker", ""],
                     **({"user": 65534, "group": 65534, "extra_groups": []} if is_root else {}))
        container = start(["unshare", "--mount", *([] if is_root else ["--map-root-user"]),
                           "sh", "-euc", CONTAINER, this[1], root])
        measured = {}
        for turn in range(runs + 3):  # the first ones warm up
            for name, command in commands(root, bwrap).items():
                process = container if name == "landlock" else host
                measured.setdefault(name, []).append(milliseconds(process, command))
        for process in (host, container):
            process.stdin.close()
            process.wait()
    medians = {name: statistics.median(times[3:]) for name, times in measured.items()}
    for name, times in measured.items():
        print(f"{name:9} median {medians[name]:6.2f} ms, fastest {min(times[3:]):6.2f} ms, "
              f"{medians[name] / medians['bwrap']:.2f} of bwrap's")
    if os.getloadavg()[0] > os.cpu_count():
        print(f"the machine is busy (load {os.getloadavg()[0]:.1f}): this measures its scheduler")
    slow = [name for name in ("userns", "landlock") if medians[name] > BOUND * medians["bwrap"]]
    print(f"{'BAD' if slow else 'ok '} starting a sandbox, at most {BOUND:g} of bwrap's: {runs} runs each")
    sys.exit(1 if slow else 0)


if sys.argv[1:2] == ["--worker"]:
    worker(sys.argv[2])
else:
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
