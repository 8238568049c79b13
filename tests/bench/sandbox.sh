#!/bin/sh
# What starting a sandbox costs: minsys-sandbox against bubblewrap, which gives about the same
# (new namespaces, the same number of binds, no survivor) but fewer refusals. Both run a program
# that only exits; runs alternate, and the medians are compared. Run it as an ordinary user;
# bubblewrap of an ordinary user is what is measured, so root becomes `nobody` here.
#   tests/bench/sandbox.sh [RUNS]
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
BIN=${BIN:-$root/out/bin}
runs=${1:-50}
work=$(mktemp -d "${TMPDIR:-/tmp}/minsys-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT

mkdir -p "$work/root/bin" "$work/root/proc" "$work/root/dev" "$work/root/tmp" \
	"$work/root/minsys" "$work/writable" "$work/input"
cp "$BIN/minsys-sandbox" "$work"
printf 'int main(void) { return 0; }\n' >"$work/true.c"
"${CC:-gcc}" -O2 -static -o "$work/root/bin/true" "$work/true.c"
bwrap=$(command -v bwrap) || {
	echo 'bwrap (package bubblewrap) is not installed' >&2
	exit 3
}
chmod 755 "$work"
as_user=
if [ "$(id -u)" = 0 ]; then
	as_user='env PATH=/usr/bin:/bin setpriv --reuid=65534 --regid=65534 --clear-groups'
	chown 65534:65534 "$work/writable"
fi

# shellcheck disable=SC2086 # words
$as_user python3 - "$work" "$bwrap" "$runs" <<'END'
import os, statistics, sys, time

work, bwrap, runs = sys.argv[1], sys.argv[2], int(sys.argv[3])
root, places = f"{work}/root", [f"/minsys/{n}" for n in range(7)]
source = {place: f"{work}/{'input' if n else 'writable'}" for n, place in enumerate(places)}

ours = [f"{work}/minsys-sandbox", "--root", root]
theirs = [bwrap, "--unshare-all", "--die-with-parent", "--ro-bind", root, "/", "--proc", "/proc",
          "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/minsys"]
for n, place in enumerate(places):
    ours += ["--ro" if n else "--rw", f"{source[place]}:{place}"]
    theirs += ["--ro-bind" if n else "--bind", source[place], place]
commands = {"minsys-sandbox": ours + ["--", "/bin/true"], "bwrap": theirs + ["/bin/true"]}


def run(command):
    start = time.perf_counter()
    pid = os.posix_spawn(command[0], command, {})
    status = os.waitpid(pid, 0)[1]
    if status:
        sys.exit(f"{command[0]} failed")
    return (time.perf_counter() - start) * 1000


times = {name: [] for name in commands}
for turn in range(runs + 3):
    for name, command in commands.items():
        times[name].append(run(command))
medians = {}
for name in commands:
    measured = times[name][3:]  # the first ones warm up
    medians[name] = statistics.median(measured)
    print(f"{name:15} median {medians[name]:6.2f} ms, fastest {min(measured):6.2f} ms")
ratio = medians["minsys-sandbox"] / medians["bwrap"]
print(f"ratio           {ratio:6.2f} (to be 0.80 at most), {runs} runs each")
if os.getloadavg()[0] > os.cpu_count():
    print(f"the machine is busy (load {os.getloadavg()[0]:.1f}): this measures its scheduler")
sys.exit(ratio > 0.8)
END
