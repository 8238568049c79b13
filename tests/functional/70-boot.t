#!/bin/sh
# What a build leaves, used: both images boot, run commands, and are made again. OUTDIR is the
# built folder; MINSYS_REQUIRE=1 makes its absence a failure. The original is only read.
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"

PATH=$PATH:/usr/sbin:/sbin
built=${OUTDIR:-$root/out/minsys}

# need REASON COMMAND...: without it, nothing here can run.
need() {
	reason=$1
	shift
	"$@" >/dev/null 2>&1 && return
	[ "${MINSYS_REQUIRE:-}" != 1 ] || {
		echo "1..1"
		echo "not ok 1 - $reason"
		exit 1
	}
	skip_all "$reason"
}
need "nothing is built in $built (minsys build)" test -e "$built/manifest.json"
need 'qemu-system-aarch64 is not here (package qemu-system-arm)' command -v qemu-system-aarch64
need 'e2fsck is not here (package e2fsprogs)' command -v e2fsck
need 'cpio is not here' command -v cpio
need 'python3 is not here' command -v python3

# Everything is tried in a copy, with a name that scripts stumble over, from another folder.
out="$work/a copy, moved"
cp -R "$built" "$out"
original=$(sha256sum <"$built/disk.ext3")
cd /

boot() {
	"$BIN/minsys" boot -C "$root" --out "$out" "$@"
}
# prints TEXT COMMAND...: it prints exactly this, with a line end.
prints() {
	printf '%s\n' "$1" >"$work/wanted"
	shift
	"$@" >"$work/printed" && diff "$work/wanted" "$work/printed"
}
clean_disk() {
	e2fsck -fn "$out/disk.ext3" && ! dumpe2fs -h "$out/disk.ext3" 2>&1 | grep needs_recovery
}
no_qemu() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		pgrep -f "kernel $out/Image" || return 0
		sleep 0.2
	done
	return 1
}

# --- The images from outside.

ok 'e2fsck finds nothing in disk.ext3' e2fsck -fn "$out/disk.ext3"
is_ext3() {
	dumpe2fs -h "$out/disk.ext3" | grep features: >"$work/features"
	says "$work/features" has_journal && ! grep extent "$work/features"
}
ok 'it is ext3: it has a journal, and no extents' is_ext3

debugfs -R 'ls -l /' "$out/disk.ext3" >"$work/ls" 2>&1
# disk_node NAME MODE NUMBER
disk_node() {
	debugfs -R "stat /dev/$1" "$out/disk.ext3" >"$work/node" 2>&1
	says "$work/node" 'character special' && grep -E "Mode: +$2 " "$work/node" &&
		grep -E 'User: +0 +Group: +0 ' "$work/node" && says "$work/node" "number: $3"
}
# no_others_than REGEX FILE: every line is one of those, and there are some.
no_others_than() {
	[ -s "$2" ] && ! grep -vE "$1" "$2"
}
ok 'disk: /dev/console is 600 and 5:1' disk_node console 0600 05:01
ok 'disk: /dev/null is 666 and 1:3' disk_node null 0666 01:03
ok 'disk: /tmp is 1777 and root' grep -E '^ *[0-9]+ +41777 \(2\) +0 +0 .* tmp$' "$work/ls"
ok 'disk: /root is 700' grep -E '^ *[0-9]+ +40700 \(2\) +0 +0 .* root$' "$work/ls"
ok 'disk: nothing at the top belongs to anyone but root' \
	no_others_than '^ *[0-9]+ +[0-7]+ \([0-9]\) +0 +0 |^$|^debugfs' "$work/ls"

gzip -dc "$out/initramfs.cpio.gz" | cpio -itvn 2>/dev/null | tr -s ' ' >"$work/cpio"
ok 'initramfs: /dev/console is 600 and 5:1' grep -E '^crw------- 1 0 0 5, 1 .* /?dev/console$' \
	"$work/cpio"
ok 'initramfs: /dev/null is 666 and 1:3' grep -E '^crw-rw-rw- 1 0 0 1, 3 .* /?dev/null$' \
	"$work/cpio"
ok 'initramfs: /tmp is 1777' grep -E '^drwxrwxrwt [0-9]+ 0 0 .* /?tmp$' "$work/cpio"
ok 'initramfs: /root is 700' grep -E '^drwx------ [0-9]+ 0 0 .* /?root$' "$work/cpio"
ok 'initramfs: nothing belongs to anyone but root' \
	no_others_than '^[^ ]+ [0-9]+ 0 0 ' "$work/cpio"

# --- A shell on a terminal.

