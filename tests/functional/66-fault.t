#!/bin/sh
# What fails, fails as a whole: each system call of a sandbox's set-up, of a capture and of a commit
# returns an error once; a folder becomes a link between any two calls; openat2(2) is not to be had.
# tests/fault has the programs that do it. ALL_FAULTS=1 tries every call, not an even choice.
# shellcheck disable=SC2016 # inner shells expand words
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/functional/project.sh
. "$(dirname "$0")/project.sh"

PATH=$PATH:/usr/sbin:/sbin # chroot
faults=$root/tests/fault
fault=$work/fault
all=${ALL_FAULTS:+--all}
"${CC:-gcc}" -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -O1 -static -o "$fault" "$faults/fault.c" || exit 1
[ -x /bin/busybox ] || skip_all '/bin/busybox (package busybox-static) is not installed'
need_namespaces
copy_programs
init=
trap '[ -z "$init" ] || kill -9 "$init"; clean_up' EXIT

# count: how many calls the last test tried.
count() {
	sed -n '$s/^/# /p' "$work/.tap"
}

# ---- The set-up of a sandbox ----

# tools_root FOLDER: BusyBox under the names that the scenarios use.
tools_root() {
	mkdir -p "$1/bin" "$1/etc" "$1/proc" "$1/dev" "$1/tmp" "$1/minsys"
	cp /bin/busybox "$1/bin"
	for name in sh cat env grep hostname id kill ls mkdir readlink sed; do
		ln -s busybox "$1/bin/$name"
	done
}
to_user() {
	[ "$(id -u)" != 0 ] || chown -R 65534:65534 "$@"
}
# inject BY SCENARIO FOLDER MOST WORD...: BY is as_user, or env for whoever runs this.
inject() {
	by=$1 scenario=$2 folder=$3 most=$4
	shift 4
	# shellcheck disable=SC2086 # a word or none
	"$by" python3 "$faults/inject.py" "$fault" "$folder" "$scenario" --most "$most" $all -- "$@"
}

mkdir "$work/userns"
tools_root "$work/userns/tools"
to_user "$work/userns"
ok 'userns: a call of the set-up fails, and no half sandbox runs' \
	inject as_user sandbox "$work/userns" 100 "$BIN/minsys-sandbox"
count

# begin_container FOLDER WORD...: one whose / is a tools root, in FOLDER; what WORDs run is root in it.
begin_container() {
	tools=$1
	shift
	tools_root "$tools"
	cp "$BIN/minsys-sandbox" "$tools/bin"
	cp "$fault" "$tools/minsys"
	: >"$tools/etc/minsys-tools-root"
	echo secret >"$tools/minsys/other"
	[ "$1" != as_user ] || to_user "$tools"
	# A day, and the number of a test so that it is told from the other one.
	life=$((86400 + tests)).$$
	"$@" --mount --pid --fork --kill-child sh -c '
		cd "$0" && mount -t proc proc proc && mount -t tmpfs -o mode=755 tmpfs dev || exit 1
		for device in null zero full random urandom tty kmsg; do
			: >dev/$device && mount --bind /dev/$device dev/$device || exit 1
		done
		ln -s /proc/self/fd dev/fd && exec chroot . /bin/busybox sleep "$1"' "$tools" "$life" &
	for _ in $(seq 100); do
		init=$(pgrep -f "^/bin/busybox sleep $life") && break
		sleep 0.05
	done
}
end_container() {
	kill -9 "$init"
	init=
}
begin_container "$work/landlock" as_user unshare --user --map-root-user
ok 'landlock: a call of the set-up fails, and no half sandbox runs' \
	inject as_user landlock "$tools" 100 nsenter -t "$init" --user --preserve-credentials \
	--mount --pid --root --wd
count
end_container

# Root opens what the step may see, gives it what it may write to, and becomes another user.
if [ "$(id -u)" = 0 ]; then
	before=$(cat /proc/self/mountinfo)
	ok 'userns, by root: a call of the set-up fails, and no half sandbox runs' \
		inject env sandbox "$work/userns" 100 "$BIN/minsys-sandbox"
	count
	ok 'no mount is left' test "$(cat /proc/self/mountinfo)" = "$before"
	begin_container "$work/landlock-root" unshare
	ok 'landlock, by root: a call of the set-up fails, and no half sandbox runs' \
		inject env landlock "$tools" 100 nsenter -t "$init" --mount --pid --root --wd
	count
	end_container
