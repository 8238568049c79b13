#!/bin/sh
# minsys-image: the initramfs and the disk hold what the tree and the table say, the same bits
# whoever makes them; what is wrong with either is said.
# shellcheck disable=SC2016 # messages quote with backquotes
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"

PATH=$PATH:/sbin:/usr/sbin
export PATH
unset SOURCE_DATE_EPOCH
image=$BIN/minsys-image
[ -x "$image" ] || skip_all "$image is not built"
for needed in cpio debugfs dumpe2fs e2fsck python3; do
	command -v "$needed" >/dev/null || skip_all "$needed is not installed"
done

# repeat N TEXT: TEXT, N times.
repeat() {
	awk -v n="$1" -v text="$2" 'BEGIN { while (n-- > 0) printf "%s", text }'
}

# Bytes that do not compress, the same each time.
noise() {
	python3 -c 'import random, sys
random.seed(1)
sys.stdout.buffer.write(random.randbytes(int(sys.argv[1])))' "$1"
}

tree=$work/tree
table=$work/table
long_name=$(repeat 255 n)
long_target=$(repeat 200 t)
time=1700000000

make_tree() {
	mkdir -p "$1/bin" "$1/dev" "$1/etc/nested/deeply" "$1/data"
	noise 70001 >"$1/bin/busybox"
	chmod 755 "$1/bin/busybox"
	for applet in ls cat sh; do
		ln -s busybox "$1/bin/$applet"
	done
	echo text >"$1/etc/nested/deeply/file"
	: >"$1/etc/empty"
	ln -s "$long_target" "$1/etc/long-link"
	ln -s "$(repeat 59 a)" "$1/etc/longest-inline"
	ln -s "$(repeat 60 a)" "$1/etc/shortest-block"
	echo name >"$1/data/$long_name"
	noise 30000 >"$1/data/indirect"
	noise 5000000 >"$1/data/double-indirect"
	# A hole at the beginning, one that is a whole tree of block numbers, and one at the end.
	truncate -s 3000000 "$1/data/holes"
	printf 'middle' | dd of="$1/data/holes" bs=1 seek=1500000 conv=notrunc status=none
	truncate -s 9000000 "$1/data/hole"
	mkdir "$1/many"
	i=0
	while [ "$i" -lt 300 ]; do
		: >"$1/many/file-with-a-name-that-fills-a-folder-$i"
		i=$((i + 1))
	done
}

make_table() {
	cat >"$table" <<-'END'
		# What a tree cannot hold.
		/dev/console  c 600  0 0  5 1
		/dev/null     c 666  0 0  1 3
		/dev/large    b 640  70000 100000  300 70000
		/bin/busybox  f 4755 0 0
		/etc/nested   d 2750 1 2
		/run/pipe     p 620  3 4
		/run          d 1777 0 0   # made
	END
}

initramfs() {
	"$image" initramfs --tree "$tree" --devices "$table" --time "$time" "$@"
}
disk() {
	"$image" disk --tree "$tree" --devices "$table" --time "$time" "$@"
}
dbg() {
	debugfs -R "$1" "$work/disk" 2>/dev/null
}

make_tree "$tree"
make_table

# The initramfs.

ok 'an initramfs is made' initramfs -o "$work/initramfs"
zcat "$work/initramfs" >"$work/cpio"
TZ=UTC cpio -itvn --quiet <"$work/cpio" >"$work/list" 2>"$work/list.errors"

