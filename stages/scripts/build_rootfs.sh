#!/bin/sh
# Make disk.ext3 again: from rootfs/, and from `devices`, which says what a folder cannot hold
# without root's rights (owners, modes, device nodes). What was written to the old disk is gone.
# Arguments go to minsys-image: `build_rootfs.sh --size 64M` makes a larger disk.
set -eu
here=$(dirname "$(readlink -f "$0")")

for needed in minsys-image rootfs devices; do
	[ -e "$here/$needed" ] || {
		echo "build_rootfs.sh: $here/$needed is missing: run me in a folder that minsys built" >&2
		exit 3
	}
done
"$here/minsys-image" disk --tree "$here/rootfs" --devices "$here/devices" \
	--time @SOURCE_DATE_EPOCH@ --size @DISK_SIZE@ -o "$here/disk.ext3" "$@"
echo "$here/disk.ext3 is made; run_disk.sh boots it" >&2
