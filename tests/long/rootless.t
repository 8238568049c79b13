#!/bin/sh
# All of the Dockerfile by an ordinary user's Podman and Buildah, booted.
[ "$(id -u)" = 0 ] || {
	echo '1..0 # SKIP only root can make a Debian 13 to be an ordinary user of'
	exit 0
}
WHOLE=1 MINSYS_REQUIRE=1 exec "$(dirname "$0")/../docker/20-rootless.t"