# listed PATTERN: a line of the listing, as a basic regular expression.
listed() {
	grep -q "^$1\$" "$work/list" || {
		echo "no line is '$1':"
		cut -c 1-200 "$work/list"
		return 1
	}
}
header_is_plain() {
	# Magic, deflate, no flags (so no name), no time, and "unknown" as the system.
	[ "$(od -An -tx1 -N8 "$work/initramfs" | tr -d ' \n')" = 1f8b080000000000 ] &&
		[ "$(od -An -tx1 -j9 -N1 "$work/initramfs" | tr -d ' ')" = ff ]
}
sorted() {
	cpio -it --quiet <"$work/cpio" >"$work/names" && LC_ALL=C sort -c "$work/names"
}
inodes_are_dense() {
	cpio_numbers | cut -d' ' -f1 | awk '$1 != NR { exit 1 } END { exit NR < 300 }'
}
# The inode number, link count and name in each header.
cpio_numbers() {
	python3 - "$work/cpio" <<-'END'
		import sys
		data, at = open(sys.argv[1], "rb").read(), 0
		while True:
		    field = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
		    name = data[at + 110:at + 110 + field[11] - 1].decode()
		    if name == "TRAILER!!!":
		        break
		    print(field[0], field[4], field[5], name)
		    at = (at + 110 + field[11] + 3) & ~3
		    at = (at + field[6] + 3) & ~3
		assert len(data) % 512 == 0 and not data[at + 124:].strip(b"\0")
	END
}
cpio_numbers >"$work/numbers"
numbered() {
	grep -q "^[0-9]* $1\$" "$work/numbers"
}
one_time() {
	! grep -v "^[0-9]* [0-9]* $time " "$work/numbers"
}

date='Nov 14  2023'
ok 'its gzip header has neither a time nor a name' header_is_plain
ok 'cpio has nothing to complain of' test ! -s "$work/list.errors"
ok 'its entries are sorted' sorted
ok 'its inode numbers are dense' inodes_are_dense
ok 'everything has the one time' one_time
ok 'a folder has as many links as folders in it, and two' numbered "3 $time etc/nested"
ok 'a file has one' numbered "1 $time bin/busybox"
ok 'the root is in it' listed "drwxr-xr-x   8 0        0               0 $date \."
ok 'a setuid file' listed "-rwsr-xr-x   1 0        0           70001 $date bin/busybox"
ok 'a plain file' listed "-rw-r--r--   1 0        0               0 $date etc/empty"
ok 'a character device' listed "crw-------   1 0        0          5,   1 $date dev/console"
ok 'a block device with large numbers, and its owner' \
	listed "brw-r-----   1 70000    100000   300, 70000 $date dev/large"
ok 'a folder from the table' listed "drwxrwxrwt   2 0        0               0 $date run"
ok "a folder's mode and owner" listed "drwxr-s---   3 1        2               0 $date etc/nested"
ok 'a named pipe' listed "prw--w----   1 3        4               0 $date run/pipe"
ok 'a long link' \
	listed "lrwxrwxrwx   1 0        0             200 $date etc/long-link -> $long_target"

# Contents and links are compared without the nodes, which only root could make.
round_trip_cpio() {
	mkdir "$work/from-cpio" &&
		(cd "$work/from-cpio" && cpio -idu --quiet --no-preserve-owner -f dev/console dev/null \
			dev/large run/pipe <"$work/cpio") &&
		rmdir "$work/from-cpio/run" &&
		diff -r --no-dereference "$tree" "$work/from-cpio"
}
ok 'contents survive the way into an initramfs and back' round_trip_cpio
ok 'the image has mode 0644' test "$(stat -c %a "$work/initramfs")" = 644

# The disk.

ok 'a disk is made' disk --label minsys-test -o "$work/disk"
ok 'e2fsck finds nothing' e2fsck -fn "$work/disk"
ok 'it has exactly the default size' test "$(stat -c %s "$work/disk")" = 33554432
ok 'it is sparse' test "$(stat -c %b "$work/disk")" -lt 20000
TZ=UTC dumpe2fs "$work/disk" >"$work/dump" 2>&1
TZ=UTC dumpe2fs -h "$work/disk" >"$work/super" 2>&1

superblock() {
	grep -qx "$1: *$2" "$work/super" || {
		grep "^$1" "$work/super"
		return 1
	}
}
uuid='[0-9a-f]\{8\}-[0-9a-f]\{4\}-8[0-9a-f]\{3\}-[89ab][0-9a-f]\{3\}-[0-9a-f]\{12\}'
created='Tue Nov 14 22:13:20 2023'
ok 'it is ext3: ext2 with a journal' superblock 'Filesystem features' \
	'has_journal ext_attr dir_index filetype sparse_super large_file'
