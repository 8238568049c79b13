#!/usr/bin/env python3
"""make bench: minsys against the same commands typed by hand (lab.sh).

run.py [FIGURE]...: cold, nothing, many, ccache, edit, boot, images, unpack, hash, memory, sandbox,
docker; default: all, but docker only where an engine answers to $DOCKER (docker). Each is a median of
interleaved runs on this machine, and its bound. Exit status 1 when one is out of bounds.
BENCH_RUNS and BENCH_COLD_RUNS say how many runs; BENCH_KERNEL_GOAL what of the kernel `sandbox`
compiles (default: Image; a folder such as mm/ takes less time); BENCH_FOLDER where the work is done
(default: beside the store). The downloads in the user's store are used, so that nothing is timed but
building.
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import graph

PROJECT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
MINSYS = PROJECT + "/out/bin/minsys"
CACHE = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
STORE = os.environ.get("MINSYS_CACHE") or CACHE + "/minsys"
RUNS = int(os.environ.get("BENCH_RUNS", "11"))
COLD_RUNS = int(os.environ.get("BENCH_COLD_RUNS", "3"))
DOCKER = os.environ.get("DOCKER") or "docker"
os.makedirs(STORE, exist_ok=True)
WORK = tempfile.mkdtemp(
    prefix="minsys-bench.", dir=os.environ.get("BENCH_FOLDER") or os.path.dirname(STORE)
)
JOBS = str(len(os.sched_getaffinity(0)))
failed = []
known = {}  # seconds that one figure measured and another needs


def run(command, **environment):
    """Run a command and return its seconds; its output is shown only when it fails."""
    environment = dict(os.environ, PATH=os.environ["PATH"] + ":/sbin:/usr/sbin", **environment)
    began = time.monotonic()
    result = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    seconds = time.monotonic() - began
    if result.returncode:
        sys.exit(f"{' '.join(command)}:\n{result.stdout[-4000:]}")
    return seconds


def measure(command, **environment):
    """Of a run of a command: seconds, processor seconds, peak of memory in MB."""
    run([PROJECT + "/out/obj/bench/measure", f"{WORK}/measured", *command], **environment)
    with open(f"{WORK}/measured") as file:
        seconds, processor, peak = map(float, file.read().split())
    return seconds, processor, peak / 1e6


def interleaved(count, **cases):
    """Medians of `count` runs of each case, taken in turns; a case returns its seconds."""
    seconds = {name: [] for name in cases}
    for _ in range(count):
        for name, case in cases.items():
            os.sync()
            seconds[name].append(case())
            print(f"    {name} {seconds[name][-1]:.3f} s", file=sys.stderr, flush=True)
    return {name: statistics.median(values) for name, values in seconds.items()}


def judge(name, figure, bound, detail):
    good = figure <= bound
    print(f"{'ok ' if good else 'BAD'} {name}: {figure:.3g}, at most {bound:g} ({detail})", flush=True)
    if not good:
        failed.append(name)


def judge_ratio(name, medians, bound, count):
    ours, theirs = medians["ours"], medians["theirs"]
    detail = f"{ours:.3f} s against {theirs:.3f} s, medians of {count}"
    judge(name, ours / theirs, bound, detail)


def store_with_downloads(name):
    """An empty store but for what has to be downloaded, linked from the user's."""
    path = f"{WORK}/{name}"
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    for name in ("downloads", "format"):
        source = f"{STORE}/{name}"
        if subprocess.run(["cp", "-al", source, path], stderr=subprocess.DEVNULL).returncode:
            subprocess.run(["cp", "-a", source, path], check=True)
    return path


def downloads():
    """The three sources under the names that lab.sh wants: whichever archive of each is there."""
    folder = f"{WORK}/downloads"
    if os.path.exists(folder):
        return folder
    os.mkdir(folder)
    name = None
    with open(f"{PROJECT}/stages/sources.yaml") as sources:
        for line in sources:
            if line[0].isalpha():
                name = line.strip().rstrip(":")
            words = line.split()
            if words[:1] == ["sha256:"] and os.path.exists(f"{STORE}/downloads/{words[1]}"):
                link = f"{folder}/{name}.tar"
                if not os.path.exists(link):
                    os.symlink(f"{STORE}/downloads/{words[1]}", link)
    missing = {"linux.tar", "musl.tar", "busybox.tar"} - set(os.listdir(folder))
    if missing:
        sys.exit(f"the store has no download of {', '.join(sorted(missing))}")
    return folder


