#!/bin/sh
# The real pipeline on the real sources: built once for the user of this checkout and once more
# where everything that must not matter is different, with the same bits. The kernel takes longer
# than all the rest together, so the second build is handed the first one's, which its key then has
# to fit; with KERNEL_TWICE set (`make check-long`) it is built again too.
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"

out=$root/out/minsys
ok 'the pipeline builds' "$BIN/minsys" build -C "$root"

# verify FOLDER: every file is there with the digest that manifest.json gives it, and no other.
verify() {
	"$root/scripts/verify" "$1" && [ "$(grep -c '"sha256":\|"link":' "$1/manifest.json")" -gt 100 ]
}
ok 'the manifest has the digest of every file' verify "$out"
for file in Image initramfs.cpio.gz disk.ext3 minsys-image devices build_initramfs.sh \
	build_rootfs.sh run_initramfs.sh run_disk.sh rootfs/bin/busybox sysroot/lib/libc.a; do
	ok "it left $file" test -s "$out/$file"
done
# is PATTERN FILE: what file(1) says of it.
is() {
	file -b "$2" | grep "$1"
}
ok 'the kernel is one for arm64' is 'ARM64 boot' "$out/Image"
ok 'BusyBox is static' is 'ARM aarch64.*statically linked' "$out/rootfs/bin/busybox"

compiles_elsewhere() {
	cp -R "$out/sysroot" "$work/sys root" || return 1
	printf '#include <stdio.h>\n#include <linux/fs.h>\nint main(void) { return puts("hello") < 0; }\n' \
		>"$work/hello.c"
	"$work/sys root/bin/musl-gcc" -static -o "$work/hello" "$work/hello.c" &&
		[ "$(qemu-aarch64-static "$work/hello")" = hello ]
}
ok 'the sysroot compiles programs wherever it is copied' compiles_elsewhere

# Elsewhere: another checkout, store, user, mask, time zone, language, home, number of jobs, and a
# host whose tools and variables are poison.
elsewhere=$root/out/elsewhere
rm -rf "$elsewhere"
mkdir -p "$elsewhere/an other ünplace/minsys" "$elsewhere/poison" "$elsewhere/store"
elsewhere_project="$elsewhere/an other ünplace/minsys"
for folder in stages targets toolchain scripts src; do
	cp -R "$root/$folder" "$elsewhere_project"
done
cp -R "$BIN" "$elsewhere/bin"
for tool in sh bash dash env make gcc cc cpp ld as ar ranlib strip objcopy nm aarch64-linux-gnu-gcc \
	aarch64-linux-gnu-ld awk sed grep perl python3 bc bison flex cp mv ln mkdir rm cat date tar \
	gzip xz cpio rsync install find sort tr id uname hostname mke2fs; do
	printf '#!/bin/false\n' >"$elsewhere/poison/$tool"
	chmod +x "$elsewhere/poison/$tool"
done
store=${MINSYS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/minsys}
cp -Rl "$store/downloads" "$elsewhere/store" 2>/dev/null || cp -R "$store/downloads" "$elsewhere/store"
cp "$store/format" "$elsewhere/store"
[ -n "${KERNEL_TWICE:-}" ] ||
	ok 'the kernel is handed on' "$BIN/minsys" build linux -C "$root" --results "$elsewhere/store"

another_user=
[ "$(id -u)" = 0 ] || another_user='unshare --user --map-user=2222 --map-group=3333'
build_elsewhere() {
	# shellcheck disable=SC2086 # a command in words
	(
		umask 077
		cd "$elsewhere_project" || exit 1
		$another_user env -i PATH="$elsewhere/poison:$PATH" HOME=/nonexistent \
			MINSYS_CACHE="$elsewhere/store" TZ=Asia/Kathmandu LANG=tr_TR.UTF-8 \
			LC_ALL=tr_TR.UTF-8 CC=false HOSTCC=false CFLAGS=-fpoison CPPFLAGS=-fpoison \
			LDFLAGS=-Wl,--poison MAKEFLAGS='-n --poison' C_INCLUDE_PATH=/poison \
			CPATH=/poison LIBRARY_PATH=/poison GCC_EXEC_PREFIX=/poison/ \
			ARCH=poison CROSS_COMPILE=poison- KBUILD_OUTPUT=/poison KCFLAGS=-fpoison \
			SOURCE_DATE_EPOCH=1 KBUILD_BUILD_USER=poison \
			"$elsewhere/bin/minsys" build --offline -j 5 2>"$work/log"
	)
}
ok 'it builds elsewhere, on a poisoned host' build_elsewhere
kernels=${KERNEL_TWICE:+1}
ok 'the kernel as often as was meant' test "$(grep -c '^linux  *done' "$work/log")" = "${kernels:-0}"
ok 'with the same bits' cmp "$out/manifest.json" "$elsewhere_project/out/minsys/manifest.json"
ok 'which are what its manifest says' verify "$elsewhere_project/out/minsys"
rm -rf "$elsewhere"
finish
