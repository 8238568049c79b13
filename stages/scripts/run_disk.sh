#!/bin/sh
# Boot Image with disk.ext3 in QEMU. What is written in there stays in disk.ext3; with the
# argument -snapshot it does not.
#
#   QEMU    the program to run, if it is not @QEMU_SYSTEM@
#   APPEND  more words for the kernel's command line
#
# Arguments go to QEMU: `run_disk.sh -nic user` gives it a network card. (Without its boot ROM, which
# QEMU's package may lack, and a kernel that is there needs none.) In the system, `ifconfig eth0
# 10.0.2.15 up; route add default gw 10.0.2.2` is then an address in QEMU's network.
set -eu
here=$(dirname "$(readlink -f "$0")")
qemu=${QEMU:-@QEMU_SYSTEM@}

command -v "$qemu" >/dev/null || {
	echo "run_disk.sh: $qemu is not here: install Debian's package @QEMU_PACKAGE@, or name another QEMU in QEMU" >&2
	exit 3
}
for needed in Image disk.ext3; do
	[ -r "$here/$needed" ] || {
		echo "run_disk.sh: $here/$needed is missing: run me in a folder that minsys built" >&2
		exit 3
	}
done
# In the value of an option, QEMU takes two commas for one that is meant.
disk=$(printf '%s\n' "$here/disk.ext3" | sed 's/,/,,/g')

echo "The system writes to $here/disk.ext3." >&2
[ ! -t 0 ] || echo 'To leave: type poweroff; Ctrl-a x is like pulling the plug.' >&2
exec "$qemu" -M @QEMU_MACHINE@ -cpu @QEMU_CPU@ -m @QEMU_MEMORY@ -nographic -no-reboot -nic none \
	-global virtio-net-pci.romfile= \
	-kernel "$here/Image" -drive "file=$disk,format=raw,if=virtio" \
	-append "console=@CONSOLE@ root=@DISK_DEVICE@ rw init=/init panic=-1${APPEND:+ $APPEND}" "$@"