def building(out, project=PROJECT):
    return [MINSYS, "build", "-q", "--offline", "-C", project, "--out", out]


def build(store, out, project=PROJECT):
    return run(building(out, project), MINSYS_CACHE=store)


def store_with_tools(name):
    """The same as store_with_downloads(), with the tools root unpacked."""
    store = store_with_downloads(name)
    run([MINSYS, "root", "-C", PROJECT, f"{WORK}/root"], MINSYS_CACHE=store)
    shutil.rmtree(f"{WORK}/root")
    return store


def cold():
    limits = []

    def ours():
        store = store_with_tools("cold")
        os.sync()
        seconds, processor, _ = measure(building(f"{WORK}/cold-out"), MINSYS_CACHE=store)
        limits.append(seconds / (processor / int(JOBS)))
        return seconds

    def theirs():
        shutil.rmtree(f"{WORK}/lab", ignore_errors=True)
        return run([PROJECT + "/tests/bench/lab.sh", downloads(), f"{WORK}/lab"], JOBS=JOBS)

    medians = interleaved(COLD_RUNS, theirs=theirs, ours=ours)
    known["cold"] = medians["ours"]
    judge_ratio("cold build / commands by hand", medians, 0.95, COLD_RUNS)
    judge("the same / its processor time by all processors", statistics.median(limits), 1.04,
          f"median of {COLD_RUNS}")


def built_store():
    """A store that has everything: that of the cold build, when there was one."""
    cold_store = f"{WORK}/cold"
    return cold_store if os.path.exists(cold_store) else STORE


def nothing():
    """The default pipeline, against ninja with a graph of as many edges and files."""
    out = f"{WORK}/nothing-out"
    store = built_store()
    build(store, out)
    graph.make_ninja(f"{WORK}/ninja", graph.stages_of(MINSYS, PROJECT))
    runs = 4 * RUNS
    medians = interleaved(
        runs,
        ours=lambda: measure(building(out), MINSYS_CACHE=store)[0],
        theirs=lambda: measure(["ninja", "-C", f"{WORK}/ninja"])[0],
    )
    judge("a build with nothing to do, ms", medians["ours"] * 1000, 10, f"median of {runs}")
    judge_ratio("the same / ninja", medians, 2.0, runs)


def fill(project, store):
    """A store that all of a generated project was built in; of its stages only one is run."""
    command = [MINSYS, "build", "-q", "--offline", "-C", project]
    run(command + ["stage-0"], MINSYS_CACHE=store)
    run([PROJECT + "/out/obj/bench/fill", project], MINSYS_CACHE=store)
    run(command + ["--out", f"{project}/out"], MINSYS_CACHE=store)
    if len(os.listdir(f"{store}/logs")) > 1:
        sys.exit("a build ran what had been built")


def many():
    """1,000 and 10,000 stages that are all built: BENCH_STAGES is the first number."""
    few = int(os.environ.get("BENCH_STAGES", "1000"))
    figures = {}
    for count in (few, 10 * few):
        project, store = f"{WORK}/project-{count}", store_with_downloads(f"many-{count}")
        graph.make_project(project, PROJECT, count)
        fill(project, store)
        runs = [measure(building(f"{project}/out", project), MINSYS_CACHE=store) for _ in range(RUNS)]
        figures[count] = [statistics.median(column) for column in zip(*runs)]
    seconds, _, memory_used = figures[few]
    judge(f"{few} stages with nothing to do, ms", seconds * 1000, 50, f"median of {RUNS}")
    judge("the same, MB", memory_used, 32, "peak")
    judge(f"{10 * few} stages against it", figures[10 * few][0] / seconds, 11,
          f"{figures[10 * few][0] * 1000:.0f} ms, {figures[10 * few][2]:.0f} MB")


def copy_project(name):
    """All that decides what is built, to be edited."""
    project = f"{WORK}/{name}"
    for folder in ("scripts", "src", "stages", "targets", "toolchain"):
        shutil.copytree(f"{PROJECT}/{folder}", f"{project}/{folder}", symlinks=True)
    return project


