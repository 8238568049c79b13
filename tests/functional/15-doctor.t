#!/bin/sh
# minsys doctor: what it finds on this machine, and on machines that lack something, made of
# namespaces, small file systems and system calls that are refused.
# shellcheck disable=SC2016 # inner shells expand; messages quote with backquotes
# shellcheck source=tests/functional/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/functional/project.sh
. "$(dirname "$0")/project.sh"

PATH=$PATH:/usr/sbin:/sbin # chroot
need_namespaces
own_mounts='--mount'
[ "$(id -u)" = 0 ] || own_mounts='--user --map-current-user --keep-caps --mount'
copy_programs
make_project

# doctor STATUS [COMMAND...]: run it, by way of the command, to that exit status. It prints one
# line a check and one more, and nothing on standard error.
doctor() {
	expected=$1
	shift
	status "$expected" "$@" "$BIN/minsys" doctor -C "$project" >"$work/found" 2>"$work/errors" || {
		cat "$work/found" "$work/errors"
		return 1
	}
	if [ -s "$work/errors" ] ||
		sed '$d' "$work/found" | grep -Evq '^(ok|note|missing) +[^:]+: .'; then
		cat "$work/found" "$work/errors"
		return 1
	fi
}
# found VERDICT CHECK TEXT: the line of a check has this verdict, and the text.
found() {
	grep "^$1 *$2: " "$work/found" >"$work/line" || {
		cat "$work/found"
		return 1
	}
	says "$work/line" "$3"
}
ends() {
	tail -n 1 "$work/found" >"$work/line"
	says "$work/line" "$1"
}

# on_tmpfs OPTIONS REMOUNT-OPTIONS COMMAND...: the store is a file system of its own, in which
# nothing is left.
on_tmpfs() {
	# shellcheck disable=SC2086 # options in words
	unshare $own_mounts sh -euc 'mkdir -p "$1" && mount -t tmpfs -o "$2" none "$1"
		[ -z "$3" ] || mount -o "remount,$3" "$1"
		export MINSYS_CACHE="$1"
		shift 3
		status=0
		"$@" || status=$?
		[ -z "$(ls -A "$MINSYS_CACHE")" ]
		exit "$status"' sh "$work/small" "$@"
}
# roomy COMMAND...: there is room for a store, however small $TMPDIR is.
roomy() {
	on_tmpfs size=5g '' "$@"
}

# ---- Here ----

ok 'on this machine a build can run' doctor 0 roomy
ok 'the project' found ok project "$project, for target here"
ok 'isolation userns' found ok 'isolation userns' 'a trial works'
[ -e /etc/minsys-tools-root ] ||
	ok 'isolation landlock, which is not needed' found note 'isolation landlock' 'is not the tools root'
ok 'Landlock' grep -E '^(ok|note) +Landlock: ' "$work/found"
ok 'the filter' found ok seccomp 'can be loaded'
ok 'overlayfs' grep -E '^(ok|note) +overlayfs: .*nothing needs it yet' "$work/found"
ok 'cgroups' grep -E '^(ok +cgroup: it is delegated: .*bounds its|note +cgroup: .*nothing bounds a step.s) memory' "$work/found"
ok 'the store' found ok store "$work/small ("
ok 'where the result goes' found ok result "$project/out/minsys ("
ok 'minsys-sandbox' found ok minsys-sandbox "$BIN/minsys-sandbox"
ok 'minsys-fetch' found ok minsys-fetch "$BIN/minsys-fetch"
ok 'QEMU' grep -E '^(ok|note) +QEMU: ' "$work/found"
ok 'apt' grep -E '^(ok|note) +apt: ' "$work/found"
ok 'and which isolation a build would have' ends 'a build can run here, with isolation userns'
nothing_left() {
	[ ! -e "$MINSYS_CACHE" ] && [ ! -e "$project/out" ] &&
		[ -z "$(find /sys/fs/cgroup -name 'minsys-[rs]*' 2>/dev/null)" ]
}
ok 'it leaves nothing behind' nothing_left

outside() {
	mkdir -p "$work/elsewhere" &&
		(cd "$work/elsewhere" && roomy "$BIN/minsys" doctor >"$work/found")
}
ok 'it works outside of a project' outside
ok 'and says so' found note project 'name it with -C'
ok 'a build finds no project there' status 2 sh -c 'cd "$1" && exec "$2" build' sh \
	"$work/elsewhere" "$BIN/minsys"
ok 'a folder that is asked for must be one' status 2 "$BIN/minsys" doctor -C "$work/elsewhere"
ok 'it takes no words' status 2 "$BIN/minsys" doctor -C "$project" disk

# ---- The project, the programs ----

wrong_project() {
	cp "$project/stages/second/stage.yaml" "$work/stage.yaml"
	echo 'nonsense: 1' >>"$project/stages/second/stage.yaml"
	doctor 3
	result=$?
	mv "$work/stage.yaml" "$project/stages/second/stage.yaml"
	return "$result"
}
ok 'a project with a mistake' wrong_project
ok 'is named with it' found missing project 'nonsense'
mkdir "$work/alone"
cp "$BIN/minsys" "$work/alone"
alone() {
	status 3 "$work/alone/minsys" doctor -C "$project" >"$work/found" 2>&1
}
ok 'minsys without the others' alone
ok 'lacks minsys-sandbox' found missing minsys-sandbox 'make install'
ok 'and can do without minsys-fetch, offline' found note minsys-fetch 'build --offline'
ok 'without QEMU a build can run' doctor 0 roomy env QEMU=/nonexistent
ok 'and what boots it is named' found note QEMU 'sudo apt-get install qemu-system-arm'
ok 'without any program too' doctor 0 roomy env PATH=/nonexistent
ok 'without apt no lock can be made' found note apt 'minsys lock'

