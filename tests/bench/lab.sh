#!/bin/sh
# lab.sh DOWNLOADS FOLDER: the commands of this pipeline as one would type them, with the tools
# that the machine has installed: neither pinned nor isolated. It is the yardstick of `make
# bench`: the same sources, configurations and number of jobs, in the same order.
#
# DOWNLOADS holds linux.tar, musl.tar and busybox.tar (compressed in any way that tar knows);
# everything is made in FOLDER. JOBS says how many compilers run at once. Standard output gets a
# line for each phase, its seconds first.
set -eu
[ $# = 2 ] || {
	echo 'usage: lab.sh DOWNLOADS FOLDER' >&2
	exit 2
}
project=$(cd "$(dirname "$0")/../.." && pwd)
downloads=$(cd "$1" && pwd)
mkdir -p "$2"
cd "$2"
top=$PWD
jobs=${JOBS:-$(nproc)}
export ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- LC_ALL=C PATH="$PATH:/sbin:/usr/sbin"
exec 3>&1 >"$top/log" 2>&1

began=$(date +%s.%N)
# phase NAME: what ran since the last one is called that.
phase() {
	now=$(date +%s.%N)
	echo "$now $began $1" | awk '{ printf "%8.2f %s\n", $1 - $2, $3 }' >&3
	began=$now
}

for source in linux musl busybox; do
	mkdir $source
	tar -C $source --strip-components=1 -xf "$downloads/$source.tar"
done
phase unpack

# set_options FRAGMENT: the options that a stage's fragment asks for, in .config.
set_options() {
	"$project/scripts/kconfig/apply" "$1" .config
}

mkdir linux_headers musl_build busybox_build linux_build sysroot
make -C linux O="$top/linux_build" headers_install INSTALL_HDR_PATH="$top/linux_headers"
phase linux-headers

cd musl_build
../musl/configure --target=aarch64-linux-musl --prefix="$top/sysroot" \
	--syslibdir="$top/sysroot/lib" --enable-wrapper=gcc
make -j"$jobs"
make install
cp -R ../linux_headers/include/. ../sysroot/include
cd ..
phase sysroot

cd busybox_build
make -C ../busybox O="$PWD" defconfig
set_options "$project/stages/busybox/busybox.config"
yes '' | make oldconfig
make -j"$jobs" CC="$top/sysroot/bin/musl-gcc" CONFIG_PREFIX="$top/rootfs" install
cd ..
phase busybox

cd linux_build
make -C ../linux O="$PWD" tinyconfig
set_options "$project/targets/arm64-virt/linux.config"
make olddefconfig
make -j"$jobs" Image
cd ..
phase linux

(
	cd rootfs
	mkdir -p dev etc mnt proc root run sys tmp var
	for file in group hosts inittab motd passwd profile rc.console rc.shutdown; do
		cp "$project/stages/rootfs/$file" etc
	done
	cp "$project/stages/rootfs/init" init
	chmod +x init etc/rc.console etc/rc.shutdown
)
phase rootfs

fakeroot "$project/tests/bench/lab_initramfs.sh"
phase initramfs
fakeroot "$project/tests/bench/lab_disk.sh"
phase disk