def ccache():
    """The kernel after a change of one option, which few files look at, with a warm compiler cache,
    against its cold build without one. What it starts from is unpacked before."""
    project, store = copy_project("ccache-project"), store_with_downloads("ccache")
    config = f"{project}/targets/arm64-virt/linux.config"
    sizes = iter(range(12, 26))  # what CONFIG_LOG_BUF_SHIFT may be

    def kernel(*options):
        command = [MINSYS, "build", "-q", "--offline", "-C", project, *options]
        return run(command, MINSYS_CACHE=store)

    def change_option():
        with open(config) as file:
            lines = [line for line in file if "CONFIG_LOG_BUF_SHIFT" not in line]
        with open(config, "w") as file:
            file.writelines([*lines, f"CONFIG_LOG_BUF_SHIFT={next(sizes)}\n"])

    def cold():
        shutil.rmtree(f"{store}/results")
        return kernel("linux")

    def warm():
        change_option()
        return kernel("linux", "--ccache")

    kernel("linux-headers")
    change_option()
    kernel("linux", "--ccache")
    runs = min(COLD_RUNS, 12)
    medians = interleaved(runs, theirs=cold, ours=warm)
    judge_ratio("kernel after one option, warm cache / cold build", medians, 0.35, runs)


def edit_init(project, number):
    with open(f"{project}/stages/rootfs/init", "a") as file:
        file.write(f"# edit {number}\n")


def fakeroot(script, folder):
    """One of the lab's scripts beside the rootfs/ in a folder; its seconds."""
    path = os.environ["PATH"] + ":/sbin:/usr/sbin"
    began = time.monotonic()
    subprocess.run(
        ["fakeroot", f"{PROJECT}/tests/bench/{script}"], cwd=folder, check=True,
        stdout=subprocess.DEVNULL, env=dict(os.environ, PATH=path),
    )
    return time.monotonic() - began


def edit():
    """/init is edited: both images are there again."""
    project, store, out = copy_project("edit-project"), built_store(), f"{WORK}/edit-out"
    edits = iter(range(1000000))
    build(store, out, project)
    shutil.copytree(f"{out}/rootfs", f"{WORK}/edit-lab/rootfs", symlinks=True)

    def ours():
        edit_init(project, next(edits))
        return build(store, out, project)

    def theirs():
        return sum(fakeroot(f"lab_{image}.sh", f"{WORK}/edit-lab") for image in ("initramfs", "disk"))

    medians = interleaved(2 * RUNS, theirs=theirs, ours=ours)
    judge_ratio("an edit of /init, both images / fakeroot", medians, 0.5, 2 * RUNS)


def until_prompt(project, store):
    """Seconds of `minsys boot` to the prompt of the system's shell."""
    began = time.monotonic()
    boot = subprocess.Popen(
        [MINSYS, "boot", "-q", "--offline", "-C", project], env=dict(os.environ, MINSYS_CACHE=store),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )
    printed = b""
    while not re.search(rb"\n\S* ?# $", printed):
        more = os.read(boot.stdout.fileno(), 4096)
        if not more:
            sys.exit(f"minsys boot ended before a prompt:\n{printed[-4000:].decode()}")
        printed += more
    seconds = time.monotonic() - began
    boot.stdin.write(b"poweroff -f\n")
    boot.stdin.flush()
    boot.communicate(timeout=60)
    return seconds


def boot():
    """/init is edited: the system is at its prompt."""
    project, store = copy_project("boot-project"), built_store()
    until_prompt(project, store)

    def once(number):
        edit_init(project, number)
        return until_prompt(project, store)

    seconds = statistics.median(once(number) for number in range(RUNS))
    judge("an edit of /init, to the prompt in QEMU, s", seconds, 1.5, f"median of {RUNS}")