else
	for name in 'userns, by root' 'landlock, by root'; do
		skip "$name: a call of the set-up fails, and no half sandbox runs" 'only root can do it'
	done
fi

# ---- Places to mount on, with openat2(2) and without ----

# refusing ERRNO COMMAND...: openat2 is refused, as in a container whose policy does not know it.
refusing() {
	error=$1
	shift
	as_user strace -f -qq -o "$work/calls" -e trace=openat2 -e "inject=openat2:error=$error" "$@"
}
plain() {
	as_user "$@"
}
in_userns() {
	"$@" "$BIN/minsys-sandbox" --root "$rooted" --ro "$work/in:/minsys/in" -- \
		/bin/busybox cat /minsys/in/file
}
mounts() {
	[ "$(in_userns "$@")" = input ] || return 1
	[ "$1" = plain ] || says "$work/calls" 'openat2('
}
# Nothing but a folder is mounted on, and only one of the root itself.
mount_is_refused() {
	folder=$1 target=$2
	shift 2
	rm -rf "$work/evil"
	cp -r "$work/userns/tools" "$work/evil"
	rmdir "$work/evil/$folder"
	case $target in
	file) : >"$work/evil/$folder" ;;
	none) ;;
	*) ln -s "$target" "$work/evil/$folder" ;;
	esac
	rooted=$work/evil
	status 3 in_userns "$@" >"$work/log" 2>&1 && says "$work/log" "mount on /$folder" &&
		[ -z "$(ls "$work/host")" ]
}
mkdir "$work/in" "$work/host"
echo input >"$work/in/file"
: >"$work/calls"
chmod 666 "$work/calls"
for way in plain 'refusing ENOSYS' 'refusing EPERM'; do
	rooted=$work/userns/tools
	# shellcheck disable=SC2086 # words are words
	ok "$way: a sandbox is made" mounts $way
	for folder in proc dev tmp minsys; do
		for target in "$work/host" ../host "$folder" file none; do
			# shellcheck disable=SC2086
			ok "$way: a root whose $folder is ${target##*/} is refused" \
				mount_is_refused "$folder" "$target" $way
		done
	done
done

# ---- A build ----

make_project
mkdir "$work/build"
cp -r "$BIN" "$project" "$mirror" "$work/build"
to_user "$work/build"
ok 'a call of a capture or a commit fails, and the next build makes all of it' \
	inject as_user build "$work/build" 100 commit
count
ok 'a call of unpacking fails, and the next build makes all of it' \
	inject as_user build "$work/build" 40 unpack
count

same_without() {
	rm -rf "$MINSYS_CACHE" "$project/out"
	refusing "$1" "$BIN/minsys" build -C "$project" --mirror "$mirror" --isolation userns \
		>"$work/log" 2>&1 || {
		cat "$work/log"
		return 1
	}
	cmp "$project/out/minsys/manifest.json" "$work/manifest.json" &&
		[ "$(cd "$MINSYS_CACHE" && ls trees)" = "$trees" ] && says "$work/calls" 'openat2('
}
chmod -R a+rwX "$work/project" "$work/mirror"
mkdir "$work/own"
to_user "$work/project" "$work/own"
MINSYS_CACHE=$work/own/store
plain "$BIN/minsys" build -C "$project" --mirror "$mirror" --isolation userns >"$work/log" 2>&1
cp "$project/out/minsys/manifest.json" "$work/manifest.json"
trees=$(cd "$MINSYS_CACHE" && ls trees)
ok 'without openat2 (ENOSYS) a build comes to the same' same_without ENOSYS
ok 'without openat2 (EPERM) too' same_without EPERM

# More stages at once than a limit of 64 descriptors has room for.
few_descriptors() {
	for i in $(seq 16); do
		stage "wide-$i" <<-END
			summary: One of many at once
			run: |
			  sleep 1; echo $i >"\$OUT/number"
			provides: wide-$i
		END
	done
	to_user "$project"
	plain prlimit --nofile=64: "$BIN/minsys" build -j 16 -C "$project" --mirror "$mirror" \
		--isolation userns >"$work/log" 2>&1 || {
		cat "$work/log"
		return 1
	}
	rm -r "$project/stages"/wide-*
}
ok 'a soft limit of 64 descriptors is enough for 16 stages at once' few_descriptors

