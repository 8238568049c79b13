#!/bin/sh
# The lab's kernel: arm64's defconfig without modules. Half an hour on two processors.
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/../functional/tap.sh"

out=$root/out/minsys-arm64-defconfig
ok 'the defconfig target builds' "$BIN/minsys" build -C "$root" --target arm64-defconfig
boots() {
	[ "$("$BIN/minsys" boot -C "$root" --target arm64-defconfig "$@" -- uname -m)" = aarch64 ]
}
ok 'its initramfs boots' boots
ok 'its disk boots' boots --disk
ok 'the file systems are those of the default target' cmp "$out/initramfs.cpio.gz" \
	"$root/out/minsys/initramfs.cpio.gz"
finish