def unpack():
    archive, folder = downloads() + "/linux.tar", f"{WORK}/unpacked"

    def into(command):
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder)
        os.sync()  # or it were measured how long the run before is written
        return run([*command, folder])

    runs = max(5, RUNS // 2)
    medians = interleaved(
        runs,
        theirs=lambda: into(["tar", "-x", "-f", archive, "-C"]),
        ours=lambda: into([PROJECT + "/out/obj/bench/unpack", archive]),
    )
    judge_ratio("unpacking the kernel / tar xf", medians, 1.0, runs)


def hash():
    """The digest of the tools root, which has large files and many small ones, by all processors,
    against openssl on one of them: as many files a process as xargs gives it. Both read from
    memory what the run before left there."""
    out = f"{WORK}/hash-out"
    build(built_store(), out)
    with open(f"{out}/manifest.json") as file:
        tree = f"{built_store()}/trees/{json.load(file)['tools_root']}/tree"
    processor = str(min(os.sched_getaffinity(0)))
    theirs = 'find "$1" -type f -print0 | xargs -0 taskset -c "$2" openssl dgst -sha256 >/dev/null'
    medians = interleaved(
        RUNS,
        theirs=lambda: run(["sh", "-c", theirs, "sh", tree, processor]),
        ours=lambda: run([PROJECT + "/out/obj/bench/hash", tree]),
    )
    judge_ratio("sha256 of a tree / openssl dgst on one processor", medians, 0.6, RUNS)


def images():
    out = f"{WORK}/images-out"
    build(built_store(), out)
    for name, ours, theirs in (
        ("initramfs.cpio.gz", "build_initramfs.sh", "lab_initramfs.sh"),
        ("disk.ext3", "build_rootfs.sh", "lab_disk.sh"),
    ):
        medians = interleaved(
            2 * RUNS, theirs=lambda: fakeroot(theirs, out), ours=lambda: run([f"{out}/{ours}"])
        )
        judge_ratio(f"{name} / fakeroot", medians, 1.0, 2 * RUNS)


def memory():
    """The runner's own peak over a cold build of everything but the kernel, which adds nothing
    to it: its trees are the largest there are."""
    store = store_with_downloads("memory")
    runner = subprocess.Popen(
        [MINSYS, "build", "-q", "--offline", "-C", PROJECT, "sysroot", "minsys-image"],
        env=dict(os.environ, MINSYS_CACHE=store),
    )
    peak = 0

    while runner.poll() is None:
        try:
            with open(f"/proc/{runner.pid}/status") as status:
                for line in status:
                    if line.startswith("VmHWM:"):
                        peak = max(peak, int(line.split()[1]))
        except (FileNotFoundError, ProcessLookupError):
            pass
        time.sleep(0.02)
    if runner.returncode:
        sys.exit("the build failed")
    judge("peak memory of the runner, MB", peak * 1024 / 1e6, 64, "VmHWM")


# What the stage `linux` does, but for the options that name its builder.
KERNEL = """
cd /minsys/build/linux
make -C /minsys/src/linux O="$PWD" tinyconfig
/minsys/src/kconfig/apply /minsys/stage/linux/linux.config .config
make olddefconfig
make -j$JOBS $GOAL
"""
# The same places without a sandbox, which nothing refuses or checks: ROOT, then pairs of a place
# and what is bound there.
BARE = """
root=$1
shift
mount --rbind "$tools" "$root"
mount -t tmpfs none "$root/minsys"
while [ $# -gt 0 ]; do
	mkdir -p "$root/minsys/$1"
	mount --bind "$2" "$root/minsys/$1"
	shift 2
done
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
mount -t tmpfs none "$root/tmp"
exec chroot "$root" /usr/bin/env -i $environment /bin/sh -euc "$KERNEL"
"""


def sandbox():
    """What the sandbox costs a kernel build: the same commands with the same tools without it."""
    out = f"{WORK}/sandbox-out"
    build(built_store(), out)
    with open(f"{out}/manifest.json") as file:
        manifest = json.load(file)

    def tree(digest):
        return f"{built_store()}/trees/{digest}/tree"

    stage = f"{WORK}/sandbox-stage"
    os.makedirs(stage, exist_ok=True)
    os.makedirs(f"{WORK}/sandbox-root", exist_ok=True)
    shutil.copy(f"{PROJECT}/targets/arm64-virt/linux.config", stage)
    inputs = {
        "src/linux": tree(manifest["sources"]["linux"]["tree"]),
        "src/kconfig": tree(manifest["sources"]["kconfig"]["tree"]),
        "stage/linux": stage,
    }
    outputs = {name: f"{WORK}/sandbox-{name.split('/')[0]}" for name in ("build/linux", "tmp/linux")}
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "TZ": "UTC", "JOBS": JOBS,
        "GOAL": os.environ.get("BENCH_KERNEL_GOAL", "Image"),
        "ARCH": "arm64", "CROSS_COMPILE": "aarch64-linux-gnu-", "HOME": "/minsys/tmp/linux",
        "TMPDIR": "/minsys/tmp/linux",
    }
    tools = tree(manifest["tools_root"])

    def emptied():
        for path in outputs.values():
            shutil.rmtree(path, ignore_errors=True)
            os.mkdir(path)

    def ours():
        command = [f"{PROJECT}/out/bin/minsys-sandbox", "--root", tools]
        for option, places in (("--ro", inputs), ("--rw", outputs)):
            for name, path in places.items():
                command += [option, f"{path}:/minsys/{name}"]
        for key, value in environment.items():
            command += ["--setenv", f"{key}={value}"]
        emptied()
        return run([*command, "--", "/bin/sh", "-euc", KERNEL])

    def theirs():
        emptied()
        places = [word for pair in {**inputs, **outputs}.items() for word in pair]
        return run(
            ["unshare", "--mount", *([] if os.getuid() == 0 else ["--map-root-user"]),
             "sh", "-euc", BARE, "sh", f"{WORK}/sandbox-root", *places],
            tools=tools, KERNEL=KERNEL,
            environment=" ".join(f"{key}={value}" for key, value in environment.items()),
        )

    medians = interleaved(COLD_RUNS, theirs=theirs, ours=ours)
    judge_ratio("kernel in the sandbox / in a bare chroot", medians, 1.02, COLD_RUNS)