talk() {
	python3 "$root/tests/functional/console.py" 120 "$out/$1" <<-'END'
		expect ^/ # $
		send uname -m; tty; ls -l /dev/console /dev/null\n
		expect ^aarch64
		expect ^/dev/
		expect ^crw------- .* 5, +1 .*/dev/console
		expect ^crw-rw-rw- .* 1, +3 .*/dev/null
		expect ^/ # $

		# A job in the background.
		send sleep 100 &\n
		expect ^/ # $
		send jobs\n
		expect ^\[1\].*Running +sleep 100
		# A moment first: until it has become sleep, the shell's child ignores the signal.
		send sleep 1; kill %1; sleep 1\n
		expect Terminated +sleep 100
		send echo left="$(jobs)"=\n
		expect ^left==

		# One that is stopped, taken back and interrupted.
		send sh -c 'trap "echo resumed" CONT; echo begun; while :; do sleep 1; done'\n
		expect ^begun
		send \x1a
		expect \[1\].*Stopped
		send fg\n
		expect ^resumed
		send \x03
		expect ^/ # $
		send echo "status=$?"\n
		expect ^status=130

		# There is always a shell.
		send exit\n
		expect ^This is minsys
		expect ^/ # $
		never can't access tty
		never job control turned off
		send poweroff\n
		exit 0
		never Kernel panic
	END
}
ok 'the initramfs gives a shell with job control, and poweroff ends QEMU' talk run_initramfs.sh
ok 'the disk does too' talk run_disk.sh
ok 'the disk is clean after poweroff' clean_disk

hurried() {
	python3 "$root/tests/functional/console.py" 120 "$out/run_disk.sh" <<-'END'
		expect ^/ # $
		send while :; do echo busy; done >/root/busy &\n
		expect ^/ # $
		send cd /root; exec 5>>/root/open\n
		expect ^~ # $
		send poweroff\n
		exit 0
	END
}
ok 'poweroff with a program that writes' hurried
ok 'leaves the disk clean' clean_disk

panics() {
	APPEND='rdinit=/none' timeout 60 "$out/run_initramfs.sh" </dev/null >"$work/panic" 2>&1
	says "$work/panic" 'Kernel panic'
}
ok 'a panic ends QEMU' panics

# --- Commands.

for disk in '' --disk; do
	set -- ${disk:+"$disk"}
	kind=${disk:-initramfs}
	ok "$kind: exit status 7" status 7 boot "$@" -- 'exit 7'
	ok "$kind: uname -m" prints aarch64 boot "$@" -- uname -m
	# shellcheck disable=SC2016 # for the shell inside
	ok "$kind: what is mounted" prints '/dev devtmpfs
/dev/pts devpts
/dev/shm tmpfs
/proc proc
/run tmpfs
/sys sysfs
/tmp tmpfs' boot "$@" -- 'awk "\$2 != \"/\" { print \$2, \$3 }" /proc/mounts | sort'
	ok "$kind: the nodes below the mounted /dev" prints '5 1 600 0:0
1 3 666 0:0' boot "$@" -- \
		'mount --bind / /mnt && stat -c "%t %T %a %u:%g" /mnt/dev/console /mnt/dev/null'
done

prints_bytes() {
	printf '\r\n\0\377minsys-status \n\nno line end' >"$work/wanted"
	boot -- "printf '\\r\\n\\0\\377minsys-status \\n\\nno line end'" >"$work/printed" &&
		cmp "$work/wanted" "$work/printed"
}
ok 'output arrives byte by byte as it was written' prints_bytes
ok 'a lot of output arrives' prints "$(seq 30000)" boot -- seq 30000
ok 'words are joined as ssh does' prints 'a b  c' boot -- echo a "'b  c'"
ok 'standard error arrives too' prints 'to stderr' boot -- 'echo to stderr >&2'
ok 'standard input is empty' prints '' boot -- 'cat; echo'
# shellcheck disable=SC2016 # for the shell inside
ok 'a signal is 128 and its number' status 143 boot -- 'kill -TERM $$'
ok 'what runs on in the background does not keep it' prints started boot -- 'sleep 1000 & echo started'
ok 'the longest command arrives' prints end boot -- ": $(head -c 1300 /dev/zero | tr '\0' x); echo end"

refused() {
	wanted=$1
	text=$2
	shift 2
	status "$wanted" boot "$@" >"$work/printed" 2>"$work/errors" && says "$work/errors" "$text"
}
ok 'a command that takes too long' refused 1 'had not ended after 12 s, the time limit' \
	--timeout 12 -- 'echo before; sleep 1000'
