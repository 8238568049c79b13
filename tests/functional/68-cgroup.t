#!/bin/sh
# Steps in cgroups of their own, in a virtual machine, as a machine that tests run on may have none
# to give: Debian's kernel boots with a root file system of BusyBox, minsys and a small project; there
# tests/functional/cgroup.sh builds as an ordinary user in a delegated cgroup.
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/functional/project.sh
. "$(dirname "$0")/project.sh"

QEMU=${QEMU_X86:-qemu-system-x86_64}
command -v "$QEMU" >/dev/null || skip_all "$QEMU is not installed"

# It is unpacked, not installed.
get_kernel() {
	package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null |
		sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
	[ -n "$package" ] || skip_all 'apt knows no kernel, linux-image-cloud-amd64'
	(cd "$work" && apt-get download -q "$package") >"$work/apt" 2>&1 ||
		skip_all "apt cannot download $package: $(tail -n 1 "$work/apt")"
	dpkg-deb -x "$work/$package"_*.deb "$work/kernel"
	kernel=$(echo "$work/kernel/boot/vmlinuz-"*)
}

# What the machine is to have: the store with its downloads, so that nothing is missing there.
make_guest() {
	make_project
	rm -r "$project/stages/second"
	guest=$work/guest
	mkdir -p "$guest/bin" "$guest/etc" "$guest/home" "$guest/proc" "$guest/sys" "$guest/dev" \
		"$guest/tmp" "$guest/new"
	cp /bin/busybox "$guest/bin"
	for name in $(/bin/busybox --list); do
		[ "$name" = busybox ] || ln -s busybox "$guest/bin/$name"
	done
	cp "$BIN/minsys" "$BIN/minsys-sandbox" "$guest/bin"
	echo 'root:x:0:0::/:/bin/sh
user:x:1000:1000::/home:/bin/sh' >"$guest/etc/passwd"
	cp "$root/tests/functional/cgroup.sh" "$guest/init"
	minsys fetch -q && cp -r "$project" "$MINSYS_CACHE" "$guest/home"
	(cd "$guest" && find . | cpio -o -H newc -R 0:0 2>/dev/null | gzip -1) >"$work/initramfs"
}

# In a folder of its own, as it may be long: what it prints is kept.
boot() {
	timeout -k 5 900 "$QEMU" -M pc -cpu max -m 768 -smp 2 -nodefaults -no-reboot -display none \
		-serial file:"$work/console" -nic none -kernel "$kernel" \
		-initrd "$work/initramfs" -append 'console=ttyS0 quiet panic=-1' </dev/null
	grep -q '^all done' "$work/console" || {
		tail -n 60 "$work/console"
		return 1
	}
}

get_kernel
make_guest || exit 1
ok 'a machine with cgroups boots, and goes through its tests' boot
# The tests are those that the script names.
sed -n "s/^passes '\([^']*\)' .*/\1/p" "$root/tests/functional/cgroup.sh" >"$work/names"
passed() {
	tr -d '\r' <"$work/console" | grep -qxF "passed: $1" || {
		tr -d '\r' <"$work/console" | sed -n "/^failed: $1\$/,/^---\$/p"
		return 1
	}
}
while read -r name; do
	ok "$name" passed "$name"
done <"$work/names"
ok 'there were tests' test -s "$work/names"
finish