ok 'the journal has the size that mke2fs chooses' superblock 'Total journal blocks' 4096
ok 'its UUID has version 8' superblock 'Filesystem UUID' "$uuid"
ok 'so has the hash seed' superblock 'Directory Hash Seed' "$uuid"
ok 'it is clean' superblock 'Filesystem state' clean
ok 'it has the label' superblock 'Filesystem volume name' minsys-test
ok 'it was made at the one time' superblock 'Filesystem created' "$created"
ok 'it was written then' superblock 'Last write time' "$created"
ok 'it was checked then' superblock 'Last checked' "$created"

# inode PATH TEXT: what debugfs says of an inode, with single blanks.
inode() {
	TZ=UTC debugfs -R "stat $1" "$work/disk" 2>/dev/null | tr -s ' ' >"$work/stat"
	says "$work/stat" "$2"
}
ok 'a setuid file' inode /bin/busybox 'Type: regular Mode: 04755'
ok 'a plain file' inode /etc/empty 'Type: regular Mode: 0644'
ok 'a character device' inode /dev/console 'Device major/minor number: 05:01'
ok 'its type and mode' inode /dev/console 'Type: character special Mode: 0600'
ok 'a block device with large numbers' inode /dev/large 'Device major/minor number: 300:70000'
ok 'a large owner' inode /dev/large 'User: 70000 Group: 100000'
ok 'a folder from the table' inode /run 'Type: directory Mode: 01777'
ok "a folder's mode and owner" inode /etc/nested 'Mode: 02750'
ok 'a named pipe' inode /run/pipe 'Type: FIFO Mode: 0620'
ok 'a link of 59 bytes is in its inode' inode /etc/longest-inline 'Fast link dest: "aaaa'
ok 'a link of 60 bytes is in a block' inode /etc/shortest-block 'Blockcount: 2'
ok 'holes take no room' inode /data/hole 'Blockcount: 0'
ok 'a hole amid data takes none: a block, and two of block numbers' \
	inode /data/holes 'Blockcount: 6'
ok 'a large file is doubly indirect' inode /data/double-indirect '(DIND)'
ok 'lost+found is there, with room' inode /lost+found 'Size: 12288'

# The file system's own inodes too: the list of bad blocks (1), which has no time of creation, the
# root, the journal (8) and lost+found (11).
inode_times() {
	wanted=$(printf '0x%08x' "$time")
	for number in 1 2 8 11 12 13 20 300; do
		dbg "stat <$number>" | grep -E '^ *(c|a|m|cr)time:' >"$work/times"
		[ "$(grep -c "time: ${wanted}[: ]" "$work/times")" = "$((number == 1 ? 3 : 4))" ] || {
			echo "inode $number:"
			cat "$work/times"
			return 1
		}
	done
}
ok 'every inode has the one time' inode_times

round_trip_disk() {
	mkdir "$work/from-disk" &&
		for folder in bin etc data many; do
			debugfs -R "rdump /$folder $work/from-disk" "$work/disk" >"$work/rdump" 2>&1
			diff -r --no-dereference "$tree/$folder" "$work/from-disk/$folder" || return 1
		done
}
ok 'contents survive the way into a disk and back' round_trip_disk

mounts() {
	cp --sparse=always "$work/disk" "$work/mounted" &&
		mount -t ext3 -o loop "$work/mounted" "$work/mnt" || return 1
	result=0
	diff -r --no-dereference "$tree/data" "$work/mnt/data" || result=1
	echo written >"$work/mnt/many/new" || result=1
	umount "$work/mnt" && e2fsck -fn "$work/mounted" && return "$result"
}
mkdir "$work/mnt"
if [ "$(id -u)" = 0 ] && cp --sparse=always "$work/disk" "$work/mounted" &&
	mount -t ext3 -o loop "$work/mounted" "$work/mnt" 2>/dev/null; then
	umount "$work/mnt"
	ok 'the kernel mounts it, reads it, and writes to it' mounts
else
	skip 'the kernel mounts it, reads it, and writes to it' 'no right to mount here'