ok 'what it printed before is printed' says "$work/printed" before
ok 'its QEMU is gone' no_qemu
printf '#!/bin/sh\necho waiting\nsleep 1000\n' >"$work/slow"
chmod +x "$work/slow"
never_reached() {
	QEMU=$work/slow refused 1 'had not started the command after 1 s' --timeout 1 -- true
}
ok 'one that never starts' never_reached
ok 'what the console printed is shown' says "$work/errors" waiting
ok 'a system that goes down instead' refused 1 'QEMU ended before the command had' -- \
	'sync; poweroff -f'
never_started() {
	APPEND=rdinit=/none refused 1 'QEMU ended before the system could start the command' -- true
}
ok 'a system that does not come up' never_started
ok 'the end of its console is shown' says "$work/errors" 'Kernel panic'
ok 'a command that is too long' refused 2 "the kernel's command line" -- \
	"$(head -c 2500 /dev/zero | tr '\0' x)"
ok 'one that is a little too long' refused 2 'bytes too long' -- \
	"$(head -c 1500 /dev/zero | tr '\0' x)"
ok 'no command behind --' refused 2 'there is no command behind' --
network() {
	command='ifconfig eth0 10.0.2.15 up; route add default gw 10.0.2.2; ping -c 1 10.0.2.2'
	APPEND="minsys.command=$(printf %s "$command" | base64 -w 0)" \
		timeout 120 "$out/run_initramfs.sh" -nic user </dev/null | grep '1 packets received'
}
ok '-nic user gives a network' network
elsewhere() {
	(cd / && "$BIN/minsys" boot "$@")
}
ok 'a result boots without its project' prints aarch64 elsewhere --out "$out" -- uname -m
no_project() {
	status 2 elsewhere -- uname 2>"$work/errors" && says "$work/errors" 'with --out a result to boot'
}
ok 'one that is not named has to be in a project' no_project
ok 'a command without --' refused 2 'minsys boot -- uname' uname
ok 'nothing built' refused 2 'nothing to boot is in' --out "$work/none"

no_program() {
	QEMU=no-such-qemu refused 3 'no-such-qemu is not here: install' "$@" &&
		says "$work/errors" 'qemu-system-arm'
}
ok 'no QEMU, a command' no_program -- true
ok 'no QEMU, a shell' no_program

killed() {
	"$BIN/minsys" boot -C "$root" --out "$out" -- 'sleep 1000' &
	pid=$!
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		pgrep -f "kernel $out/Image" && break
		sleep 0.5
	done
	pgrep -f "kernel $out/Image" && kill -9 "$pid" && no_qemu
}
ok 'minsys killed takes QEMU with it' killed

# --- What stays and what does not.

ok 'a file is written to the disk' boot --disk -- 'echo kept >/root/file'
ok 'it survives a boot' prints kept boot --disk -- cat /root/file
ok 'the disk is clean' clean_disk
ok 'the original is as it was' test "$(sha256sum <"$built/disk.ext3")" = "$original"
ok 'a file is written to the initramfs' boot -- 'echo lost >/root/file'
ok 'it does not survive' status 1 boot -- 'test -e /root/file'

# --- The images made again.

# As an ordinary user, whoever runs this.
ordinary() {
	if [ "$(id -u)" = 0 ]; then
		chmod 755 "$work"
		chown -R 65534:65534 "$out"
		setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
	else
		"$@"
	fi
}
rebuild() {
	(umask 077 && ordinary "$out/build_initramfs.sh" && ordinary "$out/build_rootfs.sh")
}
ok 'an ordinary user makes the images again' rebuild
ok 'the initramfs has the same bits' cmp "$built/initramfs.cpio.gz" "$out/initramfs.cpio.gz"
ok 'the disk has the same bits' cmp "$built/disk.ext3" "$out/disk.ext3"

echo 'this is new' >"$out/rootfs/etc/new"
echo '/etc/new f 640 7 8' >>"$out/devices"
echo '/dev/sample c 640 0 5 10 200' >>"$out/devices"
ok 'an edit: the images are made again' rebuild
for disk in '' --disk; do
	set -- ${disk:+"$disk"}
	kind=${disk:-initramfs}
	ok "$kind carries it" prints '640 7:8
this is new
a c8 640 0:5' boot "$@" -- 'mount --bind / /mnt; stat -c "%a %u:%g" /etc/new; cat /etc/new
		stat -c "%t %T %a %u:%g" /mnt/dev/sample'
done
ok 'the new disk is clean' clean_disk

mv "$out/devices" "$out/other"
ok 'without its table, a script says what is missing' status 3 "$out/build_rootfs.sh"

finish