# ---- The disk ----

ok 'a small disk' doctor 3 on_tmpfs size=8m ''
ok 'is named, with what to do' found missing store \
	"$work/small (tmpfs, in memory): 8.4 MB are free, up to 4.0 GB are needed; free some, or name another folder"
ok 'and nothing can be built' ends 'no build can run here'
ok 'one without room for files' doctor 3 on_tmpfs size=5g,nr_inodes=1000 ''
ok 'is named' found missing store 'there is room for 999 files'
ok 'one that is large enough' doctor 0 on_tmpfs size=5g,nr_inodes=1000000 ''
ok 'is good' found ok store 'can be written, 5.4 GB are free'
ok 'one that is read-only' doctor 3 on_tmpfs size=5g ro
ok 'is named' found missing store "write to $work/small: Read-only file system"
# after WORDS: a store on a small disk, of this command of minsys.
after() {
	# shellcheck disable=SC2086 # options in words
	doctor 3 unshare $own_mounts sh -euc 'mkdir -p "$1" && mount -t tmpfs -o size=100m none "$1"
		MINSYS_CACHE=$1/store
		export MINSYS_CACHE
		"$2" $5 -q -C "$3" --mirror "$4"
		shift 5
		exec "$@"' sh "$work/small" "$BIN/minsys" "$project" "$mirror" "$1"
}
ok 'a store that has only downloads' after fetch
ok 'needs as much as a new one' found missing store 'up to 4.0 GB are needed'
ok 'one that something was built in needs less' after "build --out $work/small/out"
ok 'but not so little' found missing store 'up to 1.5 GB are needed'
mkdir "$work/mine"
echo precious >"$work/mine/file"
ok 'a folder that is no store' doctor 3 env MINSYS_CACHE="$work/mine"
ok 'is refused as by a build' found missing store "$work/mine"
ok 'and stays as it is' test "$(ls -A "$work/mine")" = file
ok 'a file as a store' doctor 3 env MINSYS_CACHE="$work/mine/file"
ok 'is refused' found missing store "Not a directory"
no_home() {
	(unset HOME MINSYS_CACHE XDG_CACHE_HOME && doctor 3)
}
ok 'no place for a store' no_home
ok 'is named' found missing store 'set MINSYS_CACHE'
mkdir -p "$project/out/minsys"
echo precious >"$project/out/minsys/file"
ok 'something else than a result in its place' doctor 3
ok 'is named' found missing result 'something else than a result'
rm -r "$project/out"

# ---- The kernel ----

without_namespaces() {
	doctor 3 as_user unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"' sh
}
ok 'without user namespaces' without_namespaces
ok 'isolation userns does not work' found missing 'isolation userns' \
	'sudo sysctl user.max_user_namespaces='
ok 'overlayfs is not needed' found note overlayfs 'nothing needs it yet'
ok 'no build can run' ends 'no build can run here'

# The kernel's settings, as Ubuntu has them.
as_on_ubuntu() {
	doctor 3 as_user unshare -Urm sh -c 'echo 0 >/proc/sys/user/max_user_namespaces &&
		mount -t tmpfs none /proc/sys && mkdir /proc/sys/kernel &&
		echo 1 >/proc/sys/kernel/apparmor_restrict_unprivileged_userns && exec "$@"' sh
}
ok 'where AppArmor restricts them' as_on_ubuntu
ok 'the profile is named' found missing 'isolation userns' 'run `sudo make install`'

if command -v strace >/dev/null; then
	inject() {
		doctor "$1" roomy strace -f -qq -o /dev/null -e "inject=$2"
	}
	ok 'where seccomp is refused' inject 3 seccomp:error=EINVAL
	ok 'no filter can be loaded' found missing seccomp \
		'load the system call filter (seccomp): Invalid argument; a kernel with CONFIG_SECCOMP_FILTER'
	ok 'and isolation userns does not work' found missing 'isolation userns' '(seccomp)'
	ok 'for no other reason' status 1 grep 'max_user_namespaces\|the container.s own policy' "$work/found"
	ok 'where there is no Landlock, userns does' inject 0 landlock_create_ruleset:error=ENOSYS
	ok 'and what it takes is said' found note Landlock 'Function not implemented; isolation `landlock` needs Linux 5.19'
	ok 'an old Landlock' inject 0 landlock_create_ruleset:retval=1
	ok 'is named' found note Landlock 'ABI 1: '
	ok 'one before signals were kept in' inject 0 landlock_create_ruleset:retval=5
	ok 'is too' found note Landlock 'ABI 5: a step that has the caller'
	if grep -q '^note *cgroup: there is no cgroup file system' "$work/found"; then
		skip 'where no cgroup can be made' 'there is no cgroup file system of version 2'
	else
		# An error that no machine has of its own here.
		ok 'where no cgroup can be made' inject 0 'mkdir:error=EDQUOT:when=1'
		ok 'that is said' found note cgroup 'Disk quota exceeded'
	fi
else
	skip 'refused system calls' 'strace is not installed'
fi

# A file system with nothing but the programs: no /proc, no /sys, no /tmp, no /dev.
mkdir -p "$work/bare/bin"
cp "$BIN/minsys" "$BIN/minsys-sandbox" "$work/bare/bin"
bare() {
	status 3 as_user timeout 60 unshare -Ur chroot "$work/bare" /bin/minsys doctor >"$work/found" 2>"$work/errors" &&
		[ ! -s "$work/errors" ]
}
ok 'in an empty file system it says what is missing' bare
ok 'with a verdict' ends 'no build can run here'
ok 'and leaves it empty' test "$(cd "$work/bare" && echo *)" = bin
finish