fi

# The same bits.

other=$work/elsewhere/with/a/longer/path
copy_the_other_way_round() {
	mkdir -p "$other" || return 1
	# Made in another order, with other times, and modes that do not matter.
	(cd "$tree" && find . -depth -print | LC_ALL=C sort -r | cpio -pd --quiet "$other") &&
		(cd "$other" && find . -type d -exec chmod 711 {} + &&
			find . -type f ! -name busybox -exec chmod 604 {} + && chmod 4711 bin/busybox &&
			find . -exec touch -h -d '2001-02-03 04:05:06' {} +)
}
# Comments and the order of the lines do not matter either.
shuffle_table() {
	{
		grep -v '^#' "$table" | sort -r
		echo '# the end'
	} >"$work/elsewhere/table"
}
again() {
	(
		cd / && umask 077 &&
			env -i TZ=Asia/Kathmandu LC_ALL=et_EE.UTF-8 HOME=/nowhere "$image" "$1" \
				--devices "$work/elsewhere/table" --tree "$other" --time "$time" \
				-o "$work/again"
	) && cmp "$work/$1" "$work/again" && [ "$(stat -c %a "$work/again")" = 644 ]
}
disk -o "$work/disk" # without the label
ok 'a copy with other times and modes' copy_the_other_way_round
ok 'a table with its lines in another order' shuffle_table
ok 'give the same initramfs, from another place, umask and time zone' again initramfs
ok 'and the same disk' again disk

as_another_user() {
	chmod 755 "$work" "$work/elsewhere" "$other" &&
		find "$other" -type d -exec chmod 755 {} + &&
		find "$other" -type f -exec chmod a+r {} + &&
		mkdir -p "$work/theirs" && chmod 777 "$work/theirs" &&
		setpriv --reuid=4711 --regid=4712 --clear-groups "$image" "$1" --tree "$other" \
			--devices "$work/elsewhere/table" --time "$time" -o "$work/theirs/$1" &&
		cmp "$work/$1" "$work/theirs/$1"
}
if [ "$(id -u)" != 0 ]; then
	skip 'another user makes the same initramfs' 'only root can become another user'
	skip 'and the same disk' 'only root can become another user'
elif ! setpriv --reuid=4711 --regid=4712 --clear-groups test -x "$image"; then
	skip 'another user makes the same initramfs' "another user cannot run $image"
	skip 'and the same disk' "another user cannot run $image"
else
	ok 'another user makes the same initramfs' as_another_user initramfs
	ok 'and the same disk' as_another_user disk
fi

sleep 1
disk -o "$work/later"
ok 'a second later, the same disk' cmp "$work/disk" "$work/later"
SOURCE_DATE_EPOCH=$time "$image" disk --tree "$tree" --devices "$table" -o "$work/later"
ok 'the time comes from SOURCE_DATE_EPOCH' cmp "$work/disk" "$work/later"
SOURCE_DATE_EPOCH=5 disk -o "$work/later"
ok '--time goes before it' cmp "$work/disk" "$work/later"
E2FSPROGS_FAKE_TIME=5 disk -o "$work/later"
ok "libext2fs's own variable does not matter" cmp "$work/disk" "$work/later"

# other_uuid ARGUMENT...: a disk that differs has another UUID.
other_uuid() {
	"$image" disk --tree "$tree" --devices "$table" --time "$time" -o "$work/changed" "$@" &&
		dumpe2fs -h "$work/disk" 2>/dev/null | grep UUID >"$work/uuid" &&
		dumpe2fs -h "$work/changed" 2>/dev/null | grep UUID >"$work/uuid.changed" &&
		! cmp -s "$work/uuid" "$work/uuid.changed"
}
ok 'another size is another disk' other_uuid --size 33M
ok 'another label is another disk' other_uuid --label x
ok 'another time is another disk' other_uuid --time 5
echo next >"$tree/etc/nested/deeply/file"
ok 'another content of the same length is another disk' other_uuid
echo text >"$tree/etc/nested/deeply/file"
ok 'and the old content the old disk' sh -c "'$image' disk --tree '$tree' --devices '$table' \
	--time $time -o '$work/later' && cmp '$work/disk' '$work/later'"

