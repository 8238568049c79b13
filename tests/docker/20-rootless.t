#!/bin/sh
# The Dockerfile without an engine that runs as root: Podman and Buildah of an ordinary user, who
# here is one of a Debian 13 in a tree of the test's own (see debian-13). The base image comes from
# the engine that DOCKER is the client of, if there is one, else from a registry. With WHOLE set
# (`make check-long`) the kernel is built too, and booted.
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/../functional/tap.sh"

[ "$(id -u)" = 0 ] || skip_all 'only root can make a Debian 13 to be an ordinary user of'
docker=${DOCKER:-docker}
here=$root/tests/docker
chmod 755 "$work"
mkdir -m 777 "$work/shared"
as_user() {
	"$here/debian-13" "$work" "$root" -- "$@"
}
clean_storage() {
	as_user podman image prune --all --force >/dev/null 2>&1
}
trap 'clean_storage; clean_up' EXIT
# What a run that was killed left behind would be taken for its layers.
clean_storage

ok 'an ordinary user with Podman' as_user podman --version
base=debian:bookworm-slim
if "$docker" version >/dev/null 2>&1; then
	ok 'the base image' "$docker" save "$base" -o "$work/base.tar"
	chmod 644 "$work/base.tar"
	ok 'is theirs too' as_user buildah pull "docker-archive:$work/base.tar"
	base=localhost/$base
fi
# A machine may keep /dev/net/tun, which networks of an ordinary user are made with, to itself.
network=
as_user test -w /dev/net/tun || network=--network=host

# build NAME PROGRAM [OPTION]...: as podman build and buildah build have them.
build() {
	log=$work/$1.log program=$2
	shift 2
	# shellcheck disable=SC2086 # an option or none
	as_user "$program" build --build-arg "BASE=$base" $network "$@" "$root" >"$log" 2>&1 || {
		tail -n 60 "$log"
		return 1
	}
}
# The kernel takes longer than all the rest together.
target=rootfs
[ -z "${WHOLE:-}" ] || target=images
ok 'a build by ordinary means' "$BIN/minsys" build -C "$root" --out "$work/userns"
# same RESULT: it is what its manifest says, and all that it has is in that build too.
same() {
	"$root/scripts/verify" "$1" && python3 - "$1" "$work/userns" <<'END'
import json, sys

def flat(node, path=()):
    if isinstance(node, dict):
        for key, value in node.items():
            yield from flat(value, path + (key,))
    else:
        yield path, node

part, whole = (dict(flat(json.load(open(f"{folder}/manifest.json")))) for folder in sys.argv[1:])
different = [path for path in part if "isolation" not in path[-1] and part[path] != whole.get(path)]
print(*different, sep="\n")
sys.exit(bool(different) or len(part) < 100)
END
}
ok "podman build: $target" build podman podman --target "$target" -o "$work/shared/podman"
ok 'in a sandbox' grep -q 'isolation: ' "$work/podman.log"
ok 'in its full form' test "$(grep -c 'weaker form' "$work/podman.log")" = 0
ok 'gives the same bits' same "$work/shared/podman/minsys"
ok 'buildah build, from the same layers' build buildah buildah --layers --target "$target" \
	-o "$work/shared/buildah"
ok 'in which nothing is built again' test "$(grep -c 'isolation: ' "$work/buildah.log")" = 0
ok 'gives them too' same "$work/shared/buildah/minsys"

[ -n "${WHOLE:-}" ] || finish
ok 'an image that boots' build system podman --target system -t minsys
boots() {
	python3 "$root/tests/functional/console.py" 120 "$here/debian-13" "$work" "$root" -- \
		podman run -it --rm --network=none minsys <<-'END'
			expect ^/ # 
			send uname -m\n
			expect ^aarch64$
			send poweroff\n
			exit 0
		END
}
ok 'for an ordinary user' boots
finish
