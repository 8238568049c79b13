#!/bin/sh
# Make initramfs.cpio.gz again: from rootfs/, and from `devices`, which says what a folder cannot
# hold without root's rights (owners, modes, device nodes). Arguments go to minsys-image.
set -eu
here=$(dirname "$(readlink -f "$0")")

for needed in minsys-image rootfs devices; do
	[ -e "$here/$needed" ] || {
		echo "build_initramfs.sh: $here/$needed is missing: run me in a folder that minsys built" >&2
		exit 3
	}
done
"$here/minsys-image" initramfs --tree "$here/rootfs" --devices "$here/devices" \
	--time @SOURCE_DATE_EPOCH@ -o "$here/initramfs.cpio.gz" "$@"
echo "$here/initramfs.cpio.gz is made; run_initramfs.sh boots it" >&2
