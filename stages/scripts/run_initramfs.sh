#!/bin/sh
# Boot Image with initramfs.cpio.gz in QEMU. Nothing that is written in there outlives it.
#
#   QEMU    the program to run, if it is not @QEMU_SYSTEM@
#   APPEND  more words for the kernel's command line
#
# Arguments go to QEMU: `run_initramfs.sh -nic user` gives it a network card. (Without its boot ROM, which
# QEMU's package may lack, and a kernel that is there needs none.) In the system, `ifconfig eth0
# 10.0.2.15 up; route add default gw 10.0.2.2` is then an address in QEMU's network.
set -eu
here=$(dirname "$(readlink -f "$0")")
qemu=${QEMU:-@QEMU_SYSTEM@}

command -v "$qemu" >/dev/null || {
	echo "run_initramfs.sh: $qemu is not here: install Debian's package @QEMU_PACKAGE@, or name another QEMU in QEMU" >&2
	exit 3
}
for needed in Image initramfs.cpio.gz; do
	[ -r "$here/$needed" ] || {
		echo "run_initramfs.sh: $here/$needed is missing: run me in a folder that minsys built" >&2
		exit 3
	}
done

[ ! -t 0 ] || echo 'To leave: type poweroff, or Ctrl-a x.' >&2
exec "$qemu" -M @QEMU_MACHINE@ -cpu @QEMU_CPU@ -m @QEMU_MEMORY@ -nographic -no-reboot -nic none \
	-global virtio-net-pci.romfile= \
	-kernel "$here/Image" -initrd "$here/initramfs.cpio.gz" \
	-append "console=@CONSOLE@ panic=-1${APPEND:+ $APPEND}" "$@"
