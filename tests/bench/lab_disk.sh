#!/bin/sh
# Under fakeroot, beside rootfs/: disk.ext3, as the lab makes it.
set -eu
rm -f disk.ext3 rootfs/dev/console rootfs/dev/null
truncate --size=32M disk.ext3
mknod -m 600 rootfs/dev/console c 5 1
mknod -m 666 rootfs/dev/null c 1 3
mkfs.ext3 -q -d rootfs disk.ext3
rm -f rootfs/dev/console rootfs/dev/null