def has_engine():
    try:
        return not subprocess.run([DOCKER, "version"], capture_output=True).returncode
    except OSError:
        return False


def docker():
    """All of the Dockerfile, less the time in which packages were installed, against compiling
    minsys and a cold build on the host. What the one finds in its cache, the other has in its store:
    the downloads and the tools root, unpacked."""

    def ours():
        began = time.monotonic()
        result = subprocess.run(
            [DOCKER, "build", "--no-cache", "--progress=plain", "-o", f"{WORK}/docker", PROJECT],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        seconds = time.monotonic() - began
        if result.returncode:
            sys.exit(f"docker build:\n{result.stdout[-4000:]}")
        steps = re.findall(r"^(#\d+) \[runner .*(?:apt-get|packages build)", result.stdout, re.M)
        for step in set(steps):
            seconds -= float(re.search(rf"^{step} DONE ([\d.]+)s", result.stdout, re.M)[1])
        return seconds

    def theirs():
        folders = [f"{name}={WORK}/host-{name}" for name in "OB"]
        shutil.rmtree(f"{WORK}/host-O", ignore_errors=True)
        shutil.rmtree(f"{WORK}/host-B", ignore_errors=True)
        seconds = run(["make", "-C", PROJECT, f"-j{JOBS}", *folders, "programs"])
        if "cold" in known:  # of this run: it takes long enough once
            return seconds + known["cold"]
        return seconds + build(store_with_tools("docker-host"), f"{WORK}/docker-host-out")

    # The first fills the caches of both.
    run([DOCKER, "build", "--target", "sources", PROJECT])
    run([DOCKER, "build", "--target", "tools", PROJECT])
    medians = interleaved(COLD_RUNS, theirs=theirs, ours=ours)
    judge_ratio("docker build / the same on the host", medians, 1.15, COLD_RUNS)


def main():
    figures = {f.__name__: f for f in (
        cold, nothing, many, ccache, edit, boot, images, unpack, hash, memory, sandbox, docker,
    )}
    names = sys.argv[1:] or [name for name in figures if name != "docker" or has_engine()]
    unknown = [name for name in names if name not in figures]
    if unknown:
        sys.exit(f"there is no figure {unknown[0]}; there are {', '.join(figures)}")
    try:
        run([MINSYS, "fetch", "-q", "-C", PROJECT])
        for name in names:
            figures[name]()
    finally:
        shutil.rmtree(WORK, ignore_errors=True)
    sys.exit(1 if failed else 0)


main()