# Sizes.

is_sized() {
	disk --size "$1" -o "$work/sized" && [ "$(stat -c %s "$work/sized")" = "$2" ] &&
		e2fsck -fn "$work/sized"
}
ok 'a size in bytes, to the byte' is_sized 20000001 20000001
ok 'a size in K' is_sized 30000K 30720000
ok 'a large one, with large blocks' is_sized 1G 1073741824

rm -f "$work/sized"
ok 'a size that is too small fails' status 1 disk --size 4M -o "$work/sized" 2>"$work/message"
needed=$(disk --size 4M -o "$work/sized" 2>&1 | sed -n 's/.*needs at least \([0-9]*\) MiB.*/\1/p')
disk --size 4M -o "$work/sized" 2>"$work/message"
ok 'it says how much is missing' says "$work/message" \
	"needs at least $needed MiB, $((${needed:-0} - 4)) MiB more than --size 4M"
ok 'it leaves nothing behind' test "$(find "$work" -maxdepth 1 -name 'sized*')" = ''
ok 'the size that it names suffices' is_sized "${needed:-0}M" "$((${needed:-0} * 1048576))"
ok 'and nothing less does' status 1 disk --size "$((${needed:-5} - 1))M" -o "$work/sized"

# More than any fixed guess, and enough for the larger blocks from 512 MiB on not to come in.
mkdir "$work/large"
yes | head -c 90000000 >"$work/large/file"
fits_large() {
	"$image" disk --tree "$work/large" --devices /dev/null --size "$1" -o "$work/sized"
}
fits_large 32M 2>"$work/message"
needed=$(sed -n 's/.*needs at least \([0-9]*\) MiB.*/\1/p' "$work/message")
ok 'a large file that does not fit: the size that is named suffices' fits_large "${needed:-0}M"
ok 'and nothing less does' status 1 fits_large "$((${needed:-5} - 1))M"
rm -rf "$work/sized" "$work/large"

# Wrong input.

# refused_table FAULT <<END: exit status 2, the fault named with its line, nothing made.
refused_table() {
	status 2 "$image" initramfs --tree "$tree" --devices "$work/bad" -o "$work/refused" \
		2>"$work/message" && says "$work/message" "$work/bad:$1" &&
		test ! -e "$work/refused"
}
bad() {
	cat >"$work/bad"
	ok "a table is refused: $1" refused_table "$1"
}
bad '1:1: `dev/x` is not an absolute path' <<-'END'
	dev/x c 600 0 0 1 3
END
bad '2:1: `/dev/../x` has a part' <<-'END'
	# the path
	/dev/../x c 600 0 0 1 3
END
bad '1:10: `10000` is not a mode' <<-'END'
	/dev/x c 10000 0 0 1 3
END
bad '2:1: `/dev/x` is in line 1 already' <<-'END'
	/dev/x c 600 0 0 1 3
	/dev/x c 600 0 0 1 3
END
bad '1:1: `/none/x` has no folder to be in: `/none` is neither' <<-'END'
	/none/x c 600 0 0 1 3
END
bad '1:1: `/bin/ls/x` leads through the symbolic link `/bin/ls` (to `busybox`)' <<-'END'
	/bin/ls/x p 600 0 0
END
bad '1:1: `/bin/busybox/x` has no folder to be in: `/bin/busybox` is a regular file' <<-'END'
	/bin/busybox/x p 600 0 0
END
bad '1:1: `/bin/none` is not in the tree' <<-'END'
	/bin/none f 755 0 0
END
bad '1:1: `/bin/ls` is a symbolic link in the tree, not a regular file' <<-'END'
	/bin/ls f 4755 0 0
END
bad '1:1: `/etc` is a folder in the tree, not a regular file' <<-'END'
	/etc f 755 0 0
END
bad '1:1: `/etc/empty` is in the tree already' <<-'END'
	/etc/empty c 600 0 0 1 3