# ---- Races ----

# A stage whose output, and whose build tree, has a folder `sub`.
stage second <<-'END'
	summary: Leaves folders
	needs: [first]
	files: [suffix]
	run: |
	  mkdir -p sub/deep "$OUT/sub/deep"
	  for folder in sub sub/deep "$OUT/sub" "$OUT/sub/deep"; do
	    echo harmless >"$folder/a"
	    echo harmless >"$folder/b"
	  done
	  chmod 0 sub/deep "$OUT/sub/deep"
	  grep -v fails /minsys/stage/second/suffix >"$OUT/loud"
	provides: second
	exports:
	  loud: loud
END
race=$work/race
mkdir -p "$race/host/deep"
echo "the secret of $$" >"$race/host/a"
echo b >"$race/host/b"
echo c >"$race/host/deep/c"
chmod 500 "$race/host/deep" # an owner who may enter it is not in need of a change of it
cp -r "$project" "$mirror" "$race"
to_user "$race"
MINSYS_CACHE=$race/store

# Each run begins with a copy of the store `base`.
cat >"$race/prepare" <<END
chmod -R u+rwx "$race/store" "$race/swapped" 2>/dev/null
rm -rf "$race/store" "$race/swapped" "$race/project/out"
cp -a "$race/base" "$race/store" || exit 1
# What cp could not have read in there.
for deep in "$race"/store/failed/*/sub/deep; do
	[ ! -d "\$deep" ] || chmod 0 "\$deep"
done
END
# swapped VICTIMS MOST REFUSAL COMMAND [WORD]...: REFUSAL is the error of openat2, or nothing.
swapped() {
	victims=$1 most=$2 refusal=${3:+--refuse-openat2 $3} command=$4
	[ -z "$all" ] || most=1000000
	shift 4
	rm -f "$race/swaps"
	# shellcheck disable=SC2086 # two words or none
	as_user python3 "$faults/race.py" "$fault" "$race" "$victims" --most "$most" $refusal -- \
		"$BIN/minsys" "$command" -C "$race/project" --mirror "$race/mirror" \
		--isolation userns "$@"
}
# swaps NAME VICTIMS COMMAND [WORD]...: with openat2 and without.
swaps() {
	title=$1 pattern=$2
	shift 2
	ok "$title" swapped "$pattern" 15 '' "$@"
	count
	ok "$title, without openat2" swapped "$pattern" 15 ENOSYS "$@"
	count
}
in_race() {
	as_user "$BIN/minsys" "$@" -C "$race/project" --mirror "$race/mirror" --isolation userns \
		>"$work/log" 2>&1
}
# begin_with: what the store has now, but no result of the stage.
begin_with() {
	as_user sh -c 'chmod -R u+rwx "$0/failed" "$1"; rm -rf "$1"
		cp -a "$0" "$1" && rm -rf "$1/memos" && grep -l "^stage second" "$1"/actions/* |
			while read -r action; do rm -f "$1/results/${action##*/}"; done' \
		"$race/store" "$race/base" 2>/dev/null
}
in_race build || cat "$work/log"
begin_with
swaps 'a folder of an output becomes a link, and nothing outside is read or changed' \
	"$race/store/tmp/*/out/sub" build -j 1
swaps 'a folder of a copy that is made of it does' "$race/store/tmp/*/captured/sub" build -j 1
swaps 'a folder of a build tree that is removed does' "$race/store/tmp/*/build/sub" build -j 1
rm -rf "$race/base/unpacked" "$race/base/trees" "$race/base/results"
swaps 'a folder of an archive that is unpacked does' "$race/store/tmp/*/tree/usr" build -j 1
echo fails >"$race/project/stages/second/suffix"
as_user sh "$race/prepare"
in_race build && echo 'the stage does not fail' >>"$work/log"
begin_with
# The command prints all that it can read of the folder.
swaps 'a folder of a kept build tree that is copied does' "$race/store/failed/*/sub" \
	shell second -- grep -rs . sub

finish