END
cat >"$work/bad" <<-'END'
	/none/x c 600 0 0 1 3
	/dev/y c 600 0 0
	/bin/none f 755 0 0
END
all_in_one_run() {
	refused_table '1:1: ' && refused_table '2:17: ' && refused_table '3:1: ' &&
		says "$work/message" '3 problems'
}
ok 'all that is wrong with a table is said in one run' all_in_one_run

refused_tree() {
	status 2 initramfs -o "$work/refused" 2>"$work/message" && says "$work/message" "$1" &&
		test ! -e "$work/refused"
}
mkfifo "$tree/etc/pipe"
ok 'a tree with a named pipe is refused' refused_tree '`/etc/pipe` in the tree is a named pipe'
rm "$tree/etc/pipe"
python3 -c 'import os, socket, sys; os.chdir(sys.argv[1]); socket.socket(socket.AF_UNIX).bind("s")' \
	"$tree/etc"
ok 'a tree with a socket is refused' refused_tree '`/etc/s` in the tree is a socket'
rm -f "$tree/etc/s"
if [ "$(id -u)" = 0 ] && mknod "$tree/etc/null" c 1 3 2>/dev/null; then
	ok 'a tree with a device is refused' refused_tree '`/etc/null` in the tree is a device'
else
	skip 'a tree with a device is refused' 'no right to make a device here'
fi
rm -f "$tree/etc/null"

unreadable() {
	chmod 755 "$other" && chmod "$1" "$other/$2" || return 1
	result=0
	# shellcheck disable=SC2086 # words
	status 1 $as_other "$image" initramfs --tree "$other" --devices "$work/elsewhere/table" \
		-o "$work/theirs/refused" 2>"$work/message" && says "$work/message" "$3" &&
		says "$work/message" 'Permission denied' || result=1
	chmod 755 "$other/$2"
	return "$result"
}
mkdir -p "$work/theirs"
as_other=
[ "$(id -u)" != 0 ] || as_other='setpriv --reuid=4711 --regid=4712 --clear-groups'
# shellcheck disable=SC2086 # words
if $as_other test -x "$image"; then
	ok 'a file that cannot be read is named' unreadable 000 etc/empty etc/empty
	ok 'a folder that cannot be read is named' unreadable 000 etc/nested etc/nested
else
	skip 'a file that cannot be read is named' "another user cannot run $image"
	skip 'a folder that cannot be read is named' "another user cannot run $image"
fi

trailer() {
	: >"$tree/TRAILER!!!" && mkdir "$work/inner" && : >"$work/inner/TRAILER!!!" || return 1
	result=0
	refused_tree '/TRAILER!!! has the name that ends an initramfs' || result=1
	rm "$tree/TRAILER!!!"
	mkdir "$work/inner/below" && mv "$work/inner/TRAILER!!!" "$work/inner/below" &&
		"$image" initramfs --tree "$work/inner" --devices /dev/null -o "$work/whole" &&
		zcat "$work/whole" | cpio -it --quiet | grep -qx 'below/TRAILER!!!' || result=1
	return "$result"
}
ok "the name that ends an initramfs is refused, and only at the root" trailer

# into_tree FILE: where it would be part of the next image.
into_tree() {
	status 2 "$image" initramfs --tree "$tree" --devices "$table" -o "$1" 2>"$work/message" &&
		says "$work/message" 'is to be in the tree' && test ! -e "$1"
}
ln -s "$tree/etc" "$work/link-into-tree"
ok 'an output in the tree is refused' into_tree "$tree/initramfs"
ok 'in a folder of the tree' into_tree "$tree/etc/nested/initramfs"
ok 'by way of a link' into_tree "$work/link-into-tree/initramfs"
ok 'and in the current folder' sh -c "cd '$tree/etc' && ! '$image' initramfs --tree .. \
	--devices '$table' -o initramfs && test ! -e initramfs"
ok 'beside the tree it is not' sh -c "cd '$tree' && '$image' initramfs --tree . \
	--devices '$table' --time '$time' -o ../beside && cmp ../beside '$work/initramfs'"

mkdir "$work/lost" && echo x >"$work/lost/lost+found"
lost_and_found() {
	status 2 "$image" disk --tree "$work/lost" --devices /dev/null -o "$work/refused" \
		2>"$work/message" && says "$work/message" '/lost+found is not a folder' &&
		rm "$work/lost/lost+found" && mkdir "$work/lost/lost+found" &&
		echo x >"$work/lost/lost+found/found" &&
		"$image" disk --tree "$work/lost" --devices /dev/null -o "$work/disk" &&
		e2fsck -fn "$work/disk" && inode /lost+found 'Inode: 11 ' &&
		test "$(dbg 'cat /lost+found/found')" = x
}
ok "a tree's own lost+found is taken, if it is a folder" lost_and_found

# Usage.

wrong_usage() {
	wanted_text=$1
	shift
	status 2 "$image" "$@" 2>"$work/message" && says "$work/message" "$wanted_text"
}
ok 'no words' wrong_usage 'the first word says what to make'
ok 'a tree that is not there' wrong_usage 'read the tree /none' \
	disk --tree /none --devices "$table" -o "$work/refused"
ok 'a table that is not there' wrong_usage 'open /none' \
	disk --tree "$tree" --devices /none -o "$work/refused"
ok 'no output' wrong_usage '-o is missing' disk --tree "$tree" --devices "$table"
ok 'a time that is none' wrong_usage '--time: `0` is not a time' disk --time 0
ok 'a size that is none' wrong_usage '`12X` is not a size' \
	disk --tree "$tree" --devices "$table" --size 12X -o "$work/refused"
ok 'a size for an initramfs' wrong_usage 'belong to a disk' \
	initramfs --tree "$tree" --devices "$table" --size 12M -o "$work/refused"
ok 'a label that is too long' wrong_usage 'longer than 16 bytes' \
	disk --tree "$tree" --devices "$table" --label 12345678901234567 -o "$work/refused"
"$image" --help >"$work/help"
ok 'the help shows how to write a table' says "$work/help" 'PATH TYPE MODE UID GID [MAJOR MINOR]'

# An image that cannot be completed leaves the old one.
echo old >"$work/kept"
fails_and_keeps() {
	status 1 sh -c "ulimit -f 2; trap '' XFSZ; exec '$image' initramfs --tree '$tree' \
		--devices '$table' -o '$work/kept'" 2>"$work/message" &&
		says "$work/message" 'File too large' && says "$work/kept" old &&
		test "$(find "$work" -maxdepth 1 -name 'kept*' | wc -l)" = 1
}
ok 'a write that fails leaves the old image' fails_and_keeps

# interrupted SIGNAL NUMBER: sent while the image is written. A shell has what it starts in the
# background ignore SIGINT, hence env.
mkdir "$work/slow"
truncate -s 4000M "$work/slow/zeros"
interrupted() {
	env --default-signal="$1" "$image" initramfs --tree "$work/slow" --devices /dev/null \
		-o "$work/kept" &
	writing=$!
	for _ in $(seq 200); do
		[ ! -e "$work/kept.$writing.tmp" ] || break
		sleep 0.05
	done
	test -e "$work/kept.$writing.tmp" && kill -s "$1" "$writing" || return 1
	status "$((128 + $2))" wait "$writing" && says "$work/kept" old &&
		test "$(find "$work" -maxdepth 1 -name 'kept*' | wc -l)" = 1
}
ok 'an interruption (^C) removes the unfinished image' interrupted INT 2
ok 'so does SIGTERM' interrupted TERM 15
ok 'so does SIGHUP' interrupted HUP 1
ignored() {
	truncate -s 100M "$work/slow/zeros"
	(
		trap '' HUP
		exec "$image" initramfs --tree "$work/slow" --devices /dev/null -o "$work/kept"
	) &
	writing=$!
	for _ in $(seq 200); do
		kill -s HUP "$writing" 2>/dev/null || break
		sleep 0.01
	done
	wait "$writing" && gzip -t "$work/kept"
}
ok 'a signal that is ignored (nohup) stays so' ignored

finish
